/* What a Clusterfile may say: syntax, the JSON Schema, and what no schema can tell (two hosts of one address,
 * no master, …). Every complaint about a file is made in one go, each with its place. */
#ifndef SCHEMA_CHECK_H
#define SCHEMA_CHECK_H

#include "schema/json_schema.h"
#include "schema/tree.h"

enum kubeadm_kind {
    KUBEADM_INIT,
    KUBEADM_CLUSTER,
    KUBEADM_JOIN,
    KUBEADM_PROXY,
    KUBEADM_KUBELET,
    KUBEADM_KINDS
};

/* The documents of a file, sorted out by kind. Borrowed from the tree. */
struct clusterfile {
    const struct document *cluster; /* NULL: none, an error was made */
    const struct value *
        *configs; /* a later one of the same name replaces the earlier in place, as in Sealos */
    size_t n_configs, cap_configs;
    const struct value *kubeadm[KUBEADM_KINDS]; /* the first of each kind counts, as in Sealos */
    const struct value *policy;
};

/* Parses and checks; values are in the arena. Errors and warnings are sorted by place. -1: there are errors.
 */
int clusterfile_check(struct arena *arena, struct source *source, struct clusterfile *ret,
                      struct error_list *errors, struct error_list *warnings);

/* For check_cluster.c: what a schema cannot tell about the Cluster document. */
void check_cluster(const struct value *root, struct complaints *c);

#endif
