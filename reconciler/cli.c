#include "reconciler/cli.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct flag {
    const char *name;
    char letter;
    const char *arg;
    unsigned on;
    const char *help;
};

static const struct flag flags[FLAG_COUNT] = {
#define FLAG(id, name, letter, arg, on, help) [FLAG_##id] = {name, letter, arg, on, help},
    FLAGS(FLAG)
#undef FLAG
};

const struct command *cli_find(const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (str_eq(c->name, name))
            return c;
    return NULL;
}

static int find_flag(const char *name, size_t len)
{
    for (int f = 0; f < FLAG_COUNT; f++)
        if (strlen(flags[f].name) == len && memcmp(flags[f].name, name, len) == 0)
            return f;
    return -1;
}

static int find_letter(char letter)
{
    for (int f = 0; f < FLAG_COUNT; f++)
        if (flags[f].letter && flags[f].letter == letter)
            return f;
    return -1;
}

static int unknown_flag(const char *name, struct error **err)
{
    const char *names[FLAG_COUNT + 1] = {0};
    for (int f = 0; f < FLAG_COUNT; f++)
        names[f] = flags[f].name;
    const char *near = str_nearest(name, names);
    error_set(err, ERR_USAGE, "unknown flag --%s", name);
    return near ? error_hint(err, "did you mean --%s?", near) : error_hint(err, "see reconcile --help");
}

static int unknown_command(const char *name, struct error **err)
{
    const char *names[32] = {0};
    size_t n = 0;
    for (const struct command *c = commands; c->name && n < ARRAY_LEN(names) - 1; c++)
        names[n++] = c->name;
    const char *near = str_nearest(name, names);
    error_set(err, ERR_USAGE, "unknown command \"%s\"", name);
    return near ? error_hint(err, "did you mean `reconcile %s`?", near)
                : error_hint(err, "a Clusterfile is given by -f; see reconcile --help");
}

/* What is parsed so far. A flag of the command line, `--yes=false` too, hides the environment's. */
struct parsing {
    struct options o;
    bool given[FLAG_COUNT];
    char **argv;
    int argc, i;
};

static int take_value(struct parsing *p, int f, const char *value, struct error **err)
{
    p->given[f] = true;
    if (!flags[f].arg) {
        if (value && !str_eq(value, "true") && !str_eq(value, "false"))
            return error_set(err, ERR_USAGE, "--%s takes no value (\"%s\")", flags[f].name, value);
        p->o.flags[f] = str_eq(value, "false") ? NULL : "1";
        return 0;
    }
    if (!value && p->i + 1 < p->argc)
        value = p->argv[++p->i];
    if (!value || !*value)
        return error_set(err, ERR_USAGE, "--%s needs a value: %s", flags[f].name, flags[f].arg);
    p->o.flags[f] = value;
    return 0;
}

static int take_long(struct parsing *p, const char *name, struct error **err)
{
    size_t len = strcspn(name, "=");
    int f = find_flag(name, len);
    if (f < 0) {
        _cleanup_(mem_freep) char *bare = mem_strndup(name, len);
        return unknown_flag(bare, err);
    }
    return take_value(p, f, name[len] ? name + len + 1 : NULL, err);
}

