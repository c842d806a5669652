#include "model/cidr.h"
#include "model/kubeadm_types.h"

#include <string.h>
#include <strings.h>

void kubeadm_warn(struct kubeadm_pass *p, const char *fmt, ...)
{
    struct text t = {0};
    va_list ap;
    va_start(ap, fmt);
    text_vaddf(&t, fmt, ap);
    va_end(ap);
    bool seen = false;
    for (size_t i = 0; i < p->out->n_warnings; i++)
        seen = seen || str_eq(p->out->warnings[i], text_str(&t));
    if (!seen) {
        const char **slot =
            arena_push(p->a, &p->out->warnings, &p->out->n_warnings, &p->out->cap_warnings, sizeof(char *));
        *slot = arena_strdup(p->a, text_str(&t));
    }
    text_free(&t);
}

static int wrong(struct kubeadm_pass *p, const struct value *v, const char *path, const char *must)
{
    error_set(p->err, ERR_INVALID, "%s must be %s", path, must);
    return error_at(p->err, NULL, v->line, v->column);
}

/* ---- texts */

/* Equal as names of a certificate are: addresses by value, names in any letter case. */
static bool same_text(const char *a, const char *b)
{
    struct ip x, y;
    if (ip_parse(a, &x) && ip_parse(b, &y))
        return ip_cmp(&x, &y) == 0;
    return strcasecmp(a, b) == 0;
}

static void add_text(struct arena *a, struct value *list, const char *text, bool any_case)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *have = value_text(list->items[i], "");
        if (any_case ? same_text(have, text) : str_eq(have, text))
            return;
    }
    value_push(a, list, value_string(a, text));
}

static int texts(struct kubeadm_pass *p, const struct value *in, const char *path, bool any_case,
                 struct value **ret)
{
    struct value *list = value_list(p->a);
    if (in->kind == VALUE_SCALAR) /* one text where a list of them is meant */
        add_text(p->a, list, in->text, any_case);
    else if (in->kind != VALUE_LIST)
        return wrong(p, in, path, "a list");
    for (size_t i = 0; in->kind == VALUE_LIST && i < in->n; i++) {
        if (in->items[i]->kind != VALUE_SCALAR)
            return wrong(p, in->items[i], path, "a list of texts");
        add_text(p->a, list, in->items[i]->text, any_case);
    }
    *ret = list;
    return 0;
}

/* ---- extraArgs */

static void push_arg(struct arena *a, struct value *args, const char *name, const struct value *v)
{
    struct value *arg = value_map(a);
    name += strspn(name, "-"); /* as on a command line; kubeadm wants the bare name */
    value_set(a, arg, "name", value_string(a, name));
    /* whatever YAML makes of 120 or true, an argument is a text */
    value_set(a, arg, "value", value_is_null(v) ? value_null(a) : value_string(a, value_text(v, "")));
    value_push(a, args, arg);
}

static const char *arg_name(const struct value *args, size_t i)
{
    return value_text(value_get(args->items[i], "name"), "");
}

static int args_in(struct kubeadm_pass *p, const struct value *in, const char *path, struct value **ret)
{
    struct value *args = value_list(p->a);
    for (size_t i = 0; i < in->n; i++) {
        const struct value *item = in->items[i], *v = item;
        const char *name = in->kind == VALUE_MAP ? in->keys[i] : NULL;
        if (in->kind == VALUE_LIST) {
            name = value_text(value_get_ci(item, "name"), NULL);
            v = value_get_ci(item, "value");
            if (!name)
                return wrong(p, item, path, "a list of maps with name and value, or a map");
            if (!v) /* a flag without a value */
                v = value_string(p->a, "");
        }
        if (!value_is_null(v) && v->kind != VALUE_SCALAR)
            return wrong(p, v, arena_printf(p->a, "%s: %s", path, name), "a text");
        push_arg(p->a, args, name, v);
    }
    if (in->kind == VALUE_SCALAR)
        return wrong(p, in, path, "a map, or a list of maps with name and value");
    *ret = args;
    return 0;
}

bool kubeadm_has_arg(const struct value *args, const char *name)
{
    for (size_t i = 0; args && i < args->n; i++)
        if (str_eq(arg_name(args, i), name))
            return true;
    return false;
}

/* All of over's values of one name (an argument may be given several times). Null stays, as a mark that the
 * argument is not wanted: what is computed later looks for it, and nothing of it is emitted. */
static void take_args(struct arena *a, struct value *to, const struct value *over, const char *name)
{
    for (size_t i = 0; i < over->n; i++)
        if (str_eq(arg_name(over, i), name))
            value_push(a, to, over->items[i]);
}

