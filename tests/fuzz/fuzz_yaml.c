/* Whatever YAML is accepted is a value that strict JSON can say. */
#include "fuzz.h"

#include <errno.h>
#include <ymago/formats.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    YM_AUTOJSON cJSON *v = NULL, *w = NULL;
    struct ym_err e;
    int r = ym_yaml_parse((const char *)data, size, &v, &e);
    if (r < 0) {
        ym_assert(r == -EINVAL && !v && e.cls == YM_INVALID && e.msg[0]);
        return 0;
    }
    YM_AUTOFREE char *a = ym_json_canonical(v);
    ym_assert(ym_json_parse(a, strlen(a), SIZE_MAX, &w, &e) == 0);
    YM_AUTOFREE char *b = ym_json_canonical(w);
    same_text(a, b);
    ym_assert(cJSON_IsObject(v));
    return 0;
}
