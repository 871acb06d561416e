/* What the server is and has, looked at once per attempt before anything is made: which of the flavours
 * it speaks, and whether the names that were asked for are names of its own. AUTOMATIC1111 ignores an
 * unknown checkpoint, style or scheduler without a word, and newer ones an unknown sampler too. */
#include <errno.h>
#include <string.h>

#include "a1111.h"

#define LOOK_SECONDS 60
#define LEFT_OVER_MS 600000 /* longer than any one step */
#define LOOK_ANEW    1      /* of a look: all of them again, in a second */
#define NAME_LEN     500    /* of what a server calls something: the state has its limit */

static const char *const name_keys[] = {"name", "label", "aliases", NULL};

static const char *wish(const struct ym_call *call, const char *field)
{
    return ym_json_str(call->req->params, field);
}

static const char *wish_upscaler(const struct ym_call *call)
{
    return ym_json_str(ym_json_get(call->req->params, "hires"), "upscaler");
}

static bool wants_model(const struct ym_call *call)
{
    return strcmp(call->req->model, "default") != 0;
}

static bool is_sdcpp(const cJSON *state)
{
    return a1111_flavour(state) == A1111_SDCPP;
}

static void put_text(cJSON *state, const char *key, const char *text)
{
    YM_AUTOFREE char *cut = ym_strndup(text, ym_utf8_cut(text, strlen(text), NAME_LEN));
    cJSON_DeleteItemFromObjectCaseSensitive(state, key);
    cJSON_AddStringToObject(state, key, cut);
}

static void put_pair(cJSON *state, const char *key, double a, double b)
{
    cJSON *pair = cJSON_CreateArray();
    cJSON_AddItemToArray(pair, cJSON_CreateNumber(a));
    cJSON_AddItemToArray(pair, cJSON_CreateNumber(b));
    cJSON_DeleteItemFromObjectCaseSensitive(state, key);
    cJSON_AddItemToObject(state, key, pair);
}

static void put_number(cJSON *state, const char *key, const cJSON *from, const char *field)
{
    double v = ym_json_num_or(from, field, 0);
    if (v > 0)
        cJSON_AddNumberToObject(state, key, v);
}

/* A failure that ends the attempt: the server is there, but does not let us look, or not now. */
static bool is_fatal(int status)
{
    return status == 401 || status == 403 || status == 429 || status >= 500;
}

/* ---- names, from whatever list they come ---- */

/* The server's own name of the sampler. Older pages join it with the scheduler: "DPM++ 2M Karras". */
static int sampler_settle(const struct ym_call *call, cJSON *state, const cJSON *list, struct ym_err *e)
{
    const char *want = wish(call, "sampler");
    const cJSON *found = a1111_find(list, name_keys, want), *item;
    size_t used = 0, n;
    cJSON_ArrayForEach (item, list)
        if (!found || used) {
            const char *name = a1111_name(item, "name");
            n = name ? a1111_prefix(want, name) : 0;
            if (n > used && strchr(" _-", want[n]) && want[n]) {
                used = n;
                found = item;
            }
        }
    if (!found)
        return a1111_no_such(state, "sampler", want, list, "name", e);
    put_text(state, "sampler", a1111_name(found, "name"));
    if (used && !wish(call, "scheduler"))
        put_text(state, "tail", want + used + 1);
    return 0;
}

static const char *wish_scheduler(const struct ym_call *call, const cJSON *state)
{
    const char *field = wish(call, "scheduler");
    return field ? field : ym_json_str(state, "tail");
}

static int scheduler_settle(const struct ym_call *call, cJSON *state, const cJSON *list, struct ym_err *e)
{
    const char *want = wish_scheduler(call, state);
    const cJSON *found = a1111_find(list, name_keys, want);
    const char *label = ym_json_str(found, "label");
    if (found)
        put_text(state, "scheduler", label ? label : a1111_name(found, "name"));
    else if (!a1111_same(want, "automatic")) /* what AUTOMATIC1111 calls none */
        return a1111_no_such(state, "scheduler", want, list, "name", e);
    return 0;
}

