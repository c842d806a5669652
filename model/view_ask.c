/* The questions that rules ask a view. */
#include "model/text.h"
#include "model/view.h"

#include <stdio.h>
#include <string.h>

static bool yes(const struct view *v, int node, enum fact_id f)
{
    return view_fact(v, node, f)->state == TRI_TRUE;
}

bool view_member(const struct view *v, int node)
{
    if (v->belonging[node] == BELONG_MEMBER)
        return true;
    /* A member that cannot be reached stays one: it is listed by the API. */
    return v->belonging[node] == BELONG_UNKNOWN && yes(v, node, FACT_NODE_OBJECT) &&
           (view_is_worker(v, node) || view_fact(v, node, FACT_ETCD_MEMBER)->state != TRI_FALSE ||
            value_path(v->want->cluster_configuration, "etcd.external"));
}

bool view_to_init(const struct view *v, int node)
{
    return v->exists == TRI_FALSE && node == v->init_master && !v->blocked;
}

bool view_to_join(const struct view *v, int node)
{
    if (!view_host(v, node)->listed || v->trouble[node] || v->blocked || v->quorum_join[node])
        return false;
    switch (v->belonging[node]) {
    case BELONG_NO:
    case BELONG_ATTEMPT:
    case BELONG_FILES:
    case BELONG_STALE:
        break;
    default:
        return false;
    }
    if (v->exists == TRI_TRUE)
        return v->live_master >= 0;
    return v->exists == TRI_FALSE && v->init_master >= 0 && node != v->init_master;
}

bool view_rootfs_differs(const struct view *v, int node)
{
    const struct fact *f = view_fact(v, node, FACT_ROOTFS);
    if (!view_host(v, node)->listed || v->trouble[node] || v->blocked || f->state == TRI_UNKNOWN)
        return false;
    return f->state == TRI_FALSE || !str_eq(f->value, v->want->render_keys[node]);
}

bool view_leaves_alive(const struct view *v, int node)
{
    return view_leaving(v, node) && yes(v, node, FACT_REACHED) &&
           (v->belonging[node] == BELONG_MEMBER || (view_is_master(v, node) && yes(v, node, FACT_API_ANSWERS)));
}

const char *view_removal_refusal(const struct view *v, int node)
{
    const struct want *w = v->want;
    const struct want_host *h = view_host(v, node);
    if (h->listed)
        return NULL;
    for (const char *const *p = w->policy.protect; p && *p; p++)
        if (str_eq(*p, h->address))
            return "it is protected (spec.protect of the ReconcilePolicy)";
    if (w->policy.max_removals >= 0 && v->n_leaving > (size_t)w->policy.max_removals)
        return "more nodes would be removed at once than the policy allows (spec.maxRemovals)";
    if (!w->consent && !w->policy.allow_removals)
        return "removing a node needs consent: run with --yes, or set spec.allowRemovals in a ReconcilePolicy";
    return v->quorum_leave[node];
}

