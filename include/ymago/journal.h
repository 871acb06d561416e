/* Every durable fact: one SQLite file (WAL, synchronous=FULL), all SQL text in one list fit for a
 * second backend. The engine owns the one writing handle; others open readers.
 *
 * A handle belongs to one thread at a time. Functions return 0, -ENOENT (no such row; also when there
 * was nothing to delete or move), -EEXIST, or -EIO/-ENOSPC/-EBUSY/-EROFS with *e. Outside
 * ym_journal_begin/commit each write is its own transaction. Text in rows that were read is owned by
 * the row; free with the row's _fini. What is passed to a callback is borrowed until it returns; a
 * callback may use the handle, also for the very function that calls it. */
#ifndef YMAGO_JOURNAL_H
#define YMAGO_JOURNAL_H

#include <ymago/job.h>

/* Mirrors struct ym_ident of store.h (a room of equal rank, not seen from here). */
struct ym_row_ident {
    uint64_t ino;
    int64_t btime_ns, size, mtime_ns;
};

struct ym_journal;
enum ym_journal_mode { YM_JOURNAL_WRITE, YM_JOURNAL_READ };
/* Opens (WRITE: makes, migrates after a backup, checks synchronous=FULL by reading it back)
 * /proc/self/fd/STATE_FD/journal.db through a VFS that never resolves the path, so that nothing goes
 * through the mount. A newer schema is -EPROTO with a sentence. Never use a handle across a fork. */
int ym_journal_open(int state_fd, enum ym_journal_mode m, struct ym_journal **ret, struct ym_err *e);
void ym_journal_close(struct ym_journal *j); /* WRITE: checkpoints; NULL is fine */
/* WRITE: takes the write lock at once. READ: all reads until commit or rollback see one moment. */
int ym_journal_begin(struct ym_journal *j, struct ym_err *e);   /* WRITE: locks at the first write */
/* Durable when it returns 0; then every write since begin succeeded: one that failed (with anything but
 * -ENOENT, -EEXIST) fails the commit too. -ENOSPC without such a failure leaves the transaction open:
 * free some space and commit again, or roll back. After any other error it is rolled back. */
int ym_journal_commit(struct ym_journal *j, struct ym_err *e);
void ym_journal_rollback(struct ym_journal *j);
bool ym_journal_dirty(const struct ym_journal *j); /* something was written, or failed, since begin */
/* A whole copy in one file, by any handle; appears under its name once it is durable. */
int ym_journal_backup(struct ym_journal *j, const char *path_in_state, struct ym_err *e);

/* ---- meta: small named texts ---- */
int ym_meta_get(struct ym_journal *j, const char *key, char **ret);
int ym_meta_put(struct ym_journal *j, const char *key, const char *value);

