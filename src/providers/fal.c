/* fal.ai: any of its models through its queue. References are uploaded (small ones go along as data URIs),
 * the request is put into the queue, its state is looked at until it has ended, then the output is read
 * and its files are fetched. */
#include <errno.h>
#include <string.h>

#include "fal.h"

#define BASE_URL    "https://queue.fal.run"
#define STORAGE_URL "https://rest.fal.ai"
#define SMALL       (16 << 10) /* bytes of an image that goes along in the request itself */
#define UPLOAD_MAX  90000000   /* what one PUT may carry */
#define LOGS_FOR    600000     /* ms; afterwards the logs may have grown too long to be fetched each time */

enum { TAG_INITIATE = 1, TAG_UPLOAD, TAG_SUBMIT, TAG_STATUS, TAG_RESULT, TAG_FILE, TAG_CANCEL };

/* ---- names and addresses ---- */

/* "owner/app" or "owner/app/path": what may stand in an address as it is. */
static bool id_is_sound(const char *id)
{
    return strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == strlen(id) &&
           strchr(id, '/') && *id != '/' && id[strlen(id) - 1] != '/' && !strstr(id, "//") && !strstr(id, "..");
}

/* The app: two parts of the id, three for those that stand in a space of their own. */
static size_t app_length(const char *id)
{
    int parts = strncmp(id, "workflows/", 10) == 0 || strncmp(id, "comfy/", 6) == 0 ? 3 : 2;
    const char *p = id;
    while (*p && (*p != '/' || --parts > 0))
        p++;
    return (size_t)(p - id);
}

/* Of a job in the queue: as the answer said if that is an address of ours, else as they are built. */
static char *job_url(const struct ym_call *call, const cJSON *state, const char *said, const char *tail)
{
    const char *url = ym_json_str(state, said), *asked = ym_json_str_or(state, "asked", call->req->model);
    if (url && ym_url_is_ours(call, url))
        return ym_strdup(url);
    YM_AUTOFREE char *id = ym_url_encode(ym_json_str_or(state, "id", ""), NULL);
    return ym_asprintf("%s/%.*s/requests/%s%s", call->base_url, (int)app_length(asked), asked, id, tail);
}

static void headers_add(struct ym_http *h)
{
    ym_http_credential(h, "Authorization", "api_key", "Key ");
    ym_http_header(h, "Accept", "application/json");
}

/* ---- references: state {"urls":[address, or null for a data URI]} ---- */

static void upload_ask(const struct ym_call *call, unsigned i, struct ym_next *n)
{
    const struct ym_ref *ref = &call->req->refs[i];
    const char *dot = strrchr(ref->path, '.');
    YM_AUTOFREE char *url = ym_asprintf("%s/storage/upload/initiate?storage_type=fal-cdn-v3",
                                        call->own_base_url ? call->base_url : STORAGE_URL);
    YM_AUTOFREE char *name = ym_asprintf("image-%u%s", i + 1, dot && strlen(dot) < 6 ? dot : "");
    YM_AUTOJSON cJSON *body = cJSON_CreateObject();
    struct ym_http *h = ym_next_send(n, TAG_INITIATE, "POST", YM_SAFE, url);
    headers_add(h);
    ym_http_header(h, "Content-Type", "application/json");
    cJSON_AddStringToObject(body, "content_type", ref->mime);
    cJSON_AddStringToObject(body, "file_name", name);
    ym_http_json(h, body);
}

static int submit(const struct queue_asked *a, cJSON *state, struct ym_next *n, struct ym_err *e)
{
    YM_AUTOJSON cJSON *body = NULL;
    YM_AUTOFREE char *url = ym_asprintf("%s/%s", a->call.base_url, a->req.model);
    int r = queue_body(a, &body, e);
    if (r < 0)
        return r;
    YM_AUTOFREE char *text = ym_json_print(body, false);
    struct ym_http *h = ym_next_send(n, TAG_SUBMIT, "POST", YM_PAYS, url);
    headers_add(h);
    ym_http_header(h, "Content-Type", "application/json");
    ym_http_text(h, text, strlen(text) - 1); /* still open: the images follow */
    queue_images_add(h, a, ym_json_get(state, "urls"));
    ym_http_puts(h, "}");
    queue_state_str(state, "asked", a->req.model);
    return 0;
}

