/* Water: it mirrors what has been painted above it, broken by ripples; and the world below it. */
#include "art.h"

struct water {
    uint32_t seed;
    double top, bottom, wave;
    struct rgb tint, spark;
};

static struct rgb water_at(const struct art *a, const struct water *w, const uint32_t *px,
                           int stride, int x, int y, double n, double fine)
{
    double d = (y - w->top) / (w->bottom - w->top), run = y - w->top;
    double sy = w->top - 1 - run * (0.92 - 0.25 * w->wave) -
                fabs(n) * a->scale * (0.010 + 0.05 * w->wave) * (0.3 + d);
    double sx = x + n * a->scale * (0.004 + 0.02 * w->wave) * (0.4 + 2 * d);
    int yy = (int)clampd(sy, 0, w->top - 1), xx = (int)clampd(sx, 0, a->w - 1);
    struct rgb c = unpixel(px[(ptrdiff_t)yy * stride + xx]);
    double own = (0.16 + 0.30 * w->wave) + (0.28 + 0.10 * w->wave) * d - 0.16 * n;
    own -= 0.45 * smooth(0.72, 1, luma(c)); /* light is mirrored best */
    c = mix(c, w->tint, clampd(own, 0, 0.85));
    double off = (x - a->sun_x) / (a->scale * (0.035 + 0.16 * d + 0.05 * w->wave));
    double lane = exp(-off * off), crest = smooth(0.18, 0.62, n * 0.55 + fine * 0.8);
    double wide = 0.10 * exp(-off * off * 0.06);
    c = mix(c, w->spark, clampd(crest * (0.85 * lane + wide), 0, 0.95));
    double edge = smooth(0.25, 0.75, n + 0.5 * fine);
    return mix(c, a->pal.sky[2], 0.22 * edge * (0.3 + 0.7 * w->wave));
}

void water_paint(struct art *a, double top, double bottom, double wave)
{
    struct water w = {.seed = art_noise(a, "water"), .top = top, .bottom = bottom, .wave = wave};
    w.tint = mix(a->pal.water, scale(a->pal.sky[0], 0.8), 0.3);
    w.spark = mix(a->pal.sun, a->pal.glow, 0.25);
    int stride, y0 = (int)clampd(top, 1, a->h), y1 = (int)clampd(bottom, 0, a->h);
    w.top = y0;
    uint32_t *px = art_lock(a, &stride);
    for (int y = y0; y < y1; y++) {
        double d = (y - y0 + 1) / (bottom - top), z = 1 / (d + 0.09); /* rows recede */
        double fx = 11 * z / a->scale, v = z * (6 + wave), fv = z * 19;
        uint32_t *row = px + (ptrdiff_t)y * stride;
        for (int x = 0; x < a->w; x++) {
            double u = (x - a->w * 0.5) * fx;
            double n = noise2(w.seed, u * 0.45, v) * 0.7;
            double fine = noise2(w.seed + 1, u * 1.15, fv);
            row[x] = pixel(water_at(a, &w, px, stride, x, y, n, fine), dither_at(x, y));
        }
    }
    art_unlock(a);
    cairo_pattern_t *p = cairo_pattern_create_linear(0, top - a->h * 0.012, 0, top + a->h * 0.02);
    stop_rgb(p, 0, a->pal.sky[3], 0); /* light lies on the far edge */
    stop_rgb(p, 0.4, a->pal.sky[3], 0.30);
    stop_rgb(p, 1, a->pal.sky[3], 0);
    cairo_set_source(a->cr, p);
    cairo_rectangle(a->cr, 0, top - a->h * 0.012, a->w, a->h * 0.032);
    cairo_fill(a->cr);
    cairo_pattern_destroy(p);
}

