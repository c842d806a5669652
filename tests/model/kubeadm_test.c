/* kubeadm's documents against golden files: testdata/kubeadm/VERSION/WHICH.yaml with nothing but the built-in
 * defaults, testdata/kubeadm/merged/WHICH-VERSION.yaml with the image's and the user's documents beside them.
 * UPDATE_GOLDEN=1 writes them anew: read the difference before committing it. */
#include "model/kubeadm.h"

#include "schema/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const versions[] = {"v1.20.15", "v1.23.17", "v1.25.16", "v1.28.15",
                                       "v1.29.14", "v1.31.7",  "v1.34.1"};
static const char *const which_names[] = {"init", "join-master", "join-worker"};
static const char *const three[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", NULL};
static const char *const one[] = {"10.0.0.1", NULL};

static char *read_file(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    _cleanup_(text_free) struct text t = {0};
    char buf[4096];
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;)
        text_addn(&t, buf, n);
    fclose(f);
    return arena_strdup(a, text_str(&t));
}

static struct kubeadm_input input(const char *version, enum kubeadm_which which)
{
    return (struct kubeadm_input){
        .kubernetes_version = version,
        .which = which,
        .domain = "apiserver.cluster.local",
        .vip = "10.103.97.2",
        .bind_port = 6443,
        .masters = three,
        .address = which == KUBEADM_INIT          ? "10.0.0.1"
                   : which == KUBEADM_JOIN_MASTER ? "10.0.0.2"
                                                  : "10.0.0.9",
        .node_name = NULL,
        .cri_socket = "/run/containerd/containerd.sock",
        .cgroup_driver = "systemd",
        .image_endpoint = "/var/run/image-cri-shim.sock",
        .discovery = which == KUBEADM_JOIN_MASTER ? "10.0.0.1:6443" : "10.103.97.2:6443",
        .token = "abcdef.0123456789abcdef",
        .ca_hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    };
}

static void layer(struct arena *a, const char *path, const char *name, struct kubeadm_layer *ret)
{
    char *text = read_file(a, path);
    assert_non_null(text);
    struct documents docs = {0};
    struct error_list errors = {0};
    assert_int_equal(tree_parse(a, name, text, strlen(text), &docs, &errors), 0);
    error_list_free(&errors);
    const struct value **roots = arena_alloc(a, docs.n * sizeof *roots);
    for (size_t i = 0; i < docs.n; i++)
        roots[i] = docs.docs[i].root;
    *ret = (struct kubeadm_layer){.name = name};
    kubeadm_layer_fill(ret, roots, docs.n);
}

static void render(struct arena *a, const struct kubeadm_input *in, struct text *out)
{
    struct kubeadm_documents docs = {0};
    _cleanup_(error_freep) struct error *err = NULL;
    if (kubeadm_documents(a, in, &docs, &err) < 0) {
        _cleanup_(text_free) struct text t = {0};
        error_text(err, &t);
        fail_msg("%s", text_str(&t));
    }
    assert_int_equal(tree_write(docs.docs, docs.n, out, &err), 0);
    for (size_t i = 0; i < docs.n_warnings; i++)
        text_addf(out, "# warning: %s\n", docs.warnings[i]);
}

static int golden(struct arena *a, const char *path, const char *have)
{
    if (getenv("UPDATE_GOLDEN")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(have, f);
        assert_int_equal(fclose(f), 0);
    }
    const char *want = read_file(a, path);
    if (str_eq(want, have))
        return 0;
    print_error("%s differs from what comes out now:\n%s\n", path, have);
    return 1;
}

static void test_defaults(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        for (int w = KUBEADM_INIT; w <= KUBEADM_JOIN_WORKER; w++) {
            _cleanup_(arena_freep) struct arena *a = arena_new();
            _cleanup_(text_free) struct text out = {0};
            struct kubeadm_input in = input(versions[i], (enum kubeadm_which)w);
            render(a, &in, &out);
            if (getenv("UPDATE_GOLDEN"))
                mkdir(arena_printf(a, "testdata/kubeadm/%s", versions[i]), 0777);
            bad += golden(a, arena_printf(a, "testdata/kubeadm/%s/%s.yaml", versions[i], which_names[w]),
                          text_str(&out));
        }
    assert_int_equal(bad, 0);
}

