/* From the edge tables of kinds to links between candidates. */
#include "reconciler/plan_parts.h"

static int find_kind(const struct planning *p, const char *name)
{
    for (size_t k = 0; k < p->n_rules; k++)
        if (str_eq(p->rules[k]->name, name))
            return (int)k;
    return -1;
}

static void link_to(struct planning *p, int from, int to, const struct edge *e, bool needs)
{
    if (to < 0 || to == from)
        return;
    if (e->when && !e->when(p->view, p->candidates[from].subject, p->candidates[to].subject))
        return;
    /* what is left out can only hold back what needs it */
    if (!needs && p->candidates[to].verdict != VERDICT_YES)
        return;
    struct link *l = mem_push(&p->links, &p->n_links, &p->cap_links, sizeof *l);
    *l = (struct link){from, to, needs};
}

static int at_slot(const struct planning *p, int kind, int slot)
{
    return slot < 0 || (size_t)slot >= p->kinds[kind].n_slots ? -1 : p->kinds[kind].candidate[slot];
}

static void link_all(struct planning *p, int from, int kind, const struct edge *e, bool needs, bool others)
{
    const struct of_kind *k = &p->kinds[kind];
    for (size_t i = 0; i < k->n; i++)
        if (!others || p->candidates[k->first + i].subject.node != p->candidates[from].subject.node)
            link_to(p, from, (int)(k->first + i), e, needs);
}

static void link_same(struct planning *p, int from, int kind, const struct edge *e, bool needs)
{
    struct subject s = p->candidates[from].subject;
    switch (p->rules[kind]->subject) {
    case SUBJECT_CLUSTER:
        link_to(p, from, at_slot(p, kind, 0), e, needs);
        break;
    case SUBJECT_NODE:
        link_to(p, from, at_slot(p, kind, s.node), e, needs);
        break;
    case SUBJECT_IMAGE:
        link_to(p, from, at_slot(p, kind, s.image), e, needs);
        break;
    case SUBJECT_RENDER:
        link_to(p, from, at_slot(p, kind, s.render), e, needs);
        break;
    case SUBJECT_IMAGE_NODE:
        for (size_t i = 0; i < p->kinds[kind].n; i++)
            if (p->candidates[p->kinds[kind].first + i].subject.image == s.image)
                link_to(p, from, (int)(p->kinds[kind].first + i), e, needs);
        break;
    }
}

static void link_images(struct planning *p, int from, int kind, const struct edge *e, bool needs)
{
    const struct of_kind *k = &p->kinds[kind];
    for (size_t i = 0; i < k->n; i++) {
        int image = p->candidates[k->first + i].subject.image;
        if (image >= 0 && p->want->images[image].type != IMAGE_APPLICATION)
            link_to(p, from, (int)(k->first + i), e, needs);
    }
}

/* The planned one of the same kind before it. */
static void link_chain(struct planning *p, int from, int kind, const struct edge *e, bool needs)
{
    for (int i = from - 1; i >= (int)p->kinds[kind].first; i--)
        if (p->candidates[i].verdict == VERDICT_YES &&
            (!e->when || e->when(p->view, p->candidates[from].subject, p->candidates[i].subject))) {
            link_to(p, from, i, e, needs);
            return;
        }
}

/* Images' commands run in the order of spec.image. One that runs per node waits for its own node only, where both do. */
static void link_previous_image(struct planning *p, int from, int kind, const struct edge *e, bool needs)
{
    struct subject s = p->candidates[from].subject;
    int image = -1;
    for (int i = from - 1; i >= (int)p->kinds[kind].first; i--) {
        const struct candidate *c = &p->candidates[i];
        if (c->subject.image == s.image || c->verdict != VERDICT_YES)
            continue;
        if (image >= 0 && c->subject.image != image)
            break;
        if (s.node >= 0 && c->subject.node >= 0 && c->subject.node != s.node)
            continue;
        image = c->subject.image;
        link_to(p, from, i, e, needs);
    }
}

static void link_edge(struct planning *p, int from, int kind, const struct edge *e, bool needs)
{
    const struct candidate *c = &p->candidates[from];
    switch (e->scope) {
    case SCOPE_SAME:
        link_same(p, from, kind, e, needs);
        break;
    case SCOPE_ALL:
        link_all(p, from, kind, e, needs, false);
        break;
    case SCOPE_OTHERS:
        link_all(p, from, kind, e, needs, true);
        break;
    case SCOPE_REGISTRY:
        link_to(p, from, at_slot(p, kind, p->view->registry), e, needs);
        break;
    case SCOPE_RENDER:
        link_to(p, from, c->subject.node < 0 ? -1 : at_slot(p, kind, p->want->render_of[c->subject.node]), e, needs);
        break;
    case SCOPE_IMAGES:
        link_images(p, from, kind, e, needs);
        break;
    case SCOPE_CHAIN:
        link_chain(p, from, kind, e, needs);
        break;
    case SCOPE_PREVIOUS_IMAGE:
        link_previous_image(p, from, kind, e, needs);
        break;
    }
}

static void link_table(struct planning *p, size_t k, const struct edge *table, bool needs)
{
    const struct of_kind *of = &p->kinds[k];
    for (const struct edge *e = table; e && e->kind; e++) {
        int kind = find_kind(p, e->kind);
        for (size_t i = of->first; kind >= 0 && i < of->first + of->n; i++)
            if (p->candidates[i].verdict == VERDICT_YES)
                link_edge(p, (int)i, kind, e, needs);
    }
}

void plan_link(struct planning *p)
{
    for (size_t k = 0; k < p->n_rules; k++) {
        link_table(p, k, p->rules[k]->needs, true);
        link_table(p, k, p->rules[k]->after, false);
    }
}