/* All loras by the server's paths. */
static int loras_settle(const struct ym_call *call, cJSON *state, const cJSON *list, struct ym_err *e)
{
    static const char *const keys[] = {"name", "path", NULL};
    YM_AUTOJSON cJSON *wanted = a1111_loras(call, true);
    const cJSON *w;
    cJSON *out = cJSON_CreateArray();
    cJSON_DeleteItemFromObjectCaseSensitive(state, "loras");
    cJSON_AddItemToObject(state, "loras", out);
    cJSON_ArrayForEach (w, wanted) {
        const char *id = ym_json_str_or(w, "id", "");
        YM_AUTOFREE char *stem = a1111_stem(id);
        const cJSON *found = a1111_find(list, keys, id);
        found = found ? found : a1111_find(list, keys, stem);
        const char *path = ym_json_str(found, "path");
        if (!path || strlen(path) > NAME_LEN)
            return a1111_no_such(state, "LoRA", id, list, "name", e);
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "path", path);
        cJSON_AddNumberToObject(o, "multiplier", ym_json_num_or(w, "weight", 1));
        cJSON_AddItemToArray(out, o);
    }
    return 0;
}

static bool wants_loras(const struct ym_call *call)
{
    YM_AUTOJSON cJSON *wanted = a1111_loras(call, true);
    return wanted->child != NULL;
}

/* ---- sd-server: one document says it all ---- */

const cJSON *a1111_capabilities(const struct ym_reply *rep)
{
    bool ours = cJSON_IsObject(rep->json) && (ym_json_get(rep->json, "samplers") || ym_json_get(rep->json, "model"));
    return rep->status == 200 && ours ? rep->json : NULL;
}

static bool has_mode(const cJSON *caps, const char *mode)
{
    const cJSON *modes = ym_json_get(caps, "supported_modes");
    return !cJSON_IsArray(modes) || a1111_find(modes, name_keys, mode);
}

static int sdcpp_model(const struct ym_call *call, cJSON *state, const cJSON *caps, struct ym_err *e)
{
    const cJSON *model = ym_json_get(caps, "model");
    const char *name = ym_json_str_or(model, "name", ""), *stem = ym_json_str_or(model, "stem", name);
    const char *want = call->req->model;
    char show[60];
    put_text(state, "loaded", stem);
    if (!wants_model(call) || a1111_same(name, want) || a1111_same(stem, want))
        return 0;
    return ym_fail(e, YM_INVALID, ENOENT,
                   "sd-server has loaded \"%.60s\", not \"%s\"; start it with that model, or write model: default.",
                   stem, ym_text_show(want, show, sizeof show));
}

static void sdcpp_defaults(cJSON *state, const cJSON *caps, const char *mode)
{
    const cJSON *by_mode = ym_json_get(ym_json_get(caps, "defaults_by_mode"), mode);
    const cJSON *defaults = by_mode ? by_mode : ym_json_get(caps, "defaults"), *limits = ym_json_get(caps, "limits");
    double w = ym_json_num_or(defaults, "width", 0), h = ym_json_num_or(defaults, "height", 0);
    if (w > 0 && h > 0)
        put_pair(state, "base", w, h);
    put_number(state, "steps", ym_json_get(defaults, "sample_params"), "sample_steps");
    put_number(state, "frames", defaults, "video_frames");
    put_number(state, "fps", defaults, "fps");
    if (ym_json_num_or(limits, "max_width", 0) > 0)
        put_pair(state, "limits", ym_json_num_or(limits, "min_width", 64), ym_json_num_or(limits, "max_width", 64));
}

static int sdcpp_settle(const struct ym_call *call, cJSON *state, const cJSON *caps, struct ym_err *e)
{
    bool video = call->req->kind == YM_VIDEO;
    const char *mode = video ? "vid_gen" : "img_gen";
    const cJSON *schedulers = ym_json_get(caps, "schedulers"), *upscalers = ym_json_get(caps, "upscalers");
    put_text(state, "flavour", "sdcpp");
    if (!has_mode(caps, mode))
        return ym_fail(e, YM_INVALID, ENOTSUP,
                       "The model that sd-server has loaded makes no %s; start it with another.",
                       video ? "videos" : "images");
    sdcpp_defaults(state, caps, mode);
    int r = sdcpp_model(call, state, caps, e);
    if (r == 0 && wish(call, "sampler"))
        r = sampler_settle(call, state, ym_json_get(caps, "samplers"), e);
    if (r == 0 && wish_scheduler(call, state))
        r = scheduler_settle(call, state, schedulers, e);
    if (r == 0 && wish_upscaler(call) && cJSON_IsArray(upscalers)) {
        const cJSON *found = a1111_find(upscalers, name_keys, wish_upscaler(call));
        if (!found)
            return a1111_no_such(state, "upscaler", wish_upscaler(call), upscalers, "name", e);
        put_text(state, "upscaler", a1111_name(found, "name"));
    }
    return r == 0 && wants_loras(call) ? loras_settle(call, state, ym_json_get(caps, "loras"), e) : r;
}