static void test_merged(void **state)
{
    (void)state;
    static const char *const some[] = {"v1.20.15", "v1.28.15", "v1.34.1"};
    int bad = 0;
    for (size_t i = 0; i < ARRAY_LEN(some); i++)
        for (int w = KUBEADM_INIT; w <= KUBEADM_JOIN_WORKER; w++) {
            _cleanup_(arena_freep) struct arena *a = arena_new();
            _cleanup_(text_free) struct text out = {0}, again = {0};
            struct kubeadm_input in = input(some[i], (enum kubeadm_which)w);
            layer(a, "testdata/kubeadm/merged/image.yaml", "the image", &in.image);
            layer(a, "testdata/kubeadm/merged/clusterfile.yaml", "the Clusterfile", &in.file);
            in.single = true;
            render(a, &in, &out);
            render(a, &in, &again);
            assert_string_equal(text_str(&out), text_str(&again)); /* the inputs were not changed */
            bad += golden(a, arena_printf(a, "testdata/kubeadm/merged/%s-%s.yaml", which_names[w], some[i]),
                          text_str(&out));
        }
    assert_int_equal(bad, 0);
}

/* What comes out, given in again, comes out the same: nothing grows, whatever the format. */
static void test_fixed_point(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct kubeadm_input in = input(versions[i], KUBEADM_INIT);
        layer(a, "testdata/kubeadm/merged/image.yaml", "the image", &in.image);
        layer(a, "testdata/kubeadm/merged/clusterfile.yaml", "the Clusterfile", &in.file);
        struct kubeadm_documents first = {0}, second = {0};
        assert_int_equal(kubeadm_documents(a, &in, &first, NULL), 0);
        in.image = in.file = (struct kubeadm_layer){0};
        kubeadm_layer_fill(&in.image, first.docs, first.n);
        kubeadm_layer_fill(&in.file, first.docs, first.n);
        assert_int_equal(kubeadm_documents(a, &in, &second, NULL), 0);
        assert_int_equal(first.n, 4);
        assert_int_equal(second.n, 4);
        for (size_t d = 0; d < first.n; d++) {
            struct value *x = value_clone(a, first.docs[d]), *y = value_clone(a, second.docs[d]);
            /* an argument that was taken away is a default again: the document alone cannot say so */
            const char *path = "apiServer.extraArgs";
            if (value_path(x, path)) {
                value_remove(value_path(y, "apiServer"), "extraArgs");
                value_remove(value_path(x, "apiServer"), "extraArgs");
            }
            _cleanup_(text_free) struct text p = {0}, q = {0};
            value_json(x, &p);
            value_json(y, &q);
            if (!value_equal(x, y))
                assert_string_equal(text_str(&p), text_str(&q));
        }
    }
}

static const struct value *doc_of(const struct kubeadm_documents *docs, const char *kind)
{
    for (size_t i = 0; i < docs->n; i++)
        if (str_eq(value_text(value_get(docs->docs[i], "kind"), NULL), kind))
            return docs->docs[i];
    return NULL;
}

static struct value *yaml(struct arena *a, const char *text)
{
    struct value *v = NULL;
    assert_int_equal(tree_parse_one(a, "test", text, strlen(text), &v, NULL), 0);
    return v;
}

