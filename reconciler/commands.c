#include "reconciler/commands.h"

#include "actions/families.h"
#include "reconciler/out_json.h"
#include "reconciler/out_plan.h"
#include "reconciler/out_status.h"
#include "reconciler/session.h"
#include "schema/json_schema.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct command commands[] = {
    {"apply", NULL, "make the machines be what the Clusterfile says", ON_APPLY, 0, command_apply},
    {"plan", NULL, "show what would be done, and why; exit 2 when there is something to do", ON_PLANNING, 0, command_plan},
    {"status", NULL, "show what every node says", ON_STATUS, 0, command_status},
    {"graph", NULL, "print the plan as a graph (DOT, or -o mermaid)", ON_PLANNING, 0, command_graph},
    {"explain", "ACTION", "say why an action is planned, or left out", ON_PLANNING, 1, command_explain},
    {"trust", NULL, "learn the unknown host keys of all nodes into known_hosts", ON_TRUST, 0, command_trust},
    {"validate", NULL, "check the Clusterfile, offline", ON_OFFLINE, 0, command_validate},
    {"schema", NULL, "print the JSON Schema of Clusterfiles", ON_REST, 0, command_schema},
    {"completion", "SHELL", "print completion for bash, zsh or fish", ON_REST, 1, command_completion},
    {"help", "COMMAND", "print this, or the help of a command", ON_REST, 1, command_help},
    {"version", NULL, "print the version", ON_REST, 0, command_version},
    {0},
};

static int bad_output(const struct options *o, const char *good)
{
    struct style style = style_of(STDERR_FILENO, cli_on(o, FLAG_NO_COLOR));
    struct error *err = NULL;
    error_set(&err, ERR_USAGE, "-o %s is not for `reconcile %s`: %s", o->flags[FLAG_OUTPUT], o->command->name, good);
    return session_fail(&style, &err);
}

static bool output_is(const struct options *o, const char *format)
{
    return str_eq(o->flags[FLAG_OUTPUT], format);
}

static int print_value(const struct options *o, const struct value *v)
{
    _cleanup_(text_free) struct text t = {0};
    struct error *err = NULL;
    if (!output_is(o, "yaml")) {
        json_pretty(v, &t);
    } else if (tree_write(&v, 1, &t, &err) < 0) {
        fprintf(stderr, "reconcile: %s\n", err->message);
        error_free(err);
        return EXIT_FAILED;
    }
    fputs(text_str(&t), stdout);
    return 0;
}

static struct plan_print print_of(const struct session *s)
{
    return (struct plan_print){.want = s->loaded.want, .plan = s->plan, .rules = catalogue_rules};
}

static int pending(const struct plan *p)
{
    return p->n_left_out ? EXIT_LEFT_OUT : p->n_actions ? EXIT_PENDING : EXIT_OK;
}

int command_plan(const struct options *o)
{
    _cleanup_(session_close) struct session s = {0};
    const char *format = o->flags[FLAG_OUTPUT];
    bool data = output_is(o, "json") || output_is(o, "yaml");
    if (format && !data && !str_eq(format, "text") && !str_eq(format, "markdown"))
        return bad_output(o, "text, json, yaml or markdown");
    int code = session_plan(o, &s);
    if (code)
        return code;
    struct plan_print p = print_of(&s);
    _cleanup_(text_free) struct text t = {0};
    if (data) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        code = print_value(o, out_plan_json(a, &p));
        return code ? code : pending(s.plan);
    }
    if (output_is(o, "markdown"))
        out_plan_markdown(&t, &p);
    else
        out_plan_text(&t, &s.out, &p, cli_on(o, FLAG_VERBOSE));
    fputs(text_str(&t), stdout);
    return pending(s.plan);
}

int command_graph(const struct options *o)
{
    _cleanup_(session_close) struct session s = {0};
    if (o->flags[FLAG_OUTPUT] && !output_is(o, "dot") && !output_is(o, "mermaid"))
        return bad_output(o, "dot or mermaid");
    int code = session_plan(o, &s);
    if (code)
        return code;
    struct plan_print p = print_of(&s);
    _cleanup_(text_free) struct text t = {0};
    if (output_is(o, "mermaid"))
        out_graph_mermaid(&t, &p);
    else
        out_graph_dot(&t, &p);
    fputs(text_str(&t), stdout);
    return EXIT_OK;
}

