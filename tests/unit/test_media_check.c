/* Films and sounds that play, and files that only look like it. */
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ymago/media.h>

#define PICTURE "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=12:duration=3"
#define SOUND   "-f", "lavfi", "-i", "sine=frequency=300:duration=3"

/* What ffmpeg makes of the arguments, in a memory file. */
static int made(const char *const *args)
{
    const char *argv[40] = {"ffmpeg", "-nostdin", "-v", "error", "-y"};
    struct ym_err e = {.cls = YM_OK};
    int n = 5, fd = memfd_create("clip", MFD_CLOEXEC);
    for (; *args; args++)
        argv[n++] = *args;
    argv[n++] = "/proc/self/fd/3";
    struct ym_child_file file = {fd, 3};
    struct ym_child c = {.argv = argv, .files = &file, .nfiles = 1};
    if (ym_child_run(&c, &e) != 0)
        print_message("%s %s\n", e.msg, e.words);
    assert_int_equal(e.cls, YM_OK);
    return fd;
}
#define MADE(...) made((const char *const[]){__VA_ARGS__, NULL})

static int from_bytes(const void *data, size_t len)
{
    int fd = memfd_create("clip", MFD_CLOEXEC);
    assert_int_equal(write(fd, data, len), len);
    return fd;
}

static struct ym_media_info probed(int fd)
{
    struct ym_media_info m;
    struct ym_err e;
    assert_int_equal(ym_media_probe_fd(fd, lseek(fd, 0, SEEK_END), &m, &e), 0);
    return m;
}

static const struct ym_media_type *type_mp4(void)
{
    return ym_media_sniff((const uint8_t *)"\0\0\0\x18" "ftypisom\0\0\0\0isommp42", 24);
}

/* With the structure already trusted; e.msg must hold `words`. Closes fd. */
static void refused(int fd, struct ym_media_info m, const char *words)
{
    struct ym_err e = {.cls = YM_OK};
    assert_int_equal(ym_media_check_fd(fd, &m, &e), -EBADMSG);
    assert_int_equal(e.cls, YM_EMPTY);
    if (!strstr(e.msg, words))
        print_message("%s\n", e.msg);
    assert_non_null(strstr(e.msg, words));
    close(fd);
}

