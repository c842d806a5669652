#include "actions/means/htpasswd.h"

#include <crypt.h>
#include <errno.h>
#include <string.h>

int htpasswd_line(const char *user, const char *password, struct text *ret, struct error **err)
{
    if (!*user || strpbrk(user, ":\r\n"))
        return error_set(err, ERR_INVALID, "the registry's user name cannot stand in an htpasswd file");
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    if (!crypt_gensalt_rn("$2y$", 10, NULL, 0, salt, sizeof salt))
        return error_errno(err, errno, "no salt for the registry's password");
    struct crypt_data *data = mem_alloc(sizeof *data);
    const char *hash = crypt_r(password, salt, data);
    int r = 0;
    if (!hash || *hash == '*')
        r = error_set(err, ERR_IO, "the registry's password could not be hashed");
    else
        text_addf(ret, "%s:%s\n", user, hash);
    explicit_bzero(data, sizeof *data);
    free(data);
    return r;
}
