/* Where no commit could be made, git_open says so before the run, and what to do. */
#include "tests/reconciler/git_repo.h"

/* libgit2 1.5 forgets the match data of its regular expressions when it reads `extensions.*`; not ours to
 * fail for. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libpcre2-8\n";
}

/* ---- what is refused before the run */

static void refusals(void **state)
{
    (void)state;
    must("echo x >Clusterfile");
    refuses("Clusterfile", ERR_NOT_FOUND, "in no git work tree", "git init");
    repository();
    must("echo x >.git/Clusterfile");
    refuses(".git/Clusterfile", ERR_NOT_FOUND, "not in its work tree", "move it");
    must("git init -q --bare bare.git; echo x >bare.git/Clusterfile");
    refuses("bare.git/Clusterfile", ERR_NOT_FOUND, "not in its work tree", "move it");
}

static void other_content_staged(void **state)
{
    (void)state;
    started();
    must("echo partly >>Clusterfile; git add Clusterfile; echo fully >>Clusterfile");
    refuses("Clusterfile", ERR_REFUSED, "staged with other content", "git restore --staged");
    must("git reset -q; git rm -q --cached Clusterfile");
    refuses("Clusterfile", ERR_REFUSED, "staged with other content", "git restore --staged");
    must("git reset -q; git checkout -q Clusterfile; git update-index --assume-unchanged Clusterfile");
    refuses("Clusterfile", ERR_REFUSED, "assume-unchanged", "--no-assume-unchanged");
    must("git update-index --no-assume-unchanged Clusterfile; git update-index --skip-worktree Clusterfile");
    refuses("Clusterfile", ERR_REFUSED, "skip-worktree", "--no-skip-worktree");
}

static void states_of_the_repository(void **state)
{
    (void)state;
    started();
    must("git checkout -q --detach");
    refuses("Clusterfile", ERR_REFUSED, "HEAD is detached", "git switch");
    must("git checkout -q -b other; echo o >Clusterfile; git commit -qam o; git checkout -q main; echo m "
         ">Clusterfile;"
         "git commit -qam m; ! git merge -q other >../log 2>&1");
    refuses("Clusterfile", ERR_REFUSED, "under way", "finish it first");
    must("rm .git/MERGE_*"); /* the conflict alone, as `git stash pop` leaves it */
    refuses("Clusterfile", ERR_REFUSED, "unresolved merge conflict", "git add");
    must("git reset -q --hard; rm Clusterfile; mkdir Clusterfile");
    refuses("Clusterfile", ERR_REFUSED, "not a regular file", "");
}

static void ignored_file(void **state)
{
    (void)state;
    started();
    must("echo x >Local; echo Local >.gitignore");
    refuses("Local", ERR_REFUSED, "is ignored", "git add --force");
    must("git add --force Local");
    assert_true(commits(opened("Local"), "forced"));
    must("echo y >Local");
    assert_true(commits(opened("Local"), "tracked although ignored"));
}

static void what_the_library_cannot(void **state)
{
    (void)state;
    started();
    must("git config commit.gpgsign true");
    refuses("Clusterfile", ERR_REFUSED, "commit.gpgsign", "commit the file by git itself");
    must("git config commit.gpgsign false; echo 'Cluster* filter=crypt' >.gitattributes");
    refuses("Clusterfile", ERR_REFUSED, "filter=crypt", "commit the file by git itself");
    must("echo 'Cluster* working-tree-encoding=UTF-16' >.gitattributes");
    refuses("Clusterfile", ERR_REFUSED, "working-tree-encoding", "commit the file by git itself");
    must("rm .gitattributes; git update-index --split-index");
    refuses("Clusterfile", ERR_REFUSED, "mandatory extension", "commit the file by git itself");
    must("rm -rf .git; git init -q --object-format=sha256 .");
    refuses("Clusterfile", ERR_REFUSED, "SHA-256", "commit the file by git itself");
    must("rm -rf .git; git init -q .; git config core.repositoryformatversion 1; git config "
         "extensions.partialClone o");
    refuses("Clusterfile", ERR_REFUSED, "partialclone", "commit the file by git itself");
}

static void no_identity(void **state)
{
    (void)state;
    started();
    must("git config --unset user.email");
    refuses("Clusterfile", ERR_REFUSED, "user.email", "git config user.email");
    must("git config --unset user.name");
    refuses("Clusterfile", ERR_REFUSED, "user.name", "git config user.name");
}

/* The remedy that the hint gives is the one that helps. */
static void owner(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    started();
    must("chown -R 65534 .");
    struct git *g = NULL;
    struct error *e = NULL;
    assert_int_equal(git_open("Clusterfile", &g, &e), -1);
    check_error(e, ERR_REFUSED, "belongs to another user", "safe.directory");
    error_free(e);
    e = NULL;
    must("git config --global --add safe.directory /nowhere"); /* the other answer of the library */
    assert_int_equal(git_open("Clusterfile", &g, &e), -1);
    check_error(e, ERR_REFUSED, "belongs to another user", "`git config --global --add safe.directory '/");
    const char *from = strchr(e->hint, '`') + 1;
    _cleanup_(mem_freep) char *remedy = mem_strndup(from, strcspn(from, "`"));
    error_free(e);
    must(remedy);
    git_close(opened("Clusterfile"));
    must("git config --global --unset-all safe.directory; chown -R 0 .");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(refusals),     ROW(other_content_staged),    ROW(states_of_the_repository),
        ROW(ignored_file), ROW(what_the_library_cannot), ROW(no_identity),
        ROW(owner),
    };
    return RUN_TESTS("git_refuse", tests);
}
