/* What x509.c and x509_read.c share: OpenSSL's own types, freed by _cleanup_. */
#ifndef ACTIONS_MEANS_X509_RAW_H
#define ACTIONS_MEANS_X509_RAW_H

#include "model/error.h"

#include <openssl/x509v3.h>

static inline void bio_freep(BIO **b)
{
    BIO_free(*b); /* clears the buffer first */
}
static inline void pkey_freep(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}
static inline void x509_freep(X509 **x)
{
    X509_free(*x);
}

/* Sets err from OpenSSL's queue, which is emptied; returns -1. */
int x509_error(struct error **err, enum error_code code, const char *what);
/* OpenSSL asks it for the passphrase of anything encrypted (without it, it would ask the terminal): there is
 * none. ctx: a bool that becomes true, or NULL. */
int x509_no_passphrase(char *buf, int size, int rwflag, void *ctx);
int x509_load(const char *pem, X509 **ret, struct error **err);
int x509_load_key(const char *pem, EVP_PKEY **ret, struct error **err);

#endif
