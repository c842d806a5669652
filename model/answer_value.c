/* What the values of an answer must look like. */
#include "model/answer_view.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define LIST_MAX_BYTES ((size_t)64 * 1024)
#define WORD_MAX_BYTES 253

/* What a value must look like. A value that does not is not used: where another value would only mean
 * "differs, set it again" it becomes "malformed", so that a garbled stamp is repaired; else the fact is
 * unknown. */
enum shape {
    SHAPE_NEVER,
    SHAPE_FLAG,
    SHAPE_TEXT,
    SHAPE_WORD,
    SHAPE_NUMBER,
    SHAPE_LIST,
    SHAPE_RULES,
    SHAPE_BLOB
};

static const struct {
    unsigned char shape;
    bool repairable;
} shapes[FACT_COUNT] = {
    [FACT_ROOT] = {SHAPE_FLAG},
    [FACT_HOSTNAME] = {SHAPE_WORD},
    [FACT_MACHINE_ID] = {SHAPE_WORD},
    [FACT_BOOT_ID] = {SHAPE_WORD},
    [FACT_OS] = {SHAPE_TEXT},
    [FACT_ARCH] = {SHAPE_WORD},
    [FACT_KERNEL] = {SHAPE_WORD},
    [FACT_DISK_FREE] = {SHAPE_NUMBER},
    [FACT_MEMORY] = {SHAPE_NUMBER},
    [FACT_PORTS_BUSY] = {SHAPE_LIST},
    [FACT_OURS] = {SHAPE_FLAG},
    [FACT_ROOTFS] = {SHAPE_WORD, true},
    [FACT_HOSTS_REGISTRY] = {SHAPE_WORD, true},
    [FACT_HOSTS_API] = {SHAPE_WORD, true},
    [FACT_HOSTS_LVSCARE] = {SHAPE_WORD, true},
    [FACT_REGISTRY_IMAGES] = {SHAPE_LIST, true},
    [FACT_REGISTRY_STAMP] = {SHAPE_WORD, true},
    [FACT_REGISTRY_SERVING] = {SHAPE_FLAG},
    [FACT_INIT_STAMP] = {SHAPE_WORD, true},
    [FACT_RUNTIME_UP] = {SHAPE_WORD},
    [FACT_SHIM_UP] = {SHAPE_FLAG},
    [FACT_KUBELET_UP] = {SHAPE_FLAG},
    [FACT_PREPULLED] = {SHAPE_WORD, true},
    [FACT_KUBELET_CONF] = {SHAPE_FLAG},
    [FACT_ADMIN_CONF] = {SHAPE_FLAG},
    [FACT_CA] = {SHAPE_WORD},
    [FACT_CA_STAMP] = {SHAPE_WORD, true},
    [FACT_PKI] = {SHAPE_WORD},
    [FACT_STATICS] = {SHAPE_FLAG},
    [FACT_KUBECONFIG] = {SHAPE_WORD, true},
    [FACT_MANIFESTS] = {SHAPE_LIST},
    [FACT_ETCD_DATA] = {SHAPE_FLAG},
    [FACT_ATTEMPT] = {SHAPE_WORD},
    [FACT_IPVS_KERNEL] = {SHAPE_WORD},
    [FACT_VIP_RULES] = {SHAPE_RULES, true},
    [FACT_LVSCARE_POD] = {SHAPE_BLOB, true},
    [FACT_VIP_ANSWERS] = {SHAPE_FLAG},
    [FACT_API_ANSWERS] = {SHAPE_FLAG},
    [FACT_ETCD_ANSWERS] = {SHAPE_FLAG},
    [FACT_JOBS] = {SHAPE_LIST},
};

bool answer_is_word(const char *s, size_t n)
{
    if (n == 0 || n > WORD_MAX_BYTES)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] == ' ' || s[i] == ',' || (unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return false;
    return true;
}

static bool is_list(const char *s)
{
    if (strlen(s) > LIST_MAX_BYTES)
        return false;
    for (;;) {
        size_t n = strcspn(s, ",");
        if (!answer_is_word(s, n))
            return false;
        if (!s[n])
            return true;
        s += n + 1;
    }
}

static bool is_number(const char *s)
{
    size_t n = strspn(s, "0123456789");
    return n > 0 && n <= 15 && !s[n];
}

static bool is_text(const char *s)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return false;
    return n > 0 && n <= 512;
}

/* An IPv6 address in its short form: /proc/net/ip_vs writes it in full. Anything else stays as it is. */
static const char *short_address(struct arena *a, const char *s, size_t n)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char raw[16];
    const char *copy = arena_strndup(a, s, n);
    if (inet_pton(AF_INET6, copy, raw) != 1 || !inet_ntop(AF_INET6, raw, text, sizeof text))
        return copy;
    return arena_strdup(a, text);
}

