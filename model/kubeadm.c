#include "model/kubeadm_types.h"

#include <string.h>

void kubeadm_layer_fill(struct kubeadm_layer *layer, const struct value *const *docs, size_t n)
{
    const struct {
        const char *kind;
        const struct value **slot;
    } kinds[] = {
        {"InitConfiguration", &layer->init},       {"ClusterConfiguration", &layer->cluster},
        {"JoinConfiguration", &layer->join},       {"KubeProxyConfiguration", &layer->kube_proxy},
        {"KubeletConfiguration", &layer->kubelet},
    };
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            if (!*kinds[k].slot && str_eq(value_text(value_get_ci(docs[i], "kind"), ""), kinds[k].kind))
                *kinds[k].slot = docs[i];
}

/* ---- layers */

static void set_text(struct kubeadm_pass *p, struct value *map, const char *key, const char *text)
{
    value_set(p->a, map, key, value_string(p->a, text));
}

static void set_default(struct kubeadm_pass *p, struct value *map, const char *key, const char *text)
{
    if (text && !*value_text(value_get(map, key), ""))
        set_text(p, map, key, text);
}

static int normal_layer(struct kubeadm_pass *p, const struct kubeadm_type *t, const char *kind,
                        const char *layer, const struct value *doc, struct value **ret)
{
    if (kubeadm_normalise(p, t, doc, kind, ret) < 0)
        return layer ? error_wrap(p->err, "%s", layer) : -1;
    return 0;
}

/* Moves a text from one place to another unless that one is taken. */
static void move(struct kubeadm_pass *p, struct value *from, const char *key, struct value *to,
                 const char *map, const char *new_key)
{
    const char *text = value_text(value_get(from, key), NULL);
    if (!text)
        return;
    value_remove(from, key);
    set_default(p, value_make(p->a, to, map), new_key, text);
}

/* Both documents of a layer at once: the wait for the control plane stands in the one up to v1beta3 and in
 * the other since, and in the internal form always in `timeouts`. */
static int add_init_layer(struct kubeadm_pass *p, const struct kubeadm_layer *layer, struct value *init,
                          struct value *cluster)
{
    struct value *i = NULL, *c = NULL;
    if (normal_layer(p, &kubeadm_init_type, "InitConfiguration", layer->name, layer->init, &i) < 0 ||
        normal_layer(p, &kubeadm_cluster_type, "ClusterConfiguration", layer->name, layer->cluster, &c) < 0)
        return -1;
    move(p, value_get(c, "apiServer"), "timeoutForControlPlane", i, "timeouts",
         "controlPlaneComponentHealthCheck");
    kubeadm_merge(p, &kubeadm_init_type, init, i);
    kubeadm_merge(p, &kubeadm_cluster_type, cluster, c);
    return 0;
}

static int add_join_layer(struct kubeadm_pass *p, const struct kubeadm_layer *layer, struct value *join)
{
    struct value *j = NULL;
    if (normal_layer(p, &kubeadm_join_type, "JoinConfiguration", layer->name, layer->join, &j) < 0)
        return -1;
    move(p, value_get(j, "discovery"), "timeout", j, "timeouts", "discovery");
    kubeadm_merge(p, &kubeadm_join_type, join, j);
    return 0;
}

/* kubelet's and kube-proxy's documents: their own spelling, their own types. */
static int add_component(struct kubeadm_pass *p, bool of_kubelet, const char *layer, const struct value *doc,
                         struct value *base)
{
    struct value *over = value_map(p->a);
    if (value_is_null(doc))
        return 0;
    if (doc->kind != VALUE_MAP) {
        error_set(p->err, ERR_INVALID, "%sConfiguration must be a map", of_kubelet ? "Kubelet" : "KubeProxy");
        return layer ? error_wrap(p->err, "%s", layer) : -1;
    }
    for (size_t i = 0; i < doc->n; i++)
        if (!str_eq(doc->keys[i], "apiVersion") && !str_eq(doc->keys[i], "kind"))
            value_set(p->a, over, kubeadm_component_name(doc->keys[i], of_kubelet), doc->items[i]);
    kubeadm_merge_any(p->a, base, over);
    return 0;
}

/* ---- computed */

/* "unix:///run/…" of a path. dockershim's socket is known to old kubeadms by its bare path only. */
static const char *endpoint_url(struct arena *a, const char *path)
{
    if (!path || path[0] != '/' || str_ends(path, "/dockershim.sock"))
        return path;
    return arena_printf(a, "unix://%s", path);
}

