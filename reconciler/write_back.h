/* The epilogue of a run: what became of the cluster goes into `status` of the Clusterfile, and nothing else changes.
 * Sealos' keys keep their meaning (facts: types/v1beta1/cluster.go), ours stand beside them (schema/read.h). */
#ifndef RECONCILER_WRITE_BACK_H
#define RECONCILER_WRITE_BACK_H

#include "model/report.h"
#include "model/value.h"

/* The new status: the old one, key by key, with what is known now. report may be NULL: the plan was not run. now: for
 * a condition that changed. Returns the old status (or NULL) where nothing is to be recorded. */
const struct value *status_make(struct arena *a, const struct want *w, const struct have *h, const struct plan *p,
                                const struct report *r, const char *now);
/* The cluster exists, and no time of its creation stands in the file yet. */
bool status_is_new(const struct want *w, const struct have *h);

struct write_back {
    const char *file;      /* as given; "-": stdin */
    const char *text;      /* what was read from it */
    size_t len;
    const char *write_to;  /* another file for the result, or NULL */
    const struct value *status;
    const char *created;   /* metadata.creationTimestamp to enter, or NULL */
};

enum written {
    WRITTEN_NOTHING, /* it says so already */
    WRITTEN_FILE,
    WRITTEN_NOWHERE, /* it came from stdin and no place for the result was given */
};
/* ERR_CONFLICT: the file changed since it was read; it is left alone. */
int write_back(const struct write_back *b, enum written *ret, struct error **err);

#endif
