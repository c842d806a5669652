#include "schema/tree.h"

#include "schema/tree_build.h"

#include <libfyaml.h>
#include <string.h>

/* ---- tokens and marks */

static char *token_copy(struct arena *a, struct fy_token *token, size_t *ret_len)
{
    size_t len = 0;
    const char *text = fy_token_get_text(token, &len); /* not NUL-terminated, dies with the event */
    *ret_len = len;
    return arena_strndup(a, text ? text : "", len);
}

/* A plain scalar on one line is its bytes: no need to have libfyaml put them together. */
static char *scalar_text(struct build *b, struct fy_event *e, enum fy_scalar_style style, size_t *ret_len)
{
    const struct fy_mark *start = fy_event_start_mark(e), *end = fy_event_end_mark(e);
    if (style == FYSS_PLAIN && start && end && start->line == end->line) {
        *ret_len = end->input_pos - start->input_pos;
        return arena_strndup(b->arena, b->source->text + start->input_pos, *ret_len);
    }
    return token_copy(b->arena, e->scalar.value, ret_len);
}

static char *anchor_name(struct arena *a, struct fy_token *token)
{
    size_t len;
    return token ? token_copy(a, token, &len) : NULL;
}

/* Skips blanks, comments and the given indicators (between a key and its value, say), up to the byte `stop`.
 */
static size_t skip_blank(const struct source *s, size_t at, size_t stop, const char *indicators)
{
    bool fresh = true; /* a `#` begins a comment only after a blank */
    for (; at < stop; at++) {
        char c = s->text[at];
        if (c == '#' && fresh)
            while (at + 1 < stop && s->text[at + 1] != '\n' && s->text[at + 1] != '\r')
                at++;
        else if (!c || (!strchr(" \t\r\n", c) && !strchr(indicators, c)))
            break;
        fresh = strchr(" \t\r\n", c) != NULL;
    }
    return at;
}

/* An empty value has no mark. In a map it takes its key's place (tree_build.c), in a list that of its `-`. */
static void place_empty(struct build *b, struct value *v, size_t at)
{
    const struct frame *f = b->depth ? &b->frames[b->depth - 1] : NULL;
    if (f && f->value->kind == VALUE_LIST && !f->flow) {
        size_t dash = skip_blank(b->source, at, b->source->len, ":?");
        if (dash < b->source->len && b->source->text[dash] == '-') {
            source_place(b->source, dash, &v->line, &v->column);
            at = dash + 1;
        }
    }
    v->start = v->end = (uint32_t)at;
}

/* Gives v its range. libfyaml's marks lie inside quotes, begin block scalars after their header, and end them
 * after the blank lines that follow. */
static void place_scalar(struct build *b, struct fy_event *e, struct value *v, size_t after_props)
{
    const struct fy_mark *start = fy_event_start_mark(e), *end = fy_event_end_mark(e);
    if (!start || !end) {
        place_empty(b, v, after_props > b->last_end ? after_props : b->last_end);
        return;
    }
    enum fy_scalar_style style = fy_token_scalar_style(e->scalar.value);
    bool quoted = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
    size_t from = start->input_pos, to = end->input_pos;
    v->line = start->line + 1;
    v->column = start->column + 1;
    if (quoted) {
        from--;
        to++;
        v->column--;
    } else if (style == FYSS_LITERAL || style == FYSS_FOLDED) {
        from = skip_blank(b->source, after_props > b->last_end ? after_props : b->last_end, from, ":-?");
        while (to > from && strchr(" \t\r\n", b->source->text[to - 1]))
            to--;
        source_place(b->source, from, &v->line, &v->column);
    }
    v->start = (uint32_t)from;
    v->end = (uint32_t)to;
}

static bool tag_is(struct fy_token *tag, const char *name)
{
    size_t len = 0, n = strlen(name);
    const char *t = fy_token_get_text(tag, &len);
    return t && len >= n && memcmp(t + len - n, name, n) == 0;
}

/* ---- events */

static size_t props_end(struct fy_token *anchor, struct fy_token *tag)
{
    const struct fy_mark *a = anchor ? fy_token_end_mark(anchor) : NULL,
                         *t = tag ? fy_token_end_mark(tag) : NULL;
    size_t x = a ? a->input_pos : 0, y = t ? t->input_pos : 0;
    return x > y ? x : y;
}

