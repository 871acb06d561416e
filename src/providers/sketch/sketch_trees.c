/* What grows: conifers, broadleaved trees, palms, grass, flowers, and a walk in the woods. */
#include "art.h"

/* Adds the outline of one conifer to the path; the caller fills. */
void tree_conifer(cairo_t *cr, struct rng *r, double x, double y, double height, int levels)
{
    double wide = height * rng_in(r, 0.15, 0.21), lean = rng_in(r, -0.012, 0.012) * height;
    double px[2][16], py[2][16];
    cairo_move_to(cr, x + lean, y - height);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < levels; i++) {
            double t = (i + 1.0) / levels;
            px[side][i] = wide * pow(t, 0.85) * rng_in(r, 0.72, 1.18);
            py[side][i] = y - height * (1 - 0.90 * t) + height * rng_in(r, -0.012, 0.016);
        }
    double gap = height * 0.9 / levels;
    for (int i = 0; i < levels; i++) {
        cairo_line_to(cr, x + px[0][i] * 0.55, py[0][i] - gap * 0.42);
        cairo_line_to(cr, x + px[0][i], py[0][i]);
        cairo_line_to(cr, x + px[0][i] * 0.40, py[0][i] - gap * 0.16);
    }
    cairo_line_to(cr, x + height * 0.014, y - height * 0.09);
    cairo_line_to(cr, x + height * 0.016, y + height * 0.02);
    cairo_line_to(cr, x - height * 0.016, y + height * 0.02);
    cairo_line_to(cr, x - height * 0.014, y - height * 0.09);
    for (int i = levels - 1; i >= 0; i--) {
        cairo_line_to(cr, x - px[1][i] * 0.40, py[1][i] - gap * 0.16);
        cairo_line_to(cr, x - px[1][i], py[1][i]);
        cairo_line_to(cr, x - px[1][i] * 0.55, py[1][i] - gap * 0.42);
    }
    cairo_close_path(cr);
}

/* A wooded range: ground and trees in one shape, sinking into mist below. */
void tree_row(struct art *a, const struct range *g, const char *name, double height, double density,
              struct rgb top, struct rgb foot)
{
    struct rng r = art_rng(a, name);
    uint32_t s = art_noise(a, name) + 31;
    cairo_t *cr = a->cr;
    double low = 0, high = a->h;
    int step = a->w > 1500 ? 3 : 2;
    cairo_new_path(cr);
    cairo_move_to(cr, -2, a->h + 2);
    for (int x = 0; x < a->w; x += step) {
        cairo_line_to(cr, x - 1, g->line[x]);
        low = fmax(low, g->line[x]);
        high = fmin(high, g->line[x]);
    }
    cairo_line_to(cr, a->w + 2, g->line[a->w - 1]);
    cairo_line_to(cr, a->w + 2, a->h + 2);
    cairo_close_path(cr);
    int levels = (int)clampd(height / 7, 3, a->detail == 0 ? 7 : 13);
    for (double x = -height * 0.2; x < a->w + height * 0.2;
         x += height * rng_in(&r, 0.10, 0.34) / density) {
        double stand = noise1(s, x / a->scale * 3.5); /* woods and clearings */
        if (stand < -0.28)
            continue;
        double h = height * (0.55 + 0.55 * clampd(stand + 0.3, 0, 1)) * rng_in(&r, 0.62, 1.15);
        int xi = (int)clampd(x, 0, a->w - 1);
        tree_conifer(cr, &r, x, g->line[xi] + h * 0.04, h, levels);
    }
    cairo_pattern_t *p = cairo_pattern_create_linear(0, high - height, 0, low + g->fade);
    stop_rgb(p, 0, top, 1);
    stop_rgb(p, clampd((low - high + height) / (low - high + height + g->fade), 0.1, 0.9) * 0.75,
             top, 1);
    stop_rgb(p, 1, foot, 1);
    cairo_set_source(cr, p);
    cairo_fill(cr);
    cairo_pattern_destroy(p);
}

