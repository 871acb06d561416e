/* Weather, water, fire and animals. */
#include "sound.h"

/* Slow, smooth chance about 0..1. */
static double sway(uint32_t seed, double t, double speed)
{
    return clampd(0.5 + 0.7 * fbm1(seed, t * speed, 3), 0, 1);
}

static uint32_t seed_of(struct rng *r)
{
    return (uint32_t)(rng_next(r) >> 32);
}

void sound_rain(struct sound *s, struct rng *r, double gain)
{
    struct svf high[2] = {{0}}, low[2] = {{0}};
    uint32_t seed = seed_of(r);
    for (size_t i = 0; i < s->n; i++) { /* the many far drops are a hiss */
        double k = 0.8 + 0.3 * sway(seed, (double)i / SOUND_RATE, 0.3);
        for (int c = 0; c < 2; c++) {
            svf_run(&high[c], white(r), 900, 0.7);
            svf_run(&low[c], high[c].high, 7500, 0.6);
            s->at[c][i] += (float)(gain * k * 0.20 * low[c].low);
        }
    }
    for (double t = 0; t < sound_seconds(s); t += -log(1 - rng_unit(r)) / 140) /* near ones are heard */
        sound_ping(s, t, rng_in(r, 1800, 6500), gain * 0.22 * pow(rng_unit(r), 3), rng_in(r, 0.001, 0.005), rng_in(r, -0.9, 0.9));
    for (double t = 0; t < sound_seconds(s); t += -log(1 - rng_unit(r)) / 9)
        sound_ping(s, t, rng_in(r, 500, 1300), gain * 0.12 * rng_unit(r), rng_in(r, 0.006, 0.015), rng_in(r, -0.8, 0.8));
}

void sound_wind(struct sound *s, struct rng *r, double gain)
{
    for (int c = 0; c < 2; c++) {
        struct svf f = {0}, g = {0};
        struct pink p = {{0}};
        uint32_t seed = seed_of(r);
        for (size_t i = 0; i < s->n; i++) {
            double t = (double)i / SOUND_RATE, gust = sway(seed, t, 0.45);
            double in = pink_next(&p, r);
            svf_run(&f, in, 220 + 700 * gust * gust, 2.2);
            svf_run(&g, in, 110, 0.7);
            s->at[c][i] += (float)(gain * ((0.15 + gust * gust) * f.band * 0.7 + 0.25 * g.low));
        }
    }
}

void sound_sea(struct sound *s, struct rng *r, double gain)
{
    double period = rng_in(r, 5.5, 7.5), from = rng_in(r, 0.1, 0.4);
    for (int c = 0; c < 2; c++) {
        struct svf f = {0}, deep = {0}, foam = {0};
        uint32_t seed = seed_of(r);
        for (size_t i = 0; i < s->n; i++) {
            double t = (double)i / SOUND_RATE, u = t / period + from + 0.06 * c + 0.15 * noise1(seed, t * 0.3);
            double x = u - floor(u), wave = x < 0.35 ? smooth(0, 0.35, x) : pow(1 - (x - 0.35) / 0.65, 1.6);
            double in = white(r);
            svf_run(&f, in, 250 + 2600 * wave * wave, 0.6);
            svf_run(&deep, in, 130, 0.8);
            svf_run(&foam, in, 4200, 0.7);
            s->at[c][i] += (float)(gain * (0.07 * deep.low + (0.06 + 0.34 * wave) * f.low + 0.10 * wave * wave * foam.band));
        }
    }
}

