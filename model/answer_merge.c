/* Which master to believe, and what its word means for every node. */
#include "model/answer_view.h"

#include <string.h>

/* Its lists can be used: Nodes and guest records are whole. (Guests half known would be run again.) */
static bool usable(const struct answer_view *v)
{
    return v && v->api.state == TRI_TRUE && v->nodes_known.state == TRI_TRUE &&
           v->guests_known.state == TRI_TRUE;
}

/* ---- matching Nodes and members to hosts */

/* Does the space-separated list of addresses name a host? Its index, or -1. */
static int host_by_addresses(const struct want *w, const char *addresses)
{
    char one[64];
    for (const char *p = addresses; *p;) {
        size_t n = strcspn(p, " ");
        if (n && n < sizeof one) {
            memcpy(one, p, n);
            one[n] = 0;
            int host = want_find_host(w, one);
            if (host >= 0)
                return host;
        }
        p += n + (p[n] == ' ');
    }
    return -1;
}

static int host_by_recorded_name(const struct want *w, const char *name)
{
    for (size_t i = 0; i < w->n_hosts; i++)
        if (str_eq(w->hosts[i].node_name, name))
            return (int)i;
    return -1;
}

/* Only where exactly one reached host has this id: copies of one disk share it. */
static int host_by_machine_id(const struct have *h, const char *machine_id)
{
    int found = -1;
    for (size_t i = 0; *machine_id && i < h->n_nodes; i++)
        if (have_is(h, (int)i, FACT_MACHINE_ID, machine_id)) {
            if (found >= 0)
                return -1;
            found = (int)i;
        }
    return found;
}

static int host_of_node(const struct want *w, const struct have *h, const struct answer_node *n)
{
    int host = host_by_addresses(w, n->addresses);
    if (host < 0)
        host = host_by_recorded_name(w, n->name);
    return host >= 0 ? host : host_by_machine_id(h, n->machine_id);
}

/* Two Nodes claim one host: the one of the machine that is there wins, then the recorded one, then a Ready
 * one. */
static int claim(const struct want *w, const struct have *h, int host, const struct answer_node *n)
{
    return have_is(h, host, FACT_MACHINE_ID, n->machine_id) * 4 +
           (w->hosts[host].machine_id && str_eq(w->hosts[host].machine_id, n->machine_id)) * 2 + n->ready;
}

static void add_line(struct have *h, const char ***list, size_t *n, size_t *cap, const char *line)
{
    *(const char **)arena_push(h->arena, list, n, cap, sizeof(char *)) = arena_strdup(h->arena, line);
}

static void add_stranger(struct have *h, const struct answer_node *n)
{
    struct have_cluster *c = &h->cluster;
    _cleanup_(text_free) struct text t = {0};
    text_addf(&t, "%s %s", n->name, n->addresses);
    add_line(h, &c->strangers, &c->n_strangers, &c->cap_strangers, text_str(&t));
}

static void set_node(struct have *h, int host, const struct answer_node *n)
{
    have_true(h, host, FACT_NODE_OBJECT, n->machine_id);
    have_true(h, host, FACT_NODE_NAME, n->name);
    if (n->ready)
        have_true(h, host, FACT_NODE_READY, "");
    else
        have_false(h, host, FACT_NODE_READY);
}

static void set_no_node(struct have *h, int host)
{
    for (int f = FACT_NODE_OBJECT; f <= FACT_NODE_READY; f++)
        have_false(h, host, (enum fact_id)f);
}

static void apply_nodes(const struct want *w, struct have *h, const struct answer_view *v)
{
    const struct answer_node **of_host = mem_array(NULL, w->n_hosts + 1, sizeof *of_host);
    for (size_t i = 0; i < w->n_hosts; i++)
        of_host[i] = NULL;
    h->cluster.n_strangers = 0;
    for (size_t i = 0; i < v->n_nodes; i++) {
        const struct answer_node *n = &v->nodes[i], *loser = n;
        int host = host_of_node(w, h, n);
        if (host >= 0) {
            loser = of_host[host];
            if (!loser || claim(w, h, host, n) > claim(w, h, host, loser))
                of_host[host] = n;
            else
                loser = n;
        }
        if (loser)
            add_stranger(h, loser);
    }
    for (size_t i = 0; i < w->n_hosts; i++)
        if (of_host[i])
            set_node(h, (int)i, of_host[i]);
        else
            set_no_node(h, (int)i);
    free(of_host);
}

static int host_of_member(const struct want *w, const struct have *h, const struct answer_member *m)
{
    int host = want_find_host(w, m->address);
    for (size_t i = 0; host < 0 && *m->name && i < w->n_hosts; i++)
        if (have_is(h, (int)i, FACT_NODE_NAME, m->name) || str_eq(w->hosts[i].node_name, m->name))
            host = (int)i;
    return host;
}

