/* kind: ReconcilePolicy: our own settings, in a document of their own so that Sealos still reads the file. */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

#include <stdbool.h>
#include <stddef.h>

enum kubeconfig_scope { KUBECONFIG_ALL, KUBECONFIG_MASTERS };

struct policy {
    unsigned concurrency;       /* spec.concurrency, default 16 */
    unsigned connect_timeout_s; /* spec.timeouts.connect, 10 s */
    unsigned command_timeout_s; /* spec.timeouts.command, 300 s */
    unsigned idle_timeout_s;    /* spec.timeouts.idle, 60 s without a byte while a command runs */
    unsigned drain_timeout_s;   /* spec.drain.timeout, 300 s */
    bool drain_disabled;        /* spec.drain.enabled: false */
    unsigned clock_tolerance_s; /* spec.clockTolerance, 5 s as Sealos */
    unsigned disk_free_mib;     /* spec.minDiskFree, 2048 */
    int max_unreachable;        /* spec.maxUnreachable: more than so many unreachable nodes refuse everything; -1: no limit */
    int max_removals;           /* spec.maxRemovals in one run; -1: no limit */
    bool allow_removals;        /* spec.allowRemovals: consent standing in the file */
    const char *const *protect; /* spec.protect: addresses that are never removed, NULL-terminated or NULL */
    enum kubeconfig_scope kubeconfig; /* spec.kubeconfig: all | masters */
    const char *const *ignore_preflight; /* spec.ignorePreflightErrors: extra names for kubeadm, NULL-terminated or NULL */
    bool git_commit;            /* spec.git.commit */
};

struct policy policy_defaults(void);

#endif
