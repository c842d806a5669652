/* The SSH world and its detached jobs against a real sshd: one connection a node, cut and had again, jobs
 * that go on. */
#include "tests/actions/ssh_lab.h"

#include "actions/means/probe.h"
#include "actions/means/ssh_world.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PORT = 2201, SHELLS };
#define JOBS "/var/lib/reconcile/c1/jobs"
static const char *const known[] = {LAB "/known", NULL};
static const struct transport_key key = {.path = LAB "/ed25519"};
static struct transport_target targets[2];
static struct want want = {.cluster = "c1", .vip = DEFAULT_VIP};
static struct want_host hosts[2];

static struct world *new_world(void)
{
    struct world *w = NULL;
    struct world_ssh_params p = {.want = &want, .targets = targets, .n = 2};
    assert_int_equal(world_ssh_new(&p, &w, NULL), 0);
    return w;
}

static void fail_with(const struct error *e)
{
    _cleanup_(text_free) struct text t = {0};
    if (e)
        error_text(e, &t);
    fail_msg("%s: %s | %s", e ? error_code_name(e->code) : "no error", text_str(&t),
             e && e->detail ? e->detail : "");
}

static void says(struct world *w, int node, const char *script, const char *expected)
{
    _cleanup_(world_output_free) struct world_output out = {0};
    struct error *err = NULL;
    struct world_script s = {.text = script, .what = "ask"};
    if (world_sh(w, node, &s, &out, &err) < 0)
        fail_with(err);
    assert_string_equal(text_str(&out.out), expected);
}

static void expect_error(struct error *err, enum error_code code, const char *words)
{
    _cleanup_(text_free) struct text all = {0};
    assert_non_null(err);
    error_text(err, &all);
    text_addf(&all, " %s %s", err->hint ? err->hint : "", err->detail ? err->detail : "");
    if (err->code != code || !strstr(text_str(&all), words))
        fail_msg("%s: %s", error_code_name(err->code), text_str(&all));
    assert_non_null(err->subject);
    error_free(err);
}

/* Ends every session, as a cut cable would, while the listening sshd lives on. */
static void cut_sessions(void)
{
    lab_run("for p in /proc/[0-9]*; do tr '\\0' ' ' 2>/dev/null <$p/cmdline | grep -q '^sshd: [a-z]* "
            "*@notty\\|^sshd: [a-z]* *\\[priv\\]\\|^sshd: [a-z]*@notty' && "
            "kill -9 ${p#/proc/} 2>/dev/null; done");
}

static bool exists(void *path)
{
    return access(path, F_OK) == 0;
}

/* --- the world */

static void one_connection(void **state)
{
    (void)state;
    struct world *w = new_world();
    for (int i = 0; i < 3; i++)
        says(w, 0, "echo $((1 + 1))", "2\n");
    assert_int_equal(world_ssh_counters(w, 0).connections, 1);
    assert_int_equal(world_ssh_counters(w, 0).execs, 3);
    assert_int_equal(world_ssh_counters(w, 1).connections, 0);
    cut_sessions(); /* an idle connection that died is had again */
    says(w, 0, "echo again", "again\n");
    assert_int_equal(world_ssh_counters(w, 0).connections, 2);
    world_ssh_close(w, 0);
    says(w, 0, "echo more", "more\n");
    assert_int_equal(world_ssh_counters(w, -1).connections, 3);
    world_ssh_free(w);
}

static void failures_have_words(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    struct world_script s = {.text = "seq 100 >&2; printf 'bad \\033[1mthing\\n' >&2; exit 9",
                             .what = "do it"};
    assert_int_equal(world_sh(w, 0, &s, NULL, &err), -1);
    assert_null(strstr(err->detail, "\n71\n"));
    assert_int_equal(strncmp(err->detail, "72\n", 3), 0); /* thirty lines */
    expect_error(err, ERR_REMOTE_EXIT, "100\nbad ?[1mthing");
    err = NULL;
    s.text = "echo 'cp: x: No space left on device' >&2; exit 1";
    assert_int_equal(world_sh(w, 0, &s, NULL, &err), -1);
    expect_error(err, ERR_NO_SPACE, "do it: failed with status 1");
    _cleanup_(world_output_free) struct world_output out = {0};
    s.any_status = true;
    assert_int_equal(world_sh(w, 0, &s, &out, NULL), 0);
    assert_int_equal(out.status, 1);
    world_ssh_free(w);
}

