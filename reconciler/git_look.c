#include "reconciler/git_lock.h"
#include "reconciler/git_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LINKS 5 /* a branch may be a symbolic reference itself; git's own limit */

void git_head_free(struct git_head *h)
{
    git_commit_free(h->commit);
    git_tree_free(h->tree);
    mem_freep(&h->branch);
}

static void reference_freep(git_reference **r)
{
    git_reference_free(*r);
}

static void config_freep(git_config **c)
{
    git_config_free(*c);
}

void git_signature_freep(git_signature **s)
{
    git_signature_free(*s);
}

/* --- where the file is */

/* Links followed; the file itself may be still to come. */
static int real_path(const char *file, char **ret, struct error **err)
{
    *ret = realpath(file, NULL);
    if (*ret)
        return 0;
    if (errno != ENOENT)
        return error_errno(err, errno, "git: %s", file);
    const char *slash = strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;
    _cleanup_(mem_freep) char *dir = slash ? mem_strndup(file, (size_t)(slash - file) + 1) : mem_strdup(".");
    _cleanup_(mem_freep) char *real = realpath(dir, NULL);
    if (!real)
        return error_errno(err, errno, "git: %s", dir);
    *ret = mem_printf("%s/%s", str_eq(real, "/") ? "" : real, name);
    return 0;
}

/* The library opens no repository of another user's, nor one with extensions it does not know. */
static int explain_open(struct error **err, int code, const char *file, const char *dir)
{
    const git_error *e = git_error_last();
    _cleanup_(mem_freep) char *words = mem_strdup(e && e->message ? e->message : "");
    bool other_owner = code == GIT_EOWNER || strstr(words, "safe.directory");
    if (code == GIT_ENOTFOUND && !other_owner) {
        error_set(err, ERR_NOT_FOUND, "git: %s is in no git work tree", file);
        return error_hint(err, "`git init` in its directory, or run without --commit");
    }
    if (!other_owner)
        return git_fail(err, code, "cannot open the repository");
    git_buf found = GIT_BUF_INIT;
    const char *where = git_repository_discover(&found, dir, 0, NULL) == 0 ? found.ptr : dir;
    size_t n = strlen(where);
    n -= str_ends(where, "/.git/") ? strlen("/.git/") : n > 1 && str_ends(where, "/") ? 1 : 0;
    _cleanup_(mem_freep) char *tree = mem_strndup(where, n);
    _cleanup_(text_free) struct text quoted = {0};
    text_add_quoted(&quoted, tree);
    error_set(err, ERR_REFUSED, "git: the repository of %s belongs to another user", file);
    error_hint(err,
               "if you trust it: `git config --global --add safe.directory %s` (\"*\" is not enough here)",
               text_str(&quoted));
    git_buf_dispose(&found);
    return -1;
}

static int find(struct git *g, const char *file, struct error **err)
{
    _cleanup_(mem_freep) char *real = NULL;
    if (real_path(file, &real, err) < 0)
        return -1;
    char *slash = strrchr(real, '/');
    _cleanup_(mem_freep) char *dir = mem_strndup(real, slash == real ? 1 : (size_t)(slash - real));
    int r = git_repository_open_ext(&g->repository, dir, 0, NULL);
    if (r < 0)
        return explain_open(err, r, file, dir);
    const char *work = git_repository_workdir(g->repository);
    _cleanup_(mem_freep) char *root = work ? realpath(work, NULL) : NULL;
    size_t n = root ? strlen(root) : 0;
    if (n == 1)
        n = 0; /* the root directory is the work tree */
    _cleanup_(mem_freep) char *inside =
        root && strncmp(real, root, n) == 0 && real[n] == '/' ? mem_strdup(real + n + 1) : NULL;
    if (!inside || str_starts(inside, ".git/")) {
        error_set(err, ERR_NOT_FOUND, "git: %s is in a repository, but not in its work tree", file);
        return error_hint(err, "move it there, or run without --commit");
    }
    g->path = TAKE(inside);
    return 0;
}

/* --- what the repository says */

/* HEAD, its branch and its tree. */
int git_head_read(git_repository *repository, struct git_head *ret, struct error **err)
{
    _cleanup_(reference_freep) git_reference *ref = NULL;
    int r = git_reference_lookup(&ref, repository, "HEAD");
    if (r == 0 && git_reference_type(ref) == GIT_REFERENCE_DIRECT) {
        error_set(err, ERR_REFUSED, "git: HEAD is detached: a commit would belong to no branch");
        return error_hint(err, "`git switch BRANCH` first, or run without --commit");
    }
    for (int i = 0; i < MAX_LINKS && r == 0 && git_reference_type(ref) == GIT_REFERENCE_SYMBOLIC; i++) {
        mem_freep(&ret->branch);
        ret->branch = mem_strdup(git_reference_symbolic_target(ref));
        reference_freep(&ref);
        ref = NULL;
        r = git_reference_lookup(&ref, repository, ret->branch);
    }
    if (r == GIT_ENOTFOUND && ret->branch)
        return 0;
    if (r == 0 && git_reference_type(ref) == GIT_REFERENCE_SYMBOLIC)
        return error_set(err, ERR_IO, "git: HEAD is a chain of more than %d symbolic references", MAX_LINKS);
    if (r == 0)
        r = git_commit_lookup(&ret->commit, repository, git_reference_target(ref));
    if (r == 0)
        r = git_commit_tree(&ret->tree, ret->commit);
    return r < 0 ? git_fail(err, r, "cannot read HEAD") : 0;
}

