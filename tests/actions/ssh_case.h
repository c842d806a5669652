/* What the tests of the SSH code share: targets, and the two ways a call may end. */
#ifndef TESTS_ACTIONS_SSH_CASE_H
#define TESTS_ACTIONS_SSH_CASE_H

#include "tests/actions/ssh_lab.h"

#include <libssh2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PLAIN = 2201, RSA_ONLY, PASSWORD, KBD, SHELLS, RESTRICTED, BUSY };

static const char *const known[] = {LAB "/known", NULL};
static const struct transport_key ed25519 = {.path = LAB "/ed25519"};

static inline int literal(void *ctx, char **ret, struct error **err)
{
    (void)err;
    *ret = mem_strdup(ctx);
    return 0;
}
#define SECRET(s) ((struct transport_secret){.get = literal, .ctx = (char *)(s)})

static inline struct transport_target target(unsigned port)
{
    return (struct transport_target){.name = "node-a",
                                     .address = "127.0.0.1",
                                     .port = port,
                                     .user = "root",
                                     .known_hosts = known,
                                     .keys = &ed25519,
                                     .n_keys = 1,
                                     .connect_s = 20};
}

static inline void fail_with(const struct error *e)
{
    _cleanup_(text_free) struct text t = {0};
    if (e)
        error_text(e, &t);
    fail_msg("%s: %s | %s | %s", e ? error_code_name(e->code) : "no error", text_str(&t),
             e && e->hint ? e->hint : "", e && e->detail ? e->detail : "");
}

static inline struct transport *open_ok(const struct transport_target *g)
{
    struct transport *t = NULL;
    struct error *err = NULL;
    if (transport_open(g, &t, &err) < 0)
        fail_with(err);
    return t;
}

static inline void exec_ok(struct transport *t, struct transport_exec x, struct transport_result *r)
{
    struct error *err = NULL;
    if (transport_exec(t, &x, r, &err) < 0)
        fail_with(err);
}

/* Opening must fail with this code, and its words (message or hint) must hold `words`. */
static inline void open_fails(const struct transport_target *g, enum error_code code, const char *words)
{
    struct transport *t = NULL;
    struct error *err = NULL;
    _cleanup_(text_free) struct text all = {0};
    assert_int_equal(transport_open(g, &t, &err), -1);
    error_text(err, &all);
    text_addf(&all, " %s", err->hint ? err->hint : "");
    if (err->code != code || !strstr(text_str(&all), words))
        fail_msg("%s: %s", error_code_name(err->code), text_str(&all));
    assert_string_equal(err->subject, "node-a");
    error_free(err);
}

static inline void exec_fails(struct transport *t, struct transport_exec x, enum error_code code,
                              const char *words)
{
    _cleanup_(transport_result_free) struct transport_result r = {0};
    _cleanup_(text_free) struct text all = {0};
    struct error *err = NULL;
    assert_int_equal(transport_exec(t, &x, &r, &err), -1);
    error_text(err, &all);
    text_addf(&all, " %s %s", err->hint ? err->hint : "", err->detail ? err->detail : "");
    if (err->code != code || !strstr(text_str(&all), words))
        fail_msg("%s: %s", error_code_name(err->code), text_str(&all));
    error_free(err);
}

static inline void login_says(const struct transport_target *g, const char *expected)
{
    _cleanup_(transport_result_free) struct transport_result r = {0};
    struct transport *t = open_ok(g);
    exec_ok(t, (struct transport_exec){.script = "id -un"}, &r);
    assert_string_equal(text_str(&r.out), expected);
    transport_close(t);
}

static inline int ssh_case_run(const char *name, const struct CMUnitTest *tests, size_t n,
                               CMFixtureFunction set_up)
{
    libssh2_init(0);
    int status = _cmocka_run_group_tests(name, tests, n, set_up, NULL);
    libssh2_exit();
    return status > 100 ? 100 : status;
}

#endif