static int on_scalar(struct build *b, struct fy_event *e)
{
    struct value *v = arena_alloc(b->arena, sizeof *v);
    enum fy_scalar_style style = fy_token_scalar_style(e->scalar.value);
    size_t len = 0;
    v->text = scalar_text(b, e, style, &len);
    v->plain = style == FYSS_PLAIN;
    v->kind = !fy_event_start_mark(e) ? VALUE_NULL : VALUE_SCALAR;
    if (e->scalar.tag && (tag_is(e->scalar.tag, ":str") || tag_is(e->scalar.tag, "!"))) {
        v->plain = false;
        v->kind = VALUE_SCALAR;
    } else if (e->scalar.tag && (tag_is(e->scalar.tag, ":int") || tag_is(e->scalar.tag, ":bool") ||
                                 tag_is(e->scalar.tag, ":float") || tag_is(e->scalar.tag, ":null"))) {
        v->plain = true;
    }
    place_scalar(b, e, v, props_end(e->scalar.anchor, e->scalar.tag));
    const char *why = NULL;
    if (style == FYSS_DOUBLE_QUOTED && memchr(v->text, 0, len))
        return source_error(b->source, error_list_add(b->errors), ERR_SYNTAX, v->start, v->end,
                            "a NUL character in a string");
    if (style == FYSS_DOUBLE_QUOTED && utf8_check(v->text, len, &why) < len &&
        !strcmp(why, "a byte that is not UTF-8"))
        return source_error(b->source, error_list_add(b->errors), ERR_SYNTAX, v->start, v->end,
                            "an escape in this string makes %s", why);
    b->last_end = v->end;
    return build_scalar(b, v, anchor_name(b->arena, e->scalar.anchor));
}

static int on_alias(struct build *b, struct fy_event *e)
{
    const struct fy_mark *start = fy_event_start_mark(e), *end = fy_event_end_mark(e);
    b->last_end = end->input_pos;
    return build_alias(b, anchor_name(b->arena, e->alias.anchor), start->input_pos - 1, end->input_pos,
                       start->line + 1, start->column);
}

static int on_open(struct build *b, struct fy_event *e, enum value_kind kind)
{
    bool map = kind == VALUE_MAP;
    struct fy_token *anchor = map ? e->mapping_start.anchor : e->sequence_start.anchor;
    const struct fy_mark *start = fy_event_start_mark(e);
    struct value *v = arena_alloc(b->arena, sizeof *v);
    v->kind = kind;
    v->text = "";
    if (start) {
        v->start = (uint32_t)start->input_pos;
        v->line = start->line + 1;
        v->column = start->column + 1;
    }
    bool flow = start && start->input_pos < b->source->len && strchr("[{", b->source->text[start->input_pos]);
    if (v->start + flow > b->last_end)
        b->last_end = v->start + flow;
    return build_open(b, v, flow, anchor_name(b->arena, anchor));
}

static int on_close(struct build *b, struct fy_event *e)
{
    const struct fy_mark *end = fy_event_end_mark(e);
    if (end && b->frames[b->depth - 1].flow)
        b->last_end = end->input_pos;
    return build_close(b, b->last_end); /* a block's end mark is the next token, after comments */
}

struct found { /* documents while they are read */
    struct document *docs;
    size_t n, cap;
};

static void on_document_end(struct build *b, struct found *found, size_t end)
{
    struct document *d = arena_push(b->arena, &found->docs, &found->n, &found->cap, sizeof *d);
    d->root = b->root ? b->root : value_null(b->arena);
    d->start = d->root->start;
    d->end = end > d->root->end ? end : d->root->end;
    d->duplicates = b->duplicates;
    d->n_duplicates = b->n_duplicates;
    build_reset(b);
}

static int on_event(struct build *b, struct fy_event *e, struct found *found, size_t *root_end)
{
    const struct fy_mark *end = fy_event_end_mark(e);
    switch (e->type) {
    case FYET_SCALAR:
        return on_scalar(b, e);
    case FYET_ALIAS:
        return on_alias(b, e);
    case FYET_MAPPING_START:
        return on_open(b, e, VALUE_MAP);
    case FYET_SEQUENCE_START:
        return on_open(b, e, VALUE_LIST);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        *root_end = end ? end->input_pos : b->last_end;
        return on_close(b, e);
    case FYET_DOCUMENT_END:
        on_document_end(b, found, *root_end);
        *root_end = 0;
        return 0;
    default:
        return 0;
    }
}

/* ---- libfyaml's own errors */

static void swallow(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
    (void)diag; /* without an output of ours libfyaml prints to stderr even when told to be quiet */
    (void)user;
    (void)buf;
    (void)len;
}

static struct fy_diag *make_diag(void)
{
    struct fy_diag_cfg cfg;
    fy_diag_cfg_default(&cfg);
    cfg.fp = NULL;
    cfg.output_fn = swallow;
    cfg.colorize = false;
    struct fy_diag *d = fy_diag_create(&cfg);
    if (!d)
        abort();
    fy_diag_set_collect_errors(d, true);
    return d;
}

