/* Addresses and ranges, IPv4 and IPv6: which contains which, which overlap. Texts come out canonical
 * (RFC 5952 for IPv6), so that equal addresses have equal texts. */
#ifndef MODEL_CIDR_H
#define MODEL_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_TEXT 46   /* the longest IPv6 text and its NUL */
#define CIDR_TEXT 50 /* and "/128" */

struct ip {
    bool v6;
    uint8_t bytes[16]; /* network order; IPv4 uses the first four */
};

struct cidr {
    struct ip base; /* host bits are zero */
    unsigned prefix;
};

/* No brackets, ports, zones or leading zeros. False: not an address; ret untouched. */
bool ip_parse(const char *s, struct ip *ret);
void ip_text(const struct ip *ip, char ret[IP_TEXT]);
int ip_cmp(const struct ip *a, const struct ip *b); /* IPv4 first, then by value */

/* "10.0.0.0/8"; host bits may be set and are dropped, as kubeadm does it. A bare address is not a range. */
bool cidr_parse(const char *s, struct cidr *ret);
/* Up to max ranges from "10.96.0.0/22,fd00::/116" (dual stack), spaces around commas allowed. Returns how
 * many, or -1: a part is no range, or there are more than max. The text "" has none. */
int cidr_list_parse(const char *s, struct cidr *ret, size_t max);
void cidr_text(const struct cidr *c, char ret[CIDR_TEXT]);
bool cidr_contains(const struct cidr *c, const struct ip *ip);
bool cidr_overlaps(const struct cidr *a, const struct cidr *b);
/* The n-th address of the range (0: its base); false when the range is smaller. The API server's own service
 * address is number 1 of each service range. */
bool cidr_nth(const struct cidr *c, uint32_t n, struct ip *ret);

#endif
