#include "model/view.h"

#include "model/text.h"

#include <string.h>

const char *belonging_name(enum belonging b)
{
    static const char *const names[] = {"unknown", "new", "member", "unfinished", "files only", "stale", "foreign"};
    return names[b];
}

static enum tri state(const struct view *v, int node, enum fact_id f)
{
    return view_fact(v, node, f)->state;
}

static bool yes(const struct view *v, int node, enum fact_id f)
{
    return state(v, node, f) == TRI_TRUE;
}

static bool reached(const struct view *v, int node)
{
    return yes(v, node, FACT_REACHED);
}

bool view_is_master(const struct view *v, int node)
{
    return host_is_master(view_host(v, node));
}

bool view_is_worker(const struct view *v, int node)
{
    return !view_is_master(v, node);
}

bool view_leaving(const struct view *v, int node)
{
    return !view_host(v, node)->listed;
}

static const enum fact_id file_facts[] = {FACT_KUBELET_CONF, FACT_ADMIN_CONF, FACT_MANIFESTS, FACT_ETCD_DATA};

bool view_has_files(const struct view *v, int node)
{
    for (size_t i = 0; i < ARRAY_LEN(file_facts); i++)
        if (yes(v, node, file_facts[i]))
            return true;
    return false;
}

static bool files_known(const struct view *v, int node)
{
    if (state(v, node, FACT_ATTEMPT) == TRI_UNKNOWN)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(file_facts); i++)
        if (state(v, node, file_facts[i]) == TRI_UNKNOWN)
            return false;
    return true;
}

/* Files of a finished join or init, on a machine that this cluster prepared. */
static bool has_our_files(const struct view *v, int node)
{
    return view_has_files(v, node) && !yes(v, node, FACT_ATTEMPT) && yes(v, node, FACT_OURS);
}

bool view_dead_attempt(const struct view *v, int node)
{
    if (!yes(v, node, FACT_ATTEMPT))
        return false;
    const struct fact *jobs = view_fact(v, node, FACT_JOBS);
    return jobs->state == TRI_FALSE || (jobs->state == TRI_TRUE && !strstr(jobs->value, "kubeadm."));
}

/* ---- does the cluster exist, which CA is its own */

static void note(const char **slot, const char *words)
{
    if (!*slot)
        *slot = words;
}

/* Whose API can be asked. Before it is judged who belongs, anyone with our files will do; then a member goes before one
 * that only has files and is about to join again. */
static void find_live_master(struct view *v)
{
    v->live_master = -1;
    for (int listed = 1; listed >= 0 && v->live_master < 0; listed--)
        for (size_t i = 0; i < v->want->n_hosts && v->live_master < 0; i++) {
            int n = (int)i;
            if (view_is_master(v, n) && view_host(v, n)->listed == (bool)listed && has_our_files(v, n) &&
                yes(v, n, FACT_API_ANSWERS))
                v->live_master = n;
        }
}

/* The cluster's CA: of a master whose API answers, else of masters that carry our files, else what we pushed before
 * an init that never finished. Two different ones are nobody's to choose between: then none is, and nothing is done. */
static void find_ca(struct view *v)
{
    for (int pass = 0; pass < 2 && !v->ca; pass++) {
        int from = -1;
        for (size_t i = 0; i < v->want->n_hosts; i++) {
            int n = (int)i;
            if (!view_is_master(v, n) || !yes(v, n, FACT_CA))
                continue;
            const char *ca = view_fact(v, n, FACT_CA)->value;
            bool counts = pass == 0 ? has_our_files(v, n) : have_is(v->have, n, FACT_CA_STAMP, ca);
            if (!counts)
                continue;
            if (v->live_master >= 0 && n != v->live_master && !yes(v, n, FACT_API_ANSWERS))
                continue; /* judged as foreign below, when it differs */
            if (!v->ca) {
                v->ca = ca;
                from = n;
            } else if (!str_eq(v->ca, ca)) {
                note(&v->blocked, arena_printf(v->arena,
                                               "masters %s and %s carry two different cluster CAs; nothing is done until "
                                               "one of them is cleaned or removed from the file",
                                               view_host(v, from)->address, view_host(v, n)->address));
                v->ca = NULL;
                return;
            }
        }
    }
}

