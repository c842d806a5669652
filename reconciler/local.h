/* The control machine: files, directories, identity of processes. */
#ifndef RECONCILER_LOCAL_H
#define RECONCILER_LOCAL_H

#include "model/error.h"

#include <sys/types.h>

/* $NAME/reconcile, else ~/under_home/reconcile; yours. */
int local_xdg_dir(const char *name, const char *under_home, char **ret, struct error **err);
int local_home(char **ret, struct error **err); /* $HOME, else the user database's */
/* "~/x" is under the home directory; anything else stays. Yours. */
int local_expand(const char *path, char **ret, struct error **err);
/* With its parents; one that is there keeps its mode. */
int local_make_dir(const char *path, mode_t mode, struct error **err);
/* Adds a file's bytes to out, at most out->max (ERR_INVALID beyond). "-" is stdin. */
int local_read(const char *path, struct text *out, struct error **err);
/* Temporary file in the same directory, synced, renamed, directory synced. like: a stat whose mode and owner
 * it takes, or NULL: mode 0644. */
struct stat;
int local_write(const char *path, const void *data, size_t len, const struct stat *like, struct error **err);

void local_time(struct text *out); /* now, UTC: 2024-01-31T10:15:00Z */
char *local_run_id(void);          /* sorts by time: 20240131T101500-1a2b3c; yours */
char *
local_boot(void); /* where process numbers mean the same: the kernel's boot id and the PID namespace; yours */
char *local_process(void); /* this process, not mistaken for a later one of the same number; yours */
bool local_process_lives(const char *process); /* one named by local_process, on the same local_boot */

#endif
