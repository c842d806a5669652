#include "actions/means/pki.h"

#include "model/cidr.h"

#include <ctype.h>
#include <string.h>

const char *const pki_leaf_paths[PKI_LEAVES] = {
    [PKI_APISERVER] = "apiserver",
    [PKI_APISERVER_KUBELET_CLIENT] = "apiserver-kubelet-client",
    [PKI_FRONT_PROXY_CLIENT] = "front-proxy-client",
    [PKI_APISERVER_ETCD_CLIENT] = "apiserver-etcd-client",
    [PKI_ETCD_SERVER] = "etcd/server",
    [PKI_ETCD_PEER] = "etcd/peer",
    [PKI_ETCD_HEALTHCHECK_CLIENT] = "etcd/healthcheck-client",
};

/* What stood in system:masters until 1.29 and moved then: the API server's client towards kubelets to
 * kubeadm:cluster-admins, etcd's clients to no organisation (etcd asks for none). */
enum group { GROUP_NONE, GROUP_ADMINS, GROUP_MASTERS_ONCE, GROUP_MASTERS, GROUP_NODES };

static const char *organisation(enum group g, const struct version *kubernetes)
{
    bool since_1_29 = version_at_least(kubernetes, 1, 29);
    switch (g) {
    case GROUP_ADMINS:
        return since_1_29 ? "kubeadm:cluster-admins" : "system:masters";
    case GROUP_MASTERS_ONCE:
        return since_1_29 ? NULL : "system:masters";
    case GROUP_MASTERS:
        return "system:masters";
    case GROUP_NODES:
        return "system:nodes";
    case GROUP_NONE:
        break;
    }
    return NULL;
}

static const struct {
    enum pki_file ca_crt, ca_key;
    const char *common_name; /* NULL: the node's name */
    enum group group;
    unsigned usage;
} leaves[PKI_LEAVES] = {
    [PKI_APISERVER] = {PKI_CA_CRT, PKI_CA_KEY, "kube-apiserver", GROUP_NONE, X509_SERVER},
    [PKI_APISERVER_KUBELET_CLIENT] = {PKI_CA_CRT, PKI_CA_KEY, "kube-apiserver-kubelet-client", GROUP_ADMINS,
                                      X509_CLIENT},
    [PKI_FRONT_PROXY_CLIENT] = {PKI_FRONT_PROXY_CA_CRT, PKI_FRONT_PROXY_CA_KEY, "front-proxy-client",
                                GROUP_NONE, X509_CLIENT},
    [PKI_APISERVER_ETCD_CLIENT] = {PKI_ETCD_CA_CRT, PKI_ETCD_CA_KEY, "kube-apiserver-etcd-client",
                                   GROUP_MASTERS_ONCE, X509_CLIENT},
    [PKI_ETCD_SERVER] = {PKI_ETCD_CA_CRT, PKI_ETCD_CA_KEY, NULL, GROUP_NONE, X509_SERVER | X509_CLIENT},
    [PKI_ETCD_PEER] = {PKI_ETCD_CA_CRT, PKI_ETCD_CA_KEY, NULL, GROUP_NONE, X509_SERVER | X509_CLIENT},
    [PKI_ETCD_HEALTHCHECK_CLIENT] = {PKI_ETCD_CA_CRT, PKI_ETCD_CA_KEY, "kube-etcd-healthcheck-client",
                                     GROUP_MASTERS_ONCE, X509_CLIENT},
};

struct names {
    const char **items;
    size_t n, cap;
};

static void push(struct arena *a, struct names *s, const char *text)
{
    const char **slot = arena_push(a, &s->items, &s->n, &s->cap, sizeof(char *));
    *slot = text ? arena_strdup(a, text) : NULL;
}

