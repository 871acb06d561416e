/* The driver of the offline studio: free, without a key, always there. It stands in for every provider, so
 * that it takes the fields of all and leaves alone what it has no use for. */
#include <errno.h>
#include <ymago/driver.h>

#include "kinds.h"

enum { TAG_MADE = 1 };

static const char *const resolutions[] = {"512", "1K", "2K", "4K", NULL};

#define ALL (1u << YM_IMAGE | 1u << YM_VIDEO | 1u << YM_AUDIO | 1u << YM_SFX | 1u << YM_TEXT)

static const struct ym_model models[] = {
    {
        .id = "sketch",
        .kinds = ALL,
        .price_note = "made on this machine, free",
        .max_refs = 16,
        .sizes = resolutions,
    },
    {0},
};

static const struct kind {
    int (*check)(const struct ym_call *call, struct ym_err *e);
    int (*work)(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e); /* NULL = a text */
} kinds[YM_KIND_COUNT] = {
    [YM_IMAGE] = {image_check, image_work}, [YM_VIDEO] = {video_check, video_work}, [YM_AUDIO] = {audio_check, audio_work},
    [YM_SFX] = {sfx_check, sfx_work},       [YM_TEXT] = {text_check, NULL},
};

uint64_t sketch_seed(const struct ym_request *r)
{
    int64_t seed = ym_json_int_or(r->params, "seed", 0);
    return (uint64_t)(seed > 0 ? seed : 0) + (uint64_t)r->variation;
}

static int sketch_driver_check(const struct ym_call *call, struct ym_err *e)
{
    const struct ym_request *r = call->req;
    if (r->kind != YM_IMAGE && (!r->prompt || !*r->prompt))
        return ym_fail(e, YM_INVALID, EINVAL, "The prompt is empty; write what the %s shall be.", ym_kind_name(r->kind));
    return kinds[r->kind].check(call, e);
}

static int sketch_driver_price(const struct ym_call *call, struct ym_estimate *ret,
                               struct ym_err *e)
{
    (void)call;
    (void)e;
    *ret = (struct ym_estimate){{0}, {0}, {0}};
    return 0;
}

static int text_step(const struct ym_call *call, struct ym_next *ret_next, struct ym_err *e)
{
    bool is_json = false;
    char *text = NULL;
    int rc = text_make(call, &text, &is_json, e);
    if (rc < 0)
        return rc;
    *ret_next = (struct ym_next){.what = YM_NEXT_DONE, .progress = 1, .cost_known = true, .text = text, .text_is_json = is_json};
    ret_next->model_version = ym_strdup("sketch-1");
    return 0;
}

static int sketch_driver_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                              struct ym_next *ret_next, struct ym_err *e)
{
    (void)state;
    if (!rep) {
        int rc = sketch_driver_check(call, e);
        if (rc < 0)
            return rc;
        if (!kinds[call->req->kind].work)
            return text_step(call, ret_next, e);
        *ret_next = (struct ym_next){
            .what = YM_NEXT_WORK, .work = kinds[call->req->kind].work, .work_tag = TAG_MADE, .progress = -1};
        return 0;
    }
    if (rep->tag != TAG_MADE || rep->nmedia < 1)
        return ym_fail(e, YM_EMPTY, EPROTO, "The offline sketch was not made; save the prompt again.");
    *ret_next = (struct ym_next){
        .what = YM_NEXT_DONE, .progress = 1, .media = {0}, .nmedia = 1, .cost_known = true};
    ret_next->model_version = ym_strdup("sketch-1");
    return 0;
}

const struct ym_driver ym_driver_sketch = {
    .name = "sketch",
    .kinds = ALL,
    .is_free = true,
    .concurrency = 2,
    .models = models,
    .default_model = {[YM_IMAGE] = "sketch", [YM_VIDEO] = "sketch", [YM_AUDIO] = "sketch", [YM_SFX] = "sketch",
                      [YM_TEXT] = "sketch"},
    .check = sketch_driver_check,
    .price = sketch_driver_price,
    .step = sketch_driver_step,
};
