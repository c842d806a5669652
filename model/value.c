#include "model/value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static struct value *make(struct arena *a, enum value_kind kind, const char *text, bool plain)
{
    struct value *v = arena_alloc(a, sizeof *v);
    v->kind = kind;
    v->text = text ? arena_strdup(a, text) : "";
    v->plain = plain;
    return v;
}

struct value *value_null(struct arena *a)
{
    return make(a, VALUE_NULL, NULL, true);
}

struct value *value_string(struct arena *a, const char *text)
{
    return make(a, VALUE_SCALAR, text, false);
}

struct value *value_plain(struct arena *a, const char *text)
{
    return make(a, VALUE_SCALAR, text, true);
}

struct value *value_bool(struct arena *a, bool b)
{
    return value_plain(a, b ? "true" : "false");
}

struct value *value_int(struct arena *a, long long n)
{
    char s[32];
    snprintf(s, sizeof s, "%lld", n);
    return value_plain(a, s);
}

struct value *value_list(struct arena *a)
{
    return make(a, VALUE_LIST, NULL, false);
}

struct value *value_map(struct arena *a)
{
    return make(a, VALUE_MAP, NULL, false);
}

struct value *value_clone(struct arena *a, const struct value *v)
{
    if (!v)
        return NULL;
    struct value *c = make(a, v->kind, v->text, v->plain);
    c->line = v->line;
    c->column = v->column;
    c->start = v->start;
    c->end = v->end;
    c->key_start = v->key_start;
    c->key_end = v->key_end;
    for (size_t i = 0; i < v->n; i++) {
        struct value *item = value_clone(a, v->items[i]);
        if (v->kind == VALUE_MAP)
            value_set(a, c, v->keys[i], item);
        else
            value_push(a, c, item);
    }
    return c;
}

void value_push(struct arena *a, struct value *list, struct value *item)
{
    struct value **slot = arena_push(a, &list->items, &list->n, &list->cap, sizeof(struct value *));
    *slot = item;
}

static size_t find(const struct value *map, const char *key, bool any_case)
{
    if (!map || map->kind != VALUE_MAP)
        return SIZE_MAX;
    for (size_t i = 0; i < map->n; i++)
        if (any_case ? strcasecmp(map->keys[i], key) == 0 : strcmp(map->keys[i], key) == 0)
            return i;
    return SIZE_MAX;
}

void value_set(struct arena *a, struct value *map, const char *key, struct value *item)
{
    size_t i = find(map, key, false);
    if (i != SIZE_MAX) {
        map->items[i] = item;
        return;
    }
    size_t n = map->n;
    const char **k = arena_push(a, &map->keys, &n, &map->key_cap, sizeof(char *));
    *k = arena_strdup(a, key);
    value_push(a, map, item);
}

void value_remove(struct value *map, const char *key)
{
    size_t i = find(map, key, false);
    if (i == SIZE_MAX)
        return;
    memmove(map->keys + i, map->keys + i + 1, (map->n - i - 1) * sizeof *map->keys);
    memmove(map->items + i, map->items + i + 1, (map->n - i - 1) * sizeof *map->items);
    map->n--;
}

struct value *value_get(const struct value *map, const char *key)
{
    size_t i = find(map, key, false);
    return i == SIZE_MAX ? NULL : map->items[i];
}

struct value *value_get_ci(const struct value *map, const char *key)
{
    struct value *exact = value_get(map, key);
    if (exact)
        return exact;
    size_t i = find(map, key, true);
    return i == SIZE_MAX ? NULL : map->items[i];
}

/* The next dotted part of *path into key; false when it is too long or there is none. */
static bool part(const char **path, char key[128])
{
    size_t n = strcspn(*path, ".");
    if (n == 0 || n >= 128)
        return false;
    memcpy(key, *path, n);
    key[n] = 0;
    *path += n + ((*path)[n] == '.');
    return true;
}

struct value *value_path(const struct value *map, const char *path)
{
    char key[128];
    const struct value *v = map;
    while (*path && v) {
        if (!part(&path, key))
            return NULL;
        v = value_get_ci(v, key);
    }
    return (struct value *)v;
}

