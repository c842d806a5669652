/* Programs for nodes: parameters as quoted assignments, then common.sh, then the parts. One place where values meet
 * shell text, and it quotes all of them. */
#ifndef ACTIONS_MEANS_SCRIPT_H
#define ACTIONS_MEANS_SCRIPT_H

#include "actions/kind.h"
#include "actions/world.h"

/* Begins with CLUSTER='…'. */
void script_begin(struct text *t, const struct want *w);
void script_set(struct text *t, const char *name, const char *value); /* NAME='value' */
void script_set_int(struct text *t, const char *name, long long value);
/* common.sh and what follows; call after the parameters, once, then script_part for each program. */
void script_common(struct text *t);
void script_part(struct text *t, const char *program);
/* export K='V' for each; names that are no shell names are left out. */
void script_environment(struct text *t, const struct want_env *env, size_t n);

/* Runs it on c->node. out may be NULL. */
int script_run(struct run_context *c, int node, const struct text *script, const char *what, struct world_output *out,
               struct error **err);
/* Runs it as a detached job keyed by the action's id; see world_job. */
int script_job(struct run_context *c, int node, const struct text *script, const char *secret, const char *unit,
               const char *what, struct error **err);

/* Programs that are sent to nodes (actions/onnode/NAME.sh). */
#define SCRIPTS(S)                                                                                                     \
    S(common) S(hosts) S(node_init) S(registry_init) S(node_start) S(prepull) S(attempt) S(kubeadm_init)               \
    S(kubeadm_join) S(kubeadm_facts) S(vip) S(guest_record) S(etcd_remove) S(node_reset) S(lease)
#define S(name)                                                                                                        \
    extern const char onnode_##name[];                                                                                 \
    extern const size_t onnode_##name##_len;
SCRIPTS(S)
#undef S

/* Inputs that rules made. */
const char *input_text(const struct run_context *c, const char *key); /* "" where absent */
long long input_int(const struct run_context *c, const char *key, long long otherwise);
bool input_true(const struct run_context *c, const char *key);

#endif
