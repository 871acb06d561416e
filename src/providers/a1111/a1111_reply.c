/* Reading what the servers answer. Fields that nobody here knows are passed over. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "a1111.h"

#define INFO_MAX (1 << 20)

/* ---- errors ---- */

/* {"error","detail","body","errors"}, {"detail":[{"loc","msg"}]}, {"error"}, {"error","message"} and
 * {"error":{"code","message"}}: the most telling text. */
static char *words_of(const struct ym_reply *rep)
{
    static const char *const paths[] = {"errors", "message", "detail", "detail.error", "error.message", "error"};
    const cJSON *invalid = ym_json_at(rep->json, "detail[0]");
    const char *msg = ym_json_str(invalid, "msg");
    if (msg) {
        const cJSON *loc = ym_json_get(invalid, "loc");
        const char *field = cJSON_GetStringValue(cJSON_GetArrayItem(loc, cJSON_GetArraySize(loc) - 1));
        return ym_asprintf("%s: %s", field ? field : "body", msg);
    }
    for (size_t i = 0; i < YM_COUNT(paths); i++) {
        const char *text = cJSON_GetStringValue(ym_json_at(rep->json, paths[i]));
        if (text && *text)
            return ym_strdup(text);
    }
    return ym_strdup(rep->text);
}

static bool is_out_of_memory(const struct ym_reply *rep, const char *words)
{
    return strcmp(ym_json_str_or(rep->json, "error", ""), "OutOfMemoryError") == 0 ||
           (words && (strcasestr(words, "out of memory") || strcasestr(words, "not enough memory")));
}

static int fail_auth(const struct ym_call *call, struct ym_err *e)
{
    if (call->has_key)
        return ym_fail(
            e, YM_AUTH, EACCES,
            "The server at %.80s refuses the user or the password; correct api_key below [providers.a1111].",
            call->base_url);
    return ym_fail(e, YM_AUTH, EACCES,
                   "The server at %.80s wants a password; set api_key = \"user:password\" below [providers.a1111].",
                   call->base_url);
}

/* A failure that another try would only meet again. */
static int fail_for_good(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep,
                         const char *words, struct ym_err *e)
{
    const char *who = a1111_who(state);
    bool no_route =
        rep->status == 405 || (rep->status == 404 && (!rep->json || strcmp(words ? words : "", "Not Found") == 0));
    if (no_route)
        return ym_fail(e, YM_INVALID, ENOENT,
                       "The server at %.80s has no /sdapi/v1; start AUTOMATIC1111 with --api, or correct base_url.",
                       call->base_url);
    if (is_out_of_memory(rep, words))
        return ym_fail(e, YM_INVALID, ENOMEM, "%s ran out of memory; ask for a smaller size, or free some there.",
                       who);
    if (rep->status >= 500)
        return ym_fail(e, YM_INVALID, EIO, "%s could not make this; its own words and its log say why.", who);
    return ym_fail(e, YM_INVALID, EINVAL, "%s does not take this request (status %d).", who, rep->status);
}

/* Python's exceptions and a generator without a result come again with the same request; a proxy's 502,
 * 503 and 504 do not. */
static bool comes_again(const struct ym_reply *rep)
{
    return rep->status == 500 && rep->json && ym_json_get(rep->json, "error");
}

int a1111_fail(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep, struct ym_err *e)
{
    YM_AUTOFREE char *words = words_of(rep);
    int status = rep->status, r;
    if (status == 401 || status == 403)
        r = fail_auth(call, e);
    else if (is_out_of_memory(rep, words) || comes_again(rep) ||
             (status >= 400 && status < 500 && status != 408 && status != 429))
        r = fail_for_good(call, state, rep, words, e);
    else
        return ym_reply_fail(call, rep, a1111_who(state), words, e);
    ym_err_words(e, words);
    return r;
}

/* ---- AUTOMATIC1111: the answer is the picture ---- */

/* `info` is a JSON text within the JSON. Some versions leave it empty. */
static cJSON *info_parse(const cJSON *doc)
{
    cJSON *info = NULL;
    const char *text = ym_json_str_or(doc, "info", "");
    if (*text && ym_json_parse(text, strlen(text), INFO_MAX, &info, NULL) < 0)
        return NULL;
    return info;
}

/* The line "Steps: 20, Sampler: ..., Seed: 1, ..." of the picture: the seed that was drawn is in it, and
 * pasted below the prompt it gives the same picture again. */
