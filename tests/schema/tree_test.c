/* Text into values with places, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/tree.h"

#include <stdio.h>
#include <string.h>

static struct value *parse(struct arena *a, const char *yaml)
{
    struct value *v = NULL;
    struct error *err = NULL;
    int r = tree_parse_one(a, "test", yaml, strlen(yaml), &v, &err);
    if (err)
        print_message("%s\n", err->message);
    assert_int_equal(r, 0);
    return v;
}

static void assert_range(const char *text, const struct value *v, const char *expected)
{
    assert_true(v->end >= v->start && v->end <= strlen(text));
    assert_int_equal(v->end - v->start, strlen(expected));
    assert_memory_equal(text + v->start, expected, strlen(expected));
}

static void ranges_and_places(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char *t = "\xef\xbb\xbf# c\na: &x foo   # c\n\"b\": 'q''s'\nl: |2 # header\n    x\n   y\n\nf: >-\n "
                    " z\ns:\n- *x\n-  \"ü\" \n"
                    "n:\nm: {k: [1, 2]} # e\nt: !!str 12\np: one\n  two\n";
    struct value *v = parse(a, t);
    assert_range(t, value_get(v, "a"), "foo");
    assert_range(t, value_get(v, "b"), "'q''s'");
    assert_string_equal(value_get(v, "b")->text, "q's");
    assert_range(t, value_get(v, "l"), "|2 # header\n    x\n   y");
    assert_range(t, value_get(v, "f"), ">-\n  z");
    assert_range(t, value_get(v, "s"), "- *x\n-  \"ü\"");
    assert_range(t, value_get(v, "s")->items[0], "*x");
    assert_range(t, value_get(v, "s")->items[1], "\"ü\"");
    assert_range(t, value_get(v, "m"), "{k: [1, 2]}");
    assert_range(t, value_get(value_get(v, "m"), "k"), "[1, 2]");
    assert_range(t, value_get(v, "p"), "one\n  two");
    assert_int_equal(value_get(v, "n")->kind, VALUE_NULL);
    assert_false(value_get(v, "t")->plain);
    const struct value *b = value_get(v, "b");
    assert_int_equal(b->line, 3);
    assert_int_equal(b->column, 6);
    assert_memory_equal(t + b->key_start, "\"b\"", 3);
    assert_int_equal(b->key_end - b->key_start, 3);
    arena_free(a);
}

static void merge_keys(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct value *v =
        parse(a, "x: &x {a: 1, b: 2}\ny: &y {a: 3, c: 4}\nm:\n  <<: [*x, *y]\n  b: 5\nq: {'<<': 1}\n");
    struct text t = {0};
    value_json(value_get(v, "m"), &t);
    assert_string_equal(text_str(&t), "{\"b\":5,\"a\":1,\"c\":4}");
    assert_non_null(value_get(value_get(v, "q"), "<<"));
    assert_int_equal(value_get(value_get(v, "m"), "a")->end, 0); /* not a place of its own */
    text_free(&t);
    arena_free(a);
}

struct bad {
    const char *yaml, *message;
    int line, column;
};

