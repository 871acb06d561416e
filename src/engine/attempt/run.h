/* Shared by run.c (what is next), exchange.c (doing it), aside.c (looks and cancelling), finish.c (the
 * result), outcome.c (what a failure means), carrier.c and members.c (many jobs in one request). */
#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include "engine_private.h"
#include "receive.h"

struct asked { /* what a driver wants done; stays until the last reply to it is back */
    unsigned refs;
    struct ym_next nx;
};
struct asked *asked_new(void);
void asked_unref(struct asked *a);

enum aside_what { ASIDE_NONE, ASIDE_PROGRESS, ASIDE_CANCEL };

struct members { /* of a carrier */
    struct run **v;              /* by place; NULL: that one ended before a restart */
    unsigned n;
    char *kept;                  /* the driver's state as it is in the journal */
};

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
    ym_mono since;               /* when the attempt was claimed */
    char *workflow;              /* text of the template, read when it is first needed */
    size_t workflow_len;
    cJSON *state;
    struct asked *now;           /* what is being carried out; NULL = nothing */
    unsigned inflight;           /* exchanges, works and tasks under way */
    unsigned named;              /* numbers of staging files given out */
    struct received *media;      /* complete, of this attempt */
    unsigned nmedia, media_room;
    bool waiting, ended;
    bool off_wire;               /* its reply has arrived: the lane has sent the next already */
    ym_mono wake;
    int looks;                   /* looks in a row that brought no answer */
    bool slow;                   /* past the soft limit */
    atomic_bool cancelled;       /* read by workers */

    struct members *members;     /* a carrier: no job of its own, its row is never written; else NULL */
    struct run *carrier;         /* a member: whose request it is in, while that one is there */
    bool rides;                  /* a member: the lane counts its carrier only */

    /* Requests beside the main one: at most one at a time. */
    struct asked *aside;
    enum aside_what aside_what;
    ym_mono aside_at;            /* when to look for progress; ns 0 = not now */
    int cancel_tries;
    bool cancel_wanted;
};

struct run *run_new(struct ym_engine *e, struct ym_job_row *r, struct lane *l);
void run_reattach(struct ym_engine *e, struct run *run); /* finds its open attempt */
void run_row_save(struct ym_engine *e, struct run *run);
void run_call(struct run *run, struct ym_call *ret);
/* rep: NULL, or a reply whose media have been moved to run->media. */
void run_step(struct ym_engine *e, struct run *run, struct ym_reply *rep);
/* A request failed on the way. */
void run_exchange_failed(struct ym_engine *e, struct run *run, enum ym_effect effect, struct ym_err *err);
void run_fail(struct ym_engine *e, struct run *run, struct ym_err *err);
void run_end(struct ym_engine *e, struct run *run);
void run_off_wire(struct run *run);
void run_on_wire(struct run *run);
void run_reap(struct ym_engine *e);
void run_discard_media(struct run *run);
void attempt_end(struct ym_engine *e, struct run *run, int status, ym_money actual, const struct ym_err *why);

/* template.c: true when the first step was put off until the template is read; it follows by itself. */
bool run_template_first(struct ym_engine *e, struct run *run);

/* finish.c: run->now says DONE. */
void run_finish(struct ym_engine *e, struct run *run);

/* carrier.c */
int carrier_step(struct run *c, const struct ym_call *call, const struct ym_reply *rep, struct ym_next *ret, struct ym_err *err);
/* Into its members' rows: the state, that it pays, the handle. state: as text, or NULL. */
void carrier_keep(struct ym_engine *e, struct run *c, const struct ym_next *nx, const char *state, bool paying);
struct run *carrier_lead(const struct run *c); /* the first that is there */
void carrier_release(struct run *run);         /* it is freed: who knows of it forgets it */
void member_note(struct run *m, const char *state);
/* How far it has come; of a carrier: told of all its members. */
void run_live(struct ym_engine *e, struct run *run, double progress, const char *detail);

/* members.c */
void carrier_failed(struct ym_engine *e, struct run *c, const struct ym_err *err);
void carrier_finished(struct ym_engine *e, struct run *c); /* c->now says DONE */
/* What belongs to the member at `place` cannot be sent: it fails, the others go without it. False: that
 * cannot be told apart any more. */
bool carrier_refused(struct ym_engine *e, struct run *c, int place, const struct ym_err *err);
void carrier_called_off(struct ym_engine *e, struct run *c, const struct ym_next *nx);
void member_cancel(struct ym_engine *e, struct run *m);

/* exchange.c: carried out after this round's commit. a is referenced. */
void exchange_all(struct ym_engine *e, struct run *run, struct asked *a);
void work_start(struct ym_engine *e, struct run *run);
/* What a driver sees of them. Caller frees. */
struct ym_staged *staged_show(const struct received *media, unsigned nmedia);
/* Reads the template that the request names. On a worker. */
int workflow_read(const struct ym_store *s, const struct ym_ref *ref, char **ret, size_t *ret_len, struct ym_err *e);

/* aside.c */
void aside_begin(struct ym_engine *e, struct run *run, enum aside_what what);
void aside_reply(struct ym_engine *e, struct run *run, struct ym_reply *rep, const struct received *media, unsigned nmedia);
void aside_failed(struct ym_engine *e, struct run *run, const struct ym_err *err);
void aside_tick(struct ym_engine *e, struct run *run);
void run_called_off(struct ym_engine *e, struct run *run, bool known, ym_money cost); /* by its provider */

/* outcome.c: an attempt ended without a result. */
struct attempt_end_facts {
    int64_t attempt; /* 0 = none open */
    ym_money reserved, cost;
    bool cost_known;
    bool keep;       /* cancelled after it was sent, and nobody knows what it cost */
};
void attempt_failed(struct ym_engine *e, struct ym_job_row *r, struct lane *l,
                    const struct attempt_end_facts *f, const struct ym_err *err);

#endif
