/* What a prompt's front matter can ask for: after the checks only known fields with typed, bounded
 * values are left. */
#include "fuzz.h"

#include <ymago/config.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    YM_AUTOJSON cJSON *raw = NULL, *ok = NULL;
    struct ym_err e;
    if (ym_yaml_parse((const char *)data, size, &raw, &e) < 0 || !raw)
        return 0;
    if (ym_fields_check(raw, "front matter", &ok, &e) < 0) {
        ym_assert(e.cls == YM_INVALID && e.msg[0] && !strchr(e.msg, '\n'));
        return 0;
    }
    const cJSON *f;
    cJSON_ArrayForEach(f, ok)
    {
        const struct ym_field *d = ym_field_find(f->string);
        ym_assert(strcmp(f->string, "metadata") == 0 || (d && strcmp(d->name, f->string) == 0));
    }
    return 0;
}
