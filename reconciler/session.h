/* One run's standing equipment: the loaded file, the world, the threads; and the look at all nodes. */
#ifndef RECONCILER_SESSION_H
#define RECONCILER_SESSION_H

#include "reconciler/execute_pool.h"
#include "reconciler/load.h"
#include "reconciler/probe.h"

struct session {
    const struct options *options;
    struct style out, err; /* for stdout and stderr */
    struct loaded loaded;
    struct world *world;
    struct pool *pool;
    struct probe_context context;
    struct probe_result seen;
    struct plan *plan;
    double probed_s; /* how long the look took */
};

/* Loads, connects, looks; prints what is wrong. Returns 0, or the exit code to leave with. */
int session_open(const struct options *o, struct session *s);
/* As session_open, and plans. */
int session_plan(const struct options *o, struct session *s);
/* Where the API is silent because a kubeadm of an earlier run still works on some node (the second master's join stops
 * etcd for a while), waits for that and looks again. Returns 0 or an exit code. */
int session_wait_for_jobs(struct session *s);
/* The plan of what was seen. */
int session_make_plan(struct session *s);
/* Looks and plans once more: another run was waited for, and has changed what was seen. */
int session_look_again(struct session *s, struct error **err);
void session_close(struct session *s); /* for _cleanup_ */
/* Prints an error to stderr and says the exit code that it stands for; frees it. */
int session_fail(const struct style *style, struct error **err);
unsigned session_concurrency(const struct session *s);

#endif
