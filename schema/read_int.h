/* What read.c and read_status.c share. */
#ifndef SCHEMA_READ_INT_H
#define SCHEMA_READ_INT_H

#include "schema/read.h"

struct reading {
    struct want *want;
    struct arena *arena; /* the want's */
    struct want_ssh ssh; /* spec.ssh */
    size_t cap_hosts;
};

struct want_ssh read_ssh(const struct value *ssh, struct want_ssh under); /* non-empty keys go over `under` */
unsigned read_role(const char *name);                                     /* enum role bit, or 0 */
const char *const *read_strings(struct arena *a, const struct value *list); /* NULL: none */
/* The digests of images, what joined, and who leaves. */
void read_status(struct reading *r, const struct value *status);
void read_policy(struct arena *a, const struct value *root, struct policy *ret);

#endif
