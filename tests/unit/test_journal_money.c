#include "journal_fixture.h"

#define DAY1 INT64_C(1763640000000) /* 2025-11-20 12:00 UTC */
#define DAY2 (DAY1 + 86400000)

static int64_t reserve(struct fixture *f, int job, const char *lane, const char *folder, int64_t at,
                       int64_t amount, const char *hold)
{
    struct ym_attempt_row r = {.job = id_of(job),
                               .no = 1,
                               .lane = cs(lane),
                               .folder = cs(folder),
                               .pays = true,
                               .reserved_at = {at},
                               .reserved = {amount},
                               .hold_id = cs(hold)};
    OK(ym_attempt_reserve(f->j, &r, &f->e));
    assert_true(r.id > 0);
    return r.id;
}

static int end(struct fixture *f, int64_t id, int status, int64_t actual)
{
    return ym_attempt_end(f->j, id, status, (ym_money){actual}, YM_OK, "note", (ym_wall){DAY2},
                          &f->e);
}

static int64_t spend(struct fixture *f, const char *day, const char *lane, const char *folder,
                     bool approved)
{
    return ym_spend(f->j, day, lane, folder, approved).micro_usd;
}

static int64_t used(struct fixture *f, const char *id)
{
    struct ym_hold_row h;
    OK(ym_hold_get(f->j, id, &h));
    int64_t v = h.used.micro_usd;
    ym_hold_row_fini(&h);
    return v;
}

static void attempt_seen(void *ctx, const struct ym_attempt_row *r)
{
    seen_add(ctx, "%d:%d:%lld:%lld", r->no, (int)r->status, (long long)r->reserved.micro_usd,
             (long long)r->actual.micro_usd);
}

static void attempt_comes_back(void **state)
{
    struct fixture *f = *state;
    struct ym_attempt_row r = {.job = id_of(1),
                               .no = 2,
                               .lane = cs("p/m"),
                               .folder = cs("a"),
                               .pays = true,
                               .reserved_at = {DAY1},
                               .reserved = {500},
                               .note = cs("first")};
    struct ym_attempt_row got;
    assert_int_equal(ym_attempt_open_of(f->j, id_of(1).s, &got), -ENOENT);
    OK(ym_attempt_reserve(f->j, &r, &f->e));
    OK(ym_attempt_sent(f->j, r.id, (ym_wall){DAY1 + 5}));
    OK(ym_attempt_open_of(f->j, id_of(1).s, &got));
    assert_int_equal(got.id, r.id);
    assert_string_equal(got.job.s, id_of(1).s);
    assert_int_equal(got.no, 2);
    assert_string_equal(got.lane, "p/m");
    assert_string_equal(got.folder, "a");
    assert_true(got.pays);
    assert_true(got.reserved_at.ms == DAY1 && got.sent_at.ms == DAY1 + 5 && got.ended_at.ms == 0);
    assert_true(got.reserved.micro_usd == 500 && got.actual.micro_usd == 0);
    assert_int_equal(got.status, YM_ATT_OPEN);
    assert_string_equal(got.note, "first");
    assert_null(got.hold_id);
    ym_attempt_row_fini(&got);
    OK(ym_attempt_end(f->j, r.id, YM_ATT_KEPT, (ym_money){1}, YM_AMBIGUOUS, "cut",
                      (ym_wall){DAY1 + 9}, &f->e));
    assert_int_equal(ym_attempt_open_of(f->j, id_of(1).s, &got), -ENOENT);
    r.no = 1;
    OK(ym_attempt_reserve(f->j, &r, &f->e));
    struct seen s = {""};
    OK(ym_attempt_each(f->j, id_of(1).s, attempt_seen, &s));
    assert_string_equal(s.text, "1:0:500:0 2:3:500:0");
    assert_int_equal(ym_attempt_sent(f->j, 999, (ym_wall){1}), -ENOENT);
    assert_int_equal(end(f, 999, YM_ATT_RELEASED, 0), -ENOENT);
}