void tree_frame(struct art *a, const double *line, double height)
{
    struct rng r = art_rng(a, "frame");
    bool left = a->sun_x > a->w / 2.0;
    int n = 5 + rng_below(&r, 4);
    cairo_new_path(a->cr);
    for (int i = 0; i < n; i++) {
        double in = pow((i + rng_in(&r, 0, 0.8)) / n, 1.4) * 0.30 * a->w,
               h = height * rng_in(&r, 0.55, 1.05) * (1 - 0.55 * i / n);
        double x = left ? in - height * 0.03 : a->w - in + height * 0.03;
        tree_conifer(a->cr, &r, x, line[(int)clampd(x, 0, a->w - 1)] + h * 0.03, h,
                     13 + rng_below(&r, 3));
    }
    set_rgb(a->cr, mix(land_color(a, 1), a->pal.near, 0.6), 1);
    cairo_fill(a->cr);
}

static void branch_draw(cairo_t *cr, struct rng *r, double x, double y, double angle, double len,
                        double wide, int depth)
{
    double ex = x + cos(angle) * len, ey = y + sin(angle) * len,
           bend = rng_in(r, -0.15, 0.15) * len;
    cairo_set_line_width(cr, wide);
    cairo_move_to(cr, x, y);
    cairo_curve_to(cr, x + (ex - x) * 0.4 + bend, y + (ey - y) * 0.4, x + (ex - x) * 0.7 + bend,
                   y + (ey - y) * 0.7, ex, ey);
    cairo_stroke(cr);
    if (depth <= 0)
        return;
    int n = depth > 2 ? 2 : 2 + rng_chance(r, 0.5);
    for (int i = 0; i < n; i++)
        branch_draw(cr, r, ex, ey, angle + rng_in(r, -0.65, 0.65) + (i - (n - 1) / 2.0) * 0.45,
                    len * rng_in(r, 0.6, 0.8), wide * 0.62, depth - 1);
}

static void leaf_dab(cairo_t *cr, double x, double y, double s, double turn)
{
    double ux = cos(turn) * s, uy = sin(turn) * s, vx = -uy * 0.62, vy = ux * 0.62;
    cairo_move_to(cr, x + ux, y + uy);
    cairo_line_to(cr, x + ux * 0.3 + vx, y + uy * 0.3 + vy);
    cairo_line_to(cr, x - ux * 0.5 + vx * 0.8, y - uy * 0.5 + vy * 0.8);
    cairo_line_to(cr, x - ux, y - uy);
    cairo_line_to(cr, x - ux * 0.3 - vx, y - uy * 0.3 - vy);
    cairo_line_to(cr, x + ux * 0.5 - vx * 0.8, y + uy * 0.5 - vy * 0.8);
    cairo_close_path(cr);
}

enum { CLUMPS = 19 };

/* Leaves in four tones, dark to lit, in clumps; the lit ones lean to the light. */
static void crown_draw(struct art *a, struct rng *r, double x, double y, double rad,
                       struct rgb leaf)
{
    cairo_t *cr = a->cr;
    double lx = clampd((a->sun_x - x) / a->scale, -0.6, 0.6) * 0.5, ly = -0.42;
    struct rgb shade = mix(scale(leaf, 0.55), a->pal.near, 0.25);
    struct rgb tone[4] = {
        shade, mix(shade, leaf, 0.5), leaf,
        mix(leaf, mix(a->pal.glow, a->pal.sun, a->pal.light), 0.24 + 0.14 * a->pal.light)};
    double cx[CLUMPS], cy[CLUMPS], size[CLUMPS];
    for (int i = 0; i < CLUMPS; i++) { /* a sunflower's spiral fills the round evenly */
        double t = i * 2.39996 + rng_in(r, -0.3, 0.3), d = sqrt((i + 0.4) / CLUMPS) * rad * 0.74;
        cx[i] = x + cos(t) * d * 1.12;
        cy[i] = y + sin(t) * d * 0.80;
        size[i] = rad * rng_in(r, 0.27, 0.37);
    }
    int dabs = a->detail == 0 ? 18 : 38;
    for (int pass = 0; pass < 4; pass++) {
        double in = pass / 3.0, small = pass == 0 ? 0.055 : 0.038;
        for (int i = 0; i < CLUMPS; i++)
            for (int k = 0; k < dabs; k++) {
                double t = rng_in(r, 0, 2 * M_PI),
                       d = sqrt(rng_unit(r)) * size[i] * (1 - 0.45 * in);
                double bx = cx[i] + cos(t) * d + lx * in * size[i],
                       by = cy[i] + sin(t) * d + ly * in * size[i];
                leaf_dab(cr, bx, by, rad * small * rng_in(r, 0.7, 1.2), rng_in(r, 0, M_PI));
            }
        set_rgb(cr, tone[pass], 1);
        cairo_fill(cr);
    }
}

