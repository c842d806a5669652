#include "actions/means/ssh_key.h"

#include "actions/means/wire.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

static const struct {
    const char *type, *curve, *group;
    const char *digest;
} curves[] = {
    {"ecdsa-sha2-nistp256", "nistp256", "prime256v1", "SHA256"},
    {"ecdsa-sha2-nistp384", "nistp384", "secp384r1", "SHA384"},
    {"ecdsa-sha2-nistp521", "nistp521", "secp521r1", "SHA512"},
};

static const char openssh_begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";

void ssh_key_free(struct ssh_key *k)
{
    if (!k)
        return;
    EVP_PKEY_free(k->pkey);
    text_free(&k->blob);
    free(k);
}

void ssh_key_freep(struct ssh_key **k)
{
    ssh_key_free(*k);
}

static BIGNUM *number(struct wire *w)
{
    size_t n;
    const unsigned char *s = wire_string(w, &n);
    return BN_bin2bn(s, (int)n, NULL);
}

static EVP_PKEY *from_params(const char *algorithm, OSSL_PARAM_BLD *bld)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

static EVP_PKEY *read_rsa(struct wire *w)
{
    BIGNUM *n = number(w), *e = number(w), *d = number(w), *iqmp = number(w), *p = number(w), *q = number(w);
    BIGNUM *dp = BN_secure_new(), *dq = BN_secure_new(), *p1 = p ? BN_dup(p) : NULL,
           *q1 = q ? BN_dup(q) : NULL;
    BN_CTX *ctx = BN_CTX_new();
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;
    if (!w->failed && n && e && d && iqmp && p1 && q1 && dp && dq && ctx && b && !BN_is_zero(p) &&
        !BN_is_zero(q) && BN_sub_word(p1, 1) && BN_sub_word(q1, 1) && BN_mod(dp, d, p1, ctx) &&
        BN_mod(dq, d, q1, ctx) && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_D, d) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_FACTOR1, p) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_FACTOR2, q) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_EXPONENT1, dp) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_EXPONENT2, dq) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, iqmp))
        pkey = from_params("RSA", b);
    OSSL_PARAM_BLD_free(b);
    BN_CTX_free(ctx);
    BIGNUM *all[] = {n, e, d, iqmp, p, q, dp, dq, p1, q1};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        BN_clear_free(all[i]);
    return pkey;
}

static EVP_PKEY *read_ecdsa(struct wire *w, size_t curve)
{
    if (!wire_is(w, curves[curve].curve))
        return NULL;
    size_t n;
    const unsigned char *point = wire_string(w, &n);
    BIGNUM *d = number(w);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;
    if (!w->failed && d && b &&
        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, curves[curve].group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, n) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d))
        pkey = from_params("EC", b);
    OSSL_PARAM_BLD_free(b);
    BN_clear_free(d);
    return pkey;
}

static EVP_PKEY *read_ed25519(struct wire *w)
{
    size_t pub, n;
    wire_string(w, &pub);
    const unsigned char *s = wire_string(w, &n); /* seed, then the public half again */
    return !w->failed && n == 64 ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, s, 32) : NULL;
}

/* Which of our types it is: 0 ed25519, 1 RSA, 2+ the curves; -1 none. */
static int type_index(const char *type)
{
    if (str_eq(type, "ssh-ed25519"))
        return 0;
    if (str_eq(type, "ssh-rsa"))
        return 1;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++)
        if (str_eq(type, curves[i].type))
            return 2 + (int)i;
    return -1;
}

/* The part behind the public half, once open (PROTOCOL.key, section 3). */
static EVP_PKEY *read_private(struct wire *w, const char *type)
{
    if (wire_u32(w) != wire_u32(w) || !wire_is(w, type))
        return NULL;
    int i = type_index(type);
    return i == 0 ? read_ed25519(w) : i == 1 ? read_rsa(w) : i >= 2 ? read_ecdsa(w, (size_t)i - 2) : NULL;
}

static bool decode_armour(const char *text, struct text *out)
{
    const char *s = strstr(text, openssh_begin), *end = strstr(text, "-----END OPENSSH PRIVATE KEY-----");
    if (!s || !end || end < s)
        return false;
    s += sizeof openssh_begin - 1;
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    size_t size = (size_t)(end - s);
    unsigned char *buf = mem_alloc(size + 64);
    int n = 0, last = 0;
    EVP_DecodeInit(ctx);
    bool ok = size < 256 * 1024 && EVP_DecodeUpdate(ctx, buf, &n, (const unsigned char *)s, (int)size) >= 0 &&
              EVP_DecodeFinal(ctx, buf + n, &last) >= 0;
    if (ok)
        text_addn(out, buf, (size_t)(n + last));
    EVP_ENCODE_CTX_free(ctx);
    explicit_bzero(buf, size + 64);
    free(buf);
    return ok;
}

