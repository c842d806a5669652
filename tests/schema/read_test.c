/* A Clusterfile into a want, and how it scales. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/format.h"
#include "schema/json_schema.h"
#include "schema/read.h"

#include <stdio.h>
#include <string.h>

static struct want *read_text(const char *text)
{
    struct want *w = NULL;
    struct error_list errors = {0}, warnings = {0};
    int r = clusterfile_read("f", text, strlen(text), &w, &errors, &warnings);
    for (size_t i = 0; i < errors.n; i++)
        print_message("%d: %s\n", errors.errors[i]->place.line, errors.errors[i]->message);
    assert_int_equal(r, 0);
    error_list_free(&errors);
    error_list_free(&warnings);
    return w;
}

static struct want *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    static char text[65536];
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    fclose(f);
    return read_text(text);
}

static const struct want_host *host(const struct want *w, const char *address)
{
    for (size_t i = 0; i < w->n_hosts; i++)
        if (str_eq(w->hosts[i].address, address))
            return &w->hosts[i];
    fail_msg("no host %s", address);
    return NULL;
}

static void everything(void **state)
{
    (void)state;
    struct want *w = read_file(SOURCE_DIR "/testdata/clusterfile/everything.good.yaml");
    assert_string_equal(w->cluster, "production.1");
    assert_string_equal(w->created, "2024-01-02T03:04:05Z");
    assert_int_equal(w->n_images, 3);
    assert_string_equal(w->images[0].recorded_digest, "sha256:1111");
    assert_null(w->images[1].recorded_digest);
    assert_true(str_starts(w->images[0].name, "kubernetes-v1.28.0-"));
    assert_true(str_starts(w->images[2].name, "calico-"));
    assert_string_equal(w->command[0], "bash install.sh");
    assert_null(w->command[1]);
    assert_string_equal(want_env_get(w->env, w->n_env, "criData"), "/data/containerd");
    assert_string_equal(want_env_get(w->env, w->n_env, "EMPTY"), "");
    assert_int_equal(w->n_configs, 1);
    assert_string_equal(w->configs[0].path, "charts/calico/values.yaml");
    assert_string_equal(w->configs[0].strategy, "merge");
    assert_string_equal(w->configs[0].match, "labring/calico:v3.26.1");
    assert_string_equal(value_text(value_path(w->init_configuration, "localapiendpoint.bindport"), ""),
                        "6443");
    assert_string_equal(value_text(value_path(w->kubelet_configuration, "maxPods"), ""), "200");
    assert_non_null(w->cluster_configuration);
    assert_null(w->join_configuration);
    assert_string_equal(value_text(value_get(w->status, "phase"), ""), "ClusterSuccess");
    want_free(w);
}

static void hosts(void **state)
{
    (void)state;
    struct want *w = read_file(SOURCE_DIR "/testdata/clusterfile/everything.good.yaml");
    assert_int_equal(w->n_hosts, 9);
    const struct want_host *h = host(w, "10.0.0.1");
    assert_int_equal(h->roles, ROLE_MASTER | ROLE_REGISTRY);
    assert_string_equal(h->arch, "amd64");
    assert_int_equal(h->ssh.port, 2222); /* spec.ssh.port */
    assert_string_equal(h->ssh.user, "admin");
    assert_string_equal(h->ssh.passwd.ref, "env:CLUSTER_PASSWORD");
    assert_false(h->ssh.passwd.literal);
    assert_string_equal(h->machine_id, "aaaa");
    assert_string_equal(h->node_name, "m1");
    assert_string_equal(want_env_get(h->env, h->n_env, "criData"), "/ssd");
    assert_true(h->listed);
    assert_int_equal(h->line, 38);
    assert_int_equal(host(w, "10.0.0.2")->ssh.port, 22); /* its own */
    assert_null(host(w, "10.0.0.2")->machine_id);        /* joined: false */
    assert_int_equal(host(w, "10.0.0.4")->ssh.port, 22); /* its host entry's */
    assert_int_equal(host(w, "fd00::1")->ssh.port, 22);
    h = host(w, "fd00::2");
    assert_int_equal(h->ssh.port, 2222);
    assert_string_equal(h->ssh.user, "root");
    assert_string_equal(h->ssh.pk_data.ref, "file:/etc/keys/node");
    assert_string_equal(h->ssh.pk_passwd.ref, "exec:pass show cluster");
    assert_string_equal(h->arch, "arm64");
    assert_int_equal(host(w, "10.0.0.5")->roles, ROLE_MASTER | ROLE_NODE);
    h = host(w, "10.0.9.9");
    assert_false(h->listed);
    assert_int_equal(h->roles, ROLE_NODE);
    assert_int_equal(h->ssh.port, 2200);
    assert_string_equal(h->ssh.passwd.ref, "env:OLD");
    assert_string_equal(h->machine_id, "cccc");
    assert_string_equal(h->node_name, "gone");
    assert_int_equal(h->line, 0);
    want_free(w);
}

