/* The engine's own structures. Everything here is touched by the engine's thread alone, except what
 * stands under `look`. */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <errno.h>
#include <ymago/engine.h>
#include "limit.h"
#include "retry.h"

/* ---- job.c: the table ---- */
enum job_event {
    JE_CREATED, JE_HOLD, JE_RELEASED, JE_CLAIMED, JE_SENT, JE_HANDLE, JE_STORED, JE_PLACED,
    JE_AGAIN_LATER, JE_REJECTED, JE_NO_ANSWER, JE_CANCELLED, JE_ADOPTED, JE_COUNT
};
enum ym_state job_advance(enum ym_state s, enum job_event ev); /* YM_JOB_NONE = refused */
void job_check(const struct ym_job_row *r);

struct act { /* what is done once the round is committed */
    struct act *next;
    void (*run)(struct ym_engine *e, void *ctx);
    void *ctx;
};

struct lane { /* "provider/model": what is limited and counted together */
    struct lane *next;
    char *name, *provider;
    const struct ym_driver *driver; /* NULL: no such driver in this program any more, or it gathers no more */
    struct lane *of;      /* whose rate and daily limits count: of "P/M#batch" it is "P/M", else itself */
    bool gathers;         /* its jobs are sent many in one request; see gather.c */
    bool complete;        /* of these: a group is whole, nothing more is waited for */
    struct limit limit;
    int running;          /* requests on the wire, computations under way */
    int open;             /* attempts not ended: also those whose reply is being stored */
    int concurrency, daily_limit;
    int64_t queued;
    ym_wall earliest;     /* run_at of the next queued job */
    ym_mono wait_until;   /* told or chosen to wait */
    int throttles;        /* in a row: how far to back off when not told */
    enum { LANE_OK, LANE_WAITING, LANE_OFFLINE, LANE_PARKED, LANE_BLOCKED } state;
    char why[160];
};

struct guard { /* many paying prompts at once pass as one; see guard.c */
    ym_mono recent[256];  /* when the last paying jobs were made */
    struct ym_id ids[256];
    unsigned head, count;
    bool open;
    struct ym_id id;      /* of the open group */
    ym_mono last;         /* when its last member came */
    ym_money already;     /* members that were finished before the group was noticed */
};

struct waiter {
    struct waiter *next;
    uint64_t ticket;
    char *target;
    void (*fn)(void *ctx, const struct ym_wait_result *r);
    void *ctx;
    bool active, cancelled;
};

struct settle;
struct run;
struct placing;
struct companion;
struct lists;

struct ym_engine {
    struct ym_engine_parts p;
    struct ym_config *config;      /* under `look` for replacement */
    struct ym_budget budget;
    struct ym_library lib;
    struct ym_inbox *in;
    pthread_t thread;
    bool started, paused, draining, stop;
    atomic_bool stopping;
    ym_mono drain_until;
    ym_mono deadline;              /* the earliest timer of this round */
    ym_wall started_at;
    struct act *acts, **acts_tail;

    struct settle *settle;
    struct lane *lanes;
    struct run *runs;
    struct placing *placing;       /* prompts whose results are being placed */
    struct companion *companions;  /* sidecars and notes that will go after their files */
    struct guard guard;
    char *blocked;                 /* "|gemini|": providers without a usable key */
    int64_t tasks;                 /* worker tasks under way that will report back */
    bool store_full;               /* no new work until space returns */
    ym_mono store_look;            /* next look at the free space */
    char day[16];                  /* local day of the last round: budgets reopen at midnight */
    struct ym_ident budget_ident, prices_ident;
    struct scan *scan;             /* the walk under way; NULL = none */
    atomic_bool scan_stop;
    int notes;                     /* being written or removed: who waits for a failure finds its note */
    struct note *notes_waiting;    /* behind another one of the same prompt */
    struct note_busy *notes_busy;  /* prompts with a task under way */
    int indexing;                  /* sidecars being read, and the scan's first pass: adoption waits */
    ym_wall mounted_at;
    struct lists *lists;           /* the providers' own lists of models; what is shown of them under `look` */

