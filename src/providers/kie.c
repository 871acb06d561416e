/* KIE.ai: Kling clips and the other models of its market, and Veo. It takes images as addresses only, so
 * those of the library are uploaded to its own file service first. A task is created, its record is looked
 * at until it says success or fail, and the result is fetched in the same step, for it is not kept long.
 * There is no call that cancels. */
#include <errno.h>
#include <string.h>

#include "kie.h"

#define BASE_URL   "https://api.kie.ai"
#define UPLOAD_URL "https://kieai.redpandaai.co"
#define IMAGE_MAX  10000000 /* bytes */

enum { TAG_UPLOAD = 1, TAG_CREATE, TAG_LOOK, TAG_SIGN, TAG_FILE };

static void headers_add(struct ym_http *h, bool json)
{
    ym_http_credential(h, "Authorization", "api_key", "Bearer ");
    ym_http_header(h, "Accept", "application/json");
    if (json)
        ym_http_header(h, "Content-Type", "application/json");
}

/* ---- references: state {"urls":[address]} ---- */

static void field_add(struct ym_http *h, const char *mark, const char *name, const char *value)
{
    YM_AUTOFREE char *part =
        ym_asprintf("--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", mark, name, value);
    ym_http_puts(h, part);
}

/* Names are unique: a name that was used before brings stale copies. */
static void upload_ask(const struct queue_asked *a, unsigned i, struct ym_next *n)
{
    const char *mime = a->req.refs[i].mime;
    const char *ext = strcmp(mime, "image/jpeg") == 0   ? "jpg"
                      : strcmp(mime, "image/webp") == 0 ? "webp"
                                                        : "png";
    YM_AUTOFREE char *url =
        ym_asprintf("%s/api/file-stream-upload", a->call.own_base_url ? a->call.base_url : UPLOAD_URL);
    YM_AUTOFREE char *mark = ym_asprintf("ymago-%s", a->call.job_id);
    YM_AUTOFREE char *type = ym_asprintf("multipart/form-data; boundary=%s", mark);
    YM_AUTOFREE char *name = ym_asprintf("%s-%d-%u.%s", a->call.job_id, a->call.attempt, i + 1, ext);
    YM_AUTOFREE char *head =
        ym_asprintf("--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\n"
                    "Content-Type: %s\r\n\r\n",
                    mark, name, mime);
    YM_AUTOFREE char *tail = ym_asprintf("\r\n--%s--", mark);
    struct ym_http *h = ym_next_send(n, TAG_UPLOAD, "POST", YM_SAFE, url);
    headers_add(h, false);
    ym_http_header(h, "Content-Type", type);
    field_add(h, mark, "uploadPath", "ymago");
    field_add(h, mark, "fileName", name);
    ym_http_puts(h, head);
    ym_http_part(h, YM_PART_REF, i);
    ym_http_puts(h, tail);
}

static int create(const struct queue_asked *a, const cJSON *state, struct ym_next *n, struct ym_err *e)
{
    YM_AUTOJSON cJSON *input = NULL, *body = NULL;
    bool veo = kie_is_veo(a->req.model);
    YM_AUTOFREE char *url =
        ym_asprintf("%s%s", a->call.base_url, veo ? "/api/v1/veo/generate" : "/api/v1/jobs/createTask");
    int r = queue_body(a, &input, e);
    if (r < 0)
        return r;
    queue_images_set(input, a, ym_json_get(state, "urls"));
    body = veo ? ym_steal(&input) : cJSON_CreateObject();
    cJSON_AddStringToObject(body, "model", a->req.model);
    if (!veo)
        cJSON_AddItemToObject(body, "input", ym_steal(&input));
    struct ym_http *h = ym_next_send(n, TAG_CREATE, "POST", YM_PAYS, url);
    headers_add(h, true);
    ym_http_json(h, body);
    return 0;
}

static int go_on(const struct queue_asked *a, cJSON *state, struct ym_next *n, struct ym_err *e)
{
    cJSON *urls = cJSON_GetObjectItemCaseSensitive(state, "urls");
    for (unsigned i = (unsigned)cJSON_GetArraySize(urls); i < a->req.nrefs; i++) {
        if (!a->req.refs[i].is_url) {
            upload_ask(a, i, n);
            return 0;
        }
        cJSON_AddItemToArray(urls, cJSON_CreateString(a->req.refs[i].path));
    }
    return create(a, state, n, e);
}

