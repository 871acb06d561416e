/* From a saved prompt to a picture beside it, and what later gestures do: the engine whole, on a
 * clock of its own, with a provider that does as it is told. */
#include "engine_rig.h"

#define P "images/sunset.txt"
#define R "images/sunset.png"

static void prompt_becomes_a_picture(void **state)
{
    struct rig *r = *state;
    struct ym_job_row j;
    rig_save(r, P, "a sunset");
    rig_advance(r, 200);
    rig_state_is(r, P, YM_JOB_NONE); /* not settled yet */
    assert_int_equal(rig_sent(r), 0);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_DONE);
    struct ym_digest b2 = rig_picture(r, R);
    assert_true(rig_job(r, P, 0, &j));
    assert_true(ym_digest_eq(&j.b2, &b2));
    assert_int_equal(j.cost.micro_usd, RIG_PRICE);
    assert_int_equal(j.attempts, 1);
    assert_int_equal(j.tries_total, 1);
    ym_job_row_fini(&j);
    YM_AUTOFREE char *side = rig_text(r, R ".json");
    assert_non_null(side);
    assert_non_null(strstr(side, "\"a sunset\""));
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(rig_spent(r), RIG_PRICE);
    assert_int_equal(count_names(r->base.s.staging_fd, "."), 0);
}

static void unchanged_is_unchanged(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    struct ym_ident before, after;
    assert_int_equal(ym_store_ident(r->base.s.lib_fd, R, &before), 0);
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_advance(r, 20000);
    rig_touch(r, P);
    rig_idle(r);
    rig_tell(r, YM_TOUCH_OPENED, P, false); /* opened for writing, nothing written */
    rig_tell(r, YM_TOUCH_CLOSED, P, false);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(ym_store_ident(r->base.s.lib_fd, R, &after), 0);
    assert_true(ym_ident_same_file(&before, &after));
    assert_int_equal(rig_count(r, YM_JOB_DONE), 1);
}

static void an_edit_replaces_and_keeps_the_old(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    struct ym_digest old = rig_picture(r, R);
    rig_save(r, P, "a sunrise");
    rig_idle(r);
    struct ym_digest now = rig_picture(r, R);
    assert_false(ym_digest_eq(&old, &now));
    assert_true(rig_has_object(r, &old));
    assert_int_equal(rig_sent(r), 2);
    assert_int_equal(rig_notes(r, "images", ".png"), 2); /* one picture, one sidecar */
    rig_save(r, P, "a sunset");                          /* back: known already */
    rig_idle(r);
    now = rig_picture(r, R);
    assert_true(ym_digest_eq(&old, &now));
    assert_int_equal(rig_sent(r), 2);
    assert_int_equal(rig_spent(r), 2 * RIG_PRICE);
}

static void two_names_one_purchase(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_save(r, "images/a.txt", "the same words");
    assert_true(rig_state_becomes(r, "images/a.txt", YM_JOB_RESERVED, 10000));
    rig_save(r, "images/b.txt", "the same words"); /* while it runs */
    rig_advance(r, 10000);
    rig_gate(r, true);
    rig_idle(r);
    rig_save(r, "images/c.txt", "the same words"); /* after it is done */
    rig_idle(r);
    struct ym_digest a = rig_picture(r, "images/a.png"), b = rig_picture(r, "images/b.png"),
                     c = rig_picture(r, "images/c.png");
    assert_true(ym_digest_eq(&a, &b) && ym_digest_eq(&a, &c));
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(rig_spent(r), RIG_PRICE);
}

static void raising_n_buys_the_difference(void **state)
{
    struct rig *r = *state;
    rig_save(r, "images/cat.x2.txt", "a cat");
    rig_idle(r);
    struct ym_digest one = rig_picture(r, "images/cat.png"),
                     two = rig_picture(r, "images/cat-2.png");
    assert_false(ym_digest_eq(&one, &two));
    assert_int_equal(rig_sent(r), 2);
    rig_rename(r, "images/cat.x2.txt", "images/cat.x3.txt");
    rig_idle(r);
    assert_int_equal(rig_sent(r), 3);
    rig_picture(r, "images/cat-3.png");
    struct ym_digest again = rig_picture(r, "images/cat.png");
    assert_true(ym_digest_eq(&one, &again));
    rig_rename(r, "images/cat.x3.txt", "images/cat.txt"); /* fewer: the pictures stay */
    rig_idle(r);
    assert_int_equal(rig_sent(r), 3);
    rig_picture(r, "images/cat-3.png");
}

static void front_matter_n(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "---\nn: 2\n---\na dog");
    rig_idle(r);
    assert_int_equal(rig_sent(r), 2);
    rig_picture(r, "images/sunset-2.png");
    rig_save(r, P, "---\nn: 3\n---\na dog");
    rig_idle(r);
    rig_picture(r, "images/sunset-3.png");
    assert_int_equal(rig_sent(r),
                     3); /* H of the first two is known, though the bytes of the file differ */
}

