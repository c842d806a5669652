#include "reconciler/out_plan.h"

static void add_others(struct text *out, const struct plan *p, const int *list, size_t n, const char *label)
{
    for (size_t i = 0; i < n; i++)
        text_addf(out, "  %s %s\n", label, p->actions[list[i]].id);
}

static void explain_action(struct text *out, const struct style *s, const struct plan_print *p, size_t index)
{
    const struct action *a = &p->plan->actions[index];
    const struct kind_rules *r = p->rules[a->kind];
    style_add(out, s, COLOUR_BOLD, a->id);
    text_addf(out, ": %s, action %zu of %zu", r->title, index + 1, p->plan->n_actions);
    text_add(out, r->destroys ? "; cannot be undone\n" : r->disrupts ? "; disrupts what runs there\n" : "\n");
    for (size_t i = 0; i < a->n_changes; i++) {
        text_addf(out, "  %s\n    seen: ", a->changes[i].field);
        text_add_safe(out, a->changes[i].fact, 1000);
        text_add(out, "\n    rule: ");
        text_add_safe(out, a->changes[i].rule, 1000);
        text_addc(out, '\n');
    }
    add_others(out, p->plan, a->needs, a->n_needs, "needs the success of");
    add_others(out, p->plan, a->after, a->n_after, "waits for the end of");
    for (size_t i = index + 1; i < p->plan->n_actions; i++) {
        const struct action *other = &p->plan->actions[i];
        for (size_t j = 0; j < other->n_needs; j++)
            if (other->needs[j] == (int)index)
                text_addf(out, "  is needed by %s\n", other->id);
    }
}

int out_plan_explain(struct text *out, const struct style *s, const struct plan_print *p, const char *id,
                     struct error **err)
{
    const struct plan *plan = p->plan;
    const char **known = NULL;
    size_t n = 0, cap = 0;
    bool found = false;
    for (size_t i = 0; i < plan->n_actions && !found; i++) {
        *(const char **)mem_push(&known, &n, &cap, sizeof *known) = plan->actions[i].id;
        if ((found = str_eq(plan->actions[i].id, id)))
            explain_action(out, s, p, i);
    }
    for (size_t i = 0; i < plan->n_left_out; i++) {
        const struct left_out *l = &plan->left_out[i];
        *(const char **)mem_push(&known, &n, &cap, sizeof *known) = l->id;
        if (!str_eq(l->id, id))
            continue;
        found = true;
        style_add(out, s, COLOUR_BOLD, l->id);
        text_addf(out, ": left out%s: ", l->refusal ? " and refused" : "");
        text_add_safe(out, l->reason, 2000);
        text_addc(out, '\n');
    }
    *(const char **)mem_push(&known, &n, &cap, sizeof *known) = NULL;
    if (!found) {
        error_set(err, ERR_NOT_FOUND, "the plan has no action \"%s\": there is nothing of this to do", id);
        const char *near = str_nearest(id, known);
        if (near)
            error_hint(err, "did you mean \"%s\"? `reconcile plan` lists all", near);
        else
            error_hint(err, "`reconcile plan` lists all");
    }
    free(known);
    return found ? 0 : -1;
}
