/* Over everything: weather before the lens, a print of the reference, vignette and paper. */
#include "art.h"

#include <errno.h>
#include <unistd.h>

static void rain_fall(struct art *a)
{
    struct rng r = art_rng(a, "rain");
    cairo_t *cr = a->cr;
    double slant = rng_in(&r, -0.25, 0.25) + (a->sc.weather == SKY_STORM ? 0.2 : 0);
    struct rgb c = mix(a->pal.cloud_lit, hex(0xffffff), 0.35);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
    for (int layer = 0; layer < 3; layer++) { /* far and fine, near and long */
        double len = a->scale * (0.018 + 0.022 * layer);
        int n = (int)((a->detail == 0 ? 200 : 420) / (1 + 0.8 * layer));
        for (int i = 0; i < n; i++) {
            double x = rng_in(&r, -0.1, 1.1) * a->w, y = rng_in(&r, -0.05, 1) * a->h,
                   l = len * rng_in(&r, 0.5, 1.2);
            cairo_move_to(cr, x, y);
            cairo_line_to(cr, x + l * slant, y + l);
        }
        cairo_set_line_width(cr, clampd(a->unit * (0.0007 + 0.0006 * layer), 0.5, 8));
        set_rgb(cr, c, 0.16 + 0.05 * layer);
        cairo_stroke(cr);
    }
}

static void snow_fall(struct art *a)
{
    struct rng r = art_rng(a, "snow");
    cairo_t *cr = a->cr;
    for (int layer = 0; layer < 4; layer++) {
        int n = (int)((a->detail == 0 ? 130 : 260) / (1 + 1.3 * layer));
        double size = a->unit * (0.0012 + 0.0016 * layer);
        for (int i = 0; i < n; i++) {
            cairo_new_sub_path(cr);
            cairo_arc(cr, rng_unit(&r) * a->w, rng_unit(&r) * a->h, size * rng_in(&r, 0.6, 1.3), 0,
                      2 * M_PI);
        }
        set_rgb(cr, hex(0xffffff), layer == 3 ? 0.5 : 0.75 - 0.08 * layer);
        cairo_fill(cr);
    }
}

void finish_weather(struct art *a)
{
    switch (a->sc.weather) {
    case SKY_RAIN:
    case SKY_STORM:
        rain_fall(a);
        break;
    case SKY_SNOW:
        snow_fall(a);
        break;
    case SKY_FOG:
        land_mist(a, a->horizon + a->h * 0.05, a->h * 0.20, 0.62, "fog far");
        land_mist(a, a->h * 0.86, a->h * 0.22, 0.42, "fog near");
        break;
    case SKY_ANY:
    case SKY_CLEAR:
    case SKY_CLOUDS:
        break;
    }
}

/* Darker corners, and a fine weave of paper: a fixed tile, so that the PNG stays small. */
void finish_grain(struct art *a)
{
    enum { TILE = 64 };
    signed char tile[TILE][TILE];
    struct rng r = {0x7061706572};
    for (int y = 0; y < TILE; y++)
        for (int x = 0; x < TILE; x++)
            tile[y][x] = (signed char)(a->detail == 0 ? 0 : (int)(rng_next(&r) % 192) - 96);
    int stride;
    uint32_t *px = art_lock(a, &stride);
    YM_AUTOFREE int *across = ym_alloc_array((size_t)a->w, sizeof(int));
    for (int x = 0; x < a->w; x++) {
        double u = (x + 0.5) / a->w * 2 - 1;
        across[x] = (int)(u * u * 1024);
    }
    for (int y = 0; y < a->h; y++) {
        double v = (y + 0.5) / a->h * 2 - 1;
        int down = (int)(v * v * 1024);
        uint32_t *row = px + (ptrdiff_t)y * stride;
        const signed char *t = tile[y & (TILE - 1)];
        for (int x = 0; x < a->w; x++) {
            int far = across[x] + down - 700; /* 0 .. 1348 beyond the middle */
            int k = far <= 0 ? 1024 : 1024 - far * far / 9800;
            int add =
                128 * 4 + t[x & (TILE - 1)] * 8; /* in 1/1024: at most three quarters of a step */
            uint32_t p = row[x];
            int red = (int)((p >> 16 & 255) * (unsigned)k) + add,
                green = (int)((p >> 8 & 255) * (unsigned)k) + add;
            int blue = (int)((p & 255) * (unsigned)k) + add;
            red = red < 0 ? 0 : red > 255 * 1024 ? 255 * 1024 : red;
            green = green < 0 ? 0 : green > 255 * 1024 ? 255 * 1024 : green;
            blue = blue < 0 ? 0 : blue > 255 * 1024 ? 255 * 1024 : blue;
            row[x] =
                (uint32_t)(red >> 10) << 16 | (uint32_t)(green >> 10) << 8 | (uint32_t)(blue >> 10);
        }
    }
    art_unlock(a);
}

