/* A skyline: blocks in several depths, lit windows, and a river or a street of light before it. */
#include "art.h"

struct block {
    double x, w, top, foot;
    int crown; /* 0 flat, 1 steps, 2 spire, 3 slanted, 4 mast, 5 dome */
};

static void block_outline(cairo_t *cr, const struct block *b)
{
    double x = b->x, w = b->w, y = b->top, k = w * 0.5;
    cairo_rectangle(cr, x, y, w, b->foot - y);
    switch (b->crown) {
    case 1:
        cairo_rectangle(cr, x + w * 0.14, y - k * 0.45, w * 0.72, k * 0.5);
        cairo_rectangle(cr, x + w * 0.30, y - k * 0.85, w * 0.40, k * 0.5);
        break;
    case 2:
        cairo_rectangle(cr, x + w * 0.2, y - k * 0.5, w * 0.6, k * 0.55);
        cairo_move_to(cr, x + w * 0.2, y - k * 0.5);
        cairo_line_to(cr, x + w * 0.5, y - k * 2.1);
        cairo_line_to(cr, x + w * 0.8, y - k * 0.5);
        cairo_close_path(cr);
        break;
    case 3:
        cairo_move_to(cr, x, y + 0.5);
        cairo_line_to(cr, x, y - k * 0.9);
        cairo_line_to(cr, x + w, y + 0.5);
        cairo_close_path(cr);
        break;
    case 4:
        cairo_rectangle(cr, x + w * 0.25, y - k * 0.2, w * 0.5, k * 0.25);
        cairo_rectangle(cr, x + w * 0.47, y - k * 1.7, fmax(1, w * 0.05), k * 1.7);
        break;
    case 5:
        cairo_new_sub_path(cr);
        cairo_arc(cr, x + k, y + 1, k * 0.82, M_PI, 2 * M_PI);
        cairo_close_path(cr);
        cairo_rectangle(cr, x + w * 0.48, y - k * 1.5, fmax(1, w * 0.04), k * 0.8);
        break;
    default:
        cairo_rectangle(cr, x + w * 0.62, y - k * 0.18, w * 0.2, k * 0.2);
        break;
    }
}

/* The windows of one colour (`pick` of 3) added to the path, on whole pixels so that they stay
 * crisp. */
static void block_windows(cairo_t *cr, const struct block *b, uint64_t seed, double cell,
                          double lit, int pick)
{
    struct rng r = {seed};
    double ww = fmax(1, floor(cell * 0.46)), wh = fmax(1, floor(cell * 0.52)),
           pitch = fmax(2, floor(cell));
    int cols = (int)((b->w - pitch * 0.6) / pitch);
    bool band = rng_chance(&r, 0.18);
    if (cols < 1)
        return;
    double x0 = floor(b->x + (b->w - cols * pitch) / 2 + (pitch - ww) / 2);
    for (double y = floor(b->top + pitch * 0.7); y < b->foot - pitch;
         y += band ? pitch : floor(pitch * 1.25)) {
        double floor_lit = lit * rng_in(&r, 0.35, 1.35);
        for (int i = 0; i < cols; i++) {
            uint64_t v = rng_next(&r);
            if ((double)(v & 0xffff) / 65536.0 > floor_lit || (int)(v >> 20 & 3) % 3 != pick)
                continue;
            cairo_rectangle(cr, x0 + i * pitch, y, band ? pitch : ww,
                            band ? fmax(1, wh * 0.6) : wh);
        }
    }
}

static int blocks_plan(const struct art *a, struct rng *r, double t, double foot, struct block *b,
                       int max)
{
    uint32_t s = art_noise(a, "downtown");
    double unit = a->scale * (0.035 + 0.045 * t), x = -unit;
    int n = 0;
    while (x < a->w + unit && n < max) {
        double w = unit * rng_in(r, 0.55, 1.5), mid = (x + w / 2) / a->w;
        double core = exp(-pow((mid - 0.3 - 0.4 * (noise1(s, t * 2 + 3) + 0.5)) / 0.32, 2));
        double tall =
            a->scale * (0.10 + 0.36 * core * (1 - 0.55 * t) + 0.05 * t) * rng_in(r, 0.45, 1.15);
        if (rng_chance(r, 0.07)) {
            tall *= 1.35;
            w *= 0.75;
        }
        b[n++] = (struct block){floor(x), floor(w) + 1, floor(foot - tall), foot,
                                rng_chance(r, 0.62) ? 0 : 1 + rng_below(r, 5)};
        x += w * rng_in(r, 0.86, 1.12);
    }
    return n;
}

