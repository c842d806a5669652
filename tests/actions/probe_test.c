/* The real probe.sh, run by `sh -s` under three shells (and once with nothing but busybox' tools) in trees
 * made for it. */
#include "actions/means/lvscare_pod.h"
#include "actions/means/probe.h"
#include "tests/actions/probe_node.h"

/* ---- a machine out of the box */

static void test_fresh_node(struct machine *m)
{
    machine_look(m, MASTER, SECTION_ALL);
    machine_true(m, MASTER, FACT_REACHED, "");
    machine_true(m, MASTER, FACT_ROOT, "");
    machine_true(m, MASTER, FACT_HOSTNAME, "node-a");
    machine_true(m, MASTER, FACT_MACHINE_ID, "0123456789abcdef0123456789abcdef");
    machine_true(m, MASTER, FACT_BOOT_ID, "11111111-2222-3333-4444-555555555555");
    machine_true(m, MASTER, FACT_OS, "debian 12");
    machine_true(m, MASTER, FACT_KERNEL, "6.1.0-test");
    machine_true(m, MASTER, FACT_MEMORY, "2000");
    long skew = strtol(have_fact(m->have, MASTER, FACT_CLOCK_SKEW)->value, NULL, 10);
    assert_true(skew >= -1 && skew <= 1); /* busybox' date knows no nanoseconds */
    assert_int_equal(have_fact(m->have, MASTER, FACT_DISK_FREE)->state, TRI_TRUE);
    assert_int_equal(have_fact(m->have, MASTER, FACT_ARCH)->state, TRI_TRUE);
    static const enum fact_id absent[] = {
        FACT_PORTS_BUSY,     FACT_OURS,
        FACT_ROOTFS,         FACT_HOSTS_REGISTRY,
        FACT_HOSTS_API,      FACT_HOSTS_LVSCARE,
        FACT_INIT_STAMP,     FACT_REGISTRY_IMAGES,
        FACT_REGISTRY_STAMP, FACT_REGISTRY_SERVING,
        FACT_RUNTIME_UP,     FACT_KUBELET_UP,
        FACT_PREPULLED,      FACT_KUBELET_CONF,
        FACT_ADMIN_CONF,     FACT_CA,
        FACT_CA_STAMP,       FACT_PKI,
        FACT_STATICS,        FACT_KUBECONFIG,
        FACT_MANIFESTS,      FACT_ETCD_DATA,
        FACT_ATTEMPT,        FACT_IPVS_KERNEL,
        FACT_VIP_RULES,      FACT_LVSCARE_POD,
        FACT_API_ANSWERS,    FACT_ETCD_ANSWERS,
        FACT_JOBS,
    };
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        machine_false(m, MASTER, absent[i]);
    machine_true(m, MASTER, FACT_SHIM_UP, ""); /* there is none */
    assert_int_equal(m->have->cluster.api, TRI_UNKNOWN);
}

/* Only what was asked is said, and only that is forgotten. */
static void test_sections(struct machine *m)
{
    have_true(m->have, WORKER, FACT_ROOTFS, "kept");
    machine_look(m, WORKER, SECTION_HOSTS);
    machine_true(m, WORKER, FACT_ROOTFS, "kept");
    machine_false(m, WORKER, FACT_HOSTS_API);
    assert_int_equal(have_fact(m->have, WORKER, FACT_CA)->state, TRI_UNKNOWN);
}

/* ---- files */

static void test_hosts(struct machine *m)
{
    machine_put(m, "/etc/hosts",
                "127.0.0.1 localhost\n"
                "# 10.0.0.7 sealos.hub\n"
                "10.0.0.1\tother SEALOS.hub # reconcile\n"
                "10.0.0.9 sealos.hub\n"
                "10.103.97.2 apiserver.cluster.local # reconcile\n"
                "10.0.0.2 lvscare.node.ip # sealos.hub\n");
    machine_look(m, WORKER, SECTION_HOSTS);
    machine_true(m, WORKER, FACT_HOSTS_REGISTRY, "10.0.0.1");
    machine_true(m, WORKER, FACT_HOSTS_API, "10.103.97.2");
    machine_true(m, WORKER, FACT_HOSTS_LVSCARE, "10.0.0.2");
}

