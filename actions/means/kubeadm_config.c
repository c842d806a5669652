#include "actions/means/kubeadm_config.h"

#include "actions/means/script.h"
#include "model/kubeadm.h"
#include "schema/tree.h"

#include <string.h>

/* What the node says about itself, read from a copy that stays. */
struct node_facts {
    const char *socket, *cgroup;
    struct kubeadm_layer image;
};

static int read_image_layer(struct run_context *c, struct arena *a, const char *yaml, struct node_facts *f, struct error **err)
{
    struct documents docs = {0};
    struct error_list errors = {0};
    int r = tree_parse(a, "etc/kubeadm.yml", yaml, strlen(yaml), &docs, &errors);
    if (r < 0) {
        error_set(err, ERR_SYNTAX, "etc/kubeadm.yml of the image on %s: %s", c->want->hosts[c->node].address,
                  errors.n ? errors.errors[0]->message : "not YAML");
        error_list_free(&errors);
        return -1;
    }
    error_list_free(&errors);
    const struct value **roots = arena_alloc(a, (docs.n + 1) * sizeof *roots);
    for (size_t i = 0; i < docs.n; i++)
        roots[i] = docs.docs[i].root;
    f->image.name = "the image's etc/kubeadm.yml";
    kubeadm_layer_fill(&f->image, roots, docs.n);
    return 0;
}

static int ask_node(struct run_context *c, struct arena *a, struct node_facts *f, struct error **err)
{
    _cleanup_(text_free) struct text t = {0};
    _cleanup_(world_output_free) struct world_output out = {0};
    script_begin(&t, c->want);
    script_common(&t);
    script_part(&t, onnode_kubeadm_facts);
    if (script_run(c, c->node, &t, "look at the container runtime", &out, err) < 0)
        return -1;
    char *p = arena_strdup(a, text_str(&out.out));
    while (*p) {
        char *end = p + strcspn(p, "\n");
        bool last = *end == 0;
        *end = 0;
        if (str_starts(p, "socket "))
            f->socket = p + strlen("socket ");
        else if (str_starts(p, "cgroup "))
            f->cgroup = p + strlen("cgroup ");
        else if (str_eq(p, "file"))
            return read_image_layer(c, a, last ? "" : end + 1, f, err);
        if (last)
            break;
        p = end + 1;
    }
    return error_set(err, ERR_PROTOCOL, "%s did not say what kubeadm's configuration depends on",
                     c->want->hosts[c->node].address);
}

static const char *const *list_of(struct arena *a, const struct value *list)
{
    const char **texts = arena_alloc(a, ((list ? list->n : 0) + 1) * sizeof *texts);
    for (size_t i = 0; list && i < list->n; i++)
        texts[i] = value_text(list->items[i], "");
    return texts;
}

static int put_documents(struct run_context *c, struct arena *a, const struct kubeadm_input *in, const char *name,
                         char **ret_path, struct error **err)
{
    struct kubeadm_documents docs = {0};
    if (kubeadm_documents(a, in, &docs, err) < 0)
        return -1;
    for (size_t i = 0; i < docs.n_warnings && c->progress; i++)
        c->progress(c->progress_ctx, docs.warnings[i]);
    _cleanup_(text_wipe) struct text yaml = {0};
    if (tree_write(docs.docs, docs.n, &yaml, err) < 0)
        return -1;
    _cleanup_(mem_freep) char *path = mem_printf("/var/lib/sealos/data/%s/etc/%s", c->want->cluster, name);
    if (world_put(c->world, c->node, path, 0600, text_str(&yaml), yaml.len, err) < 0)
        return -1;
    *ret_path = TAKE(path);
    return 0;
}

static int prepare(struct run_context *c, struct arena *a, struct kubeadm_input *in, struct error **err)
{
    const struct want *w = c->want;
    struct node_facts f = {0};
    if (ask_node(c, a, &f, err) < 0)
        return -1;
    struct want_env *env;
    size_t n;
    want_environment(w, a, c->node, &env, &n);
    *in = (struct kubeadm_input){
        .kubernetes_version = w->kubernetes_version,
        .image = f.image,
        .file = kubeadm_layer_of(w),
        .domain = API_SERVER_DOMAIN,
        .vip = w->vip,
        .bind_port = w->bind_port,
        .masters = list_of(a, value_get(c->inputs, "masters")),
        .single = input_true(c, "single"),
        .address = w->hosts[c->node].address,
        .cri_socket = f.socket,
        .cgroup_driver = f.cgroup,
        .image_endpoint = want_env_get(env, n, "SEALOS_SYS_IMAGE_ENDPOINT"),
    };
    return 0;
}

/* Now the image's own ranges are known, too: the last moment at which they can be other ones. */
static int check_networks(struct run_context *c, struct arena *a, const struct kubeadm_input *in, struct error **err)
{
    const struct want *w = c->want;
    struct kubeadm_networks net;
    const char **nodes = arena_alloc(a, (w->n_hosts + 1) * sizeof *nodes);
    size_t n = 0;
    for (size_t i = 0; i < w->n_hosts; i++)
        if (w->hosts[i].listed)
            nodes[n++] = w->hosts[i].address;
    if (kubeadm_networks(a, in, &net, err) < 0)
        return -1;
    return kubeadm_refuse_networks(kubeadm_check_networks(a, &net, in->vip, in->masters, nodes), err);
}

int kubeadm_config_put(struct run_context *c, enum kubeadm_file which, const char *token, const char *ca_hash,
                       char **ret_path, struct error **err)
{
    static const char *const names[] = {"kubeadm-init.yaml", "kubeadm-join-master.yaml", "kubeadm-join-node.yaml"};
    _cleanup_(arena_wipep) struct arena *a = arena_new(); /* the token stands in it */
    struct kubeadm_input in;
    if (prepare(c, a, &in, err) < 0 || (which == KUBEADM_FILE_INIT && check_networks(c, a, &in, err) < 0))
        return -1;
    in.which = which == KUBEADM_FILE_INIT          ? KUBEADM_INIT
               : which == KUBEADM_FILE_JOIN_MASTER ? KUBEADM_JOIN_MASTER
                                                   : KUBEADM_JOIN_WORKER;
    in.discovery = which == KUBEADM_FILE_INIT ? NULL : input_text(c, "endpoint");
    in.token = token;
    in.ca_hash = ca_hash;
    return put_documents(c, a, &in, names[which], ret_path, err);
}

int kubeadm_config_put_images(struct run_context *c, char **ret_path, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct kubeadm_input in;
    if (prepare(c, a, &in, err) < 0)
        return -1;
    in.which = KUBEADM_INIT;
    return put_documents(c, a, &in, "kubeadm-images.yaml", ret_path, err);
}
