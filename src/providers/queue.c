/* One request of a queue service: which model is asked, what it may hold, how it is spelled, its price. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "queue.h"

/* ---- which model, which row ---- */

static const struct queue_row *row_find(const struct queue_service *s, const char *id)
{
    for (const struct queue_row *r = s->rows; r->id; r++)
        if (strcmp(r->id, id) == 0)
            return r;
    return NULL;
}

static bool has_images(const struct ym_request *req)
{
    for (size_t i = 0; i < req->nrefs; i++)
        if (req->refs[i].role != YM_REF_WORKFLOW)
            return true;
    return false;
}

void queue_asked_init(struct queue_asked *a, const struct queue_service *s, const struct ym_call *call)
{
    const char *other = NULL;
    *a = (struct queue_asked){
        .service = s, .named = call->req->model, .call = *call, .req = *call->req, .model = *call->model};
    a->row = row_find(s, call->req->model);
    if (!a->row)
        a->row = s->general(call);
    else if (has_images(call->req))
        other = a->row->with_last && ym_call_ref(call, YM_REF_LAST_FRAME) >= 0 ? a->row->with_last
                                                                               : a->row->with_image;
    if (other) {
        const struct ym_model *m = ym_driver_model(s->driver, other);
        a->row = row_find(s, other);
        ym_assert(m && a->row);
        a->model = *m;
        if (call->model->max_prompt > m->max_prompt) /* raised in the configuration */
            a->model.max_prompt = call->model->max_prompt;
        a->req.model = (char *)(uintptr_t)m->id;
        if (!call->prices.from_config)
            a->call.prices = m->prices;
    }
    a->call.req = &a->req;
    a->call.model = &a->model;
}

static const char *name_of(const struct queue_asked *a, const char *ours)
{
    for (const struct queue_name *n = a->row->names; n && n->ours; n++)
        if (strcmp(n->ours, ours) == 0)
            return n->theirs;
    for (const struct queue_name *n = a->service->names; n->ours; n++)
        if (strcmp(n->ours, ours) == 0)
            return n->theirs;
    return ours;
}

/* ---- lengths ---- */

/* "5", "5s", 5: seconds, or -1. */
static double seconds_read(const cJSON *v)
{
    double n = -1;
    char *end;
    if (cJSON_IsNumber(v))
        return v->valuedouble;
    if (!cJSON_IsString(v))
        return -1;
    n = strtod(v->valuestring, &end);
    return end > v->valuestring && (!*end || strcmp(end, "s") == 0) && n > 0 && n < 1e6 ? n : -1;
}

/* What will be billed by the second; -1 = the service decides. */
static double seconds_asked(const struct queue_asked *a)
{
    const cJSON *params = ym_json_get(a->req.params, "params");
    const cJSON *own = ym_json_get(a->req.params, "duration"),
                *theirs = ym_json_get(params, name_of(a, "duration"));
    if (own || theirs)
        return seconds_read(own ? own : theirs);
    return a->row->seconds ? a->row->seconds : a->row->billed_seconds ? a->row->billed_seconds : -1;
}

static void lengths_join(const int *list, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (const int *p = list; *p && at < size; p++)
        at += (size_t)snprintf(out + at, size - at, "%s%d", p == list ? "" : p[1] ? ", " : " or ", *p);
}

static int length_check(const struct queue_asked *a, struct ym_err *e)
{
    const cJSON *v = ym_json_get(a->req.params, "duration");
    char all[80];
    if (!v || !a->row->lengths)
        return 0;
    for (const int *p = a->row->lengths; *p; p++)
        if (fabs(v->valuedouble - *p) < 1e-9)
            return 0;
    lengths_join(a->row->lengths, all, sizeof all);
    return ym_fail(e, YM_INVALID, EINVAL, "%.80s takes a duration of %s seconds, not %g.", a->req.model, all,
                   v->valuedouble);
}

static cJSON *duration_json(enum queue_duration form, double seconds)
{
    char text[32];
    if (form == QUEUE_NUMBER)
        return cJSON_CreateNumber(seconds);
    snprintf(text, sizeof text, "%g%s", seconds, form == QUEUE_TEXT_S ? "s" : "");
    return cJSON_CreateString(text);
}

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
static bool ratio_pixels(const char *ratio, int *w, int *h)
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
    return ratio && ratio_pixels(ratio, &w, &h) ? pixels_json(w, h) : NULL;
}

