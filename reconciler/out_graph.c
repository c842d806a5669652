/* The plan as a drawing: DOT and Mermaid. Solid edges: needs; dashed: after. */
#include "reconciler/out_plan.h"

#include <string.h>

/* Inside a quoted label of DOT or Mermaid. */
static void add_label(struct text *out, const char *s, bool mermaid)
{
    for (; *s; s++) {
        if (*s == '"')
            text_add(out, mermaid ? "#quot;" : "\\\"");
        else if (*s == '\\')
            text_add(out, "\\\\");
        else if (mermaid && (*s == '<' || *s == '>' || *s == '#' || *s == '&'))
            text_addf(out, "#%d;", *s);
        else
            text_addc(out, (unsigned char)*s < 0x20 ? ' ' : *s);
    }
}

/* Consecutive boxes of one node would be ideal, but the order of actions is the plan's: colour groups them
 * instead. */
static const char *fill(const struct plan_print *p, const struct action *a)
{
    const struct kind_rules *r = p->rules[a->kind];
    if (r->destroys)
        return "#f4cccc";
    if (r->disrupts)
        return "#fff2cc";
    return r->local ? "#eeeeee" : a->subject.node < 0 ? "#d9ead3" : "#ffffff";
}

static void dot_edges(struct text *out, size_t to, const int *from, size_t n, const char *attributes)
{
    for (size_t i = 0; i < n; i++)
        text_addf(out, "  a%d -> a%zu%s;\n", from[i] + 1, to + 1, attributes);
}

void out_graph_dot(struct text *out, const struct plan_print *p)
{
    const struct plan *plan = p->plan;
    text_add(
        out,
        "digraph reconcile {\n  rankdir=LR;\n  node [shape=box, style=filled, fontname=\"sans-serif\"];\n"
        "  label=\"");
    add_label(out, p->want->cluster, false);
    text_add(out, ": solid needs, dashed after\";\n");
    for (size_t i = 0; i < plan->n_actions; i++) {
        text_addf(out, "  a%zu [label=\"", i + 1);
        add_label(out, plan->actions[i].id, false);
        text_addf(out, "\", fillcolor=\"%s\"];\n", fill(p, &plan->actions[i]));
    }
    for (size_t i = 0; i < plan->n_actions; i++) {
        const struct action *a = &plan->actions[i];
        dot_edges(out, i, a->needs, a->n_needs, "");
        dot_edges(out, i, a->after, a->n_after, " [style=dashed]");
    }
    text_add(out, "}\n");
}

void out_graph_mermaid(struct text *out, const struct plan_print *p)
{
    const struct plan *plan = p->plan;
    text_add(out, "flowchart LR\n");
    for (size_t i = 0; i < plan->n_actions; i++) {
        text_addf(out, "  a%zu[\"", i + 1);
        add_label(out, plan->actions[i].id, true);
        text_add(out, "\"]\n");
    }
    for (size_t i = 0; i < plan->n_actions; i++) {
        const struct action *a = &plan->actions[i];
        for (size_t j = 0; j < a->n_needs; j++)
            text_addf(out, "  a%d --> a%zu\n", a->needs[j] + 1, i + 1);
        for (size_t j = 0; j < a->n_after; j++)
            text_addf(out, "  a%d -.-> a%zu\n", a->after[j] + 1, i + 1);
        const char *colour = fill(p, a);
        if (strcmp(colour, "#ffffff") != 0)
            text_addf(out, "  style a%zu fill:%s\n", i + 1, colour);
    }
}
