/* Leaving: out of the VIP, drain, etcd member, Node, machine, in that order. Also what an earlier machine, or an
 * unfinished attempt, left under an address that joins again. */
#include "actions/families.h"

static bool object(const struct view *v, int node)
{
    return view_fact(v, node, FACT_NODE_OBJECT)->state == TRI_TRUE;
}

static bool member(const struct view *v, int node)
{
    return view_fact(v, node, FACT_ETCD_MEMBER)->state == TRI_TRUE;
}

static bool reached(const struct view *v, int node)
{
    return view_fact(v, node, FACT_REACHED)->state == TRI_TRUE;
}

/* Its old self must go before it can join: another machine's Node, or what an attempt that does not run any more made.
 * Those serve nobody, so they go even if it may not join now; what may still run stays until it does. */
static bool leftover(const struct view *v, int node)
{
    if (v->belonging[node] == BELONG_STALE || view_dead_attempt(v, node))
        return view_to_join(v, node) || v->quorum_join[node];
    return v->belonging[node] == BELONG_FILES && view_to_join(v, node);
}

/* Whose it was. */
static const char *earlier_self(const struct view *v, int node)
{
    switch (v->belonging[node]) {
    case BELONG_STALE:
        return "an earlier machine";
    case BELONG_FILES:
        return "an earlier join";
    default:
        return "an unfinished join";
    }
}

/* VERDICT_YES: this node leaves, and may. */
static enum verdict leaving_open(const struct view *v, int node, bool gone, struct finding *f)
{
    if (!view_leaving(v, node) || gone)
        return VERDICT_NO;
    if (v->blocked)
        return finding_refused(f, "%s", v->blocked);
    const char *refusal = view_removal_refusal(v, node);
    return refusal ? finding_refused(f, "%s", refusal) : VERDICT_YES;
}

static int on_live_master(const struct view *v, struct subject s)
{
    if (v->live_master != s.node)
        return v->live_master;
    /* the leaving node is the one that was picked: another one has to do it, where there is one */
    for (size_t i = 0; i < v->want->n_hosts; i++)
        if ((int)i != s.node && view_member(v, (int)i) && view_fact(v, (int)i, FACT_API_ANSWERS)->state == TRI_TRUE)
            return (int)i;
    return v->live_master;
}

static struct value *name_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = value_map(a);
    const struct fact *name = view_fact(v, s.node, FACT_NODE_NAME), *id = view_fact(v, s.node, FACT_ETCD_MEMBER);
    if (name->state == TRI_TRUE)
        value_set(a, in, "name", value_string(a, name->value));
    if (id->state == TRI_TRUE)
        value_set(a, in, "member", value_string(a, id->value));
    return in;
}

static const char *api_guard(const struct view *v, struct subject s, struct arena *a)
{
    (void)a;
    int asked = on_live_master(v, s);
    if (asked < 0)
        return "the API server answers on no master";
    return asked == s.node ? "the API server answers on no other master" : NULL;
}

/* ---- drain */

static enum verdict drain_wants(const struct view *v, struct subject s, struct finding *f)
{
    enum verdict open = leaving_open(v, s.node, !object(v, s.node), f);
    if (open != VERDICT_YES)
        return open;
    if (v->want->policy.drain_disabled || v->belonging[s.node] != BELONG_MEMBER)
        return VERDICT_NO; /* a machine that does not answer, or is another one, cannot end its pods */
    open = rules_api(v, f);
    if (open != VERDICT_NO)
        return open;
    static const char *const removal[] = {"node.delete", NULL};
    f->only_with = removal;
    return finding_change(f, "spec.hosts", "a node that leaves is drained first", "it is not listed any more, but is a Node");
}

static void drain_effect(const struct view *v, struct have *h, struct subject s)
{
    (void)v, (void)h, (void)s; /* what it changes goes with the Node */
}

