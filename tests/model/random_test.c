/* Random clusters: whatever state the machines are in, a plan's effects leave nothing to plan, the order of hosts in the
 * file changes nothing, and laws that know nothing of effect() hold at every prefix of a random topological order:
 * quorum, one init at most and only where it is proved that no cluster exists, joins only into a live cluster.
 *
 * RECONCILE_SEEDS sets how many (default 2,000; tests/run asks for 20,000), RECONCILE_SEED a single one,
 * RECONCILE_SHARD=1/4 that only the first of four parts is tried. */
#include "tests/model/cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static uint64_t rng_state;

static unsigned rnd(unsigned n) /* splitmix64 */
{
    uint64_t z = rng_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ (z >> 31)) % n);
}

static bool chance(unsigned percent)
{
    return rnd(100) < percent;
}

/* The same cluster, its hosts added in another order. */
static struct want *random_want(uint64_t seed, bool reversed)
{
    rng_state = seed;
    struct want *w = cluster_want(chance(30));
    unsigned masters = 1 + rnd(5), workers = rnd(6);
    struct {
        char address[32];
        unsigned roles;
        bool listed;
    } hosts[16];
    size_t n = 0;
    for (unsigned i = 0; i < masters + workers; i++) {
        snprintf(hosts[n].address, sizeof hosts[n].address, "10.0.%u.%u", i < masters ? 0 : 1, i + 1);
        hosts[n].roles = i < masters ? ROLE_MASTER : ROLE_NODE;
        hosts[n].listed = i == 0 || !chance(15);
        n++;
    }
    for (size_t i = 0; i < n; i++) {
        size_t k = reversed ? n - 1 - i : i;
        add_host(w, hosts[k].address, hosts[k].roles, hosts[k].listed);
    }
    w->consent = chance(70);
    if (chance(20))
        w->policy.kubeconfig = KUBECONFIG_MASTERS;
    cluster_finish(w);
    return w;
}

static void wipe(struct have *h, int node, bool new_machine)
{
    static unsigned serial;
    char machine[32];
    struct fact object = *have_fact(h, node, FACT_NODE_OBJECT), name = *have_fact(h, node, FACT_NODE_NAME),
                member = *have_fact(h, node, FACT_ETCD_MEMBER);
    const char *old = have_fact(h, node, FACT_MACHINE_ID)->value;
    snprintf(machine, sizeof machine, "new%u", serial++);
    bare_machine(h, node, new_machine ? machine : old ? old : machine);
    h->nodes[node].facts[FACT_NODE_OBJECT] = object; /* the API knows nothing of it */
    h->nodes[node].facts[FACT_NODE_NAME] = name;
    h->nodes[node].facts[FACT_ETCD_MEMBER] = member;
}

/* Some machines change, fall silent or carry something odd. */
static void disturb(const struct want *w, struct have *h)
{
    for (size_t i = 0; i < w->n_hosts; i++) {
        int n = (int)i;
        switch (rnd(14)) {
        case 0:
            have_unreached(h, n, "connection timed out");
            if (have_fact(h, n, FACT_ETCD_MEMBER)->state == TRI_TRUE)
                have_false(h, n, FACT_ETCD_HEALTHY);
            break;
        case 1:
            wipe(h, n, true);
            break;
        case 2:
            wipe(h, n, false);
            break;
        case 3: {
            enum fact_id f = (enum fact_id)rnd(FACT_COUNT);
            if (fact_table[f].section != SECTION_IDENTITY && have_fact(h, n, FACT_REACHED)->state == TRI_TRUE)
                have_false(h, n, f);
            break;
        }
        case 4:
            have_true(h, n, FACT_ATTEMPT, !host_is_master(&w->hosts[i]) ? "join-worker" : chance(50) ? "init" : "join-master");
            break;
        case 5:
            if (chance(30)) {
                have_true(h, n, FACT_CA, "foreign");
                have_true(h, n, FACT_PKI, "foreign"); /* the CA is part of it */
            }
            break;
        case 6:
            if (chance(30))
                have_unknown(h, n, (enum fact_id)(FACT_OURS + (int)rnd(FACT_NODE_OBJECT - FACT_OURS)), "took too long");
            break;
        default:
            break;
        }
    }
}

