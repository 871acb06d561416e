/* Where figures stand, float and fly. */
#include "art.h"

bool figures_any(const struct art *a, uint32_t mask)
{
    return (a->sc.figures & mask) != 0;
}

static bool figure_has(const struct art *a, enum figure f)
{
    return figures_any(a, 1u << f);
}

static double line_at(const struct art *a, const double *line, double x)
{
    return line ? line[(int)clampd(x, 0, a->w - 1)] : a->h * 0.86;
}

/* The lowest ground under a wide thing, so that it does not hover. */
static double ground_under(const struct art *a, const double *line, double x, double wide)
{
    double y = 0;
    for (int i = -4; i <= 4; i++)
        y = fmax(y, line_at(a, line, x + wide * i / 8));
    return y;
}

/* A second drawing of the figure, shifted to the light: the lit edge shows. */
static void figure_lit(struct art *a, enum figure f, double x, double y, double size, bool flip)
{
    double dx = a->sun_x - x, dy = a->sun_y - (y - size / 2), d = hypot(dx, dy) + 1,
           off = size * 0.008;
    struct rgb rim = mix(a->pal.near, a->pal.glow, a->night ? 0.5 : 0.75);
    if (a->pal.light < 0.5 && f != FIG_BALLOON)
        figure_draw(a, f, x + dx / d * off, y + dy / d * off, size, flip, rim);
    struct rgb c = mix(a->pal.near, a->pal.leaf, 0.12 * a->pal.light);
    if (a->sc.ntints && f <= FIG_WHALE)
        c = tinted(c, a->sc.tint[0], 0.4);
    figure_draw(a, f, x, y, size, flip, c);
}

static void window_glow(struct art *a, double x, double y, double s)
{
    cairo_t *cr = a->cr;
    static const double pane[][2] = {{30, 72}, {42, 72}, {58, 72}, {84, 82}};
    struct rgb lamp = a->pal.light < 0.4 ? hex(0xffd27a) : mix(a->pal.sky[1], hex(0xffffff), 0.2);
    for (size_t i = 0; i < YM_COUNT(pane); i++) {
        double px = x + (pane[i][0] - 50) * s / 100, py = y + (pane[i][1] - 100) * s / 100;
        set_rgb(cr, lamp, 0.95);
        cairo_rectangle(cr, px, py, s * 0.065, s * 0.085);
        cairo_fill(cr);
        if (a->pal.light >= 0.4)
            continue;
        cairo_pattern_t *p = cairo_pattern_create_radial(px + s * 0.03, py + s * 0.04, 0,
                                                         px + s * 0.03, py + s * 0.04, s * 0.3);
        stop_rgb(p, 0, lamp, 0.35);
        stop_rgb(p, 1, lamp, 0);
        cairo_set_source(cr, p);
        cairo_arc(cr, px + s * 0.03, py + s * 0.04, s * 0.3, 0, 2 * M_PI);
        cairo_fill(cr);
        cairo_pattern_destroy(p);
    }
}

static void smoke_rise(struct art *a, struct rng *r, double x, double y, double s)
{
    for (int i = 0; i < 12; i++) {
        double t = i / 12.0, px = x + sin(t * 4) * s * 0.10 + t * s * 0.25, py = y - t * s * 0.75,
               rad = s * (0.02 + 0.09 * t) * rng_in(r, 0.8, 1.2);
        cairo_pattern_t *p = cairo_pattern_create_radial(px, py, 0, px, py, rad);
        stop_rgb(p, 0, a->pal.cloud_lit, 0.20 * (1 - t));
        stop_rgb(p, 1, a->pal.cloud_lit, 0);
        cairo_set_source(a->cr, p);
        cairo_arc(a->cr, px, py, rad, 0, 2 * M_PI);
        cairo_fill(a->cr);
        cairo_pattern_destroy(p);
    }
}

static void beam_draw(struct art *a, double x, double y)
{
    if (a->pal.light > 0.4)
        return;
    sky_shaft(a, x, y, -0.06, 0.075, a->scale * 0.95, hex(0xfff2c8), 1.5);
    sky_shaft(a, x, y, M_PI + 0.07, 0.075, a->scale * 0.95, hex(0xfff2c8), 1.5);
}

