/* The functions of templates: Go's own, and those of sprig and Sealos that public images use. */
#include "actions/means/semver.h"
#include "actions/means/template_strings.h"

#include "model/cidr.h"

#include <errno.h>
#include <string.h>

static int fn_not(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    *ret = datum_bool(!datum_truth(&c->args[0]));
    return 0;
}

static bool absent(const struct datum *d)
{
    return d->kind == DATUM_MISSING || d->kind == DATUM_NIL;
}

static int incomparable(const struct call *c, const struct datum *a, const struct datum *b,
                        struct error **err)
{
    return template_error(c->t, c->at, err, ERR_INVALID, "%s: incompatible types for comparison: %s and %s",
                          c->name, datum_type(a), datum_type(b));
}

/* Go's eq: unlike kinds are an error, unless one is missing; then they differ. */
static int equal(const struct call *c, const struct datum *a, const struct datum *b, bool *ret,
                 struct error **err)
{
    *ret = false;
    if (absent(a) || absent(b)) {
        *ret = absent(a) && absent(b);
        return 0;
    }
    if (a->kind != b->kind || a->kind == DATUM_LIST || a->kind == DATUM_MAP)
        return incomparable(c, a, b, err);
    *ret = a->kind == DATUM_BOOL    ? a->b == b->b
           : a->kind == DATUM_INT   ? a->i == b->i
           : a->kind == DATUM_FLOAT ? a->f == b->f
                                    : str_eq(a->s, b->s);
    return 0;
}

static int fn_eq(const struct call *c, struct datum *ret, struct error **err)
{
    bool same = false;
    for (size_t i = 1; i < c->n && !same; i++)
        if (equal(c, &c->args[0], &c->args[i], &same, err))
            return -1;
    *ret = datum_bool(same);
    return 0;
}

static int fn_ne(const struct call *c, struct datum *ret, struct error **err)
{
    bool same;
    if (equal(c, &c->args[0], &c->args[1], &same, err))
        return -1;
    *ret = datum_bool(!same);
    return 0;
}

/* lt, le, gt, ge: numbers of one kind, or strings by bytes; anything else, and what is missing, is an error.
 */
static int fn_order(const struct call *c, struct datum *ret, struct error **err)
{
    const struct datum *a = &c->args[0], *b = &c->args[1];
    if (a->kind != b->kind || (a->kind != DATUM_INT && a->kind != DATUM_FLOAT && a->kind != DATUM_STRING))
        return incomparable(c, a, b, err);
    int cmp = a->kind == DATUM_INT     ? (a->i > b->i) - (a->i < b->i)
              : a->kind == DATUM_FLOAT ? (a->f > b->f) - (a->f < b->f)
                                       : strcmp(a->s, b->s);
    *ret = datum_bool(str_eq(c->name, "lt")   ? cmp < 0
                      : str_eq(c->name, "le") ? cmp <= 0
                      : str_eq(c->name, "gt") ? cmp > 0
                                              : cmp >= 0);
    return 0;
}

static int fn_default(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    *ret = c->n == 2 && datum_truth(&c->args[1]) ? c->args[1] : c->args[0];
    return 0;
}

static int fn_empty(const struct call *c, struct datum *ret, struct error **err)
{
    return fn_not(c, ret, err);
}

static int fn_coalesce(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    *ret = (struct datum){.kind = DATUM_NIL};
    for (size_t i = c->n; i-- > 0;)
        if (datum_truth(&c->args[i]))
            *ret = c->args[i];
    return 0;
}

static int fn_ternary(const struct call *c, struct datum *ret, struct error **err)
{
    if (c->args[2].kind != DATUM_BOOL)
        return template_error(c->t, c->at, err, ERR_INVALID, "ternary: expected bool; got %s",
                              datum_type(&c->args[2]));
    *ret = c->args[c->args[2].b ? 0 : 1];
    return 0;
}

/* sprig's int: what cannot be read is 0. */
static int fn_int(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    const struct datum *d = &c->args[0];
    char *end;
    long long n = 0;
    if (d->kind == DATUM_INT)
        n = d->i;
    else if (d->kind == DATUM_BOOL)
        n = d->b;
    else if (d->kind == DATUM_FLOAT && d->f > -9e18 && d->f < 9e18)
        n = (long long)d->f;
    else if (d->kind == DATUM_STRING) {
        errno = 0;
        n = strtoll(d->s, &end, 10);
        if (*end || errno)
            n = 0;
    }
    *ret = datum_int(n);
    return 0;
}

