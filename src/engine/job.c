/* Which event may take a job from which state to which: one table; an empty cell is a refusal. */
#include "engine_private.h"

/* clang-format off */
static const uint8_t job_next[YM_JOB_STATE_COUNT][JE_COUNT] = {
    [YM_JOB_NONE]       = { [JE_CREATED] = YM_JOB_QUEUED, [JE_HOLD] = YM_JOB_HELD, [JE_REJECTED] = YM_JOB_FAILED,
                            [JE_ADOPTED] = YM_JOB_DONE },
    [YM_JOB_HELD]       = { [JE_RELEASED] = YM_JOB_QUEUED, [JE_CANCELLED] = YM_JOB_CANCELLED, [JE_HOLD] = YM_JOB_HELD,
                            [JE_ADOPTED] = YM_JOB_DONE, [JE_REJECTED] = YM_JOB_FAILED },
    [YM_JOB_QUEUED]     = { [JE_CLAIMED] = YM_JOB_RESERVED, [JE_HOLD] = YM_JOB_HELD, [JE_CANCELLED] = YM_JOB_CANCELLED,
                            [JE_ADOPTED] = YM_JOB_DONE, [JE_REJECTED] = YM_JOB_FAILED },
    [YM_JOB_RESERVED]   = { [JE_SENT] = YM_JOB_SUBMITTING, [JE_AGAIN_LATER] = YM_JOB_QUEUED, [JE_REJECTED] = YM_JOB_FAILED,
                            [JE_NO_ANSWER] = YM_JOB_UNKNOWN, [JE_STORED] = YM_JOB_STORED, [JE_HANDLE] = YM_JOB_ACCEPTED,
                            [JE_CANCELLED] = YM_JOB_CANCELLED, [JE_HOLD] = YM_JOB_HELD },
    [YM_JOB_SUBMITTING] = { [JE_SENT] = YM_JOB_SUBMITTING, [JE_HANDLE] = YM_JOB_ACCEPTED, [JE_STORED] = YM_JOB_STORED,
                            [JE_AGAIN_LATER] = YM_JOB_QUEUED, [JE_REJECTED] = YM_JOB_FAILED, [JE_NO_ANSWER] = YM_JOB_UNKNOWN,
                            [JE_CANCELLED] = YM_JOB_CANCELLED, [JE_HOLD] = YM_JOB_HELD },
    [YM_JOB_ACCEPTED]   = { [JE_SENT] = YM_JOB_ACCEPTED, [JE_HANDLE] = YM_JOB_ACCEPTED, [JE_STORED] = YM_JOB_STORED,
                            [JE_REJECTED] = YM_JOB_FAILED, [JE_NO_ANSWER] = YM_JOB_UNKNOWN, [JE_CANCELLED] = YM_JOB_CANCELLED,
                            [JE_AGAIN_LATER] = YM_JOB_QUEUED, [JE_HOLD] = YM_JOB_HELD },
    [YM_JOB_STORED]     = { [JE_PLACED] = YM_JOB_DONE, [JE_CANCELLED] = YM_JOB_CANCELLED },
    [YM_JOB_DONE]       = { [JE_HOLD] = YM_JOB_HELD },   /* its bytes are gone everywhere */
    [YM_JOB_FAILED]     = { [JE_RELEASED] = YM_JOB_QUEUED, [JE_HOLD] = YM_JOB_HELD, [JE_ADOPTED] = YM_JOB_DONE },
    [YM_JOB_CANCELLED]  = { [JE_RELEASED] = YM_JOB_QUEUED, [JE_HOLD] = YM_JOB_HELD, [JE_ADOPTED] = YM_JOB_DONE },
    [YM_JOB_UNKNOWN]    = { [JE_RELEASED] = YM_JOB_QUEUED, [JE_HOLD] = YM_JOB_HELD, [JE_ADOPTED] = YM_JOB_DONE },
};
/* clang-format on */

enum ym_state job_advance(enum ym_state s, enum job_event ev)
{
    ym_assert(s >= 0 && s < YM_JOB_STATE_COUNT && ev >= 0 && ev < JE_COUNT);
    return (enum ym_state)job_next[s][ev];
}

/* What must hold of a row in each state; a violation is a bug of ours, caught before it is written. */
void job_check(const struct ym_job_row *r)
{
    switch (r->state) {
    case YM_JOB_NONE:
    case YM_JOB_SUBMITTING:
    case YM_JOB_STATE_COUNT:
        ym_assert(!"a state that is never journalled");
        break;
    case YM_JOB_HELD:
        ym_assert(r->held_why);
        break;
    case YM_JOB_ACCEPTED:
        ym_assert(r->has_handle && r->driver_state);
        break;
    case YM_JOB_STORED:
        ym_assert(r->staged && r->ext && !ym_digest_is_zero(&r->b2));
        break;
    case YM_JOB_DONE:
        ym_assert(r->ext && !ym_digest_is_zero(&r->b2));
        break;
    case YM_JOB_FAILED:
    case YM_JOB_UNKNOWN:
        ym_assert(r->error);
        break;
    case YM_JOB_QUEUED:
    case YM_JOB_RESERVED:
        ym_assert(!ym_digest_is_zero(&r->h));
        break;
    case YM_JOB_CANCELLED:
        break;
    }
}
