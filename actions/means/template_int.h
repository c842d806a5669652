/* Between the files of the template engine: template_lex.c → template_parse.c → template_eval.c,
 * template_funcs.c. */
#ifndef ACTIONS_MEANS_TEMPLATE_INT_H
#define ACTIONS_MEANS_TEMPLATE_INT_H

#include "actions/means/template.h"

/* --- tokens */
enum tok {
    TOK_TEXT,   /* between actions, trimmed */
    TOK_OPEN,   /* {{ */
    TOK_CLOSE,  /* }} */
    TOK_FIELD,  /* .name (text without the dot) */
    TOK_DOT,    /* . */
    TOK_VAR,    /* $ or $name (text without the $) */
    TOK_IDENT,  /* word */
    TOK_STRING, /* unquoted */
    TOK_NUMBER,
    TOK_PIPE,
    TOK_LEFT, /* ( */
    TOK_RIGHT,
    TOK_DECLARE, /* := */
    TOK_ASSIGN,  /* = */
    TOK_COMMA,
    TOK_SPACE, /* between operands: `.a .b` is two of them, `.a.b` is one */
    TOK_END,
};
struct token {
    enum tok kind;
    const char *text;
    size_t len;
    size_t at; /* byte offset in the input */
};
struct token_list {
    struct token *tokens;
    size_t n, cap;
};
struct template
{
    struct arena *arena;
    const struct template_input *in;
};
int template_lex(struct template *t, struct token_list *ret, struct error **err);
/* An error at a byte offset of the input: file, line, column in characters. Returns -1. */
int template_error(const struct template *t, size_t at, struct error **err, enum error_code code,
                   const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* --- syntax tree */
struct operand;
struct command { /* operands side by side: a function and its arguments, or one operand */
    struct operand **operands;
    size_t n, cap;
    size_t at;
};
struct pipeline {
    const char *variables[2]; /* declared or assigned; two only in range */
    size_t n_variables;
    bool assign; /* = rather than := */
    struct command *commands;
    size_t n, cap;
    size_t at;
};
enum operand_kind {
    OPERAND_DOT,
    OPERAND_VAR,
    OPERAND_FUNCTION,
    OPERAND_LITERAL,
    OPERAND_PIPELINE,
};
struct operand {
    enum operand_kind kind;
    size_t at;
    const char *name; /* variable, function */
    struct datum *literal;
    struct pipeline *pipeline; /* in parentheses */
    const char **fields;       /* .a.b after the dot, the variable or the parentheses */
    size_t n_fields, cap_fields;
};
enum node_kind { NODE_TEXT, NODE_PRINT, NODE_IF, NODE_WITH, NODE_RANGE };
struct node {
    enum node_kind kind;
    const char *text;
    size_t len;
    struct pipeline *pipeline;
    struct node_list *body, *otherwise; /* otherwise may be NULL */
};
struct node_list {
    struct node *nodes;
    size_t n, cap;
};
int template_parse(struct template *t, const struct token_list *tokens, struct node_list **ret,
                   struct error **err);

/* --- values: what Go's interface{} can hold here */
enum datum_kind {
    DATUM_MISSING,
    DATUM_NIL,
    DATUM_BOOL,
    DATUM_INT,
    DATUM_FLOAT,
    DATUM_STRING,
    DATUM_LIST,
    DATUM_MAP
};
struct datum {
    enum datum_kind kind; /* MISSING: a key that is not there (Go's zero reflect.Value) */
    bool b;
    long long i;
    double f;
    const char *s;
    const struct value *v; /* list, map */
};
struct datum datum_from_value(const struct value *v); /* NULL: MISSING */
struct value *datum_to_value(struct arena *a, const struct datum *d);
struct datum datum_string(const char *s);
struct datum datum_int(long long i);
struct datum datum_bool(bool b);
bool datum_truth(const struct datum *d);                   /* Go's template.IsTrue */
void datum_print(const struct datum *d, struct text *out); /* as fmt.Print; MISSING and NIL: "<no value>" */
const char *datum_type(const struct datum *d);             /* Go's name of it, for messages */

/* --- functions */
struct call {
    struct template *t;
    const char *name;
    size_t at;
    const struct datum *args;
    size_t n;
};
struct function {
    const char *name;
    int min, max;      /* arguments; max -1: any number */
    const char *types; /* per argument: s string, i int, a any; the last letter repeats */
    int (*run)(const struct call *c, struct datum *ret, struct error **err);
};
const struct function *
template_function(const char *name); /* NULL: unknown. `and`, `or` are the evaluator's */
extern const char *const template_function_names[];
int template_call(const struct function *f, const struct call *c, struct datum *ret, struct error **err);

/* --- evaluation */
int template_eval(struct template *t, const struct node_list *nodes, struct text *out, struct error **err);

#endif
