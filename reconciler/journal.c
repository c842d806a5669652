#include "reconciler/journal.h"

#include "reconciler/local.h"
#include "schema/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT_LOGS 20
#define MAX_JOURNAL ((off_t)8 * 1024 * 1024) /* then it is moved aside and a new one begun */
#define MAX_READ ((size_t)16 * 1024 * 1024)

struct journal {
    int fd;
    char *dir, *run, *clusterfile;
    char *cut_off;
    FILE *log;
    char *log_path;
};

int journal_state_dir(char **ret, struct error **err)
{
    return local_xdg_dir("XDG_STATE_HOME", ".local/state", ret, err);
}

/* --- records */

static void set(struct arena *a, struct value *v, const char *key, const char *text)
{
    value_set(a, v, key, value_string(a, text));
}

static int append(struct journal *j, const struct value *v, struct error **err)
{
    _cleanup_(text_free) struct text line = {0};
    value_json(v, &line);
    text_addc(&line, '\n');
    /* one write with O_APPEND: lines of two runs never mix */
    ssize_t n = write(j->fd, line.data, line.len);
    if (n != (ssize_t)line.len || fsync(j->fd) < 0)
        return error_errno(err, n >= 0 && n != (ssize_t)line.len ? ENOSPC : errno,
                           "cannot write the journal in %s", j->dir);
    return 0;
}

static struct value *record(struct arena *a, const struct journal *j, const char *what)
{
    struct value *v = value_map(a);
    _cleanup_(text_free) struct text now = {0};
    local_time(&now);
    set(a, v, "time", text_str(&now));
    set(a, v, "run", j->run);
    set(a, v, "what", what);
    return v;
}

static int on_begin(void *ctx, const char *id, struct error **err)
{
    struct journal *j = ctx;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct value *v = record(a, j, "begin");
    set(a, v, "action", id);
    return append(j, v, err);
}

static void on_end(void *ctx, const char *id, enum outcome outcome, const struct error *error)
{
    struct journal *j = ctx;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct value *v = record(a, j, "end");
    set(a, v, "action", id);
    set(a, v, "outcome", outcome_name(outcome));
    if (error) {
        _cleanup_(text_free) struct text words = {0};
        error_text(error, &words);
        set(a, v, "code", error_code_name(error->code));
        set(a, v, "error", text_str(&words));
    }
    append(j, v, NULL); /* a full disk stops the next begin */
}

struct recorder journal_recorder(struct journal *j)
{
    return (struct recorder){on_begin, on_end, j};
}

/* --- what an earlier run left */

struct open_run {
    char *run, *pid, *boot;
    char **actions;
    size_t n, cap;
    bool ended;
};

static void open_run_clear(struct open_run *o)
{
    for (size_t i = 0; i < o->n; i++)
        free(o->actions[i]);
    free(o->actions);
    free(o->run);
    free(o->pid);
    free(o->boot);
    *o = (struct open_run){.ended = true};
}

static void take_record(struct open_run *o, const struct value *v, const char *clusterfile)
{
    const char *what = value_text(value_get(v, "what"), ""), *run = value_text(value_get(v, "run"), "");
    const char *action = value_text(value_get(v, "action"), "");
    if (str_eq(what, "run")) {
        if (!str_eq(value_text(value_get(v, "clusterfile"), ""), clusterfile))
            return;
        open_run_clear(o);
        o->ended = false;
        o->run = mem_strdup(run);
        o->pid = mem_strdup(value_text(value_get(v, "process"), ""));
        o->boot = mem_strdup(value_text(value_get(v, "boot"), ""));
    } else if (!str_eq(run, o->run)) {
        return;
    } else if (str_eq(what, "begin")) {
        *(char **)mem_push(&o->actions, &o->n, &o->cap, sizeof *o->actions) = mem_strdup(action);
    } else if (str_eq(what, "end")) {
        for (size_t i = 0; i < o->n; i++)
            if (str_eq(o->actions[i], action)) {
                free(o->actions[i]);
                o->actions[i] = o->actions[--o->n];
                break;
            }
    } else if (str_eq(what, "run-end")) {
        o->ended = true;
    }
}

static char *describe(const struct open_run *o)
{
    _cleanup_(mem_freep) char *boot = local_boot();
    if (!o->run || o->ended || (*boot && str_eq(boot, o->boot) && local_process_lives(o->pid)))
        return NULL;
    struct text t = {0};
    text_addf(&t, "run %s was cut off", o->run);
    for (size_t i = 0; i < o->n; i++)
        text_addf(&t, "%s%s", i ? ", " : " during ", o->actions[i]);
    return text_take(&t);
}

