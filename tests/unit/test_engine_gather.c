/* tier: batch: many jobs in one request at half the price, each with its own result, failure and bill. */
#include "engine_rig.h"

#define HALF (RIG_PRICE / 2)
#define WAIT 60000 /* gather_seconds */

/* images/b0.txt and on, "picture 0" and on. */
static const char *prompt_of(int i)
{
    static char path[16][32];
    snprintf(path[i % 16], sizeof(path[0]), "images/b%d.txt", i);
    return path[i % 16];
}

static void save(struct rig *r, int from, int to)
{
    for (int i = from; i < to; i++) {
        YM_AUTOFREE char *text = ym_asprintf("---\ntier: batch\n---\npicture %d\n", i);
        rig_save(r, prompt_of(i), text);
    }
}

static void has_its_picture(struct rig *r, int i)
{
    YM_AUTOFREE char *png = ym_asprintf("images/b%d.png", i), *text = ym_asprintf("picture %d", i);
    struct ym_digest got = rig_picture(r, png), want = rig_drawn(text);
    if (!ym_digest_eq(&got, &want))
        fail_msg("%s is another one's picture", png);
}

static bool were_sent(struct rig *r, void *ctx)
{
    return rig_sent(r) >= *(int *)ctx;
}

static void sent_becomes(struct rig *r, int n, int64_t ms)
{
    assert_true(rig_until(r, ms, were_sent, &n));
    assert_int_equal(rig_sent(r), n);
}

static void all_become(struct rig *r, int from, int to, enum ym_state s, int64_t ms)
{
    for (int i = from; i < to; i++)
        if (!rig_state_becomes(r, prompt_of(i), s, ms))
            rig_state_is(r, prompt_of(i), s);
}

static void id_of(struct rig *r, int i, struct ym_id *ret)
{
    struct ym_job_row j;
    assert_true(rig_job(r, prompt_of(i), 0, &j));
    *ret = j.id;
    ym_job_row_fini(&j);
}

struct row_look {
    const struct ym_id *id;
    struct ym_job_row row;
};

static void row_look(struct rig *r, void *ctx)
{
    struct row_look *l = ctx;
    ym_assert(ym_job_get(r->journal, l->id->s, &l->row) == 0);
}

static struct ym_job_row row_of(struct rig *r, const struct ym_id *id)
{
    struct row_look l = {.id = id};
    rig_on(r, row_look, &l);
    return l.row;
}

/* It has no name any more, but was paid for. */
static void kept(struct rig *r, const struct ym_id *id, int i)
{
    YM_AUTOFREE char *text = ym_asprintf("picture %d", i);
    struct ym_digest want = rig_drawn(text);
    struct ym_job_row j = row_of(r, id);
    assert_int_equal(j.state, YM_JOB_DONE);
    assert_true(ym_digest_eq(&j.b2, &want));
    assert_true(rig_has_object(r, &j.b2));
    ym_job_row_fini(&j);
}

static void budget(struct rig *r, const char *toml)
{
    rig_save(r, "cost/budget.toml", toml);
    rig_advance(r, 3000);
}

/* ---- when ---- */
static void as_many_as_fit_go_at_once(void **state)
{
    struct rig *r = *state;
    save(r, 0, RIG_GATHER_MAX);
    sent_becomes(r, 1, 5000);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(r->orders[0].n, RIG_GATHER_MAX);
    for (int i = 0; i < RIG_GATHER_MAX; i++)
        has_its_picture(r, i);
    assert_int_equal(rig_spent(r), RIG_GATHER_MAX * HALF);
}

static void fewer_wait_for_more(void **state)
{
    struct rig *r = *state;
    save(r, 0, 2);
    rig_advance(r, WAIT - 5000);
    assert_int_equal(rig_sent(r), 0);
    assert_int_equal(rig_spent(r), 0);
    save(r, 2, 3);
    rig_advance(r, 1000);
    sent_becomes(r, 1, 10000); /* the oldest has waited long enough: all go */
    rig_idle(r);
    assert_int_equal(r->orders[0].n, 3);
    for (int i = 0; i < 3; i++)
        has_its_picture(r, i);
}

