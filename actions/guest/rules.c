/* Commands of images: rootfs and patch images on every node, applications once, on a live master. What has succeeded is
 * recorded in the cluster by digest, so it is not repeated, and outlives any machine. */
#include "actions/families.h"

static bool has_commands(const struct want *w, int image)
{
    const struct want_image *im = &w->images[image];
    if (im->entrypoint && im->entrypoint[0])
        return true;
    const char *const *cmd = image == 0 && w->command && w->command[0] ? w->command : im->cmd;
    return cmd && cmd[0];
}

bool rules_guest_wanted(const struct view *v, int image, int node)
{
    bool everywhere = v->want->images[image].type != IMAGE_APPLICATION;
    if (v->blocked || !has_commands(v->want, image) || everywhere != (node >= 0))
        return false;
    if (v->exists != TRI_TRUE)
        return v->exists == TRI_FALSE && v->init_master >= 0; /* a new cluster has no records */
    if (v->have->cluster.api != TRI_TRUE)
        return false;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    return !have_guest(v->have, view_guest_key(v, a, image, node));
}

static enum verdict run_wants(const struct view *v, struct subject s, struct finding *f)
{
    if (s.node >= 0) {
        enum verdict open = rules_node_open(v, s.node, f);
        if (open != VERDICT_YES)
            return open;
    }
    if (v->blocked)
        return finding_refused(f, "%s", v->blocked);
    if (s.node >= 0 && v->want->images[s.image].type != IMAGE_APPLICATION && has_commands(v->want, s.image)) {
        enum verdict known = rules_known(v, s.node, FACT_MACHINE_ID, f); /* the record is kept under it */
        if (known != VERDICT_NO)
            return known;
    }
    if (v->exists == TRI_TRUE && v->have->cluster.api != TRI_TRUE && has_commands(v->want, s.image) &&
        (v->want->images[s.image].type != IMAGE_APPLICATION) == (s.node >= 0))
        return finding_unknown(f, "the record of what has run cannot be read: %s",
                               v->have->cluster.api_reason ? v->have->cluster.api_reason : "the API does not answer");
    if (!rules_guest_wanted(v, s.image, s.node))
        return VERDICT_NO;
    enum verdict asked = rules_api(v, f);
    if (asked != VERDICT_NO)
        return asked;
    return finding_change(f, "spec.image", "the commands of every image have run",
                          "those of %s have not succeeded%s", v->want->images[s.image].reference,
                          s.node >= 0 ? " on this machine" : " in this cluster");
}

static void run_effect(const struct view *v, struct have *h, struct subject s)
{
    have_add_guest(h, view_guest_key(v, v->arena, s.image, s.node));
}

static bool run_proved(const struct view *v, struct subject s, struct text *why_not)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    if (have_guest(v->have, view_guest_key(v, a, s.image, s.node)))
        return true;
    text_add(why_not, "the cluster has no record of its success");
    return false;
}

static int run_node(const struct view *v, struct subject s)
{
    return s.node >= 0 ? s.node : v->live_master;
}

static struct value *run_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = value_map(a);
    value_set(a, in, "record", value_string(a, view_guest_key(v, a, s.image, s.node)));
    value_set(a, in, "live", value_int(a, v->live_master));
    return in;
}

static const struct edge run_needs[] = {{"kubeadm.init", SCOPE_ALL, NULL}, {"image.pull", SCOPE_SAME, NULL},
                                        {"rootfs.push", SCOPE_SAME, NULL}, {"registry.push", SCOPE_SAME, NULL},
                                        {"node.init", SCOPE_SAME, NULL},   {"guest.run", SCOPE_PREVIOUS_IMAGE, NULL},
                                        {0}};
static const struct edge run_after[] = {{"kubeadm.join-master", SCOPE_ALL, NULL},
                                        {"kubeadm.join-worker", SCOPE_ALL, NULL},
                                        {"registry.init", SCOPE_ALL, NULL},
                                        {"kubeconfig.push", SCOPE_ALL, NULL},
                                        {"hosts.own", SCOPE_ALL, NULL},
                                        {"ipvs.rules", SCOPE_ALL, NULL},
                                        {"ipvs.pod", SCOPE_ALL, NULL},
                                        {0}};

const struct kind_rules rules_guest_run = {
    .name = "guest.run",
    .step = "7",
    .title = "run the image's commands",
    .subject = SUBJECT_IMAGE_NODE,
    .wants = run_wants,
    .needs = run_needs,
    .after = run_after,
    .premises = SECTION_API,
    .proof = SECTION_API,
    .effect = run_effect,
    .proved = run_proved,
    .run_node = run_node,
    .inputs = run_inputs,
    .timeout_s = 1800,
    .settle_s = 30,
};
