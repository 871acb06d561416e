/* OpenAI's API and the many servers that speak it: gateways, Ollama, llama.cpp, sd-server. */
#ifndef PROVIDERS_OPENAI_H
#define PROVIDERS_OPENAI_H

#include <ymago/driver.h>

extern const struct ym_driver ym_driver_openai;

#define OPENAI_BASE_URL      "https://api.openai.com/v1"
#define OPENAI_DEFAULT_IMAGE "gpt-image-2.5-flare"
#define OPENAI_DEFAULT_TEXT  "gpt-5.6-luna"

enum openai_tag {
    OPENAI_TAG_IMAGE = 1,
    OPENAI_TAG_IMAGE_FETCH, /* a server answered with an address in place of the bytes */
    OPENAI_TAG_VIDEO,
    OPENAI_TAG_VIDEO_LOOK,
    OPENAI_TAG_VIDEO_CONTENT,
    OPENAI_TAG_VIDEO_DELETE,
    OPENAI_TAG_RESPONSES,
    OPENAI_TAG_CHAT,
    OPENAI_TAG_LIST
};

/* ---- models (openai_models.c) ---- */
enum openai_shape {
    OPENAI_LOOSE,    /* nobody here knows; the server is the judge */
    OPENAI_THREE,    /* 1024x1024, 1536x1024, 1024x1536 */
    OPENAI_SIXTEENS, /* any, in steps of 16, within limits */
    OPENAI_SORA,
    OPENAI_SORA_PRO
};
enum openai_quality { OPENAI_LOW, OPENAI_MEDIUM, OPENAI_HIGH, OPENAI_AUTO, OPENAI_OTHER };
struct openai_traits { /* what struct ym_model has no place for */
    const char *id;
    enum openai_shape shape;
    double mtok_image_in; /* dollars per million tokens of images that are sent along */
    double image[3][2];   /* dollars by quality; of a square one, of another */
};
extern const struct ym_model openai_models[];
extern const struct ym_param openai_image_params[], openai_video_params[], openai_text_params[];
/* Never NULL: all zeros (loose) for a model that is not in the table. */
const struct openai_traits *openai_traits(const struct ym_call *call);
/* A model of the table, or NULL: others are taken on trust, with the service as the judge. */
const struct ym_model *openai_known(const struct ym_call *call);

/* ---- what a request says (openai_check.c, openai_size.c) ---- */
struct openai_size {
    int width, height; /* 0 = not asked for: the service's own */
};
/* 0, or a refusal. */
int openai_size(const struct ym_call *call, struct openai_size *ret, struct ym_err *e);
enum openai_quality openai_quality(const struct ym_call *call);
/* Text by Chat Completions instead of Responses? params: {api: chat} or {api: responses} decides, else
 * OpenAI itself gets Responses and every other server Chat Completions, which all of them speak. */
bool openai_is_chat(const struct ym_call *call);
int openai_check(const struct ym_call *call, struct ym_err *e);
/* Is this the service itself, by whatever name it was configured? */
bool openai_is_official(const struct ym_call *call);
/* "OpenAI", or a name for what is behind another address. */
const char *openai_name(const struct ym_call *call);
/* A pass-through setting of the user's `params`, or NULL. */
const cJSON *openai_extra(const struct ym_call *call, const char *key);
/* Adds the user's `params` to what the driver itself says, which they never change. */
void openai_extras_add(const struct ym_call *call, cJSON *fields);

/* ---- money (openai_price.c) ---- */
#define OPENAI_TOKENS_OUT 16000 /* longest text that is asked for when the prompt does not say */
bool openai_is_free(const struct ym_call *call);
int openai_price(const struct ym_call *call, struct ym_estimate *ret, struct ym_err *e);
void openai_cost_image(const struct ym_call *call, const cJSON *usage, struct ym_next *n);
void openai_cost_video(const struct ym_call *call, double seconds, struct ym_next *n);
void openai_cost_text(const struct ym_call *call, const cJSON *usage, struct ym_next *n);

/* ---- requests (openai_driver.c, openai_form.c) ---- */
/* With the key when there is one. path: "/images/generations". */
struct ym_http *openai_send(const struct ym_call *call, struct ym_next *n, unsigned tag, const char *method,
                            enum ym_effect effect, const char *path);
/* "text", or "text\n\nWithout NEGATIVE." Caller frees. */
char *openai_prompt(const struct ym_call *call);
/* multipart/form-data; call it in this order. A value is sent as text; objects and lists as JSON. */
void openai_form_begin(struct ym_http *h, const struct ym_call *call);
void openai_form_fields(struct ym_http *h, const struct ym_call *call, const cJSON *fields);
void openai_form_ref(struct ym_http *h, const struct ym_call *call, const cJSON *state, unsigned i,
                     const char *name);
void openai_form_end(struct ym_http *h, const struct ym_call *call);

/* ---- the kinds: request fields (also for check), steps, replies ---- */
cJSON *openai_image_fields(const struct ym_call *call);
int openai_image_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e);
cJSON *openai_video_fields(const struct ym_call *call);
int openai_video_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e);
int openai_video_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep,
                        struct ym_next *n, struct ym_err *e);
cJSON *openai_text_fields(const struct ym_call *call);
int openai_text_step(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                     struct ym_err *e);
int openai_responses_reply(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n,
                           struct ym_err *e);
int openai_chat_reply(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *n,
                      struct ym_err *e);
int openai_list(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                struct ym_err *e);

/* ---- errors (openai_fail.c) ---- */
/* A reply that is no 2xx, or a 2xx that holds an error: the class, a sentence, the provider's words. */
int openai_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e);
/* A job (video, response) that the service itself gave up: error {code, message}. */
int openai_fail_job(const struct ym_call *call, const cJSON *error, const char *what, struct ym_err *e);
/* 2xx, JSON and no error in it? */
bool openai_is_answer(const struct ym_reply *rep);

#endif
