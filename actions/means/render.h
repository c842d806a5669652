/* Image trees, environment and Configs into the tree that nodes get (facts sections 1.3 and 3.5). In order:
 * images laid over each other (without registry/) → Configs onto *.tmpl and *.tpl → templates under etc/, scripts/ and
 * manifests/ rendered beside themselves → all other Configs. So a Config onto etc/x wins over etc/x.tmpl, and one onto
 * etc/x.tmpl is rendered. Every file and directory has mode 0755, as Sealos makes it. A Config without a match is
 * applied once to the whole tree; with one, only where that image's file is what the tree shows. Config documents in an
 * image's config.yml come before the user's and are for that image.
 *
 * What a template or a Config made is kept under renders/KEY in the store; all other files stay in the images' trees and
 * are only referred to. Errors carry file, line and column: IMAGE/PATH. Nothing is half made. */
#ifndef ACTIONS_MEANS_RENDER_H
#define ACTIONS_MEANS_RENDER_H

#include "actions/means/store.h"

/* The rootfs tree of a distinct render (an index into want->render_host); its key is want->render_keys of that host.
 * The images must have been pulled. Nothing where it is already there. */
int render_rootfs(struct store *s, const struct want *w, int render, struct error **err);
/* An application's work directory; its key is render_key_application (model/render_key.h). */
int render_application(struct store *s, const struct want *w, int image, struct error **err);
/* The files of what was rendered, sorted, with their sources. ERR_NOT_FOUND: it was not. */
int render_load(const struct store *s, const char *key, struct listing **ret, struct error **err);

#endif
