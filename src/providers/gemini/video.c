/* The Interactions API: Omni video. The request is worked on in the background and gives an id, which is
 * looked at until it is completed; then the video is fetched from its address, or, where the service put
 * it into the answer, taken from a second look at it: the first one leaves media alone, since the answer
 * repeats every picture of the request.
 * state, once it is accepted: {"interaction":"v1_..","model":".."} */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "gemini.h"

#define KEEP_TEXT 8192 /* of what the look leaves alone nothing longer is kept */

int gemini_video_check(const struct ym_call *call, struct ym_err *e)
{
    const char *model = call->req->model;
    const cJSON *audio = ym_json_get(call->req->params, "audio");
    double seconds = gemini_seconds(call);
    bool last = ym_call_ref(call, YM_REF_LAST_FRAME) >= 0;
    if (audio && !cJSON_IsTrue(audio))
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s always makes sound; leave audio out.", model);
    if (seconds - floor(seconds) > 1e-9)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s takes a duration of whole seconds, not %g.", model, seconds);
    if (last && ym_call_ref(call, YM_REF_SOURCE) < 0)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s takes last_frame only together with from_image.", model);
    if (last && call->req->nrefs > 2)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s takes references or a last_frame, not both.", model);
    if (last && seconds > 10)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s makes up to 10 seconds between two frames, not %g.", model,
                       seconds);
    return gemini_safety_check(call, e);
}

/* ---- the request ---- */

/* What the pictures are for is said in words where the task does not say it. */
static char *text_of(const struct ym_call *call)
{
    bool source = ym_call_ref(call, YM_REF_SOURCE) >= 0, last = ym_call_ref(call, YM_REF_LAST_FRAME) >= 0;
    YM_AUTOFREE char *prompt = gemini_prompt(call);
    if (last)
        return ym_asprintf("%s\n\nThe first image is the first frame of the video, the second image is its last frame.",
                           prompt);
    if (source && call->req->nrefs > 1)
        return ym_asprintf("%s\n\nThe first image is the first frame of the video; the other images are references.",
                           prompt);
    return ym_steal(&prompt);
}

static const char *task_of(const struct ym_call *call)
{
    bool source = ym_call_ref(call, YM_REF_SOURCE) >= 0, last = ym_call_ref(call, YM_REF_LAST_FRAME) >= 0;
    if (call->req->nrefs == 0)
        return "text_to_video";
    if (!source)
        return "reference_to_video";
    return last || call->req->nrefs == 1 ? "image_to_video" : NULL; /* NULL: the model decides */
}

static void image_add(struct ym_http *h, const struct ym_call *call, const struct gemini_refs *r, unsigned i)
{
    const char *uri = gemini_ref_uri(r, i);
    YM_AUTOJSON cJSON *mime = cJSON_CreateString(ym_ref_mime(call, r->state, i)),
                      *quoted = cJSON_CreateString(uri ? uri : "");
    ym_http_puts(h, uri ? "{\"type\":\"image\",\"uri\":" : "{\"type\":\"image\",\"data\":\"");
    if (uri)
        ym_http_json(h, quoted);
    else
        gemini_ref_data(h, call, r, i);
    ym_http_puts(h, uri ? ",\"mime_type\":" : "\",\"mime_type\":");
    ym_http_json(h, mime);
    ym_http_puts(h, "},");
}

/* First frame, last frame, references: the order that the words speak of. */
static void images_add(struct ym_http *h, const struct ym_call *call, const struct gemini_refs *r)
{
    static const enum ym_ref_role order[] = {YM_REF_SOURCE, YM_REF_LAST_FRAME, YM_REF_REFERENCE};
    for (size_t k = 0; k < YM_COUNT(order); k++)
        for (unsigned i = 0; i < call->req->nrefs; i++)
            if (call->req->refs[i].role == order[k])
                image_add(h, call, r, i);
}

