/* plan_make: verdicts of all kinds on all subjects → candidates → edges → what is left out with them → order. */
#include "actions/kind.h"
#include "model/plan.h"

#include "reconciler/plan_parts.h"

#include <string.h>

void plan_free(struct plan *p)
{
    if (!p)
        return;
    arena_free(p->arena);
    free(p);
}

void plan_freep(struct plan **p)
{
    plan_free(*p);
}

const char *subject_id(struct arena *a, const struct want *w, const char *kind, struct subject s)
{
    const char *image = s.image >= 0 ? w->images[s.image].name : NULL;
    const char *node = s.node >= 0 ? w->hosts[s.node].address : NULL;
    if (image && node)
        return arena_printf(a, "%s/%s@%s", kind, image, node);
    if (image || node) { /* nearly all of them: not worth a format */
        size_t n = strlen(kind), m = strlen(image ? image : node);
        char *id = arena_alloc(a, n + 1 + m + 1);
        memcpy(id, kind, n);
        id[n] = '/';
        memcpy(id + n + 1, image ? image : node, m);
        return id;
    }
    if (s.render >= 0)
        return arena_printf(a, "%s/%.12s", kind, w->render_keys[w->render_host[s.render]]);
    return arena_strdup(a, kind);
}

static size_t count_slots(const struct want *w, enum subject_class c)
{
    switch (c) {
    case SUBJECT_CLUSTER:
        return 1;
    case SUBJECT_NODE:
        return w->n_hosts;
    case SUBJECT_IMAGE:
        return w->n_images;
    case SUBJECT_RENDER:
        return w->n_renders;
    case SUBJECT_IMAGE_NODE:
        return w->n_images * (w->n_hosts + 1);
    }
    return 0;
}

static struct subject slot_subject(const struct want *w, enum subject_class c, size_t slot)
{
    struct subject s = {-1, -1, -1};
    if (c == SUBJECT_NODE)
        s.node = (int)slot;
    else if (c == SUBJECT_IMAGE)
        s.image = (int)slot;
    else if (c == SUBJECT_RENDER)
        s.render = (int)slot;
    else if (c == SUBJECT_IMAGE_NODE) {
        s.image = (int)(slot / (w->n_hosts + 1));
        s.node = (int)(slot % (w->n_hosts + 1)) - 1;
    }
    return s;
}

static void ask_kind(struct planning *p, int kind)
{
    const struct kind_rules *rules = p->rules[kind];
    struct of_kind *k = &p->kinds[kind];
    k->n_slots = count_slots(p->want, rules->subject);
    k->candidate = arena_alloc(p->scratch, k->n_slots * sizeof *k->candidate);
    k->first = p->n_candidates;
    for (size_t slot = 0; slot < k->n_slots; slot++) {
        struct subject s = slot_subject(p->want, rules->subject, slot);
        struct change few[4]; /* most find one or two: the plan gets no more room than they take */
        struct finding f = {.arena = p->plan->arena, .changes = few, .cap = ARRAY_LEN(few)};
        enum verdict verdict = rules->wants(p->view, s, &f);
        k->candidate[slot] = -1;
        if (verdict == VERDICT_NO)
            continue;
        k->candidate[slot] = (int)p->n_candidates;
        struct candidate *c =
            mem_push(&p->candidates, &p->n_candidates, &p->cap_candidates, sizeof *p->candidates);
        *c = (struct candidate){.kind = kind, .subject = s, .verdict = verdict, .reason = f.reason,
                                .only_with = f.only_with, .anywhere = f.anywhere, .n_changes = f.n};
        c->changes = arena_alloc(p->plan->arena, f.n * sizeof *c->changes);
        memcpy(c->changes, f.changes, f.n * sizeof *c->changes);
    }
    k->n = p->n_candidates - k->first;
}

/* ---- what cannot be done takes along what needs it */

