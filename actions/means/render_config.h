/* Config documents (facts section 1.3): onto a file of a tree, by strategy. */
#ifndef ACTIONS_MEANS_RENDER_CONFIG_H
#define ACTIONS_MEANS_RENDER_CONFIG_H

#include "actions/means/render_tree.h"
#include "model/want.h"

struct render_config {
    const char *name, *path, *strategy, *data;
    int image; /* only where this image's file is what the tree shows, or where there is none; -1: everywhere */
};

/* Config documents of an image's config.yml, appended; others in it are left alone. */
int render_config_read(struct arena *a, const char *where, const struct text *yaml, int image, struct render_config **list,
                       size_t *n, size_t *cap, struct error **err);
/* ERR_INVALID names the Config and the file. */
int render_config_apply(struct render_tree *t, const struct render_config *c, struct error **err);

#endif
