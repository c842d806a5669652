/* The observed state. Facts of nodes are uniform: one `struct fact` per `enum fact_id`, true (with a canonical
 * text), false, or unknown (with its reason). Probe, status, proofs, effects and the one-flip tests run over
 * this one table. */
#ifndef MODEL_HAVE_H
#define MODEL_HAVE_H

#include "model/mem.h"
#include "model/tri.h"

#include <stdbool.h>

/* What a probe can be asked for; a full probe asks for all. Identity always comes along. */
enum section {
    SECTION_IDENTITY = 1 << 0,
    SECTION_ROOTFS = 1 << 1,
    SECTION_HOSTS = 1 << 2,
    SECTION_REGISTRY = 1 << 3,
    SECTION_INIT = 1 << 4,  /* stamps, units, images */
    SECTION_KUBE = 1 << 5,  /* files of kubeadm and kubelet */
    SECTION_VIP = 1 << 6,
    SECTION_API = 1 << 7,   /* masters: Nodes, tokens, guests through the local API */
    SECTION_ETCD = 1 << 8,  /* masters: members and health */
    SECTION_SELF = 1 << 9,  /* the node's own Node object, through its kubelet.conf */
    SECTION_JOBS = 1 << 10,
    SECTION_ALL = (1 << 11) - 1 - SECTION_SELF,
};

/* FACT(id, key in the probe's answer, section, words for people) */
#define FACTS(FACT)                                                                                                    \
    FACT(REACHED, "reached", IDENTITY, "reached over SSH")                                                             \
    FACT(ROOT, "root", IDENTITY, "root rights")                                                                        \
    FACT(HOSTNAME, "hostname", IDENTITY, "hostname")                                                                   \
    FACT(MACHINE_ID, "machine-id", IDENTITY, "machine id")                                                             \
    FACT(BOOT_ID, "boot-id", IDENTITY, "boot id")                                                                      \
    FACT(CLOCK_SKEW, "clock-skew", IDENTITY, "clock skew in seconds")            /* signed; made from clock */         \
    FACT(OS, "os", IDENTITY, "operating system")                                 /* "debian 12" */                     \
    FACT(ARCH, "arch", IDENTITY, "architecture")                                 /* amd64, arm64, … */                 \
    FACT(KERNEL, "kernel", IDENTITY, "kernel")                                                                         \
    FACT(DISK_FREE, "disk-free", IDENTITY, "free disk under /var/lib, MiB")                                            \
    FACT(MEMORY, "memory", IDENTITY, "memory, MiB")                                                                    \
    FACT(PORTS_BUSY, "ports-busy", IDENTITY, "busy ports that kubeadm needs")    /* "6443,10250"; false: none */       \
    FACT(OURS, "ours", IDENTITY, "prepared for this cluster before")             /* our directory, or Sealos' */       \
    FACT(ROOTFS, "rootfs", ROOTFS, "rootfs tree")                                /* its key, "drifted"; false */       \
    FACT(HOSTS_REGISTRY, "hosts.registry", HOSTS, "hosts entry of the registry") /* address */                         \
    FACT(HOSTS_API, "hosts.api", HOSTS, "hosts entry of apiserver.cluster.local")                                      \
    FACT(HOSTS_LVSCARE, "hosts.lvscare", HOSTS, "hosts entry of lvscare.node.ip")                                      \
    FACT(REGISTRY_IMAGES, "registry.images", REGISTRY, "images in the registry directory") /* sha256:…,sha256:… */     \
    FACT(REGISTRY_STAMP, "registry.stamp", REGISTRY, "registry set up from")     /* key */                             \
    FACT(REGISTRY_SERVING, "registry.serving", REGISTRY, "registry serving")                                           \
    FACT(INIT_STAMP, "init.stamp", INIT, "node set up from")                     /* key */                             \
    FACT(RUNTIME_UP, "runtime.up", INIT, "container runtime up")                 /* its name */                        \
    FACT(SHIM_UP, "shim.up", INIT, "image shim up")                              /* true also where there is none */   \
    FACT(KUBELET_UP, "kubelet.up", INIT, "kubelet up")                                                                 \
    FACT(PREPULLED, "prepulled", INIT, "kubeadm's images present for")           /* key */                             \
    FACT(KUBELET_CONF, "kubelet.conf", KUBE, "kubelet.conf")                                                           \
    FACT(ADMIN_CONF, "admin.conf", KUBE, "admin.conf")                                                                 \
    FACT(CA, "ca", KUBE, "cluster CA certificate")                               /* sha256 of ca.crt's bytes */        \
    FACT(CA_STAMP, "ca.stamp", KUBE, "cluster CA that we put here")              /* same */                            \
    FACT(PKI, "pki", KUBE, "CAs and service-account keys")   /* sha256 of all 4 public halves; false: incomplete */    \
    FACT(STATICS, "statics", KUBE, "audit policy as in the rootfs")                                                    \
    FACT(KUBECONFIG, "kubeconfig", KUBE, "admin kubeconfig of the CA")           /* sha256 of the CA in it */          \
    FACT(MANIFESTS, "manifests", KUBE, "control-plane static pods")              /* names, comma */                    \
    FACT(ETCD_DATA, "etcd.data", KUBE, "etcd data directory")                                                          \
    FACT(ATTEMPT, "attempt", KUBE, "unfinished attempt of ours")                 /* init, join-master, join-worker */  \
    FACT(IPVS_KERNEL, "ipvs.kernel", VIP, "ip_vs in the kernel")                 /* loaded, loadable; false: absent */ \
    FACT(VIP_RULES, "vip.rules", VIP, "virtual server")                          /* "ipvs|nat VIP:PORT a:p,b:p" */     \
    FACT(LVSCARE_POD, "lvscare.pod", VIP, "lvscare static pod")                  /* "vs=… rs=… image=…" */             \
    FACT(VIP_ANSWERS, "vip.answers", VIP, "API answers through the VIP")                                               \
    FACT(API_ANSWERS, "api.answers", API, "API server answers")                                                        \
    FACT(ETCD_ANSWERS, "etcd.answers", ETCD, "etcd answers")                                                           \
    FACT(NODE_OBJECT, "node", SELF, "Node object")                               /* its machine-id; derived */         \
    FACT(NODE_NAME, "node.name", SELF, "Node name")                              /* derived */                         \
    FACT(NODE_READY, "node.ready", SELF, "Node Ready")                           /* derived */                         \
    FACT(ETCD_MEMBER, "etcd.member", SELF, "etcd member")                        /* hex id; derived */                 \
    FACT(ETCD_HEALTHY, "etcd.healthy", SELF, "etcd member healthy")              /* derived */                         \
    FACT(JOBS, "jobs", JOBS, "running jobs of ours")                             /* keys, comma */

