/* A text file while it is being read: places, and errors that show the line they speak of. */
#ifndef SCHEMA_SOURCE_H
#define SCHEMA_SOURCE_H

#include "model/error.h"
#include "model/value.h"

/* Makes lists of errors; every floor that reads files reports all it finds. */
struct error_list {
    struct error **errors;
    size_t n, cap;
};
void error_list_free(struct error_list *l);
struct error **error_list_add(struct error_list *l); /* a slot to pass as err; valid until the next add */
void error_list_sort(struct error_list *l);          /* by line and column; equal places keep their order */

/* Borrows name and text. The line index is built when the first place is asked for. */
struct source {
    const char *name;
    const char *text;
    size_t len;
    size_t *lines; /* offset of each line's first byte */
    size_t n_lines, cap_lines;
};
void source_free(struct source *s);

/* Line and column (in characters) of a byte, both from 1. */
void source_place(struct source *s, size_t offset, int *line, int *column);
/* The whole text is UTF-8 (RFC 3629) and has no character that YAML forbids. libfyaml 0.7.12 silently ends
 * the stream at such a byte, even inside a comment, so this comes before it. */
int source_check(struct source *s, struct error **err);
/* As source_check for one string. The offset of the first bad byte, or len. */
size_t utf8_check(const char *s, size_t len, const char **why);

/* An error about the bytes [start, end): place, and as detail the line with a caret below. A line that holds
 * a secret is not shown. Returns -1. */
int source_error(struct source *s, struct error **err, enum error_code code, size_t start, size_t end,
                 const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* The same about a place that a library gave us as line and column. */
int source_error_at(struct source *s, struct error **err, enum error_code code, int line, int column,
                    const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* About a key: nothing else of its line is shown, since what it names may be a secret. */
int source_error_range(struct source *s, struct error **err, enum error_code code, size_t start, size_t end,
                       const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* About a value, or the key it stands under. A value without a range takes its line. */
int source_error_value(struct source *s, struct error **err, const struct value *v, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int source_error_key(struct source *s, struct error **err, const struct value *v, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
