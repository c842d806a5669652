#include "actions/means/oci.h"

#include "actions/means/files.h"
#include "actions/means/oci_json.h"
#include "actions/means/oci_place.h"
#include "actions/means/oci_registry.h"
#include "model/digest.h"
#include "schema/tree.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { NESTED = 3 };

static int check_digest(const char *digest, const struct text *t, const char *name, struct error **err)
{
    char sum[DIGEST_HEX];
    digest_hex(text_str(t), t->len, sum);
    if (!str_starts(digest, "sha256:") || strcmp(digest + 7, sum) != 0)
        return error_set(err, ERR_DIGEST, "image %s: %.19s… has the digest sha256:%.12s…", name, digest, sum);
    return 0;
}

static int parse(struct arena *a, const char *name, const struct text *t, struct value **ret,
                 struct error **err)
{
    return tree_parse_one(a, name, text_str(t), t->len, ret, err) ? error_wrap(err, "image %s", name) : 0;
}

/* --- blobs by digest, from the cache or the place */

static const char *cache_file(const struct oci_lookup *l, const char *digest)
{
    struct oci_place flat = {.prefix = ""};
    const char *hex = oci_blob_name(l->arena, &flat, digest);
    return l->o->cache && hex ? arena_printf(l->arena, "%s/%s.json", l->o->cache, hex) : NULL;
}

static bool cached(const struct oci_lookup *l, const char *digest, struct text *out)
{
    const char *file = cache_file(l, digest);
    _cleanup_(error_freep) struct error *none = NULL;
    if (file && file_read(file, out, NULL) == 0 && check_digest(digest, out, l->name, &none) == 0)
        return true;
    text_clear(out);
    return false;
}

/* A manifest (config false) or a config, verified. owner: the manifest that names the config. */
static int blob(const struct oci_lookup *l, const char *digest, const char *owner, struct text *out,
                struct error **err)
{
    if (cached(l, digest, out))
        return 0;
    if (l->ref.transport == OCI_REGISTRY) {
        if (oci_registry_inspect(l, owner ? owner : digest, owner != NULL, out, err))
            return -1;
    } else {
        const char *name = oci_blob_name(l->arena, &l->place, digest);
        if (!name)
            return error_set(err, ERR_INVALID, "image %s: unusable digest %.80s", l->name, digest);
        if (oci_place_read(&l->place, name, out, err))
            return error_wrap(err, "image %s", l->name);
    }
    if (check_digest(digest, out, l->name, err))
        return -1;
    const char *file = cache_file(l, digest);
    if (file) /* a cache: what cannot be written is fetched again */
        file_replace(file, 0644, text_str(out), out->len, NULL);
    return 0;
}

/* The manifest behind a digest; an index leads to the one for our architecture. */
static int manifest_of(const struct oci_lookup *l, const char **digest, struct text *raw, struct value **ret,
                       struct error **err)
{
    for (int i = 0; i < NESTED; i++) {
        text_clear(raw);
        if (blob(l, *digest, NULL, raw, err) || parse(l->arena, l->name, raw, ret, err))
            return -1;
        if (!oci_is_index(*ret)) {
            const char *config = value_text(value_get(value_get(*ret, "config"), "digest"), NULL);
            return config ? 0
                          : error_set(err, ERR_INVALID, "image %s: a manifest of an old or unknown kind",
                                      l->name);
        }
        if (oci_choose(*ret, oci_arch(l->o->arch), l->name, digest, err))
            return -1;
    }
    return error_set(err, ERR_INVALID, "image %s: indexes within indexes", l->name);
}

/* --- docker-archive: manifest.json lists configs and layers by file name */

/* docker.io/library/x:latest and x:latest are the same. */
static const char *familiar(const char *s)
{
    s += str_starts(s, "docker.io/") ? 10 : 0;
    return s + (str_starts(s, "library/") ? 8 : 0);
}

