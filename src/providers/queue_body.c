/* The input of one request: our fields in the words of its model, the user's `params`, the images. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "queue.h"

/* ---- shapes ---- */

static const struct {
    const char *ratio, *name;
    int width, height;
} shapes[] = {
    {"1:1", "square_hd", 1024, 1024},      {"4:3", "landscape_4_3", 1024, 768},
    {"16:9", "landscape_16_9", 1024, 576}, {"3:4", "portrait_4_3", 768, 1024},
    {"9:16", "portrait_16_9", 576, 1024},  {"", "square", 512, 512},
};

static bool is_shape_name(const char *s)
{
    for (size_t i = 0; s && i < YM_COUNT(shapes); i++)
        if (strcmp(shapes[i].name, s) == 0)
            return true;
    return false;
}

/* "21:9": about a megapixel in that ratio. */
bool queue_ratio_pixels(const char *ratio, int *w, int *h)
{
    char *end;
    double a = strtod(ratio, &end);
    double b = *end == ':' ? strtod(end + 1, &end) : 0;
    if (*end || !(a > 0 && b > 0 && a / b < 16 && b / a < 16))
        return false;
    *w = (int)(sqrt(1048576 * a / b) / 16 + 0.5) * 16;
    *h = (int)(sqrt(1048576 * b / a) / 16 + 0.5) * 16;
    return true;
}

static cJSON *pixels_json(int w, int h)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "width", w);
    cJSON_AddNumberToObject(o, "height", h);
    return o;
}

/* Width, height, aspect_ratio and the names of sizes in one field; NULL = nothing is said. */
static cJSON *image_size(const cJSON *params)
{
    const char *ratio = ym_json_str(params, "aspect_ratio"), *size = ym_json_str(params, "resolution");
    int w = (int)ym_json_int_or(params, "width", 0), h = (int)ym_json_int_or(params, "height", 0);
    if (w && h)
        return pixels_json(w, h);
    if (size)
        return cJSON_CreateString(size);
    for (size_t i = 0; ratio && i < YM_COUNT(shapes); i++)
        if (strcmp(shapes[i].ratio, ratio) == 0)
            return cJSON_CreateString(shapes[i].name);
    return ratio && queue_ratio_pixels(ratio, &w, &h) ? pixels_json(w, h) : NULL;
}

/* Megapixels begun. */
double queue_megapixels(const struct queue_asked *a)
{
    const cJSON *theirs = ym_json_get(ym_json_get(a->req.params, "params"), "image_size");
    YM_AUTOJSON cJSON *size = theirs ? cJSON_Duplicate(theirs, true) : image_size(a->req.params);
    double px = ym_json_num_or(size, "width", 1024) * ym_json_num_or(size, "height", 768);
    for (size_t i = 0; cJSON_IsString(size) && i < YM_COUNT(shapes); i++)
        if (strcmp(shapes[i].name, size->valuestring) == 0)
            px = (double)shapes[i].width * shapes[i].height;
    return px > 1048576 ? ceil(px / 1048576) : 1;
}

/* ---- the user's `params` ---- */

/* Keys that are never the user's: they would change what is bought, how often, or where the answer goes. */
static bool is_reserved(const char *key)
{
    static const char *const names[] = {"model", "n", "num_images", "max_images", "sync_mode", "api_key"};
    for (size_t i = 0; i < YM_COUNT(names); i++)
        if (strcasecmp(names[i], key) == 0)
            return true;
    return strcasestr(key, "webhook") || strcasestr(key, "callback");
}

static bool key_is(const char *name, const char *key) /* "image_urls[]" is "image_urls" */
{
    size_t n = name ? strcspn(name, "[") : 0;
    return n && strlen(key) == n && strncmp(name, key, n) == 0;
}

