/* Holds every query against a journal of its own: it must use an index, since each of these tables
 * may have a million rows. The plan is looked at, not the clock. */
#include "journal_fixture.h"

#include "../../src/journal/sql.h"

/* The plan of a query, in one line. */
static void plan_of(struct fixture *f, enum query q, char *out, size_t size)
{
    YM_AUTOFREE char *sql = ym_asprintf("EXPLAIN QUERY PLAN %s", query_texts[q].sqlite);
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(f->j->db, sql, -1, &st, NULL), SQLITE_OK);
    size_t n = 0;
    out[0] = '\0';
    while (sqlite3_step(st) == SQLITE_ROW)
        n += (size_t)snprintf(out + n, size - n, "%s; ", (const char *)sqlite3_column_text(st, 3));
    sqlite3_finalize(st);
    assert_true(n < size);
}

/* Whole tables may be read where all of them is asked for, in the order of an index. */
static const struct {
    enum query q;
    const char *why;
} wanted[] = {
    {Q_TALLY_STATES, "some rows a lane"},
    {Q_TALLY_QUEUED, "some rows a lane"},
    {Q_JOB_READY, "no more than its limit"},
    {Q_SLOT_LANDING, "only what lands now is in this index"},
    {Q_HOLD_EACH, "holds are few"},
    {Q_JOB_EACH_BULK_ANY, "only open bulks are in this index"},
    {Q_JOB_EACH_HOLD_ANY, "only held and approved jobs are in this index"},
};

static bool may_scan(enum query q)
{
    for (size_t i = 0; i < YM_COUNT(wanted); i++)
        if (wanted[i].q == q)
            return true;
    return false;
}

static void every_query_has_its_index(void **state)
{
    struct fixture *f = *state;
    char plan[2000];
    int bad = 0;
    for (int q = 0; q < Q_COUNT; q++) {
        plan_of(f, (enum query)q, plan, sizeof plan);
        bool scans = strstr(plan, "SCAN ") && !strstr(plan, "SCAN CONSTANT ROW");
        if (scans && !may_scan((enum query)q)) {
            print_error("%s: %s\n", query_texts[q].name, plan);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

static void uses(struct fixture *f, enum query q, const char *index)
{
    char plan[2000];
    plan_of(f, q, plan, sizeof plan);
    if (!strstr(plan, index) || strstr(plan, "TEMP B-TREE")) {
        print_error("%s: %s\n", query_texts[q].name, plan);
        fail();
    }
}

static void fill(struct fixture *f, int n)
{
    char lane[16];
    OK(ym_journal_begin(f->j, &f->e));
    for (int i = 0; i < n; i++) {
        snprintf(lane, sizeof lane, "p/%d", i % 3);
        struct ym_job_row r = JOB(i, .lane = lane, .run_at = {i}, .priority = i % 5);
        OK(ym_job_insert(f->j, &r, &f->e));
    }
    OK(ym_journal_commit(f->j, &f->e));
}

/* Neither sorting nor walking: the partial index gives the next row first. */
static void claims_among_many(void **state)
{
    struct fixture *f = *state;
    fill(f, 200000);
    uses(f, Q_JOB_NEXT, "USING INDEX job_ready (lane=? AND priority=? AND run_at<?)");
    uses(f, Q_JOB_PRIORITY, "USING INDEX job_ready (lane=? AND priority<?)");
    uses(f, Q_JOB_READY, "job_ready (lane=? AND priority=? AND run_at<?)");
    uses(f, Q_JOB_EARLIEST, "USING INDEX job_ready (lane=? AND priority=?)");
    uses(f, Q_JOB_EACH_STATE, "USING INDEX job_state (state=?)");
    uses(f, Q_JOB_RECENT, "USING INDEX job_state (state=?)");
    uses(f, Q_SLOT_WAITING, "USING INDEX slot_waiting (folder=?)");
    uses(f, Q_NAME_FROM, "USING INDEX sqlite_autoindex_name_1 (path>?)");
    uses(f, Q_ATTEMPT_COUNT, "USING INDEX attempt_at (lane=? AND at>?)");
    struct ym_job_row r;
    OK(ym_job_next(f->j, "p/1", (ym_wall){200000}, &r));
    assert_string_equal(r.id.s,
                        id_of(4).s); /* 4 % 3 = 1, 4 % 5 = 4: the first of the highest priority */
    ym_job_row_fini(&r);
    assert_int_equal(ym_job_next(f->j, "p/1", (ym_wall){0}, &r), -ENOENT);
    OK(ym_job_next(f->j, "p/1", (ym_wall){1}, &r));
    assert_string_equal(r.id.s, id_of(1).s);
    ym_job_row_fini(&r);
    assert_int_equal(ym_job_position(f->j, id_of(4).s), 1);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {T(every_query_has_its_index), T(claims_among_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
