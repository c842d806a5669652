#include "reconciler/write_back.h"

#include "reconciler/local.h"
#include "schema/splice.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static void set(struct arena *a, struct value *map, const char *key, const char *text)
{
    value_set(a, map, key, value_string(a, text));
}

/* A list under this key, made where there is none. */
static struct value *list_of(struct arena *a, struct value *map, const char *key)
{
    struct value *v = value_get(map, key);
    if (!v || v->kind != VALUE_LIST) {
        v = value_list(a);
        value_set(a, map, key, v);
    }
    return v;
}

static struct value *find_by(const struct value *list, const char *key, const char *text)
{
    for (size_t i = 0; list && i < list->n; i++)
        if (str_eq(value_text(value_get(list->items[i], key), NULL), text))
            return list->items[i];
    return NULL;
}

/* --- nodes */

/* Two witnesses: the machine we spoke to, and the Node that carries its id. */
static bool joined(const struct have *h, int node)
{
    const struct fact *object = have_fact(h, node, FACT_NODE_OBJECT), *machine = have_fact(h, node, FACT_MACHINE_ID);
    return object->state == TRI_TRUE && machine->state == TRI_TRUE && *machine->value &&
           str_eq(object->value, machine->value);
}

/* The cluster says that it is gone, and the machine, if it answers, has no files of it. */
static bool left(const struct want *w, const struct have *h, int node)
{
    bool gone = have_fact(h, node, FACT_NODE_OBJECT)->state == TRI_FALSE &&
                (!host_is_master(&w->hosts[node]) || have_fact(h, node, FACT_ETCD_MEMBER)->state == TRI_FALSE);
    bool reached = have_fact(h, node, FACT_REACHED)->state == TRI_TRUE;
    return gone && (!reached || (have_fact(h, node, FACT_KUBELET_CONF)->state == TRI_FALSE &&
                                 have_fact(h, node, FACT_MANIFESTS)->state == TRI_FALSE));
}

static void set_secret(struct arena *a, struct value *map, const char *key, const struct want_secret *s)
{
    if (s->ref && !s->literal)
        set(a, map, key, s->ref);
}

/* How to reach it once it has left the file: references, never a secret. */
static struct value *ssh_of(struct arena *a, const struct want_ssh *s)
{
    struct value *v = value_map(a);
    if (s->user)
        set(a, v, "user", s->user);
    if (s->port)
        value_set(a, v, "port", value_int(a, s->port));
    set_secret(a, v, "passwd", &s->passwd);
    if (s->pk)
        set(a, v, "pk", s->pk);
    set_secret(a, v, "pkData", &s->pk_data);
    set_secret(a, v, "pkPasswd", &s->pk_passwd);
    return v;
}

static struct value *roles_of(struct arena *a, unsigned roles)
{
    static const struct {
        enum role bit;
        const char *name;
    } names[] = {{ROLE_MASTER, "master"}, {ROLE_NODE, "node"}, {ROLE_REGISTRY, "registry"}};
    struct value *v = value_list(a);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (roles & names[i].bit)
            value_push(a, v, value_string(a, names[i].name));
    return v;
}

static struct value *node_of(struct arena *a, const struct want *w, const struct have *h, int node,
                             const struct value *old)
{
    const struct want_host *host = &w->hosts[node];
    const struct fact *name = have_fact(h, node, FACT_NODE_NAME);
    struct value *v = old ? value_clone(a, old) : value_map(a);
    set(a, v, "address", host->address);
    value_set(a, v, "roles", roles_of(a, host->roles));
    value_set(a, v, "joined", value_bool(a, true));
    if (name->state == TRI_TRUE && *name->value)
        set(a, v, "nodeName", name->value);
    set(a, v, "machineID", have_fact(h, node, FACT_MACHINE_ID)->value);
    struct value *ssh = ssh_of(a, &host->ssh);
    if (ssh->n)
        value_set(a, v, "ssh", ssh);
    else
        value_remove(v, "ssh");
    return v;
}

static struct value *nodes_of(struct arena *a, const struct want *w, const struct have *h, const struct value *old)
{
    struct value *list = value_list(a);
    for (size_t i = 0; i < w->n_hosts; i++) {
        const struct value *entry = find_by(old, "address", w->hosts[i].address);
        if (joined(h, (int)i) && w->hosts[i].listed)
            value_push(a, list, node_of(a, w, h, (int)i, entry));
        else if (entry && (w->hosts[i].listed || !left(w, h, (int)i)))
            value_push(a, list, value_clone(a, entry));
    }
    for (size_t i = 0; old && i < old->n; i++) { /* what we cannot read is not ours to drop */
        const char *address = value_text(value_get(old->items[i], "address"), "");
        if (want_find_host(w, address) < 0)
            value_push(a, list, value_clone(a, old->items[i]));
    }
    return list;
}

/* --- mounts, phase, conditions */

static void set_mounts(struct arena *a, struct value *status, const struct want *w)
{
    static const char *const types[] = {"application", "rootfs", "patch"};
    struct value *mounts = list_of(a, status, "mounts");
    for (size_t i = 0; i < w->n_images; i++) {
        const struct want_image *image = &w->images[i];
        if (!image->resolved)
            continue;
        struct value *m = find_by(mounts, "imageName", image->reference);
        if (!m) {
            m = value_map(a);
            set(a, m, "name", image->name);
            set(a, m, "imageName", image->reference);
            value_push(a, mounts, m);
        }
        set(a, m, "type", types[image->type]);
        set(a, m, "digest", image->digest);
    }
}

