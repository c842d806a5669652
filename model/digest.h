/* SHA-256 as lower-case hex. Pure: libcrypto computes, nothing is read. */
#ifndef MODEL_DIGEST_H
#define MODEL_DIGEST_H

#include "model/mem.h"

#define DIGEST_HEX 65 /* 64 digits and the NUL */

void digest_hex(const void *data, size_t len, char out[DIGEST_HEX]);

/* A digest over fields, unambiguous: each field is length-prefixed, so ("ab","c") and ("a","bc") differ. */
struct digest;
struct digest *digest_new(void);
void digest_field(struct digest *d, const char *s); /* NULL differs from "" */
void digest_bytes(struct digest *d, const void *data, size_t len);
void digest_end(struct digest *d, char out[DIGEST_HEX]); /* frees d */

#endif
