#include "actions/means/sync.h"

#include "actions/means/listing.h"
#include "actions/means/tar_feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

extern const char onnode_stat[], onnode_sync[];

/* Exit statuses of sync.sh. */
enum { STATUS_FULL = 28, STATUS_CUT = 65, STATUS_WRONG = 66, STATUS_IN_THE_WAY = 67, STATUS_CHANGED = 68 };

/* How long an install may take: a slow disk, and a link of 1 Mbit/s. */
enum { SLOW_S = 900, SLOW_BYTES = 128 * 1024 };

struct sync {
    struct world *world;
    int node;
    const struct world_tree *tree;
    struct arena *arena;
    char *manifest;
    struct world_file
        *lines; /* the list as the node gets it: the tree's files and all directories above them */
    size_t n, cap;
    const struct world_file **needed;
    size_t n_needed, cap_needed;
    bool same;
    uint64_t free_kib;
};

/* --- the list */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct world_file *)a)->path, ((const struct world_file *)b)->path);
}

static const struct world_file *find(const struct sync *s, size_t n, const char *path)
{
    const struct world_file key = {.path = path};
    return bsearch(&key, s->lines, n, sizeof key, by_path);
}

static bool kept(const struct world_tree *t, const char *path)
{
    for (const char *const *k = t->keep; k && *k; k++)
        if (str_starts(path, *k) && (path[strlen(*k)] == '/' || !path[strlen(*k)]))
            return true;
    return false;
}

static int check_file(struct sync *s, const struct world_file *f, struct error **err)
{
    const char *why = "";
    const char *path = listing_path(s->arena, f->path, &why);
    if (path && (!str_eq(path, f->path) || !*path))
        why = "is not in its simplest form";
    else if (path && kept(s->tree, path))
        why = "is under a path that is never touched";
    else if (path && f->link && (!*f->link || !listing_line_safe(f->link)))
        why = "has no usable target";
    else if (path && !f->directory && !f->link && (!f->source || strlen(f->sha256) != 64))
        why = "has no content";
    else if (path)
        return 0;
    return error_set(err, ERR_INVALID, "the path %.200s of the tree %s %s", f->path, s->tree->name, why);
}

/* Directories above path that the tree does not list itself. n is what was there, sorted, before. */
static int add_above(struct sync *s, size_t n, const char *path, struct error **err)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        char *above = arena_strndup(s->arena, path, (size_t)(slash - path));
        const struct world_file *f = find(s, n, above);
        if (f && !f->directory)
            return error_set(err, ERR_INVALID, "the tree %s has %s and something below it", s->tree->name,
                             above);
        if (!f)
            *(struct world_file *)arena_push(s->arena, &s->lines, &s->n, &s->cap, sizeof *s->lines) =
                (struct world_file){.path = above, .mode = 0755, .directory = true};
    }
    return 0;
}

static int make_lines(struct sync *s, struct error **err)
{
    const struct world_tree *t = s->tree;
    for (size_t i = 0; i < t->n; i++) {
        if (check_file(s, &t->files[i], err))
            return -1;
        *(struct world_file *)arena_push(s->arena, &s->lines, &s->n, &s->cap, sizeof *s->lines) = t->files[i];
    }
    if (s->n)
        qsort(s->lines, s->n, sizeof *s->lines, by_path);
    size_t n = s->n;
    for (size_t i = 0; i < n; i++)
        if (add_above(s, n, s->lines[i].path, err))
            return -1;
    if (s->n > n)
        qsort(s->lines, s->n, sizeof *s->lines, by_path);
    n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (!n || strcmp(s->lines[n - 1].path, s->lines[i].path) != 0)
            s->lines[n++] = s->lines[i];
    s->n = n;
    return 0;
}

