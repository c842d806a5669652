/* Images, environment and Configs into trees; keys that change when, and only when, the tree could. */
#include "actions/means/render.h"

#include "model/render_key.h"
#include "tests/actions/image_build.h"

#define MINI SOURCE_DIR "/testdata/images/mini"

/* A want of three images and two hosts, its store beside it. */
struct scene {
    char *dir;
    struct want w;
    struct store *store;
    struct want_image images[3];
    struct want_host hosts[2];
    struct want_config configs[6];
    struct want_env env[4], host_env[2];
};

static void lay_out(const char *dir, const char *name)
{
    char *tree = mem_printf(MINI "/%s", name), *json = mem_printf(MINI "/%s.json", name);
    char *layout = mem_printf("%s/%s", dir, name), *config = get_file(json), digest[72];
    struct layer l;
    layer_begin(&l, ARCHIVE_FILTER_GZIP);
    layer_tree(&l, tree, "");
    layer_end(&l);
    assert_non_null(config);
    layout_one(layout, "v1", config, &l, 1, digest);
    text_free(&l.bytes);
    free(tree), free(json), free(layout), free(config);
}

static void scene_open(struct scene *s)
{
    static const char *const names[] = {"rootfs", "patch", "app"};
    struct error *err = NULL;
    *s = (struct scene){.dir = scratch_new()};
    s->w = (struct want){.arena = arena_new(), .cluster = "default", .policy = policy_defaults()};
    char *at = mem_printf("%s/store", s->dir);
    struct oci_options o = {.base = s->dir, .arch = "amd64"};
    must(store_new(at, &o, &s->store, &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        lay_out(s->dir, names[i]);
        s->images[i] =
            (struct want_image){.reference = arena_printf(s->w.arena, "oci:%s", names[i]), .name = names[i]};
        must(store_resolve(s->store, s->w.arena, &s->images[i], NULL, &err), &err);
        must(store_pull(s->store, &s->images[i], NULL, NULL, &err), &err);
    }
    s->hosts[0] = (struct want_host){.address = "10.0.0.1", .roles = ROLE_MASTER, .listed = true};
    s->hosts[1] = (struct want_host){.address = "10.0.0.2", .roles = ROLE_NODE, .listed = true};
    s->w.images = s->images;
    s->w.n_images = 3;
    s->w.hosts = s->hosts;
    s->w.n_hosts = 2;
    s->w.env = s->env;
    s->w.configs = s->configs;
    free(at);
}

static void finish(struct scene *s)
{
    struct error *err = NULL;
    s->w.n_renders = 0;
    must(want_finish(&s->w, &err), &err);
}

static void scene_close(struct scene *s)
{
    store_free(s->store);
    arena_free(s->w.arena);
    scratch_drop(s->dir);
}

static struct listing *load(struct scene *s, const char *key)
{
    struct error *err = NULL;
    struct listing *l;
    must(render_load(s->store, key, &l, &err), &err);
    for (size_t i = 0; i < l->n; i++) {
        const struct world_file *f = &l->files[i];
        char sum[65];
        assert_int_equal(f->mode, 0755);
        assert_false(str_eq(f->path, "registry") || str_starts(f->path, "registry/"));
        if (i)
            assert_true(strcmp(l->files[i - 1].path, f->path) < 0);
        if (f->directory || f->link)
            continue;
        must(listing_hash(f->source, sum, &err), &err);
        assert_string_equal(sum, f->sha256);
    }
    return l;
}

static struct listing *rendered(struct scene *s, int render)
{
    struct error *err = NULL;
    finish(s);
    must(render_rootfs(s->store, &s->w, render, &err), &err);
    return load(s, s->w.render_keys[s->w.render_host[render]]);
}

static void holds(struct listing *l, const char *path, const char *content)
{
    const struct world_file *f = listing_find(l, path);
    char *got = f && f->source ? get_file(f->source) : NULL;
    if (!got || strcmp(got, content) != 0)
        fail_msg("%s holds:\n%s\nnot:\n%s", path, got ? got : "(nothing)", content);
    assert_int_equal(f->size, strlen(content));
    free(got);
}

static void config(struct scene *s, const char *path, const char *match, const char *strategy,
                   const char *data)
{
    s->configs[s->w.n_configs++] = (struct want_config){
        .name = "test", .path = path, .match = match, .strategy = strategy, .data = data};
}

static void test_plain(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s);
    struct listing *l = rendered(&s, 0);
    assert_int_equal(s.w.n_renders, 2); /* the master's and the worker's differ by their run mode */
    holds(l, "bin/tool", "tool 2\n");   /* the patch lies over the rootfs */
    holds(l, "scripts/extra.sh", "#!/bin/bash\necho patched\n");
    holds(l, "etc/registry.yml", "domain: sealos.hub\nport: \"5001\"\n");
    holds(l, "etc/patch.yml", "port: 5001 # of the patch\n");
    holds(l, "etc/user.conf", "user: admin\n");
    holds(l, "etc/lines.conf", "first\n\nfrom the image");
    holds(l, "manifests/node", "missing is <no value> at 5001\n");
    holds(l, "statics/audit-policy.yml", "{{ not a template, not in a rendered folder\n");
    holds(l, "etc/10-kubeadm.conf",
          "[Service]\nExecStart=/usr/bin/kubelet\nEnvironment=ROLE=control-plane\n");
    assert_non_null(listing_find(l, "etc/registry.yml.tmpl"));
    listing_free(l);
    l = rendered(&s, 1);
    holds(l, "etc/10-kubeadm.conf", "[Service]\nExecStart=/usr/bin/kubelet\nEnvironment=ROLE=worker\n");
    listing_free(l);
    scene_close(&s);
}

