/* reconcile -f Clusterfile: look, plan, execute, verify, write back, commit. */
#include "reconciler/commands.h"

#include "actions/families.h"
#include "actions/means/ssh_world.h"
#include "reconciler/git.h"
#include "reconciler/journal.h"
#include "reconciler/lease.h"
#include "reconciler/local.h"
#include "reconciler/out_json.h"
#include "reconciler/out_plan.h"
#include "reconciler/progress.h"
#include "reconciler/session.h"
#include "reconciler/write_back.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct apply {
    const struct options *options;
    struct session session;
    struct git *git;
    struct world *lease_world; /* connections to the masters that no job holds up */
    struct lease *lease;
    unsigned lock_timeout_s;
    struct report *report; /* NULL: there was nothing to execute */
    bool json, quiet;
    bool again; /* another run was waited for, and has changed nodes and file: begin anew */
};

static void say(const struct apply *a, const char *words)
{
    size_t n = strlen(words);
    while (n && words[n - 1] == '\n')
        n--;
    if (a->quiet || !n)
        return;
    _cleanup_(text_free) struct text t = {0};
    text_addn(&t, words, n);
    out_say(stderr, &a->session.err, text_str(&t));
}

/* ---- consent */

static bool removal_waits(const struct session *s)
{
    for (size_t i = 0; i < s->plan->n_left_out; i++) {
        int node = s->plan->left_out[i].subject.node;
        if (s->plan->left_out[i].refusal && node >= 0 && !s->loaded.want->hosts[node].listed)
            return true;
    }
    return false;
}

/* At a terminal the question is asked; in a pipeline the plan has said what is missing. */
static int ask_consent(struct apply *a, struct error **err)
{
    struct session *s = &a->session;
    struct want *w = s->loaded.want;
    if (w->consent || w->policy.allow_removals || !isatty(STDIN_FILENO) || !s->err.live || str_eq(s->loaded.name, "-") ||
        !removal_waits(s))
        return 0;
    fprintf(stderr, "These nodes are not listed any more and would be removed from the cluster:\n");
    for (size_t i = 0; i < w->n_hosts; i++)
        if (!w->hosts[i].listed)
            fprintf(stderr, "  %s%s%s\n", w->hosts[i].address, w->hosts[i].node_name ? "  " : "",
                    w->hosts[i].node_name ? w->hosts[i].node_name : "");
    fprintf(stderr, "Type yes to remove them: ");
    char answer[16] = "";
    if (!fgets(answer, sizeof answer, stdin) || !str_eq(answer, "yes\n"))
        return 0;
    w->consent = true;
    plan_free(s->plan);
    s->plan = NULL;
    return plan_make(w, s->seen.have, catalogue_rules, catalogue_len, &s->plan, err);
}

static void say_plan(const struct apply *a)
{
    const struct session *s = &a->session;
    struct plan_print p = {.want = s->loaded.want, .plan = s->plan, .rules = catalogue_rules};
    _cleanup_(text_free) struct text t = {0};
    if (cli_on(a->options, FLAG_VERBOSE) || s->plan->n_left_out)
        out_plan_text(&t, &s->err, &p, false);
    else
        out_plan_summary(&t, &p);
    say(a, text_str(&t));
}

static void print_report(const struct apply *a, const char *log);
static int write_status(struct apply *a, struct error **err);

/* ---- the lease */

static void lease_says(void *ctx, const char *words)
{
    const struct apply *a = ctx;
    if (str_starts(words, "warning: ") && !a->json)
        fprintf(stderr, "%s\n", words);
    else
        say(a, words);
}

/* Where another run had to be waited for, all is found out anew; what came from stdin cannot be read twice. */
static int take_lease(struct apply *a, const char *run_id, struct error **err)
{
    struct session *s = &a->session;
    _cleanup_(mem_freep) int *masters = mem_array(NULL, s->loaded.want->n_hosts + 1, sizeof *masters);
    size_t n = lease_masters(s->loaded.want, s->seen.have, s->plan, masters);
    struct world_ssh_params wp = {s->loaded.want, s->loaded.targets, s->loaded.want->n_hosts};
    if (n == 0)
        return 0;
    if (world_ssh_new(&wp, &a->lease_world, err) < 0)
        return -1;
    struct lease_params p = {.world = a->lease_world,
                             .cancel = world_ssh_cancel_all,
                             .want = s->loaded.want,
                             .nodes = masters,
                             .n = n,
                             .run = run_id,
                             .wait_s = a->lock_timeout_s,
                             .say = lease_says,
                             .ctx = a};
    bool waited = false;
    if (lease_take(&p, &a->lease, &waited, err) < 0)
        return -1;
    a->again = waited && !str_eq(s->loaded.name, "-");
    if (!waited || a->again)
        return 0;
    if (session_look_again(s, err) < 0)
        return -1;
    say_plan(a);
    return 0;
}

static void drop_lease(struct apply *a)
{
    lease_release(TAKE(a->lease));
    world_ssh_free(TAKE(a->lease_world));
}

/* ---- execution */

