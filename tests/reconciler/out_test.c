/* Plans, reports and errors as people and programs see them; text from nodes never reaches a terminal raw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reconciler/out_json.h"
#include "reconciler/out_plan.h"

#include <stdio.h>
#include <string.h>

static const struct kind_rules hosts_rules = {
    .name = "hosts.set", .title = "set hosts entries", .step = "2.6.1"};
static const struct kind_rules join_rules = {
    .name = "kubeadm.join-worker", .title = "join as worker", .disrupts = true};
static const struct kind_rules reset_rules = {.name = "node.reset", .title = "reset", .destroys = true};
static const struct kind_rules *const table[] = {&hosts_rules, &join_rules, &reset_rules};

static struct want_host hosts[] = {{.address = "10.0.0.1"}, {.address = "10.0.0.2"}, {.address = "10.0.0.3"}};
static struct want want = {.cluster = "lab", .hosts = hosts, .n_hosts = 3};
static const struct change absent = {"spec.hosts", "the entry of \"sealos.hub\" is absent",
                                     "every node resolves <sealos.hub>"};
static const struct change hostile = {"spec.hosts", "its name is \"a\x1b[31m|b\"", "nodes | have names"};
static const int first[] = {0}, second[] = {1};
static struct action actions[] = {
    {.kind = 0, .subject = {1, -1, -1}, .id = "hosts.set/10.0.0.2", .changes = &absent, .n_changes = 1},
    {.kind = 1,
     .subject = {1, -1, -1},
     .id = "kubeadm.join-worker/10.0.0.2",
     .changes = &hostile,
     .n_changes = 1,
     .needs = first,
     .n_needs = 1},
    {.kind = 2, .subject = {2, -1, -1}, .id = "node.reset/10.0.0.3", .after = second, .n_after = 1},
};
static struct left_out left_out[] = {
    {.kind = -1, .subject = {0, -1, -1}, .id = "10.0.0.1", .reason = "no route to host"},
    {.kind = 2,
     .subject = {0, -1, -1},
     .id = "node.reset/10.0.0.1",
     .reason = "it is protected",
     .refusal = true},
};
static const char *warnings[] = {"an even number of masters"};
static struct plan plan = {.actions = actions,
                           .n_actions = 3,
                           .left_out = left_out,
                           .n_left_out = 2,
                           .warnings = warnings,
                           .n_warnings = 1};
static const struct plan_print print = {&want, &plan, table};
static const struct style plain, coloured = {.colour = true};

static void is(struct text *t, const char *expected)
{
    assert_string_equal(text_str(t), expected);
    text_free(t);
}

static void plan_text(void **state)
{
    (void)state;
    struct text t = {0};
    out_plan_text(&t, &plain, &print, true);
    is(&t, "    1  hosts.set/10.0.0.2: set hosts entries\n"
           "       spec.hosts → the entry of \"sealos.hub\" is absent → every node resolves <sealos.hub>\n"
           "    2  kubeadm.join-worker/10.0.0.2: join as worker (disrupts what runs there)\n"
           "       spec.hosts → its name is \"a?[31m|b\" → nodes | have names\n"
           "       needs: 1\n"
           "    3  node.reset/10.0.0.3: reset (cannot be undone)\n"
           "       after: 2\n"
           "Left out:\n"
           "    -  10.0.0.1: no route to host\n"
           "    -  node.reset/10.0.0.1: refused: it is protected\n"
           "warning: an even number of masters\n"
           "Plan: 3 actions on 2 nodes: 1 hosts.set, 1 kubeadm.join-worker, 1 node.reset; 2 left out.\n");
    out_plan_text(&t, &coloured, &print, false);
    assert_non_null(strstr(text_str(&t), "\x1b[31mnode.reset/10.0.0.3\x1b[0m"));
    assert_null(strstr(text_str(&t), "a\x1b[31m")); /* that one is the node's */
    assert_null(strstr(text_str(&t), "needs:"));
    text_free(&t);
}

