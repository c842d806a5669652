#include "actions/means/script.h"

#include <ctype.h>
#include <string.h>

void script_begin(struct text *t, const struct want *w)
{
    script_set(t, "CLUSTER", w->cluster);
}

void script_set(struct text *t, const char *name, const char *value)
{
    text_addf(t, "%s=", name);
    text_add_quoted(t, value ? value : "");
    text_addc(t, '\n');
}

void script_set_int(struct text *t, const char *name, long long value)
{
    text_addf(t, "%s=%lld\n", name, value);
}

void script_common(struct text *t)
{
    text_addn(t, onnode_common, onnode_common_len);
}

void script_part(struct text *t, const char *program)
{
    text_add(t, program);
}

static bool shell_name(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_')
            return false;
    return true;
}

void script_environment(struct text *t, const struct want_env *env, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!shell_name(env[i].key))
            continue;
        text_add(t, "export ");
        script_set(t, env[i].key, env[i].value);
    }
}

int script_run(struct run_context *c, int node, const struct text *script, const char *what, struct world_output *out,
               struct error **err)
{
    _cleanup_(world_output_free) struct world_output own = {0};
    struct world_script s = {.text = text_str(script), .timeout_s = c->timeout_s, .what = what, .line = c->progress,
                             .line_ctx = c->progress_ctx};
    if (script->failed)
        return error_set(err, ERR_INTERNAL, "the program for \"%s\" grew too large", what);
    return world_sh(c->world, node, &s, out ? out : &own, err);
}

/* A job's name on the node: the action's id in letters that a directory and a unit may have. */
static char *job_key(const char *id)
{
    struct text t = {0};
    for (const char *p = id; *p; p++)
        text_addc(&t, isalnum((unsigned char)*p) || *p == '.' || *p == '-' ? (char)tolower((unsigned char)*p) : '-');
    return text_take(&t);
}

int script_job(struct run_context *c, int node, const struct text *script, const char *secret, const char *unit,
               const char *what, struct error **err)
{
    _cleanup_(mem_freep) char *key = job_key(c->id);
    struct world_job j = {.key = key, .script = text_str(script), .secret = secret, .timeout_s = c->timeout_s, .what = what,
                          .unit = unit, .line = c->progress, .line_ctx = c->progress_ctx};
    if (script->failed)
        return error_set(err, ERR_INTERNAL, "the program for \"%s\" grew too large", what);
    return world_job(c->world, node, &j, err);
}

const char *input_text(const struct run_context *c, const char *key)
{
    return value_text(value_get(c->inputs, key), "");
}

long long input_int(const struct run_context *c, const char *key, long long otherwise)
{
    const char *s = value_text(value_get(c->inputs, key), NULL);
    return s ? strtoll(s, NULL, 10) : otherwise;
}

bool input_true(const struct run_context *c, const char *key)
{
    return value_truth(value_get(c->inputs, key)) == VALUE_YES;
}
