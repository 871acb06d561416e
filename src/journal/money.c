/* Attempts and what they cost. Each change of an attempt changes the sums in the same transaction.
 */
#include <errno.h>

#include "sql.h"

/* A thousand million dollars: sums of a year of such still fit. */
#define MONEY_MAX INT64_C(1000000000000000)

void ym_attempt_row_fini(struct ym_attempt_row *r)
{
    free(r->lane);
    free(r->folder);
    free(r->note);
    free(r->hold_id);
    *r = (struct ym_attempt_row){0};
}

static void attempt_read(struct cur *c, struct ym_attempt_row *ret)
{
    struct ym_attempt_row r = {.id = col_i64(c)};
    r.job = col_id(c);
    r.no = (int)col_i64(c);
    r.lane = col_text(c);
    r.folder = col_text(c);
    r.pays = col_i64(c) != 0;
    r.reserved_at = (ym_wall){col_i64(c)};
    r.sent_at = (ym_wall){col_i64(c)};
    r.ended_at = (ym_wall){col_i64(c)};
    r.reserved = (ym_money){col_i64(c)};
    r.actual = (ym_money){col_i64(c)};
    r.status = col_word(c, attempt_statuses);
    r.cls = ym_class_parse(col_str(c));
    r.note = col_text(c);
    r.hold_id = col_text(c);
    *ret = r;
}

static int money_check(ym_money m, struct ym_err *e)
{
    char text[32];
    if (m.micro_usd >= 0 && m.micro_usd <= MONEY_MAX)
        return 0;
    return ym_fail(e, YM_BROKEN, ERANGE, "%s is no amount that can be booked: check the prices.",
                   ym_money_format(m, text));
}

/* ---- the sums ---- */

struct booking {
    char *day, *lane, *folder, *hold_id;
};

static int hold_use(struct ym_journal *j, const char *hold_id, int64_t delta, struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_HOLD_USE, e);
    bind_i64(&c, delta);
    bind_text(&c, hold_id);
    int r = cur_run_found(&c);
    return r == -ENOENT ? ym_fail(e, YM_BROKEN, ENOENT,
                                  "The approval that should pay is not in the journal.")
                        : r;
}

/* The approval first: a missing one is found out before anything is written. */
static int book(struct ym_journal *j, const struct booking *b, int attempts, int64_t delta,
                struct ym_err *e)
{
    int r = b->hold_id ? hold_use(j, b->hold_id, delta, e) : 0;
    if (r < 0)
        return r;
    CUR struct cur c = cur_begin(j, Q_SPEND_ADD, e);
    bind_text(&c, b->day);
    bind_text(&c, b->lane ? b->lane : "");
    bind_text(&c, b->folder ? b->folder : "");
    bind_i64(&c, b->hold_id != NULL);
    bind_i64(&c, attempts);
    bind_i64(&c, delta);
    return cur_run(&c);
}

/* ---- reserve, send, end ---- */

static int attempt_insert(struct ym_journal *j, const struct ym_attempt_row *r, const char *day,
                          int64_t *ret_id, struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_ATTEMPT_INSERT, e);
    bind_text(&c, r->job.s);
    bind_i64(&c, r->no);
    bind_text(&c, r->lane);
    bind_text(&c, r->folder);
    bind_text(&c, day);
    bind_i64(&c, r->pays);
    bind_i64(&c, r->pays && !r->rides);
    bind_i64(&c, r->sent_at.ms ? r->sent_at.ms : r->reserved_at.ms);
    bind_i64(&c, r->reserved_at.ms);
    bind_i64(&c, r->sent_at.ms);
    bind_i64(&c, 0);
    bind_i64(&c, r->reserved.micro_usd);
    bind_i64(&c, 0);
    bind_word(&c, attempt_statuses, YM_ATT_OPEN);
    bind_text(&c, ym_class_name(YM_OK));
    bind_text(&c, r->note);
    bind_text(&c, r->hold_id);
    int res = cur_step(&c);
    if (res <= 0)
        return res < 0 ? res : -EIO;
    int64_t id = col_i64(&c);
    res = cur_run(&c);
    if (res == 0)
        *ret_id = id;
    return res;
}