enum fact_id {
#define FACT(id, key, section, words) FACT_##id,
    FACTS(FACT)
#undef FACT
        FACT_COUNT
};

struct fact_info {
    const char *key, *words;
    unsigned section;
};
extern const struct fact_info fact_table[FACT_COUNT];

struct fact {
    enum tri state;
    const char *value; /* true: canonical text ("" where there is none to have); unknown: the reason; false: NULL */
};

struct have_node {
    struct fact facts[FACT_COUNT];
};

/* What an API server that answers says. Unknown while none does. */
struct have_cluster {
    enum tri api;              /* some member's API answered */
    const char *api_reason;    /* why not, when unknown */
    enum tri etcd;             /* member list known */
    struct fact tokens;        /* ids of our left-over bootstrap tokens, comma-separated; false: none */
    const char **guests;       /* keys of guest records that say "ok"; sorted, see have_add_guest */
    size_t n_guests, cap_guests;
    const char **strangers;    /* Nodes that belong to no host of ours: "name address" */
    size_t n_strangers, cap_strangers;
    const char **stray_members; /* etcd members that belong to no host of ours: "id name address" */
    size_t n_stray, cap_stray;
};

struct have {
    struct arena *arena;
    struct have_node *nodes;   /* as many as want has hosts, same index */
    size_t n_nodes;
    struct have_cluster cluster;
    enum tri *stored;          /* per image: its content is in the local store */
    size_t n_images;
    enum tri *rendered;        /* per distinct render: the tree is in the local store */
    size_t n_renders;
};

/* All facts unknown ("not probed"). */
struct have *have_new(size_t nodes, size_t images, size_t renders);
void have_free(struct have *h);
void have_freep(struct have **h);
struct have *have_clone(const struct have *h);

static inline const struct fact *have_fact(const struct have *h, int node, enum fact_id f)
{
    return &h->nodes[node].facts[f];
}
/* Values are copied into the arena; true needs a value ("" will do). */
void have_true(struct have *h, int node, enum fact_id f, const char *value);
void have_false(struct have *h, int node, enum fact_id f);
void have_unknown(struct have *h, int node, enum fact_id f, const char *reason);
/* The node could not be looked at: all its facts become unknown for this reason (REACHED false). */
void have_unreached(struct have *h, int node, const char *reason);
bool have_is(const struct have *h, int node, enum fact_id f, const char *value); /* true with exactly this value */
bool have_guest(const struct have *h, const char *key);
void have_add_guest(struct have *h, const char *key);
/* A comma-separated list value holds this item. */
bool list_has(const char *list, const char *item);

#endif
