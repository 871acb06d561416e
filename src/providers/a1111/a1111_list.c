/* What the server has: checkpoints, samplers, schedulers, upscalers, styles, LoRAs. */
#include <string.h>

#include "a1111.h"

#define ENTRIES_MAX  5000 /* of one list */
#define LIST_SECONDS 60

/* Texts under one of the keys of each item. */
static void names_add(cJSON *list, const char *to, const cJSON *from, const char *key, const char *other)
{
    cJSON *out = cJSON_GetObjectItemCaseSensitive(list, to);
    const cJSON *item;
    out = out ? out : cJSON_AddArrayToObject(list, to);
    cJSON_ArrayForEach (item, from) {
        const char *name = a1111_name(item, key);
        name = name ? name : a1111_name(item, other);
        if (name && *name && cJSON_GetArraySize(out) < ENTRIES_MAX)
            cJSON_AddItemToArray(out, cJSON_CreateString(name));
    }
}

static void model_add(cJSON *list, const char *id, bool image, bool video)
{
    cJSON *models = cJSON_GetObjectItemCaseSensitive(list, "models"), *o = cJSON_CreateObject();
    models = models ? models : cJSON_AddArrayToObject(list, "models");
    cJSON_AddStringToObject(o, "id", id);
    cJSON *kinds = cJSON_AddArrayToObject(o, "kinds");
    if (image)
        cJSON_AddItemToArray(kinds, cJSON_CreateString(ym_kind_name(YM_IMAGE)));
    if (video)
        cJSON_AddItemToArray(kinds, cJSON_CreateString(ym_kind_name(YM_VIDEO)));
    cJSON_AddItemToArray(models, o);
}

static void models_add(cJSON *list, const cJSON *from)
{
    const cJSON *item;
    int n = 0;
    cJSON_ArrayForEach (item, from) {
        const char *name = ym_json_str(item, "model_name");
        if (name && *name && n++ < ENTRIES_MAX)
            model_add(list, name, true, false);
    }
}

static cJSON *list_of(const cJSON *caps)
{
    static const char *const no_keys[] = {"name", NULL};
    cJSON *list = cJSON_CreateObject();
    const cJSON *modes = ym_json_get(caps, "supported_modes"), *model = ym_json_get(caps, "model");
    const char *name = ym_json_str(model, "stem");
    bool video = a1111_find(modes, no_keys, "vid_gen") != NULL;
    bool image = !cJSON_IsArray(modes) || a1111_find(modes, no_keys, "img_gen");
    name = name ? name : ym_json_str_or(model, "name", "default");
    model_add(list, *name ? name : "default", image, video);
    names_add(list, "samplers", ym_json_get(caps, "samplers"), "name", "");
    names_add(list, "schedulers", ym_json_get(caps, "schedulers"), "name", "");
    names_add(list, "upscalers", ym_json_get(caps, "upscalers"), "name", "");
    names_add(list, "loras", ym_json_get(caps, "loras"), "name", "path");
    return list;
}

static const struct {
    const char *path, *to, *key, *other;
} lists[] = {
    {"/sdcpp/v1/capabilities", NULL, NULL, NULL},
    {"/sdapi/v1/sd-models", "models", NULL, NULL},
    {"/sdapi/v1/samplers", "samplers", "name", ""},
    {"/sdapi/v1/schedulers", "schedulers", "label", "name"},
    {"/sdapi/v1/latent-upscale-modes", "upscalers", "name", ""},
    {"/sdapi/v1/upscalers", "upscalers", "name", ""},
    {"/sdapi/v1/prompt-styles", "styles", "name", ""},
    {"/sdapi/v1/loras", "loras", "name", "alias"},
};

/* One reply into the list. A server that lacks one of the later lists (an older one, a fork) still has the
 * others. */
static int list_take(const struct ym_call *call, cJSON *list, unsigned i, const struct ym_reply *rep,
                     struct ym_err *e)
{
    bool good = rep->status == 200 && cJSON_IsArray(rep->json);
    bool refused = rep->status == 401 || rep->status == 403 || (rep->status >= 500 && i <= 1);
    if (refused || (i == 1 && !good))
        return a1111_fail(call, NULL, rep, e);
    if (good && i == 1)
        models_add(list, rep->json);
    else if (good && i > 1)
        names_add(list, lists[i].to, rep->json, lists[i].key, lists[i].other);
    return 0;
}

static void list_done(struct ym_next *n, cJSON *list)
{
    n->what = YM_NEXT_DONE;
    n->list = list;
    n->cost_known = true;
}

int a1111_list(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret,
               struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    unsigned i = rep && rep->tag >= A1111_TAG_LOOK ? rep->tag - A1111_TAG_LOOK : 0;
    const cJSON *caps = rep && i == 0 ? a1111_capabilities(rep) : NULL;
    if (!rep || !cJSON_IsObject(*state)) {
        cJSON_Delete(*state);
        *state = cJSON_CreateObject();
    }
    if (rep && !caps) {
        int r = i < YM_COUNT(lists) ? list_take(call, *state, i, rep, e) : 0;
        if (r < 0)
            return r;
    }
    i += rep ? 1 : 0;
    if (caps) {
        list_done(&n, list_of(caps));
    } else if (i >= YM_COUNT(lists)) {
        list_done(&n, cJSON_Duplicate(*state, true));
    } else {
        struct ym_http *h = a1111_http(call, &n, A1111_TAG_LOOK + i, "GET", YM_SAFE, lists[i].path);
        h->timeout = YM_SEC(LIST_SECONDS);
    }
    *ret = n;
    return 0;
}
