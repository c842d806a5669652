#include "reconciler/out_status.h"

#include "model/text.h"

#include <string.h>

enum column {
    COL_NODE,
    COL_NAME,
    COL_ROLE,
    COL_STATE,
    COL_READY,
    COL_ETCD,
    COL_API,
    COL_VIP,
    COL_HOSTS,
    COL_ROOTFS,
    COL_INIT,
    COLUMNS
};
static const char *const titles[COLUMNS] = {"NODE", "NAME", "ROLE",  "STATE",  "READY", "ETCD",
                                            "API",  "VIP",  "HOSTS", "ROOTFS", "INIT"};
#define NOT_APPLICABLE "-"
#define NOT_KNOWN "?"
#define CELL_MAX 40

struct cell {
    char text[CELL_MAX + 4];
    bool bad;
};

static void cell_set(struct cell *c, const char *text, bool bad)
{
    _cleanup_(text_free) struct text t = {0};
    text_add_safe(&t, text, CELL_MAX);
    snprintf(c->text, sizeof c->text, "%s", *text ? text_str(&t) : NOT_APPLICABLE);
    c->bad = bad;
}

/* yes, no or unknown in words of one's own. */
static void cell_tri(struct cell *c, const struct fact *f, const char *yes, const char *no)
{
    if (f->state == TRI_UNKNOWN)
        cell_set(c, NOT_KNOWN, false);
    else
        cell_set(c, f->state == TRI_TRUE ? yes : no, f->state == TRI_FALSE);
}

/* ok, absent or differs, against the one wanted value. */
static void cell_wanted(struct cell *c, const struct fact *f, const char *wanted)
{
    if (!wanted)
        cell_set(c, NOT_APPLICABLE, false);
    else if (f->state == TRI_UNKNOWN)
        cell_set(c, NOT_KNOWN, false);
    else if (f->state == TRI_FALSE)
        cell_set(c, "absent", true);
    else if (str_eq(f->value, "drifted"))
        cell_set(c, "drifted", true);
    else
        cell_set(c, str_eq(f->value, wanted) ? "ok" : "differs", !str_eq(f->value, wanted));
}

static void cell_hosts(struct cell *c, const struct view *v, int node)
{
    const char *wanted[] = {v->registry >= 0 ? view_host(v, v->registry)->address : NULL,
                            view_api_address(v, node),
                            view_is_worker(v, node) ? view_host(v, node)->address : NULL};
    static const enum fact_id entries[] = {FACT_HOSTS_REGISTRY, FACT_HOSTS_API, FACT_HOSTS_LVSCARE};
    size_t right = 0, absent = 0, asked = 0;
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        const struct fact *f = view_fact(v, node, entries[i]);
        if (!wanted[i])
            continue;
        if (f->state == TRI_UNKNOWN) {
            cell_set(c, NOT_KNOWN, false);
            return;
        }
        asked++;
        absent += f->state == TRI_FALSE;
        right += f->state == TRI_TRUE && str_eq(f->value, wanted[i]);
    }
    bool ok = right == asked;
    cell_set(c, ok ? "ok" : absent == asked ? "absent" : "differs", !ok);
}

static void fill(struct cell *row, const struct view *v, int node)
{
    const struct want_host *h = view_host(v, node);
    const struct fact *name = view_fact(v, node, FACT_NODE_NAME);
    enum belonging b = v->belonging[node];
    bool master = view_is_master(v, node);
    for (int i = 0; i < COLUMNS; i++)
        cell_set(&row[i], NOT_APPLICABLE, false);
    cell_set(&row[COL_NODE], h->address, false);
    if (name->state == TRI_TRUE)
        cell_set(&row[COL_NAME], name->value, false);
    cell_set(&row[COL_ROLE], master ? "master" : "worker", false);
    if (view_fact(v, node, FACT_REACHED)->state != TRI_TRUE)
        cell_set(&row[COL_STATE], "unreachable", true);
    else
        cell_set(&row[COL_STATE], belonging_name(b), b != BELONG_MEMBER && b != BELONG_NO);
    if (!h->listed)
        cell_set(&row[COL_STATE], "leaving", true);
    if (view_fact(v, node, FACT_NODE_OBJECT)->state != TRI_FALSE)
        cell_tri(&row[COL_READY], view_fact(v, node, FACT_NODE_READY), "yes", "no");
    if (master && view_fact(v, node, FACT_ETCD_MEMBER)->state != TRI_FALSE)
        cell_tri(&row[COL_ETCD], view_fact(v, node, FACT_ETCD_HEALTHY), "healthy", "unhealthy");
    if (master && v->exists != TRI_FALSE)
        cell_tri(&row[COL_API], view_fact(v, node, FACT_API_ANSWERS), "answers", "silent");
    if (!master && v->exists != TRI_FALSE)
        cell_tri(&row[COL_VIP], view_fact(v, node, FACT_VIP_ANSWERS), "answers", "silent");
    cell_hosts(&row[COL_HOSTS], v, node);
    cell_wanted(&row[COL_ROOTFS], view_fact(v, node, FACT_ROOTFS),
                h->listed ? v->want->render_keys[node] : NULL);
    cell_wanted(&row[COL_INIT], view_fact(v, node, FACT_INIT_STAMP),
                h->listed ? v->want->init_keys[node] : NULL);
}

