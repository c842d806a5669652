/* The planner on clusters made by hand: create, grow, shrink, mend. */
#include "tests/model/plan_checks.h"

static void create_is_ordered(void **state)
{
    (void)state;
    struct want *w = three_and_two();
    struct have *h = bare_have(w);
    struct plan *p = plan_of(w, h);
    assert_int_equal(p->n_left_out, 0);
    assert_order(p, "image.pull/kubernetes", "rootfs.push/10.0.0.11");
    assert_order(p, "rootfs.push/10.0.0.1", "registry.push/kubernetes@10.0.0.1");
    assert_order(p, "registry.push/net@10.0.0.1", "registry.init/10.0.0.1");
    assert_order(p, "registry.init/10.0.0.1", "node.init/10.0.0.12");
    assert_order(p, "pki.issue", "pki.push/10.0.0.2");
    assert_order(p, "node.prepull/10.0.0.1", "kubeadm.init/10.0.0.1");
    assert_order(p, "kubeadm.init/10.0.0.1", "token.create");
    assert_order(p, "kubeadm.join-master/10.0.0.2", "kubeadm.join-master/10.0.0.3");
    assert_order(p, "kubeadm.join-master/10.0.0.3", "ipvs.rules/10.0.0.11");
    assert_order(p, "ipvs.rules/10.0.0.11", "kubeadm.join-worker/10.0.0.11");
    assert_order(p, "kubeadm.join-worker/10.0.0.11", "ipvs.pod/10.0.0.11");
    assert_order(p, "kubeadm.join-worker/10.0.0.12", "token.delete");
    assert_order(p, "ipvs.pod/10.0.0.12", "guest.run/net");
    assert_order(p, "kubeadm.join-master/10.0.0.2", "hosts.own/10.0.0.2");
    assert_int_equal(position(p, "kubeadm.init/10.0.0.2"), -1);
    assert_int_equal(position(p, "hosts.own/10.0.0.1"), -1);
    plan_free(p);
    apply_all(w, h);
    assert_plan(w, h, "");
    have_free(h);
    want_free(w);
}

static void wiped_worker_gets_its_own_steps_only(void **state)
{
    (void)state;
    struct settled s = settle();
    bare_machine(s.h, 3, "m-new");
    have_true(s.h, 3, FACT_NODE_OBJECT, "m3"); /* the API still knows the old machine */
    have_true(s.h, 3, FACT_NODE_NAME, "node3");
    struct plan *p = plan_of(s.w, s.h);
    for (size_t i = 0; i < p->n_actions; i++)
        if (p->actions[i].subject.node >= 0)
            assert_int_equal(p->actions[i].subject.node, 3);
    assert_order(p, "node.delete/10.0.0.11", "kubeadm.join-worker/10.0.0.11");
    assert_int_equal(position(p, "guest.run/net"), -1);
    plan_free(p);
    apply_all(s.w, s.h);
    assert_plan(s.w, s.h, "");
    unsettle(s);
}

static void unreachable_worker_is_left_out(void **state)
{
    (void)state;
    struct want *w = three_and_two();
    struct have *h = bare_have(w);
    have_unreached(h, 4, "connection refused");
    struct plan *p = plan_of(w, h);
    assert_int_equal(p->n_left_out, 1);
    assert_string_equal(p->left_out[0].id, "10.0.0.12");
    assert_false(p->left_out[0].refusal);
    assert_true(position(p, "guest.run/net") >= 0);
    assert_true(position(p, "kubeadm.join-worker/10.0.0.11") >= 0);
    plan_free(p);
    have_free(h);
    want_free(w);
}

static void no_init_without_proof(void **state)
{
    (void)state;
    struct want *w = three_and_two();
    struct have *h = bare_have(w);
    have_unreached(h, 1, "connection timed out");
    assert_nothing_but(w, h, "10.0.0.2");
    bare_machine(h, 1, "m1");
    have_true(h, 1, FACT_CA, "foreign");
    assert_nothing_but(w, h, "10.0.0.2 carries a cluster CA");
    bare_machine(h, 1, "m1");
    have_true(h, 4, FACT_KUBELET_CONF, "");
    assert_nothing_but(w, h, "10.0.0.12 carries files");
    bare_machine(h, 4, "m4");
    have_unknown(h, 2, FACT_ETCD_DATA, "permission denied");
    assert_nothing_but(w, h, "10.0.0.3");
    have_free(h);
    want_free(w);
}