static void settings_add(struct ym_http *h, const struct ym_call *call)
{
    const char *ratio = ym_json_str(call->req->params, "aspect_ratio"), *size = gemini_size(call),
               *task = task_of(call);
    YM_AUTOFREE char *duration = ym_asprintf("%.0fs", gemini_seconds(call));
    YM_AUTOJSON cJSON *format = cJSON_CreateObject(), *config = cJSON_CreateObject(),
                      *safety = gemini_safety(call, true);
    cJSON_AddStringToObject(format, "type", "video");
    if (ratio)
        cJSON_AddStringToObject(format, "aspect_ratio", ratio);
    if (size)
        cJSON_AddStringToObject(format, "resolution", size);
    cJSON_AddStringToObject(format, "duration", duration);
    /* Vertex would put it into a bucket, which we do not have. */
    cJSON_AddStringToObject(format, "delivery", gemini_is_vertex(call) ? "inline" : "uri");
    if (task)
        cJSON_AddStringToObject(cJSON_AddObjectToObject(config, "video_config"), "task", task);
    gemini_params_add(call, config);
    ym_http_puts(h, "],\"response_format\":");
    ym_http_json(h, format);
    if (config->child) {
        ym_http_puts(h, ",\"generation_config\":");
        ym_http_json(h, config);
    }
    if (safety) {
        ym_http_puts(h, ",\"safety_settings\":");
        ym_http_json(h, safety);
    }
    ym_http_puts(h, ",\"background\":true,\"store\":true}");
}

static void create(const struct ym_call *call, const cJSON *state, struct ym_next *n)
{
    struct gemini_refs refs = {.state = state};
    const char *id = call->req->model;
    YM_AUTOFREE char *text = text_of(call);
    YM_AUTOJSON cJSON *model = cJSON_CreateString(strncmp(id, "models/", 7) == 0 ? id + 7 : id),
                      *part = cJSON_CreateObject();
    struct ym_http *h = gemini_send(call, n, TAG_CREATE, "POST", YM_PAYS, "interactions");
    h->keep_text = KEEP_TEXT;
    cJSON_AddStringToObject(part, "type", "text");
    cJSON_AddStringToObject(part, "text", text);
    ym_http_puts(h, "{\"model\":");
    ym_http_json(h, model);
    ym_http_puts(h, ",\"input\":[");
    images_add(h, call, &refs);
    ym_http_json(h, part);
    settings_add(h, call);
}

/* ---- looking at it ---- */

static void look(const struct ym_call *call, const char *id, enum gemini_tag tag, struct ym_next *n)
{
    static const char *const media_keys[] = {"data", NULL};
    YM_AUTOFREE char *name = ym_url_encode(id, NULL);
    YM_AUTOFREE char *path = ym_asprintf("interactions/%s?stream=false", name);
    struct ym_http *h = gemini_send(call, n, tag, "GET", YM_SAFE, path);
    n->has_handle = true;
    if (tag == TAG_LOOK_INLINE)
        h->media_keys = media_keys;
    else
        h->keep_text = KEEP_TEXT;
}

static const cJSON *typed(const cJSON *list, const char *type, const cJSON *found)
{
    const cJSON *v;
    cJSON_ArrayForEach (v, list)
        if (strcmp(ym_json_str_or(v, "type", ""), type) == 0)
            found = v;
    return found;
}

/* The last content of that type among what the model put out; never what the user put in. */
static const cJSON *output_find(const cJSON *doc, const char *type)
{
    const cJSON *step, *found = typed(ym_json_get(doc, "outputs"), type, NULL); /* older gateways */
    cJSON_ArrayForEach (step, ym_json_get(doc, "steps"))
        if (strcmp(ym_json_str_or(step, "type", ""), "model_output") == 0)
            found = typed(ym_json_get(step, "content"), type, found);
    if (!found && strcmp(type, "video") == 0)
        found = ym_json_get(doc, "output_video"); /* some put it there */
    return found;
}

static const char *words_of(const cJSON *doc)
{
    return ym_json_str(output_find(doc, "text"), "text");
}

static int fail_no_video(const cJSON *doc, struct ym_err *e)
{
    int r = ym_fail(e, YM_EMPTY, ENODATA, "Gemini answered without a video.");
    ym_err_words(e, words_of(doc));
    return r;
}

/* There is a video, or there should be. */
static int completed(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                     struct ym_err *e)
{
    const char *id = ym_json_str(state, "interaction");
    const cJSON *video = output_find(rep->json, "video"), *data = ym_json_get(video, "data");
    const char *uri = ym_json_str(video, "uri");
    if (uri && strncmp(uri, "gs://", 5) == 0)
        return ym_fail(e, YM_LOST, ENOENT, "Vertex put the video into a bucket, where it stays; leave the bucket out.");
    if (uri && *uri)
        gemini_download(call, uri, n);
    else if (!data)
        return fail_no_video(rep->json, e);
    else if (rep->tag != TAG_LOOK_INLINE)
        look(call, id, TAG_LOOK_INLINE, n);
    else
        return gemini_video_done(call, rep, ym_reply_media(rep, data), id, ym_json_str(rep->json, "model"), n, e);
    return 0;
}