    struct ym_status status;       /* as the engine's thread knows it */

    pthread_mutex_t look;          /* what others read: shown, live, waiters, subscriber, config */
    struct ym_status shown;        /* a copy of status after each round */
    struct waiter *waiters;
    uint64_t next_ticket;
    void (*on_event)(void *ctx, int64_t seq, const char *json);
    void *on_event_ctx;
    struct live { struct live *next; struct ym_id job; double progress; char detail[160]; char *preview; size_t preview_len;
        double told; ym_mono told_at; bool news; } *lives; /* with the newest preview */
    bool status_dirty;
    ym_mono status_next;           /* not refreshed before */
};

/* ---- engine.c ---- */
ym_mono engine_mono(struct ym_engine *e);
ym_wall engine_wall(struct ym_engine *e);
void engine_at(struct ym_engine *e, ym_mono t); /* wake up no later than t */
void engine_after_commit(struct ym_engine *e, void (*run)(struct ym_engine *e, void *ctx), void *ctx);
/* work() on a worker, then done() on the engine's thread (inside a round), then ctx_free. When the
 * engine is stopping done() may be left out; ctx_free never is. */
struct task_ops {
    void (*work)(void *ctx);
    void (*done)(struct ym_engine *e, void *ctx);
    void (*ctx_free)(void *ctx);
};
void engine_task(struct ym_engine *e, const struct task_ops *ops, void *ctx, bool urgent);
/* The same, but handed over only once the round is committed. */
void engine_task_after(struct ym_engine *e, const struct task_ops *ops, void *ctx, bool urgent);
/* A journal error that leaves memory and disk apart: says so and ends the process; the next start
 * recovers from what is durable. */
void engine_must(struct ym_engine *e, int r, const char *what, const struct ym_err *err);

/* ---- row.c: the one way a job's row changes ---- */
void job_create(struct ym_engine *e, struct ym_job_row *r, enum job_event first);
/* Advances, writes, counts, emits the event of the new state. A refused transition ends the process. */
void job_to(struct ym_engine *e, struct ym_job_row *r, enum job_event ev);
void job_save(struct ym_engine *e, const struct ym_job_row *r);
void job_error_set(struct ym_job_row *r, const struct ym_err *err);
void job_error_clear(struct ym_job_row *r);
void str_set(char **p, const char *s);
struct slot_list { struct ym_slot_row *v; size_t n; };
void slots_of_job(struct ym_engine *e, const char *job, struct slot_list *ret);
void slots_of_name(struct ym_engine *e, const char *path, struct slot_list *ret);
void slot_list_fini(struct slot_list *l);
struct id_list { struct ym_id *v; size_t n; };
void id_list_add(void *list, const char *id); /* fits the journal's callbacks */
void id_list_fini(struct id_list *l);

/* ---- events.c ---- */
/* Takes o (may be NULL); adds "type" and "time". */
void event_emit(struct ym_engine *e, const char *type, cJSON *o);
/* The same for those who follow now; not kept. */
void event_pass(struct ym_engine *e, const char *type, cJSON *o);
void event_job(struct ym_engine *e, const char *type, const struct ym_job_row *r);

/* ---- live.c; any thread but for live_tick ---- */
void live_set(struct ym_engine *e, const struct ym_id *job, double progress, const char *detail);
void live_preview(struct ym_engine *e, const struct ym_id *job, char *bytes, size_t len); /* takes bytes */
void live_clear(struct ym_engine *e, const struct ym_id *job);
void live_tick(struct ym_engine *e); /* tells of what moved */

/* ---- sched.c ---- */
struct lane *lane_get(struct ym_engine *e, const char *name);
bool lane_is_parked(struct ym_engine *e, const char *name); /* until the provider's quota day ends */
void lanes_load(struct ym_engine *e);
void lanes_configure(struct ym_engine *e);
void sched_queued(struct ym_engine *e, const struct ym_job_row *r); /* a job became claimable */
void sched_run(struct ym_engine *e);
/* A group to which this job belongs is whole: its lane waits for no more of them. */
void sched_complete(struct ym_engine *e, const struct ym_job_row *r);
/* The next job of the lane that may be claimed: 1 and the row; 0: one was looked at and put off, held or
 * adopted instead; -ENOENT. */
