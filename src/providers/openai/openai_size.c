/* Width and height from what a prompt says: both of them, one with a ratio, or a ratio and a size class. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "openai.h"

#define STEP      16 /* width and height of the newer models are multiples of it */
#define EDGE_MAX  3840
#define AREA_MIN  655360
#define AREA_MAX  8294400
#define RATIO_MAX 3

struct ratio {
    int w, h; /* 0 = not given */
};

static struct ratio ratio_read(const struct ym_call *call)
{
    const char *s = ym_json_str_or(call->req->params, "aspect_ratio", "");
    char *end;
    struct ratio r = {(int)strtol(s, &end, 10), 0};
    r.h = *end == ':' ? (int)strtol(end + 1, NULL, 10) : 0;
    return r.w > 0 && r.h > 0 ? r : (struct ratio){0, 0};
}

/* "2K" -> 2 and 'K', "720p" -> 720 and 'p', "512" -> 512 and '\0'. */
static int class_read(const struct ym_call *call, char *ret_unit)
{
    const char *s = ym_json_str_or(call->req->params, "resolution", "");
    char *end;
    long n = strtol(s, &end, 10);
    *ret_unit = *end;
    return n > 0 && n <= 16384 ? (int)n : 0;
}

static int nearest(double v, int step)
{
    long n = lround(v / step);
    return (int)(n < 1 ? 1 : n) * step;
}

/* ---- images ---- */

/* The largest size of exactly that ratio, in steps, that is near an area and within the limits; where
 * the ratio has no such size near it, one of nearly that ratio. */
static struct openai_size by_area(struct ratio r, double area, bool limits)
{
    double unit = (double)r.w * r.h * STEP * STEP;
    long k = lround(sqrt(area / unit));
    int longer = r.w > r.h ? r.w : r.h;
    k = k < 1 ? 1 : k;
    while (limits && k > 1 && ((double)k * (double)k * unit > AREA_MAX || k * STEP * longer > EDGE_MAX))
        k--;
    if ((double)k * (double)k * unit < 1.5 * area)
        return (struct openai_size){(int)k * STEP * r.w, (int)k * STEP * r.h};
    int w = nearest(sqrt(area * r.w / r.h), STEP);
    return (struct openai_size){w, nearest((double)w * r.h / r.w, STEP)};
}

static double area_of_class(int n, char unit, struct ratio r)
{
    double longer = r.w > r.h ? (double)r.w / r.h : (double)r.h / r.w;
    if (n == 0)
        return 1024.0 * 1024;
    if (unit == 'p')
        return (double)n * n * longer;
    if (unit == 'K')
        return n >= 4 ? AREA_MAX : n * n * 1024.0 * 1024;
    return (double)n * n;
}

static struct openai_size image_by_class(const struct ym_call *call, struct ratio r)
{
    char unit;
    int n = class_read(call, &unit);
    if (r.w == 0)
        r = (struct ratio){1, 1};
    if (openai_traits(call)->shape == OPENAI_THREE)
        return r.w == r.h  ? (struct openai_size){1024, 1024}
               : r.w > r.h ? (struct openai_size){1536, 1024}
                           : (struct openai_size){1024, 1536};
    for (int d = 9; d > 1; d--) /* 21:9 has far more sizes as 7:3 */
        while (r.w % d == 0 && r.h % d == 0)
            r = (struct ratio){r.w / d, r.h / d};
    return by_area(r, area_of_class(n, unit, r), openai_traits(call)->shape == OPENAI_SIXTEENS);
}

