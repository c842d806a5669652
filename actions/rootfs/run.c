#include "actions/families.h"
#include "actions/means/render.h"
#include "actions/world.h"

static int push_run(struct run_context *c, struct error **err)
{
    const char *key = c->want->render_keys[c->node];
    _cleanup_(listing_freep) struct listing *files = NULL;
    if (render_load(c->store, key, &files, err) < 0)
        return -1;
    static const char *const keep[] = {"registry", NULL}; /* the registry's storage: never a refresh's business */
    _cleanup_(mem_freep) char *dest = mem_printf("/var/lib/sealos/data/%s/rootfs", c->want->cluster);
    struct world_tree tree = {.dest = dest, .files = files->files, .n = files->n, .key = key, .name = "rootfs",
                              .keep = keep, .prune = true};
    struct world_tree_stats stats = {0};
    return world_tree(c->world, c->node, &tree, &stats, err);
}

const struct kind_run run_rootfs_push = {"rootfs.push", push_run};