static bool holds_pki(const struct view *v, int node)
{
    return view_is_master(v, node) && reached(v, node) && yes(v, node, FACT_PKI) && have_is(v->have, node, FACT_CA, v->ca);
}

/* Of masters whose keys differ (under one CA), the more are right. */
static void find_ca_holder(struct view *v)
{
    size_t best = 0;
    v->ca_holder = -1;
    for (size_t i = 0; i < v->want->n_hosts && v->ca; i++) {
        if (!holds_pki(v, (int)i))
            continue;
        size_t votes = 0;
        for (size_t k = 0; k < v->want->n_hosts; k++)
            votes += holds_pki(v, (int)k) && str_eq(view_fact(v, (int)k, FACT_PKI)->value, view_fact(v, (int)i, FACT_PKI)->value);
        if (votes > best) {
            best = votes;
            v->ca_holder = (int)i;
        }
    }
}

/* An unfinished init may be taken for no cluster only while nothing but itself came of it: at most one etcd member, no
 * other Node. An unfinished join is the trace of a cluster that was there to join. */
static const char *attempt_trace(struct view *v, int node)
{
    const char *address = view_host(v, node)->address;
    if (!have_is(v->have, node, FACT_ATTEMPT, "init"))
        return arena_printf(v->arena, "master %s has an unfinished join to a cluster that no other master shows", address);
    size_t others = v->have->cluster.n_strangers + v->have->cluster.n_stray;
    for (size_t i = 0; i < v->want->n_hosts; i++)
        others += (int)i != node && (yes(v, (int)i, FACT_NODE_OBJECT) || yes(v, (int)i, FACT_ETCD_MEMBER));
    return others ? arena_printf(v->arena, "master %s has an unfinished init, yet its cluster has other Nodes", address) : NULL;
}

/* Proved absent only when every master answered and none shows a trace (DESIGN, Probe). */
static void judge_existence(struct view *v)
{
    const char *unknown = NULL;
    bool exists = false;
    for (size_t i = 0; i < v->want->n_hosts; i++) {
        int n = (int)i;
        const char *address = view_host(v, n)->address;
        if (has_our_files(v, n) && view_is_master(v, n)) {
            exists = true;
        } else if (view_is_master(v, n) && (!reached(v, n) || !files_known(v, n) || state(v, n, FACT_CA) == TRI_UNKNOWN ||
                                            (view_has_files(v, n) && state(v, n, FACT_OURS) == TRI_UNKNOWN))) {
            note(&unknown, arena_printf(v->arena, "master %s could not be looked at (%s), so it cannot be told whether a "
                                                  "cluster exists already",
                                        address, reached(v, n) ? "facts unknown" : view_fact(v, n, FACT_REACHED)->value
                                                                       ? view_fact(v, n, FACT_REACHED)->value : "unreachable"));
        } else if (view_is_master(v, n) && yes(v, n, FACT_ATTEMPT)) {
            note(&unknown, attempt_trace(v, n));
        } else if (reached(v, n) && view_has_files(v, n) && !yes(v, n, FACT_ATTEMPT)) {
            note(&unknown, arena_printf(v->arena, "%s %s carries files of a cluster that is not this one",
                                        view_is_master(v, n) ? "master" : "worker", address));
        } else if (view_is_master(v, n) && yes(v, n, FACT_CA) && !yes(v, n, FACT_ATTEMPT) &&
                   !have_is(v->have, n, FACT_CA_STAMP, view_fact(v, n, FACT_CA)->value)) {
            note(&unknown, arena_printf(v->arena, "master %s carries a cluster CA (/etc/kubernetes/pki/ca.crt) that "
                                                  "reconcile did not put there", address));
        }
    }
    v->exists = exists ? TRI_TRUE : unknown ? TRI_UNKNOWN : TRI_FALSE;
    v->exists_reason = exists ? NULL : unknown;
}

/* ---- each node */

static bool is_foreign(const struct view *v, int node)
{
    if (!reached(v, node) || yes(v, node, FACT_ATTEMPT))
        return false;
    const struct fact *ca = view_fact(v, node, FACT_CA);
    bool marked = view_has_files(v, node) || (view_is_master(v, node) && ca->state == TRI_TRUE);
    if (!marked)
        return false;
    if (ca->state == TRI_TRUE && v->ca)
        return !str_eq(ca->value, v->ca);
    return view_has_files(v, node) && state(v, node, FACT_OURS) == TRI_FALSE;
}