static double clock_of(void *ctx)
{
    struct runner *r = ctx;
    return r->now(r->ctx);
}

/* A runner that lets the drawn times go on while nothing happens. */
struct ticking {
    struct runner inner;
    struct progress *progress;
};

static struct task *wait_and_draw(void *ctx, double deadline, int *ret_signal)
{
    const struct ticking *t = ctx;
    while (true) {
        double now = t->inner.now(t->inner.ctx), tick = now + 0.2;
        struct task *task = t->inner.wait(t->inner.ctx, tick < deadline ? tick : deadline, ret_signal);
        if (task || *ret_signal || tick >= deadline)
            return task;
        progress_tick(t->progress);
    }
}

static double ticking_now(void *ctx)
{
    const struct ticking *t = ctx;
    return t->inner.now(t->inner.ctx);
}

static void ticking_start(void *ctx, struct task *task)
{
    const struct ticking *t = ctx;
    t->inner.start(t->inner.ctx, task);
}

/* Workers hang in what they were given, although they were cancelled: the run ends as any other, but without freeing
 * anything that they may still touch. */
static void leave(struct apply *a, struct journal *j)
{
    struct error *err = NULL;
    journal_end(j, "interrupted");
    print_report(a, journal_log_path(j));
    if (write_status(a, &err) < 0)
        session_fail(&a->session.err, &err);
    lease_release(a->lease);
    fflush(NULL);
    _exit(report_exit_code(a->session.plan, a->report));
}

static void execute_plan(struct apply *a, struct journal *j)
{
    struct session *s = &a->session;
    struct ticking ticking = {.inner = pool_runner(s->pool)};
    struct runner runner = s->err.live && !a->json
                               ? (struct runner){ticking_now, ticking_start, wait_and_draw, &ticking}
                               : ticking.inner;
    _cleanup_(events_freep) struct events *events = events_new();
    struct progress_params pp = {.out = stderr,
                                 .style = s->err,
                                 .format = a->json ? LOG_JSON : LOG_TEXT,
                                 .least = cli_on(a->options, FLAG_VERBOSE) ? LEVEL_DEBUG : a->quiet ? LEVEL_WARN : LEVEL_INFO,
                                 .now = clock_of,
                                 .now_ctx = &runner};
    _cleanup_(progress_freep) struct progress *progress = progress_new(&pp);
    _cleanup_(vault_freep) struct vault *vault = vault_new();
    ticking.progress = progress;
    events_add(events, progress_sink, progress);
    events_add(events, log_file_sink, journal_log(j));
    struct execution x = {.want = s->loaded.want,
                          .have = s->seen.have,
                          .plan = s->plan,
                          .kinds = catalogue,
                          .world = s->world,
                          .store = s->loaded.store,
                          .vault = vault,
                          .prober = probe_prober(&s->context),
                          .runner = runner,
                          .recorder = journal_recorder(j),
                          .events = events,
                          .halted = a->lease ? lease_halted : NULL,
                          .halted_ctx = a->lease,
                          .concurrency = session_concurrency(s)};
    progress_begin(progress, s->plan->n_actions);
    bool clean = execute(&x, &a->report);
    progress_end(progress);
    if (!clean)
        leave(a, j);
}

static void print_report(const struct apply *a, const char *log)
{
    const struct session *s = &a->session;
    _cleanup_(text_free) struct text t = {0};
    if (a->json) {
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct value *event = value_map(arena);
        value_set(arena, event, "event", value_string(arena, "report"));
        value_set(arena, event, "report", json_report(arena, s->loaded.want, s->plan, a->report, s->probed_s));
        value_json(event, &t);
        text_addc(&t, '\n');
    } else {
        out_report(&t, &s->err, s->plan, a->report, log);
    }
    fputs(text_str(&t), stderr);
}

static int run(struct apply *a, struct error **err)
{
    struct session *s = &a->session;
    struct journal *j = NULL;
    _cleanup_(mem_freep) char *run_id = local_run_id();
    struct journal_params jp = {.cluster = s->loaded.want->cluster, .clusterfile = s->loaded.name, .run = run_id};
    if (take_lease(a, run_id, err) < 0)
        return -1;
    if (a->again)
        return 0;
    if (s->plan->n_actions == 0) { /* the run that was waited for has done it */
        drop_lease(a);
        return 0;
    }
    if (journal_open(&jp, s->plan->n_actions, &j, err) < 0)
        return -1;
    if (journal_cut_off(j))
        say(a, journal_cut_off(j));
    execute_plan(a, j);
    drop_lease(a);
    print_report(a, journal_log_path(j));
    int code = report_exit_code(s->plan, a->report);
    journal_close(j, a->report->interrupted ? "interrupted" : code == EXIT_FAILED ? "failed" : "done");
    return 0;
}

/* ---- epilogue: also after failure and interruption */

