#include "actions/means/oci.h"

#include <string.h>
#include <sys/stat.h>

static int split_path(struct arena *a, const char *rest, const char *base, struct oci_reference *ret,
                      struct error **err)
{
    struct stat st;
    size_t n = strcspn(rest, ":");
    const char *whole = *rest == '/' || !base ? rest : arena_printf(a, "%s/%s", base, rest);
    if (!*rest || n == 0)
        return error_set(err, ERR_INVALID, "an image reference without a path");
    if (rest[n] &&
        stat(whole, &st) != 0) { /* a path may hold a colon; else what follows the first is the tag */
        ret->name = rest[n + 1] ? arena_strdup(a, rest + n + 1) : NULL;
        ret->path = arena_strndup(a, whole, strlen(whole) - strlen(rest + n));
    } else {
        ret->path = arena_strdup(a, whole);
    }
    return 0;
}

static bool registry_name(const char *s)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@[]";
    return *s && *s != '-' && *s != '/' && strspn(s, allowed) == strlen(s) && !strstr(s, "//");
}

int oci_reference_parse(struct arena *a, const char *text, const char *base, struct oci_reference *ret,
                        struct error **err)
{
    static const struct {
        const char *prefix;
        enum oci_transport transport;
    } transports[] = {{"docker://", OCI_REGISTRY},
                      {"oci-archive:", OCI_ARCHIVE},
                      {"docker-archive:", DOCKER_ARCHIVE},
                      {"oci:", OCI_LAYOUT}};
    static const char *const others[] = {
        "containers-storage:", "docker-daemon:", "dir:", "ostree:", "sif:", "tarball:"};
    *ret = (struct oci_reference){0};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_starts(text, others[i])) {
            error_set(err, ERR_INVALID, "image %s: the transport %s is not supported", text, others[i]);
            return error_hint(err, "use a registry, oci:DIR, oci-archive:FILE or docker-archive:FILE");
        }
    const char *rest = text;
    for (size_t i = 0; i < ARRAY_LEN(transports); i++)
        if (str_starts(text, transports[i].prefix)) {
            ret->transport = transports[i].transport;
            rest = text + strlen(transports[i].prefix);
            break;
        }
    if (ret->transport != OCI_REGISTRY)
        return split_path(a, rest, base, ret, err) ? error_wrap(err, "image %s", text) : 0;
    if (!registry_name(rest))
        return error_set(err, ERR_INVALID, "'%.200s' is not the name of an image", text);
    ret->name = arena_strdup(a, rest);
    return 0;
}
