/* The template language, against what Go's text/template and sprig give for the same input. */
#include "actions/means/template.h"
#include "schema/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const data = "s: text\n"
                                "empty: ''\n"
                                "n: 22\n"
                                "f: 1.5\n"
                                "yes: true\n"
                                "no: false\n"
                                "nothing: null\n"
                                "v: v1.27.3\n"
                                "pre: v1.27.0-rc.1\n"
                                "cidr: 10.0.0.0/24\n"
                                "list: [a, b, c]\n"
                                "none: []\n"
                                "map: {k2: two, k1: one, deep: {x: y}}\n";

static const char *get_env(void *ctx, const char *name)
{
    (void)ctx;
    return str_eq(name, "SET") ? "from env" : NULL;
}

static int render(const char *text, struct text *out, struct error **err)
{
    struct arena *a = arena_new();
    struct value *v;
    assert_int_equal(tree_parse_one(a, "data", data, strlen(data), &v, err), 0);
    struct template_input in = {
        .name = "t.tmpl", .text = text, .len = strlen(text), .data = v, .env = get_env};
    int r = template_render(&in, out, err);
    arena_free(a);
    return r;
}

struct good {
    const char *text, *result;
};

static void check(const struct good *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct text out = {0};
        struct error *err = NULL;
        if (render(cases[i].text, &out, &err)) {
            struct text t = {0};
            error_text(err, &t);
            fail_msg("%s: %s", cases[i].text, text_str(&t));
        }
        if (strcmp(text_str(&out), cases[i].result) != 0)
            fail_msg("%s\n  gives '%s'\n  not   '%s'", cases[i].text, text_str(&out), cases[i].result);
        text_free(&out);
    }
}

static void test_plain(void **state)
{
    (void)state;
    static const struct good cases[] = {
        {"", ""},
        {"no action } }} { here", "no action } }} { here"},
        {"a {{ .s }} b", "a text b"},
        {"{{.map.deep.x}}{{ (.map).k1 }}{{ $.s }}", "yonetext"},
        {"{{ .n }} {{ .f }} {{ .yes }} {{ .list }} {{ .map }}",
         "22 1.5 true [a b c] map[deep:map[x:y] k1:one k2:two]"},
        {"a {{- .s -}} b", "atextb"},
        {"a \n {{- .s }} b", "atext b"},
        {"x {{/* a comment }} */}} y", "x  y"},
        {"x {{- /* a comment */ -}} y", "xy"},
        {"{{ \"a\\tb\\\"\\u00e9\" }}{{ `raw\\n` }}", "a\tb\"\xc3\xa9raw\\n"},
        {"{{ -3 }} {{ 0x10 }} {{ 1.50 }} {{ true }}", "-3 16 1.5 true"},
        {"{{ with $x := .s }}{{ $x }}{{ end }}", "text"},
        {"{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"},
        {"{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}", "1"},
    };
    check(cases, ARRAY_LEN(cases));
}

/* Facts section 3.5: verified against Go. */
static void test_missing(void **state)
{
    (void)state;
    static const struct good cases[] = {
        {"{{ .x }}", "<no value>"},
        {"{{ .nothing }}", "<no value>"},
        {"{{ .x.y.z }}", "<no value>"},
        {"{{ default \"d\" .x }}{{ .x | default \"e\" }}{{ default \"f\" .empty }}", "def"},
        {"{{ if .x }}t{{ else }}f{{ end }}{{ not .x }}", "ftrue"},
        {"{{ eq .x \"\" }} {{ ne .x \"\" }} {{ eq .x nil }}", "false true true"},
        {"{{ .x | quote }}|{{ .x | squote }}|{{ .x | int }}", "||0"},
        {"{{ if and .x (contains \"master\" .x) }}t{{ else }}f{{ end }}", "f"},
        {"{{ if or (not .x) (eq .x \"\") (not (semverCompare \"^1.27.0\" .x)) }}t{{ end }}", "t"},
        {"{{ with .x }}t{{ else }}f{{ end }}{{ range .x }}t{{ else }}f{{ end }}", "ff"},
    };
    check(cases, ARRAY_LEN(cases));
}

