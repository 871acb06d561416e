/* The prompt lies inside the text; what was found is an object of plain values. */
#include "fuzz.h"

#include <ymago/formats.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct ym_span prompt;
    YM_AUTOJSON cJSON *found = NULL;
    if (!ym_parameter_lines(text, size, &prompt, &found))
        return 0;
    ym_assert(prompt.s >= text && prompt.s + prompt.len <= text + size);
    ym_assert(cJSON_IsObject(found) && found->child);
    const cJSON *v;
    cJSON_ArrayForEach(v, found)
        ym_assert(cJSON_IsNumber(v) || cJSON_IsString(v));
    return 0;
}
