/* Errors are values. A function that can fail returns 0 or -1 and takes `struct error **err` last; it sets
 * *err exactly once, on failure only. Code decides (retry, exit status, colour), words explain. Floors 1 to 3
 * return errors; only reconciler/ prints them. Secrets never enter an error. */
#ifndef MODEL_ERROR_H
#define MODEL_ERROR_H

#include "model/text.h"

enum error_code {
    ERR_INTERNAL,     /* a bug of ours */
    ERR_IO,           /* a local file, process or library failed */
    ERR_USAGE,        /* wrong flag or argument */
    ERR_SYNTAX,       /* the Clusterfile (or another input file) is not well-formed */
    ERR_INVALID,      /* well-formed, but says something it must not */
    ERR_UNREACHABLE,  /* no connection to a node, or it was lost */
    ERR_HOST_KEY,     /* unknown, changed or revoked host key */
    ERR_AUTH,         /* login or sudo refused */
    ERR_TIMEOUT,      /* a deadline passed */
    ERR_REMOTE_EXIT,  /* a command on a node failed */
    ERR_PROTOCOL,     /* an answer that cannot be trusted: cut, forged, malformed */
    ERR_DIGEST,       /* bytes are not what their digest says */
    ERR_NOT_FOUND,    /* an image, file or object that must exist does not */
    ERR_CONFLICT,     /* something changed under us */
    ERR_LOCKED,       /* another run holds the cluster */
    ERR_REFUSED,      /* a guard forbids it (quorum, policy, consent) */
    ERR_UNPROVED,     /* ran, but its facts do not say so */
    ERR_CANCELLED,    /* interrupted by the user */
    ERR_NO_SPACE,     /* a disk is full */
    ERR_CODES
};

struct place {
    const char *file; /* owned by the error; NULL: no place */
    int line, column; /* from 1; 0: unknown */
};

struct error {
    enum error_code code;
    char *subject; /* the node, image or file it is about, or NULL */
    char *message; /* what went wrong, one sentence, no newline at its end */
    char *hint;    /* what to do next, or NULL */
    char *detail;  /* several lines: a command's output, the source line with a caret; or NULL */
    struct place place;
    struct error *cause; /* owned */
};

/* All of these return -1, so that `return error_set(err, …)` reads well. err may be NULL (nothing is kept).
 * Setting over an earlier error frees that one. */
int error_set(struct error **err, enum error_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int error_errno(struct error **err, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts words in front: "join 10.0.0.4: …". The code stays that of the cause. */
int error_wrap(struct error **err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* These add to the error that is already there; later calls replace earlier ones. */
int error_hint(struct error **err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int error_subject(struct error **err, const char *subject);
int error_detail(struct error **err, const char *detail);
int error_at(struct error **err, const char *file, int line, int column);

void error_free(struct error *e);
void error_freep(struct error **e);
const char *error_code_name(enum error_code code); /* "unreachable", "host-key", … for logs and JSON */
/* message: cause: cause, in one line. */
void error_text(const struct error *e, struct text *out);

#endif
