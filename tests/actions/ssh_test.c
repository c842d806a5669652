#include "tests/actions/ssh_lab.h"

#include "actions/means/agent.h"
#include "actions/means/ssh_config.h"

#include <libssh2.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include <cmocka.h>

enum { PLAIN = 2201, RSA_ONLY, PASSWORD, KBD, SHELLS, RESTRICTED, BUSY };

static const char *const known[] = {LAB "/known", NULL};
static const struct transport_key ed25519 = {.path = LAB "/ed25519"};

static int literal(void *ctx, char **ret, struct error **err)
{
    (void)err;
    *ret = mem_strdup(ctx);
    return 0;
}
#define SECRET(s) ((struct transport_secret){.get = literal, .ctx = (char *)(s)})

static struct transport_target target(unsigned port)
{
    return (struct transport_target){.name = "node-a",
                                     .address = "127.0.0.1",
                                     .port = port,
                                     .user = "root",
                                     .known_hosts = known,
                                     .keys = &ed25519,
                                     .n_keys = 1,
                                     .connect_s = 20};
}

static void fail_with(const struct error *e)
{
    _cleanup_(text_free) struct text t = {0};
    if (e)
        error_text(e, &t);
    fail_msg("%s: %s | %s | %s", e ? error_code_name(e->code) : "no error", text_str(&t),
             e && e->hint ? e->hint : "", e && e->detail ? e->detail : "");
}

static struct transport *open_ok(const struct transport_target *g)
{
    struct transport *t = NULL;
    struct error *err = NULL;
    if (transport_open(g, &t, &err) < 0)
        fail_with(err);
    return t;
}

static void exec_ok(struct transport *t, struct transport_exec x, struct transport_result *r)
{
    struct error *err = NULL;
    if (transport_exec(t, &x, r, &err) < 0)
        fail_with(err);
}

/* Opening must fail with this code, and its words (message or hint) must hold `words`. */
static void open_fails(const struct transport_target *g, enum error_code code, const char *words)
{
    struct transport *t = NULL;
    struct error *err = NULL;
    _cleanup_(text_free) struct text all = {0};
    assert_int_equal(transport_open(g, &t, &err), -1);
    error_text(err, &all);
    text_addf(&all, " %s", err->hint ? err->hint : "");
    if (err->code != code || !strstr(text_str(&all), words))
        fail_msg("%s: %s", error_code_name(err->code), text_str(&all));
    assert_string_equal(err->subject, "node-a");
    error_free(err);
}

static void exec_fails(struct transport *t, struct transport_exec x, enum error_code code, const char *words)
{
    _cleanup_(transport_result_free) struct transport_result r = {0};
    _cleanup_(text_free) struct text all = {0};
    struct error *err = NULL;
    assert_int_equal(transport_exec(t, &x, &r, &err), -1);
    error_text(err, &all);
    text_addf(&all, " %s %s", err->hint ? err->hint : "", err->detail ? err->detail : "");
    if (err->code != code || !strstr(text_str(&all), words))
        fail_msg("%s: %s", error_code_name(err->code), text_str(&all));
    error_free(err);
}

