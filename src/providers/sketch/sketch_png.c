/* Writes the canvas as a PNG. Cairo's own writer spends three times as long as the painting did,
 * most of it in a search for repeats that a picture with grain does not have. */
#include "art.h"

#include <errno.h>
#include <zlib.h>

struct png {
    int (*write)(void *ctx, const void *data, size_t len);
    void *ctx;
    z_stream z;
    uint8_t out[64 * 1024 + 12]; /* an IDAT chunk in the making: length, name, data, CRC */
};

static void be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* buf holds 8 bytes of room, then `len` bytes of data, then 4 bytes of room. */
static int chunk_write(struct png *p, uint8_t *buf, const char name[static 4], size_t len)
{
    be32(buf, (uint32_t)len);
    for (int i = 0; i < 4; i++)
        buf[4 + i] = (uint8_t)name[i];
    be32(buf + 8 + len, (uint32_t)crc32(0, buf + 4, (uInt)(len + 4)));
    return p->write(p->ctx, buf, len + 12);
}

static int idat_flush(struct png *p)
{
    size_t room = sizeof(p->out) - 12, len = room - p->z.avail_out;
    int rc = len ? chunk_write(p, p->out, "IDAT", len) : 0;
    p->z.next_out = p->out + 8;
    p->z.avail_out = (uInt)room;
    return rc;
}

static int idat_add(struct png *p, uint8_t *data, size_t len, int flush)
{
    p->z.next_in = data;
    p->z.avail_in = (uInt)len;
    for (;;) {
        int st = deflate(&p->z, flush);
        if (st != Z_OK && st != Z_STREAM_END && st != Z_BUF_ERROR)
            return -ENOMEM;
        if (flush == Z_FINISH ? st == Z_STREAM_END : p->z.avail_out > 0)
            return flush == Z_FINISH ? idat_flush(p) : 0;
        int rc = idat_flush(p);
        if (rc)
            return rc;
    }
}

static inline uint8_t paeth(int a, int b, int c)
{
    int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);
    return (uint8_t)(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
}

static inline uint8_t guess(int f, uint8_t left, uint8_t above, uint8_t corner)
{
    return f == 1 ? left : f == 2 ? above : paeth(left, above, corner);
}

/* Which filter (1 left, 2 above, 4 both) leaves least of the row, judged from a part of it. */
static int filter_pick(const uint8_t *row, const uint8_t *up, size_t n)
{
    static const int filter[3] = {1, 2, 4};
    uint32_t sum[3] = {0};
    for (size_t i = 3; i < n; i += 11)
        for (int k = 0; k < 3; k++) {
            uint8_t v = (uint8_t)(row[i] - guess(filter[k], row[i - 3], up[i], up[i - 3]));
            sum[k] += v < 128 ? v : 256u - v;
        }
    return sum[0] <= sum[1] && sum[0] <= sum[2] ? 1 : sum[1] <= sum[2] ? 2 : 4;
}

/* Both rows have three bytes of zero before them. */
static void row_filter(int f, const uint8_t *row, const uint8_t *up, size_t n, uint8_t *out)
{
    out[0] = (uint8_t)f;
    if (f == 1)
        for (size_t i = 0; i < n; i++)
            out[i + 1] = (uint8_t)(row[i] - row[(ptrdiff_t)i - 3]);
    else if (f == 2)
        for (size_t i = 0; i < n; i++)
            out[i + 1] = (uint8_t)(row[i] - up[i]);
    else
        for (size_t i = 0; i < n; i++)
            out[i + 1] =
                (uint8_t)(row[i] - paeth(row[(ptrdiff_t)i - 3], up[i], up[(ptrdiff_t)i - 3]));
}

static int rows_write(struct png *p, const struct art *a, const uint32_t *px, int stride)
{
    size_t n = (size_t)a->w * 3;
    YM_AUTOFREE uint8_t *mem = ym_alloc_array(3, n + 4);
    uint8_t *row = mem + 3, *up = mem + n + 6, *out = mem + 2 * n + 8;
    for (int y = 0; y < a->h; y++) {
        uint8_t *t = up;
        up = row;
        row = t;
        for (int x = 0; x < a->w; x++) {
            uint32_t v = px[(ptrdiff_t)y * stride + x];
            row[3 * x] = (uint8_t)(v >> 16);
            row[3 * x + 1] = (uint8_t)(v >> 8);
            row[3 * x + 2] = (uint8_t)v;
        }
        row_filter(filter_pick(row, up, n), row, up, n, out);
        int rc = idat_add(p, out, n + 1, Z_NO_FLUSH);
        if (rc)
            return rc;
    }
    return idat_add(p, NULL, 0, Z_FINISH);
}

int png_write(struct art *a, int (*write)(void *ctx, const void *data, size_t len), void *ctx)
{
    YM_AUTOFREE struct png *p = ym_alloc(sizeof(*p));
    uint8_t head[8 + 13 + 4] = {0}, end[12] = {0};
    int stride, rc;
    p->write = write;
    p->ctx = ctx;
    be32(head + 8, (uint32_t)a->w);
    be32(head + 12, (uint32_t)a->h);
    head[16] = 8; /* bits a channel */
    head[17] = 2; /* red, green, blue */
    if (deflateInit2(&p->z, a->detail == 2 ? 6 : 2, Z_DEFLATED, 15, 9, Z_FILTERED) != Z_OK)
        return -ENOMEM;
    p->z.next_out = p->out + 8;
    p->z.avail_out = sizeof(p->out) - 12;
    rc = write(ctx, "\x89PNG\r\n\x1a\n", 8);
    if (!rc)
        rc = chunk_write(p, head, "IHDR", 13);
    const uint32_t *px = art_lock(a, &stride);
    if (!rc)
        rc = rows_write(p, a, px, stride);
    deflateEnd(&p->z);
    return rc ? rc : chunk_write(p, end, "IEND", 0);
}
