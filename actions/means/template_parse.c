#include "actions/means/template_int.h"

#include <errno.h>
#include <string.h>

enum { DEPTH = 100 };

struct parser {
    struct template *t;
    const struct token *tokens;
    size_t at;
    int depth;
    const char **variables; /* in scope, innermost last */
    size_t n_variables, cap_variables;
};

static const struct token *peek(const struct parser *p)
{
    return &p->tokens[p->at];
}

static void skip_space(struct parser *p)
{
    while (peek(p)->kind == TOK_SPACE)
        p->at++;
}

static bool word(const struct token *k, const char *text)
{
    return k->kind == TOK_IDENT && str_eq(k->text, text);
}

static int fail(const struct parser *p, const struct token *k, struct error **err, const char *what)
{
    return template_error(p->t, k->at, err, ERR_SYNTAX, "%s", what);
}

static int deeper(struct parser *p, struct error **err)
{
    return ++p->depth > DEPTH ? fail(p, peek(p), err, "nested too deeply") : 0;
}

static void declare(struct parser *p, const char *name)
{
    const char **slot =
        arena_push(p->t->arena, &p->variables, &p->n_variables, &p->cap_variables, sizeof(char *));
    *slot = name;
}

static int check_variable(const struct parser *p, const struct token *k, struct error **err)
{
    if (!*k->text)
        return 0;
    for (size_t i = 0; i < p->n_variables; i++)
        if (str_eq(p->variables[i], k->text))
            return 0;
    return template_error(p->t, k->at, err, ERR_SYNTAX, "undefined variable \"$%s\"", k->text);
}

static int parse_number(const struct parser *p, const struct token *k, struct datum *ret, struct error **err)
{
    char *end;
    bool base = strlen(k->text) > 2 && strchr("xXbBoO", k->text[1]) && k->text[0] == '0';
    errno = 0;
    long long i = strtoll(k->text, &end, base && strchr("xX", k->text[1]) ? 16 : 10);
    if (!*end && !errno && *k->text) {
        *ret = datum_int(i);
        return 0;
    }
    errno = 0;
    double f = base ? 0 : strtod(k->text, &end);
    if (base || *end || errno || strspn(k->text, "0123456789.eE+-") != k->len)
        return template_error(p->t, k->at, err, ERR_SYNTAX, "bad number '%s'", k->text);
    *ret = (struct datum){.kind = DATUM_FLOAT, .f = f};
    return 0;
}

static int parse_pipeline(struct parser *p, struct pipeline *ret, bool in_range, struct error **err);

static int parse_parentheses(struct parser *p, struct operand *o, struct error **err)
{
    o->kind = OPERAND_PIPELINE;
    o->pipeline = arena_alloc(p->t->arena, sizeof *o->pipeline);
    if (deeper(p, err) || parse_pipeline(p, o->pipeline, false, err))
        return -1;
    p->depth--;
    if (o->pipeline->n_variables)
        return template_error(p->t, o->at, err, ERR_SYNTAX, "a variable cannot be set inside parentheses");
    if (peek(p)->kind != TOK_RIGHT)
        return template_error(p->t, o->at, err, ERR_SYNTAX, "a parenthesis is not closed");
    p->at++;
    return 0;
}

static int parse_word(struct parser *p, const struct token *k, struct operand *o, struct error **err)
{
    static const char *const literals[] = {"false", "true", "nil"};
    for (size_t i = 0; i < ARRAY_LEN(literals); i++)
        if (str_eq(k->text, literals[i])) {
            o->kind = OPERAND_LITERAL;
            o->literal = arena_alloc(p->t->arena, sizeof *o->literal);
            *o->literal = i == 2 ? (struct datum){.kind = DATUM_NIL} : datum_bool(i == 1);
            return 0;
        }
    o->kind = OPERAND_FUNCTION;
    o->name = k->text;
    if (template_function(k->text) || str_eq(k->text, "and") || str_eq(k->text, "or"))
        return 0;
    template_error(p->t, k->at, err, ERR_SYNTAX, "function \"%s\" is not supported", k->text);
    const char *near = str_nearest(k->text, template_function_names);
    return near ? error_hint(err, "did you mean \"%s\"?", near) : -1;
}

