#include "unit.h"

#include <errno.h>

static void text_grows(void **state)
{
    (void)state;
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 100000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ym_buf_addf(&b, "%03d,", i), 0);
    assert_int_equal(b.len, 4000);
    assert_int_equal(strlen(b.data), 4000);
    assert_memory_equal(b.data + 3996, "999,", 4);
}

static void the_maximum_holds(void **state)
{
    (void)state;
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 5);
    assert_int_equal(ym_buf_adds(&b, "abc"), 0);
    assert_int_equal(ym_buf_adds(&b, "def"), -ENOBUFS);
    assert_string_equal(b.data, "abc");
    assert_int_equal(ym_buf_addf(&b, "%s", "def"), -ENOBUFS);
    assert_string_equal(b.data, "abc");
    assert_int_equal(ym_buf_adds(&b, "de"), 0);
    assert_string_equal(b.data, "abcde");
    assert_int_equal(ym_buf_add(&b, "", 0), 0);
    assert_int_equal(ym_buf_add(&b, "x", SIZE_MAX), -ENOBUFS);
}

static void long_formats_are_whole(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text);
    text[999] = '\0';
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, SIZE_MAX);
    assert_int_equal(ym_buf_addf(&b, "<%s>", text), 0);
    assert_int_equal(b.len, 1001);
    assert_int_equal(b.data[1000], '>');
    assert_int_equal(b.data[1001], '\0');
    ym_buf_fini(&b);
    ym_buf_init(&b, 1000);
    assert_int_equal(ym_buf_addf(&b, "<%s>", text), -ENOBUFS);
    assert_int_equal(b.len, 0);
}

static void binary_and_nothing(void **state)
{
    (void)state;
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 10);
    assert_int_equal(ym_buf_add(&b, NULL, 0), 0);
    assert_non_null(b.data);
    assert_int_equal(ym_buf_add(&b, "a\0b", 3), 0);
    assert_memory_equal(b.data, "a\0b", 4);
    YM_AUTOFREE char *s = ym_buf_steal(&b), *none = ym_buf_steal(&b);
    assert_memory_equal(s, "a\0b", 4);
    assert_string_equal(none, "");
    assert_int_equal(b.len, 0);
    assert_int_equal(ym_buf_adds(&b, "0123456789"), 0); /* the maximum is still known */
    assert_int_equal(ym_buf_adds(&b, "0"), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(the_maximum_holds),
        cmocka_unit_test(long_formats_are_whole),
        cmocka_unit_test(binary_and_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
