/* A minimal client of the SSH agent (draft-miller-ssh-agent): list keys, sign. Our own, because libssh2's
 * cannot ask for RSA signatures with SHA-2, and today's servers take no others. */
#ifndef ACTIONS_MEANS_AGENT_H
#define ACTIONS_MEANS_AGENT_H

#include "model/error.h"

struct agent_key {
    unsigned char *blob;
    size_t len;
};

struct agent_keys {
    struct agent_key *key;
    size_t n, cap;
};
void agent_keys_free(struct agent_keys *k); /* for _cleanup_ */

/* Lists what the agent behind `socket` holds. */
int agent_list(const char *socket, struct agent_keys *ret, struct error **err);
/* Signs data with the key of that public blob (its own name, "ssh-rsa", inside); for RSA with SHA-512.
 * *ret_sig is the signature without its type name, malloc'ed. */
int agent_sign(const char *socket, const void *blob, size_t blob_len, const void *data, size_t len,
               unsigned char **ret_sig, size_t *ret_len, struct error **err);

#endif
