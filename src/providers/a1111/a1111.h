/* The parts of the a1111 driver: AUTOMATIC1111's web UI (and its forks) and stable-diffusion.cpp's
 * sd-server, told apart at the start of each attempt. */
#ifndef YMAGO_A1111_H
#define YMAGO_A1111_H

#include <ymago/driver.h>

enum a1111_flavour {
    A1111_NOT_KNOWN,
    A1111_WEBUI, /* /sdapi/v1 of AUTOMATIC1111: synchronous, with progress and interrupt */
    A1111_SDAPI, /* the part of /sdapi/v1 that an sd-server without an API of its own has */
    A1111_SDCPP, /* /sdcpp/v1 of sd-server: jobs with a handle */
};

enum {
    A1111_TAG_CREATE = 1,
    A1111_TAG_POLL,
    A1111_TAG_PROGRESS,
    A1111_TAG_CANCEL,
    A1111_TAG_LOOK = 100, /* + number of the look */
};

/* The state is {"fetched":[..], "flavour":"webui"} and what the looks have settled, by the server's own
 * names: "model" (what to send), "name" and "stem" (what the answer may call it), "sampler", "scheduler",
 * "upscaler", "loras":[{path, multiplier}], "base":[width, height], "steps", "frames", "fps",
 * "limits":[min, max]; "sent" once something was asked for, and "handle" once sd-server has taken it. */
enum a1111_flavour a1111_flavour(const cJSON *state);
const char *a1111_who(const cJSON *state); /* for sentences: "AUTOMATIC1111", "sd-server", "The server" */
/* The task's name at AUTOMATIC1111; attempt 0 = what the names of all attempts begin with. Caller frees. */
char *a1111_task(const struct ym_call *call, int attempt);
/* A request to the server, with its credential where one is configured. */
struct ym_http *a1111_http(const struct ym_call *call, struct ym_next *n, unsigned tag, const char *method,
                           enum ym_effect effect, const char *path);

/* ---- a1111_names.c: names of the user's and names of the server's ---- */
/* Case, spaces, '-' and '_' do not count. */
bool a1111_same(const char *a, const char *b);
/* Bytes of `word` that say `prefix`, 0 = it begins otherwise. */
size_t a1111_prefix(const char *word, const char *prefix);
/* The item of the list (strings, or objects with a name, or a list of names, under one of the keys) that is
 * called so, exactly if there is one, or NULL. */
const cJSON *a1111_find(const cJSON *list, const char *const *keys, const char *want);
const char *a1111_name(const cJSON *item, const char *key); /* of an item; borrowed, or NULL */
/* Fails: 'NAME has no sampler "x"', with the nearest or the first of its own names. */
int a1111_no_such(const cJSON *state, const char *what, const char *want, const cJSON *list, const char *key,
                  struct ym_err *e);
/* The checkpoint of GET sd-models that is meant, or NULL. */
const cJSON *a1111_model_find(const cJSON *list, const char *want);
bool a1111_names_model(const cJSON *state, const char *name); /* is that what was asked for? */
/* The last component of a path, without its extension. Caller frees. */
char *a1111_stem(const char *path);

/* ---- a1111_look.c: what the server is and has ---- */
/* 1: *n asks for one more look, or to wait and begin anew; 0: all is settled in *state; or a failure. */
int a1111_look(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
               struct ym_err *e);
/* sd-server's capabilities, or NULL when the reply is none. */
const cJSON *a1111_capabilities(const struct ym_reply *rep);

/* ---- a1111_size.c: how large, how long, how many steps ---- */
void a1111_size(const struct ym_call *call, const cJSON *state, int *ret_width, int *ret_height);
bool a1111_size_given(const struct ym_call *call);               /* nothing has to be known of the model */
int a1111_size_native(const char *model);                        /* 512 or 1024: told from the checkpoint's name */
int a1111_steps(const struct ym_call *call, const cJSON *state); /* 0 = the server's own */
int a1111_frames(const struct ym_call *call, const cJSON *state, int *ret_fps);

/* ---- a1111_body.c ---- */
/* The request that makes the picture or film. */
int a1111_create(const struct ym_call *call, const cJSON *state, struct ym_next *n, struct ym_err *e);

/* ---- a1111_params.c, a1111_prompt.c ---- */
/* Refuses what `params` must not set. */
int a1111_params_check(const cJSON *params, struct ym_err *e);
/* Adds what the body has not got; what it has is never changed, but refused. */
int a1111_params_merge(cJSON *into, const cJSON *extra, struct ym_err *e);
/* The text, with the field's LoRAs as tags behind it, or without any tags. Caller frees. */
char *a1111_prompt(const struct ym_call *call, bool tags);
/* The loras of the field and, for sd-server, of the prompt's tags: [{"id","weight"}]. Caller deletes. */
cJSON *a1111_loras(const struct ym_call *call, bool with_tags);

/* ---- a1111_reply.c ---- */
int a1111_fail(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep, struct ym_err *e);
int a1111_result(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                 struct ym_err *e);
int a1111_accepted(const struct ym_call *call, cJSON *state, const struct ym_reply *rep, struct ym_next *n,
                   struct ym_err *e);
int a1111_job(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep, struct ym_next *n,
              struct ym_err *e);

/* ---- a1111_watch.c, a1111_list.c: the slots ---- */
int a1111_progress(const struct ym_call *call, const cJSON *state, const struct ym_reply *rep, struct ym_next *ret,
                   struct ym_err *e);
int a1111_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret,
                 struct ym_err *e);
int a1111_list(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *ret,
               struct ym_err *e);

#endif
