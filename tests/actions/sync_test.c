/* Trees to a node, by the programs that nodes really run, under dash, bash and busybox. */
#include "actions/means/listing.h"
#include "tests/actions/local_world.h"

#define DEST "/var/lib/sealos/data/default/rootfs"
#define MANIFEST "/var/lib/reconcile/default/manifests/rootfs"

extern const char onnode_stat[];

/* A tree in the making: files by path and content. */
struct made {
    struct listing *l;
    char *dir;
    struct world_tree tree;
};

static const char *const keep_registry[] = {"registry", NULL};

static void made_begin(struct made *m)
{
    *m = (struct made){.l = listing_new(), .dir = scratch_new()};
}

static void made_file(struct made *m, const char *path, unsigned mode, const char *content)
{
    struct world_file *f = listing_add(m->l);
    char hex[DIGEST_HEX];
    digest_hex(content, strlen(content), hex);
    f->path = path;
    f->mode = mode;
    f->size = strlen(content);
    memcpy(f->sha256, hex, sizeof f->sha256);
    f->source = arena_printf(m->l->arena, "%s/%zu", m->dir, m->l->n);
    put_file(f->source, content);
}

static void made_dir(struct made *m, const char *path)
{
    struct world_file *f = listing_add(m->l);
    f->path = path;
    f->mode = 0755;
    f->directory = true;
}

static void made_link(struct made *m, const char *path, const char *target)
{
    struct world_file *f = listing_add(m->l);
    f->path = path;
    f->mode = 0777;
    f->link = target;
}

static const struct world_tree *made_end(struct made *m, const char *key)
{
    listing_sort(m->l);
    m->tree = (struct world_tree){.dest = DEST,
                                  .files = m->l->files,
                                  .n = m->l->n,
                                  .key = key,
                                  .name = "rootfs",
                                  .keep = keep_registry,
                                  .prune = true};
    return &m->tree;
}

static void made_drop(struct made *m)
{
    listing_free(m->l);
    scratch_drop(m->dir);
}

/* A local world whose sync gets the moved destination. */
static int push(struct local_world *l, const struct world_tree *t, struct world_tree_stats *stats,
                struct error **err)
{
    *stats = (struct world_tree_stats){0};
    l->scripts = 0;
    l->input = 0;
    return world_tree(&l->world, 0, t, stats, err);
}

static void pushed(struct local_world *l, const struct world_tree *t, struct world_tree_stats *stats)
{
    struct error *err = NULL;
    must(push(l, t, stats, &err), &err);
}

static char *at(struct local_world *l, const char *path)
{
    return mem_printf("%s%s", l->root, path);
}

static void holds(struct local_world *l, const char *path, const char *content)
{
    char *full = mem_printf("%s" DEST "/%s", l->root, path), *got = get_file(full);
    if (!got || strcmp(got, content) != 0)
        fail_msg("%s: %s holds %s, not %s", l->shell, path, got ? got : "nothing", content);
    free(full);
    free(got);
}

static void lacks(struct local_world *l, const char *path)
{
    struct stat st;
    char *full = mem_printf("%s" DEST "/%s", l->root, path);
    if (lstat(full, &st) == 0)
        fail_msg("%s: %s is there", l->shell, path);
    free(full);
}

static void edit(struct local_world *l, const char *path, const char *content)
{
    char *full = mem_printf("%s" DEST "/%s", l->root, path);
    put_file(full, content);
    free(full);
}

static void shell(struct local_world *l, const char *command)
{
    char *full = mem_printf("cd '%s" DEST "' && %s", l->root, command);
    if (system(full) != 0)
        fail_msg("%s", full);
    free(full);
}

static unsigned mode_of(struct local_world *l, const char *path)
{
    struct stat st;
    char *full = mem_printf("%s" DEST "/%s", l->root, path);
    assert_int_equal(lstat(full, &st), 0);
    free(full);
    return st.st_mode & 07777;
}

