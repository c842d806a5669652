#include "actions/means/x509.h"

#include "actions/means/x509_raw.h"
#include "model/cidr.h"

#include <openssl/bn.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>
#include <strings.h>
#include <time.h>

int x509_error(struct error **err, enum error_code code, const char *what)
{
    unsigned long last = ERR_peek_last_error();
    const char *reason =
        last ? ERR_reason_error_string(last) : NULL; /* never data: that could quote the input */
    ERR_clear_error();
    return reason ? error_set(err, code, "%s: %s", what, reason) : error_set(err, code, "%s", what);
}

int x509_no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    if (ctx)
        *(bool *)ctx = true;
    return -1;
}

int x509_load_key(const char *pem, EVP_PKEY **ret, struct error **err)
{
    bool encrypted = false;
    _cleanup_(bio_freep) BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, x509_no_passphrase, &encrypted) : NULL;
    if (!key)
        return x509_error(err, ERR_INVALID,
                          encrypted ? "the private key is encrypted" : "not a PEM private key");
    *ret = key;
    return 0;
}

int x509_load(const char *pem, X509 **ret, struct error **err)
{
    _cleanup_(bio_freep) BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *crt = bio ? PEM_read_bio_X509(bio, NULL, x509_no_passphrase, NULL) : NULL;
    if (!crt)
        return x509_error(err, ERR_INVALID, "not a PEM certificate");
    *ret = crt;
    return 0;
}

static void take_bio(BIO *bio, struct text *out)
{
    char *data = NULL;
    long n = BIO_get_mem_data(bio, &data);
    text_addn(out, data, n > 0 ? (size_t)n : 0);
}

/* PKCS#1 for RSA, SEC 1 for EC, as kubeadm writes them. */
static int write_key(EVP_PKEY *key, struct text *out, struct error **err)
{
    _cleanup_(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    OSSL_ENCODER_CTX *ctx =
        OSSL_ENCODER_CTX_new_for_pkey(key, OSSL_KEYMGMT_SELECT_ALL, "PEM", "type-specific", NULL);
    int ok = bio && ctx && OSSL_ENCODER_to_bio(ctx, bio);
    OSSL_ENCODER_CTX_free(ctx);
    if (!ok)
        return x509_error(err, ERR_INTERNAL, "cannot write a private key");
    take_bio(bio, out);
    return 0;
}

static int write_public(EVP_PKEY *key, struct text *out, struct error **err)
{
    _cleanup_(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    if (!bio || PEM_write_bio_PUBKEY(bio, key) != 1)
        return x509_error(err, ERR_INTERNAL, "cannot write a public key");
    take_bio(bio, out);
    return 0;
}

static int write_crt(X509 *crt, struct text *out, struct error **err)
{
    _cleanup_(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    if (!bio || PEM_write_bio_X509(bio, crt) != 1)
        return x509_error(err, ERR_INTERNAL, "cannot write a certificate");
    take_bio(bio, out);
    return 0;
}

static int make_key(EVP_PKEY **ret, struct error **err)
{
    EVP_PKEY *key = EVP_RSA_gen(X509_KEY_BITS);
    if (!key)
        return x509_error(err, ERR_INTERNAL, "cannot make a key");
    *ret = key;
    return 0;
}

int x509_key_new(struct text *ret_key, struct text *ret_pub, struct error **err)
{
    _cleanup_(pkey_freep) EVP_PKEY *key = NULL;
    _cleanup_(text_wipe) struct text priv = {0}, pub = {0};
    if (make_key(&key, err) < 0 || write_key(key, &priv, err) < 0 || write_public(key, &pub, err) < 0)
        return -1;
    text_addn(ret_key, text_str(&priv), priv.len);
    if (ret_pub)
        text_addn(ret_pub, text_str(&pub), pub.len);
    return 0;
}

/* A positive serial number of 127 random bits (RFC 5280, 4.1.2.2: unpredictable, at most 20 octets). */
static bool set_serial(X509 *crt)
{
    unsigned char raw[16];
    if (RAND_bytes(raw, sizeof raw) != 1)
        return false;
    raw[0] = (unsigned char)((raw[0] & 0x7f) | 0x40);
    BIGNUM *bn = BN_bin2bn(raw, sizeof raw, NULL);
    bool ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(crt));
    BN_free(bn);
    return ok;
}

static bool set_dates(X509 *crt, unsigned days, int64_t now, const X509 *ca)
{
    time_t t = now ? (time_t)now : time(NULL);
    if (!ASN1_TIME_set(X509_getm_notBefore(crt), t - X509_BACKDATE_S) ||
        !ASN1_TIME_adj(X509_getm_notAfter(crt), t, (int)days, 0))
        return false;
    if (!ca)
        return true;
    /* A leaf outside its CA's span would be refused by verifiers, at a time when nobody expects it. */
    if (ASN1_TIME_compare(X509_get0_notBefore(crt), X509_get0_notBefore(ca)) < 0 &&
        !X509_set1_notBefore(crt, X509_get0_notBefore(ca)))
        return false;
    return ASN1_TIME_compare(X509_get0_notAfter(crt), X509_get0_notAfter(ca)) <= 0 ||
           X509_set1_notAfter(crt, X509_get0_notAfter(ca));
}

static bool set_subject(X509 *crt, const char *organisation, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(crt);
    return (!organisation ||
            X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)organisation, -1, -1,
                                       0) == 1) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1,
                                      0) == 1;
}

