/* Intake: from "something was written" to jobs. Settling, reading, identity, scanning, adoption. */
#ifndef ENGINE_INTAKE_H
#define ENGINE_INTAKE_H

struct ym_engine;

/* Why a name is looked at. More than one may hold. */
enum why {
    WHY_SCAN = 1,    /* found by a walk: compares, never a gesture */
    WHY_NEW = 2,     /* created, copied, linked or moved in */
    WHY_WRITE = 4,   /* written in place */
    WHY_OVER = 8,    /* renamed over an existing name */
    WHY_TOUCH = 16,
    WHY_MOVED = 32,  /* renamed within the library */
    WHY_REFS = 64,   /* a reference beside it changed */
    WHY_RETRY = 128, /* a verb */
    WHY_AGAIN = 256, /* a verb: the next unused variation */
    WHY_GONE = 512,  /* unlinked or renamed away */
    WHY_FIRST = 1024 /* with SCAN: the first walk of a library, which starts nothing */
};
#define WHY_GESTURE (WHY_WRITE | WHY_OVER | WHY_TOUCH | WHY_RETRY | WHY_AGAIN)

/* ---- settle.c ---- */
void intake_init(struct ym_engine *e);
void intake_fini(struct ym_engine *e);
void intake_tick(struct ym_engine *e);
bool intake_is_settling(struct ym_engine *e, const char *path); /* any thread */
int intake_settling_count(struct ym_engine *e);                 /* any thread */
bool intake_busy(struct ym_engine *e);
/* Looks at path after `in`; 0 = at once. idx: the slot that `again` is about, -1 = all. */
void settle_arm(struct ym_engine *e, const char *path, unsigned why, ym_dur in, int again_idx);
void settle_opened(struct ym_engine *e, const char *path, pid_t pid);
void settle_closed(struct ym_engine *e, const char *path, bool dirty, bool follow);
void settle_created(struct ym_engine *e, const char *path, pid_t pid);
void settle_unlinked(struct ym_engine *e, const char *path);
void settle_renamed(struct ym_engine *e, const char *from, const char *to);
void settle_exchanged(struct ym_engine *e, const char *a, const char *b);
void settle_folder_renamed(struct ym_engine *e, const char *from);
/* The name would pay: true when the process that wrote it is still writing other files of the
 * library; it is looked at again then. */
bool settle_postpone(struct ym_engine *e, const char *path);
/* The reading of a name ended. False: it was touched meanwhile, what was read is void. */
bool settle_inspected(struct ym_engine *e, const char *path, unsigned why);
void settle_hold(struct ym_engine *e, const char *path); /* not yet: a worker verifies something for it */
/* An unfinished reference image delays its prompt. */
bool settle_open_reference(struct ym_engine *e, const char *prompt);

/* ---- inspect.c: reading, on a worker ---- */
struct facts {
    struct ym_engine *e;
    char *path;
    unsigned why;
    int again_idx;
    struct ym_name name;
    enum ym_kind kind;            /* YM_KIND_NONE: not a prompt at all */
    struct ym_file_facts file;
    bool blank;
    cJSON *fields;                /* folder defaults and front matter merged; canonical */
    char *prompt;                 /* trimmed text */
    struct ym_ref *refs;
    size_t nrefs;
    struct ym_digest *includes;   /* of the included texts */
    size_t nincludes;
    struct ym_digest refs_b2;     /* over the reference digests; zero = none */
    struct ym_digest s;
    int n;
    int64_t variation;
    struct ym_err err;            /* semantic: becomes a failed job; YM_OK = none */
    struct adopted *adopted;      /* verified finds, adopt.c */
    size_t nadopted;
    bool adoption_tried;
};
void facts_free(struct facts *f);
void inspect_start(struct ym_engine *e, const char *path, unsigned why, int again_idx);
/* For a placement: what the prompt file and its folders say about names. Any thread. */
void placement_facts(const struct ym_store *s, const char *path, const char *text, size_t len,
                     char **ret_output_filename, bool *ret_sidecar);

/* ---- decide.c ---- */
void decide(struct ym_engine *e, struct facts *f); /* takes f */
void name_vanished(struct ym_engine *e, const char *path);
void job_unnamed(struct ym_engine *e, const char *job); /* cancelled when no name holds it any more */
bool job_release(struct ym_engine *e, struct ym_job_row *r, bool unknown_too); /* failed, cancelled: queued again */

