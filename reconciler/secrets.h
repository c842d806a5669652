/* References to secrets (env:NAME, file:PATH, exec:COMMAND, or the literal itself), resolved when they are needed and
 * only in memory. */
#ifndef RECONCILER_SECRETS_H
#define RECONCILER_SECRETS_H

#include "actions/means/transport.h"
#include "model/want.h"

/* For transports; the reference is borrowed and must outlive them. None: get stays NULL. */
struct transport_secret secret_of(const struct want_secret *s);
/* The secret itself, yours, NUL-terminated: wipe it. Errors name the reference, never the content. */
int secret_get(const struct want_secret *s, char **ret, struct error **err);

#endif
