#include "actions/means/kubeconfig.h"

#include "schema/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static struct text ca_crt, ca_key;

static int setup(void **state)
{
    (void)state;
    return x509_ca_new("kubernetes", 3650, 0, &ca_crt, &ca_key, NULL);
}

static int teardown(void **state)
{
    (void)state;
    text_wipe(&ca_crt);
    text_wipe(&ca_key);
    return 0;
}

static struct kubeconfig_spec spec(const char *version)
{
    struct kubeconfig_spec s = {.user = PKI_ADMIN, .server = "https://10.0.0.1:6443", .days = 365};
    assert_true(version_parse(version, &s.kubernetes));
    return s;
}

static void test_make(void **state)
{
    (void)state;
    static const struct {
        const char *version, *organisation;
    } rows[] = {{"v1.28.15", "system:masters"}, {"v1.29.0", "kubeadm:cluster-admins"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(arena_wipep) struct arena *a = arena_new();
        _cleanup_(text_wipe) struct text t = {0};
        struct kubeconfig_spec s = spec(rows[i].version);
        struct kubeconfig_info info;
        struct x509_info ca;
        assert_int_equal(kubeconfig_make(text_str(&ca_crt), text_str(&ca_key), &s, &t, NULL), 0);
        assert_int_equal(kubeconfig_read(a, text_str(&t), t.len, &info, NULL), 0);
        assert_int_equal(x509_read(a, text_str(&ca_crt), &ca, NULL), 0);
        assert_string_equal(info.server, "https://10.0.0.1:6443");
        assert_string_equal(info.ca_sha256, ca.sha256);
        assert_string_equal(info.client.common_name, "kubernetes-admin");
        assert_string_equal(info.client.organisations[0], rows[i].organisation);
        struct value *root = NULL;
        assert_int_equal(tree_parse_one(a, "k", text_str(&t), t.len, &root, NULL), 0);
        assert_string_equal(value_text(value_get(root, "current-context"), ""),
                            "kubernetes-admin@kubernetes");
        assert_string_equal(value_text(value_get(value_get(root, "contexts")->items[0], "name"), ""),
                            "kubernetes-admin@kubernetes");
        assert_string_equal(value_text(value_get(value_get(root, "users")->items[0], "name"), ""),
                            "kubernetes-admin");
    }
    _cleanup_(arena_wipep) struct arena *a = arena_new();
    _cleanup_(text_wipe) struct text t = {0};
    struct kubeconfig_spec s = spec("v1.30.0");
    struct kubeconfig_info info;
    s.user = PKI_KUBELET;
    s.node_name = "Node-7";
    s.tls_server_name = "apiserver.cluster.local";
    assert_int_equal(kubeconfig_make(text_str(&ca_crt), text_str(&ca_key), &s, &t, NULL), 0);
    assert_int_equal(kubeconfig_read(a, text_str(&t), t.len, &info, NULL), 0);
    assert_string_equal(info.client.common_name, "system:node:node-7");
    assert_non_null(strstr(text_str(&t), "tls-server-name: \"apiserver.cluster.local\"\n"));
}

static void test_set_server(void **state)
{
    (void)state;
    _cleanup_(arena_wipep) struct arena *a = arena_new();
    _cleanup_(text_wipe) struct text t = {0}, moved = {0}, back = {0};
    struct kubeconfig_spec s = spec("v1.28.0");
    struct kubeconfig_info before, after;
    s.server = "https://apiserver.cluster.local:6443";
    assert_int_equal(kubeconfig_make(text_str(&ca_crt), text_str(&ca_key), &s, &t, NULL), 0);
    _cleanup_(mem_freep) char *server = kubeconfig_server("fd00::1", 6443);
    assert_string_equal(server, "https://[fd00::1]:6443");
    assert_int_equal(
        kubeconfig_set_server(text_str(&t), t.len, server, "apiserver.cluster.local", &moved, NULL), 0);
    assert_int_equal(kubeconfig_read(a, text_str(&t), t.len, &before, NULL), 0);
    assert_int_equal(kubeconfig_read(a, text_str(&moved), moved.len, &after, NULL), 0);
    assert_string_equal(after.server, "https://[fd00::1]:6443");
    assert_string_equal(after.client.sha256, before.client.sha256);
    assert_string_equal(after.ca_sha256, before.ca_sha256);
    assert_non_null(strstr(text_str(&moved), "tls-server-name"));
    assert_int_equal(kubeconfig_set_server(text_str(&moved), moved.len, s.server, NULL, &back, NULL), 0);
    assert_null(strstr(text_str(&back), "tls-server-name"));
    struct value *x = NULL, *y = NULL;
    assert_int_equal(tree_parse_one(a, "x", text_str(&t), t.len, &x, NULL), 0);
    assert_int_equal(tree_parse_one(a, "y", text_str(&back), back.len, &y, NULL), 0);
    assert_true(value_equal(x, y));
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "hello",
        "kind: Config\n",
        "kind: Secret\nclusters: []\n",
        "kind: Config\ncurrent-context: a\ncontexts: [7]\n",
        "{",
        "kind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n",
        "kind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://x:1', certificate-authority: /a/file}}]\n"
        "users: [{name: u, user: {client-certificate: /a, client-key: /b}}]\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_(arena_wipep) struct arena *a = arena_new();
        _cleanup_(text_wipe) struct text t = {0};
        _cleanup_(error_freep) struct error *err = NULL;
        struct kubeconfig_info info;
        assert_int_equal(kubeconfig_set_server(bad[i], strlen(bad[i]), "https://x:1", NULL, &t, &err), -1);
        assert_int_equal(err->code, ERR_PROTOCOL);
        assert_int_equal(t.len, 0);
        assert_int_equal(kubeconfig_read(a, bad[i], strlen(bad[i]), &info, NULL), -1);
    }
    _cleanup_(text_wipe) struct text t = {0};
    static const char *const servers[] = {"http://x:1", "https://", "https://x:1\"\n  evil: 1",
                                          "https://x $(id)"};
    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        struct kubeconfig_spec s = spec("v1.28.0");
        s.server = servers[i];
        assert_int_equal(kubeconfig_make(text_str(&ca_crt), text_str(&ca_key), &s, &t, NULL), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_make), cmocka_unit_test(test_set_server),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
