/* What `reconcile plan -o json` prints is what schema/plan.schema.json says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reconciler/out_plan.h"
#include "schema/json_schema.h"
#include "schema/read.h"

#include <string.h>

static const char clusterfile[] =
    "apiVersion: apps.sealos.io/v1beta1\nkind: Cluster\nmetadata: {name: a}\nspec:\n"
    "  image: [labring/kubernetes:v1.28.0]\n"
    "  hosts: [{ips: [10.0.0.1], roles: [master]}]\n";

/* Complaints about the plan's JSON, after the key was taken out of the first action (NULL: none). */
static size_t complaints(const char *key)
{
    static const struct kind_rules rules = {
        .name = "node.init", .title = "initialise the node", .destroys = true};
    static const struct kind_rules *const table[] = {&rules};
    struct want *w = NULL;
    struct error_list errors = {0}, warnings = {0};
    assert_int_equal(clusterfile_read("f", clusterfile, strlen(clusterfile), &w, &errors, &warnings), 0);
    const struct change change = {"spec.hosts", "nothing is there", "something should be"};
    const int needs[] = {0};
    struct action actions[] = {
        {.subject = {0, -1, -1}, .id = "node.init/10.0.0.1", .changes = &change, .n_changes = 1},
        {.subject = {-1, 0, -1},
         .id = "image.pull/kubernetes",
         .needs = needs,
         .n_needs = 1,
         .after = needs,
         .n_after = 1},
    };
    struct left_out left[] = {
        {.kind = -1, .subject = {0, -1, -1}, .id = "10.0.0.1", .reason = "unreachable"},
        {.kind = 0, .subject = {-1, 0, -1}, .id = "x", .reason = "forbidden", .refusal = true}};
    const char *notes[] = {"a warning"};
    struct plan plan = {.actions = actions,
                        .n_actions = 2,
                        .left_out = left,
                        .n_left_out = 2,
                        .warnings = notes,
                        .n_warnings = 1};
    struct plan_print print = {w, &plan, table};
    struct value *json = out_plan_json(w->arena, &print);
    if (key)
        value_remove(value_get(json, "actions")->items[0], key);
    struct text t = {0};
    value_json(json, &t);
    struct source source = {.name = "plan", .text = text_str(&t), .len = t.len};
    struct documents docs;
    assert_int_equal(tree_read(w->arena, &source, &docs, &errors), 0);
    struct schema_set set;
    schema_set_init(&set, w->arena);
    struct complaints c = {&source, &errors, &warnings};
    schema_check(schema_of_plan(&set), docs.docs[0].root, "the plan", &c);
    size_t n = errors.n;
    for (size_t i = 0; !key && i < n; i++)
        print_message("%s\n", errors.errors[i]->message);
    error_list_free(&errors);
    error_list_free(&warnings);
    source_free(&source);
    text_free(&t);
    want_free(w);
    return n;
}

static void plan_fits(void **state)
{
    (void)state;
    assert_int_equal(complaints(NULL), 0);
    assert_int_equal(complaints("kind"), 1);
    assert_int_equal(complaints("changes"), 1);
    assert_non_null(strstr(schema_plan_text(), "plan/1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plan_fits)};
    return cmocka_run_group_tests_name("plan-schema", tests, NULL, NULL) ? 1 : 0;
}
