/* Local files as one tar stream, made while it is sent: the `feed` of a world_script. ustar, with GNU's long
 * names where they are needed: both GNU tar and busybox read it. Owner root, time now: what a node does with
 * it decides. */
#ifndef ACTIONS_MEANS_TAR_FEED_H
#define ACTIONS_MEANS_TAR_FEED_H

#include "actions/world.h"

struct tar_feed;
/* files: what is sent, in this order; directories are left out. Borrowed. */
struct tar_feed *tar_feed_new(const struct world_file *const *files, size_t n);
void tar_feed_free(struct tar_feed *t);
void tar_feed_freep(struct tar_feed **t);
/* For world_script.feed, with the tar_feed as its ctx. ERR_CONFLICT: a file has changed since it was listed.
 */
int tar_feed_next(void *tar_feed, const void **data, size_t *len, struct error **err);

#endif
