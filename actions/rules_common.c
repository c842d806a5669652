#include "actions/families.h"

#include <stdarg.h>
#include <string.h>

enum verdict finding_change(struct finding *f, const char *field, const char *rule, const char *fact_fmt, ...)
{
    struct change *c = arena_push(f->arena, &f->changes, &f->n, &f->cap, sizeof *c);
    va_list ap;
    va_start(ap, fact_fmt);
    *c = (struct change){.field = field, .rule = rule, .fact = arena_vprintf(f->arena, fact_fmt, ap)};
    va_end(ap);
    return VERDICT_YES;
}

enum verdict finding_unknown(struct finding *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    f->reason = arena_vprintf(f->arena, fmt, ap);
    va_end(ap);
    return VERDICT_UNKNOWN;
}

enum verdict finding_refused(struct finding *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    f->reason = arena_vprintf(f->arena, fmt, ap);
    va_end(ap);
    return VERDICT_REFUSED;
}

enum verdict rules_node_open(const struct view *v, int node, struct finding *f)
{
    if (v->blocked)
        return finding_refused(f, "%s", v->blocked);
    if (!view_host(v, node)->listed)
        return VERDICT_NO;
    if (v->trouble[node])
        return v->trouble_is_refusal[node] ? finding_refused(f, "%s", v->trouble[node])
                                           : finding_unknown(f, "%s", v->trouble[node]);
    return VERDICT_YES;
}

enum verdict rules_known(const struct view *v, int node, enum fact_id fact, struct finding *f)
{
    const struct fact *x = view_fact(v, node, fact);
    if (x->state != TRI_UNKNOWN)
        return VERDICT_NO;
    return finding_unknown(f, "%s is unknown: %s", fact_table[fact].words, x->value ? x->value : "not told");
}

enum verdict rules_api(const struct view *v, struct finding *f)
{
    if (v->exists != TRI_TRUE || v->live_master >= 0)
        return VERDICT_NO;
    return finding_unknown(f, "the API server answers on no master");
}

const char *rules_says(const struct view *v, int node, enum fact_id fact, struct arena *a)
{
    const struct fact *x = view_fact(v, node, fact);
    if (x->state == TRI_FALSE)
        return "absent";
    if (x->state == TRI_UNKNOWN)
        return "unknown";
    if (strlen(x->value) == 64 && strspn(x->value, "0123456789abcdef") == 64)
        return arena_printf(a, "of %.12s…", x->value);
    return arena_printf(a, "\"%s\"", x->value);
}

bool rules_any_join(const struct view *v)
{
    for (size_t i = 0; i < v->want->n_hosts; i++)
        if (view_to_join(v, (int)i))
            return true;
    return false;
}
