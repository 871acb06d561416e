/* Light and colour: palettes chosen by hour and weather, shifted by season and by colours named. */
#include "art.h"

struct row { /* colours as 0xrrggbb */
    enum hour hour;
    uint32_t sky[4], sun, glow, lit, dark, haze, near, leaf, water;
    double light;
};

/* clang-format off */
static const struct row rows[] = {
    /* hour       zenith    high      middle    horizon      sun       glow      lit       dark      haze      near      leaf      water */
    {AT_SUNSET, {0x2a2c5e, 0x6d437c, 0xd4606c, 0xffb267}, 0xfff2c8, 0xff8a3d, 0xffb07a, 0x5f416f, 0xb8647c, 0x17132a, 0x2b2136, 0x3a2f5a, 0.12},
    {AT_SUNSET, {0x34497f, 0x8a6cab, 0xee9aa8, 0xffdca6}, 0xfff8dc, 0xffab7a, 0xffd2bd, 0x7d6a9e, 0xb98bb0, 0x221d3a, 0x39304a, 0x54507e, 0.18},
    {AT_SUNSET, {0x2d5170, 0x7d8f98, 0xf3bb6c, 0xffe79e}, 0xfffbe0, 0xffc24a, 0xffeaba, 0x8f7468, 0xc99c72, 0x221a16, 0x3b2c1d, 0x5a5550, 0.20},
    {AT_SUNSET, {0x1f1b45, 0x5a2a63, 0xc23c5f, 0xff8a4f}, 0xffe9b0, 0xff5f35, 0xff8c66, 0x48204f, 0x9a3f66, 0x120b20, 0x26152b, 0x34204c, 0.08},
    {AT_DAWN,   {0x5378b4, 0x93a9d3, 0xf1c6c6, 0xffe9cd}, 0xfffaf0, 0xffcda0, 0xfff0e6, 0x9c9cc4, 0xaab2d2, 0x24324e, 0x3c4f58, 0x6c86b0, 0.32},
    {AT_DAWN,   {0x3a6b8e, 0x79adb8, 0xdadcbc, 0xfff0c2}, 0xfffdf0, 0xffdf98, 0xfffbe6, 0x86a8b0, 0x9fbfc0, 0x163438, 0x2f5a4c, 0x5a94a0, 0.38},
    {AT_DAWN,   {0x4a4a86, 0x8c74a8, 0xf0a2a4, 0xffd9b8}, 0xfff6e6, 0xffb092, 0xffe0d4, 0x8a78a4, 0xa88fb4, 0x241f3c, 0x3c3a52, 0x6a66a0, 0.25},
    {AT_DAY,    {0x2a73c2, 0x549bdc, 0x97c7ee, 0xdfeff6}, 0xfffef4, 0xfff4cc, 0xffffff, 0xa9bcd6, 0x9dbcd8, 0x173f35, 0x3f7d45, 0x2f7fae, 0.85},
    {AT_DAY,    {0x1b7f9e, 0x4fafc0, 0xa5d9d6, 0xf0f2d8}, 0xfffdf0, 0xfff0b8, 0xffffff, 0xa4c3c8, 0x9ccac8, 0x124440, 0x4a8a4e, 0x1f8f9c, 0.85},
    {AT_DAY,    {0x4d83bd, 0x8ab2d8, 0xc9dbe6, 0xf8ecd6}, 0xfffdf4, 0xffe7b4, 0xfffaf2, 0xb2b8cc, 0xb0c0d2, 0x263f48, 0x62874c, 0x4f86b0, 0.75},
    {AT_DUSK,   {0x0d1a40, 0x24366f, 0x6a5896, 0xe58f7e}, 0xffe6c4, 0xe07a6a, 0xc07a92, 0x2c3160, 0x4f4f86, 0x070c1e, 0x121a30, 0x1d2b58, 0.08},
    {AT_DUSK,   {0x101436, 0x32306e, 0x7f4f8f, 0xf0a08a}, 0xffe2c8, 0xd9688a, 0xd486a0, 0x352e62, 0x5f4a80, 0x0a0a1e, 0x191830, 0x262656, 0.08},
    {AT_NIGHT,  {0x040a1d, 0x0a1738, 0x16305c, 0x3a628c}, 0xf8f4e0, 0x9fc0e8, 0x5d7ca6, 0x0e1c38, 0x27446c, 0x03060f, 0x0a1626, 0x0c2244, 0.05},
    {AT_NIGHT,  {0x0a0620, 0x1a1042, 0x38266c, 0x6d5298}, 0xfbf2e4, 0xb8a0e6, 0x7c68ae, 0x150d34, 0x40346e, 0x060412, 0x130d28, 0x1a1646, 0.05},
    {AT_NIGHT,  {0x02101c, 0x06263a, 0x0f4a5e, 0x3f8488}, 0xf6f7e6, 0x9fe0d8, 0x5c9ca0, 0x08202e, 0x1f5866, 0x020a10, 0x08202a, 0x0a3442, 0.05},
};
static const struct row storm_row =
    {AT_DAY,    {0x141c28, 0x2f3b48, 0x5f7078, 0xc3bf9f}, 0xf8f4d8, 0xd8d2a8, 0x96a0a2, 0x1e2732, 0x56666e, 0x0b1216, 0x1f302c, 0x33464e, 0.15};
