/* Google's Gemini API, and Vertex, which speaks the same with other addresses. Four ways to a result:
 * generateContent (images, texts), predict (Imagen), predictLongRunning (Veo), interactions (Omni video).
 *
 *   gemini.c   the driver: what is refused, which way a model goes
 *   models.c   models, what they take, what they cost
 *   safety.c   the field `safety`
 *   wire.c     addresses, the key, passing settings on, downloads
 *   content.c  generateContent: the request       reply.c  its answer, and every error
 *   imagen.c, veo.c, video.c  the other three ways
 *   files.c    references too large to be sent inline
 *   batch.c    many requests at half the price    list.c   which models there are */
#ifndef PROVIDERS_GEMINI_H
#define PROVIDERS_GEMINI_H

#include <ymago/driver.h>

extern const struct ym_driver ym_driver_gemini;
extern const struct ym_gather gemini_gather;

#define GEMINI_BASE          "https://generativelanguage.googleapis.com"
#define GEMINI_DEFAULT_IMAGE "gemini-nano-banana-2.1"
#define GEMINI_DEFAULT_VIDEO "gemini-omni-1.2-flash"
#define GEMINI_DEFAULT_TEXT  "gemini-3.8-flash"

enum gemini_tag {
    TAG_CREATE = 1, /* the request that pays */
    TAG_LOOK,       /* at a long job */
    TAG_LOOK_INLINE,/* the same, to take the media that is in it */
    TAG_DOWNLOAD,
    TAG_UPLOAD_START, TAG_UPLOAD, TAG_FILE, /* files.c */
    TAG_CANCEL,
    TAG_LIST
};

enum gemini_way { WAY_CONTENT, WAY_PREDICT, WAY_VEO, WAY_INTERACTION };
enum gemini_way gemini_way_of(const struct ym_call *call);
int gemini_no_key(struct ym_err *e);
/* The end of every slot: *ret is n, or after a failure what the failed step cost. Returns r. */
int gemini_step_end(int r, struct ym_next *n, struct ym_next *ret);

/* ---- models.c ---- */
extern const struct ym_model gemini_models[];
extern const struct ym_param gemini_image_params[], gemini_video_params[], gemini_text_params[];
/* The size class to ask for: `resolution`, else what `quality` stands for; NULL = the service's default. */
const char *gemini_size(const struct ym_call *call);
/* Seconds of video to ask for; said always, so that the price is known before. */
double gemini_seconds(const struct ym_call *call);
/* Dollars of one image, of one second of video, of this call's size; negative = unknown. */
double gemini_image_usd(const struct ym_call *call);
double gemini_second_usd(const struct ym_call *call);
/* Dollars of a million tokens now, for a prompt of that many; negative = unknown. */
struct gemini_tokens_usd {
    double in, out, image_out;
};
struct gemini_tokens_usd gemini_tokens_price(const struct ym_call *call, double prompt_tokens);
int gemini_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e);

/* ---- wire.c ---- */
bool gemini_is_vertex(const struct ym_call *call);
/* "models/NAME:METHOD" for the call's model, escaped. */
char *gemini_model_path(const struct ym_call *call, const char *method);
/* A path behind the version, "models/x:generateContent", at the base address. */
char *gemini_url(const struct ym_call *call, const char *path);
/* A request there, with the key and, where it has a body, its type. */
struct ym_http *gemini_send(const struct ym_call *call, struct ym_next *n, enum gemini_tag tag, const char *method,
                            enum ym_effect effect, const char *path);
void gemini_auth(const struct ym_call *call, struct ym_http *h);
/* Refuses keys in `params` that are not the model's; adds the others to `into`, which wins. */
int gemini_params_check(const struct ym_call *call, struct ym_err *e);
void gemini_params_add(const struct ym_call *call, cJSON *into);
/* The user's prompt; for models without a negative prompt with "Without ..." behind it. */
char *gemini_prompt(const struct ym_call *call);
/* "files/x", "operations/x" ...: a name that came in a reply, before it goes into an address. */
bool gemini_name_ok(const char *name, const char *prefix);
/* Fetches a finished video; the key goes along only to the base's own origin. */
void gemini_download(const struct ym_call *call, const char *uri, struct ym_next *n);
/* Its reply: DONE, or 0 with WAIT when it is not ready yet. id and model are copied. */
int gemini_download_reply(const struct ym_call *call, const struct ym_reply *rep, const char *id, const char *model,
                          struct ym_next *n, struct ym_err *e);
