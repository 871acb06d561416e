/* Drivers: one per provider, pure. They do no I/O, keep no globals and read no clock: they turn a job
 * and the last reply into the next step. Rate limit, retry, budget and recording wrap them from
 * outside. A NULL slot means "not able". */
#ifndef YMAGO_DRIVER_H
#define YMAGO_DRIVER_H

#include <ymago/formats.h>
#include <ymago/job.h>
#include <ymago/net.h>

struct ym_prices { /* dollars from the configuration or the driver's table; negative = unknown */
    double image, second, song, kchars, mtok_in, mtok_out, mtok_image_out;
    bool from_config;
};

/* A model that the driver knows of. Unknown model names are allowed (plain strings): they have no
 * price until one is configured. */
struct ym_model {
    const char *id;
    unsigned kinds;            /* 1 << enum ym_kind */
    struct ym_prices prices;   /* of the default output */
    const char *price_note;    /* source and date; NULL */
    unsigned max_prompt;       /* characters; 0 = 2000 */
    unsigned max_refs;
    const char *const *ratios; /* NULL = any */
    const char *const *sizes;  /* values of `resolution`; NULL = none is taken */
    const char *retired;       /* a sentence: what happened and what to use; NULL = alive */
};

struct ym_call {
    const char *job_id;
    int attempt;                     /* 1.. */
    const struct ym_request *req;
    const struct ym_model *model;    /* the driver's or configured entry; never NULL */
    struct ym_prices prices;         /* in force */
    const char *base_url;            /* without a trailing slash; never NULL */
    bool has_key;                    /* the credential "api_key" is there */
    ym_wall now;
    ym_dur timeout;                  /* of one request */
};

/* ---- what a driver asks for ---- */
struct ym_part { /* one piece of a request body */
    enum { YM_PART_TEXT, YM_PART_REF, YM_PART_REF_B64, YM_PART_MEDIA, YM_PART_MEDIA_B64 } type;
    char *text;     /* TEXT: owned, may hold NULs */
    size_t len;     /* TEXT */
    unsigned index; /* REF*: into req->refs (a file of the library); MEDIA*: staged by an earlier request of this attempt */
};
struct ym_call_header {
    char *name, *value;     /* owned; value NULL when it is a credential */
    const char *credential; /* "api_key"; static; the engine puts the secret in */
    const char *prefix;     /* "Bearer "; static or NULL */
};
struct ym_http {
    unsigned tag;                       /* comes back in ym_reply.tag */
    const char *method;                 /* static */
    char *url;                          /* owned */
    struct ym_call_header headers[12];
    unsigned nheaders;
    struct ym_part *parts;              /* owned */
    unsigned nparts;
    enum ym_effect effect;
    /* How the reply is read: JSON sifted (media under these keys goes to staging files), or, with
     * raw_media, the whole 2xx body is one media file. */
    const char *const *media_keys;      /* static, NULL-terminated; NULL = none */
    bool raw_media;
    int64_t max_reply;                  /* 0 = the engine's limit */
};

struct ym_media_out { /* what a YM_NEXT_WORK function writes to; staging underneath */
    int (*begin)(void *ctx, unsigned index, int64_t expect, struct ym_err *e);
    int (*write)(void *ctx, unsigned index, const void *data, size_t len, struct ym_err *e);
    int (*end)(void *ctx, unsigned index, struct ym_err *e);
    void (*progress)(void *ctx, double fraction);
    bool (*stopped)(void *ctx); /* the job was cancelled */
    int ref_fds[16];            /* descriptors of req->refs, -1 = none; borrowed */
    void *ctx;
};

