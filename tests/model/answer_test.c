/* Answers of nodes: whole ones become facts (golden: testdata/answers/), cut, forged and garbled ones change
 * nothing. */
#include "tests/model/answer_frame.h"

static const char *const answers[] = {"fresh", "master", "worker"};

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_lines_missing_and_doubled),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_empty_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
