/* What the drivers of queue services (fal, kie) share. Such a service takes hundreds of models by one
 * protocol: create, look, fetch. What differs from model to model is how it spells our fields; a row
 * beside the model's entry says that, and what is written here follows it. */
#ifndef PROVIDERS_QUEUE_H
#define PROVIDERS_QUEUE_H

#include <ymago/driver.h>

enum queue_duration { QUEUE_NUMBER, QUEUE_TEXT, QUEUE_TEXT_S }; /* 5, "5", "5s" */
enum queue_shape { QUEUE_RATIO, QUEUE_IMAGE_SIZE };             /* aspect_ratio, or fal's image_size */

struct queue_spelling {
    const char *ours, *theirs;
};
struct queue_default {
    const char *key, *json; /* sent when neither a field nor params says it */
};

struct queue_row {
    const char *id;                   /* NULL: for models that are in no table */
    const char *with_image;           /* the model that is asked in its place when there is an image ... */
    const char *with_last;            /* ... and when there is a last frame; NULL = itself */
    bool needs_image, needs_last;
    const char *prompt;               /* its name for the prompt; NULL = "prompt" */
    const char *source, *last, *refs; /* its names for images; "image_urls[]" is a list, which may be shared */
    enum queue_shape shape;
    enum queue_duration duration;
    const int *lengths;               /* whole seconds that it takes, ends with 0; NULL = as its params say */
    int seconds;                      /* asked for when nothing is said; 0 = left to the service */
    int billed_seconds;               /* how long its films are when it takes no duration; 0 = not known */
    const struct queue_spelling *names;   /* where it differs from its provider's usual names; NULL = nowhere */
    const struct queue_default *defaults;
    const char *high_size;            /* `resolution` that quality: high stands for; NULL = none */
    const char *priced_size;          /* the price is of this `resolution`; NULL = of every one */
    bool per_megapixel;               /* the price of an image is that of a megapixel begun */
    unsigned max_negative;            /* characters; 0 = not known */
};

struct queue_service { /* one for each driver */
    const struct ym_driver *driver;
    const char *label;                /* "fal", "KIE": how sentences call it */
    const struct queue_row *rows;     /* ends with a row whose id is NULL and whose prompt is NULL */
    const struct queue_spelling *names;   /* usual names; ends with { 0 } */
    /* The row for a model of no table. */
    const struct queue_row *(*general)(const struct ym_call *call);
};

/* What is really asked: the call with the model that fits the images given, and its row. Lives where the
 * step lives; borrows from the call. */
struct queue_asked {
    const struct queue_service *service;
    const char *named;                /* the model as the user and the configuration name it */
    struct ym_call call;
    struct ym_request req;
    struct ym_model model;
    const struct queue_row *row;
};
void queue_asked_init(struct queue_asked *a, const struct queue_service *s, const struct ym_call *call);

/* Refuses what the model does not take. mimes: as in ym_call_check; max_bytes: of one image. */
int queue_check(const struct queue_asked *a, const char *const *mimes, int64_t max_bytes, struct ym_err *e);
/* The model's input without the images: our fields by its names, then the user's `params` untouched, which
 * may add but never replace. */
int queue_body(const struct queue_asked *a, cJSON **ret, struct ym_err *e);
/* Appends the images to an object that is still open (`,"image_url":"..."`): urls is a list in the order of
 * the references; where it holds null the bytes themselves go as a data URI. */
void queue_images_add(struct ym_http *h, const struct queue_asked *a, const cJSON *urls);
/* The same into a body that has addresses only. */
void queue_images_set(cJSON *body, const struct queue_asked *a, const cJSON *urls);

/* Dollars of this call by the price list; negative = unknown. */
double queue_usd(const struct queue_asked *a);
int queue_price(const struct queue_asked *a, struct ym_estimate *ret, struct ym_err *e);

/* ---- between queue.c and queue_body.c ---- */
const char *queue_name(const struct queue_asked *a, const char *ours); /* its name for a field of ours */
const char *queue_image_key(const struct queue_asked *a, size_t i);    /* of reference i; NULL = no place */
bool queue_image_is_first(const struct queue_asked *a, size_t i);      /* of those under its key */
bool queue_ratio_pixels(const char *ratio, int *w, int *h);            /* "21:9": about a megapixel */
double queue_megapixels(const struct queue_asked *a);                  /* begun */

/* ---- results: addresses in the state, fetched one after the other ----
 * state: "files" (addresses), "got" (staged media, in the same order). */
/* An address of the web that a reply may name: nothing odd in it, and short enough for a state. NULL is none. */
bool queue_url_sound(const char *url);
void queue_files_begin(cJSON *state);
void queue_file_add(cJSON *state, const char *url); /* 16 at most; others are left out */
/* 1 when n asks for the next file, without any key; 0 when all are there. */
int queue_files_ask(const cJSON *state, struct ym_next *n, unsigned tag);
/* The reply to that. LOST when the file is not given out (any more). */
int queue_file_take(const struct queue_asked *a, cJSON *state, const struct ym_reply *rep, struct ym_err *e);
/* DONE with what was fetched. usd: negative = the price list's. */
void queue_done(const struct queue_asked *a, const cJSON *state, double usd, struct ym_next *n);
void queue_cost_set(struct ym_next *n, double usd); /* an estimate; negative = unknown */

/* A failed step keeps nothing but what it cost. Returns r. */
int queue_step_end(int r, struct ym_next *n, struct ym_next *ret);
void queue_state_str(cJSON *state, const char *key, const char *value); /* replaces; NULL value removes */

#endif
