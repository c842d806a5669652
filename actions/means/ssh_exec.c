#include "actions/means/ssh_internal.h"

#include "actions/means/ssh_program.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_MAX ((size_t)16 * 1024 * 1024)
#define NOISE_MAX 4096
#define LINE_MAX_KEPT 65536
#define MARKER_MAX 48 /* nonce, " end ", three digits, newline */
#define LINGER_S 10   /* after the end marker: a process left behind may hold the output open */

struct run {
    struct transport *t;
    const struct transport_exec *x;
    struct transport_result *ret;
    LIBSSH2_CHANNEL *channel;
    char nonce[SSH_NONCE];
    long long until_ms;

    /* to the node */
    struct text program; /* wiped: a password may be in it */
    const char *next;    /* being sent */
    size_t left;
    bool feeding;       /* the program is ready for its input */
    bool eof, eof_sent; /* nothing more comes; said so */
    bool elevate, asked;
    size_t input_done;

    /* stdout */
    struct text held; /* not yet passed on: the noise before, or what may be a piece of the end marker */
    bool begun, ended;
    int end_status;

    /* stderr */
    struct text line;
    bool failed;         /* sudo would not; the rest of stderr says why */
    struct error *error; /* the program must still be brought to its end */
};

void transport_result_free(struct transport_result *r)
{
    text_wipe(&r->out);
    text_wipe(&r->err);
}

static bool has_input(const struct transport_exec *x)
{
    return x->input || x->feed;
}

/* --- what the node says: stdout */

static int pass_on(struct run *r, const char *data, size_t len, struct error **err)
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
static size_t find_marker(const struct run *r, const char *word, size_t *start)
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
static size_t marker_piece(const struct run *r)
{
    char marker[MARKER_MAX];
    size_t n = (size_t)snprintf(marker, sizeof marker, "%s end ", r->nonce);
    for (size_t k = r->held.len < MARKER_MAX ? r->held.len : MARKER_MAX; k > 0; k--)
        if (memcmp(r->held.data + r->held.len - k, marker, k < n ? k : n) == 0)
            return k;
    return 0;
}

static int take_out(struct run *r, const char *data, size_t len, struct error **err)
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

static int give_password(struct run *r, struct error **err)
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
static int give_program(struct run *r, struct error **err)
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

static void send_program(struct run *r)
{
    r->next = r->program.data;
    r->left = r->program.len;
}

static int control(struct run *r, const char *word, struct error **err)
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
    if (r->left || !r->elevate || r->failed || r->feeding)
        return error_set(err, ERR_PROTOCOL, "%s: the node does not follow the order of the conversation",
                         r->x->what);
    if (str_eq(word, "ask")) {
        if (give_password(r, &r->error) < 0) {
            r->eof = true; /* it gives up by itself, and the connection stays usable */
            return 0;
        }
        send_program(r);
        r->eof = !has_input(r->x);
        return 0;
    }
    if (!str_eq(word, "go") || !has_input(r->x))
        return 0;
    if (give_program(r, err) < 0)
        return -1;
    send_program(r);
    return 0;
}

static void keep_err(struct run *r, const char *data, size_t len)
{
    size_t max = r->ret->err.max, room = max - r->ret->err.len;
    text_addn(&r->ret->err, data, len < room ? len : room);
}

static int end_line(struct run *r, bool newline, struct error **err)
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

static int take_err(struct run *r, const char *data, size_t len, struct error **err)
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

/* --- moving bytes */