static void test_blocks(void **state)
{
    (void)state;
    static const struct good cases[] = {
        {"{{ if .no }}1{{ else if .empty }}2{{ else if .s }}3{{ else }}4{{ end }}", "3"},
        {"{{ if .no }}1{{ else if .empty }}2{{ else }}4{{ end }}", "4"},
        {"{{ range .list }}<{{ . }}>{{ end }}", "<a><b><c>"},
        {"{{ range $i, $e := .list }}{{ $i }}{{ $e }}{{ $.n }} {{ end }}", "0a22 1b22 2c22 "},
        {"{{ range $k, $v := .map }}{{ $k }} {{ end }}", "deep k1 k2 "},
        {"{{ range .none }}x{{ else }}empty{{ end }}", "empty"},
        {"{{ with .map }}{{ .k1 }}{{ with .deep }}{{ .x }}{{ end }}{{ end }}", "oney"},
        {"{{ range $e := .list }}{{ if eq $e \"b\" }}B{{ end }}{{ end }}", "B"},
    };
    check(cases, ARRAY_LEN(cases));
}

static void test_functions(void **state)
{
    (void)state;
    static const struct good cases[] = {
        {"{{ or .empty .s }}{{ and .s .n }}{{ or .no .empty }}", "text22"},
        {"{{ eq .s \"a\" \"text\" }} {{ ne .n 22 }} {{ lt 1 2 }} {{ le .n 22 }} {{ gt \"b\" \"a\" }} {{ ge "
         "\"124\" \"126\" }}",
         "true false true true true false"},
        {"{{ .s | upper | quote }}{{ \"A\" | lower }}{{ \" x \\n\" | trim }}", "\"TEXT\"ax"},
        {"{{ quote \"a\\\"b\" 3 }} {{ squote \"x\" }}", "\"a\\\"b\" \"3\" 'x'"},
        {"{{ replace \"t\" \"TT\" .s }}{{ contains \"ex\" .s }}{{ hasPrefix \"te\" .s }}", "TTexTTtruetrue"},
        {"{{ trimSuffix \"xt\" .s }}{{ trimPrefix \"te\" .s }}", "text"},
        {"{{ \"22\" | int }}{{ int \"x\" }}{{ default 22 .x | int }}", "22022"},
        {"{{ .list | toYaml }}", "- a\n- b\n- c"},
        {"{{ .map | toYaml }}", "deep:\n  x: y\nk1: one\nk2: two"},
        {"{{ .s | toYaml }}|{{ .n | toYaml }}|{{ .none | toYaml }}", "text|22|[]"},
        {"{{ .list | toYaml | nindent 4 }}", "\n    - a\n    - b\n    - c"},
        {"{{ indent 2 \"a\\nb\" }}", "  a\n  b"},
        {"{{ printf \"%s-%03d-%.1f-%v-%q%%\" .s 7 .f .list \"q\" }}", "text-007-1.5-[a b c]-\"q\"%"},
        {"{{ ipAt .cidr 10 }} {{ ipAt (default \"10.1.0.0/16\" .x) 256 }}", "10.0.0.10 10.1.1.0"},
        {"{{ env \"SET\" }}|{{ env \"UNSET\" }}|{{ env \"UNSET\" .s }}|{{ env \"UNSET\" .x }}",
         "from env||text|"},
        {"{{ len .list }}{{ index .map \"k1\" }}{{ index .list 1 }}{{ join \",\" .list }}", "3oneba,b,c"},
        {"{{ print 1 2 \"a\" }}{{ coalesce .x .empty .s }}{{ ternary 1 2 .yes }}", "1 2atext1"},
        {"{{ .map | toJson }}", "{\"deep\":{\"x\":\"y\"},\"k1\":\"one\",\"k2\":\"two\"}"},
    };
    check(cases, ARRAY_LEN(cases));
}

