/* Land: ranges one behind the other, each paler than the one before it. */
#include "art.h"

#include <string.h>

void land_line(const struct art *a, struct range *r)
{
    uint32_t s = art_noise(a, r->name);
    int oct = 5 + a->detail;
    for (int x = 0; x < a->w; x++) {
        double u = x / r->width;
        double soft = 0.5 + 0.55 * fbm1(s, u, 4);
        double n = soft;
        if (r->rugged > 0) {
            double mass = 0.55 + 0.6 * noise1(s + 77, u * 0.42); /* peaks stand in groups */
            double sharp =
                ridge1(s + 13, u, oct) * clampd(mass, 0.25, 1.1) + 0.03 * fbm1(s + 5, u * 9, 3);
            n = mixd(soft, sharp, r->rugged);
        }
        r->line[x] = r->base - r->amp * n;
    }
}

/* Slopes of the ridge, smoothed over 2k+1 columns; positive where it falls to the right. */
static void slopes_get(const double *line, int w, int k, double *ret)
{
    for (int x = 0; x < w; x++) {
        int l = x - k < 0 ? 0 : x - k, r = x + k >= w ? w - 1 : x + k;
        ret[x] = r > l ? (line[r] - line[l]) / (r - l) : 0;
    }
}

struct facet { /* how light falls on the side of a range */
    const struct art *a;
    const struct range *r;
    const double *fine, *coarse, *mass; /* slopes seen closely, and from farther off */
    uint32_t seed;
    struct rgb lit, shade, snow_lit, snow_shade;
    double side; /* the sun stands to the left (-1) or right (1) */
};

static struct rgb facet_color(const struct facet *f, int x, int y, double depth, double wobble)
{
    const struct range *r = f->r;
    double d = depth / r->amp;
    int xx = (int)clampd(x + wobble * depth * 0.55, 0, f->a->w - 1);
    double slope = mixd(mixd(f->fine[xx], f->coarse[xx], clampd(d * 5, 0, 1)), f->mass[xx],
                        clampd(d * 2 - 0.25, 0, 0.85));
    double face = clampd(0.5 + f->side * slope * -0.8, 0, 1);
    double grain = noise2(f->seed, (x - f->side * depth * 0.35) / r->width * 9, y / r->width * 4.5);
    face = clampd(smooth(0.22, 0.78, face) + grain * 0.26, 0, 1);
    double t = clampd(depth / r->fade, 0, 1);
    struct rgb rock = mix(r->top, r->foot, t * t * (3 - 2 * t));
    rock = mix(rock, mix(f->shade, f->lit, face),
               r->relief * (1 - t) * (0.25 + 0.35 * fabs(face - 0.5) * 2));
    if (r->snow > 0) {
        double high = (r->base - y) / r->amp;
        double line = 0.80 - 0.62 * r->snow + 0.16 * grain + 0.10 * (face - 0.5) + 0.10 * wobble;
        double k = smooth(line - 0.05, line + 0.07, high) * (1 - t * 0.8);
        rock = mix(rock, mix(f->snow_shade, f->snow_lit, face), k * 0.92);
    }
    return rock;
}

static void facet_setup(struct facet *f, const struct art *a, const struct range *r)
{
    const struct palette *p = &a->pal;
    f->a = a;
    f->r = r;
    f->seed = art_noise(a, r->name) + 500;
    f->side = a->sun_x < a->w * 0.5 ? -1 : 1;
    f->lit = mix(r->top, mix(p->glow, p->sun, 0.4), 0.55);
    f->shade = mix(scale(r->top, 0.62), p->sky[0], 0.25);
    double bright = 0.35 + 0.65 * clampd(luma(p->sky[2]) * 1.3, 0, 1);
    f->snow_lit = scale(mix(p->sun, p->glow, 0.35 * (1 - p->light)), bright);
    f->snow_lit = mix(f->snow_lit, r->top, 0.08);
    f->snow_shade = mix(mix(p->sky[1], r->top, 0.35), f->snow_lit, 0.22);
}

