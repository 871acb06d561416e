/* Holds, approvals, budgets, the bulk guard: money needs a positive act and has a ceiling. */
#include "engine_rig.h"

#define P    "images/sunset.txt"
#define R    "images/sunset.png"
#define HELD "images/sunset.held.log"
#define DEAR "---\nmodel: fal/dear\n---\na sunset"

static void budget(struct rig *r, const char *toml)
{
    rig_save(r, "cost/budget.toml", toml);
    rig_idle(r);
}

static void too_dear_is_held_and_says_so(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, DEAR);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    YM_AUTOFREE char *note = rig_text(r, HELD);
    assert_non_null(note);
    assert_non_null(strstr(note, "$3.00"));
    rig_touch(r, P); /* a gesture on the prompt is no approval */
    rig_idle(r);
    rig_restart(r);
    ym_engine_scan(r->e);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    assert_int_equal(rig_sent(r), 0);
    assert_int_equal(rig_spent(r), 0);
}

static void renaming_the_note_approves_its_amount(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, DEAR);
    rig_idle(r);
    rig_rename(r, HELD, "images/sunset.approved.log");
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(rig_notes(r, "images", ".log"), 0);
}

static void other_approved_logs_are_plain_files(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, DEAR);
    rig_idle(r);
    rig_save(r, "images/sunset.approved.log", "yes, please");
    rig_advance(r, 3000);
    rig_unlink(r, "images/sunset.approved.log");
    rig_save(r, "images/forged.held.log",
             "Amount: $3.00"); /* not the file that was written by us */
    rig_rename(r, "images/forged.held.log", "images/sunset.approved.log");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    rig_unlink(r, HELD); /* ours replaced by another of that name */
    rig_save(r, HELD, "Amount: $3.00");
    rig_rename(r, HELD, "images/sunset.approved.log");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    assert_int_equal(rig_sent(r), 0);
}

static void approved_by_verb_up_to_the_amount(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, DEAR);
    rig_idle(r);
    assert_int_equal(rig_approve(r, P, 1000000), 0); /* less than it may cost */
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    assert_int_equal(rig_sent(r), 0);
    assert_int_equal(rig_approve(r, P, 3000000), 0);
    rig_idle(r);
    rig_picture(r, R);
    assert_int_equal(rig_sent(r), 1);
    assert_true(rig_approve(r, P, 3000000) < 0); /* nothing is held any more */
    assert_int_equal(rig_notes(r, "images", ".log"), 0);
}

static void all_variations_are_one_hold(void **state)
{
    struct rig *r = *state;
    rig_save(r, "images/sunset.x4.txt", DEAR);
    rig_idle(r);
    assert_int_equal(rig_count(r, YM_JOB_HELD), 4);
    assert_int_equal(rig_notes(r, "images", ".held.log"), 1);
    YM_AUTOFREE char *note = rig_text(r, HELD);
    assert_non_null(note);
    assert_non_null(strstr(note, "$12.00"));
    rig_rename(r, HELD, "images/sunset.approved.log");
    rig_idle(r);
    assert_int_equal(rig_count(r, YM_JOB_DONE), 4);
    assert_int_equal(rig_sent(r), 4);
    assert_int_equal(rig_notes(r, "images", ".log"), 0);
}

static void a_deleted_or_edited_prompt_withdraws_its_hold(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, DEAR);
    rig_idle(r);
    rig_save(r, P, "a cheap sunset");
    rig_idle(r);
    rig_picture(r, R);
    assert_false(rig_has(r, HELD));
    rig_save(r, "images/b.txt", DEAR " of another kind");
    rig_idle(r);
    assert_true(rig_has(r, "images/b.held.log"));
    rig_unlink(r, "images/b.txt");
    rig_idle(r);
    rig_advance(r, 3000);
    assert_false(rig_has(r, "images/b.held.log"));
    assert_int_equal(rig_count(r, YM_JOB_HELD), 0);
}

static void unknown_price_needs_an_amount(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "---\nmodel: fal/odd\n---\na sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    assert_true(rig_approve(r, P, -1) < 0); /* there is no stated amount */
    rig_rename(r, HELD, "images/sunset.approved.log");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    assert_int_equal(rig_sent(r), 0);
    assert_int_equal(rig_approve(r, P, 50000), 0);
    rig_idle(r);
    rig_picture(r, R);
}

