/* A list of the files of a tree, in memory and as a text file: what an image holds, what a render makes. The
 * elements are those that the world distributes (struct world_file), so nothing is converted on the way to a
 * node. */
#ifndef ACTIONS_MEANS_LISTING_H
#define ACTIONS_MEANS_LISTING_H

#include "actions/world.h"

struct listing {
    struct arena *arena; /* own; everything lives in it */
    struct world_file *files;
    size_t n, cap;
};

struct listing *listing_new(void);
void listing_free(struct listing *l);
void listing_freep(struct listing **l);
struct world_file *listing_add(struct listing *l); /* zeroed; valid until the next add */
void listing_sort(struct listing *l);              /* by path, strcmp */
const struct world_file *listing_find(const struct listing *l, const char *path); /* sorted; NULL: none */

/* Brings a path into the one form that all of us use: relative, '/'-separated, no empty, "." or ".." parts,
 * at most 4095 bytes and 128 parts, no control characters. "" is the root. NULL: cannot be; *why says it. */
char *listing_path(struct arena *a, const char *raw, const char **why);
/* No control characters: they would break lines of listings. */
bool listing_line_safe(const char *s);

/* Written to a temporary name, synced, renamed. Sources are kept relative to base where they lie under it. */
int listing_write(const struct listing *l, const char *file, const char *base, struct error **err);
/* ERR_NOT_FOUND: there is no such file; ERR_PROTOCOL: it is damaged. */
int listing_read(const char *file, const char *base, struct listing **ret, struct error **err);

/* The SHA-256 of a local file's content. */
int listing_hash(const char *file, char out[65], struct error **err);

#endif
