/* Hosts to ask, and frames around what they say. */
#ifndef TESTS_MODEL_ANSWER_FRAME_H
#define TESTS_MODEL_ANSWER_FRAME_H

#include "model/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENT 1000.0
#define RECEIVED 1001.0
enum { A, B, C, D, HOSTS };

static inline struct want *want_new(void)
{
    static const struct want_host hosts[HOSTS] = {
        {.address = "10.0.0.1", .roles = ROLE_MASTER, .listed = true},
        {.address = "10.0.0.2", .roles = ROLE_NODE, .listed = true},
        {.address = "10.0.0.3", .roles = ROLE_MASTER, .listed = true, .node_name = "recorded"},
        {.address = "10.0.0.4", .roles = ROLE_MASTER, .listed = false},
    };
    struct want *w = mem_alloc(sizeof *w);
    w->arena = arena_new();
    w->cluster = "default";
    w->n_hosts = HOSTS;
    w->hosts = arena_alloc(w->arena, sizeof hosts);
    memcpy(w->hosts, hosts, sizeof hosts);
    return w;
}

/* A frame around lines (each ended by a newline), with the right count. */
static inline void frame(struct text *t, const char *lines)
{
    int n = 0;
    for (const char *p = lines; *p; p++)
        n += *p == '\n';
    text_addf(t, "BEGIN reconcile-probe 1 NONCE\n%sEND reconcile-probe NONCE %d\n", lines, n);
}

#endif
