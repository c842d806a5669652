#include "actions/families.h"
#include "actions/means/script.h"
#include "model/lvscare.h"

static const struct value *servers(const struct run_context *c)
{
    return value_get(c->inputs, "servers");
}

static int rules_run(struct run_context *c, struct error **err)
{
    _cleanup_(text_free) struct text t = {0}, list = {0};
    const struct value *rs = servers(c);
    for (size_t i = 0; rs && i < rs->n; i++)
        text_addf(&list, "%s%s", i ? " " : "", value_text(rs->items[i], ""));
    script_begin(&t, c->want);
    script_set(&t, "MODE", input_text(c, "mode"));
    script_set(&t, "VIP", input_text(c, "vip"));
    script_set_int(&t, "PORT", input_int(c, "port", 6443));
    script_set(&t, "SERVERS", text_str(&list));
    script_set(&t, "ADDRESS", input_text(c, "address"));
    script_common(&t);
    script_part(&t, onnode_vip);
    return script_run(c, c->node, &t, "set the virtual server", NULL, err);
}

static int pod_run(struct run_context *c, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    const struct value *rs = servers(c);
    size_t n = rs ? rs->n : 0;
    const char **list = arena_alloc(a, (n + 1) * sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = value_text(rs->items[i], "");
    struct lvscare_pod pod = {
        .vs = host_port(a, input_text(c, "vip"), (unsigned)input_int(c, "port", 6443)),
        .rs = list,
        .n_rs = n,
        .image = input_text(c, "image"),
        .node_ip = input_text(c, "address"),
    };
    _cleanup_(text_free) struct text yaml = {0};
    lvscare_write(&pod, &yaml);
    return world_put(c->world, c->node, LVSCARE_POD_PATH, LVSCARE_POD_MODE, text_str(&yaml), yaml.len, err);
}

const struct kind_run run_ipvs_rules = {"ipvs.rules", rules_run};
const struct kind_run run_ipvs_pod = {"ipvs.pod", pod_run};
