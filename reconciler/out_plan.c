#include "reconciler/out_plan.h"

static const struct kind_rules *rules_of(const struct plan_print *p, const struct action *a)
{
    return p->rules[a->kind];
}

static size_t count_nodes(const struct plan_print *p)
{
    _cleanup_(mem_freep) bool *seen = mem_alloc(p->want->n_hosts + 1);
    size_t n = 0;
    for (size_t i = 0; i < p->plan->n_actions; i++) {
        int node = p->plan->actions[i].subject.node;
        if (node >= 0 && !seen[node]) {
            seen[node] = true;
            n++;
        }
    }
    return n;
}

static size_t count_kind(const struct plan *p, int kind)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_actions; i++)
        n += p->actions[i].kind == kind;
    return n;
}

/* Kinds in the order of their first action. */
static void add_kinds(struct text *out, const struct plan_print *p)
{
    _cleanup_(mem_freep) bool *seen = NULL;
    size_t n_seen = 0;
    const char *comma = "";
    for (size_t i = 0; i < p->plan->n_actions; i++) {
        int kind = p->plan->actions[i].kind;
        if ((size_t)kind >= n_seen) {
            seen = mem_array(seen, (size_t)kind + 1, sizeof *seen);
            while (n_seen <= (size_t)kind)
                seen[n_seen++] = false;
        }
        if (seen[kind])
            continue;
        seen[kind] = true;
        text_addf(out, "%s%zu %s", comma, count_kind(p->plan, kind), p->rules[kind]->name);
        comma = ", ";
    }
}

void out_plan_summary(struct text *out, const struct plan_print *p)
{
    size_t n = p->plan->n_actions, left = p->plan->n_left_out, nodes = count_nodes(p);
    if (n == 0) {
        text_add(out, left ? "Nothing can be done now" : "Nothing to do: the cluster is as wanted");
    } else {
        text_addf(out, "Plan: %zu %s", n, out_plural(n, "action", "actions"));
        if (nodes)
            text_addf(out, " on %zu %s", nodes, out_plural(nodes, "node", "nodes"));
        text_add(out, ": ");
        add_kinds(out, p);
    }
    if (left)
        text_addf(out, "; %zu left out", left);
    text_addc(out, '.');
}

static void add_ids(struct text *out, const struct plan *p, const int *list, size_t n, const char *label)
{
    if (n == 0)
        return;
    text_addf(out, "       %s:", label);
    for (size_t i = 0; i < n; i++)
        text_addf(out, " %d", list[i] + 1);
    text_addc(out, '\n');
    (void)p;
}

static void add_change(struct text *out, const struct style *s, const struct change *c)
{
    text_add(out, "       ");
    style_add(out, s, COLOUR_DIM, c->field);
    text_add(out, " → ");
    text_add_safe(out, c->fact, 500);
    text_add(out, " → ");
    text_add_safe(out, c->rule, 500);
    text_addc(out, '\n');
}

static void add_action(struct text *out, const struct style *s, const struct plan_print *p, size_t i,
                       bool verbose)
{
    const struct action *a = &p->plan->actions[i];
    const struct kind_rules *r = rules_of(p, a);
    text_addf(out, "%5zu  ", i + 1);
    style_add(out, s, r->destroys ? COLOUR_RED : COLOUR_BOLD, a->id);
    text_addf(out, ": %s", r->title);
    if (r->destroys)
        text_add(out, " (cannot be undone)");
    else if (r->disrupts)
        text_add(out, " (disrupts what runs there)");
    text_addc(out, '\n');
    for (size_t c = 0; c < a->n_changes; c++)
        add_change(out, s, &a->changes[c]);
    if (verbose) {
        add_ids(out, p->plan, a->needs, a->n_needs, "needs");
        add_ids(out, p->plan, a->after, a->n_after, "after");
    }
}

static void add_left_out(struct text *out, const struct style *s, const struct plan *p)
{
    if (p->n_left_out)
        text_add(out, "Left out:\n");
    for (size_t i = 0; i < p->n_left_out; i++) {
        const struct left_out *l = &p->left_out[i];
        text_add(out, "    -  ");
        style_add(out, s, l->refusal ? COLOUR_RED : COLOUR_YELLOW, l->id);
        text_addf(out, ": %s", l->refusal ? "refused: " : "");
        text_add_safe(out, l->reason, 1000);
        text_addc(out, '\n');
    }
}

void out_plan_text(struct text *out, const struct style *s, const struct plan_print *p, bool verbose)
{
    for (size_t i = 0; i < p->plan->n_actions; i++)
        add_action(out, s, p, i, verbose);
    add_left_out(out, s, p->plan);
    for (size_t i = 0; i < p->plan->n_warnings; i++) {
        style_add(out, s, COLOUR_YELLOW, "warning");
        text_add(out, ": ");
        text_add_safe(out, p->plan->warnings[i], 1000);
        text_addc(out, '\n');
    }
    out_plan_summary(out, p);
    text_addc(out, '\n');
}

/* --- Markdown */

