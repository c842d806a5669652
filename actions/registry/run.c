#include "actions/families.h"
#include "actions/means/htpasswd.h"
#include "actions/means/script.h"
#include "actions/means/store.h"

#include <string.h>

/* Copy mode: the image's registry/ is laid into the storage directory, which a running registry sees at once; what other
 * images brought stays. */
static int push_run(struct run_context *c, struct error **err)
{
    const struct want_image *im = &c->want->images[c->subject.image];
    _cleanup_(listing_freep) struct listing *files = NULL;
    if (store_registry(c->store, im->digest, &files, err) < 0)
        return -1;
    const char *colon = strchr(im->digest, ':');
    const char *hex = colon ? colon + 1 : im->digest;
    _cleanup_(mem_freep) char *dest = mem_printf("/var/lib/sealos/data/%s/rootfs/registry", c->want->cluster);
    _cleanup_(mem_freep) char *name = mem_printf("registry.%s", hex);
    struct world_tree tree = {.dest = dest, .files = files->files, .n = files->n, .key = hex, .name = name};
    struct world_tree_stats stats = {0};
    if (world_tree(c->world, c->node, &tree, &stats, err) < 0)
        return -1;
    _cleanup_(text_free) struct text t = {0};
    script_begin(&t, c->want);
    script_set(&t, "NAME", name);
    script_set(&t, "KEY", hex);
    script_common(&t);
    text_add(&t, "mkdir -p \"$ROOTFS/registry\"\nstamp \"$NAME\" \"$KEY\"\n");
    return script_run(c, c->node, &t, "note the image's registry content", NULL, err);
}

static int init_run(struct run_context *c, struct error **err)
{
    const struct want *w = c->want;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(text_wipe) struct text t = {0}, htpasswd = {0};
    if (*w->registry_username && *w->registry_password) { /* else the registry is open, as in Sealos */
        if (htpasswd_line(w->registry_username, w->registry_password, &htpasswd, err) < 0)
            return -1;
        _cleanup_(mem_freep) char *path = mem_printf("/var/lib/sealos/data/%s/rootfs/etc/registry_htpasswd", w->cluster);
        if (world_put(c->world, c->node, path, 0600, text_str(&htpasswd), htpasswd.len, err) < 0)
            return -1;
    }
    struct want_env *env;
    size_t n;
    want_environment(w, a, c->node, &env, &n);
    script_begin(&t, w);
    script_environment(&t, env, n);
    script_set(&t, "DATA", w->registry_data);
    script_set(&t, "INIT_REGISTRY", want_script(w, "init-registry"));
    script_set(&t, "KEY", input_text(c, "key"));
    script_common(&t);
    script_part(&t, onnode_registry_init);
    return script_job(c, c->node, &t, NULL, "registry", "set up the registry", err);
}

const struct kind_run run_registry_push = {"registry.push", push_run};
const struct kind_run run_registry_init = {"registry.init", init_run};
