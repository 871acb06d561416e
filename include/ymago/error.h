/* Errors: what happened, what to do next, and one sentence for a person. */
#ifndef YMAGO_ERROR_H
#define YMAGO_ERROR_H

#include <ymago/units.h>

/* The class decides what the engine does next (engine/retry.c has the one table). */
enum ym_class {
    YM_OK,
    YM_INVALID,   /* the request itself is wrong: bad value, unknown key or model. Never retried. */
    YM_AUTH,      /* key missing or refused: the provider pauses, its jobs stay queued. */
    YM_REFUSED,   /* safety or policy: permanent for this prompt. */
    YM_THROTTLED, /* rate or quota: wait as told; does not count as an attempt. */
    YM_OFFLINE,   /* the provider cannot be reached; nothing was sent. */
    YM_TRANSIENT, /* a 5xx arrived, or nothing was sent: up to 5 tries. */
    YM_EMPTY,     /* answered and billed, but holds no usable media: one more try. */
    YM_AMBIGUOUS, /* sent, but no whole answer: may have been billed. */
    YM_LOST,      /* a stored handle is no longer known to the provider. */
    YM_HELD,      /* over budget, unknown price, needs approval. */
    YM_LOCAL,     /* this machine: no space, quota, I/O. */
    YM_CANCELLED, /* by the user. */
    YM_BROKEN,    /* a promise of our own does not hold; a bug or a damaged store. */
    YM_CLASS_COUNT
};

struct ym_err {
    enum ym_class cls;
    int err;            /* positive errno, for FUSE and exit codes */
    ym_dur retry_after; /* 0 = not stated */
    bool until_reset;   /* a daily quota: wait for the provider's midnight, retry_after if stated */
    char msg[224];      /* one whole sentence, no newline, no secret; shown to people as it is */
    char words[512];    /* the other side's own words, made safe to show; "" = none */
};

/* Fills *e (which may be NULL) and returns -err, so that a caller writes `return ym_fail(e, ...);`.
 * `words`, `retry_after` and `until_reset` become empty. The text is cut on a UTF-8 boundary and
 * control characters are replaced. Any thread. */
__attribute__((format(printf, 4, 5))) int ym_fail(struct ym_err *e, enum ym_class cls, int err,
                                                  const char *fmt, ...);

/* "invalid", "auth" ...: the names used in the journal, events and JSON. */
const char *ym_class_name(enum ym_class cls);
/* The reverse; YM_BROKEN for a name that is none. */
enum ym_class ym_class_parse(const char *name);

/* Exit codes of the command line. */
enum ym_exit {
    YM_EXIT_DONE = 0,
    YM_EXIT_ERROR = 1,
    YM_EXIT_USAGE = 2,
    YM_EXIT_SOME_FAILED = 3,
    YM_EXIT_HELD = 4,
    YM_EXIT_INTERRUPTED = 130
};
enum ym_exit ym_class_exit(enum ym_class cls);

#endif
