/* The camera's way, and one picture of the film after the other. */
#include "clip.h"

void film_camera(struct film *f, double room, double sun_x, double sun_y)
{
    struct rng r = {f->seed ^ 0x63616d657261};
    double tx = mixd(0.5, sun_x, 0.35), ty = mixd(0.5, clampd(sun_y, 0.2, 0.8), 0.35);
    f->zoom[0] = f->zoom[1] = 1 + room * 0.75;
    for (int i = 0; i < 2; i++)
        f->cx[i] = f->cy[i] = 0.5;
    double aside = 0.5 - 0.5 / f->zoom[0];
    switch (rng_below(&r, 5)) {
    case 0:
    case 1: /* towards what is worth seeing */
        f->zoom[0] = 1;
        f->zoom[1] = 1 + room;
        f->cx[1] = tx;
        f->cy[1] = ty;
        break;
    case 2: /* away from it */
        f->zoom[0] = 1 + room;
        f->zoom[1] = 1;
        f->cx[0] = tx;
        f->cy[0] = ty;
        break;
    case 3: /* to one side */
        f->cx[0] = 0.5 - aside;
        f->cx[1] = 0.5 + aside;
        break;
    case 4:
        f->cx[0] = 0.5 + aside;
        f->cx[1] = 0.5 - aside;
        f->cy[0] = 0.5 + aside * 0.3;
        break;
    }
}

void film_ready(struct film *f)
{
    struct plane *planes[3] = {&f->back, &f->front, &f->last};
    size_t n = (size_t)f->w * (size_t)f->h;
    for (int i = 0; i < 3; i++)
        if (planes[i]->px)
            lens_init(&f->lens[i], planes[i], f->w, f->h);
    f->frame = (struct frame){f->w, f->h, ym_alloc_array(n, sizeof(v4))};
    f->yuv = ym_alloc(n * 3 / 2);
    f->yuv_len = f->yuv_at = n * 3 / 2;
    f->corners = ym_alloc_array(n, sizeof(float));
    for (int y = 0; y < f->h; y++)
        for (int x = 0; x < f->w; x++) {
            double u = (x + 0.5) / f->w * 2 - 1, v = (y + 0.5) / f->h * 2 - 1, far = fmax(0, u * u + v * v - 0.68);
            f->corners[(size_t)y * (size_t)f->w + (size_t)x] = f->given ? 1 : (float)(1 - far * far * 0.105);
        }
}

struct view {
    double zoom, cx, cy;
};

/* Between the camera's ends, gently started and ended; in zooms every step is the same part of the view. */
static struct view view_at(const struct film *f, double t)
{
    double u = mixd(t, smooth(0, 1, t), 0.6);
    double zoom = f->zoom[0] * pow(f->zoom[1] / f->zoom[0], u);
    /* The centre follows the zoom, so that the point that is zoomed at stays where it is. */
    double k = fabs(f->zoom[1] - f->zoom[0]) < 1e-6 ? u : (1 / f->zoom[0] - 1 / zoom) / (1 / f->zoom[0] - 1 / f->zoom[1]);
    return (struct view){zoom, mixd(f->cx[0], f->cx[1], k), mixd(f->cy[0], f->cy[1], k)};
}

/* What is far moves less, but the horizon stays where land and sky meet. */
static struct view view_far(const struct film *f, struct view near)
{
    double zoom = 1 + (near.zoom - 1) * 0.55;
    return (struct view){zoom, 0.5 + (near.cx - 0.5) * 0.4, f->horizon - (f->horizon - near.cy) * near.zoom / zoom};
}