static bool tagged(const struct value *entry, const char *tag)
{
    const struct value *tags = value_get(entry, "RepoTags");
    for (size_t i = 0; tags && i < tags->n; i++)
        if (str_eq(familiar(value_text(tags->items[i], "")), familiar(tag)))
            return true;
    return false;
}

static int docker_entry(const struct oci_lookup *l, const struct value **ret, struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    struct value *list;
    if (oci_place_read(&l->place, "manifest.json", &t, err))
        return error_wrap(err, "image %s", l->name);
    if (parse(l->arena, l->name, &t, &list, err))
        return -1;
    *ret = NULL;
    if (list->kind == VALUE_LIST)
        for (size_t i = 0; i < list->n && !*ret; i++)
            if (l->ref.name ? tagged(list->items[i], l->ref.name) : list->n == 1)
                *ret = list->items[i];
    if (!*ret)
        return error_set(err, ERR_NOT_FOUND, "image %s: the archive %s", l->name,
                         l->ref.name ? "holds no image of this name" : "holds several images, name one");
    if (!value_text(value_get(*ret, "Config"), NULL))
        return error_set(err, ERR_INVALID, "image %s: manifest.json names no config", l->name);
    return 0;
}

static int docker_config(const struct oci_lookup *l, const struct value *entry, struct text *out,
                         const char **digest, struct error **err)
{
    char sum[DIGEST_HEX];
    if (oci_place_read(&l->place, value_text(value_get(entry, "Config"), ""), out, err))
        return error_wrap(err, "image %s", l->name);
    digest_hex(text_str(out), out->len, sum);
    *digest = arena_printf(l->arena, "sha256:%s", sum);
    return 0;
}

/* --- the two questions: what does a reference mean, and what are its layers */

static int begin(struct oci_lookup *l, struct arena *a, const struct oci_options *o, const char *reference,
                 struct error **err)
{
    *l = (struct oci_lookup){.arena = a, .o = o, .name = reference};
    if (oci_reference_parse(a, reference, o->base, &l->ref, err))
        return -1;
    l->place.path = l->ref.path;
    l->place.archive = l->ref.transport == OCI_ARCHIVE || l->ref.transport == DOCKER_ARCHIVE;
    l->place.prefix = "blobs/sha256/";
    if (l->ref.path && access(l->ref.path, R_OK))
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "image %s: %s: %s", reference,
                         l->ref.path, strerror(errno));
    return 0;
}

/* The digest that the reference stands for now; of an index or of a manifest. */
static int current(const struct oci_lookup *l, const char **ret, struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    struct value *index;
    char sum[DIGEST_HEX];
    if (l->ref.transport == OCI_REGISTRY) {
        const char *at = strchr(l->ref.name, '@');
        if (at) {
            *ret = at + 1;
            return 0;
        }
        if (oci_registry_inspect(l, NULL, false, &t, err))
            return -1;
        digest_hex(text_str(&t), t.len, sum);
        *ret = arena_printf(l->arena, "sha256:%s", sum);
        const char *file = cache_file(l, *ret);
        if (file)
            file_replace(file, 0644, text_str(&t), t.len, NULL);
        return 0;
    }
    if (oci_place_read(&l->place, "index.json", &t, err)) {
        error_wrap(err, "image %s", l->name);
        return error_hint(err, "an OCI layout is a directory with index.json, oci-layout and blobs/");
    }
    if (parse(l->arena, l->name, &t, &index, err))
        return -1;
    return oci_choose_tag(index, l->ref.name, oci_arch(l->o->arch), l->name, ret, err);
}

static int describe(const struct oci_lookup *l, const char *digest, struct want_image *image,
                    struct error **err)
{
    _cleanup_(text_free) struct text raw = {0}, config = {0};
    struct value *manifest, *c;
    if (manifest_of(l, &digest, &raw, &manifest, err))
        return -1;
    const char *config_digest = value_text(value_get(value_get(manifest, "config"), "digest"), "");
    if (blob(l, config_digest, digest, &config, err) || parse(l->arena, l->name, &config, &c, err))
        return -1;
    image->digest = arena_strdup(l->arena, digest);
    return oci_describe(l->arena, c, image, err);
}

