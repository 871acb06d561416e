/* On the seed files of tests/fuzz/corpus/media (made by tests/fuzz/make_media.py). */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <ymago/media.h>

static const struct {
    const char *name, *ext;
    uint32_t width, height;
    int64_t duration_ms;
    bool c2pa;
    int64_t needs; /* shorter is cut off; 0 = every byte is needed; -1 = a cut cannot be told */
} files[] = {
    // clang-format off
    {"plain.png",       "png",  37,   21,  -1,   false, 0},
    {"c2pa.png",        "png",  37,   21,  -1,   true,  0},
    {"plain.jpg",       "jpg",  37,   21,  -1,   false, 0},
    {"progressive.jpg", "jpg",  37,   21,  -1,   false, 0},
    {"c2pa.jpg",        "jpg",  37,   21,  -1,   true,  0},
    {"trailing.jpg",    "jpg",  37,   21,  -1,   false, 849},
    {"lossy.webp",      "webp", 37,   21,  -1,   false, 0},
    {"lossless.webp",   "webp", 37,   21,  -1,   false, 0},
    {"moving.webp",     "webp", 37,   21,  -1,   false, 0},
    {"c2pa.webp",       "webp", 37,   21,  -1,   true,  0},
    {"plain.gif",       "gif",  37,   21,  -1,   false, 0},
    {"moving.gif",      "gif",  37,   21,  -1,   false, 0},
    {"plain.avif",      "avif", 37,   21,  -1,   false, 0},
    {"tiles.heic",      "heic", 1000, 700, -1,   false, 0},
    {"plain.mp4",       "mp4",  640,  360, 4966, false, 0},
    {"late-moov.mp4",   "mp4",  640,  360, 4966, false, 0},
    {"open.mp4",        "mp4",  640,  360, -1,   false, -1},
    {"c2pa.mp4",        "mp4",  640,  360, 10,   true,  0},
    {"sound-only.mp4",  "m4a",  0,    0,   3000, false, 0},
    {"plain.m4a",       "m4a",  0,    0,   3000, false, 0},
    {"plain.mov",       "mov",  640,  360, 1500, false, 0},
    {"plain.webm",      "webm", 400,  250, 8200, false, 0},
    {"plain.mkv",       "mkv",  400,  250, 8200, false, 0},
    {"live.webm",       "webm", 400,  250, 8200, false, 0},
    {"plain.wav",       "wav",  0,    0,   500,  false, 0},
    {"open.wav",        "wav",  0,    0,   500,  false, -1},
    {"c2pa.wav",        "wav",  0,    0,   500,  true,  0},
    {"opus.ogg",        "ogg",  0,    0,   1000, false, -1},
    {"vorbis.ogg",      "ogg",  0,    0,   2000, false, -1},
    {"plain.flac",      "flac", 0,    0,   2000, false, -1},
    {"plain.mp3",       "mp3",  0,    0,   260,  false, -1},
    {"index.mp3",       "mp3",  0,    0,   2612, false, -1},
    {"plain.aac",       "aac",  0,    0,   -1,   false, -1},
    // clang-format on
};

static int seed_open(const char *name, int64_t *ret_size)
{
    YM_AUTOFREE char *path = ym_asprintf("%s/fuzz/corpus/media/%s", getenv("YM_TESTS"), name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        fail_msg("cannot open %s", path);
    *ret_size = st.st_size;
    return fd;
}

static void whole_files_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < YM_COUNT(files); i++) {
        int64_t size;
        YM_AUTOCLOSE int fd = seed_open(files[i].name, &size);
        struct ym_media_info m;
        struct ym_err e;
        if (ym_media_probe_fd(fd, size, &m, &e) < 0)
            fail_msg("%s: %s", files[i].name, e.msg);
        assert_string_equal(m.type->ext, files[i].ext);
        if (m.width != files[i].width || m.height != files[i].height ||
            m.duration_ms != files[i].duration_ms || m.c2pa != files[i].c2pa)
            fail_msg("%s: %ux%u, %lld ms, c2pa %d", files[i].name, m.width, m.height,
                     (long long)m.duration_ms, m.c2pa);
    }
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < YM_COUNT(files); i++) {
        int64_t size;
        YM_AUTOCLOSE int fd = seed_open(files[i].name, &size);
        struct ym_media_info m = {.duration_ms = -77};
        struct ym_err e;
        int64_t needs = files[i].needs ? files[i].needs : size;
        for (int64_t n = 0; n < needs; n++) {
            if (ym_media_probe_fd(fd, n, &m, &e) != -EBADMSG)
                fail_msg("%s is taken for whole at %lld of %lld bytes", files[i].name, (long long)n,
                         (long long)size);
            assert_int_equal(e.cls, YM_EMPTY);
            assert_true(strlen(e.msg) > 20);
        }
        assert_int_equal(m.duration_ms, needs > 0 ? -77 : m.duration_ms);
        /* Also where a cut cannot be told in general: not half a head, and no reading beyond. */
        for (int64_t n = 0; n < size; n++)
            assert_in_range(-ym_media_probe_fd(fd, n, &m, &e), 0, EBADMSG);
        assert_int_equal(ym_media_probe_fd(fd, 11, &m, &e), -EBADMSG);
    }
}