int ym_attempt_reserve(struct ym_journal *j, struct ym_attempt_row *r, struct ym_err *e)
{
    char day[16];
    struct booking b = {.day = day, .lane = r->lane, .folder = r->folder, .hold_id = r->hold_id};
    int64_t id = 0;
    int res = money_check(r->reserved, e);
    if (res < 0)
        return res;
    ym_wall_day(r->reserved_at, day);
    struct tx t = tx_open(j, e);
    res = t.r < 0 ? t.r : book(j, &b, 1, r->reserved.micro_usd, e);
    if (res == 0)
        res = attempt_insert(j, r, day, &id, e);
    res = tx_close(&t, res, e);
    if (res == 0) {
        r->id = id;
        r->status = YM_ATT_OPEN;
    }
    return res;
}

int ym_attempt_sent(struct ym_journal *j, int64_t id, ym_wall at)
{
    CUR struct cur c = cur_begin(j, Q_ATTEMPT_SENT, NULL);
    bind_i64(&c, at.ms);
    bind_i64(&c, id);
    return cur_run_found(&c);
}

struct attempt {
    struct booking b;
    bool pays, sent;
    int64_t reserved;
    int status;
};

static void attempt_fini(struct attempt *a)
{
    free(a->b.day);
    free(a->b.lane);
    free(a->b.folder);
    free(a->b.hold_id);
}

static int attempt_get(struct ym_journal *j, int64_t id, struct attempt *ret, struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_ATTEMPT_GET, e);
    bind_i64(&c, id);
    int r = cur_step(&c);
    if (r <= 0)
        return r < 0 ? r
                     : ym_fail(e, YM_BROKEN, ENOENT, "The journal has no attempt %lld.",
                               (long long)id);
    ret->b.day = col_text(&c);
    ret->b.lane = col_text(&c);
    ret->b.folder = col_text(&c);
    ret->pays = col_i64(&c) != 0;
    ret->sent = col_i64(&c) != 0;
    ret->reserved = col_i64(&c);
    ret->status = col_word(&c, attempt_statuses);
    ret->b.hold_id = col_text(&c);
    return 0;
}

/* Whether the rate limit remembers it: not when nothing left this machine. In doubt it does. */
static bool still_counts(const struct attempt *a, int status, enum ym_class cls)
{
    bool unsent = cls == YM_OFFLINE || cls == YM_CANCELLED || cls == YM_LOCAL;
    return a->pays && !(status == YM_ATT_RELEASED && !a->sent && unsent);
}

static int attempt_write(struct ym_journal *j, int64_t id, int status, ym_money actual,
                         enum ym_class cls, const char *note, ym_wall at, bool counts,
                         struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_ATTEMPT_END, e);
    bind_word(&c, attempt_statuses, status);
    bind_i64(&c, actual.micro_usd);
    bind_text(&c, ym_class_name(cls));
    bind_text(&c, note);
    bind_i64(&c, at.ms);
    bind_i64(&c, counts);
    bind_i64(&c, id);
    return cur_run(&c);
}

int ym_attempt_end(struct ym_journal *j, int64_t id, int status, ym_money actual, enum ym_class cls,
                   const char *note, ym_wall at, struct ym_err *e)
{
    struct attempt a = {.reserved = 0};
    ym_assert(status == YM_ATT_SETTLED || status == YM_ATT_RELEASED || status == YM_ATT_KEPT);
    if (status != YM_ATT_SETTLED)
        actual = (ym_money){0};
    int res = money_check(actual, e);
    if (res < 0)
        return res;
    struct tx t = tx_open(j, e);
    res = t.r < 0 ? t.r : attempt_get(j, id, &a, e);
    if (res == 0 && a.status != YM_ATT_OPEN && a.status != YM_ATT_KEPT)
        res = ym_fail(e, YM_BROKEN, EEXIST, "This attempt was settled before.");
    int64_t now = status == YM_ATT_KEPT ? a.reserved : actual.micro_usd;
    if (res == 0)
        res = book(j, &a.b, status == YM_ATT_RELEASED ? -1 : 0, now - a.reserved, e);
    if (res == 0)
        res = attempt_write(j, id, status, actual, cls, note, at, still_counts(&a, status, cls), e);
    attempt_fini(&a);
    return tx_close(&t, res, e);
}

