/* TOML: bounds first (toml++ and its tables recurse as deeply as the text says), then the parser.
 */
#include <errno.h>
#include <string.h>
#include <ymago/formats.h>

#include "toml_shim.h"

#define TEXT_MAX 1048576
#define NEST_MAX 32 /* brackets in brackets */
#define DOTS_MAX 32 /* parts of one dotted key */

/* End of the string that opens at p: behind its last quote, or where it breaks off. */
static const char *skip_string(const char *p, const char *end)
{
    char q = *p;
    bool escapes = q == '"', triple = end - p >= 3 && p[1] == q && p[2] == q;
    for (p += triple ? 3 : 1; p < end; p++) {
        if (escapes && *p == '\\') {
            if (++p == end)
                break;
        } else if (triple && end - p >= 3 && p[0] == q && p[1] == q && p[2] == q) {
            p += 3; /* up to two more quotes belong to the text */
            for (int more = 0; more < 2 && p < end && *p == q; more++)
                p++;
            return p;
        } else if (!triple && (*p == q || *p == '\n')) {
            return p + 1;
        }
    }
    return end;
}

/* The place where text nests more deeply than we follow, or NULL. */
static const char *find_too_deep(const char *p, const char *end)
{
    int brackets = 0, dots = 0;
    while (p < end) {
        char c = *p;
        if (c == '"' || c == '\'') {
            p = skip_string(p, end);
            continue;
        }
        if (c == '#') {
            const char *nl = memchr(p, '\n', (size_t)(end - p));
            p = nl ? nl : end;
            continue;
        }
        if (c == '.' && ++dots >= DOTS_MAX)
            return p;
        if (c == '\n' || c == '=' || c == ',' || c == '[' || c == ']' || c == '{' || c == '}')
            dots = 0;
        if ((c == '[' || c == '{') && ++brackets > NEST_MAX)
            return p;
        if ((c == ']' || c == '}') && brackets > 0)
            brackets--;
        p++;
    }
    return NULL;
}

static int refuse(const struct toml_fault *f, struct ym_where *ret_where, struct ym_err *e)
{
    if (ret_where)
        *ret_where = (struct ym_where){f->line, f->column};
    return ym_fail(e, YM_INVALID, EINVAL, "The TOML text is wrong at line %d, column %d: %s.",
                   f->line, f->column, f->what);
}

int ym_toml_parse(const char *text, size_t len, cJSON **ret, struct ym_where *ret_where,
                  struct ym_err *e)
{
    struct toml_fault f = {.line = 1, .column = 1};
    if (len > TEXT_MAX) {
        snprintf(f.what, sizeof f.what, "it is longer than %d bytes", TEXT_MAX);
        return refuse(&f, ret_where, e);
    }
    const char *deep = find_too_deep(text, text + len);
    if (deep) {
        int column = 0;
        for (const char *p = text; p <= deep; p++) {
            column = *p == '\n' ? 0 : column + 1;
            f.line += *p == '\n';
        }
        f.column = column;
        snprintf(f.what, sizeof f.what, "this is nested too deeply");
        return refuse(&f, ret_where, e);
    }
    cJSON *v = toml_shim_parse(text, len, &f);
    if (!v)
        return refuse(&f, ret_where, e);
    *ret = v;
    return 0;
}
