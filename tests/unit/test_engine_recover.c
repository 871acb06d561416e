/* After the process died at some point: the journal alone says what to redo. */
#include "engine_rig.h"

#define P "images/sunset.txt"
#define R "images/sunset.png"

/* Killed while a request is on its way: it counts as sent, and may be repeated within the allowed
 * sum. */
static void reserved_counts_as_sent(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_RESERVED, 10000));
    rig_restart(r);
    assert_true(
        rig_state_becomes(r, P, YM_JOB_RESERVED, 10000)); /* the second, 0.03 being unknown */
    assert_int_equal(rig_sent(r), 2);
    rig_restart(r);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_UNKNOWN); /* 0.06 is too much to repeat unasked */
    assert_int_equal(rig_sent(r), 2);
    assert_int_equal(rig_spent(r), 2 * RIG_PRICE);
    YM_AUTOFREE char *note = rig_text(r, "images/sunset.error.log");
    assert_non_null(note);
    assert_non_null(strstr(note, "retry"));
    rig_restart(r);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_UNKNOWN);
    assert_int_equal(rig_do(r, ym_engine_retry, P), 0);
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 3);
}

static void dear_ones_are_never_repeated_unasked(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_save(r, P, "---\nmodel: fal/thirty-cents\n---\na sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_RESERVED, 20000));
    rig_restart(r);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_UNKNOWN);
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(rig_spent(r), 300000);
}

/* The provider gave a handle: it is asked again, nothing is sent a second time. */
static void accepted_is_reattached(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 30});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_ACCEPTED, 10000));
    for (int i = 0; i < 3; i++) {
        rig_advance(r, 3000);
        rig_restart(r);
        rig_state_is(r, P, YM_JOB_ACCEPTED);
    }
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 1);
    assert_true(r->polled > 9);
    assert_int_equal(rig_spent(r), RIG_PRICE);
}

struct staged {
    struct rig *r;
    struct ym_id job;
    int tries;
    char whole[96];
    struct ym_digest b2;
};

/* Writes what the last process had completed before it died: the picture of another prompt, taken
 * from where that was placed. */
static void stage_whole(struct rig *r, struct staged *s, const char *from, const char *as)
{
    struct ym_staging *st;
    struct ym_whole w;
    struct ym_err e;
    char name[80];
    size_t len;
    YM_AUTOFREE char *bytes = NULL;
    YM_AUTOCLOSE int fd = ym_store_openat(&r->base.s, from, O_RDONLY | O_CLOEXEC, 0);
    assert_int_equal(ym_read_fd(fd, 1 << 20, &bytes, &len), 0);
    snprintf(name, sizeof(name), "%s.%d.%s", s->job.s, s->tries, as);
    assert_int_equal(ym_staging_new(&r->base.s, name, 0, &st, &e), 0);
    assert_int_equal(ym_staging_write(st, bytes, len, &e), 0);
    assert_int_equal(ym_staging_finish(st, -1, true, &w, &e), 0);
    s->b2 = w.b2;
}

/* A crash while a request is on its way, with a complete file of that attempt in staging. */
static struct staged crash_with(struct rig *r, const char *as)
{
    struct ym_job_row j;
    rig_save(r, "images/model.txt", "a model of a picture");
    rig_idle(r);
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_RESERVED, 10000));
    assert_true(rig_job(r, P, 0, &j));
    struct staged s = {.job = j.id, .tries = j.tries_total};
    ym_job_row_fini(&j);
    rig_kill(r);
    stage_whole(r, &s, "images/model.png", as);
    rig_start(r);
    rig_idle(r);
    return s;
}

static void a_fetched_reference_is_no_result(void **state)
{
    struct rig *r = *state;
    struct staged s = crash_with(r, "fetched.0");
    struct ym_digest got = rig_picture(r, R);
    assert_false(ym_digest_eq(&got, &s.b2));
    assert_int_equal(rig_sent(r), 3); /* what was cut off is ambiguous, and cheap enough to repeat */
    assert_int_equal(count_names(r->base.s.staging_fd, "."), 0);
}

static void complete_bytes_in_staging_are_adopted(void **state)
{
    struct rig *r = *state;
    struct staged s = crash_with(r, "0");
    struct ym_digest got = rig_picture(r, R);
    assert_true(ym_digest_eq(&got, &s.b2));
    assert_int_equal(rig_sent(r), 2);
    assert_int_equal(rig_spent(r), 2 * RIG_PRICE);
    assert_int_equal(count_names(r->base.s.staging_fd, "."), 0);
}

static void a_part_in_staging_is_worthless(void **state)
{
    struct rig *r = *state;
    rig_kill(r);
    file_put(r->base.s.staging_fd, "01ARZ3NDEKTSV4RRFFQ69G5FAV.1.0.part", "half a pict");
    rig_start(r);
    rig_idle(r);
    assert_int_equal(count_names(r->base.s.staging_fd, ".part"), 0);
}

