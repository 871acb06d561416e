/* The driver of the offline painter: free, without a key, always there. */
#include <errno.h>
#include <math.h>
#include <ymago/driver.h>

#include "sketch.h"

enum { TAG_DRAWN = 1 };

static const char *const resolutions[] = {"512", "1K", "2K", "4K", NULL};
static const double resolution_pixels[] = {512 * 512, 1024 * 1024, 2048 * 2048, SKETCH_PIXELS_MAX};

static const struct ym_model models[] = {
    {
        .id = "sketch",
        .kinds = 1u << YM_IMAGE,
        .price_note = "drawn on this machine, free",
        .max_refs = 16,
        .sizes = resolutions,
    },
    {0},
};

static int side_round(double v)
{
    int n = (int)lround(v / 8) * 8;
    return n < SKETCH_SIDE_MIN ? SKETCH_SIDE_MIN : n > SKETCH_SIDE_MAX ? SKETCH_SIDE_MAX : n;
}

/* "16:9" -> 1.777; -EINVAL for what is no ratio or is extremer than 8:1. */
static int ratio_parse(const char *text, double *ret, struct ym_err *e)
{
    char *end = NULL;
    double w = strtod(text, &end), h = *end == ':' ? strtod(end + 1, &end) : 0;
    char show[40];
    if (*end || !(w > 0) || !(h > 0) || w / h > 8 || h / w > 8)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The offline sketch takes an aspect_ratio from 1:8 to 8:1, not \"%s\".",
                       ym_text_show(text, show, sizeof(show)));
    *ret = w / h;
    return 0;
}

static enum sketch_quality quality_of(const cJSON *params)
{
    const char *q = ym_json_str(params, "quality");
    return q && !strcmp(q, "draft")  ? SKETCH_DRAFT
           : q && !strcmp(q, "high") ? SKETCH_HIGH
                                     : SKETCH_STANDARD;
}

/* How many pixels are wanted: by `resolution`, else by `quality`. */
static int pixels_wanted(const cJSON *params, double *ret, struct ym_err *e)
{
    static const double by_quality[] = {
        [SKETCH_DRAFT] = 0.3e6, [SKETCH_STANDARD] = 1.05e6, [SKETCH_HIGH] = 2.4e6};
    const char *r = ym_json_str(params, "resolution");
    char show[40];
    if (!r) {
        *ret = by_quality[quality_of(params)];
        return 0;
    }
    for (size_t i = 0; resolutions[i]; i++)
        if (!strcasecmp(resolutions[i], r)) {
            *ret = resolution_pixels[i];
            return 0;
        }
    return ym_fail(e, YM_INVALID, EINVAL,
                   "The offline sketch takes the resolutions 512, 1K, 2K and 4K, not \"%s\".",
                   ym_text_show(r, show, sizeof(show)));
}

/* Width and height as stated; one of them and the ratio; or pixels and ratio. */
static int size_choose(const cJSON *params, struct sketch_wish *w, struct ym_err *e)
{
    const char *text = ym_json_str(params, "aspect_ratio");
    double ratio = 3.0 / 2, pixels = 0;
    int rc = text ? ratio_parse(text, &ratio, e) : 0;
    if (!rc)
        rc = pixels_wanted(params, &pixels, e);
    if (rc)
        return rc;
    double x = fmin(ym_json_num_or(params, "width", 0), 1e5),
           y = fmin(ym_json_num_or(params, "height", 0), 1e5);
    if (x > 0 || y > 0) {
        w->width = (int)lround(x > 0 ? x : y * ratio);
        w->height = (int)lround(y > 0 ? y : x / ratio);
    } else {
        double high = fmin(sqrt(pixels / ratio), fmin(SKETCH_SIDE_MAX, SKETCH_SIDE_MAX / ratio));
        w->width = side_round(floor(high * ratio / 8) * 8);
        w->height = side_round(floor(high / 8) * 8);
    }
    return sketch_check(w, e);
}

static int wish_make(const struct ym_request *req, struct sketch_wish *ret, struct ym_err *e)
{
    struct sketch_wish w = {.prompt = req->prompt, .negative = req->negative};
    int64_t seed = ym_json_int_or(req->params, "seed", 0);
    if (req->kind != YM_IMAGE)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The offline sketch makes images only; configure a model for %s.",
                       ym_kind_name(req->kind));
    w.quality = quality_of(req->params);
    w.seed = (uint64_t)(seed > 0 ? seed : 0) + (uint64_t)req->variation;
    int rc = size_choose(req->params, &w, e);
    if (!rc)
        *ret = w;
    return rc;
}

static int sketch_driver_check(const struct ym_call *call, struct ym_err *e)
{
    struct sketch_wish w;
    return wish_make(call->req, &w, e);
}

static int sketch_driver_price(const struct ym_call *call, struct ym_estimate *ret,
                               struct ym_err *e)
{
    (void)call;
    (void)e;
    *ret = (struct ym_estimate){{0}, {0}, {0}};
    return 0;
}

struct sink {
    const struct ym_media_out *out;
    struct ym_err err; /* what the staging said: more than an errno */
    int rc;
};

static int sink_write(void *ctx, const void *data, size_t len)
{
    struct sink *s = ctx;
    if (s->out->stopped(s->out->ctx))
        s->rc = ym_fail(&s->err, YM_CANCELLED, ECANCELED, "Cancelled while the sketch was drawn.");
    else
        s->rc = s->out->write(s->out->ctx, 0, data, len, &s->err);
    return s->rc;
}

/* On a worker: draws into staging file 0. */
static int sketch_driver_work(const struct ym_call *call, const struct ym_media_out *out,
                              struct ym_err *e)
{
    struct sketch_wish w;
    struct sink s = {.out = out};
    int rc = wish_make(call->req, &w, e);
    if (rc)
        return rc;
    w.refs = out->ref_fds;
    w.nrefs = call->req->nrefs < YM_COUNT(out->ref_fds) ? call->req->nrefs : YM_COUNT(out->ref_fds);
    rc = out->begin(out->ctx, 0, -1, e);
    if (rc)
        return rc;
    rc = sketch_draw(&w, sink_write, &s, e);
    if (s.rc && e)
        *e = s.err;
    return rc ? rc : out->end(out->ctx, 0, e);
}

static int sketch_driver_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                              struct ym_next *ret_next, struct ym_err *e)
{
    (void)state;
    if (!rep) {
        int rc = sketch_driver_check(call, e);
        if (!rc)
            *ret_next = (struct ym_next){.what = YM_NEXT_WORK,
                                         .work = sketch_driver_work,
                                         .work_tag = TAG_DRAWN,
                                         .progress = -1};
        return rc;
    }
    if (rep->tag != TAG_DRAWN || rep->nmedia < 1)
        return ym_fail(e, YM_EMPTY, EPROTO,
                       "The offline sketch was not drawn; save the prompt again.");
    *ret_next = (struct ym_next){
        .what = YM_NEXT_DONE, .progress = 1, .media = {0}, .nmedia = 1, .cost_known = true};
    ret_next->model_version = ym_strdup("sketch-1");
    return 0;
}

const struct ym_driver ym_driver_sketch = {
    .name = "sketch",
    .kinds = 1u << YM_IMAGE,
    .is_free = true,
    .concurrency = 2,
    .models = models,
    .default_model = {[YM_IMAGE] = "sketch"},
    .check = sketch_driver_check,
    .price = sketch_driver_price,
    .step = sketch_driver_step,
};