const char *host_port(struct arena *a, const char *address, unsigned port)
{
    return arena_printf(a, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
}

static bool serves_api(const struct view *v, int node)
{
    if (!view_is_master(v, node))
        return false;
    if (view_leaving(v, node))
        return view_removal_refusal(v, node) && view_member(v, node); /* it stays */
    /* one whose Node cannot be told of now is not taken out for that */
    if (view_member(v, node) || (v->belonging[node] == BELONG_UNKNOWN && view_fact(v, node, FACT_NODE_OBJECT)->state == TRI_UNKNOWN &&
                                 v->exists == TRI_TRUE))
        return true;
    if (v->belonging[node] == BELONG_FILES && v->quorum_join[node] && yes(v, node, FACT_API_ANSWERS))
        return true; /* it stays as it is */
    return !v->settled && !v->stays_out[node] && (view_to_init(v, node) || view_to_join(v, node));
}

void view_derive_vip(struct view *v)
{
    _cleanup_(text_free) struct text t = {0};
    for (int leaving = 0; leaving < 2 && !t.len; leaving++) /* rather to one that leaves than nowhere */
        for (size_t i = 0; i < v->want->n_hosts; i++)
            if (leaving ? view_leaves_alive(v, (int)i) && view_is_master(v, (int)i) : serves_api(v, (int)i))
                text_addf(&t, "%s%s", t.len ? "," : "", host_port(v->arena, v->want->hosts[i].address, v->want->bind_port));
    v->real_servers = arena_strdup(v->arena, text_str(&t));
    const char *vs = host_port(v->arena, v->want->vip, v->want->bind_port);
    v->vip_rules[0] = arena_printf(v->arena, "nat %s %s", vs, v->real_servers);
    v->vip_rules[1] = arena_printf(v->arena, "ipvs %s %s", vs, v->real_servers);
    v->lvscare_pod = arena_printf(v->arena, "vs=%s rs=%s image=%s", vs, v->real_servers,
                                  v->want->lvscare_image ? v->want->lvscare_image : "");
}

void view_stay_out(struct view *v, const bool *stays_out)
{
    bool fresh = false;
    for (size_t i = 0; stays_out && i < v->want->n_hosts; i++) {
        fresh |= stays_out[i] && !v->stays_out[i];
        v->stays_out[i] |= stays_out[i];
    }
    if (!fresh)
        return;
    view_count_quorum(v);
    view_derive_vip(v);
}

const char *view_real_servers(const struct view *v)
{
    return v->real_servers;
}

const char *view_vip_rules(const struct view *v, int node)
{
    const struct fact *kernel = view_fact(v, node, FACT_IPVS_KERNEL);
    return kernel->state == TRI_UNKNOWN ? NULL : v->vip_rules[kernel->state == TRI_TRUE];
}

const char *view_lvscare_pod(const struct view *v)
{
    return v->lvscare_pod;
}

/* The next word of *s, split at sep; NULL at the end. */
static char *word(char **s, char sep)
{
    char *start = *s;
    if (!start)
        return NULL;
    char *end = strchr(start, sep);
    if (end)
        *end++ = 0;
    *s = end;
    return start;
}

static int text_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "a rs=z,b" → "a rs=b,z": each word's list sorted, a key in front of '=' kept there. */
static void normalise(const char *text, struct text *out)
{
    _cleanup_(mem_freep) char *copy = mem_strdup(text);
    char *rest = copy;
    for (char *w = word(&rest, ' '); w; w = word(&rest, ' ')) {
        char *items[512], *equals = strchr(w, '='), *list = equals ? equals + 1 : w;
        size_t n = 0;
        text_addf(out, "%s%.*s", out->len ? " " : "", (int)(list - w), w);
        for (char *i = word(&list, ','); i && n < ARRAY_LEN(items); i = word(&list, ','))
            items[n++] = i;
        qsort(items, n, sizeof *items, text_cmp);
        for (size_t i = 0; i < n; i++)
            text_addf(out, "%s%s", i ? "," : "", items[i]);
    }
}

bool view_same_servers(const char *a, const char *b)
{
    if (str_eq(a, b)) /* nearly always, and asked of every worker */
        return true;
    _cleanup_(text_free) struct text x = {0}, y = {0};
    normalise(a, &x);
    normalise(b, &y);
    return str_eq(text_str(&x), text_str(&y));
}

const char *view_api_address(const struct view *v, int node)
{
    if (view_leaving(v, node))
        return NULL;
    if (view_is_worker(v, node))
        return v->want->vip;
    if (view_member(v, node) || view_to_init(v, node))
        return view_host(v, node)->address;
    if (v->belonging[node] == BELONG_UNKNOWN)
        return NULL;
    const struct fact *now = view_fact(v, node, FACT_HOSTS_API);
    int named = now->state == TRI_TRUE ? want_find_host(v->want, now->value) : -1;
    if (named >= 0 && named != node && v->want->hosts[named].listed && view_is_master(v, named) && view_member(v, named) &&
        yes(v, named, FACT_API_ANSWERS))
        return now->value; /* any live member will do: no change for its own sake */
    int other = v->live_master >= 0 ? v->live_master : v->init_master;
    return other >= 0 ? view_host(v, other)->address : NULL;
}

const char *view_guest_key(const struct view *v, struct arena *a, int image, int node)
{
    const struct want_image *im = &v->want->images[image];
    const char *colon = im->digest ? strchr(im->digest, ':') : NULL;
    const char *hex = colon ? colon + 1 : im->digest ? im->digest : "unresolved";
    if (node < 0)
        return arena_printf(a, "sha256.%s", hex);
    const struct fact *machine = view_fact(v, node, FACT_MACHINE_ID);
    return arena_printf(a, "sha256.%s.%s", hex, machine->state == TRI_TRUE ? machine->value : "unknown");
}
