/* The one function of a fuzz target. What it finds wrong it says by ym_assert. */
#ifndef YMAGO_TESTS_FUZZ_H
#define YMAGO_TESTS_FUZZ_H

#include <string.h>
#include <ymago/base.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both are whole and equal. */
#define same_text(a, b) ym_assert(strcmp((a), (b)) == 0)

#endif
