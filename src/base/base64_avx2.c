/* Base64, 32 letters at a time. Compiled for AVX2 by attribute and entered only where the CPU has
 * it. */
#include "base64.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

bool b64_has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

AVX2 static inline __m256i both(__m128i v)
{
    return _mm256_broadcastsi128_si256(v);
}

AVX2 static inline __m128i load16(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

AVX2 static inline void store16(void *p, __m128i v)
{
    _mm_storeu_si128((__m128i *)p, v);
}

/* A letter is in the alphabet when the rows of its two nibbles have no bit in common; its value is
 * the letter plus a constant of its high nibble ('/' has one of its own). */
AVX2 size_t b64_decode_avx2(const uint8_t *in, size_t len, uint8_t *out)
{
    const __m256i low_rows = both(_mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                                0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a));
    const __m256i high_rows = both(_mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08,
                                                 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10));
    const __m256i add =
        both(_mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i gather =
        both(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
    const __m256i nibble = _mm256_set1_epi8(0x0f), slash = _mm256_set1_epi8('/');

    size_t i = 0;
    /* Each step writes 28 bytes, 24 of them good: 40 letters ahead keep that inside of out. */
    for (; len - i >= 40; i += 32, out += 24) {
        __m256i s = _mm256_set_m128i(load16(in + i + 16), load16(in + i));
        __m256i high = _mm256_and_si256(_mm256_srli_epi32(s, 4), nibble);
        __m256i low = _mm256_and_si256(s, nibble);
        if (!_mm256_testz_si256(_mm256_shuffle_epi8(low_rows, low),
                                _mm256_shuffle_epi8(high_rows, high)))
            break;
        __m256i row = _mm256_add_epi8(_mm256_cmpeq_epi8(s, slash), high);
        __m256i v = _mm256_add_epi8(s, _mm256_shuffle_epi8(add, row));
        /* 4 x 6 bits -> 2 x 12 -> 24, then the three bytes of each group in order */
        v = _mm256_maddubs_epi16(v, _mm256_set1_epi32(0x01400140));
        v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00011000));
        v = _mm256_shuffle_epi8(v, gather);
        store16(out, _mm256_castsi256_si128(v));
        store16(out + 12, _mm256_extracti128_si256(v, 1));
    }
    return i;
}

AVX2 size_t b64_encode_avx2(const uint8_t *in, size_t len, char *out)
{
    const __m256i spread = both(_mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
    /* by class: 0 a-z, 1..10 digits, 11 '+', 12 '/', 13 A-Z */
    const __m256i add =
        both(_mm_setr_epi8(71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 65, 0, 0));
    size_t i = 0;
    for (; len - i >= 28; i += 24, out += 32) { /* the two loads reach over 28 bytes */
        __m256i s = _mm256_set_m128i(load16(in + i + 12), load16(in + i));
        s = _mm256_shuffle_epi8(s, spread);
        __m256i even = _mm256_mulhi_epu16(_mm256_and_si256(s, _mm256_set1_epi32(0x0fc0fc00)),
                                          _mm256_set1_epi32(0x04000040));
        __m256i odd = _mm256_mullo_epi16(_mm256_and_si256(s, _mm256_set1_epi32(0x003f03f0)),
                                         _mm256_set1_epi32(0x01000010));
        __m256i v = _mm256_or_si256(even, odd); /* 32 values 0..63 */
        __m256i cls = _mm256_subs_epu8(v, _mm256_set1_epi8(51));
        __m256i upper = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), v);
        cls = _mm256_or_si256(cls, _mm256_and_si256(upper, _mm256_set1_epi8(13)));
        v = _mm256_add_epi8(v, _mm256_shuffle_epi8(add, cls));
        store16(out, _mm256_castsi256_si128(v));
        store16(out + 16, _mm256_extracti128_si256(v, 1));
    }
    return i;
}

#else

bool b64_has_avx2(void)
{
    return false;
}

size_t b64_decode_avx2(const uint8_t *in, size_t len, uint8_t *out)
{
    (void)in, (void)len, (void)out;
    return 0;
}

size_t b64_encode_avx2(const uint8_t *in, size_t len, char *out)
{
    (void)in, (void)len, (void)out;
    return 0;
}

#endif