static int commit(struct apply *a, struct error **err)
{
    struct session *s = &a->session;
    _cleanup_(text_free) struct text message = {0}, words = {0};
    _cleanup_(mem_freep) char *id = NULL;
    size_t done = 0;
    for (size_t i = 0; a->report && i < a->report->n; i++)
        done += a->report->actions[i].outcome == OUTCOME_DONE;
    text_addf(&message, "Reconcile cluster %s: %zu %s\n", s->loaded.want->cluster, done, out_plural(done, "action", "actions"));
    if (git_commit_file(a->git, text_str(&message), &id, err) < 0)
        return -1;
    if (id) {
        text_addf(&words, "Committed %.12s", id);
        if (git_hooks(a->git))
            text_addf(&words, " (hooks are not run: %s)", git_hooks(a->git));
        say(a, text_str(&words));
    }
    return 0;
}

static int write_status(struct apply *a, struct error **err)
{
    struct session *s = &a->session;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    _cleanup_(text_free) struct text now = {0}, words = {0};
    local_time(&now);
    struct write_back b = {
        .file = s->loaded.name,
        .text = text_str(&s->loaded.text),
        .len = s->loaded.text.len,
        .write_to = a->options->flags[FLAG_WRITE_TO],
        .status = status_make(arena, s->loaded.want, s->seen.have, s->plan, a->report, text_str(&now)),
        .created = status_is_new(s->loaded.want, s->seen.have) ? text_str(&now) : NULL,
    };
    enum written written = WRITTEN_NOTHING;
    if (write_back(&b, &written, err) < 0)
        return error_wrap(err, "the result was not written back");
    if (written == WRITTEN_NOWHERE)
        say(a, "The result is not written anywhere: the Clusterfile came from stdin; --write-to FILE keeps it");
    else if (written == WRITTEN_FILE) {
        text_addf(&words, "Wrote the status into %s", b.write_to ? b.write_to : b.file);
        say(a, text_str(&words));
    }
    return a->git && written != WRITTEN_NOWHERE ? commit(a, err) : 0;
}

static int open_git(struct apply *a, struct error **err)
{
    const struct loaded *l = &a->session.loaded;
    bool asked = cli_on(a->options, FLAG_COMMIT);
    if (!asked && !l->want->policy.git_commit)
        return 0;
    const char *file = a->options->flags[FLAG_WRITE_TO] ? a->options->flags[FLAG_WRITE_TO] : l->name;
    if (str_eq(file, "-"))
        return error_set(err, ERR_USAGE, "--commit needs a file: name one by -f, or by --write-to");
    return git_start(err) < 0 ? -1 : git_open(file, &a->git, err);
}

static void apply_close(struct apply *a)
{
    drop_lease(a);
    report_free(a->report);
    git_closep(&a->git);
    session_close(&a->session);
}

static int apply(const struct options *o, bool *ret_again)
{
    *ret_again = false;
    _cleanup_(apply_close) struct apply a = {.options = o, .json = str_eq(o->flags[FLAG_LOG_FORMAT], "json"),
                                             .quiet = cli_on(o, FLAG_QUIET)};
    struct session *s = &a.session;
    struct error *err = NULL;
    if (o->flags[FLAG_LOG_FORMAT] && !a.json && !str_eq(o->flags[FLAG_LOG_FORMAT], "text")) {
        fprintf(stderr, "reconcile: --log-format is text or json, not %s\n", o->flags[FLAG_LOG_FORMAT]);
        return EXIT_FAILED;
    }
    if (cli_on(o, FLAG_OUTPUT) && !str_eq(o->flags[FLAG_OUTPUT], "text")) {
        error_set(&err, ERR_USAGE, "-o %s is for what is printed: plan, status, graph, apply --dry-run", o->flags[FLAG_OUTPUT]);
        error_hint(&err, "--log-format json makes what a run says readable for programs");
        s->err = style_of(STDERR_FILENO, cli_on(o, FLAG_NO_COLOR));
        return session_fail(&s->err, &err);
    }
    if (load_seconds(o->flags[FLAG_LOCK_TIMEOUT], "lock-timeout", &a.lock_timeout_s, &err) < 0) {
        const struct style style = style_of(STDERR_FILENO, cli_on(o, FLAG_NO_COLOR));
        return session_fail(&style, &err);
    }
    int code = session_open(o, s);
    if (code == 0)
        code = session_wait_for_jobs(s);
    if (code == 0)
        code = session_make_plan(s);
    if (code)
        return code;
    if (open_git(&a, &err) < 0 || ask_consent(&a, &err) < 0)
        return session_fail(&s->err, &err);
    say_plan(&a);
    if (s->plan->n_actions && run(&a, &err) < 0)
        return session_fail(&s->err, &err);
    *ret_again = a.again;
    if (a.again)
        return EXIT_OK;
    code = report_exit_code(s->plan, a.report);
    if (write_status(&a, &err) < 0) {
        int written = session_fail(&s->err, &err);
        return code == EXIT_OK || code == EXIT_LEFT_OUT ? written : code;
    }
    return code;
}

int command_apply(const struct options *o)
{
    bool again = false;
    int code;
    if (cli_on(o, FLAG_DRY_RUN))
        return command_plan(o);
    do
        code = apply(o, &again);
    while (again);
    return code;
}
