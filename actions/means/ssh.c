#include "actions/means/ssh_internal.h"

#include "actions/means/known_hosts.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_TRIES 6 /* a busy sshd drops connections before it greets (MaxStartups) */
#define HELLO_MAX 8192

long long ssh_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int cancelled(struct error **err)
{
    return error_set(err, ERR_CANCELLED, "interrupted");
}

static int poll_until(const struct transport *t, int fd, short events, long long until_ms)
{
    struct pollfd p[2] = {{.fd = fd, .events = events},
                          {.fd = t->target->cancel_fd > 0 ? t->target->cancel_fd : -1, .events = POLLIN}};
    for (;;) {
        long long left = until_ms - ssh_now_ms();
        int n = poll(p, 2, left <= 0 ? 0 : left > 60000 ? 60000 : (int)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (p[1].revents)
            return -2;
        if (n > 0)
            return 1;
        if (ssh_now_ms() >= until_ms)
            return 0;
    }
}

int ssh_wait(struct transport *t, long long until_ms, const char *what, struct error **err)
{
    long long idle_ms = (long long)t->idle_s * 1000;
    for (;;) {
        long long now = ssh_now_ms(), until = until_ms;
        bool out = libssh2_session_block_directions(t->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND;
        if (now >= until_ms)
            return error_set(err, ERR_TIMEOUT, "%s: not done in time", what);
        if (t->logged_in && now - t->heard_ms >= idle_ms) {
            t->broken = true;
            return error_set(err, ERR_UNREACHABLE, "%s: no sign of life for %u s", what, t->idle_s);
        }
        if (t->logged_in) {
            /* Three questions fit into the idle time; each answer is a sign of life. Never while a packet is
             * half sent: libssh2 wants that very call repeated first. */
            long long ask = (t->alive_ms > t->heard_ms ? t->alive_ms : t->heard_ms) + idle_ms / 3;
            if (!out && now >= ask) {
                int next;
                libssh2_keepalive_send(t->session, &next);
                t->alive_ms = ask = now;
            }
            ask += idle_ms / 3 + 1;
            until = until < ask ? until : ask;
            until = until < t->heard_ms + idle_ms ? until : t->heard_ms + idle_ms;
        }
        int n = poll_until(t, t->fd, (short)(POLLIN | (out ? POLLOUT : 0)), until);
        if (n == -2) {
            t->broken = true;
            return cancelled(err);
        }
        if (n > 0)
            return 0;
    }
}

int ssh_failed(struct transport *t, int rc, enum error_code code, const char *what, struct error **err)
{
    char *words = NULL;
    libssh2_session_last_error(t->session, &words, NULL, 0);
    bool lost = rc == LIBSSH2_ERROR_SOCKET_DISCONNECT || rc == LIBSSH2_ERROR_SOCKET_RECV ||
                rc == LIBSSH2_ERROR_SOCKET_SEND || rc == LIBSSH2_ERROR_SOCKET_TIMEOUT;
    _cleanup_(text_free) struct text safe = {0};
    text_add_safe(&safe, words ? words : "", 200);
    t->broken = true;
    if (lost)
        return error_set(err, ERR_UNREACHABLE, "%s: the connection was lost", what);
    return error_set(err, code, "%s: %s (libssh2 %d)", what, text_str(&safe), rc);
}

/* libssh2's own receiving, plus: when something came, and what the server said before encryption began. */
static ssize_t on_recv(libssh2_socket_t fd, void *buf, size_t len, int flags, void **abstract)
{
    struct transport *t = *abstract;
    ssize_t n = recv(fd, buf, len, flags);
    if (n < 0)
        return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (n > 0) {
        t->heard_ms = ssh_now_ms();
        t->heard += (unsigned long long)n;
        size_t room = HELLO_MAX - t->hello.len;
        if (!t->logged_in && room)
            text_addn(&t->hello, buf, (size_t)n < room ? (size_t)n : room);
    }
    return n;
}

static int connect_one(struct transport *t, const struct addrinfo *a, long long until_ms, struct error **err)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(err, errno, "make a socket");
    int one = 1, e = 0;
    socklen_t len = sizeof e;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
        e = errno;
    int n = e ? 1 : poll_until(t, fd, POLLOUT, until_ms);
    if (n > 0 && !e)
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len);
    if (n > 0 && !e) {
        t->fd = fd;
        return 0;
    }
    close(fd);
    if (n == -2)
        return cancelled(err);
    char why[128];
    if (n == 0)
        return error_set(err, ERR_UNREACHABLE, "does not answer on port %u within %u s", t->port,
                         t->connect_s);
    return error_set(err, ERR_UNREACHABLE, "port %u: %s", t->port, strerror_r(e, why, sizeof why));
}

