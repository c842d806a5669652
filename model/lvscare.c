#include "model/lvscare.h"

#include <string.h>
#include <strings.h>

static int compare(const void *a, const void *b)
{
    return str_natural_cmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, without repetitions; freed by the caller, the texts stay the pod's. */
static const char **sorted(const struct lvscare_pod *p, size_t *n)
{
    const char **rs = mem_array(NULL, p->n_rs + 1, sizeof *rs);
    size_t k = 0;
    for (size_t i = 0; i < p->n_rs; i++)
        rs[i] = p->rs[i];
    qsort(rs, p->n_rs, sizeof *rs, compare);
    for (size_t i = 0; i < p->n_rs; i++)
        if (k == 0 || !str_eq(rs[k - 1], rs[i]))
            rs[k++] = rs[i];
    *n = k;
    return rs;
}

void lvscare_canonical(const struct lvscare_pod *p, struct text *out)
{
    size_t n;
    _cleanup_(mem_freep) const char **rs = sorted(p, &n);
    text_addf(out, "vs=%s rs=", p->vs ? p->vs : "");
    for (size_t i = 0; i < n; i++)
        text_addf(out, "%s%s", i ? "," : "", rs[i]);
    text_addf(out, " image=%s", p->image ? p->image : "");
    if (p->odd && *p->odd)
        text_addf(out, " odd=%s", p->odd);
}

/* Plain where YAML reads it back as this text, as Sealos' writer has it; else in double quotes, whose escapes
 * are JSON's. */
static void scalar(struct text *out, const char *s)
{
    size_t plain = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./:_@-");
    bool letter =
        strpbrk(s, "ghijklmpqrstuvwxyzGHIJKLMPQRSTUVWXYZ/") != NULL; /* not a number in any notation */
    bool dots = strchr(s, '.') != strrchr(s, '.');                   /* an address */
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
    bool word = false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        word = word || strcasecmp(words[i], s) == 0;
    if (*s && !s[plain] && (letter || dots) && !word && s[strlen(s) - 1] != ':' && !strchr("-:@", *s))
        text_add(out, s);
    else
        text_add_json(out, s);
}

static void arg(struct text *out, const char *s)
{
    text_add(out, "    - ");
    scalar(out, s);
    text_addc(out, '\n');
}

void lvscare_write(const struct lvscare_pod *p, struct text *out)
{
    size_t n;
    _cleanup_(mem_freep) const char **rs = sorted(p, &n);
    text_add(out,
             "apiVersion: v1\nkind: Pod\nmetadata:\n  creationTimestamp: null\n  name: " LVSCARE_POD_NAME "\n"
             "  namespace: kube-system\nspec:\n  containers:\n  - args:\n    - care\n    - --vs\n");
    arg(out, p->vs);
    text_add(out, "    - --health-path\n    - /healthz\n    - --health-schem\n    - https\n");
    for (size_t i = 0; i < n; i++) {
        text_add(out, "    - --rs\n");
        arg(out, rs[i]);
    }
    text_add(out, "    command:\n    - /usr/bin/lvscare\n");
    if (p->node_ip) {
        text_add(out, "    env:\n    - name: LVSCARE_NODE_IP\n      value: ");
        scalar(out, p->node_ip);
        text_addc(out, '\n');
    }
    text_add(out, "    image: ");
    scalar(out, p->image);
    text_add(
        out,
        "\n    imagePullPolicy: IfNotPresent\n    name: " LVSCARE_POD_NAME "\n    resources: {}\n"
        "    securityContext:\n      privileged: true\n    volumeMounts:\n"
        "    - mountPath: /lib/modules\n      name: lib-modules\n      readOnly: true\n"
        "  hostNetwork: true\n  priorityClassName: system-node-critical\n  volumes:\n"
        "  - hostPath:\n      path: /lib/modules\n      type: \"\"\n    name: lib-modules\nstatus: {}\n");
}