static bool first_of_name(const struct value *args, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (str_eq(arg_name(args, j), arg_name(args, i)))
            return false;
    return true;
}

static struct value *merge_args(struct arena *a, const struct value *base, const struct value *over)
{
    struct value *out = value_list(a);
    for (size_t i = 0; base && i < base->n; i++) {
        if (!kubeadm_has_arg(over, arg_name(base, i)))
            value_push(a, out, base->items[i]);
        else if (first_of_name(base, i))
            take_args(a, out, over, arg_name(base, i));
    }
    for (size_t i = 0; i < over->n; i++)
        if (!kubeadm_has_arg(base, arg_name(over, i)) && first_of_name(over, i))
            take_args(a, out, over, arg_name(over, i));
    return out;
}

void kubeadm_set_arg(struct arena *a, struct value *args, const char *name, const char *value)
{
    struct value *one = value_list(a);
    push_arg(a, one, name, value_string(a, value));
    *args = *merge_args(a, args, one);
}

/* ---- into the internal form */

static int scalar_in(struct kubeadm_pass *p, enum kubeadm_shape shape, const struct value *in,
                     const char *path, struct value **ret)
{
    if (in->kind != VALUE_SCALAR)
        return wrong(p, in, path,
                     shape == SHAPE_TEXT   ? "a text"
                     : shape == SHAPE_BOOL ? "true or false"
                                           : "a number");
    if (!*in->text) /* Go's zero value: says nothing */
        return 0;
    if (shape == SHAPE_TEXT) {
        *ret = value_string(p->a, in->text);
        return 0;
    }
    /* quoted ones are meant as what the field is */
    struct value *plain = value_plain(p->a, in->text);
    if (shape == SHAPE_BOOL ? value_truth(plain) == VALUE_NEITHER
                            : in->text[strspn(in->text, "0123456789")] != 0 || strlen(in->text) > 9)
        return wrong(p, in, path, shape == SHAPE_BOOL ? "true or false" : "a number");
    *ret = shape == SHAPE_BOOL ? value_bool(p->a, value_truth(plain) == VALUE_YES) : plain;
    return 0;
}

/* Feature gates: on or off, also where they were written with quotes. */
static int gates_in(struct kubeadm_pass *p, const struct value *in, const char *path, struct value **ret)
{
    if (in->kind != VALUE_MAP)
        return wrong(p, in, path, "a map");
    *ret = value_map(p->a);
    for (size_t i = 0; i < in->n; i++) {
        struct value *on = NULL;
        if (value_is_null(in->items[i]))
            continue;
        if (scalar_in(p, SHAPE_BOOL, in->items[i], arena_printf(p->a, "%s.%s", path, in->keys[i]), &on) < 0)
            return -1;
        if (on)
            value_set(p->a, *ret, in->keys[i], on);
    }
    return 0;
}

static int list_in(struct kubeadm_pass *p, const struct kubeadm_field *f, const struct value *in,
                   const char *path, struct value **ret)
{
    if (in->kind != VALUE_LIST)
        return wrong(p, in, path, "a list");
    struct value *list = value_list(p->a);
    for (size_t i = 0; i < in->n; i++) {
        struct value *item = NULL;
        if (kubeadm_normalise(p, f->type, in->items[i], path, &item) < 0)
            return -1;
        value_push(p->a, list, item);
    }
    *ret = list;
    return 0;
}

static int field_in(struct kubeadm_pass *p, const struct kubeadm_field *f, const struct value *in,
                    const char *path, struct value **ret)
{
    switch (f->shape) {
    case SHAPE_TEXT:
    case SHAPE_BOOL:
    case SHAPE_INT:
        return scalar_in(p, f->shape, in, path, ret);
    case SHAPE_MAP:
        return kubeadm_normalise(p, f->type, in, path, ret);
    case SHAPE_FREE:
        return gates_in(p, in, path, ret);
    case SHAPE_ARGS:
        return args_in(p, in, path, ret);
    case SHAPE_TEXTS:
    case SHAPE_SANS:
        return texts(p, in, path, f->shape == SHAPE_SANS, ret);
    case SHAPE_NAMED: {
        struct value *all = NULL, *one = value_list(p->a), *holder = value_map(p->a), *over = value_map(p->a);
        if (list_in(p, f, in, path, &all) < 0)
            return -1;
        /* uniting with nothing takes out duplicates, which tools that merge by appending leave behind */
        const struct kubeadm_field alone[] = {*f};
        const struct kubeadm_type t = {alone, 1};
        value_set(p->a, holder, f->name, one);
        value_set(p->a, over, f->name, all);
        kubeadm_merge(p, &t, holder, over);
        *ret = value_get(holder, f->name);
        return 0;
    }
    case SHAPE_LIST:
        return list_in(p, f, in, path, ret);
    case SHAPE_DROP:
        break;
    }
    return 0;
}