static int apiserver_names(struct arena *a, const struct pki_node *node, struct names *s, struct error **err)
{
    const char *domain = node->dns_domain && *node->dns_domain ? node->dns_domain : "cluster.local";
    push(a, s, node->name);
    push(a, s, "kubernetes");
    push(a, s, "kubernetes.default");
    push(a, s, "kubernetes.default.svc");
    push(a, s, arena_printf(a, "kubernetes.default.svc.%s", domain));
    push(a, s, "localhost");
    push(a, s, node->address);
    struct cidr ranges[2];
    int n = cidr_list_parse(node->service_subnet, ranges, ARRAY_LEN(ranges));
    if (n <= 0)
        return error_set(err, ERR_INVALID, "the service subnet \"%s\" is not a range", node->service_subnet);
    for (int i = 0; i < n; i++) {
        struct ip ip;
        char text[IP_TEXT];
        if (!cidr_nth(&ranges[i], 1, &ip))
            return error_set(err, ERR_INVALID,
                             "the service subnet \"%s\" has no room for the API server's address",
                             node->service_subnet);
        ip_text(&ip, text);
        push(a, s, text);
    }
    for (size_t i = 0; node->cert_sans && node->cert_sans[i]; i++)
        push(a, s, node->cert_sans[i]);
    return 0;
}

int pki_leaf_new(const struct pki_bundle *b, const struct pki_node *node, enum pki_leaf leaf,
                 struct text *ret_crt, struct text *ret_key, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct names s = {0};
    if (leaf == PKI_APISERVER && apiserver_names(a, node, &s, err) < 0)
        return -1;
    if (leaf == PKI_ETCD_SERVER || leaf == PKI_ETCD_PEER) {
        const char *const local[] = {"localhost", node->name, "127.0.0.1", "::1", node->address};
        for (size_t i = 0; i < ARRAY_LEN(local); i++)
            push(a, &s, local[i]);
    }
    push(a, &s, NULL);
    const struct x509_leaf spec = {
        .common_name = leaves[leaf].common_name ? leaves[leaf].common_name : node->name,
        .organisation = organisation(leaves[leaf].group, &node->kubernetes),
        .names = s.items,
        .usage = leaves[leaf].usage,
        .days = node->days,
        .now = node->now,
    };
    if (x509_leaf_new(text_str(&b->files[leaves[leaf].ca_crt]), text_str(&b->files[leaves[leaf].ca_key]),
                      &spec, ret_crt, ret_key, err) < 0)
        return error_wrap(err, "make the certificate %s", pki_leaf_paths[leaf]);
    return 0;
}

static const struct {
    const char *name;
    enum group group;
} users[PKI_USERS] = {
    [PKI_ADMIN] = {"kubernetes-admin", GROUP_ADMINS},
    [PKI_SUPER_ADMIN] = {"kubernetes-super-admin", GROUP_MASTERS},
    [PKI_CONTROLLER_MANAGER] = {"system:kube-controller-manager", GROUP_NONE},
    [PKI_SCHEDULER] = {"system:kube-scheduler", GROUP_NONE},
    [PKI_KUBELET] = {"system:node", GROUP_NODES},
};

const char *pki_user_name(enum pki_user user)
{
    return users[user].name;
}

int pki_user_new(const char *ca_crt, const char *ca_key, enum pki_user user, const struct version *kubernetes,
                 const char *node_name, unsigned days, int64_t now, struct text *ret_crt,
                 struct text *ret_key, struct error **err)
{
    _cleanup_(mem_freep) char *name = NULL;
    if (user == PKI_KUBELET) {
        /* Node names are DNS names in lower case, whatever the machine calls itself. */
        name = mem_printf("system:node:%s", node_name ? node_name : "");
        for (char *p = name; *p; p++)
            *p = (char)tolower((unsigned char)*p);
    }
    const struct x509_leaf spec = {
        .common_name = name ? name : users[user].name,
        .organisation = organisation(users[user].group, kubernetes),
        .usage = X509_CLIENT,
        .days = days,
        .now = now,
    };
    if (x509_leaf_new(ca_crt, ca_key, &spec, ret_crt, ret_key, err) < 0)
        return error_wrap(err, "make the certificate of %s", spec.common_name);
    return 0;
}
