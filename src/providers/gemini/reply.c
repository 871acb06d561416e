/* Reading what generateContent answers, and every error. Fields and values that nobody here knows are
 * passed over. */
#include <errno.h>
#include <string.h>

#include "gemini.h"

/* ---- errors ---- */

static ym_dur clamp(double ms)
{
    const double most = 24 * 3600e3;
    if (!(ms > 0))
        return YM_MS(0);
    int64_t whole = (int64_t)(ms < most ? ms : most);
    return YM_MS((double)whole < ms && ms < most ? whole + 1 : whole); /* never too early */
}

/* "53s", "45.837906927s", "1h2m3.5s", "900ms": milliseconds, rounded up; 0 = none. */
static ym_dur duration_parse(const char *s)
{
    double ms = 0;
    while (*s >= '0' && *s <= '9') {
        char *end;
        double n = strtod(s, &end);
        if (strncmp(end, "ms", 2) == 0) {
            ms += n;
            s = end + 2;
        } else if (*end == 'h' || *end == 'm' || *end == 's') {
            ms += n * (*end == 'h' ? 3600e3 : *end == 'm' ? 60e3 : 1e3);
            s = end + 1;
        } else {
            break;
        }
    }
    /* A billionth of a millisecond is an echo of the decimal fraction, not a wish. */
    return clamp(ms - 1e-6);
}

static bool type_is(const cJSON *detail, const char *name)
{
    const char *type = ym_json_str_or(detail, "@type", "");
    size_t n = strlen(type), len = strlen(name);
    return n >= len && strcmp(type + n - len, name) == 0;
}

/* What `details` and the message say of waiting. */
struct wait_told {
    ym_dur after;
    bool daily;
};

static struct wait_told wait_find(const struct ym_call *call, const struct ym_reply *rep, const cJSON *error,
                                  const char *message)
{
    struct wait_told w = {ym_retry_after(ym_header_get(rep->headers, "retry-after"), call->now), false};
    const cJSON *d, *v;
    ym_dur told = {0};
    cJSON_ArrayForEach (d, ym_json_get(error, "details")) {
        if (type_is(d, "google.rpc.RetryInfo"))
            told = duration_parse(ym_json_str_or(d, "retryDelay", ""));
        if (!type_is(d, "google.rpc.QuotaFailure"))
            continue;
        cJSON_ArrayForEach (v, ym_json_get(d, "violations"))
            w.daily |= strstr(ym_json_str_or(v, "quotaId", ""), "PerDay") != NULL;
    }
    const char *please = strstr(message, "retry in ");
    if (told.ms == 0 && please)
        told = duration_parse(please + strlen("retry in "));
    if (told.ms > w.after.ms)
        w.after = told;
    return w;
}

static bool has_reason(const cJSON *error, const char *reason)
{
    const cJSON *d;
    cJSON_ArrayForEach (d, ym_json_get(error, "details"))
        if (type_is(d, "google.rpc.ErrorInfo") && strcmp(ym_json_str_or(d, "reason", ""), reason) == 0)
            return true;
    return false;
}

static int fail_throttled(const struct ym_call *call, const struct wait_told *w, struct ym_err *e)
{
    /* The wait told with a daily quota is that of the minute's: it would only be refused again. */
    int r = w->daily ? ym_fail(e, YM_THROTTLED, EAGAIN,
                               "The daily quota of %s is used up; it starts anew at midnight, Pacific time.",
                               call->req->model)
                     : ym_fail(e, YM_THROTTLED, EAGAIN, "Gemini asks for fewer requests of %s.", call->req->model);
    if (e) {
        e->until_reset = w->daily;
        e->retry_after = w->daily ? YM_MS(0) : w->after;
    }
    return r;
}

static int fail_no_model(const struct ym_call *call, struct ym_err *e)
{
    static const char *const instead[YM_KIND_COUNT] = {
        [YM_IMAGE] = GEMINI_DEFAULT_IMAGE, [YM_VIDEO] = GEMINI_DEFAULT_VIDEO, [YM_TEXT] = GEMINI_DEFAULT_TEXT};
    const char *use = instead[call->req->kind];
    return ym_fail(e, YM_INVALID, ENOENT, "Gemini has no model %.80s (any more); use %s.", call->req->model,
                   use ? use : "another one");
}

