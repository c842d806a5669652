#include "actions/means/unpack_tree.h"

#include "actions/means/files.h"
#include "model/digest.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 65536 };
#define MAX_BYTES ((uint64_t)64 << 30) /* of one image, unpacked */

struct reader {
    struct unpack *u;
    const struct byte_source *from;
    struct digest *digest;
    struct error *error; /* of the source: libarchive can only be told that there was one */
    bool ended;
    char buffer[BLOCK];
};

static la_ssize_t read_block(struct archive *a, void *ctx, const void **ret)
{
    struct reader *r = ctx;
    (void)a;
    *ret = r->buffer;
    if (r->ended)
        return 0;
    if (r->u->cancel && atomic_load(r->u->cancel)) {
        error_set(&r->error, ERR_CANCELLED, "interrupted");
        return -1;
    }
    long n = r->from->read(r->from->ctx, r->buffer, sizeof r->buffer, &r->error);
    if (n > 0)
        digest_bytes(r->digest, r->buffer, (size_t)n);
    r->ended = n <= 0;
    return n;
}

static int archive_failed(struct archive *a, struct reader *r, struct error **err)
{
    if (r->error) {
        if (err)
            *err = TAKE(r->error);
        return -1;
    }
    const char *why = archive_error_string(a);
    return error_set(err, ERR_DIGEST, "cut or corrupt: %s", why ? why : "unreadable");
}

static int hash_zeros(struct digest *d, uint64_t n)
{
    static const char zeros[BLOCK];
    for (; n; n -= n > BLOCK ? BLOCK : n)
        digest_bytes(d, zeros, n > BLOCK ? BLOCK : (size_t)n);
    return 0;
}

/* The content of a file, sparse ones too. Returns 0 with the size; the digest goes into d. */
static int copy_data(struct archive *a, struct reader *r, int fd, const char *path, struct digest *d,
                     uint64_t *size, struct error **err)
{
    uint64_t at = 0;
    for (;;) {
        const void *block;
        size_t n;
        la_int64_t offset;
        int code = archive_read_data_block(a, &block, &n, &offset);
        if (code == ARCHIVE_EOF)
            break;
        if (code != ARCHIVE_OK)
            return archive_failed(a, r, err);
        if (offset < 0 || (uint64_t)offset < at || (uint64_t)offset + n > MAX_BYTES - r->u->bytes)
            return error_set(err, ERR_INVALID, "more than %u GiB of files", (unsigned)(MAX_BYTES >> 30));
        hash_zeros(d, (uint64_t)offset - at);
        digest_bytes(d, block, n);
        if ((uint64_t)offset > at && lseek(fd, offset, SEEK_SET) < 0)
            return error_errno(err, errno, "write %s", path);
        if (write_all(fd, block, n))
            return file_error(err, errno, "write %s", path);
        at = (uint64_t)offset + n;
    }
    if (*size > MAX_BYTES - r->u->bytes)
        return error_set(err, ERR_INVALID, "more than %u GiB of files", (unsigned)(MAX_BYTES >> 30));
    if (*size > at) { /* a sparse file's last hole */
        hash_zeros(d, *size - at);
        at = *size;
    }
    if (ftruncate(fd, (off_t)at))
        return file_error(err, errno, "write %s", path);
    *size = at;
    r->u->bytes += at;
    return 0;
}

static int add_file(struct reader *r, struct archive *a, struct archive_entry *ae, const char *path,
                    struct error **err)
{
    int dir;
    const char *name;
    if (unpack_clear(r->u, path, err) || unpack_parent(r->u, path, &dir, &name, err))
        return -1;
    uint32_t mode = archive_entry_perm(ae) & 0777;
    _cleanup_(close_fdp) int fd =
        openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode | 0600) & 0777);
    if (fd < 0)
        return file_error(err, errno, "make %s", path);
    struct digest *d = digest_new();
    char sum[DIGEST_HEX];
    uint64_t size = archive_entry_size_is_set(ae) ? (uint64_t)archive_entry_size(ae) : 0;
    int failed = copy_data(a, r, fd, path, d, &size, err);
    digest_end(d, sum);
    struct entry *e = failed ? NULL : unpack_enter(r->u, path, err);
    if (!e)
        return -1;
    e->kind = ENTRY_FILE;
    e->mode = mode;
    e->size = size;
    memcpy(e->sha256, sum, sizeof e->sha256);
    return 0;
}

