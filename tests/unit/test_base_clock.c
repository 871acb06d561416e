#include "unit.h"

#include <errno.h>
#include <time.h>

static void iso_texts(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},         {1795169702123, "2026-11-20T10:15:02.123Z"},
        {-1, "1969-12-31T23:59:59.999Z"},        {951782400000, "2000-02-29T00:00:00.000Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"}, {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        char out[32];
        assert_string_equal(ym_wall_iso((ym_wall){cases[i].ms}, out), cases[i].text);
    }
}

static void set_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static void iso_texts_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1 = refused */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-20T10:15:02.123Z", 1795169702123},
        {"2026-11-20T10:15:02Z", 1795169702000},
        {"2090-01-01T00:00:00Z", 3786912000000},
        {"2026-11-20T10:15:02", -1},
        {"2026-11-20", -1},
        {"2026-13-20T10:15:02Z", -1},
        {"2026-11-20T10:15:02.1Z", -1},
        {"2026-11-20T10:15:02Zx", -1},
        {"", -1},
    };
    for (size_t i = 0; i < YM_COUNT(cases); i++) {
        ym_wall t = {-1};
        assert_int_equal(ym_wall_parse(cases[i].text, &t), cases[i].ms < 0 ? -EINVAL : 0);
        assert_int_equal(t.ms, cases[i].ms);
    }
}

static void days_are_local(void **state)
{
    (void)state;
    char out[16];
    ym_wall t = {1795169702123}; /* 10:15 UTC */
    set_zone("UTC0");
    assert_string_equal(ym_wall_day(t, out), "2026-11-20");
    assert_string_equal(ym_wall_month(t, out), "2026-11");
    set_zone("AAA-14");
    assert_string_equal(ym_wall_day(t, out), "2026-11-21");
    set_zone("AAA+11");
    assert_string_equal(ym_wall_day(t, out), "2026-11-19");
}

static void midnights(void **state)
{
    (void)state;
    const int64_t day = 86400000, t = 20000 * day;
    assert_int_equal(ym_wall_next_midnight((ym_wall){t}, 0).ms, t + day);
    assert_int_equal(ym_wall_next_midnight((ym_wall){t - 1}, 0).ms, t);
    assert_int_equal(ym_wall_next_midnight((ym_wall){t}, -480).ms, t + 8 * 3600000);
    assert_int_equal(ym_wall_next_midnight((ym_wall){t + 8 * 3600000}, -480).ms,
                     t + day + 8 * 3600000);
    assert_int_equal(ym_wall_next_midnight((ym_wall){-1}, 0).ms, 0);
}

static void local_midnights(void **state)
{
    (void)state;
    /* Clocks go back at 3:00 on 2026-10-25: that day has 25 hours. */
    set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    const int64_t before = 1792879200000; /* 2026-10-25 00:00 local */
    assert_int_equal(ym_wall_next_local_midnight((ym_wall){before}).ms, before + 25 * 3600000);
    assert_int_equal(ym_wall_next_local_midnight((ym_wall){before - 1}).ms, before);
    /* Clocks go forward at midnight: that day begins at 1:00, and it is never in the past. */
    set_zone("BRT3BRST,M10.3.0/0,M2.3.0/0");
    for (int64_t t = 1792000000000; t < 1793000000000; t += 1800000) {
        int64_t next = ym_wall_next_local_midnight((ym_wall){t}).ms;
        assert_true(next > t && next <= t + 25 * 3600000);
    }
    set_zone("UTC0");
}

static void clocks_run(void **state)
{
    (void)state;
    ym_mono a = ym_mono_now(), b = ym_clock_real.mono(ym_clock_real.ctx);
    assert_true(b.ns >= a.ns && a.ns > 0);
    struct timespec boot;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    assert_true((int64_t)boot.tv_sec - a.ns / 1000000000 <= 5);
    assert_true(ym_wall_now().ms > 1700000000000);
    assert_true(ym_clock_real.wall(ym_clock_real.ctx).ms > 1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso_texts),  cmocka_unit_test(iso_texts_are_read), cmocka_unit_test(days_are_local),
        cmocka_unit_test(midnights),  cmocka_unit_test(local_midnights),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