static void building_stand(struct art *a, struct rng *r, const double *line)
{
    static const enum figure kind[] = {FIG_CASTLE, FIG_LIGHTHOUSE, FIG_WINDMILL, FIG_HOUSE};
    for (size_t i = 0; i < YM_COUNT(kind); i++) {
        enum figure f = kind[i];
        if (!figure_has(a, f))
            continue;
        double x = a->w * (a->sun_x > a->w / 2.0 ? rng_in(r, 0.20, 0.34) : rng_in(r, 0.66, 0.80));
        double s = a->scale * (f == FIG_HOUSE        ? 0.17
                               : f == FIG_CASTLE     ? 0.36
                               : f == FIG_LIGHTHOUSE ? 0.42
                                                     : 0.32);
        double y = ground_under(a, line, x, s * 0.6) + s * 0.02;
        if (f == FIG_LIGHTHOUSE)
            beam_draw(a, x, y - s * 0.82);
        if (f == FIG_HOUSE)
            smoke_rise(a, r, x + s * 0.14, y - s * 0.70, s);
        figure_lit(a, f, x, y, s, false);
        if (f == FIG_HOUSE)
            window_glow(a, x, y, s);
        if (f == FIG_LIGHTHOUSE) {
            set_rgb(a->cr, hex(0xffe9ae), 1);
            cairo_rectangle(a->cr, x - s * 0.035, y - s * 0.855, s * 0.07, s * 0.075);
            cairo_fill(a->cr);
        }
    }
}

static void subjects_stand(struct art *a, struct rng *r, const double *line)
{
    int n = 0;
    for (enum figure f = FIG_CAT; f <= FIG_BICYCLE; f++) {
        if (!figure_has(a, f) || f == FIG_WHALE || f == FIG_FISH)
            continue;
        bool folk = f >= FIG_COUPLE;
        double s = a->scale *
                   (folk                                                                    ? 0.20
                    : f == FIG_HORSE || f == FIG_ELEPHANT || f == FIG_BEAR || f == FIG_DEER ? 0.30
                                                                                            : 0.25);
        s *= f == FIG_CHILD     ? 0.75
             : f == FIG_BICYCLE ? 0.5
             : f == FIG_RABBIT  ? 0.6
             : f == FIG_OWL     ? 0.7
                                : 1;
        if (f == FIG_BUST)
            s = fmin(a->unit * 0.85, a->h * 0.7);
        double x =
            a->sun_x +
            (n == 0 ? rng_in(r, -0.02, 0.02) : (n % 2 ? -0.17 : 0.17) * ((n + 1) / 2)) * a->scale;
        x = clampd(x, s * 0.5, a->w - s * 0.5);
        double y = f == FIG_BUST ? a->h : ground_under(a, line, x, s * 0.5) + s * 0.015;
        figure_lit(a, f, x, y, s, n ? rng_chance(r, 0.5) : a->sun_x < a->w / 2.0);
        if (++n == 3)
            break;
    }
}

static void balloon_draw(struct art *a, double x, double y, double s, const struct rgb five[5])
{
    cairo_t *cr = a->cr;
    figure_draw(a, FIG_BALLOON, x, y, s, false, five[2]);
    cairo_save(cr);
    cairo_translate(cr, x - s * 0.5, y - s);
    cairo_scale(cr, s / 100, s / 100);
    for (int i = -2; i <= 2; i++) { /* gores */
        double w0 = i * 13 - 6.5, w1 = i * 13 + 6.5;
        cairo_move_to(cr, 50, 2);
        cairo_curve_to(cr, 50 + w0 * 1.1, 12, 50 + w0 * 1.1, 46, 50 + w0 * 0.18, 78);
        cairo_line_to(cr, 50 + w1 * 0.18, 78);
        cairo_curve_to(cr, 50 + w1 * 1.1, 46, 50 + w1 * 1.1, 12, 50, 2);
        set_rgb(cr, i % 2 ? five[3] : five[4], 0.85);
        if (i % 2 == 0 && i != 0)
            continue;
        cairo_fill(cr);
    }
    cairo_new_path(cr);
    cairo_restore(cr);
    double side = a->sun_x > x ? 1 : -1;
    cairo_pattern_t *p = cairo_pattern_create_radial(x + side * s * 0.12, y - s * 0.75, s * 0.05, x,
                                                     y - s * 0.66, s * 0.42);
    stop_rgb(p, 0, a->pal.sun, 0.35);
    stop_rgb(p, 0.5, a->pal.near, 0.0);
    stop_rgb(p, 1, a->pal.near, 0.62);
    cairo_set_source(cr, p);
    cairo_arc(cr, x, y - s * 0.68, s * 0.32, 0, 2 * M_PI);
    cairo_save(cr);
    cairo_clip(cr);
    cairo_paint(cr);
    cairo_restore(cr);
    cairo_pattern_destroy(p);
}

