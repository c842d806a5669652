#include "schema/splice.h"

#include "schema/tree.h"

#include <ctype.h>
#include <string.h>

struct edit {
    size_t start, end;
    char *text;
};

struct splice {
    struct arena *arena;
    struct source source;
    const struct document *document; /* the Cluster */
    const struct value *root;
    const char *newline;
    struct edit *edits;
    size_t n, cap;
};

static void add_edit(struct splice *s, size_t start, size_t end, const char *text)
{
    struct edit *e = mem_push(&s->edits, &s->n, &s->cap, sizeof *e);
    *e = (struct edit){start, end, mem_strdup(text)};
}

static void drop_edits(struct splice *s, size_t down_to)
{
    while (s->n > down_to)
        free(s->edits[--s->n].text);
}

static int refuse(struct error **err, const char *why)
{
    error_set(err, ERR_REFUSED, "the status cannot be written into this file: %s", why);
    return error_hint(
        err, "write the Cluster document as a plain block map, or have the result written elsewhere");
}

/* ---- finding the place */

static const char *newline_of(const char *text, size_t len)
{
    const char *lf = len ? memchr(text, '\n', len) : NULL, *cr = len ? memchr(text, '\r', len) : NULL;
    if (cr && lf == cr + 1)
        return "\r\n";
    return lf || !cr ? "\n" : "\r";
}

static bool line_end(char c)
{
    return c == '\n' || c == '\r';
}

static size_t line_start(const struct splice *s, size_t at)
{
    while (at > 0 && !line_end(s->source.text[at - 1]))
        at--;
    return at == 0 && s->source.len >= 3 && memcmp(s->source.text, "\xef\xbb\xbf", 3) == 0 ? 3 : at;
}

/* The end of the last thing in [from, to) that is neither blank nor comment; from, if there is none. */
static size_t last_byte(const struct splice *s, size_t from, size_t to)
{
    size_t last = from;
    bool fresh = from == 0 || strchr(" \t\r\n", s->source.text[from - 1]) != NULL;
    for (size_t i = from; i < to; i++) {
        char c = s->source.text[i];
        if (c == '#' && fresh) {
            while (i + 1 < to && !line_end(s->source.text[i + 1]))
                i++;
        } else if (!strchr(" \t\r\n", c)) {
            last = i + 1;
            fresh = false;
        } else {
            fresh = true;
        }
    }
    return last;
}

/* Spaces in front of a key on its line; -1: something else stands there. */
static int indent_of(const struct splice *s, size_t key_start)
{
    size_t start = line_start(s, key_start);
    for (size_t i = start; i < key_start; i++)
        if (s->source.text[i] != ' ')
            return -1;
    return (int)(key_start - start);
}

/* Where the value of a root key ends at the latest: where the line of the next key, or the next token,
 * begins. */
static size_t limit_of(const struct splice *s, const struct value *v)
{
    size_t limit = s->document->end;
    for (size_t i = 0; i < s->root->n; i++) {
        const struct value *other = s->root->items[i];
        if (other->key_end && other->key_start > v->key_start && other->key_start < limit)
            limit = line_start(s, other->key_start);
    }
    return limit;
}

/* ---- only leaves differ */

static bool plain_is_safe(const char *s)
{
    return isalnum((unsigned char)*s) && !tree_typed_by_yaml(s) &&
           s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+-")] == 0;
}

static void add_leaf(struct splice *s, const struct value *was, const struct value *is)
{
    struct text t = {0};
    bool quoted = s->source.text[was->start] == '"' || s->source.text[was->start] == '\'';
    if (value_is_null(is))
        text_add(&t, "null");
    else if (is->plain || (!quoted && plain_is_safe(is->text)))
        text_add(&t, is->text);
    else
        text_add_json(&t, is->text); /* a JSON string is a YAML string */
    add_edit(s, was->start, was->end, text_str(&t));
    text_free(&t);
}

/* Whether `was` becomes `is` by replacing scalars in their places; the edits, if so. */
static bool leaf_edits(struct splice *s, const struct value *was, const struct value *is)
{
    if (value_equal(was, is) && was->kind == is->kind)
        return true;
    bool scalars = was->kind == VALUE_SCALAR && (is->kind == VALUE_SCALAR || value_is_null(is));
    if (scalars) {
        char first = was->end > was->start ? s->source.text[was->start] : '|';
        if (first == '|' || first == '>')
            return false;
        add_leaf(s, was, is);
        return true;
    }
    if (was->kind != is->kind || was->n != is->n || was->end <= was->start)
        return false;
    for (size_t i = 0; i < was->n; i++) {
        const struct value *other = was->kind == VALUE_MAP ? value_get(is, was->keys[i]) : is->items[i];
        if (!other || !leaf_edits(s, was->items[i], other))
            return false;
    }
    return true;
}

