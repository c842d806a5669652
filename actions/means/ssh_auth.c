#include "actions/means/ssh_internal.h"

#include "actions/means/agent.h"
#include "actions/means/ssh_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_OFFERS                                                                                           \
    5 /* each offered key counts against the server's MaxAuthTries (6); the rest is for a password */
#define LOGIN_S 30 /* a refused password alone costs 3 to 4 s with PAM */
#define KEY_MAX (256 * 1024)

struct login {
    struct transport *t;
    long long until_ms;
    unsigned offers;
    bool key, password, interactive; /* what the server takes */
    bool dead;                       /* the server has had enough of us */
    struct agent_keys agent;
    bool *agent_used;
    struct text tried; /* for the final message: what became of each method */
    char *hint;
};

static void note(struct login *l, const char *what, const char *outcome)
{
    text_addf(&l->tried, "%s%s: %s", l->tried.len ? "; " : "", what, outcome);
}

/* Puts an error's words into the list, and keeps the first hint. */
static void note_error(struct login *l, const char *what, const struct error *e)
{
    _cleanup_(text_free) struct text words = {0};
    error_text(e, &words);
    if (what)
        note(l, what, text_str(&words));
    else
        text_addf(&l->tried, "%s%s", l->tried.len ? "; " : "", text_str(&words));
    if (e->hint && !l->hint)
        l->hint = mem_strdup(e->hint);
}

/* Evaluates a libssh2 log-in call until it is done. 1 in, 0 refused, -1 the connection is gone. */
#define TRY_LOGIN(l, rc, err, call)                                                                          \
    do {                                                                                                     \
        while (((rc) = (call)) == LIBSSH2_ERROR_EAGAIN)                                                      \
            if (ssh_wait((l)->t, (l)->until_ms, "log in", (err)) < 0)                                        \
                return -1;                                                                                   \
    } while (0)

static int outcome(struct login *l, int rc, const char *what, struct error **err)
{
    if (rc == 0)
        return 1;
    if (rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED || rc == LIBSSH2_ERROR_PASSWORD_EXPIRED ||
        rc == LIBSSH2_ERROR_METHOD_NOT_SUPPORTED) {
        note(l, what, rc == LIBSSH2_ERROR_PASSWORD_EXPIRED ? "expired" : "refused");
        return 0;
    }
    if (rc == LIBSSH2_ERROR_SOCKET_DISCONNECT || rc == LIBSSH2_ERROR_SOCKET_RECV ||
        rc == LIBSSH2_ERROR_SOCKET_SEND) {
        if (!l->offers && !l->tried.len)
            return ssh_failed(l->t, rc, ERR_UNREACHABLE, "log in", err);
        note(l, what, "the server hung up, it allows no more tries");
        l->dead = true;
        return 0;
    }
    /* libssh2 says -19 "Waiting for USERAUTH response" when the server disconnected in between. */
    note(l, what, "refused");
    char *words = NULL;
    libssh2_session_last_error(l->t->session, &words, NULL, 0);
    if (words && strstr(words, "Waiting for"))
        l->dead = true;
    return 0;
}

/* --- keys */

struct signer {
    const struct ssh_key *key; /* or: */
    const char *agent;
    const void *blob;
    size_t len;
    struct error *error;
};

static int sign(LIBSSH2_SESSION *session, unsigned char **sig, size_t *sig_len, const unsigned char *data,
                size_t len, void **abstract)
{
    struct signer *s = *abstract;
    (void)session;
    int rc = s->key ? ssh_key_sign(s->key, data, len, sig, sig_len, &s->error)
                    : agent_sign(s->agent, s->blob, s->len, data, len, sig, sig_len, &s->error);
    return rc;
}

static int offer(struct login *l, const struct ssh_key *key, const void *blob, size_t len, const char *what,
                 struct error **err)
{
    struct signer s = {.key = key, .agent = l->t->agent_socket, .blob = blob, .len = len};
    void *abstract = &s;
    _cleanup_(text_free) struct text offered = {0};
    ssh_key_offer_blob(blob, len, &offered);
    int rc;
    l->offers++;
    TRY_LOGIN(l, rc, err,
              libssh2_userauth_publickey(l->t->session, l->t->user, (unsigned char *)offered.data,
                                         offered.len, sign, &abstract));
    if (rc != 0 && s.error) {
        note_error(l, what, s.error);
        error_free(s.error);
        return 0;
    }
    return outcome(l, rc, what, err);
}

static int agent_index(const struct login *l, const void *blob, size_t len)
{
    for (size_t i = 0; i < l->agent.n; i++)
        if (l->agent.key[i].len == len && memcmp(l->agent.key[i].blob, blob, len) == 0)
            return (int)i;
    return -1;
}

