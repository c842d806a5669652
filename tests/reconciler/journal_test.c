/* The journal: what a run that was cut off left, who may read it, and that it is never in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reconciler/journal.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static struct journal *opened(const char *clusterfile)
{
    struct journal_params p = {.cluster = "c", .clusterfile = clusterfile, .dir = dir};
    struct journal *j = NULL;
    struct error *err = NULL;
    if (journal_open(&p, 3, &j, &err) < 0)
        fail_msg("%s", err->message);
    return j;
}

static const char *path(void)
{
    static char s[128];
    snprintf(s, sizeof s, "%s/c/journal.jsonl", dir);
    return s;
}

static char *content(void)
{
    static char s[65536];
    FILE *f = fopen(path(), "r");
    assert_non_null(f);
    s[fread(s, 1, sizeof s - 1, f)] = 0;
    fclose(f);
    return s;
}

/* A run that dies with some actions begun and some ended: as kill -9, nothing of the process is closed or flushed. */
static void cut(const char *clusterfile, const char *const *begun, const char *ended)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct journal *j = opened(clusterfile);
        struct recorder r = journal_recorder(j);
        for (; *begun; begun++)
            if (r.begin(r.ctx, *begun, NULL) < 0)
                _exit(1);
        if (ended)
            r.end(r.ctx, ended, OUTCOME_DONE, NULL);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void survives(void **state)
{
    (void)state;
    static const char *const begun[] = {"kubeadm.init/10.0.0.1", "rootfs.push/10.0.0.2", "pki.issue", NULL};
    cut("a", begun, "rootfs.push/10.0.0.2");
    struct journal *other = opened("b"); /* another file of the same cluster's name is not ours to judge */
    assert_null(journal_cut_off(other));
    journal_close(other, "done");
    struct journal *j = opened("a");
    assert_non_null(journal_cut_off(j));
    assert_non_null(strstr(journal_cut_off(j), "was cut off during kubeadm.init/10.0.0.1, pki.issue"));
    assert_null(strstr(journal_cut_off(j), "rootfs"));
    journal_close(j, "done");
    j = opened("a"); /* said once */
    assert_null(journal_cut_off(j));
    journal_close(j, "failed");
}

static void no_action(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    cut("a", none, NULL);
    struct journal *j = opened("a");
    assert_true(str_ends(journal_cut_off(j), "was cut off"));
    journal_close(j, "done");
}

/* A run that still lives is not cut off, and its lines and ours stand beside each other. */
static void two_at_once(void **state)
{
    (void)state;
    struct journal *first = opened("a"), *second = opened("a");
    assert_null(journal_cut_off(second));
    struct recorder r = journal_recorder(first), q = journal_recorder(second);
    assert_int_equal(r.begin(r.ctx, "one", NULL), 0);
    assert_int_equal(q.begin(q.ctx, "two", NULL), 0);
    r.end(r.ctx, "one", OUTCOME_DONE, NULL);
    journal_close(second, "done");
    journal_close(first, "done");
    assert_string_not_equal(content(), "");
}

/* The cut may fall inside a line; that line is nobody's, what follows stands on its own. */
static void torn(void **state)
{
    (void)state;
    static const char *const begun[] = {"kubeadm.init/10.0.0.1", "pki.issue", NULL};
    cut("a", begun, NULL);
    size_t len = strlen(content());
    assert_int_equal(truncate(path(), (off_t)len - 10), 0);
    struct journal *j = opened("a");
    assert_true(str_ends(journal_cut_off(j), "was cut off during kubeadm.init/10.0.0.1"));
    journal_close(j, "done");
    assert_non_null(strstr(content(), "\n{\"time\""));
    j = opened("a");
    assert_null(journal_cut_off(j));
    journal_close(j, "done");
}

static void garbage(void **state)
{
    (void)state;
    journal_close(opened("a"), "done");
    FILE *f = fopen(path(), "a");
    fputs("\n\"what\"\n{\"what\":[\"run\"]}\n{\"what\":\"begin\"}\n[]\n{\"what\":\"end\",\"run\":7}\n\x01\xff\"what\"{\n", f);
    fclose(f);
    struct journal *j = opened("a");
    assert_null(journal_cut_off(j));
    journal_close(j, "done");
}

static void mode_is(const char *name, mode_t mode)
{
    struct stat st;
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void private(void **state)
{
    (void)state;
    mode_t mask = umask(0);
    struct journal *j = opened("a");
    char cluster[80];
    snprintf(cluster, sizeof cluster, "%s/c", dir);
    mode_is(cluster, 0700);
    mode_is(path(), 0600);
    mode_is(journal_log_path(j), 0600);
    journal_close(j, "done");
    umask(mask);
}

/* Errors are kept with their words and code, but details (outputs of commands on nodes) are not. */
static void what_is_kept(void **state)
{
    (void)state;
    struct journal *j = opened("a");
    struct recorder r = journal_recorder(j);
    struct error *err = NULL;
    error_set(&err, ERR_REMOTE_EXIT, "ended with 1\n{\"what\":\"run-end\"}");
    error_detail(&err, "password: hunter2");
    assert_int_equal(r.begin(r.ctx, "x", NULL), 0);
    r.end(r.ctx, "x", OUTCOME_FAILED, err);
    error_free(err);
    assert_non_null(strstr(content(), "\"code\":\"remote-exit\""));
    assert_null(strstr(content(), "hunter2"));
    assert_null(strstr(content(), "\n{\"what\":\"run-end\"}"));
    journal_close(j, "failed");
    assert_non_null(strstr(content(), "\"how\":\"failed\""));
}

static void no_room(void **state)
{
    (void)state;
    struct journal_params p = {.cluster = "c", .clusterfile = "a", .dir = "/dev/null"};
    struct journal *j = NULL;
    struct error *err = NULL;
    assert_int_equal(journal_open(&p, 1, &j, &err), -1);
    assert_null(j);
    assert_non_null(strstr(err->hint, "XDG_STATE_HOME"));
    error_free(err);
}

static void old_logs(void **state)
{
    (void)state;
    for (int i = 0; i < 25; i++)
        journal_close(opened("a"), "done");
    char command[160];
    snprintf(command, sizeof command, "[ \"$(ls %s/c/runs | wc -l)\" -le 21 ]", dir);
    assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/journal-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(survives), TEST(no_action),    TEST(two_at_once), TEST(torn),     TEST(garbage),
        TEST(private),  TEST(what_is_kept), TEST(no_room),     TEST(old_logs),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL) ? 1 : 0;
}