static void login_says(const struct transport_target *g, const char *expected)
{
    _cleanup_(transport_result_free) struct transport_result r = {0};
    struct transport *t = open_ok(g);
    exec_ok(t, (struct transport_exec){.script = "id -un"}, &r);
    assert_string_equal(text_str(&r.out), expected);
    transport_close(t);
}

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
    exec_fails(
        t,
        (struct transport_exec){.script = "p=$$; while read -r n c s pp rest </proc/$p/stat && test \"$c\" "
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
        assert_string_equal(text_str(&r.out), input ? "0\nin\nit's /root\n" : "0\nit's /root\n");
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

/* --- logging in */

static void keys_of_every_kind(void **state)
{
    (void)state;
    static const char *const names[] = {"ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa",
                                        "rsa_pem", "ec_pem",   "ed_pkcs8", "rsa_pkcs8"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[64];
        snprintf(path, sizeof path, LAB "/%s", names[i]);
        struct transport_key k = {.path = path};
        struct transport_target g = target(PLAIN);
        g.keys = &k;
        print_message("%s\n", names[i]);
        login_says(&g, "root\n");
    }
    struct transport_key k = {.data = SECRET(lab_read(LAB "/rsa"))};
    struct transport_target g = target(PLAIN);
    g.keys = &k;
    login_says(&g, "root\n");
}

/* In a child: libssh2 1.10 leaks an ECDSA key that it opened itself. */
static void leaking_login(const struct transport_target *g)
{
    pid_t pid = fork();
    if (pid == 0) {
        login_says(g, "root\n");
        _exit(0);
    }
    int st = 1;
    waitpid(pid, &st, 0);
    assert_int_equal(st, 0);
}

static void passphrases(void **state)
{
    (void)state;
    static const char *const names[] = {"ed_secret", "ec_secret", "rsa_pem_secret"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[64];
        snprintf(path, sizeof path, LAB "/%s", names[i]);
        struct transport_key k = {.path = path, .passphrase = SECRET("open sesame")};
        struct transport_target g = target(PLAIN);
        g.keys = &k;
        print_message("%s\n", names[i]);
        if (str_eq(names[i], "ec_secret"))
            leaking_login(&g);
        else
            login_says(&g, "root\n");
        k.passphrase = SECRET("wrong");
        open_fails(&g, ERR_AUTH, "passphrase");
        open_fails(&g, ERR_AUTH, "wrong");
        k.passphrase = (struct transport_secret){0};
        open_fails(&g, ERR_AUTH, "needs a passphrase and none is given");
        open_fails(&g, ERR_AUTH, "pkPasswd");
    }
    struct transport_key k = {.path = LAB "/rsa_secret", .passphrase = SECRET("open sesame")};
    struct transport_target g = target(PLAIN);
    g.keys = &k;
    open_fails(&g, ERR_AUTH, "ssh-keygen -p -m PEM");
}

static void key_troubles(void **state)
{
    (void)state;
    struct transport_key k = {.path = LAB "/absent"};
    struct transport_target g = target(PLAIN);
    g.keys = &k;
    open_fails(&g, ERR_AUTH, "/absent cannot be read: No such file");
    k.path = LAB "/stranger";
    open_fails(&g, ERR_AUTH, "stranger: refused");
    k.path = LAB "/sshd.log";
    open_fails(&g, ERR_AUTH, "is not a private key");
    g.n_keys = 0;
    open_fails(&g, ERR_AUTH, "no key, agent or password to try");
    /* more keys than MaxAuthTries: the right one is the fifth */
    struct transport_key many[7];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct transport_key){.path = i == 4 ? LAB "/ed25519" : LAB "/stranger"};
    g.keys = many;
    g.n_keys = ARRAY_LEN(many);
    login_says(&g, "root\n");
    many[4].path = LAB "/stranger";
    open_fails(&g, ERR_AUTH, "refused");
}

static void through_the_agent(void **state)
{
    (void)state;
    if (lab_run("eval $(ssh-agent -a " LAB "/agent) >/dev/null && SSH_AUTH_SOCK=" LAB "/agent ssh-add -q " LAB
                "/stranger " LAB "/rsa"))
        fail_msg("no agent");
    struct transport_target g = target(PLAIN);
    g.n_keys = 0;
    g.agent_socket = LAB "/agent";
    login_says(&g, "root\n"); /* RSA, by SHA-2 */
    /* a named key under a passphrase that nobody gave, but which the agent holds */
    lab_write(LAB "/askpass", 0755, "#!/bin/sh\necho open sesame\n");
    lab_run("SSH_AUTH_SOCK=" LAB "/agent; export SSH_AUTH_SOCK; ssh-add -qD 2>/dev/null; SSH_ASKPASS=" LAB
            "/askpass SSH_ASKPASS_REQUIRE=force ssh-add -q " LAB "/rsa_secret 2>/dev/null </dev/null");
    struct transport_key k = {.path = LAB "/rsa_secret"};
    g.keys = &k;
    g.n_keys = 1;
    login_says(&g, "root\n");
    g.n_keys = 0;
    g.agent_socket = LAB "/no-agent";
    open_fails(&g, ERR_AUTH, "connect to the SSH agent");
    struct agent_keys keys = {0};
    assert_int_equal(agent_list(LAB "/agent", &keys, NULL), 0);
    assert_int_equal(keys.n, 1);
    agent_keys_free(&keys);
}

static void passwords(void **state)
{
    (void)state;
    static const unsigned ports[] = {PASSWORD, KBD};
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        struct transport_target g = target(ports[i]);
        g.n_keys = 0;
        g.user = "asked";
        g.password = g.sudo_password = SECRET("it's a \"pass\\ word$");
        login_says(&g, "root\n");
        g.password = SECRET("wrong horse");
        open_fails(&g, ERR_AUTH, "refused");
    }
    struct transport_target g = target(PLAIN);
    g.n_keys = 0;
    g.password = SECRET("any");
    open_fails(&g, ERR_AUTH, "the server takes none");
}

/* --- host keys */

