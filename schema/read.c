#include "schema/read.h"

#include "schema/check.h"
#include "schema/format.h"
#include "schema/read_int.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* Only checked documents come here: shapes are what the schema says, or absent. */

const char *const *read_strings(struct arena *a, const struct value *list)
{
    if (!list || list->kind != VALUE_LIST || list->n == 0)
        return NULL;
    const char **s = arena_alloc(a, (list->n + 1) * sizeof *s);
    for (size_t i = 0; i < list->n; i++)
        s[i] = value_text(list->items[i], "");
    return s;
}

static const char *full(const struct value *map, const char *key, const char *otherwise)
{
    const struct value *v = value_get(map, key);
    return value_is_null(v) || v->kind != VALUE_SCALAR || !*v->text ? otherwise : v->text;
}

static struct want_secret read_secret(const struct value *ssh, const char *key, struct want_secret under)
{
    const char *text = full(ssh, key, NULL);
    return text ? (struct want_secret){.ref = text, .literal = !secret_is_reference(text)} : under;
}

struct want_ssh read_ssh(const struct value *ssh, struct want_ssh under)
{
    struct want_ssh s = under;
    const char *port = full(ssh, "port", NULL);
    s.user = full(ssh, "user", under.user);
    s.port = port ? (uint16_t)strtoul(port, NULL, 0) : under.port;
    s.passwd = read_secret(ssh, "passwd", under.passwd);
    s.pk = full(ssh, "pk", under.pk);
    s.pk_data = read_secret(ssh, "pkData", under.pk_data);
    s.pk_passwd = read_secret(ssh, "pkPasswd", under.pk_passwd);
    return s;
}

unsigned read_role(const char *name)
{
    return str_eq(name, "master")     ? ROLE_MASTER
           : str_eq(name, "node")     ? ROLE_NODE
           : str_eq(name, "registry") ? ROLE_REGISTRY
                                      : 0;
}

static const struct want_env *read_env(struct arena *a, const struct value *list, size_t *ret_n)
{
    struct want_env *env = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; list && list->kind == VALUE_LIST && i < list->n; i++) {
        const char *text = value_text(list->items[i], ""), *eq = strchr(text, '=');
        if (!eq)
            continue;
        struct want_env *e = arena_push(a, &env, &n, &cap, sizeof *e);
        *e = (struct want_env){arena_strndup(a, text, (size_t)(eq - text)), eq + 1};
    }
    *ret_n = n;
    return env;
}

/* ---- hosts */

static void read_host(struct reading *r, const struct value *entry, struct want_ssh under)
{
    struct want_host h = {.ssh = read_ssh(value_get(entry, "ssh"), under), .listed = true};
    const struct value *roles = value_get(entry, "roles"), *ips = value_get(entry, "ips");
    for (size_t i = 0; roles && i < roles->n; i++) {
        const char *role = value_text(roles->items[i], "");
        h.roles |= read_role(role);
        if (!read_role(role))
            h.arch = role;
    }
    h.env = read_env(r->arena, value_get(entry, "env"), &h.n_env);
    for (size_t i = 0; ips && i < ips->n; i++) {
        struct address a;
        if (address_parse(value_text(ips->items[i], ""), &a))
            continue;
        struct want_host *host =
            arena_push(r->arena, &r->want->hosts, &r->want->n_hosts, &r->cap_hosts, sizeof *host);
        *host = h;
        host->address = arena_strdup(r->arena, a.text);
        if (a.port)
            host->ssh.port = a.port;
        host->line = ips->items[i]->line;
    }
}

/* An array that grew by doubling would leave its old copies in the arena. */
static void reserve_hosts(struct reading *r, const struct value *hosts)
{
    for (size_t i = 0; hosts && i < hosts->n; i++) {
        const struct value *ips = value_get(hosts->items[i], "ips");
        r->cap_hosts += ips ? ips->n : 0;
    }
    r->want->hosts = arena_alloc(r->arena, r->cap_hosts * sizeof *r->want->hosts);
}

/* ---- images */

/* FNV-1a: tells names apart, proves nothing; libcrypto's first digest takes longer than reading a usual file.
 */