static char *line_make(const cJSON *info, int64_t index)
{
    const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(ym_json_get(info, "infotexts"), (int)index)),
               *line = NULL;
    for (const char *p = text; p; p = strstr(p + 1, "\nSteps: "))
        line = strncmp(p, "\nSteps: ", 8) == 0 ? p + 1 : strncmp(p, "Steps: ", 7) == 0 ? p : line;
    int64_t seed = ym_json_int_or(info, "seed", -1);
    if (line)
        return ym_strdup(line);
    return seed >= 0 ? ym_asprintf("Seed: %lld", (long long)seed) : NULL;
}

/* "dreamshaper_8 [879db523c3]". A seed that the server drew stands behind it: this goes into the sidecar,
 * which knows of none otherwise. */
static char *version_make(const struct ym_call *call, const cJSON *info)
{
    YM_AUTOBUF struct ym_buf b;
    const char *name = ym_json_str(info, "sd_model_name"), *hash = ym_json_str(info, "sd_model_hash");
    int64_t seed = ym_call_seed(call) < 0 ? ym_json_int_or(info, "seed", -1) : -1;
    ym_buf_init(&b, 1000);
    ym_buf_addf(&b, "%.400s", name ? name : "");
    if (hash && *hash)
        ym_buf_addf(&b, "%s[%.80s]", b.len ? " " : "", hash);
    if (seed >= 0)
        ym_buf_addf(&b, "%sseed %lld", b.len ? ", " : "", (long long)seed);
    return b.len ? ym_buf_steal(&b) : NULL;
}

/* An unknown checkpoint is ignored without a word: what was used must be what was asked for. */
static int model_check(const struct ym_call *call, const cJSON *state, const cJSON *info, struct ym_err *e)
{
    const char *used = ym_json_str(info, "sd_model_name");
    char show[60];
    if (!ym_json_get(state, "model") || !used || a1111_names_model(state, used))
        return 0;
    ym_text_show(used, show, sizeof show);
    return ym_fail(e, YM_INVALID, ESTALE,
                   "%s painted with \"%s\", not with \"%.60s\" as asked; the picture is dropped. Can that model be "
                   "loaded there?",
                   a1111_who(state), show, call->req->model);
}

static void images_take(const struct ym_reply *rep, const cJSON *images, int64_t first, struct ym_next *n)
{
    const cJSON *image;
    cJSON_ArrayForEach (image, images) {
        int index = ym_reply_media(rep, image);
        if (first-- > 0 || index < 0 || n->nmedia == YM_COUNT(n->media))
            continue; /* a sheet of all pictures stands before them */
        if (rep->media[index].is_media && strncmp(rep->media[index].mime, "image/", 6) == 0)
            n->media[n->nmedia++] = (unsigned)index;
    }
}

static void done(struct ym_next *n)
{
    n->what = YM_NEXT_DONE;
    n->progress = 1;
    n->cost = (ym_money){0};
    n->cost_known = true;
}

int a1111_result(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                 struct ym_err *e)
{
    const cJSON *images = ym_json_get(rep->json, "images");
    YM_AUTOJSON cJSON *info = info_parse(rep->json);
    if (rep->status < 200 || rep->status >= 300)
        return a1111_fail(call, state, rep, e);
    if (!cJSON_IsArray(images)) {
        int r = ym_fail(e, YM_EMPTY, EPROTO,
                        "The answer of %s has no images; is base_url of [providers.a1111] right?", call->base_url);
        if (rep->nmedia == rep->media_first) /* else it was one, and cut off */
            ym_err_words(e, rep->text);
        return r;
    }
    int r = model_check(call, state, info, e);
    if (r < 0)
        return r;
    int64_t first = ym_json_int_or(info, "index_of_first_image", 0);
    images_take(rep, images, first, n);
    if (n->nmedia == 0 && cJSON_GetArraySize(images) == 0)
        return ym_fail(e, YM_REFUSED, ECANCELED,
                       "%s was told to stop before there was a picture; save the prompt again.", a1111_who(state));
    if (n->nmedia == 0)
        return ym_fail(e, YM_EMPTY, ENODATA, "%s answered without a usable picture.", a1111_who(state));
    done(n);
    n->model_version = version_make(call, info);
    n->text = line_make(info, first);
    n->provider_id = a1111_flavour(state) == A1111_WEBUI ? a1111_task(call, call->attempt) : NULL;
    return 0;
}

