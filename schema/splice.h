/* Writes `status` back into a Clusterfile's text, keeping every other byte: comments, quoting, newlines. */
#ifndef SCHEMA_SPLICE_H
#define SCHEMA_SPLICE_H

#include "model/error.h"
#include "model/value.h"

/* status replaces that of the one Cluster document; creation_timestamp (may be NULL) is entered into metadata
 * where none, or null, stands there. Whether anything changes is decided by value: if nothing does,
 * *ret_changed is false and ret is left empty. ret, when changed, is the new text; it was parsed again and
 * says the same but for these two. Where only leaves differ, only leaves are replaced, so that comments
 * inside `status` stay. ERR_REFUSED, with a hint: the file's shape forbids it (a root in braces, `status` by
 * alias or merge key). */
int splice_status(const char *text, size_t len, const struct value *status, const char *creation_timestamp,
                  struct text *ret, bool *ret_changed, struct error **err);

#endif
