/* The scheduler with scripted outcomes and a virtual clock: no thread, no node, no sleep. */
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

enum { KIND_PLAIN, KIND_SETTLES, KIND_RETRIES, KIND_ALWAYS, KIND_LOCKED, KIND_GUARDED, KIND_LOCAL, KIND_BARE, KINDS };

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
    int clean_wanted;    /* the node on whose facts a cleaning action is wanted */
    bool stuck;          /* workers never end */
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
    [KIND_PLAIN] = {.name = "plain", .title = "plain", .wants = wants, .proved = proved, .proof = SECTION_ROOTFS, .timeout_s = 60},
    [KIND_SETTLES] = {.name = "settles", .title = "settles", .wants = wants, .proved = proved, .proof = SECTION_ROOTFS, .settle_s = 10},
    [KIND_RETRIES] = {.name = "retries", .title = "retries", .wants = wants, .proved = proved, .proof = SECTION_ROOTFS, .retry = true},
    [KIND_ALWAYS] = {.name = "always", .title = "always", .wants = clean_wants, .always = true},
    [KIND_LOCKED] = {.name = "locked", .title = "locked", .wants = wants, .proved = proved, .proof = SECTION_ROOTFS, .lock = lock},
    [KIND_GUARDED] = {.name = "guarded", .title = "guarded", .wants = wants, .guard = guard, .proved = proved, .proof = SECTION_ROOTFS},
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
    if (scene.n_signals < 3 && scene.signal_at[scene.n_signals] > 0 && scene.signal_at[scene.n_signals] <= until) {
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

static struct act *play_acts;
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
    static const char *const addresses[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"};
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
    scene.acts = play_acts = acts;
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

#define NONE {-1}
#define OUTCOME(r, i, o) assert_string_equal(outcome_name((r)->actions[i].outcome), outcome_name(o))

static void runs_in_order_of_needs(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "a", .node = 0, .needs = NONE, .after = NONE, .takes = 5},
        {.id = "b", .node = 1, .needs = NONE, .after = NONE, .takes = 1},
        {.id = "c", .node = 2, .needs = {0, 1, -1}, .after = NONE, .takes = 1},
    };
    _cleanup_(report_freep) struct report *r = play(a, 3, 8);
    assert_true(all_ended);
    for (int i = 0; i < 3; i++)
        OUTCOME(r, i, OUTCOME_DONE);
    assert_string_equal(scene.log, "run a, run b, run c");
    assert_true(a[2].started[0] >= a[0].ended);
    assert_int_equal(scene.max_flying, 2);
    assert_int_equal(scene.begins, 3);
    assert_int_equal(scene.ends, 3);
    assert_true(r->actions[0].ended - r->actions[0].started >= 5);
}

static void keeps_to_its_concurrency(void **state)
{
    (void)state;
    struct act a[5];
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < 5; i++)
        a[i] = (struct act){.id = ids[i], .node = i, .needs = NONE, .after = NONE, .takes = 1};
    _cleanup_(report_freep) struct report *r = play(a, 5, 2);
    for (int i = 0; i < 5; i++)
        OUTCOME(r, i, OUTCOME_DONE);
    assert_int_equal(scene.max_flying, 2);
}

static void a_failure_skips_what_needs_it_and_nothing_else(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "a", .node = 0, .needs = NONE, .after = NONE, .fails = {ERR_REMOTE_EXIT}},
        {.id = "b", .node = 1, .needs = {0, -1}, .after = NONE},
        {.id = "c", .node = 2, .needs = {1, -1}, .after = NONE},
        {.id = "d", .node = 3, .needs = NONE, .after = {0, 2, -1}},
        {.id = "e", .node = 4, .needs = NONE, .after = NONE},
    };
    _cleanup_(report_freep) struct report *r = play(a, 5, 8);
    OUTCOME(r, 0, OUTCOME_FAILED);
    assert_int_equal(r->actions[0].error->code, ERR_REMOTE_EXIT);
    assert_string_equal(r->actions[0].error->subject, "10.0.0.1");
    OUTCOME(r, 1, OUTCOME_SKIPPED);
    OUTCOME(r, 2, OUTCOME_SKIPPED);
    assert_int_equal(r->actions[1].because, 0);
    assert_int_equal(r->actions[2].because, 0); /* the cause, not the link in between */
    OUTCOME(r, 3, OUTCOME_DONE);
    OUTCOME(r, 4, OUTCOME_DONE);
    assert_int_equal(a[1].runs + a[2].runs, 0);
    assert_int_equal(a[0].looked, 1); /* what the failure left is read */
    assert_int_equal(scene.begins, 3);
}

