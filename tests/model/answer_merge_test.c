/* What the answers of all masters, taken together, say of the cluster and of every node. */
#include "tests/model/answer_frame.h"

struct scene {
    struct want *want;
    struct have *have;
    struct answer_view *views[HOSTS];
};

static void scene_new(struct scene *s)
{
    *s = (struct scene){.want = want_new(), .have = have_new(HOSTS, 0, 0)};
}

static void scene_free(struct scene *s)
{
    for (int i = 0; i < HOSTS; i++)
        answer_view_free(s->views[i]);
    have_free(s->have);
    want_free(s->want);
}

static void says(struct scene *s, int node, unsigned sections, const char *lines)
{
    _cleanup_(text_free) struct text framed = {0};
    _cleanup_(error_freep) struct error *err = NULL;
    frame(&framed, lines);
    answer_view_free(s->views[node]);
    s->views[node] = NULL;
    if (answer_parse(s->want, s->have, node, sections, "NONCE", text_str(&framed), framed.len, SENT, RECEIVED,
                     &s->views[node], &err) < 0)
        fail_msg("%s", err->message);
}

#define API_WHOLE "t api.answers\nt api.nodes\nt api.tokens\nt api.guests\n"
#define NODE(name, id, address, ready) "n " name "\t" id "\t" address "\t" ready "\t{}\t\tv1\n"
#define MEMBER(id, name, address, healthy)                                                                   \
    "e " id "\t" name "\t" address "\ttrue\tfalse\t" healthy "\tfalse\n"
#define LOOKED (SECTION_KUBE | SECTION_API | SECTION_ETCD)
#define NO_TRACE                                                                                             \
    "f kubelet.conf\nf admin.conf\nf ca\nf ca.stamp\nf pki\nf manifests\nf etcd.data\nf attempt\nf "         \
    "api.answers\n"                                                                                          \
    "f etcd.answers\n"

static void conclude(struct scene *s)
{
    answer_conclude(s->want, s->have, s->views, HOSTS);
}

static void test_absent(void **state)
{
    (void)state;
    struct scene s;
    scene_new(&s);
    says(&s, A, LOOKED, NO_TRACE);
    says(&s, B, LOOKED, NO_TRACE);
    says(&s, C, LOOKED, NO_TRACE);
    have_unreached(s.have, D, "timed out");
    conclude(&s);
    assert_int_equal(s.have->cluster.api, TRI_UNKNOWN); /* D may hold a cluster */
    assert_non_null(strstr(s.have->cluster.api_reason, "10.0.0.4: timed out"));
    assert_int_equal(have_fact(s.have, B, FACT_NODE_OBJECT)->state, TRI_UNKNOWN);
    says(&s, D, LOOKED, NO_TRACE);
    conclude(&s);
    assert_int_equal(s.have->cluster.api, TRI_FALSE);
    assert_int_equal(s.have->cluster.etcd, TRI_FALSE);
    assert_int_equal(s.have->cluster.tokens.state, TRI_FALSE);
    for (int i = 0; i < HOSTS; i++)
        for (int f = FACT_NODE_OBJECT; f <= FACT_ETCD_HEALTHY; f++)
            assert_int_equal(have_fact(s.have, i, (enum fact_id)f)->state, TRI_FALSE);
    scene_free(&s);
}

/* Each trace of a cluster alone keeps its absence from being proved. */
static void test_traces(void **state)
{
    static const char *const traces[] = {"kubelet.conf", "admin.conf", "manifests", "etcd.data", "attempt"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(traces); i++)
        for (int unknown = 0; unknown < 2; unknown++) {
            struct scene s;
            _cleanup_(mem_freep) char *from = mem_printf("f %s\n", traces[i]);
            const char *at = strstr(NO_TRACE, from);
            _cleanup_(text_free) struct text lines = {0};
            text_addn(&lines, NO_TRACE, (size_t)(at - NO_TRACE));
            bool list = str_eq(traces[i], "manifests") || str_eq(traces[i], "attempt");
            text_addf(&lines,
                      unknown ? "u %s why\n%s"
                      : list  ? "t %s init\n%s"
                              : "t %s\n%s",
                      traces[i], at + strlen(from));
            scene_new(&s);
            for (int k = 0; k < HOSTS; k++)
                says(&s, k, LOOKED, k == C ? text_str(&lines) : NO_TRACE);
            conclude(&s);
            assert_int_equal(s.have->cluster.api, TRI_UNKNOWN);
            scene_free(&s);
        }
}

