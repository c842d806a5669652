/* Programs over SSH: both streams, their ends, deadlines, shells, sudo. */
#include "tests/actions/ssh_case.h"

#include <pthread.h>
#include <sys/eventfd.h>

/* --- running programs */

static void runs_programs(void **state)
{
    (void)state;
    struct transport_target g = target(PLAIN);
    struct transport *t = open_ok(&g);
    for (int i = 0; i < 3; i++) {
        _cleanup_(transport_result_free) struct transport_result r = {0};
        exec_ok(t, (struct transport_exec){.script = "printf 'a b'; echo oops >&2; printf half >&2; exit 7"},
                &r);
        assert_int_equal(r.status, 7);
        assert_string_equal(text_str(&r.out), "a b");
        assert_string_equal(text_str(&r.err), "oops\nhalf");
        assert_true(transport_usable(t));
    }
    _cleanup_(transport_result_free) struct transport_result r = {0};
    exec_ok(t, (struct transport_exec){.script = "cat; cat <<E\nx\nE\n# a comment at the end"}, &r);
    assert_string_equal(text_str(&r.out), "x\n"); /* nothing of our frame on the program's stdin */
    transport_close(t);
}

static void collect(void *ctx, const char *line)
{
    text_addf(ctx, "<%s>", line);
}

static void shows_lines_as_they_come(void **state)
{
    (void)state;
    struct transport_target g = target(PLAIN);
    struct transport *t = open_ok(&g);
    _cleanup_(text_free) struct text lines = {0};
    _cleanup_(transport_result_free) struct transport_result r = {0};
    exec_ok(t,
            (struct transport_exec){.script = "printf 'one\\n\\ntw\\033o\\nlast' >&2; cat",
                                    .input = "in",
                                    .input_len = 2,
                                    .line = collect,
                                    .line_ctx = &lines},
            &r);
    assert_string_equal(text_str(&lines), "<one><><tw?o><last>");
    assert_string_equal(text_str(&r.out), "in");
    transport_close(t);
}

struct count {
    unsigned long long left, got;
    unsigned sum;
};
static unsigned char block[256 * 1024];

static int feed_block(void *ctx, const void **data, size_t *len, struct error **err)
{
    struct count *c = ctx;
    (void)err;
    *data = block;
    *len = c->left < sizeof block ? c->left : sizeof block;
    c->left -= *len;
    return 0;
}

static int take_block(void *ctx, const void *data, size_t len, struct error **err)
{
    struct count *c = ctx;
    (void)err;
    for (size_t i = 0; i < len; i += 997)
        c->sum += ((const unsigned char *)data)[i];
    c->got += len;
    return 0;
}

static void big_both_ways(void **state)
{
    (void)state;
    enum { SIZE = 24 << 20 };
    struct transport_target g = target(PLAIN);
    struct transport *t = open_ok(&g);
    _cleanup_(transport_result_free) struct transport_result r = {0};
    struct count in = {.left = SIZE}, out = {0};
    exec_ok(t,
            (struct transport_exec){
                .script = "cat", .feed = feed_block, .feed_ctx = &in, .out = take_block, .out_ctx = &out},
            &r);
    assert_int_equal(out.got, SIZE);
    _cleanup_(transport_result_free) struct transport_result sum = {0};
    in.left = SIZE;
    exec_ok(t,
            (struct transport_exec){.script = "head -c 1000 >/dev/null; wc -c; seq 700000 >&2",
                                    .feed = feed_block,
                                    .feed_ctx = &in,
                                    .err_max = 1 << 16},
            &sum);
    assert_int_equal(atoi(text_str(&sum.out)) > 0, 1);
    assert_int_equal(sum.err.len, 1 << 16);
    transport_close(t);
}

/* 4.8 MB of stderr before and between stdout: one of them alone would fill its window and stop the other. */
static void much_stderr(void **state)
{
    (void)state;
    struct transport_target g = target(PLAIN);
    struct transport *t = open_ok(&g);
    _cleanup_(transport_result_free) struct transport_result r = {0};
    exec_ok(t, (struct transport_exec){.script = "seq 700000 >&2; seq 300000; seq 10 >&2"}, &r);
    assert_int_equal(r.out.len, 1988895);
    assert_int_equal(r.err.len, 4788895 + 21);
    transport_close(t);
}

