/* A node's own setup: the image's check and init scripts, its services, the images that kubeadm will want. */
#include "actions/families.h"

static bool has_kubelet(const struct view *v, int node)
{
    return view_fact(v, node, FACT_KUBELET_CONF)->state == TRI_TRUE &&
           view_fact(v, node, FACT_ATTEMPT)->state != TRI_TRUE;
}

static enum verdict init_wants(const struct view *v, struct subject s, struct finding *f)
{
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    enum verdict known = rules_known(v, s.node, FACT_INIT_STAMP, f);
    if (known != VERDICT_NO)
        return known;
    if (have_is(v->have, s.node, FACT_INIT_STAMP, v->want->init_keys[s.node]))
        return VERDICT_NO;
    return finding_change(f, "spec.image", "every node is set up by the scripts of the wanted images",
                          "the node's setup is %s", rules_says(v, s.node, FACT_INIT_STAMP, f->arena));
}

static void init_effect(const struct view *v, struct have *h, struct subject s)
{
    have_true(h, s.node, FACT_INIT_STAMP, v->want->init_keys[s.node]);
    have_true(h, s.node, FACT_RUNTIME_UP, "");
    have_true(h, s.node, FACT_SHIM_UP, "");
    if (has_kubelet(v, s.node))
        have_true(h, s.node, FACT_KUBELET_UP, "");
}

static struct value *init_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = value_map(a);
    value_set(a, in, "key", value_string(a, v->want->init_keys[s.node]));
    /* On a member the checks do not run: the ports that they want free are rightly taken. */
    value_set(a, in, "check", value_bool(a, !view_has_files(v, s.node)));
    return in;
}

static enum lock member_lock(const struct view *v, struct subject s)
{
    return view_is_master(v, s.node) && view_member(v, s.node) ? LOCK_CONTROL_PLANE : LOCK_NONE;
}

static const struct edge init_needs[] = {{"rootfs.push", SCOPE_SAME, NULL},
                                         {"hosts.set", SCOPE_SAME, NULL},
                                         {"registry.init", SCOPE_ALL, NULL},
                                         {0}};

const struct kind_rules rules_node_init = {
    .name = "node.init",
    .step = "2.6.3",
    .title = "set up node",
    .subject = SUBJECT_NODE,
    .wants = init_wants,
    .needs = init_needs,
    .disrupts = true,
    .premises = SECTION_INIT | SECTION_KUBE,
    .proof = SECTION_INIT | SECTION_KUBE,
    .effect = init_effect,
    .inputs = init_inputs,
    .lock = member_lock,
    .timeout_s = 900,
    .settle_s = 60,
};

static enum verdict start_wants(const struct view *v, struct subject s, struct finding *f)
{
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    /* Before its setup there is nothing to start, and the setup starts what it installs. */
    if (!have_is(v->have, s.node, FACT_INIT_STAMP, v->want->init_keys[s.node]))
        return VERDICT_NO;
    static const struct {
        enum fact_id fact;
        const char *what;
    } units[] = {{FACT_RUNTIME_UP, "the container runtime"}, {FACT_SHIM_UP, "the image shim"}, {FACT_KUBELET_UP, "kubelet"}};
    enum verdict verdict = VERDICT_NO;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        /* kubelet has nothing to run before the node is a member: kubeadm starts it */
        if (units[i].fact == FACT_KUBELET_UP && !has_kubelet(v, s.node))
            continue;
        enum verdict known = rules_known(v, s.node, units[i].fact, f);
        if (known != VERDICT_NO)
            return known;
        if (view_fact(v, s.node, units[i].fact)->state == TRI_FALSE)
            verdict = finding_change(f, "spec.hosts", "the services of a node run", "%s is not running", units[i].what);
    }
    return verdict;
}

static void start_effect(const struct view *v, struct have *h, struct subject s)
{
    have_true(h, s.node, FACT_RUNTIME_UP, "");
    have_true(h, s.node, FACT_SHIM_UP, "");
    if (has_kubelet(v, s.node))
        have_true(h, s.node, FACT_KUBELET_UP, "");
}

static struct value *start_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = value_map(a);
    value_set(a, in, "kubelet", value_bool(a, has_kubelet(v, s.node)));
    return in;
}

static const struct edge start_needs[] = {{"node.init", SCOPE_SAME, NULL}, {0}};

const struct kind_rules rules_node_start = {
    .name = "node.start",
    .step = "2.6.3",
    .title = "start services",
    .subject = SUBJECT_NODE,
    .wants = start_wants,
    .needs = start_needs,
    .disrupts = true,
    .premises = SECTION_INIT | SECTION_KUBE,
    .proof = SECTION_INIT | SECTION_KUBE,
    .effect = start_effect,
    .inputs = start_inputs,
    .lock = member_lock,
    .timeout_s = 120,
    .settle_s = 60,
    .retry = true,
};

static enum verdict prepull_wants(const struct view *v, struct subject s, struct finding *f)
{
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    if (!view_to_init(v, s.node) && !view_to_join(v, s.node))
        return VERDICT_NO;
    enum verdict known = rules_known(v, s.node, FACT_PREPULLED, f);
    if (known != VERDICT_NO)
        return known;
    if (have_is(v->have, s.node, FACT_PREPULLED, v->want->prepull_key))
        return VERDICT_NO;
    return finding_change(f, "spec.image", "kubeadm finds its images on the node",
                          "the images of Kubernetes %s are not all here", v->want->kubernetes_version);
}

static void prepull_effect(const struct view *v, struct have *h, struct subject s)
{
    have_true(h, s.node, FACT_PREPULLED, v->want->prepull_key);
}

static bool prepull_proved(const struct view *v, struct subject s, struct text *why_not)
{
    if (have_is(v->have, s.node, FACT_PREPULLED, v->want->prepull_key))
        return true;
    text_add(why_not, "some of kubeadm's images are still missing");
    return false;
}

static struct value *prepull_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = value_map(a);
    value_set(a, in, "key", value_string(a, v->want->prepull_key));
    value_set(a, in, "master", value_bool(a, view_is_master(v, s.node)));
    return in;
}

static const struct edge prepull_needs[] = {{"node.init", SCOPE_SAME, NULL},
                                            {"node.start", SCOPE_SAME, NULL},
                                            {"registry.init", SCOPE_ALL, NULL},
                                            {0}};

const struct kind_rules rules_node_prepull = {
    .name = "node.prepull",
    .step = "2.6.3",
    .title = "pull Kubernetes images",
    .subject = SUBJECT_NODE,
    .wants = prepull_wants,
    .needs = prepull_needs,
    .premises = SECTION_INIT,
    .proof = SECTION_INIT,
    .effect = prepull_effect,
    .proved = prepull_proved,
    .inputs = prepull_inputs,
    .timeout_s = 900,
    .retry = true,
};