static int parse_openssh(struct ssh_key *k, const char *text, const char *label, const char *passphrase,
                         struct error **err)
{
    static const char magic[] = "openssh-key-v1"; /* with its NUL */
    _cleanup_(text_wipe) struct text raw = {0};
    size_t cipher_len, n, type_len;
    if (!decode_armour(text, &raw) || raw.len < sizeof magic || memcmp(raw.data, magic, sizeof magic) != 0)
        return error_set(err, ERR_AUTH, "the key %s is damaged", label);
    struct wire w = {.p = (unsigned char *)raw.data + sizeof magic, .left = raw.len - sizeof magic};
    const unsigned char *cipher = wire_string(&w, &cipher_len);
    wire_string(&w, &n);
    wire_string(&w, &n);
    uint32_t keys = wire_u32(&w);
    const unsigned char *public = wire_string(&w, &n);
    struct wire pub = {.p = public, .left = n, .failed = w.failed};
    const unsigned char *type = wire_string(&pub, &type_len);
    if (pub.failed || keys != 1 || type_len >= sizeof k->type)
        return error_set(err, ERR_AUTH, "the key %s is damaged", label);
    memcpy(k->type, type, type_len);
    text_addn(&k->blob, public, n);
    if (type_index(k->type) < 0) {
        _cleanup_(text_free) struct text shown = {0};
        text_add_safe(&shown, k->type, 60);
        return error_set(err, ERR_AUTH, "the key %s is of the type %s, which cannot be used here", label,
                         text_str(&shown));
    }
    if (cipher_len != 4 || memcmp(cipher, "none", 4) != 0) {
        k->sealed = true;
        if (!passphrase) {
            error_set(err, ERR_AUTH, "the key %s needs a passphrase and none is given", label);
            return error_hint(err, "set pkPasswd, or load the key into the SSH agent: ssh-add %s", label);
        }
        return 0;
    }
    const unsigned char *private = wire_string(&w, &n);
    struct wire in = {.p = private, .left = n, .failed = w.failed};
    k->pkey = read_private(&in, k->type);
    return k->pkey ? 0 : error_set(err, ERR_AUTH, "the key %s is damaged", label);
}

struct asked {
    const char *passphrase;
    bool asked;
};

static int give_passphrase(char *buf, int size, int rwflag, void *arg)
{
    struct asked *a = arg;
    (void)rwflag;
    a->asked = true;
    size_t n = a->passphrase ? strlen(a->passphrase) : 0;
    if (!a->passphrase || n > (size_t)size)
        return -1;
    memcpy(buf, a->passphrase, n);
    return (int)n;
}

/* Fills type and blob from the key itself. */
static bool describe(struct ssh_key *k)
{
    unsigned char buf[256];
    size_t n = sizeof buf;
    int id = EVP_PKEY_get_base_id(k->pkey);
    if (id == EVP_PKEY_ED25519 && EVP_PKEY_get_raw_public_key(k->pkey, buf, &n) == 1) {
        memcpy(k->type, "ssh-ed25519", 12);
        wire_add_string(&k->blob, k->type, 11);
        wire_add_string(&k->blob, buf, n);
        return true;
    }
    if (id == EVP_PKEY_RSA) {
        BIGNUM *v = NULL;
        memcpy(k->type, "ssh-rsa", 8);
        wire_add_string(&k->blob, k->type, 7);
        const char *const names[] = {OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_N};
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            unsigned char big[2048 + 8];
            if (EVP_PKEY_get_bn_param(k->pkey, names[i], &v) != 1 || BN_num_bytes(v) > 2048) {
                BN_free(v);
                return false;
            }
            wire_add_mpint(&k->blob, big, (size_t)BN_bn2bin(v, big));
            BN_free(v);
            v = NULL;
        }
        return true;
    }
    char group[64];
    if (id != EVP_PKEY_EC || EVP_PKEY_get_group_name(k->pkey, group, sizeof group, NULL) != 1)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++)
        if (str_eq(group, curves[i].group) &&
            EVP_PKEY_get_octet_string_param(k->pkey, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, buf, sizeof buf,
                                            &n) == 1) {
            memcpy(k->type, curves[i].type, strlen(curves[i].type) + 1);
            wire_add_string(&k->blob, k->type, strlen(k->type));
            wire_add_string(&k->blob, curves[i].curve, strlen(curves[i].curve));
            wire_add_string(&k->blob, buf, n);
            return true;
        }
    return false;
}

