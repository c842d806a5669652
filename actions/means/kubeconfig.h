/* kubeconfig files, as kubeadm writes them: one cluster, one user, certificates inside. */
#ifndef ACTIONS_MEANS_KUBECONFIG_H
#define ACTIONS_MEANS_KUBECONFIG_H

#include "actions/means/pki.h"

struct kubeconfig_spec {
    enum pki_user user;
    struct version kubernetes;   /* decides an admin's organisation */
    const char *node_name;       /* PKI_KUBELET only */
    const char *server;          /* "https://HOST:PORT" */
    const char *tls_server_name; /* the name to check the server's certificate against, where it differs from
                                    HOST; or NULL */
    unsigned days;
    int64_t now; /* 0: the clock */
};

/* A new client certificate of the cluster's CA, in a kubeconfig. ret holds a secret: text_wipe it. */
int kubeconfig_make(const char *ca_crt, const char *ca_key, const struct kubeconfig_spec *spec,
                    struct text *ret, struct error **err);
/* "https://HOST:PORT"; an IPv6 host gets its brackets. */
char *kubeconfig_server(const char *host, unsigned port);
/* The same kubeconfig for another way to the API server (an admin.conf for use from the control machine).
 * ERR_PROTOCOL: not a kubeconfig, or one that does not hold its certificates itself. */
int kubeconfig_set_server(const char *text, size_t len, const char *server, const char *tls_server_name,
                          struct text *ret, struct error **err);

struct kubeconfig_info {
    const char *server;
    char ca_sha256[DIGEST_HEX]; /* of the DER of the CA inside */
    struct x509_info client;    /* of its current context's user */
};
/* Strings live in a (which then holds the whole file: arena_wipe it). */
int kubeconfig_read(struct arena *a, const char *text, size_t len, struct kubeconfig_info *ret,
                    struct error **err);

#endif
