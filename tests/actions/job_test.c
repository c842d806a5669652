/* Detached jobs over SSH: they go on when the connection or the controller does not. */
#include "tests/actions/world_case.h"

/* --- jobs */

static void collect(void *ctx, const char *line)
{
    text_addf(ctx, "<%s>", line);
}

static void job_ok(struct world *w, const struct world_job *j)
{
    struct error *err = NULL;
    if (world_job(w, 0, j, &err) < 0)
        fail_with(err);
}

static void job_runs(void **state)
{
    (void)state;
    struct world *w = new_world();
    _cleanup_(text_free) struct text lines = {0};
    struct world_job j = {.key = "kubeadm.init",
                          .script =
                              "echo out; echo err >&2; cat; echo $0; pwd; printf 'bar 1\\rbar 2\\rlast'",
                          .timeout_s = 30,
                          .line = collect,
                          .line_ctx = &lines,
                          .what = "init"};
    job_ok(w, &j);
    assert_string_equal(text_str(&lines), "<out><err><" JOBS "/kubeadm.init/script></><bar 1><bar 2><last>");
    assert_string_equal(lab_read(JOBS "/kubeadm.init/status"), "end 0\n");
    struct stat st;
    assert_int_equal(stat(JOBS "/kubeadm.init", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    job_ok(w, &j); /* it has ended: a new one */
    assert_int_equal(access(JOBS "/kubeadm.init~/status", F_OK), 0);
    assert_int_equal(world_ssh_counters(w, -1).execs, 2);
    j.key = "../x";
    assert_int_equal(world_job(w, 0, &j, NULL), -1);
    world_ssh_free(w);
}

static void job_fails(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    struct world_job j = {.key = "fails",
                          .script = "seq 100; echo \"$(printf '\\033')[1mboom\"; exit 5",
                          .timeout_s = 30,
                          .what = "join",
                          .unit = "kubelet"};
    assert_int_equal(world_job(w, 0, &j, &err), -1);
    assert_null(strstr(err->detail, "\n71\n"));
    assert_int_equal(strncmp(err->detail, "72\n", 3), 0);
    assert_non_null(strstr(err->detail, "100\n?[1mboom"));
    expect_error(err, ERR_REMOTE_EXIT, "join: failed with status 5");
    world_ssh_free(w);
}

static void job_secret(void **state)
{
    (void)state;
    struct world *w = new_world();
    _cleanup_(text_free) struct text lines = {0};
    struct world_job j = {
        .key = "secret",
        .script =
            "read -r s; test \"$s\" = 'hunter2 $x' && cat; tr '\\0' ' ' </proc/$PPID/cmdline; env; echo done",
        .secret = "hunter2 $x\nline two\n",
        .timeout_s = 30,
        .line = collect,
        .line_ctx = &lines};
    job_ok(w, &j);
    assert_non_null(strstr(text_str(&lines), "<line two>"));
    assert_non_null(strstr(text_str(&lines), "<done>"));
    assert_null(strstr(text_str(&lines), "hunter2"));
    assert_int_not_equal(lab_run("grep -rq hunter2 " JOBS "/*/run* " JOBS "/*/log " JOBS "/*/pid " JOBS
                                 "/*/digest " JOBS "/*/status"),
                         0);
    assert_int_not_equal(access(JOBS "/secret/secret", F_OK), 0);
    world_ssh_free(w);
}

static void *cut_when_running(void *flag)
{
    if (lab_await(exists, flag))
        cut_sessions();
    lab_write(LAB "/cut", 0644, "x");
    return NULL;
}

/* The connection is cut twice in the middle; the job runs once, and no line of it is lost or shown twice. */
static void job_survives_the_cut(void **state)
{
    (void)state;
    struct world *w = new_world();
    _cleanup_(text_free) struct text lines = {0};
    pthread_t thread;
    struct world_job j = {.key = "cut",
                          .timeout_s = 60,
                          .line = collect,
                          .line_ctx = &lines,
                          .script = "echo run >>" LAB "/runs; echo one; : >" LAB "/go; while ! test -f " LAB
                                    "/cut; do sleep 0.1; done; echo two; exit 3"};
    struct error *err = NULL;
    pthread_create(&thread, NULL, cut_when_running, LAB "/go");
    assert_int_equal(world_job(w, 0, &j, &err), -1);
    pthread_join(thread, NULL);
    expect_error(err, ERR_REMOTE_EXIT, "status 3");
    assert_string_equal(text_str(&lines), "<one><two>");
    assert_string_equal(lab_read(LAB "/runs"), "run\n");
    assert_int_equal(world_ssh_counters(w, 0).connections, 2);
    world_ssh_free(w);
}

/* A controller that dies: the next one attaches. In another process, so that it can be killed. */
static pid_t controller(const struct world_job *j)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct world *w = new_world();
        _exit(world_job(w, 0, j, NULL) == 0 ? 0 : 1);
    }
    return pid;
}

static void collect_and_let_go(void *ctx, const char *line)
{
    collect(ctx, line);
    lab_write(LAB "/attach.end", 0644, "x");
}

