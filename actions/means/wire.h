/* SSH's binary encoding (RFC 4251, section 5), for key files and the agent. Reading is bounded: past the end
 * everything fails, for ever. */
#ifndef ACTIONS_MEANS_WIRE_H
#define ACTIONS_MEANS_WIRE_H

#include "model/text.h"

#include <string.h>

struct wire {
    const unsigned char *p;
    size_t left;
    bool failed;
};

static inline uint32_t wire_u32(struct wire *w)
{
    if (w->failed || w->left < 4) {
        w->failed = true;
        return 0;
    }
    uint32_t v = (uint32_t)w->p[0] << 24 | (uint32_t)w->p[1] << 16 | (uint32_t)w->p[2] << 8 | w->p[3];
    w->p += 4;
    w->left -= 4;
    return v;
}

/* Borrowed bytes of a string field; a failed wire gives an empty one. */
static inline const unsigned char *wire_string(struct wire *w, size_t *len)
{
    uint32_t n = wire_u32(w);
    *len = 0;
    if (w->failed || n > w->left) {
        w->failed = true;
        return (const unsigned char *)"";
    }
    const unsigned char *s = w->p;
    w->p += n;
    w->left -= n;
    *len = n;
    return s;
}

static inline bool wire_is(struct wire *w, const char *expected)
{
    size_t n;
    const unsigned char *s = wire_string(w, &n);
    return !w->failed && n == strlen(expected) && memcmp(s, expected, n) == 0;
}

static inline void wire_add_u32(struct text *t, uint32_t v)
{
    unsigned char b[4] = {(unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8),
                          (unsigned char)v};
    text_addn(t, b, 4);
}

static inline void wire_add_string(struct text *t, const void *s, size_t len)
{
    wire_add_u32(t, (uint32_t)len);
    text_addn(t, s, len);
}

/* A non-negative number: no leading zero bytes but one where the first bit would make it negative. */
static inline void wire_add_mpint(struct text *t, const unsigned char *s, size_t len)
{
    while (len && !*s) {
        s++;
        len--;
    }
    bool pad = len && (*s & 0x80);
    wire_add_u32(t, (uint32_t)(len + pad));
    if (pad)
        text_addc(t, 0);
    text_addn(t, s, len);
}

#endif
