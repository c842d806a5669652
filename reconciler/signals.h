/* SIGINT and SIGTERM as something to wait for: handlers write to a pipe, the main thread polls it. A third
 * one kills the process at once, whatever it hangs in. */
#ifndef RECONCILER_SIGNALS_H
#define RECONCILER_SIGNALS_H

#include "model/error.h"

int signals_init(struct error **err); /* once, before the first thread */
int signals_fd(void);                 /* readable when a signal waits; -1 before signals_init */
int signals_next(void);               /* the signal's number, or 0: none waits */
int signals_seen(void);               /* the first that ever came, or 0: for the exit code */
/* For worker threads: signals go to the main thread only. */
void signals_block(void);

#endif
