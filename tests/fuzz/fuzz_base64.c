/* Any split gives the same answer; what decodes encodes to the same letters; both engines agree. */
#include "fuzz.h"

#include <errno.h>

#include "../../src/base/base64.h"

static uint8_t *room_for(size_t len)
{
    return malloc((len / 4 + 1) * 3); /* what the contract asks for, to the byte */
}

/* Decodes text cut into pieces of `step`; the bytes, or -EBADMSG. */
static ssize_t decode(const char *text, size_t len, size_t step, uint8_t *out)
{
    struct ym_b64_dec d = {0};
    size_t used = 0;
    for (size_t at = 0; at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        YM_AUTOFREE uint8_t *piece = room_for(n);
        ssize_t got = ym_b64_decode(&d, text + at, n, piece);
        if (got < 0)
            return got;
        memcpy(out + used, piece, (size_t)got);
        used += (size_t)got;
    }
    int r = ym_b64_decode_end(&d);
    return r < 0 ? r : (ssize_t)used;
}

static void check_decode(const char *text, size_t len, size_t step)
{
    YM_AUTOFREE uint8_t *a = room_for(len), *b = room_for(len);
    ssize_t n = decode(text, len, len + 1, a), m = decode(text, len, step, b);
    ym_assert(n == m);
    if (n < 0) {
        ym_assert(n == -EBADMSG);
        return;
    }
    ym_assert(memcmp(a, b, (size_t)n) == 0);
    YM_AUTOFREE char *back = malloc(4 * (((size_t)n + 2) / 3) + 1);
    ym_assert(ym_b64_encode(a, (size_t)n, back) == len && memcmp(back, text, len) == 0);
}

static void check_engines(const uint8_t *data, size_t len)
{
    YM_AUTOFREE uint8_t *a = room_for(len), *b = room_for(len);
    YM_AUTOFREE char *ta = malloc(4 * ((len + 2) / 3) + 1), *tb = malloc(4 * ((len + 2) / 3) + 1);
    if (!b64_has_avx2())
        return;
    size_t x = b64_decode_avx2(data, len, a), y = b64_decode_table(data, len, b);
    ym_assert(x <= y && memcmp(a, b, x / 4 * 3) == 0);
    x = b64_encode_avx2(data, len, ta);
    y = b64_encode_table(data, len, tb);
    ym_assert(x <= y && memcmp(ta, tb, x / 3 * 4) == 0);
}

/* First byte: the length of the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t len = size - 1, step = (size_t)data[0] % 67 + 1;
    check_decode((const char *)data + 1, len, step);
    check_engines(data + 1, len);
    YM_AUTOFREE char *text = malloc(4 * ((len + 2) / 3) + 1);
    check_decode(text, ym_b64_encode(data + 1, len, text), step);
    return 0;
}
