/* Base64, strict: the table engine, and what is common to both engines (splits, padding, the end).
 */
#include "base64.h"

#include <errno.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define X 0xff
static const uint8_t value_of[256] = {
    // clang-format off
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X,62, X, X, X,63,52,53,54,55,56,57,58,59,60,61, X, X, X, X, X, X,
    X, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25, X, X, X, X, X,
    X,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    // clang-format on
};
#undef X

size_t b64_decode_table(const uint8_t *in, size_t len, uint8_t *out)
{
    size_t i = 0;
    for (; len - i >= 4; i += 4, out += 3) {
        uint32_t a = value_of[in[i]], b = value_of[in[i + 1]];
        uint32_t c = value_of[in[i + 2]], d = value_of[in[i + 3]];
        if ((a | b | c | d) & 0x80)
            break;
        uint32_t v = a << 18 | b << 12 | c << 6 | d;
        out[0] = (uint8_t)(v >> 16);
        out[1] = (uint8_t)(v >> 8);
        out[2] = (uint8_t)v;
    }
    return i;
}

size_t b64_encode_table(const uint8_t *in, size_t len, char *out)
{
    size_t i = 0;
    for (; len - i >= 3; i += 3, out += 4) {
        uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];
        out[0] = alphabet[v >> 18];
        out[1] = alphabet[v >> 12 & 63];
        out[2] = alphabet[v >> 6 & 63];
        out[3] = alphabet[v & 63];
    }
    return i;
}

static size_t decode_bulk(const uint8_t *in, size_t len, uint8_t *out)
{
    size_t done = b64_has_avx2() ? b64_decode_avx2(in, len, out) : 0;
    return done + b64_decode_table(in + done, len - done, out + done / 4 * 3);
}

/* The last group, "xx==" or "xxx=", whose left-over bits are zero. Returns bytes, or -EBADMSG. */
static ssize_t decode_padded(const uint8_t q[4], uint8_t *out)
{
    uint32_t a = value_of[q[0]], b = value_of[q[1]], c = value_of[q[2]];
    if (q[3] != '=' || ((a | b) & 0x80))
        return -EBADMSG;
    if (q[2] == '=') {
        if (b & 15)
            return -EBADMSG;
        out[0] = (uint8_t)(a << 2 | b >> 4);
        return 1;
    }
    if ((c & 0x80) || (c & 3))
        return -EBADMSG;
    out[0] = (uint8_t)(a << 2 | b >> 4);
    out[1] = (uint8_t)(b << 4 | c >> 2);
    return 2;
}

/* One whole group out of d->part. */
static ssize_t decode_part(struct ym_b64_dec *d, uint8_t *out)
{
    d->nparts = 0;
    if (b64_decode_table(d->part, 4, out) == 4)
        return 3;
    d->ended = true;
    return decode_padded(d->part, out);
}

ssize_t ym_b64_decode(struct ym_b64_dec *d, const char *in, size_t len, uint8_t *out)
{
    const uint8_t *p = (const uint8_t *)in;
    size_t written = 0;
    while (len) {
        if (d->ended)
            return -EBADMSG;
        if (d->nparts == 0 && len >= 4) {
            size_t done = decode_bulk(p, len, out + written);
            written += done / 4 * 3;
            p += done;
            len -= done;
        }
        size_t take = 4 - d->nparts < len ? 4 - d->nparts : len;
        memcpy(d->part + d->nparts, p, take);
        d->nparts += (unsigned)take;
        p += take;
        len -= take;
        if (d->nparts < 4)
            break;
        ssize_t n = decode_part(d, out + written);
        if (n < 0)
            return n;
        written += (size_t)n;
    }
    return (ssize_t)written;
}

int ym_b64_decode_end(const struct ym_b64_dec *d)
{
    return d->nparts == 0 ? 0 : -EBADMSG;
}

size_t ym_b64_encode(const uint8_t *in, size_t len, char *out)
{
    size_t done = b64_has_avx2() ? b64_encode_avx2(in, len, out) : 0;
    done += b64_encode_table(in + done, len - done, out + done / 3 * 4);
    char *o = out + done / 3 * 4;
    if (len - done == 0)
        return (size_t)(o - out);
    uint32_t v = (uint32_t)in[done] << 16 | (len - done == 2 ? (uint32_t)in[done + 1] << 8 : 0);
    o[0] = alphabet[v >> 18];
    o[1] = alphabet[v >> 12 & 63];
    o[2] = len - done == 2 ? alphabet[v >> 6 & 63] : '=';
    o[3] = '=';
    return (size_t)(o + 4 - out);
}
