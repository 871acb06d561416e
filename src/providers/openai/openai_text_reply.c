/* Texts: reading what the Responses API and Chat Completions answer. */
#include <errno.h>
#include <string.h>

#include "openai.h"

#define TEXT_MAX (1 << 20)

/* ---- the text itself ---- */

/* Models behind local servers may put their thoughts first, and JSON into a Markdown fence. */
static char *cleaned(const char *s, bool json)
{
    size_t n = strlen(s);
    s = ym_text_trim(s, &n);
    if (strncmp(s, "<think>", 7) == 0 && strstr(s, "</think>")) {
        s = strstr(s, "</think>") + 8;
        n = strlen(s);
        s = ym_text_trim(s, &n);
    }
    if (json && n > 6 && strncmp(s, "```", 3) == 0 && strncmp(s + n - 3, "```", 3) == 0) {
        size_t head = strcspn(s, "\n");
        n = head < n - 3 ? n - 3 - head : 0;
        s = ym_text_trim(s + head, &n);
    }
    return ym_strndup(s, n);
}

static int fail_cut(const struct ym_call *call, struct ym_err *e)
{
    const cJSON *most = ym_json_get(call->req->params, "max_tokens");
    return ym_fail(e, YM_INVALID, E2BIG, "The text of %.60s was cut at %s tokens; %s max_tokens.",
                   call->req->model, most ? "the given number of" : "the usual number of",
                   most ? "raise" : "give a higher");
}

static int fail_refused(const struct ym_call *call, const char *words, struct ym_err *e)
{
    int r = ym_fail(e, YM_REFUSED, EPERM, "%.60s refused to answer; change the prompt.", call->req->model);
    ym_err_words(e, words);
    return r;
}

/* text: what came; cut: it was ended by the limit. */
static int text_done(const struct ym_call *call, const struct ym_reply *rep, const char *text, bool cut,
                     struct ym_next *n, struct ym_err *e)
{
    bool json = ym_json_get(call->req->params, "schema") != NULL;
    YM_AUTOFREE char *clean = cleaned(text, json);
    YM_AUTOJSON cJSON *value = NULL;
    int r = 0;
    /* A plain text that ends at the length that was asked for is what was asked for. */
    if (cut && (json || !*clean || !ym_json_get(call->req->params, "max_tokens")))
        r = fail_cut(call, e);
    else if (!*clean)
        r = ym_fail(e, YM_EMPTY, ENODATA, "%.60s answered without a text.", call->req->model);
    else if (json && ym_json_parse(clean, strlen(clean), TEXT_MAX, &value, NULL) < 0)
        r = ym_fail(e, YM_EMPTY, EBADMSG, "%.60s did not answer in the JSON that was asked for.",
                    call->req->model);
    if (r < 0) {
        ym_err_words(e, text);
        return r;
    }
    const char *id = ym_json_str(rep->json, "id");
    n->what = YM_NEXT_DONE;
    n->text = ym_steal(&clean);
    n->text_is_json = json;
    n->provider_id = ym_strdup(id ? id : ym_header_get(rep->headers, "x-request-id"));
    n->model_version = ym_strdup(ym_json_str(rep->json, "model"));
    return 0;
}

/* ---- Responses ---- */

/* Reasoning items come first; the text is in the parts of the messages. */
static void output_read(const cJSON *doc, struct ym_buf *text, const char **ret_refusal)
{
    const cJSON *item, *part;
    cJSON_ArrayForEach (item, ym_json_get(doc, "output")) {
        if (strcmp(ym_json_str_or(item, "type", ""), "message") != 0)
            continue;
        cJSON_ArrayForEach (part, ym_json_get(item, "content")) {
            const char *type = ym_json_str_or(part, "type", "");
            if (strcmp(type, "output_text") == 0)
                ym_buf_adds(text, ym_json_str_or(part, "text", ""));
            else if (strcmp(type, "refusal") == 0)
                *ret_refusal = ym_json_str_or(part, "refusal", "");
        }
    }
}

int openai_responses_reply(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n,
                           struct ym_err *e)
{
    YM_AUTOBUF struct ym_buf text;
    const char *status = ym_json_str_or(rep->json, "status", ""), *refusal = NULL;
    const char *why = ym_json_str_or(ym_json_get(rep->json, "incomplete_details"), "reason", "");
    ym_buf_init(&text, TEXT_MAX);
    openai_cost_text(call, ym_json_get(rep->json, "usage"), n);
    if (rep->status / 100 == 2 && strcmp(status, "failed") == 0)
        return openai_fail_job(call, ym_json_get(rep->json, "error"), "text", e);
    if (!openai_is_answer(rep))
        return openai_fail(call, rep, e);
    output_read(rep->json, &text, &refusal);
    if (refusal || strcmp(why, "content_filter") == 0)
        return fail_refused(call, refusal, e);
    return text_done(call, rep, text.len ? text.data : "", strcmp(status, "incomplete") == 0, n, e);
}

/* ---- Chat Completions ---- */

/* A string, or by some servers a list of parts. */
static void content_read(const cJSON *content, struct ym_buf *text)
{
    const cJSON *part, *list = cJSON_IsArray(content) ? content : NULL;
    if (cJSON_IsString(content))
        ym_buf_adds(text, content->valuestring);
    cJSON_ArrayForEach (part, list)
        ym_buf_adds(text, ym_json_str_or(part, "text", ""));
}

int openai_chat_reply(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e)
{
    YM_AUTOBUF struct ym_buf text;
    const cJSON *choice = ym_json_at(rep->json, "choices[0]"), *message = ym_json_get(choice, "message");
    const char *finish = ym_json_str_or(choice, "finish_reason", ""),
               *refusal = ym_json_str(message, "refusal");
    ym_buf_init(&text, TEXT_MAX);
    openai_cost_text(call, ym_json_get(rep->json, "usage"), n);
    if (!openai_is_answer(rep))
        return openai_fail(call, rep, e);
    content_read(ym_json_get(message, "content"), &text);
    if ((refusal && *refusal) || strcmp(finish, "content_filter") == 0)
        return fail_refused(call, refusal, e);
    return text_done(call, rep, text.len ? text.data : "", strcmp(finish, "length") == 0, n, e);
}