static void input_not_read(void **state)
{
    (void)state;
    struct transport_target g = target(PLAIN);
    struct transport *t = open_ok(&g);
    _cleanup_(transport_result_free) struct transport_result r = {0}, again = {0};
    struct count in = {.left = 16 << 20};
    exec_ok(t, (struct transport_exec){.script = "exit 3", .feed = feed_block, .feed_ctx = &in}, &r);
    assert_int_equal(r.status, 3);
    exec_ok(t, (struct transport_exec){.script = "echo on"}, &again);
    assert_string_equal(text_str(&again.out), "on\n");
    transport_close(t);
}

static void too_much_output(void **state)
{
    (void)state;
    struct transport_target g = target(PLAIN);
    struct transport *t = open_ok(&g);
    exec_fails(t, (struct transport_exec){.script = "seq 1000000", .out_max = 1 << 20, .what = "count"},
               ERR_PROTOCOL, "more than 1 MiB");
    assert_false(transport_usable(t));
    transport_close(t);
}

static void not_to_its_end(void **state)
{
    (void)state;
    struct transport_target g = target(PLAIN);
    struct transport *t = open_ok(&g);
    exec_fails(t, (struct transport_exec){.script = "echo x; kill -9 $$"}, ERR_REMOTE_EXIT, "signal KILL");
    _cleanup_(transport_result_free) struct transport_result r = {0};
    exec_ok(t, (struct transport_exec){.script = "kill -9 $(exec sh -c 'echo $PPID')"},
            &r); /* the subshell alone */
    assert_int_equal(r.status, 137);
    exec_fails(t, (struct transport_exec){.script = "exit 0\n) ; exit 0; ( :"}, ERR_PROTOCOL, "cut short");
    exec_fails(t, (struct transport_exec){.script = "if"}, ERR_PROTOCOL, "");
    /* the sshd of this very session dies in the middle of a command */
    exec_fails(t,
               (struct transport_exec){.script = "echo x; p=$$; while read -r n c s pp rest </proc/$p/stat "
                                                 "&& test \"$c\" != '(sshd)'; do p=$pp; done; kill -9 $p; "
                                                 "sleep 20"},
               ERR_UNREACHABLE, "lost");
    assert_false(transport_usable(t));
    transport_close(t);
}

static void deadlines(void **state)
{
    (void)state;
    struct transport_target g = target(PLAIN);
    struct transport *t = open_ok(&g);
    exec_fails(t, (struct transport_exec){.script = "sleep 60", .timeout_s = 1, .what = "wait"}, ERR_TIMEOUT,
               "wait: not done in time");
    transport_close(t);
    /* longer than the idle time, but keep-alives are answered */
    g.idle_s = 3;
    t = open_ok(&g);
    _cleanup_(transport_result_free) struct transport_result r = {0};
    exec_ok(t, (struct transport_exec){.script = "sleep 5; echo ok"}, &r);
    assert_string_equal(text_str(&r.out), "ok\n");
    /* a frozen server answers nothing */
    exec_fails(t,
               (struct transport_exec){.script =
                                           "p=$$; while read -r n c s pp rest </proc/$p/stat && test \"$c\" "
                                           "!= '(sshd)'; do p=$pp; done; kill -STOP $p; sleep 60",
                                       .what = "freeze"},
               ERR_UNREACHABLE, "no sign of life for 3 s");
    transport_close(t);
}

struct later {
    int fd;
    const char *flag;
};
static bool exists(void *path)
{
    return access(path, F_OK) == 0;
}
static void *cancel_later(void *arg)
{
    struct later *l = arg;
    if (lab_await(exists, (void *)l->flag))
        eventfd_write(l->fd, 1);
    return NULL;
}

