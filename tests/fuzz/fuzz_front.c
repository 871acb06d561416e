/* Head and body lie inside the text, in order, and the body is its end. */
#include "fuzz.h"

#include <errno.h>
#include <ymago/formats.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct ym_span head, body;
    struct ym_err e;
    int r = ym_front_matter(text, size, &head, &body, &e);
    if (r < 0) {
        ym_assert(r == -EINVAL && e.cls == YM_INVALID && e.msg[0]);
        return 0;
    }
    ym_assert(body.s + body.len == text + size);
    ym_assert(head.s >= text && head.s + head.len <= text + size);
    if (head.s == text) /* no head */
        ym_assert(head.len == 0 && body.len == size);
    else
        ym_assert(head.s + head.len + 3 <= body.s && memcmp(head.s + head.len, "---", 3) == 0 &&
                  (head.len == 0 || head.s[head.len - 1] == '\n'));
    return 0;
}
