#include "actions/means/unpack_tree.h"

#include "actions/means/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ENTRIES = 1000000 };
#define MAX_SCANNED 2000000000ull /* comparisons that whiteouts may cost in all */

struct unpack *unpack_new(int root, const atomic_bool *cancel)
{
    struct unpack *u = mem_alloc(sizeof *u);
    u->root = root;
    u->cancel = cancel;
    u->arena = arena_new();
    u->parent = -1;
    return u;
}

void unpack_free(struct unpack *u)
{
    if (!u)
        return;
    close_fdp(&u->parent);
    arena_free(u->arena);
    free(u->table);
    free(u);
}

void unpack_freep(struct unpack **u)
{
    unpack_free(*u);
}

static size_t hash(const char *s)
{
    uint64_t h = 1469598103934665603ull; /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211ull;
    return (size_t)(h ^ h >> 32);
}

/* The slot of path: its own, or the free one where it would go. */
static size_t *slot(const struct unpack *u, const char *path)
{
    size_t i = hash(path) & (u->table_size - 1);
    while (u->table[i] && strcmp(u->entries[u->table[i] - 1].path, path) != 0)
        i = (i + 1) & (u->table_size - 1);
    return &u->table[i];
}

static void grow(struct unpack *u)
{
    free(u->table);
    u->table_size = u->table_size ? u->table_size * 2 : 1024;
    u->table = mem_alloc(u->table_size * sizeof *u->table);
    for (size_t i = 0; i < u->n; i++)
        *slot(u, u->entries[i].path) = i + 1;
}

struct entry *unpack_find(const struct unpack *u, const char *path)
{
    size_t i = u->table_size ? *slot(u, path) : 0;
    return i && !u->entries[i - 1].gone ? &u->entries[i - 1] : NULL;
}

struct entry *unpack_enter(struct unpack *u, const char *path, struct error **err)
{
    if (u->n * 2 >= u->table_size)
        grow(u);
    size_t *s = slot(u, path);
    if (!*s && u->n == MAX_ENTRIES) {
        error_set(err, ERR_INVALID, "more than %d files", MAX_ENTRIES);
        return NULL;
    }
    if (!*s) {
        struct entry *fresh = arena_push(u->arena, &u->entries, &u->n, &u->cap, sizeof *fresh);
        fresh->path = arena_strdup(u->arena, path);
        *s = u->n;
    }
    struct entry *e = &u->entries[*s - 1];
    *e = (struct entry){.path = e->path, .layer = u->layer};
    return e;
}

/* The directory `name` in dir, made where it is missing; a symlink is refused. */
static int step(struct unpack *u, int dir, const char *name, const char *path, struct error **err)
{
    enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    int fd = openat(dir, name, FLAGS);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT) {
        struct entry *e = unpack_enter(u, path, err);
        if (!e)
            return -1;
        e->kind = ENTRY_DIRECTORY;
        e->mode = 0755;
        if (mkdirat(dir, name, 0755) == 0 && (fd = openat(dir, name, FLAGS)) >= 0)
            return fd;
        return file_error(err, errno, "make the directory %s", path);
    }
    if (errno == ELOOP || errno == ENOTDIR)
        return error_set(err, ERR_INVALID, "an entry passes through %s, which is no directory", path);
    return error_errno(err, errno, "open %s", path);
}

int unpack_parent(struct unpack *u, const char *path, int *ret_dir, const char **ret_name, struct error **err)
{
    const char *last = strrchr(path, '/');
    size_t n = last ? (size_t)(last - path) : 0;
    *ret_name = last ? last + 1 : path;
    if (u->parent >= 0 && strlen(u->parent_path) == n && memcmp(u->parent_path, path, n) == 0) {
        *ret_dir = u->parent;
        return 0;
    }
    close_fdp(&u->parent);
    char *dir = arena_strndup(u->arena, path, n);
    int fd = openat(u->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (char *p = dir; fd >= 0 && *p;) {
        size_t len = strcspn(p, "/");
        char c = p[len];
        p[len] = 0;
        int next = step(u, fd, p, dir, err);
        close(fd);
        if (next < 0)
            return -1;
        fd = next;
        p[len] = c;
        p += len + (c == '/');
    }
    if (fd < 0)
        return error_errno(err, errno, "open the tree");
    u->parent = fd;
    u->parent_path = dir;
    *ret_dir = fd;
    return 0;
}

static bool below(const char *path, const char *dir, size_t n)
{
    return n == 0 || (strncmp(path, dir, n) == 0 && path[n] == '/');
}

static int budget(struct unpack *u, struct error **err)
{
    u->scanned += u->n;
    return u->scanned > MAX_SCANNED ? error_set(err, ERR_INVALID, "too many removals") : 0;
}

int unpack_clear(struct unpack *u, const char *path, struct error **err)
{
    struct entry *e = unpack_find(u, path);
    int dir;
    const char *name;
    if (!e)
        return 0;
    if (unpack_parent(u, path, &dir, &name, err))
        return -1;
    if (e->kind != ENTRY_DIRECTORY) {
        e->gone = true;
        return unlinkat(dir, name, 0) ? error_errno(err, errno, "remove %s", path) : 0;
    }
    if (budget(u, err) || tree_remove_at(dir, name, err))
        return -1;
    size_t n = strlen(path);
    for (size_t i = 0; i < u->n; i++)
        if (below(u->entries[i].path, path, n))
            u->entries[i].gone = true;
    e->gone = true;
    return 0;
}

static int deepest_first(const void *a, const void *b)
{
    return strcmp((*(struct entry *const *)b)->path, (*(struct entry *const *)a)->path);
}

int unpack_whiteout(struct unpack *u, const char *path, bool opaque, struct error **err)
{
    size_t n = strlen(path), count = 0;
    if (budget(u, err))
        return -1;
    _cleanup_(mem_freep) struct entry **doomed = mem_alloc((u->n + 1) * sizeof *doomed);
    for (size_t i = 0; i < u->n; i++) {
        struct entry *e = &u->entries[i];
        if (!e->gone && e->layer < u->layer &&
            (below(e->path, path, n) || (!opaque && strcmp(e->path, path) == 0)))
            doomed[count++] = e;
    }
    qsort(doomed, count, sizeof *doomed, deepest_first); /* so a directory comes after what is in it */
    for (size_t i = 0; i < count; i++) {
        int dir;
        const char *name;
        if (unpack_parent(u, doomed[i]->path, &dir, &name, err))
            return -1;
        bool directory = doomed[i]->kind == ENTRY_DIRECTORY;
        if (unlinkat(dir, name, directory ? AT_REMOVEDIR : 0) == 0)
            doomed[i]->gone = true;
        else if (!directory || (errno != ENOTEMPTY && errno != EEXIST)) /* it holds something of this layer */
            return error_errno(err, errno, "remove %s", doomed[i]->path);
    }
    return 0;
}

struct listing *unpack_listing(const struct unpack *u)
{
    struct listing *l = listing_new();
    for (size_t i = 0; i < u->n; i++) {
        const struct entry *e = &u->entries[i];
        if (e->gone)
            continue;
        struct world_file *f = listing_add(l);
        f->path = arena_strdup(l->arena, e->path);
        f->mode = e->mode;
        f->size = e->size;
        memcpy(f->sha256, e->sha256, sizeof f->sha256);
        f->link = arena_strdup(l->arena, e->link);
        f->directory = e->kind == ENTRY_DIRECTORY;
    }
    listing_sort(l);
    return l;
}