/* The next upload, or when all is there the request itself. */
static int go_on(const struct queue_asked *a, cJSON *state, struct ym_next *n, struct ym_err *e)
{
    cJSON *urls = cJSON_GetObjectItemCaseSensitive(state, "urls");
    unsigned i = (unsigned)cJSON_GetArraySize(urls);
    for (; i < a->req.nrefs; i++) {
        const struct ym_ref *ref = &a->req.refs[i];
        if (!ref->is_url && ref->size > SMALL) {
            upload_ask(&a->call, i, n);
            return 0;
        }
        cJSON_AddItemToArray(urls, ref->is_url ? cJSON_CreateString(ref->path) : cJSON_CreateNull());
    }
    return submit(a, state, n, e);
}

static int initiated(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                     struct ym_err *e)
{
    const char *put = ym_json_str(rep->json, "upload_url"), *url = ym_json_str(rep->json, "file_url");
    unsigned i = (unsigned)cJSON_GetArraySize(ym_json_get(state, "urls"));
    if (rep->status < 200 || rep->status >= 300 || !queue_url_sound(put) || !queue_url_sound(url))
        return fal_fail(a, rep, false, n, e);
    queue_state_str(state, "uploaded", url);
    struct ym_http *h = ym_next_send(n, TAG_UPLOAD, "PUT", YM_SAFE, put); /* signed: it must not see the key */
    ym_http_header(h, "Content-Type", a->req.refs[i].mime);
    ym_http_part(h, YM_PART_REF, i);
    h->raw_media = true; /* its answer is empty: no document is expected */
    return 0;
}

static int uploaded(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                    struct ym_err *e)
{
    if (rep->status < 200 || rep->status >= 300) {
        int r = ym_fail(e, YM_TRANSIENT, EAGAIN, "fal's storage did not take a reference (status %d).",
                        rep->status);
        ym_err_words(e, rep->text);
        return r;
    }
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(state, "urls"),
                         cJSON_CreateString(ym_json_str_or(state, "uploaded", "")));
    queue_state_str(state, "uploaded", NULL);
    return go_on(a, state, n, e);
}

/* ---- the queue ---- */

static int submitted(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                     struct ym_err *e)
{
    static const char *const keep[] = {"status_url", "response_url", "cancel_url"};
    const char *id = ym_json_str(rep->json, "request_id");
    if (rep->status < 200 || rep->status >= 300 || !id || !*id || strlen(id) > 200)
        return fal_fail(a, rep, false, n, e);
    cJSON_DeleteItemFromObjectCaseSensitive(state, "urls");
    queue_state_str(state, "id", id);
    for (size_t i = 0; i < YM_COUNT(keep); i++) {
        const char *url = ym_json_str(rep->json, keep[i]);
        if (queue_url_sound(url))
            queue_state_str(state, keep[i], url);
    }
    n->provider_id = ym_strdup(id);
    YM_AUTOJSON cJSON *queued = cJSON_CreateObject();
    cJSON_AddStringToObject(queued, "status", "IN_QUEUE");
    if (ym_json_get(rep->json, "queue_position"))
        cJSON_AddItemToObject(queued, "queue_position",
                              cJSON_Duplicate(ym_json_get(rep->json, "queue_position"), true));
    fal_still_runs(a, queued, n);
    return 0;
}

static void status_ask(const struct ym_call *call, const cJSON *state, struct ym_next *n)
{
    YM_AUTOFREE char *url = job_url(call, state, "status_url", "/status");
    YM_AUTOFREE char *full =
        ym_asprintf("%s%clogs=%d", url, strchr(url, '?') ? '&' : '?', call->waited.ms < LOGS_FOR);
    headers_add(ym_next_send(n, TAG_STATUS, "GET", YM_SAFE, full));
    n->has_handle = true;
}