static void layer_draw(struct art *a, double t, double foot, const char *name)
{
    static const uint32_t lamp[3] = {0xffd98a, 0xffb45e, 0xdfe9ff};
    struct rng r = art_rng(a, name);
    cairo_t *cr = a->cr;
    YM_AUTOFREE struct block *b = ym_alloc_array(400, sizeof(*b));
    int n = blocks_plan(a, &r, t, foot, b, 400);
    struct rgb top = mix(a->pal.haze, a->pal.near, 0.22 + 0.75 * t),
               low = mix(top, a->pal.haze, 0.55 - 0.35 * t);
    top = mix(top, mix(a->pal.haze, a->pal.sky[1], 0.5), 0.25 * a->pal.light);
    bool dark = a->pal.light < 0.3;
    double lit = dark                 ? 0.50
                 : a->pal.light < 0.5 ? 0.22
                                      : 0.0,
           cell = clampd(a->scale * (0.0055 + 0.006 * t), 2, 60);
    double side = a->sun_x > a->w / 2.0 ? 1 : -1;
    for (int i = 0; i < n; i++) {
        struct rgb own =
            mix(top, rng_chance(&r, 0.5) ? a->pal.near : a->pal.haze, rng_in(&r, 0, 0.16));
        cairo_pattern_t *p = cairo_pattern_create_linear(0, b[i].top, 0, foot);
        stop_rgb(p, 0, own, 1);
        stop_rgb(p, 1, mix(own, low, 0.85), 1);
        block_outline(cr, &b[i]);
        cairo_set_source(cr, p);
        cairo_fill(cr);
        cairo_pattern_destroy(p);
        double edge = fmax(1, b[i].w * 0.07); /* the side that catches the light */
        double near = exp(-fabs(b[i].x - a->sun_x) / a->scale * 2.2);
        cairo_rectangle(cr, side > 0 ? b[i].x + b[i].w - edge : b[i].x, b[i].top, edge,
                        foot - b[i].top);
        set_rgb(cr, mix(own, a->pal.glow, 0.7), 0.10 + 0.35 * near);
        cairo_fill(cr);
        uint64_t seed = rng_next(&r);
        if (lit > 0)
            for (int k = 0; k < 3; k++) {
                block_windows(cr, &b[i], seed, cell, lit, k);
                set_rgb(cr, hex(lamp[k]), 0.42 + 0.48 * t);
                cairo_fill(cr);
            }
        else
            for (int k = 0; k < 3; k++) { /* by day glass mirrors the sky */
                block_windows(cr, &b[i], seed, cell, 0.9, k);
                set_rgb(cr,
                        mix(own,
                            k == 0   ? a->pal.sky[1]
                            : k == 1 ? a->pal.near
                                     : a->pal.sky[3],
                            0.55),
                        0.30);
                cairo_fill(cr);
            }
    }
}

static void street_glow(struct art *a, double y)
{
    if (a->pal.light > 0.3)
        return;
    cairo_pattern_t *p = cairo_pattern_create_linear(0, y - a->h * 0.14, 0, y);
    stop_rgb(p, 0, hex(0xffb060), 0);
    stop_rgb(p, 1, hex(0xffb060), 0.30);
    cairo_set_source(a->cr, p);
    cairo_rectangle(a->cr, 0, y - a->h * 0.14, a->w, a->h * 0.14);
    cairo_fill(a->cr);
    cairo_pattern_destroy(p);
}