static void rocket_fly(struct art *a, struct rng *r)
{
    double x = a->w * rng_in(r, 0.3, 0.7), y = a->h * 0.60, s = a->scale * 0.26;
    cairo_t *cr = a->cr;
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, rng_in(r, 0.25, 0.6));
    cairo_pattern_t *p = cairo_pattern_create_linear(0, -s * 0.3, 0, s * 1.2);
    stop_rgb(p, 0, hex(0xfff6d0), 0.95);
    stop_rgb(p, 0.35, hex(0xffb24a), 0.7);
    stop_rgb(p, 1, hex(0xff5a2a), 0);
    cairo_set_source(cr, p);
    cairo_move_to(cr, -s * 0.075, -s * 0.27);
    cairo_curve_to(cr, -s * 0.16, s * 0.2, -s * 0.03, s * 0.6, 0, s * 1.2);
    cairo_curve_to(cr, s * 0.03, s * 0.6, s * 0.16, s * 0.2, s * 0.075, -s * 0.27);
    cairo_fill(cr);
    cairo_pattern_destroy(p);
    figure_draw(a, FIG_ROCKET, 0, 0, s, false, mix(hex(0xe9e6e0), a->pal.near, 0.1));
    cairo_restore(cr);
}

static void fly(struct art *a, struct rng *r)
{
    bool sky = !(a->sc.places & (IN_SPACE | IN_ABSTRACT | IN_UNDERWATER));
    if (figure_has(a, FIG_BIRD))
        sky_birds(a, 13, a->w * rng_in(r, 0.35, 0.65), a->horizon * rng_in(r, 0.35, 0.55),
                  a->scale * 0.034);
    else if (sky && !a->night && rng_chance(r, 0.45))
        sky_birds(a, 6, a->w * rng_in(r, 0.25, 0.75), a->horizon * rng_in(r, 0.3, 0.6),
                  a->scale * 0.011);
    if (figure_has(a, FIG_BALLOON)) {
        struct rgb five[5];
        for (int i = 3; i >= 0; i--) {
            palette_five(five, &a->sc, r);
            double t = i / 3.0;
            for (int k = 0; k < 5; k++)
                five[k] = mix(mix(five[k], a->pal.haze, 0.5 * t), a->pal.near,
                              0.25 * (1 - a->pal.light) * (1 - t));
            double x =
                a->w * (i == 0 ? (a->sun_x > a->w / 2.0 ? 0.32 : 0.68) : rng_in(r, 0.1, 0.9));
            balloon_draw(a, x, a->h * (i == 0 ? 0.52 : rng_in(r, 0.22, 0.45)),
                         a->scale * (0.30 - 0.24 * sqrt(t)), five);
        }
    }
    if (figure_has(a, FIG_ROCKET))
        rocket_fly(a, r);
    if (figure_has(a, FIG_BUTTERFLY)) {
        struct rgb five[5];
        palette_five(five, &a->sc, r);
        for (int i = 0; i < 5; i++) {
            double s = a->scale * (i == 0 ? 0.14 : rng_in(r, 0.025, 0.06));
            cairo_save(a->cr);
            cairo_translate(a->cr, a->w * rng_in(r, 0.2, 0.8), a->h * rng_in(r, 0.4, 0.7));
            cairo_rotate(a->cr, rng_in(r, -0.5, 0.5));
            cairo_scale(a->cr, rng_in(r, 0.6, 1), 1);
            figure_draw(a, FIG_BUTTERFLY, 0, 0, s, false, scale(five[0], 0.7));
            figure_draw(a, FIG_BUTTERFLY, 0, -s * 0.06, s * 0.86, false, five[2 + (i & 1)]);
            cairo_restore(a->cr);
        }
    }
}

void figures_paint(struct art *a, const double *line)
{
    struct rng r = art_rng(a, "figures");
    fly(a, &r);
    building_stand(a, &r, line);
    subjects_stand(a, &r, line);
}

