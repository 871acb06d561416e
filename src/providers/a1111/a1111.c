/* Local image servers: AUTOMATIC1111's web UI (and its forks), and stable-diffusion.cpp's sd-server, which
 * also makes films. Free, so nothing is priced; slow, so one request may take an hour. The model is the
 * checkpoint's name; "default" is whatever the server has loaded. */
#include <errno.h>
#include <string.h>

#include "a1111.h"

#define IMAGE    (1u << YM_IMAGE)
#define VIDEO    (1u << YM_VIDEO)
#define RATIO    8
#define POLL_SEC 300

/* clang-format off */
static const char *const image_formats[] = {"png", "jpeg", "jpg", "webp", NULL};
static const char *const video_formats[] = {"webm", NULL};

#define ANY(n)          { .name = n }
#define NUM(n, lo, hi)  { .name = n, .min = lo, .max = hi }
#define ONE_OF(n, list) { .name = n, .values = list }
static const struct ym_param image_params[] = {
    ANY("negative_prompt"), ANY("seed"), ANY("aspect_ratio"), ANY("resolution"), ANY("quality"),
    NUM("width", 64, 8192), NUM("height", 64, 8192), NUM("steps", 1, 150), ANY("cfg_scale"), ANY("sampler"), ANY("scheduler"),
    ANY("styles"), ANY("loras"), ANY("clip_skip"), ANY("hires"), ANY("strength"), ANY("resize_mode"),
    ONE_OF("format", image_formats), ANY("params"), ANY("from_image"), ANY("references"), {0},
};
static const struct ym_param video_params[] = {
    ANY("negative_prompt"), ANY("seed"), ANY("aspect_ratio"), ANY("resolution"), ANY("quality"),
    NUM("width", 64, 8192), NUM("height", 64, 8192), NUM("duration", 0.1, 120), ANY("fps"), NUM("steps", 1, 150), ANY("cfg_scale"),
    ANY("sampler"), ANY("scheduler"), ANY("loras"), ANY("clip_skip"), ANY("strength"),
    ONE_OF("format", video_formats), ANY("params"), ANY("from_image"), ANY("last_frame"), {0},
};
/* clang-format on */

static const struct ym_model models[] = {
    {
        .id = "default",
        .kinds = IMAGE | VIDEO,
        .prices = {0},
        .price_note = "a server of one's own",
        .max_prompt = 8000,
        .max_refs = 16,
    },
    {0},
};

/* ---- shared by the parts ---- */

enum a1111_flavour a1111_flavour(const cJSON *state)
{
    static const char *const names[] = {
        [A1111_NOT_KNOWN] = "", [A1111_WEBUI] = "webui", [A1111_SDAPI] = "sdapi", [A1111_SDCPP] = "sdcpp"};
    const char *flavour = ym_json_str_or(state, "flavour", "");
    for (unsigned i = A1111_WEBUI; i < YM_COUNT(names); i++)
        if (strcmp(flavour, names[i]) == 0)
            return (enum a1111_flavour)i;
    return A1111_NOT_KNOWN;
}

const char *a1111_who(const cJSON *state)
{
    static const char *const names[] = {[A1111_NOT_KNOWN] = "The local server",
                                        [A1111_WEBUI] = "AUTOMATIC1111",
                                        [A1111_SDAPI] = "The local server",
                                        [A1111_SDCPP] = "sd-server"};
    return names[a1111_flavour(state)];
}

char *a1111_task(const struct ym_call *call, int attempt)
{
    return attempt > 0 ? ym_asprintf("ymago-%s-%d", call->job_id, attempt) : ym_asprintf("ymago-%s-", call->job_id);
}

struct ym_http *a1111_http(const struct ym_call *call, struct ym_next *n, unsigned tag, const char *method,
                           enum ym_effect effect, const char *path)
{
    YM_AUTOFREE char *url = ym_asprintf("%s%s", call->base_url, path);
    struct ym_http *h = ym_next_send(n, tag, method, effect, url);
    if (call->has_key) /* "user:password" of --api-auth, or of a proxy before it */
        ym_http_credential(h, "Authorization", "api_key", "Basic ");
    return h;
}

/* ---- refusing before anything is done ---- */

static int check_hires(const struct ym_call *call, struct ym_err *e)
{
    static const struct {
        const char *key;
        double min, max;
    } rows[] = {{"upscale_factor", 1, 8}, {"denoising_strength", 0, 1}, {"steps", 0, 150}, {"upscaler", 0, 0}};
    const cJSON *hires = ym_json_get(call->req->params, "hires"), *v;
    cJSON_ArrayForEach (v, hires) {
        size_t i = 0;
        char show[40];
        while (i < YM_COUNT(rows) && strcmp(rows[i].key, v->string) != 0)
            i++;
        if (i == YM_COUNT(rows))
            return ym_fail(e, YM_INVALID, EINVAL,
                           "hires takes upscale_factor, upscaler, denoising_strength and steps, not %s.",
                           ym_text_show(v->string, show, sizeof show));
        bool number = cJSON_IsNumber(v) && v->valuedouble >= rows[i].min && v->valuedouble <= rows[i].max;
        if (rows[i].max > 0 ? !number : !cJSON_IsString(v))
            return rows[i].max > 0 ? ym_fail(e, YM_INVALID, EINVAL, "hires: %s is a number from %g to %g.", v->string,
                                             rows[i].min, rows[i].max)
                                   : ym_fail(e, YM_INVALID, EINVAL, "hires: upscaler is the name of one.");
    }
    if (hires && ym_call_ref(call, YM_REF_SOURCE) >= 0)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "hires is for pictures from a text; with from_image ask for the size itself.");
    return 0;
}

