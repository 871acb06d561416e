/* Reading what ElevenLabs answers: recordings, the times of their characters, errors in three shapes. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "elevenlabs.h"

#define ALIGNMENT_MAX (32 << 10) /* bytes, in the sidecar; longer ones are told by the word */
#define WORDS_MAX     (60 << 10)

/* ---- errors ----
 * {"detail":{"code","message","status"}}, the same with `status` alone, or {"detail":[{"loc","msg"}]}. */

const char *elevenlabs_code(const cJSON *doc)
{
    const cJSON *detail = ym_json_get(doc, "detail");
    const char *code = ym_json_str(detail, "code");
    return code ? code : ym_json_str_or(detail, "status", "");
}

/* The words of an error: its message, or "body.text: Field required; ..." */
static char *error_words(const struct ym_reply *rep)
{
    const cJSON *detail = ym_json_get(rep->json, "detail"), *one, *loc;
    const cJSON *list = cJSON_IsArray(detail) ? detail : NULL;
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 500);
    cJSON_ArrayForEach (one, list) {
        if (b.len)
            ym_buf_adds(&b, "; ");
        cJSON_ArrayForEach (loc, ym_json_get(one, "loc"))
            if (cJSON_IsString(loc) && strcmp(loc->valuestring, "body") != 0)
                ym_buf_addf(&b, "%s: ", loc->valuestring);
        ym_buf_adds(&b, ym_json_str_or(one, "msg", ""));
    }
    if (b.len)
        return ym_buf_steal(&b);
    const char *plain = cJSON_IsString(detail) ? detail->valuestring : NULL;
    const char *message = ym_json_str(detail, "message");
    return ym_strdup(message ? message : plain ? plain : rep->text ? rep->text : "");
}

static const struct { /* what means the same whatever its status */
    const char *code;
    enum ym_class cls;
    int err;
    const char *msg;
} codes[] = {
    {"quota_exceeded", YM_AUTH, EDQUOT,
     "The characters of this ElevenLabs account are used up; raise its plan or wait for the next month, then `ymago "
     "reload`."},
    {"invalid_api_key", YM_AUTH, EACCES,
     "ElevenLabs does not know the key; check ELEVENLABS_API_KEY or api_key_file."},
    {"missing_permissions", YM_AUTH, EACCES,
     "The ElevenLabs key lacks the right to do this; give it that right at the provider."},
    {"output_format_not_allowed", YM_INVALID, EPERM,
     "The plan of this ElevenLabs account does not include that format; choose another."},
    {"max_character_limit_exceeded", YM_INVALID, E2BIG, "The text is too long for this model or plan; split it."},
    {"text_too_long", YM_INVALID, E2BIG, "The text is too long for this model or plan; split it."},
    {"voice_not_found", YM_INVALID, ENOENT,
     "ElevenLabs has no such voice for this account; use another, or add it to its voices."},
    {"model_not_found", YM_INVALID, ENOENT, "ElevenLabs has no such model; use " ELEVENLABS_SPEECH "."},
    {"payment_required", YM_INVALID, EPERM,
     "The plan of this ElevenLabs account does not include this; raise it or ask for less."},
    {"paid_plan_required", YM_INVALID, EPERM,
     "The plan of this ElevenLabs account does not include this; raise it or ask for less."},
    {"system_busy", YM_THROTTLED, EAGAIN, "ElevenLabs is too busy just now."},
};

static bool is_policy(const char *code)
{
    static const char *const parts[] = {"policy", "moderation", "safety", "unsafe", "blocked"};
    for (size_t i = 0; i < YM_COUNT(parts); i++)
        if (strstr(code, parts[i]))
            return true;
    return false;
}

/* Too many at once: an own request must end first, so that a growing wait would be for nothing. */
static int fail_concurrent(const struct ym_reply *rep, struct ym_err *e)
{
    const char *most = ym_header_get(rep->headers, "maximum-concurrent-requests");
    if (most && *most && strspn(most, "0123456789") == strlen(most) && strlen(most) < 5)
        return ym_fail(e, YM_THROTTLED, EAGAIN,
                       "ElevenLabs takes %s requests at once from this account; set concurrency = %s below "
                       "[providers.elevenlabs].",
                       most, most);
    return ym_fail(e, YM_THROTTLED, EAGAIN,
                   "ElevenLabs takes fewer requests at once from this account; lower concurrency below "
                   "[providers.elevenlabs].");
}

static ym_dur wait_told(const struct ym_call *call, const struct ym_reply *rep)
{
    ym_dur d = ym_retry_after(ym_header_get(rep->headers, "retry-after"), call->now);
    const char *reset = ym_header_get(rep->headers, "x-ratelimit-reset");
    double at = reset ? strtod(reset, NULL) : 0; /* Unix time */
    double ms = at * 1000 - (double)call->now.ms;
    return d.ms == 0 && ms > 0 && ms < 3600e3 ? YM_MS(ceil(ms)) : d;
}

static int fail_coded(const struct ym_call *call, const struct ym_reply *rep, const char *code, const char *words,
                      struct ym_err *e)
{
    for (size_t i = 0; i < YM_COUNT(codes); i++)
        if (strcmp(code, codes[i].code) == 0)
            return ym_fail(e, codes[i].cls, codes[i].err, "%s", codes[i].msg);
    if (strcmp(code, "concurrent_limit_exceeded") == 0 || strcmp(code, "too_many_concurrent_requests") == 0)
        return fail_concurrent(rep, e);
    if (rep->status >= 400 && rep->status < 500 && rep->status != 429 && is_policy(code))
        return ym_fail(e, YM_REFUSED, EPERM, "ElevenLabs refused the text (%.40s); change it.", code);
    if (rep->status == 402 || rep->status == 403) /* of the plan or a voice, not of the key: others go on */
        return ym_fail(e, YM_INVALID, EPERM, "ElevenLabs does not allow this account to do that with %.60s.",
                       call->req->model);
    return ym_reply_fail(call, rep, "ElevenLabs", words, e);
}