/* ---- jobs: one purchase each ---- */
struct ym_job_row {
    struct ym_id id;
    enum ym_state state;
    enum ym_kind kind;
    char *provider, *model, *prompt;
    char *request;              /* ym_request_pack */
    struct ym_digest h;         /* request hash; zero = none (the text did not parse) */
    int64_t variation;
    char *lane;                 /* "provider/model": what limits and concurrency are counted by; of the batch tier
                                 * "provider/model#batch" */
    char *folder;               /* of the first name, for budgets and sidecars */
    char *origin;               /* "file" or "cli" */
    int priority;               /* higher first */
    ym_wall queued_at, started_at, finished_at, run_at; /* 0 = not yet; run_at: not before */
    int attempts;               /* counted ones */
    int tries_total;            /* all, also throttled: number of the next staging file */
    int empties;                /* billed answers without media so far */
    enum ym_class cls;          /* of the last failure; YM_OK */
    char *error, *words;        /* sentence; the provider's words */
    struct ym_estimate est;     /* negative expected = price unknown */
    ym_money cost;              /* settled so far */
    bool cost_is_estimate;
    ym_money max_usd;           /* own ceiling; negative = none */
    char *held_why;             /* "price", "per_job", "daily", "monthly", "model", "folder", "bulk", "unknown_price", "gone", "store" */
    char *hold_id;              /* hold row whose approval pays for it, or that it waits for */
    char *bulk;                 /* open bulk group; not claimed while it is set */
    bool blocked;               /* queued, but its provider has no usable key */
    char *driver_state;         /* opaque JSON */
    bool has_handle;
    char *provider_id, *model_version, *safety, *text;
    struct ym_digest b2;        /* of the result */
    char *staged;               /* name in staging while STORED */
    char *ext, *mime;
    int64_t size;
    int width, height;
    int64_t duration_ms;
    bool c2pa;
    char *reused_from;          /* job or sidecar it was adopted from */
    bool adopted;
    bool paying;                /* a request that may cost money has left, or is about to: RESERVED counts as sent */
    char *tried;                /* JSON [{"model","class","error"}]: models that refused before this one; NULL */
    char *tier;                 /* "batch", or NULL = now */
    char *carrier;              /* id of the job whose request at the provider holds this one's, also its own; NULL */
};
void ym_job_row_fini(struct ym_job_row *r);
int ym_job_insert(struct ym_journal *j, const struct ym_job_row *r, struct ym_err *e);
int ym_job_get(struct ym_journal *j, const char *id, struct ym_job_row *ret);
/* Writes every column. -ENOENT when there is no such job. */
int ym_job_update(struct ym_journal *j, const struct ym_job_row *r, struct ym_err *e);
/* The next to run in a lane: state queued, run_at <= now, no bulk, not blocked; by priority
 * (descending), run_at, id. -ENOENT. A partial index keeps it cheap among a million rows. All jobs of
 * a lane have one provider. */
int ym_job_next(struct ym_journal *j, const char *lane, ym_wall now, struct ym_job_row *ret);
/* How many ym_job_next could give one after the other, `most` at most; *ret_oldest (when 0 or more): the
 * earliest run_at of the lane. */
int64_t ym_job_ready(struct ym_journal *j, const char *lane, ym_wall now, int64_t most, ym_wall *ret_oldest);
/* Lanes with queued jobs: fn gets the lane, how many are queued (also blocked ones and those in an open
 * bulk), and the earliest run_at of those that may run (INT64_MAX ms when none may). */
int ym_job_lanes(struct ym_journal *j, void (*fn)(void *ctx, const char *lane, int64_t n, ym_wall earliest), void *ctx);
/* All ids in a state, the one that is in it longest first. Of one bulk or hold_id (NULL = any that have
 * one), in whatever state, oldest first. */
int ym_job_each_state(struct ym_journal *j, enum ym_state s, void (*fn)(void *ctx, const char *id), void *ctx);
int ym_job_each_bulk(struct ym_journal *j, const char *bulk, void (*fn)(void *ctx, const char *id), void *ctx);
int ym_job_each_hold(struct ym_journal *j, const char *hold_id, void (*fn)(void *ctx, const char *id), void *ctx);
/* Queued jobs of a provider that may fall back to another model (their `tried` says to which). */
int ym_job_each_fallback(struct ym_journal *j, const char *provider, void (*fn)(void *ctx, const char *id), void *ctx);
int ym_job_count(struct ym_journal *j, int64_t ret[YM_JOB_STATE_COUNT]);
/* 1.. in its lane, 0 = not queued, or -errno. Counts those that are ready and before it, 0.1 us each:
 * not for every row of a long list. */
int64_t ym_job_position(struct ym_journal *j, const char *id);
/* All jobs of a provider, also those that come later, read as blocked until ym_job_unblock; one row is
 * written for all of them. Unblocking also takes back what single rows said. */
int ym_job_block(struct ym_journal *j, const char *provider);
int ym_job_unblock(struct ym_journal *j, const char *provider);
/* The most recent job with that request hash: done first, then active (also held), then unknown, then
 * failed, then cancelled. */
int ym_job_by_request(struct ym_journal *j, const struct ym_digest *h, struct ym_job_row *ret);
/* The n most recently changed jobs in a state, newest first (views). */
int ym_job_recent(struct ym_journal *j, enum ym_state s, int n, void (*fn)(void *ctx, const struct ym_job_row *r), void *ctx);

