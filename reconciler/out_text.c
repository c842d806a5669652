#include "reconciler/out_text.h"

#include "reconciler/local.h"
#include "reconciler/out_json.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_LINE 2000

static bool env_set(const char *name)
{
    const char *v = getenv(name);
    return v && *v;
}

struct style style_of(int fd, bool no_colour)
{
    struct style s = {0};
    const char *term = getenv("TERM");
    bool tty = isatty(fd), dumb = !term || str_eq(term, "dumb") || !*term;
    const char *force = getenv("CLICOLOR_FORCE");
    s.colour = tty && !dumb;
    if (force && *force && !str_eq(force, "0"))
        s.colour = true;
    if (no_colour || env_set("NO_COLOR"))
        s.colour = false;
    s.live = tty && !dumb;
    struct winsize ws;
    if (tty && ioctl(fd, TIOCGWINSZ, &ws) == 0)
        s.width = ws.ws_col;
    return s;
}

void style_begin(struct text *out, const struct style *s, enum colour c)
{
    static const char *const codes[] = {"", "1", "2", "31", "32", "33", "34"};
    if (s && s->colour && c != COLOUR_NONE)
        text_addf(out, "\x1b[%sm", codes[c]);
}

void style_end(struct text *out, const struct style *s)
{
    if (s && s->colour)
        text_add(out, "\x1b[0m");
}

void style_add(struct text *out, const struct style *s, enum colour c, const char *words)
{
    style_begin(out, s, c);
    text_add(out, words);
    if (c != COLOUR_NONE)
        style_end(out, s);
}

const char *out_plural(size_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

void out_duration(struct text *out, double seconds)
{
    if (seconds < 0)
        seconds = 0;
    if (seconds < 9.95) {
        text_addf(out, "%.1f s", seconds);
        return;
    }
    unsigned long s = (unsigned long)(seconds + 0.5);
    if (s >= 3600)
        text_addf(out, "%lu h ", s / 3600);
    if (s >= 60)
        text_addf(out, "%lu min ", s / 60 % 60);
    text_addf(out, "%lu s", s % 60);
}

static void indented(struct text *out, const char *lines, int indent, const char *mark)
{
    while (*lines) {
        size_t n = strcspn(lines, "\n");
        _cleanup_(mem_freep) char *line = mem_strndup(lines, n);
        if (n && line[n - 1] == '\r')
            line[n - 1] = '\0';
        for (char *c = line; *c; c++)
            if (*c == '\t')
                *c = ' ';
        text_addf(out, "%*s%s", indent, "", mark);
        text_add_safe(out, line, MAX_LINE);
        text_addc(out, '\n');
        lines += n + (lines[n] == '\n');
    }
}

/* The detail nearest to the cause, and the first hint on the way there. */
void out_error_more(struct text *out, const struct error *e, int indent)
{
    const char *detail = NULL, *hint = NULL;
    for (; e; e = e->cause) {
        detail = e->detail && *e->detail ? e->detail : detail;
        hint = hint ? hint : e->hint;
    }
    if (detail)
        indented(out, detail, indent, "");
    if (hint)
        text_addf(out, "%*shint: %s\n", indent, "", hint);
}

static const struct place *place_of(const struct error *e)
{
    for (; e; e = e->cause)
        if (e->place.file)
            return &e->place;
    return NULL;
}

/* {"time":…,"level":…,"event":"log",…}, as progress.c's lines */
static void json_line(struct text *out, const char *level, const char *words, const struct error *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(text_free) struct text now = {0};
    struct value *v = value_map(a);
    local_time(&now);
    value_set(a, v, "time", value_string(a, text_str(&now)));
    value_set(a, v, "level", value_string(a, level));
    value_set(a, v, "event", value_string(a, "log"));
    if (words)
        value_set(a, v, "text", value_string(a, words));
    if (e)
        value_set(a, v, "error", json_error(a, e));
    value_json(v, out);
    text_addc(out, '\n');
}

void out_say(FILE *f, const struct style *s, const char *words)
{
    _cleanup_(text_free) struct text t = {0};
    if (s && s->json)
        json_line(&t, "info", words, NULL);
    else
        text_addf(&t, "%s\n", words);
    fputs(text_str(&t), f);
}

void out_error(struct text *out, const struct style *s, const char *label, const struct error *e)
{
    if (s && s->json) {
        json_line(out, str_eq(label, "error") ? "error" : "warning", NULL, e);
        return;
    }
    const struct place *at = place_of(e);
    style_begin(out, s, COLOUR_BOLD);
    if (at) {
        text_addf(out, "%s:", at->file);
        if (at->line > 0)
            text_addf(out, "%d:", at->line);
        if (at->line > 0 && at->column > 0)
            text_addf(out, "%d:", at->column);
        text_addc(out, ' ');
    }
    style_end(out, s);
    style_begin(out, s, str_eq(label, "error") ? COLOUR_RED : COLOUR_YELLOW);
    text_addf(out, "%s: ", label);
    style_end(out, s);
    _cleanup_(text_free) struct text words = {0};
    if (e->subject && !at)
        text_addf(&words, "%s: ", e->subject);
    error_text(e, &words);
    text_add_safe(out, text_str(&words), MAX_LINE);
    text_addc(out, '\n');
    out_error_more(out, e, 2);
}

/* --- the report */

static void add_failure(struct text *out, const struct style *s, const struct plan *p, const struct report *r,
                        size_t i)
{
    const struct action_report *a = &r->actions[i];
    bool refused = a->outcome == OUTCOME_REFUSED;
    style_add(out, s, refused ? COLOUR_YELLOW : COLOUR_RED, refused ? "refused" : "failed ");
    text_addf(out, "  %s", p->actions[i].id);
    if (!refused) {
        text_add(out, " after ");
        out_duration(out, a->ended - a->started);
    }
    text_addc(out, '\n');
    if (!a->error)
        return;
    _cleanup_(text_free) struct text words = {0};
    if (a->error->subject)
        text_addf(&words, "%s: ", a->error->subject);
    error_text(a->error, &words);
    text_add(out, "    ");
    text_add_safe(out, text_str(&words), MAX_LINE);
    text_addc(out, '\n');
    out_error_more(out, a->error, 6);
}

static void add_skipped(struct text *out, const struct style *s, const struct plan *p, const struct report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct action_report *a = &r->actions[i];
        if (a->outcome != OUTCOME_SKIPPED)
            continue;
        style_add(out, s, COLOUR_YELLOW, "skipped");
        text_addf(out, "  %s", p->actions[i].id);
        if (a->because >= 0)
            text_addf(out, ", because %s was not done", p->actions[a->because].id);
        text_addc(out, '\n');
    }
}

