#include "actions/means/probe.h"

#include "actions/means/lvscare_pod.h"
#include "model/value.h"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

extern const char onnode_stat[], onnode_probe[], onnode_probe_tools[], onnode_probe_local[],
    onnode_probe_late[];

#define DEFAULT_REGISTRY_DOMAIN "sealos.hub" /* facts, section 6.1: also where no image says so */
#define DEFAULT_REGISTRY_PORT 5000
#define DEFAULT_BIND_PORT 6443
#define DEFAULT_ETCD_DATA "/var/lib/etcd"

static const struct {
    unsigned section;
    const char *name;
} sections_by_name[] = {
    {SECTION_IDENTITY, "identity"}, {SECTION_ROOTFS, "rootfs"}, {SECTION_HOSTS, "hosts"},
    {SECTION_REGISTRY, "registry"}, {SECTION_INIT, "init"},     {SECTION_KUBE, "kube"},
    {SECTION_VIP, "vip"},           {SECTION_API, "api"},       {SECTION_ETCD, "etcd"},
    {SECTION_SELF, "self"},         {SECTION_JOBS, "jobs"},
};

void probe_nonce(char out[PROBE_NONCE])
{
    unsigned char raw[(PROBE_NONCE - 1) / 2];
    if (RAND_bytes(raw, sizeof raw) != 1)
        abort(); /* no randomness: nothing else would be safe either */
    for (size_t i = 0; i < sizeof raw; i++) {
        out[2 * i] = "0123456789abcdef"[raw[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[raw[i] & 15];
    }
    out[PROBE_NONCE - 1] = 0;
}

static void assign(struct text *t, const char *name, const char *value)
{
    text_addf(t, "%s=", name);
    text_add_quoted(t, value);
    text_addc(t, '\n');
}

static void assign_number(struct text *t, const char *name, unsigned n)
{
    text_addf(t, "%s=%u\n", name, n);
}

/* The virtual server in the three spellings that its readers need; /proc/net/ip_vs writes hex, IPv6 in full.
 */
static void assign_vip(struct text *t, const char *vip, unsigned port)
{
    unsigned char b[16];
    char full[64] = "", key[80] = "", mask[80] = "", at[80] = "";
    if (vip && inet_pton(AF_INET, vip, b) == 1) {
        snprintf(key, sizeof key, "%02X%02X%02X%02X:%04X", b[0], b[1], b[2], b[3], port);
        snprintf(mask, sizeof mask, "%s/32", vip);
        snprintf(at, sizeof at, "%s:%u", vip, port);
    } else if (vip && inet_pton(AF_INET6, vip, b) == 1) {
        for (int i = 0; i < 8; i++)
            snprintf(full + strlen(full), sizeof full - strlen(full), "%s%02x%02x", i ? ":" : "", b[2 * i],
                     b[2 * i + 1]);
        char canonical[INET6_ADDRSTRLEN]; /* as ip6tables-save prints it */
        inet_ntop(AF_INET6, b, canonical, sizeof canonical);
        snprintf(key, sizeof key, "[%s]:%04X", full, port);
        snprintf(mask, sizeof mask, "%s/128", canonical);
        snprintf(at, sizeof at, "[%.60s]:%u", vip, port);
    }
    assign(t, "HOSTPORT", at);
    assign(t, "VIPKEY", key);
    assign(t, "VIPMASK", mask);
    assign_number(t, "VIPPORT", port);
}

void probe_script(const struct want *w, int node, unsigned sections, const char *nonce, struct text *out)
{
    const struct want_host *h = &w->hosts[node];
    const struct value *etcd = value_path(w->cluster_configuration, "etcd");
    unsigned bind_port = w->bind_port ? w->bind_port : DEFAULT_BIND_PORT;
    _cleanup_(text_free) struct text names = {0};
    sections |= SECTION_IDENTITY;
    text_addc(&names, ' ');
    for (size_t i = 0; i < ARRAY_LEN(sections_by_name); i++)
        if (sections & sections_by_name[i].section)
            text_addf(&names, "%s ", sections_by_name[i].name);
    assign(out, "ROOT", "");
    assign(out, "NONCE", nonce);
    assign(out, "SECTIONS", text_str(&names));
    assign(out, "CLUSTER", w->cluster);
    assign(out, "ROLE", host_is_master(h) ? "master" : "worker");
    assign(out, "DOMAIN", w->registry_domain ? w->registry_domain : DEFAULT_REGISTRY_DOMAIN);
    assign_number(out, "PORT", w->registry_port ? w->registry_port : DEFAULT_REGISTRY_PORT);
    assign_vip(out, w->vip, bind_port);
    assign_number(out, "BINDPORT", bind_port);
    assign(out, "LOOPBACK", strchr(h->address, ':') ? "[::1]" : "127.0.0.1");
    assign(out, "ETCDDATA", value_text(value_path(etcd, "local.dataDir"), DEFAULT_ETCD_DATA));
    assign(out, "ETCDEXTERNAL", value_path(etcd, "external") ? "yes" : "no");
    text_add(out, onnode_stat);
    text_add(out, onnode_probe_tools);
    text_add(out, onnode_probe_local);
    text_add(out, onnode_probe_late);
    text_add(out, onnode_probe);
}

void probe_answer_free(struct probe_answer *a)
{
    text_free(&a->raw);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int probe_observe(struct world *world, int node, unsigned sections, struct probe_answer *ret,
                  struct error **err)
{
    struct probe_answer a = {.node = node, .sections = sections | SECTION_IDENTITY};
    probe_nonce(a.nonce);
    a.sent_s = now();
    if (world_observe(world, node, a.sections, a.nonce, &a.raw, err) < 0) {
        probe_answer_free(&a);
        return -1;
    }
    a.received_s = now();
    *ret = a;
    return 0;
}

/* The pod comes as the file's text; what counts is what it means. (Virtual nodes say that at once.) */
static void canonical_pod(struct have *h, int node)
{
    const struct fact *pod = have_fact(h, node, FACT_LVSCARE_POD);
    if (pod->state != TRI_TRUE || str_starts(pod->value, "vs="))
        return;
    _cleanup_(text_free) struct text meaning = {0};
    lvscare_pod_say(pod->value, strlen(pod->value), &meaning);
    have_true(h, node, FACT_LVSCARE_POD, text_str(&meaning));
}

int probe_take(const struct want *w, struct have *h, const struct probe_answer *a,
               struct answer_view **ret_view, struct error **err)
{
    if (answer_parse(w, h, a->node, a->sections, a->nonce, text_str(&a->raw), a->raw.len, a->sent_s,
                     a->received_s, ret_view, err) < 0)
        return -1;
    if (a->sections & SECTION_VIP)
        canonical_pod(h, a->node);
    return 0;
}

int probe_update(const struct want *w, struct have *h, const struct probe_answer *a, struct error **err)
{
    _cleanup_(answer_view_freep) struct answer_view *view = NULL;
    if (probe_take(w, h, a, &view, err) < 0)
        return -1;
    answer_merge(w, h, &view, 1);
    return 0;
}
