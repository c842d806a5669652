/* The command line: one table of commands and one of flags feed parsing, help, completion and the environment. */
#ifndef RECONCILER_CLI_H
#define RECONCILER_CLI_H

#include "model/error.h"

/* FLAG(id, long name, short or 0, placeholder or NULL for a switch, commands it is for, help). Each is also read from
 * RECONCILE_NAME in the environment, but for --help and --version; the command line wins. */
#define FLAGS(FLAG)                                                                                                    \
    FLAG(FILE, "file", 'f', "FILE", ON_CLUSTER, "the Clusterfile; - for stdin; default: Clusterfile")                  \
    FLAG(YES, "yes", 'y', NULL, ON_PLAN, "consent to removing nodes")                                                  \
    FLAG(DRY_RUN, "dry-run", 0, NULL, ON_APPLY, "as `plan`")                                                           \
    FLAG(OUTPUT, "output", 'o', "FORMAT", ON_OUTPUT,                                                                   \
         "text, json or yaml; plan: also markdown; graph: dot or mermaid")                                             \
    FLAG(CONCURRENCY, "concurrency", 0, "N", ON_SSH, "how many nodes at once; default: the policy's, else 16")       \
    FLAG(COMMIT, "commit", 0, NULL, ON_APPLY, "commit the written Clusterfile to git")                                 \
    FLAG(WRITE_TO, "write-to", 0, "FILE", ON_APPLY, "write the result there instead of into the Clusterfile")          \
    FLAG(ACCEPT_NEW, "accept-new-host-keys", 0, NULL, ON_NODES, "learn unknown host keys; changed ones still stop")    \
    FLAG(KNOWN_HOSTS, "known-hosts", 0, "FILE", ON_SSH, "instead of ssh's own files")                                \
    FLAG(SSH_CONFIG, "ssh-config", 0, "FILE", ON_SSH, "instead of ~/.ssh/config; `none`: do not read one")           \
    FLAG(TIMEOUT, "timeout", 0, "DURATION", ON_NODES, "of a single command on a node, as 90s or 5m")                   \
    FLAG(LOCK_TIMEOUT, "lock-timeout", 0, "DURATION", ON_APPLY, "how long to wait for another run to end; default: 0s")  \
    FLAG(LOG_FORMAT, "log-format", 0, "FORMAT", ON_APPLY, "text or json (one object a line), on stderr")               \
    FLAG(VERBOSE, "verbose", 'v', NULL, ON_ALL, "show what nodes say, and why")                                        \
    FLAG(QUIET, "quiet", 'q', NULL, ON_ALL, "only warnings and errors")                                                \
    FLAG(NO_COLOR, "no-color", 0, NULL, ON_ALL, "no colours; NO_COLOR does the same")                                  \
    FLAG(VERSION, "version", 0, NULL, ON_ALL, "print the version")                                                     \
    FLAG(HELP, "help", 'h', NULL, ON_ALL, "this help")

enum flag_id {
#define FLAG(id, name, letter, arg, on, help) FLAG_##id,
    FLAGS(FLAG)
#undef FLAG
        FLAG_COUNT
};

enum command_set {
    ON_APPLY = 1 << 0,
    ON_PLANNING = 1 << 1, /* plan, graph, explain */
    ON_STATUS = 1 << 2,
    ON_OFFLINE = 1 << 3, /* validate */
    ON_REST = 1 << 4,    /* schema, version, completion */
    ON_TRUST = 1 << 5,
    ON_PLAN = ON_APPLY | ON_PLANNING,
    ON_NODES = ON_PLAN | ON_STATUS,
    ON_SSH = ON_NODES | ON_TRUST,
    ON_CLUSTER = ON_SSH | ON_OFFLINE,
    ON_OUTPUT = ON_NODES,
    ON_ALL = ON_CLUSTER | ON_REST,
};

struct options {
    const struct command *command;
    bool named; /* the command was given, not taken for granted */
    const char *flags[FLAG_COUNT]; /* NULL: not given; switches: "1" */
    const char *args[4];           /* what is left over */
    int n_args;
};

struct command {
    const char *name, *args, *help;
    enum command_set set;
    int max_args;
    int (*run)(const struct options *o); /* returns the exit code */
};
extern const struct command commands[]; /* the first is the default; ends with a NULL name */

/* ERR_USAGE with a hint ("did you mean"). Reads the environment. Borrows argv. A word after `--` is never a flag. */
int cli_parse(int argc, char **argv, struct options *ret, struct error **err);
const struct command *cli_find(const char *name); /* NULL: there is none */
void cli_help(const struct command *c, struct text *out); /* NULL: of all */
int cli_completion(const char *shell, struct text *out, struct error **err);
static inline bool cli_on(const struct options *o, enum flag_id f)
{
    return o->flags[f] != NULL;
}

#endif