static void planes_paint(struct film *f, double t)
{
    double to_last = f->last.px ? smooth(0.35, 0.8, t) : 0;
    YM_AUTOFREE v4 *over = ym_alloc_array((size_t)f->w, sizeof(v4));
    struct view near = view_at(f, t), far = f->front.px ? view_far(f, near) : near;
    lens_aim(&f->lens[0], far.zoom, far.cx, far.cy);
    if (f->front.px)
        lens_aim(&f->lens[1], near.zoom, near.cx, near.cy);
    if (to_last > 0)
        lens_aim(&f->lens[2], 1 + 0.10 * (1 - mixd(t, smooth(0, 1, t), 0.6)), 0.5, 0.5);
    for (int y = 0; y < f->h; y++) {
        v4 *row = f->frame.px + (size_t)y * (size_t)f->w;
        lens_row(&f->lens[0], y, row);
        if (f->front.px) {
            lens_row(&f->lens[1], y, over);
            for (int x = 0; x < f->w; x++)
                row[x] = over[x] + row[x] * (1 - over[x][3]);
        }
        if (to_last > 0) {
            lens_row(&f->lens[2], y, over);
            for (int x = 0; x < f->w; x++)
                row[x] += (over[x] - row[x]) * (float)to_last;
        }
    }
}

static void letters_paint_over(struct film *f)
{
    const unsigned char *data = cairo_image_surface_get_data(f->letters);
    int stride = cairo_image_surface_get_stride(f->letters);
    for (int y = f->h / 2; y < f->h; y++) {
        const uint32_t *in = (const uint32_t *)(const void *)(data + (ptrdiff_t)y * stride);
        v4 *row = f->frame.px + (size_t)y * (size_t)f->w;
        for (int x = 0; x < f->w; x++)
            if (in[x]) {
                v4 c = {(float)(in[x] >> 16 & 255), (float)(in[x] >> 8 & 255), (float)(in[x] & 255), 0};
                row[x] = row[x] * (1 - (float)(in[x] >> 24) / 255) + c;
            }
    }
}

static uint8_t byte(float v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : (int)v);
}

/* BT.709, limited range; colours for every four pixels. */
static void yuv_make(struct film *f)
{
    size_t w = (size_t)f->w, h = (size_t)f->h;
    uint8_t *luma_out = f->yuv, *cb = f->yuv + w * h, *cr = cb + w * h / 4;
    for (size_t y = 0; y < h; y++) {
        const v4 *row = f->frame.px + y * w;
        for (size_t x = 0; x < w; x++)
            luma_out[y * w + x] = byte(row[x][0] * 0.18259F + row[x][1] * 0.61423F + row[x][2] * 0.06201F + 16.5F +
                                       (float)dither_at((int)x, (int)y) * 0.9F);
    }
    for (size_t y = 0; y < h; y += 2)
        for (size_t x = 0; x < w; x += 2) {
            const v4 *p = f->frame.px + y * w + x;
            v4 c = (p[0] + p[1] + p[w] + p[w + 1]) * 0.25F;
            float d = (float)dither_at((int)x / 2, (int)y / 2) * 0.9F;
            *cb++ = byte(c[0] * -0.10064F + c[1] * -0.33857F + c[2] * 0.43922F + 128.5F + d);
            *cr++ = byte(c[0] * 0.43922F + c[1] * -0.39894F + c[2] * -0.04027F + 128.5F + d);
        }
}

void film_next(struct film *f)
{
    double t = f->frames > 1 ? (double)f->done / (f->frames - 1) : 0, seconds = f->done / f->fps;
    planes_paint(f, t);
    air_paint(&f->frame, f->air, f->seed, seconds, f->glow);
    size_t n = (size_t)f->w * (size_t)f->h;
    for (size_t i = 0; i < n; i++)
        f->frame.px[i] *= f->corners[i];
    if (f->letters)
        letters_paint_over(f);
    yuv_make(f);
    f->yuv_at = 0;
    f->done++;
}

void film_fini(struct film *f)
{
    for (int i = 0; i < 3; i++)
        lens_fini(&f->lens[i]);
    plane_fini(&f->back);
    plane_fini(&f->front);
    plane_fini(&f->last);
    if (f->letters)
        cairo_surface_destroy(f->letters);
    free(f->frame.px);
    free(f->corners);
    free(f->yuv);
}
