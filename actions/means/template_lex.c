#include "actions/means/template_int.h"

#include <string.h>

struct lexer {
    struct template *t;
    const char *s;
    size_t len, at;
    struct token_list *out;
};

int template_error(const struct template *t, size_t at, struct error **err, enum error_code code,
                   const char *fmt, ...)
{
    struct text message = {.max = 4096};
    va_list ap;
    va_start(ap, fmt);
    text_vaddf(&message, fmt, ap);
    va_end(ap);
    int line = 1, column = 1;
    for (size_t i = 0; i < at && i < t->in->len; i++) {
        if (t->in->text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)t->in->text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    error_set(err, code, "template: %s", text_str(&message));
    text_free(&message);
    return error_at(err, t->in->name, line, column);
}

static void add(struct lexer *l, enum tok kind, const char *text, size_t len, size_t at)
{
    struct token *k = arena_push(l->t->arena, &l->out->tokens, &l->out->n, &l->out->cap, sizeof *k);
    *k = (struct token){kind, text, len, at};
}

static bool starts(const struct lexer *l, const char *what)
{
    size_t n = strlen(what);
    return l->len - l->at >= n && memcmp(l->s + l->at, what, n) == 0;
}

static bool space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t word(const struct lexer *l, size_t from)
{
    size_t n = from;
    while (n < l->len && (alpha(l->s[n]) || digit(l->s[n])))
        n++;
    return n - from;
}

static void add_utf8(struct text *out, unsigned long c)
{
    if (c < 0x80) {
        text_addc(out, (char)c);
    } else if (c < 0x800) {
        text_addc(out, (char)(0xc0 | c >> 6));
        text_addc(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        text_addc(out, (char)(0xe0 | c >> 12));
        text_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        text_addc(out, (char)(0x80 | (c & 0x3f)));
    } else {
        text_addc(out, (char)(0xf0 | c >> 18));
        text_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        text_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        text_addc(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* n hex digits at l->at. */
static bool hex(struct lexer *l, int n, unsigned long *ret)
{
    unsigned long v = 0;
    for (int i = 0; i < n; i++, l->at++) {
        static const char digits[] = "0123456789abcdef";
        char c = l->at < l->len ? l->s[l->at] : 0;
        const char *d = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
        if (!d)
            return false;
        v = v * 16 + (unsigned long)(d - digits);
    }
    *ret = v;
    return true;
}

/* The escape after a backslash, as Go has them in "…". */
static bool escape(struct lexer *l, struct text *out)
{
    static const char from[] = "abfnrtv\\\"'", to[] = "\a\b\f\n\r\t\v\\\"'";
    char c = l->at < l->len ? l->s[l->at++] : 0;
    const char *p = c ? strchr(from, c) : NULL;
    unsigned long v;
    if (p) {
        text_addc(out, to[p - from]);
        return true;
    }
    if (c == 'x') {
        if (!hex(l, 2, &v) || v == 0)
            return false;
        text_addc(out, (char)v);
        return true;
    }
    if ((c == 'u' && hex(l, 4, &v)) || (c == 'U' && hex(l, 8, &v))) {
        if (v == 0 || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
            return false;
        add_utf8(out, v);
        return true;
    }
    return false;
}

static int lex_string(struct lexer *l, struct error **err)
{
    size_t begin = l->at;
    if (l->s[l->at] == '`') {
        const char *end = memchr(l->s + begin + 1, '`', l->len - begin - 1);
        if (!end)
            return template_error(l->t, begin, err, ERR_SYNTAX, "a raw string is not closed");
        size_t n = (size_t)(end - l->s) - begin - 1;
        add(l, TOK_STRING, arena_strndup(l->t->arena, l->s + begin + 1, n), n, begin);
        l->at = begin + n + 2;
        return 0;
    }
    _cleanup_(text_free) struct text s = {0};
    for (l->at++; l->at < l->len && l->s[l->at] != '"' && l->s[l->at] != '\n';) {
        if (l->s[l->at] != '\\') {
            text_addc(&s, l->s[l->at++]);
            continue;
        }
        size_t at = l->at++;
        if (!escape(l, &s))
            return template_error(l->t, at, err, ERR_SYNTAX, "an escape that Go does not have in strings");
    }
    if (l->at >= l->len || l->s[l->at] != '"')
        return template_error(l->t, begin, err, ERR_SYNTAX, "a string is not closed");
    l->at++;
    add(l, TOK_STRING, arena_strndup(l->t->arena, text_str(&s), s.len), s.len, begin);
    return 0;
}

static void lex_number(struct lexer *l)
{
    size_t begin = l->at;
    if (l->s[l->at] == '+' || l->s[l->at] == '-')
        l->at++;
    while (l->at < l->len && (alpha(l->s[l->at]) || digit(l->s[l->at]) || l->s[l->at] == '.' ||
                              ((l->s[l->at] == '+' || l->s[l->at] == '-') && strchr("eE", l->s[l->at - 1]))))
        l->at++;
    size_t n = l->at - begin;
    add(l, TOK_NUMBER, arena_strndup(l->t->arena, l->s + begin, n), n, begin);
}

static int lex_word(struct lexer *l, struct error **err)
{
    char c = l->s[l->at], next = l->at + 1 < l->len ? l->s[l->at + 1] : 0;
    size_t begin = l->at;
    if (c == '.' && !alpha(next)) {
        add(l, TOK_DOT, "", 0, begin);
        l->at++;
    } else if (c == '.' || c == '$' || alpha(c)) {
        size_t from = begin + !alpha(c), n = word(l, from);
        add(l,
            c == '.'   ? TOK_FIELD
            : c == '$' ? TOK_VAR
                       : TOK_IDENT,
            arena_strndup(l->t->arena, l->s + from, n), n, begin);
        l->at = from + n;
    } else {
        return template_error(l->t, begin, err, ERR_SYNTAX, "unexpected character '%c' in an action",
                              c > 0x20 && c < 0x7f ? c : '?');
    }
    return 0;
}

static int lex_token(struct lexer *l, struct error **err)
{
    static const struct {
        const char *text;
        enum tok kind;
    } marks[] = {{":=", TOK_DECLARE}, {"=", TOK_ASSIGN}, {"|", TOK_PIPE},
                 {"(", TOK_LEFT},     {")", TOK_RIGHT},  {",", TOK_COMMA}};
    char c = l->s[l->at], next = l->at + 1 < l->len ? l->s[l->at + 1] : 0;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (starts(l, marks[i].text)) {
            add(l, marks[i].kind, marks[i].text, 1, l->at);
            l->at += strlen(marks[i].text);
            return 0;
        }
    if (c == '"' || c == '`')
        return lex_string(l, err);
    if (digit(c) || ((c == '+' || c == '-' || c == '.') && digit(next))) {
        lex_number(l);
        return 0;
    }
    return lex_word(l, err);
}

/* From behind "{{" (and its trim marker) to behind "}}". *trim: the text that follows loses its leading
 * space. */
static int lex_action(struct lexer *l, size_t open, bool *trim, struct error **err)
{
    for (;;) {
        size_t begin = l->at;
        while (l->at < l->len && space(l->s[l->at]))
            l->at++;
        if (l->at >= l->len)
            return template_error(l->t, open, err, ERR_SYNTAX, "an action '{{' is not closed");
        *trim = l->at > begin && starts(l, "-}}");
        if (*trim || starts(l, "}}")) {
            add(l, TOK_CLOSE, "}}", 2, l->at);
            l->at += *trim ? 3 : 2;
            return 0;
        }
        if (l->at > begin)
            add(l, TOK_SPACE, " ", 1, begin);
        if (lex_token(l, err))
            return -1;
    }
}

/* {{/ * … * /}} with its trim markers. Returns 1 when it was one. */
static int lex_comment(struct lexer *l, size_t open, bool *trim, struct error **err)
{
    size_t at = l->at;
    while (at < l->len && space(l->s[at]) && at > open + 2) /* after "{{-" only */
        at++;
    if (l->len - at < 2 || memcmp(l->s + at, "/*", 2) != 0)
        return 0;
    const char *end = memmem(l->s + at + 2, l->len - at - 2, "*/", 2);
    if (!end)
        return template_error(l->t, open, err, ERR_SYNTAX, "a comment is not closed");
    l->at = (size_t)(end - l->s) + 2;
    size_t begin = l->at;
    while (l->at < l->len && space(l->s[l->at]))
        l->at++;
    *trim = l->at > begin && starts(l, "-}}");
    if (!*trim && (l->at != begin || !starts(l, "}}")))
        return template_error(l->t, open, err, ERR_SYNTAX, "a comment must end with '*/}}'");
    l->at += *trim ? 3 : 2;
    return 1;
}

int template_lex(struct template *t, struct token_list *ret, struct error **err)
{
    struct lexer l = {t, t->in->text, t->in->len, 0, ret};
    bool trim = false;
    while (l.at < l.len) {
        const char *open = memmem(l.s + l.at, l.len - l.at, "{{", 2);
        size_t end = open ? (size_t)(open - l.s) : l.len, begin = l.at, stop = end;
        while (trim && begin < stop && space(l.s[begin]))
            begin++;
        bool left = open && end + 3 < l.len && l.s[end + 2] == '-' && space(l.s[end + 3]);
        while (left && stop > begin && space(l.s[stop - 1]))
            stop--;
        if (stop > begin)
            add(&l, TOK_TEXT, l.s + begin, stop - begin, begin);
        if (!open)
            break;
        l.at = end + (left ? 3 : 2);
        int comment = lex_comment(&l, end, &trim, err);
        if (comment < 0)
            return -1;
        if (comment)
            continue;
        add(&l, TOK_OPEN, "{{", 2, end);
        if (lex_action(&l, end, &trim, err))
            return -1;
    }
    add(&l, TOK_END, "", 0, l.len);
    return 0;
}