/* ---- on and in the water ---- */
static void mirror_under(struct art *a, enum figure f, double x, double y, double s, bool flip)
{
    cairo_t *cr = a->cr;
    cairo_save(cr);
    for (int i = 0; i < 12; i++) /* broken into strips by the ripples */
        cairo_rectangle(cr, x - s, y + s * i * 0.055, 2 * s, s * 0.038);
    cairo_clip(cr);
    cairo_translate(cr, x, y);
    cairo_scale(cr, 1, -0.62);
    cairo_push_group(cr);
    figure_draw(a, f, 0, 0, s, flip, mix(a->pal.near, a->pal.water, 0.45));
    cairo_pop_group_to_source(cr);
    cairo_paint_with_alpha(cr, 0.55);
    cairo_restore(cr);
}

static void fish_draw(struct art *a, double x, double y, double s, bool flip, struct rgb c,
                      double far)
{
    struct rgb back = mix(scale(c, 0.72), a->pal.haze, 0.6 * far),
               belly = mix(mix(c, hex(0xffffff), 0.35), a->pal.haze, 0.6 * far);
    double k = flip ? -1 : 1, ex = x - k * s * 0.34, ey = y - s * 0.53;
    figure_shade(a, FIG_FISH, x, y, s, flip, back, belly);
    cairo_arc(a->cr, ex, ey, s * 0.042, 0, 2 * M_PI);
    set_rgb(a->cr, hex(0xfffdf4), 0.95 - 0.5 * far);
    cairo_fill(a->cr);
    cairo_arc(a->cr, ex - k * s * 0.006, ey, s * 0.022, 0, 2 * M_PI);
    set_rgb(a->cr, hex(0x10141c), 1);
    cairo_fill(a->cr);
    if (s < a->scale * 0.06)
        return;
    cairo_set_line_width(a->cr, s * 0.014);
    cairo_set_line_cap(a->cr, CAIRO_LINE_CAP_ROUND);
    set_rgb(a->cr, scale(c, 0.55), 0.8); /* gill and fin */
    cairo_move_to(a->cr, x - k * s * 0.20, y - s * 0.66);
    cairo_curve_to(a->cr, x - k * s * 0.14, y - s * 0.56, x - k * s * 0.14, y - s * 0.44,
                   x - k * s * 0.20, y - s * 0.36);
    cairo_stroke(a->cr);
    cairo_move_to(a->cr, x - k * s * 0.08, y - s * 0.50);
    cairo_curve_to(a->cr, x + k * s * 0.08, y - s * 0.56, x + k * s * 0.14, y - s * 0.44,
                   x + k * s * 0.16, y - s * 0.36);
    cairo_curve_to(a->cr, x + k * s * 0.06, y - s * 0.34, x - k * s * 0.04, y - s * 0.40,
                   x - k * s * 0.08, y - s * 0.50);
    set_rgb(a->cr, scale(c, 0.8), 0.9);
    cairo_fill(a->cr);
}

static void fish_school(struct art *a, struct rng *r, double top, double bottom)
{
    static const uint32_t bright[] = {0xff8a3d, 0xffd166, 0xf25f5c, 0xf7a0c4, 0xf7f3ea, 0xffb347};
    for (int group = 0; group < 3; group++) {
        struct rgb c =
            a->sc.ntints ? a->sc.tint[group % a->sc.ntints] : hex(bright[rng_below(r, 6)]);
        bool flip = rng_chance(r, 0.5);
        double cx = a->w * rng_in(r, 0.2, 0.8), cy = mixd(top, bottom, rng_in(r, 0.22, 0.68));
        for (int i = 0; i < 15; i++) {
            double t = i / 14.0, s = a->scale * (0.018 + 0.030 * t) * (0.7 + 0.25 * group),
                   ang = rng_in(r, 0, 6.28), d = sqrt(rng_unit(r));
            fish_draw(a, cx + cos(ang) * d * a->scale * 0.24, cy + sin(ang) * d * a->scale * 0.10,
                      s, flip, c, 0.8 * (1 - t) * (1 - 0.3 * group));
        }
    }
    if (!figure_has(a, FIG_FISH))
        return;
    struct rgb c = a->sc.ntints ? a->sc.tint[0] : hex(bright[rng_below(r, 3)]);
    double s = fmin(a->scale * 0.30, a->w * 0.4);
    fish_draw(a, a->w * rng_in(r, 0.36, 0.64), mixd(top, bottom, 0.56), s, rng_chance(r, 0.5), c,
              0);
}

