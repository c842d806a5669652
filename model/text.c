#include "model/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void text_free(struct text *t)
{
    free(t->data);
    *t = (struct text){.max = t->max};
}

void text_wipe(struct text *t)
{
    if (t->data)
        explicit_bzero(t->data, t->cap);
    text_free(t);
}

const char *text_str(const struct text *t)
{
    return t->data ? t->data : "";
}

char *text_take(struct text *t)
{
    char *s = t->data ? t->data : mem_strdup("");
    *t = (struct text){.max = t->max};
    return s;
}

void text_clear(struct text *t)
{
    t->len = 0;
    t->failed = false;
    if (t->data)
        t->data[0] = 0;
}

/* Room for n more bytes and the NUL; false, and failed, when the ceiling forbids it. */
static bool reserve(struct text *t, size_t n)
{
    size_t max = t->max ? t->max : TEXT_MAX;
    if (t->failed || n > max || t->len > max - n) {
        t->failed = true;
        return false;
    }
    if (t->len + n + 1 > t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        while (cap < t->len + n + 1)
            cap *= 2;
        char *fresh = mem_alloc(cap); /* not realloc: a secret must not stay behind in freed memory */
        if (t->data) {
            memcpy(fresh, t->data, t->len);
            explicit_bzero(t->data, t->cap);
            free(t->data);
        }
        t->data = fresh;
        t->cap = cap;
    }
    return true;
}

void text_addn(struct text *t, const void *s, size_t n)
{
    if (!reserve(t, n))
        return;
    if (n)
        memcpy(t->data + t->len, s, n);
    t->len += n;
    t->data[t->len] = 0;
}

void text_add(struct text *t, const char *s)
{
    text_addn(t, s, strlen(s));
}

void text_addc(struct text *t, char c)
{
    text_addn(t, &c, 1);
}

void text_vaddf(struct text *t, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        abort();
    if (reserve(t, (size_t)n)) {
        vsnprintf(t->data + t->len, (size_t)n + 1, fmt, again);
        t->len += (size_t)n;
    }
    va_end(again);
}

void text_addf(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    text_vaddf(t, fmt, ap);
    va_end(ap);
}

void text_add_quoted(struct text *t, const char *s)
{
    text_addc(t, '\'');
    for (; *s; s++) {
        if (*s == '\'')
            text_add(t, "'\\''");
        else
            text_addc(t, *s);
    }
    text_addc(t, '\'');
}

/* Length of the valid UTF-8 sequence at s (RFC 3629), or 0. */
static size_t utf8_len(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] ? 1 : 0;
    size_t n = s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

void text_add_json(struct text *t, const char *s)
{
    text_addc(t, '"');
    for (const unsigned char *p = (const unsigned char *)s; *p;) {
        size_t n = utf8_len(p);
        if (n == 0) {
            text_add(t, "\xef\xbf\xbd");
            p++;
            continue;
        }
        if (*p == '"' || *p == '\\')
            text_addf(t, "\\%c", *p);
        else if (*p == '\n')
            text_add(t, "\\n");
        else if (*p == '\t')
            text_add(t, "\\t");
        else if (*p < 0x20 || *p == 0x7f)
            text_addf(t, "\\u%04x", *p);
        else
            text_addn(t, p, n);
        p += n;
    }
    text_addc(t, '"');
}

void text_add_safe(struct text *t, const char *s, size_t max)
{
    size_t used = 0;
    for (const unsigned char *p = (const unsigned char *)s; *p;) {
        size_t n = utf8_len(p);
        bool odd = n == 0 || *p < 0x20 || *p == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
        size_t step = n ? n : 1;
        if (used + (odd ? 1 : step) > max) {
            text_add(t, "…");
            return;
        }
        if (odd)
            text_addc(t, *p == '\t' ? ' ' : '?');
        else
            text_addn(t, p, step);
        used += odd ? 1 : step;
        p += step;
    }
}

bool str_eq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && strcmp(s + n - m, suffix) == 0;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

int str_natural_cmp(const char *a, const char *b)
{
    const char *p = a, *q = b;
    while (*p && *q) {
        if (digit(*p) && digit(*q)) {
            while (*p == '0' && digit(p[1]))
                p++;
            while (*q == '0' && digit(q[1]))
                q++;
            size_t n = 0, m = 0;
            while (digit(p[n]))
                n++;
            while (digit(q[m]))
                m++;
            if (n != m)
                return n < m ? -1 : 1;
            int c = memcmp(p, q, n);
            if (c)
                return c < 0 ? -1 : 1;
            p += n;
            q += m;
        } else if (*p != *q) {
            return (unsigned char)*p < (unsigned char)*q ? -1 : 1;
        } else {
            p++;
            q++;
        }
    }
    if (*p || *q)
        return *p ? 1 : -1;
    return strcmp(a, b); /* 01 and 1: different texts stay different */
}

static size_t distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    size_t n = strlen(a), m = strlen(b), row[MAX + 1];
    if (n > MAX || m > MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];
            size_t best = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[m];
}

const char *str_nearest(const char *s, const char *const *candidates)
{
    const char *best = NULL;
    size_t limit = strlen(s) / 3 + 1, least = limit + 1;
    for (; *candidates; candidates++) {
        size_t d = distance(s, *candidates);
        if (d < least) {
            least = d;
            best = *candidates;
        }
    }
    return best;
}
