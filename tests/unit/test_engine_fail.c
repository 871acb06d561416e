/* How failure shows itself: each class through the whole engine, to state, note, money and lane. */
#include "engine_rig.h"

#define P    "images/sunset.txt"
#define R    "images/sunset.png"
#define NOTE "images/sunset.error.log"

static void note_says(struct rig *r, const char *part)
{
    YM_AUTOFREE char *note = rig_text(r, NOTE);
    if (!note)
        fail_msg("there is no %s", NOTE);
    if (!strstr(note, part))
        fail_msg("\"%s\" is not in: %s", part, note);
}

static void failed_is_retried_by_a_gesture_only(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_REFUSED});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_FAILED);
    note_says(r, "The fake provider says refused.");
    note_says(r, "words of the fake provider");
    rig_restart(r);
    ym_engine_scan(r->e);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_FAILED);
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(rig_spent(r), 0);
    rig_touch(r, P);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_DONE);
    rig_picture(r, R);
    assert_false(rig_has(r, NOTE));
    assert_int_equal(rig_sent(r), 2);
}

static void a_failed_text_under_another_name_is_not_sent_again(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_REFUSED});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_restart(r); /* found by a walk: no gesture on that name */
    file_put(r->base.s.lib_fd, "images/copy.txt", "a sunset");
    ym_engine_scan(r->e);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 1);
}

static void transient_five_times_then_failed(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 7; i++)
        rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_TRANSIENT});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_FAILED);
    assert_int_equal(rig_sent(r), 5);
    assert_int_equal(rig_spent(r), 0);
    for (int i = 1; i < 5; i++) /* never at once, never after more than a minute */
        assert_in_range(r->sent_at[i] - r->sent_at[i - 1], 100 * 1000000LL, 60100 * 1000000LL);
    note_says(r, "transient");
}

static void transient_then_well(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_TRANSIENT});
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_TRANSIENT});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 3);
    assert_int_equal(rig_spent(r), RIG_PRICE);
    assert_false(rig_has(r, NOTE));
}

static void throttled_waits_as_told_and_holds_the_lane(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 8; i++) /* more often than there are attempts: it is not counted */
        rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_THROTTLED, .retry_after_ms = 7000});
    rig_save(r, P, "a sunset");
    rig_advance(r, 1000);
    assert_int_equal(rig_sent(r), 1);
    rig_save(r, "images/other.txt", "another one");
    rig_advance(r, 1500);
    assert_int_equal(rig_sent(r), 1); /* the other waits as well: it is the provider that is busy */
    rig_idle(r);
    rig_picture(r, R);
    rig_picture(r, "images/other.png");
    assert_int_equal(rig_sent(r), 10);
    for (int i = 1; i <= 8; i++)
        assert_true(r->sent_at[i] - r->sent_at[i - 1] >= 7000 * 1000000LL);
    assert_false(rig_has(r, NOTE));
    assert_int_equal(rig_spent(r), 2 * RIG_PRICE);
}

static void a_daily_quota_parks_until_its_midnight(void **state)
{
    struct rig *r = *state;
    struct ym_job_row j;
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_THROTTLED, .until_reset = true});
    rig_save(r, P, "a sunset");
    rig_advance(r, 5000);
    assert_true(rig_job(r, P, 0, &j));
    assert_int_equal(j.state, YM_JOB_QUEUED);
    ym_wall reset =
        ym_wall_next_midnight((ym_wall){r->wall_ms}, 0); /* the fake's quota day is UTC */
    assert_in_range(j.run_at.ms, reset.ms - 60000, reset.ms + 60000);
    ym_job_row_fini(&j);
    rig_advance(r, 60000);
    assert_int_equal(rig_sent(r), 1);
}