static int fn_add(const struct call *c, struct datum *ret, struct error **err)
{
    long long sum = 0;
    for (size_t i = 0; i < c->n; i++)
        if (__builtin_add_overflow(sum, c->args[i].i, &sum))
            return template_error(c->t, c->at, err, ERR_INVALID, "add: the sum is too large");
    *ret = datum_int(sum);
    return 0;
}

static int fn_sub(const struct call *c, struct datum *ret, struct error **err)
{
    long long r;
    if (__builtin_sub_overflow(c->args[0].i, c->args[1].i, &r))
        return template_error(c->t, c->at, err, ERR_INVALID, "sub: the difference is too large");
    *ret = datum_int(r);
    return 0;
}

static int fn_len(const struct call *c, struct datum *ret, struct error **err)
{
    const struct datum *d = &c->args[0];
    if (d->kind != DATUM_STRING && d->kind != DATUM_LIST && d->kind != DATUM_MAP)
        return template_error(c->t, c->at, err, ERR_INVALID, "len of type %s", datum_type(d));
    *ret = datum_int((long long)(d->kind == DATUM_STRING ? strlen(d->s) : d->v->n));
    return 0;
}

static int fn_index(const struct call *c, struct datum *ret, struct error **err)
{
    *ret = c->args[0];
    for (size_t i = 1; i < c->n; i++) {
        const struct datum *k = &c->args[i];
        if (ret->kind == DATUM_MAP && k->kind == DATUM_STRING)
            *ret = datum_from_value(value_get(ret->v, k->s));
        else if (ret->kind == DATUM_LIST && k->kind == DATUM_INT && k->i >= 0 && (size_t)k->i < ret->v->n)
            *ret = datum_from_value(ret->v->items[k->i]);
        else
            return template_error(c->t, c->at, err, ERR_INVALID, "cannot index %s with this %s",
                                  datum_type(ret), datum_type(k));
    }
    return 0;
}

static int fn_list(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    struct value *list = value_list(c->t->arena);
    for (size_t i = 0; i < c->n; i++)
        value_push(c->t->arena, list, datum_to_value(c->t->arena, &c->args[i]));
    *ret = datum_from_value(list);
    return 0;
}

static int fn_has_key(const struct call *c, struct datum *ret, struct error **err)
{
    if (c->args[0].kind != DATUM_MAP)
        return template_error(c->t, c->at, err, ERR_INVALID, "hasKey: expected map; got %s",
                              datum_type(&c->args[0]));
    *ret = datum_bool(value_get(c->args[0].v, c->args[1].s) != NULL);
    return 0;
}

static int fn_semver(const struct call *c, struct datum *ret, struct error **err)
{
    _cleanup_(error_freep) struct error *why = NULL;
    bool matches;
    if (semver_satisfies(c->args[0].s, c->args[1].s, &matches, &why))
        return template_error(c->t, c->at, err, ERR_INVALID, "semverCompare: %s", why->message);
    *ret = datum_bool(matches);
    return 0;
}

/* env NAME, and env NAME DEFAULT as one public Clusterfile has it. */
static int fn_env(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    const struct template_input *in = c->t->in;
    const char *v = in->env ? in->env(in->env_ctx, c->args[0].s) : NULL;
    *ret = datum_string(v ? arena_strdup(c->t->arena, v) : "");
    if ((!v || !*v) && c->n == 2 && datum_truth(&c->args[1]))
        *ret = c->args[1];
    return 0;
}

static int fn_ip_at(const struct call *c, struct datum *ret, struct error **err)
{
    struct cidr range;
    struct ip ip;
    char text[IP_TEXT];
    long long n = c->args[1].i;
    if (!cidr_parse(c->args[0].s, &range))
        return template_error(c->t, c->at, err, ERR_INVALID, "ipAt: \"%.64s\" is not a range of addresses",
                              c->args[0].s);
    if (n < 0 || n > UINT32_MAX || !cidr_nth(&range, (uint32_t)n, &ip))
        return template_error(c->t, c->at, err, ERR_INVALID, "ipAt: %.64s has no address %lld", c->args[0].s,
                              n);
    ip_text(&ip, text);
    *ret = datum_string(arena_strdup(c->t->arena, text));
    return 0;
}