/* What the probe would say: the recorded key, "drifted", or "" for nothing recorded. */
static char *probed(struct local_world *l)
{
    char *script =
        mem_printf("%s\nread -r key stat <" MANIFEST " 2>/dev/null || exit 0\n"
                   "if [ \"$stat\" = \"$(stat_listing " MANIFEST " " DEST ")\" ]; then echo \"$key\"; else "
                   "echo drifted; fi\n",
                   onnode_stat);
    struct world_script s = {.text = script, .what = "probe"};
    struct world_output out = {0};
    struct error *err = NULL;
    must(world_sh(&l->world, 0, &s, &out, &err), &err);
    char *answer = mem_strndup(text_str(&out.out), strcspn(text_str(&out.out), "\n"));
    world_output_free(&out);
    free(script);
    return answer;
}

static void probes(struct local_world *l, const char *answer)
{
    char *got = probed(l);
    if (strcmp(got, answer) != 0)
        fail_msg("%s: the probe says \"%s\", not \"%s\"", l->shell, got, answer);
    free(got);
}

static void first_tree(struct made *m)
{
    made_begin(m);
    made_dir(m, "etc");
    made_file(m, "etc/a", 0644, "one");
    made_file(m, "etc/with 'quote\" and $space", 0755, "odd");
    made_file(m, "etc/back\\x2dslash", 0755, "odd too");
    made_file(m, "-dash", 0755, "minus");
    made_file(m, "bin/tool", 0755, "tool");
    made_file(m, "bin/empty", 0755, "");
    made_file(m, "deep/er/and/deeper/file", 0755, "deep");
    made_link(m, "etc/link", "../bin/tool");
    made_dir(m, "empty");
    made_file(
        m,
        "a-long-directory-name-that-fills-a-header/and-another-one-that-fills-the-rest-of-it/and-a-file-name",
        0755, "long");
}

static void test_first(struct local_world *l)
{
    struct made m;
    struct world_tree_stats s;
    first_tree(&m);
    probes(l, "");
    edit(l, "registry/blob", "kept");
    edit(l, "stranger", "of a script");
    pushed(l, made_end(&m, "KEY1"), &s);
    assert_int_equal(l->scripts, 2);
    assert_int_equal(s.files_sent, 9);
    assert_int_equal(s.bytes_sent, 3 + 3 + 7 + 5 + 4 + 0 + 4 + 4);
    holds(l, "etc/a", "one");
    holds(l, "etc/with 'quote\" and $space", "odd");
    holds(l, "etc/back\\x2dslash", "odd too");
    holds(l, "-dash", "minus");
    holds(l, "etc/link", "tool");
    holds(l, "deep/er/and/deeper/file", "deep");
    holds(
        l,
        "a-long-directory-name-that-fills-a-header/and-another-one-that-fills-the-rest-of-it/and-a-file-name",
        "long");
    holds(l, "registry/blob", "kept");
    holds(l, "stranger", "of a script");
    assert_int_equal(mode_of(l, "etc/a"), 0644);
    assert_int_equal(mode_of(l, "etc"), 0755);
    assert_int_equal(mode_of(l, "empty"), 0755);
    probes(l, "KEY1");

    pushed(l, &m.tree, &s); /* again: one look, no byte */
    assert_int_equal(l->scripts, 1);
    assert_int_equal(s.files_sent, 0);
    assert_int_equal(s.files_kept, 9);

    pushed(l, made_end(&m, "KEY2"), &s); /* the same content by another name */
    assert_int_equal(s.files_sent, 0);
    assert_int_equal(s.bytes_sent, 0);
    probes(l, "KEY2");
    char *stage = at(l, DEST ".reconcile");
    assert_int_not_equal(access(stage, F_OK), 0);
    free(stage);
    made_drop(&m);
}

