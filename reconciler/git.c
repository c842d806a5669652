#include "reconciler/git.h"
#include "reconciler/git_lock.h"
#include "reconciler/git_parts.h"

#include <string.h>

#define COMMIT_TRIES 2 /* the branch may move between our read and our write: once more, from its new end */

static void reference_freep(git_reference **r)
{
    git_reference_free(*r);
}

int git_start(struct error **err)
{
    int r = git_libgit2_init();
    if (r < 0)
        return git_fail(err, r, "cannot start");
    git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1); /* as git does by default */
    return 0;
}

void git_stop(void)
{
    git_libgit2_shutdown();
}

const char *git_hooks(const struct git *g)
{
    return g->hooks;
}

const char *git_on_branch(const struct git *g)
{
    return git_short_name(g->branch);
}

int git_open(const char *file, struct git **ret, struct error **err)
{
    _cleanup_(git_closep) struct git *g = mem_alloc(sizeof *g);
    if (git_look(g, file, err) < 0)
        return -1;
    *ret = TAKE(g);
    return 0;
}

void git_close(struct git *g)
{
    if (!g)
        return;
    git_repository_free(g->repository);
    mem_freep(&g->path);
    mem_freep(&g->branch);
    mem_freep(&g->hooks);
    free(g);
}

void git_closep(struct git **g)
{
    git_close(*g);
}

/* --- the commit */

/* HEAD's tree with the file's entry, as the held index has it now. */
static int make_tree(struct git *g, const struct git_head *h, const git_index_entry *e, git_oid *ret,
                     struct error **err)
{
    git_tree_update update = {
        .action = GIT_TREE_UPDATE_UPSERT, .id = e->id, .filemode = (git_filemode_t)e->mode, .path = g->path};
    int r = git_tree_create_updated(ret, g->repository, h->tree, 1, &update);
    return r < 0 ? git_fail(err, r, "cannot write the tree") : 0;
}

static int make_commit(struct git *g, const struct git_head *h, const git_oid *tree_id, const char *message,
                       git_oid *ret, struct error **err)
{
    _cleanup_(git_signature_freep) git_signature *author = NULL, *committer = NULL;
    if (git_identity(g, "author", &author, err) < 0 || git_identity(g, "committer", &committer, err) < 0)
        return -1;
    git_tree *tree = NULL;
    git_buf tidy = GIT_BUF_INIT, buffer = GIT_BUF_INIT;
    const git_commit *parents[] = {h->commit};
    int r = git_tree_lookup(&tree, g->repository, tree_id);
    if (r == 0)
        r = git_message_prettify(&tidy, message, 0, '#');
    if (r == 0)
        r = git_commit_create_buffer(&buffer, g->repository, author, committer, NULL, tidy.ptr, tree,
                                     h->commit ? 1 : 0, parents);
    if (r == 0)
        r = git_commit_create_with_signature(ret, g->repository, buffer.ptr, NULL, NULL);
    if (r < 0)
        git_fail(err, r, "cannot write the commit");
    git_tree_free(tree);
    git_buf_dispose(&tidy);
    git_buf_dispose(&buffer);
    return r < 0 ? -1 : 0;
}

/* Compare and swap: the branch still ends where we read it. *moved: it does not. */
static int move_branch(struct git *g, const struct git_head *h, const git_oid *id, const char *message,
                       bool *moved, struct error **err)
{
    _cleanup_(mem_freep) char *log =
        mem_printf("commit%s: %.*s", h->commit ? "" : " (initial)", (int)strcspn(message, "\n"), message);
    _cleanup_(reference_freep) git_reference *ref = NULL;
    int r = h->commit ? git_reference_create_matching(&ref, g->repository, h->branch, id, 1,
                                                      git_commit_id(h->commit), log)
                      : git_reference_create(&ref, g->repository, h->branch, id, 0, log);
    *moved = r == GIT_EMODIFIED || r == GIT_EEXISTS;
    if (r == 0)
        return 0;
    if (!*moved)
        return git_fail(err, r, "cannot move the branch");
    error_set(err, ERR_CONFLICT, "git: the branch %s keeps moving", git_short_name(h->branch));
    return error_hint(err, "commit the file yourself");
}

/* What HEAD says now must be what it said, or what was on disk: else others committed the file meanwhile. */
static int check_still(struct git *g, const struct git_head *h, const struct git_content *now,
                       struct error **err)
{
    if (!str_eq(h->branch, g->branch))
        error_set(err, ERR_CONFLICT, "git: the branch %s was checked out during the run, in place of %s",
                  git_short_name(h->branch), git_short_name(g->branch));
    else if (!git_oid_equal(&now->head, &g->before.head) && !git_oid_equal(&now->head, &g->before.disk) &&
             !git_oid_equal(&now->head, &now->disk))
        error_set(err, ERR_CONFLICT, "git: %s was changed on the branch %s during the run", g->path,
                  git_short_name(h->branch));
    else if (git_oid_is_zero(&now->disk))
        return error_set(err, ERR_NOT_FOUND, "git: %s is gone", g->path);
    else
        return 0;
    return error_hint(err, "look at `git diff`, then commit the file yourself");
}

static int try_commit(struct git *g, const char *message, git_oid *ret, bool *moved, struct error **err)
{
    _cleanup_(git_lock_release) struct git_lock lock = {0};
    _cleanup_(git_head_free) struct git_head head = {0};
    struct git_content now;
    *ret = (git_oid){0};
    if (git_check_state(g, err) < 0 || git_head_read(g->repository, &head, err) < 0 ||
        git_content_read(g, &head, &now, err) < 0 || check_still(g, &head, &now, err) < 0)
        return -1;
    if (git_oid_equal(&now.head, &now.disk))
        return 0;
    if (git_lock_take(g->repository, &lock, err) < 0 || git_check_index(g, lock.index, &now, err) < 0)
        return -1;
    int r = git_index_add_bypath(lock.index, g->path); /* ignore rules do not count; check_index asked them */
    if (r < 0)
        return git_fail(err, r, "cannot add the file");
    const git_index_entry *e = git_index_get_bypath(lock.index, g->path, 0);
    if (!e || !git_oid_equal(&e->id, &now.disk)) {
        error_set(err, ERR_CONFLICT, "git: %s changes while it is being committed", g->path);
        return error_hint(err, "look at `git diff`, then commit the file yourself");
    }
    git_oid tree, commit;
    if (make_tree(g, &head, e, &tree, err) < 0 || make_commit(g, &head, &tree, message, &commit, err) < 0 ||
        git_lock_write(&lock, err) < 0 || move_branch(g, &head, &commit, message, moved, err) < 0)
        return -1;
    git_oid_cpy(ret, &commit);
    return git_lock_commit(&lock, err);
}

int git_commit_file(struct git *g, const char *message, char **ret_id, struct error **err)
{
    _cleanup_(error_freep) struct error *e = NULL;
    git_oid id;
    bool moved = true;
    int r = -1;
    for (int i = 0; i < COMMIT_TRIES && r < 0 && moved; i++) {
        moved = false;
        r = try_commit(g, message, &id, &moved, &e);
    }
    if (r == 0)
        *ret_id = git_oid_is_zero(&id) ? NULL : mem_strdup(git_oid_tostr_s(&id));
    else if (err) {
        error_free(*err);
        *err = TAKE(e);
    }
    return r;
}
