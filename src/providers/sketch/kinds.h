/* What the driver asks of each kind of result: `check` refuses, pure; `work` makes result 0 on a worker. */
#ifndef YMAGO_SKETCH_KINDS_H
#define YMAGO_SKETCH_KINDS_H

#include <ymago/driver.h>

#include "sketch.h"

/* The number that everything is made from, beside the words. */
uint64_t sketch_seed(const struct ym_request *r);

int image_check(const struct ym_call *call, struct ym_err *e);
int image_work(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e);
/* `aspect_ratio` as a number, 3:2 when none is asked for. */
int sketch_ratio(const cJSON *params, double otherwise, double *ret, struct ym_err *e);
enum sketch_quality sketch_quality_of(const cJSON *params);

int video_check(const struct ym_call *call, struct ym_err *e);
int video_work(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e);

int audio_check(const struct ym_call *call, struct ym_err *e); /* speech */
int audio_work(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e);

int sfx_check(const struct ym_call *call, struct ym_err *e);
int sfx_work(const struct ym_call *call, const struct ym_media_out *out, struct ym_err *e);

int text_check(const struct ym_call *call, struct ym_err *e);
/* The text, owned by the caller. Quick and bounded: no worker is needed. */
int text_make(const struct ym_call *call, char **ret, bool *ret_json, struct ym_err *e);

#endif
