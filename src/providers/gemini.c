/* Google's Gemini API: images by generateContent. One request is one image; a reference that is an
 * address is fetched first. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "gemini.h"

#define TAG_GENERATE 1
#define TAG_FETCH    100 /* + the reference's number */
#define BASE_URL     "https://generativelanguage.googleapis.com"
#define KINDS        (1u << YM_IMAGE)

/* ---- models: prices in dollars, from the provider's list where it could be read ---- */

static const char *const ratios_14[] = {"1:1",  "2:3",  "3:2", "3:4", "4:3", "4:5", "5:4", "9:16",
                                        "16:9", "21:9", "1:4", "4:1", "1:8", "8:1", NULL};
static const char *const ratios_10[] = {"1:1", "2:3", "3:2",  "3:4",  "4:3", "4:5",
                                        "5:4", "9:16", "16:9", "21:9", NULL};
static const char *const sizes_4k[] = {"1K", "2K", "4K", NULL};
static const char *const sizes_1k[] = {"1K", NULL};

#define PRICES(img, in, out, img_out)                                                              \
    {                                                                                              \
        .image = (img), .second = -1, .song = -1, .kchars = -1, .mtok_in = (in),                   \
        .mtok_out = (out), .mtok_image_out = (img_out)                                             \
    }

static const struct ym_model models[] = {
    {
        .id = "gemini-nano-banana-2.1",
        .kinds = KINDS,
        .prices = PRICES(0.0336, 1.50, 7.50, 30),
        .price_note = "third parties quoting the provider's list, October 2026",
        .max_refs = 14,
        .ratios = ratios_14,
        .sizes = sizes_4k,
    },
    {
        .id = "gemini-3-pro-image",
        .kinds = KINDS,
        .prices = PRICES(0.134, -1, -1, 120),
        .price_note = "ai.google.dev/gemini-api/docs/pricing, read 2026-10-07",
        .max_refs = 14,
        .ratios = ratios_10,
        .sizes = sizes_4k,
    },
    {
        .id = "gemini-3.1-flash-lite-image",
        .kinds = KINDS,
        .prices = PRICES(-1, -1, -1, -1),
        .max_refs = 14,
        .ratios = ratios_10,
        .sizes = sizes_1k,
    },
    {
        .id = "gemini-3.1-flash-image",
        .kinds = KINDS,
        .prices = PRICES(0.067, -1, -1, -1),
        .price_note = "third party quoting the provider's list, September 2026",
        .max_refs = 14,
        .ratios = ratios_10,
        .sizes = sizes_4k,
        .retired = "gemini-3.1-flash-image was shut down on 2026-10-29; use " GEMINI_DEFAULT_IMAGE ".",
    },
    {
        .id = "gemini-2.5-flash-image",
        .kinds = KINDS,
        .prices = PRICES(0.039, -1, -1, 30),
        .price_note = "1290 tokens at 30 dollars per million, third party",
        .max_refs = 3,
        .ratios = ratios_10,
        .retired = "gemini-2.5-flash-image was shut down on 2026-10-02; use " GEMINI_DEFAULT_IMAGE ".",
    },
    {0},
};

/* Images larger than 1K, dollars each. */
static const struct {
    const char *model, *size;
    double usd;
} larger[] = {
    {"gemini-nano-banana-2.1", "2K", 0.0504}, {"gemini-nano-banana-2.1", "4K", 0.113},
    {"gemini-3-pro-image", "2K", 0.134},      {"gemini-3-pro-image", "4K", 0.24},
    {"gemini-3.1-flash-image", "2K", 0.101},  {"gemini-3.1-flash-image", "4K", 0.151},
};

/* ---- what was asked for ---- */

