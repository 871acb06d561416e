/* What follows from a failure: every class, and the bounds. */
#include "unit.h"

#include "../../src/engine/retry.h"

static struct retry_in plain(enum ym_class cls)
{
    return (struct retry_in){.cls = cls,
                             .max_attempts = 5,
                             .unknown_max = {50000},
                             .base = YM_SEC(1),
                             .max = YM_SEC(60)};
}

/* The manual's table of failures, said once more from its own words. */
static void every_class(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        enum ym_class cls;
        enum ym_state then;
        enum retry_money money;
        enum retry_lane lane;
        bool counts, note, waits;
    } rows[YM_CLASS_COUNT] = {
        {YM_OK,        YM_JOB_FAILED,    RETRY_SETTLE,  RETRY_LANE_GO,      true,  true,  false},
        {YM_INVALID,   YM_JOB_FAILED,    RETRY_RELEASE, RETRY_LANE_GO,      true,  true,  false},
        {YM_AUTH,      YM_JOB_QUEUED,    RETRY_RELEASE, RETRY_LANE_BLOCK,   false, true,  false},
        {YM_REFUSED,   YM_JOB_FAILED,    RETRY_RELEASE, RETRY_LANE_GO,      true,  true,  false},
        {YM_THROTTLED, YM_JOB_QUEUED,    RETRY_RELEASE, RETRY_LANE_WAIT,    false, false, true},
        {YM_OFFLINE,   YM_JOB_QUEUED,    RETRY_RELEASE, RETRY_LANE_OFFLINE, false, false, true},
        {YM_TRANSIENT, YM_JOB_QUEUED,    RETRY_RELEASE, RETRY_LANE_GO,      true,  true,  true},
        {YM_EMPTY,     YM_JOB_QUEUED,    RETRY_SETTLE,  RETRY_LANE_GO,      true,  true,  true},
        {YM_AMBIGUOUS, YM_JOB_QUEUED,    RETRY_KEEP,    RETRY_LANE_GO,      true,  true,  true},
        {YM_LOST,      YM_JOB_UNKNOWN,   RETRY_KEEP,    RETRY_LANE_GO,      true,  true,  false},
        {YM_HELD,      YM_JOB_HELD,      RETRY_RELEASE, RETRY_LANE_GO,      false, false, false},
        {YM_LOCAL,     YM_JOB_UNKNOWN,   RETRY_KEEP,    RETRY_LANE_GO,      true,  true,  false},
        {YM_CANCELLED, YM_JOB_CANCELLED, RETRY_RELEASE, RETRY_LANE_GO,      false, false, false},
        {YM_BROKEN,    YM_JOB_FAILED,    RETRY_KEEP,    RETRY_LANE_GO,      true,  true,  false},
    };
    /* clang-format on */
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        assert_int_equal(rows[i].cls, i);
        struct retry_in in = plain(rows[i].cls);
        struct retry_out out = retry_decide(&in);
        assert_int_equal(out.state, rows[i].then);
        assert_int_equal(out.money, rows[i].money);
        assert_int_equal(out.lane, rows[i].lane);
        assert_int_equal(out.counts, rows[i].counts);
        assert_int_equal(out.note, rows[i].note);
        assert_int_equal(out.wait.ms > 0, rows[i].waits);
    }
}

/* How often a class is tried at all, when it fails every time: each decision fed into the next. */
static int tries_until_end(enum ym_class cls, struct retry_in in, enum ym_state *ret_end)
{
    int64_t each = in.unknown_sum.micro_usd;
    in.cls = cls;
    for (int n = 1; n <= 1000; n++) {
        struct retry_out out = retry_decide(&in);
        if (out.state != YM_JOB_QUEUED) {
            *ret_end = out.state;
            return n;
        }
        in.attempts += out.counts;
        in.empties += cls == YM_EMPTY;
        in.unknown_sum.micro_usd += each;
    }
    *ret_end = YM_JOB_QUEUED;
    return 1000;
}

static void tries_are_bounded(void **state)
{
    (void)state;
    static const struct {
        enum ym_class cls;
        int tries;
        enum ym_state end;
    } rows[] = {
        {YM_INVALID, 1, YM_JOB_FAILED},    {YM_REFUSED, 1, YM_JOB_FAILED},
        {YM_TRANSIENT, 5, YM_JOB_FAILED},  {YM_EMPTY, 2, YM_JOB_FAILED},
        {YM_AMBIGUOUS, 5, YM_JOB_UNKNOWN}, {YM_LOST, 1, YM_JOB_UNKNOWN},
        {YM_LOCAL, 1, YM_JOB_UNKNOWN},     {YM_CANCELLED, 1, YM_JOB_CANCELLED},
        {YM_BROKEN, 1, YM_JOB_FAILED},     {YM_THROTTLED, 1000, YM_JOB_QUEUED},
        {YM_OFFLINE, 1000, YM_JOB_QUEUED}, {YM_AUTH, 1000, YM_JOB_QUEUED},
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        enum ym_state end;
        assert_int_equal(tries_until_end(rows[i].cls, plain(rows[i].cls), &end), rows[i].tries);
        assert_int_equal(end, rows[i].end);
    }
}

