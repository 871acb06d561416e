/* One request of a queue service: which model is asked, what it may hold, its price. */
#include <errno.h>
#include <math.h>
#include <string.h>

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

const char *queue_name(const struct queue_asked *a, const char *ours)
{
    for (const struct queue_spelling *n = a->row->names; n && n->ours; n++)
        if (strcmp(n->ours, ours) == 0)
            return n->theirs;
    for (const struct queue_spelling *n = a->service->names; n->ours; n++)
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
                *theirs = ym_json_get(params, queue_name(a, "duration"));
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

static int shape_check(const struct queue_asked *a, struct ym_err *e)
{
    const cJSON *params = a->req.params;
    const char *ratio = ym_json_str(params, "aspect_ratio");
    char show[40];
    int w, h;
    if (!ym_json_get(params, "width") != !ym_json_get(params, "height"))
        return ym_fail(e, YM_INVALID, EINVAL, "%.80s takes width and height together; give both.",
                       a->req.model);
    if (a->row->shape == QUEUE_IMAGE_SIZE && ratio && !queue_ratio_pixels(ratio, &w, &h))
        return ym_fail(e, YM_INVALID, EINVAL, "The aspect_ratio %s is none; write 16:9 or the like.",
                       ym_text_show(ratio, show, sizeof show));
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
        const char *key = queue_image_key(a, i);
        if (!key || (!strchr(key, '[') && !queue_image_is_first(a, i)))
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
        return p->image < 0 ? -1
                            : p->image * (a->row->per_megapixel && !p->from_config ? queue_megapixels(a) : 1);
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