static const struct row grey_row[] = {
    {AT_DAY,    {0x8d9eaa, 0xa9b6be, 0xc6cfd0, 0xe6e4da}, 0xfffdf4, 0xf6efdc, 0xf0f1ee, 0x8b98a2, 0xb2bdc2, 0x22343a, 0x46605a, 0x7f959e, 0.35},
    {AT_DAY,    {0x7d8aa2, 0x9fa8bc, 0xc6c4cc, 0xeedfd4}, 0xfffaf0, 0xf8dfc8, 0xf2ece8, 0x858aa0, 0xaeb2c4, 0x262c40, 0x4c5866, 0x7d8aa4, 0.35},
};
/* clang-format on */

static void row_use(struct palette *p, const struct row *w)
{
    for (int i = 0; i < 4; i++)
        p->sky[i] = hex(w->sky[i]);
    p->sun = hex(w->sun);
    p->glow = hex(w->glow);
    p->cloud_lit = hex(w->lit);
    p->cloud_dark = hex(w->dark);
    p->haze = hex(w->haze);
    p->near = hex(w->near);
    p->leaf = hex(w->leaf);
    p->water = hex(w->water);
    p->light = w->light;
}

struct rgb tinted(struct rgb c, struct rgb tint, double t)
{
    double l = luma(c), k = luma(tint);
    struct rgb same;
    if (l <= k)
        same = scale(tint, k > 0.01 ? l / k : 1);
    else
        same = mix(tint, (struct rgb){1, 1, 1}, k < 0.99 ? (l - k) / (1 - k) : 0);
    return mix(c, same, t);
}

static void season_apply(struct palette *p, const struct scene *sc)
{
    double l = 0.25 + 0.75 * p->light;
    switch (sc->season) {
    case SEASON_SPRING:
        p->leaf = mix(p->leaf, scale(hex(0x8dbb52), l), 0.6);
        break;
    case SEASON_AUTUMN:
        p->leaf = mix(p->leaf, scale(hex(0xe07a24), 0.45 + 0.55 * l), 0.82);
        p->near = mix(p->near, scale(hex(0x4a2416), l), 0.45);
        break;
    case SEASON_WINTER:
        p->leaf = mix(p->leaf, scale(hex(0xdfe8f2), 0.25 + 0.7 * p->light), 0.7);
        p->haze = mix(p->haze, p->sky[3], 0.3);
        break;
    case SEASON_ANY:
    case SEASON_SUMMER:
        break;
    }
}

/* The first colour named takes the sky and its light, the second the land and the water. */
static void tints_apply(struct palette *p, const struct scene *sc)
{
    if (sc->ntints < 1)
        return;
    struct rgb t = sc->tint[0], u = sc->tint[sc->ntints - 1];
    static const double strength[4] = {0.40, 0.52, 0.62, 0.50};
    for (int i = 0; i < 4; i++)
        p->sky[i] = tinted(p->sky[i], t, strength[i]);
    p->glow = tinted(p->glow, t, 0.65);
    p->sun = tinted(p->sun, t, 0.25);
    p->cloud_lit = tinted(p->cloud_lit, t, 0.4);
    p->cloud_dark = tinted(p->cloud_dark, t, 0.4);
    p->haze = tinted(p->haze, mix(t, u, 0.5), 0.5);
    p->near = tinted(p->near, u, 0.35);
    p->leaf = tinted(p->leaf, u, 0.45);
    p->water = tinted(p->water, u, 0.5);
    if (sc->deep) {
        for (int i = 0; i < 4; i++)
            p->sky[i] = scale(p->sky[i], 0.45 + 0.1 * i);
        p->haze = scale(p->haze, 0.6);
        p->near = scale(p->near, 0.5);
    }
}

