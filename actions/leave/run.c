#include "actions/families.h"
#include "actions/means/script.h"

static int drain_run(struct run_context *c, struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    script_begin(&t, c->want);
    script_set(&t, "NAME", input_text(c, "name"));
    script_set_int(&t, "TIMEOUT", input_int(c, "timeout", 300));
    script_common(&t);
    text_add(&t, "kubectl --kubeconfig=/etc/kubernetes/admin.conf drain \"$NAME\" --ignore-daemonsets --delete-emptydir-data "
                 "--force --timeout=\"${TIMEOUT}s\" >&2 </dev/null\n");
    if (script_run(c, c->node, &t, "drain", NULL, err) < 0)
        return error_hint(err, "a PodDisruptionBudget may forbid it: free the pods by hand, raise spec.drain.timeout, or set "
                               "spec.drain.enabled: false in the ReconcilePolicy");
    return 0;
}

static int remove_member_run(struct run_context *c, struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    script_begin(&t, c->want);
    script_set(&t, "MEMBER", input_text(c, "member"));
    script_common(&t);
    script_part(&t, onnode_etcd_remove);
    return script_run(c, c->node, &t, "remove the etcd member", NULL, err);
}

static int delete_run(struct run_context *c, struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    script_begin(&t, c->want);
    script_set(&t, "NAME", input_text(c, "name"));
    script_common(&t);
    text_add(&t, "api delete node \"$NAME\" --ignore-not-found --wait=false >&2 </dev/null\n");
    return script_run(c, c->node, &t, "delete the Node", NULL, err);
}

static int reset_run(struct run_context *c, struct error **err)
{
    const struct want *w = c->want;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(text_wipe) struct text t = {0}, last = {0};
    _cleanup_(text_free) struct text entries = {0};
    struct want_env *env;
    size_t n;
    want_environment(w, a, c->node, &env, &n);
    text_addf(&entries, "- %s\n- %s\n- %s\n", w->registry_domain, API_SERVER_DOMAIN, LVSCARE_NODE_NAME);
    script_begin(&t, w);
    script_environment(&t, env, n);
    script_set(&t, "ENTRIES", text_str(&entries));
    script_set(&t, "MODE", "none");
    script_set(&t, "VIP", input_text(c, "vip"));
    script_set_int(&t, "PORT", input_int(c, "port", 6443));
    script_set(&t, "SERVERS", "");
    script_set(&t, "ADDRESS", w->hosts[c->node].address);
    script_set_int(&t, "REGISTRY", input_true(c, "registry"));
    script_set(&t, "DATA", w->registry_data);
    script_set(&t, "CLEAN_REGISTRY", want_script(w, "clean-registry"));
    script_set(&t, "CLEAN_CRI", want_script(w, "clean-cri"));
    script_set(&t, "CLEAN", want_script(w, "clean"));
    script_common(&t);
    script_part(&t, onnode_hosts);
    script_part(&t, onnode_vip);
    script_part(&t, onnode_node_reset);
    if (script_job(c, c->node, &t, NULL, NULL, "clean the machine", err) < 0)
        return -1;
    /* what describes the job itself goes last */
    script_begin(&last, w);
    script_common(&last);
    text_add(&last, "rm -rf \"$R\"\nrmdir /var/lib/reconcile /var/lib/sealos/data /var/lib/sealos 2>/dev/null || :\n");
    return script_run(c, c->node, &last, "remove our own directory", NULL, err);
}

const struct kind_run run_node_drain = {"node.drain", drain_run};
const struct kind_run run_etcd_remove_member = {"etcd.remove-member", remove_member_run};
const struct kind_run run_node_delete = {"node.delete", delete_run};
const struct kind_run run_node_reset = {"node.reset", reset_run};
