/* A registry's htpasswd line: bcrypt (docker's registry takes nothing else), cost 10 as Sealos. */
#ifndef ACTIONS_MEANS_HTPASSWD_H
#define ACTIONS_MEANS_HTPASSWD_H

#include "model/error.h"

/* "USER:$2y$10$…\n"; the user may not hold ':' or line breaks. */
int htpasswd_line(const char *user, const char *password, struct text *ret, struct error **err);

#endif
