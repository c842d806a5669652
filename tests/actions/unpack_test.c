/* Layers into a tree: what the OCI image specification says, and nothing outside the tree whatever they hold.
 */
#include "actions/means/unpack.h"

#include "tests/actions/image_build.h"

struct memory {
    const char *data;
    size_t left;
};

static long memory_read(void *ctx, void *buffer, size_t size, struct error **err)
{
    struct memory *m = ctx;
    (void)err;
    size_t n = m->left < size ? m->left : size;
    memcpy(buffer, m->data, n);
    m->data += n;
    m->left -= n;
    return (long)n;
}

struct box {
    char *dir, *tree;
    int root;
    struct unpack *u;
    struct error *err;
};

static void box_open(struct box *b)
{
    *b = (struct box){.dir = scratch_new()};
    b->tree = mem_printf("%s/tree", b->dir);
    assert_int_equal(mkdir(b->tree, 0755), 0);
    b->root = open(b->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(b->root >= 0);
    b->u = unpack_new(b->root, NULL);
}

static void box_close(struct box *b)
{
    unpack_free(b->u);
    close(b->root);
    error_free(b->err);
    free(b->tree);
    scratch_drop(b->dir);
}

static int apply(struct box *b, const void *data, size_t n, const char *digest)
{
    char hex[DIGEST_HEX], full[80];
    struct memory m = {data, n};
    struct byte_source from = {memory_read, &m};
    digest_hex(data, n, hex);
    snprintf(full, sizeof full, "sha256:%s", hex);
    error_free(b->err);
    b->err = NULL;
    return unpack_layer(b->u, "layer", digest ? digest : full, &from, &b->err);
}

static int add(struct box *b, struct layer *l)
{
    layer_end(l);
    int r = apply(b, l->bytes.data, l->bytes.len, NULL);
    text_free(&l->bytes);
    return r;
}

static void holds(struct box *b, const char *path, const char *content)
{
    char *full = mem_printf("%s/%s", b->tree, path), *got = get_file(full);
    if (!got || strcmp(got, content) != 0)
        fail_msg("%s holds %s, not %s", path, got ? got : "nothing", content);
    free(full);
    free(got);
}

static void lacks(struct box *b, const char *path)
{
    struct stat st;
    char *full = mem_printf("%s/%s", b->tree, path);
    if (lstat(full, &st) == 0)
        fail_msg("%s is there", path);
    free(full);
}

/* The listing is what is on the disk. */
static void agrees(struct box *b)
{
    struct listing *l = unpack_listing(b->u);
    for (size_t i = 0; i < l->n; i++) {
        const struct world_file *f = &l->files[i];
        struct stat st;
        char *full = mem_printf("%s/%s", b->tree, f->path), sum[65], target[256] = "";
        assert_int_equal(lstat(full, &st), 0);
        assert_int_equal(S_ISDIR(st.st_mode), f->directory);
        assert_int_equal(S_ISLNK(st.st_mode), f->link != NULL);
        if (f->link) {
            assert_true(readlink(full, target, sizeof target - 1) > 0);
            assert_string_equal(target, f->link);
        } else if (!f->directory) {
            must(listing_hash(full, sum, &b->err), &b->err);
            assert_string_equal(sum, f->sha256);
            assert_int_equal(st.st_size, f->size);
        }
        if (i)
            assert_true(strcmp(l->files[i - 1].path, f->path) < 0);
        free(full);
    }
    struct text count = {0};
    char *command = mem_printf("find '%s' -mindepth 1 | wc -l", b->tree);
    FILE *p = popen(command, "r");
    size_t n = 0;
    assert_int_equal(fscanf(p, "%zu", &n), 1);
    pclose(p);
    assert_int_equal(n, l->n);
    free(command);
    text_free(&count);
    listing_free(l);
}

static void test_kinds(void **state)
{
    (void)state;
    static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD};
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct box b;
        struct layer l;
        box_open(&b);
        layer_begin(&l, filters[i]);
        layer_dir(&l, "./etc/");
        layer_file(&l, "./etc/a", 0644, "content of a");
        layer_file(&l, "deep/er/file with space", 04755, "x");
        layer_hard(&l, "etc/hard", "etc/a");
        layer_link(&l, "etc/soft", "a");
        layer_link(&l, "outside", "/etc/passwd"); /* kept as it is, never followed */
        layer_file(&l, "caf\xc3\xa9", 0600, "");
        must(add(&b, &l), &b.err);
        holds(&b, "etc/a", "content of a");
        holds(&b, "etc/hard", "content of a");
        holds(&b, "etc/soft", "content of a");
        holds(&b, "deep/er/file with space", "x");
        agrees(&b);
        struct listing *list = unpack_listing(b.u);
        assert_int_equal(listing_find(list, "deep/er/file with space")->mode, 0755); /* set-id is dropped */
        listing_free(list);
        box_close(&b);
    }
}

