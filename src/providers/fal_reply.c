/* What fal answers: errors of three forms, the state of a job, and outputs of any model. */
#include <errno.h>
#include <string.h>

#include "fal.h"

/* ---- errors: {"detail": "words"} or {"detail": [{"loc", "msg", "type"}]} ---- */

/* "image_size.width: Input should be ..." */
static void detail_add(struct ym_buf *out, const cJSON *one)
{
    const cJSON *at, *loc = ym_json_get(one, "loc");
    const char *msg = ym_json_str(one, "msg");
    size_t start = out->len;
    if (!msg)
        return;
    ym_buf_adds(out, out->len ? "; " : "");
    start = out->len;
    cJSON_ArrayForEach (at, loc) {
        if (cJSON_IsString(at) && strcmp(at->valuestring, "body") != 0)
            ym_buf_addf(out, "%s%.60s", out->len > start ? "." : "", at->valuestring);
        else if (cJSON_IsNumber(at))
            ym_buf_addf(out, "%s%.0f", out->len > start ? "." : "", at->valuedouble);
    }
    ym_buf_addf(out, "%s%.200s", out->len > start ? ": " : "", msg);
}

static char *words_of(const struct ym_reply *rep)
{
    YM_AUTOBUF struct ym_buf b;
    const cJSON *one, *detail = ym_json_get(rep->json, "detail");
    const char *plain = ym_json_str(rep->json, "detail");
    ym_buf_init(&b, 2000);
    if (!plain)
        plain = ym_json_str(rep->json, "error");
    if (plain)
        ym_buf_addf(&b, "%.1500s", plain);
    else if (cJSON_IsArray(detail))
        cJSON_ArrayForEach (one, detail)
            detail_add(&b, one);
    if (b.len == 0 && rep->text)
        ym_buf_addf(&b, "%.500s", rep->text);
    return ym_buf_steal(&b);
}

/* Why, in a word: of the first detail, or of a request that found no runner. "" = not said. */
static const char *type_of(const struct ym_reply *rep)
{
    const char *type = ym_json_str(ym_json_at(rep->json, "detail[0]"), "type");
    if (!type)
        type = ym_json_str(rep->json, "error_type");
    if (!type)
        type = ym_header_get(rep->headers, "x-fal-error-type");
    return type ? type : "";
}

static bool is_refusal(const char *type)
{
    return strstr(type, "content_policy") || strstr(type, "safety") || strstr(type, "nsfw");
}

/* Failures of a job that another one may not have. */
static bool is_worth_another(const struct ym_reply *rep, const char *type)
{
    static const char *const passing[] = {"internal_server_error", "generation_timeout",
                                          "downstream_service_error", "downstream_service_unavailable"};
    const char *said = ym_header_get(rep->headers, "x-fal-retryable");
    if (!said)
        said = ym_header_get(rep->headers, "x-fal-needs-retry");
    if (said)
        return strcmp(said, "true") == 0 || strcmp(said, "1") == 0;
    for (size_t i = 0; i < YM_COUNT(passing); i++)
        if (strcmp(passing[i], type) == 0)
            return true;
    return rep->status >= 500;
}

/* Is an answer of 5xx what became of the job, and not a gateway's trouble of the moment? */
static bool tells_of_job(const struct ym_reply *rep, const char *type)
{
    return *type || (rep->status == 500 && ym_json_get(rep->json, "detail"));
}

static int fail_job(const struct queue_asked *a, const struct ym_reply *rep, const char *type,
                    struct ym_next *n, struct ym_err *e)
{
    char show[60];
    if (rep->status >= 500)
        n->cost_known = true; /* nothing: fal does not bill these */
    if (is_worth_another(rep, type))
        return ym_fail(e, YM_EMPTY, EIO, "fal could not finish the job (%s).",
                       *type ? ym_text_show(type, show, sizeof show) : "an error of its own");
    return ym_fail(e, YM_INVALID, EINVAL, "fal does not take this request for %.80s (status %d).", a->req.model,
                   rep->status);
}