void tree_broad(struct art *a, struct rng *r, double x, double y, double height, struct rgb leaf,
                struct rgb trunk)
{
    cairo_t *cr = a->cr;
    double w = height * 0.035;
    set_rgb(cr, trunk, 1);
    cairo_move_to(cr, x - w * 1.9, y + height * 0.02);
    cairo_curve_to(cr, x - w * 0.8, y - height * 0.05, x - w * 0.8, y - height * 0.2, x - w * 0.55,
                   y - height * 0.4);
    cairo_line_to(cr, x + w * 0.55, y - height * 0.4);
    cairo_curve_to(cr, x + w * 0.8, y - height * 0.2, x + w * 0.8, y - height * 0.05, x + w * 1.9,
                   y + height * 0.02);
    cairo_fill(cr);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
    bool bare = a->sc.season == SEASON_WINTER;
    for (int i = 0; i < 5; i++) {
        double from = height * (0.38 - 0.02 * abs(i - 2)), len = height * (bare ? 0.20 : 0.11);
        branch_draw(cr, r, x, y - from, -M_PI / 2 + (i - 2) * 0.36, len, w * 0.85, bare ? 5 : 1);
    }
    if (!bare)
        crown_draw(a, r, x, y - height * 0.66, height * 0.35, leaf);
}

void tree_palm(struct art *a, struct rng *r, double x, double y, double height, struct rgb c)
{
    cairo_t *cr = a->cr;
    double lean = rng_in(r, -0.3, 0.3) * height, tx = x + lean, ty = y - height, w = height * 0.022;
    set_rgb(cr, c, 1);
    cairo_move_to(cr, x - w * 2.4, y + w * 1.5);
    cairo_curve_to(cr, x - w * 1.8, y + w, x - w * 1.6, y - w, x - w * 1.5, y - w * 2);
    cairo_curve_to(cr, x - w, y - height * 0.4, tx - w - lean * 0.25, ty + height * 0.3,
                   tx - w * 0.7, ty);
    cairo_line_to(cr, tx + w * 0.7, ty);
    cairo_curve_to(cr, tx + w - lean * 0.25, ty + height * 0.3, x + w, y - height * 0.4,
                   x + w * 1.5, y - w * 2);
    cairo_curve_to(cr, x + w * 1.6, y - w, x + w * 1.8, y + w, x + w * 2.4, y + w * 1.5);
    cairo_fill(cr);
    for (int i = 0; i < 12;
         i++) { /* fronds: a rib with leaflets hanging from it; none straight up */
        double ang =
            -M_PI / 2 + (i < 6 ? -1 : 1) * (0.30 + 0.34 * (i % 6) + rng_in(r, -0.08, 0.08));
        double len = height * rng_in(r, 0.34, 0.46), ex = cos(ang) * len,
               ey = sin(ang) * len * 0.55 + len * 0.34;
        double mx = cos(ang) * len * 0.55, my = sin(ang) * len * 0.75;
        for (int k = 0; k <= 26; k++) {
            double t = k / 26.0, u = 1 - t, bx = 2 * u * t * mx + t * t * ex,
                   by = 2 * u * t * my + t * t * ey;
            double leaf = len * 0.24 * sin(M_PI * clampd(t * 0.86 + 0.12, 0, 1)),
                   sway = cos(ang) * leaf * 0.45;
            cairo_move_to(cr, tx + bx - len * 0.012, ty + by);
            cairo_line_to(cr, tx + bx + len * 0.012, ty + by);
            cairo_line_to(cr, tx + bx + sway, ty + by + leaf);
            cairo_close_path(cr);
        }
        cairo_move_to(cr, tx, ty - w * 0.4);
        cairo_curve_to(cr, tx + mx * 0.6, ty + my * 0.85, tx + mx * 1.1, ty + my, tx + ex, ty + ey);
        cairo_curve_to(cr, tx + mx * 1.1, ty + my + w, tx + mx * 0.6, ty + my * 0.85 + w, tx,
                       ty + w * 0.6);
        cairo_fill(cr);
    }
}

