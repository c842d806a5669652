/* Answers of nodes: whole ones become facts (golden: testdata/answers/), cut, forged and garbled ones change
 * nothing. */
#include "model/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENT 1000.0
#define RECEIVED 1001.0
enum { A, B, C, D, HOSTS };

static const char *const answers[] = {"fresh", "master", "worker"};

static struct want *want_new(void)
{
    static const struct want_host hosts[HOSTS] = {
        {.address = "10.0.0.1", .roles = ROLE_MASTER, .listed = true},
        {.address = "10.0.0.2", .roles = ROLE_NODE, .listed = true},
        {.address = "10.0.0.3", .roles = ROLE_MASTER, .listed = true, .node_name = "recorded"},
        {.address = "10.0.0.4", .roles = ROLE_MASTER, .listed = false},
    };
    struct want *w = mem_alloc(sizeof *w);
    w->arena = arena_new();
    w->cluster = "default";
    w->n_hosts = HOSTS;
    w->hosts = arena_alloc(w->arena, sizeof hosts);
    memcpy(w->hosts, hosts, sizeof hosts);
    return w;
}

static char *read_data(const char *name, const char *suffix, size_t *len)
{
    _cleanup_(mem_freep) char *path = mem_printf("%s/testdata/answers/%s.%s", SOURCE_DIR, name, suffix);
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("no %s", path);
    struct text t = {0};
    char buffer[4096];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;)
        text_addn(&t, buffer, n);
    fclose(f);
    *len = t.len;
    return text_take(&t);
}

/* Every fact of one node and of the cluster, a line each. */
static void dump(const struct have *h, int node, struct text *out)
{
    static const char *const states[] = {"unknown", "false", "true"};
    for (int f = 0; f < FACT_COUNT; f++) {
        const struct fact *x = have_fact(h, node, (enum fact_id)f);
        text_addf(out, "%s %s", fact_table[f].key, states[x->state]);
        if (x->value && *x->value) {
            text_addc(out, ' ');
            text_add_json(out, x->value);
        }
        text_addc(out, '\n');
    }
}

static int parse(const struct want *w, struct have *h, int node, unsigned sections, const char *raw,
                 size_t len, struct answer_view **view, struct error **err)
{
    return answer_parse(w, h, node, sections, "NONCE", raw, len, SENT, RECEIVED, view, err);
}

/* ---- whole answers */

static void test_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        _cleanup_(want_freep) struct want *w = want_new();
        _cleanup_(have_freep) struct have *h = have_new(HOSTS, 0, 0);
        _cleanup_(answer_view_freep) struct answer_view *view = NULL;
        _cleanup_(error_freep) struct error *err = NULL;
        _cleanup_(text_free) struct text seen = {0};
        size_t len, golden_len;
        _cleanup_(mem_freep) char *raw = read_data(answers[i], "answer", &len);
        int node = i == 2 ? B : A;
        if (parse(w, h, node, SECTION_ALL, raw, len, &view, &err) < 0)
            fail_msg("%s: %s", answers[i], err->message);
        answer_merge(w, h, &view, 1);
        dump(h, node, &seen);
        if (getenv("GOLDEN_UPDATE")) {
            _cleanup_(mem_freep) char *path =
                mem_printf("%s/testdata/answers/%s.facts", SOURCE_DIR, answers[i]);
            FILE *f = fopen(path, "we");
            assert_true(f && fputs(text_str(&seen), f) >= 0 && fclose(f) == 0);
        }
        _cleanup_(mem_freep) char *golden = read_data(answers[i], "facts", &golden_len);
        if (!str_eq(golden, text_str(&seen)))
            fail_msg("%s gives other facts than %s.facts:\n%s", answers[i], answers[i], text_str(&seen));
    }
}

/* ---- answers that are not whole */

struct trial {
    struct want *want;
    struct have *have;
    struct text before;
};

static void trial_new(struct trial *t)
{
    *t = (struct trial){.want = want_new(), .have = have_new(HOSTS, 0, 0)};
    for (int f = 0; f < FACT_COUNT; f++)
        have_true(t->have, A, (enum fact_id)f, "before");
    dump(t->have, A, &t->before);
}

static void trial_free(struct trial *t)
{
    text_free(&t->before);
    have_free(t->have);
    want_free(t->want);
}

/* True where it was taken. Where it was refused, no fact may have changed. */
static bool trial_take(struct trial *t, unsigned sections, const char *raw, size_t len)
{
    _cleanup_(answer_view_freep) struct answer_view *view = NULL;
    _cleanup_(error_freep) struct error *err = NULL;
    /* a copy of exactly this size, so that a read beyond it is seen */
    char *copy = mem_strndup(raw, len);
    copy = mem_realloc(copy, len ? len : 1);
    int r = parse(t->want, t->have, A, sections, copy, len, &view, &err);
    free(copy);
    if (r == 0)
        return true;
    _cleanup_(text_free) struct text after = {0};
    assert_int_equal(err->code, ERR_PROTOCOL);
    assert_null(view);
    dump(t->have, A, &after);
    assert_string_equal(text_str(&after), text_str(&t->before));
    return false;
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct trial t;
        size_t len;
        _cleanup_(mem_freep) char *raw = read_data(answers[i], "answer", &len);
        trial_new(&t);
        for (size_t cut = 0; cut < len; cut++)
            if (trial_take(&t, SECTION_ALL, raw, cut))
                fail_msg("%s is taken when only its first %zu of %zu bytes came", answers[i], cut, len);
        assert_true(trial_take(&t, SECTION_ALL, raw, len));
        trial_free(&t);
    }
}

