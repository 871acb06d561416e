/* Refusing before anything is spent, and what the user's pass-through settings may say. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "openai.h"

static bool listed(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

/* ---- who is asked ---- */

bool openai_is_official(const struct ym_call *call)
{
    char origin[300];
    return !call->own_base_url || (ym_url_origin(call->base_url, origin, sizeof origin) == 0 &&
                                   strcmp(origin, "https://api.openai.com:443") == 0);
}

const char *openai_name(const struct ym_call *call)
{
    return openai_is_official(call) ? "OpenAI" : "The server at base_url of [providers.openai]";
}

bool openai_is_chat(const struct ym_call *call)
{
    const char *api = cJSON_GetStringValue(openai_extra(call, "api"));
    return api ? strcmp(api, "chat") == 0 : !openai_is_official(call);
}

/* ---- pass-through settings ---- */

const cJSON *openai_extra(const struct ym_call *call, const char *key)
{
    return ym_json_get(ym_json_get(call->req->params, "params"), key);
}

/* Settings that would change who is asked, how the answer comes, or what it costs. */
/* clang-format off */
static const char *const never[] = {
    /* what the driver itself says */
    "model", "prompt", "input", "messages", "image", "image[]", "images", "mask", "input_reference", "size", "seconds",
    "duration", "max_tokens", "max_output_tokens", "max_completion_tokens",
    /* how many and how they come */
    "n", "best_of", "stream", "stream_options", "partial_images",
    /* what is billed apart */
    "tools", "tool_choice", "functions", "web_search_options", "plugins", "service_tier",
    /* who hears of it */
    "webhook", "webhook_url", "callback", "callback_url", "api_key", "base_url", "endpoint", NULL,
};
/* clang-format on */

static bool is_never(const struct ym_call *call, const char *key)
{
    /* Of an image it is the backdrop; of a text it would mean an answer that comes later. */
    return listed(key, never) || (call->req->kind == YM_TEXT && strcmp(key, "background") == 0);
}

static bool is_api(const struct ym_call *call, const cJSON *v)
{
    return call->req->kind == YM_TEXT && strcmp(v->string, "api") == 0;
}

void openai_extras_add(const struct ym_call *call, cJSON *fields)
{
    const cJSON *v, *inner;
    cJSON_ArrayForEach (v, ym_json_get(call->req->params, "params")) {
        cJSON *mine = cJSON_GetObjectItemCaseSensitive(fields, v->string);
        if (is_never(call, v->string) || is_api(call, v))
            continue;
        if (!mine)
            cJSON_AddItemToObject(fields, v->string, cJSON_Duplicate(v, true));
        else if (cJSON_IsObject(mine) && cJSON_IsObject(v))
            cJSON_ArrayForEach (inner, v) /* text: {verbosity} beside the driver's text: {format} */
                if (!ym_json_get(mine, inner->string))
                    cJSON_AddItemToObject(mine, inner->string, cJSON_Duplicate(inner, true));
    }
}

static bool collides(const cJSON *mine, const cJSON *v)
{
    const cJSON *inner;
    if (!mine || !cJSON_IsObject(mine) || !cJSON_IsObject(v))
        return mine != NULL;
    cJSON_ArrayForEach (inner, v)
        if (ym_json_get(mine, inner->string))
            return true;
    return false;
}

static int extra_check(const struct ym_call *call, const cJSON *fields, const cJSON *v, struct ym_err *e)
{
    char show[60];
    size_t plain = strspn(v->string, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.[]");
    ym_text_show(v->string, show, sizeof show);
    if (!*v->string || v->string[plain])
        return ym_fail(e, YM_INVALID, EINVAL, "params: \"%s\" is no name of a setting.", show);
    if (is_api(call, v)) {
        const char *api = cJSON_GetStringValue(v);
        return api && (strcmp(api, "chat") == 0 || strcmp(api, "responses") == 0)
                   ? 0
                   : ym_fail(e, YM_INVALID, EINVAL, "params: api takes chat or responses.");
    }
    if (is_never(call, v->string))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "params may not set %s; ymago sets it, or it would change what is paid.", show);
    if (strcmp(v->string, "response_format") == 0 && call->req->kind == YM_IMAGE && openai_known(call))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "%.60s takes no response_format; its answer always holds the image.", call->req->model);
    if (collides(ym_json_get(fields, v->string), v))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "params sets %s, which a field of its own sets already; keep one of them.", show);
    return 0;
}

