#include "actions/means/kubeconfig.h"

#include "schema/tree.h"

#include <openssl/evp.h>
#include <string.h>

#define CLUSTER_NAME "kubernetes"

static void add_base64(struct text *out, const struct text *in)
{
    size_t size = (in->len + 2) / 3 * 4 + 1;
    unsigned char *buf = mem_alloc(size);
    int n = EVP_EncodeBlock(buf, (const unsigned char *)text_str(in), (int)in->len);
    text_addn(out, buf, (size_t)n);
    explicit_bzero(buf, size);
    free(buf);
}

char *kubeconfig_server(const char *host, unsigned port)
{
    return mem_printf(strchr(host, ':') ? "https://[%s]:%u" : "https://%s:%u", host, port);
}

/* What may stand in a server's URL: it enters YAML and, on the user's machine, shells. */
static bool url_like(const char *s)
{
    return str_starts(s, "https://") && s[8] &&
           !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/[]-_")];
}

static int check_server(const char *server, const char *tls_server_name, struct error **err)
{
    if (!url_like(server))
        return error_set(err, ERR_INVALID, "\"%s\" is not the URL of an API server (https://HOST:PORT)",
                         server);
    if (tls_server_name && (!*tls_server_name || strpbrk(tls_server_name, " \t\n\"'\\#{}[],&*")))
        return error_set(err, ERR_INVALID, "\"%s\" is not a host name", tls_server_name);
    return 0;
}

int kubeconfig_make(const char *ca_crt, const char *ca_key, const struct kubeconfig_spec *spec,
                    struct text *ret, struct error **err)
{
    _cleanup_(text_wipe) struct text crt = {0}, key = {0}, ca = {0}, out = {0}, user = {0};
    if (check_server(spec->server, spec->tls_server_name, err) < 0 ||
        pki_user_new(ca_crt, ca_key, spec->user, &spec->kubernetes, spec->node_name, spec->days, spec->now,
                     &crt, &key, err) < 0)
        return -1;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct x509_info info;
    if (x509_read(a, text_str(&crt), &info, err) < 0)
        return -1;
    text_add_json(&user, info.common_name); /* "system:node:x": quoted, as YAML would read it otherwise */
    text_add(&ca, ca_crt);
    text_add(&out, "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: ");
    add_base64(&out, &ca);
    text_addf(&out, "\n    server: \"%s\"\n", spec->server);
    if (spec->tls_server_name)
        text_addf(&out, "    tls-server-name: \"%s\"\n", spec->tls_server_name);
    text_addf(&out,
              "  name: " CLUSTER_NAME "\ncontexts:\n- context:\n    cluster: " CLUSTER_NAME
              "\n    user: %s\n",
              text_str(&user));
    text_addf(&out, "  name: \"%s@" CLUSTER_NAME "\"\ncurrent-context: \"%s@" CLUSTER_NAME "\"\n",
              info.common_name, info.common_name);
    text_addf(&out,
              "kind: Config\npreferences: {}\nusers:\n- name: %s\n  user:\n    client-certificate-data: ",
              text_str(&user));
    add_base64(&out, &crt);
    text_add(&out, "\n    client-key-data: ");
    add_base64(&out, &key);
    text_add(&out, "\n");
    text_addn(ret, text_str(&out), out.len);
    return 0;
}

static int not_one(struct error **err, const char *why)
{
    /* Not the parser's own words: they could quote a key. */
    return error_set(err, ERR_PROTOCOL, "not a kubeconfig: %s", why);
}

static struct value *named(const struct value *root, const char *list_name, const char *name)
{
    const struct value *list = value_get(root, list_name);
    for (size_t i = 0; name && list && list->kind == VALUE_LIST && i < list->n; i++)
        if (str_eq(value_text(value_get(list->items[i], "name"), NULL), name))
            return list->items[i];
    return NULL;
}

/* The cluster and user of the current context. */
static int parse(struct arena *a, const char *text, size_t len, struct value **root, struct value **cluster,
                 struct value **user, struct error **err)
{
    if (tree_parse_one(a, "kubeconfig", text, len, root, NULL) < 0)
        return not_one(err, "it is not YAML");
    if (!str_eq(value_text(value_get(*root, "kind"), NULL), "Config"))
        return not_one(err, "kind is not Config");
    struct value *context =
        value_get(named(*root, "contexts", value_text(value_get(*root, "current-context"), NULL)), "context");
    *cluster =
        value_get(named(*root, "clusters", value_text(value_get(context, "cluster"), NULL)), "cluster");
    *user = value_get(named(*root, "users", value_text(value_get(context, "user"), NULL)), "user");
    if (!*cluster || (*cluster)->kind != VALUE_MAP)
        return not_one(err, "its current context names no cluster of it");
    return 0;
}

int kubeconfig_set_server(const char *text, size_t len, const char *server, const char *tls_server_name,
                          struct text *ret, struct error **err)
{
    _cleanup_(arena_wipep) struct arena *a = arena_new();
    _cleanup_(text_wipe) struct text out = {0};
    struct value *root = NULL, *cluster = NULL, *user = NULL;
    if (check_server(server, tls_server_name, err) < 0 ||
        parse(a, text, len, &root, &cluster, &user, err) < 0)
        return -1;
    if (!value_get(cluster, "certificate-authority-data") || !value_get(user, "client-certificate-data") ||
        !value_get(user, "client-key-data")) /* paths would mean nothing on another machine */
        return not_one(err, "it does not hold its certificates itself");
    value_set(a, cluster, "server", value_string(a, server));
    value_remove(cluster, "tls-server-name");
    if (tls_server_name)
        value_set(a, cluster, "tls-server-name", value_string(a, tls_server_name));
    const struct value *docs[] = {root};
    if (tree_write(docs, 1, &out, err) < 0)
        return -1;
    text_addn(ret, text_str(&out), out.len);
    return 0;
}

/* Base64 as kubeconfigs hold it, on one line; false: it is none. */
static bool decode(const char *s, struct text *out)
{
    size_t n = strlen(s), pad = 0;
    if (n == 0 || n % 4 || n > 1024 * 1024 ||
        n != strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
        return false;
    while (pad < 2 && s[n - 1 - pad] == '=')
        pad++;
    unsigned char *buf = mem_alloc(n);
    int got = EVP_DecodeBlock(buf, (const unsigned char *)s, (int)n);
    bool ok = got >= (int)pad && !memchr(buf, 0, (size_t)got - pad);
    if (ok)
        text_addn(out, buf, (size_t)got - pad);
    explicit_bzero(buf, n);
    free(buf);
    return ok;
}

int kubeconfig_read(struct arena *a, const char *text, size_t len, struct kubeconfig_info *ret,
                    struct error **err)
{
    _cleanup_(text_wipe) struct text ca = {0}, crt = {0};
    struct value *root = NULL, *cluster = NULL, *user = NULL;
    struct kubeconfig_info info = {0};
    struct x509_info authority;
    if (parse(a, text, len, &root, &cluster, &user, err) < 0)
        return -1;
    if (!decode(value_text(value_get(cluster, "certificate-authority-data"), ""), &ca) ||
        !decode(value_text(value_get(user, "client-certificate-data"), ""), &crt))
        return not_one(err, "it does not hold its certificates itself");
    if (x509_read(a, text_str(&ca), &authority, err) < 0 ||
        x509_read(a, text_str(&crt), &info.client, err) < 0)
        return error_wrap(err, "a kubeconfig's certificate");
    info.server = value_text(value_get(cluster, "server"), "");
    memcpy(info.ca_sha256, authority.sha256, sizeof info.ca_sha256);
    *ret = info;
    return 0;
}
