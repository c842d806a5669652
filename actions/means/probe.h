/* One look at one node: what is sent, the round trip, and what is made of the answer. The look itself blocks
 * and may be made from any thread; taking its facts changes the have and belongs to whoever owns that. */
#ifndef ACTIONS_MEANS_PROBE_H
#define ACTIONS_MEANS_PROBE_H

#include "actions/world.h"
#include "model/answer.h"

#define PROBE_NONCE 33 /* 32 hex digits and the NUL */

/* A fresh one from the system's random source. */
void probe_nonce(char out[PROBE_NONCE]);
/* The POSIX sh program that asks `node` for `sections` (identity always comes along): parameters as quoted
 * assignments, stat.sh, probe.sh. For worlds whose observe() runs programs. */
void probe_script(const struct want *w, int node, unsigned sections, const char *nonce, struct text *out);
/* Beyond this, in seconds, a node that took the program does not answer any more: every call in it has a
 * deadline of its own, and they run side by side. */
#define PROBE_TIMEOUT_S 45

struct probe_answer {
    int node;
    unsigned sections;
    char nonce[PROBE_NONCE];
    double sent_s, received_s; /* this machine's clock, seconds since the epoch */
    struct text raw;
};
void probe_answer_free(struct probe_answer *a); /* for _cleanup_ */

/* Asks. Errors are the world's (ERR_UNREACHABLE, ERR_HOST_KEY, ERR_AUTH, ERR_TIMEOUT, …). */
int probe_observe(struct world *world, int node, unsigned sections, struct probe_answer *ret,
                  struct error **err);
/* Reads the answer into h: the node's own facts. What it says of the cluster comes as *ret_view (NULL where
 * it was not asked), for answer_merge. ERR_PROTOCOL: a cut, forged or malformed answer, and nothing changed.
 */
int probe_take(const struct want *w, struct have *h, const struct probe_answer *a,
               struct answer_view **ret_view, struct error **err);
/* probe_take and, where the answer speaks of the cluster, answer_merge: for looking at one node again. */
int probe_update(const struct want *w, struct have *h, const struct probe_answer *a, struct error **err);

#endif
