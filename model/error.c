#include "model/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const names[ERR_CODES] = {
    [ERR_INTERNAL] = "internal",   [ERR_IO] = "io",
    [ERR_USAGE] = "usage",         [ERR_SYNTAX] = "syntax",
    [ERR_INVALID] = "invalid",     [ERR_UNREACHABLE] = "unreachable",
    [ERR_HOST_KEY] = "host-key",   [ERR_AUTH] = "auth",
    [ERR_TIMEOUT] = "timeout",     [ERR_REMOTE_EXIT] = "remote-exit",
    [ERR_PROTOCOL] = "protocol",   [ERR_DIGEST] = "digest",
    [ERR_NOT_FOUND] = "not-found", [ERR_CONFLICT] = "conflict",
    [ERR_LOCKED] = "locked",       [ERR_REFUSED] = "refused",
    [ERR_UNPROVED] = "unproved",   [ERR_CANCELLED] = "cancelled",
    [ERR_NO_SPACE] = "no-space",
};

const char *error_code_name(enum error_code code)
{
    return code < ERR_CODES ? names[code] : "unknown";
}

void error_free(struct error *e)
{
    while (e) {
        struct error *cause = e->cause;
        free(e->subject);
        free(e->message);
        free(e->hint);
        free(e->detail);
        free((char *)e->place.file);
        free(e);
        e = cause;
    }
}

void error_freep(struct error **e)
{
    error_free(*e);
}

static char *vformat(const char *fmt, va_list ap)
{
    struct text t = {0};
    text_vaddf(&t, fmt, ap);
    return text_take(&t);
}

int error_set(struct error **err, enum error_code code, const char *fmt, ...)
{
    if (!err)
        return -1;
    struct error *e = mem_alloc(sizeof *e);
    e->code = code;
    va_list ap;
    va_start(ap, fmt);
    e->message = vformat(fmt, ap); /* before the old one goes: it may be among the arguments */
    va_end(ap);
    error_free(*err);
    *err = e;
    return -1;
}

int error_errno(struct error **err, int errnum, const char *fmt, ...)
{
    if (!err)
        return -1;
    struct error *e = mem_alloc(sizeof *e);
    e->code = errnum == ENOSPC || errnum == EDQUOT ? ERR_NO_SPACE : errnum == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    va_list ap;
    va_start(ap, fmt);
    char *words = vformat(fmt, ap);
    va_end(ap);
    char why[128];
    e->message = mem_printf("%s: %s", words, strerror_r(errnum, why, sizeof why));
    free(words);
    error_free(*err);
    *err = e;
    return -1;
}

int error_wrap(struct error **err, const char *fmt, ...)
{
    if (!err || !*err)
        return -1;
    struct error *e = mem_alloc(sizeof *e);
    va_list ap;
    va_start(ap, fmt);
    e->message = vformat(fmt, ap);
    va_end(ap);
    e->code = (*err)->code;
    e->cause = *err;
    *err = e;
    return -1;
}

int error_hint(struct error **err, const char *fmt, ...)
{
    if (!err || !*err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    char *hint = vformat(fmt, ap);
    va_end(ap);
    free((*err)->hint);
    (*err)->hint = hint;
    return -1;
}

int error_subject(struct error **err, const char *subject)
{
    if (!err || !*err)
        return -1;
    char *copy = mem_strdup(subject);
    free((*err)->subject);
    (*err)->subject = copy;
    return -1;
}

int error_detail(struct error **err, const char *detail)
{
    if (!err || !*err)
        return -1;
    char *copy = mem_strdup(detail);
    free((*err)->detail);
    (*err)->detail = copy;
    return -1;
}

int error_at(struct error **err, const char *file, int line, int column)
{
    if (!err || !*err)
        return -1;
    char *copy = mem_strdup(file);
    free((char *)(*err)->place.file);
    (*err)->place = (struct place){.file = copy, .line = line, .column = column};
    return -1;
}

void error_text(const struct error *e, struct text *out)
{
    for (const struct error *c = e; c; c = c->cause) {
        if (c != e)
            text_add(out, ": ");
        text_add(out, c->message);
    }
}
