#include "actions/means/render.h"

#include "actions/means/files.h"
#include "actions/means/render_config.h"
#include "actions/means/template.h"
#include "model/render_key.h"

#include <string.h>

struct rendering {
    struct store *store;
    const struct want *want;
    struct arena *arena;
    struct render_tree tree;
    const struct want_image **images;
    struct listing **listings;
    size_t n_images;
    const struct want_env *env;
    size_t n_env;
    struct render_config *configs;
    size_t n_configs, cap_configs;
};

static bool is_template(const char *path)
{
    return str_ends(path, ".tmpl") || str_ends(path, ".tpl");
}

static int lay_images(struct rendering *r, struct error **err)
{
    for (size_t i = 0; i < r->n_images; i++) {
        if (store_listing(r->store, r->images[i]->digest, &r->listings[i], err) < 0)
            return error_wrap(err, "image %s", r->images[i]->reference);
        render_tree_lay(&r->tree, r->listings[i], (int)i);
        const struct world_file *f = listing_find(r->listings[i], "config.yml");
        if (!f || f->link || f->directory)
            continue;
        _cleanup_(text_free) struct text yaml = {0};
        const char *where = arena_printf(r->arena, "%s/config.yml", r->images[i]->reference);
        if (file_read(f->source, &yaml, err) < 0 ||
            render_config_read(r->arena, where, &yaml, (int)i, &r->configs, &r->n_configs, &r->cap_configs, err) < 0)
            return -1;
    }
    return 0;
}

/* The user's Configs stand after those of the images. */
static void add_configs(struct rendering *r)
{
    for (size_t c = 0; c < r->want->n_configs; c++) {
        const struct want_config *config = &r->want->configs[c];
        bool everywhere = !config->match || !*config->match;
        for (size_t i = 0; i < r->n_images; i++) {
            if (!render_config_applies(config, r->images[i]))
                continue;
            struct render_config *slot =
                arena_push(r->arena, &r->configs, &r->n_configs, &r->cap_configs, sizeof *slot);
            *slot = (struct render_config){.name = config->name, .path = config->path, .strategy = config->strategy ? config->strategy : "",
                                           .data = config->data ? config->data : "", .image = everywhere ? -1 : (int)i};
            if (everywhere)
                break;
        }
    }
}

static int apply_configs(struct rendering *r, bool onto_templates, struct error **err)
{
    for (size_t i = 0; i < r->n_configs; i++)
        if (is_template(r->configs[i].path) == onto_templates && render_config_apply(&r->tree, &r->configs[i], err) < 0)
            return -1;
    return 0;
}

/* The dot: every variable by its name, and all of them under Env (facts section 3.5). */
static struct value *template_data(struct rendering *r)
{
    struct value *data = value_map(r->arena), *env = value_map(r->arena);
    for (size_t i = 0; i < r->n_env; i++) {
        value_set(r->arena, data, r->env[i].key, value_string(r->arena, r->env[i].value));
        value_set(r->arena, env, r->env[i].key, value_string(r->arena, r->env[i].value));
    }
    value_set(r->arena, data, "Env", env);
    value_set(r->arena, data, "Values", value_map(r->arena));
    return data;
}

static const char *env_lookup(void *ctx, const char *name)
{
    const struct rendering *r = ctx;
    return want_env_get(r->env, r->n_env, name);
}

static int render_template(struct rendering *r, const char *path, const struct value *data, struct error **err)
{
    const struct tree_entry *e = render_tree_find(&r->tree, path);
    if (!e || e->file.link || e->file.directory)
        return 0;
    _cleanup_(text_free) struct text source = {0}, out = {0};
    const char *image = e->image >= 0 ? r->images[e->image]->name : "Config";
    struct template_input in = {.name = arena_printf(r->arena, "%s/%s", image, path), .data = data, .env = env_lookup, .env_ctx = r};
    if (render_tree_read(e, &source, err) < 0)
        return -1;
    in.text = text_str(&source);
    in.len = source.len;
    if (template_render(&in, &out, err) < 0)
        return error_wrap(err, "template %s", in.name);
    char *target = arena_strdup(r->arena, path);
    *strrchr(target, '.') = 0;
    return render_tree_write(&r->tree, target, &out, err);
}