void tree_grass(struct art *a, const double *line, double height, struct rgb c, const char *name)
{
    struct rng r = art_rng(a, name);
    uint32_t s = art_noise(a, name);
    cairo_t *cr = a->cr;
    double step = height * (a->detail == 0 ? 0.22 : 0.11);
    cairo_new_path(cr);
    for (double x = 0; x < a->w; x += step * rng_in(&r, 0.4, 1.6)) {
        int xi = (int)clampd(x, 0, a->w - 1);
        double h = height * rng_in(&r, 0.35, 1) * (0.7 + 0.5 * noise1(s, x / a->unit * 6));
        double bend = (0.35 * noise1(s + 1, x / a->unit * 2.5) + rng_in(&r, -0.3, 0.3)) * h,
               w = height * 0.035;
        double y = line[xi] + height * 0.12;
        cairo_move_to(cr, x - w, y);
        cairo_curve_to(cr, x - w * 0.6, y - h * 0.5, x + bend * 0.4, y - h * 0.8, x + bend, y - h);
        cairo_curve_to(cr, x + bend * 0.4 + w, y - h * 0.75, x + w, y - h * 0.4, x + w, y);
        cairo_close_path(cr);
    }
    set_rgb(cr, c, 1);
    cairo_fill(cr);
}

enum bloom { BLOOM_DAISY, BLOOM_POPPY, BLOOM_TULIP, BLOOM_SPIKE, BLOOM_COUNT };

static void bloom_petals(cairo_t *cr, int n, double rad, double wide, double turn)
{
    for (int i = 0; i < n; i++) {
        double t = turn + 2 * M_PI * i / n, ux = cos(t), uy = sin(t);
        cairo_move_to(cr, 0, 0);
        cairo_curve_to(cr, ux * rad * 0.5 - uy * wide, uy * rad * 0.5 + ux * wide,
                       ux * rad - uy * wide, uy * rad + ux * wide, ux * rad, uy * rad);
        cairo_curve_to(cr, ux * rad + uy * wide, uy * rad - ux * wide, ux * rad * 0.5 + uy * wide,
                       uy * rad * 0.5 - ux * wide, 0, 0);
    }
}