static void test_drift(struct local_world *l)
{
    struct made m;
    struct world_tree_stats s;
    static const struct {
        const char *command;
        unsigned sent;
        bool drifts;
    } cases[] = {
        {"echo edited >etc/a", 1, true},
        {"printf two >etc/a && touch -d 2001-02-03 etc/a", 1, true}, /* of the same size */
        {"rm bin/tool", 1, true},
        {"rm -r bin", 2, true},
        {"rm -r bin && touch bin", 2, true},
        {"rm etc/a && mkdir -p etc/a/b/c", 1, true},
        {"chmod 600 etc/a", 0, true},
        {"touch -d 2001-02-03 etc/a", 0, true}, /* the content is looked at, and is right */
        {"rm etc/link", 1, true},
        {"ln -sfn /etc/group etc/link", 1, true},
        {"rmdir empty", 0, true},
        {"rm -rf empty && ln -s /tmp empty", 0, true},
        {"echo log >etc/new && echo x >registry/more", 0, false}, /* nobody's business */
        {"chmod 700 etc", 0, false},
    };
    first_tree(&m);
    made_end(&m, "KEY1");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        shell(l, "mkdir -p registry");
        pushed(l, &m.tree, &s);
        probes(l, "KEY1");
        shell(l, cases[i].command);
        probes(l, cases[i].drifts ? "drifted" : "KEY1");
        pushed(l, &m.tree, &s);
        if (s.files_sent != cases[i].sent)
            fail_msg("%s: %s: %u files were sent", l->shell, cases[i].command, (unsigned)s.files_sent);
        probes(l, "KEY1");
        holds(l, "etc/a", "one");
        holds(l, "etc/link", "tool");
        assert_int_equal(mode_of(l, "etc/a"), 0644);
    }
    made_drop(&m);
}

static void test_change(struct local_world *l)
{
    struct made m, n;
    struct world_tree_stats s;
    first_tree(&m);
    pushed(l, made_end(&m, "KEY1"), &s);
    edit(l, "registry/blob", "kept");
    edit(l, "old/stranger", "x");
    edit(l, "deep/er/stranger", "y");
    made_begin(&n);
    made_file(&n, "etc/a", 0644, "one"); /* as it was */
    made_file(&n, "etc/with 'quote\" and $space", 0755, "new");
    made_dir(&n, "bin");                                  /* its files go */
    made_file(&n, "empty/now", 0755, "not");              /* was an empty directory */
    made_link(&n, "etc/link", "a");                       /* goes elsewhere */
    made_file(&n, "etc/back\\x2dslash/below", 0755, "x"); /* was a file */
    made_file(&n, "fresh/x/y", 0755, "fresh");
    pushed(l, made_end(&n, "KEY2"), &s);
    assert_int_equal(s.files_sent, 5);
    holds(l, "etc/with 'quote\" and $space", "new");
    holds(l, "etc/link", "one");
    holds(l, "etc/back\\x2dslash/below", "x");
    holds(l, "fresh/x/y", "fresh");
    lacks(l, "bin/tool");
    lacks(l, "-dash");
    lacks(l, "deep/er/and");
    holds(l, "deep/er/stranger", "y");
    holds(l, "old/stranger", "x");
    holds(l, "registry/blob", "kept");
    probes(l, "KEY2");
    made_drop(&n);
    made_drop(&m);
}

/* Pruning never reaches through a link that took a directory's place. */
static void test_prune_link(struct local_world *l)
{
    struct made m, n;
    struct world_tree_stats s;
    char *victim = at(l, "/victim/file"), *dir = at(l, "/victim");
    put_file(victim, "untouched");
    made_begin(&m);
    made_file(&m, "gone/file", 0755, "1");
    made_file(&m, "wanted/file", 0755, "1");
    pushed(l, made_end(&m, "KEY1"), &s);
    made_begin(&n);
    made_file(&n, "wanted/other", 0755, "2");
    char *command = mem_printf("rm -r gone wanted && ln -s '%s' gone && ln -s '%s' wanted", dir, dir);
    shell(l, command);
    pushed(l, made_end(&n, "KEY2"), &s);
    char *content = get_file(victim);
    assert_non_null(content);
    assert_string_equal(content, "untouched");
    holds(l, "wanted/other", "2");
    char *through = at(l, "/victim/other");
    assert_int_not_equal(access(through, F_OK), 0);
    probes(l, "KEY2");
    free(content), free(command), free(victim), free(dir), free(through);
    made_drop(&m);
    made_drop(&n);
}