/* What is wrong with a look says nothing of the job: it is looked at again. */
static int status_failed(const struct queue_asked *a, const struct ym_reply *rep, struct ym_next *n,
                         struct ym_err *e)
{
    int r = fal_fail(a, rep, rep->status == 404, n, e);
    if (e && e->cls == YM_INVALID)
        e->cls = YM_TRANSIENT;
    return r;
}

/* COMPLETED is said of failed jobs too; what became of it is in the result. */
static int status_seen(const struct queue_asked *a, const cJSON *state, const struct ym_reply *rep,
                       struct ym_next *n, struct ym_err *e)
{
    n->has_handle = true;
    if (rep->status < 200 || rep->status >= 300)
        return status_failed(a, rep, n, e);
    if (!ym_json_str(rep->json, "status"))
        return ym_fail(e, YM_TRANSIENT, EAGAIN, "fal did not say how the job is doing.");
    if (fal_still_runs(a, rep->json, n))
        return 0;
    YM_AUTOFREE char *url = job_url(&a->call, state, "response_url", "");
    headers_add(ym_next_send(n, TAG_RESULT, "GET", YM_SAFE, url));
    return 0;
}

static bool is_too_early(const struct ym_reply *rep)
{
    const char *said = ym_json_str_or(rep->json, "detail", "");
    return rep->status == 202 ||
           (rep->status == 400 &&
            (strstr(said, "in progress") || strstr(said, "not complete") || strstr(said, "in queue")));
}

static void finish(const struct queue_asked *a, const cJSON *state, struct ym_next *n)
{
    queue_done(a, state, ym_json_num_or(state, "usd", -1), n);
    n->safety = ym_strdup(ym_json_str(state, "safety"));
    n->text = ym_strdup(ym_json_str(state, "said"));
}

static int result_seen(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                       struct ym_err *e)
{
    n->has_handle = true;
    if (is_too_early(rep)) {
        n->what = YM_NEXT_WAIT;
        n->wait = ym_poll_wait(&a->call, -1);
        return 0;
    }
    if (rep->status < 200 || rep->status >= 300)
        return fal_fail(a, rep, true, n, e);
    if (!cJSON_IsObject(rep->json))
        return ym_fail(e, YM_TRANSIENT, EAGAIN, "fal's answer with the result cannot be read.");
    int r = fal_result(a, rep, state, n, e);
    if (r == 0)
        queue_files_ask(state, n, TAG_FILE);
    return r;
}

static int file_seen(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                     struct ym_err *e)
{
    n->has_handle = true;
    int r = queue_file_take(a, state, rep, e);
    if (r == 0 && queue_files_ask(state, n, TAG_FILE) == 0)
        finish(a, state, n);
    return r;
}

static int reply_seen(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e)
{
    switch (rep->tag) {
    case TAG_INITIATE:
        return initiated(a, state, rep, n, e);
    case TAG_UPLOAD:
        return uploaded(a, state, rep, n, e);
    case TAG_SUBMIT:
        return submitted(a, state, rep, n, e);
    case TAG_STATUS:
        return status_seen(a, state, rep, n, e);
    case TAG_RESULT:
        return result_seen(a, state, rep, n, e);
    case TAG_FILE:
        return file_seen(a, state, rep, n, e);
    default:
        return ym_fail(e, YM_BROKEN, EPROTO, "A reply came that nobody asked for.");
    }
}

static int fal_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                    struct ym_next *ret_next, struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    struct queue_asked a;
    int r = 0;
    if (!call->has_key)
        return ym_fail(e, YM_AUTH, EACCES,
                       "No key for fal: set FAL_KEY, or api_key_file below [providers.fal].");
    queue_asked_init(&a, &fal_service, call);
    if (rep) {
        r = reply_seen(&a, *state, rep, &n, e);
    } else if (ym_json_str(*state, "id")) {
        status_ask(&a.call, *state, &n);
    } else { /* nothing was bought yet: uploads are made anew */
        cJSON_Delete(*state);
        *state = cJSON_CreateObject();
        cJSON_AddArrayToObject(*state, "urls");
        r = go_on(&a, *state, &n, e);
    }
    return queue_step_end(r, &n, ret_next);
}

