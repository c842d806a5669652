/* The life of one action: guard → run → its facts are read until they say so → end. */
#include "reconciler/execute_internal.h"

#include <stddef.h>

#define LOOK_FIRST_S 0.1
#define LOOK_LAST_S 1.0
#define GRACE_S 15.0 /* means keep their own deadlines; this one catches what they miss */

static const struct subject *subject_of(const struct scheduler *s, int action)
{
    return &s->plan->actions[action].subject;
}

/* --- jobs: what workers do */

static void progress(void *ctx, const char *line)
{
    struct job *j = ctx;
    struct scheduler *s = j->s;
    struct event e = {
        .kind = EVENT_PROGRESS,
        .level = LEVEL_INFO,
        .text = line,
        .id = s->plan->actions[j->task.action].id,
        .title = slot_rules(s, j->task.action)->title,
        .node = j->task.node >= 0 ? s->x->want->hosts[j->task.node].address : NULL,
        .action = j->task.action,
        .at = scheduler_now(s),
    };
    events_emit(s->x->events, &e);
}

static void work(struct task *t)
{
    struct job *j = (struct job *)t;
    const struct prober *p = &j->s->x->prober;
    int r = t->observes ? p->observe(p->ctx, t->node, j->sections, &j->seen, &j->error)
                        : j->run->run(&j->context, &j->error);
    if (r < 0 && !j->error)
        error_set(&j->error, ERR_INTERNAL, "it failed without saying why");
}

static struct job *job_new(struct scheduler *s, int action, int node, bool observes)
{
    struct job *j = mem_alloc(sizeof *j);
    j->s = s;
    j->task = (struct task){.work = work, .action = action, .node = node, .observes = observes};
    s->slots[action].job = j;
    return j;
}

void job_free(struct scheduler *s, struct job *j)
{
    if (j->seen)
        s->x->prober.drop(s->x->prober.ctx, j->seen);
    error_free(j->error);
    arena_free(j->arena);
    free(j);
}

static void observe(struct scheduler *s, int action, int node, unsigned sections, enum phase phase)
{
    struct job *j = job_new(s, action, node, true);
    j->sections = sections;
    s->slots[action].phase = phase;
    scheduler_submit(s, j);
}

/* --- facts */

static void facts_changed(struct scheduler *s)
{
    view_freep(&s->view);
    s->view = NULL;
}

/* What was read becomes facts; what could not be read is unknown from here on, whatever it was before. */
static void take_facts(struct scheduler *s, struct job *j)
{
    const struct prober *p = &s->x->prober;
    struct have *h = s->x->have;
    facts_changed(s);
    if (!j->error) {
        void *seen = TAKE(j->seen);
        if (p->merge(p->ctx, h, j->task.node, j->sections, seen, &j->error) == 0)
            return;
    }
    _cleanup_(text_free) struct text why = {0};
    error_text(j->error, &why);
    for (int f = 0; f < FACT_COUNT; f++)
        if (fact_table[f].section & j->sections)
            have_unknown(h, j->task.node, (enum fact_id)f, text_str(&why));
}

bool action_proved(struct scheduler *s, int action, struct text *why_not)
{
    const struct kind_rules *rules = slot_rules(s, action);
    const struct view *v = scheduler_view(s);
    struct text ignored = {0};
    bool proved;
    if (rules->proved) {
        proved = rules->proved(v, *subject_of(s, action), why_not ? why_not : &ignored);
        text_free(&ignored);
        return proved;
    }
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct finding f = {.arena = a};
    proved = rules->wants(v, *subject_of(s, action), &f) == VERDICT_NO;
    for (size_t i = 0; why_not && !proved && i < f.n; i++)
        text_addf(why_not, "%s%s", i ? "; " : "", f.changes[i].fact);
    if (why_not && !proved && f.n == 0)
        text_add(why_not, f.reason ? f.reason : "its facts do not say so");
    return proved;
}

/* --- ends */

static void fail(struct scheduler *s, int action, struct error *e)
{
    int node = s->slots[action].node;
    if (e && !e->subject && node >= 0)
        error_subject(&e, s->x->want->hosts[node].address);
    if (s->cancelled && e && e->code != ERR_CANCELLED) {
        error_wrap(&e, "interrupted");
        e->code = ERR_CANCELLED;
    }
    scheduler_end(s, action, OUTCOME_FAILED, e, -1);
}

static void unproved(struct scheduler *s, int action, const char *why)
{
    struct error *e = NULL;
    const struct kind_rules *rules = slot_rules(s, action);
    if (rules->settle_s)
        error_set(&e, ERR_UNPROVED, "it ran, but %u s later: %s", rules->settle_s, why);
    else
        error_set(&e, ERR_UNPROVED, "it ran, but: %s", why);
    fail(s, action, e);
}

