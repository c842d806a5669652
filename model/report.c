#include "model/report.h"

void report_free(struct report *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++)
        error_free(r->actions[i].error);
    free(r->actions);
    free(r);
}

void report_freep(struct report **r)
{
    report_free(*r);
}

const char *outcome_name(enum outcome o)
{
    static const char *const names[] = {"waiting", "running", "done",     "failed",
                                        "skipped", "refused", "cancelled"};
    return names[o];
}

int report_exit_code(const struct plan *p, const struct report *r)
{
    if (r && r->interrupted)
        return 128 + r->signal;
    bool failed = false, left = p->n_left_out > 0, halted = false;
    for (size_t i = 0; r && i < r->n; i++) {
        enum outcome o = r->actions[i].outcome; /* what was skipped counts by what it was skipped for */
        failed |= o == OUTCOME_FAILED;
        left |= o == OUTCOME_REFUSED;
        halted |= o == OUTCOME_CANCELLED; /* without a signal only the loss of the cluster's lease does that */
    }
    return halted ? EXIT_LOCKED : failed ? EXIT_FAILED : left ? EXIT_LEFT_OUT : EXIT_OK;
}
