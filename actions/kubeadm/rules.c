/* kubeadm init, joins, tokens, and the admin kubeconfig. */
#include "actions/families.h"

#include <string.h>

/* ---- init */

static enum verdict init_wants(const struct view *v, struct subject s, struct finding *f)
{
    if (s.node != v->init_master)
        return VERDICT_NO;
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    if (!view_to_init(v, s.node))
        return VERDICT_NO;
    enum verdict known = rules_known(v, s.node, FACT_HOSTNAME, f); /* it will be its Node's name */
    if (known != VERDICT_NO)
        return known;
    if (v->belonging[s.node] == BELONG_ATTEMPT)
        return finding_change(f, "spec.hosts", "the first master is initialised",
                              "an init of ours here has not finished; its data is moved aside");
    return finding_change(f, "spec.hosts", "the first master is initialised",
                          "no master belongs to a cluster, and every master was looked at");
}

/* What a node shows once kubeadm made it a member. */
static void become_member(const struct view *v, struct have *h, int node, bool master)
{
    have_true(h, node, FACT_KUBELET_CONF, "");
    have_true(h, node, FACT_KUBELET_UP, "");
    have_false(h, node, FACT_ATTEMPT);
    have_false(h, node, FACT_JOBS);
    have_true(h, node, FACT_NODE_OBJECT, have_fact(h, node, FACT_MACHINE_ID)->value);
    have_true(h, node, FACT_NODE_NAME, have_fact(h, node, FACT_HOSTNAME)->value);
    if (master) {
        have_true(h, node, FACT_ADMIN_CONF, "");
        have_true(h, node, FACT_MANIFESTS, "etcd,kube-apiserver,kube-controller-manager,kube-scheduler");
        have_true(h, node, FACT_ETCD_DATA, "");
        have_true(h, node, FACT_API_ANSWERS, "");
        have_true(h, node, FACT_ETCD_ANSWERS, "");
        have_true(h, node, FACT_ETCD_MEMBER, "");
        have_true(h, node, FACT_ETCD_HEALTHY, "");
    } else {
        have_true(h, node, FACT_CA, v->ca ? v->ca : "");
        have_true(h, node, FACT_VIP_ANSWERS, "");
    }
}

static void init_effect(const struct view *v, struct have *h, struct subject s)
{
    become_member(v, h, s.node, true);
    h->cluster.api = TRI_TRUE;
    h->cluster.etcd = TRI_TRUE;
    h->cluster.tokens = (struct fact){TRI_FALSE, NULL};
    for (size_t i = 0; i < h->n_nodes; i++) /* now somebody can say that the others are not Nodes yet */
        if ((int)i != s.node) {
            have_false(h, (int)i, FACT_NODE_OBJECT);
            have_false(h, (int)i, FACT_ETCD_MEMBER);
        }
}

static bool member_proved(const struct view *v, struct subject s, struct text *why_not)
{
    const struct fact *object = view_fact(v, s.node, FACT_NODE_OBJECT);
    const struct fact *machine = view_fact(v, s.node, FACT_MACHINE_ID);
    if (object->state == TRI_UNKNOWN)
        text_addf(why_not, "waiting for its Node object (%s)", object->value);
    else if (object->state == TRI_FALSE)
        text_add(why_not, "waiting for its Node object");
    else if (!str_eq(object->value, machine->value))
        text_add(why_not, "its Node object is still another machine's");
    else if (view_fact(v, s.node, FACT_ATTEMPT)->state == TRI_TRUE)
        text_add(why_not, "kubeadm has not finished");
    else if (view_is_master(v, s.node) && view_fact(v, s.node, FACT_API_ANSWERS)->state != TRI_TRUE)
        text_add(why_not, "waiting for its API server");
    else if (view_is_master(v, s.node) && !value_path(v->want->cluster_configuration, "etcd.external") &&
             view_fact(v, s.node, FACT_ETCD_HEALTHY)->state != TRI_TRUE)
        text_add(why_not, "waiting for its etcd member to be healthy");
    else
        return true;
    return false;
}

