#include "schema/check.h"
#include "schema/format.h"

#include <string.h>

/* Shapes that the schema has already complained about are passed over here. */

struct seen { /* an address and where it stands */
    unsigned char bytes[16];
    bool ipv6;
    const struct value *value;
};

struct census {
    struct complaints *c;
    struct seen *seen;
    size_t n, cap;
    size_t masters;
};

static int seen_cmp(const void *pa, const void *pb)
{
    const struct seen *a = pa, *b = pb;
    int c = memcmp(a->bytes, b->bytes, sizeof a->bytes);
    if (c || a->ipv6 != b->ipv6)
        return c ? c : a->ipv6 - b->ipv6;
    if (a->value->line != b->value->line)
        return a->value->line < b->value->line ? -1 : 1;
    return (a->value->column > b->value->column) - (a->value->column < b->value->column);
}

static bool same_machine(const struct seen *a, const struct seen *b)
{
    return a->ipv6 == b->ipv6 && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static void check_duplicates(struct census *n)
{
    if (n->n)
        qsort(n->seen, n->n, sizeof *n->seen, seen_cmp);
    for (size_t i = 1, first = 0; i < n->n; i++) {
        if (!same_machine(&n->seen[i], &n->seen[first])) {
            first = i;
            continue;
        }
        struct error **err = error_list_add(n->c->errors);
        struct address a;
        address_parse(n->seen[i].value->text, &a);
        source_error_value(n->c->source, err, n->seen[i].value, "the address %s stands twice", a.text);
        error_hint(err, "it is at line %d, column %d first; a machine is named once, with all its roles",
                   n->seen[first].value->line, n->seen[first].value->column);
    }
}

static void check_address(struct census *n, const struct value *v)
{
    struct address a;
    if (v->kind != VALUE_SCALAR || address_parse(v->text, &a))
        return;
    struct seen *s = mem_push(&n->seen, &n->n, &n->cap, sizeof *n->seen);
    memcpy(s->bytes, a.bytes, sizeof s->bytes);
    s->ipv6 = a.ipv6;
    s->value = v;
    if (a.ipv6 && v->text[0] != '[' && str_ends(v->text, ":22")) {
        struct error **err = error_list_add(n->c->warnings);
        source_error_value(n->c->source, err, v, "`%.60s` is read as an address without a port", v->text);
        error_hint(err, "if 22 is the port, write [%.*s]:22", (int)strlen(v->text) - 3, v->text);
    }
}

static bool has(const struct value *list, const char *text)
{
    for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->n; i++)
        if (str_eq(value_text(list->items[i], NULL), text))
            return true;
    return false;
}

static void check_roles(struct census *n, const struct value *roles, size_t machines)
{
    if (!roles || roles->kind != VALUE_LIST || roles->n == 0)
        return;
    bool master = has(roles, "master"), node = has(roles, "node");
    bool all_known = true;
    for (size_t i = 0; i < roles->n; i++) {
        const char *r = value_text(roles->items[i], "");
        all_known = all_known && (str_eq(r, "master") || str_eq(r, "node") || str_eq(r, "registry") ||
                                  str_eq(r, "amd64") || str_eq(r, "arm64"));
    }
    if (master || !all_known) /* a misspelt role may have been meant as master: one complaint is enough */
        n->masters += machines;
    if (!master && !node && all_known) {
        struct error **err = error_list_add(n->c->errors);
        source_error_value(n->c->source, err, roles, "these machines are neither `master` nor `node`");
        error_hint(err, "the registry runs on a master or a node: name both roles");
    }
    if (has(roles, "amd64") && has(roles, "arm64"))
        source_error_value(n->c->source, error_list_add(n->c->errors), roles,
                           "one machine cannot be both amd64 and arm64");
}

/* ---- secrets and environment */

static void check_secrets(struct complaints *c, const struct value *ssh)
{
    static const char *const keys[] = {"passwd", "pkData", "pkPasswd"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct value *v = value_get(ssh, keys[i]);
        const char *text = value_text(v, "");
        if (!*text || value_is_null(v) || secret_is_reference(text))
            continue;
        struct error **err = error_list_add(c->warnings);
        source_error_key(c->source, err, v, "`%s` stands in the file in plain text", keys[i]);
        error_hint(err, "write a reference instead: env:NAME, file:PATH or exec:COMMAND");
    }
}

