/* Memory. Out of memory ends the program (abort): the journal makes an end at any point safe, and no
 * caller could do better. All other failures are values (error.h).
 *
 * Two ways of owning: plain allocations named by `_cleanup_`, and an arena that owns everything of one
 * large plain structure (a want, a have, a plan) and is freed with it. */
#ifndef MODEL_MEM_H
#define MODEL_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
/* Hands ownership on: the variable forgets, the expression is the value. */
#define TAKE(p)                                                                                             \
    __extension__({                                                                                         \
        __typeof__(p) *taken_from_ = &(p);                                                                  \
        __typeof__(p) taken_ = *taken_from_;                                                                \
        *taken_from_ = NULL;                                                                                \
        taken_;                                                                                             \
    })
#define ARRAY_LEN(a) (sizeof(a) / sizeof *(a))

void *mem_alloc(size_t size);                /* zeroed; never NULL */
void *mem_realloc(void *p, size_t size);     /* never NULL */
void *mem_array(void *p, size_t n, size_t size); /* realloc of n × size, overflow aborts */
char *mem_strdup(const char *s);             /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void mem_freep(void *p); /* p is a T **: for _cleanup_(mem_freep) */

/* Appends one element of *size* bytes to an array that grows by doubling; returns the new, zeroed element.
 *   struct x *e = mem_push(&v->x, &v->n, &v->cap, sizeof *v->x); */
void *mem_push(void *array_ptr, size_t *n, size_t *cap, size_t size);

struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is fine */
void arena_freep(struct arena **a);
void arena_wipe(struct arena *a); /* as arena_free, zeroing first: for trees with secrets in them */
void arena_wipep(struct arena **a);
void *arena_alloc(struct arena *a, size_t size); /* zeroed, aligned for any type */
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* As mem_push, but old copies stay in the arena until it is freed. */
void *arena_push(struct arena *a, void *array_ptr, size_t *n, size_t *cap, size_t size);

#endif
