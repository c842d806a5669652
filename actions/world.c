#include "actions/world.h"

void world_output_free(struct world_output *o)
{
    text_wipe(&o->out);
    text_wipe(&o->err);
}
