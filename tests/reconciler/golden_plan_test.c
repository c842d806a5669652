/* Golden plans: one test for each folder of testdata/plan. What the planner makes of a Clusterfile and of what the
 * machines show is compared byte by byte with plan.txt, whatever the order of the hosts in the file; after the plan's
 * effects there is nothing left to do but what this plan leaves out. UPDATE_GOLDEN=1 writes plan.txt anew: read it. */
#include "tests/reconciler/golden.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define CASES SOURCE_DIR "/testdata/plan"

static uint64_t shuffles;

static void shuffle_hosts(struct want *w)
{
    for (size_t i = w->n_hosts; i-- > 1;) {
        shuffles = shuffles * 6364136223846793005u + 1442695040888963407u;
        size_t k = (shuffles >> 33) % (i + 1);
        struct want_host swap = w->hosts[i];
        w->hosts[i] = w->hosts[k];
        w->hosts[k] = swap;
    }
}

static char *printed(const struct golden *g)
{
    struct plan *p = plan_of(g->want, g->have);
    struct text t = {0};
    struct style plain = {0};
    out_plan_text(&t, &plain, &(struct plan_print){g->want, p, catalogue_rules}, true);
    plan_free(p);
    return text_take(&t);
}

static void check_case(void **state)
{
    const char *name = *state;
    _cleanup_(mem_freep) char *dir = mem_printf(CASES "/%s", name), *path = mem_printf("%s/plan.txt", dir);
    struct golden g = golden_read(dir, NULL);
    _cleanup_(mem_freep) char *got = printed(&g);
    golden_free(&g);
    if (getenv("UPDATE_GOLDEN")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        assert_true(fputs(got, f) >= 0 && fclose(f) == 0);
    }
    _cleanup_(mem_freep) char *expected = golden_text(path);
    if (!expected)
        fail_msg("%s is missing: UPDATE_GOLDEN=1 writes it", path);
    assert_string_equal(got, expected);
}

static void check_order(void **state)
{
    const char *name = *state;
    _cleanup_(mem_freep) char *dir = mem_printf(CASES "/%s", name), *path = mem_printf("%s/plan.txt", dir);
    _cleanup_(mem_freep) char *expected = golden_text(path);
    assert_non_null(expected);
    for (int i = 0; i < 8; i++) {
        struct golden g = golden_read(dir, shuffle_hosts);
        _cleanup_(mem_freep) char *got = printed(&g);
        golden_free(&g);
        assert_string_equal(got, expected);
    }
}

static int is_case(const struct dirent *d)
{
    return d->d_name[0] != '.' && !strchr(d->d_name, '.');
}

int main(void)
{
    struct dirent **found;
    int n = scandir(CASES, &found, is_case, alphasort);
    if (n <= 0) {
        fprintf(stderr, "no cases in " CASES "\n");
        return 1;
    }
    struct CMUnitTest *tests = mem_alloc(2 * (size_t)n * sizeof *tests);
    size_t k = 0;
    for (int i = 0; i < n; i++) {
        tests[k++] = (struct CMUnitTest){mem_printf("%s", found[i]->d_name), check_case, NULL, NULL, found[i]->d_name};
        tests[k++] = (struct CMUnitTest){mem_printf("%s_shuffled", found[i]->d_name), check_order, NULL, NULL, found[i]->d_name};
    }
    int failed = _cmocka_run_group_tests("golden plans", tests, k, NULL, NULL);
    for (size_t i = 0; i < k; i++)
        free((char *)tests[i].name);
    for (int i = 0; i < n; i++)
        free(found[i]);
    free(found);
    free(tests);
    return failed;
}
