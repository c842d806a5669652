#include "actions/means/lvscare_pod.h"

#include "schema/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const char *const servers[] = {"10.0.0.10:6443", "10.0.0.9:6443", "10.0.0.9:6443"};
#define IMAGE "ghcr.io/labring/lvscare:v5.0.1"
static const struct lvscare_pod pod = {
    .vs = "10.103.97.2:6443", .rs = servers, .n_rs = 3, .image = IMAGE, .node_ip = "10.0.0.20"};

/* As Sealos' own writer prints it (facts section 5): keys in alphabetical order, nothing quoted that need not
 * be. */
static const char sealos[] = "apiVersion: v1\n"
                             "kind: Pod\n"
                             "metadata:\n"
                             "  creationTimestamp: null\n"
                             "  name: kube-sealos-lvscare\n"
                             "  namespace: kube-system\n"
                             "spec:\n"
                             "  containers:\n"
                             "  - args:\n"
                             "    - care\n"
                             "    - --vs\n"
                             "    - 10.103.97.2:6443\n"
                             "    - --health-path\n"
                             "    - /healthz\n"
                             "    - --health-schem\n"
                             "    - https\n"
                             "    - --rs\n"
                             "    - 10.0.0.9:6443\n"
                             "    - --rs\n"
                             "    - 10.0.0.10:6443\n"
                             "    command:\n"
                             "    - /usr/bin/lvscare\n"
                             "    env:\n"
                             "    - name: LVSCARE_NODE_IP\n"
                             "      value: 10.0.0.20\n"
                             "    image: ghcr.io/labring/lvscare:v5.0.1\n"
                             "    imagePullPolicy: IfNotPresent\n"
                             "    name: kube-sealos-lvscare\n"
                             "    resources: {}\n"
                             "    securityContext:\n"
                             "      privileged: true\n"
                             "    volumeMounts:\n"
                             "    - mountPath: /lib/modules\n"
                             "      name: lib-modules\n"
                             "      readOnly: true\n"
                             "  hostNetwork: true\n"
                             "  priorityClassName: system-node-critical\n"
                             "  volumes:\n"
                             "  - hostPath:\n"
                             "      path: /lib/modules\n"
                             "      type: \"\"\n"
                             "    name: lib-modules\n"
                             "status: {}\n";

static void says(const char *yaml, const char *want)
{
    _cleanup_(text_free) struct text t = {0};
    lvscare_pod_say(yaml, strlen(yaml), &t);
    assert_string_equal(text_str(&t), want);
}

static void test_write(void **state)
{
    (void)state;
    _cleanup_(text_free) struct text t = {0};
    lvscare_write(&pod, &t);
    assert_string_equal(text_str(&t), sealos);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char *const six[] = {"[fd00::1]:6443"};
    static const struct lvscare_pod pods[] = {
        {.vs = "10.103.97.2:6443", .rs = servers, .n_rs = 2, .image = "127.0.0.1:5000/labring/lvscare:v5"},
        {.vs = "[fd00::2]:6443",
         .rs = six,
         .n_rs = 1,
         .image = "sealos.hub:5000/l@sha256:00",
         .node_ip = "fd00::9"},
        {.vs = "10.103.97.2:6443", .rs = servers, .n_rs = 0, .image = "x:\"'#y"},
        {.vs = "10.103.97.2:6443", .rs = servers, .n_rs = 1, .image = "1.5"},
        {.vs = "10.103.97.2:6443", .rs = servers, .n_rs = 1, .image = "true"},
        {.vs = "10.103.97.2:6443", .rs = servers, .n_rs = 1, .image = "host:5000"},
        {.vs = "10.103.97.2:6443", .rs = servers, .n_rs = 1, .image = "12:30:45", .node_ip = "::"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pods); i++) {
        _cleanup_(text_free) struct text yaml = {0}, want = {0};
        lvscare_write(&pods[i], &yaml);
        lvscare_canonical(&pods[i], &want);
        says(text_str(&yaml), text_str(&want));
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct value *v = NULL;
        assert_int_equal(tree_parse_one(a, "pod", text_str(&yaml), yaml.len, &v, NULL), 0);
        const struct value *container = value_path(v, "spec.containers")->items[0];
        if (pods[i].node_ip)
            assert_string_equal(value_text(value_get(value_get(container, "env")->items[0], "value"), ""),
                                pods[i].node_ip);
    }
}

