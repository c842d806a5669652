/* Looks at every host, many at once: one connection and one round trip each. A host that cannot be looked at
 * is unknown and stops nobody else. Also the executor's prober, which looks at single nodes again. */
#ifndef RECONCILER_PROBE_H
#define RECONCILER_PROBE_H

#include "reconciler/execute.h"

/* Borrowed by what is made from it; must outlive it. Functions may be NULL. */
struct probe_context {
    struct world *world;
    const struct want *want;
    /* On the calling thread: have->stored and have->rendered from the local store. */
    void (*local)(void *ctx, struct have *h);
    /* On the calling thread: this host was looked at; error: why it could not be. */
    void (*looked)(void *ctx, int node, const struct error *error);
    /* On the calling thread: the node's running calls end soon, with an error; -1: all calls, and later ones. */
    void (*cancel)(void *ctx, int node);
    void *ctx;
};

struct probe_result {
    struct have *have;
    struct error **errors; /* per host: why it could not be looked at, or NULL */
    size_t n;
};
void probe_result_free(struct probe_result *r); /* for _cleanup_ */

/* All sections of all hosts, `concurrency` at a time (0 counts as 1) on the runner's threads. The facts of a
 * host that could not be looked at are unknown, for the reason in errors. Fails only where a signal came:
 * ERR_CANCELLED, and nothing is in flight any more. */
int probe_all(const struct probe_context *c, struct runner runner, unsigned concurrency,
              struct probe_result *ret, struct error **err);

/* For execute(): c is its ctx. */
struct prober probe_prober(struct probe_context *c);

#endif