static void nothing_to_do(void **state)
{
    (void)state;
    struct plan empty = {0};
    struct text t = {0};
    out_plan_text(&t, &plain, &(struct plan_print){&want, &empty, table}, false);
    is(&t, "Nothing to do: the cluster is as wanted.\n");
    empty.left_out = left_out;
    empty.n_left_out = 1;
    out_plan_summary(&t, &(struct plan_print){&want, &empty, table});
    is(&t, "Nothing can be done now; 1 left out.");
}

static void plan_markdown(void **state)
{
    (void)state;
    struct text t = {0};
    out_plan_markdown(&t, &print);
    is(&t, "### Cluster lab\n\n"
           "Plan: 3 actions on 2 nodes: 1 hosts.set, 1 kubeadm.join-worker, 1 node.reset; 2 left out.\n\n"
           "| # | action | why |\n|---:|---|---|\n"
           "| 1 | `hosts.set/10.0.0.2` | spec.hosts → the entry of \"sealos.hub\" is absent → every node "
           "resolves "
           "&lt;sealos.hub&gt; |\n"
           "| 2 | `kubeadm.join-worker/10.0.0.2` | spec.hosts → its name is \"a?\\[31m\\|b\" → nodes \\| "
           "have names |\n"
           "| 3 | `node.reset/10.0.0.3` **cannot be undone** |  |\n\n"
           "| left out | why |\n|---|---|\n"
           "| `10.0.0.1` | no route to host |\n"
           "| `node.reset/10.0.0.1` | refused: it is protected |\n\n"
           "> an even number of masters\n");
}

static void graphs(void **state)
{
    (void)state;
    struct text t = {0};
    out_graph_dot(&t, &print);
    assert_non_null(
        strstr(text_str(&t), "  a2 [label=\"kubeadm.join-worker/10.0.0.2\", fillcolor=\"#fff2cc\"];\n"));
    assert_non_null(strstr(text_str(&t), "  a1 -> a2;\n  a2 -> a3 [style=dashed];\n}\n"));
    text_free(&t);
    out_graph_mermaid(&t, &print);
    is(&t, "flowchart LR\n  a1[\"hosts.set/10.0.0.2\"]\n  a2[\"kubeadm.join-worker/10.0.0.2\"]\n"
           "  a3[\"node.reset/10.0.0.3\"]\n  a1 --> a2\n  style a2 fill:#fff2cc\n  a2 -.-> a3\n  style a3 "
           "fill:#f4cccc\n");
}

static void explains(void **state)
{
    (void)state;
    struct text t = {0};
    struct error *err = NULL;
    assert_int_equal(out_plan_explain(&t, &plain, &print, "hosts.set/10.0.0.2", &err), 0);
    is(&t, "hosts.set/10.0.0.2: set hosts entries, action 1 of 3\n  spec.hosts\n"
           "    seen: the entry of \"sealos.hub\" is absent\n    rule: every node resolves <sealos.hub>\n"
           "  is needed by kubeadm.join-worker/10.0.0.2\n");
    assert_int_equal(out_plan_explain(&t, &plain, &print, "node.reset/10.0.0.1", &err), 0);
    is(&t, "node.reset/10.0.0.1: left out and refused: it is protected\n");
    assert_int_equal(out_plan_explain(&t, &plain, &print, "hosts.set/10.0.0.9", &err), -1);
    assert_int_equal(err->code, ERR_NOT_FOUND);
    assert_non_null(strstr(err->hint, "hosts.set/10.0.0.2"));
    error_free(err);
    text_free(&t);
}

static struct error *failure(void)
{
    struct error *e = NULL;
    error_set(&e, ERR_REMOTE_EXIT, "kubeadm failed\x07");
    error_detail(&e, "[preflight] bad\x1b[2J\nline two\n");
    error_hint(&e, "look at kubelet");
    error_subject(&e, "10.0.0.2");
    return e;
}

