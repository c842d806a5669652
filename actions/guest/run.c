#include "actions/families.h"
#include "actions/means/expand.h"
#include "actions/means/render.h"
#include "actions/means/script.h"
#include "model/render_key.h"

/* An application's files, on the master that runs it. */
static int push_workdir(struct run_context *c, const char *workdir, struct error **err)
{
    const struct want_image *im = &c->want->images[c->subject.image];
    char key[DIGEST_HEX];
    _cleanup_(listing_freep) struct listing *files = NULL;
    render_key_application(c->want, c->subject.image, key);
    if (render_application(c->store, c->want, c->subject.image, err) < 0 || render_load(c->store, key, &files, err) < 0)
        return -1;
    _cleanup_(mem_freep) char *name = mem_printf("app.%s", im->name);
    struct world_tree tree = {.dest = workdir, .files = files->files, .n = files->n, .key = key, .name = name, .prune = true};
    struct world_tree_stats stats = {0};
    return world_tree(c->world, c->node, &tree, &stats, err);
}

static int record(struct run_context *c, struct error **err)
{
    int live = (int)input_int(c, "live", -1);
    if (live < 0)
        return error_set(err, ERR_REFUSED, "the API server answers on no master, so success cannot be recorded");
    _cleanup_(text_free) struct text t = {0};
    script_begin(&t, c->want);
    script_set(&t, "RECORD", input_text(c, "record"));
    script_common(&t);
    script_part(&t, onnode_guest_record);
    return script_run(c, live, &t, "record the success", NULL, err);
}

static int guest_run(struct run_context *c, struct error **err)
{
    const struct want *w = c->want;
    const struct want_image *im = &w->images[c->subject.image];
    bool application = im->type == IMAGE_APPLICATION;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    if (c->node < 0)
        return error_set(err, ERR_REFUSED, "the API server answers on no master, so there is nowhere to run them");
    _cleanup_(mem_freep) char *workdir =
        application ? mem_printf("/var/lib/sealos/data/%s/applications/%s/workdir", w->cluster, im->name)
                    : mem_printf("/var/lib/sealos/data/%s/rootfs", w->cluster);
    struct want_env *env;
    size_t n;
    if (application) {
        if (push_workdir(c, workdir, err) < 0)
            return -1;
        render_environment_application(w, a, c->subject.image, &env, &n);
    } else {
        want_environment(w, a, c->node, &env, &n);
    }
    _cleanup_(text_wipe) struct text t = {0};
    script_begin(&t, w);
    script_common(&t);
    expand_program(&t, workdir, env, n, im->entrypoint, im->cmd, c->subject.image == 0 ? w->command : NULL);
    if (script_job(c, c->node, &t, NULL, NULL, "run the image's commands", err) < 0)
        return -1;
    return record(c, err);
}

const struct kind_run run_guest_run = {"guest.run", guest_run};