static void add_lines(const struct sync *s, struct text *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct world_file *f = &s->lines[i];
        text_addf(out, "%c\t%o\t%" PRIu64 "\t%s\t%s\n",
                  f->directory ? 'd'
                  : f->link    ? 'l'
                               : 'f',
                  f->mode & 07777, f->directory || f->link ? 0 : f->size,
                  f->directory ? "-"
                  : f->link    ? f->link
                               : f->sha256,
                  f->path);
    }
}

/* --- the programs */

static void set(struct text *t, const char *name, const char *value)
{
    text_addf(t, "%s=", name);
    text_add_quoted(t, value);
    text_addc(t, '\n');
}

static void program(const struct sync *s, const char *what, bool tar, struct text *out)
{
    _cleanup_(text_free) struct text keep = {0};
    for (const char *const *k = s->tree->keep; k && *k; k++)
        text_addf(&keep, "%s%s", keep.len ? "\n" : "", *k);
    set(out, "DEST", s->tree->dest);
    set(out, "MANIFEST", s->manifest);
    set(out, "KEY", s->tree->key);
    set(out, "KEEP", text_str(&keep));
    text_addf(out, "COUNT=%zu\nPRUNE=%d\nTAR=%d\n", s->n, s->tree->prune, tar);
    text_add(out, onnode_stat);
    text_add(out, onnode_sync);
    text_addf(out, "%s\n", what);
}

/* The rest of the line of stdout that begins with word, or NULL. */
static const char *line_of(struct arena *a, const struct world_output *o, const char *word)
{
    for (const char *s = text_str(&o->out); *s;) {
        size_t n = strcspn(s, "\n");
        if (str_starts(s, word) && s[strlen(word)] == ' ')
            return arena_strndup(a, s + strlen(word) + 1, n - strlen(word) - 1);
        s += n + (s[n] == '\n');
    }
    return NULL;
}

static int no_space(const struct sync *s, const char *where, struct error **err)
{
    error_set(err, ERR_NO_SPACE, "no space left under %s", where);
    return error_hint(err, "make room there and run again; the tree %s is sent again", s->tree->name);
}

static int judge(const struct sync *s, const struct world_output *o, struct error **err)
{
    const char *said = text_str(&o->err);
    const char *full = line_of(s->arena, o, "full"), *wrong = line_of(s->arena, o, "wrong");
    _cleanup_(text_free) struct text safe = {0};
    if (o->status == 0)
        return 0;
    if (o->status == STATUS_FULL && full)
        text_add_safe(&safe, full, 400);
    if (safe.len || strstr(said, "No space left on device") || strstr(said, "Disk quota exceeded")) {
        no_space(s, safe.len ? text_str(&safe) : s->tree->dest, err);
    } else if (o->status == STATUS_WRONG) {
        text_add_safe(&safe, wrong ? wrong : "", 400);
        error_set(err, ERR_DIGEST, "what arrived is not what was sent: %s", text_str(&safe));
    } else if (o->status == STATUS_CUT) {
        error_set(err, ERR_PROTOCOL, "the list of files did not arrive whole");
    } else if (o->status == STATUS_CHANGED || o->status == STATUS_IN_THE_WAY) {
        error_set(err, ERR_CONFLICT, "%s",
                  o->status == STATUS_CHANGED ? "files were changed while they were installed"
                                              : "a path that is never touched is in the way");
    } else {
        error_set(err, ERR_REMOTE_EXIT, "the program ended with status %d", o->status);
    }
    error_wrap(err, "tree %s to %s", s->tree->name, s->tree->dest);
    return *said ? error_detail(err, said) : -1;
}

static int answer_line(struct sync *s, char *line, struct error **err)
{
    char *end;
    if (str_eq(line, "same")) {
        s->same = true;
        return 0;
    }
    if (str_starts(line, "free ")) {
        s->free_kib = strtoull(line + 5, &end, 10);
        if (end != line + 5 && !*end)
            return 0;
    } else if (str_starts(line, "need ")) {
        unsigned long long i = strtoull(line + 5, &end, 10);
        if (end != line + 5 && !*end && i >= 1 && i <= s->n && !s->lines[i - 1].directory) {
            *(const struct world_file **)arena_push(s->arena, &s->needed, &s->n_needed, &s->cap_needed,
                                                    sizeof *s->needed) = &s->lines[i - 1];
            return 0;
        }
    }
    return error_set(err, ERR_PROTOCOL, "tree %s: the node's answer cannot be read", s->tree->name);
}

