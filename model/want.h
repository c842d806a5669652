/* The desired state: what the Clusterfile says, its images resolved to digests. Everything lives in the want's
 * arena. Hosts are sorted by address (natural order), so nothing downstream depends on their order in the file;
 * an index into hosts is the name of a node everywhere ("node"). */
#ifndef MODEL_WANT_H
#define MODEL_WANT_H

#include "model/error.h"
#include "model/policy.h"
#include "model/value.h"

#include <stdint.h>

/* A password or key: a reference, resolved late and only in memory. */
struct want_secret {
    const char *ref;  /* "env:NAME", "file:PATH", "exec:COMMAND", or the literal itself; NULL: none */
    bool literal;     /* written in the Clusterfile: warned about, never printed */
};

struct want_env {
    const char *key, *value;
};

struct want_ssh {
    const char *user;           /* NULL: ssh_config, else root */
    uint16_t port;              /* 0: ssh_config, else 22 */
    struct want_secret passwd;  /* login, and sudo */
    const char *pk;             /* path of a private key, may begin with ~/ ; NULL: ssh_config's and agent's */
    struct want_secret pk_data; /* a private key itself */
    struct want_secret pk_passwd;
};

enum role { ROLE_MASTER = 1, ROLE_NODE = 2, ROLE_REGISTRY = 4 };

struct want_host {
    const char *address;   /* IPv4 or IPv6 text without brackets and port */
    unsigned roles;        /* enum role bits; a master is a master even if also a node */
    const char *arch;      /* "amd64", "arm64" or NULL: informational, as in Sealos */
    struct want_ssh ssh;   /* effective: host over spec; port: the entry's own, else the host's, else spec's */
    const struct want_env *env; /* of this host entry alone */
    size_t n_env;
    bool listed;           /* false: not in spec.hosts any more, but recorded in status: it leaves */
    const char *machine_id; /* from status: what joined under this address, or NULL */
    const char *node_name;  /* from status, or NULL */
    int line;              /* in the Clusterfile; 0: from status */
};

enum image_type { IMAGE_APPLICATION, IMAGE_ROOTFS, IMAGE_PATCH };

struct want_image {
    const char *reference; /* as written */
    const char *name;      /* a file-name-safe name: the mount's */
    const char *recorded_digest; /* from status.mounts: what this reference meant when it was last applied, or NULL */
    /* below: known once resolved (want_resolved) */
    bool resolved;
    const char *digest;    /* "sha256:…" of the manifest */
    enum image_type type;
    const char *version;   /* label version: "v1.28.0"; rootfs only */
    const struct want_env *labels, *env; /* env without PATH */
    size_t n_labels, n_env;
    const char *const *entrypoint, *const *cmd; /* NULL-terminated or NULL */
    bool has_registry;     /* unknown until pulled: true means "assume so" */
};

struct want_config { /* kind: Config */
    const char *name, *path, *match, *strategy, *data;
};

struct want {
    struct arena *arena;
    const char *cluster;      /* metadata.name */
    const char *created;      /* metadata.creationTimestamp or NULL */
    struct want_host *hosts;
    size_t n_hosts;
    struct want_image *images; /* spec.image, in order */
    size_t n_images;
    const struct want_env *env; /* spec.env */
    size_t n_env;
    const char *const *command; /* spec.command, NULL-terminated or NULL */
    const struct want_config *configs;
    size_t n_configs;
    const struct value *init_configuration, *cluster_configuration, *join_configuration; /* kubeadm documents or NULL */
    const struct value *kube_proxy_configuration, *kubelet_configuration;
    const struct value *status; /* the status as read, or NULL */
    struct policy policy;
    bool consent;             /* removals were consented to (--yes, a terminal's answer, or the policy) */
    /* derived by want_finish() */
    const char *kubernetes_version; /* "v1.28.0" of the last rootfs image, or NULL */
    const char *vip;                /* without port */
    const char *lvscare_image;      /* label image, or NULL */
    const char *registry_domain, *registry_username, *registry_password, *registry_data; /* from the rootfs' env */
    unsigned registry_port;
    unsigned bind_port;             /* 6443 */
    const char *const *render_keys; /* per host: key of its rootfs tree; hosts of equal environment share one */
    const int *render_of;           /* per host: index of its distinct render; -1 for leaving hosts */
    const int *render_host;         /* per distinct render: one host that has it */
    size_t n_renders;
    const char *const *init_keys;   /* per host: digest of the inputs of node.init */
    const char *registry_key;       /* digest of the inputs of registry.init */
    const char *prepull_key;        /* digest of what kubeadm's images depend on */
};

#define API_SERVER_DOMAIN "apiserver.cluster.local" /* Sealos' constants, facts section 5 */
#define LVSCARE_NODE_NAME "lvscare.node.ip"
#define DEFAULT_VIP "10.103.97.2"

void want_free(struct want *w);
void want_freep(struct want **w);

static inline bool host_is_master(const struct want_host *h)
{
    return (h->roles & ROLE_MASTER) != 0;
}
const char *want_env_get(const struct want_env *env, size_t n, const char *key); /* last wins; NULL: absent */
/* Label by Sealos' two spellings ("sealos.io.type" and "apps.sealos.io/type" for "type"), else plain key. */
const char *image_label(const struct want_image *i, const char *key);
/* A script label (check, init, clean, init-registry, clean-registry, init-cri, clean-cri): the union of all
 * images' labels, later image wins; default KEY.sh, or NULL for init-cri and clean-cri (facts section 3.1). */
const char *want_script(const struct want *w, const char *key);
/* The environment of scripts and templates on a host, strongest last: rootfs and patch images' env, spec.env, the
 * host's env, SEALOS_SYS_* built-ins (facts section 1.4). Sorted by key, unique. host < 0: without host's own. */
void want_environment(const struct want *w, struct arena *a, int host, struct want_env **ret, size_t *ret_n);
/* Expands $(VAR), ${VAR} and $VAR by env; unknown names stay as written. */
char *env_expand(struct arena *a, const char *text, const struct want_env *env, size_t n);
/* Sorts hosts, derives what depends on images; call after the images are resolved. Errors: ERR_INVALID (no rootfs
 * image first, missing labels, k3s, VIP inside a node's or the pod or service range). */
int want_finish(struct want *w, struct error **err);
/* Index of the host with this address, or -1. Hosts must be sorted. */
int want_find_host(const struct want *w, const char *address);

#endif
