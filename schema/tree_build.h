/* How tree.c makes values of events: the stack of open maps and lists, anchors and their budget. */
#ifndef SCHEMA_TREE_BUILD_H
#define SCHEMA_TREE_BUILD_H

#include "schema/tree.h"

#define TREE_DEPTH 64           /* as libfyaml's own documents have it */
#define TREE_ALIAS_NODES 100000 /* nodes that all aliases of a file may expand to */

struct child { /* a finished child of a map or list that is still open */
    const char *key;
    struct value *value;
    bool merge; /* under `<<` */
};

struct frame { /* an open map or list */
    struct value *value;
    size_t base; /* its first entry */
    bool flow;
    const char *key; /* map: the key that waits for its value, or NULL */
    bool key_plain;
    uint32_t key_start, key_end;
    int key_line, key_column;
    char *anchor; /* its name; owned by the arena, or NULL */
};

struct build {
    struct arena *arena;
    struct source *source;
    struct error_list *errors;
    struct frame frames[TREE_DEPTH];
    size_t depth;
    struct child *entries; /* of all open frames, one stack */
    size_t n, cap;
    void *anchors; /* tsearch tree of struct anchor; of this document */
    size_t alias_nodes;
    struct value *root;
    size_t last_end; /* end of the last token: the place of values that have none */
    struct duplicate *duplicates;
    size_t n_duplicates, cap_duplicates;
};

/* -1: an error was added. */
int build_scalar(struct build *b, struct value *v, const char *anchor);
int build_open(struct build *b, struct value *v, bool flow, const char *anchor);
int build_close(struct build *b, size_t end);
int build_alias(struct build *b, const char *name, size_t start, size_t end, int line, int column);
/* Forgets anchors; between documents. */
void build_reset(struct build *b);

#endif