/* DONE with one video, priced by the second. */
int gemini_video_done(const struct ym_call *call, const struct ym_reply *rep, int index, const char *id, const char *model,
                      struct ym_next *n, struct ym_err *e);
/* Puts a new state that holds one name only in place of the old one. */
void gemini_state_set(cJSON **state, const char *key, const char *name);
/* Nothing is billed for a job that failed at the provider. */
void gemini_not_billed(struct ym_next *n);

/* ---- safety.c ---- */
int gemini_safety_check(const struct ym_call *call, struct ym_err *e);
/* [{"category":"HARM_CATEGORY_X","threshold":"BLOCK_X"}], or NULL; lower: as the Interactions API spells it. */
cJSON *gemini_safety(const struct ym_call *call, bool lower);

/* ---- files.c ---- */
/* Where the references of one request of a batch, or of the only one, are. */
struct gemini_refs {
    const cJSON *state;
    unsigned member; /* whose */
    unsigned first;  /* how many references those before it have */
};
/* Fetches references that are addresses and uploads those too large to be sent inline. 1 = *n asks for
 * something, 0 = all is there, or a failure. Also at rep = NULL, where it begins, or goes on from uploads. */
int gemini_refs_ready(const struct ym_call *calls, unsigned ncalls, cJSON **state, const struct ym_reply *rep,
                      struct ym_next *n, struct ym_err *e);
/* The address of an uploaded reference, or NULL: it goes inline. */
const char *gemini_ref_uri(const struct gemini_refs *r, unsigned i);
/* Appends its base64. */
void gemini_ref_data(struct ym_http *h, const struct ym_call *call, const struct gemini_refs *r, unsigned i);

/* ---- content.c ---- */
int gemini_content_check(const struct ym_call *call, struct ym_err *e);
int gemini_content_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                        struct ym_err *e);
/* Appends a whole GenerateContentRequest. token: of an answer that is to be continued, or NULL. */
void gemini_content_add(struct ym_http *h, const struct ym_call *call, const struct gemini_refs *r, const char *token);

/* ---- reply.c ---- */
/* An error reply in our words. */
int gemini_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e);
/* The same for a look at a long job: not found means lost. */
int gemini_look_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e);
bool gemini_is_error(const struct ym_reply *rep);
/* A job that ended in an error at the provider: {code, message}, code a gRPC number or a word. Another
 * try of what failed inside is a new job: YM_EMPTY, never YM_TRANSIENT, which would only look again. */
int gemini_job_fail(const cJSON *error, struct ym_err *e);
/* "Gemini's answer is no JSON ..." */
int gemini_unreadable(const struct ym_reply *rep, struct ym_err *e);
/* An answer to what should have begun a long job, without a usable name of it. */
int gemini_no_handle(const struct ym_reply *rep, struct ym_err *e);
int gemini_refused(const char *what, const char *reason, const char *words, struct ym_err *e);
/* A GenerateContentResponse: media or text, DONE; or a refusal. Cost by usage, times `factor`.
 * said: what earlier answers said, which this one goes on from, or NULL. */
int gemini_content_read(const struct ym_call *call, const struct ym_reply *rep, const cJSON *doc, double factor,
                        const char *said, struct ym_next *n, struct ym_err *e);
/* Joined text of the parts that are no thoughts. */
char *gemini_content_text(const cJSON *doc);
double gemini_usage_usd(const struct ym_call *call, const cJSON *usage);

/* ---- the other ways ---- */
int gemini_imagen_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                       struct ym_err *e);
int gemini_veo_check(const struct ym_call *call, struct ym_err *e);
int gemini_veo_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                    struct ym_err *e);
int gemini_video_check(const struct ym_call *call, struct ym_err *e);
int gemini_video_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e);
int gemini_video_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                        struct ym_err *e);
int gemini_list(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret_next,
                struct ym_err *e);

#endif
