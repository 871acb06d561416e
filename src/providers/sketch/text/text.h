/* Texts made from nothing but words of the prompt and a number. */
#ifndef YMAGO_SKETCH_TEXT_H
#define YMAGO_SKETCH_TEXT_H

#include <ymago/driver.h>

#include "sketch/art.h"

enum { TOPIC_WORDS = 24 };
struct topic { /* what the prompt is about */
    char *words[TOPIC_WORDS]; /* those that carry meaning, in lower case, at least one */
    int n;
    char title[100];
    bool poem, list, talk;    /* what kind of text is wanted */
};
void topic_read(struct topic *t, const char *prompt);
void topic_fini(struct topic *t);
const char *topic_word(const struct topic *t, struct rng *r);

/* One sentence about it, with a capital and a full stop. */
void prose_sentence(struct ym_buf *out, const struct topic *t, struct rng *r);
const char *prose_noun(struct rng *r);
void prose_title(struct ym_buf *out, const struct topic *t, struct rng *r);
/* Markdown of at most about `max` characters. */
void prose_write(struct ym_buf *out, const struct topic *t, struct rng *r, size_t max);

/* A value that follows the JSON Schema. -EINVAL (YM_INVALID) when nothing can, or when it leads into endless
 * depth or beyond some thousand values. */
int schema_make(const cJSON *schema, const struct topic *t, struct rng *r, cJSON **ret, struct ym_err *e);

/* A text that a regular expression (ECMA's everyday part of it) matches; false when it is not understood. */
bool pattern_make(const char *pattern, struct rng *r, struct ym_buf *out);

#endif
