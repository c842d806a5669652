/* Version constraints as sprig's semverCompare has them (Masterminds/semver v3): `^1.27.0`, `~1.2`, `>=1.20
 * <1.30`, `1.2.x`, `1.2 - 1.4`, `||`. A leading v is fine, missing parts are zero, and a pre-release matches
 * only a constraint that names a pre-release itself. */
#ifndef ACTIONS_MEANS_SEMVER_H
#define ACTIONS_MEANS_SEMVER_H

#include "model/error.h"

/* ERR_INVALID: the constraint or the version cannot be read. */
int semver_satisfies(const char *constraint, const char *version, bool *ret, struct error **err);

#endif