static int add_hard_link(struct reader *r, const char *raw, const char *path, struct error **err)
{
    const char *why, *name;
    char *target = listing_path(r->u->arena, raw, &why);
    if (!target)
        return error_set(err, ERR_INVALID, "the hard link %s goes to a name that %s", path, why);
    struct entry *to = unpack_find(r->u, target);
    if (!to || to->kind != ENTRY_FILE)
        return error_set(err, ERR_INVALID, "the hard link %s goes to %s, which is no file of the image", path,
                         target);
    if (str_eq(target, path))
        return 0;
    struct entry copy = *to;
    int dir, from;
    if (unpack_clear(r->u, path, err) || unpack_parent(r->u, target, &dir, &name, err))
        return -1;
    _cleanup_(close_fdp) int source = from = fcntl(dir, F_DUPFD_CLOEXEC, 0); /* the next call may close dir */
    const char *source_name = name;
    if (from < 0 || unpack_parent(r->u, path, &dir, &name, err))
        return from < 0 ? error_errno(err, errno, "open %s", target) : -1;
    if (linkat(source, source_name, dir, name, 0))
        return file_error(err, errno, "link %s", path);
    struct entry *e = unpack_enter(r->u, path, err);
    if (!e)
        return -1;
    e->kind = ENTRY_FILE;
    e->mode = copy.mode;
    e->size = copy.size;
    memcpy(e->sha256, copy.sha256, sizeof e->sha256);
    return 0;
}

static int add_symlink(struct reader *r, const char *target, const char *path, struct error **err)
{
    int dir;
    const char *name;
    if (!target || !*target || strlen(target) > 4095 || !listing_line_safe(target))
        return error_set(err, ERR_INVALID, "the symlink %s has no usable target", path);
    if (unpack_clear(r->u, path, err) || unpack_parent(r->u, path, &dir, &name, err))
        return -1;
    if (symlinkat(target, dir, name))
        return file_error(err, errno, "link %s", path);
    struct entry *e = unpack_enter(r->u, path, err);
    if (!e)
        return -1;
    e->kind = ENTRY_LINK;
    e->mode = 0777;
    e->link = arena_strdup(r->u->arena, target);
    return 0;
}

static int add_directory(struct reader *r, struct archive_entry *ae, const char *path, struct error **err)
{
    struct entry *e = unpack_find(r->u, path);
    uint32_t mode = archive_entry_perm(ae) & 0777;
    int dir;
    const char *name;
    if (e && e->kind == ENTRY_DIRECTORY) {
        e->mode = mode;
        e->layer = r->u->layer;
        return 0;
    }
    if (unpack_clear(r->u, path, err) || unpack_parent(r->u, path, &dir, &name, err))
        return -1;
    if (mkdirat(dir, name, 0755))
        return file_error(err, errno, "make the directory %s", path);
    e = unpack_enter(r->u, path, err);
    if (!e)
        return -1;
    e->kind = ENTRY_DIRECTORY;
    e->mode = mode;
    return 0;
}

/* `.wh.NAME` and `.wh..wh..opq`; what else begins with `.wh..wh.` is aufs' own and means nothing. */
static int add_whiteout(struct reader *r, char *path, char *name, struct error **err)
{
    bool top = name == path;
    if (str_eq(name, ".wh..wh..opq")) {
        if (top)
            return unpack_whiteout(r->u, "", true, err);
        name[-1] = 0;
        return unpack_whiteout(r->u, path, true, err);
    }
    if (str_starts(name, ".wh..wh."))
        return 0;
    const char *hidden = name + 4;
    if (!*hidden || str_eq(hidden, ".") || str_eq(hidden, ".."))
        return error_set(err, ERR_INVALID, "the whiteout %s names nothing", path);
    memmove(name, hidden, strlen(hidden) + 1);
    return unpack_whiteout(r->u, path, false, err);
}

