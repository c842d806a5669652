/* The topological order: of what is ready, the kind that stands first in the catalogue, then the subject. */
#include "reconciler/plan_parts.h"

#include <string.h>

struct order {
    struct planning *p;
    size_t *start; /* per candidate: its dependants in `users` */
    int *users;
    int *waits;    /* per candidate: links that still hold it back */
    int *heap;     /* ready candidates; a smaller index comes first, since candidates stand in catalogue order */
    size_t n_heap;
    int *position; /* candidate → index in the plan, or -1 */
};

static void heap_push(struct order *o, int x)
{
    size_t i = o->n_heap++;
    while (i > 0 && o->heap[(i - 1) / 2] > x) {
        o->heap[i] = o->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    o->heap[i] = x;
}

static int heap_pop(struct order *o)
{
    int top = o->heap[0], x = o->heap[--o->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= o->n_heap)
            break;
        if (child + 1 < o->n_heap && o->heap[child + 1] < o->heap[child])
            child++;
        if (o->heap[child] >= x)
            break;
        o->heap[i] = o->heap[child];
        i = child;
    }
    o->heap[i] = x;
    return top;
}

static bool planned(const struct planning *p, int candidate)
{
    return p->candidates[candidate].verdict == VERDICT_YES;
}

static bool live(const struct planning *p, const struct link *l)
{
    return planned(p, l->from) && planned(p, l->to);
}

static void index_users(struct order *o)
{
    struct planning *p = o->p;
    size_t n = p->n_candidates;
    for (size_t e = 0; e < p->n_links; e++)
        if (live(p, &p->links[e])) {
            o->start[p->links[e].to + 2]++;
            o->waits[p->links[e].from]++;
        }
    for (size_t i = 2; i < n + 2; i++)
        o->start[i] += o->start[i - 1];
    for (size_t e = 0; e < p->n_links; e++)
        if (live(p, &p->links[e]))
            o->users[o->start[p->links[e].to + 1]++] = p->links[e].from;
}

static void add_action(struct order *o, int candidate)
{
    struct planning *p = o->p;
    const struct candidate *c = &p->candidates[candidate];
    struct plan *plan = p->plan;
    o->position[candidate] = (int)plan->n_actions;
    plan->actions[plan->n_actions++] = (struct action){
        .kind = c->kind,
        .subject = c->subject,
        .id = subject_id(plan->arena, p->want, p->rules[c->kind]->name, c->subject),
        .changes = c->changes,
        .n_changes = c->n_changes,
    };
}

static int int_cmp(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static size_t sort_unique(int *v, size_t n)
{
    size_t kept = 0;
    if (n > 16)
        qsort(v, n, sizeof *v, int_cmp);
    else
        for (size_t i = 1; i < n; i++) /* nearly all of them, and nearly in order */
            for (size_t k = i; k > 0 && v[k - 1] > v[k]; k--) {
                int swap = v[k];
                v[k] = v[k - 1];
                v[k - 1] = swap;
            }
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || v[kept - 1] != v[i])
            v[kept++] = v[i];
    return kept;
}

/* Per action, its needs and afters as indices of actions, ascending, each once; an after that is also a need goes. */
static void number_edges(struct order *o)
{
    struct planning *p = o->p;
    struct plan *plan = p->plan;
    size_t *counts = mem_alloc((2 * plan->n_actions + 1) * sizeof *counts);
    for (size_t e = 0; e < p->n_links; e++)
        if (live(p, &p->links[e]))
            counts[2 * o->position[p->links[e].from] + !p->links[e].needs]++;
    int **slots = mem_alloc((2 * plan->n_actions + 1) * sizeof *slots);
    for (size_t i = 0; i < 2 * plan->n_actions; i++) {
        slots[i] = arena_alloc(plan->arena, counts[i] * sizeof(int));
        counts[i] = 0;
    }
    for (size_t e = 0; e < p->n_links; e++)
        if (live(p, &p->links[e])) {
            size_t slot = 2 * (size_t)o->position[p->links[e].from] + !p->links[e].needs;
            slots[slot][counts[slot]++] = o->position[p->links[e].to];
        }
    for (size_t i = 0; i < plan->n_actions; i++) {
        struct action *a = &plan->actions[i];
        a->n_needs = sort_unique(slots[2 * i], counts[2 * i]);
        a->needs = slots[2 * i];
        int *after = slots[2 * i + 1];
        size_t n = sort_unique(after, counts[2 * i + 1]), kept = 0;
        for (size_t k = 0; k < n; k++)
            if (!a->n_needs || !bsearch(&after[k], a->needs, a->n_needs, sizeof(int), int_cmp))
                after[kept++] = after[k];
        a->n_after = kept;
        a->after = after;
    }
    free(slots);
    free(counts);
}

static int cycle_error(struct order *o, struct error **err)
{
    struct planning *p = o->p;
    _cleanup_(text_free) struct text names = {.max = 4096};
    for (size_t i = 0; i < p->n_candidates; i++)
        if (planned(p, (int)i) && o->position[i] < 0)
            text_addf(&names, " %s", subject_id(p->scratch, p->want, p->rules[p->candidates[i].kind]->name,
                                                p->candidates[i].subject));
    return error_set(err, ERR_INTERNAL, "the plan has a cycle through:%s", text_str(&names));
}

int plan_order(struct planning *p, struct error **err)
{
    size_t n = p->n_candidates, wanted = 0;
    struct order o = {.p = p};
    o.start = mem_alloc((n + 2) * sizeof *o.start);
    o.users = mem_alloc((p->n_links + 1) * sizeof *o.users);
    o.waits = mem_alloc((n + 1) * sizeof *o.waits);
    o.heap = mem_alloc((n + 1) * sizeof *o.heap);
    o.position = mem_alloc((n + 1) * sizeof *o.position);
    index_users(&o);
    for (size_t i = 0; i < n; i++) {
        o.position[i] = -1;
        wanted += planned(p, (int)i);
        if (planned(p, (int)i) && o.waits[i] == 0)
            heap_push(&o, (int)i);
    }
    p->plan->actions = arena_alloc(p->plan->arena, wanted * sizeof *p->plan->actions);
    while (o.n_heap) {
        int c = heap_pop(&o);
        add_action(&o, c);
        for (size_t e = o.start[c]; e < o.start[c + 1]; e++)
            if (--o.waits[o.users[e]] == 0)
                heap_push(&o, o.users[e]);
    }
    int r = 0;
    if (p->plan->n_actions < wanted)
        r = cycle_error(&o, err);
    else
        number_edges(&o);
    free(o.start);
    free(o.users);
    free(o.waits);
    free(o.heap);
    free(o.position);
    return r;
}
