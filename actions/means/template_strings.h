/* The functions of templates that make text: rows of template_funcs.c's table. */
#ifndef ACTIONS_MEANS_TEMPLATE_STRINGS_H
#define ACTIONS_MEANS_TEMPLATE_STRINGS_H

#include "actions/means/template_int.h"

int fn_contains(const struct call *c, struct datum *ret, struct error **err);
int fn_has_prefix(const struct call *c, struct datum *ret, struct error **err);
int fn_has_suffix(const struct call *c, struct datum *ret, struct error **err);
int fn_trim(const struct call *c, struct datum *ret, struct error **err);
int fn_trim_prefix(const struct call *c, struct datum *ret, struct error **err);
int fn_trim_suffix(const struct call *c, struct datum *ret, struct error **err);
int fn_upper(const struct call *c, struct datum *ret, struct error **err);
int fn_lower(const struct call *c, struct datum *ret, struct error **err);
int fn_replace(const struct call *c, struct datum *ret, struct error **err);
int fn_quote(const struct call *c, struct datum *ret, struct error **err);
int fn_squote(const struct call *c, struct datum *ret, struct error **err);
int fn_to_string(const struct call *c, struct datum *ret, struct error **err);
int fn_indent(const struct call *c, struct datum *ret, struct error **err);
int fn_nindent(const struct call *c, struct datum *ret, struct error **err);
int fn_to_yaml(const struct call *c, struct datum *ret, struct error **err);
int fn_to_json(const struct call *c, struct datum *ret, struct error **err);
int fn_join(const struct call *c, struct datum *ret, struct error **err);
int fn_split_list(const struct call *c, struct datum *ret, struct error **err);
int fn_print(const struct call *c, struct datum *ret, struct error **err);
int fn_printf(const struct call *c, struct datum *ret, struct error **err);

#endif
