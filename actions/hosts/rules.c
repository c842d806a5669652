/* Managed entries of /etc/hosts. */
#include "actions/families.h"

struct entry {
    enum fact_id fact;
    const char *name, *address;
};

/* The entries that a node must have by hosts.set; a member master's own name belongs to hosts.own. */
static size_t wanted(const struct view *v, int node, struct entry out[3])
{
    size_t n = 0;
    if (v->registry >= 0)
        out[n++] = (struct entry){FACT_HOSTS_REGISTRY, v->want->registry_domain, view_host(v, v->registry)->address};
    const char *api = view_api_address(v, node);
    if (api && !(view_is_master(v, node) && view_member(v, node)))
        out[n++] = (struct entry){FACT_HOSTS_API, API_SERVER_DOMAIN, api};
    if (view_is_worker(v, node))
        out[n++] = (struct entry){FACT_HOSTS_LVSCARE, LVSCARE_NODE_NAME, view_host(v, node)->address};
    return n;
}

static enum verdict set_wants(const struct view *v, struct subject s, struct finding *f)
{
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    struct entry entries[3];
    size_t n = wanted(v, s.node, entries);
    enum verdict verdict = VERDICT_NO;
    for (size_t i = 0; i < n; i++) {
        enum verdict known = rules_known(v, s.node, entries[i].fact, f);
        if (known != VERDICT_NO)
            return known;
        if (!have_is(v->have, s.node, entries[i].fact, entries[i].address))
            verdict = finding_change(f, "spec.hosts", arena_printf(f->arena, "%s is %s here", entries[i].name, entries[i].address),
                                     "the hosts entry %s is %s", entries[i].name,
                                     rules_says(v, s.node, entries[i].fact, f->arena));
    }
    return verdict;
}

static void set_effect(const struct view *v, struct have *h, struct subject s)
{
    struct entry entries[3];
    size_t n = wanted(v, s.node, entries);
    for (size_t i = 0; i < n; i++)
        have_true(h, s.node, entries[i].fact, entries[i].address);
}

static struct value *entry_value(struct arena *a, const char *address, const char *name)
{
    struct value *e = value_map(a);
    value_set(a, e, "address", value_string(a, address));
    value_set(a, e, "name", value_string(a, name));
    return e;
}

static struct value *set_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct entry entries[3];
    size_t n = wanted(v, s.node, entries);
    struct value *in = value_map(a), *list = value_list(a);
    for (size_t i = 0; i < n; i++)
        value_push(a, list, entry_value(a, entries[i].address, entries[i].name));
    value_set(a, in, "entries", list);
    return in;
}

/* A registry that moves serves at its new place before nodes are sent there. */
static bool registry_moves(const struct view *v, struct subject from, struct subject to)
{
    (void)to;
    return view_fact(v, from.node, FACT_HOSTS_REGISTRY)->state == TRI_TRUE &&
           !have_is(v->have, from.node, FACT_HOSTS_REGISTRY, view_host(v, v->registry)->address);
}
static const struct edge set_needs[] = {{"registry.init", SCOPE_OTHERS, registry_moves}, {0}};

const struct kind_rules rules_hosts_set = {
    .name = "hosts.set",
    .step = "2.6.1",
    .title = "set hosts entries",
    .subject = SUBJECT_NODE,
    .wants = set_wants,
    .needs = set_needs,
    .premises = SECTION_HOSTS,
    .proof = SECTION_HOSTS,
    .effect = set_effect,
    .inputs = set_inputs,
    .timeout_s = 60,
    .retry = true,
};

static enum verdict own_wants(const struct view *v, struct subject s, struct finding *f)
{
    if (!view_is_master(v, s.node))
        return VERDICT_NO;
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    if (!view_member(v, s.node) && !view_to_join(v, s.node))
        return VERDICT_NO;
    enum verdict known = rules_known(v, s.node, FACT_HOSTS_API, f);
    if (known != VERDICT_NO)
        return known;
    if (!v->settled && view_to_join(v, s.node)) /* until then it names a live member, by hosts.set */
        return finding_change(f, "spec.hosts", "a master that has joined asks its own API server",
                              "it is to join; until then the entry names a live master");
    if (have_is(v->have, s.node, FACT_HOSTS_API, view_host(v, s.node)->address))
        return VERDICT_NO;
    return finding_change(f, "spec.hosts", "a master that has joined asks its own API server",
                          "the hosts entry " API_SERVER_DOMAIN " is %s", rules_says(v, s.node, FACT_HOSTS_API, f->arena));
}

static void own_effect(const struct view *v, struct have *h, struct subject s)
{
    have_true(h, s.node, FACT_HOSTS_API, view_host(v, s.node)->address);
}

static struct value *own_inputs(const struct view *v, struct subject s, struct arena *a)
{
    struct value *in = value_map(a), *list = value_list(a);
    value_push(a, list, entry_value(a, view_host(v, s.node)->address, API_SERVER_DOMAIN));
    value_set(a, in, "entries", list);
    return in;
}

static const struct edge own_needs[] = {{"kubeadm.join-master", SCOPE_SAME, NULL}, {0}};

const struct kind_rules rules_hosts_own = {
    .name = "hosts.own",
    .step = "2.6.1",
    .title = "point the master at itself",
    .subject = SUBJECT_NODE,
    .wants = own_wants,
    .needs = own_needs,
    .premises = SECTION_HOSTS,
    .proof = SECTION_HOSTS,
    .effect = own_effect,
    .inputs = own_inputs,
    .timeout_s = 60,
    .retry = true,
};