int elevenlabs_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e)
{
    YM_AUTOFREE char *words = error_words(rep);
    const char *code = elevenlabs_code(rep->json);
    int r = fail_coded(call, rep, code, words, e);
    ym_err_words(e, words);
    if (e && e->cls == YM_THROTTLED) {
        e->retry_after = wait_told(call, rep);
        if (e->retry_after.ms == 0 && strstr(code, "concurrent"))
            e->retry_after = YM_SEC(1);
    }
    return r;
}

/* ---- the times of the characters ---- */

/* [["word", start, end], ...]: characters grouped at white space. NULL when the arrays do not agree. */
static cJSON *words_of(const cJSON *alignment)
{
    const cJSON *c = ym_json_get(alignment, "characters");
    const cJSON *from = ym_json_get(alignment, "character_start_times_seconds");
    const cJSON *to = ym_json_get(alignment, "character_end_times_seconds");
    cJSON *out = cJSON_CreateArray();
    YM_AUTOBUF struct ym_buf word;
    double start = 0, end = 0;
    ym_buf_init(&word, 4096);
    c = c ? c->child : NULL;
    from = from ? from->child : NULL;
    for (to = to ? to->child : NULL;; c = c->next, from = from->next, to = to->next) {
        bool more = cJSON_IsString(c) && cJSON_IsNumber(from) && cJSON_IsNumber(to);
        bool space = more && strchr(" \t\n\r", c->valuestring[0]);
        if ((!more || space) && word.len) {
            cJSON *w = cJSON_CreateArray();
            cJSON_AddItemToArray(w, cJSON_CreateString(word.data));
            cJSON_AddItemToArray(w, cJSON_CreateNumber(start));
            cJSON_AddItemToArray(w, cJSON_CreateNumber(end));
            cJSON_AddItemToArray(out, w);
            ym_buf_fini(&word);
            ym_buf_init(&word, 4096);
        }
        if (!more)
            break;
        if (space)
            continue;
        start = word.len ? start : from->valuedouble;
        end = to->valuedouble;
        ym_buf_adds(&word, c->valuestring);
    }
    return out;
}

/* {"alignment":{as the service gives it}}, or where that is too much {"words":[...]}; NULL = nothing to keep. */
static char *alignment_text(const cJSON *doc)
{
    const cJSON *a = ym_json_get(doc, "alignment");
    if (!cJSON_IsObject(a))
        return NULL;
    YM_AUTOJSON cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToObject(o, "alignment", cJSON_Duplicate(a, true));
    YM_AUTOFREE char *whole = ym_json_print(o, false);
    if (strlen(whole) <= ALIGNMENT_MAX)
        return ym_steal(&whole);
    cJSON_DeleteItemFromObjectCaseSensitive(o, "alignment");
    cJSON_AddItemToObject(o, "words", words_of(a));
    YM_AUTOFREE char *words = ym_json_print(o, false);
    return strlen(words) <= WORDS_MAX ? ym_steal(&words) : NULL;
}

/* ---- results ---- */

/* Credits are characters, or half of them for the fast models. 0 = not known. */
static double credits_per_character(const struct ym_call *call)
{
    const char *id = call->req->model;
    if (call->req->kind != YM_AUDIO || !ym_driver_model(&ym_driver_elevenlabs, id))
        return 0;
    return strstr(id, "_flash_") || strstr(id, "_turbo_") ? 0.5 : 1;
}

static void cost_set(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n)
{
    const char *told = ym_header_get(rep->headers, "character-cost");
    double credits = told ? strtod(told, NULL) : -1, per = credits_per_character(call);
    struct ym_estimate est;
    if (credits >= 0 && credits < 1e9 && told[0] >= '0' && told[0] <= '9' && per > 0 && call->prices.kchars >= 0)
        n->cost_known = ym_money_from_double(credits / per * call->prices.kchars / 1000, &n->cost) == 0;
    else if (ym_driver_elevenlabs.price(call, &est, NULL) == 0) {
        n->cost = est.expected;
        n->cost_known = true;
    }
    n->cost_is_estimate = n->cost_known;
}

static int fail_no_sound(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n, struct ym_err *e)
{
    int r = ym_fail(e, YM_EMPTY, ENODATA,
                    "ElevenLabs answered without sound; is base_url of [providers.elevenlabs] right?");
    YM_AUTOFREE char *words = error_words(rep);
    ym_err_words(e, words);
    cost_set(call, rep, n);
    return r;
}

int elevenlabs_reply(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n, struct ym_err *e)
{
    int index = rep->media_first < rep->nmedia ? (int)rep->media_first : -1;
    if (rep->status < 200 || rep->status >= 300)
        return elevenlabs_fail(call, rep, e);
    if (elevenlabs_is_timed(call))
        index = ym_reply_media(rep, ym_json_get(rep->json, "audio_base64"));
    if (index < 0 || !rep->media[index].is_media || strncmp(rep->media[index].mime, "audio/", 6) != 0)
        return fail_no_sound(call, rep, n, e);
    n->what = YM_NEXT_DONE;
    n->media[n->nmedia++] = (unsigned)index;
    n->provider_id = ym_strdup(ym_header_get(rep->headers, "request-id"));
    n->text = alignment_text(rep->json);
    cost_set(call, rep, n);
    return 0;
}
