/* A machine for probe_test: a tree that stands for its root, tools of its own on PATH, and a shell to look at
 * it with. */
#ifndef TESTS_ACTIONS_PROBE_NODE_H
#define TESTS_ACTIONS_PROBE_NODE_H

#include "actions/means/probe.h"
#include "model/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN "/var/lib/reconcile/default"
#define TREE "/var/lib/sealos/data/default/rootfs"
enum { MASTER = 0, WORKER = 1 };
enum shell { SHELL_DASH, SHELL_BASH, SHELL_BUSYBOX, SHELL_BUSYBOX_TOOLS, N_SHELLS };

struct machine {
    enum shell shell;
    bool bare;  /* its PATH is its own tools alone */
    bool quiet; /* its stderr is of no interest */
    char root[64];
    struct want *want;
    struct have *have;
};

static inline void machine_make_parents(const char *path)
{
    _cleanup_(mem_freep) char *copy = mem_strdup(path);
    for (char *p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        assert_true(mkdir(copy, 0755) == 0 || errno == EEXIST);
        *p = '/';
    }
}

static inline void machine_write(const char *path, const char *text, mode_t mode)
{
    machine_make_parents(path);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
    assert_int_equal(chmod(path, mode), 0);
}

static inline void machine_put(struct machine *m, const char *path, const char *text)
{
    _cleanup_(mem_freep) char *full = mem_printf("%s%s", m->root, path);
    machine_write(full, text, 0644);
}

/* A program on the machine's PATH, before the system's own. */
static inline void machine_tool(struct machine *m, const char *name, const char *body)
{
    _cleanup_(mem_freep) char *full = mem_printf("%s/tools/%s", m->root, name);
    _cleanup_(mem_freep) char *text = mem_printf("#!/bin/sh\n%s", body);
    machine_write(full, text, 0755);
}

static inline struct want *machine_want(void)
{
    struct want *w = mem_alloc(sizeof *w);
    w->arena = arena_new();
    w->cluster = "default";
    w->n_hosts = 2;
    w->hosts = arena_alloc(w->arena, w->n_hosts * sizeof *w->hosts);
    w->hosts[MASTER] = (struct want_host){.address = "10.0.0.1", .roles = ROLE_MASTER, .listed = true};
    w->hosts[WORKER] = (struct want_host){.address = "10.0.0.2", .roles = ROLE_NODE, .listed = true};
    w->vip = DEFAULT_VIP;
    w->policy = policy_defaults();
    return w;
}