struct source {
    int fd;
    off_t at;
};

static cairo_status_t source_read(void *ctx, unsigned char *data, unsigned len)
{
    struct source *s = ctx;
    while (len > 0) {
        ssize_t n = pread(s->fd, data, len, s->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return CAIRO_STATUS_READ_ERROR;
        data += n;
        s->at += n;
        len -= (unsigned)n;
    }
    return CAIRO_STATUS_SUCCESS;
}

/* A PNG of sane size, else NULL: the header is read before anything is allocated for it. */
static cairo_surface_t *print_load(int fd)
{
    unsigned char h[24];
    struct source s = {.fd = fd};
    if (source_read(&s, h, sizeof(h)) || memcmp(h, "\x89PNG\r\n\x1a\n", 8) ||
        memcmp(h + 12, "IHDR", 4))
        return NULL;
    uint64_t w = (uint64_t)h[16] << 24 | (uint64_t)h[17] << 16 | (uint64_t)h[18] << 8 | h[19];
    uint64_t v = (uint64_t)h[20] << 24 | (uint64_t)h[21] << 16 | (uint64_t)h[22] << 8 | h[23];
    if (!w || !v || w > 16384 || v > 16384 || w * v > SKETCH_PIXELS_MAX)
        return NULL;
    s.at = 0;
    cairo_surface_t *img = cairo_image_surface_create_from_png_stream(source_read, &s);
    if (cairo_surface_status(img)) {
        cairo_surface_destroy(img);
        return NULL;
    }
    return img;
}

static void print_lay(struct art *a, cairo_surface_t *img, double x, double y, double size,
                      double turn)
{
    cairo_t *cr = a->cr;
    double iw = cairo_image_surface_get_width(img), ih = cairo_image_surface_get_height(img),
           edge = size * 0.05;
    double k = size / fmax(iw, ih), w = iw * k, h = ih * k;
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, turn);
    for (int i = 4; i >= 0; i--) {
        double s = edge * 0.35 * i;
        cairo_rectangle(cr, -w / 2 - edge - s / 2 + s * 0.4, -h / 2 - edge - s / 2 + s * 0.7,
                        w + 2 * edge + s, h + 2 * edge + s);
        set_rgb(cr, i ? hex(0x000000) : hex(0xf8f4ea), i ? 0.09 : 1);
        cairo_fill(cr);
    }
    cairo_scale(cr, k, k);
    cairo_set_source_surface(cr, img, -iw / 2, -ih / 2);
    cairo_paint(cr);
    cairo_restore(cr);
}

void finish_refs(struct art *a, const int *fds, size_t n)
{
    struct rng r = art_rng(a, "prints");
    double size = a->unit * 0.22, x = a->w - size * 0.72;
    for (size_t i = 0; i < n && i < 4; i++) {
        cairo_surface_t *img = print_load(fds[i]);
        if (!img)
            continue;
        print_lay(a, img, x, size * (0.72 + 0.06 * (double)i), size, rng_in(&r, -0.09, 0.09));
        cairo_surface_destroy(img);
        x -= size * 1.15;
    }
}