static int resolve_docker_archive(const struct oci_lookup *l, const char *pin, struct want_image *image,
                                  const char **moved, struct error **err)
{
    _cleanup_(text_free) struct text config = {0};
    const struct value *entry;
    const char *digest;
    struct value *c;
    if (docker_entry(l, &entry, err) || docker_config(l, entry, &config, &digest, err))
        return -1;
    if (pin && !str_eq(pin, digest)) {
        *moved = digest;
        if (!cached(l, pin, &config))
            return error_set(err, ERR_NOT_FOUND, "image %s: the archive now holds another image", l->name);
        digest = pin;
    }
    if (parse(l->arena, l->name, &config, &c, err))
        return -1;
    image->digest = arena_strdup(l->arena, digest);
    const char *file = cache_file(l, digest);
    if (file)
        file_replace(file, 0644, text_str(&config), config.len, NULL);
    return oci_describe(l->arena, c, image, err);
}

/* Does `now`, perhaps an index, lead to the pinned manifest? */
static int compare_pin(const struct oci_lookup *l, const char *pin, const char *now, const char **moved,
                       struct error **err)
{
    _cleanup_(text_free) struct text raw = {0};
    struct value *manifest;
    if (str_eq(pin, now))
        return 0;
    if (manifest_of(l, &now, &raw, &manifest, err))
        return -1;
    *moved = str_eq(pin, now) ? NULL : arena_strdup(l->arena, now);
    return 0;
}

int oci_resolve(struct arena *a, const struct oci_options *o, const char *pin, struct want_image *image,
                const char **moved, struct error **err)
{
    struct oci_lookup l;
    const char *now, *elsewhere = NULL;
    if (moved)
        *moved = NULL;
    if (begin(&l, a, o, image->reference, err))
        return -1;
    if (l.ref.transport == DOCKER_ARCHIVE) {
        if (resolve_docker_archive(&l, pin, image, &elsewhere, err))
            return -1;
    } else {
        if (current(&l, &now, err) || (pin && compare_pin(&l, pin, now, &elsewhere, err)))
            return -1;
        if (describe(&l, pin ? pin : now, image, err))
            return -1;
    }
    if (moved)
        *moved = elsewhere;
    image->has_registry = true; /* until it is pulled, nobody knows */
    image->resolved = true;
    return 0;
}

int oci_describe_file(struct arena *a, const char *dir, const char *digest, struct want_image *image,
                      struct error **err)
{
    _cleanup_(mem_freep) char *file = mem_printf("%s/config.json", dir);
    _cleanup_(text_free) struct text t = {0};
    struct value *config;
    if (file_read(file, &t, err) || parse(a, image->reference, &t, &config, err))
        return -1;
    image->digest = arena_strdup(a, digest);
    image->has_registry = true;
    image->resolved = true;
    return oci_describe(a, config, image, err);
}

void oci_layers_free(struct oci_layers *l)
{
    if (!l)
        return;
    arena_free(l->arena);
    free(l);
}

void oci_layers_freep(struct oci_layers **l)
{
    oci_layers_free(*l);
}

static int layers_of_manifest(struct oci_lookup *l, const char *digest, struct oci_layers *out,
                              struct error **err)
{
    _cleanup_(text_free) struct text raw = {0}, config = {0};
    struct value *manifest;
    const char *found = digest;
    if (manifest_of(l, &found, &raw, &manifest, err))
        return -1;
    const struct value *layers = value_get(manifest, "layers");
    if (!str_eq(found, digest) || !layers || layers->kind != VALUE_LIST)
        return error_set(err, ERR_INVALID, "image %s: %.19s… is no manifest of an image", l->name, digest);
    const char *config_digest = value_text(value_get(value_get(manifest, "config"), "digest"), "");
    if (blob(l, config_digest, digest, &config, err))
        return -1;
    out->manifest = arena_strdup(l->arena, text_str(&raw));
    out->config = arena_strdup(l->arena, text_str(&config));
    out->digests = arena_alloc(l->arena, (layers->n + 1) * sizeof *out->digests);
    for (size_t i = 0; i < layers->n; i++) {
        out->digests[i] = value_text(value_get(layers->items[i], "digest"), "");
        if (!oci_blob_name(l->arena, &l->place, out->digests[i]))
            return error_set(err, ERR_INVALID, "image %s: a layer has the digest %.80s", l->name,
                             out->digests[i]);
    }
    out->n = layers->n;
    return 0;
}

