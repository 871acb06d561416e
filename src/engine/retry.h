/* What follows from a failure: one table over the error classes. Pure. */
#ifndef ENGINE_RETRY_H
#define ENGINE_RETRY_H

#include <ymago/job.h>

enum retry_money {
    RETRY_RELEASE, /* known not to be billed */
    RETRY_SETTLE,  /* billed */
    RETRY_KEEP     /* nobody knows: counts as spent */
};
enum retry_lane {
    RETRY_LANE_GO,
    RETRY_LANE_WAIT,    /* told to wait, or backs off */
    RETRY_LANE_OFFLINE, /* one probe every 30 s */
    RETRY_LANE_BLOCK    /* no usable key: all of the provider */
};
struct retry_in {
    enum ym_class cls;
    int attempts;          /* counted ones so far, this one not included */
    int max_attempts;      /* 5 */
    int empties;           /* earlier billed answers without media */
    ym_money unknown_sum;  /* of the job's unknown attempts, this one included */
    ym_money unknown_max;  /* retry_unknown_max_usd */
    ym_dur told;           /* retry_after; 0 = not told */
    uint64_t random;       /* for jitter */
    ym_dur base, max;      /* backoff */
};
struct retry_out {
    enum ym_state state;   /* QUEUED, FAILED, UNKNOWN, HELD, CANCELLED */
    enum retry_money money;
    enum retry_lane lane;
    bool counts;           /* as an attempt */
    bool note;             /* an error.log is shown */
    ym_dur wait;
};
/* Longest wait that a provider may ask for before it is an error of its own. */
#define RETRY_TOLD_MAX YM_SEC(24 * 3600)
struct retry_out retry_decide(const struct retry_in *in);

#endif
