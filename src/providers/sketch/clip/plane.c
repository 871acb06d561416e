/* Planes of colour, and looking at them through a lens. */
#include "clip.h"

void plane_fini(struct plane *p)
{
    free(p->px);
    *p = (struct plane){0};
}

static v4 color_of(uint32_t p)
{
    return (v4){(float)(p >> 16 & 255), (float)(p >> 8 & 255), (float)(p & 255), 1};
}

static const uint32_t *row_of(cairo_surface_t *s, int y)
{
    const unsigned char *data = cairo_image_surface_get_data(s);
    return (const uint32_t *)(const void *)(data + (ptrdiff_t)y * cairo_image_surface_get_stride(s));
}

static void plane_init(struct plane *p, cairo_surface_t *s)
{
    cairo_surface_flush(s);
    p->w = cairo_image_surface_get_width(s);
    p->h = cairo_image_surface_get_height(s);
    p->px = ym_alloc_array((size_t)p->w * (size_t)p->h, sizeof(v4));
}

void plane_from_surface(struct plane *ret, cairo_surface_t *s)
{
    plane_init(ret, s);
    for (int y = 0; y < ret->h; y++) {
        const uint32_t *row = row_of(s, y);
        for (int x = 0; x < ret->w; x++)
            ret->px[(size_t)y * (size_t)ret->w + (size_t)x] = color_of(row[x]);
    }
}

void plane_cut_out(struct plane *ret, cairo_surface_t *s, cairo_surface_t *behind)
{
    plane_init(ret, s);
    cairo_surface_flush(behind);
    for (int y = 0; y < ret->h; y++) {
        const uint32_t *row = row_of(s, y), *other = row_of(behind, y);
        for (int x = 0; x < ret->w; x++) {
            v4 c = color_of(row[x]), d = c - color_of(other[x]);
            double most = fmax(fabs((double)d[0]), fmax(fabs((double)d[1]), fabs((double)d[2])));
            ret->px[(size_t)y * (size_t)ret->w + (size_t)x] = c * (float)smooth(1.5, 14, most);
        }
    }
}

/* ---- the lens ---- */
/* Mitchell and Netravali's cubic: neither soft nor ringing. */
static double cubic(double x)
{
    x = fabs(x);
    if (x < 1)
        return (7 * x * x * x - 12 * x * x + 16.0 / 3) / 6;
    if (x < 2)
        return (-7.0 / 3 * x * x * x + 12 * x * x - 20 * x + 32.0 / 3) / 6;
    return 0;
}

static void taps_init(struct taps *t, int n)
{
    t->n = n;
    t->from = ym_alloc_array((size_t)n, sizeof(*t->from));
    t->weight = ym_alloc_array((size_t)n, sizeof(*t->weight));
}

/* Pixel i of n looks at start + (i + 1/2) * step of `size` pixels; beyond the edge lies the edge. */
static void taps_set(struct taps *t, double start, double step, int size)
{
    double wide = fmin(fmax(step, 1), (TAPS - 1) / 4.0), w[TAPS];
    t->taps = (int)ceil(4 * wide);
    for (int i = 0; i < t->n; i++) {
        double at = start + (i + 0.5) * step - 0.5, sum = 0;
        int first = (int)floor(at - 2 * wide) + 1, last = size - t->taps;
        int from = first < 0 ? 0 : first > last ? last : first;
        for (int k = 0; k < t->taps; k++)
            sum += w[k] = cubic((first + k - at) / wide);
        memset(t->weight[i], 0, sizeof(t->weight[i]));
        t->from[i] = from;
        for (int k = 0; k < t->taps; k++) {
            int src = first + k < 0 ? 0 : first + k >= size ? size - 1 : first + k, slot = src - from;
            slot = slot < 0 ? 0 : slot >= t->taps ? t->taps - 1 : slot;
            t->weight[i][slot] += (float)(w[k] / sum);
        }
    }
}

void lens_init(struct lens *l, const struct plane *p, int w, int h)
{
    ym_assert(p->w >= TAPS && p->h >= TAPS);
    *l = (struct lens){.p = p, .w = w, .h = h};
    taps_init(&l->across, w);
    taps_init(&l->down, h);
    for (int i = 0; i < TAPS; i++)
        l->ring[i] = ym_alloc_array((size_t)w, sizeof(v4));
}

void lens_fini(struct lens *l)
{
    free(l->across.from);
    free(l->across.weight);
    free(l->down.from);
    free(l->down.weight);
    for (int i = 0; i < TAPS; i++)
        free(l->ring[i]);
    *l = (struct lens){0};
}

void lens_aim(struct lens *l, double zoom, double cx, double cy)
{
    double half = 0.5 / zoom;
    cx = clampd(cx, half, 1 - half);
    cy = clampd(cy, half, 1 - half);
    taps_set(&l->across, (cx - half) * l->p->w, l->p->w / zoom / l->w, l->p->w);
    taps_set(&l->down, (cy - half) * l->p->h, l->p->h / zoom / l->h, l->p->h);
    for (int i = 0; i < TAPS; i++)
        l->row[i] = -1;
}

static const v4 *row_scaled(struct lens *l, int y)
{
    v4 *out = l->ring[y % TAPS];
    if (l->row[y % TAPS] == y)
        return out;
    l->row[y % TAPS] = y;
    const v4 *in = l->p->px + (size_t)y * (size_t)l->p->w;
    for (int x = 0; x < l->w; x++) {
        const v4 *p = in + l->across.from[x];
        const float *w = l->across.weight[x];
        v4 sum = p[0] * w[0];
        for (int k = 1; k < l->across.taps; k++)
            sum += p[k] * w[k];
        out[x] = sum;
    }
    return out;
}

void lens_row(struct lens *l, int y, v4 *ret)
{
    const float *w = l->down.weight[y];
    memset(ret, 0, (size_t)l->w * sizeof(v4));
    for (int k = 0; k < l->down.taps; k++) {
        if (fabsf(w[k]) < 1e-7F)
            continue;
        const v4 *in = row_scaled(l, l->down.from[y] + k);
        for (int x = 0; x < l->w; x++)
            ret[x] += in[x] * w[k];
    }
}
