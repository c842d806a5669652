/* A case of testdata/plan: a Clusterfile, the images that it names (images.yaml, shared by all cases: what their
 * configurations say), and have.txt, what the machines show. have.txt begins with one of
 *
 *   bare                       machines out of the box
 *   settled                    all hosts are as wanted, the leaving ones too
 *   settled without ADDRESS…   as settled, but these are out of the box, and the cluster never knew them
 *   until KIND                 a run went as far as the first action of this kind
 *
 * then tells what differs, a line each:
 *
 *   ADDRESS KEY = VALUE        a fact is true; keys as in the probe's answers
 *   ADDRESS KEY -              it is false
 *   ADDRESS KEY ? REASON       it is unknown
 *   ADDRESS wiped MACHINE-ID   out of the box, but the API still knows it
 *   ADDRESS unreachable REASON
 *   cluster api ? REASON       no API server answers: what only the API tells is unknown too
 *   cluster tokens = IDS       bootstrap tokens of ours
 *   cluster guests -           no record of any image's commands
 *   cluster store -            the control machine's image store is empty
 *   cluster stranger TEXT      a Node of no host;   cluster stray TEXT   an etcd member of no host
 *   consent                    removals were consented to
 */
#ifndef TESTS_RECONCILER_GOLDEN_H
#define TESTS_RECONCILER_GOLDEN_H

#include "reconciler/out_plan.h"
#include "schema/read.h"
#include "tests/model/cluster.h"

struct golden {
    struct want *want;
    struct have *have;
};

static inline void golden_stop(const char *path, const char *line, const char *words)
{
    fprintf(stderr, "%s: %s: %s\n", path, words, line);
    abort();
}

/* The whole file; NULL: there is none. */
static inline char *golden_text(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    struct text t = {0};
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
        text_addn(&t, part, n);
    fclose(f);
    return text_take(&t);
}

static inline struct want_env *golden_map(struct arena *a, const struct value *map, size_t *ret_n)
{
    *ret_n = map ? map->n : 0;
    struct want_env *e = arena_alloc(a, *ret_n * sizeof *e);
    for (size_t i = 0; i < *ret_n; i++)
        e[i] = (struct want_env){map->keys[i], value_text(map->items[i], "")};
    return e;
}

static inline const char *const *golden_list(struct arena *a, const struct value *list)
{
    if (!list)
        return NULL;
    const char **l = arena_alloc(a, (list->n + 1) * sizeof *l);
    for (size_t i = 0; i < list->n; i++)
        l[i] = value_text(list->items[i], "");
    return l;
}

static inline void golden_resolve(struct want *w, const char *path)
{
    struct value *known;
    struct error *err = NULL;
    char *text = golden_text(path);
    if (!text || tree_parse_one(w->arena, path, text, strlen(text), &known, &err) < 0)
        golden_stop(path, err ? err->message : "", "cannot be read");
    for (size_t i = 0; i < w->n_images; i++) {
        struct want_image *im = &w->images[i];
        for (size_t k = 0; k < known->n && !im->resolved; k++) {
            const struct value *x = known->items[k];
            if (!str_eq(value_text(value_get(x, "reference"), NULL), im->reference))
                continue;
            const char *type = value_text(value_get(x, "type"), "");
            im->type = str_eq(type, "rootfs") ? IMAGE_ROOTFS : str_eq(type, "patch") ? IMAGE_PATCH : IMAGE_APPLICATION;
            im->digest = value_text(value_get(x, "digest"), NULL);
            im->labels = golden_map(w->arena, value_get(x, "labels"), &im->n_labels);
            im->env = golden_map(w->arena, value_get(x, "env"), &im->n_env);
            im->version = image_label(im, "version");
            im->cmd = golden_list(w->arena, value_get(x, "cmd"));
            im->has_registry = true;
            im->resolved = true;
        }
        if (!im->resolved)
            golden_stop(path, im->reference, "does not describe");
    }
    free(text);
}

static inline int golden_node(const struct want *w, const char *path, const char *address)
{
    int node = want_find_host(w, address);
    if (node < 0)
        golden_stop(path, address, "no such host");
    return node;
}

