/* Getting in over SSH: keys of every kind, agent, passwords, host keys, servers that do not answer. */
#include "tests/actions/ssh_case.h"

#include "actions/means/agent.h"
#include "actions/means/ssh_config.h"

#include <pthread.h>

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
    lab_user("asked", 3002, "it's a \"pass\\ word$", "/bin/bash", "asked ALL=(ALL) ALL");
    lab_sshd(PLAIN, "ed25519 ecdsa", NULL);
    lab_sshd(RSA_ONLY, "rsa", NULL);
    lab_sshd(PASSWORD, "ed25519", "UsePAM no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no");
    lab_sshd(KBD, "ed25519", "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes");
    lab_known(known[0], PLAIN, "ed25519");
    lab_known(known[0], PASSWORD, "ed25519");
    lab_known(known[0], KBD, "ed25519");
    return 0;
}

int main(void)
{
    int status;
    if (!lab_enter(&status))
        return status;
    const struct CMUnitTest tests[] = {
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
    };
    return ssh_case_run("ssh_login", tests, ARRAY_LEN(tests), set_up);
}
