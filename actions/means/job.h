/* Detached jobs (docs/ON-NODE.md, jobs/KEY/): a change that must not be cut in half. One program on the node
 * starts the job or attaches to it, and follows its log until it has ended; if the connection is cut, the
 * same program is run again on a new one and goes on where it was. The node itself ends a job that passes its
 * deadline. */
#ifndef ACTIONS_MEANS_JOB_H
#define ACTIONS_MEANS_JOB_H

#include "actions/world.h"

/* For world_ops.job of the SSH world. ERR_REMOTE_EXIT: it failed (detail: its last lines); ERR_TIMEOUT: its
 * deadline passed and it was ended; ERR_CONFLICT: a job of that key with another script is still running;
 * ERR_UNREACHABLE: the connection was lost and could not be had again before the deadline: the job may go on.
 */
int job_run(struct world *w, int node, const struct world_job *j, struct error **err);

#endif
