#include "model/answer_view.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES ((size_t)128 * 1024)

/* Keys of the answer that are no facts by themselves. */
enum extra { EXTRA_CLOCK, EXTRA_NODES, EXTRA_TOKENS, EXTRA_GUESTS, EXTRA_MEMBERS, EXTRA_SELF, EXTRA_COUNT };
static const struct {
    const char *key;
    unsigned section;
} extras[EXTRA_COUNT] = {
    {"clock", SECTION_IDENTITY}, {"api.nodes", SECTION_API},     {"api.tokens", SECTION_API},
    {"api.guests", SECTION_API}, {"etcd.members", SECTION_ETCD}, {"self", SECTION_SELF},
};

struct reading {
    unsigned sections;
    struct arena *arena; /* the view's */
    struct fact facts[FACT_COUNT];
    bool seen[FACT_COUNT];
    struct fact extra[EXTRA_COUNT];
    bool extra_seen[EXTRA_COUNT];
    const char *odd_nodes, *odd_members, *odd_self; /* malformed rows: the list cannot be used */
    struct answer_view *view;
};

void answer_view_free(struct answer_view *v)
{
    if (!v)
        return;
    text_free(&v->tokens);
    arena_free(v->arena);
    free(v);
}

void answer_view_freep(struct answer_view **v)
{
    answer_view_free(*v);
}

/* ---- rows */

/* Cuts the line at its tabs into exactly n fields; false otherwise. */
static bool fields(char *line, char **field, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        field[i] = line;
        char *tab = strchr(line, '\t');
        if (!tab)
            return i + 1 == n;
        *tab = 0;
        line = tab + 1;
    }
    return false;
}

static bool read_node(char *line, struct answer_node *ret)
{
    char *f[7];
    if (!fields(line, f, ARRAY_LEN(f)) || !answer_is_word(f[0], strlen(f[0])) ||
        (*f[1] && !answer_is_word(f[1], strlen(f[1]))) || strlen(f[2]) > 512)
        return false;
    *ret = (struct answer_node){
        .name = f[0], .machine_id = f[1], .addresses = f[2], .ready = str_eq(f[3], "True")};
    return true;
}

static void read_row_node(struct reading *r, char *line)
{
    struct answer_view *v = r->view;
    struct answer_node n;
    if (!read_node(line, &n)) {
        r->odd_nodes = "the list of Nodes is malformed";
        return;
    }
    *(struct answer_node *)arena_push(v->arena, &v->nodes, &v->n_nodes, &v->cap_nodes, sizeof n) = n;
}

static enum tri truth(const char *s)
{
    return str_eq(s, "true") ? TRI_TRUE : str_eq(s, "false") ? TRI_FALSE : TRI_UNKNOWN;
}

static void read_row_member(struct reading *r, char *line)
{
    struct answer_view *v = r->view;
    char *f[7];
    if (!fields(line, f, ARRAY_LEN(f)) || strspn(f[0], "0123456789abcdef") != strlen(f[0]) || !*f[0] ||
        strlen(f[0]) > 16 || (*f[1] && !answer_is_word(f[1], strlen(f[1]))) ||
        !answer_is_word(f[2], strlen(f[2]))) {
        r->odd_members = "the list of etcd members is malformed";
        return;
    }
    struct answer_member *m = arena_push(v->arena, &v->members, &v->n_members, &v->cap_members, sizeof *m);
    *m = (struct answer_member){f[0], f[1], f[2], truth(f[3]) == TRI_TRUE ? truth(f[5]) : TRI_FALSE};
}

/* "bootstrap-token-ID<TAB>BASE64 of its description": only ours are kept. */
static void read_row_token(struct reading *r, char *line)
{
    static const char prefix[] = "bootstrap-token-";
    char *f[2];
    size_t n = 0;
    if (!fields(line, f, ARRAY_LEN(f)) || !str_starts(f[0], prefix))
        return;
    const char *id = f[0] + strlen(prefix);
    const char *description = answer_base64(r->arena, f[1], strlen(f[1]), &n);
    if (!description || !answer_is_word(id, strlen(id)) || !str_starts(description, ANSWER_TOKEN_PREFIX))
        return;
    text_addf(&r->view->tokens, "%s%s", r->view->tokens.len ? "," : "", id);
}

