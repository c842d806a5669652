/* reconcile trust: connects to every host as far as its key, and learns those that are unknown. */
#include "reconciler/commands.h"

#include "actions/means/ssh_world.h"
#include "reconciler/session.h"
#include "reconciler/signals.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct meeting {
    struct task task; /* first: the runner hands it back */
    const struct transport_target *target;
    bool learned;
    char *fingerprint;
    struct error *error;
};

static void meet(struct task *t)
{
    struct meeting *m = (struct meeting *)t;
    transport_trust(m->target, &m->learned, &m->fingerprint, &m->error);
}

static void print_met(const struct session *s, const struct meeting *m)
{
    _cleanup_(text_free) struct text t = {0};
    if (m->error) {
        out_error(&t, &s->err, "error", m->error);
        fputs(text_str(&t), stderr);
        return;
    }
    text_addf(&t, "%s  ", m->target->address);
    text_add_safe(&t, m->fingerprint, 200);
    text_add(&t, "  ");
    style_add(&t, &s->out, m->learned ? COLOUR_YELLOW : COLOUR_GREEN, m->learned ? "learned" : "known");
    printf("%s\n", text_str(&t));
}

/* Returns the signal that came, or 0: then nothing more was started, and what ran was cut short. */
static int meet_all(const struct session *s, struct meeting *all)
{
    size_t n = s->loaded.want->n_hosts, next = 0, running = 0, most = session_concurrency(s);
    struct runner runner = pool_runner(s->pool);
    int came = 0;
    while (true) {
        for (; !came && next < n && running < most; next++, running++)
            runner.start(runner.ctx, &all[next].task);
        if (running == 0)
            return came;
        int signal = 0;
        running -= runner.wait(runner.ctx, HUGE_VAL, &signal) != NULL;
        if (signal && !came) {
            came = signal;
            world_ssh_cancel_all(s->world);
        }
    }
}

static bool away(const struct error *e)
{
    return e->code == ERR_UNREACHABLE || e->code == ERR_TIMEOUT;
}

/* A host with another key than the known one fails; the others are learned all the same. */
static int conclude(const struct session *s, struct meeting *all)
{
    int code = EXIT_OK;
    for (size_t i = 0; i < s->loaded.want->n_hosts; i++) {
        struct meeting *m = &all[i];
        if (m->fingerprint || m->error)
            print_met(s, m);
        if (m->error)
            code = !away(m->error) || code == EXIT_FAILED ? EXIT_FAILED : EXIT_LEFT_OUT;
        error_free(m->error);
        free(m->fingerprint);
    }
    return code;
}

int command_trust(const struct options *o)
{
    _cleanup_(session_close) struct session s = {.options = o};
    struct error *err = NULL;
    s.out = style_of(STDOUT_FILENO, cli_on(o, FLAG_NO_COLOR));
    s.err = style_of(STDERR_FILENO, cli_on(o, FLAG_NO_COLOR));
    if (signals_init(&err) < 0 || load_file(o, &s.err, &s.loaded, &err) < 0 || load_targets(o, &s.loaded, &err) < 0)
        return session_fail(&s.err, &err);
    struct world_ssh_params params = {s.loaded.want, s.loaded.targets, s.loaded.want->n_hosts};
    if (world_ssh_new(&params, &s.world, &err) < 0 || pool_new(session_concurrency(&s), &s.pool, &err) < 0)
        return session_fail(&s.err, &err);
    struct meeting *all = mem_alloc((s.loaded.want->n_hosts + 1) * sizeof *all);
    for (size_t i = 0; i < s.loaded.want->n_hosts; i++) {
        s.loaded.targets[i].cancel_fd = world_ssh_cancel_fd(s.world);
        all[i] = (struct meeting){.task = {.work = meet, .action = -1, .node = (int)i}, .target = &s.loaded.targets[i]};
    }
    int signal = meet_all(&s, all);
    int code = conclude(&s, all);
    free(all);
    return signal ? 128 + signal : code;
}
