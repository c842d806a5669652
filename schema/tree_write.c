#include "schema/tree.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

/* ---- which strings YAML 1.1 or 1.2 would read as something else */

static bool one_of(const char *s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(s, words[i]) == 0)
            return true;
    return false;
}

/* Numbers of any YAML (binary, octal, hexadecimal, sexagesimal, with underscores), dates and times: whatever
 * begins like one is quoted; quotes too many do no harm. */
static bool like_number(const char *s)
{
    if (*s == '-' || *s == '+')
        s++;
    if (*s == '.')
        s++;
    if (!isdigit((unsigned char)*s))
        return false;
    size_t n = strspn(s, "0123456789abcdefABCDEFxXoO_.,:+-TtZz ");
    return s[n] == 0;
}

bool tree_typed_by_yaml(const char *s)
{
    static const char *const words[] = {"~", "null", "true", "false", "yes",   "no",   "on", "off",
                                        "y", "n",    ".inf", "-.inf", "+.inf", ".nan", "=",  "<<"};
    return !*s || one_of(s, words, ARRAY_LEN(words)) || like_number(s);
}

/* ---- events */

struct writer {
    yaml_emitter_t em;
    bool quoted; /* no literal blocks */
};

static int append(void *ctx, unsigned char *data, size_t len)
{
    struct text *out = ctx;
    text_addn(out, data, len);
    return !out->failed;
}

static bool emit_scalar(struct writer *w, const char *text, bool plain)
{
    size_t len = strlen(text);
    yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
    if (!plain && strchr(text, '\n'))
        style = w->quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_LITERAL_SCALAR_STYLE;
    else if (!plain && tree_typed_by_yaml(text))
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    yaml_event_t e;
    return yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)text, (int)len, 1, 1, style) &&
           yaml_emitter_emit(&w->em, &e);
}

static bool emit(struct writer *w, const struct value *v)
{
    yaml_event_t e;
    if (!v || v->kind == VALUE_NULL)
        return emit_scalar(w, "null", true);
    if (v->kind == VALUE_SCALAR)
        return emit_scalar(w, v->plain && !*v->text ? "null" : v->text, v->plain);
    bool map = v->kind == VALUE_MAP;
    if (!(map ? yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE)
              : yaml_sequence_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE)) ||
        !yaml_emitter_emit(&w->em, &e))
        return false;
    for (size_t i = 0; i < v->n; i++)
        if ((map && !emit_scalar(w, v->keys[i], false)) || !emit(w, v->items[i]))
            return false;
    return (map ? yaml_mapping_end_event_initialize(&e) : yaml_sequence_end_event_initialize(&e)) &&
           yaml_emitter_emit(&w->em, &e);
}

static bool emit_all(struct writer *w, const struct value *const *docs, size_t n)
{
    yaml_event_t e;
    if (!yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING) || !yaml_emitter_emit(&w->em, &e))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!yaml_document_start_event_initialize(&e, NULL, NULL, NULL, i == 0) ||
            !yaml_emitter_emit(&w->em, &e) || !emit(w, docs[i]) ||
            !yaml_document_end_event_initialize(&e, 1) || !yaml_emitter_emit(&w->em, &e))
            return false;
    return yaml_stream_end_event_initialize(&e) && yaml_emitter_emit(&w->em, &e);
}

static int write_all(const struct value *const *docs, size_t n, bool quoted, struct text *out,
                     struct error **err)
{
    struct writer w = {.quoted = quoted};
    if (!yaml_emitter_initialize(&w.em))
        abort(); /* out of memory */
    yaml_emitter_set_output(&w.em, append, out);
    yaml_emitter_set_unicode(&w.em, 1);
    yaml_emitter_set_width(&w.em, -1);
    yaml_emitter_set_indent(&w.em, 2);
    int r = 0;
    if (!emit_all(&w, docs, n) || out->failed)
        r = error_set(err, ERR_INTERNAL, "write YAML: %s",
                      w.em.problem ? w.em.problem : "text is not UTF-8 or too long");
    yaml_emitter_delete(&w.em);
    return r;
}

int tree_write(const struct value *const *docs, size_t n, struct text *out, struct error **err)
{
    return write_all(docs, n, false, out, err);
}

int tree_write_quoted(const struct value *v, struct text *out, struct error **err)
{
    const struct value *const docs[] = {v};
    return write_all(docs, 1, true, out, err);
}
