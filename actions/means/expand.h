/* An image's Entrypoint and Cmd as a program for a node (facts sections 2.1 step 9 and 3.4).
 *
 * Each item is shell text of its own, run by bash where there is one, in the work directory, with the
 * environment exported; the first that fails ends the program with its status and says on stderr which it
 * was. Items that are
 * "/bin/sh" or "-c" are dropped, as Sealos does it, so that Docker's shell form works.
 *
 * `$(NAME)`, `${NAME}` and `$NAME` of a known name stand for its value, also inside single quotes; `$$` is
 * one `$`. Unlike Sealos, values are never spliced into shell text: `$(NAME)` becomes a reference to the
 * exported variable, so quotes, `$` and backquotes in a value are data. Outside quotes the value is split
 * into words, so that `helm upgrade … $(HELM_OPTS)` works; quotes inside it are not taken as quotes. And
 * unlike Sealos, what is not a known name stays as written: `$HOME`, `$(date)`, `${A:-d}` and awk's `$1` mean
 * to the shell what they mean. */
#ifndef ACTIONS_MEANS_EXPAND_H
#define ACTIONS_MEANS_EXPAND_H

#include "model/want.h"

/* One item's shell text with references resolved. */
void expand_item(struct text *out, const char *item, const struct want_env *env, size_t n_env);
/* Is this item run, or only a trace of Docker's shell form? */
bool expand_is_command(const char *item);
/* The whole program, POSIX sh, complete in itself. items lists may be NULL. Nothing is added where there is
 * no item; returns how many there are. command: spec.command, replaces cmd where it is not NULL. */
size_t expand_program(struct text *out, const char *workdir, const struct want_env *env, size_t n_env,
                      const char *const *entrypoint, const char *const *cmd, const char *const *command);

#endif
