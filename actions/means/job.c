#include "actions/means/job.h"

#include "actions/means/ssh_world.h"
#include "model/digest.h"

#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

extern const char onnode_job[];

#define LINES 30 /* of the log, in an error's detail */
#define LINE_WIDTH 400
#define GRACE_S 60 /* beyond the job's own deadline: the node ends it, and says so */

struct follow {
    const struct world_job *job;
    struct text line; /* not yet ended */
    char *last[LINES];
    size_t n;              /* lines in all */
    unsigned long long at; /* bytes of the log that came */
    char seen[64];         /* the run it is attached to */
    enum { NO_END, END, LATE, GONE, BUSY } end;
    int status;
};

static void follow_free(struct follow *f)
{
    text_free(&f->line);
    for (size_t i = 0; i < LINES; i++)
        free(f->last[i]);
}

static void take_line(struct follow *f)
{
    _cleanup_(text_free) struct text safe = {0};
    text_add_safe(&safe, text_str(&f->line), 4096);
    if (f->job->line)
        f->job->line(f->job->line_ctx, text_str(&safe));
    text_clear(&safe);
    text_add_safe(&safe, text_str(&f->line), LINE_WIDTH);
    free(f->last[f->n % LINES]);
    f->last[f->n++ % LINES] = text_take(&safe);
    text_clear(&f->line);
}

/* The job's log, as it grows. */
static int on_log(void *ctx, const void *data, size_t len, struct error **err)
{
    struct follow *f = ctx;
    (void)err;
    f->at += len;
    for (const char *p = data, *end = p + len; p < end; p++) {
        if (*p == '\n' || *p == '\r' || f->line.len >= 65536) {
            if (*p != '\r' || f->line.len) /* progress bars redraw their line */
                take_line(f);
            if (*p == '\n' || *p == '\r')
                continue;
        }
        text_addc(&f->line, *p ? *p : '?');
    }
    return 0;
}

/* What job.sh says of it. */
static void on_word(void *ctx, const char *line)
{
    struct follow *f = ctx;
    if (sscanf(line, "job at %63s", f->seen) == 1)
        return;
    if (sscanf(line, "job end %d", &f->status) == 1)
        f->end = END;
    else if (sscanf(line, "job late %d", &f->status) == 1)
        f->end = LATE;
    else if (str_eq(line, "job gone"))
        f->end = GONE;
    else if (str_eq(line, "job busy"))
        f->end = BUSY;
}

static void program(const struct world *w, const struct follow *f, const char *run, struct text *out)
{
    const struct world_job *j = f->job;
    char digest[DIGEST_HEX];
    digest_hex(j->script, strlen(j->script), digest);
    const char *const values[][2] = {{"CLUSTER", world_ssh_cluster(w)},
                                     {"KEY", j->key},
                                     {"DIGEST", digest},
                                     {"RUN", run},
                                     {"SEEN", f->seen},
                                     {"SECRET", j->secret ? "yes" : "no"}};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        text_addf(out, "%s=", values[i][0]);
        text_add_quoted(out, values[i][1]);
        text_addc(out, '\n');
    }
    text_addf(out, "FROM=%llu\nTIMEOUT=%u\n", f->at, j->timeout_s);
    /* No line of the script can be its own digest. */
    text_addf(out, "job_script() {\ncat <<'%s'\n%s\n%s\n}\n", digest, j->script, digest);
    text_add(out, onnode_job);
}

static void last_lines(const struct follow *f, struct text *out)
{
    for (size_t i = f->n > LINES ? f->n - LINES : 0; i < f->n; i++)
        text_addf(out, "%s%s", out->len ? "\n" : "", f->last[i % LINES]);
}

static void unit_lines(struct world *w, int node, const char *unit, struct text *out)
{
    _cleanup_(text_free) struct text script = {0};
    _cleanup_(transport_result_free) struct transport_result r = {0};
    text_add(&script,
             "command -v journalctl >/dev/null 2>&1 || exit 0\njournalctl --no-pager -q -n 15 -o cat -u ");
    text_add_quoted(&script, unit);
    text_add(&script, " 2>/dev/null\n");
    struct transport_exec x = {
        .script = text_str(&script), .timeout_s = 20, .out_max = 256 * 1024, .what = "read the journal"};
    if (world_ssh_exec(w, node, &x, true, &r, NULL) < 0 || !r.out.len)
        return;
    text_addf(out, "%slast lines of %s:", out->len ? "\n" : "", unit);
    char *save = NULL;
    for (char *s = strtok_r(r.out.data, "\n", &save); s; s = strtok_r(NULL, "\n", &save)) {
        text_add(out, "\n");
        text_add_safe(out, s, LINE_WIDTH);
    }
}

