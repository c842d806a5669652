/* Commits one file, and nothing else that is staged, dirty or untracked, to the branch that is checked out. The library
 * runs no hooks; `git_hooks` says which ones that leaves out. */
#ifndef RECONCILER_GIT_H
#define RECONCILER_GIT_H

#include "model/error.h"

int git_start(struct error **err); /* before the first thread */
void git_stop(void);

struct git;
/* Before the run: the file is in a work tree, on a branch, and nothing else of it is staged. ERR_REFUSED, ERR_NOT_FOUND
 * with a hint where a commit could not be made. */
int git_open(const char *file, struct git **ret, struct error **err);
void git_close(struct git *g);
void git_closep(struct git **g);
/* Commits the file as it is on disk now. *ret_id: the commit's id, yours; NULL: nothing differed from HEAD. */
int git_commit_file(struct git *g, const char *message, char **ret_id, struct error **err);
/* "pre-commit, commit-msg", or NULL: hooks that git would have run. Borrowed. */
const char *git_hooks(struct git *g);

#endif
