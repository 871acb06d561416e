/* Things, machines and music. */
#include "sound.h"

void sound_bell(struct sound *s, struct rng *r, double gain)
{
    static const double ratio[] = {0.5, 1, 1.183, 1.506, 2, 2.514, 2.662, 3.011, 4.166, 5.433};
    static const double loud[] = {0.6, 0.9, 0.55, 0.35, 0.8, 0.25, 0.2, 0.25, 0.15, 0.1};
    double base = rng_in(r, 300, 440), every = rng_in(r, 2.2, 2.8);
    for (double t = 0.05; t < sound_seconds(s) - 0.6; t += every) {
        for (size_t i = 0; i < YM_COUNT(ratio); i++) {
            double beat = rng_in(r, 0.4, 1.6); /* two nearly equal tones: bells are never quite round */
            sound_ping(s, t, base * ratio[i], gain * 0.3 * loud[i], 1.9 / ratio[i] + 0.12, -0.15);
            sound_ping(s, t, base * ratio[i] + beat, gain * 0.2 * loud[i], 1.7 / ratio[i] + 0.1, 0.15);
        }
        sound_burst(s, r, t, 3500, 0.8, gain * 0.25, 0.008, 0);
    }
}

void sound_chimes(struct sound *s, struct rng *r, double gain)
{
    static const int scale_steps[] = {0, 2, 4, 7, 9, 12, 14, 16, 19, 21, 24};
    double base = 880;
    for (double t = 0.05; t < sound_seconds(s) - 0.5;) {
        int n = 5 + rng_below(r, 5), at = rng_below(r, 4);
        for (int i = 0; i < n && t < sound_seconds(s) - 0.3; i++) {
            double hz = base * pow(2, scale_steps[(at + i) % (int)YM_COUNT(scale_steps)] / 12.0), pan = rng_in(r, -0.6, 0.6);
            sound_ping(s, t, hz, gain * 0.3, 0.6, pan);
            sound_ping(s, t, hz * 2.76, gain * 0.09, 0.2, pan);
            sound_ping(s, t, hz * 5.4, gain * 0.04, 0.08, pan);
            t += rng_in(r, 0.07, 0.11);
        }
        t += rng_in(r, 0.9, 1.6);
    }
}

void sound_engine(struct sound *s, struct rng *r, double gain)
{
    struct svf low = {0}, body = {0}, air = {0};
    uint32_t seed = (uint32_t)(rng_next(r) >> 32);
    double phase = 0, idle = rng_in(r, 26, 34);
    for (size_t i = 0; i < s->n; i++) {
        double t = (double)i / SOUND_RATE, u = t / sound_seconds(s);
        double rev = 1 + 1.7 * smooth(0.15, 0.45, u) * (1 - 0.75 * smooth(0.6, 0.85, u)) + 0.04 * noise1(seed, t * 6);
        phase += idle * rev / SOUND_RATE;
        double x = phase - floor(phase), cyl = floor(fmod(phase, 4));
        double bang = exp(-x * 7) * (0.8 + 0.08 * cyl), in = bang + 0.4 * white(r) * exp(-x * 5);
        svf_run(&low, in - 0.15, 140 + 60 * rev, 1.2);
        svf_run(&body, in, 420 * rev, 2);
        svf_run(&air, white(r), 1900, 0.6);
        sound_add(s, i, gain * (0.75 * low.low + 0.25 * body.band + 0.03 * rev * air.band), 0.1 * noise1(seed + 1, t));
    }
}