int sched_next(struct ym_engine *e, struct lane *l, struct ym_job_row *ret);
/* Its attempt and its money; the job is RESERVED. rides: in another one's request. */
int64_t sched_reserve(struct ym_engine *e, struct lane *l, struct ym_job_row *r, bool rides, ym_money *ret_reserved);
int64_t lane_sent_since(struct ym_engine *e, const struct lane *l, ym_wall since);

/* ---- gather.c: lanes whose jobs go many at once ---- */
bool gather_due(struct ym_engine *e, struct lane *l); /* false: waits for more; the time is set */
bool gather_claim(struct ym_engine *e, struct lane *l); /* false: nothing to claim */
void provider_block(struct ym_engine *e, const char *provider, const char *why);
void provider_unblock_all(struct ym_engine *e);
bool provider_is_blocked(const struct ym_engine *e, const char *provider);

/* ---- money.c: budgets, holds, approvals ---- */
/* NULL = may be sent; else why not ("daily" ...), with a sentence. */
const char *budget_refuses(struct ym_engine *e, const struct ym_job_row *r, struct ym_err *err);
/* At birth: what holds a job whatever the day's budget says. */
const char *budget_holds(struct ym_engine *e, const struct ym_job_row *r, bool is_free, struct ym_err *err);
void hold_job(struct ym_engine *e, struct ym_job_row *r, enum job_event ev, const char *why, const struct ym_err *err);
void budget_load(struct ym_engine *e, bool first);   /* cost/budget.toml and prices.toml, when they changed */
void budget_reopen(struct ym_engine *e);             /* held by a budget that now has room: queued again */
void hold_used_up(struct ym_engine *e, const char *hold_id); /* a job paid by it ended */
void hold_target_move(struct ym_engine *e, const char *from, const char *to); /* the prompt was renamed */
void hold_target_close(struct ym_engine *e, const char *target); /* nothing waits there any more */
void hold_note_close(struct ym_engine *e, const char *job);
int hold_approve(struct ym_engine *e, struct ym_hold_row *h, ym_money cap, struct ym_err *err);

/* ---- guard.c ---- */
/* A paying job is about to be made: joins or opens a group; sets r->bulk. */
void guard_note(struct ym_engine *e, struct ym_job_row *r);
void guard_tick(struct ym_engine *e);
void guard_recover(struct ym_engine *e);

/* ---- attempt/: one attempt ---- */
void run_start(struct ym_engine *e, struct ym_job_row *r, struct lane *l, int64_t attempt, ym_money reserved);
/* After a restart: an accepted job, or one of which nothing that costs had left. */
void run_resume(struct ym_engine *e, struct ym_job_row *r);
void run_cancel(struct ym_engine *e, const char *job);
void run_wanted(struct ym_engine *e, const char *job); /* a name stands for it again */
struct member_start { /* one job of a gathered request, claimed */
    struct ym_job_row row;
    int64_t attempt;
    ym_money reserved;
};
void carrier_start(struct ym_engine *e, struct lane *l, const struct member_start *m, unsigned n);
/* After a restart: the job joins the request that it was gathered into. In any order. */
void carrier_rejoin(struct ym_engine *e, struct ym_job_row *r);
/* What a member's row holds: in which request it is, at which place; with the driver's state, or NULL. */
char *carrier_note(const char *carrier, int attempt, unsigned place, const char *state);
void runs_tick(struct ym_engine *e);
bool run_exists(const struct ym_engine *e, const char *job);
int runs_count(const struct ym_engine *e);
int runs_precious(const struct ym_engine *e);
void runs_free(struct ym_engine *e);

