/* Stars, moon, northern lights, and deep space. */
#include "art.h"

static void star_dot(cairo_t *cr, double x, double y, double r, struct rgb c, double alpha)
{
    set_rgb(cr, c, alpha);
    if (r < 0.9) {
        cairo_rectangle(cr, x - r, y - r, 2 * r, 2 * r);
    } else {
        cairo_new_sub_path(cr);
        cairo_arc(cr, x, y, r, 0, 2 * M_PI);
    }
    cairo_fill(cr);
}

static void star_flare(cairo_t *cr, double x, double y, double r, struct rgb c)
{
    cairo_pattern_t *p = cairo_pattern_create_radial(x, y, 0, x, y, r * 5);
    stop_rgb(p, 0, c, 0.55);
    stop_rgb(p, 0.3, c, 0.14);
    stop_rgb(p, 1, c, 0);
    cairo_set_source(cr, p);
    cairo_arc(cr, x, y, r * 5, 0, 2 * M_PI);
    cairo_fill(cr);
    cairo_pattern_destroy(p);
    set_rgb(cr, c, 0.75);
    static const double ray[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
    for (int i = 0; i < 4; i++) {
        double ux = ray[i][0], uy = ray[i][1], n = r * 0.22;
        cairo_move_to(cr, x - uy * n, y + ux * n);
        cairo_line_to(cr, x + ux * r * 6, y + uy * r * 6);
        cairo_line_to(cr, x + uy * n, y - ux * n);
    }
    cairo_fill(cr);
}

void night_stars(struct art *a, double to_y, double density)
{
    static const uint32_t hue[] = {0xffffff, 0xfff4e0, 0xdfe8ff, 0xffe9d2, 0xcfdcff};
    struct rng r = art_rng(a, "stars");
    uint32_t band = art_noise(a, "milky way");
    double tilt = rng_in(&r, -0.7, 0.7), off = rng_in(&r, 0.25, 0.6);
    int n = (int)(900 * density * (a->detail == 0 ? 0.5 : 1) * clampd(to_y / a->h, 0.2, 1));
    double px = clampd(a->unit / 900, 0.5, 4);
    for (int i = 0; i < n; i++) {
        double x = rng_unit(&r) * a->w, y = rng_unit(&r) * to_y;
        double across = (y / a->h - off) - tilt * (x / a->w - 0.5);
        bool milky = rng_chance(&r, 0.5);
        if (milky) /* half of them gather along a band */
            y = (off + tilt * (x / a->w - 0.5) + (rng_unit(&r) + rng_unit(&r) - 1) * 0.16 +
                 0.05 * noise2(band, x / a->unit * 3, across * 5)) *
                a->h;
        if (y < 0 || y > to_y)
            continue;
        double dx = (x - a->sun_x) / a->unit, dy = (y - a->sun_y) / a->unit;
        double shine = pow(rng_unit(&r), 5), low = 1 - smooth(0.55, 1, y / to_y);
        double alpha = (milky ? 0.18 + 0.5 * shine : 0.3 + 0.7 * shine) * (0.15 + 0.85 * low);
        struct rgb c = hex(hue[rng_below(&r, 5)]);
        if (a->sc.extras & WITH_MOON && dx * dx + dy * dy < 0.03)
            continue;
        star_dot(a->cr, x, y, px * (0.45 + 1.0 * shine), c, alpha);
        if (!milky && shine > 0.86)
            star_flare(a->cr, x, y, px * 1.3, c);
    }
}

static void moon_seas(struct art *a, double r)
{
    static const double sea[][3] = {{-0.3, -0.35, 0.3}, {0.2, -0.42, 0.2},  {0.38, -0.1, 0.22},
                                    {-0.45, 0.1, 0.26}, {0.12, 0.12, 0.16}, {-0.1, 0.5, 0.14}};
    for (size_t i = 0; i < YM_COUNT(sea); i++) {
        double x = a->sun_x + sea[i][0] * r, y = a->sun_y + sea[i][1] * r, s = sea[i][2] * r * 1.25;
        cairo_pattern_t *p = cairo_pattern_create_radial(x, y, s * 0.6, x, y, s);
        stop_rgb(p, 0, hex(0x8c92a0), 0.26);
        stop_rgb(p, 1, hex(0x8c92a0), 0);
        cairo_set_source(a->cr, p);
        cairo_arc(a->cr, x, y, s, 0, 2 * M_PI);
        cairo_fill(a->cr);
        cairo_pattern_destroy(p);
    }
}

void night_moon(struct art *a)
{
    struct rng rn = art_rng(a, "moon");
    double r = a->sun_r, x = a->sun_x, y = a->sun_y;
    cairo_t *cr = a->cr;
    cairo_save(cr);
    if (figures_any(a, ~0u) || rng_chance(&rn, 0.55)) { /* full: the better backdrop */
        cairo_arc(cr, x, y, r, 0, 2 * M_PI);
        set_rgb(cr, a->pal.sun, 1);
        cairo_fill_preserve(cr);
        cairo_clip(cr);
        moon_seas(a, r);
    } else {
        cairo_translate(cr, x, y);
        cairo_rotate(cr, rng_in(&rn, -0.5, 0.5));
        double k = rng_in(&rn, 0.2, 0.55);
        cairo_arc(cr, 0, 0, r, -M_PI / 2, M_PI / 2);
        cairo_scale(cr, k, 1);
        cairo_arc_negative(cr, 0, 0, r, M_PI / 2, -M_PI / 2);
        set_rgb(cr, a->pal.sun, 1);
        cairo_fill(cr);
    }
    cairo_restore(cr);
}

struct rgb night_aurora(const struct art *a, struct rgb under, double x, double y)
{
    static const uint32_t low[3] = {0x3dffa0, 0x48ffc8, 0x9dff8a},
                          top[3] = {0x8a4dff, 0xd04ddd, 0x3d7dff};
    uint32_t seed = art_noise(a, "aurora");
    double u = x / a->scale;
    for (int i = 0; i < 3; i++) {
        uint32_t s = seed + (uint32_t)i * 7919u;
        double bend = fbm1(s, u * 1.3 + i * 3.1, 3);
        double foot = a->horizon * (0.78 - 0.20 * i + 0.30 * bend);
        double folds = u * 7 + 2.2 * bend * 4,
               tall = a->horizon * (0.34 + 0.16 * noise1(s + 1, u * 2));
        double d = (foot - y) / tall;
        if (d < -0.14)
            continue;
        double ray =
            0.55 + 0.45 * noise1(s + 2, folds * 3.1) * (0.6 + 0.4 * noise1(s + 3, folds * 9));
        double veil = 0.55 + 0.45 * noise1(s + 4, u * 1.7 + 9);
        double k = d < 0 ? smooth(-0.14, 0, d) : exp(-d * 2.1);
        k *= clampd(ray * veil, 0, 1) * (0.85 - 0.18 * i);
        struct rgb c = mix(hex(low[i]), hex(top[i]), smooth(0.15, 1.1, d));
        under = (struct rgb){under.r + c.r * k * (1 - under.r), under.g + c.g * k * (1 - under.g),
                             under.b + c.b * k * (1 - under.b)};
    }
    return under;
}

static void planet_draw(struct art *a, struct rng *r, double x, double y, double rad, struct rgb c)
{
    cairo_t *cr = a->cr;
    uint32_t seed = (uint32_t)rng_next(r);
    bool ring = rng_chance(r, 0.55);
    double tilt = rng_in(r, -0.5, 0.5);
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, tilt);
    for (int half = 0; half < 2; half++) {
        if (ring) { /* behind first, then in front */
            cairo_save(cr);
            cairo_rectangle(cr, -3 * rad, half ? 0 : -rad, 6 * rad, rad);
            cairo_clip(cr);
            for (int i = 0; i < 14; i++) {
                double k = 1.45 + 0.06 * i;
                cairo_save(cr);
                cairo_scale(cr, k * rad, k * rad * 0.26);
                cairo_arc(cr, 0, 0, 1, 0, 2 * M_PI);
                cairo_restore(cr);
                cairo_set_line_width(cr, rad * 0.045);
                set_rgb(cr, mix(c, hex(0xfff2dc), 0.6),
                        0.18 + 0.4 * fabs(noise1(seed + 9, i * 0.7)));
                cairo_stroke(cr);
            }
            cairo_restore(cr);
        }
        if (half)
            break;
        cairo_save(cr);
        cairo_arc(cr, 0, 0, rad, 0, 2 * M_PI);
        cairo_clip(cr);
        set_rgb(cr, c, 1);
        cairo_paint(cr);
        for (int i = 0; i < 26; i++) { /* bands of weather */
            double by = -rad + 2 * rad * i / 26;
            double n = fbm1(seed, i * 0.37, 3);
            set_rgb(cr, n > 0 ? hex(0xfff0d8) : scale(c, 0.45), fabs(n) * 0.75);
            cairo_rectangle(cr, -rad, by, 2 * rad, rad / 12);
            cairo_fill(cr);
        }
        cairo_rotate(cr, -tilt);
        cairo_pattern_t *p = cairo_pattern_create_radial(-rad * 0.45, -rad * 0.5, rad * 0.2,
                                                         -rad * 0.15, -rad * 0.15, rad * 1.25);
        stop_rgb(p, 0, hex(0xffffff), 0.25);
        stop_rgb(p, 0.35, hex(0x000008), 0);
        stop_rgb(p, 0.75, hex(0x000008), 0.72);
        stop_rgb(p, 1, hex(0x000008), 0.97);
        cairo_set_source(cr, p);
        cairo_paint(cr);
        cairo_pattern_destroy(p);
        cairo_restore(cr);
    }
    cairo_restore(cr);
}

