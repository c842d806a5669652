/* The tree that unpack.c builds: which paths there are, from which layer, and the safe ways to change it. */
#ifndef ACTIONS_MEANS_UNPACK_TREE_H
#define ACTIONS_MEANS_UNPACK_TREE_H

#include "actions/means/unpack.h"

enum entry_kind { ENTRY_FILE, ENTRY_DIRECTORY, ENTRY_LINK };

struct entry {
    const char *path;
    enum entry_kind kind;
    uint32_t mode;
    uint64_t size;
    char sha256[65];
    const char *link;
    int layer;
    bool gone;
};

struct unpack {
    int root;
    const atomic_bool *cancel;
    struct arena *arena;
    struct entry *entries;
    size_t n, cap;
    size_t *table; /* hash table of index + 1; 0: free */
    size_t table_size;
    int layer;
    uint64_t bytes, scanned;
    int parent; /* the directory that was last worked in, or -1 */
    const char *parent_path;
};

struct entry *unpack_find(const struct unpack *u, const char *path); /* NULL: not there (any more) */
/* The entry of path, new or reused, belonging to the current layer; NULL and an error when there are too
 * many. */
struct entry *unpack_enter(struct unpack *u, const char *path, struct error **err);
/* The directory that path stands in, made where missing, and its last part. Never passes a symlink. The
 * descriptor belongs to u and is good until the next call. */
int unpack_parent(struct unpack *u, const char *path, int *ret_dir, const char **ret_name,
                  struct error **err);
/* Makes way for something new at path: whatever stands there, and below, goes. */
int unpack_clear(struct unpack *u, const char *path, struct error **err);
/* A whiteout: what lower layers have at path (unless it is `opaque`: only below it) goes. */
int unpack_whiteout(struct unpack *u, const char *path, bool opaque, struct error **err);

#endif
