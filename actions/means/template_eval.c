#include "actions/means/template_int.h"

#include <string.h>

enum { STEPS = 2000000 }; /* of one template: nested ranges over large lists end somewhere */

struct variable {
    const char *name;
    struct datum value;
};

struct state {
    struct template *t;
    struct text *out;
    struct variable *variables;
    size_t n, cap;
    struct datum root;
    unsigned long steps;
};

static int eval_pipeline(struct state *s, const struct pipeline *p, const struct datum *dot,
                         struct datum *ret, struct error **err);

static struct variable *lookup(struct state *s, const char *name)
{
    for (size_t i = s->n; i-- > 0;)
        if (str_eq(s->variables[i].name, name))
            return &s->variables[i];
    return NULL; /* the parser saw to it that there is one */
}

static void push(struct state *s, const char *name, struct datum value)
{
    *(struct variable *)arena_push(s->t->arena, &s->variables, &s->n, &s->cap, sizeof(struct variable)) =
        (struct variable){name, value};
}

/* .a.b of d: a field of what is missing is missing, of nil an error, of anything but a map an error, as in
 * Go. */
static int fields(struct state *s, const struct operand *o, struct datum *d, struct error **err)
{
    for (size_t i = 0; i < o->n_fields; i++) {
        if (d->kind == DATUM_MISSING)
            return 0;
        if (d->kind == DATUM_NIL)
            return template_error(s->t, o->at, err, ERR_INVALID, "nil value has no field %s", o->fields[i]);
        if (d->kind != DATUM_MAP)
            return template_error(s->t, o->at, err, ERR_INVALID, "can't evaluate field %s in type %s",
                                  o->fields[i], datum_type(d));
        *d = datum_from_value(value_get(d->v, o->fields[i]));
    }
    return 0;
}

static int eval_operand(struct state *s, const struct operand *o, const struct datum *dot, struct datum *ret,
                        struct error **err);

/* `and`, `or` take only as many arguments as they need. */
static int eval_logic(struct state *s, const struct command *c, const struct datum *dot,
                      const struct datum *last, struct datum *ret, struct error **err)
{
    bool and = str_eq(c->operands[0]->name, "and");
    if (c->n == 1 && !last)
        return template_error(s->t, c->at, err, ERR_INVALID, "%s wants at least one argument",
                              c->operands[0]->name);
    for (size_t i = 1; i < c->n; i++) {
        if (eval_operand(s, c->operands[i], dot, ret, err))
            return -1;
        if (datum_truth(ret) != and)
            return 0;
    }
    if (last)
        *ret = *last;
    return 0;
}

static int eval_function(struct state *s, const struct command *c, const struct datum *dot,
                         const struct datum *last, struct datum *ret, struct error **err)
{
    const char *name = c->operands[0]->name;
    if (str_eq(name, "and") || str_eq(name, "or"))
        return eval_logic(s, c, dot, last, ret, err);
    size_t n = c->n - 1 + (last != NULL);
    struct datum *args = arena_alloc(s->t->arena, (n + 1) * sizeof *args);
    for (size_t i = 1; i < c->n; i++)
        if (eval_operand(s, c->operands[i], dot, &args[i - 1], err))
            return -1;
    if (last)
        args[n - 1] = *last;
    struct call call = {.t = s->t, .name = name, .at = c->at, .args = args, .n = n};
    return template_call(template_function(name), &call, ret, err);
}

static int eval_operand(struct state *s, const struct operand *o, const struct datum *dot, struct datum *ret,
                        struct error **err)
{
    struct command alone = {.operands = (struct operand **)(void *)&o, .n = 1, .at = o->at};
    switch (o->kind) {
    case OPERAND_DOT:
        *ret = *dot;
        break;
    case OPERAND_VAR:
        *ret = *o->name ? lookup(s, o->name)->value : s->root;
        break;
    case OPERAND_LITERAL:
        *ret = *o->literal;
        return 0;
    case OPERAND_FUNCTION:
        return eval_function(s, &alone, dot, NULL, ret, err);
    case OPERAND_PIPELINE:
        if (eval_pipeline(s, o->pipeline, dot, ret, err))
            return -1;
        break;
    }
    return fields(s, o, ret, err);
}

