#include "model/render_key.h"

#include <string.h>

bool render_config_applies(const struct want_config *c, const struct want_image *i)
{
    return !c->match || !*c->match || str_eq(c->match, i->reference);
}

static bool of_rootfs(const struct want_image *i)
{
    return i->type != IMAGE_APPLICATION;
}

static void add_configs(struct digest *d, const struct want *w, int image)
{
    for (size_t c = 0; c < w->n_configs; c++) {
        const struct want_config *config = &w->configs[c];
        bool applies = false;
        for (size_t i = 0; i < w->n_images; i++)
            if (image < 0 ? of_rootfs(&w->images[i]) : (int)i == image)
                applies = applies || render_config_applies(config, &w->images[i]);
        if (!applies)
            continue;
        /* to which images, rather than match and references: these may be written differently and mean the
         * same */
        for (size_t i = 0; i < w->n_images; i++)
            if (image < 0 ? of_rootfs(&w->images[i]) : (int)i == image)
                digest_field(d, render_config_applies(config, &w->images[i]) ? "applies" : "not");
        digest_field(d, config->match && *config->match ? "one" : "all");
        digest_field(d, config->path);
        digest_field(d, config->strategy);
        digest_field(d, config->data);
    }
}

static void add_env(struct digest *d, const struct want_env *env, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        digest_field(d, env[i].key);
        digest_field(d, env[i].value);
    }
}

void render_key(const struct want *w, const struct want_env *env, size_t n_env, char out[DIGEST_HEX])
{
    struct digest *d = digest_new();
    digest_field(d, "rootfs " RENDER_VERSION);
    for (size_t i = 0; i < w->n_images; i++)
        if (of_rootfs(&w->images[i]))
            digest_field(d, w->images[i].digest);
    add_configs(d, w, -1);
    digest_field(d, "env");
    add_env(d, env, n_env);
    digest_end(d, out);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct want_env *)a)->key, ((const struct want_env *)b)->key);
}

static void set_env(struct want_env *env, size_t *n, const struct want_env *e)
{
    for (size_t i = 0; i < *n; i++)
        if (str_eq(env[i].key, e->key)) {
            env[i] = *e;
            return;
        }
    env[(*n)++] = *e;
}

void render_environment_application(const struct want *w, struct arena *a, int image, struct want_env **ret,
                                    size_t *ret_n)
{
    const struct want_image *i = &w->images[image];
    struct want_env *env = arena_alloc(a, (i->n_env + w->n_env + 1) * sizeof *env);
    size_t n = 0;
    for (size_t k = 0; k < i->n_env; k++)
        set_env(env, &n, &i->env[k]);
    for (size_t k = 0; k < w->n_env; k++)
        if (!str_starts(w->env[k].key, "SEALOS_SYS"))
            set_env(env, &n, &w->env[k]);
    qsort(env, n, sizeof *env, by_key);
    *ret = env;
    *ret_n = n;
}

void render_key_application(const struct want *w, int image, char out[DIGEST_HEX])
{
    struct digest *d = digest_new();
    struct arena *a = arena_new();
    struct want_env *env;
    size_t n;
    digest_field(d, "application " RENDER_VERSION);
    digest_field(d, w->images[image].digest);
    add_configs(d, w, image);
    render_environment_application(w, a, image, &env, &n);
    digest_field(d, "env");
    add_env(d, env, n);
    digest_end(d, out);
    arena_free(a);
}
