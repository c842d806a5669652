#include "actions/means/ssh_run.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_MAX ((size_t)16 * 1024 * 1024)
#define CLOSE_S 10

void transport_result_free(struct transport_result *r)
{
    text_wipe(&r->out);
    text_wipe(&r->err);
}

/* --- moving bytes */

/* libssh2 wants a call that it could not finish sending repeated before any other. */
static int push_through(struct ssh_run *r, ssize_t rc, struct error **err)
{
    if (rc != LIBSSH2_ERROR_EAGAIN)
        return 0;
    if (!(libssh2_session_block_directions(r->t->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND))
        return 0;
    return ssh_wait(r->t, r->until_ms, r->x->what, err) < 0 ? -1 : 1;
}

static int read_stream(struct ssh_run *r, int stream, bool *progress, struct error **err)
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
        if ((stream ? ssh_take_err(r, buf, (size_t)n, err) : ssh_take_out(r, buf, (size_t)n, err)) < 0)
            return -1;
    }
    return 0;
}

static int next_input(struct ssh_run *r, struct error **err)
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

static int write_some(struct ssh_run *r, bool *progress, struct error **err)
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

static bool unread(struct ssh_run *r)
{
    unsigned long available = 0;
    libssh2_channel_window_read_ex(r->channel, &available, NULL);
    return available > 0;
}

static int converse(struct ssh_run *r, struct error **err)
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
            return ssh_take_err_end(r, err);
        /* Reading one stream may have taken the other's packets off the socket: poll() would not see them. */
        if (!unread(r) && ssh_wait(r->t, r->until_ms, r->x->what, err) < 0)
            return -1;
    }
}

static int open_channel(struct ssh_run *r, struct error **err)
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

static int sudo_failed(struct ssh_run *r, struct error **err)
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

static int judge(struct ssh_run *r, int status, const char *signal_name, struct error **err)
{
    const char *what = r->x->what;
    if (r->error) {
        if (err)
            *err = TAKE(r->error);
        return -1;
    }
    if (r->failed || (r->asked && !r->begun && !signal_name))
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

static int finish(struct ssh_run *r, struct error **err)
{
    struct transport *t = r->t;
    long long until_ms = ssh_now_ms() + CLOSE_S * 1000LL;
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

static int run_it(struct ssh_run *r, struct error **err)
{
    const struct transport_exec *x = r->x;
    unsigned char dice[16];
    if (RAND_bytes(dice, sizeof dice) != 1)
        return error_set(err, ERR_INTERNAL, "no random numbers");
    for (size_t i = 0; i < sizeof dice; i++)
        snprintf(r->nonce + 2 * i, 3, "%02x", dice[i]);
    r->elevate = !x->as_login_user && !str_eq(r->t->user, "root");
    if (r->elevate)
        ssh_program_elevate(x->script, r->nonce, ssh_has_input(x), r->t->sudo_checked, &r->program);
    else
        ssh_program_wrap(x->script, r->nonce, ssh_has_input(x), &r->program);
    ssh_send_program(r);
    /* With sudo the input stays open for the password. If sudo does not ask, the program's stdin is a pipe
     * that holds the program alone, and the end of our side is not waited for. */
    r->eof = !ssh_has_input(x) && !r->elevate;
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
    struct ssh_run r = {.t = t, .x = &call, .ret = ret};
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
