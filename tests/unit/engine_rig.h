/* The whole engine in this process: a real library, journal, pool and thread; a clock that only the
 * test moves; a provider that does what the test says; no mount, no network. */
#ifndef YM_TESTS_ENGINE_RIG_H
#define YM_TESTS_ENGINE_RIG_H

#include "store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "../../src/engine/engine_private.h"

/* What the fake provider does with one request; the default is a picture for three cents. */
struct play {
    enum {
        PLAY_PICTURE,
        PLAY_FAIL,      /* an answer that is an error of class `cls` */
        PLAY_BREAK,     /* no answer: the request itself ends with `cls` (ambiguous, offline ...) */
        PLAY_NO_MEDIA,  /* answered and billed, but without a picture */
        PLAY_NOT_MEDIA, /* what came is no picture */
        PLAY_GATE,      /* a picture once the test opens the gate */
        PLAY_HANDLE     /* gives a handle first, is asked once a second, then a picture */
    } what;
    enum ym_class cls;
    int64_t retry_after_ms;
    bool until_reset;
    int polls; /* HANDLE: so many times "not yet"; negative: for ever */
    enum ym_class poll_cls; /* HANDLE: what the first looks end with, poll_fails times */
    int poll_fails;
    bool cancel_fails, runs_on; /* HANDLE: how calling it off ends */
    /* of a gathered request; `polls` as for HANDLE, 0 without it */
    int prepare;                /* so many seconds of what costs nothing before it is sent */
    const char *item;           /* items whose text holds this word ... */
    enum ym_class item_cls;     /* ... end so; YM_OK: there is none */
};

struct order { /* a gathered request, as the provider remembers it */
    char job[YM_ID_LEN + 1];
    int attempt;
    unsigned n;
    struct play play;
    char texts[8][64];
};
#define RIG_GATHER_MAX 5

struct rig {
    struct fixture base; /* .dir, .s */
    struct ym_journal *journal;
    struct ym_config *config;
    struct ym_net *net;
    char *allow; /* an origin of the test's own that may be reached; NULL = none */
    struct ym_pool *pool;
    struct ym_engine *e;
    struct ym_clock clock;
    atomic_llong mono_ns, wall_ms;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t cond;
    struct play plays[256];
    unsigned played, nplays;
    int sent;   /* requests that began */
    int polled; /* looks at an accepted one */
    int gated;  /* waiting at the gate */
    int cancelled; /* calls to call it off */
    bool gate_open, dying;
    struct order orders[32]; /* of the batch tier: each is one of `sent` */
    int norders;
    int gaps;                /* members of the last step that had ended before a restart */
    char prompts[512][64]; /* of each request sent, in order */
    int64_t sent_at[512];  /* mono ns */
};

int rig_setup(void **state); /* library, images/, engine running as if mounted */
int rig_teardown(void **state);
/* Another configuration for the whole rig: TOML, before anything was started. */
void rig_configure(struct rig *r, const char *toml);
void rig_allow(struct rig *r, const char *origin);
void rig_start(struct rig *r);
void rig_stop(struct rig *r);    /* as SIGTERM: waits for what runs */
void rig_kill(struct rig *r);    /* as kill -9: what runs is lost, the journal stays as it is */
void rig_restart(struct rig *r); /* kill and start */
void rig_play(struct rig *r, struct play p); /* what the next request without one meets */
void rig_gate(struct rig *r, bool open);
/* fal (paid: paint, thirty-cents, dear, the texts of words; odd has no price; has the batch tier for up to
 * RIG_GATHER_MAX), openai (wants a key), sketch (free). */
const struct ym_driver *const *rig_drivers(struct rig *r);

/* ---- time ---- */
void rig_advance(struct rig *r, int64_t ms); /* in steps, each a whole round of the engine */
/* Until cond holds (asked on the engine's thread), at most `ms` of the rig's clock. */
bool rig_until(struct rig *r, int64_t ms, bool (*cond)(struct rig *r, void *ctx), void *ctx);
void rig_idle(struct rig *r); /* nothing left to do within two minutes */
void rig_wall_shift(struct rig *r, int64_t ms);
/* Runs fn on the engine's thread, inside a round, and returns when it is committed. */
void rig_on(struct rig *r, void (*fn)(struct rig *r, void *ctx), void *ctx);

/* ---- what a person does; each tells the engine what the mount would ---- */
void rig_save(struct rig *r, const char *path, const char *text); /* open, truncate, write, close */
void rig_save_pid(struct rig *r, const char *path, const char *text, pid_t pid);
void rig_touch(struct rig *r, const char *path);
void rig_unlink(struct rig *r, const char *path);
void rig_rename(struct rig *r, const char *from, const char *to);
void rig_tell(struct rig *r, enum ym_touch_what what, const char *path, bool dirty);

/* ---- verbs ---- */
typedef int rig_verb(struct ym_engine *e, const char *target, struct ym_err *err);
int rig_do(struct rig *r, rig_verb *verb, const char *target); /* ym_engine_retry ... */
int rig_approve(struct rig *r, const char *target, int64_t micro_usd);

/* ---- looking ---- */
enum ym_state rig_state(struct rig *r, const char *path); /* of the first slot's job; NONE */
void rig_state_is(struct rig *r, const char *path, enum ym_state want);
bool rig_state_becomes(struct rig *r, const char *path, enum ym_state want, int64_t ms);
/* The job of a slot; free with ym_job_row_fini. False: none. */
bool rig_job(struct rig *r, const char *path, int idx, struct ym_job_row *ret);
bool rig_slot(struct rig *r, const char *path, int idx, struct ym_slot_row *ret);
int rig_sent(struct rig *r);
int64_t rig_spent(struct rig *r); /* micro-dollars of this day, approved ones too */
int64_t rig_count(struct rig *r, enum ym_state s);
bool rig_has(struct rig *r, const char *path);
char *rig_text(struct rig *r, const char *path); /* NULL when it is not there; caller frees */
/* A whole picture lies there; its digest. */
struct ym_digest rig_picture(struct rig *r, const char *path);
void rig_draw(const char *prompt, struct ym_buf *b); /* what the fake provider draws for it; caller's b is fini'd */
struct ym_digest rig_drawn(const char *prompt);      /* its digest */
bool rig_has_object(struct rig *r, const struct ym_digest *b2);
int rig_notes(struct rig *r, const char *folder, const char *part); /* names with that part */

#define RIG_PRICE 30000 /* micro-dollars of the fake provider's picture */

#endif
