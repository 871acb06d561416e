/* generateContent: one request is one image, or one text. */
#include <errno.h>
#include <string.h>

#include "gemini.h"

#define SAID_MAX 40000 /* bytes of a text kept while it is continued: a state has 64 KiB */

int gemini_content_check(const struct ym_call *call, struct ym_err *e)
{
    const cJSON *seed = ym_json_get(call->req->params, "seed");
    double sum = (seed ? seed->valuedouble : 0) + (double)call->req->variation;
    if (seed && sum > INT32_MAX)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s takes seeds from 0 to %d; this one is %.0f.", call->req->model,
                       INT32_MAX, sum);
    return gemini_safety_check(call, e);
}

/* ---- the request ---- */

static void image_config(const struct ym_call *call, cJSON *o)
{
    static const char *const modalities[] = {"TEXT", "IMAGE"};
    const char *ratio = ym_json_str(call->req->params, "aspect_ratio"), *size = gemini_size(call);
    cJSON_AddItemToObject(o, "responseModalities", cJSON_CreateStringArray(modalities, 2));
    if (!ratio && !size)
        return;
    cJSON *image = cJSON_AddObjectToObject(o, "imageConfig");
    if (ratio)
        cJSON_AddStringToObject(image, "aspectRatio", ratio);
    if (size)
        cJSON_AddStringToObject(image, "imageSize", size);
}

static void text_config(const struct ym_call *call, cJSON *o)
{
    static const char *const pairs[][2] = {{"temperature", "temperature"}, {"max_tokens", "maxOutputTokens"}};
    const cJSON *schema = ym_json_get(call->req->params, "schema"), *v;
    for (size_t i = 0; i < YM_COUNT(pairs); i++)
        if ((v = ym_json_get(call->req->params, pairs[i][0])) != NULL)
            cJSON_AddNumberToObject(o, pairs[i][1], v->valuedouble);
    if (!schema)
        return;
    cJSON_AddStringToObject(o, "responseMimeType", "application/json");
    cJSON_AddItemToObject(o, "responseJsonSchema", cJSON_Duplicate(schema, true));
}

static void config_add(struct ym_http *h, const struct ym_call *call)
{
    int64_t seed = ym_call_seed(call);
    YM_AUTOJSON cJSON *o = cJSON_CreateObject();
    if (seed >= 0)
        cJSON_AddNumberToObject(o, "seed", (double)seed);
    if (call->req->kind == YM_TEXT)
        text_config(call, o);
    else
        image_config(call, o);
    gemini_params_add(call, o);
    if (!o->child)
        return;
    ym_http_puts(h, ",\"generationConfig\":");
    ym_http_json(h, o);
}

static void text_part(struct ym_http *h, const char *text)
{
    YM_AUTOJSON cJSON *part = cJSON_CreateObject();
    cJSON_AddStringToObject(part, "text", text);
    ym_http_json(h, part);
}

/* {"inlineData":{"mimeType":..,"data":"BASE64 of the file, streamed"}} or {"fileData":{..}} */
static void ref_part(struct ym_http *h, const struct ym_call *call, const struct gemini_refs *r, unsigned i)
{
    const char *uri = gemini_ref_uri(r, i), *mime = ym_ref_mime(call, r->state, i);
    YM_AUTOJSON cJSON *quoted = cJSON_CreateString(mime), *file = cJSON_CreateObject();
    if (uri) {
        cJSON_AddStringToObject(file, "fileUri", uri);
        cJSON_AddStringToObject(file, "mimeType", mime);
        ym_http_puts(h, ",{\"fileData\":");
        ym_http_json(h, file);
        ym_http_puts(h, "}");
        return;
    }
    ym_http_puts(h, ",{\"inlineData\":{\"mimeType\":");
    ym_http_json(h, quoted);
    ym_http_puts(h, ",\"data\":\"");
    gemini_ref_data(h, call, r, i);
    ym_http_puts(h, "\"}}");
}