/* ---- sources: (S, k) -> job ---- */
int ym_source_put(struct ym_journal *j, const struct ym_digest *s, int64_t k, const char *job);
int ym_source_get(struct ym_journal *j, const struct ym_digest *s, int64_t k, struct ym_id *ret_job);
int64_t ym_source_max(struct ym_journal *j, const struct ym_digest *s); /* highest k, -1 = none */

/* ---- names: prompt files ---- */
struct ym_name_row {
    char *path;                  /* relative to the library */
    enum ym_kind kind;
    enum { YM_NAME_SEEN, YM_NAME_BOUND } status; /* seen: recorded at the first mount, never settled */
    struct ym_row_ident ident;
    struct ym_digest text_b2;    /* of the file's bytes */
    char *text;                  /* the settled bytes (<= 1 MiB), for recovery; NULL when seen */
    size_t text_len;
    struct ym_digest s;          /* source hash at the last settle */
    struct ym_digest refs;       /* digest over its reference digests; zero = none */
    int n;
    int64_t variation;           /* first k */
    ym_wall settled_at;
};
void ym_name_row_fini(struct ym_name_row *r);
int ym_name_put(struct ym_journal *j, const struct ym_name_row *r, struct ym_err *e); /* insert or replace */
int ym_name_get(struct ym_journal *j, const char *path, struct ym_name_row *ret);
int ym_name_delete(struct ym_journal *j, const char *path); /* and its slots */
/* Moves a name with its slots; an existing target row and its slots are replaced. */
int ym_name_rename(struct ym_journal *j, const char *from, const char *to);
/* Moves every name, slot, result, copy, note, sidecar, hold and version below a folder. Rows that lie at
 * a target give way, but for versions: they are numbered on. 0 also when there was nothing. */
int ym_folder_rename(struct ym_journal *j, const char *from, const char *to);
/* Names in a folder (deep = also below), in order of path. "" = the whole library. */
int ym_name_each(struct ym_journal *j, const char *folder, bool deep, void (*fn)(void *ctx, const struct ym_name_row *r), void *ctx);

/* ---- slots: one visible result place of a name ---- */
struct ym_slot_row {
    char *path;                  /* of the prompt; "cli:ID" for a job without a file */
    int idx;                     /* 0..n-1: sunset.png, sunset-2.png ... */
    int64_t variation;           /* k */
    struct ym_id job;
    enum { YM_SLOT_WAITING, YM_SLOT_PLACED, YM_SLOT_DELETED, YM_SLOT_KEPT } status;
    /* waiting: no result yet; placed: our file lies at `result`; deleted: the user deleted it
     * (tombstone); kept: the user moved or changed it: it is theirs, the next goes to the derived name */
    char *result;                /* path of the placed file, or NULL */
    struct ym_row_ident ident;   /* of the placed file */
    struct ym_digest b2;         /* of the bytes placed */
    int version;                 /* 1.. counts placements */
    bool reused;                 /* the clone of an earlier purchase */
};
void ym_slot_row_fini(struct ym_slot_row *r);
int ym_slot_put(struct ym_journal *j, const struct ym_slot_row *r, struct ym_err *e);
int ym_slot_get(struct ym_journal *j, const char *path, int idx, struct ym_slot_row *ret);
int ym_slot_delete(struct ym_journal *j, const char *path, int idx);
int ym_slot_each_name(struct ym_journal *j, const char *path, void (*fn)(void *ctx, const struct ym_slot_row *r), void *ctx);
int ym_slot_each_job(struct ym_journal *j, const char *job, void (*fn)(void *ctx, const struct ym_slot_row *r), void *ctx);
/* Ids of done jobs that have waiting slots: finished, but on their way to a place. */
int ym_slot_each_done_waiting(struct ym_journal *j, void (*fn)(void *ctx, const char *job), void *ctx);
/* Waiting slots of names in one folder, by path, whose job is queued or running since before
 * `queued_before`: what shows a working note. Once the bytes are stored there is none: the note is
 * gone before the result appears. Cheap in a folder of 100 000 finished names (partial index). */
