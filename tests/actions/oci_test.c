/* What references mean, and the local store. Registries are another test's: they need one that runs. */
#include "actions/means/store.h"

#include "tests/actions/image_build.h"

#define ROOTFS                                                                                               \
    "{\"Env\":[\"PATH=/bin\",\"criData=/var/lib/"                                                            \
    "containerd\",\"empty=\",\"bad\",\"eq=a=b\"],\"Entrypoint\":null,"                                       \
    "\"Cmd\":[\"bash a.sh\",\"b "                                                                            \
    "$(X)\"],\"Labels\":{\"sealos.io.type\":\"rootfs\",\"sealos.io.version\":\"v1beta1\","                   \
    "\"version\":\"v1.28.0\",\"init\":\"init.sh $criData\"}}"

static void one_layer(struct layer *l, const char *path, const char *content)
{
    layer_begin(l, ARCHIVE_FILTER_GZIP);
    layer_file(l, path, 0644, content);
    layer_file(l, "registry/docker/x", 0644, "x");
    layer_end(l);
}

static int resolve(struct arena *a, const char *base, const char *reference, const char *pin,
                   struct want_image *i, const char **moved, struct error **err)
{
    struct oci_options o = {.base = base, .arch = "amd64"};
    *i = (struct want_image){.reference = reference};
    return oci_resolve(a, &o, pin, i, moved, err);
}

static void test_references(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int transport;
        const char *path, *name;
    } cases[] = {
        {"oci:img", OCI_LAYOUT, "/base/img", NULL},
        {"oci:/abs/img:v1", OCI_LAYOUT, "/abs/img", "v1"},
        {"oci-archive:a.tar:x", OCI_ARCHIVE, "/base/a.tar", "x"},
        {"docker-archive:/a.tar:repo/name:v1", DOCKER_ARCHIVE, "/a.tar", "repo/name:v1"},
        {"docker://labring/kubernetes:v1.28.0", OCI_REGISTRY, NULL, "labring/kubernetes:v1.28.0"},
        {"localhost:5000/a/b@sha256:00", OCI_REGISTRY, NULL, "localhost:5000/a/b@sha256:00"},
        {"containers-storage:x", -1, NULL, NULL},
        {"dir:/x", -1, NULL, NULL},
        {"--authfile=/etc/x", -1, NULL, NULL}, /* never an option of skopeo */
        {"a b", -1, NULL, NULL},
        {"oci:", -1, NULL, NULL},
        {"", -1, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct oci_reference r;
        struct error *err = NULL;
        int failed = oci_reference_parse(a, cases[i].text, "/base", &r, &err);
        assert_int_equal(failed != 0, cases[i].transport < 0);
        if (!failed) {
            assert_int_equal(r.transport, cases[i].transport);
            assert_true(str_eq(r.path, cases[i].path));
            assert_true(str_eq(r.name, cases[i].name));
        }
        error_free(err);
        arena_free(a);
    }
}

static void test_layout(void **state)
{
    (void)state;
    char *dir = scratch_new(), *layout = mem_printf("%s/img", dir), digest[72];
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct want_image i;
    struct layer l;
    const char *moved;
    one_layer(&l, "etc/a", "1");
    layout_one(layout, "v1", ROOTFS, &l, 1, digest);
    must(resolve(a, dir, "oci:img:v1", NULL, &i, &moved, &err), &err);
    assert_string_equal(i.digest, digest);
    assert_int_equal(i.type, IMAGE_ROOTFS);
    assert_string_equal(i.version, "v1.28.0");
    assert_int_equal(i.n_env, 3);
    assert_string_equal(want_env_get(i.env, i.n_env, "eq"), "a=b");
    assert_string_equal(want_env_get(i.env, i.n_env, "empty"), "");
    assert_null(want_env_get(i.env, i.n_env, "PATH"));
    assert_null(i.entrypoint);
    assert_string_equal(i.cmd[1], "b $(X)");
    assert_string_equal(image_label(&i, "init"), "init.sh $criData");
    must(resolve(a, dir, "oci:img", NULL, &i, &moved, &err), &err); /* the only one needs no tag */
    assert_string_equal(i.digest, digest);
    assert_int_equal(resolve(a, dir, "oci:img:v2", NULL, &i, &moved, &err), -1);
    assert_true(err->code == ERR_NOT_FOUND && says(err, "no such tag; there are: v1"));
    error_free(TAKE(err));
    assert_int_equal(resolve(a, dir, "oci:other", NULL, &i, &moved, &err), -1);
    assert_true(err->code == ERR_NOT_FOUND);
    error_free(TAKE(err));

    char *manifest = mem_printf("%s/blobs/sha256/%s", layout, digest + 7), *text = get_file(manifest);
    text[20] ^= 1;
    put_file(manifest, text);
    assert_int_equal(resolve(a, dir, "oci:img", NULL, &i, &moved, &err), -1);
    assert_int_equal(err->code, ERR_DIGEST);
    error_free(TAKE(err));
    free(manifest);
    free(text);
    text_free(&l.bytes);
    free(layout);
    arena_free(a);
    scratch_drop(dir);
}