/* What kubelet cannot run as this role without. Of the rest some is kept by kubeadm under another path, or taken away
 * by careful people. */
static bool has_whole_files(const struct view *v, int node)
{
    return yes(v, node, FACT_KUBELET_CONF) && (view_is_worker(v, node) || yes(v, node, FACT_MANIFESTS));
}

static enum belonging judge(const struct view *v, int node)
{
    const struct fact *object = view_fact(v, node, FACT_NODE_OBJECT);
    if (!reached(v, node) || !files_known(v, node))
        return BELONG_UNKNOWN;
    if (is_foreign(v, node))
        return BELONG_FOREIGN;
    if (yes(v, node, FACT_ATTEMPT))
        return BELONG_ATTEMPT;
    if (object->state == TRI_TRUE && state(v, node, FACT_MACHINE_ID) == TRI_UNKNOWN)
        return BELONG_UNKNOWN;
    bool same = object->state == TRI_TRUE && str_eq(object->value, view_fact(v, node, FACT_MACHINE_ID)->value);
    if (view_has_files(v, node)) {
        if (object->state == TRI_UNKNOWN)
            return BELONG_UNKNOWN;
        if (object->state == TRI_FALSE)
            return BELONG_FILES;
        if (!same)
            return BELONG_STALE;
        if (!has_whole_files(v, node))
            return BELONG_FILES;
        if (view_is_master(v, node) && state(v, node, FACT_ETCD_MEMBER) == TRI_FALSE &&
            !value_path(v->want->cluster_configuration, "etcd.external"))
            return BELONG_FILES;
        return BELONG_MEMBER;
    }
    if (object->state == TRI_TRUE || yes(v, node, FACT_ETCD_MEMBER))
        return BELONG_STALE;
    if (object->state == TRI_FALSE)
        return BELONG_NO;
    return v->exists == TRI_FALSE ? BELONG_NO : BELONG_UNKNOWN;
}

static void prefer_live_member(struct view *v)
{
    for (int listed = 1; listed >= 0; listed--)
        for (size_t i = 0; i < v->want->n_hosts; i++)
            if (view_is_master(v, (int)i) && view_host(v, (int)i)->listed == (bool)listed &&
                v->belonging[i] == BELONG_MEMBER && yes(v, (int)i, FACT_API_ANSWERS)) {
                v->live_master = (int)i;
                return;
            }
}

/* ---- choices */

static void choose_init_master(struct view *v)
{
    v->init_master = -1;
    if (v->exists != TRI_FALSE)
        return;
    for (int pass = 0; pass < 2 && v->init_master < 0; pass++)
        for (size_t i = 0; i < v->want->n_hosts && v->init_master < 0; i++) {
            int n = (int)i;
            if (!view_is_master(v, n) || !view_host(v, n)->listed || v->trouble[n])
                continue;
            if (pass == 1 || have_is(v->have, n, FACT_ATTEMPT, "init"))
                v->init_master = n;
        }
    if (v->init_master < 0)
        for (size_t i = 0; i < v->want->n_hosts; i++)
            if (view_is_master(v, (int)i) && v->trouble[i])
                note(&v->blocked, arena_printf(v->arena, "no master can be initialised: %s: %s",
                                               view_host(v, (int)i)->address, v->trouble[i]));
}

/* It was to leave, but must not: while it serves all that is wanted, no other node needs to. */
static bool keeps_registry(const struct view *v, int node)
{
    if (!view_removal_refusal(v, node) || !reached(v, node) || !yes(v, node, FACT_REGISTRY_SERVING) ||
        !have_is(v->have, node, FACT_REGISTRY_STAMP, v->want->registry_key))
        return false;
    for (size_t i = 0; i < v->want->n_images; i++)
        if (v->want->images[i].has_registry &&
            !list_has(view_fact(v, node, FACT_REGISTRY_IMAGES)->value, v->want->images[i].digest))
            return false;
    return true;
}