const char *git_short_name(const char *branch)
{
    return str_starts(branch, "refs/heads/") ? branch + strlen("refs/heads/") : branch;
}

/* The file's content in HEAD and on disk, the latter as git would store it (line ends converted). */
int git_content_read(struct git *g, const struct git_head *h, struct git_content *ret, struct error **err)
{
    *ret = (struct git_content){0};
    git_tree_entry *entry = NULL;
    int r = h->tree ? git_tree_entry_bypath(&entry, h->tree, g->path) : GIT_ENOTFOUND;
    if (r < 0 && r != GIT_ENOTFOUND)
        return git_fail(err, r, "cannot read HEAD");
    if (r == 0)
        git_oid_cpy(&ret->head, git_tree_entry_id(entry));
    git_tree_entry_free(entry);
    _cleanup_(mem_freep) char *file = mem_printf("%s%s", git_repository_workdir(g->repository), g->path);
    struct stat st;
    if (lstat(file, &st) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "git: %s", g->path);
    if (!S_ISREG(st.st_mode)) {
        error_set(err, ERR_REFUSED, "git: %s is not a regular file", g->path);
        return error_hint(err, "name the Clusterfile itself, or run without --commit");
    }
    r = git_repository_hashfile(&ret->disk, g->repository, file, GIT_OBJECT_BLOB, g->path);
    return r < 0 ? git_fail(err, r, g->path) : 0;
}

int git_check_state(struct git *g, struct error **err)
{
    if (git_repository_state(g->repository) == GIT_REPOSITORY_STATE_NONE)
        return 0;
    error_set(err, ERR_REFUSED, "git: a merge, rebase, bisection or the like is under way");
    return error_hint(err, "finish it first, or run without --commit");
}

/* Filter programs (git-crypt, LFS) are not run by the library: what they hide or replace would be committed
 * plain. */
static int check_attributes(struct git *g, struct error **err)
{
    static const char *const names[] = {"filter", "working-tree-encoding"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = NULL;
        int r = git_attr_get(&value, g->repository, GIT_ATTR_CHECK_FILE_THEN_INDEX, g->path, names[i]);
        if (r < 0)
            return git_fail(err, r, "cannot read the attributes");
        if (git_attr_value(value) != GIT_ATTR_VALUE_STRING)
            continue;
        error_set(err, ERR_REFUSED, "git: %s has the attribute %s=%s, which is not honoured here", g->path,
                  names[i], value);
        return error_hint(err, GIT_ANOTHER_WAY);
    }
    return 0;
}

static int check_signing(struct git *g, struct error **err)
{
    _cleanup_(config_freep) git_config *config = NULL;
    int sign = 0;
    int r = git_repository_config_snapshot(&config, g->repository);
    if (r == 0)
        r = git_config_get_bool(&sign, config, "commit.gpgsign");
    if (r < 0 && r != GIT_ENOTFOUND)
        return git_fail(err, r, "cannot read the configuration");
    if (!sign)
        return 0;
    error_set(err, ERR_REFUSED, "git: commit.gpgsign asks for signed commits, which are not made here");
    return error_hint(err, GIT_ANOTHER_WAY);
}

/* --- who commits */

/* As git: the environment, author.* or committer.*, user.*. Never made up. */
static char *identity_part(const git_config *config, const char *role, const char *part)
{
    char name[64];
    snprintf(name, sizeof name, "GIT_%s_%s", str_eq(role, "author") ? "AUTHOR" : "COMMITTER",
             str_eq(part, "name") ? "NAME" : "EMAIL");
    const char *value = getenv(name);
    if (value && *value)
        return mem_strdup(value);
    const char *const sections[] = {role, "user"};
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        snprintf(name, sizeof name, "%s.%s", sections[i], part);
        if (git_config_get_string(&value, config, name) == 0 && value && *value)
            return mem_strdup(value);
    }
    value = str_eq(part, "email") ? getenv("EMAIL") : NULL;
    return value && *value ? mem_strdup(value) : NULL;
}

