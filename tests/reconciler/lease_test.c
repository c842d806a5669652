/* The lease on a master's disk, by the real program in a real shell: who gets it, who does not, and how it ends. */
#include "tests/actions/local_world.h"

#include "reconciler/lease.h"
#include "reconciler/local.h"

#include <sys/wait.h>
#include <time.h>

#define LEASE "/var/lib/reconcile/lab/lease"
#define OTHER "0123456789abcdef"

struct scene {
    struct local_world l;
    struct want want;
    struct want_host host;
    struct lease_params p;
    struct text said;
};

static void said(void *ctx, const char *words)
{
    text_addf(&((struct scene *)ctx)->said, "%s\n", words);
}

static void begin(struct scene *s, const char *shell)
{
    static const int first = 0;
    *s = (struct scene){0};
    local_world_init(&s->l, shell);
    s->host = (struct want_host){.address = "10.0.0.1", .roles = ROLE_MASTER, .listed = true};
    s->want = (struct want){.cluster = "lab", .hosts = &s->host, .n_hosts = 1};
    s->p = (struct lease_params){.world = &s->l.world, .want = &s->want, .nodes = &first, .n = 1, .run = "20240131T101500-1a2b3c",
                                 .renew_ms = 60000, .say = said, .ctx = s};
    _cleanup_(mem_freep) char *dir = mem_printf("%s/var/lib", s->l.root);
    must(local_make_dir(dir, 0755, NULL), &(struct error *){NULL});
}

static void end(struct scene *s)
{
    text_free(&s->said);
    local_world_end(&s->l);
}

static bool there(struct scene *s, const char *path)
{
    _cleanup_(mem_freep) char *full = mem_printf("%s%s", s->l.root, path);
    return access(full, F_OK) == 0;
}

/* The value of a field of the lease on the disk, "" if there is none; yours. */
static char *field(struct scene *s, const char *key)
{
    _cleanup_(mem_freep) char *full = mem_printf("%s" LEASE, s->l.root);
    _cleanup_(text_free) struct text t = {0};
    _cleanup_(mem_freep) char *mark = mem_printf("\n%s ", key);
    text_addc(&t, '\n');
    if (local_read(full, &t, NULL) < 0)
        return mem_strdup("");
    const char *p = strstr(text_str(&t), mark);
    return p ? mem_strndup(p + strlen(mark), strcspn(p + strlen(mark), "\n")) : mem_strdup("");
}

static bool field_is(struct scene *s, const char *key, const char *value)
{
    _cleanup_(mem_freep) char *got = field(s, key);
    return str_eq(got, value);
}

static long uptime_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (long)t.tv_sec;
}

/* Another run's lease. boot: NULL: this one; up, wall: seconds from now until it ends by either clock. */
static void leave(struct scene *s, const char *process, const char *machine, const char *boot, long up, long wall)
{
    _cleanup_(text_free) struct text b = {.max = 64};
    _cleanup_(mem_freep) char *full = mem_printf("%s" LEASE, s->l.root);
    must(local_read("/proc/sys/kernel/random/boot_id", &b, NULL), &(struct error *){NULL});
    _cleanup_(mem_freep) char *text =
        mem_printf("fence " OTHER "\nrun other-run\nwho eve\033[1m@far\nprocess %s\nmachine %s\nsince 1706696100\nuntil %ld\nboot "
                   "%.36s\nuptime %ld\nttl 60\n",
                   process, machine, (long)time(NULL) + wall, boot ? boot : text_str(&b), uptime_s() + up);
    put_file(full, text);
}

static struct lease *take(struct scene *s, struct error **err)
{
    struct lease *l = NULL;
    bool waited = true;
    int r = lease_take(&s->p, &l, &waited, err);
    assert_int_equal(r, l ? 0 : -1);
    assert_false(waited);
    return l;
}

static struct lease *taken(struct scene *s)
{
    struct error *err = NULL;
    struct lease *l = take(s, &err);
    if (!l)
        must(-1, &err);
    assert_false(field_is(s, "fence", OTHER));
    assert_true(field_is(s, "run", s->p.run));
    assert_null(lease_halted(l));
    return l;
}

static bool await(bool (*done)(struct scene *s, void *ctx), struct scene *s, void *ctx)
{
    for (int i = 0; i < 3000; i++) {
        if (done(s, ctx))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return false;
}

/* --- */

static void is_taken_and_released(void **state)
{
    (void)state;
    static const char *const shells[] = {"sh", "bash", "busybox"};
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        struct scene s;
        if (str_eq(shells[i], "busybox") && access("/bin/busybox", X_OK) < 0)
            continue;
        begin(&s, shells[i]);
        struct lease *l = taken(&s);
        assert_true(field_is(&s, "ttl", "60"));
        lease_release(l);
        assert_false(there(&s, "/var/lib/reconcile")); /* no trace on a machine where nothing was done */
        l = taken(&s);
        _cleanup_(mem_freep) char *kept = mem_printf("%s/var/lib/reconcile/lab/stamps/x", s.l.root);
        put_file(kept, "x");
        lease_release(l);
        assert_false(there(&s, LEASE));
        assert_true(there(&s, "/var/lib/reconcile/lab/stamps/x"));
        assert_string_equal(text_str(&s.said), "");
        end(&s);
    }
}