void sound_stream(struct sound *s, struct rng *r, double gain)
{
    for (int c = 0; c < 2; c++) {
        struct svf f = {0};
        for (size_t i = 0; i < s->n; i++) {
            svf_run(&f, white(r), 1100, 0.5);
            s->at[c][i] += (float)(gain * 0.07 * f.band);
        }
    }
    for (double t = 0; t < sound_seconds(s); t += -log(1 - rng_unit(r)) / 55) { /* bubbles rise in pitch */
        size_t at = (size_t)(t * SOUND_RATE);
        double hz = 350 * pow(6, rng_unit(r)), decay = rng_in(r, 0.008, 0.035), pan = rng_in(r, -0.9, 0.9), phase = 0;
        double g = gain * 0.16 * rng_unit(r) * rng_unit(r);
        for (size_t i = 0; i < (size_t)(decay * 6 * SOUND_RATE); i++) {
            double x = (double)i / SOUND_RATE;
            phase += 2 * M_PI * hz * (1 + 3.5 * x / (decay * 6)) / SOUND_RATE;
            sound_add(s, at + i, g * fmin(1, x * 900) * exp(-x / decay) * sin(phase), pan);
        }
    }
}

void sound_thunder(struct sound *s, struct rng *r, double gain)
{
    double len = sound_seconds(s), start = fmin(0.25, len * 0.1);
    do {
        double crack = rng_in(r, 0.5, 1);
        for (int i = 0; i < 5; i++)
            sound_burst(s, r, start + rng_unit(r) * 0.16, rng_in(r, 500, 2600), 0.6, gain * 0.5 * crack, rng_in(r, 0.03, 0.1), rng_in(r, -0.5, 0.5));
        for (int c = 0; c < 2; c++) {
            struct svf f = {0}, g = {0};
            uint32_t seed = seed_of(r);
            for (size_t i = (size_t)(start * SOUND_RATE); i < s->n; i++) {
                double t = (double)i / SOUND_RATE - start, roll = 0.35 + 1.1 * sway(seed, t, 2.2);
                double in = white(r), env = fmin(1, t * 12) * exp(-t / 1.7) * roll;
                svf_run(&f, in, 60 + 320 * exp(-t * 1.6), 0.8);
                svf_run(&g, f.low, 45, 0.7);
                s->at[c][i] += (float)(gain * env * (1.8 * f.low + 1.2 * g.low));
            }
        }
        start += rng_in(r, 5, 9);
    } while (start < len - 1.5);
}

void sound_rumble(struct sound *s, struct rng *r, double gain)
{
    for (int c = 0; c < 2; c++) {
        struct svf f = {0};
        uint32_t seed = seed_of(r);
        for (size_t i = 0; i < s->n; i++) {
            svf_run(&f, white(r), 90 + 50 * sway(seed, (double)i / SOUND_RATE, 0.5), 0.9);
            s->at[c][i] += (float)(gain * f.low);
        }
    }
}

void sound_fire(struct sound *s, struct rng *r, double gain)
{
    for (int c = 0; c < 2; c++) {
        struct svf f = {0}, g = {0};
        uint32_t seed = seed_of(r);
        for (size_t i = 0; i < s->n; i++) {
            double flare = sway(seed, (double)i / SOUND_RATE, 3);
            svf_run(&f, white(r), 260, 0.7);
            svf_run(&g, white(r), 1800, 0.5);
            s->at[c][i] += (float)(gain * (0.35 * f.low * (0.5 + flare) + 0.025 * g.band * flare));
        }
    }
    for (double t = 0; t < sound_seconds(s); t += -log(1 - rng_unit(r)) / 16) { /* in clusters */
        int n = rng_chance(r, 0.2) ? 4 + rng_below(r, 6) : 1;
        for (int i = 0; i < n; i++)
            sound_burst(s, r, t + i * rng_in(r, 0.004, 0.03), rng_in(r, 1200, 5000), 1.5, gain * 0.9 * pow(rng_unit(r), 3),
                        rng_in(r, 0.001, 0.006), rng_in(r, -0.6, 0.6));
    }
}

/* One syllable of a bird: a sine whose pitch glides and trembles. */
static void chirp(struct sound *s, double t, double len, double from, double to, double trill, double gain, double pan)
{
    size_t at = (size_t)(t * SOUND_RATE), n = (size_t)(len * SOUND_RATE);
    double phase = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)i / (double)n, hz = mixd(from, to, x) * (1 + 0.05 * sin(2 * M_PI * trill * x * len));
        phase += 2 * M_PI * hz / SOUND_RATE;
        double env = sin(M_PI * x);
        sound_add(s, at + i, gain * env * env * (sin(phase) + 0.12 * sin(2 * phase)), pan);
    }
}

