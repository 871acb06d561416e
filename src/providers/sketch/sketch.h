/* The offline painter: a picture from nothing but the words of a prompt and a number. */
#ifndef YMAGO_PROVIDERS_SKETCH_H
#define YMAGO_PROVIDERS_SKETCH_H

#include <ymago/error.h>

enum sketch_quality { SKETCH_DRAFT, SKETCH_STANDARD, SKETCH_HIGH };

#define SKETCH_SIDE_MIN   64
#define SKETCH_SIDE_MAX   4096
#define SKETCH_PIXELS_MAX (16 * 1000 * 1000)

struct sketch_wish {
    const char *prompt;   /* any bytes up to the NUL; NULL = "" */
    const char *negative; /* what should not be seen; NULL = nothing */
    uint64_t seed;
    int width, height; /* pixels, within the limits above */
    enum sketch_quality quality;
    const int *refs; /* open image files, borrowed, read by position; NULL = none */
    size_t nrefs;
};

/* 0, or -EINVAL (YM_INVALID) with a sentence when the size is out of range. Pure. */
int sketch_check(const struct sketch_wish *w, struct ym_err *e);

/* Draws the wish and hands the PNG to `write` in pieces, from the calling thread. The same wish
 * gives the same bytes on a machine with the same fonts; nothing else is looked at, no clock, no
 * state. `write` returns 0 or -errno, which ends the drawing. A reference that is no PNG, or is
 * larger than the pixel limit, only counts as a number. Returns 0, or -EINVAL (YM_INVALID: a size
 * out of range), -ENOMEM (YM_LOCAL), or what write returned (YM_LOCAL). Any thread, several at
 * once. Blocks on reading refs and on write only. */
int sketch_draw(const struct sketch_wish *w, int (*write)(void *ctx, const void *data, size_t len),
                void *ctx, struct ym_err *e);

#endif
