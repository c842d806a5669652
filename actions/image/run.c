#include "actions/families.h"
#include "actions/means/render.h"

static int pull_run(struct run_context *c, struct error **err)
{
    return store_pull(c->store, &c->want->images[c->subject.image], c->progress, c->progress_ctx, err);
}

static int render_run(struct run_context *c, struct error **err)
{
    return render_rootfs(c->store, c->want, c->subject.render, err);
}

const struct kind_run run_image_pull = {"image.pull", pull_run};
const struct kind_run run_image_render = {"image.render", render_run};