static void policy(void **state)
{
    (void)state;
    struct want *w = read_file(SOURCE_DIR "/testdata/clusterfile/everything.good.yaml");
    const struct policy *p = &w->policy;
    assert_int_equal(p->concurrency, 4);
    assert_int_equal(p->connect_timeout_s, 5);
    assert_int_equal(p->command_timeout_s, 5400);
    assert_int_equal(p->idle_timeout_s, 90);
    assert_int_equal(p->drain_timeout_s, 600);
    assert_true(p->drain_disabled);
    assert_int_equal(p->clock_tolerance_s, 2); /* rounded up */
    assert_int_equal(p->disk_free_mib, 4096);
    assert_int_equal(p->max_unreachable, 1);
    assert_int_equal(p->max_removals, 2);
    assert_true(p->allow_removals);
    assert_string_equal(p->protect[0], "10.0.0.1");
    assert_string_equal(p->protect[1], "fd00::1");
    assert_null(p->protect[2]);
    assert_int_equal(p->kubeconfig, KUBECONFIG_MASTERS);
    assert_string_equal(p->ignore_preflight[0], "NumCPU");
    assert_true(p->git_commit);
    want_free(w);
    w = read_file(SOURCE_DIR "/testdata/clusterfile/minimal.good.yaml");
    struct policy d = policy_defaults();
    assert_memory_equal(&w->policy, &d, sizeof d);
    want_free(w);
}

static void literals(void **state)
{
    (void)state;
    struct want *w =
        read_text("apiVersion: apps.sealos.io/v1beta1\nkind: Cluster\nmetadata: {name: a}\nspec:\n"
                  "  image: [x/Some.Thing_1:V2, oci:/tmp/x/, '@@']\n  env: [A, B=1, B=2]\n"
                  "  ssh: {passwd: hunter2, user: '', port: null}\n"
                  "  hosts: [{ips: [10.0.0.1], roles: [master], ssh: {passwd: ''}}]\n");
    assert_true(w->hosts[0].ssh.passwd.literal);
    assert_string_equal(w->hosts[0].ssh.passwd.ref, "hunter2");
    assert_null(w->hosts[0].ssh.user);
    assert_int_equal(w->hosts[0].ssh.port, 0);
    assert_string_equal(want_env_get(w->env, w->n_env, "B"), "2");
    assert_null(want_env_get(w->env, w->n_env, "A"));
    for (size_t i = 0; i < w->n_images; i++)
        assert_int_equal(strspn(w->images[i].name, "abcdefghijklmnopqrstuvwxyz0123456789.-"),
                         strlen(w->images[i].name));
    assert_true(str_starts(w->images[0].name, "some.thing-1-v2-"));
    want_free(w);
}

/* Literal passwords are not recorded: what left the list is reached by spec.ssh's, unless its own entry says otherwise. */
static void leaving_inherits(void **state)
{
    (void)state;
    struct want *w =
        read_text("apiVersion: apps.sealos.io/v1beta1\nkind: Cluster\nmetadata: {name: a}\nspec:\n  image: [x]\n"
                  "  ssh: {user: admin, passwd: hunter2, pk: /key, port: 2200}\n"
                  "  hosts: [{ips: [10.0.0.1], roles: [master], ssh: {user: other}}]\n"
                  "status:\n  nodes:\n  - {address: 10.0.0.8, roles: [node], joined: true}\n"
                  "  - {address: 10.0.0.9, roles: [node], joined: true, ssh: {user: root, port: 22, passwd: 'env:P'}}\n");
    const struct want_ssh *bare = &host(w, "10.0.0.8")->ssh, *own = &host(w, "10.0.0.9")->ssh;
    assert_string_equal(bare->user, "admin");
    assert_string_equal(bare->passwd.ref, "hunter2");
    assert_true(bare->passwd.literal);
    assert_string_equal(bare->pk, "/key");
    assert_int_equal(bare->port, 2200);
    assert_string_equal(own->user, "root");
    assert_string_equal(own->passwd.ref, "env:P");
    assert_false(own->passwd.literal);
    assert_string_equal(own->pk, "/key");
    assert_int_equal(own->port, 22);
    want_free(w);
}

