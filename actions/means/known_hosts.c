#include "actions/means/known_hosts.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum mark { MARK_NONE, MARK_REVOKED, MARK_CA };

struct line {
    enum mark mark;
    const char *hosts; /* the pattern list, or |1|salt|hash */
    const char *type;
    unsigned char *key;
    size_t key_len;
    const char *where;
};

struct known_hosts {
    struct arena *arena;
    struct line *line;
    size_t n, cap;
};

void known_hosts_free(struct known_hosts *k)
{
    if (!k)
        return;
    arena_free(k->arena);
    free(k);
}

void known_hosts_freep(struct known_hosts **k)
{
    known_hosts_free(*k);
}

/* Decodes base64 of any length into buf (at least 3/4 of it); -1 if it is not base64. */
static int base64_decode(const char *s, unsigned char *buf)
{
    size_t n = strlen(s);
    if (n == 0 || n % 4 || n > 64 * 1024)
        return -1;
    int len = EVP_DecodeBlock(buf, (const unsigned char *)s, (int)n);
    if (len < 0)
        return -1;
    return len - (s[n - 1] == '=') - (s[n - 2] == '=');
}

bool known_hosts_type(const void *key, size_t len, char *out, size_t size)
{
    const unsigned char *p = key;
    if (len < 4)
        return false;
    size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    if (n == 0 || n > len - 4 || n >= size)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isgraph(p[4 + i]))
            return false;
    memcpy(out, p + 4, n);
    out[n] = 0;
    return true;
}

static char *word(char **rest)
{
    char *s = *rest + strspn(*rest, " \t");
    if (!*s)
        return NULL;
    char *end = s + strcspn(s, " \t");
    *rest = *end ? end + 1 : end;
    *end = 0;
    return s;
}

static void parse_line(struct known_hosts *k, char *text, const char *path, int number)
{
    char *rest = text;
    char *first = word(&rest);
    if (!first || *first == '#')
        return;
    struct line l = {0};
    if (*first == '@') {
        if (str_eq(first, "@revoked"))
            l.mark = MARK_REVOKED;
        else if (str_eq(first, "@cert-authority"))
            l.mark = MARK_CA;
        else
            return;
        first = word(&rest);
    }
    char *type = word(&rest), *base64 = word(&rest);
    if (!first || !type || !base64)
        return;
    unsigned char *key = arena_alloc(k->arena, strlen(base64) + 4);
    int len = base64_decode(base64, key);
    char inside[64];
    if (len < 0 || !known_hosts_type(key, (size_t)len, inside, sizeof inside) || !str_eq(inside, type))
        return;
    l.hosts = arena_strdup(k->arena, first);
    l.type = arena_strdup(k->arena, type);
    l.key = key;
    l.key_len = (size_t)len;
    l.where = arena_printf(k->arena, "%s:%d", path, number);
    struct line *fresh = arena_push(k->arena, &k->line, &k->n, &k->cap, sizeof *k->line);
    *fresh = l;
}

static void parse_file(struct known_hosts *k, char *data, const char *path)
{
    int number = 0;
    for (char *s = data; s && *s;) {
        char *end = strchr(s, '\n');
        if (end)
            *end = 0;
        size_t n = strlen(s);
        if (n && s[n - 1] == '\r')
            s[n - 1] = 0;
        parse_line(k, s, path, ++number);
        s = end ? end + 1 : NULL;
    }
}

static int read_file(struct known_hosts *k, const char *path, struct error **err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : error_errno(err, errno, "read the host keys in %s", path);
    struct stat st;
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) { /* UserKnownHostsFile /dev/null is a common habit */
        close(fd);
        return 0;
    }
    _cleanup_(text_free) struct text t = {0};
    char buf[16384];
    ssize_t n;
    while ((n = read(fd, buf, sizeof buf)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int e = errno;
            close(fd);
            return error_errno(err, e, "read the host keys in %s", path);
        }
        text_addn(&t, buf, (size_t)n);
    }
    close(fd);
    if (t.failed)
        return error_set(err, ERR_IO, "%s is too large for a file of host keys", path);
    for (size_t i = 0; i < t.len; i++)
        if (!t.data[i])
            t.data[i] = ' '; /* a NUL would hide the rest of the file, revocations included */
    if (t.data)
        parse_file(k, t.data, path);
    return 0;
}

