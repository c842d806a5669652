/* The status: what is recorded about whom, and how it comes into the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reconciler/write_back.h"
#include "schema/read.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD                                                                                                          \
    "apiVersion: apps.sealos.io/v1beta1\nkind: Cluster\nmetadata:\n  name: c # ours\nspec:\n  image: [x/k8s:v1]\n"    \
    "  ssh: {user: root, passwd: hunter2, pk: env:KEY}\n  hosts:\n    - ips: ['10.0.0.1']\n      roles: [master]\n"
#define WORKER "    - ips: ['10.0.0.2']\n      roles: [node]\n"
#define NOW "2024-01-31T10:15:00Z"

static char dir[64], file[96];

static struct want *read_text(const char *text)
{
    struct want *w = NULL;
    struct error_list errors = {0}, warnings = {0};
    if (clusterfile_read("f", text, strlen(text), &w, &errors, &warnings) < 0)
        fail_msg("%s", errors.errors[0]->message);
    error_list_free(&errors);
    error_list_free(&warnings);
    return w;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static char *get(const char *path)
{
    static char s[65536];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    s[fread(s, 1, sizeof s - 1, f)] = 0;
    fclose(f);
    return s;
}

static void is_member(struct have *h, int node, const char *machine, const char *name)
{
    have_true(h, node, FACT_REACHED, "");
    have_true(h, node, FACT_MACHINE_ID, machine);
    have_true(h, node, FACT_NODE_OBJECT, machine);
    have_true(h, node, FACT_NODE_NAME, name);
}

static struct plan nothing;

/* Makes the status of what is seen and writes it back into the text's file. */
static enum written record(const struct want *w, const struct have *h, struct write_back b, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    enum written written = WRITTEN_NOTHING;
    b.file = b.file ? b.file : file;
    b.len = strlen(b.text);
    b.status = status_make(a, w, h, &nothing, NULL, NOW);
    b.created = status_is_new(w, h) ? NOW : NULL;
    if (write_back(&b, &written, err) < 0 && !err)
        fail_msg("not written");
    return written;
}

static struct have *seen_of(const struct want *w)
{
    return have_new(w->n_hosts, w->n_images, 0);
}

/* --- what is recorded */

static void members_only(void **state)
{
    (void)state;
    struct want *w = read_text(HEAD WORKER);
    struct have *h = seen_of(w);
    put(file, HEAD WORKER);
    assert_int_equal(record(w, h, (struct write_back){.text = HEAD WORKER}, NULL), WRITTEN_NOTHING); /* no cluster */
    is_member(h, 0, "aaaa", "one");
    is_member(h, 1, "bbbb", "two");
    have_true(h, 1, FACT_NODE_OBJECT, "cccc"); /* the Node is another machine's */
    assert_int_equal(record(w, h, (struct write_back){.text = HEAD WORKER}, NULL), WRITTEN_FILE);
    const char *text = get(file);
    assert_non_null(strstr(text, "name: c # ours"));
    assert_non_null(strstr(text, "creationTimestamp: \"" NOW "\""));
    assert_non_null(strstr(text, "machineID: aaaa"));
    assert_null(strstr(text, "bbbb"));
    assert_null(strstr(text, "cccc"));
    have_free(h);
    want_free(w);
}

/* Literals stay where their author wrote them, and nowhere else; references are recorded. */
static void secrets(void **state)
{
    (void)state;
    struct want *w = read_text(HEAD);
    struct have *h = seen_of(w);
    put(file, HEAD);
    is_member(h, 0, "aaaa", "one");
    record(w, h, (struct write_back){.text = HEAD}, NULL);
    const char *status = strstr(get(file), "status:");
    assert_non_null(status);
    assert_null(strstr(status, "hunter2"));
    assert_non_null(strstr(status, "env:KEY"));
    have_free(h);
    want_free(w);
}

static const char with_leaver[] =
    HEAD "status:\n  nodes:\n    - {address: '10.0.0.1', roles: [master], joined: true, nodeName: one, machineID: aaaa}\n"
         "    - {address: '10.0.0.9', roles: [node], joined: true, nodeName: nine, machineID: nnnn, mine: kept}\n";

static void leaving(void **state)
{
    (void)state;
    struct want *w = read_text(with_leaver);
    struct have *h = seen_of(w);
    int nine = want_find_host(w, "10.0.0.9");
    assert_true(nine >= 0);
    assert_false(w->hosts[nine].listed);
    is_member(h, 0, "aaaa", "one");
    put(file, with_leaver);
    /* unknown: it stays, with what others wrote */
    record(w, h, (struct write_back){.text = with_leaver}, NULL);
    assert_non_null(strstr(get(file), "mine: kept"));
    /* its Node is gone, but the machine still has our files */
    have_false(h, nine, FACT_NODE_OBJECT);
    have_true(h, nine, FACT_REACHED, "");
    have_true(h, nine, FACT_KUBELET_CONF, "");
    have_false(h, nine, FACT_MANIFESTS);
    put(file, with_leaver);
    record(w, h, (struct write_back){.text = with_leaver}, NULL);
    assert_non_null(strstr(get(file), "10.0.0.9"));
    /* both gone */
    have_false(h, nine, FACT_KUBELET_CONF);
    put(file, with_leaver);
    assert_int_equal(record(w, h, (struct write_back){.text = with_leaver}, NULL), WRITTEN_FILE);
    assert_null(strstr(get(file), "10.0.0.9"));
    assert_non_null(strstr(get(file), "machineID: aaaa"));
    have_free(h);
    want_free(w);
}

