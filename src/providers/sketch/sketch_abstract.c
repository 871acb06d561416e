/* Compositions without an object: folded paper, discs and arcs, drifting lines. */
#include "art.h"

static void ground_fill(struct art *a, struct rgb top, struct rgb low)
{
    cairo_pattern_t *p = cairo_pattern_create_linear(0, 0, a->w * 0.3, a->h);
    stop_rgb(p, 0, top, 1);
    stop_rgb(p, 1, low, 1);
    cairo_set_source(a->cr, p);
    cairo_paint(a->cr);
    cairo_pattern_destroy(p);
}

/* Sheets of paper, cut in waves, each with its shadow on the one below. */
static void paper_waves(struct art *a, struct rng *r, const struct rgb c[5])
{
    cairo_t *cr = a->cr;
    uint32_t s = (uint32_t)rng_next(r);
    int n = 8 + rng_below(r, 4);
    double turn = rng_in(r, -0.5, 0.5), reach = hypot(a->w, a->h);
    bool rising = rng_chance(r, 0.5);
    ground_fill(a, rising ? c[4] : c[0], rising ? c[3] : c[1]);
    double sx = rng_in(r, 0.25, 0.75) * a->w, sy = rng_in(r, 0.18, 0.4) * a->h,
           sr = a->unit * rng_in(r, 0.12, 0.2);
    cairo_arc(cr, sx, sy, sr, 0, 2 * M_PI);
    set_rgb(cr, rising ? c[2] : c[3], 1);
    cairo_fill(cr);
    cairo_save(cr);
    cairo_translate(cr, a->w / 2.0, a->h / 2.0);
    cairo_rotate(cr, turn);
    for (int i = 0; i < n; i++) {
        double t = i / (n - 1.0), base = mixd(-0.12, 0.52, t) * reach,
               amp = a->scale * (0.10 + 0.06 * noise1(s + 5, i * 1.7));
        double k = (rising ? 1 - t : t) * 3.999;
        int j = (int)k;
        struct rgb col = mix(c[j], c[j + 1 > 4 ? 4 : j + 1], k - j);
        for (int pass = 6; pass >= 0; pass--) { /* six soft steps of shadow, then the sheet */
            double up = pass * a->unit * 0.0042;
            cairo_move_to(cr, -reach, reach);
            for (double x = -reach * 0.6; x <= reach * 0.62; x += a->scale / 150) {
                double u = x / a->scale;
                cairo_line_to(cr, x,
                              base - up +
                                  amp * (sin(u * 3.1 + i * 0.9 + noise1(s, i) * 3) * 0.5 +
                                         1.1 * fbm1(s + (uint32_t)i * 13u, u * 1.2 + i * 0.35, 3)));
            }
            cairo_line_to(cr, reach, reach);
            cairo_close_path(cr);
            if (pass > 0) {
                set_rgb(cr, scale(c[0], 0.4), 0.055);
                cairo_fill(cr);
                continue;
            }
            cairo_pattern_t *p = cairo_pattern_create_linear(0, base - amp, 0, base + amp * 2.2);
            stop_rgb(p, 0, mix(col, hex(0xffffff), 0.10), 1);
            stop_rgb(p, 1, scale(col, 0.88), 1);
            cairo_set_source(cr, p);
            cairo_fill(cr);
            cairo_pattern_destroy(p);
        }
    }
    cairo_restore(cr);
}

static void ring_arcs(cairo_t *cr, struct rng *r, double x, double y, double rad,
                      const struct rgb c[5])
{
    int n = 3 + rng_below(r, 5);
    double from = rng_below(r, 4) * M_PI / 2, to = from + (rng_chance(r, 0.5) ? M_PI : M_PI / 2);
    for (int i = n; i > 0; i--) {
        cairo_move_to(cr, x, y);
        cairo_arc(cr, x, y, rad * i / n, from, to);
        cairo_close_path(cr);
        set_rgb(cr, c[(i + n) % 5], 1);
        cairo_fill(cr);
    }
}

