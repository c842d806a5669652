#include "schema/json_schema.h"
#include "schema/json_schema_int.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Where we are, for messages; on the stack, written out only when there is something to say. */
struct path {
    const struct path *up;
    const char *key; /* NULL: the index counts */
    size_t index;
};

struct state { /* inherited downwards */
    bool warns, ignore_case;
};

static void path_text(const struct path *p, struct text *out)
{
    if (!p)
        return;
    path_text(p->up, out);
    if (p->key)
        text_addf(out, "%s%s", out->len ? "." : "", p->key);
    else
        text_addf(out, "[%zu]", p->index);
}

/* "spec.hosts[0].roles", or what the document is. Freed by the caller. */
static char *name_of(const struct path *p, const char *what)
{
    struct text t = {0};
    path_text(p, &t);
    return t.len ? text_take(&t) : mem_strdup(what);
}

struct check {
    struct complaints *c;
    const char *what; /* "the Cluster", for complaints about the root */
};

static struct error **slot(const struct check *k, bool warns)
{
    return error_list_add(warns ? k->c->warnings : k->c->errors);
}

/* ---- types */

static bool integer_text(const char *s)
{
    if (*s == '-' || *s == '+')
        s++;
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'o'))
        return s[2] && s[2 + strspn(s + 2, "0123456789abcdefABCDEF")] == 0;
    return *s && s[strspn(s, "0123456789")] == 0;
}

static bool number_text(const char *s)
{
    if (str_eq(s, ".inf") || str_eq(s, "-.inf") || str_eq(s, ".nan"))
        return true;
    if (!strpbrk(s, "0123456789") || s[strspn(s, "0123456789.eE+-")] != 0) /* an address, say */
        return false;
    char *end;
    strtod(s, &end);
    return *end == 0 && *s != 'e' && *s != 'E';
}

static unsigned type_of(const struct value *v)
{
    if (value_is_null(v))
        return JSON_NULL;
    if (v->kind == VALUE_MAP)
        return JSON_OBJECT;
    if (v->kind == VALUE_LIST)
        return JSON_ARRAY;
    if (!v->plain)
        return JSON_STRING;
    if (value_truth(v) != VALUE_NEITHER)
        return JSON_BOOLEAN;
    if (integer_text(v->text))
        return JSON_INTEGER;
    return number_text(v->text) ? JSON_NUMBER : JSON_STRING;
}

static const char *type_words(unsigned bit)
{
    switch (bit) {
    case JSON_NULL:
        return "null";
    case JSON_BOOLEAN:
        return "true or false";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_NUMBER:
        return "a number";
    case JSON_STRING:
        return "a string";
    case JSON_ARRAY:
        return "a list";
    default:
        return "a map";
    }
}

static void complain_type(const struct check *k, const struct schema *s, const struct value *v, unsigned is,
                          const struct path *p, bool warns)
{
    struct text wanted = {0};
    for (unsigned bit = JSON_BOOLEAN; bit <= JSON_OBJECT; bit <<= 1)
        if (s->types & bit)
            text_addf(&wanted, "%s%s", wanted.len ? " or " : "", type_words(bit));
    _cleanup_(mem_freep) char *name = name_of(p, k->what);
    struct error **err = slot(k, warns);
    source_error_value(k->c->source, err, v, "%s must be %s, not %s", name, text_str(&wanted),
                       type_words(is));
    if ((s->types & JSON_STRING) && (is & (JSON_BOOLEAN | JSON_INTEGER | JSON_NUMBER)))
        error_hint(err, "put the value in quotes");
    else if (is == JSON_STRING && (s->types & (JSON_BOOLEAN | JSON_INTEGER)) && v->kind == VALUE_SCALAR &&
             !v->plain)
        error_hint(err, "write the value without quotes");
    else if (s->types & JSON_ARRAY && !(is & JSON_OBJECT))
        error_hint(err, "put each value on a line of its own, after `- `");
    text_free(&wanted);
}

/* ---- scalars */

static void check_values(const struct check *k, const struct schema *s, const struct value *v,
                         const struct path *p, bool warns)
{
    struct text all = {0};
    for (const char *const *e = s->values; *e; e++) {
        if (str_eq(*e, v->text)) {
            text_free(&all);
            return;
        }
        text_addf(&all, "%s%s", all.len ? ", " : "", *e);
    }
    _cleanup_(mem_freep) char *name = name_of(p, k->what);
    struct error **err = slot(k, warns);
    if (s->values[1])
        source_error_value(k->c->source, err, v, "%s: `%.60s` is none of %s", name, v->text, text_str(&all));
    else
        source_error_value(k->c->source, err, v, "%s: `%.60s` is not %s", name, v->text, text_str(&all));
    const char *near = str_nearest(v->text, s->values);
    if (near)
        error_hint(err, "did you mean `%s`?", near);
    text_free(&all);
}

static void check_range(const struct check *k, const struct schema *s, const struct value *v,
                        const struct path *p, bool warns)
{
    long long n = strtoll(v->text, NULL, 0);
    if ((!s->has_minimum || n >= s->minimum) && (!s->has_maximum || n <= s->maximum))
        return;
    _cleanup_(mem_freep) char *name = name_of(p, k->what);
    if (s->has_maximum)
        source_error_value(k->c->source, slot(k, warns), v, "%s must be from %lld to %lld", name, s->minimum,
                           s->maximum);
    else
        source_error_value(k->c->source, slot(k, warns), v, "%s must be %lld or more", name, s->minimum);
}

