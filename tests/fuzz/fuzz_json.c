/* What is read, printed and read again is the same value; a refusal is a sentence with a place. */
#include "fuzz.h"

#include <errno.h>
#include <ymago/formats.h>

#define MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    YM_AUTOJSON cJSON *v = NULL, *w = NULL;
    struct ym_err e;
    int r = ym_json_parse((const char *)data, size, MAX, &v, &e);
    if (r < 0) {
        ym_assert(r == -EINVAL && !v && e.cls == YM_INVALID && strstr(e.msg, "line "));
        return 0;
    }
    YM_AUTOFREE char *a = ym_json_canonical(v), *printed = ym_json_print(v, size % 2);
    ym_assert(ym_json_parse(a, strlen(a), SIZE_MAX, &w, &e) == 0);
    YM_AUTOFREE char *b = ym_json_canonical(w);
    same_text(a, b);
    cJSON_Delete(w);
    w = NULL;
    ym_assert(ym_json_parse(printed, strlen(printed), SIZE_MAX, &w, &e) == 0);
    YM_AUTOFREE char *c = ym_json_canonical(w);
    same_text(a, c);
    return 0;
}
