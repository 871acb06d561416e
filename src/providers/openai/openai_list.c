/* The models that a server says it has. */
#include <string.h>
#include <strings.h>

#include "openai.h"

static bool holds(const char *id, const char *const *words)
{
    for (; *words; words++)
        for (const char *p = id; *p; p++)
            if (strncasecmp(p, *words, strlen(*words)) == 0)
                return true;
    return false;
}

/* The list says nothing of what a model makes; a name often does. YM_KIND_NONE: nothing that is made here. */
static enum ym_kind kind_guess(const char *id)
{
    static const char *const others[] = {"embed", "whisper", "tts",     "moderation", "transcribe", "realtime",
                                         "audio", "babbage", "davinci", "rerank",     NULL};
    static const char *const images[] = {"image", "dall-e", "flux",   "stable-diffusion",
                                         "sdxl",  "sd-cpp", "imagen", NULL};
    static const char *const videos[] = {"sora", "veo-", "video", "kling", "seedance", "wan2", NULL};
    const struct ym_model *m = ym_driver_model(&ym_driver_openai, id);
    for (int k = 0; m && k < YM_KIND_COUNT; k++)
        if (m->kinds & 1u << k)
            return (enum ym_kind)k;
    return holds(id, others)   ? YM_KIND_NONE
           : holds(id, images) ? YM_IMAGE
           : holds(id, videos) ? YM_VIDEO
                               : YM_TEXT;
}

static void model_add(cJSON *models, const cJSON *row)
{
    const char *id = ym_json_str(row, "id"), *end = ym_json_str(row, "shutdown_date");
    enum ym_kind kind = id ? kind_guess(id) : YM_KIND_NONE;
    if (kind == YM_KIND_NONE)
        return;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "id", id);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "kinds"), cJSON_CreateString(ym_kind_name(kind)));
    if (end)
        cJSON_AddStringToObject(o, "shutdown_date", end);
    cJSON_AddItemToArray(models, o);
}

int openai_list(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                struct ym_err *e)
{
    const cJSON *row;
    (void)state;
    if (!rep) {
        openai_send(call, n, OPENAI_TAG_LIST, "GET", YM_SAFE, "/models");
        return 0;
    }
    if (!openai_is_answer(rep))
        return openai_fail(call, rep, e);
    n->what = YM_NEXT_DONE;
    n->list = cJSON_CreateObject();
    cJSON *models = cJSON_AddArrayToObject(n->list, "models");
    cJSON_ArrayForEach (row, ym_json_get(rep->json, "data"))
        model_add(models, row);
    return 0;
}
