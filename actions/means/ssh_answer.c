#include "actions/means/ssh_run.h"

#include <stdio.h>
#include <string.h>

#define NOISE_MAX 4096
#define LINE_MAX_KEPT 65536
#define MARKER_MAX 48 /* nonce, " end ", three digits, newline */
#define LINGER_S 10   /* after the end marker: a process left behind may hold the output open */

/* --- what the node says: stdout */

static int pass_on(struct ssh_run *r, const char *data, size_t len, struct error **err)
{
    if (!len)
        return 0;
    if (r->x->out)
        return r->x->out(r->x->out_ctx, data, len, err);
    text_addn(&r->ret->out, data, len);
    if (!r->ret->out.failed)
        return 0;
    return error_set(err, ERR_PROTOCOL, "%s: prints more than %zu MiB", r->x->what, r->ret->out.max >> 20);
}

static void drop_front(struct text *t, size_t n)
{
    memmove(t->data, t->data + n, t->len - n + 1);
    t->len -= n;
}

/* The position behind the line `NONCE word…\n` in the held bytes; 0: not there (yet). */
static size_t find_marker(const struct ssh_run *r, const char *word, size_t *start)
{
    char marker[MARKER_MAX];
    int n = snprintf(marker, sizeof marker, "%s %s", r->nonce, word);
    const char *s = r->held.data ? memmem(r->held.data, r->held.len, marker, (size_t)n) : NULL;
    const char *end = s ? memchr(s, '\n', r->held.len - (size_t)(s - r->held.data)) : NULL;
    if (!end)
        return 0;
    *start = (size_t)(s - r->held.data);
    return (size_t)(end - r->held.data) + 1;
}

/* How many of the last bytes may be the beginning of the end marker, the rest of which has not come yet. All
 * others are passed on at once: a log is watched as it grows. */
static size_t marker_piece(const struct ssh_run *r)
{
    char marker[MARKER_MAX];
    size_t n = (size_t)snprintf(marker, sizeof marker, "%s end ", r->nonce);
    for (size_t k = r->held.len < MARKER_MAX ? r->held.len : MARKER_MAX; k > 0; k--)
        if (memcmp(r->held.data + r->held.len - k, marker, k < n ? k : n) == 0)
            return k;
    return 0;
}

int ssh_take_out(struct ssh_run *r, const char *data, size_t len, struct error **err)
{
    size_t start, behind;
    if (r->ended)
        return 0; /* what a login shell prints on its way out */
    text_addn(&r->held, data, len);
    if (!r->begun) {
        behind = find_marker(r, "begin", &start);
        if (!behind) {
            if (r->held.len > NOISE_MAX) /* keep enough to find a marker that is cut in two, and to show */
                drop_front(&r->held, r->held.len - NOISE_MAX);
            return 0;
        }
        r->begun = true;
        drop_front(&r->held, behind);
    }
    behind = find_marker(r, "end ", &start);
    if (behind) {
        r->ended = true;
        r->end_status = atoi(r->held.data + start + SSH_NONCE - 1 + strlen(" end "));
        long long linger = ssh_now_ms() + LINGER_S * 1000LL;
        r->until_ms = linger < r->until_ms ? linger : r->until_ms;
        return pass_on(r, r->held.data, start, err);
    }
    size_t n = r->held.len - marker_piece(r);
    if (pass_on(r, r->held.data, n, err) < 0)
        return -1;
    if (n)
        drop_front(&r->held, n);
    return 0;
}

/* --- what the node says: stderr */

static void wiped_free(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

static int give_password(struct ssh_run *r, struct error **err)
{
    const struct transport_secret *s = &r->t->target->sudo_password;
    char *password = NULL;
    r->asked = true;
    if (s->get && s->get(s->ctx, &password, err) < 0)
        return -1;
    if (!password) {
        error_set(err, ERR_AUTH, "sudo asks for a password of user %s and none is given", r->t->user);
        return error_hint(err,
                          "set passwd for this host, or let the user run everything without one: "
                          "%s ALL=(ALL) NOPASSWD: ALL",
                          r->t->user);
    }
    text_wipe(&r->program);
    text_addf(&r->program, "%s\n", password);
    wiped_free(password);
    return 0;
}

/* The root shell reads its program from here on; sudo takes its password line first. */
static int give_program(struct ssh_run *r, struct error **err)
{
    _cleanup_(text_wipe) struct text all = {0};
    if (r->asked) {
        if (give_password(r, err) < 0)
            return -1;
        text_addn(&all, r->program.data, r->program.len);
        r->t->sudo_checked = true;
    }
    ssh_program_wrap(r->x->script, r->nonce, true, &all);
    text_wipe(&r->program);
    r->program = all;
    all = (struct text){0};
    return 0;
}

void ssh_send_program(struct ssh_run *r)
{
    r->next = r->program.data;
    r->left = r->program.len;
}

static int control(struct ssh_run *r, const char *word, struct error **err)
{
    if (str_eq(word, "ready")) {
        r->feeding = true;
        return 0;
    }
    if (str_eq(word, "fail")) {
        r->failed = true;
        text_clear(&r->ret->err);
        return 0;
    }
    if (r->left || !r->elevate || r->failed || r->feeding || (r->asked && str_eq(word, "ask")))
        return error_set(err, ERR_PROTOCOL, "%s: the node does not follow the order of the conversation",
                         r->x->what);
    if (str_eq(word, "ask")) {
        if (give_password(r, &r->error) < 0) {
            r->eof = true; /* it gives up by itself, and the connection stays usable */
            return 0;
        }
        ssh_send_program(r);
        r->eof = !ssh_has_input(r->x);
        return 0;
    }
    if (!str_eq(word, "go") || !ssh_has_input(r->x))
        return 0;
    if (give_program(r, err) < 0)
        return -1;
    ssh_send_program(r);
    return 0;
}

static void keep_err(struct ssh_run *r, const char *data, size_t len)
{
    size_t max = r->ret->err.max, room = max - r->ret->err.len;
    text_addn(&r->ret->err, data, len < room ? len : room);
}

static int end_line(struct ssh_run *r, bool newline, struct error **err)
{
    char *s = r->line.data;
    char *nonce = strstr(s, r->nonce);
    bool marker = nonce && nonce[SSH_NONCE - 1] == ' ';
    int rc = 0;
    if (marker) {
        keep_err(r, s, (size_t)(nonce - s)); /* an unfinished line may stand before it */
        *nonce = 0;
    } else {
        keep_err(r, s, r->line.len);
        if (newline)
            keep_err(r, "\n", 1);
    }
    if (r->x->line && (!marker || *s)) {
        _cleanup_(text_free) struct text safe = {0};
        text_add_safe(&safe, s, 4096);
        r->x->line(r->x->line_ctx, text_str(&safe));
    }
    if (marker)
        rc = control(r, nonce + SSH_NONCE, err);
    text_clear(&r->line);
    return rc;
}

int ssh_take_err(struct ssh_run *r, const char *data, size_t len, struct error **err)
{
    while (len) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) : len;
        for (size_t i = 0; i < n; i++)
            text_addc(&r->line, data[i] ? data[i] : '?'); /* a NUL would hide the rest of its line */
        if (!r->line.data)
            text_add(&r->line, "");
        if ((end || r->line.len > LINE_MAX_KEPT) && end_line(r, end, err) < 0)
            return -1;
        data += n + (end ? 1 : 0);
        len -= n + (end ? 1 : 0);
    }
    return 0;
}

int ssh_take_err_end(struct ssh_run *r, struct error **err)
{
    return r->line.len ? end_line(r, false, err) : 0;
}