static void cancelled_from_another_thread(void **state)
{
    (void)state;
    struct transport_target g = target(PLAIN);
    struct later l = {.fd = eventfd(0, EFD_CLOEXEC), .flag = LAB "/running"};
    g.cancel_fd = l.fd;
    struct transport *t = open_ok(&g);
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_later, &l);
    exec_fails(t, (struct transport_exec){.script = ": >" LAB "/running; sleep 60"}, ERR_CANCELLED, "");
    pthread_join(thread, NULL);
    transport_close(t);
    open_fails(&g, ERR_CANCELLED, "");
    close(l.fd);
}

/* --- shells and noise: a forced command puts another `sh` in front and speaks before and after */

static void every_shell(void **state)
{
    (void)state;
    static const struct {
        const char *name, *path, *line;
    } shells[] = {{"dash", "/bin/dash", "exec /bin/dash \"$@\""},
                  {"bash", "/bin/bash", "exec -a sh /bin/bash \"$@\""},
                  {"busybox", "/bin/busybox", "exec /bin/busybox sh \"$@\""},
                  {"mksh", "/bin/mksh", "exec /bin/mksh \"$@\""},
                  {"zsh", "/bin/zsh", "exec -a sh /bin/zsh \"$@\""}};
    static char data[300000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 31 + i / 251);
    struct transport_target g = target(SHELLS);
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (access(shells[i].path, X_OK) < 0) {
            print_message("%s is not installed, skipped\n", shells[i].name);
            continue;
        }
        lab_write(LAB "/bin/sh", 0755, "#!/bin/bash\n%s\n", shells[i].line);
        struct transport *t = open_ok(&g);
        _cleanup_(transport_result_free) struct transport_result r = {0};
        exec_ok(
            t,
            (struct transport_exec){.script = "cat; printf 'e' >&2", .input = data, .input_len = sizeof data},
            &r);
        assert_int_equal(r.out.len, sizeof data);
        assert_memory_equal(r.out.data, data, sizeof data);
        assert_string_equal(text_str(&r.err), "noise before\ne");
        transport_close(t);
    }
    unlink(LAB "/bin/sh");
}

static void login_shells(void **state)
{
    (void)state;
    static const char *const users[] = {"fishy", "tcshy"};
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        if (access(i ? "/usr/bin/tcsh" : "/usr/bin/fish", X_OK) < 0) {
            print_message("the shell of %s is not installed, skipped\n", users[i]);
            continue;
        }
        struct transport_target g = target(PLAIN);
        g.user = users[i];
        struct transport *t = open_ok(&g);
        _cleanup_(transport_result_free) struct transport_result r = {0};
        exec_ok(t,
                (struct transport_exec){.script = "for i in a b; do echo \"$i$UNSET\" 2>/dev/null; done",
                                        .as_login_user = true},
                &r);
        assert_string_equal(text_str(&r.out), "a\nb\n");
        transport_close(t);
    }
    struct transport_target g = target(PLAIN);
    g.user = "leaver";
    struct transport *t = open_ok(&g);
    exec_fails(t, (struct transport_exec){.script = "echo hi", .as_login_user = true}, ERR_PROTOCOL,
               "currently not available");
    transport_close(t);
}

/* --- sudo */

static void sudo_says(const struct transport_target *g, bool input)
{
    struct transport *t = open_ok(g);
    for (int i = 0; i < 2; i++) {
        _cleanup_(transport_result_free) struct transport_result r = {0};
        exec_ok(t,
                (struct transport_exec){.script = "id -u; cat; echo \"it's $HOME\"; exit 4",
                                        .input = input ? "in\n" : NULL,
                                        .input_len = 3},
                &r);
        assert_string_equal(text_str(&r.out),
                            input ? "0\nin\nit's " LAB "/home/root\n" : "0\nit's " LAB "/home/root\n");
        assert_string_equal(text_str(&r.err), "");
        assert_int_equal(r.status, 4);
    }
    transport_close(t);
}

static void sudo_ways(void **state)
{
    (void)state;
    if (access("/usr/bin/sudo", X_OK) < 0)
        skip();
    struct transport_target g = target(PLAIN);
    g.user = "free"; /* NOPASSWD: the password must not be sent, the shell would run it */
    g.sudo_password = SECRET("touch " LAB "/leaked");
    sudo_says(&g, false);
    sudo_says(&g, true);
    assert_int_equal(access(LAB "/leaked", F_OK), -1);
    g.user = "asked";
    g.sudo_password = SECRET("it's a \"pass\\ word$");
    sudo_says(&g, false);
    sudo_says(&g, true);
    g.user = "toor"; /* uid 0 under another name */
    sudo_says(&g, false);
    sudo_says(&g, true);
}

