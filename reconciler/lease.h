/* One run per cluster: a lease on the masters' disks (actions/onnode/lease.sh), taken before anything is executed,
 * renewed by a thread per master, released at the end. What a killed run leaves expires by itself, and is taken over at
 * once where its process ran on this machine and is gone. */
#ifndef RECONCILER_LEASE_H
#define RECONCILER_LEASE_H

#include "actions/world.h"
#include "model/have.h"
#include "model/plan.h"
#include "model/want.h"

struct lease;

struct lease_params {
    struct world *world; /* one of the lease's own: calls of a node take turns, and a job may hold the other for minutes */
    void (*cancel)(struct world *w); /* every running and later call ends soon; may be NULL */
    const struct want *want;
    const int *nodes; /* the masters, see lease_masters; not kept, nor is run */
    size_t n;
    const char *run;   /* this run's id */
    unsigned wait_s;   /* for another run to end; 0: not at all */
    unsigned ttl_s;    /* 0: 60 */
    unsigned renew_ms; /* 0: 15,000 */
    void (*say)(void *ctx, const char *words); /* what is awaited, what was taken over; one line each; may be NULL */
    void *ctx;
};

/* The masters that are to hold it: reached, and of this cluster already or with something to do in the plan, so that a
 * machine that is none of ours stays untouched. *ret has room for all hosts. Returns how many. */
size_t lease_masters(const struct want *w, const struct have *h, const struct plan *p, int *ret);

/* Takes the lease on all nodes; on failure on none. A node that fails (a full disk, a connection just lost) is said and
 * done without as long as half of them hold the lease. *ret_waited: another run was waited for, so what is known of the nodes is
 * old. ERR_LOCKED: another run holds it; ERR_CANCELLED: a signal came while waiting. Without nodes *ret is NULL. */
int lease_take(const struct lease_params *p, struct lease **ret, bool *ret_waited, struct error **err);
/* For execution.halted: NULL, or why nothing may be started any more. ctx: the lease. Borrowed. */
const char *lease_halted(void *ctx);
/* Ends renewing, releases where that can be done in a few seconds, frees. NULL is fine. */
void lease_release(struct lease *l);

#endif
