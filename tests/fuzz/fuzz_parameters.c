/* The prompt lies inside the text; what was found is an object of plain values, and a
 * table of such for the second pass. */
#include "fuzz.h"

#include <ymago/formats.h>

static void plain_check(const cJSON *o, int depth)
{
    const cJSON *v;
    cJSON_ArrayForEach(v, o)
    {
        bool table = depth == 0 && strcmp(v->string, "hires") == 0;
        ym_assert(table ? cJSON_IsObject(v) && v->child : cJSON_IsNumber(v) || cJSON_IsString(v));
        if (table)
            plain_check(v, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct ym_span prompt;
    YM_AUTOJSON cJSON *found = NULL;
    if (!ym_parameter_lines(text, size, &prompt, &found))
        return 0;
    ym_assert(prompt.s >= text && prompt.s + prompt.len <= text + size);
    ym_assert(cJSON_IsObject(found) && found->child);
    plain_check(found, 0);
    return 0;
}
