/* Scenes for the scheduler: scripted outcomes and a virtual clock; no thread, no node, no sleep. */
#ifndef TESTS_RECONCILER_SCENE_H
#define TESTS_RECONCILER_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reconciler/execute.h"
#include "tests/model/cluster.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define MAX 16

/* What an action of a scene does. */
struct act {
    const char *id;
    int kind, node;
    int needs[MAX], after[MAX]; /* each ends with -1 */
    double takes;               /* seconds of run() */
    enum error_code fails[2];   /* of the first and second attempt; 0 (ERR_INTERNAL) means: succeeds */
    int looks;                  /* its proof stands from this look on; -1: never */
    bool unseen;                /* the look itself fails */
    /* what came of it */
    int runs, looked;
    double started[2], ended;
};

enum {
    KIND_PLAIN,
    KIND_SETTLES,
    KIND_RETRIES,
    KIND_ALWAYS,
    KIND_LOCKED,
    KIND_GUARDED,
    KIND_LOCAL,
    KIND_BARE,
    KINDS
};

static struct {
    struct act *acts;
    size_t n;
    double now;
    struct {
        struct task *task;
        double ends;
    } flying[MAX];
    size_t n_flying, max_flying;
    double signal_at[3]; /* 0: none */
    int n_signals;
    const char *guard_says, *halted;
    int clean_wanted; /* the node on whose facts a cleaning action is wanted */
    bool stuck;       /* workers never end */
    int local_refreshes, cancels, begins, ends;
    char log[4096];
} scene;

static void note(const char *what, const char *id)
{
    size_t n = strlen(scene.log);
    snprintf(scene.log + n, sizeof scene.log - n, "%s%s %s", n ? ", " : "", what, id);
}

static struct act *act_of(const char *id)
{
    for (size_t i = 0; i < scene.n; i++)
        if (strcmp(scene.acts[i].id, id) == 0)
            return &scene.acts[i];
    fail_msg("no action %s", id);
    return NULL;
}

/* --- kinds: an action's fact is BOOT_ID of its node, or, for those without one, its own counter */

static enum verdict wants(const struct view *v, struct subject s, struct finding *f)
{
    if (s.node >= 0 && view_fact(v, s.node, FACT_ROOTFS)->state == TRI_TRUE)
        return VERDICT_NO;
    (void)f;
    return VERDICT_YES;
}

static enum verdict clean_wants(const struct view *v, struct subject s, struct finding *f)
{
    (void)v, (void)f;
    return s.node == scene.clean_wanted ? VERDICT_YES : VERDICT_NO;
}

static bool proved(const struct view *v, struct subject s, struct text *why)
{
    if (view_fact(v, s.node, FACT_ROOTFS)->state == TRI_TRUE)
        return true;
    text_add(why, "the tree is absent");
    return false;
}

static bool local_proved(const struct view *v, struct subject s, struct text *why)
{
    (void)v, (void)s;
    text_add(why, "not stored");
    return scene.local_refreshes > 0 && scene.acts[0].looks >= 0;
}

static const char *guard(const struct view *v, struct subject s, struct arena *a)
{
    (void)v, (void)s, (void)a;
    return scene.guard_says;
}

static enum lock lock(const struct view *v, struct subject s)
{
    (void)v, (void)s;
    return LOCK_CONTROL_PLANE;
}

static const struct kind_rules rules[KINDS] = {
    [KIND_PLAIN] = {.name = "plain",
                    .title = "plain",
                    .wants = wants,
                    .proved = proved,
                    .proof = SECTION_ROOTFS,
                    .timeout_s = 60},
    [KIND_SETTLES] = {.name = "settles",
                      .title = "settles",
                      .wants = wants,
                      .proved = proved,
                      .proof = SECTION_ROOTFS,
                      .settle_s = 10},
    [KIND_RETRIES] = {.name = "retries",
                      .title = "retries",
                      .wants = wants,
                      .proved = proved,
                      .proof = SECTION_ROOTFS,
                      .retry = true},
    [KIND_ALWAYS] = {.name = "always", .title = "always", .wants = clean_wants, .always = true},
    [KIND_LOCKED] = {.name = "locked",
                     .title = "locked",
                     .wants = wants,
                     .proved = proved,
                     .proof = SECTION_ROOTFS,
                     .lock = lock},
    [KIND_GUARDED] = {.name = "guarded",
                      .title = "guarded",
                      .wants = wants,
                      .guard = guard,
                      .proved = proved,
                      .proof = SECTION_ROOTFS},
    [KIND_LOCAL] = {.name = "local", .title = "local", .wants = wants, .local = true, .proved = local_proved},
    [KIND_BARE] = {.name = "bare", .title = "bare", .wants = wants},
};

static int run(struct run_context *c, struct error **err)
{
    struct act *a = act_of(c->id);
    int attempt = a->runs++;
    a->ended = scene.now;
    if (attempt < 2 && a->fails[attempt])
        return error_set(err, a->fails[attempt], "scripted");
    return 0;
}

static const struct kind_run runs = {.run = run};

/* --- prober */

static int observe(void *ctx, int node, unsigned sections, void **ret, struct error **err)
{
    (void)ctx, (void)sections;
    for (size_t i = 0; i < scene.n; i++) {
        struct act *a = &scene.acts[i];
        if (a->node != node || a->runs == 0)
            continue;
        a->looked++;
        if (a->unseen)
            return error_set(err, ERR_UNREACHABLE, "the line is dead");
        *ret = mem_alloc(1);
        *(char *)*ret = a->looks >= 0 && a->looked > a->looks;
        return 0;
    }
    return error_set(err, ERR_INTERNAL, "nothing ran on node %d", node);
}

