/* The two bulk engines behind ym_b64_*, apart so that tests can hold them against each other. */
#ifndef YMAGO_BASE_BASE64_H
#define YMAGO_BASE_BASE64_H

#include <ymago/base.h>

/* Decodes whole groups of four letters until the input has less than four, or a group that is not
 * four letters of the alphabet ('=' included). Returns the input bytes eaten, a multiple of 4; out
 * gets 3/4 of it. Only bytes below out + (len / 4 + 1) * 3 are written. */
size_t b64_decode_table(const uint8_t *in, size_t len, uint8_t *out);
/* Encodes whole groups of three; returns the input bytes eaten, a multiple of 3. */
size_t b64_encode_table(const uint8_t *in, size_t len, char *out);

/* The same, 24 bytes a step; they leave the last few groups to the table. Only where
 * b64_has_avx2(). */
bool b64_has_avx2(void);
size_t b64_decode_avx2(const uint8_t *in, size_t len, uint8_t *out);
size_t b64_encode_avx2(const uint8_t *in, size_t len, char *out);

#endif
