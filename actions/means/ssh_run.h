/* One program on its way, shared by ssh_exec.c (moving bytes, judging the end) and ssh_answer.c (what the
 * node says). Not for others. */
#ifndef ACTIONS_MEANS_SSH_RUN_H
#define ACTIONS_MEANS_SSH_RUN_H

#include "actions/means/ssh_internal.h"
#include "actions/means/ssh_program.h"

struct ssh_run {
    struct transport *t;
    const struct transport_exec *x;
    struct transport_result *ret;
    LIBSSH2_CHANNEL *channel;
    char nonce[SSH_NONCE];
    long long until_ms;

    /* to the node */
    struct text program; /* wiped: a password may be in it */
    const char *next;    /* being sent */
    size_t left;
    bool feeding;       /* the program is ready for its input */
    bool eof, eof_sent; /* nothing more comes; said so */
    bool elevate, asked;
    size_t input_done;

    /* stdout */
    struct text held; /* not yet passed on: the noise before, or what may be a piece of the end marker */
    bool begun, ended;
    int end_status;

    /* stderr */
    struct text line;
    bool failed;         /* sudo would not; the rest of stderr says why */
    struct error *error; /* the program must still be brought to its end */
};

/* Bytes of stdout and of stderr, as they come, out of the frame that ssh_program.h describes. */
int ssh_take_out(struct ssh_run *r, const char *data, size_t len, struct error **err);
int ssh_take_err(struct ssh_run *r, const char *data, size_t len, struct error **err);
/* The end of stderr: its last line may lack a newline. */
int ssh_take_err_end(struct ssh_run *r, struct error **err);
/* r->program is what is to be sent next. */
void ssh_send_program(struct ssh_run *r);

static inline bool ssh_has_input(const struct transport_exec *x)
{
    return x->input || x->feed;
}

#endif
