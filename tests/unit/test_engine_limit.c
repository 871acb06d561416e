/* The limiter, run for hours on a clock of its own: never above the rate in any 60 s, and never
 * much below it. */
#include "unit.h"

#include "../../src/engine/limit.h"

#define MINUTE INT64_C(60000000000)
#define HOUR   (60 * MINUTE)
#define SECOND INT64_C(1000000000)

struct sends { /* when something was sent */
    int64_t *v;
    size_t n, cap;
};

static void sends_add(struct sends *s, int64_t t)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 1024;
        s->v = ym_realloc(s->v, s->cap * sizeof(*s->v));
    }
    s->v[s->n++] = t;
}

static ym_mono at(int64_t ns)
{
    return (ym_mono){ns};
}

/* Sends as fast as it may until `end`; gives the time reached. */
static int64_t send_all(struct limit *l, struct sends *s, int64_t now, int64_t end)
{
    while (now < end) {
        ym_dur wait = limit_wait(l, at(now));
        if (wait.ms > 0) {
            now += wait.ms * 1000000;
            continue;
        }
        limit_take(l, at(now));
        sends_add(s, now);
    }
    return now;
}

/* No window of 60 s, wherever it begins, holds more than `rate`: the one after the last of a full
 * window comes 60 s after its first, or later. */
static void assert_never_above(const struct sends *s, int rate)
{
    for (size_t i = (size_t)rate; i < s->n; i++)
        if (s->v[i] - s->v[i - (size_t)rate] < MINUTE)
            fail_msg("%d + 1 sends within %g s at %g s", rate,
                     (double)(s->v[i] - s->v[i - (size_t)rate]) / 1e9, (double)s->v[i] / 1e9);
}

static const int rates[] = {1, 7, 60, 600, 6000};

static void never_above_and_at_least_98_percent(void **state)
{
    (void)state;
    for (size_t i = 0; i < YM_COUNT(rates); i++) {
        struct limit l;
        struct sends s = {0};
        int64_t start = 12345 * SECOND;
        limit_init(&l, rates[i], at(start));
        send_all(&l, &s, start, start + 3 * HOUR);
        assert_never_above(&s, rates[i]);
        assert_true((double)s.n >= 0.98 * rates[i] * 180);
        limit_fini(&l);
        free(s.v);
    }
}

/* A scheduler that looks often, at odd moments, must not lose what it saved up between two looks.
 */
static void looking_often_costs_nothing(void **state)
{
    (void)state;
    struct limit l;
    struct sends s = {0};
    int64_t now = 0;
    limit_init(&l, 7, at(now));
    while (now < HOUR) {
        if (limit_wait(&l, at(now)).ms == 0) {
            limit_take(&l, at(now));
            sends_add(&s, now);
        }
        now += 33333333;
    }
    assert_never_above(&s, 7);
    assert_true((double)s.n >= 0.98 * 7 * 60);
    limit_fini(&l);
    free(s.v);
}

/* Work that comes in waves: the worst case for a bucket alone, since it is full after each pause.
 */
static void waves_stay_below(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u; /* xorshift64: the same waves in every run */
    struct limit l;
    struct sends s = {0};
    int64_t now = 0;
    limit_init(&l, 60, at(now));
    for (int wave = 0; wave < 2000; wave++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        now = send_all(&l, &s, now, now + (int64_t)(x % 40) * SECOND);
        now += (int64_t)((x >> 32) % 90) * SECOND;
    }
    assert_true(s.n > 10000);
    assert_never_above(&s, 60);
    limit_fini(&l);
    free(s.v);
}

static void burst_is_a_tenth(void **state)
{
    (void)state;
    static const int bursts[][2] = {{1, 1}, {7, 1}, {60, 6}, {600, 60}, {6000, 600}};
    for (size_t i = 0; i < YM_COUNT(bursts); i++) {
        struct limit l;
        int n = 0;
        limit_init(&l, bursts[i][0], at(SECOND));
        while (limit_wait(&l, at(SECOND)).ms == 0 && n < 10000) {
            limit_take(&l, at(SECOND));
            n++;
        }
        assert_int_equal(n, bursts[i][1]);
        limit_fini(&l);
    }
}

/* The wait that was told is enough, and one millisecond less is not. */
static void wait_is_exact(void **state)
{
    (void)state;
    struct limit l;
    int64_t now = 0;
    limit_init(&l, 60, at(now));
    for (int i = 0; i < 500; i++) {
        ym_dur wait = limit_wait(&l, at(now));
        if (wait.ms > 1) {
            assert_true(limit_wait(&l, at(now + (wait.ms - 1) * 1000000)).ms > 0);
            now += wait.ms * 1000000;
        }
        assert_int_equal(limit_wait(&l, at(now)).ms, 0);
        limit_take(&l, at(now));
    }
    limit_fini(&l);
}

/* What the next process reads from the journal: those of the last window, oldest first. */
static void restart(struct limit *l, int rate, const struct sends *s, int64_t now)
{
    limit_fini(l);
    limit_init(l, rate, at(now));
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i] >= now - LIMIT_WINDOW_NS)
            limit_restore(l, at(s->v[i]), at(now));
}

