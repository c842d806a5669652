/* Commands of images: what the text becomes, and what a real shell makes of the program. */
#include "actions/means/expand.h"

#include "actions/means/process.h"
#include "tests/actions/image_build.h"

static const struct want_env env[] = {
    {"NAME", "web"},
    {"OPTS", "--set a=1 --wait"},
    {"EVIL", "a'b\"c $(touch pwned) `touch pwned` $HOME \\ ; touch pwned\nline two"},
    {"EMPTY", ""},
    {"odd-name", "it's odd"},
};

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *item, *result;
    } cases[] = {
        {"helm upgrade -i $(NAME) $(OPTS)", "helm upgrade -i ${NAME} ${OPTS}"},
        {"echo $NAME ${NAME} \"$(NAME)\" '$(NAME)' 'x$NAME'",
         "echo ${NAME} ${NAME} \"${NAME}\" ''\"${NAME}\"'' 'x'\"${NAME}\"''"},
        {"echo $HOME $(UNKNOWN) ${A:-d} $1 $? $@", "echo $HOME $(UNKNOWN) ${A:-d} $1 $? $@"},
        {"awk '{print $1}' f", "awk '{print $1}' f"},
        {"echo $(cat f) $(date +%s)", "echo $(cat f) $(date +%s)"},
        {"echo $$HOME $$(NAME) $$", "echo $HOME $(NAME) $"},
        {"echo \\$NAME \"\\$NAME\"", "echo \\$NAME \"\\$NAME\""},
        {"echo \"it's $(NAME)\" '\"$(NAME)\"'", "echo \"it's ${NAME}\" '\"'\"${NAME}\"'\"'"},
        {"echo $(odd-name) \"$(odd-name)\"", "echo 'it'\\''s odd' \"\"'it'\\''s odd'\"\""},
        {"$NAMES $(NAME", "$NAMES $(NAME"},
        {"", ""},
        {"$", "$"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text t = {0};
        expand_item(&t, cases[i].item, env, ARRAY_LEN(env));
        assert_string_equal(text_str(&t), cases[i].result);
        text_free(&t);
    }
}

static void run(const char *dir, const char *const *entrypoint, const char *const *cmd,
                const char *const *command, struct process_output *out)
{
    struct text t = {0};
    struct error *err = NULL;
    expand_program(&t, dir, env, ARRAY_LEN(env), entrypoint, cmd, command);
    const char *argv[] = {"bash", "-s", NULL};
    const struct process p = {/* bash reads its program line by line: what eats stdin would be noticed */
                              .argv = argv,
                              .input = text_str(&t),
                              .input_len = t.len,
                              .any_status = true,
                              .timeout_s = 60};
    *out = (struct process_output){0};
    must(process_run(&p, out, &err), &err);
    text_free(&t);
}