static int parse_operand(struct parser *p, struct operand **ret, struct error **err)
{
    const struct token *k = peek(p);
    struct operand *o = arena_alloc(p->t->arena, sizeof *o);
    o->at = k->at;
    p->at++;
    switch (k->kind) {
    case TOK_DOT:
        o->kind = OPERAND_DOT;
        break;
    case TOK_FIELD:
        o->kind = OPERAND_DOT;
        p->at--;
        break;
    case TOK_VAR:
        o->kind = OPERAND_VAR;
        o->name = k->text;
        if (check_variable(p, k, err))
            return -1;
        break;
    case TOK_STRING:
    case TOK_NUMBER:
        o->kind = OPERAND_LITERAL;
        o->literal = arena_alloc(p->t->arena, sizeof *o->literal);
        *o->literal = datum_string(k->text);
        if (k->kind == TOK_NUMBER && parse_number(p, k, o->literal, err))
            return -1;
        break;
    case TOK_IDENT:
        if (parse_word(p, k, o, err))
            return -1;
        break;
    case TOK_LEFT:
        if (parse_parentheses(p, o, err))
            return -1;
        break;
    default:
        return fail(p, k, err,
                    k->kind == TOK_CLOSE ? "an operand is missing" : "unexpected token in an action");
    }
    for (; peek(p)->kind == TOK_FIELD; p->at++) {
        if (o->kind == OPERAND_FUNCTION || o->kind == OPERAND_LITERAL)
            return fail(p, peek(p), err, "a field of this is not possible");
        const char **f = arena_push(p->t->arena, &o->fields, &o->n_fields, &o->cap_fields, sizeof(char *));
        *f = peek(p)->text;
    }
    *ret = o;
    return 0;
}

static bool ends_command(enum tok kind)
{
    return kind == TOK_PIPE || kind == TOK_CLOSE || kind == TOK_RIGHT || kind == TOK_END ||
           kind == TOK_DECLARE || kind == TOK_ASSIGN || kind == TOK_COMMA;
}

static int parse_command(struct parser *p, struct command *c, bool first, struct error **err)
{
    skip_space(p);
    c->at = peek(p)->at;
    while (!ends_command(peek(p)->kind)) {
        struct operand **slot =
            arena_push(p->t->arena, &c->operands, &c->n, &c->cap, sizeof(struct operand *));
        if (parse_operand(p, slot, err))
            return -1;
        if (!ends_command(peek(p)->kind) && peek(p)->kind != TOK_SPACE)
            return fail(p, peek(p), err, "operands must be separated by spaces");
        skip_space(p);
    }
    if (c->n == 0)
        return fail(p, peek(p), err, "a value is missing");
    bool function = c->operands[0]->kind == OPERAND_FUNCTION;
    if (c->n > 1 && !function)
        return template_error(p->t, c->operands[1]->at, err, ERR_SYNTAX,
                              "can't give an argument to something that is no function");
    if (!first && !function)
        return template_error(p->t, c->at, err, ERR_SYNTAX, "only a function can stand behind '|'");
    return 0;
}

/* `$x :=`, `$x =`, in range also `$i, $e :=`; nothing is consumed where there is none. */
static int parse_declaration(struct parser *p, struct pipeline *ret, bool in_range, struct error **err)
{
    const char *names[2];
    size_t n = 0, at = p->at;
    const struct token *tokens[2];
    for (;;) {
        skip_space(p);
        if (peek(p)->kind != TOK_VAR || n == 2)
            break;
        tokens[n] = peek(p);
        names[n++] = peek(p)->text;
        p->at++;
        skip_space(p);
        if (peek(p)->kind != TOK_COMMA || !in_range)
            break;
        p->at++;
    }
    enum tok kind = peek(p)->kind;
    if (n == 0 || (kind != TOK_DECLARE && kind != TOK_ASSIGN)) {
        p->at = at;
        return 0;
    }
    p->at++;
    ret->assign = kind == TOK_ASSIGN;
    ret->n_variables = n;
    for (size_t i = 0; i < n; i++) {
        ret->variables[i] = names[i];
        if (!*names[i])
            return fail(p, tokens[i], err, "$ cannot be set");
        if (ret->assign && check_variable(p, tokens[i], err))
            return -1;
    }
    return 0;
}

static int parse_pipeline(struct parser *p, struct pipeline *ret, bool in_range, struct error **err)
{
    skip_space(p);
    ret->at = peek(p)->at;
    if (parse_declaration(p, ret, in_range, err))
        return -1;
    for (bool first = true;; first = false) {
        struct command *c = arena_push(p->t->arena, &ret->commands, &ret->n, &ret->cap, sizeof *c);
        if (parse_command(p, c, first, err))
            return -1;
        if (peek(p)->kind != TOK_PIPE)
            break;
        p->at++;
    }
    for (size_t i = 0; i < ret->n_variables && !ret->assign; i++)
        declare(p, ret->variables[i]);
    return 0;
}