static void a_price_that_becomes_known_releases(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "---\nmodel: fal/odd\n---\na sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    file_put(r->base.s.state_fd, "prices.toml", "[models.\"odd\"]\nprice_per_image_usd = 0.02\n");
    rig_tell(r, YM_TOUCH_CLOSED, ".ymago/prices.toml", true);
    rig_idle(r);
    rig_picture(r, R);
    assert_false(rig_has(r, HELD));
}

static void front_matter_may_only_lower_the_ceiling(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, "---\nmax_usd: 0.02\n---\na sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    rig_save(r, "images/b.txt", "---\nmax_usd: 100\nmodel: fal/dear\n---\nb");
    rig_idle(r);
    rig_state_is(r, "images/b.txt", YM_JOB_HELD);
    assert_int_equal(rig_sent(r), 0);
}

static void the_day_has_a_ceiling(void **state)
{
    struct rig *r = *state;
    budget(r, "daily_usd = 0.07\n");
    rig_save(r, "images/a.txt", "one");
    rig_idle(r);
    rig_save(r, "images/b.txt", "two");
    rig_idle(r);
    rig_save(r, "images/c.txt", "three");
    rig_idle(r);
    rig_state_is(r, "images/c.txt", YM_JOB_HELD);
    assert_int_equal(rig_sent(r), 2);
    rig_restart(r);
    rig_idle(r);
    rig_state_is(r, "images/c.txt", YM_JOB_HELD);
    budget(r, "daily_usd = 0.10\n"); /* raised: goes on by itself */
    rig_state_is(r, "images/c.txt", YM_JOB_DONE);
    assert_int_equal(rig_notes(r, "images", ".held.log"), 0);
}

static void tomorrow_it_goes_on(void **state)
{
    struct rig *r = *state;
    budget(r, "daily_usd = 0.03\n");
    rig_save(r, "images/a.txt", "one");
    rig_idle(r);
    rig_save(r, "images/b.txt", "two");
    rig_idle(r);
    rig_state_is(r, "images/b.txt", YM_JOB_HELD);
    r->mono_ns += 24 * 3600 * INT64_C(1000000000);
    r->wall_ms += 24 * 3600 * 1000;
    rig_idle(r);
    rig_state_is(r, "images/b.txt", YM_JOB_DONE);
}

static void approved_money_is_outside_the_day(void **state)
{
    struct rig *r = *state;
    budget(r, "daily_usd = 0.03\n");
    rig_save(r, P, DEAR);
    rig_idle(r);
    assert_int_equal(rig_approve(r, P, -1), 0);
    rig_idle(r);
    rig_picture(r, R);
    rig_save(r, "images/b.txt", "two"); /* the day's budget is untouched */
    rig_idle(r);
    rig_state_is(r, "images/b.txt", YM_JOB_DONE);
}

static void approved_money_is_inside_the_month(void **state)
{
    struct rig *r = *state;
    budget(r, "monthly_usd = 1\n");
    rig_save(r, P, DEAR);
    rig_idle(r);
    assert_int_equal(rig_approve(r, P, -1), 0);
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    assert_int_equal(rig_sent(r), 0);
}

static void budgets_of_model_and_folder(void **state)
{
    struct rig *r = *state;
    assert_int_equal(mkdirat(r->base.s.lib_fd, "images/trip", 0755), 0);
    budget(
        r,
        "[model.\"thirty-cents\"]\ndaily_usd = 0.5\n[folder.\"images/trip\"]\ndaily_usd = 0.03\n");
    rig_save(r, "images/trip/a.txt", "one");
    rig_idle(r);
    rig_save(r, "images/trip/b.txt", "two");
    rig_idle(r);
    rig_state_is(r, "images/trip/a.txt", YM_JOB_DONE);
    rig_state_is(r, "images/trip/b.txt", YM_JOB_HELD);
    rig_save(r, "images/c.txt", "three"); /* elsewhere */
    rig_idle(r);
    rig_state_is(r, "images/c.txt", YM_JOB_DONE);
    rig_save(r, "images/d.txt", "---\nmodel: thirty-cents\n---\nfour");
    rig_idle(r);
    rig_save(r, "images/e.txt", "---\nmodel: thirty-cents\n---\nfive");
    rig_idle(r);
    rig_state_is(r, "images/d.txt", YM_JOB_DONE);
    rig_state_is(r, "images/e.txt", YM_JOB_HELD);
}