static void coast_far(struct art *a, struct rng *r)
{
    YM_AUTOFREE double *line = ym_alloc_array((size_t)a->w, sizeof(double));
    int n = a->sc.places & IN_MOUNTAINS ? 3 : 1 + rng_below(r, 2);
    for (int i = 0; i < n; i++) {
        struct range g = {.name = i == 0   ? "coast 0"
                                  : i == 1 ? "coast 1"
                                           : "coast 2",
                          .line = line};
        double side = rng_chance(r, 0.5) ? 0 : a->w, reach = a->w * rng_in(r, 0.35, 0.85);
        g.base = a->horizon + 1;
        g.amp = a->scale * (a->sc.places & IN_MOUNTAINS ? 0.26 : 0.10) * rng_in(r, 0.7, 1.2) *
                (1 - 0.2 * i);
        g.width = a->scale * rng_in(r, 0.25, 0.4);
        g.rugged = 0.8;
        g.relief = 0.7;
        g.top = mix(land_color(a, 0.16 + 0.2 * i), a->pal.sky[1], 0.25);
        g.foot = mix(g.top, mix(a->pal.haze, a->pal.sky[3], 0.5), 0.6);
        g.fade = g.amp;
        land_line(a, &g);
        for (int x = 0; x < a->w; x++) { /* a headland, running out into the sea */
            double k = smooth(1, 0.25, fabs(x - side) / reach);
            line[x] = mixd(a->horizon + 3, line[x], k);
        }
        land_paint(a, &g, a->horizon + 1);
    }
}

/* Lines of surf, each with its shadow, that come in towards a beach. */
static void surf_draw(struct art *a, double top, double bottom)
{
    cairo_t *cr = a->cr;
    uint32_t s = art_noise(a, "surf");
    struct rgb foam = mix(a->pal.cloud_lit, hex(0xffffff), 0.5 * a->pal.light);
    for (int i = 0; i < 5; i++) {
        double t = (i + 1) / 5.0, y = mixd(top, bottom, t * t), thick = a->scale * 0.012 * t;
        for (int pass = 0; pass < 2; pass++) {
            cairo_move_to(cr, -5, a->h + 5);
            for (int x = -4; x <= a->w + 8; x += 4) {
                double n = fbm1(s + (uint32_t)i * 31u, x / a->scale * 2.2, 5);
                cairo_line_to(cr, x, y + n * a->scale * 0.035 * t + (pass ? thick * (0.6 + n) : 0));
            }
            if (pass == 0) {
                for (int x = (int)a->w + 8; x >= -4; x -= 4) {
                    double n = fbm1(s + (uint32_t)i * 31u, x / a->scale * 2.2, 5);
                    double m = fbm1(s + 400 + (uint32_t)i, x / a->scale * 9, 3);
                    cairo_line_to(
                        cr, x, y + n * a->scale * 0.035 * t + thick * clampd(1 + 1.4 * m, 0.1, 3));
                }
                cairo_close_path(cr);
                set_rgb(cr, foam, 0.45 + 0.4 * t);
                cairo_fill(cr);
            }
        }
        cairo_new_path(cr);
    }
}

static double *beach_paint(struct art *a)
{
    struct rng r = art_rng(a, "beach");
    double l = 0.30 + 0.70 * clampd(luma(a->pal.sky[2]), 0, 1);
    double *line = ym_alloc_array((size_t)a->w, sizeof(double));
    double tilt = rng_in(&r, -0.08, 0.08) * a->h, y = a->h * rng_in(&r, 0.84, 0.88);
    surf_draw(a, mixd(a->horizon, y, 0.5), y + a->h * 0.01);
    struct range g = {
        .name = "beach", .line = line, .base = y, .amp = a->h * 0.03, .width = a->scale * 0.8};
    g.top = mix(scale(hex(0xe8cfa0), l), a->pal.glow, 0.22);
    g.foot = mix(scale(g.top, 0.7), a->pal.near, 0.2);
    g.fade = a->h * 0.2;
    land_line(a, &g);
    for (int x = 0; x < a->w; x++)
        line[x] += tilt * (x / (double)a->w - 0.5) * 2;
    land_paint(a, &g, a->h);
    int n = 2 + rng_below(&r, 2);
    double side = rng_chance(&r, 0.5) ? 0.06 : 0.76;
    for (int i = 0; i < n; i++) {
        double x = a->w * (side + rng_in(&r, 0, 0.18));
        tree_palm(a, &r, x, line[(int)clampd(x, 0, a->w - 1)] + a->h * 0.02 * (i + 1),
                  a->scale * rng_in(&r, 0.38, 0.62),
                  mix(a->pal.near, a->pal.leaf, 0.25 * a->pal.light));
    }
    return line;
}

