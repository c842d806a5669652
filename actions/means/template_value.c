/* Values as Go sees them: types, truth, printing. */
#include "actions/means/template_int.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct datum datum_string(const char *s)
{
    return (struct datum){.kind = DATUM_STRING, .s = s};
}

struct datum datum_int(long long i)
{
    return (struct datum){.kind = DATUM_INT, .i = i};
}

struct datum datum_bool(bool b)
{
    return (struct datum){.kind = DATUM_BOOL, .b = b};
}

static bool number(const char *s, struct datum *ret)
{
    char *end;
    if (!*s || strspn(s, "0123456789+-.eE") != strlen(s))
        return false;
    errno = 0;
    long long i = strtoll(s, &end, 10);
    if (!*end && !errno) {
        *ret = datum_int(i);
        return true;
    }
    errno = 0;
    double f = strtod(s, &end);
    if (*end || !isfinite(f))
        return false;
    *ret = (struct datum){.kind = DATUM_FLOAT, .f = f};
    return true;
}

struct datum datum_from_value(const struct value *v)
{
    struct datum d = {.kind = DATUM_MISSING};
    if (!v)
        return d;
    if (value_is_null(v)) {
        d.kind = DATUM_NIL;
    } else if (v->kind == VALUE_SCALAR) {
        if (value_truth(v) != VALUE_NEITHER)
            return datum_bool(value_truth(v) == VALUE_YES);
        if (v->plain && number(v->text, &d))
            return d;
        return datum_string(v->text);
    } else {
        d.kind = v->kind == VALUE_LIST ? DATUM_LIST : DATUM_MAP;
        d.v = v;
    }
    return d;
}

/* Go's %v of a float64: the shortest text that reads back equal, with an exponent from 1e21 and below 1e-4.
 */
static void print_float(double f, struct text *out)
{
    char s[64];
    int precision = 1;
    do
        snprintf(s, sizeof s, "%.*e", precision - 1, f);
    while (strtod(s, NULL) != f && precision++ < 17);
    int exponent = (int)strtol(strchr(s, 'e') + 1, NULL, 10);
    if (f == 0)
        text_add(out, signbit(f) ? "-0" : "0");
    else if (exponent < -4 || exponent >= 21)
        text_add(out, s);
    else
        text_addf(out, "%.*f", precision - 1 > exponent ? precision - 1 - exponent : 0, f);
}

struct value *datum_to_value(struct arena *a, const struct datum *d)
{
    _cleanup_(text_free) struct text t = {0};
    switch (d->kind) {
    case DATUM_MISSING:
    case DATUM_NIL:
        return value_null(a);
    case DATUM_BOOL:
        return value_bool(a, d->b);
    case DATUM_INT:
        return value_int(a, d->i);
    case DATUM_FLOAT:
        print_float(d->f, &t);
        return value_plain(a, text_str(&t));
    case DATUM_STRING:
        return value_string(a, d->s);
    default:
        return value_clone(a, d->v);
    }
}

bool datum_truth(const struct datum *d)
{
    switch (d->kind) {
    case DATUM_BOOL:
        return d->b;
    case DATUM_INT:
        return d->i != 0;
    case DATUM_FLOAT:
        return d->f != 0;
    case DATUM_STRING:
        return *d->s != 0;
    case DATUM_LIST:
    case DATUM_MAP:
        return d->v->n > 0;
    default:
        return false;
    }
}

const char *datum_type(const struct datum *d)
{
    static const char *const names[] = {"a missing value", "nil",    "bool", "int",
                                        "float64",         "string", "list", "map"};
    return names[d->kind];
}

static int key_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_inner(const struct datum *d, struct text *out, bool inside)
{
    switch (d->kind) {
    case DATUM_MISSING:
    case DATUM_NIL:
        text_add(out, inside ? "<nil>" : "<no value>");
        return;
    case DATUM_BOOL:
        text_add(out, d->b ? "true" : "false");
        return;
    case DATUM_INT:
        text_addf(out, "%lld", d->i);
        return;
    case DATUM_FLOAT:
        print_float(d->f, out);
        return;
    case DATUM_STRING:
        text_add(out, d->s);
        return;
    case DATUM_LIST:
        text_addc(out, '[');
        for (size_t i = 0; i < d->v->n && !out->failed; i++) {
            struct datum e = datum_from_value(d->v->items[i]);
            if (i)
                text_addc(out, ' ');
            print_inner(&e, out, true);
        }
        text_addc(out, ']');
        return;
    case DATUM_MAP:
        break;
    }
    const char **keys = mem_array(NULL, d->v->n + 1, sizeof *keys);
    for (size_t i = 0; i < d->v->n; i++)
        keys[i] = d->v->keys[i];
    qsort(keys, d->v->n, sizeof *keys, key_cmp); /* Go prints maps sorted */
    text_add(out, "map[");
    for (size_t i = 0; i < d->v->n && !out->failed; i++) {
        struct datum e = datum_from_value(value_get(d->v, keys[i]));
        text_addf(out, "%s%s:", i ? " " : "", keys[i]);
        print_inner(&e, out, true);
    }
    text_addc(out, ']');
    free(keys);
}

void datum_print(const struct datum *d, struct text *out)
{
    print_inner(d, out, false);
}