static struct have *random_have(uint64_t seed, struct want *w)
{
    rng_state = seed ^ 0xabcdef;
    struct have *h = bare_have(w);
    if (chance(60)) { /* an existing cluster, then some trouble */
        settle_without(w, h, NULL);
    }
    if (chance(70))
        disturb(w, h);
    bool api = false;
    for (size_t i = 0; i < w->n_hosts; i++)
        if (host_is_master(&w->hosts[i]))
            api |= have_fact(h, (int)i, FACT_API_ANSWERS)->state == TRI_TRUE;
    if (h->cluster.api == TRI_TRUE && !api) { /* nobody is left who could say */
        h->cluster.api = h->cluster.etcd = TRI_UNKNOWN;
        h->cluster.api_reason = "no API server answers";
        h->cluster.tokens = (struct fact){TRI_UNKNOWN, "no API server answers"};
        for (size_t i = 0; i < w->n_hosts; i++)
            for (int f = FACT_NODE_OBJECT; f <= FACT_ETCD_HEALTHY; f++)
                have_unknown(h, (int)i, (enum fact_id)f, "no API server answers");
    }
    memset(h->stored, 0, h->n_images * sizeof *h->stored);
    return h;
}

/* ---- laws of its own */

struct law {
    unsigned members, healthy, inits, tokens;
    bool member[32], init_attempt[32], healthy_at[32], reachable[32], had_cluster, unknown_master, api;
};

static void law_begin(struct law *l, const struct want *w, const struct have *h)
{
    *l = (struct law){0};
    for (size_t i = 0; i < w->n_hosts; i++) {
        int n = (int)i;
        bool master = host_is_master(&w->hosts[i]);
        l->init_attempt[i] = have_is(h, n, FACT_ATTEMPT, "init");
        l->reachable[i] = have_fact(h, n, FACT_REACHED)->state == TRI_TRUE;
        l->unknown_master |= master && !l->reachable[i];
        for (int f = 0; f < FACT_COUNT; f++)
            if (f == FACT_KUBELET_CONF || f == FACT_ADMIN_CONF || f == FACT_MANIFESTS || f == FACT_ETCD_DATA || f == FACT_CA) {
                const struct fact *x = have_fact(h, n, (enum fact_id)f);
                bool attempt = have_fact(h, n, FACT_ATTEMPT)->state == TRI_TRUE;
                l->had_cluster |= x->state == TRI_TRUE && !attempt && (f != FACT_CA || master) &&
                                  !(f == FACT_CA && have_is(h, n, FACT_CA_STAMP, x->value));
                l->unknown_master |= master && x->state == TRI_UNKNOWN;
            }
        l->api |= have_fact(h, n, FACT_API_ANSWERS)->state == TRI_TRUE;
        if (have_fact(h, n, FACT_ETCD_MEMBER)->state == TRI_TRUE) {
            l->member[i] = true;
            l->members++;
            l->healthy_at[i] = have_fact(h, n, FACT_ETCD_HEALTHY)->state == TRI_TRUE;
            l->healthy += l->healthy_at[i];
        }
    }
}

static void print_members(const struct want *w, const struct law *l)
{
    for (size_t i = 0; i < w->n_hosts; i++)
        fprintf(stderr, "%s%s reachable %d member %d healthy %d\n", w->hosts[i].address, w->hosts[i].listed ? "" : " (leaving)",
                l->reachable[i], l->member[i], l->healthy_at[i]);
}

