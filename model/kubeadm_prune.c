/* What versions of Kubernetes know: feature gates that a component does not know stop it, and kubeadm too. */
#include "model/kubeadm_types.h"

#include <string.h>
#include <strings.h>

struct span {
    const char *name;
    unsigned char since, until; /* minors of 1.x: known from, and last known in; 0: open */
};

/* Gates of the components that come and go within the versions that images exist for (kubernetes:
 * staging/src/k8s.io/component-base and pkg/features). A gate that is not here is passed on. */
static const struct span component_gates[] = {
    {"CSIStorageCapacity", 21, 27},
    {"ConfigurableFSGroupPolicy", 18, 24},
    {"DynamicKubeletConfig", 0, 25},
    {"EphemeralContainers", 0, 25}, /* as Sealos: it was always on from 1.25 */
    {"ExpandCSIVolumes", 0, 26},
    {"GracefulNodeShutdown", 20, 0},
    {"IPv6DualStack", 0, 24},
    {"InPlacePodVerticalScaling", 27, 0},
    {"KubeletInUserNamespace", 22, 0},
    {"LocalStorageCapacityIsolation", 0, 26},
    {"NodeSwap", 22, 0},
    {"PodSecurity", 22, 27},
    {"RemoveSelfLink", 16, 29},
    {"SeccompDefault", 22, 28},
    {"ServiceTopology", 0, 21},
    {"SidecarContainers", 28, 0},
    {"SupportPodPidsLimit", 0, 22},
    {"TTLAfterFinished", 0, 23}, /* as Sealos */
};

/* kubeadm's own (kubernetes: cmd/kubeadm/app/features). */
static const struct span kubeadm_gates[] = {
    {"ControlPlaneKubeletLocalMode", 31, 0},
    {"EtcdLearnerMode", 27, 32},
    {"IPv6DualStack", 0, 23},
    {"NodeLocalCRISocket", 32, 0},
    {"PublicKeysECDSA", 19, 0},
    {"RootlessControlPlane", 22, 0},
    {"UnversionedKubeletConfigMap", 22, 25},
    {"UpgradeAddonsBeforeControlPlane", 28, 30},
    {"WaitForAllControlPlaneComponents", 30, 0},
};

/* Fields of KubeletConfiguration that came within those versions (kubernetes:
 * staging/src/k8s.io/kubelet/config/v1beta1/types.go). */
static const struct span kubelet_fields[] = {
    {"containerLogMaxWorkers", 30, 0},
    {"containerLogMonitorInterval", 30, 0},
    {"containerRuntimeEndpoint", 27, 0},
    {"cpuManagerPolicyOptions", 22, 0},
    {"crashLoopBackOff", 32, 0},
    {"enableSystemLogQuery", 27, 0},
    {"failCgroupV1", 31, 0},
    {"imageMaximumGCAge", 29, 0},
    {"imagePullCredentialsVerificationPolicy", 33, 0},
    {"imageServiceEndpoint", 27, 0},
    {"localStorageCapacityIsolation", 25, 0},
    {"maxParallelImagePulls", 27, 0},
    {"memoryManagerPolicy", 21, 0},
    {"memorySwap", 22, 0},
    {"memoryThrottlingFactor", 22, 0},
    {"podLogsDir", 30, 0},
    {"preloadedImagesVerificationAllowlist", 33, 0},
    {"reservedMemory", 21, 0},
    {"seccompDefault", 22, 0},
    {"shutdownGracePeriodByPodPriority", 23, 0},
    {"singleProcessOOMKill", 32, 0},
    {"topologyManagerPolicyOptions", 26, 0},
    {"tracing", 25, 0},
    {"userNamespaces", 33, 0},
};

/* Their other top-level fields, and kube-proxy's, for the right spelling of them. */
static const char *const kubelet_names[] = {"address",
                                            "allowedUnsafeSysctls",
                                            "authentication",
                                            "authorization",
                                            "cgroupDriver",
                                            "cgroupRoot",
                                            "cgroupsPerQOS",
                                            "clusterDNS",
                                            "clusterDomain",
                                            "configMapAndSecretChangeDetectionStrategy",
                                            "containerLogMaxFiles",
                                            "containerLogMaxSize",
                                            "contentType",
                                            "cpuCFSQuota",
                                            "cpuCFSQuotaPeriod",
                                            "cpuManagerPolicy",
                                            "cpuManagerReconcilePeriod",
                                            "enableContentionProfiling",
                                            "enableControllerAttachDetach",
                                            "enableDebugFlagsHandler",
                                            "enableDebuggingHandlers",
                                            "enableProfilingHandler",
                                            "enableServer",
                                            "enableSystemLogHandler",
                                            "enforceNodeAllocatable",
                                            "eventBurst",
                                            "eventRecordQPS",
                                            "evictionHard",
                                            "evictionMaxPodGracePeriod",
                                            "evictionMinimumReclaim",
                                            "evictionPressureTransitionPeriod",
                                            "evictionSoft",
                                            "evictionSoftGracePeriod",
                                            "failSwapOn",
                                            "featureGates",
                                            "fileCheckFrequency",
                                            "hairpinMode",
                                            "healthzBindAddress",
                                            "healthzPort",
                                            "httpCheckFrequency",
                                            "imageGCHighThresholdPercent",
                                            "imageGCLowThresholdPercent",
                                            "imageMinimumGCAge",
                                            "iptablesDropBit",
                                            "iptablesMasqueradeBit",
                                            "kernelMemcgNotification",
                                            "kubeAPIBurst",
                                            "kubeAPIQPS",
                                            "kubeletCgroups",
                                            "kubeReserved",
                                            "kubeReservedCgroup",
                                            "logging",
                                            "makeIPTablesUtilChains",
                                            "maxOpenFiles",
                                            "maxPods",
                                            "nodeLeaseDurationSeconds",
                                            "nodeStatusMaxImages",
                                            "nodeStatusReportFrequency",
                                            "nodeStatusUpdateFrequency",
                                            "oomScoreAdj",
                                            "podCIDR",
                                            "podPidsLimit",
                                            "port",
                                            "protectKernelDefaults",
                                            "providerID",
                                            "qosReserved",
                                            "readOnlyPort",
                                            "registerNode",
                                            "registerWithTaints",
                                            "registryBurst",
                                            "registryPullQPS",
                                            "reservedSystemCPUs",
                                            "resolvConf",
                                            "rotateCertificates",
                                            "runtimeRequestTimeout",
                                            "serializeImagePulls",
                                            "serverTLSBootstrap",
                                            "showHiddenMetricsForVersion",
                                            "shutdownGracePeriod",
                                            "shutdownGracePeriodCriticalPods",
                                            "staticPodPath",
                                            "staticPodURL",
                                            "staticPodURLHeader",
                                            "streamingConnectionIdleTimeout",
                                            "syncFrequency",
                                            "systemCgroups",
                                            "systemReserved",
                                            "systemReservedCgroup",
                                            "tlsCertFile",
                                            "tlsCipherSuites",
                                            "tlsMinVersion",
                                            "tlsPrivateKeyFile",
                                            "topologyManagerPolicy",
                                            "topologyManagerScope",
                                            "volumePluginDir",
                                            "volumeStatsAggPeriod",
                                            NULL};
