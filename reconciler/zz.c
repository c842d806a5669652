#include "actions/kind.h"
typedef int loop_nonempty;
