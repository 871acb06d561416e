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
        {"# nothing\n", "{}"},
        {"\xef\xbb\xbf"
         "a = 1\n",
         "{\"a\":1}"},
        {"kind = \"image\"\nn = 2\nf = 1.5\nb = true\n",
         "{\"b\":true,\"f\":1.5,\"kind\":\"image\",\"n\":2}"},
        {"[budget]\nday = 2.5\n[models.x]\nprice = 0.03\n",
         "{\"budget\":{\"day\":2.5},\"models\":{\"x\":{\"price\":0.029999999999999999}}}"},
        {"a.b.'c d' = [1, 2, [3]]\n", "{\"a\":{\"b\":{\"c d\":[1,2,[3]]}}}"},
        {"d = 2026-11-20\nt = 10:15:02\ndt = 2026-11-20T10:15:02Z\nl = 2026-11-20 10:15:02.5\n",
         "{\"d\":\"2026-11-20\",\"dt\":\"2026-11-20T10:15:02Z\",\"l\":\"2026-11-20T10:15:02.5\","
         "\"t\":\"10:15:02\"}"},
        {"x = 0xff\no = 0o17\nbig = 9_007_199_254_740_992\n",
         "{\"big\":9007199254740992,\"o\":15,\"x\":255}"},
        {"[[row]]\na = 1\n[[row]]\na = 2\n", "{\"row\":[{\"a\":1},{\"a\":2}]}"},
        {"s = \"\"\"\na \"quote\"\n\"\"\"\"\"\nt = ''' "
         ".........................................'''\n",
         "{\"s\":\"a \\\"quote\\\"\\n\\\"\\\"\",\"t\":\" "
         ".........................................\"}"},
        {"# ........................................................\na = 1.5\n", "{\"a\":1.5}"},
        {"i = {a = 1, b = {c = 2}}\n", "{\"i\":{\"a\":1,\"b\":{\"c\":2}}}"},
        {"\"\\u00e4\" = 1\r\n", "{\"\xc3\xa4\":1}"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        YM_AUTOJSON cJSON *v = NULL;
        struct ym_err e;
        if (ym_toml_parse(cases[i].text, strlen(cases[i].text), &v, NULL, &e) < 0)
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
        {"a\n", 1},
        {"a = \n", 1},
        {"a = 1\na = 2\n", 2},
        {"a = 1\n[a]\n", 2},
        {"a = 1\nb = inf\n", 2},
        {"a = nan\n", 1},
        {"a = 9007199254740993\n", 1},
        {"a = 99999999999999999999\n", 1},
        {"a = \"\\u0000\"\n", 1},
        {"\"\\u0000\" = 1\n", 1},
        {"a = \"open\n", 1},
        {"a = [1,\n\n", 2},
        {"a = 1 b = 2\n", 1},
        {"a = \"\xff\"\n", 1},
        {"a = 2026-13-01\n", 1},
        {"[a\n", 1},
        {"a = 1\n# x\n[.]\nb = 2\n", 3},
        {"[.a]", 1},
        {"\xc3\xa4 = 1\n", 1},
        {"a = 1\n\xef\xbb\xbe", 2},
        {"# \xff\n", 1},
        {"x = 1\n\n= 1\n", 3},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        YM_AUTOJSON cJSON *v = NULL;
        struct ym_err e;
        struct ym_where w = {0, 0};
        char place[48];
        int r = ym_toml_parse(cases[i].text, strlen(cases[i].text), &v, &w, &e);
        if (r != -EINVAL || v || e.cls != YM_INVALID || w.line != cases[i].line || w.column < 1)
            fail_msg("%s: %d, line %d: %s", cases[i].text, r, w.line, r ? e.msg : "");
        snprintf(place, sizeof place, "line %d, column %d:", w.line, w.column);
        if (!strstr(e.msg, place))
            fail_msg("%s: %s, not %s", cases[i].text, e.msg, place);
    }
}

/* `count` times `unit`, between head and tail. */
static int parse_many(const char *head, const char *unit, int count, const char *tail)
{
    YM_AUTOBUF struct ym_buf b;
    YM_AUTOJSON cJSON *v = NULL;
    ym_buf_init(&b, 2000000);
    ym_buf_adds(&b, head);
    for (int i = 0; i < count; i++)
        ym_buf_adds(&b, unit);
    ym_buf_adds(&b, tail);
    return ym_toml_parse(b.data, b.len, &v, NULL, NULL);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(parse_many("a", ".a", 31, " = 1"), 0);
    assert_int_equal(parse_many("a", ".a", 32, " = 1"), -EINVAL);
    assert_int_equal(parse_many("a", ".a", 300000, " = 1"), -EINVAL);
    assert_int_equal(parse_many("a", " . 'a'", 100000, " = 1"), -EINVAL);
    assert_int_equal(parse_many("[a", ".a", 300000, "]"), -EINVAL);
    assert_int_equal(parse_many("a = ", "[", 300000, ""), -EINVAL);
    assert_int_equal(parse_many("a = ", "{a=", 300000, ""), -EINVAL);
    assert_int_equal(parse_many("x = {a", ".a", 300000, " = 1}"), -EINVAL);
    /* a quote that closes with four or five does not hide what follows */
    assert_int_equal(parse_many("s = [\"\"\"a\"\"\"\", {a", ".a", 300000, " = 1}]"), -EINVAL);
    assert_int_equal(parse_many("s = \"\"\"a\"\"\"\"\"\na", ".a", 300000, " = 1"), -EINVAL);
    assert_int_equal(parse_many("s = \"\"\"a\\\"\"\"\"\na", ".a", 300000, " = 1"), -EINVAL);
    assert_int_equal(parse_many("s = '\\'\na", ".a", 300000, " = 1"), -EINVAL);
    assert_int_equal(parse_many("s = '''it''s'''\na", ".a", 300000, " = 1"), -EINVAL);
}

static void size_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(parse_many("a = 1\n", "#", 1048576 - 6, ""), 0);
    assert_int_equal(parse_many("a = 1\n", "#", 1048576 - 5, ""), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts),
        cmocka_unit_test(bad_texts),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(size_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