static void test_semver(void **state)
{
    (void)state;
    static const struct {
        const char *constraint, *version;
        bool result;
    } cases[] = {
        {"^1.27.0", "v1.27.3", true},
        {"^1.27.0", "v1.26.9", false},
        {"^1.27.0", "v1.28.0", true},
        {"^1.27.0", "v2.0.0", false},
        {"^1.27.0", "v1.27.0-rc.1", false},
        {"^1.27.0-0", "v1.27.0-rc.1", true},
        {"^0.2.3", "0.2.9", true},
        {"^0.2.3", "0.3.0", false},
        {"^0.0.3", "0.0.4", false},
        {"~1.2.3", "1.2.9", true},
        {"~1.2.3", "1.3.0", false},
        {"~1", "1.9.0", true},
        {">=1.20 <1.30", "1.29.9", true},
        {">=1.20, <1.30", "1.30.0", false},
        {">1.2", "1.2.5", false},
        {">1.2", "1.3.0", true},
        {"<=1.2", "1.2.9", true},
        {"1.2.x", "1.2.7", true},
        {"*", "3.0.0", true},
        {"!=1.2.3", "1.2.3", false},
        {"<1.2 || >=2", "2.1.0", true},
        {"1.2 - 1.4.5", "1.4.5", true},
        {"1.2 - 1.4.5", "1.4.6", false},
        {"=1.2.3", "1.2.3+meta", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = mem_printf("{{ semverCompare \"%s\" \"%s\" }}", cases[i].constraint, cases[i].version);
        const struct good one = {text, cases[i].result ? "true" : "false"};
        check(&one, 1);
        free(text);
    }
}

/* Every template of the public runtime images has one of these forms. */
static void test_images(void **state)
{
    (void)state;
    static const struct good cases[] = {
        {"ExecStart={{ default \"/usr/bin\" .BIN_DIR }}/kubelet $A", "ExecStart=/usr/bin/kubelet $A"},
        {"{{ if or (not .v) (eq .v \"\") (not (semverCompare \"^1.27.0\" .v)) }}--container-runtime=remote "
         "{{ end }}x",
         "x"},
        {"{{- if and (.s) (contains \"ex\" .s) }}server{{ else }}agent{{ end }}", "server"},
        {"{{- if and (ne .v \"\") (semverCompare \"^1.26.0\" .v) }}\nv1{{- else }}\nv1alpha2{{- end }}\n",
         "\nv1\n"},
        {"passwd: {{ default (env \"SET\") .map.passwd }}", "passwd: from env"},
        {"ips: {{ .list | toYaml | nindent 8 }}\n", "ips: \n        - a\n        - b\n        - c\n"},
    };
    check(cases, ARRAY_LEN(cases));
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
        enum error_code code;
        const char *says;
    } cases[] = {
        {"{{ .a", 1, 1, ERR_SYNTAX, "not closed"},
        {"x\n\xc3\xa9 {{ nosuch .a }}", 2, 6, ERR_SYNTAX, "function \"nosuch\" is not supported"},
        {"{{ if .a }}", 1, 4, ERR_SYNTAX, "has no end"},
        {"{{ end }}", 1, 4, ERR_SYNTAX, "unexpected {{end}}"},
        {"{{ else }}", 1, 4, ERR_SYNTAX, "unexpected {{else}}"},
        {"{{ if .a }}{{ else }}{{ else }}{{ end }}", 1, 25, ERR_SYNTAX, "second else"},
        {"{{ $x }}", 1, 4, ERR_SYNTAX, "undefined variable"},
        {"{{ if .a }}{{ $x := 1 }}{{ end }}{{ $x }}", 1, 37, ERR_SYNTAX, "undefined variable"},
        {"{{ define \"t\" }}{{ end }}", 1, 4, ERR_SYNTAX, "\"define\" is not supported"},
        {"{{ template \"t\" }}", 1, 4, ERR_SYNTAX, "not supported"},
        {"{{ }}", 1, 4, ERR_SYNTAX, "missing"},
        {"{{ .a | .b }}", 1, 9, ERR_SYNTAX, "only a function"},
        {"{{ .a .b }}", 1, 7, ERR_SYNTAX, "argument"},
        {"{{ (.a }}", 1, 4, ERR_SYNTAX, "not closed"},
        {"{{ \"a }}", 1, 4, ERR_SYNTAX, "not closed"},
        {"{{ 12x }}", 1, 4, ERR_SYNTAX, "bad number"},
        {"{{ & }}", 1, 4, ERR_SYNTAX, "unexpected character"},
        {"{{/* no end }}", 1, 1, ERR_SYNTAX, "comment"},
        {"{{ contains \"a\" .x }}", 1, 4, ERR_INVALID, "no value; expected string"},
        {"{{ semverCompare \"^1.0\" .x }}", 1, 4, ERR_INVALID, "expected string"},
        {"{{ semverCompare \"^1.0\" .s }}", 1, 4, ERR_INVALID, "invalid semantic version"},
        {"{{ semverCompare \"?\" .v }}", 1, 4, ERR_INVALID, "improper constraint"},
        {"{{ ge .x \"a\" }}", 1, 4, ERR_INVALID, "incompatible"},
        {"{{ eq .n \"22\" }}", 1, 4, ERR_INVALID, "incompatible"},
        {"{{ .s.x }}", 1, 4, ERR_INVALID, "can't evaluate field x in type string"},
        {"{{ .nothing.x }}", 1, 4, ERR_INVALID, "nil value"},
        {"{{ upper 3 }}", 1, 4, ERR_INVALID, "expected string; got int"},
        {"{{ upper }}", 1, 4, ERR_INVALID, "wrong number of arguments"},
        {"{{ range .s }}{{ end }}", 1, 10, ERR_INVALID, "can't iterate"},
        {"{{ printf \"%d\" .s }}", 1, 4, ERR_INVALID, "does not fit"},
        {"{{ printf \"%999999d\" 1 }}", 1, 4, ERR_INVALID, NULL},
        {"{{ ipAt .cidr 256 }}", 1, 4, ERR_INVALID, "no address"},
        {"{{ index .list 3 }}", 1, 4, ERR_INVALID, "cannot index"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text out = {0};
        struct error *err = NULL;
        int r = render(cases[i].text, &out, &err);
        if (!cases[i].says && r == 0) {
            text_free(&out);
            continue; /* fine either way, as long as it ends */
        }
        if (r == 0)
            fail_msg("%s: no error", cases[i].text);
        if (err->place.line != cases[i].line || err->place.column != cases[i].column ||
            err->code != cases[i].code || (cases[i].says && !strstr(err->message, cases[i].says)))
            fail_msg("%s: %s at %d:%d", cases[i].text, err->message, err->place.line, err->place.column);
        assert_string_equal(err->place.file, "t.tmpl");
        error_free(err);
        text_free(&out);
    }
}

/* Nothing that a template says may cost unbounded memory, time or stack. */
static void test_hostile(void **state)
{
    (void)state;
    struct text deep = {0}, out = {0};
    struct error *err = NULL;
    text_add(&deep, "{{ ");
    for (int i = 0; i < 100000; i++)
        text_addc(&deep, '(');
    assert_int_equal(render(text_str(&deep), &out, &err), -1);
    error_free(err);
    err = NULL;
    text_clear(&deep);
    for (int i = 0; i < 30; i++)
        text_add(&deep, "{{ range $.list }}");
    text_add(&deep, "x{{ $y := 1 }}");
    for (int i = 0; i < 30; i++)
        text_add(&deep, "{{ end }}");
    out.max = 1024 * 1024;
    assert_int_equal(render(text_str(&deep), &out, &err), -1);
    error_free(err);
    text_free(&deep);
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_missing), cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_functions), cmocka_unit_test(test_semver),  cmocka_unit_test(test_images),
        cmocka_unit_test(test_errors),    cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
