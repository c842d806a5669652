/* The command line: what is understood, what is refused and how, what the environment adds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reconciler/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 12 };

struct parsed {
    struct options o;
    struct error *err;
    char line[256];
    char *argv[MAX_WORDS];
};

/* Words are split at blanks; ' stands for an empty one. */
static int parse(struct parsed *p, const char *line)
{
    *p = (struct parsed){0};
    snprintf(p->line, sizeof p->line, "reconcile %s", line);
    int argc = 0;
    char *save = NULL;
    for (char *word = strtok_r(p->line, " ", &save); word && argc < MAX_WORDS; word = strtok_r(NULL, " ", &save))
        p->argv[argc++] = str_eq(word, "'") ? word + 1 : word;
    return cli_parse(argc, p->argv, &p->o, &p->err);
}

static void understood(void **state)
{
    (void)state;
    static const struct {
        const char *line, *command;
        enum flag_id flag;
        const char *value;
    } cases[] = {
        {"", "apply", FLAG_FILE, NULL},
        {"-f x", "apply", FLAG_FILE, "x"},
        {"-fx", "apply", FLAG_FILE, "x"},
        {"-f=x", "apply", FLAG_FILE, "x"},
        {"-f -", "apply", FLAG_FILE, "-"},
        {"--file x plan", "plan", FLAG_FILE, "x"},
        {"plan --file=x", "plan", FLAG_FILE, "x"},
        {"plan --file=a=b", "plan", FLAG_FILE, "a=b"},
        {"plan -f a -f b", "plan", FLAG_FILE, "b"},
        {"-yv", "apply", FLAG_VERBOSE, "1"},
        {"-vf x", "apply", FLAG_FILE, "x"},
        {"--yes", "apply", FLAG_YES, "1"},
        {"--yes=true", "apply", FLAG_YES, "1"},
        {"--yes --yes=false", "apply", FLAG_YES, NULL},
        {"--concurrency 200", "apply", FLAG_CONCURRENCY, "200"},
        {"trust --known-hosts k", "trust", FLAG_KNOWN_HOSTS, "k"},
        {"plan --help", "plan", FLAG_HELP, "1"},
        {"version -q", "version", FLAG_QUIET, "1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed p;
        if (parse(&p, cases[i].line) < 0)
            fail_msg("%s: %s", cases[i].line, p.err->message);
        assert_string_equal(p.o.command->name, cases[i].command);
        if (!str_eq(p.o.flags[cases[i].flag], cases[i].value))
            fail_msg("%s: %s", cases[i].line, p.o.flags[cases[i].flag]);
    }
}

static void words(void **state)
{
    (void)state;
    struct parsed p;
    assert_int_equal(parse(&p, "explain kubeadm.init/10.0.0.1"), 0);
    assert_int_equal(p.o.n_args, 1);
    assert_string_equal(p.o.args[0], "kubeadm.init/10.0.0.1");
    assert_true(p.o.named);
    assert_int_equal(parse(&p, "explain -- --file"), 0);
    assert_string_equal(p.o.args[0], "--file");
    assert_null(p.o.flags[FLAG_FILE]);
    assert_int_equal(parse(&p, "--help"), 0);
    assert_false(p.o.named);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message, *hint;
    } cases[] = {
        {"plann", "unknown command \"plann\"", "did you mean `reconcile plan`?"},
        {"Clusterfile", "unknown command \"Clusterfile\"", "-f"},
        {"--fiel x", "unknown flag --fiel", "did you mean --file?"},
        {"--concurency=3", "unknown flag --concurency", "did you mean --concurrency?"},
        {"--zzzzzzzz", "unknown flag --zzzzzzzz", "--help"},
        {"-Z", "unknown flag -Z", "--help"},
        {"-vZ", "unknown flag -Z", "--help"},
        {"-f", "--file needs a value: FILE", NULL},
        {"-f '", "--file needs a value: FILE", NULL},
        {"--file=", "--file needs a value: FILE", NULL},
        {"--yes=maybe", "--yes takes no value (\"maybe\")", NULL},
        {"-y=x", "-y takes no value (\"x\")", NULL},
        {"plan --commit", "--commit is not for `reconcile plan`", "reconcile plan --help"},
        {"version -f x", "--file is not for `reconcile version`", "reconcile version --help"},
        {"validate -o json", "--output is not for `reconcile validate`", NULL},
        {"trust --yes", "--yes is not for `reconcile trust`", NULL},
        {"plan x", "`reconcile plan` does not take \"x\"", NULL},
        {"explain a b", "`reconcile explain` does not take \"b\"", NULL},
        {"explain a b c d e", "too many arguments at \"e\"", NULL},
        {"--concurrency 0", "--concurrency: \"0\" is not a number", NULL},
        {"--concurrency -1", "--concurrency: \"-1\" is not a number", NULL},
        {"--concurrency 3x", "--concurrency: \"3x\" is not a number", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed p;
        if (parse(&p, cases[i].line) == 0)
            fail_msg("understood: %s", cases[i].line);
        assert_int_equal(p.err->code, ERR_USAGE);
        if (!strstr(p.err->message, cases[i].message))
            fail_msg("%s: %s", cases[i].line, p.err->message);
        if (cases[i].hint && (!p.err->hint || !strstr(p.err->hint, cases[i].hint)))
            fail_msg("%s: hint %s", cases[i].line, p.err->hint);
        error_free(p.err);
    }
}

static void environment(void **state)
{
    (void)state;
    struct parsed p;
    setenv("RECONCILE_FILE", "from-env", 1);
    setenv("RECONCILE_ACCEPT_NEW_HOST_KEYS", "1", 1);
    setenv("RECONCILE_YES", "false", 1);
    setenv("RECONCILE_DRY_RUN", "0", 1);
    setenv("RECONCILE_QUIET", "", 1);
    setenv("RECONCILE_HELP", "1", 1);
    assert_int_equal(parse(&p, "plan"), 0);
    assert_string_equal(p.o.flags[FLAG_FILE], "from-env");
    assert_string_equal(p.o.flags[FLAG_ACCEPT_NEW], "1");
    assert_null(p.o.flags[FLAG_YES]);
    assert_null(p.o.flags[FLAG_DRY_RUN]);
    assert_null(p.o.flags[FLAG_QUIET]);
    assert_null(p.o.flags[FLAG_HELP]);
    /* the command line wins, with its false too */
    assert_int_equal(parse(&p, "plan -f given --accept-new-host-keys=false"), 0);
    assert_string_equal(p.o.flags[FLAG_FILE], "given");
    assert_null(p.o.flags[FLAG_ACCEPT_NEW]);
    /* what is set for all commands may not suit this one, and stops none */
    assert_int_equal(parse(&p, "version"), 0);
    setenv("RECONCILE_CONCURRENCY", "many", 1);
    assert_int_equal(parse(&p, "plan"), -1);
    error_free(p.err);
    static const char *const names[] = {"FILE", "ACCEPT_NEW_HOST_KEYS", "YES", "DRY_RUN", "QUIET", "HELP", "CONCURRENCY"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char name[64];
        snprintf(name, sizeof name, "RECONCILE_%s", names[i]);
        unsetenv(name);
    }
}

static void help(void **state)
{
    (void)state;
    _cleanup_(text_free) struct text all = {0}, one = {0};
    cli_help(NULL, &all);
    for (const struct command *c = commands; c->name; c++)
        assert_non_null(strstr(text_str(&all), c->name));
    assert_non_null(strstr(text_str(&all), "--write-to FILE"));
    cli_help(cli_find("validate"), &one);
    assert_non_null(strstr(text_str(&one), "-f, --file FILE"));
    assert_null(strstr(text_str(&one), "--commit"));
    assert_null(cli_find("nothing"));
}

/* The manual names every command and flag. */
static void manual(void **state)
{
    (void)state;
    static char page[65536];
    FILE *f = fopen(SOURCE_DIR "/packaging/reconcile.1", "r");
    assert_non_null(f);
    page[fread(page, 1, sizeof page - 1, f)] = 0;
    fclose(f);
    for (char *c = page, *to = page;; c++) { /* as it is read: "\-" is a dash */
        if (c[0] == '\\' && c[1] == '-')
            continue;
        *to++ = *c;
        if (!*c)
            break;
    }
#define FLAG(id, name, letter, arg, on, help)                                                                          \
    if (!strstr(page, "--" name))                                                                                      \
        fail_msg("the manual lacks --%s", name);
    FLAGS(FLAG)
#undef FLAG
    for (const struct command *c = commands; c->name; c++)
        if (!strstr(page, c->name))
            fail_msg("the manual lacks %s", c->name);
}

/* bash reads its completion as a program; zsh and fish need not be here. */
static void completion(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        _cleanup_(text_free) struct text t = {0};
        assert_int_equal(cli_completion(shells[i], &t, NULL), 0);
        assert_non_null(strstr(text_str(&t), "trust"));
        assert_non_null(strstr(text_str(&t), "dry-run"));
        if (i > 0)
            continue;
        FILE *f = popen("bash -n", "w");
        assert_non_null(f);
        fputs(text_str(&t), f);
        assert_int_equal(pclose(f), 0);
    }
    _cleanup_(error_freep) struct error *err = NULL;
    _cleanup_(text_free) struct text t = {0};
    assert_int_equal(cli_completion("tcsh", &t, &err), -1);
    assert_int_equal(err->code, ERR_USAGE);
    assert_int_equal(cli_completion(NULL, &t, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understood), cmocka_unit_test(words), cmocka_unit_test(refused),
        cmocka_unit_test(environment), cmocka_unit_test(help), cmocka_unit_test(completion), cmocka_unit_test(manual),
    };
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL) ? 1 : 0;
}