/* A sidecar's text, or a copy, that was complete but not in its place yet. */
static void texts_on_their_way_are_removed(void **state)
{
    struct rig *r = *state;
    rig_kill(r);
    file_put(r->base.s.staging_fd, "01ARZ3NDEKTSV4RRFFQ69G5FAV.0.0.whole", "{}");
    rig_start(r);
    rig_idle(r);
    assert_int_equal(count_names(r->base.s.staging_fd, "."), 0);
}

/* Died between the rename into place and its record. */
static void placed_but_not_recorded(void **state)
{
    struct rig *r = *state;
    struct ym_slot_row s;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    struct ym_digest b2 = rig_picture(r, R);
    assert_true(rig_slot(r, P, 0, &s));
    rig_kill(r);
    struct ym_journal *j;
    struct ym_job_row row;
    struct ym_err e;
    assert_int_equal(ym_journal_open(r->base.s.state_fd, YM_JOURNAL_WRITE, &j, &e), 0);
    assert_int_equal(ym_job_get(j, s.job.s, &row), 0);
    row.state = YM_JOB_STORED;
    str_set(&row.staged, "gone.1.0.whole"); /* it was renamed away, into its place */
    assert_int_equal(ym_job_update(j, &row, &e), 0);
    s.status = YM_SLOT_WAITING;
    str_set(&s.result, NULL);
    assert_int_equal(ym_slot_put(j, &s, &e), 0);
    assert_int_equal(ym_copy_delete(j, R), 0);
    ym_job_row_fini(&row);
    ym_slot_row_fini(&s);
    ym_journal_close(j);
    rig_start(r);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_DONE);
    struct ym_digest now = rig_picture(r, R);
    assert_true(ym_digest_eq(&b2, &now));
    assert_int_equal(rig_notes(r, "images", ".png"), 2); /* not a second one under another name */
    assert_int_equal(rig_sent(r), 1);
}

/* Saved while nothing ran; also what a crash before the settle leaves. */
static void prompts_saved_meanwhile_are_found(void **state)
{
    struct rig *r = *state;
    ym_engine_scan(r->e); /* the first mount of a folder */
    rig_idle(r);
    rig_save(r, P, "a sunset"); /* dies before it settles */
    rig_kill(r);
    file_put(r->base.s.lib_fd, "images/later.txt", "a later one");
    rig_start(r);
    ym_engine_scan(r->e);
    rig_idle(r);
    rig_picture(r, R);
    rig_picture(r, "images/later.png");
    assert_int_equal(rig_sent(r), 2);
}

static void first_mount_starts_nothing(void **state)
{
    struct rig *r = *state;
    struct ym_status s;
    file_put(r->base.s.lib_fd, P, "a sunset");
    file_put(r->base.s.lib_fd, "images/b.txt", "b");
    rig_restart(r);
    ym_engine_scan(r->e);
    rig_idle(r);
    rig_restart(r);
    ym_engine_scan(r->e); /* nor does the second */
    rig_idle(r);
    assert_int_equal(rig_sent(r), 0);
    ym_engine_status(r->e, &s);
    rig_touch(r, P);
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 1);
    rig_save(r, "images/b.txt", "b, edited");
    rig_idle(r);
    rig_picture(r, "images/b.png");
}

/* A power cut can leave the file empty although its job was queued: the journal holds the text. */
static void a_prompt_found_empty_is_written_again(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_RESERVED, 10000));
    rig_kill(r);
    file_put(r->base.s.lib_fd, P, "");
    rig_start(r);
    YM_AUTOFREE char *text = rig_text(r, P);
    assert_non_null(text);
    assert_string_equal(text, "a sunset");
    rig_idle(r);
    rig_picture(r, R);
}

/* The same after it was done: what was settled is the user's text, and lost nowhere else. */
static void a_finished_prompt_found_short_is_written_again(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "a sunset");
    rig_save(r, "images/b.txt", "emptied by its user");
    rig_idle(r);
    rig_kill(r);
    struct timespec then[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = r->wall_ms / 1000 - 3600}};
    file_put(r->base.s.lib_fd, P, "a s");
    assert_int_equal(utimensat(r->base.s.lib_fd, P, then, 0),
                     0); /* not written since it had settled */
    then[1].tv_sec += 7200;
    file_put(r->base.s.lib_fd, "images/b.txt", "");
    assert_int_equal(utimensat(r->base.s.lib_fd, "images/b.txt", then, 0), 0);
    rig_start(r);
    YM_AUTOFREE char *text = rig_text(r, P), *theirs = rig_text(r, "images/b.txt");
    assert_string_equal(text, "a sunset");
    assert_string_equal(theirs, "");
    rig_idle(r);
    assert_int_equal(rig_sent(r), 2);
}

