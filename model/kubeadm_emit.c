#include "model/kubeadm_types.h"

#include <string.h>

static struct value *emit_args(struct kubeadm_pass *p, const struct value *args, const char *path)
{
    struct value *out = p->api >= KUBEADM_V1BETA4 ? value_list(p->a) : value_map(p->a);
    for (size_t i = 0; i < args->n; i++) {
        const char *name = value_text(value_get(args->items[i], "name"), "");
        struct value *v = value_get(args->items[i], "value");
        if (value_is_null(v)) /* "take the default away", and there was none */
            continue;
        if (str_eq(name, "feature-gates")) {
            const char *left = kubeadm_prune_gate_arg(p, value_text(v, ""), path);
            if (!left) /* an empty argument would be refused by some components */
                continue;
            v = value_string(p->a, left);
        }
        if (p->api >= KUBEADM_V1BETA4) {
            struct value *arg = value_map(p->a);
            value_set(p->a, arg, "name", value_string(p->a, name));
            value_set(p->a, arg, "value", v);
            value_push(p->a, out, arg);
            continue;
        }
        if (value_get(out, name))
            kubeadm_warn(p, "%s: %s is given more than once, which %s cannot say: the last one counts", path,
                         name, kubeadm_api_text(p->api));
        value_set(p->a, out, name, v);
    }
    return out;
}

static struct value *emit_list(struct kubeadm_pass *p, const struct kubeadm_field *f, const struct value *in,
                               const char *path)
{
    struct value *out = value_list(p->a);
    for (size_t i = 0; i < in->n; i++)
        value_push(p->a, out, kubeadm_emit(p, f->type, in->items[i], path));
    return out;
}

static struct value *emit_field(struct kubeadm_pass *p, const struct kubeadm_field *f, const struct value *v,
                                const char *path)
{
    switch (f->shape) {
    case SHAPE_MAP:
        return kubeadm_emit(p, f->type, v, path);
    case SHAPE_ARGS:
        return emit_args(p, v, path);
    case SHAPE_LIST:
    case SHAPE_NAMED:
        return emit_list(p, f, v, path);
    default:
        return value_clone(p->a, v);
    }
}

struct value *kubeadm_emit(struct kubeadm_pass *p, const struct kubeadm_type *t, const struct value *in,
                           const char *path)
{
    struct value *out = value_map(p->a);
    for (size_t i = 0; i < t->n; i++) {
        const struct kubeadm_field *f = &t->fields[i];
        const struct value *v = value_get(in, f->name);
        if (!v || (v->kind == VALUE_MAP && v->n == 0))
            continue;
        const char *here = arena_printf(p->a, "%s.%s", path, f->name);
        if ((f->since && p->api < f->since) || (f->until && p->api > f->until)) {
            kubeadm_warn(p, "%s is not a field of %s, the format of v%u.%u: left out", here,
                         kubeadm_api_text(p->api), p->version.major, p->version.minor);
            continue;
        }
        struct value *emitted = emit_field(p, f, v, here);
        bool empty = emitted->kind != VALUE_SCALAR && emitted->n == 0;
        if (!empty || f->shape == SHAPE_LIST)
            value_set(p->a, out, f->name, emitted);
    }
    for (size_t i = 0; i < in->n; i++) /* what we do not know kubeadm may */
        if (!kubeadm_field_find(t, in->keys[i]))
            value_set(p->a, out, in->keys[i], value_clone(p->a, in->items[i]));
    return out;
}
