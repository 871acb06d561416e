/* The sky: gradient, glow of the sun, clouds lit from its side. It is computed in full precision on
 * a coarse grid, since nothing in it has an edge, and dithered on the way up. */
#include "art.h"

struct sky {
    const struct art *a;
    uint32_t seed, wisp;
    double cover;  /* cloud threshold: high = few */
    double bulk;   /* size of clouds */
    double streak; /* how flat they lie */
    int octaves;
};

static struct rgb gradient_at(const struct rgb c[4], double t)
{
    static const double at[4] = {0, 0.40, 0.74, 1};
    t = clampd(t, 0, 1);
    int i = t < at[1] ? 0 : t < at[2] ? 1 : 2;
    double u = (t - at[i]) / (at[i + 1] - at[i]);
    struct rgb p = c[i > 0 ? i - 1 : 0], q = c[i], r = c[i + 1], s = c[i < 2 ? i + 2 : 3];
    double u2 = u * u, u3 = u2 * u; /* Catmull-Rom: no creases at the stops */
    double k0 = -0.5 * u3 + u2 - 0.5 * u, k1 = 1.5 * u3 - 2.5 * u2 + 1;
    double k2 = -1.5 * u3 + 2 * u2 + 0.5 * u, k3 = 0.5 * u3 - 0.5 * u2;
    return (struct rgb){p.r * k0 + q.r * k1 + r.r * k2 + s.r * k3,
                        p.g * k0 + q.g * k1 + r.g * k2 + s.g * k3,
                        p.b * k0 + q.b * k1 + r.b * k2 + s.b * k3};
}

static struct rgb glow_add(const struct art *a, struct rgb c, double x, double y)
{
    double dx = (x - a->sun_x) / a->scale, dy = (y - a->sun_y) / a->scale;
    double d = sqrt(dx * dx + dy * dy), flat = sqrt(dx * dx * 0.35 + dy * dy * 5);
    double k = !a->night ? 1 : a->sc.extras & WITH_MOON ? 0.45 : 0.12;
    c = mix(c, a->pal.glow, k * (0.50 * exp(-flat * 3.4) + 0.34 * exp(-d * 4.2)));
    return mix(c, a->pal.sun, k * (0.62 * exp(-d * 10) + 0.25 * exp(-d * 26)));
}

static struct rgb clouds_add(const struct sky *s, struct rgb c, double x, double y)
{
    const struct art *a = s->a;
    double e = 1 - y / a->horizon; /* height above the horizon, 0..1 */
    if (e < 0)
        return c;
    double far = 1 / (e + 0.16); /* the layer of clouds recedes to the horizon */
    double u = (x - a->w * 0.5) / a->scale * far * s->bulk, v = far * s->bulk * s->streak;
    double warp = noise2(s->wisp, u * 0.7, v * 0.7) * 0.5;
    double d = fbm2(s->seed, u + warp, v - warp * 0.5, s->octaves);
    double dense = smooth(s->cover, s->cover + 0.42, d + 0.12 * e);
    if (dense <= 0.001)
        return c;
    double sx = (a->sun_x - x) / a->scale, sy = (a->sun_y - y) / a->scale;
    double sd = sqrt(sx * sx + sy * sy) + 0.05;
    double d2 =
        fbm2(s->seed, u + warp + sx / sd * 0.22, v - warp * 0.5 - sy / sd * 0.22, s->octaves - 1);
    double lit = clampd(0.5 + (d - d2) * 1.3 + 0.25 * exp(-sd * 2.2) - 0.25 * dense, 0, 1);
    struct rgb cloud = mix(a->pal.cloud_dark, a->pal.cloud_lit, lit);
    cloud = mix(cloud, a->pal.sun, 0.55 * exp(-sd * 5) * (1 - dense * 0.5));
    cloud = mix(cloud, c, 0.72 * exp(-e * 5.5)); /* air between us and the far ones */
    return mix(c, cloud, dense * 0.92);
}

static struct rgb rainbow_add(const struct art *a, struct rgb c, double x, double y)
{
    double cx = a->w - a->sun_x, dx = x - cx, dy = y - a->horizon * 1.12;
    double t = (sqrt(dx * dx + dy * dy) / a->scale - 0.56) / 0.055;
    if (t < 0 || t > 1)
        return c;
    double k = sin(t * M_PI) * 0.5;
    struct rgb bow = {smooth(0.35, 0.85, t) + 0.4 * smooth(0.2, 0, t),
                      sin(clampd(t * 1.15, 0, 1) * M_PI), smooth(0.62, 0.12, t)};
    return (struct rgb){c.r + (1 - c.r) * bow.r * k, c.g + (1 - c.g) * bow.g * k,
                        c.b + (1 - c.b) * bow.b * k};
}