static void test_several(void **state)
{
    (void)state;
    char *dir = scratch_new(), amd[72], arm[72], index_digest[72];
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct want_image i;
    struct layer l, m;
    const char *moved;
    one_layer(&l, "a", "1");
    one_layer(&m, "a", "2");
    size_t n1 = image_put(dir, "amd64", "{}", &l, 1, amd), n2 = image_put(dir, "arm64", "{}", &m, 1, arm);
    char *e1 = layout_entry(amd, n1, "one"), *e2 = layout_entry(arm, n2, "two");
    char *both = mem_printf("%s,%s", e1, e2);
    layout_put(dir, both);
    char *plain = mem_printf("oci:%s", dir), *two = mem_printf("oci:%s:two", dir);
    assert_int_equal(resolve(a, NULL, plain, NULL, &i, &moved, &err), -1);
    assert_true(says(err, "several images") && strstr(err->hint ? err->hint : err->cause->hint, "one, two"));
    error_free(TAKE(err));
    must(resolve(a, NULL, two, NULL, &i, &moved, &err), &err);
    assert_string_equal(i.digest, arm);
    assert_int_equal(i.type, IMAGE_APPLICATION); /* no label */

    /* an index of both, under one tag: the architecture decides */
    char *index =
        mem_printf("{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\",\"size\":%zu,\"platform\":"
                   "{\"architecture\":\"amd64\",\"os\":\"linux\"}},{\"digest\":\"%s\",\"size\":%zu,"
                   "\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\",\"variant\":\"v8\"}}]}",
                   amd, n1, arm, n2);
    blob_put(dir, index, strlen(index), index_digest);
    char *e3 = layout_entry(index_digest, strlen(index), "multi");
    layout_put(dir, e3);
    must(resolve(a, NULL, plain, NULL, &i, &moved, &err), &err);
    assert_string_equal(i.digest, amd);
    struct oci_options o = {.arch = "arm64"}, s390 = {.arch = "s390x"};
    must(oci_resolve(a, &o, NULL, &i, NULL, &err), &err);
    assert_string_equal(i.digest, arm);
    assert_int_equal(oci_resolve(a, &s390, NULL, &i, NULL, &err), -1);
    assert_true(err->code == ERR_NOT_FOUND && says(err, "none for s390x, only for amd64, arm64"));
    error_free(TAKE(err));
    free(e1), free(e2), free(e3), free(both), free(plain), free(two), free(index);
    text_free(&l.bytes);
    text_free(&m.bytes);
    arena_free(a);
    scratch_drop(dir);
}