static void whale_swim(struct art *a, struct rng *r, double top, double bottom)
{
    double x = a->w * rng_in(r, 0.42, 0.58), y = mixd(top, bottom, 0.62);
    double s = fmin(a->scale * 0.42, a->w * 0.42);
    bool flip = rng_chance(r, 0.5);
    cairo_t *cr = a->cr;
    struct rgb c = mix(a->pal.near, a->pal.haze, 0.18);
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, rng_in(r, -0.12, 0.12));
    figure_draw(a, FIG_WHALE, 0, 0, s, flip, mix(c, a->pal.haze, 0.5));
    figure_draw(a, FIG_WHALE, 0, s * 0.012, s * 0.995, flip, c);
    cairo_restore(cr);
}

static void whale_tail(struct art *a, struct rng *r, double top)
{
    double x = a->w * rng_in(r, 0.4, 0.6), s = a->scale * 0.2, y = top + a->h * 0.12;
    cairo_t *cr = a->cr;
    cairo_move_to(cr, x - s * 0.22, y);
    cairo_curve_to(cr, x - s * 0.10, y - s * 0.3, x - s * 0.05, y - s * 0.5, x - s * 0.06,
                   y - s * 0.66);
    cairo_curve_to(cr, x - s * 0.3, y - s * 0.7, x - s * 0.62, y - s * 0.82, x - s * 0.78,
                   y - s * 1.12);
    cairo_curve_to(cr, x - s * 0.5, y - s * 1.06, x - s * 0.2, y - s * 1.04, x, y - s * 0.86);
    cairo_curve_to(cr, x + s * 0.2, y - s * 1.04, x + s * 0.5, y - s * 1.06, x + s * 0.78,
                   y - s * 1.12);
    cairo_curve_to(cr, x + s * 0.62, y - s * 0.82, x + s * 0.3, y - s * 0.7, x + s * 0.06,
                   y - s * 0.66);
    cairo_curve_to(cr, x + s * 0.05, y - s * 0.5, x + s * 0.10, y - s * 0.3, x + s * 0.22, y);
    cairo_close_path(cr);
    set_rgb(cr, mix(a->pal.near, a->pal.water, 0.15), 1);
    cairo_fill(cr);
    set_rgb(cr, a->pal.cloud_lit, 0.5);
    for (int i = 0; i < 60; i++) {
        double t = rng_in(r, -1, 1);
        cairo_new_sub_path(cr);
        cairo_arc(cr, x + t * s * 0.5, y - rng_unit(r) * s * 0.16 * (1 - fabs(t)),
                  s * rng_in(r, 0.006, 0.022), 0, 2 * M_PI);
    }
    cairo_fill(cr);
}

void figures_afloat(struct art *a, double top, double bottom)
{
    struct rng r = art_rng(a, "afloat");
    bool under = top <= 0;
    if (under) {
        fish_school(a, &r, top, bottom);
        if (figure_has(a, FIG_WHALE))
            whale_swim(a, &r, top, bottom);
        return;
    }
    static const enum figure craft[] = {FIG_SHIP, FIG_BOAT};
    for (size_t i = 0; i < YM_COUNT(craft); i++) {
        bool wanted = figure_has(a, craft[i]);
        if (!wanted && !(craft[i] == FIG_BOAT && !figure_has(a, FIG_SHIP) &&
                         a->sc.places & (IN_SEA | IN_BEACH) && rng_chance(&r, 0.5)))
            continue;
        double s = a->scale * (wanted ? craft[i] == FIG_SHIP ? 0.34 : 0.22 : 0.05);
        double x = clampd(a->sun_x + a->w * rng_in(&r, -0.12, 0.12), s * 0.6, a->w - s * 0.6);
        double y = mixd(top, bottom, wanted ? 0.16 : 0.035) + s * 0.04;
        bool flip = rng_chance(&r, 0.5);
        mirror_under(a, craft[i], x, y, s, flip);
        figure_lit(a, craft[i], x, y, s, flip);
    }
    if (figure_has(a, FIG_WHALE))
        whale_tail(a, &r, top);
}