/* Sticky: a registry that serves stays; never simply "the first in the list". */
static void choose_registry(struct view *v)
{
    int by_role = -1, by_stamp = -1, by_hosts = -1, lowest = -1;
    for (size_t i = 0; i < v->want->n_hosts; i++) {
        int n = (int)i;
        const struct want_host *h = view_host(v, n);
        if (!host_is_master(h) && !(h->roles & ROLE_REGISTRY))
            continue;
        if (!h->listed && by_stamp < 0 && keeps_registry(v, n))
            by_stamp = n;
        if (!h->listed)
            continue;
        if ((h->roles & ROLE_REGISTRY) && by_role < 0)
            by_role = n;
        if (yes(v, n, FACT_REGISTRY_STAMP) && by_stamp < 0)
            by_stamp = n;
        if (lowest < 0)
            lowest = n;
    }
    if (by_role < 0 && by_stamp < 0)
        for (size_t i = 0, best = 0; i < v->want->n_hosts; i++) {
            size_t votes = 0;
            int n = (int)i;
            if (!view_is_master(v, n) || !view_host(v, n)->listed)
                continue;
            for (size_t k = 0; k < v->want->n_hosts; k++)
                votes += have_is(v->have, (int)k, FACT_HOSTS_REGISTRY, view_host(v, n)->address);
            if (votes > best) {
                best = votes;
                by_hosts = n;
            }
        }
    v->registry = by_role >= 0    ? by_role
                  : by_stamp >= 0 ? by_stamp
                  : by_hosts >= 0 ? by_hosts
                  : v->init_master >= 0 ? v->init_master
                                        : lowest;
}

/* A member that is dead, another machine's, or about to be joined anew. */
static bool leaves_dead(const struct view *v, int node, bool live_leave)
{
    return !live_leave && (view_leaving(v, node) || v->belonging[node] == BELONG_STALE ||
                           (v->belonging[node] == BELONG_FILES && view_is_master(v, node)) || view_dead_attempt(v, node));
}

static const char *no_quorum(const struct view *v, struct quorum q, bool joins)
{
    return arena_printf(v->arena, "etcd has %u of %u members healthy; %s would leave no quorum", q.healthy, q.voters,
                        joins ? "one more (counted as not yet healthy)" : "taking this one away");
}

/* The membership steps in the order in which the graph will take them: members that are dead or another machine's
 * leave, newcomers join one after the other, live leaving ones go. */
static void count_steps(struct view *v, const bool *pinned)
{
    struct quorum q = v->quorum;
    for (int step = 0; step < 3; step++)
        for (size_t i = 0; i < v->want->n_hosts; i++) {
            int n = (int)i;
            bool healthy = yes(v, n, FACT_ETCD_HEALTHY), member = yes(v, n, FACT_ETCD_MEMBER);
            bool live_leave = view_leaves_alive(v, n);
            if (pinned[n] || view_removal_refusal(v, n))
                continue;
            if (step == 1 && view_is_master(v, n) && !v->stays_out[n] && view_to_join(v, n)) {
                if (v->quorum_leave[n] || !quorum_may_add(q)) {
                    v->quorum_join[n] = no_quorum(v, q, true);
                    continue;
                }
                q.voters++;
                q.healthy++; /* its join is proved by its health before the next step starts */
            } else if (step != 1 && member && (step == 0 ? leaves_dead(v, n, live_leave) : live_leave)) {
                if (!quorum_may_remove(q, healthy)) {
                    v->quorum_leave[n] = no_quorum(v, q, false);
                    continue;
                }
                q.voters--;
                q.healthy -= healthy;
            }
        }
}

/* An API server that is to go goes only where another one answers, or will: of external etcd's quorum nothing is known. */
static void keep_last_master(struct view *v)
{
    size_t left = 0;
    for (size_t i = 0; i < v->want->n_hosts; i++) {
        int n = (int)i;
        if (view_is_master(v, n) && !view_leaves_alive(v, n))
            left += v->belonging[n] == BELONG_MEMBER ? yes(v, n, FACT_API_ANSWERS) : !v->stays_out[n] && view_to_join(v, n);
    }
    for (size_t i = 0; i < v->want->n_hosts && v->exists == TRI_TRUE && !left; i++)
        if (view_is_master(v, (int)i) && view_leaves_alive(v, (int)i) && yes(v, (int)i, FACT_API_ANSWERS))
            note(&v->quorum_leave[i], "no other master's API server answers, and none is to join first");
}