static int connect_any(struct transport *t, long long until_ms, struct error **err)
{
    char port[16];
    snprintf(port, sizeof port, "%u", t->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV},
                    *list = NULL;
    int rc = getaddrinfo(t->address, port, &hints, &list);
    if (rc == EAI_NONAME) {
        hints.ai_flags = AI_NUMERICSERV;
        rc = getaddrinfo(t->address, port, &hints, &list);
    }
    if (rc != 0)
        return error_set(err, ERR_UNREACHABLE, "the name %s cannot be resolved: %s", t->address,
                         gai_strerror(rc));
    rc = -1;
    for (const struct addrinfo *a = list; a && rc < 0; a = a->ai_next) {
        rc = connect_one(t, a, until_ms, err);
        if (rc < 0 && err && (*err)->code == ERR_CANCELLED)
            break;
    }
    freeaddrinfo(list);
    return rc;
}

static int prefer(struct transport *t, int method, const char *list, struct error **err)
{
    int rc = libssh2_session_method_pref(t->session, method, list);
    return rc ? ssh_failed(t, rc, ERR_INTERNAL, "choose algorithms", err) : 0;
}

/* Stored key types first, else a server that has several shows one that the file does not hold. Only names
 * that this libssh2 supports: to remove others it copies between overlapping pieces of memory. */
