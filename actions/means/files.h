/* Local files, whole: read, replaced atomically, directories made and removed. */
#ifndef ACTIONS_MEANS_FILES_H
#define ACTIONS_MEANS_FILES_H

#include "model/error.h"

#include <sys/types.h>

/* Appends the content to out; more than out->max is ERR_INVALID. ERR_NOT_FOUND: no such file. */
int file_read(const char *path, struct text *out, struct error **err);
/* Written beside under a temporary name, synced, renamed: readers see the old or the new content. */
int file_replace(const char *path, mode_t mode, const void *data, size_t len, struct error **err);
/* As mkdir -p. */
int dir_make(const char *path, mode_t mode, struct error **err);
/* As rm -rf; never follows a symlink; what is not there is fine. */
int tree_remove(const char *path, struct error **err);
/* The same below an open directory. */
int tree_remove_at(int dir, const char *name, struct error **err);
int dir_sync(const char *path, struct error **err);
/* ENOSPC and EDQUOT become ERR_NO_SPACE, all else ERR_IO. */
int file_error(struct error **err, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* All of it, whatever write(2) takes at once; errno on failure. */
int write_all(int fd, const void *data, size_t len);
void close_fdp(int *fd); /* for _cleanup_; closes what is not negative */

#endif
