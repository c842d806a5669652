/* A compiled JSON Schema: what json_schema.c makes and json_schema_check.c walks. */
#ifndef SCHEMA_JSON_SCHEMA_INT_H
#define SCHEMA_JSON_SCHEMA_INT_H

#include "schema/format.h"
#include "schema/json_schema.h"

enum json_type { /* bits */
                 JSON_NULL = 1,
                 JSON_BOOLEAN = 2,
                 JSON_INTEGER = 4,
                 JSON_NUMBER = 8,
                 JSON_STRING = 16,
                 JSON_ARRAY = 32,
                 JSON_OBJECT = 64
};

struct property {
    const char *name;
    const struct schema *schema;
};

struct schema {
    unsigned types;              /* bits of enum json_type; 0: any */
    struct property *properties; /* sorted without letter case */
    size_t n_properties;
    const char *const *names;    /* of the properties, NULL-terminated */
    const char *const *required; /* NULL-terminated or NULL */
    const char *const *values;   /* enum and const: NULL-terminated or NULL */
    const struct schema *items, *additional;
    bool closed; /* additionalProperties: false */
    bool unknown_warns, warns, ignore_case, secret, has_minimum, has_maximum;
    long long minimum, maximum;
    size_t min_items, min_length;
    enum format format;
};

#endif
