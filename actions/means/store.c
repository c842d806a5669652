#include "actions/means/store.h"

#include "actions/means/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_TICK_NS = 100 * 1000 * 1000 };

struct store {
    char *dir, *cache;
    struct oci_options options;
};

struct store_work {
    const struct store *store;
    char *temporary, *final;
    int lock;
};

const char *store_dir(const struct store *s)
{
    return s->dir;
}

static char *default_dir(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache == '/') /* the specification has relative ones ignored */
        return mem_printf("%s/reconcile", cache);
    return mem_printf("%s/.cache/reconcile", home && *home ? home : "/root");
}

int store_new(const char *dir, const struct oci_options *options, struct store **ret, struct error **err)
{
    static const char *const rooms[] = {"images", "renders", "blobs", "tmp", "locks"};
    _cleanup_(store_freep) struct store *s = mem_alloc(sizeof *s);
    s->dir = dir ? mem_strdup(dir) : default_dir();
    s->cache = mem_printf("%s/blobs", s->dir);
    if (options)
        s->options = *options;
    s->options.cache = s->cache;
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        _cleanup_(mem_freep) char *room = mem_printf("%s/%s", s->dir, rooms[i]);
        if (dir_make(room, 0700, err))
            return error_wrap(err, "image store");
    }
    *ret = TAKE(s);
    return 0;
}

void store_free(struct store *s)
{
    if (!s)
        return;
    free(s->dir);
    free(s->cache);
    free(s);
}

void store_freep(struct store **s)
{
    store_free(*s);
}

/* The directory of a digest or key, which becomes a file name; NULL: it must not. */
static char *home_of(const struct store *s, const char *kind, const char *name)
{
    if (name && str_starts(name, "sha256:"))
        name += 7;
    if (!name || strlen(name) != 64 || strspn(name, "0123456789abcdef") != 64)
        return NULL;
    return mem_printf("%s/%s/%s", s->dir, kind, name);
}

static bool exists(const struct store *s, const char *kind, const char *name)
{
    _cleanup_(mem_freep) char *home = home_of(s, kind, name);
    return home && access(home, F_OK) == 0;
}

bool store_has(const struct store *s, const char *digest)
{
    return exists(s, "images", digest);
}

bool store_has_render(const struct store *s, const char *key)
{
    return exists(s, "renders", key);
}

static int lock(const struct store *s, const char *file, int *ret, struct error **err)
{
    _cleanup_(close_fdp) int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_error(err, errno, "open %s", file);
    while (
        flock(fd, LOCK_EX | LOCK_NB)) { /* another run pulls the same: what it makes will be there for us */
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(err, errno, "lock %s", file);
        if (s->options.cancel && atomic_load(s->options.cancel))
            return error_set(err, ERR_CANCELLED, "interrupted while another run makes the same");
        nanosleep(&(struct timespec){.tv_nsec = LOCK_TICK_NS}, NULL);
    }
    *ret = fd;
    fd = -1;
    return 0;
}

int store_begin(struct store *s, const char *kind, const char *name, struct store_work **ret,
                const char **ret_dir, struct error **err)
{
    _cleanup_(store_endp) struct store_work *w = mem_alloc(sizeof *w);
    w->store = s;
    w->lock = -1;
    w->final = home_of(s, kind, name);
    if (!w->final)
        return error_set(err, ERR_INVALID, "unusable digest %.80s", name ? name : "");
    _cleanup_(mem_freep) char *file = mem_printf("%s/locks/%s.%s", s->dir, kind, strrchr(w->final, '/') + 1);
    if (lock(s, file, &w->lock, err))
        return -1;
    *ret_dir = NULL;
    if (access(w->final, F_OK) != 0) {
        w->temporary = mem_printf("%s/tmp/%s.%s", s->dir, kind, strrchr(w->final, '/') + 1);
        if (tree_remove(w->temporary, err) || dir_make(w->temporary, 0700, err)) /* what a killed run left */
            return -1;
        *ret_dir = w->temporary;
    }
    *ret = TAKE(w);
    return 0;
}

int store_commit(struct store_work *w, struct error **err)
{
    _cleanup_(close_fdp) int fd = open(w->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd)) /* the name must not outlive a crash that its content does not */
        return file_error(err, errno, "sync %s", w->temporary);
    if (rename(w->temporary, w->final))
        return file_error(err, errno, "rename %s", w->temporary);
    free(w->temporary);
    w->temporary = NULL;
    return 0;
}

