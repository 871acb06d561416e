#include "retry.h"

struct row {
    enum ym_state state;
    enum retry_money money;
    enum retry_lane lane;
    bool counts, note;
};

/* clang-format off */
static const struct row rows[YM_CLASS_COUNT] = {
    /*                  then             money          lane                counts note */
    [YM_OK]        = { YM_JOB_FAILED,    RETRY_SETTLE,  RETRY_LANE_GO,      true,  true  },
    [YM_INVALID]   = { YM_JOB_FAILED,    RETRY_RELEASE, RETRY_LANE_GO,      true,  true  },
    [YM_AUTH]      = { YM_JOB_QUEUED,    RETRY_RELEASE, RETRY_LANE_BLOCK,   false, true  },
    [YM_REFUSED]   = { YM_JOB_FAILED,    RETRY_RELEASE, RETRY_LANE_GO,      true,  true  },
    [YM_THROTTLED] = { YM_JOB_QUEUED,    RETRY_RELEASE, RETRY_LANE_WAIT,    false, false },
    [YM_OFFLINE]   = { YM_JOB_QUEUED,    RETRY_RELEASE, RETRY_LANE_OFFLINE, false, false },
    [YM_TRANSIENT] = { YM_JOB_QUEUED,    RETRY_RELEASE, RETRY_LANE_GO,      true,  true  },
    [YM_EMPTY]     = { YM_JOB_QUEUED,    RETRY_SETTLE,  RETRY_LANE_GO,      true,  true  },
    [YM_AMBIGUOUS] = { YM_JOB_QUEUED,    RETRY_KEEP,    RETRY_LANE_GO,      true,  true  },
    [YM_LOST]      = { YM_JOB_UNKNOWN,   RETRY_KEEP,    RETRY_LANE_GO,      true,  true  },
    [YM_HELD]      = { YM_JOB_HELD,      RETRY_RELEASE, RETRY_LANE_GO,      false, false },
    [YM_LOCAL]     = { YM_JOB_UNKNOWN,   RETRY_KEEP,    RETRY_LANE_GO,      true,  true  },
    [YM_CANCELLED] = { YM_JOB_CANCELLED, RETRY_RELEASE, RETRY_LANE_GO,      false, false },
    [YM_BROKEN]    = { YM_JOB_FAILED,    RETRY_KEEP,    RETRY_LANE_GO,      true,  true  },
};
/* clang-format on */

/* Full jitter: anywhere between 0 and base * 2^attempt, at most max (AWS architecture blog,
 * "Exponential Backoff And Jitter"); at least a tenth of it, so that a retry is never at once. */
static ym_dur backoff(const struct retry_in *in)
{
    int64_t top = in->base.ms > 0 ? in->base.ms : 1000;
    int64_t cap = in->max.ms > 0 ? in->max.ms : 60000;
    for (int i = 0; i < in->attempts && top < cap; i++)
        top *= 2;
    if (top > cap)
        top = cap;
    int64_t least = top / 10;
    return YM_MS(least + (int64_t)(in->random % (uint64_t)(top - least + 1)));
}

struct retry_out retry_decide(const struct retry_in *in)
{
    ym_assert(in->cls >= 0 && in->cls < YM_CLASS_COUNT);
    const struct row *r = &rows[in->cls];
    struct retry_out out = {.state = r->state, .money = r->money, .lane = r->lane,
                            .counts = r->counts, .note = r->note};
    if (in->cls == YM_TRANSIENT && in->attempts + 1 >= in->max_attempts)
        out.state = YM_JOB_FAILED;
    if (in->cls == YM_EMPTY && (in->empties >= 1 || in->attempts + 1 >= in->max_attempts))
        out.state = YM_JOB_FAILED;
    if (in->cls == YM_AMBIGUOUS && (in->unknown_sum.micro_usd > in->unknown_max.micro_usd ||
                                    in->attempts + 1 >= in->max_attempts))
        out.state = YM_JOB_UNKNOWN;
    if (out.state == YM_JOB_QUEUED && in->cls != YM_AUTH) {
        out.wait = in->told.ms > 0 ? in->told : backoff(in);
        if (in->cls == YM_OFFLINE)
            out.wait = YM_SEC(30);
        if (out.wait.ms > RETRY_TOLD_MAX.ms)
            out.wait = RETRY_TOLD_MAX;
    }
    return out;
}
