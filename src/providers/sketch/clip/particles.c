/* What falls and floats: rain, snow, glowing motes, bubbles. Every one's way is a function of the time. */
#include "clip.h"

enum air air_of(const struct scene *sc, bool night)
{
    if (sc->places & IN_UNDERWATER)
        return AIR_BUBBLES;
    if (sc->weather == SKY_RAIN || sc->weather == SKY_STORM)
        return AIR_RAIN;
    if (sc->weather == SKY_SNOW)
        return AIR_SNOW;
    if (sc->places & (IN_ABSTRACT | IN_SPACE | IN_CITY))
        return AIR_NOTHING;
    if (sc->places & (IN_FOREST | IN_MEADOW) || (night && sc->places & IN_LAKE))
        return AIR_MOTES;
    return AIR_NOTHING;
}

/* A soft round spot; add = it shines, else it covers. */
static void spot(struct frame *f, double x, double y, double radius, struct rgb c, double alpha, bool add)
{
    int x0 = (int)floor(x - radius), x1 = (int)ceil(x + radius), y0 = (int)floor(y - radius), y1 = (int)ceil(y + radius);
    v4 color = {(float)(c.r * 255), (float)(c.g * 255), (float)(c.b * 255), 1};
    for (int py = y0 < 0 ? 0 : y0; py <= y1 && py < f->h; py++)
        for (int px = x0 < 0 ? 0 : x0; px <= x1 && px < f->w; px++) {
            double d = hypot(px + 0.5 - x, py + 0.5 - y) / radius;
            if (d >= 1)
                continue;
            float a = (float)(alpha * (1 - d * d) * (1 - d * d));
            v4 *p = &f->px[(size_t)py * (size_t)f->w + (size_t)px];
            *p = add ? *p + color * a : *p + (color - *p) * a;
        }
}

static double wrap(double v, double lo, double hi)
{
    double span = hi - lo;
    return v - floor((v - lo) / span) * span;
}

static void snow(struct frame *f, struct rng *r, double t)
{
    double unit = fmin(f->w, f->h);
    for (int i = 0; i < 260; i++) {
        double near = pow(rng_unit(r), 2), x = rng_unit(r), y = rng_unit(r), phase = rng_in(r, 0, 6.3), sway = rng_in(r, 0.5, 1.2);
        double fall = 0.06 + 0.16 * near, size = unit * (0.0022 + 0.0060 * near);
        x = wrap(x + 0.02 * t * (0.3 + near) + 0.012 * (0.4 + near) * sin(t * sway + phase), -0.03, 1.03);
        y = wrap(y + fall * t, -0.03, 1.03);
        spot(f, x * f->w, y * f->h, size, (struct rgb){1, 1, 1}, 0.75 - 0.35 * near, false);
    }
}

static void rain(struct frame *f, struct rng *r, double t)
{
    double unit = fmin(f->w, f->h), slant = rng_in(r, -0.16, 0.16);
    for (int i = 0; i < 300; i++) {
        double near = pow(rng_unit(r), 2), x = rng_unit(r), y = rng_unit(r);
        double speed = 1.1 + 1.5 * near, len = unit * (0.022 + 0.045 * near);
        y = wrap(y + speed * t, -0.1, 1.1);
        x = wrap(x + slant * speed * t * f->h / f->w, -0.1, 1.1);
        int n = (int)(len / 1.5) + 1;
        for (int k = 0; k < n; k++) {
            double u = (double)k / n;
            spot(f, x * f->w - slant * len * u, y * f->h - len * u, 1.0 + 0.9 * near, (struct rgb){0.86, 0.9, 0.96},
                 (0.16 + 0.16 * near) * (1 - 0.7 * u), false);
        }
    }
}

static void motes(struct frame *f, struct rng *r, double t, struct rgb glow, bool bubbles)
{
    double unit = fmin(f->w, f->h);
    for (int i = 0; i < (bubbles ? 70 : 46); i++) {
        double near = rng_unit(r), x = rng_unit(r), y = rng_unit(r), phase = rng_in(r, 0, 6.3), speed = rng_in(r, 0.4, 1.3);
        double up = bubbles ? 0.05 + 0.06 * near : 0.008 + 0.012 * near;
        x = wrap(x + 0.02 * sin(t * 0.5 * speed + phase) + (bubbles ? 0 : 0.006 * t), -0.03, 1.03);
        y = wrap(y - up * t, -0.05, 1.05);
        double pulse = bubbles ? 0.5 : pow(0.5 + 0.5 * sin(t * speed * 1.4 + phase * 2), 2);
        double size = unit * (bubbles ? 0.002 + 0.006 * near * near : 0.003 + 0.006 * near);
        spot(f, x * f->w, y * f->h, size, glow, 0.55 * pulse, true);
        if (!bubbles)
            spot(f, x * f->w, y * f->h, size * 3.2, glow, 0.12 * pulse, true);
    }
}

void air_paint(struct frame *f, enum air air, uint64_t seed, double seconds, struct rgb glow)
{
    struct rng r = {seed ^ 0x616972};
    switch (air) {
    case AIR_NOTHING:
        break;
    case AIR_SNOW:
        snow(f, &r, seconds);
        break;
    case AIR_RAIN:
        rain(f, &r, seconds);
        break;
    case AIR_MOTES:
        motes(f, &r, seconds, glow, false);
        break;
    case AIR_BUBBLES:
        motes(f, &r, seconds, mix(glow, (struct rgb){0.7, 0.9, 1}, 0.7), true);
        break;
    }
}