static void an_invalid_budget_keeps_the_old_one(void **state)
{
    struct rig *r = *state;
    static const char *const bad[] = {"daily_usd = \"lots\"\n", "dayly_usd = 1000\n",
                                      "daily_usd = -5\n", "daily_usd ="};
    budget(r, "daily_usd = 0.02\n");
    for (size_t i = 0; i < YM_COUNT(bad); i++) {
        budget(r, bad[i]);
        assert_true(rig_has(r, "cost/budget.error.log"));
    }
    rig_save(r, P, "a sunset");
    rig_idle(r);
    rig_state_is(r, P, YM_JOB_HELD);
    budget(r, ""); /* empty is the start values, never "none" */
    assert_false(rig_has(r, "cost/budget.error.log"));
    rig_state_is(r, P, YM_JOB_DONE);
    rig_save(r, "images/b.txt", DEAR);
    rig_idle(r);
    rig_state_is(r, "images/b.txt", YM_JOB_HELD);
}

/* ---- many at once ---- */
static void save_many(struct rig *r, int n, const char *front)
{
    char name[32];
    for (int i = 0; i < n; i++) {
        YM_AUTOFREE char *text = ym_asprintf("%snumber %d", front, i);
        snprintf(name, sizeof(name), "images/%02d.txt", i);
        rig_save_pid(r, name, text, 0);
    }
}

#define THIRTY "---\nmodel: fal/thirty-cents\n---\n"

static char *bulk_note(struct rig *r)
{
    DIR *d = fdopendir(openat(r->base.s.lib_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    char *found = NULL;
    struct dirent *de;
    while ((de = readdir(d)))
        if (strncmp(de->d_name, "bulk-", 5) == 0 && strstr(de->d_name, ".held.log"))
            found = found ? found : ym_strdup(de->d_name);
    closedir(d);
    return found;
}

static void a_dear_bulk_is_held_as_one(void **state)
{
    struct rig *r = *state;
    save_many(r, 12, THIRTY); /* 3.60: more than 2 */
    rig_idle(r);
    assert_int_equal(rig_count(r, YM_JOB_HELD), 12);
    assert_int_equal(rig_sent(r), 0);
    assert_int_equal(rig_notes(r, ".", "bulk-"), 1);
    assert_int_equal(rig_notes(r, "images", ".held.log"), 0);
    YM_AUTOFREE char *note = bulk_note(r);
    YM_AUTOFREE char *text = rig_text(r, note);
    assert_non_null(strstr(text, "$3.60"));
    YM_AUTOFREE char *to =
        ym_asprintf("%.*s.approved.log", (int)(strlen(note) - strlen(".held.log")), note);
    rig_rename(r, note, to);
    rig_idle(r);
    assert_int_equal(rig_count(r, YM_JOB_DONE), 12);
    assert_int_equal(rig_sent(r), 12);
    assert_int_equal(rig_notes(r, ".", "bulk-"), 0);
}

static void part_of_a_bulk_may_be_approved(void **state)
{
    struct rig *r = *state;
    save_many(r, 12, THIRTY);
    rig_idle(r);
    YM_AUTOFREE char *note = bulk_note(r);
    assert_int_equal(rig_approve(r, note, 1000000), 0); /* three of them */
    rig_idle(r);
    assert_int_equal(rig_sent(r), 3);
    assert_int_equal(rig_count(r, YM_JOB_DONE), 3);
    assert_int_equal(rig_count(r, YM_JOB_HELD), 9);
    assert_int_equal(rig_notes(r, "images", ".held.log"), 0); /* the rest is one hold still */
    assert_int_equal(rig_notes(r, ".", "bulk-"), 1);
    rig_touch(r, "images/05.txt"); /* touching them one by one is no approval */
    rig_touch(r, "images/06.txt");
    rig_idle(r);
    assert_int_equal(rig_sent(r), 3);
    YM_AUTOFREE char *rest = bulk_note(r);
    YM_AUTOFREE char *text = rig_text(r, rest);
    assert_non_null(strstr(text, "$2.70"));
    assert_int_equal(rig_approve(r, rest, -1), 0);
    rig_idle(r);
    assert_int_equal(rig_count(r, YM_JOB_DONE), 12);
    assert_int_equal(rig_notes(r, ".", "bulk-"), 0);
}

static void a_cheap_bulk_goes_by_itself_after_a_pause(void **state)
{
    struct rig *r = *state;
    save_many(r, 30, ""); /* 0.90 */
    rig_idle(r);
    assert_int_equal(rig_count(r, YM_JOB_DONE), 30);
    assert_int_equal(rig_sent(r), 30);
    assert_int_equal(rig_notes(r, ".", "bulk-"), 0);
}

static void a_few_are_no_bulk(void **state)
{
    struct rig *r = *state;
    save_many(r, 10, "");
    rig_advance(r, 1500);
    assert_int_equal(rig_sent(r), 10); /* without the bulk's pause of two seconds */
}

static void free_work_is_never_held(void **state)
{
    struct rig *r = *state;
    save_many(r, 40, "---\nmodel: sketch\n---\n");
    rig_idle(r);
    assert_int_equal(rig_count(r, YM_JOB_DONE), 40);
    assert_int_equal(rig_spent(r), 0);
}

static void a_bulk_survives_a_crash_as_a_bulk(void **state)
{
    struct rig *r = *state;
    ym_engine_scan(r->e);
    rig_idle(r);
    save_many(r, 12, THIRTY);
    rig_advance(r, 1000); /* settled, the group still open */
    rig_restart(r);
    ym_engine_scan(r->e);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 0);
    assert_int_equal(rig_count(r, YM_JOB_HELD), 12);
}

/* Saved while nothing ran: found by the walk, through the guard. */
static void prompts_found_at_a_start_pass_the_guard(void **state)
{
    struct rig *r = *state;
    char name[32];
    ym_engine_scan(r->e);
    rig_idle(r);
    rig_kill(r);
    for (int i = 0; i < 12; i++) {
        YM_AUTOFREE char *text = ym_asprintf(THIRTY "number %d", i);
        snprintf(name, sizeof(name), "images/%02d.txt", i);
        file_put(r->base.s.lib_fd, name, text);
    }
    rig_start(r);
    ym_engine_scan(r->e);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 0);
    assert_int_equal(rig_count(r, YM_JOB_HELD), 12);
}