static void add_hosts(const struct view *v, struct arena *a, struct value *in)
{
    struct value *masters = value_list(a);
    for (size_t i = 0; i < v->want->n_hosts; i++)
        if (view_is_master(v, (int)i) && view_host(v, (int)i)->listed)
            value_push(a, masters, value_string(a, view_host(v, (int)i)->address));
    value_set(a, in, "masters", masters);
    size_t listed = 0;
    for (size_t i = 0; i < v->want->n_hosts; i++)
        listed += view_host(v, (int)i)->listed;
    value_set(a, in, "single", value_bool(a, listed == 1));
}

static struct value *init_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = value_map(a);
    value_set(a, in, "address", value_string(a, view_host(v, s.node)->address));
    value_set(a, in, "hostname", value_string(a, view_fact(v, s.node, FACT_HOSTNAME)->value));
    add_hosts(v, a, in);
    return in;
}

static enum lock control_plane_lock(const struct view *v, struct subject s)
{
    (void)v, (void)s;
    return LOCK_CONTROL_PLANE;
}

static const char *init_guard(const struct view *v, struct subject s, struct arena *a)
{
    if (view_to_init(v, s.node))
        return NULL;
    return arena_printf(a, "it is no longer proved that no cluster exists%s%s", v->exists_reason ? ": " : "",
                        v->exists_reason ? v->exists_reason : "");
}

static const struct edge init_needs[] = {{"node.prepull", SCOPE_SAME, NULL},
                                         {"node.init", SCOPE_SAME, NULL},
                                         {"node.start", SCOPE_SAME, NULL},
                                         {"hosts.set", SCOPE_SAME, NULL},
                                         {"pki.push", SCOPE_SAME, NULL},
                                         {0}};

const struct kind_rules rules_kubeadm_init = {
    .name = "kubeadm.init",
    .step = "3.3",
    .title = "initialise the control plane",
    .subject = SUBJECT_NODE,
    .wants = init_wants,
    .needs = init_needs,
    .premises = SECTION_KUBE,
    .proof = SECTION_INIT | SECTION_KUBE | SECTION_API | SECTION_ETCD | SECTION_JOBS,
    .guard = init_guard,
    .effect = init_effect,
    .proved = member_proved,
    .inputs = init_inputs,
    .lock = control_plane_lock,
    .timeout_s = 900,
    .settle_s = 120,
};

/* ---- kubeconfig */

static enum verdict kubeconfig_wants(const struct view *v, struct subject s, struct finding *f)
{
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    if (v->want->policy.kubeconfig == KUBECONFIG_MASTERS && view_is_worker(v, s.node))
        return VERDICT_NO;
    if (!view_member(v, s.node) && !view_to_init(v, s.node) && !view_to_join(v, s.node))
        return VERDICT_NO;
    enum verdict known = rules_known(v, s.node, FACT_KUBECONFIG, f);
    if (known != VERDICT_NO)
        return known;
    const struct fact *k = view_fact(v, s.node, FACT_KUBECONFIG);
    if (k->state == TRI_TRUE && v->ca && str_eq(k->value, v->ca))
        return VERDICT_NO;
    if (rules_api(v, f) != VERDICT_NO)
        return VERDICT_UNKNOWN;
    if (v->exists == TRI_TRUE && !v->ca)
        return finding_unknown(f, "the cluster's CA certificate is not known");
    return finding_change(f, "ReconcilePolicy spec.kubeconfig", "nodes have an admin kubeconfig of this cluster",
                          "/root/.kube/config is %s", k->state == TRI_FALSE ? "absent" : "another cluster's");
}

static void kubeconfig_effect(const struct view *v, struct have *h, struct subject s)
{
    have_true(h, s.node, FACT_KUBECONFIG, v->ca ? v->ca : "");
}

static struct value *live_inputs(const struct view *v, struct subject s, struct arena *a)
{
    (void)s;
    struct value *in = value_map(a);
    value_set(a, in, "live", value_int(a, v->live_master));
    return in;
}

static const struct edge kubeconfig_needs[] = {{"kubeadm.init", SCOPE_ALL, NULL}, {0}};

const struct kind_rules rules_kubeconfig_push = {
    .name = "kubeconfig.push",
    .step = "4.1",
    .title = "push admin kubeconfig",
    .subject = SUBJECT_NODE,
    .wants = kubeconfig_wants,
    .needs = kubeconfig_needs,
    .premises = SECTION_KUBE,
    .proof = SECTION_KUBE,
    .effect = kubeconfig_effect,
    .inputs = live_inputs,
    .timeout_s = 60,
    .retry = true,
};

