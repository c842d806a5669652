#include "actions/means/known_hosts.h"
#include "actions/means/ssh_config.h"
#include "actions/means/wire.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], file[96];

/* Two made-up ed25519 keys as known_hosts has them, and the first one raw. */
static const unsigned char raw_head[] = "\0\0\0\013ssh-ed25519\0\0\0\040";
static unsigned char key_a[51];
static const char base_a[] = "AAAAC3NzaC1lZDI1NTE5AAAAIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh";
static const char base_b[] = "AAAAC3NzaC1lZDI1NTE5AAAAIGJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi";
static const char base_rsa[] = "AAAAB3NzaC1yc2EAAAADAQABAAAAAQE="; /* ssh-rsa, e, n: one byte */

static void write_file(const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct known_hosts *load(void)
{
    const char *const paths[] = {"/nonexistent/known_hosts", file, NULL};
    struct known_hosts *k = NULL;
    assert_int_equal(known_hosts_read(paths, &k, NULL), 0);
    return k;
}

static enum known_host check(const char *host, unsigned port)
{
    struct known_hosts *k = load();
    const char *where = NULL;
    enum known_host state = known_hosts_check(k, host, port, key_a, sizeof key_a, &where);
    if ((state == KNOWN_HOST_UNKNOWN) != (where == NULL))
        fail_msg("where: %s", where ? where : "none");
    known_hosts_free(k);
    return state;
}

static void each_case(void **state)
{
    (void)state;
    static const struct {
        const char *hosts, *type, *key, *host;
        unsigned port;
        enum known_host expected;
    } cases[] = {
        {"10.0.0.1", "ssh-ed25519", base_a, "10.0.0.1", 22, KNOWN_HOST_MATCH},
        {"10.0.0.1", "ssh-ed25519", base_b, "10.0.0.1", 22, KNOWN_HOST_CHANGED},
        {"10.0.0.1", "ssh-rsa", base_rsa, "10.0.0.1", 22, KNOWN_HOST_OTHER},
        {"10.0.0.1", "ssh-ed25519", base_a, "10.0.0.2", 22, KNOWN_HOST_UNKNOWN},
        {"n1", "ssh-ed25519", base_a, "n1", 22, KNOWN_HOST_MATCH}, /* libssh2 never matches two letters */
        {"a,n1,b", "ssh-ed25519", base_a, "n1", 22, KNOWN_HOST_MATCH},
        {"Node.Example", "ssh-ed25519", base_a, "nodE.example", 22, KNOWN_HOST_MATCH},
        {"[10.0.0.1]:2222", "ssh-ed25519", base_a, "10.0.0.1", 2222, KNOWN_HOST_MATCH},
        {"[10.0.0.1]:2222", "ssh-ed25519", base_a, "10.0.0.1", 22, KNOWN_HOST_UNKNOWN},
        {"[10.0.0.1]:2222", "ssh-ed25519", base_b, "10.0.0.1", 2222, KNOWN_HOST_CHANGED},
        {"10.0.0.1", "ssh-ed25519", base_a, "10.0.0.1", 2222,
         KNOWN_HOST_MATCH}, /* vouches for every port … */
        {"10.0.0.1", "ssh-ed25519", base_b, "10.0.0.1", 2222, KNOWN_HOST_UNKNOWN}, /* … never against */
        {"fd00::1", "ssh-ed25519", base_a, "fd00::1", 22, KNOWN_HOST_MATCH},
        {"[fd00::1]:2222", "ssh-ed25519", base_a, "FD00::1", 2222, KNOWN_HOST_MATCH},
        {"10.0.0.*", "ssh-ed25519", base_a, "10.0.0.77", 22, KNOWN_HOST_MATCH},
        {"10.0.0.?", "ssh-ed25519", base_a, "10.0.0.77", 22, KNOWN_HOST_UNKNOWN},
        {"*,!10.0.0.77", "ssh-ed25519", base_a, "10.0.0.77", 22, KNOWN_HOST_UNKNOWN},
        {"!10.0.0.77,*", "ssh-ed25519", base_a, "10.0.0.78", 22, KNOWN_HOST_MATCH},
        {"*a*b*", "ssh-ed25519", base_a, "xaybz", 22, KNOWN_HOST_MATCH},
        {"@revoked *", "ssh-ed25519", base_a, "10.0.0.1", 22, KNOWN_HOST_REVOKED},
        {"@revoked *", "ssh-ed25519", base_a, "10.0.0.1", 2222, KNOWN_HOST_REVOKED},
        {"@revoked *", "ssh-ed25519", base_b, "10.0.0.1", 22, KNOWN_HOST_UNKNOWN},
        {"@cert-authority *.x", "ssh-ed25519", base_b, "a.x", 22, KNOWN_HOST_CERTIFIED},
        {"@other *", "ssh-ed25519", base_a, "a.x", 22, KNOWN_HOST_UNKNOWN},
        {"# n1", "ssh-ed25519", base_a, "n1", 22, KNOWN_HOST_UNKNOWN},
        {"n1", "ssh-rsa", base_a, "n1", 22, KNOWN_HOST_UNKNOWN}, /* the type lies */
        {"n1", "ssh-ed25519", "AAAA", "n1", 22, KNOWN_HOST_UNKNOWN},
        {"n1", "ssh-ed25519", "not base64!", "n1", 22, KNOWN_HOST_UNKNOWN},
        {"n1", "", "", "n1", 22, KNOWN_HOST_UNKNOWN},
        {"", "", "", "n1", 22, KNOWN_HOST_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int crlf = 0; crlf < 2; crlf++) {
            _cleanup_(text_free) struct text t = {0};
            text_addf(&t, "bad line\n%s %s %s a comment%s", cases[i].hosts, cases[i].type, cases[i].key,
                      crlf ? "\r\n" : "");
            write_file(text_str(&t));
            enum known_host state_is = check(cases[i].host, cases[i].port);
            if (state_is != cases[i].expected)
                fail_msg("%s for %s: %d", cases[i].hosts, cases[i].host, state_is);
        }
}

static void precedence(void **state)
{
    (void)state;
    _cleanup_(text_free) struct text t = {0};
    text_addf(&t, "n1 ssh-ed25519 %s\nn1 ssh-ed25519 %s\n", base_b, base_a);
    write_file(text_str(&t));
    assert_int_equal(check("n1", 22), KNOWN_HOST_MATCH); /* a host may have several keys */
    text_addf(&t, "@revoked * ssh-ed25519 %s\n", base_a);
    write_file(text_str(&t));
    assert_int_equal(check("n1", 22), KNOWN_HOST_REVOKED);
    /* a line of 20 kB, and a NUL, hide nothing that follows */
    text_clear(&t);
    for (int i = 0; i < 20000; i++)
        text_addc(&t, 'x');
    text_addf(&t, " ssh-ed25519 %s\nn2 ssh-", base_a);
    text_addc(&t, 0);
    text_addf(&t, "\nn1 ssh-ed25519 %s\n", base_a);
    int fd = open(file, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, t.data, t.len), (ssize_t)t.len);
    close(fd);
    assert_int_equal(check("n1", 22), KNOWN_HOST_MATCH);
}

static void hashed(void **state)
{
    (void)state;
    if (system("command -v ssh-keygen >/dev/null 2>&1") != 0)
        skip();
    _cleanup_(text_free) struct text t = {0};
    text_addf(&t, "n1,[n1]:2222 ssh-ed25519 %s\n", base_a);
    write_file(text_str(&t));
    char cmd[256];
    snprintf(cmd, sizeof cmd, "ssh-keygen -q -H -f %s >/dev/null 2>&1", file);
    if (system(cmd) != 0)
        skip();
    assert_int_equal(check("n1", 22), KNOWN_HOST_MATCH);
    assert_int_equal(check("N1", 2222), KNOWN_HOST_MATCH);
    assert_int_equal(check("n2", 22), KNOWN_HOST_UNKNOWN);
    write_file("|1|AAAA|BBBB ssh-ed25519 x\n|1| ssh-ed25519\n|1|||| ssh-ed25519 x\n");
    assert_int_equal(check("n1", 22), KNOWN_HOST_UNKNOWN);
}

static void types_are_told(void **state)
{
    (void)state;
    _cleanup_(text_free) struct text t = {0}, out = {0};
    text_addf(&t, "n1 ssh-rsa %s\nn1 ssh-ed25519 %s\n@revoked n2 ssh-ed25519 %s\n", base_rsa, base_a, base_a);
    write_file(text_str(&t));
    struct known_hosts *k = load();
    known_hosts_types(k, "n1", 22, &out);
    assert_string_equal(text_str(&out), "ssh-ed25519,ssh-rsa");
    text_clear(&out);
    known_hosts_types(k, "n1", 2222, &out); /* the portless line counts here too */
    assert_string_equal(text_str(&out), "ssh-ed25519,ssh-rsa");
    text_clear(&out);
    known_hosts_types(k, "n2", 22, &out);
    assert_string_equal(text_str(&out), "");
    known_hosts_free(k);
}

static void unreadable_is_an_error(void **state)
{
    (void)state;
    const char *const paths[] = {file, NULL};
    struct known_hosts *k = NULL;
    struct error *err = NULL;
    write_file("");
    chmod(file, 0);
    if (geteuid() != 0) {
        assert_int_equal(known_hosts_read(paths, &k, &err), -1);
        error_free(err);
    }
    chmod(file, 0600);
    const char *const null[] = {"/dev/null", "/dev/zero", dir, NULL}; /* not files: nothing is known */
    assert_int_equal(known_hosts_read(null, &k, NULL), 0);
    known_hosts_free(k);
}

static void *add_many(void *arg)
{
    char host[32];
    for (int i = 0; i < 50; i++) {
        snprintf(host, sizeof host, "h%d-%d", (int)(intptr_t)arg, i);
        assert_int_equal(known_hosts_add(file, host, 22, key_a, sizeof key_a, NULL), 0);
    }
    return NULL;
}

static void learns(void **state)
{
    (void)state;
    unlink(file);
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/.ssh/known_hosts", dir);
    assert_int_equal(known_hosts_add(path, "Host", 22, key_a, sizeof key_a, NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    unlink(path);
    snprintf(path, sizeof path, "%s/.ssh", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    rmdir(path);
    write_file("# no newline at its end");
    assert_int_equal(known_hosts_add(file, "n1", 2222, key_a, sizeof key_a, NULL), 0);
    assert_int_equal(check("n1", 2222), KNOWN_HOST_MATCH);
    pthread_t t[4];
    for (intptr_t i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, add_many, (void *)i);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    struct known_hosts *k = load();
    for (int i = 0; i < 200; i++) {
        char host[32];
        snprintf(host, sizeof host, "h%d-%d", i / 50, i % 50);
        assert_int_equal(known_hosts_check(k, host, 22, key_a, sizeof key_a, NULL), KNOWN_HOST_MATCH);
    }
    known_hosts_free(k);
    struct error *err = NULL;
    assert_int_equal(known_hosts_add(file, "n1", 22, "garbage", 7, &err), -1);
    assert_int_equal(err->code, ERR_PROTOCOL);
    error_free(err);
    if (access("/dev/full", W_OK) == 0) {
        err = NULL;
        assert_int_equal(known_hosts_add("/dev/full", "n1", 22, key_a, sizeof key_a, &err), -1);
        assert_int_equal(err->code, ERR_NO_SPACE);
        error_free(err);
    }
}

static void fingerprints(void **state)
{
    (void)state;
    _cleanup_(text_free) struct text t = {0};
    known_hosts_fingerprint(key_a, sizeof key_a, &t);
    assert_string_equal(text_str(&t), "SHA256:TGIk2D1DFZBKmjWssB2+Qdiona/OUK1TSuWAAHMK+n0");
}

/* --- ssh -G */

static void reads_ssh_g(void **state)
{
    (void)state;
    struct ssh_config c = {0};
    ssh_config_parse(
        "host x\nuser alice\nhostname 10.1.1.1\nport 2222\nconnecttimeout none\nidentityfile ~/.ssh/a key\n"
        "identityfile /b\nuserknownhostsfile /home/u/.ssh/known_hosts ~/second\nglobalknownhostsfile /g\n"
        "identityagent SSH_AUTH_SOCK\nproxyjump none\nhostkeyalias n\n",
        "/home/u", "bob", &c);
    assert_string_equal(c.user, "alice");
    assert_string_equal(c.hostname, "10.1.1.1");
    assert_int_equal(c.port, 2222);
    assert_int_equal(c.connect_s, 0);
    assert_string_equal(c.identity_files[0], "/home/u/.ssh/a key");
    assert_string_equal(c.identity_files[1], "/b");
    assert_int_equal(c.n_known_hosts, 3);
    assert_string_equal(c.known_hosts[1], "/home/u/second");
    assert_string_equal(c.known_hosts[2], "/g");
    assert_null(c.known_hosts[3]);
    assert_null(c.agent);
    assert_null(c.proxy);
    assert_string_equal(c.host_key_alias, "n");
    ssh_config_free(&c);
    ssh_config_parse(
        "user bob\nconnecttimeout 7\nproxyjump gate\nidentityagent none\nuserknownhostsfile none\n",
        "/home/u", "bob", &c);
    assert_null(c.user); /* ssh's default is the local user, ours is root */
    assert_int_equal(c.connect_s, 7);
    assert_string_equal(c.proxy, "gate");
    assert_string_equal(c.agent, "none");
    assert_int_equal(c.n_known_hosts, 0);
    ssh_config_free(&c);
}

static void asks_ssh(void **state)
{
    (void)state;
    if (system("command -v ssh >/dev/null 2>&1") != 0)
        skip();
    write_file("Host *\n ConnectTimeout 9\n User carol\n"); /* the same for all: asked once */
    struct ssh_config_cache *cache = ssh_config_cache_new(file);
    for (int i = 0; i < 2; i++) {
        struct ssh_config c = {0};
        assert_int_equal(ssh_config_resolve(cache, i ? "10.0.0.1" : "x", NULL, 0, &c, NULL), 0);
        assert_int_equal(c.connect_s, 9);
        assert_string_equal(c.user, "carol");
        assert_null(c.hostname);
        ssh_config_free(&c);
        write_file("Host *\n ConnectTimeout 99\n");
    }
    ssh_config_cache_free(cache);
    write_file("Host a?\n Port 77\n HostName %h.example\n");
    cache = ssh_config_cache_new(file);
    for (int i = 0; i < 2; i++) {
        struct ssh_config c = {0};
        assert_int_equal(ssh_config_resolve(cache, i ? "a1" : "b1", NULL, 0, &c, NULL), 0);
        assert_int_equal(c.port, i ? 77 : 22);
        assert_string_equal(c.hostname, i ? "a1.example" : "b1");
        ssh_config_free(&c);
    }
    ssh_config_cache_free(cache);
    write_file("Nonsense yes\n");
    cache = ssh_config_cache_new(file);
    struct error *err = NULL;
    struct ssh_config c = {0};
    assert_int_equal(ssh_config_resolve(cache, "x", NULL, 0, &c, &err), -1);
    assert_int_equal(err->code, ERR_INVALID);
    error_free(err);
    ssh_config_cache_free(cache);
}

int main(void)
{
    snprintf(dir, sizeof dir, "/tmp/known-hosts-test.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(file, sizeof file, "%s/known_hosts", dir);
    memcpy(key_a, raw_head, 19);
    memset(key_a + 19, 'a', 32);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case),
        cmocka_unit_test(precedence),
        cmocka_unit_test(hashed),
        cmocka_unit_test(types_are_told),
        cmocka_unit_test(unreadable_is_an_error),
        cmocka_unit_test(learns),
        cmocka_unit_test(fingerprints),
        cmocka_unit_test(reads_ssh_g),
        cmocka_unit_test(asks_ssh),
    };
    int rc = cmocka_run_group_tests_name("known_hosts", tests, NULL, NULL);
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd) == 0 ? rc : 1;
}
