#include "actions/means/template_strings.h"

#include "schema/tree.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Moves text into the template's arena. */
static int give(const struct call *c, struct text *t, struct datum *ret, struct error **err)
{
    if (t->failed)
        return template_error(c->t, c->at, err, ERR_INVALID, "what \"%s\" makes is too long", c->name);
    *ret = datum_string(arena_strndup(c->t->arena, text_str(t), t->len));
    return 0;
}

int fn_contains(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    *ret = datum_bool(strstr(c->args[1].s, c->args[0].s) != NULL); /* contains NEEDLE HAYSTACK */
    return 0;
}

int fn_has_prefix(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    *ret = datum_bool(str_starts(c->args[1].s, c->args[0].s));
    return 0;
}

int fn_has_suffix(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    *ret = datum_bool(str_ends(c->args[1].s, c->args[0].s));
    return 0;
}

static bool space(char c)
{
    return c && strchr(" \t\r\n\v\f", c) != NULL;
}

int fn_trim(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    const char *s = c->args[0].s;
    while (space(*s))
        s++;
    size_t n = strlen(s);
    while (n && space(s[n - 1]))
        n--;
    *ret = datum_string(arena_strndup(c->t->arena, s, n));
    return 0;
}

int fn_trim_prefix(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    const char *s = c->args[1].s;
    *ret = datum_string(str_starts(s, c->args[0].s) ? s + strlen(c->args[0].s) : s);
    return 0;
}

int fn_trim_suffix(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    const char *s = c->args[1].s;
    size_t n = strlen(s) - (str_ends(s, c->args[0].s) ? strlen(c->args[0].s) : 0);
    *ret = datum_string(arena_strndup(c->t->arena, s, n));
    return 0;
}

/* Letters beyond ASCII keep their case. */
static int each(const struct call *c, int (*f)(int), struct datum *ret)
{
    char *s = arena_strdup(c->t->arena, c->args[0].s);
    for (char *p = s; *p; p++)
        if ((unsigned char)*p < 0x80)
            *p = (char)f((unsigned char)*p);
    *ret = datum_string(s);
    return 0;
}

int fn_upper(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    return each(c, toupper, ret);
}

int fn_lower(const struct call *c, struct datum *ret, struct error **err)
{
    (void)err;
    return each(c, tolower, ret);
}

int fn_replace(const struct call *c, struct datum *ret, struct error **err)
{
    const char *old = c->args[0].s, *new = c->args[1].s, *s = c->args[2].s;
    _cleanup_(text_free) struct text out = {0};
    size_t n = strlen(old);
    for (const char *p; n && (p = strstr(s, old)); s = p + n) {
        text_addn(&out, s, (size_t)(p - s));
        text_add(&out, new);
    }
    text_add(&out, s);
    return give(c, &out, ret, err);
}

/* Go's %q, for text that is UTF-8. */
static void add_quoted(struct text *out, const char *s)
{
    static const char from[] = "\a\b\f\n\r\t\v\\\"", to[] = "abfnrtv\\\"";
    text_addc(out, '"');
    for (; *s; s++) {
        const char *p = strchr(from, *s);
        if (p)
            text_addf(out, "\\%c", to[p - from]);
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            text_addf(out, "\\x%02x", (unsigned char)*s);
        else
            text_addc(out, *s);
    }
    text_addc(out, '"');
}

static int quote_all(const struct call *c, bool single, struct datum *ret, struct error **err)
{
    _cleanup_(text_free) struct text out = {0};
    for (size_t i = 0; i < c->n; i++) {
        const struct datum *d = &c->args[i];
        if (d->kind == DATUM_MISSING || d->kind == DATUM_NIL)
            continue; /* sprig: nothing at all, not even quotes */
        _cleanup_(text_free) struct text one = {0};
        datum_print(d, &one);
        if (out.len)
            text_addc(&out, ' ');
        if (single)
            text_addf(&out, "'%s'", text_str(&one));
        else
            add_quoted(&out, text_str(&one));
    }
    return give(c, &out, ret, err);
}

int fn_quote(const struct call *c, struct datum *ret, struct error **err)
{
    return quote_all(c, false, ret, err);
}

int fn_squote(const struct call *c, struct datum *ret, struct error **err)
{
    return quote_all(c, true, ret, err);
}

int fn_to_string(const struct call *c, struct datum *ret, struct error **err)
{
    _cleanup_(text_free) struct text out = {0};
    datum_print(&c->args[0], &out);
    return give(c, &out, ret, err);
}

static int indent(const struct call *c, bool line, struct datum *ret, struct error **err)
{
    long long n = c->args[0].i;
    if (n < 0 || n > 1000)
        return template_error(c->t, c->at, err, ERR_INVALID, "%s: %lld is no indentation", c->name, n);
    _cleanup_(text_free) struct text out = {0};
    if (line)
        text_addc(&out, '\n');
    text_addf(&out, "%*s", (int)n, "");
    for (const char *s = c->args[1].s; *s; s++) {
        text_addc(&out, *s);
        if (*s == '\n')
            text_addf(&out, "%*s", (int)n, "");
    }
    return give(c, &out, ret, err);
}

int fn_indent(const struct call *c, struct datum *ret, struct error **err)
{
    return indent(c, false, ret, err);
}

int fn_nindent(const struct call *c, struct datum *ret, struct error **err)
{
    return indent(c, true, ret, err);
}