static void after_an_orderly_end_nothing_is_looked_for(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_stop(r);
    struct timespec then[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = r->wall_ms / 1000 - 3600}};
    file_put(r->base.s.lib_fd, P, "");
    assert_int_equal(utimensat(r->base.s.lib_fd, P, then, 0), 0);
    rig_start(r);
    YM_AUTOFREE char *text = rig_text(r, P);
    assert_string_equal(text, "");
}

/* A library copied with its results, or a lost journal: nothing is bought. */
static void results_found_beside_prompts_are_adopted(void **state)
{
    struct rig *r = *state;
    struct ym_job_row j;
    rig_save(r, P, "a sunset");
    rig_save(r, "images/cat.x2.txt", "a cat");
    rig_idle(r);
    struct ym_digest b2 = rig_picture(r, R);
    rig_kill(r);
    static const char *const files[] = {"journal.db", "journal.db-wal", "journal.db-shm"};
    for (size_t i = 0; i < YM_COUNT(files); i++)
        unlinkat(r->base.s.state_fd, files[i], 0);
    rig_start(r);
    ym_engine_scan(r->e);
    rig_idle(r);
    rig_touch(r, P);
    rig_touch(r, "images/cat.x2.txt");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_DONE);
    assert_true(rig_job(r, P, 0, &j));
    assert_true(j.adopted);
    assert_int_equal(j.cost.micro_usd, 0);
    ym_job_row_fini(&j);
    struct ym_digest now = rig_picture(r, R);
    assert_true(ym_digest_eq(&b2, &now));
    assert_int_equal(rig_sent(r), 3);
    assert_int_equal(rig_notes(r, "images", ".png"), 6);
}

static void a_damaged_result_is_not_adopted(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_kill(r);
    static const char *const files[] = {"journal.db", "journal.db-wal", "journal.db-shm"};
    for (size_t i = 0; i < YM_COUNT(files); i++)
        unlinkat(r->base.s.state_fd, files[i], 0);
    file_put(r->base.s.lib_fd, R, "not what the sidecar says");
    rig_start(r);
    rig_touch(r, P);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 2);
    rig_picture(r, "images/sunset.txt.png");
}

/* SIGTERM: what is paid for arrives; nothing new begins. */
static void stopping_waits_for_what_is_paid(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 0});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_ACCEPTED, 10000));
    rig_kill(r); /* an accepted job has no need to be waited for */
    rig_start(r);
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 1);
}

/* Gone from the folder and from history: held, and bought only on a gesture. */
static void bytes_gone_everywhere(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    assert_int_equal(unlinkat(r->base.s.lib_fd, R, 0), 0); /* while unmounted: no history */
    rig_restart(r);
    rig_save(r, "images/copy.txt", "a sunset"); /* wants a clone of it */
    rig_idle(r);
    rig_state_is(r, "images/copy.txt", YM_JOB_HELD);
    assert_int_equal(rig_sent(r), 1);
    rig_touch(r, "images/copy.txt");
    rig_idle(r);
    rig_picture(r, "images/copy.png");
    assert_int_equal(rig_sent(r), 2);
}

static void clock_set_back_between_two_runs(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[providers.fal]\nrate_limit = 2\n");
    rig_save(r, "images/a.txt", "one");
    rig_idle(r);
    rig_save(r, "images/b.txt", "two");
    rig_idle(r);
    rig_kill(r);
    rig_wall_shift(r, -3600 * 1000);
    rig_start(r);
    rig_save(r, "images/c.txt", "three");
    rig_advance(r, 50000);
    assert_int_equal(rig_sent(r), 2); /* the minute is not over, whatever the clock says */
    rig_advance(r, 15000);
    rig_idle(r);
    rig_picture(r, "images/c.png"); /* and it is not an hour either */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(reserved_counts_as_sent),
        T(dear_ones_are_never_repeated_unasked),
        T(accepted_is_reattached),
        T(complete_bytes_in_staging_are_adopted),
        T(a_fetched_reference_is_no_result),
        T(a_part_in_staging_is_worthless),
        T(texts_on_their_way_are_removed),
        T(placed_but_not_recorded),
        T(prompts_saved_meanwhile_are_found),
        T(first_mount_starts_nothing),
        T(a_prompt_found_empty_is_written_again),
        T(a_finished_prompt_found_short_is_written_again),
        T(after_an_orderly_end_nothing_is_looked_for),
        T(results_found_beside_prompts_are_adopted),
        T(a_damaged_result_is_not_adopted),
        T(stopping_waits_for_what_is_paid),
        T(bytes_gone_everywhere),
        T(clock_set_back_between_two_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
