/* predictLongRunning: Veo, on Vertex and behind gateways. The request gives an operation, which is looked
 * at until it is done; the video is then fetched (Gemini API) or lies in the answer (Vertex).
 * state, once it is accepted: {"operation":"models/veo.../operations/x"} */
#include <errno.h>
#include <string.h>

#include "gemini.h"

/* ---- refusing ---- */

static unsigned references(const struct ym_call *call)
{
    unsigned n = 0;
    for (size_t i = 0; i < call->req->nrefs; i++)
        n += call->req->refs[i].role == YM_REF_REFERENCE;
    return n;
}

int gemini_veo_check(const struct ym_call *call, struct ym_err *e)
{
    const char *model = call->req->model, *size = gemini_size(call);
    double seconds = gemini_seconds(call);
    unsigned refs = references(call);
    bool source = ym_call_ref(call, YM_REF_SOURCE) >= 0, last = ym_call_ref(call, YM_REF_LAST_FRAME) >= 0;
    bool is_4 = seconds > 3.999 && seconds<4.001, is_6 = seconds> 5.999 && seconds < 6.001;
    bool is_8 = seconds > 7.999 && seconds < 8.001;
    if (!is_4 && !is_6 && !is_8)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s takes a duration of 4, 6 or 8 seconds, not %g.", model, seconds);
    if (last && !source)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s takes last_frame only together with from_image.", model);
    if (refs > 3)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s takes 3 references; there are %u.", model, refs);
    if (refs && source)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s takes references or from_image, not both.", model);
    if (!is_8 && (refs || (size && strcmp(size, "720p") != 0)))
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s makes 8 seconds with references or above 720p, not %g.", model,
                       seconds);
    return 0;
}

/* ---- the request ---- */

/* {"bytesBase64Encoded":"...","mimeType":".."}; `inlineData` is refused here. */
static void image_add(struct ym_http *h, const struct ym_call *call, const struct gemini_refs *r, unsigned i)
{
    YM_AUTOJSON cJSON *mime = cJSON_CreateString(ym_ref_mime(call, r->state, i));
    ym_http_puts(h, "{\"bytesBase64Encoded\":\"");
    gemini_ref_data(h, call, r, i);
    ym_http_puts(h, "\",\"mimeType\":");
    ym_http_json(h, mime);
    ym_http_puts(h, "}");
}

static void images_add(struct ym_http *h, const struct ym_call *call, const struct gemini_refs *r)
{
    int source = ym_call_ref(call, YM_REF_SOURCE), last = ym_call_ref(call, YM_REF_LAST_FRAME);
    const char *before = ",\"referenceImages\":[{\"image\":";
    if (source >= 0) {
        ym_http_puts(h, ",\"image\":");
        image_add(h, call, r, (unsigned)source);
    }
    if (last >= 0) {
        ym_http_puts(h, ",\"lastFrame\":");
        image_add(h, call, r, (unsigned)last);
    }
    for (unsigned i = 0; i < call->req->nrefs; i++) {
        if (call->req->refs[i].role != YM_REF_REFERENCE)
            continue;
        ym_http_puts(h, before);
        image_add(h, call, r, i);
        ym_http_puts(h, ",\"referenceType\":\"asset\"}");
        before = ",{\"image\":";
    }
    ym_http_puts(h, references(call) ? "]" : "");
}

static cJSON *parameters(const struct ym_call *call)
{
    const cJSON *audio = ym_json_get(call->req->params, "audio");
    const char *ratio = ym_json_str(call->req->params, "aspect_ratio"), *size = gemini_size(call);
    int64_t seed = ym_call_seed(call);
    cJSON *p = cJSON_CreateObject();
    cJSON_AddNumberToObject(p, "durationSeconds", gemini_seconds(call));
    if (ratio)
        cJSON_AddStringToObject(p, "aspectRatio", ratio);
    if (size)
        cJSON_AddStringToObject(p, "resolution", size);
    cJSON_AddNumberToObject(p, "sampleCount", 1);
    if (call->req->negative && *call->req->negative)
        cJSON_AddStringToObject(p, "negativePrompt", call->req->negative);
    /* Both are known on Vertex only; who asks for them elsewhere gets the service's own refusal. */
    if (seed >= 0)
        cJSON_AddNumberToObject(p, "seed", (double)seed);
    if (audio)
        cJSON_AddBoolToObject(p, "generateAudio", cJSON_IsTrue(audio));
    gemini_params_add(call, p);
    return p;
}