struct value *value_make(struct arena *a, struct value *map, const char *path)
{
    char key[128];
    while (*path && part(&path, key)) {
        struct value *next = value_get_ci(map, key);
        if (!next || next->kind != VALUE_MAP) {
            struct value *fresh = value_map(a);
            size_t i = find(map, key, true);
            if (i != SIZE_MAX)
                map->items[i] = fresh;
            else
                value_set(a, map, key, fresh);
            next = fresh;
        }
        map = next;
    }
    return map;
}

const char *value_text(const struct value *v, const char *otherwise)
{
    return v && v->kind == VALUE_SCALAR ? v->text : otherwise;
}

bool value_is_null(const struct value *v)
{
    if (!v || v->kind == VALUE_NULL)
        return true;
    if (v->kind != VALUE_SCALAR || !v->plain)
        return false;
    const char *t = v->text;
    if (*t != 'n' && *t != 'N') /* asked of every scalar: most answers end here */
        return !*t || str_eq(t, "~");
    return str_eq(t, "null") || str_eq(t, "Null") || str_eq(t, "NULL");
}

enum value_truth value_truth(const struct value *v)
{
    if (!v || v->kind != VALUE_SCALAR || !v->plain)
        return VALUE_NEITHER;
    const char *t = v->text;
    if (*t != 't' && *t != 'T' && *t != 'f' && *t != 'F')
        return VALUE_NEITHER;
    if (str_eq(t, "true") || str_eq(t, "True") || str_eq(t, "TRUE"))
        return VALUE_YES;
    if (str_eq(t, "false") || str_eq(t, "False") || str_eq(t, "FALSE"))
        return VALUE_NO;
    return VALUE_NEITHER;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (value_is_null(a) || value_is_null(b))
        return value_is_null(a) && value_is_null(b);
    if (a->kind != b->kind || a->n != b->n)
        return false;
    if (a->kind == VALUE_SCALAR)
        return strcmp(a->text, b->text) == 0;
    for (size_t i = 0; i < a->n; i++) {
        const struct value *other = a->kind == VALUE_MAP ? value_get(b, a->keys[i]) : b->items[i];
        if (a->kind == VALUE_MAP && find(b, a->keys[i], false) == SIZE_MAX)
            return false;
        if (!value_equal(a->items[i], other))
            return false;
    }
    return true;
}

/* RFC 8259's number. */
static bool json_number(const char *s)
{
    if (*s == '-')
        s++;
    if (!isdigit((unsigned char)*s))
        return false;
    if (*s == '0' && isdigit((unsigned char)s[1]))
        return false;
    while (isdigit((unsigned char)*s))
        s++;
    if (*s == '.') {
        if (!isdigit((unsigned char)*++s))
            return false;
        while (isdigit((unsigned char)*s))
            s++;
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        if (*s == '+' || *s == '-')
            s++;
        if (!isdigit((unsigned char)*s))
            return false;
        while (isdigit((unsigned char)*s))
            s++;
    }
    return *s == 0;
}

void value_json(const struct value *v, struct text *out)
{
    if (value_is_null(v)) {
        text_add(out, "null");
    } else if (v->kind == VALUE_SCALAR) {
        if (value_truth(v) != VALUE_NEITHER)
            text_add(out, value_truth(v) == VALUE_YES ? "true" : "false");
        else if (v->plain && json_number(v->text))
            text_add(out, v->text);
        else
            text_add_json(out, v->text);
    } else {
        text_addc(out, v->kind == VALUE_MAP ? '{' : '[');
        for (size_t i = 0; i < v->n; i++) {
            if (i)
                text_addc(out, ',');
            if (v->kind == VALUE_MAP) {
                text_add_json(out, v->keys[i]);
                text_addc(out, ':');
            }
            value_json(v->items[i], out);
        }
        text_addc(out, v->kind == VALUE_MAP ? '}' : ']');
    }
}
