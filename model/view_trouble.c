/* Why nothing may be done to a node, or to any: out of reach, preflight, duplicates, another cluster's. */
#include "model/text.h"
#include "model/view.h"

#include <string.h>

static bool yes(const struct view *v, int node, enum fact_id f)
{
    return view_fact(v, node, f)->state == TRI_TRUE;
}

struct named {
    const char *name;
    int node;
};

static int named_cmp(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int c = strcmp(x->name, y->name);
    return c ? c : x->node - y->node;
}

static void trouble(struct view *v, int node, bool refusal, const char *words)
{
    if (v->trouble[node])
        return;
    v->trouble[node] = words;
    v->trouble_is_refusal[node] = refusal;
}

/* Who of several with the same name keeps it: a member, else the first master, else the first node. */
static int keeper_of(const struct view *v, const struct named *group, size_t n)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < n; i++)
            if (pass == 0 ? v->belonging[group[i].node] == BELONG_MEMBER : view_is_master(v, group[i].node))
                return group[i].node;
    return group[0].node;
}

/* Kubernetes names Nodes by hostname: the second of a pair would take the first one's place. */
static void refuse_duplicates(struct view *v, enum fact_id f, const char *what, const char *remedy)
{
    struct named *all = mem_alloc((v->want->n_hosts + 1) * sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < v->want->n_hosts; i++)
        if (view_host(v, (int)i)->listed && view_fact(v, (int)i, f)->state == TRI_TRUE)
            all[n++] = (struct named){view_fact(v, (int)i, f)->value, (int)i};
    qsort(all, n, sizeof *all, named_cmp);
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && str_eq(all[end].name, all[first].name); end++)
            ;
        int keeper = end - first > 1 ? keeper_of(v, all + first, end - first) : all[first].node;
        for (size_t i = first; i < end; i++)
            if (all[i].node != keeper && v->belonging[all[i].node] != BELONG_MEMBER)
                trouble(v, all[i].node, true,
                        arena_printf(v->arena, "its %s \"%s\" is also that of %s; %s", what, all[i].name,
                                     view_host(v, keeper)->address, remedy));
    }
    free(all);
}

static const char *busy_port(const struct view *v, int node, struct arena *a)
{
    const struct fact *busy = view_fact(v, node, FACT_PORTS_BUSY);
    if (busy->state != TRI_TRUE)
        return NULL;
    static const char *const master[] = {"2379", "2380", "6443", "10250", "10257", "10259"};
    static const char *const worker[] = {"10250"};
    const char *const *ports = view_is_master(v, node) ? master : worker;
    size_t n = view_is_master(v, node) ? ARRAY_LEN(master) : ARRAY_LEN(worker);
    for (size_t i = 0; i < n; i++)
        if (list_has(busy->value, ports[i]))
            return arena_strdup(a, ports[i]);
    return NULL;
}

/* What Sealos checks by script (facts 2.8), here as reasons in the plan; only for nodes that are not members yet. */
static void preflight(struct view *v, int node)
{
    const struct policy *p = &v->want->policy;
    const struct want_host *h = view_host(v, node);
    const struct fact *skew = view_fact(v, node, FACT_CLOCK_SKEW), *disk = view_fact(v, node, FACT_DISK_FREE);
    const struct fact *arch = view_fact(v, node, FACT_ARCH);
    if (v->belonging[node] == BELONG_MEMBER)
        return;
    if (skew->state == TRI_TRUE && llabs(strtoll(skew->value, NULL, 10)) > (long long)p->clock_tolerance_s)
        trouble(v, node, true,
                arena_printf(v->arena, "its clock is off by %s s (more than %u s): certificates would not be valid yet or "
                                       "any more; set the clock (chrony, ntpd) and run again",
                             skew->value, p->clock_tolerance_s));
    bool untouched = view_fact(v, node, FACT_OURS)->state == TRI_FALSE; /* later it is we who use the disk */
    if (untouched && disk->state == TRI_TRUE && strtoull(disk->value, NULL, 10) < p->disk_free_mib)
        trouble(v, node, true,
                arena_printf(v->arena, "only %s MiB are free under /var/lib (at least %u are needed); free some space, or "
                                       "set spec.minDiskFree in the ReconcilePolicy",
                             disk->value, p->disk_free_mib));
    if (h->arch && arch->state == TRI_TRUE && !str_eq(h->arch, arch->value))
        trouble(v, node, true,
                arena_printf(v->arena, "it is %s, but the file says %s; correct its roles", arch->value, h->arch));
    const char *port = view_has_files(v, node) || yes(v, node, FACT_ATTEMPT) ? NULL : busy_port(v, node, v->arena);
    if (port)
        trouble(v, node, true,
                arena_printf(v->arena, "port %s is in use, which kubeadm needs; stop what listens there", port));
}

static void find_node_trouble(struct view *v)
{
    for (size_t i = 0; i < v->want->n_hosts; i++) {
        int n = (int)i;
        const struct fact *r = view_fact(v, n, FACT_REACHED);
        if (r->state != TRI_TRUE) {
            trouble(v, n, false, arena_printf(v->arena, "%s", r->value ? r->value : "unreachable"));
        } else if (view_fact(v, n, FACT_ROOT)->state == TRI_FALSE) {
            trouble(v, n, true, "the login user has no root rights; use root, or a user who may use sudo");
        } else if (view_fact(v, n, FACT_ROOT)->state == TRI_UNKNOWN) {
            trouble(v, n, false, arena_printf(v->arena, "it cannot be told whether the login user has root rights (%s)",
                                              view_fact(v, n, FACT_ROOT)->value));
        } else if (v->belonging[n] == BELONG_FOREIGN) {
            trouble(v, n, true,
                    arena_printf(v->arena, "it belongs to another cluster (its %s is not this cluster's); nothing on it "
                                           "is touched: clean it (kubeadm reset) or take it out of the file",
                                 yes(v, n, FACT_CA) ? "/etc/kubernetes/pki/ca.crt" : "/etc/kubernetes"));
        } else if (view_host(v, n)->listed) {
            preflight(v, n);
        }
    }
}

static void count_unreachable(struct view *v)
{
    int missing = 0;
    for (size_t i = 0; i < v->want->n_hosts; i++)
        missing += view_host(v, (int)i)->listed && !yes(v, (int)i, FACT_REACHED);
    if (!v->blocked && v->want->policy.max_unreachable >= 0 && missing > v->want->policy.max_unreachable)
        v->blocked = arena_printf(v->arena, "%d nodes are unreachable, and the policy allows %d (spec.maxUnreachable)",
                                  missing, v->want->policy.max_unreachable);
}

void view_find_trouble(struct view *v)
{
    find_node_trouble(v);
    refuse_duplicates(v, FACT_HOSTNAME, "hostname", "give each node a name of its own");
    refuse_duplicates(v, FACT_MACHINE_ID, "machine id",
                      "remove /etc/machine-id and run systemd-machine-id-setup on the copy");
    count_unreachable(v);
}