static int uploaded(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                    struct ym_err *e)
{
    const char *url = ym_json_str(ym_json_get(rep->json, "data"), "downloadUrl");
    if (!kie_is_good(rep) || !queue_url_sound(url))
        return kie_fail(a, rep, e);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(state, "urls"), cJSON_CreateString(url));
    return go_on(a, state, n, e);
}

/* ---- the task ---- */

/* As its makers advise: every 3 s at first, then 8, then 20. */
static ym_dur look_wait(const struct ym_call *call)
{
    return YM_SEC(call->waited.ms < 30000 ? 3 : call->waited.ms < 120000 ? 8 : 20);
}

static void wait_more(const struct queue_asked *a, const char *detail, double progress, struct ym_next *n)
{
    n->what = YM_NEXT_WAIT;
    n->wait = look_wait(&a->call);
    n->progress = progress;
    snprintf(n->detail, sizeof n->detail, "%s", detail);
}

static int created(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                   struct ym_err *e)
{
    const cJSON *data = ym_json_get(rep->json, "data");
    const char *id = ym_json_str(data, "taskId");
    if (!id)
        id = ym_json_str(data, "task_id");
    if (!kie_is_good(rep) || !id || !*id || strlen(id) > 300)
        return kie_fail(a, rep, e);
    cJSON_DeleteItemFromObjectCaseSensitive(state, "urls");
    queue_state_str(state, "id", id);
    queue_state_str(state, "asked", a->req.model);
    n->provider_id = ym_strdup(id);
    n->has_handle = true;
    wait_more(a, "KIE has the task", -1, n);
    return 0;
}

static void look_ask(const struct queue_asked *a, const cJSON *state, struct ym_next *n)
{
    YM_AUTOFREE char *id = ym_url_encode(ym_json_str_or(state, "id", ""), NULL);
    YM_AUTOFREE char *url =
        ym_asprintf("%s%s?taskId=%s", a->call.base_url,
                    kie_is_veo(a->req.model) ? "/api/v1/veo/record-info" : "/api/v1/jobs/recordInfo", id);
    headers_add(ym_next_send(n, TAG_LOOK, "GET", YM_SAFE, url), false);
    n->has_handle = true;
}

static int task_done(const struct queue_asked *a, cJSON *state, const cJSON *data, struct ym_next *n,
                     struct ym_err *e)
{
    double usd = kie_usd(data);
    kie_results(state, data);
    cJSON_DeleteItemFromObjectCaseSensitive(state, "usd");
    if (usd >= 0)
        cJSON_AddNumberToObject(state, "usd", usd);
    if (queue_files_ask(state, n, TAG_FILE))
        return 0;
    queue_cost_set(n, usd >= 0 ? usd : queue_usd(a));
    return ym_fail(e, YM_EMPTY, ENODATA, "KIE says that the task is done, but names no result.");
}

static int looked(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                  struct ym_err *e)
{
    const cJSON *data = ym_json_get(rep->json, "data");
    int code = kie_code(rep);
    double percent = ym_json_num_or(data, "progress", -1);
    n->has_handle = true;
    if (code == 404 || code == 422)
        return ym_fail(e, YM_LOST, ENOENT, "KIE does not know the task any more.");
    if (!kie_is_good(rep)) {
        int r = kie_fail(a, rep, e);
        if (e && (e->cls == YM_EMPTY || e->cls == YM_INVALID)) /* of the look; it says nothing of the task */
            e->cls = YM_TRANSIENT;
        return r;
    }
    switch (kie_state(a, data)) {
    case KIE_DONE:
        return task_done(a, state, data, n, e);
    case KIE_FAILED:
        return kie_failed(a, data, n, e);
    case KIE_WAITS:
        wait_more(a, "in KIE's queue", -1, n);
        return 0;
    case KIE_RUNS:
        break;
    }
    wait_more(a, "KIE is generating", percent > 0 && percent <= 100 ? percent / 100 : -1, n);
    return 0;
}

/* ---- results ---- */

static const char *file_now(const cJSON *state)
{
    const cJSON *files = ym_json_get(state, "files");
    const cJSON *url = cJSON_GetArrayItem(files, cJSON_GetArraySize(ym_json_get(state, "got")));
    return url ? url->valuestring : "";
}