static void leave_out_dependants(struct planning *p)
{
    /* needs edges reversed, as a compact adjacency list */
    size_t n = p->n_candidates;
    size_t *start = mem_alloc((n + 2) * sizeof *start);
    for (size_t e = 0; e < p->n_links; e++)
        if (p->links[e].needs)
            start[p->links[e].to + 2]++;
    for (size_t i = 2; i < n + 2; i++)
        start[i] += start[i - 1];
    int *from = mem_alloc((p->n_links + 1) * sizeof *from);
    for (size_t e = 0; e < p->n_links; e++)
        if (p->links[e].needs)
            from[start[p->links[e].to + 1]++] = p->links[e].from;
    int *queue = mem_alloc((n + 1) * sizeof *queue);
    size_t head = 0, tail = 0;
    for (size_t i = 0; i < n; i++)
        if (p->candidates[i].verdict != VERDICT_YES)
            queue[tail++] = (int)i;
    while (head < tail) {
        int blocked = queue[head++];
        for (size_t e = start[blocked]; e < start[blocked + 1]; e++) {
            struct candidate *c = &p->candidates[from[e]];
            if (c->verdict != VERDICT_YES || p->rules[c->kind]->always)
                continue;
            c->verdict = VERDICT_UNKNOWN;
            c->because = blocked + 1;
            queue[tail++] = from[e];
        }
    }
    free(queue);
    free(from);
    free(start);
}

/* For a node's own action: on that node; for the cluster's: anywhere. */
static bool kind_planned(const struct planning *p, const char *name, int node)
{
    for (size_t k = 0; k < p->n_rules; k++)
        for (size_t i = 0; str_eq(p->rules[k]->name, name) && i < p->kinds[k].n; i++)
            if (p->candidates[p->kinds[k].first + i].verdict == VERDICT_YES &&
                (node < 0 || p->candidates[p->kinds[k].first + i].subject.node == node))
                return true;
    return false;
}

/* What only serves others goes silently when they are left out. */
static void drop_servants(struct planning *p)
{
    for (size_t i = 0; i < p->n_candidates; i++) {
        struct candidate *c = &p->candidates[i];
        bool served = !c->only_with || c->verdict != VERDICT_YES;
        for (const char *const *k = c->only_with; !served && *k; k++)
            served = kind_planned(p, *k, c->anywhere ? -1 : c->subject.node);
        if (!served)
            c->verdict = VERDICT_NO;
    }
}

static void add_left_out(struct planning *p, size_t *cap, struct left_out l)
{
    struct left_out *slot =
        arena_push(p->plan->arena, &p->plan->left_out, &p->plan->n_left_out, cap, sizeof *slot);
    *slot = l;
}

/* Why nothing at all is done to a node, or NULL: one line, instead of one for each kind. */
static const char *node_reason(const struct planning *p, int node)
{
    if (p->want->hosts[node].listed)
        return p->view->trouble[node];
    return view_removal_refusal(p->view, node);
}

static void report_nodes(struct planning *p, size_t *cap)
{
    _cleanup_(mem_freep) bool *asked = mem_alloc(p->want->n_hosts + 1); /* there is something to be done to it */
    for (size_t i = 0; i < p->n_candidates; i++)
        if (p->candidates[i].subject.node >= 0 && p->candidates[i].verdict != VERDICT_NO)
            asked[p->candidates[i].subject.node] = true;
    for (size_t i = 0; i < p->want->n_hosts; i++) {
        bool listed = p->want->hosts[i].listed;
        const char *reason = node_reason(p, (int)i);
        if (!reason || (!listed && !asked[i]))
            continue;
        add_left_out(p, cap, (struct left_out){-1, {(int)i, -1, -1}, p->want->hosts[i].address,
                                               arena_printf(p->plan->arena, listed ? "%s" : "it is not listed any more, but %s", reason),
                                               !listed || p->view->trouble_is_refusal[i]});
    }
}