static const struct function functions[] = {
    {"not", 1, 1, "a", fn_not},
    {"eq", 2, -1, "a", fn_eq},
    {"ne", 2, 2, "a", fn_ne},
    {"lt", 2, 2, "a", fn_order},
    {"le", 2, 2, "a", fn_order},
    {"gt", 2, 2, "a", fn_order},
    {"ge", 2, 2, "a", fn_order},
    {"len", 1, 1, "a", fn_len},
    {"index", 1, -1, "a", fn_index},
    {"print", 0, -1, "a", fn_print},
    {"println", 0, -1, "a", fn_print},
    {"printf", 1, -1, "sa", fn_printf},
    {"default", 1, 2, "a", fn_default},
    {"empty", 1, 1, "a", fn_empty},
    {"coalesce", 0, -1, "a", fn_coalesce},
    {"ternary", 3, 3, "a", fn_ternary},
    {"contains", 2, 2, "s", fn_contains},
    {"hasPrefix", 2, 2, "s", fn_has_prefix},
    {"hasSuffix", 2, 2, "s", fn_has_suffix},
    {"semverCompare", 2, 2, "s", fn_semver},
    {"quote", 0, -1, "a", fn_quote},
    {"squote", 0, -1, "a", fn_squote},
    {"toString", 1, 1, "a", fn_to_string},
    {"int", 1, 1, "a", fn_int},
    {"int64", 1, 1, "a", fn_int},
    {"add", 1, -1, "i", fn_add},
    {"sub", 2, 2, "i", fn_sub},
    {"toYaml", 1, 1, "a", fn_to_yaml},
    {"toJson", 1, 1, "a", fn_to_json},
    {"indent", 2, 2, "is", fn_indent},
    {"nindent", 2, 2, "is", fn_nindent},
    {"trim", 1, 1, "s", fn_trim},
    {"trimPrefix", 2, 2, "s", fn_trim_prefix},
    {"trimSuffix", 2, 2, "s", fn_trim_suffix},
    {"upper", 1, 1, "s", fn_upper},
    {"lower", 1, 1, "s", fn_lower},
    {"replace", 3, 3, "s", fn_replace},
    {"join", 2, 2, "sa", fn_join},
    {"splitList", 2, 2, "s", fn_split_list},
    {"list", 0, -1, "a", fn_list},
    {"hasKey", 2, 2, "as", fn_has_key},
    {"env", 1, 2, "sa", fn_env},
    {"ipAt", 2, 2, "si", fn_ip_at},
};

const char *const template_function_names[] = {
    "and",        "or",
    "not",        "eq",
    "ne",         "lt",
    "le",         "gt",
    "ge",         "len",
    "index",      "print",
    "println",    "printf",
    "default",    "empty",
    "coalesce",   "ternary",
    "contains",   "hasPrefix",
    "hasSuffix",  "semverCompare",
    "quote",      "squote",
    "toString",   "int",
    "int64",      "add",
    "sub",        "toYaml",
    "toJson",     "indent",
    "nindent",    "trim",
    "trimPrefix", "trimSuffix",
    "upper",      "lower",
    "replace",    "join",
    "splitList",  "list",
    "hasKey",     "env",
    "ipAt",       NULL,
};

const struct function *template_function(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (str_eq(functions[i].name, name))
            return &functions[i];
    return NULL;
}

/* Go checks arguments before it calls: a missing value fits no string. */
int template_call(const struct function *f, const struct call *c, struct datum *ret, struct error **err)
{
    if (c->n < (size_t)f->min || (f->max >= 0 && c->n > (size_t)f->max))
        return template_error(c->t, c->at, err, ERR_INVALID, "wrong number of arguments for %s: %zu", f->name,
                              c->n);
    size_t last = strlen(f->types) - 1;
    for (size_t i = 0; i < c->n; i++) {
        char type = f->types[i < last ? i : last];
        enum datum_kind kind = c->args[i].kind;
        if (type == 'a' || (type == 's' && kind == DATUM_STRING) || (type == 'i' && kind == DATUM_INT))
            continue;
        const char *expected = type == 's' ? "string" : "int";
        if (kind == DATUM_MISSING || kind == DATUM_NIL)
            return template_error(c->t, c->at, err, ERR_INVALID, "%s: argument %zu has no value; expected %s",
                                  f->name, i + 1, expected);
        return template_error(c->t, c->at, err, ERR_INVALID,
                              "%s: wrong type for argument %zu; expected %s; got %s", f->name, i + 1,
                              expected, datum_type(&c->args[i]));
    }
    return f->run(c, ret, err);
}
