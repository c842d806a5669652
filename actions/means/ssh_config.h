/* What OpenSSH's configuration says about a host, as `ssh -G` resolves it: no parser of our own (5 ms a
 * call). Where no configuration tells hosts apart, one call serves all of them. */
#ifndef ACTIONS_MEANS_SSH_CONFIG_H
#define ACTIONS_MEANS_SSH_CONFIG_H

#include "model/error.h"

struct ssh_config {
    struct arena *arena;
    const char *hostname; /* NULL: as asked */
    const char *user;     /* NULL: not configured, or the local user's own name, which ssh takes by default */
    unsigned port;        /* 0: not known */
    unsigned connect_s;   /* 0: not configured */
    const char *host_key_alias;  /* name to look up in known_hosts, or NULL */
    const char *agent;           /* IdentityAgent's path, "none", or NULL: $SSH_AUTH_SOCK */
    const char *proxy;           /* ProxyJump or ProxyCommand, or NULL */
    const char **identity_files; /* expanded; may not exist */
    size_t n_identity_files, cap_identity_files;
    const char **known_hosts; /* user's and then global ones, expanded, NULL-terminated; NULL: not known */
    size_t n_known_hosts, cap_known_hosts;
};
void ssh_config_free(struct ssh_config *c); /* for _cleanup_ */

struct ssh_config_cache; /* shared by all nodes; thread-safe */
/* file: a configuration to use instead of the user's and the system's (`ssh -F`), or NULL. */
struct ssh_config_cache *ssh_config_cache_new(const char *file);
void ssh_config_cache_free(struct ssh_config_cache *c);

/* user NULL, port 0: not given. Without an ssh program: only the usual identity and known_hosts files.
 * Errors: a configuration that ssh itself refuses (ERR_INVALID). */
int ssh_config_resolve(struct ssh_config_cache *cache, const char *host, const char *user, unsigned port,
                       struct ssh_config *ret, struct error **err);
/* OpenSSH's usual identity and known_hosts files, for those who want no configuration to be read. */
void ssh_config_defaults(struct ssh_config *ret);
/* Reads the output of `ssh -G`. For tests, too. */
void ssh_config_parse(const char *text, const char *home, const char *local_user, struct ssh_config *ret);
/* "~/x" with the home directory of the user who runs us; arena's. */
const char *ssh_config_expand(struct arena *a, const char *path);

#endif