static void report_text(void **state)
{
    (void)state;
    struct error *e = failure(), *no = NULL;
    error_set(&no, ERR_REFUSED, "quorum");
    struct action_report ended[] = {
        {.outcome = OUTCOME_FAILED, .because = -1, .error = e, .started = 1, .ended = 3.5},
        {.outcome = OUTCOME_SKIPPED, .because = 0, .ended = 3.5},
        {.outcome = OUTCOME_REFUSED, .because = -1, .error = no, .ended = 75}};
    struct report r = {.actions = ended, .n = 3};
    struct text t = {0};
    out_report(&t, &plain, &plan, &r, "/state/run.log");
    is(&t, "failed   hosts.set/10.0.0.2 after 2.5 s\n"
           "    10.0.0.2: kubeadm failed?\n"
           "      [preflight] bad?[2J\n"
           "      line two\n"
           "      hint: look at kubelet\n"
           "refused  node.reset/10.0.0.3\n"
           "    quorum\n"
           "skipped  kubeadm.join-worker/10.0.0.2, because hosts.set/10.0.0.2 was not done\n"
           "Ended: 0 of 3 actions done, 1 failed, 1 skipped, 1 refused in 1 min 15 s.\n"
           "The full log of this run: /state/run.log\n");
    struct action_report good[] = {{.outcome = OUTCOME_DONE, .because = -1, .ended = 2}};
    struct report done = {.actions = good, .n = 1};
    out_report(&t, &plain, &plan, &done, "/state/run.log");
    is(&t, "Done: 1 of 1 action done in 2.0 s.\n");
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct value *v = json_report(a, &want, &plan, &r, 0.5);
    assert_string_equal(value_text(value_path(value_get(v, "actions")->items[0], "error.code"), ""),
                        "remote-exit");
    assert_string_equal(value_text(value_get(value_get(v, "actions")->items[1], "because"), ""),
                        "hosts.set/10.0.0.2");
    assert_int_equal(value_get(v, "leftOut")->n, 2);
    error_free(e);
    error_free(no);
}

static void errors(void **state)
{
    (void)state;
    struct error *e = NULL;
    struct text t = {0};
    error_set(&e, ERR_INVALID, "no such role \"mster\"");
    error_at(&e, "Clusterfile", 12, 5);
    error_detail(&e, "   12 |   roles: [mster]\n      |           ^");
    error_hint(&e, "did you mean \"master\"?");
    error_wrap(&e, "spec.hosts");
    out_error(&t, &plain, "error", e);
    is(&t, "Clusterfile:12:5: error: spec.hosts: no such role \"mster\"\n"
           "     12 |   roles: [mster]\n        |           ^\n  hint: did you mean \"master\"?\n");
    error_free(e);
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        double s;
        const char *words;
    } cases[] = {{-1, "0.0 s"},  {0.04, "0.0 s"},     {9.94, "9.9 s"},         {9.96, "10 s"},
                 {59.4, "59 s"}, {59.6, "1 min 0 s"}, {3600, "1 h 0 min 0 s"}, {3725, "1 h 2 min 5 s"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text t = {0};
        out_duration(&t, cases[i].s);
        is(&t, cases[i].words);
    }
}

static void pretty_json(void **state)
{
    (void)state;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct value *v = value_map(a), *l = value_list(a);
    value_push(a, l, value_int(a, 1));
    value_push(a, l, value_string(a, "1\xff\n"));
    value_set(a, v, "a", l);
    value_set(a, v, "b", value_map(a));
    struct text t = {0};
    json_pretty(v, &t);
    is(&t, "{\n  \"a\": [\n    1,\n    \"1\xef\xbf\xbd\\n\"\n  ],\n  \"b\": {}\n}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_text), cmocka_unit_test(nothing_to_do), cmocka_unit_test(plan_markdown),
        cmocka_unit_test(graphs),    cmocka_unit_test(explains),      cmocka_unit_test(report_text),
        cmocka_unit_test(errors),    cmocka_unit_test(durations),     cmocka_unit_test(pretty_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
