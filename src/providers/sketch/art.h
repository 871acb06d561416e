/* What the files of the painter share: the scene, the palette, the canvas, chance and noise. */
#ifndef YMAGO_PROVIDERS_SKETCH_ART_H
#define YMAGO_PROVIDERS_SKETCH_ART_H

#include <cairo.h>
#include <math.h>
#include <ymago/base.h>

#include "sketch.h"

struct rgb {
    double r, g, b; /* sRGB, 0..1 */
};

/* ---- chance: one generator a part of the picture, so that parts do not disturb each other ---- */
struct rng {
    uint64_t s;
};
uint64_t rng_next(struct rng *r);
double rng_unit(struct rng *r); /* 0 <= x < 1 */
double rng_in(struct rng *r, double lo, double hi);
int rng_below(struct rng *r, int n);
bool rng_chance(struct rng *r, double p);
uint64_t rng_hash(const char *text, size_t len, uint64_t start);

/* ---- noise: smooth, about -1..1, features of size 1 ---- */
double noise1(uint32_t seed, double x);
double noise2(uint32_t seed, double x, double y);
double fbm1(uint32_t seed, double x, int octaves);
double fbm2(uint32_t seed, double x, double y, int octaves);
double ridge1(uint32_t seed, double x, int octaves); /* 0..1, sharp crests */

static inline double clampd(double v, double lo, double hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}
static inline double mixd(double a, double b, double t)
{
    return a + (b - a) * t;
}
static inline double smooth(double lo, double hi, double v)
{
    double t = clampd((v - lo) / (hi - lo), 0, 1);
    return t * t * (3 - 2 * t);
}
static inline struct rgb mix(struct rgb a, struct rgb b, double t)
{
    return (struct rgb){mixd(a.r, b.r, t), mixd(a.g, b.g, t), mixd(a.b, b.b, t)};
}
static inline struct rgb scale(struct rgb c, double k)
{
    return (struct rgb){c.r * k, c.g * k, c.b * k};
}
static inline double luma(struct rgb c)
{
    return 0.30 * c.r + 0.59 * c.g + 0.11 * c.b;
}
static inline struct rgb hex(uint32_t v)
{
    return (struct rgb){(v >> 16 & 255) / 255.0, (v >> 8 & 255) / 255.0, (v & 255) / 255.0};
}
struct rgb tinted(struct rgb c, struct rgb tint, double t); /* the tint's hue at c's brightness */

/* ---- the scene: what the words ask for ---- */
enum place { /* bits: a prompt may name several */
             IN_MOUNTAINS = 1 << 0,
             IN_SEA = 1 << 1,
             IN_LAKE = 1 << 2,
             IN_FOREST = 1 << 3,
             IN_CITY = 1 << 4,
             IN_MEADOW = 1 << 5,
             IN_DESERT = 1 << 6,
             IN_SKY = 1 << 7,
             IN_SPACE = 1 << 8,
             IN_UNDERWATER = 1 << 9,
             IN_ABSTRACT = 1 << 10,
             IN_BEACH = 1 << 11,
};
enum hour { AT_ANY, AT_DAWN, AT_DAY, AT_SUNSET, AT_DUSK, AT_NIGHT };
enum weather { SKY_ANY, SKY_CLEAR, SKY_CLOUDS, SKY_RAIN, SKY_STORM, SKY_SNOW, SKY_FOG };
enum season { SEASON_ANY, SEASON_SPRING, SEASON_SUMMER, SEASON_AUTUMN, SEASON_WINTER };
enum extra {
    WITH_MOON = 1 << 0,
    WITH_AURORA = 1 << 1,
    WITH_RAINBOW = 1 << 2,
    WITH_STARS = 1 << 3,
    WITH_SUN = 1 << 4,
    WITH_FLOWERS = 1 << 5,
    WITH_TREES = 1 << 6,
    WITH_PORTRAIT = 1 << 7,
};
enum figure { /* in the order in which one is preferred as the subject */
              FIG_CAT,
              FIG_DOG,
              FIG_HORSE,
              FIG_FOX,
              FIG_WOLF,
              FIG_DEER,
              FIG_RABBIT,
              FIG_BEAR,
              FIG_ELEPHANT,
              FIG_OWL,
              FIG_WHALE,
              FIG_FISH,
              FIG_COUPLE,
              FIG_PERSON,
              FIG_CHILD,
              FIG_BUST, /* of a person, for portraits */
              FIG_BICYCLE,
              FIG_BOAT,
              FIG_SHIP,
              FIG_LIGHTHOUSE,
              FIG_CASTLE,
              FIG_HOUSE,
              FIG_WINDMILL,
              FIG_BALLOON,
              FIG_ROCKET,
              FIG_BUTTERFLY,
              FIG_BIRD,
              FIG_COUNT
};
struct scene {
    unsigned places, extras;
    uint32_t figures; /* 1 << enum figure */
    enum hour hour;
    enum weather weather;
    enum season season;
    struct rgb tint[2]; /* colours named, in order */
    int ntints;
    bool deep; /* the tint is a dark one */
};
/* Reads the words. What is left open is filled in by chance (`r`). */
void scene_read(struct scene *ret, const char *prompt, const char *negative, struct rng *r);

