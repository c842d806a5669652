#include "schema/tree_build.h"

#include <search.h>
#include <string.h>

/* ---- anchors */

struct anchor {
    const char *name;
    struct value *value;
    bool open; /* an alias to it now would contain itself */
};

static int anchor_cmp(const void *a, const void *b)
{
    return strcmp(((const struct anchor *)a)->name, ((const struct anchor *)b)->name);
}

static void set_anchor(struct build *b, const char *name, struct value *v, bool open)
{
    struct anchor wanted = {.name = name};
    void *found = tfind(&wanted, &b->anchors, anchor_cmp);
    struct anchor *a;
    if (found) {
        a = *(struct anchor **)found;
    } else {
        a = arena_alloc(b->arena, sizeof *a);
        a->name = name;
        if (!tsearch(a, &b->anchors, anchor_cmp))
            abort();
    }
    a->value = v;
    a->open = open;
}

static void keep(void *anchor)
{
    (void)anchor; /* the arena's */
}

void build_reset(struct build *b)
{
    tdestroy(b->anchors, keep);
    b->anchors = NULL;
    b->depth = 0;
    b->n = 0;
    b->root = NULL;
    b->duplicates = NULL;
    b->n_duplicates = b->cap_duplicates = 0;
}

static size_t count(const struct value *v, size_t limit)
{
    size_t n = 1;
    for (size_t i = 0; i < v->n && n <= limit; i++)
        n += count(v->items[i], limit - n);
    return n;
}

static size_t height(const struct value *v)
{
    size_t most = 0;
    for (size_t i = 0; i < v->n; i++) {
        size_t h = height(v->items[i]);
        most = h > most ? h : most;
    }
    return most + (v->kind == VALUE_LIST || v->kind == VALUE_MAP);
}

static void drop_ranges(struct value *v)
{
    v->start = v->end = v->key_start = v->key_end = 0;
    for (size_t i = 0; i < v->n; i++)
        drop_ranges(v->items[i]);
}

/* ---- adding children */

static void push(struct build *b, const char *key, struct value *v, bool merge)
{
    struct child *e = mem_push(&b->entries, &b->n, &b->cap, sizeof *e);
    *e = (struct child){.key = key, .value = v, .merge = merge};
}

static int add(struct build *b, struct value *v)
{
    if (b->depth == 0) {
        b->root = v;
        return 0;
    }
    struct frame *f = &b->frames[b->depth - 1];
    if (f->value->kind == VALUE_LIST) {
        push(b, NULL, v, false);
        return 0;
    }
    if (f->key) {
        v->key_start = f->key_start;
        v->key_end = f->key_end;
        if (v->line == 0) { /* an empty value has no place of its own */
            v->line = f->key_line;
            v->column = f->key_column;
        }
        push(b, f->key, v, f->key_plain && strcmp(f->key, "<<") == 0);
        f->key = NULL;
        return 0;
    }
    if (v->kind != VALUE_SCALAR)
        return source_error(b->source, error_list_add(b->errors), ERR_SYNTAX, v->start, v->start + 1,
                            v->kind == VALUE_NULL ? "a map key is missing"
                                                  : "a map key must be a plain word or a string");
    f->key = v->text;
    f->key_plain = v->plain;
    f->key_start = v->start;
    f->key_end = v->end;
    f->key_line = v->line;
    f->key_column = v->column;
    return 0;
}

int build_scalar(struct build *b, struct value *v, const char *anchor)
{
    if (anchor)
        set_anchor(b, anchor, v, false);
    return add(b, v);
}

int build_open(struct build *b, struct value *v, bool flow, const char *anchor)
{
    if (b->depth == TREE_DEPTH)
        return source_error(b->source, error_list_add(b->errors), ERR_SYNTAX, v->start, v->start + 1,
                            "nested more than %d deep", TREE_DEPTH);
    if (add(b, v) < 0)
        return -1;
    if (anchor)
        set_anchor(b, anchor, v, true);
    b->frames[b->depth++] = (struct frame){.value = v, .base = b->n, .flow = flow, .anchor = (char *)anchor};
    return 0;
}

int build_alias(struct build *b, const char *name, size_t start, size_t end, int line, int column)
{
    struct anchor wanted = {.name = name};
    void *found = tfind(&wanted, &b->anchors, anchor_cmp);
    if (!found)
        return source_error(b->source, error_list_add(b->errors), ERR_SYNTAX, start, end,
                            "there is no anchor `&%s` above", name);
    const struct anchor *a = *(struct anchor **)found;
    if (a->open)
        return source_error(b->source, error_list_add(b->errors), ERR_SYNTAX, start, end,
                            "`*%s` stands inside what it names", name);
    size_t left = TREE_ALIAS_NODES - b->alias_nodes, n = count(a->value, left);
    if (n > left)
        return source_error(b->source, error_list_add(b->errors), ERR_SYNTAX, start, end,
                            "aliases expand to more than %d values", TREE_ALIAS_NODES);
    if (b->depth + height(a->value) > TREE_DEPTH)
        return source_error(b->source, error_list_add(b->errors), ERR_SYNTAX, start, end,
                            "nested more than %d deep", TREE_DEPTH);
    b->alias_nodes += n;
    struct value *v = value_clone(b->arena, a->value);
    drop_ranges(v);
    v->start = (uint32_t)start;
    v->end = (uint32_t)end;
    v->line = line;
    v->column = column;
    return add(b, v);
}

