/* Clocks and calendar days. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <ymago/base.h>

#define DAY_MS INT64_C(86400000)
/* 0000-01-01 .. 9999-12-31: what four digits of a year can say. */
#define FIRST_MS INT64_C(-62167219200000)
#define LAST_MS  INT64_C(253402300799999)

ym_mono ym_mono_now(void)
{
    struct timespec t;
    ym_assert(clock_gettime(CLOCK_BOOTTIME, &t) == 0);
    return (ym_mono){(int64_t)t.tv_sec * 1000000000 + t.tv_nsec};
}

ym_wall ym_wall_now(void)
{
    struct timespec t;
    ym_assert(clock_gettime(CLOCK_REALTIME, &t) == 0);
    return (ym_wall){(int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000};
}

static ym_mono real_mono(void *ctx)
{
    (void)ctx;
    return ym_mono_now();
}

static ym_wall real_wall(void *ctx)
{
    (void)ctx;
    return ym_wall_now();
}

const struct ym_clock ym_clock_real = {.mono = real_mono, .wall = real_wall};

static int64_t clamp_ms(int64_t ms)
{
    return ms < FIRST_MS ? FIRST_MS : ms > LAST_MS ? LAST_MS : ms;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static struct tm local_tm(ym_wall t)
{
    time_t s = (time_t)floor_div(clamp_ms(t.ms), 1000);
    struct tm tm;
    ym_assert(localtime_r(&s, &tm) != NULL);
    return tm;
}

const char *ym_wall_iso(ym_wall t, char out[static 32])
{
    int64_t ms = clamp_ms(t.ms);
    time_t s = (time_t)floor_div(ms, 1000);
    struct tm tm;
    ym_assert(gmtime_r(&s, &tm) != NULL);
    snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100,
             (unsigned)(ms - (int64_t)s * 1000) % 1000);
    return out;
}

int ym_wall_parse(const char *s, ym_wall *ret)
{
    struct tm tm = {0};
    int used = 0, ms = 0, n = 0;
    if (sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec, &used) != 6 || used != 19)
        return -EINVAL;
    if (sscanf(s + used, ".%3d%n", &ms, &n) == 1 && n == 4)
        used += n;
    if (strcmp(s + used, "Z") != 0 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || ms < 0)
        return -EINVAL;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    ret->ms = (int64_t)timegm(&tm) * 1000 + ms;
    return 0;
}

const char *ym_wall_day(ym_wall t, char out[static 16])
{
    struct tm tm = local_tm(t);
    snprintf(out, 16, "%04u-%02u-%02u", (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100);
    return out;
}

const char *ym_wall_month(ym_wall t, char out[static 16])
{
    ym_wall_day(t, out);
    out[7] = '\0';
    return out;
}

ym_wall ym_wall_next_midnight(ym_wall t, int utc_offset_min)
{
    int64_t offset = (int64_t)utc_offset_min * 60000;
    int64_t day = floor_div(clamp_ms(t.ms) + offset, DAY_MS);
    return (ym_wall){(day + 1) * DAY_MS - offset};
}

ym_wall ym_wall_next_local_midnight(ym_wall t)
{
    struct tm tm = local_tm(t);
    tm.tm_mday++;
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1;
    int64_t ms = (int64_t)mktime(&tm) * 1000;
    /* Where the clocks change at midnight mktime may name an instant that is already over. */
    return ms > t.ms ? (ym_wall){ms} : ym_wall_next_midnight(t, (int)(tm.tm_gmtoff / 60));
}