int command_explain(const struct options *o)
{
    _cleanup_(session_close) struct session s = {0};
    if (o->n_args != 1) {
        fprintf(stderr, "reconcile: explain needs the id of an action, as `reconcile plan` prints them\n");
        return EXIT_FAILED;
    }
    int code = session_plan(o, &s);
    if (code)
        return code;
    struct plan_print p = print_of(&s);
    _cleanup_(text_free) struct text t = {0};
    struct error *err = NULL;
    if (out_plan_explain(&t, &s.out, &p, o->args[0], &err) < 0)
        return session_fail(&s.err, &err);
    fputs(text_str(&t), stdout);
    return EXIT_OK;
}

static int print_status(const struct options *o, const struct view *v)
{
    _cleanup_(mem_freep) char *json = NULL;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct value *value = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&json, &len);
    if (!f)
        abort(); /* out of memory */
    out_status_json(f, v);
    fclose(f);
    if (output_is(o, "json")) {
        fputs(json, stdout);
        return EXIT_OK;
    }
    struct error *err = NULL;
    struct style style = style_of(STDERR_FILENO, cli_on(o, FLAG_NO_COLOR));
    return tree_parse_one(a, "status", json, len, &value, &err) < 0 ? session_fail(&style, &err) : print_value(o, value);
}

int command_status(const struct options *o)
{
    _cleanup_(session_close) struct session s = {0};
    bool data = output_is(o, "json") || output_is(o, "yaml");
    if (o->flags[FLAG_OUTPUT] && !output_is(o, "text") && !data)
        return bad_output(o, "text, json or yaml");
    int code = session_open(o, &s);
    if (code)
        return code;
    _cleanup_(view_freep) struct view *v = view_new(s.loaded.want, s.seen.have, true);
    if (data)
        code = print_status(o, v);
    else
        out_status_text(stdout, v, s.out.colour);
    for (size_t i = 0; i < s.seen.n; i++)
        if (s.seen.errors[i] && !code)
            code = EXIT_LEFT_OUT;
    return code;
}

int command_validate(const struct options *o)
{
    _cleanup_(loaded_free) struct loaded l = {0};
    struct style style = style_of(STDERR_FILENO, cli_on(o, FLAG_NO_COLOR));
    struct error *err = NULL;
    if (load_file(o, &style, &l, &err) < 0)
        return session_fail(&style, &err);
    if (!cli_on(o, FLAG_QUIET))
        printf("%s: %zu %s, %zu %s: valid\n", l.name, l.want->n_hosts, out_plural(l.want->n_hosts, "host", "hosts"),
               l.want->n_images, out_plural(l.want->n_images, "image", "images"));
    return EXIT_OK;
}

int command_schema(const struct options *o)
{
    (void)o;
    _cleanup_(text_free) struct text t = {0};
    schema_bundle(&t);
    fputs(text_str(&t), stdout);
    return EXIT_OK;
}

int command_help(const struct options *o)
{
    _cleanup_(text_free) struct text t = {0};
    const struct command *c = o->n_args ? cli_find(o->args[0]) : NULL;
    if (o->n_args && !c) {
        fprintf(stderr, "error: unknown command \"%s\"\n", o->args[0]);
        return EXIT_FAILED;
    }
    cli_help(c, &t);
    fputs(text_str(&t), stdout);
    return EXIT_OK;
}

int command_version(const struct options *o)
{
    (void)o;
    puts("reconcile " RECONCILE_VERSION);
    return EXIT_OK;
}

int command_completion(const struct options *o)
{
    _cleanup_(text_free) struct text t = {0};
    struct error *err = NULL;
    struct style style = style_of(STDERR_FILENO, false);
    if (cli_completion(o->args[0], &t, &err) < 0)
        return session_fail(&style, &err);
    fputs(text_str(&t), stdout);
    return EXIT_OK;
}
