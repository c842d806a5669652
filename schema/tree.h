/* YAML and JSON text into model/value trees, by libfyaml's events, with the place of everything. Checks what
 * libfyaml does not: bytes that are not UTF-8 or are control characters (they would silently end the stream),
 * duplicate keys, undefined aliases, depth (64) and expansion of aliases and `<<` (a budget of nodes). */
#ifndef SCHEMA_TREE_H
#define SCHEMA_TREE_H

#include "model/error.h"
#include "model/value.h"

struct document {
    struct value *root;       /* never NULL; VALUE_NULL for an empty document */
    size_t start, end;        /* byte range in the text */
};

struct documents {
    struct document *docs;
    size_t n;
};

/* Every syntax error found, as a chain-free list: the caller prints them all. */
struct error_list {
    struct error **errors;
    size_t n, cap;
};
void error_list_free(struct error_list *l);
struct error **error_list_add(struct error_list *l); /* a slot to pass as err */

/* text need not be NUL-terminated; name is for messages. Values are in arena. -1: see errors (at least one). */
int tree_parse(struct arena *arena, const char *name, const char *text, size_t len, struct documents *ret,
               struct error_list *errors);
/* One document (a node's JSON answer, say), first error only. */
int tree_parse_one(struct arena *arena, const char *name, const char *text, size_t len, struct value **ret,
                   struct error **err);

/* Writes value trees as YAML by libyaml; maps keep their order; strings that YAML would read as another type
 * are quoted. Documents after the first are separated by "---". */
int tree_write(const struct value *const *docs, size_t n, struct text *out, struct error **err);

#endif