/* A member that has to join anew, but may not, is not taken away either: then the others are counted with it. */
static bool pin_members(struct view *v, bool *pinned)
{
    bool any = false;
    for (size_t i = 0; i < v->want->n_hosts; i++)
        if (!pinned[i] && v->belonging[i] == BELONG_FILES && v->quorum_join[i] && !v->quorum_leave[i] &&
            yes(v, (int)i, FACT_ETCD_MEMBER))
            any = pinned[i] = true;
    return any;
}

/* One that answers, but has to join anew, needs another one to join: nobody joins itself. */
static void pin_last_answer(struct view *v, bool *pinned)
{
    size_t members = 0;
    for (size_t i = 0; i < v->want->n_hosts; i++)
        members += view_is_master(v, (int)i) && v->belonging[i] == BELONG_MEMBER && yes(v, (int)i, FACT_API_ANSWERS);
    for (size_t i = 0; i < v->want->n_hosts && !members; i++)
        if (view_is_master(v, (int)i) && v->belonging[i] == BELONG_FILES && yes(v, (int)i, FACT_API_ANSWERS)) {
            pinned[i] = true;
            v->quorum_join[i] = "it would have to join anew, but no other master's API server answers";
        }
}

void view_count_quorum(struct view *v)
{
    struct quorum q = {(unsigned)v->have->cluster.n_stray, 0};
    for (size_t i = 0; i < v->want->n_hosts; i++)
        if (yes(v, (int)i, FACT_ETCD_MEMBER)) {
            q.voters++;
            q.healthy += yes(v, (int)i, FACT_ETCD_HEALTHY);
        }
    v->quorum = q;
    _cleanup_(mem_freep) bool *pinned = mem_alloc(v->want->n_hosts + 1);
    pin_last_answer(v, pinned);
    do {
        for (size_t i = 0; i < v->want->n_hosts; i++) {
            v->quorum_leave[i] = NULL;
            if (!v->stays_out[i] && !pinned[i])
                v->quorum_join[i] = NULL;
        }
        if (v->have->cluster.etcd == TRI_TRUE && v->exists == TRI_TRUE)
            count_steps(v, pinned);
    } while (pin_members(v, pinned));
    keep_last_master(v);
}

struct view *view_new(const struct want *w, const struct have *h, bool settled)
{
    struct view *v = mem_alloc(sizeof *v);
    v->arena = arena_new();
    v->want = w;
    v->have = h;
    v->settled = settled;
    size_t n = w->n_hosts;
    v->belonging = arena_alloc(v->arena, n * sizeof *v->belonging);
    v->trouble = arena_alloc(v->arena, n * sizeof *v->trouble);
    v->trouble_is_refusal = arena_alloc(v->arena, n * sizeof *v->trouble_is_refusal);
    v->stays_out = arena_alloc(v->arena, n * sizeof *v->stays_out);
    v->quorum_join = arena_alloc(v->arena, n * sizeof *v->quorum_join);
    v->quorum_leave = arena_alloc(v->arena, n * sizeof *v->quorum_leave);
    v->render_needed = arena_alloc(v->arena, w->n_renders * sizeof *v->render_needed);
    find_live_master(v);
    find_ca(v);
    find_ca_holder(v);
    judge_existence(v);
    for (size_t i = 0; i < n; i++)
        v->belonging[i] = judge(v, (int)i);
    prefer_live_member(v);
    view_find_trouble(v);
    if (v->exists == TRI_UNKNOWN)
        note(&v->blocked, v->exists_reason);
    choose_init_master(v);
    choose_registry(v);
    for (size_t i = 0; i < n; i++) {
        v->n_leaving += !view_host(v, (int)i)->listed;
        v->n_masters += view_is_master(v, (int)i) && view_host(v, (int)i)->listed;
        v->n_members += view_is_master(v, (int)i) && view_member(v, (int)i);
        if (w->render_of[i] >= 0 && view_rootfs_differs(v, (int)i))
            v->render_needed[w->render_of[i]] = true;
    }
    view_count_quorum(v);
    view_derive_vip(v);
    return v;
}

void view_free(struct view *v)
{
    if (!v)
        return;
    arena_free(v->arena);
    free(v);
}

void view_freep(struct view **v)
{
    view_free(*v);
}
