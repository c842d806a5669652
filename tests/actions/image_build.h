/* Images for tests: layers written by libarchive, laid out as OCI layouts, OCI archives and docker archives.
 */
#ifndef TESTS_ACTIONS_IMAGE_BUILD_H
#define TESTS_ACTIONS_IMAGE_BUILD_H

#include "actions/means/files.h"
#include "model/digest.h"
#include "model/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

UNUSED static void must(int r, struct error **err)
{
    if (r == 0)
        return;
    struct text t = {0};
    if (*err)
        error_text(*err, &t);
    fail_msg("%s %s", text_str(&t), *err && (*err)->detail ? (*err)->detail : "");
}

UNUSED static bool says(const struct error *err, const char *what)
{
    struct text t = {0};
    if (err)
        error_text(err, &t);
    bool found = strstr(text_str(&t), what) != NULL;
    if (!found)
        print_error("\"%s\" does not say \"%s\"\n", text_str(&t), what);
    text_free(&t);
    return found;
}

/* A directory of the test's own, removed by scratch_drop. */
UNUSED static char *scratch_new(void)
{
    /* in memory where it can be: what is tested syncs to disk, and that would be most of the time */
    char *dir = mem_strdup(access("/dev/shm", W_OK) == 0 ? "/dev/shm/reconcile-test.XXXXXX"
                                                         : "/tmp/reconcile-test.XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

UNUSED static void scratch_drop(char *dir)
{
    struct error *err = NULL;
    must(tree_remove(dir, &err), &err);
    free(dir);
}

UNUSED static void put_file(const char *path, const char *text)
{
    struct error *err = NULL;
    char *copy = mem_strdup(path);
    *strrchr(copy, '/') = 0;
    must(dir_make(copy, 0755, &err), &err);
    must(file_replace(path, 0644, text, strlen(text), &err), &err);
    free(copy);
}

UNUSED static char *get_file(const char *path)
{
    struct text t = {0};
    return file_read(path, &t, NULL) ? NULL : text_take(&t);
}

struct layer {
    struct archive *a;
    struct text bytes;
};

static la_ssize_t layer_write(struct archive *a, void *ctx, const void *data, size_t n)
{
    (void)a;
    text_addn(ctx, data, n);
    return (la_ssize_t)n;
}

UNUSED static void layer_begin(struct layer *l, int filter)
{
    *l = (struct layer){.a = archive_write_new()};
    archive_write_set_format_pax_restricted(l->a);
    archive_write_add_filter(l->a, filter);
    archive_write_set_bytes_in_last_block(l->a, 1);
    assert_int_equal(archive_write_open(l->a, &l->bytes, NULL, layer_write, NULL), ARCHIVE_OK);
}

static void layer_entry(struct layer *l, const char *path, int type, unsigned mode, const char *content,
                        size_t n, const char *soft, const char *hard)
{
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, path);
    archive_entry_set_filetype(e, (unsigned)type);
    archive_entry_set_perm(e, mode);
    archive_entry_set_size(e, (la_int64_t)n);
    if (soft)
        archive_entry_set_symlink(e, soft);
    if (hard)
        archive_entry_set_hardlink(e, hard);
    int code = archive_write_header(l->a, e);
    assert_true(code == ARCHIVE_OK || code == ARCHIVE_WARN); /* a name beyond ASCII in the C locale */
    if (n)
        assert_int_equal(archive_write_data(l->a, content, n), n);
    archive_entry_free(e);
}

UNUSED static void layer_file(struct layer *l, const char *path, unsigned mode, const char *content)
{
    layer_entry(l, path, AE_IFREG, mode, content, strlen(content), NULL, NULL);
}

UNUSED static void layer_dir(struct layer *l, const char *path)
{
    layer_entry(l, path, AE_IFDIR, 0755, NULL, 0, NULL, NULL);
}

UNUSED static void layer_link(struct layer *l, const char *path, const char *target)
{
    layer_entry(l, path, AE_IFLNK, 0777, NULL, 0, target, NULL);
}

UNUSED static void layer_hard(struct layer *l, const char *path, const char *target)
{
    layer_entry(l, path, AE_IFREG, 0644, NULL, 0, NULL, target);
}

UNUSED static void layer_end(struct layer *l)
{
    assert_int_equal(archive_write_close(l->a), ARCHIVE_OK);
    archive_write_free(l->a);
    assert_false(l->bytes.failed);
}

/* Every file below dir, as tools that lay out images do it. */
UNUSED static void layer_tree(struct layer *l, const char *dir, const char *prefix)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        char *from = mem_printf("%s/%s", dir, e->d_name), *to = mem_printf("%s%s", prefix, e->d_name);
        struct stat st;
        assert_int_equal(lstat(from, &st), 0);
        if (S_ISDIR(st.st_mode)) {
            char *below = mem_printf("%s/", to);
            layer_dir(l, to);
            layer_tree(l, from, below);
            free(below);
        } else {
            struct text t = {0};
            struct error *err = NULL;
            must(file_read(from, &t, &err), &err);
            layer_entry(l, to, AE_IFREG, st.st_mode & 0777, t.data, t.len, NULL, NULL);
            text_free(&t);
        }
        free(from);
        free(to);
    }
    closedir(d);
}

