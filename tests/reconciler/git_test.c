/* One file is committed as git itself would, and nothing else moves, whatever others do meanwhile. */
#include "tests/reconciler/git_repo.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/prctl.h>

/* ---- the way it goes */

static void leaves_others(void **state)
{
    (void)state;
    started();
    must(
        "echo 2 >staged; git add staged; echo 3 >>staged; echo 2 >dirty; git rm -q gone; echo new >untracked;"
        "echo added >added; git add added; git rev-parse HEAD >../parent");
    struct git *g = opened("Clusterfile");
    assert_string_equal(git_on_branch(g), "main");
    must("echo status >>Clusterfile");
    assert_true(commits(g, "Reconcile cluster c: 12 actions on 5 nodes\n\nbody"));
    prints("git log --format='%an <%ae>|%cn|%s|%b' -1",
           "Test <test@example.org>|Test|Reconcile cluster c: 12 actions on 5 nodes|body\n\n");
    prints("git rev-parse HEAD^ | cmp - ../parent", "");
    prints("git show --stat=80 --format= HEAD", " Clusterfile | 1 +\n 1 file changed, 1 insertion(+)\n");
    prints("git show HEAD:Clusterfile", "want\nstatus\n");
    prints("git status --porcelain", "A  added\n M dirty\nD  gone\nMM staged\n?? untracked\n");
    prints("git show :staged", "2\n");
    prints("git reflog -1 --format=%gs", "commit: Reconcile cluster c: 12 actions on 5 nodes\n");
    prints("git reflog -1 --format=%gs main", "commit: Reconcile cluster c: 12 actions on 5 nodes\n");
}

static void nothing_changed(void **state)
{
    (void)state;
    started();
    must("echo 2 >staged; git add staged; git rev-parse HEAD >../parent; cksum <.git/index >../index; touch "
         "Clusterfile");
    assert_false(commits(opened("Clusterfile"), "x"));
    prints("git rev-parse HEAD | cmp - ../parent; cksum <.git/index | cmp - ../index", "");
}

/* Edited, perhaps staged as it is, then reconciled: one commit of both. */
static void edited_before(void **state)
{
    (void)state;
    started();
    must("echo more >>Clusterfile; git add Clusterfile");
    struct git *g = opened("Clusterfile");
    must("echo status >>Clusterfile");
    assert_true(commits(g, "both"));
    prints("git show HEAD:Clusterfile; git status --porcelain", "want\nmore\nstatus\n");
    /* committed by its author while the run went on: the status goes on top */
    must("echo again >>Clusterfile");
    g = opened("Clusterfile");
    must("git commit -qam mine; echo s2 >>Clusterfile");
    assert_true(commits(g, "status"));
    prints("git log --format=%s; git status --porcelain", "status\nmine\nboth\nfirst\n");
}

static void untracked_file(void **state)
{
    (void)state;
    started();
    must("echo x >New; echo 2 >staged; git add staged");
    assert_true(commits(opened("New"), "new"));
    prints("git show --name-status --format=%s HEAD; git status --porcelain", "new\n\nA\tNew\nM  staged\n");
    must("echo y >Meant; git add -N Meant");
    assert_true(commits(opened("Meant"), "meant"));
    prints("git status --porcelain", "M  staged\n");
    struct git *g = opened("Later"); /* --write-to: comes with the run */
    must("echo z >Later");
    assert_true(commits(g, "later"));
    prints("git show HEAD:Later; git status --porcelain", "z\nM  staged\n");
}

static void unborn_branch(void **state)
{
    (void)state;
    repository();
    must("echo want >Clusterfile; echo other >other; git add other");
    struct git *g = opened("Clusterfile");
    assert_string_equal(git_on_branch(g), "main");
    assert_true(commits(g, "first"));
    prints("git log --format=%s%P --name-only; git status --porcelain", "first\n\nClusterfile\nA  other\n");
    prints("git reflog --format=%gs", "commit (initial): first\n");
}

static void no_index_yet(void **state)
{
    (void)state;
    repository();
    must("mkdir deep; echo want >deep/Clusterfile");
    assert_int_not_equal(access(".git/index", F_OK), 0);
    assert_true(commits(opened("deep/Clusterfile"), "first"));
    prints("git ls-files; git status --porcelain", "deep/Clusterfile\n");
}

