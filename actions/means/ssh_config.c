#include "actions/means/ssh_config.h"

#include "actions/means/process.h"

#include <glob.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct ssh_config_cache {
    pthread_mutex_t lock;
    char *file;
    bool scanned, by_host, have_common, no_ssh;
    struct ssh_config common;
};

void ssh_config_free(struct ssh_config *c)
{
    arena_free(c->arena);
    *c = (struct ssh_config){0};
}

struct ssh_config_cache *ssh_config_cache_new(const char *file)
{
    struct ssh_config_cache *c = mem_alloc(sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    c->file = mem_strdup(file);
    return c;
}

void ssh_config_cache_free(struct ssh_config_cache *c)
{
    if (!c)
        return;
    ssh_config_free(&c->common);
    pthread_mutex_destroy(&c->lock);
    free(c->file);
    free(c);
}

struct self {
    char buf[4096];
    const char *home, *user;
};

static void who_am_i(struct self *s)
{
    struct passwd pw, *found = NULL;
    if (getpwuid_r(getuid(), &pw, s->buf, sizeof s->buf, &found) == 0 && found) {
        s->home = found->pw_dir;
        s->user = found->pw_name;
    } else {
        s->home = "/";
        s->user = "root";
    }
}

static const char *expand(struct arena *a, const char *path, const char *home)
{
    if (str_starts(path, "~/"))
        return arena_printf(a, "%s/%s", home, path + 2);
    if (str_starts(path, "%d/"))
        return arena_printf(a, "%s/%s", home, path + 3);
    return arena_strdup(a, path);
}

const char *ssh_config_expand(struct arena *a, const char *path)
{
    struct self self;
    who_am_i(&self);
    return expand(a, path, self.home);
}

static void add_words(struct ssh_config *c, const char ***list, size_t *n, size_t *cap, const char *words,
                      const char *home)
{
    for (const char *p = words; *p;) {
        p += strspn(p, " ");
        size_t len = strcspn(p, " ");
        if (!len)
            break;
        const char *one = arena_strndup(c->arena, p, len);
        const char **slot = arena_push(c->arena, list, n, cap, sizeof **list);
        *slot = expand(c->arena, one, home);
        p += len;
    }
}

static void setting(struct ssh_config *c, const char *key, const char *value, const char *home,
                    const char *local_user)
{
    bool none = str_eq(value, "none");
    if (str_eq(key, "hostname"))
        c->hostname = arena_strdup(c->arena, value);
    else if (str_eq(key, "user"))
        c->user = str_eq(value, local_user) ? NULL : arena_strdup(c->arena, value);
    else if (str_eq(key, "port"))
        c->port = (unsigned)strtoul(value, NULL, 10);
    else if (str_eq(key, "connecttimeout"))
        c->connect_s = none ? 0 : (unsigned)strtoul(value, NULL, 10);
    else if (str_eq(key, "hostkeyalias"))
        c->host_key_alias = none ? NULL : arena_strdup(c->arena, value);
    else if (str_eq(key, "identityagent"))
        c->agent = str_eq(value, "SSH_AUTH_SOCK") || *value == '$' ? NULL : expand(c->arena, value, home);
    else if ((str_eq(key, "proxyjump") || str_eq(key, "proxycommand")) && !none)
        c->proxy = arena_strdup(c->arena, value);
    else if (str_eq(key, "identityfile")) {
        const char **slot = arena_push(c->arena, &c->identity_files, &c->n_identity_files,
                                       &c->cap_identity_files, sizeof *slot);
        *slot = expand(c->arena, value, home);
    }
}

void ssh_config_parse(const char *text, const char *home, const char *local_user, struct ssh_config *ret)
{
    struct ssh_config c = {.arena = arena_new()};
    const char *user_files = "", *global_files = "";
    char *copy = arena_strdup(c.arena, text), *save = NULL;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *value = strchr(line, ' ');
        if (!value)
            continue;
        *value++ = 0;
        value[strcspn(value, "\r")] = 0;
        if (str_eq(line, "userknownhostsfile"))
            user_files = value;
        else if (str_eq(line, "globalknownhostsfile"))
            global_files = value;
        else
            setting(&c, line, value, home, local_user);
    }
    if (!str_eq(user_files, "none"))
        add_words(&c, &c.known_hosts, &c.n_known_hosts, &c.cap_known_hosts, user_files, home);
    if (!str_eq(global_files, "none"))
        add_words(&c, &c.known_hosts, &c.n_known_hosts, &c.cap_known_hosts, global_files, home);
    arena_push(c.arena, &c.known_hosts, &c.n_known_hosts, &c.cap_known_hosts,
               sizeof *c.known_hosts); /* NULL */
    c.n_known_hosts--;
    *ret = c;
}

/* OpenSSH's defaults, where there is no ssh to ask. */
static const char defaults[] =
    "identityfile ~/.ssh/id_rsa\nidentityfile ~/.ssh/id_ecdsa\nidentityfile ~/.ssh/id_ed25519\n"
    "userknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2\n"
    "globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2\n";

void ssh_config_defaults(struct ssh_config *ret)
{
    struct self self;
    who_am_i(&self);
    ssh_config_parse(defaults, self.home, self.user, ret);
}

