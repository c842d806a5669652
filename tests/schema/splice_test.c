/* Every byte that is not status (or creationTimestamp) stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/splice.h"
#include "schema/tree.h"

#include <string.h>

#define C "kind: Cluster\nmetadata:\n  name: a\nspec: {}\n"
#define NEW "{phase: New, nodes: [{address: 10.0.0.1, joined: true}]}"
#define WRITTEN "status:\n  phase: New\n  nodes:\n  - address: 10.0.0.1\n    joined: true"

struct splice_case {
    const char *name;
    const char *in;
    const char *status;  /* as YAML */
    const char *created; /* or NULL */
    const char *out;     /* NULL: refused; equal to in: not changed */
};

static const struct splice_case cases[] = {
    {"block", C "status:\n  phase: Old\n  more: x\n# end\n", NEW, NULL, C WRITTEN "\n# end\n"},
    {"block-in-the-middle", "kind: Cluster\nstatus:\n  phase: Old\n\n# about spec\nspec: {} # empty\n", NEW,
     NULL, "kind: Cluster\n" WRITTEN "\n\n# about spec\nspec: {} # empty\n"},
    {"flow-over-two-lines", C "status: {phase: Old,\n  x: [1, 2]}   # trailing\n# more\n", NEW, NULL,
     C WRITTEN "   # trailing\n# more\n"},
    {"empty-map", C "status: {}\n", NEW, NULL, C WRITTEN "\n"},
    {"null", C "status:\n", NEW, NULL, C WRITTEN "\n"},
    {"null-with-comment", C "status: # nothing yet\nother: 1\n", NEW, NULL,
     C WRITTEN " # nothing yet\nother: 1\n"},
    {"null-word", C "status: null # none\n", NEW, NULL, C WRITTEN " # none\n"},
    {"crlf", "kind: Cluster\r\nspec: {}\r\nstatus: {}\r\n# x\r\n", NEW, NULL,
     "kind: Cluster\r\nspec: {}\r\nstatus:\r\n  phase: New\r\n  nodes:\r\n  - address: 10.0.0.1\r\n    "
     "joined: true\r\n# x\r\n"},
    {"crlf-absent", "kind: Cluster\r\nspec: {}\r\n", "{phase: New}", NULL,
     "kind: Cluster\r\nspec: {}\r\nstatus:\r\n  phase: New\r\n"},
    {"bom", "\xef\xbb\xbf" C "status: {}\n", NEW, NULL, "\xef\xbb\xbf" C WRITTEN "\n"},
    {"bom-status-first", "\xef\xbb\xbfstatus: {}\nkind: Cluster\n", NEW, NULL,
     "\xef\xbb\xbf" WRITTEN "\nkind: Cluster\n"},
    {"no-last-newline", C "status: {}", NEW, NULL, C WRITTEN},
    {"absent", C, NEW, NULL, C WRITTEN "\n"},
    {"absent-no-last-newline", "kind: Cluster\nspec: {}", NEW, NULL, "kind: Cluster\nspec: {}\n" WRITTEN},
    {"absent-trailing-comments", C "# the end\n\n", NEW, NULL, C WRITTEN "\n# the end\n\n"},
    {"absent-comment-on-last-line", "kind: Cluster\nspec:\n  a: b # c\n", NEW, NULL,
     "kind: Cluster\nspec:\n  a: b # c\n" WRITTEN "\n"},
    {"several-documents",
     "kind: Config\nstatus: {a: b}\n---\n" C "status: {}\n---\nkind: Config\nspec: 'x'\n", NEW, NULL,
     "kind: Config\nstatus: {a: b}\n---\n" C WRITTEN "\n---\nkind: Config\nspec: 'x'\n"},
    {"absent-several-documents", C "\n# about the next\n---\nkind: Config\n", NEW, NULL,
     C WRITTEN "\n\n# about the next\n---\nkind: Config\n"},
    {"document-end-marker", "---\n" C "status: {}\n...\n# done\n", NEW, NULL,
     "---\n" C WRITTEN "\n...\n# done\n"},
    {"absent-document-end-marker", C "...\n---\nkind: Config\n", NEW, NULL,
     C WRITTEN "\n...\n---\nkind: Config\n"},
    {"literal", C "status:\n  message: |\n    one # not a comment\n    two\n\n\nother: 1\n", NEW, NULL,
     C WRITTEN "\n\n\nother: 1\n"},
    {"folded", C "status:\n  message: >-\n    one\n\n    two\n# c\n", NEW, NULL, C WRITTEN "\n# c\n"},
    {"absent-after-literal", "kind: Cluster\nspec:\n  a: |\n    text\n", NEW, NULL,
     "kind: Cluster\nspec:\n  a: |\n    text\n" WRITTEN "\n"},
    {"quoted-key", C "\"status\":  {}\nother: 1\n", NEW, NULL, C WRITTEN "\nother: 1\n"},
    {"last-value-quoted", C "status:\n  x: 'it''s # not a comment'  # but this is\n", NEW, NULL,
     C WRITTEN "  # but this is\n"},
    {"last-value-empty", C "status:\n  a:\n   b:   # c\n", NEW, NULL, C WRITTEN "   # c\n"},
    {"last-value-alias", "x: &x 1\n" C "status:\n  a: *x # c\n", NEW, NULL, "x: &x 1\n" C WRITTEN " # c\n"},
    {"tag-and-anchor", C "status: !foo &a {x: y} # c\n", NEW, NULL, C WRITTEN " # c\n"},
    {"indented-root", "  kind: Cluster\n  status: {}\n  spec: {}\n", NEW, NULL,
     "  kind: Cluster\n  status:\n    phase: New\n    nodes:\n    - address: 10.0.0.1\n      joined: true\n  "
     "spec: {}\n"},
    {"indented-root-absent", "  kind: Cluster\n  spec: {}\n", "{phase: New}", NULL,
     "  kind: Cluster\n  spec: {}\n  status:\n    phase: New\n"},
    {"next-key-has-an-anchor", C "status: {}\n&k next: 1\n", NEW, NULL, C WRITTEN "\n&k next: 1\n"},
    {"text-of-several-lines", C "status: {} # c\n", "{a: \"one\\ntwo\\n\"}", NULL,
     C "status:\n  a: \"one\\ntwo\\n\" # c\n"},
    {"utf-8", "# ü\nkind: Cluster\nspec: {a: 'ö'}\nstatus: {}\n", "{a: ß}", NULL,
     "# ü\nkind: Cluster\nspec: {a: 'ö'}\nstatus:\n  a: ß\n"},
    /* only leaves differ */
    {"leaf", C "status:\n  # how it is\n  phase: Old # was\n  x: [1, 2]\n", "{phase: New, x: [1, 3]}", NULL,
     C "status:\n  # how it is\n  phase: New # was\n  x: [1, 3]\n"},
    {"leaf-quoted", C "status:\n  phase: 'Old' # c\n  b: \"x\"\n", "{phase: \"it's\", b: x}", NULL,
     C "status:\n  phase: \"it's\" # c\n  b: \"x\"\n"},
    {"leaf-needs-quotes", C "status: {a: x, b: y} # c\n", "{a: 'p, q', b: '12'}", NULL,
     C "status: {a: \"p, q\", b: \"12\"} # c\n"},
    {"leaf-null", C "status: {a: x, b: ~}\n", "{a: null, b: x}", NULL, C "status: {a: null, b: x}\n"},
    {"leaf-order-is-no-change", C "status: {a: x, b: y}\n", "{b: y, a: x}", NULL, C "status: {a: x, b: y}\n"},
    {"leaf-in-literal", C "status:\n  a: |\n    old\n  b: 1\n", "{a: new, b: 1}", NULL,
     C "status:\n  a: new\n  b: 1\n"},
    {"leaf-not-of-an-alias", "x: &x [1]\n" C "status:\n  a: *x\n", "{a: [2]}", NULL,
     "x: &x [1]\n" C "status:\n  a:\n  - 2\n"},
    /* by value, not by text */
    {"same-value", C "status: {phase: \"New\", 'nodes': [{address: 10.0.0.1, joined: true}]} # kept\n", NEW,
     NULL, C "status: {phase: \"New\", 'nodes': [{address: 10.0.0.1, joined: true}]} # kept\n"},
    {"same-null", C "status: ~\n", "", NULL, C "status: ~\n"},
    {"same-value-in-braces", "{kind: Cluster, status: {a: b}}\n", "{a: b}", NULL,
     "{kind: Cluster, status: {a: b}}\n"},
    /* creationTimestamp */
    {"created-null",
     "kind: Cluster\nmetadata:\n  creationTimestamp: null # none\n  name: a\nstatus: {a: b}\n", "{a: b}",
     "2024-01-02T03:04:05Z",
     "kind: Cluster\nmetadata:\n  creationTimestamp: \"2024-01-02T03:04:05Z\" # none\n  name: a\nstatus: {a: "
     "b}\n"},
    {"created-empty", "kind: Cluster\nmetadata:\n  creationTimestamp:\n  name: a\nstatus: {a: b}\n", "{a: b}",
     "2024-01-02T03:04:05Z",
     "kind: Cluster\nmetadata:\n  creationTimestamp: \"2024-01-02T03:04:05Z\"\n  name: a\nstatus: {a: b}\n"},
    {"created-absent", C, "{a: b}", "2024-01-02T03:04:05Z",
     "kind: Cluster\nmetadata:\n  creationTimestamp: \"2024-01-02T03:04:05Z\"\n  name: a\nspec: "
     "{}\nstatus:\n  a: b\n"},
    {"created-absent-flow", "kind: Cluster\nmetadata: {name: a} # x\nstatus: {a: b}\n", "{a: b}",
     "2024-01-02T03:04:05Z",
     "kind: Cluster\nmetadata: {creationTimestamp: \"2024-01-02T03:04:05Z\", name: a} # x\nstatus: {a: b}\n"},
    {"created-there", "kind: Cluster\nmetadata: {creationTimestamp: 2020-01-02T03:04:05Z}\nstatus: {a: b}\n",
     "{a: b}", "2024-01-02T03:04:05Z",
     "kind: Cluster\nmetadata: {creationTimestamp: 2020-01-02T03:04:05Z}\nstatus: {a: b}\n"},
    {"created-crlf", "kind: Cluster\r\nmetadata:\r\n  name: a\r\nstatus: {a: b}\r\n", "{a: b}",
     "2024-01-02T03:04:05Z",
     "kind: Cluster\r\nmetadata:\r\n  creationTimestamp: \"2024-01-02T03:04:05Z\"\r\n  name: a\r\nstatus: "
     "{a: b}\r\n"},
    /* refused */
    {"flow-root", "{kind: Cluster, status: {}}\n", NEW, NULL, NULL},
    {"by-merge-key", "kind: Cluster\nx: &x {status: {a: b}}\n<<: *x\n", NEW, NULL, NULL},
    {"anchor-used-elsewhere", "kind: Cluster\nstatus: &s {a: b}\nspec: *s\n", NEW, NULL, NULL},
    {"explicit-key", "kind: Cluster\n? status\n: {a: b}\n", NEW, NULL, NULL},
    {"no-cluster", "kind: Config\n", NEW, NULL, NULL},
    {"two-clusters", "kind: Cluster\n---\nkind: Cluster\n", NEW, NULL, NULL},
    {"not-yaml", "kind: [\n", NEW, NULL, NULL},
};