static int key_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Go marshals maps sorted by key. */
static struct value *sorted(struct arena *a, const struct value *v)
{
    if (v->kind == VALUE_LIST) {
        struct value *list = value_list(a);
        for (size_t i = 0; i < v->n; i++)
            value_push(a, list, sorted(a, v->items[i]));
        return list;
    }
    if (v->kind != VALUE_MAP)
        return value_clone(a, v);
    const char **keys = arena_alloc(a, (v->n + 1) * sizeof *keys);
    for (size_t i = 0; i < v->n; i++)
        keys[i] = v->keys[i];
    qsort(keys, v->n, sizeof *keys, key_cmp);
    struct value *map = value_map(a);
    for (size_t i = 0; i < v->n; i++)
        value_set(a, map, keys[i], sorted(a, value_get(v, keys[i])));
    return map;
}

int fn_to_yaml(const struct call *c, struct datum *ret, struct error **err)
{
    _cleanup_(text_free) struct text out = {0};
    const struct value *v = sorted(c->t->arena, datum_to_value(c->t->arena, &c->args[0]));
    if (tree_write(&v, 1, &out, err))
        return -1;
    size_t n = out.len;
    const char *s = text_str(&out);
    while (n && s[n - 1] == '\n')
        n--;
    if (v->kind != VALUE_MAP && v->kind != VALUE_LIST && n > 4 && memcmp(s + n - 4, "\n...", 4) == 0)
        n -= 4; /* libyaml closes a document that is a bare scalar */
    *ret = datum_string(arena_strndup(c->t->arena, s, n));
    return 0;
}

int fn_to_json(const struct call *c, struct datum *ret, struct error **err)
{
    _cleanup_(text_free) struct text out = {0};
    value_json(sorted(c->t->arena, datum_to_value(c->t->arena, &c->args[0])), &out);
    return give(c, &out, ret, err);
}

int fn_join(const struct call *c, struct datum *ret, struct error **err)
{
    _cleanup_(text_free) struct text out = {0};
    const struct datum *over = &c->args[1];
    if (over->kind != DATUM_LIST) {
        datum_print(over, &out);
        return give(c, &out, ret, err);
    }
    for (size_t i = 0; i < over->v->n; i++) {
        struct datum d = datum_from_value(over->v->items[i]);
        if (i)
            text_add(&out, c->args[0].s);
        datum_print(&d, &out);
    }
    return give(c, &out, ret, err);
}

int fn_split_list(const struct call *c, struct datum *ret, struct error **err)
{
    const char *by = c->args[0].s, *s = c->args[1].s;
    size_t n = strlen(by);
    if (!n)
        return template_error(c->t, c->at, err, ERR_INVALID, "splitList: the separator is empty");
    struct value *list = value_list(c->t->arena);
    for (const char *p; (p = strstr(s, by)); s = p + n)
        value_push(c->t->arena, list,
                   value_string(c->t->arena, arena_strndup(c->t->arena, s, (size_t)(p - s))));
    value_push(c->t->arena, list, value_string(c->t->arena, s));
    *ret = datum_from_value(list);
    return 0;
}

/* fmt.Sprint: a space between two operands when neither is a string. */
int fn_print(const struct call *c, struct datum *ret, struct error **err)
{
    _cleanup_(text_free) struct text out = {0};
    bool line = str_eq(c->name, "println");
    for (size_t i = 0; i < c->n; i++) {
        if (i && (line || (c->args[i].kind != DATUM_STRING && c->args[i - 1].kind != DATUM_STRING)))
            text_addc(&out, ' ');
        datum_print(&c->args[i], &out);
    }
    if (line)
        text_addc(&out, '\n');
    return give(c, &out, ret, err);
}

/* One verb of printf with its flags: "%-5s", "%03d", "%.2f". Returns whether value and verb fit. */
static bool add_verb(struct text *out, const char *flags, size_t n, char verb, const struct datum *d)
{
    char format[48];
    _cleanup_(text_free) struct text s = {0};
    if (n > 24)
        return false;
    if (verb == 'v' || (verb == 's' && d->kind == DATUM_STRING) || (verb == 't' && d->kind == DATUM_BOOL)) {
        snprintf(format, sizeof format, "%%%.*ss", (int)n, flags);
        datum_print(d, &s);
    } else if (verb == 'q' && d->kind == DATUM_STRING) {
        snprintf(format, sizeof format, "%%%.*ss", (int)n, flags);
        add_quoted(&s, d->s);
    } else if (d->kind == DATUM_INT && strchr("dxXo", verb)) {
        snprintf(format, sizeof format, "%%%.*sll%c", (int)n, flags, verb);
        text_addf(out, format, d->i);
        return true;
    } else if (d->kind == DATUM_FLOAT && strchr("feEgG", verb)) {
        snprintf(format, sizeof format, "%%%.*s%c", (int)n, flags, verb);
        text_addf(out, format, d->f);
        return true;
    } else {
        return false;
    }
    text_addf(out, format, text_str(&s));
    return true;
}

int fn_printf(const struct call *c, struct datum *ret, struct error **err)
{
    _cleanup_(text_free) struct text out = {0};
    size_t arg = 1;
    for (const char *s = c->args[0].s; *s; s++) {
        if (*s != '%' || s[1] == '%') {
            text_addc(&out, *s);
            s += *s == '%';
            continue;
        }
        size_t n = strspn(s + 1, "-+ 0#.123456789");
        char verb = s[1 + n];
        /* a width that would fill memory is refused with the rest */
        if (n > 6 || !verb || arg >= c->n || !add_verb(&out, s + 1, n, verb, &c->args[arg]))
            return template_error(c->t, c->at, err, ERR_INVALID, "printf: \"%%%.*s%c\" does not fit %s",
                                  (int)n, s + 1, verb ? verb : '?',
                                  arg < c->n ? datum_type(&c->args[arg]) : "any argument");
        arg++;
        s += 1 + n;
    }
    if (arg < c->n)
        return template_error(c->t, c->at, err, ERR_INVALID, "printf: more arguments than verbs");
    return give(c, &out, ret, err);
}