static void attempts_as_configured(void **state)
{
    (void)state;
    for (int max = 1; max <= 9; max++) {
        enum ym_state end;
        struct retry_in in = plain(YM_TRANSIENT);
        in.max_attempts = max;
        assert_int_equal(tries_until_end(YM_TRANSIENT, in, &end), max);
    }
}

/* An unanswered request is sent again while all the job's unknown attempts together stay within the
 * allowed sum; what a picture costs decides, not a count. */
static void unknown_attempts_by_their_sum(void **state)
{
    (void)state;
    static const struct {
        int64_t each, allowed;
        int tries;
    } rows[] = {
        {33600, 50000, 2}, /* one unknown fits, the second does not */
        {25000, 50000, 3}, /* just as much as allowed is allowed */
        {50000, 50000, 2}, {50001, 50000, 1}, {134000, 50000, 1},  {0, 50000, 5},
        {33600, 0, 1},     {0, 0, 5},         {33600, 1000000, 5},
    };
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        enum ym_state end;
        struct retry_in in = plain(YM_AMBIGUOUS);
        in.unknown_sum.micro_usd = rows[i].each;
        in.unknown_max.micro_usd = rows[i].allowed;
        assert_int_equal(tries_until_end(YM_AMBIGUOUS, in, &end), rows[i].tries);
        assert_int_equal(end, YM_JOB_UNKNOWN);
    }
}

/* Full jitter, doubling, capped; never at once. */
static void backoff_grows_and_is_capped(void **state)
{
    (void)state;
    static const int64_t top[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (int n = 0; n < (int)YM_COUNT(top); n++) {
        struct retry_in in = plain(YM_TRANSIENT);
        in.attempts = n;
        in.max_attempts = 100;
        int64_t least = INT64_MAX, most = 0;
        for (uint64_t r = 0; r < 60000; r++) {
            in.random = r;
            int64_t wait = retry_decide(&in).wait.ms;
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
        }
        assert_int_equal(least, top[n] / 10);
        assert_int_equal(most, top[n]);
    }
}

static void backoff_of_very_many_tries(void **state)
{
    (void)state;
    struct retry_in in = plain(YM_THROTTLED);
    in.attempts = 1 << 20;
    in.random = UINT64_MAX;
    ym_dur w = retry_decide(&in).wait;
    assert_true(w.ms >= 6000 && w.ms <= 60000);
    in.base = in.max = YM_MS(0); /* not configured: a second, at most a minute */
    in.attempts = 0;
    w = retry_decide(&in).wait;
    assert_true(w.ms >= 100 && w.ms <= 1000);
}

static void told_waits_are_honoured_and_bounded(void **state)
{
    (void)state;
    static const enum ym_class classes[] = {YM_THROTTLED, YM_TRANSIENT, YM_EMPTY, YM_AMBIGUOUS};
    for (size_t i = 0; i < YM_COUNT(classes); i++) {
        struct retry_in in = plain(classes[i]);
        in.told = YM_SEC(17);
        assert_int_equal(retry_decide(&in).wait.ms, 17000);
        in.told = YM_SEC(INT64_C(86400) * 365 * 100);
        assert_int_equal(retry_decide(&in).wait.ms, RETRY_TOLD_MAX.ms);
        in.told = YM_MS(-5);
        assert_true(retry_decide(&in).wait.ms >= 100);
    }
}

static void offline_probes_every_30_s(void **state)
{
    (void)state;
    struct retry_in in = plain(YM_OFFLINE);
    in.attempts = 4;
    in.told = YM_SEC(2);
    assert_int_equal(retry_decide(&in).wait.ms, 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class),
        cmocka_unit_test(tries_are_bounded),
        cmocka_unit_test(attempts_as_configured),
        cmocka_unit_test(unknown_attempts_by_their_sum),
        cmocka_unit_test(backoff_grows_and_is_capped),
        cmocka_unit_test(backoff_of_very_many_tries),
        cmocka_unit_test(told_waits_are_honoured_and_bounded),
        cmocka_unit_test(offline_probes_every_30_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
