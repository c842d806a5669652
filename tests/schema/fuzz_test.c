/* Mutated Clusterfiles, always the same ones: no crash, no hang, no range outside of the text; every refusal
 * has words; and what can be spliced says the same afterwards. RECONCILE_FUZZ=N makes N mutations of each
 * file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/read.h"
#include "schema/splice.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

static uint64_t seed;

static uint32_t roll(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 11) % n;
}

static void add_file(struct text *t, const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char buf[4096];
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;)
        text_addn(t, buf, n);
    fclose(f);
}

static void mutate(struct text *t)
{
    static const char *const bits[] = {":",        "- ",          "[",
                                       "]",        "{",           "}",
                                       "\"",       "'",           "#",
                                       "&a ",      "*a",          "|\n",
                                       ">-\n",     "\n",          "\r\n",
                                       "---\n",    "...\n",       "? ",
                                       "!t ",      "<<: ",        ",",
                                       "  ",       "\t",          "~",
                                       "null",     "status:",     "kind: Cluster\n",
                                       "\\",       "%YAML 1.1\n", "\xef\xbb\xbf",
                                       "\xc3\xa9", "\xff",        "roles: [master]",
                                       "10.0.0.1", "env:X",       "@",
                                       "`",        "\x01"};
    for (uint32_t n = 1 + roll(4); n > 0; n--) {
        size_t at = t->len ? roll((uint32_t)t->len + 1) : 0, rest = t->len - at;
        size_t cut = rest ? roll(rest < 24 ? (uint32_t)rest + 1 : 24) : 0;
        struct text out = {0};
        text_addn(&out, t->data, at);
        switch (roll(5)) {
        case 0: /* insert */
            text_add(&out, bits[roll(ARRAY_LEN(bits))]);
            cut = 0;
            break;
        case 1: /* replace */
            text_add(&out, bits[roll(ARRAY_LEN(bits))]);
            break;
        case 2: /* delete */
            break;
        case 3: /* say twice */
            text_addn(&out, t->data + at, cut);
            cut = 0;
            break;
        default: /* cut off */
            cut = roll(8) ? 0 : rest;
            break;
        }
        text_addn(&out, t->data + at + cut, rest - cut);
        text_free(t);
        *t = out;
    }
}

static bool ranges_hold(const struct value *v, size_t len)
{
    bool hold = v->start <= v->end && v->end <= len && v->key_start <= v->key_end && v->key_end <= len;
    for (size_t i = 0; i < v->n; i++)
        hold = hold && ranges_hold(v->items[i], len);
    return hold;
}

static void check_errors(const struct error_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        assert_non_null(l->errors[i]);
        assert_true(*l->errors[i]->message && l->errors[i]->place.line > 0 && l->errors[i]->place.column > 0);
        assert_true(i == 0 || l->errors[i - 1]->place.line <= l->errors[i]->place.line);
    }
}

static void one_mutation(const char *text, size_t len)
{
    struct arena *a = arena_new();
    struct error_list errors = {0}, warnings = {0}, syntax = {0};
    struct documents docs = {0};
    struct want *w = NULL;
    struct text out = {0};
    bool changed = false;
    struct error *err = NULL;
    int parsed = tree_parse(a, "f", text, len, &docs, &syntax);
    assert_true(parsed == 0 || syntax.n > 0);
    for (size_t i = 0; i < docs.n; i++) {
        if (!ranges_hold(docs.docs[i].root, len))
            fail_msg("ranges in:\n%.*s", (int)len, text);
    }
    if (clusterfile_read("f", text, len, &w, &errors, &warnings) < 0)
        assert_true(errors.n > 0 && !w);
    check_errors(&errors);
    check_errors(&warnings);
    want_free(w);
    struct value *status = value_map(a);
    value_set(a, status, "phase", value_string(a, "a: b # \"c\""));
    value_set(a, status, "list", value_list(a));
    int r = splice_status(text, len, status, "2024-01-02T03:04:05Z", &out, &changed, &err);
    assert_true(r == 0 ? !err : err && !changed && out.len == 0);
    if (changed) { /* that it says the same is proved within */
        struct text again = {0};
        assert_int_equal(
            splice_status(text_str(&out), out.len, status, "2024-01-02T03:04:05Z", &again, &changed, &err),
            0);
        assert_false(changed);
    }
    error_free(err);
    text_free(&out);
    error_list_free(&errors);
    error_list_free(&warnings);
    error_list_free(&syntax);
    arena_free(a);
}

static void mutations(void **state)
{
    (void)state;
    const char *wanted = getenv("RECONCILE_FUZZ");
    uint32_t rounds = wanted ? (uint32_t)strtoul(wanted, NULL, 10) : 60;
    glob_t g;
    assert_int_equal(glob(SOURCE_DIR "/testdata/clusterfile/*.yaml", 0, NULL, &g), 0);
    for (size_t i = 0; i < g.gl_pathc; i++)
        for (uint32_t round = 0; round < rounds; round++) {
            struct text t = {0};
            seed = 0x9e3779b97f4a7c15u * (i + 1) + round;
            add_file(&t, g.gl_pathv[i]);
            mutate(&t);
            char *exact = mem_alloc(t.len ? t.len : 1); /* ASan sees a read past its end */
            if (t.len)
                memcpy(exact, t.data, t.len);
            one_mutation(exact, t.len);
            free(exact);
            text_free(&t);
        }
    globfree(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mutations)};
    return cmocka_run_group_tests_name("fuzz", tests, NULL, NULL) ? 1 : 0;
}
