#include "actions/families.h"

static enum verdict push_wants(const struct view *v, struct subject s, struct finding *f)
{
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    enum verdict known = rules_known(v, s.node, FACT_ROOTFS, f);
    if (known != VERDICT_NO)
        return known;
    if (!view_rootfs_differs(v, s.node))
        return VERDICT_NO;
    return finding_change(f, "spec.image", "every node has the rootfs of the wanted images", "the rootfs tree is %s",
                          rules_says(v, s.node, FACT_ROOTFS, f->arena));
}

static void push_effect(const struct view *v, struct have *h, struct subject s)
{
    have_true(h, s.node, FACT_ROOTFS, v->want->render_keys[s.node]);
    have_true(h, s.node, FACT_OURS, "");
    if (view_fact(v, s.node, FACT_STATICS)->state == TRI_UNKNOWN)
        have_false(h, s.node, FACT_STATICS);
}

static const struct edge push_needs[] = {{"image.render", SCOPE_RENDER, NULL}, {0}};

const struct kind_rules rules_rootfs_push = {
    .name = "rootfs.push",
    .step = "2.4",
    .title = "push rootfs",
    .subject = SUBJECT_NODE,
    .wants = push_wants,
    .needs = push_needs,
    .premises = SECTION_ROOTFS,
    .proof = SECTION_ROOTFS | SECTION_KUBE,
    .effect = push_effect,
    .timeout_s = 3600,
    .retry = true,
};