static void pause_run(struct rig *r, void *ctx)
{
    ym_engine_pause(r->e, ctx != NULL);
}

static void unlinked_before_it_was_sent(void **state)
{
    struct rig *r = *state;
    rig_on(r, pause_run, r);
    rig_save(r, "images/a.txt", "the same words");
    rig_save(r, "images/b.txt", "the same words");
    assert_true(rig_state_becomes(r, "images/b.txt", YM_JOB_QUEUED, 10000));
    rig_unlink(r, "images/a.txt");
    rig_advance(r, 5000);
    rig_state_is(r, "images/b.txt", YM_JOB_QUEUED); /* one name is left */
    rig_unlink(r, "images/b.txt");
    rig_advance(r, 5000);
    assert_int_equal(rig_count(r, YM_JOB_CANCELLED), 1);
    rig_on(r, pause_run, NULL);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 0);
    assert_int_equal(rig_spent(r), 0);
}

/* git checkout and many editors unlink and write anew: nothing is cancelled by that. */
static void unlinked_and_back(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_RESERVED, 10000));
    rig_unlink(r, P);
    rig_save(r, P, "a sunset");
    rig_advance(r, 8000);
    rig_gate(r, true);
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 1);
}

static void unlinked_while_it_runs_is_kept(void **state)
{
    struct rig *r = *state;
    struct ym_job_row j;
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_RESERVED, 10000));
    assert_true(rig_job(r, P, 0, &j));
    rig_unlink(r, P);
    rig_advance(r, 5000);
    rig_gate(r, true);
    rig_idle(r);
    assert_false(rig_has(r, R));
    assert_int_equal(rig_count(r, YM_JOB_DONE), 1); /* paid and kept */
    assert_int_equal(rig_spent(r), RIG_PRICE);
    rig_save(r, P, "a sunset"); /* asked for again: it is there already */
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 1);
    ym_job_row_fini(&j);
}

static void emptied_while_queued(void **state)
{
    struct rig *r = *state;
    rig_on(r, pause_run, r);
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_QUEUED, 10000));
    rig_save(r, P, " \n");
    rig_advance(r, 10000);
    assert_int_equal(rig_count(r, YM_JOB_CANCELLED), 1);
    rig_on(r, pause_run, NULL);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 0);
    rig_save(r, P, "a sunset"); /* and written again */
    rig_idle(r);
    rig_picture(r, R);
}

static void empty_and_other_files_never_start(void **state)
{
    struct rig *r = *state;
    static const char *const names[] = {"images/.hidden.txt", "images/x~",
                                        "images/#x#",         "images/_x.txt",
                                        "images/README.txt",  "images/x.txt.part",
                                        "images/x.jpg.json",  "images/x.error.log",
                                        "images/note.rtf",    "x.txt",
                                        "images/sedAbc123"};
    for (size_t i = 0; i < YM_COUNT(names); i++)
        rig_save(r, names[i], "a sunset");
    rig_save(r, "images/blank.txt", "\xEF\xBB\xBF \n\t\n");
    rig_idle(r);
    rig_advance(r, 5000);
    assert_int_equal(rig_sent(r), 0);
    for (enum ym_state s = YM_JOB_HELD; s < YM_JOB_STATE_COUNT; s++)
        assert_int_equal(rig_count(r, s), 0);
}

static void deleted_result_stays_deleted(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    struct ym_digest b2 = rig_picture(r, R);
    rig_unlink(r, R);
    rig_idle(r);
    assert_true(rig_has_object(r, &b2));
    rig_restart(r);
    ym_engine_scan(r->e);
    rig_idle(r);
    assert_false(rig_has(r, R)); /* a scan does not bring it back */
    rig_touch(r, P);
    rig_idle(r);
    struct ym_digest again = rig_picture(r, R);
    assert_true(ym_digest_eq(&b2, &again));
    assert_int_equal(rig_sent(r), 1);
}

static void a_users_file_is_never_replaced(void **state)
{
    struct rig *r = *state;
    file_put(r->base.s.lib_fd, R, "my own picture");
    rig_save(r, P, "a sunset");
    rig_idle(r);
    YM_AUTOFREE char *mine = rig_text(r, R);
    assert_string_equal(mine, "my own picture");
    rig_picture(r, "images/sunset.txt.png");
    assert_false(rig_has(r, R ".json"));
}

static void an_edited_result_is_the_users(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_save(r, R, "painted over");
    rig_idle(r);
    rig_save(r, P, "a sunrise");
    rig_idle(r);
    YM_AUTOFREE char *mine = rig_text(r, R);
    assert_string_equal(mine, "painted over");
    rig_picture(r, "images/sunset.txt.png");
}

static void renamed_prompt_gets_a_clone(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    struct ym_digest b2 = rig_picture(r, R);
    rig_rename(r, P, "images/evening.txt");
    rig_idle(r);
    struct ym_digest clone = rig_picture(r, "images/evening.png");
    assert_true(ym_digest_eq(&b2, &clone));
    rig_picture(r, R); /* the old one stays */
    assert_int_equal(rig_sent(r), 1);
    rig_state_is(r, P, YM_JOB_NONE);
}