/* --- proof */

static void settle(struct scheduler *s, int action, const char *why)
{
    struct slot *slot = &s->slots[action];
    double now = scheduler_now(s);
    if (s->cancelled) {
        struct error *e = NULL;
        error_set(&e, ERR_CANCELLED, "interrupted before it was proved: %s", why);
        fail(s, action, e);
        return;
    }
    if (now + 1e-6 >= slot->settle_at) {
        unproved(s, action, why);
        return;
    }
    slot->phase = PHASE_SETTLING;
    slot->look_at = now + slot->back_off;
    if (slot->look_at > slot->settle_at)
        slot->look_at = slot->settle_at; /* the last look is at the deadline, not before */
    slot->back_off = slot->back_off * 2 < LOOK_LAST_S ? slot->back_off * 2 : LOOK_LAST_S;
    scheduler_emit(s, EVENT_VERIFY, action, why, NULL);
}

static void judge(struct scheduler *s, int action, const struct error *unseen)
{
    _cleanup_(text_free) struct text why = {0};
    if (unseen)
        error_text(unseen, &why);
    else if (action_proved(s, action, &why)) {
        scheduler_end(s, action, OUTCOME_DONE, NULL, -1);
        return;
    }
    settle(s, action, text_str(&why));
}

static void prove(struct scheduler *s, int action)
{
    const struct kind_rules *rules = slot_rules(s, action);
    struct slot *slot = &s->slots[action];
    slot->settle_at = scheduler_now(s) + rules->settle_s;
    slot->back_off = LOOK_FIRST_S;
    if (rules->local) {
        s->x->prober.refresh_local(s->x->prober.ctx, s->x->have);
        facts_changed(s);
        judge(s, action, NULL);
    } else if (rules->proof && slot->node >= 0) {
        scheduler_emit(s, EVENT_VERIFY, action, NULL, NULL);
        observe(s, action, slot->node, rules->proof, PHASE_OBSERVING);
    } else if (rules->proved) {
        judge(s, action, NULL);
    } else {
        scheduler_end(s, action, OUTCOME_DONE, NULL, -1); /* it changes no fact: having run is all there is */
    }
}

/* --- run */

static void run(struct scheduler *s, int action)
{
    const struct kind_rules *rules = slot_rules(s, action);
    const struct action *a = &s->plan->actions[action];
    const struct view *v = scheduler_view(s);
    struct slot *slot = &s->slots[action];
    struct job *j = job_new(s, action, slot->node, false);
    j->arena = arena_new();
    j->run = s->x->kinds[a->kind].run;
    j->context = (struct run_context){
        .world = s->x->world,
        .want = s->x->want,
        .subject = a->subject,
        .node = slot->node,
        .live_master = v->live_master,
        .id = a->id,
        .inputs = rules->inputs ? rules->inputs(v, a->subject, j->arena) : NULL,
        .vault = s->x->vault,
        .store = s->x->store,
        .timeout_s = rules->timeout_s,
        .progress = progress,
        .progress_ctx = j,
    };
    slot->phase = PHASE_RUNNING;
    slot->killed = false;
    slot->kill_at = rules->timeout_s ? scheduler_now(s) + rules->timeout_s + GRACE_S : 0;
    scheduler_submit(s, j);
}

static void begin(struct scheduler *s, int action)
{
    const struct action *a = &s->plan->actions[action];
    const struct kind_rules *rules = slot_rules(s, action);
    struct error *e = NULL;
    _cleanup_(arena_freep) struct arena *scratch = arena_new();
    const char *no = rules->guard ? rules->guard(scheduler_view(s), a->subject, scratch) : NULL;
    if (no) {
        error_set(&e, ERR_REFUSED, "%s", no);
        scheduler_end(s, action, OUTCOME_REFUSED, e, -1);
        return;
    }
    if (s->x->recorder.begin && s->x->recorder.begin(s->x->recorder.ctx, a->id, &e) < 0) {
        fail(s, action, e);
        return;
    }
    s->slots[action].begun = true;
    s->report->actions[action].outcome = OUTCOME_RUNNING;
    s->report->actions[action].started = scheduler_now(s);
    scheduler_emit(s, EVENT_START, action, NULL, NULL);
    run(s, action);
}

/* Where the quorum is at stake, the guard judges etcd as it is now, not as it was when the run began. */
static bool must_check(struct scheduler *s, int action, unsigned *sections)
{
    const struct kind_rules *rules = slot_rules(s, action);
    *sections = rules->premises & (SECTION_API | SECTION_ETCD);
    return rules->guard && !s->slots[action].checked && (*sections & SECTION_ETCD) &&
           scheduler_view(s)->live_master >= 0;
}

