/* The sketch driver: sizes and seeds from the request, one piece of work, one picture, no cost. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <ymago/driver.h>

extern const struct ym_driver ym_driver_sketch;

struct staging { /* a strict stand-in: begin, writes, end, in this order */
    struct ym_buf bytes;
    int begun, ended, fail_at;
    bool stop;
};

static int staging_begin(void *ctx, unsigned index, int64_t expect, struct ym_err *e)
{
    struct staging *s = ctx;
    (void)e;
    assert_int_equal(index, 0);
    assert_int_equal(expect, -1);
    assert_int_equal(s->begun++, 0);
    return 0;
}

static int staging_write(void *ctx, unsigned index, const void *data, size_t len, struct ym_err *e)
{
    struct staging *s = ctx;
    assert_int_equal(index, 0);
    assert_true(s->begun && !s->ended);
    if (s->fail_at >= 0 && s->fail_at-- == 0)
        return ym_fail(e, YM_LOCAL, ENOSPC, "The disk is full; make room.");
    return ym_buf_add(&s->bytes, data, len);
}

static int staging_end(void *ctx, unsigned index, struct ym_err *e)
{
    struct staging *s = ctx;
    (void)e;
    assert_int_equal(index, 0);
    assert_int_equal(s->ended++, 0);
    return 0;
}

static bool staging_stopped(void *ctx)
{
    return ((struct staging *)ctx)->stop;
}

static struct ym_media_out out_for(struct staging *s)
{
    struct ym_media_out o = {.begin = staging_begin,
                             .write = staging_write,
                             .end = staging_end,
                             .stopped = staging_stopped};
    for (size_t i = 0; i < YM_COUNT(o.ref_fds); i++)
        o.ref_fds[i] = -1;
    o.ctx = s;
    ym_buf_init(&s->bytes, 64u << 20);
    return o;
}

struct setup {
    struct ym_request req;
    struct ym_call call;
};

static void setup_init(struct setup *t, const char *params, int64_t variation)
{
    struct ym_err e;
    *t = (struct setup){.req = {.kind = YM_IMAGE, .variation = variation}};
    t->req.prompt = ym_strdup("a sunset over mountains");
    assert_int_equal(ym_json_parse(params, strlen(params), 4096, &t->req.params, &e), 0);
    t->call = (struct ym_call){.job_id = "1",
                               .attempt = 1,
                               .req = &t->req,
                               .model = ym_driver_sketch.models,
                               .base_url = ""};
}

static void setup_fini(struct setup *t)
{
    free(t->req.prompt);
    cJSON_Delete(t->req.params);
}

static uint32_t be32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* The work that the first step asks for. */
static void picture_make(const char *params, int64_t variation, struct staging *s)
{
    struct setup t;
    struct ym_next next = {0};
    struct ym_err e;
    cJSON *state = NULL;
    setup_init(&t, params, variation);
    *s = (struct staging){.fail_at = -1};
    struct ym_media_out out = out_for(s);
    assert_int_equal(ym_driver_sketch.step(&t.call, &state, NULL, &next, &e), 0);
    assert_int_equal(next.what, YM_NEXT_WORK);
    assert_null(state);
    assert_int_equal(next.work(&t.call, &out, &e), 0);
    assert_int_equal(s->ended, 1);
    setup_fini(&t);
}

static void test_sizes_follow_the_request(void **state)
{
    static const struct {
        const char *params;
        uint32_t w, h;
    } cases[] = {
        {"{\"quality\":\"draft\",\"aspect_ratio\":\"1:1\"}", 544, 544},
        {"{\"aspect_ratio\":\"16:9\",\"quality\":\"draft\"}", 728, 408},
        {"{\"resolution\":\"512\",\"aspect_ratio\":\"9:16\"}", 384, 680},
        {"{\"width\":320,\"height\":200}", 320, 200},
        {"{\"width\":300,\"aspect_ratio\":\"3:1\"}", 300, 100},
        {"{\"height\":100,\"aspect_ratio\":\"3:1\"}", 300, 100},
        {"{\"resolution\":\"512\",\"aspect_ratio\":\"8:1\"}", 1448, 176},
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct staging s;
        picture_make(cases[i].params, 0, &s);
        assert_int_equal(be32(s.bytes.data + 16), cases[i].w);
        assert_int_equal(be32(s.bytes.data + 20), cases[i].h);
        ym_buf_fini(&s.bytes);
    }
}

static void test_variation_adds_to_seed(void **state)
{
    struct staging a, b, c;
    (void)state;
    picture_make("{\"width\":100,\"height\":80,\"seed\":5}", 2, &a);
    picture_make("{\"width\":100,\"height\":80,\"seed\":7}", 0, &b);
    picture_make("{\"width\":100,\"height\":80,\"seed\":7}", 1, &c);
    assert_int_equal(a.bytes.len, b.bytes.len);
    assert_memory_equal(a.bytes.data, b.bytes.data, a.bytes.len);
    assert_false(b.bytes.len == c.bytes.len && !memcmp(b.bytes.data, c.bytes.data, b.bytes.len));
    ym_buf_fini(&a.bytes);
    ym_buf_fini(&b.bytes);
    ym_buf_fini(&c.bytes);
}