void sound_footsteps(struct sound *s, struct rng *r, double gain)
{
    double every = rng_in(r, 0.52, 0.6), side = 0.25;
    for (double t = 0.15; t < sound_seconds(s) - 0.25; t += every * rng_in(r, 0.96, 1.04), side = -side) {
        double k = gain * rng_in(r, 0.8, 1);
        sound_ping(s, t, rng_in(r, 78, 92), k * 0.8, 0.028, side);
        sound_burst(s, r, t, 320, 0.8, k * 0.7, 0.02, side);
        for (int i = 0; i < 26; i++) /* gravel under the heel, then under the toes */
            sound_burst(s, r, t + (i < 12 ? 0 : 0.085) + rng_unit(r) * 0.05, rng_in(r, 1500, 5200), 1.6,
                        k * 0.3 * rng_unit(r), rng_in(r, 0.002, 0.006), side + rng_in(r, -0.2, 0.2));
    }
}

static void tone(struct sound *s, double t, double len, double hz, double hz2, double gain)
{
    size_t at = (size_t)(t * SOUND_RATE), n = (size_t)(len * SOUND_RATE);
    for (size_t i = 0; i < n; i++) {
        double x = (double)i / SOUND_RATE, env = fmin(1, fmin(x, len - x) * 250);
        sound_add(s, at + i, gain * env * (sin(2 * M_PI * hz * x) + (hz2 > 0 ? sin(2 * M_PI * hz2 * x) : 0)), 0);
    }
}

void sound_beep(struct sound *s, struct rng *r, double gain)
{
    double hz = 880 * pow(2, rng_below(r, 4) / 12.0);
    for (double t = 0.05; t < sound_seconds(s) - 0.12; t += 1)
        for (int i = 0; i < 3 && t + i * 0.2 < sound_seconds(s) - 0.12; i++)
            tone(s, t + i * 0.2, 0.11, hz, 2 * hz, gain * 0.4);
}

void sound_phone(struct sound *s, struct rng *r, double gain)
{
    (void)r;
    for (double t = 0.05; t < sound_seconds(s); t += 3)
        for (double x = t; x < t + 1.2; x += 0.08)
            tone(s, x, 0.04, 1320, 1056, gain * 0.35);
}

void sound_siren(struct sound *s, struct rng *r, double gain)
{
    double phase = 0, period = rng_in(r, 2.2, 3);
    for (size_t i = 0; i < s->n; i++) {
        double t = (double)i / SOUND_RATE, hz = 900 - 420 * cos(2 * M_PI * t / period);
        phase += 2 * M_PI * hz / SOUND_RATE;
        sound_add(s, i, gain * 0.5 * (sin(phase) + 0.3 * sin(2 * phase) + 0.15 * sin(3 * phase)), 0.3 * sin(t * 0.9));
    }
}

void sound_clock(struct sound *s, struct rng *r, double gain)
{
    int n = 0;
    for (double t = 0.1; t < sound_seconds(s) - 0.1; t += 0.5, n++) {
        double hz = n % 2 ? 1750 : 2300;
        sound_ping(s, t, hz, gain * 0.7, 0.006, 0);
        sound_ping(s, t, hz * 0.31, gain * 0.4, 0.014, 0);
        sound_burst(s, r, t, 5200, 2, gain * 0.5, 0.002, 0);
        sound_ping(s, t + 0.018, hz * 1.3, gain * 0.2, 0.005, 0);
    }
}

void sound_knock(struct sound *s, struct rng *r, double gain)
{
    for (double t = 0.15; t < sound_seconds(s) - 0.3; t += rng_in(r, 1.2, 1.7))
        for (int i = 0, n = 3; i < n && t < sound_seconds(s) - 0.2; i++, t += 0.19) {
            double k = gain * rng_in(r, 0.8, 1);
            sound_ping(s, t, 165, k * 0.8, 0.03, 0);
            sound_ping(s, t, 390, k * 0.5, 0.016, 0);
            sound_ping(s, t, 820, k * 0.2, 0.008, 0);
            sound_burst(s, r, t, 1600, 0.8, k * 0.5, 0.004, 0);
        }
}

