/* Offline films and speech: what was asked for, smooth, from and to the given pictures. Needs ffmpeg. */
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ymago/media.h>

#include "sketch/clip/clip.h"
#include "sketch/kinds.h"

extern const struct ym_driver ym_driver_sketch;

/* ---- the lens ---- */
static void blob_plane(struct plane *p, int w, int h)
{
    *p = (struct plane){w, h, ym_alloc_array((size_t)w * (size_t)h, sizeof(v4))};
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            float v = (float)(255 * exp(-(pow(x + 0.5 - w / 2.0, 2) + pow(y + 0.5 - h / 2.0, 2)) / 30));
            p->px[y * w + x] = (v4){v, v, v, 1};
        }
}

static double blob_at(struct lens *l)
{
    double sum = 0, x_sum = 0;
    YM_AUTOFREE v4 *row = ym_alloc_array((size_t)l->w, sizeof(v4));
    for (int y = 0; y < l->h; y++) {
        lens_row(l, y, row);
        for (int x = 0; x < l->w; x++) {
            sum += (double)row[x][0];
            x_sum += (double)row[x][0] * (x + 0.5);
        }
    }
    return x_sum / sum;
}

/* A slow pan must move by the same fraction of a pixel in every picture. */
static void test_pan_is_smooth(void **state)
{
    struct plane p;
    struct lens l;
    double before = 0;
    (void)state;
    blob_plane(&p, 240, 130);
    lens_init(&l, &p, 200, 108);
    for (int i = 0; i < 60; i++) {
        lens_aim(&l, 1.2, 0.45 + 0.1 * i / 60, 0.5);
        double now = blob_at(&l);
        if (i > 0)
            assert_true(fabs((before - now) - 0.1 / 60 * 240 * 200 / (240 / 1.2)) < 0.01);
        before = now;
    }
    lens_fini(&l);
    plane_fini(&p);
}

static void test_lens_keeps_flat_colours(void **state)
{
    static const double aims[][3] = {{1, 0.5, 0.5}, {1.3, 0, 0}, {1.3, 1, 1}, {4, 0.1, 0.9}};
    struct plane p = {40, 30, ym_alloc_array(40 * 30, sizeof(v4))};
    struct lens l;
    v4 row[33];
    (void)state;
    for (int i = 0; i < 40 * 30; i++)
        p.px[i] = (v4){100, 150, 200, 1};
    lens_init(&l, &p, 33, 25);
    for (size_t a = 0; a < YM_COUNT(aims); a++) {
        lens_aim(&l, aims[a][0], aims[a][1], aims[a][2]);
        for (int y = 0; y < 25; y++) {
            lens_row(&l, y, row);
            for (int x = 0; x < 33; x++)
                assert_true(fabs((double)row[x][0] - 100) < 0.01 && fabs((double)row[x][3] - 1) < 1e-4);
        }
    }
    lens_fini(&l);
    plane_fini(&p);
}

/* ---- whole results ---- */
struct made {
    int fd;
    int rc;
    struct ym_err e;
    struct ym_media_info info;
    double progress;
    int stop_after; /* questions until it is cancelled; -1 = never */
};

static int made_begin(void *ctx, unsigned index, int64_t expect, struct ym_err *e)
{
    (void)e, (void)expect;
    assert_int_equal(index, 0);
    ((struct made *)ctx)->fd = memfd_create("result", MFD_CLOEXEC);
    return 0;
}

static int made_write(void *ctx, unsigned index, const void *data, size_t len, struct ym_err *e)
{
    (void)e, (void)index;
    assert_int_equal(write(((struct made *)ctx)->fd, data, len), len);
    return 0;
}

static int made_end(void *ctx, unsigned index, struct ym_err *e)
{
    (void)ctx, (void)index, (void)e;
    return 0;
}

static void made_progress(void *ctx, double fraction)
{
    struct made *m = ctx;
    assert_true(fraction >= m->progress && fraction <= 1);
    m->progress = fraction;
}

static bool made_stopped(void *ctx)
{
    struct made *m = ctx;
    return m->stop_after >= 0 && m->stop_after-- == 0;
}

static int made_fd(void *ctx, unsigned index)
{
    (void)index;
    return ((struct made *)ctx)->fd;
}

