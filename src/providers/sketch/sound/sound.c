/* The buffer, its level, and filters. */
#include "sound.h"

void sound_init(struct sound *s, double seconds)
{
    s->n = (size_t)(seconds * SOUND_RATE + 0.5);
    for (int c = 0; c < 2; c++)
        s->at[c] = ym_alloc_array(s->n + 1, sizeof(float));
}

void sound_fini(struct sound *s)
{
    free(s->at[0]);
    free(s->at[1]);
}

void sound_add(struct sound *s, size_t i, double v, double pan)
{
    if (i >= s->n)
        return;
    double right = sqrt((1 + clampd(pan, -1, 1)) / 2), left = sqrt((1 - clampd(pan, -1, 1)) / 2);
    s->at[0][i] += (float)(v * left * M_SQRT2);
    s->at[1][i] += (float)(v * right * M_SQRT2);
}

static void scale_and_fade(struct sound *s, double k, double in, double out)
{
    double a = in * SOUND_RATE, b = out * SOUND_RATE, n = (double)s->n;
    for (int c = 0; c < 2; c++)
        for (size_t i = 0; i < s->n; i++) {
            double fade = fmin(a > 0 ? ((double)i + 0.5) / a : 1, b > 0 ? (n - (double)i - 0.5) / b : 1);
            s->at[c][i] *= (float)(k * smooth(0, 1, fade));
        }
}

static double loudest(const struct sound *s)
{
    float most = 0;
    for (int c = 0; c < 2; c++)
        for (size_t i = 0; i < s->n; i++)
            most = fmaxf(most, fabsf(s->at[c][i]));
    return (double)most;
}

void sound_level(struct sound *s, double peak, double fade_in, double fade_out)
{
    double most = loudest(s);
    scale_and_fade(s, most > 1e-9 ? peak / most : 0, fade_in, fade_out);
}

void sound_level_quiet(struct sound *s, double rms, double fade)
{
    double sum = 1e-12, most = loudest(s);
    for (int c = 0; c < 2; c++)
        for (size_t i = 0; i < s->n; i++)
            sum += (double)(s->at[c][i] * s->at[c][i]);
    double k = rms / sqrt(sum / (2 * (double)s->n + 1));
    scale_and_fade(s, most * k > 0.7 ? 0.7 / most : k, fade, fade);
}

void svf_run(struct svf *f, double in, double hz, double q)
{
    double g = tan(M_PI * clampd(hz, 10, SOUND_RATE * 0.45) / SOUND_RATE), k = 1 / q;
    double h = 1 / (1 + g * (g + k));
    double v3 = in - f->b, v1 = h * (f->a + g * v3), v2 = f->b + g * v1;
    f->a = 2 * v1 - f->a;
    f->b = 2 * v2 - f->b;
    f->low = v2;
    f->band = v1;
    f->high = in - k * v1 - v2;
}

double pink_next(struct pink *p, struct rng *r)
{
    double w = white(r);
    p->b[0] = 0.99765 * p->b[0] + w * 0.0990460;
    p->b[1] = 0.96300 * p->b[1] + w * 0.2965164;
    p->b[2] = 0.57000 * p->b[2] + w * 1.0526913;
    return (p->b[0] + p->b[1] + p->b[2] + w * 0.1848) * 0.25;
}

void sound_ping(struct sound *s, double t, double hz, double gain, double decay, double pan)
{
    if (t < 0 || hz > SOUND_RATE * 0.45)
        return;
    size_t at = (size_t)(t * SOUND_RATE), len = (size_t)(decay * 7 * SOUND_RATE);
    for (size_t i = 0; i < len && at + i < s->n; i++) {
        double x = (double)i / SOUND_RATE;
        sound_add(s, at + i, gain * fmin(1, x * 2000) * exp(-x / decay) * sin(2 * M_PI * hz * x), pan);
    }
}

void sound_burst(struct sound *s, struct rng *r, double t, double hz, double q, double gain, double decay, double pan)
{
    struct svf f = {0};
    if (t < 0)
        return;
    size_t at = (size_t)(t * SOUND_RATE), len = (size_t)(decay * 7 * SOUND_RATE);
    for (size_t i = 0; i < len && at + i < s->n; i++) {
        double x = (double)i / SOUND_RATE;
        svf_run(&f, white(r), hz, q);
        sound_add(s, at + i, gain * fmin(1, x * 1500) * exp(-x / decay) * f.band, pan);
    }
}
