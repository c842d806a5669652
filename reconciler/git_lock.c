#include "reconciler/git_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <git2/sys/repository.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 20 /* a `git status` of an editor holds the lock for moments */
#define LOCK_PAUSE_NS (100L * 1000 * 1000)

int git_fail(struct error **err, int code, const char *what)
{
    const git_error *e = git_error_last();
    const char *words = e && e->message ? e->message : "the library gives no reason";
    bool lacking = strstr(words, "extension") || strstr(words, "repository version");
    if (lacking && strcasestr(words, "objectformat"))
        words = "its object ids are SHA-256, which cannot be written here";
    error_set(err,
              lacking               ? ERR_REFUSED
              : code == GIT_ELOCKED ? ERR_CONFLICT
                                    : ERR_IO,
              "git: %s: %s", what, words);
    if (lacking)
        error_hint(err, GIT_ANOTHER_WAY);
    else if (code == GIT_ELOCKED)
        error_hint(err, "another git holds the repository: commit the file yourself when it is done");
    return -1;
}

static int create_lock(const char *lock, struct error **err)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        int fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            close(fd);
            return 0;
        }
        if (errno != EEXIST)
            return error_errno(err, errno, "git: cannot lock the index %s", lock);
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    }
    error_set(err, ERR_CONFLICT, "git: another git holds the index (%s)", lock);
    return error_hint(err,
                      "commit the file yourself when it is done; if none is running, remove that file first");
}

/* No index yet is an empty one. */
static int copy_index(const char *from, const char *to, struct error **err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "git: cannot read %s", from);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    ssize_t n = out < 0 ? -1 : 1;
    while (n > 0)
        n = sendfile(out, in, NULL, 1 << 20);
    int r = n < 0 ? error_errno(err, errno, "git: cannot write %s", to) : 0;
    close(in);
    if (out >= 0)
        close(out);
    return r;
}

int git_lock_take(git_repository *repository, struct git_lock *ret, struct error **err)
{
    *ret = (struct git_lock){.repository = repository};
    git_buf path = GIT_BUF_INIT;
    int r = git_repository_item_path(&path, repository, GIT_REPOSITORY_ITEM_INDEX);
    if (r < 0)
        return git_fail(err, r, "cannot find the index");
    ret->path = mem_strdup(path.ptr);
    git_buf_dispose(&path);
    _cleanup_(mem_freep) char *lock = mem_printf("%s.lock", ret->path);
    if (create_lock(lock, err) < 0)
        return -1;
    ret->lock = TAKE(lock);
    ret->work = mem_printf("%s.reconcile", ret->path);
    _cleanup_(mem_freep) char *stale = mem_printf("%s.lock", ret->work); /* nobody else's: we hold the lock */
    unlink(stale);
    unlink(ret->work);
    if (copy_index(ret->path, ret->work, err) < 0)
        return -1;
    r = git_index_open(&ret->index, ret->work);
    if (r == 0)
        r = git_repository_set_index(repository, ret->index);
    return r < 0 ? git_fail(err, r, "cannot read the index") : 0;
}

int git_lock_write(struct git_lock *l, struct error **err)
{
    int r = git_index_write(l->index);
    if (r < 0)
        return git_fail(err, r, "cannot write the index");
    /* As sharedRepository or the umask made it, so it stays. */
    struct stat st;
    if (stat(l->path, &st) == 0)
        chmod(l->work, st.st_mode & 0777);
    if (rename(l->work, l->lock) < 0)
        return error_errno(err, errno, "git: cannot write %s", l->lock);
    return 0;
}

int git_lock_commit(struct git_lock *l, struct error **err)
{
    if (rename(l->lock, l->path) < 0)
        return error_errno(err, errno, "git: cannot write the index %s", l->path);
    mem_freep(&l->lock);
    l->lock = NULL;
    return 0;
}

void git_lock_release(struct git_lock *l)
{
    if (l->index)
        git_repository_set_index(l->repository, NULL); /* the next reader loads the file anew */
    git_index_free(l->index);
    if (l->work)
        unlink(l->work);
    if (l->lock)
        unlink(l->lock);
    mem_freep(&l->path);
    mem_freep(&l->lock);
    mem_freep(&l->work);
    *l = (struct git_lock){0};
}