/* How far the foot of a spur has wandered from the peak above it. */
static double wobble_at(const struct facet *f, double x, double y)
{
    double u = x / f->r->width, v = y / f->r->width;
    return 0.9 * noise2(f->seed + 1, u * 2.2, v * 3.0) + 0.55 * noise2(f->seed + 2, u * 5, v * 7) +
           0.3 * noise2(f->seed + 3, u * 11, v * 15);
}

void land_paint(struct art *a, const struct range *r, double to_y)
{
    size_t w = (size_t)a->w;
    int stride, from = a->h, to = (int)clampd(ceil(to_y), 0, a->h);
    YM_AUTOFREE double *fine = ym_alloc_array(w * 3, sizeof(double));
    double *coarse = fine + w, *mass = coarse + w;
    struct facet f = {.fine = fine, .coarse = coarse, .mass = mass};
    facet_setup(&f, a, r);
    slopes_get(r->line, a->w, 1 + (int)(r->width / 60), fine);
    slopes_get(r->line, a->w, 1 + (int)(r->width / 14), coarse);
    slopes_get(r->line, a->w, 1 + (int)(r->width / 5), mass);
    for (int x = 0; x < a->w; x++)
        from = r->line[x] < from ? (int)r->line[x] : from;
    enum { CELL = 8 };
    size_t cells = w / CELL + 2;
    YM_AUTOFREE double *grid = ym_alloc_array(cells, sizeof(double));
    uint32_t *px = art_lock(a, &stride);
    from = from < 0 ? 0 : from;
    for (int y = from; y < to; y++) {
        uint32_t *row = px + (ptrdiff_t)y * stride;
        if (r->relief > 0 && (y == from || y % 2 == 0))
            for (size_t i = 0; i < cells; i++)
                grid[i] = wobble_at(&f, (double)i * CELL, y);
        for (int x = 0; x < a->w; x++) {
            double depth = y + 0.5 - r->line[x], cover = clampd(depth + 0.5, 0, 1);
            if (cover <= 0)
                continue;
            double wobble = mixd(grid[x / CELL], grid[x / CELL + 1], (x % CELL) / (double)CELL);
            struct rgb c;
            if (depth > r->fade && r->snow <= 0)
                c = r->foot;
            else if (r->relief > 0)
                c = facet_color(&f, x, y, depth, wobble);
            else
                c = mix(r->top, r->foot, smooth(0, 1, depth / r->fade));
            if (cover < 1)
                c = mix(unpixel(row[x]), c, cover);
            row[x] = pixel(c, dither_at(x, y));
        }
    }
    art_unlock(a);
}

struct rgb land_color(const struct art *a, double nearness)
{
    const struct palette *p = &a->pal;
    double t = clampd(nearness, 0, 1);
    struct rgb c = mix(p->haze, p->near, pow(t, 1.15));
    double grown = p->light * 0.85 * smooth(0.12, 0.6, t) * (1 - 0.45 * smooth(0.75, 1, t));
    return mix(c, p->leaf, grown);
}

/* A bank of mist that lies at y: soft, torn at its upper edge. */
void land_mist(struct art *a, double y, double depth, double strength, const char *name)
{
    uint32_t s = art_noise(a, name);
    int stride, from = (int)clampd(y - depth * 1.6, 0, a->h), to = (int)clampd(y + depth, 0, a->h);
    struct rgb c = mix(mix(a->pal.haze, a->pal.sky[3], 0.55), a->pal.cloud_lit, 0.25);
    uint32_t *px = art_lock(a, &stride);
    int n4 = a->w / 4 + 2;
    YM_AUTOFREE double *veil = ym_alloc_array((size_t)n4 * 2, sizeof(double));
    double *next = veil + n4;
    for (int yy = from; yy < to; yy++) {
        double v = (yy - y) / depth;
        int q = (yy - from) & 7;
        for (int i = 0; q == 0 && i < n4; i++) {
            veil[i] = yy > from ? next[i] : fbm2(s, i * 4 / a->scale * 2.6, yy / a->scale * 9, 3);
            next[i] = fbm2(s, i * 4 / a->scale * 2.6, (yy + 8) / a->scale * 9, 3);
        }
        uint32_t *row = px + (ptrdiff_t)yy * stride;
        for (int x = 0; x < a->w; x++) {
            double t = (x & 3) / 4.0, u = q / 8.0, *up = veil + x / 4, *down = next + x / 4;
            double n = mixd(mixd(up[0], up[1], t), mixd(down[0], down[1], t), u);
            double k = v < 0 ? smooth(-1.5, 0, v + n * 0.9) : smooth(1, 0.1, v);
            k *= strength * clampd(0.72 + n * 0.7, 0, 1);
            if (k > 0.004)
                row[x] = pixel(mix(unpixel(row[x]), c, k), dither_at(x, yy));
        }
    }
    art_unlock(a);
}

