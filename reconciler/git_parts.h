/* What git.c and git_look.c share. */
#ifndef RECONCILER_GIT_PARTS_H
#define RECONCILER_GIT_PARTS_H

#include "reconciler/git.h"

#include <git2.h>

/* What is known of the file's content; zero: it is not there. */
struct git_content {
    git_oid head, disk;
};

struct git {
    git_repository *repository;
    char *path;   /* relative to the work tree */
    char *branch; /* the reference, refs/heads/… */
    struct git_content before;
    char *hooks;
};

struct git_head {
    git_commit *commit; /* NULL: the branch has no commit yet */
    git_tree *tree;
    char *branch;
};

void git_head_free(struct git_head *h); /* for _cleanup_ */
void git_signature_freep(git_signature **s);

int git_head_read(git_repository *repository, struct git_head *ret, struct error **err);
/* The file's content in HEAD and on disk, the latter as git would store it (line ends converted). */
int git_content_read(struct git *g, const struct git_head *h, struct git_content *ret, struct error **err);
int git_check_state(struct git *g, struct error **err); /* no merge or the like is under way */
/* Content that stands neither in HEAD nor on disk was put into the index on purpose: a commit would lose it.
 */
int git_check_index(struct git *g, git_index *index, const struct git_content *now, struct error **err);
/* role: "author" or "committer". */
int git_identity(struct git *g, const char *role, git_signature **ret, struct error **err);
const char *git_short_name(const char *branch);
int git_look(struct git *g, const char *file, struct error **err); /* fills g; all that git_open promises */

#endif