/* libssh2 wants a call that it could not finish sending repeated before any other. */
static int push_through(struct run *r, ssize_t rc, struct error **err)
{
    if (rc != LIBSSH2_ERROR_EAGAIN)
        return 0;
    if (!(libssh2_session_block_directions(r->t->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND))
        return 0;
    return ssh_wait(r->t, r->until_ms, r->x->what, err) < 0 ? -1 : 1;
}

static int read_stream(struct run *r, int stream, bool *progress, struct error **err)
{
    char buf[32768];
    for (int i = 0; i < 32; i++) { /* then the other stream and the input take their turns */
        ssize_t n = libssh2_channel_read_ex(r->channel, stream, buf, sizeof buf);
        int again = push_through(r, n, err);
        if (again < 0)
            return -1;
        if (again)
            continue;
        if (n == 0 || n == LIBSSH2_ERROR_EAGAIN)
            return 0;
        if (n < 0)
            return ssh_failed(r->t, (int)n, ERR_PROTOCOL, r->x->what, err);
        *progress = true;
        if ((stream ? take_err(r, buf, (size_t)n, err) : take_out(r, buf, (size_t)n, err)) < 0)
            return -1;
    }
    return 0;
}

static int next_input(struct run *r, struct error **err)
{
    if (!r->feeding || r->eof)
        return 0;
    if (r->x->feed) {
        const void *data = NULL;
        if (r->x->feed(r->x->feed_ctx, &data, &r->left, err) < 0)
            return -1;
        r->next = data;
    } else if (!r->input_done) {
        r->next = r->x->input;
        r->left = r->x->input_len;
        r->input_done = 1;
    }
    r->eof = !r->left;
    return 0;
}

static bool gone(ssize_t rc)
{
    return rc == LIBSSH2_ERROR_CHANNEL_CLOSED || rc == LIBSSH2_ERROR_CHANNEL_EOF_SENT;
}

static int write_some(struct run *r, bool *progress, struct error **err)
{
    for (int i = 0; i < 8; i++) {
        if (!r->left && next_input(r, err) < 0)
            return -1;
        if (!r->left)
            break;
        ssize_t n = libssh2_channel_write_ex(r->channel, 0, r->next, r->left);
        int again = push_through(r, n, err);
        if (again < 0)
            return -1;
        if (again)
            continue;
        if (n == 0 || n == LIBSSH2_ERROR_EAGAIN)
            return 0; /* the node's window is shut: what it prints must be read first */
        if (gone(n)) {
            r->left = 0; /* it ended without reading all its input; its status says how */
            r->eof = r->eof_sent = true;
            break;
        }
        if (n < 0)
            return ssh_failed(r->t, (int)n, ERR_PROTOCOL, r->x->what, err);
        r->ret->sent = *progress = true;
        r->next += n;
        r->left -= (size_t)n;
    }
    if (!r->left && r->eof && !r->eof_sent) {
        int rc;
        SSH_UNTIL(r->t, rc, r->until_ms, r->x->what, err, libssh2_channel_send_eof(r->channel));
        if (rc < 0 && !gone(rc))
            return ssh_failed(r->t, rc, ERR_PROTOCOL, r->x->what, err);
        r->eof_sent = true;
        *progress = true;
    }
    return 0;
}

static bool unread(struct run *r)
{
    unsigned long available = 0;
    libssh2_channel_window_read_ex(r->channel, &available, NULL);
    return available > 0;
}

static int converse(struct run *r, struct error **err)
{
    for (;;) {
        bool progress = false;
        if (write_some(r, &progress, err) < 0 || read_stream(r, 0, &progress, err) < 0 ||
            read_stream(r, SSH_EXTENDED_DATA_STDERR, &progress, err) < 0)
            return -1;
        if (ssh_now_ms() >= r->until_ms)
            return error_set(err, ERR_TIMEOUT, "%s: not done in time", r->x->what);
        if (progress)
            continue;
        if (libssh2_channel_eof(r->channel) == 1)
            return r->line.len ? end_line(r, false, err) : 0;
        /* Reading one stream may have taken the other's packets off the socket: poll() would not see them. */
        if (!unread(r) && ssh_wait(r->t, r->until_ms, r->x->what, err) < 0)
            return -1;
    }
}

static int open_channel(struct run *r, struct error **err)
{
    struct transport *t = r->t;
    while (!(r->channel = libssh2_channel_open_session(t->session))) {
        int rc = libssh2_session_last_errno(t->session);
        if (rc != LIBSSH2_ERROR_EAGAIN)
            return ssh_failed(t, rc, ERR_UNREACHABLE, "open a channel", err);
        if (ssh_wait(t, r->until_ms, "open a channel", err) < 0)
            return -1;
    }
    int rc;
    SSH_UNTIL(t, rc, r->until_ms, "start a shell", err,
              libssh2_channel_process_startup(r->channel, "exec", 4, "sh -s", 5));
    return rc == 0 ? 0 : ssh_failed(t, rc, ERR_PROTOCOL, "start a shell", err);
}

/* --- how it ended */

static int sudo_failed(struct run *r, struct error **err)
{
    const char *user = r->t->user, *why = text_str(&r->ret->err);
    _cleanup_(text_free) struct text safe = {0};
    text_add_safe(&safe, why, 300);
    if (strstr(why, "no builtin printf"))
        return error_set(err, ERR_AUTH,
                         "the node's sh has no printf of its own, so a sudo password cannot be given safely");
    if (strstr(why, "no sudo")) {
        error_set(err, ERR_AUTH, "user %s is not root, and there is no sudo on the node", user);
        return error_hint(err, "install sudo there, or log in as root");
    }
    if (strstr(why, "tty") || strstr(why, "terminal is required")) {
        error_set(err, ERR_AUTH, "sudo insists on a terminal for user %s (requiretty)", user);
        return error_hint(err, "add to the node's sudoers: Defaults:%s !requiretty", user);
    }
    if (strstr(why, "not in the sudoers") || strstr(why, "not allowed to")) {
        error_set(err, ERR_AUTH, "user %s may not use sudo: %s", user, text_str(&safe));
        return error_hint(err, "add to the node's sudoers: %s ALL=(ALL) ALL", user);
    }
    if (r->asked) {
        error_set(err, ERR_AUTH, "sudo refuses the password of user %s", user);
        return error_hint(
            err, "correct passwd for this host, or add to the node's sudoers: %s ALL=(ALL) NOPASSWD: ALL",
            user);
    }
    return error_set(err, ERR_AUTH, "sudo fails for user %s: %s", user, text_str(&safe));
}

static int judge(struct run *r, int status, const char *signal_name, struct error **err)
{
    const char *what = r->x->what;
    if (r->error) {
        if (err)
            *err = TAKE(r->error);
        return -1;
    }
    if (r->failed)
        return sudo_failed(r, err);
    if (signal_name) {
        _cleanup_(text_free) struct text safe = {0};
        text_add_safe(&safe, signal_name, 20);
        return error_set(err, ERR_REMOTE_EXIT, "%s: killed by signal %s", what, text_str(&safe));
    }
    if (!r->begun) {
        error_set(err, ERR_PROTOCOL, "%s: the login shell of user %s did not run our program (status %d)",
                  what, r->t->user, status);
        _cleanup_(text_free) struct text safe = {0};
        text_add_safe(&safe, text_str(&r->held), 1000);
        text_add_safe(&safe, text_str(&r->ret->err), 1000);
        if (safe.len)
            error_detail(err, text_str(&safe));
        return error_hint(err,
                          "look at its login files: something there ends the session or takes its input");
    }
    if (!r->ended)
        return error_set(err, ERR_PROTOCOL, "%s: the program was cut short (status %d)", what, status);
    if (status != r->end_status)
        return error_set(err, ERR_PROTOCOL, "%s: the program ended with status %d, but the node says %d",
                         what, r->end_status, status);
    r->ret->status = status;
    return 0;
}

static int finish(struct run *r, struct error **err)
{
    struct transport *t = r->t;
    long long until_ms = ssh_now_ms() + LINGER_S * 1000LL;
    int rc;
    SSH_UNTIL(t, rc, until_ms, "close a channel", err, libssh2_channel_close(r->channel));
    if (rc == 0)
        SSH_UNTIL(t, rc, until_ms, "close a channel", err, libssh2_channel_wait_closed(r->channel));
    if (rc < 0)
        return ssh_failed(t, rc, ERR_UNREACHABLE, "close a channel", err);
    int status = libssh2_channel_get_exit_status(r->channel);
    char *name = NULL;
    size_t len = 0;
    libssh2_channel_get_exit_signal(r->channel, &name, &len, NULL, NULL, NULL, NULL);
    SSH_UNTIL(t, rc, until_ms, "close a channel", err, libssh2_channel_free(r->channel));
    r->channel = NULL;
    rc = judge(r, status, len ? name : NULL, err);
    if (name)
        libssh2_free(t->session, name);
    return rc;
}

static int run_it(struct run *r, struct error **err)
{
    const struct transport_exec *x = r->x;
    unsigned char dice[16];
    if (RAND_bytes(dice, sizeof dice) != 1)
        return error_set(err, ERR_INTERNAL, "no random numbers");
    for (size_t i = 0; i < sizeof dice; i++)
        snprintf(r->nonce + 2 * i, 3, "%02x", dice[i]);
    r->elevate = !x->as_login_user && !str_eq(r->t->user, "root");
    if (r->elevate)
        ssh_program_elevate(x->script, r->nonce, has_input(x), r->t->sudo_checked, &r->program);
    else
        ssh_program_wrap(x->script, r->nonce, has_input(x), &r->program);
    send_program(r);
    /* With sudo the input stays open for the password. If sudo does not ask, the program's stdin is a pipe
     * that holds the program alone, and the end of our side is not waited for. */
    r->eof = !has_input(x) && !r->elevate;
    if (open_channel(r, err) < 0)
        return -1;
    bool failed = converse(r, err) < 0;
    if (failed) {
        if (r->ended && err && (*err)->code == ERR_TIMEOUT)
            error_set(err, ERR_PROTOCOL, "%s: it ended, but left a process behind that holds its output open",
                      x->what);
        return -1;
    }
    return finish(r, err);
}

int transport_exec(struct transport *t, const struct transport_exec *x, struct transport_result *ret,
                   struct error **err)
{
    struct error *own = NULL, **e = err ? err : &own;
    struct transport_exec call = *x;
    call.what = x->what ? x->what : "run a program";
    struct run r = {.t = t, .x = &call, .ret = ret};
    t->heard_ms = ssh_now_ms(); /* the silence of an idle connection says nothing */
    r.until_ms = t->heard_ms + 1000LL * (x->timeout_s ? x->timeout_s : t->command_s);
    ret->out.max = x->out_max ? x->out_max : OUTPUT_MAX;
    ret->err.max = x->err_max ? x->err_max : OUTPUT_MAX;
    int rc = run_it(&r, e);
    if (r.channel)
        t->broken = true; /* nobody knows what the node still sends on it; the session frees it */
    if (rc < 0)
        error_subject(e, t->name);
    if (rc == 0 && r.asked)
        t->sudo_checked = true;
    error_free(own);
    error_free(r.error);
    text_wipe(&r.program);
    text_wipe(&r.held);
    text_wipe(&r.line);
    return rc;
}
