/* References to secrets: what they yield, and what is said when they yield nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reconciler/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/secrets-test-XXXXXX";

static const char *in_dir(const char *prefix, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s%s/%s", prefix, dir, name);
    return path;
}

static void put(const char *name, const char *content)
{
    FILE *f = fopen(in_dir("", name), "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static void yields(const char *ref, bool literal, const char *secret)
{
    struct want_secret s = {.ref = ref, .literal = literal};
    struct error *err = NULL;
    char *got = NULL;
    if (secret_get(&s, &got, &err) < 0)
        fail_msg("%s: %s", ref, err->message);
    assert_string_equal(got, secret);
    free(got);
    /* and the same through what transports are given */
    struct transport_secret t = secret_of(&s);
    assert_int_equal(t.get(t.ctx, &got, &err), 0);
    assert_string_equal(got, secret);
    free(got);
}

static void fails(const char *ref, const char *says, const char *never)
{
    struct want_secret s = {.ref = ref};
    struct error *err = NULL;
    char *got = NULL;
    assert_int_equal(secret_get(&s, &got, &err), -1);
    assert_null(got);
    _cleanup_(text_free) struct text t = {0};
    error_text(err, &t);
    for (const struct error *e = err; e; e = e->cause)
        text_addf(&t, "\n%s\n%s", e->hint ? e->hint : "", e->detail ? e->detail : "");
    if (!strstr(text_str(&t), says))
        fail_msg("%s: %s", ref, text_str(&t));
    if (never && strstr(text_str(&t), never))
        fail_msg("%s tells its secret: %s", ref, text_str(&t));
    error_free(err);
}

static void sources(void **state)
{
    (void)state;
    setenv("SECRETS_TEST", "from the environment ", 1);
    yields("env:SECRETS_TEST", false, "from the environment ");
    setenv("SECRETS_TEST", "", 1);
    yields("env:SECRETS_TEST", false, "");
    unsetenv("SECRETS_TEST");
    put("line", "in a file\r\n");
    yields(in_dir("file:", "line"), false, "in a file");
    put("lines", "first\nsecond\n"); /* a private key keeps its last line's end */
    yields(in_dir("file:", "lines"), false, "first\nsecond\n");
    put("empty", "");
    yields(in_dir("file:", "empty"), false, "");
    setenv("HOME", dir, 1);
    yields("file:~/line", false, "in a file");
    yields("exec:printf 'it'\\''s %s\\n' said", false, "it's said");
    yields("exec:echo a | tr a b", false, "b");
    yields("hunter2", true, "hunter2");
    yields("env:LITERALLY", true, "env:LITERALLY");
    struct want_secret none = {0};
    assert_null(secret_of(&none).get);
}

static void missing(void **state)
{
    (void)state;
    fails("env:SECRETS_TEST_NOT_SET", "env:SECRETS_TEST_NOT_SET", NULL);
    fails("env:SECRETS_TEST_NOT_SET", "export SECRETS_TEST_NOT_SET=", NULL);
    fails(in_dir("file:", "nothing"), "nothing", NULL);
    fails("exec:echo hunter2; echo hunter2 >&2; exit 3", "ended with status 3", "hunter2");
    fails("exec:kill -9 $$", "exec:", NULL);
    fails("exec:yes | head -c 200000", "exec:", NULL);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const names[] = {"line", "lines", "empty"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(in_dir("", names[i]));
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sources), cmocka_unit_test(missing)};
    return cmocka_run_group_tests_name("secrets", tests, setup, teardown) ? 1 : 0;
}
