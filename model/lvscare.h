/* The lvscare static pod on workers, kept as Sealos writes it (facts section 5): it holds the VIP's virtual
 * server and its real servers in the kernel, and takes out what does not answer. */
#ifndef MODEL_LVSCARE_H
#define MODEL_LVSCARE_H

#include "model/text.h"

#define LVSCARE_POD_NAME "kube-sealos-lvscare"
#define LVSCARE_POD_PATH "/etc/kubernetes/manifests/" LVSCARE_POD_NAME ".yaml"
#define LVSCARE_POD_MODE 0755u /* as Sealos */

struct lvscare_pod {
    const char *vs;        /* HOST:PORT, an IPv6 host in brackets */
    const char *const *rs; /* HOST:PORT each, any order */
    size_t n_rs;
    const char *image;
    const char *node_ip; /* the worker's own address, or NULL */
    const char
        *odd; /* only of one that was read: what else would make it serve otherwise, comma-separated; NULL */
};

/* What the pod means, on one line, equal for pods that do the same:
 * "vs=10.103.97.2:6443 rs=10.0.0.1:6443,10.0.0.2:6443 image=IMAGE", and " odd=…" where there is any. */
void lvscare_canonical(const struct lvscare_pod *p, struct text *out);
/* The manifest. The real servers stand sorted, so that the same ones are the same bytes. */
void lvscare_write(const struct lvscare_pod *p, struct text *out);

#endif
