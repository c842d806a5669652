/* One SSH connection to one node: open, run programs, close. Built on libssh2; a transport belongs to one
 * thread at a time and is handed over, never shared. libssh2_init(0) must have run before the first thread
 * (ssh_world does it).
 *
 * Nothing blocks for longer than its deadline: the socket is non-blocking, every wait is a poll() that also
 * watches cancel_fd. Success of a program is end of file, a clean close, no signal, status 0 *and* our end
 * marker: libssh2 reports status 0 for a lost connection and for a killed command alike. */
#ifndef ACTIONS_MEANS_TRANSPORT_H
#define ACTIONS_MEANS_TRANSPORT_H

#include "model/error.h"

#include <stdint.h>

struct ssh_config_cache;

/* A password, passphrase or key, fetched only when it is needed and wiped after use. get == NULL: there is
 * none. May be called from several threads at once. *ret is malloc'ed. */
struct transport_secret {
    int (*get)(void *ctx, char **ret, struct error **err);
    void *ctx;
};

struct transport_key {
    const char *path;             /* may begin with ~/ ; NULL: the key is in data */
    struct transport_secret data; /* the text of a private key */
    struct transport_secret passphrase;
};

/* Where and as whom. Everything is borrowed and must outlive the transport. */
struct transport_target {
    const char *name;    /* for messages; NULL: address */
    const char *address; /* IPv4, IPv6 without brackets, or a name */
    unsigned port;       /* 0: ssh_config, else 22 */
    const char *user;    /* NULL: ssh_config, else root */
    struct transport_secret password, sudo_password;
    const struct transport_key *keys; /* offered first, in this order */
    size_t n_keys;
    const char *agent_socket; /* $SSH_AUTH_SOCK, or NULL: no agent */
    const char *const
        *known_hosts; /* files, NULL-terminated; the first one learns. NULL: OpenSSH's own places */
    bool accept_new_host_keys;
    bool ssh_config; /* what is not set here may come from `ssh -G`: HostName, User, Port, IdentityFile, … */
    struct ssh_config_cache
        *config_cache;  /* shared between targets: one `ssh -G` where one will do; or NULL */
    unsigned connect_s; /* until the key exchange is done; 0: ssh_config, else 10 */
    unsigned command_s; /* a whole command, when it does not say; 0: 300 */
    unsigned idle_s;    /* no byte from the node, keep-alives included: it is gone; 0: 60 */
    int cancel_fd;      /* readable: everything ends with ERR_CANCELLED; 0 or less: none */
};

struct transport;

/* ERR_UNREACHABLE, ERR_TIMEOUT, ERR_HOST_KEY, ERR_AUTH, ERR_CANCELLED; subject is the node. */
int transport_open(const struct transport_target *target, struct transport **ret, struct error **err);
void transport_close(struct transport *t); /* NULL is fine */

/* False once an error left the connection in an unknown state: only closing it makes sense then. */
bool transport_usable(const struct transport *t);

/* Connects as far as the host key, checks it, and learns it into the first known_hosts file if it is unknown
 * there. Does not log in. ret_fingerprint ("ED25519 SHA256:…") is yours. A changed or revoked key is
 * ERR_HOST_KEY. */
int transport_trust(const struct transport_target *target, bool *ret_learned, char **ret_fingerprint,
                    struct error **err);

struct transport_exec {
    const char *script; /* POSIX sh; may end itself by exit; runs in a subshell of its own */
    bool as_login_user; /* false: as root, through sudo if the login user is another */
    const void *input;  /* bytes for its stdin, after the program */
    size_t input_len;
    /* or a producer of them: 0 and *len 0 at the end. A cut connection looks like the end to the program: it
     * must check what it got (length, digest) before it believes it. */
    int (*feed)(void *ctx, const void **data, size_t *len, struct error **err);
    void *feed_ctx;
    size_t out_max, err_max; /* 0: 16 MiB each. More on stdout is ERR_PROTOCOL; stderr keeps its beginning */
    int (*out)(void *ctx, const void *data, size_t len,
               struct error **err); /* takes stdout instead of result.out */
    void *out_ctx;
    void (*line)(void *ctx, const char *line); /* whole lines of stderr as they come, made printable */
    void *line_ctx;
    unsigned timeout_s; /* whole call; 0: target's command_s */
    const char *what;   /* for messages */
};

struct transport_result {
    int status;
    struct text out, err;
    bool sent; /* anything of the program may have reached the node: false means that a second try is safe */
};
void transport_result_free(struct transport_result *r); /* wipes; for _cleanup_ */

/* 0: the program ran to its end; result->status is its exit status, whatever it is. -1: it did not, or nobody
 * knows; result->sent tells whether it may have. *ret must be zeroed before; it is yours in both cases. */
int transport_exec(struct transport *t, const struct transport_exec *x, struct transport_result *ret,
                   struct error **err);

#endif