static void set_condition(struct arena *a, struct value *status, bool good, const char *message, const char *now)
{
    struct value *old = value_get(status, "conditions"), *list = value_list(a), *same = NULL;
    struct value *c = value_map(a);
    set(a, c, "type", good ? "ApplyClusterSuccess" : "ApplyClusterError");
    set(a, c, "status", good ? "True" : "False");
    set(a, c, "reason", good ? "Ready" : "Apply Cluster");
    set(a, c, "message", message);
    for (size_t i = 0; old && old->kind == VALUE_LIST && i < old->n; i++) {
        const char *type = value_text(value_get(old->items[i], "type"), "");
        if (!str_starts(type, "ApplyCluster")) {
            value_push(a, list, old->items[i]);
            continue;
        }
        struct value *bare = value_clone(a, old->items[i]);
        value_remove(bare, "lastHeartbeatTime");
        if (value_equal(bare, c)) /* a time changes only when something else does */
            same = old->items[i];
    }
    if (!same)
        set(a, c, "lastHeartbeatTime", now);
    value_push(a, list, same ? same : c);
    value_set(a, status, "conditions", list);
}

/* What was cut short by the user has not failed: it may well go on as a job on its node. */
static bool failed(const struct action_report *a)
{
    return a->outcome == OUTCOME_FAILED && (!a->error || a->error->code != ERR_CANCELLED);
}

/* Which actions failed, by name: outputs differ from run to run, and would make noise in a repository. */
static bool failures(const struct plan *p, const struct report *r, struct text *out)
{
    size_t n = 0;
    for (size_t i = 0; r && i < r->n; i++)
        if (failed(&r->actions[i]) && n++ < 5)
            text_addf(out, "%s%s", n > 1 ? ", " : "not done: ", p->actions[i].id);
    if (n > 5)
        text_addf(out, " and %zu more", n - 5);
    return n > 0;
}

static bool cluster_exists(const struct want *w, const struct have *h)
{
    for (size_t i = 0; i < w->n_hosts; i++)
        if (joined(h, (int)i))
            return true;
    return false;
}

/* Something that was planned was not even begun, though nothing failed: the lease was lost. */
static bool cut_short(const struct report *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->actions[i].outcome == OUTCOME_CANCELLED)
            return true;
    return false;
}

static void set_outcome(struct arena *a, struct value *status, const struct plan *p, const struct report *r,
                        const char *now)
{
    _cleanup_(text_free) struct text words = {0};
    if (failures(p, r, &words)) {
        set(a, status, "phase", "ClusterFailed");
        set_condition(a, status, false, text_str(&words), now);
    } else if (r && (r->interrupted || cut_short(r))) {
        set(a, status, "phase", "ClusterInProcess");
    } else {
        set(a, status, "phase", "ClusterSuccess");
        set_condition(a, status, true, "Applied to cluster successfully", now);
    }
}

const struct value *status_make(struct arena *a, const struct want *w, const struct have *h, const struct plan *p,
                                const struct report *r, const char *now)
{
    bool ran = false;
    for (size_t i = 0; r && i < r->n; i++)
        ran |= r->actions[i].outcome == OUTCOME_DONE || r->actions[i].outcome == OUTCOME_FAILED;
    if (!ran && !cluster_exists(w, h))
        return w->status; /* nothing is there and nothing was tried */
    struct value *status = w->status && w->status->kind == VALUE_MAP ? value_clone(a, w->status) : value_map(a);
    set_outcome(a, status, p, r, now);
    set_mounts(a, status, w);
    const struct value *old = value_get(status, "nodes");
    struct value *nodes = nodes_of(a, w, h, old && old->kind == VALUE_LIST ? old : NULL);
    if (nodes->n || old)
        value_set(a, status, "nodes", nodes);
    return status;
}

bool status_is_new(const struct want *w, const struct have *h)
{
    return !w->created && cluster_exists(w, h);
}

/* --- the file */

static int unchanged(const struct write_back *b, const char *path, struct stat *st, struct error **err)
{
    _cleanup_(text_free) struct text now = {0};
    if (stat(path, st) < 0)
        return error_errno(err, errno, "cannot look at %s", b->file);
    if (local_read(path, &now, err) < 0)
        return -1;
    if (now.len == b->len && (b->len == 0 || memcmp(now.data, b->text, b->len) == 0))
        return 0;
    error_set(err, ERR_CONFLICT, "%s changed while the run went on: its status was not written", b->file);
    return error_hint(err, "run again: what was done is seen on the nodes, and is recorded then");
}

int write_back(const struct write_back *b, enum written *ret, struct error **err)
{
    bool from_stdin = str_eq(b->file, "-"), changed = false;
    _cleanup_(text_wipe) struct text text = {.max = SIZE_MAX / 2};
    *ret = WRITTEN_NOTHING;
    if (!b->status)
        return 0;
    if (splice_status(b->text, b->len, b->status, b->created, &text, &changed, err) < 0)
        return error_wrap(err, "the status cannot be written into %s", from_stdin ? "stdin's Clusterfile" : b->file);
    const char *data = changed ? text_str(&text) : b->text;
    size_t len = changed ? text.len : b->len;
    if (b->write_to) {
        struct stat st;
        if (local_write(b->write_to, data, len, stat(b->write_to, &st) == 0 ? &st : NULL, err) < 0)
            return -1;
        *ret = WRITTEN_FILE;
        return 0;
    }
    if (!changed)
        return 0;
    if (from_stdin) {
        *ret = WRITTEN_NOWHERE;
        return 0;
    }
    _cleanup_(mem_freep) char *real = realpath(b->file, NULL); /* a link stays a link */
    struct stat st;
    if (!real)
        return error_errno(err, errno, "cannot find %s again", b->file);
    if (unchanged(b, real, &st, err) < 0 || local_write(real, data, len, &st, err) < 0)
        return -1;
    *ret = WRITTEN_FILE;
    return 0;
}
