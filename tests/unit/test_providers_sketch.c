/* The offline painter: the same wish gives the same bytes, in any thread; others do not; nothing
 * that a prompt can hold upsets it. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <ymago/base.h>

#include "../../src/providers/sketch/art.h"

static int buf_write(void *ctx, const void *data, size_t len)
{
    return ym_buf_add(ctx, data, len);
}

static void wish_draw(const struct sketch_wish *w, struct ym_buf *out)
{
    struct ym_err e;
    ym_buf_init(out, 64u << 20);
    assert_int_equal(sketch_draw(w, buf_write, out, &e), 0);
    assert_true(out->len > 100);
    assert_memory_equal(out->data, "\x89PNG\r\n\x1a\n", 8);
    assert_memory_equal(out->data + out->len - 8, "IEND", 4);
}

static struct sketch_wish wish(const char *prompt, uint64_t seed)
{
    return (struct sketch_wish){
        .prompt = prompt, .seed = seed, .width = 200, .height = 120, .quality = SKETCH_STANDARD};
}

static bool same(const struct sketch_wish *a, const struct sketch_wish *b)
{
    YM_AUTOBUF struct ym_buf x, y;
    wish_draw(a, &x);
    wish_draw(b, &y);
    return x.len == y.len && !memcmp(x.data, y.data, x.len);
}

static void test_same_wish_same_bytes(void **state)
{
    static const char *const prompts[] = {"a sunset over mountains",
                                          "city at night",
                                          "reef with fish",
                                          "joy",
                                          "storm at sea",
                                          "cat",
                                          "\xe5\xa4\x95\xe6\x97\xa5\xe3\x81\xa8\xe5\xb1\xb1"};
    (void)state;
    for (size_t i = 0; i < YM_COUNT(prompts); i++) {
        struct sketch_wish a = wish(prompts[i], 7), b = a;
        assert_true(same(&a, &b));
        b.seed = 8;
        assert_false(same(&a, &b));
    }
}

static void test_every_field_counts(void **state)
{
    (void)state;
    struct sketch_wish a = wish("a forest with a house", 1), b = a;
    b.prompt = "a forest with a castle";
    assert_false(same(&a, &b));
    b = a;
    b.negative = "house";
    assert_false(same(&a, &b));
    b = a;
    b.height = 121;
    assert_false(same(&a, &b));
    b = a;
    b.negative = "";
    assert_true(same(&a, &b));
}

/* Words are matched whole, in any case, with or without accents and plural. What is no word changes
 * the picture's chance only, so scenes are read through the room's own header. */
static struct scene scene_of(const char *prompt, const char *negative)
{
    struct rng r = {1};
    struct scene s;
    scene_read(&s, prompt, negative, &r);
    return s;
}

static void test_words(void **state)
{
    static const struct {
        const char *prompt;
        unsigned place;
    } cases[] = {
        {"MOUNTAINS!", IN_MOUNTAINS},
        {"dunes", IN_DESERT},
        {"two cities", IN_CITY},
        {"Ein Haus am See", IN_LAKE},
        {"la for\xc3\xaat", IN_FOREST},
        {"W\xc3\xbcste", IN_DESERT},
        {"Stra\xc3\x9f"
         "e",
         IN_CITY},
        {"fora\xcc\x88t sea", IN_SEA},
        {"\xe5\xb1\xb1", IN_MOUNTAINS},
        {"unforested seam", 0},
        {"I see a cat", 0},
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct scene s = scene_of(cases[i].prompt, "");
        if (cases[i].place)
            assert_true(s.places & cases[i].place);
        else
            assert_false(s.places & (IN_FOREST | IN_LAKE));
    }
    assert_int_equal(scene_of("a red sunset, snowfall, birds", "").hour, AT_SUNSET);
    assert_int_equal(scene_of("a red sunset, snowfall, birds", "").weather, SKY_SNOW);
    assert_true(scene_of("cats", "").figures == 1u << FIG_CAT);
    assert_true(scene_of("a cat and a dog", "dogs").figures == 1u << FIG_CAT);
    assert_true(scene_of("night", "").extras & WITH_MOON);
    assert_false(scene_of("night", "moon").extras & WITH_MOON);
    assert_int_equal(scene_of("blue and gold and red", "").ntints, 2);
}