int git_identity(struct git *g, const char *role, git_signature **ret, struct error **err)
{
    _cleanup_(config_freep) git_config *config = NULL;
    int r = git_repository_config_snapshot(&config, g->repository);
    if (r < 0)
        return git_fail(err, r, "cannot read the configuration");
    _cleanup_(mem_freep) char *name = identity_part(config, role, "name");
    _cleanup_(mem_freep) char *email = identity_part(config, role, "email");
    if (!name || !email) {
        error_set(err, ERR_REFUSED, "git: no %s is configured to commit as",
                  name ? "user.email" : "user.name");
        return error_hint(err,
                          "`git config user.name \"Your Name\"` and `git config user.email you@example.org`");
    }
    r = git_signature_now(ret, name, email);
    return r < 0 ? git_fail(err, r, "cannot commit as the configured user") : 0;
}

/* --- what else stands in the index */

static bool is_known(const struct git_content *before, const struct git_content *now, const git_oid *id)
{
    return git_oid_equal(id, &before->head) || git_oid_equal(id, &before->disk) ||
           git_oid_equal(id, &now->head) || git_oid_equal(id, &now->disk);
}

/* Content that stands neither in HEAD nor on disk was put into the index on purpose: a commit would lose it.
 */
int git_check_index(struct git *g, git_index *index, const struct git_content *now, struct error **err)
{
    const git_index_entry *a = NULL, *b = NULL, *c = NULL;
    if (git_index_conflict_get(&a, &b, &c, index, g->path) == 0) {
        error_set(err, ERR_REFUSED, "git: %s has an unresolved merge conflict", g->path);
        return error_hint(err, "resolve it and `git add` the file, or run without --commit");
    }
    const git_index_entry *e = git_index_get_bypath(index, g->path, 0);
    if (e && ((e->flags & GIT_INDEX_ENTRY_VALID) || (e->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE))) {
        error_set(err, ERR_REFUSED, "git: %s is marked assume-unchanged or skip-worktree", g->path);
        return error_hint(err,
                          "`git update-index --no-assume-unchanged --no-skip-worktree` on it, or run without "
                          "--commit");
    }
    git_oid none = {0};
    bool in_index = e && !(e->flags_extended & GIT_INDEX_ENTRY_INTENT_TO_ADD);
    if (!is_known(&g->before, now, in_index ? &e->id : &none)) {
        error_set(err, ERR_REFUSED, "git: %s is staged with other content than on disk", g->path);
        return error_hint(err,
                          "commit or unstage it (`git restore --staged`) first, or run without --commit");
    }
    int ignored = 0;
    if (e || !git_oid_is_zero(&now->head))
        return 0;
    int r = git_ignore_path_is_ignored(&ignored, g->repository, g->path);
    if (r < 0)
        return git_fail(err, r, "cannot read the ignore rules");
    if (!ignored)
        return 0;
    error_set(err, ERR_REFUSED, "git: %s is ignored by the repository", g->path);
    return error_hint(err, "`git add --force` it once, or run without --commit");
}

/* --- hooks */

static void find_hooks(struct git *g)
{
    static const char *const names[] = {"pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"};
    _cleanup_(config_freep) git_config *config = NULL;
    git_buf path = GIT_BUF_INIT;
    _cleanup_(mem_freep) char *dir = NULL;
    if (git_repository_config_snapshot(&config, g->repository) == 0 &&
        git_config_get_path(&path, config, "core.hooksPath") ==
            0) /* relative: to the work tree, where hooks run */
        dir = mem_printf("%s%s", *path.ptr == '/' ? "" : git_repository_workdir(g->repository), path.ptr);
    else
        dir = mem_printf("%s/hooks", git_repository_commondir(g->repository));
    git_buf_dispose(&path);
    _cleanup_(text_free) struct text found = {0};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        _cleanup_(mem_freep) char *hook = mem_printf("%s/%s", dir, names[i]);
        if (access(hook, X_OK) == 0)
            text_addf(&found, "%s%s", found.len ? ", " : "", names[i]);
    }
    if (found.len)
        g->hooks = text_take(&found);
}

/* --- all of it */

int git_look(struct git *g, const char *file, struct error **err)
{
    _cleanup_(git_head_free) struct git_head head = {0};
    if (find(g, file, err) < 0 || git_check_state(g, err) < 0 ||
        git_head_read(g->repository, &head, err) < 0 || check_attributes(g, err) < 0 ||
        check_signing(g, err) < 0 || git_content_read(g, &head, &g->before, err) < 0)
        return -1;
    _cleanup_(git_signature_freep) git_signature *author = NULL, *committer = NULL;
    if (git_identity(g, "author", &author, err) < 0 || git_identity(g, "committer", &committer, err) < 0)
        return -1;
    git_index *index = NULL;
    int r = git_repository_index(&index, g->repository);
    r = r < 0 ? git_fail(err, r, "cannot read the index") : git_check_index(g, index, &g->before, err);
    git_index_free(index);
    if (r < 0)
        return -1;
    g->branch = TAKE(head.branch);
    find_hooks(g);
    return 0;
}
