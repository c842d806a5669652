/* The runner of real life: worker threads, one queue each way, the monotonic clock, signals by their pipe. */
#ifndef RECONCILER_EXECUTE_POOL_H
#define RECONCILER_EXECUTE_POOL_H

#include "reconciler/execute.h"

struct pool;
/* At most `threads` threads, started when there is work for them. Call signals_init before. */
int pool_new(unsigned threads, struct pool **ret, struct error **err);
struct runner pool_runner(struct pool *p);
/* Waits for idle workers to end. Only when no task is in flight: else leave the process. */
void pool_free(struct pool *p);
void pool_freep(struct pool **p);

#endif
