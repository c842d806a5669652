#include "schema/source.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void error_list_free(struct error_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        error_free(l->errors[i]);
    free(l->errors);
    *l = (struct error_list){0};
}

struct error **error_list_add(struct error_list *l)
{
    return mem_push(&l->errors, &l->n, &l->cap, sizeof *l->errors);
}

struct ranked {
    struct error *error;
    size_t rank;
};

static int by_place(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    const struct place *x = &a->error->place, *y = &b->error->place;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return a->rank < b->rank ? -1 : 1;
}

void error_list_sort(struct error_list *l)
{
    struct ranked *r = mem_array(NULL, l->n, sizeof *r);
    for (size_t i = 0; i < l->n; i++)
        r[i] = (struct ranked){l->errors[i], i};
    qsort(r, l->n, sizeof *r, by_place);
    for (size_t i = 0; i < l->n; i++)
        l->errors[i] = r[i].error;
    free(r);
}

void source_free(struct source *s)
{
    free(s->lines);
    s->lines = NULL;
    s->n_lines = s->cap_lines = 0;
}

#define BOM "\xef\xbb\xbf"

static size_t bom_len(const struct source *s)
{
    return s->len >= 3 && memcmp(s->text, BOM, 3) == 0 ? 3 : 0;
}

static void push_line(struct source *s, size_t offset)
{
    size_t *l = mem_push(&s->lines, &s->n_lines, &s->cap_lines, sizeof *s->lines);
    *l = offset;
}

/* Lines end at LF, CRLF or a lone CR, as YAML has it. */
static void index_lines(struct source *s)
{
    if (s->n_lines)
        return;
    push_line(s, bom_len(s));
    for (size_t i = s->lines[0]; i < s->len; i++)
        if (s->text[i] == '\n' || (s->text[i] == '\r' && (i + 1 == s->len || s->text[i + 1] != '\n')))
            push_line(s, i + 1);
}

/* The number, from 0, of the line that holds the byte. */
static size_t line_of(const struct source *s, size_t offset)
{
    size_t lo = 0, hi = s->n_lines;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->lines[mid] <= offset)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static bool continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

void source_place(struct source *s, size_t offset, int *line, int *column)
{
    index_lines(s);
    size_t l = line_of(s, offset);
    int c = 1;
    for (size_t i = s->lines[l]; i < offset && i < s->len; i++)
        c += !continuation(s->text[i]);
    *line = (int)l + 1;
    *column = c;
}

/* One UTF-8 character at s, at most len bytes: its length and code point, or 0. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *code)
{
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    size_t n = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
               : (s[0] & 0xf0) == 0xe0        ? 3
               : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                              : 0;
    if (n == 0 || n > len)
        return 0;
    *code = s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (s[i] & 0x3fu);
    }
    bool overlong = (n == 3 && *code < 0x800) || (n == 4 && *code < 0x10000);
    return overlong || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff) ? 0 : n;
}

size_t utf8_check(const char *s, size_t len, const char **why)
{
    const unsigned char *p = (const unsigned char *)s;
    for (size_t i = 0; i < len;) {
        if (p[i] >= 0x20 && p[i] < 0x7f) {
            i++;
            continue;
        }
        uint32_t code = 0;
        size_t n = decode(p + i, len - i, &code);
        *why = NULL;
        if (n == 0)
            *why = "a byte that is not UTF-8";
        else if ((code < 0x20 && code != '\t' && code != '\n' && code != '\r') ||
                 (code >= 0x7f && code < 0xa0 && code != 0x85))
            *why = code ? "a control character" : "a NUL character";
        else if (code == 0xfeff)
            *why = "a byte order mark inside the text";
        else if (code == 0xfffe || code == 0xffff)
            *why = "a character that YAML forbids";
        if (*why)
            return i;
        i += n;
    }
    return len;
}

int source_check(struct source *s, struct error **err)
{
    size_t skip = bom_len(s);
    const char *why = NULL;
    size_t bad = skip + utf8_check(s->text + skip, s->len - skip, &why);
    if (bad == s->len)
        return 0;
    source_error(s, err, ERR_SYNTAX, bad, bad + 1, "%s (0x%02x)", why, (unsigned char)s->text[bad]);
    return error_hint(err, "save the file as UTF-8 without control characters");
}

/* Words on whose lines a secret may stand. Too many lines kept back do no harm. */
static bool contains_secret_word(const char *s, size_t len)
{
    static const char *const words[] = {"passw", "pkdata",         "secret",
                                        "token", "certificatekey", "private key"};
    for (size_t i = 0; i < len; i++)
        for (size_t w = 0; w < ARRAY_LEN(words); w++) {
            size_t n = strlen(words[w]);
            if (n <= len - i && strncasecmp(s + i, words[w], n) == 0)
                return true;
        }
    return false;
}

