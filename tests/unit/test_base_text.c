#include "unit.h"

static void utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len, valid;
    } cases[] = {
        {"", 0, 0},
        {"plain ascii text", 16, 16},
        {"a\0b", 3, 3},
        {"\xc3\xa4", 2, 2},
        {"\xc3", 1, 0},
        {"\xc0\x80", 2, 0},         /* overlong */
        {"\xc1\xbf", 2, 0},         /* overlong */
        {"\xe0\x9f\xbf", 3, 0},     /* overlong */
        {"\xe0\xa0\x80", 3, 3},     /* the first of three bytes */
        {"\xed\x9f\xbf", 3, 3},     /* U+D7FF */
        {"\xed\xa0\x80", 3, 0},     /* surrogate */
        {"\xed\xbf\xbf", 3, 0},     /* surrogate */
        {"\xee\x80\x80", 3, 3},     /* U+E000 */
        {"\xf0\x8f\xbf\xbf", 4, 0}, /* overlong */
        {"\xf0\x90\x80\x80", 4, 4},
        {"\xf4\x8f\xbf\xbf", 4, 4}, /* U+10FFFF */
        {"\xf4\x90\x80\x80", 4, 0},
        {"\xf5\x80\x80\x80", 4, 0},
        {"\xff", 1, 0},
        {"\x80", 1, 0},
        {"1234567\xe2\x82\xac"
         "12345678\xff",
         19, 18},
        {"12345678abcdefg\xe2\x82", 17, 15},
        {"\xe2\x28\xa1", 3, 0},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++)
        if (ym_utf8_valid(cases[i].text, cases[i].len) != cases[i].valid)
            fail_msg("case %zu", i);
    assert_int_equal(ym_utf8_count("a\xe2\x82\xac\xf0\x9f\xa6\x8a", 8), 3);
}

static void cuts(void **state)
{
    (void)state;
    const char *s = "a\xe2\x82\xac\xf0\x9f\xa6\x8az"; /* boundaries 0 1 4 8 9 */
    static const size_t want[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 9, 9};
    for (size_t max = 0; max < YM_COUNT(want); max++)
        assert_int_equal(ym_utf8_cut(s, 9, max), want[max]);
    assert_int_equal(ym_utf8_cut("\x80\x80\x80\x80\x80", 5, 4), 4); /* no text at all */
}

static void escapes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t max;
        const char *shown;
    } cases[] = {
        {"plain \xc3\xa4", 99, "plain \xc3\xa4"},
        {"a\tb\nc\x7f", 99, "a\\x09b\\x0Ac\\x7F"},
        {"\xc2\x85|\xc2\x9f", 99, "\\x85|\\x9F"},
        {"\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xe2\x80\x8f", 99, "\\u{202E}\\u{2066}\\u{61C}\\u{200F}"},
        {"\xff\xe2\x82", 99, "\\xFF\\xE2\\x82"},
        {"ab\ncd", 5, "ab"},
        {"ab\ncd", 6, "ab\\x0A"},
        {"\xe2\x82\xac\xe2\x82\xac", 5, "\xe2\x82\xac"},
        {"abc", 0, ""},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        YM_AUTOBUF struct ym_buf b;
        ym_buf_init(&b, 1000);
        ym_buf_adds(&b, "");
        ym_text_escape(&b, cases[i].text, strlen(cases[i].text), cases[i].max);
        assert_string_equal(b.data, cases[i].shown);
        char out[100];
        if (cases[i].max < sizeof out)
            assert_string_equal(ym_text_show(cases[i].text, out, cases[i].max + 1), cases[i].shown);
    }
    YM_AUTOBUF struct ym_buf nul;
    ym_buf_init(&nul, 6); /* the buffer's own maximum stops it too */
    ym_text_escape(&nul, "a\0b\0", 4, 99);
    assert_string_equal(nul.data, "a\\x00b");
}

static void controls(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool has;
    } cases[] = {
        {"plain", false},
        {"tab\t", false},
        {"line\n", true},
        {"\x01", true},
        {"\x7f", true},
        {"\xc2\x80", true},
        {"\xc2\xa0", false},
        {"\xe2\x80\xae", true},
        {"\xe2\x80\x8d", false} /* joiner */,
        {"\xe2\x81\xa9", true},
        {"", false},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++)
        if (ym_text_has_control(cases[i].text, strlen(cases[i].text)) != cases[i].has)
            fail_msg("case %zu", i);
    assert_true(ym_text_has_control("\0", 1));
}

static void trims(void **state)
{
    (void)state;
    static const struct {
        const char *text, *left;
    } cases[] = {
        {"  fox \r\n", "fox"},    {"\xef\xbb\xbf fox\xef\xbb\xbf\n", "fox"},
        {" \t\v\f ", ""},         {"", ""},
        {"\xef\xbb\xbf", ""},     {"a b", "a b"},
        {"\xef\xbb", "\xef\xbb"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        size_t n = strlen(cases[i].text);
        const char *s = ym_text_trim(cases[i].text, &n);
        assert_int_equal(n, strlen(cases[i].left));
        assert_memory_equal(s, cases[i].left, n);
    }
}

static void suggestions(void **state)
{
    (void)state;
    static const char *const list[] = {"model", "max_usd", "aspect_ratio", "n", "negative_prompt",
                                       "seed",  NULL};
    static const struct {
        const char *word, *want;
    } cases[] = {
        {"modle", "model"},
        {"max-usd", "max_usd"},
        {"MAXUSD", "max_usd"},
        {"maxusb", "max_usd"},
        {"aspectratio", "aspect_ratio"},
        {"sed", "seed"},
        {"dead", NULL},
        {"x", NULL},
        {"", NULL},
        {"negativ_promt", "negative_prompt"},
        {"completely", NULL},
        {"m", NULL},
        {"N", "n"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        const char *got = ym_text_suggest(cases[i].word, list);
        if ((got == NULL) != (cases[i].want == NULL) || (got && strcmp(got, cases[i].want) != 0))
            fail_msg("%s -> %s", cases[i].word, got ? got : "nothing");
    }
    char big[300];
    memset(big, 'm', sizeof big - 1);
    big[299] = '\0';
    assert_null(ym_text_suggest(big, list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8),     cmocka_unit_test(cuts),  cmocka_unit_test(escapes),
        cmocka_unit_test(controls), cmocka_unit_test(trims), cmocka_unit_test(suggestions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