static void test_environment(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s);
    s.env[0] = (struct want_env){"BIN_DIR", "/opt/bin"};
    s.env[1] = (struct want_env){"registryUsername", "it's \"$HOME\" `x`\nand more"};
    s.w.n_env = 2;
    s.host_env[0] = (struct want_env){"BIN_DIR", "/host/bin"};
    s.hosts[1].env = s.host_env;
    s.hosts[1].n_env = 1;
    struct listing *l = rendered(&s, 0);
    holds(l, "etc/user.conf", "user: it's \"$HOME\" `x`\nand more\n");
    holds(l, "etc/10-kubeadm.conf",
          "[Service]\nExecStart=/opt/bin/kubelet\nEnvironment=ROLE=control-plane\n");
    listing_free(l);
    l = rendered(&s, 1);
    holds(l, "etc/10-kubeadm.conf", "[Service]\nExecStart=/host/bin/kubelet\nEnvironment=ROLE=worker\n");
    listing_free(l);
    scene_close(&s);
}

static void test_configs(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s);
    config(&s, "etc/settings.yaml", NULL, "merge", "list: [z]\nnested: {change: new, add: 1}\n");
    config(&s, "etc/lines.conf", NULL, "insert", "top");
    config(&s, "etc/user.conf.tmpl", NULL, "override",
           "name: {{ .registryUsername | upper }}\n"); /* is rendered */
    config(&s, "etc/registry.yml", NULL, "override",
           "plain: {{ as it is }}\n"); /* wins over the template's result */
    config(&s, "/etc/new/file.conf", "oci:patch", "append", "made");
    config(&s, "scripts/extra.sh", "oci:rootfs", "override", "never: it is the patch's file");
    struct listing *l = rendered(&s, 0);
    holds(l, "etc/settings.yaml", "a: 1\nlist:\n- z\nnested:\n  keep: kept\n  change: new\n  add: 1\n");
    holds(l, "etc/lines.conf", "top\nfirst\n\nfrom the image");
    holds(l, "etc/user.conf", "name: ADMIN\n");
    holds(l, "etc/registry.yml", "plain: {{ as it is }}\n");
    holds(l, "etc/new/file.conf", "\nmade");
    holds(l, "scripts/extra.sh", "#!/bin/bash\necho patched\n");
    listing_free(l);
    scene_close(&s);
}

static void test_application(void **state)
{
    (void)state;
    struct scene s;
    struct error *err = NULL;
    char key[DIGEST_HEX];
    scene_open(&s);
    s.env[0] = (struct want_env){"OPTS", "--set a=\"b\""};
    s.w.n_env = 1;
    s.host_env[0] = (struct want_env){"HOST_ONLY", "not for applications"};
    s.hosts[0].env = s.host_env;
    s.hosts[0].n_env = 1;
    config(&s, "etc/values.yaml", "oci:app", "merge", "replicas: 3");
    finish(&s);
    must(render_application(s.store, &s.w, 2, &err), &err);
    render_key_application(&s.w, 2, key);
    struct listing *l = load(&s, key);
    holds(l, "manifests/app.yaml", "name: web\nopts: \"--set a=\\\"b\\\"\"\nhost: <no value>\n");
    holds(l, "etc/values.yaml", "replicas: 3\n");
    assert_null(listing_find(l, "bin/tool"));
    listing_free(l);
    must(store_registry(s.store, s.images[2].digest, &l, &err), &err);
    holds(l, "docker/app", "app-blob\n");
    listing_free(l);
    scene_close(&s);
}

