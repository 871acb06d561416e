#include "unit.h"

#include <errno.h>

static void fail_fills_and_returns(void **state)
{
    (void)state;
    struct ym_err e;
    memset(&e, 0x55, sizeof e);
    assert_int_equal(ym_fail(&e, YM_LOCAL, ENOSPC, "No space for %s.", "it"), -ENOSPC);
    assert_int_equal(e.cls, YM_LOCAL);
    assert_int_equal(e.err, ENOSPC);
    assert_int_equal(e.retry_after.ms, 0);
    assert_false(e.until_reset);
    assert_string_equal(e.msg, "No space for it.");
    assert_string_equal(e.words, "");
    assert_int_equal(ym_fail(NULL, YM_LOCAL, EIO, "%d", 1), -EIO);
}

static void texts_are_made_safe(void **state)
{
    (void)state;
    struct ym_err e;
    ym_fail(&e, YM_INVALID, EINVAL, "a\nb\x1b[31m \xff \xe2\x80\xae");
    assert_string_equal(e.msg, "a\\x0Ab\\x1B[31m \\xFF \\u{202E}");
    ym_fail(&e, YM_INVALID, EINVAL, "<%s>", e.msg + 3); /* its own text is a fair argument */
    assert_string_equal(e.msg, "<0Ab\\x1B[31m \\xFF \\u{202E}>");
}

static void long_texts_are_cut_between_letters(void **state)
{
    (void)state;
    struct ym_err e;
    char text[4000];
    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, 'x', lead);
        for (size_t i = lead; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        ym_fail(&e, YM_INVALID, EINVAL, "%s", text);
        size_t n = strlen(e.msg);
        assert_true(n < sizeof e.msg && n > sizeof e.msg - 5);
        assert_int_equal(ym_utf8_valid(e.msg, n), n);
        assert_int_equal((n - lead) % 3, 0);
    }
}

static void secrets_stay_out(void **state)
{
    (void)state;
    struct ym_err e;
    char lead[230];
    struct ym_secret *key = ym_secret_new("sk-0123456789", 13);
    for (size_t n = 200; n < sizeof lead; n++) { /* also where the text is cut */
        memset(lead, ' ', n);
        lead[n] = '\0';
        ym_fail(&e, YM_AUTH, EACCES, "%s%s", lead, "sk-0123456789");
        assert_null(strstr(e.msg, "sk-"));
    }
    ym_secret_free(key);
}

static void classes_have_names(void **state)
{
    (void)state;
    for (int c = 0; c < YM_CLASS_COUNT; c++) {
        const char *name = ym_class_name((enum ym_class)c);
        assert_true(name && *name);
        assert_int_equal(ym_class_parse(name), c);
    }
    assert_int_equal(ym_class_parse("nonsense"), YM_BROKEN);
    assert_int_equal(ym_class_parse(""), YM_BROKEN);
    assert_int_equal(ym_class_parse(NULL), YM_BROKEN);
    assert_int_equal(ym_class_exit(YM_OK), 0);
    assert_int_equal(ym_class_exit(YM_HELD), 4);
    assert_int_equal(ym_class_exit(YM_CANCELLED), 130);
    assert_int_equal(ym_class_exit(YM_INVALID), 2);
    assert_int_equal(ym_class_exit(YM_REFUSED), 3);
    assert_int_equal(ym_class_exit(YM_LOCAL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_fills_and_returns),
        cmocka_unit_test(texts_are_made_safe),
        cmocka_unit_test(long_texts_are_cut_between_letters),
        cmocka_unit_test(secrets_stay_out),
        cmocka_unit_test(classes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
