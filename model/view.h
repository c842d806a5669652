/* What want and have mean together: who belongs, which master is first, which CA is the cluster's, what must not
 * be done and why. A pure reading of both, made anew whenever facts changed; rules ask it, nobody stores it. */
#ifndef MODEL_VIEW_H
#define MODEL_VIEW_H

#include "model/have.h"
#include "model/quorum.h"
#include "model/want.h"

/* How a machine relates to the cluster, by two witnesses: its files and its Node object (DESIGN, Belonging). */
enum belonging {
    BELONG_UNKNOWN,  /* not reached, or the API does not answer while files are here */
    BELONG_NO,       /* no files, no Node */
    BELONG_MEMBER,   /* files and a Node with this machine's id (and, for a master, an etcd member) */
    BELONG_ATTEMPT,  /* our own unfinished attempt to init or join */
    BELONG_FILES,    /* files, but no Node: it was removed, or never registered */
    BELONG_STALE,    /* the Node (or etcd member) under this address is another machine's */
    BELONG_FOREIGN,  /* files of another cluster */
};
const char *belonging_name(enum belonging b);

struct view {
    const struct want *want;
    const struct have *have;
    bool settled;               /* true: judge what is, not what is planned (verification) */
    enum belonging *belonging;  /* per host */
    const char **trouble;       /* per host: why nothing may be done to it (unreachable, preflight, foreign), or NULL */
    bool *trouble_is_refusal;   /* per host: a refusal (else: unknown) */
    enum tri exists;            /* the cluster: true, proved absent, unknown */
    const char *exists_reason;  /* why unknown */
    int init_master;            /* where init happens when exists is false; -1: nowhere */
    int live_master;            /* a member whose API answers, lowest index; -1: none */
    int registry;               /* the node that serves the registry */
    struct quorum quorum;       /* etcd as it is now; voters 0: none or unknown */
    const char *ca;             /* sha256 of the cluster's CA; NULL: none yet */
    int ca_holder;              /* a reached master that has the whole PKI; -1: none */
    const char *blocked;        /* why nothing at all may be done, or NULL */
    const char **quorum_join, **quorum_leave; /* per host: why its joining, or leaving, etcd would cost the quorum (or the last
                                 * API server), or NULL */
    bool *stays_out;            /* per host: its join is wanted but left out of this plan, so the VIP does not lead there */
    bool *render_needed;        /* per distinct render: some node's tree differs */
    const char *real_servers;   /* as view_real_servers says; made once, since every worker asks */
    const char *vip_rules[2];   /* by netfilter, by IPVS */
    const char *lvscare_pod;
    size_t n_leaving;           /* hosts that are not listed any more */
    size_t n_masters, n_members;/* listed masters; masters that are members (leaving ones included) */
    struct arena *arena;        /* own */
};

struct view *view_new(const struct want *w, const struct have *h, bool settled);
void view_free(struct view *v);
void view_freep(struct view **v);

static inline const struct want_host *view_host(const struct view *v, int node)
{
    return &v->want->hosts[node];
}
static inline const struct fact *view_fact(const struct view *v, int node, enum fact_id f)
{
    return have_fact(v->have, node, f);
}
bool view_is_master(const struct view *v, int node);
bool view_is_worker(const struct view *v, int node); /* listed or leaving, not a master */
bool view_member(const struct view *v, int node);
bool view_leaving(const struct view *v, int node);   /* not listed any more */
/* It leaves, and what it does for the cluster it does until then: others come first. */
bool view_leaves_alive(const struct view *v, int node);
/* Why this leaving node may not be removed now (no consent, protected, too many at once, the quorum, no master left to ask), or
 * NULL. */
const char *view_removal_refusal(const struct view *v, int node);
/* Files of kubeadm or kubelet lie on this node: one of kubelet.conf, admin.conf, control-plane manifests, etcd data. */
bool view_has_files(const struct view *v, int node);
/* An unfinished attempt whose job does not run any more. */
bool view_dead_attempt(const struct view *v, int node);
bool view_rootfs_differs(const struct view *v, int node);
/* Will it have to be initialised or joined by this plan (nothing known forbids it)? */
bool view_to_init(const struct view *v, int node);
bool view_to_join(const struct view *v, int node);
/* The control-plane members that the VIP shall have, "a:6443,b:6443" in the hosts' order: members that stay, and,
 * unless settled, those that this plan initialises or joins. Borrowed. */
const char *view_real_servers(const struct view *v);
/* "ipvs VIP:6443 a:6443,b:6443" or "nat …" as FACT_VIP_RULES would say it. NULL: the kernel's ability is unknown */
const char *view_vip_rules(const struct view *v, int node);
const char *view_lvscare_pod(const struct view *v);
/* Fills what the three above return; called once by view_new. */
void view_derive_vip(struct view *v);
/* Fills trouble, and blocked where too many nodes are out of reach; called once by view_new. */
void view_find_trouble(struct view *v);
/* Fills quorum_join and quorum_leave; again after stays_out changed. */
void view_count_quorum(struct view *v);
/* Equal by meaning: words in order, comma-separated lists within them in any order. */
bool view_same_servers(const char *a, const char *b);
/* Marks these hosts too (NULL: none) and counts anew: neither the VIP nor the quorum may count on a master that will not
 * join. */
void view_stay_out(struct view *v, const bool *stays_out);
/* What apiserver.cluster.local must be on this node now (facts, DESIGN hosts.set / hosts.own); NULL: not known yet */
const char *view_api_address(const struct view *v, int node);
/* Guest record key of an image (and, for rootfs and patch, a machine): [-._a-zA-Z0-9]+ */
const char *view_guest_key(const struct view *v, struct arena *a, int image, int node);
/* "ADDRESS:PORT" with brackets where needed. */
const char *host_port(struct arena *a, const char *address, unsigned port);

#endif