static void test_refuses_what_it_cannot(void **state)
{
    static const char *const cases[] = {
        "{\"width\":20,\"height\":20}",     "{\"width\":16384}",
        "{\"aspect_ratio\":\"wide\"}",      "{\"aspect_ratio\":\"20:1\"}",
        "{\"aspect_ratio\":\"1:0\"}",       "{\"aspect_ratio\":\"nan:1\"}",
        "{\"resolution\":\"8K\"}",          "{\"aspect_ratio\":\"\"}",
        "{\"width\":4096,\"height\":4096}",
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct setup t;
        struct ym_err e = {0};
        setup_init(&t, cases[i], 0);
        assert_int_equal(ym_driver_sketch.check(&t.call, &e), -EINVAL);
        assert_int_equal(e.cls, YM_INVALID);
        setup_fini(&t);
    }
    struct setup t;
    struct ym_err e = {0};
    setup_init(&t, "{}", 0);
    assert_int_equal(ym_driver_sketch.check(&t.call, &e), 0);
    setup_fini(&t);
}

static void test_every_kind_refuses_its_own(void **state)
{
    static const struct {
        enum ym_kind kind;
        const char *params, *says;
    } cases[] = {
        {YM_VIDEO, "{\"duration\":0.2}", "0.5 to 60 seconds"},
        {YM_VIDEO, "{\"duration\":61}", "0.5 to 60 seconds"},
        {YM_VIDEO, "{\"resolution\":\"8K\"}", "1080p"},
        {YM_VIDEO, "{\"aspect_ratio\":\"6:1\"}", "1:4 to 4:1"},
        {YM_VIDEO, "{\"width\":4000,\"height\":400}", "1920 pixels"},
        {YM_VIDEO, "{\"fps\":120}", "pictures a second"},
        {YM_AUDIO, "{\"format\":\"midi\"}", "mp3, wav"},
        {YM_SFX, "{\"duration\":0.1}", "0.5 to 60 seconds"},
        {YM_SFX, "{\"format\":\"midi\"}", "mp3, wav"},
        {YM_TEXT, "{\"schema\":{\"enum\":[]}}", "enum"},
    };
    (void)state;
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        struct setup t;
        struct ym_err e = {0};
        setup_init(&t, cases[i].params, 0);
        t.req.kind = cases[i].kind;
        assert_int_equal(ym_driver_sketch.check(&t.call, &e), -EINVAL);
        assert_int_equal(e.cls, YM_INVALID);
        assert_non_null(strstr(e.msg, cases[i].says));
        setup_fini(&t);
    }
    for (int k = 0; k < YM_KIND_COUNT; k++) { /* and nothing else: it stands in for every provider */
        struct setup t;
        struct ym_err e = {0};
        setup_init(&t, "{\"steps\":20,\"voice\":\"Rachel\",\"temperature\":1,\"styles\":[\"a\"],\"params\":{\"x\":1}}", 0);
        t.req.kind = (enum ym_kind)k;
        assert_int_equal(ym_driver_sketch.check(&t.call, &e), 0);
        assert_string_equal(ym_driver_sketch.default_model[k], "sketch");
        if (k != YM_IMAGE) {
            t.req.prompt[0] = '\0';
            assert_int_equal(ym_driver_sketch.check(&t.call, &e), -EINVAL);
        }
        setup_fini(&t);
    }
}

static void test_done_is_free(void **state)
{
    struct setup t;
    struct ym_next next = {0};
    struct ym_err e = {0};
    struct ym_estimate price = {{1}, {1}, {1}};
    struct ym_staged staged = {.size = 1000, .mime = "image/png", .is_media = true};
    struct ym_reply rep = {.nmedia = 1, .media = &staged};
    cJSON *st = NULL;
    (void)state;
    ym_driver_check(&ym_driver_sketch);
    assert_ptr_equal(ym_driver_model(&ym_driver_sketch, "sketch"), ym_driver_sketch.models);
    setup_init(&t, "{}", 0);
    assert_int_equal(ym_driver_sketch.step(&t.call, &st, NULL, &next, &e), 0);
    rep.tag = next.work_tag;
    assert_int_equal(ym_driver_sketch.step(&t.call, &st, &rep, &next, &e), 0);
    assert_int_equal(next.what, YM_NEXT_DONE);
    assert_int_equal(next.nmedia, 1);
    assert_int_equal(next.media[0], 0);
    assert_true(next.cost_known);
    assert_int_equal(next.cost.micro_usd, 0);
    free(next.model_version);
    assert_int_equal(ym_driver_sketch.price(&t.call, &price, &e), 0);
    assert_int_equal(price.high.micro_usd, 0);
    rep.nmedia = 0;
    assert_true(ym_driver_sketch.step(&t.call, &st, &rep, &next, &e) < 0);
    assert_int_equal(e.cls, YM_EMPTY);
    setup_fini(&t);
}

static void test_storage_errors_keep_their_words(void **state)
{
    (void)state;
    for (int at = 0; at < 3; at++) {
        struct setup t;
        struct staging s = {.fail_at = at};
        struct ym_next next = {0};
        struct ym_err e = {0};
        cJSON *st = NULL;
        setup_init(&t, "{\"width\":80,\"height\":80}", 0);
        struct ym_media_out out = out_for(&s);
        assert_int_equal(ym_driver_sketch.step(&t.call, &st, NULL, &next, &e), 0);
        assert_int_equal(next.work(&t.call, &out, &e), -ENOSPC);
        assert_int_equal(e.cls, YM_LOCAL);
        assert_string_equal(e.msg, "The disk is full; make room.");
        assert_int_equal(s.ended, 0);
        s.fail_at = -1;
        s.begun = 0;
        s.stop = true;
        assert_int_equal(next.work(&t.call, &out, &e), -ECANCELED);
        assert_int_equal(e.cls, YM_CANCELLED);
        ym_buf_fini(&s.bytes);
        setup_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_follow_the_request),
        cmocka_unit_test(test_variation_adds_to_seed),
        cmocka_unit_test(test_refuses_what_it_cannot),
        cmocka_unit_test(test_every_kind_refuses_its_own),
        cmocka_unit_test(test_done_is_free),
        cmocka_unit_test(test_storage_errors_keep_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