static void puts_files(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    static const char path[] = LAB "/new dir/it's $a \"file\"", data[] = "a\0b\n";
    if (world_put(w, 0, path, 0640, data, 4, &err) < 0 || world_put(w, 0, path, 0600, data, 4, &err) < 0)
        fail_with(err);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 4);
    assert_memory_equal(lab_read(path), data, 4);
    assert_int_equal(lab_run("test $(ls -A '" LAB "/new dir' | wc -l) = 1"), 0);
    assert_int_equal(world_put(w, 0, LAB "/empty", 0644, NULL, 0, NULL), 0);
    assert_int_equal(world_put(w, 0, LAB, 0644, "x", 1, &err), -1);
    expect_error(err, ERR_REMOTE_EXIT, "is a directory");
    world_ssh_free(w);
}

static void observes(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    _cleanup_(text_free) struct text answer = {0};
    if (world_observe(w, 0, SECTION_IDENTITY, "0123456789abcdef0123456789abcdef", &answer, &err) < 0)
        fail_with(err);
    assert_non_null(strstr(text_str(&answer), "BEGIN reconcile-probe 1 0123456789abcdef0123456789abcdef\n"));
    assert_int_equal(world_ssh_counters(w, -1).execs, 1);
    world_ssh_free(w);
}

struct caller {
    struct world *world;
    int node;
    pthread_t thread;
};

static void *call_ten(void *arg)
{
    struct caller *c = arg;
    /* Takes a lock that is not waited for: two at once on one node would be seen. */
    for (int i = 0; i < 10; i++) {
        char script[200];
        snprintf(script, sizeof script, "mkdir " LAB "/turn%d || exit 7; rmdir " LAB "/turn%d; echo ok",
                 c->node, c->node);
        says(c->world, c->node, script, "ok\n");
    }
    return NULL;
}

static void threads_take_turns(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct caller c[6];
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        c[i] = (struct caller){.world = w, .node = (int)i % 2};
        pthread_create(&c[i].thread, NULL, call_ten, &c[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        pthread_join(c[i].thread, NULL);
    assert_int_equal(world_ssh_counters(w, -1).connections, 2);
    assert_int_equal(world_ssh_counters(w, -1).execs, 60);
    world_ssh_free(w);
}

static void *cancel_when_running(void *world)
{
    if (lab_await(exists, LAB "/waiting"))
        world_ssh_cancel_all(world);
    return NULL;
}

static void cancels(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_when_running, w);
    struct world_script s = {.text = ": >" LAB "/waiting; sleep 60", .what = "wait"};
    assert_int_equal(world_sh(w, 0, &s, NULL, &err), -1);
    expect_error(err, ERR_CANCELLED, "");
    pthread_join(thread, NULL);
    err = NULL;
    struct world_job j = {.key = "late", .script = "true", .timeout_s = 10};
    assert_int_equal(world_job(w, 1, &j, &err), -1);
    expect_error(err, ERR_CANCELLED, "");
    world_ssh_free(w);
}

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
        puts_files(state);
        unlink(LAB "/go");
        unlink(LAB "/cut");
        unlink(LAB "/runs");
        job_survives_the_cut(state);
        targets[0].port = PORT;
    }
}

static int set_up(void **state)
{
    (void)state;
    lab_key("ed25519", "-t ed25519 -N ''");
    lab_user("asked", 3002, "it's a password", "/bin/bash", "asked ALL=(ALL) ALL");
    lab_sshd(PORT, "ed25519", NULL);
    lab_write(LAB "/force", 0755, "#!/bin/bash\nPATH=" LAB "/bin:$PATH\nexec $SSH_ORIGINAL_COMMAND\n");
    lab_sshd(SHELLS, "ed25519",
             "UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nForceCommand " LAB
             "/force");
    lab_known(known[0], PORT, "ed25519");
    lab_known(known[0], SHELLS, "ed25519");
    for (int i = 0; i < 2; i++) {
        targets[i] = (struct transport_target){.address = "127.0.0.1",
                                               .port = PORT,
                                               .user = "root",
                                               .known_hosts = known,
                                               .keys = &key,
                                               .n_keys = 1,
                                               .connect_s = 20};
        hosts[i] = (struct want_host){
            .address = i ? "127.0.0.2" : "127.0.0.1", .roles = i ? ROLE_NODE : ROLE_MASTER, .listed = true};
    }
    want.hosts = hosts;
    want.n_hosts = 2;
    want.policy = policy_defaults();
    return 0;
}

int main(void)
{
    int status;
    if (!lab_enter(&status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection),
        cmocka_unit_test(failures_have_words),
        cmocka_unit_test(puts_files),
        cmocka_unit_test(observes),
        cmocka_unit_test(threads_take_turns),
        cmocka_unit_test(cancels),
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
    status = cmocka_run_group_tests_name("job", tests, set_up, NULL);
    return status > 100 ? 100 : status;
}
