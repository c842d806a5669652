/* etcd's arithmetic, on the membership after a step, the newcomer counted unhealthy (the worst case). Source: the
 * rule that Cluster API's KubeadmControlPlane uses, voting − unhealthy ≥ voting/2 + 1. */
#ifndef MODEL_QUORUM_H
#define MODEL_QUORUM_H

#include <stdbool.h>

struct quorum {
    unsigned voters, healthy;
};

static inline unsigned quorum_need(unsigned voters)
{
    return voters / 2 + 1;
}
static inline bool quorum_kept(struct quorum q)
{
    return q.voters > 0 && q.healthy >= quorum_need(q.voters);
}
/* 1 → 2 cannot tolerate a failure whatever one does, so it asks that every member is healthy now. */
static inline bool quorum_may_add(struct quorum q)
{
    if (q.voters <= 1)
        return q.voters == 1 && q.healthy == 1;
    return quorum_kept((struct quorum){q.voters + 1, q.healthy});
}
static inline bool quorum_may_remove(struct quorum q, bool target_healthy)
{
    if (q.voters < 2 || !quorum_kept(q))
        return false;
    return quorum_kept((struct quorum){q.voters - 1, q.healthy - (target_healthy ? 1 : 0)});
}

#endif