static int add_entry(struct reader *r, struct archive *a, struct archive_entry *ae, struct error **err)
{
    const char *raw = archive_entry_pathname(ae), *why, *hard = archive_entry_hardlink(ae);
    if (!raw)
        raw = archive_entry_pathname_utf8(ae); /* the C locale has no names beyond ASCII for pax headers */
    if (!raw)
        return error_set(err, ERR_INVALID, "an entry without a readable name");
    char *path = listing_path(r->u->arena, raw, &why);
    if (!path) {
        _cleanup_(text_free) struct text safe = {0};
        text_add_safe(&safe, raw, 200);
        return error_set(err, ERR_INVALID, "the name %s %s", text_str(&safe), why);
    }
    if (!*path)
        return archive_entry_filetype(ae) == AE_IFDIR
                   ? 0
                   : error_set(err, ERR_INVALID, "the root is no directory");
    char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if (str_starts(name, ".wh."))
        return add_whiteout(r, path, name, err);
    if (hard || archive_entry_hardlink_utf8(ae))
        return add_hard_link(r, hard ? hard : archive_entry_hardlink_utf8(ae), path, err);
    switch (archive_entry_filetype(ae)) {
    case AE_IFREG:
        return add_file(r, a, ae, path, err);
    case AE_IFDIR:
        return add_directory(r, ae, path, err);
    case AE_IFLNK:
        return add_symlink(
            r, archive_entry_symlink(ae) ? archive_entry_symlink(ae) : archive_entry_symlink_utf8(ae), path,
            err);
    default:
        return error_set(err, ERR_INVALID, "%s is a device, a FIFO or a socket, which images may not bring",
                         path);
    }
}

static int read_entries(struct reader *r, struct archive *a, struct error **err)
{
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_zstd(a);
    archive_read_support_format_tar(a);
    archive_read_support_format_empty(a);
    if (archive_read_open(a, r, NULL, read_block, NULL) != ARCHIVE_OK)
        return archive_failed(a, r, err);
    for (;;) {
        struct archive_entry *ae;
        int code = archive_read_next_header(a, &ae);
        if (code == ARCHIVE_EOF)
            break;
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN) /* a warning: a name that the locale cannot say */
            return archive_failed(a, r, err);
        if (add_entry(r, a, ae, err)) {
            if (r->error && err) { /* the source failed in the middle of a file */
                error_free(*err);
                *err = TAKE(r->error);
            }
            return -1;
        }
    }
    const void *rest;
    la_ssize_t n;
    while ((n = read_block(a, r, &rest)) > 0) /* padding behind the end is part of the digest */
        continue;
    return n < 0 ? archive_failed(a, r, err) : 0;
}

int unpack_layer(struct unpack *u, const char *name, const char *digest, const struct byte_source *from,
                 struct error **err)
{
    struct reader *r = mem_alloc(sizeof *r);
    *r = (struct reader){.u = u, .from = from, .digest = digest_new()};
    struct archive *a = archive_read_new();
    u->layer++;
    int failed = read_entries(r, a, err);
    archive_read_free(a);
    char sum[DIGEST_HEX];
    digest_end(r->digest, sum);
    error_free(r->error);
    free(r);
    if (failed)
        return error_wrap(err, "%s", name);
    if (!str_starts(digest, "sha256:") || strcmp(digest + 7, sum) != 0)
        return error_set(err, ERR_DIGEST, "%s: has the digest sha256:%.12s…, not %.19s…", name, sum, digest);
    return 0;
}
