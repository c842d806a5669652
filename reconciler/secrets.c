#include "reconciler/secrets.h"

#include "actions/means/process.h"
#include "reconciler/local.h"

#include <stdlib.h>
#include <string.h>

enum { SECRET_MAX = 64 * 1024 };

/* A file or a command ends its secret with a line break that is not part of it; keys of several lines keep theirs. */
static void trim(struct text *t)
{
    bool one_line = t->len && !memchr(t->data, '\n', t->len - 1);
    while (one_line && t->len && (t->data[t->len - 1] == '\n' || t->data[t->len - 1] == '\r'))
        t->data[--t->len] = 0;
}

static int from_env(const char *name, struct text *out, struct error **err)
{
    const char *value = getenv(name);
    if (!value) {
        error_set(err, ERR_NOT_FOUND, "the environment has no variable %s, which the Clusterfile refers to as env:%s", name, name);
        return error_hint(err, "export %s=… before running reconcile", name);
    }
    text_add(out, value);
    return 0;
}

static int from_file(const char *path, struct text *out, struct error **err)
{
    _cleanup_(mem_freep) char *expanded = NULL;
    if (local_expand(path, &expanded, err) < 0 || local_read(expanded, out, err) < 0)
        return error_wrap(err, "secret file:%s", path);
    trim(out);
    return 0;
}

static int from_command(const char *command, struct text *out, struct error **err)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    _cleanup_(process_output_free) struct process_output r = {0};
    struct process p = {.argv = argv, .timeout_s = 60, .any_status = true, .what = "get a secret (exec:…)"};
    if (process_run(&p, &r, err) < 0)
        return -1;
    if (r.status != 0)
        return error_set(err, ERR_IO, "the command of a secret (exec:…) ended with status %d", r.status);
    text_addn(out, text_str(&r.out), r.out.len);
    trim(out);
    return 0;
}

int secret_get(const struct want_secret *s, char **ret, struct error **err)
{
    _cleanup_(text_wipe) struct text out = {.max = SECRET_MAX};
    int r = 0;
    if (s->literal)
        text_add(&out, s->ref);
    else if (str_starts(s->ref, "env:"))
        r = from_env(s->ref + 4, &out, err);
    else if (str_starts(s->ref, "file:"))
        r = from_file(s->ref + 5, &out, err);
    else if (str_starts(s->ref, "exec:"))
        r = from_command(s->ref + 5, &out, err);
    else
        text_add(&out, s->ref);
    if (r < 0)
        return -1;
    /* half a secret is none */
    const char *of = s->literal ? "of the Clusterfile" : str_starts(s->ref, "exec:") ? "exec:…" : s->ref;
    if (out.failed)
        return error_set(err, ERR_INVALID, "the secret %s is larger than %d KiB", of, SECRET_MAX / 1024);
    if (strlen(text_str(&out)) != out.len)
        return error_set(err, ERR_INVALID, "the secret %s holds a NUL byte", of);
    *ret = mem_strdup(text_str(&out));
    return 0;
}

static int get(void *ctx, char **ret, struct error **err)
{
    return secret_get(ctx, ret, err);
}

struct transport_secret secret_of(const struct want_secret *s)
{
    if (!s->ref)
        return (struct transport_secret){0};
    return (struct transport_secret){.get = get, .ctx = (void *)s};
}
