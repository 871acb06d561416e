#include "journal_fixture.h"

#include "../../src/journal/job_columns.h"

static void add(struct fixture *f, struct ym_job_row r)
{
    OK(ym_job_insert(f->j, &r, &f->e));
}

/* ---- every column ---- */

#define FILL_TEXT(m)               (m) = ym_asprintf("text %d", ++n)
#define FILL_INT(m)                (m) = ++n
#define FILL_I64(m)                (m) = INT64_C(1) << 40 | ++n
#define FILL_BOOL(m)               (m) = true
#define FILL_WALL(m)               (m).ms = INT64_C(1700000000000) + ++n
#define FILL_MONEY(m)              (m).micro_usd = -(++n)
#define FILL_DIGEST(m)             (m) = (ym_digest_of(&n, sizeof(++n)))
#define FILL_CLASS(m)              (m) = YM_THROTTLED
#define FILL(column, type, member) FILL_##type(r.member);

#define SAME_TEXT(m)                                                                               \
    if (a->m)                                                                                      \
        assert_string_equal(a->m, b->m);                                                           \
    else                                                                                           \
        assert_null(b->m)
#define SAME_INT(m)                assert_int_equal(a->m, b->m)
#define SAME_I64(m)                assert_true(a->m == b->m)
#define SAME_BOOL(m)               assert_int_equal(a->m, b->m)
#define SAME_WALL(m)               assert_true(a->m.ms == b->m.ms)
#define SAME_MONEY(m)              assert_true(a->m.micro_usd == b->m.micro_usd)
#define SAME_DIGEST(m)             assert_true(ym_digest_eq(&a->m, &b->m))
#define SAME_CLASS(m)              assert_int_equal(a->m, b->m)
#define SAME(column, type, member) SAME_##type(member);

static struct ym_job_row filled(int start)
{
    int n = start;
    struct ym_job_row r = {.id = id_of(1), .state = YM_JOB_HELD, .kind = YM_VIDEO, .blocked = true};
    JOB_KEYS(FILL)
    JOB_REST(FILL)
    return r;
}

static void same(const struct ym_job_row *a, const struct ym_job_row *b)
{
    assert_string_equal(a->id.s, b->id.s);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->blocked, b->blocked);
    JOB_KEYS(SAME)
    JOB_REST(SAME)
}

static void stored_is(struct fixture *f, const struct ym_job_row *want)
{
    struct ym_job_row got;
    OK(ym_job_get(f->j, want->id.s, &got));
    same(want, &got);
    ym_job_row_fini(&got);
}

static void row_comes_back(void **state)
{
    struct fixture *f = *state;
    struct ym_job_row r = filled(0), other = filled(1000),
                      empty = {.id = id_of(2), .state = YM_JOB_DONE}, got;
    assert_int_equal(ym_job_get(f->j, r.id.s, &got), -ENOENT);
    assert_int_equal(ym_job_update(f->j, &r, &f->e), -ENOENT);
    assert_non_null(strstr(f->e.msg, r.id.s));
    OK(ym_job_insert(f->j, &r, &f->e));
    stored_is(f, &r);
    assert_int_equal(ym_job_insert(f->j, &other, &f->e), -EEXIST);
    stored_is(f, &r);
    other.state = YM_JOB_FAILED;
    other.kind = YM_TEXT;
    other.blocked = false;
    OK(ym_job_update(f->j, &other, &f->e));
    stored_is(f, &other);
    OK(ym_job_insert(f->j, &empty, &f->e));
    stored_is(f, &empty);
    ym_job_row_fini(&r);
    ym_job_row_fini(&other);
}

/* Indexed columns are only written when they differ: each must be noticed by itself. */
#define ALONE(column, type, member)                                                                \
    one = r;                                                                                       \
    one.member = other.member;                                                                     \
    OK(ym_job_update(f->j, &one, &f->e));                                                          \
    stored_is(f, &one);

static void one_column_changes(void **state)
{
    struct fixture *f = *state;
    struct ym_job_row r = filled(0), other = filled(1000), one = r;
    OK(ym_job_insert(f->j, &r, &f->e));
    JOB_KEYS(ALONE)
    JOB_REST(ALONE)
    one = r;
    one.state = YM_JOB_QUEUED;
    OK(ym_job_update(f->j, &one, &f->e));
    stored_is(f, &one);
    one.blocked = false;
    OK(ym_job_update(f->j, &one, &f->e));
    stored_is(f, &one);
    ym_job_row_fini(&r);
    ym_job_row_fini(&other);
}

static void texts_are_bytes(void **state)
{
    struct fixture *f = *state;
    struct ym_job_row r =
        JOB(1, .prompt = cs("'; DROP TABLE job; -- \xc3\xa4 \xff\xfe"), .words = cs(""));
    add(f, r);
    stored_is(f, &r);
}

