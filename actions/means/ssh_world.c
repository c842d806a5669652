#include "actions/means/ssh_world.h"

#include "actions/means/job.h"
#include "actions/means/probe.h"
#include "actions/means/ssh_config.h"
#include "actions/means/sync.h"
#include "model/digest.h"

#include <errno.h>
#include <libssh2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DETAIL_LINES 30
#define LINE_WIDTH 400

struct node {
    pthread_mutex_t turn;
    struct transport_target target; /* its cancel_fd is this node's own eventfd */
    struct transport *t;
    atomic_ulong connections, execs;
};

struct world_ssh {
    struct world world; /* first */
    const struct want *want;
    struct ssh_config_cache *config;
    struct node *node;
    size_t n;
    int cancel_fd; /* of all: an eventfd, never read: once written, readable for ever */
    atomic_bool cancelled;
};

static struct world_ssh *of(const struct world *w)
{
    return (struct world_ssh *)w;
}

const char *world_ssh_cluster(const struct world *w)
{
    return of(w)->want->cluster;
}

int world_ssh_cancel_fd(const struct world *w)
{
    return of(w)->cancel_fd;
}

static const char *name_of(const struct node *n)
{
    return n->target.name ? n->target.name : n->target.address;
}

const char *world_ssh_name(const struct world *w, int node)
{
    return name_of(&of(w)->node[node]);
}

/* --- programs */

static int try_exec(struct node *n, const struct transport_exec *x, bool *ret_fresh,
                    struct transport_result *ret, struct error **err)
{
    if (n->t && !transport_usable(n->t)) {
        transport_close(n->t);
        n->t = NULL;
    }
    *ret_fresh = !n->t;
    if (!n->t) {
        if (transport_open(&n->target, &n->t, err) < 0)
            return -1;
        atomic_fetch_add(&n->connections, 1);
    }
    atomic_fetch_add(&n->execs, 1);
    return transport_exec(n->t, x, ret, err);
}

/* A cancel that came too late for the call before ends nothing else; that of the whole world stands. */
static void forget_cancel(struct world_ssh *w, struct node *n)
{
    eventfd_t old;
    if (!atomic_load(&w->cancelled))
        eventfd_read(n->target.cancel_fd, &old);
    if (atomic_load(&w->cancelled)) /* it came between: what was read goes back */
        eventfd_write(n->target.cancel_fd, 1);
}

int world_ssh_exec(struct world *w, int node, const struct transport_exec *x, bool again,
                   struct transport_result *ret, struct error **err)
{
    struct node *n = &of(w)->node[node];
    struct error *own = NULL, **e = err ? err : &own;
    bool fresh = false;
    pthread_mutex_lock(&n->turn);
    forget_cancel(of(w), n);
    int rc = try_exec(n, x, &fresh, ret, e);
    /* An idle connection may have died unseen: nothing reached the node, so nothing is done twice. */
    bool retry = rc < 0 && (*e)->code == ERR_UNREACHABLE && n->t && ((!ret->sent && !fresh) || again);
    if (retry) {
        transport_result_free(ret);
        ret->sent = false;
        transport_close(n->t);
        n->t = NULL;
        error_free(TAKE(*e));
        rc = try_exec(n, x, &fresh, ret, e);
    }
    pthread_mutex_unlock(&n->turn);
    error_free(own);
    return rc;
}

/* The last lines of what a failed program said, made printable. */
static char *said(const struct transport_result *r)
{
    const struct text *t = r->err.len ? &r->err : &r->out;
    _cleanup_(text_free) struct text out = {0};
    size_t from = t->len;
    for (int lines = 0; from > 0; from--)
        if (t->data[from - 1] == '\n' && from < t->len && ++lines == DETAIL_LINES)
            break;
    for (const char *p = text_str(t) + from; *p;) {
        size_t n = strcspn(p, "\n");
        _cleanup_(mem_freep) char *line = mem_strndup(p, n);
        if (n && out.len)
            text_addc(&out, '\n');
        text_add_safe(&out, line, LINE_WIDTH);
        p += n + (p[n] == '\n');
    }
    return text_take(&out);
}

static int failed_status(const struct node *n, const char *what, const struct transport_result *r,
                         struct error **err)
{
    bool full = strstr(text_str(&r->err), "No space left on device");
    _cleanup_(mem_freep) char *detail = said(r);
    error_set(err, full ? ERR_NO_SPACE : ERR_REMOTE_EXIT, "%s: failed with status %d", what, r->status);
    if (*detail)
        error_detail(err, detail);
    return error_subject(err, name_of(n));
}

static int op_sh(struct world *w, int node, const struct world_script *s, struct world_output *ret,
                 struct error **err)
{
    const char *what = s->what ? s->what : "run a program";
    struct transport_exec x = {.script = s->text,
                               .input = s->input,
                               .input_len = s->input_len,
                               .feed = s->feed,
                               .feed_ctx = s->feed_ctx,
                               .line = s->line,
                               .line_ctx = s->line_ctx,
                               .timeout_s = s->timeout_s,
                               .what = what};
    _cleanup_(transport_result_free) struct transport_result r = {0};
    if (world_ssh_exec(w, node, &x, false, &r, err) < 0)
        return -1;
    if (r.status != 0 && !s->any_status)
        return failed_status(&of(w)->node[node], what, &r, err);
    if (ret) {
        *ret = (struct world_output){.status = r.status, .out = r.out, .err = r.err};
        r.out = r.err = (struct text){0};
    }
    return 0;
}