static void print_row(FILE *f, const struct cell *row, const int *width, bool color)
{
    for (int i = 0; i < COLUMNS; i++) {
        bool red = color && row[i].bad, last = i + 1 == COLUMNS;
        int n =
            fprintf(f, "%s%s%s", red ? "\033[31m" : "", row[i].text, red ? "\033[0m" : "") - (red ? 9 : 0);
        fprintf(f, "%*s", last ? 0 : width[i] - n + 2, last ? "\n" : "");
    }
}

static void print_table(FILE *f, const struct view *v, bool color)
{
    size_t n = v->want->n_hosts;
    struct cell *rows = mem_array(NULL, (n + 1) * COLUMNS, sizeof *rows);
    int width[COLUMNS] = {0};
    for (int i = 0; i < COLUMNS; i++)
        cell_set(&rows[i], titles[i], false);
    for (size_t i = 0; i < n; i++)
        fill(rows + (i + 1) * COLUMNS, v, (int)i);
    for (size_t r = 0; r <= n; r++)
        for (int i = 0; i < COLUMNS; i++) {
            int len = (int)strlen(rows[r * COLUMNS + (size_t)i].text);
            width[i] = len > width[i] ? len : width[i];
        }
    for (size_t r = 0; r <= n; r++)
        print_row(f, rows + r * COLUMNS, width, color);
    free(rows);
}

static void print_safe(FILE *f, const char *prefix, const char *words)
{
    _cleanup_(text_free) struct text t = {0};
    text_add_safe(&t, words, 400);
    fprintf(f, "%s%s\n", prefix, text_str(&t));
}

static void print_cluster(FILE *f, const struct view *v)
{
    const struct want *w = v->want;
    const struct have_cluster *c = &v->have->cluster;
    fprintf(f, "cluster %s", w->cluster);
    if (w->kubernetes_version)
        fprintf(f, ", Kubernetes %s", w->kubernetes_version);
    if (w->vip)
        fprintf(f, ", VIP %s", w->vip);
    if (v->registry >= 0)
        fprintf(f, ", registry on %s", view_host(v, v->registry)->address);
    fputc('\n', f);
    if (v->exists == TRI_FALSE)
        fputs("does not exist yet\n", f);
    else if (v->exists == TRI_UNKNOWN)
        print_safe(
            f, "it cannot be told whether it exists: ", v->exists_reason ? v->exists_reason : "not known");
    else if (v->live_master >= 0)
        fprintf(f, "its API answers on %s\n", view_host(v, v->live_master)->address);
    if (c->api == TRI_UNKNOWN && c->api_reason && v->exists != TRI_FALSE)
        print_safe(f, "", c->api_reason);
    if (c->etcd == TRI_TRUE)
        fprintf(f, "etcd: %u of %u members healthy\n", v->quorum.healthy, v->quorum.voters);
    if (v->blocked && v->blocked != v->exists_reason)
        print_safe(f, "nothing may be done: ", v->blocked);
    fputc('\n', f);
}

/* What is wrong with a node that its row does not say by itself. */
static void print_problems(FILE *f, const struct view *v, int node, bool *any)
{
    struct {
        bool there;
        const char *words;
    } problems[] = {
        {v->trouble[node] != NULL, v->trouble[node]},
        {view_member(v, node) && view_fact(v, node, FACT_RUNTIME_UP)->state == TRI_FALSE,
         "no container runtime is up"},
        {view_fact(v, node, FACT_SHIM_UP)->state == TRI_FALSE, "image-cri-shim is down"},
        {view_member(v, node) && view_fact(v, node, FACT_KUBELET_UP)->state == TRI_FALSE, "kubelet is down"},
        {node == v->registry && view_fact(v, node, FACT_REGISTRY_STAMP)->state == TRI_TRUE &&
             view_fact(v, node, FACT_REGISTRY_SERVING)->state == TRI_FALSE,
         "the registry does not serve"},
    };
    for (size_t i = 0; i < ARRAY_LEN(problems); i++)
        if (problems[i].there) {
            _cleanup_(mem_freep) char *prefix =
                mem_printf("%s%s: ", *any ? "" : "\n", view_host(v, node)->address);
            print_safe(f, prefix, problems[i].words);
            *any = true;
        }
}