static bool add_extension(X509 *crt, const X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, (X509 *)issuer, crt, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = e && X509_add_ext(crt, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static bool add_name(GENERAL_NAMES *list, const char *text)
{
    struct ip ip;
    bool address = ip_parse(text, &ip);
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value = address ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    bool ok =
        name && value &&
        (address ? ASN1_STRING_set(value, ip.bytes, ip.v6 ? 16 : 4) : ASN1_STRING_set(value, text, -1)) == 1;
    if (!ok) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, address ? GEN_IPADD : GEN_DNS, value);
    if (sk_GENERAL_NAME_push(list, name) > 0)
        return true;
    GENERAL_NAME_free(name);
    return false;
}

/* Built as a structure, not through OpenSSL's configuration syntax: a name with a comma would be two there.
 */
static bool add_names(X509 *crt, const char *const *names)
{
    if (!names || !names[0])
        return true;
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    bool ok = list != NULL;
    for (size_t i = 0; ok && names[i]; i++) {
        bool seen = false;
        for (size_t j = 0; j < i; j++)
            seen = seen || strcasecmp(names[i], names[j]) == 0;
        ok = seen || add_name(list, names[i]);
    }
    ok = ok && X509_add1_ext_i2d(crt, NID_subject_alt_name, list, 0, 0) == 1;
    GENERAL_NAMES_free(list);
    return ok;
}

static int sign(X509 *crt, EVP_PKEY *with, struct error **err)
{
    if (X509_sign(crt, with, EVP_sha256()) == 0)
        return x509_error(err, ERR_INTERNAL, "cannot sign a certificate");
    return 0;
}

int x509_ca_new(const char *common_name, unsigned days, int64_t now, struct text *ret_crt,
                struct text *ret_key, struct error **err)
{
    _cleanup_(pkey_freep) EVP_PKEY *key = NULL;
    _cleanup_(x509_freep) X509 *crt = X509_new();
    _cleanup_(text_wipe) struct text priv = {0}, pem = {0};
    const char *names[] = {common_name, NULL};
    if (make_key(&key, err) < 0)
        return -1;
    bool ok =
        crt && X509_set_version(crt, X509_VERSION_3) == 1 && set_serial(crt) &&
        set_dates(crt, days, now, NULL) && set_subject(crt, NULL, common_name) &&
        X509_set_issuer_name(crt, X509_get_subject_name(crt)) == 1 && X509_set_pubkey(crt, key) == 1 &&
        add_extension(crt, crt, NID_key_usage, "critical,digitalSignature,keyEncipherment,keyCertSign") &&
        add_extension(crt, crt, NID_basic_constraints, "critical,CA:TRUE") &&
        add_extension(crt, crt, NID_subject_key_identifier, "hash") && add_names(crt, names);
    if (!ok)
        return x509_error(err, ERR_INTERNAL, "cannot make a CA certificate");
    if (sign(crt, key, err) < 0 || write_crt(crt, &pem, err) < 0 || write_key(key, &priv, err) < 0)
        return -1;
    text_addn(ret_crt, text_str(&pem), pem.len);
    text_addn(ret_key, text_str(&priv), priv.len);
    return 0;
}

static bool fill_leaf(X509 *crt, EVP_PKEY *key, X509 *ca, const struct x509_leaf *leaf)
{
    const char *usage = leaf->usage == (X509_SERVER | X509_CLIENT) ? "serverAuth,clientAuth"
                        : leaf->usage == X509_SERVER               ? "serverAuth"
                                                                   : "clientAuth";
    return X509_set_version(crt, X509_VERSION_3) == 1 && set_serial(crt) &&
           set_dates(crt, leaf->days, leaf->now, ca) &&
           set_subject(crt, leaf->organisation, leaf->common_name) &&
           X509_set_issuer_name(crt, X509_get_subject_name(ca)) == 1 && X509_set_pubkey(crt, key) == 1 &&
           add_extension(crt, ca, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
           add_extension(crt, ca, NID_ext_key_usage, usage) &&
           add_extension(crt, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           (X509_get0_subject_key_id(ca) == NULL ||
            add_extension(crt, ca, NID_authority_key_identifier, "keyid:always")) &&
           add_names(crt, leaf->names);
}

int x509_leaf_new(const char *ca_crt, const char *ca_key, const struct x509_leaf *leaf, struct text *ret_crt,
                  struct text *ret_key, struct error **err)
{
    _cleanup_(pkey_freep) EVP_PKEY *key = NULL, *signer = NULL;
    _cleanup_(x509_freep) X509 *crt = X509_new(), *ca = NULL;
    _cleanup_(text_wipe) struct text priv = {0}, pem = {0};
    if (x509_load(ca_crt, &ca, err) < 0 || x509_load_key(ca_key, &signer, err) < 0)
        return -1;
    if (X509_check_private_key(ca, signer) != 1)
        return x509_error(err, ERR_INVALID, "the CA's key is not that of its certificate");
    if (make_key(&key, err) < 0)
        return -1;
    if (!crt || !fill_leaf(crt, key, ca, leaf))
        return x509_error(err, ERR_INTERNAL, "cannot make a certificate");
    if (sign(crt, signer, err) < 0 || write_crt(crt, &pem, err) < 0 || write_key(key, &priv, err) < 0)
        return -1;
    text_addn(ret_crt, text_str(&pem), pem.len);
    text_addn(ret_key, text_str(&priv), priv.len);
    return 0;
}

int x509_public(const char *key_pem, struct text *ret, struct error **err)
{
    _cleanup_(pkey_freep) EVP_PKEY *key = NULL;
    if (x509_load_key(key_pem, &key, err) < 0)
        return -1;
    return write_public(key, ret, err);
}
