/* What was begun and what ended, one JSON object per line, synced before the action starts: it survives kill
 * -9 and the loss of power, and the next run can say what was cut off. In $XDG_STATE_HOME/reconcile/CLUSTER/,
 * 0600; beside it the full log of each of the last runs. No secrets: ids, outcomes and errors only. */
#ifndef RECONCILER_JOURNAL_H
#define RECONCILER_JOURNAL_H

#include "reconciler/execute.h"

#include <stdio.h>

struct journal;

struct journal_params {
    const char *cluster;
    const char *clusterfile; /* as given; "-" for stdin: runs of other files of the same cluster's name are
                                not ours */
    const char *dir;         /* NULL: the state directory of XDG */
    const char *run;         /* the run's id; NULL: a new one */
};

/* Opens the journal and begins a run. What an earlier run of the same file left unfinished is read first. */
int journal_open(const struct journal_params *p, size_t actions, struct journal **ret, struct error **err);
/* The run's last record: "done", "failed", "interrupted". */
void journal_end(struct journal *j, const char *how);
/* As journal_end, where how is not NULL, and closes. NULL is fine. */
void journal_close(struct journal *j, const char *how);
struct recorder journal_recorder(struct journal *j);

/* "run 20240131T101500-1a2b was cut off while kubeadm.init/10.0.0.1 ran", or NULL. Borrowed. */
const char *journal_cut_off(const struct journal *j);
const char *journal_run(const struct journal *j); /* the run's id */
FILE *journal_log(const struct journal *j);       /* the full log, for log_file_sink */
const char *journal_log_path(const struct journal *j);

/* $XDG_STATE_HOME/reconcile, else ~/.local/state/reconcile; yours. ERR_NOT_FOUND: no home directory is known.
 */
int journal_state_dir(char **ret, struct error **err);

#endif