static void read_row_guest(struct reading *r, char *line)
{
    char *f[2];
    struct answer_view *v = r->view;
    if (!fields(line, f, ARRAY_LEN(f)) || !answer_is_word(f[0], strlen(f[0])) || !str_eq(f[1], "ok"))
        return;
    *(const char **)arena_push(v->arena, &v->guests, &v->n_guests, &v->cap_guests, sizeof(char *)) = f[0];
}

static void read_row_self(struct reading *r, char *line)
{
    if (r->view->self_node.name || !read_node(line, &r->view->self_node))
        r->odd_self = "its Node object is malformed";
}

static const struct row {
    char letter;
    unsigned section;
    void (*read)(struct reading *r, char *line);
} rows[] = {
    {'n', SECTION_API, read_row_node},  {'k', SECTION_API, read_row_token},
    {'g', SECTION_API, read_row_guest}, {'e', SECTION_ETCD, read_row_member},
    {'s', SECTION_SELF, read_row_self},
};

/* ---- lines */

static int malformed(struct error **err, const char *why, const char *line)
{
    _cleanup_(text_free) struct text shown = {0};
    text_add_safe(&shown, line, 60);
    return error_set(err, ERR_PROTOCOL, "its answer cannot be trusted: %s in \"%s\"", why, text_str(&shown));
}

static struct fact safe_reason(struct arena *a, const char *why)
{
    _cleanup_(text_free) struct text t = {0};
    text_add_safe(&t, *why ? why : "no reason given", 200);
    return (struct fact){TRI_UNKNOWN, arena_strdup(a, text_str(&t))};
}

/* What one t, f, u or b line says; value is NULL where there is none. */
static struct fact spoken(struct reading *r, char letter, const char *value, const char **why_not)
{
    if (letter == 'f') {
        if (value)
            *why_not = "a value where there can be none";
        return (struct fact){TRI_FALSE, NULL};
    }
    if (letter == 'u')
        return safe_reason(r->arena, value ? value : "");
    if (letter == 'b' && value) {
        size_t n = 0;
        char *decoded = answer_base64(r->arena, value, strlen(value), &n);
        if (!decoded)
            *why_not = "bad base64";
        return (struct fact){TRI_TRUE, decoded && strlen(decoded) == n ? decoded : ""};
    }
    return (struct fact){TRI_TRUE, value ? value : ""};
}

static int read_extra(struct reading *r, enum extra x, const struct fact *f, const char *line,
                      struct error **err)
{
    if (!(r->sections & extras[x].section))
        return malformed(err, "something that was not asked", line);
    if (r->extra_seen[x])
        return malformed(err, "a key said twice", line);
    r->extra_seen[x] = true;
    r->extra[x] = *f;
    return 0;
}

static int read_fact(struct reading *r, const char *line, char letter, const char *key, const char *value,
                     struct error **err)
{
    const char *why_not = NULL;
    struct fact f = spoken(r, letter, value, &why_not);
    if (why_not)
        return malformed(err, why_not, line);
    for (int x = 0; x < EXTRA_COUNT; x++)
        if (str_eq(key, extras[x].key))
            return read_extra(r, (enum extra)x, &f, line, err);
    int id = 0;
    while (id < FACT_COUNT && (!answer_carries((enum fact_id)id) || !str_eq(fact_table[id].key, key)))
        id++;
    if (id == FACT_COUNT)
        return malformed(err, "an unknown key", line);
    if (!(r->sections & fact_table[id].section))
        return malformed(err, "something that was not asked", line);
    if (r->seen[id])
        return malformed(err, "a key said twice", line);
    r->seen[id] = true;
    r->facts[id] = f.state == TRI_TRUE ? answer_value(r->arena, (enum fact_id)id, f.value) : f;
    return 0;
}