static void offline_probes_and_is_no_attempt(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 9; i++)
        rig_play(r, (struct play){.what = PLAY_BREAK, .cls = YM_OFFLINE});
    rig_save(r, P, "a sunset");
    rig_save(r, "images/other.txt", "another one");
    rig_advance(r, 62000);
    assert_true(rig_sent(r) <= 6); /* two names, three looks; not a storm */
    assert_true(rig_sent(r) >= 2);
    assert_false(rig_has(r, NOTE));
    rig_advance(r, 300000);
    rig_idle(r);
    rig_picture(r, R);
    rig_picture(r, "images/other.png");
    assert_int_equal(rig_spent(r), 2 * RIG_PRICE);
}

static void empty_is_tried_once_more_and_paid_each_time(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 3; i++)
        rig_play(r, (struct play){.what = PLAY_NO_MEDIA});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_FAILED);
    assert_int_equal(rig_sent(r), 2);
    assert_int_equal(rig_spent(r), 2 * RIG_PRICE);
    note_says(r, "yes, $0.03");
    rig_play(r, (struct play){.what = PLAY_PICTURE});
    rig_touch(r, P);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 4); /* the third empty one, and one more try */
    rig_picture(r, R);
}

static void what_is_no_picture_is_empty(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_NOT_MEDIA});
    rig_play(r, (struct play){.what = PLAY_NOT_MEDIA});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_FAILED);
    assert_int_equal(rig_sent(r), 2);
    assert_int_equal(rig_notes(r, "images", "sunset"), 2); /* prompt and note */
    assert_int_equal(count_names(r->base.s.staging_fd, "."), 0);
}

static void ambiguous_within_the_allowed_sum_then_unknown(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 3; i++)
        rig_play(r, (struct play){.what = PLAY_BREAK, .cls = YM_AMBIGUOUS});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_UNKNOWN);
    assert_int_equal(rig_sent(r), 2); /* 0.03 may be unknown, 0.06 is above 0.05 */
    assert_int_equal(rig_spent(r), 2 * RIG_PRICE);
    note_says(r, "unknown (up to $0.03, counted as spent)");
    rig_touch(r, P); /* no gesture but these two sends it again */
    rig_idle(r);
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_restart(r);
    ym_engine_scan(r->e);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_UNKNOWN);
    assert_int_equal(rig_sent(r), 2);
    assert_int_equal(rig_do(r, ym_engine_retry, P), 0);
    rig_idle(r);
    assert_int_equal(rig_sent(r),
                     3); /* that one broke as well, and the sum is used up: no more by itself */
    rig_state_is(r, P, YM_JOB_UNKNOWN);
    assert_int_equal(rig_do(r, ym_engine_retry, P), 0);
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_spent(r), 4 * RIG_PRICE);
}

static void unknown_is_left_by_an_edit(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_BREAK, .cls = YM_LOST});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_UNKNOWN);
    rig_save(r, P, "a sunset, please");
    rig_idle(r);
    rig_picture(r, R);
    assert_false(rig_has(r, NOTE));
}

static void retry_all_failed(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_REFUSED});
    rig_play(r, (struct play){.what = PLAY_BREAK, .cls = YM_LOST});
    rig_save(r, "images/a.txt", "one");
    rig_idle(r);
    rig_save(r, "images/b.txt", "two");
    rig_idle(r);
    rig_state_is(r, "images/a.txt", YM_JOB_FAILED);
    rig_state_is(r, "images/b.txt", YM_JOB_UNKNOWN);
    assert_int_equal(rig_do(r, ym_engine_retry, "all-failed"), 0);
    rig_idle(r);
    rig_picture(r, "images/a.png");
    rig_picture(r, "images/b.png");
    assert_int_equal(rig_notes(r, "images", ".error.log"), 0);
}

static void no_key_blocks_the_provider_alone(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "---\nmodel: openai/locked\n---\na sunset");
    rig_save(r, "images/other.txt", "another one");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_QUEUED);
    rig_picture(r, "images/other.png");
    assert_int_equal(rig_sent(r), 1);
    note_says(r, "No key for openai is set.");
    rig_configure(r,
                  "[providers.openai]\napi_key = \"sk-test-0123456789\"\n"); /* and started anew */
    rig_idle(r);
    rig_picture(r, R);
    assert_false(rig_has(r, NOTE));
}

