/* Offline sounds: as long and as loud as they should be, the same for the same words and number. */
#include "unit.h"

#include <errno.h>
#include <unistd.h>
#include <ymago/media.h>

#include "sketch/sound/sound.h"

static const char *const words[] = {
    "rain",  "thunder", "wind",  "sea",   "stream", "fire",   "birds", "crickets", "dog",    "heartbeat",
    "bell",  "chime",   "engine", "footsteps", "beep", "phone", "siren", "clock",  "knock",  "creak",
    "whoosh", "explosion", "laser", "glass", "applause", "typing", "train", "rumble", "music", "something else"};

static void test_every_sound(void **state)
{
    (void)state;
    double last = -1;
    for (size_t i = 0; i < YM_COUNT(words); i++) {
        struct sound s, again;
        double sum = 0, most = 0;
        size_t audible = 0;
        sound_init(&s, 2);
        sound_init(&again, 2);
        sound_of_words(&s, words[i], 7);
        sound_of_words(&again, words[i], 7);
        assert_int_equal(s.n, 96000);
        assert_memory_equal(s.at[0], again.at[0], s.n * sizeof(float));
        assert_memory_equal(s.at[1], again.at[1], s.n * sizeof(float));
        sound_level(&s, 0.8, 0.008, 0.25);
        for (size_t k = 0; k < s.n; k++) {
            double v = (double)s.at[0][k];
            assert_true(isfinite(v) && isfinite((double)s.at[1][k]));
            most = fmax(most, fmax(fabs(v), fabs((double)s.at[1][k])));
            sum += v * v;
            audible += fabs(v) > 0.003;
        }
        if (audible < 1500)
            print_message("%s: %zu\n", words[i], audible);
        assert_true(most > 0.4 && most < 0.8001);
        assert_true(audible > 1500); /* a thirtieth of a second, at the least */
        assert_true(fabs((double)s.at[0][s.n - 1]) < 0.001);
        assert_true(fabs(sum - last) > 1e-6); /* each is one of its own */
        last = sum;
        sound_fini(&s);
        sound_fini(&again);
    }
}

static void test_seed_and_words_change_it(void **state)
{
    struct sound a, b, c;
    (void)state;
    sound_init(&a, 1);
    sound_init(&b, 1);
    sound_init(&c, 1);
    sound_of_words(&a, "Rain, and distant thunder!", 1);
    sound_of_words(&b, "Rain, and distant thunder!", 2);
    sound_of_words(&c, "rain", 1);
    assert_memory_not_equal(a.at[0], b.at[0], a.n * sizeof(float));
    assert_memory_not_equal(a.at[0], c.at[0], a.n * sizeof(float));
    sound_fini(&a);
    sound_fini(&b);
    sound_fini(&c);
}

/* Whatever the scene, and for the shortest of times. */
static void test_scenes_are_quiet(void **state)
{
    (void)state;
    for (unsigned place = 1; place <= IN_BEACH; place <<= 1)
        for (int weather = SKY_ANY; weather <= SKY_FOG; weather++) {
            struct sound s;
            struct scene sc = {.places = place, .weather = (enum weather)weather, .hour = weather % 2 ? AT_NIGHT : AT_DAY};
            double sum = 0;
            sound_init(&s, 0.45);
            sound_of_scene(&s, &sc, place);
            sound_level_quiet(&s, 0.03, 0.05);
            for (size_t i = 0; i < s.n; i++)
                sum += (double)(s.at[0][i] * s.at[0][i]);
            double rms = sqrt(sum / (double)s.n);
            assert_true(rms > 0.004 && rms < 0.06);
            sound_fini(&s);
        }
}

static void test_wav_and_formats(void **state)
{
    struct sound s;
    struct ym_err e;
    struct ym_media_info m;
    const char *f;
    (void)state;
    sound_init(&s, 1.5);
    sound_of_words(&s, "bell", 0);
    int fd = sound_wav(&s, &e);
    assert_true(fd >= 0);
    assert_int_equal(ym_media_probe_fd(fd, lseek(fd, 0, SEEK_END), &m, &e), 0);
    assert_string_equal(m.type->ext, "wav");
    assert_int_equal(m.duration_ms, 1500);
    close(fd);
    sound_fini(&s);
    assert_int_equal(sound_format(NULL, &f, &e), 0);
    assert_string_equal(f, ym_child_has("ffmpeg") ? "mp3" : "wav");
    static const char *const names[][2] = {
        {"MP3", "mp3"}, {"mp3_44100_128", "mp3"}, {"pcm_16000", "wav"}, {"opus_48000_32", "ogg"}, {"flac", "flac"}, {"m4a", "m4a"}};
    for (size_t i = 0; i < YM_COUNT(names); i++) {
        assert_int_equal(sound_format(names[i][0], &f, &e), 0);
        assert_string_equal(f, names[i][1]);
    }
    assert_int_equal(sound_format("mid", &f, &e), -EINVAL);
    assert_int_equal(sound_format("", &f, &e), -EINVAL);
    assert_int_equal(sound_format("_", &f, &e), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sound),
        cmocka_unit_test(test_seed_and_words_change_it),
        cmocka_unit_test(test_scenes_are_quiet),
        cmocka_unit_test(test_wav_and_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