static bool listed(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

/* A model of the table; others are taken on trust, with the service as the judge. */
static const struct ym_model *known(const struct ym_call *call)
{
    return ym_driver_model(&ym_driver_gemini, call->req->model);
}

const char *gemini_image_size(const struct ym_call *call)
{
    const char *size = ym_json_str(call->req->params, "resolution");
    const char *quality = ym_json_str_or(call->req->params, "quality", "standard");
    const struct ym_model *m = known(call);
    if (size)
        return size;
    return strcmp(quality, "high") == 0 && m && m->sizes && listed("2K", m->sizes) ? "2K" : NULL;
}

double gemini_image_price(const struct ym_call *call)
{
    const char *size = gemini_image_size(call);
    for (size_t i = 0; size && !call->prices.from_config && i < YM_COUNT(larger); i++)
        if (strcmp(larger[i].model, call->req->model) == 0 && strcmp(larger[i].size, size) == 0)
            return larger[i].usd;
    return call->prices.image;
}

/* ---- refusing before anything is spent ---- */

static void join(const char *const *list, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (const char *const *p = list; *p && at < size; p++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", p == list ? "" : p[1] ? ", " : " or ", *p);
}

static int check_listed(const struct ym_call *call, const char *field, const char *const *list, struct ym_err *e)
{
    const char *value = ym_json_str(call->req->params, field);
    char all[120];
    if (!value || !list || listed(value, list))
        return 0;
    join(list, all, sizeof all);
    return ym_fail(e, YM_INVALID, EINVAL, "%s takes %s %s, not %s.", call->req->model, field, all, value);
}

static int check_fields(const struct ym_call *call, struct ym_err *e)
{
    static const char *const taken[] = {"seed", "quality", "aspect_ratio", "resolution", "safety", "tags", NULL};
    const cJSON *p;
    cJSON_ArrayForEach (p, call->req->params) {
        if (listed(p->string, taken))
            continue;
        return ym_fail(e, YM_INVALID, EINVAL,
                       "%s has no setting %s; it takes seed, quality, aspect_ratio, resolution, safety, "
                       "negative_prompt and references.",
                       call->req->model, p->string);
    }
    return 0;
}

static int check_seed(const struct ym_call *call, struct ym_err *e)
{
    const cJSON *seed = ym_json_get(call->req->params, "seed");
    if (!seed || seed->valuedouble + (double)call->req->variation <= INT32_MAX)
        return 0;
    return ym_fail(e, YM_INVALID, EINVAL, "%s takes seeds from 0 to %d; this one is %.0f.", call->req->model,
                   INT32_MAX, seed->valuedouble + (double)call->req->variation);
}

static int check_prompt(const struct ym_call *call, struct ym_err *e)
{
    const char *prompt = call->req->prompt;
    size_t max = call->model->max_prompt ? call->model->max_prompt : 2000;
    size_t n = prompt ? ym_utf8_count(prompt, strlen(prompt)) : 0;
    if (n == 0)
        return ym_fail(e, YM_INVALID, EINVAL, "The prompt is empty; write what the image shall show.");
    if (n > max)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The prompt has %zu characters, %s takes %zu; shorten it, or raise max_prompt of the "
                       "model in the configuration.",
                       n, call->req->model, max);
    return 0;
}

static int check_refs(const struct ym_call *call, struct ym_err *e)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif", NULL};
    const struct ym_request *r = call->req;
    const struct ym_model *m = known(call);
    if (m && r->nrefs > m->max_refs)
        return ym_fail(e, YM_INVALID, EINVAL, "%s takes %u reference images; there are %zu.", r->model,
                       m->max_refs, r->nrefs);
    for (size_t i = 0; i < r->nrefs; i++) {
        char show[100];
        if (r->refs[i].is_url || listed(r->refs[i].mime, types))
            continue;
        return ym_fail(e, YM_INVALID, EINVAL,
                       "%s is no image that %s takes; use PNG, JPEG, WebP, HEIC or HEIF.",
                       ym_text_show(r->refs[i].path, show, sizeof show), r->model);
    }
    return 0;
}

/* ---- safety: one threshold for all categories, or one for each ---- */

static const char *const thresholds[] = {"BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH",
                                         "BLOCK_NONE", "OFF"};
static const char *const categories[] = {"HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_HATE_SPEECH",
                                         "HARM_CATEGORY_SEXUALLY_EXPLICIT", "HARM_CATEGORY_DANGEROUS_CONTENT",
                                         "HARM_CATEGORY_CIVIC_INTEGRITY"};
#define FOR_ALL 4 /* a threshold for all leaves civic integrity alone: not every model knows it */

static const char *threshold_find(const char *s)
{
    for (size_t i = 0; s && i < YM_COUNT(thresholds); i++)
        if (strcasecmp(s, thresholds[i]) == 0)
            return thresholds[i];
    return NULL;
}

static const char *category_find(const char *s)
{
    for (size_t i = 0; i < YM_COUNT(categories); i++)
        if (strcasecmp(s, categories[i]) == 0 || strcasecmp(s, categories[i] + strlen("HARM_CATEGORY_")) == 0)
            return categories[i];
    return NULL;
}