static int fail_plain(const struct queue_asked *a, const struct ym_reply *rep, const char *words,
                      struct ym_err *e)
{
    if (rep->status == 403) /* a used-up balance and a locked account look like this too */
        return ym_fail(e, YM_AUTH, EACCES,
                       "fal refuses this account or key; check its balance and the key's rights.");
    if (rep->status == 404)
        return ym_fail(e, YM_INVALID, ENOENT, "fal has no model %.80s; check the name at fal.ai/models.",
                       a->req.model);
    return ym_reply_fail(&a->call, rep, "fal", words, e);
}

int fal_fail(const struct queue_asked *a, const struct ym_reply *rep, bool of_job, struct ym_next *n,
             struct ym_err *e)
{
    YM_AUTOFREE char *words = words_of(rep);
    const char *type = type_of(rep);
    char show[60];
    int r;
    bool own = rep->status == 401 || rep->status == 403 || rep->status == 429; /* of us, not of the job */
    if (is_refusal(type))
        r = ym_fail(e, YM_REFUSED, EPERM, "fal refused the request (%s); change the prompt.",
                    ym_text_show(type, show, sizeof show));
    else if (of_job && rep->status == 404)
        r = ym_fail(e, YM_LOST, ENOENT, "fal does not know the job any more.");
    else if (of_job && !own && rep->status >= 400 && (rep->status < 500 || tells_of_job(rep, type)))
        r = fail_job(a, rep, type, n, e);
    else
        r = fail_plain(a, rep, words, e);
    ym_err_words(e, words);
    return r;
}

/* ---- the state of a job ---- */

/* The last "45%|" of the logs: most models show their steps by tqdm. */
static double logged_progress(const cJSON *status)
{
    const cJSON *line;
    double last = -1;
    cJSON_ArrayForEach (line, ym_json_get(status, "logs")) {
        const char *s = ym_json_str_or(line, "message", "");
        for (const char *p = strstr(s, "%|"); p; p = strstr(p + 1, "%|")) {
            const char *d = p;
            while (d > s && d[-1] >= '0' && d[-1] <= '9' && p - d < 3)
                d--;
            if (d < p)
                last = strtod(d, NULL) / 100;
        }
    }
    return last > 1 ? -1 : last;
}

/* Pictures are ready in seconds. */
static ym_dur wait_for(const struct queue_asked *a, double progress)
{
    if (a->req.kind == YM_IMAGE && a->call.waited.ms < 20000)
        return YM_MS(1000);
    return ym_poll_wait(&a->call, progress);
}

bool fal_still_runs(const struct queue_asked *a, const cJSON *status, struct ym_next *n)
{
    const char *state = ym_json_str_or(status, "status", "");
    int64_t place = ym_json_int_or(status, "queue_position", -1);
    if (strcmp(state, "COMPLETED") == 0)
        return false;
    n->what = YM_NEXT_WAIT;
    n->has_handle = true;
    if (strcmp(state, "IN_PROGRESS") == 0)
        n->progress = logged_progress(status);
    if (strcmp(state, "IN_QUEUE") == 0 && place >= 0)
        snprintf(n->detail, sizeof n->detail, "place %lld in fal's queue",
                 (long long)(place < 1000000 ? place + 1 : 1000000));
    else
        snprintf(n->detail, sizeof n->detail,
                 strcmp(state, "IN_QUEUE") == 0 ? "in fal's queue" : "fal is at work");
    n->wait = wait_for(a, n->progress);
    return true;
}

/* ---- outputs: {"images":[{"url","content_type"}]}, {"video":{...}}, ... ---- */

static const char *const image_keys[] = {"images", "image", NULL};
static const char *const video_keys[] = {"video", "videos", NULL};
static const char *const sound_keys[] = {"audio", "audio_file", "audios", "audio_url", NULL};

static const char *const *keys_of(enum ym_kind kind)
{
    return kind == YM_IMAGE ? image_keys : kind == YM_VIDEO ? video_keys : sound_keys;
}

