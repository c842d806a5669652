#include "model/kubeadm.h"

#include "model/cidr.h"

#include <string.h>

struct problems {
    struct arena *a;
    const char **items;
    size_t n, cap;
};

static void say(struct problems *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct problems *p, const char *fmt, ...)
{
    struct text t = {0};
    va_list ap;
    va_start(ap, fmt);
    text_vaddf(&t, fmt, ap);
    va_end(ap);
    const char **slot = arena_push(p->a, &p->items, &p->n, &p->cap, sizeof(char *));
    *slot = arena_strdup(p->a, text_str(&t));
    text_free(&t);
}

struct range_list {
    const char *what; /* "pod", "service" */
    struct cidr ranges[2];
    int n;
};

static void read_ranges(struct problems *p, const char *what, const char *text, struct range_list *ret)
{
    *ret = (struct range_list){.what = what};
    ret->n = cidr_list_parse(text, ret->ranges, ARRAY_LEN(ret->ranges));
    if (ret->n < 0)
        say(p,
            "networking.%sSubnet \"%s\" must be a range such as 10.96.0.0/22, or two of them, "
            "comma-separated",
            what, text);
    else if (ret->n == 2 && ret->ranges[0].base.v6 == ret->ranges[1].base.v6)
        say(p, "networking.%sSubnet \"%s\": of two ranges one must be IPv4 and the other IPv6", what, text);
}

/* What the API server and kubeadm refuse by size. */
static void check_sizes(struct problems *p, const struct range_list *services, const struct range_list *pods,
                        const struct kubeadm_networks *net)
{
    char text[CIDR_TEXT];
    for (int i = 0; i < services->n; i++) {
        const struct cidr *c = &services->ranges[i];
        unsigned bits = (c->base.v6 ? 128 : 32) - c->prefix;
        cidr_text(c, text);
        if (bits > 20)
            say(p, "the service range %s is too large: the API server takes at most /%d", text,
                c->base.v6 ? 108 : 12);
        else if (bits < 4)
            say(p, "the service range %s is too small: kubeadm wants at least 10 addresses", text);
    }
    for (int i = 0; i < pods->n; i++) {
        const struct cidr *c = &pods->ranges[i];
        unsigned mask = c->base.v6 ? net->node_mask_v6 : net->node_mask_v4;
        cidr_text(c, text);
        if (mask && mask < c->prefix)
            say(p,
                "the pod range %s is smaller than one node's share of it, /%u "
                "(controllerManager.extraArgs node-cidr-mask-size)",
                text, mask);
        else if (mask && mask - c->prefix > 16)
            say(p,
                "the pod range %s gives more than 65536 shares of /%u: the controller manager refuses that "
                "(controllerManager.extraArgs node-cidr-mask-size)",
                text, mask);
    }
}

static void check_outside(struct problems *p, const char *what, const char *address,
                          const struct range_list *list)
{
    struct ip ip;
    char text[CIDR_TEXT];
    if (!ip_parse(address, &ip))
        return;
    for (int i = 0; i < list->n; i++)
        if (cidr_contains(&list->ranges[i], &ip)) {
            cidr_text(&list->ranges[i], text);
            say(p, "%s %s lies in the %s range %s", what, address, list->what, text);
        }
}

static void check_vip(struct problems *p, const char *vip, const char *const *masters,
                      const char *const *nodes)
{
    struct ip ip, other;
    if (!ip_parse(vip, &ip)) {
        say(p, "the VIP \"%s\" is not an address", vip);
        return;
    }
    for (size_t i = 0; nodes && nodes[i]; i++)
        if (ip_parse(nodes[i], &other) && ip_cmp(&ip, &other) == 0)
            say(p, "the VIP %s is the address of a node", vip);
    for (size_t i = 0; masters && masters[i]; i++)
        if (ip_parse(masters[i], &other) && ip.v6 != other.v6) {
            say(p, "the VIP %s and the master %s are not of one address family", vip, masters[i]);
            break;
        }
}

const char *const *kubeadm_check_networks(struct arena *a, const struct kubeadm_networks *net,
                                          const char *vip, const char *const *masters,
                                          const char *const *nodes)
{
    struct problems p = {.a = a};
    struct range_list pods, services;
    char x[CIDR_TEXT], y[CIDR_TEXT];
    read_ranges(&p, "pod", net->pod_subnet, &pods);
    read_ranges(&p, "service", net->service_subnet, &services);
    for (int i = 0; i < pods.n; i++)
        for (int j = 0; j < services.n; j++)
            if (cidr_overlaps(&pods.ranges[i], &services.ranges[j])) {
                cidr_text(&pods.ranges[i], x);
                cidr_text(&services.ranges[j], y);
                say(&p, "the pod range %s and the service range %s overlap", x, y);
            }
    check_sizes(&p, &services, &pods, net);
    check_vip(&p, vip, masters, nodes);
    check_outside(&p, "the VIP", vip, &pods);
    check_outside(&p, "the VIP", vip, &services);
    for (size_t i = 0; nodes && nodes[i]; i++) {
        check_outside(&p, "the node", nodes[i], &pods);
        check_outside(&p, "the node", nodes[i], &services);
    }
    const char **end = arena_push(a, &p.items, &p.n, &p.cap, sizeof(char *));
    *end = NULL;
    return p.items;
}