const char *queue_image_key(const struct queue_asked *a, size_t i)
{
    switch (a->req.refs[i].role) {
    case YM_REF_SOURCE:
        return a->row->source;
    case YM_REF_LAST_FRAME:
        return a->row->last;
    case YM_REF_REFERENCE:
        return a->row->refs;
    case YM_REF_WORKFLOW:
    case YM_REF_ROLE_COUNT:
        break;
    }
    return NULL;
}

/* The first reference that goes under this one's key. */
bool queue_image_is_first(const struct queue_asked *a, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (queue_image_key(a, k) && strcmp(queue_image_key(a, k), queue_image_key(a, i)) == 0)
            return false;
    return true;
}

static bool sets_image(const struct queue_asked *a, const char *key)
{
    for (size_t i = 0; i < a->req.nrefs; i++)
        if (key_is(queue_image_key(a, i), key))
            return true;
    return false;
}

static int params_merge(const struct queue_asked *a, cJSON *body, struct ym_err *e)
{
    const cJSON *v, *params = ym_json_get(a->req.params, "params");
    char show[64];
    cJSON_ArrayForEach (v, params) {
        ym_text_show(v->string, show, sizeof show);
        if (is_reserved(v->string))
            return ym_fail(e, YM_INVALID, EINVAL, "params: %s is not for a prompt to set; leave it out.", show);
        if (ym_json_get(body, v->string) || sets_image(a, v->string))
            return ym_fail(e, YM_INVALID, EINVAL,
                           "params: %s is set by a field of its own already; say it once.", show);
        cJSON_AddItemToObject(body, v->string, cJSON_Duplicate(v, true));
    }
    return 0;
}

/* ---- the body ---- */

static cJSON *duration_json(enum queue_duration form, double seconds)
{
    char text[32];
    if (form == QUEUE_NUMBER)
        return cJSON_CreateNumber(seconds);
    snprintf(text, sizeof text, "%g%s", seconds, form == QUEUE_TEXT_S ? "s" : "");
    return cJSON_CreateString(text);
}

