#include "unit.h"

#include <errno.h>
#include <ymago/formats.h>

static void good_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"", "{}"},
        {"# only a comment\n", "{}"},
        {"{}", "{}"},
        {"n: 2\nmodel: sketch\n", "{\"model\":\"sketch\",\"n\":2}"},
        {"a: 16:9\nb: yes\nc: 0123\nd: 0x1F\ne: 1_000\nf: .5\ng: +5\nh: ~\n",
         "{\"a\":\"16:9\",\"b\":\"yes\",\"c\":\"0123\",\"d\":\"0x1F\",\"e\":\"1_000\",\"f\":\".5\","
         "\"g\":\"+5\",\"h\":\"~\"}"},
        {"a: true\nb: false\nc: null\nd:\ne: True\n",
         "{\"a\":true,\"b\":false,\"c\":null,\"d\":null,\"e\":\"True\"}"},
        {"a: '2'\nb: \"true\"\nc: \"\"\n", "{\"a\":\"2\",\"b\":\"true\",\"c\":\"\"}"},
        {"a: -1.5e3\n", "{\"a\":-1500}"},
        {"tags: [a, b, 3]\n", "{\"tags\":[\"a\",\"b\",3]}"},
        {"tags:\n  - a\n  - b: 1\n", "{\"tags\":[\"a\",{\"b\":1}]}"},
        {"m: {x: 1, y: [2]}\n", "{\"m\":{\"x\":1,\"y\":[2]}}"},
        {"t: |\n  one\n  two\n", "{\"t\":\"one\\ntwo\\n\"}"},
        {"t: >\n  one\n  two\n", "{\"t\":\"one two\\n\"}"},
        {"t: \"\\u00e4\\n\"", "{\"t\":\"\xc3\xa4\\n\"}"},
        {"1: x\n", "{\"1\":\"x\"}"},
        {"---\na: 1\n", "{\"a\":1}"},
        {"a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}"},
        {"a: {b: {c: {d: {e: {f: {g: 1}}}}}}\n",
         "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":1}}}}}}}"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        YM_AUTOJSON cJSON *v = NULL;
        struct ym_err e;
        if (ym_yaml_parse(cases[i].text, strlen(cases[i].text), &v, &e) < 0)
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
        int line;
    } cases[] = {
        {"just text\n", 1},
        {"- a\n- b\n", 1},
        {"a: 1\nb: &x 2\n", 2},
        {"a: &x [1]\n", 1},
        {"a: &x {b: 1}\n", 1},
        {"&x a: 1\n", 1},
        {"a: 1\nb: *a\n", 2},
        {"*a : 1\n", 1},
        {"a: !!str 1\n", 1},
        {"a: ! x\n", 1},
        {"a: !foo {b: 1}\n", 1},
        {"!!map {a: 1}\n", 1},
        {"a: 1\n\na: 2\n", 3},
        {"m: {x: 1, x: 2}\n", 1},
        {"a: 1\n---\nb: 1\n", 2},
        {"%YAML 1.1\n---\na: 1\n", 1},
        {"%TAG ! tag:x,2000:\n---\na: 1\n", 1},
        {"[a]: 1\n", 1},
        {"{a: 1}: 2\n", 1},
        {"? [a]\n: 1\n", 1},
        {"a: b: c\n", 1},
        {"a: [1, 2\n", 2},
        {"a: \"open\n", 2},
        {"a: \"\\0\"\n", 1},
        {"\"\\0\": 1\n", 1},
        {"a: 1e999\n", 1},
        {"a: \xff\n", 1},
        {"a: \x01\n", 1},
        {"\ta: 1\n", 1},
        {"a: {b: {c: {d: {e: {f: {g: {h: {}}}}}}}}\n", 1},
        {"a: [[[[[[[[]]]]]]]]\n", 1},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        YM_AUTOJSON cJSON *v = NULL;
        struct ym_err e;
        char place[32];
        int r = ym_yaml_parse(cases[i].text, strlen(cases[i].text), &v, &e);
        if (r != -EINVAL || v || e.cls != YM_INVALID)
            fail_msg("%s: %d", cases[i].text, r);
        snprintf(place, sizeof place, "line %d:", cases[i].line);
        if (!strstr(e.msg, place))
            fail_msg("%s: %s, not %s", cases[i].text, e.msg, place);
    }
}

static void size_and_encoding(void **state)
{
    (void)state;
    static char text[16386];
    cJSON *v = NULL;
    memset(text, ' ', sizeof text);
    memcpy(text, "a: 1", 4);
    assert_int_equal(ym_yaml_parse(text, 16384, &v, NULL), 0);
    cJSON_Delete(v);
    v = NULL;
    assert_int_equal(ym_yaml_parse(text, 16385, &v, NULL), -EINVAL);
    /* UTF-16 is not guessed */
    assert_int_equal(ym_yaml_parse("\xff\xfe"
                                   "a\0:\0 \0"
                                   "1\0",
                                   10, &v, NULL),
                     -EINVAL);
    assert_int_equal(ym_yaml_parse("a: \0", 4, &v, NULL), -EINVAL);
    assert_null(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts),
        cmocka_unit_test(bad_texts),
        cmocka_unit_test(size_and_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