static void test_rules(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct kubeadm_input in = input("v1.28.0", KUBEADM_INIT);
    struct kubeadm_documents docs = {0};

    /* external etcd drops the local one; false overrides true; an IPv6 VIP has 128 bits */
    in.image.cluster = yaml(a, "etcd: {local: {dataDir: /x}}");
    in.file.cluster = yaml(a, "etcd: {external: {endpoints: [https://10.9.9.9:2379]}}");
    in.image.kubelet = yaml(a, "failSwapOn: true");
    in.file.kubelet = yaml(a, "failSwapOn: false");
    in.vip = "fd00::2";
    in.masters = one;
    in.single = true;
    assert_int_equal(kubeadm_documents(a, &in, &docs, NULL), 0);
    const struct value *cluster = doc_of(&docs, "ClusterConfiguration");
    assert_null(value_path(cluster, "etcd.local"));
    assert_non_null(value_path(cluster, "etcd.external.endpoints"));
    assert_int_equal(value_truth(value_get(doc_of(&docs, "KubeletConfiguration"), "failSwapOn")), VALUE_NO);
    const struct value *exclude = value_path(doc_of(&docs, "KubeProxyConfiguration"), "ipvs.excludeCIDRs");
    assert_int_equal(exclude->n, 1);
    assert_string_equal(value_text(exclude->items[0], ""), "fd00::2/128");
    const struct value *taints = value_path(doc_of(&docs, "InitConfiguration"), "nodeRegistration.taints");
    assert_true(taints && taints->kind == VALUE_LIST && taints->n == 0);

    /* local etcd in a stronger layer drops external; a mode without IPVS excludes nothing */
    in.image.cluster = yaml(a, "etcd: {external: {endpoints: [https://10.9.9.9:2379]}}");
    in.file.cluster = yaml(a, "etcd: {local: {dataDir: /x}}");
    in.proxy_mode = "iptables";
    assert_int_equal(kubeadm_documents(a, &in, &docs, NULL), 0);
    cluster = doc_of(&docs, "ClusterConfiguration");
    assert_null(value_path(cluster, "etcd.external"));
    assert_null(value_get(doc_of(&docs, "KubeProxyConfiguration"), "ipvs"));

    /* the join's node name */
    in = input("v1.28.0", KUBEADM_JOIN_WORKER);
    in.node_name = "w9";
    in.file.join = yaml(a, "nodeRegistration: {name: x}\ncontrolPlane: {localAPIEndpoint: {bindPort: 7}}");
    assert_int_equal(kubeadm_documents(a, &in, &docs, NULL), 0);
    const struct value *join = doc_of(&docs, "JoinConfiguration");
    assert_string_equal(value_text(value_path(join, "nodeRegistration.name"), ""), "w9");
    assert_null(value_get(join, "controlPlane"));
    assert_int_equal(docs.n, 1);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *cluster, *words;
    } rows[] = {
        {"networking: no", "ClusterConfiguration.networking must be a map"},
        {"apiServer: {extraArgs: x}", "ClusterConfiguration.apiServer.extraArgs must be a map, or a list"},
        {"apiServer: {extraArgs: [{value: x}]}", "must be a list of maps with name and value"},
        {"apiServer: {extraArgs: {a: [1]}}", "ClusterConfiguration.apiServer.extraArgs: a must be a text"},
        {"apiServer: {certSANs: {a: b}}", "certSANs must be a list"},
        {"apiServer: {certSANs: [[a]]}", "certSANs must be a list of texts"},
        {"scheduler: {extraVolumes: [a]}", "extraVolumes must be a map"},
        {"scheduler: {extraVolumes: [{name: x, readOnly: 7}]}", "readOnly must be true or false"},
        {"imageRepository: [x]", "imageRepository must be a text"},
        {"[]", "ClusterConfiguration must be a map"},
        {"featureGates: {X: maybe}", "featureGates.X must be true or false"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        _cleanup_(error_freep) struct error *err = NULL;
        _cleanup_(text_free) struct text t = {0};
        struct kubeadm_documents docs;
        struct kubeadm_input in = input("v1.28.0", KUBEADM_INIT);
        in.file.name = "the Clusterfile";
        in.file.cluster = yaml(a, rows[i].cluster);
        assert_int_equal(kubeadm_documents(a, &in, &docs, &err), -1);
        assert_int_equal(err->code, ERR_INVALID);
        error_text(err, &t);
        if (!strstr(text_str(&t), rows[i].words) || !str_starts(text_str(&t), "the Clusterfile: "))
            fail_msg("%s: %s", rows[i].cluster, text_str(&t));
    }
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct kubeadm_documents docs;
    static const char *const bad[] = {"v1.14.0", "", "latest"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct kubeadm_input in = input(bad[i], KUBEADM_INIT);
        assert_int_equal(kubeadm_documents(a, &in, &docs, NULL), -1);
    }
}

static void problems(const char *pods, const char *services, const char *vip, const char *const *masters,
                     const char *const *nodes, const char *want)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(text_free) struct text t = {0};
    struct kubeadm_networks net = {
        .pod_subnet = pods, .service_subnet = services, .node_mask_v4 = 24, .node_mask_v6 = 64};
    const char *const *list = kubeadm_check_networks(a, &net, vip, masters, nodes);
    for (size_t i = 0; list[i]; i++)
        text_addf(&t, "%s\n", list[i]);
    assert_string_equal(text_str(&t), want);
}