static void renamed_while_it_runs(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_RESERVED, 10000));
    rig_rename(r, P, "images/evening.txt");
    rig_advance(r, 5000);
    rig_gate(r, true);
    rig_idle(r);
    rig_picture(r, "images/evening.png");
    assert_false(rig_has(r, R));
    assert_int_equal(rig_sent(r), 1);
}

/* The newer text wins, whatever comes back when. */
static void an_older_answer_never_covers_a_newer(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_RESERVED, 10000));
    rig_save(r, P, "a sunrise");
    assert_true(rig_state_becomes(r, P, YM_JOB_DONE, 20000));
    struct ym_digest newer = rig_picture(r, R);
    rig_gate(r, true);
    rig_idle(r);
    struct ym_digest now = rig_picture(r, R);
    assert_true(ym_digest_eq(&newer, &now));
    assert_int_equal(rig_count(r, YM_JOB_DONE), 2); /* the older one is paid for, and kept */
    rig_save(r, P, "a sunset");
    rig_idle(r);
    now = rig_picture(r, R);
    assert_false(ym_digest_eq(&newer, &now));
    assert_int_equal(rig_sent(r), 2);
}

static void an_edit_while_queued_costs_once(void **state)
{
    struct rig *r = *state;
    rig_on(r, pause_run, r);
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_QUEUED, 10000));
    rig_save(r, P, "a sunrise");
    rig_advance(r, 10000);
    rig_on(r, pause_run, NULL);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 1);
    assert_string_equal(r->prompts[0], "a sunrise");
}

static void again_takes_the_next_variation(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "a sunset");
    rig_idle(r);
    struct ym_digest first = rig_picture(r, R);
    assert_int_equal(rig_do(r, ym_engine_again, P), 0);
    rig_idle(r);
    struct ym_digest second = rig_picture(r, R);
    assert_false(ym_digest_eq(&first, &second));
    assert_true(rig_has_object(r, &first));
    assert_int_equal(rig_do(r, ym_engine_again, R), 0); /* by the result's name, too */
    rig_idle(r);
    struct ym_digest third = rig_picture(r, R);
    assert_false(ym_digest_eq(&second, &third));
    assert_int_equal(rig_sent(r), 3);
    assert_true(rig_do(r, ym_engine_again, "images/nothing.txt") < 0);
}

static void cancelled_by_a_verb(void **state)
{
    struct rig *r = *state;
    rig_on(r, pause_run, r);
    rig_save(r, P, "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_QUEUED, 10000));
    assert_int_equal(rig_do(r, ym_engine_cancel, P), 0);
    rig_state_is(r, P, YM_JOB_CANCELLED);
    rig_on(r, pause_run, NULL);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 0);
    assert_true(rig_do(r, ym_engine_cancel, P) < 0);
    rig_touch(r, P); /* a gesture brings it back */
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 1);
}

static void impossible_text_is_a_failed_job_with_a_note(void **state)
{
    struct rig *r = *state;
    static const char *const texts[] = {"the impossible", "---\nmax_usdd: 3\n---\nx",
                                        "---\nseed: [1]\n---\nx", "\xff\xfe",
                                        "---\nmodel: nobody-has-this\n---\nx"};
    for (size_t i = 0; i < YM_COUNT(texts); i++) {
        rig_save(r, P, texts[i]);
        rig_advance(r, 10000);
        rig_idle(r);
        rig_state_is(r, P, YM_JOB_FAILED);
        YM_AUTOFREE char *note = rig_text(r, "images/sunset.error.log");
        assert_non_null(note);
    }
    assert_int_equal(rig_sent(r), 0);
    rig_save(r, P, "a sunset");
    rig_advance(r, 10000);
    rig_idle(r);
    rig_picture(r, R);
    assert_false(rig_has(r, "images/sunset.error.log"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(prompt_becomes_a_picture),
        T(unchanged_is_unchanged),
        T(an_edit_replaces_and_keeps_the_old),
        T(two_names_one_purchase),
        T(raising_n_buys_the_difference),
        T(front_matter_n),
        T(unlinked_before_it_was_sent),
        T(unlinked_and_back),
        T(unlinked_while_it_runs_is_kept),
        T(emptied_while_queued),
        T(empty_and_other_files_never_start),
        T(deleted_result_stays_deleted),
        T(a_users_file_is_never_replaced),
        T(an_edited_result_is_the_users),
        T(renamed_prompt_gets_a_clone),
        T(renamed_while_it_runs),
        T(an_older_answer_never_covers_a_newer),
        T(an_edit_while_queued_costs_once),
        T(again_takes_the_next_variation),
        T(cancelled_by_a_verb),
        T(impossible_text_is_a_failed_job_with_a_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