static const char *socket_of(struct kubeadm_pass *p, struct value *doc, const struct kubeadm_input *in)
{
    const char *users = value_text(value_path(doc, "nodeRegistration.criSocket"), NULL);
    return endpoint_url(p->a, users ? users : in->cri_socket);
}

static const char *host_port(struct arena *a, const char *host, unsigned port)
{
    return arena_printf(a, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

static void set_registration(struct kubeadm_pass *p, struct value *doc, const struct kubeadm_input *in)
{
    struct value *r = value_make(p->a, doc, "nodeRegistration"), *args = value_get(r, "kubeletExtraArgs");
    const char *name = value_text(value_get(r, "name"), NULL), *socket = socket_of(p, doc, in);
    if (name && in->which != KUBEADM_INIT && !in->node_name) {
        kubeadm_warn(p, "JoinConfiguration.nodeRegistration.name would give all nodes the name %s: left out",
                     name);
        value_remove(r, "name");
    }
    if (in->node_name)
        set_text(p, r, "name", in->node_name);
    if (socket)
        set_text(p, r, "criSocket", socket);
    if (!args) {
        args = value_list(p->a);
        value_set(p->a, r, "kubeletExtraArgs", args);
    }
    if (!kubeadm_has_arg(args, "node-ip")) /* a machine with several addresses: the one that we reach */
        kubeadm_set_arg(p->a, args, "node-ip", in->address);
}

static void set_endpoint(struct kubeadm_pass *p, struct value *parent, const struct kubeadm_input *in)
{
    struct value *e = value_make(p->a, parent, "localAPIEndpoint");
    set_text(p, e, "advertiseAddress", in->address);
    value_set(p->a, e, "bindPort", value_int(p->a, in->bind_port));
}

static void set_cluster(struct kubeadm_pass *p, struct value *c, const struct kubeadm_input *in)
{
    set_text(p, c, "kubernetesVersion", in->kubernetes_version);
    set_text(p, c, "controlPlaneEndpoint", host_port(p->a, in->domain, in->bind_port));
    struct value *ours = value_list(p->a), *holder = value_map(p->a), *one = value_map(p->a);
    value_push(p->a, ours, value_string(p->a, "127.0.0.1"));
    value_push(p->a, ours, value_string(p->a, in->domain));
    value_push(p->a, ours, value_string(p->a, in->vip));
    for (size_t i = 0; in->masters && in->masters[i]; i++)
        value_push(p->a, ours, value_string(p->a, in->masters[i]));
    struct value *users = value_path(c, "apiServer.certSANs");
    value_set(p->a, value_make(p->a, holder, "apiServer"), "certSANs", ours);
    value_set(p->a, value_make(p->a, one, "apiServer"), "certSANs", users ? users : value_list(p->a));
    kubeadm_merge(p, &kubeadm_cluster_type, holder, one);
    value_set(p->a, value_make(p->a, c, "apiServer"), "certSANs", value_path(holder, "apiServer.certSANs"));
}

static void set_kubelet(struct kubeadm_pass *p, struct value *k, const struct kubeadm_input *in,
                        const char *socket)
{
    const char *driver = value_text(value_get(k, "cgroupDriver"), NULL);
    if (in->cgroup_driver) {
        if (driver && !str_eq(driver, in->cgroup_driver))
            kubeadm_warn(p,
                         "KubeletConfiguration.cgroupDriver is %s, but the container runtime uses %s: the "
                         "latter is taken",
                         driver, in->cgroup_driver);
        set_text(p, k, "cgroupDriver", in->cgroup_driver);
    }
    if (version_at_least(&p->version, 1,
                         27)) { /* before, these are flags, which the image's unit file sets */
        set_default(p, k, "containerRuntimeEndpoint", socket);
        set_default(p, k, "imageServiceEndpoint", endpoint_url(p->a, in->image_endpoint));
    }
}

static void set_proxy(struct kubeadm_pass *p, struct value *proxy, const struct kubeadm_input *in)
{
    if (!str_eq(value_text(value_get(proxy, "mode"), NULL), "ipvs"))
        return;
    /* Without this kube-proxy takes the VIP's virtual server, which it did not make, away. */
    struct value *ipvs = value_make(p->a, proxy, "ipvs"), *list = value_get(ipvs, "excludeCIDRs");
    const char *own = arena_printf(p->a, "%s/%d", in->vip, strchr(in->vip, ':') ? 128 : 32);
    if (!list || list->kind != VALUE_LIST) {
        list = value_list(p->a);
        value_set(p->a, ipvs, "excludeCIDRs", list);
    }
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(value_text(list->items[i], NULL), own))
            return;
    value_push(p->a, list, value_string(p->a, own));
}

/* ---- documents */

static void push_doc(struct kubeadm_pass *p, const char *api, const char *kind, const struct value *body)
{
    struct value *doc = value_map(p->a);
    set_text(p, doc, "apiVersion", api);
    set_text(p, doc, "kind", kind);
    for (size_t i = 0; i < body->n; i++)
        value_set(p->a, doc, body->keys[i], body->items[i]);
    const struct value **slot =
        arena_push(p->a, &p->out->docs, &p->out->n, &p->out->cap, sizeof(const struct value *));
    *slot = doc;
}

static int init_layers(struct kubeadm_pass *p, const struct kubeadm_input *in, struct value **init,
                       struct value **cluster)
{
    *init = kubeadm_default_init(p, in);
    *cluster = kubeadm_default_cluster(p);
    if (add_init_layer(p, &in->image, *init, *cluster) < 0 ||
        add_init_layer(p, &in->file, *init, *cluster) < 0)
        return -1;
    set_cluster(p, *cluster, in);
    return 0;
}

static int component_layers(struct kubeadm_pass *p, const struct kubeadm_input *in, struct value **kubelet,
                            struct value **proxy)
{
    *kubelet = kubeadm_default_kubelet(p);
    *proxy = kubeadm_default_proxy(p, in);
    return add_component(p, true, in->image.name, in->image.kubelet, *kubelet) < 0 ||
                   add_component(p, true, in->file.name, in->file.kubelet, *kubelet) < 0 ||
                   add_component(p, false, in->image.name, in->image.kube_proxy, *proxy) < 0 ||
                   add_component(p, false, in->file.name, in->file.kube_proxy, *proxy) < 0
               ? -1
               : 0;
}

static int init_documents(struct kubeadm_pass *p, const struct kubeadm_input *in)
{
    struct value *init = NULL, *cluster = NULL, *kubelet = NULL, *proxy = NULL;
    if (init_layers(p, in, &init, &cluster) < 0 || component_layers(p, in, &kubelet, &proxy) < 0)
        return -1;
    set_registration(p, init, in);
    set_endpoint(p, init, in);
    set_kubelet(p, kubelet, in, socket_of(p, init, in));
    set_proxy(p, proxy, in);
    if (p->api < KUBEADM_V1BETA4)
        move(p, value_get(init, "timeouts"), "controlPlaneComponentHealthCheck", cluster, "apiServer",
             "timeoutForControlPlane");
    kubeadm_prune_gates(p, value_get(cluster, "featureGates"), "ClusterConfiguration.featureGates", true);
    kubeadm_prune_kubelet(p, kubelet);
    const char *api = kubeadm_api_text(p->api);
    push_doc(p, api, "InitConfiguration", kubeadm_emit(p, &kubeadm_init_type, init, "InitConfiguration"));
    push_doc(p, api, "ClusterConfiguration",
             kubeadm_emit(p, &kubeadm_cluster_type, cluster, "ClusterConfiguration"));
    push_doc(p, "kubelet.config.k8s.io/v1beta1", "KubeletConfiguration", kubelet);
    push_doc(p, "kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration", proxy);
    return 0;
}

static void set_discovery(struct kubeadm_pass *p, struct value *join, const struct kubeadm_input *in)
{
    struct value *d = value_make(p->a, join, "discovery"), *t = value_map(p->a), *hashes = value_list(p->a);
    value_remove(d, "file"); /* the other way of discovery; a token is made for each run */
    value_remove(d, "tlsBootstrapToken");
    set_text(p, t, "token", in->token);
    set_text(p, t, "apiServerEndpoint", in->discovery);
    value_push(p->a, hashes, value_string(p->a, in->ca_hash));
    value_set(p->a, t, "caCertHashes", hashes);
    value_set(p->a, d, "bootstrapToken", t);
    if (p->api < KUBEADM_V1BETA4)
        move(p, value_get(join, "timeouts"), "discovery", join, "discovery", "timeout");
}

static int join_documents(struct kubeadm_pass *p, const struct kubeadm_input *in)
{
    struct value *join = kubeadm_default_join(p);
    if (!in->token || !in->ca_hash || !in->discovery)
        return error_set(p->err, ERR_INTERNAL, "a join without token, CA hash or API server");
    if (add_join_layer(p, &in->image, join) < 0 || add_join_layer(p, &in->file, join) < 0)
        return -1;
    set_registration(p, join, in);
    set_discovery(p, join, in);
    if (in->which == KUBEADM_JOIN_MASTER) {
        struct value *cp = value_make(p->a, join, "controlPlane");
        value_remove(cp,
                     "certificateKey"); /* the CAs are in place: with a key kubeadm would fetch them again */
        set_endpoint(p, cp, in);
    } else {
        value_remove(join, "controlPlane");
    }
    push_doc(p, kubeadm_api_text(p->api), "JoinConfiguration",
             kubeadm_emit(p, &kubeadm_join_type, join, "JoinConfiguration"));
    return 0;
}

static int begin(struct kubeadm_pass *p, const struct kubeadm_input *in)
{
    if (!version_parse(in->kubernetes_version, &p->version))
        return error_set(p->err, ERR_INVALID, "\"%s\" is not a version of Kubernetes",
                         in->kubernetes_version);
    p->api = version_kubeadm_api(&p->version);
    if (p->api == KUBEADM_NONE)
        return error_set(p->err, ERR_INVALID,
                         "Kubernetes %s is too old: its kubeadm reads no format from v1beta2 on",
                         in->kubernetes_version);
    return 0;
}

int kubeadm_documents(struct arena *a, const struct kubeadm_input *in, struct kubeadm_documents *ret,
                      struct error **err)
{
    struct kubeadm_documents out = {0};
    struct kubeadm_pass p = {.a = a, .out = &out, .err = err};
    if (begin(&p, in) < 0 ||
        (in->which == KUBEADM_INIT ? init_documents(&p, in) : join_documents(&p, in)) < 0)
        return -1;
    *ret = out;
    return 0;
}

static unsigned node_mask(const struct value *args, const char *name, unsigned otherwise)
{
    for (size_t i = 0; args && i < args->n; i++)
        if (str_eq(value_text(value_get(args->items[i], "name"), ""), name))
            return (unsigned)strtoul(value_text(value_get(args->items[i], "value"), "0"), NULL, 10);
    return otherwise;
}

int kubeadm_networks(struct arena *a, const struct kubeadm_input *in, struct kubeadm_networks *ret,
                     struct error **err)
{
    struct kubeadm_documents out = {0};
    struct kubeadm_pass p = {.a = a, .out = &out, .err = err};
    struct value *init = NULL, *c = NULL;
    if (begin(&p, in) < 0 || init_layers(&p, in, &init, &c) < 0)
        return -1;
    struct kubeadm_networks net = {
        .pod_subnet = value_text(value_path(c, "networking.podSubnet"), ""),
        .service_subnet = value_text(value_path(c, "networking.serviceSubnet"), ""),
        .dns_domain = value_text(value_path(c, "networking.dnsDomain"), "cluster.local"),
        .external_etcd = value_path(c, "etcd.external") != NULL,
    };
    const struct value *sans = value_path(c, "apiServer.certSANs"),
                       *args = value_path(c, "controllerManager.extraArgs");
    const char **list = arena_alloc(a, (sans->n + 1) * sizeof *list);
    for (size_t i = 0; i < sans->n; i++)
        list[i] = value_text(sans->items[i], "");
    net.cert_sans = list;
    /* kube-controller-manager's defaults */
    net.node_mask_v4 =
        node_mask(args, "node-cidr-mask-size-ipv4", node_mask(args, "node-cidr-mask-size", 24));
    net.node_mask_v6 =
        node_mask(args, "node-cidr-mask-size-ipv6", node_mask(args, "node-cidr-mask-size", 64));
    for (size_t i = 0; args && i < args->n; i++)
        if (str_eq(value_text(value_get(args->items[i], "name"), ""), "allocate-node-cidrs") &&
            str_eq(value_text(value_get(args->items[i], "value"), ""), "false"))
            net.node_mask_v4 = net.node_mask_v6 = 0;
    *ret = net;
    return 0;
}