/* Wherever the connection breaks: the old tree stands and is recorded, and what arrived whole is not sent
 * again. */
static void test_cut(struct local_world *l)
{
    struct made old, m;
    struct world_tree_stats s;
    made_begin(&old);
    made_file(&old, "f/0", 0755, "old");
    pushed(l, made_end(&old, "OLD"), &s);
    made_begin(&m);
    char name[8][8], *big = mem_alloc(20001);
    memset(big, 'x', 20000);
    for (int i = 0; i < 8; i++) {
        snprintf(name[i], sizeof name[i], "f/%d", i);
        big[0] = (char)('0' + i);
        made_file(&m, name[i], 0755, big);
    }
    made_link(&m, "link", "f/1");
    made_end(&m, "NEW");
    uint64_t sent = 0;
    for (unsigned i = 1; i <= 8; i++) {
        struct error *err = NULL;
        l->cut_after = i * 19000;
        int r = push(l, &m.tree, &s, &err);
        l->cut_after = 0;
        sent += l->input;
        if (r == 0)
            break; /* enough had arrived before */
        assert_int_equal(err->code, ERR_UNREACHABLE);
        error_free(err);
        probes(l, "OLD");
        holds(l, "f/0", "old");
        lacks(l, "f/1");
    }
    pushed(l, &m.tree, &s);
    sent += l->input;
    assert_true(sent < 3 * 8 * 20512); /* started over each time it would be far more */
    for (int i = 0; i < 8; i++) {
        big[0] = (char)('0' + i);
        holds(l, name[i], big);
    }
    probes(l, "NEW");
    free(big);
    made_drop(&m);
    made_drop(&old);
}

/* A node that dies in the middle of an install, at every step of it: never does it seem whole, and when
 * something else is installed next, nothing of the part stays. */
static void test_unfinished(struct local_world *l)
{
    static const char *const steps[] = {"\n    sync_verify\n", "\n    sync_conflicts\n",
                                        "\n    sync_move\n",   "\n    sync_modes\n",
                                        "\n    sync_record\n", "\n    mv -f \"$MANIFEST.tmp\""};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct made old, m, n;
        struct world_tree_stats s;
        struct error *err = NULL;
        made_begin(&old);
        made_file(&old, "a", 0755, "1");
        made_file(&old, "old/only", 0755, "1");
        pushed(l, made_end(&old, "OLD"), &s);
        made_begin(&m);
        made_file(&m, "a", 0755, "22");
        made_file(&m, "part/only", 0755, "2");
        made_dir(&m, "part/empty");
        l->break_at = steps[i];
        assert_int_equal(push(l, made_end(&m, "PART"), &s, &err), -1);
        l->break_at = NULL;
        assert_true(err->code == ERR_REMOTE_EXIT && says(err, "99"));
        error_free(err);
        char *now = probed(l);
        assert_true(str_eq(now, "") || (i == 0 && str_eq(now, "OLD")));
        free(now);
        made_begin(&n);
        made_file(&n, "a", 0755, "333");
        pushed(l, made_end(&n, "NEXT"), &s);
        holds(l, "a", "333");
        lacks(l, "part");
        lacks(l, "old");
        probes(l, "NEXT");
        made_drop(&old);
        made_drop(&m);
        made_drop(&n);
    }
}

