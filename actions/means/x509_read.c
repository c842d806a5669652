#include "actions/means/x509.h"

#include "actions/means/x509_raw.h"
#include "model/cidr.h"

#include <openssl/pem.h>
#include <string.h>
#include <time.h>

struct strings {
    const char **items;
    size_t n, cap;
};

static void push(struct arena *a, struct strings *s, const char *text, size_t len)
{
    const char **slot = arena_push(a, &s->items, &s->n, &s->cap, sizeof(char *));
    *slot = text ? arena_strndup(a, text, len) : NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *const *ended(struct arena *a, struct strings *s)
{
    push(a, s, NULL, 0);
    return s->items;
}

/* All values of one attribute of the subject. A NUL inside would cut the name: such a value is left out. */
static struct strings attributes(struct arena *a, X509 *crt, int nid)
{
    struct strings s = {0};
    X509_NAME *name = X509_get_subject_name(crt);
    for (int i = -1; (i = X509_NAME_get_index_by_NID(name, nid, i)) >= 0;) {
        unsigned char *utf8 = NULL;
        int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
        if (n >= 0 && !memchr(utf8, 0, (size_t)n))
            push(a, &s, (const char *)utf8, (size_t)n);
        OPENSSL_free(utf8);
    }
    return s;
}

static const char *const *alternative_names(struct arena *a, X509 *crt)
{
    struct strings s = {0};
    GENERAL_NAMES *list = X509_get_ext_d2i(crt, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; list && i < sk_GENERAL_NAME_num(list); i++) {
        int type;
        const ASN1_STRING *v = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(list, i), &type);
        if (type != GEN_DNS && type != GEN_IPADD)
            continue;
        const unsigned char *data = ASN1_STRING_get0_data(v);
        size_t n = (size_t)ASN1_STRING_length(v);
        if (type == GEN_DNS && !memchr(data, 0, n)) {
            push(a, &s, (const char *)data, n);
        } else if (type == GEN_IPADD && (n == 4 || n == 16)) {
            struct ip ip = {.v6 = n == 16};
            char text[IP_TEXT];
            memcpy(ip.bytes, data, n);
            ip_text(&ip, text);
            push(a, &s, text, strlen(text));
        }
    }
    GENERAL_NAMES_free(list);
    if (s.n)
        qsort(s.items, s.n, sizeof *s.items, compare);
    return ended(a, &s);
}

static bool to_epoch(const ASN1_TIME *t, int64_t *ret)
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *ret = (int64_t)timegm(&tm);
    return true;
}

static bool der_digest(unsigned char *der, int len, char ret[DIGEST_HEX])
{
    if (len <= 0)
        return false;
    digest_hex(der, (size_t)len, ret);
    OPENSSL_free(der);
    return true;
}

int x509_read(struct arena *a, const char *pem, struct x509_info *ret, struct error **err)
{
    _cleanup_(x509_freep) X509 *crt = NULL;
    struct x509_info info = {0};
    if (x509_load(pem, &crt, err) < 0)
        return -1;
    struct strings cn = attributes(a, crt, NID_commonName), o = attributes(a, crt, NID_organizationName);
    info.common_name = cn.n ? cn.items[0] : "";
    info.organisations = ended(a, &o);
    info.names = alternative_names(a, crt);
    info.ca = X509_check_ca(crt) == 1;
    unsigned char *der = NULL, *spki = NULL;
    int n = i2d_X509(crt, &der), m = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(crt), &spki);
    bool ok = der_digest(der, n, info.sha256) & der_digest(spki, m, info.spki_sha256);
    if (!ok || !to_epoch(X509_get0_notBefore(crt), &info.not_before) ||
        !to_epoch(X509_get0_notAfter(crt), &info.not_after))
        return x509_error(err, ERR_INVALID, "a certificate that cannot be read");
    *ret = info;
    return 0;
}

int x509_public_sha256(const char *pub, char ret[DIGEST_HEX], struct error **err)
{
    _cleanup_(bio_freep) BIO *bio = BIO_new_mem_buf(pub, -1);
    _cleanup_(pkey_freep) EVP_PKEY *key =
        bio ? PEM_read_bio_PUBKEY(bio, NULL, x509_no_passphrase, NULL) : NULL;
    unsigned char *der = NULL;
    int n = key ? i2d_PUBKEY(key, &der) : 0;
    if (!der_digest(der, n, ret))
        return x509_error(err, ERR_INVALID, "not a PEM public key");
    return 0;
}

int x509_matches(const char *crt_pem, const char *key_pem, bool *ret, struct error **err)
{
    _cleanup_(x509_freep) X509 *crt = NULL;
    _cleanup_(pkey_freep) EVP_PKEY *key = NULL;
    if (x509_load(crt_pem, &crt, err) < 0 || x509_load_key(key_pem, &key, err) < 0)
        return -1;
    EVP_PKEY *pub = X509_get0_pubkey(crt);
    *ret = pub && EVP_PKEY_eq(pub, key) == 1;
    (void)x509_error(NULL, ERR_INTERNAL, ""); /* a mismatch leaves its reason in the queue */
    return 0;
}

int x509_signed_by(const char *crt_pem, const char *ca_pem, bool *ret, struct error **err)
{
    _cleanup_(x509_freep) X509 *crt = NULL, *ca = NULL;
    if (x509_load(crt_pem, &crt, err) < 0 || x509_load(ca_pem, &ca, err) < 0)
        return -1;
    EVP_PKEY *pub = X509_get0_pubkey(ca);
    *ret = pub && X509_NAME_cmp(X509_get_issuer_name(crt), X509_get_subject_name(ca)) == 0 &&
           X509_verify(crt, pub) == 1;
    (void)x509_error(NULL, ERR_INTERNAL, "");
    return 0;
}
