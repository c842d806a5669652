/* Trees to a node, by the programs that nodes really run, under dash, bash and busybox. */
#include "tests/actions/sync_scene.h"

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

ON_ALL(first, true)
ON_ALL(drift, false)
ON_ALL(change, true)
ON_ALL(keep, false)
ON_ALL(refused, false)
ON_ALL(sizes, false)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_first), cmocka_unit_test(all_drift),   cmocka_unit_test(all_change),
        cmocka_unit_test(all_keep),  cmocka_unit_test(all_refused), cmocka_unit_test(all_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