static void create(const struct ym_call *call, const cJSON *state, struct ym_next *n)
{
    struct gemini_refs refs = {.state = state};
    YM_AUTOFREE char *path = gemini_model_path(call, "predictLongRunning");
    YM_AUTOJSON cJSON *prompt = cJSON_CreateString(call->req->prompt), *p = parameters(call);
    struct ym_http *h = gemini_send(call, n, TAG_CREATE, "POST", YM_PAYS, path);
    ym_http_puts(h, "{\"instances\":[{\"prompt\":");
    ym_http_json(h, prompt);
    images_add(h, call, &refs);
    ym_http_puts(h, "}],\"parameters\":");
    ym_http_json(h, p);
    ym_http_puts(h, "}");
}

/* ---- the operation ---- */

static void look(const struct ym_call *call, const char *operation, struct ym_next *n)
{
    static const char *const media_keys[] = {"bytesBase64Encoded", NULL};
    bool vertex = gemini_is_vertex(call);
    YM_AUTOFREE char *path = vertex ? gemini_model_path(call, "fetchPredictOperation") : ym_url_encode(operation, "/");
    struct ym_http *h = gemini_send(call, n, TAG_LOOK, vertex ? "POST" : "GET", YM_SAFE, path);
    h->media_keys = media_keys;
    n->has_handle = true;
    if (vertex) {
        YM_AUTOJSON cJSON *body = cJSON_CreateObject();
        cJSON_AddStringToObject(body, "operationName", operation);
        ym_http_json(h, body);
    }
}

static int filtered(const cJSON *response, struct ym_next *n, struct ym_err *e)
{
    const cJSON *reason = ym_json_at(response, "raiMediaFilteredReasons[0]");
    gemini_not_billed(n);
    return gemini_refused("video", "filtered", cJSON_IsString(reason) ? reason->valuestring : NULL, e);
}

static int result(const struct ym_call *call, const char *operation, const struct ym_reply *rep, struct ym_next *n,
                  struct ym_err *e)
{
    const cJSON *response = ym_json_get(rep->json, "response"), *inner = ym_json_get(response, "generateVideoResponse");
    inner = inner ? inner : response;
    const cJSON *video = ym_json_at(inner, "generatedSamples[0].video");
    video = video ? video : ym_json_at(inner, "videos[0]");
    const char *uri = ym_json_str(video, "uri");
    int index = ym_reply_media(rep, ym_json_get(video, "bytesBase64Encoded"));
    if (index >= 0)
        return gemini_video_done(call, rep, index, operation, NULL, n, e);
    if (ym_json_str(video, "gcsUri"))
        return ym_fail(e, YM_LOST, ENOENT, "Vertex put the video into a bucket, where it stays; leave the bucket out.");
    if (!uri && (ym_json_get(inner, "raiMediaFilteredCount") || ym_json_get(inner, "raiMediaFilteredReasons")))
        return filtered(inner, n, e);
    if (!uri)
        return gemini_video_done(call, rep, -1, operation, NULL, n, e);
    gemini_download(call, uri, n);
    return 0;
}

static int looked(const struct ym_call *call, const char *operation, const struct ym_reply *rep, struct ym_next *n,
                  struct ym_err *e)
{
    const cJSON *error = ym_json_get(rep->json, "error");
    bool done = ym_json_bool(rep->json, "done", false);
    n->has_handle = true;
    n->provider_id = ym_strdup(operation);
    if (done && error && rep->status == 200) {
        gemini_not_billed(n);
        return gemini_job_fail(error, e);
    }
    if (gemini_is_error(rep))
        return gemini_look_fail(call, rep, e);
    if (done) {
        free(ym_steal(&n->provider_id));
        return result(call, operation, rep, n, e);
    }
    n->what = YM_NEXT_WAIT;
    n->wait = ym_poll_wait(call, -1);
    return 0;
}

static int created(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                   struct ym_err *e)
{
    const char *name = ym_json_str(rep->json, "name");
    if (gemini_is_error(rep))
        return gemini_fail(call, rep, e);
    if (!gemini_name_ok(name, gemini_is_vertex(call) ? "projects/" : "") || !strstr(name, "operations/"))
        return gemini_no_handle(rep, e);
    gemini_state_set(state, "operation", name);
    return looked(call, ym_json_str(*state, "operation"), rep, n, e);
}

int gemini_veo_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                    struct ym_err *e)
{
    const char *operation = ym_json_str(*state, "operation");
    if (!operation && rep && rep->tag == TAG_CREATE)
        return created(call, state, rep, n, e);
    if (!operation) {
        int r = gemini_refs_ready(call, 1, state, rep, n, e);
        if (r == 0)
            create(call, *state, n);
        return r < 0 ? r : 0;
    }
    if (!rep)
        look(call, operation, n);
    else if (rep->tag == TAG_DOWNLOAD)
        return gemini_download_reply(call, rep, operation, NULL, n, e);
    else
        return looked(call, operation, rep, n, e);
    return 0;
}
