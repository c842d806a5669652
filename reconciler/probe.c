#include "reconciler/probe.h"

#include "actions/means/probe.h"

#include <math.h>

#define REASON_MAX 300

struct look {
    struct task task;
    const struct probe_context *context;
    struct probe_answer answer;
    struct error *error;
};

struct fan {
    const struct probe_context *context;
    struct runner runner;
    struct probe_result *result;
    struct look *looks;
    struct answer_view **views;
    size_t next, in_flight;
};

void probe_result_free(struct probe_result *r)
{
    for (size_t i = 0; i < r->n; i++)
        error_free(r->errors[i]);
    free(r->errors);
    have_free(r->have);
    *r = (struct probe_result){0};
}

static void work(struct task *t)
{
    struct look *l = (struct look *)t;
    if (probe_observe(l->context->world, t->node, SECTION_ALL, &l->answer, &l->error) < 0 && !l->error)
        error_set(&l->error, ERR_INTERNAL, "it could not be looked at");
}

/* What was seen becomes facts; what was not, a reason. */
static void take(struct fan *f, struct look *l)
{
    int node = l->task.node;
    struct have *h = f->result->have;
    if (!l->error)
        probe_take(f->context->want, h, &l->answer, &f->views[node], &l->error);
    if (l->error) {
        _cleanup_(text_free) struct text words = {0}, safe = {0};
        error_text(l->error, &words);
        text_add_safe(&safe, text_str(&words), REASON_MAX);
        have_unreached(h, node, text_str(&safe));
        f->result->errors[node] = TAKE(l->error);
    }
    probe_answer_free(&l->answer);
    if (f->context->looked)
        f->context->looked(f->context->ctx, node, f->result->errors[node]);
}

static void start_more(struct fan *f, unsigned concurrency)
{
    for (; f->in_flight < (concurrency ? concurrency : 1) && f->next < f->result->n;
         f->next++, f->in_flight++) {
        struct look *l = &f->looks[f->next];
        *l = (struct look){.task = {.work = work, .action = -1, .node = (int)f->next, .observes = true},
                           .context = f->context};
        f->runner.start(f->runner.ctx, &l->task);
    }
}

/* Returns the signal that came, or 0. After one, nothing more is started and what runs is cut short. */
static int run(struct fan *f, unsigned concurrency)
{
    int came = 0;
    for (start_more(f, concurrency); f->in_flight > 0;) {
        int signal = 0;
        struct task *t = f->runner.wait(f->runner.ctx, HUGE_VAL, &signal);
        if (signal && !came) {
            came = signal;
            if (f->context->cancel)
                f->context->cancel(f->context->ctx, -1);
        }
        if (!t)
            continue;
        f->in_flight--;
        take(f, (struct look *)t);
        if (!came)
            start_more(f, concurrency);
    }
    return came;
}

int probe_all(const struct probe_context *c, struct runner runner, unsigned concurrency,
              struct probe_result *ret, struct error **err)
{
    const struct want *w = c->want;
    struct probe_result result = {.n = w->n_hosts};
    result.have = have_new(w->n_hosts, w->n_images, w->n_renders);
    result.errors = mem_alloc(w->n_hosts * sizeof *result.errors);
    struct fan f = {.context = c, .runner = runner, .result = &result};
    f.looks = mem_alloc(w->n_hosts * sizeof *f.looks);
    f.views = mem_alloc(w->n_hosts * sizeof *f.views);
    int signal = run(&f, concurrency);
    answer_conclude(w, result.have, f.views, w->n_hosts);
    for (size_t i = 0; i < w->n_hosts; i++)
        answer_view_free(f.views[i]);
    free(f.views);
    free(f.looks);
    if (signal) {
        probe_result_free(&result);
        return error_set(err, ERR_CANCELLED, "interrupted while looking at the nodes");
    }
    if (c->local)
        c->local(c->ctx, result.have);
    *ret = result;
    return 0;
}

/* ---- the executor's prober */

static int prober_observe(void *ctx, int node, unsigned sections, void **ret, struct error **err)
{
    const struct probe_context *c = ctx;
    struct probe_answer a = {0};
    if (probe_observe(c->world, node, sections, &a, err) < 0)
        return -1;
    struct probe_answer *seen = mem_alloc(sizeof *seen);
    *seen = a;
    *ret = seen;
    return 0;
}

static void prober_drop(void *ctx, void *seen)
{
    (void)ctx;
    if (!seen)
        return;
    probe_answer_free(seen);
    free(seen);
}

static int prober_merge(void *ctx, struct have *h, int node, unsigned sections, void *seen,
                        struct error **err)
{
    const struct probe_context *c = ctx;
    (void)node, (void)sections; /* the answer knows what it was asked */
    int r = probe_update(c->want, h, seen, err);
    prober_drop(ctx, seen);
    return r;
}

static void prober_refresh(void *ctx, struct have *h)
{
    const struct probe_context *c = ctx;
    if (c->local)
        c->local(c->ctx, h);
}

static void prober_cancel(void *ctx, int node)
{
    const struct probe_context *c = ctx;
    if (c->cancel)
        c->cancel(c->ctx, node);
}

struct prober probe_prober(struct probe_context *c)
{
    return (struct prober){.observe = prober_observe,
                           .merge = prober_merge,
                           .drop = prober_drop,
                           .refresh_local = prober_refresh,
                           .cancel = prober_cancel,
                           .ctx = c};
}
