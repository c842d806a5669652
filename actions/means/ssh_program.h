/* The text that is sent to `sh -s`: our program in a frame.
 *
 * A shell may read ahead on its stdin, so bytes that follow a program could be swallowed by it. Two things
 * keep that from mattering: everything stands in one compound command, which a shell parses to its end before
 * it runs any of it; and input is sent only after the program has said that it runs (busybox' sh does read
 * ahead).
 *
 * stdout carries `NONCE begin`, the program's output, `NONCE end STATUS`. What stands before and after is
 * what login files print. stderr carries, on lines of their own, `NONCE WORD`: ready  the program runs, send
 * its input ask    sudo wants a password, send one line go     sudo has started the root shell, send (the
 * password, if it was asked for, and) the program fail   sudo will not; why is in the lines behind */
#ifndef ACTIONS_MEANS_SSH_PROGRAM_H
#define ACTIONS_MEANS_SSH_PROGRAM_H

#include "model/text.h"

#define SSH_NONCE 33 /* 32 hex digits and the NUL */

/* Runs script as whoever the shell is. input: it will be given some. */
void ssh_program_wrap(const char *script, const char *nonce, bool input, struct text *out);
/* Runs it as root: directly where the login user is (uid 0), else through sudo, the password being asked for
 * only if sudo has to. Without input the whole program is inside, one round trip; with input it must be sent
 * after `go`. checked: the password was right before on this connection, so it is not tried on its own first.
 */
void ssh_program_elevate(const char *script, const char *nonce, bool input, bool checked, struct text *out);

#endif