void sound_birds(struct sound *s, struct rng *r, double gain)
{
    int singers = 3;
    for (int b = 0; b < singers; b++) { /* each has its own song */
        double base = rng_in(r, 2400, 4800), pan = rng_in(r, -0.8, 0.8), far = rng_in(r, 0.25, 1);
        int notes = 2 + rng_below(r, 4);
        double from[6], to[6], len[6], trill = rng_in(r, 18, 45);
        for (int i = 0; i < notes; i++) {
            from[i] = base * rng_in(r, 0.75, 1.35);
            to[i] = base * rng_in(r, 0.75, 1.35);
            len[i] = rng_in(r, 0.05, 0.16);
        }
        for (double t = 0.1 + b * 0.35 + rng_unit(r) * 0.8; t < sound_seconds(s) - 0.3; t += rng_in(r, 0.8, 2.6))
            for (int again = 1 + rng_below(r, 2); again > 0; again--)
                for (int i = 0; i < notes; i++) {
                    chirp(s, t, len[i], from[i], to[i], trill, gain * 0.35 * far, pan);
                    t += len[i] + 0.04;
                }
    }
}

void sound_crickets(struct sound *s, struct rng *r, double gain)
{
    for (int b = 0; b < 4; b++) {
        double hz = rng_in(r, 4100, 5200), pan = rng_in(r, -0.95, 0.95), every = rng_in(r, 0.38, 0.75), far = rng_in(r, 0.15, 0.6);
        for (double t = rng_unit(r) * every; t < sound_seconds(s); t += every * rng_in(r, 0.97, 1.03))
            for (int i = 0; i < 3; i++)
                chirp(s, t + i * 0.042, 0.028, hz, hz * 0.985, 0, gain * 0.25 * far * (0.7 + 0.15 * i), pan);
    }
}

void sound_dog(struct sound *s, struct rng *r, double gain)
{
    for (double t = 0.15; t < sound_seconds(s) - 0.3;) {
        for (int again = 1 + rng_below(r, 3); again > 0 && t < sound_seconds(s) - 0.25; again--) {
            struct svf a = {0}, b = {0}, c = {0};
            size_t at = (size_t)(t * SOUND_RATE), n = (size_t)(rng_in(r, 0.15, 0.19) * SOUND_RATE);
            double base = rng_in(r, 250, 290), phase = 0;
            for (size_t i = 0; i < n; i++) { /* a throat and two formants, a rough attack */
                double x = (double)i / (double)n, hz = base * (1.1 + 0.9 * sin(M_PI * pow(x, 0.6)));
                phase += hz / SOUND_RATE;
                double in = (phase - floor(phase)) * 2 - 1 + 0.7 * white(r) * (1 - x);
                svf_run(&a, in, 650 + 500 * sin(M_PI * x), 3);
                svf_run(&b, in, 1500, 4);
                svf_run(&c, in, 2900, 4);
                double env = fmin(1, x * 14) * pow(1 - x, 0.8);
                sound_add(s, at + i, gain * env * (0.8 * a.band + 0.35 * b.band + 0.12 * c.band), 0.1);
            }
            t += rng_in(r, 0.28, 0.36);
        }
        t += rng_in(r, 0.6, 1.3);
    }
}

void sound_heartbeat(struct sound *s, struct rng *r, double gain)
{
    double every = 60.0 / 66;
    for (double t = 0.1; t < sound_seconds(s) - 0.4; t += every) {
        sound_ping(s, t, 52, gain, 0.055, 0);
        sound_ping(s, t, 34, gain * 0.7, 0.07, 0);
        sound_burst(s, r, t, 110, 0.7, gain * 0.5, 0.02, 0);
        sound_ping(s, t + 0.28, 62, gain * 0.65, 0.045, 0);
        sound_burst(s, r, t + 0.28, 130, 0.7, gain * 0.3, 0.018, 0);
    }
}
