#include "unit.h"

#include <errno.h>
#include <math.h>
#include <ymago/job.h>

static void kinds(void **state)
{
    (void)state;
    for (int k = 0; k < YM_KIND_COUNT; k++)
        assert_int_equal(ym_kind_parse(ym_kind_name((enum ym_kind)k)), k);
    assert_int_equal(ym_kind_parse("images"), YM_KIND_NONE);
    assert_int_equal(ym_kind_parse(""), YM_KIND_NONE);
    assert_string_equal(ym_kind_folder(YM_IMAGE), "images");
    assert_string_equal(ym_kind_folder(YM_SFX), "sfx");
}

static void states(void **state)
{
    (void)state;
    for (unsigned s = 0; s < YM_JOB_STATE_COUNT; s++) {
        assert_int_equal(ym_state_parse(ym_state_name((enum ym_state)s)), s);
        bool running = strcmp(ym_state_public((enum ym_state)s), "running") == 0;
        assert_int_equal(running, ym_state_is_running((enum ym_state)s));
    }
    assert_int_equal(ym_state_parse("nonsense"), YM_JOB_NONE);
}

static void request_comes_back(void **state)
{
    (void)state;
    static const double numbers[] = {7.1,   0.1 + 0.2, 4294967295, -0.000123456789012345678,
                                     1e300, 1.0 / 3};
    struct ym_request r = {.params = cJSON_CreateObject(), .negative = ym_strdup("blur \"x\"")};
    cJSON *list = cJSON_AddArrayToObject(r.params, "loras");
    for (size_t i = 0; i < YM_COUNT(numbers); i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(numbers[i]));
    cJSON_AddStringToObject(r.params, "style", "\xc3\xa9t\xc3\xa9");
    cJSON_AddTrueToObject(r.params, "Style");
    r.nrefs = 2;
    r.refs = ym_alloc_array(2, sizeof *r.refs);
    r.refs[0] = (struct ym_ref){.path = ym_strdup("images/a.in.png"),
                                .b2 = ym_digest_of("x", 1),
                                .mime = "image/png",
                                .size = 1 << 30};
    r.refs[1] = (struct ym_ref){
        .path = ym_strdup("https://h/p"), .b2 = ym_digest_of("y", 1), .is_url = true};
    YM_AUTOFREE char *text = ym_request_pack(&r);
    struct ym_request back = {0};
    struct ym_err e;
    assert_int_equal(ym_request_unpack(text, &back, &e), 0);
    assert_string_equal(back.negative, r.negative);
    list = cJSON_GetObjectItemCaseSensitive(back.params, "loras");
    for (size_t i = 0; i < YM_COUNT(numbers); i++)
        assert_true(memcmp(&cJSON_GetArrayItem(list, (int)i)->valuedouble, &numbers[i],
                           sizeof(double)) == 0);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(back.params, "Style")));
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(back.params, "style")->valuestring,
                        "\xc3\xa9t\xc3\xa9");
    assert_int_equal(back.nrefs, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(back.refs[i].path, r.refs[i].path);
        assert_string_equal(back.refs[i].mime, r.refs[i].mime);
        assert_true(ym_digest_eq(&back.refs[i].b2, &r.refs[i].b2));
        assert_int_equal(back.refs[i].size, r.refs[i].size);
        assert_int_equal(back.refs[i].is_url, r.refs[i].is_url);
    }
    YM_AUTOFREE char *again = ym_request_pack(&back);
    assert_string_equal(again, text);
    ym_request_fini(&r);
    ym_request_fini(&back);
}

static void empty_request(void **state)
{
    (void)state;
    struct ym_request r = {0}, back = {0};
    YM_AUTOFREE char *text = ym_request_pack(&r);
    assert_string_equal(text, "{\"params\":{},\"refs\":[]}");
    assert_int_equal(ym_request_unpack(text, &back, NULL), 0);
    assert_null(back.negative);
    assert_int_equal(back.nrefs, 0);
    ym_request_fini(&back);
}

static void damaged_request(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"params\":{}}",
        "{\"params\":[],\"refs\":[]}",
        "{\"params\":{},\"refs\":[]}x",
        "{\"params\":{},\"refs\":[{\"path\":\"a\",\"b2\":\"00\",\"mime\":\"\",\"size\":1}]}",
        "{\"params\":{},\"refs\":[{\"path\":\"a\",\"b2\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"mime\":\"\",\"size\":-1}]}",
    };
    for (size_t i = 0; i < YM_COUNT(texts); i++) {
        struct ym_request r = {0};
        struct ym_err e;
        assert_int_equal(ym_request_unpack(texts[i], &r, &e), -EINVAL);
        assert_int_equal(e.cls, YM_BROKEN);
        assert_null(r.params);
        assert_null(r.refs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(states),
        cmocka_unit_test(request_comes_back),
        cmocka_unit_test(empty_request),
        cmocka_unit_test(damaged_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
