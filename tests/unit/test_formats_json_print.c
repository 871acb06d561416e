#include "unit.h"

#include <ymago/formats.h>

static void numbers(void **state)
{
    (void)state;
    static const struct {
        double d;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {42, "42"},
        {-7, "-7"},
        {0.1, "0.10000000000000001"},
        {1e6, "1000000"},
        {1e16, "10000000000000000"},
        {9007199254740993e0, "9007199254740992"},
        {1e17, "1e+17"},
        {1e300, "1.0000000000000001e+300"},
        {1e-7, "9.9999999999999995e-08"},
        {1.5, "1.5"},
        {-99999999999999984.0, "-99999999999999984"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        YM_AUTOJSON cJSON *v = cJSON_CreateNumber(cases[i].d);
        YM_AUTOFREE char *text = ym_json_canonical(v);
        assert_string_equal(text, cases[i].text);
    }
}

static void strings(void **state)
{
    (void)state;
    YM_AUTOJSON cJSON *v = cJSON_CreateString("\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa4");
    YM_AUTOFREE char *text = ym_json_canonical(v);
    assert_string_equal(text, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa4\"");
}

static void keys_are_sorted_by_byte(void **state)
{
    (void)state;
    YM_AUTOJSON cJSON *v = cJSON_CreateObject();
    static const char *const keys[] = {"b", "a", "\xc3\xa4", "B", "aa", "", "a\""};
    for (size_t i = 0; i < YM_COUNT(keys); i++)
        cJSON_AddNumberToObject(v, keys[i], (double)i);
    YM_AUTOFREE char *text = ym_json_canonical(v);
    assert_string_equal(text,
                        "{\"\":5,\"B\":3,\"a\":1,\"a\\\"\":6,\"aa\":4,\"b\":0,\"\xc3\xa4\":2}");
    /* printing keeps the order */
    YM_AUTOFREE char *printed = ym_json_print(v, false);
    assert_memory_equal(printed, "{\"b\":0,\"a\":1", 12);
}

static void people_read_it_indented(void **state)
{
    (void)state;
    static const char text[] = "{\"b\":[1,{\"x\":null}],\"a\":{},\"c\":[],\"d\":\"\"}";
    YM_AUTOJSON cJSON *v = NULL;
    assert_int_equal(ym_json_parse(text, strlen(text), 1000, &v, NULL), 0);
    YM_AUTOFREE char *pretty = ym_json_print(v, true), *plain = ym_json_print(v, false);
    assert_string_equal(pretty, "{\n  \"b\": [\n    1,\n    {\n      \"x\": null\n    }\n  ],\n"
                                "  \"a\": {},\n  \"c\": [],\n  \"d\": \"\"\n}");
    assert_string_equal(plain, text);
}

static void numbers_come_back_exactly(void **state)
{
    (void)state;
    static const struct {
        double d;
        const char *text;
    } rows[] = {{9007199254740991.0, "9007199254740991"},
                {0.1, "0.1"},
                {0.0336, "0.0336"},
                {0.1 + 0.2, "0.30000000000000004"},
                {1e300, "1e+300"},
                {2251799813685249.5, "2251799813685249.5"}};
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        YM_AUTOJSON cJSON *v = cJSON_CreateNumber(rows[i].d);
        YM_AUTOFREE char *text = ym_json_print(v, false);
        assert_string_equal(text, rows[i].text);
    }
}

/* What comes back from the canonical text is the same value. */
static void it_is_a_fixed_point(void **state)
{
    (void)state;
    static const char text[] =
        "{\"z\":[1e3,0.30000000000000004,-2.5e-9,{\"q\":\"\\u001f\"}],\"y\":{}}";
    YM_AUTOJSON cJSON *v = NULL, *w = NULL;
    assert_int_equal(ym_json_parse(text, strlen(text), 1000, &v, NULL), 0);
    YM_AUTOFREE char *a = ym_json_canonical(v);
    assert_int_equal(ym_json_parse(a, strlen(a), 1000, &w, NULL), 0);
    YM_AUTOFREE char *b = ym_json_canonical(w);
    assert_string_equal(a, b);
    assert_true(cJSON_Compare(v, w, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(strings),
        cmocka_unit_test(keys_are_sorted_by_byte),
        cmocka_unit_test(people_read_it_indented),
        cmocka_unit_test(numbers_come_back_exactly),
        cmocka_unit_test(it_is_a_fixed_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