enum start action_start(struct scheduler *s, int action)
{
    const struct kind_rules *rules = slot_rules(s, action);
    const struct view *v = scheduler_view(s);
    struct slot *slot = &s->slots[action];
    struct subject subject = *subject_of(s, action);
    int node = rules->local ? -1 : rules->run_node ? rules->run_node(v, subject) : subject.node;
    enum lock lock = rules->lock ? rules->lock(v, subject) : LOCK_NONE;
    if (node >= 0 && s->node_holder[node] >= 0)
        return START_BUSY;
    if (lock != LOCK_NONE && s->lock_holder >= 0)
        return START_BUSY;
    slot->node = node;
    slot->lock = lock;
    s->active[s->n_active++] = action;
    if (node >= 0)
        s->node_holder[node] = action;
    if (lock != LOCK_NONE)
        s->lock_holder = action;
    if (node < 0 && rules->proof && !rules->local) {
        struct error *e = NULL;
        error_set(&e, ERR_UNREACHABLE, "no node is left to do it on");
        error_hint(&e, "it runs on a master whose API answers: see `reconcile status`");
        fail(s, action, e);
        return START_TAKEN;
    }
    unsigned sections;
    if (must_check(s, action, &sections))
        observe(s, action, v->live_master, sections, PHASE_CHECKING);
    else
        begin(s, action);
    return START_TAKEN;
}

static bool worth_retrying(const struct scheduler *s, int action, const struct error *e)
{
    return slot_rules(s, action)->retry && !s->slots[action].retried && !s->stopping &&
           (e->code == ERR_UNREACHABLE || e->code == ERR_TIMEOUT);
}

static void run_failed(struct scheduler *s, int action, struct error *e)
{
    struct slot *slot = &s->slots[action];
    const struct kind_rules *rules = slot_rules(s, action);
    if (slot->killed) {
        error_wrap(&e, "it did not end within %u s and was cut off", rules->timeout_s);
        e->code = ERR_TIMEOUT;
    }
    if (worth_retrying(s, action, e)) {
        slot->retried = true;
        scheduler_emit(s, EVENT_RETRY, action, NULL, e);
        error_free(e);
        run(s, action);
        return;
    }
    bool answers =
        e->code != ERR_UNREACHABLE && e->code != ERR_HOST_KEY && e->code != ERR_AUTH && !slot->killed;
    if (slot->node >= 0 && rules->proof && answers && !s->cancelled) {
        slot->error = e; /* guards of later actions must know what this one left behind */
        observe(s, action, slot->node, rules->proof, PHASE_AFTERMATH);
        return;
    }
    fail(s, action, e);
}

void action_task_ended(struct scheduler *s, struct job *j)
{
    int action = j->task.action;
    struct slot *slot = &s->slots[action];
    slot->job = NULL;
    slot->kill_at = 0;
    if (j->task.observes)
        take_facts(s, j);
    switch (slot->phase) {
    case PHASE_CHECKING:
        slot->checked = true;
        if (s->cancelled || (s->stopping && !slot_rules(s, action)->always))
            scheduler_end(s, action, OUTCOME_CANCELLED, NULL, -1);
        else
            begin(s, action);
        break;
    case PHASE_RUNNING:
        if (j->error)
            run_failed(s, action, TAKE(j->error));
        else if (s->cancelled)
            settle(s, action, "its facts were not read");
        else
            prove(s, action);
        break;
    case PHASE_OBSERVING:
        judge(s, action, j->error);
        break;
    case PHASE_AFTERMATH:
        fail(s, action, TAKE(slot->error));
        break;
    default:
        break;
    }
    job_free(s, j);
}

/* --- timers */

double action_deadline(const struct scheduler *s, int action)
{
    const struct slot *slot = &s->slots[action];
    if (slot->phase == PHASE_SETTLING)
        return slot->look_at;
    return slot->phase == PHASE_RUNNING ? slot->kill_at : 0;
}

void action_timer(struct scheduler *s, int action)
{
    struct slot *slot = &s->slots[action];
    if (slot->phase == PHASE_SETTLING) {
        if (slot_rules(s, action)->proof && slot->node >= 0)
            observe(s, action, slot->node, slot_rules(s, action)->proof, PHASE_OBSERVING);
        else
            judge(s, action, NULL);
        return;
    }
    slot->kill_at = 0;
    slot->killed = true;
    if (slot->node >= 0)
        s->x->prober.cancel(s->x->prober.ctx, slot->node);
}

void action_cancel(struct scheduler *s, int action)
{
    if (s->slots[action].phase == PHASE_SETTLING)
        settle(s, action, "its facts do not say so yet");
}
