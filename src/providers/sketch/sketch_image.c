/* Pictures: sizes and seeds from the request, one PNG. */
#include <errno.h>
#include <math.h>

#include "kinds.h"

static const char *const resolutions[] = {"512", "1K", "2K", "4K", NULL};
static const double resolution_pixels[] = {512 * 512, 1024 * 1024, 2048 * 2048, SKETCH_PIXELS_MAX};

static int side_round(double v)
{
    int n = (int)lround(v / 8) * 8;
    return n < SKETCH_SIDE_MIN ? SKETCH_SIDE_MIN : n > SKETCH_SIDE_MAX ? SKETCH_SIDE_MAX : n;
}

/* "16:9" -> 1.777; -EINVAL for what is no ratio or is extremer than 8:1. */
int sketch_ratio(const cJSON *params, double otherwise, double *ret, struct ym_err *e)
{
    const char *text = ym_json_str(params, "aspect_ratio");
    if (!text) {
        *ret = otherwise;
        return 0;
    }
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

enum sketch_quality sketch_quality_of(const cJSON *params)
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
        *ret = by_quality[sketch_quality_of(params)];
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
    double ratio, pixels = 0;
    int rc = sketch_ratio(params, 3.0 / 2, &ratio, e);
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
    w.quality = sketch_quality_of(req->params);
    w.seed = sketch_seed(req);
    int rc = size_choose(req->params, &w, e);
    if (!rc)
        *ret = w;
    return rc;
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

int image_check(const struct ym_call *call, struct ym_err *e)
{
    struct sketch_wish w;
    return wish_make(call->req, &w, e);
}

int image_work(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e)
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