/* ---- claiming ---- */

static void next_is(struct fixture *f, const char *lane, int64_t now, int want)
{
    struct ym_job_row r;
    int got = ym_job_next(f->j, lane, (ym_wall){now}, &r);
    if (want == 0) {
        assert_int_equal(got, -ENOENT);
        return;
    }
    assert_int_equal(got, 0);
    assert_string_equal(r.id.s, id_of(want).s);
    ym_job_row_fini(&r);
}

static void set(struct fixture *f, int n, enum ym_state s)
{
    struct ym_job_row r;
    OK(ym_job_get(f->j, id_of(n).s, &r));
    r.state = s;
    OK(ym_job_update(f->j, &r, &f->e));
    ym_job_row_fini(&r);
}

static void claim_order(void **state)
{
    struct fixture *f = *state;
    add(f, JOB(1, .run_at = {50}));
    add(f, JOB(3, .run_at = {20}));
    add(f, JOB(2, .run_at = {20}));
    add(f, JOB(4, .run_at = {90}, .priority = 5));
    add(f, JOB(5, .run_at = {10}, .priority = -5));
    add(f, JOB(6, .run_at = {1}, .lane = cs("p/other")));
    add(f, JOB(7, .run_at = {1}, .priority = 9, .bulk = cs("b")));
    add(f, JOB(8, .run_at = {1}, .priority = 9, .blocked = true));
    add(f, JOB(9, .run_at = {1}, .priority = 9, .state = YM_JOB_HELD));
    next_is(f, "p/m", 0, 0);
    next_is(f, "p/m", 10, 5);  /* the only one that is due */
    next_is(f, "p/m", 20, 2);  /* a higher priority is not due yet; same time: by id */
    next_is(f, "p/m", 100, 4); /* the highest priority, though due last */
    next_is(f, "p/other", 100, 6);
    next_is(f, "p/none", 100, 0);
    static const int order[] = {4, 2, 3, 1, 5};
    for (size_t i = 0; i < YM_COUNT(order); i++) {
        next_is(f, "p/m", 100, order[i]);
        set(f, order[i], YM_JOB_RESERVED);
    }
    next_is(f, "p/m", 100, 0);
    set(f, 3, YM_JOB_QUEUED);
    next_is(f, "p/m", 100, 3);
}

static void lane_seen(void *ctx, const char *lane, int64_t n, ym_wall earliest)
{
    if (earliest.ms == INT64_MAX)
        seen_add(ctx, "%s:%lld:never", lane, (long long)n);
    else
        seen_add(ctx, "%s:%lld:%lld", lane, (long long)n, (long long)earliest.ms);
}

static void lanes_are(struct fixture *f, const char *want)
{
    struct seen s = {""};
    OK(ym_job_lanes(f->j, lane_seen, &s));
    assert_string_equal(s.text, want);
}

static void lanes(void **state)
{
    struct fixture *f = *state;
    lanes_are(f, "");
    add(f, JOB(1, .run_at = {50}, .priority = 3));
    add(f, JOB(2, .run_at = {20}, .priority = -1));
    add(f, JOB(3, .run_at = {10}, .bulk = cs("b")));
    add(f, JOB(4, .lane = cs("q/m"), .provider = cs("q"), .blocked = true));
    add(f, JOB(5, .state = YM_JOB_DONE));
    lanes_are(f, "p/m:3:20 q/m:1:never");
    set(f, 2, YM_JOB_RESERVED);
    lanes_are(f, "p/m:2:50 q/m:1:never");
    OK(ym_job_unblock(f->j, "q"));
    lanes_are(f, "p/m:2:50 q/m:1:0");
    struct ym_job_row r = JOB(1, .lane = cs("q/m"), .provider = cs("q"), .run_at = {7});
    OK(ym_job_update(f->j, &r, &f->e)); /* another lane */
    lanes_are(f, "p/m:1:never q/m:2:0");
    set(f, 4, YM_JOB_FAILED);
    lanes_are(f, "p/m:1:never q/m:1:7");
}

static void ready_is(struct fixture *f, int64_t now, int64_t most, int64_t want, int64_t oldest)
{
    ym_wall at = {-1};
    assert_int_equal(ym_job_ready(f->j, "p/m", (ym_wall){now}, most, &at), want);
    assert_int_equal(at.ms, oldest);
}

