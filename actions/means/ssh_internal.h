/* Shared by ssh.c (connection, host key), ssh_auth.c (log-in) and ssh_exec.c (programs). Not for others. */
#ifndef ACTIONS_MEANS_SSH_INTERNAL_H
#define ACTIONS_MEANS_SSH_INTERNAL_H

#include "actions/means/ssh_config.h"
#include "actions/means/transport.h"

#include <libssh2.h>

struct transport {
    const struct transport_target *target;
    const char *name;
    struct ssh_config config; /* empty unless target->ssh_config */
    /* effective */
    const char *address, *user, *known_as; /* known_as: the name to look up in known_hosts */
    const char *const *known_hosts;
    const char *agent_socket;
    unsigned port, connect_s, command_s, idle_s;

    int fd;
    LIBSSH2_SESSION *session;
    bool broken;              /* in an unknown state: close it */
    bool logged_in;           /* keep-alives may be sent */
    bool sudo_checked;        /* sudo took the password before on this connection */
    long long heard_ms;       /* when a byte last came */
    long long alive_ms;       /* when a keep-alive was last sent */
    unsigned long long heard; /* bytes in all */
    struct text hello; /* the first bytes the server sent, in the clear: its version and what it offers */
};

long long ssh_now_ms(void); /* monotonic */

/* Waits until the socket is ready for what libssh2 last wanted, or until until_ms. -1: the deadline passed,
 * nothing came for idle_s (both only then), cancelled. what names the wait in messages. */
int ssh_wait(struct transport *t, long long until_ms, const char *what, struct error **err);
/* libssh2's last words as an error; code is used unless the connection was lost (ERR_UNREACHABLE). */
int ssh_failed(struct transport *t, int rc, enum error_code code, const char *what, struct error **err);

int ssh_login(struct transport *t, struct error **err);

/* Repeats a libssh2 call until it is done. `rc` is its result; -1 is returned from here on a deadline. */
#define SSH_UNTIL(t, rc, until_ms, what, err, call)                                                          \
    while (((rc) = (call)) == LIBSSH2_ERROR_EAGAIN)                                                          \
        if (ssh_wait((t), (until_ms), (what), (err)) < 0)                                                    \
    return -1

#endif
