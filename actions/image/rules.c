/* Images on the control machine: what is pulled and rendered is only what some action will send. */
#include "actions/families.h"

enum verdict rules_image_needed(const struct view *v, int image)
{
    const struct want_image *im = &v->want->images[image];
    if (im->type != IMAGE_APPLICATION)
        for (size_t r = 0; r < v->want->n_renders; r++)
            if (v->render_needed[r])
                return VERDICT_YES;
    if (v->registry >= 0 && !v->trouble[v->registry] && im->has_registry) {
        const struct fact *f = view_fact(v, v->registry, FACT_REGISTRY_IMAGES);
        if (f->state == TRI_FALSE || (f->state == TRI_TRUE && !list_has(f->value, im->digest)))
            return VERDICT_YES;
    }
    return im->type == IMAGE_APPLICATION && rules_guest_wanted(v, image, -1) ? VERDICT_YES : VERDICT_NO;
}

static enum verdict pull_wants(const struct view *v, struct subject s, struct finding *f)
{
    if (v->blocked)
        return finding_refused(f, "%s", v->blocked);
    if (v->have->stored[s.image] == TRI_TRUE || rules_image_needed(v, s.image) != VERDICT_YES)
        return VERDICT_NO;
    return finding_change(f, "spec.image", "nodes get what the image holds", "%s is not in the local store",
                          v->want->images[s.image].reference);
}

static void pull_effect(const struct view *v, struct have *h, struct subject s)
{
    (void)v;
    h->stored[s.image] = TRI_TRUE;
}

static bool pull_proved(const struct view *v, struct subject s, struct text *why_not)
{
    if (v->have->stored[s.image] == TRI_TRUE)
        return true;
    text_add(why_not, "the image is not in the local store");
    return false;
}

const struct kind_rules rules_image_pull = {
    .name = "image.pull",
    .step = "2.2",
    .title = "pull image",
    .subject = SUBJECT_IMAGE,
    .wants = pull_wants,
    .local = true,
    .effect = pull_effect,
    .proved = pull_proved,
    .timeout_s = 3600,
    .retry = true,
};

static enum verdict render_wants(const struct view *v, struct subject s, struct finding *f)
{
    if (v->blocked)
        return finding_refused(f, "%s", v->blocked);
    if (v->have->rendered[s.render] == TRI_TRUE || !v->render_needed[s.render])
        return VERDICT_NO;
    return finding_change(f, "spec.image", "templates and Configs are applied before files are sent",
                          "tree %.12s… is not rendered yet",
                          v->want->render_keys[v->want->render_host[s.render]]);
}

static void render_effect(const struct view *v, struct have *h, struct subject s)
{
    (void)v;
    h->rendered[s.render] = TRI_TRUE;
}

static bool render_proved(const struct view *v, struct subject s, struct text *why_not)
{
    if (v->have->rendered[s.render] == TRI_TRUE)
        return true;
    text_add(why_not, "the rendered tree is not in the local store");
    return false;
}

static const struct edge render_needs[] = {{"image.pull", SCOPE_IMAGES, NULL}, {0}};

const struct kind_rules rules_image_render = {
    .name = "image.render",
    .step = "2.3",
    .title = "render",
    .subject = SUBJECT_RENDER,
    .wants = render_wants,
    .needs = render_needs,
    .local = true,
    .effect = render_effect,
    .proved = render_proved,
    .timeout_s = 600,
};