static void refusals(void **state)
{
    (void)state;
    static const struct bad bad[] = {
        {"a: 1\nb: 2\na: 3\n", "`a` stands twice in this map", 3, 1},
        {"a: *x\n", "there is no anchor `&x` above", 1, 4},
        {"a: &a [*a]\n", "`*a` stands inside what it names", 1, 8},
        {"<<: 1\n", "`<<` needs a map or a list of maps", 1, 5},
        {"? {a: b}\n: c\n", "a map key must be a plain word or a string", 1, 3},
        {"a: \"x\\0y\"\n", "a NUL character in a string", 1, 4},
        {"a: \xff\n", "a byte that is not UTF-8 (0xff)", 1, 4},
        {"# \xed\xa0\x80\n", "a byte that is not UTF-8 (0xed)", 1, 3},
        {"ü: \x1b\n", "a control character (0x1b)", 1, 4},
        {"a: \xc2\x80\n", "a control character (0xc2)", 1, 4},
        {"a: b\n--- \na: [", "flow sequence without a closing bracket", 3, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena *a = arena_new();
        struct value *v = NULL;
        struct error *err = NULL;
        assert_int_equal(tree_parse_one(a, "f.yaml", bad[i].yaml, strlen(bad[i].yaml), &v, &err), -1);
        assert_null(v);
        assert_string_equal(err->message, bad[i].message);
        assert_int_equal(err->place.line, bad[i].line);
        assert_int_equal(err->place.column, bad[i].column);
        assert_string_equal(err->place.file, "f.yaml");
        error_free(err);
        arena_free(a);
    }
}

/* libfyaml would deliver the first host only, and say nothing. */
static void bad_byte_between_hosts(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const char t[] = "- 10.0.0.1\n# caf\xe9\n- 10.0.0.2\n---\nmore: 1\n";
    struct documents d = {0};
    struct error_list errors = {0};
    assert_int_equal(tree_parse(a, "f", t, strlen(t), &d, &errors), -1);
    assert_int_equal(errors.n, 1);
    assert_int_equal(errors.errors[0]->place.line, 2);
    error_list_free(&errors);
    arena_free(a);
}

static void big_maps_keep_order(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct arena *a = arena_new();
    struct text t = {0};
    for (int i = 0; i < N; i++)
        text_addf(&t, "k%d: %d\n", (i * 7919) % N, i);
    struct value *v = parse(a, text_str(&t));
    assert_int_equal(v->n, N);
    for (int i = 0; i < N; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", (i * 7919) % N);
        assert_string_equal(v->keys[i], key);
    }
    text_free(&t);
    arena_free(a);
}

/* ---- writing */

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static const char *const words[] = {
    "",          "a",           "true",         "No",
    "off",       "~",           "null",         "12",
    "0x1F",      "1e3",         ".5",           "1:30",
    "1_000",     "=",           "<<",           "- a",
    "a: b",      "a #b",        "#a",           "\"q\"",
    "it's",      " lead",       "trail ",       "a\nb",
    "a\n",       "\na",         "a\n\n\nb\n\n", " a\n b",
    "tab\there", "ü€😀",         "2024-01-02",   "2024-01-02T03:04:05Z",
    "{a",        "[b",          "*c",           "&d",
    "!e",        "%f",          "@g",           "`h",
    "?",         "-",           "? a",          "key:",
    "|",         ">",           "a\r\nb",       "...",
    "---",       "\x7f",        "\x01",         "y",
    "n",         "+1",          "-.inf",        "0o17",
    "0b11",      "a, b",        "a]b",          "\\n",
    "1.2.3.4",   "10.0.0.1:22", "::1",
};

static struct value *random_value(struct arena *a, uint32_t *seed, int depth)
{
    uint32_t kind = next(seed) % (depth > 4 ? 3 : 5);
    if (kind == 0)
        return value_null(a);
    if (kind < 3)
        return value_string(a, words[next(seed) % ARRAY_LEN(words)]);
    struct value *v = kind == 3 ? value_list(a) : value_map(a);
    for (uint32_t n = next(seed) % 5; n > 0; n--) {
        struct value *item = random_value(a, seed, depth + 1);
        if (kind == 3)
            value_push(a, v, item);
        else
            value_set(a, v, words[next(seed) % ARRAY_LEN(words)], item);
    }
    return v;
}

/* Equal, and strings still strings: value_equal takes null and the plain word null for the same. */
static bool same(const struct value *a, const struct value *b)
{
    if (value_is_null(a) != value_is_null(b) || (!value_is_null(a) && (a->kind != b->kind || a->n != b->n)))
        return false;
    if (value_is_null(a))
        return true;
    if (a->kind == VALUE_SCALAR)
        return strcmp(a->text, b->text) == 0 && (a->plain || !b->plain || !tree_typed_by_yaml(b->text));
    for (size_t i = 0; i < a->n; i++)
        if ((a->kind == VALUE_MAP && strcmp(a->keys[i], b->keys[i]) != 0) || !same(a->items[i], b->items[i]))
            return false;
    return true;
}

static void written_is_read_again(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 3000; round++) {
        struct arena *a = arena_new();
        uint32_t seed = round;
        const struct value *docs[3];
        size_t n = 1 + next(&seed) % 3;
        for (size_t i = 0; i < n; i++)
            docs[i] = random_value(a, &seed, 0);
        struct text t = {0}, quoted = {0};
        struct documents d = {0};
        struct error_list errors = {0};
        struct value *one = NULL;
        assert_int_equal(tree_write(docs, n, &t, NULL), 0);
        assert_int_equal(tree_parse(a, "t", text_str(&t), t.len, &d, &errors), 0);
        assert_int_equal(d.n, n);
        for (size_t i = 0; i < n; i++)
            if (!same(docs[i], d.docs[i].root)) {
                print_message("seed %u:\n%s\n", round, text_str(&t));
                fail();
            }
        assert_int_equal(tree_write_quoted(docs[0], &quoted, NULL), 0);
        assert_int_equal(tree_parse_one(a, "t", text_str(&quoted), quoted.len, &one, NULL), 0);
        assert_true(same(docs[0], one));
        text_free(&t);
        text_free(&quoted);
        arena_free(a);
    }
}

static void writing(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct value *docs[] = {
        parse(a, "a: [1, 'true', \"x\"]\nb: {}\nc: |\n  one\n  two\nd: ~\ne: [{f: 1}]\n"), parse(a, "b")};
    struct text t = {0};
    assert_int_equal(tree_write(docs, 2, &t, NULL), 0);
    assert_string_equal(text_str(&t),
                        "a:\n- 1\n- \"true\"\n- x\nb: {}\nc: |\n  one\n  two\nd: ~\ne:\n- f: 1\n--- b\n");
    text_free(&t);
    const struct value *bad[] = {value_string(a, "\xff")};
    struct error *err = NULL;
    assert_int_equal(tree_write(bad, 1, &t, &err), -1);
    assert_int_equal(err->code, ERR_INTERNAL);
    error_free(err);
    text_free(&t);
    arena_free(a);
}

static void json(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct value *v = parse(a, "{\"a\":\t[1, true, null, \"\\u00fc\\n\"],\n\t\"b\": {}}");
    struct text t = {0};
    value_json(v, &t);
    assert_string_equal(text_str(&t), "{\"a\":[1,true,null,\"ü\\n\"],\"b\":{}}");
    text_free(&t);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_and_places),
        cmocka_unit_test(merge_keys),
        cmocka_unit_test(refusals),
        cmocka_unit_test(bad_byte_between_hosts),
        cmocka_unit_test(big_maps_keep_order),
        cmocka_unit_test(written_is_read_again),
        cmocka_unit_test(writing),
        cmocka_unit_test(json),
    };
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL) ? 1 : 0;
}
