/* A real OpenSSH server for tests, in a room of its own: new mount, PID, network and UTS namespaces made by
 * the test itself. Users, sudo rules and /var/lib are tmpfs copies there, ports collide with nobody, and when
 * the test ends, or crashes, the kernel ends everything in it. Needs root; without it the tests are skipped.
 */
#ifndef TESTS_ACTIONS_SSH_LAB_H
#define TESTS_ACTIONS_SSH_LAB_H

#include "actions/means/transport.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LAB "/run/lab"

/* Runs a command of ours, quietly; its status. */
__attribute__((format(printf, 1, 2))) static inline int lab_run(const char *fmt, ...)
{
    char cmd[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(cmd, sizeof cmd, fmt, ap);
    va_end(ap);
    int st = system(cmd);
    return WIFEXITED(st) ? WEXITSTATUS(st) : 128;
}

__attribute__((format(printf, 3, 4))) static inline void lab_write(const char *path, mode_t mode,
                                                                   const char *fmt, ...)
{
    FILE *f = fopen(path, "w");
    va_list ap;
    va_start(ap, fmt);
    if (!f || vfprintf(f, fmt, ap) < 0 || fclose(f) != 0 || chmod(path, mode) != 0)
        abort();
    va_end(ap);
}

/* Calls until() every 10 ms until it is true; false after 20 s. */
static inline bool lab_await(bool (*until)(void *ctx), void *ctx)
{
    for (int i = 0; i < 2000; i++) {
        if (until(ctx))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return false;
}

static inline char *lab_read(const char *path)
{
    static char buf[65536];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(buf, 1, sizeof buf - 1, f) : 0;
    if (f)
        fclose(f);
    buf[n] = 0;
    return buf;
}

/* --- users of the room */

static inline void lab_append(const char *path, const char *line)
{
    FILE *f = fopen(path, "a");
    if (!f || fputs(line, f) < 0 || fclose(f) != 0)
        abort();
}

static inline void lab_user(const char *name, int uid, const char *password, const char *shell,
                            const char *sudoers)
{
    char line[512], salt[] = "$6$reconcile$";
    snprintf(line, sizeof line, "%s:x:%d:%d::" LAB "/home/%s:%s\n", name, uid, uid, name, shell);
    lab_append("/etc/passwd", line);
    snprintf(line, sizeof line, "%s:x:%d:\n", name, uid);
    lab_append("/etc/group", line);
    snprintf(line, sizeof line, "%s:%s:19000:0:99999:7:::\n", name, password ? crypt(password, salt) : "*");
    lab_append("/etc/shadow", line);
    snprintf(line, sizeof line, LAB "/home/%s", name);
    lab_run("mkdir -p %s && chown %d:%d %s", line, uid, uid, line);
    if (sudoers) {
        snprintf(line, sizeof line, "/etc/sudoers.d/%s", name);
        lab_write(line, 0440, "%s\n", sudoers);
    }
}

static inline int lab_own_copy(const char *path)
{
    char copy[256];
    snprintf(copy, sizeof copy, LAB "/copy%s", path);
    return lab_run("mkdir -p $(dirname %s) && cp -a %s %s && chmod u+w %s && mount --bind %s %s", copy, path,
                   copy, copy, copy, path);
}

static inline int lab_room(void)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, NULL) < 0 || mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0 ||
        mount("tmpfs", "/var/lib", "tmpfs", 0, "mode=755") < 0)
        return -1;
    mkdir("/run/sshd", 0755);
    mkdir("/var/lib/reconcile", 0700);
    mkdir(LAB, 0755);
    mkdir(LAB "/home", 0755);
    sethostname("lab", 3);
    if (lab_own_copy("/etc/passwd") || lab_own_copy("/etc/shadow") || lab_own_copy("/etc/group") ||
        lab_own_copy("/etc/hosts"))
        return -1;
    /* root's own keys and settings stay outside */
    mkdir(LAB "/home/root", 0700);
    if (lab_run("sed '/^root:/s#:/[^:]*:\\([^:]*\\)$#:" LAB "/home/root:\\1#' /etc/passwd >" LAB
                "/passwd && cat " LAB "/passwd >/etc/passwd"))
        return -1;
    lab_append("/etc/hosts", "127.0.0.1 lab\n"); /* else sudo asks the network for its own name */
    if (access("/etc/sudoers.d", F_OK) == 0 && mount("tmpfs", "/etc/sudoers.d", "tmpfs", 0, "mode=755") < 0)
        return -1;
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    return ioctl(s, SIOCSIFFLAGS, &lo) < 0 ? -1 : close(s);
}

