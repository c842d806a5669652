/* The cluster's registry: its storage directory, and the service. */
#include "actions/families.h"

static enum verdict push_wants(const struct view *v, struct subject s, struct finding *f)
{
    if (s.node != v->registry || !v->want->images[s.image].has_registry)
        return VERDICT_NO;
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    enum verdict known = rules_known(v, s.node, FACT_REGISTRY_IMAGES, f);
    if (known != VERDICT_NO)
        return known;
    const struct fact *have = view_fact(v, s.node, FACT_REGISTRY_IMAGES);
    if (have->state == TRI_TRUE && list_has(have->value, v->want->images[s.image].digest))
        return VERDICT_NO;
    return finding_change(f, "spec.image", "the registry holds what the images bring",
                          "the registry directory lacks %s", v->want->images[s.image].reference);
}

static void push_effect(const struct view *v, struct have *h, struct subject s)
{
    const struct fact *have = have_fact(h, s.node, FACT_REGISTRY_IMAGES);
    const char *digest = v->want->images[s.image].digest;
    _cleanup_(mem_freep) char *list = have->state == TRI_TRUE && *have->value
                                          ? mem_printf("%s,%s", have->value, digest)
                                          : mem_strdup(digest);
    have_true(h, s.node, FACT_REGISTRY_IMAGES, list);
}

static const struct edge push_needs[] = {
    {"image.pull", SCOPE_SAME, NULL}, {"rootfs.push", SCOPE_SAME, NULL}, {0}};

const struct kind_rules rules_registry_push = {
    .name = "registry.push",
    .step = "2.5",
    .title = "push registry content",
    .subject = SUBJECT_IMAGE_NODE,
    .wants = push_wants,
    .needs = push_needs,
    .premises = SECTION_REGISTRY,
    .proof = SECTION_REGISTRY,
    .effect = push_effect,
    .timeout_s = 3600,
    .retry = true,
};

static enum verdict init_wants(const struct view *v, struct subject s, struct finding *f)
{
    if (s.node != v->registry)
        return VERDICT_NO;
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    enum verdict known = rules_known(v, s.node, FACT_REGISTRY_STAMP, f);
    if (known == VERDICT_NO)
        known = rules_known(v, s.node, FACT_REGISTRY_SERVING, f);
    if (known != VERDICT_NO)
        return known;
    enum verdict verdict = VERDICT_NO;
    if (!have_is(v->have, s.node, FACT_REGISTRY_STAMP, v->want->registry_key))
        verdict = finding_change(f, "spec.image", "one node serves the registry as configured", "the registry's setup is %s",
                                 rules_says(v, s.node, FACT_REGISTRY_STAMP, f->arena));
    if (view_fact(v, s.node, FACT_REGISTRY_SERVING)->state == TRI_FALSE)
        verdict = finding_change(f, "spec.image", "one node serves the registry as configured",
                                 "no registry answers on port %u", v->want->registry_port);
    return verdict;
}

static void init_effect(const struct view *v, struct have *h, struct subject s)
{
    have_true(h, s.node, FACT_REGISTRY_STAMP, v->want->registry_key);
    have_true(h, s.node, FACT_REGISTRY_SERVING, "");
}

static struct value *init_inputs(const struct view *v, struct subject s, struct arena *a)
{
    (void)s;
    struct value *in = value_map(a);
    value_set(a, in, "key", value_string(a, v->want->registry_key));
    return in;
}

static const struct edge init_needs[] = {{"hosts.set", SCOPE_SAME, NULL},
                                         {"rootfs.push", SCOPE_SAME, NULL},
                                         {"registry.push", SCOPE_ALL, NULL},
                                         {0}};

const struct kind_rules rules_registry_init = {
    .name = "registry.init",
    .step = "2.6.2",
    .title = "set up registry",
    .subject = SUBJECT_NODE,
    .wants = init_wants,
    .needs = init_needs,
    .premises = SECTION_REGISTRY,
    .proof = SECTION_REGISTRY,
    .effect = init_effect,
    .inputs = init_inputs,
    .timeout_s = 300,
    .settle_s = 60,
};