static void job_is_attached_to(void **state)
{
    (void)state;
    struct world *w = new_world();
    _cleanup_(text_free) struct text lines = {0};
    struct error *err = NULL;
    struct world_job j = {.key = "attach",
                          .timeout_s = 60,
                          .line = NULL,
                          .secret = "s\n",
                          .script = "read -r s; echo run >>" LAB "/attach.runs; echo begun; : >" LAB
                                    "/attach.go; while ! test -f " LAB
                                    "/attach.end; do sleep 0.1; done; echo ended"};
    pid_t pid = controller(&j);
    assert_true(lab_await(exists, LAB "/attach.go"));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    struct world_job other = j;
    other.script = "echo something else";
    assert_int_equal(world_job(w, 0, &other, &err), -1);
    expect_error(err, ERR_CONFLICT, "still running");
    j.line = collect_and_let_go;
    j.line_ctx = &lines;
    job_ok(w, &j);
    assert_string_equal(text_str(&lines), "<begun><ended>");
    assert_string_equal(lab_read(LAB "/attach.runs"), "run\n");
    world_ssh_free(w);
}

static void job_deadline(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    struct world_job j = {.key = "slow",
                          .timeout_s = 1,
                          .what = "wait long",
                          .script = "echo $$ >" LAB "/slow.pid; sleep 1000 & echo $! >>" LAB
                                    "/slow.pid; echo here; wait"};
    assert_int_equal(world_job(w, 0, &j, &err), -1);
    expect_error(err, ERR_TIMEOUT, "wait long: not done within 1 s");
    assert_int_equal(
        lab_run(
            "for p in $(cat " LAB
            "/slow.pid); do ! kill -0 $p 2>/dev/null || grep -q '^State:.Z' /proc/$p/status || exit 1; done"),
        0);
    assert_string_equal(lab_read(JOBS "/slow/status"), "late 143\n");
    world_ssh_free(w);
}

static void job_whose_trace_is_lost(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    /* The runner and the script are killed: no status is left. */
    struct world_job j = {.key = "gone",
                          .timeout_s = 60,
                          .what = "do",
                          .script =
                              "echo last words; read -r p rest <" JOBS "/gone/pid; kill -9 $p; kill -9 $$"};
    assert_int_equal(world_job(w, 0, &j, &err), -1);
    expect_error(err, ERR_REMOTE_EXIT, "last words");
    /* A pid that another process has got by now: the start time differs, so it is not attached to. */
    _cleanup_(text_free) struct text lines = {0};
    lab_run("echo \"1 1 $(cat /proc/sys/kernel/random/boot_id)\" >" JOBS "/gone/pid");
    struct world_job fresh = {
        .key = "gone", .timeout_s = 60, .script = "echo fresh", .line = collect, .line_ctx = &lines};
    job_ok(w, &fresh);
    assert_string_equal(text_str(&lines), "<fresh>");
    world_ssh_free(w);
}

static void job_leaves_a_daemon(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct world_job j = {
        .key = "daemon", .timeout_s = 60, .script = "sleep 300 & echo $! >" LAB "/daemon.pid"};
    job_ok(w, &j); /* returns although something still holds the log open */
    assert_int_equal(lab_run("kill $(cat " LAB "/daemon.pid)"), 0);
    world_ssh_free(w);
}

/* The node's sh is another one, its tools busybox' where that is asked for. */
static void every_shell(void **state)
{
    static const char *const shells[] = {"/bin/bash", "/bin/busybox", "/bin/mksh"};
    mkdir(LAB "/bin", 0755);
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (access(shells[i], X_OK) < 0) {
            print_message("%s is not installed, skipped\n", shells[i]);
            continue;
        }
        bool busybox = i == 1;
        lab_run("rm -f " LAB "/bin/*; ln -s %s " LAB "/bin/sh", shells[i]);
        if (busybox)
            lab_run("for t in cat chmod chown flock head mkdir mkfifo mktemp mv rm setsid sha256sum sleep "
                    "sync tail tr wc; do ln -s /bin/busybox " LAB "/bin/$t; done");
        targets[0].port = SHELLS;
        job_runs(state);
        job_fails(state);
        job_secret(state);
        job_deadline(state);
        unlink(LAB "/go");
        unlink(LAB "/cut");
        unlink(LAB "/runs");
        job_survives_the_cut(state);
        targets[0].port = PORT;
    }
}

int main(void)
{
    int status;
    if (!lab_enter(&status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_runs),
        cmocka_unit_test(job_fails),
        cmocka_unit_test(job_secret),
        cmocka_unit_test(job_survives_the_cut),
        cmocka_unit_test(job_is_attached_to),
        cmocka_unit_test(job_deadline),
        cmocka_unit_test(job_whose_trace_is_lost),
        cmocka_unit_test(job_leaves_a_daemon),
        cmocka_unit_test(every_shell),
    };
    status = cmocka_run_group_tests_name("job", tests, world_set_up, NULL);
    return status > 100 ? 100 : status;
}