static int prefer_known_types(struct transport *t, const struct known_hosts *known, struct error **err)
{
    static const struct {
        const char *type, *method;
    } methods[] = {{"ssh-ed25519", "ssh-ed25519"},
                   {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
                   {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
                   {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
                   {"ssh-rsa", "rsa-sha2-512"},
                   {"ssh-rsa", "rsa-sha2-256"},
                   {"ssh-rsa", "ssh-rsa"}};
    _cleanup_(text_free) struct text types = {0}, list = {0};
    const char **supported = NULL;
    int n = libssh2_session_supported_algs(t->session, LIBSSH2_METHOD_HOSTKEY, &supported);
    known_hosts_types(known, t->known_as, t->port, &types);
    for (int stored = 1; stored >= 0; stored--)
        for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
            bool have = false;
            for (int k = 0; k < n; k++)
                have = have || str_eq(supported[k], methods[i].method);
            if (have && stored == (types.data && strstr(types.data, methods[i].type) != NULL))
                text_addf(&list, "%s%s", list.len ? "," : "", methods[i].method);
        }
    if (n > 0)
        libssh2_free(t->session, supported);
    return list.len ? prefer(t, LIBSSH2_METHOD_HOSTKEY, text_str(&list), err) : 0;
}

static void drop_session(struct transport *t)
{
    if (t->fd >= 0)
        shutdown(t->fd, SHUT_RDWR); /* from here on no call of libssh2 can wait for the other side */
    for (int i = 0; t->session && i < 100 && libssh2_session_free(t->session) == LIBSSH2_ERROR_EAGAIN; i++)
        ;
    t->session = NULL;
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}

/* A server's first packet lists its host key algorithms in the clear. */
static bool offers(const struct transport *t, const char *algorithm)
{
    return t->hello.data && memmem(t->hello.data, t->hello.len, algorithm, strlen(algorithm));
}

static int no_agreement(struct transport *t, int rc, struct error **err)
{
    if (offers(t, "rsa-sha2-") && !offers(t, "ssh-ed25519") && !offers(t, "ecdsa-sha2-")) {
        error_set(err, ERR_HOST_KEY,
                  "the server has only an RSA host key, which this SSH library cannot check");
        return error_hint(err, "make a modern one there: ssh-keygen -A, then restart sshd");
    }
    return ssh_failed(t, rc, ERR_UNREACHABLE, "agree with the SSH server on encryption", err);
}

static int handshake(struct transport *t, const struct known_hosts *known, long long until_ms,
                     struct error **err)
{
    int rc;
    t->heard = 0;
    text_clear(&t->hello);
    t->session = libssh2_session_init_ex(NULL, NULL, NULL, t);
    if (!t->session)
        return error_set(err, ERR_INTERNAL, "libssh2 cannot make a session");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
    libssh2_session_callback_set(t->session, LIBSSH2_CALLBACK_RECV, (void *)on_recv);
#pragma GCC diagnostic pop
    libssh2_session_set_blocking(t->session, 0);
    if (prefer(t, LIBSSH2_METHOD_CRYPT_CS, "aes128-ctr,aes192-ctr,aes256-ctr", err) < 0 ||
        prefer(t, LIBSSH2_METHOD_CRYPT_SC, "aes128-ctr,aes192-ctr,aes256-ctr", err) < 0 ||
        prefer_known_types(t, known, err) < 0)
        return -1;
    while ((rc = libssh2_session_handshake(t->session, t->fd)) == LIBSSH2_ERROR_EAGAIN) {
        if (ssh_wait(t, until_ms, "handshake", err) == 0)
            continue;
        if (err && (*err)->code == ERR_TIMEOUT)
            error_set(err, ERR_UNREACHABLE,
                      t->heard ? "the SSH handshake was not done within %u s"
                               : "port accepts connections, but no SSH server greets within %u s",
                      t->connect_s);
        return -1;
    }
    return rc == 0 ? 0 : no_agreement(t, rc, err);
}

static int check_host_key(struct transport *t, const struct known_hosts *known, bool learn, bool *ret_learned,
                          char **ret_fingerprint, struct error **err)
{
    size_t len;
    int type;
    const char *key = libssh2_session_hostkey(t->session, &len, &type), *where = NULL;
    _cleanup_(text_free) struct text print = {0};
    char name[64] = "?";
    if (!key || !known_hosts_type(key, len, name, sizeof name))
        return error_set(err, ERR_PROTOCOL, "the server shows no host key");
    text_addf(&print, "%s ", name);
    known_hosts_fingerprint(key, len, &print);
    enum known_host state = known_hosts_check(known, t->known_as, t->port, key, len, &where);
    const char *file = t->known_hosts && t->known_hosts[0] ? t->known_hosts[0] : NULL;
    *ret_learned = false;
    switch (state) {
    case KNOWN_HOST_MATCH:
        break;
    case KNOWN_HOST_UNKNOWN:
        if (learn && file) {
            if (known_hosts_add(file, t->known_as, t->port, key, len, err) < 0)
                return -1;
            *ret_learned = true;
            break;
        }
        error_set(err, ERR_HOST_KEY, "the host key is unknown: %s", text_str(&print));
        return error_hint(
            err,
            "compare it with the machine's own (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub there), then run "
            "`reconcile trust`, or pass --accept-new-host-keys");
    case KNOWN_HOST_CHANGED:
    case KNOWN_HOST_OTHER:
        error_set(err, ERR_HOST_KEY,
                  "the host key is not the known one: the server shows %s, but %s holds %s", text_str(&print),
                  where, state == KNOWN_HOST_CHANGED ? "another" : "only keys of other types");
        return error_hint(
            err,
            "either the machine was reinstalled, or someone stands between: if you are sure, remove that "
            "line (ssh-keygen -R) and run `reconcile trust`");
    case KNOWN_HOST_REVOKED:
        error_set(err, ERR_HOST_KEY, "the host key %s is revoked by %s", text_str(&print), where);
        return error_hint(err, "give the machine a new host key");
    case KNOWN_HOST_CERTIFIED:
        error_set(
            err, ERR_HOST_KEY,
            "%s trusts a certificate authority for this host, but host certificates are not understood here",
            where);
        return error_hint(err, "add the host's own key, %s, to known_hosts: ssh-keyscan", text_str(&print));
    }
    *ret_fingerprint = text_take(&print);
    return 0;
}

/* Connects up to an agreed and checked host key. */
static int greet(struct transport *t, bool learn, bool *ret_learned, char **ret_fingerprint,
                 struct error **err)
{
    long long until_ms = ssh_now_ms() + (long long)t->connect_s * 1000;
    struct known_hosts *known = NULL;
    if (known_hosts_read(t->known_hosts, &known, err) < 0)
        return -1;
    int rc = -1;
    for (unsigned try = 1;; try++) {
        rc = connect_any(t, until_ms, err);
        if (rc < 0)
            break;
        rc = handshake(t, known, until_ms, err);
        if (rc == 0 || t->heard > 0 || try == MAX_TRIES || (err && (*err)->code != ERR_UNREACHABLE))
            break;
        /* Dropped before it greeted: an overloaded sshd. Later tries are spread, so that they do not meet
         * again. */
        unsigned char dice = 0;
        RAND_bytes(&dice, 1);
        drop_session(t);
        t->broken = false;
        long long again = ssh_now_ms() + (50LL << try) + dice;
        if (again >= until_ms)
            break;
        if (poll_until(t, -1, 0, again) == -2) {
            rc = cancelled(err);
            break;
        }
    }
    if (rc == 0)
        rc = check_host_key(t, known, learn, ret_learned, ret_fingerprint, err);
    known_hosts_free(known);
    return rc;
}

/* What is said explicitly wins over ssh's configuration, and that over the defaults. */
static int settle(struct transport *t, struct error **err)
{
    const struct transport_target *g = t->target;
    struct ssh_config *c = &t->config;
    if (g->ssh_config) {
        struct ssh_config_cache *own = g->config_cache ? NULL : ssh_config_cache_new(NULL);
        int rc = ssh_config_resolve(own ? own : g->config_cache, g->address, g->user, g->port, c, err);
        ssh_config_cache_free(own);
        if (rc < 0)
            return -1;
    } else {
        ssh_config_defaults(c);
    }
    if (c->proxy)
        return error_set(err, ERR_UNREACHABLE,
                         "ssh's configuration sends this host through a proxy or jump host, which is not "
                         "supported");
    t->address = c->hostname ? c->hostname : g->address;
    t->known_as = c->host_key_alias ? c->host_key_alias : t->address;
    t->user = g->user ? g->user : c->user ? c->user : "root";
    t->port = g->port ? g->port : c->port ? c->port : 22;
    t->known_hosts = g->known_hosts ? g->known_hosts : c->known_hosts;
    t->agent_socket = str_eq(c->agent, "none")      ? NULL
                      : c->agent && g->agent_socket ? c->agent
                                                    : g->agent_socket;
    t->connect_s = g->connect_s ? g->connect_s : c->connect_s ? c->connect_s : 10;
    t->command_s = g->command_s ? g->command_s : 300;
    t->idle_s = g->idle_s ? g->idle_s : 60;
    return 0;
}

static int start(const struct transport_target *target, bool login, bool learn, bool *ret_learned,
                 char **ret_fingerprint, struct transport **ret, struct error **err)
{
    struct error *own = NULL, **e = err ? err : &own;
    struct transport *t = mem_alloc(sizeof *t);
    t->target = target;
    t->name = target->name ? target->name : target->address;
    t->fd = -1;
    int rc = settle(t, e);
    if (rc == 0)
        rc = greet(t, learn, ret_learned, ret_fingerprint, e);
    if (rc == 0 && login)
        rc = ssh_login(t, e);
    if (rc == 0) {
        *ret = t;
        return 0;
    }
    error_subject(e, t->name);
    error_free(own);
    t->broken = true;
    transport_close(t);
    return -1;
}

int transport_open(const struct transport_target *target, struct transport **ret, struct error **err)
{
    bool learned;
    _cleanup_(mem_freep) char *fingerprint = NULL;
    return start(target, true, target->accept_new_host_keys, &learned, &fingerprint, ret, err);
}

int transport_trust(const struct transport_target *target, bool *ret_learned, char **ret_fingerprint,
                    struct error **err)
{
    struct transport *t = NULL;
    if (start(target, false, true, ret_learned, ret_fingerprint, &t, err) < 0)
        return -1;
    transport_close(t);
    return 0;
}

bool transport_usable(const struct transport *t)
{
    return !t->broken;
}

void transport_close(struct transport *t)
{
    if (!t)
        return;
    if (t->session && !t->broken) /* one packet; if it does not fit now, the closed socket says as much */
        libssh2_session_disconnect(t->session, "done");
    drop_session(t);
    text_free(&t->hello);
    ssh_config_free(&t->config);
    free(t);
}
