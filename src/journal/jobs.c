/* Rows of jobs: reading, writing, lists. */
#include <errno.h>
#include <string.h>

#include "sql.h"

#define BIND_TEXT(v)                   bind_text(c, v)
#define BIND_INT(v)                    bind_i64(c, v)
#define BIND_I64(v)                    bind_i64(c, v)
#define BIND_BOOL(v)                   bind_i64(c, v)
#define BIND_WALL(v)                   bind_i64(c, (v).ms)
#define BIND_MONEY(v)                  bind_i64(c, (v).micro_usd)
#define BIND_DIGEST(v)                 bind_digest(c, &(v))
#define BIND_CLASS(v)                  bind_text(c, ym_class_name(v))
#define JOB_BIND(column, type, member) BIND_##type(r->member);

#define READ_TEXT col_text(c)
#define READ_INT  (int)col_i64(c)
#define READ_I64  col_i64(c)
#define READ_BOOL (col_i64(c) != 0)
#define READ_WALL                                                                                  \
    (ym_wall)                                                                                      \
    {                                                                                              \
        col_i64(c)                                                                                 \
    }
#define READ_MONEY                                                                                 \
    (ym_money)                                                                                     \
    {                                                                                              \
        col_i64(c)                                                                                 \
    }
#define READ_DIGEST                    col_digest(c)
#define READ_CLASS                     ym_class_parse(col_str(c))
#define JOB_READ(column, type, member) r.member = READ_##type;

#define FREE_TEXT(v) free(v)
#define FREE_INT(v)
#define FREE_I64(v)
#define FREE_BOOL(v)
#define FREE_WALL(v)
#define FREE_MONEY(v)
#define FREE_DIGEST(v)
#define FREE_CLASS(v)
#define JOB_FREE(column, type, member) FREE_##type(r->member);

static void bind_keys(struct cur *c, const struct ym_job_row *r)
{
    JOB_KEYS(JOB_BIND)
}

static void bind_rest(struct cur *c, const struct ym_job_row *r)
{
    JOB_REST(JOB_BIND)
}

static enum ym_state state_read(struct cur *c)
{
    const char *s = col_str(c);
    return s ? ym_state_parse(s) : YM_JOB_NONE;
}

void job_row_read(struct cur *c, struct ym_job_row *ret)
{
    struct ym_job_row r = {.id = col_id(c)};
    const char *kind = col_str(c);
    r.kind = kind ? ym_kind_parse(kind) : YM_KIND_NONE;
    r.state = state_read(c);
    r.blocked = col_i64(c) != 0;
    JOB_KEYS(JOB_READ)
    JOB_REST(JOB_READ)
    *ret = r;
}

void ym_job_row_fini(struct ym_job_row *r)
{
    JOB_KEYS(JOB_FREE)
    JOB_REST(JOB_FREE)
    *r = (struct ym_job_row){0};
}

static int one_job(struct cur *c, struct ym_job_row *ret)
{
    int r = cur_step(c);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    job_row_read(c, ret);
    cur_end(c);
    return 0;
}

/* The row says reserved while it is submitted: after a crash nobody knows more. */
static const char *state_stored(enum ym_state s)
{
    return ym_state_name(s == YM_JOB_SUBMITTING ? YM_JOB_RESERVED : s);
}

static int tally_add(struct ym_journal *j, const char *lane, const char *state, int64_t n,
                     struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_TALLY_ADD, e);
    bind_text(&c, lane ? lane : "");
    bind_text(&c, state);
    bind_i64(&c, n);
    return cur_run(&c);
}

/* Its waiting slots are on their way to a place now, or no longer. */
static int slots_land(struct ym_journal *j, const char *job, bool landing, struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_SLOT_LAND, e);
    bind_i64(&c, landing);
    bind_text(&c, job);
    return cur_run(&c);
}

int ym_job_insert(struct ym_journal *j, const struct ym_job_row *r, struct ym_err *e)
{
    struct tx t = tx_open(j, e);
    CUR struct cur c = cur_begin(j, Q_JOB_INSERT, e);
    bind_text(&c, r->id.s);
    bind_text(&c, ym_kind_name(r->kind));
    bind_text(&c, state_stored(r->state));
    bind_i64(&c, r->blocked);
    bind_i64(&c, ++j->changed);
    bind_keys(&c, r);
    bind_rest(&c, r);
    int res = t.r < 0 ? t.r : cur_run(&c);
    if (res == 0)
        res = tally_add(j, r->lane, state_stored(r->state), 1, e);
    if (res == 0 && r->state == YM_JOB_DONE)
        res = slots_land(j, r->id.s, true, e);
    return tx_close(&t, res, e);
}

int ym_job_get(struct ym_journal *j, const char *id, struct ym_job_row *ret)
{
    CUR struct cur c = cur_begin(j, Q_JOB_GET, NULL);
    bind_text(&c, id);
    return one_job(&c, ret);
}

/* ---- update ---- */

struct before {
    char *state, *lane;
    bool blocked;
};

static int before_read(struct ym_journal *j, const char *id, struct before *ret, struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_JOB_STATE, e);
    bind_text(&c, id);
    int r = cur_step(&c);
    if (r <= 0)
        return r < 0 ? r : ym_fail(e, YM_BROKEN, ENOENT, "The journal has no job %s.", id);
    const char *state = col_str(&c);
    ret->state = ym_strdup(state ? state : ""); /* NULL only without memory */
    ret->lane = col_text(&c);
    ret->blocked = col_i64(&c) != 0;
    cur_end(&c);
    return 0;
}