void water_sea(struct art *a)
{
    struct rng r = art_rng(a, "sea");
    if (rng_chance(&r, 0.7) || a->sc.places & IN_MOUNTAINS)
        coast_far(a, &r);
    double rough = a->sc.weather == SKY_STORM ? 1 : rng_in(&r, 0.35, 0.65);
    water_paint(a, a->horizon, a->h, rough);
    figures_afloat(a, a->horizon, a->h);
    double *line;
    if (a->sc.places & IN_BEACH) {
        line = beach_paint(a);
        figures_paint(a, line);
    } else if (figures_any(a, ~(1u << FIG_BOAT | 1u << FIG_SHIP | 1u << FIG_WHALE | 1u << FIG_FISH |
                                1u << FIG_BIRD | 1u << FIG_BALLOON)) ||
               rng_chance(&r, 0.45)) {
        line = land_foreground(a, a->h * 0.96, a->h * 0.09);
        figures_paint(a, line);
    } else {
        line = NULL;
        figures_paint(a, NULL);
    }
    free(line);
}

/* ---- below the surface ---- */
static void kelp_draw(struct art *a, struct rng *r, double x, double tall, double wide,
                      struct rgb c)
{
    cairo_t *cr = a->cr;
    double phase = rng_in(r, 0, 6), sway = tall * 0.07;
    set_rgb(cr, c, 1);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i <= 24; i++) {
            double t = side ? 1 - i / 24.0 : i / 24.0,
                   k = (side ? 1 : -1) * wide * (1 - t * 0.85) * (0.75 + 0.35 * sin(t * 26));
            cairo_line_to(cr, x + sin(phase + t * 5) * sway * t + k, a->h + 4 - tall * t);
        }
    cairo_close_path(cr);
    cairo_fill(cr);
}

static void coral_grow(cairo_t *cr, struct rng *r, double x, double y, double ang, double len,
                       int depth)
{
    if (depth == 0)
        return;
    double ex = x + cos(ang) * len, ey = y + sin(ang) * len;
    cairo_set_line_width(cr, len * 0.34);
    cairo_move_to(cr, x, y);
    cairo_line_to(cr, ex, ey);
    cairo_stroke(cr);
    for (int i = 0; i < 3; i++)
        if (i != 1 || rng_chance(r, 0.5))
            coral_grow(cr, r, ex, ey, ang + (i - 1) * 0.5 + rng_in(r, -0.2, 0.2), len * 0.74,
                       depth - 1);
}

static void under_light(struct art *a, struct rng *r, const struct rgb five[4])
{
    cairo_t *cr = a->cr;
    cairo_pattern_t *p = cairo_pattern_create_linear(0, 0, 0, a->h);
    for (int i = 0; i < 4; i++)
        stop_rgb(p, (double[]){0, 0.3, 0.65, 1}[i], five[i], 1);
    cairo_set_source(cr, p);
    cairo_paint(cr);
    cairo_pattern_destroy(p);
    double cx = a->w * rng_in(r, 0.3, 0.7);
    p = cairo_pattern_create_radial(cx, -a->h * 0.1, 0, cx, -a->h * 0.1, a->scale * 0.8);
    stop_rgb(p, 0, hex(0xf2fff4), 0.75);
    stop_rgb(p, 0.4, hex(0xd0fff0), 0.25);
    stop_rgb(p, 1, hex(0xd0fff0), 0);
    cairo_set_source(cr, p);
    cairo_paint(cr);
    cairo_pattern_destroy(p);
    for (int i = 0; i < 16; i++)
        sky_shaft(a, cx, -a->h * 0.25, M_PI / 2 + rng_in(r, -0.62, 0.62), rng_in(r, 0.015, 0.06),
                  a->h * rng_in(r, 0.8, 1.5), hex(0xeafff6), 0.5);
}

