#include "reconciler/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static int pipe_fds[2] = {-1, -1};
static volatile sig_atomic_t count, first;

static void handler(int signal)
{
    int saved = errno;
    if (!first)
        first = signal;
    if (++count > 2)
        _exit(128 + signal); /* the user insists, and something does not end */
    unsigned char c = (unsigned char)signal;
    ssize_t n = write(pipe_fds[1], &c, 1);
    (void)n; /* a full pipe holds signals enough */
    errno = saved;
}

int signals_init(struct error **err)
{
    if (pipe_fds[0] < 0 && pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_errno(err, errno, "cannot make a pipe for signals");
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    static const int caught[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < ARRAY_LEN(caught); i++) {
        struct sigaction old;
        /* nohup and background jobs of a shell start with it ignored: that stays */
        if (sigaction(caught[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN && caught[i] == SIGINT)
            continue;
        if (sigaction(caught[i], &sa, NULL) < 0)
            return error_errno(err, errno, "cannot catch signal %d", caught[i]);
    }
    return 0;
}

int signals_fd(void)
{
    return pipe_fds[0];
}

int signals_next(void)
{
    unsigned char c;
    return pipe_fds[0] >= 0 && read(pipe_fds[0], &c, 1) == 1 ? c : 0;
}

int signals_seen(void)
{
    return first;
}

void signals_block(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}
