#include "reconciler/lease.h"

#include "actions/means/script.h"
#include "reconciler/local.h"
#include "reconciler/signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define TTL_S 60
#define RENEW_MS 15000
#define CALL_S 10    /* one look at a lease */
#define RELEASE_S 5  /* what the end of a run may take longer because of it */
#define ASK_AGAIN_MS 1000

/* What a node says of the lease on it. Untrusted: for people only through add_safe. */
struct answer {
    struct arena *arena;
    const char *state, *left, *was, *fence, *run, *who, *process, *machine, *since, *until;
};

struct holder {
    struct lease *lease;
    int node;
    bool holds, answered; /* the last call came through */
    pthread_t thread;
    bool started;
};

struct lease {
    struct lease_params p;
    char fence[17];
    char *run, *who, *process, *machine;
    struct holder *holders;
    size_t n, running;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* stop was set, or a thread ended */
    bool stop;
    double renewed; /* when a renewal that succeeded began */
    char *lost;     /* why nothing may be started; once set it stays */
};

/* Goes on while the machine sleeps, as the nodes' clocks do. */
static double clock_s(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *address(const struct lease *l, int node)
{
    return l->p.want->hosts[node].address;
}

static void say(const struct lease *l, const char *words)
{
    if (l->p.say)
        l->p.say(l->p.ctx, words);
}

/* --- asking a node */

static void answer_free(struct answer *a)
{
    arena_free(a->arena);
}

static void take_line(struct answer *a, const char *key, size_t key_len, const char *value, size_t len)
{
    const struct {
        const char *key;
        const char **to;
    } fields[] = {{"state", &a->state}, {"left", &a->left},       {"was", &a->was},         {"fence", &a->fence}, {"run", &a->run},
                  {"who", &a->who},     {"process", &a->process}, {"machine", &a->machine}, {"since", &a->since}, {"until", &a->until}};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (strlen(fields[i].key) == key_len && memcmp(fields[i].key, key, key_len) == 0 && !*fields[i].to)
            *fields[i].to = arena_strndup(a->arena, value, len);
}

static void parse(const char *text, struct answer *a)
{
    static const char prefix[] = "lease ";
    a->arena = arena_new();
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        if (str_starts(line, prefix)) {
            const char *key = line + sizeof prefix - 1, *end = line + len;
            size_t key_len = strcspn(key, " \n");
            if (key + key_len < end)
                take_line(a, key, key_len, key + key_len + 1, (size_t)(end - key - (ptrdiff_t)key_len - 1));
        }
        line += len + (line[len] == '\n');
    }
}

static int ask(struct lease *l, int node, const char *mode, const char *dead, unsigned timeout_s, struct answer *ret,
               struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    _cleanup_(world_output_free) struct world_output out = {0};
    script_begin(&t, l->p.want);
    script_set(&t, "MODE", mode);
    script_set(&t, "FENCE", l->fence);
    script_set(&t, "DEAD", dead);
    script_set(&t, "RUN", l->run);
    script_set(&t, "WHO", l->who);
    script_set(&t, "PROCESS", l->process);
    script_set(&t, "MACHINE", l->machine);
    script_set_int(&t, "TTL", l->p.ttl_s);
    script_common(&t);
    text_addn(&t, onnode_lease, onnode_lease_len);
    struct world_script s = {.text = text_str(&t), .timeout_s = timeout_s, .what = "hold the lease of the cluster"};
    if (world_sh(l->p.world, node, &s, &out, err) < 0)
        return -1;
    parse(text_str(&out.out), ret);
    if (!ret->state)
        return error_set(err, ERR_PROTOCOL, "the node did not say whether the lease is held");
    return 0;
}

/* --- words */

static void add_time(struct text *t, const char *seconds)
{
    char s[32] = "";
    struct tm tm;
    time_t when = (time_t)strtoll(seconds ? seconds : "", NULL, 10);
    if (when > 0 && gmtime_r(&when, &tm) && strftime(s, sizeof s, "%Y-%m-%dT%H:%M:%SZ", &tm))
        text_add(t, s);
    else
        text_add(t, "an unknown time");
}

/* "run 20240131T101500-1a2b3c of root@host (pid 4711)" */
static void add_holder(struct text *t, const struct answer *a)
{
    text_add(t, "run ");
    text_add_safe(t, a->run ? a->run : "?", 60);
    text_add(t, " of ");
    text_add_safe(t, a->who ? a->who : "?", 120);
    text_addf(t, " (pid %ld)", a->process ? strtol(a->process, NULL, 10) : 0L);
}

static void held_words(const struct lease *l, int node, const struct answer *a, struct text *t)
{
    add_holder(t, a);
    text_add(t, " holds the cluster since ");
    add_time(t, a->since);
    text_addf(t, "; its lease on %s lasts until ", address(l, node));
    add_time(t, a->until);
    text_addf(t, " (%ld s), and is renewed while it lives", a->left ? strtol(a->left, NULL, 10) : 0L);
}