static void host_keys(void **state)
{
    (void)state;
    static const char *const fresh[] = {LAB "/fresh/known", NULL}, *const wrong[] = {LAB "/wrong", NULL};
    struct transport_target g = target(PLAIN);
    g.known_hosts = fresh;
    open_fails(&g, ERR_HOST_KEY, "the host key is unknown: ssh-ed25519 SHA256:");
    open_fails(&g, ERR_HOST_KEY, "--accept-new-host-keys");
    g.accept_new_host_keys = true;
    transport_close(open_ok(&g));
    g.accept_new_host_keys = false;
    transport_close(open_ok(&g)); /* learned */
    lab_run("printf '[127.0.0.1]:%d %%s\\n' \"$(cut -d' ' -f1,2 " LAB "/stranger.pub)\" >" LAB "/wrong",
            PLAIN);
    g.known_hosts = wrong;
    open_fails(&g, ERR_HOST_KEY, LAB "/wrong:1 holds another");
    g.accept_new_host_keys = true;
    open_fails(&g, ERR_HOST_KEY, "is not the known one");
    lab_run("printf '@revoked * %%s\\n' \"$(cut -d' ' -f1,2 " LAB "/host_ed25519.pub)\" >>" LAB "/wrong");
    open_fails(&g, ERR_HOST_KEY, "revoked");
    bool learned = true;
    char *print = NULL;
    struct error *err = NULL;
    g.known_hosts = fresh;
    assert_int_equal(transport_trust(&g, &learned, &print, &err), 0);
    assert_false(learned);
    assert_int_equal(strncmp(print, "ssh-ed25519 SHA256:", 19), 0);
    free(print);
    /* the stored type is asked for, not libssh2's favourite */
    static const char *const ecdsa[] = {LAB "/ecdsa_known", NULL};
    lab_known(LAB "/ecdsa_known", PLAIN, "ecdsa");
    g.known_hosts = ecdsa;
    g.accept_new_host_keys = false;
    transport_close(open_ok(&g));
}

static void rsa_only_server(void **state)
{
    (void)state;
    struct transport_target g = target(RSA_ONLY);
    g.accept_new_host_keys = true;
    open_fails(&g, ERR_HOST_KEY, "only an RSA host key");
}

/* --- unreachable */

static int listener(unsigned port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 8) < 0)
        abort();
    return s;
}

/* Drops the first three connections, as an overloaded sshd does, then hands on to a real one. */
static void *drop_three(void *arg)
{
    int s = *(int *)arg;
    for (int i = 0; i < 3; i++)
        close(accept(s, NULL, NULL));
    close(s);
    return NULL;
}

static void unreachable(void **state)
{
    (void)state;
    struct transport_target g = target(2299);
    open_fails(&g, ERR_UNREACHABLE, "port 2299: Connection refused");
    int s = listener(2298);
    g.port = 2298;
    g.connect_s = 1;
    open_fails(&g, ERR_UNREACHABLE, "no SSH server greets");
    close(s);
    g.address = "no-such-name.invalid";
    open_fails(&g, ERR_UNREACHABLE, "cannot be resolved");
}

static void dropped_before_the_greeting(void **state)
{
    (void)state;
    int s = listener(BUSY);
    pthread_t thread;
    pthread_create(&thread, NULL, drop_three, &s);
    struct transport_target g = target(BUSY);
    g.connect_s = 20;
    struct transport *t = NULL;
    struct error *err = NULL;
    assert_int_equal(transport_open(&g, &t, &err), -1); /* then nobody listens */
    assert_int_equal(err->code, ERR_UNREACHABLE);
    error_free(err);
    pthread_join(thread, NULL); /* three were taken: it did try again */
}

static void ssh_configuration(void **state)
{
    (void)state;
    lab_write(LAB "/ssh_config", 0644,
              "Host alias-of-node\n HostName 127.0.0.1\n Port %d\n User root\n IdentityFile " LAB
              "/ecdsa256\n UserKnownHostsFile " LAB "/known\n",
              PLAIN);
    struct ssh_config_cache *cache = ssh_config_cache_new(LAB "/ssh_config");
    struct transport_target g = {
        .name = "node-a", .address = "alias-of-node", .ssh_config = true, .config_cache = cache};
    login_says(&g, "root\n");
    g.port = RSA_ONLY; /* explicit settings win */
    open_fails(&g, ERR_HOST_KEY, "RSA");
    ssh_config_cache_free(cache);
}

