/* The JSON of images: manifests, indexes, configs. Between oci.c and oci_json.c. */
#ifndef ACTIONS_MEANS_OCI_JSON_H
#define ACTIONS_MEANS_OCI_JSON_H

#include "actions/means/oci.h"

/* The architecture in the words of images ("amd64"), for NULL this machine's. */
const char *oci_arch(const char *arch);
bool oci_is_index(const struct value *manifest);
/* The digest of the entry for this architecture. name is for messages. */
int oci_choose(const struct value *index, const char *arch, const char *name, const char **ret,
               struct error **err);
/* index.json of a layout: the entry of this tag (NULL: the only one), for this architecture. */
int oci_choose_tag(const struct value *index, const char *tag, const char *arch, const char *name,
                   const char **ret, struct error **err);
/* Labels, environment, commands and type out of a config. */
int oci_describe(struct arena *a, const struct value *config, struct want_image *image, struct error **err);

#endif