/* ---- looking ---- */

int ym_attempt_open_of(struct ym_journal *j, const char *job, struct ym_attempt_row *ret)
{
    CUR struct cur c = cur_begin(j, Q_ATTEMPT_OPEN_OF, NULL);
    bind_text(&c, job);
    int r = cur_step(&c);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    attempt_read(&c, ret);
    return 0;
}

int ym_attempt_each(struct ym_journal *j, const char *job,
                    void (*fn)(void *ctx, const struct ym_attempt_row *r), void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_ATTEMPT_EACH, NULL);
    bind_text(&c, job);
    int r;
    while ((r = cur_step(&c)) > 0) {
        struct ym_attempt_row row;
        attempt_read(&c, &row);
        fn(ctx, &row);
        ym_attempt_row_fini(&row);
    }
    return r;
}

int ym_attempt_times(struct ym_journal *j, const char *lane, ym_wall since,
                     void (*fn)(void *ctx, ym_wall t), void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_ATTEMPT_TIMES, NULL);
    bind_text(&c, lane);
    bind_i64(&c, since.ms);
    int r;
    while ((r = cur_step(&c)) > 0)
        fn(ctx, (ym_wall){col_i64(&c)});
    return r;
}

/* What guards money says "a great deal" when it cannot be read. */
static int64_t number_or_max(struct cur *c)
{
    int64_t n;
    return cur_number(c, &n) < 0 ? INT64_MAX : n;
}

int64_t ym_attempt_count_since(struct ym_journal *j, const char *lane, ym_wall since)
{
    CUR struct cur c = cur_begin(j, Q_ATTEMPT_COUNT, NULL);
    bind_text(&c, lane);
    bind_i64(&c, since.ms);
    return number_or_max(&c);
}

ym_money ym_attempt_unknown_sum(struct ym_journal *j, const char *job)
{
    CUR struct cur c = cur_begin(j, Q_ATTEMPT_UNKNOWN, NULL);
    bind_text(&c, job);
    return (ym_money){number_or_max(&c)};
}

ym_money ym_spend(struct ym_journal *j, const char *day_prefix, const char *lane,
                  const char *folder, bool approved)
{
    if (folder && !*folder) /* the whole library */
        folder = NULL;
    BELOW struct below days = below_prefix(day_prefix), inside = below_folder(folder ? folder : "");
    CUR struct cur c = cur_begin(j, Q_SPEND_SUM, NULL);
    bind_text(&c, days.from);
    bind_text(&c, days.to);
    bind_i64(&c, approved);
    bind_text(&c, lane);
    bind_text(&c, folder);
    bind_text(&c, inside.from);
    bind_text(&c, inside.to);
    return (ym_money){number_or_max(&c)};
}

int ym_spend_each(struct ym_journal *j, const char *day_prefix,
                  void (*fn)(void *ctx, const char *day, const char *lane, const char *folder,
                             int64_t attempts, ym_money sum),
                  void *ctx)
{
    BELOW struct below days = below_prefix(day_prefix);
    CUR struct cur c = cur_begin(j, Q_SPEND_EACH, NULL);
    bind_text(&c, days.from);
    bind_text(&c, days.to);
    int r;
    while ((r = cur_step(&c)) > 0) {
        const char *day = col_str(&c), *lane = col_str(&c), *folder = col_str(&c);
        int64_t attempts = col_i64(&c);
        fn(ctx, day, lane, folder, attempts, (ym_money){col_i64(&c)});
    }
    return r;
}