/* What goes wrong names the Config or the template, with its place, and leaves nothing behind. */
static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *path, *strategy, *data, *says;
        int line;
    } cases[] = {
        {"etc/x.tmpl", "override", "a\n{{ nosuch }}", "x.tmpl", 2},
        {"etc/x.tmpl", "override", "a\n\n{{ contains \"a\" .missing }}", "x.tmpl", 3},
        {"etc/settings.yaml", "merge", "- list", "one YAML map", 0},
        {"etc/settings.yaml", "merge", "nested: text", "another type", 0},
        {"etc/settings.yaml", "merge", "a: [", "not YAML", 0},
        {"etc/10-kubeadm.conf.tmpl", "merge", "a: 1", "not YAML", 0},
        {"../outside", "override", "x", "'..'", 0},
        {"registry/x", "override", "x", "registry/", 0},
        {"", "override", "x", "", 0},
        {"etc", "override", "x", "etc", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene s;
        struct error *err = NULL;
        scene_open(&s);
        config(&s, cases[i].path, NULL, cases[i].strategy, cases[i].data);
        finish(&s);
        if (render_rootfs(s.store, &s.w, 0, &err) == 0)
            fail_msg("%s: no error", cases[i].path);
        assert_true(says(err, cases[i].says));
        if (cases[i].line) {
            const struct error *e = err;
            while (e && !e->place.line)
                e = e->cause;
            assert_non_null(e);
            assert_int_equal(e->place.line, cases[i].line);
        }
        error_free(err);
        assert_false(store_has_render(s.store, s.w.render_keys[0]));
        scene_close(&s);
    }
}

/* One flip: each input alone changes the key; what cannot matter does not. */
static void test_keys(void **state)
{
    (void)state;
    struct scene s;
    char first[DIGEST_HEX], now[DIGEST_HEX], app[DIGEST_HEX], app_now[DIGEST_HEX];
    scene_open(&s);
    s.env[0] = (struct want_env){"A", "1"};
    s.w.n_env = 1;
    config(&s, "etc/x", NULL, "override", "data");
    finish(&s);
#define KEYS(r, a)                                                                                           \
    do {                                                                                                     \
        finish(&s);                                                                                          \
        memcpy(r, s.w.render_keys[0], DIGEST_HEX);                                                           \
        render_key_application(&s.w, 2, a);                                                                  \
    } while (0)
#define FLIP(change, back, rootfs, application)                                                              \
    do {                                                                                                     \
        change;                                                                                              \
        KEYS(now, app_now);                                                                                  \
        if ((strcmp(first, now) != 0) != (rootfs) || (strcmp(app, app_now) != 0) != (application))           \
            fail_msg("wrong after: %s", #change);                                                            \
        back;                                                                                                \
    } while (0)
    KEYS(first, app);
    const char *digest = s.images[0].digest, *patch = s.images[1].digest, *of_app = s.images[2].digest;
    FLIP(s.images[0].digest = patch, s.images[0].digest = digest, true, false);
    FLIP(s.images[1].digest = digest, s.images[1].digest = patch, true, false);
    FLIP(s.images[2].digest = digest, s.images[2].digest = of_app, false, true);
    FLIP(s.env[0].value = "2", s.env[0].value = "1", true, true);
    FLIP(s.env[0].key = "B", s.env[0].key = "A", true, true);
    FLIP(s.configs[0].data = "other", s.configs[0].data = "data", true, true);
    FLIP(s.configs[0].path = "etc/y", s.configs[0].path = "etc/x", true, true);
    FLIP(s.configs[0].strategy = "append", s.configs[0].strategy = "override", true, true);
    FLIP(s.configs[0].match = "oci:app", s.configs[0].match = NULL, true,
         true); /* the rootfs no longer has it */
    FLIP(s.configs[0].match = "oci:rootfs", s.configs[0].match = NULL, true, true);
    FLIP(s.configs[0].name = "renamed", s.configs[0].name = "test", false, false);
    FLIP(s.images[0].reference = "oci:elsewhere", s.images[0].reference = "oci:rootfs", false, false);
    FLIP(s.hosts[0].address = "10.0.0.0", s.hosts[0].address = "10.0.0.1", false, false);
    scene_close(&s);
}

/* The second time nothing is made; what was made is found by its key. */
static void test_again(void **state)
{
    (void)state;
    struct scene s;
    struct error *err = NULL;
    struct stat before, after;
    scene_open(&s);
    struct listing *l = rendered(&s, 0);
    char *dir = mem_printf("%s/renders/%s", store_dir(s.store), s.w.render_keys[0]);
    assert_int_equal(stat(dir, &before), 0);
    must(render_rootfs(s.store, &s.w, 0, &err), &err);
    assert_int_equal(stat(dir, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_true(store_has_render(s.store, s.w.render_keys[0]));
    listing_free(l);
    free(dir);
    assert_int_equal(render_load(s.store, "00", &l, &err), -1);
    assert_int_equal(err->code, ERR_NOT_FOUND);
    error_free(err);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_environment),
        cmocka_unit_test(test_configs), cmocka_unit_test(test_application),
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_keys),
        cmocka_unit_test(test_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
