#include "actions/families.h"
#include "actions/means/pki.h"
#include "actions/means/script.h"

#include <string.h>

static int issue_run(struct run_context *c, struct error **err)
{
    _cleanup_(pki_bundle_free) struct pki_bundle b = {0};
    if (pki_bundle_generate(&b, X509_DAYS_SEALOS, 0, err) < 0 || pki_bundle_check(&b, false, 0, err) < 0)
        return -1;
    _cleanup_(text_wipe) struct text t = {0};
    pki_bundle_write(&b, &t);
    vault_put(c->vault, "pki", text_str(&t));
    return 0;
}

/* From the vault, where this run issued or read it, else from the master that holds it. */
static int get_bundle(struct run_context *c, struct pki_bundle *ret, struct error **err)
{
    _cleanup_(text_wipe) struct text t = {0};
    bool external = value_path(c->want->cluster_configuration, "etcd.external") != NULL;
    if (vault_get(c->vault, "pki", &t))
        return pki_bundle_parse(text_str(&t), t.len, ret, err);
    int holder = (int)input_int(c, "holder", -1);
    if (holder < 0) {
        error_set(err, ERR_REFUSED, "no master that can be reached has the cluster's CAs and service-account keys");
        return error_hint(err, "put them back under " PKI_DIRECTORY " on one master, or make that master reachable");
    }
    _cleanup_(world_output_free) struct world_output out = {0};
    struct world_script s = {.text = pki_bundle_script(), .what = "read the cluster's CAs"};
    if (world_sh(c->world, holder, &s, &out, err) < 0 || pki_bundle_parse(text_str(&out.out), out.out.len, ret, err) < 0 ||
        pki_bundle_check(ret, external, 0, err) < 0)
        return error_wrap(err, "the CAs of %s", c->want->hosts[holder].address);
    pki_bundle_write(ret, &t);
    vault_put(c->vault, "pki", text_str(&t));
    return 0;
}

static int push_run(struct run_context *c, struct error **err)
{
    _cleanup_(pki_bundle_free) struct pki_bundle b = {0};
    if (get_bundle(c, &b, err) < 0)
        return -1;
    for (int f = 0; f < PKI_FILES; f++) {
        if (!b.files[f].len)
            continue; /* external etcd has no CA here */
        _cleanup_(mem_freep) char *path = mem_printf("%s/%s", PKI_DIRECTORY, pki_files[f].path);
        if (world_put(c->world, c->node, path, pki_files[f].mode, text_str(&b.files[f]), b.files[f].len, err) < 0)
            return -1;
    }
    _cleanup_(text_free) struct text t = {0};
    script_begin(&t, c->want);
    script_common(&t);
    text_add(&t, "stamp ca \"$(sha256sum </etc/kubernetes/pki/ca.crt | cut -d' ' -f1)\"\n"
                 "if [ -f \"$ROOTFS/statics/audit-policy.yml\" ]; then\n"
                 "    cp \"$ROOTFS/statics/audit-policy.yml\" /etc/kubernetes/.audit-policy.yml.$$\n"
                 "    mv -f /etc/kubernetes/.audit-policy.yml.$$ /etc/kubernetes/audit-policy.yml\n"
                 "fi\n");
    return script_run(c, c->node, &t, "put CAs and statics in place", NULL, err);
}

const struct kind_run run_pki_issue = {"pki.issue", issue_run};
const struct kind_run run_pki_push = {"pki.push", push_run};