void palette_pick(struct palette *ret, const struct scene *sc, struct rng *r)
{
    int count = 0;
    const struct row *use = NULL;
    for (size_t i = 0; i < YM_COUNT(rows); i++)
        if (rows[i].hour == sc->hour && rng_below(r, ++count) == 0)
            use = &rows[i];
    row_use(ret, use ? use : &rows[0]);
    bool dark = sc->hour == AT_NIGHT || sc->hour == AT_DUSK;
    struct palette other;
    double share = 0;
    if (sc->weather == SKY_STORM) {
        row_use(&other, &storm_row);
        share = dark ? 0.45 : sc->hour == AT_SUNSET ? 0.6 : 0.9;
    } else if (sc->weather == SKY_RAIN || sc->weather == SKY_FOG || sc->weather == SKY_SNOW) {
        row_use(&other, &grey_row[rng_below(r, (int)YM_COUNT(grey_row))]);
        share = dark ? 0.12 : sc->hour == AT_DAY ? 0.8 : 0.35;
    }
    if (share > 0) {
        struct rgb *x = ret->sky;
        for (int i = 0; i < 4; i++)
            x[i] = mix(x[i], other.sky[i], share);
        ret->sun = mix(ret->sun, other.sun, share);
        ret->glow = mix(ret->glow, other.glow, share);
        ret->cloud_lit = mix(ret->cloud_lit, other.cloud_lit, share);
        ret->cloud_dark = mix(ret->cloud_dark, other.cloud_dark, share);
        ret->haze = mix(ret->haze, other.haze, share);
        ret->near = mix(ret->near, other.near, share);
        ret->leaf = mix(ret->leaf, other.leaf, share * 0.7);
        ret->water = mix(ret->water, other.water, share);
        ret->light = mixd(ret->light, other.light, share);
    }
    season_apply(ret, sc);
    tints_apply(ret, sc);
}

void palette_five(struct rgb ret[5], const struct scene *sc, struct rng *r)
{
    static const uint32_t sets[][5] = {
        {0x1b2a41, 0x324a5f, 0xcc5a4a, 0xf0a868, 0xf6ead2},
        {0x2d1e2f, 0x5b3758, 0xc14953, 0xe5a45a, 0xf3e3c6},
        {0x10302e, 0x1f6f65, 0x6fb98f, 0xf2c14e, 0xf7efd8},
        {0x14213d, 0x33658a, 0x86bbd8, 0xf6ae2d, 0xf8f1e5},
        {0x2b2d42, 0x6d5a8c, 0xd77a9a, 0xf5b8a2, 0xfaf0e6},
        {0x0f3443, 0x2a7f86, 0x9ad0c2, 0xf28f6b, 0xfdf3e1},
        {0x33261d, 0x7a4a2b, 0xc8873c, 0x8aa07a, 0xf2e8d5},
        {0x1d1a3a, 0x46389b, 0x9a5fd0, 0xf27fb2, 0xffe3d8},
    };
    const uint32_t *s = sets[rng_below(r, (int)YM_COUNT(sets))];
    for (int i = 0; i < 5; i++)
        ret[i] = hex(s[i]);
    if (sc->ntints > 0) {
        for (int i = 0; i < 5; i++)
            ret[i] = tinted(ret[i], sc->tint[0],
                            i == 3 && sc->ntints < 2 ? 0.3
                            : i == 4                 ? 0.3
                                                     : 0.85);
        if (sc->ntints > 1)
            ret[3] = tinted(hex(s[3]), sc->tint[1], 0.9);
    }
    if (sc->hour == AT_NIGHT || sc->deep) {
        ret[4] = mix(ret[0], ret[4], 0.85);
        ret[0] = scale(ret[0], 0.5);
    }
}