static uint64_t fold(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

/* "docker.io/labring/helm:v3.8.2" → "helm-v3.8.2-5f2c01ab9d33": readable, unique by what the whole reference
 * folds to, and safe as a file name on nodes. */
static const char *image_name(struct arena *a, const char *reference)
{
    enum { READABLE = 40 };
    char name[READABLE + 1];
    const char *slash = strrchr(reference, '/');
    const char *from = slash && slash[1] ? slash + 1 : reference;
    size_t n = 0;
    for (; *from && *from != '@' && n < READABLE; from++) {
        char c = (char)tolower((unsigned char)*from);
        bool fine = isalnum((unsigned char)c) || c == '.' || c == '-';
        if (n || isalnum((unsigned char)c))
            name[n++] = fine ? c : '-';
    }
    name[n] = 0;
    return arena_printf(a, "%s-%012" PRIx64, n ? name : "image", fold(reference) >> 16);
}

static void read_images(struct reading *r, const struct value *list)
{
    r->want->n_images = list ? list->n : 0;
    r->want->images = arena_alloc(r->arena, r->want->n_images * sizeof *r->want->images);
    for (size_t i = 0; i < r->want->n_images; i++) {
        const char *reference = value_text(list->items[i], "");
        r->want->images[i] = (struct want_image){
            .reference = reference, .name = image_name(r->arena, reference), .has_registry = true};
    }
}

/* ---- the rest */

static void read_configs(struct reading *r, const struct clusterfile *file)
{
    struct want_config *configs = arena_alloc(r->arena, file->n_configs * sizeof *configs);
    for (size_t i = 0; i < file->n_configs; i++) {
        const struct value *spec = value_get(file->configs[i], "spec");
        const char *path = value_text(value_get(spec, "path"), "");
        while (*path == '/') /* relative to the image's root */
            path++;
        configs[i] = (struct want_config){
            .name = value_text(value_get(value_get(file->configs[i], "metadata"), "name"), ""),
            .path = path,
            .match = full(spec, "match", NULL),
            .strategy = full(spec, "strategy", "override"),
            .data = value_text(value_get(spec, "data"), ""),
        };
    }
    r->want->configs = configs;
    r->want->n_configs = file->n_configs;
}

static void read_cluster(struct reading *r, const struct value *root)
{
    struct want *w = r->want;
    const struct value *metadata = value_get(root, "metadata"), *spec = value_get(root, "spec");
    const struct value *hosts = value_get(spec, "hosts"), *status = value_get(root, "status");
    r->ssh = read_ssh(value_get(spec, "ssh"), (struct want_ssh){0});
    w->cluster = value_text(value_get(metadata, "name"), "");
    w->created = full(metadata, "creationTimestamp", NULL);
    w->env = read_env(r->arena, value_get(spec, "env"), &w->n_env);
    w->command = read_strings(r->arena, value_get(spec, "command"));
    read_images(r, value_get(spec, "image"));
    reserve_hosts(r, hosts);
    for (size_t i = 0; hosts && i < hosts->n; i++)
        read_host(r, hosts->items[i], r->ssh);
    w->status = value_is_null(status) ? NULL : status;
    read_status(r, w->status);
}

static struct want *read_all(struct arena *a, const struct clusterfile *file)
{
    struct want *w = mem_alloc(sizeof *w);
    struct reading r = {.want = w, .arena = a};
    w->arena = a;
    read_cluster(&r, file->cluster->root);
    read_configs(&r, file);
    w->init_configuration = file->kubeadm[KUBEADM_INIT];
    w->cluster_configuration = file->kubeadm[KUBEADM_CLUSTER];
    w->join_configuration = file->kubeadm[KUBEADM_JOIN];
    w->kube_proxy_configuration = file->kubeadm[KUBEADM_PROXY];
    w->kubelet_configuration = file->kubeadm[KUBEADM_KUBELET];
    read_policy(a, file->policy, &w->policy);
    return w;
}

int clusterfile_read(const char *name, const char *text, size_t len, struct want **ret,
                     struct error_list *errors, struct error_list *warnings)
{
    struct arena *a = arena_new();
    struct source source = {.name = name, .text = text, .len = len};
    struct clusterfile file;
    int r = clusterfile_check(a, &source, &file, errors, warnings);
    source_free(&source);
    if (r < 0) {
        arena_free(a);
        return -1;
    }
    *ret = read_all(a, &file);
    return 0;
}
