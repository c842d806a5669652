/* Trees to push, and what is then on the node: for the tests of sync. */
#ifndef TESTS_ACTIONS_SYNC_SCENE_H
#define TESTS_ACTIONS_SYNC_SCENE_H

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

UNUSED static const char *const keep_registry[] = {"registry", NULL};

UNUSED static void made_begin(struct made *m)
{
    *m = (struct made){.l = listing_new(), .dir = scratch_new()};
}

UNUSED static void made_file(struct made *m, const char *path, unsigned mode, const char *content)
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

UNUSED static void made_dir(struct made *m, const char *path)
{
    struct world_file *f = listing_add(m->l);
    f->path = path;
    f->mode = 0755;
    f->directory = true;
}

UNUSED static void made_link(struct made *m, const char *path, const char *target)
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

UNUSED static void made_drop(struct made *m)
{
    listing_free(m->l);
    scratch_drop(m->dir);
}

/* A local world whose sync gets the moved destination. */
UNUSED static int push(struct local_world *l, const struct world_tree *t, struct world_tree_stats *stats,
                       struct error **err)
{
    *stats = (struct world_tree_stats){0};
    l->scripts = 0;
    l->input = 0;
    return world_tree(&l->world, 0, t, stats, err);
}

UNUSED static void pushed(struct local_world *l, const struct world_tree *t, struct world_tree_stats *stats)
{
    struct error *err = NULL;
    must(push(l, t, stats, &err), &err);
}

UNUSED static char *at(struct local_world *l, const char *path)
{
    return mem_printf("%s%s", l->root, path);
}

UNUSED static void holds(struct local_world *l, const char *path, const char *content)
{
    char *full = mem_printf("%s" DEST "/%s", l->root, path), *got = get_file(full);
    if (!got || strcmp(got, content) != 0)
        fail_msg("%s: %s holds %s, not %s", l->shell, path, got ? got : "nothing", content);
    free(full);
    free(got);
}

UNUSED static void lacks(struct local_world *l, const char *path)
{
    struct stat st;
    char *full = mem_printf("%s" DEST "/%s", l->root, path);
    if (lstat(full, &st) == 0)
        fail_msg("%s: %s is there", l->shell, path);
    free(full);
}

UNUSED static void edit(struct local_world *l, const char *path, const char *content)
{
    char *full = mem_printf("%s" DEST "/%s", l->root, path);
    put_file(full, content);
    free(full);
}

UNUSED static void shell(struct local_world *l, const char *command)
{
    char *full = mem_printf("cd '%s" DEST "' && %s", l->root, command);
    if (system(full) != 0)
        fail_msg("%s", full);
    free(full);
}

UNUSED static unsigned mode_of(struct local_world *l, const char *path)
{
    struct stat st;
    char *full = mem_printf("%s" DEST "/%s", l->root, path);
    assert_int_equal(lstat(full, &st), 0);
    free(full);
    return st.st_mode & 07777;
}

/* What the probe would say: the recorded key, "drifted", or "" for nothing recorded. */
UNUSED static char *probed(struct local_world *l)
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

UNUSED static void probes(struct local_world *l, const char *answer)
{
    char *got = probed(l);
    if (strcmp(got, answer) != 0)
        fail_msg("%s: the probe says \"%s\", not \"%s\"", l->shell, got, answer);
    free(got);
}

/* Under bash only what differs between shells at all: the programs are POSIX sh, and tests take their time.
 */
UNUSED static void on_all(void (*test)(struct local_world *), bool in_bash)
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

#define ON_ALL(name, bash)                                                                                   \
    static void all_##name(void **state)                                                                     \
    {                                                                                                        \
        (void)state;                                                                                         \
        on_all(test_##name, bash);                                                                           \
    }

#endif
