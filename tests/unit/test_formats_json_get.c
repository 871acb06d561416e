#include "unit.h"

#include <errno.h>
#include <ymago/formats.h>

static cJSON *doc;

static int setup(void **state)
{
    static const char text[] =
        "{\"s\":\"text\",\"S\":\"other\",\"n\":7,\"f\":1.5,\"b\":true,\"no\":false,\"z\":null,"
        "\"size\":\"55745\",\"neg\":\"-3\",\"big\":9007199254740993,\"edge\":9007199254740992,"
        "\"huge\":\"99999999999999999999\",\"bad\":[\"+1\",\" 1\"],\"plus\":\"+1\",\"hex\":\"0x1\","
        "\"blank\":\"\",\"minus\":\"-\",\"e\":{\"details\":[{\"reason\":\"A\"},{\"reason\":\"B\"}]}"
        ","
        "\"m\":[[1,2],[3,4]],\"over\":\"9007199254740993\",\"under\":\"-9007199254740993\"}";
    (void)state;
    return ym_json_parse(text, strlen(text), 10000, &doc, NULL);
}

static int teardown(void **state)
{
    (void)state;
    ym_json_freep(&doc);
    return 0;
}

static void typed(void **state)
{
    (void)state;
    assert_string_equal(ym_json_str(doc, "s"), "text");
    assert_string_equal(ym_json_str(doc, "S"), "other");
    assert_null(ym_json_str(doc, "n"));
    assert_null(ym_json_str(doc, "missing"));
    assert_null(ym_json_str(NULL, "s"));
    assert_null(ym_json_str(ym_json_get(doc, "bad"), "s"));
    assert_string_equal(ym_json_str_or(doc, "n", "else"), "else");
    assert_true(ym_json_bool(doc, "b", false));
    assert_false(ym_json_bool(doc, "no", true));
    assert_true(ym_json_bool(doc, "s", true));
    assert_true(ym_json_num_or(doc, "f", 0) > 1.4);
    assert_true(ym_json_num_or(doc, "s", -1) < 0);
}

static void whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int r;
        int64_t n;
    } cases[] = {
        {"n", 0, 7},           {"size", 0, 55745},
        {"neg", 0, -3},        {"edge", 0, INT64_C(9007199254740992)},
        {"f", -EINVAL, 0},     {"b", -EINVAL, 0},
        {"z", -EINVAL, 0},     {"s", -EINVAL, 0},
        {"plus", -EINVAL, 0},  {"hex", -EINVAL, 0},
        {"blank", -EINVAL, 0}, {"minus", -EINVAL, 0},
        {"huge", -ERANGE, 0},  {"over", -ERANGE, 0},
        {"under", -ERANGE, 0}, {"missing", -ENOENT, 0},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        int64_t n = 0;
        if (ym_json_int(doc, cases[i].key, INT64_MIN, INT64_MAX, &n) != cases[i].r ||
            n != cases[i].n)
            fail_msg("%s: %lld", cases[i].key, (long long)n);
    }
    int64_t n = 0;
    assert_int_equal(ym_json_int(doc, "n", 8, 10, &n), -ERANGE);
    assert_int_equal(ym_json_int(doc, "n", 0, 6, &n), -ERANGE);
    assert_int_equal(ym_json_int_or(doc, "n", -1), 7);
    assert_int_equal(ym_json_int_or(doc, "f", -1), -1);
}

static void paths(void **state)
{
    (void)state;
    assert_string_equal(cJSON_GetStringValue(ym_json_at(doc, "e.details[1].reason")), "B");
    assert_int_equal(ym_json_at(doc, "m[1][0]")->valueint, 3);
    assert_ptr_equal(ym_json_at(doc, ""), doc);
    static const char *const none[] = {"e.details[2].reason",
                                       "e.details[-1]",
                                       "e.x.y",
                                       "m[0",
                                       "m[]",
                                       "m[a]",
                                       "s[0]",
                                       "e..details",
                                       "e.details[0]reason.x",
                                       "m[99999999999999999999]",
                                       "e."};
    for (size_t i = 0; i < YM_COUNT(none); i++)
        if (ym_json_at(doc, none[i]))
            fail_msg("%s", none[i]);
    assert_null(ym_json_at(NULL, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
