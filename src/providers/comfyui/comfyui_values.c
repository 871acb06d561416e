/* What stands behind a name in a workflow: the prompt, the fields, uploaded images, keys of `params`, and
 * what is taken where nothing was said. */
#include <math.h>
#include <string.h>

#include "comfyui.h"

#define SIDE 1024 /* of a square, where no size is given */

static const struct {
    const char *name;
    double number; /* where text is NULL */
    const char *text;
} defaults[] = {
    {"negative_prompt", 0, ""}, {"steps", 20, NULL},      {"cfg_scale", 7, NULL}, {"sampler", 0, "euler"},
    {"scheduler", 0, "normal"}, {"strength", 0.75, NULL}, {"fps", 24, NULL},      {"duration", 5, NULL},
};

/* Fields of a request that a workflow may have a place for, beside those above. */
static const char *const fields[] = {
    "prompt",     "seed",        "width",   "height",   "aspect_ratio", "model",     "from_image",
    "last_frame", "resolution",  "quality", "loras",    "styles",       "clip_skip", "audio",
    "hires",      "resize_mode", "voice",   "language", "speed",        "format",    NULL};

/* ---- names ---- */

bool comfyui_ref_name(const struct ym_call *call, unsigned i, char *out, size_t size)
{
    unsigned number = 1;
    switch (call->req->refs[i].role) {
    case YM_REF_SOURCE:
        snprintf(out, size, "from_image");
        return true;
    case YM_REF_LAST_FRAME:
        snprintf(out, size, "last_frame");
        return true;
    case YM_REF_REFERENCE:
        for (unsigned k = 0; k < i; k++)
            number += call->req->refs[k].role == YM_REF_REFERENCE;
        snprintf(out, size, "reference%u", number);
        return true;
    case YM_REF_WORKFLOW:
    case YM_REF_ROLE_COUNT:
        break;
    }
    return false;
}

static int ref_find(const struct ym_call *call, const char *name)
{
    char own[32];
    for (unsigned i = 0; i < call->req->nrefs; i++)
        if (comfyui_ref_name(call, i, own, sizeof own) && strcmp(own, name) == 0)
            return (int)i;
    return -1;
}

static const cJSON *param_find(const struct ym_call *call, const char *name)
{
    const cJSON *v = ym_json_get(call->req->params, name);
    if (v && strcmp(name, "params") != 0 && strcmp(name, "tags") != 0)
        return v;
    return ym_json_get(ym_json_get(call->req->params, "params"), name);
}

bool comfyui_name_known(const struct ym_call *call, const char *name)
{
    for (size_t i = 0; i < YM_COUNT(defaults); i++)
        if (strcmp(defaults[i].name, name) == 0)
            return true;
    for (size_t i = 0; fields[i]; i++)
        if (strcmp(fields[i], name) == 0)
            return true;
    const char *number = strncmp(name, "reference", 9) == 0 ? name + 9 : "";
    return param_find(call, name) || (*number && strspn(number, "0123456789") == strlen(number));
}

bool comfyui_name_given(const struct ym_call *call, const char *name)
{
    YM_AUTOJSON cJSON *given = comfyui_given(call);
    const cJSON *g;
    cJSON_ArrayForEach (g, given)
        if (strcmp(g->valuestring, name) == 0)
            return true;
    return false;
}

static void given_add(cJSON *list, const char *name)
{
    cJSON_AddItemToArray(list, cJSON_CreateString(name));
}

cJSON *comfyui_given(const struct ym_call *call)
{
    cJSON *list = cJSON_CreateArray();
    const cJSON *p;
    char name[32];
    given_add(list, "prompt");
    if (call->req->negative && *call->req->negative)
        given_add(list, "negative_prompt");
    if (strcmp(call->req->model, COMFYUI_MODEL) != 0)
        given_add(list, "model");
    for (unsigned i = 0; i < call->req->nrefs; i++)
        if (comfyui_ref_name(call, i, name, sizeof name))
            given_add(list, name);
    cJSON_ArrayForEach (p, call->req->params)
        if (strcmp(p->string, "params") != 0 && strcmp(p->string, "tags") != 0)
            given_add(list, p->string);
    cJSON_ArrayForEach (p, ym_json_get(call->req->params, "params"))
        given_add(list, p->string);
    return list;
}

/* ---- values ---- */

/* Without a seed every job has its own, which stays the same when it is sent again: with an equal seed the
 * server would give back the old picture. */
static double seed_value(const struct ym_call *call)
{
    int64_t seed = ym_call_seed(call);
    uint32_t own = 0;
    if (seed >= 0)
        return (double)seed;
    struct ym_digest d = ym_digest_of(call->job_id, strlen(call->job_id));
    memcpy(&own, d.b, sizeof own);
    return (double)own + (double)call->req->variation;
}

/* Width to height of "16:9", or 1. */
static double ratio_value(const struct ym_call *call)
{
    const char *s = ym_json_str_or(call->req->params, "aspect_ratio", "1:1"), *colon = strchr(s, ':');
    double w = strtod(s, NULL), h = colon ? strtod(colon + 1, NULL) : 0;
    return w > 0 && h > 0 && w / h < 100 && h / w < 100 ? w / h : 1;
}

static double round8(double pixels)
{
    return fmax(8, 8 * round(pixels / 8));
}

static double size_value(const struct ym_call *call, bool width)
{
    double w = ym_json_num_or(call->req->params, "width", 0), h = ym_json_num_or(call->req->params, "height", 0);
    double ratio = ratio_value(call);
    if (width ? w > 0 : h > 0)
        return width ? w : h;
    if (width)
        return round8(h > 0 ? h * ratio : SIDE * sqrt(ratio));
    return round8(w > 0 ? w / ratio : SIDE / sqrt(ratio));
}

static cJSON *model_value(const struct ym_call *call, const cJSON *state, bool dry)
{
    const char *found = ym_json_str(state, "model");
    if (strcmp(call->req->model, COMFYUI_MODEL) != 0)
        return cJSON_CreateString(call->req->model);
    return found || dry ? cJSON_CreateString(found ? found : "") : NULL;
}

static cJSON *ref_value(const cJSON *state, bool dry, int index)
{
    const cJSON *upload = cJSON_GetArrayItem(ym_json_get(state, "uploads"), index);
    if (dry)
        return cJSON_CreateString("");
    return cJSON_IsString(upload) ? cJSON_Duplicate(upload, true) : NULL;
}

cJSON *comfyui_value(const struct ym_call *call, const cJSON *state, bool dry, const char *name)
{
    int ref = ref_find(call, name);
    if (strcmp(name, "prompt") == 0)
        return cJSON_CreateString(call->req->prompt);
    if (strcmp(name, "negative_prompt") == 0)
        return cJSON_CreateString(call->req->negative ? call->req->negative : "");
    if (strcmp(name, "seed") == 0)
        return cJSON_CreateNumber(seed_value(call));
    if (strcmp(name, "width") == 0 || strcmp(name, "height") == 0)
        return cJSON_CreateNumber(size_value(call, *name == 'w'));
    if (strcmp(name, "model") == 0)
        return model_value(call, state, dry);
    if (ref >= 0)
        return ref_value(state, dry, ref);
    const cJSON *v = param_find(call, name);
    if (v)
        return cJSON_Duplicate(v, true);
    for (size_t i = 0; i < YM_COUNT(defaults); i++)
        if (strcmp(defaults[i].name, name) == 0)
            return defaults[i].text ? cJSON_CreateString(defaults[i].text) : cJSON_CreateNumber(defaults[i].number);
    return NULL;
}
