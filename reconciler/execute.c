#include "reconciler/execute.h"

#include "reconciler/execute_internal.h"

#include <string.h>

#define GIVE_UP_S 10.0  /* after cancelling, for workers to notice */
#define FAR_AWAY 3600.0 /* a wait without a timer still looks up now and then */

const struct view *scheduler_view(struct scheduler *s)
{
    if (!s->view) {
        s->view = view_new(s->x->want, s->x->have, true);
        view_stay_out(s->view, s->plan->stays_out);
    }
    return s->view;
}

double scheduler_now(const struct scheduler *s)
{
    return s->x->runner.now(s->x->runner.ctx) - s->start;
}

void scheduler_submit(struct scheduler *s, struct job *j)
{
    s->in_flight++;
    s->x->runner.start(s->x->runner.ctx, &j->task);
}

void scheduler_emit(struct scheduler *s, enum event_kind kind, int action, const char *text,
                    const struct error *error)
{
    const struct action_report *r = &s->report->actions[action];
    int node = s->slots[action].node;
    struct event e = {
        .kind = kind,
        .level = kind == EVENT_RETRY ? LEVEL_WARN : LEVEL_INFO,
        .text = text,
        .id = s->plan->actions[action].id,
        .title = slot_rules(s, action)->title,
        .node = node >= 0 ? s->x->want->hosts[node].address : NULL,
        .action = action,
        .outcome = r->outcome,
        .because = r->because >= 0 ? s->plan->actions[r->because].id : NULL,
        .error = error,
        .at = scheduler_now(s),
        .took = r->ended - r->started,
    };
    events_emit(s->x->events, &e);
}

/* --- ready actions, smallest index first: plans are in the order people expect */

