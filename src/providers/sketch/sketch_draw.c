/* The painter's way of working: read the words, choose light and place, paint from far to near,
 * sign. */
#include "art.h"

#include <errno.h>

const signed char art_bayer[8][8] = {
    {-32, 0, -24, 8, -30, 2, -22, 10},  {16, -16, 24, -8, 18, -14, 26, -6},
    {-20, 12, -28, 4, -18, 14, -26, 6}, {28, -4, 20, -12, 30, -2, 22, -10},
    {-29, 3, -21, 11, -31, 1, -23, 9},  {19, -13, 27, -5, 17, -15, 25, -7},
    {-17, 15, -25, 7, -19, 13, -27, 5}, {31, -1, 23, -9, 29, -3, 21, -11},
};

struct rng art_rng(const struct art *a, const char *part)
{
    return (struct rng){rng_hash(part, strlen(part), a->seed)};
}

uint32_t art_noise(const struct art *a, const char *part)
{
    return (uint32_t)(rng_hash(part, strlen(part), a->seed ^ 0x6e6f697365) >> 32);
}

uint32_t *art_lock(struct art *a, int *ret_stride)
{
    cairo_surface_flush(a->surface);
    *ret_stride = cairo_image_surface_get_stride(a->surface) / 4;
    return (uint32_t *)(void *)cairo_image_surface_get_data(a->surface);
}

void art_unlock(struct art *a)
{
    cairo_surface_mark_dirty(a->surface);
}

/* Where the light stands: low and to one side at the ends of the day, high at noon. */
static void light_place(struct art *a, struct rng *r)
{
    bool tall = a->h > a->w * 1.2;
    a->horizon = a->h * (tall ? rng_in(r, 0.50, 0.60) : rng_in(r, 0.54, 0.64));
    a->night = a->sc.hour == AT_NIGHT;
    a->sun_x = a->w * (rng_chance(r, 0.5) ? rng_in(r, 0.22, 0.42) : rng_in(r, 0.58, 0.78));
    double up = 0.2;
    switch (a->sc.hour) {
    case AT_SUNSET:
    case AT_DAWN:
        up = a->sc.places & (IN_MOUNTAINS | IN_FOREST | IN_CITY) ? rng_in(r, 0.24, 0.36)
                                                                 : rng_in(r, 0.10, 0.26);
        break;
    case AT_DUSK:
        up = rng_in(r, -0.12, -0.04);
        break;
    case AT_DAY:
        up = rng_in(r, 0.55, 0.85);
        break;
    case AT_NIGHT:
        up = rng_in(r, 0.48, 0.75);
        break;
    case AT_ANY:
        break;
    }
    a->sun_y = a->horizon * (1 - up);
    a->sun_r = a->scale * (a->night               ? rng_in(r, 0.035, 0.06)
                           : a->sc.hour == AT_DAY ? 0.026
                                                  : rng_in(r, 0.032, 0.052));
}

/* A single animal or person is shown large against the disc of sun or moon. */
static void subject_light(struct art *a)
{
    const uint32_t big = (1u << FIG_WHALE) - 1;
    const uint32_t folk =
        1u << FIG_COUPLE | 1u << FIG_PERSON | 1u << FIG_CHILD | 1u << FIG_BICYCLE | 1u << FIG_BUST;
    if (!(a->sc.figures & (big | folk)) || a->sc.hour == AT_DAY ||
        a->sc.places & (IN_CITY | IN_SPACE))
        return;
    a->subject = true;
    a->sun_r = a->scale * (a->sc.figures & big ? 0.17 : 0.13);
    a->sun_y = a->h * 0.80 - a->scale * (a->sc.figures & big ? 0.21 : 0.17);
    if (figures_any(a, 1u << FIG_BUST)) { /* the head before the disc */
        a->sun_r = a->unit * 0.30;
        a->sun_x = a->w * 0.5;
        a->sun_y = a->h - 0.62 * fmin(a->unit * 0.85, a->h * 0.7);
    }
    a->horizon = fmax(a->horizon, a->sun_y + a->sun_r * 0.3);
    if (a->night)
        a->sc.extras |= WITH_MOON;
    if (a->sc.hour == AT_DUSK)
        a->sc.hour = AT_SUNSET;
}