static void the_wait_is_a_setting(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[providers.fal]\ngather_seconds = 2\n");
    save(r, 0, 1);
    sent_becomes(r, 1, 4000);
    rig_idle(r);
    has_its_picture(r, 0); /* alone, still at half the price */
    assert_int_equal(rig_spent(r), HALF);
}

/* A group that was judged as one is whole: no more is waited for. */
static void a_bulk_does_not_wait(void **state)
{
    struct rig *r = *state;
    budget(r, "bulk_count = 1\n");
    save(r, 0, 7);
    sent_becomes(r, 2, 20000);
    rig_idle(r);
    assert_int_equal(r->orders[0].n, RIG_GATHER_MAX);
    assert_int_equal(r->orders[1].n, 2);
    for (int i = 0; i < 7; i++)
        has_its_picture(r, i);
    rig_advance(r, 10000);
    save(r, 7, 8);
    rig_advance(r, 20000);
    assert_int_equal(rig_sent(r), 2); /* this one waits again */
}

static void an_approved_bulk_does_not_wait(void **state)
{
    struct rig *r = *state;
    budget(r, "bulk_count = 1\nbatch_auto_usd = 0.01\n");
    save(r, 0, 3);
    rig_advance(r, WAIT + 20000);
    assert_int_equal(rig_count(r, YM_JOB_HELD), 3);
    assert_int_equal(rig_sent(r), 0);
    struct ym_job_row j;
    assert_true(rig_job(r, prompt_of(0), 0, &j));
    assert_int_equal(rig_approve(r, j.id.s, 3 * HALF), 0);
    ym_job_row_fini(&j);
    sent_becomes(r, 1, 5000);
    rig_idle(r);
    has_its_picture(r, 2);
    assert_int_equal(r->orders[0].n, 3);
    assert_int_equal(rig_spent(r), 3 * HALF);
}

static void two_at_once_are_enough(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < 2; i++)
        rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 100});
    save(r, 0, 8);
    rig_advance(r, 1000);
    save(r, 8, 15);
    rig_advance(r, WAIT + 5000);
    assert_int_equal(rig_sent(r), 2);
    sent_becomes(r, 3, 100000);
    rig_idle(r);
    for (int i = 0; i < 15; i++)
        has_its_picture(r, i);
}

/* ---- money and limits ---- */
static void half_is_reserved_and_settled(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 3});
    save(r, 0, 2);
    all_become(r, 0, 2, YM_JOB_ACCEPTED, WAIT + 5000);
    assert_int_equal(rig_spent(r), 2 * HALF);
    rig_idle(r);
    struct ym_job_row j;
    assert_true(rig_job(r, prompt_of(1), 0, &j));
    assert_int_equal(j.est.expected.micro_usd, HALF);
    assert_int_equal(j.cost.micro_usd, HALF);
    assert_string_equal(j.tier, "batch");
    assert_string_equal(j.lane, "fal/paint#batch");
    assert_string_equal(j.provider_id, "fake-batch");
    ym_job_row_fini(&j);
    assert_int_equal(rig_spent(r), 2 * HALF);
}

static void the_budget_stops_those_beyond_it(void **state)
{
    struct rig *r = *state;
    budget(r, "daily_usd = 0.05\n");
    save(r, 0, RIG_GATHER_MAX);
    sent_becomes(r, 1, 5000);
    assert_int_equal(r->orders[0].n, 3);
    rig_advance(r, WAIT);
    assert_int_equal(rig_count(r, YM_JOB_DONE), 3);
    assert_int_equal(rig_count(r, YM_JOB_HELD), 2);
    assert_int_equal(rig_notes(r, "images", ".held.log"), 2);
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(rig_spent(r), 3 * HALF);
}

static int sent_last_minute(struct rig *r)
{
    struct ym_status s;
    ym_engine_status(r->e, &s);
    for (unsigned i = 0; i < s.nlanes; i++)
        if (strcmp(s.lanes[i].name, "fal/paint") == 0 && strcmp(s.lanes[i].tier, "now") == 0)
            return s.lanes[i].sent_last_minute;
    return -1;
}