UNUSED static void blob_put(const char *layout, const void *data, size_t n, char digest[72])
{
    struct error *err = NULL;
    char hex[DIGEST_HEX];
    digest_hex(data, n, hex);
    char *dir = mem_printf("%s/blobs/sha256", layout), *path = mem_printf("%s/%s", dir, hex);
    must(dir_make(dir, 0755, &err), &err);
    must(file_replace(path, 0644, data, n, &err), &err);
    snprintf(digest, 72, "sha256:%s", hex);
    free(dir);
    free(path);
}

#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"

/* One image of one layer or more into the layout; digest is its manifest's. config: what stands in "config".
 */
UNUSED static size_t image_put(const char *layout, const char *arch, const char *config,
                               const struct layer *layers, size_t n, char digest[72])
{
    struct text t = {0}, m = {0};
    char d[72];
    text_addf(&t,
              "{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":%s,\"rootfs\":{\"type\":\"layers\","
              "\"diff_ids\":[]}}",
              arch, config);
    blob_put(layout, t.data, t.len, d);
    text_addf(&m,
              "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST "\",\"config\":{\"mediaType\":"
              "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
              d, t.len);
    for (size_t i = 0; i < n; i++) {
        const unsigned char *magic = (const unsigned char *)text_str(&layers[i].bytes);
        blob_put(layout, layers[i].bytes.data, layers[i].bytes.len, d);
        text_addf(
            &m,
            "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar%s\",\"digest\":\"%s\",\"size\":%zu}",
            i ? "," : "",
            magic[0] == 0x1f   ? "+gzip"
            : magic[0] == 0x28 ? "+zstd"
                               : "",
            d, layers[i].bytes.len);
    }
    text_add(&m, "]}");
    blob_put(layout, m.data, m.len, digest);
    size_t size = m.len;
    text_free(&t);
    text_free(&m);
    return size;
}

/* index.json and oci-layout; entries: the JSON objects of "manifests". */
UNUSED static void layout_put(const char *layout, const char *entries)
{
    char *index = mem_printf("%s/index.json", layout), *mark = mem_printf("%s/oci-layout", layout);
    char *text = mem_printf("{\"schemaVersion\":2,\"manifests\":[%s]}", entries);
    put_file(index, text);
    put_file(mark, "{\"imageLayoutVersion\":\"1.0.0\"}");
    free(index);
    free(mark);
    free(text);
}

UNUSED static char *layout_entry(const char *digest, size_t size, const char *tag)
{
    return mem_printf("{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":"
                      "{\"org.opencontainers.image.ref.name\":\"%s\"}}",
                      digest, size, tag);
}

/* A layout of one image. */
UNUSED static void layout_one(const char *layout, const char *tag, const char *config,
                              const struct layer *layers, size_t n, char digest[72])
{
    size_t size = image_put(layout, "amd64", config, layers, n, digest);
    char *entry = layout_entry(digest, size, tag);
    layout_put(layout, entry);
    free(entry);
}

#endif
