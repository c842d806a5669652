#include "model/hosts.h"

#include <string.h>
#include <strings.h>

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* Part of a line that says something: up to its comment. */
static size_t body_len(const char *line, size_t len)
{
    const char *mark = memchr(line, '#', len);
    return mark ? (size_t)(mark - line) : len;
}

/* The next word of body from *at on; false: none is left. */
static bool word(const char *body, size_t len, size_t *at, const char **ret, size_t *ret_len)
{
    while (*at < len && blank(body[*at]))
        ++*at;
    size_t start = *at;
    while (*at < len && !blank(body[*at]))
        ++*at;
    *ret = body + start;
    *ret_len = *at - start;
    return *ret_len > 0;
}

static bool same(const char *w, size_t n, const char *name)
{
    return strlen(name) == n && strncasecmp(w, name, n) == 0;
}

static size_t line_len(const char *text)
{
    return strcspn(text, "\n");
}

const char *hosts_find(struct arena *a, const char *text, const char *name)
{
    while (*text) {
        size_t len = line_len(text), body = body_len(text, len), at = 0, n, address_len;
        const char *address, *w;
        if (word(text, body, &at, &address, &address_len))
            while (word(text, body, &at, &w, &n))
                if (same(w, n, name))
                    return arena_strndup(a, address, address_len);
        text += len + (text[len] == '\n');
    }
    return NULL;
}

static bool managed(const char *w, size_t n, const struct hosts_entry *entries, size_t n_entries)
{
    for (size_t i = 0; i < n_entries; i++)
        if (same(w, n, entries[i].name))
            return true;
    return false;
}

/* One line without the managed names; nothing when it gave no other. */
static void copy_line(const char *line, size_t len, const struct hosts_entry *entries, size_t n,
                      struct text *out)
{
    size_t body = body_len(line, len), at = 0, w_len, kept = 0, hit = 0;
    const char *w;
    for (bool first = true; word(line, body, &at, &w, &w_len); first = false)
        if (!first)
            *(managed(w, w_len, entries, n) ? &hit : &kept) += 1;
    if (hit && !kept)
        return;
    if (!hit) {
        text_addn(out, line, len);
        text_addc(out, '\n');
        return;
    }
    at = 0;
    for (bool first = true; word(line, body, &at, &w, &w_len); first = false)
        if (first || !managed(w, w_len, entries, n)) {
            if (!first)
                text_addc(out, ' ');
            text_addn(out, w, w_len);
        }
    if (body < len) {
        text_addc(out, ' ');
        text_addn(out, line + body, len - body);
    }
    text_addc(out, '\n');
}

void hosts_update(const char *text, const struct hosts_entry *entries, size_t n, struct text *out)
{
    while (*text) {
        size_t len = line_len(text);
        copy_line(text, len, entries, n, out);
        text += len + (text[len] == '\n');
    }
    for (size_t i = 0; i < n; i++)
        if (entries[i].address)
            text_addf(out, "%s %s " HOSTS_MARK "\n", entries[i].address, entries[i].name);
}
