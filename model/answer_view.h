/* What one node said about the cluster, as read by answer.c and judged by answer_merge.c; nobody else looks
 * inside. */
#ifndef MODEL_ANSWER_VIEW_H
#define MODEL_ANSWER_VIEW_H

#include "model/answer.h"

struct answer_node { /* one Node */
    const char *name, *machine_id;
    const char *addresses; /* InternalIPs, separated by spaces */
    bool ready;
};

struct answer_member { /* one etcd member */
    const char *id, *name, *address;
    enum tri healthy;
};

struct answer_view {
    struct arena *arena;
    int node;
    struct fact api; /* the API server of this node answers */
    struct fact nodes_known, tokens_known, guests_known, members_known; /* the list is whole */
    struct answer_node *nodes;
    size_t n_nodes, cap_nodes;
    struct answer_member *members;
    size_t n_members, cap_members;
    const char **guests; /* keys that say "ok" */
    size_t n_guests, cap_guests;
    struct text tokens; /* ids of ours, comma-separated */
    struct fact self;   /* the node's own Node: true, false (there is none), or unknown */
    struct answer_node self_node;
};

/* Values (answer_value.c). A fact that comes on the wire, rather than being derived. */
bool answer_carries(enum fact_id f);
/* The fact that this value makes: canonical, or "malformed" or unknown where it has not the fact's shape. */
struct fact answer_value(struct arena *a, enum fact_id f, const char *value);
/* One to 253 bytes without blanks, commas and control characters. */
bool answer_is_word(const char *s, size_t n);
/* Standard alphabet, padding required. NULL: not base64. The result may hold NULs: *ret_n is its length. */
char *answer_base64(struct arena *a, const char *s, size_t n, size_t *ret_n);

#endif
