#include "actions/means/pki.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const struct pki_file_info pki_files[PKI_FILES] = {
    [PKI_CA_CRT] = {"ca.crt", 0644},
    [PKI_CA_KEY] = {"ca.key", 0600},
    [PKI_FRONT_PROXY_CA_CRT] = {"front-proxy-ca.crt", 0644},
    [PKI_FRONT_PROXY_CA_KEY] = {"front-proxy-ca.key", 0600},
    [PKI_ETCD_CA_CRT] = {"etcd/ca.crt", 0644},
    [PKI_ETCD_CA_KEY] = {"etcd/ca.key", 0600},
    [PKI_SA_KEY] = {"sa.key", 0600},
    [PKI_SA_PUB] = {"sa.pub", 0644},
};

static const struct {
    enum pki_file crt, key;
    const char *common_name;
} authorities[] = {
    {PKI_CA_CRT, PKI_CA_KEY, "kubernetes"},
    {PKI_FRONT_PROXY_CA_CRT, PKI_FRONT_PROXY_CA_KEY, "front-proxy-ca"},
    {PKI_ETCD_CA_CRT, PKI_ETCD_CA_KEY, "etcd-ca"},
};

#define MAX_FILE ((size_t)64 * 1024)

void pki_bundle_free(struct pki_bundle *b)
{
    for (int i = 0; i < PKI_FILES; i++)
        text_wipe(&b->files[i]);
}

int pki_bundle_generate(struct pki_bundle *ret, unsigned days, int64_t now, struct error **err)
{
    _cleanup_(pki_bundle_free) struct pki_bundle b = {0};
    for (size_t i = 0; i < ARRAY_LEN(authorities); i++)
        if (x509_ca_new(authorities[i].common_name, days, now, &b.files[authorities[i].crt],
                        &b.files[authorities[i].key], err) < 0)
            return error_wrap(err, "make CA %s", authorities[i].common_name);
    if (x509_key_new(&b.files[PKI_SA_KEY], &b.files[PKI_SA_PUB], err) < 0)
        return error_wrap(err, "make the service-account key");
    *ret = b;
    b = (struct pki_bundle){0};
    return 0;
}

#define BEGIN_MARKER "BEGIN reconcile-pki 1\n"
#define END_MARKER "END reconcile-pki 1\n"

const char *pki_bundle_script(void)
{
    /* Byte for byte, so that the digest here is that of the files there. */
    return "d=" PKI_DIRECTORY "\n"
           "echo 'BEGIN reconcile-pki 1'\n"
           "for f in ca.crt ca.key front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key sa.key "
           "sa.pub; do\n"
           "  if [ -f \"$d/$f\" ]; then\n"
           "    printf 'file %s %s\\n' \"$f\" \"$(($(wc -c <\"$d/$f\")))\" && cat \"$d/$f\" && echo || exit "
           "1\n"
           "  else\n"
           "    printf 'absent %s\\n' \"$f\"\n"
           "  fi\n"
           "done\n"
           "echo 'END reconcile-pki 1'\n";
}

void pki_bundle_write(const struct pki_bundle *b, struct text *out)
{
    text_add(out, BEGIN_MARKER);
    for (int i = 0; i < PKI_FILES; i++) {
        const struct text *t = &b->files[i];
        if (t->len == 0) {
            text_addf(out, "absent %s\n", pki_files[i].path);
            continue;
        }
        text_addf(out, "file %s %zu\n", pki_files[i].path, t->len);
        text_addn(out, t->data, t->len);
        text_addc(out, '\n');
    }
    text_add(out, END_MARKER);
}

static int find_file(const char *name, size_t len)
{
    for (int i = 0; i < PKI_FILES; i++)
        if (strlen(pki_files[i].path) == len && memcmp(pki_files[i].path, name, len) == 0)
            return i;
    return -1;
}

struct reader {
    const char *p, *end;
};

/* The next line without its newline, at most 80 bytes long: head lines are short. */
static bool line(struct reader *r, char ret[81])
{
    const char *nl = memchr(r->p, '\n', (size_t)(r->end - r->p));
    if (!nl || nl - r->p > 80 || memchr(r->p, 0, (size_t)(nl - r->p)))
        return false;
    memcpy(ret, r->p, (size_t)(nl - r->p));
    ret[nl - r->p] = 0;
    r->p = nl + 1;
    return true;
}

/* One "file NAME LENGTH" with its bytes, or "absent NAME"; false: neither. */
static bool entry(struct reader *r, const char *head, bool seen[PKI_FILES], struct pki_bundle *b)
{
    bool absent = str_starts(head, "absent ");
    if (!absent && !str_starts(head, "file "))
        return false;
    const char *name = head + (absent ? 7 : 5);
    size_t name_len = strcspn(name, " "), size = 0;
    int file = find_file(name, name_len);
    if (file < 0 || seen[file])
        return false;
    seen[file] = true;
    const char *digits = name + name_len;
    if (absent)
        return *digits == 0;
    size_t n = *digits == ' ' ? strspn(++digits, "0123456789") : 0;
    if (n == 0 || n > 6 || digits[n])
        return false;
    for (; *digits; digits++)
        size = size * 10 + (size_t)(*digits - '0');
    if (size > MAX_FILE || (size_t)(r->end - r->p) <= size || r->p[size] != '\n' || memchr(r->p, 0, size))
        return false;
    text_addn(&b->files[file], r->p, size);
    r->p += size + 1;
    return true;
}

