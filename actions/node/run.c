#include "actions/families.h"
#include "actions/means/kubeadm_config.h"
#include "actions/means/script.h"

static void with_environment(struct run_context *c, struct arena *a, struct text *t)
{
    struct want_env *env;
    size_t n;
    want_environment(c->want, a, c->node, &env, &n);
    script_begin(t, c->want);
    script_environment(t, env, n);
}

static int init_run(struct run_context *c, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(text_wipe) struct text t = {0};
    with_environment(c, a, &t);
    script_set(&t, "CHECK", input_true(c, "check") ? want_script(c->want, "check") : "");
    script_set(&t, "INIT_CRI", want_script(c->want, "init-cri"));
    script_set(&t, "INIT", want_script(c->want, "init"));
    script_set(&t, "KEY", input_text(c, "key"));
    script_common(&t);
    script_part(&t, onnode_node_init);
    return script_job(c, c->node, &t, NULL, "containerd", "set up the node", err);
}

static int start_run(struct run_context *c, struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    script_begin(&t, c->want);
    script_set_int(&t, "KUBELET", input_true(c, "kubelet"));
    script_common(&t);
    script_part(&t, onnode_node_start);
    return script_run(c, c->node, &t, "start services", NULL, err);
}

static int prepull_run(struct run_context *c, struct error **err)
{
    _cleanup_(mem_freep) char *path = NULL;
    if (kubeadm_config_put_images(c, &path, err) < 0)
        return -1;
    _cleanup_(text_free) struct text t = {0};
    script_begin(&t, c->want);
    script_set(&t, "CONFIG", path);
    script_set_int(&t, "MASTER", input_true(c, "master"));
    script_set(&t, "KEY", input_text(c, "key"));
    script_common(&t);
    script_part(&t, onnode_prepull);
    return script_job(c, c->node, &t, NULL, "containerd", "pull kubeadm's images", err);
}

const struct kind_run run_node_init = {"node.init", init_run};
const struct kind_run run_node_start = {"node.start", start_run};
const struct kind_run run_node_prepull = {"node.prepull", prepull_run};