static struct value *parse(struct arena *a, const char *yaml)
{
    struct value *v = NULL;
    assert_int_equal(tree_parse_one(a, "status", yaml, strlen(yaml), &v, NULL), 0);
    return v;
}

static void one_case(void **state)
{
    const struct splice_case *c = *state;
    struct arena *a = arena_new();
    struct value *status = parse(a, c->status);
    struct text out = {0};
    struct error *err = NULL;
    bool changed = false;
    int r = splice_status(c->in, strlen(c->in), status, c->created, &out, &changed, &err);
    if (!c->out) {
        assert_int_equal(r, -1);
        assert_non_null(err);
        assert_int_equal(out.len, 0);
        assert_true(err->code == ERR_REFUSED || err->code == ERR_SYNTAX);
    } else {
        if (err)
            print_message("%s\n", err->message);
        assert_int_equal(r, 0);
        assert_int_equal(changed, strcmp(c->in, c->out) != 0);
        assert_string_equal(changed ? text_str(&out) : c->in, c->out);
        struct text again = {0};
        assert_int_equal(splice_status(c->out, strlen(c->out), status, c->created, &again, &changed, &err),
                         0);
        assert_false(changed);
        assert_int_equal(again.len, 0);
    }
    error_free(err);
    text_free(&out);
    arena_free(a);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(cases)];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tests[i] = (struct CMUnitTest){
            .name = cases[i].name, .test_func = one_case, .initial_state = (void *)&cases[i]};
    int failed = _cmocka_run_group_tests("splice", tests, ARRAY_LEN(tests), NULL, NULL);
    return failed ? 1 : 0;
}