static void spend_follows_attempts(void **state)
{
    struct fixture *f = *state;
    char day[16], month[16];
    ym_wall_day((ym_wall){DAY1}, day);
    ym_wall_month((ym_wall){DAY1}, month);
    assert_int_equal(spend(f, NULL, NULL, NULL, false), 0);
    int64_t a = reserve(f, 1, "p/m", "a", DAY1, 100, NULL),
            b = reserve(f, 2, "p/m", "a/b", DAY1, 200, NULL);
    int64_t c = reserve(f, 3, "q/m", "ab", DAY1, 400, NULL),
            d = reserve(f, 4, "q/m", NULL, DAY2, 800, NULL);
    assert_int_equal(spend(f, day, NULL, NULL, false), 700);
    assert_int_equal(spend(f, month, NULL, NULL, false), 1500);
    assert_int_equal(spend(f, "2025", NULL, NULL, false), 1500);
    assert_int_equal(spend(f, "2024", NULL, NULL, false), 0);
    assert_int_equal(spend(f, day, "p/m", NULL, false), 300);
    assert_int_equal(spend(f, NULL, "q/m", NULL, false), 1200);
    assert_int_equal(spend(f, day, NULL, "a", false), 300); /* a and a/b, not ab */
    assert_int_equal(spend(f, day, "q/m", "a", false), 0);
    assert_int_equal(spend(f, NULL, NULL, "", false), 1500);
    assert_int_equal(spend(f, NULL, NULL, NULL, true), 0);
    OK(end(f, a, YM_ATT_SETTLED, 60));  /* cheaper */
    OK(end(f, b, YM_ATT_RELEASED, 77)); /* nothing at all */
    OK(end(f, c, YM_ATT_KEPT, 0));
    OK(end(f, d, YM_ATT_SETTLED, 900)); /* dearer; on its own day, though it ended on another */
    assert_int_equal(spend(f, day, NULL, NULL, false), 460);
    assert_int_equal(spend(f, NULL, NULL, NULL, false), 1360);
    /* An outcome once known is not changed; one that was unknown may become known. */
    assert_int_equal(end(f, a, YM_ATT_RELEASED, 0), -EEXIST);
    assert_int_equal(end(f, b, YM_ATT_SETTLED, 10), -EEXIST);
    assert_int_equal(spend(f, NULL, NULL, NULL, false), 1360);
    OK(end(f, c, YM_ATT_SETTLED, 390));
    assert_int_equal(spend(f, day, NULL, NULL, false), 450);
}

static void spend_seen(void *ctx, const char *day, const char *lane, const char *folder,
                       int64_t attempts, ym_money sum)
{
    seen_add(ctx, "%s|%s|%s|%lld|%lld", day, lane, folder, (long long)attempts,
             (long long)sum.micro_usd);
}

static void spend_rows(void **state)
{
    struct fixture *f = *state;
    char day[16], want[300];
    ym_wall_day((ym_wall){DAY1}, day);
    struct ym_hold_row h = {.id = id_of(900), .cap = {1000}, .status = YM_HOLD_APPROVED};
    OK(ym_hold_put(f->j, &h, &f->e));
    reserve(f, 1, "p/m", "a", DAY1, 100, NULL);
    reserve(f, 1, "p/m", "a", DAY1, 100, h.id.s);
    int64_t gone = reserve(f, 1, "p/m", "a", DAY1, 100, NULL);
    reserve(f, 2, "q/m", "a", DAY1, 7, NULL);
    reserve(f, 2, "q/m", "a", DAY2, 9, NULL);
    OK(end(f, gone, YM_ATT_RELEASED, 0));
    struct seen s = {""};
    OK(ym_spend_each(f->j, day, spend_seen, &s));
    snprintf(want, sizeof want, "%s|p/m|a|2|200 %s|q/m|a|1|7", day, day);
    assert_string_equal(s.text, want);
}