/* ---- the palette ---- */
struct palette {
    struct rgb sky[4]; /* zenith, high, middle, at the horizon */
    struct rgb sun, glow;
    struct rgb cloud_lit, cloud_dark;
    struct rgb haze; /* land in the far distance */
    struct rgb near; /* the nearest land, nearly a silhouette */
    struct rgb leaf; /* what grows, in this light */
    struct rgb water;
    double light; /* 0 = silhouettes against the sky, 1 = lit from behind us */
};
void palette_pick(struct palette *ret, const struct scene *sc, struct rng *r);
/* Five colours that go together, dark to light, for abstract work and flowers. */
void palette_five(struct rgb ret[5], const struct scene *sc, struct rng *r);

/* ---- the canvas ---- */
struct art {
    cairo_surface_t *surface;
    cairo_t *cr;
    int w, h;
    double unit;  /* the shorter side */
    double scale; /* the root of the area: sizes of things that fill the picture */
    int detail;   /* 0 draft, 1 standard, 2 high */
    uint64_t seed;
    struct scene sc;
    struct palette pal;
    double horizon; /* y */
    double sun_x, sun_y, sun_r;
    bool night;   /* the light in the sky is the moon */
    bool subject; /* somebody stands before the disc of sun or moon: keep the land low */
    bool moves;   /* for a film: weather is left out, the bare sky is kept */
    cairo_surface_t *sky; /* what lies behind the land, when it moves */
};
struct rng art_rng(const struct art *a, const char *part);
uint32_t art_noise(const struct art *a, const char *part); /* a seed for noise */
/* Between these two the pixels may be written directly (x8 r8 g8 b8); cairo rests. */
uint32_t *art_lock(struct art *a, int *ret_stride); /* stride in pixels */
void art_unlock(struct art *a);
static inline uint32_t pixel(struct rgb c, double dither) /* dither -0.5..0.5 of a step */
{
    int r = (int)(clampd(c.r * 255 + dither + 0.5, 0, 255));
    int g = (int)(clampd(c.g * 255 + dither + 0.5, 0, 255));
    int b = (int)(clampd(c.b * 255 + dither + 0.5, 0, 255));
    return (uint32_t)r << 16 | (uint32_t)g << 8 | (uint32_t)b;
}
static inline struct rgb unpixel(uint32_t p)
{
    return (struct rgb){(p >> 16 & 255) / 255.0, (p >> 8 & 255) / 255.0, (p & 255) / 255.0};
}
/* An ordered pattern: hides banding, and unlike noise it hardly costs the PNG anything. */
extern const signed char art_bayer[8][8];
static inline double dither_at(int x, int y)
{
    return art_bayer[y & 7][x & 7] / 64.0;
}
static inline void set_rgb(cairo_t *cr, struct rgb c, double alpha)
{
    cairo_set_source_rgba(cr, c.r, c.g, c.b, alpha);
}
static inline void stop_rgb(cairo_pattern_t *p, double at, struct rgb c, double alpha)
{
    cairo_pattern_add_color_stop_rgba(p, at, c.r, c.g, c.b, alpha);
}

