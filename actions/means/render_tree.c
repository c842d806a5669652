#include "actions/means/render_tree.h"

#include "actions/means/files.h"
#include "model/digest.h"

#include <string.h>

enum { MODE = 0755, FILE_MAX = 16 * 1024 * 1024 };

static int entry_cmp(const void *a, const void *b)
{
    return strcmp(((const struct tree_entry *)a)->file.path, ((const struct tree_entry *)b)->file.path);
}

/* Among the first n entries, which are sorted. */
static struct tree_entry *find_in(struct tree_entry *entries, size_t n, const char *path)
{
    struct tree_entry key = {.file.path = path};
    return n ? bsearch(&key, entries, n, sizeof key, entry_cmp) : NULL;
}

/* The index of the first entry that is not below path ("a" < "a/"). */
static size_t first_at_or_after(const struct render_tree *t, size_t n, const char *path)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(t->entries[middle].file.path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A file that takes a directory's place takes what was in it along; a path through a file makes it a directory. */
static void make_way(struct render_tree *t, size_t n, const struct world_file *f)
{
    if (!f->directory) {
        _cleanup_(mem_freep) char *prefix = mem_printf("%s/", f->path);
        for (size_t i = first_at_or_after(t, n, prefix); i < n && str_starts(t->entries[i].file.path, prefix); i++)
            t->entries[i].gone = true;
    }
    _cleanup_(mem_freep) char *parent = mem_strdup(f->path);
    for (char *slash = strrchr(parent, '/'); slash; slash = strrchr(parent, '/')) {
        *slash = 0;
        struct tree_entry *e = find_in(t->entries, n, parent);
        if (e && !e->gone && !e->file.directory)
            e->gone = true;
    }
}

static void sort(struct render_tree *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++)
        if (!t->entries[i].gone)
            t->entries[kept++] = t->entries[i];
    t->n = kept;
    if (t->n)
        qsort(t->entries, t->n, sizeof *t->entries, entry_cmp);
}

void render_tree_lay(struct render_tree *t, const struct listing *files, int image)
{
    size_t n = t->n; /* sorted, and only these are looked up */
    for (size_t i = 0; i < files->n; i++) {
        const struct world_file *f = &files->files[i];
        if (str_eq(f->path, "registry") || str_starts(f->path, "registry/"))
            continue;
        make_way(t, n, f);
        struct tree_entry *old = find_in(t->entries, n, f->path);
        struct tree_entry *e = old;
        if (!e)
            e = arena_push(t->arena, &t->entries, &t->n, &t->cap, sizeof *e);
        *e = (struct tree_entry){.file = *f, .image = image};
        e->file.mode = MODE;
    }
    sort(t);
}

struct tree_entry *render_tree_find(struct render_tree *t, const char *path)
{
    struct tree_entry *e = find_in(t->entries, t->n, path);
    return e && !e->gone ? e : NULL;
}

int render_tree_read(const struct tree_entry *e, struct text *out, struct error **err)
{
    if (e->file.link || e->file.directory)
        return error_set(err, ERR_INVALID, "%s is not a regular file", e->file.path);
    out->max = FILE_MAX;
    return file_read(e->made ? e->made : e->file.source, out, err);
}

static void add_directories(struct render_tree *t, const char *path)
{
    _cleanup_(mem_freep) char *parent = mem_strdup(path);
    for (char *slash = strrchr(parent, '/'); slash; slash = strrchr(parent, '/')) {
        *slash = 0;
        if (render_tree_find(t, parent))
            continue;
        struct tree_entry *e = arena_push(t->arena, &t->entries, &t->n, &t->cap, sizeof *e);
        *e = (struct tree_entry){.image = -1};
        e->file = (struct world_file){.path = arena_strdup(t->arena, parent), .mode = MODE, .directory = true};
    }
    sort(t);
}

int render_tree_write(struct render_tree *t, const char *path, const struct text *content, struct error **err)
{
    if (content->failed)
        return error_set(err, ERR_INVALID, "%s would be larger than %d MiB", path, FILE_MAX >> 20);
    char *now = arena_printf(t->arena, "%s/%s", t->files, path), *slash = strrchr(now, '/');
    *slash = 0;
    if (dir_make(now, 0700, err) < 0)
        return -1;
    *slash = '/';
    if (file_replace(now, 0600, text_str(content), content->len, err) < 0)
        return -1;
    struct world_file f = {.path = arena_strdup(t->arena, path), .mode = MODE, .size = content->len,
                           .source = arena_printf(t->arena, "%s/%s", t->settled, path)};
    digest_hex(text_str(content), content->len, f.sha256);
    make_way(t, t->n, &f);
    sort(t);
    struct tree_entry *e = render_tree_find(t, path);
    if (!e) {
        add_directories(t, path);
        e = arena_push(t->arena, &t->entries, &t->n, &t->cap, sizeof *e);
        e->image = -1;
    }
    e->file = f;
    e->made = now;
    sort(t);
    return 0;
}

void render_tree_list(const struct render_tree *t, struct listing *ret)
{
    for (size_t i = 0; i < t->n; i++)
        *listing_add(ret) = t->entries[i].file;
    listing_sort(ret);
}
