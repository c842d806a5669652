/* Kubernetes versions: "v1.28.0", "1.31.2-rc.1". Ordered as Semantic Versioning 2.0.0, clause 11. */
#ifndef MODEL_VERSION_H
#define MODEL_VERSION_H

#include <stdbool.h>

struct version {
    unsigned major, minor, patch;
    char pre[64]; /* pre-release without its dash, "" for a release; build metadata is dropped */
};

/* False: not vMAJOR.MINOR.PATCH[-pre][+build]; the v may be missing. ret is untouched then. */
bool version_parse(const char *s, struct version *ret);
int version_cmp(const struct version *a, const struct version *b);
/* to's minor minus from's; over a major's border ±1000, which no rule about skew allows. */
int version_minor_distance(const struct version *from, const struct version *to);
bool version_at_least(const struct version *v, unsigned major,
                      unsigned minor); /* pre-releases count as their release */

/* kubeadm's configuration format. v1beta2 came with 1.15, v1beta3 with 1.22, v1beta4 with 1.31; each kubeadm
 * still reads its predecessor's for some releases, but writes its newest (kubernetes:
 * cmd/kubeadm/app/apis/kubeadm). */
enum kubeadm_api { KUBEADM_NONE, KUBEADM_V1BETA2, KUBEADM_V1BETA3, KUBEADM_V1BETA4 };
enum kubeadm_api version_kubeadm_api(const struct version *v); /* KUBEADM_NONE: older than 1.15 */
const char *kubeadm_api_text(enum kubeadm_api api);            /* "kubeadm.k8s.io/v1beta3", or NULL */

#endif
