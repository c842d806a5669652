/* The fan-out over a virtual world, and what status says of it. */
#include "actions/means/probe.h"
#include "reconciler/execute_pool.h"
#include "reconciler/out_status.h"
#include "reconciler/probe.h"
#include "reconciler/signals.h"
#include "schema/tree.h"
#include "tests/model/cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

/* ---- a world whose nodes answer with the facts of a have */

enum behaviour { ANSWERS, UNREACHABLE, GARBAGE, HANGS };

struct virtual_world {
    struct world world;
    const struct want *want;
    const struct have *truth;
    enum behaviour behaviour[32];
    unsigned wait_for; /* every look waits until so many are in flight */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned in_flight, most, looks;
    bool cancelled;
};

static void write_nodes(const struct virtual_world *w, struct text *t, int *n)
{
    for (size_t i = 0; i < w->want->n_hosts; i++) {
        const struct fact *object = have_fact(w->truth, (int)i, FACT_NODE_OBJECT);
        if (object->state != TRI_TRUE)
            continue;
        bool ready = have_is(w->truth, (int)i, FACT_NODE_READY, "");
        text_addf(t, "n %s\t%s\t%s\t%s\t{}\t\tv1.28.0\n", have_fact(w->truth, (int)i, FACT_NODE_NAME)->value,
                  object->value, w->want->hosts[i].address, ready ? "True" : "False");
        ++*n;
    }
    for (size_t i = 0; i < w->truth->cluster.n_guests; i++, ++*n)
        text_addf(t, "g %s\tok\n", w->truth->cluster.guests[i]);
    text_add(t, "t api.nodes\nt api.tokens\nt api.guests\n");
    *n += 3;
}

static void write_members(const struct virtual_world *w, struct text *t, int *n)
{
    for (size_t i = 0; i < w->want->n_hosts; i++) {
        const struct fact *member = have_fact(w->truth, (int)i, FACT_ETCD_MEMBER);
        if (member->state != TRI_TRUE)
            continue;
        text_addf(t, "e %s\tm%zu\t%s\ttrue\tfalse\t%s\tfalse\n", member->value, i, w->want->hosts[i].address,
                  have_is(w->truth, (int)i, FACT_ETCD_HEALTHY, "") ? "true" : "false");
        ++*n;
    }
    text_add(t, "t etcd.members\n");
    ++*n;
}

static void write_answer(const struct virtual_world *w, int node, unsigned sections, const char *nonce,
                         struct text *ret)
{
    int n = 1;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    text_addf(ret, "motd\nBEGIN reconcile-probe 1 %s\nt clock %ld.%09ld\n", nonce, (long)now.tv_sec,
              now.tv_nsec);
    for (int f = 0; f < FACT_COUNT; f++) {
        const struct fact *x = have_fact(w->truth, node, (enum fact_id)f);
        bool derived =
            f == FACT_REACHED || f == FACT_CLOCK_SKEW || (f >= FACT_NODE_OBJECT && f <= FACT_ETCD_HEALTHY);
        if (derived || !(sections & fact_table[f].section))
            continue;
        text_addf(ret, "%c %s%s%s\n", "uft"[x->state], fact_table[f].key, x->value && *x->value ? " " : "",
                  x->value ? x->value : "");
        n++;
    }
    if ((sections & SECTION_API) && have_is(w->truth, node, FACT_API_ANSWERS, ""))
        write_nodes(w, ret, &n);
    if ((sections & SECTION_ETCD) && have_is(w->truth, node, FACT_ETCD_ANSWERS, ""))
        write_members(w, ret, &n);
    text_addf(ret, "END reconcile-probe %s %d\n", nonce, n);
}

/* Waits under the lock until the condition or ten seconds have passed; returns whether it came. */
#define AWAIT(w, condition)                                                                                  \
    __extension__({                                                                                          \
        struct timespec until_;                                                                              \
        clock_gettime(CLOCK_REALTIME, &until_);                                                              \
        until_.tv_sec += 10;                                                                                 \
        while (!(condition) && pthread_cond_timedwait(&(w)->changed, &(w)->lock, &until_) == 0)              \
            ;                                                                                                \
        (condition);                                                                                         \
    })

static int virtual_observe(struct world *world, int node, unsigned sections, const char *nonce,
                           struct text *ret, struct error **err)
{
    struct virtual_world *w = (struct virtual_world *)world;
    int r = 0;
    pthread_mutex_lock(&w->lock);
    w->in_flight++;
    w->looks++;
    w->most = w->in_flight > w->most ? w->in_flight : w->most;
    pthread_cond_broadcast(&w->changed);
    if (w->wait_for && !AWAIT(w, w->most >= w->wait_for))
        r = error_set(err, ERR_TIMEOUT, "nobody else looks at the same time");
    if (w->behaviour[node] == HANGS) {
        kill(getpid(), SIGINT);
        AWAIT(w, w->cancelled);
        r = error_set(err, ERR_CANCELLED, "cancelled");
    }
    w->in_flight--;
    pthread_mutex_unlock(&w->lock);
    if (r < 0)
        return -1;
    if (w->behaviour[node] == UNREACHABLE)
        return error_set(err, ERR_UNREACHABLE, "cannot connect: No route to host\033[31m");
    write_answer(w, node, sections, nonce, ret);
    if (w->behaviour[node] == GARBAGE)
        ret->len -= 3;
    return 0;
}