static void restarts_do_not_help(void **state)
{
    (void)state;
    static const int some[] = {7, 60, 600};
    for (size_t i = 0; i < YM_COUNT(some); i++) {
        uint64_t x = 2463534242u + i;
        struct limit l;
        struct sends s = {0};
        int64_t now = 0;
        limit_init(&l, some[i], at(now));
        for (int n = 0; n < 200; n++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            now = send_all(&l, &s, now, now + (int64_t)(x % 20000) * 1000000);
            restart(&l, some[i], &s, now);
        }
        assert_never_above(&s, some[i]);
        assert_true(s.n > (size_t)some[i]);
        limit_fini(&l);
        free(s.v);
    }
}

/* Restarted at once after a full minute: nothing may go before the oldest has left the window. */
static void restored_window_is_full(void **state)
{
    (void)state;
    struct limit l;
    limit_init(&l, 60, at(100 * SECOND));
    for (int i = 0; i < 60; i++)
        limit_restore(&l, at((50 + i / 2) * SECOND), at(100 * SECOND));
    assert_int_equal(limit_in_window(&l, at(100 * SECOND)), 60);
    assert_int_equal(limit_wait(&l, at(100 * SECOND)).ms, 50000 + 60500 - 100000);
    limit_fini(&l);
}

static void what_is_older_than_the_window_is_nothing(void **state)
{
    (void)state;
    struct limit l;
    limit_init(&l, 60, at(100 * SECOND));
    limit_restore(&l, at(100 * SECOND - LIMIT_WINDOW_NS), at(100 * SECOND));
    assert_int_equal(limit_in_window(&l, at(100 * SECOND)), 0);
    assert_int_equal(limit_wait(&l, at(100 * SECOND)).ms, 0);
    limit_fini(&l);
}

/* A wall clock set back by an hour makes the journal's sends look like the future: they count as
 * sent just now, and block for one window, not for an hour. */
static void clock_set_back(void **state)
{
    (void)state;
    struct limit l;
    int64_t now = 2 * HOUR;
    limit_init(&l, 60, at(now));
    for (int i = 0; i < 60; i++)
        limit_restore(&l, at(now + HOUR + i * SECOND), at(now));
    assert_int_equal(limit_in_window(&l, at(now)), 60);
    int64_t wait = limit_wait(&l, at(now)).ms;
    assert_true(wait > 60000 && wait <= 60500);
    limit_fini(&l);
}

/* The monotonic clock never goes back; if it did, no credit must come of it. */
static void time_going_back_gives_nothing(void **state)
{
    (void)state;
    struct limit l;
    limit_init(&l, 60, at(HOUR));
    for (int i = 0; i < 6; i++)
        limit_take(&l, at(HOUR));
    assert_true(limit_wait(&l, at(HOUR)).ms > 0);
    assert_true(limit_wait(&l, at(MINUTE)).ms > 0);
    assert_true(limit_wait(&l, at(HOUR)).ms > 0);
    limit_fini(&l);
}

static void another_rate_keeps_what_was_sent(void **state)
{
    (void)state;
    static const int to[] = {30, 90, 1};
    for (size_t i = 0; i < YM_COUNT(to); i++) {
        struct limit l;
        struct sends s = {0};
        limit_init(&l, 60, at(0));
        int64_t now = send_all(&l, &s, 0, 40 * SECOND);
        limit_set_rate(&l, to[i], at(now));
        int left = limit_in_window(&l, at(now));
        assert_int_equal(left, (int)s.n < to[i] ? (int)s.n : to[i]);
        assert_true(limit_wait(&l, at(now)).ms > 0); /* a new rate is no fresh bucket */
        struct sends later = {0};
        send_all(&l, &later, now, now + 10 * MINUTE);
        assert_never_above(&later, to[i]);
        assert_true((double)later.n >= 0.9 * to[i] * 9);
        limit_fini(&l);
        free(s.v);
        free(later.v);
    }
}

static void no_rate_no_limit(void **state)
{
    (void)state;
    struct limit l;
    limit_init(&l, 0, at(0));
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(limit_wait(&l, at(0)).ms, 0);
        limit_take(&l, at(0));
    }
    assert_int_equal(limit_in_window(&l, at(0)), 0);
    limit_set_rate(&l, 60, at(0));
    assert_int_equal(limit_wait(&l, at(0)).ms, 0);
    limit_set_rate(&l, 0, at(0));
    assert_int_equal(limit_wait(&l, at(0)).ms, 0);
    limit_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_above_and_at_least_98_percent),
        cmocka_unit_test(looking_often_costs_nothing),
        cmocka_unit_test(waves_stay_below),
        cmocka_unit_test(burst_is_a_tenth),
        cmocka_unit_test(wait_is_exact),
        cmocka_unit_test(restarts_do_not_help),
        cmocka_unit_test(restored_window_is_full),
        cmocka_unit_test(what_is_older_than_the_window_is_nothing),
        cmocka_unit_test(clock_set_back),
        cmocka_unit_test(time_going_back_gives_nothing),
        cmocka_unit_test(another_rate_keeps_what_was_sent),
        cmocka_unit_test(no_rate_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
