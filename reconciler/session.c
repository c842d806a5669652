#include "reconciler/session.h"

#include "actions/families.h"
#include "actions/means/ssh_world.h"
#include "reconciler/signals.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int session_fail(const struct style *style, struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    struct error *e = *err;
    int code = EXIT_FAILED;
    if (e->code == ERR_SYNTAX || e->code == ERR_INVALID)
        code = EXIT_INVALID;
    else if (e->code == ERR_LOCKED)
        code = EXIT_LOCKED;
    else if (e->code == ERR_CANCELLED && signals_seen())
        code = 128 + signals_seen();
    out_error(&t, style, "error", e);
    fputs(text_str(&t), stderr);
    error_free(e);
    *err = NULL;
    return code;
}

unsigned session_concurrency(const struct session *s)
{
    const char *given = s->options->flags[FLAG_CONCURRENCY];
    unsigned long n = given ? strtoul(given, NULL, 10) : s->loaded.want->policy.concurrency;
    return n == 0 ? 1 : n > 1024 ? 1024 : (unsigned)n;
}

/* Every session is a descriptor, and 1,000 nodes are no exception. */
static void raise_limits(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

static void local_facts(void *ctx, struct have *h)
{
    const struct session *s = ctx;
    const struct want *w = s->loaded.want;
    for (size_t i = 0; i < h->n_images; i++)
        h->stored[i] = store_has(s->loaded.store, w->images[i].digest) ? TRI_TRUE : TRI_FALSE;
    for (size_t r = 0; r < h->n_renders; r++)
        h->rendered[r] = store_has_render(s->loaded.store, w->render_keys[w->render_host[r]]) ? TRI_TRUE : TRI_FALSE;
}

/* A host that cannot be looked at is said at once, with the remedy; the plan names it again, in short. */
static void looked(void *ctx, int node, const struct error *error)
{
    const struct session *s = ctx;
    if (!error)
        return;
    _cleanup_(text_free) struct text t = {0};
    /* its subject is this node */
    if (error->subject)
        out_error(&t, &s->err, "warning", error);
    else
        out_error(&t, &s->err, s->loaded.want->hosts[node].address, error);
    fputs(text_str(&t), stderr);
}

static void cancel(void *ctx, int node)
{
    struct session *s = ctx;
    if (node >= 0) {
        world_ssh_cancel(s->world, node);
        return;
    }
    atomic_store(&s->loaded.cancelled, true);
    world_ssh_cancel_all(s->world);
}

int session_open(const struct options *o, struct session *s)
{
    struct error *err = NULL;
    s->options = o;
    s->out = style_of(STDOUT_FILENO, cli_on(o, FLAG_NO_COLOR));
    s->err = style_of(STDERR_FILENO, cli_on(o, FLAG_NO_COLOR));
    s->err.json = str_eq(o->flags[FLAG_LOG_FORMAT], "json");
    raise_limits();
    /* until nodes are talked to, a signal ends the process at once, as anybody expects */
    if (load_file(o, &s->err, &s->loaded, &err) < 0 || load_images(&s->err, &s->loaded, &err) < 0 ||
        load_targets(o, &s->loaded, &err) < 0 || signals_init(&err) < 0)
        return session_fail(&s->err, &err);
    struct world_ssh_params params = {s->loaded.want, s->loaded.targets, s->loaded.want->n_hosts};
    if (world_ssh_new(&params, &s->world, &err) < 0 || pool_new(session_concurrency(s), &s->pool, &err) < 0)
        return session_fail(&s->err, &err);
    s->context = (struct probe_context){.world = s->world, .want = s->loaded.want, .local = local_facts, .looked = looked, .cancel = cancel, .ctx = s};
    struct runner runner = pool_runner(s->pool);
    double began = runner.now(runner.ctx);
    if (probe_all(&s->context, runner, session_concurrency(s), &s->seen, &err) < 0)
        return session_fail(&s->err, &err);
    s->probed_s = runner.now(runner.ctx) - began;
    /* above this many, only nodes that have something to do keep their connection */
    enum { KEEP_OPEN = 200 };
    for (size_t i = 0; s->loaded.want->n_hosts > KEEP_OPEN && i < s->loaded.want->n_hosts; i++)
        world_ssh_close(s->world, (int)i);
    return 0;
}

static int look_again(struct session *s, struct error **err)
{
    struct probe_result seen = {0};
    if (probe_all(&s->context, pool_runner(s->pool), session_concurrency(s), &seen, err) < 0)
        return -1;
    probe_result_free(&s->seen);
    s->seen = seen;
    return 0;
}

int session_look_again(struct session *s, struct error **err)
{
    if (look_again(s, err) < 0)
        return -1;
    plan_free(TAKE(s->plan));
    return plan_make(s->loaded.want, s->seen.have, catalogue_rules, catalogue_len, &s->plan, err);
}

/* The node where a kubeadm of ours runs while nobody can be asked about the cluster; -1: none. */
static int node_at_work(const struct session *s)
{
    _cleanup_(view_freep) struct view *v = view_new(s->loaded.want, s->seen.have, false);
    if (v->exists != TRI_TRUE || v->live_master >= 0)
        return -1;
    for (size_t i = 0; i < s->loaded.want->n_hosts; i++) {
        const struct fact *jobs = view_fact(v, (int)i, FACT_JOBS);
        if (jobs->state == TRI_TRUE && strstr(jobs->value, "kubeadm."))
            return (int)i;
    }
    return -1;
}

static void say_waiting(const struct session *s, int node)
{
    _cleanup_(text_free) struct text t = {0};
    text_add(&t, "Waiting for ");
    text_add_safe(&t, have_fact(s->seen.have, node, FACT_JOBS)->value, 200);
    text_addf(&t, " on %s, which an earlier run started", s->loaded.want->hosts[node].address);
    out_say(stderr, &s->err, text_str(&t));
}

int session_wait_for_jobs(struct session *s)
{
    enum { PATIENCE_S = 900 };
    struct runner runner = pool_runner(s->pool);
    struct error *err = NULL;
    double until = runner.now(runner.ctx) + PATIENCE_S;
    int node = node_at_work(s), told = -1, sig = 0;
    for (; node >= 0 && runner.now(runner.ctx) < until; node = node_at_work(s)) {
        if (node != told)
            say_waiting(s, node);
        told = node;
        runner.wait(runner.ctx, runner.now(runner.ctx) + 1, &sig);
        if (sig)
            error_set(&err, ERR_CANCELLED, "interrupted");
        if (sig || look_again(s, &err) < 0)
            return session_fail(&s->err, &err);
    }
    return 0;
}

int session_make_plan(struct session *s)
{
    struct error *err = NULL;
    if (plan_make(s->loaded.want, s->seen.have, catalogue_rules, catalogue_len, &s->plan, &err) < 0)
        return session_fail(&s->err, &err);
    return 0;
}

int session_plan(const struct options *o, struct session *s)
{
    int code = session_open(o, s);
    return code ? code : session_make_plan(s);
}

void session_close(struct session *s)
{
    plan_free(s->plan);
    probe_result_free(&s->seen);
    pool_freep(&s->pool);
    world_ssh_free(s->world);
    loaded_free(&s->loaded);
}