static void stops_a_second_run(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "sh");
    struct lease *l = taken(&s);
    struct error *err = NULL;
    s.p.run = "second";
    assert_null(take(&s, &err));
    assert_int_equal(err->code, ERR_LOCKED);
    assert_true(says(err, "run 20240131T101500-1a2b3c of "));
    assert_true(says(err, "on 10.0.0.1"));
    assert_non_null(strstr(err->hint, "--lock-timeout"));
    error_free(TAKE(err));
    assert_true(field_is(&s, "run", "20240131T101500-1a2b3c")); /* it is as it was */
    lease_release(l);
    lease_release(taken(&s));
    end(&s);
}

static void of_a_living_process_stays(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "sh");
    struct error *err = NULL;
    _cleanup_(mem_freep) char *machine = local_boot(), *self = local_process();
    leave(&s, self, machine, NULL, 30, 30);
    assert_null(take(&s, &err));
    assert_int_equal(err->code, ERR_LOCKED);
    assert_true(says(err, "eve?[1m@far")); /* what a node says cannot drive the terminal */
    assert_true(says(err, "since 2024-01-31T10:15:00Z"));
    error_free(TAKE(err));
    leave(&s, "999999999/1", "another machine", NULL, 30, 30); /* of which nothing is known */
    assert_null(take(&s, &err));
    assert_int_equal(err->code, ERR_LOCKED);
    error_free(TAKE(err));
    end(&s);
}

static void of_a_dead_process_is_taken_over(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "sh");
    _cleanup_(mem_freep) char *machine = local_boot();
    leave(&s, "999999999/1", machine, NULL, 30, 30);
    lease_release(taken(&s));
    assert_non_null(strstr(text_str(&s.said), "is dead"));
    end(&s);
}

/* Ended, but its parent has not asked how: dead all the same. */
static void of_a_zombie_is_taken_over(void **state)
{
    (void)state;
    struct scene s;
    int fd[2];
    begin(&s, "sh");
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *self = local_process();
        _exit(write(fd[1], self, strlen(self) + 1) > 0 ? 0 : 1);
    }
    char process[64] = "";
    assert_true(read(fd[0], process, sizeof process - 1) > 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    _cleanup_(mem_freep) char *machine = local_boot();
    leave(&s, process, machine, NULL, 30, 30);
    lease_release(taken(&s));
    waitpid(pid, NULL, 0);
    close(fd[0]), close(fd[1]);
    end(&s);
}

static void expires(void **state)
{
    (void)state;
    struct scene s;
    struct error *err = NULL;
    const struct {
        const char *boot;
        long up, wall;
        bool held;
        const char *words;
    } cases[] = {
        {NULL, 30, -5000, true, NULL},                      /* the wall clock was set: no matter */
        {NULL, -1, 30, false, "did not renew it in time"},
        {NULL, 3000, 30, false, "did not renew it in time"}, /* nobody was given that much: a damaged file */
        {"before", 30, 30, true, NULL},                     /* the node restarted a moment ago */
        {"before", 30, -1, false, "before the node restarted"},
        {"before", 30, 3000, false, "before the node restarted"}, /* the clock was set back */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(&s, "sh");
        leave(&s, "1/1", "far", cases[i].boot, cases[i].up, cases[i].wall);
        if (cases[i].held) {
            assert_null(take(&s, &err));
            assert_int_equal(err->code, ERR_LOCKED);
            error_free(TAKE(err));
        } else {
            lease_release(taken(&s));
            assert_true(strstr(text_str(&s.said), cases[i].words) != NULL);
        }
        end(&s);
    }
}

static void damaged_is_taken_over(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "fence\n", "fence " OTHER "\nuptime 08x\nuntil $(touch /tmp/x)\nttl 099\nboot\n", "\n\n\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct scene s;
        begin(&s, "sh");
        _cleanup_(mem_freep) char *full = mem_printf("%s" LEASE, s.l.root);
        put_file(full, texts[i]);
        lease_release(taken(&s));
        end(&s);
    }
}

static bool was_renewed(struct scene *s, void *before)
{
    _cleanup_(mem_freep) char *now = field(s, "uptime");
    return *now && !str_eq(now, before);
}