static int shape_check(const struct queue_asked *a, struct ym_err *e)
{
    const cJSON *params = a->req.params;
    const char *ratio = ym_json_str(params, "aspect_ratio");
    char show[40];
    int w, h;
    if (!ym_json_get(params, "width") != !ym_json_get(params, "height"))
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s takes width and height together; give both.",
                       a->req.model);
    if (a->row->shape == QUEUE_IMAGE_SIZE && ratio && !ratio_pixels(ratio, &w, &h))
        return ym_fail(e, YM_INVALID, EINVAL, "The aspect_ratio %s is none; write 16:9 or the like.",
                       ym_text_show(ratio, show, sizeof show));
    return 0;
}

/* Megapixels begun. */
static double megapixels(const struct queue_asked *a)
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

static const char *image_key(const struct queue_asked *a, size_t i)
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
static bool is_first_of_key(const struct queue_asked *a, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (image_key(a, k) && strcmp(image_key(a, k), image_key(a, i)) == 0)
            return false;
    return true;
}

static bool sets_image(const struct queue_asked *a, const char *key)
{
    for (size_t i = 0; i < a->req.nrefs; i++)
        if (key_is(image_key(a, i), key))
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
        cJSON_AddStringToObject(body, name_of(a, "aspect_ratio"), ratio);
    if (!size && high)
        size = a->row->high_size;
    if (size)
        cJSON_AddStringToObject(body, name_of(a, "resolution"), size);
}

static void fields_add(const struct queue_asked *a, cJSON *body)
{
    static const char *const apart[] = {"seed",   "duration", "aspect_ratio", "resolution", "width",
                                        "height", "quality",  "tags",         "params",     NULL};
    const cJSON *v, *own = ym_json_get(a->req.params, "duration");
    shape_add(a, body);
    if (own)
        cJSON_AddItemToObject(body, name_of(a, "duration"), duration_json(a->row->duration, own->valuedouble));
    cJSON_ArrayForEach (v, a->req.params)
        if (!listed(v->string, apart))
            cJSON_AddItemToObject(body, name_of(a, v->string), cJSON_Duplicate(v, true));
}

static void defaults_add(const struct queue_asked *a, cJSON *body)
{
    const char *duration = name_of(a, "duration");
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
        cJSON_AddStringToObject(body, name_of(a, "negative_prompt"), a->req.negative);
    if (seed >= 0)
        cJSON_AddNumberToObject(body, name_of(a, "seed"), (double)seed);
    fields_add(a, body);
    int r = params_merge(a, body, e);
    if (r < 0)
        return r;
    defaults_add(a, body);
    *ret = ym_steal(&body);
    return 0;
}

/* ---- refusing before anything is spent ---- */

static int images_check(const struct queue_asked *a, int64_t max_bytes, struct ym_err *e)
{
    const struct ym_request *r = &a->req;
    char show[100];
    if (a->row->needs_image && ym_call_ref(&a->call, YM_REF_SOURCE) < 0 &&
        ym_call_ref(&a->call, YM_REF_REFERENCE) < 0)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s starts from an image; give from_image.", r->model);
    if (a->row->needs_last && ym_call_ref(&a->call, YM_REF_LAST_FRAME) < 0)
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s needs the last frame too; give last_frame.", r->model);
    if (ym_json_get(r->params, "strength") && !has_images(r))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "strength says how much of an image may change; give from_image.");
    if (ym_call_ref(&a->call, YM_REF_LAST_FRAME) >= 0 && ym_call_ref(&a->call, YM_REF_SOURCE) < 0)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "A last frame alone is not enough for %.80s; give from_image too.", r->model);
    for (size_t i = 0; i < r->nrefs; i++) {
        const char *key = image_key(a, i);
        if (!key || (!strchr(key, '[') && !is_first_of_key(a, i)))
            return ym_fail(e, YM_INVALID, EINVAL, "%.80s has no place for %s as a %s image.", r->model,
                           ym_text_show(r->refs[i].path, show, sizeof show), ym_ref_role_name(r->refs[i].role));
        if (!r->refs[i].is_url && r->refs[i].size > max_bytes)
            return ym_fail(e, YM_INVALID, EFBIG, "%s is larger than the %lld MB that %s takes.",
                           ym_text_show(r->refs[i].path, show, sizeof show), (long long)(max_bytes / 1000000),
                           a->service->label);
    }
    return 0;
}

