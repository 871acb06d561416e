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

/* One field (config.h: ym_fields) that a model takes. Fields with a place of their own are named too:
 * "negative_prompt", "from_image", "last_frame", "references", "workflow". */
struct ym_param {
    const char *name;
    double min, max;           /* numbers: inclusive; both 0 = the field's own range */
    const char *const *values; /* texts: NULL-terminated list of all that is taken; NULL = any */
};

/* A model that the driver knows of. Unknown model names are allowed (plain strings): they have no
 * price until one is configured. */
struct ym_model {
    const char *id;
    unsigned kinds;            /* 1 << enum ym_kind */
    struct ym_prices prices;   /* of the default output */
    const char *price_note;    /* source and date; NULL */
    unsigned max_prompt;       /* characters; 0 = 2000 */
    unsigned max_refs;         /* images in all: source, last frame and references */
    const char *const *ratios; /* NULL = any; where `params` is set it says this */
    const char *const *sizes;  /* values of `resolution`; NULL = none is taken; likewise */
    const struct ym_param *params; /* all that it takes, ends with { 0 }; NULL = the driver's list for the kind */
    ym_dur first_look;         /* how long a job usually takes, for the first poll; 0 = not known */
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
    bool own_base_url;               /* base_url is configured, not the driver's: a gateway or a local server */
    ym_wall now;
    ym_dur waited;                   /* since this attempt was claimed; also across restarts */
    ym_dur timeout;                  /* of one request */
    const char *workflow;            /* text of the reference with role YM_REF_WORKFLOW (JSON), or NULL; step only */
    size_t workflow_len;
};
/* The first reference with that role, or -1. */
int ym_call_ref(const struct ym_call *call, enum ym_ref_role role);

/* ---- what a driver asks for ---- */
struct ym_part { /* one piece of a request body */
    enum { YM_PART_TEXT, YM_PART_REF, YM_PART_REF_B64, YM_PART_MEDIA, YM_PART_MEDIA_B64 } type;
    char *text;     /* TEXT: owned, may hold NULs */
    size_t len;     /* TEXT */
    unsigned index; /* REF*: into req->refs (a file of the library); MEDIA*: staged by an earlier request of this attempt */
    unsigned member; /* REF* of a gathered carrier: whose references; else 0 */
};
struct ym_call_header {
    char *name, *value;     /* owned; value NULL when it is a credential */
    const char *credential; /* "api_key"; static; the engine puts the secret in */
    const char *prefix;     /* "Bearer "; static or NULL. "Basic ": the secret "user:password" is sent in base64 */
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
    bool raw_media;                     /* a body that is no media is not staged: is_media is false and
                                         * rep->text holds its beginning, for the words of the error */
    size_t keep_text;                   /* JSON strings up to this length are kept; 0 = 64 KiB, most 1 MiB */
    int64_t max_reply;                  /* 0 = the engine's limit */
    ym_dur timeout;                     /* 0 = the provider's timeout_seconds */
};

struct ym_media_out { /* what a YM_NEXT_WORK function writes to; staging underneath */
    int (*begin)(void *ctx, unsigned index, int64_t expect, struct ym_err *e);
    int (*write)(void *ctx, unsigned index, const void *data, size_t len, struct ym_err *e);
    int (*end)(void *ctx, unsigned index, struct ym_err *e);
    void (*progress)(void *ctx, double fraction);
    bool (*stopped)(void *ctx); /* the job was cancelled */
    /* O_RDWR descriptor of the file begun at `index`, for a child process that writes it; borrowed. */
    int (*fd)(void *ctx, unsigned index);
    int ref_fds[16];            /* descriptors of req->refs, -1 = none; borrowed */
    void *ctx;
};

