#include "model/version.h"

#include <stddef.h>
#include <string.h>

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Up to six digits, no leading zero; false: none, or too many. */
static bool number(const char **s, unsigned *ret)
{
    unsigned n = 0;
    int digits = 0;
    const char *start = *s;
    while (digit(**s)) {
        if (++digits > 6)
            return false;
        n = n * 10 + (unsigned)(*(*s)++ - '0');
    }
    if (digits == 0 || (digits > 1 && *start == '0'))
        return false;
    *ret = n;
    return true;
}

static bool identifier_char(char c)
{
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
}

bool version_parse(const char *s, struct version *ret)
{
    struct version v = {0};
    if (!s)
        return false;
    if (*s == 'v')
        s++;
    if (!number(&s, &v.major) || *s++ != '.' || !number(&s, &v.minor) || *s++ != '.' || !number(&s, &v.patch))
        return false;
    if (*s == '-') {
        size_t n = 0;
        while (identifier_char(s[1 + n]))
            n++;
        if (n == 0 || n >= sizeof v.pre)
            return false;
        memcpy(v.pre, s + 1, n);
        s += 1 + n;
    }
    if (*s == '+') {
        size_t n = 0;
        while (identifier_char(s[1 + n]))
            n++;
        if (n == 0)
            return false;
        s += 1 + n;
    }
    if (*s)
        return false;
    *ret = v;
    return true;
}

static int cmp(unsigned a, unsigned b)
{
    return a < b ? -1 : a > b;
}

/* One identifier of a pre-release against another: numbers by value and before words. */
static int identifier_cmp(const char *a, size_t n, const char *b, size_t m)
{
    bool number_a = n > 0 && strspn(a, "0123456789") >= n, number_b = m > 0 && strspn(b, "0123456789") >= m;
    if (number_a != number_b)
        return number_a ? -1 : 1;
    if (number_a && n != m)
        return n < m ? -1 : 1;
    int c = memcmp(a, b, n < m ? n : m);
    if (c)
        return c < 0 ? -1 : 1;
    return n < m ? -1 : n > m;
}

static int pre_cmp(const char *a, const char *b)
{
    if (!*a || !*b) /* a release comes after its pre-releases */
        return *a ? -1 : *b ? 1 : 0;
    for (;;) {
        size_t n = strcspn(a, "."), m = strcspn(b, ".");
        int c = identifier_cmp(a, n, b, m);
        if (c)
            return c;
        a += n;
        b += m;
        if (!*a || !*b)
            return *a ? 1 : *b ? -1 : 0;
        a++;
        b++;
    }
}

int version_cmp(const struct version *a, const struct version *b)
{
    int c = cmp(a->major, b->major);
    if (!c)
        c = cmp(a->minor, b->minor);
    if (!c)
        c = cmp(a->patch, b->patch);
    return c ? c : pre_cmp(a->pre, b->pre);
}

int version_minor_distance(const struct version *from, const struct version *to)
{
    if (from->major != to->major)
        return from->major < to->major ? 1000 : -1000;
    return (int)to->minor - (int)from->minor;
}

bool version_at_least(const struct version *v, unsigned major, unsigned minor)
{
    return v->major != major ? v->major > major : v->minor >= minor;
}

enum kubeadm_api version_kubeadm_api(const struct version *v)
{
    if (version_at_least(v, 1, 31))
        return KUBEADM_V1BETA4;
    if (version_at_least(v, 1, 22))
        return KUBEADM_V1BETA3;
    return version_at_least(v, 1, 15) ? KUBEADM_V1BETA2 : KUBEADM_NONE;
}

const char *kubeadm_api_text(enum kubeadm_api api)
{
    static const char *const texts[] = {NULL, "kubeadm.k8s.io/v1beta2", "kubeadm.k8s.io/v1beta3",
                                        "kubeadm.k8s.io/v1beta4"};
    return texts[api];
}