/* The source changed behind our back: the node finds out, and nothing is recorded. */
static void test_wrong(struct local_world *l)
{
    struct made m;
    struct world_tree_stats s;
    struct error *err = NULL;
    made_begin(&m);
    made_file(&m, "good", 0755, "good");
    made_file(&m, "bad", 0755, "right");
    made_end(&m, "KEY1");
    const struct world_file *bad = listing_find(m.l, "bad");
    put_file(bad->source, "wrong");
    assert_int_equal(push(l, &m.tree, &s, &err), -1);
    assert_true(err->code == ERR_DIGEST && says(err, "./bad"));
    error_free(TAKE(err));
    lacks(l, "good");
    probes(l, "");
    put_file(bad->source, "x");
    assert_int_equal(push(l, &m.tree, &s, &err), -1);
    assert_int_equal(err->code, ERR_CONFLICT);
    error_free(TAKE(err));
    put_file(bad->source, "right");
    pushed(l, &m.tree, &s);
    assert_int_equal(s.files_sent, 1); /* the good one had arrived */
    probes(l, "KEY1");
    made_drop(&m);
}

static void test_keep(struct local_world *l)
{
    struct made m;
    struct world_tree_stats s;
    struct error *err = NULL;
    made_begin(&m);
    made_file(&m, "registry", 0755, "a file in its place");
    assert_int_equal(push(l, made_end(&m, "KEY1"), &s, &err), -1);
    assert_int_equal(err->code, ERR_INVALID);
    error_free(TAKE(err));
    made_drop(&m);
    made_begin(&m);
    made_file(&m, "a/b", 0755, "1");
    m.tree = *made_end(&m, "KEY1");
    static const char *const keep[] = {"a/kept", NULL};
    m.tree.keep = keep;
    shell(l, "mkdir -p a/kept a/b");
    edit(l, "a/kept/x", "kept");
    pushed(l, &m.tree, &s);
    holds(l, "a/b", "1");
    holds(l, "a/kept/x", "kept");
    made_drop(&m);
}

static void test_refused(struct local_world *l)
{
    static const char *const paths[] = {"/abs", "../up", "a/../b",      "a//b",
                                        "a/",   "",      "line\nbreak", "tab\there"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct made m;
        struct world_tree_stats s;
        struct error *err = NULL;
        made_begin(&m);
        made_file(&m, paths[i], 0755, "1");
        assert_int_equal(push(l, made_end(&m, "KEY1"), &s, &err), -1);
        assert_int_equal(err->code, ERR_INVALID);
        assert_int_equal(l->scripts, 0);
        error_free(err);
        made_drop(&m);
    }
    struct made m;
    struct world_tree_stats s;
    struct error *err = NULL;
    made_begin(&m);
    made_link(&m, "a", "/etc");
    made_file(&m, "a/b", 0755, "1");
    assert_int_equal(push(l, made_end(&m, "KEY1"), &s, &err), -1);
    assert_int_equal(err->code, ERR_INVALID);
    error_free(err);
    made_drop(&m);
}

/* A tree of nothing, and one of very many. */
static void test_sizes(struct local_world *l)
{
    struct made m;
    struct world_tree_stats s;
    made_begin(&m);
    pushed(l, made_end(&m, "NONE"), &s);
    probes(l, "NONE");
    for (int i = 0; i < 1500; i++)
        made_file(&m, arena_printf(m.l->arena, "d%d/e%d/file%d", i % 7, i % 131, i), 0755, "x");
    pushed(l, made_end(&m, "MANY"), &s);
    assert_int_equal(s.files_sent, 1500);
    probes(l, "MANY");
    pushed(l, &m.tree, &s);
    assert_int_equal(s.files_sent, 0);
    struct made none;
    made_begin(&none);
    pushed(l, made_end(&none, "NONE"), &s);
    lacks(l, "d1");
    made_drop(&none);
    made_drop(&m);
}