static int image_limits(const struct ym_call *call, struct openai_size s, struct ym_err *e)
{
    const char *model = call->req->model;
    double area = (double)s.width * s.height;
    int longer = s.width > s.height ? s.width : s.height, shorter = s.width + s.height - longer;
    if (openai_traits(call)->shape == OPENAI_THREE) {
        bool known = (s.width == 1024 && (s.height == 1024 || s.height == 1536)) ||
                     (s.width == 1536 && s.height == 1024);
        return known
                   ? 0
                   : ym_fail(e, YM_INVALID, EINVAL, "%.60s takes 1024x1024, 1536x1024 or 1024x1536, not %dx%d.",
                             model, s.width, s.height);
    }
    if (openai_traits(call)->shape != OPENAI_SIXTEENS)
        return 0;
    if (s.width % STEP || s.height % STEP)
        return ym_fail(e, YM_INVALID, EINVAL, "%.60s takes widths and heights in steps of %d; use %dx%d.",
                       model, STEP, nearest(s.width, STEP), nearest(s.height, STEP));
    if (longer > EDGE_MAX || area < AREA_MIN || area > AREA_MAX || longer > RATIO_MAX * shorter)
        return ym_fail(
            e, YM_INVALID, EINVAL,
            "%.60s takes edges up to %d, at most %d:1, and %d to %d pixels in all; %dx%d is not among them.",
            model, EDGE_MAX, RATIO_MAX, AREA_MIN, AREA_MAX, s.width, s.height);
    return 0;
}

/* ---- videos ---- */

static struct openai_size video_by_class(const struct ym_call *call, struct ratio r)
{
    char unit;
    int n = class_read(call, &unit), shorter = n == 0 ? 720 : unit == 'K' ? n * 540 : n;
    bool upright = r.h > r.w;
    if (openai_traits(call)->shape == OPENAI_SORA_PRO && shorter == 1024) /* its one size that is not 16:9 */
        return upright ? (struct openai_size){1024, 1792} : (struct openai_size){1792, 1024};
    if (r.w == 0)
        r = (struct ratio){16, 9};
    double longer = upright ? (double)shorter * r.h / r.w : (double)shorter * r.w / r.h;
    return upright ? (struct openai_size){shorter, nearest(longer, 2)}
                   : (struct openai_size){nearest(longer, 2), shorter};
}

static int video_limits(const struct ym_call *call, struct openai_size s, struct ym_err *e)
{
    enum openai_shape shape = openai_traits(call)->shape;
    int longer = s.width > s.height ? s.width : s.height, shorter = s.width + s.height - longer;
    bool small = longer == 1280 && shorter == 720;
    bool large = (longer == 1792 && shorter == 1024) || (longer == 1920 && shorter == 1080);
    if (shape == OPENAI_LOOSE || small || (large && shape == OPENAI_SORA_PRO))
        return 0;
    return ym_fail(e, YM_INVALID, EINVAL, "%.60s takes 1280x720%s, or the same upright, not %dx%d.",
                   call->req->model, shape == OPENAI_SORA_PRO ? ", 1792x1024 or 1920x1080" : "", s.width,
                   s.height);
}

/* ---- both ---- */

static int by_edges(const struct ym_call *call, struct ratio r, struct openai_size *ret, struct ym_err *e)
{
    int step = call->req->kind == YM_IMAGE ? STEP : 2;
    int w = (int)ym_json_int_or(call->req->params, "width", 0),
        h = (int)ym_json_int_or(call->req->params, "height", 0);
    if (ym_json_get(call->req->params, "resolution"))
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The prompt gives both a resolution and pixels; keep one of them.");
    if ((w == 0 || h == 0) && r.w == 0)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The %s is missing: give both width and height, or an aspect_ratio with one of them.",
                       w == 0 ? "width" : "height");
    if (w == 0)
        w = nearest((double)h * r.w / r.h, step);
    if (h == 0)
        h = nearest((double)w * r.h / r.w, step);
    *ret = (struct openai_size){w, h};
    return 0;
}

int openai_size(const struct ym_call *call, struct openai_size *ret, struct ym_err *e)
{
    const cJSON *p = call->req->params;
    struct openai_size s = {0, 0};
    struct ratio r = ratio_read(call);
    bool video = call->req->kind == YM_VIDEO;
    int rc = 0;
    if (ym_json_get(p, "width") || ym_json_get(p, "height"))
        rc = by_edges(call, r, &s, e);
    else if (r.w || ym_json_get(p, "resolution"))
        s = video ? video_by_class(call, r) : image_by_class(call, r);
    if (rc == 0 && s.width)
        rc = video ? video_limits(call, s, e) : image_limits(call, s, e);
    if (rc == 0)
        *ret = s;
    return rc;
}