static bool drain_proved(const struct view *v, struct subject s, struct text *why_not)
{
    (void)v, (void)s, (void)why_not;
    return true; /* kubectl drain ends when the pods are gone */
}

static struct value *drain_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = name_inputs(v, s, a);
    value_set(a, in, "timeout", value_int(a, v->want->policy.drain_timeout_s));
    return in;
}

static const struct edge drain_after[] = {{"kubeadm.join-master", SCOPE_ALL, NULL}, {"kubeadm.join-worker", SCOPE_ALL, NULL},
                                          {"ipvs.rules", SCOPE_ALL, NULL},          {"ipvs.pod", SCOPE_ALL, NULL},
                                          {"hosts.set", SCOPE_ALL, NULL},           {"registry.init", SCOPE_ALL, NULL},
                                          {0}};

const struct kind_rules rules_node_drain = {
    .name = "node.drain",
    .step = "–",
    .title = "drain",
    .subject = SUBJECT_NODE,
    .wants = drain_wants,
    .after = drain_after,
    .disrupts = true,
    .premises = SECTION_API,
    .guard = api_guard,
    .effect = drain_effect,
    .proved = drain_proved,
    .run_node = on_live_master,
    .inputs = drain_inputs,
    .timeout_s = 900,
};

/* ---- etcd member */

static enum verdict member_wants(const struct view *v, struct subject s, struct finding *f)
{
    if (!member(v, s.node))
        return VERDICT_NO;
    const char *fact = "it is not listed any more, but is an etcd member";
    if (leftover(v, s.node)) {
        fact = arena_printf(f->arena, "the etcd member of this address is what %s left", earlier_self(v, s.node));
    } else {
        enum verdict open = leaving_open(v, s.node, false, f);
        if (open != VERDICT_YES)
            return open;
    }
    if (v->quorum_leave[s.node])
        return finding_refused(f, "%s", v->quorum_leave[s.node]);
    enum verdict asked = rules_api(v, f);
    if (asked != VERDICT_NO)
        return asked;
    return finding_change(f, "spec.hosts", "etcd's members are the listed masters", "%s", fact);
}

static const char *member_guard(const struct view *v, struct subject s, struct arena *a)
{
    const char *no = api_guard(v, s, a);
    if (no)
        return no;
    bool healthy = view_fact(v, s.node, FACT_ETCD_HEALTHY)->state == TRI_TRUE;
    if (quorum_may_remove(v->quorum, healthy))
        return NULL;
    return arena_printf(a, "etcd has %u of %u members healthy; taking this one away would leave no quorum",
                        v->quorum.healthy, v->quorum.voters);
}

static void member_effect(const struct view *v, struct have *h, struct subject s)
{
    (void)v;
    have_false(h, s.node, FACT_ETCD_MEMBER);
    have_false(h, s.node, FACT_ETCD_HEALTHY);
}

static bool member_proved(const struct view *v, struct subject s, struct text *why_not)
{
    if (view_fact(v, s.node, FACT_ETCD_MEMBER)->state == TRI_FALSE)
        return true;
    text_add(why_not, "etcd still lists the member");
    return false;
}

/* A live one goes after its replacement came and the VIP let go of it; a dead one goes first. */
static bool from_live(const struct view *v, struct subject from, struct subject to)
{
    (void)to;
    return view_leaves_alive(v, from.node);
}

static enum lock control_plane_lock(const struct view *v, struct subject s)
{
    (void)v, (void)s;
    return LOCK_CONTROL_PLANE;
}