/* ---- the looks, in order ---- */

static bool need_always(const struct ym_call *call, const cJSON *state)
{
    (void)call;
    return a1111_flavour(state) == A1111_NOT_KNOWN;
}

static int take_capabilities(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    const cJSON *caps = a1111_capabilities(rep);
    if (caps)
        return sdcpp_settle(call, state, caps, e);
    if (is_fatal(rep->status))
        return a1111_fail(call, state, rep, e);
    if (call->req->kind == YM_VIDEO)
        return ym_fail(
            e, YM_INVALID, ENOTSUP,
            "The server at %.80s makes no videos; start stable-diffusion.cpp's sd-server with a video model.",
            call->base_url);
    return 0;
}

/* AUTOMATIC1111 tells its progress. And whether it is still busy with a try of this very job whose answer
 * was lost: that one is stopped, or it would be painted twice, and is over before anything else is asked
 * for, so that what is going on there is told apart. */
static int take_progress(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    YM_AUTOFREE char *ours = a1111_task(call, 0);
    const char *task = ym_json_str_or(rep->json, "current_task", "");
    if (is_fatal(rep->status))
        return a1111_fail(call, state, rep, e);
    put_text(state, "flavour", rep->status == 200 ? "webui" : "sdapi");
    if (strncmp(task, ours, strlen(ours)) == 0 && call->waited.ms < LEFT_OVER_MS)
        cJSON_AddTrueToObject(state, "left_over");
    return 0;
}

static bool need_interrupt(const struct ym_call *call, const cJSON *state)
{
    (void)call;
    return ym_json_bool(state, "left_over", false);
}

static int take_interrupted(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    (void)call, (void)state, (void)rep, (void)e;
    return LOOK_ANEW;
}

static void base_settle(cJSON *state, const char *model)
{
    int n = a1111_size_native(model);
    put_pair(state, "base", n, n);
}

static bool need_options(const struct ym_call *call, const cJSON *state)
{
    return !is_sdcpp(state) && !wants_model(call) && !a1111_size_given(call);
}

static int take_options(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    (void)call, (void)e; /* only to guess a good size by: without an answer there is one too */
    const char *loaded = rep->status == 200 ? ym_json_str(rep->json, "sd_model_checkpoint") : NULL;
    if (loaded)
        base_settle(state, loaded);
    return 0;
}

static bool need_models(const struct ym_call *call, const cJSON *state)
{
    return !is_sdcpp(state) && wants_model(call);
}

static int take_models(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    if (rep->status != 200 || !cJSON_IsArray(rep->json))
        return a1111_fail(call, state, rep, e);
    const cJSON *m = a1111_model_find(rep->json, call->req->model);
    if (!m)
        return a1111_no_such(state, "model", call->req->model, rep->json, "model_name", e);
    const char *title = ym_json_str_or(m, "title", ""), *name = ym_json_str_or(m, "model_name", title);
    YM_AUTOFREE char *stem = a1111_stem(ym_json_str_or(m, "filename", name));
    put_text(state, "model", *title ? title : name);
    put_text(state, "name", name);
    put_text(state, "stem", stem);
    base_settle(state, name);
    return 0;
}

static bool need_samplers(const struct ym_call *call, const cJSON *state)
{
    return !is_sdcpp(state) && wish(call, "sampler");
}

static int take_samplers(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    if (rep->status != 200 || !cJSON_IsArray(rep->json))
        return a1111_fail(call, state, rep, e);
    return sampler_settle(call, state, rep->json, e);
}

static bool need_schedulers(const struct ym_call *call, const cJSON *state)
{
    return !is_sdcpp(state) && wish_scheduler(call, state);
}

static int take_schedulers(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    if (is_fatal(rep->status))
        return a1111_fail(call, state, rep, e);
    if (rep->status == 200 && cJSON_IsArray(rep->json))
        return scheduler_settle(call, state, rep->json, e);
    if (a1111_same(wish_scheduler(call, state), "automatic"))
        return 0;
    return ym_fail(e, YM_INVALID, ENOTSUP,
                   "%s is too old to take a scheduler; leave it out, or take a sampler with it in its name.",
                   a1111_who(state));
}