static void sudo_refusals(void **state)
{
    (void)state;
    if (access("/usr/bin/sudo", X_OK) < 0)
        skip();
    static const struct {
        const char *user, *password, *words;
    } cases[] = {{"asked", "wrong", "sudo refuses the password of user asked"},
                 {"asked", NULL, "asks for a password of user asked and none is given"},
                 {"tty", NULL, "requiretty"},
                 {"nobody2", "x", "may not use sudo"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct transport_target g = target(PLAIN);
        g.user = cases[i].user;
        if (cases[i].password)
            g.sudo_password = SECRET(cases[i].password);
        if (str_eq(g.user, "nobody2"))
            g.sudo_password = SECRET("secret");
        struct transport *t = open_ok(&g);
        exec_fails(t, (struct transport_exec){.script = "id", .input = i ? "x" : NULL, .input_len = 1},
                   ERR_AUTH, cases[i].words);
        assert_true(transport_usable(t));
        _cleanup_(transport_result_free) struct transport_result r = {0};
        exec_ok(t, (struct transport_exec){.script = "echo still here", .as_login_user = true}, &r);
        transport_close(t);
    }
}

static int set_up(void **state)
{
    (void)state;
    lab_key("ed25519", "-t ed25519 -N ''");
    lab_user("free", 3001, "x", "/bin/bash", "free ALL=(ALL) NOPASSWD: ALL");
    lab_user("asked", 3002, "it's a \"pass\\ word$", "/bin/bash", "asked ALL=(ALL) ALL");
    lab_user("tty", 3003, "x", "/bin/bash", "Defaults:tty requiretty\ntty ALL=(ALL) NOPASSWD: ALL");
    lab_user("nobody2", 3004, "secret", "/bin/bash", NULL);
    lab_user("fishy", 3005, "x", "/usr/bin/fish", NULL);
    lab_user("tcshy", 3006, "x", "/usr/bin/tcsh", NULL);
    lab_user("leaver", 3007, "x", "/usr/sbin/nologin", NULL);
    lab_append("/etc/passwd", "toor:x:0:0::" LAB "/home/root:/bin/bash\n");
    lab_append("/etc/shadow", "toor:*:19000:0:99999:7:::\n");
    lab_write(LAB "/home/free/.bashrc", 0644, "echo noise without an end; printf 'and more'\nprintf 'x'\n");
    mkdir(LAB "/bin", 0755);
    lab_write(LAB "/force", 0755,
              "#!/bin/bash\necho noise before >&2\necho noise\nprintf nonewline\nPATH=" LAB
              "/bin:$PATH\n$SSH_ORIGINAL_COMMAND\ns=$?\necho noise after\nexit $s\n");
    lab_sshd(PLAIN, "ed25519", NULL);
    lab_sshd(SHELLS, "ed25519",
             "UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nForceCommand " LAB
             "/force");
    lab_known(known[0], PLAIN, "ed25519");
    lab_known(known[0], SHELLS, "ed25519");
    return 0;
}

int main(void)
{
    int status;
    if (!lab_enter(&status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_programs),
        cmocka_unit_test(shows_lines_as_they_come),
        cmocka_unit_test(big_both_ways),
        cmocka_unit_test(much_stderr),
        cmocka_unit_test(input_not_read),
        cmocka_unit_test(too_much_output),
        cmocka_unit_test(not_to_its_end),
        cmocka_unit_test(deadlines),
        cmocka_unit_test(cancelled_from_another_thread),
        cmocka_unit_test(every_shell),
        cmocka_unit_test(login_shells),
        cmocka_unit_test(sudo_ways),
        cmocka_unit_test(sudo_refusals),
    };
    return ssh_case_run("ssh_exec", tests, ARRAY_LEN(tests), set_up);
}