static const struct edge member_needs[] = {{"node.drain", SCOPE_SAME, NULL}, {0}};
/* The quorum was counted step by step: dead ones in order, then live ones in order. */
static bool same_liveness(const struct view *v, struct subject from, struct subject to)
{
    return from_live(v, from, to) == from_live(v, to, from);
}
static bool live_after_dead(const struct view *v, struct subject from, struct subject to)
{
    return from_live(v, from, to) && !from_live(v, to, from);
}
static const struct edge member_after[] = {{"etcd.remove-member", SCOPE_CHAIN, same_liveness},
                                           {"etcd.remove-member", SCOPE_OTHERS, live_after_dead},
                                           {"kubeadm.join-master", SCOPE_OTHERS, from_live},
                                           {"ipvs.rules", SCOPE_ALL, from_live},
                                           {"ipvs.pod", SCOPE_ALL, from_live},
                                           {0}};

const struct kind_rules rules_etcd_remove_member = {
    .name = "etcd.remove-member",
    .step = "–",
    .title = "remove etcd member",
    .subject = SUBJECT_NODE,
    .wants = member_wants,
    .needs = member_needs,
    .after = member_after,
    .disrupts = true,
    .destroys = true,
    .premises = SECTION_API | SECTION_ETCD,
    .proof = SECTION_API | SECTION_ETCD,
    .guard = member_guard,
    .effect = member_effect,
    .proved = member_proved,
    .run_node = on_live_master,
    .inputs = name_inputs,
    .lock = control_plane_lock,
    .timeout_s = 120,
    .settle_s = 30,
};

/* ---- Node */

static enum verdict delete_wants(const struct view *v, struct subject s, struct finding *f)
{
    if (!object(v, s.node))
        return VERDICT_NO;
    const char *fact = "it is not listed any more, but is a Node";
    if (leftover(v, s.node)) {
        fact = arena_printf(f->arena, "the Node of this address is what %s left", earlier_self(v, s.node));
    } else {
        enum verdict open = leaving_open(v, s.node, false, f);
        if (open != VERDICT_YES)
            return open;
    }
    enum verdict asked = rules_api(v, f);
    if (asked != VERDICT_NO)
        return asked;
    return finding_change(f, "spec.hosts", "the cluster's Nodes are the listed hosts", "%s", fact);
}

static void delete_effect(const struct view *v, struct have *h, struct subject s)
{
    (void)v;
    have_false(h, s.node, FACT_NODE_OBJECT);
    have_false(h, s.node, FACT_NODE_NAME);
    have_false(h, s.node, FACT_NODE_READY);
}

static bool delete_proved(const struct view *v, struct subject s, struct text *why_not)
{
    if (view_fact(v, s.node, FACT_NODE_OBJECT)->state == TRI_FALSE)
        return true;
    text_add(why_not, "the API server still lists the Node");
    return false;
}

static const struct edge delete_needs[] = {{"node.drain", SCOPE_SAME, NULL}, {"etcd.remove-member", SCOPE_SAME, NULL}, {0}};
static const struct edge delete_after[] = {{"ipvs.rules", SCOPE_ALL, from_live}, {"ipvs.pod", SCOPE_ALL, from_live}, {0}};

const struct kind_rules rules_node_delete = {
    .name = "node.delete",
    .step = "–",
    .title = "delete Node",
    .subject = SUBJECT_NODE,
    .wants = delete_wants,
    .needs = delete_needs,
    .after = delete_after,
    .destroys = true,
    .premises = SECTION_API,
    .proof = SECTION_API,
    .guard = api_guard,
    .effect = delete_effect,
    .proved = delete_proved,
    .run_node = on_live_master,
    .inputs = name_inputs,
    .timeout_s = 60,
    .settle_s = 30,
    .retry = true,
};

/* ---- machine */

/* What may still be a member, the last one perhaps, is not cleaned. */
static enum verdict still_member_known(const struct view *v, int node, struct finding *f)
{
    if (v->exists != TRI_TRUE)
        return VERDICT_NO;
    enum verdict known = rules_known(v, node, FACT_NODE_OBJECT, f);
    if (known == VERDICT_NO && view_is_master(v, node) && !value_path(v->want->cluster_configuration, "etcd.external"))
        known = rules_known(v, node, FACT_ETCD_MEMBER, f);
    return known;
}