static void bloom_draw(cairo_t *cr, struct rng *r, enum bloom b, double size, struct rgb c,
                       struct rgb heart)
{
    switch (b) {
    case BLOOM_DAISY:
        cairo_scale(cr, 1, rng_in(r, 0.55, 0.95));
        bloom_petals(cr, 13, size, size * 0.17, rng_unit(r));
        set_rgb(cr, c, 1);
        cairo_fill(cr);
        cairo_arc(cr, 0, 0, size * 0.3, 0, 2 * M_PI);
        set_rgb(cr, heart, 1);
        cairo_fill(cr);
        break;
    case BLOOM_POPPY:
        cairo_scale(cr, 1, 0.78);
        bloom_petals(cr, 4, size * 0.98, size * 0.72, 0.5 + rng_unit(r) * 0.5);
        set_rgb(cr, scale(c, 0.8), 1);
        cairo_fill(cr);
        bloom_petals(cr, 4, size * 0.8, size * 0.55, 1.3 + rng_unit(r) * 0.5);
        set_rgb(cr, c, 1);
        cairo_fill(cr);
        cairo_arc(cr, 0, size * 0.05, size * 0.2, 0, 2 * M_PI);
        set_rgb(cr, scale(heart, 0.22), 0.9);
        cairo_fill(cr);
        break;
    case BLOOM_TULIP:
        for (int i = 0; i < 3; i++) {
            double k = i == 1 ? 1 : -1 + i;
            cairo_move_to(cr, 0, size);
            cairo_curve_to(cr, -size * 0.8, size * 0.9, -size * 0.75, -size * 0.2,
                           (i - 1) * size * 0.5, -size);
            cairo_curve_to(cr, size * 0.75, -size * 0.2, size * 0.8, size * 0.9, 0, size);
            set_rgb(cr, scale(c, i == 2 ? 1.08 : 0.78 + 0.1 * fabs(k)), 1);
            cairo_fill(cr);
        }
        break;
    case BLOOM_SPIKE:
        for (int i = 0; i < 22; i++) {
            double t = i / 22.0, s = size * (0.16 + 0.24 * t);
            cairo_new_sub_path(cr);
            cairo_arc(cr, rng_in(r, -1, 1) * size * 0.28 * (0.3 + t), -size * 1.6 + t * size * 2.9,
                      s, 0, 2 * M_PI);
            if (i == 10 || i == 21) {
                set_rgb(cr, scale(c, i == 10 ? 1.1 : 0.85), 0.95);
                cairo_fill(cr);
            }
        }
        break;
    case BLOOM_COUNT:
        break;
    }
}

static void flower_draw(struct art *a, struct rng *r, enum bloom b, double x, double y, double tall,
                        double size, struct rgb c, struct rgb stem)
{
    cairo_t *cr = a->cr;
    double bend = rng_in(r, -0.25, 0.25) * tall, tx = x + bend, ty = y - tall;
    set_rgb(cr, stem, 1);
    cairo_set_line_width(cr, fmax(0.7, size * 0.13));
    cairo_move_to(cr, x, y);
    cairo_curve_to(cr, x, y - tall * 0.5, x + bend * 0.5, y - tall * 0.8, tx, ty);
    cairo_stroke(cr);
    if (size > a->unit * 0.008) { /* a leaf */
        double side = rng_chance(r, 0.5) ? 1 : -1;
        cairo_move_to(cr, x, y - tall * 0.1);
        cairo_curve_to(cr, x + side * tall * 0.05, y - tall * 0.4, x + side * tall * 0.2,
                       y - tall * 0.45, x + side * tall * 0.24, y - tall * 0.55);
        cairo_curve_to(cr, x + side * tall * 0.2, y - tall * 0.25, x + side * tall * 0.08,
                       y - tall * 0.1, x, y - tall * 0.1);
        cairo_fill(cr);
    }
    cairo_save(cr);
    cairo_translate(cr, tx, ty);
    cairo_rotate(cr, bend / tall * 0.8);
    bloom_draw(cr, r, b, size, c, mix(hex(0xf4b93a), a->pal.near, 0.3 * (1 - a->pal.light)));
    cairo_restore(cr);
}