static int locked(const struct lease *l, int node, const struct answer *a, struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    held_words(l, node, a, &t);
    error_set(err, ERR_LOCKED, "%s", text_str(&t));
    return error_hint(err, "run again when it has ended, or let this run wait for it: --lock-timeout 10m; what a killed run "
                           "left ends by itself");
}

static void say_taken_over(const struct lease *l, int node, const struct answer *a)
{
    if (str_eq(a->was, "none") || str_eq(a->was, "ours"))
        return;
    _cleanup_(text_free) struct text t = {0};
    text_addf(&t, "warning: took over the lease on %s: ", address(l, node));
    add_holder(&t, a);
    text_add(&t, str_eq(a->was, "dead")       ? " is dead"
                 : str_eq(a->was, "restarted") ? " held it before the node restarted"
                                               : " did not renew it in time");
    say(l, text_str(&t));
}

/* --- taking */

/* Of a process of this machine it is known whether it lives. */
static bool holder_is_dead(const struct lease *l, const struct answer *a)
{
    return a->fence && a->process && *l->machine && str_eq(a->machine, l->machine) && !local_process_lives(a->process);
}

static void let_go(struct lease *l, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_(answer_free) struct answer a = {0};
        if (l->holders[i].answered)
            (void)ask(l, l->holders[i].node, "release", NULL, RELEASE_S, &a, NULL);
        l->holders[i].holds = false;
    }
}

static int take_one(struct lease *l, struct holder *h, struct answer *a, struct error **err)
{
    h->answered = false;
    if (ask(l, h->node, "take", NULL, CALL_S, a, err) < 0)
        return -1;
    h->answered = true;
    if (str_eq(a->state, "held") && holder_is_dead(l, a)) {
        _cleanup_(mem_freep) char *dead = mem_strdup(a->fence);
        answer_free(a);
        *a = (struct answer){0};
        if (ask(l, h->node, "take", dead, CALL_S, a, err) < 0)
            return -1;
    }
    h->holds = str_eq(a->state, "taken");
    return 0;
}

/* Returns 1: another run holds it (*err: who). The masters are asked in their order, so of two runs one gets on. */
static int take_all(struct lease *l, struct error **err)
{
    struct error *first = NULL;
    size_t held = 0;
    double began = clock_s(CLOCK_BOOTTIME);
    for (size_t i = 0; i < l->n; i++) {
        _cleanup_(answer_free) struct answer a = {0};
        _cleanup_(error_freep) struct error *e = NULL;
        struct holder *h = &l->holders[i];
        if (take_one(l, h, &a, &e) < 0) {
            _cleanup_(text_free) struct text t = {0};
            error_text(e, &t);
            if (l->n > 1) {
                _cleanup_(mem_freep) char *words = mem_printf("warning: no lease on %s: %s", address(l, h->node), text_str(&t));
                say(l, words);
            }
            if (!first)
                first = TAKE(e);
            continue;
        }
        if (!h->holds) {
            let_go(l, i);
            error_free(first);
            locked(l, h->node, &a, err);
            return 1;
        }
        say_taken_over(l, h->node, &a);
        held++;
    }
    if (held * 2 < l->n || held == 0) {
        let_go(l, l->n);
        *err = first;
        return error_wrap(err, "the lease of the cluster could not be taken");
    }
    error_free(first);
    l->renewed = began;
    return 0;
}

static int take_or_wait(struct lease *l, bool *ret_waited, struct error **err)
{
    double until = clock_s(CLOCK_MONOTONIC) + l->p.wait_s;
    for (;;) {
        _cleanup_(error_freep) struct error *e = NULL;
        int r = take_all(l, &e);
        if (r == 0)
            return 0;
        if (r < 0 || clock_s(CLOCK_MONOTONIC) >= until) {
            *err = TAKE(e);
            return -1;
        }
        if (!*ret_waited) {
            _cleanup_(mem_freep) char *words = mem_printf("waiting for at most %u s: %s", l->p.wait_s, e->message);
            say(l, words);
        }
        *ret_waited = true;
        struct pollfd fd = {.fd = signals_fd(), .events = POLLIN};
        if (poll(&fd, 1, ASK_AGAIN_MS) > 0 || signals_seen())
            return error_set(err, ERR_CANCELLED, "interrupted while waiting for another run; nothing was changed");
    }
}

/* --- renewing */

/* The lock is held. */
static void note_renewal(struct lease *l, struct holder *h, const struct answer *a, double began)
{
    h->answered = a->state != NULL;
    if (!h->answered)
        return;
    if (str_eq(a->state, "lost")) {
        h->holds = false;
        if (l->lost)
            return;
        _cleanup_(text_free) struct text t = {0};
        add_holder(&t, a);
        text_addf(&t, " took over the lease on %s", address(l, h->node));
        l->lost = text_take(&t);
    } else if (began > l->renewed) { /* "gone" counts too: the machine was reset, or a person removed the file */
        l->renewed = began;
    }
}