static int failed(const cJSON *doc, struct ym_next *n, struct ym_err *e)
{
    const cJSON *error = ym_json_at(doc, "errors[0]"), *step;
    cJSON_ArrayForEach (step, ym_json_get(doc, "steps"))
        error = ym_json_get(step, "error") ? ym_json_get(step, "error") : error;
    error = ym_json_get(doc, "error") ? ym_json_get(doc, "error") : error;
    gemini_not_billed(n);
    return gemini_job_fail(error, e);
}

static int ended(const cJSON *doc, const char *status, struct ym_err *e)
{
    int r =
        strcmp(status, "cancelled") == 0
            ? ym_fail(e, YM_INVALID, ECANCELED, "The job was cancelled at Gemini; save the prompt again to repeat it.")
        : strcmp(status, "budget_exceeded") == 0
            ? ym_fail(e, YM_INVALID, EDQUOT, "Gemini stopped the job: the project's own spending limit is reached.")
            : ym_fail(e, YM_INVALID, EPROTO, "Gemini wants to be asked further, which a video cannot be (%.40s).",
                      status);
    ym_err_words(e, words_of(doc));
    return r;
}

static int looked(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                  struct ym_err *e)
{
    const cJSON *doc = rep->json;
    const char *status = ym_json_str_or(doc, "status", ""), *model = ym_json_str(doc, "model");
    bool over = strcmp(status, "completed") == 0 || strcmp(status, "incomplete") == 0;
    n->has_handle = true;
    if (strcmp(status, "failed") == 0 && rep->status == 200)
        return failed(doc, n, e);
    if (gemini_is_error(rep))
        return gemini_look_fail(call, rep, e);
    if (model && strlen(model) < 200 && !ym_json_get(*state, "model"))
        cJSON_AddStringToObject(*state, "model", model);
    if (over || output_find(doc, "video"))
        return completed(call, *state, rep, n, e);
    if (strcmp(status, "cancelled") == 0 || strcmp(status, "budget_exceeded") == 0 ||
        strcmp(status, "requires_action") == 0 || strcmp(status, "requires_continuation") == 0)
        return ended(doc, status, e);
    n->what = YM_NEXT_WAIT;
    n->wait = ym_poll_wait(call, -1);
    n->provider_id = ym_strdup(ym_json_str(*state, "interaction"));
    if (strcmp(status, "queued") == 0)
        snprintf(n->detail, sizeof n->detail, "waits in Gemini's queue");
    return 0;
}

static int created(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                   struct ym_err *e)
{
    const char *id = ym_json_str(rep->json, "id");
    bool failed_at_once = strcmp(ym_json_str_or(rep->json, "status", ""), "failed") == 0;
    if (gemini_is_error(rep) && !failed_at_once)
        return gemini_fail(call, rep, e);
    if (!id || !*id || strlen(id) > 500)
        return gemini_no_handle(rep, e);
    gemini_state_set(state, "interaction", id);
    return looked(call, state, rep, n, e);
}

int gemini_video_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e)
{
    const char *id = ym_json_str(*state, "interaction");
    if (!id && rep && rep->tag == TAG_CREATE)
        return created(call, state, rep, n, e);
    if (!id) {
        int r = gemini_refs_ready(call, 1, state, rep, n, e);
        if (r == 0)
            create(call, *state, n);
        return r < 0 ? r : 0;
    }
    if (!rep)
        look(call, id, TAG_LOOK, n);
    else if (rep->tag == TAG_DOWNLOAD)
        return gemini_download_reply(call, rep, id, ym_json_str(*state, "model"), n, e);
    else
        return looked(call, state, rep, n, e);
    return 0;
}

/* Too late: its result is fetched as ever. A job that was told to stop may be said to run a while longer. */
static bool too_late(const struct ym_reply *rep)
{
    const char *status = ym_json_str_or(rep->json, "status", "");
    if (rep->status < 200 || rep->status >= 300)
        return rep->status != 404;
    return strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0;
}

int gemini_video_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                        struct ym_err *e)
{
    const char *id = ym_json_str(*state, "interaction");
    if (!rep && id) {
        YM_AUTOFREE char *name = ym_url_encode(id, NULL);
        YM_AUTOFREE char *path = ym_asprintf("interactions/%s/cancel", name);
        gemini_send(call, n, TAG_CANCEL, "POST", YM_SAFE, path)->keep_text = KEEP_TEXT;
        n->has_handle = true;
        return 0;
    }
    if (rep && (rep->status == 429 || rep->status == 408 || rep->status >= 500))
        return gemini_fail(call, rep, e);
    n->what = YM_NEXT_DONE;
    n->runs_on = !rep || too_late(rep);
    return 0;
}