void out_status_text(FILE *f, const struct view *v, bool color)
{
    const struct have_cluster *c = &v->have->cluster;
    bool any = false;
    print_cluster(f, v);
    print_table(f, v, color);
    for (size_t i = 0; i < v->want->n_hosts; i++)
        print_problems(f, v, (int)i, &any);
    for (size_t i = 0; i < c->n_strangers; i++, any = true)
        print_safe(f, any ? "a Node that is no host of the file: " : "\na Node that is no host of the file: ",
                   c->strangers[i]);
    for (size_t i = 0; i < c->n_stray; i++, any = true)
        print_safe(f,
                   any ? "an etcd member that is no host of the file: "
                       : "\nan etcd member that is no host of the file: ",
                   c->stray_members[i]);
}

/* ---- JSON */

static const char *tri_name(enum tri t)
{
    static const char *const names[] = {"unknown", "false", "true"};
    return names[t];
}

static void json_key(struct text *t, const char *key)
{
    char before = t->len ? t->data[t->len - 1] : '{';
    if (before != '{' && before != '[')
        text_addc(t, ',');
    text_add_json(t, key);
    text_addc(t, ':');
}

static void json_member(struct text *t, const char *key, const char *value)
{
    json_key(t, key);
    if (value)
        text_add_json(t, value);
    else
        text_add(t, "null");
}

static void json_fact(struct text *t, const char *key, const struct fact *f)
{
    json_key(t, key);
    text_addc(t, '{');
    json_member(t, "state", tri_name(f->state));
    if (f->state == TRI_TRUE && f->value && *f->value)
        json_member(t, "value", f->value);
    if (f->state != TRI_TRUE && f->value)
        json_member(t, "reason", f->value);
    text_addc(t, '}');
}

static void json_list(struct text *t, const char *key, const char *const *list, size_t n)
{
    json_key(t, key);
    text_addc(t, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            text_addc(t, ',');
        text_add_json(t, list[i]);
    }
    text_addc(t, ']');
}

static void json_cluster(struct text *t, const struct view *v)
{
    const struct want *w = v->want;
    const struct have_cluster *c = &v->have->cluster;
    text_addc(t, '{');
    json_member(t, "name", w->cluster);
    json_member(t, "kubernetesVersion", w->kubernetes_version);
    json_member(t, "vip", w->vip);
    json_member(t, "registry", v->registry >= 0 ? view_host(v, v->registry)->address : NULL);
    json_fact(t, "exists", &(struct fact){v->exists, v->exists == TRI_UNKNOWN ? v->exists_reason : NULL});
    json_fact(t, "api", &(struct fact){c->api, c->api == TRI_UNKNOWN ? c->api_reason : NULL});
    json_member(t, "apiAnswersOn", v->live_master >= 0 ? view_host(v, v->live_master)->address : NULL);
    json_member(t, "blocked", v->blocked);
    json_key(t, "etcd");
    text_addf(t, "{\"state\":\"%s\",\"members\":%u,\"healthy\":%u}", tri_name(c->etcd), v->quorum.voters,
              v->quorum.healthy);
    json_fact(t, "tokens", &c->tokens);
    json_list(t, "guests", c->guests, c->n_guests);
    json_list(t, "strangers", c->strangers, c->n_strangers);
    json_list(t, "strayMembers", c->stray_members, c->n_stray);
    text_addc(t, '}');
}

static void json_node(struct text *t, const struct view *v, int node)
{
    static const struct {
        unsigned role;
        const char *name;
    } roles[] = {{ROLE_MASTER, "master"}, {ROLE_NODE, "node"}, {ROLE_REGISTRY, "registry"}};
    const struct want_host *h = view_host(v, node);
    const char *names[ARRAY_LEN(roles)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (h->roles & roles[i].role)
            names[n++] = roles[i].name;
    text_addc(t, '{');
    json_member(t, "address", h->address);
    json_list(t, "roles", names, n);
    json_key(t, "listed");
    text_add(t, h->listed ? "true" : "false");
    json_member(t, "state", belonging_name(v->belonging[node]));
    json_member(t, "trouble", v->trouble[node]);
    if (v->trouble[node]) {
        json_key(t, "refused");
        text_add(t, v->trouble_is_refusal[node] ? "true" : "false");
    }
    json_key(t, "facts");
    text_addc(t, '{');
    for (int f = 0; f < FACT_COUNT; f++)
        json_fact(t, fact_table[f].key, view_fact(v, node, (enum fact_id)f));
    text_add(t, "}}");
}

void out_status_json(FILE *f, const struct view *v)
{
    _cleanup_(text_free) struct text t = {0};
    text_add(&t, "{\"cluster\":");
    json_cluster(&t, v);
    text_add(&t, ",\"nodes\":[\n");
    fwrite(text_str(&t), 1, t.len, f);
    text_clear(&t);
    for (size_t i = 0; i < v->want->n_hosts; i++) {
        json_node(&t, v, (int)i);
        text_add(&t, i + 1 < v->want->n_hosts ? ",\n" : "\n");
        fwrite(text_str(&t), 1, t.len, f); /* node by node: a thousand of them need no memory */
        text_clear(&t);
    }
    fputs("]}\n", f);
}
