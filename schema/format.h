/* The small languages that strings of a Clusterfile are written in. They are the `format` names of
 * the JSON Schemas; each check says in words what is wrong. */
#ifndef SCHEMA_FORMAT_H
#define SCHEMA_FORMAT_H

#include "model/text.h"

#include <stdint.h>

#define ADDRESS_TEXT 46 /* INET6_ADDRSTRLEN */

struct address {
    unsigned char bytes[16]; /* network order; of IPv4 the first four, the others 0 */
    char text[ADDRESS_TEXT]; /* canonical (RFC 5952), without brackets and port */
    uint16_t port;           /* 0: none was written */
    bool ipv6;
};

/* "10.0.0.1", "10.0.0.1:22", "fd00::1", "[fd00::1]", "[fd00::1]:22". NULL, or what is wrong with it (static).
 */
const char *address_parse(const char *text, struct address *ret);

/* "30s", "5m", "1h30m", "250ms" (rounded up to a second), "90" (seconds); at most a year. */
const char *duration_parse(const char *text, unsigned *ret_seconds);
/* "2Gi", "500Mi", "2048" (MiB). */
const char *size_parse(const char *text, unsigned *ret_mib);

/* "env:NAME", "file:PATH", "exec:COMMAND": a reference; anything else is a literal. */
bool secret_is_reference(const char *text);

enum format {
    FORMAT_NONE,
    FORMAT_ADDRESS,
    FORMAT_DURATION,
    FORMAT_SIZE,
    FORMAT_SECRET,
    FORMAT_ENV,  /* KEY=VALUE; without '=' it is dropped with a warning, which check.c gives */
    FORMAT_NAME, /* becomes part of paths on nodes */
    FORMAT_IMAGE,
    FORMAT_INSIDE,    /* a path that stays inside its root */
    FORMAT_TIMESTAMP, /* RFC 3339 */
    FORMATS
};
enum format format_by_name(const char *name); /* FORMAT_NONE: none of ours */
/* NULL, or what is wrong (static): "is not …", to be put behind the value. */
const char *format_check(enum format f, const char *text);

#endif