static void above_the_grace_there_is_time_to_think(void **state)
{
    struct rig *r = *state;
    rig_save(r, P, THIRTY "a sunset");
    assert_true(rig_state_becomes(r, P, YM_JOB_QUEUED, 3000));
    rig_advance(r, 4000);
    assert_int_equal(rig_sent(r), 0);
    rig_unlink(r, P);
    rig_idle(r);
    rig_advance(r, 10000);
    assert_int_equal(rig_sent(r), 0);
    rig_save(r, P, THIRTY "a sunset, after all");
    rig_advance(r, 12000);
    assert_int_equal(rig_sent(r), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(too_dear_is_held_and_says_so),
        T(renaming_the_note_approves_its_amount),
        T(other_approved_logs_are_plain_files),
        T(approved_by_verb_up_to_the_amount),
        T(all_variations_are_one_hold),
        T(a_deleted_or_edited_prompt_withdraws_its_hold),
        T(unknown_price_needs_an_amount),
        T(a_price_that_becomes_known_releases),
        T(front_matter_may_only_lower_the_ceiling),
        T(the_day_has_a_ceiling),
        T(tomorrow_it_goes_on),
        T(approved_money_is_outside_the_day),
        T(approved_money_is_inside_the_month),
        T(budgets_of_model_and_folder),
        T(an_invalid_budget_keeps_the_old_one),
        T(a_dear_bulk_is_held_as_one),
        T(part_of_a_bulk_may_be_approved),
        T(a_cheap_bulk_goes_by_itself_after_a_pause),
        T(a_few_are_no_bulk),
        T(free_work_is_never_held),
        T(a_bulk_survives_a_crash_as_a_bulk),
        T(prompts_found_at_a_start_pass_the_guard),
        T(above_the_grace_there_is_time_to_think),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
