#include "unit.h"

#include <errno.h>
#include <ymago/formats.h>

#define MAX 100000

static void good_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"{}", "{}"},
        {" [ ] ", "[]"},
        {"\xef\xbb\xbf{\"a\":1}", "{\"a\":1}"},
        {"\"x\"", "\"x\""},
        {"0", "0"},
        {"-0.5e-3", "-0.00050000000000000001"},
        {"null", "null"},
        {"[true,false,null,1,\"\",{},[]]", "[true,false,null,1,\"\",{},[]]"},
        {"{\"b\":1,\"a\":[1,2,{\"c\":null}]}", "{\"a\":[1,2,{\"c\":null}],\"b\":1}"},
        {"{\"a\":1,\"A\":2}", "{\"A\":2,\"a\":1}"},
        {"\"\\u0041\\n\\/\\ud83e\\udd8a\"", "\"A\\n/\xf0\x9f\xa6\x8a\""},
        {"{\"a\":{\"x\":1},\"b\":{\"x\":1}}", "{\"a\":{\"x\":1},\"b\":{\"x\":1}}"},
        {"\t\r\n1 \n", "1"},
        {"\"\x7f\"", "\"\x7f\""},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        YM_AUTOJSON cJSON *v = NULL;
        struct ym_err e;
        if (ym_json_parse(cases[i].text, strlen(cases[i].text), MAX, &v, &e) < 0)
            fail_msg("%s: %s", cases[i].text, e.msg);
        YM_AUTOFREE char *text = ym_json_canonical(v);
        assert_string_equal(text, cases[i].canonical);
    }
}

static void bad_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
    } cases[] = {
        {"", 1, 1},
        {" \n ", 2, 2},
        {"{", 1, 2},
        {"[1,]", 1, 4},
        {"[,1]", 1, 2},
        {"[1 2]", 1, 4},
        {"[1}", 1, 3},
        {"{\"a\":1]", 1, 7},
        {"{\"a\" 1}", 1, 6},
        {"{\"a\":}", 1, 6},
        {"{\"a\":1,}", 1, 8},
        {"{a:1}", 1, 2},
        {"{1:1}", 1, 2},
        {"[1]x", 1, 4},
        {"[1]\n[2]", 2, 1},
        {"\"abc", 1, 1},
        {"\"a\\\"", 1, 1},
        {"\"a\nb\"", 1, 3},
        {"\"a\x01\"", 1, 3},
        {"\"\\x41\"", 1, 2},
        {"\"\\u12g4\"", 1, 2},
        {"\"\\u12", 1, 2},
        {"\"\\u0000\"", 1, 2},
        {"\"\\ud800\"", 1, 2},
        {"\"\\ud800\\u0041\"", 1, 2},
        {"\"\\udc00\"", 1, 2},
        {"\"\xc3\xa4\xff\"", 1, 3},
        {"\"\xed\xa0\x80\"", 1, 2},
        {"01", 1, 2},
        {"-", 1, 1},
        {"+1", 1, 1},
        {".5", 1, 1},
        {"1.", 1, 1},
        {"1e", 1, 1},
        {"1e400", 1, 1},
        {"-1e999", 1, 1},
        {"0x10", 1, 2},
        {"NaN", 1, 1},
        {"Infinity", 1, 1},
        {"tru", 1, 1},
        {"True", 1, 1},
        {"nulll", 1, 5},
        {"{\"a\":1,\n \"b\":2, \"a\":3}", 2, 9},
        {"{\"x\":{\"a\":1,\"\\u0061\":2}}", 1, 13},
        {"[{\"k\":1},{\"k\":1},{\"z\":[{}],\n\"y\":0,\"z\":1}]", 2, 7},
        {"/* no */1", 1, 1},
        {"'a'", 1, 1},
        {"1111111111111111111111111111111111111111111111111111111111111111", 1, 1},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        YM_AUTOJSON cJSON *v = NULL;
        struct ym_err e;
        char place[48];
        int r = ym_json_parse(cases[i].text, strlen(cases[i].text), MAX, &v, &e);
        if (r != -EINVAL || v || e.cls != YM_INVALID)
            fail_msg("%s: %d", cases[i].text, r);
        snprintf(place, sizeof place, "line %d, column %d:", cases[i].line, cases[i].column);
        if (!strstr(e.msg, place))
            fail_msg("%s: %s, not %s", cases[i].text, e.msg, place);
    }
}

static void nul_bytes_and_lengths(void **state)
{
    (void)state;
    cJSON *v = NULL;
    assert_int_equal(ym_json_parse("[1]\0", 4, MAX, &v, NULL), -EINVAL);
    assert_int_equal(ym_json_parse("\"\0\"", 3, MAX, &v, NULL), -EINVAL);
    assert_int_equal(ym_json_parse("[1]", 3, 2, &v, NULL), -EINVAL);
    assert_null(v);
    /* Not terminated: only len counts. */
    assert_int_equal(ym_json_parse("[1]]", 3, 3, &v, NULL), 0);
    cJSON_Delete(v);
    assert_int_equal(ym_json_parse("123", 2, 3, &v, NULL), 0);
    assert_int_equal(v->valueint, 12);
    cJSON_Delete(v);
}

static int parse_nested(int depth, char open, char close)
{
    char text[1024];
    int n = 0;
    for (int i = 0; i < depth; i++)
        n +=
            snprintf(text + n, sizeof text - (size_t)n, open == '{' && i ? "\"k\":%c" : "%c", open);
    for (int i = 0; i < depth; i++)
        text[n++] = close;
    YM_AUTOJSON cJSON *v = NULL;
    return ym_json_parse(text, (size_t)n, MAX, &v, NULL);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(parse_nested(64, '[', ']'), 0);
    assert_int_equal(parse_nested(65, '[', ']'), -EINVAL);
    assert_int_equal(parse_nested(64, '{', '}'), 0);
    assert_int_equal(parse_nested(65, '{', '}'), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts),
        cmocka_unit_test(bad_texts),
        cmocka_unit_test(nul_bytes_and_lengths),
        cmocka_unit_test(depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
