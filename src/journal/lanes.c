/* Lanes: what is next, how much waits, who is blocked. */
#include <errno.h>

#include "sql.h"

/* The highest priority below `below` among the ready jobs of a lane. There are few priorities, so
 * going from one to the next finds the first due job by seeks alone, however many wait for a later
 * time. */
static int priority_below(struct ym_journal *j, const char *lane, int64_t below, int64_t *ret)
{
    CUR struct cur c = cur_begin(j, Q_JOB_PRIORITY, NULL);
    bind_text(&c, lane);
    bind_i64(&c, below);
    return cur_number(&c, ret);
}

static int next_of(struct ym_journal *j, const char *lane, int64_t priority, ym_wall now,
                   struct ym_job_row *ret)
{
    CUR struct cur c = cur_begin(j, Q_JOB_NEXT, NULL);
    bind_text(&c, lane);
    bind_i64(&c, priority);
    bind_i64(&c, now.ms);
    int r = cur_step(&c);
    if (r <= 0)
        return r;
    job_row_read(&c, ret);
    cur_end(&c);
    return 1;
}

int ym_job_next(struct ym_journal *j, const char *lane, ym_wall now, struct ym_job_row *ret)
{
    struct ym_job_row row;
    int64_t priority = INT64_MAX;
    int r;
    do {
        r = priority_below(j, lane, priority, &priority);
        if (r < 0)
            return r;
        r = next_of(j, lane, priority, now, &row);
    } while (r == 0);
    if (r < 0)
        return r;
    if (row.blocked) { /* its provider, hence the lane's */
        ym_job_row_fini(&row);
        return -ENOENT;
    }
    *ret = row;
    return 0;
}

static int earliest_of(struct ym_journal *j, const char *lane, int64_t priority, int64_t *at,
                       bool *blocked)
{
    CUR struct cur c = cur_begin(j, Q_JOB_EARLIEST, NULL);
    bind_text(&c, lane);
    bind_i64(&c, priority);
    int r = cur_step(&c);
    if (r <= 0)
        return r;
    int64_t v = col_i64(&c);
    *at = v < *at ? v : *at;
    *blocked = col_i64(&c) != 0;
    cur_end(&c);
    return 1;
}

static int lane_earliest(struct ym_journal *j, const char *lane, ym_wall *ret)
{
    int64_t priority = INT64_MAX, at = INT64_MAX;
    bool blocked = false;
    int r;
    while (!blocked && (r = priority_below(j, lane, priority, &priority)) == 0) {
        r = earliest_of(j, lane, priority, &at, &blocked);
        if (r < 0)
            return r;
    }
    ret->ms = blocked ? INT64_MAX : at;
    return blocked || r == -ENOENT ? 0 : r;
}

static int64_t ready_of(struct ym_journal *j, const char *lane, int64_t priority, ym_wall now,
                        int64_t most)
{
    int64_t n;
    CUR struct cur c = cur_begin(j, Q_JOB_READY, NULL);
    bind_text(&c, lane);
    bind_i64(&c, priority);
    bind_i64(&c, now.ms);
    bind_i64(&c, most);
    int r = cur_number(&c, &n);
    return r < 0 ? r : n;
}

int64_t ym_job_ready(struct ym_journal *j, const char *lane, ym_wall now, int64_t most,
                     ym_wall *ret_oldest)
{
    int64_t priority = INT64_MAX, n = 0, more, at = INT64_MAX;
    bool blocked = false;
    int r;
    while ((r = priority_below(j, lane, priority, &priority)) == 0) {
        if ((r = earliest_of(j, lane, priority, &at, &blocked)) < 0)
            return r;
        if (blocked)
            return 0;
        more = n < most ? ready_of(j, lane, priority, now, most - n) : 0;
        if (more < 0)
            return more;
        n += more;
    }
    ret_oldest->ms = at;
    return r == -ENOENT ? n : r;
}

int ym_job_lanes(struct ym_journal *j,
                 void (*fn)(void *ctx, const char *lane, int64_t n, ym_wall earliest), void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_TALLY_QUEUED, NULL);
    int r = 0;
    while ((r = cur_step(&c)) > 0) {
        const char *lane = col_str(&c);
        int64_t n = col_i64(&c);
        ym_wall earliest;
        r = lane_earliest(j, lane, &earliest);
        if (r < 0)
            break;
        fn(ctx, lane, n, earliest);
    }
    return r;
}

static int64_t ahead(struct ym_journal *j, const char *lane, int64_t priority, int64_t run_at,
                     const char *id)
{
    int64_t n;
    CUR struct cur c = cur_begin(j, Q_JOB_AHEAD, NULL);
    bind_text(&c, lane);
    bind_i64(&c, priority);
    bind_i64(&c, run_at);
    bind_text(&c, id);
    int r = cur_number(&c, &n);
    return r < 0 ? r : n + 1;
}

int64_t ym_job_position(struct ym_journal *j, const char *id)
{
    CUR struct cur c = cur_begin(j, Q_JOB_QUEUED, NULL);
    bind_text(&c, id);
    int r = cur_step(&c);
    if (r <= 0)
        return r;
    const char *lane = col_str(&c);
    int64_t priority = col_i64(&c), run_at = col_i64(&c);
    return ahead(j, lane, priority, run_at, id);
}

/* One row for the provider, not one a job: a key that is refused must not rewrite a million of
 * them. */
static int block_write(struct ym_journal *j, enum query q, const char *provider)
{
    CUR struct cur c = cur_begin(j, q, NULL);
    bind_text(&c, provider);
    return cur_run(&c);
}

int ym_job_block(struct ym_journal *j, const char *provider)
{
    return block_write(j, Q_BLOCK_PUT, provider);
}

int ym_job_unblock(struct ym_journal *j, const char *provider)
{
    struct tx t = tx_open(j, NULL);
    int r = t.r < 0 ? t.r : block_write(j, Q_BLOCK_DELETE, provider);
    if (r == 0)
        r = block_write(j, Q_JOB_UNBLOCK, provider);
    return tx_close(&t, r, NULL);
}