static int eval_pipeline(struct state *s, const struct pipeline *p, const struct datum *dot,
                         struct datum *ret, struct error **err)
{
    struct datum value = {0};
    if (++s->steps > STEPS)
        return template_error(s->t, p->at, err, ERR_INVALID, "this template does not come to an end");
    for (size_t i = 0; i < p->n; i++) {
        const struct command *c = &p->commands[i];
        struct datum previous = value;
        int r = c->operands[0]->kind == OPERAND_FUNCTION
                    ? eval_function(s, c, dot, i ? &previous : NULL, &value, err)
                    : eval_operand(s, c->operands[0], dot, &value, err);
        if (r)
            return -1;
    }
    for (size_t i = 0; i < p->n_variables; i++) {
        if (p->assign)
            lookup(s, p->variables[i])->value = value;
        else
            push(s, p->variables[i], value);
    }
    *ret = value;
    return 0;
}

static int eval_list(struct state *s, const struct node_list *l, const struct datum *dot, struct error **err);

static int key_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Go visits maps in the order of their keys. */
static const char **sorted_keys(struct arena *a, const struct value *v)
{
    const char **keys = arena_alloc(a, (v->n + 1) * sizeof *keys);
    for (size_t i = 0; i < v->n; i++)
        keys[i] = v->keys[i];
    qsort(keys, v->n, sizeof *keys, key_cmp);
    return keys;
}

static int eval_range(struct state *s, const struct node *n, const struct datum *dot, struct error **err)
{
    const struct pipeline *p = n->pipeline;
    struct datum over, key, item;
    size_t scope = s->n;
    if (eval_pipeline(s, p, dot, &over, err))
        return -1;
    bool map = over.kind == DATUM_MAP;
    if (over.kind != DATUM_MISSING && over.kind != DATUM_NIL && over.kind != DATUM_LIST && !map)
        return template_error(s->t, p->at, err, ERR_INVALID, "range can't iterate over %s",
                              datum_type(&over));
    size_t count = over.v ? over.v->n : 0;
    const char **keys = map ? sorted_keys(s->t->arena, over.v) : NULL;
    for (size_t i = 0; i < count; i++) {
        size_t inner = s->n;
        key = map ? datum_string(keys[i]) : datum_int((long long)i);
        item = datum_from_value(map ? value_get(over.v, keys[i]) : over.v->items[i]);
        if (p->n_variables)
            lookup(s, p->variables[p->n_variables - 1])->value = item;
        if (p->n_variables == 2)
            lookup(s, p->variables[0])->value = key;
        if (eval_list(s, n->body, &item, err))
            return -1;
        s->n = inner;
    }
    if (count == 0 && n->otherwise && eval_list(s, n->otherwise, dot, err))
        return -1;
    s->n = scope;
    return 0;
}

static int eval_node(struct state *s, const struct node *n, const struct datum *dot, struct error **err)
{
    struct datum value;
    if (n->kind == NODE_TEXT) {
        text_addn(s->out, n->text, n->len);
        return 0;
    }
    if (n->kind == NODE_RANGE)
        return eval_range(s, n, dot, err);
    size_t scope = s->n;
    if (eval_pipeline(s, n->pipeline, dot, &value, err))
        return -1;
    if (n->kind == NODE_PRINT) {
        if (!n->pipeline->n_variables)
            datum_print(&value, s->out);
        return 0; /* a variable declared here lives on to the end of the list */
    }
    int r = 0;
    if (datum_truth(&value))
        r = eval_list(s, n->body, n->kind == NODE_WITH ? &value : dot, err);
    else if (n->otherwise)
        r = eval_list(s, n->otherwise, dot, err);
    s->n = scope;
    return r;
}

static int eval_list(struct state *s, const struct node_list *l, const struct datum *dot, struct error **err)
{
    size_t scope = s->n;
    for (size_t i = 0; i < l->n; i++) {
        if (eval_node(s, &l->nodes[i], dot, err))
            return -1;
        if (s->out->failed)
            return error_set(err, ERR_INVALID, "template: what %s makes is too long", s->t->in->name);
    }
    s->n = scope;
    return 0;
}

int template_eval(struct template *t, const struct node_list *nodes, struct text *out, struct error **err)
{
    struct state s = {.t = t, .out = out, .root = datum_from_value(t->in->data)};
    if (s.root.kind == DATUM_MISSING)
        s.root.kind = DATUM_NIL;
    struct datum dot = s.root;
    return eval_list(&s, nodes, &dot, err);
}

int template_render(const struct template_input *in, struct text *out, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct template t = {a, in};
    struct token_list tokens = {0};
    struct node_list *nodes;
    if (memchr(in->text ? in->text : "", 0, in->text ? in->len : 0))
        return error_set(err, ERR_SYNTAX, "template: %s holds a NUL byte", in->name);
    if (template_lex(&t, &tokens, err) || template_parse(&t, &tokens, &nodes, err))
        return -1;
    return template_eval(&t, nodes, out, err);
}
