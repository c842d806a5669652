#include "actions/means/expand.h"

#include <string.h>

enum quote { BARE, SINGLE, DOUBLE };

static bool name_byte(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static bool shell_name(const char *s)
{
    if (!name_byte(*s, true))
        return false;
    while (*++s)
        if (!name_byte(*s, false))
            return false;
    return true;
}

static const char *value_of(const char *name, size_t len, const struct want_env *env, size_t n)
{
    for (size_t i = n; i-- > 0;)
        if (strlen(env[i].key) == len && memcmp(env[i].key, name, len) == 0)
            return env[i].key;
    return NULL;
}

/* A reference to a known name at s: its length and the name, or 0. */
static size_t reference(const char *s, const struct want_env *env, size_t n, const char **name)
{
    const char *p = s + 1;
    size_t len = 0;
    if (*p == '(' || *p == '{') {
        char close = *p == '(' ? ')' : '}';
        len = strcspn(++p, close == ')' ? ")" : "}");
        if (!p[len])
            return 0;
        *name = value_of(p, len, env, n);
        return *name ? len + 3 : 0;
    }
    while (name_byte(p[len], len == 0))
        len++;
    *name = len ? value_of(p, len, env, n) : NULL;
    return *name ? len + 1 : 0;
}

/* The value, in whatever quotes we are: by reference to the exported variable, or quoted where its name is
 * none that a shell could export. */
static void add_value(struct text *out, const char *name, const struct want_env *env, size_t n, enum quote q)
{
    const char *close = q == SINGLE ? "'" : q == DOUBLE ? "\"" : "";
    if (shell_name(name)) {
        text_addf(out, q == SINGLE ? "'\"${%s}\"'" : "${%s}", name);
        return;
    }
    text_add(out, close);
    text_add_quoted(out, want_env_get(env, n, name));
    text_add(out, close);
}

void expand_item(struct text *out, const char *item, const struct want_env *env, size_t n_env)
{
    enum quote q = BARE;
    for (const char *s = item; *s;) {
        const char *name;
        size_t len;
        if (*s == '$' && s[1] == '$') {
            text_addc(out, '$');
            s += 2;
            continue;
        }
        if (*s == '$' && (len = reference(s, env, n_env, &name))) {
            add_value(out, name, env, n_env, q);
            s += len;
            continue;
        }
        if (*s == '\\' && q != SINGLE && s[1])
            text_addc(out, *s++); /* what follows is itself */
        else if (*s == '\'' && q != DOUBLE)
            q = q == SINGLE ? BARE : SINGLE;
        else if (*s == '"' && q != SINGLE)
            q = q == DOUBLE ? BARE : DOUBLE;
        text_addc(out, *s++);
    }
}

bool expand_is_command(const char *item)
{
    return *item && !str_eq(item, "/bin/sh") && !str_eq(item, "-c");
}

static size_t count(const char *const *items)
{
    size_t n = 0;
    for (; items && *items; items++)
        n += expand_is_command(*items);
    return n;
}

static void add_items(struct text *out, const char *const *items, const struct want_env *env, size_t n_env,
                      size_t *i, size_t total)
{
    for (; items && *items; items++) {
        if (!expand_is_command(*items))
            continue;
        _cleanup_(text_wipe) struct text one = {0};
        expand_item(&one, *items, env, n_env);
        /* what is shown is the text as written: values may be secrets */
        text_add(out, "printf '%s\\n' ");
        _cleanup_(text_free) struct text shown = {0};
        text_add(&shown, "+ ");
        text_add_safe(&shown, *items, 500);
        text_add_quoted(out, text_str(&shown));
        text_add(out, " >&2\n\"$reconcile_shell\" -c ");
        text_add_quoted(out, text_str(&one));
        text_addf(out,
                  " </dev/null || { reconcile_status=$?; echo 'command %zu of %zu failed' >&2; exit "
                  "\"$reconcile_status\"; }\n",
                  ++*i, total);
    }
}

size_t expand_program(struct text *out, const char *workdir, const struct want_env *env, size_t n_env,
                      const char *const *entrypoint, const char *const *cmd, const char *const *command)
{
    const char *const *then = command ? command : cmd;
    size_t total = count(entrypoint) + count(then), i = 0;
    if (!total)
        return 0;
    text_add(out, "cd ");
    text_add_quoted(out, workdir);
    text_add(out,
             " || exit 1\nreconcile_shell=sh\ncommand -v bash >/dev/null 2>&1 && reconcile_shell=bash\n");
    for (size_t e = 0; e < n_env; e++) {
        if (!shell_name(env[e].key))
            continue;
        text_addf(out, "%s=", env[e].key);
        text_add_quoted(out, env[e].value);
        text_addf(out, "\nexport %s\n", env[e].key);
    }
    add_items(out, entrypoint, env, n_env, &i, total);
    add_items(out, then, env, n_env, &i, total);
    return total;
}