/* ---- cancelling ---- */

static void cancel_over(struct ym_next *n, bool runs_on, bool free_of_cost)
{
    n->what = YM_NEXT_DONE;
    n->runs_on = runs_on;
    n->cost_known = free_of_cost && !runs_on; /* cost is 0: it never left the queue */
}

/* 200: taken out of the queue. 202: asked for only; 400: it has ended. Then its state decides. */
static int cancel_answered(const struct queue_asked *a, const cJSON *state, const struct ym_reply *rep,
                           struct ym_next *n, struct ym_err *e)
{
    if (rep->status == 200)
        cancel_over(n, false, true);
    else if (rep->status == 404)
        cancel_over(n, false, false);
    else if (rep->status == 202 || rep->status == 400)
        status_ask(&a->call, state, n);
    else
        return fal_fail(a, rep, false, n, e);
    return 0;
}

static int fal_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                      struct ym_next *ret_next, struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    struct queue_asked a;
    int r = 0;
    bool sent = ym_json_str(*state, "asked") != NULL, known = ym_json_str(*state, "id") != NULL;
    queue_asked_init(&a, &fal_service, call);
    if (!known) { /* the answer to a request that was sent is awaited: it names the job */
        cancel_over(&n, sent, !sent);
    } else if (!rep) {
        YM_AUTOFREE char *url = job_url(call, *state, "cancel_url", "/cancel");
        headers_add(ym_next_send(&n, TAG_CANCEL, "PUT", YM_SAFE, url));
    } else if (rep->tag == TAG_CANCEL) {
        r = cancel_answered(&a, *state, rep, &n, e);
    } else { /* a job that ended with an error, or is forgotten, has nothing to fetch */
        bool ended_badly = strcmp(ym_json_str_or(rep->json, "status", ""), "COMPLETED") == 0 &&
                           (ym_json_get(rep->json, "error") || ym_json_get(rep->json, "error_type"));
        cancel_over(&n, rep->status != 404 && !ended_badly, false);
    }
    return queue_step_end(r, &n, ret_next);
}

/* ---- before anything is spent ---- */

static int fal_check(const struct ym_call *call, struct ym_err *e)
{
    struct queue_asked a;
    char show[80];
    if (!id_is_sound(call->req->model))
        return ym_fail(e, YM_INVALID, EINVAL, "%s is no model of fal's; they are called like fal-ai/flux/dev.",
                       ym_text_show(call->req->model, show, sizeof show));
    queue_asked_init(&a, &fal_service, call);
    return queue_check(&a, NULL, UPLOAD_MAX, e);
}

static int fal_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    struct queue_asked a;
    queue_asked_init(&a, &fal_service, call);
    return queue_price(&a, ret, e);
}

const struct ym_driver ym_driver_fal = {
    .name = "fal",
    .kinds = 1u << YM_IMAGE | 1u << YM_VIDEO | 1u << YM_AUDIO | 1u << YM_SFX,
    .needs_key = true,
    .key_env = "FAL_KEY",
    .key_env_more = "FAL_AI_API_KEY",
    .base_url = BASE_URL,
    .rate_limit = 60,
    .concurrency = 10,
    .models = fal_models,
    .params = {[YM_IMAGE] = fal_image_params,
               [YM_VIDEO] = fal_video_params,
               [YM_AUDIO] = fal_sound_params,
               [YM_SFX] = fal_sound_params},
    .default_model = {[YM_IMAGE] = FAL_DEFAULT_IMAGE,
                      [YM_VIDEO] = FAL_DEFAULT_VIDEO,
                      [YM_AUDIO] = FAL_DEFAULT_AUDIO,
                      [YM_SFX] = FAL_DEFAULT_SFX},
    .check = fal_check,
    .price = fal_price,
    .step = fal_step,
    .cancel = fal_cancel,
};
