/* Reading what generateContent answers. Fields and values that nobody here knows are passed over. */
#include <errno.h>
#include <string.h>

#include "gemini.h"

/* ---- errors ---- */

static void words_set(struct ym_err *e, const char *words)
{
    if (e && words)
        ym_text_show(words, e->words, sizeof e->words);
}

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
        return ym_fail(e, YM_INVALID, ENOENT, "Gemini has no model %s (any more); use %s.", model, GEMINI_DEFAULT_IMAGE);
    if (status == 413)
        return ym_fail(e, YM_INVALID, EFBIG, "The request is too large for Gemini; use fewer or smaller references.");
    if (status >= 300 && status < 400)
        return ym_fail(e, YM_INVALID, EPROTO, "%s answers with a redirect; correct base_url of [providers.gemini].",
                       call->base_url);
    return ym_fail(e, YM_INVALID, EINVAL, "Gemini does not take this request for %s (status %d).", model, status);
}

static int reply_error(const struct ym_call *call, const struct ym_reply *rep, const cJSON *error, struct ym_err *e)
{
    const char *text = rep->text ? rep->text : "";
    const char *message = ym_json_str_or(error, "message", text);
    struct wait_told w = wait_find(call, rep, error, message);
    int status = rep->status;
    int64_t code;
    /* A stream reports its errors below a status of 200. */
    if (status >= 200 && status < 300 && ym_json_int(error, "code", 400, 599, &code) == 0)
        status = (int)code;
    int r = fail_status(call, status, error, &w, e);
    words_set(e, message);
    return r;
}

/* ---- refusals and empty answers ---- */

/* Reasons that another try will not change. */
static bool is_refusal(const char *reason)
{
    static const char *const permanent[] = {
        "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
        "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
    };
    for (size_t i = 0; i < YM_COUNT(permanent); i++)
        if (strcmp(reason, permanent[i]) == 0)
            return true;
    return false;
}

static int fail_refused(const char *what, const char *reason, const char *words, struct ym_err *e)
{
    char show[64];
    int r = ym_fail(e, YM_REFUSED, EPERM, "Gemini refused the %s (%s); change the prompt.", what,
                    ym_text_show(reason, show, sizeof show));
    words_set(e, words);
    return r;
}

static int fail_no_image(const cJSON *doc, const char *text, struct ym_err *e)
{
    const cJSON *candidate = ym_json_at(doc, "candidates[0]"), *feedback = ym_json_get(doc, "promptFeedback");
    const char *block = ym_json_str(feedback, "blockReason"), *finish = ym_json_str_or(candidate, "finishReason", "");
    const char *words = ym_json_str_or(candidate, "finishMessage", text);
    char show[64];
    if (!candidate && block && strcmp(block, "BLOCK_REASON_UNSPECIFIED") != 0)
        return fail_refused("prompt", block, ym_json_str(feedback, "blockReasonMessage"), e);
    if (is_refusal(finish))
        return fail_refused("image", finish, words, e);
    int r = ym_fail(e, YM_EMPTY, ENODATA, "Gemini answered without an image (%s).",
                    *finish ? ym_text_show(finish, show, sizeof show) : "no reason given");
    words_set(e, words);
    return r;
}

/* ---- results ---- */

static const cJSON *get_either(const cJSON *o, const char *camel, const char *snake)
{
    const cJSON *v = ym_json_get(o, camel);
    return v ? v : ym_json_get(o, snake); /* some gateways answer in the other spelling */
}

/* Images and text of one part. Thinking models put drafts into thought parts: not results. */
static void part_take(const struct ym_reply *rep, const cJSON *part, struct ym_next *n, struct ym_buf *text)
{
    const cJSON *inline_data = get_either(part, "inlineData", "inline_data");
    const char *words = ym_json_str(part, "text");
    if (ym_json_bool(part, "thought", false))
        return;
    if (words)
        ym_buf_adds(text, words); /* what passes the limit is left out */
    int index = ym_reply_media(rep, ym_json_get(inline_data, "data"));
    if (index < 0 || n->nmedia == YM_COUNT(n->media))
        return;
    if (rep->media[index].is_media && strncmp(rep->media[index].mime, "image/", 6) == 0)
        n->media[n->nmedia++] = (unsigned)index;
}

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

/* Tokens by list price; without them the price of an image. Neither is a bill. */
static void cost_set(const struct ym_call *call, const cJSON *usage, struct ym_next *n)
{
    const struct ym_prices *p = &call->prices;
    double image = image_tokens(usage), usd = -1;
    if (image > 0 && p->mtok_image_out >= 0 && !(p->from_config && p->image >= 0)) {
        double other = tokens(usage, "candidatesTokenCount") - image;
        usd = image * p->mtok_image_out;
        if (p->mtok_in >= 0)
            usd += tokens(usage, "promptTokenCount") * p->mtok_in;
        if (p->mtok_out >= 0)
            usd += ((other > 0 ? other : 0) + tokens(usage, "thoughtsTokenCount")) * p->mtok_out;
        usd /= 1e6;
    } else if (gemini_image_price(call) >= 0) {
        usd = gemini_image_price(call) * n->nmedia;
    }
    n->cost_known = usd >= 0 && ym_money_from_double(usd, &n->cost) == 0;
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

static int reply_result(const struct ym_call *call, const struct ym_reply *rep, const cJSON *doc, struct ym_next *ret,
                        struct ym_err *e)
{
    YM_AUTOBUF struct ym_buf text;
    const cJSON *candidate, *part;
    const char *version = ym_json_str(doc, "modelVersion"), *id = ym_json_str(doc, "responseId");
    ym_buf_init(&text, 64 << 10);
    cJSON_ArrayForEach (candidate, ym_json_get(doc, "candidates"))
        cJSON_ArrayForEach (part, ym_json_at(candidate, "content.parts"))
            part_take(rep, part, ret, &text);
    if (ret->nmedia == 0)
        return fail_no_image(doc, text.len ? text.data : NULL, e);
    ret->what = YM_NEXT_DONE;
    cost_set(call, ym_json_get(doc, "usageMetadata"), ret);
    ret->provider_id = ym_strdup(id);
    ret->model_version = ym_strdup(version);
    ret->safety = safety_text(ym_json_at(doc, "candidates[0]"));
    ret->text = text.len ? ym_buf_steal(&text) : NULL;
    return 0;
}

int gemini_reply(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *ret, struct ym_err *e)
{
    const cJSON *doc = cJSON_IsArray(rep->json) ? rep->json->child : rep->json;
    const cJSON *error = ym_json_get(doc, "error");
    if (rep->status < 200 || rep->status >= 300 || error)
        return reply_error(call, rep, error, e);
    if (cJSON_IsObject(doc))
        return reply_result(call, rep, doc, ret, e);
    int r = ym_fail(e, YM_EMPTY, EPROTO, "Gemini's answer is no JSON; is base_url of [providers.gemini] right?");
    words_set(e, rep->text);
    return r;
}