/* What the user cut short has not failed. */
static void phases(void **state)
{
    (void)state;
    static const struct {
        enum error_code code;
        bool interrupted;
        const char *phase;
    } cases[] = {{ERR_REMOTE_EXIT, false, "ClusterFailed"}, {ERR_REMOTE_EXIT, true, "ClusterFailed"}, {ERR_CANCELLED, true, "ClusterInProcess"}};
    struct want *w = read_text(HEAD);
    struct have *h = seen_of(w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct action action = {.id = "kubeadm.init/10.0.0.1"};
        struct plan p = {.actions = &action, .n_actions = 1};
        struct error *err = NULL;
        error_set(&err, cases[i].code, "its output, which differs each time");
        struct action_report ended = {.outcome = OUTCOME_FAILED, .error = err};
        struct report r = {.actions = &ended, .n = 1, .interrupted = cases[i].interrupted};
        const struct value *status = status_make(a, w, h, &p, &r, NOW);
        assert_string_equal(value_text(value_get(status, "phase"), ""), cases[i].phase);
        _cleanup_(text_free) struct text t = {0};
        value_json(status, &t);
        assert_null(strstr(text_str(&t), "its output"));
        error_free(err);
    }
    have_free(h);
    want_free(w);
}

static void halted_is_no_success(void **state)
{
    (void)state;
    struct want *w = read_text(HEAD);
    struct have *h = seen_of(w);
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct action actions[] = {{.id = "hosts.set/10.0.0.1"}, {.id = "kubeadm.init/10.0.0.1"}};
    struct plan p = {.actions = actions, .n_actions = 2};
    struct action_report ended[] = {{.outcome = OUTCOME_DONE}, {.outcome = OUTCOME_CANCELLED}};
    struct report r = {.actions = ended, .n = 2};
    const struct value *status = status_make(a, w, h, &p, &r, NOW);
    assert_string_equal(value_text(value_get(status, "phase"), ""), "ClusterInProcess");
    have_free(h);
    want_free(w);
}

/* --- how it is written */

static void settled(void **state)
{
    (void)state;
    struct want *w = read_text(HEAD);
    struct have *h = seen_of(w);
    struct stat before, after;
    put(file, HEAD);
    is_member(h, 0, "aaaa", "one");
    record(w, h, (struct write_back){.text = HEAD}, NULL);
    char *first = mem_strdup(get(file));
    assert_int_equal(stat(file, &before), 0);
    struct want *again = read_text(first);
    assert_int_equal(record(again, h, (struct write_back){.text = first}, NULL), WRITTEN_NOTHING);
    assert_int_equal(stat(file, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
    free(first);
    want_free(again);
    have_free(h);
    want_free(w);
}

static void changed_meanwhile(void **state)
{
    (void)state;
    struct want *w = read_text(HEAD);
    struct have *h = seen_of(w);
    struct error *err = NULL;
    is_member(h, 0, "aaaa", "one");
    put(file, HEAD WORKER);
    assert_int_equal(record(w, h, (struct write_back){.text = HEAD}, &err), WRITTEN_NOTHING);
    assert_non_null(err);
    assert_int_equal(err->code, ERR_CONFLICT);
    error_free(err);
    err = NULL;
    assert_string_equal(get(file), HEAD WORKER);
    unlink(file);
    record(w, h, (struct write_back){.text = HEAD}, &err);
    assert_non_null(err);
    error_free(err);
    assert_int_not_equal(access(file, F_OK), 0);
    have_free(h);
    want_free(w);
}

static void link_and_mode(void **state)
{
    (void)state;
    struct want *w = read_text(HEAD);
    struct have *h = seen_of(w);
    char real[96];
    struct stat st;
    is_member(h, 0, "aaaa", "one");
    snprintf(real, sizeof real, "%s/real", dir);
    put(real, HEAD);
    assert_int_equal(chmod(real, 0640), 0);
    assert_int_equal(symlink("real", file), 0);
    assert_int_equal(record(w, h, (struct write_back){.text = HEAD}, NULL), WRITTEN_FILE);
    assert_int_equal(lstat(file, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(lstat(real, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_non_null(strstr(get(real), "machineID: aaaa"));
    have_free(h);
    want_free(w);
}

static void elsewhere(void **state)
{
    (void)state;
    struct want *w = read_text(HEAD);
    struct have *h = seen_of(w);
    char to[96];
    is_member(h, 0, "aaaa", "one");
    assert_int_equal(record(w, h, (struct write_back){.file = "-", .text = HEAD}, NULL), WRITTEN_NOWHERE);
    snprintf(to, sizeof to, "%s/to", dir);
    assert_int_equal(record(w, h, (struct write_back){.file = "-", .text = HEAD, .write_to = to}, NULL), WRITTEN_FILE);
    assert_non_null(strstr(get(to), "machineID: aaaa"));
    put(file, HEAD);
    assert_int_equal(record(w, h, (struct write_back){.text = HEAD, .write_to = to}, NULL), WRITTEN_FILE);
    assert_string_equal(get(file), HEAD); /* the source stays as it is */
    have_free(h);
    want_free(w);
}

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/write-back-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof file, "%s/Clusterfile", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_only),      TEST(secrets),       TEST(leaving),   TEST(settled),
        TEST(changed_meanwhile), TEST(link_and_mode), TEST(elsewhere), TEST(phases), TEST(halted_is_no_success),
    };
    return cmocka_run_group_tests_name("write_back", tests, NULL, NULL) ? 1 : 0;
}