static int close_action(struct parser *p, struct error **err)
{
    skip_space(p);
    if (peek(p)->kind != TOK_CLOSE)
        return fail(p, peek(p), err, "unexpected token in an action");
    p->at++;
    return 0;
}

static int parse_list(struct parser *p, struct node_list **ret, size_t opened_at, const char *opened,
                      struct error **err);

/* if, with, range: p stands behind the word. */
static int parse_block(struct parser *p, struct node *n, const char *name, size_t at, struct error **err)
{
    size_t scope = p->n_variables;
    n->pipeline = arena_alloc(p->t->arena, sizeof *n->pipeline);
    if (deeper(p, err) || parse_pipeline(p, n->pipeline, n->kind == NODE_RANGE, err) || close_action(p, err))
        return -1;
    if (parse_list(p, &n->body, at, name, err))
        return -1;
    if (word(peek(p), "else")) {
        size_t else_at = peek(p)->at;
        p->at++;
        skip_space(p);
        if (word(peek(p), "if") && n->kind == NODE_IF) {
            p->at++;
            n->otherwise = arena_alloc(p->t->arena, sizeof *n->otherwise);
            struct node *nested = arena_push(p->t->arena, &n->otherwise->nodes, &n->otherwise->n,
                                             &n->otherwise->cap, sizeof *nested);
            nested->kind = NODE_IF;
            if (parse_block(p, nested, "else if", else_at, err)) /* takes the common end */
                return -1;
            p->depth--;
            p->n_variables = scope;
            return 0;
        }
        if (close_action(p, err) || parse_list(p, &n->otherwise, else_at, "else", err))
            return -1;
        if (!word(peek(p), "end"))
            return fail(p, peek(p), err, "a second else");
    }
    p->at++; /* end */
    p->depth--;
    p->n_variables = scope;
    return close_action(p, err);
}

/* One action; p stands behind its {{. */
static int parse_action(struct parser *p, struct node *n, struct error **err)
{
    static const struct {
        const char *name;
        enum node_kind kind;
    } blocks[] = {{"if", NODE_IF}, {"with", NODE_WITH}, {"range", NODE_RANGE}};
    static const char *const others[] = {"define", "template", "block", "break", "continue"};
    const struct token *k = peek(p);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        if (word(k, blocks[i].name)) {
            p->at++;
            n->kind = blocks[i].kind;
            return parse_block(p, n, blocks[i].name, k->at, err);
        }
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (word(k, others[i]))
            return template_error(p->t, k->at, err, ERR_SYNTAX, "\"%s\" is not supported", others[i]);
    n->kind = NODE_PRINT;
    n->pipeline = arena_alloc(p->t->arena, sizeof *n->pipeline);
    return parse_pipeline(p, n->pipeline, false, err) ? -1 : close_action(p, err);
}

/* Up to the `end` or `else` that closes `opened` (NULL: the whole text); p stands on that word. */
static int parse_list(struct parser *p, struct node_list **ret, size_t opened_at, const char *opened,
                      struct error **err)
{
    struct node_list *list = arena_alloc(p->t->arena, sizeof *list);
    for (;;) {
        const struct token *k = peek(p);
        if (k->kind == TOK_END) {
            if (opened)
                return template_error(p->t, opened_at, err, ERR_SYNTAX, "\"%s\" has no end", opened);
            break;
        }
        p->at++;
        if (k->kind == TOK_TEXT) {
            struct node *n = arena_push(p->t->arena, &list->nodes, &list->n, &list->cap, sizeof *n);
            *n = (struct node){.kind = NODE_TEXT, .text = k->text, .len = k->len};
            continue;
        }
        skip_space(p); /* k is {{ */
        if (word(peek(p), "end") || word(peek(p), "else")) {
            if (!opened)
                return template_error(p->t, peek(p)->at, err, ERR_SYNTAX, "unexpected {{%s}}", peek(p)->text);
            break;
        }
        struct node n = {0}; /* not in the array yet: nested lists do not move it, but this one grows */
        if (parse_action(p, &n, err))
            return -1;
        *(struct node *)arena_push(p->t->arena, &list->nodes, &list->n, &list->cap, sizeof n) = n;
    }
    *ret = list;
    return 0;
}

int template_parse(struct template *t, const struct token_list *tokens, struct node_list **ret,
                   struct error **err)
{
    struct parser p = {.t = t, .tokens = tokens->tokens};
    return parse_list(&p, ret, 0, NULL, err);
}