static void reload_run(struct rig *r, void *ctx)
{
    (void)ctx;
    ym_engine_reload(r->e, r->config);
}

static void a_refused_key_blocks_until_reload(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[providers.openai]\napi_key = \"sk-test-0123456789\"\nconcurrency = 1\n");
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_AUTH});
    rig_save(r, P, "---\nmodel: openai/locked\n---\na sunset");
    rig_save(r, "images/b.txt", "---\nmodel: openai/locked\n---\nsecond");
    rig_save(r, "images/c.txt", "---\nmodel: openai/locked\n---\nthird");
    rig_idle(r);
    assert_int_equal(rig_sent(r), 1); /* one refusal is enough */
    assert_int_equal(rig_count(r, YM_JOB_QUEUED), 3);
    rig_save(r, "images/d.txt", "---\nmodel: openai/locked\n---\nfourth");
    rig_idle(r);
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(rig_spent(r), 0);
    rig_on(r, reload_run, NULL);
    rig_idle(r);
    assert_int_equal(rig_count(r, YM_JOB_DONE), 4);
    assert_int_equal(rig_notes(r, "images", ".error.log"), 0);
}

static void never_above_the_rate(void **state)
{
    struct rig *r = *state;
    char name[32], text[32];
    rig_configure(r, "[providers.fal]\nrate_limit = 30\n[budget]\nbulk_count = 1000\n");
    for (int i = 0; i < 90; i++) {
        snprintf(name, sizeof(name), "images/%d.txt", i);
        snprintf(text, sizeof(text), "number %d", i);
        rig_save_pid(r, name, text, 0);
        if (i == 40) {
            rig_advance(r, 45000);
            rig_stop(r); /* what was sent counts for the next process, too */
            rig_start(r);
        }
    }
    for (int i = 0; i < 4; i++)
        rig_advance(r, 60000);
    assert_int_equal(rig_count(r, YM_JOB_DONE), 90);
    for (int i = 30; i < 90; i++)
        assert_true(r->sent_at[i] - r->sent_at[i - 30] >= INT64_C(60000000000));
}

static void a_daily_limit_of_requests(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[providers.fal]\ndaily_limit = 2\n");
    rig_save(r, "images/a.txt", "one");
    rig_save(r, "images/b.txt", "two");
    rig_save(r, "images/c.txt", "three");
    rig_advance(r, 10000);
    assert_int_equal(rig_sent(r), 2);
    rig_restart(r);
    rig_advance(r, 10000);
    assert_int_equal(rig_sent(r), 2);
    assert_int_equal(rig_count(r, YM_JOB_QUEUED), 1);
    /* A day later. */
    r->mono_ns += 24 * 3600 * INT64_C(1000000000);
    r->wall_ms += 24 * 3600 * 1000;
    rig_advance(r, 5000);
    assert_int_equal(rig_count(r, YM_JOB_DONE), 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(failed_is_retried_by_a_gesture_only),
        T(a_failed_text_under_another_name_is_not_sent_again),
        T(transient_five_times_then_failed),
        T(transient_then_well),
        T(throttled_waits_as_told_and_holds_the_lane),
        T(a_daily_quota_parks_until_its_midnight),
        T(offline_probes_and_is_no_attempt),
        T(empty_is_tried_once_more_and_paid_each_time),
        T(what_is_no_picture_is_empty),
        T(ambiguous_within_the_allowed_sum_then_unknown),
        T(unknown_is_left_by_an_edit),
        T(retry_all_failed),
        T(no_key_blocks_the_provider_alone),
        T(a_refused_key_blocks_until_reload),
        T(never_above_the_rate),
        T(a_daily_limit_of_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