static int check_safety(const struct ym_call *call, struct ym_err *e)
{
    const cJSON *safety = ym_json_get(call->req->params, "safety"), *item;
    const cJSON *map = cJSON_IsObject(safety) ? safety : NULL;
    bool threshold_ok = !cJSON_IsString(safety) || threshold_find(safety->valuestring);
    char show[64];
    cJSON_ArrayForEach (item, map) {
        threshold_ok = threshold_ok && cJSON_IsString(item) && threshold_find(item->valuestring);
        if (!category_find(item->string))
            return ym_fail(e, YM_INVALID, EINVAL,
                           "safety: %s is no category; there are harassment, hate_speech, sexually_explicit, "
                           "dangerous_content and civic_integrity.",
                           ym_text_show(item->string, show, sizeof show));
    }
    if (threshold_ok)
        return 0;
    return ym_fail(e, YM_INVALID, EINVAL,
                   "safety takes BLOCK_LOW_AND_ABOVE, BLOCK_MEDIUM_AND_ABOVE, BLOCK_ONLY_HIGH, BLOCK_NONE or OFF.");
}

static int gemini_check(const struct ym_call *call, struct ym_err *e)
{
    const struct ym_model *m = known(call);
    int r = 0;
    if (call->req->kind != YM_IMAGE)
        return ym_fail(e, YM_INVALID, EINVAL, "%s makes images; a %s needs another model.", call->req->model,
                       ym_kind_name(call->req->kind));
    /* A gateway behind another address may still serve what Google has shut down. */
    if (m && m->retired && strcmp(call->base_url, BASE_URL) == 0)
        return ym_fail(e, YM_INVALID, EINVAL, "%s", m->retired);
    if (m && !m->sizes && ym_json_get(call->req->params, "resolution"))
        return ym_fail(e, YM_INVALID, EINVAL, "%s has one size only; leave resolution out.", m->id);
    r = check_fields(call, e);
    r = r < 0 ? r : check_prompt(call, e);
    r = r < 0 ? r : check_listed(call, "aspect_ratio", m ? m->ratios : NULL, e);
    r = r < 0 ? r : check_listed(call, "resolution", m ? m->sizes : NULL, e);
    r = r < 0 ? r : check_seed(call, e);
    r = r < 0 ? r : check_safety(call, e);
    return r < 0 ? r : check_refs(call, e);
}

/* ---- price: the image, what it reads, and what the model may think ---- */

static int gemini_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e)
{
    const struct ym_prices *p = &call->prices;
    double image = gemini_image_price(call), read = 0, think = 0, more = 0;
    if (image < 0)
        return ym_fail(e, YM_HELD, ENODATA,
                       "Nobody knows the price of %s; set price_per_image_usd in prices.toml.", call->req->model);
    if (!p->from_config && p->mtok_in >= 0 && p->mtok_out >= 0) {
        size_t tokens = 20 + strlen(call->req->prompt) / 2 + 1300 * call->req->nrefs; /* rather too many */
        read = (double)tokens * p->mtok_in / 1e6;
        think = 300 * p->mtok_out / 1e6;
        more = 2000 * p->mtok_out / 1e6;
    }
    struct ym_estimate est;
    if (ym_money_from_double(image, &est.low) < 0 || ym_money_from_double(image + read + think, &est.expected) < 0 ||
        ym_money_from_double(image + read + more, &est.high) < 0)
        return ym_fail(e, YM_INVALID, ERANGE, "The price of %s is out of range.", call->req->model);
    *ret = est;
    return 0;
}

/* ---- the request ---- */

/* "/v1beta/models/NAME:generateContent" behind the base, which may end in a version already. */
static char *generate_url(const struct ym_call *call)
{
    YM_AUTOBUF struct ym_buf b;
    const char *base = call->base_url, *id = call->req->model, *last = strrchr(base, '/');
    bool versioned = last && (strcmp(last, "/v1beta") == 0 || strcmp(last, "/v1") == 0);
    ym_buf_init(&b, 1 << 16);
    ym_buf_addf(&b, "%s%s/models/", base, versioned ? "" : "/v1beta");
    if (strncmp(id, "models/", 7) == 0)
        id += 7;
    for (; *id; id++) {
        bool plain = (*id >= 'a' && *id <= 'z') || (*id >= 'A' && *id <= 'Z') || (*id >= '0' && *id <= '9') ||
                     strchr("-._~", *id);
        ym_buf_addf(&b, plain ? "%c" : "%%%02X", (unsigned char)*id);
    }
    ym_buf_adds(&b, ":generateContent");
    return ym_buf_steal(&b);
}

