/* The one door to the nodes. Behind it stands SSH in life (means/ssh_world.c) and virtual nodes in `simulate`
 * and in tests. Nodes are named by their index in want->hosts. All calls may block, are made from worker
 * threads, and may be made for several nodes at once; calls for one node take turns.
 *
 * Every script runs as root by `sh -s` (through sudo where the login user is not root) with the script on
 * stdin, never on a command line. Scripts are POSIX sh; values from the Clusterfile or from nodes enter them
 * through text_add_quoted only. Success means: end of file, clean close, no signal, status 0 and our end
 * marker seen. A non-zero exit is ERR_REMOTE_EXIT with the output as detail, unless the caller took the status. */
#ifndef ACTIONS_WORLD_H
#define ACTIONS_WORLD_H

#include "model/error.h"

#include <stdint.h>

struct world;

/* What a script printed. stdout and stderr are each cut at 16 MiB (then ERR_PROTOCOL). */
struct world_output {
    int status;
    struct text out, err;
};
void world_output_free(struct world_output *o); /* wipes: outputs may hold secrets; for _cleanup_ */

struct world_script {
    const char *text;        /* the POSIX sh program */
    const void *input;       /* bytes for its stdin after the program (it reads them with cat, tar, …), or NULL */
    size_t input_len;
    int (*feed)(void *ctx, const void **data, size_t *len, struct error **err); /* or a producer of them: 0 and len 0 at the end; data stays valid until the next call */
    void *feed_ctx;
    unsigned timeout_s;      /* whole call; 0: the policy's command timeout */
    bool any_status;         /* a non-zero exit is not an error; look at output.status */
    const char *what;        /* for messages: "set hosts entries" */
    /* Called with whole lines of stderr as they arrive, for live progress; may be NULL. */
    void (*line)(void *ctx, const char *line);
    void *line_ctx;
};

/* A change that takes longer than a moment: a detached job on the node that survives a cut connection and a
 * killed controller. key names it on the node ([a-z0-9.-]+, kind and subject). If a job of that key and the
 * same script digest still runs there (started by an earlier run), it is attached to, not started again.
 * One that has ended is archived and started anew. Its log's last lines are the error's detail. */
struct world_job {
    const char *key;
    const char *script;
    const char *secret;      /* given to the job on stdin and nowhere stored, or NULL */
    unsigned timeout_s;      /* deadline of the wait; the job itself is ended by it too */
    const char *what;
    const char *unit;        /* systemd unit whose last journal lines explain a failure ("kubelet"), or NULL */
    void (*line)(void *ctx, const char *line); /* lines of its log, live */
    void *line_ctx;
};

/* A file of a tree to distribute; paths are relative, without "..", '/'-separated. */
struct world_file {
    const char *path;
    uint32_t mode;           /* permission bits */
    uint64_t size;
    char sha256[65];         /* of the content; "" for a symlink or directory */
    const char *link;        /* symlink target, or NULL */
    bool directory;
    const char *source;      /* local file with the content, or NULL for links and directories */
};

struct world_tree {
    const char *dest;        /* absolute directory on the node */
    const struct world_file *files; /* sorted by path (strcmp) */
    size_t n;
    const char *key;         /* the want's key of this tree, recorded on the node once every file is verified */
    const char *name;        /* manifest's name under /var/lib/reconcile/CLUSTER/manifests/: "rootfs", "app-x" */
    const char *const *keep; /* NULL-terminated paths under dest that are never touched: "registry" */
    bool prune;              /* remove files under dest that an earlier manifest of ours had and this one lacks */
};
struct world_tree_stats {
    uint64_t files_sent, bytes_sent, files_kept;
};

struct world_ops {
    int (*sh)(struct world *w, int node, const struct world_script *s, struct world_output *ret, struct error **err);
    int (*job)(struct world *w, int node, const struct world_job *j, struct error **err);
    /* Writes one file atomically (temporary, fsync, rename), owner root, with mode; makes its directory. */
    int (*put)(struct world *w, int node, const char *path, uint32_t mode, const void *data, size_t len, struct error **err);
    int (*tree)(struct world *w, int node, const struct world_tree *t, struct world_tree_stats *ret, struct error **err);
    /* Runs the probe's sections on the node (over SSH: the program of probe_script, means/probe.h, as sh does); ret
     * is the raw answer for answer_parse (model/answer.h), framed with this nonce. Call probe_observe, not this. */
    int (*observe)(struct world *w, int node, unsigned sections, const char *nonce, struct text *ret,
                   struct error **err);
};

struct world {
    const struct world_ops *ops;
};

static inline int world_sh(struct world *w, int node, const struct world_script *s, struct world_output *ret,
                           struct error **err)
{
    return w->ops->sh(w, node, s, ret, err);
}
static inline int world_job(struct world *w, int node, const struct world_job *j, struct error **err)
{
    return w->ops->job(w, node, j, err);
}
static inline int world_put(struct world *w, int node, const char *path, uint32_t mode, const void *data, size_t len,
                            struct error **err)
{
    return w->ops->put(w, node, path, mode, data, len, err);
}
static inline int world_tree(struct world *w, int node, const struct world_tree *t, struct world_tree_stats *ret,
                             struct error **err)
{
    return w->ops->tree(w, node, t, ret, err);
}
static inline int world_observe(struct world *w, int node, unsigned sections, const char *nonce, struct text *ret,
                                struct error **err)
{
    return w->ops->observe(w, node, sections, nonce, ret, err);
}

#endif