/* -f FILE, -fFILE, -f=FILE; switches may stand together: -yv */
static int take_letters(struct parsing *p, const char *letters, struct error **err)
{
    for (; *letters; letters++) {
        int f = find_letter(*letters);
        if (f < 0) {
            error_set(err, ERR_USAGE, "unknown flag -%c", *letters);
            return error_hint(err, "see reconcile --help");
        }
        if (flags[f].arg)
            return take_value(p, f, letters[1] ? letters + 1 + (letters[1] == '=') : NULL, err);
        if (letters[1] == '=')
            return error_set(err, ERR_USAGE, "-%c takes no value (\"%s\")", *letters, letters + 2);
        if (take_value(p, f, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int take_word(struct parsing *p, const char *word, struct error **err)
{
    struct options *o = &p->o;
    if (!o->command) {
        o->named = true;
        o->command = cli_find(word);
        return o->command ? 0 : unknown_command(word, err);
    }
    if (o->n_args == (int)ARRAY_LEN(o->args))
        return error_set(err, ERR_USAGE, "too many arguments at \"%s\"", word);
    o->args[o->n_args++] = word;
    return 0;
}

/* RECONCILE_ACCEPT_NEW_HOST_KEYS=1 */
static void take_environment(struct options *o)
{
    for (int f = 0; f < FLAG_COUNT; f++) {
        if (f == FLAG_HELP || f == FLAG_VERSION)
            continue;
        _cleanup_(text_free) struct text name = {0};
        text_add(&name, "RECONCILE_");
        for (const char *p = flags[f].name; *p; p++)
            text_addc(&name, *p == '-' ? '_' : (char)toupper((unsigned char)*p));
        const char *value = getenv(text_str(&name));
        if (value && *value && (flags[f].arg || (!str_eq(value, "0") && !str_eq(value, "false"))))
            o->flags[f] = flags[f].arg ? value : "1";
    }
}

static bool is_count(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n > 0 && n < 5 && !text[n] && strtoul(text, NULL, 10) > 0;
}

static int check(const struct parsing *p, struct error **err)
{
    const struct options *o = &p->o;
    for (int f = 0; f < FLAG_COUNT; f++)
        if (p->given[f] && !(flags[f].on & o->command->set)) {
            error_set(err, ERR_USAGE, "--%s is not for `reconcile %s`", flags[f].name, o->command->name);
            return error_hint(err, "see reconcile %s --help", o->command->name);
        }
    if (o->n_args > o->command->max_args)
        return error_set(err, ERR_USAGE, "`reconcile %s` does not take \"%s\"", o->command->name,
                         o->args[o->command->max_args]);
    const char *n = o->flags[FLAG_CONCURRENCY];
    if (n && !is_count(n))
        return error_set(err, ERR_USAGE, "--concurrency: \"%s\" is not a number from 1 to 9999", n);
    return 0;
}

int cli_parse(int argc, char **argv, struct options *ret, struct error **err)
{
    struct parsing p = {.argv = argv, .argc = argc, .i = 1};
    take_environment(&p.o);
    bool words = false; /* `--` was seen */
    for (; p.i < argc; p.i++) {
        const char *word = argv[p.i];
        int r;
        if (!words && str_eq(word, "--")) {
            words = true;
            continue;
        }
        if (words || word[0] != '-' || !word[1])
            r = take_word(&p, word, err);
        else
            r = word[1] == '-' ? take_long(&p, word + 2, err) : take_letters(&p, word + 1, err);
        if (r < 0)
            return -1;
    }
    if (!p.o.command)
        p.o.command = &commands[0];
    if (check(&p, err) < 0)
        return -1;
    *ret = p.o;
    return 0;
}

static void add_flag_help(struct text *out, const struct flag *f)
{
    _cleanup_(text_free) struct text left = {0};
    if (f->letter)
        text_addf(&left, "-%c, ", f->letter);
    else
        text_add(&left, "    ");
    text_addf(&left, "--%s%s%s", f->name, f->arg ? " " : "", f->arg ? f->arg : "");
    text_addf(out, "  %-30s %s\n", text_str(&left), f->help);
}

void cli_help(const struct command *c, struct text *out)
{
    if (c) {
        text_addf(out, "usage: reconcile %s%s%s [flags]\n\n%s\n\nflags:\n", c->name, c->args ? " " : "", c->args ? c->args : "",
                  c->help);
    } else {
        text_add(out, "usage: reconcile [-f Clusterfile] [flags]\n"
                      "       reconcile COMMAND [flags]\n\n"
                      "Makes a set of machines be the Kubernetes cluster that a Clusterfile describes.\n\ncommands:\n");
        for (const struct command *k = commands; k->name; k++)
            text_addf(out, "  %-12s %s%s\n", k->name, k->help, k == commands ? " (the default)" : "");
        text_add(out, "\nflags:\n");
    }
    for (int f = 0; f < FLAG_COUNT; f++)
        if (!c || (flags[f].on & c->set))
            add_flag_help(out, &flags[f]);
    text_add(out, "\nEvery flag is also read from the environment: --dry-run from RECONCILE_DRY_RUN.\n");
    if (!c || (c->set & ON_NODES))
        text_add(out, "Exit: 0 as wanted · 1 something failed · 2 plan: changes pending · 3 the Clusterfile is wrong ·\n"
                      "4 something was left out · 5 another run holds the cluster · 130, 143 interrupted\n");
}

static void add_words(struct text *out, const char *separator)
{
    for (const struct command *c = commands; c->name; c++)
        text_addf(out, "%s%s", c->name, separator);
    for (int f = 0; f < FLAG_COUNT; f++)
        text_addf(out, "--%s%s", flags[f].name, separator);
}

int cli_completion(const char *shell, struct text *out, struct error **err)
{
    if (str_eq(shell, "bash")) {
        text_add(out, "_reconcile() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                      "    case $prev in\n    -f|--file|--write-to|--known-hosts|--ssh-config) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
                      "    -o|--output) COMPREPLY=($(compgen -W 'text json yaml markdown dot mermaid' -- \"$cur\")); return ;;\n"
                      "    --log-format) COMPREPLY=($(compgen -W 'text json' -- \"$cur\")); return ;;\n    esac\n"
                      "    COMPREPLY=($(compgen -W '");
        add_words(out, " ");
        text_add(out, "' -- \"$cur\"))\n}\ncomplete -o default -F _reconcile reconcile\n");
        return 0;
    }
    if (str_eq(shell, "zsh")) {
        text_add(out, "#compdef reconcile\n_arguments \\\n");
        for (int f = 0; f < FLAG_COUNT; f++)
            text_addf(out, "    '--%s[%s]%s%s%s' \\\n", flags[f].name, flags[f].help, flags[f].arg ? ":" : "",
                      flags[f].arg ? flags[f].arg : "", flags[f].arg && str_eq(flags[f].arg, "FILE") ? ":_files" : flags[f].arg ? ":" : "");
        text_add(out, "    '1:command:(");
        for (const struct command *c = commands; c->name; c++)
            text_addf(out, "%s%s", c == commands ? "" : " ", c->name);
        text_add(out, ")'\n");
        return 0;
    }
    if (str_eq(shell, "fish")) {
        for (const struct command *c = commands; c->name; c++)
            text_addf(out, "complete -c reconcile -n __fish_use_subcommand -f -a %s -d \"%s\"\n", c->name, c->help);
        for (int f = 0; f < FLAG_COUNT; f++)
            text_addf(out, "complete -c reconcile -l %s%s -d \"%s\"\n", flags[f].name, flags[f].arg ? " -r" : "", flags[f].help);
        return 0;
    }
    error_set(err, ERR_USAGE, "completion is for bash, zsh or fish%s%s", shell ? ", not " : "", shell ? shell : "");
    return error_hint(err, "source <(reconcile completion bash)");
}
