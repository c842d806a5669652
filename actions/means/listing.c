#include "actions/means/listing.h"

#include "actions/means/files.h"
#include "model/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEADER "reconcile-listing 1\n"

enum { PATH_BYTES = 4096, PATH_PARTS = 128, LISTING_MAX = 512 * 1024 * 1024 };

struct listing *listing_new(void)
{
    struct listing *l = mem_alloc(sizeof *l);
    l->arena = arena_new();
    return l;
}

void listing_free(struct listing *l)
{
    if (!l)
        return;
    arena_free(l->arena);
    free(l);
}

void listing_freep(struct listing **l)
{
    listing_free(*l);
}

struct world_file *listing_add(struct listing *l)
{
    return arena_push(l->arena, &l->files, &l->n, &l->cap, sizeof *l->files);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct world_file *)a)->path, ((const struct world_file *)b)->path);
}

void listing_sort(struct listing *l)
{
    if (l->n)
        qsort(l->files, l->n, sizeof *l->files, by_path);
}

const struct world_file *listing_find(const struct listing *l, const char *path)
{
    const struct world_file key = {.path = path};
    return l->n ? bsearch(&key, l->files, l->n, sizeof key, by_path) : NULL;
}

bool listing_line_safe(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
    return true;
}

char *listing_path(struct arena *a, const char *raw, const char **why)
{
    char path[PATH_BYTES];
    size_t n = 0, parts = 0;
    *why = NULL;
    if (*raw == '/')
        *why = "is absolute";
    else if (!listing_line_safe(raw))
        *why = "has control characters";
    for (const char *p = raw; *p && !*why;) {
        size_t len = strcspn(p, "/");
        if (len == 2 && p[0] == '.' && p[1] == '.')
            *why = "goes up by '..'";
        else if (len > 255 || n + len + 2 > sizeof path || parts == PATH_PARTS)
            *why = "is too long";
        else if (len && !(len == 1 && *p == '.')) {
            if (n)
                path[n++] = '/';
            memcpy(path + n, p, len);
            n += len;
            parts++;
        }
        p += len;
        p += strspn(p, "/");
    }
    return *why ? NULL : arena_strndup(a, path, n);
}

int listing_write(const struct listing *l, const char *file, const char *base, struct error **err)
{
    _cleanup_(text_free) struct text out = {.max = LISTING_MAX};
    size_t under = strlen(base);
    text_add(&out, HEADER);
    for (size_t i = 0; i < l->n; i++) {
        const struct world_file *f = &l->files[i];
        const char *source = f->source ? f->source : "";
        if (str_starts(source, base) && source[under] == '/')
            source += under + 1;
        text_addf(&out, "%c\t%o\t%" PRIu64 "\t%s\t%s\t%s\n",
                  f->directory ? 'd'
                  : f->link    ? 'l'
                               : 'f',
                  f->mode, f->size, f->link ? f->link : f->sha256, f->path, source);
    }
    text_addf(&out, "end\t%zu\n", l->n);
    if (out.failed)
        return error_set(err, ERR_INVALID, "a tree has too many files");
    return file_replace(file, 0644, text_str(&out), out.len, err);
}

/* Cuts the next tab-separated field off a line. */
static char *field(char **line)
{
    char *begin = *line;
    size_t n = strcspn(begin, "\t");
    *line = begin + n + (begin[n] == '\t');
    begin[n] = 0;
    return begin;
}

static bool parse_line(struct listing *l, char *line, const char *base)
{
    char *kind = field(&line), *mode = field(&line), *size = field(&line), *sum = field(&line),
         *path = field(&line), *source = field(&line), *end;
    if (strlen(kind) != 1 || !strchr("fdl", *kind) || !*path)
        return false;
    struct world_file *f = listing_add(l);
    f->mode = (uint32_t)strtoul(mode, &end, 8);
    if (*end || f->mode > 07777)
        return false;
    f->size = strtoull(size, &end, 10);
    if (*end)
        return false;
    f->path = path;
    f->directory = *kind == 'd';
    if (*kind == 'l')
        f->link = sum;
    else if (*kind == 'f' && strlen(sum) == 64)
        memcpy(f->sha256, sum, 65);
    else if (*kind == 'f')
        return false;
    if (*source)
        f->source = *source == '/' ? source : arena_printf(l->arena, "%s/%s", base, source);
    return true;
}

int listing_read(const char *file, const char *base, struct listing **ret, struct error **err)
{
    _cleanup_(listing_freep) struct listing *l = listing_new();
    _cleanup_(text_free) struct text t = {.max = LISTING_MAX};
    if (file_read(file, &t, err))
        return -1;
    char *text = arena_strndup(l->arena, text_str(&t), t.len), *line = text + strlen(HEADER);
    if (!str_starts(text, HEADER))
        return error_set(err, ERR_PROTOCOL, "%s is damaged", file);
    for (;;) {
        char *end = strchr(line, '\n');
        if (!end)
            return error_set(err, ERR_PROTOCOL, "%s is cut short", file);
        *end = 0;
        if (str_starts(line, "end\t"))
            break;
        if (!parse_line(l, line, base))
            return error_set(err, ERR_PROTOCOL, "%s is damaged", file);
        line = end + 1;
    }
    if (strtoull(line + 4, NULL, 10) != l->n)
        return error_set(err, ERR_PROTOCOL, "%s is damaged", file);
    *ret = TAKE(l);
    return 0;
}

int listing_hash(const char *file, char out[65], struct error **err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_errno(err, errno, "open %s", file);
    struct digest *d = digest_new();
    char buffer[65536];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            digest_bytes(d, buffer, (size_t)n);
    int failed = n < 0 ? errno : 0;
    digest_end(d, out);
    close(fd);
    return failed ? error_errno(err, failed, "read %s", file) : 0;
}
