/* Cluster images: what a reference means, and where its bytes are. References are those of containers/image:
 *
 *   oci:DIR[:TAG]              an OCI layout; read directly
 *   oci-archive:FILE[:TAG]     the same as a tar; read directly
 *   docker-archive:FILE[:REF]  what `docker save` writes; read directly
 *   docker://NAME or NAME      a registry, through skopeo: its credentials, mirrors, policy; docker.io by
 * default
 *
 * Relative paths are relative to the Clusterfile's directory. An image's digest is that of its manifest for
 * the wanted architecture; a docker-archive has no manifest of that sort, so there it is the image ID (of its
 * config). All JSON is verified against its digest before it is parsed. */
#ifndef ACTIONS_MEANS_OCI_H
#define ACTIONS_MEANS_OCI_H

#include "actions/means/unpack.h"
#include "model/want.h"

struct oci_options {
    const char *base;          /* directory of the Clusterfile; NULL: the working directory */
    const char *arch;          /* "amd64", "arm64"; NULL: this machine's */
    const char *cache;         /* directory for manifests and configs by digest, or NULL */
    const char *authfile;      /* for skopeo; NULL: its own default */
    bool insecure;             /* plain HTTP or unverified TLS */
    const atomic_bool *cancel; /* or NULL */
};

/* Fills what `resolved` covers in image from its config: a few KB, nothing is unpacked. With a pin (a digest,
 * or NULL) that image is described even if the reference means another one by now; *moved (may be NULL) then
 * says which. ERR_NOT_FOUND: no such image, tag, architecture or program; ERR_INVALID: not a cluster image
 * that we know. */
int oci_resolve(struct arena *a, const struct oci_options *o, const char *pin, struct want_image *image,
                const char **moved, struct error **err);

/* The same from config.json in a directory of the store; digest is what the directory is named by. */
int oci_describe_file(struct arena *a, const char *dir, const char *digest, struct want_image *image,
                      struct error **err);

/* The layers of one image, for unpacking. */
struct oci_layers {
    struct arena *arena;  /* own */
    const char **digests; /* "sha256:…", lowest first */
    size_t n;
    const char **files;            /* docker-archive: their names in it; else NULL */
    const char *manifest, *config; /* their JSON; a docker-archive has no manifest */
    struct oci_place *place;
};
/* The image of this reference that has this digest. For registries it is first copied into the directory
 * `scratch`, which the caller makes and removes. */
int oci_open(const struct oci_options *o, const char *reference, const char *digest, const char *scratch,
             struct oci_layers **ret, struct error **err);
int oci_unpack(const struct oci_layers *l, struct unpack *u, void (*progress)(void *ctx, const char *line),
               void *ctx, struct error **err);
void oci_layers_free(struct oci_layers *l);
void oci_layers_freep(struct oci_layers **l);

/* The fields of a reference, checked; for messages and for other means that copy images. */
enum oci_transport { OCI_REGISTRY, OCI_LAYOUT, OCI_ARCHIVE, DOCKER_ARCHIVE };
struct oci_reference {
    enum oci_transport transport;
    const char *path; /* absolute or relative to the working directory; NULL for registries */
    const char *name; /* registries: NAME[:TAG][@DIGEST]; else the tag, or NULL */
};
int oci_reference_parse(struct arena *a, const char *text, const char *base, struct oci_reference *ret,
                        struct error **err);

#endif
