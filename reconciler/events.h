/* What a run has to say while it goes: one stream of events, written by the scheduler and the workers, read
 * by sinks (the terminal, the log, the journal). Thread-safe: sinks are called one at a time and must not
 * emit. */
#ifndef RECONCILER_EVENTS_H
#define RECONCILER_EVENTS_H

#include "model/report.h"

enum event_kind {
    EVENT_LOG,      /* words about the run itself: level, text */
    EVENT_START,    /* an action starts */
    EVENT_PROGRESS, /* a line that it, or its node, said: untrusted */
    EVENT_VERIFY,   /* it ended and its facts are read; text: what is still awaited, NULL the first time */
    EVENT_RETRY,    /* it failed with error and is tried once more */
    EVENT_END,      /* outcome; error, because where there is one */
};

enum level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };

struct event {
    enum event_kind kind;
    enum level level;
    const char *text;  /* one line, or NULL */
    const char *id;    /* of the action, or NULL */
    const char *title; /* of its kind: "join as worker" */
    const char *node;  /* address it runs on, or NULL */
    int action;        /* index in the plan, or -1 */
    enum outcome outcome;
    const char *because; /* EVENT_END of a skipped action: the id of the one that failed */
    const struct error *error;
    double at;   /* EVENT_START … EVENT_END: seconds since the run began */
    double took; /* EVENT_END: seconds */
};

typedef void (*event_sink)(void *ctx, const struct event *e);

struct events;
struct events *events_new(void);
void events_free(struct events *ev);
void events_freep(struct events **ev);
void events_add(struct events *ev, event_sink sink, void *ctx); /* before threads start */
void events_emit(struct events *ev, const struct event *e);     /* ev may be NULL */
void events_log(struct events *ev, enum level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *level_name(enum level l); /* "debug", "info", "warning", "error" */

#endif