static struct rgb sky_at(const struct sky *s, double x, double y)
{
    const struct art *a = s->a;
    struct rgb c = gradient_at(a->pal.sky, y / a->horizon);
    c = glow_add(a, c, x, y);
    if (a->sc.extras & WITH_AURORA)
        c = night_aurora(a, c, x, y);
    if (a->sc.extras & WITH_RAINBOW)
        c = rainbow_add(a, c, x, y);
    return clouds_add(s, c, x, y);
}

static void sky_setup(struct sky *s, const struct art *a)
{
    struct rng r = art_rng(a, "clouds");
    *s = (struct sky){.a = a, .seed = art_noise(a, "cloud"), .wisp = art_noise(a, "wisp")};
    s->octaves = 4 + a->detail;
    s->bulk = rng_in(&r, 0.75, 1.5);
    s->streak = rng_in(&r, 0.8, 2.2);
    switch (a->sc.weather) {
    case SKY_CLEAR:
        s->cover = 0.34;
        break;
    case SKY_STORM:
        s->cover = -0.42;
        s->bulk *= 0.8;
        break;
    case SKY_RAIN:
    case SKY_SNOW:
        s->cover = -0.30;
        break;
    case SKY_FOG:
        s->cover = 0.10;
        break;
    case SKY_ANY:
    case SKY_CLOUDS:
        s->cover = rng_in(&r, -0.06, 0.22);
        break;
    }
    if (a->sc.places == IN_SKY && a->sc.weather == SKY_CLOUDS) {
        s->cover = -0.22;
        s->bulk *= 0.8;
    }
    if (a->night && a->sc.weather <= SKY_CLOUDS)
        s->cover += 0.18;
}

/* Fills one row of the picture from the two grid rows around it. */
static void sky_row(uint32_t *out, int y, int w, const struct rgb *up, const struct rgb *down,
                    double t, int step)
{
    for (int gx = 0, x = 0; x < w; gx++) {
        struct rgb l = mix(up[gx], down[gx], t), r = mix(up[gx + 1], down[gx + 1], t);
        double inv = 1.0 / step;
        struct rgb d = {(r.r - l.r) * inv, (r.g - l.g) * inv, (r.b - l.b) * inv};
        for (int i = 0; i < step && x < w; i++, x++) {
            out[x] = pixel(l, dither_at(x, y));
            l.r += d.r;
            l.g += d.g;
            l.b += d.b;
        }
    }
}

static void sky_fill(struct art *a)
{
    struct sky s;
    sky_setup(&s, a);
    int step = (int)clampd(a->scale / (a->detail == 0 ? 150 : a->detail == 1 ? 300 : 420), 2, 16);
    int gw = (a->w + step - 1) / step + 1, stride;
    YM_AUTOFREE struct rgb *grid = ym_alloc_array((size_t)gw * 2, sizeof(*grid));
    struct rgb *up = grid, *down = grid + gw;
    uint32_t *px = art_lock(a, &stride);
    int end = (int)clampd(a->horizon + 0.12 * a->h, 0, a->h);
    for (int gx = 0; gx < gw; gx++)
        down[gx] = sky_at(&s, gx * step, 0);
    for (int y = 0; y < a->h; y++) {
        if (y % step == 0 && y <= end) {
            struct rgb *t = up;
            up = down;
            down = t;
            for (int gx = 0; gx < gw; gx++)
                down[gx] = sky_at(&s, gx * step, y + step);
        }
        sky_row(px + (ptrdiff_t)y * stride, y, a->w, up, down,
                y <= end ? (y % step) / (double)step : 0, step);
    }
    art_unlock(a);
}

static void sun_disc(struct art *a)
{
    double r = a->sun_r;
    cairo_pattern_t *p =
        cairo_pattern_create_radial(a->sun_x, a->sun_y, 0, a->sun_x, a->sun_y, r * 1.1);
    double solid = a->sc.weather >= SKY_RAIN ? 0.4 : 1;
    stop_rgb(p, 0, mix(a->pal.sun, (struct rgb){1, 1, 1}, 0.35), solid);
    stop_rgb(p, 0.84, a->pal.sun, solid);
    stop_rgb(p, 0.91, mix(a->pal.sun, a->pal.glow, 0.2), 0.75 * solid);
    stop_rgb(p, 1, a->pal.glow, 0);
    cairo_set_source(a->cr, p);
    cairo_arc(a->cr, a->sun_x, a->sun_y, r * 1.1, 0, 2 * M_PI);
    cairo_fill(a->cr);
    cairo_pattern_destroy(p);
}

enum { BOLT = 65 };

/* A jagged way from the first point to the last: each half bends where it is halved. */
static void bolt_bend(struct rng *r, double x[BOLT], double y[BOLT])
{
    double len = hypot(x[BOLT - 1] - x[0], y[BOLT - 1] - y[0]);
    for (int step = BOLT - 1; step > 1; step /= 2)
        for (int i = 0; i + step < BOLT; i += step) {
            double off = rng_in(r, -0.19, 0.19) * len * step / (BOLT - 1);
            x[i + step / 2] = (x[i] + x[i + step]) / 2 + off;
            y[i + step / 2] = (y[i] + y[i + step]) / 2 + off * rng_in(r, -0.4, 0.4);
        }
}

