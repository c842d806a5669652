/* Registries, by skopeo: its credentials, mirrors and policy are the user's own. Between oci.c and
 * oci_registry.c. */
#ifndef ACTIONS_MEANS_OCI_REGISTRY_H
#define ACTIONS_MEANS_OCI_REGISTRY_H

#include "actions/means/oci_place.h"

/* One image while it is being looked up. */
struct oci_lookup {
    struct arena *arena;
    const struct oci_options *o;
    struct oci_reference ref;
    struct oci_place place; /* all but registries */
    const char *name;       /* the reference as written, for messages */
};

/* The raw manifest, or the raw config, of this digest (NULL: of what the reference names). ERR_NOT_FOUND: no
 * such image, or no skopeo; ERR_AUTH; ERR_UNREACHABLE. Nothing is verified here. */
int oci_registry_inspect(const struct oci_lookup *l, const char *digest, bool config, struct text *out,
                         struct error **err);
/* Everything of it into the directory `scratch`, manifest unchanged; l->place then is that. */
int oci_registry_fetch(struct oci_lookup *l, const char *digest, const char *scratch, struct error **err);

#endif