static void after_waits_for_the_end(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "a", .node = 0, .needs = NONE, .after = NONE, .takes = 9, .fails = {ERR_REMOTE_EXIT}},
        {.id = "b", .node = 1, .needs = NONE, .after = {0, -1}},
    };
    _cleanup_(report_freep) struct report *r = play(a, 2, 8);
    OUTCOME(r, 1, OUTCOME_DONE);
    assert_true(a[1].started[0] >= 109);
}

static void one_thing_at_a_time_on_a_node(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "a", .node = 1, .kind = KIND_BARE, .needs = NONE, .after = NONE, .takes = 3},
        {.id = "b", .node = 1, .kind = KIND_BARE, .needs = NONE, .after = NONE, .takes = 3},
        {.id = "c", .node = 2, .kind = KIND_BARE, .needs = NONE, .after = NONE, .takes = 3},
    };
    _cleanup_(report_freep) struct report *r = play(a, 3, 8); /* fake_start asserts it */
    OUTCOME(r, 1, OUTCOME_DONE);
    assert_string_equal(scene.log, "run a, run c, run b");
}

static void the_control_plane_is_one_lock(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "a", .node = 1, .kind = KIND_LOCKED, .needs = NONE, .after = NONE, .takes = 3},
        {.id = "b", .node = 2, .kind = KIND_LOCKED, .needs = NONE, .after = NONE, .takes = 3},
        {.id = "c", .node = 3, .needs = NONE, .after = NONE, .takes = 1},
    };
    _cleanup_(report_freep) struct report *r = play(a, 3, 8);
    OUTCOME(r, 1, OUTCOME_DONE);
    assert_true(a[1].started[0] >= r->actions[0].ended + 100 - 1e-9);
    assert_true(a[2].started[0] < 101);
}

static void cleaning_runs_whatever_failed(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "make", .node = 0, .needs = NONE, .after = NONE},
        {.id = "use", .node = 1, .needs = {0, -1}, .after = NONE, .fails = {ERR_REMOTE_EXIT}},
        {.id = "clean", .node = 2, .kind = KIND_ALWAYS, .needs = {0, 1, -1}, .after = NONE},
    };
    _cleanup_(report_freep) struct report *r = play(a, 3, 8);
    OUTCOME(r, 1, OUTCOME_FAILED);
    OUTCOME(r, 2, OUTCOME_DONE);
    assert_true(a[2].started[0] >= r->actions[1].ended + 100 - 1e-9);
}

static void cleaning_runs_after_an_interrupt_if_there_is_something_to_clean(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "make", .node = 0, .needs = NONE, .after = NONE, .takes = 5},
        {.id = "use", .node = 1, .needs = {0, -1}, .after = NONE},
        {.id = "clean", .node = 2, .kind = KIND_ALWAYS, .needs = {0, -1}, .after = {1, -1}},
        {.id = "later", .node = 3, .needs = {1, -1}, .after = NONE},
        {.id = "clean-later", .node = 4, .kind = KIND_ALWAYS, .needs = {3, -1}, .after = NONE},
    };
    scene.signal_at[0] = 102;
    _cleanup_(report_freep) struct report *r = play(a, 5, 8);
    OUTCOME(r, 0, OUTCOME_DONE); /* it was running: it may end, and is proved */
    OUTCOME(r, 1, OUTCOME_CANCELLED);
    OUTCOME(r, 2, OUTCOME_DONE);
    OUTCOME(r, 3, OUTCOME_CANCELLED);
    OUTCOME(r, 4, OUTCOME_CANCELLED);
    assert_true(r->interrupted);
    assert_int_equal(r->signal, SIGINT);
    assert_int_equal(scene.cancels, 0);
}

static void cleaning_is_skipped_where_nothing_was_made(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "first", .node = 0, .needs = NONE, .after = NONE, .fails = {ERR_REMOTE_EXIT}},
        {.id = "make", .node = 1, .needs = {0, -1}, .after = NONE},
        {.id = "clean", .node = 0, .kind = KIND_ALWAYS, .needs = NONE, .after = {1, -1}},
        {.id = "clean-2", .node = 3, .kind = KIND_ALWAYS, .needs = NONE, .after = {1, -1}},
    };
    scene.clean_wanted = 3;
    _cleanup_(report_freep) struct report *r = play(a, 4, 8);
    OUTCOME(r, 2, OUTCOME_SKIPPED);
    assert_int_equal(r->actions[2].because, 0);
    OUTCOME(r, 3, OUTCOME_DONE); /* its facts show something left over from before */
}