static void *renewer(void *arg)
{
    struct holder *h = arg;
    struct lease *l = h->lease;
    signals_block();
    pthread_mutex_lock(&l->lock);
    while (!l->stop && h->holds) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += l->p.renew_ms / 1000;
        until.tv_nsec += (long)(l->p.renew_ms % 1000) * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        int r = 0;
        while (!l->stop && r != ETIMEDOUT)
            r = pthread_cond_timedwait(&l->changed, &l->lock, &until);
        if (l->stop)
            break;
        pthread_mutex_unlock(&l->lock);
        _cleanup_(answer_free) struct answer a = {0};
        double began = clock_s(CLOCK_BOOTTIME);
        bool told = ask(l, h->node, "renew", NULL, CALL_S, &a, NULL) == 0;
        pthread_mutex_lock(&l->lock);
        if (!told)
            a.state = NULL;
        note_renewal(l, h, &a, began);
    }
    bool release = h->holds && h->answered;
    pthread_mutex_unlock(&l->lock);
    if (release) {
        _cleanup_(answer_free) struct answer a = {0};
        (void)ask(l, h->node, "release", NULL, RELEASE_S, &a, NULL);
    }
    pthread_mutex_lock(&l->lock);
    l->running--;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static int start_renewing(struct lease *l, struct error **err)
{
    for (size_t i = 0; i < l->n; i++) {
        struct holder *h = &l->holders[i];
        if (!h->holds)
            continue;
        pthread_mutex_lock(&l->lock);
        l->running++;
        pthread_mutex_unlock(&l->lock);
        int r = pthread_create(&h->thread, NULL, renewer, h);
        h->started = r == 0;
        if (r == 0)
            continue;
        pthread_mutex_lock(&l->lock);
        l->running--;
        pthread_mutex_unlock(&l->lock);
        let_go(l, l->n);
        return error_errno(err, r, "cannot start the thread that renews the lease");
    }
    return 0;
}

const char *lease_halted(void *ctx)
{
    struct lease *l = ctx;
    pthread_mutex_lock(&l->lock);
    double old = clock_s(CLOCK_BOOTTIME) - l->renewed;
    if (!l->lost && old > l->p.ttl_s)
        l->lost = mem_printf("the lease of the cluster could not be renewed for %.0f s: no master answers", old);
    const char *why = l->lost;
    pthread_mutex_unlock(&l->lock);
    return why;
}

/* --- the whole */

size_t lease_masters(const struct want *w, const struct have *h, const struct plan *p, int *ret)
{
    size_t n = 0;
    for (int i = 0; i < (int)w->n_hosts; i++) {
        if (!host_is_master(&w->hosts[i]) || have_fact(h, i, FACT_REACHED)->state != TRI_TRUE)
            continue;
        bool used = have_fact(h, i, FACT_OURS)->state == TRI_TRUE;
        for (size_t a = 0; a < p->n_actions && !used; a++)
            used = p->actions[a].subject.node == i;
        if (used)
            ret[n++] = i;
    }
    return n;
}

static struct lease *lease_new(const struct lease_params *p)
{
    struct lease *l = mem_alloc(sizeof *l);
    unsigned char random[8];
    char host[128] = "?";
    const struct passwd *pw = getpwuid(geteuid());
    l->p = *p;
    l->p.ttl_s = p->ttl_s ? p->ttl_s : TTL_S;
    l->p.renew_ms = p->renew_ms ? p->renew_ms : RENEW_MS;
    if (getrandom(random, sizeof random, 0) != sizeof random)
        abort();
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(l->fence + 2 * i, 3, "%02x", random[i]);
    (void)gethostname(host, sizeof host - 1);
    l->run = mem_strdup(p->run);
    l->who = mem_printf("%s@%s", pw ? pw->pw_name : "?", host);
    l->process = local_process();
    l->machine = local_boot();
    l->n = p->n;
    l->holders = mem_alloc(p->n * sizeof *l->holders);
    for (size_t i = 0; i < p->n; i++)
        l->holders[i] = (struct holder){.lease = l, .node = p->nodes[i]};
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return l;
}

int lease_take(const struct lease_params *p, struct lease **ret, bool *ret_waited, struct error **err)
{
    struct error *own = NULL;
    struct lease *l;
    *ret_waited = false;
    *ret = NULL;
    if (p->n == 0)
        return 0;
    l = lease_new(p);
    if (take_or_wait(l, ret_waited, &own) < 0 || start_renewing(l, &own) < 0) {
        lease_release(l);
        if (err)
            *err = own;
        else
            error_free(own);
        return -1;
    }
    *ret = l;
    return 0;
}

/* Threads end within RELEASE_S, or their calls are ended. */
static void stop_renewing(struct lease *l)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RELEASE_S + 1;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->changed);
    int r = 0;
    while (l->running > 0 && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&l->changed, &l->lock, &until);
    bool late = l->running > 0;
    pthread_mutex_unlock(&l->lock);
    if (late && l->p.cancel)
        l->p.cancel(l->p.world);
    for (size_t i = 0; i < l->n; i++)
        if (l->holders[i].started)
            pthread_join(l->holders[i].thread, NULL);
}

void lease_release(struct lease *l)
{
    if (!l)
        return;
    stop_renewing(l);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l->holders);
    free(l->run);
    free(l->who);
    free(l->process);
    free(l->machine);
    free(l->lost);
    free(l);
}
