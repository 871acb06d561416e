/* Shared by run.c (what is next), exchange.c (doing it) and outcome.c (what a failure means). */
#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include "engine_private.h"
#include "receive.h"

struct run {
    struct run *next;
    struct ym_engine *e;
    struct ym_job_row row;
    struct ym_request req;
    struct ym_model mem;
    const struct ym_driver *driver;
    struct lane *lane;
    int64_t attempt;             /* row of the attempts table; 0 = none */
    ym_money reserved;
    cJSON *state;
    struct ym_next nx;           /* what is being carried out */
    unsigned inflight;           /* exchanges and works under way */
    struct received media[RECEIVE_MEDIA];
    unsigned nmedia;             /* complete, of this attempt */
    bool waiting, ended;
    bool off_wire;               /* its reply has arrived: the lane has sent the next already */
    ym_mono wake;
    atomic_bool cancelled;       /* read by workers */
};

void run_call(struct run *run, struct ym_call *ret);
void run_step(struct ym_engine *e, struct run *run, struct ym_reply *rep);
void run_fail(struct ym_engine *e, struct run *run, struct ym_err *err);
void run_finish(struct ym_engine *e, struct run *run);
void run_end(struct ym_engine *e, struct run *run);
void run_off_wire(struct run *run);
void run_reap(struct ym_engine *e);

/* exchange.c: run->nx is carried out after this round's commit. */
void exchange_all(struct ym_engine *e, struct run *run);
void work_start(struct ym_engine *e, struct run *run);

/* outcome.c: an attempt ended without a result. */
struct attempt_end_facts {
    int64_t attempt; /* 0 = none open */
    ym_money reserved, cost;
    bool cost_known;
};
void attempt_failed(struct ym_engine *e, struct ym_job_row *r, struct lane *l,
                    const struct attempt_end_facts *f, const struct ym_err *err);

#endif
