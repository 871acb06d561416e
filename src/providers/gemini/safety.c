/* The field `safety`: one threshold for all categories, or one for each. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "gemini.h"

static const char *const thresholds[] = {"BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH",
                                         "BLOCK_NONE", "OFF"};
#define PREFIX "HARM_CATEGORY_"
static const char *const categories[] = {PREFIX "HARASSMENT", PREFIX "HATE_SPEECH", PREFIX "SEXUALLY_EXPLICIT",
                                         PREFIX "DANGEROUS_CONTENT", PREFIX "CIVIC_INTEGRITY"};
#define FOR_ALL 4 /* a threshold for all leaves civic integrity alone: not every model knows it */

static const char *threshold_find(const char *s)
{
    for (size_t i = 0; s && i < YM_COUNT(thresholds); i++)
        if (strcasecmp(s, thresholds[i]) == 0)
            return thresholds[i];
    return NULL;
}

static const char *category_find(const char *s)
{
    for (size_t i = 0; i < YM_COUNT(categories); i++)
        if (strcasecmp(s, categories[i]) == 0 || strcasecmp(s, categories[i] + strlen(PREFIX)) == 0)
            return categories[i];
    return NULL;
}

int gemini_safety_check(const struct ym_call *call, struct ym_err *e)
{
    const cJSON *safety = ym_json_get(call->req->params, "safety"), *item;
    const cJSON *map = cJSON_IsObject(safety) ? safety : NULL;
    bool threshold_ok = !cJSON_IsString(safety) || threshold_find(safety->valuestring);
    char show[64];
    cJSON_ArrayForEach (item, map) {
        threshold_ok = threshold_ok && cJSON_IsString(item) && threshold_find(item->valuestring);
        if (!category_find(item->string))
            return ym_fail(e, YM_INVALID, EINVAL,
                           "safety: %s is no category; there are harassment, hate_speech, sexually_explicit, "
                           "dangerous_content and civic_integrity.",
                           ym_text_show(item->string, show, sizeof show));
    }
    if (threshold_ok)
        return 0;
    return ym_fail(e, YM_INVALID, EINVAL,
                   "safety takes BLOCK_LOW_AND_ABOVE, BLOCK_MEDIUM_AND_ABOVE, BLOCK_ONLY_HIGH, BLOCK_NONE or OFF.");
}

static void lower_add(cJSON *o, const char *key, const char *text)
{
    YM_AUTOFREE char *copy = ym_strdup(text);
    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    cJSON_AddStringToObject(o, key, copy);
}

static void one_add(cJSON *out, const char *category, const char *threshold, bool lower)
{
    cJSON *o = cJSON_CreateObject();
    if (lower) {
        lower_add(o, "type", category + strlen(PREFIX));
        lower_add(o, "threshold", threshold_find(threshold));
    } else {
        cJSON_AddStringToObject(o, "category", category);
        cJSON_AddStringToObject(o, "threshold", threshold_find(threshold));
    }
    cJSON_AddItemToArray(out, o);
}

cJSON *gemini_safety(const struct ym_call *call, bool lower)
{
    const cJSON *safety = ym_json_get(call->req->params, "safety"), *item;
    const cJSON *map = cJSON_IsObject(safety) ? safety : NULL;
    YM_AUTOJSON cJSON *out = cJSON_CreateArray();
    for (size_t i = 0; cJSON_IsString(safety) && i < FOR_ALL; i++)
        one_add(out, categories[i], safety->valuestring, lower);
    cJSON_ArrayForEach (item, map)
        one_add(out, category_find(item->string), item->valuestring, lower);
    return out->child ? ym_steal(&out) : NULL;
}