static void subdirectory(void **state)
{
    (void)state;
    started();
    must("mkdir -p a/b a/c; echo 1 >a/b/Clusterfile; echo 1 >a/c/x; git add a; git commit -qm a; echo 2 "
         ">a/b/Clusterfile;"
         "echo 2 >a/c/x; git add a/c");
    assert_int_equal(chdir("a/b"), 0);
    assert_true(commits(opened("Clusterfile"), "deep"));
    assert_true(!chdir("../.."));
    prints("git show --name-only --format= HEAD; git status --porcelain", "a/b/Clusterfile\nM  a/c/x\n");
}

static void executable_bit(void **state)
{
    (void)state;
    started();
    must("chmod +x Clusterfile; git commit -qam x; echo 2 >>Clusterfile");
    assert_true(commits(opened("Clusterfile"), "m"));
    prints("git ls-tree HEAD Clusterfile | cut -c1-6; git status --porcelain", "100755\n");
}

/* Line ends are what git would make of them: CRLF on disk, LF inside, and no change where only they differ.
 */
static void autocrlf(void **state)
{
    (void)state;
    started();
    must("git config core.autocrlf true; printf 'want\\r\\n' >Clusterfile");
    assert_false(commits(opened("Clusterfile"), "x"));
    must("printf 'want\\r\\nstatus\\r\\n' >Clusterfile");
    assert_true(commits(opened("Clusterfile"), "crlf"));
    prints("git show HEAD:Clusterfile | od -An -c | tr -d ' '; git status --porcelain", "want\\nstatus\\n\n");
    prints("od -An -c Clusterfile | tr -d ' \\n'", "want\\r\\nstatus\\r\\n");
}

static void linked_worktree(void **state)
{
    (void)state;
    started();
    must("git worktree add -q -b side ../wt; echo 2 >staged; git add staged; cd ../wt; echo s >>Clusterfile;"
         "echo 5 >dirty; git add dirty");
    struct git *g = opened("../wt/Clusterfile");
    assert_string_equal(git_on_branch(g), "side");
    setenv("REPO", "../wt", 1);
    assert_true(commits(g, "side"));
    unsetenv("REPO");
    prints("git -C ../wt log --format=%s side; git -C ../wt status --porcelain", "side\nfirst\nM  dirty\n");
    prints("git log --format=%s main; git status --porcelain", "first\nM  staged\n");
    must("git worktree remove --force ../wt");
}

static void submodule(void **state)
{
    (void)state;
    started();
    must("git init -q -b main ../sub; cd ../sub; git config user.name S; git config user.email s@example.org;"
         "echo want >Clusterfile; git add .; git commit -qm sub");
    must("git -c protocol.file.allow=always submodule --quiet add ../sub sub >../log 2>&1; git commit -qm "
         "'add sub';"
         "cd sub; git config user.name S; git config user.email s@example.org; echo s >>Clusterfile");
    setenv("REPO", "sub", 1);
    assert_true(commits(opened("sub/Clusterfile"), "in the submodule"));
    unsetenv("REPO");
    prints("git -C sub log -1 --format=%s; git -C sub status --porcelain", "in the submodule\n");
    prints("git log -1 --format=%s; git status --porcelain", "add sub\n M sub\n");
    must("git -C sub checkout -q --detach");
    refuses("sub/Clusterfile", ERR_REFUSED, "HEAD is detached", "git switch");
}

/* A link is followed, to another repository too: what the file is, is committed, the link stays. */
static void symbolic_links(void **state)
{
    (void)state;
    started();
    must("mkdir prod; git mv Clusterfile prod/Clusterfile; ln -s prod/Clusterfile Clusterfile; git add .;"
         "git commit -qm link; echo s >>prod/Clusterfile; ln -s \"$PWD\" ../far");
    assert_true(commits(opened("Clusterfile"), "through a link"));
    prints("git show --name-only --format= HEAD; git status --porcelain", "prod/Clusterfile\n");
    must("echo t >>prod/Clusterfile");
    assert_true(commits(opened("../far/prod/Clusterfile"), "through a far link"));
    must("echo u >>prod/Clusterfile; mkdir ../outside; ln -s \"$PWD/Clusterfile\" ../outside/file");
    assert_true(commits(opened("../outside/file"), "from outside"));
    prints("git log --format=%s -3; git status --porcelain",
           "from outside\nthrough a far link\nthrough a link\n");
    must("echo v >../outside/x; ln -s ../outside/x escapes");
    refuses("escapes", ERR_NOT_FOUND, "in no git work tree", "--commit");
}

