#include "schema/tree.h"
typedef int schema_nonempty;