static struct made make(enum ym_kind kind, const char *params, int source, int last)
{
    struct made m = {.fd = -1, .stop_after = -1};
    struct ym_ref refs[2];
    struct ym_request r = {.kind = kind, .refs = refs};
    struct ym_media_out out = {.begin = made_begin, .write = made_write, .end = made_end, .progress = made_progress,
                               .stopped = made_stopped, .fd = made_fd, .ctx = &m};
    const int fds[2] = {source, last};
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0) {
            refs[r.nrefs] = (struct ym_ref){.role = i ? YM_REF_LAST_FRAME : YM_REF_SOURCE, .mime = "image/png",
                                            .size = lseek(fds[i], 0, SEEK_END)};
            out.ref_fds[r.nrefs++] = fds[i];
        }
    struct ym_call call = {.job_id = "1", .attempt = 1, .req = &r, .model = ym_driver_sketch.models, .base_url = ""};
    struct ym_next next = {0};
    cJSON *state = NULL;
    r.prompt = ym_strdup("a bird over the sea at sunset");
    assert_int_equal(ym_json_parse(params, strlen(params), 4096, &r.params, &m.e), 0);
    assert_int_equal(ym_driver_sketch.step(&call, &state, NULL, &next, &m.e), 0);
    assert_int_equal(next.what, YM_NEXT_WORK);
    m.rc = next.work(&call, &out, &m.e);
    if (m.rc != 0)
        print_message("%s: %s %s\n", params, m.e.msg, m.e.words);
    else {
        assert_int_equal(ym_media_probe_fd(m.fd, lseek(m.fd, 0, SEEK_END), &m.info, &m.e), 0);
        assert_int_equal(ym_media_check_fd(m.fd, &m.info, &m.e), 0);
    }
    free(r.prompt);
    cJSON_Delete(r.params);
    return m;
}

static void test_films(void **state)
{
    static const struct {
        const char *params;
        uint32_t w, h;
        int64_t ms;
    } cases[] = {
        {"{\"duration\":1,\"resolution\":\"360p\"}", 640, 360, 1000},
        {"{\"duration\":0.5,\"quality\":\"draft\",\"aspect_ratio\":\"9:16\",\"fps\":24}", 360, 640, 500},
        {"{\"duration\":1.5,\"width\":200,\"height\":200,\"audio\":false,\"fps\":10}", 200, 200, 1500},
        {"{\"duration\":0.5,\"width\":201,\"aspect_ratio\":\"2:1\"}", 202, 100, 500},
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct made m = make(YM_VIDEO, cases[i].params, -1, -1);
        assert_int_equal(m.rc, 0);
        assert_string_equal(m.info.type->ext, "mp4");
        assert_int_equal(m.info.width, cases[i].w);
        assert_int_equal(m.info.height, cases[i].h);
        assert_in_range(m.info.duration_ms, cases[i].ms - 20, cases[i].ms + 20);
        assert_true(m.progress > 0.9);
        close(m.fd);
    }
}

static void test_same_bytes_again(void **state)
{
    static const char params[] = "{\"duration\":0.5,\"width\":160,\"height\":90}";
    struct made a = make(YM_VIDEO, params, -1, -1), b = make(YM_VIDEO, params, -1, -1),
                c = make(YM_VIDEO, "{\"duration\":0.5,\"width\":160,\"height\":90,\"seed\":4}", -1, -1);
    off_t n = lseek(a.fd, 0, SEEK_END);
    (void)state;
    assert_int_equal(n, lseek(b.fd, 0, SEEK_END));
    YM_AUTOFREE char *x = ym_alloc((size_t)n), *y = ym_alloc((size_t)n);
    assert_int_equal(pread(a.fd, x, (size_t)n, 0), n);
    assert_int_equal(pread(b.fd, y, (size_t)n, 0), n);
    assert_memory_equal(x, y, n);
    assert_true(lseek(c.fd, 0, SEEK_END) != n || (pread(c.fd, y, (size_t)n, 0) == n && memcmp(x, y, (size_t)n) != 0));
    close(a.fd);
    close(b.fd);
    close(c.fd);
}

/* A PNG of one colour, 3:2. */
static int colour(const char *name)
{
    YM_AUTOFREE char *source = ym_asprintf("color=%s:size=300x200", name);
    const char *argv[] = {"ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-frames:v", "1", "-c:v", "png",
                          "-f", "image2pipe", "/proc/self/fd/3", NULL};
    int fd = memfd_create("png", MFD_CLOEXEC);
    struct ym_child_file file = {fd, 3};
    struct ym_child c = {.argv = argv, .files = &file, .nfiles = 1};
    struct ym_err e;
    assert_int_equal(ym_child_run(&c, &e), 0);
    return fd;
}

