/* The text of /etc/hosts: what it says of a name, and what it becomes when managed entries are set. The rules
 * are those of docs/ON-NODE.md; actions/onnode/hosts.sh applies the same to the file on a node. */
#ifndef MODEL_HOSTS_H
#define MODEL_HOSTS_H

#include "model/text.h"

#define HOSTS_MARK "# reconcile" /* ends every line of ours */

struct hosts_entry {
    const char *name;
    const char *address; /* NULL: the name is taken away */
};

/* The address that a resolver finds for the name (the first line that gives it, in any letter case), or NULL.
 */
const char *hosts_find(struct arena *a, const char *text, const char *name);
/* The new text: each entry as a line "ADDRESS NAME # reconcile" at the end. A line that gave one of the names
 * loses it, and goes when it gave no other; all other lines stay byte by byte. Setting the same entries again
 * changes nothing. */
void hosts_update(const char *text, const struct hosts_entry *entries, size_t n, struct text *out);

#endif