/* In main, first: true inside the room; false in the process that must return *ret_status. */
static inline bool lab_enter(int *ret_status)
{
    *ret_status = 0;
    if (access("/usr/sbin/sshd", X_OK) < 0) {
        printf("1..0 # SKIP needs openssh-server\n");
        return false;
    }
    if (geteuid() != 0 ||
        unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) < 0) {
        printf("1..0 # SKIP needs root and namespaces: %s\n", strerror(errno));
        return false;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        /* PID 1 reaps orphans; the test is its child, so that ordinary signal rules hold for it. */
        if (lab_room() < 0) {
            perror("the room for the test");
            _exit(1);
        }
        pid_t test = fork();
        if (test == 0)
            return true;
        for (int st;;) {
            pid_t ended = wait(&st);
            if (ended == test)
                _exit(WIFEXITED(st) ? WEXITSTATUS(st) : 1);
        }
    }
    int st = 0;
    while (pid > 0 && waitpid(pid, &st, 0) < 0 && errno == EINTR)
        ;
    /* Not by exit(): a leak check in this process, whose children are in another PID namespace, cannot work.
     */
    _exit(pid > 0 && WIFEXITED(st) ? WEXITSTATUS(st) : 1);
}

/* --- servers */

struct lab_sshd {
    pid_t pid;
    unsigned port;
};

static inline bool lab_listens(void *ctx)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t) * (unsigned *)ctx);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    bool ok = connect(s, (struct sockaddr *)&a, sizeof a) == 0;
    close(s);
    return ok;
}

/* host_keys: space-separated types, made once per room ("ed25519 rsa"). extra: further lines of its
 * configuration. */
static inline struct lab_sshd lab_sshd(unsigned port, const char *host_keys, const char *extra)
{
    struct lab_sshd d = {.port = port};
    char config[64], keys[256], *save = NULL;
    snprintf(config, sizeof config, LAB "/sshd%u", port);
    snprintf(keys, sizeof keys, "%s", host_keys);
    FILE *f = fopen(config, "w");
    if (!f)
        abort();
    for (char *k = strtok_r(keys, " ", &save); k; k = strtok_r(NULL, " ", &save)) {
        lab_run("test -f " LAB
                "/host_%s || ssh-keygen -q -t $(echo %s | tr -d 0-9_ | sed s/^ed/ed25519/) -N '' -f " LAB
                "/host_%s",
                k, k, k);
        fprintf(f, "HostKey " LAB "/host_%s\n", k);
    }
    fprintf(f,
            "Port %u\nPidFile none\nStrictModes no\nPermitRootLogin yes\nAuthorizedKeysFile " LAB
            "/authorized_keys\nMaxStartups 100\nUseDNS no\nLogLevel VERBOSE\n%s\n",
            port, extra ? extra : "UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no");
    fclose(f);
    d.pid = fork();
    if (d.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_DFL);
        execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-f", config, "-E", LAB "/sshd.log", (char *)NULL);
        _exit(127);
    }
    if (!lab_await(lab_listens, &d.port)) {
        fprintf(stderr, "sshd does not start: %s\n", lab_read(LAB "/sshd.log"));
        abort();
    }
    return d;
}

static inline void lab_sshd_stop(struct lab_sshd *d)
{
    kill(d->pid, SIGKILL);
    waitpid(d->pid, NULL, 0);
}

/* A key pair, let in for every user. */
static inline void lab_key(const char *name, const char *options)
{
    if (lab_run("ssh-keygen -q -C '' -f " LAB "/%s %s && cat " LAB "/%s.pub >>" LAB "/authorized_keys", name,
                options, name))
        abort();
}

/* known_hosts with this host key for 127.0.0.1 at that port. */
static inline void lab_known(const char *file, unsigned port, const char *host_key)
{
    lab_run("printf '[127.0.0.1]:%u %%s\\n' \"$(cut -d' ' -f1,2 " LAB "/host_%s.pub)\" >>%s", port, host_key,
            file);
}

#endif
