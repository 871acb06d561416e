/* The request that makes a picture or a film, in both protocols. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "a1111.h"

#define HR_SCALE    2
#define HR_STRENGTH 0.7

/* ---- the body ---- */

struct making {
    const struct ym_call *call;
    const cJSON *params, *state;
    enum a1111_flavour flavour;
    int width, height;
    cJSON *body;
};

static void number_copy(const struct making *m, const char *field, cJSON *into, const char *key)
{
    const cJSON *v = ym_json_get(m->params, field);
    if (cJSON_IsNumber(v))
        cJSON_AddNumberToObject(into, key, v->valuedouble);
}

static void text_copy(const cJSON *from, const char *field, cJSON *into, const char *key)
{
    const char *v = ym_json_str(from, field);
    if (v)
        cJSON_AddStringToObject(into, key, v);
}

static void common_add(struct making *m)
{
    YM_AUTOFREE char *prompt = a1111_prompt(m->call, m->flavour == A1111_WEBUI);
    cJSON_AddStringToObject(m->body, "prompt", prompt);
    cJSON_AddStringToObject(m->body, "negative_prompt", m->call->req->negative ? m->call->req->negative : "");
    cJSON_AddNumberToObject(m->body, "seed", (double)ym_call_seed(m->call));
    cJSON_AddNumberToObject(m->body, "width", m->width);
    cJSON_AddNumberToObject(m->body, "height", m->height);
    const cJSON *loras = ym_json_get(m->state, "loras");
    if (loras)
        cJSON_AddItemToObject(m->body, "lora", cJSON_Duplicate(loras, true));
}

/* Without a picture to start from a strength says nothing; pasted parameter lines carry it along. */
static bool has_source(const struct making *m)
{
    return ym_call_ref(m->call, YM_REF_SOURCE) >= 0;
}

static double hires_number(const struct making *m, const char *key, double fallback)
{
    return ym_json_num_or(ym_json_get(m->params, "hires"), key, fallback);
}

static void webui_hires(struct making *m)
{
    cJSON_AddTrueToObject(m->body, "enable_hr");
    cJSON_AddNumberToObject(m->body, "hr_scale", hires_number(m, "upscale_factor", HR_SCALE));
    text_copy(m->state, "upscaler", m->body, "hr_upscaler");
    cJSON_AddNumberToObject(m->body, m->flavour == A1111_WEBUI ? "hr_second_pass_steps" : "hr_steps",
                            hires_number(m, "steps", 0));
    cJSON_AddNumberToObject(m->body, "denoising_strength", hires_number(m, "denoising_strength", HR_STRENGTH));
}

static void webui_settings(struct making *m)
{
    YM_AUTOFREE char *task = a1111_task(m->call, m->call->attempt);
    const cJSON *styles = ym_json_get(m->state, "styles");
    cJSON *settings = cJSON_AddObjectToObject(m->body, "override_settings");
    text_copy(m->state, "model", settings, "sd_model_checkpoint");
    number_copy(m, "clip_skip", settings, "CLIP_stop_at_last_layers");
    /* The page's own setting comes back; the checkpoint stays loaded, so that the next job finds it. */
    cJSON_AddTrueToObject(m->body, "override_settings_restore_afterwards");
    if (styles)
        cJSON_AddItemToObject(m->body, "styles", cJSON_Duplicate(styles, true));
    cJSON_AddTrueToObject(m->body, "send_images");
    cJSON_AddFalseToObject(m->body, "save_images");
    cJSON_AddStringToObject(m->body, "force_task_id", task);
}

static void webui_source(struct making *m)
{
    static const char *const modes[] = {"stretch", "crop", "fill", "latent"}; /* numbered so by the server */
    const char *mode = ym_json_str_or(m->params, "resize_mode", "crop");      /* its own would stretch */
    number_copy(m, "strength", m->body, "denoising_strength");
    for (unsigned i = 0; m->flavour == A1111_WEBUI && i < YM_COUNT(modes); i++)
        if (strcmp(mode, modes[i]) == 0)
            cJSON_AddNumberToObject(m->body, "resize_mode", i);
}

