#include "actions/means/agent.h"

#include "actions/means/wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    REQUEST_IDENTITIES = 11,
    IDENTITIES_ANSWER = 12,
    SIGN_REQUEST = 13,
    SIGN_RESPONSE = 14,
    RSA_SHA2_512 = 4
};
#define AGENT_MAX ((size_t)256 * 1024) /* OpenSSH's own limit of a message */
#define AGENT_TIMEOUT_S 60             /* an agent may ask its user, or wait for a finger on a token */

void agent_keys_free(struct agent_keys *k)
{
    for (size_t i = 0; i < k->n; i++)
        free(k->key[i].blob);
    free(k->key);
    *k = (struct agent_keys){0};
}

static int transfer(int fd, unsigned char *buf, size_t len, bool out, struct error **err)
{
    for (size_t done = 0; done < len;) {
        ssize_t n =
            out ? send(fd, buf + done, len - done, MSG_NOSIGNAL) : recv(fd, buf + done, len - done, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, errno, "talk to the SSH agent");
        if (n == 0)
            return error_set(err, ERR_IO, "the SSH agent hung up");
        done += (size_t)n;
    }
    return 0;
}

static int agent_connect(const char *path, struct error **err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a.sun_path)
        return error_set(err, ERR_IO, "the path of the SSH agent's socket is too long");
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_errno(err, errno, "make a socket");
    struct timeval tv = {.tv_sec = AGENT_TIMEOUT_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        error_errno(err, errno, "connect to the SSH agent");
        close(fd);
        return -1;
    }
    return fd;
}

/* One request, one answer. */
static int ask(const char *path, const struct text *request, struct text *answer, struct error **err)
{
    int fd = agent_connect(path, err), rc = -1;
    if (fd < 0)
        return -1;
    unsigned char head[4], *buf = NULL;
    size_t len = 0;
    _cleanup_(text_free) struct text framed = {0};
    wire_add_string(&framed, request->data, request->len);
    if (transfer(fd, (unsigned char *)framed.data, framed.len, true, err) < 0 ||
        transfer(fd, head, 4, false, err) < 0)
        goto out;
    struct wire w = {.p = head, .left = 4};
    len = wire_u32(&w);
    if (len == 0 || len > AGENT_MAX) {
        error_set(err, ERR_PROTOCOL, "the SSH agent answers nonsense");
        goto out;
    }
    buf = mem_alloc(len);
    if (transfer(fd, buf, len, false, err) < 0)
        goto out;
    text_addn(answer, buf, len);
    rc = 0;
out:
    free(buf);
    close(fd);
    return rc;
}

int agent_list(const char *path, struct agent_keys *ret, struct error **err)
{
    _cleanup_(text_free) struct text request = {0}, answer = {0};
    text_addc(&request, REQUEST_IDENTITIES);
    if (ask(path, &request, &answer, err) < 0)
        return -1;
    struct wire w = {.p = (unsigned char *)answer.data + 1, .left = answer.len - 1};
    if (answer.data[0] != IDENTITIES_ANSWER)
        return error_set(err, ERR_PROTOCOL, "the SSH agent does not list its keys");
    struct agent_keys keys = {0};
    uint32_t n = wire_u32(&w);
    for (uint32_t i = 0; i < n && !w.failed; i++) {
        size_t len, comment;
        const unsigned char *blob = wire_string(&w, &len);
        wire_string(&w, &comment);
        if (w.failed)
            break;
        struct agent_key *k = mem_push(&keys.key, &keys.n, &keys.cap, sizeof *keys.key);
        k->blob = mem_alloc(len);
        memcpy(k->blob, blob, len);
        k->len = len;
    }
    if (w.failed) {
        agent_keys_free(&keys);
        return error_set(err, ERR_PROTOCOL, "the SSH agent's list of keys is cut");
    }
    *ret = keys;
    return 0;
}

int agent_sign(const char *path, const void *blob, size_t blob_len, const void *data, size_t len,
               unsigned char **ret_sig, size_t *ret_len, struct error **err)
{
    _cleanup_(text_free) struct text request = {0}, answer = {0};
    struct wire type = {.p = blob, .left = blob_len};
    text_addc(&request, SIGN_REQUEST);
    wire_add_string(&request, blob, blob_len);
    wire_add_string(&request, data, len);
    wire_add_u32(&request, wire_is(&type, "ssh-rsa") ? RSA_SHA2_512 : 0);
    if (ask(path, &request, &answer, err) < 0)
        return -1;
    if (answer.data[0] != SIGN_RESPONSE)
        return error_set(err, ERR_AUTH, "the SSH agent refuses to sign");
    struct wire w = {.p = (unsigned char *)answer.data + 1, .left = answer.len - 1};
    size_t outer, n;
    const unsigned char *s = wire_string(&w, &outer);
    struct wire in = {.p = s, .left = outer, .failed = w.failed};
    wire_string(&in, &n); /* the signature's type */
    s = wire_string(&in, &n);
    if (in.failed)
        return error_set(err, ERR_PROTOCOL, "the SSH agent's signature is cut");
    unsigned char *sig = mem_alloc(n ? n : 1);
    memcpy(sig, s, n);
    *ret_sig = sig;
    *ret_len = n;
    return 0;
}