static void bolt_stroke(cairo_t *cr, const double x[BOLT], const double y[BOLT], double width)
{
    static const double glow[4][2] = {{16, 0.035}, {7, 0.07}, {3, 0.18}, {1, 0.95}};
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < BOLT; k++)
            cairo_line_to(cr, x[k], y[k]);
        cairo_set_line_width(cr, width * glow[i][0]);
        set_rgb(cr, i < 3 ? hex(0xcfd4ff) : hex(0xfffcf0), glow[i][1]);
        cairo_stroke(cr);
    }
}

static void lightning_bolt(struct art *a, struct rng *r, double x, double y, double to,
                           double width)
{
    double px[BOLT] = {x}, py[BOLT] = {y}, bx[BOLT], by[BOLT];
    cairo_set_line_join(a->cr, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(a->cr, CAIRO_LINE_CAP_ROUND);
    px[BOLT - 1] = x + rng_in(r, -0.14, 0.14) * a->scale;
    py[BOLT - 1] = to;
    bolt_bend(r, px, py);
    for (int i = 0; i < 4; i++) {
        int at = 8 + rng_below(r, 40);
        double len = (to - py[at]) * rng_in(r, 0.3, 0.7);
        bx[0] = px[at];
        by[0] = py[at];
        bx[BOLT - 1] = bx[0] + rng_in(r, -0.7, 0.7) * len;
        by[BOLT - 1] = by[0] + len;
        bolt_bend(r, bx, by);
        bolt_stroke(a->cr, bx, by, width * 0.42);
    }
    bolt_stroke(a->cr, px, py, width);
}

void sky_shaft(struct art *a, double x, double y, double angle, double half, double len,
               struct rgb c, double alpha)
{
    cairo_t *cr = a->cr;
    cairo_pattern_t *p = cairo_pattern_create_radial(x, y, len * 0.04, x, y, len);
    stop_rgb(p, 0, c, alpha / 5);
    stop_rgb(p, 0.4, c, alpha / 11);
    stop_rgb(p, 1, c, 0);
    cairo_set_source(cr, p);
    for (int i = 1; i <= 5; i++) {
        double k = half * i / 5;
        cairo_move_to(cr, x, y);
        cairo_line_to(cr, x + cos(angle - k) * len, y + sin(angle - k) * len);
        cairo_line_to(cr, x + cos(angle + k) * len, y + sin(angle + k) * len);
        cairo_fill(cr);
    }
    cairo_pattern_destroy(p);
}

void sky_birds(struct art *a, int n, double x, double y, double size)
{
    struct rng r = art_rng(a, "birds");
    cairo_t *cr = a->cr;
    set_rgb(cr, mix(a->pal.near, a->pal.sky[1], 0.15), 0.9);
    for (int i = 0; i < n; i++) {
        double s = size * rng_in(&r, 0.45, 1), lift = rng_in(&r, -0.15, 0.55),
               tilt = rng_in(&r, -0.25, 0.25);
        double bx = x + rng_in(&r, -5, 5) * size, by = y + rng_in(&r, -2.2, 2.2) * size;
        cairo_save(cr);
        cairo_translate(cr, bx, by);
        cairo_rotate(cr, tilt);
        cairo_scale(cr, s, s);
        cairo_move_to(cr, -1, -lift);
        cairo_curve_to(cr, -0.62, -lift - 0.26, -0.3, -0.2, 0, 0);
        cairo_curve_to(cr, 0.3, -0.2, 0.62, -lift - 0.26, 1, -lift);
        cairo_curve_to(cr, 0.62, -lift - 0.1, 0.3, -0.04, 0.07, 0.13);
        cairo_line_to(cr, -0.07, 0.13);
        cairo_curve_to(cr, -0.3, -0.04, -0.62, -lift - 0.1, -1, -lift);
        cairo_fill(cr);
        cairo_restore(cr);
    }
}

void sky_paint(struct art *a)
{
    sky_fill(a);
    if (a->sc.hour == AT_NIGHT || a->sc.hour == AT_DUSK || a->sc.extras & WITH_STARS)
        night_stars(a, a->horizon,
                    a->sc.weather >= SKY_RAIN ? 0.15
                    : a->sc.hour == AT_NIGHT  ? 1
                                              : 0.35);
    if (a->night && a->sc.extras & WITH_MOON)
        night_moon(a);
    else if (!a->night && a->sc.weather != SKY_STORM && a->sc.weather != SKY_RAIN)
        sun_disc(a);
    if (a->sc.weather == SKY_STORM) {
        struct rng r = art_rng(a, "bolt");
        for (int i = 1 + rng_below(&r, 2); i > 0; i--)
            lightning_bolt(a, &r, rng_in(&r, 0.12, 0.88) * a->w, a->horizon * rng_in(&r, 0.05, 0.3),
                           a->horizon * rng_in(&r, 0.92, 1.02), a->unit * 0.0022);
    }
}
