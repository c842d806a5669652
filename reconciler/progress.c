#include "reconciler/progress.h"

#include "actions/kind.h"
#include "reconciler/out_json.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define MAX_DRAWN 12 /* running actions shown; more are counted */

struct running {
    int action;
    double since; /* by the clock of now() */
    char *id, *title, *words;
};

struct progress {
    struct progress_params p;
    pthread_mutex_t lock; /* events come one at a time, but the tick does not pass through them */
    struct running *running;
    size_t n, cap;
    size_t total, ended, failed;
    double began;
    bool live; /* between begin and end */
    int drawn; /* lines on the screen that belong to us */
};

struct progress *progress_new(const struct progress_params *params)
{
    struct progress *p = mem_alloc(sizeof *p);
    p->p = *params;
    pthread_mutex_init(&p->lock, NULL);
    if (p->p.format == LOG_JSON) {
        fputs("{\"event\":\"version\",\"formatVersion\":\"log/1\"}\n", p->p.out);
        p->p.style.live = false;
    }
    return p;
}

static double now(const struct progress *p)
{
    return p->p.now ? p->p.now(p->p.now_ctx) : 0;
}

/* --- what is drawn live */

static void erase(struct progress *p, struct text *out)
{
    if (p->drawn)
        text_addf(out, "\x1b[%dA\r\x1b[J", p->drawn);
    p->drawn = 0;
}

/* One line, never wider than the terminal: a wrapped line could not be erased. */
static void draw_line(struct progress *p, struct text *out, const char *line)
{
    size_t width = p->p.style.width > 20 ? (size_t)p->p.style.width - 1 : 79;
    _cleanup_(text_free) struct text cut = {0};
    text_add_safe(&cut, line, width);
    text_addf(out, "%s\n", text_str(&cut));
    p->drawn++;
}

static void draw(struct progress *p, struct text *out)
{
    if (!p->live || !p->p.style.live)
        return;
    double t = now(p);
    for (size_t i = 0; i < p->n && i < MAX_DRAWN; i++) {
        const struct running *r = &p->running[i];
        _cleanup_(text_free) struct text line = {0};
        text_add(&line, "  ");
        out_duration(&line, t - r->since);
        text_addf(&line, "  %s: %s", r->id, r->words ? r->words : r->title);
        draw_line(p, out, text_str(&line));
    }
    _cleanup_(text_free) struct text sums = {0};
    text_addf(&sums, "%zu of %zu ended, %zu running", p->ended, p->total, p->n);
    if (p->failed)
        text_addf(&sums, ", %zu failed", p->failed);
    text_add(&sums, ", ");
    out_duration(&sums, t - p->began);
    draw_line(p, out, text_str(&sums));
}

static void flush(struct progress *p, struct text *out)
{
    if (out->len)
        fwrite(out->data, 1, out->len, p->p.out);
    fflush(p->p.out);
}

void progress_tick(void *ctx)
{
    struct progress *p = ctx;
    pthread_mutex_lock(&p->lock);
    if (p->live && p->p.style.live) {
        _cleanup_(text_free) struct text out = {0};
        erase(p, &out);
        draw(p, &out);
        flush(p, &out);
    }
    pthread_mutex_unlock(&p->lock);
}

/* --- bookkeeping of what runs */

static struct running *find(struct progress *p, int action)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->running[i].action == action)
            return &p->running[i];
    return NULL;
}

static void forget(struct progress *p, struct running *r)
{
    free(r->id);
    free(r->title);
    free(r->words);
    size_t i = (size_t)(r - p->running);
    memmove(r, r + 1, (p->n - i - 1) * sizeof *r);
    p->n--;
}

static void keep(struct progress *p, const struct event *e)
{
    struct running *r = e->action >= 0 ? find(p, e->action) : NULL;
    switch (e->kind) {
    case EVENT_START:
        r = mem_push(&p->running, &p->n, &p->cap, sizeof *r);
        *r = (struct running){e->action, now(p), mem_strdup(e->id), mem_strdup(e->title), NULL};
        break;
    case EVENT_PROGRESS:
    case EVENT_VERIFY:
    case EVENT_RETRY:
        if (!r)
            break;
        free(r->words);
        r->words = e->kind == EVENT_RETRY ? mem_strdup("once more")
                   : e->kind == EVENT_VERIFY
                       ? mem_printf("waiting: %s", e->text ? e->text : "its facts are read")
                       : mem_strdup(e->text);
        break;
    case EVENT_END:
        if (r)
            forget(p, r);
        p->ended++;
        p->failed += e->outcome == OUTCOME_FAILED;
        break;
    case EVENT_LOG:
        break;
    }
}

/* --- lines */

static enum colour colour_of(enum outcome o)
{
    return o == OUTCOME_DONE ? COLOUR_GREEN : o == OUTCOME_FAILED ? COLOUR_RED : COLOUR_YELLOW;
}

static void end_line(struct progress *p, const struct event *e, struct text *out)
{
    text_addf(out, "[%zu/%zu] ", p->ended, p->total);
    style_add(out, &p->p.style, colour_of(e->outcome), outcome_name(e->outcome));
    text_addf(out, " %s", e->id);
    if (e->outcome == OUTCOME_DONE || e->outcome == OUTCOME_FAILED) {
        text_add(out, " (");
        out_duration(out, e->took);
        text_addc(out, ')');
    }
    if (e->because)
        text_addf(out, ": %s was not done", e->because);
    if (e->error) {
        _cleanup_(text_free) struct text words = {0};
        error_text(e->error, &words);
        text_add(out, ": ");
        text_add_safe(out, text_str(&words), 1000);
    }
}