int pki_bundle_parse(const char *text, size_t len, struct pki_bundle *ret, struct error **err)
{
    _cleanup_(pki_bundle_free) struct pki_bundle b = {0};
    bool seen[PKI_FILES] = {false};
    struct reader r = {.p = text, .end = text + len};
    char head[81];
    const size_t marker = strlen(BEGIN_MARKER);
    const char *begin = text ? memmem(text, len, BEGIN_MARKER, marker) : NULL;
    if (!begin)
        return error_set(err, ERR_PROTOCOL, "the answer holds no PKI");
    r.p = begin + marker;
    for (;;) {
        if (!line(&r, head))
            return error_set(err, ERR_PROTOCOL, "the PKI in the answer is cut");
        if (strncmp(head, END_MARKER, strlen(END_MARKER) - 1) == 0 && !head[strlen(END_MARKER) - 1])
            break;
        if (!entry(&r, head, seen, &b))
            return error_set(err, ERR_PROTOCOL, "the PKI in the answer is malformed");
    }
    for (int i = 0; i < PKI_FILES; i++)
        if (!seen[i])
            return error_set(err, ERR_PROTOCOL, "the PKI in the answer says nothing of %s",
                             pki_files[i].path);
    *ret = b;
    b = (struct pki_bundle){0};
    return 0;
}

static const char *pem(const struct pki_bundle *b, enum pki_file f)
{
    return text_str(&b->files[f]);
}

static int check_authority(const struct pki_bundle *b, size_t i, int64_t now, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    const char *crt = pki_files[authorities[i].crt].path, *key = pki_files[authorities[i].key].path;
    struct x509_info info;
    bool matches = false;
    if (!b->files[authorities[i].crt].len)
        return error_set(err, ERR_INVALID, "%s is missing", crt);
    if (!b->files[authorities[i].key].len)
        return error_set(err, ERR_INVALID, "%s is missing: without it no certificate can be signed", key);
    if (x509_read(a, pem(b, authorities[i].crt), &info, err) < 0)
        return error_wrap(err, "%s", crt);
    if (!info.ca)
        return error_set(err, ERR_INVALID, "%s is not the certificate of a CA", crt);
    if (info.not_after <= now)
        return error_set(err, ERR_INVALID, "%s has expired", crt);
    if (info.not_before > now)
        return error_set(err, ERR_INVALID, "%s is not valid yet: is the clock of this machine right?", crt);
    if (x509_matches(pem(b, authorities[i].crt), pem(b, authorities[i].key), &matches, err) < 0)
        return error_wrap(err, "%s", key);
    return matches ? 0 : error_set(err, ERR_INVALID, "%s is not the key of %s", key, crt);
}

static int check_service_account(const struct pki_bundle *b, struct error **err)
{
    _cleanup_(text_wipe) struct text pub = {0};
    char want[DIGEST_HEX], have[DIGEST_HEX];
    if (!b->files[PKI_SA_KEY].len || !b->files[PKI_SA_PUB].len)
        return error_set(err, ERR_INVALID, "%s is missing", b->files[PKI_SA_KEY].len ? "sa.pub" : "sa.key");
    if (x509_public(pem(b, PKI_SA_KEY), &pub, err) < 0 || x509_public_sha256(text_str(&pub), want, err) < 0)
        return error_wrap(err, "sa.key");
    if (x509_public_sha256(pem(b, PKI_SA_PUB), have, err) < 0)
        return error_wrap(err, "sa.pub");
    return str_eq(want, have) ? 0 : error_set(err, ERR_INVALID, "sa.pub is not the public half of sa.key");
}

int pki_bundle_check(const struct pki_bundle *b, bool external_etcd, int64_t now, struct error **err)
{
    if (!now)
        now = (int64_t)time(NULL);
    for (size_t i = 0; i < ARRAY_LEN(authorities); i++) {
        bool absent = !b->files[authorities[i].crt].len && !b->files[authorities[i].key].len;
        if (external_etcd && authorities[i].crt == PKI_ETCD_CA_CRT && absent)
            continue;
        if (check_authority(b, i, now, err) < 0)
            return -1;
    }
    return check_service_account(b, err);
}

void pki_bundle_digest(const struct pki_bundle *b, char ret[DIGEST_HEX])
{
    static const enum pki_file halves[] = {PKI_CA_CRT, PKI_FRONT_PROXY_CA_CRT, PKI_ETCD_CA_CRT, PKI_SA_PUB};
    struct digest *d = digest_new();
    for (size_t i = 0; i < ARRAY_LEN(halves); i++)
        digest_bytes(d, pem(b, halves[i]), b->files[halves[i]].len);
    digest_end(d, ret);
}

int pki_discovery_hash(const char *ca_crt, char ret[72], struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct x509_info info;
    if (x509_read(a, ca_crt, &info, err) < 0)
        return -1;
    snprintf(ret, 72, "sha256:%s", info.spki_sha256);
    return 0;
}
