#include "reconciler/out_json.h"

static void add(const struct value *v, int depth, struct text *out)
{
    if ((v->kind != VALUE_LIST && v->kind != VALUE_MAP) || v->n == 0) {
        value_json(v, out);
        return;
    }
    bool map = v->kind == VALUE_MAP;
    text_addc(out, map ? '{' : '[');
    for (size_t i = 0; i < v->n; i++) {
        text_addf(out, "%s\n%*s", i ? "," : "", 2 * (depth + 1), "");
        if (map) {
            text_add_json(out, v->keys[i]);
            text_add(out, ": ");
        }
        add(v->items[i], depth + 1, out);
    }
    text_addf(out, "\n%*s%c", 2 * depth, "", map ? '}' : ']');
}

void json_pretty(const struct value *v, struct text *out)
{
    add(v, 0, out);
    text_addc(out, '\n');
}

static void set_text(struct arena *a, struct value *map, const char *key, const char *text)
{
    if (text)
        value_set(a, map, key, value_string(a, text));
}

static void set_seconds(struct arena *a, struct value *map, const char *key, double seconds)
{
    _cleanup_(text_free) struct text t = {0};
    text_addf(&t, "%.3f", seconds);
    value_set(a, map, key, value_plain(a, text_str(&t)));
}

struct value *json_error(struct arena *a, const struct error *e)
{
    struct value *v = value_map(a);
    _cleanup_(text_free) struct text words = {0};
    error_text(e, &words);
    set_text(a, v, "code", error_code_name(e->code));
    set_text(a, v, "message", text_str(&words));
    const char *subject = NULL, *hint = NULL, *detail = NULL;
    const struct place *at = NULL;
    for (; e; e = e->cause) {
        subject = subject ? subject : e->subject;
        hint = hint ? hint : e->hint;
        detail = e->detail ? e->detail : detail;
        at = !at && e->place.file ? &e->place : at;
    }
    set_text(a, v, "subject", subject);
    set_text(a, v, "hint", hint);
    set_text(a, v, "detail", detail);
    if (at) {
        set_text(a, v, "file", at->file);
        value_set(a, v, "line", value_int(a, at->line));
        value_set(a, v, "column", value_int(a, at->column));
    }
    return v;
}

static struct value *one_action(struct arena *a, const struct want *w, const struct plan *p,
                                const struct report *r, size_t i)
{
    const struct action_report *x = &r->actions[i];
    struct value *v = value_map(a);
    set_text(a, v, "id", p->actions[i].id);
    if (p->actions[i].subject.node >= 0)
        set_text(a, v, "node", w->hosts[p->actions[i].subject.node].address);
    set_text(a, v, "outcome", outcome_name(x->outcome));
    if (x->outcome == OUTCOME_DONE || x->outcome == OUTCOME_FAILED) {
        set_seconds(a, v, "started", x->started);
        set_seconds(a, v, "took", x->ended - x->started);
    }
    if (x->because >= 0)
        set_text(a, v, "because", p->actions[x->because].id);
    if (x->error)
        value_set(a, v, "error", json_error(a, x->error));
    return v;
}

struct value *json_report(struct arena *a, const struct want *w, const struct plan *p, const struct report *r,
                          double seconds_probing)
{
    struct value *v = value_map(a), *actions = value_list(a), *left = value_list(a);
    set_text(a, v, "formatVersion", "report/1");
    set_text(a, v, "cluster", w->cluster);
    set_seconds(a, v, "probed", seconds_probing);
    value_set(a, v, "interrupted", value_bool(a, r->interrupted));
    for (size_t i = 0; i < r->n; i++)
        value_push(a, actions, one_action(a, w, p, r, i));
    for (size_t i = 0; i < p->n_left_out; i++) {
        struct value *l = value_map(a);
        set_text(a, l, "id", p->left_out[i].id);
        set_text(a, l, "reason", p->left_out[i].reason);
        value_set(a, l, "refusal", value_bool(a, p->left_out[i].refusal));
        value_push(a, left, l);
    }
    value_set(a, v, "actions", actions);
    value_set(a, v, "leftOut", left);
    return v;
}