static void test_whiteouts(void **state)
{
    (void)state;
    struct box b;
    struct layer l;
    box_open(&b);
    layer_begin(&l, ARCHIVE_FILTER_GZIP);
    layer_file(&l, "a/one", 0644, "1");
    layer_file(&l, "a/two", 0644, "1");
    layer_file(&l, "b/x/deep", 0644, "1");
    layer_file(&l, "b/y", 0644, "1");
    layer_file(&l, "c", 0644, "1");
    layer_file(&l, "d/old", 0644, "1");
    layer_file(&l, "abc", 0644, "1");
    must(add(&b, &l), &b.err);
    layer_begin(&l, ARCHIVE_FILTER_GZIP);
    layer_file(&l, "a/.wh.one", 0644, "");
    layer_file(&l, "b/new", 0644, "2"); /* before the mark: it stays */
    layer_file(&l, "b/x/newer", 0644, "2");
    layer_file(&l, "b/.wh..wh..opq", 0644, "");
    layer_file(&l, ".wh.c", 0644, "");
    layer_file(&l, ".wh.d", 0644, "");
    layer_file(&l, "d/new", 0644, "2"); /* a directory made anew */
    layer_file(&l, ".wh.nothing", 0644, "");
    layer_file(&l, ".wh..wh.plnk", 0644, "");
    must(add(&b, &l), &b.err);
    lacks(&b, "a/one");
    holds(&b, "a/two", "1");
    lacks(&b, "b/y");
    lacks(&b, "b/x/deep");
    holds(&b, "b/new", "2");
    holds(&b, "b/x/newer", "2");
    lacks(&b, "c");
    lacks(&b, "d/old");
    holds(&b, "d/new", "2");
    holds(&b, "abc", "1");
    lacks(&b, ".wh..wh.plnk");
    agrees(&b);
    layer_begin(&l, ARCHIVE_FILTER_NONE);
    layer_file(&l, ".wh..wh..opq", 0644, "");
    layer_file(&l, "only", 0644, "3");
    must(add(&b, &l), &b.err);
    lacks(&b, "a");
    lacks(&b, "abc");
    holds(&b, "only", "3");
    agrees(&b);
    box_close(&b);
}

static void test_replaced(void **state)
{
    (void)state;
    struct box b;
    struct layer l;
    box_open(&b);
    layer_begin(&l, ARCHIVE_FILTER_NONE);
    layer_file(&l, "dir/in", 0644, "1");
    layer_file(&l, "file", 0644, "1");
    layer_link(&l, "link", "/tmp");
    layer_file(&l, "shared", 0644, "1");
    layer_hard(&l, "shared2", "shared");
    must(add(&b, &l), &b.err);
    layer_begin(&l, ARCHIVE_FILTER_NONE);
    layer_file(&l, "dir", 0644, "2"); /* a file where a directory was */
    layer_dir(&l, "file");            /* and the other way round */
    layer_file(&l, "file/in", 0644, "2");
    layer_dir(&l, "link"); /* a directory where a symlink was */
    layer_file(&l, "link/in", 0644, "2");
    layer_file(&l, "shared", 0644, "2"); /* the other name keeps its content */
    must(add(&b, &l), &b.err);
    holds(&b, "dir", "2");
    holds(&b, "file/in", "2");
    holds(&b, "link/in", "2");
    holds(&b, "shared", "2");
    holds(&b, "shared2", "1");
    agrees(&b);
    box_close(&b);
}