void sound_creak(struct sound *s, struct rng *r, double gain)
{
    struct svf f[3] = {{0}};
    static const double at[3] = {480, 1130, 2350};
    uint32_t seed = (uint32_t)(rng_next(r) >> 32);
    double phase = 0;
    for (size_t i = 0; i < s->n; i++) { /* wood that sticks and slips */
        double t = (double)i / SOUND_RATE, u = t / sound_seconds(s);
        double hz = 38 + 50 * clampd(0.5 + noise1(seed, t * 2.2), 0, 1) + 40 * sin(M_PI * u), before = phase;
        phase += hz / SOUND_RATE * (1 + 0.25 * white(r));
        double in = floor(phase) > floor(before) ? rng_in(r, 0.5, 1) * 60 : 0, sum = 0;
        for (int k = 0; k < 3; k++) {
            svf_run(&f[k], in, at[k] * (1 + 0.12 * sin(M_PI * u)), 14);
            sum += f[k].band / (k + 1);
        }
        sound_add(s, i, gain * 0.3 * sum * smooth(0.02, 0.15, u) * (1 - smooth(0.8, 0.97, u)), 0);
    }
}

void sound_whoosh(struct sound *s, struct rng *r, double gain)
{
    double len = fmin(sound_seconds(s), 1.6);
    for (double start = 0; start < sound_seconds(s) - 0.4; start += 2.2) {
        struct svf f = {0};
        double from = rng_chance(r, 0.5) ? -0.9 : 0.9;
        size_t at = (size_t)(start * SOUND_RATE), n = (size_t)(len * SOUND_RATE);
        for (size_t i = 0; i < n; i++) {
            double x = (double)i / (double)n, near = exp(-pow((x - 0.55) / 0.2, 2));
            svf_run(&f, white(r), 250 + 2600 * near, 1.4);
            sound_add(s, at + i, gain * near * f.band, mixd(from, -from, x));
        }
    }
}

void sound_explosion(struct sound *s, struct rng *r, double gain)
{
    struct svf f[2] = {{0}};
    double phase = 0, start = fmin(0.1, sound_seconds(s) * 0.1);
    for (size_t i = (size_t)(start * SOUND_RATE); i < s->n; i++) {
        double t = (double)i / SOUND_RATE - start;
        phase += 2 * M_PI * (28 + 55 * exp(-t * 6)) / SOUND_RATE;
        double sub = sin(phase) * exp(-t / 0.8) * 0.9;
        for (int c = 0; c < 2; c++) {
            svf_run(&f[c], white(r), 70 + 3800 * exp(-t * 4.5), 0.7);
            double boom = tanh(3 * (f[c].low * 1.5 * (exp(-t / 0.25) + 0.6 * exp(-t / 1.3)) + sub)) * exp(-t / 1.5);
            s->at[c][i] += (float)(gain * fmin(1, t * 400) * boom);
        }
    }
    for (int i = 0; i < 50; i++) /* what falls down afterwards */
        sound_burst(s, r, start + 0.3 + 2.2 * rng_unit(r), rng_in(r, 700, 4000), 2, gain * 0.12 * rng_unit(r), rng_in(r, 0.004, 0.02), rng_in(r, -0.9, 0.9));
}

void sound_laser(struct sound *s, struct rng *r, double gain)
{
    for (double t = 0.05; t < sound_seconds(s) - 0.2; t += rng_in(r, 0.45, 0.75)) {
        size_t at = (size_t)(t * SOUND_RATE), n = SOUND_RATE / 4;
        double phase = 0, top = rng_in(r, 2200, 3200), pan = rng_in(r, -0.5, 0.5);
        for (size_t i = 0; i < n; i++) {
            double x = (double)i / (double)n;
            phase += 2 * M_PI * (180 + top * exp(-x * 4.5)) / SOUND_RATE;
            sound_add(s, at + i, gain * 0.6 * exp(-x * 3) * fmin(1, (1 - x) * 12) * (sin(phase) + 0.3 * sin(3 * phase)), pan);
        }
    }
}

