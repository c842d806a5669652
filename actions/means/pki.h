/* A cluster's PKI: the three CAs and the service-account key pair that all masters share, and the leaves and
 * kubeconfigs that each makes of them. Names, organisations and paths are kubeadm's
 * (kubernetes: cmd/kubeadm/app/phases/certs), which facts section 4.4 lists. */
#ifndef ACTIONS_MEANS_PKI_H
#define ACTIONS_MEANS_PKI_H

#include "actions/means/x509.h"
#include "model/version.h"

#define PKI_DIRECTORY "/etc/kubernetes/pki"

enum pki_file {
    PKI_CA_CRT,
    PKI_CA_KEY,
    PKI_FRONT_PROXY_CA_CRT,
    PKI_FRONT_PROXY_CA_KEY,
    PKI_ETCD_CA_CRT,
    PKI_ETCD_CA_KEY,
    PKI_SA_KEY,
    PKI_SA_PUB,
    PKI_FILES
};

struct pki_file_info {
    const char *path; /* below PKI_DIRECTORY: "etcd/ca.crt" */
    unsigned mode;    /* 0600 for keys, 0644 for the public halves */
};
extern const struct pki_file_info pki_files[PKI_FILES];

/* PEM texts; all hold secrets or go with them, all are wiped. */
struct pki_bundle {
    struct text files[PKI_FILES];
};
void pki_bundle_free(struct pki_bundle *b); /* wipes; for _cleanup_ */

/* New CAs (CN kubernetes, front-proxy-ca, etcd-ca) and a new service-account key. ret must be empty. */
int pki_bundle_generate(struct pki_bundle *ret, unsigned days, int64_t now, struct error **err);

/* The POSIX sh program that prints the bundle of the master it runs on, as pki_bundle_parse reads it; absent
 * files are said to be absent. */
const char *pki_bundle_script(void);
/* Reads that answer, or pki_bundle_write's: length-framed, between markers; what is before and after is
 * ignored. ERR_PROTOCOL: cut or malformed. A file that is absent gives an empty text: pki_bundle_check
 * refuses it. */
int pki_bundle_parse(const char *text, size_t len, struct pki_bundle *ret, struct error **err);
/* For the vault. */
void pki_bundle_write(const struct pki_bundle *b, struct text *out);

/* Complete, CAs are CAs and valid at *now* (0: the clock), every key is its certificate's, sa.pub is sa.key's
 * public half. external_etcd: the etcd CA may be absent. ERR_INVALID says which file and why, never its
 * content. */
int pki_bundle_check(const struct pki_bundle *b, bool external_etcd, int64_t now, struct error **err);
/* SHA-256 over the four public halves, ca.crt, front-proxy-ca.crt, etcd/ca.crt, sa.pub, concatenated: what
 * `cat … | sha256sum` gives on a node. */
void pki_bundle_digest(const struct pki_bundle *b, char ret[DIGEST_HEX]);
/* "sha256:…" as kubeadm wants it under discovery.bootstrapToken.caCertHashes. */
int pki_discovery_hash(const char *ca_crt, char ret[72], struct error **err);

/* What a control plane node's leaves depend on. */
struct pki_node {
    struct version kubernetes;
    const char *name; /* of the Node: in the certificates of its etcd and kubelet */
    const char *address;
    const char *service_subnet;   /* one range or two, comma-separated: the first address of each is a SAN */
    const char *dns_domain;       /* NULL: cluster.local */
    const char *const *cert_sans; /* NULL-terminated or NULL */
    unsigned days;
    int64_t now;
};

enum pki_leaf {
    PKI_APISERVER,
    PKI_APISERVER_KUBELET_CLIENT,
    PKI_FRONT_PROXY_CLIENT,
    PKI_APISERVER_ETCD_CLIENT,
    PKI_ETCD_SERVER,
    PKI_ETCD_PEER,
    PKI_ETCD_HEALTHCHECK_CLIENT,
    PKI_LEAVES
};
extern const char *const pki_leaf_paths[PKI_LEAVES]; /* below PKI_DIRECTORY, without ".crt" and ".key" */
int pki_leaf_new(const struct pki_bundle *b, const struct pki_node *node, enum pki_leaf leaf,
                 struct text *ret_crt, struct text *ret_key, struct error **err);

/* Client certificates that stand in kubeconfigs. */
enum pki_user {
    PKI_ADMIN,       /* admin.conf: kubernetes-admin */
    PKI_SUPER_ADMIN, /* super-admin.conf, from 1.29: bound to system:masters whatever RBAC says */
    PKI_CONTROLLER_MANAGER,
    PKI_SCHEDULER,
    PKI_KUBELET,
    PKI_USERS
};
/* Organisations: before 1.29 an admin is in system:masters; from 1.29 in kubeadm:cluster-admins, which a
 * ClusterRoleBinding made by kubeadm gives its rights. node_name only matters for PKI_KUBELET. */
const char *pki_user_name(enum pki_user user); /* its name in the kubeconfig: "kubernetes-admin" */
int pki_user_new(const char *ca_crt, const char *ca_key, enum pki_user user, const struct version *kubernetes,
                 const char *node_name, unsigned days, int64_t now, struct text *ret_crt,
                 struct text *ret_key, struct error **err);

#endif