struct ym_next {
    enum {
        YM_NEXT_SEND, /* http[0..nhttp-1] */
        YM_NEXT_WAIT, /* step again with rep = NULL after `wait` */
        YM_NEXT_WORK, /* a pure, local computation on a worker thread, then step with a reply of tag `work_tag` */
        YM_NEXT_DONE
    } what;
    struct ym_http http[4];
    unsigned nhttp;
    ym_dur wait;
    int (*work)(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e);
    unsigned work_tag;
    double progress;    /* 0..1, negative = not known */
    bool has_handle;    /* *state now names a job at the provider: from here on never resubmitted */
    /* DONE */
    unsigned media[16]; /* indices of staged media, in order of the results */
    unsigned nmedia;
    ym_money cost;
    bool cost_known;       /* false: the engine settles to the estimate and says so */
    bool cost_is_estimate; /* true: computed from usage and list prices, not billed figures */
    char *provider_id, *model_version, *safety, *text; /* owned, may be NULL; text = what the model said beside the picture */
};
void ym_next_fini(struct ym_next *n);
/* Builders that drivers share. Strings are copied. */
struct ym_http *ym_next_send(struct ym_next *n, unsigned tag, const char *method, enum ym_effect effect, const char *url);
void ym_http_header(struct ym_http *h, const char *name, const char *value);
void ym_http_credential(struct ym_http *h, const char *name, const char *credential, const char *prefix);
void ym_http_text(struct ym_http *h, const char *text, size_t len); /* appends to a TEXT part */
void ym_http_part(struct ym_http *h, int type, unsigned index);

struct ym_reply {
    unsigned tag;
    int status;                      /* HTTP; 0 for YM_NEXT_WORK */
    const char *const *headers;      /* as in net.h */
    const cJSON *json;               /* the sifted document, or NULL when it was none */
    const char *text;                /* the body as text (sifted, cut to 16 KiB), masked, for error words */
    const struct ym_sieve *sieve;    /* for ym_reply_media */
    unsigned media_first;            /* index in media of the first file that this very reply gave */
    unsigned nmedia;                 /* staged files so far in this attempt */
    const struct ym_staged {
        int64_t size;
        const char *mime;            /* sniffed, "" = not media */
        bool is_media;
    } *media;
};
/* Index into rep->media of the file that was diverted where v stands, or -1. */
int ym_reply_media(const struct ym_reply *rep, const cJSON *v);

struct ym_driver {
    const char *name;                 /* "gemini": also its config section and tests/replay folder */
    unsigned kinds;                   /* 1 << enum ym_kind */
    bool is_free;                     /* costs nothing: never held, no bulk guard */
    bool needs_key;
    const char *key_env;              /* "GOOGLE_API_KEY", for messages; NULL */
    const char *base_url;             /* default */
    int rate_limit, concurrency;      /* defaults per minute and at once; 0 = none */
    int quota_offset_min;             /* the zone of the provider's quota day: minutes from UTC (Pacific: -480) */
    const struct ym_model *models;    /* ends with { 0 } */
    const char *default_model[YM_KIND_COUNT]; /* NULL = none for that kind */

    /* Required. Refuses before anything is spent what this model cannot take: YM_INVALID with a
     * sentence that lists what it takes. Pure. */
    int (*check)(const struct ym_call *call, struct ym_err *e);
    /* Optional; NULL = price unknown, which holds the job unless is_free. -ENODATA (YM_HELD) when
     * this model has no price. Pure. */
    int (*price)(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e);
    /* Required. @state: opaque JSON object, <= 64 KiB, NULL at the start of an attempt; what is put
     * back is committed before the next request leaves, so that after a crash the same call goes on
     * from it. @rep: NULL at the start, after a restart and after WAIT, else the reply to the request
     * tagged rep->tag (any HTTP status). Transport failures never get here. Sets *ret_next.
     * Errors: any class but OFFLINE, AMBIGUOUS, LOCAL, CANCELLED; e->words holds the provider's own
     * words, e->retry_after what it asked for. */
    int (*step)(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                struct ym_next *ret_next, struct ym_err *e);
    /* Optional; NULL = cannot cancel: the engine lets it run out and keeps the result in history. */
    int (*cancel)(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                  struct ym_next *ret_next, struct ym_err *e);
};

/* Asserts which slots go together; called once per driver at start. */
void ym_driver_check(const struct ym_driver *d);
/* The model's entry in the driver's table, or NULL. */
const struct ym_model *ym_driver_model(const struct ym_driver *d, const char *id);

extern const struct ym_driver ym_driver_gemini;
extern const struct ym_driver ym_driver_sketch;

#endif
