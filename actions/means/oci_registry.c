#include "actions/means/oci_registry.h"

#include "actions/means/process.h"

#include <string.h>

enum { INSPECT_S = 120, COPY_S = 3600 };

static int skopeo(const struct oci_lookup *l, const char *const *words, unsigned timeout_s, const char *what,
                  struct process_output *out, struct error **err)
{
    const char *argv[16] = {"skopeo"};
    size_t n = 1;
    for (; *words && n < ARRAY_LEN(argv) - 1; words++)
        argv[n++] = *words;
    const struct process p = {.argv = argv, .timeout_s = timeout_s, .cancel = l->o->cancel, .what = what};
    if (process_run(&p, out, err) == 0)
        return 0;
    const char *said = text_str(&out->err);
    if (err && *err && (*err)->code == ERR_NOT_FOUND) {
        error_wrap(err, "image %s", l->name);
        return error_hint(err, "registries are read through skopeo: apt-get install skopeo");
    }
    bool absent =
        strstr(said, "manifest unknown") || strstr(said, "name unknown") || strstr(said, "not found");
    bool denied =
        strstr(said, "unauthorized") || strstr(said, "authentication required") || strstr(said, "denied");
    bool away = strstr(said, "connection refused") || strstr(said, "no such host") ||
                strstr(said, "i/o timeout") || strstr(said, "no route to host");
    if (!absent && !denied && !away)
        return error_wrap(err, "image %s", l->name);
    error_set(err,
              absent   ? ERR_NOT_FOUND
              : denied ? ERR_AUTH
                       : ERR_UNREACHABLE,
              "image %s: %s", l->name,
              absent   ? "the registry has no such image"
              : denied ? "the registry does not let us read it"
                       : "the registry does not answer");
    if (denied)
        error_hint(err, "log in with: skopeo login REGISTRY");
    return error_detail(err, said);
}

/* NAME without its tag and digest. */
static const char *repository(const struct oci_lookup *l)
{
    const char *name = l->ref.name, *slash = strrchr(name, '/');
    size_t n = strcspn(name, "@");
    const char *colon = strchr(slash ? slash : name, ':');
    if (colon && (size_t)(colon - name) < n)
        n = (size_t)(colon - name);
    return arena_strndup(l->arena, name, n);
}

static const char *registry_source(const struct oci_lookup *l, const char *digest)
{
    if (digest)
        return arena_printf(l->arena, "docker://%s@%s", repository(l), digest);
    const char *at = strchr(l->ref.name, '@');
    if (at) /* containers/image refuses a tag beside a digest */
        return arena_printf(l->arena, "docker://%s%s", repository(l), at);
    return arena_printf(l->arena, "docker://%s", l->ref.name);
}

int oci_registry_inspect(const struct oci_lookup *l, const char *digest, bool config, struct text *out,
                         struct error **err)
{
    const char *words[10];
    size_t n = 0;
    words[n++] = "inspect";
    words[n++] = "--raw";
    if (config)
        words[n++] = "--config";
    if (l->o->insecure)
        words[n++] = "--tls-verify=false";
    if (l->o->authfile) {
        words[n++] = "--authfile";
        words[n++] = l->o->authfile;
    }
    words[n++] = registry_source(l, digest);
    words[n] = NULL;
    _cleanup_(process_output_free) struct process_output p = {0};
    if (skopeo(l, words, INSPECT_S, "look up the image", &p, err))
        return -1;
    text_addn(out, text_str(&p.out), p.out.len);
    return 0;
}

int oci_registry_fetch(struct oci_lookup *l, const char *digest, const char *scratch, struct error **err)
{
    const char *words[10];
    size_t n = 0;
    words[n++] = "copy";
    words[n++] = "--quiet";
    words[n++] = "--preserve-digests";
    if (l->o->insecure)
        words[n++] = "--src-tls-verify=false";
    if (l->o->authfile) {
        words[n++] = "--src-authfile";
        words[n++] = l->o->authfile;
    }
    words[n++] = registry_source(l, digest);
    words[n++] = arena_printf(l->arena, "dir:%s", scratch);
    words[n] = NULL;
    _cleanup_(process_output_free) struct process_output p = {0};
    if (skopeo(l, words, COPY_S, "copy the image", &p, err))
        return -1;
    l->place = (struct oci_place){.path = scratch, .prefix = ""};
    return 0;
}