void sound_glass(struct sound *s, struct rng *r, double gain)
{
    double start = fmin(0.12, sound_seconds(s) * 0.1);
    sound_burst(s, r, start, 5000, 0.5, gain, 0.03, 0);
    for (int i = 0; i < 90; i++) {
        double t = start + pow(rng_unit(r), 2.2) * 1.1, hz = rng_in(r, 2200, 9500), pan = rng_in(r, -0.9, 0.9);
        double k = gain * 0.35 * rng_unit(r) * exp(-(t - start) * 1.6);
        sound_ping(s, t, hz, k, rng_in(r, 0.02, 0.09), pan);
        sound_ping(s, t, hz * 1.53, k * 0.5, 0.03, pan);
    }
}

void sound_applause(struct sound *s, struct rng *r, double gain)
{
    double rate = 170;
    for (double t = 0; t < sound_seconds(s); t += -log(1 - rng_unit(r)) / rate) {
        double far = rng_in(r, 0.15, 1);
        sound_burst(s, r, t, rng_in(r, 900, 2300), 1.3, gain * 0.35 * far * far, rng_in(r, 0.004, 0.011), rng_in(r, -1, 1));
    }
}

void sound_keys(struct sound *s, struct rng *r, double gain)
{
    for (double t = 0.1; t < sound_seconds(s) - 0.1; t += rng_chance(r, 0.12) ? rng_in(r, 0.3, 0.6) : rng_in(r, 0.07, 0.17)) {
        double pan = rng_in(r, -0.3, 0.3), k = gain * rng_in(r, 0.6, 1);
        sound_burst(s, r, t, rng_in(r, 2300, 3600), 1.2, k * 0.8, 0.004, pan);
        sound_ping(s, t, rng_in(r, 240, 330), k * 0.3, 0.012, pan);
        sound_burst(s, r, t + rng_in(r, 0.04, 0.07), 4200, 1.2, k * 0.3, 0.003, pan);
    }
}

void sound_train(struct sound *s, struct rng *r, double gain)
{
    sound_rumble(s, r, gain * 0.7);
    for (double t = 0.1; t < sound_seconds(s) - 0.2; t += 0.62)
        for (int i = 0; i < 4; i++) {
            double x = t + (i / 2) * 0.21 + (i % 2) * 0.075;
            sound_ping(s, x, 140, gain * 0.7, 0.03, 0);
            sound_burst(s, r, x, 900, 1, gain * 0.5, 0.02, 0);
        }
}

/* Soft chords that change every few seconds. */
void sound_pad(struct sound *s, struct rng *r, double gain)
{
    static const int chords[4][4] = {{0, 7, 12, 16}, {-3, 4, 12, 16}, {-7, 5, 9, 12}, {-5, 2, 7, 14}};
    double base = 110 * pow(2, rng_below(r, 5) / 12.0), every = 4;
    int first = rng_below(r, 4);
    double detune[4][2], pans[4];
    for (int v = 0; v < 4; v++) {
        detune[v][0] = rng_in(r, -0.7, 0.7);
        detune[v][1] = rng_in(r, -0.7, 0.7);
        pans[v] = rng_in(r, -0.7, 0.7);
    }
    for (int c = 0; c * every < sound_seconds(s) + 1; c++)
        for (int v = 0; v < 4; v++) {
            double hz = base * pow(2, chords[(first + c) % 4][v] / 12.0), from = c * every - 1;
            for (size_t i = (size_t)(fmax(0, from) * SOUND_RATE); i < s->n && (double)i / SOUND_RATE < from + every + 2; i++) {
                double t = (double)i / SOUND_RATE, x = t - from, env = smooth(0, 1.6, x) * (1 - smooth(every, every + 2, x));
                double y = sin(2 * M_PI * (hz + detune[v][0]) * t) + sin(2 * M_PI * (hz + detune[v][1]) * t) +
                           0.25 * sin(4 * M_PI * hz * t) * (0.5 + 0.5 * sin(t * 0.7 + v));
                sound_add(s, i, gain * 0.1 * env * y, pans[v]);
            }
        }
}
