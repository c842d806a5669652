/* Checks a value tree against a JSON Schema (draft 2020-12), reporting every complaint with its place.
 * Understood: type, properties, required, additionalProperties, enum, const, format (schema/format.h), items,
 * minItems, minLength, minimum, maximum, $ref, description. `pattern` is for editors; `format` says the same
 * here. Of our own: x-severity "warning" (complaints from here down are warnings), x-unknown "warning"
 * (unknown keys are), x-ignore-case (keys of this map and below, as Sealos reads kubeadm's documents),
 * x-secret (the value never enters a message). null stands for an absent value everywhere, as in Go. */
#ifndef SCHEMA_JSON_SCHEMA_H
#define SCHEMA_JSON_SCHEMA_H

#include "schema/source.h"

struct schema;

struct schema_set {
    struct arena *arena;
    const struct value *clusterfile, *policy; /* the parsed JSON */
    struct schema_memo *memo;                 /* compiled so far */
    size_t n_memo, cap_memo;
};

/* The schemas embedded in the program, compiled as they are used. Everything lives in the arena. */
void schema_set_init(struct schema_set *s, struct arena *a);
/* The schema of a kind of document; NULL: a kind that is not ours. */
const struct schema *schema_of_kind(struct schema_set *s, const char *kind);
/* NULL-terminated: "Cluster", "Config", … */
const char *const *schema_kinds(void);

struct complaints {
    struct source *source;
    struct error_list *errors, *warnings;
};
void schema_check(const struct schema *s, const struct value *v, const char *what, struct complaints *c);

/* The text that `reconcile schema` prints: one self-contained JSON Schema. */
void schema_bundle(struct text *out);
/* The JSON Schema of `reconcile plan -o json`, as text and compiled. */
const char *schema_plan_text(void);
const struct schema *schema_of_plan(struct schema_set *s);

#endif