static void it_counts_as_one_request_of_the_model(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[providers.fal]\nrate_limit = 2\ndaily_limit = 3\n");
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 5});
    save(r, 0, RIG_GATHER_MAX);
    sent_becomes(r, 1, 5000);
    assert_int_equal(sent_last_minute(r), 1);
    rig_restart(r);
    assert_int_equal(sent_last_minute(r), 1);
    rig_save(r, "images/x.txt", "one now");
    rig_save(r, "images/y.txt", "two now");
    rig_save(r, "images/z.txt", "three now");
    rig_advance(r, 200000); /* the rate lets them all go by now, the day but two more */
    assert_int_equal(rig_sent(r), 3);
}

/* ---- items ---- */
static void one_failed_is_ones_own(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.item = "picture 1", .item_cls = YM_REFUSED});
    save(r, 0, 3);
    rig_advance(r, WAIT);
    rig_idle(r);
    has_its_picture(r, 0);
    has_its_picture(r, 2);
    rig_state_is(r, prompt_of(1), YM_JOB_FAILED);
    assert_true(rig_has(r, "images/b1.error.log"));
    assert_int_equal(rig_spent(r), 2 * HALF);
    assert_int_equal(rig_sent(r), 1);
}

static void one_without_an_answer_is_empty(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.item = "picture 0", .item_cls = YM_OK});
    save(r, 0, 3);
    sent_becomes(r, 1, WAIT + 5000);
    all_become(r, 1, 3, YM_JOB_DONE, 5000);
    struct ym_job_row j;
    assert_true(rig_job(r, prompt_of(0), 0, &j));
    assert_int_equal(j.cls, YM_EMPTY);
    assert_null(j.carrier);
    ym_job_row_fini(&j);
    sent_becomes(r, 2, 2 * WAIT + 5000);
    rig_idle(r);
    for (int i = 0; i < 3; i++)
        has_its_picture(r, i);
    assert_int_equal(rig_spent(r), 4 * HALF);
}

static void texts_too(void **state)
{
    struct rig *r = *state;
    assert_int_equal(mkdirat(r->base.s.lib_fd, "texts", 0755), 0);
    for (int i = 0; i < 3; i++) {
        YM_AUTOFREE char *path = ym_asprintf("texts/t%d.txt", i);
        YM_AUTOFREE char *text = ym_asprintf("---\ntier: batch\nmodel: fal/words\n---\nthing %d\n", i);
        rig_save(r, path, text);
    }
    sent_becomes(r, 1, WAIT + 5000);
    rig_idle(r);
    for (int i = 0; i < 3; i++) {
        YM_AUTOFREE char *path = ym_asprintf("texts/t%d.out.md", i), *want = ym_asprintf("words about thing %d\n", i);
        YM_AUTOFREE char *got = rig_text(r, path);
        assert_non_null(got);
        assert_string_equal(got, want);
    }
    assert_int_equal(rig_spent(r), 3 * HALF);
}

/* ---- the whole fails ---- */
static void throttled_once_not_once_for_each(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[net]\nbackoff_base_seconds = 4\n");
    rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_THROTTLED});
    save(r, 0, 3);
    sent_becomes(r, 1, WAIT + 5000);
    assert_int_equal(rig_spent(r), 0);
    assert_int_equal(lane_get(r->e, "fal/paint#batch")->throttles, 1);
    struct ym_job_row a, b;
    assert_true(rig_job(r, prompt_of(0), 0, &a));
    assert_true(rig_job(r, prompt_of(2), 0, &b));
    assert_int_equal(a.attempts, 0);
    assert_int_equal(a.run_at.ms, b.run_at.ms); /* they come back together */
    ym_job_row_fini(&a);
    ym_job_row_fini(&b);
    rig_advance(r, WAIT);
    rig_idle(r);
    assert_int_equal(rig_sent(r), 2);
    assert_int_equal(r->orders[1].n, 3);
    for (int i = 0; i < 3; i++)
        has_its_picture(r, i);
}