static void test_networks(void **state)
{
    (void)state;
    static const char *const nodes[] = {"10.0.0.1", "10.0.0.9", "fd00::9", NULL};
    const char *pods = "100.64.0.0/10", *services = "10.96.0.0/22", *vip = "10.103.97.2";
    problems(pods, services, vip, three, nodes, "");
    problems("100.64.0.0/10,fd01::/48", "10.96.0.0/22,fd02::/112", vip, three, nodes, "");
    problems("10.96.0.0/12", services, vip, three, nodes,
             "the pod range 10.96.0.0/12 and the service range 10.96.0.0/22 overlap\n"
             "the VIP 10.103.97.2 lies in the pod range 10.96.0.0/12\n");
    problems("10.0.0.0/16", "10.103.0.0/16", vip, three, nodes,
             "the VIP 10.103.97.2 lies in the service range 10.103.0.0/16\n"
             "the node 10.0.0.1 lies in the pod range 10.0.0.0/16\n"
             "the node 10.0.0.9 lies in the pod range 10.0.0.0/16\n");
    problems("100.64.0.0", "x", vip, three, nodes,
             "networking.podSubnet \"100.64.0.0\" must be a range such as 10.96.0.0/22, or two of them, "
             "comma-separated\n"
             "networking.serviceSubnet \"x\" must be a range such as 10.96.0.0/22, or two of them, "
             "comma-separated\n");
    problems("100.64.0.0/10,100.128.0.0/16", services, vip, three, nodes,
             "networking.podSubnet \"100.64.0.0/10,100.128.0.0/16\": of two ranges one must be IPv4 and the "
             "other IPv6\n");
    problems(pods, services, "10.0.0.9", three, nodes, "the VIP 10.0.0.9 is the address of a node\n");
    problems(pods, services, "10.0.0", three, nodes, "the VIP \"10.0.0\" is not an address\n");
    problems(pods, services, "fd00::77", three, nodes,
             "the VIP fd00::77 and the master 10.0.0.1 are not of one address family\n");
    problems("100.64.0.0/25", "10.96.0.0/29", vip, three, nodes,
             "the service range 10.96.0.0/29 is too small: kubeadm wants at least 10 addresses\n"
             "the pod range 100.64.0.0/25 is smaller than one node's share of it, /24 "
             "(controllerManager.extraArgs node-cidr-mask-size)\n");
    problems(
        "64.0.0.0/7", "11.0.0.0/8", vip, three, nodes,
        "the service range 11.0.0.0/8 is too large: the API server takes at most /12\n"
        "the pod range 64.0.0.0/7 gives more than 65536 shares of /24: the controller manager refuses that "
        "(controllerManager.extraArgs node-cidr-mask-size)\n");

    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct kubeadm_input in = input("v1.26.1", KUBEADM_INIT);
    struct kubeadm_networks net;
    in.file.cluster = yaml(a, "Networking: {PodSubnet: '10.1.0.0/16,fd85:1::/112', DNSDomain: x.local}\n"
                              "ControllerManager: {ExtraArgs: {node-cidr-mask-size-ipv6: 120}}\n"
                              "etcd: {external: {endpoints: [a]}}\n");
    assert_int_equal(kubeadm_networks(a, &in, &net, NULL), 0);
    assert_string_equal(net.pod_subnet, "10.1.0.0/16,fd85:1::/112");
    assert_string_equal(net.service_subnet, "10.96.0.0/22");
    assert_string_equal(net.dns_domain, "x.local");
    assert_int_equal(net.node_mask_v4, 24);
    assert_int_equal(net.node_mask_v6, 120);
    assert_true(net.external_etcd);
    assert_string_equal(net.cert_sans[0], "127.0.0.1");
    assert_string_equal(net.cert_sans[5], "10.0.0.3");
    assert_null(net.cert_sans[6]);
    in.file.cluster =
        yaml(a, "controllerManager: {extraArgs: [{name: allocate-node-cidrs, value: 'false'}]}");
    assert_int_equal(kubeadm_networks(a, &in, &net, NULL), 0);
    assert_int_equal(net.node_mask_v4, 0);
    assert_false(net.external_etcd);
}

/* The stand-in kubeadm has tables of its own of what each format allows, made by other hands: it must agree.
 */
static void test_standin_agrees(void **state)
{
    (void)state;
    static const char program[] =
        "import glob, sys, yaml\n"
        "sys.path.insert(0, 'testdata/images/standin/standin')\n"
        "import kubeadm_schema\n"
        "n = 0\n"
        "for f in sorted(glob.glob('testdata/kubeadm/v*/*.yaml')):\n"
        "    for d in yaml.safe_load_all(open(f)):\n"
        "        wrong = kubeadm_schema.check(d, d['kind'], d['apiVersion'].split('/')[1])\n"
        "        n += 1\n"
        "        if wrong: sys.exit('%s: %s: %s' % (f, d['kind'], '; '.join(wrong)))\n"
        "sys.exit(0 if n == 7 * 6 else 'only %d documents' % n)\n";
    FILE *p = popen("python3 -B - >&2", "w");
    assert_non_null(p);
    assert_true(fputs(program, p) >= 0);
    assert_int_equal(pclose(p), 0);
}