static void approvals_pay(void **state)
{
    struct fixture *f = *state;
    struct ym_hold_row h = {.id = id_of(900), .cap = {1000}, .status = YM_HOLD_APPROVED};
    OK(ym_hold_put(f->j, &h, &f->e));
    int64_t a = reserve(f, 1, "p/m", "a", DAY1, 300, h.id.s),
            b = reserve(f, 2, "p/m", "a", DAY1, 300, h.id.s);
    int64_t c = reserve(f, 3, "p/m", "a", DAY1, 300, h.id.s);
    assert_int_equal(used(f, h.id.s), 900);
    assert_int_equal(spend(f, NULL, NULL, NULL, false), 0);
    assert_int_equal(spend(f, NULL, NULL, NULL, true), 900);
    OK(end(f, a, YM_ATT_SETTLED, 250));
    OK(end(f, b, YM_ATT_RELEASED, 0));
    OK(end(f, c, YM_ATT_KEPT, 0));
    assert_int_equal(used(f, h.id.s), 550);
    assert_int_equal(spend(f, NULL, NULL, "a", true), 550);
    /* Writing the row again does not touch what was used. */
    h.cap.micro_usd = 2000;
    OK(ym_hold_put(f->j, &h, &f->e));
    assert_int_equal(used(f, h.id.s), 550);
    /* An approval that is not there pays nothing, and nothing is written. */
    struct ym_attempt_row r = {.job = id_of(4),
                               .no = 1,
                               .lane = cs("p/m"),
                               .reserved_at = {DAY1},
                               .reserved = {5},
                               .hold_id = cs("none")};
    OK(ym_journal_begin(f->j, &f->e));
    assert_int_equal(ym_attempt_reserve(f->j, &r, &f->e), -ENOENT);
    assert_false(ym_journal_dirty(f->j));
    OK(ym_journal_commit(f->j, &f->e));
    assert_int_equal(spend(f, NULL, NULL, NULL, true), 550);
    assert_int_equal(spend(f, NULL, NULL, NULL, false), 0);
}

static void absurd_amounts(void **state)
{
    struct fixture *f = *state;
    static const int64_t amounts[] = {-1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < YM_COUNT(amounts); i++) {
        struct ym_attempt_row r = {.job = id_of(1), .reserved = {amounts[i]}};
        assert_int_equal(ym_attempt_reserve(f->j, &r, &f->e), -ERANGE);
        int64_t id = reserve(f, 1, NULL, NULL, DAY1, 1, NULL);
        assert_int_equal(end(f, id, YM_ATT_SETTLED, amounts[i]), -ERANGE);
    }
    assert_int_equal(spend(f, NULL, NULL, NULL, false), YM_COUNT(amounts));
}

static void time_seen(void *ctx, ym_wall t)
{
    seen_add(ctx, "%lld", (long long)t.ms);
}

#define TIMES(since, want)                                                                         \
    do {                                                                                           \
        struct seen s = {""};                                                                      \
        OK(ym_attempt_times(f->j, "p/m", (ym_wall){since}, time_seen, &s));                        \
        assert_string_equal(s.text, want);                                                         \
    } while (0)

static int ended_as(struct fixture *f, int64_t id, int status, enum ym_class cls)
{
    return ym_attempt_end(f->j, id, status, (ym_money){0}, cls, NULL, (ym_wall){99}, &f->e);
}

/* The limiter's memory: what was sent, and what may have been. */
static void send_times(void **state)
{
    struct fixture *f = *state;
    int64_t a = reserve(f, 1, "p/m", NULL, 10, 1, NULL),
            b = reserve(f, 2, "p/m", NULL, 20, 1, NULL);
    int64_t c = reserve(f, 3, "p/m", NULL, 30, 1, NULL);
    reserve(f, 4, "q/m", NULL, 31, 1, NULL);
    struct ym_attempt_row is_free = {.job = id_of(5), .lane = cs("p/m"), .reserved_at = {32}};
    OK(ym_attempt_reserve(f->j, &is_free, &f->e));
    TIMES(0, "10 20 30");
    TIMES(20, "20 30");
    OK(ym_attempt_sent(f->j, a, (ym_wall){25}));
    TIMES(0, "20 25 30");
    assert_int_equal(ym_attempt_count_since(f->j, "p/m", (ym_wall){21}), 2);
    OK(ended_as(f, a, YM_ATT_RELEASED, YM_OFFLINE)); /* it was sent: stays */
    TIMES(0, "20 25 30");
    OK(ended_as(f, b, YM_ATT_RELEASED, YM_OFFLINE)); /* never left */
    TIMES(0, "25 30");
    OK(ended_as(f, c, YM_ATT_RELEASED, YM_THROTTLED)); /* refused: it arrived */
    TIMES(0, "25 30");
    OK(ended_as(f, is_free.id, YM_ATT_RELEASED, YM_OK));
    TIMES(0, "25 30");
    assert_int_equal(ym_attempt_count_since(f->j, "p/m", (ym_wall){0}), 2);
}

