#include "reconciler/local.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int local_home(char **ret, struct error **err)
{
    const char *home = getenv("HOME");
    if (!home || *home != '/') {
        const struct passwd *pw = getpwuid(getuid());
        home = pw ? pw->pw_dir : NULL;
    }
    if (!home || *home != '/')
        return error_set(err, ERR_NOT_FOUND, "no home directory is known: HOME is not set");
    *ret = mem_strdup(home);
    return 0;
}

int local_xdg_dir(const char *name, const char *under_home, char **ret, struct error **err)
{
    const char *xdg = getenv(name);
    if (xdg && *xdg == '/') { /* the specification says to ignore relative ones */
        *ret = mem_printf("%s/reconcile", xdg);
        return 0;
    }
    _cleanup_(mem_freep) char *home = NULL;
    if (local_home(&home, err) < 0)
        return -1;
    *ret = mem_printf("%s/%s/reconcile", home, under_home);
    return 0;
}

int local_expand(const char *path, char **ret, struct error **err)
{
    if (!str_starts(path, "~/")) {
        *ret = mem_strdup(path);
        return 0;
    }
    _cleanup_(mem_freep) char *home = NULL;
    if (local_home(&home, err) < 0)
        return -1;
    *ret = mem_printf("%s%s", home, path + 1);
    return 0;
}

int local_make_dir(const char *path, mode_t mode, struct error **err)
{
    _cleanup_(mem_freep) char *p = mem_strdup(path);
    for (char *slash = p + 1;; slash++) {
        slash = strchr(slash, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(p, slash ? 0755 : mode) < 0 && errno != EEXIST)
            return error_errno(err, errno, "cannot make the directory %s", p);
        if (!slash)
            return 0;
        *slash = '/';
    }
}

int local_read(const char *path, struct text *out, struct error **err)
{
    bool is_stdin = str_eq(path, "-");
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot read %s", path);
    char buf[65536];
    ssize_t n;
    while ((n = read(fd, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0)
            text_addn(out, buf, (size_t)n);
        if (out->failed)
            break;
    }
    int saved = errno;
    if (!is_stdin)
        close(fd);
    if (n < 0)
        return error_errno(err, saved, "cannot read %s", path);
    if (out->failed)
        return error_set(err, ERR_INVALID, "%s is larger than %zu MiB", is_stdin ? "stdin" : path,
                         (out->max ? out->max : TEXT_MAX) >> 20);
    return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static void sync_dir(const char *path)
{
    _cleanup_(mem_freep) char *dir = mem_strdup(path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = '\0';
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd); /* some file systems cannot; the rename stands all the same */
    close(fd);
}

int local_write(const char *path, const void *data, size_t len, const struct stat *like, struct error **err)
{
    _cleanup_(mem_freep) char *temporary = mem_printf("%s.reconcile-XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot write beside %s", path);
    bool ok = fchmod(fd, like ? like->st_mode & 07777 : 0644) == 0;
    /* an owner that we may not give stays ours: then the mode must not open it wider, and it does not */
    if (ok && like && (like->st_uid != geteuid() || like->st_gid != getegid()))
        ok = fchown(fd, like->st_uid, like->st_gid) == 0 || errno == EPERM;
    if (ok && like)
        ok = fchmod(fd, like->st_mode & 07777) == 0; /* chown drops set-id bits */
    ok = ok && write_all(fd, data, len) == 0 && fsync(fd) == 0;
    int saved = errno;
    if (close(fd) < 0 && ok) {
        saved = errno;
        ok = false;
    }
    if (ok && rename(temporary, path) < 0) {
        saved = errno;
        ok = false;
    }
    if (!ok) {
        unlink(temporary);
        return error_errno(err, saved, "cannot write %s", path);
    }
    sync_dir(path);
    return 0;
}

void local_time(struct text *out)
{
    time_t now = time(NULL);
    struct tm tm;
    char s[32];
    gmtime_r(&now, &tm);
    strftime(s, sizeof s, "%Y-%m-%dT%H:%M:%SZ", &tm);
    text_add(out, s);
}

char *local_run_id(void)
{
    time_t now = time(NULL);
    struct tm tm;
    char s[32];
    unsigned char r[3] = {0};
    gmtime_r(&now, &tm);
    strftime(s, sizeof s, "%Y%m%dT%H%M%S", &tm);
    if (getrandom(r, sizeof r, 0) != sizeof r)
        r[0] = (unsigned char)getpid();
    return mem_printf("%s-%02x%02x%02x", s, r[0], r[1], r[2]);
}

char *local_boot(void)
{
    _cleanup_(text_free) struct text t = {.max = 256};
    char ns[64] = "";
    if (local_read("/proc/sys/kernel/random/boot_id", &t, NULL) < 0 ||
        readlink("/proc/self/ns/pid", ns, sizeof ns - 1) < 0)
        return mem_strdup("");
    return mem_printf("%.*s/%s", (int)strcspn(text_str(&t), "\n"), text_str(&t), ns);
}

/* Field 22 of /proc/PID/stat: start time in ticks since boot (proc(5)); the command may hold spaces and
 * brackets. */
static unsigned long long start_time(long pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    _cleanup_(text_free) struct text t = {.max = 4096};
    if (local_read(path, &t, NULL) < 0)
        return 0;
    const char *p = strrchr(text_str(&t), ')');
    if (p && (str_starts(p, ") Z") || str_starts(p, ") X"))) /* ended; only its parent has not looked yet */
        return 0;
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoull(p + 1, NULL, 10) : 0;
}

char *local_process(void)
{
    return mem_printf("%ld/%llu", (long)getpid(), start_time(getpid()));
}

bool local_process_lives(const char *process)
{
    char *end;
    long pid = strtol(process, &end, 10);
    if (pid <= 0 || *end != '/')
        return false;
    unsigned long long start = strtoull(end + 1, NULL, 10);
    return start != 0 && start_time(pid) == start;
}