static void test_plays(void **state)
{
    const struct {
        int fd;
        const char *ext;
        uint32_t w, h;
    } cases[] = {
        {MADE(PICTURE, SOUND, "-c:v", "libx264", "-c:a", "aac", "-movflags", "+faststart", "-f", "mp4"), "mp4", 320, 180},
        {MADE(PICTURE, "-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"), "mp4", 320, 180},
        {MADE(PICTURE, "-c:v", "libx264", "-f", "mov"), "mov", 320, 180},
        {MADE(PICTURE, "-c:v", "libvpx", "-f", "webm"), "webm", 320, 180},
        {MADE(PICTURE, "-c:v", "libx264", "-f", "matroska"), "mkv", 320, 180},
        {MADE(SOUND, "-f", "mp3"), "mp3", 0, 0},
        {MADE(SOUND, "-f", "wav"), "wav", 0, 0},
        {MADE(SOUND, "-c:a", "libvorbis", "-f", "ogg"), "ogg", 0, 0},
        {MADE(SOUND, "-f", "flac"), "flac", 0, 0},
        {MADE(SOUND, "-c:a", "aac", "-f", "adts"), "aac", 0, 0},
        {MADE(SOUND, "-c:a", "aac", "-f", "ipod"), "m4a", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct ym_media_info m = probed(cases[i].fd);
        struct ym_err e = {.cls = YM_OK};
        m.width = m.height = 0;
        m.duration_ms = -1;
        int rc = ym_media_check_fd(cases[i].fd, &m, &e);
        if (rc != 0)
            print_message("%s: %s %s\n", cases[i].ext, e.msg, e.words);
        assert_int_equal(rc, 0);
        assert_string_equal(m.type->ext, cases[i].ext);
        assert_int_equal(m.width, cases[i].w);
        assert_int_equal(m.height, cases[i].h);
        assert_in_range(m.duration_ms, 2950, 3150);
        close(cases[i].fd);
    }
}

static void test_texts_called_films(void **state)
{
    static const char *const texts[] = {
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile /etc/passwd\n",
        "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n",
        "RIFF\0\0\0\0AVI LIST",
    };
    struct ym_media_info m = {.type = type_mp4(), .duration_ms = -1};
    struct ym_err e;
    (void)state;
    assert_non_null(m.type);
    for (size_t i = 0; i < YM_COUNT(texts); i++) {
        struct ym_media_info none;
        int fd = from_bytes(texts[i], i < 3 ? strlen(texts[i]) : 16);
        assert_int_equal(ym_media_probe_fd(fd, lseek(fd, 0, SEEK_END), &none, &e), -EBADMSG); /* it is seen before */
        refused(fd, m, "structure broken");
    }
}

/* A copy of `fd` with that many bytes after the first `tag` set to `value`. */
static int damaged(int fd, const char *tag, size_t skip, size_t count, int value)
{
    size_t len = (size_t)lseek(fd, 0, SEEK_END);
    YM_AUTOFREE char *d = ym_alloc(len);
    assert_int_equal(pread(fd, d, len, 0), len);
    char *at = memmem(d, len, tag, 4);
    assert_non_null(at);
    at += 4 + skip;
    memset(at, value, count < (size_t)(d + len - at) ? count : (size_t)(d + len - at));
    return from_bytes(d, len);
}

static void test_headers_that_lie(void **state)
{
    int fd = MADE(PICTURE, "-c:v", "libx264", "-f", "mp4");
    struct ym_media_info m = probed(fd);
    (void)state;
    refused(damaged(fd, "stco", 8, 4, 0x7f), m, "cannot be decoded"); /* where the pictures lie */
    refused(damaged(fd, "mdat", 0, SIZE_MAX, 0), m, "structure broken"); /* moov is gone with them */
    refused(damaged(fd, "avcC", 0, 30, 0xff), m, "cannot be decoded"); /* how they are coded */
    close(fd);
    fd = MADE(PICTURE, "-c:v", "libx264", "-movflags", "+faststart", "-f", "mp4");
    refused(damaged(fd, "mdat", 0, SIZE_MAX, 0), m, "cannot be decoded");
    close(fd);
    fd = MADE(SOUND, "-f", "flac");
    m = probed(fd);
    size_t len = (size_t)lseek(fd, 0, SEEK_END);
    YM_AUTOFREE char *d = ym_alloc(len);
    assert_int_equal(pread(fd, d, 42, 0), 42); /* the head and nothing behind it */
    refused(from_bytes(d, len), m, "cannot be played");
    close(fd);
}

static void test_cut_off(void **state)
{
    int fd = MADE(PICTURE, "-c:v", "libx264", "-f", "mp4");
    struct ym_media_info m = probed(fd), again;
    struct ym_err e;
    size_t len = (size_t)lseek(fd, 0, SEEK_END) / 2;
    YM_AUTOFREE char *d = ym_alloc(len);
    (void)state;
    assert_int_equal(pread(fd, d, len, 0), len);
    int half = from_bytes(d, len);
    assert_int_equal(ym_media_probe_fd(half, (int64_t)len, &again, &e), -EBADMSG);
    refused(half, m, "structure broken");
    close(fd);
}

static void test_nothing_of_its_kind(void **state)
{
    int fd = MADE(SOUND, "-c:a", "aac", "-f", "mp4");
    (void)state;
    refused(fd, (struct ym_media_info){.type = type_mp4(), .duration_ms = -1}, "holds no picture");
}

static void test_pictures_are_not_looked_at(void **state)
{
    static const uint8_t png[16] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    struct ym_media_info m = {.type = ym_media_sniff(png, 16)};
    int fd = from_bytes(png, 16);
    struct ym_err e;
    (void)state;
    assert_int_equal(ym_media_check_fd(fd, &m, &e), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plays),
        cmocka_unit_test(test_texts_called_films),
        cmocka_unit_test(test_headers_that_lie),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_nothing_of_its_kind),
        cmocka_unit_test(test_pictures_are_not_looked_at),
    };
    if (!ym_child_has("ffmpeg") || !ym_child_has("ffprobe"))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
