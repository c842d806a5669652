#include "schema/format.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <string.h>

/* ---- addresses */

static const char *port_parse(const char *s, uint16_t *ret)
{
    size_t n = strspn(s, "0123456789");
    unsigned long port = n && n <= 5 && !s[n] ? strtoul(s, NULL, 10) : 0;
    if (port < 1 || port > 65535)
        return "has a port that is not a number from 1 to 65535";
    *ret = (uint16_t)port;
    return NULL;
}

static const char *usable(int family, const unsigned char *b)
{
    static const unsigned char zero[16];
    size_t n = family == AF_INET ? 4 : 16;
    if (memcmp(b, zero, n) == 0)
        return "is no machine's address";
    if (family == AF_INET ? b[0] >= 224 : b[0] == 0xff)
        return "is a multicast or reserved address, not a machine's";
    if (family == AF_INET6 && memcmp(b, zero, 10) == 0 && b[10] == 0xff && b[11] == 0xff)
        return "is an IPv4 address in IPv6 clothes; write it as IPv4";
    return NULL;
}

/* "10.0.0.1", as inet_pton has it, whose one canonical spelling this is; there are 10,000 of them in a large
 * file. */
static bool ipv4_parse(const char *s, unsigned char bytes[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned n = 0;
        const char *first = s;
        for (; isdigit((unsigned char)*s) && s - first < 3; s++)
            n = n * 10 + (unsigned)(*s - '0');
        if (s == first || n > 255 || (*first == '0' && s - first > 1) || *s != (i < 3 ? '.' : 0))
            return false;
        bytes[i] = (unsigned char)n;
        s++;
    }
    return true;
}

static const char *host_parse(const char *host, bool ipv6, struct address *ret)
{
    if (ipv6 ? inet_pton(AF_INET6, host, ret->bytes) != 1 : !ipv4_parse(host, ret->bytes)) {
        if (strpbrk(host, "/-") && isdigit((unsigned char)*host))
            return "is a range; list the addresses one by one";
        if (strchr(host, '%'))
            return "has a zone; use an address that is valid on the whole network";
        return ipv6 ? "is not an IPv6 address" : "is not an IPv4 or IPv6 address (names are not resolved)";
    }
    const char *why = usable(ipv6 ? AF_INET6 : AF_INET, ret->bytes);
    if (why)
        return why;
    ret->ipv6 = ipv6;
    if (!ipv6)
        memcpy(ret->text, host, strlen(host) + 1);
    else if (!inet_ntop(AF_INET6, ret->bytes, ret->text, sizeof ret->text))
        return "is not an address";
    return NULL;
}

const char *address_parse(const char *text, struct address *ret)
{
    struct address a = {0};
    char host[64];
    const char *first = strchr(text, ':'), *last = strrchr(text, ':'), *close = NULL, *why = NULL;
    bool ipv6 = text[0] == '[' || first != last;
    size_t n = strlen(text);
    if (text[0] == '[') {
        close = strchr(text, ']');
        if (!close || (close[1] && close[1] != ':'))
            return "is not of the form [ADDRESS]:PORT";
        if (close[1])
            why = port_parse(close + 2, &a.port);
        text++;
        n = (size_t)(close - text);
    } else if (first && !ipv6) {
        why = port_parse(first + 1, &a.port);
        n = (size_t)(first - text);
    }
    if (n == 0 || n >= sizeof host)
        return n ? "is not an address" : "is empty";
    memcpy(host, text, n);
    host[n] = 0;
    const char *bad = host_parse(host, ipv6, &a);
    if (bad || why)
        return bad ? bad : why;
    *ret = a;
    return NULL;
}

/* ---- durations and sizes */

static const struct {
    const char *name;
    unsigned long long ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000ULL}};

const char *duration_parse(const char *text, unsigned *ret_seconds)
{
    static const char *const wrong = "is not a duration such as 30s, 5m or 1h30m";
    unsigned long long ms = 0;
    const char *s = text;
    if (!*s)
        return wrong;
    while (*s) {
        size_t digits = strspn(s, "0123456789");
        if (digits == 0 || digits > 9)
            return wrong;
        unsigned long long n = strtoull(s, NULL, 10);
        s += digits;
        size_t letters = strspn(s, "msdh"), u = 0;
        bool bare = !*s && digits == strlen(text);
        for (u = 0; !bare && u < ARRAY_LEN(units); u++)
            if (strlen(units[u].name) == letters && strncmp(s, units[u].name, letters) == 0)
                break;
        if (!bare && u == ARRAY_LEN(units))
            return wrong;
        ms += n * (bare ? 1000 : units[u].ms);
        s += letters;
    }
    if (ms > 366ULL * 24 * 3600 * 1000)
        return "is longer than a year";
    *ret_seconds = (unsigned)((ms + 999) / 1000);
    return NULL;
}

