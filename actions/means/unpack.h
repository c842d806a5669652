/* The layers of an image into one tree of files. Layers are hostile until proved otherwise: nothing is
 * written or removed outside the tree, whatever they hold. Refused (ERR_INVALID): absolute names, `..`, names
 * with control characters, entries that pass through a symlink, hard links to anything but a file of the
 * tree, devices, FIFOs, and more files or bytes than any real image has. Symlinks are kept as they are and
 * never followed. Owners, set-id bits and times are not kept. */
#ifndef ACTIONS_MEANS_UNPACK_H
#define ACTIONS_MEANS_UNPACK_H

#include "actions/means/listing.h"

#include <stdatomic.h>

/* Where a layer's bytes come from: returns how many were read into buffer, 0 at the end, -1 on failure. */
struct byte_source {
    long (*read)(void *ctx, void *buffer, size_t size, struct error **err);
    void *ctx;
};

struct unpack;
/* root: an open, empty directory; borrowed. cancel may be NULL. */
struct unpack *unpack_new(int root, const atomic_bool *cancel);
void unpack_free(struct unpack *u);
void unpack_freep(struct unpack **u);
/* One layer over the earlier ones: tar, plain or compressed with gzip or zstd; whiteouts as in the OCI image
 * specification ("Layer Filesystem Changeset"). digest ("sha256:…") is that of the bytes as they come; all of
 * them are read. ERR_DIGEST: cut or corrupt. After a failure the tree is of no use. name is for messages. */
int unpack_layer(struct unpack *u, const char *name, const char *digest, const struct byte_source *from,
                 struct error **err);
/* What the tree holds now, sorted; sources are NULL. */
struct listing *unpack_listing(const struct unpack *u);

#endif