static int set_up(void **state)
{
    (void)state;
    lab_key("ed25519", "-t ed25519 -N ''");
    lab_key("ecdsa256", "-t ecdsa -b 256 -N ''");
    lab_key("ecdsa384", "-t ecdsa -b 384 -N ''");
    lab_key("ecdsa521", "-t ecdsa -b 521 -N ''");
    lab_key("rsa", "-t rsa -b 2048 -N ''");
    lab_key("rsa_pem", "-t rsa -b 2048 -m PEM -N ''");
    lab_key("rsa_pkcs8", "-t rsa -b 2048 -m PKCS8 -N ''");
    lab_key("ec_pem", "-t ecdsa -m PEM -N ''");
    lab_run("openssl genpkey -algorithm ed25519 -out " LAB "/ed_pkcs8 2>/dev/null && chmod 600 " LAB
            "/ed_pkcs8");
    lab_key("ed_secret", "-t ed25519 -N 'open sesame'");
    lab_key("ec_secret", "-t ecdsa -N 'open sesame'");
    lab_key("rsa_secret", "-t rsa -b 2048 -N 'open sesame'");
    lab_key("rsa_pem_secret", "-t rsa -b 2048 -m PEM -N 'open sesame'");
    /* ssh-keygen 9.2 does not read ed25519 in PKCS#8: its public half is the last 32 bytes of the DER */
    lab_run("{ printf 'ssh-ed25519 '; { printf '\\000\\000\\000\\013ssh-ed25519\\000\\000\\000\\040'; "
            "openssl pkey -in " LAB
            "/ed_pkcs8 -pubout -outform DER | tail -c 32; } | base64 -w0; echo; } >>" LAB "/authorized_keys");
    lab_run("ssh-keygen -q -t ed25519 -N '' -f " LAB "/stranger");
    lab_user("free", 3001, "x", "/bin/bash", "free ALL=(ALL) NOPASSWD: ALL");
    lab_user("asked", 3002, "it's a \"pass\\ word$", "/bin/bash", "asked ALL=(ALL) ALL");
    lab_user("tty", 3003, "x", "/bin/bash", "Defaults:tty requiretty\ntty ALL=(ALL) NOPASSWD: ALL");
    lab_user("nobody2", 3004, "secret", "/bin/bash", NULL);
    lab_user("fishy", 3005, "x", "/usr/bin/fish", NULL);
    lab_user("tcshy", 3006, "x", "/usr/bin/tcsh", NULL);
    lab_user("leaver", 3007, "x", "/usr/sbin/nologin", NULL);
    lab_append("/etc/passwd", "toor:x:0:0::/root:/bin/bash\n");
    lab_append("/etc/shadow", "toor:*:19000:0:99999:7:::\n");
    lab_write(LAB "/home/free/.bashrc", 0644, "echo noise without an end; printf 'and more'\nprintf 'x'\n");
    mkdir(LAB "/bin", 0755);
    lab_write(LAB "/force", 0755,
              "#!/bin/bash\necho noise before >&2\necho noise\nprintf nonewline\nPATH=" LAB
              "/bin:$PATH\n$SSH_ORIGINAL_COMMAND\ns=$?\necho noise after\nexit $s\n");
    lab_sshd(PLAIN, "ed25519 ecdsa", NULL);
    lab_sshd(RSA_ONLY, "rsa", NULL);
    lab_sshd(PASSWORD, "ed25519", "UsePAM no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no");
    lab_sshd(KBD, "ed25519", "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes");
    lab_sshd(SHELLS, "ed25519",
             "UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nForceCommand " LAB
             "/force");
    lab_known(known[0], PLAIN, "ed25519");
    lab_known(known[0], PASSWORD, "ed25519");
    lab_known(known[0], KBD, "ed25519");
    lab_known(known[0], SHELLS, "ed25519");
    return 0;
}

int main(void)
{
    int status;
    if (!lab_enter(&status))
        return status;
    libssh2_init(0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_programs),
        cmocka_unit_test(shows_lines_as_they_come),
        cmocka_unit_test(big_both_ways),
        cmocka_unit_test(much_stderr),
        cmocka_unit_test(input_not_read),
        cmocka_unit_test(too_much_output),
        cmocka_unit_test(not_to_its_end),
        cmocka_unit_test(deadlines),
        cmocka_unit_test(every_shell),
        cmocka_unit_test(login_shells),
        cmocka_unit_test(sudo_ways),
        cmocka_unit_test(sudo_refusals),
        cmocka_unit_test(keys_of_every_kind),
        cmocka_unit_test(passphrases),
        cmocka_unit_test(key_troubles),
        cmocka_unit_test(through_the_agent),
        cmocka_unit_test(passwords),
        cmocka_unit_test(host_keys),
        cmocka_unit_test(rsa_only_server),
        cmocka_unit_test(unreachable),
        cmocka_unit_test(dropped_before_the_greeting),
        cmocka_unit_test(ssh_configuration),
        cmocka_unit_test(cancelled_from_another_thread),
    };
    status = cmocka_run_group_tests_name("ssh", tests, set_up, NULL);
    libssh2_exit();
    return status > 100 ? 100 : status;
}
