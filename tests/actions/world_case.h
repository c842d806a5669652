/* What the tests of the SSH world and of its jobs share: a world of two nodes, both the same real sshd. */
#ifndef TESTS_ACTIONS_WORLD_CASE_H
#define TESTS_ACTIONS_WORLD_CASE_H

#include "tests/actions/ssh_lab.h"

#include "actions/means/probe.h"
#include "actions/means/ssh_world.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PORT = 2201, SHELLS };
#define JOBS "/var/lib/reconcile/c1/jobs"
static const char *const known[] = {LAB "/known", NULL};
static const struct transport_key key = {.path = LAB "/ed25519"};
static struct transport_target targets[2];
static struct want want = {.cluster = "c1", .vip = DEFAULT_VIP};
static struct want_host hosts[2];

static inline struct world *new_world(void)
{
    struct world *w = NULL;
    struct world_ssh_params p = {.want = &want, .targets = targets, .n = 2};
    assert_int_equal(world_ssh_new(&p, &w, NULL), 0);
    return w;
}

static inline void fail_with(const struct error *e)
{
    _cleanup_(text_free) struct text t = {0};
    if (e)
        error_text(e, &t);
    fail_msg("%s: %s | %s", e ? error_code_name(e->code) : "no error", text_str(&t),
             e && e->detail ? e->detail : "");
}

static inline void says(struct world *w, int node, const char *script, const char *expected)
{
    _cleanup_(world_output_free) struct world_output out = {0};
    struct error *err = NULL;
    struct world_script s = {.text = script, .what = "ask"};
    if (world_sh(w, node, &s, &out, &err) < 0)
        fail_with(err);
    assert_string_equal(text_str(&out.out), expected);
}

static inline void expect_error(struct error *err, enum error_code code, const char *words)
{
    _cleanup_(text_free) struct text all = {0};
    assert_non_null(err);
    error_text(err, &all);
    text_addf(&all, " %s %s", err->hint ? err->hint : "", err->detail ? err->detail : "");
    if (err->code != code || !strstr(text_str(&all), words))
        fail_msg("%s: %s", error_code_name(err->code), text_str(&all));
    assert_non_null(err->subject);
    error_free(err);
}

/* Ends every session, as a cut cable would, while the listening sshd lives on. */
static inline void cut_sessions(void)
{
    lab_run("for p in /proc/[0-9]*; do tr '\\0' ' ' 2>/dev/null <$p/cmdline | grep -q '^sshd: [a-z]* "
            "*@notty\\|^sshd: [a-z]* *\\[priv\\]\\|^sshd: [a-z]*@notty' && "
            "kill -9 ${p#/proc/} 2>/dev/null; done");
}

static inline bool exists(void *path)
{
    return access(path, F_OK) == 0;
}

static inline int world_set_up(void **state)
{
    (void)state;
    lab_key("ed25519", "-t ed25519 -N ''");
    lab_user("asked", 3002, "it's a password", "/bin/bash", "asked ALL=(ALL) ALL");
    lab_sshd(PORT, "ed25519", NULL);
    lab_write(LAB "/force", 0755, "#!/bin/bash\nPATH=" LAB "/bin:$PATH\nexec $SSH_ORIGINAL_COMMAND\n");
    lab_sshd(SHELLS, "ed25519",
             "UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nForceCommand " LAB
             "/force");
    lab_known(known[0], PORT, "ed25519");
    lab_known(known[0], SHELLS, "ed25519");
    for (int i = 0; i < 2; i++) {
        targets[i] = (struct transport_target){.address = "127.0.0.1",
                                               .port = PORT,
                                               .user = "root",
                                               .known_hosts = known,
                                               .keys = &key,
                                               .n_keys = 1,
                                               .connect_s = 20};
        hosts[i] = (struct want_host){
            .address = i ? "127.0.0.2" : "127.0.0.1", .roles = i ? ROLE_NODE : ROLE_MASTER, .listed = true};
    }
    want.hosts = hosts;
    want.n_hosts = 2;
    want.policy = policy_defaults();
    return 0;
}

#endif