static const struct world_ops virtual_ops = {.observe = virtual_observe};

static void cancel(void *ctx, int node)
{
    struct virtual_world *w = ctx;
    (void)node;
    pthread_mutex_lock(&w->lock);
    w->cancelled = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void local(void *ctx, struct have *h)
{
    (void)ctx;
    for (size_t i = 0; i < h->n_images; i++)
        h->stored[i] = TRI_TRUE;
}

/* Three masters, then workers; applied by its own plan. */
static struct want *settled(size_t hosts, struct have **ret)
{
    struct want *w = cluster_want(false);
    for (size_t i = 0; i < hosts; i++) {
        _cleanup_(mem_freep) char *address = mem_printf("10.0.0.%zu", i + 1);
        add_host(w, address, i < 3 ? ROLE_MASTER : ROLE_NODE, true);
    }
    cluster_finish(w);
    *ret = bare_have(w);
    apply_all(w, *ret);
    for (size_t i = 0; i < hosts; i++) { /* what rules cannot tell beforehand */
        have_true(*ret, (int)i, FACT_RUNTIME_UP, "containerd");
        if (i < 3)
            have_true(*ret, (int)i, FACT_ETCD_MEMBER, "8e9e05c52164694d");
    }
    return w;
}

static struct virtual_world virtual_new(const struct want *w, const struct have *truth)
{
    return (struct virtual_world){.world = {&virtual_ops},
                                  .want = w,
                                  .truth = truth,
                                  .lock = PTHREAD_MUTEX_INITIALIZER,
                                  .changed = PTHREAD_COND_INITIALIZER};
}

static int look(struct virtual_world *w, unsigned concurrency, struct probe_result *ret, struct error **err)
{
    _cleanup_(pool_freep) struct pool *pool = NULL;
    struct probe_context c = {
        .world = &w->world, .want = w->want, .local = local, .cancel = cancel, .ctx = w};
    assert_int_equal(pool_new(concurrency, &pool, err), 0);
    return probe_all(&c, pool_runner(pool), concurrency, ret, err);
}

/* ---- tests */

/* What the world is comes through: every fact of every node, and the cluster's. */
static void test_same_facts(void **state)
{
    (void)state;
    _cleanup_(have_freep) struct have *truth = NULL;
    _cleanup_(want_freep) struct want *want = settled(6, &truth);
    _cleanup_(error_freep) struct error *err = NULL;
    _cleanup_(probe_result_free) struct probe_result seen = {0};
    struct virtual_world w = virtual_new(want, truth);
    assert_int_equal(look(&w, 4, &seen, &err), 0);
    for (int i = 0; i < 6; i++)
        for (int f = 0; f < FACT_COUNT; f++) {
            const struct fact *a = have_fact(truth, i, (enum fact_id)f),
                              *b = have_fact(seen.have, i, (enum fact_id)f);
            if (a->state != b->state || (a->state == TRI_TRUE && !str_eq(a->value, b->value)))
                fail_msg("node %d: %s is %d %s, not %d %s", i, fact_table[f].key, b->state, b->value,
                         a->state, a->value);
        }
    assert_int_equal(w.looks, 6); /* one each */
    assert_int_equal(seen.have->cluster.api, TRI_TRUE);
    assert_int_equal(seen.have->cluster.etcd, TRI_TRUE);
    assert_int_equal(seen.have->cluster.n_guests, truth->cluster.n_guests);
    assert_int_equal(seen.have->stored[0], TRI_TRUE);
    _cleanup_(plan_freep) struct plan *plan = NULL;
    for (size_t i = 0; i < want->n_images; i++)
        seen.have->stored[i] = truth->stored[i];
    for (size_t i = 0; i < want->n_renders; i++)
        seen.have->rendered[i] = truth->rendered[i];
    plan = plan_of(want, seen.have);
    assert_int_equal(plan->n_actions, 0);
}

static void test_some_fail(void **state)
{
    (void)state;
    _cleanup_(have_freep) struct have *truth = NULL;
    _cleanup_(want_freep) struct want *want = settled(6, &truth);
    _cleanup_(error_freep) struct error *err = NULL;
    _cleanup_(probe_result_free) struct probe_result seen = {0};
    struct virtual_world w = virtual_new(want, truth);
    w.behaviour[0] = UNREACHABLE; /* the first master: another one is believed */
    w.behaviour[4] = GARBAGE;
    assert_int_equal(look(&w, 2, &seen, &err), 0);
    assert_int_equal(seen.errors[0]->code, ERR_UNREACHABLE);
    assert_int_equal(seen.errors[4]->code, ERR_PROTOCOL);
    assert_null(seen.errors[1]);
    const struct fact *reached = have_fact(seen.have, 0, FACT_REACHED);
    assert_int_equal(reached->state, TRI_FALSE);
    assert_string_equal(reached->value, "cannot connect: No route to host?[31m");
    assert_int_equal(have_fact(seen.have, 0, FACT_ROOTFS)->state, TRI_UNKNOWN);
    assert_int_equal(have_fact(seen.have, 0, FACT_NODE_OBJECT)->state, TRI_TRUE); /* the API knows it */
    assert_int_equal(have_fact(seen.have, 4, FACT_ROOTFS)->state, TRI_UNKNOWN);
    assert_int_equal(have_fact(seen.have, 5, FACT_ROOTFS)->state, TRI_TRUE);
    assert_int_equal(seen.have->cluster.api, TRI_TRUE);
}

/* As many at once as asked, and never more. */
static void test_concurrency(void **state)
{
    (void)state;
    _cleanup_(have_freep) struct have *truth = NULL;
    _cleanup_(want_freep) struct want *want = settled(12, &truth);
    for (unsigned n = 1; n <= 8; n *= 2) {
        _cleanup_(error_freep) struct error *err = NULL;
        _cleanup_(probe_result_free) struct probe_result seen = {0};
        struct virtual_world w = virtual_new(want, truth);
        w.wait_for = n;
        assert_int_equal(look(&w, n, &seen, &err), 0);
        for (int i = 0; i < 12; i++)
            assert_null(seen.errors[i]);
        assert_int_equal(w.most, n);
    }
}

static void test_interrupted(void **state)
{
    (void)state;
    _cleanup_(have_freep) struct have *truth = NULL;
    _cleanup_(want_freep) struct want *want = settled(6, &truth);
    _cleanup_(error_freep) struct error *err = NULL;
    struct probe_result seen = {0};
    struct virtual_world w = virtual_new(want, truth);
    w.behaviour[0] = HANGS;
    assert_int_equal(look(&w, 1, &seen, &err), -1);
    assert_int_equal(err->code, ERR_CANCELLED);
    assert_int_equal(w.looks, 1); /* nothing was started after it */
    assert_int_equal(w.in_flight, 0);
}

/* The executor's prober looks at one node again. */
static void test_prober(void **state)
{
    (void)state;
    _cleanup_(have_freep) struct have *truth = NULL;
    _cleanup_(want_freep) struct want *want = settled(4, &truth);
    _cleanup_(have_freep) struct have *have = bare_have(want);
    _cleanup_(error_freep) struct error *err = NULL;
    struct virtual_world w = virtual_new(want, truth);
    struct probe_context c = {.world = &w.world, .want = want, .local = local, .cancel = cancel, .ctx = &w};
    struct prober p = probe_prober(&c);
    void *seen = NULL;
    assert_int_equal(p.observe(p.ctx, 3, SECTION_HOSTS, &seen, &err), 0);
    assert_int_equal(p.merge(p.ctx, have, 3, SECTION_HOSTS, seen, &err), 0);
    assert_int_equal(have_fact(have, 3, FACT_HOSTS_API)->state, TRI_TRUE);
    assert_int_equal(have_fact(have, 3, FACT_ROOTFS)->state, TRI_FALSE);
    assert_int_equal(have_fact(have, 3, FACT_NODE_OBJECT)->state, TRI_FALSE);
    assert_int_equal(p.observe(p.ctx, 1, SECTION_API | SECTION_ETCD, &seen, &err), 0);
    assert_int_equal(p.merge(p.ctx, have, 1, SECTION_API | SECTION_ETCD, seen, &err), 0);
    assert_int_equal(have_fact(have, 3, FACT_NODE_OBJECT)->state, TRI_TRUE);
    assert_int_equal(p.observe(p.ctx, 1, SECTION_API, &seen, &err), 0);
    p.drop(p.ctx, seen);
    w.behaviour[2] = GARBAGE;
    assert_int_equal(p.observe(p.ctx, 2, SECTION_API, &seen, &err), 0);
    assert_int_equal(p.merge(p.ctx, have, 2, SECTION_API, seen, &err), -1);
    assert_int_equal(err->code, ERR_PROTOCOL);
}

/* ---- status */

static char *status_of(const struct want *want, const struct have *have, bool json)
{
    _cleanup_(view_freep) struct view *v = view_new(want, have, true);
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    if (json)
        out_status_json(f, v);
    else
        out_status_text(f, v, false);
    fclose(f);
    return text;
}

static void test_status_text(void **state)
{
    (void)state;
    _cleanup_(have_freep) struct have *have = NULL;
    _cleanup_(want_freep) struct want *want = settled(5, &have);
    for (int i = 0; i < 5; i++)
        have_true(have, i, FACT_NODE_READY, "");
    have_unreached(have, 3, "10.0.0.4:22: timed out\033]0;x");
    have_true(have, 4, FACT_ROOTFS, "drifted");
    have_false(have, 4, FACT_KUBELET_UP);
    have_false(have, 4, FACT_VIP_ANSWERS);
    have_true(have, 4, FACT_HOSTS_API, "10.9.9.9");
    _cleanup_(mem_freep) char *text = status_of(want, have, false);
    assert_string_equal(
        text,
        "cluster default, Kubernetes v1.28.0, VIP 10.103.97.2, registry on 10.0.0.1\n"
        "its API answers on 10.0.0.1\n"
        "etcd: 3 of 3 members healthy\n"
        "\n"
        "NODE      NAME   ROLE    STATE        READY  ETCD     API      VIP     HOSTS    ROOTFS   INIT\n"
        "10.0.0.1  node0  master  member       yes    healthy  answers  -       ok       ok       ok\n"
        "10.0.0.2  node1  master  member       yes    healthy  answers  -       ok       ok       ok\n"
        "10.0.0.3  node2  master  member       yes    healthy  answers  -       ok       ok       ok\n"
        "10.0.0.4  node3  worker  unreachable  yes    -        -        ?       ?        ?        ?\n"
        "10.0.0.5  node4  worker  member       yes    -        -        silent  differs  drifted  ok\n"
        "\n"
        "10.0.0.4: 10.0.0.4:22: timed out?]0;x\n"
        "10.0.0.5: kubelet is down\n");
}

static void test_status_absent(void **state)
{
    (void)state;
    _cleanup_(want_freep) struct want *want = cluster_want(false);
    add_host(want, "10.0.0.1", ROLE_MASTER, true);
    cluster_finish(want);
    _cleanup_(have_freep) struct have *have = bare_have(want);
    _cleanup_(mem_freep) char *text = status_of(want, have, false);
    assert_string_equal(text,
                        "cluster default, Kubernetes v1.28.0, VIP 10.103.97.2, registry on 10.0.0.1\n"
                        "does not exist yet\n"
                        "\n"
                        "NODE      NAME  ROLE    STATE  READY  ETCD  API  VIP  HOSTS   ROOTFS  INIT\n"
                        "10.0.0.1  -     master  new    -      -     -    -    absent  absent  absent\n");
}

/* Every fact of every node is there, and it is JSON. */
static void test_status_json(void **state)
{
    (void)state;
    _cleanup_(have_freep) struct have *have = NULL;
    _cleanup_(want_freep) struct want *want = settled(5, &have);
    have_unreached(have, 3, "timed \"out\"\n");
    have_true(have, 4, FACT_LVSCARE_POD, "a\tb\n\033");
    _cleanup_(mem_freep) char *text = status_of(want, have, true);
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    _cleanup_(error_freep) struct error *err = NULL;
    struct value *root = NULL;
    if (tree_parse_one(arena, "status", text, strlen(text), &root, &err) < 0)
        fail_msg("%s in\n%s", err->message, text);
    assert_string_equal(value_text(value_path(root, "cluster.api.state"), ""), "true");
    assert_string_equal(value_text(value_path(root, "cluster.etcd.healthy"), ""), "3");
    struct value *nodes = value_get(root, "nodes");
    assert_int_equal(nodes->n, 5);
    for (size_t i = 0; i < nodes->n; i++) {
        struct value *facts = value_get(nodes->items[i], "facts");
        assert_int_equal(facts->n, FACT_COUNT);
        for (int f = 0; f < FACT_COUNT; f++) {
            static const char *const states[] = {"unknown", "false", "true"};
            const struct fact *x = have_fact(have, (int)i, (enum fact_id)f);
            struct value *shown = value_get(facts, fact_table[f].key);
            assert_string_equal(value_text(value_get(shown, "state"), ""), states[x->state]);
            if (x->value && *x->value)
                assert_string_equal(
                    value_text(value_get(shown, x->state == TRI_TRUE ? "value" : "reason"), ""), x->value);
        }
    }
    assert_string_equal(value_text(value_get(nodes->items[0], "state"), ""), "member");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_facts),    cmocka_unit_test(test_some_fail),
        cmocka_unit_test(test_concurrency),   cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_prober),        cmocka_unit_test(test_status_text),
        cmocka_unit_test(test_status_absent), cmocka_unit_test(test_status_json),
    };
    struct error *err = NULL;
    if (signals_init(&err) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