static void bubbles_draw(struct art *a, struct rng *r)
{
    cairo_t *cr = a->cr;
    for (int k = 0; k < 5; k++) {
        double x = rng_unit(r) * a->w, y = rng_in(r, 0.4, 0.9) * a->h;
        for (int i = 0; i < 9; i++) {
            double s = a->unit * rng_in(r, 0.002, 0.009),
                   bx = x + rng_in(r, -1, 1) * a->unit * 0.025;
            double by = y - i * a->unit * rng_in(r, 0.02, 0.04);
            cairo_new_sub_path(cr);
            cairo_arc(cr, bx, by, s, 0, 2 * M_PI);
            set_rgb(cr, hex(0xe8fffb), 0.14);
            cairo_fill_preserve(cr);
            cairo_set_line_width(cr, fmax(0.6, s * 0.18));
            set_rgb(cr, hex(0xf4fffd), 0.5);
            cairo_stroke(cr);
            cairo_arc(cr, bx - s * 0.35, by - s * 0.35, s * 0.2, 0, 2 * M_PI);
            set_rgb(cr, hex(0xffffff), 0.8);
            cairo_fill(cr);
        }
    }
}

static void reef_draw(struct art *a, struct rng *r, const struct rgb five[4])
{
    static const uint32_t bright[] = {0xff6f61, 0xf7a83e, 0xe45fa0, 0xa46fe0, 0xf4d35e};
    static const char *const name[] = {"reef 0", "reef 1", "reef 2"};
    YM_AUTOFREE double *line = ym_alloc_array((size_t)a->w, sizeof(double));
    cairo_t *cr = a->cr;
    for (int i = 0; i < 3; i++) {
        double t = i / 2.0;
        struct range g = {.name = name[i], .line = line, .rugged = 0.4};
        g.base = a->h * (0.90 + 0.09 * t);
        g.amp = a->scale * (0.30 - 0.08 * t);
        g.width = a->scale * (0.36 + 0.1 * t);
        g.top = mix(five[2], scale(five[3], 0.6), 0.2 + 0.75 * t);
        g.foot = mix(g.top, scale(five[3], 0.5), 0.6);
        g.fade = a->h * 0.2;
        land_line(a, &g);
        land_paint(a, &g, a->h);
        for (int k = 0; k < 5 + 3 * i; k++) {
            double x = rng_unit(r) * a->w;
            struct rgb c = mix(g.top, hex(bright[rng_below(r, 5)]), 0.18 + 0.5 * t);
            cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
            set_rgb(cr, c, 1);
            if (rng_chance(r, 0.6))
                coral_grow(cr, r, x, line[(int)clampd(x, 0, a->w - 1)] + 4, -M_PI / 2,
                           a->scale * (0.014 + 0.016 * t), 5);
            else
                kelp_draw(a, r, x, a->scale * rng_in(r, 0.2, 0.5), a->scale * (0.004 + 0.006 * t),
                          mix(g.top, hex(0x2f8f5a), 0.35));
        }
    }
}

void water_under(struct art *a)
{
    struct rng r = art_rng(a, "under");
    static const uint32_t sea[3][4] = {{0x8fe3d8, 0x2fa4b8, 0x0f5f8c, 0x06264a},
                                       {0x9adcf0, 0x3a8fd0, 0x1a4f98, 0x0a1f4c},
                                       {0xb4ecc8, 0x3fb59a, 0x137068, 0x06303a}};
    int pick = rng_below(&r, 3);
    struct rgb five[4];
    for (int i = 0; i < 4; i++) {
        five[i] = hex(sea[pick][i]);
        if (a->sc.ntints)
            five[i] = tinted(five[i], a->sc.tint[0], 0.35);
        if (a->sc.hour == AT_NIGHT || a->sc.deep)
            five[i] = scale(five[i], 0.5);
    }
    under_light(a, &r, five);
    reef_draw(a, &r, five);
    a->pal.near = mix(five[3], hex(0x04101c), 0.4);
    a->pal.haze = five[1];
    figures_afloat(a, 0, a->h);
    bubbles_draw(a, &r);
}