static int merge(void *ctx, struct have *h, int node, unsigned sections, void *seen, struct error **err)
{
    (void)ctx, (void)sections, (void)err;
    if (*(char *)seen)
        have_true(h, node, FACT_ROOTFS, "key");
    else
        have_false(h, node, FACT_ROOTFS);
    free(seen);
    return 0;
}

static void drop(void *ctx, void *seen)
{
    (void)ctx;
    free(seen);
}

static void refresh_local(void *ctx, struct have *h)
{
    (void)ctx, (void)h;
    scene.local_refreshes++;
}

static void cancel(void *ctx, int node)
{
    (void)ctx;
    scene.cancels++;
    for (size_t i = 0; i < scene.n_flying && !scene.stuck; i++)
        if (node < 0 || scene.flying[i].task->node == node) {
            struct act *a = &scene.acts[scene.flying[i].task->action];
            a->fails[a->runs < 2 ? a->runs : 1] = ERR_UNREACHABLE;
            scene.flying[i].ends = scene.now;
        }
}

/* --- runner with a virtual clock */

static double fake_now(void *ctx)
{
    (void)ctx;
    return scene.now;
}

static void fake_start(void *ctx, struct task *t)
{
    (void)ctx;
    struct act *a = &scene.acts[t->action];
    if (!t->observes) {
        if (a->runs < 2)
            a->started[a->runs] = scene.now;
        note("run", a->id);
    }
    for (size_t i = 0; i < scene.n_flying; i++)
        assert_true(t->node < 0 || scene.flying[i].task->node != t->node); /* one thing at a time on a node */
    scene.flying[scene.n_flying].task = t;
    scene.flying[scene.n_flying++].ends = scene.stuck ? 1e12 : scene.now + (t->observes ? 0.01 : a->takes);
    if (scene.n_flying > scene.max_flying)
        scene.max_flying = scene.n_flying;
}

static struct task *fake_wait(void *ctx, double deadline, int *ret_signal)
{
    (void)ctx;
    size_t next = 0;
    *ret_signal = 0;
    for (size_t i = 1; i < scene.n_flying; i++)
        if (scene.flying[i].ends < scene.flying[next].ends)
            next = i;
    double until = scene.n_flying && scene.flying[next].ends <= deadline ? scene.flying[next].ends : deadline;
    if (scene.n_signals < 3 && scene.signal_at[scene.n_signals] > 0 &&
        scene.signal_at[scene.n_signals] <= until) {
        scene.now = scene.signal_at[scene.n_signals++];
        *ret_signal = SIGINT;
        return NULL;
    }
    bool task_ends = scene.n_flying && scene.flying[next].ends <= deadline;
    if (until > scene.now)
        scene.now = until;
    if (!task_ends)
        return NULL;
    struct task *t = scene.flying[next].task;
    scene.flying[next] = scene.flying[--scene.n_flying];
    t->work(t);
    return t;
}

static int begin(void *ctx, const char *id, struct error **err)
{
    (void)ctx, (void)id, (void)err;
    scene.begins++;
    return 0;
}

static void end(void *ctx, const char *id, enum outcome outcome, const struct error *error)
{
    (void)ctx, (void)id, (void)outcome, (void)error;
    scene.ends++;
}

static const char *halted(void *ctx)
{
    (void)ctx;
    return scene.halted;
}

/* --- playing a scene */

static bool all_ended;

static size_t count(const int *list)
{
    size_t n = 0;
    while (list[n] >= 0)
        n++;
    return n;
}

static struct report *play(struct act *acts, size_t n, unsigned concurrency)
{
    struct want *w = cluster_want(false);
    static const char *const addresses[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3",
                                            "10.0.0.4", "10.0.0.5", "10.0.0.6"};
    for (int i = 0; i < 6; i++)
        add_host(w, addresses[i], i == 0 ? ROLE_MASTER : ROLE_NODE, true);
    cluster_finish(w);
    struct have *h = bare_have(w);
    struct kind kinds[KINDS];
    for (int i = 0; i < KINDS; i++)
        kinds[i] = (struct kind){&rules[i], &runs};
    struct action actions[MAX] = {0};
    for (size_t i = 0; i < n; i++)
        actions[i] = (struct action){.kind = acts[i].kind,
                                     .subject = {acts[i].node, -1, -1},
                                     .id = acts[i].id,
                                     .needs = acts[i].needs,
                                     .n_needs = count(acts[i].needs),
                                     .after = acts[i].after,
                                     .n_after = count(acts[i].after)};
    struct plan plan = {.actions = actions, .n_actions = n};
    scene.acts = acts;
    scene.n = n;
    scene.now = 100;
    struct execution x = {
        .want = w,
        .have = h,
        .plan = &plan,
        .kinds = kinds,
        .prober = {observe, merge, drop, refresh_local, cancel, NULL},
        .runner = {fake_now, fake_start, fake_wait, NULL},
        .recorder = {begin, end, NULL},
        .concurrency = concurrency,
        .halted = halted,
    };
    struct report *r = NULL;
    all_ended = execute(&x, &r);
    have_free(h);
    want_free(w);
    return r;
}

static int reset_scene(void **state)
{
    (void)state;
    memset(&scene, 0, sizeof scene);
    return 0;
}

#define NONE                                                                                                 \
    {                                                                                                        \
        -1                                                                                                   \
    }
#define OUTCOME(r, i, o) assert_string_equal(outcome_name((r)->actions[i].outcome), outcome_name(o))

#define TEST(f) cmocka_unit_test_setup(f, reset_scene)

#endif