static void add_sums(struct text *out, const struct style *s, const struct report *r)
{
    size_t sums[OUTCOME_CANCELLED + 1] = {0};
    double end = 0;
    for (size_t i = 0; i < r->n; i++) {
        sums[r->actions[i].outcome]++;
        end = r->actions[i].ended > end ? r->actions[i].ended : end;
    }
    bool bad = sums[OUTCOME_DONE] != r->n;
    style_add(out, s, bad ? COLOUR_YELLOW : COLOUR_GREEN,
              r->interrupted ? "Interrupted"
              : bad          ? "Ended"
                             : "Done");
    text_addf(out, ": %zu of %zu %s done", sums[OUTCOME_DONE], r->n, out_plural(r->n, "action", "actions"));
    static const enum outcome others[] = {OUTCOME_FAILED, OUTCOME_SKIPPED, OUTCOME_REFUSED,
                                          OUTCOME_CANCELLED};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (sums[others[i]])
            text_addf(out, ", %zu %s", sums[others[i]],
                      others[i] == OUTCOME_CANCELLED ? "not started" : outcome_name(others[i]));
    text_add(out, " in ");
    out_duration(out, end);
    text_add(out, ".\n");
}

void out_report(struct text *out, const struct style *s, const struct plan *p, const struct report *r,
                const char *log)
{
    bool bad = false;
    for (size_t i = 0; i < r->n; i++)
        if (r->actions[i].outcome == OUTCOME_FAILED || r->actions[i].outcome == OUTCOME_REFUSED) {
            add_failure(out, s, p, r, i);
            bad = true;
        }
    add_skipped(out, s, p, r);
    add_sums(out, s, r);
    if (log && (bad || r->interrupted))
        text_addf(out, "The full log of this run: %s\n", log);
}