static int render_templates(struct rendering *r, struct error **err)
{
    static const char *const rooms[] = {"etc/", "scripts/", "manifests/"};
    const struct value *data = template_data(r);
    const char **paths = arena_alloc(r->arena, (r->tree.n + 1) * sizeof *paths);
    size_t n = 0;
    for (size_t i = 0; i < r->tree.n; i++)
        for (size_t k = 0; k < ARRAY_LEN(rooms); k++)
            if (str_starts(r->tree.entries[i].file.path, rooms[k]) && is_template(r->tree.entries[i].file.path))
                paths[n++] = r->tree.entries[i].file.path;
    for (size_t i = 0; i < n; i++)
        if (render_template(r, paths[i], data, err) < 0)
            return -1;
    return 0;
}

static int make(struct rendering *r, const char *key, const char *dir, struct error **err)
{
    r->tree = (struct render_tree){.arena = r->arena, .files = arena_printf(r->arena, "%s/files", dir),
                                   .settled = arena_printf(r->arena, "%s/renders/%s/files", store_dir(r->store), key)};
    if (dir_make(r->tree.files, 0700, err) < 0 || lay_images(r, err) < 0)
        return -1;
    add_configs(r);
    if (apply_configs(r, true, err) < 0 || render_templates(r, err) < 0 || apply_configs(r, false, err) < 0)
        return -1;
    _cleanup_(listing_freep) struct listing *list = listing_new();
    render_tree_list(&r->tree, list);
    _cleanup_(mem_freep) char *file = mem_printf("%s/listing", dir);
    return listing_write(list, file, store_dir(r->store), err);
}

static int render(struct rendering *r, const char *key, struct error **err)
{
    _cleanup_(store_endp) struct store_work *work = NULL;
    const char *dir = NULL;
    if (store_begin(r->store, "renders", key, &work, &dir, err) < 0)
        return -1;
    if (!dir)
        return 0;
    int result = make(r, key, dir, err);
    for (size_t i = 0; i < r->n_images; i++)
        listing_free(r->listings[i]);
    return result < 0 ? -1 : store_commit(work, err);
}

static void choose_images(struct rendering *r, int application)
{
    r->images = arena_alloc(r->arena, r->want->n_images * sizeof *r->images);
    r->listings = arena_alloc(r->arena, r->want->n_images * sizeof *r->listings);
    for (size_t i = 0; i < r->want->n_images; i++)
        if (application < 0 ? r->want->images[i].type != IMAGE_APPLICATION : (int)i == application)
            r->images[r->n_images++] = &r->want->images[i];
}

int render_rootfs(struct store *s, const struct want *w, int index, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct rendering r = {.store = s, .want = w, .arena = a};
    int host = w->render_host[index];
    struct want_env *env;
    want_environment(w, a, host, &env, &r.n_env);
    r.env = env;
    choose_images(&r, -1);
    return render(&r, w->render_keys[host], err);
}

int render_application(struct store *s, const struct want *w, int image, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct rendering r = {.store = s, .want = w, .arena = a};
    struct want_env *env;
    char key[DIGEST_HEX];
    render_environment_application(w, a, image, &env, &r.n_env);
    r.env = env;
    choose_images(&r, image);
    render_key_application(w, image, key);
    return render(&r, key, err);
}

int render_load(const struct store *s, const char *key, struct listing **ret, struct error **err)
{
    _cleanup_(mem_freep) char *file = mem_printf("%s/renders/%s/listing", store_dir(s), key);
    return listing_read(file, store_dir(s), ret, err);
}