static int parse_pem(struct ssh_key *k, const char *text, const char *label, const char *passphrase,
                     struct error **err)
{
    struct asked a = {.passphrase = passphrase};
    BIO *bio = BIO_new_mem_buf(text, -1);
    k->pkey = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &a);
    BIO_free(bio);
    ERR_clear_error();
    if (!k->pkey && a.asked && !passphrase) {
        error_set(err, ERR_AUTH, "the key %s needs a passphrase and none is given", label);
        return error_hint(err, "set pkPasswd, or load the key into the SSH agent: ssh-add %s", label);
    }
    if (!k->pkey && a.asked)
        return error_set(err, ERR_AUTH, "the passphrase of the key %s is wrong", label);
    if (!k->pkey)
        return error_set(err, ERR_AUTH, "%s is not a private key", label);
    if (!describe(k))
        return error_set(err, ERR_AUTH,
                         "the key %s is of a type that cannot be used (RSA, ECDSA and ed25519 can)", label);
    return 0;
}

bool ssh_key_encrypted(const char *text)
{
    _cleanup_(text_wipe) struct text raw = {0};
    if (strstr(text, openssh_begin))
        return decode_armour(text, &raw) && raw.len > 23 && memcmp(raw.data + 15, "\0\0\0\4none", 8) != 0;
    return strstr(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || strstr(text, "Proc-Type: 4,ENCRYPTED");
}

int ssh_key_parse(const char *text, const char *label, const char *passphrase, struct ssh_key **ret,
                  struct error **err)
{
    _cleanup_(ssh_key_freep) struct ssh_key *k = mem_alloc(sizeof *k);
    int rc = strstr(text, openssh_begin) ? parse_openssh(k, text, label, passphrase, err)
                                         : parse_pem(k, text, label, passphrase, err);
    if (rc == 0)
        *ret = TAKE(k);
    return rc;
}

/* DER of (r, s) to two mpints (RFC 5656, 3.1.2). */
static bool ecdsa_from_der(const unsigned char *der, size_t len, struct text *out)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    if (!sig)
        return false;
    const BIGNUM *half[2];
    ECDSA_SIG_get0(sig, &half[0], &half[1]);
    for (int i = 0; i < 2; i++) {
        unsigned char buf[128];
        wire_add_mpint(out, buf, (size_t)BN_bn2bin(half[i], buf));
    }
    ECDSA_SIG_free(sig);
    return true;
}

int ssh_key_sign(const struct ssh_key *k, const void *data, size_t len, unsigned char **ret_sig,
                 size_t *ret_len, struct error **err)
{
    int type = type_index(k->type);
    const char *digest = type == 0 ? NULL : type == 1 ? "SHA512" : curves[type - 2].digest;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char *sig = NULL;
    size_t n = 0;
    bool ok = k->pkey && EVP_DigestSignInit_ex(ctx, NULL, digest, NULL, NULL, k->pkey, NULL) == 1 &&
              EVP_DigestSign(ctx, NULL, &n, data, len) == 1;
    if (ok) {
        sig = mem_alloc(n);
        ok = EVP_DigestSign(ctx, sig, &n, data, len) == 1;
    }
    EVP_MD_CTX_free(ctx);
    if (ok && type >= 2) {
        struct text t = {0};
        ok = ecdsa_from_der(sig, n, &t);
        free(sig);
        n = t.len;
        sig = (unsigned char *)text_take(&t);
    }
    if (!ok) {
        free(sig);
        ERR_clear_error();
        return error_set(err, ERR_AUTH, "the key cannot sign");
    }
    *ret_sig = sig;
    *ret_len = n;
    return 0;
}

void ssh_key_offer_blob(const void *blob, size_t len, struct text *out)
{
    static const char name[] = "rsa-sha2-512";
    struct wire w = {.p = blob, .left = len};
    if (wire_is(&w, "ssh-rsa")) {
        wire_add_string(out, name, sizeof name - 1);
        text_addn(out, w.p, w.left);
    } else {
        text_addn(out, blob, len);
    }
}