struct assignment {
    const char *text;
    size_t key_len, rank;
    const struct value *value;
};

static int assignment_cmp(const void *pa, const void *pb)
{
    const struct assignment *a = pa, *b = pb;
    size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
    int c = memcmp(a->text, b->text, n);
    if (c == 0 && a->key_len != b->key_len)
        return a->key_len < b->key_len ? -1 : 1;
    return c ? c : (a->rank > b->rank) - (a->rank < b->rank);
}

static void complain_dropped(struct complaints *c, const struct value *v)
{
    struct error **err = error_list_add(c->warnings);
    source_error_value(c->source, err, v, "this has no `=` and is dropped");
    error_hint(err, "write KEY=VALUE");
}

static void check_env(struct complaints *c, const struct value *env)
{
    if (!env || env->kind != VALUE_LIST || env->n == 0)
        return;
    struct assignment *all = mem_array(NULL, env->n, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < env->n; i++) {
        const char *text = value_text(env->items[i], ""), *eq = strchr(text, '=');
        if (eq)
            all[n++] = (struct assignment){text, (size_t)(eq - text), i, env->items[i]};
        else if (*text)
            complain_dropped(c, env->items[i]);
    }
    if (n)
        qsort(all, n, sizeof *all, assignment_cmp);
    for (size_t i = 1; i < n; i++) {
        const struct assignment *a = &all[i];
        if (a->key_len == a[-1].key_len && memcmp(a->text, a[-1].text, a->key_len) == 0)
            source_error_range(c->source, error_list_add(c->warnings), ERR_INVALID, a->value->start,
                               a->value->start + a->key_len, "`%.*s` is set twice: the last one counts",
                               (int)(a->key_len < 60 ? a->key_len : 60), a->text);
    }
    free(all);
}

/* ---- images */

/* The last part of the repository: "k3s" of "docker.io/labring/k3s:v1.28.0@sha256:…". */
static bool is_k3s(const char *reference)
{
    const char *slash = strrchr(reference, '/'), *name = slash ? slash + 1 : reference;
    size_t n = strcspn(name, ":@");
    return n >= 3 && strncmp(name, "k3s", 3) == 0 && (n == 3 || name[3] == '-');
}

static void check_images(struct complaints *c, const struct value *images)
{
    for (size_t i = 0; images && images->kind == VALUE_LIST && i < images->n; i++) {
        const char *text = value_text(images->items[i], "");
        if (!is_k3s(text))
            continue;
        struct error **err = error_list_add(c->errors);
        source_error_value(c->source, err, images->items[i], "k3s images are not supported: `%.80s`", text);
        error_hint(err, "use a kubeadm image such as labring/kubernetes:v1.28.0");
    }
}

void check_cluster(const struct value *root, struct complaints *c)
{
    struct census n = {.c = c};
    const struct value *spec = value_get(root, "spec"), *hosts = value_get(spec, "hosts");
    bool list = hosts && hosts->kind == VALUE_LIST;
    check_secrets(c, value_get(spec, "ssh"));
    check_env(c, value_get(spec, "env"));
    check_images(c, value_get(spec, "image"));
    for (size_t i = 0; list && i < hosts->n; i++) {
        const struct value *h = hosts->items[i], *ips = value_get(h, "ips");
        size_t machines = ips && ips->kind == VALUE_LIST ? ips->n : 1;
        for (size_t j = 0; ips && ips->kind == VALUE_LIST && j < ips->n; j++)
            check_address(&n, ips->items[j]);
        check_roles(&n, value_get(h, "roles"), machines);
        check_secrets(c, value_get(h, "ssh"));
        check_env(c, value_get(h, "env"));
    }
    check_duplicates(&n);
    if (list && hosts->n && n.masters == 0) {
        struct error **err = error_list_add(c->errors);
        source_error_key(c->source, err, hosts, "there is no master among the hosts");
        error_hint(err, "give a host the role `master`; three are usual");
    } else if (n.masters && n.masters % 2 == 0) {
        struct error **err = error_list_add(c->warnings);
        source_error_key(c->source, err, hosts, "%zu masters tolerate no more failures than %zu", n.masters,
                         n.masters - 1);
        error_hint(err, "an odd number of masters is usual");
    }
    free(n.seen);
}