#define LAW(condition) LAW_SAYS(condition, #condition " does not hold")
#define LAW_SAYS(condition, words)                                                                                     \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            print_plan(stderr, p);                                                                                     \
            print_members(w, l);                                                                                       \
            fail_msg("seed %llu: at %s: %s", (unsigned long long)seed, a->id, (words));                                \
        }                                                                                                              \
    } while (0)

static void law_step(struct law *l, const struct want *w, const struct plan *p, const struct action *a, uint64_t seed)
{
    const char *kind = kind_name(a);
    int n = a->subject.node;
    if (n >= 0 && !str_eq(kind, "node.delete") && !str_eq(kind, "etcd.remove-member"))
        LAW(l->reachable[n]);
    if (str_eq(kind, "pki.issue") || str_eq(kind, "kubeadm.init")) {
        LAW(!l->had_cluster);
        LAW(!l->unknown_master);
        LAW(l->members == 0 || (l->members == 1 && l->init_attempt[n >= 0 ? n : 0]) || str_eq(kind, "pki.issue"));
    }
    if (str_eq(kind, "kubeadm.init")) {
        LAW(l->inits++ == 0);
        l->api = true;
        l->members = l->healthy = 1;
        l->member[n] = l->healthy_at[n] = true;
    } else if (str_eq(kind, "token.create")) {
        LAW(l->api);
        l->tokens++;
    } else if (str_eq(kind, "token.delete")) {
        l->tokens = 0;
    } else if (str_eq(kind, "kubeadm.join-worker")) {
        LAW(l->tokens == 1);
        LAW(w->hosts[n].listed);
    } else if (str_eq(kind, "kubeadm.join-master")) {
        LAW(l->tokens == 1);
        LAW(w->hosts[n].listed);
        LAW(!l->member[n]);
        LAW(l->members == 1 ? l->healthy == 1 : l->healthy >= (l->members + 1) / 2 + 1);
        l->members++;
        l->healthy++;
        l->member[n] = l->healthy_at[n] = true;
    } else if (str_eq(kind, "etcd.remove-member")) {
        LAW(l->member[n]);
        LAW(l->healthy >= l->members / 2 + 1);
        l->members--;
        l->healthy -= l->healthy_at[n];
        l->member[n] = l->healthy_at[n] = false;
        LAW(l->members > 0 && l->healthy >= l->members / 2 + 1);
    } else if (str_eq(kind, "node.reset")) {
        LAW(!w->hosts[n].listed && w->consent && !l->member[n]);
    }
}

/* One action as the executor sees it, on the facts of the moment: its guard lets it begin, a node that answers can do it,
 * and its effect proves it. The view is that of the facts before; it is made anew for those after. */
static void law_execute(struct law *l, const struct want *w, struct have *h, struct view **view, const struct plan *p,
                        const struct action *a, uint64_t seed)
{
    const struct kind_rules *rules = catalogue_rules[a->kind];
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    _cleanup_(text_free) struct text why = {0};
    const char *no = rules->guard ? rules->guard(*view, a->subject, arena) : NULL;
    LAW_SAYS(!no, no);
    int node = rules->run_node ? rules->run_node(*view, a->subject) : a->subject.node;
    LAW(rules->local ? node < 0 : node >= 0 && l->reachable[node]);
    if (rules->inputs) {
        value_json(rules->inputs(*view, a->subject, arena), &why);
        text_clear(&why);
    }
    rules->effect(*view, h, a->subject);
    view_free(*view);
    *view = view_new(w, h, true);
    view_stay_out(*view, p->stays_out);
    struct finding f = {.arena = arena};
    bool proved = rules->proved ? rules->proved(*view, a->subject, &why)
                                : rules->wants(*view, a->subject, &f) == VERDICT_NO;
    LAW_SAYS(proved, rules->proved ? text_str(&why) : f.n ? f.changes[0].fact : f.reason);
}

