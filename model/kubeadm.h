/* The documents that kubeadm is given: built-in defaults ← the image's etc/kubeadm.yml ← the Clusterfile ←
 * what is computed, in the format that the wanted version's kubeadm reads. Values in, values out; facts
 * sections 4.1 to 4.3 say what Sealos does, and this does the same but for its faults: lists do not grow,
 * false overrides true.
 *
 * How layers merge: a map by its fields; extraArgs by the argument's name (given null, a default is taken
 * away); certSANs and extraVolumes are united, the latter by name; any other list replaces the one below it;
 * null, and in kubeadm's own documents the empty text, say nothing. etcd.external and etcd.local drop each
 * other. */
#ifndef MODEL_KUBEADM_H
#define MODEL_KUBEADM_H

#include "model/error.h"
#include "model/version.h"
#include "model/want.h"

/* One source of documents; each may be NULL. */
struct kubeadm_layer {
    const char *name; /* for messages: "the Clusterfile" */
    const struct value *init, *cluster, *join, *kube_proxy, *kubelet;
};
/* Sorts documents by kind; the first of each kind counts, other kinds do not. */
void kubeadm_layer_fill(struct kubeadm_layer *layer, const struct value *const *docs, size_t n);

enum kubeadm_which { KUBEADM_INIT, KUBEADM_JOIN_MASTER, KUBEADM_JOIN_WORKER };

struct kubeadm_input {
    const char *kubernetes_version;   /* "v1.28.0" */
    struct kubeadm_layer image, file; /* etc/kubeadm.yml, Clusterfile */
    enum kubeadm_which which;
    const char *domain;         /* apiserver.cluster.local */
    const char *vip;            /* without port */
    unsigned bind_port;         /* 6443 */
    const char *const *masters; /* addresses of all wanted masters, NULL-terminated */
    bool single;                /* the cluster has exactly one host: no taints */
    const char *address;        /* of the node that kubeadm runs on */
    const char *node_name;      /* NULL: the documents', else kubeadm takes the host name */
    const char *cri_socket;     /* probed; path or URL; the documents' wins; NULL: kubeadm looks itself */
    const char *cgroup_driver;  /* probed; "systemd" or "cgroupfs"; wins; NULL: the documents' */
    const char *image_endpoint; /* path or URL of the image shim, or NULL */
    const char *proxy_mode;     /* kube-proxy's, unless the documents say; NULL: ipvs */
    /* joins only */
    const char *discovery;       /* ADDRESS:PORT: a live master for masters, the VIP for workers */
    const char *token, *ca_hash; /* "sha256:…" */
};

struct kubeadm_documents {
    const struct value *
        *docs; /* init: Init, Cluster, Kubelet, KubeProxy; joins: Join alone, kubeadm ignores others */
    size_t n, cap;
    const char **warnings; /* fields and feature gates that were left out, and why */
    size_t n_warnings, cap_warnings;
};

/* All lives in a. ERR_INVALID: a document says something of the wrong shape, or the version is none. */
int kubeadm_documents(struct arena *a, const struct kubeadm_input *in, struct kubeadm_documents *ret,
                      struct error **err);

/* What the merged ClusterConfiguration says of networks and names; which, address and the join's fields are
 * not read. */
struct kubeadm_networks {
    const char *pod_subnet, *service_subnet, *dns_domain; /* one range, or two for dual stack */
    const char *const *cert_sans;                         /* NULL-terminated */
    bool external_etcd;
    unsigned node_mask_v4, node_mask_v6; /* of each node's share of the pod range; 0: none is given out */
};
int kubeadm_networks(struct arena *a, const struct kubeadm_input *in, struct kubeadm_networks *ret,
                     struct error **err);

/* Ranges against each other, the VIP and the nodes' addresses; what kubeadm and the API server would refuse
 * later. Every problem found, one sentence each, NULL-terminated (so the first is NULL when all is well). */
const char *const *kubeadm_check_networks(struct arena *a, const struct kubeadm_networks *net,
                                          const char *vip, const char *const *masters,
                                          const char *const *nodes);

/* What can be told of a want before any node was seen, when its images are resolved: the Clusterfile's
 * documents merge for its version (ERR_INVALID as kubeadm_documents), and the ranges that it names, the VIP
 * and the hosts that stay are apart (ERR_INVALID with all problems; ranges that only the defaults or an image
 * name are checked when kubeadm's configuration is written). warnings: a NULL-terminated list in the want's
 * arena, or NULL where it is not wanted. */
int kubeadm_check_want(const struct want *w, const char *const **warnings, struct error **err);
/* The layer of a Clusterfile. */
struct kubeadm_layer kubeadm_layer_of(const struct want *w);
/* The problems of kubeadm_check_networks as one error, or 0. */
int kubeadm_refuse_networks(const char *const *problems, struct error **err);

#endif