static void set_member(struct have *h, int host, const struct answer_member *m)
{
    have_true(h, host, FACT_ETCD_MEMBER, m->id);
    if (m->healthy == TRI_TRUE)
        have_true(h, host, FACT_ETCD_HEALTHY, "");
    else if (m->healthy == TRI_FALSE)
        have_false(h, host, FACT_ETCD_HEALTHY);
    else
        have_unknown(h, host, FACT_ETCD_HEALTHY, "its status was not known in time");
}

static void apply_members(const struct want *w, struct have *h, const struct answer_view *v)
{
    struct have_cluster *c = &h->cluster;
    c->etcd = TRI_TRUE;
    c->n_stray = 0;
    for (size_t i = 0; i < w->n_hosts; i++) {
        have_false(h, (int)i, FACT_ETCD_MEMBER);
        have_false(h, (int)i, FACT_ETCD_HEALTHY);
    }
    for (int healthy = 1; healthy >= 0; healthy--) /* of two members on one host, a healthy one is its own */
        for (size_t i = 0; i < v->n_members; i++) {
            const struct answer_member *m = &v->members[i];
            if ((m->healthy == TRI_TRUE) != healthy)
                continue;
            int host = host_of_member(w, h, m);
            if (host >= 0 && have_fact(h, host, FACT_ETCD_MEMBER)->state != TRI_TRUE) {
                set_member(h, host, m);
                continue;
            }
            _cleanup_(text_free) struct text t = {0};
            text_addf(&t, "%s %s %s", m->id, *m->name ? m->name : "-", m->address);
            add_line(h, &c->stray_members, &c->n_stray, &c->cap_stray, text_str(&t));
        }
}

static void etcd_unknown(struct have *h, const char *why)
{
    const char *shared = arena_strdup(h->arena, why);
    h->cluster.etcd = TRI_UNKNOWN;
    h->cluster.n_stray = 0;
    for (size_t i = 0; i < h->n_nodes; i++)
        for (int f = FACT_ETCD_MEMBER; f <= FACT_ETCD_HEALTHY; f++)
            h->nodes[i].facts[f] = (struct fact){TRI_UNKNOWN, shared};
}

/* ---- whom to believe */

static size_t hosts_known(const struct want *w, const struct answer_view *v)
{
    size_t known = 0;
    for (size_t i = 0; i < v->n_nodes; i++)
        known += host_by_addresses(w, v->nodes[i].addresses) >= 0;
    return known;
}

static bool has_our_ca(const struct have *h, int node)
{
    const struct fact *stamp = have_fact(h, node, FACT_CA_STAMP);
    return stamp->state == TRI_TRUE && have_is(h, node, FACT_CA, stamp->value);
}

/* Positive: a is to be believed before b. Never 0 for two views: the smaller index decides at last. */
static int better(const struct want *w, const struct have *h, const struct answer_view *a,
                  const struct answer_view *b)
{
    int ca = has_our_ca(h, a->node) - has_our_ca(h, b->node);
    size_t known_a = hosts_known(w, a), known_b = hosts_known(w, b);
    int etcd = (a->members_known.state == TRI_TRUE) - (b->members_known.state == TRI_TRUE);
    int listed = w->hosts[a->node].listed - w->hosts[b->node].listed;
    if (ca)
        return ca;
    if (known_a != known_b)
        return known_a > known_b ? 1 : -1;
    if (etcd)
        return etcd;
    return listed ? listed : b->node - a->node;
}

static const struct answer_view *best_api(const struct want *w, const struct have *h,
                                          struct answer_view *const *views, size_t n)
{
    const struct answer_view *best = NULL;
    for (size_t i = 0; i < n; i++)
        if (usable(views[i]) && (!best || better(w, h, views[i], best) > 0))
            best = views[i];
    return best;
}

/* The member list comes from the believed master itself, else from another one of the same CA. */
static const struct answer_view *best_etcd(const struct want *w, const struct have *h,
                                           struct answer_view *const *views, size_t n,
                                           const struct answer_view *api)
{
    const struct answer_view *best = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct answer_view *v = views[i];
        if (!v || v->members_known.state != TRI_TRUE)
            continue;
        if (v == api)
            return v;
        const struct fact *ca = api ? have_fact(h, api->node, FACT_CA) : NULL;
        if (ca && (ca->state != TRI_TRUE || !have_is(h, v->node, FACT_CA, ca->value)))
            continue;
        if (!best || better(w, h, v, best) > 0)
            best = v;
    }
    return best;
}

static void apply_api(const struct want *w, struct have *h, const struct answer_view *v)
{
    struct have_cluster *c = &h->cluster;
    c->api = TRI_TRUE;
    c->api_reason = NULL;
    apply_nodes(w, h, v);
    c->n_guests = 0;
    for (size_t i = 0; i < v->n_guests; i++)
        have_add_guest(h, v->guests[i]);
    if (v->tokens_known.state != TRI_TRUE)
        c->tokens = (struct fact){TRI_UNKNOWN, arena_strdup(h->arena, v->tokens_known.value)};
    else if (v->tokens.len)
        c->tokens = (struct fact){TRI_TRUE, arena_strdup(h->arena, text_str(&v->tokens))};
    else
        c->tokens = (struct fact){TRI_FALSE, NULL};
}

