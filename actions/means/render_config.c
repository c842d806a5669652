#include "actions/means/render_config.h"

#include "schema/tree.h"

#include <string.h>

int render_config_read(struct arena *a, const char *where, const struct text *yaml, int image, struct render_config **list,
                       size_t *n, size_t *cap, struct error **err)
{
    struct documents docs = {0};
    struct error_list errors = {0};
    int r = tree_parse(a, where, text_str(yaml), yaml->len, &docs, &errors);
    if (r < 0)
        error_set(err, ERR_SYNTAX, "%s: %s", where, errors.n ? errors.errors[0]->message : "not YAML");
    error_list_free(&errors);
    for (size_t i = 0; r == 0 && i < docs.n; i++) {
        const struct value *d = docs.docs[i].root, *spec = value_get(d, "spec");
        if (!str_eq(value_text(value_get(d, "kind"), NULL), "Config"))
            continue;
        struct render_config *c = arena_push(a, list, n, cap, sizeof *c);
        *c = (struct render_config){.name = value_text(value_path(d, "metadata.name"), "config.yml"),
                                    .path = value_text(value_get(spec, "path"), ""),
                                    .strategy = value_text(value_get(spec, "strategy"), ""),
                                    .data = value_text(value_get(spec, "data"), ""),
                                    .image = image};
    }
    return r;
}

/* Data wins; maps are merged, lists and scalars replaced; another type is an error. */
static int merge(struct arena *a, struct value *target, const struct value *data, const char *path, struct error **err)
{
    for (size_t i = 0; i < data->n; i++) {
        struct value *old = value_get(target, data->keys[i]);
        const struct value *new = data->items[i];
        if (old && !value_is_null(old) && !value_is_null(new) && old->kind != new->kind)
            return error_set(err, ERR_INVALID, "%s is of another type in %s", data->keys[i], path);
        if (old && old->kind == VALUE_MAP && new->kind == VALUE_MAP) {
            if (merge(a, old, new, path, err) < 0)
                return -1;
        } else {
            value_set(a, target, data->keys[i], value_clone(a, new));
        }
    }
    return 0;
}

static int parse(struct arena *a, const char *name, const char *text, size_t len, struct documents *ret, struct error **err)
{
    struct error_list errors = {0};
    int r = tree_parse(a, name, text, len, ret, &errors);
    if (r < 0)
        error_set(err, ERR_SYNTAX, "%s is not YAML that can be merged: %s", name,
                  errors.n ? errors.errors[0]->message : "unreadable");
    error_list_free(&errors);
    return r;
}

static int apply_merge(const struct render_config *c, const struct text *old, struct text *out, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct documents target = {0}, data = {0};
    if (parse(a, "spec.data", c->data, strlen(c->data), &data, err) < 0 ||
        parse(a, c->path, text_str(old), old->len, &target, err) < 0)
        return -1;
    if (data.n != 1 || data.docs[0].root->kind != VALUE_MAP)
        return error_set(err, ERR_INVALID, "spec.data must be one YAML map for the strategy merge");
    const struct value **roots = arena_alloc(a, (target.n + 1) * sizeof *roots);
    size_t n = 0;
    for (size_t i = 0; i < target.n; i++) {
        struct value *root = target.docs[i].root;
        if (value_is_null(root))
            root = value_map(a);
        if (root->kind != VALUE_MAP)
            return error_set(err, ERR_INVALID, "%s holds a document that is no map", c->path);
        if (merge(a, root, data.docs[0].root, c->path, err) < 0)
            return -1;
        roots[n++] = root;
    }
    if (n == 0)
        roots[n++] = data.docs[0].root;
    return tree_write(roots, n, out, err);
}

static int combine(const struct render_config *c, const struct text *old, struct text *out, struct error **err)
{
    if (str_eq(c->strategy, "merge"))
        return apply_merge(c, old, out, err);
    if (str_eq(c->strategy, "append"))
        text_addf(out, "%s\n", text_str(old));
    text_add(out, c->data);
    if (str_eq(c->strategy, "insert"))
        text_addf(out, "\n%s", text_str(old));
    return 0; /* override, "" and, as in Sealos, any other word: the file is replaced */
}

int render_config_apply(struct render_tree *t, const struct render_config *c, struct error **err)
{
    const char *from_root = c->path + strspn(c->path, "/"); /* "/etc/x" is below the image's root, as in Sealos */
    const char *why = NULL, *path = listing_path(t->arena, from_root, &why);
    if (!path || !*path || str_eq(path, "registry") || str_starts(path, "registry/")) {
        error_set(err, ERR_INVALID, "Config %s: spec.path \"%s\" cannot be written: %s", c->name, c->path,
                  why ? why : "it must name a file outside registry/");
        return -1;
    }
    struct tree_entry *e = render_tree_find(t, path);
    if (c->image >= 0 && e && e->image != c->image && !e->made)
        return 0;
    _cleanup_(text_free) struct text old = {0}, fresh = {0};
    if ((e && render_tree_read(e, &old, err) < 0) || combine(c, &old, &fresh, err) < 0 ||
        render_tree_write(t, path, &fresh, err) < 0)
        return error_wrap(err, "Config %s onto %s", c->name, path);
    return 0;
}