/* Runs the plan in a random order that its edges allow; effects change h. */
static void run_random_order(const struct want *w, struct have *h, const struct plan *p, uint64_t seed)
{
    struct law l;
    law_begin(&l, w, h);
    bool *done = mem_alloc(p->n_actions + 1);
    struct view *view = view_new(w, h, true);
    view_stay_out(view, p->stays_out);
    for (size_t count = 0; count < p->n_actions; count++) {
        size_t ready[512], n_ready = 0;
        for (size_t i = 0; i < p->n_actions && n_ready < ARRAY_LEN(ready); i++) {
            bool free_to_go = !done[i];
            for (size_t e = 0; e < p->actions[i].n_needs; e++)
                free_to_go &= done[p->actions[i].needs[e]];
            for (size_t e = 0; e < p->actions[i].n_after; e++)
                free_to_go &= done[p->actions[i].after[e]];
            if (free_to_go)
                ready[n_ready++] = i;
        }
        assert_true(n_ready > 0);
        const struct action *a = &p->actions[ready[rnd((unsigned)n_ready)]];
        law_step(&l, w, p, a, seed);
        law_execute(&l, w, h, &view, p, a, seed);
        done[a - p->actions] = true;
    }
    view_free(view);
    free(done);
}

static bool refused_by_quorum(const struct plan *p)
{
    for (size_t i = 0; i < p->n_left_out; i++)
        if (strstr(p->left_out[i].reason, "no quorum") || strstr(p->left_out[i].reason, "no other master's"))
            return true;
    return false;
}

static void check_seed(uint64_t seed)
{
    struct want *w = random_want(seed, false);
    struct have *h = random_have(seed, w);
    struct want *w2 = random_want(seed, true);
    struct plan *p = plan_of(w, h), *p2 = plan_of(w2, h);
    assert_int_equal(p->n_actions, p2->n_actions);
    assert_int_equal(p->n_left_out, p2->n_left_out);
    for (size_t i = 0; i < p->n_actions; i++) {
        assert_string_equal(p->actions[i].id, p2->actions[i].id);
        assert_int_equal(p->actions[i].n_needs, p2->actions[i].n_needs);
        assert_int_equal(p->actions[i].n_after, p2->actions[i].n_after);
    }
    rng_state = seed ^ 0x5eed;
    run_random_order(w, h, p, seed);
    struct plan *again = plan_of(w, h);
    /* What the quorum forbade may be possible once others are healthy: then, and only then, a later run goes on. */
    for (int round = 0; round < 6 && again->n_actions && refused_by_quorum(p); round++) {
        run_random_order(w, h, again, seed);
        plan_free(p);
        p = again;
        again = plan_of(w, h);
    }
    if (again->n_actions) {
        fprintf(stderr, "--- first\n");
        print_plan(stderr, p);
        fprintf(stderr, "--- again\n");
        print_plan(stderr, again);
        fail_msg("seed %llu: after the plan's effects there is still something to do", (unsigned long long)seed);
    }
    plan_free(again);
    plan_free(p2);
    plan_free(p);
    want_free(w2);
    have_free(h);
    want_free(w);
}

static void random_clusters(void **state)
{
    (void)state;
    const char *one = getenv("RECONCILE_SEED"), *many = getenv("RECONCILE_SEEDS"), *shard = getenv("RECONCILE_SHARD");
    if (one) {
        check_seed(strtoull(one, NULL, 10));
        return;
    }
    uint64_t n = many ? strtoull(many, NULL, 10) : 2000, first = 1, step = 1;
    if (shard) {
        first = strtoull(shard, NULL, 10);
        step = strchr(shard, '/') ? strtoull(strchr(shard, '/') + 1, NULL, 10) : 0;
        assert_true(step > 0 && first >= 1 && first <= step);
    }
    uint64_t tried = 0;
    for (uint64_t seed = first; seed <= n; seed += step, tried++)
        check_seed(seed);
    print_message("%llu random clusters\n", (unsigned long long)tried);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_clusters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