static void a_bad_look_keeps_it(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 2, .poll_cls = YM_TRANSIENT, .poll_fails = 3});
    save(r, 0, 3);
    rig_advance(r, WAIT);
    rig_idle(r);
    for (int i = 0; i < 3; i++)
        has_its_picture(r, i);
    assert_int_equal(rig_sent(r), 1);
}

static void lost_is_unknown_for_all(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 2, .poll_cls = YM_LOST, .poll_fails = 1});
    save(r, 0, 3);
    rig_advance(r, WAIT);
    rig_idle(r);
    all_become(r, 0, 3, YM_JOB_UNKNOWN, 0);
    assert_int_equal(rig_sent(r), 1);
    assert_int_equal(rig_spent(r), 3 * HALF);
}

/* ---- kill -9 ---- */
static void killed_before_it_was_sent(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.prepare = 10});
    save(r, 0, 4);
    all_become(r, 0, 4, YM_JOB_RESERVED, WAIT + 5000);
    rig_advance(r, 3000);
    rig_restart(r);
    rig_idle(r);
    assert_int_equal(r->norders, 1);
    assert_int_equal(r->orders[0].n, 4);
    for (int i = 0; i < 4; i++)
        has_its_picture(r, i);
    assert_int_equal(rig_spent(r), 4 * HALF);
}

/* It may have arrived or not: repeated once, as for a single one. */
static void killed_while_it_was_sent(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_GATE});
    save(r, 0, 3);
    sent_becomes(r, 1, WAIT + 5000);
    rig_restart(r);
    rig_advance(r, WAIT + 5000);
    rig_idle(r);
    assert_int_equal(r->norders, 2);
    for (int i = 0; i < 3; i++)
        has_its_picture(r, i);
    assert_int_equal(rig_spent(r), 6 * HALF);
}

static void killed_while_it_was_sent_and_dear(void **state)
{
    struct rig *r = *state;
    budget(r, "retry_unknown_max_usd = 0\n");
    rig_play(r, (struct play){.what = PLAY_GATE});
    save(r, 0, 3);
    sent_becomes(r, 1, WAIT + 5000);
    rig_restart(r);
    rig_advance(r, 3 * WAIT);
    rig_idle(r);
    all_become(r, 0, 3, YM_JOB_UNKNOWN, 0);
    assert_int_equal(r->norders, 1);
    assert_int_equal(rig_spent(r), 3 * HALF);
}

static void killed_with_the_handle(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 20});
    save(r, 0, RIG_GATHER_MAX);
    all_become(r, 0, RIG_GATHER_MAX, YM_JOB_ACCEPTED, 5000);
    for (int i = 0; i < 3; i++) {
        rig_restart(r);
        rig_advance(r, 2000);
        assert_int_equal(rig_count(r, YM_JOB_ACCEPTED), RIG_GATHER_MAX);
    }
    rig_idle(r);
    for (int i = 0; i < RIG_GATHER_MAX; i++)
        has_its_picture(r, i);
    assert_int_equal(r->norders, 1);
    assert_int_equal(rig_spent(r), RIG_GATHER_MAX * HALF);
}

static void killed_with_the_handle_and_a_bad_look(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[net]\nbackoff_max_seconds = 2\n");
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 3, .poll_cls = YM_TRANSIENT, .poll_fails = 10});
    save(r, 0, 3);
    all_become(r, 0, 3, YM_JOB_ACCEPTED, WAIT + 5000);
    rig_restart(r);
    rig_idle(r);
    for (int i = 0; i < 3; i++)
        has_its_picture(r, i);
    assert_int_equal(r->norders, 1);
}

/* The job that gave the batch its name is nobody's any more: the others need it not. */
static void killed_without_its_first(void **state)
{
    struct rig *r = *state;
    struct ym_id lead;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 20});
    save(r, 0, 3);
    all_become(r, 0, 3, YM_JOB_ACCEPTED, WAIT + 5000);
    id_of(r, 0, &lead);
    rig_unlink(r, prompt_of(0));
    rig_advance(r, 3000);
    rig_restart(r);
    rig_idle(r);
    has_its_picture(r, 1);
    has_its_picture(r, 2);
    kept(r, &lead, 0);
    assert_int_equal(r->cancelled, 0);
    assert_int_equal(r->norders, 1);
}

