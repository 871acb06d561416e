/* TOML: bounds first (toml++ and its tables recurse as deeply as the text says), then the parser.
 */
#include <errno.h>
#include <string.h>
#include <ymago/formats.h>

#include "json_scan.h"
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

struct depth {
    int brackets, dots;
};

static bool is_too_deep(struct depth *d, char c)
{
    if (c == '.' && ++d->dots >= DOTS_MAX)
        return true;
    if (c == '\n' || c == '=' || c == ',' || c == '[' || c == ']' || c == '{' || c == '}')
        d->dots = 0;
    if ((c == '[' || c == '{') && ++d->brackets > NEST_MAX)
        return true;
    if ((c == ']' || c == '}') && d->brackets > 0)
        d->brackets--;
    return false;
}

/* The first place that must not reach the parser, or NULL. Text behind the byte order mark. */
static const char *find_fault(const char *p, const char *end, const char **ret_what)
{
    struct depth depth = {0, 0};
    while (p < end) {
        if (*p == '"' || *p == '\'') {
            p = skip_string(p, end);
        } else if (*p == '#') {
            const char *nl = memchr(p, '\n', (size_t)(end - p));
            p = nl ? nl : end;
        } else if ((unsigned char)*p >= 0x80) {
            *ret_what = "a character beyond ASCII must stand in quotes";
            return p;
        } else if (is_too_deep(&depth, *p)) {
            *ret_what = "this is nested too deeply";
            return p;
        } else {
            p++;
        }
    }
    return NULL;
}

/* Offset behind a byte order mark. */
static size_t skip_bom(const char *text, size_t len)
{
    return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
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
    const char *what, *end = text + len;
    const char *at = text + ym_utf8_valid(text, len);
    if (at < end)
        what = "this is not UTF-8";
    else
        at = find_fault(text + skip_bom(text, len), end, &what);
    if (at) {
        json_scan_where(text, (size_t)(at - text), &f.line, &f.column);
        snprintf(f.what, sizeof f.what, "%s", what);
        return refuse(&f, ret_where, e);
    }
    cJSON *v = toml_shim_parse(text, len, &f);
    if (!v)
        return refuse(&f, ret_where, e);
    *ret = v;
    return 0;
}
