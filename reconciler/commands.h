/* What each command does. Data goes to stdout, all else to stderr; each returns the exit code. */
#ifndef RECONCILER_COMMANDS_H
#define RECONCILER_COMMANDS_H

#include "reconciler/cli.h"

int command_apply(const struct options *o); /* apply.c */
int command_plan(const struct options *o);
int command_graph(const struct options *o);
int command_explain(const struct options *o);
int command_trust(const struct options *o); /* trust.c */
int command_status(const struct options *o);
int command_validate(const struct options *o);
int command_schema(const struct options *o);
int command_help(const struct options *o);
int command_version(const struct options *o);
int command_completion(const struct options *o);

#endif
