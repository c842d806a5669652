/* One flip: from a settled cluster of three masters and two workers each single fact of a node is made false, given
 * another value, and made unknown, on each sort of node. What stands in the table is all that may follow: the ids of the
 * plan, behind '!' those of what is left out. NULL: nothing at all. %s is the node's address, KEY its tree. */
#include "tests/model/plan_checks.h"

enum sort { FIRST, MASTER, WORKER, N_SORTS }; /* the first master is asked, and holds the registry */
static const int node_of[N_SORTS] = {0, 1, 3};

struct flips {
    const char *when_false[N_SORTS];
    const char *other, *when_other[N_SORTS];
    const char *when_unknown[N_SORTS];
};

#define ALL(x) {x, x, x}
#define MASTERS(x) {x, x, NULL}
#define WORKERS(x) {NULL, NULL, x}
#define ROOTFS "image.pull/kubernetes,image.render/KEY,rootfs.push/%s"
#define JOIN_WORKER "token.create,node.delete/%s,kubeadm.join-worker/%s,ipvs.pod/%s,token.delete"
#define REJOIN_MASTER                                                                                                  \
    "hosts.set/%s,token.create,etcd.remove-member/%s,node.delete/%s,kubeadm.join-master/%s,hosts.own/%s,token.delete"
#define MAYBE_JOIN {"!kubeadm.join-master/%s", "!kubeadm.join-master/%s", "!kubeadm.join-worker/%s"}