static int verdict(struct world *w, int node, struct follow *f, const struct transport_result *r,
                   struct error **err)
{
    const struct world_job *j = f->job;
    _cleanup_(text_free) struct text detail = {0};
    if (f->line.len)
        take_line(f);
    if (f->end == END && f->status == 0)
        return 0;
    last_lines(f, &detail);
    switch (f->end) {
    case BUSY:
        error_set(err, ERR_CONFLICT, "%s: another job %s is still running on the node", j->what, j->key);
        error_hint(err, "let it end, then run again");
        break;
    case LATE:
        error_set(err, ERR_TIMEOUT, "%s: not done within %u s, and ended on the node", j->what, j->timeout_s);
        break;
    case GONE:
        error_set(err, ERR_REMOTE_EXIT,
                  "%s: its job ended without leaving a status (was the node restarted?)", j->what);
        break;
    case END: {
        bool full = strstr(text_str(&detail), "No space left on device");
        error_set(err, full ? ERR_NO_SPACE : ERR_REMOTE_EXIT, "%s: failed with status %d", j->what,
                  f->status);
        break;
    }
    case NO_END: {
        bool full = strstr(text_str(&r->err), "No space left on device");
        error_set(err, full ? ERR_NO_SPACE : ERR_REMOTE_EXIT, "%s: its job cannot be started (status %d)",
                  j->what, r->status);
        _cleanup_(text_free) struct text safe = {0};
        text_add_safe(&safe, text_str(&r->err), 1000);
        return error_detail(err, text_str(&safe));
    }
    }
    if (j->unit && f->end != BUSY)
        unit_lines(w, node, j->unit, &detail);
    if (detail.len)
        error_detail(err, text_str(&detail));
    return -1;
}

static long long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Is it worth another connection? Only what has to do with the connection itself is. */
static bool cut(const struct error *e)
{
    return e->code == ERR_UNREACHABLE || e->code == ERR_PROTOCOL;
}

static bool valid_key(const char *key)
{
    return key && *key && *key != '.' &&
           strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(key) && strlen(key) < 128;
}

static int follow(struct world *w, int node, struct follow *f, const char *run, struct transport_result *r,
                  struct error **err)
{
    long long until_ms = now_ms() + 1000LL * ((long long)f->job->timeout_s + GRACE_S);
    bool sent = false;
    for (unsigned try = 0;; try++) {
        _cleanup_(text_wipe) struct text script = {0};
        _cleanup_(error_freep) struct error *why = NULL;
        program(w, f, run, &script);
        long long left_s = (until_ms - now_ms()) / 1000;
        struct transport_exec x = {.script = text_str(&script),
                                   .out = on_log,
                                   .out_ctx = f,
                                   .line = on_word,
                                   .line_ctx = f,
                                   .err_max = 65536,
                                   .timeout_s = left_s > 1 ? (unsigned)left_s : 1,
                                   .what = f->job->what};
        if (f->job->secret) {
            x.input = f->job->secret;
            x.input_len = strlen(f->job->secret);
        }
        transport_result_free(r);
        unsigned long long before = f->at;
        if (world_ssh_exec(w, node, &x, false, r, &why) == 0)
            return 0;
        sent = sent || r->sent;
        /* A bound of tries for what never got further, so that a broken shell is not asked for ever. */
        if (f->at > before)
            try = 0;
        long long pause_ms = 250LL << (try < 5 ? try : 5);
        struct pollfd p = {.fd = world_ssh_cancel_fd(w), .events = POLLIN};
        if (!sent || !cut(why) || (why->code == ERR_PROTOCOL && try >= 3) ||
            now_ms() + pause_ms >= until_ms || poll(&p, 1, (int)pause_ms) > 0) {
            if (err)
                *err = TAKE(why);
            return -1;
        }
    }
}

int job_run(struct world *w, int node, const struct world_job *j, struct error **err)
{
    struct world_job job = *j;
    job.what = j->what ? j->what : j->key;
    job.timeout_s = j->timeout_s ? j->timeout_s : 600;
    _cleanup_(follow_free) struct follow f = {.job = &job};
    _cleanup_(transport_result_free) struct transport_result r = {0};
    unsigned char dice[8];
    char run[17];
    if (!valid_key(j->key) || !j->script)
        return error_set(err, ERR_INTERNAL, "a job needs a script and a key of [a-z0-9.-]");
    if (RAND_bytes(dice, sizeof dice) != 1)
        return error_set(err, ERR_INTERNAL, "no random numbers");
    for (size_t i = 0; i < sizeof dice; i++)
        snprintf(run + 2 * i, 3, "%02x", dice[i]);
    int rc = follow(w, node, &f, run, &r, err);
    if (rc == 0)
        rc = verdict(w, node, &f, &r, err);
    if (rc < 0)
        error_subject(err, world_ssh_name(w, node));
    return rc;
}