int kubeadm_normalise(struct kubeadm_pass *p, const struct kubeadm_type *t, const struct value *in,
                      const char *path, struct value **ret)
{
    struct value *out = value_map(p->a);
    *ret = out;
    if (value_is_null(in))
        return 0;
    if (in->kind != VALUE_MAP)
        return wrong(p, in, path, "a map");
    for (size_t i = 0; i < in->n; i++) {
        const struct kubeadm_field *f = kubeadm_field_find(t, in->keys[i]);
        const char *here = arena_printf(p->a, "%s.%s", path, f ? f->name : in->keys[i]);
        struct value *v = NULL;
        if (value_is_null(in->items[i]) || str_eq(in->keys[i], "apiVersion") || str_eq(in->keys[i], "kind"))
            continue;
        if (!f)
            v = value_clone(p->a, in->items[i]);
        else if (field_in(p, f, in->items[i], here, &v) < 0)
            return -1;
        if (!v)
            continue;
        struct value *one = value_map(p->a); /* the same field in two spellings: both count, the later wins */
        value_set(p->a, one, f ? f->name : in->keys[i], v);
        kubeadm_merge(p, t, out, one);
    }
    return 0;
}

/* ---- merging */

static void merge_named(struct kubeadm_pass *p, struct value *base, const struct value *over)
{
    for (size_t i = 0; i < over->n; i++) {
        const char *name = value_text(value_get(over->items[i], "name"), NULL);
        size_t at = 0;
        while (at < base->n && !(name && str_eq(value_text(value_get(base->items[at], "name"), NULL), name)))
            at++;
        if (at < base->n)
            base->items[at] = value_clone(p->a, over->items[i]);
        else
            value_push(p->a, base, value_clone(p->a, over->items[i]));
    }
}

static void merge_field(struct kubeadm_pass *p, const struct kubeadm_field *f, struct value *base,
                        const struct value *v)
{
    struct value *have = value_get(base, f->name);
    if (f->shape == SHAPE_MAP && have)
        kubeadm_merge(p, f->type, have, v);
    else if (f->shape == SHAPE_FREE && have)
        kubeadm_merge_any(p->a, have, v);
    else if (f->shape == SHAPE_ARGS)
        value_set(p->a, base, f->name, merge_args(p->a, have, v));
    else if (f->shape == SHAPE_NAMED && have)
        merge_named(p, have, v);
    else if (f->shape == SHAPE_SANS && have)
        for (size_t i = 0; i < v->n; i++)
            add_text(p->a, have, value_text(v->items[i], ""), true);
    else
        value_set(p->a, base, f->name, value_clone(p->a, v));
}

void kubeadm_merge(struct kubeadm_pass *p, const struct kubeadm_type *t, struct value *base,
                   const struct value *over)
{
    if (t == &kubeadm_etcd_type) { /* mutually exclusive: the stronger layer's choice stands */
        if (value_get(over, "external"))
            value_remove(base, "local");
        else if (value_get(over, "local"))
            value_remove(base, "external");
    }
    for (size_t i = 0; i < over->n; i++) {
        const struct kubeadm_field *f = kubeadm_field_find(t, over->keys[i]);
        if (f) {
            merge_field(p, f, base, over->items[i]);
            continue;
        }
        struct value *one = value_map(p->a);
        value_set(p->a, one, over->keys[i], over->items[i]);
        kubeadm_merge_any(p->a, base, one);
    }
}

/* A list of texts without repetitions; any other value as it is. */
static struct value *tidy(struct arena *a, const struct value *v)
{
    struct value *out = value_clone(a, v);
    if (v->kind != VALUE_LIST)
        return out;
    out->n = 0;
    for (size_t i = 0; i < v->n; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && v->items[i]->kind == VALUE_SCALAR; j++)
            seen = seen || value_equal(v->items[j], v->items[i]);
        if (!seen)
            value_push(a, out, value_clone(a, v->items[i]));
    }
    return out;
}

void kubeadm_merge_any(struct arena *a, struct value *base, const struct value *over)
{
    for (size_t i = 0; i < over->n; i++) {
        struct value *have = value_get_ci(base, over->keys[i]);
        if (value_is_null(over->items[i]))
            continue;
        if (have && have->kind == VALUE_MAP && over->items[i]->kind == VALUE_MAP)
            kubeadm_merge_any(a, have, over->items[i]);
        else if (have)
            *have = *tidy(a, over->items[i]);
        else
            value_set(a, base, over->keys[i], tidy(a, over->items[i]));
    }
}