static int probe_bytes(const void *data, size_t len, struct ym_media_info *m, struct ym_err *e)
{
    YM_AUTOCLOSE int fd = memfd_create("probe", MFD_CLOEXEC);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    return ym_media_probe_fd(fd, (int64_t)len, m, e);
}

/* Every byte of every seed wrong once: an answer comes, and what is accepted makes sense. */
static void damaged_files_do_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < YM_COUNT(files); i++) {
        int64_t size;
        YM_AUTOCLOSE int fd = seed_open(files[i].name, &size);
        YM_AUTOCLOSE int copy = memfd_create("damaged", MFD_CLOEXEC);
        YM_AUTOFREE uint8_t *data = ym_alloc((size_t)size);
        assert_int_equal(pread(fd, data, (size_t)size, 0), size);
        assert_int_equal(pwrite(copy, data, (size_t)size, 0), size);
        for (int64_t at = 0; at < size && at < 1000; at++) {
            static const uint8_t values[] = {0x00, 0x01, 0x7F, 0xFF};
            for (size_t k = 0; k < YM_COUNT(values); k++) {
                struct ym_media_info m;
                assert_int_equal(pwrite(copy, &values[k], 1, at), 1);
                int r = ym_media_probe_fd(copy, size, &m, NULL);
                assert_true(r == -EBADMSG || (r == 0 && m.type && m.duration_ms >= -1));
            }
            assert_int_equal(pwrite(copy, data + at, 1, at), 1);
        }
    }
}

/* A web page of an error, kept in a file that is called a picture. */
static void other_things_are_no_media(void **state)
{
    (void)state;
    struct ym_media_info m;
    struct ym_err e;
    static const char page[] = "<html><body>quota exceeded</body></html>";
    assert_int_equal(probe_bytes(page, sizeof(page) - 1, &m, &e), -EBADMSG);
    assert_int_equal(e.cls, YM_EMPTY);
    assert_int_equal(probe_bytes("", 0, &m, &e), -EBADMSG);
    assert_int_equal(ym_media_probe_fd(-1, -5, &m, &e), -EBADMSG);
    assert_int_equal(ym_media_probe_fd(-1, 100, &m, &e), -EIO);
    assert_int_equal(e.cls, YM_BROKEN);
}

/* Whole by its lengths, and yet no picture is in it, or its parts reach over its end. */
static void hollow_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len;
    } rows[] = {
#define ROW(text) {text, sizeof(text) - 1}
        ROW("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\0\0\0\0crc_\0\0\0\0IENDcrc_"),
        ROW("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0\0\0\0\1\10\0\0\0\0crc_"
            "\0\0\0\1IDATxcrc_\0\0\0\0IENDcrc_"),
        ROW("GIF89a\1\0\1\0\0\0\0;"),
        ROW("\xff\xd8\xff\xda\0\10\1\1\0\0\77\0x\xff\xd9"),
        ROW("RIFF\x16\0\0\0WEBPVP8L\x40\0\0\0\x2f\0\0\0\0\0\0\0\0\0"),
        ROW("RIFF\x04\0\0\0WEBP"),
        ROW("RIFF\x1c\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0"),
        ROW("\0\0\0\x14"
            "ftypisom\0\0\2\0isom\0\0\0\10moov\0\0\0\10mdat"),
        ROW("\0\0\0\x14"
            "ftypisom\0\0\2\0isom\0\0\0\4moov\0\0\0\10mdat"),
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        struct ym_media_info m;
        struct ym_err e;
        if (probe_bytes(rows[i].data, rows[i].len, &m, &e) != -EBADMSG)
            fail_msg("row %zu is taken for a whole %s", i, m.type->ext);
        assert_null(strstr(e.msg, "known kind"));
    }
}

/* A file of nothing but the smallest parts must end by the budget, not by its own length. */
static void endless_parts_end(void **state)
{
    (void)state;
    int64_t size;
    YM_AUTOCLOSE int fd = seed_open("plain.png", &size);
    size_t parts = 300000, head = 33;
    YM_AUTOFREE uint8_t *data = ym_alloc(head + parts * 12);
    assert_int_equal(pread(fd, data, head, 0), (ssize_t)head);
    for (size_t i = 0; i < parts; i++)
        memcpy(data + head + i * 12, "\0\0\0\0tEXt\0\0\0\0", 12);
    struct ym_media_info m;
    struct ym_err e;
    assert_int_equal(probe_bytes(data, head + parts * 12, &m, &e), -EBADMSG);
    assert_non_null(strstr(e.msg, "too many parts"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_files_are_told),     cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(damaged_files_do_no_harm), cmocka_unit_test(other_things_are_no_media),
        cmocka_unit_test(hollow_files_are_refused), cmocka_unit_test(endless_parts_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
