/* Growing text with a ceiling. A text that would pass its maximum keeps what it has and is *failed*, for
 * ever: callers check once, at the end. Also the one function that quotes for a POSIX shell. */
#ifndef MODEL_TEXT_H
#define MODEL_TEXT_H

#include "model/mem.h"

#include <stdbool.h>

struct text {
    char *data; /* NUL-terminated once something was added, else NULL: use text_str */
    size_t len, cap;
    size_t max; /* 0: TEXT_MAX */
    bool failed;
};

#define TEXT_MAX ((size_t)64 * 1024 * 1024)

void text_free(struct text *t); /* for _cleanup_(text_free); leaves an empty text */
void text_wipe(struct text *t); /* as text_free, zeroing first: for secrets */
const char *text_str(const struct text *t); /* never NULL, borrowed */
char *text_take(struct text *t);            /* yours, never NULL; t is empty after */
void text_clear(struct text *t);            /* length 0, memory kept, no longer failed */
void text_add(struct text *t, const char *s);
void text_addn(struct text *t, const void *s, size_t n);
void text_addc(struct text *t, char c);
void text_addf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_vaddf(struct text *t, const char *fmt, va_list ap);

/* The one quoting for shells: 'it'\''s'. Safe in every POSIX sh, for any bytes but NUL. */
void text_add_quoted(struct text *t, const char *s);
/* The one quoting for JSON strings, with the quotes; bytes that are not UTF-8 become U+FFFD. */
void text_add_json(struct text *t, const char *s);
/* One line for people: control characters (escape sequences of a hostile node) become '?'; at most max
 * bytes, cut with "…". */
void text_add_safe(struct text *t, const char *s, size_t max);

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Orders as people do: digit runs by value, so node2 < node10 and 10.0.0.9 < 10.0.0.10. */
int str_natural_cmp(const char *a, const char *b);
/* "did you mean": the candidate (NULL-terminated list) nearest to s by edit distance, or NULL if none is near. */
const char *str_nearest(const char *s, const char *const *candidates);

#endif
