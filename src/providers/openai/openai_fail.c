/* What went wrong, and whether asking again can help. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "openai.h"

struct told { /* {"error":{message,type,param,code}}, or what other servers make of it; never NULL */
    const char *message, *type, *code;
};

/* Some answer with a list, with a bare string, or with the text at the top. */
static const cJSON *error_find(const struct ym_reply *rep)
{
    const cJSON *doc = cJSON_IsArray(rep->json) ? rep->json->child : rep->json;
    const cJSON *error = ym_json_get(doc, "error");
    return error && !cJSON_IsNull(error) ? error : NULL;
}

static struct told told_read(const struct ym_reply *rep)
{
    const cJSON *error = error_find(rep);
    const char *text =
        rep->text && rep->media_first == rep->nmedia ? rep->text : ""; /* no stand-ins for media */
    const char *top = ym_json_str_or(rep->json, "message", ym_json_str_or(rep->json, "detail", text));
    return (struct told){.message =
                             cJSON_IsString(error) ? error->valuestring : ym_json_str_or(error, "message", top),
                         .type = ym_json_str_or(error, "type", ""),
                         .code = ym_json_str_or(error, "code", "")};
}

bool openai_is_answer(const struct ym_reply *rep)
{
    return rep->status / 100 == 2 && cJSON_IsObject(rep->json) && !error_find(rep);
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

/* ---- how long to wait ---- */

static ym_dur clamp(double ms)
{
    const double most = 24 * 3600e3;
    return YM_MS(ms > 0 ? (int64_t)(ms < most ? ms + 0.999 : most) : 0);
}

/* "12ms", "1s", "6m0s", "1.5s": milliseconds; 0 = none. */
static ym_dur duration_parse(const char *s)
{
    double ms = 0;
    while (s && *s >= '0' && *s <= '9') {
        char *end;
        double n = strtod(s, &end);
        bool milli = strncmp(end, "ms", 2) == 0;
        if (!milli && *end != 'd' && *end != 'h' && *end != 'm' && *end != 's')
            break;
        ms += n * (milli ? 1 : *end == 'd' ? 86400e3 : *end == 'h' ? 3600e3 : *end == 'm' ? 60e3 : 1e3);
        s = end + (milli ? 2 : 1);
    }
    return clamp(ms);
}

/* The reset of the limit that is used up, when a header tells which one that is. */
static ym_dur reset_read(const struct ym_reply *rep)
{
    static const char *const limits[][2] = {{"x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"},
                                            {"x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"}};
    ym_dur longest = {0};
    for (size_t i = 0; i < YM_COUNT(limits); i++) {
        const char *left = ym_header_get(rep->headers, limits[i][0]);
        ym_dur wait = duration_parse(ym_header_get(rep->headers, limits[i][1]));
        if (left && strcmp(left, "0") == 0 && wait.ms > longest.ms)
            longest = wait;
    }
    return longest;
}

static ym_dur wait_read(const struct ym_call *call, const struct ym_reply *rep, const char *message)
{
    const char *exact = ym_header_get(rep->headers, "retry-after-ms"),
               *please = strstr(message, "try again in ");
    ym_dur wait = exact ? clamp(strtod(exact, NULL)) : YM_MS(0);
    if (wait.ms == 0)
        wait = ym_retry_after(ym_header_get(rep->headers, "retry-after"), call->now);
    if (wait.ms == 0)
        wait = reset_read(rep);
    if (wait.ms == 0 && please)
        wait = duration_parse(please + strlen("try again in "));
    return wait;
}

/* ---- classes ---- */

static bool is_refusal(const char *type, const char *code)
{
    static const char *const codes[] = {"moderation_blocked",
                                        "content_policy_violation",
                                        "content_filter",
                                        "invalid_prompt",
                                        "image_content_policy_violation",
                                        "sexual_content",
                                        "safety_violation",
                                        NULL};
    return is_one_of(code, codes) || is_one_of(type, codes);
}

static int fail_refused(const struct ym_call *call, const char *code, struct ym_err *e)
{
    char show[60];
    return ym_fail(e, YM_REFUSED, EPERM, "%s refused the request (%s); change the prompt.", openai_name(call),
                   ym_text_show(*code ? code : "policy", show, sizeof show));
}

static bool is_no_money(const struct told *t)
{
    static const char *const codes[] = {"insufficient_quota", "billing_hard_limit_reached",
                                        "billing_not_active", NULL};
    return is_one_of(t->code, codes) || is_one_of(t->type, codes);
}

static int fail_key(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e)
{
    if (!call->has_key)
        return ym_fail(e, YM_AUTH, EACCES,
                       "%s wants a key: set OPENAI_API_KEY, or api_key_file below [providers.openai].",
                       openai_name(call));
    if (rep->status == 401)
        return ym_fail(e, YM_AUTH, EACCES, "%s does not know the key; check OPENAI_API_KEY or api_key_file.",
                       openai_name(call));
    return ym_fail(e, YM_AUTH, EACCES,
                   "%s refuses the key for %.60s; check its rights, the organisation and the region.",
                   openai_name(call), call->req->model);
}

static bool about_a_model(const struct told *t)
{
    return strcmp(t->code, "model_not_found") == 0 ||
           (strstr(t->message, "model") && !strstr(t->message, "Invalid URL"));
}

static int fail_not_found(const struct ym_call *call, const struct told *t, struct ym_err *e)
{
    const struct ym_model *m = openai_known(call);
    const char *model = call->req->model;
    const char *instead = call->req->kind == YM_TEXT ? OPENAI_DEFAULT_TEXT : OPENAI_DEFAULT_IMAGE;
    if (about_a_model(t) && m && m->retired)
        return ym_fail(e, YM_INVALID, ENOENT, "%s", m->retired);
    if (about_a_model(t) && openai_is_official(call))
        return ym_fail(e, YM_INVALID, ENOENT,
                       "OpenAI has no model %.60s (any more), or not for this key; use %s.", model,
                       call->req->kind == YM_VIDEO   ? "another provider"
                       : strcmp(model, instead) == 0 ? "another one"
                                                     : instead);
    if (about_a_model(t))
        return ym_fail(e, YM_INVALID, ENOENT, "%s has no model %.60s; name or install one that it has.",
                       openai_name(call), model);
    return ym_fail(e, YM_INVALID, ENOENT,
                   "%s makes no %s in this way; check the address, or choose another provider.",
                   openai_name(call), ym_kind_name(call->req->kind));
}

static int fail_throttled(const struct ym_call *call, const struct ym_reply *rep, const struct told *t,
                          struct ym_err *e)
{
    int r = ym_fail(e, YM_THROTTLED, EAGAIN, "%s asks for fewer requests of %.60s.", openai_name(call),
                    call->req->model);
    if (e)
        e->retry_after = wait_read(call, rep, t->message);
    return r;
}

static int fail_passing(const struct ym_call *call, const struct ym_reply *rep, const struct told *t,
                        struct ym_err *e)
{
    const char *should = ym_header_get(rep->headers, "x-should-retry");
    if (strstr(t->message, "oading model")) { /* a local server has just been started */
        int r = ym_fail(e, YM_THROTTLED, EAGAIN, "%s is still loading its model.", openai_name(call));
        if (e)
            e->retry_after = YM_SEC(5);
        return r;
    }
    if (should && strcmp(should, "false") == 0)
        return ym_fail(e, YM_INVALID, EIO,
                       "%s could not answer and says that asking again is of no use (status %d).",
                       openai_name(call), rep->status);
    int r = ym_fail(e, YM_TRANSIENT, EAGAIN, "%s could not answer just now (status %d).", openai_name(call),
                    rep->status);
    if (e)
        e->retry_after = wait_read(call, rep, t->message);
    return r;
}

static int fail_status(const struct ym_call *call, const struct ym_reply *rep, const struct told *t,
                       struct ym_err *e)
{
    const char *should = ym_header_get(rep->headers, "x-should-retry");
    int status = rep->status;
    if (is_no_money(t) || status == 402)
        return ym_fail(e, YM_AUTH, EACCES,
                       "The account at %s has no money left; add some, then run `ymago reload`.",
                       openai_is_official(call) ? "OpenAI" : "the server of [providers.openai]");
    if (is_refusal(t->type, t->code))
        return fail_refused(call, *t->code ? t->code : t->type, e);
    if (status == 429 || strcmp(t->code, "rate_limit_exceeded") == 0)
        return fail_throttled(call, rep, t, e);
    if (status == 401 || status == 403)
        return fail_key(call, rep, e);
    if (status == 404 || strcmp(t->code, "model_not_found") == 0)
        return fail_not_found(call, t, e);
    if (status >= 500 || status == 408 || status == 409 || (should && strcmp(should, "true") == 0))
        return fail_passing(call, rep, t, e);
    if (status == 413)
        return ym_fail(e, YM_INVALID, EFBIG,
                       "The request is too large for %s; use fewer or smaller references.", openai_name(call));
    if (status / 100 == 2 && cJSON_IsObject(rep->json))
        return ym_fail(e, YM_EMPTY, EPROTO, "%s answered with an error in place of a result.",
                       openai_name(call));
    if (status / 100 == 2)
        return ym_fail(e, YM_EMPTY, EPROTO, "The answer is no JSON; is base_url of [providers.openai] right?");
    if (status / 100 == 3)
        return ym_fail(e, YM_INVALID, EPROTO, "%s answers with a redirect; correct it.", openai_name(call));
    return ym_fail(e, YM_INVALID, EINVAL, "%s does not take this request for %.60s (status %d).",
                   openai_name(call), call->req->model, status);
}

int openai_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e)
{
    struct told t = told_read(rep);
    int r = fail_status(call, rep, &t, e);
    ym_err_words(e, t.message);
    return r;
}

int openai_fail_job(const struct ym_call *call, const cJSON *error, const char *what, struct ym_err *e)
{
    const char *code = ym_json_str_or(error, "code", ""), *message = ym_json_str(error, "message");
    char show[60];
    int r;
    if (is_refusal("", code))
        r = fail_refused(call, code, e);
    else if (strcmp(code, "rate_limit_exceeded") == 0)
        r = ym_fail(e, YM_EMPTY, EAGAIN, "%s gave the %s up, since it had too much to do.", openai_name(call),
                    what);
    else
        r = ym_fail(e, YM_EMPTY, EIO, "%s gave the %s up (%s).", openai_name(call), what,
                    *code ? ym_text_show(code, show, sizeof show) : "no reason given");
    ym_err_words(e, message);
    return r;
}