/* Some had ended when the program died: the places of the others stay what they were. */
static void killed_when_some_had_ended(void **state)
{
    struct rig *r = *state;
    struct ym_id ids[3];
    struct ym_journal *j;
    struct ym_err e;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 5});
    save(r, 0, 3);
    all_become(r, 0, 3, YM_JOB_ACCEPTED, WAIT + 5000);
    for (int i = 0; i < 3; i++)
        id_of(r, i, &ids[i]);
    rig_kill(r);
    struct ym_job_row gone, last;
    assert_int_equal(ym_journal_open(r->base.s.state_fd, YM_JOURNAL_WRITE, &j, &e), 0);
    assert_int_equal(ym_job_get(j, r->orders[0].job, &gone), 0); /* it had the state */
    int place = 0;
    for (int i = 0; i < 3; i++)
        if (strcmp(ids[i].s, r->orders[0].job) != 0)
            place = i;
    assert_int_equal(ym_job_get(j, ids[place].s, &last), 0);
    YM_AUTOFREE char *note = ym_strdup(last.driver_state);
    const char *had = strstr(gone.driver_state, ",\"state\":");
    assert_non_null(had);
    free(last.driver_state);
    last.driver_state = ym_asprintf("%.*s%s", (int)strlen(note) - 1, note, had);
    gone.state = YM_JOB_FAILED;
    str_set(&gone.error, "ended");
    assert_int_equal(ym_job_update(j, &gone, &e), 0);
    assert_int_equal(ym_job_update(j, &last, &e), 0);
    ym_journal_close(j);
    rig_start(r);
    rig_idle(r);
    for (int i = 0; i < 3; i++)
        if (strcmp(ids[i].s, gone.id.s) != 0)
            has_its_picture(r, i);
    assert_int_equal(r->norders, 1);
    assert_int_equal(r->gaps, 1);
    ym_job_row_fini(&gone);
    ym_job_row_fini(&last);
}

/* As it is right after the batch was over: stored, in a file that is called after the carrier. */
static void make_stored(struct rig *r, struct ym_journal *j, const struct ym_id *id, const char *text)
{
    struct ym_job_row row;
    struct ym_buf b;
    struct ym_err e;
    rig_draw(text, &b);
    assert_int_equal(ym_job_get(j, id->s, &row), 0);
    row.state = YM_JOB_STORED;
    row.b2 = ym_digest_of(b.data, b.len);
    row.size = (int64_t)b.len;
    free(row.staged);
    row.staged = ym_asprintf("%s.1.fetched.0.whole", r->orders[0].job);
    str_set(&row.ext, "png");
    str_set(&row.mime, "image/png");
    assert_int_equal(ym_write_whole(r->base.s.staging_fd, row.staged, b.data, b.len, 0600, &e), 0);
    assert_int_equal(ym_job_update(j, &row, &e), 0);
    ym_job_row_fini(&row);
    ym_buf_fini(&b);
}

static void killed_before_one_was_placed(void **state)
{
    struct rig *r = *state;
    struct ym_id ids[3];
    struct ym_journal *j;
    struct ym_err e;
    int last = 0;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 5});
    save(r, 0, 3);
    all_become(r, 0, 3, YM_JOB_ACCEPTED, WAIT + 5000);
    for (int i = 0; i < 3; i++) {
        id_of(r, i, &ids[i]);
        last = strcmp(ids[i].s, r->orders[0].job) != 0 ? i : last; /* not the one that the file is called after */
    }
    rig_kill(r);
    YM_AUTOFREE char *text = ym_asprintf("picture %d", last);
    assert_int_equal(ym_journal_open(r->base.s.state_fd, YM_JOURNAL_WRITE, &j, &e), 0);
    make_stored(r, j, &ids[last], text);
    ym_journal_close(j);
    rig_start(r);
    rig_idle(r);
    for (int i = 0; i < 3; i++)
        has_its_picture(r, i);
    assert_int_equal(r->norders, 1);
}