static int fail_status(const struct ym_call *call, int status, const cJSON *error, const struct wait_told *w,
                       struct ym_err *e)
{
    const char *name = ym_json_str_or(error, "status", ""), *model = call->req->model;
    if (status == 429 || strcmp(name, "RESOURCE_EXHAUSTED") == 0)
        return fail_throttled(call, w, e);
    if (status >= 500 || status == 408 || status == 499) {
        int r = ym_fail(e, YM_TRANSIENT, EAGAIN, "Gemini could not answer just now (status %d).", status);
        if (e)
            e->retry_after = w->after;
        return r;
    }
    if (status == 401 || has_reason(error, "API_KEY_INVALID"))
        return ym_fail(e, YM_AUTH, EACCES, "Gemini does not know the key; check GOOGLE_API_KEY or api_key_file.");
    if (status == 403)
        return ym_fail(e, YM_AUTH, EACCES, "Gemini refuses the key for %s; check its rights and restrictions.", model);
    if (strcmp(name, "FAILED_PRECONDITION") == 0)
        return ym_fail(e, YM_AUTH, EACCES,
                       "Gemini does not serve this account here; check billing and the list of regions.");
    if (status == 404)
        return fail_no_model(call, e);
    if (status == 413)
        return ym_fail(e, YM_INVALID, EFBIG, "The request is too large for Gemini; use fewer or smaller references.");
    if (status >= 300 && status < 400)
        return ym_fail(e, YM_INVALID, EPROTO, "%s answers with a redirect; correct base_url of [providers.gemini].",
                       call->base_url);
    return ym_fail(e, YM_INVALID, EINVAL, "Gemini does not take this request for %s (status %d).", model, status);
}

/* Some answers are lists of one. */
static const cJSON *document(const struct ym_reply *rep)
{
    return cJSON_IsArray(rep->json) ? rep->json->child : rep->json;
}

bool gemini_is_error(const struct ym_reply *rep)
{
    return rep->status < 200 || rep->status >= 300 || cJSON_IsObject(ym_json_get(document(rep), "error"));
}

int gemini_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e)
{
    const cJSON *error = ym_json_get(document(rep), "error");
    const char *text = rep->text ? rep->text : "";
    const char *message = ym_json_str_or(error, "message", text);
    struct wait_told w = wait_find(call, rep, error, message);
    int status = rep->status;
    int64_t code;
    /* A stream reports its errors below a status of 200. */
    if (status >= 200 && status < 300 && ym_json_int(error, "code", 400, 599, &code) == 0)
        status = (int)code;
    int r = fail_status(call, status, error, &w, e);
    ym_err_words(e, message);
    return r;
}

int gemini_look_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e)
{
    if (rep->status != 404 && rep->status != 410)
        return gemini_fail(call, rep, e);
    int r = ym_fail(e, YM_LOST, ENOENT, "Gemini does not know this job any more.");
    ym_err_words(e, ym_json_str_or(ym_json_get(document(rep), "error"), "message", rep->text));
    return r;
}

int gemini_unreadable(const struct ym_reply *rep, struct ym_err *e)
{
    int r = ym_fail(e, YM_EMPTY, EPROTO, "Gemini's answer is no JSON; is base_url of [providers.gemini] right?");
    ym_err_words(e, rep->text);
    return r;
}

int gemini_no_handle(const struct ym_reply *rep, struct ym_err *e)
{
    if (!cJSON_IsObject(document(rep)))
        return gemini_unreadable(rep, e);
    int r = ym_fail(e, YM_EMPTY, EPROTO, "Gemini took the request, but gave no name to ask for its result.");
    ym_err_words(e, rep->text);
    return r;
}

/* ---- jobs that ended in an error ---- */

static bool says_any(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcasestr(text, *words))
            return true;
    return false;
}

int gemini_job_fail(const cJSON *error, struct ym_err *e)
{
    static const char *const policy[] = {"safety", "policy",    "policies", "prohibited",
                                         "violat", "sensitive", "blocked",  NULL};
    static const char *const wrong[] = {"invalid", "permission", "unsupported", "not_found", NULL};
    const char *code = ym_json_str_or(error, "code", ""), *message = ym_json_str_or(error, "message", "");
    int64_t grpc = ym_json_int_or(error, "code", 0);
    int r;
    if (says_any(code, policy) || says_any(message, policy) || grpc == 7)
        r = ym_fail(e, YM_REFUSED, EPERM, "Gemini refused the job; change the prompt.");
    else if (grpc == 3 || grpc == 5 || grpc == 9 || grpc == 12 || says_any(code, wrong))
        r = ym_fail(e, YM_INVALID, EINVAL, "Gemini does not take this job; change its prompt or its settings.");
    else
        r = ym_fail(e, YM_EMPTY, EIO, "Gemini began the job and could not finish it.");
    ym_err_words(e, *message ? message : code);
    return r;
}