/* What goes along in another's request costs, but is no request of its own. */
static void riders_are_not_counted(void **state)
{
    struct fixture *f = *state;
    reserve(f, 1, "p/m", NULL, 10, 1, NULL);
    struct ym_attempt_row r = {.job = id_of(2), .lane = cs("p/m"), .pays = true, .rides = true,
                               .reserved_at = {20}, .reserved = {5}};
    OK(ym_attempt_reserve(f->j, &r, &f->e));
    TIMES(0, "10");
    assert_int_equal(spend(f, "1970", "p/m", NULL, false), 6);
    OK(ended_as(f, r.id, YM_ATT_KEPT, YM_LOST));
    TIMES(0, "10");
}

static void unknown_sum(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++)
        OK(end(f, reserve(f, 1, "p/m", NULL, DAY1, 10, NULL), i == 2 ? YM_ATT_SETTLED : YM_ATT_KEPT,
               10));
    OK(end(f, reserve(f, 2, "p/m", NULL, DAY1, 10, NULL), YM_ATT_KEPT, 0));
    assert_int_equal(ym_attempt_unknown_sum(f->j, id_of(1).s).micro_usd, 20);
    assert_int_equal(ym_attempt_unknown_sum(f->j, id_of(3).s).micro_usd, 0);
}

static void hold_seen(void *ctx, const struct ym_hold_row *r)
{
    seen_add(ctx, "%d", (int)strtol(r->id.s + 10, NULL, 10));
}

static void holds(void **state)
{
    struct fixture *f = *state;
    struct ym_hold_row r = {.id = id_of(1),
                            .note = cs("a/x.held.log"),
                            .ident = {1, 2, 3, 4},
                            .target = cs("a/x.txt"),
                            .why = cs("dear"),
                            .amount = {5},
                            .cap = {6},
                            .used = {2},
                            .status = YM_HOLD_APPROVED,
                            .at = {8}};
    struct ym_hold_row got;
    assert_int_equal(ym_hold_get(f->j, r.id.s, &got), -ENOENT);
    OK(ym_hold_put(f->j, &r, &f->e));
    OK(ym_hold_by_note(f->j, "a/x.held.log", &got));
    assert_string_equal(got.id.s, r.id.s);
    assert_string_equal(got.note, r.note);
    assert_memory_equal(&got.ident, &r.ident, sizeof r.ident);
    assert_string_equal(got.target, r.target);
    assert_string_equal(got.why, r.why);
    assert_true(got.amount.micro_usd == 5 && got.cap.micro_usd == 6 && got.used.micro_usd == 2 &&
                got.at.ms == 8);
    assert_int_equal(got.status, YM_HOLD_APPROVED);
    ym_hold_row_fini(&got);
    struct ym_hold_row newer = {.id = id_of(2), .target = cs("a/x.txt")},
                       bulk = {.id = id_of(3), .target = cs("bulk:B")};
    OK(ym_hold_put(f->j, &newer, &f->e));
    OK(ym_hold_put(f->j, &bulk, &f->e));
    OK(ym_hold_by_target(f->j, "a/x.txt", &got));
    assert_string_equal(got.id.s, newer.id.s);
    assert_null(got.note);
    ym_hold_row_fini(&got);
    newer.status = r.status = YM_HOLD_CLOSED;
    OK(ym_hold_put(f->j, &newer, &f->e));
    struct seen s = {""};
    OK(ym_hold_each(f->j, hold_seen, &s));
    assert_string_equal(s.text, "1 3");
    OK(ym_hold_put(f->j, &r, &f->e));
    assert_int_equal(ym_hold_by_target(f->j, "a/x.txt", &got), -ENOENT);
    assert_int_equal(ym_hold_by_note(f->j, "a/x.held.log", &got), -ENOENT);
    OK(ym_hold_get(f->j, r.id.s, &got));
    ym_hold_row_fini(&got);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(attempt_comes_back), T(spend_follows_attempts),
        T(spend_rows),         T(approvals_pay),
        T(absurd_amounts),     T(send_times), T(riders_are_not_counted),
        T(unknown_sum),        T(holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
