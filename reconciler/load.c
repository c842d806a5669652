#include "reconciler/load.h"

#include "reconciler/local.h"
#include "reconciler/secrets.h"
#include "schema/format.h"
#include "schema/read.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>

enum { CLUSTERFILE_MAX = 256 * 1024 * 1024 };

void loaded_free(struct loaded *l)
{
    text_wipe(&l->text); /* a literal password may stand in it */
    error_list_free(&l->warnings);
    store_free(l->store);
    if (l->config)
        ssh_config_cache_free(l->config);
    free(l->targets);
    free(l->keys);
    want_free(l->want);
}

static void print_list(const struct style *style, const struct error_list *list, const char *label)
{
    for (size_t i = 0; i < list->n; i++) {
        _cleanup_(text_free) struct text t = {0};
        out_error(&t, style, label, list->errors[i]);
        fputs(text_str(&t), stderr);
    }
}

int load_file(const struct options *o, const struct style *style, struct loaded *ret, struct error **err)
{
    ret->name = o->flags[FLAG_FILE] ? o->flags[FLAG_FILE] : "Clusterfile";
    ret->text.max = CLUSTERFILE_MAX;
    if (local_read(ret->name, &ret->text, err) < 0) {
        if (!o->flags[FLAG_FILE])
            error_hint(err, "name the Clusterfile by -f FILE");
        return -1;
    }
    struct error_list errors = {0};
    int r = clusterfile_read(str_eq(ret->name, "-") ? "stdin" : ret->name, text_str(&ret->text), ret->text.len, &ret->want,
                             &errors, &ret->warnings);
    if (!cli_on(o, FLAG_QUIET))
        print_list(style, &ret->warnings, "warning");
    print_list(style, &errors, "error");
    if (r < 0) {
        error_set(err, ERR_INVALID, "%s: %zu %s", ret->name, errors.n, out_plural(errors.n, "error", "errors"));
        error_list_free(&errors);
        return -1;
    }
    error_list_free(&errors);
    ret->want->consent = cli_on(o, FLAG_YES);
    return 0;
}

static void say_moved(const struct style *style, const struct want_image *image, const char *moved)
{
    _cleanup_(error_freep) struct error *e = NULL;
    _cleanup_(text_free) struct text t = {0};
    error_set(&e, ERR_CONFLICT, "%s means %s by now; the cluster stays with %s until the file says otherwise", image->reference,
              moved, image->digest);
    out_error(&t, style, "warning", e);
    fputs(text_str(&t), stderr);
}

int load_images(const struct style *style, struct loaded *l, struct error **err)
{
    _cleanup_(mem_freep) char *copy = str_eq(l->name, "-") ? NULL : mem_strdup(l->name);
    const char *base = copy ? arena_strdup(l->want->arena, dirname(copy)) : NULL;
    struct oci_options options = {.base = base, .cancel = &l->cancelled};
    if (store_new(NULL, &options, &l->store, err) < 0)
        return -1;
    for (size_t i = 0; i < l->want->n_images; i++) {
        const char *moved = NULL;
        if (store_resolve(l->store, l->want->arena, &l->want->images[i], &moved, err) < 0)
            return error_wrap(err, "image %s", l->want->images[i].reference);
        if (moved)
            say_moved(style, &l->want->images[i], moved);
    }
    return want_finish(l->want, err);
}

int load_seconds(const char *text, const char *flag, unsigned *ret, struct error **err)
{
    const char *why = text ? duration_parse(text, ret) : NULL;
    return why ? error_set(err, ERR_USAGE, "--%s: \"%s\": %s", flag, text, why) : 0;
}

int load_targets(const struct options *o, struct loaded *l, struct error **err)
{
    const struct want *w = l->want;
    unsigned command_s = w->policy.command_timeout_s;
    if (load_seconds(o->flags[FLAG_TIMEOUT], "timeout", &command_s, err) < 0)
        return -1;
    const char *config = o->flags[FLAG_SSH_CONFIG];
    bool use_config = !str_eq(config, "none");
    l->config = ssh_config_cache_new(use_config ? config : NULL);
    l->known_hosts[0] = o->flags[FLAG_KNOWN_HOSTS];
    l->targets = mem_alloc((w->n_hosts + 1) * sizeof *l->targets);
    l->keys = mem_alloc((2 * w->n_hosts + 1) * sizeof *l->keys);
    for (size_t i = 0; i < w->n_hosts; i++) {
        const struct want_ssh *ssh = &w->hosts[i].ssh;
        struct transport_key *keys = &l->keys[2 * i];
        size_t n = 0;
        if (ssh->pk_data.ref)
            keys[n++] = (struct transport_key){.data = secret_of(&ssh->pk_data), .passphrase = secret_of(&ssh->pk_passwd)};
        if (ssh->pk)
            keys[n++] = (struct transport_key){.path = ssh->pk, .passphrase = secret_of(&ssh->pk_passwd)};
        l->targets[i] = (struct transport_target){
            .address = w->hosts[i].address,
            .port = ssh->port,
            .user = ssh->user,
            .password = secret_of(&ssh->passwd),
            .sudo_password = secret_of(&ssh->passwd),
            .keys = keys,
            .n_keys = n,
            .agent_socket = getenv("SSH_AUTH_SOCK"),
            .known_hosts = l->known_hosts[0] ? l->known_hosts : NULL,
            .accept_new_host_keys = cli_on(o, FLAG_ACCEPT_NEW),
            .ssh_config = use_config,
            .config_cache = l->config,
            .connect_s = w->policy.connect_timeout_s,
            .command_s = command_s,
            .idle_s = w->policy.idle_timeout_s,
            .cancel_fd = -1,
        };
    }
    return 0;
}
