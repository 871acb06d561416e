/* Any name may lie in a library: it is classified without harm, and a result's name never leaves its
 * folder. */
#include "fuzz.h"

#include <ymago/library.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ym_name n;
    struct ym_err e;
    char out[256];
    YM_AUTOFREE char *base = ym_strndup((const char *)data, size < 4096 ? size : 4096);
    ym_name_classify(base, &n);
    ym_assert(memchr(n.stem, 0, sizeof(n.stem)) && memchr(n.ext, 0, sizeof(n.ext)));
    ym_assert(n.n == 0 || (n.n >= 2 && n.n <= 64));
    ym_path_kind(base);
    ym_path_hidden(base);
    if (ym_output_filename_check(base, &e) < 0)
        ym_assert(e.cls == YM_INVALID && e.msg[0]);
    else
        ym_assert(*base && !strchr(base, '/') && base[0] != '.' && base[0] != '-' && strlen(base) <= 200 &&
                  ym_utf8_valid(base, strlen(base)) == strlen(base) && !ym_text_has_control(base, strlen(base)));
    for (int attempt = 0; attempt < 3 && n.cls == YM_NM_PROMPT && !strchr(base, '/'); attempt++)
        if (ym_result_name(base, NULL, 1, "png", attempt, out) == 0)
            ym_assert(!strchr(out, '/') && strlen(out) < sizeof(out));
    return 0;
}
