/* The engine: the only owner of job state. One thread; everything reaches it by its inbox. Each round:
 * drain messages and timers (decide), one commit (persist), then what follows from it (act). */
#ifndef YMAGO_ENGINE_H
#define YMAGO_ENGINE_H

#include <stdatomic.h>
#include <ymago/config.h>
#include <ymago/driver.h>
#include <ymago/inbox.h>
#include <ymago/journal.h>
#include <ymago/library.h>
#include <ymago/store.h>

struct ym_engine;
struct ym_engine_parts { /* borrowed for the engine's life */
    const struct ym_store *store;
    struct ym_journal *journal;           /* the writing handle; used by the engine's thread alone */
    struct ym_net *net;
    struct ym_pool *pool;
    const struct ym_clock *clock;
    const struct ym_driver *const *drivers; /* NULL-terminated */
    struct ym_placer placer;
    struct ym_config *config;             /* referenced */
    bool paused;                          /* starts so: sends nothing until resumed */
    bool mounted;                         /* events of a mount will come; else files are read when told */
    const char *socket;                   /* shown in the status; may be NULL */
    const char *mountpoint;               /* shown in the status; NULL = none */
};
/* Reads the journal and recovers (reserved rows count as sent, whole staged files are adopted,
 * prompts found short are rewritten); no thread yet, nothing is sent. */
int ym_engine_new(const struct ym_engine_parts *p, struct ym_engine **ret, struct ym_err *e);
void ym_engine_start(struct ym_engine *e);           /* the thread */
/* No new requests; waits up to `wait` for answers already paid for; then stops. A second call with 0
 * ends it at once. Any thread but the engine's. */
void ym_engine_stop(struct ym_engine *e, ym_dur wait);
void ym_engine_free(struct ym_engine *e);            /* after stop */

/* ---- what the mount noticed; any thread, never blocks ---- */
enum ym_touch_what {
    YM_TOUCH_OPENED,    /* for writing: the name cannot settle */
    YM_TOUCH_CLOSED,    /* its last writer was released; dirty tells whether anything was written */
    YM_TOUCH_CREATED,   /* a new file (also mknod); OPENED follows if it is open */
    YM_TOUCH_TRUNCATED, /* by path */
    YM_TOUCH_RENAMED,   /* path -> path2; over: something was there */
    YM_TOUCH_EXCHANGED, /* path <-> path2 */
    YM_TOUCH_LINKED,    /* path is a new hard link */
    YM_TOUCH_UNLINKED,
    YM_TOUCH_NOW,       /* utimens with "now" (touch) */
    YM_TOUCH_PRESERVED  /* a result of ours was saved to objects/ before a user changed or removed it */
};
struct ym_touch {
    enum ym_touch_what what;
    const char *path, *path2;  /* copied */
    pid_t pid;                 /* process of the caller */
    bool dirty, over, is_dir;
};
void ym_engine_touch(struct ym_engine *e, const struct ym_touch *t);
/* Starts the background scan of the library (also the first-mount rule). */
void ym_engine_scan(struct ym_engine *e);

/* ---- running code on the engine's thread ---- */
/* run(): inside the round's transaction. after(): once it is committed (or the engine is stopping:
 * ok = false, run was not called). Both on the engine's thread. Any thread may post. */
bool ym_engine_post(struct ym_engine *e, void (*run)(struct ym_engine *e, void *ctx),
                    void (*after)(void *ctx, bool ok), void *ctx);

/* The operations below: engine's thread only (inside run). target = path of a prompt or result,
 * relative to the library, or a job id. 0 or -errno with a sentence. */
int ym_engine_again(struct ym_engine *e, const char *target, struct ym_err *err);
int ym_engine_cancel(struct ym_engine *e, const char *target, struct ym_err *err);
int ym_engine_retry(struct ym_engine *e, const char *target, struct ym_err *err); /* "all-failed" too */
/* amount.micro_usd < 0: exactly the stated amount. */
int ym_engine_approve(struct ym_engine *e, const char *target, ym_money amount, struct ym_err *err);
void ym_engine_pause(struct ym_engine *e, bool paused);
/* Takes a new configuration (referenced); budgets and prices are read again from the library. */
void ym_engine_reload(struct ym_engine *e, struct ym_config *c);
struct ym_order { /* a job without a prompt file: `ymago image` */
    enum ym_kind kind;
    const char *prompt;
    const cJSON *fields;       /* validated (ym_fields_check); borrowed */
    struct ym_ref *refs;       /* moved in */
    size_t nrefs;
    int n;
};
/* The ids of the jobs (reused ones are done at once), at most 64, into ret_ids. */
int ym_engine_order(struct ym_engine *e, struct ym_order *o, struct ym_id *ret_ids, size_t *ret_n, struct ym_err *err);

