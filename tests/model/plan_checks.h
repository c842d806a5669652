/* What the planner's tests say of plans: what stands in them, in which order, and why something does not. */
#ifndef TESTS_MODEL_PLAN_CHECKS_H
#define TESTS_MODEL_PLAN_CHECKS_H

#include "tests/model/cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static inline struct want *three_and_two(void)
{
    struct want *w = cluster_want(false);
    add_host(w, "10.0.0.1", ROLE_MASTER, true);
    add_host(w, "10.0.0.2", ROLE_MASTER, true);
    add_host(w, "10.0.0.3", ROLE_MASTER, true);
    add_host(w, "10.0.0.11", ROLE_NODE, true);
    add_host(w, "10.0.0.12", ROLE_NODE, true);
    cluster_finish(w);
    return w;
}

static inline int position(const struct plan *p, const char *id)
{
    for (size_t i = 0; i < p->n_actions; i++)
        if (str_eq(p->actions[i].id, id))
            return (int)i;
    return -1;
}

/* Is there a path from a to b (b is waited for by a)? */
static inline bool waits_for(const struct plan *p, int a, int b)
{
    if (a == b)
        return true;
    for (size_t i = 0; i < p->actions[a].n_needs; i++)
        if (waits_for(p, p->actions[a].needs[i], b))
            return true;
    for (size_t i = 0; i < p->actions[a].n_after; i++)
        if (waits_for(p, p->actions[a].after[i], b))
            return true;
    return false;
}

static inline void assert_order(const struct plan *p, const char *first, const char *then)
{
    int a = position(p, first), b = position(p, then);
    if (a < 0 || b < 0 || !waits_for(p, b, a)) {
        print_plan(stderr, p);
        fail_msg("%s (%d) must come before %s (%d)", first, a, then, b);
    }
}

/* The plan's ids, comma-separated. */
static inline char *ids(const struct plan *p)
{
    struct text t = {0};
    for (size_t i = 0; i < p->n_actions; i++)
        text_addf(&t, "%s%s", i ? "," : "", p->actions[i].id);
    return text_take(&t);
}

static inline void assert_plan(const struct want *w, const struct have *h, const char *expected)
{
    struct plan *p = plan_of(w, h);
    char *got = ids(p);
    if (!str_eq(got, expected)) {
        print_plan(stderr, p);
        assert_string_equal(got, expected);
    }
    free(got);
    plan_free(p);
}

struct settled {
    struct want *w;
    struct have *h;
};

static inline struct settled settle(void)
{
    struct settled s = {three_and_two(), NULL};
    s.h = bare_have(s.w);
    apply_all(s.w, s.h);
    return s;
}

static inline void unsettle(struct settled s)
{
    have_free(s.h);
    want_free(s.w);
}

static inline void assert_nothing_but(const struct want *w, const struct have *h, const char *words)
{
    struct plan *p = plan_of(w, h);
    if (p->n_actions)
        print_plan(stderr, p);
    assert_int_equal(p->n_actions, 0);
    bool found = false;
    for (size_t i = 0; i < p->n_left_out; i++)
        found |= strstr(p->left_out[i].reason, words) != NULL;
    if (!found)
        print_plan(stderr, p);
    assert_true(found);
    plan_free(p);
}

#endif
