#include "reconciler/execute_pool.h"

#include "reconciler/signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)512 * 1024)

struct queue {
    struct task **tasks;
    size_t head, n, cap;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work; /* todo has something, or closing */
    struct queue todo, ended;
    int wake; /* eventfd: ended has something */
    pthread_t *threads;
    unsigned n_threads, max_threads, idle;
    bool closing;
};

static void queue_push(struct queue *q, struct task *t)
{
    if (q->head > 0 && q->n == q->cap) { /* room at the front before more memory */
        memmove(q->tasks, q->tasks + q->head, (q->n - q->head) * sizeof(struct task *));
        q->n -= q->head;
        q->head = 0;
    }
    struct task **slot = mem_push(&q->tasks, &q->n, &q->cap, sizeof(struct task *));
    *slot = t;
}

static struct task *queue_pop(struct queue *q)
{
    if (q->head == q->n)
        return NULL;
    struct task *t = q->tasks[q->head++];
    if (q->head == q->n)
        q->head = q->n = 0;
    return t;
}

static void *worker(void *arg)
{
    struct pool *p = arg;
    signals_block();
    pthread_mutex_lock(&p->lock);
    while (true) {
        struct task *t;
        while (!(t = queue_pop(&p->todo)) && !p->closing) {
            p->idle++;
            pthread_cond_wait(&p->work, &p->lock);
            p->idle--;
        }
        if (!t)
            break;
        pthread_mutex_unlock(&p->lock);
        t->work(t);
        pthread_mutex_lock(&p->lock);
        queue_push(&p->ended, t);
        uint64_t one = 1;
        ssize_t n = write(p->wake, &one, sizeof one);
        (void)n; /* it only fails when its counter is full, and then it is readable */
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* The lock is held. Without a new thread the tasks wait for those there are; the first one must come up. */
static void add_thread(struct pool *p)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    if (pthread_create(&p->threads[p->n_threads], &attr, worker, p) == 0)
        p->n_threads++;
    pthread_attr_destroy(&attr);
    if (p->n_threads == 0)
        abort();
}

static double pool_now(void *ctx)
{
    (void)ctx;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void pool_start(void *ctx, struct task *t)
{
    struct pool *p = ctx;
    pthread_mutex_lock(&p->lock);
    queue_push(&p->todo, t);
    if (p->todo.n - p->todo.head > p->idle && p->n_threads < p->max_threads)
        add_thread(p);
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

static struct task *take_ended(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    struct task *t = queue_pop(&p->ended);
    pthread_mutex_unlock(&p->lock);
    return t;
}

static struct task *pool_wait(void *ctx, double deadline, int *ret_signal)
{
    struct pool *p = ctx;
    while (true) {
        *ret_signal = signals_next();
        struct task *t = take_ended(p);
        double left = deadline - pool_now(p);
        if (t || *ret_signal || left <= 0)
            return t;
        struct pollfd fds[] = {{.fd = p->wake, .events = POLLIN}, {.fd = signals_fd(), .events = POLLIN}};
        int ms = left > 3600 ? 3600 * 1000 : (int)(left * 1000) + 1;
        poll(fds, ARRAY_LEN(fds), ms); /* EINTR and all: look again */
        uint64_t seen;
        ssize_t n = read(p->wake, &seen, sizeof seen);
        (void)n;
    }
}

int pool_new(unsigned threads, struct pool **ret, struct error **err)
{
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake < 0)
        return error_errno(err, errno, "cannot make an eventfd");
    struct pool *p = mem_alloc(sizeof *p);
    p->wake = wake;
    p->max_threads = threads ? threads : 1;
    p->threads = mem_array(NULL, p->max_threads, sizeof *p->threads);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    *ret = p;
    return 0;
}

struct runner pool_runner(struct pool *p)
{
    return (struct runner){.now = pool_now, .start = pool_start, .wait = pool_wait, .ctx = p};
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
    close(p->wake);
    free(p->threads);
    free(p->todo.tasks);
    free(p->ended.tasks);
    free(p);
}

void pool_freep(struct pool **p)
{
    pool_free(*p);
}
