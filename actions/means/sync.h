/* A tree of files to a node: only what it lacks, verified there, put in place file by file by rename, and
 * recorded only when all of it is right (docs/ON-NODE.md, manifests/). At most two programs are run:
 *
 *   1. compare: the node gets the list and answers which files it lacks. Those whose listing line and
 * recorded digest are unchanged are trusted, others of the right size are hashed. An unchanged, recorded tree
 * ends here.
 *   2. install: what is lacking comes as one tar into DEST.reconcile, is verified by SHA-256 and moved into
 * place; modes, directories, links; files that an earlier list had and this one lacks are removed; then it is
 * recorded.
 *
 * A cut transfer is resumed: what arrived whole is kept in DEST.reconcile and not sent again. */
#ifndef ACTIONS_MEANS_SYNC_H
#define ACTIONS_MEANS_SYNC_H

#include "actions/world.h"

/* For world_ops.tree, by any world whose sh() works. ERR_NO_SPACE: a disk is full; ERR_DIGEST: what arrived
 * is not what was sent; ERR_INVALID: a path that may not be. ret may be NULL. */
int sync_tree(struct world *w, int node, const char *cluster, const struct world_tree *t,
              struct world_tree_stats *ret, struct error **err);

#endif
