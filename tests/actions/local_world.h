/* A world of one machine: this one. Scripts run by a real shell, with every path below /var/lib moved into a
 * directory of the test's own. Counts what it did, and can be cut off in the middle. */
#ifndef TESTS_ACTIONS_LOCAL_WORLD_H
#define TESTS_ACTIONS_LOCAL_WORLD_H

#include "actions/means/sync.h"

#include "tests/actions/image_build.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

struct local_world {
    struct world world;    /* first: the world's functions get this back */
    char *root;            /* stands for the machine's / */
    const char *shell;     /* "sh", "bash"; "busybox": its sh, and no tools but its own */
    unsigned scripts;      /* run so far */
    uint64_t input;        /* bytes given to them so far */
    const char *break_at;  /* NULL; else scripts end with status 99 at the first place of this, which begins
                              with a newline */
    const char *meanwhile; /* NULL; else a command that runs when a script begins to be fed */
    uint64_t cut_after; /* 0: never; else the connection breaks after so many bytes of one script's input */
};

/* Every /var/lib/ becomes ROOT/var/lib/. */
UNUSED static char *local_text(const struct local_world *l, const char *text)
{
    struct text t = {0};
    for (const char *p; (p = strstr(text, "/var/lib/")); text = p + strlen("/var/lib/")) {
        text_addn(&t, text, (size_t)(p - text));
        text_addf(&t, "%s/var/lib/", l->root);
    }
    text_add(&t, text);
    return text_take(&t);
}

static int local_give(struct local_world *l, int fd, const void *data, size_t n, uint64_t *given)
{
    bool cut = l->cut_after && *given + n >= l->cut_after;
    if (cut)
        n = (size_t)(l->cut_after - *given);
    *given += n;
    l->input += n;
    for (const char *p = data; n;) {
        ssize_t w = write(fd, p, n);
        if (w <= 0)
            return 0; /* it did not want all of it */
        p += w;
        n -= (size_t)w;
    }
    return cut ? -1 : 1;
}

/* 1: all was given, 0: the script stopped listening, -1: cut, -2: the feed failed. */
static int local_input(struct local_world *l, const struct world_script *s, int fd, struct error **err)
{
    uint64_t given = 0;
    const void *data = s->input;
    size_t n = s->input_len;
    if (!s->feed)
        return n ? local_give(l, fd, data, n, &given) : 1;
    if (l->meanwhile)
        assert_int_equal(system(l->meanwhile), 0);
    for (;;) {
        if (s->feed(s->feed_ctx, &data, &n, err))
            return -2;
        if (n == 0)
            return 1;
        int r = local_give(l, fd, data, n, &given);
        if (r <= 0)
            return r;
    }
}

static void local_exec(const struct local_world *l, const char *script, int in, const char *out,
                       const char *err)
{
    dup2(in, 0);
    dup2(open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    dup2(open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
    signal(SIGPIPE, SIG_DFL);
    if (str_eq(l->shell, "busybox")) {
        char *path = mem_printf("%s/busybox", l->root);
        setenv("PATH", path, 1);
        execl("/bin/busybox", "busybox", "sh", script, (char *)NULL);
    } else {
        execlp(l->shell, l->shell, script, (char *)NULL);
    }
    _exit(127);
}

static int local_sh(struct world *w, int node, const struct world_script *s, struct world_output *ret,
                    struct error **err)
{
    struct local_world *l = (struct local_world *)w;
    char *text = local_text(l, s->text), *script = mem_printf("%s/script", l->root);
    char *out = mem_printf("%s/out", l->root), *two = mem_printf("%s/err", l->root);
    struct world_output own = {0};
    int in[2], status = 0;
    (void)node;
    if (str_eq(l->shell,
               "busybox")) { /* the program adds the usual directories to PATH: here they hold other tools */
        char *p = strstr(text, "PATH=$PATH:");
        if (p)
            memset(p + strlen("PATH=$PATH"), ' ', strcspn(p + strlen("PATH=$PATH"), "\n"));
    }
    char *line = l->break_at ? strstr(text, l->break_at) : NULL;
    if (line) /* behind its newline; what is left of it becomes a comment */
        memcpy(line + 1, "exit 99 #", strlen("exit 99 #"));
    put_file(script, text);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    l->scripts++;
    pid_t pid = fork();
    if (pid == 0)
        local_exec(l, script, in[0], out, two);
    close(in[0]);
    int given = local_input(l, s, in[1], err);
    close(in[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    own.status = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    must(file_read(out, &own.out, NULL), &(struct error *){NULL});
    must(file_read(two, &own.err, NULL), &(struct error *){NULL});
    int r = 0;
    if (given == -1)
        r = error_set(err, ERR_UNREACHABLE, "connection lost");
    else if (given == -2)
        r = -1;
    else if (own.status && !s->any_status)
        r = error_set(err, ERR_REMOTE_EXIT, "%s: status %d: %s", s->what, own.status, text_str(&own.err));
    if (r == 0 && ret)
        *ret = own;
    else
        world_output_free(&own);
    free(text), free(script), free(out), free(two);
    return r;
}

static int local_job(struct world *w, int node, const struct world_job *j, struct error **err)
{
    struct world_script s = {.text = j->script, .what = j->what, .timeout_s = j->timeout_s};
    struct world_output out = {0};
    if (j->secret) {
        s.input = j->secret;
        s.input_len = strlen(j->secret);
    }
    int r = local_sh(w, node, &s, &out, err);
    world_output_free(&out);
    return r;
}

static int local_put(struct world *w, int node, const char *path, uint32_t mode, const void *data, size_t len,
                     struct error **err)
{
    struct local_world *l = (struct local_world *)w;
    char *full = mem_printf("%s%s", l->root, path);
    (void)node;
    put_file(full, "");
    int r = file_replace(full, mode, data, len, err);
    free(full);
    return r;
}

static int local_tree(struct world *w, int node, const struct world_tree *t, struct world_tree_stats *ret,
                      struct error **err)
{
    return sync_tree(w, node, "default", t, ret, err);
}

static int local_observe(struct world *w, int node, unsigned sections, const char *nonce, struct text *ret,
                         struct error **err)
{
    (void)w, (void)node, (void)sections, (void)nonce, (void)ret;
    return error_set(err, ERR_INTERNAL, "this world cannot be looked at");
}

UNUSED static void local_world_init(struct local_world *l, const char *shell)
{
    static const struct world_ops ops = {local_sh, local_job, local_put, local_tree, local_observe};
    *l = (struct local_world){.world = {&ops}, .root = scratch_new(), .shell = shell};
    signal(SIGPIPE, SIG_IGN);
    if (str_eq(shell, "busybox")) {
        char *install =
            mem_printf("mkdir %s/busybox && /bin/busybox --install -s %s/busybox", l->root, l->root);
        assert_int_equal(system(install), 0);
        free(install);
    }
}

UNUSED static void local_world_end(struct local_world *l)
{
    scratch_drop(l->root);
}

#endif