static void webui_body(struct making *m)
{
    int steps = a1111_steps(m->call, m->state);
    common_add(m);
    cJSON_AddNumberToObject(m->body, "steps", steps);
    number_copy(m, "cfg_scale", m->body, "cfg_scale");
    text_copy(m->state, "sampler", m->body, "sampler_name");
    text_copy(m->state, "scheduler", m->body, "scheduler");
    cJSON_AddNumberToObject(m->body, "batch_size", 1);
    cJSON_AddNumberToObject(m->body, "n_iter", 1);
    if (m->flavour == A1111_WEBUI)
        webui_settings(m);
    else
        number_copy(m, "clip_skip", m->body, "clip_skip");
    if (has_source(m))
        webui_source(m);
    else if (ym_json_get(m->params, "hires"))
        webui_hires(m);
}

static void sdcpp_samples(struct making *m)
{
    int steps = a1111_steps(m->call, m->state);
    cJSON *s = cJSON_AddObjectToObject(m->body, "sample_params");
    text_copy(m->state, "sampler", s, "sample_method");
    text_copy(m->state, "scheduler", s, "scheduler");
    if (steps > 0)
        cJSON_AddNumberToObject(s, "sample_steps", steps);
    if (ym_json_get(m->params, "cfg_scale"))
        number_copy(m, "cfg_scale", cJSON_AddObjectToObject(s, "guidance"), "txt_cfg");
}

static void sdcpp_hires(struct making *m)
{
    cJSON *h = cJSON_AddObjectToObject(m->body, "hires");
    cJSON_AddTrueToObject(h, "enabled");
    cJSON_AddNumberToObject(h, "scale", hires_number(m, "upscale_factor", HR_SCALE));
    text_copy(m->state, "upscaler", h, "upscaler");
    cJSON_AddNumberToObject(h, "steps", hires_number(m, "steps", 0));
    cJSON_AddNumberToObject(h, "denoising_strength", hires_number(m, "denoising_strength", HR_STRENGTH));
}

static void sdcpp_body(struct making *m)
{
    bool video = m->call->req->kind == YM_VIDEO;
    const char *format = ym_json_str_or(m->params, "format", video ? "webm" : "png");
    int fps, frames = a1111_frames(m->call, m->state, &fps);
    common_add(m);
    number_copy(m, "clip_skip", m->body, "clip_skip");
    if (has_source(m))
        number_copy(m, "strength", m->body, "strength");
    sdcpp_samples(m);
    if (ym_json_get(m->params, "hires"))
        sdcpp_hires(m);
    if (video) {
        cJSON_AddNumberToObject(m->body, "video_frames", frames);
        cJSON_AddNumberToObject(m->body, "fps", fps);
    } else {
        cJSON_AddNumberToObject(m->body, "batch_count", 1);
    }
    cJSON_AddStringToObject(m->body, "output_format", strcmp(format, "jpg") == 0 ? "jpeg" : format);
}

/* ---- what this flavour does not take ---- */

static int takes_no(const struct making *m, const char *what, struct ym_err *e)
{
    return ym_fail(e, YM_INVALID, ENOTSUP, "%s takes no %s; leave it out.", a1111_who(m->state), what);
}

static int flavour_check(const struct making *m, struct ym_err *e)
{
    const char *format = ym_json_str_or(m->params, "format", "png");
    const cJSON *limits = ym_json_get(m->state, "limits");
    int least = limits ? cJSON_GetArrayItem(limits, 0)->valueint : 0;
    int most = limits ? cJSON_GetArrayItem(limits, 1)->valueint : INT_MAX;
    if (m->width < least || m->height < least || m->width > most || m->height > most)
        return ym_fail(e, YM_INVALID, ERANGE, "%s takes sides from %d to %d pixels, not %d x %d.",
                       a1111_who(m->state), least, most, m->width, m->height);
    if (m->flavour == A1111_WEBUI && ym_call_ref(m->call, YM_REF_REFERENCE) >= 0)
        return takes_no(m, "references (from_image is the picture to start from)", e);
    if (m->flavour != A1111_SDCPP && strcmp(format, "png") != 0)
        return takes_no(m, "format: it sends what its own settings say", e);
    if (m->flavour != A1111_WEBUI && cJSON_GetArraySize(ym_json_get(m->params, "styles")) > 0)
        return takes_no(m, "styles", e);
    if (m->flavour != A1111_WEBUI && ym_json_get(m->params, "resize_mode"))
        return takes_no(m, "resize_mode", e);
    return 0;
}

