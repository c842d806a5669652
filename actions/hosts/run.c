#include "actions/families.h"
#include "actions/means/script.h"

static int set_run(struct run_context *c, struct error **err)
{
    _cleanup_(text_free) struct text entries = {0}, t = {0};
    const struct value *list = value_get(c->inputs, "entries");
    for (size_t i = 0; list && i < list->n; i++)
        text_addf(&entries, "%s %s\n", value_text(value_get(list->items[i], "address"), ""),
                  value_text(value_get(list->items[i], "name"), ""));
    script_begin(&t, c->want);
    script_set(&t, "ENTRIES", text_str(&entries));
    script_common(&t);
    script_part(&t, onnode_hosts);
    return script_run(c, c->node, &t, "set hosts entries", NULL, err);
}

const struct kind_run run_hosts_set = {"hosts.set", set_run};
const struct kind_run run_hosts_own = {"hosts.own", set_run};