static void test_worker_of_some_cluster(void **state)
{
    (void)state;
    struct scene s;
    scene_new(&s);
    for (int k = 0; k < HOSTS; k++)
        says(&s, k, LOOKED, NO_TRACE);
    have_true(s.have, B, FACT_KUBELET_CONF, "");
    conclude(&s);
    assert_int_equal(s.have->cluster.api, TRI_UNKNOWN);
    scene_free(&s);
}

static void test_matching(void **state)
{
    (void)state;
    struct scene s;
    scene_new(&s);
    have_true(s.have, B, FACT_MACHINE_ID, "id-b");
    says(&s, A, LOOKED,
         API_WHOLE NODE("a", "id-a", "192.168.0.1 10.0.0.1", "True") /* by one of its addresses */
         NODE("b", "id-b", "172.16.0.2", "Unknown")                  /* behind NAT: by its machine id */
         NODE("recorded", "id-c", "172.16.0.3", "True")              /* by the name in status */
         NODE("x", "id-x", "172.16.0.9", "True") "t etcd.answers\nt etcd.members\n" MEMBER(
             "1", "a", "10.0.0.1", "true") MEMBER("2", "recorded", "172.16.0.3", "false")
             MEMBER("3", "d", "10.0.0.4", "unknown") MEMBER("4", "", "172.16.0.9", "false"));
    have_true(s.have, B, FACT_MACHINE_ID, "id-b");
    conclude(&s);
    assert_true(have_is(s.have, A, FACT_NODE_NAME, "a"));
    assert_true(have_is(s.have, B, FACT_NODE_OBJECT, "id-b"));
    assert_int_equal(have_fact(s.have, B, FACT_NODE_READY)->state, TRI_FALSE);
    assert_true(have_is(s.have, C, FACT_NODE_OBJECT, "id-c"));
    assert_int_equal(have_fact(s.have, D, FACT_NODE_OBJECT)->state, TRI_FALSE);
    assert_int_equal(s.have->cluster.n_strangers, 1);
    assert_string_equal(s.have->cluster.strangers[0], "x 172.16.0.9");
    assert_true(have_is(s.have, A, FACT_ETCD_HEALTHY, ""));
    assert_true(have_is(s.have, C, FACT_ETCD_MEMBER, "2"));
    assert_int_equal(have_fact(s.have, C, FACT_ETCD_HEALTHY)->state, TRI_FALSE);
    assert_int_equal(have_fact(s.have, D, FACT_ETCD_HEALTHY)->state, TRI_UNKNOWN);
    assert_int_equal(have_fact(s.have, B, FACT_ETCD_MEMBER)->state, TRI_FALSE);
    assert_int_equal(s.have->cluster.n_stray, 1);
    assert_string_equal(s.have->cluster.stray_members[0], "4 - 172.16.0.9");
    scene_free(&s);
}

/* A machine was replaced under its address: its old Node and its new one claim the same host. */
static void test_two_nodes_on_one_host(void **state)
{
    (void)state;
    struct scene s;
    scene_new(&s);
    says(&s, A, LOOKED,
         API_WHOLE NODE("old", "id-1", "10.0.0.2", "True") NODE("new", "id-2", "10.0.0.2", "False"));
    have_true(s.have, B, FACT_MACHINE_ID, "id-2");
    conclude(&s);
    assert_true(have_is(s.have, B, FACT_NODE_NAME, "new"));
    assert_int_equal(s.have->cluster.n_strangers, 1);
    assert_string_equal(s.have->cluster.strangers[0], "old 10.0.0.2");
    scene_free(&s);
}

