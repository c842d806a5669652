#include "model/kubeadm_types.h"

#include <string.h>

static void set_text(struct kubeadm_pass *p, struct value *map, const char *key, const char *text)
{
    value_set(p->a, map, key, value_string(p->a, text));
}

struct value *kubeadm_default_init(struct kubeadm_pass *p, const struct kubeadm_input *in)
{
    struct value *init = value_map(p->a);
    /* The images were pulled before, one by one, with errors that say which; kubeadm need not look. */
    if (p->api >= KUBEADM_V1BETA3)
        set_text(p, value_make(p->a, init, "nodeRegistration"), "imagePullPolicy", "Never");
    if (in->single) /* an empty list, and not none: kubeadm would add the control plane's taint */
        value_set(p->a, value_make(p->a, init, "nodeRegistration"), "taints", value_list(p->a));
    return init;
}

static void volume(struct kubeadm_pass *p, struct value *component, const char *name, const char *path,
                   const char *type, bool read_only)
{
    struct value *list = value_get(component, "extraVolumes"), *v = value_map(p->a);
    if (!list) {
        list = value_list(p->a);
        value_set(p->a, component, "extraVolumes", list);
    }
    set_text(p, v, "name", name);
    set_text(p, v, "hostPath", path);
    set_text(p, v, "mountPath", path);
    if (read_only)
        value_set(p->a, v, "readOnly", value_bool(p->a, true));
    set_text(p, v, "pathType", type);
    value_push(p->a, list, v);
}

static void args(struct kubeadm_pass *p, struct value *component, const char *const pairs[][2], size_t n)
{
    struct value *list = value_list(p->a);
    for (size_t i = 0; i < n; i++)
        kubeadm_set_arg(p->a, list, pairs[i][0], pairs[i][1]);
    value_set(p->a, component, "extraArgs", list);
}

struct value *kubeadm_default_cluster(struct kubeadm_pass *p)
{
    static const char *const apiserver_args[][2] = {
        {"audit-log-format", "json"},
        {"audit-log-maxage", "7"},
        {"audit-log-maxbackup", "10"},
        {"audit-log-maxsize", "100"},
        {"audit-log-path", "/var/log/kubernetes/audit.log"},
        {"audit-policy-file", "/etc/kubernetes/audit-policy.yml"},
        {"enable-aggregator-routing", "true"},
    };
    static const char *const manager_args[][2] = {{"bind-address", "0.0.0.0"},
                                                  {"cluster-signing-duration", "876000h"}};
    /* before 1.19 under another name, and with a ceiling (facts section 4.2) */
    static const char *const old_manager_args[][2] = {{"bind-address", "0.0.0.0"},
                                                      {"experimental-cluster-signing-duration", "87600h"}};
    static const char *const scheduler_args[][2] = {{"bind-address", "0.0.0.0"}};
    static const char *const etcd_args[][2] = {{"listen-metrics-urls", "http://0.0.0.0:2381"}};

    struct value *c = value_map(p->a);
    struct value *networking = value_make(p->a, c, "networking");
    set_text(p, networking, "serviceSubnet", "10.96.0.0/22");
    set_text(p, networking, "podSubnet", "100.64.0.0/10");
    struct value *apiserver = value_make(p->a, c, "apiServer");
    args(p, apiserver, apiserver_args, ARRAY_LEN(apiserver_args));
    volume(p, apiserver, "audit", "/etc/kubernetes", "DirectoryOrCreate", false);
    volume(p, apiserver, "audit-log", "/var/log/kubernetes", "DirectoryOrCreate", false);
    volume(p, apiserver, "localtime", "/etc/localtime", "File", true);
    struct value *manager = value_make(p->a, c, "controllerManager");
    if (version_at_least(&p->version, 1, 19))
        args(p, manager, manager_args, ARRAY_LEN(manager_args));
    else
        args(p, manager, old_manager_args, ARRAY_LEN(old_manager_args));
    volume(p, manager, "localtime", "/etc/localtime", "File", true);
    struct value *scheduler = value_make(p->a, c, "scheduler");
    args(p, scheduler, scheduler_args, ARRAY_LEN(scheduler_args));
    volume(p, scheduler, "localtime", "/etc/localtime", "File", true);
    args(p, value_make(p->a, c, "etcd.local"), etcd_args, ARRAY_LEN(etcd_args));
    if (p->api >= KUBEADM_V1BETA4) {
        set_text(p, c, "certificateValidityPeriod", "876000h");
        set_text(p, c, "caCertificateValidityPeriod", "876000h");
    }
    return c;
}

