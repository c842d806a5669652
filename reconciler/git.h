/* Commits one file to the branch that is checked out, and nothing else that is staged, dirty or untracked
 * there. The library runs no hooks: git_hooks says which ones that leaves out. What it cannot do as git would
 * (sign, run a filter program, write SHA-256 repositories) is refused by git_open, with what to do instead.
 */
#ifndef RECONCILER_GIT_H
#define RECONCILER_GIT_H

#include "model/error.h"

int git_start(struct error **err); /* before the first thread */
void git_stop(void);

struct git;
/* Before the run, and before the file is written: remembers what HEAD and the disk hold of it. A link is
 * followed: the commit belongs to the repository of the file it names. The file need not exist yet, its
 * directory must. ERR_NOT_FOUND: no work tree here; ERR_REFUSED: a commit could not be made. Both with a
 * hint. */
int git_open(const char *file, struct git **ret, struct error **err);
void git_close(struct git *g); /* NULL is fine */
void git_closep(struct git **g);
/* Commits the file as it is on disk now. *ret_id: the commit's id, yours; NULL: nothing differed from HEAD.
 * ERR_CONFLICT: branch, index or file were changed by others since git_open; nothing was committed, the file
 * stays as it is. */
int git_commit_file(struct git *g, const char *message, char **ret_id, struct error **err);
/* "pre-commit, commit-msg", or NULL: hooks that git would have run. Borrowed. */
const char *git_hooks(const struct git *g);
const char *git_on_branch(const struct git *g); /* "main"; borrowed */

#endif
