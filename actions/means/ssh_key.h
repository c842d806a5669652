/* Private keys for logging in, read and used by ourselves: libssh2 1.10 cannot sign RSA with SHA-2 (which is
 * all that today's servers take), nor read ed25519 in PKCS#8, and reports missing and wrong passphrases,
 * garbage and absent files as one error. Formats: OpenSSH's own (PROTOCOL.key), PEM, PKCS#8. */
#ifndef ACTIONS_MEANS_SSH_KEY_H
#define ACTIONS_MEANS_SSH_KEY_H

#include "model/error.h"

#include <openssl/evp.h>

struct ssh_key {
    EVP_PKEY *pkey;   /* NULL: `sealed` */
    char type[32];    /* "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", … */
    struct text blob; /* the public half as the wire has it, type inside */
    bool sealed; /* OpenSSH's format under a passphrase: only the public half is readable here; libssh2 (not
                    for RSA) or an agent must open it */
};

/* Reads the text of a private key. passphrase may be NULL. label names the key in messages. All errors are
 * ERR_AUTH and say what is wrong: no key at all, unknown type, a passphrase is missing (hint says what to do)
 * or wrong. */
int ssh_key_parse(const char *text, const char *label, const char *passphrase, struct ssh_key **ret,
                  struct error **err);
/* True if the text is a key that asks for a passphrase. */
bool ssh_key_encrypted(const char *text);
void ssh_key_free(struct ssh_key *k);
void ssh_key_freep(struct ssh_key **k);

/* The signature without its type name (RFC 4253, 5656, 8709; RSA: rsa-sha2-512, RFC 8332); malloc'ed. */
int ssh_key_sign(const struct ssh_key *k, const void *data, size_t len, unsigned char **ret_sig,
                 size_t *ret_len, struct error **err);

/* The blob as it is to be offered: libssh2 takes the name of the signature's algorithm from it, so RSA's must
 * begin with "rsa-sha2-512" there. OpenSSH's servers parse such a blob; RFC 8332 would have "ssh-rsa" inside.
 */
void ssh_key_offer_blob(const void *blob, size_t len, struct text *out);

#endif