static void preflight_refuses_one_node(void **state)
{
    (void)state;
    static const struct {
        enum fact_id fact;
        const char *value, *words;
    } cases[] = {{FACT_CLOCK_SKEW, "3600", "clock"},
                 {FACT_CLOCK_SKEW, "-3600", "clock"},
                 {FACT_DISK_FREE, "100", "MiB are free"},
                 {FACT_HOSTNAME, "node3", "hostname"},
                 {FACT_MACHINE_ID, "m3", "machine id"},
                 {FACT_PORTS_BUSY, "80,10250", "port 10250"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settled s = settle();
        bare_machine(s.h, 4, "m4");
        have_true(s.h, 4, cases[i].fact, cases[i].value);
        assert_nothing_but(s.w, s.h, cases[i].words);
        unsettle(s);
    }
}

static void dead_master_is_replaced(void **state)
{
    (void)state;
    struct settled s = settle();
    bare_machine(s.h, 0, "m-new");
    have_true(s.h, 0, FACT_NODE_OBJECT, "m0");
    have_true(s.h, 0, FACT_NODE_NAME, "node0");
    have_true(s.h, 0, FACT_ETCD_MEMBER, "1f");
    struct plan *p = plan_of(s.w, s.h);
    assert_order(p, "etcd.remove-member/10.0.0.1", "node.delete/10.0.0.1");
    assert_order(p, "node.delete/10.0.0.1", "kubeadm.join-master/10.0.0.1");
    assert_int_equal(position(p, "kubeadm.init/10.0.0.1"), -1);
    assert_int_equal(position(p, "pki.issue"), -1);
    plan_free(p);
    apply_all(s.w, s.h);
    assert_plan(s.w, s.h, "");
    unsettle(s);
}

static void quorum_refuses_a_third_loss(void **state)
{
    (void)state;
    struct settled s = settle(); /* one of three dead: no further member may leave */
    have_unreached(s.h, 2, "no route");
    have_false(s.h, 2, FACT_ETCD_HEALTHY);
    s.w->hosts[1].listed = false;
    s.w->consent = true;
    struct plan *p = plan_of(s.w, s.h);
    assert_int_equal(position(p, "etcd.remove-member/10.0.0.2"), -1);
    assert_int_equal(position(p, "node.delete/10.0.0.2"), -1);
    bool refused = false;
    for (size_t i = 0; i < p->n_left_out; i++)
        refused |= p->left_out[i].refusal && strstr(p->left_out[i].reason, "quorum") != NULL;
    assert_true(refused);
    plan_free(p);
    unsettle(s);
}

static void removal_wants_consent(void **state)
{
    (void)state;
    struct settled s = settle();
    s.w->hosts[4].listed = false;
    assert_nothing_but(s.w, s.h, "needs consent");
    s.w->consent = true;
    assert_plan(s.w, s.h, "node.drain/10.0.0.12,node.delete/10.0.0.12,node.reset/10.0.0.12");
    static const char *const protect[] = {"10.0.0.12", NULL};
    s.w->policy.protect = protect;
    assert_nothing_but(s.w, s.h, "protected");
    s.w->policy.protect = NULL;
    apply_all(s.w, s.h);
    assert_plan(s.w, s.h, "");
    unsettle(s);
}

static void master_leaves_the_vip_first(void **state)
{
    (void)state;
    struct settled s = settle();
    s.w->hosts[0].listed = false; /* the first master, which holds the registry */
    s.w->consent = true;
    struct plan *p = plan_of(s.w, s.h);
    assert_order(p, "ipvs.rules/10.0.0.11", "node.drain/10.0.0.1");
    assert_order(p, "ipvs.pod/10.0.0.12", "node.drain/10.0.0.1");
    assert_order(p, "node.drain/10.0.0.1", "etcd.remove-member/10.0.0.1");
    assert_order(p, "etcd.remove-member/10.0.0.1", "node.delete/10.0.0.1");
    assert_order(p, "node.delete/10.0.0.1", "node.reset/10.0.0.1");
    assert_order(p, "registry.init/10.0.0.2", "node.reset/10.0.0.1");
    assert_true(position(p, "hosts.set/10.0.0.11") >= 0); /* the registry moves */
    plan_free(p);
    apply_all(s.w, s.h);
    assert_plan(s.w, s.h, "");
    unsettle(s);
}

static void keeper_may_take_servers_out(void **state)
{
    (void)state;
    struct settled s = settle();
    for (int n = 3; n < 5; n++) {
        have_true(s.h, n, FACT_IPVS_KERNEL, "loaded");
        have_true(s.h, n, FACT_VIP_RULES, "ipvs 10.103.97.2:6443 10.0.0.3:6443,10.0.0.1:6443"); /* one is out of rotation */
    }
    assert_plan(s.w, s.h, "");
    have_false(s.h, 3, FACT_KUBELET_UP); /* no keeper: then it is drift */
    assert_plan(s.w, s.h, "node.start/10.0.0.11,ipvs.rules/10.0.0.11");
    unsettle(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_is_ordered),
        cmocka_unit_test(wiped_worker_gets_its_own_steps_only),
        cmocka_unit_test(unreachable_worker_is_left_out),
        cmocka_unit_test(no_init_without_proof),
        cmocka_unit_test(preflight_refuses_one_node),
        cmocka_unit_test(dead_master_is_replaced),
        cmocka_unit_test(quorum_refuses_a_third_loss),
        cmocka_unit_test(removal_wants_consent),
        cmocka_unit_test(master_leaves_the_vip_first),
        cmocka_unit_test(keeper_may_take_servers_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
