#include "model/kubeadm.h"

#include <string.h>

struct kubeadm_layer kubeadm_layer_of(const struct want *w)
{
    return (struct kubeadm_layer){
        .name = "the Clusterfile",
        .init = w->init_configuration,
        .cluster = w->cluster_configuration,
        .join = w->join_configuration,
        .kube_proxy = w->kube_proxy_configuration,
        .kubelet = w->kubelet_configuration,
    };
}

int kubeadm_refuse_networks(const char *const *problems, struct error **err)
{
    if (!problems[0])
        return 0;
    error_set(err, ERR_INVALID, "%s", problems[0]);
    if (problems[1]) {
        _cleanup_(text_free) struct text t = {0};
        for (size_t i = 0; problems[i]; i++)
            text_addf(&t, "%s%s", i ? "\n" : "", problems[i]);
        error_detail(err, text_str(&t));
    }
    return error_hint(err,
                      "set networking.podSubnet and networking.serviceSubnet in a ClusterConfiguration, or "
                      "another VIP in spec.env: defaultVIP=…");
}

/* Addresses of the hosts that stay: all of them, or masters only. NULL-terminated. */
static const char *const *addresses(struct arena *a, const struct want *w, bool masters)
{
    const char **list = arena_alloc(a, (w->n_hosts + 1) * sizeof *list);
    size_t n = 0;
    for (size_t i = 0; i < w->n_hosts; i++)
        if (w->hosts[i].listed && (!masters || host_is_master(&w->hosts[i])))
            list[n++] = w->hosts[i].address;
    return list;
}

static int check_ranges(struct arena *a, const struct kubeadm_input *in, const char *const *nodes,
                        struct error **err)
{
    struct kubeadm_networks net;
    if (kubeadm_networks(a, in, &net, err) < 0)
        return -1;
    net.pod_subnet = value_text(value_path(in->file.cluster, "networking.podSubnet"), "");
    net.service_subnet = value_text(value_path(in->file.cluster, "networking.serviceSubnet"), "");
    return kubeadm_refuse_networks(kubeadm_check_networks(a, &net, in->vip, in->masters, nodes), err);
}

/* Every document once, with stand-ins for what only a node can say. */
static int check_documents(struct arena *a, struct kubeadm_input *in, struct text *warnings,
                           struct error **err)
{
    for (int which = KUBEADM_INIT; which <= KUBEADM_JOIN_WORKER; which++) {
        struct kubeadm_documents docs;
        in->which = (enum kubeadm_which)which;
        if (kubeadm_documents(a, in, &docs, err) < 0)
            return -1;
        for (size_t i = 0; i < docs.n_warnings; i++)
            if (which != KUBEADM_JOIN_WORKER) /* says what join-master said */
                text_addf(warnings, "%s\n", docs.warnings[i]);
    }
    return 0;
}

static const char *const *lines(struct arena *a, const struct text *t)
{
    const char **list = NULL;
    size_t n = 0, cap = 0;
    for (const char *p = text_str(t); *p;) {
        const char *end = strchr(p, '\n');
        const char **slot = arena_push(a, &list, &n, &cap, sizeof(char *));
        *slot = arena_strndup(a, p, (size_t)(end - p));
        p = end + 1;
    }
    (void)arena_push(a, &list, &n, &cap, sizeof(char *)); /* the NULL at the end */
    return list;
}

int kubeadm_check_want(const struct want *w, const char *const **warnings, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(text_free) struct text t = {0};
    struct kubeadm_input in = {
        .kubernetes_version = w->kubernetes_version,
        .file = kubeadm_layer_of(w),
        .domain = API_SERVER_DOMAIN,
        .vip = w->vip,
        .bind_port = w->bind_port,
        .masters = addresses(a, w, true),
        .address = "192.0.2.1", /* a documentation address (RFC 5737) */
        .node_name = "node",
        .discovery = "192.0.2.1:6443",
        .token = "abcdef.0123456789abcdef",
        .ca_hash = "sha256:",
    };
    if (check_documents(a, &in, &t, err) < 0 || check_ranges(a, &in, addresses(a, w, false), err) < 0)
        return -1;
    if (warnings)
        *warnings = lines(w->arena, &t);
    return 0;
}
