/* The runner of real life: threads, the clock, signals; and the vault that threads share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reconciler/execute_pool.h"
#include "reconciler/signals.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static atomic_int running, most, arrived;
static int wanted;

struct job {
    struct task task; /* first */
    struct vault *vault;
    bool worked;
};

static void count(struct task *t)
{
    int now = atomic_fetch_add(&running, 1) + 1, seen = atomic_load(&most);
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        continue;
    ((struct job *)t)->worked = true;
    atomic_fetch_sub(&running, 1);
}

/* Ends only when as many as wanted have come: they run at once, or the test hangs and is killed. */
static void meet(struct task *t)
{
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) < wanted)
        usleep(1000);
    count(t);
}

static struct pool *pool_of(unsigned threads)
{
    struct pool *p = NULL;
    struct error *err = NULL;
    assert_int_equal(signals_init(&err), 0);
    assert_int_equal(pool_new(threads, &p, &err), 0);
    atomic_store(&running, 0);
    atomic_store(&most, 0);
    atomic_store(&arrived, 0);
    return p;
}

static void every_task_once(void **state)
{
    (void)state;
    enum { N = 500 };
    struct pool *p = pool_of(3);
    struct runner r = pool_runner(p);
    static struct job jobs[N];
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < N; i++) {
        jobs[i].task.work = count;
        r.start(r.ctx, &jobs[i].task);
    }
    for (int i = 0; i < N; i++) {
        int signal = 0;
        struct job *j = (struct job *)r.wait(r.ctx, HUGE_VAL, &signal);
        assert_non_null(j);
        assert_true(j->worked);
        j->worked = false; /* a second time it would not be true */
    }
    assert_true(atomic_load(&most) <= 3);
    pool_free(p);
}

static void as_many_at_once_as_threads(void **state)
{
    (void)state;
    struct pool *p = pool_of(4);
    struct runner r = pool_runner(p);
    struct job jobs[4] = {0};
    wanted = 4;
    for (int i = 0; i < 4; i++) {
        jobs[i].task.work = meet;
        r.start(r.ctx, &jobs[i].task);
    }
    for (int i = 0; i < 4; i++) {
        int signal;
        assert_non_null(r.wait(r.ctx, HUGE_VAL, &signal));
    }
    pool_free(p);
}

static void a_deadline_ends_the_wait(void **state)
{
    (void)state;
    struct pool *p = pool_of(1);
    struct runner r = pool_runner(p);
    int signal = 1;
    double until = r.now(r.ctx) + 0.05;
    assert_null(r.wait(r.ctx, until, &signal));
    assert_int_equal(signal, 0);
    assert_true(r.now(r.ctx) >= until);
    assert_null(r.wait(r.ctx, until - 100, &signal)); /* one that has passed does not wait */
    pool_free(p);
}

static void send_signal(struct task *t)
{
    kill(getpid(), SIGTERM); /* this thread has it blocked: the main one gets it */
    count(t);
}

static void signals_reach_the_waiting_thread(void **state)
{
    (void)state;
    struct pool *p = pool_of(1);
    struct runner r = pool_runner(p);
    struct job j = {.task = {.work = send_signal}};
    int signal = 0, came = 0;
    r.start(r.ctx, &j.task);
    for (bool ended = false; !ended || !came; came = came ? came : signal)
        ended |= r.wait(r.ctx, HUGE_VAL, &signal) != NULL;
    assert_int_equal(came, SIGTERM);
    assert_int_equal(signals_seen(), SIGTERM);
    pool_free(p);
}

/* --- the vault */

static void put_and_get(struct task *t)
{
    struct job *j = (struct job *)t;
    for (int i = 0; i < 200; i++) {
        struct text got = {0};
        vault_put(j->vault, "token", i % 2 ? "aaaaaaaaaaaaaaaa" : "bbbbbbbbbbbbbbbbbbbbbbbb");
        j->worked =
            vault_get(j->vault, "token", &got) && (str_eq(text_str(&got), "aaaaaaaaaaaaaaaa") ||
                                                   str_eq(text_str(&got), "bbbbbbbbbbbbbbbbbbbbbbbb"));
        text_wipe(&got);
        if (!j->worked)
            return;
    }
}

static void the_vault_is_shared(void **state)
{
    (void)state;
    struct pool *p = pool_of(4);
    struct runner r = pool_runner(p);
    struct vault *v = vault_new();
    struct job jobs[4] = {0};
    for (int i = 0; i < 4; i++) {
        jobs[i] = (struct job){.task = {.work = put_and_get}, .vault = v};
        r.start(r.ctx, &jobs[i].task);
    }
    for (int i = 0; i < 4; i++) {
        int signal = 0;
        struct job *j;
        while (!(j = (struct job *)r.wait(r.ctx, HUGE_VAL, &signal)))
            continue;
        assert_true(j->worked);
    }
    struct text t = {0};
    assert_false(vault_get(v, "no such", &t));
    assert_string_equal(text_str(&t), "");
    vault_free(v);
    pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_once),          cmocka_unit_test(as_many_at_once_as_threads),
        cmocka_unit_test(a_deadline_ends_the_wait), cmocka_unit_test(signals_reach_the_waiting_thread),
        cmocka_unit_test(the_vault_is_shared),
    };
    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
