#include "actions/means/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_OUTPUT = 16 * 1024 * 1024, TICK_MS = 100, GRACE_MS = 2000 };

extern char **environ;

struct child {
    pid_t pid;
    int pidfd, in, out, err;
};

void process_output_free(struct process_output *o)
{
    text_wipe(&o->out);
    text_wipe(&o->err);
}

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int spawn(const struct process *p, int in, int out, int err, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, defaults;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setpgroup(&attr,
                              0); /* its own group: Ctrl-C is ours to pass on, and all of it can be ended */
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (in >= 0)
        posix_spawn_file_actions_adddup2(&actions, in, 0);
    else
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    int r = posix_spawnp(ret, p->argv[0], &actions, &attr, (char *const *)(void *)p->argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

static int start(const struct process *p, struct child *c, struct error **err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, two[2] = {-1, -1}, r = -1;
    /* stdin is a socket, so that writing to a program that has ended is EPIPE and never SIGPIPE */
    if ((p->input && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in)) || pipe2(out, O_CLOEXEC) ||
        pipe2(two, O_CLOEXEC)) {
        error_errno(err, errno, "start %s", p->argv[0]);
        goto end;
    }
    int failed = spawn(p, in[1], out[1], two[1], &c->pid);
    if (failed) {
        if (failed == ENOENT)
            error_set(err, ERR_NOT_FOUND, "the program '%s' is not installed", p->argv[0]);
        else
            error_errno(err, failed, "start %s", p->argv[0]);
        goto end;
    }
    c->pidfd = pidfd_open(c->pid, 0);
    c->in = in[0];
    c->out = out[0];
    c->err = two[0];
    in[0] = out[0] = two[0] = -1;
    if (c->in >= 0)
        fcntl(c->in, F_SETFL, O_NONBLOCK);
    fcntl(c->out, F_SETFL, O_NONBLOCK);
    fcntl(c->err, F_SETFL, O_NONBLOCK);
    r = 0;
end:
    for (int i = 0; i < 2; i++) {
        shut(&in[i]);
        shut(&out[i]);
        shut(&two[i]);
    }
    return r;
}

/* Reads what is there; closes at the end of file. */
static void drain(int *fd, struct text *into)
{
    char buffer[16384];
    while (*fd >= 0) {
        ssize_t n = read(*fd, buffer, sizeof buffer);
        if (n > 0)
            text_addn(into, buffer, (size_t)n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            shut(fd);
        else if (errno == EAGAIN)
            return;
    }
}

static void give(struct child *c, const struct process *p, size_t *sent)
{
    while (c->in >= 0 && *sent < p->input_len) {
        ssize_t n = send(c->in, (const char *)p->input + *sent, p->input_len - *sent, MSG_NOSIGNAL);
        if (n > 0)
            *sent += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            return;
        else if (n < 0 && errno != EINTR)
            break; /* it did not want all of it: its exit status tells */
    }
    shut(&c->in);
}

/* Feeds and listens until the child has ended. Returns 0, or the code of what stopped it. */
static enum error_code converse(const struct process *p, struct child *c, struct process_output *ret)
{
    long long begun = now_ms(), kill_at = 0;
    enum error_code stopped = ERR_CODES;
    size_t sent = 0;
    for (;;) {
        struct pollfd fds[4] = {{.fd = c->pidfd, .events = POLLIN},
                                {.fd = c->out, .events = POLLIN},
                                {.fd = c->err, .events = POLLIN},
                                {.fd = c->in, .events = POLLOUT}};
        poll(fds, 4, TICK_MS);
        give(c, p, &sent);
        drain(&c->out, &ret->out);
        drain(&c->err, &ret->err);
        if (fds[0].revents) /* looked at before the last drain, so nothing that it wrote is missed */
            return stopped;
        if (stopped == ERR_CODES) {
            if (p->cancel && atomic_load(p->cancel))
                stopped = ERR_CANCELLED;
            else if (p->timeout_s && now_ms() - begun >= (long long)p->timeout_s * 1000)
                stopped = ERR_TIMEOUT;
            else if (ret->out.failed || ret->err.failed)
                stopped = ERR_PROTOCOL;
            if (stopped != ERR_CODES) {
                kill(-c->pid, SIGTERM);
                kill_at = now_ms() + GRACE_MS;
            }
        } else if (now_ms() >= kill_at) {
            kill(-c->pid, SIGKILL);
        }
    }
}

static int judge(const struct process *p, enum error_code stopped, struct process_output *ret,
                 struct error **err)
{
    const char *what = p->what ? p->what : p->argv[0];
    if (stopped == ERR_CODES && (ret->out.failed || ret->err.failed))
        stopped = ERR_PROTOCOL;
    if (stopped == ERR_CANCELLED)
        return error_set(err, ERR_CANCELLED, "%s: interrupted", what);
    if (stopped == ERR_TIMEOUT)
        return error_set(err, ERR_TIMEOUT, "%s: %s did not end within %u s", what, p->argv[0], p->timeout_s);
    if (stopped == ERR_PROTOCOL)
        return error_set(err, ERR_PROTOCOL, "%s: %s printed more than expected", what, p->argv[0]);
    if (ret->status == 0 || p->any_status)
        return 0;
    error_set(err, ERR_IO, "%s: %s ended with status %d", what, p->argv[0], ret->status);
    return ret->err.len ? error_detail(err, text_str(&ret->err)) : -1;
}

int process_run(const struct process *p, struct process_output *ret, struct error **err)
{
    struct child c = {.pid = -1, .pidfd = -1, .in = -1, .out = -1, .err = -1};
    ret->out.max = ret->err.max = p->max_output ? p->max_output : MAX_OUTPUT;
    if (start(p, &c, err))
        return -1;
    enum error_code stopped = converse(p, &c, ret);
    int status = 0;
    while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    shut(&c.pidfd);
    shut(&c.in);
    shut(&c.out);
    shut(&c.err);
    return judge(p, stopped, ret, err);
}
