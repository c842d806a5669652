/* kubeadm's configuration types (kubernetes: cmd/kubeadm/app/apis/kubeadm/v1beta2, v1beta3, v1beta4) as
 * tables: the right spelling of every field, its shape, and which versions of the format have it. Private to
 * kubeadm*.c. */
#ifndef MODEL_KUBEADM_TYPES_H
#define MODEL_KUBEADM_TYPES_H

#include "model/kubeadm.h"

enum kubeadm_shape {
    SHAPE_TEXT,
    SHAPE_BOOL,
    SHAPE_INT,
    SHAPE_MAP,   /* of a type */
    SHAPE_FREE,  /* a map whose keys are the user's: feature gates */
    SHAPE_ARGS,  /* a map up to v1beta3, a list of name and value from v1beta4; here always the list */
    SHAPE_TEXTS, /* a list of texts that replaces */
    SHAPE_SANS,  /* a list of texts that is united */
    SHAPE_NAMED, /* a list of a type, united by name */
    SHAPE_LIST,  /* a list of a type that replaces; an empty one means something */
    SHAPE_DROP,  /* not a field of any version, but older tools wrote it */
};

struct kubeadm_type;
struct kubeadm_field {
    const char *name;
    enum kubeadm_shape shape;
    const struct kubeadm_type *type;
    enum kubeadm_api since, until; /* KUBEADM_NONE: always */
};
struct kubeadm_type {
    const struct kubeadm_field *fields;
    size_t n;
};

extern const struct kubeadm_type kubeadm_init_type, kubeadm_cluster_type, kubeadm_join_type,
    kubeadm_etcd_type;
const struct kubeadm_field *kubeadm_field_find(const struct kubeadm_type *t,
                                               const char *name); /* any letter case */

/* What one call of kubeadm_documents carries along. */
struct kubeadm_pass {
    struct arena *a;
    struct version version;
    enum kubeadm_api api;
    struct kubeadm_documents *out; /* for warnings */
    struct error **err;
};
void kubeadm_warn(struct kubeadm_pass *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A user's document into the one internal form; *ret is a map, empty for NULL. path is for messages. */
int kubeadm_normalise(struct kubeadm_pass *p, const struct kubeadm_type *t, const struct value *in,
                      const char *path, struct value **ret);
void kubeadm_merge(struct kubeadm_pass *p, const struct kubeadm_type *t, struct value *base,
                   const struct value *over);
/* For documents that have no table here (kubelet, kube-proxy) and unknown fields. */
void kubeadm_merge_any(struct arena *a, struct value *base, const struct value *over);
/* The internal form into the format of p->api. */
struct value *kubeadm_emit(struct kubeadm_pass *p, const struct kubeadm_type *t, const struct value *in,
                           const char *path);
/* Into a list of the internal form of extraArgs. */
void kubeadm_set_arg(struct arena *a, struct value *args, const char *name, const char *value);
bool kubeadm_has_arg(const struct value *args, const char *name);

/* Built-in defaults in the internal form (facts section 4.2). */
struct value *kubeadm_default_init(struct kubeadm_pass *p, const struct kubeadm_input *in);
struct value *kubeadm_default_cluster(struct kubeadm_pass *p);
struct value *kubeadm_default_join(struct kubeadm_pass *p);
struct value *kubeadm_default_kubelet(struct kubeadm_pass *p);
struct value *kubeadm_default_proxy(struct kubeadm_pass *p, const struct kubeadm_input *in);

/* Takes away the feature gates and fields that the version does not know. */
void kubeadm_prune_gates(struct kubeadm_pass *p, struct value *gates, const char *path, bool of_kubeadm);
const char *kubeadm_prune_gate_arg(struct kubeadm_pass *p, const char *text,
                                   const char *path); /* NULL: none is left */
void kubeadm_prune_kubelet(struct kubeadm_pass *p, struct value *kubelet);
/* The right spelling of a top-level field of kubelet's or kube-proxy's document; key itself where we do not
 * know it. */
const char *kubeadm_component_name(const char *key, bool of_kubelet);

#endif