/* The sunlit edge of a ridge, brightest below the sun. */
static void rim_light(struct art *a, const struct range *r, double strength)
{
    cairo_t *cr = a->cr;
    cairo_pattern_t *p =
        cairo_pattern_create_radial(a->sun_x, a->sun_y, 0, a->sun_x, a->sun_y, a->scale * 0.62);
    stop_rgb(p, 0, a->pal.sun, strength);
    stop_rgb(p, 0.35, a->pal.glow, strength * 0.55);
    stop_rgb(p, 1, a->pal.glow, 0);
    cairo_set_source(cr, p);
    cairo_set_line_width(cr, clampd(a->unit / 700, 0.7, 5));
    for (int x = 0; x < a->w; x += 2)
        cairo_line_to(cr, x, r->line[x] + 0.5);
    cairo_stroke(cr);
    cairo_pattern_destroy(p);
}

/* Lowers a range where the sun stands, so that it is seen. */
static void valley_open(const struct art *a, struct range *r, double depth)
{
    for (int x = 0; x < a->w; x++) {
        double d = (x - a->sun_x) / (a->scale * 0.20), k = 1 - depth * exp(-d * d);
        r->line[x] = r->base - (r->base - r->line[x]) * k;
    }
}

static bool snow_on_peaks(const struct art *a, struct rng *r)
{
    return a->sc.season == SEASON_WINTER || a->sc.weather == SKY_SNOW || rng_chance(r, 0.6);
}

/* The far ranges, alpine, from the horizon down to `foot`. */
static void ranges_far(struct art *a, double foot, int n, double high)
{
    static const char *const name[] = {"range 0", "range 1", "range 2", "range 3"};
    struct rng r = art_rng(a, "ranges");
    YM_AUTOFREE double *line = ym_alloc_array((size_t)a->w, sizeof(double));
    bool snow = snow_on_peaks(a, &r);
    double deep = a->sc.season == SEASON_WINTER ? 0.95 : rng_in(&r, 0.5, 0.75);
    for (int i = 0; i < n; i++) {
        double t = n > 1 ? i / (double)(n - 1) : 0, near = 0.10 + 0.42 * t;
        struct range g = {.name = name[i], .line = line, .rugged = 1, .relief = 0.95 - 0.35 * t};
        g.base = mixd(a->horizon + 0.02 * a->h, foot + 0.02 * a->h, t);
        g.amp = high * rng_in(&r, 0.92, 1.15) * (1 - 0.48 * t);
        g.width = a->scale * rng_in(&r, 0.48, 0.74) * (1 - 0.3 * t);
        g.top = mix(land_color(a, near), a->pal.sky[1], 0.30 * (1 - t));
        g.foot = mix(mix(land_color(a, near * 0.5), a->pal.sky[3], 0.35), a->pal.haze, 0.35);
        g.fade = g.amp * 0.95;
        g.snow = snow ? deep * (1 - 0.45 * t) : 0;
        land_line(a, &g);
        valley_open(a, &g, 0.62 - 0.2 * t);
        land_paint(a, &g, foot + 0.04 * a->h);
        rim_light(a, &g, (1 - a->pal.light) * 0.5);
        land_mist(a, g.base, a->h * 0.045, 0.62 - 0.2 * t, name[i]);
    }
}