const char *size_parse(const char *text, unsigned *ret_mib)
{
    static const struct {
        const char *suffix;
        unsigned mib;
    } suffixes[] = {{"", 1}, {"Mi", 1}, {"Gi", 1024}, {"Ti", 1024 * 1024}};
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; digits && digits <= 9 && i < ARRAY_LEN(suffixes); i++) {
        if (strcmp(text + digits, suffixes[i].suffix) != 0)
            continue;
        unsigned long long n = strtoull(text, NULL, 10) * suffixes[i].mib;
        if (n > INT_MAX)
            return "is too large";
        *ret_mib = (unsigned)n;
        return NULL;
    }
    return "is not a size such as 500Mi or 2Gi";
}

/* ---- the others */

bool secret_is_reference(const char *text)
{
    return str_starts(text, "env:") || str_starts(text, "file:") || str_starts(text, "exec:");
}

static const char *check_secret(const char *s)
{
    if (!secret_is_reference(s))
        return NULL;
    const char *rest = strchr(s, ':') + 1;
    if (!*rest)
        return "is a reference that names nothing";
    if (!str_starts(s, "env:"))
        return NULL;
    if (!isalpha((unsigned char)*rest) && *rest != '_')
        return "is not the name of an environment variable after env:";
    for (; *rest; rest++)
        if (!isalnum((unsigned char)*rest) && *rest != '_')
            return "is not the name of an environment variable after env:";
    return NULL;
}

static const char *check_env(const char *s)
{
    const char *eq = strchr(s, '=');
    if (!eq)
        return NULL; /* dropped, as in Sealos; check.c warns */
    if (eq == s || isdigit((unsigned char)*s))
        return "does not begin with a variable's name";
    for (; s < eq; s++)
        if (!isalnum((unsigned char)*s) && *s != '_')
            return "has a name that is not letters, digits and underscores";
    return NULL;
}

static const char *check_name(const char *s)
{
    size_t n = strlen(s);
    if (n == 0)
        return "is empty";
    if (n > 63)
        return "is longer than 63 characters";
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && (i == 0 || i == n - 1 || !strchr("-_.", s[i])))
            return "is not letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
    return NULL;
}

static const char *check_image(const char *s)
{
    if (!*s)
        return "is empty";
    if (*s == '-')
        return "begins with '-'";
    for (; *s; s++)
        if (isspace((unsigned char)*s) || iscntrl((unsigned char)*s))
            return "has a blank in it";
    return NULL;
}

static const char *check_inside(const char *s)
{
    if (!*s || str_eq(s, "/"))
        return "names no file";
    for (const char *p = s; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        if (strncmp(p, "..", 2) == 0 && (!p[2] || p[2] == '/'))
            return "leaves the image by `..`";
    return NULL;
}

/* RFC 3339, as Kubernetes writes it: 2024-01-02T03:04:05Z, with fractions or an offset. */
static const char *check_timestamp(const char *s)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    size_t i = 0;
    for (; form[i]; i++)
        if (form[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != form[i])
            return "is not a time such as 2024-01-02T03:04:05Z";
    if (s[i] == '.')
        i += 1 + strspn(s + i + 1, "0123456789");
    if (str_eq(s + i, "Z"))
        return NULL;
    if ((s[i] == '+' || s[i] == '-') && strlen(s + i) == 6 && s[i + 3] == ':')
        return NULL;
    return "is not a time such as 2024-01-02T03:04:05Z";
}

enum format format_by_name(const char *name)
{
    static const char *const names[FORMATS] = {
        [FORMAT_ADDRESS] = "address", [FORMAT_DURATION] = "duration", [FORMAT_SIZE] = "size",
        [FORMAT_SECRET] = "secret",   [FORMAT_ENV] = "env",           [FORMAT_NAME] = "name",
        [FORMAT_IMAGE] = "image",     [FORMAT_INSIDE] = "inside",     [FORMAT_TIMESTAMP] = "timestamp",
    };
    for (int f = 1; f < FORMATS; f++)
        if (str_eq(names[f], name))
            return (enum format)f;
    return FORMAT_NONE;
}

const char *format_check(enum format f, const char *text)
{
    struct address a;
    unsigned n;
    switch (f) {
    case FORMAT_ADDRESS:
        return address_parse(text, &a);
    case FORMAT_DURATION:
        return duration_parse(text, &n);
    case FORMAT_SIZE:
        return size_parse(text, &n);
    case FORMAT_SECRET:
        return check_secret(text);
    case FORMAT_ENV:
        return check_env(text);
    case FORMAT_NAME:
        return check_name(text);
    case FORMAT_IMAGE:
        return check_image(text);
    case FORMAT_INSIDE:
        return check_inside(text);
    case FORMAT_TIMESTAMP:
        return check_timestamp(text);
    default:
        return NULL;
    }
}
