/* Speech: espeak-ng in the cage where it is installed, else a melody with a note for every syllable. */
#include <ctype.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ymago/media.h>

#include "sketch/kinds.h"
#include "sound.h"

/* A name that espeak-ng could know ("de", "en-gb", "en-us+f3"), not one of another provider's. */
static bool is_voice_code(const char *v)
{
    size_t n = 0;
    while (islower((unsigned char)v[n]))
        n++;
    if (n < 2 || n > 3)
        return false;
    for (const char *p = v + n; *p; p++)
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-' && *p != '+')
            return false;
    return v[n] == '\0' || v[n] == '-' || v[n] == '+';
}

/* "en-us+f2": the language asked for, and for every other voice name a timbre of its own. */
static void voice_choose(const cJSON *params, char out[static 32], char fallback[static 32])
{
    static const char *const timbres[] = {"f2", "m3", "f3", "m1", "f4", "m7", "f1", "m2", "f5", "m4"};
    const char *voice = ym_json_str(params, "voice"), *language = ym_json_str(params, "language");
    char lang[16] = "en-us";
    if (language && is_voice_code(language) && strlen(language) < sizeof(lang))
        snprintf(lang, sizeof(lang), "%s", language);
    uint64_t pick = voice ? rng_hash(voice, strlen(voice), 1) % YM_COUNT(timbres) : 0;
    snprintf(fallback, 32, "%.15s+%s", lang, timbres[pick]);
    snprintf(out, 32, "%s", voice && is_voice_code(voice) && strlen(voice) < 32 ? voice : fallback);
}

static int espeak(const struct ym_call *call, const char *voice, const struct ym_media_out *out, int wav, struct ym_err *e)
{
    char pace[16];
    snprintf(pace, sizeof(pace), "%d", (int)clampd(165 * ym_json_num_or(call->req->params, "speed", 1), 80, 450));
    const char *argv[] = {"espeak-ng", "-v", voice, "-s", pace, "-b", "1", "-w", "/proc/self/fd/3", "--stdin", NULL};
    struct ym_child_file file = {wav, 3};
    struct ym_child c = {.argv = argv, .files = &file, .nfiles = 1, .input = call->req->prompt,
                         .input_len = strlen(call->req->prompt), .stopped = out->stopped, .ctx = out->ctx};
    return ym_child_run(&c, e);
}

/* ---- without espeak-ng ---- */
static bool is_vowel(char c)
{
    return strchr("aeiouy", tolower((unsigned char)c)) && c;
}

/* A plucked string. */
static void pluck(struct sound *s, double t, double hz, double len, double gain)
{
    for (int k = 1; k <= 5; k++)
        sound_ping(s, t, hz * k, gain / (k * k) * (k % 2 ? 1 : 0.6), len / (1 + 0.6 * k), 0);
}

static double melody(struct sound *s, const char *text, double speed)
{
    static const int steps[] = {-5, -3, 0, 2, 4, 7, 9, 12};
    double t = 0.1, beat = 0.16 / clampd(speed, 0.25, 4);
    uint64_t word = 0;
    for (const char *p = text; *p; p++) {
        bool letter = (unsigned char)*p >= 0x80 || isalnum((unsigned char)*p);
        word = letter ? rng_hash(p, 1, word) : 0;
        if (letter && (is_vowel(*p) || (unsigned char)*p >= 0xc0) && !(p > text && is_vowel(p[-1]))) {
            if (s)
                pluck(s, t, 262 * pow(2, steps[word % YM_COUNT(steps)] / 12.0), 0.35, 0.4);
            t += beat;
        } else if (*p == ' ') {
            t += beat * 0.5;
        } else if (strchr(".,;:!?\n", *p)) {
            t += beat * (*p == ',' ? 1 : 2);
        }
    }
    return t + 0.8;
}

static int tones(const struct ym_call *call, struct ym_err *e)
{
    double speed = ym_json_num_or(call->req->params, "speed", 1);
    struct sound s;
    sound_init(&s, fmin(melody(NULL, call->req->prompt, speed), 600));
    melody(&s, call->req->prompt, speed);
    sound_level(&s, 0.7, 0.01, 0.2);
    int wav = sound_wav(&s, e);
    sound_fini(&s);
    return wav;
}

/* ---- the kind ---- */
int audio_check(const struct ym_call *call, struct ym_err *e)
{
    const char *format;
    size_t n = ym_utf8_count(call->req->prompt, strlen(call->req->prompt));
    if (n > 20000)
        return ym_fail(e, YM_INVALID, EINVAL, "The offline sketch speaks texts of up to 20000 characters, not %zu; split it.", n);
    return sound_format(ym_json_str(call->req->params, "format"), &format, e);
}

int audio_work(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e)
{
    char voice[32], fallback[32];
    const char *format;
    YM_AUTOCLOSE int wav = -1;
    int rc = sound_format(ym_json_str(call->req->params, "format"), &format, e);
    if (rc < 0)
        return rc;
    if (ym_child_has("espeak-ng")) {
        voice_choose(call->req->params, voice, fallback);
        wav = memfd_create("speech", MFD_CLOEXEC);
        rc = wav < 0 ? ym_fail(e, YM_LOCAL, errno, "There is no memory for a sound: %s.", strerror(errno))
                     : espeak(call, voice, out, wav, e);
        if (rc == -EIO && strcmp(voice, fallback) != 0) /* a voice that it does not have */
            rc = espeak(call, fallback, out, wav, e);
    } else {
        wav = tones(call, e);
        rc = wav < 0 ? wav : 0;
    }
    return rc < 0 ? rc : sound_store(wav, format, out, e);
}