/* ---- sd-server: a handle, then a job ---- */

int a1111_accepted(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                   struct ym_err *e)
{
    const char *id = ym_json_str(rep->json, "id");
    if (rep->status < 200 || rep->status >= 300)
        return a1111_fail(call, state, rep, e);
    if (!id || !*id || strlen(id) > 200) {
        int r = ym_fail(e, YM_EMPTY, EPROTO, "sd-server took the job, but gave it no name.");
        ym_err_words(e, rep->text);
        return r;
    }
    cJSON_AddStringToObject(state, "handle", id);
    n->what = YM_NEXT_WAIT;
    n->has_handle = true;
    n->wait = ym_poll_wait(call, -1);
    n->provider_id = ym_strdup(id);
    return 0;
}

static int job_done(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                    struct ym_err *e)
{
    const cJSON *result = ym_json_get(rep->json, "result"), *image;
    const char *want = call->req->kind == YM_VIDEO ? "video/" : "image/";
    int index[YM_COUNT(n->media) + 1];
    unsigned count = 0;
    index[count++] = ym_reply_media(rep, ym_json_get(result, "b64_json"));
    cJSON_ArrayForEach (image, ym_json_get(result, "images"))
        if (count < YM_COUNT(index))
            index[count++] = ym_reply_media(rep, ym_json_get(image, "b64_json"));
    for (unsigned i = 0; i < count && n->nmedia < YM_COUNT(n->media); i++)
        if (index[i] >= 0 && rep->media[index[i]].is_media &&
            strncmp(rep->media[index[i]].mime, want, strlen(want)) == 0)
            n->media[n->nmedia++] = (unsigned)index[i];
    if (n->nmedia == 0)
        return ym_fail(e, YM_EMPTY, ENODATA, "sd-server says that the job is done, but sent no usable %s.",
                       ym_kind_name(call->req->kind));
    done(n);
    n->model_version = ym_strdup(ym_json_str(state, "loaded"));
    n->provider_id = ym_strdup(ym_json_str(state, "handle"));
    return 0;
}

static int job_failed(const struct ym_reply *rep, struct ym_err *e)
{
    YM_AUTOFREE char *words = words_of(rep);
    int r = is_out_of_memory(rep, words)
                ? ym_fail(e, YM_INVALID, ENOMEM,
                          "sd-server ran out of memory; ask for a smaller size, or free some there.")
                : ym_fail(e, YM_INVALID, EIO, "sd-server could not make this; its own words and its log say why.");
    ym_err_words(e, words);
    return r;
}

static void job_wait(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n)
{
    bool queued = strcmp(ym_json_str_or(rep->json, "status", ""), "queued") == 0;
    long long place = (long long)ym_json_int_or(rep->json, "queue_position", 0);
    n->what = YM_NEXT_WAIT;
    n->has_handle = true;
    n->wait = ym_poll_wait(call, -1);
    if (queued && place > 0)
        snprintf(n->detail, sizeof n->detail, "place %lld in the queue of sd-server", place);
    else
        snprintf(n->detail, sizeof n->detail, queued ? "waits in the queue of sd-server" : "is being made");
}

int a1111_job(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep, struct ym_next *n,
              struct ym_err *e)
{
    const char *status = ym_json_str_or(rep->json, "status", "");
    if (rep->status == 404 || rep->status == 410) {
        int r = ym_fail(e, YM_LOST, ENOENT,
                        rep->status == 410
                            ? "sd-server has thrown the finished result away; it keeps one for ten minutes."
                            : "sd-server does not know the job any more; was it started anew?");
        ym_err_words(e, ym_json_str(rep->json, "error"));
        return r;
    }
    if (rep->status < 200 || rep->status >= 300)
        return ym_reply_fail(call, rep, "sd-server", ym_json_str(rep->json, "error"), e);
    if (strcmp(status, "completed") == 0)
        return job_done(call, state, rep, n, e);
    if (strcmp(status, "failed") == 0)
        return job_failed(rep, e);
    if (strcmp(status, "cancelled") == 0)
        return ym_fail(e, YM_REFUSED, ECANCELED, "sd-server was told to cancel the job; save the prompt again.");
    if (!*status) {
        int r = ym_fail(e, YM_TRANSIENT, EPROTO, "sd-server answered with something that cannot be read.");
        ym_err_words(e, rep->text);
        return r;
    }
    job_wait(call, rep, n);
    return 0;
}
