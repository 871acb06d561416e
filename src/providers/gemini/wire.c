/* Addresses, the key, settings that are passed on, and fetching a finished video. */
#include <errno.h>
#include <string.h>

#include "gemini.h"

/* ---- addresses ---- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* A base address like https://aiplatform.googleapis.com/v1/projects/P/locations/L/publishers/google, or,
 * with an API key, https://aiplatform.googleapis.com/v1beta1/publishers/google. */
bool gemini_is_vertex(const struct ym_call *call)
{
    return ends_with(call->base_url, "/publishers/google");
}

static const char *model_name(const struct ym_call *call)
{
    const char *id = call->req->model;
    return strncmp(id, "models/", 7) == 0 ? id + 7 : id;
}

char *gemini_model_path(const struct ym_call *call, const char *method)
{
    YM_AUTOFREE char *id = ym_url_encode(model_name(call), NULL);
    return ym_asprintf("models/%s:%s", id, method);
}

char *gemini_url(const struct ym_call *call, const char *path)
{
    const char *base = call->base_url, *last = strrchr(base, '/');
    bool versioned = ends_with(base, "/v1beta") || ends_with(base, "/v1");
    int len = (int)strlen(base);
    if (gemini_is_vertex(call)) /* only models belong to a publisher */
        return ym_asprintf("%.*s/%s", strncmp(path, "models/", 7) == 0 ? len : len - (int)strlen("/publishers/google"),
                           base, path);
    if (strncmp(path, "upload/", 7) == 0) /* before the version */
        return ym_asprintf("%.*s/%s", versioned ? (int)(last - base) : len, base, path);
    return ym_asprintf("%s%s/%s", base, versioned ? "" : "/v1beta", path);
}

void gemini_auth(const struct ym_call *call, struct ym_http *h)
{
    if (gemini_is_vertex(call) && strstr(call->base_url, "/projects/"))
        ym_http_credential(h, "Authorization", "api_key", "Bearer ");
    else
        ym_http_credential(h, "x-goog-api-key", "api_key", NULL);
}

struct ym_http *gemini_send(const struct ym_call *call, struct ym_next *n, enum gemini_tag tag, const char *method,
                            enum ym_effect effect, const char *path)
{
    YM_AUTOFREE char *url = gemini_url(call, path);
    struct ym_http *h = ym_next_send(n, tag, method, effect, url);
    if (strcmp(method, "POST") == 0)
        ym_http_header(h, "Content-Type", "application/json");
    gemini_auth(call, h);
    return h;
}

bool gemini_name_ok(const char *name, const char *prefix)
{
    return name && strncmp(name, prefix, strlen(prefix)) == 0 && name[strlen(prefix)] && !strstr(name, "..") &&
           strlen(name) <= 500;
}

/* ---- settings of the model by its own names ---- */

static const cJSON *params_of(const struct ym_call *call)
{
    const cJSON *params = ym_json_get(call->req->params, "params");
    return cJSON_IsObject(params) ? params : NULL;
}

int gemini_params_check(const struct ym_call *call, struct ym_err *e)
{
    /* How many, what comes back, and where else it would go are not the model's settings. */
    static const char *const ours[] = {"candidateCount",
                                       "candidate_count",
                                       "responseModalities",
                                       "response_modalities",
                                       "sampleCount",
                                       "storageUri",
                                       "pubsubTopic",
                                       "webhook_config",
                                       "model",
                                       "n"};
    const cJSON *params = params_of(call), *v;
    char show[60];
    cJSON_ArrayForEach (v, params)
        for (size_t i = 0; i < YM_COUNT(ours); i++)
            if (strcmp(v->string, ours[i]) == 0)
                return ym_fail(e, YM_INVALID, EINVAL, "params cannot set %s; leave it out.",
                               ym_text_show(v->string, show, sizeof show));
    return 0;
}

void gemini_params_add(const struct ym_call *call, cJSON *into)
{
    const cJSON *params = params_of(call), *v, *inner, *map;
    cJSON_ArrayForEach (v, params) {
        cJSON *there = cJSON_GetObjectItemCaseSensitive(into, v->string);
        if (!there)
            cJSON_AddItemToObject(into, v->string, cJSON_Duplicate(v, true));
        /* imageConfig and its like have settings of both sides */
        map = there && cJSON_IsObject(there) && cJSON_IsObject(v) ? v : NULL;
        cJSON_ArrayForEach (inner, map)
            if (!ym_json_get(there, inner->string))
                cJSON_AddItemToObject(there, inner->string, cJSON_Duplicate(inner, true));
    }
}

