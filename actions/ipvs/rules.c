/* The VIP on workers: the virtual server in the kernel, and the static pod that keeps it. */
#include "actions/families.h"

#include <string.h>

static const char nowhere[] = "no control-plane member is known, so the VIP would lead nowhere";

static enum verdict worker_open(const struct view *v, int node, struct finding *f)
{
    if (!view_is_worker(v, node))
        return VERDICT_NO;
    return rules_node_open(v, node, f);
}

/* A keeper that runs takes unhealthy servers out and puts them back: what is missing then is not drift (DESIGN, VIP). */
static bool keeper_runs(const struct view *v, int node)
{
    return view_fact(v, node, FACT_KUBELET_UP)->state == TRI_TRUE && view_fact(v, node, FACT_LVSCARE_POD)->state == TRI_TRUE &&
           view_same_servers(view_fact(v, node, FACT_LVSCARE_POD)->value, view_lvscare_pod(v));
}

/* have is want without some of its servers. */
static bool is_subset(const char *have, const char *want)
{
    const char *h = strrchr(have, ' '), *w = strrchr(want, ' ');
    if (!h || !w || h - have != w - want || strncmp(have, want, (size_t)(h - have)) != 0)
        return false;
    _cleanup_(mem_freep) char *copy = mem_strdup(h + 1);
    char *save = NULL;
    for (char *s = strtok_r(copy, ",", &save); s; s = strtok_r(NULL, ",", &save))
        if (!list_has(w + 1, s))
            return false;
    return true;
}

static enum verdict rules_wants(const struct view *v, struct subject s, struct finding *f)
{
    enum verdict open = worker_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    if (!view_member(v, s.node) && !view_to_join(v, s.node))
        return VERDICT_NO;
    if (!*view_real_servers(v))
        return finding_unknown(f, "%s", nowhere);
    enum verdict known = rules_known(v, s.node, FACT_VIP_RULES, f);
    if (known == VERDICT_NO)
        known = rules_known(v, s.node, FACT_IPVS_KERNEL, f);
    if (known != VERDICT_NO)
        return known;
    const char *want = view_vip_rules(v, s.node);
    const struct fact *have = view_fact(v, s.node, FACT_VIP_RULES);
    if (have->state == TRI_TRUE && view_same_servers(have->value, want))
        return VERDICT_NO;
    if (have->state == TRI_TRUE && str_starts(want, "ipvs ") && keeper_runs(v, s.node) && is_subset(have->value, want))
        return VERDICT_NO;
    return finding_change(f, "spec.hosts",
                          arena_printf(f->arena, "workers reach the API by %s", want),
                          "the virtual server is %s", rules_says(v, s.node, FACT_VIP_RULES, f->arena));
}

static void rules_effect(const struct view *v, struct have *h, struct subject s)
{
    have_true(h, s.node, FACT_VIP_RULES, view_vip_rules(v, s.node));
}

static struct value *rules_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = value_map(a), *servers = value_list(a);
    value_set(a, in, "mode", value_string(a, view_fact(v, s.node, FACT_IPVS_KERNEL)->state == TRI_TRUE ? "ipvs" : "nat"));
    value_set(a, in, "vip", value_string(a, v->want->vip));
    value_set(a, in, "port", value_int(a, v->want->bind_port));
    value_set(a, in, "address", value_string(a, view_host(v, s.node)->address));
    _cleanup_(mem_freep) char *list = mem_strdup(view_real_servers(v));
    char *save = NULL;
    for (char *p = strtok_r(list, ",", &save); p; p = strtok_r(NULL, ",", &save))
        value_push(a, servers, value_string(a, p));
    value_set(a, in, "servers", servers);
    return in;
}

static const char *rules_guard(const struct view *v, struct subject s, struct arena *a)
{
    (void)s, (void)a;
    return *view_real_servers(v) ? NULL : nowhere;
}

static const struct edge rules_needs[] = {{"node.init", SCOPE_SAME, NULL}, {"kubeadm.init", SCOPE_ALL, NULL}, {0}};
static const struct edge rules_after[] = {{"kubeadm.join-master", SCOPE_ALL, NULL}, {0}};

const struct kind_rules rules_ipvs_rules = {
    .name = "ipvs.rules",
    .step = "5.2",
    .title = "set the virtual server",
    .subject = SUBJECT_NODE,
    .wants = rules_wants,
    .needs = rules_needs,
    .after = rules_after,
    .premises = SECTION_VIP | SECTION_API,
    .proof = SECTION_VIP,
    .guard = rules_guard,
    .effect = rules_effect,
    .inputs = rules_inputs,
    .timeout_s = 60,
    .settle_s = 10,
    .retry = true,
};

/* ---- the static pod */

static enum verdict pod_wants(const struct view *v, struct subject s, struct finding *f)
{
    enum verdict open = worker_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    if (!v->want->lvscare_image || (!view_member(v, s.node) && !view_to_join(v, s.node)))
        return VERDICT_NO;
    if (!*view_real_servers(v))
        return finding_unknown(f, "%s", nowhere);
    enum verdict known = rules_known(v, s.node, FACT_LVSCARE_POD, f);
    if (known != VERDICT_NO)
        return known;
    const struct fact *have = view_fact(v, s.node, FACT_LVSCARE_POD);
    const char *want = view_lvscare_pod(v);
    /* a join cleans what an earlier self left, the pod among it */
    bool cleaned = !v->settled && view_to_join(v, s.node);
    bool as_wanted = have->state == TRI_TRUE && view_same_servers(have->value, want);
    if (as_wanted && !cleaned)
        return VERDICT_NO;
    const char *rule = arena_printf(f->arena, "lvscare keeps %s", want);
    if (as_wanted)
        return finding_change(f, "spec.hosts", rule, "the join cleans what an earlier one left, the static pod among it");
    return finding_change(f, "spec.hosts", rule, "the static pod is %s", rules_says(v, s.node, FACT_LVSCARE_POD, f->arena));
}

static void pod_effect(const struct view *v, struct have *h, struct subject s)
{
    have_true(h, s.node, FACT_LVSCARE_POD, view_lvscare_pod(v));
}

static struct value *pod_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = rules_inputs(v, s, a);
    value_set(a, in, "image", value_string(a, v->want->lvscare_image));
    return in;
}

static const struct edge pod_needs[] = {{"kubeadm.join-worker", SCOPE_SAME, NULL}, {0}};
static const struct edge pod_after[] = {{"kubeadm.join-master", SCOPE_ALL, NULL}, {"ipvs.rules", SCOPE_SAME, NULL}, {0}};

const struct kind_rules rules_ipvs_pod = {
    .name = "ipvs.pod",
    .step = "5.3",
    .title = "write the lvscare pod",
    .subject = SUBJECT_NODE,
    .wants = pod_wants,
    .needs = pod_needs,
    .after = pod_after,
    .premises = SECTION_VIP | SECTION_API,
    .proof = SECTION_VIP,
    .guard = rules_guard,
    .effect = pod_effect,
    .inputs = pod_inputs,
    .timeout_s = 60,
    .retry = true,
};