/* The place then names layers by their diff IDs: what `docker save` writes is uncompressed. */
static int layers_of_docker_archive(struct oci_lookup *l, const char *digest, struct oci_layers *out,
                                    struct error **err)
{
    _cleanup_(text_free) struct text config = {0};
    const struct value *entry;
    const char *found;
    struct value *c;
    if (docker_entry(l, &entry, err) || docker_config(l, entry, &config, &found, err) ||
        parse(l->arena, l->name, &config, &c, err))
        return -1;
    if (!str_eq(found, digest))
        return error_set(err, ERR_NOT_FOUND, "image %s: the archive now holds another image", l->name);
    const struct value *ids = value_get(value_get(c, "rootfs"), "diff_ids"),
                       *files = value_get(entry, "Layers");
    if (!ids || !files || ids->kind != VALUE_LIST || files->kind != VALUE_LIST || ids->n != files->n)
        return error_set(err, ERR_INVALID, "image %s: manifest.json and the config disagree about layers",
                         l->name);
    out->manifest = "";
    out->config = arena_strdup(l->arena, text_str(&config));
    out->files = arena_alloc(l->arena, (ids->n + 1) * sizeof *out->files);
    out->digests = arena_alloc(l->arena, (ids->n + 1) * sizeof *out->digests);
    for (size_t i = 0; i < ids->n; i++) {
        out->digests[i] = value_text(ids->items[i], "");
        out->files[i] = value_text(files->items[i], "");
    }
    out->n = ids->n;
    return 0;
}

int oci_open(const struct oci_options *o, const char *reference, const char *digest, const char *scratch,
             struct oci_layers **ret, struct error **err)
{
    _cleanup_(oci_layers_freep) struct oci_layers *out = mem_alloc(sizeof *out);
    struct oci_lookup l;
    out->arena = arena_new();
    if (begin(&l, out->arena, o, reference, err))
        return -1;
    if (l.ref.transport == OCI_REGISTRY && oci_registry_fetch(&l, digest, scratch, err))
        return -1;
    if (l.ref.transport == DOCKER_ARCHIVE ? layers_of_docker_archive(&l, digest, out, err)
                                          : layers_of_manifest(&l, digest, out, err))
        return -1;
    out->place = arena_alloc(out->arena, sizeof *out->place);
    *out->place = l.place;
    out->place->path = arena_strdup(out->arena, l.place.path);
    *ret = TAKE(out);
    return 0;
}

int oci_unpack(const struct oci_layers *l, struct unpack *u, void (*progress)(void *ctx, const char *line),
               void *ctx, struct error **err)
{
    for (size_t i = 0; i < l->n; i++) {
        _cleanup_(oci_stream_freep) struct oci_stream *s = NULL;
        _cleanup_(mem_freep) char *name = mem_printf("layer %zu of %zu", i + 1, l->n);
        const char *file = l->files ? l->files[i] : oci_blob_name(l->arena, l->place, l->digests[i]);
        if (progress)
            progress(ctx, name);
        if (oci_stream_open(l->place, file, &s, err))
            return error_wrap(err, "%s", name);
        struct byte_source from = {oci_stream_read, s};
        if (unpack_layer(u, name, l->digests[i], &from, err))
            return -1;
    }
    return 0;
}
