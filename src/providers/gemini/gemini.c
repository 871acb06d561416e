/* The driver: what is refused before anything is spent, and which way a model goes. */
#include <errno.h>
#include <string.h>

#include "gemini.h"

#define KINDS (1u << YM_IMAGE | 1u << YM_VIDEO | 1u << YM_TEXT)

/* Names that nobody here knows go by what they begin with. */
enum gemini_way gemini_way_of(const struct ym_call *call)
{
    const char *id = call->req->model;
    id = strncmp(id, "models/", 7) == 0 ? id + 7 : id;
    if (strncmp(id, "imagen", 6) == 0)
        return WAY_PREDICT;
    if (strncmp(id, "veo", 3) == 0)
        return WAY_VEO;
    return call->req->kind == YM_VIDEO ? WAY_INTERACTION : WAY_CONTENT;
}

static int check_kind(const struct ym_call *call, const struct ym_model *known, struct ym_err *e)
{
    static const char *const made[YM_KIND_COUNT] = {[YM_IMAGE] = "images", [YM_VIDEO] = "videos", [YM_TEXT] = "texts"};
    enum ym_kind kind = call->req->kind;
    unsigned kinds = known ? known->kinds : KINDS;
    if (kinds & 1u << kind)
        return 0;
    for (int k = 0; known && k < YM_KIND_COUNT; k++)
        if (kinds & 1u << k)
            return ym_fail(e, YM_INVALID, EINVAL, "%.80s makes %s; a %s needs another model.", call->req->model,
                           made[k], ym_kind_name(kind));
    return ym_fail(e, YM_INVALID, EINVAL, "Gemini makes images, videos and texts; a %s needs another provider.",
                   ym_kind_name(kind));
}

static int gemini_check(const struct ym_call *call, struct ym_err *e)
{
    static const char *const images[] = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif", NULL};
    static const char *const veo_images[] = {"image/png", "image/jpeg", "image/webp", NULL};
    const struct ym_model *known = ym_driver_model(&ym_driver_gemini, call->req->model);
    enum gemini_way way = gemini_way_of(call);
    int r = check_kind(call, known, e);
    if (r < 0)
        return r;
    /* A gateway behind another address may still serve what Google has shut down. */
    if (known && known->retired && strcmp(call->base_url, GEMINI_BASE) == 0)
        return ym_fail(e, YM_INVALID, EINVAL, "%s", known->retired);
    r = ym_call_check(call, way == WAY_VEO ? veo_images : images, e);
    r = r < 0 ? r : gemini_params_check(call, e);
    if (r < 0 || way == WAY_PREDICT)
        return r;
    return way == WAY_VEO           ? gemini_veo_check(call, e)
           : way == WAY_INTERACTION ? gemini_video_check(call, e)
                                    : gemini_content_check(call, e);
}

int gemini_no_key(struct ym_err *e)
{
    return ym_fail(e, YM_AUTH, EACCES,
                   "No key for Gemini: set GOOGLE_API_KEY, or api_key_file below [providers.gemini].");
}

/* What a failed step asked for is dropped; what it cost is told. */
int gemini_step_end(int r, struct ym_next *n, struct ym_next *ret)
{
    if (r < 0) {
        struct ym_next told = {
            .progress = -1, .cost = n->cost, .cost_known = n->cost_known, .cost_is_estimate = n->cost_is_estimate};
        ym_next_fini(n);
        *n = told;
    }
    *ret = *n;
    return r;
}

static int gemini_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret_next,
                       struct ym_err *e)
{
    static int (*const ways[])(const struct ym_call *, cJSON **, const struct ym_reply *, struct ym_next *,
                               struct ym_err *) = {
        [WAY_CONTENT] = gemini_content_step,
        [WAY_PREDICT] = gemini_imagen_step,
        [WAY_VEO] = gemini_veo_step,
        [WAY_INTERACTION] = gemini_video_step,
    };
    struct ym_next n = {.progress = -1};
    int r = !call->has_key ? gemini_no_key(e) : ways[gemini_way_of(call)](call, state, rep, &n, e);
    return gemini_step_end(r, &n, ret_next);
}

/* Only interactions can be stopped; what else was begun is waited for. */
static int gemini_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                         struct ym_next *ret_next, struct ym_err *e)
{
    struct ym_next n = {.progress = -1, .what = YM_NEXT_DONE, .runs_on = true};
    int r = gemini_way_of(call) == WAY_INTERACTION ? gemini_video_cancel(call, state, rep, &n, e) : 0;
    return gemini_step_end(r, &n, ret_next);
}

const struct ym_driver ym_driver_gemini = {
    .name = "gemini",
    .kinds = KINDS,
    .needs_key = true,
    .key_env = "GOOGLE_API_KEY",
    .key_env_more = "GEMINI_API_KEY",
    .base_env = "GEMINI_API_BASE",
    .base_url = GEMINI_BASE,
    .rate_limit = 10,
    .concurrency = 4,
    .quota_offset_min = -480,
    .models = gemini_models,
    .params = {[YM_IMAGE] = gemini_image_params, [YM_VIDEO] = gemini_video_params, [YM_TEXT] = gemini_text_params},
    .default_model =
        {[YM_IMAGE] = GEMINI_DEFAULT_IMAGE, [YM_VIDEO] = GEMINI_DEFAULT_VIDEO, [YM_TEXT] = GEMINI_DEFAULT_TEXT},
    .check = gemini_check,
    .price = gemini_price,
    .step = gemini_step,
    .cancel = gemini_cancel,
    .gather = &gemini_gather,
    .list = gemini_list,
};