/* ---- closing: duplicates and `<<` */

/* Replaces entries under `<<` by those of the maps they name, at the end: what stands in the map itself wins.
 */
static int spread_merges(struct build *b, size_t base)
{
    size_t end = b->n;
    for (size_t i = base; i < end; i++) {
        if (!b->entries[i].merge)
            continue;
        const struct value *from = b->entries[i].value;
        bool list = from->kind == VALUE_LIST;
        for (size_t j = 0; j < (list ? from->n : 1); j++) {
            const struct value *map = list ? from->items[j] : from;
            if (map->kind != VALUE_MAP)
                return source_error_value(b->source, error_list_add(b->errors), from,
                                          "`<<` needs a map or a list of maps");
            for (size_t k = 0; k < map->n; k++) {
                map->items[k]->key_start = map->items[k]->key_end = 0;
                push(b, map->keys[k], map->items[k], true);
            }
        }
    }
    return 0;
}

static int order_cmp(const void *pa, const void *pb, void *ctx)
{
    const struct child *e = ctx;
    size_t a = *(const size_t *)pa, b = *(const size_t *)pb;
    int c = strcmp(e[a].key, e[b].key);
    return c ? c : a < b ? -1 : a > b;
}

static void note_duplicate(struct build *b, const struct child *first, const struct child *again)
{
    struct duplicate *d =
        arena_push(b->arena, &b->duplicates, &b->n_duplicates, &b->cap_duplicates, sizeof *d);
    *d = (struct duplicate){.key = again->key,
                            .first = first->value->key_start,
                            .first_end = first->value->key_end,
                            .again = again->value->key_start,
                            .again_end = again->value->key_end};
}

/* Of entries [own | merged] with equal keys one is kept, at the place of the first: the last of the map's
 * own, else the first merged one. The others lose their key. */
static void settle(struct build *b, struct child *e, const size_t *order, size_t n, size_t own)
{
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        if (order[i] >= own)
            break;
        if (last != SIZE_MAX)
            note_duplicate(b, &e[last], &e[order[i]]);
        last = order[i];
    }
    if (last != SIZE_MAX)
        e[order[0]].value = e[last].value;
    for (size_t i = 1; i < n; i++)
        e[order[i]].key = NULL;
}

static void unique(struct build *b, size_t base, size_t own)
{
    struct child *e = b->entries + base;
    size_t n = b->n - base, few[32];
    if (n < 2)
        return;
    size_t *order = n <= ARRAY_LEN(few) ? few : mem_array(NULL, n, sizeof *order);
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (i >= own || !e[i].merge)
            order[m++] = i;
    qsort_r(order, m, sizeof *order, order_cmp, e);
    for (size_t i = 0, next; i < m; i = next) {
        for (next = i + 1; next < m && strcmp(e[order[i]].key, e[order[next]].key) == 0;)
            next++;
        settle(b, e, order + i, next - i, own);
    }
    if (order != few)
        free(order);
}

static void fill_list(struct build *b, struct value *v, size_t base)
{
    v->n = v->cap = b->n - base;
    v->items = arena_alloc(b->arena, v->n * sizeof *v->items);
    for (size_t i = 0; i < v->n; i++)
        v->items[i] = b->entries[base + i].value;
}

static int fill_map(struct build *b, struct value *v, size_t base)
{
    size_t own = b->n - base;
    if (spread_merges(b, base) < 0)
        return -1;
    unique(b, base, own);
    size_t most = b->n - base;
    v->cap = v->key_cap = most;
    v->keys = arena_alloc(b->arena, most * sizeof *v->keys);
    v->items = arena_alloc(b->arena, most * sizeof *v->items);
    for (size_t i = 0; i < most; i++) {
        const struct child *e = &b->entries[base + i];
        if (!e->key || (i < own && e->merge))
            continue;
        v->keys[v->n] = e->key;
        v->items[v->n++] = e->value;
    }
    return 0;
}

int build_close(struct build *b, size_t end)
{
    struct frame *f = &b->frames[--b->depth];
    f->value->end = (uint32_t)end;
    if (f->anchor)
        set_anchor(b, f->anchor, f->value, false);
    if (f->value->kind == VALUE_LIST)
        fill_list(b, f->value, f->base);
    else if (fill_map(b, f->value, f->base) < 0)
        return -1;
    b->n = f->base;
    return 0;
}