static void hooks_are_named(void **state)
{
    (void)state;
    started();
    must("rm -rf .git/hooks; mkdir .git/hooks");
    struct git *g = opened("Clusterfile");
    assert_null(git_hooks(g));
    git_close(g);
    must("for h in pre-commit commit-msg pre-push; do printf '#!/bin/sh\\nexit 1\\n' >.git/hooks/$h;"
         "chmod +x .git/hooks/$h; done; : >.git/hooks/post-commit; echo s >>Clusterfile");
    g = opened("Clusterfile");
    assert_string_equal(git_hooks(g), "pre-commit, commit-msg");
    assert_true(commits(g, "x"));
    must("mkdir tools; cp .git/hooks/pre-commit tools/post-commit; git config core.hooksPath tools");
    g = opened("Clusterfile");
    assert_string_equal(git_hooks(g), "post-commit");
    git_close(g);
}

static void identity_of_the_environment(void **state)
{
    (void)state;
    started();
    must("git config committer.name Robot; echo s >>Clusterfile");
    setenv("GIT_AUTHOR_NAME", "Ann", 1);
    setenv("GIT_AUTHOR_EMAIL", "ann@example.org", 1);
    struct git *g = opened("Clusterfile");
    assert_true(commits(g, "x"));
    unsetenv("GIT_AUTHOR_NAME");
    unsetenv("GIT_AUTHOR_EMAIL");
    prints("git log -1 --format='%an %ae %cn %ce'", "Ann ann@example.org Robot test@example.org\n");
}

/* ---- what others do during the run */

/* Others act between the making of our commit and the moving of the branch: this stands before the library's
 * own. */
static const char *meanwhile;
static int meanwhile_times;

int git_commit_create_with_signature(git_oid *out, git_repository *repo, const char *content,
                                     const char *signature, const char *field)
{
    int (*real)(git_oid *, git_repository *, const char *, const char *, const char *) =
        (int (*)(git_oid *, git_repository *, const char *, const char *, const char *))dlsym(
            RTLD_NEXT, "git_commit_create_with_signature");
    if (meanwhile && meanwhile_times-- > 0)
        must(meanwhile);
    return real(out, repo, content, signature, field);
}

#define MOVE_HEAD                                                                                            \
    "git update-ref refs/heads/main $(git commit-tree -m theirs -p $(git rev-parse HEAD) HEAD^{tree})"

static void changed_during_the_run(void **state)
{
    (void)state;
    started();
    struct git *g = opened("Clusterfile");
    must("echo theirs >Clusterfile; git commit -qam theirs; echo status >Clusterfile");
    commit_refused(g, ERR_CONFLICT, "was changed on the branch main", "git diff");
    g = opened("Clusterfile");
    must("echo more >Clusterfile; git add Clusterfile; echo status >Clusterfile");
    commit_refused(g, ERR_REFUSED, "staged with other content", "git restore");
    must("git reset -q --hard");
    g = opened("Clusterfile");
    must("git checkout -q -b elsewhere; echo status >Clusterfile");
    commit_refused(g, ERR_CONFLICT, "branch elsewhere was checked out", "yourself");
    g = opened("Clusterfile");
    must("git checkout -q --detach");
    commit_refused(g, ERR_REFUSED, "HEAD is detached", "git switch");
    prints("git log --format=%s", "theirs\nfirst\n");
}

static void branch_moves_once(void **state)
{
    (void)state;
    started();
    must("echo 2 >staged; git add staged");
    struct git *g = opened("Clusterfile");
    must("echo status >>Clusterfile");
    meanwhile = MOVE_HEAD;
    meanwhile_times = 1;
    assert_true(commits(g, "ours"));
    prints("git log --format=%s; git status --porcelain", "ours\ntheirs\nfirst\nM  staged\n");
}

static void branch_keeps_moving(void **state)
{
    (void)state;
    started();
    must("echo 2 >staged; git add staged; cksum <.git/index >../index");
    struct git *g = opened("Clusterfile");
    must("echo status >>Clusterfile");
    meanwhile = MOVE_HEAD;
    meanwhile_times = 9;
    commit_refused(g, ERR_CONFLICT, "keeps moving", "yourself");
    assert_int_equal(meanwhile_times, 7);
    prints("cksum <.git/index | cmp - ../index; git log --format=%s", "theirs\ntheirs\nfirst\n");
}