static void formats(void **state)
{
    (void)state;
    struct address a;
    assert_null(address_parse("10.0.0.1:2222", &a));
    assert_string_equal(a.text, "10.0.0.1");
    assert_int_equal(a.port, 2222);
    assert_null(address_parse("[FD00:0:0::1]:65535", &a));
    assert_string_equal(a.text, "fd00::1");
    assert_int_equal(a.port, 65535);
    assert_true(a.ipv6);
    assert_null(address_parse("fd00::1:22", &a));
    assert_string_equal(a.text, "fd00::1:22");
    assert_int_equal(a.port, 0);
    static const char *const bad[] = {"",
                                      ":",
                                      ":22",
                                      "[]",
                                      "[]:22",
                                      "[fd00::1",
                                      "[fd00::1]x",
                                      "[fd00::1]:",
                                      "10.0.0.1:",
                                      "10.0.0.1:0",
                                      "10.0.0.1:65536",
                                      "10.0.0.1:022222",
                                      "10.0.0",
                                      "010.0.0.1",
                                      "::",
                                      "ff02::1",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "1.2.3.4:22:22",
                                      "[1.2.3.4]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (!address_parse(bad[i], &a))
            fail_msg("`%s` was taken for an address", bad[i]);
    unsigned n;
    assert_null(duration_parse("1d2h3m4s5ms", &n));
    assert_int_equal(n, 93785);
    assert_null(duration_parse("0", &n));
    static const char *const bad_durations[] = {"",   "s",    "5",    "5 s",         "-5s",
                                                "5x", "1h30", "1.5h", "9999999999s", "367d"};
    for (size_t i = 0; i < ARRAY_LEN(bad_durations); i++)
        assert_true((duration_parse(bad_durations[i], &n) == NULL) == (i == 2));
    assert_null(size_parse("2Gi", &n));
    assert_int_equal(n, 2048);
    assert_non_null(size_parse("2G", &n));
    assert_non_null(size_parse("999999999Ti", &n));
}

/* The printed schema is one valid JSON value, and says of every kind what we check. */
static void bundle(void **state)
{
    (void)state;
    struct text t = {0};
    schema_bundle(&t);
    struct arena *a = arena_new();
    struct value *v = NULL;
    assert_int_equal(tree_parse_one(a, "schema", text_str(&t), t.len, &v, NULL), 0);
    const struct value *all = value_get(v, "allOf");
    size_t n = 0;
    for (const char *const *k = schema_kinds(); *k; k++, n++) {
        assert_non_null(value_get(value_get(v, "$defs"), *k));
        const struct value *when =
            value_get(value_get(value_get(value_get(all->items[n], "if"), "properties"), "kind"), "const");
        assert_string_equal(value_text(when, ""), *k);
    }
    assert_int_equal(all->n, n);
    arena_free(a);
    text_free(&t);
}

static void ten_thousand_hosts(void **state)
{
    (void)state;
    enum { N = 10000 };
    struct text t = {0};
    text_add(&t, "apiVersion: apps.sealos.io/v1beta1\nkind: Cluster\nmetadata: {name: a}\nspec:\n  image: "
                 "[a:b]\n  hosts:\n");
    for (int i = 0; i < N; i++)
        text_addf(&t, "  - ips: [10.%d.%d.%d]\n    roles: [%s]\n    env: [K=%d]\n", i >> 16, i >> 8 & 255,
                  (i & 255), i < 5 ? "master" : "node", i);
    /* the first one is 10.0.0.0, a fine address of a machine in a larger network */
    struct want *w = read_text(text_str(&t));
    assert_int_equal(w->n_hosts, N);
    assert_string_equal(w->hosts[N - 1].address, "10.0.39.15");
    want_free(w);
    text_addf(&t, "  - ips: [10.0.0.7]\n    roles: [node]\n");
    struct error_list errors = {0}, warnings = {0};
    assert_int_equal(clusterfile_read("f", text_str(&t), t.len, &w, &errors, &warnings), -1);
    assert_int_equal(errors.n, 1);
    assert_int_equal(errors.errors[0]->place.line, 6 + 3 * N + 1);
    error_list_free(&errors);
    text_free(&t);
}

/* As many errors as hosts are told, in order, in no more than linear time. */
static void ten_thousand_errors(void **state)
{
    (void)state;
    enum { N = 10000 };
    struct text t = {0};
    text_add(&t, "apiVersion: apps.sealos.io/v1beta1\nkind: Cluster\nmetadata: {name: a}\nspec:\n  image: "
                 "[a:b]\n  hosts:\n");
    for (int i = 0; i < N; i++)
        text_add(&t, "  - {ips: [10.0.0.1], roles: [master]}\n");
    struct want *w = NULL;
    struct error_list errors = {0}, warnings = {0};
    assert_int_equal(clusterfile_read("f", text_str(&t), t.len, &w, &errors, &warnings), -1);
    assert_int_equal(errors.n, N - 1);
    for (size_t i = 0; i < errors.n; i++)
        assert_int_equal(errors.errors[i]->place.line, 8 + i);
    error_list_free(&errors);
    error_list_free(&warnings);
    text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything),
        cmocka_unit_test(hosts),
        cmocka_unit_test(policy),
        cmocka_unit_test(literals), cmocka_unit_test(leaving_inherits),
        cmocka_unit_test(formats),
        cmocka_unit_test(bundle),
        cmocka_unit_test(ten_thousand_hosts),
        cmocka_unit_test(ten_thousand_errors),
    };
    return cmocka_run_group_tests_name("read", tests, NULL, NULL) ? 1 : 0;
}
