/* Where blobs are: a directory or a tar file. Between oci.c and oci_place.c. */
#ifndef ACTIONS_MEANS_OCI_PLACE_H
#define ACTIONS_MEANS_OCI_PLACE_H

#include "actions/means/oci.h"

struct oci_place {
    const char *path;
    bool archive;       /* a tar file; else a directory */
    const char *prefix; /* of blobs: "blobs/sha256/", "" for skopeo's dir: */
};

/* The whole of a small file of the place ("index.json"). ERR_NOT_FOUND: it is not there. */
int oci_place_read(const struct oci_place *p, const char *name, struct text *out, struct error **err);
/* A blob's name; NULL: not a digest that we can use. */
const char *oci_blob_name(struct arena *a, const struct oci_place *p, const char *digest);

/* An open file of the place, as a source for unpack_layer. */
struct oci_stream;
int oci_stream_open(const struct oci_place *p, const char *name, struct oci_stream **ret, struct error **err);
long oci_stream_read(void *stream, void *buffer, size_t size, struct error **err);
void oci_stream_freep(struct oci_stream **s);

#endif
