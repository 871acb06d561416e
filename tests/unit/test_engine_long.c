/* Long jobs: the handle is worth more than one bad look, calling off reaches the provider. */
#include "engine_rig.h"

#define P "images/sunset.txt"
#define R "images/sunset.png"

/* Whatever a look ends with, the job that was paid for is asked about again, never bought again. */
static void a_bad_look_keeps_the_handle(void **state)
{
    static const enum ym_class classes[] = {YM_TRANSIENT, YM_THROTTLED, YM_AUTH};
    struct rig *r = *state;
    for (size_t i = 0; i < YM_COUNT(classes); i++) {
        YM_AUTOFREE char *prompt = ym_asprintf("images/p%zu.txt", i), *picture = ym_asprintf("images/p%zu.png", i);
        rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 1, .poll_cls = classes[i], .poll_fails = 3});
        rig_save(r, prompt, prompt);
        rig_idle(r);
        rig_picture(r, picture);
        assert_int_equal(rig_sent(r), (int)i + 1);
        assert_int_equal(rig_spent(r), RIG_PRICE * ((int)i + 1));
        provider_unblock_all(r->e);
    }
    assert_true(r->polled >= 3 * 4);
}

static void a_job_that_is_over_ends(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 1, .poll_cls = YM_LOST, .poll_fails = 1});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_UNKNOWN);
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(rig_spent(r), RIG_PRICE); /* nobody knows: it counts as spent */
    rig_save(r, "images/b.txt", "another");
    rig_idle(r);
    rig_picture(r, "images/b.png");
}

static void called_off_at_the_provider(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = -1});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_ACCEPTED, 10000));
    struct ym_job_row row;
    assert_true(rig_job(r, P, 0, &row));
    rig_unlink(r, P);
    rig_idle(r);
    struct ym_job_row now;
    assert_int_equal(ym_job_get(r->journal, row.id.s, &now), 0);
    assert_int_equal(now.state, YM_JOB_CANCELLED);
    assert_non_null(strstr(now.error, "$0.01 was billed"));
    assert_int_equal(r->cancelled, 1);
    assert_int_equal(rig_spent(r), 10000);
    ym_job_row_fini(&row);
    ym_job_row_fini(&now);
}

/* It could not be stopped: what is paid for arrives and is kept. */
static void what_runs_on_is_kept(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 3, .runs_on = true});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_ACCEPTED, 10000));
    struct ym_job_row row;
    assert_true(rig_job(r, P, 0, &row));
    rig_unlink(r, P);
    rig_idle(r);
    struct ym_job_row now;
    assert_int_equal(ym_job_get(r->journal, row.id.s, &now), 0);
    assert_int_equal(now.state, YM_JOB_DONE);
    assert_true(rig_has_object(r, &now.b2));
    assert_false(rig_has(r, R));
    assert_int_equal(rig_spent(r), RIG_PRICE);
    ym_job_row_fini(&row);
    ym_job_row_fini(&now);
}

/* A provider that cannot be told is told a few times; then the job runs out. */
static void calling_off_is_tried_again(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 20, .cancel_fails = true});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_ACCEPTED, 10000));
    rig_unlink(r, P);
    rig_idle(r);
    assert_int_equal(r->cancelled, 4);
    assert_int_equal(rig_count(r, YM_JOB_DONE), 1);
}

/* Past the soft limit it is slow, and looked at every three minutes; after a day it is lost. */
static void slow_then_lost(void **state)
{
    struct rig *r = *state;
    struct ym_live live;
    struct ym_job_row row;
    rig_configure(r, "[net]\nslow_after_seconds = 60\n");
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = -1});
    rig_save(r, P, "a sunset");
    rig_advance(r, 100 * 1000);
    assert_true(rig_job(r, P, 0, &row));
    ym_engine_live(r->e, row.id.s, &live);
    assert_non_null(strstr(live.detail, "slow"));
    int before = r->polled;
    rig_advance(r, 20 * 60 * 1000);
    assert_in_range(r->polled - before, 5, 8);
    rig_restart(r); /* the day does not begin anew */
    rig_wall_shift(r, 24 * 3600 * 1000);
    rig_restart(r);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_UNKNOWN);
    assert_int_equal(rig_sent(r), 1);
    ym_job_row_fini(&row);
}

/* SIGTERM does not wait for a job that the provider goes on with: it is asked about after the next start. */
static void the_end_does_not_wait_for_it(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 20});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_ACCEPTED, 10000));
    rig_stop(r); /* the rig's clock stands still: an end that waited would never come */
    rig_start(r);
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 1);
}

struct heard {
    int progress, other;
};

static void hear(void *ctx, int64_t seq, const char *json)
{
    struct heard *h = ctx;
    if (strstr(json, "\"type\":\"progress\"")) {
        assert_non_null(strstr(json, "\"path\":\"" P "\""));
        assert_non_null(strstr(json, "\"progress\":0.5"));
        assert_int_equal(seq, 0);
        h->progress++;
    } else {
        h->other++;
    }
}

/* Told when it moves, not at every look, and never written down. */
static void progress_is_told(void **state)
{
    struct rig *r = *state;
    struct heard h = {0};
    ym_engine_subscribe(r->e, hear, &h);
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 8});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    ym_engine_subscribe(r->e, NULL, NULL);
    assert_int_equal(h.progress, 1);
    assert_true(h.other > 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(a_bad_look_keeps_the_handle), T(a_job_that_is_over_ends), T(called_off_at_the_provider),
        T(what_runs_on_is_kept),        T(calling_off_is_tried_again), T(slow_then_lost),
        T(the_end_does_not_wait_for_it), T(progress_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
