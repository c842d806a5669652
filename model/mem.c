#include "model/mem.h"

#include <stdio.h>
#include <string.h>

void *mem_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        abort();
    return p;
}

void *mem_realloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);
    if (!q)
        abort();
    return q;
}

void *mem_array(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        abort();
    return mem_realloc(p, bytes);
}

char *mem_strndup(const char *s, size_t n)
{
    char *c = mem_alloc(n + 1);
    memcpy(c, s, n);
    return c;
}

char *mem_strdup(const char *s)
{
    return s ? mem_strndup(s, strlen(s)) : NULL;
}

char *mem_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = NULL;
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort();
    return s;
}

void mem_freep(void *p)
{
    free(*(void **)p);
}

/* The next capacity, or 0 when n elements still fit. */
static size_t grown(size_t n, size_t cap)
{
    if (n < cap)
        return 0;
    return cap ? cap * 2 : 8;
}

void *mem_push(void *array_ptr, size_t *n, size_t *cap, size_t size)
{
    char *a;
    memcpy(&a, array_ptr, sizeof a);
    size_t more = grown(*n, *cap);
    if (more) {
        a = mem_array(a, more, size);
        *cap = more;
        memcpy(array_ptr, &a, sizeof a);
    }
    char *e = a + *n * size;
    memset(e, 0, size);
    ++*n;
    return e;
}

/* Blocks grow from the first size to the second: most arenas stay small, and zeroing is not free. */
#define BLOCK_FIRST ((size_t)4 * 1024)
#define BLOCK_SIZE ((size_t)64 * 1024)

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(max_align_t) char data[];
};

struct arena {
    struct block *head;
};

struct arena *arena_new(void)
{
    return mem_alloc(sizeof(struct arena));
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

void arena_freep(struct arena **a)
{
    arena_free(*a);
}

void arena_wipe(struct arena *a)
{
    for (struct block *b = a ? a->head : NULL; b; b = b->next)
        explicit_bzero(b->data, b->used);
    arena_free(a);
}

void arena_wipep(struct arena **a)
{
    arena_wipe(*a);
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        abort();
    size = (size + align - 1) / align * align;
    struct block *b = a->head;
    if (!b || b->size - b->used < size) {
        size_t room = b ? BLOCK_SIZE : BLOCK_FIRST;
        if (room < size)
            room = size;
        b = mem_alloc(sizeof *b + room);
        b->size = room;
        b->next = a->head;
        a->head = b;
    }
    void *p = b->data + b->used;
    b->used += size;
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *c = arena_alloc(a, n + 1);
    memcpy(c, s, n);
    return c;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

/* Written where the text will stand, if it fits there. If not, the rest of that block is never handed out. */
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    struct block *b = a->head;
    size_t room = b ? b->size - b->used : 0;
    int n = vsnprintf(room ? b->data + b->used : NULL, room, fmt, ap);
    if (n < 0)
        abort();
    char *s = arena_alloc(a, (size_t)n + 1);
    if ((size_t)n >= room)
        vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    return s;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}

void *arena_push(struct arena *a, void *array_ptr, size_t *n, size_t *cap, size_t size)
{
    char *old;
    memcpy(&old, array_ptr, sizeof old);
    size_t more = grown(*n, *cap);
    if (more) {
        size_t bytes;
        if (__builtin_mul_overflow(more, size, &bytes))
            abort();
        char *fresh = arena_alloc(a, bytes);
        if (*n)
            memcpy(fresh, old, *n * size);
        *cap = more;
        memcpy(array_ptr, &fresh, sizeof fresh);
        old = fresh;
    }
    char *e = old + *n * size;
    memset(e, 0, size);
    ++*n;
    return e;
}