static bool listed(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static void shape_add(const struct queue_asked *a, cJSON *body)
{
    const cJSON *params = a->req.params;
    const char *size = ym_json_str(params, "resolution"), *ratio = ym_json_str(params, "aspect_ratio");
    bool high = strcmp(ym_json_str_or(params, "quality", ""), "high") == 0;
    bool pixels = ym_json_get(params, "width") || is_shape_name(size);
    if (a->row->shape == QUEUE_IMAGE_SIZE || pixels) {
        cJSON *v = image_size(params);
        if (v)
            cJSON_AddItemToObject(body, "image_size", v);
        return;
    }
    if (ratio)
        cJSON_AddStringToObject(body, queue_name(a, "aspect_ratio"), ratio);
    if (!size && high)
        size = a->row->high_size;
    if (size)
        cJSON_AddStringToObject(body, queue_name(a, "resolution"), size);
}

static void fields_add(const struct queue_asked *a, cJSON *body)
{
    static const char *const apart[] = {"seed",   "duration", "aspect_ratio", "resolution", "width",
                                        "height", "quality",  "tags",         "params",     NULL};
    const cJSON *v, *own = ym_json_get(a->req.params, "duration");
    shape_add(a, body);
    if (own)
        cJSON_AddItemToObject(body, queue_name(a, "duration"),
                              duration_json(a->row->duration, own->valuedouble));
    cJSON_ArrayForEach (v, a->req.params)
        if (!listed(v->string, apart))
            cJSON_AddItemToObject(body, queue_name(a, v->string), cJSON_Duplicate(v, true));
}

static void defaults_add(const struct queue_asked *a, cJSON *body)
{
    const char *duration = queue_name(a, "duration");
    if (a->row->seconds && !ym_json_get(body, duration))
        cJSON_AddItemToObject(body, duration, duration_json(a->row->duration, a->row->seconds));
    for (const struct queue_default *d = a->row->defaults; d && d->key; d++)
        if (!ym_json_get(body, d->key))
            cJSON_AddItemToObject(body, d->key, cJSON_Parse(d->json));
}

int queue_body(const struct queue_asked *a, cJSON **ret, struct ym_err *e)
{
    YM_AUTOJSON cJSON *body = cJSON_CreateObject();
    int64_t seed = ym_call_seed(&a->call);
    cJSON_AddStringToObject(body, a->row->prompt ? a->row->prompt : "prompt", a->req.prompt);
    if (a->req.negative && *a->req.negative)
        cJSON_AddStringToObject(body, queue_name(a, "negative_prompt"), a->req.negative);
    if (seed >= 0)
        cJSON_AddNumberToObject(body, queue_name(a, "seed"), (double)seed);
    fields_add(a, body);
    int r = params_merge(a, body, e);
    if (r < 0)
        return r;
    defaults_add(a, body);
    *ret = ym_steal(&body);
    return 0;
}

/* ---- images ---- */

static void image_value_add(struct ym_http *h, const struct queue_asked *a, const cJSON *urls, unsigned i)
{
    const cJSON *url = cJSON_GetArrayItem(urls, (int)i);
    if (cJSON_IsString(url)) {
        ym_http_json(h, url);
        return;
    }
    ym_http_puts(h, "\"data:");
    ym_http_puts(h, a->req.refs[i].mime);
    ym_http_puts(h, ";base64,");
    ym_http_part(h, YM_PART_REF_B64, i);
    ym_http_puts(h, "\"");
}

/* In a shared list the source comes first and the last frame second, whatever their order here. */
static const enum ym_ref_role order[] = {YM_REF_SOURCE, YM_REF_LAST_FRAME, YM_REF_REFERENCE};

static void image_list_add(struct ym_http *h, const struct queue_asked *a, const cJSON *urls, const char *key)
{
    bool any = false;
    ym_http_puts(h, "[");
    for (size_t o = 0; o < YM_COUNT(order); o++) {
        for (unsigned i = 0; i < a->req.nrefs; i++) {
            if (a->req.refs[i].role != order[o] || !queue_image_key(a, i) ||
                strcmp(queue_image_key(a, i), key) != 0)
                continue;
            ym_http_puts(h, any ? "," : "");
            image_value_add(h, a, urls, i);
            any = true;
        }
    }
    ym_http_puts(h, "]");
}

void queue_images_add(struct ym_http *h, const struct queue_asked *a, const cJSON *urls)
{
    for (unsigned i = 0; i < a->req.nrefs; i++) {
        const char *key = queue_image_key(a, i);
        if (!key || !queue_image_is_first(a, i))
            continue;
        ym_http_puts(h, ",\"");
        ym_http_text(h, key, strcspn(key, "["));
        ym_http_puts(h, "\":");
        if (strchr(key, '['))
            image_list_add(h, a, urls, key);
        else
            image_value_add(h, a, urls, i);
    }
}

static void image_set(cJSON *body, const char *key, const cJSON *url)
{
    YM_AUTOFREE char *name = ym_strndup(key, strcspn(key, "["));
    cJSON *list = cJSON_GetObjectItemCaseSensitive(body, name);
    if (!strchr(key, '[')) {
        cJSON_AddItemToObject(body, name, cJSON_Duplicate(url, true));
        return;
    }
    if (!list)
        list = cJSON_AddArrayToObject(body, name);
    cJSON_AddItemToArray(list, cJSON_Duplicate(url, true));
}

void queue_images_set(cJSON *body, const struct queue_asked *a, const cJSON *urls)
{
    for (size_t o = 0; o < YM_COUNT(order); o++)
        for (size_t i = 0; i < a->req.nrefs; i++)
            if (a->req.refs[i].role == order[o] && queue_image_key(a, i))
                image_set(body, queue_image_key(a, i), cJSON_GetArrayItem(urls, (int)i));
}