/* ---- refusals and empty answers ---- */

/* Reasons that another try will not change. */
static bool is_refusal(const char *reason)
{
    static const char *const permanent[] = {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    };
    for (size_t i = 0; i < YM_COUNT(permanent); i++)
        if (strcmp(reason, permanent[i]) == 0)
            return true;
    return false;
}

int gemini_refused(const char *what, const char *reason, const char *words, struct ym_err *e)
{
    char show[64];
    int r = ym_fail(e, YM_REFUSED, EPERM, "Gemini refused the %s (%s); change the prompt.", what,
                    ym_text_show(reason, show, sizeof show));
    ym_err_words(e, words);
    return r;
}

static int fail_nothing(const struct ym_call *call, const cJSON *doc, const char *text, struct ym_err *e)
{
    const cJSON *candidate = ym_json_at(doc, "candidates[0]"), *feedback = ym_json_get(doc, "promptFeedback");
    const char *block = ym_json_str(feedback, "blockReason"), *finish = ym_json_str_or(candidate, "finishReason", "");
    const char *words = ym_json_str_or(candidate, "finishMessage", text);
    const char *what = call->req->kind == YM_TEXT ? "text" : "image";
    char show[64];
    if (!candidate && block && strcmp(block, "BLOCK_REASON_UNSPECIFIED") != 0)
        return gemini_refused("prompt", block, ym_json_str(feedback, "blockReasonMessage"), e);
    if (is_refusal(finish))
        return gemini_refused(what, finish, words, e);
    int r = ym_fail(e, YM_EMPTY, ENODATA, "Gemini answered without %s %s (%s).", *what == 'i' ? "an" : "a", what,
                    *finish ? ym_text_show(finish, show, sizeof show) : "no reason given");
    ym_err_words(e, words);
    return r;
}

/* ---- results ---- */

static const cJSON *get_either(const cJSON *o, const char *camel, const char *snake)
{
    const cJSON *v = ym_json_get(o, camel);
    return v ? v : ym_json_get(o, snake); /* some gateways answer in the other spelling */
}

static bool is_thought(const cJSON *part)
{
    return ym_json_bool(part, "thought", false);
}

/* Thinking models put drafts into thought parts: not results. */
static void image_take(const struct ym_reply *rep, const cJSON *part, struct ym_next *n)
{
    const cJSON *inline_data = get_either(part, "inlineData", "inline_data");
    int index = is_thought(part) ? -1 : ym_reply_media(rep, ym_json_get(inline_data, "data"));
    if (index < 0 || n->nmedia == YM_COUNT(n->media))
        return;
    if (rep->media[index].is_media && strncmp(rep->media[index].mime, "image/", 6) == 0)
        n->media[n->nmedia++] = (unsigned)index;
}

char *gemini_content_text(const cJSON *doc)
{
    YM_AUTOBUF struct ym_buf text;
    const cJSON *candidate, *part;
    ym_buf_init(&text, 1 << 20);
    cJSON_ArrayForEach (candidate, ym_json_get(doc, "candidates"))
        cJSON_ArrayForEach (part, ym_json_at(candidate, "content.parts"))
            if (!is_thought(part))
                ym_buf_adds(&text, ym_json_str_or(part, "text", "")); /* what passes the limit is left out */
    return ym_buf_steal(&text);
}

/* ---- cost: tokens by list price; without them the price of an image. Neither is a bill. ---- */

static double tokens(const cJSON *usage, const char *key)
{
    int64_t n;
    return ym_json_int(usage, key, 0, 1000000000, &n) == 0 ? (double)n : 0;
}

static double image_tokens(const cJSON *usage)
{
    const cJSON *d;
    double sum = 0;
    cJSON_ArrayForEach (d, ym_json_get(usage, "candidatesTokensDetails"))
        if (strcmp(ym_json_str_or(d, "modality", ""), "IMAGE") == 0)
            sum += tokens(d, "tokenCount");
    return sum;
}

/* What of it has no price is left out of an image's cost, whose tokens are nearly all of it. */
double gemini_usage_usd(const struct ym_call *call, const cJSON *usage)
{
    double image = image_tokens(usage), read = tokens(usage, "promptTokenCount");
    double other = tokens(usage, "candidatesTokenCount") - image, usd = 0;
    struct gemini_tokens_usd price = gemini_tokens_price(call, read);
    bool partly = image > 0 && price.image_out >= 0;
    if (!usage || (image > 0 && price.image_out < 0) || (!partly && (price.in < 0 || price.out < 0)))
        return -1;
    usd += image > 0 ? image * price.image_out : 0;
    usd += price.in >= 0 ? read * price.in : 0;
    usd += price.out >= 0 ? ((other > 0 ? other : 0) + tokens(usage, "thoughtsTokenCount")) * price.out : 0;
    return usd / 1e6;
}

