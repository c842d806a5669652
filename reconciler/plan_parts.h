/* The planner's workbench, shared by its passes and by nobody else. */
#ifndef RECONCILER_PLAN_PARTS_H
#define RECONCILER_PLAN_PARTS_H

#include "actions/kind.h"
#include "model/plan.h"

struct candidate { /* a kind on a subject about which there is something to say */
    int kind;
    struct subject subject;
    enum verdict verdict;
    int because;        /* 1 + index of the candidate whose absence takes this one along; 0: its own reason */
    const char *reason;
    const char *const *only_with; /* as in struct finding */
    bool anywhere;
    struct change *changes;
    size_t n_changes;
};

struct of_kind {
    size_t n_slots, first, n; /* its candidates stand at [first, first + n), in the order of subjects */
    int *candidate;           /* slot → candidate, or -1 */
};

struct link {
    int from, to; /* candidates: from needs (or comes after) to */
    bool needs;
};

struct planning {
    const struct want *want;
    const struct view *view;
    const struct kind_rules *const *rules;
    size_t n_rules;
    struct plan *plan;
    struct arena *scratch;
    struct candidate *candidates;
    size_t n_candidates, cap_candidates;
    struct of_kind *kinds;
    struct link *links;
    size_t n_links, cap_links;
};

void plan_link(struct planning *p);                        /* plan_link.c */
int plan_order(struct planning *p, struct error **err);    /* plan_order.c */

#endif
