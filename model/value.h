/* A generic tree of maps, lists and scalars: what kubeadm's documents, Configs and JSON answers are made of.
 * Everything lives in one arena; nothing is freed singly. Scalars keep the text as written; `plain` says that
 * YAML's own typing applies (an unquoted true, 12, null), a quoted one is always a string. */
#ifndef MODEL_VALUE_H
#define MODEL_VALUE_H

#include "model/text.h"

enum value_kind { VALUE_NULL, VALUE_SCALAR, VALUE_LIST, VALUE_MAP };

struct value {
    enum value_kind kind;
    bool plain;           /* scalar without quotes */
    const char *text;     /* scalar: its text; null: "" */
    const char **keys;    /* map: n keys, in the order written, unique */
    struct value **items; /* list, map: n values */
    size_t n, cap, key_cap; /* n is the count; the rest is growth */
    int line, column;     /* from 1, where it came from a file; else 0 */
    /* Byte ranges in that file, quotes and brackets included; end 0: none (made by a program, by an alias or
     * by a merge key). key_start and key_end: of the key under which it stands in its map. */
    uint32_t start, end, key_start, key_end;
};

struct value *value_null(struct arena *a);
struct value *value_string(struct arena *a, const char *text); /* quoted: always a string */
struct value *value_plain(struct arena *a, const char *text);  /* typed by YAML: true, 12, … */
struct value *value_bool(struct arena *a, bool b);
struct value *value_int(struct arena *a, long long n);
struct value *value_list(struct arena *a);
struct value *value_map(struct arena *a);
struct value *value_clone(struct arena *a, const struct value *v); /* NULL gives NULL */

void value_push(struct arena *a, struct value *list, struct value *item);
/* Sets or replaces; a key already there keeps its position. */
void value_set(struct arena *a, struct value *map, const char *key, struct value *item);
void value_remove(struct value *map, const char *key);

/* Lookups take NULL and wrong kinds and then give NULL. */
struct value *value_get(const struct value *map, const char *key);
struct value *value_get_ci(const struct value *map, const char *key); /* ASCII letter case ignored */
/* "a.b.c", keys without dots; case-insensitive as Sealos reads kubeadm documents. */
struct value *value_path(const struct value *map, const char *path);
/* As value_path but makes the maps on the way. */
struct value *value_make(struct arena *a, struct value *map, const char *path);
const char *value_text(const struct value *v, const char *otherwise); /* scalar's text, else otherwise */
bool value_is_null(const struct value *v);                            /* NULL, null, ~, empty plain */
enum value_truth { VALUE_NO, VALUE_YES, VALUE_NEITHER };
enum value_truth value_truth(const struct value *v); /* plain true/false in YAML 1.2's spellings */

/* Equal by meaning: maps without order, lists with, plain and quoted text alike. */
bool value_equal(const struct value *a, const struct value *b);
/* Compact JSON. Plain scalars that are JSON numbers, true, false, null stay so; all else is a string. */
void value_json(const struct value *v, struct text *out);

#endif