static int extras_check(const struct ym_call *call, struct ym_err *e)
{
    const cJSON *extras = ym_json_get(call->req->params, "params"), *v;
    YM_AUTOJSON cJSON *fields = call->req->kind == YM_IMAGE   ? openai_image_fields(call)
                                : call->req->kind == YM_VIDEO ? openai_video_fields(call)
                                                              : openai_text_fields(call);
    cJSON_ArrayForEach (v, extras) {
        int r = extra_check(call, fields, v, e);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- kinds ---- */

enum openai_quality openai_quality(const struct ym_call *call)
{
    static const char *const names[] = {"low", "medium", "high", "auto"};
    const char *extra = cJSON_GetStringValue(openai_extra(call, "quality"));
    const char *q = ym_json_str(call->req->params, "quality");
    for (size_t i = 0; extra && i < YM_COUNT(names); i++)
        if (strcmp(extra, names[i]) == 0)
            return (enum openai_quality)i;
    if (extra)
        return OPENAI_OTHER;
    return !q || strcmp(q, "standard") == 0 ? OPENAI_MEDIUM
           : strcmp(q, "draft") == 0        ? OPENAI_LOW
                                            : OPENAI_HIGH;
}

static int video_check(const struct ym_call *call, struct ym_err *e)
{
    double seconds = ym_json_num_or(call->req->params, "duration", 4);
    bool whole = seconds >= 4 && seconds <= 20 && seconds <= floor(seconds);
    if (openai_traits(call)->shape == OPENAI_LOOSE || (whole && (int)seconds % 4 == 0))
        return 0;
    return ym_fail(e, YM_INVALID, EINVAL, "%.60s makes videos of 4, 8, 12, 16 or 20 seconds, not %g.",
                   call->req->model, seconds);
}

static int text_check(const struct ym_call *call, struct ym_err *e)
{
    const cJSON *schema = ym_json_get(call->req->params, "schema");
    int64_t most = ym_json_int_or(call->req->params, "max_tokens", 16);
    if (!openai_is_chat(call) && most < 16)
        return ym_fail(e, YM_INVALID, EINVAL, "%.60s takes max_tokens from 16 up; what it thinks counts too.",
                       call->req->model);
    if (schema && schema->child && openai_is_official(call) &&
        strcmp(ym_json_str_or(schema, "type", ""), "object") != 0)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The schema must be of type object at its root; put the list below a key.");
    return 0;
}

/* What is fetched and what comes back share sixteen places. */
static int addresses_check(const struct ym_call *call, struct ym_err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < call->req->nrefs; i++)
        n += call->req->refs[i].is_url;
    return n < 16 ? 0
                  : ym_fail(e, YM_INVALID, EINVAL,
                            "At most 15 references may be addresses; put the others into the library.");
}

int openai_check(const struct ym_call *call, struct ym_err *e)
{
    const struct ym_model *m = openai_known(call);
    struct openai_size size;
    enum ym_kind kind = call->req->kind;
    int r;
    if (!(ym_driver_openai.kinds & 1u << kind) || (m && !(m->kinds & 1u << kind)))
        return ym_fail(e, YM_INVALID, EINVAL, "%.60s makes no %s; choose another model.", call->req->model,
                       ym_kind_name(kind));
    if (m && m->retired && openai_is_official(call)) /* a gateway may still serve it */
        return ym_fail(e, YM_INVALID, EINVAL, "%s", m->retired);
    r = ym_call_check(call, NULL, e);
    if (r == 0)
        r = addresses_check(call, e);
    if (r == 0 && kind != YM_TEXT)
        r = openai_size(call, &size, e);
    if (r == 0 && kind == YM_VIDEO)
        r = video_check(call, e);
    if (r == 0 && kind == YM_TEXT)
        r = text_check(call, e);
    return r < 0 ? r : extras_check(call, e);
}
