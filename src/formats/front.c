/* Front matter: where the head ends and the text begins. */
#include <errno.h>
#include <string.h>
#include <ymago/formats.h>

#define HEAD_MAX 16384

/* True for a line "---", white space behind it included. Sets *ret_next to the line after it. */
static bool is_fence(const char *line, const char *end, const char **ret_next)
{
    const char *nl = memchr(line, '\n', (size_t)(end - line));
    const char *stop = nl ? nl : end;
    if (stop - line < 3 || memcmp(line, "---", 3) != 0)
        return false;
    for (const char *p = line + 3; p < stop; p++)
        if (*p != ' ' && *p != '\t' && *p != '\r')
            return false;
    *ret_next = nl ? nl + 1 : end;
    return true;
}

int ym_front_matter(const char *text, size_t len, struct ym_span *ret_head,
                    struct ym_span *ret_body, struct ym_err *e)
{
    const char *p = text, *end = text + len, *head, *next;
    if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    if (!is_fence(p, end, &head)) {
        *ret_head = (struct ym_span){text, 0};
        *ret_body = (struct ym_span){text, len};
        return 0;
    }
    for (p = head; p < end && p - head <= HEAD_MAX;) {
        if (is_fence(p, end, &next)) {
            *ret_head = (struct ym_span){head, (size_t)(p - head)};
            *ret_body = (struct ym_span){next, (size_t)(end - next)};
            return 0;
        }
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        p = nl ? nl + 1 : end;
    }
    return ym_fail(e, YM_INVALID, EINVAL,
                   "The text begins with a line \"---\", but no second one closes the settings "
                   "within %d bytes: add it below them, or remove the first.",
                   HEAD_MAX);
}