/* The mean colour of every picture of a film, roughly: ffmpeg takes another matrix when it scales that far. */
static struct ym_buf means(int fd)
{
    const char *argv[] = {"ffmpeg", "-nostdin", "-v", "error", "-f", "mov", "-i", "/proc/self/fd/3", "-vf", "scale=1:1:flags=area",
                          "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1", NULL};
    struct ym_child_file file = {fd, 3};
    struct ym_buf b;
    struct ym_err e;
    ym_buf_init(&b, 1 << 16);
    struct ym_child c = {.argv = argv, .files = &file, .nfiles = 1, .out = &b};
    assert_int_equal(ym_child_run(&c, &e), 0);
    return b;
}

static void test_from_and_to_pictures(void **state)
{
    int red = colour("red"), blue = colour("blue");
    struct made m = make(YM_VIDEO, "{\"duration\":1,\"quality\":\"draft\",\"fps\":20}", red, blue);
    (void)state;
    assert_int_equal(m.rc, 0);
    assert_int_equal(m.info.width, 540); /* of the picture's shape, since none was asked for */
    assert_int_equal(m.info.height, 360);
    struct ym_buf b = means(m.fd);
    const uint8_t *p = (const uint8_t *)b.data;
    assert_int_equal(b.len, 60);
    assert_true(p[0] > 220 && p[2] < 25);
    assert_true(p[57] < 25 && p[59] > 220);
    for (size_t i = 3; i < b.len; i += 3)
        assert_true(p[i] <= p[i - 3] + 3);
    ym_buf_fini(&b);
    close(m.fd);
    m = make(YM_VIDEO, "{\"duration\":0.5,\"quality\":\"draft\"}", -1, blue);
    b = means(m.fd);
    p = (const uint8_t *)b.data + b.len - 3;
    assert_true(p[0] < 25 && p[2] > 220);
    ym_buf_fini(&b);
    close(m.fd);
    int fake = memfd_create("png", MFD_CLOEXEC);
    assert_int_equal(write(fake, "\x89PNG\r\n\x1a\nnothing", 15), 15);
    m = make(YM_VIDEO, "{\"duration\":0.5,\"quality\":\"draft\"}", fake, -1);
    assert_true(m.rc < 0);
    assert_int_equal(m.e.cls, YM_INVALID);
    close(fake);
    close(red);
    close(blue);
}

static void test_cancelled(void **state)
{
    struct made m = {.fd = -1, .stop_after = 0};
    struct ym_request r = {.kind = YM_VIDEO};
    struct ym_media_out out = {.begin = made_begin, .write = made_write, .end = made_end, .stopped = made_stopped, .fd = made_fd, .ctx = &m};
    struct ym_call call = {.job_id = "1", .req = &r, .model = ym_driver_sketch.models, .base_url = ""};
    (void)state;
    r.prompt = ym_strdup("x");
    r.params = cJSON_CreateObject();
    assert_int_equal(video_work(&call, &out, &m.e), -ECANCELED);
    assert_int_equal(m.e.cls, YM_CANCELLED);
    free(r.prompt);
    cJSON_Delete(r.params);
    close(m.fd);
}

static void test_speech_and_effects(void **state)
{
    static const struct {
        enum ym_kind kind;
        const char *params, *ext;
        int64_t from, to;
    } cases[] = {
        {YM_AUDIO, "{}", "mp3", 800, 6000},
        {YM_AUDIO, "{\"format\":\"wav\",\"voice\":\"Rachel\",\"speed\":2}", "wav", 400, 6000},
        {YM_AUDIO, "{\"format\":\"ogg\",\"voice\":\"zz-none\",\"language\":\"de\"}", "ogg", 800, 6000},
        {YM_SFX, "{}", "mp3", 3950, 4100},
        {YM_SFX, "{\"duration\":1.5,\"format\":\"wav\"}", "wav", 1500, 1500},
        {YM_SFX, "{\"duration\":2,\"format\":\"m4a\"}", "m4a", 1950, 2100},
        {YM_SFX, "{\"duration\":2,\"format\":\"flac\"}", "flac", 2000, 2000},
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct made m = make(cases[i].kind, cases[i].params, -1, -1);
        assert_int_equal(m.rc, 0);
        assert_string_equal(m.info.type->ext, cases[i].ext);
        assert_in_range(m.info.duration_ms, cases[i].from, cases[i].to);
        close(m.fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pan_is_smooth),      cmocka_unit_test(test_lens_keeps_flat_colours),
        cmocka_unit_test(test_films),              cmocka_unit_test(test_same_bytes_again),
        cmocka_unit_test(test_from_and_to_pictures), cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_speech_and_effects),
    };
    if (!ym_child_has("ffmpeg") || !ym_child_has("ffprobe"))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
