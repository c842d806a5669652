/* How text for people looks: colours where they are welcome, errors with all they know, times. Everything
 * that may come from a node passes text_add_safe on its way here. */
#ifndef RECONCILER_OUT_TEXT_H
#define RECONCILER_OUT_TEXT_H

#include "model/report.h"

#include <stdio.h>

struct style {
    bool colour;
    bool live; /* a terminal that can redraw lines */
    bool json; /* no text at all: one JSON object a line */
    int width; /* of the terminal; 0: unknown */
};

enum colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_DIM, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_BLUE };

/* For a descriptor, from NO_COLOR (no-color.org), CLICOLOR_FORCE, TERM=dumb, and whether it is a terminal.
 * no_colour: the flag. */
struct style style_of(int fd, bool no_colour);
void style_add(struct text *out, const struct style *s, enum colour c, const char *words);
/* Begins or ends a colour; nothing without colours. */
void style_begin(struct text *out, const struct style *s, enum colour c);
void style_end(struct text *out, const struct style *s);

/* Words of the program itself. */
void out_say(FILE *f, const struct style *s, const char *words);
/* FILE:LINE:COLUMN: error: words, the detail indented, the hint. label: "error", "warning". */
void out_error(struct text *out, const struct style *s, const char *label, const struct error *e);
/* Only what stands below the words: detail and hint, every line indented by so many spaces. */
void out_error_more(struct text *out, const struct error *e, int indent);
void out_duration(struct text *out, double seconds); /* "0.4 s", "12 s", "3 min 5 s" */
const char *out_plural(size_t n, const char *one, const char *many);

/* What a run did: each failure with node, cause, hint and detail, what was skipped because of it, the sums.
 * log: path of the full log, or NULL. */
void out_report(struct text *out, const struct style *s, const struct plan *p, const struct report *r,
                const char *log);

#endif