static bool need_styles(const struct ym_call *call, const cJSON *state)
{
    return a1111_flavour(state) == A1111_WEBUI && cJSON_GetArraySize(ym_json_get(call->req->params, "styles")) > 0;
}

static int take_styles(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    const cJSON *style;
    static const char *const keys[] = {"name", NULL};
    if (rep->status != 200 || !cJSON_IsArray(rep->json))
        return a1111_fail(call, state, rep, e);
    cJSON *out = cJSON_AddArrayToObject(state, "styles");
    cJSON_ArrayForEach (style, ym_json_get(call->req->params, "styles")) {
        const char *want = a1111_name(style, "name");
        const cJSON *found = want ? a1111_find(rep->json, keys, want) : NULL;
        if (!found)
            return a1111_no_such(state, "style", want ? want : "", rep->json, "name", e);
        cJSON_AddItemToArray(out, cJSON_CreateString(a1111_name(found, "name")));
    }
    return 0;
}

/* Upscalers are of two sorts, with a list each; the second is asked when the first has not got it. */
static bool need_upscaler(const struct ym_call *call, const cJSON *state)
{
    return !is_sdcpp(state) && wish_upscaler(call) && !ym_json_get(state, "upscaler");
}

static int take_latent(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    (void)e;
    const cJSON *found = rep->status == 200 ? a1111_find(rep->json, name_keys, wish_upscaler(call)) : NULL;
    if (found)
        put_text(state, "upscaler", a1111_name(found, "name"));
    return 0;
}

static int take_upscalers(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    if (rep->status != 200 || !cJSON_IsArray(rep->json))
        return a1111_fail(call, state, rep, e);
    take_latent(call, state, rep, e);
    return ym_json_get(state, "upscaler")
               ? 0
               : a1111_no_such(state, "upscaler", wish_upscaler(call), rep->json, "name", e);
}

/* AUTOMATIC1111 gets them by tags in the prompt, and its list of them may be many megabytes long. */
static bool need_loras(const struct ym_call *call, const cJSON *state)
{
    return a1111_flavour(state) == A1111_SDAPI && wants_loras(call);
}

static int take_loras(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    if (rep->status != 200 || !cJSON_IsArray(rep->json))
        return a1111_fail(call, state, rep, e);
    return loras_settle(call, state, rep->json, e);
}

static const struct look {
    const char *method, *path;
    bool (*needed)(const struct ym_call *call, const cJSON *state);
    int (*take)(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_err *e);
} looks[] = {
    {"GET", "/sdcpp/v1/capabilities", need_always, take_capabilities},
    {"GET", "/sdapi/v1/progress?skip_current_image=true", need_always, take_progress},
    {"POST", "/sdapi/v1/interrupt", need_interrupt, take_interrupted},
    {"GET", "/sdapi/v1/options", need_options, take_options},
    {"GET", "/sdapi/v1/sd-models", need_models, take_models},
    {"GET", "/sdapi/v1/samplers", need_samplers, take_samplers},
    {"GET", "/sdapi/v1/schedulers", need_schedulers, take_schedulers},
    {"GET", "/sdapi/v1/prompt-styles", need_styles, take_styles},
    {"GET", "/sdapi/v1/latent-upscale-modes", need_upscaler, take_latent},
    {"GET", "/sdapi/v1/upscalers", need_upscaler, take_upscalers},
    {"GET", "/sdapi/v1/loras", need_loras, take_loras},
};

int a1111_look(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
               struct ym_err *e)
{
    unsigned i = 0;
    if (rep && rep->tag >= A1111_TAG_LOOK && rep->tag < A1111_TAG_LOOK + YM_COUNT(looks)) {
        i = rep->tag - A1111_TAG_LOOK;
        int r = looks[i++].take(call, state, rep, e);
        if (r == LOOK_ANEW) {
            n->what = YM_NEXT_WAIT;
            n->wait = YM_SEC(1);
            snprintf(n->detail, sizeof n->detail, "stops what the server still makes of an earlier try");
        }
        if (r != 0)
            return r;
    }
    while (i < YM_COUNT(looks) && !looks[i].needed(call, state))
        i++;
    if (i == YM_COUNT(looks))
        return 0;
    struct ym_http *h = a1111_http(call, n, A1111_TAG_LOOK + i, looks[i].method, YM_SAFE, looks[i].path);
    h->timeout = YM_SEC(LOOK_SECONDS);
    h->keep_text = NAME_LEN; /* of longer texts nothing is wanted; the whole may be larger then */
    return 1;
}