static inline void machine_new(struct machine *m, enum shell shell)
{
    *m = (struct machine){.shell = shell, .want = machine_want(), .have = have_new(2, 0, 0)};
    snprintf(m->root, sizeof m->root, "/tmp/probe-test.XXXXXX");
    assert_non_null(mkdtemp(m->root));
    machine_put(m, "/proc/sys/kernel/hostname", "node-a\n");
    machine_put(m, "/proc/sys/kernel/osrelease", "6.1.0-test\n");
    machine_put(m, "/proc/sys/kernel/random/boot_id", "11111111-2222-3333-4444-555555555555\n");
    machine_put(m, "/proc/meminfo", "MemTotal:        2048000 kB\nMemFree: 1 kB\n");
    machine_put(m, "/proc/net/tcp", "  sl  local_address rem_address   st\n");
    machine_put(m, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    machine_put(m, "/etc/os-release", "PRETTY_NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n");
    machine_put(m, "/etc/hosts", "127.0.0.1 localhost\n");
    machine_put(m, "/var/lib/x", "");
    machine_put(m, "/run/.keep", "");
    machine_tool(m, "id", "echo 0\n");
    machine_tool(m, "systemctl",
                 "printf 'inactive\\ninactive\\ninactive\\ninactive\\ninactive\\n'; exit 3\n");
    machine_tool(m, "iptables-save", "exit 0\n");
    machine_tool(m, "modprobe", "exit 1\n");
}

/* A directory with busybox' tools and nothing else, for all tests of the program. */
static char busybox_dir[64];

static inline int machines_setup(void **state)
{
    (void)state;
    snprintf(busybox_dir, sizeof busybox_dir, "/tmp/probe-busybox.XXXXXX");
    assert_non_null(mkdtemp(busybox_dir));
    _cleanup_(mem_freep) char *install = mem_printf("busybox --install -s %s", busybox_dir);
    return system(install);
}

static inline int machine_unlink(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s, (void)type, (void)at;
    return remove(path);
}

static inline void machine_free(struct machine *m)
{
    assert_int_equal(nftw(m->root, machine_unlink, 16, FTW_DEPTH | FTW_PHYS), 0);
    have_free(m->have);
    want_free(m->want);
}

static inline int machines_teardown(void **state)
{
    (void)state;
    return nftw(busybox_dir, machine_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* Takes a tool away: PATH becomes the machine's own, with links to all of busybox' but this one. */
static inline void machine_without(struct machine *m, const char *name)
{
    DIR *d = opendir(busybox_dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        _cleanup_(mem_freep) char *link = mem_printf("%s/tools/%s", m->root, e->d_name);
        if (e->d_name[0] != '.' && !str_eq(e->d_name, name) && access(link, F_OK) < 0)
            assert_int_equal(symlink("/bin/busybox", link), 0);
    }
    closedir(d);
    m->bare = true;
}

static inline void machine_exec(struct machine *m)
{
    _cleanup_(mem_freep) char *path =
        m->bare ? mem_printf("PATH=%s/tools", m->root)
        : m->shell == SHELL_BUSYBOX_TOOLS
            ? mem_printf("PATH=%s/tools:%s", m->root, busybox_dir)
            : mem_printf("PATH=%s/tools:/usr/sbin:/usr/bin:/sbin:/bin", m->root);
    _cleanup_(mem_freep) char *root = mem_printf("TEST_ROOT=%s", m->root);
    char *env[] = {path, root, "LANG=de_DE.UTF-8", NULL};
    switch (m->shell) {
    case SHELL_DASH:
        execle("/bin/dash", "sh", "-s", NULL, env);
        break;
    case SHELL_BASH:
        execle("/bin/bash", "bash", "-s", NULL, env);
        break;
    default:
        execle("/bin/busybox", "sh", "-s", NULL, env);
        break;
    }
    _exit(127);
}

/* Feeds the program to the shell's stdin; what it prints goes to out. Output is small against a pipe's buffer
 * only after the program was read, so one writes first and reads then. */
static inline int machine_run(struct machine *m, const char *program, size_t len, struct text *out)
{
    int in[2], back[2], status;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(back), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(back[1], 1);
        close(in[0]), close(in[1]), close(back[0]), close(back[1]);
        if (m->quiet && !freopen("/dev/null", "w", stderr))
            _exit(127);
        machine_exec(m);
    }
    assert_true(pid > 0);
    close(in[0]), close(back[1]);
    for (size_t done = 0; done < len;) {
        ssize_t n = write(in[1], program + done, len - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
    close(in[1]);
    char buffer[4096];
    for (ssize_t n; (n = read(back[0], buffer, sizeof buffer)) > 0;)
        text_addn(out, buffer, (size_t)n);
    close(back[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* The program as it is sent, but looking at the machine's tree. */
static inline void machine_program(struct machine *m, int node, unsigned sections, const char *nonce,
                                   struct text *program)
{
    static const char first[] = "ROOT=''\n";
    _cleanup_(text_free) struct text sent = {0};
    probe_script(m->want, node, sections, nonce, &sent);
    assert_true(str_starts(text_str(&sent), first));
    text_addf(program, "ROOT='%s'\n%s", m->root, text_str(&sent) + strlen(first));
}

struct machine_world {
    struct world world;
    struct machine *machine;
};

static inline int machine_observe(struct world *w, int node, unsigned sections, const char *nonce,
                                  struct text *ret, struct error **err)
{
    struct machine *m = ((struct machine_world *)w)->machine;
    _cleanup_(text_free) struct text program = {0};
    (void)err;
    machine_program(m, node, sections, nonce, &program);
    assert_int_equal(machine_run(m, text_str(&program), program.len, ret), 0);
    return 0;
}

static inline void machine_look(struct machine *m, int node, unsigned sections)
{
    static const struct world_ops ops = {.observe = machine_observe};
    struct machine_world w = {.world = {&ops}, .machine = m};
    _cleanup_(probe_answer_free) struct probe_answer a = {0};
    _cleanup_(error_freep) struct error *err = NULL;
    assert_int_equal(probe_observe(&w.world, node, sections, &a, &err), 0);
    if (getenv("PROBE_TEST_SHOW"))
        fputs(text_str(&a.raw), stderr);
    if (probe_update(m->want, m->have, &a, &err) < 0)
        fail_msg("shell %d: %s in:\n%s", m->shell, err->message, text_str(&a.raw));
}

/* Runs a line with the node's functions at hand. */
static inline void machine_shell(struct machine *m, const char *line)
{
    extern const char onnode_stat[];
    _cleanup_(text_free) struct text program = {0}, out = {0};
    text_addf(&program, "ROOT='%s'\n%s\n%s\n", m->root, onnode_stat, line);
    assert_int_equal(machine_run(m, text_str(&program), program.len, &out), 0);
}

static inline void machine_expect(struct machine *m, int node, enum fact_id f, enum tri state,
                                  const char *value)
{
    const struct fact *x = have_fact(m->have, node, f);
    if (x->state != state || (state == TRI_TRUE && !str_eq(x->value, value)))
        fail_msg("shell %d: %s is %s \"%s\", not %s \"%s\"", m->shell, fact_table[f].key,
                 x->state == TRI_TRUE    ? "true"
                 : x->state == TRI_FALSE ? "false"
                                         : "unknown",
                 x->value ? x->value : "", state == TRI_TRUE ? "true" : "false", value ? value : "");
}

static inline void machine_true(struct machine *m, int node, enum fact_id f, const char *value)
{
    machine_expect(m, node, f, TRI_TRUE, value);
}

static inline void machine_false(struct machine *m, int node, enum fact_id f)
{
    machine_expect(m, node, f, TRI_FALSE, NULL);
}

/* Names in a directory of the machine, but for those that begin with a dot. */
static inline void machine_list(struct machine *m, const char *path, struct text *out)
{
    _cleanup_(mem_freep) char *full = mem_printf("%s%s", m->root, path);
    DIR *d = opendir(full);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            text_addf(out, "%s\n", e->d_name);
    closedir(d);
}

static inline void machine_cut_program(struct machine *m)
{
    _cleanup_(text_free) struct text program = {0};
    m->quiet = true;
    machine_tool(m, "uname", "echo ran >\"$TEST_ROOT/ran\"\n");
    machine_program(m, MASTER, SECTION_ALL, "00", &program);
    static const size_t cuts[] = {0, 1, 2, 3, 20, 500, 2000, 10000};
    size_t called = (size_t)(strstr(text_str(&program), "\n(probe)") - text_str(&program));
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        _cleanup_(text_free) struct text out = {0};
        machine_run(m, text_str(&program), called - cuts[i], &out);
        assert_int_equal(out.len, 0);
        _cleanup_(mem_freep) char *ran = mem_printf("%s/ran", m->root);
        assert_int_equal(access(ran, F_OK), -1);
    }
}

/* Each test_NAME of the list under each shell. */
#define MACHINE_RUN(name)                                                                                    \
    static void run_##name(void **state)                                                                     \
    {                                                                                                        \
        for (int shell = 0; shell < N_SHELLS; shell++) {                                                     \
            struct machine m;                                                                                \
            machine_new(&m, (enum shell)shell);                                                              \
            test_##name(&m);                                                                                 \
            machine_free(&m);                                                                                \
        }                                                                                                    \
        (void)state;                                                                                         \
    }
#define MACHINE_ROW(name) cmocka_unit_test(run_##name),

#endif