/* ---- waiting ---- */
struct ym_wait_result {
    enum ym_state state;       /* of the worst job: DONE, FAILED, HELD, UNKNOWN, CANCELLED */
    const char *const *paths;  /* results, NULL-terminated; borrowed during the call */
    const struct ym_err *err;  /* of the first that failed */
};
/* fn is called once on the engine's thread: when the text just saved at `target` has settled and all
 * its jobs ended (or are held), or with state NONE when there is nothing to wait for. "" = the whole
 * library is idle. Returns a ticket. Any thread. */
uint64_t ym_engine_wait(struct ym_engine *e, const char *target, void (*fn)(void *ctx, const struct ym_wait_result *r), void *ctx);
/* After it returns true fn will not be called; false: it was or is being called. Any thread but the engine's. */
bool ym_engine_wait_cancel(struct ym_engine *e, uint64_t ticket);

/* ---- looking; any thread ---- */
struct ym_lane_status {
    char name[96];             /* "provider/model" */
    char tier[8];              /* "now" "batch" */
    int64_t queued;
    int running;
    int rate_limit;            /* per minute; 0 = none */
    double tokens;             /* in the bucket */
    int sent_last_minute;
    int daily_used, daily_limit;
    char state[32];            /* "ok" "offline" "blocked" "parked" "waiting" */
    char why[160];
    ym_wall until;             /* 0 = not known */
};
struct ym_status {
    ym_wall at, started;
    bool paused, draining, scanning;
    int64_t scanned;           /* files looked at by the running or last scan */
    int64_t seen;              /* prompts recorded as seen at the first mount */
    int64_t counts[YM_JOB_STATE_COUNT];
    int settling;
    struct ym_lane_status lanes[16];
    unsigned nlanes;
    ym_money today, month, today_limit, month_limit;
    struct ym_kind_default { char model[96]; bool free, price_known; ym_money price; } defaults[YM_KIND_COUNT];
    char last_error[5][224];
    ym_wall last_error_at[5];
    char budget_error[224];    /* budget.toml or prices.toml is not in force: why; "" = fine */
    char library[256], mountpoint[256], socket[128];
};
void ym_engine_status(struct ym_engine *e, struct ym_status *ret);
struct ym_live { bool settling; double progress; /* negative = unknown */ char detail[160]; };
/* What is not in the journal: whether a path is settling, how far a job has come. target as above. */
void ym_engine_live(struct ym_engine *e, const char *path_or_job, struct ym_live *ret);
/* Appends the newest preview picture of a running job (JPEG, PNG or WebP, as its provider sends them).
 * -ENOENT when there is none. */
int ym_engine_preview(struct ym_engine *e, const char *job, struct ym_buf *out);
/* The configuration in force, referenced. */
struct ym_config *ym_engine_config(struct ym_engine *e);
const struct ym_driver *const *ym_engine_drivers(const struct ym_engine *e);
/* What makes media of a kind when a prompt names no model: the configured one, else that of a local server
 * that is configured, else of the first driver whose key is there, else of a free one. Pure; -EINVAL. */
int ym_engine_default(const struct ym_config *c, const struct ym_driver *const *drivers, enum ym_kind k,
                      const struct ym_driver **ret_driver, const char **ret_model, struct ym_err *e);

/* ---- the providers' own lists of models ---- */
struct ym_list { /* of one provider; does not change; counted */
    atomic_int refs;
    const char *provider;
    ym_wall asked_at;          /* last; 0 = never */
    ym_wall answered_at;       /* when doc was true */
    char error[224];           /* why the last one failed; "" = it did not */
    cJSON *doc;                /* as the driver gave it (driver.h: list); NULL = none yet */
};
/* The last answers of all providers that have a list, NULL-terminated; never blocks. Any thread. */
struct ym_list **ym_engine_lists(struct ym_engine *e);
void ym_lists_free(struct ym_list **lists);
enum ym_list_who {
    YM_LIST_ALL,   /* those whose base_url is configured or whose key is there */
    YM_LIST_LOCAL  /* of these the servers of one's own: nothing leaves the house */
};
/* Asks providers whose last answer is older than `age`. fn (may be NULL) is called once on the engine's
 * thread when nobody of them is out any more, also when it is stopping. Any thread. */
void ym_engine_lists_ask(struct ym_engine *e, enum ym_list_who who, ym_dur age, void (*fn)(void *ctx), void *ctx);
/* Every event, as one line of JSON without newline, after it was committed; engine's thread; fn must
 * not block. NULL removes it. */
void ym_engine_subscribe(struct ym_engine *e, void (*fn)(void *ctx, int64_t seq, const char *json), void *ctx);

#endif
