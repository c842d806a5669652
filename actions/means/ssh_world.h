/* The world in life: every node behind one SSH connection, opened when it is first needed and kept. Calls for
 * one node take turns; calls for different nodes run at once. */
#ifndef ACTIONS_MEANS_SSH_WORLD_H
#define ACTIONS_MEANS_SSH_WORLD_H

#include "actions/means/transport.h"
#include "actions/world.h"
#include "model/want.h"

struct world_ssh_params {
    const struct want *want; /* borrowed: cluster's name, and what probe_script needs */
    const struct transport_target
        *targets; /* borrowed; index = node. cancel_fd is ignored: the world has its own */
    size_t n;
};

/* Call it before the first thread is started. ERR_INTERNAL if libssh2 cannot be initialised. */
int world_ssh_new(const struct world_ssh_params *p, struct world **ret, struct error **err);
/* Closes all connections. No call may be running. NULL is fine. */
void world_ssh_free(struct world *w);
void world_ssh_freep(struct world **w);
/* Closes the connection of one node (above 200 nodes: after the probe); the next call opens it again. Waits
 * for a running call. */
void world_ssh_close(struct world *w, int node);
/* From any thread: every running and later call ends with ERR_CANCELLED. Detached jobs go on. */
void world_ssh_cancel_all(struct world *w);
/* The same for the call that runs on this node now; later ones are not touched. */
void world_ssh_cancel(struct world *w, int node);

struct world_ssh_counters {
    unsigned long connections; /* opened, log-in included */
    unsigned long execs;       /* programs sent */
};
/* Of one node, or of all with node -1. */
struct world_ssh_counters world_ssh_counters(struct world *w, int node);

/* For sync.c and job.c, which are world's calls themselves: as world_sh, with what world_script lacks. Takes
 * the node's turn. If `again`, a call that was cut is made once more on a new connection, because it may be
 * repeated. */
int world_ssh_exec(struct world *w, int node, const struct transport_exec *x, bool again,
                   struct transport_result *ret, struct error **err);
const char *world_ssh_cluster(const struct world *w);
const char *world_ssh_name(const struct world *w, int node); /* for messages */
int world_ssh_cancel_fd(const struct world *w);

#endif