static void branch_is_born_meanwhile(void **state)
{
    (void)state;
    repository();
    must("echo want >Clusterfile; echo other >other; git add other");
    struct git *g = opened("Clusterfile");
    meanwhile = "git update-ref refs/heads/main $(git commit-tree -m theirs $(git mktree </dev/null))";
    meanwhile_times = 1;
    assert_true(commits(g, "ours"));
    prints("git log --format=%s; git status --porcelain", "ours\ntheirs\nA  other\n");
}

static void index_is_locked(void **state)
{
    (void)state;
    started();
    struct git *g = opened("Clusterfile");
    must("echo status >>Clusterfile; : >.git/index.lock; cksum <.git/index >../index");
    commit_refused(g, ERR_CONFLICT, "another git holds the index", "commit the file yourself");
    prints("test -e .git/index.lock; cksum <.git/index | cmp - ../index; git log --format=%s", "first\n");
    must("rm .git/index.lock");
}

/* The lock stands while others could stage: they fail, or wait, and never lose what they staged. */
static void index_is_held(void **state)
{
    (void)state;
    started();
    struct git *g = opened("Clusterfile");
    must("echo status >>Clusterfile; echo 2 >staged");
    meanwhile = "! git add staged 2>../log && grep -q index.lock ../log";
    meanwhile_times = 1;
    assert_true(commits(g, "ours"));
    assert_int_equal(meanwhile_times, 0);
}

static pid_t racer; /* 0: none is running */

static int leave_race(void **state)
{
    if (racer > 0) {
        kill(racer, SIGKILL);
        waitpid(racer, NULL, 0);
    }
    racer = 0;
    return leave(state);
}

/* A process stages and commits as fast as it can: every commit and every staged file of both is there in the
 * end. */
static void race(void **state)
{
    (void)state;
    started();
    racer = fork();
    assert_true(racer >= 0);
    if (racer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(
            "/bin/sh", "sh", "-c", /* a lock that nobody gives back ends it, too */
            "t=0; again() { t=$((t+1)); [ $t -lt 5000 ] || exit 9; }; i=0; while [ $i -lt 15 ]; do echo $i "
            ">f$i;"
            "until git add f$i 2>/dev/null; do again; done;"
            "until git commit -q --allow-empty -m theirs dirty 2>/dev/null; do again; done; i=$((i+1)); done",
            (char *)NULL);
        _exit(127);
    }
    int done = 0, status = 0;
    pid_t ended = 0;
    for (int i = 0; ended == 0; i++) {
        ended = waitpid(racer, &status, WNOHANG); /* one more after its end: at least one commit */
        struct git *g = opened("Clusterfile");
        if (sh("echo %d >>Clusterfile", i) != 0)
            fail();
        _cleanup_(mem_freep) char *id = NULL;
        struct error *e = NULL;
        if (git_commit_file(g, "ours", &id, &e) == 0)
            done++;
        else
            assert_int_equal(e->code, ERR_CONFLICT);
        close_all(g, e);
    }
    racer = 0;
    assert_int_equal(status, 0);
    _cleanup_(mem_freep) char *count = mem_printf("%d\n15\n15\n", done);
    prints("git log --format=%s | grep -c ours; git log --format=%s | grep -c theirs; git diff --cached "
           "--name-only |"
           "grep -c ^f",
           count);
    prints("git status --porcelain Clusterfile", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(leaves_others),
        ROW(nothing_changed),
        ROW(edited_before),
        ROW(untracked_file),
        ROW(unborn_branch),
        ROW(no_index_yet),
        ROW(subdirectory),
        ROW(executable_bit),
        ROW(autocrlf),
        ROW(linked_worktree),
        ROW(submodule),
        ROW(symbolic_links),
        ROW(hooks_are_named),
        ROW(identity_of_the_environment),
        ROW(changed_during_the_run),
        ROW(branch_moves_once),
        ROW(branch_keeps_moving),
        ROW(branch_is_born_meanwhile),
        ROW(index_is_locked),
        ROW(index_is_held),
        cmocka_unit_test_setup_teardown(race, enter, leave_race),
    };
    return RUN_TESTS("git", tests);
}
