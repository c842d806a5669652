/* Runs a plan: actions in parallel, in an order that keeps both kinds of edge, each one verified by reading
 * its facts again. The scheduler is one thread and knows neither threads nor time: a runner does tasks and
 * tells the time, so that tests drive every schedule with scripted outcomes and a virtual clock (as ninja's
 * CommandRunner does). */
#ifndef RECONCILER_EXECUTE_H
#define RECONCILER_EXECUTE_H

#include "actions/kind.h"
#include "model/report.h"
#include "reconciler/events.h"

/* One blocking thing to do on a worker thread. */
struct task {
    void (*work)(struct task *t); /* the runner calls it once, on any thread */
    int action;                   /* index in the plan */
    int node;                     /* or -1: on the control machine */
    bool observes;                /* reads facts; else it is the action itself */
};

struct runner {
    double (*now)(void *ctx); /* seconds, never going back */
    void (*start)(void *ctx, struct task *t);
    /* Blocks until a task's work ended, a signal came, or now() reached the deadline. Returns the ended task,
     * or NULL; *ret_signal is the signal's number, or 0. */
    struct task *(*wait)(void *ctx, double deadline, int *ret_signal);
    void *ctx;
};

/* Reads facts again after an action. */
struct prober {
    /* On a worker: asks the node for these sections; what it said goes to *ret. */
    int (*observe)(void *ctx, int node, unsigned sections, void **ret, struct error **err);
    /* On the main thread: what was said becomes facts. Frees seen. */
    int (*merge)(void *ctx, struct have *h, int node, unsigned sections, void *seen, struct error **err);
    void (*drop)(void *ctx, void *seen); /* frees what will not be merged */
    /* On the main thread: have->stored and have->rendered from the local store. */
    void (*refresh_local)(void *ctx, struct have *h);
    /* From the main thread: the node's running calls end soon, with an error; -1: those of all nodes, and
     * local ones. */
    void (*cancel)(void *ctx, int node);
    void *ctx;
};

/* Told before anything of an action is done and after its end; -1 from begin: it must not be started. */
struct recorder {
    int (*begin)(void *ctx, const char *id, struct error **err);
    void (*end)(void *ctx, const char *id, enum outcome outcome, const struct error *error);
    void *ctx;
};

struct execution {
    const struct want *want;
    struct have *have; /* touched on the calling thread only */
    const struct plan *plan;
    const struct kind *kinds; /* the catalogue, or a test's */
    struct world *world;
    struct store *store;
    struct vault *vault;
    struct prober prober;
    struct runner runner;
    struct recorder recorder; /* functions may be NULL */
    struct events *events;    /* or NULL */
    unsigned concurrency;     /* tasks at once; 0 counts as 1 */
    /* Asked before each start: NULL, or why nothing may be started any more (the lease was lost). May be
     * NULL. */
    const char *(*halted)(void *ctx);
    void *halted_ctx;
};

/* Returns when every action has ended. False: it gave up on workers that did not end although cancelled; they
 * still hold what they were given, so the caller must leave the process without freeing it. */
bool execute(const struct execution *x, struct report **ret);

#endif