static void nebula_fill(struct art *a, struct rgb five[5])
{
    uint32_t s = art_noise(a, "nebula");
    int step = (int)clampd(a->scale / (a->detail ? 260 : 140), 2, 16), stride;
    int gw = (a->w + step - 1) / step + 2;
    YM_AUTOFREE struct rgb *grid = ym_alloc_array((size_t)gw * 2, sizeof(*grid));
    uint32_t *px = art_lock(a, &stride);
    for (int y = 0; y < a->h; y++) {
        for (int row = 0; y % step == 0 && row < 2; row++)
            for (int gx = 0; gx < gw; gx++) {
                double u = gx * step / a->scale * 1.6, v = (y + row * step) / a->scale * 1.6;
                double wx = fbm2(s + 1, u, v, 3), wy = fbm2(s + 2, u, v, 3);
                double d = smooth(-0.25, 0.65, fbm2(s, u + 1.3 * wx, v + 1.3 * wy, 5));
                double e = smooth(-0.15, 0.7, fbm2(s + 3, u * 1.4 - wy, v * 1.4 + wx, 4));
                struct rgb c = mix(scale(five[0], 0.16), scale(five[2], 0.85), d * 0.75);
                c = mix(c, scale(five[1], 1.1), e * 0.55);
                c = mix(c, five[3], d * d * e * 0.9);
                grid[row * gw + gx] = mix(c, five[4], smooth(0.55, 1, d * e) * 0.6);
            }
        double t = (y % step) / (double)step;
        for (int x = 0; x < a->w; x++) {
            int gx = x / step;
            double f = (x % step) / (double)step;
            struct rgb l = mix(grid[gx], grid[gw + gx], t),
                       q = mix(grid[gx + 1], grid[gw + gx + 1], t);
            px[(ptrdiff_t)y * stride + x] = pixel(mix(l, q, f), dither_at(x, y));
        }
    }
    art_unlock(a);
}

void night_space(struct art *a)
{
    struct rng r = art_rng(a, "space");
    struct rgb five[5];
    palette_five(five, &a->sc, &r);
    nebula_fill(a, five);
    a->sc.extras &= ~(unsigned)WITH_MOON;
    night_stars(a, a->h, 1.6);
    double x = rng_in(&r, 0.28, 0.72) * a->w, y = rng_in(&r, 0.3, 0.55) * a->h;
    a->sun_x = x;
    a->sun_y = y;
    planet_draw(a, &r, x, y, a->unit * rng_in(&r, 0.13, 0.22), mix(five[2], five[3], rng_unit(&r)));
    planet_draw(a, &r, a->w - x + rng_in(&r, -0.1, 0.1) * a->w, y + rng_in(&r, 0.18, 0.34) * a->h,
                a->unit * rng_in(&r, 0.035, 0.07), mix(five[1], five[4], rng_unit(&r)));
}