/* A full disk, where the test may make one. */
static void test_full(struct local_world *l)
{
    struct made m, big;
    struct world_tree_stats s;
    struct error *err = NULL;
    char *sealos = at(l, "/var/lib/sealos");
    char *mount =
        mem_printf("mkdir -p '%s' && mount -t tmpfs -o size=3m none '%s' 2>/dev/null", sealos, sealos);
    if (str_eq(l->shell, "busybox") || geteuid() != 0 || system(mount) != 0) {
        free(mount), free(sealos);
        return;
    }
    made_begin(&m);
    made_file(&m, "a", 0755, "1");
    pushed(l, made_end(&m, "KEY1"), &s);
    made_begin(&big);
    char *content = mem_alloc(400001);
    memset(content, 'x', 400000);
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        content[0] = (char)('a' + i);
        made_file(&big, names[i], 0755, content);
    }
    assert_int_equal(push(l, made_end(&big, "BIG"), &s, &err), -1); /* told before a byte is sent */
    assert_true(err->code == ERR_NO_SPACE && l->scripts == 1 && says(err, "/rootfs"));
    error_free(TAKE(err));
    probes(l, "KEY1");
    /* and when it fills up under way */
    char *fill = mem_printf("head -c 2200000 /dev/zero >'%s/filler'", sealos),
         *filler = mem_printf("%s/filler", sealos);
    big.tree.n = 4;
    l->meanwhile = fill;
    assert_int_equal(push(l, &big.tree, &s, &err), -1);
    l->meanwhile = NULL;
    assert_true(err->code == ERR_NO_SPACE && l->scripts == 2 && says(err, "/rootfs"));
    error_free(TAKE(err));
    probes(l, "KEY1");
    holds(l, "a", "1");
    char *stage = at(l, DEST ".reconcile");
    assert_int_not_equal(access(stage, F_OK), 0); /* the node gets its room back */
    assert_int_equal(unlink(filler), 0);
    free(stage), free(fill), free(filler);
    big.tree.n = 3;
    pushed(l, &big.tree, &s);
    probes(l, "BIG");
    char *umount = mem_printf("umount '%s'", sealos);
    assert_int_equal(system(umount), 0);
    free(umount), free(content), free(mount), free(sealos);
    made_drop(&m);
    made_drop(&big);
}

/* Under bash only what differs between shells at all: the programs are POSIX sh, and tests take their time.
 */
static void on_all(void (*test)(struct local_world *), bool in_bash)
{
    static const char *const shells[] = {"sh", "bash", "busybox"};
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (str_eq(shells[i], "busybox") ? access("/bin/busybox", X_OK) != 0
                                         : str_eq(shells[i], "bash") && !in_bash)
            continue;
        struct local_world l;
        local_world_init(&l, shells[i]);
        char *dest = at(&l, DEST "/x");
        put_file(dest, "");
        unlink(dest);
        free(dest);
        test(&l);
        local_world_end(&l);
    }
}

#define ON_ALL(name)                                                                                         \
    static void all_##name(void **state)                                                                     \
    {                                                                                                        \
        (void)state;                                                                                         \
        on_all(test_##name,                                                                                  \
               test_##name == test_first || test_##name == test_change || test_##name == test_cut);          \
    }
ON_ALL(first)
ON_ALL(drift)
ON_ALL(change)
ON_ALL(prune_link)
ON_ALL(cut)
ON_ALL(unfinished)
ON_ALL(wrong)
ON_ALL(keep)
ON_ALL(refused)
ON_ALL(sizes)
ON_ALL(full)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_first),      cmocka_unit_test(all_drift), cmocka_unit_test(all_change),
        cmocka_unit_test(all_prune_link), cmocka_unit_test(all_cut),   cmocka_unit_test(all_unfinished),
        cmocka_unit_test(all_wrong),      cmocka_unit_test(all_keep),  cmocka_unit_test(all_refused),
        cmocka_unit_test(all_sizes),      cmocka_unit_test(all_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