static const struct flips flips[FACT_COUNT] = {
    [FACT_REACHED] = {ALL("!%s"), NULL, ALL(NULL), ALL("!%s")},
    [FACT_ROOT] = {ALL("!%s"), NULL, ALL(NULL), ALL("!%s")},
    /* of a member only its Node's name counts */
    [FACT_HOSTNAME] = {ALL(NULL), "node4", ALL(NULL), ALL(NULL)},
    [FACT_MACHINE_ID] = {{REJOIN_MASTER, REJOIN_MASTER, JOIN_WORKER}, "other", {REJOIN_MASTER, REJOIN_MASTER, JOIN_WORKER}, MAYBE_JOIN},
    [FACT_BOOT_ID] = {ALL(NULL), "other", ALL(NULL), ALL(NULL)},
    [FACT_CLOCK_SKEW] = {ALL(NULL), "3600", ALL(NULL), ALL(NULL)},
    [FACT_OS] = {ALL(NULL), "other 1", ALL(NULL), ALL(NULL)},
    [FACT_ARCH] = {ALL(NULL), "arm64", ALL(NULL), ALL(NULL)},
    [FACT_KERNEL] = {ALL(NULL), "7", ALL(NULL), ALL(NULL)},
    [FACT_DISK_FREE] = {ALL(NULL), "1", ALL(NULL), ALL(NULL)},
    [FACT_MEMORY] = {ALL(NULL), "1", ALL(NULL), ALL(NULL)},
    [FACT_PORTS_BUSY] = {ALL(NULL), "2379,2380,6443,10250,10257,10259", ALL(NULL), ALL(NULL)},
    /* its files are of this cluster's CA */
    [FACT_OURS] = {ALL(NULL), NULL, ALL(NULL), ALL(NULL)},
    [FACT_ROOTFS] = {ALL(ROOTFS), "drifted", ALL(ROOTFS), ALL("!rootfs.push/%s")},
    [FACT_HOSTS_REGISTRY] = {ALL("hosts.set/%s"), "9.9.9.9", ALL("hosts.set/%s"), ALL("!hosts.set/%s")},
    [FACT_HOSTS_API] = {{"hosts.own/%s", "hosts.own/%s", "hosts.set/%s"}, "9.9.9.9", {"hosts.own/%s", "hosts.own/%s", "hosts.set/%s"},
                        {"!hosts.own/%s", "!hosts.own/%s", "!hosts.set/%s"}},
    [FACT_HOSTS_LVSCARE] = {WORKERS("hosts.set/%s"), "9.9.9.9", WORKERS("hosts.set/%s"), WORKERS("!hosts.set/%s")},
    [FACT_REGISTRY_IMAGES] = {{"image.pull/kubernetes,image.pull/net,registry.push/kubernetes@%s,registry.push/net@%s"},
                              "sha256:aa", {"image.pull/net,registry.push/net@%s"},
                              {"!registry.push/kubernetes@%s,registry.push/net@%s"}},
    [FACT_REGISTRY_STAMP] = {{"registry.init/%s"}, "other", {"registry.init/%s"}, {"!registry.init/%s"}},
    [FACT_REGISTRY_SERVING] = {{"registry.init/%s"}, NULL, ALL(NULL), {"!registry.init/%s"}},
    [FACT_INIT_STAMP] = {ALL("node.init/%s"), "other", ALL("node.init/%s"), ALL("!node.init/%s")},
    [FACT_RUNTIME_UP] = {ALL("node.start/%s"), "containerd", ALL(NULL), ALL("!node.start/%s")},
    [FACT_SHIM_UP] = {ALL("node.start/%s"), NULL, ALL(NULL), ALL("!node.start/%s")},
    [FACT_KUBELET_UP] = {ALL("node.start/%s"), NULL, ALL(NULL), ALL("!node.start/%s")},
    /* a member's images are kubelet's business */
    [FACT_PREPULLED] = {ALL(NULL), "other", ALL(NULL), ALL(NULL)},
    [FACT_KUBELET_CONF] = {{REJOIN_MASTER, REJOIN_MASTER, JOIN_WORKER}, NULL, ALL(NULL), MAYBE_JOIN},
    [FACT_ADMIN_CONF] = {ALL(NULL), NULL, ALL(NULL), MAYBE_JOIN},
    /* without it PKI is false too */
    [FACT_CA] = {ALL(NULL), "other", {"!cluster", "!cluster", "!%s"}, {"!pki.push/%s", "!pki.push/%s"}},
    [FACT_CA_STAMP] = {ALL(NULL), "other", ALL(NULL), ALL(NULL)},
    [FACT_PKI] = {MASTERS("pki.push/%s"), "other", MASTERS("pki.push/%s"), MASTERS("!pki.push/%s")},
    [FACT_STATICS] = {MASTERS("pki.push/%s"), NULL, ALL(NULL), MASTERS("!pki.push/%s")},
    [FACT_KUBECONFIG] = {ALL("kubeconfig.push/%s"), "other", ALL("kubeconfig.push/%s"), ALL("!kubeconfig.push/%s")},
    [FACT_MANIFESTS] = {MASTERS(REJOIN_MASTER), "etcd", ALL(NULL), MAYBE_JOIN},
    [FACT_ETCD_DATA] = {ALL(NULL), NULL, ALL(NULL), MAYBE_JOIN},
    [FACT_ATTEMPT] = {ALL(NULL), "join-master", {REJOIN_MASTER, REJOIN_MASTER, JOIN_WORKER}, MAYBE_JOIN},
    [FACT_IPVS_KERNEL] = {ALL(NULL), "loadable", WORKERS("ipvs.rules/%s"), WORKERS("!ipvs.rules/%s")},
    [FACT_VIP_RULES] = {WORKERS("ipvs.rules/%s"), "nat 10.103.97.2:6443 10.0.0.1:6443", WORKERS("ipvs.rules/%s"), WORKERS("!ipvs.rules/%s")},
    [FACT_LVSCARE_POD] = {WORKERS("ipvs.pod/%s"), "vs=10.103.97.2:6443 rs=10.0.0.9:6443 image=x", WORKERS("ipvs.pod/%s"),
                          WORKERS("!ipvs.pod/%s")},
    [FACT_VIP_ANSWERS] = {ALL(NULL), NULL, ALL(NULL), ALL(NULL)},
    [FACT_API_ANSWERS] = {ALL(NULL), NULL, ALL(NULL), ALL(NULL)},
    [FACT_ETCD_ANSWERS] = {ALL(NULL), NULL, ALL(NULL), ALL(NULL)},
    [FACT_NODE_OBJECT] = {{"hosts.set/%s,token.create,etcd.remove-member/%s,kubeadm.join-master/%s,hosts.own/%s,token.delete",
                           "hosts.set/%s,token.create,etcd.remove-member/%s,kubeadm.join-master/%s,hosts.own/%s,token.delete",
                           "token.create,kubeadm.join-worker/%s,ipvs.pod/%s,token.delete"},
                          "other", {REJOIN_MASTER, REJOIN_MASTER, JOIN_WORKER}, MAYBE_JOIN},
    [FACT_NODE_NAME] = {ALL(NULL), "other", ALL(NULL), ALL(NULL)},
    [FACT_NODE_READY] = {ALL(NULL), NULL, ALL(NULL), ALL(NULL)},
    [FACT_ETCD_MEMBER] = {MASTERS("hosts.set/%s,token.create,node.delete/%s,kubeadm.join-master/%s,hosts.own/%s,token.delete"),
                          NULL, ALL(NULL), ALL(NULL)},
    [FACT_ETCD_HEALTHY] = {ALL(NULL), NULL, ALL(NULL), ALL(NULL)},
    [FACT_JOBS] = {ALL(NULL), "rootfs.push", ALL(NULL), ALL(NULL)},
};

static char *filled(const struct want *w, int node, const char *pattern)
{
    struct text t = {0};
    for (const char *p = pattern ? pattern : ""; *p;) {
        if (str_starts(p, "%s")) {
            text_add(&t, w->hosts[node].address);
            p += 2;
        } else if (str_starts(p, "KEY")) {
            text_addf(&t, "%.12s", w->render_keys[node]);
            p += 3;
        } else {
            text_addc(&t, *p++);
        }
    }
    return text_take(&t);
}

