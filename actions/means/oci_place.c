#include "actions/means/oci_place.h"

#include "actions/means/files.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SMALL = 16 * 1024 * 1024, BLOCK = 65536, LINKS = 8 };

struct oci_stream {
    int fd;            /* a plain file */
    struct archive *a; /* a member of a tar, positioned at its content */
    char *name;
};

void oci_stream_freep(struct oci_stream **s)
{
    if (!*s)
        return;
    close_fdp(&(*s)->fd);
    archive_read_free((*s)->a);
    free((*s)->name);
    free(*s);
    *s = NULL;
}

long oci_stream_read(void *stream, void *buffer, size_t size, struct error **err)
{
    struct oci_stream *s = stream;
    if (s->a) {
        la_ssize_t n = archive_read_data(s->a, buffer, size);
        const char *why = n < 0 ? archive_error_string(s->a) : NULL;
        return n < 0
                   ? error_set(err, ERR_DIGEST, "%s is cut or corrupt: %s", s->name, why ? why : "unreadable")
                   : (long)n;
    }
    ssize_t n;
    do
        n = read(s->fd, buffer, size);
    while (n < 0 && errno == EINTR);
    return n < 0 ? error_errno(err, errno, "read %s", s->name) : (long)n;
}

static bool same_member(const char *member, const char *name)
{
    while (str_starts(member, "./"))
        member += 2;
    return strcmp(member, name) == 0;
}

/* docker save's archives may name a layer twice: the second time as a link to the first. */
static char *link_target(const char *name, struct archive_entry *ae)
{
    const char *hard = archive_entry_hardlink(ae), *soft = archive_entry_symlink(ae);
    if (hard)
        return mem_strdup(hard);
    const char *slash = strrchr(name, '/');
    if (!soft || *soft == '/')
        return NULL;
    size_t keep = slash ? (size_t)(slash - name) + 1 : 0;
    while (str_starts(soft, "../") && keep) {
        soft += 3;
        for (keep--; keep && name[keep - 1] != '/';)
            keep--;
    }
    return mem_printf("%.*s%s", (int)keep, name, soft);
}

/* Stands at the content of a member. 1: it is a link, *link says where to. */
static int seek_member(struct archive *a, const char *file, const char *name, char **link, struct error **err)
{
    struct archive_entry *ae;
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_zstd(a);
    archive_read_support_format_tar(a);
    if (archive_read_open_filename(a, file, BLOCK) != ARCHIVE_OK)
        return error_set(err, ERR_IO, "open %s: %s", file, archive_error_string(a));
    for (;;) {
        int code = archive_read_next_header(a, &ae);
        if (code == ARCHIVE_EOF)
            return error_set(err, ERR_NOT_FOUND, "%s holds no %s", file, name);
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
            return error_set(err, ERR_DIGEST, "%s is cut or corrupt: %s", file, archive_error_string(a));
        const char *member = archive_entry_pathname(ae);
        if (!member || !same_member(member, name))
            continue;
        if (archive_entry_filetype(ae) == AE_IFREG && !archive_entry_hardlink(ae))
            return 0;
        *link = link_target(name, ae);
        return *link ? 1 : error_set(err, ERR_INVALID, "%s: %s is no file", file, name);
    }
}

static int open_member(const struct oci_place *p, struct oci_stream *s, const char *name, struct error **err)
{
    _cleanup_(mem_freep) char *at = mem_strdup(name);
    for (int i = 0; i < LINKS; i++) {
        char *next = NULL;
        s->a = archive_read_new();
        int r = seek_member(s->a, p->path, at, &next, err);
        if (r <= 0)
            return r;
        archive_read_free(s->a);
        s->a = NULL;
        free(at);
        at = next;
    }
    return error_set(err, ERR_INVALID, "%s: %s is a link to itself", p->path, name);
}

int oci_stream_open(const struct oci_place *p, const char *name, struct oci_stream **ret, struct error **err)
{
    _cleanup_(oci_stream_freep) struct oci_stream *s = mem_alloc(sizeof *s);
    s->fd = -1;
    s->name = mem_printf("%s/%s", p->path, name);
    if (p->archive) {
        if (access(p->path, R_OK))
            return error_set(err, ERR_NOT_FOUND, "%s: %s", p->path, strerror(errno));
        if (open_member(p, s, name, err))
            return -1;
    } else {
        s->fd = open(s->name, O_RDONLY | O_CLOEXEC);
        if (s->fd < 0)
            return error_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, "%s: %s",
                             s->name, strerror(errno));
    }
    *ret = TAKE(s);
    return 0;
}

int oci_place_read(const struct oci_place *p, const char *name, struct text *out, struct error **err)
{
    _cleanup_(oci_stream_freep) struct oci_stream *s = NULL;
    char buffer[16384];
    long n;
    out->max = SMALL;
    if (oci_stream_open(p, name, &s, err))
        return -1;
    while ((n = oci_stream_read(s, buffer, sizeof buffer, err)) > 0) {
        text_addn(out, buffer, (size_t)n);
        if (out->failed)
            return error_set(err, ERR_INVALID, "%s is too large", s->name);
    }
    return n < 0 ? -1 : 0;
}

const char *oci_blob_name(struct arena *a, const struct oci_place *p, const char *digest)
{
    if (!digest || !str_starts(digest, "sha256:") || strlen(digest) != 71 ||
        strspn(digest + 7, "0123456789abcdef") != 64)
        return NULL; /* it becomes a file name */
    return arena_printf(a, "%s%s", p->prefix, digest + 7);
}
