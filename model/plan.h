/* The plan: a graph of actions, what was left out and why. A pure function of want and have; the same bytes for
 * the same input whatever the order of hosts in the file. */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "model/view.h"

struct subject {
    int node;   /* index of a host, or -1 */
    int image;  /* index of an image, or -1 */
    int render; /* index of a distinct render, or -1 */
};

/* field → fact → rule, in words: "spec.hosts lists 10.0.0.4 as node; it has no Node object" */
struct change {
    const char *field; /* of the Clusterfile: "spec.hosts", "spec.image" */
    const char *fact;  /* what was seen: "hosts entry of the registry is absent" */
    const char *rule;  /* what follows: "every node resolves sealos.hub to the registry" */
};

struct action {
    int kind;               /* index into the catalogue given to plan() */
    struct subject subject;
    const char *id;         /* "kubeadm.join-worker/10.0.0.4": stable across runs, also the journal's and job's key */
    const struct change *changes;
    size_t n_changes;
    const int *needs, *after; /* indices of actions, ascending; every index is smaller than this action's own */
    size_t n_needs, n_after;
};

struct left_out {
    int kind;               /* -1: all kinds on this subject (its node could not be reached, say) */
    struct subject subject;
    const char *id;         /* as an action's, or the node's address */
    const char *reason;
    bool refusal;           /* forbidden by a rule; else merely not possible now */
};

struct plan {
    struct arena *arena;
    struct action *actions; /* in a topological order */
    size_t n_actions;
    struct left_out *left_out;
    size_t n_left_out;
    const char **warnings;
    size_t n_warnings, cap_warnings;
    const bool *stays_out; /* per host, as in struct view: for views made while the plan runs */
};

struct kind_rules;
/* rules: the pure halves of the catalogue, in its order; cycles are a bug of ours: ERR_INTERNAL naming them. */
struct error;
int plan_make(const struct want *w, const struct have *h, const struct kind_rules *const *rules, size_t n_rules,
              struct plan **ret, struct error **err);
void plan_free(struct plan *p);
void plan_freep(struct plan **p);
/* "kubeadm.join-worker/10.0.0.4", "guest.run/net@10.0.0.1", "image.pull/kubernetes", "pki.issue" */
const char *subject_id(struct arena *a, const struct want *w, const char *kind, struct subject s);

#endif