static void ground_paint(struct art *a)
{
    struct rng r = art_rng(a, "ground");
    double y = a->h * rng_in(&r, 0.90, 0.95), amp = a->h * rng_in(&r, 0.04, 0.10);
    bool flowers =
        a->sc.extras & WITH_FLOWERS ||
        (a->sc.places & IN_MEADOW && a->sc.season <= SEASON_SUMMER && rng_chance(&r, 0.5));
    if (flowers || a->subject) {
        y = a->h * (a->subject ? 0.84 : 0.76);
        amp = a->h * 0.055;
    }
    YM_AUTOFREE double *line = land_foreground(a, y, amp);
    if (a->sc.places & (IN_MOUNTAINS | IN_FOREST) && !(a->sc.extras & WITH_TREES) &&
        rng_chance(&r, 0.75))
        tree_frame(a, line, a->scale * rng_in(&r, 0.34, 0.55));
    const uint32_t built =
        1u << FIG_CASTLE | 1u << FIG_LIGHTHOUSE | 1u << FIG_WINDMILL | 1u << FIG_HOUSE;
    bool tree =
        a->sc.places & IN_MEADOW && !figures_any(a, built | 1u << FIG_BUST) && rng_chance(&r, 0.5);
    if (a->sc.extras & WITH_TREES || tree) {
        struct rgb leaf =
            a->sc.season == SEASON_SPRING || a->sc.ntints
                ? mix(a->pal.leaf, hex(0xf4a8c0), a->sc.season == SEASON_SPRING ? 0.75 : 0)
                : a->pal.leaf;
        double x = a->w * (a->sun_x < a->w / 2.0 ? rng_in(&r, 0.72, 0.84) : rng_in(&r, 0.16, 0.28));
        tree_broad(a, &r, x, line[(int)x] + a->h * 0.01, a->scale * rng_in(&r, 0.40, 0.56), leaf,
                   mix(a->pal.near, hex(0x3a2618), 0.3 * a->pal.light));
    }
    for (int i = 1; flowers && i < 6; i++) { /* grass down to our feet */
        double t = i / 5.0;
        for (int x = 0; x < a->w; x++)
            line[x] += a->h * 0.05;
        tree_grass(a, line, a->scale * (0.022 + 0.035 * t),
                   mix(mix(a->pal.near, a->pal.leaf, 0.55), a->pal.near, 0.6 * t),
                   i % 2 ? "blades" : "stalks");
    }
    for (int x = 0; flowers && x < a->w; x++)
        line[x] -= a->h * 0.25;
    figures_paint(a, line);
    if (flowers && a->sc.season != SEASON_WINTER)
        tree_flowers(a, line, a->unit * 0.020, "flowers");
}

static cairo_surface_t *surface_copy(struct art *a)
{
    cairo_surface_t *copy = cairo_image_surface_create(CAIRO_FORMAT_RGB24, a->w, a->h);
    cairo_t *cr = cairo_create(copy);
    cairo_set_source_surface(cr, a->surface, 0, 0);
    cairo_paint(cr);
    cairo_destroy(cr);
    return copy;
}

static void land_compose(struct art *a)
{
    unsigned p = a->sc.places;
    sky_paint(a);
    if (a->moves)
        a->sky = surface_copy(a);
    if (p & IN_CITY) {
        city_paint(a);
        return;
    }
    if (p & (IN_SEA | IN_BEACH)) {
        water_sea(a);
        return;
    }
    if (p & IN_FOREST)
        forest_paint(a);
    else if (p & IN_DESERT)
        land_desert(a);
    else if (p & IN_MEADOW)
        land_meadow(a);
    else if (p & IN_MOUNTAINS)
        land_mountains(a);
    else if (p & IN_SKY) /* nothing but sky, and hills far below */
        land_mist(a, a->h * 0.96, a->h * 0.12, 0.6, "below");
    if (p & IN_DESERT || (p & IN_SKY && !(p & ~(unsigned)(IN_SKY | IN_LAKE))))
        figures_paint(a, NULL);
    else
        ground_paint(a);
}

static void art_compose(struct art *a)
{
    struct rng r = art_rng(a, "light");
    palette_pick(&a->pal, &a->sc, &r);
    light_place(a, &r);
    if (a->sc.places == IN_SKY) {
        a->horizon = a->h * 0.94;
        a->sun_y = fmin(a->sun_y * 1.3, a->h * 0.7);
    }
    subject_light(a);
    if (a->sc.places & IN_ABSTRACT) {
        abstract_paint(a);
    } else if (a->sc.places & IN_SPACE) {
        night_space(a);
        figures_paint(a, NULL);
    } else if (a->sc.places & IN_UNDERWATER &&
               !(a->sc.figures & (1u << FIG_BOAT | 1u << FIG_SHIP))) {
        water_under(a);
    } else {
        land_compose(a);
        if (!a->moves)
            finish_weather(a);
    }
}