/* ---- tokens */

static int on_live_master(const struct view *v, struct subject s)
{
    (void)s;
    return v->live_master;
}

static enum verdict token_wants(const struct view *v, struct subject s, struct finding *f)
{
    (void)s;
    if (v->blocked)
        return finding_refused(f, "%s", v->blocked);
    if (!rules_any_join(v))
        return VERDICT_NO;
    static const char *const joins[] = {"kubeadm.join-master", "kubeadm.join-worker", NULL};
    f->only_with = joins;
    return finding_change(f, "spec.hosts", "joins need a bootstrap token", "nodes are to be joined");
}

static void token_effect(const struct view *v, struct have *h, struct subject s)
{
    (void)v, (void)s;
    h->cluster.tokens = (struct fact){TRI_TRUE, "simulated"};
}

static bool token_proved(const struct view *v, struct subject s, struct text *why_not)
{
    (void)s;
    if (v->have->cluster.tokens.state == TRI_TRUE)
        return true;
    text_add(why_not, "the API server does not list the token");
    return false;
}

static const struct edge token_needs[] = {{"kubeadm.init", SCOPE_ALL, NULL}, {0}};
/* Its life is short: it is made when what takes long is over. */
static const struct edge token_after[] = {{"node.prepull", SCOPE_ALL, NULL}, {0}};

const struct kind_rules rules_token_create = {
    .name = "token.create",
    .step = "4.4",
    .title = "create bootstrap token",
    .subject = SUBJECT_CLUSTER,
    .wants = token_wants,
    .needs = token_needs,
    .after = token_after,
    .premises = SECTION_API,
    .proof = SECTION_API,
    .effect = token_effect,
    .proved = token_proved,
    .run_node = on_live_master,
    .timeout_s = 60,
    .settle_s = 30,
};

static enum verdict token_delete_wants(const struct view *v, struct subject s, struct finding *f)
{
    (void)s;
    if (v->blocked)
        return finding_refused(f, "%s", v->blocked);
    const struct fact *tokens = &v->have->cluster.tokens;
    enum verdict verdict = VERDICT_NO;
    if (tokens->state == TRI_TRUE)
        verdict = finding_change(f, "spec.hosts", "no bootstrap token outlives its run", "a token of ours is left over (%s)",
                                 tokens->value);
    static const char *const maker[] = {"token.create", NULL};
    if (!v->settled && rules_any_join(v)) {
        if (verdict == VERDICT_NO)
            f->only_with = maker;
        verdict = finding_change(f, "spec.hosts", "no bootstrap token outlives its run", "this run makes one");
    }
    if (verdict == VERDICT_YES && rules_api(v, f) != VERDICT_NO)
        return VERDICT_UNKNOWN;
    if (verdict == VERDICT_NO && v->exists == TRI_TRUE && tokens->state == TRI_UNKNOWN)
        return finding_unknown(f, "it cannot be told whether a bootstrap token is left over: %s", tokens->value);
    return verdict;
}

static void token_delete_effect(const struct view *v, struct have *h, struct subject s)
{
    (void)v, (void)s;
    h->cluster.tokens = (struct fact){TRI_FALSE, NULL};
}

static bool token_delete_proved(const struct view *v, struct subject s, struct text *why_not)
{
    (void)s;
    if (v->have->cluster.tokens.state == TRI_FALSE)
        return true;
    text_add(why_not, "the API server still lists a token of ours");
    return false;
}

static struct value *token_delete_inputs(const struct view *v, struct subject s, struct arena *a)
{
    (void)s;
    struct value *in = value_map(a);
    const struct fact *tokens = &v->have->cluster.tokens;
    value_set(a, in, "tokens", value_string(a, tokens->state == TRI_TRUE ? tokens->value : ""));
    return in;
}

static const struct edge token_delete_after[] = {{"token.create", SCOPE_SAME, NULL},
                                                 {"kubeadm.join-master", SCOPE_ALL, NULL},
                                                 {"kubeadm.join-worker", SCOPE_ALL, NULL},
                                                 {0}};