static void report_left_out(struct planning *p)
{
    struct arena *a = p->plan->arena;
    const struct view *v = p->view;
    size_t cap = 0;
    const struct subject none = {-1, -1, -1};
    report_nodes(p, &cap);
    if (v->blocked) {
        add_left_out(p, &cap, (struct left_out){-1, none, "cluster", arena_strdup(a, v->blocked), true});
        return;
    }
    for (size_t i = 0; i < p->n_candidates; i++) {
        const struct candidate *c = &p->candidates[i];
        if (c->verdict == VERDICT_YES || c->verdict == VERDICT_NO ||
            (c->subject.node >= 0 && node_reason(p, c->subject.node)))
            continue;
        const char *reason = c->reason;
        if (c->because) {
            const struct candidate *b = &p->candidates[c->because - 1];
            const char *id = subject_id(a, p->want, p->rules[b->kind]->name, b->subject);
            reason = arena_printf(a, "it needs %s, which is left out%s%s", id, b->reason ? ": " : "", b->reason ? b->reason : "");
        }
        add_left_out(p, &cap, (struct left_out){c->kind, c->subject, subject_id(a, p->want, p->rules[c->kind]->name, c->subject),
                                               reason, c->verdict == VERDICT_REFUSED});
    }
}

static void warn(struct planning *p, const char *words)
{
    const char **slot = arena_push(p->plan->arena, &p->plan->warnings, &p->plan->n_warnings, &p->plan->cap_warnings,
                                   sizeof(char *));
    *slot = words;
}

static void report_warnings(struct planning *p)
{
    struct arena *a = p->plan->arena;
    const struct have_cluster *c = &p->view->have->cluster;
    for (size_t i = 0; i < c->n_strangers; i++)
        warn(p, arena_printf(a, "the cluster has a Node that no host of the file matches: %s; it is left alone", c->strangers[i]));
    for (size_t i = 0; i < c->n_stray; i++)
        warn(p, arena_printf(a, "etcd has a member that no host of the file matches: %s; it is left alone", c->stray_members[i]));
    if (value_path(p->want->cluster_configuration, "etcd.external"))
        warn(p, "etcd is external: its members are left alone");
}

/* Marks masters whose join is wanted but left out. False: all of them were known already. */
static bool find_staying_out(const struct planning *p, bool *stays_out)
{
    bool fresh = false;
    for (size_t i = 0; i < p->n_candidates; i++) {
        const struct candidate *c = &p->candidates[i];
        if (c->verdict == VERDICT_YES || c->verdict == VERDICT_NO || !str_eq(p->rules[c->kind]->name, "kubeadm.join-master"))
            continue;
        fresh |= !stays_out[c->subject.node];
        stays_out[c->subject.node] = true;
    }
    return fresh;
}

static void ask_all(struct planning *p)
{
    p->n_candidates = p->n_links = 0;
    for (size_t k = 0; k < p->n_rules; k++)
        ask_kind(p, (int)k);
    plan_link(p);
    leave_out_dependants(p);
    drop_servants(p);
}

int plan_make(const struct want *w, const struct have *h, const struct kind_rules *const *rules, size_t n_rules,
              struct plan **ret, struct error **err)
{
    _cleanup_(view_freep) struct view *view = view_new(w, h, false);
    _cleanup_(arena_freep) struct arena *scratch = arena_new();
    _cleanup_(plan_freep) struct plan *plan = mem_alloc(sizeof *plan);
    plan->arena = arena_new();
    struct planning p = {.want = w, .view = view, .rules = rules, .n_rules = n_rules, .plan = plan, .scratch = scratch};
    p.kinds = arena_alloc(scratch, n_rules * sizeof *p.kinds);
    ask_all(&p);
    bool *stays_out = arena_alloc(plan->arena, w->n_hosts * sizeof *stays_out);
    while (find_staying_out(&p, stays_out)) {
        view_stay_out(view, stays_out);
        ask_all(&p);
    }
    plan->stays_out = stays_out;
    report_left_out(&p);
    report_warnings(&p);
    int r = plan_order(&p, err);
    free(p.links);
    free(p.candidates);
    if (r < 0)
        return -1;
    *ret = TAKE(plan);
    return 0;
}
