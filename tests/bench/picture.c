/* A baseline JPEG of noise. The entropy coder is the plainest one that the format allows: every code
 * of a DC table has 4 bits, every code of the AC table 8; coefficients are random. */
#include <string.h>
#include <ymago/base.h>

#include "picture.h"

#define BLOCK_BYTES  104 /* a little more than a block of 60 coefficients takes */
#define COEFFICIENTS 60
#define DC_CODES     12
#define AC_CODES     162

struct writer {
    uint8_t *data;
    size_t len, max;
    uint32_t bits;
    unsigned nbits;
    uint64_t seed;
};

static unsigned noise(struct writer *w, unsigned below)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((w->seed >> 33) % below);
}

static void put(struct writer *w, const void *data, size_t len)
{
    ym_assert(w->max - w->len >= len);
    memcpy(w->data + w->len, data, len);
    w->len += len;
}

static void put_byte(struct writer *w, unsigned b)
{
    uint8_t byte = (uint8_t)b;
    put(w, &byte, 1);
}

/* A marker and the length of what follows it. */
static void put_segment(struct writer *w, unsigned marker, size_t payload)
{
    put_byte(w, 0xFF);
    put_byte(w, marker);
    put_byte(w, (unsigned)(payload + 2) >> 8);
    put_byte(w, (unsigned)(payload + 2) & 255);
}

/* ---- the scan ---- */

static void put_bits(struct writer *w, unsigned value, unsigned n)
{
    w->bits = w->bits << n | (value & ((1u << n) - 1));
    for (w->nbits += n; w->nbits >= 8; w->nbits -= 8) {
        unsigned b = w->bits >> (w->nbits - 8) & 255;
        put_byte(w, b);
        if (b == 0xFF)
            put_byte(w, 0); /* else it would be a marker */
    }
}

/* A number as the format has it: how many bits it takes stands before it. */
static unsigned magnitude(int v)
{
    unsigned n = 0;
    for (unsigned a = (unsigned)abs(v); a; a >>= 1)
        n++;
    return n;
}

static void put_number(struct writer *w, int v, unsigned n)
{
    put_bits(w, (unsigned)(v < 0 ? v - 1 : v), n);
}

/* Symbols of the AC table in order: 0x00, 0xF0, then run 0..15 of each size 1..10. */
static unsigned ac_code(unsigned run, unsigned size)
{
    return 2 + run * 10 + size - 1;
}

static void put_block(struct writer *w, int *dc)
{
    int level = (int)noise(w, 128) - 64;
    unsigned n = magnitude(level - *dc);
    put_bits(w, n, 4);
    put_number(w, level - *dc, n);
    *dc = level;
    for (int i = 0; i < COEFFICIENTS; i++) {
        int v = (int)noise(w, 127) - 63;
        if (v == 0)
            v = 1;
        n = magnitude(v);
        put_bits(w, ac_code(0, n), 8);
        put_number(w, v, n);
    }
    put_bits(w, 0, 8); /* end of block */
}

static void put_scan(struct writer *w, size_t blocks)
{
    static const uint8_t head[] = {1, 1, 0x00, 0, 63, 0};
    int dc = 0;
    put_segment(w, 0xDA, sizeof head);
    put(w, head, sizeof head);
    while (blocks-- > 0)
        put_block(w, &dc);
    put_bits(w, 0x7F, 7); /* fills the last byte with ones */
    w->nbits = 0;
    put(w, "\xFF\xD9", 2);
}

/* ---- what stands before it ---- */

static void put_tables(struct writer *w, unsigned width, unsigned height)
{
    const uint8_t frame[] = {8,
                             (uint8_t)(height >> 8),
                             (uint8_t)height,
                             (uint8_t)(width >> 8),
                             (uint8_t)width,
                             1,
                             1,
                             0x11,
                             0};
    uint8_t dc_lengths[16] = {0, 0, 0, DC_CODES}, ac_lengths[16] = {0, 0, 0, 0, 0, 0, 0, AC_CODES};
    put_segment(w, 0xDB, 65);
    put_byte(w, 0);
    for (int i = 0; i < 64; i++)
        put_byte(w, 1);
    put_segment(w, 0xC0, sizeof frame);
    put(w, frame, sizeof frame);
    put_segment(w, 0xC4, 17 + DC_CODES);
    put_byte(w, 0x00);
    put(w, dc_lengths, 16);
    for (unsigned i = 0; i < DC_CODES; i++)
        put_byte(w, i);
    put_segment(w, 0xC4, 17 + AC_CODES);
    put_byte(w, 0x10);
    put(w, ac_lengths, 16);
    put_byte(w, 0x00);
    put_byte(w, 0xF0);
    for (unsigned run = 0; run < 16; run++)
        for (unsigned size = 1; size <= 10; size++)
            put_byte(w, run << 4 | size);
}

static void put_comments(struct writer *w, size_t len)
{
    while (len > 0) {
        size_t n = len < 65537 ? len : 65537;
        if (len - n > 0 && len - n < 4)
            n -= 4;
        put_segment(w, 0xFE, n - 4);
        memset(w->data + w->len, ' ', n - 4);
        w->len += n - 4;
        len -= n;
    }
}

static void writer_init(struct writer *w, size_t max)
{
    *w = (struct writer){.data = ym_alloc(max), .max = max, .seed = 1};
}

uint8_t *picture_new(size_t size, size_t *ret_serial)
{
    static const uint8_t start[] = {0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F',
                                    0,    1,    1,    0,    0, 1,  0,   1,   0,   0};
    struct writer tables, scan, all;
    ym_assert(size >= PICTURE_MIN);
    size_t n = (size - 1024) / BLOCK_BYTES;
    unsigned columns = 1;
    while ((size_t)(columns + 1) * (columns + 1) <= n)
        columns++;
    unsigned rows = (unsigned)(n / columns);
    writer_init(&tables, 1024);
    writer_init(&scan, size);
    writer_init(&all, size);
    put_tables(&tables, columns * 8, rows * 8);
    put_scan(&scan, (size_t)columns * rows);

    put(&all, start, sizeof start);
    put_segment(&all, 0xFE, PICTURE_SERIAL);
    size_t serial = all.len;
    ym_assert(serial % 3 == 0 && PICTURE_SERIAL % 3 == 0);
    memset(all.data + all.len, '0', PICTURE_SERIAL);
    all.len += PICTURE_SERIAL;
    size_t rest = size - all.len - tables.len - scan.len;
    ym_assert(rest >= 4 && rest < size);
    put_comments(&all, rest);
    put(&all, tables.data, tables.len);
    put(&all, scan.data, scan.len);
    ym_assert(all.len == size);
    free(tables.data);
    free(scan.data);
    *ret_serial = serial;
    return all.data;
}
