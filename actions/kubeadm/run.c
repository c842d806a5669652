#include "actions/families.h"
#include "actions/means/kubeadm_config.h"
#include "actions/means/pki.h"
#include "actions/means/script.h"

#include <ctype.h>
#include <string.h>

/* Preflight errors that are passed over: Sealos' one, and what the policy adds. */
static void set_ignore(struct text *t, const struct want *w)
{
    _cleanup_(text_free) struct text list = {0};
    text_add(&list, "SystemVerification");
    for (const char *const *p = w->policy.ignore_preflight; p && *p; p++)
        text_addf(&list, ",%s", *p);
    script_set(t, "IGNORE", text_str(&list));
}

/* The same text in every run, so that a later run finds the job of an earlier one. */
static void set_node(struct text *t, const struct run_context *c, const char *config)
{
    script_set(t, "NAME", input_text(c, "hostname"));
    script_set(t, "ADDRESS", input_text(c, "address"));
    script_set(t, "CONFIG", config);
    script_set(t, "KEY", input_text(c, "address"));
}

static int init_run(struct run_context *c, struct error **err)
{
    _cleanup_(mem_freep) char *path = NULL;
    if (kubeadm_config_put(c, KUBEADM_FILE_INIT, NULL, NULL, &path, err) < 0)
        return -1;
    _cleanup_(text_free) struct text t = {0};
    script_begin(&t, c->want);
    script_set(&t, "ROLE", "master");
    set_node(&t, c, path);
    set_ignore(&t, c->want);
    script_common(&t);
    script_part(&t, onnode_attempt);
    script_part(&t, onnode_kubeadm_init);
    return script_job(c, c->node, &t, NULL, "kubelet", "kubeadm init", err);
}

static int join_run(struct run_context *c, bool master, struct error **err)
{
    _cleanup_(text_wipe) struct text token = {0}, hash = {0};
    if (!vault_get(c->vault, "token", &token) || !vault_get(c->vault, "ca-hash", &hash))
        return error_set(err, ERR_INTERNAL, "no bootstrap token was made for this join");
    _cleanup_(mem_freep) char *path = NULL;
    if (kubeadm_config_put(c, master ? KUBEADM_FILE_JOIN_MASTER : KUBEADM_FILE_JOIN_WORKER, text_str(&token), text_str(&hash),
                           &path, err) < 0)
        return -1;
    _cleanup_(text_free) struct text t = {0};
    script_begin(&t, c->want);
    script_set(&t, "ROLE", master ? "master" : "worker");
    set_node(&t, c, path);
    set_ignore(&t, c->want);
    script_common(&t);
    script_part(&t, onnode_attempt);
    script_part(&t, onnode_kubeadm_join);
    return script_job(c, c->node, &t, NULL, "kubelet", "kubeadm join", err);
}

static int join_master_run(struct run_context *c, struct error **err)
{
    return join_run(c, true, err);
}

static int join_worker_run(struct run_context *c, struct error **err)
{
    return join_run(c, false, err);
}

/* ---- kubeconfig */

static int kubeconfig_run(struct run_context *c, struct error **err)
{
    if (c->live_master < 0)
        return error_set(err, ERR_REFUSED, "no master can be asked for an admin kubeconfig: its API server does not answer");
    _cleanup_(text_wipe) struct text conf = {0};
    if (!vault_get(c->vault, "admin.conf", &conf)) {
        _cleanup_(world_output_free) struct world_output out = {0};
        struct world_script s = {.text = "cat /etc/kubernetes/admin.conf\n", .what = "read admin.conf"};
        if (world_sh(c->world, c->live_master, &s, &out, err) < 0)
            return -1;
        if (!strstr(text_str(&out.out), "certificate-authority-data:"))
            return error_set(err, ERR_PROTOCOL, "admin.conf of %s is not a kubeconfig", c->want->hosts[c->live_master].address);
        vault_put(c->vault, "admin.conf", text_str(&out.out));
        text_add(&conf, text_str(&out.out));
    }
    return world_put(c->world, c->node, "/root/.kube/config", 0600, text_str(&conf), conf.len, err);
}

/* ---- tokens */

/* RFC-less, kubeadm's own form: [a-z0-9]{6}.[a-z0-9]{16} */
static bool token_at(const char *s)
{
    for (int i = 0; i < 23; i++)
        if (i == 6 ? s[i] != '.' : !(islower((unsigned char)s[i]) || isdigit((unsigned char)s[i])))
            return false;
    return true;
}

static int token_create_run(struct run_context *c, struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    script_begin(&t, c->want);
    script_common(&t);
    text_add(&t, "cat /etc/kubernetes/pki/ca.crt\n"
                 "printf '\\n--- token ---\\n'\n"
                 "KUBECONFIG=/etc/kubernetes/admin.conf kubeadm token create --ttl 30m --description \"reconcile $CLUSTER\" 2>/dev/null </dev/null\n");
    _cleanup_(world_output_free) struct world_output out = {0};
    if (script_run(c, c->node, &t, "create a bootstrap token", &out, err) < 0)
        return -1;
    const char *mark = strstr(text_str(&out.out), "\n--- token ---\n");
    const char *token = mark ? mark + strlen("\n--- token ---\n") : "";
    while (isspace((unsigned char)*token))
        token++;
    if (strlen(token) < 23 || !token_at(token))
        return error_set(err, ERR_PROTOCOL, "kubeadm token create did not print a token");
    char hash[72], text[24];
    _cleanup_(mem_freep) char *ca = mem_strndup(text_str(&out.out), (size_t)(mark - text_str(&out.out)));
    if (pki_discovery_hash(ca, hash, err) < 0)
        return error_wrap(err, "ca.crt of %s", c->want->hosts[c->node].address);
    memcpy(text, token, 23);
    text[23] = 0;
    vault_put(c->vault, "token", text);
    vault_put(c->vault, "ca-hash", hash);
    explicit_bzero(text, sizeof text);
    return 0;
}

static int token_delete_run(struct run_context *c, struct error **err)
{
    _cleanup_(text_wipe) struct text ids = {0}, token = {0}, t = {0};
    text_add(&ids, input_text(c, "tokens"));
    if (vault_get(c->vault, "token", &token)) {
        _cleanup_(mem_freep) char *id = mem_strndup(text_str(&token), 6); /* the public half */
        if (!list_has(text_str(&ids), id))
            text_addf(&ids, "%s%s", ids.len ? "," : "", id);
    }
    if (c->node < 0)
        return error_set(err, ERR_REFUSED, "the API server answers on no master; the token ends by itself in 30 minutes");
    script_begin(&t, c->want);
    script_set(&t, "TOKENS", text_str(&ids));
    script_common(&t);
    text_add(&t, "for id in $(printf %s \"$TOKENS\" | tr , ' '); do\n"
                 "    KUBECONFIG=/etc/kubernetes/admin.conf kubeadm token delete \"$id\" >&2 </dev/null\n"
                 "done\n");
    return script_run(c, c->node, &t, "delete the bootstrap token", NULL, err);
}

const struct kind_run run_kubeadm_init = {"kubeadm.init", init_run};
const struct kind_run run_kubeadm_join_master = {"kubeadm.join-master", join_master_run};
const struct kind_run run_kubeadm_join_worker = {"kubeadm.join-worker", join_worker_run};
const struct kind_run run_kubeconfig_push = {"kubeconfig.push", kubeconfig_run};
const struct kind_run run_token_create = {"token.create", token_create_run};
const struct kind_run run_token_delete = {"token.delete", token_delete_run};