/* A LoRA's name becomes part of a tag in the prompt, and must not end it. */
static int check_loras(const struct ym_call *call, struct ym_err *e)
{
    YM_AUTOJSON cJSON *loras = a1111_loras(call, false);
    const cJSON *l;
    char show[60];
    cJSON_ArrayForEach (l, loras) {
        const char *id = ym_json_str_or(l, "id", "");
        if (!*id || strpbrk(id, "<>:\n\\") || strstr(id, ".."))
            return ym_fail(e, YM_INVALID, EINVAL, "loras: \"%s\" is no name of a LoRA.",
                           ym_text_show(id, show, sizeof show));
    }
    return 0;
}

static int check_ratio(const struct ym_call *call, struct ym_err *e)
{
    int w, h;
    a1111_size(call, NULL, &w, &h);
    if (w <= RATIO * h && h <= RATIO * w)
        return 0;
    return ym_fail(e, YM_INVALID, EINVAL,
                   "A picture of %d x %d is too narrow; the sides may differ by a factor of %d.", w, h, RATIO);
}

static int a1111_check(const struct ym_call *call, struct ym_err *e)
{
    int r = ym_call_check(call, NULL, e);
    if (r == 0 && strstr(call->req->prompt, "<sd_cpp_extra_args")) /* settings that sd-server reads out of a prompt */
        return ym_fail(e, YM_INVALID, EPERM,
                       "The prompt holds sd_cpp_extra_args; write settings below params instead.");
    r = r < 0 ? r : check_ratio(call, e);
    r = r < 0 ? r : check_hires(call, e);
    r = r < 0 ? r : check_loras(call, e);
    return r < 0 ? r : a1111_params_check(ym_json_get(call->req->params, "params"), e);
}

static int a1111_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    (void)call, (void)e;
    *ret = (struct ym_estimate){{0}, {0}, {0}};
    return 0;
}

/* ---- the way of a job ---- */

static void poll_send(const struct ym_call *call, const char *handle, struct ym_next *n)
{
    static const char *const keys[] = {"b64_json", NULL};
    YM_AUTOFREE char *id = ym_url_encode(handle, NULL);
    YM_AUTOFREE char *path = ym_asprintf("/sdcpp/v1/jobs/%s", id);
    struct ym_http *h = a1111_http(call, n, A1111_TAG_POLL, "GET", YM_SAFE, path);
    h->media_keys = keys;
    h->timeout = YM_SEC(POLL_SEC);
    n->has_handle = true;
}

/* References that are addresses, then the looks, then the one request that makes something. */
static int prepare(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                   struct ym_err *e)
{
    int r = ym_refs_fetch(call, state, rep, n, e);
    if (r == 0)
        r = a1111_look(call, *state, rep, n, e);
    if (r == 0 && (r = a1111_create(call, *state, n, e)) == 0)
        cJSON_AddTrueToObject(*state, "sent");
    return r;
}

static int a1111_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret_next,
                      struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    const char *handle = ym_json_str(*state, "handle");
    unsigned tag = rep ? rep->tag : 0;
    int r = 0;
    if (handle && tag != A1111_TAG_POLL)
        poll_send(call, handle, &n);
    else if (handle)
        r = a1111_job(call, *state, rep, &n, e);
    else if (tag == A1111_TAG_CREATE && a1111_flavour(*state) == A1111_SDCPP)
        r = a1111_accepted(call, *state, rep, &n, e);
    else if (tag == A1111_TAG_CREATE)
        r = a1111_result(call, *state, rep, &n, e);
    else
        r = prepare(call, state, rep, &n, e);
    if (r < 0)
        ym_next_fini(&n);
    else
        *ret_next = n;
    return r < 0 ? r : 0;
}

const struct ym_driver ym_driver_a1111 = {
    .name = "a1111",
    .kinds = IMAGE | VIDEO,
    .is_free = true,
    .is_local = true,
    .base_url = "http://127.0.0.1:7860",
    .concurrency = 1, /* the servers make one thing at a time anyway */
    .timeout_seconds = 3600,
    .models = models,
    .params = {[YM_IMAGE] = image_params, [YM_VIDEO] = video_params},
    .default_model = {[YM_IMAGE] = "default"}, /* not of films: only few of these servers make any */
    .check = a1111_check,
    .price = a1111_price,
    .step = a1111_step,
    .progress = a1111_progress,
    .cancel = a1111_cancel,
    .list = a1111_list,
};