static void test_stamps(struct machine *m)
{
    machine_put(m, OWN "/stamps/node.init", "key-1\n");
    machine_put(m, OWN "/stamps/registry.init", "two words\n");
    machine_put(m, OWN "/stamps/registry.00ff", "x\n");
    machine_put(m, OWN "/stamps/registry.ab12", "x\n");
    machine_put(m, TREE "/registry/docker/x", "x\n");
    machine_put(m, OWN "/attempt", "join-worker 9f\n");
    machine_look(m, WORKER, SECTION_INIT | SECTION_REGISTRY | SECTION_KUBE);
    machine_true(m, WORKER, FACT_OURS, "");
    machine_true(m, WORKER, FACT_INIT_STAMP, "key-1");
    machine_true(m, WORKER, FACT_REGISTRY_STAMP, "malformed"); /* differs from any key: it is set again */
    machine_true(m, WORKER, FACT_REGISTRY_IMAGES, "sha256:00ff,sha256:ab12");
    machine_true(m, WORKER, FACT_ATTEMPT, "join-worker");
}

static void test_rootfs(struct machine *m)
{
    machine_put(m, TREE "/scripts/init.sh", "echo\n");
    machine_put(m, TREE "/registry/blob", "x");
    machine_put(m, OWN "/manifests/rootfs.list", "f\t755\t5\t-\tscripts/init.sh\n");
    machine_shell(m, "echo \"KEY $(stat_listing \"$ROOT" OWN "/manifests/rootfs\" \"$ROOT" TREE "\")\" >\"$ROOT" OWN
                     "/manifests/rootfs\"");
    machine_look(m, WORKER, SECTION_ROOTFS);
    machine_true(m, WORKER, FACT_ROOTFS, "KEY");
    machine_put(m, TREE "/registry/another", "registries grow by themselves");
    machine_look(m, WORKER, SECTION_ROOTFS);
    machine_true(m, WORKER, FACT_ROOTFS, "KEY");
    machine_put(m, TREE "/scripts/init.sh", "echo edited\n");
    machine_look(m, WORKER, SECTION_ROOTFS);
    machine_true(m, WORKER, FACT_ROOTFS, "drifted");
}

static void test_pki(struct machine *m)
{
    static const char *const files[] = {
        "ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "etcd/ca.crt", "etcd/ca.key",
        "sa.pub", "sa.key"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        _cleanup_(mem_freep) char *path = mem_printf("/etc/kubernetes/pki/%s", files[i]);
        machine_look(m, MASTER, SECTION_KUBE);
        machine_false(m, MASTER, FACT_PKI);
        machine_put(m, path, files[i]);
    }
    machine_put(m, OWN "/stamps/ca", "abc\n");
    /* base64 of "ca.crt" */
    machine_put(m, "/root/.kube/config", "clusters:\n- cluster:\n    certificate-authority-data: Y2EuY3J0\n");
    machine_put(m, "/etc/kubernetes/audit-policy.yml", "rules\n");
    machine_look(m, MASTER, SECTION_KUBE);
    char ca[DIGEST_HEX], pki[DIGEST_HEX];
    digest_hex("ca.crt", 6, ca);
    const char all[] = "ca.crtfront-proxy-ca.crtetcd/ca.crtsa.pub";
    digest_hex(all, strlen(all), pki);
    machine_true(m, MASTER, FACT_CA, ca);
    machine_true(m, MASTER, FACT_PKI, pki);
    machine_true(m, MASTER, FACT_KUBECONFIG, ca);
    machine_true(m, MASTER, FACT_CA_STAMP, "abc");
    assert_int_equal(have_fact(m->have, MASTER, FACT_STATICS)->state,
                     TRI_UNKNOWN); /* nothing to compare with */
    machine_put(m, TREE "/statics/audit-policy.yml", "rules\n");
    machine_look(m, MASTER, SECTION_KUBE);
    machine_true(m, MASTER, FACT_STATICS, "");
    machine_put(m, "/etc/kubernetes/audit-policy.yml", "other rules\n");
    machine_put(m, "/root/.kube/config", "clusters: []\n");
    machine_look(m, MASTER, SECTION_KUBE);
    machine_false(m, MASTER, FACT_STATICS);
    machine_true(m, MASTER, FACT_KUBECONFIG, "unreadable");
}

