/* The next model when one refuses its service; never after a request whose answer is not known. */
#include "engine_rig.h"

#define P "images/sunset.txt"
#define R "images/sunset.png"

static const char two[] = "[defaults]\nimage_model = [\"fal/paint\", \"fal/thirty-cents\"]\n"
                          "[providers.fal]\nretry_attempts = 2\n";

static void model_is(struct rig *r, const char *path, const char *model)
{
    struct ym_job_row row;
    assert_true(rig_job(r, path, 0, &row));
    assert_string_equal(row.model, model);
    ym_job_row_fini(&row);
}

static void tried_says(struct rig *r, const char *path, const char *words)
{
    struct ym_job_row row;
    assert_true(rig_job(r, path, 0, &row));
    if (!row.tried || !strstr(row.tried, words))
        fail_msg("\"%s\" is not in %s", words, row.tried ? row.tried : "(nothing)");
    ym_job_row_fini(&row);
}

static void after_the_last_try(void **state)
{
    struct rig *r = *state;
    rig_configure(r, two);
    for (int i = 0; i < 2; i++)
        rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_TRANSIENT});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_picture(r, R);
    model_is(r, P, "thirty-cents");
    tried_says(r, P, "\"model\":\"fal/paint\",\"class\":\"transient\"");
    assert_int_equal(rig_sent(r), 3);
    assert_int_equal(rig_spent(r), 300000);
    YM_AUTOFREE char *side = rig_text(r, "images/sunset.png.json");
    assert_non_null(strstr(side, "\"fallback_from\""));
    rig_touch(r, P); /* done is done, whoever made it */
    rig_idle(r);
    assert_int_equal(rig_sent(r), 3);
}

static void when_the_day_is_used_up(void **state)
{
    struct rig *r = *state;
    rig_configure(r, two);
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_THROTTLED, .until_reset = true});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    model_is(r, P, "thirty-cents");
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 2);
    rig_save(r, "images/later.txt", "a moon"); /* of this day nobody asks the first one again */
    rig_idle(r);
    model_is(r, "images/later.txt", "thirty-cents");
    assert_int_equal(rig_sent(r), 3);
}

/* A key that does not work: also those that wait already ask the next one, and new ones do at once. */
static void when_the_key_is_refused(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[defaults]\nimage_model = [\"fal/paint\", \"sketch/sketch\"]\n[providers.fal]\nconcurrency = 1\n");
    rig_play(r, (struct play){.what = PLAY_GATE});
    rig_save(r, "images/a.txt", "one");
    assert_true(rig_state_becomes(r, "images/a.txt", YM_JOB_RESERVED, 10000));
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_AUTH});
    rig_save(r, "images/b.txt", "two");
    rig_save(r, "images/c.txt", "three");
    assert_true(rig_state_becomes(r, "images/c.txt", YM_JOB_QUEUED, 10000));
    rig_gate(r, true);
    rig_idle(r);
    model_is(r, "images/a.txt", "paint");
    rig_save(r, "images/d.txt", "four");
    rig_idle(r);
    static const char *const names[] = {"images/b.txt", "images/c.txt", "images/d.txt"};
    for (size_t i = 0; i < YM_COUNT(names); i++)
        model_is(r, names[i], "sketch");
    rig_picture(r, "images/d.png");
    assert_int_equal(rig_spent(r), RIG_PRICE);
}

static void never_after_an_unknown_answer(void **state)
{
    struct rig *r = *state;
    rig_configure(r, two);
    rig_play(r, (struct play){.what = PLAY_BREAK, .cls = YM_AMBIGUOUS}); /* cheap enough to be repeated once */
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_TRANSIENT});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_FAILED);
    model_is(r, P, "paint");
}

/* What the user named is not replaced by the list of defaults; what its own table says is. */
static void a_named_model_is_meant(void **state)
{
    struct rig *r = *state;
    rig_configure(r, two);
    for (int i = 0; i < 2; i++)
        rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_TRANSIENT});
    rig_save(r, P, "---\nmodel: fal/paint\n---\na sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_FAILED);
}

static void its_own_fallback(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[models.\"paint\"]\nfallback = \"sketch/sketch\"\n[providers.fal]\nretry_attempts = 1\n");
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_TRANSIENT});
    rig_save(r, P, "---\nmodel: fal/paint\n---\na sunset");
    rig_idle(r);
    model_is(r, P, "sketch");
    rig_picture(r, R);
}

/* A dearer one is held like any other that costs too much. */
static void a_dear_one_is_held(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[defaults]\nimage_model = [\"fal/paint\", \"nobody/knows\", \"fal/dear\"]\n"
                     "[providers.fal]\nretry_attempts = 1\n");
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_TRANSIENT});
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    model_is(r, P, "dear");
    tried_says(r, P, "nobody/knows");
    assert_int_equal(rig_sent(r), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(after_the_last_try),     T(when_the_day_is_used_up), T(when_the_key_is_refused), T(never_after_an_unknown_answer),
        T(a_named_model_is_meant), T(its_own_fallback),        T(a_dear_one_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
