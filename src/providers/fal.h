/* fal's three parts: the conversation (fal.c), what it knows of models (fal_models.c), and what answers
 * mean (fal_reply.c). */
#ifndef PROVIDERS_FAL_H
#define PROVIDERS_FAL_H

#include "queue.h"

extern const struct ym_driver ym_driver_fal;
extern const struct ym_model fal_models[];
extern const struct queue_service fal_service;
extern const struct ym_param fal_image_params[], fal_video_params[], fal_sound_params[];

#define FAL_DEFAULT_IMAGE "fal-ai/flux/dev"
#define FAL_DEFAULT_VIDEO "fal-ai/kling-video/v2.5-turbo/pro/text-to-video"
#define FAL_DEFAULT_AUDIO "fal-ai/elevenlabs/tts/eleven-v3"
#define FAL_DEFAULT_SFX   "fal-ai/elevenlabs/sound-effects/v2"

/* What an answer says that is no success: of the request itself, or, with `of_job`, of a job that ended (then
 * n gets what it cost, and a class that lets the engine make a new one where that is worth it). */
int fal_fail(const struct queue_asked *a, const struct ym_reply *rep, bool of_job, struct ym_next *n,
             struct ym_err *e);
/* The model's output: addresses into the state's files, and what stands beside them. */
int fal_result(const struct queue_asked *a, const struct ym_reply *rep, cJSON *state, struct ym_next *n,
               struct ym_err *e);
/* WAIT, with what the status says. False when it says that the job has ended. */
bool fal_still_runs(const struct queue_asked *a, const cJSON *status, struct ym_next *n);

#endif