static void text_add(struct ym_http *h, const char *text)
{
    ym_http_text(h, text, strlen(text));
}

static void json_add(struct ym_http *h, const cJSON *v)
{
    YM_AUTOFREE char *text = ym_json_print(v, false);
    text_add(h, text);
}

static void safety_one(cJSON *out, const char *category, const char *threshold)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "category", category);
    cJSON_AddStringToObject(o, "threshold", threshold_find(threshold));
    cJSON_AddItemToArray(out, o);
}

static void safety_add(struct ym_http *h, const struct ym_call *call)
{
    const cJSON *safety = ym_json_get(call->req->params, "safety"), *item;
    const cJSON *map = cJSON_IsObject(safety) ? safety : NULL;
    YM_AUTOJSON cJSON *out = cJSON_CreateArray();
    for (size_t i = 0; cJSON_IsString(safety) && i < FOR_ALL; i++)
        safety_one(out, categories[i], safety->valuestring);
    cJSON_ArrayForEach (item, map)
        safety_one(out, category_find(item->string), item->valuestring);
    if (!out->child)
        return;
    text_add(h, ",\"safetySettings\":");
    json_add(h, out);
}

static void config_add(struct ym_http *h, const struct ym_call *call)
{
    static const char *const modalities[] = {"TEXT", "IMAGE"};
    const cJSON *seed = ym_json_get(call->req->params, "seed");
    const char *ratio = ym_json_str(call->req->params, "aspect_ratio"), *size = gemini_image_size(call);
    YM_AUTOJSON cJSON *o = cJSON_CreateObject();
    if (seed)
        cJSON_AddNumberToObject(o, "seed", seed->valuedouble + (double)call->req->variation);
    cJSON_AddItemToObject(o, "responseModalities", cJSON_CreateStringArray(modalities, 2));
    if (ratio || size) {
        cJSON *image = cJSON_AddObjectToObject(o, "imageConfig");
        if (ratio)
            cJSON_AddStringToObject(image, "aspectRatio", ratio);
        if (size)
            cJSON_AddStringToObject(image, "imageSize", size);
    }
    text_add(h, ",\"generationConfig\":");
    json_add(h, o);
}

static void prompt_add(struct ym_http *h, const struct ym_call *call)
{
    const struct ym_request *r = call->req;
    YM_AUTOFREE char *text = r->negative ? ym_asprintf("%s\n\nWithout %s.", r->prompt, r->negative) : ym_strdup(r->prompt);
    YM_AUTOJSON cJSON *part = cJSON_CreateObject();
    cJSON_AddStringToObject(part, "text", text);
    json_add(h, part);
}

/* {"inlineData":{"mimeType":..,"data":"BASE64 of the file, streamed"}} */
static void ref_add(struct ym_http *h, const char *mime, int type, unsigned index)
{
    YM_AUTOJSON cJSON *quoted = cJSON_CreateString(mime);
    text_add(h, ",{\"inlineData\":{\"mimeType\":");
    json_add(h, quoted);
    text_add(h, ",\"data\":\"");
    ym_http_part(h, type, index);
    text_add(h, "\"}}");
}

/* state: {"fetched":[{"media":0,"mime":"image/png"} or null for a file, in the order of the references]} */
static void send_generate(const struct ym_call *call, const cJSON *state, struct ym_next *n)
{
    static const char *const media_keys[] = {"data", NULL};
    YM_AUTOFREE char *url = generate_url(call);
    const cJSON *fetched = ym_json_get(state, "fetched");
    struct ym_http *h = ym_next_send(n, TAG_GENERATE, "POST", YM_PAYS, url);
    h->media_keys = media_keys;
    ym_http_header(h, "Content-Type", "application/json");
    ym_http_credential(h, "x-goog-api-key", "api_key", NULL);
    text_add(h, "{\"contents\":[{\"parts\":[");
    prompt_add(h, call);
    for (unsigned i = 0; i < call->req->nrefs; i++) {
        const cJSON *f = cJSON_GetArrayItem(fetched, (int)i);
        if (call->req->refs[i].is_url)
            ref_add(h, ym_json_str(f, "mime"), YM_PART_MEDIA_B64, (unsigned)ym_json_int_or(f, "media", 0));
        else
            ref_add(h, call->req->refs[i].mime, YM_PART_REF_B64, i);
    }
    text_add(h, "],\"role\":\"user\"}]");
    safety_add(h, call);
    config_add(h, call);
    text_add(h, "}");
}