static int read_line(struct reading *r, char *line, struct error **err)
{
    size_t n = strlen(line);
    if (n > LINE_MAX_BYTES)
        return malformed(err, "a line that is too long", line);
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
            return malformed(err, "a control character", line);
    if (n < 3 || line[1] != ' ')
        return malformed(err, "a line of no known form", line);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (line[0] == rows[i].letter) {
            if (!(r->sections & rows[i].section))
                return malformed(err, "something that was not asked", line);
            rows[i].read(r, line + 2);
            return 0;
        }
    if (!strchr("tfub", line[0]) || strchr(line, '\t'))
        return malformed(err, "a line of no known form", line);
    char key[40];
    size_t k = strcspn(line + 2, " ");
    if (k >= sizeof key)
        return malformed(err, "an unknown key", line);
    memcpy(key, line + 2, k);
    key[k] = 0;
    return read_fact(r, line, line[0], key, line[2 + k] ? line + 3 + k : NULL, err);
}

/* ---- the frame */

/* The lines between BEGIN and END, as a copy in the arena; *ret_n of them, each NUL-terminated, one behind
 * the other. */
static int unframe(struct arena *a, const char *nonce, const char *raw, size_t len, char **ret, size_t *ret_n,
                   struct error **err)
{
    const char *begin = arena_printf(a, "BEGIN reconcile-probe 1 %s\n", nonce);
    const char *end = arena_printf(a, "\nEND reconcile-probe %s ", nonce);
    const char *from = len ? memmem(raw, len, begin, strlen(begin)) : NULL;
    if (!from)
        return error_set(err, ERR_PROTOCOL,
                         "it printed no answer to the probe (a login file may end the shell)");
    from += strlen(begin) - 1; /* its newline: so that END may be the very next line */
    size_t rest = len - (size_t)(from - raw);
    const char *to = memmem(from, rest, end, strlen(end));
    if (!to)
        return error_set(err, ERR_PROTOCOL, "its answer was cut off");
    const char *number = to + strlen(end);
    size_t left = rest - (size_t)(number - from), digits = 0, count = 0;
    for (; digits < left && number[digits] >= '0' && number[digits] <= '9' && digits < 9; digits++)
        count = count * 10 + (size_t)(number[digits] - '0');
    if (digits == 0 || digits == left || number[digits] != '\n')
        return error_set(err, ERR_PROTOCOL, "its answer was cut off");
    size_t size = to > from ? (size_t)(to - from) : 0,
           lines = 0; /* with the last line's newline instead of the first */
    char *copy = arena_strndup(a, from + (size ? 1 : 0), size);
    for (size_t i = 0; i < size; i++) {
        if (copy[i] == 0)
            return error_set(err, ERR_PROTOCOL, "its answer cannot be trusted: a NUL byte");
        if (copy[i] == '\n') {
            copy[i] = 0;
            lines++;
        }
    }
    if (lines != count)
        return error_set(err, ERR_PROTOCOL, "its answer cannot be trusted: %zu lines where %zu were sent",
                         lines, count);
    *ret = copy;
    *ret_n = lines;
    return 0;
}

/* "1700000000.25" as seconds; false: no number. */
static bool read_seconds(const char **s, double *ret)
{
    double whole = 0, unit = 1;
    const char *p = *s;
    size_t n = strspn(p, "0123456789");
    if (n == 0 || n > 12)
        return false;
    for (; n; n--)
        whole = whole * 10 + (*p++ - '0');
    if (*p == '.' && p[1] >= '0' && p[1] <= '9')
        for (p++; *p >= '0' && *p <= '9'; p++)
            whole += (*p - '0') * (unit /= 10);
    else
        whole += 0.5; /* a second that began, somewhere in it */
    p += strcspn(p, " "); /* a date(1) without nanoseconds prints %N */
    *ret = whole;
    *s = p + (*p == ' ');
    return true;
}