static bool type_fits(enum ym_kind kind, const cJSON *file)
{
    const char *type = ym_json_str(file, "content_type"), *want = kind == YM_IMAGE   ? "image/"
                                                                  : kind == YM_VIDEO ? "video/"
                                                                                     : "audio/";
    return !type || strncmp(type, want, strlen(want)) == 0 || strcmp(type, "application/octet-stream") == 0;
}

/* has_nsfw_concepts: [true, false]: the safety checker put a black picture in the first one's place. */
static bool is_flagged(const cJSON *doc, int i)
{
    static const char *const keys[] = {"has_nsfw_concepts", "nsfw_content_detected"};
    for (size_t k = 0; k < YM_COUNT(keys); k++) {
        const cJSON *v = ym_json_get(doc, keys[k]);
        if (cJSON_IsTrue(v) || (cJSON_IsArray(v) && cJSON_IsTrue(cJSON_GetArrayItem(v, i))))
            return true;
    }
    return false;
}

struct found {
    const cJSON *doc;
    cJSON *state;
    enum ym_kind kind;
    int seen, flagged;
};

static void file_found(struct found *f, const cJSON *file)
{
    const char *url = cJSON_IsString(file) ? file->valuestring : ym_json_str(file, "url");
    if (!url || !type_fits(f->kind, file))
        return;
    if (is_flagged(f->doc, f->seen++)) {
        f->flagged++;
        return;
    }
    queue_file_add(f->state, url);
}

static void value_found(struct found *f, const cJSON *v)
{
    const cJSON *one;
    if (!cJSON_IsArray(v)) {
        file_found(f, v);
        return;
    }
    cJSON_ArrayForEach (one, v)
        file_found(f, one);
}

/* Outputs under names that nobody here knows: whatever has an address and a type of the right kind. */
static void anywhere(struct found *f)
{
    const cJSON *v, *one;
    cJSON_ArrayForEach (v, f->doc) {
        if (ym_json_str(v, "content_type"))
            file_found(f, v);
        if (cJSON_IsArray(v))
            cJSON_ArrayForEach (one, v)
                if (ym_json_str(one, "content_type"))
                    file_found(f, one);
    }
}

static int found_nothing(const struct queue_asked *a, const struct ym_reply *rep, const struct found *f,
                         struct ym_next *n, struct ym_err *e)
{
    YM_AUTOFREE char *words = words_of(rep);
    int r;
    queue_cost_set(n, queue_usd(a));
    if (f->flagged)
        return ym_fail(e, YM_REFUSED, EPERM, "fal's safety checker held the %s back; change the prompt.",
                       ym_kind_name(a->req.kind));
    r = ym_fail(e, YM_EMPTY, ENODATA, "fal answered without any %s.", ym_kind_name(a->req.kind));
    ym_err_words(e, words);
    return r;
}

int fal_result(const struct queue_asked *a, const struct ym_reply *rep, cJSON *state, struct ym_next *n,
               struct ym_err *e)
{
    struct found f = {.doc = rep->json, .state = state, .kind = a->req.kind};
    double usd = queue_usd(a);
    queue_files_begin(state);
    for (const char *const *key = keys_of(f.kind); *key && f.seen == 0; key++)
        value_found(&f, ym_json_get(f.doc, *key));
    if (f.seen == 0)
        anywhere(&f);
    if (cJSON_GetArraySize(ym_json_get(state, "files")) == 0)
        return found_nothing(a, rep, &f, n, e);
    if (f.flagged)
        queue_state_str(state, "safety", "some results were held back by the safety checker");
    if (usd >= 0 && f.kind == YM_IMAGE && f.seen > 1) { /* as many as came, flagged ones too */
        cJSON_DeleteItemFromObjectCaseSensitive(state, "usd");
        cJSON_AddNumberToObject(state, "usd", usd * f.seen);
    }
    const char *said = ym_json_str(f.doc, "description");
    queue_state_str(state, "said", said && strlen(said) < 2000 ? said : NULL);
    return 0;
}