/* A key that was meant to be that of a secret: its value is one all the same. */
static bool misspelt_secret(const char *s, size_t len)
{
    static const char *const keys[] = {"passwd", "password", "pkdata", "pkpasswd", "token", "secret", NULL};
    char word[24];
    for (size_t i = 0, n = 0; i < len; i++) {
        bool letter = isalpha((unsigned char)s[i]);
        if (letter && n + 1 < sizeof word)
            word[n++] = (char)tolower((unsigned char)s[i]);
        word[n] = 0;
        if (!letter && n >= 4 && strchr(":=\"' ", s[i]) && str_nearest(word, keys))
            return true;
        n = letter ? n : 0;
    }
    return false;
}

static bool names_secret(const char *s, size_t len)
{
    return contains_secret_word(s, len) || misspelt_secret(s, len);
}

/* Whether what the line begins may go on in the next: an open quote or bracket, or nothing after an
 * indicator. */
static bool goes_on(const char *s, size_t len)
{
    int quotes = 0, apostrophes = 0, open = 0;
    while (len && (s[len - 1] == ' ' || s[len - 1] == '\t'))
        len--;
    for (size_t i = 0; i < len; i++) {
        quotes += s[i] == '"';
        apostrophes += s[i] == '\'';
        open += (s[i] == '[' || s[i] == '{') - (s[i] == ']' || s[i] == '}');
    }
    return quotes % 2 || apostrophes % 2 || open > 0 || (len && strchr(":,|>-\\", s[len - 1]));
}

static size_t line_len(const struct source *s, size_t l)
{
    size_t end = l + 1 < s->n_lines ? s->lines[l + 1] : s->len;
    while (end > s->lines[l] && (s->text[end - 1] == '\n' || s->text[end - 1] == '\r'))
        end--;
    return end - s->lines[l];
}

static size_t indent_of(const struct source *s, size_t l)
{
    size_t i = 0, n = line_len(s, l);
    while (i < n && (s->text[s->lines[l] + i] == ' ' || s->text[s->lines[l] + i] == '-'))
        i++;
    return i < n ? i : SIZE_MAX; /* a blank line is inside whatever surrounds it */
}

/* Whether the line, the one before it where that goes on, or a line that it is nested below names a secret.
 */
static bool holds_secret(const struct source *s, size_t l)
{
    enum { LOOK_BACK = 500 }; /* longer than any private key */
    size_t indent = indent_of(s, l);
    if (names_secret(s->text + s->lines[l], line_len(s, l)))
        return true;
    if (l && goes_on(s->text + s->lines[l - 1], line_len(s, l - 1)) &&
        names_secret(s->text + s->lines[l - 1], line_len(s, l - 1)))
        return true;
    for (size_t i = l, seen = 0; i-- > 0 && seen < LOOK_BACK && indent > 0; seen++) {
        size_t here = indent_of(s, i);
        if (here >= indent)
            continue;
        indent = here;
        if (names_secret(s->text + s->lines[i], line_len(s, i)))
            return true;
    }
    return false;
}

/* The byte at which a column (from 1) of a line begins. */
static size_t column_byte(const struct source *s, size_t l, size_t column)
{
    size_t i = 0, n = line_len(s, l);
    for (size_t c = 1; c < column && i < n; c++) {
        i++;
        while (i < n && continuation(s->text[s->lines[l] + i]))
            i++;
    }
    return i;
}

/* "   12 |   paswd…": what a key names may be a secret, above all under a misspelt key. */
static void show_key(const struct source *s, size_t l, size_t column, size_t width, struct text *t)
{
    const char *p = s->text + s->lines[l];
    size_t from = column_byte(s, l, column), to = column_byte(s, l, column + width), blank = 0;
    while (blank < from && (p[blank] == ' ' || p[blank] == '-'))
        blank++;
    text_addf(t, "%5zu | %.*s%s", l + 1, (int)blank, p, blank < from ? "…" : "");
    size_t indent = blank + (blank < from);
    _cleanup_(mem_freep) char *key = mem_strndup(p + from, to - from);
    text_add_safe(t, key, 80);
    text_addf(t, "%s\n      | %*s^", to < line_len(s, l) ? "…" : "", (int)indent, "");
    for (size_t i = 1; i < width && i < 80; i++)
        text_addc(t, '~');
}