int ym_slot_each_waiting(struct ym_journal *j, const char *folder, ym_wall queued_before, void (*fn)(void *ctx, const char *prompt, const struct ym_job_row *job), void *ctx);
int ym_slot_by_result(struct ym_journal *j, const char *result, struct ym_slot_row *ret);

/* ---- copies: where bytes of a digest lie in the library ---- */
int ym_copy_put(struct ym_journal *j, const char *path, const struct ym_row_ident *id, const struct ym_digest *b2);
int ym_copy_get(struct ym_journal *j, const char *path, struct ym_row_ident *ret_id, struct ym_digest *ret_b2);
int ym_copy_delete(struct ym_journal *j, const char *path);
int ym_copy_rename(struct ym_journal *j, const char *from, const char *to);
int ym_copy_each(struct ym_journal *j, const struct ym_digest *b2, void (*fn)(void *ctx, const char *path, const struct ym_row_ident *id), void *ctx);

/* ---- foreign sidecars: found in the library, for adoption ---- */
struct ym_sidecar_row {
    char *path;                 /* of the sidecar */
    char *media;                /* of the file it describes */
    struct ym_digest s, h;      /* zero = absent */
    int64_t variation;
    struct ym_digest b2;
    char *doc;                  /* its JSON text, <= 64 KiB */
};
void ym_sidecar_row_fini(struct ym_sidecar_row *r);
int ym_sidecar_put(struct ym_journal *j, const struct ym_sidecar_row *r, struct ym_err *e);
int ym_sidecar_delete(struct ym_journal *j, const char *path);
int ym_sidecar_rename(struct ym_journal *j, const char *from, const char *to, const char *media_to);
/* Those that match (S, k), then the others that match H; each by path. Calls fn until it returns true:
 * 0; -ENOENT when it took none. s and h may be NULL. */
int ym_sidecar_find(struct ym_journal *j, const struct ym_digest *s, int64_t k, const struct ym_digest *h,
                    bool (*fn)(void *ctx, const struct ym_sidecar_row *r), void *ctx);

/* ---- attempts: what was reserved, sent, billed. Limits and budgets are derived from them ---- */
struct ym_attempt_row {
    int64_t id;                 /* set by insert */
    struct ym_id job;
    int no;                     /* 1.. within the job */
    char *lane, *folder;
    bool pays;
    bool rides;                 /* insert only: goes along in another attempt's request, which alone counts for limits */
    ym_wall reserved_at, sent_at, ended_at;
    ym_money reserved, actual;  /* actual: valid once settled */
    enum { YM_ATT_OPEN, YM_ATT_SETTLED, YM_ATT_RELEASED, YM_ATT_KEPT } status; /* kept: unknown outcome, counts as spent */
    enum ym_class cls;          /* how it ended; YM_OK = success */
    char *note;                 /* sentence */
    char *hold_id;              /* paid out of this approval */
};
void ym_attempt_row_fini(struct ym_attempt_row *r);
/* Inserts an OPEN attempt and adds `reserved` to the spend of its (local) day, lane and folder; with
 * hold_id as approved money, and to what that approval has used. Sets r->id. -ENOENT: no such approval;
 * -ERANGE: an amount below 0 or above 10^9 dollars. */
int ym_attempt_reserve(struct ym_journal *j, struct ym_attempt_row *r, struct ym_err *e);
int ym_attempt_sent(struct ym_journal *j, int64_t id, ym_wall at);
/* Ends it: SETTLED (spend becomes actual), RELEASED (0), KEPT (stays reserved). A KEPT one may be ended
 * again; -EEXIST for one that is settled or released. */
int ym_attempt_end(struct ym_journal *j, int64_t id, int status, ym_money actual, enum ym_class cls, const char *note, ym_wall at, struct ym_err *e);
int ym_attempt_open_of(struct ym_journal *j, const char *job, struct ym_attempt_row *ret); /* the OPEN one, or -ENOENT */
int ym_attempt_each(struct ym_journal *j, const char *job, void (*fn)(void *ctx, const struct ym_attempt_row *r), void *ctx);
/* When paying attempts of a lane were sent (reserved, while that is not known) since t, oldest first: the
 * limiter's memory. Without those that were released unsent as offline, cancelled or local. */