static int negative_check(const struct queue_asked *a, struct ym_err *e)
{
    const char *s = a->req.negative;
    size_t n = s ? ym_utf8_count(s, strlen(s)) : 0;
    if (!a->row->max_negative || n <= a->row->max_negative)
        return 0;
    return ym_fail(e, YM_INVALID, EINVAL, "The negative prompt has %zu characters, %.80s takes %u; shorten it.",
                   n, a->req.model, a->row->max_negative);
}

int queue_check(const struct queue_asked *a, const char *const *mimes, int64_t max_bytes, struct ym_err *e)
{
    YM_AUTOJSON cJSON *body = NULL;
    if (a->row->id && !(a->model.kinds & 1u << a->req.kind))
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s makes no %s; choose another model.", a->req.model,
                       ym_kind_name(a->req.kind));
    int r = ym_call_check(&a->call, mimes, e);
    r = r < 0 ? r : length_check(a, e);
    r = r < 0 ? r : shape_check(a, e);
    r = r < 0 ? r : negative_check(a, e);
    r = r < 0 ? r : images_check(a, max_bytes, e);
    return r < 0 ? r : queue_body(a, &body, e);
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
            if (a->req.refs[i].role != order[o] || !image_key(a, i) || strcmp(image_key(a, i), key) != 0)
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
        const char *key = image_key(a, i);
        if (!key || !is_first_of_key(a, i))
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
            if (a->req.refs[i].role == order[o] && image_key(a, i))
                image_set(body, image_key(a, i), cJSON_GetArrayItem(urls, (int)i));
}

/* ---- price ---- */

static bool price_fits(const struct queue_asked *a)
{
    const char *size = ym_json_str(a->req.params, "resolution");
    const char *theirs = ym_json_str(ym_json_get(a->req.params, "params"), "resolution");
    size = size ? size : theirs;
    return a->call.prices.from_config || !a->row->priced_size || !size ||
           strcmp(size, a->row->priced_size) == 0;
}

double queue_usd(const struct queue_asked *a)
{
    const struct ym_prices *p = &a->call.prices;
    double seconds = seconds_asked(a);
    if (!price_fits(a))
        return -1;
    if (a->req.kind == YM_IMAGE)
        return p->image < 0 ? -1 : p->image * (a->row->per_megapixel && !p->from_config ? megapixels(a) : 1);
    if (a->req.kind != YM_VIDEO && p->song >= 0)
        return p->song;
    if (a->req.kind != YM_VIDEO && p->kchars >= 0)
        return p->kchars * (double)ym_utf8_count(a->req.prompt, strlen(a->req.prompt)) / 1000;
    return p->second >= 0 && seconds > 0 ? p->second * seconds : -1;
}

int queue_price(const struct queue_asked *a, struct ym_estimate *ret, struct ym_err *e)
{
    double usd = queue_usd(a);
    ym_money m;
    if (usd < 0 && a->req.kind != YM_IMAGE && a->call.prices.second >= 0 && price_fits(a))
        return ym_fail(e, YM_HELD, ENODATA, "%.80s is paid by the second; give a duration.", a->named);
    if (usd < 0)
        return ym_fail(e, YM_HELD, ENODATA, "Nobody knows the price of %.80s; set %s in prices.toml.", a->named,
                       a->req.kind == YM_IMAGE ? "price_per_image_usd"
                       : a->req.kind == YM_VIDEO
                           ? "price_per_second_usd"
                           : "price_per_song_usd, price_per_1k_chars_usd or price_per_second_usd");
    if (ym_money_from_double(usd, &m) < 0)
        return ym_fail(e, YM_INVALID, ERANGE, "The price of %.80s is out of range.", a->named);
    *ret = (struct ym_estimate){m, m, m};
    return 0;
}
