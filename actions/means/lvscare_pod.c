#include "actions/means/lvscare_pod.h"

#include "schema/tree.h"

#include <string.h>

struct list {
    const char **items;
    size_t n, cap;
};

static void push(struct arena *a, struct list *l, const char *text)
{
    const char **slot = arena_push(a, &l->items, &l->n, &l->cap, sizeof(char *));
    *slot = arena_strdup(a, text);
}

/* A value or several, comma-separated, without spaces and control characters: it becomes part of a fact. */
static void push_parts(struct arena *a, struct list *l, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, ",");
        char *part = arena_strndup(a, text, n);
        for (char *p = part; *p; p++)
            if ((unsigned char)*p <= ' ' || *p == 0x7f)
                *p = '?';
        if (n)
            push(a, l, part);
        text += n + (text[n] == ',');
    }
}

/* lvscare's options (facts section 5). */
enum option {
    OPTION_VS,
    OPTION_RS,
    OPTION_HEALTH_PATH,
    OPTION_HEALTH_SCHEM,
    OPTION_SCHEDULER,
    OPTION_QUIET,
    OPTION_ODD
};
static const struct {
    const char *name;
    enum option option;
    bool flag; /* takes no value of its own argument */
} options[] = {
    {"vs", OPTION_VS, false},
    {"rs", OPTION_RS, false},
    {"health-path", OPTION_HEALTH_PATH, false},
    {"health-schem", OPTION_HEALTH_SCHEM, false},
    {"scheduler", OPTION_SCHEDULER, false},
    {"interval", OPTION_QUIET, false},
    {"logger", OPTION_QUIET, false},
    {"iface", OPTION_QUIET, false},
    {"health-timeout", OPTION_QUIET, false},
    {"health-status", OPTION_QUIET, false},
    {"health-insecure-skip-verify", OPTION_QUIET, true},
    {"mode", OPTION_ODD, false},
    {"ip", OPTION_ODD, false},
    {"masqueradebit", OPTION_ODD, false},
    {"health-req-method", OPTION_ODD, false},
    {"health-req-body", OPTION_ODD, false},
    {"health-req-headers", OPTION_ODD, false},
    {"run-once", OPTION_ODD, true},
    {"clean", OPTION_ODD, true},
};

struct reading {
    struct arena *a;
    struct list vs, rs, odd;
    const char *health_path, *health_schem;
};

static void take(struct reading *r, size_t option, const char *name, const char *value)
{
    switch (options[option].option) {
    case OPTION_VS:
        push_parts(r->a, &r->vs, value);
        break;
    case OPTION_RS:
        push_parts(r->a, &r->rs, value);
        break;
    case OPTION_HEALTH_PATH:
        r->health_path = value;
        break;
    case OPTION_HEALTH_SCHEM:
        r->health_schem = value;
        break;
    case OPTION_SCHEDULER:
        if (!str_eq(value, "rr"))
            push_parts(r->a, &r->odd, name);
        break;
    case OPTION_ODD:
        if (!str_eq(value, "false") && *value)
            push_parts(r->a, &r->odd, name);
        break;
    case OPTION_QUIET:
        break;
    }
}

static void read_args(struct reading *r, const struct value *args)
{
    size_t start = args && args->n && str_eq(value_text(args->items[0], NULL), "care") ? 1 : 0;
    if (start == 0)
        push(r->a, &r->odd, "command");
    for (size_t i = start; args && i < args->n; i++) {
        const char *arg = value_text(args->items[i], ""), *name = arg + strspn(arg, "-"),
                   *equals = strchr(name, '=');
        size_t n = equals ? (size_t)(equals - name) : strlen(name), k = 0;
        while (k < ARRAY_LEN(options) &&
               !(strlen(options[k].name) == n && memcmp(options[k].name, name, n) == 0))
            k++;
        if (k == ARRAY_LEN(options) || *arg != '-') {
            push_parts(r->a, &r->odd, arg);
            continue;
        }
        const char *value = equals ? equals + 1 : "true";
        if (!equals && !options[k].flag)
            value = ++i < args->n ? value_text(args->items[i], "") : "";
        take(r, k, options[k].name, value);
    }
}

/* What the pod around the container must be for the keeper to reach the kernel's tables. */
static void read_pod(struct reading *r, const struct value *pod, const struct value *container)
{
    const struct value *command = value_get(container, "command");
    if (!str_eq(value_text(value_path(pod, "metadata.namespace"), "default"), "kube-system"))
        push(r->a, &r->odd, "namespace");
    if (value_truth(value_path(pod, "spec.hostNetwork")) != VALUE_YES)
        push(r->a, &r->odd, "hostNetwork");
    if (value_truth(value_path(container, "securityContext.privileged")) != VALUE_YES)
        push(r->a, &r->odd, "privileged");
    if (command && !(command->kind == VALUE_LIST && command->n == 1 &&
                     str_eq(value_text(command->items[0], NULL), "/usr/bin/lvscare")))
        push(r->a, &r->odd, "command");
}

static const char *joined(struct arena *a, const struct list *l)
{
    _cleanup_(text_free) struct text t = {0};
    for (size_t i = 0; i < l->n; i++)
        text_addf(&t, "%s%s", i ? "," : "", l->items[i]);
    return l->n ? arena_strdup(a, text_str(&t)) : NULL;
}

int lvscare_pod_read(struct arena *a, const char *yaml, size_t len, struct lvscare_pod *ret,
                     struct error **err)
{
    struct value *pod = NULL;
    struct reading r = {.a = a};
    if (tree_parse_one(a, LVSCARE_POD_NAME ".yaml", yaml, len, &pod, err) < 0)
        return -1;
    const struct value *containers = value_path(pod, "spec.containers");
    if (!str_eq(value_text(value_get(pod, "kind"), NULL), "Pod") || !containers ||
        containers->kind != VALUE_LIST || containers->n != 1)
        return error_set(err, ERR_INVALID, "not a pod with one container");
    const struct value *container = containers->items[0], *args = value_get(container, "args");
    read_args(&r, args && args->kind == VALUE_LIST ? args : NULL);
    read_pod(&r, pod, container);
    if (!str_eq(r.health_path, "/healthz"))
        push(a, &r.odd, "health-path");
    if (!str_eq(r.health_schem, "https"))
        push(a, &r.odd, "health-schem");
    struct list image = {0};
    push_parts(a, &image, value_text(value_get(container, "image"), ""));
    const char *vs = joined(a, &r.vs);
    *ret = (struct lvscare_pod){
        .vs = vs ? vs : "",
        .rs = r.rs.items,
        .n_rs = r.rs.n,
        .image = image.n ? image.items[0] : "",
        .odd = joined(a, &r.odd),
    };
    return 0;
}

void lvscare_pod_say(const char *yaml, size_t len, struct text *out)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(error_freep) struct error *err = NULL;
    struct lvscare_pod pod;
    if (lvscare_pod_read(a, yaml, len, &pod, &err) == 0) {
        lvscare_canonical(&pod, out);
        return;
    }
    text_add(out, "unreadable: ");
    text_add_safe(out, err->message, 200);
}
