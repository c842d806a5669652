/* Shared by the files of the scheduler: nobody else includes it. */
#ifndef RECONCILER_EXECUTE_INTERNAL_H
#define RECONCILER_EXECUTE_INTERNAL_H

#include "reconciler/execute.h"

enum phase {
    PHASE_WAITING,  /* for what it needs */
    PHASE_READY,    /* for its node, a lock, a free worker */
    PHASE_CHECKING, /* the cluster's facts are read again, for its guard */
    PHASE_RUNNING,
    PHASE_OBSERVING, /* its facts are read again */
    PHASE_SETTLING,  /* they do not say so yet: waits for the next look */
    PHASE_AFTERMATH, /* it failed; what it left is read */
    PHASE_ENDED,
};

struct scheduler;
struct slot;

/* A task and all that a worker touches: allocated singly, so that one that never ends can be left behind. */
struct job {
    struct task task;
    struct scheduler *s;
    unsigned sections;
    struct run_context context;
    const struct kind_run *run;
    struct arena *arena; /* of the inputs */
    void *seen;
    struct error *error;
};

struct slot {
    enum phase phase;
    size_t pending; /* edges whose other end has not ended */
    int node;       /* where it runs, once started; -1: nowhere */
    enum lock lock; /* held */
    bool begun;     /* something of it was done */
    bool checked;   /* its guard's facts are fresh */
    bool retried;
    bool killed;      /* its run was cancelled: it took too long */
    double kill_at;   /* while running; 0: never */
    double settle_at; /* when the proof must stand */
    double look_at, back_off;
    struct job *job;     /* in flight, or NULL */
    struct error *error; /* why it failed, while its aftermath is read */
};

struct scheduler {
    const struct execution *x;
    const struct plan *plan;
    struct report *report;
    struct slot *slots;
    size_t n, n_ended, in_flight;
    int *dependents; /* action i: dependents[dependents_of[i]] … before dependents_of[i + 1] */
    size_t *dependents_of;
    int *settled; /* queue: all they wait for has ended; each action stands in it once */
    size_t settled_head, settled_tail;
    int *ready; /* heap: smallest index first */
    size_t n_ready;
    int *active; /* started and not ended, in no order */
    size_t n_active;
    int *node_holder;  /* per host: the action that has its session; -1: none */
    int lock_holder;   /* LOCK_CONTROL_PLANE; -1: free */
    struct view *view; /* settled; NULL: facts changed since */
    double start;
    double give_up_at; /* 0: not cancelled */
    bool stopping;     /* start nothing new but what cleans up */
    bool cancelled;    /* end everything now */
};

static inline const struct kind_rules *slot_rules(const struct scheduler *s, int action)
{
    return s->x->kinds[s->plan->actions[action].kind].rules;
}

/* execute.c */
const struct view *scheduler_view(struct scheduler *s);
double scheduler_now(const struct scheduler *s); /* seconds since the run began */
void scheduler_submit(struct scheduler *s, struct job *j);
void scheduler_emit(struct scheduler *s, enum event_kind kind, int action, const char *text,
                    const struct error *error);
void scheduler_end(struct scheduler *s, int action, enum outcome outcome, struct error *error, int because);

/* execute_action.c: the life of one action */
enum start { START_TAKEN, START_BUSY }; /* busy: its node or lock is another's */
enum start action_start(struct scheduler *s, int action);
bool action_proved(struct scheduler *s, int action, struct text *why_not); /* by the facts as they are */
void action_task_ended(struct scheduler *s, struct job *j);
void action_timer(struct scheduler *s, int action);
double action_deadline(const struct scheduler *s, int action); /* when action_timer is due; 0: never */
void action_cancel(struct scheduler *s,
                   int action); /* connections are closed already: what only waits ends now */
void job_free(struct scheduler *s, struct job *j);

#endif