static uint32_t be32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void test_sizes(void **state)
{
    static const struct {
        int w, h, rc;
    } cases[] = {
        {64, 64, 0},       {64, 400, 0},       {701, 64, 0},        {333, 257, 0},
        {63, 64, -EINVAL}, {64, 63, -EINVAL},  {4097, 64, -EINVAL}, {4096, 4096, -EINVAL},
        {0, 0, -EINVAL},   {-5, 100, -EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct sketch_wish w = wish("mountains, a lake, birds", 3);
        struct ym_err e;
        YM_AUTOBUF struct ym_buf b;
        ym_buf_init(&b, 64u << 20);
        w.width = cases[i].w;
        w.height = cases[i].h;
        assert_int_equal(sketch_draw(&w, buf_write, &b, &e), cases[i].rc);
        if (cases[i].rc) {
            assert_int_equal(e.cls, YM_INVALID);
            assert_int_equal(b.len, 0);
            continue;
        }
        assert_int_equal(be32(b.data + 16), cases[i].w);
        assert_int_equal(be32(b.data + 20), cases[i].h);
    }
}

static void test_largest(void **state)
{
    (void)state;
    struct sketch_wish w = wish("abstract", 3);
    YM_AUTOBUF struct ym_buf b;
    w.width = 4096;
    w.height = 3906;
    w.quality = SKETCH_DRAFT;
    wish_draw(&w, &b);
}

static void test_hostile_prompts(void **state)
{
    static const char *const prompts[] = {
        NULL,
        "",
        " ",
        "\n\n\t",
        "\xff\xfe\x80 broken \xc3",
        "\x1b[31mred\x07\x01",
        "\xe2\x80\xae evil \xe2\x81\xa6",
        "\xd7\xa9\xd7\xa7\xd7\x99\xd7\xa2\xd7\x94 \xd7\x9e\xd7\xa2\xd7\x9c "
        "\xd7\x94\xd7\x99\xd7\x9d",
        "\xe5\xa4\x95\xe6\x97\xa5\xe3\x81\xa8\xe5\xb1\xb1",
        "\xf0\x9f\x90\x88 \xf0\x9f\x8c\x95",
        "<b>markup</b> & <span",
        "%s%n%d",
        "a\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85",
        "in-es-ies-s es ies s",
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(prompts); i++) {
        struct sketch_wish w = wish(prompts[i], i);
        YM_AUTOBUF struct ym_buf b;
        w.negative = prompts[(i + 1) % YM_COUNT(prompts)];
        wish_draw(&w, &b);
    }
    YM_AUTOFREE char *longest = ym_alloc(200001);
    memset(longest, 'm', 200000);
    for (size_t i = 0; i < 200000; i += 97)
        longest[i] = ' ';
    struct sketch_wish w = wish(longest, 1);
    YM_AUTOBUF struct ym_buf b;
    wish_draw(&w, &b);
}

/* Every word at once, and each scene in odd shapes: nothing may divide by zero or run off the edge.
 */
static void test_every_scene(void **state)
{
    static const char *const prompts[] = {
        "mountains",
        "mountains and a lake",
        "sea",
        "ship and whale on the sea",
        "beach with palms",
        "forest",
        "city by the river",
        "meadow with flowers and a windmill",
        "desert camel",
        "sky with balloons",
        "space rocket",
        "underwater whale fish",
        "abstract logo",
        "portrait of a woman",
        "cat dog horse",
        "fox wolf deer",
        "rabbit bear elephant",
        "owl couple child",
        "bicycle lighthouse castle",
        "house in the snow at night",
        "aurora",
        "rainbow after rain",
        "thunderstorm",
        "fog at dawn",
        "red and blue butterfly in spring",
        "black autumn tree",
        "northern lights, moon, stars",
        "birds at noon",
    };
    static const int sizes[][2] = {{64, 64}, {300, 64}, {64, 300}, {160, 90}};
    (void)state;
    for (size_t i = 0; i < YM_COUNT(prompts) * 4; i++) {
        struct sketch_wish w = wish(prompts[i / 4], i);
        YM_AUTOBUF struct ym_buf b;
        w.width = sizes[i % 4][0];
        w.height = sizes[i % 4][1];
        w.quality = (enum sketch_quality)(i % 3);
        wish_draw(&w, &b);
    }
}

struct thread_case {
    pthread_t id;
    int n;
    struct ym_buf out[3];
};

static void *thread_run(void *arg)
{
    static const char *const prompts[] = {"mountains at dusk", "city in rain", "reef"};
    struct thread_case *t = arg;
    for (int i = 0; i < 3; i++) {
        struct sketch_wish w = wish(prompts[i], 5);
        ym_buf_init(&t->out[i], 64u << 20);
        t->n += sketch_draw(&w, buf_write, &t->out[i], NULL) == 0;
    }
    return NULL;
}

static void test_threads_agree(void **state)
{
    struct thread_case t[6] = {0};
    (void)state;
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&t[i].id, NULL, thread_run, &t[i]), 0);
    for (int i = 0; i < 6; i++)
        pthread_join(t[i].id, NULL);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(t[i].n, 3);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(t[i].out[k].len, t[0].out[k].len);
            assert_memory_equal(t[i].out[k].data, t[0].out[k].data, t[0].out[k].len);
        }
    }
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 3; k++)
            ym_buf_fini(&t[i].out[k]);
}

