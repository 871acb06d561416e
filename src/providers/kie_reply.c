/* What KIE answers: errors below any status, the state of a task, results inside a text. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "kie.h"

#define USD_PER_CREDIT 0.005 /* as its users reckon it */

/* ---- answers: {"code": 200, "msg": "success", "data": ...}, whatever the status ---- */

int kie_code(const struct ym_reply *rep)
{
    int64_t code;
    bool told = ym_json_int(rep->json, "code", 100, 999, &code) == 0;
    if (rep->status >= 400 && (!told || code == 200))
        return rep->status;
    return told ? (int)code : rep->status;
}

static const char *words_of(const struct ym_reply *rep)
{
    const char *msg = ym_json_str(rep->json, "msg");
    return msg ? msg : ym_json_str_or(rep->json, "message", rep->text ? rep->text : "");
}

static int fail_throttled(const struct queue_asked *a, const struct ym_reply *rep, struct ym_err *e)
{
    int r = ym_fail(e, YM_THROTTLED, EAGAIN, "KIE asks for fewer requests.");
    ym_dur told = ym_retry_after(ym_header_get(rep->headers, "retry-after"), a->call.now);
    if (e)
        e->retry_after = told.ms > 0 ? told : YM_SEC(10); /* its limits count in tens of seconds */
    return r;
}

static int fail_code(const struct queue_asked *a, const struct ym_reply *rep, int code, struct ym_err *e)
{
    /* The network in front of KIE answers in plain text or HTML; that says nothing about the key. */
    if (code == 403 && !ym_json_get(rep->json, "code"))
        return ym_fail(e, YM_TRANSIENT, EAGAIN,
                       "The network in front of KIE turned the request away; the key is not to blame.");
    switch (code) {
    case 401:
    case 403:
        return ym_fail(e, YM_AUTH, EACCES, "KIE refuses the key; check KIE_API_KEY or api_key_file.");
    case 402:
        return ym_fail(e, YM_AUTH, EACCES,
                       "The credits of this KIE account are used up; buy some, then `ymago reload`.");
    case 433:
        return ym_fail(e, YM_AUTH, EACCES,
                       "This KIE key has used up its own limit; raise it, then `ymago reload`.");
    case 404:
    case 422:
        return ym_fail(e, YM_INVALID, EINVAL, "KIE does not take this request for %.80s (code %d).",
                       a->req.model, code);
    case 429:
        return fail_throttled(a, rep, e);
    case 455:
        return ym_fail(e, YM_TRANSIENT, EAGAIN, "KIE is being maintained just now.");
    case 501:
        return ym_fail(e, YM_EMPTY, EIO, "KIE could not generate this.");
    case 505:
        return ym_fail(e, YM_INVALID, ENOTSUP, "KIE has switched %.80s off; choose another model.",
                       a->req.model);
    default:
        break;
    }
    if (code >= 500)
        return ym_fail(e, YM_TRANSIENT, EAGAIN, "KIE could not answer just now (code %d).", code);
    if (code >= 300)
        return ym_fail(e, YM_INVALID, EINVAL, "KIE does not take this request for %.80s (code %d).",
                       a->req.model, code);
    return ym_fail(e, YM_EMPTY, EPROTO, "KIE answered with something that cannot be read.");
}

int kie_fail(const struct queue_asked *a, const struct ym_reply *rep, struct ym_err *e)
{
    int r = fail_code(a, rep, kie_code(rep), e);
    ym_err_words(e, words_of(rep));
    return r;
}

bool kie_is_good(const struct ym_reply *rep)
{
    int64_t code;
    return rep->status >= 200 && rep->status < 300 && ym_json_int(rep->json, "code", 0, 999, &code) == 0 &&
           code == 200;
}

/* ---- the record of a task ---- */

/* A list of addresses, or the text of one, below `key`. */
static void urls_take(cJSON *state, const cJSON *o, const char *key)
{
    YM_AUTOJSON cJSON *inner = NULL;
    const cJSON *url, *list = ym_json_get(o, key);
    if (cJSON_IsString(list) &&
        ym_json_parse(list->valuestring, strlen(list->valuestring), 64 << 10, &inner, NULL) == 0)
        list = inner;
    if (cJSON_IsString(list))
        queue_file_add(state, list->valuestring);
    if (cJSON_IsArray(list))
        cJSON_ArrayForEach (url, list)
            if (cJSON_IsString(url))
                queue_file_add(state, url->valuestring);
}

/* resultJson is JSON inside a text. */
void kie_results(cJSON *state, const cJSON *data)
{
    YM_AUTOJSON cJSON *inner = NULL;
    const char *text = ym_json_str(data, "resultJson");
    queue_files_begin(state);
    if (text && ym_json_parse(text, strlen(text), 64 << 10, &inner, NULL) == 0)
        urls_take(state, inner, "resultUrls");
    else
        urls_take(state, ym_json_get(data, "resultJson"), "resultUrls");
    if (cJSON_GetArraySize(ym_json_get(state, "files")) == 0)
        urls_take(state, ym_json_get(data, "response"), "resultUrls");
}

/* Credits are told now and then; never relied on. */
double kie_usd(const cJSON *data)
{
    double credits = ym_json_num_or(data, "creditsConsumed", -1);
    return credits >= 0 ? credits * USD_PER_CREDIT : -1;
}

static bool is_refusal(const char *words)
{
    static const char *const signs[] = {"sensitive",  "policy",        "policies", "nsfw",  "moderation",
                                        "prohibited", "inappropriate", "violat",   "safety"};
    for (size_t i = 0; i < YM_COUNT(signs); i++)
        if (strcasestr(words, signs[i]))
            return true;
    return false;
}

int kie_failed(const struct queue_asked *a, const cJSON *data, struct ym_next *n, struct ym_err *e)
{
    bool veo = kie_is_veo(a->req.model);
    const char *words = ym_json_str_or(data, veo ? "errorMessage" : "failMsg", "");
    int64_t code = ym_json_int_or(data, veo ? "errorCode" : "failCode", 0);
    double usd = kie_usd(data);
    int r;
    if (usd >= 0)
        queue_cost_set(n, usd);
    if (is_refusal(words))
        r = ym_fail(e, YM_REFUSED, EPERM, "KIE refused the request; change the prompt.");
    else if (code == 400 || code == 422)
        r = ym_fail(e, YM_INVALID, EINVAL, "KIE does not take this request for %.80s (code %d).", a->req.model,
                    (int)code);
    else
        r = ym_fail(e, YM_EMPTY, EIO, "KIE could not generate this (code %d).", (int)code);
    ym_err_words(e, words);
    return r;
}

enum kie_state kie_state(const struct queue_asked *a, const cJSON *data)
{
    static const struct {
        const char *word;
        enum kie_state state;
    } words[] = {{"waiting", KIE_WAITS}, {"queuing", KIE_WAITS}, {"queueing", KIE_WAITS},
                 {"success", KIE_DONE},  {"fail", KIE_FAILED},   {"failed", KIE_FAILED}};
    const char *word = ym_json_str_or(data, "state", "");
    if (kie_is_veo(a->req.model)) {
        int64_t flag = ym_json_int_or(data, "successFlag", 0);
        return flag == 1 ? KIE_DONE : flag == 2 || flag == 3 ? KIE_FAILED : KIE_RUNS;
    }
    for (size_t i = 0; i < YM_COUNT(words); i++)
        if (strcasecmp(words[i].word, word) == 0)
            return words[i].state;
    return KIE_RUNS;
}
