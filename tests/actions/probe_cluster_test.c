/* The probe's slow half: the API, etcd, the node's own Node; and nodes that hang, lie or refuse. As
 * probe_test.c. */
#include "tests/actions/probe_node.h"

static void settle_master(struct machine *m)
{
    machine_put(m, "/etc/kubernetes/admin.conf", "x");
    machine_put(m, "/etc/kubernetes/pki/etcd/peer.crt", "x");
    machine_tool(m, "curl",
                 "case $* in *' https://127.0.0.1:6443/readyz') printf 200 ;; *) printf 000 ;; esac\n");
    machine_tool(
        m, "kubectl",
        "case $* in\n"
        "*' get nodes '*) printf 'a\\tid-a\\t10.0.0.1\\tTrue\\t{\"x\":\"y\"}\\t\\tv1\\n"
        "b\\tid-b\\t10.0.0.2\\tUnknown\\t{}\\ttrue\\tv1\\nc\\tid-c\\t10.9.9.9\\tTrue\\t{}\\t\\tv1\\n' ;;\n"
        "*' get secrets '*) printf "
        "'bootstrap-token-abcdef\\tcmVjb25jaWxlIHJ1biA3\\nbootstrap-token-123456\\t\\n' ;;\n"
        "*' get configmap reconcile-guests '*) printf 'sha256.cc\\tok\\nsha256.dd\\tfailed\\n' ;;\n"
        "*) exit 64 ;; esac\n");
    machine_tool(m, "etcdctl",
                 "case $* in\n"
                 "*' --command-timeout=3s member list') printf '1a, started, a, https://10.0.0.1:2380, "
                 "https://10.0.0.1:2379, false\\n"
                 "2b, started, x, https://10.9.9.8:2380, https://10.9.9.8:2379, false\\n' ;;\n"
                 "*' endpoint status --cluster') echo 'https://10.0.0.1:2379, 1a, 3.5.9, 20 kB, true, false, "
                 "2, 8, 8, '; exit 1 ;;\n"
                 "*) exit 64 ;; esac\n");
}

static void test_cluster(struct machine *m)
{
    settle_master(m);
    machine_look(m, MASTER, SECTION_API | SECTION_ETCD);
    const struct have_cluster *c = &m->have->cluster;
    machine_true(m, MASTER, FACT_API_ANSWERS, "");
    machine_true(m, MASTER, FACT_ETCD_ANSWERS, "");
    assert_int_equal(c->api, TRI_TRUE);
    assert_int_equal(c->etcd, TRI_TRUE);
    machine_true(m, MASTER, FACT_NODE_OBJECT, "id-a");
    machine_true(m, MASTER, FACT_NODE_READY, "");
    machine_true(m, MASTER, FACT_ETCD_MEMBER, "1a");
    machine_true(m, MASTER, FACT_ETCD_HEALTHY, "");
    machine_true(m, WORKER, FACT_NODE_NAME, "b");
    machine_false(m, WORKER, FACT_NODE_READY);
    machine_false(m, WORKER, FACT_ETCD_MEMBER);
    assert_int_equal(c->n_strangers, 1);
    assert_string_equal(c->strangers[0], "c 10.9.9.9");
    assert_int_equal(c->n_stray, 1);
    assert_string_equal(c->stray_members[0], "2b x 10.9.9.8");
    assert_int_equal(c->tokens.state, TRI_TRUE);
    assert_string_equal(c->tokens.value, "abcdef");
    assert_true(have_guest(m->have, "sha256.cc"));
    assert_false(have_guest(m->have, "sha256.dd"));
}

/* Half an answer of the API is none: a guest whose record was not seen would be run again. */
static void test_api_half(struct machine *m)
{
    settle_master(m);
    machine_tool(m, "kubectl",
                 "case $* in *' get nodes '*|*' get secrets '*) ;; *) echo 'Error from server: etcd is slow' "
                 ">&2; exit 1 ;; esac\n");
    machine_look(m, MASTER, SECTION_API);
    machine_true(m, MASTER, FACT_API_ANSWERS, "");
    assert_int_equal(m->have->cluster.api, TRI_UNKNOWN);
}

static void test_api_down(struct machine *m)
{
    settle_master(m);
    machine_tool(m, "curl", "printf 000\n");
    machine_tool(m, "etcdctl", "echo 'context deadline exceeded' >&2; exit 1\n");
    machine_look(m, MASTER, SECTION_API | SECTION_ETCD);
    machine_false(m, MASTER, FACT_API_ANSWERS);
    machine_false(m, MASTER, FACT_ETCD_ANSWERS);
    assert_int_equal(m->have->cluster.api, TRI_UNKNOWN);
}