static inline void golden_cluster(struct have *h, const char *path, const char *what, const char *rest)
{
    struct have_cluster *c = &h->cluster;
    if (str_eq(what, "api")) {
        c->api = c->etcd = TRI_UNKNOWN;
        c->api_reason = arena_strdup(h->arena, rest + 2);
        c->tokens = (struct fact){TRI_UNKNOWN, c->api_reason};
        for (size_t i = 0; i < h->n_nodes; i++)
            for (int f = FACT_NODE_OBJECT; f <= FACT_ETCD_HEALTHY; f++)
                have_unknown(h, (int)i, (enum fact_id)f, c->api_reason);
    } else if (str_eq(what, "tokens")) {
        c->tokens = (struct fact){TRI_TRUE, arena_strdup(h->arena, rest + 2)};
    } else if (str_eq(what, "guests")) {
        c->n_guests = 0;
    } else if (str_eq(what, "store")) {
        memset(h->stored, 0, h->n_images * sizeof *h->stored);
        memset(h->rendered, 0, h->n_renders * sizeof *h->rendered);
    } else if (str_eq(what, "stranger")) {
        *(const char **)arena_push(h->arena, &c->strangers, &c->n_strangers, &c->cap_strangers, sizeof(char *)) =
            arena_strdup(h->arena, rest);
    } else if (str_eq(what, "stray")) {
        *(const char **)arena_push(h->arena, &c->stray_members, &c->n_stray, &c->cap_stray, sizeof(char *)) =
            arena_strdup(h->arena, rest);
    } else {
        golden_stop(path, what, "not known of a cluster");
    }
}

static inline void golden_fact(struct have *h, const char *path, int node, const char *key, const char *rest)
{
    for (int f = 0; f < FACT_COUNT; f++)
        if (str_eq(fact_table[f].key, key)) {
            const char *value = rest[0] && rest[1] ? rest + 2 : "";
            if (*rest == '=')
                have_true(h, node, (enum fact_id)f, value);
            else if (*rest == '-')
                have_false(h, node, (enum fact_id)f);
            else if (*rest == '?')
                have_unknown(h, node, (enum fact_id)f, value);
            else
                golden_stop(path, rest, "neither =, - nor ?");
            return;
        }
    golden_stop(path, key, "no such fact");
}

static inline void golden_line(struct golden *g, const char *path, char *line)
{
    char *save = NULL, *who = strtok_r(line, " ", &save), *what = strtok_r(NULL, " ", &save), *rest = save ? save : line;
    if (str_eq(who, "consent")) {
        g->want->consent = true;
        return;
    }
    if (!what)
        golden_stop(path, line, "too short");
    if (str_eq(who, "cluster")) {
        golden_cluster(g->have, path, what, rest);
        return;
    }
    int node = golden_node(g->want, path, who);
    if (str_eq(what, "wiped"))
        wiped_machine(g->have, node, rest);
    else if (str_eq(what, "unreachable"))
        have_unreached(g->have, node, rest);
    else
        golden_fact(g->have, path, node, what, rest);
}

/* What stood there before the lines that follow. False: the line is none of these. */
static inline bool golden_base(struct golden *g, const char *path, char *line)
{
    if (str_starts(line, "until ")) {
        g->have = bare_have(g->want);
        apply_until(g->want, g->have, line + strlen("until "));
        return true;
    }
    if (!str_starts(line, "bare") && !str_starts(line, "settled"))
        return false;
    g->have = bare_have(g->want);
    if (str_eq(line, "bare"))
        return true;
    bool strange[64] = {0};
    char *save = NULL, *word = strtok_r(line, " ", &save);
    for (word = strtok_r(NULL, " ", &save); word; word = strtok_r(NULL, " ", &save))
        if (!str_eq(word, "without"))
            strange[golden_node(g->want, path, word)] = true;
    settle_without(g->want, g->have, strange);
    return true;
}

static inline void golden_facts(struct golden *g, const char *path)
{
    char *text = golden_text(path), *rest = text;
    if (!text)
        golden_stop(path, "", "cannot be read");
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (!*line || *line == '#')
            continue;
        if (g->have)
            golden_line(g, path, line);
        else if (!golden_base(g, path, line))
            golden_stop(path, line, "must begin with bare, settled or until");
    }
    free(text);
}

/* dir: the case's folder, beside images.yaml. shuffle (NULL: none) puts the hosts into another order first. */
static inline struct golden golden_read(const char *dir, void (*shuffle)(struct want *w))
{
    struct golden g = {0};
    struct error_list errors = {0}, warnings = {0};
    _cleanup_(mem_freep) char *path = mem_printf("%s/Clusterfile", dir);
    _cleanup_(mem_freep) char *text = golden_text(path);
    if (!text || clusterfile_read(path, text, strlen(text), &g.want, &errors, &warnings) < 0)
        golden_stop(path, errors.n ? errors.errors[0]->message : "", "cannot be read");
    error_list_free(&errors);
    error_list_free(&warnings);
    if (shuffle)
        shuffle(g.want);
    _cleanup_(mem_freep) char *images = mem_printf("%s/../images.yaml", dir);
    golden_resolve(g.want, images);
    cluster_finish(g.want);
    _cleanup_(mem_freep) char *facts = mem_printf("%s/have.txt", dir);
    golden_facts(&g, facts);
    return g;
}

static inline void golden_free(struct golden *g)
{
    have_free(g->have);
    want_free(g->want);
}

#endif