static void ready_push(struct scheduler *s, int action)
{
    size_t i = s->n_ready++;
    while (i > 0 && s->ready[(i - 1) / 2] > action) {
        s->ready[i] = s->ready[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->ready[i] = action;
}

static int ready_pop(struct scheduler *s)
{
    int least = s->ready[0], last = s->ready[--s->n_ready];
    size_t i = 0;
    for (size_t c; (c = 2 * i + 1) < s->n_ready; i = c) {
        if (c + 1 < s->n_ready && s->ready[c + 1] < s->ready[c])
            c++;
        if (s->ready[c] >= last)
            break;
        s->ready[i] = s->ready[c];
    }
    s->ready[i] = last;
    return least;
}

/* --- ends, and what follows from them */

static void release(struct scheduler *s, int action)
{
    struct slot *slot = &s->slots[action];
    if (slot->node >= 0 && s->node_holder[slot->node] == action)
        s->node_holder[slot->node] = -1;
    if (slot->lock != LOCK_NONE && s->lock_holder == action)
        s->lock_holder = -1;
    for (size_t i = 0; i < s->n_active; i++)
        if (s->active[i] == action) {
            s->active[i] = s->active[--s->n_active];
            break;
        }
}

void scheduler_end(struct scheduler *s, int action, enum outcome outcome, struct error *error, int because)
{
    struct slot *slot = &s->slots[action];
    struct action_report *r = &s->report->actions[action];
    release(s, action);
    slot->phase = PHASE_ENDED;
    r->outcome = outcome;
    r->error = error;
    r->because = because;
    r->ended = scheduler_now(s);
    if (!slot->begun)
        r->started = r->ended;
    s->n_ended++;
    if (s->x->recorder.end && slot->begun)
        s->x->recorder.end(s->x->recorder.ctx, s->plan->actions[action].id, outcome, error);
    scheduler_emit(s, EVENT_END, action, NULL, error);
    for (size_t i = s->dependents_of[action]; i < s->dependents_of[action + 1]; i++)
        if (--s->slots[s->dependents[i]].pending == 0)
            s->settled[s->settled_tail++] = s->dependents[i];
}

/* The action that an unfulfilled need goes back to. */
static int root_of(const struct scheduler *s, int need)
{
    const struct action_report *r = &s->report->actions[need];
    return r->outcome == OUTCOME_SKIPPED && r->because >= 0 ? r->because : need;
}

static bool still_wanted(struct scheduler *s, int action)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct finding f = {.arena = a};
    return slot_rules(s, action)->wants(scheduler_view(s), s->plan->actions[action].subject, &f) ==
           VERDICT_YES;
}

/* A cleaning action: runs whatever failed, but not where nothing of what it cleans up was begun and the facts
 * show nothing to clean either. */
static void decide_always(struct scheduler *s, int action)
{
    const struct action *a = &s->plan->actions[action];
    bool begun = false;
    int bad = -1;
    for (size_t i = 0; i < a->n_needs + a->n_after; i++) {
        int other = i < a->n_needs ? a->needs[i] : a->after[i - a->n_needs];
        begun |= s->slots[other].begun;
        if (bad < 0 && s->report->actions[other].outcome != OUTCOME_DONE)
            bad = other;
    }
    if (begun || (!s->stopping && (bad < 0 || still_wanted(s, action)))) {
        s->slots[action].phase = PHASE_READY;
        ready_push(s, action);
    } else if (s->stopping) {
        scheduler_end(s, action, OUTCOME_CANCELLED, NULL, -1);
    } else {
        scheduler_end(s, action, OUTCOME_SKIPPED, NULL, root_of(s, bad));
    }
}

/* All that it waits for has ended: it is ready, or never will be. */
static void decide(struct scheduler *s, int action)
{
    const struct action *a = &s->plan->actions[action];
    if (s->slots[action].phase == PHASE_ENDED)
        return;
    int bad = -1;
    for (size_t i = 0; i < a->n_needs && bad < 0; i++)
        if (s->report->actions[a->needs[i]].outcome != OUTCOME_DONE)
            bad = a->needs[i];
    if (slot_rules(s, action)->always) {
        decide_always(s, action);
    } else if (bad < 0 && !s->stopping) {
        s->slots[action].phase = PHASE_READY;
        ready_push(s, action);
    } else if (bad >= 0 && s->report->actions[bad].outcome != OUTCOME_CANCELLED) {
        scheduler_end(s, action, OUTCOME_SKIPPED, NULL, root_of(s, bad));
    } else {
        scheduler_end(s, action, OUTCOME_CANCELLED, NULL, -1);
    }
}

static void decide_all(struct scheduler *s)
{
    while (s->settled_head < s->settled_tail)
        decide(s, s->settled[s->settled_head++]);
}

/* --- the loop */

static void halt_if_told(struct scheduler *s)
{
    const char *why = s->x->halted ? s->x->halted(s->x->halted_ctx) : NULL;
    if (!why || s->stopping)
        return;
    s->stopping = true;
    events_log(s->x->events, LEVEL_ERROR, "nothing new is started: %s", why);
}

static bool may_start(const struct scheduler *s, int action)
{
    return !s->cancelled && (!s->stopping || slot_rules(s, action)->always);
}

static void start_ready(struct scheduler *s)
{
    unsigned limit = s->x->concurrency ? s->x->concurrency : 1;
    _cleanup_(mem_freep) int *busy = mem_array(NULL, s->n_ready ? s->n_ready : 1, sizeof *busy);
    size_t n_busy = 0;
    halt_if_told(s);
    while (s->n_ready > 0 && (s->in_flight < limit || s->stopping)) {
        int action = ready_pop(s);
        if (!may_start(s, action))
            scheduler_end(s, action, OUTCOME_CANCELLED, NULL, -1);
        else if (action_start(s, action) == START_BUSY)
            busy[n_busy++] = action; /* what ends at once makes others ready only at the next decide_all */
    }
    for (size_t i = 0; i < n_busy; i++)
        ready_push(s, busy[i]);
}

static void on_signal(struct scheduler *s, int signal)
{
    if (!s->report->interrupted) {
        s->report->interrupted = true;
        s->report->signal = signal;
        s->stopping = true;
        events_log(
            s->x->events, LEVEL_WARN,
            "interrupted: nothing new is started, %zu running %s may end; interrupt again to stop at once",
            s->n_active, s->n_active == 1 ? "action" : "actions");
        return;
    }
    if (s->cancelled)
        return;
    events_log(s->x->events, LEVEL_WARN,
               "interrupted again: connections are closed; jobs that run on nodes go on "
               "there, and the next run attaches to them");
    s->cancelled = true;
    s->give_up_at = scheduler_now(s) + GIVE_UP_S;
    s->x->prober.cancel(s->x->prober.ctx, -1);
    for (size_t i = s->n_active; i-- > 0;) /* backwards: those that only waited leave the array */
        action_cancel(s, s->active[i]);
}

static double next_deadline(const struct scheduler *s)
{
    double at = scheduler_now(s) + FAR_AWAY;
    for (size_t i = 0; i < s->n_active; i++) {
        double due = action_deadline(s, s->active[i]);
        if (due > 0 && due < at)
            at = due;
    }
    if (s->cancelled && s->give_up_at < at)
        at = s->give_up_at;
    return at + s->start;
}

static void run_timers(struct scheduler *s)
{
    double now =
        scheduler_now(s) + 1e-6; /* sums of doubles: a wait to the very deadline must count as reached */
    for (size_t i = s->n_active; i-- > 0;) {
        int action = s->active[i];
        double due = action_deadline(s, action);
        if (due > 0 && due <= now)
            action_timer(s, action);
    }
}

/* Ends all that is left, for a reason that is no fault of the actions. */
static void end_rest(struct scheduler *s, enum error_code code, const char *words)
{
    for (size_t i = 0; i < s->n; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->phase == PHASE_ENDED)
            continue;
        struct error *e = NULL;
        if (slot->begun || code == ERR_INTERNAL)
            error_set(&e, code, "%s", words);
        scheduler_end(s, (int)i, e ? OUTCOME_FAILED : OUTCOME_CANCELLED, e, -1);
    }
}

