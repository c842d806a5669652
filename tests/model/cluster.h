/* Virtual clusters for the planner's tests: a want made in code, machines as they come out of the box, and a world of
 * laws of its own that does not know what effect() says. */
#ifndef TESTS_MODEL_CLUSTER_H
#define TESTS_MODEL_CLUSTER_H

#include "actions/kind.h"
#include "model/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct want_env rootfs_labels[] = {{"sealos.io.type", "rootfs"},
                                                {"version", "v1.28.0"},
                                                {"image", "registry/lvscare:v5"},
                                                {"vip", "$defaultVIP"}};
static const struct want_env rootfs_env[] = {{"defaultVIP", "10.103.97.2"}, {"registryDomain", "sealos.hub"}};
static const char *const app_cmd[] = {"kubectl apply -f manifests/net.yaml", NULL};

static inline void add_host(struct want *w, const char *address, unsigned roles, bool listed)
{
    struct want_host *h = &w->hosts[w->n_hosts++];
    *h = (struct want_host){.address = arena_strdup(w->arena, address), .roles = roles, .listed = listed};
}

static inline struct want_image image_of(const char *name, enum image_type type, const char *hex, bool commands)
{
    struct want_image i = {.reference = name, .name = name, .resolved = true, .digest = hex, .type = type,
                           .cmd = commands ? app_cmd : NULL, .has_registry = true};
    if (type == IMAGE_ROOTFS) {
        i.version = "v1.28.0";
        i.labels = rootfs_labels;
        i.n_labels = ARRAY_LEN(rootfs_labels);
        i.env = rootfs_env;
        i.n_env = ARRAY_LEN(rootfs_env);
    }
    return i;
}

/* Room for 32 hosts; call cluster_finish when they are all added. */
static inline struct want *cluster_want(bool patch)
{
    struct want *w = mem_alloc(sizeof *w);
    w->arena = arena_new();
    w->cluster = "default";
    w->hosts = arena_alloc(w->arena, 32 * sizeof *w->hosts);
    w->images = arena_alloc(w->arena, 3 * sizeof *w->images);
    w->images[w->n_images++] = image_of("kubernetes", IMAGE_ROOTFS, "sha256:aa", false);
    if (patch)
        w->images[w->n_images++] = image_of("patch", IMAGE_PATCH, "sha256:bb", true);
    w->images[w->n_images++] = image_of("net", IMAGE_APPLICATION, "sha256:cc", true);
    w->policy = policy_defaults();
    return w;
}

static inline void cluster_finish(struct want *w)
{
    struct error *err = NULL;
    if (want_finish(w, &err) < 0) {
        fprintf(stderr, "want_finish: %s\n", err->message);
        abort();
    }
}

/* A machine out of the box: reached, empty. */
static inline void bare_machine(struct have *h, int node, const char *machine)
{
    char name[32];
    snprintf(name, sizeof name, "node%d", node);
    for (int f = 0; f < FACT_COUNT; f++)
        have_false(h, node, (enum fact_id)f);
    have_true(h, node, FACT_REACHED, "");
    have_true(h, node, FACT_ROOT, "");
    have_true(h, node, FACT_HOSTNAME, name);
    have_true(h, node, FACT_MACHINE_ID, machine);
    have_true(h, node, FACT_BOOT_ID, "b");
    have_true(h, node, FACT_CLOCK_SKEW, "0");
    have_true(h, node, FACT_OS, "debian 12");
    have_true(h, node, FACT_ARCH, "amd64");
    have_true(h, node, FACT_KERNEL, "6.1");
    have_true(h, node, FACT_DISK_FREE, "50000");
    have_true(h, node, FACT_MEMORY, "8000");
    have_true(h, node, FACT_SHIM_UP, "");
}

/* Out of the box again, while the API still knows what was here before. */
static inline void wiped_machine(struct have *h, int node, const char *machine)
{
    struct fact kept[FACT_COUNT];
    memcpy(kept, h->nodes[node].facts, sizeof kept);
    bare_machine(h, node, machine);
    for (int f = FACT_NODE_OBJECT; f <= FACT_ETCD_HEALTHY; f++)
        h->nodes[node].facts[f] = kept[f];
}

static inline struct have *bare_have(const struct want *w)
{
    struct have *h = have_new(w->n_hosts, w->n_images, w->n_renders);
    for (size_t i = 0; i < w->n_hosts; i++) {
        char machine[32];
        snprintf(machine, sizeof machine, "m%zu", i);
        bare_machine(h, (int)i, machine);
    }
    h->cluster.api = TRI_FALSE;
    h->cluster.etcd = TRI_FALSE;
    h->cluster.tokens = (struct fact){TRI_FALSE, NULL};
    return h;
}

static inline struct plan *plan_of(const struct want *w, const struct have *h)
{
    struct plan *p = NULL;
    struct error *err = NULL;
    if (plan_make(w, h, catalogue_rules, catalogue_len, &p, &err) < 0) {
        fprintf(stderr, "plan_make: %s\n", err->message);
        abort();
    }
    return p;
}

static inline const char *kind_name(const struct action *a)
{
    return catalogue_rules[a->kind]->name;
}

static inline void apply_effect(const struct want *w, struct have *h, const struct action *a)
{
    struct view *v = view_new(w, h, true);
    catalogue_rules[a->kind]->effect(v, h, a->subject);
    view_free(v);
}

static inline void apply_all(const struct want *w, struct have *h)
{
    struct plan *p = plan_of(w, h);
    for (size_t i = 0; i < p->n_actions; i++)
        apply_effect(w, h, &p->actions[i]);
    plan_free(p);
}

/* A cluster of all hosts of w, those that leave included, but for the strange ones (NULL: none). */
static inline void settle_without(struct want *w, struct have *h, const bool *strange)
{
    _cleanup_(mem_freep) bool *listed = mem_alloc(w->n_hosts + 1);
    for (size_t i = 0; i < w->n_hosts; i++) {
        listed[i] = w->hosts[i].listed;
        w->hosts[i].listed = !strange || !strange[i];
    }
    apply_all(w, h);
    for (size_t i = 0; i < w->n_hosts; i++)
        w->hosts[i].listed = listed[i];
}

/* The effects of all actions before the first one of this kind. */
static inline void apply_until(const struct want *w, struct have *h, const char *kind)
{
    struct plan *p = plan_of(w, h);
    for (size_t i = 0; i < p->n_actions && !str_eq(kind_name(&p->actions[i]), kind); i++)
        apply_effect(w, h, &p->actions[i]);
    plan_free(p);
}

static inline void print_plan(FILE *out, const struct plan *p)
{
    for (size_t i = 0; i < p->n_actions; i++) {
        fprintf(out, "%zu %s\n", i, p->actions[i].id);
        for (size_t c = 0; c < p->actions[i].n_changes; c++)
            fprintf(out, "      %s\n", p->actions[i].changes[c].fact);
    }
    for (size_t i = 0; i < p->n_left_out; i++)
        fprintf(out, "- %s: %s\n", p->left_out[i].id, p->left_out[i].reason);
}

#endif
