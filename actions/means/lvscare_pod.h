/* Reads an lvscare static pod back by what it means: Sealos' own, an edited one, or something else
 * altogether. */
#ifndef ACTIONS_MEANS_LVSCARE_POD_H
#define ACTIONS_MEANS_LVSCARE_POD_H

#include "model/error.h"
#include "model/lvscare.h"

/* Strings live in a. ERR_INVALID: not YAML, or not a pod with one lvscare container. Options that do not
 * change what is served (how often and how loudly the keeper looks) are passed over; others are named in
 * ret->odd. */
int lvscare_pod_read(struct arena *a, const char *yaml, size_t len, struct lvscare_pod *ret,
                     struct error **err);
/* The canonical line of a pod's text (lvscare_canonical), or words that equal no pod's: "unreadable: …". */
void lvscare_pod_say(const char *yaml, size_t len, struct text *out);

#endif