static void is_renewed(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "sh");
    s.p.renew_ms = 20;
    char *run = mem_strdup("short-lived");
    s.p.run = run;
    struct lease *l = taken(&s);
    free(run);
    _cleanup_(mem_freep) char *since = field(&s, "since"), *uptime = field(&s, "uptime");
    assert_true(await(was_renewed, &s, uptime));
    assert_null(lease_halted(l));
    assert_true(field_is(&s, "since", since));
    assert_true(field_is(&s, "run", "short-lived"));
    lease_release(l);
    end(&s);
}

static bool halted(struct scene *s, void *l)
{
    (void)s;
    return lease_halted(l) != NULL;
}

static void halts_when_taken_away(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "sh");
    s.p.renew_ms = 20;
    struct lease *l = taken(&s);
    /* as the other run's program does: in one step */
    _cleanup_(mem_freep) char *full = mem_printf("%s" LEASE, s.l.root);
    _cleanup_(mem_freep) char *text = mem_strdup("fence " OTHER "\nrun other-run\nwho eve@far\nprocess 1/1\n");
    must(file_replace(full, 0600, text, strlen(text), &(struct error *){NULL}), &(struct error *){NULL});
    assert_true(await(halted, &s, l));
    assert_non_null(strstr(lease_halted(l), "run other-run of eve@far (pid 1) took over"));
    lease_release(l);
    assert_true(field_is(&s, "fence", OTHER)); /* it is not ours to remove */
    end(&s);
}

static void halts_when_it_cannot_be_renewed(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "sh");
    s.p.ttl_s = 1;
    s.p.renew_ms = 100000;
    struct lease *l = taken(&s);
    assert_true(await(halted, &s, l));
    assert_non_null(strstr(lease_halted(l), "could not be renewed"));
    lease_release(l);
    end(&s);
}

static void waits_for_the_other(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "sh");
    s.p.wait_s = 30;
    leave(&s, "1/1", "far", NULL, 2, 2); /* ends by itself */
    struct lease *l = NULL;
    bool waited = false;
    struct error *err = NULL;
    must(lease_take(&s.p, &l, &waited, &err), &err);
    assert_true(waited);
    assert_non_null(strstr(text_str(&s.said), "waiting for at most 30 s: run other-run"));
    lease_release(l);
    assert_false(there(&s, LEASE));
    end(&s);
}

static void fails_where_it_cannot_be_written(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "sh");
    struct error *err = NULL;
    _cleanup_(mem_freep) char *in_the_way = mem_printf("%s/var/lib/reconcile", s.l.root);
    put_file(in_the_way, "a file");
    assert_null(take(&s, &err));
    assert_int_equal(err->code, ERR_REMOTE_EXIT);
    assert_true(says(err, "the lease of the cluster could not be taken"));
    error_free(err);
    end(&s);
}

static void masters_that_are_none_of_ours_stay_untouched(void **state)
{
    (void)state;
    struct want_host hosts[5] = {{.roles = ROLE_MASTER}, {.roles = ROLE_MASTER}, {.roles = ROLE_MASTER}, {.roles = ROLE_MASTER}, {.roles = ROLE_NODE}};
    struct want w = {.hosts = hosts, .n_hosts = 5};
    struct have *h = have_new(5, 0, 0);
    struct action actions[1] = {{.subject = {.node = 2}}};
    struct plan p = {.actions = actions, .n_actions = 1};
    int nodes[5];
    for (int i = 0; i < 5; i++) {
        have_true(h, i, FACT_REACHED, "");
        have_false(h, i, FACT_OURS);
    }
    have_true(h, 0, FACT_OURS, "");
    have_true(h, 3, FACT_OURS, "");
    have_unreached(h, 3, "it is off");
    have_true(h, 4, FACT_OURS, "");
    assert_int_equal(lease_masters(&w, h, &p, nodes), 2);
    assert_int_equal(nodes[0], 0);
    assert_int_equal(nodes[1], 2);
    have_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_taken_and_released),
        cmocka_unit_test(stops_a_second_run),
        cmocka_unit_test(of_a_living_process_stays),
        cmocka_unit_test(of_a_dead_process_is_taken_over),
        cmocka_unit_test(of_a_zombie_is_taken_over),
        cmocka_unit_test(expires),
        cmocka_unit_test(damaged_is_taken_over),
        cmocka_unit_test(is_renewed),
        cmocka_unit_test(halts_when_taken_away),
        cmocka_unit_test(halts_when_it_cannot_be_renewed),
        cmocka_unit_test(waits_for_the_other),
        cmocka_unit_test(fails_where_it_cannot_be_written),
        cmocka_unit_test(masters_that_are_none_of_ours_stay_untouched),
    };
    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