static void how_many_are_ready(void **state)
{
    struct fixture *f = *state;
    ready_is(f, 100, 9, 0, INT64_MAX);
    add(f, JOB(1, .run_at = {50}));
    add(f, JOB(2, .run_at = {20}, .priority = 1));
    add(f, JOB(3, .run_at = {30}, .priority = 1));
    add(f, JOB(4, .run_at = {1}, .bulk = cs("b")));
    add(f, JOB(5, .run_at = {1}, .lane = cs("p/other")));
    ready_is(f, 10, 9, 0, 20);
    ready_is(f, 30, 9, 2, 20);
    ready_is(f, 60, 9, 3, 20);
    ready_is(f, 60, 2, 2, 20);
    set(f, 2, YM_JOB_RESERVED);
    ready_is(f, 60, 9, 2, 30);
    OK(ym_job_block(f->j, "p"));
    ready_is(f, 60, 9, 0, -1);
}

static void blocked_is(struct fixture *f, int n, bool want)
{
    struct ym_job_row r;
    OK(ym_job_get(f->j, id_of(n).s, &r));
    assert_int_equal(r.blocked, want);
    ym_job_row_fini(&r);
}

static void block(void **state)
{
    struct fixture *f = *state;
    add(f, JOB(1));
    add(f, JOB(2, .lane = cs("q/m"), .provider = cs("q")));
    OK(ym_job_block(f->j, "p"));
    OK(ym_job_block(f->j, "p"));
    next_is(f, "p/m", 1, 0);
    next_is(f, "q/m", 1, 2);
    blocked_is(f, 1, true);
    blocked_is(f, 2, false);
    lanes_are(f, "p/m:1:never q/m:1:0");
    add(f, JOB(3)); /* one that comes later is blocked like the others */
    blocked_is(f, 3, true);
    next_is(f, "p/m", 1, 0);
    set(f, 1, YM_JOB_QUEUED); /* written back as it was read */
    OK(ym_job_unblock(f->j, "q"));
    next_is(f, "p/m", 1, 0);
    OK(ym_job_unblock(f->j, "p"));
    next_is(f, "p/m", 1, 1);
    blocked_is(f, 1, false);
    struct ym_job_row one = JOB(1, .blocked = true);
    OK(ym_job_update(f->j, &one, &f->e)); /* one alone */
    next_is(f, "p/m", 1, 3);
    OK(ym_job_unblock(f->j, "p"));
    next_is(f, "p/m", 1, 1);
}

static void positions(void **state)
{
    struct fixture *f = *state;
    add(f, JOB(1, .run_at = {50}));
    add(f, JOB(2, .run_at = {50}));
    add(f, JOB(3, .run_at = {40}));
    add(f, JOB(4, .run_at = {90}, .priority = 1));
    add(f, JOB(5, .state = YM_JOB_RESERVED));
    add(f, JOB(6, .lane = cs("q/m")));
    static const int order[] = {4, 3, 1, 2};
    for (size_t i = 0; i < YM_COUNT(order); i++)
        assert_int_equal(ym_job_position(f->j, id_of(order[i]).s), i + 1);
    assert_int_equal(ym_job_position(f->j, id_of(5).s), 0);
    assert_int_equal(ym_job_position(f->j, id_of(6).s), 1);
    assert_int_equal(ym_job_position(f->j, id_of(99).s), 0);
}

/* ---- lists ---- */

static void job_seen(void *ctx, const struct ym_job_row *r)
{
    seen_add(ctx, "%d", (int)strtol(r->id.s + 10, NULL, 10));
}

static void id_seen(void *ctx, const char *id)
{
    seen_add(ctx, "%d", (int)strtol(id + 10, NULL, 10));
}

#define SEES(call, want)                                                                           \
    do {                                                                                           \
        struct seen s = {""};                                                                      \
        OK(call);                                                                                  \
        assert_string_equal(s.text, want);                                                         \
    } while (0)

static void lists(void **state)
{
    struct fixture *f = *state;
    add(f, JOB(5));
    add(f, JOB(4, .bulk = cs("b1"), .hold_id = cs("h1")));
    add(f, JOB(3, .bulk = cs("b1"), .state = YM_JOB_HELD, .hold_id = cs("h1")));
    add(f, JOB(2, .bulk = cs("b2"), .hold_id = cs("h2")));
    add(f, JOB(1, .state = YM_JOB_HELD));
    SEES(ym_job_each_state(f->j, YM_JOB_QUEUED, id_seen, &s), "5 4 2");
    SEES(ym_job_each_state(f->j, YM_JOB_DONE, id_seen, &s), "");
    SEES(ym_job_each_bulk(f->j, "b1", id_seen, &s), "3 4");
    SEES(ym_job_each_bulk(f->j, NULL, id_seen, &s), "2 3 4");
    SEES(ym_job_each_hold(f->j, "h1", id_seen, &s), "3 4");
    SEES(ym_job_each_hold(f->j, NULL, id_seen, &s), "2 3 4");
    SEES(ym_job_recent(f->j, YM_JOB_QUEUED, 2, job_seen, &s), "2 4");
    set(f, 5, YM_JOB_HELD);
    set(f, 5, YM_JOB_QUEUED);
    SEES(ym_job_recent(f->j, YM_JOB_QUEUED, 9, job_seen, &s), "5 2 4");
    SEES(ym_job_each_state(f->j, YM_JOB_QUEUED, id_seen, &s), "4 2 5");
    /* The order outlives the handle. */
    ym_journal_close(f->j);
    OK(ym_journal_open(f->fd, YM_JOURNAL_WRITE, &f->j, &f->e));
    set(f, 4, YM_JOB_HELD);
    set(f, 4, YM_JOB_QUEUED);
    SEES(ym_job_recent(f->j, YM_JOB_QUEUED, 9, job_seen, &s), "4 5 2");
}