int known_hosts_read(const char *const *paths, struct known_hosts **ret, struct error **err)
{
    _cleanup_(known_hosts_freep) struct known_hosts *k = mem_alloc(sizeof *k);
    k->arena = arena_new();
    for (size_t i = 0; paths && paths[i]; i++)
        if (read_file(k, paths[i], err) < 0)
            return -1;
    *ret = TAKE(k);
    return 0;
}

/* |1|base64 of the salt|base64 of HMAC-SHA1(salt, name) */
static bool match_hashed(const char *hosts, const char *name)
{
    char salt64[64], hash64[64];
    unsigned char salt[64], hash[64], mac[EVP_MAX_MD_SIZE];
    if (sscanf(hosts, "|1|%63[^|]|%63s", salt64, hash64) != 2)
        return false;
    int salt_len = base64_decode(salt64, salt), hash_len = base64_decode(hash64, hash);
    unsigned mac_len = 0;
    if (salt_len <= 0 || hash_len != 20)
        return false;
    return HMAC(EVP_sha1(), salt, salt_len, (const unsigned char *)name, strlen(name), mac, &mac_len) &&
           mac_len == 20 && memcmp(mac, hash, 20) == 0;
}

/* OpenSSH's patterns: only * and ?; brackets are part of "[host]:port", not a set. */
static bool glob(const char *pattern, const char *s)
{
    const char *star = NULL, *mark = NULL;
    while (*s) {
        if (*pattern == '*') {
            star = pattern++;
            mark = s;
        } else if (*pattern == '?' || tolower((unsigned char)*pattern) == *s) {
            pattern++;
            s++;
        } else if (star) {
            pattern = star + 1;
            s = ++mark;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* name is lower case. A negated pattern that matches overrules the whole line. */
static bool match_line(const struct line *l, const char *name)
{
    if (l->hosts[0] == '|')
        return match_hashed(l->hosts, name);
    bool found = false;
    for (const char *p = l->hosts; *p;) {
        size_t n = strcspn(p, ",");
        char pattern[1025];
        bool negated = *p == '!';
        if (n < sizeof pattern) {
            memcpy(pattern, p + negated, n - negated);
            pattern[n - negated] = 0;
            if (glob(pattern, name)) {
                if (negated)
                    return false;
                found = true;
            }
        }
        p += n;
        if (*p == ',')
            p++;
    }
    return found;
}

static void lookup_name(const char *host, unsigned port, struct text *out)
{
    if (port != 22)
        text_addc(out, '[');
    for (const char *p = host; *p; p++)
        text_addc(out, (char)tolower((unsigned char)*p));
    if (port != 22)
        text_addf(out, "]:%u", port);
}

static enum known_host check_name(const struct known_hosts *k, const char *name, const void *key, size_t len,
                                  const char **where)
{
    enum known_host state = KNOWN_HOST_UNKNOWN;
    char type[64] = "";
    known_hosts_type(key, len, type, sizeof type);
    for (size_t i = 0; i < k->n; i++) {
        const struct line *l = &k->line[i];
        bool same = l->key_len == len && memcmp(l->key, key, len) == 0;
        enum known_host seen;
        if (!match_line(l, name))
            continue;
        if (l->mark == MARK_REVOKED) {
            if (!same)
                continue;
            *where = l->where;
            return KNOWN_HOST_REVOKED;
        }
        if (l->mark == MARK_CA)
            seen = KNOWN_HOST_CERTIFIED;
        else if (same)
            seen = KNOWN_HOST_MATCH;
        else
            seen = str_eq(l->type, type) ? KNOWN_HOST_CHANGED : KNOWN_HOST_OTHER;
        /* A match wins over other keys of the host (a host may have several), those over other types. */
        static const int rank[] = {[KNOWN_HOST_UNKNOWN] = 0,
                                   [KNOWN_HOST_CERTIFIED] = 1,
                                   [KNOWN_HOST_OTHER] = 2,
                                   [KNOWN_HOST_CHANGED] = 3,
                                   [KNOWN_HOST_MATCH] = 4};
        if (rank[seen] > rank[state]) {
            state = seen;
            *where = l->where;
        }
    }
    return state;
}

enum known_host known_hosts_check(const struct known_hosts *k, const char *host, unsigned port,
                                  const void *key, size_t len, const char **ret_where)
{
    const char *where = NULL;
    _cleanup_(text_free) struct text name = {0};
    lookup_name(host, port, &name);
    enum known_host state = check_name(k, text_str(&name), key, len, &where);
    if (state != KNOWN_HOST_MATCH && state != KNOWN_HOST_REVOKED && port != 22) {
        /* As OpenSSH: a line without a port vouches for the host on every port, but never against it. */
        const char *plain_where = NULL;
        text_clear(&name);
        lookup_name(host, 22, &name);
        enum known_host plain = check_name(k, text_str(&name), key, len, &plain_where);
        if (plain == KNOWN_HOST_REVOKED || (plain == KNOWN_HOST_MATCH && state == KNOWN_HOST_UNKNOWN)) {
            state = plain;
            where = plain_where;
        }
    }
    if (ret_where)
        *ret_where = where;
    return state;
}

void known_hosts_types(const struct known_hosts *k, const char *host, unsigned port, struct text *out)
{
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521", "ssh-rsa"};
    for (int plain = 0; plain < (port == 22 ? 1 : 2) && !out->len; plain++) {
        _cleanup_(text_free) struct text name = {0};
        lookup_name(host, plain ? 22 : port, &name);
        for (size_t t = 0; t < ARRAY_LEN(types); t++)
            for (size_t i = 0; i < k->n; i++)
                if (k->line[i].mark == MARK_NONE && str_eq(k->line[i].type, types[t]) &&
                    match_line(&k->line[i], text_str(&name))) {
                    text_addf(out, "%s%s", out->len ? "," : "", types[t]);
                    break;
                }
    }
}

static int make_directory(const char *path, struct error **err)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return 0;
    _cleanup_(mem_freep) char *dir = mem_strndup(path, (size_t)(slash - path));
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return error_errno(err, errno, "make %s", dir);
    return 0;
}

int known_hosts_add(const char *path, const char *host, unsigned port, const void *key, size_t len,
                    struct error **err)
{
    char type[64];
    if (!known_hosts_type(key, len, type, sizeof type) || len > 16384)
        return error_set(err, ERR_PROTOCOL, "the server's host key is malformed");
    if (make_directory(path, err) < 0)
        return -1;
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(err, errno, "add a host key to %s", path);
    _cleanup_(text_free) struct text line = {0};
    char last = '\n';
    struct stat st;
    flock(fd, LOCK_EX); /* advisory: two runs at once must not interleave */
    if (fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n')
        text_addc(&line, '\n');
    lookup_name(host, port, &line);
    text_addf(&line, " %s ", type);
    unsigned char *base64 = mem_alloc(len * 4 / 3 + 8);
    EVP_EncodeBlock(base64, key, (int)len);
    text_add(&line, (const char *)base64);
    free(base64);
    text_addc(&line, '\n');
    ssize_t n = write(fd, line.data, line.len);
    int e = n < 0 ? errno : ENOSPC;
    if (n >= 0 && (size_t)n < line.len && ftruncate(fd, st.st_size) < 0)
        e = errno;
    close(fd);
    return n == (ssize_t)line.len ? 0 : error_errno(err, e, "add a host key to %s", path);
}

void known_hosts_fingerprint(const void *key, size_t len, struct text *out)
{
    unsigned char hash[EVP_MAX_MD_SIZE], base64[64];
    unsigned n = 0;
    EVP_Digest(key, len, hash, &n, EVP_sha256(), NULL);
    EVP_EncodeBlock(base64, hash, (int)n);
    base64[strcspn((char *)base64, "=")] = 0;
    text_addf(out, "SHA256:%s", base64);
}