static int full_write(void *ctx, const void *data, size_t len)
{
    (void)data;
    size_t *room = ctx;
    if (len > *room)
        return -ENOSPC;
    *room -= len;
    return 0;
}

static void test_write_error_ends_it(void **state)
{
    (void)state;
    for (size_t room = 0; room < 3000; room += 20) {
        struct sketch_wish w = wish("sea", 1);
        struct ym_err e;
        size_t left = room;
        w.width = w.height = 64;
        w.quality = SKETCH_DRAFT;
        assert_int_equal(sketch_draw(&w, full_write, &left, &e), -ENOSPC);
        assert_int_equal(e.cls, YM_LOCAL);
    }
}

static int ref_fd(const void *data, size_t len)
{
    int fd = memfd_create("ref", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    return fd;
}

/* A whole PNG of 16400 x 1: valid, small, and wider than what is let in. */
static const unsigned char wide_png[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x40, 0x10, 0x00, 0x00, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x29, 0x4a, 0x0a,
    0x1d, 0x00, 0x00, 0x00, 0x17, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x60, 0x18, 0x05, 0xa3,
    0x60, 0x14, 0x8c, 0x82, 0x51, 0x30, 0x0a, 0x46, 0xc1, 0x08, 0x04, 0x00, 0x08, 0x03, 0x00, 0x01,
    0x62, 0xc4, 0xfe, 0x69, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

static void test_references(void **state)
{
    (void)state;
    struct sketch_wish a = wish("a lake", 2), b = a;
    YM_AUTOBUF struct ym_buf png;
    wish_draw(&a, &png);
    YM_AUTOCLOSE int whole = ref_fd(png.data, png.len);
    YM_AUTOCLOSE int cut = ref_fd(png.data, png.len / 2);
    YM_AUTOCLOSE int text = ref_fd("hello", 5);
    YM_AUTOCLOSE int wide = ref_fd(wide_png, sizeof(wide_png));
    b.refs = &whole;
    b.nrefs = 1;
    assert_false(same(&a, &b));
    assert_int_equal(lseek(whole, 0, SEEK_CUR), lseek(whole, 0, SEEK_END)); /* read by position */
    int bad[] = {cut, text, wide, -1};
    b.refs = bad;
    b.nrefs = 4;
    assert_true(same(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_wish_same_bytes),
        cmocka_unit_test(test_every_field_counts),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_hostile_prompts),
        cmocka_unit_test(test_every_scene),
        cmocka_unit_test(test_threads_agree),
        cmocka_unit_test(test_write_error_ends_it),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