void store_endp(struct store_work **w)
{
    if (!*w)
        return;
    if ((*w)->temporary)
        tree_remove((*w)->temporary, NULL);
    close_fdp(&(*w)->lock);
    free((*w)->temporary);
    free((*w)->final);
    free(*w);
    *w = NULL;
}

int store_resolve(struct store *s, struct arena *a, struct want_image *image, const char **moved,
                  struct error **err)
{
    const char *pin = image->recorded_digest, *elsewhere = NULL;
    struct error *why = NULL;
    if (moved)
        *moved = NULL;
    if (oci_resolve(a, &s->options, pin, image, &elsewhere, &why)) {
        if (!pin || !store_has(s, pin)) {
            if (err)
                *err = TAKE(why);
            error_free(why);
            return -1;
        }
        error_free(why); /* gone from its source, or the source is away; what we hold is what was applied */
        _cleanup_(mem_freep) char *home = home_of(s, "images", pin);
        if (oci_describe_file(a, home, pin, image, err))
            return -1;
    }
    _cleanup_(listing_freep) struct listing *l = NULL;
    if (store_has(s, image->digest) && store_listing(s, image->digest, &l, NULL) == 0)
        image->has_registry = listing_find(l, "registry") != NULL;
    if (moved)
        *moved = elsewhere;
    return 0;
}

static int write_json(const char *dir, const char *name, const char *text, struct error **err)
{
    _cleanup_(mem_freep) char *file = mem_printf("%s/%s", dir, name);
    return file_replace(file, 0644, text, strlen(text), err);
}

static int unpack_into(struct store *s, const char *dir, const struct oci_layers *layers,
                       void (*progress)(void *ctx, const char *line), void *ctx, struct error **err)
{
    _cleanup_(mem_freep) char *tree = mem_printf("%s/tree", dir), *file = mem_printf("%s/listing", dir);
    if (dir_make(tree, 0755, err))
        return -1;
    _cleanup_(close_fdp) int root = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return error_errno(err, errno, "open %s", tree);
    _cleanup_(unpack_freep) struct unpack *u = unpack_new(root, s->options.cancel);
    if (oci_unpack(layers, u, progress, ctx, err))
        return -1;
    _cleanup_(listing_freep) struct listing *l = unpack_listing(u);
    return listing_write(l, file, s->dir, err) || write_json(dir, "manifest.json", layers->manifest, err) ||
                   write_json(dir, "config.json", layers->config, err)
               ? -1
               : 0;
}

int store_pull(struct store *s, const struct want_image *image, void (*progress)(void *ctx, const char *line),
               void *ctx, struct error **err)
{
    _cleanup_(store_endp) struct store_work *w = NULL;
    _cleanup_(oci_layers_freep) struct oci_layers *layers = NULL;
    const char *dir;
    if (store_begin(s, "images", image->digest, &w, &dir, err))
        return error_wrap(err, "image %s", image->reference);
    if (!dir)
        return 0;
    _cleanup_(mem_freep) char *scratch = mem_printf("%s/scratch", dir);
    if (dir_make(scratch, 0700, err) ||
        oci_open(&s->options, image->reference, image->digest, scratch, &layers, err))
        return -1;
    if (unpack_into(s, dir, layers, progress, ctx, err))
        return error_wrap(err, "image %s", image->reference);
    return tree_remove(scratch, err) || store_commit(w, err) ? error_wrap(err, "image %s", image->reference)
                                                             : 0;
}

int store_listing(const struct store *s, const char *digest, struct listing **ret, struct error **err)
{
    _cleanup_(mem_freep) char *home = home_of(s, "images", digest);
    if (!home || access(home, F_OK))
        return error_set(err, ERR_NOT_FOUND, "image %.19s… is not in the local store", digest ? digest : "");
    _cleanup_(mem_freep) char *file = mem_printf("%s/listing", home);
    _cleanup_(listing_freep) struct listing *l = NULL;
    if (listing_read(file, s->dir, &l, err))
        return -1;
    for (size_t i = 0; i < l->n; i++)
        if (!l->files[i].directory && !l->files[i].link)
            l->files[i].source = arena_printf(l->arena, "%s/tree/%s", home, l->files[i].path);
    *ret = TAKE(l);
    return 0;
}

int store_registry(const struct store *s, const char *digest, struct listing **ret, struct error **err)
{
    _cleanup_(listing_freep) struct listing *l = NULL;
    if (store_listing(s, digest, &l, err))
        return -1;
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!str_starts(l->files[i].path, "registry/"))
            continue;
        l->files[n] = l->files[i];
        l->files[n].path += strlen("registry/");
        l->files[n++].mode = 0755;
    }
    l->n = n;
    *ret = TAKE(l);
    return 0;
}