/* ---- resolve.c ---- */
/* Chooses driver and model. -EINVAL with a sentence. */
/* "provider/model" or "model". */
int resolve_named(struct ym_engine *e, enum ym_kind kind, const char *name, const struct ym_driver **ret_driver,
                  char **ret_model, struct ym_err *err);
int resolve_model(struct ym_engine *e, enum ym_kind kind, const cJSON *fields,
                  const struct ym_driver **ret_driver, char **ret_model, struct ym_err *err);
/* The request of one variation; checked by the driver. refs are copied. */
int resolve_request(struct ym_engine *e, enum ym_kind kind, const char *prompt, const cJSON *fields,
                    const struct ym_ref *refs, size_t nrefs, int64_t variation,
                    const struct ym_driver **ret_driver, struct ym_request *ret, struct ym_err *err);
int resolve_price(struct ym_engine *e, const struct ym_driver *d, const struct ym_request *req, bool batch,
                  struct ym_estimate *ret);
const struct ym_driver *intake_default(struct ym_engine *e, enum ym_kind k, char *name, size_t size, struct ym_estimate *ret);
bool intake_reprice(struct ym_engine *e, struct ym_job_row *r); /* false: still no price */

/* ---- tier.c ---- */
bool tier_asked(const cJSON *fields);
char *tier_lane(const char *provider, const char *model, bool batch);
bool tier_marked(const char *lane, size_t *ret_len); /* a lane of the batch tier; *ret_len: of "provider/model" in it */
/* Refuses what cannot go into a batch, with a sentence that says what can. */
int tier_check(struct ym_engine *e, const struct ym_driver *d, const struct ym_call *call, const cJSON *fields,
               struct ym_err *err);
int tier_fits(const struct ym_driver *d, const struct ym_call *call, struct ym_err *err); /* the same without who else */
void tier_price(const struct ym_driver *d, bool batch, struct ym_estimate *est);
ym_money tier_model_spend(struct ym_engine *e, const struct ym_job_row *r, const char *day); /* both tiers */
/* A job that is not sent yet goes to the tier that its text names by now. */
void job_retier(struct ym_engine *e, struct ym_job_row *r, const struct ym_driver *d, const cJSON *fields);

/* ---- companion.c: sidecars and notes follow what their user moved or removed ---- */
void companion_sidecar(struct ym_engine *e, const char *media, const char *to_media); /* NULL: removed */
void companion_notes(struct ym_engine *e, const char *from, const char *to);
void companion_moved(struct ym_engine *e, const char *from, const char *to);
void companion_stir(struct ym_engine *e, const char *path);
void companion_tick(struct ym_engine *e);
void companions_free(struct ym_engine *e);

/* ---- enqueue.c ---- */
/* In fields: names of those that the model may leave out. No field of the table is called so. */
#define RESOLVE_OPTIONAL "(optional)"
/* Another, of fields as well: the model that pasted parameter lines name. It is a file of somebody's image
 * server, so it counts where nothing else names a model and the default is a local server. */
#define RESOLVE_PASTED "(pasted model)"

struct birth {
    const struct ym_driver *driver; /* NULL: the request is wrong, err says why */
    struct ym_request *req;
    const char *folder, *origin;
    const cJSON *fields;            /* priority, max_usd, not_before */
    const struct ym_err *err;
    enum ym_kind kind;              /* when driver is NULL */
    const char *prompt;
};
/* Makes the job (id already chosen), queued, held, blocked or failed; the caller has put its slots. */
void job_born(struct ym_engine *e, const struct ym_id *id, const struct birth *b);

/* ---- adopt.c ---- */
/* True: candidates were found and are verified on a worker; decide() is called again with them. */
bool adopt_start(struct ym_engine *e, struct facts *f);
void adopt_record(struct ym_engine *e, struct facts *f); /* verified ones become done jobs */
void adopted_free(struct facts *f);
bool adopt_before_claim(struct ym_engine *e, struct ym_job_row *r);
void sidecar_index(struct ym_engine *e, const char *path); /* reads and records one */
bool sidecar_indexing(struct ym_engine *e);

/* ---- scan.c ---- */
void scan_start(struct ym_engine *e, const char *folder, unsigned why);
void scan_stop(struct ym_engine *e); /* joins it */
void intake_recover(struct ym_engine *e);
int intake_closed(struct ym_engine *e);  /* the engine ends by itself; inside a transaction */

#endif