static const char *const proxy_names[] = {"bindAddress",
                                          "bindAddressHardFail",
                                          "clientConnection",
                                          "clusterCIDR",
                                          "configSyncPeriod",
                                          "conntrack",
                                          "detectLocal",
                                          "detectLocalMode",
                                          "enableProfiling",
                                          "featureGates",
                                          "healthzBindAddress",
                                          "hostnameOverride",
                                          "iptables",
                                          "ipvs",
                                          "metricsBindAddress",
                                          "mode",
                                          "nodePortAddresses",
                                          "oomScoreAdj",
                                          "portRange",
                                          "showHiddenMetricsForVersion",
                                          "udpIdleTimeout",
                                          "winkernel",
                                          NULL};

static bool known(const struct kubeadm_pass *p, const struct span *table, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(table[i].name, name))
            return p->version.major != 1 || (p->version.minor >= table[i].since &&
                                             (table[i].until == 0 || p->version.minor <= table[i].until));
    return true;
}

static bool gate_known(struct kubeadm_pass *p, const char *name, const char *path, bool of_kubeadm)
{
    if (of_kubeadm ? known(p, kubeadm_gates, ARRAY_LEN(kubeadm_gates), name)
                   : known(p, component_gates, ARRAY_LEN(component_gates), name))
        return true;
    kubeadm_warn(p, "%s: the feature gate %s is not known to v%u.%u: left out", path, name, p->version.major,
                 p->version.minor);
    return false;
}

void kubeadm_prune_gates(struct kubeadm_pass *p, struct value *gates, const char *path, bool of_kubeadm)
{
    for (size_t i = gates && gates->kind == VALUE_MAP ? gates->n : 0; i-- > 0;)
        if (!gate_known(p, gates->keys[i], path, of_kubeadm))
            value_remove(gates, gates->keys[i]);
}

const char *kubeadm_prune_gate_arg(struct kubeadm_pass *p, const char *text, const char *path)
{
    _cleanup_(text_free) struct text out = {0};
    while (*text) {
        size_t n = strcspn(text, ","), name = strcspn(text, "=,");
        char *gate = arena_strndup(p->a, text, name);
        if (n && gate_known(p, gate, path, false)) {
            if (out.len)
                text_addc(&out, ',');
            text_addn(&out, text, n);
        }
        text += n + (text[n] == ',');
    }
    return out.len ? arena_strdup(p->a, text_str(&out)) : NULL;
}

void kubeadm_prune_kubelet(struct kubeadm_pass *p, struct value *kubelet)
{
    for (size_t i = kubelet->n; i-- > 0;) {
        const char *name = kubelet->keys[i];
        if (known(p, kubelet_fields, ARRAY_LEN(kubelet_fields), name))
            continue;
        if (*value_text(kubelet->items[i], "-")) /* an empty text says nothing */
            kubeadm_warn(p, "KubeletConfiguration.%s is not known to v%u.%u: left out", name,
                         p->version.major, p->version.minor);
        value_remove(kubelet, name);
    }
    struct value *gates = value_get(kubelet, "featureGates");
    kubeadm_prune_gates(p, gates, "KubeletConfiguration.featureGates", false);
    if (gates && gates->n == 0)
        value_remove(kubelet, "featureGates");
}

const char *kubeadm_component_name(const char *key, bool of_kubelet)
{
    for (const char *const *n = of_kubelet ? kubelet_names : proxy_names; *n; n++)
        if (strcasecmp(*n, key) == 0)
            return *n;
    for (size_t i = 0; of_kubelet && i < ARRAY_LEN(kubelet_fields); i++)
        if (strcasecmp(kubelet_fields[i].name, key) == 0)
            return kubelet_fields[i].name;
    return key;
}
