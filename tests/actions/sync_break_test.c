/* Pushes that break: connections, nodes, disks, sources. Nothing half done ever counts as done. */
#include "tests/actions/sync_scene.h"

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

ON_ALL(prune_link, false)
ON_ALL(cut, true)
ON_ALL(unfinished, false)
ON_ALL(wrong, false)
ON_ALL(full, false)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_prune_link), cmocka_unit_test(all_cut),  cmocka_unit_test(all_unfinished),
        cmocka_unit_test(all_wrong),      cmocka_unit_test(all_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
