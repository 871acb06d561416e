/* Which models the service has, page by page. state: {"models":[{"id","kinds"}]} */
#include <string.h>

#include "gemini.h"

#define MODELS_MAX 400 /* what a state holds easily */

static bool has_method(const cJSON *model, const char *method)
{
    const cJSON *m;
    cJSON_ArrayForEach (m, ym_json_get(model, "supportedGenerationMethods"))
        if (cJSON_IsString(m) && strcmp(m->valuestring, method) == 0)
            return true;
    return false;
}

/* Known models by our table; others by what they say they do, and by their names: the service calls an
 * Omni model one for generateContent, as it does those for speech and vectors, which are left out. */
static unsigned kinds_of(const char *id, const cJSON *model)
{
    static const char *const others[] = {"tts", "audio", "live",     "embedding",
                                         "aqa", "lyria", "robotics", "computer-use"};
    const struct ym_model *known = ym_driver_model(&ym_driver_gemini, id);
    bool unsaid = ym_json_get(model, "supportedGenerationMethods") == NULL; /* Vertex does not say */
    if (known)
        return known->kinds;
    for (size_t i = 0; i < YM_COUNT(others); i++)
        if (strstr(id, others[i]))
            return 0;
    if (strstr(id, "omni") || strncmp(id, "veo", 3) == 0 || has_method(model, "predictLongRunning"))
        return 1u << YM_VIDEO;
    if (strncmp(id, "imagen", 6) == 0 || has_method(model, "predict"))
        return 1u << YM_IMAGE;
    if (!has_method(model, "generateContent") && !(unsaid && strncmp(id, "gemini", 6) == 0))
        return 0;
    return strstr(id, "image") || strstr(id, "banana") ? 1u << YM_IMAGE : 1u << YM_TEXT;
}

static void model_take(const cJSON *model, cJSON *models)
{
    const char *name = ym_json_str_or(model, "name", ""), *slash = strrchr(name, '/');
    const char *id = slash ? slash + 1 : name;
    unsigned kinds = kinds_of(id, model);
    if (!*id || strlen(id) > 100 || !kinds || cJSON_GetArraySize(models) >= MODELS_MAX)
        return;
    cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "kinds");
    cJSON_AddStringToObject(o, "id", id);
    for (int k = 0; k < YM_KIND_COUNT; k++)
        if (kinds & 1u << k)
            cJSON_AddItemToArray(list, cJSON_CreateString(ym_kind_name((enum ym_kind)k)));
    cJSON_AddItemToArray(models, o);
}

static void ask(const struct ym_call *call, const char *token, struct ym_next *n)
{
    const char *last = strstr(call->base_url, "/projects/");
    YM_AUTOFREE char *page = token ? ym_url_encode(token, NULL) : NULL;
    YM_AUTOFREE char *query = ym_asprintf("models?pageSize=1000%s%s", page ? "&pageToken=" : "", page ? page : "");
    if (!gemini_is_vertex(call) || !last) {
        YM_AUTOFREE char *path = gemini_is_vertex(call) ? ym_asprintf("publishers/google/%s", query) : ym_strdup(query);
        gemini_send(call, n, TAG_LIST, "GET", YM_SAFE, path);
        return;
    }
    /* Vertex lists them without a project. */
    YM_AUTOFREE char *url =
        ym_asprintf("%.*s/publishers/google/%s", (int)(last - call->base_url), call->base_url, query);
    gemini_auth(call, ym_next_send(n, TAG_LIST, "GET", YM_SAFE, url));
}

static int page_take(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                     struct ym_err *e)
{
    cJSON *models = cJSON_GetObjectItemCaseSensitive(state, "models");
    const cJSON *list = ym_json_get(rep->json, "models"), *m;
    const char *token = ym_json_str(rep->json, "nextPageToken");
    list = list ? list : ym_json_get(rep->json, "publisherModels");
    if (gemini_is_error(rep))
        return gemini_fail(call, rep, e);
    if (!cJSON_IsObject(rep->json))
        return gemini_unreadable(rep, e);
    cJSON_ArrayForEach (m, list)
        model_take(m, models);
    if (token && *token && list && list->child && strlen(token) < 2000) {
        ask(call, token, n);
        return 0;
    }
    n->what = YM_NEXT_DONE;
    n->list = cJSON_CreateObject();
    cJSON_AddItemToObject(n->list, "models", cJSON_DetachItemViaPointer(state, models));
    return 0;
}

int gemini_list(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret_next,
                struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    int r = 0;
    if (!call->has_key)
        return gemini_no_key(e);
    if (!rep || !ym_json_get(*state, "models")) {
        cJSON_Delete(*state);
        *state = cJSON_CreateObject();
        cJSON_AddArrayToObject(*state, "models");
        ask(call, NULL, &n);
    } else {
        r = page_take(call, *state, rep, &n, e);
    }
    return gemini_step_end(r, &n, ret_next);
}