void gemini_content_add(struct ym_http *h, const struct ym_call *call, const struct gemini_refs *r, const char *token)
{
    YM_AUTOFREE char *prompt = gemini_prompt(call);
    YM_AUTOJSON cJSON *safety = gemini_safety(call, false), *more = token ? cJSON_CreateString(token) : NULL;
    const char *system = ym_json_str(call->req->params, "system");
    ym_http_puts(h, "{\"contents\":[{\"parts\":[");
    text_part(h, prompt);
    for (unsigned i = 0; i < call->req->nrefs; i++)
        ref_part(h, call, r, i);
    ym_http_puts(h, "],\"role\":\"user\"}]");
    if (system) {
        ym_http_puts(h, ",\"systemInstruction\":{\"parts\":[");
        text_part(h, system);
        ym_http_puts(h, "],\"role\":\"user\"}");
    }
    if (safety) {
        ym_http_puts(h, ",\"safetySettings\":");
        ym_http_json(h, safety);
    }
    config_add(h, call);
    if (more) {
        ym_http_puts(h, ",\"continuationToken\":");
        ym_http_json(h, more);
    }
    ym_http_puts(h, "}");
}

static void create(const struct ym_call *call, const cJSON *state, const char *token, struct ym_next *n)
{
    static const char *const media_keys[] = {"data", NULL};
    YM_AUTOFREE char *path = gemini_model_path(call, "generateContent");
    struct gemini_refs refs = {.state = state};
    struct ym_http *h = gemini_send(call, n, TAG_CREATE, "POST", YM_PAYS, path);
    if (call->req->kind == YM_TEXT)
        h->keep_text = 1 << 20;
    else
        h->media_keys = media_keys;
    gemini_content_add(h, call, &refs, token);
}

/* ---- answers that are to be continued: the same request again with a token, the texts joined ---- */

static const char *continuation(const cJSON *doc)
{
    const cJSON *candidate = ym_json_at(doc, "candidates[0]");
    bool more = strcmp(ym_json_str_or(candidate, "finishReason", ""), "CONTINUATION") == 0;
    return more ? ym_json_str(candidate, "continuationToken") : NULL;
}

static int go_on(const struct ym_call *call, cJSON **state, const cJSON *doc, const char *token, struct ym_next *n,
                 struct ym_err *e)
{
    YM_AUTOFREE char *text = gemini_content_text(doc);
    YM_AUTOFREE char *all = ym_asprintf("%s%s", ym_json_str_or(*state, "said", ""), text);
    double usd = gemini_usage_usd(call, ym_json_get(doc, "usageMetadata"));
    usd = usd < 0 ? usd : usd + ym_json_num_or(*state, "spent", 0);
    if (strlen(all) > SAID_MAX || strlen(token) > 8000) {
        n->cost_known = n->cost_is_estimate = usd >= 0 && ym_money_from_double(usd, &n->cost) == 0;
        return ym_fail(e, YM_INVALID, EFBIG,
                       "The text grows too long for one answer; ask for less of it, or set max_tokens.");
    }
    cJSON_DeleteItemFromObjectCaseSensitive(*state, "said");
    cJSON_DeleteItemFromObjectCaseSensitive(*state, "spent");
    cJSON_AddStringToObject(*state, "said", all);
    cJSON_AddNumberToObject(*state, "spent", usd);
    create(call, *state, token, n);
    return 0;
}

static void spent_add(const cJSON *state, struct ym_next *n)
{
    ym_money before;
    double usd = ym_json_num_or(state, "spent", 0);
    if (usd < 0 || !n->cost_known || ym_money_from_double(usd, &before) < 0)
        n->cost_known = n->cost_is_estimate = false;
    else
        n->cost = ym_money_add(n->cost, before);
}

static int answered(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                    struct ym_err *e)
{
    const cJSON *doc = cJSON_IsArray(rep->json) ? rep->json->child : rep->json;
    const char *token = call->req->kind == YM_TEXT ? continuation(doc) : NULL;
    if (gemini_is_error(rep))
        return gemini_fail(call, rep, e);
    if (!cJSON_IsObject(doc))
        return gemini_unreadable(rep, e);
    if (token)
        return go_on(call, state, doc, token, n, e);
    int r = gemini_content_read(call, rep, doc, 1, ym_json_str(*state, "said"), n, e);
    spent_add(*state, n);
    return r;
}

int gemini_content_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                        struct ym_err *e)
{
    if (rep && rep->tag == TAG_CREATE)
        return answered(call, state, rep, n, e);
    int r = gemini_refs_ready(call, 1, state, rep, n, e);
    if (r == 0)
        create(call, *state, NULL, n);
    return r < 0 ? r : 0;
}