int sketch_check(const struct sketch_wish *w, struct ym_err *e)
{
    bool ok = w->width >= SKETCH_SIDE_MIN && w->height >= SKETCH_SIDE_MIN &&
              w->width <= SKETCH_SIDE_MAX && w->height <= SKETCH_SIDE_MAX &&
              (int64_t)w->width * w->height <= SKETCH_PIXELS_MAX;
    if (!ok)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "The offline sketch draws %d to %d pixels a side, %d million in all; %d x "
                       "%d is outside of that.",
                       SKETCH_SIDE_MIN, SKETCH_SIDE_MAX, SKETCH_PIXELS_MAX / 1000000, w->width,
                       w->height);
    return 0;
}

static void art_init(struct art *a, const struct sketch_wish *w)
{
    const char *prompt = w->prompt ? w->prompt : "";
    *a = (struct art){.w = w->width, .h = w->height, .detail = (int)w->quality};
    a->unit = fmin(a->w, a->h);
    a->scale = sqrt((double)a->w * a->h);
    struct rng r = {w->seed};
    a->seed = rng_hash(prompt, strlen(prompt), rng_next(&r));
    a->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, a->w, a->h);
    a->cr = cairo_create(a->surface);
    r = art_rng(a, "scene");
    scene_read(&a->sc, prompt, w->negative ? w->negative : "", &r);
}

int sketch_draw(const struct sketch_wish *w, int (*write)(void *ctx, const void *data, size_t len),
                void *ctx, struct ym_err *e)
{
    struct art a;
    int rc = sketch_check(w, e);
    if (rc)
        return rc;
    art_init(&a, w);
    cairo_status_t st = cairo_status(a.cr);
    if (!st) {
        art_compose(&a);
        finish_refs(&a, w->refs, w->nrefs);
        finish_grain(&a);
        letter_paint(&a, w->prompt ? w->prompt : "");
        st = cairo_status(a.cr);
    }
    rc = st ? -ENOMEM : png_write(&a, write, ctx);
    cairo_destroy(a.cr);
    cairo_surface_destroy(a.surface);
    if (st)
        return ym_fail(e, YM_LOCAL, ENOMEM, "The sketch could not be drawn: %s.",
                       cairo_status_to_string(st));
    if (rc)
        return ym_fail(e, YM_LOCAL, -rc, "The sketch could not be stored: %s.", strerror(-rc));
    return 0;
}

int layers_paint(struct layers *ret, const struct sketch_wish *w, struct ym_err *e)
{
    struct art a;
    int rc = sketch_check(w, e);
    if (rc)
        return rc;
    art_init(&a, w);
    a.moves = true;
    if (!cairo_status(a.cr)) {
        art_compose(&a);
        finish_refs(&a, w->refs, w->nrefs);
    }
    cairo_status_t st = cairo_status(a.cr);
    if (!st && a.sky)
        st = cairo_surface_status(a.sky);
    cairo_destroy(a.cr);
    cairo_surface_flush(a.surface);
    *ret = (struct layers){.picture = a.surface, .sky = a.sky, .scene = a.sc, .palette = a.pal,
                           .sun_x = a.sun_x / a.w, 
                           .sun_y = a.sun_y / a.h, .horizon = a.horizon / a.h, .night = a.night};
    if (!st)
        return 0;
    layers_fini(ret);
    return ym_fail(e, YM_LOCAL, ENOMEM, "The sketch could not be drawn: %s.", cairo_status_to_string(st));
}

void layers_fini(struct layers *l)
{
    if (l->picture)
        cairo_surface_destroy(l->picture);
    if (l->sky)
        cairo_surface_destroy(l->sky);
    *l = (struct layers){0};
}

cairo_surface_t *letters_paint(int width, int height, const char *prompt)
{
    struct art a = {.w = width, .h = height};
    a.unit = fmin(a.w, a.h);
    a.surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height);
    a.cr = cairo_create(a.surface);
    letter_paint(&a, prompt);
    cairo_status_t st = cairo_status(a.cr);
    cairo_destroy(a.cr);
    cairo_surface_flush(a.surface);
    if (!st)
        return a.surface;
    cairo_surface_destroy(a.surface);
    return NULL;
}