/* A line that was cut by a crash, or that somebody edited, is passed over. */
static void read_back(struct journal *j, const char *path)
{
    _cleanup_(text_free) struct text all = {.max = MAX_READ};
    if (local_read(path, &all, NULL) < 0)
        return;
    struct open_run o = {.ended = true};
    for (const char *p = text_str(&all); *p;) {
        size_t n = strcspn(p, "\n");
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct value *v = NULL;
        if (n && p[n] && strstr(p, "\"what\"") && n > 2) {
            _cleanup_(mem_freep) char *line = mem_strndup(p, n);
            if (tree_parse_one(a, "journal", line, n, &v, NULL) == 0)
                take_record(&o, v, j->clusterfile);
        }
        p += n + (p[n] == '\n');
    }
    j->cut_off = describe(&o);
    open_run_clear(&o);
}

/* --- opening */

static int by_name_backwards(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*b)->d_name, (*a)->d_name);
}

static int is_log(const struct dirent *d)
{
    return str_ends(d->d_name, ".log");
}

static void drop_old_logs(const char *runs)
{
    struct dirent **names = NULL;
    int n = scandir(runs, &names, is_log, by_name_backwards);
    for (int i = 0; i < n; i++) {
        _cleanup_(mem_freep) char *path = mem_printf("%s/%s", runs, names[i]->d_name);
        if (i >= KEPT_LOGS)
            unlink(path);
        free(names[i]);
    }
    free(names);
}

static int open_log(struct journal *j, struct error **err)
{
    _cleanup_(mem_freep) char *runs = mem_printf("%s/runs", j->dir);
    if (local_make_dir(runs, 0700, err) < 0)
        return -1;
    j->log_path = mem_printf("%s/%s.log", runs, j->run);
    int fd = open(j->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || !(j->log = fdopen(fd, "a")))
        return error_errno(err, errno, "cannot write the log %s", j->log_path);
    drop_old_logs(runs);
    return 0;
}

/* The last line may have been cut by a crash: what follows begins on a line of its own. */
static void end_last_line(int fd)
{
    char c;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size > 0 && pread(fd, &c, 1, size - 1) == 1 && c != '\n') {
        ssize_t n = write(fd, "\n", 1);
        (void)n;
    }
}

static int open_file(struct journal *j, struct error **err)
{
    _cleanup_(mem_freep) char *path = mem_printf("%s/journal.jsonl", j->dir);
    struct stat st;
    read_back(j, path);
    if (stat(path, &st) == 0 && st.st_size > MAX_JOURNAL) {
        _cleanup_(mem_freep) char *old = mem_printf("%s.1", path);
        rename(path, old);
    }
    j->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (j->fd < 0)
        return error_errno(err, errno, "cannot write the journal %s", path);
    end_last_line(j->fd);
    return 0;
}

static int begin_run(struct journal *j, const struct journal_params *p, size_t actions, struct error **err)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(mem_freep) char *boot = local_boot(), *self = local_process();
    struct value *v = record(a, j, "run");
    set(a, v, "cluster", p->cluster);
    set(a, v, "clusterfile", j->clusterfile);
    set(a, v, "process", self);
    set(a, v, "boot", boot);
    value_set(a, v, "actions", value_int(a, (long long)actions));
    return append(j, v, err);
}

int journal_open(const struct journal_params *p, size_t actions, struct journal **ret, struct error **err)
{
    struct journal *j = mem_alloc(sizeof *j);
    j->fd = -1;
    j->run = p->run ? mem_strdup(p->run) : local_run_id();
    char *real = realpath(p->clusterfile, NULL);
    j->clusterfile = real ? real : mem_strdup(p->clusterfile);
    _cleanup_(mem_freep) char *state = NULL;
    if (!p->dir && journal_state_dir(&state, err) < 0)
        goto fail;
    j->dir = mem_printf("%s/%s", p->dir ? p->dir : state, p->cluster);
    if (local_make_dir(j->dir, 0700, err) < 0 || open_file(j, err) < 0 || open_log(j, err) < 0 ||
        begin_run(j, p, actions, err) < 0)
        goto fail;
    *ret = j;
    return 0;
fail:
    error_hint(err, "nothing was changed; the journal's place can be set by XDG_STATE_HOME");
    journal_close(j, NULL);
    return -1;
}

void journal_end(struct journal *j, const char *how)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct value *v = record(a, j, "run-end");
    set(a, v, "how", how);
    append(j, v, NULL);
}

void journal_close(struct journal *j, const char *how)
{
    if (!j)
        return;
    if (how)
        journal_end(j, how);
    if (j->fd >= 0)
        close(j->fd);
    if (j->log)
        fclose(j->log);
    free(j->dir);
    free(j->run);
    free(j->clusterfile);
    free(j->cut_off);
    free(j->log_path);
    free(j);
}

const char *journal_cut_off(const struct journal *j)
{
    return j->cut_off;
}

const char *journal_run(const struct journal *j)
{
    return j->run;
}

FILE *journal_log(const struct journal *j)
{
    return j->log;
}

const char *journal_log_path(const struct journal *j)
{
    return j->log_path;
}