/* Each of these alone would reach out of the tree, or is nothing that an image may bring. */
static void test_hostile(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int type;
        const char *soft, *hard, *says;
    } cases[] = {
        {"/etc/passwd", AE_IFREG, NULL, NULL, "absolute"},
        {"../escaped", AE_IFREG, NULL, NULL, "'..'"},
        {"a/../../escaped", AE_IFREG, NULL, NULL, "'..'"},
        {"up/escaped", AE_IFREG, NULL, NULL, "passes through up"},
        {"up", AE_IFREG, NULL, NULL, NULL}, /* replaces the link, follows nothing */
        {"up/.wh.victim", AE_IFREG, NULL, NULL, NULL},
        {"up/.wh..wh..opq", AE_IFREG, NULL, NULL, NULL},
        {"file/below", AE_IFREG, NULL, NULL, "no directory"},
        {"hard", AE_IFREG, NULL, "../victim", "'..'"},
        {"hard", AE_IFREG, NULL, "/etc/passwd", "absolute"},
        {"hard", AE_IFREG, NULL, "up", "no file"},
        {"hard", AE_IFREG, NULL, "up/victim", "no file"},
        {"hard", AE_IFREG, NULL, "missing", "no file"},
        {"device", AE_IFBLK, NULL, NULL, "device"},
        {"device", AE_IFCHR, NULL, NULL, "device"},
        {"fifo", AE_IFIFO, NULL, NULL, "FIFO"},
        {"line\nbreak", AE_IFREG, NULL, NULL, "control"},
        {"soft", AE_IFLNK, "a\nb", NULL, "target"},
        {".wh.", AE_IFREG, NULL, NULL, "names nothing"},
        {".wh...", AE_IFREG, NULL, NULL, "names nothing"},
        {"deep/.wh..", AE_IFREG, NULL, NULL, "names nothing"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct box b;
        struct layer l;
        box_open(&b);
        char *victim = mem_printf("%s/victim", b.dir), *up = mem_strdup("..");
        put_file(victim, "untouched");
        layer_begin(&l, ARCHIVE_FILTER_NONE);
        layer_link(&l, "up", up);
        layer_file(&l, "file", 0644, "1");
        layer_entry(&l, cases[i].path, cases[i].type, 0644, "evil",
                    cases[i].type == AE_IFREG && !cases[i].hard ? 4 : 0, cases[i].soft, cases[i].hard);
        int r = add(&b, &l);
        if ((r != 0) != (cases[i].says != NULL) || (r && !says(b.err, cases[i].says)))
            fail_msg("case %zu (%s): %s", i, cases[i].path, r ? b.err->message : "accepted");
        if (r)
            assert_int_equal(b.err->code, ERR_INVALID);
        char *content = get_file(victim), *escaped = mem_printf("%s/escaped", b.dir);
        assert_string_equal(content, "untouched");
        assert_int_not_equal(access(escaped, F_OK), 0);
        free(content);
        free(escaped);
        free(victim);
        free(up);
        box_close(&b);
    }
}

static void test_damaged(void **state)
{
    (void)state;
    static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD};
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        struct layer l;
        char hex[DIGEST_HEX], digest[80];
        layer_begin(&l, filters[i]);
        for (int n = 0; n < 50; n++) {
            char name[32];
            snprintf(name, sizeof name, "file%d", n);
            layer_file(&l, name, 0644, "some content that is long enough to matter");
        }
        layer_end(&l);
        digest_hex(l.bytes.data, l.bytes.len, hex);
        snprintf(digest, sizeof digest, "sha256:%s", hex);
        for (size_t cut = 0; cut < l.bytes.len; cut += l.bytes.len / 23 + 1) { /* wherever it is cut */
            struct box b;
            box_open(&b);
            assert_int_equal(apply(&b, l.bytes.data, cut, digest), -1);
            assert_int_equal(b.err->code, ERR_DIGEST);
            box_close(&b);
        }
        for (size_t at = 0; at < l.bytes.len; at += l.bytes.len / 23 + 1) { /* whatever byte is wrong */
            struct box b;
            box_open(&b);
            l.bytes.data[at] ^= 1;
            assert_int_equal(apply(&b, l.bytes.data, l.bytes.len, digest), -1);
            assert_true(b.err->code == ERR_DIGEST || b.err->code == ERR_INVALID);
            l.bytes.data[at] ^= 1;
            box_close(&b);
        }
        struct box b;
        box_open(&b);
        assert_int_equal(apply(&b, l.bytes.data, l.bytes.len, "sha512:00"), -1);
        assert_int_equal(apply(&b, l.bytes.data, l.bytes.len, digest), 0);
        box_close(&b);
        text_free(&l.bytes);
    }
}

static void test_cancelled(void **state)
{
    (void)state;
    struct box b;
    struct layer l;
    atomic_bool stop = true;
    box_open(&b);
    unpack_free(b.u);
    b.u = unpack_new(b.root, &stop);
    layer_begin(&l, ARCHIVE_FILTER_NONE);
    layer_file(&l, "a", 0644, "1");
    assert_int_equal(add(&b, &l), -1);
    assert_int_equal(b.err->code, ERR_CANCELLED);
    box_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),   cmocka_unit_test(test_whiteouts), cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_damaged),   cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
