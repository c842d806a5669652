#include "actions/means/tar_feed.h"

#include "actions/means/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 512, CHUNK = 256 * 1024, NAME = 100 };

struct tar_feed {
    const struct world_file *const *files;
    size_t n, at;
    int fd;              /* of the file that is being sent, or -1 */
    uint64_t left, size; /* of its content */
    bool ended;
    struct text out; /* what the last call gave */
};

struct tar_feed *tar_feed_new(const struct world_file *const *files, size_t n)
{
    struct tar_feed *t = mem_alloc(sizeof *t);
    t->files = files;
    t->n = n;
    t->fd = -1;
    return t;
}

void tar_feed_free(struct tar_feed *t)
{
    if (!t)
        return;
    close_fdp(&t->fd);
    text_free(&t->out);
    free(t);
}

void tar_feed_freep(struct tar_feed **t)
{
    tar_feed_free(*t);
}

static void number(char *field, size_t width, uint64_t n)
{
    if (width == 12 && n >= (uint64_t)1
                                << 33) { /* eleven octal digits are 8 GiB: then base 256, as GNU has it */
        memset(field, 0, width);
        field[0] = (char)0x80;
        for (size_t i = 0; i < 8; i++)
            field[width - 1 - i] = (char)(n >> (8 * i));
        return;
    }
    snprintf(field, width, "%0*" PRIo64, (int)width - 1, n);
}

static void header(struct text *out, const char *name, const char *link, char type, uint32_t mode,
                   uint64_t size)
{
    char h[BLOCK] = {0};
    memcpy(h, name, strlen(name) < NAME ? strlen(name) : NAME);
    number(h + 100, 8, mode);
    number(h + 108, 8, 0);
    number(h + 116, 8, 0);
    number(h + 124, 12, size);
    number(h + 136, 12, (uint64_t)time(NULL));
    memset(h + 148, ' ', 8);
    h[156] = type;
    if (link)
        memcpy(h + 157, link, strlen(link) < NAME ? strlen(link) : NAME);
    memcpy(h + 257, "ustar  ", 8);
    memcpy(h + 265, "root", 4);
    memcpy(h + 297, "root", 4);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof h; i++)
        sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    text_addn(out, h, sizeof h);
}

static void pad(struct text *out, uint64_t size)
{
    static const char zeros[BLOCK];
    if (size % BLOCK)
        text_addn(out, zeros, BLOCK - size % BLOCK);
}

/* GNU's way to say a long name or target: an entry before, whose content it is. */
static void long_name(struct text *out, const char *name, char type)
{
    size_t n = strlen(name) + 1;
    if (n <= NAME)
        return;
    header(out, "././@LongLink", NULL, type, 0644, n);
    text_addn(out, name, n);
    pad(out, n);
}

static int begin(struct tar_feed *t, struct error **err)
{
    const struct world_file *f = t->files[t->at];
    if (f->directory) {
        t->at++;
        return 0;
    }
    if (f->link)
        long_name(&t->out, f->link, 'K');
    long_name(&t->out, f->path, 'L');
    if (f->link) {
        header(&t->out, f->path, f->link, '2', 0777, 0);
        t->at++;
        return 0;
    }
    t->fd = open(f->source, O_RDONLY | O_CLOEXEC);
    if (t->fd < 0)
        return error_errno(err, errno, "open %s", f->source);
    t->left = t->size = f->size;
    header(&t->out, f->path, NULL, '0', f->mode, f->size);
    return 0;
}

static int content(struct tar_feed *t, struct error **err)
{
    const struct world_file *f = t->files[t->at];
    char buffer[16384];
    while (t->left && t->out.len < CHUNK) {
        ssize_t n = read(t->fd, buffer, t->left < sizeof buffer ? (size_t)t->left : sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, errno, "read %s", f->source);
        if (n == 0)
            return error_set(err, ERR_CONFLICT, "%s became shorter while it was sent", f->source);
        text_addn(&t->out, buffer, (size_t)n);
        t->left -= (uint64_t)n;
    }
    if (t->left == 0) {
        pad(&t->out, t->size);
        close_fdp(&t->fd);
        t->at++;
    }
    return 0;
}

int tar_feed_next(void *tar_feed, const void **data, size_t *len, struct error **err)
{
    struct tar_feed *t = tar_feed;
    static const char end[2 * BLOCK];
    text_clear(&t->out);
    while (t->at < t->n && t->out.len < CHUNK) /* many small files go out together */
        if ((t->fd < 0 && begin(t, err)) || (t->fd >= 0 && content(t, err)))
            return -1;
    if (t->at == t->n && !t->ended && t->out.len < CHUNK) {
        text_addn(&t->out, end, sizeof end);
        t->ended = true;
    }
    *data = text_str(&t->out);
    *len = t->out.len;
    return 0;
}