#define ITEMS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_run(void **state)
{
    (void)state;
    char *dir = scratch_new(), *spaced = mem_printf("%s/a 'dir'", dir),
         *pwned = mem_printf("%s/pwned", spaced);
    struct error *err = NULL;
    struct process_output out;
    must(dir_make(spaced, 0755, &err), &err);
    run(spaced, ITEMS("/bin/sh", "-c", "printf '%s|' $(OPTS)"),
        ITEMS("printf '%s|' \"$(EVIL)\" '$(EVIL)'", "basename \"$PWD\""), NULL, &out);
    assert_int_equal(out.status, 0);
    char *expected = mem_printf("--set|a=1|--wait|%s|%s|a 'dir'\n", env[2].value, env[2].value);
    assert_string_equal(text_str(&out.out), expected);
    assert_int_not_equal(access(pwned, F_OK), 0);
    /* progress tells commands as they are written: values may be secrets */
    assert_non_null(strstr(text_str(&out.err), "+ printf '%s|' $(OPTS)"));
    assert_null(strstr(text_str(&out.err), "--wait"));
    process_output_free(&out);

    run(spaced, NULL, ITEMS("echo one", "exit 7", "echo three"), NULL, &out);
    assert_int_equal(out.status, 7);
    assert_string_equal(text_str(&out.out), "one\n");
    assert_true(strstr(text_str(&out.err), "command 2 of 3 failed") != NULL);
    process_output_free(&out);

    run(spaced, NULL, ITEMS("false; true", "cat", "echo ${EMPTY:-empty} $NAME"), NULL,
        &out); /* cat must not eat the rest */
    assert_int_equal(out.status, 0);
    assert_string_equal(text_str(&out.out), "empty web\n");
    process_output_free(&out);

    run(spaced, ITEMS("echo entry"), ITEMS("echo not this"), ITEMS("echo $(NAME)"), &out); /* spec.command */
    assert_string_equal(text_str(&out.out), "entry\nweb\n");
    process_output_free(&out);

    run("/nonexistent", NULL, ITEMS("echo no"), NULL, &out);
    assert_int_not_equal(out.status, 0);
    assert_string_equal(text_str(&out.out), "");
    process_output_free(&out);

    struct text t = {0};
    assert_int_equal(expand_program(&t, dir, env, 1, ITEMS("/bin/sh", "-c"), NULL, NULL), 0);
    assert_int_equal(t.len, 0);
    free(expected), free(pwned), free(spaced);
    scratch_drop(dir);
}

/* The means by which all local programs run. */
static void test_process(void **state)
{
    (void)state;
    struct process_output out = {0};
    struct error *err = NULL;
    const struct process missing = {.argv = ITEMS("no-such-program-anywhere")};
    assert_int_equal(process_run(&missing, &out, &err), -1);
    assert_int_equal(err->code, ERR_NOT_FOUND);
    error_free(TAKE(err));

    const struct process fails = {.argv = ITEMS("sh", "-c", "echo why >&2; exit 3"), .what = "do it"};
    assert_int_equal(process_run(&fails, &out, &err), -1);
    assert_true(err->code == ERR_IO && says(err, "do it") && str_eq(err->detail, "why\n") && out.status == 3);
    error_free(TAKE(err));
    process_output_free(&out);

    const struct process slow = {.argv = ITEMS("sh", "-c", "sleep 600 & wait"), .timeout_s = 1};
    assert_int_equal(process_run(&slow, &out, &err), -1);
    assert_int_equal(err->code, ERR_TIMEOUT);
    error_free(TAKE(err));
    process_output_free(&out);

    atomic_bool stop = true;
    const struct process cancelled = {.argv = ITEMS("sleep", "600"), .cancel = &stop};
    assert_int_equal(process_run(&cancelled, &out, &err), -1);
    assert_int_equal(err->code, ERR_CANCELLED);
    error_free(TAKE(err));
    process_output_free(&out);

    const struct process loud = {.argv = ITEMS("yes"), .max_output = 100000};
    assert_int_equal(process_run(&loud, &out, &err), -1);
    assert_int_equal(err->code, ERR_PROTOCOL);
    error_free(TAKE(err));
    process_output_free(&out);

    char *big = mem_alloc(3000001);
    memset(big, 'x', 3000000);
    const struct process echo = {.argv = ITEMS("cat"), .input = big, .input_len = 3000000};
    must(process_run(&echo, &out, &err), &err);
    assert_int_equal(out.out.len, 3000000);
    process_output_free(&out);
    const struct process deaf = {.argv = ITEMS("true"), .input = big, .input_len = 3000000};
    must(process_run(&deaf, &out, &err), &err); /* no SIGPIPE */
    process_output_free(&out);
    const struct process dies = {.argv = ITEMS("sh", "-c", "kill -9 $$"), .any_status = true};
    must(process_run(&dies, &out, &err), &err);
    assert_int_equal(out.status, 137);
    process_output_free(&out);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
