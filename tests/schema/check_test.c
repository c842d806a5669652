/* Every file of testdata/clusterfile says what it must: *.bad.yaml exactly the diagnostics of its *.bad.txt,
 * *.good.yaml no error and exactly the warnings of its *.good.txt. RECONCILE_UPDATE=1 writes these files
 * anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/read.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

static char *slurp(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    struct text t = {0};
    char buf[65536];
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;)
        text_addn(&t, buf, n);
    fclose(f);
    *ret_len = t.len;
    return text_take(&t);
}

static void describe(const struct error_list *l, const char *word, struct text *out)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct error *e = l->errors[i];
        text_addf(out, "%s:%d:%d: %s: %s\n", e->place.file, e->place.line, e->place.column, word, e->message);
        if (e->detail)
            text_addf(out, "%s\n", e->detail);
        if (e->hint)
            text_addf(out, "      = %s\n", e->hint);
    }
}

static int load(const char *path, struct want **ret, struct text *diagnostics, size_t *n_errors)
{
    size_t len = 0;
    _cleanup_(mem_freep) char *text = slurp(path, &len);
    assert_non_null(text);
    char *exact = mem_alloc(len ? len : 1); /* a buffer of just this size: reading past it is seen by ASan */
    memcpy(exact, text, len);
    struct error_list errors = {0}, warnings = {0};
    const char *slash = strrchr(path, '/');
    int r = clusterfile_read(slash + 1, exact, len, ret, &errors, &warnings);
    free(exact);
    describe(&errors, "error", diagnostics);
    describe(&warnings, "warning", diagnostics);
    *n_errors = errors.n;
    assert_int_equal(r == 0, errors.n == 0);
    error_list_free(&errors);
    error_list_free(&warnings);
    return r;
}

static void one_file(void **state)
{
    const char *path = *state;
    bool bad = str_ends(path, ".bad.yaml");
    struct want *w = NULL;
    _cleanup_(text_free) struct text got = {0};
    size_t n_errors, len = 0;
    int r = load(path, &w, &got, &n_errors);
    want_free(w);
    _cleanup_(mem_freep) char *txt = mem_printf("%.*s.txt", (int)(strlen(path) - strlen(".yaml")), path);
    if (getenv("RECONCILE_UPDATE")) {
        FILE *f = fopen(txt, "w");
        assert_non_null(f);
        fputs(text_str(&got), f);
        fclose(f);
    }
    _cleanup_(mem_freep) char *expected = slurp(txt, &len);
    assert_string_equal(text_str(&got), expected ? expected : "");
    assert_int_equal(r, bad ? -1 : 0);
    assert_null(strstr(text_str(&got), "hunter")); /* every secret in these files is called so */
}

static const char *corpus(void)
{
    const char *given = getenv("RECONCILE_CORPUS");
    return given ? given : SOURCE_DIR "/../shared/corpus";
}

static void no_corpus(void **state)
{
    (void)state;
    print_message("no corpus of public Clusterfiles at %s: skipped\n", corpus());
    skip();
}

static void corpus_file(void **state)
{
    const char *path = *state;
    bool templated = strstr(path, "/templated-") != NULL;
    struct want *w = NULL;
    _cleanup_(text_free) struct text got = {0};
    size_t n_errors;
    int r = load(path, &w, &got, &n_errors);
    if (templated) {
        assert_int_equal(r, -1);
        assert_int_equal(n_errors, 1);
        assert_non_null(strstr(text_str(&got), "Go-template syntax"));
        assert_non_null(strstr(text_str(&got), "--values"));
        return;
    }
    if (r < 0)
        print_message("%s", text_str(&got));
    assert_int_equal(r, 0);
    assert_true(w->n_hosts > 0 && w->n_images > 0);
    assert_null(strstr(text_str(&got), "unknown key"));
    want_free(w);
}

static void add(struct CMUnitTest **tests, size_t *n, const char *prefix, const char *pattern,
                CMUnitTestFunction fn)
{
    glob_t g;
    if (glob(pattern, 0, NULL, &g) == 0)
        for (size_t i = 0; i < g.gl_pathc; i++) {
            const char *base = strrchr(g.gl_pathv[i], '/') + 1;
            *tests = mem_array(*tests, *n + 1, sizeof **tests);
            (*tests)[(*n)++] =
                (struct CMUnitTest){.name = mem_printf("%s%.*s", prefix, (int)strlen(base) - 5, base),
                                    .test_func = fn,
                                    .initial_state = mem_strdup(g.gl_pathv[i])};
        }
    globfree(&g);
}

int main(void)
{
    struct CMUnitTest *tests = NULL;
    size_t n = 0;
    add(&tests, &n, "", SOURCE_DIR "/testdata/clusterfile/*.bad.yaml", one_file);
    add(&tests, &n, "", SOURCE_DIR "/testdata/clusterfile/*.good.yaml", one_file);
    size_t own = n;
    _cleanup_(mem_freep) char *pattern = mem_printf("%s/*.yaml", corpus());
    add(&tests, &n, "corpus.", pattern, corpus_file);
    if (n == own) {
        tests = mem_array(tests, n + 1, sizeof *tests);
        tests[n++] = (struct CMUnitTest){.name = mem_strdup("corpus"), .test_func = no_corpus};
    }
    int failed = _cmocka_run_group_tests("check", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        free((char *)tests[i].name);
        free(tests[i].initial_state);
    }
    free(tests);
    return own == 0 || failed ? 1 : 0;
}