/* Hills nearer to us; with woods on them if there are any. */
static void hills_near(struct art *a, double from, double to, int n, double nearest, double high,
                       bool woods)
{
    static const char *const name[] = {"hill 0", "hill 1", "hill 2", "hill 3"};
    struct rng r = art_rng(a, "hills");
    YM_AUTOFREE double *line = ym_alloc_array((size_t)a->w, sizeof(double));
    for (int i = 0; i < n; i++) {
        double t = (i + 1.0) / n * nearest, near = 0.42 + 0.56 * t;
        struct range g = {.name = name[i], .line = line, .rugged = 0};
        g.base = mixd(from, to, (i + 0.35) / n);
        g.amp = a->scale * (0.05 + 0.09 * t) * high * rng_in(&r, 0.8, 1.2);
        g.width = a->scale * rng_in(&r, 0.5, 0.9);
        g.top = land_color(a, near);
        g.foot = mix(g.top, a->pal.haze, 0.62 * (1 - t) + 0.10);
        g.fade = a->h * (0.06 + 0.10 * t);
        land_line(a, &g);
        if (woods) {
            tree_row(a, &g, name[i], a->scale * (0.022 + 0.10 * t * t), 1.9, g.top, g.foot);
        } else {
            g.relief = 0.25;
            land_paint(a, &g, a->h);
        }
        if (t < 1)
            land_mist(a, g.base + a->h * 0.03, a->h * 0.04, 0.42 * (1 - t * 0.7), name[i]);
    }
}

void land_mountains(struct art *a)
{
    struct rng r = art_rng(a, "mountains");
    bool lake = a->sc.places & (IN_LAKE | IN_SEA) || rng_chance(&r, 0.35);
    bool woods = rng_chance(&r, 0.75) || a->sc.places & IN_FOREST;
    double high =
        a->scale * rng_in(&r, 0.27, 0.37) * (a->h > a->w ? 1.15 : 1) * (a->subject ? 0.5 : 1);
    int n = 3 + rng_below(&r, 2);
    if (lake) {
        double shore = a->horizon + a->h * rng_in(&r, 0.05, 0.09);
        ranges_far(a, shore, n - 1, high);
        hills_near(a, shore - a->h * 0.02, shore + a->h * 0.016, 2, 0.62, 0.4, woods);
        water_paint(a, shore, a->h, 0.12);
        figures_afloat(a, shore, a->h);
        land_mist(a, shore, a->h * 0.02, 0.5, "shore mist");
        return;
    }
    double foot = mixd(a->horizon, a->h, 0.36);
    ranges_far(a, foot, n, high);
    hills_near(a, foot + a->h * 0.02, a->h * 0.98, 3, 1, 1, woods);
}

void land_meadow(struct art *a)
{
    struct rng r = art_rng(a, "meadow");
    if (rng_chance(&r, 0.55) || a->sc.places & IN_MOUNTAINS)
        ranges_far(a, a->horizon + a->h * 0.03, 2, a->scale * rng_in(&r, 0.12, 0.2));
    hills_near(a, a->horizon + a->h * 0.02, a->h * 0.86, 4, 1, 1, false);
}

struct sand {
    struct rgb lit, shade;
};

