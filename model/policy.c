#include "model/policy.h"

struct policy policy_defaults(void)
{
    return (struct policy){
        .concurrency = 16,
        .connect_timeout_s = 10,
        .command_timeout_s = 300,
        .idle_timeout_s = 60,
        .drain_timeout_s = 300,
        .clock_tolerance_s = 5,
        .disk_free_mib = 2048,
        .max_unreachable = -1,
        .max_removals = -1,
        .kubeconfig = KUBECONFIG_ALL,
    };
}