/* ---- calling off ---- */
static void one_called_off_is_kept(void **state)
{
    struct rig *r = *state;
    struct ym_id id;
    struct ym_live live;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 10});
    save(r, 0, 3);
    all_become(r, 0, 3, YM_JOB_ACCEPTED, WAIT + 5000);
    id_of(r, 1, &id);
    rig_unlink(r, prompt_of(1));
    rig_advance(r, 3000);
    ym_engine_live(r->e, id.s, &live);
    assert_non_null(strstr(live.detail, "history"));
    rig_idle(r);
    has_its_picture(r, 0);
    has_its_picture(r, 2);
    kept(r, &id, 1);
    assert_false(rig_has(r, "images/b1.png"));
    assert_int_equal(r->cancelled, 0);
    assert_int_equal(rig_spent(r), 3 * HALF);
}

static void all_called_off_end_at_the_provider(void **state)
{
    struct rig *r = *state;
    struct ym_id ids[3];
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = -1});
    save(r, 0, 3);
    all_become(r, 0, 3, YM_JOB_ACCEPTED, WAIT + 5000);
    for (int i = 0; i < 3; i++)
        id_of(r, i, &ids[i]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(r->cancelled, 0);
        rig_unlink(r, prompt_of(i));
        rig_advance(r, 3000);
    }
    rig_idle(r);
    assert_int_equal(r->cancelled, 1);
    int64_t sum = 0;
    for (int i = 0; i < 3; i++) {
        struct ym_job_row j = row_of(r, &ids[i]);
        assert_int_equal(j.state, YM_JOB_CANCELLED);
        assert_non_null(strstr(j.error, "was billed"));
        sum += j.cost.micro_usd;
        ym_job_row_fini(&j);
    }
    assert_int_equal(sum, 10000); /* what the provider said, shared out */
    assert_int_equal(rig_spent(r), 10000);
}

/* The last one is called off after a restart: that the others were is not forgotten. */
static void all_called_off_over_a_restart(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = -1});
    save(r, 0, 2);
    all_become(r, 0, 2, YM_JOB_ACCEPTED, WAIT + 5000);
    rig_unlink(r, prompt_of(0));
    rig_advance(r, 3000);
    rig_restart(r);
    rig_unlink(r, prompt_of(1));
    rig_idle(r);
    assert_int_equal(r->cancelled, 1);
    assert_int_equal(rig_count(r, YM_JOB_CANCELLED), 2);
}

static void wanted_again_is_not_called_off(void **state)
{
    struct rig *r = *state;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 20});
    save(r, 0, 2);
    all_become(r, 0, 2, YM_JOB_ACCEPTED, WAIT + 5000);
    rig_unlink(r, prompt_of(0));
    rig_advance(r, 3000);
    save(r, 0, 1);
    rig_advance(r, 1000);
    rig_unlink(r, prompt_of(1));
    rig_idle(r);
    assert_int_equal(r->cancelled, 0);
    has_its_picture(r, 0);
    assert_int_equal(rig_sent(r), 1);
}

static void called_off_before_it_was_sent(void **state)
{
    struct rig *r = *state;
    struct ym_id id;
    rig_play(r, (struct play){.prepare = 10});
    save(r, 0, 3);
    all_become(r, 0, 3, YM_JOB_RESERVED, WAIT + 5000);
    id_of(r, 0, &id);
    rig_unlink(r, prompt_of(0));
    rig_idle(r);
    struct ym_job_row j = row_of(r, &id);
    assert_int_equal(j.state, YM_JOB_CANCELLED);
    ym_job_row_fini(&j);
    assert_int_equal(r->norders, 1); /* the others went without it, at once */
    assert_int_equal(r->orders[0].n, 2);
    has_its_picture(r, 1);
    has_its_picture(r, 2);
    assert_int_equal(rig_spent(r), 2 * HALF);
}

