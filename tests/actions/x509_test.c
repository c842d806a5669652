#include "actions/means/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct pki_bundle shared; /* keys are slow to make: one bundle for all tests that only read */
static char dir[] = "/tmp/reconcile-x509-XXXXXX";

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static const char *at(const char *name)
{
    static char path[4][128];
    static int i;
    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", dir, name);
    return path[i];
}

/* Output and exit status of a command. */
static int run(const char *command, struct text *out)
{
    FILE *p = popen(command, "r");
    assert_non_null(p);
    char buf[4096];
    for (size_t n; (n = fread(buf, 1, sizeof buf, p)) > 0;)
        text_addn(out, buf, n);
    return pclose(p);
}

static const char *file(const struct pki_bundle *b, enum pki_file f)
{
    return text_str(&b->files[f]);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) && pki_bundle_generate(&shared, X509_DAYS_SEALOS, 0, NULL) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pki_bundle_free(&shared);
    _cleanup_(text_free) struct text command = {0}, out = {0};
    text_addf(&command, "rm -rf '%s'", dir);
    return run(text_str(&command), &out);
}

static void test_authorities(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    static const struct {
        enum pki_file crt;
        const char *cn;
    } rows[] = {
        {PKI_CA_CRT, "kubernetes"}, {PKI_FRONT_PROXY_CA_CRT, "front-proxy-ca"}, {PKI_ETCD_CA_CRT, "etcd-ca"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct x509_info info;
        assert_int_equal(x509_read(a, file(&shared, rows[i].crt), &info, NULL), 0);
        assert_string_equal(info.common_name, rows[i].cn);
        assert_true(info.ca);
        assert_string_equal(info.names[0], rows[i].cn);
        int64_t now = (int64_t)time(NULL);
        assert_true(info.not_before <= now && info.not_before > now - 3600);
        assert_true(info.not_after > now + (int64_t)36499 * 86400);
        _cleanup_(text_free) struct text command = {0}, out = {0};
        write_file(at("ca.crt"), file(&shared, rows[i].crt));
        text_addf(&command, "openssl verify -x509_strict -CAfile %s %s 2>&1", at("ca.crt"), at("ca.crt"));
        assert_int_equal(run(text_str(&command), &out), 0);
        text_clear(&command);
        text_clear(&out);
        text_addf(&command, "openssl x509 -in %s -noout -text", at("ca.crt"));
        run(text_str(&command), &out);
        assert_non_null(strstr(text_str(&out), "CA:TRUE"));
        assert_non_null(strstr(text_str(&out), "Digital Signature, Key Encipherment, Certificate Sign"));
        assert_non_null(strstr(text_str(&out), "Public-Key: (2048 bit)"));
    }
    /* As kubeadm writes them: PKCS#1. */
    assert_true(str_starts(file(&shared, PKI_SA_KEY), "-----BEGIN RSA PRIVATE KEY-----"));
    assert_true(str_starts(file(&shared, PKI_SA_PUB), "-----BEGIN PUBLIC KEY-----"));
    assert_int_equal(pki_bundle_check(&shared, false, 0, NULL), 0);
}

/* The discovery hash against the command that kubeadm's own documentation gives for it. */
static void test_fingerprints(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(text_free) struct text command = {0}, out = {0};
    char hash[72];
    struct x509_info info;
    write_file(at("ca.crt"), file(&shared, PKI_CA_CRT));
    assert_int_equal(pki_discovery_hash(file(&shared, PKI_CA_CRT), hash, NULL), 0);
    text_addf(&command,
              "openssl x509 -pubkey -in %s | openssl pkey -pubin -outform der | openssl dgst -sha256 -r | "
              "cut -c1-64",
              at("ca.crt"));
    assert_int_equal(run(text_str(&command), &out), 0);
    assert_int_equal(strncmp(text_str(&out), hash + strlen("sha256:"), 64), 0);
    text_clear(&command);
    text_clear(&out);
    assert_int_equal(x509_read(a, file(&shared, PKI_CA_CRT), &info, NULL), 0);
    text_addf(&command, "openssl x509 -in %s -outform der | openssl dgst -sha256 -r", at("ca.crt"));
    run(text_str(&command), &out);
    assert_int_equal(strncmp(text_str(&out), info.sha256, 64), 0);
    char pub[DIGEST_HEX];
    assert_int_equal(x509_public_sha256(file(&shared, PKI_SA_PUB), pub, NULL), 0);
    assert_int_equal(strlen(pub), 64);
    assert_int_equal(
        x509_public_sha256("-----BEGIN PUBLIC KEY-----\nxx\n-----END PUBLIC KEY-----\n", pub, NULL), -1);
}

static bool has(const char *const *list, const char *item)
{
    for (size_t i = 0; list[i]; i++)
        if (str_eq(list[i], item))
            return true;
    return false;
}

static struct version version(const char *s)
{
    struct version v = {0};
    assert_true(version_parse(s, &v));
    return v;
}

static void verify(const char *crt, enum pki_file ca, const char *purpose)
{
    _cleanup_(text_free) struct text command = {0}, out = {0};
    write_file(at("ca.crt"), file(&shared, ca));
    write_file(at("leaf.crt"), crt);
    text_addf(&command, "openssl verify -x509_strict -purpose %s -CAfile %s %s 2>&1", purpose, at("ca.crt"),
              at("leaf.crt"));
    if (run(text_str(&command), &out) != 0)
        fail_msg("%s", text_str(&out));
}

static void test_leaves(void **state)
{
    (void)state;
    static const char *const sans[] = {
        "apiserver.cluster.local", "10.103.97.2", "10.0.0.1", "fd00::0:9", "odd,name", NULL};
    static const struct {
        enum pki_file ca;
        const char *cn, *before, *after; /* organisation before and since 1.29 */
        bool server, client;
    } rows[PKI_LEAVES] = {
        [PKI_APISERVER] = {PKI_CA_CRT, "kube-apiserver", NULL, NULL, true, false},
        [PKI_APISERVER_KUBELET_CLIENT] = {PKI_CA_CRT, "kube-apiserver-kubelet-client", "system:masters",
                                          "kubeadm:cluster-admins", false, true},
        [PKI_FRONT_PROXY_CLIENT] = {PKI_FRONT_PROXY_CA_CRT, "front-proxy-client", NULL, NULL, false, true},
        [PKI_APISERVER_ETCD_CLIENT] = {PKI_ETCD_CA_CRT, "kube-apiserver-etcd-client", "system:masters", NULL,
                                       false, true},
        [PKI_ETCD_SERVER] = {PKI_ETCD_CA_CRT, "m1", NULL, NULL, true, true},
        [PKI_ETCD_PEER] = {PKI_ETCD_CA_CRT, "m1", NULL, NULL, true, true},
        [PKI_ETCD_HEALTHCHECK_CLIENT] = {PKI_ETCD_CA_CRT, "kube-etcd-healthcheck-client", "system:masters",
                                         NULL, false, true},
    };
    for (int since = 0; since < 2; since++)
        for (int i = 0; i < PKI_LEAVES; i++) {
            _cleanup_(arena_freep) struct arena *a = arena_new();
            _cleanup_(text_wipe) struct text crt = {0}, key = {0};
            struct pki_node node = {.kubernetes = version(since ? "v1.29.0" : "v1.28.15"),
                                    .name = "m1",
                                    .address = "10.0.0.1",
                                    .service_subnet = "10.96.0.0/22,fd00:1::/112",
                                    .cert_sans = sans,
                                    .days = X509_DAYS_SEALOS};
            struct error *err = NULL;
            assert_int_equal(pki_leaf_new(&shared, &node, (enum pki_leaf)i, &crt, &key, &err), 0);
            struct x509_info info;
            assert_int_equal(x509_read(a, text_str(&crt), &info, NULL), 0);
            assert_string_equal(info.common_name, rows[i].cn);
            const char *group = since ? rows[i].after : rows[i].before;
            assert_true(str_eq(info.organisations[0], group));
            assert_false(info.ca);
            bool match = false, ca_signed = false;
            assert_int_equal(x509_matches(text_str(&crt), text_str(&key), &match, NULL), 0);
            assert_true(match);
            assert_int_equal(x509_signed_by(text_str(&crt), file(&shared, rows[i].ca), &ca_signed, NULL), 0);
            assert_true(ca_signed);
            if (rows[i].server)
                verify(text_str(&crt), rows[i].ca, "sslserver");
            if (rows[i].client)
                verify(text_str(&crt), rows[i].ca, "sslclient");
            if (i == PKI_APISERVER) {
                static const char *const want[] = {"localhost",
                                                   "kubernetes",
                                                   "kubernetes.default",
                                                   "kubernetes.default.svc",
                                                   "kubernetes.default.svc.cluster.local",
                                                   "m1",
                                                   "10.96.0.1",
                                                   "fd00:1::1",
                                                   "apiserver.cluster.local",
                                                   "10.103.97.2",
                                                   "10.0.0.1",
                                                   "fd00::9",
                                                   "odd,name"};
                for (size_t n = 0; n < ARRAY_LEN(want); n++)
                    assert_true(has(info.names, want[n]));
                size_t count = 0;
                while (info.names[count])
                    count++;
                assert_int_equal(count, ARRAY_LEN(want)); /* 10.0.0.1 once */
            }
            if (i == PKI_ETCD_PEER) {
                static const char *const want[] = {"localhost", "m1", "127.0.0.1", "::1", "10.0.0.1"};
                for (size_t n = 0; n < ARRAY_LEN(want); n++)
                    assert_true(has(info.names, want[n]));
            }
        }
}

static void test_users(void **state)
{
    (void)state;
    static const struct {
        enum pki_user user;
        const char *cn, *before, *after;
    } rows[] = {
        {PKI_ADMIN, "kubernetes-admin", "system:masters", "kubeadm:cluster-admins"},
        {PKI_SUPER_ADMIN, "kubernetes-super-admin", "system:masters", "system:masters"},
        {PKI_CONTROLLER_MANAGER, "system:kube-controller-manager", NULL, NULL},
        {PKI_SCHEDULER, "system:kube-scheduler", NULL, NULL},
        {PKI_KUBELET, "system:node:worker-1", "system:nodes", "system:nodes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int since = 0; since < 2; since++) {
            _cleanup_(arena_freep) struct arena *a = arena_new();
            _cleanup_(text_wipe) struct text crt = {0}, key = {0};
            struct version v = version(since ? "v1.31.2" : "v1.20.0");
            struct x509_info info;
            assert_int_equal(pki_user_new(file(&shared, PKI_CA_CRT), file(&shared, PKI_CA_KEY), rows[i].user,
                                          &v, "Worker-1", 365, 0, &crt, &key, NULL),
                             0);
            assert_int_equal(x509_read(a, text_str(&crt), &info, NULL), 0);
            assert_string_equal(info.common_name, rows[i].cn);
            assert_true(str_eq(info.organisations[0], since ? rows[i].after : rows[i].before));
            verify(text_str(&crt), PKI_CA_CRT, "sslclient");
        }
}

/* A leaf that is asked to live longer than its CA ends with it. */
static void test_span(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(text_wipe) struct text ca = {0}, ca_key = {0}, crt = {0}, key = {0};
    assert_int_equal(x509_ca_new("short", 10, 0, &ca, &ca_key, NULL), 0);
    struct x509_leaf leaf = {.common_name = "x", .usage = X509_CLIENT, .days = 400};
    assert_int_equal(x509_leaf_new(text_str(&ca), text_str(&ca_key), &leaf, &crt, &key, NULL), 0);
    struct x509_info of_ca, of_leaf;
    assert_int_equal(x509_read(a, text_str(&ca), &of_ca, NULL), 0);
    assert_int_equal(x509_read(a, text_str(&crt), &of_leaf, NULL), 0);
    assert_int_equal(of_leaf.not_after, of_ca.not_after);
    assert_true(of_leaf.not_before >= of_ca.not_before);
    /* A year beyond 2049 needs GeneralizedTime. */
    text_wipe(&crt);
    text_wipe(&key);
    leaf.now = 4102444800; /* 2100-01-01 */
    assert_int_equal(
        x509_leaf_new(file(&shared, PKI_CA_CRT), file(&shared, PKI_CA_KEY), &leaf, &crt, &key, NULL), 0);
    assert_int_equal(x509_read(a, text_str(&crt), &of_leaf, NULL), 0);
    assert_int_equal(of_leaf.not_after, 4102444800 + (int64_t)400 * 86400);
}

static void copy(struct pki_bundle *to)
{
    _cleanup_(text_wipe) struct text t = {0};
    pki_bundle_write(&shared, &t);
    assert_int_equal(pki_bundle_parse(text_str(&t), t.len, to, NULL), 0);
}

static void refused(struct pki_bundle *b, bool external, const char *words)
{
    struct error *err = NULL;
    assert_int_equal(pki_bundle_check(b, external, 0, &err), -1);
    _cleanup_(text_free) struct text t = {0};
    error_text(err, &t);
    assert_non_null(strstr(text_str(&t), words));
    assert_null(strstr(text_str(&t), "BEGIN")); /* nothing of the content */
    error_free(err);
    pki_bundle_free(b);
}

static void set(struct pki_bundle *b, enum pki_file f, const char *text)
{
    text_wipe(&b->files[f]);
    text_add(&b->files[f], text);
}

static void test_check(void **state)
{
    (void)state;
    struct pki_bundle b = {0};
    copy(&b);
    set(&b, PKI_CA_KEY, "");
    refused(&b, false, "ca.key is missing");
    copy(&b);
    set(&b, PKI_CA_KEY, file(&shared, PKI_ETCD_CA_KEY));
    refused(&b, false, "ca.key is not the key of ca.crt");
    copy(&b);
    set(&b, PKI_SA_PUB, file(&shared, PKI_SA_KEY));
    refused(&b, false, "sa.pub");
    copy(&b);
    set(&b, PKI_FRONT_PROXY_CA_CRT, "garbage");
    refused(&b, false, "front-proxy-ca.crt: not a PEM certificate");
    copy(&b);
    set(&b, PKI_ETCD_CA_KEY,
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIC\n-----END ENCRYPTED PRIVATE KEY-----\n");
    refused(&b, false, "etcd/ca.key");
    copy(&b);
    set(&b, PKI_ETCD_CA_KEY, "");
    refused(&b, true, "etcd/ca.key is missing"); /* half a pair is wrong with external etcd, too */
    copy(&b);
    set(&b, PKI_ETCD_CA_KEY, "");
    set(&b, PKI_ETCD_CA_CRT, "");
    assert_int_equal(pki_bundle_check(&b, true, 0, NULL), 0);
    refused(&b, false, "etcd/ca.crt is missing");

    struct version v = version("v1.28.0");
    copy(&b);
    text_wipe(&b.files[PKI_CA_CRT]);
    text_wipe(&b.files[PKI_CA_KEY]);
    assert_int_equal(pki_user_new(file(&shared, PKI_CA_CRT), file(&shared, PKI_CA_KEY), PKI_ADMIN, &v, NULL,
                                  365, 0, &b.files[PKI_CA_CRT], &b.files[PKI_CA_KEY], NULL),
                     0);
    refused(&b, false, "ca.crt is not the certificate of a CA");

    struct error *err = NULL;
    assert_int_equal(pki_bundle_check(&shared, false, (int64_t)time(NULL) + (int64_t)36501 * 86400, &err),
                     -1);
    assert_non_null(strstr(err->message, "expired"));
    error_free(err);
    err = NULL;
    assert_int_equal(pki_bundle_check(&shared, false, (int64_t)time(NULL) - 3600, &err), -1);
    assert_non_null(strstr(err->message, "not valid yet"));
    error_free(err);
}

/* The script's answer, from a directory in place of /etc/kubernetes/pki, read back and compared. */
static void test_transfer(void **state)
{
    (void)state;
    _cleanup_(text_wipe) struct text script = {0}, command = {0}, out = {0};
    const char *program = pki_bundle_script();
    assert_true(str_starts(program, "d=" PKI_DIRECTORY "\n"));
    text_addf(&script, "echo 'noise of a login file'\nd='%s'\n%s\necho noise after\n", dir,
              strchr(program, '\n') + 1);
    assert_int_equal(mkdir(at("etcd"), 0700), 0);
    for (int i = 0; i < PKI_FILES; i++)
        write_file(at(pki_files[i].path), file(&shared, (enum pki_file)i));
    write_file(at("script"), text_str(&script));
    text_addf(&command, "sh -s < %s", at("script"));
    assert_int_equal(run(text_str(&command), &out), 0);
    struct pki_bundle b = {0};
    assert_int_equal(pki_bundle_parse(text_str(&out), out.len, &b, NULL), 0);
    for (int i = 0; i < PKI_FILES; i++)
        assert_string_equal(file(&b, (enum pki_file)i), file(&shared, (enum pki_file)i));
    char ours[DIGEST_HEX];
    pki_bundle_digest(&b, ours);
    pki_bundle_free(&b);
    text_wipe(&command);
    _cleanup_(text_free) struct text sum = {0};
    text_addf(&command, "cd %s && cat ca.crt front-proxy-ca.crt etcd/ca.crt sa.pub | sha256sum", dir);
    assert_int_equal(run(text_str(&command), &sum), 0);
    assert_int_equal(strncmp(text_str(&sum), ours, 64), 0);

    /* Cut anywhere, it is refused, never half a bundle. */
    for (size_t n = 0; n < out.len - strlen("END reconcile-pki 1\n\nnoise after\n"); n += 97)
        assert_int_equal(pki_bundle_parse(text_str(&out), n, &b, NULL), -1);
    static const char *const forged[] = {"BEGIN reconcile-pki 1\nfile ca.crt 99999\nx\nEND reconcile-pki 1\n",
                                         "BEGIN reconcile-pki 1\nfile ca.crt 9999999\nx\n",
                                         "BEGIN reconcile-pki 1\nfile /etc/passwd 1\nx\n",
                                         "BEGIN reconcile-pki 1\nfile ca.crt 1\nx\nfile ca.crt 1\nx\n",
                                         "BEGIN reconcile-pki 1\nfile ca.crt -1\n",
                                         "BEGIN reconcile-pki 1\nEND reconcile-pki 1\n",
                                         "BEGIN reconcile-pki 1\nfile ca.crt\nEND reconcile-pki 1\n"};
    for (size_t i = 0; i < ARRAY_LEN(forged); i++)
        assert_int_equal(pki_bundle_parse(forged[i], strlen(forged[i]), &b, NULL), -1);

    assert_int_equal(unlink(at("etcd/ca.key")), 0);
    text_wipe(&out);
    text_clear(&command);
    text_addf(&command, "sh -s < %s", at("script"));
    assert_int_equal(run(text_str(&command), &out), 0);
    assert_int_equal(pki_bundle_parse(text_str(&out), out.len, &b, NULL), 0);
    assert_int_equal(b.files[PKI_ETCD_CA_KEY].len, 0);
    pki_bundle_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authorities), cmocka_unit_test(test_fingerprints),
        cmocka_unit_test(test_leaves),      cmocka_unit_test(test_users),
        cmocka_unit_test(test_span),        cmocka_unit_test(test_check),
        cmocka_unit_test(test_transfer),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
