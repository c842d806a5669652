/* The SSH world: one connection a node, had again when it died; turns, words, files. */
#include "tests/actions/world_case.h"

/* --- the world */

static void one_connection(void **state)
{
    (void)state;
    struct world *w = new_world();
    for (int i = 0; i < 3; i++)
        says(w, 0, "echo $((1 + 1))", "2\n");
    assert_int_equal(world_ssh_counters(w, 0).connections, 1);
    assert_int_equal(world_ssh_counters(w, 0).execs, 3);
    assert_int_equal(world_ssh_counters(w, 1).connections, 0);
    cut_sessions(); /* an idle connection that died is had again */
    says(w, 0, "echo again", "again\n");
    assert_int_equal(world_ssh_counters(w, 0).connections, 2);
    world_ssh_close(w, 0);
    says(w, 0, "echo more", "more\n");
    assert_int_equal(world_ssh_counters(w, -1).connections, 3);
    world_ssh_free(w);
}

static void failures_have_words(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    struct world_script s = {.text = "seq 100 >&2; printf 'bad \\033[1mthing\\n' >&2; exit 9",
                             .what = "do it"};
    assert_int_equal(world_sh(w, 0, &s, NULL, &err), -1);
    assert_null(strstr(err->detail, "\n71\n"));
    assert_int_equal(strncmp(err->detail, "72\n", 3), 0); /* thirty lines */
    expect_error(err, ERR_REMOTE_EXIT, "100\nbad ?[1mthing");
    err = NULL;
    s.text = "echo 'cp: x: No space left on device' >&2; exit 1";
    assert_int_equal(world_sh(w, 0, &s, NULL, &err), -1);
    expect_error(err, ERR_NO_SPACE, "do it: failed with status 1");
    _cleanup_(world_output_free) struct world_output out = {0};
    s.any_status = true;
    assert_int_equal(world_sh(w, 0, &s, &out, NULL), 0);
    assert_int_equal(out.status, 1);
    world_ssh_free(w);
}

static void puts_files(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    static const char path[] = LAB "/new dir/it's $a \"file\"", data[] = "a\0b\n";
    if (world_put(w, 0, path, 0640, data, 4, &err) < 0 || world_put(w, 0, path, 0600, data, 4, &err) < 0)
        fail_with(err);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 4);
    assert_memory_equal(lab_read(path), data, 4);
    assert_int_equal(lab_run("test $(ls -A '" LAB "/new dir' | wc -l) = 1"), 0);
    assert_int_equal(world_put(w, 0, LAB "/empty", 0644, NULL, 0, NULL), 0);
    assert_int_equal(world_put(w, 0, LAB, 0644, "x", 1, &err), -1);
    expect_error(err, ERR_REMOTE_EXIT, "is a directory");
    world_ssh_free(w);
}

static void observes(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    _cleanup_(text_free) struct text answer = {0};
    if (world_observe(w, 0, SECTION_IDENTITY, "0123456789abcdef0123456789abcdef", &answer, &err) < 0)
        fail_with(err);
    assert_non_null(strstr(text_str(&answer), "BEGIN reconcile-probe 1 0123456789abcdef0123456789abcdef\n"));
    assert_int_equal(world_ssh_counters(w, -1).execs, 1);
    world_ssh_free(w);
}

struct caller {
    struct world *world;
    int node;
    pthread_t thread;
};

static void *call_ten(void *arg)
{
    struct caller *c = arg;
    /* Takes a lock that is not waited for: two at once on one node would be seen. */
    for (int i = 0; i < 10; i++) {
        char script[200];
        snprintf(script, sizeof script, "mkdir " LAB "/turn%d || exit 7; rmdir " LAB "/turn%d; echo ok",
                 c->node, c->node);
        says(c->world, c->node, script, "ok\n");
    }
    return NULL;
}

static void threads_take_turns(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct caller c[6];
    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        c[i] = (struct caller){.world = w, .node = (int)i % 2};
        pthread_create(&c[i].thread, NULL, call_ten, &c[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        pthread_join(c[i].thread, NULL);
    assert_int_equal(world_ssh_counters(w, -1).connections, 2);
    assert_int_equal(world_ssh_counters(w, -1).execs, 60);
    world_ssh_free(w);
}

static void *cancel_when_running(void *world)
{
    if (lab_await(exists, LAB "/waiting"))
        world_ssh_cancel_all(world);
    return NULL;
}

static void cancels(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_when_running, w);
    struct world_script s = {.text = ": >" LAB "/waiting; sleep 60", .what = "wait"};
    assert_int_equal(world_sh(w, 0, &s, NULL, &err), -1);
    expect_error(err, ERR_CANCELLED, "");
    pthread_join(thread, NULL);
    err = NULL;
    struct world_job j = {.key = "late", .script = "true", .timeout_s = 10};
    assert_int_equal(world_job(w, 1, &j, &err), -1);
    expect_error(err, ERR_CANCELLED, "");
    world_ssh_free(w);
}

static void *cancel_one(void *world)
{
    if (lab_await(exists, LAB "/waiting-too"))
        world_ssh_cancel(world, 0);
    return NULL;
}

static void cancels_one_call(void **state)
{
    (void)state;
    struct world *w = new_world();
    struct error *err = NULL;
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_one, w);
    struct world_script s = {.text = ": >" LAB "/waiting-too; sleep 60", .what = "wait"};
    assert_int_equal(world_sh(w, 0, &s, NULL, &err), -1);
    expect_error(err, ERR_CANCELLED, "");
    pthread_join(thread, NULL);
    world_ssh_cancel(w, 0); /* nothing runs: it is forgotten */
    err = NULL;
    struct world_script next = {.text = "true", .what = "go on"};
    assert_int_equal(world_sh(w, 0, &next, NULL, &err), 0);
    assert_int_equal(world_sh(w, 1, &next, NULL, &err), 0);
    world_ssh_free(w);
}

int main(void)
{
    int status;
    if (!lab_enter(&status))
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection), cmocka_unit_test(failures_have_words), cmocka_unit_test(puts_files),
        cmocka_unit_test(observes),       cmocka_unit_test(threads_take_turns),  cmocka_unit_test(cancels),
        cmocka_unit_test(cancels_one_call),
    };
    status = cmocka_run_group_tests_name("ssh_world", tests, world_set_up, NULL);
    return status > 100 ? 100 : status;
}
