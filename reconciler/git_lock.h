/* The index, held as git itself holds it: index.lock stands while it is read, changed and the branch is
 * moved, so that no other git loses what it staged meanwhile, and the index never says less than the branch.
 */
#ifndef RECONCILER_GIT_LOCK_H
#define RECONCILER_GIT_LOCK_H

#include "model/error.h"

#include <git2.h>

#define GIT_ANOTHER_WAY "run without --commit and commit the file by git itself"

/* One place makes errors of the library's; its message may be NULL. ERR_REFUSED: the repository uses what the
 * library does not know. */
int git_fail(struct error **err, int code, const char *what);

struct git_lock {
    git_repository *repository; /* borrowed; sees the held index as its own */
    git_index *index;
    char *path, *lock, *work; /* the index, its lock, and the copy that the library writes */
};

/* Waits a moment for another git; ERR_CONFLICT if it stays. Release in every case. */
int git_lock_take(git_repository *repository, struct git_lock *ret, struct error **err);
int git_lock_write(struct git_lock *l, struct error **err);  /* what is in memory, into the lock */
int git_lock_commit(struct git_lock *l, struct error **err); /* the lock becomes the index */
void git_lock_release(struct git_lock *l);                   /* for _cleanup_; the index stays what it is */

#endif