static int read_key(const char *path, struct text *out, struct error **err)
{
    char buf[4096];
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        char why[128];
        return error_set(err, ERR_AUTH, "the key %s cannot be read: %s", path,
                         strerror_r(errno, why, sizeof why));
    }
    while (out->len < KEY_MAX && (n = read(fd, buf, sizeof buf)) > 0)
        text_addn(out, buf, (size_t)n);
    explicit_bzero(buf, sizeof buf);
    close(fd);
    return n < 0 || !out->len ? error_set(err, ERR_AUTH, "the key %s cannot be read", path) : 0;
}

static void wipe(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
}

static int secret_text(const struct transport_secret *s, char **ret, struct error **err)
{
    return s->get ? s->get(s->ctx, ret, err) : 0;
}

/* OpenSSH's own format under a passphrase: libssh2 knows how to open it, but cannot sign with RSA. */
static int offer_sealed(struct login *l, const struct ssh_key *key, const char *text, const char *passphrase,
                        const char *label, const char *what, struct error **err)
{
    if (str_eq(key->type, "ssh-rsa")) {
        note(l, what, "an RSA key in OpenSSH's format with a passphrase cannot be opened here");
        if (!l->hint)
            l->hint = mem_printf(
                "load it into the SSH agent (ssh-add %s), or convert it: ssh-keygen -p -m PEM -f %s", label,
                label);
        return 0;
    }
    int rc;
    unsigned long long heard = l->t->heard;
    l->offers++;
    TRY_LOGIN(l, rc, err,
              libssh2_userauth_publickey_frommemory(l->t->session, l->t->user, strlen(l->t->user), NULL, 0,
                                                    text, strlen(text), passphrase));
    if (rc != 0 && heard == l->t->heard) { /* the server was not even asked; libssh2 has one error for all */
        l->offers--;
        note(l, what, "the passphrase is wrong");
        return 0;
    }
    return outcome(l, rc, what, err);
}

static int offer_text(struct login *l, const char *text, const char *label, bool named,
                      const struct transport_secret *secret, struct error **err)
{
    _cleanup_(ssh_key_freep) struct ssh_key *key = NULL;
    _cleanup_(error_freep) struct error *why = NULL;
    _cleanup_(wipe) char *passphrase = NULL;
    _cleanup_(mem_freep) char *what = mem_printf("key %s", label);
    if (ssh_key_encrypted(text) && secret_text(secret, &passphrase, &why) < 0) {
        note_error(l, what, why);
        return 0;
    }
    /* Without its passphrase the public half may still be readable, and the agent may hold the key. */
    if (ssh_key_parse(text, label, passphrase, &key, &why) < 0) {
        _cleanup_(ssh_key_freep) struct ssh_key *half = NULL;
        int i = ssh_key_encrypted(text) && !passphrase && ssh_key_parse(text, label, "", &half, NULL) == 0
                    ? agent_index(l, half->blob.data, half->blob.len)
                    : -1;
        if (i < 0) {
            if (named)
                note_error(l, NULL, why);
            return 0;
        }
        l->agent_used[i] = true;
        return offer(l, NULL, half->blob.data, half->blob.len, what, err);
    }
    int i = agent_index(l, key->blob.data, key->blob.len);
    if (i >= 0)
        l->agent_used[i] = true; /* one offer is enough */
    if (key->sealed && i >= 0)
        return offer(l, NULL, key->blob.data, key->blob.len, what, err);
    if (key->sealed)
        return offer_sealed(l, key, text, passphrase, label, what, err);
    return offer(l, key, key->blob.data, key->blob.len, what, err);
}

static int offer_key(struct login *l, const struct transport_key *k, bool named, struct error **err)
{
    _cleanup_(error_freep) struct error *why = NULL;
    _cleanup_(text_wipe) struct text text = {0};
    if (!k->path) {
        _cleanup_(wipe) char *data = NULL;
        if (secret_text(&k->data, &data, &why) < 0) {
            note_error(l, "key", why);
            return 0;
        }
        return data ? offer_text(l, data, "from pkData", named, &k->passphrase, err) : 0;
    }
    struct arena *a = arena_new();
    const char *path = ssh_config_expand(a, k->path);
    int rc = 0;
    if (read_key(path, &text, &why) == 0)
        rc = offer_text(l, text_str(&text), path, named, &k->passphrase, err);
    else if (named)
        note_error(l, NULL, why);
    arena_free(a);
    return rc;
}

static bool known_type(const struct agent_key *k)
{
    static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521", "ssh-rsa"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t n = strlen(types[i]);
        if (k->len > n + 4 && k->blob[3] == n && memcmp(k->blob + 4, types[i], n) == 0)
            return true;
    }
    return false;
}

