/* For the tests of reconciler/git.h: repositories that the git command makes, with its answers as the judge.
 * Every test starts in a new, empty directory; configuration of this machine and user does not count. */
#ifndef TESTS_RECONCILER_GIT_REPO_H
#define TESTS_RECONCILER_GIT_REPO_H

#include "reconciler/git.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <git2.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[] = "/tmp/git-test-XXXXXX"; /* home and working directory of every test */

/* ---- commands; the current directory is the test's own */

static inline int sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline int sh(const char *fmt, ...)
{
    struct text t = {0};
    va_list ap;
    va_start(ap, fmt);
    text_vaddf(&t, fmt, ap);
    va_end(ap);
    int status = system(text_str(&t));
    text_free(&t);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static inline void must(const char *command)
{
    if (sh("%s", command) != 0)
        fail_msg("command failed: %s", command);
}

/* What a command prints, errors too. */
static inline void prints(const char *command, const char *want)
{
    _cleanup_(text_free) struct text got = {0};
    _cleanup_(mem_freep) char *all = mem_printf("{ %s\n} 2>&1", command);
    FILE *f = popen(all, "re");
    assert_non_null(f);
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
        text_addn(&got, part, n);
    pclose(f);
    if (!str_eq(text_str(&got), want))
        fail_msg("%s\nprints\n%s\nand not\n%s", command, text_str(&got), want);
}

static inline void repository(void)
{
    must("git init -q -b main . && git config user.name Test && git config user.email test@example.org");
}

/* One commit: a Clusterfile and three files of others. */
static inline void started(void)
{
    repository();
    must("echo want >Clusterfile; for f in staged dirty gone; do echo 1 >$f; done; git add . && git commit "
         "-qm first");
}

/* ---- the code under test */

static inline struct git *opened(const char *file)
{
    struct git *g = NULL;
    struct error *e = NULL;
    if (git_open(file, &g, &e) < 0)
        fail_msg("git_open %s: %s", file, e->message);
    return g;
}

static inline void close_all(struct git *g, struct error *e)
{
    git_close(g);
    error_free(e);
}

/* Commits and closes; true: there was something to commit. */
static inline bool commits(struct git *g, const char *message)
{
    _cleanup_(mem_freep) char *id = NULL;
    struct error *e = NULL;
    if (git_commit_file(g, message, &id, &e) < 0)
        fail_msg("git_commit_file: %s", e->message);
    if (id) {
        _cleanup_(mem_freep) char *same = mem_printf("%s\n", id);
        prints("git -C \"${REPO:-.}\" rev-parse HEAD", same);
    }
    git_close(g);
    return id != NULL;
}

static inline void check_error(struct error *e, enum error_code code, const char *words, const char *hint)
{
    assert_non_null(e);
    if (e->code != code || !strstr(e->message, words) || !e->hint || !strstr(e->hint, hint))
        fail_msg("%s: %s (%s)", error_code_name(e->code), e->message, e->hint ? e->hint : "no hint");
}

static inline void refuses(const char *file, enum error_code code, const char *words, const char *hint)
{
    struct git *g = NULL;
    struct error *e = NULL;
    assert_int_equal(git_open(file, &g, &e), -1);
    assert_null(g);
    check_error(e, code, words, hint);
    close_all(NULL, e);
}

static inline void commit_refused(struct git *g, enum error_code code, const char *words, const char *hint)
{
    char *id = NULL;
    struct error *e = NULL;
    assert_int_equal(git_commit_file(g, "x", &id, &e), -1);
    assert_null(id);
    check_error(e, code, words, hint);
    close_all(g, e);
}

/* ---- the frame of every test */

static inline int enter(void **state)
{
    (void)state;
    return chdir(base) || sh("mkdir repo") || chdir("repo") ? -1 : 0;
}

/* Whatever a test did: the objects are sound, and no lock or copy of the index is left. */
static inline int leave(void **state)
{
    (void)state;
    int r = sh("cd %s/repo; test ! -d .git || ! ls .git | grep -E 'index[.]' | grep -v sharedindex", base);
    if (sh("cd %s/repo; test ! -e .git/index || git fsck --strict --no-dangling --no-progress >../log 2>&1 "
           "|| "
           "! cat ../log",
           base))
        r = -1;
    if (chdir(base) || sh("rm -rf %s/*", base))
        r = -1;
    return r;
}

static inline int start(void **state)
{
    (void)state;
    static const char *const foreign[] = {
        "GIT_DIR",          "GIT_INDEX_FILE",     "GIT_WORK_TREE",       "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL",
        "XDG_CONFIG_HOME",  "SUDO_UID",           "GIT_CONFIG_GLOBAL"};
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        unsetenv(foreign[i]);
    struct error *e = NULL;
    if (!mkdtemp(base) || setenv("HOME", base, 1) || setenv("GIT_CONFIG_NOSYSTEM", "1", 1) ||
        setenv("GIT_CEILING_DIRECTORIES", base, 1) || setenv("LC_ALL", "C", 1) || git_start(&e) < 0)
        return -1;
    return git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_SYSTEM, "/nonexistent");
}

static inline int stop(void **state)
{
    (void)state;
    git_stop();
    return chdir("/") || sh("rm -rf %s", base);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, enter, leave)

/* Without git there is nothing to test against. */
#define RUN_TESTS(name, tests)                                                                               \
    (sh("git --version >/dev/null 2>&1") == 0 ? cmocka_run_group_tests_name(name, tests, start, stop)        \
                                              : (puts("1..0 # SKIP git is not installed"), 0))

#endif