/* ---- sky ---- */
void sky_paint(struct art *a); /* gradient, glow, clouds, stars, aurora, sun or moon */
void sky_birds(struct art *a, int n, double x, double y, double size);
/* A shaft of light from x,y, soft at its sides and fading with the distance. */
void sky_shaft(struct art *a, double x, double y, double angle, double half, double len,
               struct rgb c, double alpha);
void night_stars(struct art *a, double to_y, double density);
void night_moon(struct art *a);
void night_space(struct art *a); /* a whole picture of nebula, stars and planets */
struct rgb night_aurora(const struct art *a, struct rgb under, double x, double y);

/* ---- land ---- */
struct range {
    const char *name;     /* seeds its noise */
    double base, amp;     /* y of its foot, height of its peaks */
    double width;         /* distance between large peaks */
    double rugged;        /* 0 = rolling, 1 = alpine */
    struct rgb top, foot; /* colour at the ridge; what it fades into below */
    double fade;          /* pixels from ridge to that */
    double snow;          /* 0..1 */
    double relief;        /* 0..1, how strongly slopes catch the light */
    double *line;         /* y of the ridge, w entries; filled by land_line */
};
void land_line(const struct art *a, struct range *r);
void land_paint(struct art *a, const struct range *r, double to_y);
struct rgb land_color(const struct art *a, double nearness); /* 0 = far, 1 = at our feet */
void land_mist(struct art *a, double y, double depth, double strength, const char *name);
void land_mountains(struct art *a);
void land_meadow(struct art *a);
void land_desert(struct art *a);
/* The ground at our feet, with grass and flowers; returns its line (w entries, caller frees). */
double *land_foreground(struct art *a, double y, double amp);

/* ---- growing things ---- */
void tree_conifer(cairo_t *cr, struct rng *r, double x, double y, double height, int levels);
void tree_broad(struct art *a, struct rng *r, double x, double y, double height, struct rgb leaf,
                struct rgb trunk);
void tree_palm(struct art *a, struct rng *r, double x, double y, double height, struct rgb c);
void tree_row(struct art *a, const struct range *g, const char *name, double height, double density,
              struct rgb top, struct rgb foot);
/* Tall conifers at the edge away from the light. */
void tree_frame(struct art *a, const double *line, double height);
void tree_grass(struct art *a, const double *line, double height, struct rgb c, const char *name);
void tree_flowers(struct art *a, const double *line, double size, const char *name);
void forest_paint(struct art *a);

/* ---- water, city, abstract, figures ---- */
void water_paint(struct art *a, double top, double bottom, double wave); /* mirrors what is above */
void water_sea(struct art *a);
void water_under(struct art *a);
void city_paint(struct art *a);
void abstract_paint(struct art *a);
/* Puts the figures asked for onto the line of ground, and what flies into the air. */
void figures_paint(struct art *a, const double *line);
void figures_afloat(struct art *a, double top, double bottom);
bool figures_any(const struct art *a, uint32_t mask);
/* One outline, its foot's middle at x,y, `height` high; flip mirrors it. The path is filled. */
void figure_draw(struct art *a, enum figure f, double x, double y, double height, bool flip,
                 struct rgb c);
/* The same, shaded from top to bottom. */
void figure_shade(struct art *a, enum figure f, double x, double y, double height, bool flip,
                  struct rgb top, struct rgb bottom);

/* ---- last touches ---- */
void finish_weather(struct art *a); /* rain, snow, fog over everything */
void finish_grain(struct art *a);   /* vignette and paper */
void finish_refs(struct art *a, const int *fds, size_t n);
void letter_paint(struct art *a, const char *prompt);

/* ---- for a film: the picture without letters, weather and grain, and what lies behind it ---- */
struct layers {
    cairo_surface_t *picture, *sky; /* x8 r8 g8 b8; sky NULL = all is one plane */
    struct scene scene;
    struct palette palette;
    double sun_x, sun_y, horizon; /* 0..1 */
    bool night;
};
int layers_paint(struct layers *ret, const struct sketch_wish *w, struct ym_err *e);
void layers_fini(struct layers *l);
/* The letters alone, on a transparent surface of that size. NULL without memory. */
cairo_surface_t *letters_paint(int width, int height, const char *prompt);
int png_write(struct art *a, int (*write)(void *ctx, const void *data, size_t len), void *ctx);

#endif
