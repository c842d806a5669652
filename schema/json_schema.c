#include "schema/json_schema.h"

#include "schema/json_schema_int.h"
#include "schema/tree.h"

#include <string.h>
#include <strings.h>

extern const char embedded_schema_clusterfile[], embedded_schema_policy[], embedded_schema_plan[];
extern const size_t embedded_schema_clusterfile_len, embedded_schema_policy_len, embedded_schema_plan_len;

#define POLICY_REF "policy.schema.json"
#define POLICY_KIND "ReconcilePolicy"

struct schema_memo {
    const struct value *json;
    struct schema *schema;
};

static const struct value *parse(struct arena *a, const char *name, const char *text, size_t len)
{
    struct value *v = NULL;
    if (tree_parse_one(a, name, text, len, &v, NULL) < 0)
        abort(); /* our own file, tested */
    return v;
}

void schema_set_init(struct schema_set *s, struct arena *a)
{
    *s = (struct schema_set){.arena = a};
    s->clusterfile =
        parse(a, "clusterfile.schema.json", embedded_schema_clusterfile, embedded_schema_clusterfile_len);
    s->policy = parse(a, POLICY_REF, embedded_schema_policy, embedded_schema_policy_len);
}

static const struct schema *compile(struct schema_set *s, const struct value *json);

static unsigned type_bit(const char *name)
{
    static const char *const names[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(name, names[i]))
            return 1u << i;
    return 0;
}

static unsigned types_of(const struct value *v)
{
    unsigned bits = 0;
    if (v && v->kind == VALUE_LIST)
        for (size_t i = 0; i < v->n; i++)
            bits |= type_bit(value_text(v->items[i], ""));
    else
        bits = type_bit(value_text(v, ""));
    return bits;
}

static const char *const *texts_of(struct schema_set *s, const struct value *list)
{
    if (!list)
        return NULL;
    bool single = list->kind == VALUE_SCALAR;
    size_t n = single ? 1 : list->n;
    const char **t = arena_alloc(s->arena, (n + 1) * sizeof *t);
    for (size_t i = 0; i < n; i++)
        t[i] = value_text(single ? list : list->items[i], "");
    return t;
}

static int by_name(const void *a, const void *b)
{
    return strcasecmp(((const struct property *)a)->name, ((const struct property *)b)->name);
}

static void compile_properties(struct schema_set *s, struct schema *c, const struct value *json)
{
    if (!json || json->n == 0)
        return;
    c->n_properties = json->n;
    c->properties = arena_alloc(s->arena, json->n * sizeof *c->properties);
    const char **names = arena_alloc(s->arena, (json->n + 1) * sizeof *names);
    for (size_t i = 0; i < json->n; i++) {
        c->properties[i] = (struct property){json->keys[i], compile(s, json->items[i])};
        names[i] = json->keys[i];
    }
    c->names = names;
    qsort(c->properties, c->n_properties, sizeof *c->properties, by_name);
}

static bool number_of(const struct value *json, const char *key, long long *ret)
{
    const char *text = value_text(value_get(json, key), NULL);
    *ret = text ? atoll(text) : 0;
    return text != NULL;
}

static bool flag(const struct value *json, const char *key)
{
    const struct value *v = value_get(json, key);
    return value_truth(v) == VALUE_YES || str_eq(value_text(v, NULL), "warning");
}

static const struct value *resolve(struct schema_set *s, const struct value *json)
{
    const char *ref = value_text(value_get(json, "$ref"), NULL);
    if (!ref)
        return json;
    const struct value *to = str_eq(ref, POLICY_REF) ? s->policy : NULL;
    if (str_starts(ref, "#/$defs/"))
        to = value_get(value_get(s->clusterfile, "$defs"), ref + strlen("#/$defs/"));
    if (!to)
        abort(); /* our own file, tested */
    return to;
}

static void compile_keywords(struct schema_set *s, struct schema *c, const struct value *json)
{
    long long n;
    c->types = types_of(value_get(json, "type"));
    compile_properties(s, c, value_get(json, "properties"));
    c->required = texts_of(s, value_get(json, "required"));
    c->values = texts_of(s, value_get(json, value_get(json, "const") ? "const" : "enum"));
    c->format = format_by_name(value_text(value_get(json, "format"), ""));
    c->has_minimum = number_of(json, "minimum", &c->minimum);
    c->has_maximum = number_of(json, "maximum", &c->maximum);
    c->min_items = number_of(json, "minItems", &n) ? (size_t)n : 0;
    c->min_length = number_of(json, "minLength", &n) ? (size_t)n : 0;
    c->warns = flag(json, "x-severity");
    c->unknown_warns = flag(json, "x-unknown");
    c->ignore_case = flag(json, "x-ignore-case");
    c->secret = flag(json, "x-secret");
    const struct value *items = value_get(json, "items"),
                       *additional = value_get(json, "additionalProperties");
    if (items)
        c->items = compile(s, items);
    if (additional && additional->kind == VALUE_MAP)
        c->additional = compile(s, additional);
    else
        c->closed = value_truth(additional) == VALUE_NO;
}

/* Entered in the memo before its parts are compiled, so that a schema may refer to itself. */
static const struct schema *compile(struct schema_set *s, const struct value *json)
{
    json = resolve(s, json);
    for (size_t i = 0; i < s->n_memo; i++)
        if (s->memo[i].json == json)
            return s->memo[i].schema;
    struct schema *c = arena_alloc(s->arena, sizeof *c);
    struct schema_memo *m = arena_push(s->arena, &s->memo, &s->n_memo, &s->cap_memo, sizeof *m);
    *m = (struct schema_memo){json, c};
    compile_keywords(s, c, json);
    return c;
}

const char *const *schema_kinds(void)
{
    static const char *const kinds[] = {"Cluster",
                                        "Config",
                                        "InitConfiguration",
                                        "ClusterConfiguration",
                                        "JoinConfiguration",
                                        "KubeProxyConfiguration",
                                        "KubeletConfiguration",
                                        POLICY_KIND,
                                        NULL};
    return kinds;
}

const struct schema *schema_of_kind(struct schema_set *s, const char *kind)
{
    const char *const *k = schema_kinds();
    while (*k && !str_eq(*k, kind))
        k++;
    if (!*k)
        return NULL;
    return compile(s, str_eq(kind, POLICY_KIND) ? s->policy
                                                : value_get(value_get(s->clusterfile, "$defs"), kind));
}

const char *schema_plan_text(void)
{
    return embedded_schema_plan;
}

const struct schema *schema_of_plan(struct schema_set *s)
{
    return compile(s, parse(s->arena, "plan.schema.json", embedded_schema_plan, embedded_schema_plan_len));
}

void schema_bundle(struct text *out)
{
    static const char marker[] = "\"$defs\": {";
    const char *at = strstr(embedded_schema_clusterfile, marker);
    if (!at)
        abort(); /* our own file, tested */
    at += strlen(marker);
    text_addn(out, embedded_schema_clusterfile, (size_t)(at - embedded_schema_clusterfile));
    text_add(out, "\n    \"" POLICY_KIND "\": ");
    size_t n = embedded_schema_policy_len;
    while (n && embedded_schema_policy[n - 1] == '\n')
        n--;
    for (size_t i = 0; i < n; i++) {
        text_addc(out, embedded_schema_policy[i]);
        if (embedded_schema_policy[i] == '\n')
            text_add(out, "    ");
    }
    text_addc(out, ',');
    text_add(out, at);
}