/* A master of a foreign cluster, first in the file, does not speak for ours. */
static void test_foreign_master(void **state)
{
#define CA(c) #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c #c
    (void)state;
    for (int stamped = 0; stamped < 2; stamped++) {
        struct scene s;
        scene_new(&s);
        says(&s, A, LOOKED,
             API_WHOLE "t ca " CA(a) CA(a) "\n" NODE(
                 "foreign", "id-f", "10.0.0.1",
                 "True") "t etcd.answers\nt etcd.members\n" MEMBER("f", "foreign", "10.0.0.1", "true"));
        says(&s, C, LOOKED,
             API_WHOLE "t ca " CA(b) CA(b) "\n" NODE("c", "id-c", "10.0.0.3", "True")
                 NODE("d", "id-d", "10.0.0.4", "True"));
        if (stamped) { /* known by the CA that we put there, though both know one host */
            says(&s, C, LOOKED,
                 API_WHOLE "t ca " CA(b) CA(b) "\nt ca.stamp " CA(b)
                     CA(b) "\n" NODE("c", "id-c", "10.0.0.3", "True"));
        }
        conclude(&s);
        assert_int_equal(have_fact(s.have, A, FACT_NODE_OBJECT)->state, TRI_FALSE);
        assert_true(have_is(s.have, C, FACT_NODE_OBJECT, "id-c"));
        assert_int_equal(s.have->cluster.n_strangers, 0);
        assert_int_equal(s.have->cluster.etcd, TRI_UNKNOWN); /* the foreign master's etcd is not ours */
        scene_free(&s);
    }
}

/* An API that answers by halves is no witness. */
static void test_half_api(void **state)
{
    static const char *const halves[] = {
        "t api.answers\nt api.nodes\nt api.tokens\nu api.guests Error from server\n",
        "t api.answers\nu api.nodes no answer in time\nt api.guests\n",
        "t api.answers\nt api.guests\n",
        API_WHOLE "n half\ta line\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
        struct scene s;
        scene_new(&s);
        says(&s, A, LOOKED, halves[i]);
        conclude(&s);
        assert_int_equal(s.have->cluster.api, TRI_UNKNOWN);
        assert_int_equal(have_fact(s.have, A, FACT_NODE_OBJECT)->state, TRI_UNKNOWN);
        scene_free(&s);
    }
}

/* Looking at one master again: what it says replaces what was known; when it says nothing, what was known
 * stays. */
static void test_one_again(void **state)
{
    (void)state;
    struct scene s;
    scene_new(&s);
    says(&s, A, LOOKED,
         API_WHOLE NODE("a", "id-a", "10.0.0.1",
                        "True") "g sha256.aa\tok\nk bootstrap-token-abcdef\tcmVjb25jaWxl\n");
    conclude(&s);
    assert_true(have_guest(s.have, "sha256.aa"));
    assert_string_equal(s.have->cluster.tokens.value, "abcdef");
    says(&s, C, SECTION_API | SECTION_ETCD, "f api.answers\nf etcd.answers\n");
    answer_merge(s.want, s.have, &s.views[C], 1);
    assert_true(have_is(s.have, A, FACT_NODE_NAME, "a"));
    says(&s, C, SECTION_API, API_WHOLE NODE("b", "id-b", "10.0.0.2", "True"));
    answer_merge(s.want, s.have, &s.views[C], 1);
    assert_int_equal(have_fact(s.have, A, FACT_NODE_NAME)->state, TRI_FALSE);
    assert_true(have_is(s.have, B, FACT_NODE_NAME, "b"));
    assert_false(have_guest(s.have, "sha256.aa"));
    assert_int_equal(s.have->cluster.tokens.state, TRI_FALSE);
    says(&s, D, SECTION_SELF, "s d\tid-d\t10.0.0.4\tFalse\t{}\t\tv1\nt self\n");
    answer_merge(s.want, s.have, &s.views[D], 1);
    assert_true(have_is(s.have, D, FACT_NODE_OBJECT, "id-d"));
    assert_true(have_is(s.have, B, FACT_NODE_NAME, "b"));
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_traces),
        cmocka_unit_test(test_worker_of_some_cluster),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_two_nodes_on_one_host),
        cmocka_unit_test(test_foreign_master),
        cmocka_unit_test(test_half_api),
        cmocka_unit_test(test_one_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
