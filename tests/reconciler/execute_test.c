/* The scheduler: order, locks, proofs, guards. */
#include "tests/reconciler/scene.h"

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

static void an_empty_plan_ends_at_once(void **state)
{
    (void)state;
    _cleanup_(report_freep) struct report *r = play(NULL, 0, 8);
    assert_true(all_ended);
    assert_int_equal(r->n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_in_order_of_needs),
        TEST(keeps_to_its_concurrency),
        TEST(a_failure_skips_what_needs_it_and_nothing_else),
        TEST(after_waits_for_the_end),
        TEST(one_thing_at_a_time_on_a_node),
        TEST(the_control_plane_is_one_lock),
        TEST(waits_for_the_proof),
        TEST(unproved_is_a_failure_in_words),
        TEST(a_look_that_fails_proves_nothing),
        TEST(a_guard_refuses_right_before_the_start),
        TEST(local_kinds_are_proved_by_the_store),
        TEST(an_empty_plan_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
