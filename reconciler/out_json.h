/* Values for machines: indented JSON, one object per line, YAML. */
#ifndef RECONCILER_OUT_JSON_H
#define RECONCILER_OUT_JSON_H

#include "model/report.h"
#include "model/value.h"

/* Indented by two, as people read it; the meaning is value_json's. Ends with a newline. */
void json_pretty(const struct value *v, struct text *out);
/* An error for machines: code, message (with its causes), subject, hint, detail, place. */
struct value *json_error(struct arena *a, const struct error *e);
/* What a run did; schema of its own version, "report". */
struct value *json_report(struct arena *a, const struct want *w, const struct plan *p, const struct report *r,
                          double seconds_probing);

#endif
