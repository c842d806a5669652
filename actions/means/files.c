#include "actions/means/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_error(struct error **err, int errnum, const char *fmt, ...)
{
    struct text t = {.max = 8192};
    va_list ap;
    va_start(ap, fmt);
    text_vaddf(&t, fmt, ap);
    va_end(ap);
    if (errnum == ENOSPC || errnum == EDQUOT)
        error_set(err, ERR_NO_SPACE, "%s: %s", text_str(&t), strerror(errnum));
    else
        error_errno(err, errnum, "%s", text_str(&t));
    text_free(&t);
    return -1;
}

void close_fdp(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int write_all(int fd, const void *data, size_t len)
{
    for (const char *p = data; len;) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int file_read(const char *path, struct text *out, struct error **err)
{
    _cleanup_(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERR_NOT_FOUND, "there is no file %s", path);
    if (fd < 0)
        return error_errno(err, errno, "open %s", path);
    char buffer[65536];
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, errno, "read %s", path);
        if (n == 0)
            return 0;
        text_addn(out, buffer, (size_t)n);
        if (out->failed)
            return error_set(err, ERR_INVALID, "%s is too large", path);
    }
}

static int write_synced(const char *path, mode_t mode, const void *data, size_t len)
{
    _cleanup_(close_fdp) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    return fd < 0 || fchmod(fd, mode) || write_all(fd, data, len) || fsync(fd) ? -1 : 0;
}

int file_replace(const char *path, mode_t mode, const void *data, size_t len, struct error **err)
{
    _cleanup_(mem_freep) char *temporary = mem_printf("%s.%ld.new", path, (long)getpid());
    unlink(temporary);
    if (write_synced(temporary, mode, data, len) || rename(temporary, path)) {
        int saved = errno;
        unlink(temporary);
        return file_error(err, saved, "write %s", path);
    }
    return 0;
}

int dir_make(const char *path, mode_t mode, struct error **err)
{
    _cleanup_(mem_freep) char *copy = mem_strdup(path);
    for (char *p = copy + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char c = *p;
        *p = 0;
        if (mkdir(copy, mode) && errno != EEXIST)
            return file_error(err, errno, "make the directory %s", copy);
        *p = c;
        if (!c)
            return 0;
    }
}

static int remove_children(int dir, struct error **err)
{
    int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) {
        int saved = errno;
        close_fdp(&copy);
        return error_errno(err, saved, "list a directory");
    }
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d));)
        if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
            r = tree_remove_at(dir, e->d_name, err);
    closedir(d);
    return r;
}

int tree_remove_at(int dir, const char *name, struct error **err)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return error_errno(err, errno, "remove %s", name);
    _cleanup_(close_fdp) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "remove %s", name);
    if (remove_children(fd, err))
        return -1;
    return unlinkat(dir, name, AT_REMOVEDIR) ? error_errno(err, errno, "remove %s", name) : 0;
}

int tree_remove(const char *path, struct error **err)
{
    return tree_remove_at(AT_FDCWD, path, err);
}

int dir_sync(const char *path, struct error **err)
{
    _cleanup_(close_fdp) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) ? error_errno(err, errno, "sync %s", path) : 0;
}