static void test_ports(struct machine *m)
{
    machine_put(m, "/proc/net/tcp",
                "  sl  local_address rem_address   st tx_queue\n"
                "   0: 0100007F:280A 00000000:0000 0A 00000000\n"   /* 10250 listens */
                "   1: 0100007F:094B 0100007F:C001 01 00000000\n"); /* 2379 is only a connection */
    machine_put(m, "/proc/net/tcp6",
                "  sl  local_address                         remote_address                        st\n"
                "   0: 00000000000000000000000000000000:192B 00000000000000000000000000000000:0000 0A\n");
    machine_look(m, MASTER, SECTION_IDENTITY);
    machine_true(m, MASTER, FACT_PORTS_BUSY, "6443,10250");
}

/* ---- units, images, registry */

static void test_units(struct machine *m)
{
    machine_tool(m, "systemctl",
                 "[ \"$*\" = 'is-active containerd docker crio image-cri-shim kubelet' ] || exit 64\n"
                 "printf 'inactive\\nactive\\ninactive\\nfailed\\nactivating\\n'; exit 3\n");
    machine_put(m, "/etc/systemd/system/image-cri-shim.service", "[Unit]\n");
    machine_look(m, WORKER, SECTION_INIT);
    machine_true(m, WORKER, FACT_RUNTIME_UP, "docker");
    machine_false(m, WORKER, FACT_SHIM_UP);
    machine_false(m, WORKER, FACT_KUBELET_UP);
    machine_tool(m, "systemctl", "echo 'Failed to connect to bus' >&2; exit 1\n");
    machine_look(m, WORKER, SECTION_INIT);
    assert_int_equal(have_fact(m->have, WORKER, FACT_KUBELET_UP)->state, TRI_UNKNOWN);
}

static void test_prepulled(struct machine *m)
{
    machine_put(m, OWN "/stamps/prepull", "key-2\n");
    machine_put(m, OWN "/stamps/prepull.list", "sealos.hub:5000/kube-proxy:v1\nsealos.hub:5000/pause:3");
    machine_tool(
        m, "crictl",
        "echo "
        "'{\"images\":[{\"repoTags\":[\"sealos.hub:5000/kube-proxy:v1\",\"sealos.hub:5000/pause:3\"]}]}'\n");
    machine_look(m, WORKER, SECTION_INIT);
    machine_true(m, WORKER, FACT_PREPULLED, "key-2");
    machine_tool(m, "crictl",
                 "echo "
                 "'{\"images\":[{\"repoTags\":[\"sealos.hub:5000/kube-proxy:v1\",\"sealos.hub:5000/"
                 "pause:3.9\"]}]}'\n");
    machine_look(m, WORKER, SECTION_INIT);
    machine_false(m, WORKER, FACT_PREPULLED);
    machine_tool(m, "crictl", "exit 1\n");
    machine_look(m, WORKER, SECTION_INIT);
    assert_int_equal(have_fact(m->have, WORKER, FACT_PREPULLED)->state, TRI_UNKNOWN);
}

static void test_registry_serving(struct machine *m)
{
    machine_put(m, "/proc/net/tcp", " sl\n 0: 00000000:1388 00000000:0000 0A\n");
    machine_tool(m, "curl", "case $* in *http://127.0.0.1:5000/v2/) printf 401 ;; *) printf 000 ;; esac\n");
    machine_look(m, MASTER, SECTION_REGISTRY);
    machine_true(m, MASTER, FACT_REGISTRY_SERVING, "");
    machine_tool(m, "curl", "printf 503\n");
    machine_look(m, MASTER, SECTION_REGISTRY);
    machine_false(m, MASTER, FACT_REGISTRY_SERVING);
}