int ym_attempt_times(struct ym_journal *j, const char *lane, ym_wall since, void (*fn)(void *ctx, ym_wall t), void *ctx);
int64_t ym_attempt_count_since(struct ym_journal *j, const char *lane, ym_wall since); /* of the same */
ym_money ym_attempt_unknown_sum(struct ym_journal *j, const char *job); /* of KEPT attempts */
/* These numbers guard money: INT64_MAX when the journal cannot be read. */

/* Spend (settled + reserved + kept), approved money apart. NULL = any; a folder with all below it. day
 * "2026-11-20" or a prefix "2026-11" for a month. `approved`: only (true) or without (false) what
 * approvals paid. */
ym_money ym_spend(struct ym_journal *j, const char *day_prefix, const char *lane, const char *folder, bool approved);
/* Sums by day, lane and folder (itself alone), for cost views; attempts without released ones. */
int ym_spend_each(struct ym_journal *j, const char *day_prefix, void (*fn)(void *ctx, const char *day, const char *lane, const char *folder, int64_t attempts, ym_money sum), void *ctx);

/* ---- holds: what waits for approval, and the money approved ---- */
struct ym_hold_row {
    struct ym_id id;
    char *note;                 /* path of the note we wrote: X.held.log; NULL = none */
    struct ym_row_ident ident;  /* of the note */
    char *target;               /* prompt path, or "bulk:ID" */
    char *why;                  /* sentence */
    ym_money amount;            /* stated: the high estimate */
    ym_money cap;               /* approved; 0 = not yet */
    ym_money used;              /* reserved or settled out of it (kept by ym_attempt_*) */
    enum { YM_HOLD_WAITING, YM_HOLD_APPROVED, YM_HOLD_CLOSED } status;
    ym_wall at;
};
void ym_hold_row_fini(struct ym_hold_row *r);
/* Insert or replace; `used` is only written when the row is new. */
int ym_hold_put(struct ym_journal *j, const struct ym_hold_row *r, struct ym_err *e);
int ym_hold_get(struct ym_journal *j, const char *id, struct ym_hold_row *ret);
int ym_hold_by_note(struct ym_journal *j, const char *note, struct ym_hold_row *ret); /* not closed */
int ym_hold_by_target(struct ym_journal *j, const char *target, struct ym_hold_row *ret); /* not closed */
int ym_hold_each(struct ym_journal *j, void (*fn)(void *ctx, const struct ym_hold_row *r), void *ctx); /* not closed */

/* ---- notes: files of ours beside prompts (error, held), removable when unmodified ---- */
int ym_note_put(struct ym_journal *j, const char *path, const char *prompt, const struct ym_digest *b2);
int ym_note_get(struct ym_journal *j, const char *path, char **ret_prompt, struct ym_digest *ret_b2);
int ym_note_delete(struct ym_journal *j, const char *path);
int ym_note_each(struct ym_journal *j, const char *prompt, void (*fn)(void *ctx, const char *path, const struct ym_digest *b2), void *ctx);

/* ---- versions: what lay at a path before ---- */
int ym_version_put(struct ym_journal *j, const char *path, const struct ym_digest *b2, const char *ext, const char *job, const char *sidecar, ym_wall at);
int ym_version_each(struct ym_journal *j, const char *path, void (*fn)(void *ctx, int seq, const struct ym_digest *b2, const char *ext, const char *job, const char *sidecar, ym_wall at), void *ctx);

/* ---- events: the last 10 000 ---- */
int ym_event_put(struct ym_journal *j, ym_wall at, const char *json, int64_t *ret_seq);
int ym_event_each(struct ym_journal *j, int64_t after, int limit, void (*fn)(void *ctx, int64_t seq, const char *json), void *ctx);

#endif