const struct kind_rules rules_token_delete = {
    .name = "token.delete",
    .step = "4.4",
    .title = "delete bootstrap token",
    .subject = SUBJECT_CLUSTER,
    .wants = token_delete_wants,
    .after = token_delete_after,
    .always = true,
    .premises = SECTION_API,
    .proof = SECTION_API,
    .effect = token_delete_effect,
    .proved = token_delete_proved,
    .inputs = token_delete_inputs,
    .run_node = on_live_master,
    .timeout_s = 60,
    .settle_s = 30,
    .retry = true,
};

/* ---- joins */

/* What a machine with files lacks to be a member. */
static const char *partly(const struct view *v, int node)
{
    if (view_fact(v, node, FACT_NODE_OBJECT)->state != TRI_TRUE)
        return "it has kubelet's files, but the cluster has no Node object of it";
    if (view_fact(v, node, FACT_KUBELET_CONF)->state != TRI_TRUE)
        return "it is a Node of the cluster, but has no kubelet.conf";
    if (view_is_master(v, node) && view_fact(v, node, FACT_MANIFESTS)->state != TRI_TRUE)
        return "it is a Node of the cluster, but has no control-plane static pods";
    return "it has kubelet's files, but the cluster has no etcd member of it";
}

/* It was looked at, but does not show whether it belongs. */
static enum verdict join_unknown(const struct view *v, int node, struct finding *f)
{
    static const enum fact_id witnesses[] = {FACT_KUBELET_CONF, FACT_ADMIN_CONF, FACT_MANIFESTS,
                                             FACT_ETCD_DATA,    FACT_ATTEMPT,    FACT_MACHINE_ID};
    for (size_t i = 0; i < ARRAY_LEN(witnesses); i++) {
        enum verdict known = rules_known(v, node, witnesses[i], f);
        if (known != VERDICT_NO)
            return finding_unknown(f, "it cannot be told whether it belongs to the cluster: %s", f->reason);
    }
    if (v->exists == TRI_TRUE && v->live_master < 0)
        return finding_unknown(f, "the API server answers on no master, so it cannot be told whether it belongs");
    enum verdict known = rules_known(v, node, FACT_NODE_OBJECT, f);
    return known != VERDICT_NO ? known : finding_unknown(f, "it cannot be told whether it belongs to the cluster");
}

static enum verdict join_wants(const struct view *v, struct subject s, struct finding *f)
{
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    if (v->belonging[s.node] == BELONG_MEMBER || view_to_init(v, s.node))
        return VERDICT_NO;
    if (v->quorum_join[s.node])
        return finding_refused(f, "%s", v->quorum_join[s.node]);
    if (!view_to_join(v, s.node))
        return join_unknown(v, s.node, f);
    enum verdict known = rules_known(v, s.node, FACT_HOSTNAME, f); /* it will be its Node's name */
    if (known == VERDICT_NO)
        known = rules_known(v, s.node, FACT_MACHINE_ID, f); /* by which its Node is known to be its own */
    if (known != VERDICT_NO)
        return known;
    const char *role = view_is_master(v, s.node) ? "a master that is listed is a control-plane member"
                                                 : "a node that is listed is a Node of the cluster";
    switch (v->belonging[s.node]) {
    case BELONG_ATTEMPT:
        return finding_change(f, "spec.hosts", role, "a join of ours has not finished here");
    case BELONG_FILES:
        return finding_change(f, "spec.hosts", role, "%s", partly(v, s.node));
    case BELONG_STALE:
        if (have_is(v->have, s.node, FACT_NODE_OBJECT, view_fact(v, s.node, FACT_MACHINE_ID)->value))
            return finding_change(f, "spec.hosts", role, "the cluster has a Node object of it, but it has none of kubelet's files");
        return finding_change(f, "spec.hosts", role, "the %s of this address is that of an earlier machine",
                              view_fact(v, s.node, FACT_NODE_OBJECT)->state == TRI_TRUE ? "Node object" : "etcd member");
    default:
        return finding_change(f, "spec.hosts", role, "it has no Node object");
    }
}

static enum verdict join_master_wants(const struct view *v, struct subject s, struct finding *f)
{
    return view_is_master(v, s.node) ? join_wants(v, s, f) : VERDICT_NO;
}

static enum verdict join_worker_wants(const struct view *v, struct subject s, struct finding *f)
{
    return view_is_worker(v, s.node) ? join_wants(v, s, f) : VERDICT_NO;
}

static void join_effect(const struct view *v, struct have *h, struct subject s)
{
    become_member(v, h, s.node, view_is_master(v, s.node));
}