static void test_jobs(struct machine *m)
{
    machine_put(m, OWN "/jobs/kubeadm.init/pid", "42 777\n");
    machine_put(m, OWN "/jobs/node.init-ended/pid", "43 777\n");
    machine_put(m, OWN "/jobs/node.init-reused/pid", "44 777\n");
    machine_put(m, OWN "/jobs/node.init-done/pid", "42 777\n");
    machine_put(m, OWN "/jobs/node.init-done/status", "0\n");
    machine_put(m, "/proc/42/stat", "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20\n");
    machine_put(m, "/proc/44/stat", "44 (sh) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 778 20\n");
    machine_look(m, MASTER, SECTION_JOBS);
    machine_true(m, MASTER, FACT_JOBS, "kubeadm.init");
}

/* ---- the VIP */

static void test_ipvs(struct machine *m)
{
    machine_put(m, "/proc/net/ip_vs",
                "IP Virtual Server version 1.2.1 (size=4096)\n"
                "Prot LocalAddress:Port Scheduler Flags\n"
                "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
                "TCP  0A676103:192B rr \n"
                "  -> 0A000063:192B      Masq    1      0          0         \n"
                "TCP  0A676102:192B rr \n"
                "  -> 0A00000A:192B      Masq    0      0          0         \n"
                "  -> 0A000009:192B      Masq    1      0          0         \n");
    machine_tool(m, "curl",
                 "case $* in *' https://10.103.97.2:6443/healthz') printf 200 ;; *) printf 000 ;; esac\n");
    machine_look(m, WORKER, SECTION_VIP);
    machine_true(m, WORKER, FACT_IPVS_KERNEL, "loaded");
    machine_true(m, WORKER, FACT_VIP_RULES, "ipvs 10.103.97.2:6443 10.0.0.9:6443,10.0.0.10:6443");
    machine_true(m, WORKER, FACT_VIP_ANSWERS, "");
    static const char *const odd[] = {
        "TCP  0A676102:192B wlc \n  -> 0A000009:192B      Masq   1      0          0\n",
        "TCP  0A676102:192B rr \n  -> 0A000009:192B      Route   1      0          0\n",
        "TCP  0A676102:192B rr persistent 300\n  -> 0A000009:192B      Masq   1      0          0\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        machine_put(m, "/proc/net/ip_vs", odd[i]);
        machine_look(m, WORKER, SECTION_VIP);
        machine_true(m, WORKER, FACT_VIP_RULES, "ipvs? 10.103.97.2:6443 10.0.0.9:6443");
    }
}

#define NAT_HEAD "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [1:60]\n:RECONCILE-VIP - [0:0]\n"
#define NAT_JUMP "-A OUTPUT -d 10.103.97.2/32 -p tcp -m tcp --dport 6443 -j RECONCILE-VIP\n"
#define NAT_RULE(stat, to) "-A RECONCILE-VIP -p tcp " stat "-j DNAT --to-destination " to "\n"

static void look_nat(struct machine *m, const char *rules, const char *expected)
{
    machine_put(m, "/rules", rules);
    machine_tool(m, "iptables-save", "[ \"$*\" = '-t nat' ] && cat \"$TEST_ROOT/rules\"\n");
    machine_look(m, WORKER, SECTION_VIP);
    if (expected)
        machine_true(m, WORKER, FACT_VIP_RULES, expected);
    else
        machine_false(m, WORKER, FACT_VIP_RULES);
}

