/* The pure halves of all kinds, in the order of the catalogue. */
#include "actions/families.h"

const struct kind_rules *const catalogue_rules[] = {
#define KIND(id) &rules_##id,
    KINDS(KIND)
#undef KIND
};
const size_t catalogue_len = sizeof catalogue_rules / sizeof *catalogue_rules;

int catalogue_find(const char *name)
{
    for (size_t i = 0; i < catalogue_len; i++)
        if (str_eq(catalogue_rules[i]->name, name))
            return (int)i;
    return -1;
}
