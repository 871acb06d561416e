/* predict: Imagen. Google's own service has shut it down; Vertex and gateways speak it still. */
#include <errno.h>
#include <string.h>

#include "gemini.h"

static void create(const struct ym_call *call, struct ym_next *n)
{
    static const char *const media_keys[] = {"bytesBase64Encoded", NULL};
    const cJSON *params = call->req->params;
    const char *ratio = ym_json_str(params, "aspect_ratio"), *size = gemini_size(call);
    const char *format = ym_json_str(params, "format");
    int64_t seed = ym_call_seed(call);
    YM_AUTOFREE char *path = gemini_model_path(call, "predict");
    YM_AUTOJSON cJSON *body = cJSON_CreateObject();
    cJSON *instance = cJSON_CreateObject(), *p = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "instances"), instance);
    cJSON_AddItemToObject(body, "parameters", p);
    cJSON_AddStringToObject(instance, "prompt", call->req->prompt);
    cJSON_AddNumberToObject(p, "sampleCount", 1); /* the service's default is 4 */
    if (call->req->negative && *call->req->negative)
        cJSON_AddStringToObject(p, "negativePrompt", call->req->negative);
    if (ratio)
        cJSON_AddStringToObject(p, "aspectRatio", ratio);
    if (seed >= 0) { /* refused together with the invisible mark */
        cJSON_AddNumberToObject(p, "seed", (double)seed);
        cJSON_AddBoolToObject(p, "addWatermark", false);
    }
    cJSON_AddBoolToObject(p, "includeRaiReason", true);
    if (format)
        cJSON_AddStringToObject(cJSON_AddObjectToObject(p, "outputOptions"), "mimeType",
                                strcmp(format, "png") == 0 ? "image/png" : "image/jpeg");
    if (size)
        cJSON_AddStringToObject(p, "sampleImageSize", size);
    gemini_params_add(call, p);
    struct ym_http *h = gemini_send(call, n, TAG_CREATE, "POST", YM_PAYS, path);
    h->media_keys = media_keys;
    ym_http_json(h, body);
}

static int answered(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n, struct ym_err *e)
{
    const cJSON *p;
    const char *filtered = NULL;
    if (gemini_is_error(rep))
        return gemini_fail(call, rep, e);
    if (!cJSON_IsObject(rep->json))
        return gemini_unreadable(rep, e);
    cJSON_ArrayForEach (p, ym_json_get(rep->json, "predictions")) {
        int index = ym_reply_media(rep, ym_json_get(p, "bytesBase64Encoded"));
        filtered = filtered ? filtered : ym_json_str(p, "raiFilteredReason");
        if (index >= 0 && n->nmedia < YM_COUNT(n->media) && rep->media[index].is_media)
            n->media[n->nmedia++] = (unsigned)index;
    }
    if (n->nmedia == 0 &&
        (filtered || !ym_json_get(rep->json, "predictions"))) { /* {}: all filtered, no reason given */
        gemini_not_billed(n);
        return gemini_refused("image", "filtered", filtered, e);
    }
    if (n->nmedia == 0)
        return ym_fail(e, YM_EMPTY, ENODATA, "Gemini answered without an image.");
    double usd = gemini_image_usd(call) * n->nmedia;
    n->cost_known = usd >= 0 && ym_money_from_double(usd, &n->cost) == 0;
    n->cost_is_estimate = n->cost_known;
    n->what = YM_NEXT_DONE;
    return 0;
}

int gemini_imagen_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                       struct ym_err *e)
{
    (void)state; /* one request, one answer */
    if (rep)
        return answered(call, rep, n, e);
    create(call, n);
    return 0;
}