/* The manifest with one piece of its text replaced. */
static void edited(const char *from, const char *to, const char *want)
{
    _cleanup_(text_free) struct text t = {0};
    const char *at = strstr(sealos, from);
    assert_non_null(at);
    text_addn(&t, sealos, (size_t)(at - sealos));
    text_add(&t, to);
    text_add(&t, at + strlen(from));
    says(text_str(&t), want);
}

static void test_read(void **state)
{
    (void)state;
#define BOTH "rs=10.0.0.9:6443,10.0.0.10:6443 image=" IMAGE
    const char *same = "vs=10.103.97.2:6443 " BOTH;
    says(sealos, same);
    /* other words, same meaning */
    edited("    - --vs\n    - 10.103.97.2:6443\n", "    - \"--vs=10.103.97.2:6443\"\n", same);
    edited("    - --rs\n    - 10.0.0.9:6443\n    - --rs\n    - 10.0.0.10:6443\n",
           "    - --rs\n    - 10.0.0.10:6443,10.0.0.9:6443\n", same);
    edited("    - care\n",
           "    - care\n    - --interval\n    - 2s\n    - --logger=DEBG\n    - --scheduler\n    - rr\n    - "
           "--run-once=false\n",
           same);
    edited("    env:\n    - name: LVSCARE_NODE_IP\n      value: 10.0.0.20\n", "", same);
    edited("  priorityClassName: system-node-critical\n", "", same);
    edited("status: {}\n", "", same);
    /* another meaning */
    edited("10.103.97.2:6443", "10.103.97.3:6443", "vs=10.103.97.3:6443 " BOTH);
    edited("    - --rs\n    - 10.0.0.9:6443\n", "", "vs=10.103.97.2:6443 rs=10.0.0.10:6443 image=" IMAGE);
    edited("lvscare:v5.0.1", "lvscare:v4.3.7",
           "vs=10.103.97.2:6443 rs=10.0.0.9:6443,10.0.0.10:6443 image=ghcr.io/labring/lvscare:v4.3.7");
    edited("/healthz", "/livez", "vs=10.103.97.2:6443 " BOTH " odd=health-path");
    edited("https", "http", "vs=10.103.97.2:6443 " BOTH " odd=health-schem");
    edited("    - care\n",
           "    - care\n    - --run-once\n    - --mode\n    - link\n    - --scheduler=wrr\n    - --new\n",
           "vs=10.103.97.2:6443 " BOTH " odd=run-once,mode,scheduler,--new");
    edited("    - care\n", "    - create\n", "vs=10.103.97.2:6443 " BOTH " odd=command,create");
    edited("hostNetwork: true", "hostNetwork: false", "vs=10.103.97.2:6443 " BOTH " odd=hostNetwork");
    edited("privileged: true", "privileged: false", "vs=10.103.97.2:6443 " BOTH " odd=privileged");
    edited("namespace: kube-system", "namespace: default", "vs=10.103.97.2:6443 " BOTH " odd=namespace");
    edited("/usr/bin/lvscare", "/bin/sleep", "vs=10.103.97.2:6443 " BOTH " odd=command");
    edited("10.0.0.9:6443", "\"10.0.0.9:6443 image=evil\"",
           "vs=10.103.97.2:6443 rs=10.0.0.9:6443?image=evil,10.0.0.10:6443 image=" IMAGE);
    says("kind: Service\n", "unreadable: not a pod with one container");
    says("", "unreadable: not a pod with one container");
    _cleanup_(text_free) struct text t = {0};
    lvscare_pod_say("a: [", 4, &t);
    assert_true(str_starts(text_str(&t), "unreadable: "));
    says("kind: Pod\nspec: {containers: [7]}\n",
         "vs= rs= image= odd=command,namespace,hostNetwork,privileged,health-path,health-schem");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_write), cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