/* Inside a table's cell: no bar, no line break, no HTML, no emphasis. */
static void add_cell(struct text *out, const char *s)
{
    _cleanup_(text_free) struct text safe = {0};
    text_add_safe(&safe, s, 500);
    for (const char *c = text_str(&safe); *c; c++) {
        if (*c == '<' || *c == '>' || *c == '&')
            text_add(out, *c == '<' ? "&lt;" : *c == '>' ? "&gt;" : "&amp;");
        else if (*c == '|' || *c == '*' || *c == '_' || *c == '`' || *c == '[' || *c == '\\')
            text_addf(out, "\\%c", *c);
        else
            text_addc(out, *c);
    }
}

void out_plan_markdown(struct text *out, const struct plan_print *p)
{
    const struct plan *plan = p->plan;
    text_add(out, "### Cluster ");
    add_cell(out, p->want->cluster);
    text_add(out, "\n\n");
    _cleanup_(text_free) struct text summary = {0};
    out_plan_summary(&summary, p);
    add_cell(out, text_str(&summary));
    text_add(out, "\n");
    if (plan->n_actions)
        text_add(out, "\n| # | action | why |\n|---:|---|---|\n");
    for (size_t i = 0; i < plan->n_actions; i++) {
        const struct action *a = &plan->actions[i];
        text_addf(out, "| %zu | `%s`%s | ", i + 1, a->id,
                  rules_of(p, a)->destroys ? " **cannot be undone**" : "");
        for (size_t c = 0; c < a->n_changes; c++) {
            text_add(out, c ? "<br>" : "");
            add_cell(out, a->changes[c].field);
            text_add(out, " → ");
            add_cell(out, a->changes[c].fact);
            text_add(out, " → ");
            add_cell(out, a->changes[c].rule);
        }
        text_add(out, " |\n");
    }
    if (plan->n_left_out)
        text_add(out, "\n| left out | why |\n|---|---|\n");
    for (size_t i = 0; i < plan->n_left_out; i++) {
        text_addf(out, "| `%s` | %s", plan->left_out[i].id, plan->left_out[i].refusal ? "refused: " : "");
        add_cell(out, plan->left_out[i].reason);
        text_add(out, " |\n");
    }
    for (size_t i = 0; i < plan->n_warnings; i++) {
        text_add(out, "\n> ");
        add_cell(out, plan->warnings[i]);
        text_add(out, "\n");
    }
}

/* --- JSON */

static struct value *ids(struct arena *a, const struct plan *p, const int *list, size_t n)
{
    struct value *v = value_list(a);
    for (size_t i = 0; i < n; i++)
        value_push(a, v, value_string(a, p->actions[list[i]].id));
    return v;
}

static void set_subject(struct arena *a, struct value *v, const struct want *w, struct subject s)
{
    if (s.node >= 0)
        value_set(a, v, "node", value_string(a, w->hosts[s.node].address));
    if (s.image >= 0)
        value_set(a, v, "image", value_string(a, w->images[s.image].reference));
}

static struct value *one_action(struct arena *a, const struct plan_print *p, const struct action *x)
{
    const struct kind_rules *r = rules_of(p, x);
    struct value *v = value_map(a), *changes = value_list(a);
    value_set(a, v, "id", value_string(a, x->id));
    value_set(a, v, "kind", value_string(a, r->name));
    value_set(a, v, "title", value_string(a, r->title));
    value_set(a, v, "step", value_string(a, r->step ? r->step : ""));
    set_subject(a, v, p->want, x->subject);
    value_set(a, v, "disrupts", value_bool(a, r->disrupts));
    value_set(a, v, "destroys", value_bool(a, r->destroys));
    for (size_t i = 0; i < x->n_changes; i++) {
        struct value *c = value_map(a);
        value_set(a, c, "field", value_string(a, x->changes[i].field));
        value_set(a, c, "fact", value_string(a, x->changes[i].fact));
        value_set(a, c, "rule", value_string(a, x->changes[i].rule));
        value_push(a, changes, c);
    }
    value_set(a, v, "changes", changes);
    value_set(a, v, "needs", ids(a, p->plan, x->needs, x->n_needs));
    value_set(a, v, "after", ids(a, p->plan, x->after, x->n_after));
    return v;
}

struct value *out_plan_json(struct arena *a, const struct plan_print *p)
{
    const struct plan *plan = p->plan;
    struct value *v = value_map(a), *actions = value_list(a), *left = value_list(a),
                 *warnings = value_list(a);
    value_set(a, v, "formatVersion", value_string(a, "plan/1"));
    value_set(a, v, "cluster", value_string(a, p->want->cluster));
    value_set(a, v, "empty", value_bool(a, plan->n_actions == 0));
    for (size_t i = 0; i < plan->n_actions; i++)
        value_push(a, actions, one_action(a, p, &plan->actions[i]));
    for (size_t i = 0; i < plan->n_left_out; i++) {
        const struct left_out *l = &plan->left_out[i];
        struct value *x = value_map(a);
        value_set(a, x, "id", value_string(a, l->id));
        if (l->kind >= 0)
            value_set(a, x, "kind", value_string(a, p->rules[l->kind]->name));
        set_subject(a, x, p->want, l->subject);
        value_set(a, x, "reason", value_string(a, l->reason));
        value_set(a, x, "refusal", value_bool(a, l->refusal));
        value_push(a, left, x);
    }
    for (size_t i = 0; i < plan->n_warnings; i++)
        value_push(a, warnings, value_string(a, plan->warnings[i]));
    value_set(a, v, "actions", actions);
    value_set(a, v, "leftOut", left);
    value_set(a, v, "warnings", warnings);
    return v;
}
