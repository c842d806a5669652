/* OpenSSH's known_hosts files (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), read by ourselves: libssh2's reader
 * never matches two-letter names, ignores @revoked and wildcards, and fails a whole file for one bad line. */
#ifndef ACTIONS_MEANS_KNOWN_HOSTS_H
#define ACTIONS_MEANS_KNOWN_HOSTS_H

#include "model/error.h"

#include <stdint.h>

struct known_hosts;

/* paths is NULL-terminated. Absent files are skipped; one that cannot be read is an error, because a
 * revocation may stand in it. Bad lines are skipped, as OpenSSH does. */
int known_hosts_read(const char *const *paths, struct known_hosts **ret, struct error **err);
void known_hosts_free(struct known_hosts *k);
void known_hosts_freep(struct known_hosts **k);

enum known_host {
    KNOWN_HOST_UNKNOWN, /* no line for this host */
    KNOWN_HOST_MATCH,
    KNOWN_HOST_CHANGED,   /* there is a key of this host of this type, and it is another */
    KNOWN_HOST_REVOKED,   /* a @revoked line names this very key */
    KNOWN_HOST_OTHER,     /* there are keys of this host, but none of this type */
    KNOWN_HOST_CERTIFIED, /* only a @cert-authority line: certificates are not understood by libssh2 */
};

/* host: address or name as connected to, any letter case. key: the blob the server showed. *ret_where (may be
 * NULL) is borrowed: "FILE:LINE" of the line that decided, or NULL. */
enum known_host known_hosts_check(const struct known_hosts *k, const char *host, unsigned port,
                                  const void *key, size_t len, const char **ret_where);

/* The key types that are stored for this host, comma-separated in libssh2's order of methods, "" if none: to
 * be preferred in the key exchange, else a server shows a type that the file does not hold. */
void known_hosts_types(const struct known_hosts *k, const char *host, unsigned port, struct text *out);

/* Adds a line, under a lock, in one write; makes the file (0600) and its directory (0700). */
int known_hosts_add(const char *path, const char *host, unsigned port, const void *key, size_t len,
                    struct error **err);

/* "SHA256:…" as ssh-keygen -l prints it. */
void known_hosts_fingerprint(const void *key, size_t len, struct text *out);
/* "ssh-ed25519" out of a key blob into out (cut to fit); false if it is not one. */
bool known_hosts_type(const void *key, size_t len, char *out, size_t size);

#endif