static void test_netfilter(struct machine *m)
{
    machine_tool(m, "curl", "printf 000\n");
    look_nat(m, "*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n", NULL);
    look_nat(m,
             NAT_HEAD NAT_JUMP NAT_RULE("-m statistic --mode nth --every 3 --packet 0 ", "10.0.0.1:6443")
                 NAT_RULE("-m statistic --mode nth --every 2 --packet 0 ", "10.0.0.2:6443")
                     NAT_RULE("", "10.0.0.10:6443") "COMMIT\n",
             "nat 10.103.97.2:6443 10.0.0.1:6443,10.0.0.2:6443,10.0.0.10:6443");
    machine_false(m, WORKER, FACT_VIP_ANSWERS);
    /* every second packet for the first of three: it gets too many */
    look_nat(m,
             NAT_HEAD NAT_JUMP NAT_RULE("-m statistic --mode nth --every 2 --packet 0 ", "10.0.0.1:6443")
                 NAT_RULE("-m statistic --mode nth --every 2 --packet 0 ", "10.0.0.2:6443")
                     NAT_RULE("", "10.0.0.10:6443") "COMMIT\n",
             "nat? 10.103.97.2:6443 10.0.0.1:6443,10.0.0.2:6443,10.0.0.10:6443");
    look_nat(m, NAT_HEAD NAT_RULE("", "10.0.0.1:6443") "COMMIT\n",
             "nat? 10.103.97.2:6443 10.0.0.1:6443"); /* not reached */
    machine_tool(m, "iptables-save",
                 "echo 'Another app is currently holding the xtables lock' >&2; exit 4\n");
    machine_look(m, WORKER, SECTION_VIP);
    assert_int_equal(have_fact(m->have, WORKER, FACT_VIP_RULES)->state, TRI_UNKNOWN);
}

static void test_ipvs_loadable(struct machine *m)
{
    machine_tool(m, "modprobe", "[ \"$*\" = '-n -q ip_vs' ]\n");
    machine_look(m, WORKER, SECTION_VIP);
    machine_true(m, WORKER, FACT_IPVS_KERNEL, "loadable");
    machine_false(m, WORKER, FACT_VIP_ANSWERS); /* no virtual server: nobody is asked */
    machine_tool(m, "modprobe", "exit 1\n");
    machine_put(m, "/lib/modules/6.1.0-test/kernel/net/netfilter/ipvs/ip_vs.ko.xz", "x");
    machine_look(m, WORKER, SECTION_VIP);
    machine_true(m, WORKER, FACT_IPVS_KERNEL, "loadable");
}

static void test_lvscare(struct machine *m)
{
    static const char *const servers[] = {"10.0.0.9:6443", "10.0.0.1:6443"};
    struct lvscare_pod pod = {.vs = "10.103.97.2:6443", .rs = servers, .n_rs = 2, .image = "lvscare:v5"};
    _cleanup_(text_free) struct text file = {0}, meaning = {0};
    lvscare_write(&pod, &file);
    lvscare_canonical(&pod, &meaning);
    machine_put(m, LVSCARE_POD_PATH, text_str(&file));
    machine_look(m, WORKER, SECTION_VIP);
    machine_true(m, WORKER, FACT_LVSCARE_POD, text_str(&meaning));
    machine_put(m, LVSCARE_POD_PATH, "not: [a, pod");
    machine_look(m, WORKER, SECTION_VIP);
    const struct fact *f = have_fact(m->have, WORKER, FACT_LVSCARE_POD);
    assert_int_equal(f->state, TRI_TRUE);
    assert_true(str_starts(f->value, "unreadable"));
    machine_put(m, LVSCARE_POD_PATH, "");
    machine_look(m, WORKER, SECTION_VIP);
    assert_int_equal(have_fact(m->have, WORKER, FACT_LVSCARE_POD)->state, TRI_TRUE);
}

/* ---- each of them under each shell */

#define EACH(X)                                                                                              \
    X(fresh_node)                                                                                            \
    X(sections)                                                                                              \
    X(hosts)                                                                                                 \
    X(stamps) X(rootfs) X(pki) X(ports) X(units) X(prepulled) X(registry_serving) X(jobs) X(ipvs)            \
        X(netfilter) X(ipvs_loadable) X(lvscare)
EACH(MACHINE_RUN)

int main(void)
{
    const struct CMUnitTest tests[] = {EACH(MACHINE_ROW)};
    return cmocka_run_group_tests(tests, machines_setup, machines_teardown);
}
