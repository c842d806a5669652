/* A node's answer to the probe (docs/ON-NODE.md, "The probe's answer") → facts. Everything in it is untrusted. */
#ifndef MODEL_ANSWER_H
#define MODEL_ANSWER_H

#include "model/error.h"
#include "model/have.h"
#include "model/want.h"

/* Takes the raw stdout of a probe of `node` asked with `nonce` for `sections`. Facts of the asked sections that the
 * answer does not mention become unknown. sent_s and received_s are the control machine's clock in seconds since
 * the epoch around the call; the skew is taken against their middle. Derived facts (NODE_*, ETCD_MEMBER, ETCD_HEALTHY)
 * and have->cluster are not touched here: see answer_merge. ERR_PROTOCOL: cut, forged or malformed; no fact changed. */
struct answer_view;
int answer_parse(const struct want *w, struct have *h, int node, unsigned sections, const char *nonce, const char *raw,
                 size_t len, double sent_s, double received_s, struct answer_view **ret_view, struct error **err);
/* What one master (or, for SECTION_SELF, the node itself) said about the cluster; NULL where it said nothing. */
void answer_view_free(struct answer_view *v);
void answer_view_freep(struct answer_view **v);
/* Chooses among the views of all answering masters and derives the cluster's facts and each node's NODE_*, ETCD_*.
 * views[i] may be NULL. Nodes match hosts by InternalIP, else by recorded name. A view from a single re-probed master
 * replaces what was known. With no view at all, the cluster's facts become unknown. */
void answer_merge(const struct want *w, struct have *h, struct answer_view *const *views, size_t n);

#endif
