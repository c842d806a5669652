/* A Clusterfile's text into a want. The whole file is checked first and every error of it is reported at
 * once.
 *
 * What is read of `status` (the shape that write-back keeps; Sealos' keys stay beside ours):
 *   status.mounts[]: imageName, and our `digest` ("sha256:…"): what that reference meant when it was applied
 *   status.nodes[]:  address, roles[], arch, joined (true|false), nodeName, machineID,
 *                    ssh {user, port, passwd, pk, pkData, pkPasswd}: references only, never secrets
 * A node with joined: true that is not in spec.hosts is leaving: it becomes a host with listed = false. */
#ifndef SCHEMA_READ_H
#define SCHEMA_READ_H

#include "model/want.h"
#include "schema/tree.h"

/* -1: see errors (at least one; sorted by place). Warnings are filled in both cases. ret is yours: want_free.
 * The images are not resolved, hosts not sorted: want_finish does that later. */
int clusterfile_read(const char *name, const char *text, size_t len, struct want **ret,
                     struct error_list *errors, struct error_list *warnings);

#endif