char *gemini_prompt(const struct ym_call *call)
{
    const struct ym_request *r = call->req;
    return r->negative && *r->negative ? ym_asprintf("%s\n\nWithout %s.", r->prompt, r->negative)
                                       : ym_strdup(r->prompt);
}

/* ---- long jobs ---- */

void gemini_state_set(cJSON **state, const char *key, const char *name)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, key, name);
    cJSON_Delete(*state);
    *state = o;
}

void gemini_not_billed(struct ym_next *n)
{
    n->cost = (ym_money){0};
    n->cost_known = true;
    n->cost_is_estimate = true;
}

/* The service names files by its own host; behind a gateway they are fetched through the gateway. A name
 * of a file alone, or an address of it without ":download", is not yet its content. */
static char *download_url(const struct ym_call *call, const char *uri)
{
    static const char own[] = GEMINI_BASE "/v1beta/";
    const char *file = strncmp(uri, own, sizeof own - 1) == 0 ? uri + sizeof own - 1 : uri;
    bool is_file = strncmp(file, "files/", 6) == 0;
    YM_AUTOFREE char *url = is_file ? gemini_url(call, file) : ym_strdup(uri);
    is_file = is_file || (ym_url_is_ours(call, url) && strstr(url, "/files/"));
    return ym_asprintf("%s%s", url, is_file && !strstr(url, ":download") ? ":download?alt=media" : "");
}

void gemini_download(const struct ym_call *call, const char *uri, struct ym_next *n)
{
    YM_AUTOFREE char *url = download_url(call, uri);
    struct ym_http *h = ym_next_send(n, TAG_DOWNLOAD, "GET", YM_SAFE, url);
    h->raw_media = true;
    if (ym_url_is_ours(call, url))
        gemini_auth(call, h);
    n->has_handle = true;
}

int gemini_video_done(const struct ym_call *call, const struct ym_reply *rep, int index, const char *id,
                      const char *model, struct ym_next *n, struct ym_err *e)
{
    const struct ym_staged *m = index >= 0 ? &rep->media[index] : NULL;
    double usd = gemini_second_usd(call) * gemini_seconds(call);
    n->has_handle = true;
    n->cost_known = usd >= 0 && ym_money_from_double(usd, &n->cost) == 0;
    n->cost_is_estimate = n->cost_known;
    if (!m || !m->is_media || strncmp(m->mime, "video/", 6) != 0) {
        int r = ym_fail(e, YM_EMPTY, ENODATA, "Gemini says that the video is done, but what it sent is none.");
        ym_err_words(e, rep->text);
        return r;
    }
    n->what = YM_NEXT_DONE;
    n->media[n->nmedia++] = (unsigned)index;
    n->provider_id = ym_strdup(id);
    n->model_version = ym_strdup(model);
    return 0;
}

/* A finished video that cannot be fetched is lost, not failed: it was made and billed. */
static int download_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n, struct ym_err *e)
{
    const char *message = ym_json_str_or(ym_json_get(rep->json, "error"), "message", rep->text ? rep->text : "");
    if (rep->status == 400 && (strstr(message, "ACTIVE") || strstr(message, "PROCESSING"))) {
        n->what = YM_NEXT_WAIT;
        n->wait = YM_SEC(5);
        n->has_handle = true;
        snprintf(n->detail, sizeof n->detail, "the finished video is being stored");
        return 0;
    }
    if (rep->status == 401 || rep->status == 429 || rep->status == 408 || rep->status >= 500)
        return gemini_fail(call, rep, e);
    int r = ym_fail(e, YM_LOST, ENOENT, "The finished video cannot be fetched from Gemini any more (status %d).",
                    rep->status);
    ym_err_words(e, message);
    return r;
}

int gemini_download_reply(const struct ym_call *call, const struct ym_reply *rep, const char *id, const char *model,
                          struct ym_next *n, struct ym_err *e)
{
    int index = rep->media_first < rep->nmedia ? (int)rep->media_first : -1;
    if (rep->status < 200 || rep->status >= 300)
        return download_fail(call, rep, n, e);
    return gemini_video_done(call, rep, index, id, model, n, e);
}
