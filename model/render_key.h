/* The key of a rendered tree: a digest of everything that it is made from, computed from the want alone,
 * before anything is pulled. Equal keys mean equal trees. */
#ifndef MODEL_RENDER_KEY_H
#define MODEL_RENDER_KEY_H

#include "model/digest.h"
#include "model/want.h"

/* Raise it when the same inputs give another tree than before: nodes are then brought up to date once. */
#define RENDER_VERSION "1"

/* Of the rootfs tree: all rootfs and patch images in order, their Configs, env (sorted, unique:
 * want_environment). */
void render_key(const struct want *w, const struct want_env *env, size_t n_env, char out[DIGEST_HEX]);
/* Of an application image's work directory. */
void render_key_application(const struct want *w, int image, char out[DIGEST_HEX]);
/* The environment of an application's templates and commands: its image's, then spec.env without SEALOS_SYS*
 * (facts section 1.4: what Sealos keeps in the mount). Sorted by key, unique. */
void render_environment_application(const struct want *w, struct arena *a, int image, struct want_env **ret,
                                    size_t *ret_n);
/* Does this Config touch this image's tree? Those without a match touch all (facts section 1.3). */
bool render_config_applies(const struct want_config *c, const struct want_image *i);

#endif
