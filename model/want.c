#include "model/want.h"

#include "model/kubeadm.h"

#include "model/digest.h"
#include "model/error.h"
#include "model/render_key.h"

#include <string.h>
#include <stdio.h>

void want_free(struct want *w)
{
    if (!w)
        return;
    arena_free(w->arena);
    free(w);
}

void want_freep(struct want **w)
{
    want_free(*w);
}

const char *want_env_get(const struct want_env *env, size_t n, const char *key)
{
    for (size_t i = n; i-- > 0;)
        if (str_eq(env[i].key, key))
            return env[i].value;
    return NULL;
}

const char *image_label(const struct want_image *i, const char *key)
{
    char name[128];
    static const char *const spellings[] = {"sealos.io.%s", "apps.sealos.io/%s", "%s"};
    for (size_t s = 0; s < ARRAY_LEN(spellings); s++) {
        snprintf(name, sizeof name, spellings[s], key);
        const char *value = want_env_get(i->labels, i->n_labels, name);
        if (value && *value)
            return value;
    }
    return NULL;
}

const char *want_script(const struct want *w, const char *key)
{
    const char *text = NULL;
    for (size_t i = 0; i < w->n_images; i++) {
        const char *label = want_env_get(w->images[i].labels, w->images[i].n_labels, key);
        if (label && *label)
            text = label;
    }
    if (text || str_eq(key, "init-cri") || str_eq(key, "clean-cri"))
        return text;
    return arena_printf(w->arena, "%s.sh", key);
}

/* ---- environment */

struct env_map {
    struct arena *a;
    struct want_env *env;
    size_t n, cap;
};

static void env_set(struct env_map *m, const char *key, const char *value)
{
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->env[i].key, key)) {
            m->env[i].value = value;
            return;
        }
    struct want_env *e = arena_push(m->a, &m->env, &m->n, &m->cap, sizeof *e);
    *e = (struct want_env){key, value};
}

static void env_add_users(struct env_map *m, const struct want_env *env, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!str_starts(env[i].key, "SEALOS_SYS")) /* reserved, as in Sealos */
            env_set(m, env[i].key, env[i].value);
}

static int env_cmp(const void *a, const void *b)
{
    return strcmp(((const struct want_env *)a)->key, ((const struct want_env *)b)->key);
}

static const char *run_mode(struct arena *a, const struct want_host *h)
{
    struct text t = {0};
    static const struct {
        unsigned role;
        const char *name;
    } roles[] = {{ROLE_MASTER, "master"}, {ROLE_NODE, "node"}, {ROLE_REGISTRY, "registry"}};
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (h->roles & roles[i].role)
            text_addf(&t, "%s%s", t.len ? "," : "", roles[i].name);
    if (h->arch)
        text_addf(&t, "%s%s", t.len ? "," : "", h->arch);
    const char *s = arena_strdup(a, text_str(&t));
    text_free(&t);
    return s;
}

void want_environment(const struct want *w, struct arena *a, int host, struct want_env **ret, size_t *ret_n)
{
    struct env_map m = {.a = a};
    for (size_t i = 0; i < w->n_images; i++)
        if (w->images[i].type != IMAGE_APPLICATION)
            for (size_t e = 0; e < w->images[i].n_env; e++)
                if (!str_eq(w->images[i].env[e].key, "PATH"))
                    env_set(&m, w->images[i].env[e].key, w->images[i].env[e].value);
    env_add_users(&m, w->env, w->n_env);
    if (host >= 0) {
        env_add_users(&m, w->hosts[host].env, w->hosts[host].n_env);
        env_set(&m, "SEALOS_SYS_RUN_MODE", run_mode(a, &w->hosts[host]));
    }
    if (w->kubernetes_version)
        env_set(&m, "SEALOS_SYS_KUBE_VERSION", w->kubernetes_version);
    if (m.n)
        qsort(m.env, m.n, sizeof *m.env, env_cmp);
    *ret = m.env;
    *ret_n = m.n;
}

