/* Sinks of events for stderr: live lines on a terminal, plain lines elsewhere, one JSON object per line, and
 * the full log of a run in a file. */
#ifndef RECONCILER_PROGRESS_H
#define RECONCILER_PROGRESS_H

#include "reconciler/events.h"
#include "reconciler/out_text.h"

#include <stdio.h>

enum log_format { LOG_TEXT, LOG_JSON };

struct progress_params {
    FILE *out;
    struct style style; /* live: redraw */
    enum log_format format;
    enum level least;         /* nothing below is shown; LEVEL_DEBUG also shows what nodes say */
    double (*now)(void *ctx); /* seconds, as the runner's */
    void *now_ctx;
};

struct progress;
struct progress *progress_new(const struct progress_params *p);
void progress_free(struct progress *p); /* clears what was drawn live */
void progress_freep(struct progress **p);
void progress_sink(void *ctx, const struct event *e); /* ctx: struct progress * */
/* How many actions there will be; live lines begin. Before that only logs are shown. */
void progress_begin(struct progress *p, size_t actions);
void progress_end(struct progress *p);
/* Draws again, for elapsed times: a few times a second. Thread-safe. */
void progress_tick(void *p);

/* The full log: every event with its wall-clock time, details included. ctx: a FILE *. */
void log_file_sink(void *ctx, const struct event *e);

#endif
