/* KIE's parts: the conversation (kie.c), what it knows of models (kie_models.c), and what answers mean
 * (kie_reply.c). */
#ifndef PROVIDERS_KIE_H
#define PROVIDERS_KIE_H

#include "queue.h"

extern const struct ym_driver ym_driver_kie;
extern const struct ym_model kie_models[];
extern const struct queue_service kie_service;
extern const struct ym_param kie_image_params[], kie_video_params[];

#define KIE_DEFAULT_VIDEO "kling-2.6/text-to-video"

enum kie_state { KIE_WAITS, KIE_RUNS, KIE_DONE, KIE_FAILED };

/* The code of an answer: below a status of 200 too. */
int kie_code(const struct ym_reply *rep);
bool kie_is_good(const struct ym_reply *rep); /* says that all is well */
int kie_fail(const struct queue_asked *a, const struct ym_reply *rep, struct ym_err *e);
/* Of a task's record: its state, the addresses of its results, what it cost (negative = not told), why it failed. */
enum kie_state kie_state(const struct queue_asked *a, const cJSON *data);
void kie_results(cJSON *state, const cJSON *data);
double kie_usd(const cJSON *data);
int kie_failed(const struct queue_asked *a, const cJSON *data, struct ym_next *n, struct ym_err *e);

bool kie_is_veo(const char *model); /* has addresses and a form of its own */

#endif
