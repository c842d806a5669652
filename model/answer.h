/* A node's answer to the probe (docs/ON-NODE.md, "The probe's answer") → facts. Everything in it is
 * untrusted. */
#ifndef MODEL_ANSWER_H
#define MODEL_ANSWER_H

#include "model/error.h"
#include "model/have.h"
#include "model/want.h"

/* Takes the raw stdout of a probe of `node` asked with `nonce` for `sections`. Facts of the asked sections
 * that the answer does not mention become unknown. sent_s and received_s are the control machine's clock in
 * seconds since the epoch around the call; the skew is taken against their middle. Derived facts (NODE_*,
 * ETCD_MEMBER, ETCD_HEALTHY) and have->cluster are not touched here: see answer_merge. ERR_PROTOCOL: cut,
 * forged or malformed; no fact changed. */
struct answer_view;
int answer_parse(const struct want *w, struct have *h, int node, unsigned sections, const char *nonce,
                 const char *raw, size_t len, double sent_s, double received_s, struct answer_view **ret_view,
                 struct error **err);
/* What one master (or, for SECTION_SELF, the node itself) said about the cluster; NULL where it said nothing.
 */
void answer_view_free(struct answer_view *v);
void answer_view_freep(struct answer_view **v);
/* Chooses among the views (NULL ones are skipped) and derives the cluster's facts and each node's NODE_*,
 * ETCD_*. The view of an answering master of our cluster is taken, one whose own etcd answers before others;
 * a master of a foreign cluster is outvoted by the CA we put there, then by the number of our hosts it knows.
 * Nodes match hosts by InternalIP, else by recorded name, else by machine-id; etcd members by peer address,
 * else by the Node's name. Where no view answers, nothing about the cluster changes (but see
 * answer_conclude). A view of SECTION_SELF changes that node's NODE_* only. */
void answer_merge(const struct want *w, struct have *h, struct answer_view *const *views, size_t n);
/* After a look at every host, in place of answer_merge: as that, and where no API answers, the cluster's
 * facts and all NODE_*, ETCD_* become unknown, with the reason; or false, where every master was reached and
 * shows no trace of a cluster but at most our own unfinished init (no cluster, hence no Node). */
void answer_conclude(const struct want *w, struct have *h, struct answer_view *const *views, size_t n);

/* Bootstrap tokens with a description that begins so are ours. */
#define ANSWER_TOKEN_PREFIX "reconcile"

#endif