/* "   12 |   roels: [master]" and a caret line below it. A long line is shown around the caret. */
static char *show(const struct source *s, size_t l, size_t column, size_t width, bool key_only)
{
    enum { WINDOW = 100, LEAD = 40 };
    struct text t = {0};
    if (key_only) {
        show_key(s, l, column, width, &t);
        return text_take(&t);
    }
    if (holds_secret(s, l)) {
        text_addf(&t, "%5zu | (not shown: a secret may stand here)", l + 1);
        return text_take(&t);
    }
    const char *p = s->text + s->lines[l];
    size_t n = line_len(s, l), from = 0, skipped = 0, shown = 0;
    while (column > WINDOW && skipped + LEAD < column && from < n) {
        from++;
        while (from < n && continuation(p[from]))
            from++;
        skipped++;
    }
    text_addf(&t, "%5zu | %s", l + 1, from ? "…" : "");
    size_t to = from;
    for (; to < n && (shown < WINDOW || continuation(p[to])); to++)
        shown += !continuation(p[to]);
    _cleanup_(mem_freep) char *line = mem_strndup(p + from, to - from);
    text_add_safe(&t, line, to - from);
    text_addf(&t, "%s\n      | %s", to < n ? "…" : "", from ? " " : "");
    for (size_t i = skipped + 1; i < column; i++)
        text_addc(&t, ' ');
    text_addc(&t, '^');
    for (size_t i = 1; i < width && column + i <= skipped + shown; i++)
        text_addc(&t, '~');
    return text_take(&t);
}

static int place_error(struct source *s, struct error **err, enum error_code code, size_t l, size_t column,
                       size_t width, bool key_only, const char *fmt, va_list ap)
{
    _cleanup_(text_free) struct text message = {0};
    text_vaddf(&message, fmt, ap);
    error_set(err, code, "%s", text_str(&message));
    error_at(err, s->name, (int)l + 1, (int)column);
    _cleanup_(mem_freep) char *detail = show(s, l, column, width, key_only);
    return error_detail(err, detail);
}

static int verror(struct source *s, struct error **err, enum error_code code, size_t start, size_t end,
                  bool key_only, const char *fmt, va_list ap)
{
    int line, column;
    source_place(s, start, &line, &column);
    size_t width = 0;
    for (size_t i = start; i < end && i < s->len && s->text[i] != '\n' && s->text[i] != '\r'; i++)
        width += !continuation(s->text[i]);
    return place_error(s, err, code, (size_t)line - 1, (size_t)column, width, key_only, fmt, ap);
}

int source_error(struct source *s, struct error **err, enum error_code code, size_t start, size_t end,
                 const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    verror(s, err, code, start, end, false, fmt, ap);
    va_end(ap);
    return -1;
}

static int verror_line(struct source *s, struct error **err, enum error_code code, int line, int column,
                       const char *fmt, va_list ap)
{
    index_lines(s);
    size_t l = line > 0 ? (size_t)line - 1 : 0;
    if (l >= s->n_lines)
        l = s->n_lines - 1;
    return place_error(s, err, code, l, column > 0 ? (size_t)column : 1, 1, false, fmt, ap);
}

int source_error_range(struct source *s, struct error **err, enum error_code code, size_t start, size_t end,
                       const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    verror(s, err, code, start, end, true, fmt, ap);
    va_end(ap);
    return -1;
}

int source_error_at(struct source *s, struct error **err, enum error_code code, int line, int column,
                    const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    verror_line(s, err, code, line, column, fmt, ap);
    va_end(ap);
    return -1;
}

int source_error_value(struct source *s, struct error **err, const struct value *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (v->end > v->start)
        verror(s, err, ERR_INVALID, v->start, v->end, false, fmt, ap);
    else if (v->key_end)
        verror(s, err, ERR_INVALID, v->key_start, v->key_end, true, fmt, ap);
    else
        verror_line(s, err, ERR_INVALID, v->line, v->column, fmt, ap);
    va_end(ap);
    return -1;
}

int source_error_key(struct source *s, struct error **err, const struct value *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (v->key_end)
        verror(s, err, ERR_INVALID, v->key_start, v->key_end, true, fmt, ap);
    else
        verror_line(s, err, ERR_INVALID, v->line, v->column, fmt, ap);
    va_end(ap);
    return -1;
}