static enum verdict reset_wants(const struct view *v, struct subject s, struct finding *f)
{
    if (!view_leaving(v, s.node))
        return VERDICT_NO;
    if (!reached(v, s.node) && !object(v, s.node) && !member(v, s.node))
        return VERDICT_NO; /* gone from the cluster, and out of reach: nothing that can be done */
    bool traces = view_has_files(v, s.node) || view_fact(v, s.node, FACT_OURS)->state == TRI_TRUE ||
                  view_fact(v, s.node, FACT_ATTEMPT)->state == TRI_TRUE;
    enum verdict open = leaving_open(v, s.node, reached(v, s.node) && !traces, f);
    if (open != VERDICT_YES)
        return open;
    if (!reached(v, s.node))
        return finding_unknown(f, "its machine cannot be cleaned: %s", v->trouble[s.node]);
    if (v->belonging[s.node] == BELONG_FOREIGN)
        return finding_refused(f, "%s", v->trouble[s.node]);
    enum verdict known = still_member_known(v, s.node, f);
    if (known != VERDICT_NO)
        return known;
    return finding_change(f, "spec.hosts", "a machine that leaves is cleaned", "it carries this cluster's files");
}

static void reset_effect(const struct view *v, struct have *h, struct subject s)
{
    (void)v;
    static const enum fact_id gone[] = {
        FACT_OURS,        FACT_ROOTFS,      FACT_HOSTS_REGISTRY, FACT_HOSTS_API,  FACT_HOSTS_LVSCARE, FACT_REGISTRY_IMAGES,
        FACT_REGISTRY_STAMP, FACT_REGISTRY_SERVING, FACT_INIT_STAMP, FACT_KUBELET_UP, FACT_PREPULLED, FACT_KUBELET_CONF,
        FACT_ADMIN_CONF,  FACT_CA,          FACT_CA_STAMP,       FACT_PKI,        FACT_KUBECONFIG,    FACT_MANIFESTS,
        FACT_ETCD_DATA,   FACT_ATTEMPT,     FACT_VIP_RULES,      FACT_LVSCARE_POD, FACT_API_ANSWERS,  FACT_ETCD_ANSWERS};
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        have_false(h, s.node, gone[i]);
}

static bool reset_proved(const struct view *v, struct subject s, struct text *why_not)
{
    if (!view_has_files(v, s.node) && view_fact(v, s.node, FACT_OURS)->state == TRI_FALSE)
        return true;
    text_add(why_not, "files of this cluster are still there");
    return false;
}

static struct value *reset_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = value_map(a);
    value_set(a, in, "registry", value_bool(a, view_fact(v, s.node, FACT_REGISTRY_STAMP)->state == TRI_TRUE));
    value_set(a, in, "vip", value_string(a, v->want->vip));
    value_set(a, in, "port", value_int(a, v->want->bind_port));
    return in;
}

static const struct edge reset_needs[] = {{"node.drain", SCOPE_SAME, NULL},
                                          {"etcd.remove-member", SCOPE_SAME, NULL},
                                          {"node.delete", SCOPE_SAME, NULL},
                                          {0}};
static const struct edge reset_after[] = {{"hosts.set", SCOPE_ALL, NULL}, {"registry.init", SCOPE_ALL, NULL}, {0}};

const struct kind_rules rules_node_reset = {
    .name = "node.reset",
    .step = "–",
    .title = "clean machine",
    .subject = SUBJECT_NODE,
    .wants = reset_wants,
    .needs = reset_needs,
    .after = reset_after,
    .disrupts = true,
    .destroys = true,
    .premises = SECTION_KUBE,
    .proof = SECTION_IDENTITY | SECTION_KUBE,
    .effect = reset_effect,
    .proved = reset_proved,
    .inputs = reset_inputs,
    .timeout_s = 600,
    .settle_s = 30,
};
