/* A tree that is being rendered: images laid over each other, then files that rendering makes. */
#ifndef ACTIONS_MEANS_RENDER_TREE_H
#define ACTIONS_MEANS_RENDER_TREE_H

#include "actions/means/listing.h"

struct tree_entry {
    struct world_file file;
    int image;        /* whose file the tree shows: an index into the images given; -1: made by rendering */
    const char *made; /* where its content lies until the tree is put in place, or NULL */
    bool gone;
};

struct render_tree {
    struct arena *arena;
    struct tree_entry *entries; /* sorted by path as long as nothing was added */
    size_t n, cap;
    const char *files;   /* directory for what is made, now */
    const char *settled; /* the same directory when the tree is in place */
};

/* Lays an image's files over what is there, without registry/; modes become 0755. The listing outlives the tree. */
void render_tree_lay(struct render_tree *t, const struct listing *files, int image);
struct tree_entry *render_tree_find(struct render_tree *t, const char *path);
/* Appends the content of a regular file. */
int render_tree_read(const struct tree_entry *e, struct text *out, struct error **err);
/* Makes or replaces a file, its directories too. */
int render_tree_write(struct render_tree *t, const char *path, const struct text *content, struct error **err);
/* What is there, sorted. */
void render_tree_list(const struct render_tree *t, struct listing *ret);

#endif