static void a_second_interrupt_ends_everything(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "a", .node = 0, .needs = NONE, .after = NONE, .takes = 500},
        {.id = "b", .node = 1, .kind = KIND_SETTLES, .needs = NONE, .after = NONE, .takes = 1, .looks = -1},
        {.id = "clean", .node = 2, .kind = KIND_ALWAYS, .needs = {0, -1}, .after = NONE},
    };
    scene.signal_at[0] = 102;
    scene.signal_at[1] = 103;
    _cleanup_(report_freep) struct report *r = play(a, 3, 8);
    assert_true(all_ended);
    OUTCOME(r, 0, OUTCOME_FAILED);
    assert_int_equal(r->actions[0].error->code, ERR_CANCELLED);
    OUTCOME(r, 1, OUTCOME_FAILED);
    assert_int_equal(r->actions[1].error->code, ERR_CANCELLED);
    OUTCOME(r, 2, OUTCOME_CANCELLED);
    assert_true(scene.now < 104);
    assert_true(scene.cancels >= 1);
}

static void workers_that_never_end_are_given_up(void **state)
{
    (void)state;
    struct act a[] = {{.id = "a", .node = 0, .needs = NONE, .after = NONE}};
    scene.signal_at[0] = 102;
    scene.signal_at[1] = 103;
    scene.stuck = true;
    _cleanup_(report_freep) struct report *r = play(a, 1, 8);
    assert_false(all_ended);
    OUTCOME(r, 0, OUTCOME_FAILED);
    assert_int_equal(r->actions[0].error->code, ERR_CANCELLED);
    assert_true(scene.now >= 113 && scene.now < 114);
}

static void waits_for_the_proof(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "a", .node = 0, .kind = KIND_SETTLES, .needs = NONE, .after = NONE, .takes = 1, .looks = 5}};
    _cleanup_(report_freep) struct report *r = play(a, 1, 8);
    OUTCOME(r, 0, OUTCOME_DONE);
    assert_int_equal(a[0].looked, 6);
    /* 1 s of run, looks of 0.01 s, and between them 0.1, 0.2, 0.4, 0.8, 1 s */
    assert_true(scene.now > 103.55 && scene.now < 103.57);
}

static void unproved_is_a_failure_in_words(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "a", .node = 0, .kind = KIND_SETTLES, .needs = NONE, .after = NONE, .looks = -1},
        {.id = "b", .node = 1, .needs = NONE, .after = NONE, .looks = -1},
    };
    _cleanup_(report_freep) struct report *r = play(a, 2, 8);
    OUTCOME(r, 0, OUTCOME_FAILED);
    assert_int_equal(r->actions[0].error->code, ERR_UNPROVED);
    assert_string_equal(r->actions[0].error->message, "it ran, but 10 s later: the tree is absent");
    assert_true(scene.now >= 110 && scene.now < 110.1); /* the last look is at the deadline */
    OUTCOME(r, 1, OUTCOME_FAILED);
    assert_string_equal(r->actions[1].error->message, "it ran, but: the tree is absent");
    assert_int_equal(a[1].looked, 1);
}

static void a_look_that_fails_proves_nothing(void **state)
{
    (void)state;
    struct act a[] = {{.id = "a", .node = 0, .needs = NONE, .after = NONE, .unseen = true}};
    _cleanup_(report_freep) struct report *r = play(a, 1, 8);
    OUTCOME(r, 0, OUTCOME_FAILED);
    assert_int_equal(r->actions[0].error->code, ERR_UNPROVED);
    assert_non_null(strstr(r->actions[0].error->message, "the line is dead"));
}

static void retries_once_what_may_be(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "a", .node = 0, .kind = KIND_RETRIES, .needs = NONE, .after = NONE, .fails = {ERR_UNREACHABLE}},
        {.id = "b", .node = 1, .kind = KIND_RETRIES, .needs = NONE, .after = NONE, .fails = {ERR_TIMEOUT, ERR_TIMEOUT}},
        {.id = "c", .node = 2, .kind = KIND_RETRIES, .needs = NONE, .after = NONE, .fails = {ERR_REMOTE_EXIT}},
        {.id = "d", .node = 3, .kind = KIND_PLAIN, .needs = NONE, .after = NONE, .fails = {ERR_UNREACHABLE}},
    };
    _cleanup_(report_freep) struct report *r = play(a, 4, 8);
    OUTCOME(r, 0, OUTCOME_DONE);
    assert_int_equal(a[0].runs, 2);
    OUTCOME(r, 1, OUTCOME_FAILED);
    assert_int_equal(a[1].runs, 2);
    OUTCOME(r, 2, OUTCOME_FAILED);
    assert_int_equal(a[2].runs, 1);
    OUTCOME(r, 3, OUTCOME_FAILED);
    assert_int_equal(a[3].runs, 1);
    assert_int_equal(a[3].looked, 0); /* a node that does not answer is not asked again */
    assert_int_equal(scene.begins, 4);
}