/* ---- the whole of status */

/* "status:…" by libyaml, in the file's newlines, each line after the first indented. No newline at the end.
 */
static int render_status(struct splice *s, const struct value *status, size_t indent, struct text *out,
                         struct error **err)
{
    _cleanup_(text_free) struct text yaml = {0};
    struct value *map = value_map(s->arena);
    value_set(s->arena, map, "status", (struct value *)status);
    if (tree_write_quoted(map, &yaml, err) < 0)
        return -1;
    while (yaml.len && yaml.data[yaml.len - 1] == '\n')
        yaml.data[--yaml.len] = 0;
    for (size_t i = 0; i < yaml.len; i++) {
        if (yaml.data[i] != '\n') {
            text_addc(out, yaml.data[i]);
            continue;
        }
        text_add(out, s->newline);
        for (size_t k = 0; k < indent; k++)
            text_addc(out, ' ');
    }
    return 0;
}

static int replace_status(struct splice *s, const struct value *was, const struct value *status,
                          struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    int indent = was->key_end ? indent_of(s, was->key_start) : -1;
    if (!was->key_end)
        return refuse(err, "`status` comes from a merge key");
    if (indent < 0)
        return refuse(err, "`status` does not begin its line");
    size_t from = was->end > was->key_end ? was->end : was->key_end;
    size_t end = last_byte(s, from, limit_of(s, was));
    if (render_status(s, status, (size_t)indent, &t, err) < 0)
        return -1;
    add_edit(s, was->key_start, end, text_str(&t));
    return 0;
}

static int insert_status(struct splice *s, const struct value *status, struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    int indent = -1;
    for (size_t i = 0; i < s->root->n && indent < 0; i++)
        if (s->root->items[i]->key_end)
            indent = indent_of(s, s->root->items[i]->key_start);
    if (indent < 0)
        return refuse(err, "no key begins its line");
    size_t at = last_byte(s, s->root->end, s->document->end);
    while (at < s->source.len && !line_end(s->source.text[at])) /* behind a comment on the last line */
        at++;
    text_add(&t, s->newline);
    for (int i = 0; i < indent; i++)
        text_addc(&t, ' ');
    if (render_status(s, status, (size_t)indent, &t, err) < 0)
        return -1;
    add_edit(s, at, at, text_str(&t));
    return 0;
}

static int edit_status(struct splice *s, const struct value *status, struct error **err)
{
    const struct value *was = value_get(s->root, "status");
    if (!was)
        return insert_status(s, status, err);
    size_t before = s->n;
    if (was->key_end && leaf_edits(s, was, status))
        return 0;
    drop_edits(s, before);
    return replace_status(s, was, status, err);
}

/* ---- metadata.creationTimestamp */

static int insert_created(struct splice *s, const struct value *metadata, const char *created,
                          struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    const struct value *first = metadata->n ? metadata->items[0] : NULL;
    if (metadata->end > metadata->start && s->source.text[metadata->start] == '{') {
        text_addf(&t, "creationTimestamp: \"%s\"%s", created, metadata->n ? ", " : "");
        add_edit(s, metadata->start + 1, metadata->start + 1, text_str(&t));
        return 0;
    }
    int indent = first && first->key_end ? indent_of(s, first->key_start) : -1;
    if (indent < 0)
        return refuse(err, "there is no place for `metadata.creationTimestamp`");
    text_addf(&t, "creationTimestamp: \"%s\"%s%*s", created, s->newline, indent, "");
    add_edit(s, first->key_start, first->key_start, text_str(&t));
    return 0;
}

