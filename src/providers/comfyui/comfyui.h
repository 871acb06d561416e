/* What the files of this driver share. */
#ifndef COMFYUI_H
#define COMFYUI_H

#include <ymago/driver.h>

#define COMFYUI_MODEL "default" /* whatever the workflow holds, or the server's first */

extern const struct ym_driver ym_driver_comfyui;

/* A request to `path` of the server; the answer is JSON without long strings. */
struct ym_http *comfyui_ask(const struct ym_call *call, struct ym_next *n, unsigned tag, const char *method,
                            enum ym_effect effect, const char *path);
/* The same with a JSON body. */
struct ym_http *comfyui_tell(const struct ym_call *call, struct ym_next *n, unsigned tag, enum ym_effect effect,
                             const char *path, const cJSON *body);

/* ---- the workflow (comfyui_graph.c) ---- */
struct comfyui_graph {
    cJSON *nodes;                 /* API format, filled in; owned */
    char model_class[80];         /* where the model's name stands, "" = nowhere: class and input of that node */
    char model_input[80];
};
void comfyui_graph_fini(struct comfyui_graph *g);
/* Fills the call's workflow, or the built-in one, with what was asked for; *state holds the names of uploaded
 * images and of the model found. `dry`: nothing is uploaded or found yet, stand-ins take their places.
 * YM_INVALID with a sentence for a file that is no such workflow, a placeholder without a value, and a field
 * that has no place. */
int comfyui_graph_make(const struct ym_call *call, const cJSON *state, bool dry, struct comfyui_graph *ret,
                       struct ym_err *e);

/* ---- values by their names (comfyui_values.c) ---- */
/* Does this name mean something here: a field, an image, a key of `params`? */
bool comfyui_name_known(const struct ym_call *call, const char *name);
/* Was it given, so that it must have a place? */
bool comfyui_name_given(const struct ym_call *call, const char *name);
/* Its value, or NULL when there is none. Caller deletes. */
cJSON *comfyui_value(const struct ym_call *call, const cJSON *state, bool dry, const char *name);
/* The names of all that was given: an array of strings. Caller deletes. */
cJSON *comfyui_given(const struct ym_call *call);
/* "reference2" of the i-th entry of req->refs; false for the workflow itself. */
bool comfyui_ref_name(const struct ym_call *call, unsigned i, char *out, size_t size);

/* The built-in workflow for images, made for what was asked (comfyui_builtin.c). Caller deletes. */
cJSON *comfyui_builtin(const struct ym_call *call);
bool comfyui_builtin_takes(const char *field);

/* ---- replies (comfyui_reply.c) ---- */
int comfyui_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e);
/* The answer to a workflow that was refused, or an error of the server. */
int comfyui_prompt_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e);
/* An entry of the history whose status is "error". */
int comfyui_run_fail(const struct ym_call *call, const cJSON *entry, struct ym_err *e);
/* Files of the call's kind in an entry of the history: [{"filename","subfolder","type"}], or YM_INVALID. */
int comfyui_outputs(const struct ym_call *call, const cJSON *entry, cJSON **ret, struct ym_err *e);
/* The values that an input of a class may have: array of strings, borrowed; NULL when it is no list. */
const cJSON *comfyui_choices(const cJSON *info, const char *class, const char *input);
/* Where a job stands: 0 = not in the queue, 1 = it runs, 2.. = one more than its place among those that wait. */
unsigned comfyui_place(const cJSON *queue, const char *id);

int comfyui_list(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                 struct ym_err *e);
int comfyui_cancel(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                   struct ym_err *e);

#endif