/* What hangs is cut off, and known as not known. (The machine's own timeout, only in more of a hurry.) */
static void test_hanging(struct machine *m)
{
    settle_master(m);
    machine_tool(m, "timeout",
                 "shift 3; path=$PATH PATH=${PATH#*:}; real=$(command -v timeout); PATH=$path\nexec "
                 "\"$real\" -s KILL 1 \"$@\"\n");
    machine_tool(m, "kubectl", "exec sleep 600\n");
    machine_tool(m, "etcdctl", "exec sleep 600\n");
    machine_tool(m, "iptables-save", "exec sleep 600\n");
    machine_tool(m, "systemctl", "exec sleep 600\n");
    machine_look(m, MASTER, SECTION_ALL);
    machine_true(m, MASTER, FACT_API_ANSWERS, "");
    assert_int_equal(m->have->cluster.api, TRI_UNKNOWN);
    machine_false(m, MASTER, FACT_ETCD_ANSWERS);
    assert_int_equal(have_fact(m->have, MASTER, FACT_VIP_RULES)->state, TRI_UNKNOWN);
    assert_int_equal(have_fact(m->have, MASTER, FACT_KUBELET_UP)->state, TRI_UNKNOWN);
    machine_false(m, MASTER, FACT_KUBELET_CONF); /* the rest is there */
}

/* As on a system without timeout(1): a watchdog of the shell's own. */
static void test_no_timeout(struct machine *m)
{
    settle_master(m);
    machine_without(m, "timeout");
    machine_look(m, MASTER, SECTION_ALL);
    machine_true(m, MASTER, FACT_NODE_OBJECT, "id-a");
    machine_true(m, MASTER, FACT_ETCD_MEMBER, "1a");
}

static void test_self(struct machine *m)
{
    machine_put(m, "/etc/kubernetes/kubelet.conf", "x");
    machine_tool(m, "kubectl",
                 "case $* in *'/etc/kubernetes/kubelet.conf --request-timeout=5s get node node-a '*)"
                 " printf 'node-a\\tid-b\\t10.0.0.2\\tFalse\\t{}\\t\\tv1\\n' ;; *) exit 64 ;; esac\n");
    machine_look(m, WORKER, SECTION_SELF);
    machine_true(m, WORKER, FACT_NODE_OBJECT, "id-b");
    machine_false(m, WORKER, FACT_NODE_READY);
    machine_tool(m, "kubectl", "echo 'Unable to connect to the server' >&2; exit 1\n");
    machine_look(m, WORKER, SECTION_SELF);
    machine_true(m, WORKER, FACT_NODE_OBJECT, "id-b"); /* nothing was learned */
    machine_tool(m, "kubectl",
                 "echo 'Error from server (NotFound): nodes \"node-a\" not found' >&2; exit 1\n");
    machine_look(m, WORKER, SECTION_SELF);
    machine_false(m, WORKER, FACT_NODE_OBJECT);
}

/* ---- hostile values */

static void test_hostile(struct machine *m)
{
    machine_put(m, "/proc/sys/kernel/hostname", "x\033[31m\n");
    machine_put(m, "/etc/machine-id", "abc\tdef\n");
    machine_put(m, OWN "/stamps/node.init", "$(touch /tmp/x) `id` '\"\n");
    machine_put(m, "/etc/os-release", "ID=\"x\033]0;t\007\"\n");
    machine_put(m, "/etc/hosts", "$(id) sealos.hub\n");
    machine_look(m, WORKER, SECTION_ALL);
    assert_int_equal(have_fact(m->have, WORKER, FACT_HOSTNAME)->state, TRI_UNKNOWN);
    assert_int_equal(have_fact(m->have, WORKER, FACT_MACHINE_ID)->state, TRI_UNKNOWN);
    machine_true(m, WORKER, FACT_INIT_STAMP, "malformed");
    machine_true(m, WORKER, FACT_OS, "x?]0;t?");
    machine_true(m, WORKER, FACT_HOSTS_REGISTRY, "$(id)");
}

static void test_unprivileged(struct machine *m)
{
    machine_tool(m, "id", "echo 1000\n");
    machine_look(m, WORKER, SECTION_ALL);
    machine_false(m, WORKER, FACT_ROOT);
    machine_true(m, WORKER, FACT_HOSTNAME, "node-a");
    assert_int_equal(have_fact(m->have, WORKER, FACT_KUBELET_CONF)->state, TRI_UNKNOWN);
}

/* Nothing of the probe stays on the node. */
static void test_leaves_nothing(struct machine *m)
{
    settle_master(m);
    machine_look(m, MASTER, SECTION_ALL | SECTION_SELF);
    _cleanup_(text_free) struct text left = {0};
    machine_list(m, "/run", &left);
    assert_string_equal(text_str(&left), "");
}

/* A cut program does nothing, whatever the shell read of it. */
static void test_cut_program(struct machine *m)
{
    machine_cut_program(m);
}

/* ---- each of them under each shell */

#define EACH(X)                                                                                              \
    X(cluster)                                                                                               \
    X(api_half) X(api_down) X(hanging) X(no_timeout) X(self) X(hostile) X(unprivileged) X(leaves_nothing)    \
        X(cut_program)
EACH(MACHINE_RUN)

int main(void)
{
    const struct CMUnitTest tests[] = {EACH(MACHINE_ROW)};
    return cmocka_run_group_tests(tests, machines_setup, machines_teardown);
}