/* One dune: the side in the light, and the slip face that falls away behind its crest. */
static void dune_draw(struct art *a, struct rng *r, double x, double y, double wide, double high,
                      struct sand c)
{
    cairo_t *cr = a->cr;
    double k = a->sun_x > x ? -1 : 1, l = x - k * wide,
           e = x + k * wide * rng_in(r, 0.55, 0.8); /* k: away from the sun */
    double px = x + k * wide * rng_in(r, -0.05, 0.12), py = y - high, s = rng_in(r, 0.1, 0.35);
    cairo_pattern_t *p = cairo_pattern_create_linear(0, py, 0, y + high * 0.35);
    stop_rgb(p, 0, c.lit, 1);
    stop_rgb(p, 1, mix(c.lit, c.shade, 0.6), 1);
    cairo_set_source(cr, p);
    cairo_move_to(cr, l, a->h + 5);
    cairo_line_to(cr, l, y);
    cairo_curve_to(cr, l + k * wide * 0.4, y, px - k * wide * 0.34, py + high * 0.10, px, py);
    cairo_curve_to(cr, px + k * wide * 0.18, py + high * 0.45, e - k * wide * 0.25, y, e, y);
    cairo_line_to(cr, e, a->h + 5);
    cairo_fill(cr);
    cairo_pattern_destroy(p);
    p = cairo_pattern_create_linear(px, py, px + k * wide * 0.1, y + high * 0.5);
    stop_rgb(p, 0, mix(c.shade, c.lit, 0.12), 1);
    stop_rgb(p, 0.7, mix(c.shade, c.lit, 0.34), 1);
    stop_rgb(p, 1, mix(c.lit, c.shade, 0.6), 1);
    cairo_set_source(cr, p);
    cairo_move_to(cr, px, py);
    cairo_curve_to(cr, px + k * wide * 0.18, py + high * 0.45, e - k * wide * 0.25, y, e, y);
    cairo_line_to(cr, e, y + high * 0.5);
    cairo_curve_to(cr, px + k * wide * 0.1, y + high * 0.5, px + k * wide * (s + 0.12),
                   y - high * 0.05, px - k * wide * s * 0.25, y - high * 0.36);
    cairo_curve_to(cr, px - k * wide * s * 0.55, y - high * 0.55, px - k * wide * 0.02,
                   y - high * 0.75, px, py);
    cairo_fill(cr);
    cairo_pattern_destroy(p);
}

void land_desert(struct art *a)
{
    struct rng r = art_rng(a, "desert");
    double l = 0.30 + 0.70 * clampd(luma(a->pal.sky[2]) * 1.25, 0, 1);
    struct rgb air = mix(a->pal.sky[3], a->pal.haze, 0.5);
    struct rgb lit = mix(scale(hex(0xf2bc74), l), a->pal.glow, 0.22),
               dark = mix(scale(hex(0x9c5230), l * 0.75), a->pal.near, 0.25);
    cairo_pattern_t *p = cairo_pattern_create_linear(0, a->horizon, 0, a->h);
    stop_rgb(p, 0, mix(lit, air, 0.75), 1);
    stop_rgb(p, 1, mix(lit, dark, 0.4), 1);
    cairo_set_source(a->cr, p);
    cairo_rectangle(a->cr, 0, a->horizon, a->w, a->h);
    cairo_fill(a->cr);
    cairo_pattern_destroy(p);
    for (int i = 0; i < 7; i++) {
        double t = i / 6.0, y = mixd(a->horizon + a->h * 0.012, a->h * 0.97, pow(t, 1.5));
        double wide = a->scale * (0.16 + 0.62 * t), high = a->scale * (0.028 + 0.17 * t);
        struct sand c = {mix(lit, air, 0.72 * (1 - t)), mix(dark, air, 0.66 * (1 - t))};
        int n = 1 + (int)(a->w / wide / 1.1);
        double x = rng_in(&r, -0.3, 0.6) * wide;
        for (int k = 0; k < n + 1; k++, x += wide * rng_in(&r, 0.9, 1.5))
            dune_draw(a, &r, x, y + rng_in(&r, -0.1, 0.1) * high, wide,
                      high * rng_in(&r, 0.55, 1.15), c);
        land_mist(a, y, a->h * 0.03, 0.22 * (1 - t), i % 2 ? "sand haze" : "sand dust");
    }
}

double *land_foreground(struct art *a, double y, double amp)
{
    double *line = ym_alloc_array((size_t)a->w, sizeof(double));
    struct range g = {.name = "foreground", .line = line, .base = y, .amp = amp};
    g.width = a->scale * 0.9;
    g.top = mix(land_color(a, 0.97), a->pal.near, 0.35);
    g.foot = mix(a->pal.near, scale(g.top, 0.5), 0.4);
    g.fade = a->h * 0.16;
    land_line(a, &g);
    land_paint(a, &g, a->h);
    tree_grass(a, line, a->scale * 0.022, g.top, "grass");
    return line;
}
