/* plan N [create|settled|worker]: times plan_make on N virtual hosts (3 masters, the rest workers), without any I/O. */
#include "tests/model/cluster.h"

#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct want *big_want(size_t n)
{
    struct want *w = cluster_want(false);
    w->hosts = arena_alloc(w->arena, n * sizeof *w->hosts);
    for (size_t i = 0; i < n; i++) {
        char address[32];
        snprintf(address, sizeof address, "10.%zu.%zu.%zu", i / 62500, i / 250 % 250, i % 250 + 1);
        add_host(w, address, i < 3 ? ROLE_MASTER : ROLE_NODE, true);
    }
    cluster_finish(w);
    return w;
}

/* What a probe of a settled cluster says, without the cost of applying N effects. */
static void settle_facts(const struct want *w, struct have *h)
{
    for (int round = 0; round < 2; round++) {
        struct plan *p = plan_of(w, h);
        struct view *v = view_new(w, h, false);
        for (size_t i = 0; i < p->n_actions; i++)
            catalogue_rules[p->actions[i].kind]->effect(v, h, p->actions[i].subject);
        view_free(v);
        plan_free(p);
    }
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    const char *what = argc > 2 ? argv[2] : "create";
    double t0 = now();
    struct want *w = big_want(n);
    struct have *h = bare_have(w);
    double t1 = now();
    if (!str_eq(what, "create"))
        settle_facts(w, h);
    if (str_eq(what, "worker"))
        bare_machine(h, (int)n - 1, "fresh");
    double t2 = now();
    struct plan *p = plan_of(w, h);
    double t3 = now();
    printf("hosts %zu  case %s  actions %zu  plan %.1f ms  (want %.1f ms)\n", n, what, p->n_actions, (t3 - t2) * 1e3,
           (t1 - t0) * 1e3);
    plan_free(p);
    have_free(h);
    want_free(w);
    return 0;
}
