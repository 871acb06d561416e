/* Pictures of an exact size, made at start: what a benchmark sends must pass as the real thing. */
#ifndef BENCH_PICTURE_H
#define BENCH_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#define PICTURE_MIN    4096
#define PICTURE_SERIAL 24 /* bytes of a comment that make one picture differ from the next */

/* A baseline JPEG of grey noise, exactly `size` bytes (>= PICTURE_MIN). The serial text begins at
 * *ret_serial, which is a multiple of three, so that it is whole characters in base64. */
uint8_t *picture_new(size_t size, size_t *ret_serial);

#endif
