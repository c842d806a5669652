/* YAML and JSON text into model/value trees, by libfyaml's events, with the place of everything. Checks what
 * libfyaml 0.7.12 does not: bytes that are not UTF-8 or are control characters (they would silently end the
 * stream), duplicate keys, undefined aliases, depth (64) and expansion of aliases and `<<` (a budget of
 * nodes). Never fy_document: it has no places for maps, and resolves a "billion laughs" for 18 s and 6 GB. */
#ifndef SCHEMA_TREE_H
#define SCHEMA_TREE_H

#include "model/error.h"
#include "model/value.h"
#include "schema/source.h"

/* A key that stands twice in one map: byte ranges of both. The later value is the one kept. */
struct duplicate {
    const char *key;
    uint32_t first, first_end, again, again_end;
};

struct document {
    struct value *root; /* never NULL; VALUE_NULL for an empty document */
    size_t start, end;  /* byte range in the text: of the root; end is the next token's start */
    const struct duplicate *duplicates; /* filled by tree_read only */
    size_t n_duplicates;
};

struct documents {
    struct document *docs;
    size_t n;
};

/* text need not be NUL-terminated; name is for messages. Values are in arena. -1: see errors (at least one).
 */
int tree_parse(struct arena *arena, const char *name, const char *text, size_t len, struct documents *ret,
               struct error_list *errors);
/* As tree_parse, but duplicate keys are told in the documents instead of being errors (whether they are
 * depends on the kind of document), and the source is the caller's, for more errors about the same text.
 * On failure ret holds the documents before the error. */
int tree_read(struct arena *arena, struct source *source, struct documents *ret, struct error_list *errors);
/* Turns a document's duplicates into errors (or warnings, as the caller sees them). */
void tree_add_duplicates(struct source *source, const struct document *d, struct error_list *errors);
/* One document (a node's JSON answer, say), first error only. */
int tree_parse_one(struct arena *arena, const char *name, const char *text, size_t len, struct value **ret,
                   struct error **err);

/* Writes value trees as YAML by libyaml; maps keep their order; strings that YAML would read as another type
 * are quoted. Documents after the first are separated by "---". */
int tree_write(const struct value *const *docs, size_t n, struct text *out, struct error **err);
/* One value, its strings of several lines in quotes and not as literal blocks, whose end depends on what
 * follows: for text that is set among other text. */
int tree_write_quoted(const struct value *v, struct text *out, struct error **err);
/* Whether YAML 1.1 or 1.2 would, or a reader in doubt might, read this plain text as something but a string.
 */
bool tree_typed_by_yaml(const char *s);

#endif