/* ---- members that are not what they were ---- */
static void one_that_is_being_edited_is_passed_over(void **state)
{
    struct rig *r = *state;
    rig_configure(r, "[providers.fal]\ngather_seconds = 120\n");
    save(r, 0, 3);
    rig_advance(r, 2 * WAIT - 3000);
    rig_tell(r, YM_TOUCH_OPENED, prompt_of(1), false);
    sent_becomes(r, 1, 8000);
    assert_int_equal(r->orders[0].n, 2);
    rig_advance(r, 3000);
    rig_save(r, prompt_of(1), "---\ntier: batch\n---\npicture 1, but other\n");
    rig_tell(r, YM_TOUCH_CLOSED, prompt_of(1), false);
    sent_becomes(r, 2, 2 * WAIT + 20000);
    rig_idle(r);
    has_its_picture(r, 0);
    has_its_picture(r, 2);
    struct ym_digest got = rig_picture(r, "images/b1.png"), want = rig_drawn("picture 1, but other");
    assert_true(ym_digest_eq(&got, &want));
    assert_int_equal(rig_spent(r), 3 * HALF);
}

static void edited_too_late_it_is_kept(void **state)
{
    struct rig *r = *state;
    struct ym_id id;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = 10});
    save(r, 0, 2);
    all_become(r, 0, 2, YM_JOB_ACCEPTED, WAIT + 5000);
    id_of(r, 1, &id);
    rig_save(r, prompt_of(1), "a picture at once");
    rig_idle(r);
    kept(r, &id, 1);
    struct ym_digest got = rig_picture(r, "images/b1.png"), want = rig_drawn("a picture at once");
    assert_true(ym_digest_eq(&got, &want));
    has_its_picture(r, 0);
}

static void a_reference_that_changed_is_ones_own(void **state)
{
    struct rig *r = *state;
    save(r, 0, 2);
    rig_save(r, "images/now.txt", "something to refer to");
    rig_advance(r, 5000);
    rig_picture(r, "images/now.png");
    rig_save(r, "images/b2.txt", "---\ntier: batch\nreferences: [now.png]\n---\npicture 2\n");
    rig_advance(r, 5000);
    rig_state_is(r, prompt_of(2), YM_JOB_QUEUED);
    int dir = r->base.s.lib_fd;
    assert_int_equal(renameat(dir, "images/now.png", dir, "images/old.png"), 0); /* nobody told the engine */
    rig_advance(r, WAIT);
    rig_idle(r);
    rig_state_is(r, prompt_of(2), YM_JOB_FAILED);
    has_its_picture(r, 0);
    has_its_picture(r, 1);
    assert_int_equal(r->norders, 1);
    assert_int_equal(rig_spent(r), 2 * HALF + RIG_PRICE);
}

/* ---- who may ask for it ---- */
static void refused_where_there_is_none(void **state)
{
    static const struct { const char *model, *says; } rows[] = {
        {"sketch/sketch", "tier: batch is offered by fal/paint, fal/dear; sketch has none"},
        {"fal/odd", "odd goes into no batch"},
        {"fal/paint#batch", "A model cannot be called"},
    };
    struct rig *r = *state;
    for (size_t i = 0; i < YM_COUNT(rows); i++) {
        YM_AUTOFREE char *text = ym_asprintf("---\ntier: batch\nmodel: \"%s\"\n---\na thing\n", rows[i].model);
        YM_AUTOFREE char *path = ym_asprintf("images/r%zu.txt", i);
        struct ym_job_row j;
        rig_save(r, path, text);
        rig_advance(r, 15000);
        rig_state_is(r, path, YM_JOB_FAILED);
        assert_true(rig_job(r, path, 0, &j));
        if (!strstr(j.error, rows[i].says))
            fail_msg("%s: %s", rows[i].model, j.error);
        ym_job_row_fini(&j);
    }
    assert_int_equal(rig_sent(r), 0);
}

