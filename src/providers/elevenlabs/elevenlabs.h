/* What the files of this driver share. */
#ifndef ELEVENLABS_H
#define ELEVENLABS_H

#include <ymago/driver.h>

#define ELEVENLABS_BASE_URL "https://api.elevenlabs.io"
#define ELEVENLABS_SPEECH   "eleven_multilingual_v2"
#define ELEVENLABS_EFFECTS  "eleven_text_to_sound_v2"
/* "George", the premade voice of the service's own examples. */
#define ELEVENLABS_VOICE    "JBFqnCBsd6RMkjVDRZzb"

extern const struct ym_driver ym_driver_elevenlabs;

/* Is the answer a document with the sound in base64 and the times of its characters? */
bool elevenlabs_is_timed(const struct ym_call *call);
/* Appends the key; every request has it. */
void elevenlabs_key(struct ym_http *h);
/* What a reply that is none of the asked for means. */
int elevenlabs_fail(const struct ym_call *call, const struct ym_reply *rep, struct ym_err *e);
/* "quota_exceeded" ...: the code of an error in any of its three shapes, or "". */
const char *elevenlabs_code(const cJSON *doc);
/* The answer to speech or sound effects: DONE, or an error. */
int elevenlabs_reply(const struct ym_call *call, const struct ym_reply *rep, struct ym_next *ret, struct ym_err *e);

/* Voices by name. NULL when the call's voice is an id already (or none was given: *ret_id is the default). */
const char *elevenlabs_voice_name(const struct ym_call *call, const char **ret_id);
void elevenlabs_voice_ask(const struct ym_call *call, const char *name, unsigned tag, struct ym_next *n);
/* Finds the voice in the reply: 0 and *state = {"voice":id}, or an error that names those that are there. */
int elevenlabs_voice_take(const struct ym_call *call, const char *name, cJSON **state, const struct ym_reply *rep,
                          struct ym_err *e);
int elevenlabs_list(const struct ym_call *call, cJSON **state, const struct ym_reply *rep, struct ym_next *n,
                    struct ym_err *e);

#endif