/* A line for people, or nothing. */
static void say(struct progress *p, const struct event *e, struct text *out)
{
    bool quiet_start = p->p.style.live; /* what runs is drawn anyway */
    switch (e->kind) {
    case EVENT_LOG:
        if (e->level >= LEVEL_WARN || e->level == LEVEL_DEBUG)
            style_add(out, &p->p.style,
                      e->level == LEVEL_ERROR  ? COLOUR_RED
                      : e->level == LEVEL_WARN ? COLOUR_YELLOW
                                               : COLOUR_DIM,
                      level_name(e->level));
        text_add(out, out->len ? ": " : "");
        text_add_safe(out, e->text, 2000);
        break;
    case EVENT_START:
        if (!quiet_start || p->p.least == LEVEL_DEBUG)
            text_addf(out, "start %s: %s", e->id, e->title);
        break;
    case EVENT_RETRY: {
        _cleanup_(text_free) struct text words = {0};
        error_text(e->error, &words);
        text_addf(out, "retry %s: ", e->id);
        text_add_safe(out, text_str(&words), 1000);
        break;
    }
    case EVENT_PROGRESS:
    case EVENT_VERIFY:
        if (p->p.least > LEVEL_DEBUG || !e->text)
            break;
        text_addf(out, "%s %s: ", e->kind == EVENT_VERIFY ? "wait " : "    |", e->id);
        text_add_safe(out, e->text, 500);
        break;
    case EVENT_END:
        end_line(p, e, out);
        break;
    }
    if (out->len)
        text_addc(out, '\n');
}

/* --- JSON lines */

static const char *event_name(enum event_kind k)
{
    static const char *const names[] = {"log", "start", "progress", "verify", "retry", "end"};
    return names[k];
}

static void wall_clock(struct text *out)
{
    struct timespec ts;
    struct tm tm;
    char s[32];
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    strftime(s, sizeof s, "%Y-%m-%dT%H:%M:%S", &tm);
    text_addf(out, "%s.%03ldZ", s, ts.tv_nsec / 1000000);
}

static void set(struct arena *a, struct value *v, const char *key, const char *text)
{
    if (text)
        value_set(a, v, key, value_string(a, text));
}

static void json_line(const struct event *e, struct text *out)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(text_free) struct text time = {0}, took = {0};
    struct value *v = value_map(a);
    wall_clock(&time);
    set(a, v, "time", text_str(&time));
    set(a, v, "level",
        level_name(e->kind == EVENT_END && e->outcome == OUTCOME_FAILED ? LEVEL_ERROR : e->level));
    set(a, v, "event", event_name(e->kind));
    set(a, v, "action", e->id);
    set(a, v, "node", e->node);
    set(a, v, "text", e->text);
    if (e->kind == EVENT_END) {
        set(a, v, "outcome", outcome_name(e->outcome));
        text_addf(&took, "%.3f", e->took);
        value_set(a, v, "took", value_plain(a, text_str(&took)));
        set(a, v, "because", e->because);
    }
    if (e->error)
        value_set(a, v, "error", json_error(a, e->error));
    value_json(v, out);
    text_addc(out, '\n');
}

void progress_sink(void *ctx, const struct event *e)
{
    struct progress *p = ctx;
    pthread_mutex_lock(&p->lock);
    if (p->live)
        keep(p, e);
    _cleanup_(text_free) struct text line = {0}, out = {0};
    bool detail = e->kind == EVENT_PROGRESS || e->kind == EVENT_VERIFY;
    if (detail ? p->p.least <= LEVEL_DEBUG : e->level >= p->p.least || (e->kind == EVENT_END && e->error)) {
        if (p->p.format == LOG_JSON)
            json_line(e, &line);
        else
            say(p, e, &line);
    }
    if (line.len || (e->kind != EVENT_PROGRESS && p->live && p->p.style.live)) {
        erase(p, &out);
        text_add(&out, text_str(&line));
        draw(p, &out);
        flush(p, &out);
    }
    pthread_mutex_unlock(&p->lock);
}

void progress_begin(struct progress *p, size_t actions)
{
    pthread_mutex_lock(&p->lock);
    p->live = true;
    p->total = actions;
    p->began = now(p);
    pthread_mutex_unlock(&p->lock);
}

void progress_end(struct progress *p)
{
    pthread_mutex_lock(&p->lock);
    _cleanup_(text_free) struct text out = {0};
    erase(p, &out);
    flush(p, &out);
    p->live = false;
    while (p->n)
        forget(p, &p->running[p->n - 1]);
    pthread_mutex_unlock(&p->lock);
}

void progress_free(struct progress *p)
{
    if (!p)
        return;
    progress_end(p);
    pthread_mutex_destroy(&p->lock);
    free(p->running);
    free(p);
}

void progress_freep(struct progress **p)
{
    progress_free(*p);
}

/* --- the full log */

void log_file_sink(void *ctx, const struct event *e)
{
    _cleanup_(text_free) struct text t = {0};
    wall_clock(&t);
    text_addf(&t, " %-7s %-8s", level_name(e->level), event_name(e->kind));
    if (e->id)
        text_addf(&t, " %s", e->id);
    if (e->kind == EVENT_END)
        text_addf(&t, " %s %.3f s", outcome_name(e->outcome), e->took);
    if (e->because)
        text_addf(&t, " because of %s", e->because);
    if (e->text) {
        text_add(&t, ": ");
        text_add_safe(&t, e->text, 8000);
    }
    text_addc(&t, '\n');
    if (e->error)
        out_error(&t, NULL, "error", e->error);
    fwrite(t.data, 1, t.len, ctx);
    fflush(ctx);
}
