#include "schema/format.h"
#include "schema/read_int.h"

#include <string.h>

/* status is read leniently: Sealos and older versions write into it too. What does not fit is passed over. */

struct listed {
    const char *address;
    size_t index;
};

static int listed_cmp(const void *a, const void *b)
{
    return strcmp(((const struct listed *)a)->address, ((const struct listed *)b)->address);
}

static const char *text_of(const struct value *map, const char *key)
{
    const char *s = value_text(value_get(map, key), NULL);
    return s && *s && !value_is_null(value_get(map, key)) ? s : NULL;
}

static void add_leaving(struct reading *r, const struct value *node, const char *address)
{
    const struct value *roles = value_get(node, "roles");
    struct want_host *h = arena_push(r->arena, &r->want->hosts, &r->want->n_hosts, &r->cap_hosts, sizeof *h);
    h->address = arena_strdup(r->arena, address);
    /* literals were not recorded: spec.ssh's may still open its door */
    h->ssh = read_ssh(value_get(node, "ssh"), r->ssh);
    h->arch = text_of(node, "arch");
    h->machine_id = text_of(node, "machineID");
    h->node_name = text_of(node, "nodeName");
    for (size_t i = 0; roles && roles->kind == VALUE_LIST && i < roles->n; i++)
        h->roles |= read_role(value_text(roles->items[i], ""));
}

static void read_nodes(struct reading *r, const struct value *nodes)
{
    size_t n = r->want->n_hosts;
    struct listed *all = mem_array(NULL, n, sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = (struct listed){r->want->hosts[i].address, i};
    if (n)
        qsort(all, n, sizeof *all, listed_cmp);
    for (size_t i = 0; i < nodes->n; i++) {
        const struct value *node = nodes->items[i];
        struct address a;
        if (address_parse(value_text(value_get(node, "address"), ""), &a) ||
            value_truth(value_get(node, "joined")) != VALUE_YES)
            continue;
        struct listed key = {a.text, 0}, *found = n ? bsearch(&key, all, n, sizeof *all, listed_cmp) : NULL;
        if (found) {
            r->want->hosts[found->index].machine_id = text_of(node, "machineID");
            r->want->hosts[found->index].node_name = text_of(node, "nodeName");
        } else {
            add_leaving(r, node, a.text);
        }
    }
    free(all);
}

static void read_mounts(struct want *w, const struct value *mounts)
{
    for (size_t i = 0; i < mounts->n; i++) {
        const char *image = text_of(mounts->items[i], "imageName"),
                   *digest = text_of(mounts->items[i], "digest");
        for (size_t j = 0; image && digest && j < w->n_images; j++)
            if (str_eq(w->images[j].reference, image))
                w->images[j].recorded_digest = digest;
    }
}

void read_status(struct reading *r, const struct value *status)
{
    const struct value *nodes = value_get(status, "nodes"), *mounts = value_get(status, "mounts");
    if (nodes && nodes->kind == VALUE_LIST)
        read_nodes(r, nodes);
    if (mounts && mounts->kind == VALUE_LIST)
        read_mounts(r->want, mounts);
}

/* ---- kind: ReconcilePolicy */

static void read_seconds(const struct value *map, const char *key, unsigned *ret)
{
    const char *s = text_of(map, key);
    if (s)
        duration_parse(s, ret);
}

static void read_number(const struct value *map, const char *key, int *ret)
{
    const char *s = text_of(map, key);
    if (s)
        *ret = (int)strtol(s, NULL, 0);
}

static void read_flag(const struct value *map, const char *key, bool *ret)
{
    enum value_truth t = value_truth(value_get(map, key));
    if (t != VALUE_NEITHER)
        *ret = t == VALUE_YES;
}

/* As spec.hosts has them: without ports, one spelling for each address. */
static const char *const *read_addresses(struct arena *a, const struct value *list)
{
    const char *const *as_written = read_strings(a, list);
    if (!as_written)
        return NULL;
    const char **s = arena_alloc(a, (list->n + 1) * sizeof *s);
    for (size_t i = 0; i < list->n; i++) {
        struct address address;
        s[i] = address_parse(as_written[i], &address) ? as_written[i] : arena_strdup(a, address.text);
    }
    return s;
}

void read_policy(struct arena *a, const struct value *root, struct policy *ret)
{
    struct policy p = policy_defaults();
    const struct value *spec = value_get(root, "spec"), *timeouts = value_get(spec, "timeouts");
    const struct value *drain = value_get(spec, "drain");
    int concurrency = (int)p.concurrency;
    bool drain_enabled = !p.drain_disabled;
    read_number(spec, "concurrency", &concurrency);
    p.concurrency = (unsigned)concurrency;
    read_seconds(timeouts, "connect", &p.connect_timeout_s);
    read_seconds(timeouts, "command", &p.command_timeout_s);
    read_seconds(timeouts, "idle", &p.idle_timeout_s);
    read_seconds(drain, "timeout", &p.drain_timeout_s);
    read_flag(drain, "enabled", &drain_enabled);
    p.drain_disabled = !drain_enabled;
    read_seconds(spec, "clockTolerance", &p.clock_tolerance_s);
    if (text_of(spec, "minDiskFree"))
        size_parse(text_of(spec, "minDiskFree"), &p.disk_free_mib);
    read_number(spec, "maxUnreachable", &p.max_unreachable);
    read_number(spec, "maxRemovals", &p.max_removals);
    read_flag(spec, "allowRemovals", &p.allow_removals);
    p.protect = read_addresses(a, value_get(spec, "protect"));
    if (str_eq(text_of(spec, "kubeconfig"), "masters"))
        p.kubeconfig = KUBECONFIG_MASTERS;
    p.ignore_preflight = read_strings(a, value_get(spec, "ignorePreflightErrors"));
    read_flag(value_get(spec, "git"), "commit", &p.git_commit);
    *ret = p;
}