/* Flowers from far (dots) to near (whole plants), on and below the line. */
void tree_flowers(struct art *a, const double *line, double size, const char *name)
{
    static const uint32_t bright[] = {0xe2483d, 0xf7f3ea, 0xf6c53c, 0x9b6bd3, 0xf08bb4, 0x5c8fe0};
    struct rng r = art_rng(a, name);
    enum bloom kind[2] = {(enum bloom)rng_below(&r, BLOOM_COUNT),
                          (enum bloom)rng_below(&r, BLOOM_COUNT)};
    int pick = rng_below(&r, 6);
    struct rgb c[2] = {hex(bright[pick]), hex(bright[(pick + 1 + rng_below(&r, 5)) % 6])};
    for (int i = 0; i < a->sc.ntints; i++)
        c[i] = a->sc.tint[i];
    double lum = 0.42 + 0.58 * clampd(luma(a->pal.sky[2]) * 1.4, 0, 1);
    struct rgb stem = mix(mix(a->pal.leaf, hex(0x2f5a2c), 0.3), a->pal.near, 0.55);
    int n = a->detail == 0 ? 130 : 230;
    for (int i = 0; i < n; i++) {
        double t = (i + 1.0) / n; /* nearer ones later, larger, lower */
        double x = rng_unit(&r) * a->w, s = size * (0.10 + 0.9 * t * t) * rng_in(&r, 0.7, 1.2);
        int xi = (int)clampd(x, 0, a->w - 1), k = rng_chance(&r, 0.3);
        double y = mixd(line[xi], a->h * 1.06, t * t) + s;
        if (t * t > 0.75 && rng_chance(&r, 0.55))
            continue;
        flower_draw(a, &r, kind[k], x, y + s * 2, s * rng_in(&r, 4, 7), s,
                    mix(scale(c[k], lum * rng_in(&r, 0.85, 1.05)), a->pal.haze, 0.25 * (1 - t)),
                    stem);
    }
}

/* ---- inside the forest ---- */
static void trunk_draw(struct art *a, struct rng *r, double x, double foot, double wide,
                       struct rgb c, struct rgb lit)
{
    cairo_t *cr = a->cr;
    double lean = rng_in(r, -0.05, 0.05) * foot, side = a->sun_x > x ? 1 : -1;
    cairo_pattern_t *p =
        cairo_pattern_create_linear(x - side * wide * 0.5, 0, x + side * wide * 0.5, 0);
    stop_rgb(p, 0, scale(c, 0.75), 1);
    stop_rgb(p, 0.62, c, 1);
    stop_rgb(p, 1, lit, 1);
    cairo_set_source(cr, p);
    cairo_move_to(cr, x - wide * 0.85, foot + wide * 0.25);
    cairo_curve_to(cr, x - wide * 0.5, foot - wide, x - wide * 0.45, foot * 0.6,
                   x - wide * 0.32 + lean, -5);
    cairo_line_to(cr, x + wide * 0.32 + lean, -5);
    cairo_curve_to(cr, x + wide * 0.45, foot * 0.6, x + wide * 0.5, foot - wide, x + wide * 0.85,
                   foot + wide * 0.25);
    cairo_fill(cr);
    cairo_pattern_destroy(p);
    set_rgb(cr, c, 1);
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
    for (int i = 0; i < 5; i++) { /* dead branches below the crown */
        double y = foot * rng_in(r, 0.08, 0.62), s = rng_chance(r, 0.5) ? 1 : -1,
               len = wide * rng_in(r, 1.2, 3.2);
        cairo_set_line_width(cr, wide * rng_in(r, 0.05, 0.13));
        cairo_move_to(cr, x + lean * (1 - y / foot), y);
        cairo_curve_to(cr, x + s * len * 0.4, y - len * 0.05, x + s * len * 0.7, y - len * 0.3,
                       x + s * len, y - len * rng_in(r, 0.1, 0.5));
        cairo_stroke(cr);
    }
}

static void light_shafts(struct art *a, struct rng *r, int n)
{
    for (int i = 0; i < n; i++) {
        double angle = M_PI / 2 + rng_in(r, -1.15, 1.15);
        sky_shaft(a, a->sun_x, a->sun_y, angle, rng_in(r, 0.02, 0.08), a->h * rng_in(r, 0.7, 1.2),
                  a->pal.sun, 0.55);
    }
}