/* An address that is refused may be signed anew, once. */
static void sign_ask(const struct queue_asked *a, cJSON *state, struct ym_next *n)
{
    YM_AUTOFREE char *url = ym_asprintf("%s/api/v1/common/download-url", a->call.base_url);
    YM_AUTOJSON cJSON *body = cJSON_CreateObject();
    struct ym_http *h = ym_next_send(n, TAG_SIGN, "POST", YM_SAFE, url);
    headers_add(h, true);
    cJSON_AddStringToObject(body, "url", file_now(state));
    ym_http_json(h, body);
    queue_state_str(state, "signed", file_now(state));
}

static int file_seen(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                     struct ym_err *e)
{
    n->has_handle = true;
    if ((rep->status == 403 || rep->status == 404) && !ym_json_str(state, "signed")) {
        sign_ask(a, state, n);
        return 0;
    }
    int r = queue_file_take(a, state, rep, e);
    queue_state_str(state, "signed", NULL);
    if (r == 0 && queue_files_ask(state, n, TAG_FILE) == 0)
        queue_done(a, state, ym_json_num_or(state, "usd", -1), n);
    return r;
}

static int signed_seen(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                       struct ym_err *e)
{
    const char *url = ym_json_str(rep->json, "data");
    cJSON *files = cJSON_GetObjectItemCaseSensitive(state, "files");
    int at = cJSON_GetArraySize(ym_json_get(state, "got"));
    n->has_handle = true;
    if (!kie_is_good(rep) || !queue_url_sound(url)) {
        int r = kie_fail(a, rep, e);
        if (e && e->cls != YM_TRANSIENT && e->cls != YM_THROTTLED && e->cls != YM_AUTH)
            e->cls = YM_LOST;
        queue_state_str(state, "signed", NULL);
        return r;
    }
    cJSON_ReplaceItemInArray(files, at, cJSON_CreateString(url));
    queue_files_ask(state, n, TAG_FILE);
    return 0;
}

static int reply_seen(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e)
{
    switch (rep->tag) {
    case TAG_UPLOAD:
        return uploaded(a, state, rep, n, e);
    case TAG_CREATE:
        return created(a, state, rep, n, e);
    case TAG_LOOK:
        return looked(a, state, rep, n, e);
    case TAG_SIGN:
        return signed_seen(a, state, rep, n, e);
    case TAG_FILE:
        return file_seen(a, state, rep, n, e);
    default:
        return ym_fail(e, YM_BROKEN, EPROTO, "A reply came that nobody asked for.");
    }
}

static int kie_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                    struct ym_next *ret_next, struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    struct queue_asked a;
    int r = 0;
    if (!call->has_key)
        return ym_fail(e, YM_AUTH, EACCES,
                       "No key for KIE: set KIE_API_KEY, or api_key_file below [providers.kie].");
    queue_asked_init(&a, &kie_service, call);
    if (rep) {
        r = reply_seen(&a, *state, rep, &n, e);
    } else if (ym_json_str(*state, "id")) {
        queue_state_str(*state, "signed", NULL);
        look_ask(&a, *state, &n);
    } else { /* uploads are kept for a day or so: they are made anew */
        cJSON_Delete(*state);
        *state = cJSON_CreateObject();
        cJSON_AddArrayToObject(*state, "urls");
        r = go_on(&a, *state, &n, e);
    }
    return queue_step_end(r, &n, ret_next);
}

/* ---- before anything is spent ---- */

static int kie_check(const struct ym_call *call, struct ym_err *e)
{
    static const char *const kling[] = {"image/png", "image/jpeg", NULL};
    struct queue_asked a;
    queue_asked_init(&a, &kie_service, call);
    return queue_check(&a, a.req.kind == YM_VIDEO ? kling : NULL, IMAGE_MAX, e);
}

static int kie_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    struct queue_asked a;
    queue_asked_init(&a, &kie_service, call);
    return queue_price(&a, ret, e);
}

const struct ym_driver ym_driver_kie = {
    .name = "kie",
    .kinds = 1u << YM_IMAGE | 1u << YM_VIDEO,
    .needs_key = true,
    .key_env = "KIE_API_KEY",
    .base_url = BASE_URL,
    .rate_limit = 100,
    .concurrency = 20,
    .models = kie_models,
    .params = {[YM_IMAGE] = kie_image_params, [YM_VIDEO] = kie_video_params},
    .default_model = {[YM_VIDEO] = KIE_DEFAULT_VIDEO},
    .check = kie_check,
    .price = kie_price,
    .step = kie_step,
};
