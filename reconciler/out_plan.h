/* A plan for people, for pull requests, for machines, and as a graph. The same bytes for the same plan. */
#ifndef RECONCILER_OUT_PLAN_H
#define RECONCILER_OUT_PLAN_H

#include "actions/kind.h"
#include "model/value.h"
#include "reconciler/out_text.h"

struct plan_print {
    const struct want *want;
    const struct plan *plan;
    const struct kind_rules *const *rules; /* the table that plan_make was given */
};

/* Each action numbered in order with its reasons, what was left out and why, a summary line. verbose: edges
 * too. */
void out_plan_text(struct text *out, const struct style *s, const struct plan_print *p, bool verbose);
void out_plan_markdown(struct text *out, const struct plan_print *p);
/* schema/plan.schema.json; "plan/1" */
struct value *out_plan_json(struct arena *a, const struct plan_print *p);
/* "Plan: 12 actions on 5 nodes: 5 hosts.set, …" or "Nothing to do: …"; no newline. */
void out_plan_summary(struct text *out, const struct plan_print *p);

/* One action: all of its reasons, what it waits for, what waits for it; or why it was left out. -1: neither;
 * hint has the nearest id. */
int out_plan_explain(struct text *out, const struct style *s, const struct plan_print *p, const char *id,
                     struct error **err);

void out_graph_dot(struct text *out, const struct plan_print *p);
void out_graph_mermaid(struct text *out, const struct plan_print *p);

#endif