static void counts(void **state)
{
    struct fixture *f = *state;
    int64_t n[YM_JOB_STATE_COUNT];
    add(f, JOB(1));
    add(f, JOB(2, .lane = cs("q/m")));
    struct ym_job_row nowhere = JOB(3, .state = YM_JOB_FAILED);
    nowhere.lane = NULL;
    add(f, nowhere);
    set(f, 1, YM_JOB_SUBMITTING);
    blocked_is(f, 1, false);
    OK(ym_job_count(f->j, n));
    assert_int_equal(n[YM_JOB_QUEUED], 1);
    assert_int_equal(n[YM_JOB_RESERVED], 1); /* submitting is not a durable fact */
    assert_int_equal(n[YM_JOB_SUBMITTING], 0);
    assert_int_equal(n[YM_JOB_FAILED], 1);
    set(f, 3, YM_JOB_QUEUED);
    set(f, 1, YM_JOB_DONE);
    OK(ym_job_count(f->j, n));
    assert_int_equal(n[YM_JOB_QUEUED], 2);
    assert_int_equal(n[YM_JOB_RESERVED], 0);
    assert_int_equal(n[YM_JOB_FAILED], 0);
    assert_int_equal(n[YM_JOB_DONE], 1);
    SEES(ym_job_each_state(f->j, YM_JOB_SUBMITTING, id_seen, &s), "");
}

static void by_request(void **state)
{
    struct fixture *f = *state;
    struct ym_digest h = dig("h"), zero = {{0}};
    static const enum ym_state order[] = {YM_JOB_DONE, YM_JOB_HELD, YM_JOB_UNKNOWN, YM_JOB_FAILED,
                                          YM_JOB_CANCELLED};
    struct ym_job_row r;
    assert_int_equal(ym_job_by_request(f->j, &h, &r), -ENOENT);
    for (int i = YM_COUNT(order) - 1; i >= 0; i--)
        for (int k = 0; k < 2; k++) {
            int n = i * 10 + k;
            add(f, JOB(n, .state = order[i], .h = h));
            add(f, JOB(n + 100, .state = order[i]));
            OK(ym_job_by_request(f->j, &h, &r));
            assert_string_equal(r.id.s, id_of(n).s);
            ym_job_row_fini(&r);
        }
    assert_int_equal(ym_job_by_request(f->j, &zero, &r), -ENOENT);
}

/* What is called back may use the journal, also the same function, and change what is walked. */
struct nest {
    struct fixture *f;
    int depth, calls;
};

static void nested(void *ctx, const char *id)
{
    struct nest *n = ctx;
    struct ym_job_row r;
    n->calls++;
    if (n->depth == 0) {
        n->depth = 1;
        assert_int_equal(ym_job_each_state(n->f->j, YM_JOB_QUEUED, nested, n), 0);
        n->depth = 0;
    }
    if (n->depth == 1)
        return;
    assert_int_equal(ym_job_get(n->f->j, id, &r), 0);
    r.state = YM_JOB_HELD;
    assert_int_equal(ym_job_update(n->f->j, &r, NULL), 0);
    ym_job_row_fini(&r);
}

static void callbacks_may_call(void **state)
{
    struct fixture *f = *state;
    struct nest n = {.f = f};
    for (int i = 0; i < 10; i++)
        add(f, JOB(i));
    OK(ym_job_each_state(f->j, YM_JOB_QUEUED, nested, &n));
    assert_int_equal(n.calls, 10 + 10 * 11 / 2);
    int64_t c[YM_JOB_STATE_COUNT];
    OK(ym_job_count(f->j, c));
    assert_int_equal(c[YM_JOB_HELD], 10);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(row_comes_back),
        T(one_column_changes),
        T(texts_are_bytes),
        T(claim_order),
        T(lanes),
        T(how_many_are_ready),
        T(block),
        T(positions),
        T(lists),
        T(counts),
        T(by_request),
        T(callbacks_may_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