/* Does this file treat hosts differently, or may it (Match, Include)? Only what Debian's system file includes
 * is followed, by the caller. */
static bool file_by_host(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    char *line = NULL;
    size_t cap = 0;
    bool found = false;
    while (!found && getline(&line, &cap, f) > 0) {
        char *s = line + strspn(line, " \t");
        s[strcspn(s, "\r\n")] = 0;
        size_t n = strcspn(s, " \t=");
        char *value = s + n + strspn(s + n, " \t=");
        if (n == 5 && strncasecmp(s, "match", 5) == 0)
            found = true;
        else if (n == 4 && strncasecmp(s, "host", 4) == 0)
            found = !str_eq(value, "*");
        else if (n == 7 && strncasecmp(s, "include", 7) == 0)
            found = !str_eq(value, "/etc/ssh/ssh_config.d/*.conf");
        else if (*s != '#' && strchr(value, '%')) /* tokens may stand for the host */
            found = true;
    }
    free(line);
    fclose(f);
    return found;
}

static bool configured_by_host(const struct ssh_config_cache *c, const char *home)
{
    if (c->file)
        return file_by_host(c->file);
    _cleanup_(mem_freep) char *own = mem_printf("%s/.ssh/config", home);
    if (file_by_host(own) || file_by_host("/etc/ssh/ssh_config"))
        return true;
    glob_t g;
    bool found = false;
    if (glob("/etc/ssh/ssh_config.d/*.conf", 0, NULL, &g) == 0)
        for (size_t i = 0; i < g.gl_pathc && !found; i++)
            found = file_by_host(g.gl_pathv[i]);
    globfree(&g);
    return found;
}

static int ask_ssh(struct ssh_config_cache *c, const char *host, const char *user, unsigned port,
                   const struct self *self, struct ssh_config *ret, struct error **err)
{
    char number[16];
    snprintf(number, sizeof number, "%u", port);
    const char *argv[12];
    size_t n = 0;
    argv[n++] = "ssh";
    argv[n++] = "-G";
    if (c->file) {
        argv[n++] = "-F";
        argv[n++] = c->file;
    }
    if (user) {
        argv[n++] = "-l";
        argv[n++] = user;
    }
    if (port) {
        argv[n++] = "-p";
        argv[n++] = number;
    }
    argv[n++] = "--";
    argv[n++] = host;
    argv[n] = NULL;
    _cleanup_(process_output_free) struct process_output out = {0};
    _cleanup_(error_freep) struct error *why = NULL;
    struct process p = {
        .argv = argv, .timeout_s = 20, .any_status = true, .what = "ask ssh for its configuration"};
    if (process_run(&p, &out, &why) < 0 && why->code != ERR_NOT_FOUND) {
        if (err)
            *err = TAKE(why);
        return -1;
    }
    if (why) {
        c->no_ssh = true;
        ssh_config_parse(defaults, self->home, self->user, ret);
        return 0;
    }
    if (out.status != 0) {
        _cleanup_(text_free) struct text said = {0};
        text_add_safe(&said, text_str(&out.err), 300);
        return error_set(err, ERR_INVALID, "ssh refuses its configuration: %s", text_str(&said));
    }
    ssh_config_parse(text_str(&out.out), self->home, self->user, ret);
    return 0;
}

/* Copies what is the same for every host. */
static void copy_common(const struct ssh_config *from, struct ssh_config *ret)
{
    struct ssh_config c = *from;
    c.arena = arena_new();
    c.hostname = NULL;
    c.user = arena_strdup(c.arena, from->user);
    c.agent = arena_strdup(c.arena, from->agent);
    c.proxy = arena_strdup(c.arena, from->proxy);
    c.host_key_alias = arena_strdup(c.arena, from->host_key_alias);
    c.identity_files = arena_alloc(c.arena, (from->n_identity_files + 1) * sizeof *c.identity_files);
    for (size_t i = 0; i < from->n_identity_files; i++)
        c.identity_files[i] = arena_strdup(c.arena, from->identity_files[i]);
    c.known_hosts = arena_alloc(c.arena, (from->n_known_hosts + 1) * sizeof *c.known_hosts);
    for (size_t i = 0; i < from->n_known_hosts; i++)
        c.known_hosts[i] = arena_strdup(c.arena, from->known_hosts[i]);
    *ret = c;
}

int ssh_config_resolve(struct ssh_config_cache *c, const char *host, const char *user, unsigned port,
                       struct ssh_config *ret, struct error **err)
{
    struct self self;
    int rc = 0;
    who_am_i(&self);
    pthread_mutex_lock(&c->lock);
    if (!c->scanned) {
        c->by_host = configured_by_host(c, self.home);
        c->scanned = true;
    }
    bool common = !c->by_host || c->no_ssh;
    if (common && !c->have_common) {
        rc = ask_ssh(c, "localhost", NULL, 0, &self, &c->common, err);
        c->have_common = rc == 0;
    }
    if (common && rc == 0)
        copy_common(&c->common, ret);
    pthread_mutex_unlock(&c->lock);
    return common ? rc : ask_ssh(c, host, user, port, &self, ret, err);
}