static const char *join_master_guard(const struct view *v, struct subject s, struct arena *a)
{
    (void)s;
    if (v->live_master < 0)
        return "the API server answers on no master";
    if (value_path(v->want->cluster_configuration, "etcd.external"))
        return NULL;
    if (v->have->cluster.etcd != TRI_TRUE)
        return "etcd's members are unknown";
    if (quorum_may_add(v->quorum))
        return NULL;
    return arena_printf(a, "etcd has %u of %u members healthy; one more (counted as not yet healthy) would leave no quorum",
                        v->quorum.healthy, v->quorum.voters);
}

static struct value *join_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = value_map(a);
    bool master = view_is_master(v, s.node);
    int live = v->live_master;
    value_set(a, in, "address", value_string(a, view_host(v, s.node)->address));
    value_set(a, in, "hostname", value_string(a, view_fact(v, s.node, FACT_HOSTNAME)->value));
    value_set(a, in, "live", value_int(a, live));
    const char *endpoint = master && live >= 0 ? host_port(a, view_host(v, live)->address, v->want->bind_port)
                                               : host_port(a, v->want->vip, v->want->bind_port);
    value_set(a, in, "endpoint", value_string(a, endpoint)); /* discovery: facts section 4.5 */
    add_hosts(v, a, in);
    return in;
}

static const struct edge join_master_needs[] = {
    {"token.create", SCOPE_ALL, NULL},      {"kubeadm.init", SCOPE_ALL, NULL}, {"pki.push", SCOPE_SAME, NULL},
    {"node.prepull", SCOPE_SAME, NULL},     {"node.init", SCOPE_SAME, NULL},   {"node.start", SCOPE_SAME, NULL},
    {"hosts.set", SCOPE_SAME, NULL},        {"node.delete", SCOPE_SAME, NULL}, {"etcd.remove-member", SCOPE_SAME, NULL},
    {0}};

/* A member that is dead or another machine's goes before anybody joins. */
static bool to_dead(const struct view *v, struct subject from, struct subject to)
{
    (void)from;
    return !view_leaves_alive(v, to.node);
}
static const struct edge join_master_after[] = {{"kubeadm.join-master", SCOPE_CHAIN, NULL},
                                                {"etcd.remove-member", SCOPE_OTHERS, to_dead},
                                                {0}};

const struct kind_rules rules_kubeadm_join_master = {
    .name = "kubeadm.join-master",
    .step = "4.5",
    .title = "join as control plane",
    .subject = SUBJECT_NODE,
    .wants = join_master_wants,
    .needs = join_master_needs,
    .after = join_master_after,
    .premises = SECTION_KUBE | SECTION_API | SECTION_ETCD,
    .proof = SECTION_INIT | SECTION_KUBE | SECTION_API | SECTION_ETCD | SECTION_JOBS,
    .guard = join_master_guard,
    .effect = join_effect,
    .proved = member_proved,
    .inputs = join_inputs,
    .lock = control_plane_lock,
    .timeout_s = 900,
    .settle_s = 120,
};

static const struct edge join_worker_needs[] = {{"token.create", SCOPE_ALL, NULL}, {"kubeadm.init", SCOPE_ALL, NULL},
                                                {"ipvs.rules", SCOPE_SAME, NULL},  {"node.prepull", SCOPE_SAME, NULL},
                                                {"node.init", SCOPE_SAME, NULL},   {"node.start", SCOPE_SAME, NULL},
                                                {"hosts.set", SCOPE_SAME, NULL},   {"node.delete", SCOPE_SAME, NULL},
                                                {0}};
static const struct edge join_worker_after[] = {{"kubeadm.join-master", SCOPE_ALL, NULL}, {0}};

const struct kind_rules rules_kubeadm_join_worker = {
    .name = "kubeadm.join-worker",
    .step = "4.5",
    .title = "join as worker",
    .subject = SUBJECT_NODE,
    .wants = join_worker_wants,
    .needs = join_worker_needs,
    .after = join_worker_after,
    .premises = SECTION_KUBE | SECTION_API,
    .proof = SECTION_INIT | SECTION_KUBE | SECTION_SELF | SECTION_JOBS,
    .effect = join_effect,
    .proved = member_proved,
    .inputs = join_inputs,
    .timeout_s = 900,
    .settle_s = 120,
};
