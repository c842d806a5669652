#include "model/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static void to_hex(const unsigned char raw[32], char out[DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 32; i++) {
        out[2 * i] = digits[raw[i] >> 4];
        out[2 * i + 1] = digits[raw[i] & 15];
    }
    out[64] = 0;
}

struct digest {
    EVP_MD_CTX *ctx;
};

struct digest *digest_new(void)
{
    struct digest *d = mem_alloc(sizeof *d);
    d->ctx = EVP_MD_CTX_new();
    if (!d->ctx || EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) != 1)
        abort();
    return d;
}

void digest_bytes(struct digest *d, const void *data, size_t len)
{
    if (EVP_DigestUpdate(d->ctx, data, len) != 1)
        abort();
}

void digest_field(struct digest *d, const char *s)
{
    char head[32];
    int n = s ? snprintf(head, sizeof head, "%zu:", strlen(s)) : snprintf(head, sizeof head, "-:");
    digest_bytes(d, head, (size_t)n);
    if (s)
        digest_bytes(d, s, strlen(s));
}

void digest_end(struct digest *d, char out[DIGEST_HEX])
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    if (EVP_DigestFinal_ex(d->ctx, raw, &n) != 1 || n != 32)
        abort();
    to_hex(raw, out);
    EVP_MD_CTX_free(d->ctx);
    free(d);
}

void digest_hex(const void *data, size_t len, char out[DIGEST_HEX])
{
    struct digest *d = digest_new();
    digest_bytes(d, data, len);
    digest_end(d, out);
}