/* After the Bauhaus: large disc, arcs, bars and lines on cream. */
static void discs_arcs(struct art *a, struct rng *r, const struct rgb c[5])
{
    cairo_t *cr = a->cr;
    ground_fill(a, c[4], mix(c[4], c[3], 0.18));
    double bx = a->w * rng_in(r, 0.32, 0.68), by = a->h * rng_in(r, 0.32, 0.6),
           br = a->unit * rng_in(r, 0.25, 0.34);
    for (int i = 0; i < 4; i++) { /* quiet large planes first */
        double x = rng_unit(r) * a->w, y = rng_unit(r) * a->h, s = a->unit * rng_in(r, 0.25, 0.6);
        set_rgb(cr, c[1 + rng_below(r, 3)], 0.16);
        if (rng_chance(r, 0.5)) {
            cairo_arc(cr, x, y, s / 2, 0, 2 * M_PI);
        } else {
            cairo_move_to(cr, x, y);
            cairo_line_to(cr, x + s, y + s * rng_in(r, -0.6, 0.6));
            cairo_line_to(cr, x + s * rng_in(r, -0.3, 0.6), y + s);
        }
        cairo_fill(cr);
    }
    cairo_pattern_t *p = cairo_pattern_create_linear(bx - br, by - br, bx + br, by + br);
    stop_rgb(p, 0, mix(c[2], c[3], 0.4), 1);
    stop_rgb(p, 1, scale(c[2], 0.85), 1);
    cairo_arc(cr, bx, by, br, 0, 2 * M_PI);
    cairo_set_source(cr, p);
    cairo_fill(cr);
    cairo_pattern_destroy(p);
    for (int i = 0; i < 6; i++) {
        double t = rng_in(r, 0, 2 * M_PI), d = br * rng_in(r, 0.5, 1.7);
        ring_arcs(cr, r, bx + cos(t) * d, by + sin(t) * d, a->unit * rng_in(r, 0.06, 0.2), c);
    }
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_BUTT);
    double ang = rng_in(r, -0.9, 0.9);
    for (int i = 0; i < 5; i++) {
        double d = rng_in(r, -0.35, 0.35) * a->unit,
               w = a->unit * (i < 2 ? rng_in(r, 0.010, 0.028) : 0.0022);
        double x = bx - sin(ang) * d, y = by + cos(ang) * d, len = a->scale * rng_in(r, 0.2, 0.7);
        cairo_set_line_width(cr, fmax(1, w));
        set_rgb(cr, c[i < 2 ? rng_below(r, 3) : 0], 1);
        cairo_move_to(cr, x - cos(ang) * len, y - sin(ang) * len);
        cairo_line_to(cr, x + cos(ang) * len * rng_in(r, 0.4, 1),
                      y + sin(ang) * len * rng_in(r, 0.4, 1));
        cairo_stroke(cr);
        if (i == 2)
            ang += M_PI / 2;
    }
    for (int i = 0; i < 14; i++) {
        double t = rng_in(r, 0, 2 * M_PI), d = br * rng_in(r, 0.2, 2);
        cairo_arc(cr, bx + cos(t) * d, by + sin(t) * d, a->unit * pow(rng_unit(r), 2) * 0.028 + 2,
                  0, 2 * M_PI);
        set_rgb(cr, c[rng_below(r, 5)], 1);
        cairo_fill(cr);
    }
}

/* Lines that follow an unseen current. */
static void drift_lines(struct art *a, struct rng *r, const struct rgb c[5])
{
    cairo_t *cr = a->cr;
    uint32_t s = (uint32_t)rng_next(r);
    bool dark = rng_chance(r, 0.6);
    double zoom = rng_in(r, 0.9, 1.7), step = a->scale / 110, turn = rng_in(r, 0, 6.28);
    ground_fill(a, dark ? scale(c[0], 0.75) : c[4], dark ? c[0] : mix(c[4], c[3], 0.3));
    cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
    int n = a->detail == 0 ? 420 : 900;
    for (int i = 0; i < n; i++) {
        double x = rng_in(r, -0.1, 1.1) * a->w, y = rng_in(r, -0.1, 1.1) * a->h,
               fat = pow(rng_unit(r), 4);
        double tone = clampd(0.5 + 0.9 * noise2(s + 3, x / a->scale * 1.5, y / a->scale * 1.5) +
                                 rng_in(r, -0.15, 0.15),
                             0, 0.999);
        double k = dark ? 1 + tone * 3 : tone * 3.4;
        int j = (int)k, steps = 14 + rng_below(r, 34);
        cairo_move_to(cr, x, y);
        for (int q = 0; q < steps; q++) {
            double t = turn + 2.6 * fbm2(s, x / a->scale * zoom, y / a->scale * zoom, 2);
            x += cos(t) * step;
            y += sin(t) * step;
            cairo_line_to(cr, x, y);
        }
        cairo_set_line_width(cr, a->unit * (0.0012 + 0.012 * fat));
        set_rgb(cr, mix(c[j], c[j + 1 > 4 ? 4 : j + 1], k - j), 0.88 - 0.25 * fat);
        cairo_stroke(cr);
    }
    double x = rng_in(r, 0.3, 0.7) * a->w, y = rng_in(r, 0.3, 0.6) * a->h,
           rad = a->unit * rng_in(r, 0.10, 0.17);
    cairo_arc(cr, x, y, rad, 0, 2 * M_PI);
    set_rgb(cr, dark ? c[3] : c[2], 0.94);
    cairo_fill(cr);
}

void abstract_paint(struct art *a)
{
    struct rng r = art_rng(a, "abstract");
    struct rgb five[5];
    palette_five(five, &a->sc, &r);
    switch (rng_below(&r, 3)) {
    case 0:
        paper_waves(a, &r, five);
        break;
    case 1:
        discs_arcs(a, &r, five);
        break;
    default:
        drift_lines(a, &r, five);
        break;
    }
    a->pal.near = five[0];
    a->horizon = a->h * 0.7;
    if (figures_any(a, ~0u))
        figures_paint(a, NULL);
}
