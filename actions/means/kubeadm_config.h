/* kubeadm's configuration files on a node: what the pure merge (model/kubeadm.h) needs to know of the node is asked
 * there, then the documents are written. */
#ifndef ACTIONS_MEANS_KUBEADM_CONFIG_H
#define ACTIONS_MEANS_KUBEADM_CONFIG_H

#include "actions/kind.h"

enum kubeadm_file { KUBEADM_FILE_INIT, KUBEADM_FILE_JOIN_MASTER, KUBEADM_FILE_JOIN_WORKER };

/* Writes …/etc/kubeadm-init.yaml, kubeadm-join-master.yaml or kubeadm-join-node.yaml (0600) on c->node; inputs as the
 * rules of kubeadm.init and the joins make them. token and ca_hash: for joins, else NULL. ret_path is yours. */
int kubeadm_config_put(struct run_context *c, enum kubeadm_file which, const char *token, const char *ca_hash,
                       char **ret_path, struct error **err);
/* A configuration that is good for `kubeadm config images list` only. */
int kubeadm_config_put_images(struct run_context *c, char **ret_path, struct error **err);

#endif
