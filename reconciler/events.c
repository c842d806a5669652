#include "reconciler/events.h"

#include <pthread.h>

struct sink {
    event_sink call;
    void *ctx;
};

struct events {
    pthread_mutex_t lock;
    struct sink *sinks;
    size_t n, cap;
};

struct events *events_new(void)
{
    struct events *ev = mem_alloc(sizeof *ev);
    pthread_mutex_init(&ev->lock, NULL);
    return ev;
}

void events_free(struct events *ev)
{
    if (!ev)
        return;
    pthread_mutex_destroy(&ev->lock);
    free(ev->sinks);
    free(ev);
}

void events_freep(struct events **ev)
{
    events_free(*ev);
}

void events_add(struct events *ev, event_sink sink, void *ctx)
{
    struct sink *s = mem_push(&ev->sinks, &ev->n, &ev->cap, sizeof *s);
    *s = (struct sink){sink, ctx};
}

void events_emit(struct events *ev, const struct event *e)
{
    if (!ev)
        return;
    pthread_mutex_lock(&ev->lock);
    for (size_t i = 0; i < ev->n; i++)
        ev->sinks[i].call(ev->sinks[i].ctx, e);
    pthread_mutex_unlock(&ev->lock);
}

void events_log(struct events *ev, enum level level, const char *fmt, ...)
{
    _cleanup_(text_free) struct text t = {0};
    va_list ap;
    va_start(ap, fmt);
    text_vaddf(&t, fmt, ap);
    va_end(ap);
    events_emit(ev, &(struct event){.kind = EVENT_LOG, .level = level, .text = text_str(&t), .action = -1});
}

const char *level_name(enum level l)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    return names[l];
}