static void check_scalar(const struct check *k, const struct schema *s, const struct value *v, unsigned is,
                         const struct path *p, bool warns)
{
    if (s->values)
        check_values(k, s, v, p, warns);
    if (is == JSON_INTEGER && (s->has_minimum || s->has_maximum))
        check_range(k, s, v, p, warns);
    const char *why = s->min_length && strlen(v->text) < s->min_length ? "is empty" : NULL;
    if (!why && s->format)
        why = format_check(s->format, v->text);
    if (!why)
        return;
    _cleanup_(mem_freep) char *name = name_of(p, k->what);
    if (s->format == FORMAT_ENV) /* what follows KEY= may be a secret */
        source_error_range(k->c->source, slot(k, warns), ERR_INVALID, v->start,
                           v->start + strcspn(v->text, "=") + 1, "%s %s", name, why);
    else if (s->secret || !*v->text)
        source_error_value(k->c->source, slot(k, warns), v, "%s %s", name, why);
    else
        source_error_value(k->c->source, slot(k, warns), v, "%s: `%.80s` %s", name, v->text, why);
}

/* ---- maps and lists */

static const struct property *find_property(const struct schema *s, const char *key, bool ignore_case)
{
    size_t lo = 0, hi = s->n_properties;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcasecmp(key, s->properties[mid].name);
        if (c == 0)
            return ignore_case || strcmp(key, s->properties[mid].name) == 0 ? &s->properties[mid] : NULL;
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

static void complain_unknown(const struct check *k, const struct schema *s, const struct value *item,
                             const char *key, const struct path *p, bool warns)
{
    _cleanup_(mem_freep) char *name = name_of(p, k->what);
    struct error **err = slot(k, warns);
    source_error_key(k->c->source, err, item, "unknown key `%.60s` in %s", key, name);
    const char *near = s->names ? str_nearest(key, s->names) : NULL;
    if (near) {
        error_hint(err, "did you mean `%s`?", near);
    } else if (s->names && s->n_properties <= 14) {
        struct text all = {0};
        for (const char *const *n = s->names; *n; n++)
            text_addf(&all, "%s%s", all.len ? ", " : "", *n);
        error_hint(err, "known keys: %s", text_str(&all));
        text_free(&all);
    }
}

static void check_node(const struct check *k, const struct schema *s, const struct value *v,
                       const struct path *p, struct state st);

static void check_map(const struct check *k, const struct schema *s, const struct value *v,
                      const struct path *p, struct state st)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct property *prop = find_property(s, v->keys[i], st.ignore_case);
        struct path here = {.up = p, .key = v->keys[i]};
        if (prop)
            check_node(k, prop->schema, v->items[i], &here, st);
        else if (s->additional)
            check_node(k, s->additional, v->items[i], &here, st);
        else if (s->closed || s->unknown_warns)
            complain_unknown(k, s, v->items[i], v->keys[i], p, st.warns || s->unknown_warns);
    }
    for (const char *const *r = s->required; r && *r; r++) {
        const struct value *got = st.ignore_case ? value_get_ci(v, *r) : value_get(v, *r);
        if (!value_is_null(got))
            continue;
        _cleanup_(mem_freep) char *name = name_of(p, k->what);
        struct error **err = slot(k, st.warns);
        source_error_value(k->c->source, err, got ? got : v, "%s needs `%s`", name, *r);
    }
}

static void check_list(const struct check *k, const struct schema *s, const struct value *v,
                       const struct path *p, struct state st)
{
    if (v->n < s->min_items) {
        _cleanup_(mem_freep) char *name = name_of(p, k->what);
        source_error_value(k->c->source, slot(k, st.warns), v, "%s is empty", name);
    }
    for (size_t i = 0; s->items && i < v->n; i++) {
        struct path here = {.up = p, .index = i};
        if (value_is_null(v->items[i])) {
            _cleanup_(mem_freep) char *name = name_of(&here, k->what);
            source_error_value(k->c->source, slot(k, st.warns), v->items[i], "%s is empty", name);
            continue;
        }
        check_node(k, s->items, v->items[i], &here, st);
    }
}

static void check_node(const struct check *k, const struct schema *s, const struct value *v,
                       const struct path *p, struct state st)
{
    st.warns = st.warns || s->warns;
    st.ignore_case = st.ignore_case || s->ignore_case;
    unsigned is = type_of(v);
    if (is == JSON_NULL)
        return;
    bool fits = !s->types || (s->types & is) || (is == JSON_INTEGER && (s->types & JSON_NUMBER));
    if (!fits)
        complain_type(k, s, v, is, p, st.warns);
    else if (is == JSON_OBJECT)
        check_map(k, s, v, p, st);
    else if (is == JSON_ARRAY)
        check_list(k, s, v, p, st);
    else
        check_scalar(k, s, v, is, p, st.warns);
}

void schema_check(const struct schema *s, const struct value *v, const char *what, struct complaints *c)
{
    struct check k = {.c = c, .what = what};
    check_node(&k, s, v, NULL, (struct state){0});
}
