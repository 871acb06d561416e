/* Gemini's two halves: the request (gemini.c) and the reply (gemini_reply.c). */
#ifndef PROVIDERS_GEMINI_H
#define PROVIDERS_GEMINI_H

#include <ymago/driver.h>

extern const struct ym_driver ym_driver_gemini;

#define GEMINI_DEFAULT_IMAGE "gemini-nano-banana-2.1"

/* The answer to generateContent: results, a refusal or an error. */
int gemini_reply(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *ret, struct ym_err *e);
/* Dollars of one image of this call's size; negative = unknown. */
double gemini_image_price(const struct ym_call *call);
/* "512", "1K", "2K", "4K", or NULL: the service's own default. */
const char *gemini_image_size(const struct ym_call *call);

#endif
