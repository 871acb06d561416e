/* Texts: the request of the Responses API and of Chat Completions. */
#include <string.h>
#include <strings.h>

#include "openai.h"

/* ---- the schema ---- */

/* Objects whose keys are all required and that allow no others, all the way down. */
static bool object_is_strict(const cJSON *s)
{
    const cJSON *p, *r, *more = ym_json_get(s, "additionalProperties");
    if (!cJSON_IsFalse(more))
        return false;
    cJSON_ArrayForEach (p, ym_json_get(s, "properties")) {
        bool required = false;
        cJSON_ArrayForEach (r, ym_json_get(s, "required"))
            required |= cJSON_IsString(r) && strcmp(r->valuestring, p->string) == 0;
        if (!required)
            return false;
    }
    return true;
}

/* May the service be asked to hold itself strictly to it? It refuses strictness for any other schema.
 * As deep as JSON may be nested here. */
static bool is_strict(const cJSON *s)
{
    static const char *const lists[] = {"properties", "$defs", "definitions", "anyOf"};
    const cJSON *v;
    if (ym_json_get(s, "allOf") || ym_json_get(s, "oneOf") || ym_json_get(s, "not"))
        return false;
    if ((ym_json_get(s, "properties") || strcmp(ym_json_str_or(s, "type", ""), "object") == 0) &&
        !object_is_strict(s))
        return false;
    for (size_t i = 0; i < YM_COUNT(lists); i++)
        cJSON_ArrayForEach (v, ym_json_get(s, lists[i]))
            if (!is_strict(v))
                return false;
    v = ym_json_get(s, "items");
    return !v || is_strict(v);
}

static const char *schema_name(const cJSON *schema)
{
    const char *title = ym_json_str_or(schema, "title", "");
    size_t n = strspn(title, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && n <= 64 && !title[n] ? title : "answer";
}

/* An empty schema: any JSON. */
static bool any_json(const cJSON *schema)
{
    return schema && !schema->child;
}

static void format_add(cJSON *o, const cJSON *schema, bool chat)
{
    cJSON *format = cJSON_AddObjectToObject(chat ? o : cJSON_AddObjectToObject(o, "text"),
                                            chat ? "response_format" : "format");
    cJSON_AddStringToObject(format, "type", any_json(schema) ? "json_object" : "json_schema");
    if (any_json(schema))
        return;
    cJSON *at = chat ? cJSON_AddObjectToObject(format, "json_schema") : format;
    cJSON_AddStringToObject(at, "name", schema_name(schema));
    cJSON_AddBoolToObject(at, "strict",
                          strcmp(ym_json_str_or(schema, "type", ""), "object") == 0 && is_strict(schema));
    cJSON_AddItemToObject(at, "schema", cJSON_Duplicate(schema, true));
}

/* ---- the request, but for what the model reads ---- */

/* Without a word of the prompt's a ceiling is set where texts cost money, so that the estimate is one. */
static void most_add(const struct ym_call *call, cJSON *o, bool chat)
{
    int64_t most =
        ym_json_int_or(call->req->params, "max_tokens", call->prices.mtok_out >= 0 ? OPENAI_TOKENS_OUT : 0);
    /* Its reasoning models refuse the old name, which is the one that other servers know. */
    const char *key = !chat                                            ? "max_output_tokens"
                      : openai_is_official(call) || openai_known(call) ? "max_completion_tokens"
                                                                       : "max_tokens";
    if (most > 0)
        cJSON_AddNumberToObject(o, key, (double)most);
}

cJSON *openai_text_fields(const struct ym_call *call)
{
    const cJSON *p = call->req->params, *schema = ym_json_get(p, "schema"),
                *temperature = ym_json_get(p, "temperature");
    const char *system = ym_json_str(p, "system");
    bool chat = openai_is_chat(call);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "model", call->req->model);
    if (system && !chat)
        cJSON_AddStringToObject(o, "instructions", system);
    most_add(call, o, chat);
    if (temperature)
        cJSON_AddNumberToObject(o, "temperature", temperature->valuedouble);
    if (schema)
        format_add(o, schema, chat);
    if (chat)
        cJSON_AddFalseToObject(o, "stream");
    return o;
}