static void a_guard_refuses_right_before_the_start(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "a", .node = 0, .kind = KIND_GUARDED, .needs = NONE, .after = NONE},
        {.id = "b", .node = 1, .needs = {0, -1}, .after = NONE},
        {.id = "c", .node = 0, .needs = NONE, .after = {0, -1}},
    };
    scene.guard_says = "2 of 3 members would be left, and one is ill";
    _cleanup_(report_freep) struct report *r = play(a, 3, 8);
    OUTCOME(r, 0, OUTCOME_REFUSED);
    assert_int_equal(r->actions[0].error->code, ERR_REFUSED);
    assert_string_equal(r->actions[0].error->message, scene.guard_says);
    OUTCOME(r, 1, OUTCOME_SKIPPED);
    OUTCOME(r, 2, OUTCOME_DONE); /* its node is free again */
    assert_int_equal(a[0].runs, 0);
}

static void what_hangs_is_cut_off(void **state)
{
    (void)state;
    struct act a[] = {{.id = "a", .node = 0, .needs = NONE, .after = NONE, .takes = 1e6}};
    _cleanup_(report_freep) struct report *r = play(a, 1, 8);
    OUTCOME(r, 0, OUTCOME_FAILED);
    assert_int_equal(r->actions[0].error->code, ERR_TIMEOUT);
    assert_true(scene.now >= 160 && scene.now < 180);
    assert_int_equal(scene.cancels, 1);
}

static void local_kinds_are_proved_by_the_store(void **state)
{
    (void)state;
    struct act a[] = {{.id = "a", .node = -1, .kind = KIND_LOCAL, .needs = NONE, .after = NONE}};
    _cleanup_(report_freep) struct report *r = play(a, 1, 8);
    OUTCOME(r, 0, OUTCOME_DONE);
    assert_int_equal(scene.local_refreshes, 1);
    reset_scene(NULL);
    struct act b[] = {{.id = "b", .node = -1, .kind = KIND_LOCAL, .needs = NONE, .after = NONE, .looks = -1}};
    _cleanup_(report_freep) struct report *r2 = play(b, 1, 8);
    OUTCOME(r2, 0, OUTCOME_FAILED);
    assert_string_equal(r2->actions[0].error->message, "it ran, but: not stored");
}

static void nothing_starts_once_halted(void **state)
{
    (void)state;
    struct act a[] = {{.id = "a", .node = 0, .needs = NONE, .after = NONE}};
    scene.halted = "the lease was lost";
    _cleanup_(report_freep) struct report *r = play(a, 1, 8);
    OUTCOME(r, 0, OUTCOME_CANCELLED);
    assert_false(r->interrupted);
    assert_int_equal(a[0].runs, 0);
}

static void an_empty_plan_ends_at_once(void **state)
{
    (void)state;
    _cleanup_(report_freep) struct report *r = play(NULL, 0, 8);
    assert_true(all_ended);
    assert_int_equal(r->n, 0);
}

#define TEST(f) cmocka_unit_test_setup(f, reset_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_in_order_of_needs),
        TEST(keeps_to_its_concurrency),
        TEST(a_failure_skips_what_needs_it_and_nothing_else),
        TEST(after_waits_for_the_end),
        TEST(one_thing_at_a_time_on_a_node),
        TEST(the_control_plane_is_one_lock),
        TEST(cleaning_runs_whatever_failed),
        TEST(cleaning_runs_after_an_interrupt_if_there_is_something_to_clean),
        TEST(cleaning_is_skipped_where_nothing_was_made),
        TEST(a_second_interrupt_ends_everything),
        TEST(workers_that_never_end_are_given_up),
        TEST(waits_for_the_proof),
        TEST(unproved_is_a_failure_in_words),
        TEST(a_look_that_fails_proves_nothing),
        TEST(retries_once_what_may_be),
        TEST(a_guard_refuses_right_before_the_start),
        TEST(what_hangs_is_cut_off),
        TEST(local_kinds_are_proved_by_the_store),
        TEST(nothing_starts_once_halted),
        TEST(an_empty_plan_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
