#include "actions/means/oci_json.h"

#include <string.h>
#include <sys/utsname.h>

#define REF_NAME                                                                                             \
    "org.opencontainers.image.ref.name" /* OCI image specification, "Pre-Defined Annotation Keys" */

const char *oci_arch(const char *arch)
{
    struct utsname u;
    if (arch)
        return arch;
    if (uname(&u) == 0 && str_eq(u.machine, "aarch64"))
        return "arm64";
    return "amd64";
}

bool oci_is_index(const struct value *manifest)
{
    return value_get(manifest, "manifests") != NULL;
}

static const char *field(const struct value *v, const char *key)
{
    return value_text(value_get(v, key), NULL);
}

static bool of_platform(const struct value *entry, const char *arch)
{
    const struct value *p = value_get(entry, "platform");
    const char *os = value_text(value_get(p, "os"), "linux");
    return p && str_eq(os, "linux") && str_eq(field(p, "architecture"), arch);
}

static void list_architectures(const struct value *entries, struct text *out)
{
    for (size_t i = 0; i < entries->n; i++) {
        const char *arch = field(value_get(entries->items[i], "platform"), "architecture");
        if (arch &&
            !str_eq(arch, "unknown")) { /* attestations stand there as images of an unknown platform */
            text_add(out, out->len ? ", " : "");
            text_add_safe(out, arch, 20);
        }
    }
}

int oci_choose(const struct value *index, const char *arch, const char *name, const char **ret,
               struct error **err)
{
    const struct value *entries = value_get(index, "manifests");
    _cleanup_(text_free) struct text have = {.max = 4096};
    if (!entries || entries->kind != VALUE_LIST || entries->n == 0)
        return error_set(err, ERR_NOT_FOUND, "image %s: its index lists nothing", name);
    for (size_t i = 0; i < entries->n; i++)
        if (of_platform(entries->items[i], arch) && field(entries->items[i], "digest")) {
            *ret = field(entries->items[i], "digest");
            return 0;
        }
    if (entries->n == 1 && !value_get(entries->items[0], "platform") && field(entries->items[0], "digest")) {
        *ret = field(entries->items[0], "digest");
        return 0;
    }
    list_architectures(entries, &have);
    return error_set(err, ERR_NOT_FOUND, "image %s: there is none for %s, only for %s", name, arch,
                     have.len ? text_str(&have) : "nothing that it names");
}

int oci_choose_tag(const struct value *index, const char *tag, const char *arch, const char *name,
                   const char **ret, struct error **err)
{
    const struct value *entries = value_get(index, "manifests"), *found = NULL;
    _cleanup_(text_free) struct text tags = {.max = 4096};
    size_t n = 0, n_platform = 0;
    for (size_t i = 0; entries && i < entries->n; i++) {
        const struct value *e = entries->items[i];
        const char *t = field(value_get(e, "annotations"), REF_NAME);
        if (t) {
            text_add(&tags, tags.len ? ", " : "");
            text_add_safe(&tags, t, 100);
        }
        if (tag && !str_eq(t, tag))
            continue;
        n++;
        bool fits = of_platform(e, arch);
        n_platform += fits;
        if (!found || (fits && n_platform == 1)) /* the same tag for several architectures */
            found = e;
    }
    if (n == 0)
        return error_set(err, ERR_NOT_FOUND, "image %s: %s%s%s", name,
                         tag ? "no such tag" : "the layout is empty", tags.len ? "; there are: " : "",
                         text_str(&tags));
    if (n > 1 && n_platform != 1) {
        error_set(err, ERR_INVALID, "image %s: the layout holds several images", name);
        return error_hint(err, "name one of its tags: %s", tags.len ? text_str(&tags) : "it has none");
    }
    *ret = field(found, "digest");
    return *ret ? 0 : error_set(err, ERR_INVALID, "image %s: index.json has an entry without a digest", name);
}

static const char *const *strings(struct arena *a, const struct value *list)
{
    if (!list || list->kind != VALUE_LIST || list->n == 0)
        return NULL;
    const char **s = arena_alloc(a, (list->n + 1) * sizeof *s);
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i]->kind == VALUE_SCALAR)
            s[n++] = arena_strdup(a, list->items[i]->text);
    return s;
}

static void read_env(struct arena *a, const struct value *list, struct want_image *image)
{
    struct want_env *env = arena_alloc(a, ((list ? list->n : 0) + 1) * sizeof *env);
    image->env = env;
    image->n_env = 0;
    for (size_t i = 0; list && i < list->n; i++) {
        const char *s = value_text(list->items[i], ""), *eq = strchr(s, '=');
        if (!eq || eq == s || str_starts(s, "PATH="))
            continue; /* facts 1.2 and 1.4: without '=' it is dropped, PATH is the container's */
        env[image->n_env++] =
            (struct want_env){arena_strndup(a, s, (size_t)(eq - s)), arena_strdup(a, eq + 1)};
    }
}

static void read_labels(struct arena *a, const struct value *map, struct want_image *image)
{
    struct want_env *labels = arena_alloc(a, ((map ? map->n : 0) + 1) * sizeof *labels);
    image->labels = labels;
    image->n_labels = 0;
    if (map && map->kind == VALUE_MAP)
        for (size_t i = 0; i < map->n; i++)
            if (map->items[i]->kind == VALUE_SCALAR)
                labels[image->n_labels++] =
                    (struct want_env){arena_strdup(a, map->keys[i]), arena_strdup(a, map->items[i]->text)};
}

static int read_type(struct want_image *image, struct error **err)
{
    const char *type = image_label(image, "type"), *version = image_label(image, "version");
    image->version = NULL;
    if (!type || str_eq(type, "application")) {
        image->type = IMAGE_APPLICATION;
    } else if (str_eq(type, "patch")) {
        image->type = IMAGE_PATCH;
    } else if (str_eq(type, "rootfs")) {
        image->type = IMAGE_ROOTFS;
        image->version = want_env_get(image->labels, image->n_labels, "version");
        bool sealos = want_env_get(image->labels, image->n_labels, "sealos.io.version") ||
                      want_env_get(image->labels, image->n_labels, "apps.sealos.io/version");
        if (!sealos || (!str_eq(version, "v1beta1") && !str_eq(version, "v1beta2")))
            return error_set(
                err, ERR_INVALID,
                "image %s: label sealos.io.version must be v1beta1 or v1beta2 for a rootfs, it is %.40s",
                image->reference, sealos ? version : "not there");
    } else {
        error_set(err, ERR_INVALID, "image %s: unknown type %.40s", image->reference, type);
        return error_hint(err, "label sealos.io.type is rootfs, application or patch");
    }
    return 0;
}

int oci_describe(struct arena *a, const struct value *config, struct want_image *image, struct error **err)
{
    const struct value *c = value_get(config, "config");
    const struct value *env = value_get(c, "Env");
    read_env(a, env && env->kind == VALUE_LIST ? env : NULL, image);
    read_labels(a, value_get(c, "Labels"), image);
    image->entrypoint = strings(a, value_get(c, "Entrypoint"));
    image->cmd = strings(a, value_get(c, "Cmd"));
    return read_type(image, err);
}
