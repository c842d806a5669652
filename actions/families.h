/* The halves of all kinds, defined at the foot of their family's rules.c and run.c; catalogue.c pairs them. */
#ifndef ACTIONS_FAMILIES_H
#define ACTIONS_FAMILIES_H

#include "actions/kind.h"

/* KIND(identifier): rules_<identifier> and run_<identifier>, in the order of the catalogue. */
#define KINDS(KIND)                                                                                                    \
    KIND(image_pull)                                                                                                   \
    KIND(image_render)                                                                                                 \
    KIND(rootfs_push)                                                                                                  \
    KIND(registry_push)                                                                                                \
    KIND(hosts_set)                                                                                                    \
    KIND(registry_init)                                                                                                \
    KIND(node_init)                                                                                                    \
    KIND(node_start)                                                                                                   \
    KIND(node_prepull)                                                                                                 \
    KIND(pki_issue)                                                                                                    \
    KIND(pki_push)                                                                                                     \
    KIND(kubeadm_init)                                                                                                 \
    KIND(kubeconfig_push)                                                                                              \
    KIND(token_create)                                                                                                 \
    KIND(kubeadm_join_master)                                                                                          \
    KIND(hosts_own)                                                                                                    \
    KIND(ipvs_rules)                                                                                                   \
    KIND(kubeadm_join_worker)                                                                                          \
    KIND(ipvs_pod)                                                                                                     \
    KIND(token_delete)                                                                                                 \
    KIND(guest_run)                                                                                                    \
    KIND(node_drain)                                                                                                   \
    KIND(etcd_remove_member)                                                                                           \
    KIND(node_delete)                                                                                                  \
    KIND(node_reset)

#define KIND(id)                                                                                                       \
    extern const struct kind_rules rules_##id;                                                                         \
    extern const struct kind_run run_##id;
KINDS(KIND)
#undef KIND

/* What several families' rules ask. */
enum verdict rules_image_needed(const struct view *v, int image); /* some planned action needs its content */
bool rules_guest_wanted(const struct view *v, int image, int node);
bool rules_any_join(const struct view *v);
/* The verdict that holds for every kind on a node that nothing may be done to; VERDICT_YES: go on and ask. */
enum verdict rules_node_open(const struct view *v, int node, struct finding *f);
/* Unknown fact → VERDICT_UNKNOWN with its name and reason; else VERDICT_NO. */
enum verdict rules_known(const struct view *v, int node, enum fact_id fact, struct finding *f);
/* VERDICT_NO: a master can be asked, or there is no cluster yet; else VERDICT_UNKNOWN. */
enum verdict rules_api(const struct view *v, struct finding *f);
/* What a fact says, for reasons: "absent", "\"x\"", "drifted". */
const char *rules_says(const struct view *v, int node, enum fact_id fact, struct arena *a);

#endif