/* ---- what it reads ---- */

static bool says_json(const char *s)
{
    for (; s && *s; s++)
        if (strncasecmp(s, "json", 4) == 0)
            return true;
    return false;
}

/* Any JSON is given only to a prompt in which the word stands. */
static char *prompt_text(const struct ym_call *call)
{
    const cJSON *p = call->req->params;
    bool add = any_json(ym_json_get(p, "schema")) && !says_json(call->req->prompt) &&
               !says_json(ym_json_str(p, "system"));
    return ym_asprintf("%s%s", call->req->prompt, add ? "\n\nAnswer in JSON." : "");
}

static void quoted(struct ym_http *h, const char *s)
{
    YM_AUTOJSON cJSON *v = cJSON_CreateString(s);
    ym_http_json(h, v);
}

/* "text", or a list of parts: the text, then the images in base64, streamed. */
static void content_add(struct ym_http *h, const struct ym_call *call, const cJSON *state, bool chat)
{
    YM_AUTOFREE char *text = prompt_text(call);
    if (call->req->nrefs == 0) {
        quoted(h, text);
        return;
    }
    ym_http_puts(h, chat ? "[{\"type\":\"text\",\"text\":" : "[{\"type\":\"input_text\",\"text\":");
    quoted(h, text);
    ym_http_puts(h, "}");
    for (unsigned i = 0; i < call->req->nrefs; i++) {
        ym_http_puts(h, chat ? ",{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:"
                             : ",{\"type\":\"input_image\",\"image_url\":\"data:");
        ym_http_puts(h, ym_ref_mime(call, state, i));
        ym_http_puts(h, ";base64,");
        ym_http_ref(h, call, state, i, true);
        ym_http_puts(h, chat ? "\"}}" : "\"}");
    }
    ym_http_puts(h, "]");
}

static void reading_add(struct ym_http *h, const struct ym_call *call, const cJSON *state, bool chat)
{
    const char *system = ym_json_str(call->req->params, "system");
    if (!chat && call->req->nrefs == 0) {
        ym_http_puts(h, ",\"input\":");
        content_add(h, call, state, chat);
        return;
    }
    ym_http_puts(h, chat ? ",\"messages\":[" : ",\"input\":[");
    if (chat && system) {
        ym_http_puts(h, "{\"role\":\"system\",\"content\":");
        quoted(h, system);
        ym_http_puts(h, "},");
    }
    ym_http_puts(h, "{\"role\":\"user\",\"content\":");
    content_add(h, call, state, chat);
    ym_http_puts(h, "}]");
}

static void create(const struct ym_call *call, const cJSON *state, struct ym_next *n)
{
    bool chat = openai_is_chat(call);
    YM_AUTOJSON cJSON *fields = openai_text_fields(call);
    struct ym_http *h = openai_send(call, n, chat ? OPENAI_TAG_CHAT : OPENAI_TAG_RESPONSES, "POST", YM_PAYS,
                                    chat ? "/chat/completions" : "/responses");
    openai_extras_add(call, fields);
    YM_AUTOFREE char *text = ym_json_print(fields, false);
    ym_http_header(h, "Content-Type", "application/json");
    ym_http_text(h, text, strlen(text) - 1); /* all but the last brace */
    reading_add(h, call, state, chat);
    ym_http_puts(h, "}");
    h->keep_text = 1 << 20;
}

int openai_text_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                     struct ym_err *e)
{
    if (rep && rep->tag == OPENAI_TAG_RESPONSES)
        return openai_responses_reply(call, rep, n, e);
    if (rep && rep->tag == OPENAI_TAG_CHAT)
        return openai_chat_reply(call, rep, n, e);
    int r = ym_refs_fetch(call, state, rep, n, e);
    if (r == 0)
        create(call, *state, n);
    return r < 0 ? r : 0;
}