/* A reference that means something else by now is told of, and what was pinned is still found. */
static void test_pin(void **state)
{
    (void)state;
    char *dir = scratch_new(), *store_at = mem_printf("%s/store", dir), first[72], second[72], blob[200];
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct want_image i;
    struct layer l, m;
    const char *moved;
    one_layer(&l, "a", "1");
    one_layer(&m, "a", "2");
    char *img = mem_printf("%s/img", dir);
    layout_one(img, "t", "{\"Labels\":{\"n\":\"1\"}}", &l, 1, first);
    must(resolve(a, dir, "oci:img:t", first, &i, &moved, &err), &err);
    assert_null(moved);
    layout_one(img, "t", "{\"Labels\":{\"n\":\"2\"}}", &m, 1, second);
    must(resolve(a, dir, "oci:img:t", first, &i, &moved, &err), &err);
    assert_string_equal(moved, second);
    assert_string_equal(i.digest, first);
    assert_string_equal(image_label(&i, "n"), "1");

    struct store *s;
    struct oci_options o = {.base = dir, .arch = "amd64"};
    must(store_new(store_at, &o, &s, &err), &err);
    i = (struct want_image){.reference = "oci:img:t", .recorded_digest = first};
    must(store_resolve(s, a, &i, &moved, &err), &err);
    must(store_pull(s, &i, NULL, NULL, &err), &err);
    store_free(s);
    snprintf(blob, sizeof blob, "%s/img", dir);
    must(tree_remove(blob, &err), &err);
    char *cache = mem_printf("%s/blobs", store_at);
    must(tree_remove(cache, &err), &err);
    must(store_new(store_at, &o, &s, &err), &err);
    i = (struct want_image){.reference = "oci:img:t", .recorded_digest = first};
    must(store_resolve(s, a, &i, &moved, &err), &err); /* its source is gone, the store has it */
    assert_string_equal(i.digest, first);
    assert_string_equal(image_label(&i, "n"), "1");
    i = (struct want_image){.reference = "oci:img:t", .recorded_digest = second};
    assert_int_equal(store_resolve(s, a, &i, &moved, &err), -1);
    assert_int_equal(err->code, ERR_NOT_FOUND);
    error_free(TAKE(err));
    store_free(s);
    free(img), free(cache), free(store_at);
    text_free(&l.bytes);
    text_free(&m.bytes);
    arena_free(a);
    scratch_drop(dir);
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        enum image_type type;
        const char *says;
    } cases[] = {
        {"{}", IMAGE_APPLICATION, NULL},
        {"{\"Labels\":null,\"Env\":null,\"Cmd\":[]}", IMAGE_APPLICATION, NULL},
        {"{\"Labels\":{\"sealos.io.type\":\"application\"}}", IMAGE_APPLICATION, NULL},
        {"{\"Labels\":{\"apps.sealos.io/type\":\"patch\"}}", IMAGE_PATCH, NULL},
        {"{\"Labels\":{\"apps.sealos.io/type\":\"rootfs\",\"apps.sealos.io/version\":\"v1beta2\"}}",
         IMAGE_ROOTFS, NULL},
        {"{\"Labels\":{\"sealos.io.type\":\"rootfs\",\"version\":\"v1.28.0\"}}", 0, "sealos.io.version"},
        {"{\"Labels\":{\"sealos.io.type\":\"rootfs\",\"sealos.io.version\":\"v2\"}}", 0,
         "v1beta1 or v1beta2"},
        {"{\"Labels\":{\"sealos.io.type\":\"other\"}}", 0, "unknown type other"},
    };
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        char *dir = scratch_new(), digest[72], *ref = mem_printf("oci:%s", dir);
        struct arena *a = arena_new();
        struct error *err = NULL;
        struct want_image i;
        struct layer l;
        one_layer(&l, "a", "1");
        layout_one(dir, "t", cases[c].config, &l, 1, digest);
        int r = resolve(a, NULL, ref, NULL, &i, NULL, &err);
        if (cases[c].says) {
            assert_int_equal(r, -1);
            assert_true(err->code == ERR_INVALID && says(err, cases[c].says));
        } else {
            must(r, &err);
            assert_int_equal(i.type, cases[c].type);
        }
        error_free(err);
        text_free(&l.bytes);
        free(ref);
        arena_free(a);
        scratch_drop(dir);
    }
}

