#include "model/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool ip_parse(const char *s, struct ip *ret)
{
    struct ip ip = {0};
    if (!s)
        return false;
    ip.v6 = strchr(s, ':') != NULL;
    if (inet_pton(ip.v6 ? AF_INET6 : AF_INET, s, ip.bytes) != 1)
        return false;
    *ret = ip;
    return true;
}

void ip_text(const struct ip *ip, char ret[IP_TEXT])
{
    inet_ntop(ip->v6 ? AF_INET6 : AF_INET, ip->bytes, ret, IP_TEXT);
}

int ip_cmp(const struct ip *a, const struct ip *b)
{
    if (a->v6 != b->v6)
        return a->v6 ? 1 : -1;
    int c = memcmp(a->bytes, b->bytes, a->v6 ? 16 : 4);
    return c < 0 ? -1 : c > 0;
}

/* Zeroes all bits after the first *prefix* ones. */
static void mask(struct ip *ip, unsigned prefix)
{
    for (unsigned i = 0; i < sizeof ip->bytes; i++) {
        unsigned bits = prefix > 8 * i ? prefix - 8 * i : 0;
        if (bits < 8)
            ip->bytes[i] &= (uint8_t)(0xff00u >> bits);
    }
}

bool cidr_parse(const char *s, struct cidr *ret)
{
    const char *slash = s ? strchr(s, '/') : NULL;
    char address[IP_TEXT];
    if (!slash || (size_t)(slash - s) >= sizeof address)
        return false;
    memcpy(address, s, (size_t)(slash - s));
    address[slash - s] = 0;
    struct cidr c = {0};
    if (!ip_parse(address, &c.base))
        return false;
    const char *p = slash + 1;
    size_t digits = strspn(p, "0123456789");
    if (digits == 0 || digits > 3 || p[digits] || (digits > 1 && *p == '0'))
        return false;
    for (; *p; p++)
        c.prefix = c.prefix * 10 + (unsigned)(*p - '0');
    if (c.prefix > (c.base.v6 ? 128u : 32u))
        return false;
    mask(&c.base, c.prefix);
    *ret = c;
    return true;
}

int cidr_list_parse(const char *s, struct cidr *ret, size_t max)
{
    size_t n = 0;
    s += strspn(s, " ");
    if (!*s)
        return 0;
    for (;;) {
        char part[CIDR_TEXT];
        s += strspn(s, " ");
        size_t len = strcspn(s, ", ");
        if (n == max || len >= sizeof part)
            return -1;
        memcpy(part, s, len);
        part[len] = 0;
        if (!cidr_parse(part, &ret[n++]))
            return -1;
        s += len;
        s += strspn(s, " ");
        if (!*s)
            return (int)n;
        if (*s++ != ',')
            return -1;
    }
}

void cidr_text(const struct cidr *c, char ret[CIDR_TEXT])
{
    char ip[IP_TEXT];
    ip_text(&c->base, ip);
    snprintf(ret, CIDR_TEXT, "%s/%u", ip, c->prefix);
}

bool cidr_contains(const struct cidr *c, const struct ip *ip)
{
    if (c->base.v6 != ip->v6)
        return false;
    struct ip masked = *ip;
    mask(&masked, c->prefix);
    return ip_cmp(&masked, &c->base) == 0;
}

bool cidr_overlaps(const struct cidr *a, const struct cidr *b)
{
    return cidr_contains(a, &b->base) || cidr_contains(b, &a->base);
}

bool cidr_nth(const struct cidr *c, uint32_t n, struct ip *ret)
{
    struct ip ip = c->base;
    uint32_t carry = n;
    for (int i = c->base.v6 ? 15 : 3; i >= 0 && carry; i--) {
        carry += ip.bytes[i];
        ip.bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
    if (carry || !cidr_contains(c, &ip))
        return false;
    *ret = ip;
    return true;
}