static int edit_created(struct splice *s, const char *created, struct error **err)
{
    const struct value *metadata = value_get(s->root, "metadata"),
                       *was = value_get(metadata, "creationTimestamp");
    if (!metadata || metadata->kind != VALUE_MAP || metadata->end <= metadata->start)
        return refuse(err, "`metadata` is not a map of its own");
    if (!was)
        return insert_created(s, metadata, created, err);
    _cleanup_(mem_freep) char *quoted = mem_printf("\"%s\"", created);
    if (was->kind == VALUE_SCALAR && was->end > was->start) {
        add_edit(s, was->start, was->end, quoted);
        return 0;
    }
    const char *colon =
        was->key_end ? memchr(s->source.text + was->key_end, ':', s->source.len - was->key_end) : NULL;
    if (!colon)
        return refuse(err, "there is no place for `metadata.creationTimestamp`");
    size_t at = (size_t)(colon - s->source.text) + 1;
    _cleanup_(mem_freep) char *spaced = mem_printf(" %s", quoted);
    add_edit(s, at, at, spaced);
    return 0;
}

/* ---- applying and proving */

static int edit_cmp(const void *a, const void *b)
{
    const struct edit *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static void apply(struct splice *s, struct text *out)
{
    size_t at = 0;
    qsort(s->edits, s->n, sizeof *s->edits, edit_cmp);
    for (size_t i = 0; i < s->n; i++) {
        text_addn(out, s->source.text + at, s->edits[i].start - at);
        text_add(out, s->edits[i].text);
        at = s->edits[i].end;
    }
    text_addn(out, s->source.text + at, s->source.len - at);
}

static const struct document *find_cluster(const struct documents *docs, size_t *count)
{
    const struct document *found = NULL;
    *count = 0;
    for (size_t i = 0; i < docs->n; i++) {
        if (!str_eq(value_text(value_get(docs->docs[i].root, "kind"), NULL), "Cluster"))
            continue;
        found = found ? found : &docs->docs[i];
        ++*count;
    }
    return found;
}

/* The root as it must be afterwards. */
static struct value *expected(struct splice *s, const struct value *status, const char *created)
{
    struct value *root = value_clone(s->arena, s->root);
    value_set(s->arena, root, "status", (struct value *)status);
    if (created)
        value_set(s->arena, value_get(root, "metadata"), "creationTimestamp",
                  value_string(s->arena, created));
    return root;
}

static int prove(struct splice *s, const struct documents *before, const struct text *result,
                 const struct value *status, const char *created, struct error **err)
{
    struct documents after;
    struct error_list errors = {0};
    int r = tree_parse(s->arena, "the result", text_str(result), result->len, &after, &errors);
    error_list_free(&errors);
    bool same = r == 0 && after.n == before->n;
    for (size_t i = 0; same && i < after.n; i++) {
        const struct value *root = before->docs[i].root;
        same = value_equal(root == s->root ? expected(s, status, created) : root, after.docs[i].root);
    }
    return same ? 0 : refuse(err, "the result would not say the same in all other places");
}

static int splice(struct splice *s, const struct value *status, const char *created, struct text *ret,
                  bool *ret_changed, struct error **err)
{
    struct documents docs;
    struct error_list errors = {0};
    size_t clusters;
    int r = tree_parse(s->arena, "Clusterfile", s->source.text, s->source.len, &docs, &errors);
    if (r < 0 && err) {
        error_free(*err);
        *err = TAKE(errors.errors[0]);
    }
    error_list_free(&errors);
    if (r < 0)
        return -1;
    s->document = find_cluster(&docs, &clusters);
    if (clusters != 1)
        return refuse(err, clusters ? "it has several Cluster documents" : "it has no Cluster document");
    s->root = s->document->root;
    if (!value_is_null(value_get(value_get(s->root, "metadata"), "creationTimestamp")))
        created = NULL;
    bool same = value_equal(value_get(s->root, "status"), status);
    if (same && !created)
        return 0;
    if (s->source.text[s->root->start] == '{')
        return refuse(err, "the Cluster document is written in braces");
    if ((!same && edit_status(s, status, err) < 0) || (created && edit_created(s, created, err) < 0))
        return -1;
    struct text out = {0};
    apply(s, &out);
    if (prove(s, &docs, &out, status, created, err) < 0) {
        text_wipe(&out);
        return -1;
    }
    *ret = out;
    *ret_changed = true;
    return 0;
}

int splice_status(const char *text, size_t len, const struct value *status, const char *creation_timestamp,
                  struct text *ret, bool *ret_changed, struct error **err)
{
    struct splice s = {.arena = arena_new(),
                       .source = {.name = "Clusterfile", .text = text, .len = len},
                       .newline = newline_of(text, len)};
    *ret_changed = false;
    int r = splice(&s, status, creation_timestamp, ret, ret_changed, err);
    drop_edits(&s, 0);
    free(s.edits);
    source_free(&s.source);
    arena_free(s.arena);
    return r;
}