static void cost_set(const struct ym_call *call, const cJSON *usage, double factor, struct ym_next *n)
{
    bool each = call->req->kind == YM_IMAGE && (n->nmedia > 0);
    double usd = gemini_usage_usd(call, usage);
    if (each && (usd < 0 || image_tokens(usage) <= 0 || (call->prices.from_config && call->prices.image >= 0)))
        usd = gemini_image_usd(call) * n->nmedia;
    n->cost_known = usd >= 0 && ym_money_from_double(usd * factor, &n->cost) == 0;
    n->cost_is_estimate = n->cost_known;
}

/* "HARASSMENT NEGLIGIBLE, ..." for the sidecar. */
static char *safety_text(const cJSON *candidate)
{
    YM_AUTOBUF struct ym_buf b;
    const cJSON *r;
    static const char prefix[] = "HARM_CATEGORY_";
    ym_buf_init(&b, 500);
    cJSON_ArrayForEach (r, ym_json_get(candidate, "safetyRatings")) {
        const char *category = ym_json_str(r, "category"), *level = ym_json_str(r, "probability");
        if (!category || !level)
            continue;
        if (strncmp(category, prefix, sizeof prefix - 1) == 0)
            category += sizeof prefix - 1;
        ym_buf_addf(&b, "%s%.40s %.40s", b.len ? ", " : "", category, level);
    }
    return b.len ? ym_buf_steal(&b) : NULL;
}

/* ---- results ---- */

static int text_done(const struct ym_call *call, const cJSON *doc, const char *said, struct ym_next *n,
                     struct ym_err *e)
{
    const char *finish = ym_json_str_or(ym_json_at(doc, "candidates[0]"), "finishReason", "");
    bool json = ym_json_get(call->req->params, "schema") != NULL, cut = strcmp(finish, "MAX_TOKENS") == 0;
    YM_AUTOFREE char *last = gemini_content_text(doc);
    YM_AUTOFREE char *text = ym_asprintf("%s%s", said ? said : "", last);
    YM_AUTOJSON cJSON *value = NULL;
    size_t len = strlen(text);
    if (cut && (json || len == 0))
        return ym_fail(e, YM_INVALID, EFBIG, "The text reached max_tokens before its end; set a larger one.");
    if (len == 0 || is_refusal(finish))
        return fail_nothing(call, doc, NULL, e);
    if (json && ym_json_parse(text, len, 1 << 20, &value, NULL) < 0) {
        int r = ym_fail(e, YM_EMPTY, EPROTO, "Gemini answered with a text that is not the JSON it was asked for.");
        ym_err_words(e, text);
        return r;
    }
    n->text = ym_steal(&text);
    n->text_is_json = json;
    return 0;
}

static int images_done(const struct ym_call *call, const struct ym_reply *rep, const cJSON *doc, struct ym_next *n,
                       struct ym_err *e)
{
    const cJSON *candidate, *part;
    YM_AUTOFREE char *text = gemini_content_text(doc);
    cJSON_ArrayForEach (candidate, ym_json_get(doc, "candidates"))
        cJSON_ArrayForEach (part, ym_json_at(candidate, "content.parts"))
            image_take(rep, part, n);
    if (n->nmedia == 0)
        return fail_nothing(call, doc, *text ? text : NULL, e);
    n->text = *text ? ym_strndup(text, ym_utf8_cut(text, strlen(text), 64 << 10)) : NULL;
    return 0;
}

int gemini_content_read(const struct ym_call *call, const struct ym_reply *rep, const cJSON *doc, double factor,
                        const char *said, struct ym_next *n, struct ym_err *e)
{
    int r = call->req->kind == YM_TEXT ? text_done(call, doc, said, n, e) : images_done(call, rep, doc, n, e);
    if (r < 0 && !ym_json_at(doc, "candidates[0]")) /* the prompt was turned away at the door */
        gemini_not_billed(n);
    else
        cost_set(call, ym_json_get(doc, "usageMetadata"), factor, n); /* also of an answer without a result */
    if (r < 0)
        return r;
    n->what = YM_NEXT_DONE;
    n->provider_id = ym_strdup(ym_json_str(doc, "responseId"));
    n->model_version = ym_strdup(ym_json_str(doc, "modelVersion"));
    n->safety = safety_text(ym_json_at(doc, "candidates[0]"));
    return 0;
}