struct ym_item;
struct ym_next {
    enum {
        YM_NEXT_SEND, /* http[0..nhttp-1], at once; each reply is a step of its own. While others are still
                       * out a step answers WAIT with wait 0: go on with the next reply */
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
    char detail[96];    /* "place 3 in the provider's queue"; "" = nothing to say */
    bool has_handle;    /* *state now names a job at the provider: from here on never resubmitted. A step with
                         * rep = NULL must then look (poll), whatever happened to the last look */
    /* DONE */
    unsigned media[16]; /* indices of staged media, in order of the results */
    unsigned nmedia;
    ym_money cost;         /* also read when a step fails: a refusal can be billed */
    bool cost_known;       /* false: the engine settles to the estimate and says so */
    bool cost_is_estimate; /* true: computed from usage and list prices, not billed figures */
    char *provider_id, *model_version, *safety; /* owned, may be NULL */
    char *text;            /* owned; kind text: the result itself; else what the model said beside it, or NULL */
    bool text_is_json;     /* kind text: the result is a JSON document (.out.json), else Markdown (.out.md) */
    /* of cancel(): DONE = over; `runs_on`: it could not be stopped, its result is still fetched and kept */
    bool runs_on;
    /* DONE of a gathered carrier: what became of each member */
    struct ym_item *items; /* owned */
    unsigned nitems;
    cJSON *list;           /* DONE of list(): owned */
};
struct ym_item {
    unsigned member;
    struct ym_err err;     /* cls YM_OK = result holds what DONE needs */
    struct ym_next result;
};
void ym_next_fini(struct ym_next *n);
/* Builders that drivers share. Strings are copied. */
struct ym_http *ym_next_send(struct ym_next *n, unsigned tag, const char *method, enum ym_effect effect, const char *url);
void ym_http_header(struct ym_http *h, const char *name, const char *value);
void ym_http_credential(struct ym_http *h, const char *name, const char *credential, const char *prefix);
void ym_http_text(struct ym_http *h, const char *text, size_t len); /* appends to a TEXT part */
void ym_http_puts(struct ym_http *h, const char *text);
void ym_http_json(struct ym_http *h, const cJSON *v);               /* appends v, printed without white space */
void ym_http_part(struct ym_http *h, int type, unsigned index);
/* True when url has the origin of base_url: only then may it be sent the key. An address that came in a
 * reply is judged by this before a credential is put in. */
bool ym_url_is_ours(const struct ym_call *call, const char *url);
/* s with everything but A-Z a-z 0-9 - . _ ~ and the bytes of `keep` percent-encoded. Caller frees. */
char *ym_url_encode(const char *s, const char *keep);

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

/* ---- what drivers share ---- */
/* Refuses fields that the model does not take (the sentence lists what it does) and values outside its
 * params; length and emptiness of the prompt; number and type (`mimes`, NULL-terminated, NULL = PNG, JPEG,
 * WebP) of the references. What has no params is taken on trust. For check(). */
int ym_call_check(const struct ym_call *call, const char *const *mimes, struct ym_err *e);
/* References that are addresses, for providers that take bytes: fetched one by one before anything else.
 * *state becomes {"fetched":[..]} at rep = NULL without one. Returns 1 when *n asks for the next one
 * (tags from YM_TAG_FETCH), 0 when all are there, or a failure with *e. Call it first in step() while the
 * paying request has not been sent; after a restart in that time what was fetched is fetched again. */
enum { YM_TAG_FETCH = 1000 };
int ym_refs_fetch(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n, struct ym_err *e);
/* Appends reference i in base64 or raw, wherever its bytes are. */
void ym_http_ref(struct ym_http *h, const struct ym_call *call, const cJSON *state, unsigned i, bool base64);
/* "image/png" of reference i, also of a fetched one. */
const char *ym_ref_mime(const struct ym_call *call, const cJSON *state, unsigned i);
/* How long to wait before the next look at a long job: the model's first_look once, then by progress where
 * it is known (progress >= 0), else a tenth of the time waited so far; 2 to 30 s. Deterministic. */
ym_dur ym_poll_wait(const struct ym_call *call, double progress);
/* The prompt's seed for this variation (seed + variation), or -1 when none was given. */
int64_t ym_call_seed(const struct ym_call *call);
/* The class of an HTTP status with a sentence "NAME ..." and the provider's words (e->words), retry_after
 * from Retry-After; for what a driver knows nothing better about. name: "fal". */
int ym_reply_fail(const struct ym_call *call, const struct ym_reply *rep, const char *name, const char *words, struct ym_err *e);
void ym_err_words(struct ym_err *e, const char *words);

/* Half-price tiers: many jobs into one carrier request at the provider. The carrier is called with the
 * request of its first member; member i's own call is members[i]. Members keep their places for the life of
 * the carrier, also over a restart; one that ended before it has a job_id of "" and its item is ignored. */
struct ym_gather {
    unsigned max_jobs;
    int64_t max_bytes;                /* of all members' references together; 0 = no limit. One alone always goes */
    /* Refuses what cannot go into a batch. Pure. */
    int (*check)(const struct ym_call *call, struct ym_err *e);
    double price_factor;              /* 0.5 = half of price(); costs in items are what is billed */
    /* Like step(); DONE gives an item for every member, matched by its key, never by order. */
    int (*step)(const struct ym_call *call, const struct ym_call *members, unsigned n, cJSON **state,
                const struct ym_reply *rep, struct ym_next *ret_next, struct ym_err *e);
    int (*cancel)(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret_next,
                  struct ym_err *e);
};

struct ym_driver {
    const char *name;                 /* "gemini": also its config section and tests/replay folder */
    unsigned kinds;                   /* 1 << enum ym_kind */
    bool is_free;                     /* costs nothing: never held, no bulk guard */
    bool is_local;                    /* serves defaults when its base_url is configured, before any key */
    bool idempotent;                  /* its create requests carry a key by which the provider knows a repetition */
    bool needs_key;
    bool keyless_elsewhere;           /* a configured base_url (a local server, a gateway) may need no key */
    const char *key_env;              /* variable of the environment with the key: "GOOGLE_API_KEY"; NULL */
    const char *key_env_more;         /* a second name of it: "GEMINI_API_KEY"; the first wins; NULL */
    const char *base_url;             /* default */
    const char *base_env;             /* variable that sets base_url: "GEMINI_API_BASE"; NULL */
    int rate_limit, concurrency;      /* defaults per minute and at once; 0 = none */
    int quota_offset_min;             /* the zone of the provider's quota day: minutes from UTC (Pacific: -480) */
    int timeout_seconds;              /* of one request, when not configured; 0 = 300 */
    const struct ym_model *models;    /* ends with { 0 } */
    const struct ym_param *params[YM_KIND_COUNT]; /* what models without a list of their own take; NULL = anything */
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
     * tagged rep->tag (any HTTP status). Transport failures never get here: a look (safe) at a job with a
     * handle is repeated by the engine through step(rep = NULL), as is an idempotent request: its key must
     * come from call->job_id and call->attempt alone. Sets *ret_next.
     * Errors: any class but OFFLINE, AMBIGUOUS, LOCAL, CANCELLED; e->words holds the provider's own
     * words, e->retry_after what it asked for. Once there is a handle, THROTTLED, TRANSIENT and AUTH mean
     * "look again later" and keep it; LOST means that the provider does not know it any more. */
    int (*step)(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                struct ym_next *ret_next, struct ym_err *e);
    /* Optional; NULL = no side look. While a request that pays is out: called with rep = NULL (asks for one
     * safe request) and with its reply: WAIT, with progress, detail, the time to the next look and, in
     * media[0], a preview image. Errors end the looking, nothing else. */
    int (*progress)(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep,
                    struct ym_next *ret_next, struct ym_err *e);
    /* Optional; NULL = cannot cancel: the engine lets it run out and keeps the result in history. Called
     * while a request is out or a handle is there: rep = NULL asks for safe requests, their replies end in
     * DONE (runs_on, cost when it is known). */
    int (*cancel)(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                  struct ym_next *ret_next, struct ym_err *e);
    /* Optional; NULL = no `tier: batch`. */
    const struct ym_gather *gather;
    /* Optional; NULL = its models are those of the table. The provider's own list: rep = NULL asks for safe
     * requests, whose replies end in DONE with list = {"models":[{"id","kinds":["image"],...}],
     * "samplers":[...], "schedulers":[...], "upscalers":[...], "styles":[...], "loras":[...], "voices":[...]}
     * as far as there is such a thing. call->req has only the provider's name. */
    int (*list)(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret_next,
                struct ym_err *e);
};

/* Asserts which slots go together; called once per driver at start. */
void ym_driver_check(const struct ym_driver *d);
/* The model's entry in the driver's table, or NULL. */
const struct ym_model *ym_driver_model(const struct ym_driver *d, const char *id);
/* What a model takes of that kind: its own list, else the driver's; NULL = anything. */
const struct ym_param *ym_driver_params(const struct ym_driver *d, const struct ym_model *m, enum ym_kind k);
const struct ym_param *ym_param_find(const struct ym_param *list, const char *name); /* NULL list: NULL */

#endif