static void bridge_draw(struct art *a, double y)
{
    cairo_t *cr = a->cr;
    struct rng r = art_rng(a, "bridge");
    double deck = y - a->scale * 0.035, mast = a->scale * 0.16,
           span = a->scale * rng_in(&r, 0.5, 0.75);
    double x0 = rng_in(&r, 0.1, 0.5) * a->w, thick = fmax(1.5, a->scale * 0.005);
    set_rgb(cr, mix(a->pal.near, a->pal.haze, 0.12), 1);
    cairo_rectangle(cr, -5, deck, a->w + 10, thick * 1.6);
    cairo_fill(cr);
    for (int k = -3; k < 5; k++) {
        double x = x0 + k * span;
        cairo_rectangle(cr, x - thick * 1.2, deck - mast, thick * 0.9, mast + a->scale * 0.035);
        cairo_rectangle(cr, x + thick * 0.4, deck - mast, thick * 0.9, mast + a->scale * 0.035);
        cairo_rectangle(cr, x - thick * 1.2, deck - mast * 0.85, thick * 2.5, thick * 0.7);
        cairo_fill(cr);
        cairo_set_line_width(cr, thick * 0.45);
        cairo_move_to(cr, x, deck - mast);
        cairo_curve_to(cr, x + span * 0.3, deck - mast * 0.12, x + span * 0.7, deck - mast * 0.12,
                       x + span, deck - mast);
        cairo_stroke(cr);
        cairo_set_line_width(cr, fmax(0.5, thick * 0.16));
        for (int i = 1; i < 24; i++) {
            double t = i / 24.0, u = 1 - t,
                   sag = mast * (u * u * u + t * t * t + 0.36 * (u * u * t + u * t * t));
            cairo_move_to(cr, x + span * t, deck);
            cairo_line_to(cr, x + span * (3 * u * u * t * 0.3 + 3 * u * t * t * 0.7 + t * t * t),
                          deck - sag);
        }
        cairo_stroke(cr);
    }
}

/* Somebody in the city sits or stands on a roof across from it. */
static void rooftop_paint(struct art *a)
{
    const uint32_t seated = (1u << FIG_WHALE) - 1;
    const uint32_t folk = 1u << FIG_COUPLE | 1u << FIG_PERSON | 1u << FIG_CHILD | 1u << FIG_BICYCLE;
    YM_AUTOFREE double *line = ym_alloc_array((size_t)a->w, sizeof(double));
    double y = floor(a->h * 0.85), ledge = fmax(2, a->unit * 0.016);
    cairo_t *cr = a->cr;
    for (int x = 0; x < a->w; x++)
        line[x] = y;
    if (figures_any(a, seated | folk)) {
        set_rgb(cr, mix(a->pal.near, a->pal.haze, 0.10), 1);
        cairo_rectangle(cr, 0, y, a->w, a->h);
        cairo_fill(cr);
        set_rgb(cr, mix(a->pal.near, a->pal.glow, 0.28), 1);
        cairo_rectangle(cr, 0, y, a->w, fmax(1, ledge * 0.16));
        cairo_fill(cr);
        set_rgb(cr, mix(a->pal.near, a->pal.haze, 0.04), 1);
        cairo_rectangle(cr, 0, y + ledge, a->w, a->h);
        cairo_fill(cr);
    }
    figures_paint(a, line);
}

void city_paint(struct art *a)
{
    struct rng r = art_rng(a, "city");
    bool water = a->sc.places & (IN_SEA | IN_LAKE | IN_BEACH) || rng_chance(&r, 0.6);
    double shore = water ? a->h * rng_in(&r, 0.70, 0.76) : a->h * 1.01;
    double far = mixd(a->horizon, shore, 0.55);
    a->horizon = far;
    layer_draw(a, 0.0, far + a->h * 0.02, "blocks 0");
    land_mist(a, far, a->h * 0.06, 0.55, "blocks 0");
    layer_draw(a, 0.33, mixd(far, shore, water ? 0.5 : 0.35), "blocks 1");
    land_mist(a, mixd(far, shore, 0.5), a->h * 0.05, 0.42, "blocks 1");
    layer_draw(a, 0.62, mixd(far, shore, water ? 1 : 0.72), "blocks 2");
    street_glow(a, mixd(far, shore, water ? 1 : 0.72));
    if (!water) {
        layer_draw(a, 1.0, shore, "blocks 3");
        rooftop_paint(a);
        return;
    }
    if (rng_chance(&r, 0.4))
        bridge_draw(a, shore);
    water_paint(a, shore, a->h, 0.22);
    figures_afloat(a, shore, a->h);
    rooftop_paint(a);
}
