/* Chance and noise: small, repeatable, the same everywhere. */
#include "art.h"

uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->s += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

double rng_unit(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

double rng_in(struct rng *r, double lo, double hi)
{
    return lo + (hi - lo) * rng_unit(r);
}

int rng_below(struct rng *r, int n)
{
    return (int)(rng_unit(r) * n);
}

bool rng_chance(struct rng *r, double p)
{
    return rng_unit(r) < p;
}

uint64_t rng_hash(const char *text, size_t len, uint64_t start)
{
    uint64_t h = start ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
    struct rng r = {h};
    return rng_next(&r);
}

/* floor() is a library call on plain x86-64; this is not, and the noise lives on it. */
static inline int floor_int(double x)
{
    int i = (int)x;
    return i - (x < i);
}

static inline uint32_t scramble(uint32_t h)
{
    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    h ^= h >> 12;
    h *= 0x297a2d39u;
    return h ^ h >> 15;
}

static inline double fade(double t)
{
    return t * t * t * (t * (t * 6 - 15) + 10);
}

static inline double slope1(uint32_t seed, int ix, double dx)
{
    uint32_t h = scramble(seed + (uint32_t)ix * 0x9e3779b1u);
    return ((double)(h & 0xffff) / 32768.0 - 1.0) * dx;
}

double noise1(uint32_t seed, double x)
{
    int i = floor_int(x);
    double f = x - i;
    return 2.0 * mixd(slope1(seed, i, f), slope1(seed, i + 1, f - 1), fade(f));
}

static inline double slope2(uint32_t seed, int ix, int iy, double dx, double dy)
{
    static const double dir[8][2] = {{1, 0},  {0.7071, 0.7071},   {0, 1},  {-0.7071, 0.7071},
                                     {-1, 0}, {-0.7071, -0.7071}, {0, -1}, {0.7071, -0.7071}};
    uint32_t h = scramble(seed + (uint32_t)ix * 0x9e3779b1u + (uint32_t)iy * 0x85ebca77u) >> 9 & 7;
    return dir[h][0] * dx + dir[h][1] * dy;
}

double noise2(uint32_t seed, double x, double y)
{
    int ix = floor_int(x), iy = floor_int(y);
    double fx = x - ix, fy = y - iy, u = fade(fx);
    double a = mixd(slope2(seed, ix, iy, fx, fy), slope2(seed, ix + 1, iy, fx - 1, fy), u);
    double b =
        mixd(slope2(seed, ix, iy + 1, fx, fy - 1), slope2(seed, ix + 1, iy + 1, fx - 1, fy - 1), u);
    return 1.4 * mixd(a, b, fade(fy));
}

double fbm1(uint32_t seed, double x, int octaves)
{
    double sum = 0, amp = 0.55;
    for (int i = 0; i < octaves; i++) {
        sum += amp * noise1(seed + (uint32_t)i * 101u, x);
        x *= 2.03;
        amp *= 0.5;
    }
    return sum;
}

double fbm2(uint32_t seed, double x, double y, int octaves)
{
    double sum = 0, amp = 0.55;
    for (int i = 0; i < octaves; i++) {
        sum += amp * noise2(seed + (uint32_t)i * 101u, x, y);
        double t = x * 1.6 - y * 1.2; /* turned each time, so that no grid shows */
        y = x * 1.2 + y * 1.6;
        x = t;
        amp *= 0.5;
    }
    return sum;
}

double ridge1(uint32_t seed, double x, int octaves)
{
    double sum = 0, amp = 0.6, weight = 1;
    for (int i = 0; i < octaves; i++) {
        double n = 1 - fabs(noise1(seed + (uint32_t)i * 101u, x)) * 1.25;
        n = n < 0 ? 0 : n * sqrt(n);
        sum += amp * n * weight;
        weight = clampd(n * 1.4, 0.15, 1); /* valleys stay smooth, crests get rough */
        x *= 2.07;
        amp *= 0.47;
    }
    return sum / 1.05;
}
