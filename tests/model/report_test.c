/* What a run's exit code says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/report.h"

#include <signal.h>

enum {
    D = OUTCOME_DONE,
    F = OUTCOME_FAILED,
    S = OUTCOME_SKIPPED,
    R = OUTCOME_REFUSED,
    C = OUTCOME_CANCELLED
};

static int code(int first, int second, size_t left_out, int signal)
{
    struct action_report actions[] = {{.outcome = (enum outcome)first, .because = -1},
                                      {.outcome = (enum outcome)second, .because = second == S ? 0 : -1}};
    struct report r = {.actions = actions, .n = 2, .interrupted = signal != 0, .signal = signal};
    struct plan p = {.n_left_out = left_out};
    return report_exit_code(&p, &r);
}

static void the_first_that_applies(void **state)
{
    (void)state;
    assert_int_equal(code(D, D, 0, 0), 0);
    assert_int_equal(code(D, D, 1, 0), 4);
    assert_int_equal(code(D, R, 0, 0), 4);
    assert_int_equal(code(R, S, 0, 0), 4); /* skipped because of a refusal */
    assert_int_equal(code(D, F, 1, 0), 1);
    assert_int_equal(code(F, S, 0, 0), 1);
    assert_int_equal(code(R, F, 0, 0), 1);
    assert_int_equal(code(F, C, 0, 0), 5); /* nobody interrupted it: the lease was lost */
    assert_int_equal(code(D, C, 0, SIGINT), 130);
    assert_int_equal(code(F, C, 1, SIGTERM), 143);
}

static void without_a_report_the_plan_speaks(void **state)
{
    (void)state;
    struct plan p = {0};
    assert_int_equal(report_exit_code(&p, NULL), 0);
    p.n_left_out = 1;
    assert_int_equal(report_exit_code(&p, NULL), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_that_applies),
                                       cmocka_unit_test(without_a_report_the_plan_speaks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
