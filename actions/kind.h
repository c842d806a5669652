/* A kind of action: a pure half (struct kind_rules, from rules.c) and a doing half (struct kind_run, from run.c).
 * catalogue.c pairs them, one row a kind, in the order in which plans list them. */
#ifndef ACTIONS_KIND_H
#define ACTIONS_KIND_H

#include "model/error.h"
#include "model/plan.h"

enum subject_class {
    SUBJECT_CLUSTER,    /* once */
    SUBJECT_NODE,       /* per host */
    SUBJECT_IMAGE,      /* per image, on the control machine */
    SUBJECT_RENDER,     /* per distinct rendered tree, on the control machine */
    SUBJECT_IMAGE_NODE, /* per image and host; node -1: an application on the first live master */
};

enum verdict {
    VERDICT_NO,      /* as wanted, or not this kind's business */
    VERDICT_YES,     /* differs: finding_change says what */
    VERDICT_UNKNOWN, /* cannot be told: finding_reason says why; what needs it is left out too */
    VERDICT_REFUSED, /* must not be done: finding_reason says why */
};

struct finding {
    struct arena *arena;
    struct change *changes;
    size_t n, cap;
    const char *reason;
    /* NULL-terminated names of kinds, or NULL: it makes sense only while one of those is planned: on the same node, or
     * anywhere for what has no node, or where `anywhere` says so */
    const char *const *only_with;
    bool anywhere;
};
enum verdict finding_change(struct finding *f, const char *field, const char *rule, const char *fact_fmt, ...)
    __attribute__((format(printf, 4, 5)));                              /* returns VERDICT_YES */
enum verdict finding_unknown(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum verdict finding_refused(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* To which subjects of another kind an edge goes. */
enum scope {
    SCOPE_SAME,     /* the same node (or the same image, or the cluster) */
    SCOPE_ALL,      /* all of them */
    SCOPE_REGISTRY, /* the registry's node */
    SCOPE_RENDER,   /* node → its render */
    SCOPE_IMAGES,   /* render → every rootfs or patch image */
    SCOPE_CHAIN,    /* the same kind: the planned one before it, so that they run one after the other */
    SCOPE_PREVIOUS_IMAGE, /* the same kind: what is planned for the nearest earlier image (on the same node, if both have one) */
    SCOPE_OTHERS,   /* all but the same node */
};
struct edge {
    const char *kind; /* NULL ends the table */
    enum scope scope;
    /* NULL: always; else whether the edge holds from this subject to that one */
    bool (*when)(const struct view *v, struct subject from, struct subject to);
};

enum lock {
    LOCK_NONE,
    LOCK_CONTROL_PLANE, /* one control plane at a time */
};

struct kind_rules {
    const char *name;  /* "kubeadm.join-worker" */
    const char *step;  /* of Sealos' way: "4.5" */
    const char *title; /* "join as worker": what progress shows */
    enum subject_class subject;
    enum verdict (*wants)(const struct view *v, struct subject s, struct finding *f);
    const struct edge *needs; /* must have succeeded */
    const struct edge *after; /* must have ended */
    bool always;       /* runs whatever failed before */
    bool local;        /* on the control machine: its facts are have->stored, have->rendered */
    bool disrupts, destroys;
    unsigned premises; /* sections whose facts wants() reads */
    unsigned proof;    /* sections to read again afterwards, on run_node */
    /* Asked by the executor right before it starts: NULL, or why not now. Quorum stands here. */
    const char *(*guard)(const struct view *v, struct subject s, struct arena *a);
    /* What the facts will be: used by the planner's laws, the simulator and the one-flip tests. */
    void (*effect)(const struct view *v, struct have *h, struct subject s);
    /* Done? NULL: it is, when wants() says VERDICT_NO in a settled view. */
    bool (*proved)(const struct view *v, struct subject s, struct text *why_not);
    /* The node whose session does it; NULL: subject.node. */
    int (*run_node)(const struct view *v, struct subject s);
    /* What run() is given, plain and printable, made on the main thread when the action starts; NULL: nothing. */
    struct value *(*inputs)(const struct view *v, struct subject s, struct arena *a);
    /* The lock held while it runs; NULL: none. */
    enum lock (*lock)(const struct view *v, struct subject s);
    unsigned timeout_s;  /* of run() */
    unsigned settle_s;   /* how long the proof may take after run() ended */
    bool retry;          /* idempotent: may be tried again once on ERR_UNREACHABLE or ERR_TIMEOUT */
};

/* Secrets and other products of one action that another one consumes: in memory, wiped at the end of the run.
 * Thread-safe. Names: "pki" (struct pki_bundle text), "token", "ca-hash". */
struct vault;
struct vault *vault_new(void);
void vault_free(struct vault *v);
void vault_freep(struct vault **v);
void vault_put(struct vault *v, const char *name, const char *text);
/* A copy, yours: text_wipe it. False: nothing of that name. */
bool vault_get(struct vault *v, const char *name, struct text *ret);

struct world;
struct store;
struct run_context {
    struct world *world;
    const struct want *want;   /* does not change during a run */
    struct subject subject;
    int node;                  /* run_node, or -1 for local kinds */
    int live_master;           /* when the action started; -1: none */
    const char *id;
    const struct value *inputs;/* or NULL */
    struct vault *vault;
    struct store *store;       /* local image store (means/store.h) */
    unsigned timeout_s;
    /* live progress: one line for people, no secrets; thread-safe */
    void (*progress)(void *ctx, const char *line);
    void *progress_ctx;
};
struct kind_run {
    const char *name;
    int (*run)(struct run_context *c, struct error **err);
};

struct kind {
    const struct kind_rules *rules;
    const struct kind_run *run;
};
extern const struct kind catalogue[];
extern const size_t catalogue_len;
/* The pure halves, for plan_make. */
extern const struct kind_rules *const catalogue_rules[];
int catalogue_find(const char *name); /* index, or -1 */

#endif
