/* From the command line to a want, and from a want to the world: reading the Clusterfile, resolving images, the targets
 * of SSH. */
#ifndef RECONCILER_LOAD_H
#define RECONCILER_LOAD_H

#include "actions/means/ssh_config.h"
#include "actions/means/store.h"
#include "actions/means/transport.h"
#include "model/want.h"
#include "reconciler/cli.h"
#include "reconciler/out_text.h"
#include "schema/tree.h"

#include <stdatomic.h>

struct loaded {
    atomic_bool cancelled; /* what the store does on this machine ends soon */
    const char *name;   /* the file as given; "-": stdin */
    struct text text;   /* as read */
    struct want *want;
    struct error_list warnings;
    struct store *store;
    /* per host, borrowing from want */
    struct transport_target *targets;
    struct transport_key *keys;
    const char *known_hosts[2];
    struct ssh_config_cache *config;
};
void loaded_free(struct loaded *l); /* for _cleanup_ */

/* Reads and checks the file. Errors and warnings are printed to stderr as they stand; -1: exit 3 (or 1 for a file that
 * cannot be read, said in err). */
int load_file(const struct options *o, const struct style *style, struct loaded *ret, struct error **err);
/* Resolves images against the store and finishes the want (ERR_INVALID: exit 3), prepares targets. */
int load_images(const struct style *style, struct loaded *l, struct error **err);
int load_targets(const struct options *o, struct loaded *l, struct error **err);
/* A flag's duration into *ret, which stays as it is where text is NULL. ERR_USAGE. */
int load_seconds(const char *text, const char *flag, unsigned *ret, struct error **err);

#endif