static char *plan_and_left_out(const struct plan *p)
{
    struct text t = {0};
    char *planned = ids(p);
    text_add(&t, planned);
    free(planned);
    for (size_t i = 0; i < p->n_left_out; i++)
        text_addf(&t, "%s%s", i ? "," : "!", p->left_out[i].id);
    return text_take(&t);
}

static unsigned wrong; /* all of them are shown */

static void check_flip(struct settled s, enum fact_id fact, int node, const char *what, const char *pattern)
{
    /* a fresh control machine: what is needed is pulled and rendered */
    memset(s.h->stored, 0, s.h->n_images * sizeof *s.h->stored);
    memset(s.h->rendered, 0, s.h->n_renders * sizeof *s.h->rendered);
    struct plan *p = plan_of(s.w, s.h);
    char *got = plan_and_left_out(p), *expected = filled(s.w, node, pattern);
    if (!str_eq(got, expected)) {
        print_plan(stderr, p);
        print_error("%s of %s %s: \"%s\" instead of \"%s\"\n", fact_table[fact].key, s.w->hosts[node].address, what, got, expected);
        wrong++;
    }
    for (size_t i = 0; i < p->n_left_out && str_eq(what, "unknown"); i++)
        if (!strstr(p->left_out[i].reason, "took too long")) {
            print_plan(stderr, p);
            print_error("%s of %s unknown: nobody says why\n", fact_table[fact].key, s.w->hosts[node].address);
            wrong++;
        }
    free(expected);
    free(got);
    plan_free(p);
    unsettle(s);
}

static void each_fact_false(void **state)
{
    (void)state;
    wrong = 0;
    for (int f = 0; f < FACT_COUNT; f++)
        for (int r = 0; r < N_SORTS; r++) {
            struct settled s = settle();
            if (f == FACT_REACHED)
                have_unreached(s.h, node_of[r], "no answer");
            else
                have_false(s.h, node_of[r], (enum fact_id)f);
            check_flip(s, (enum fact_id)f, node_of[r], "false", flips[f].when_false[r]);
        }
    assert_int_equal(wrong, 0);
}

static void each_fact_of_another_value(void **state)
{
    (void)state;
    wrong = 0;
    for (int f = 0; f < FACT_COUNT; f++)
        for (int r = 0; r < N_SORTS; r++) {
            struct settled s = settle();
            bool worker = !host_is_master(&s.w->hosts[node_of[r]]);
            if (f == FACT_ATTEMPT && worker)
                have_true(s.h, node_of[r], FACT_ATTEMPT, "join-worker");
            else if (flips[f].other)
                have_true(s.h, node_of[r], (enum fact_id)f, flips[f].other);
            check_flip(s, (enum fact_id)f, node_of[r], flips[f].other ? flips[f].other : "as it was", flips[f].when_other[r]);
        }
    assert_int_equal(wrong, 0);
}

static void each_fact_unknown(void **state)
{
    (void)state;
    wrong = 0;
    for (int f = 0; f < FACT_COUNT; f++)
        for (int r = 0; r < N_SORTS; r++) {
            struct settled s = settle();
            have_unknown(s.h, node_of[r], (enum fact_id)f, "took too long");
            check_flip(s, (enum fact_id)f, node_of[r], "unknown", flips[f].when_unknown[r]);
        }
    assert_int_equal(wrong, 0);
}

static void the_clusters_own_facts(void **state)
{
    (void)state;
    wrong = 0;
    struct settled s = settle();
    s.h->cluster.tokens = (struct fact){TRI_TRUE, "abcdef"};
    check_flip(s, FACT_REACHED, 0, "token left over", "token.delete");
    s = settle();
    s.h->cluster.tokens = (struct fact){TRI_UNKNOWN, "took too long"};
    check_flip(s, FACT_REACHED, 0, "unknown", "!token.delete");
    s = settle();
    s.h->cluster.n_guests = 0;
    check_flip(s, FACT_REACHED, 0, "no guest's record", "image.pull/net,guest.run/net");
    s = settle();
    s.h->cluster.api = TRI_UNKNOWN;
    s.h->cluster.api_reason = "took too long";
    check_flip(s, FACT_REACHED, 0, "unknown", "!guest.run/net");
    s = settle();
    s.h->cluster.etcd = TRI_UNKNOWN;
    check_flip(s, FACT_REACHED, 0, "etcd unknown", NULL);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fact_false),
        cmocka_unit_test(each_fact_of_another_value),
        cmocka_unit_test(each_fact_unknown),
        cmocka_unit_test(the_clusters_own_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