static int read_answer(struct sync *s, struct world_output *o, struct error **err)
{
    const char *text = text_str(&o->out);
    const char *begin = strstr(text, "BEGIN reconcile-sync\n");
    const char *end = begin ? strstr(begin, "END reconcile-sync\n") : NULL;
    if (!end)
        return error_set(err, ERR_PROTOCOL, "tree %s: the node's answer is cut", s->tree->name);
    begin = strchr(begin, '\n') + 1;
    s->free_kib = UINT64_MAX;
    for (char *line = arena_strndup(s->arena, begin, (size_t)(end - begin)); *line;) {
        size_t n = strcspn(line, "\n");
        bool more = line[n] == '\n';
        line[n] = 0;
        if (answer_line(s, line, err))
            return -1;
        line += n + more;
    }
    return 0;
}

static int compare(struct sync *s, struct error **err)
{
    _cleanup_(text_free) struct text script = {0}, list = {0};
    _cleanup_(world_output_free) struct world_output o = {0};
    program(s, "sync_compare", false, &script);
    add_lines(s, &list);
    if (list.failed)
        return error_set(err, ERR_INVALID, "tree %s: its list is too long", s->tree->name);
    const struct world_script w = {.text = text_str(&script),
                                   .input = text_str(&list),
                                   .input_len = list.len,
                                   .any_status = true,
                                   .timeout_s = SLOW_S, .what = "compare files"};
    if (world_sh(s->world, s->node, &w, &o, err) || judge(s, &o, err))
        return -1;
    return read_answer(s, &o, err);
}

static uint64_t sum_sizes(const struct sync *s, uint64_t unit)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->n_needed; i++)
        sum += s->needed[i]->link ? unit - 1 : (s->needed[i]->size + unit - 1) / unit * unit;
    return sum;
}

static int install(struct sync *s, struct error **err)
{
    _cleanup_(text_free) struct text script = {0};
    _cleanup_(world_output_free) struct world_output o = {0};
    _cleanup_(tar_feed_freep) struct tar_feed *feed = tar_feed_new(s->needed, s->n_needed);
    program(s, "sync_install", s->n_needed > 0, &script);
    struct world_script w = {.text = text_str(&script), .any_status = true, .what = "install files"};
    w.timeout_s = (unsigned)(SLOW_S + sum_sizes(s, 1) / SLOW_BYTES);
    if (s->n_needed) {
        w.feed = tar_feed_next;
        w.feed_ctx = feed;
    }
    return world_sh(s->world, s->node, &w, &o, err) || judge(s, &o, err) ? -1 : 0;
}

int sync_tree(struct world *w, int node, const char *cluster, const struct world_tree *t,
              struct world_tree_stats *ret, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct sync s = {.world = w, .node = node, .tree = t, .arena = a};
    s.manifest = arena_printf(a, "/var/lib/reconcile/%s/manifests/%s", cluster, t->name);
    if (make_lines(&s, err) || compare(&s, err))
        return -1;
    uint64_t bytes = sum_sizes(&s, 1), room = sum_sizes(&s, 4096);
    if (!s.same && s.free_kib < room / 1024 + 1024)
        return no_space(&s, t->dest, err);
    if (!s.same && install(&s, err))
        return -1;
    uint64_t files = 0;
    for (size_t i = 0; i < s.n; i++)
        files += !s.lines[i].directory;
    if (ret)
        *ret = (struct world_tree_stats){
            .files_sent = s.n_needed, .bytes_sent = bytes, .files_kept = files - s.n_needed};
    return 0;
}