static int try_keys(struct login *l, struct error **err)
{
    const struct transport_target *g = l->t->target;
    _cleanup_(error_freep) struct error *why = NULL;
    int rc = 0;
    if (l->t->agent_socket && agent_list(l->t->agent_socket, &l->agent, &why) < 0)
        note_error(l, "agent", why);
    l->agent_used = mem_alloc(l->agent.n + 1);
    for (size_t i = 0; i < g->n_keys && rc == 0 && !l->dead && l->offers < MAX_OFFERS; i++)
        rc = offer_key(l, &g->keys[i], true, err);
    for (size_t i = 0;
         i < l->t->config.n_identity_files && !g->n_keys && rc == 0 && !l->dead && l->offers < MAX_OFFERS;
         i++) {
        struct transport_key k = {.path = l->t->config.identity_files[i], .passphrase = {0}};
        rc = offer_key(l, &k, false, err);
    }
    for (size_t i = 0; i < l->agent.n && rc == 0 && !l->dead && l->offers < MAX_OFFERS; i++)
        if (!l->agent_used[i] && known_type(&l->agent.key[i]))
            rc = offer(l, NULL, l->agent.key[i].blob, l->agent.key[i].len, "a key of the agent", err);
    return rc;
}

/* --- passwords */

/* libssh2 hands `abstract` on to its callbacks, and that is the transport: the password travels beside it. */
static _Thread_local const char *answer;

static void respond(const char *name, int name_len, const char *instruction, int instruction_len, int n,
                    const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts,
                    LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **abstract)
{
    (void)name;
    (void)name_len;
    (void)instruction;
    (void)instruction_len;
    (void)abstract;
    /* PAM asks again with no prompt at all. A prompt that echoes asks for something else than a password. */
    for (int i = 0; i < n; i++) {
        responses[i].text = mem_strdup(prompts[i].echo ? "" : answer);
        responses[i].length = (unsigned)strlen(responses[i].text);
    }
}

static int try_passwords(struct login *l, struct error **err)
{
    struct transport *t = l->t;
    _cleanup_(error_freep) struct error *why = NULL;
    _cleanup_(wipe) char *password = NULL;
    int rc = 0;
    if (secret_text(&t->target->password, &password, &why) < 0) {
        note_error(l, "password", why);
        return 0;
    }
    if (!password)
        return 0;
    if (!l->password && !l->interactive)
        note(l, "password", "the server takes none");
    unsigned len = (unsigned)strlen(t->user);
    if (l->password) {
        TRY_LOGIN(l, rc, err,
                  libssh2_userauth_password_ex(t->session, t->user, len, password, (unsigned)strlen(password),
                                               NULL));
        rc = outcome(l, rc, "password", err);
        if (rc != 0 || l->dead)
            return rc;
    }
    if (l->interactive) {
        answer = password;
        TRY_LOGIN(l, rc, err, libssh2_userauth_keyboard_interactive_ex(t->session, t->user, len, respond));
        answer = NULL;
        rc = outcome(l, rc, "password (keyboard-interactive)", err);
    }
    return rc;
}

/* --- */

static int try_all(struct login *l, struct error **err)
{
    struct transport *t = l->t;
    char *list;
    while (!(list = libssh2_userauth_list(t->session, t->user, (unsigned)strlen(t->user)))) {
        if (libssh2_userauth_authenticated(t->session))
            return 1;
        int rc = libssh2_session_last_errno(t->session);
        if (rc != LIBSSH2_ERROR_EAGAIN)
            return ssh_failed(t, rc, ERR_UNREACHABLE, "log in", err);
        if (ssh_wait(t, l->until_ms, "log in", err) < 0)
            return -1;
    }
    l->key = strstr(list, "publickey");
    l->password = strstr(list, "password");
    l->interactive = strstr(list, "keyboard-interactive");
    int rc = 0;
    if (l->key)
        rc = try_keys(l, err);
    else if (t->target->n_keys)
        note(l, "keys", "the server takes none");
    if (rc == 0 && !l->dead)
        rc = try_passwords(l, err);
    return rc;
}

int ssh_login(struct transport *t, struct error **err)
{
    struct login l = {.t = t, .until_ms = ssh_now_ms() + LOGIN_S * 1000LL};
    int rc = try_all(&l, err);
    if (rc == 0) {
        _cleanup_(text_free) struct text safe = {0};
        text_add_safe(&safe, text_str(&l.tried), 1000);
        error_set(err, ERR_AUTH, "user %s may not log in (%s)", t->user,
                  l.tried.len ? text_str(&safe) : "there is no key, agent or password to try");
        if (l.hint)
            error_hint(err, "%s", l.hint);
        else
            error_hint(err, "name a key (pk) or a password (passwd) that this node takes, or load the key "
                            "into the SSH agent");
    } else if (rc < 0 && err && *err && (*err)->code == ERR_TIMEOUT) {
        error_set(err, ERR_UNREACHABLE, "the log-in was not done within %d s", LOGIN_S);
    }
    agent_keys_free(&l.agent);
    free(l.agent_used);
    text_free(&l.tried);
    free(l.hint);
    if (rc <= 0)
        return -1;
    t->logged_in = true;
    t->heard_ms = ssh_now_ms();
    t->alive_ms = t->heard_ms;
    text_free(&t->hello);
    libssh2_keepalive_config(t->session, 1, t->idle_s < 6 ? 2 : t->idle_s / 3);
    return 0;
}