struct value *kubeadm_default_join(struct kubeadm_pass *p)
{
    struct value *join = value_map(p->a);
    set_text(p, join, "caCertPath", "/etc/kubernetes/pki/ca.crt");
    set_text(p, value_make(p->a, join, "timeouts"), "discovery", "5m0s");
    if (p->api >= KUBEADM_V1BETA3)
        set_text(p, value_make(p->a, join, "nodeRegistration"), "imagePullPolicy", "Never");
    return join;
}

struct value *kubeadm_default_kubelet(struct kubeadm_pass *p)
{
    /* Only what differs from the kubelet's own defaults, or what these once were: the rest is its release's
     * business. */
    static const struct {
        const char *path, *value;
        bool plain; /* a number, true or false */
    } rows[] = {
        {"authentication.anonymous.enabled", "false", true},
        {"authentication.webhook.enabled", "true", true},
        {"authentication.x509.clientCAFile", "/etc/kubernetes/pki/ca.crt", false},
        {"authorization.mode", "Webhook", false},
        {"configMapAndSecretChangeDetectionStrategy", "Watch", false},
        {"containerLogMaxFiles", "5", true},
        {"containerLogMaxSize", "10Mi", false},
        {"eventBurst", "100", true},
        {"eventRecordQPS", "50", true},
        {"failSwapOn", "true", true},
        {"hairpinMode", "promiscuous-bridge", false},
        {"healthzBindAddress", "0.0.0.0", false},
        {"healthzPort", "10248", true},
        {"imageGCHighThresholdPercent", "85", true},
        {"imageGCLowThresholdPercent", "80", true},
        {"kubeAPIBurst", "100", true},
        {"kubeAPIQPS", "50", true},
        {"maxPods", "110", true},
        {"oomScoreAdj", "-999", true},
        {"podPidsLimit", "-1", true},
        {"port", "10250", true},
        {"registryBurst", "100", true},
        {"registryPullQPS", "50", true},
        {"rotateCertificates", "true", true},
        {"runtimeRequestTimeout", "2m0s", false},
        {"serializeImagePulls", "false", true},
        {"staticPodPath", "/etc/kubernetes/manifests", false},
    };
    struct value *k = value_map(p->a);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *path = rows[i].path, *dot = strrchr(path, '.');
        struct value *map = dot ? value_make(p->a, k, arena_strndup(p->a, path, (size_t)(dot - path))) : k;
        value_set(p->a, map, dot ? dot + 1 : path,
                  rows[i].plain ? value_plain(p->a, rows[i].value) : value_string(p->a, rows[i].value));
    }
    struct value *eviction = value_make(p->a, k, "evictionHard");
    set_text(p, eviction, "imagefs.available", "10%");
    set_text(p, eviction, "memory.available", "100Mi");
    set_text(p, eviction, "nodefs.available", "10%");
    set_text(p, eviction, "nodefs.inodesFree", "5%");
    struct value *enforce = value_list(p->a);
    value_push(p->a, enforce, value_string(p->a, "pods"));
    value_set(p->a, k, "enforceNodeAllocatable", enforce);
    /* Both long on or gone where a version is not named here (facts section 4.2). */
    if (!version_at_least(&p->version, 1, 24))
        value_set(p->a, value_make(p->a, k, "featureGates"), "TTLAfterFinished", value_bool(p->a, true));
    if (!version_at_least(&p->version, 1, 26))
        value_set(p->a, value_make(p->a, k, "featureGates"), "EphemeralContainers", value_bool(p->a, true));
    return k;
}

struct value *kubeadm_default_proxy(struct kubeadm_pass *p, const struct kubeadm_input *in)
{
    struct value *proxy = value_map(p->a);
    set_text(p, proxy, "metricsBindAddress", "0.0.0.0:10249");
    set_text(p, proxy, "mode", in->proxy_mode ? in->proxy_mode : "ipvs");
    return proxy;
}