/* "10.0.0.1:6443" and "[fd00::1]:6443" in the order of hosts: by the bare address. */
static int by_address(const void *a, const void *b)
{
    const char *const *texts[] = {a, b};
    char bare[2][INET6_ADDRSTRLEN + 1];
    for (int i = 0; i < 2; i++) {
        const char *s = *texts[i], *end = *s == '[' ? strchr(s, ']') : strrchr(s, ':');
        s += *s == '[';
        size_t n = end ? (size_t)(end - s) : strlen(s);
        snprintf(bare[i], sizeof bare[i], "%.*s", n > INET6_ADDRSTRLEN ? INET6_ADDRSTRLEN : (int)n, s);
    }
    int c = str_natural_cmp(bare[0], bare[1]);
    return c ? c : str_natural_cmp(*texts[0], *texts[1]);
}

/* "ipvs VIP:PORT a:p,b:p" with the servers in the order of hosts, or NULL. */
static const char *canonical_rules(struct arena *a, const char *s)
{
    const char *vip = strchr(s, ' ');
    const char *list = vip ? strchr(vip + 1, ' ') : NULL;
    if (!list || strlen(s) > LIST_MAX_BYTES || strchr(list + 1, ' ') ||
        !answer_is_word(vip + 1, (size_t)(list - vip - 1)))
        return NULL;
    const char **servers = NULL;
    size_t n = 0, cap = 0;
    for (const char *p = list + 1; *p;) {
        size_t len = strcspn(p, ",");
        const char **slot = arena_push(a, &servers, &n, &cap, sizeof *servers);
        const char *close = *p == '[' ? memchr(p, ']', len) : NULL;
        *slot = close ? arena_printf(a, "[%s]%.*s", short_address(a, p + 1, (size_t)(close - p - 1)),
                                     (int)(len - (size_t)(close + 1 - p)), close + 1)
                      : arena_strndup(a, p, len);
        p += len + (p[len] == ',');
    }
    if (n)
        qsort(servers, n, sizeof *servers, by_address);
    _cleanup_(text_free) struct text t = {0};
    text_addn(&t, s, (size_t)(list + 1 - s));
    for (size_t i = 0; i < n; i++)
        text_addf(&t, "%s%s", i ? "," : "", servers[i]);
    return arena_strdup(a, text_str(&t));
}

/* The value in its canonical form, or NULL where it has not the shape. */
static const char *shaped(struct arena *a, enum fact_id f, const char *value)
{
    size_t n = strlen(value);
    bool ok = false;
    switch ((enum shape)shapes[f].shape) {
    case SHAPE_NEVER:
        break;
    case SHAPE_FLAG:
        ok = n == 0;
        break;
    case SHAPE_TEXT:
        ok = is_text(value);
        break;
    case SHAPE_WORD:
        ok = answer_is_word(value, n);
        break;
    case SHAPE_NUMBER:
        ok = is_number(value);
        break;
    case SHAPE_LIST:
        ok = is_list(value);
        break;
    case SHAPE_RULES:
        return canonical_rules(a, value);
    case SHAPE_BLOB:
        ok = n > 0;
        break;
    }
    return ok ? value : NULL;
}

char *answer_base64(struct arena *a, const char *s, size_t n, size_t *ret_n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (n % 4)
        return NULL;
    char *out = arena_alloc(a, n / 4 * 3 + 1);
    size_t k = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < n; i++) {
        size_t left = n - i;
        const char *at = s[i] ? strchr(alphabet, s[i]) : NULL;
        bool pad = s[i] == '=' && left <= 2 && (left == 1 || s[i + 1] == '=');
        if (!at && !pad)
            return NULL;
        bits = bits << 6 | (at ? (unsigned)(at - alphabet) : 0);
        if (i % 4 == 3) {
            unsigned len = s[i] != '=' ? 3 : s[i - 1] != '=' ? 2 : 1;
            for (unsigned b = 0; b < len; b++)
                out[k++] = (char)(bits >> (16 - 8 * b) & 0xff);
            bits = 0;
        }
    }
    out[k] = 0;
    *ret_n = k;
    return out;
}

bool answer_carries(enum fact_id f)
{
    return shapes[f].shape != SHAPE_NEVER;
}

struct fact answer_value(struct arena *a, enum fact_id f, const char *value)
{
    const char *canonical = shaped(a, f, value);
    if (canonical)
        return (struct fact){TRI_TRUE, canonical};
    return shapes[f].repairable ? (struct fact){TRI_TRUE, "malformed"}
                                : (struct fact){TRI_UNKNOWN, "malformed value"};
}