/* The library blames an unclosed bracket at the next document or key: say where it was opened. */
static void add_bracket_hint(struct build *b, struct error **err)
{
    for (size_t i = 0; i < b->depth; i++) {
        const struct value *v = b->frames[i].value;
        if (!b->frames[i].flow)
            continue;
        error_hint(err, "is the `%c` that was opened at line %d, column %d closed?",
                   v->kind == VALUE_MAP ? '{' : '[', v->line, v->column);
        return;
    }
}

static void add_syntax_errors(struct build *b, struct fy_diag *diag)
{
    void *at = NULL;
    size_t before = b->errors->n;
    for (struct fy_diag_error *e; (e = fy_diag_errors_iterate(diag, &at));) {
        struct error **err = error_list_add(b->errors);
        source_error_at(b->source, err, ERR_SYNTAX, e->line, e->column, "%s", e->msg);
        if (e->msg && strstr(e->msg, "tab character"))
            error_hint(err, "YAML is indented with spaces");
        else if (b->depth && !b->frames[b->depth - 1].flow && e->msg && strstr(e->msg, "node content"))
            error_hint(err, "is there a `-` with nothing behind it in the line above?");
        else
            add_bracket_hint(b, err);
    }
    if (b->errors->n == before)
        source_error(b->source, error_list_add(b->errors), ERR_SYNTAX, b->last_end, b->last_end + 1,
                     "the text ends to be YAML here");
}

static int run(struct build *b, struct fy_parser *parser, struct fy_diag *diag, struct found *found)
{
    bool ended = false;
    size_t root_end = 0;
    for (struct fy_event *e; (e = fy_parser_parse(parser));) {
        ended = e->type == FYET_STREAM_END;
        int r = on_event(b, e, found, &root_end);
        fy_parser_event_free(parser, e);
        if (r < 0)
            return -1;
    }
    if (!ended || fy_parser_get_stream_error(parser)) {
        add_syntax_errors(b, diag);
        return -1;
    }
    return 0;
}

int tree_read(struct arena *arena, struct source *source, struct documents *ret, struct error_list *errors)
{
    *ret = (struct documents){0};
    if (source->len > TEXT_MAX)
        return error_set(error_list_add(errors), ERR_SYNTAX, "%s is larger than %zu MiB", source->name,
                         TEXT_MAX >> 20);
    struct error *err = NULL;
    if (source_check(source, &err) < 0) {
        *error_list_add(errors) = err;
        return -1;
    }
    if (source->len == 0)
        return 0;
    struct fy_diag *diag = make_diag();
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_JSON_NONE, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&cfg);
    if (!parser || fy_parser_set_string(parser, source->text, source->len))
        abort(); /* out of memory */
    struct build *b = mem_alloc(sizeof *b);
    b->arena = arena;
    b->source = source;
    b->errors = errors;
    struct found found = {0};
    int r = run(b, parser, diag, &found);
    *ret = (struct documents){.docs = found.docs, .n = found.n};
    build_reset(b);
    free(b->entries);
    free(b);
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return r;
}

void tree_add_duplicates(struct source *source, const struct document *d, struct error_list *errors)
{
    for (size_t i = 0; i < d->n_duplicates; i++) {
        const struct duplicate *p = &d->duplicates[i];
        int line, column;
        source_place(source, p->first, &line, &column);
        struct error **err = error_list_add(errors);
        source_error_range(source, err, ERR_SYNTAX, p->again, p->again_end, "`%s` stands twice in this map",
                           p->key);
        error_hint(err, "it is at line %d, column %d first", line, column);
    }
}

int tree_parse(struct arena *arena, const char *name, const char *text, size_t len, struct documents *ret,
               struct error_list *errors)
{
    struct source source = {.name = name, .text = text, .len = len};
    size_t before = errors->n;
    struct documents docs;
    int r = tree_read(arena, &source, &docs, errors);
    for (size_t i = 0; i < docs.n; i++)
        tree_add_duplicates(&source, &docs.docs[i], errors);
    source_free(&source);
    if (r < 0 || errors->n > before)
        return -1;
    *ret = docs;
    return 0;
}

int tree_parse_one(struct arena *arena, const char *name, const char *text, size_t len, struct value **ret,
                   struct error **err)
{
    struct error_list errors = {0};
    struct documents docs = {0};
    int r = tree_parse(arena, name, text, len, &docs, &errors);
    if (r < 0 && err) {
        error_free(*err);
        *err = TAKE(errors.errors[0]);
    } else if (r == 0 && docs.n > 1) {
        r = error_set(err, ERR_SYNTAX, "%s holds %zu documents where one is wanted", name, docs.n);
    } else if (r == 0) {
        *ret = docs.n ? docs.docs[0].root : value_null(arena);
    }
    error_list_free(&errors);
    return r;
}
