/* Images from a real registry, through the real skopeo. Skipped where they are not installed. */
#include "actions/means/process.h"
#include "actions/means/store.h"

#include "tests/actions/image_build.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

struct scene {
    char *dir, *layout;
    pid_t registry;
    int alive;
    unsigned port;
    char digest[72], arm[72];
    struct layer layers[2];
};

static bool installed(const char *program)
{
    const char *argv[] = {program, "--version", NULL};
    const struct process p = {.argv = argv, .any_status = true};
    struct process_output out = {0};
    int r = process_run(&p, &out, NULL);
    process_output_free(&out);
    return r == 0;
}

static unsigned free_port(int *fd)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&a, &n), 0);
    return ntohs(a.sin_port);
}

static bool answers(unsigned port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return ok;
}

static void start(struct scene *s)
{
    int held;
    s->port = free_port(&held);
    close(held);
    char *config = mem_printf("%s/registry.yml", s->dir), *log = mem_printf("%s/log", s->dir);
    char *text =
        mem_printf("version: 0.1\nlog: {level: error}\nstorage:\n  filesystem: {rootdirectory: %s/data}\n"
                   "http: {addr: '127.0.0.1:%u'}\n",
                   s->dir, s->port);
    put_file(config, text);
    /* it ends when our end of the pipe does, however that comes about */
    char *argv[] = {"sh", "-c", "docker-registry serve \"$0\" </dev/null & p=$!; cat; kill $p; wait", config, NULL};
    int alive[2];
    assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, alive[0], 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    assert_int_equal(posix_spawnp(&s->registry, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(alive[0]);
    s->alive = alive[1];
    for (time_t until = time(NULL) + 60; !answers(s->port);) {
        int status;
        if (time(NULL) > until || waitpid(s->registry, &status, WNOHANG) == s->registry)
            fail_msg("the registry does not start");
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    free(config), free(log), free(text);
}

static void skopeo_copy(struct scene *s, const char *tag, const char *to)
{
    char *from = mem_printf("oci:%s:%s", s->layout, tag),
         *dest = mem_printf("docker://127.0.0.1:%u/%s", s->port, to);
    const char *argv[] = {"skopeo", "copy", "--quiet", "--all", "--dest-tls-verify=false", from, dest, NULL};
    const struct process p = {.argv = argv, .timeout_s = 120, .what = "fill the registry"};
    struct process_output out = {0};
    struct error *err = NULL;
    must(process_run(&p, &out, &err), &err);
    process_output_free(&out);
    free(from), free(dest);
}

static int set_up(void **state)
{
    struct scene *s = mem_alloc(sizeof *s);
    *state = s;
    char digest[72];
    s->dir = scratch_new();
    s->layout = mem_printf("%s/img", s->dir);
    for (int i = 0; i < 2; i++) {
        layer_begin(&s->layers[i], ARCHIVE_FILTER_GZIP);
        layer_file(&s->layers[i], "etc/arch", 0644, i ? "arm64" : "amd64");
        layer_end(&s->layers[i]);
    }
    size_t n1 = image_put(s->layout, "amd64", "{\"Labels\":{\"a\":\"1\"}}", &s->layers[0], 1, s->digest);
    size_t n2 = image_put(s->layout, "arm64", "{}", &s->layers[1], 1, s->arm);
    char *index = mem_printf(
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":"
        "[{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,\"platform\":"
        "{\"architecture\":\"amd64\",\"os\":\"linux\"}},{\"mediaType\":\"" OCI_MANIFEST "\","
        "\"digest\":\"%s\",\"size\":%zu,\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\"}}]}",
        s->digest, n1, s->arm, n2);
    blob_put(s->layout, index, strlen(index), digest);
    char *one = layout_entry(s->digest, n1, "one");
    char *entries = mem_printf(
        "%s,{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":\"%s\",\"size\":%zu,"
        "\"annotations\":{\"org.opencontainers.image.ref.name\":\"multi\"}}",
        one, digest, strlen(index));
    layout_put(s->layout, entries);
    free(index), free(one), free(entries);
    if (!installed("skopeo") || !installed("docker-registry"))
        return 0;
    start(s);
    skopeo_copy(s, "one", "lab/one:v1");
    skopeo_copy(s, "multi", "lab/deep/multi:v1");
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    if (s->registry) {
        close(s->alive);
        waitpid(s->registry, NULL, 0);
    }
    for (int i = 0; i < 2; i++)
        text_free(&s->layers[i].bytes);
    free(s->layout);
    scratch_drop(s->dir);
    free(s);
    return 0;
}

static void pull(struct scene *s, const char *reference, const char *arch, const char *digest,
                 const char *content)
{
    char *at = mem_printf("%s/store", s->dir);
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct store *store;
    struct listing *l;
    struct oci_options o = {.arch = arch, .insecure = true};
    struct want_image i = {.reference = reference};
    must(store_new(at, &o, &store, &err), &err);
    must(store_resolve(store, a, &i, NULL, &err), &err);
    assert_string_equal(i.digest, digest);
    must(store_pull(store, &i, NULL, NULL, &err), &err);
    must(store_listing(store, i.digest, &l, &err), &err);
    char *got = get_file(listing_find(l, "etc/arch")->source);
    assert_string_equal(got, content);
    free(got);
    listing_free(l);
    store_free(store);
    must(tree_remove(at, &err), &err);
    free(at);
    arena_free(a);
}

static void test_pull(void **state)
{
    struct scene *s = *state;
    if (!s->registry)
        skip();
    char *plain = mem_printf("127.0.0.1:%u/lab/one:v1", s->port),
         *multi = mem_printf("docker://127.0.0.1:%u/lab/deep/multi:v1", s->port);
    char *pinned = mem_printf("127.0.0.1:%u/lab/one:v1@%s", s->port, s->digest);
    pull(s, plain, "amd64", s->digest, "amd64");
    pull(s, multi, "amd64", s->digest, "amd64");
    pull(s, multi, "arm64", s->arm, "arm64");
    pull(s, pinned, "amd64", s->digest, "amd64");
    free(plain), free(multi), free(pinned);
}

static void test_absent(void **state)
{
    struct scene *s = *state;
    if (!s->registry)
        skip();
    int held;
    unsigned nobody = free_port(&held); /* bound, but not listening */
    const struct {
        char *reference;
        enum error_code code;
    } cases[] = {
        {mem_printf("127.0.0.1:%u/lab/one:v2", s->port), ERR_NOT_FOUND},
        {mem_printf("127.0.0.1:%u/no/such:v1", s->port), ERR_NOT_FOUND},
        {mem_printf("127.0.0.1:%u/lab/one:v1", nobody), ERR_UNREACHABLE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct error *err = NULL;
        struct oci_options o = {.arch = "amd64", .insecure = true};
        struct want_image image = {.reference = cases[i].reference};
        assert_int_equal(oci_resolve(a, &o, NULL, &image, NULL, &err), -1);
        if (err->code != cases[i].code)
            fail_msg("%s: %s: %s", cases[i].reference, err->message, err->detail);
        assert_true(says(err, cases[i].reference));
        error_free(err);
        free(cases[i].reference);
        arena_free(a);
    }
    close(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pull),
        cmocka_unit_test(test_absent),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