/* The same image three ways gives the same tree. */
static void test_pull(void **state)
{
    (void)state;
    char *dir = scratch_new(), *layout = mem_printf("%s/img", dir), *store_at = mem_printf("%s/store", dir);
    char digest[72], *archive = mem_printf("%s/img.tar", dir), *docker = mem_printf("%s/docker.tar", dir);
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct layer layers[2], tar;
    layer_begin(&layers[0], ARCHIVE_FILTER_NONE);
    layer_file(&layers[0], "etc/a", 0644, "one");
    layer_file(&layers[0], "etc/b", 0644, "gone");
    layer_file(&layers[0], "registry/docker/x", 0644, "x");
    layer_end(&layers[0]);
    layer_begin(&layers[1], ARCHIVE_FILTER_NONE);
    layer_file(&layers[1], "etc/.wh.b", 0644, "");
    layer_end(&layers[1]);
    layout_one(layout, "v1", ROOTFS, layers, 2, digest);
    layer_begin(&tar, ARCHIVE_FILTER_NONE);
    layer_tree(&tar, layout, "");
    layer_end(&tar);
    must(file_replace(archive, 0644, tar.bytes.data, tar.bytes.len, &err), &err);
    text_free(&tar.bytes);

    char hex[2][DIGEST_HEX];
    for (int i = 0; i < 2; i++)
        digest_hex(layers[i].bytes.data, layers[i].bytes.len, hex[i]);
    char *config = mem_printf("{\"config\":%s,\"rootfs\":{\"diff_ids\":[\"sha256:%s\",\"sha256:%s\"]}}",
                              ROOTFS, hex[0], hex[1]);
    layer_begin(&tar, ARCHIVE_FILTER_GZIP);
    layer_entry(&tar, "aa/layer.tar", AE_IFREG, 0644, layers[0].bytes.data, layers[0].bytes.len, NULL, NULL);
    layer_entry(&tar, "real/layer.tar", AE_IFREG, 0644, layers[1].bytes.data, layers[1].bytes.len, NULL,
                NULL);
    layer_link(&tar, "bb/layer.tar", "../real/layer.tar");
    layer_file(&tar, "c.json", 0644, config);
    layer_file(
        &tar, "manifest.json", 0644,
        "[{\"Config\":\"c.json\",\"RepoTags\":[\"docker.io/library/img:v1\"],\"Layers\":[\"aa/layer.tar\","
        "\"bb/layer.tar\"]}]");
    layer_end(&tar);
    must(file_replace(docker, 0644, tar.bytes.data, tar.bytes.len, &err), &err);
    text_free(&tar.bytes);

    static const char *const refs[] = {"oci:img:v1", "oci-archive:img.tar:v1", "oci-archive:img.tar",
                                       "docker-archive:docker.tar", "docker-archive:docker.tar:img:v1"};
    for (size_t r = 0; r < ARRAY_LEN(refs); r++) {
        struct oci_options o = {.base = dir, .arch = "amd64"};
        struct store *s;
        struct listing *l;
        struct want_image i = {.reference = refs[r]};
        must(store_new(store_at, &o, &s, &err), &err);
        must(store_resolve(s, a, &i, NULL, &err), &err);
        assert_int_equal(i.type, IMAGE_ROOTFS);
        assert_false(store_has(s, i.digest));
        assert_true(i.has_registry);
        assert_int_equal(store_listing(s, i.digest, &l, &err), -1);
        error_free(TAKE(err));
        must(store_pull(s, &i, NULL, NULL, &err), &err);
        assert_true(store_has(s, i.digest));
        must(store_pull(s, &i, NULL, NULL, &err), &err);
        must(store_listing(s, i.digest, &l, &err), &err);
        assert_int_equal(l->n, 5); /* etc, etc/a, registry, registry/docker, registry/docker/x */
        assert_string_equal(l->files[1].path, "etc/a");
        char *content = get_file(l->files[1].source);
        assert_string_equal(content, "one");
        free(content);
        listing_free(l);
        must(store_registry(s, i.digest, &l, &err), &err);
        assert_int_equal(l->n, 2);
        assert_string_equal(l->files[1].path, "docker/x");
        assert_int_equal(l->files[1].mode, 0755);
        listing_free(l);
        store_free(s);
        must(tree_remove(store_at, &err), &err);
    }
    for (int i = 0; i < 2; i++)
        text_free(&layers[i].bytes);
    free(config), free(layout), free(store_at), free(archive), free(docker);
    arena_free(a);
    scratch_drop(dir);
}

/* What fails leaves nothing that looks complete, and a later try succeeds. */
static void test_broken_pull(void **state)
{
    (void)state;
    char *dir = scratch_new(), *layout = mem_printf("%s/img", dir), *store_at = mem_printf("%s/store", dir),
         digest[72];
    struct arena *a = arena_new();
    struct error *err = NULL;
    struct layer l;
    struct store *s;
    struct oci_options o = {.base = dir, .arch = "amd64"};
    one_layer(&l, "a", "1");
    layout_one(layout, "v1", "{}", &l, 1, digest);
    char hex[DIGEST_HEX];
    digest_hex(l.bytes.data, l.bytes.len, hex);
    char *blob = mem_printf("%s/blobs/sha256/%s", layout, hex);
    must(file_replace(blob, 0644, l.bytes.data, l.bytes.len / 2, &err), &err);
    must(store_new(store_at, &o, &s, &err), &err);
    struct want_image i = {.reference = "oci:img"};
    must(store_resolve(s, a, &i, NULL, &err), &err);
    assert_int_equal(store_pull(s, &i, NULL, NULL, &err), -1);
    assert_true(err->code == ERR_DIGEST && says(err, "oci:img") && says(err, "layer 1 of 1"));
    error_free(TAKE(err));
    assert_false(store_has(s, digest));
    char *tmp = mem_printf("%s/tmp/images.%s/tree", store_at, digest + 7);
    put_file(tmp, "");
    must(file_replace(blob, 0644, l.bytes.data, l.bytes.len, &err), &err);
    must(store_pull(s, &i, NULL, NULL, &err), &err); /* also over what a killed run left */
    assert_true(store_has(s, digest));
    store_free(s);
    free(blob), free(tmp), free(layout), free(store_at);
    text_free(&l.bytes);
    arena_free(a);
    scratch_drop(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),  cmocka_unit_test(test_layout), cmocka_unit_test(test_several),
        cmocka_unit_test(test_pin),         cmocka_unit_test(test_types),  cmocka_unit_test(test_pull),
        cmocka_unit_test(test_broken_pull),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
