/* The scheduler: retries, interrupts, what hangs, what cleans up. */
#include "tests/reconciler/scene.h"

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

static void retries_once_what_may_be(void **state)
{
    (void)state;
    struct act a[] = {
        {.id = "a",
         .node = 0,
         .kind = KIND_RETRIES,
         .needs = NONE,
         .after = NONE,
         .fails = {ERR_UNREACHABLE}},
        {.id = "b",
         .node = 1,
         .kind = KIND_RETRIES,
         .needs = NONE,
         .after = NONE,
         .fails = {ERR_TIMEOUT, ERR_TIMEOUT}},
        {.id = "c",
         .node = 2,
         .kind = KIND_RETRIES,
         .needs = NONE,
         .after = NONE,
         .fails = {ERR_REMOTE_EXIT}},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cleaning_runs_whatever_failed),
        TEST(cleaning_runs_after_an_interrupt_if_there_is_something_to_clean),
        TEST(cleaning_is_skipped_where_nothing_was_made),
        TEST(a_second_interrupt_ends_everything),
        TEST(workers_that_never_end_are_given_up),
        TEST(retries_once_what_may_be),
        TEST(what_hangs_is_cut_off),
        TEST(nothing_starts_once_halted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
