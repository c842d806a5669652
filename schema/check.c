#include "schema/check.h"

#include <string.h>
#include <strings.h>

#define OUR_GROUP "apps.sealos.io/"

/* A templated Clusterfile is no YAML yet. Sealos renders the whole text, comments and strings too. */
static int check_template(struct source *s, struct error_list *errors)
{
    const char *at = s->len ? memmem(s->text, s->len, "{{", 2) : NULL;
    if (!at)
        return 0;
    size_t from = (size_t)(at - s->text);
    const char *close = memmem(at, s->len - from, "}}", 2);
    size_t to = close ? (size_t)(close + 2 - s->text) : from + 2;
    struct error **err = error_list_add(errors);
    source_error(s, err, ERR_SYNTAX, from, to, "this is Go-template syntax: the Clusterfile is a template");
    return error_hint(
        err, "a templated Clusterfile needs values (--values FILE, --set KEY=VALUE), and this version "
             "does not render Clusterfiles: write the values in their places");
}

/* ---- kinds */

static const char *const kubeadm_kinds[KUBEADM_KINDS] = {
    [KUBEADM_INIT] = "InitConfiguration",       [KUBEADM_CLUSTER] = "ClusterConfiguration",
    [KUBEADM_JOIN] = "JoinConfiguration",       [KUBEADM_PROXY] = "KubeProxyConfiguration",
    [KUBEADM_KUBELET] = "KubeletConfiguration",
};

static int kubeadm_kind(const char *kind)
{
    for (int k = 0; k < KUBEADM_KINDS; k++)
        if (str_eq(kind, kubeadm_kinds[k]))
            return k;
    return -1;
}

struct checking {
    struct arena *arena;
    struct complaints c;
    struct schema_set schemas;
    struct clusterfile *file;
};

static void unknown_kind(struct checking *k, const struct value *kind, const char *version)
{
    const char *near = str_nearest(kind->text, schema_kinds());
    if (str_starts(version, OUR_GROUP) || (near && strcasecmp(near, kind->text) == 0)) {
        struct error **err = error_list_add(k->c.errors);
        source_error_value(k->c.source, err, kind, "there is no kind `%.60s`", kind->text);
        if (near)
            error_hint(err, "did you mean `%s`?", near);
        else
            error_hint(err, "kinds: Cluster, Config, ReconcilePolicy, and kubeadm's");
        return;
    }
    struct error **err = error_list_add(k->c.warnings);
    source_error_value(k->c.source, err, kind, "a document of kind `%.60s` is left alone", kind->text);
    error_hint(err, "manifests belong into an image or to kubectl");
}

static const char *config_name(const struct value *config)
{
    return value_text(value_get(value_get(config, "metadata"), "name"), NULL);
}

static void take_config(struct checking *k, const struct value *root)
{
    const char *name = config_name(root);
    for (size_t i = 0; name && i < k->file->n_configs; i++) {
        const struct value *earlier = k->file->configs[i];
        if (!str_eq(config_name(earlier), name))
            continue;
        struct error **err = error_list_add(k->c.warnings);
        source_error_value(k->c.source, err, value_get(value_get(root, "metadata"), "name"),
                           "this Config replaces the earlier one of the name `%.60s`", name);
        error_hint(err, "that one begins at line %d", earlier->line);
        k->file->configs[i] = root;
        return;
    }
    const struct value **slot = arena_push(k->arena, &k->file->configs, &k->file->n_configs,
                                           &k->file->cap_configs, sizeof *k->file->configs);
    *slot = root;
}

/* The text that is merged must be a map, or the merge fails on the way. */
static void check_merge_data(struct checking *k, const struct value *root)
{
    const struct value *spec = value_get(root, "spec"), *data = value_get(spec, "data");
    if (!str_eq(value_text(value_get(spec, "strategy"), NULL), "merge") || !data ||
        data->kind != VALUE_SCALAR)
        return;
    struct value *v = NULL;
    struct error *why = NULL;
    if (tree_parse_one(k->arena, "spec.data", data->text, strlen(data->text), &v, &why) < 0)
        source_error_value(k->c.source, error_list_add(k->c.errors), data,
                           "spec.data is to be merged, but: %s (its line %d)", why->message, why->place.line);
    else if (v->kind != VALUE_MAP)
        source_error_value(k->c.source, error_list_add(k->c.errors), data,
                           "spec.data is to be merged, but is not a map");
    error_free(why);
}