static void forest_inside(struct art *a)
{
    static const char *const name[] = {"wood 0", "wood 1", "wood 2", "wood 3", "wood 4"};
    struct rng r = art_rng(a, "inside");
    YM_AUTOFREE double *line = ym_alloc_array((size_t)a->w, sizeof(double));
    for (int layer = 0; layer < 5; layer++) {
        double t = layer / 4.0, foot = mixd(a->horizon + a->h * 0.02, a->h * 0.93, t * t);
        struct rgb c = mix(mix(a->pal.sky[3], a->pal.leaf, 0.35), a->pal.near, 0.12 + 0.85 * t);
        struct range g = {
            .name = name[layer], .line = line, .base = foot, .amp = a->h * (0.015 + 0.05 * t)};
        g.width = a->scale * 0.55;
        g.top = mix(c, a->pal.leaf, 0.35 * (1 - t) + 0.25 * a->pal.light);
        g.foot = mix(g.top, a->pal.near, 0.35 + 0.5 * t);
        g.fade = a->h * 0.12;
        land_line(a, &g);
        land_paint(a, &g, a->h);
        tree_grass(a, line, a->scale * (0.006 + 0.03 * t * t), g.top, name[layer]);
        int n = (int)((layer == 4 ? 3 : 15 - 2.6 * layer) * clampd(a->w / a->scale, 0.6, 2));
        for (int i = 0; i < n; i++) {
            double x = (i + rng_in(&r, 0.1, 0.9)) * a->w / n,
                   wide = a->scale * (0.008 + 0.075 * t * t) * rng_in(&r, 0.7, 1.3);
            if (layer >= 3 && fabs(x - a->sun_x) < a->w * 0.17) /* leave the glade open */
                continue;
            int xi = (int)clampd(x, 0, a->w - 1);
            struct rgb lit = mix(c, a->pal.glow, 0.38 * exp(-fabs(x - a->sun_x) / a->scale * 2.5));
            trunk_draw(a, &r, x, line[xi] + wide * 0.2, wide, c, lit);
        }
        if (layer < 4) {
            land_mist(a, foot - a->h * 0.03, a->h * 0.13, 0.34 * (1 - t), name[layer]);
            light_shafts(a, &r, 3);
        }
    }
}

static void forest_rows(struct art *a)
{
    static const char *const name[] = {"firs 0", "firs 1", "firs 2", "firs 3", "firs 4", "firs 5"};
    struct rng r = art_rng(a, "rows");
    YM_AUTOFREE double *line = ym_alloc_array((size_t)a->w, sizeof(double));
    for (int i = 0; i < 6; i++) {
        double t = i / 5.0;
        struct range g = {.name = name[i], .line = line, .rugged = 0.25 * (1 - t)};
        g.base = mixd(a->horizon + a->h * 0.02, a->h * 1.02, pow(t, 1.25));
        g.amp = a->scale * rng_in(&r, 0.09, 0.17);
        g.width = a->scale * rng_in(&r, 0.5, 0.9);
        g.top = land_color(a, 0.12 + 0.88 * t);
        g.foot = mix(g.top, mix(a->pal.haze, a->pal.sky[3], 0.4), 0.75 * (1 - t));
        g.fade = a->h * 0.16;
        land_line(a, &g);
        tree_row(a, &g, name[i], a->scale * (0.03 + 0.20 * pow(t, 1.6)), 1.25, g.top, g.foot);
        if (i < 5)
            land_mist(a, g.base + a->h * 0.02, a->h * 0.055, 0.6 * (1 - 0.6 * t), name[i]);
    }
}

void forest_paint(struct art *a)
{
    struct rng r = art_rng(a, "forest");
    if (a->sc.places & IN_MOUNTAINS || a->night || rng_chance(&r, 0.45))
        forest_rows(a);
    else
        forest_inside(a);
}
