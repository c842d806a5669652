/* Private keys of all formats: what is read is what ssh-keygen made; whatever is damaged is refused in words.
 */
#include "actions/means/ssh_key.h"
#include "actions/means/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static char dir[64];

static const struct {
    const char *name, *options, *type;
    bool encrypted;
} keys[] = {
    {"ed25519", "-t ed25519 -N ''", "ssh-ed25519", false},
    {"rsa", "-t rsa -b 2048 -N ''", "ssh-rsa", false},
    {"p256", "-t ecdsa -b 256 -N ''", "ecdsa-sha2-nistp256", false},
    {"p521", "-t ecdsa -b 521 -N ''", "ecdsa-sha2-nistp521", false},
    {"rsa_pem", "-t rsa -b 2048 -m PEM -N ''", "ssh-rsa", false},
    {"p384_pem", "-t ecdsa -b 384 -m PEM -N ''", "ecdsa-sha2-nistp384", false},
    {"rsa_pkcs8", "-t rsa -b 2048 -m PKCS8 -N 'pass word'", "ssh-rsa", true},
    {"rsa_pem_secret", "-t rsa -b 2048 -m PEM -N 'pass word'", "ssh-rsa", true},
    {"ed_secret", "-t ed25519 -N 'pass word'", "ssh-ed25519", true},
};

static char *load(const char *name)
{
    char path[128];
    static char buf[8192];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    buf[fread(buf, 1, sizeof buf - 1, f)] = 0;
    fclose(f);
    return buf;
}

/* The second word of the .pub file must be our blob. */
static void blob_is_public_half(const struct ssh_key *k, const char *name)
{
    char file[64];
    unsigned char base64[4096];
    snprintf(file, sizeof file, "%s.pub", name);
    EVP_EncodeBlock(base64, (unsigned char *)k->blob.data, (int)k->blob.len);
    assert_non_null(strstr(load(file), (char *)base64));
}

static void reads_every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        _cleanup_(ssh_key_freep) struct ssh_key *k = NULL;
        _cleanup_(mem_freep) char *text = mem_strdup(load(keys[i].name));
        struct error *err = NULL;
        assert_int_equal(ssh_key_encrypted(text), keys[i].encrypted);
        if (keys[i].encrypted) {
            assert_int_equal(ssh_key_parse(text, "K", NULL, &k, &err), -1);
            assert_string_equal(err->message, "the key K needs a passphrase and none is given");
            error_free(err);
            err = NULL;
            if (!strstr(text, "OPENSSH")) {
                assert_int_equal(ssh_key_parse(text, "K", "other", &k, &err), -1);
                assert_string_equal(err->message, "the passphrase of the key K is wrong");
                error_free(err);
            }
        }
        assert_int_equal(ssh_key_parse(text, "K", "pass word", &k, NULL), 0);
        assert_string_equal(k->type, keys[i].type);
        blob_is_public_half(k, keys[i].name);
        unsigned char *sig = NULL;
        size_t len = 0;
        assert_int_equal(k->sealed, str_eq(keys[i].name, "ed_secret"));
        assert_int_equal(ssh_key_sign(k, "data", 4, &sig, &len, NULL), k->sealed ? -1 : 0);
        if (str_eq(k->type, "ssh-ed25519") && !k->sealed)
            assert_int_equal(len, 64);
        free(sig);
    }
}

static void offers_rsa_as_sha2(void **state)
{
    (void)state;
    _cleanup_(text_free) struct text in = {0}, out = {0};
    wire_add_string(&in, "ssh-rsa", 7);
    wire_add_string(&in, "e", 1);
    ssh_key_offer_blob(in.data, in.len, &out);
    struct wire w = {.p = (unsigned char *)out.data, .left = out.len};
    assert_true(wire_is(&w, "rsa-sha2-512"));
    assert_true(wire_is(&w, "e"));
    assert_int_equal(w.left, 0);
    text_clear(&out);
    ssh_key_offer_blob("\0\0\0\1x", 5, &out);
    assert_memory_equal(out.data, "\0\0\0\1x", 5);
}

/* Every cut and many flips: an error in words or a key, never a crash or a read past the end (ASan watches).
 */
static void damaged_keys(void **state)
{
    (void)state;
    unsigned dice = 1;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        _cleanup_(mem_freep) char *text = mem_strdup(load(keys[i].name));
        size_t len = strlen(text);
        for (size_t round = 0; round < 300; round++) {
            char *bad = mem_strdup(text);
            dice = dice * 1103515245 + 12345;
            size_t at = (dice >> 8) % len;
            if (round % 3 == 0)
                bad[at] = 0;
            else
                bad[at] = (char)(33 + (dice >> 16) % 90);
            struct ssh_key *k = NULL;
            struct error *err = NULL;
            if (ssh_key_parse(bad, "K", round % 2 ? "pass word" : NULL, &k, &err) < 0)
                assert_int_equal(err->code, ERR_AUTH);
            ssh_key_encrypted(bad);
            ssh_key_free(k);
            error_free(err);
            free(bad);
        }
    }
    static const char *const texts[] = {
        "", "x", "-----BEGIN OPENSSH PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ssh_key *k = NULL;
        assert_int_equal(ssh_key_parse(texts[i], "K", NULL, &k, NULL), -1);
        assert_null(k);
    }
}

int main(void)
{
    char cmd[256];
    snprintf(dir, sizeof dir, "/tmp/ssh-key-test.XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        snprintf(cmd, sizeof cmd, "ssh-keygen -q -C '' -f %s/%s %s", dir, keys[i].name, keys[i].options);
        if (system(cmd) != 0)
            return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(offers_rsa_as_sha2),
        cmocka_unit_test(damaged_keys),
    };
    int rc = cmocka_run_group_tests_name("ssh_key", tests, NULL, NULL);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd) == 0 ? rc : 1;
}