static int op_put(struct world *w, int node, const char *path, uint32_t mode, const void *data, size_t len,
                  struct error **err)
{
    _cleanup_(text_free) struct text s = {0};
    _cleanup_(transport_result_free) struct transport_result r = {0};
    _cleanup_(mem_freep) char *what = mem_printf("write %s", path);
    char digest[DIGEST_HEX];
    if (*path != '/')
        return error_set(err, ERR_INTERNAL, "write %s: not an absolute path", path);
    digest_hex(data, len, digest);
    text_add(&s, "set -eu\nf=");
    text_add_quoted(&s, path);
    /* The digest is checked because a cut connection ends the input early. */
    text_addf(
        &s,
        "\nd=${f%%/*}\nd=${d:-/}\nif [ -d \"$f\" ]; then echo \"$f is a directory\" >&2; exit 1; fi\n"
        "[ -d \"$d\" ] || mkdir -p \"$d\"\nt=$(mktemp \"$d/.reconcile.XXXXXX\")\ntrap 'rm -f \"$t\"' EXIT\n"
        "cat >\"$t\"\nsum=$(sha256sum <\"$t\")\n"
        "if [ \"${sum%%%% *}\" != %s ]; then echo 'what arrived is not what was sent' >&2; exit 1; fi\n"
        "chmod %04o \"$t\"\nchown 0:0 \"$t\"\nsync \"$t\" 2>/dev/null || sync\nmv -f \"$t\" \"$f\"\n"
        "sync \"$d\" 2>/dev/null || sync\n",
        digest, (unsigned)mode & 07777);
    struct transport_exec x = {
        .script = text_str(&s), .input = data ? data : "", .input_len = len, .what = what};
    if (world_ssh_exec(w, node, &x, true, &r, err) < 0)
        return -1;
    return r.status ? failed_status(&of(w)->node[node], what, &r, err) : 0;
}

static int op_tree(struct world *w, int node, const struct world_tree *t, struct world_tree_stats *ret,
                   struct error **err)
{
    return sync_tree(w, node, world_ssh_cluster(w), t, ret, err);
}

static int op_observe(struct world *w, int node, unsigned sections, const char *nonce, struct text *ret,
                      struct error **err)
{
    _cleanup_(text_free) struct text script = {0};
    _cleanup_(transport_result_free) struct transport_result r = {0};
    probe_script(of(w)->want, node, sections, nonce, &script);
    struct transport_exec x = {.script = text_str(&script), .timeout_s = PROBE_TIMEOUT_S, .what = "probe"};
    if (world_ssh_exec(w, node, &x, true, &r, err) < 0)
        return -1;
    if (r.status != 0)
        return failed_status(&of(w)->node[node], x.what, &r, err);
    text_addn(ret, text_str(&r.out), r.out.len);
    return 0;
}

/* --- the world */

int world_ssh_new(const struct world_ssh_params *p, struct world **ret, struct error **err)
{
    static const struct world_ops ops = {
        .sh = op_sh, .job = job_run, .put = op_put, .tree = op_tree, .observe = op_observe};
    if (libssh2_init(0) != 0)
        return error_set(err, ERR_INTERNAL, "libssh2 cannot be initialised");
    int fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "make an eventfd");
    struct world_ssh *w = mem_alloc(sizeof *w);
    w->world.ops = &ops;
    w->want = p->want;
    w->n = p->n;
    w->cancel_fd = fd;
    w->config = ssh_config_cache_new(NULL);
    w->node = mem_array(NULL, p->n ? p->n : 1, sizeof *w->node);
    memset(w->node, 0, p->n * sizeof *w->node);
    for (size_t i = 0; i < p->n; i++) {
        pthread_mutex_init(&w->node[i].turn, NULL);
        w->node[i].target = p->targets[i];
        w->node[i].target.cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* -1: it cannot be cancelled */
        if (!w->node[i].target.config_cache)
            w->node[i].target.config_cache = w->config;
    }
    *ret = &w->world;
    return 0;
}

void world_ssh_close(struct world *world, int node)
{
    struct node *n = &of(world)->node[node];
    pthread_mutex_lock(&n->turn);
    transport_close(n->t);
    n->t = NULL;
    pthread_mutex_unlock(&n->turn);
}

void world_ssh_free(struct world *world)
{
    if (!world)
        return;
    struct world_ssh *w = of(world);
    for (size_t i = 0; i < w->n; i++) {
        transport_close(w->node[i].t);
        if (w->node[i].target.cancel_fd >= 0)
            close(w->node[i].target.cancel_fd);
        pthread_mutex_destroy(&w->node[i].turn);
    }
    free(w->node);
    ssh_config_cache_free(w->config);
    close(w->cancel_fd);
    free(w);
    libssh2_exit();
}

void world_ssh_freep(struct world **w)
{
    world_ssh_free(*w);
}

void world_ssh_cancel_all(struct world *world)
{
    struct world_ssh *w = of(world);
    atomic_store(&w->cancelled, true);
    eventfd_write(w->cancel_fd, 1);
    for (size_t i = 0; i < w->n; i++)
        world_ssh_cancel(world, (int)i);
}

void world_ssh_cancel(struct world *world, int node)
{
    int fd = of(world)->node[node].target.cancel_fd;
    if (fd >= 0)
        eventfd_write(fd, 1);
}

struct world_ssh_counters world_ssh_counters(struct world *world, int node)
{
    struct world_ssh *w = of(world);
    struct world_ssh_counters c = {0};
    for (size_t i = 0; i < w->n; i++)
        if (node < 0 || (size_t)node == i) {
            c.connections += atomic_load(&w->node[i].connections);
            c.execs += atomic_load(&w->node[i].execs);
        }
    return c;
}