static bool name_byte(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* A reference at s ("$A", "${A}", "$(A)"): its length and name, or 0. */
static size_t reference(const char *s, char name[128])
{
    char close = s[1] == '(' ? ')' : s[1] == '{' ? '}' : 0;
    const char *p = s + (close ? 2 : 1);
    size_t n = 0;
    while (name_byte(p[n], n == 0))
        n++;
    if (n == 0 || n >= 128 || (close && p[n] != close))
        return 0;
    memcpy(name, p, n);
    name[n] = 0;
    return (size_t)(p - s) + n + (close ? 1 : 0);
}

char *env_expand(struct arena *a, const char *text, const struct want_env *env, size_t n)
{
    struct text t = {0};
    for (const char *p = text; *p;) {
        char name[128];
        size_t len = *p == '$' ? reference(p, name) : 0;
        const char *value = len ? want_env_get(env, n, name) : NULL;
        if (value) {
            text_add(&t, value);
            p += len;
        } else {
            text_addc(&t, *p++);
        }
    }
    char *s = arena_strdup(a, text_str(&t));
    text_free(&t);
    return s;
}

/* ---- hosts */

static int host_cmp(const void *a, const void *b)
{
    return str_natural_cmp(((const struct want_host *)a)->address, ((const struct want_host *)b)->address);
}

int want_find_host(const struct want *w, const char *address)
{
    struct want_host key = {.address = address};
    struct want_host *h = bsearch(&key, w->hosts, w->n_hosts, sizeof *h, host_cmp);
    return h ? (int)(h - w->hosts) : -1;
}

/* ---- what depends on images */

static int check_images(const struct want *w, struct error **err)
{
    const struct want_image *rootfs = NULL;
    for (size_t i = 0; i < w->n_images; i++) {
        const struct want_image *im = &w->images[i];
        const char *distribution = image_label(im, "distribution");
        if (distribution && str_starts(distribution, "k3s")) {
            error_set(err, ERR_INVALID, "image %s is a k3s distribution, which reconcile does not run", im->reference);
            return error_hint(err, "use a kubernetes rootfs image");
        }
        if (im->type == IMAGE_ROOTFS && !rootfs)
            rootfs = im;
        if (im->type == IMAGE_PATCH && !rootfs) {
            error_set(err, ERR_INVALID, "spec.image lists the patch %s before any rootfs image", im->reference);
            return error_hint(err, "a patch is laid over the rootfs: list the kubernetes image first");
        }
        if (im->type == IMAGE_ROOTFS && !im->version)
            return error_set(err, ERR_INVALID, "rootfs image %s has no label `version` (the Kubernetes version)",
                             im->reference);
    }
    if (!rootfs) {
        error_set(err, ERR_INVALID, "spec.image holds no rootfs image");
        return error_hint(err, "the first image is the Kubernetes distribution, labelled sealos.io.type=rootfs");
    }
    return 0;
}

static const char *env_or(const struct want_env *env, size_t n, const char *key, const char *otherwise)
{
    const char *v = want_env_get(env, n, key);
    return v && *v ? v : otherwise;
}

static int derive_constants(struct want *w, struct error **err)
{
    const struct want_image *rootfs = NULL;
    for (size_t i = 0; i < w->n_images; i++)
        if (w->images[i].type == IMAGE_ROOTFS)
            rootfs = &w->images[i];
    w->kubernetes_version = rootfs->version;
    w->lvscare_image = want_env_get(rootfs->labels, rootfs->n_labels, "image");
    struct want_env *env;
    size_t n;
    want_environment(w, w->arena, -1, &env, &n);
    const char *vip = want_env_get(rootfs->labels, rootfs->n_labels, "vip");
    w->vip = vip ? env_expand(w->arena, vip, env, n) : DEFAULT_VIP;
    if (!*w->vip || strchr(w->vip, '$'))
        return error_set(err, ERR_INVALID, "image %s: label `vip` says \"%s\", which its environment does not resolve",
                         rootfs->reference, vip);
    w->registry_domain = env_or(env, n, "registryDomain", "sealos.hub");
    w->registry_username = env_or(env, n, "registryUsername", "admin");
    w->registry_password = env_or(env, n, "registryPassword", "passw0rd");
    w->registry_data = env_or(env, n, "registryData", "/var/lib/registry");
    long port = strtol(env_or(env, n, "registryPort", "5000"), NULL, 10);
    w->registry_port = port > 0 && port < 65536 ? (unsigned)port : 5000;
    const char *bind = value_text(value_path(w->init_configuration, "localAPIEndpoint.bindPort"), "6443");
    long bind_port = strtol(bind, NULL, 10);
    w->bind_port = bind_port > 0 && bind_port < 65536 ? (unsigned)bind_port : 6443;
    for (size_t i = 0; i < w->n_hosts; i++)
        if (str_eq(w->hosts[i].address, w->vip)) {
            error_set(err, ERR_INVALID, "the VIP %s is the address of a host", w->vip);
            return error_hint(err, "set another one in spec.env: defaultVIP=…");
        }
    return 0;
}

/* ---- keys: digests of inputs, so that what is on a node can be judged without rendering anything */

static void tree_key(const struct want *w, int host, char out[DIGEST_HEX])
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct want_env *env;
    size_t n;
    want_environment(w, a, host, &env, &n);
    render_key(w, env, n, out);
}

