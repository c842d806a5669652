#include "model/have.h"

#include "model/text.h"

#include <string.h>

const struct fact_info fact_table[FACT_COUNT] = {
#define FACT(id, key, section, words) [FACT_##id] = {key, words, SECTION_##section},
    FACTS(FACT)
#undef FACT
};

struct have *have_new(size_t nodes, size_t images, size_t renders)
{
    struct have *h = mem_alloc(sizeof *h);
    h->arena = arena_new();
    h->n_nodes = nodes;
    h->nodes = arena_alloc(h->arena, nodes * sizeof *h->nodes);
    for (size_t i = 0; i < nodes; i++)
        for (int f = 0; f < FACT_COUNT; f++)
            h->nodes[i].facts[f] = (struct fact){TRI_UNKNOWN, "not probed"};
    h->n_images = images;
    h->stored = arena_alloc(h->arena, images * sizeof *h->stored);
    h->n_renders = renders;
    h->rendered = arena_alloc(h->arena, renders * sizeof *h->rendered);
    h->cluster.api_reason = "not probed";
    h->cluster.tokens = (struct fact){TRI_UNKNOWN, "not probed"};
    return h;
}

void have_free(struct have *h)
{
    if (!h)
        return;
    arena_free(h->arena);
    free(h);
}

void have_freep(struct have **h)
{
    have_free(*h);
}

static const char **clone_list(struct arena *a, const char *const *list, size_t n)
{
    const char **copy = arena_alloc(a, n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = arena_strdup(a, list[i]);
    return copy;
}

struct have *have_clone(const struct have *h)
{
    struct have *c = have_new(h->n_nodes, h->n_images, h->n_renders);
    for (size_t i = 0; i < h->n_nodes; i++)
        for (int f = 0; f < FACT_COUNT; f++)
            c->nodes[i].facts[f] =
                (struct fact){h->nodes[i].facts[f].state, arena_strdup(c->arena, h->nodes[i].facts[f].value)};
    if (h->n_images)
        memcpy(c->stored, h->stored, h->n_images * sizeof *h->stored);
    if (h->n_renders)
        memcpy(c->rendered, h->rendered, h->n_renders * sizeof *h->rendered);
    c->cluster = h->cluster;
    c->cluster.api_reason = arena_strdup(c->arena, h->cluster.api_reason);
    c->cluster.tokens.value = arena_strdup(c->arena, h->cluster.tokens.value);
    c->cluster.guests = clone_list(c->arena, h->cluster.guests, h->cluster.n_guests);
    c->cluster.cap_guests = h->cluster.n_guests;
    c->cluster.strangers = clone_list(c->arena, h->cluster.strangers, h->cluster.n_strangers);
    c->cluster.cap_strangers = h->cluster.n_strangers;
    c->cluster.stray_members = clone_list(c->arena, h->cluster.stray_members, h->cluster.n_stray);
    c->cluster.cap_stray = h->cluster.n_stray;
    return c;
}

void have_true(struct have *h, int node, enum fact_id f, const char *value)
{
    h->nodes[node].facts[f] = (struct fact){TRI_TRUE, arena_strdup(h->arena, value ? value : "")};
}

void have_false(struct have *h, int node, enum fact_id f)
{
    h->nodes[node].facts[f] = (struct fact){TRI_FALSE, NULL};
}

void have_unknown(struct have *h, int node, enum fact_id f, const char *reason)
{
    h->nodes[node].facts[f] = (struct fact){TRI_UNKNOWN, arena_strdup(h->arena, reason)};
}

void have_unreached(struct have *h, int node, const char *reason)
{
    const char *shared = arena_strdup(h->arena, reason);
    for (int f = 0; f < FACT_COUNT; f++)
        if (f < FACT_NODE_OBJECT || f > FACT_ETCD_HEALTHY) /* those come from the API, not from the node */
            h->nodes[node].facts[f] = (struct fact){f == FACT_REACHED ? TRI_FALSE : TRI_UNKNOWN, shared};
}

bool have_is(const struct have *h, int node, enum fact_id f, const char *value)
{
    const struct fact *x = have_fact(h, node, f);
    return x->state == TRI_TRUE && str_eq(x->value, value);
}

/* Where key stands, or would stand, among the sorted records. */
static size_t guest_slot(const struct have *h, const char *key, bool *ret_found)
{
    size_t low = 0, high = h->cluster.n_guests;
    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = strcmp(h->cluster.guests[middle], key);
        if (c == 0)
            *ret_found = true;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool have_guest(const struct have *h, const char *key)
{
    bool found;
    guest_slot(h, key, &found);
    return found;
}

void have_add_guest(struct have *h, const char *key)
{
    bool found;
    size_t at = guest_slot(h, key, &found);
    if (found)
        return;
    struct have_cluster *c = &h->cluster;
    arena_push(h->arena, &c->guests, &c->n_guests, &c->cap_guests, sizeof(char *));
    memmove(c->guests + at + 1, c->guests + at, (c->n_guests - 1 - at) * sizeof(char *));
    c->guests[at] = arena_strdup(h->arena, key);
}

bool list_has(const char *list, const char *item)
{
    size_t n = strlen(item);
    for (const char *p = list; p && *p;) {
        size_t m = strcspn(p, ",");
        if (m == n && memcmp(p, item, n) == 0)
            return true;
        p += m + (p[m] == ',');
    }
    return false;
}
