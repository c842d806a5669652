#include "actions/kind.h"

#include <pthread.h>
#include <string.h>

struct secret {
    char *name;
    struct text text;
};

struct vault {
    pthread_mutex_t lock;
    struct secret *secrets;
    size_t n, cap;
};

struct vault *vault_new(void)
{
    struct vault *v = mem_alloc(sizeof *v);
    pthread_mutex_init(&v->lock, NULL);
    return v;
}

void vault_free(struct vault *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->n; i++) {
        text_wipe(&v->secrets[i].text);
        free(v->secrets[i].name);
    }
    free(v->secrets);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

void vault_freep(struct vault **v)
{
    vault_free(*v);
}

/* The lock is held. */
static struct secret *find(struct vault *v, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (str_eq(v->secrets[i].name, name))
            return &v->secrets[i];
    return NULL;
}

void vault_put(struct vault *v, const char *name, const char *text)
{
    pthread_mutex_lock(&v->lock);
    struct secret *s = find(v, name);
    if (!s) {
        s = mem_push(&v->secrets, &v->n, &v->cap, sizeof *s);
        s->name = mem_strdup(name);
    }
    text_wipe(&s->text);
    text_add(&s->text, text);
    pthread_mutex_unlock(&v->lock);
}

bool vault_get(struct vault *v, const char *name, struct text *ret)
{
    pthread_mutex_lock(&v->lock);
    const struct secret *s = find(v, name);
    if (s)
        text_add(ret, text_str(&s->text));
    pthread_mutex_unlock(&v->lock);
    return s != NULL;
}