static int update_state(struct ym_journal *j, const struct ym_job_row *r, const char *was,
                        struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_JOB_UPDATE_STATE, e);
    bind_text(&c, state_stored(r->state));
    bind_i64(&c, ++j->changed);
    bind_text(&c, r->id.s);
    int res = cur_run(&c);
    bool done = r->state == YM_JOB_DONE;
    if (res == 0 && done != (strcmp(was, ym_state_name(YM_JOB_DONE)) == 0))
        res = slots_land(j, r->id.s, done, e);
    return res;
}

static int update_blocked(struct ym_journal *j, const struct ym_job_row *r, struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_JOB_UPDATE_BLOCKED, e);
    bind_i64(&c, r->blocked);
    bind_text(&c, r->id.s);
    return cur_run(&c);
}

static int update_keys(struct ym_journal *j, const struct ym_job_row *r, struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_JOB_UPDATE_KEYS, e);
    bind_keys(&c, r);
    bind_text(&c, r->id.s);
    return cur_run(&c);
}

static int update_rest(struct ym_journal *j, const struct ym_job_row *r, struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_JOB_UPDATE, e);
    bind_text(&c, ym_kind_name(r->kind));
    bind_rest(&c, r);
    bind_text(&c, r->id.s);
    return cur_run(&c);
}

/* Indexed columns are written only when they differ: most updates change none of them, and each
 * would cost a page of its index in the log. */
static int update_all(struct ym_journal *j, const struct ym_job_row *r, const struct before *was,
                      struct ym_err *e)
{
    const char *state = state_stored(r->state), *lane = r->lane ? r->lane : "";
    const char *was_lane = was->lane ? was->lane : "";
    int res = update_rest(j, r, e);
    if (res == 0)
        res = update_keys(j, r, e);
    if (res == 0 && r->blocked != was->blocked)
        res = update_blocked(j, r, e);
    if (res == 0 && strcmp(state, was->state) != 0)
        res = update_state(j, r, was->state, e);
    if (res < 0 || (strcmp(state, was->state) == 0 && strcmp(lane, was_lane) == 0))
        return res;
    res = tally_add(j, was_lane, was->state, -1, e);
    return res < 0 ? res : tally_add(j, lane, state, 1, e);
}

int ym_job_update(struct ym_journal *j, const struct ym_job_row *r, struct ym_err *e)
{
    struct before was = {0};
    struct tx t = tx_open(j, e);
    int res = t.r < 0 ? t.r : before_read(j, r->id.s, &was, e);
    if (res == 0)
        res = update_all(j, r, &was, e);
    free(was.state);
    free(was.lane);
    return tx_close(&t, res, e);
}

/* ---- lists ---- */

int ym_job_each_state(struct ym_journal *j, enum ym_state s, void (*fn)(void *ctx, const char *id),
                      void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_JOB_EACH_STATE, NULL);
    bind_text(&c, state_stored(s));
    return cur_each_text(&c, fn, ctx);
}

int ym_job_each_fallback(struct ym_journal *j, const char *provider, void (*fn)(void *ctx, const char *id), void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_JOB_EACH_FALLBACK, NULL);
    bind_text(&c, provider);
    return cur_each_text(&c, fn, ctx);
}

static int each_of(struct ym_journal *j, enum query one, enum query any, const char *value,
                   void (*fn)(void *ctx, const char *id), void *ctx)
{
    CUR struct cur c = cur_begin(j, value ? one : any, NULL);
    if (value)
        bind_text(&c, value);
    return cur_each_text(&c, fn, ctx);
}

int ym_job_each_bulk(struct ym_journal *j, const char *bulk, void (*fn)(void *ctx, const char *id),
                     void *ctx)
{
    return each_of(j, Q_JOB_EACH_BULK, Q_JOB_EACH_BULK_ANY, bulk, fn, ctx);
}

int ym_job_each_hold(struct ym_journal *j, const char *hold_id,
                     void (*fn)(void *ctx, const char *id), void *ctx)
{
    return each_of(j, Q_JOB_EACH_HOLD, Q_JOB_EACH_HOLD_ANY, hold_id, fn, ctx);
}

int ym_job_count(struct ym_journal *j, int64_t ret[YM_JOB_STATE_COUNT])
{
    int64_t n[YM_JOB_STATE_COUNT] = {0};
    CUR struct cur c = cur_begin(j, Q_TALLY_STATES, NULL);
    int r;
    while ((r = cur_step(&c)) > 0) {
        enum ym_state s = state_read(&c);
        n[s] += col_i64(&c);
    }
    if (r == 0)
        memcpy(ret, n, sizeof n);
    return r;
}

int ym_job_by_request(struct ym_journal *j, const struct ym_digest *h, struct ym_job_row *ret)
{
    CUR struct cur c = cur_begin(j, Q_JOB_BY_REQUEST, NULL);
    bind_digest(&c, h);
    return one_job(&c, ret);
}

int ym_job_recent(struct ym_journal *j, enum ym_state s, int n,
                  void (*fn)(void *ctx, const struct ym_job_row *r), void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_JOB_RECENT, NULL);
    bind_text(&c, state_stored(s));
    bind_i64(&c, n);
    int r;
    while ((r = cur_step(&c)) > 0) {
        struct ym_job_row row;
        job_row_read(&c, &row);
        fn(ctx, &row);
        ym_job_row_fini(&row);
    }
    return r;
}
