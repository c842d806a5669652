/* Runs a local program (skopeo, ssh-keygen, git, …) by its argument vector: no shell, no inherited
 * descriptors, its own process group, output captured up to a ceiling, a deadline and a flag that cancels it.
 */
#ifndef ACTIONS_MEANS_PROCESS_H
#define ACTIONS_MEANS_PROCESS_H

#include "model/error.h"

#include <stdatomic.h>

struct process {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
    const void *input;       /* bytes for its stdin; NULL: /dev/null */
    size_t input_len;
    size_t max_output;         /* of each stream; 0: 16 MiB. More is ERR_PROTOCOL */
    unsigned timeout_s;        /* 0: none. ERR_TIMEOUT; the whole process group is ended */
    const atomic_bool *cancel; /* becomes true from another thread: ERR_CANCELLED; or NULL */
    bool any_status;           /* a non-zero exit is not an error; look at the output's status */
    const char *what;          /* for messages: "copy the image"; arguments never enter them */
};

struct process_output {
    int status; /* exit status; 128 + signal if it was killed by one */
    struct text out, err;
};
void process_output_free(struct process_output *o); /* wipes; for _cleanup_ */

/* ERR_NOT_FOUND: there is no such program. ERR_IO: it failed; its stderr is the error's detail. ret is
 * filled, and yours to free, in both cases of an exit; it must be zeroed before. */
int process_run(const struct process *p, struct process_output *ret, struct error **err);

#endif