static void init_key(const struct want *w, const char *tree, char out[DIGEST_HEX])
{
    struct digest *d = digest_new();
    digest_field(d, "init 1");
    digest_field(d, tree);
    static const char *const scripts[] = {"check", "init-cri", "init"};
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        digest_field(d, want_script(w, scripts[i]));
    digest_end(d, out);
}

struct keyed {
    const char *key;
    int host;
};

static int keyed_cmp(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int c = strcmp(x->key, y->key);
    return c ? c : x->host - y->host;
}

/* Groups hosts by equal trees. Distinct renders are numbered by their first host, so the order is the hosts'. */
static void group_renders(struct want *w, const char **keys)
{
    struct keyed *sorted = mem_alloc(w->n_hosts * sizeof *sorted);
    int *of = arena_alloc(w->arena, w->n_hosts * sizeof *of);
    int *first = arena_alloc(w->arena, w->n_hosts * sizeof *first);
    size_t n = 0;
    for (size_t i = 0; i < w->n_hosts; i++) {
        of[i] = -1;
        if (w->hosts[i].listed)
            sorted[n++] = (struct keyed){keys[i], (int)i};
    }
    qsort(sorted, n, sizeof *sorted, keyed_cmp);
    int *leader = mem_alloc(w->n_hosts * sizeof *leader); /* host → first host of equal key */
    for (size_t i = 0, lead = 0; i < n; i++) {
        if (strcmp(sorted[i].key, sorted[lead].key) != 0)
            lead = i;
        leader[sorted[i].host] = sorted[lead].host;
    }
    for (size_t i = 0; i < w->n_hosts; i++) {
        if (!w->hosts[i].listed)
            continue;
        if (leader[i] == (int)i) {
            first[w->n_renders] = (int)i;
            of[i] = (int)w->n_renders++;
        } else {
            of[i] = of[leader[i]];
        }
    }
    w->render_of = of;
    w->render_host = first;
    free(leader);
    free(sorted);
}

/* Hosts that have the same roles, architecture and environment have the same tree; most clusters have two kinds of
 * them, so the digest is computed once per run of equals. */
static bool same_inputs(const struct want_host *a, const struct want_host *b)
{
    return a->roles == b->roles && str_eq(a->arch, b->arch) && a->env == b->env && a->n_env == b->n_env;
}

static void derive_keys(struct want *w)
{
    const char **trees = arena_alloc(w->arena, w->n_hosts * sizeof *trees);
    const char **inits = arena_alloc(w->arena, w->n_hosts * sizeof *inits);
    char hex[DIGEST_HEX];
    enum { RECENT = 8 };
    size_t recent[RECENT] = {0}, n_recent = 0;
    for (size_t i = 0; i < w->n_hosts; i++) {
        size_t like = SIZE_MAX;
        for (size_t r = 0; r < n_recent && like == SIZE_MAX; r++)
            if (same_inputs(&w->hosts[i], &w->hosts[recent[r]]))
                like = recent[r];
        if (like != SIZE_MAX) {
            trees[i] = trees[like];
            inits[i] = inits[like];
            continue;
        }
        recent[n_recent < RECENT ? n_recent++ : i % RECENT] = i;
        tree_key(w, (int)i, hex);
        trees[i] = arena_strdup(w->arena, hex);
        init_key(w, hex, hex);
        inits[i] = arena_strdup(w->arena, hex);
    }
    w->render_keys = trees;
    w->init_keys = inits;
    group_renders(w, trees);

    struct digest *d = digest_new();
    digest_field(d, "registry 1");
    digest_field(d, w->registry_domain);
    digest_bytes(d, &w->registry_port, sizeof w->registry_port);
    digest_field(d, w->registry_username);
    digest_field(d, w->registry_password);
    digest_field(d, w->registry_data);
    digest_field(d, want_script(w, "init-registry"));
    digest_end(d, hex);
    w->registry_key = arena_strdup(w->arena, hex);

    struct text json = {0};
    static const char *const names[] = {"imageRepository", "dns", "etcd"}; /* what of it names images */
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        value_json(value_get_ci(w->cluster_configuration, names[i]), &json);
    d = digest_new();
    digest_field(d, "prepull 1");
    digest_field(d, w->kubernetes_version);
    digest_field(d, w->registry_domain);
    digest_field(d, text_str(&json));
    digest_end(d, hex);
    w->prepull_key = arena_strdup(w->arena, hex);
    text_free(&json);
}

int want_finish(struct want *w, struct error **err)
{
    if (w->n_hosts)
        qsort(w->hosts, w->n_hosts, sizeof *w->hosts, host_cmp);
    if (check_images(w, err) < 0 || derive_constants(w, err) < 0 || kubeadm_check_want(w, NULL, err) < 0)
        return -1;
    derive_keys(w);
    return 0;
}
