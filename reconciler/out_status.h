/* What was seen, for people and for programs. Everything that came from a node is shown with its control
 * characters taken out. */
#ifndef RECONCILER_OUT_STATUS_H
#define RECONCILER_OUT_STATUS_H

#include "model/view.h"

#include <stdio.h>

/* A few lines about the cluster, a table of its nodes, and what is wrong with each. */
void out_status_text(FILE *f, const struct view *v, bool color);
/* One JSON object: "cluster" and "nodes"; every fact as {"state": "true"|"false"|"unknown", "value": …,
 * "reason": …}. */
void out_status_json(FILE *f, const struct view *v);

#endif