/* ---- fallback.c: the next model when one refuses its service ---- */
bool provider_lacks_key(const struct ym_engine *e, const struct ym_driver *d);
bool provider_is_usable(const struct ym_engine *e, const struct ym_driver *d);
/* What a new job may fall back to, for its row; NULL = nothing. Caller frees. */
char *fallback_list(const struct ym_engine *e, const struct ym_request *req, const cJSON *fields);
/* The row asks the next model that can serve it: model, lane, price, identity; not saved. */
bool fallback_take(struct ym_engine *e, struct ym_job_row *r, const struct ym_err *why);
/* The same, if this failure is a refusal of service. then: what would become of the job. */
bool fallback_after(struct ym_engine *e, struct ym_job_row *r, enum ym_state then, const struct ym_err *why);
/* All that wait for this provider (of one lane, or NULL) and may ask another. */
void fallback_sweep(struct ym_engine *e, const char *provider, const char *lane, const struct ym_err *why);

/* ---- call.c: what a driver is told ---- */
const struct ym_driver *driver_find(const struct ym_engine *e, const char *name);
/* Fills *ret from config and tables; strings are borrowed from the config and the request. *mem holds
 * the model entry for unknown names. */
void call_init(struct ym_engine *e, const struct ym_driver *d, const char *job_id, int attempt,
               const struct ym_request *req, struct ym_model *mem, struct ym_call *ret);

/* Longest time of one request. */
ym_dur driver_timeout(const struct ym_driver *d, const struct ym_provider_conf *pc);
/* The headers of a request with its credentials. *basic (NULL at the start) becomes a secret that the
 * caller frees with the request. YM_AUTH without a key. */
#define HEADERS_MAX 13
int headers_make(const struct ym_http *h, const struct ym_driver *d, const struct ym_secret *key, struct ym_secret **basic,
                 struct ym_header out[static HEADERS_MAX], struct ym_err *err);

/* ---- list.c: the providers' own lists of models ---- */
void lists_init(struct ym_engine *e);
void lists_free(struct ym_engine *e);
void lists_ask(struct ym_engine *e, enum ym_list_who who, ym_dur age);
void lists_reload(struct ym_engine *e);       /* the configuration is another one */
void lists_tick(struct ym_engine *e);
void lists_drop_waiting(struct ym_engine *e); /* who waits for an answer goes without */
/* Whose list has a model of that name; NULL. */
const struct ym_driver *list_driver_of(const struct ym_engine *e, const char *model);
/* Names of all lists, at most max; borrowed for this round. */
size_t list_names(const struct ym_engine *e, const char **out, size_t max);

/* ---- place.c: results and clones become visible ---- */
void place_job(struct ym_engine *e, const char *job);    /* all waiting slots of a stored or done job */
void place_tick(struct ym_engine *e);                    /* after the disk was full */
bool place_busy(const struct ym_engine *e, const char *prompt);
void place_free(struct ym_engine *e);

/* ---- notes.c ---- */
#define BUDGET_FILE "cost/budget.toml"
void note_budget(struct ym_engine *e, const struct ym_err *err); /* why it is not in force */
void note_error(struct ym_engine *e, const struct ym_job_row *r, const char *billed, const char *next);
void note_error_clear(struct ym_engine *e, const char *prompt);
void note_held(struct ym_engine *e, const char *prompt, struct ym_hold_row *h);
void note_remove(struct ym_engine *e, const char *path);
void note_renamed(struct ym_engine *e, const char *from, const char *to); /* approves, if it does */
void notes_free(struct ym_engine *e);
void notes_tick(struct ym_engine *e);   /* after the disk was full */

/* ---- wait.c, status.c ---- */
void waiters_check(struct ym_engine *e);
void waiters_drop(struct ym_engine *e);
void status_refresh(struct ym_engine *e); /* asks the journal */
void status_show(struct ym_engine *e);    /* counts and flags as they are */
bool engine_idle(struct ym_engine *e);

/* ---- recover.c ---- */
int recover(struct ym_engine *e, struct ym_err *err);

#include "intake/intake.h"

#endif
