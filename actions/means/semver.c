#include "actions/means/semver.h"

#include "model/version.h"

#include <stdio.h>
#include <string.h>

enum op { OP_EQ, OP_NE, OP_GT, OP_LT, OP_GE, OP_LE, OP_TILDE, OP_CARET };

struct constraint {
    enum op op;
    struct version v;
    bool any;                    /* the major part is a wildcard */
    bool minor_open, patch_open; /* missing, or a wildcard */
};

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number, or where allowed a wildcard. */
static const char *part(const char *s, unsigned *ret, bool *open)
{
    *open = false;
    if (*s == 'x' || *s == 'X' || *s == '*') {
        *open = true;
        *ret = 0;
        return s + 1;
    }
    if (!digit(*s))
        return NULL;
    unsigned long n = 0;
    for (; digit(*s); s++)
        if ((n = n * 10 + (unsigned long)(*s - '0')) > 1000000000ul)
            return NULL;
    *ret = (unsigned)n;
    return s;
}

/* MAJOR[.MINOR[.PATCH]][-pre][+build], optional v. Returns its end. */
static const char *version_at(const char *s, struct constraint *c)
{
    unsigned *parts[] = {&c->v.major, &c->v.minor, &c->v.patch};
    bool *open[] = {&c->any, &c->minor_open, &c->patch_open};
    c->minor_open = c->patch_open = true;
    s += *s == 'v';
    for (int i = 0; i < 3; i++) {
        s = part(s, parts[i], open[i]);
        if (!s)
            return NULL;
        if (*s != '.')
            break;
        if (i < 2)
            s++;
    }
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.";
    if (*s == '-') {
        size_t n = strspn(++s, allowed);
        if (n == 0 || n >= sizeof c->v.pre)
            return NULL;
        memcpy(c->v.pre, s, n);
        c->v.pre[n] = 0;
        s += n;
    }
    if (*s == '+') {
        size_t n = strspn(++s, allowed);
        if (n == 0)
            return NULL;
        s += n;
    }
    return s;
}

static const char *op_at(const char *s, enum op *ret)
{
    static const struct {
        const char *text;
        enum op op;
    } ops[] = {{"!=", OP_NE}, {">=", OP_GE},    {"=>", OP_GE},   {"<=", OP_LE},
               {"=<", OP_LE}, {"~>", OP_TILDE}, {"~", OP_TILDE}, {"^", OP_CARET},
               {">", OP_GT},  {"<", OP_LT},     {"=", OP_EQ}};
    *ret = OP_EQ;
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (str_starts(s, ops[i].text)) {
            *ret = ops[i].op;
            return s + strlen(ops[i].text);
        }
    return s;
}

static bool tilde(const struct constraint *c, const struct version *v)
{
    return v->major == c->v.major && (c->minor_open || v->minor == c->v.minor);
}

static bool caret(const struct constraint *c, const struct version *v)
{
    if (c->v.major > 0 || c->minor_open)
        return v->major == c->v.major;
    if (v->major > 0)
        return false;
    if (c->v.minor > 0 || c->patch_open)
        return v->minor == c->v.minor;
    return v->minor == 0 && v->patch == c->v.patch;
}

/* `>1.2` means from 1.3: the open part is a whole range. */
static bool greater(const struct constraint *c, const struct version *v, int cmp)
{
    if (!c->minor_open && !c->patch_open)
        return cmp > 0;
    if (v->major != c->v.major)
        return v->major > c->v.major;
    return !c->minor_open && v->minor > c->v.minor;
}

static bool less_or_equal(const struct constraint *c, const struct version *v, int cmp)
{
    if (!c->minor_open && !c->patch_open)
        return cmp <= 0;
    if (v->major != c->v.major)
        return v->major < c->v.major;
    return c->minor_open || v->minor <= c->v.minor;
}

static bool matches(const struct constraint *c, const struct version *v)
{
    if (*v->pre && !*c->v.pre)
        return false;
    int cmp = version_cmp(v, &c->v);
    bool open = c->minor_open || c->patch_open;
    switch (c->op) {
    case OP_EQ:
        return c->any || (open ? cmp >= 0 && tilde(c, v) : cmp == 0);
    case OP_NE:
        return !c->any && (open ? !tilde(c, v) : cmp != 0);
    case OP_GT:
        return !c->any && greater(c, v, cmp);
    case OP_LT:
        return !c->any && cmp < 0;
    case OP_GE:
        return cmp >= 0;
    case OP_LE:
        return c->any || less_or_equal(c, v, cmp);
    case OP_TILDE:
        return c->any || (cmp >= 0 && tilde(c, v));
    case OP_CARET:
        return c->any || (cmp >= 0 && caret(c, v));
    }
    return false;
}

static const char *spaces(const char *s, bool commas)
{
    while (*s == ' ' || *s == '\t' || (commas && *s == ','))
        s++;
    return s;
}

/* The constraints up to the next `||`, all of which must match. Returns its end, NULL when it cannot be read.
 */
static const char *group(const char *s, const struct version *v, bool *ret)
{
    *ret = true;
    size_t n = 0;
    for (s = spaces(s, true); *s && !str_starts(s, "||"); s = spaces(s, true), n++) {
        struct constraint c = {0}, to = {0};
        s = op_at(s, &c.op);
        s = version_at(spaces(s, false), &c);
        if (!s)
            return NULL;
        if (str_starts(s, " - ")) { /* a range: from - to */
            c.op = OP_GE;
            to.op = OP_LE;
            s = version_at(spaces(s + 3, false), &to);
            if (!s)
                return NULL;
            *ret = *ret && matches(&to, v);
        }
        if (*s && *s != ' ' && *s != '\t' && *s != ',' && *s != '|' && !strchr("<>=!~^", *s))
            return NULL;
        *ret = *ret && matches(&c, v);
    }
    return n ? s : NULL;
}

int semver_satisfies(const char *constraint, const char *version, bool *ret, struct error **err)
{
    struct constraint v = {0};
    const char *end = version_at(version, &v);
    if (!end || *end || strcspn(version, "xX*") < strcspn(version, "-+"))
        return error_set(err, ERR_INVALID, "invalid semantic version \"%.64s\"", version);
    bool any = false;
    for (const char *s = constraint;;) {
        bool all;
        s = group(s, &v.v, &all);
        if (!s)
            return error_set(err, ERR_INVALID, "improper constraint: %.64s", constraint);
        any = any || all;
        if (!*s)
            break;
        s += 2;
    }
    *ret = any;
    return 0;
}
