/* Films: one or two painted planes before a slowly moving camera, what falls or floats in the air, letters. */
#ifndef YMAGO_SKETCH_CLIP_H
#define YMAGO_SKETCH_CLIP_H

#include <ymago/driver.h>

#include "sketch/art.h"

typedef float v4 __attribute__((vector_size(16))); /* red, green, blue 0..255 times alpha; alpha 0..1 */

/* ---- planes ---- */
struct plane {
    int w, h;
    v4 *px;
};
void plane_fini(struct plane *p);
/* From a surface, opaque. */
void plane_from_surface(struct plane *ret, cairo_surface_t *s);
/* What differs from `behind`: the rest is transparent. Both of one size. */
void plane_cut_out(struct plane *ret, cairo_surface_t *s, cairo_surface_t *behind);
/* A reference picture, covering w x h, decoded by ffmpeg in the cage. */
int plane_from_file(struct plane *ret, int fd, const char *mime, int w, int h, const struct ym_media_out *out, struct ym_err *e);

/* ---- looking at a part of a plane, scaled, row by row; smooth at any fraction of a pixel ---- */
enum { TAPS = 10 };
struct taps { /* along one axis: which pixels make pixel i, and how much of each */
    int n, taps, *from; /* taps of TAPS are in use */
    float (*weight)[TAPS];
};
struct lens {
    const struct plane *p;
    int w, h; /* of what is seen */
    struct taps across, down;
    v4 *ring[TAPS]; /* source rows already scaled across */
    int row[TAPS];
};
void lens_init(struct lens *l, const struct plane *p, int w, int h);
void lens_fini(struct lens *l);
/* zoom >= 1 and the middle of the view, 0..1 of the plane; the plane has the view's shape. */
void lens_aim(struct lens *l, double zoom, double cx, double cy);
void lens_row(struct lens *l, int y, v4 *ret);

/* ---- in the air ---- */
enum air { AIR_NOTHING, AIR_SNOW, AIR_RAIN, AIR_MOTES, AIR_BUBBLES };
enum air air_of(const struct scene *sc, bool night);
struct frame { /* one picture of the film */
    int w, h;
    v4 *px;
};
void air_paint(struct frame *f, enum air air, uint64_t seed, double seconds, struct rgb glow);

/* ---- the film ---- */
struct film {
    int w, h, frames, done;
    double fps;
    uint64_t seed;
    struct plane back, front, last; /* front, last: px NULL = none */
    struct lens lens[3];
    double zoom[2], cx[2], cy[2];   /* the camera at the start and at the end */
    double horizon;                 /* 0..1 of the planes: there they stay together */
    bool given;                     /* a picture of the user's: nothing is laid over it */
    enum air air;
    struct rgb glow;
    cairo_surface_t *letters;
    struct frame frame;
    float *corners;                 /* how dark */
    uint8_t *yuv;                   /* the frame, ready */
    size_t yuv_len, yuv_at;
};
/* Where the camera goes, by chance; `room` is how far. */
void film_camera(struct film *f, double room, double sun_x, double sun_y);
void film_ready(struct film *f); /* after the planes are set */
void film_next(struct film *f);  /* makes f->yuv */
void film_fini(struct film *f);

#endif