/* ---- sending ---- */

static void image_put(const struct making *m, struct ym_http *h, const char *before, int ref, const char *after)
{
    if (ref < 0)
        return;
    ym_http_puts(h, before);
    ym_http_ref(h, m->call, m->state, (unsigned)ref, true);
    ym_http_puts(h, after);
}

static void references_put(const struct making *m, struct ym_http *h, const char *key)
{
    const struct ym_request *q = m->call->req;
    bool any = false;
    for (size_t i = 0; i < q->nrefs; i++) {
        if (q->refs[i].role != YM_REF_REFERENCE)
            continue;
        if (!any) {
            ym_http_puts(h, ",\"");
            ym_http_puts(h, key);
        }
        image_put(m, h, any ? ",\"" : "\":[\"", (int)i, "\"");
        any = true;
    }
    ym_http_puts(h, any ? "]" : "");
}

/* The settings, then the pictures, which are streamed. */
static void body_put(const struct making *m, struct ym_http *h)
{
    YM_AUTOFREE char *text = ym_json_print(m->body, false);
    int source = ym_call_ref(m->call, YM_REF_SOURCE);
    bool sdcpp = m->flavour == A1111_SDCPP;
    ym_http_text(h, text, strlen(text) - 1); /* its brace closes at the end */
    image_put(m, h, sdcpp ? ",\"init_image\":\"" : ",\"init_images\":[\"", source, sdcpp ? "\"" : "\"]");
    image_put(m, h, ",\"end_image\":\"", ym_call_ref(m->call, YM_REF_LAST_FRAME), "\"");
    if (m->flavour != A1111_WEBUI)
        references_put(m, h, sdcpp ? "ref_images" : "extra_images");
    ym_http_puts(h, "}");
}

/* It costs nothing but time, yet its effect is YM_PAYS and not YM_SAFE: "pays" means sent at most once.
 * A safe request that lost its connection is repeated at once, by libcurl too, while the server still
 * paints for the first (closing a connection stops nothing there): the graphics card would work twice for
 * one picture, and the waiting for the second would begin behind the first. As it is, a lost answer ends
 * the attempt; the driver being free, the engine counts no money as unknown and tries again after its
 * usual wait; and that attempt stops what is left over of this one before it sends anything
 * (a1111_look.c). To "pays" belong also that previews are asked for meanwhile, and that a whole answer
 * is found in staging after a crash. */
int a1111_create(const struct ym_call *call, const cJSON *state, struct ym_next *n, struct ym_err *e)
{
    static const char *const listed_media[] = {"images[]", NULL};
    YM_AUTOJSON cJSON *body = cJSON_CreateObject();
    struct making m = {
        .call = call, .params = call->req->params, .state = state, .flavour = a1111_flavour(state), .body = body};
    bool sdcpp = m.flavour == A1111_SDCPP, video = call->req->kind == YM_VIDEO;
    a1111_size(call, state, &m.width, &m.height);
    int r = flavour_check(&m, e);
    if (r < 0)
        return r;
    if (sdcpp)
        sdcpp_body(&m);
    else
        webui_body(&m);
    if ((r = a1111_params_merge(body, ym_json_get(call->req->params, "params"), e)) < 0)
        return r;
    const char *path = sdcpp ? (video ? "/sdcpp/v1/vid_gen" : "/sdcpp/v1/img_gen")
                             : (has_source(&m) ? "/sdapi/v1/img2img" : "/sdapi/v1/txt2img");
    struct ym_http *h = a1111_http(call, n, A1111_TAG_CREATE, "POST", YM_PAYS, path);
    h->media_keys = sdcpp ? NULL : listed_media;
    ym_http_header(h, "Content-Type", "application/json");
    body_put(&m, h);
    return 0;
}
