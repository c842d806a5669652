/* What became of each action of a plan. */
#ifndef MODEL_REPORT_H
#define MODEL_REPORT_H

#include "model/error.h"
#include "model/plan.h"

enum outcome {
    OUTCOME_WAITING,
    OUTCOME_RUNNING,
    OUTCOME_DONE,
    OUTCOME_FAILED,
    OUTCOME_SKIPPED,   /* because of another (because) */
    OUTCOME_REFUSED,   /* its guard said no when it was about to start */
    OUTCOME_CANCELLED, /* the run was interrupted before it started */
};

struct action_report {
    enum outcome outcome;
    int because;          /* SKIPPED: index of the action that failed; else -1 */
    struct error *error;  /* FAILED, REFUSED; owned */
    double started, ended;/* seconds since the run began */
};

struct report {
    struct action_report *actions; /* as many as the plan has */
    size_t n;
    bool interrupted;
    int signal;
};

void report_free(struct report *r);
void report_freep(struct report **r);
const char *outcome_name(enum outcome o);

/* Exit codes (DESIGN): the first that applies of 130/143, 3, 5, 1, 4, 2, 0. */
enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_PENDING = 2, EXIT_INVALID = 3, EXIT_LEFT_OUT = 4, EXIT_LOCKED = 5 };
int report_exit_code(const struct plan *p, const struct report *r);

#endif
