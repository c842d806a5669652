/* The local store of images and rendered trees, by digest, shared between clusters and runs and safe against
 * several of them at once: whatever is there is complete. Under $XDG_CACHE_HOME/reconcile, else
 * ~/.cache/reconcile:
 *
 *   images/HEX/   tree/, listing, manifest.json, config.json
 *   renders/KEY/  files/ (what rendering made; all else stays in the images' trees), listing
 *   blobs/        manifests and configs by digest: planning again needs no registry for them
 *   tmp/, locks/
 */
#ifndef ACTIONS_MEANS_STORE_H
#define ACTIONS_MEANS_STORE_H

#include "actions/means/listing.h"
#include "actions/means/oci.h"

struct store;
/* dir: NULL for the default. options are copied but for what they point to; their cache is set to the
 * store's. */
int store_new(const char *dir, const struct oci_options *options, struct store **ret, struct error **err);
void store_free(struct store *s);
void store_freep(struct store **s);
const char *store_dir(const struct store *s);

/* oci_resolve with image->recorded_digest as the pin; a pinned image that the store knows needs its source no
 * more. */
int store_resolve(struct store *s, struct arena *a, struct want_image *image, const char **moved,
                  struct error **err);

bool store_has(const struct store *s, const char *digest);
bool store_has_render(const struct store *s, const char *key);
/* Copies, verifies and unpacks; nothing where it is already there. */
int store_pull(struct store *s, const struct want_image *image, void (*progress)(void *ctx, const char *line),
               void *ctx, struct error **err);
/* All files of an image, with their sources. ERR_NOT_FOUND: not pulled. */
int store_listing(const struct store *s, const char *digest, struct listing **ret, struct error **err);
/* The registry/ of an image, paths relative to it, modes as Sealos sets them (0755); empty where it has none.
 */
int store_registry(const struct store *s, const char *digest, struct listing **ret, struct error **err);

/* Making something atomically: begin locks the name and gives an empty directory, unless it is already there
 * (*ret_dir NULL). commit puts it in place; end cleans up and unlocks in any case. kind: "images", "renders".
 */
struct store_work;
int store_begin(struct store *s, const char *kind, const char *name, struct store_work **ret,
                const char **ret_dir, struct error **err);
int store_commit(struct store_work *w, struct error **err);
void store_endp(struct store_work **w); /* for _cleanup_ */

#endif