/* Asked to be cheap and late: another model that is so too, but never a dear one now. */
static void a_fallback_keeps_the_tier(void **state)
{
    static const struct { const char *next, *lane; int64_t price; } rows[] = {
        {"fal/thirty-cents", "fal/thirty-cents#batch", 150000}, {"sketch/sketch", "fal/paint#batch", HALF}};
    struct rig *r = *state;
    for (int i = 0; i < 2; i++) {
        YM_AUTOFREE char *toml = ym_asprintf("[providers.fal]\ngather_seconds = 2\n"
                                             "[models.paint]\nfallback = \"%s\"\n", rows[i].next);
        rig_configure(r, toml);
        rig_play(r, (struct play){.what = PLAY_FAIL, .cls = YM_THROTTLED, .until_reset = true});
        save(r, 2 * i, 2 * i + 2);
        sent_becomes(r, r->norders + 1, 10000);
        for (int k = 2 * i; k < 2 * i + 2; k++) {
            struct ym_job_row j;
            assert_true(rig_job(r, prompt_of(k), 0, &j));
            assert_string_equal(j.lane, rows[i].lane);
            assert_int_equal(j.est.high.micro_usd, rows[i].price);
            ym_job_row_fini(&j);
        }
        rig_advance(r, 10000);
    }
    rig_state_is(r, prompt_of(0), YM_JOB_DONE);
    rig_state_is(r, prompt_of(1), YM_JOB_DONE);
    rig_state_is(r, prompt_of(2), YM_JOB_QUEUED);
}

static void the_other_tier_while_it_waits(void **state)
{
    struct rig *r = *state;
    save(r, 0, 1);
    rig_advance(r, 10000);
    rig_state_is(r, prompt_of(0), YM_JOB_QUEUED);
    rig_save(r, prompt_of(0), "picture 0");
    rig_advance(r, 12000);
    has_its_picture(r, 0);
    assert_int_equal(r->norders, 0);
    assert_int_equal(rig_spent(r), RIG_PRICE);
    rig_idle(r); /* nothing is left in the other lane */
    assert_int_equal(lane_get(r->e, "fal/paint#batch")->queued, 0);
}

static void it_says_what_it_is_in(void **state)
{
    struct rig *r = *state;
    struct ym_live live;
    struct ym_id id;
    rig_play(r, (struct play){.what = PLAY_HANDLE, .polls = -1});
    save(r, 0, 3);
    all_become(r, 0, 3, YM_JOB_ACCEPTED, WAIT + 5000);
    rig_advance(r, 3000);
    for (int i = 0; i < 3; i++) {
        id_of(r, i, &id);
        ym_engine_live(r->e, id.s, &live);
        assert_string_equal(live.detail, "in a batch of 3 at fal: half of it is done");
        assert_true(live.progress > 0.4);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(as_many_as_fit_go_at_once),
        T(fewer_wait_for_more),
        T(the_wait_is_a_setting),
        T(a_bulk_does_not_wait),
        T(an_approved_bulk_does_not_wait),
        T(two_at_once_are_enough),
        T(half_is_reserved_and_settled),
        T(the_budget_stops_those_beyond_it),
        T(it_counts_as_one_request_of_the_model),
        T(one_failed_is_ones_own),
        T(one_without_an_answer_is_empty),
        T(texts_too),
        T(throttled_once_not_once_for_each),
        T(a_bad_look_keeps_it),
        T(lost_is_unknown_for_all),
        T(killed_before_it_was_sent),
        T(killed_while_it_was_sent),
        T(killed_while_it_was_sent_and_dear),
        T(killed_with_the_handle),
        T(killed_with_the_handle_and_a_bad_look),
        T(killed_without_its_first),
        T(killed_when_some_had_ended),
        T(killed_before_one_was_placed),
        T(one_called_off_is_kept),
        T(all_called_off_end_at_the_provider),
        T(all_called_off_over_a_restart),
        T(wanted_again_is_not_called_off),
        T(called_off_before_it_was_sent),
        T(one_that_is_being_edited_is_passed_over),
        T(edited_too_late_it_is_kept),
        T(a_reference_that_changed_is_ones_own),
        T(refused_where_there_is_none),
        T(a_fallback_keeps_the_tier),
        T(the_other_tier_while_it_waits),
        T(it_says_what_it_is_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