/* Every line left out, and every line said twice. */
static void test_lines_missing_and_doubled(void **state)
{
    (void)state;
    size_t len;
    _cleanup_(mem_freep) char *raw = read_data("master", "answer", &len);
    struct trial t;
    trial_new(&t);
    for (char *line = raw; *line; line = strchr(line, '\n') + 1) {
        size_t from = (size_t)(line - raw), n = (size_t)(strchr(line, '\n') + 1 - line);
        _cleanup_(text_free) struct text without = {0}, twice = {0};
        text_addn(&without, raw, from);
        text_add(&without, line + n);
        assert_false(trial_take(&t, SECTION_ALL, text_str(&without), without.len));
        bool frame = str_starts(line, "BEGIN ") || str_starts(line, "END ");
        text_addn(&twice, raw, from + n);
        text_add(&twice, line);
        if (!frame)
            assert_false(trial_take(&t, SECTION_ALL, text_str(&twice), twice.len));
    }
    trial_free(&t);
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Bytes changed, taken out and put in: never a crash; a refused answer changes nothing. */
static void test_mutations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        size_t len;
        unsigned seed = 1;
        _cleanup_(mem_freep) char *raw = read_data(answers[i], "answer", &len);
        struct trial t;
        trial_new(&t);
        for (int round = 0; round < 3000; round++) {
            static const char odd[] = "\n\t\0 \x7f\xff=,0t";
            _cleanup_(text_free) struct text m = {0};
            size_t at = next_random(&seed) % len, kind = next_random(&seed) % 3;
            text_addn(&m, raw, at);
            if (kind != 1)
                text_addc(&m, odd[next_random(&seed) % (sizeof odd - 1)]);
            text_addn(&m, raw + at + (kind != 2), len - at - (kind != 2));
            if (trial_take(&t, SECTION_ALL, text_str(&m), m.len)) { /* harmless, inside some value */
                trial_free(&t);
                trial_new(&t);
            }
        }
        trial_free(&t);
    }
}

/* A frame around lines (each ended by a newline), with the right count. */
static void frame(struct text *t, const char *lines)
{
    int n = 0;
    for (const char *p = lines; *p; p++)
        n += *p == '\n';
    text_addf(t, "BEGIN reconcile-probe 1 NONCE\n%sEND reconcile-probe NONCE %d\n", lines, n);
}

static void test_refused(void **state)
{
    static const char *const lines[] = {
        "t nonsense 1\n",  /* an unknown key */
        "t node forged\n", /* derived, never said by a node */
        "t reached\n",
        "t clock-skew 0\n",
        "t hostname a\nt hostname a\n", /* said twice */
        "t hostname a\033[31m\n",       /* a control character */
        "t hostname a\tb\n",
        "f hostname a\n", /* a value where there can be none */
        "x hostname a\n", /* an unknown letter */
        "t\n",
        "\n",
        "b lvscare.pod !!!!\n",
        "b lvscare.pod YQ\n",
        "s a\tb\t10.0.0.1\tTrue\t{}\t\tv1\n", /* SELF was not asked */
        "f self\n",
    };
    (void)state;
    struct trial t;
    trial_new(&t);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        _cleanup_(text_free) struct text framed = {0};
        frame(&framed, lines[i]);
        if (trial_take(&t, SECTION_ALL, text_str(&framed), framed.len))
            fail_msg("taken: %s", lines[i]);
    }
    static const char *const frames[] = {
        "",
        "bash: line 1: exit\n",
        "BEGIN reconcile-probe 1 OTHER\nt root\nEND reconcile-probe OTHER 1\n",
        "BEGIN reconcile-probe 1 NONCE\nt root\nEND reconcile-probe OTHER 1\n",
        "BEGIN reconcile-probe 2 NONCE\nt root\nEND reconcile-probe NONCE 1\n",
        "BEGIN reconcile-probe 1 NONCE\nt root\nEND reconcile-probe NONCE 2\n",
        "BEGIN reconcile-probe 1 NONCE\nt root\nEND reconcile-probe NONCE 1",
        "BEGIN reconcile-probe 1 NONCE\nt root\nEND reconcile-probe NONCE \n",
        "BEGIN reconcile-probe 1 NONCE\nt root\nEND reconcile-probe NONCE -1\n",
        "t root\nEND reconcile-probe NONCE 1\nBEGIN reconcile-probe 1 NONCE\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(frames); i++)
        if (trial_take(&t, SECTION_ALL, frames[i], strlen(frames[i])))
            fail_msg("taken: %s", frames[i]);
    static const char rootfs[] = "BEGIN reconcile-probe 1 NONCE\nt rootfs x\nEND reconcile-probe NONCE 1\n";
    assert_false(trial_take(&t, SECTION_HOSTS, rootfs, strlen(rootfs))); /* not asked */
    trial_free(&t);
}

static void test_empty_answer(void **state)
{
    (void)state;
    struct trial t;
    _cleanup_(text_free) struct text framed = {0};
    trial_new(&t);
    frame(&framed, "");
    assert_true(trial_take(&t, SECTION_HOSTS, text_str(&framed), framed.len));
    assert_int_equal(have_fact(t.have, A, FACT_HOSTS_API)->state, TRI_UNKNOWN);
    assert_true(have_is(t.have, A, FACT_ROOTFS, "before")); /* was not asked */
    assert_true(have_is(t.have, A, FACT_NODE_OBJECT, "before"));
    trial_free(&t);
}

/* ---- what the views say of the cluster */

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
    if (parse(s->want, s->have, node, sections, text_str(&framed), framed.len, &s->views[node], &err) < 0)
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
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_lines_missing_and_doubled),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_empty_answer),
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
