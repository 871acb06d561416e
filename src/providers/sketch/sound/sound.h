/* Sounds made from nothing: a buffer, a few filters, and many small instruments that add to it. */
#ifndef YMAGO_SKETCH_SOUND_H
#define YMAGO_SKETCH_SOUND_H

#include <ymago/driver.h>

#include "sketch/art.h"

#define SOUND_RATE 48000

struct sound { /* two channels, about -1..1 */
    size_t n;
    float *at[2];
};
void sound_init(struct sound *s, double seconds); /* silence */
void sound_fini(struct sound *s);
static inline double sound_seconds(const struct sound *s)
{
    return (double)s->n / SOUND_RATE;
}
/* Adds to both channels; pan -1 (left) .. 1, of equal power. Beyond the ends nothing happens. */
void sound_add(struct sound *s, size_t i, double v, double pan);
/* Brings the loudest moment to `peak` (0..1), fades both ends by those seconds. */
void sound_level(struct sound *s, double peak, double fade_in, double fade_out);
/* The same, but by the mean power, as long as nothing is cut: for what lies under a film. */
void sound_level_quiet(struct sound *s, double rms, double fade);

/* ---- filters ---- */
struct svf { /* a state variable filter: all outputs of one input */
    double a, b;
    double low, band, high;
};
void svf_run(struct svf *f, double in, double hz, double q);
struct pink { /* noise with as much power in each octave */
    double b[3];
};
double pink_next(struct pink *p, struct rng *r);
static inline double white(struct rng *r)
{
    return rng_unit(r) * 2 - 1;
}
/* A struck thing: a sine that dies away, from second `t`. */
void sound_ping(struct sound *s, double t, double hz, double gain, double decay, double pan);
/* A burst of noise around hz that dies away. */
void sound_burst(struct sound *s, struct rng *r, double t, double hz, double q, double gain, double decay, double pan);

/* ---- instruments: each adds itself to all of s ---- */
typedef void sound_play(struct sound *s, struct rng *r, double gain);
sound_play sound_rain, sound_wind, sound_sea, sound_thunder, sound_stream, sound_fire, sound_birds, sound_crickets,
    sound_dog, sound_heartbeat, sound_rumble;
sound_play sound_bell, sound_engine, sound_footsteps, sound_beep, sound_siren, sound_clock, sound_knock, sound_whoosh,
    sound_explosion, sound_laser, sound_chimes, sound_glass, sound_applause, sound_keys, sound_phone, sound_creak,
    sound_pad, sound_train;

/* Whatever the words name, at most four things; what they name nothing of is told by chance. */
void sound_of_words(struct sound *s, const char *prompt, uint64_t seed);
/* What is heard in such a scene. */
void sound_of_scene(struct sound *s, const struct scene *sc, uint64_t seed);

/* ---- storing ---- */
/* A WAV file of 16 bits in memory: a descriptor, or -errno with *e. */
int sound_wav(const struct sound *s, struct ym_err *e);
/* "mp3" for NULL where ffmpeg is installed, else "wav"; also of names like "mp3_44100_128" and "pcm_44100".
 * -EINVAL (YM_INVALID) for what is none of wav mp3 ogg flac m4a. */
int sound_format(const char *wanted, const char **ret, struct ym_err *e);
/* Stores the WAV file as result 0 in that format. */
int sound_store(int wav, const char *format, const struct ym_media_out *out, struct ym_err *e);

#endif