/* The program's clock when it began and when it ended, against ours around the call: middle against middle.
 */
static struct fact skew(struct arena *a, const struct fact *clock, double sent_s, double received_s)
{
    const char *p = clock->state == TRI_TRUE ? clock->value : "";
    double began, ended;
    if (!read_seconds(&p, &began))
        return (struct fact){TRI_UNKNOWN, "its clock could not be read"};
    if (!read_seconds(&p, &ended))
        ended = began;
    double d = (began + ended) / 2 - (sent_s + received_s) / 2;
    return (struct fact){TRI_TRUE, arena_printf(a, "%lld", (long long)(d < 0 ? d - 0.5 : d + 0.5))};
}

static void commit(struct have *h, int node, struct reading *r)
{
    const char *why = r->facts[FACT_ROOT].state == TRI_FALSE ? "cannot be seen without root rights"
                                                             : "the node did not say";
    r->facts[FACT_REACHED] = (struct fact){TRI_TRUE, ""};
    r->seen[FACT_REACHED] = r->seen[FACT_CLOCK_SKEW] = true;
    for (int f = 0; f < FACT_COUNT; f++) {
        if (!(r->sections & fact_table[f].section) || (f >= FACT_NODE_OBJECT && f <= FACT_ETCD_HEALTHY))
            continue;
        const struct fact *x = &r->facts[f];
        if (!r->seen[f])
            have_unknown(h, node, (enum fact_id)f, why);
        else if (x->state == TRI_TRUE)
            have_true(h, node, (enum fact_id)f, x->value);
        else if (x->state == TRI_FALSE)
            have_false(h, node, (enum fact_id)f);
        else
            have_unknown(h, node, (enum fact_id)f, x->value);
    }
}

static struct fact list_state(const struct reading *r, enum extra x, const char *odd)
{
    if (!r->extra_seen[x])
        return (struct fact){TRI_UNKNOWN, "the node did not say"};
    return r->extra[x].state == TRI_TRUE && odd ? (struct fact){TRI_UNKNOWN, odd} : r->extra[x];
}

int answer_parse(const struct want *w, struct have *h, int node, unsigned sections, const char *nonce,
                 const char *raw, size_t len, double sent_s, double received_s, struct answer_view **ret_view,
                 struct error **err)
{
    (void)w;
    _cleanup_(answer_view_freep) struct answer_view *v = mem_alloc(sizeof *v);
    struct reading r = {.sections = sections | SECTION_IDENTITY, .view = v};
    char *lines = NULL;
    size_t n = 0;
    v->arena = r.arena = arena_new();
    v->node = node;
    if (unframe(v->arena, nonce, raw, len, &lines, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        char *next = lines + strlen(lines) + 1;
        if (read_line(&r, lines, err) < 0)
            return -1;
        lines = next;
    }
    r.facts[FACT_CLOCK_SKEW] = skew(v->arena, &r.extra[EXTRA_CLOCK], sent_s, received_s);
    commit(h, node, &r);
    *ret_view = NULL;
    if (!(sections & (SECTION_API | SECTION_ETCD | SECTION_SELF)))
        return 0;
    v->api = r.seen[FACT_API_ANSWERS] ? r.facts[FACT_API_ANSWERS]
                                      : (struct fact){TRI_UNKNOWN, "the node did not say"};
    v->nodes_known = list_state(&r, EXTRA_NODES, r.odd_nodes);
    v->tokens_known = list_state(&r, EXTRA_TOKENS, NULL);
    v->guests_known = list_state(&r, EXTRA_GUESTS, NULL);
    v->members_known = list_state(&r, EXTRA_MEMBERS, r.odd_members);
    v->self = list_state(&r, EXTRA_SELF,
                         r.odd_self          ? r.odd_self
                         : v->self_node.name ? NULL
                                             : "it did not show its Node");
    *ret_view = TAKE(v);
    return 0;
}
