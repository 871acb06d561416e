/* KIE's parts: the conversation (kie.c), what it knows of models (kie_models.c). */
#ifndef PROVIDERS_KIE_H
#define PROVIDERS_KIE_H

#include "queue.h"

extern const struct ym_driver ym_driver_kie;
extern const struct ym_model kie_models[];
extern const struct queue_service kie_service;
extern const struct ym_param kie_image_params[], kie_video_params[];

#define KIE_DEFAULT_VIDEO "kling-2.6/text-to-video"

bool kie_is_veo(const char *model); /* has addresses and a form of its own */

#endif
