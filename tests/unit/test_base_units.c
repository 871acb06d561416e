#include "unit.h"

#include <errno.h>
#include <math.h>

static void money_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t micro; /* -1 = refused */
    } cases[] = {
        {"2", 2000000},
        {"0.25", 250000},
        {"$1.5", 1500000},
        {"0", 0},
        {"0.000001", 1},
        {"1000000", 1000000000000},
        {"1000000.000000", 1000000000000},
        {"007", 7000000},
        {"", -1},
        {"$", -1},
        {".5", -1},
        {"5.", -1},
        {"-1", -1},
        {"+1", -1},
        {"1e3", -1},
        {"0.0000001", -1},
        {"1000000.000001", -1},
        {"1000001", -1},
        {"99999999999999999999999", -1},
        {"1,5", -1},
        {" 1", -1},
        {"1 ", -1},
        {"1.2.3", -1},
        {"$$1", -1},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        ym_money m = {-7};
        int r = ym_money_parse(cases[i].text, &m);
        if (r != (cases[i].micro < 0 ? -EINVAL : 0) ||
            m.micro_usd != (cases[i].micro < 0 ? -7 : cases[i].micro))
            fail_msg("%s: %d, %lld", cases[i].text, r, (long long)m.micro_usd);
    }
}

static void money_comes_from_doubles(void **state)
{
    (void)state;
    ym_money m = {-7};
    assert_int_equal(ym_money_from_double(0.0336, &m), 0);
    assert_int_equal(m.micro_usd, 33600);
    assert_int_equal(ym_money_from_double(0.0000006, &m), 0);
    assert_int_equal(m.micro_usd, 1);
    assert_int_equal(ym_money_from_double(1e6, &m), 0);
    assert_int_equal(m.micro_usd, 1000000000000);
    assert_int_equal(ym_money_from_double(-0.01, &m), -ERANGE);
    assert_int_equal(ym_money_from_double(1e6 + 1, &m), -ERANGE);
    assert_int_equal(ym_money_from_double((double)NAN, &m), -ERANGE);
    assert_int_equal(ym_money_from_double((double)INFINITY, &m), -ERANGE);
}

static void money_is_shown(void **state)
{
    (void)state;
    static const struct {
        int64_t micro;
        const char *text;
    } cases[] = {
        {33600, "$0.0336"},
        {12500000, "$12.50"},
        {0, "$0.00"},
        {1, "$0.000001"},
        {1000000, "$1.00"},
        {123456789, "$123.456789"},
        {-500000, "-$0.50"},
        {10, "$0.00001"},
        {INT64_MAX, "$9223372036854.775807"},
        {INT64_MIN, "-$9223372036854.775808"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        char out[32];
        assert_string_equal(ym_money_format((ym_money){cases[i].micro}, out), cases[i].text);
    }
    assert_true(fabs(ym_money_usd((ym_money){33600}) - 0.0336) < 1e-12);
}

static void sums_saturate(void **state)
{
    (void)state;
    ym_money max = {INT64_MAX}, min = {INT64_MIN}, one = {1}, minus = {-1};
    assert_int_equal(ym_money_add(one, one).micro_usd, 2);
    assert_int_equal(ym_money_add(max, one).micro_usd, INT64_MAX);
    assert_int_equal(ym_money_add(min, minus).micro_usd, INT64_MIN);
}

static void waits_never_end_early(void **state)
{
    (void)state;
    ym_mono t = {1000000000};
    assert_int_equal(ym_mono_add(t, YM_SEC(2)).ns, 3000000000);
    assert_int_equal(ym_mono_until(t, (ym_mono){1000000001}).ms, 1);
    assert_int_equal(ym_mono_until(t, (ym_mono){1001000000}).ms, 1);
    assert_int_equal(ym_mono_until(t, t).ms, 0);
    assert_int_equal(ym_mono_until(t, (ym_mono){0}).ms, -1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_is_read),         cmocka_unit_test(money_comes_from_doubles),
        cmocka_unit_test(money_is_shown),        cmocka_unit_test(sums_saturate),
        cmocka_unit_test(waits_never_end_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
