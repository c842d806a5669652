#include "actions/families.h"

const struct kind catalogue[] = {
#define KIND(id) {&rules_##id, &run_##id},
    KINDS(KIND)
#undef KIND
};