/* ---- references that are addresses ---- */

/* Asks for the next one, or for the image when all are there. */
static void send_next(const struct ym_call *call, const cJSON *state, struct ym_next *n)
{
    cJSON *fetched = cJSON_GetObjectItemCaseSensitive(state, "fetched");
    unsigned i = (unsigned)cJSON_GetArraySize(fetched);
    for (; i < call->req->nrefs && !call->req->refs[i].is_url; i++)
        cJSON_AddItemToArray(fetched, cJSON_CreateNull());
    if (i == call->req->nrefs) {
        send_generate(call, state, n);
        return;
    }
    struct ym_http *h = ym_next_send(n, TAG_FETCH + i, "GET", YM_SAFE, call->req->refs[i].path);
    ym_http_header(h, "Accept", "image/*");
    h->raw_media = true;
    h->max_reply = 64 << 20;
}

static int fetch_failed(const struct ym_call *call, const struct ym_reply *rep, const char *url, struct ym_err *e)
{
    enum ym_class cls = rep->status == 408 ? YM_TRANSIENT : ym_http_class(rep->status);
    char show[100];
    ym_text_show(url, show, sizeof show);
    /* The other server's opinion of us says nothing about the provider's key. */
    if (cls == YM_OK || cls == YM_AUTH)
        cls = YM_INVALID;
    int r = ym_fail(e, cls, cls == YM_INVALID ? EINVAL : EAGAIN, "The reference image %s could not be fetched: status %d.",
                    show, rep->status);
    if (e)
        e->retry_after = ym_retry_after(ym_header_get(rep->headers, "retry-after"), call->now);
    return r;
}

static int fetch_reply(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                       struct ym_err *e)
{
    cJSON *fetched = cJSON_GetObjectItemCaseSensitive(state, "fetched");
    unsigned i = rep->tag - TAG_FETCH;
    char show[100];
    if (i >= call->req->nrefs || (int)i != cJSON_GetArraySize(fetched))
        return ym_fail(e, YM_BROKEN, EPROTO, "A reply came that nobody asked for.");
    const char *url = call->req->refs[i].path;
    if (rep->status != 200)
        return fetch_failed(call, rep, url, e);
    const struct ym_staged *m = rep->media_first < rep->nmedia ? &rep->media[rep->media_first] : NULL;
    if (!m || !m->is_media || strncmp(m->mime, "image/", 6) != 0)
        return ym_fail(e, YM_INVALID, EINVAL, "The reference %s is no image.", ym_text_show(url, show, sizeof show));
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "media", rep->media_first);
    cJSON_AddStringToObject(o, "mime", m->mime);
    cJSON_AddItemToArray(fetched, o);
    send_next(call, state, n);
    return 0;
}

static int gemini_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret_next,
                       struct ym_err *e)
{
    struct ym_next n = {.progress = -1};
    int r = 0;
    if (!call->has_key)
        return ym_fail(e, YM_AUTH, EACCES, "No key for Gemini: set GOOGLE_API_KEY, or api_key_file below [providers.gemini].");
    if (!rep) { /* also after a restart: what was fetched is not relied on */
        cJSON_Delete(*state);
        *state = cJSON_CreateObject();
        cJSON_AddArrayToObject(*state, "fetched");
        send_next(call, *state, &n);
    } else if (rep->tag == TAG_GENERATE) {
        r = gemini_reply(call, rep, &n, e);
    } else {
        r = fetch_reply(call, *state, rep, &n, e);
    }
    if (r < 0)
        ym_next_fini(&n);
    else
        *ret_next = n;
    return r;
}

const struct ym_driver ym_driver_gemini = {
    .name = "gemini",
    .kinds = KINDS,
    .needs_key = true,
    .key_env = "GOOGLE_API_KEY",
    .key_env_more = "GEMINI_API_KEY",
    .base_env = "GEMINI_API_BASE",
    .base_url = BASE_URL,
    .rate_limit = 10,
    .concurrency = 4,
    .quota_offset_min = -480,
    .models = models,
    .default_model = {[YM_IMAGE] = GEMINI_DEFAULT_IMAGE},
    .check = gemini_check,
    .price = gemini_price,
    .step = gemini_step,
};
