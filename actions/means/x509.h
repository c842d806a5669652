/* Keys and certificates by OpenSSL 3. PEM in, PEM out; private keys are in texts that the caller text_wipes.
 * Shapes (key usages, subject alternative names, PKCS#1 keys) are those of kubeadm's own
 * (kubernetes: cmd/kubeadm/app/util/pkiutil), so that what we make cannot be told from what it makes. */
#ifndef ACTIONS_MEANS_X509_H
#define ACTIONS_MEANS_X509_H

#include "model/digest.h"
#include "model/error.h"

#include <stdint.h>

#define X509_KEY_BITS 2048  /* RSA, kubeadm's default */
#define X509_BACKDATE_S 300 /* valid from five minutes ago: clocks of nodes differ (kubeadm does the same)   \
                             */
#define X509_DAYS_SEALOS 36500u /* 100 years, as Sealos */

enum x509_usage { X509_SERVER = 1, X509_CLIENT = 2 };

struct x509_leaf {
    const char *common_name;
    const char *organisation; /* or NULL */
    const char *const *names; /* subject alternative names, addresses and DNS names, NULL-terminated, or NULL;
                                 duplicates are dropped */
    unsigned usage;           /* enum x509_usage */
    unsigned days;
    int64_t now; /* seconds since the epoch; 0: the clock */
};

/* A new RSA key. pub may be NULL. On failure the texts are as they were. */
int x509_key_new(struct text *ret_key, struct text *ret_pub, struct error **err);
int x509_ca_new(const char *common_name, unsigned days, int64_t now, struct text *ret_crt,
                struct text *ret_key, struct error **err);
/* A new key and its certificate, signed by a CA. It never outlives its CA. */
int x509_leaf_new(const char *ca_crt, const char *ca_key, const struct x509_leaf *leaf, struct text *ret_crt,
                  struct text *ret_key, struct error **err);

struct x509_info {
    const char *common_name;          /* "" where there is none */
    const char *const *organisations; /* NULL-terminated */
    const char *const *names; /* addresses (canonical) and DNS names of the SAN, sorted, NULL-terminated */
    int64_t not_before, not_after; /* seconds since the epoch */
    bool ca;
    char sha256[DIGEST_HEX];      /* of the certificate's DER */
    char spki_sha256[DIGEST_HEX]; /* of its public key's DER: "sha256:" + this is kubeadm's discovery CA hash
                                   */
};

/* The first certificate of a PEM text; strings live in a. */
int x509_read(struct arena *a, const char *pem, struct x509_info *ret, struct error **err);
/* The public half of a private key, as PEM. */
int x509_public(const char *key, struct text *ret, struct error **err);
/* SHA-256 of a PEM public key's DER (SPKI). */
int x509_public_sha256(const char *pub, char ret[DIGEST_HEX], struct error **err);
/* Whether the key is the certificate's. */
int x509_matches(const char *crt, const char *key, bool *ret, struct error **err);
/* Whether the certificate was signed by the CA (signature only; no dates). */
int x509_signed_by(const char *crt, const char *ca_crt, bool *ret, struct error **err);

#endif
