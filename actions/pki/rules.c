/* The cluster's CAs and service-account keys. A CA is made only where it is proved that none exists. */
#include "actions/families.h"

static const char *const with_init[] = {"kubeadm.init", NULL};

static bool issue_wanted(const struct view *v)
{
    return v->exists == TRI_FALSE && v->init_master >= 0 && !v->blocked && v->ca_holder < 0;
}

static enum verdict issue_wants(const struct view *v, struct subject s, struct finding *f)
{
    (void)s;
    if (v->blocked)
        return finding_refused(f, "%s", v->blocked);
    if (!issue_wanted(v))
        return VERDICT_NO;
    f->only_with = with_init;
    return finding_change(f, "metadata.name", "a new cluster has CAs of its own",
                          v->ca ? "a CA was pushed by an unfinished run, but no master has the whole of it"
                                : "no master has a cluster CA, and every master was looked at");
}

static void issue_effect(const struct view *v, struct have *h, struct subject s)
{
    (void)v, (void)h, (void)s; /* in memory only, until it is pushed */
}

static bool issue_proved(const struct view *v, struct subject s, struct text *why_not)
{
    (void)v, (void)s, (void)why_not;
    return true; /* run() checks what it made; nothing outside changed */
}

const struct kind_rules rules_pki_issue = {
    .name = "pki.issue",
    .step = "3.2",
    .title = "issue CAs",
    .subject = SUBJECT_CLUSTER,
    .wants = issue_wants,
    .local = true,
    .premises = SECTION_KUBE,
    .effect = issue_effect,
    .proved = issue_proved,
    .timeout_s = 120,
};

static enum verdict push_wants(const struct view *v, struct subject s, struct finding *f)
{
    if (!view_is_master(v, s.node))
        return VERDICT_NO;
    enum verdict open = rules_node_open(v, s.node, f);
    if (open != VERDICT_YES)
        return open;
    if (!view_member(v, s.node) && !view_to_init(v, s.node) && !view_to_join(v, s.node))
        return VERDICT_NO;
    enum verdict known = rules_known(v, s.node, FACT_PKI, f);
    if (known == VERDICT_NO)
        known = rules_known(v, s.node, FACT_CA, f);
    if (known != VERDICT_NO)
        return known;
    enum verdict verdict = VERDICT_NO;
    if (issue_wanted(v)) {
        f->only_with = with_init;
        f->anywhere = true;
    }
    const struct fact *pki = view_fact(v, s.node, FACT_PKI), *statics = view_fact(v, s.node, FACT_STATICS);
    if (pki->state == TRI_FALSE)
        verdict = finding_change(f, "spec.hosts", "every master has the CAs and service-account keys",
                                 "CAs or service-account keys are missing");
    else if (v->ca_holder >= 0 && v->ca_holder != s.node && !str_eq(pki->value, view_fact(v, v->ca_holder, FACT_PKI)->value))
        verdict = finding_change(f, "spec.hosts", "every master has the CAs and service-account keys",
                                 "its keys differ from those of %s", view_host(v, v->ca_holder)->address);
    else if (issue_wanted(v))
        verdict = finding_change(f, "metadata.name", "every master has the CAs and service-account keys",
                                 "its keys are not the new cluster's");
    if (statics->state == TRI_FALSE || (statics->state == TRI_UNKNOWN && view_rootfs_differs(v, s.node)))
        verdict = finding_change(f, "spec.image", "masters have the statics of the rootfs", "the audit policy is missing");
    return verdict == VERDICT_NO ? rules_known(v, s.node, FACT_STATICS, f) : verdict;
}

/* The digests of a simulated PKI: any text will do, as long as all masters agree. */
static const char *simulated(const struct view *v, bool whole)
{
    if (v->ca_holder >= 0)
        return view_fact(v, v->ca_holder, whole ? FACT_PKI : FACT_CA)->value;
    return whole ? "issued-pki" : "issued-ca";
}

static void push_effect(const struct view *v, struct have *h, struct subject s)
{
    have_true(h, s.node, FACT_CA, simulated(v, false));
    have_true(h, s.node, FACT_CA_STAMP, simulated(v, false));
    have_true(h, s.node, FACT_PKI, simulated(v, true));
    have_true(h, s.node, FACT_STATICS, "");
}

static bool push_proved(const struct view *v, struct subject s, struct text *why_not)
{
    if (view_fact(v, s.node, FACT_PKI)->state != TRI_TRUE)
        text_add(why_not, "CAs or service-account keys are still missing");
    else if (view_fact(v, s.node, FACT_STATICS)->state == TRI_FALSE)
        text_add(why_not, "the audit policy is still missing");
    else if (v->ca_holder >= 0 && !str_eq(view_fact(v, s.node, FACT_PKI)->value, view_fact(v, v->ca_holder, FACT_PKI)->value))
        text_add(why_not, "the keys differ from those of another master");
    else
        return true;
    return false;
}

static struct value *push_inputs(const struct view *v, struct subject s, struct arena *a)
{
    (void)s;
    struct value *in = value_map(a);
    /* where the PKI is read from when this run did not issue it */
    value_set(a, in, "holder", value_int(a, v->ca_holder));
    return in;
}

static const struct edge push_needs[] = {{"pki.issue", SCOPE_SAME, NULL}, {"rootfs.push", SCOPE_SAME, NULL}, {0}};

const struct kind_rules rules_pki_push = {
    .name = "pki.push",
    .step = "3.2",
    .title = "push CAs",
    .subject = SUBJECT_NODE,
    .wants = push_wants,
    .needs = push_needs,
    .premises = SECTION_KUBE,
    .proof = SECTION_KUBE,
    .effect = push_effect,
    .proved = push_proved,
    .inputs = push_inputs,
    .timeout_s = 60,
    .retry = true,
};
