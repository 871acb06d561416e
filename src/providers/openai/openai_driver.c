/* OpenAI and what speaks its API: images, videos and texts; the driver's table. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "openai.h"

/* ---- requests ---- */

/* Is there a segment like "v1" or "v1beta" in the path? */
static bool has_version(const char *base)
{
    const char *p = strstr(base, "://");
    p = strchr(p ? p + 3 : base, '/');
    for (; p; p = strchr(p + 1, '/'))
        if (p[1] == 'v' && isdigit((unsigned char)p[2]))
            return true;
    return false;
}

struct ym_http *openai_send(const struct ym_call *call, struct ym_next *n, unsigned tag, const char *method,
                            enum ym_effect effect, const char *path)
{
    YM_AUTOFREE char *url =
        ym_asprintf("%s%s%s", call->base_url, has_version(call->base_url) ? "" : "/v1", path);
    struct ym_http *h = ym_next_send(n, tag, method, effect, url);
    if (call->has_key)
        ym_http_credential(h, "Authorization", "api_key", "Bearer ");
    return h;
}

char *openai_prompt(const struct ym_call *call)
{
    const struct ym_request *r = call->req;
    return r->negative && *r->negative ? ym_asprintf("%s\n\nWithout %s.", r->prompt, r->negative)
                                       : ym_strdup(r->prompt);
}

static int key_check(const struct ym_call *call, struct ym_err *e)
{
    if (call->has_key || !openai_is_official(call)) /* a local server may want none, and says so if not */
        return 0;
    return ym_fail(e, YM_AUTH, EACCES,
                   "No key for OpenAI: set OPENAI_API_KEY, or api_key_file below [providers.openai].");
}

/* ---- slots ---- */

/* What a slot has built, given away; of a failure only what it cost. */
static int give(int r, struct ym_next *n, struct ym_next *ret)
{
    if (r == 0) {
        *ret = *n;
        return 0;
    }
    ret->cost = n->cost;
    ret->cost_known = n->cost_known;
    ret->cost_is_estimate = n->cost_is_estimate;
    ym_next_fini(n);
    return r;
}

static int openai_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                       struct ym_next *ret_next, struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    int r = key_check(call, e);
    if (r < 0)
        return r;
    switch (call->req->kind) {
    case YM_IMAGE:
        r = openai_image_step(call, state, rep, &n, e);
        break;
    case YM_VIDEO:
        r = openai_video_step(call, state, rep, &n, e);
        break;
    case YM_TEXT:
        r = openai_text_step(call, state, rep, &n, e);
        break;
    case YM_AUDIO:
    case YM_SFX:
    case YM_KIND_COUNT:
    case YM_KIND_NONE:
        r = ym_fail(e, YM_INVALID, EINVAL, "%.60s makes no %s.", call->req->model,
                    ym_kind_name(call->req->kind));
        break;
    }
    return give(r, &n, ret_next);
}

/* Images and texts come in one answer, which cannot be called back. */
static int openai_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                         struct ym_next *ret_next, struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    int r = 0;
    if (call->req->kind == YM_VIDEO)
        r = openai_video_cancel(call, state, rep, &n, e);
    else {
        n.what = YM_NEXT_DONE;
        n.runs_on = true;
    }
    return give(r, &n, ret_next);
}

static int openai_list_slot(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                            struct ym_next *ret_next, struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    int r = key_check(call, e);
    return give(r < 0 ? r : openai_list(call, state, rep, &n, e), &n, ret_next);
}

const struct ym_driver ym_driver_openai = {
    .name = "openai",
    .kinds = 1u << YM_IMAGE | 1u << YM_VIDEO | 1u << YM_TEXT,
    .needs_key = true,
    .keyless_elsewhere = true, /* of the service itself */
    .key_env = "OPENAI_API_KEY",
    .base_env = "OPENAI_BASE_URL",
    .base_url = OPENAI_BASE_URL,
    .rate_limit = 60,
    .concurrency = 4,
    .timeout_seconds = 600, /* a picture may take two minutes, a text of a local model longer */
    .models = openai_models,
    .params =
        {[YM_IMAGE] = openai_image_params, [YM_VIDEO] = openai_video_params, [YM_TEXT] = openai_text_params},
    .default_model = {[YM_IMAGE] = OPENAI_DEFAULT_IMAGE, [YM_TEXT] = OPENAI_DEFAULT_TEXT},
    .check = openai_check,
    .price = openai_price,
    .step = openai_step,
    .cancel = openai_cancel,
    .list = openai_list_slot,
};