/* A public Clusterfile as `sealos gen` once printed it, all fields defaulted, merged into today's format. */
static void test_generated(void **state)
{
    (void)state;
    static const char path[] = SOURCE_DIR "/../shared/corpus/dual-stack-generated.yaml";
    if (access(path, R_OK) < 0)
        skip();
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct kubeadm_input in = input("v1.31.0", KUBEADM_INIT);
    struct kubeadm_documents docs = {0};
    struct kubeadm_networks net;
    char *text = read_file(a, path);
    struct error_list errors = {0}, warnings = {0};
    _cleanup_(want_freep) struct want *want = NULL;
    assert_int_equal(clusterfile_read(path, text, strlen(text), &want, &errors, &warnings), 0);
    error_list_free(&warnings);
    in.file = kubeadm_layer_of(want);
    assert_int_equal(kubeadm_documents(a, &in, &docs, NULL), 0);
    const struct value *cluster = doc_of(&docs, "ClusterConfiguration");
    assert_int_equal(value_path(cluster, "apiServer.extraVolumes")->n, 3); /* six in the file */
    assert_int_equal(value_path(cluster, "scheduler.extraVolumes")->n, 1);
    for (size_t i = 0; i < value_path(cluster, "scheduler.extraArgs")->n; i++)
        assert_string_not_equal(
            value_text(value_get(value_path(cluster, "scheduler.extraArgs")->items[i], "name"), ""),
            "feature-gates");
    assert_null(value_get(cluster, "certificatesDir"));
    assert_null(value_get(cluster, "componentConfigs"));
    assert_int_equal(value_path(doc_of(&docs, "KubeletConfiguration"), "enforceNodeAllocatable")->n, 1);
    assert_int_equal(kubeadm_networks(a, &in, &net, NULL), 0);
    static const char *const nodes[] = {"192.168.0.10", "192.168.0.11", NULL};
    const char *const *problems = kubeadm_check_networks(a, &net, "10.103.97.2", nodes, nodes);
    if (problems[0])
        fail_msg("%s", problems[0]);
}

/* What can be refused before any node was seen. */
static void test_want(void **state)
{
    (void)state;
    static const struct {
        const char *cluster, *join, *address, *words;
    } rows[] = {
        {NULL, NULL, "10.0.0.1", NULL},
        {NULL, NULL, "100.64.0.1",
         NULL}, /* in the default pod range, which an image may change: told later */
        {"Networking: {PodSubnet: 100.64.0.0/10}", NULL, "100.64.0.1",
         "the node 100.64.0.1 lies in the pod range"},
        {"networking: {podSubnet: 10.1.0.0/16, serviceSubnet: 10.1.0.0/20}", NULL, "10.0.0.1", "overlap"},
        {"networking: {serviceSubnet: 10.103.0.0/16}", NULL, "10.0.0.1",
         "the VIP 10.103.97.2 lies in the service range"},
        {"networking: 7", NULL, "10.0.0.1", "the Clusterfile: ClusterConfiguration.networking must be a map"},
        {NULL, "nodeRegistration: []", "10.0.0.1", "JoinConfiguration.nodeRegistration must be a map"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        _cleanup_(error_freep) struct error *err = NULL;
        _cleanup_(text_free) struct text t = {0};
        struct want_host host = {.address = rows[i].address, .roles = ROLE_MASTER, .listed = true};
        struct want_host leaving = {.address = "10.1.0.1", .roles = ROLE_MASTER};
        struct want_host hosts[] = {host, leaving};
        struct want w = {.arena = a,
                         .hosts = hosts,
                         .n_hosts = 2,
                         .kubernetes_version = "v1.28.0",
                         .vip = "10.103.97.2",
                         .bind_port = 6443};
        w.cluster_configuration = rows[i].cluster ? yaml(a, rows[i].cluster) : NULL;
        w.join_configuration = rows[i].join ? yaml(a, rows[i].join) : NULL;
        assert_int_equal(kubeadm_check_want(&w, NULL, &err), rows[i].words ? -1 : 0);
        if (err)
            error_text(err, &t);
        if (rows[i].words && !strstr(text_str(&t), rows[i].words))
            fail_msg("%s", text_str(&t));
    }
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct want w = {.arena = a, .kubernetes_version = "v1.20.0", .vip = "10.103.97.2", .bind_port = 6443};
    const char *const *warnings = NULL;
    w.init_configuration = yaml(a, "skipPhases: [x]");
    assert_int_equal(kubeadm_check_want(&w, &warnings, NULL), 0);
    assert_non_null(strstr(warnings[0], "InitConfiguration.skipPhases is not a field of"));
    assert_null(warnings[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_merged),
        cmocka_unit_test(test_fixed_point), cmocka_unit_test(test_rules),
        cmocka_unit_test(test_errors),      cmocka_unit_test(test_networks),
        cmocka_unit_test(test_want),        cmocka_unit_test(test_standin_agrees),
        cmocka_unit_test(test_generated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