static void take_kubeadm(struct checking *k, int kind, const struct value *root)
{
    if (k->file->kubeadm[kind]) {
        struct error **err = error_list_add(k->c.warnings);
        source_error_value(k->c.source, err, value_get(root, "kind"),
                           "a second %s is left out: the first one counts", kubeadm_kinds[kind]);
        error_hint(err, "that one begins at line %d", k->file->kubeadm[kind]->line);
        return;
    }
    k->file->kubeadm[kind] = root;
    const struct value *external = kind == KUBEADM_CLUSTER ? value_path(root, "etcd.external") : NULL;
    if (!value_is_null(external))
        source_error_key(k->c.source, error_list_add(k->c.warnings), external,
                         "etcd is external: it is passed on to kubeadm, and its members are left alone");
}

static void second(struct checking *k, const struct value *root, const char *kind, int first_line)
{
    struct error **err = error_list_add(k->c.errors);
    source_error_value(k->c.source, err, value_get(root, "kind"), "a second %s", kind);
    error_hint(err, "the first one begins at line %d; one file describes one cluster", first_line);
}

static void take_document(struct checking *k, const struct document *d, const char *kind)
{
    const struct value *root = d->root;
    int kubeadm = kubeadm_kind(kind);
    if (kubeadm >= 0) {
        take_kubeadm(k, kubeadm, root);
    } else if (str_eq(kind, "Config")) {
        check_merge_data(k, root);
        take_config(k, root);
    } else if (str_eq(kind, "Cluster")) {
        if (k->file->cluster) {
            second(k, root, kind, k->file->cluster->root->line);
            return;
        }
        k->file->cluster = d;
        check_cluster(root, &k->c);
    } else if (k->file->policy) {
        second(k, root, kind, k->file->policy->line);
    } else {
        k->file->policy = root;
    }
}

static void check_document(struct checking *k, const struct document *d)
{
    const struct value *root = d->root;
    if (value_is_null(root))
        return;
    if (root->kind != VALUE_MAP) {
        source_error_value(k->c.source, error_list_add(k->c.errors), root, "a document must be a map");
        return;
    }
    const struct value *kind = value_get(root, "kind");
    if (!kind || kind->kind != VALUE_SCALAR || !*kind->text) {
        struct error **err = error_list_add(k->c.errors);
        if (kind) {
            source_error_key(k->c.source, err, kind, "`kind` must be one word");
            return;
        }
        source_error_value(k->c.source, err, root, "this document has no `kind`");
        const char *const wanted[] = {"kind", NULL};
        for (size_t i = 0; i < root->n; i++)
            if (str_nearest(root->keys[i], wanted))
                error_hint(err, "did you mean `kind` by `%.60s` at line %d?", root->keys[i],
                           root->items[i]->line);
        return;
    }
    const struct schema *s = schema_of_kind(&k->schemas, kind->text);
    if (!s) {
        unknown_kind(k, kind, value_text(value_get(root, "apiVersion"), ""));
        return;
    }
    _cleanup_(mem_freep) char *what = mem_printf("the %s", kind->text);
    tree_add_duplicates(k->c.source, d, kubeadm_kind(kind->text) >= 0 ? k->c.warnings : k->c.errors);
    schema_check(s, root, what, &k->c);
    take_document(k, d, kind->text);
}

int clusterfile_check(struct arena *arena, struct source *source, struct clusterfile *ret,
                      struct error_list *errors, struct error_list *warnings)
{
    struct checking k = {
        .arena = arena, .c = {.source = source, .errors = errors, .warnings = warnings}, .file = ret};
    struct documents docs = {0};
    *ret = (struct clusterfile){0};
    size_t before = errors->n;
    if (check_template(source, errors) < 0)
        return -1;
    int r = tree_read(arena, source, &docs,
                      errors); /* what stands before a syntax error is checked all the same */
    schema_set_init(&k.schemas, arena);
    for (size_t i = 0; i < docs.n; i++)
        check_document(&k, &docs.docs[i]);
    if (r == 0 && !ret->cluster && errors->n == before) {
        struct error **err = error_list_add(errors);
        error_set(err, ERR_INVALID, "there is no document of kind Cluster");
        error_at(err, source->name, 1, 1);
        error_hint(err, "a Clusterfile begins with apiVersion: apps.sealos.io/v1beta1 and kind: Cluster");
    }
    error_list_sort(errors);
    error_list_sort(warnings);
    return errors->n > before ? -1 : 0;
}
