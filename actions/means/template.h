/* Go's text/template, the part of it that public cluster images and templated Clusterfiles use
 * (facts sections 1.1 and 3.5), with the results that Go and sprig give:
 *
 *   actions    {{ pipeline }}, if / else if / else / with / range / end, variables ($x := …, $x = …, $i, $e
 * :=), parentheses, pipelines, fields, comments, trim markers functions  see template_funcs.c; `env NAME`
 * asks the caller, never the process
 *
 * A key that is not there prints "<no value>", is false, and is an error where a function wants a string, as
 * with Go's missingkey=default. Everything else of the language (define, template, block, break, unknown
 * functions) is an error with its place, before anything is written. */
#ifndef ACTIONS_MEANS_TEMPLATE_H
#define ACTIONS_MEANS_TEMPLATE_H

#include "model/error.h"
#include "model/value.h"

struct template_input {
    const char *name; /* for messages */
    const char *text; /* need not be NUL-terminated; holds no NUL */
    size_t len;
    const struct value *data;                        /* the dot; usually a map */
    const char *(*env)(void *ctx, const char *name); /* for `env`; NULL, or its answer NULL: unset */
    void *env_ctx;
};

/* Appends the result to out. ERR_SYNTAX: not in the language; ERR_INVALID: cannot be evaluated. Both carry
 * file, line and column. What was appended before an evaluation error is of no use. */
int template_render(const struct template_input *in, struct text *out, struct error **err);

#endif