/* Returns whether some API answered; *ret_etcd: whether a member list was had. */
static bool merge(const struct want *w, struct have *h, struct answer_view *const *views, size_t n,
                  bool *ret_etcd)
{
    const struct answer_view *api = best_api(w, h, views, n);
    if (api)
        apply_api(w, h, api);
    const struct answer_view *etcd = best_etcd(w, h, views, n, api);
    if (etcd)
        apply_members(w, h, etcd);
    for (size_t i = 0; i < n; i++) {
        const struct answer_view *v = views[i];
        if (v && v->self.state == TRI_TRUE)
            set_node(h, v->node, &v->self_node);
        else if (v && v->self.state == TRI_FALSE)
            set_no_node(h, v->node);
    }
    *ret_etcd = etcd != NULL;
    return api != NULL;
}

void answer_merge(const struct want *w, struct have *h, struct answer_view *const *views, size_t n)
{
    bool etcd;
    merge(w, h, views, n, &etcd);
}

/* ---- no API answers */

static bool is_false(const struct have *h, int node, enum fact_id f)
{
    return have_fact(h, node, f)->state == TRI_FALSE;
}

/* Every master was looked at and bears no trace of a cluster, and no worker belongs to one either. */
static bool proved_absent(const struct want *w, const struct have *h)
{
    static const enum fact_id traces[] = {FACT_KUBELET_CONF, FACT_ADMIN_CONF, FACT_MANIFESTS, FACT_ETCD_DATA,
                                          FACT_ATTEMPT};
    size_t masters = 0;
    for (size_t i = 0; i < w->n_hosts; i++) {
        int n = (int)i;
        if (!host_is_master(&w->hosts[i])) {
            if (have_fact(h, n, FACT_KUBELET_CONF)->state == TRI_TRUE)
                return false;
            continue;
        }
        masters++;
        if (have_fact(h, n, FACT_REACHED)->state != TRI_TRUE)
            return false;
        for (size_t t = 0; t < ARRAY_LEN(traces); t++)
            if (!is_false(h, n, traces[t]))
                return false;
    }
    return masters > 0;
}

static const char *why_no_api(const struct want *w, const struct have *h, struct answer_view *const *views,
                              size_t n)
{
    _cleanup_(text_free) struct text t = {0};
    for (size_t i = 0; i < w->n_hosts; i++) {
        if (!host_is_master(&w->hosts[i]))
            continue;
        const struct answer_view *v = NULL;
        for (size_t k = 0; k < n && !v; k++)
            if (views[k] && views[k]->node == (int)i)
                v = views[k];
        const struct fact *reached = have_fact(h, (int)i, FACT_REACHED);
        const char *why = !v ? (reached->value && *reached->value ? reached->value : "not looked at")
                          : v->api.state == TRI_FALSE        ? "its API server does not answer"
                          : v->api.state == TRI_UNKNOWN      ? v->api.value
                          : v->nodes_known.state != TRI_TRUE ? v->nodes_known.value
                                                             : v->guests_known.value;
        text_addf(&t, "%s%s: %s", t.len ? "; " : "no API server answers: ", w->hosts[i].address,
                  why ? why : "no answer");
        if (t.len > 400) {
            text_add(&t, "; …");
            break;
        }
    }
    return arena_strdup(h->arena, t.len ? text_str(&t) : "no master is listed");
}

void answer_conclude(const struct want *w, struct have *h, struct answer_view *const *views, size_t n)
{
    struct have_cluster *c = &h->cluster;
    bool etcd;
    if (merge(w, h, views, n, &etcd)) {
        if (!etcd)
            etcd_unknown(h, value_path(w->cluster_configuration, "etcd.external")
                                ? "etcd is external"
                                : "no etcd member gave its list");
        return;
    }
    bool absent = !etcd && proved_absent(w, h);
    const char *why = absent ? NULL : why_no_api(w, h, views, n);
    c->api = absent ? TRI_FALSE : TRI_UNKNOWN;
    c->api_reason = why;
    c->tokens = (struct fact){absent ? TRI_FALSE : TRI_UNKNOWN, why};
    c->n_guests = c->n_strangers = 0;
    for (size_t i = 0; i < h->n_nodes; i++)
        for (int f = FACT_NODE_OBJECT; f <= FACT_NODE_READY; f++)
            h->nodes[i].facts[f] = (struct fact){absent ? TRI_FALSE : TRI_UNKNOWN, why};
    if (absent) {
        c->etcd = TRI_FALSE;
        c->n_stray = 0;
        for (size_t i = 0; i < h->n_nodes; i++)
            for (int f = FACT_ETCD_MEMBER; f <= FACT_ETCD_HEALTHY; f++)
                have_false(h, (int)i, (enum fact_id)f);
    } else if (!etcd) {
        etcd_unknown(h, why);
    }
}