/* False: gave up on workers. */
static bool loop(struct scheduler *s)
{
    while (true) {
        decide_all(s);
        start_ready(s);
        decide_all(s);
        if (s->n_ended == s->n)
            return s->in_flight == 0;
        if (s->in_flight == 0 && s->n_active == 0) {
            if (s->n_ready > 0)
                continue; /* what ended at once freed a node or made others ready */
            end_rest(s, ERR_INTERNAL, "the scheduler found no way to start it");
            continue;
        }
        int signal = 0;
        struct task *t = s->x->runner.wait(s->x->runner.ctx, next_deadline(s), &signal);
        if (t) {
            s->in_flight--;
            action_task_ended(s, (struct job *)t);
        }
        if (signal)
            on_signal(s, signal);
        run_timers(s);
        if (s->cancelled && s->in_flight > 0 && scheduler_now(s) + 1e-6 >= s->give_up_at) {
            end_rest(s, ERR_CANCELLED, "interrupted, and it did not end");
            return false;
        }
    }
}

/* --- setting up */

static void link_dependents(struct scheduler *s)
{
    size_t edges = 0;
    s->dependents_of = mem_array(NULL, s->n + 2, sizeof *s->dependents_of);
    memset(s->dependents_of, 0, (s->n + 2) * sizeof *s->dependents_of);
    for (size_t i = 0; i < s->n; i++) {
        const struct action *a = &s->plan->actions[i];
        s->slots[i].pending = a->n_needs + a->n_after;
        edges += s->slots[i].pending;
        for (size_t j = 0; j < a->n_needs; j++)
            s->dependents_of[a->needs[j] + 2]++;
        for (size_t j = 0; j < a->n_after; j++)
            s->dependents_of[a->after[j] + 2]++;
    }
    for (size_t i = 2; i < s->n + 2; i++)
        s->dependents_of[i] += s->dependents_of[i - 1];
    s->dependents = mem_array(NULL, edges ? edges : 1, sizeof *s->dependents);
    for (size_t i = 0; i < s->n; i++) { /* filling moves each start from its place + 1 to where it belongs */
        const struct action *a = &s->plan->actions[i];
        for (size_t j = 0; j < a->n_needs; j++)
            s->dependents[s->dependents_of[a->needs[j] + 1]++] = (int)i;
        for (size_t j = 0; j < a->n_after; j++)
            s->dependents[s->dependents_of[a->after[j] + 1]++] = (int)i;
    }
}

static void set_up(struct scheduler *s)
{
    size_t some = s->n ? s->n : 1, hosts = s->x->want->n_hosts;
    s->report = mem_alloc(sizeof *s->report);
    s->report->n = s->n;
    s->report->actions = mem_alloc(some * sizeof *s->report->actions);
    s->slots = mem_alloc(some * sizeof *s->slots);
    s->settled = mem_array(NULL, some, sizeof *s->settled);
    s->ready = mem_array(NULL, some, sizeof *s->ready);
    s->active = mem_array(NULL, some, sizeof *s->active);
    s->node_holder = mem_array(NULL, hosts ? hosts : 1, sizeof *s->node_holder);
    for (size_t i = 0; i < hosts; i++)
        s->node_holder[i] = -1;
    s->lock_holder = -1;
    link_dependents(s);
    for (size_t i = 0; i < s->n; i++) {
        s->slots[i].node = -1;
        s->report->actions[i].because = -1;
        if (s->slots[i].pending == 0)
            s->settled[s->settled_tail++] = (int)i;
    }
}

static void tear_down(struct scheduler *s)
{
    view_free(s->view);
    free(s->dependents);
    free(s->dependents_of);
    free(s->settled);
    free(s->ready);
    free(s->active);
    free(s->node_holder);
    for (size_t i = 0; i < s->n; i++)
        error_free(s->slots[i].error);
    free(s->slots);
}

/* What workers that did not end still hold: kept reachable until the process ends. */
static struct scheduler *abandoned;

bool execute(const struct execution *x, struct report **ret)
{
    /* on the heap: an abandoned worker may still report progress through it */
    struct scheduler *s = mem_alloc(sizeof *s);
    *s = (struct scheduler){
        .x = x, .plan = x->plan, .n = x->plan->n_actions, .start = x->runner.now(x->runner.ctx)};
    set_up(s);
    bool all_ended = loop(s);
    *ret = s->report;
    if (all_ended) {
        tear_down(s);
        free(s);
    } else {
        abandoned = s;
    }
    return all_ended;
}
