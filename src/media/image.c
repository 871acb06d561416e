/* PNG, JPEG, GIF and WebP. */
#include <string.h>

#include "probe.h"

const char *png_probe(struct rd *r, struct ym_media_info *m)
{
    uint8_t b[16];
    bool data = false;
    for (int64_t at = 8;;) {
        if (!rd_spend(r))
            return TOO_MANY;
        if (!rd_get(r, at, b, 8))
            return CUT_OFF;
        uint32_t len = be32(b), type = be32(b + 4);
        if (len > INT32_MAX)
            return "a chunk has an impossible length";
        if (12 + (int64_t)len > r->size - at)
            return CUT_OFF;
        if ((type == FOURCC('I', 'H', 'D', 'R')) != (at == 8))
            return "its header is not in its place";
        if (at == 8) {
            if (len != 13 || !rd_get(r, at + 8, b, 8))
                return "its header is damaged";
            m->width = be32(b);
            m->height = be32(b + 4);
            if (m->width == 0 || m->height == 0 || (m->width | m->height) > INT32_MAX)
                return "its size in pixels is impossible";
        }
        if (type == FOURCC('I', 'E', 'N', 'D'))
            return data ? NULL : "it holds no picture";
        data |= type == FOURCC('I', 'D', 'A', 'T') && len > 0;
        m->c2pa |= type == FOURCC('c', 'a', 'B', 'X');
        at += 12 + (int64_t)len;
    }
}

/* An APP11 segment that carries JUMBF with C2PA's label. */
static bool jpeg_c2pa(struct rd *r, int64_t at, unsigned len)
{
    uint8_t b[128];
    size_t n = len < sizeof(b) ? len : sizeof(b);
    return rd_get(r, at, b, n) && memmem(b, n, "c2pa", 4) != NULL;
}

static bool is_sof(uint8_t marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/* Segments up to the first scan; where that begins goes to *ret_scan. */
static const char *jpeg_segments(struct rd *r, struct ym_media_info *m, int64_t *ret_scan)
{
    bool sof = false;
    for (int64_t at = 2;;) {
        uint8_t b[8];
        if (!rd_spend(r))
            return TOO_MANY;
        if (!rd_get(r, at, b, 2))
            return CUT_OFF;
        if (b[0] != 0xFF)
            return "its segments are damaged";
        uint8_t marker = b[1];
        if (marker == 0xFF || marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7)) {
            at += marker == 0xFF ? 1 : 2; /* filling, or a marker without a length */
            continue;
        }
        if (marker == 0xD8 || marker == 0xD9)
            return "it holds no picture";
        if (!rd_get(r, at + 2, b, 2))
            return CUT_OFF;
        unsigned len = be16(b);
        if (len < 2)
            return "its segments are damaged";
        if (2 + (int64_t)len > r->size - at)
            return CUT_OFF;
        if (is_sof(marker)) {
            if (len < 8 || !rd_get(r, at + 4, b, 6))
                return "its header is damaged";
            sof = true;
            m->height = be16(b + 1); /* 0: told after the first scan (DNL), which is rare */
            m->width = be16(b + 3);
        }
        if (marker == 0xEB)
            m->c2pa |= jpeg_c2pa(r, at + 4, len - 2);
        at += 2 + (int64_t)len;
        if (marker == 0xDA) {
            *ret_scan = at;
            return sof && m->width > 0 ? NULL : "its header is damaged";
        }
    }
}

/* The end marker cannot occur inside a scan, so it is looked for from the end; some writers let a
 * few bytes follow it. */
const char *jpeg_probe(struct rd *r, struct ym_media_info *m)
{
    int64_t scan;
    const char *why = jpeg_segments(r, m, &scan);
    if (why)
        return why;
    uint8_t tail[4096];
    int64_t from = r->size - (int64_t)sizeof(tail);
    if (from < scan)
        from = scan;
    size_t n = (size_t)(r->size - from);
    if (!rd_get(r, from, tail, n))
        return CUT_OFF;
    return memmem(tail, n, "\xFF\xD9", 2) ? NULL : CUT_OFF;
}

/* GIF has no lengths but those of sub-blocks, so it is walked through a window. */
struct window {
    struct rd *r;
    int64_t from, to;
    uint8_t b[16384];
};

static int window_byte(struct window *w, int64_t at)
{
    if (at < w->from || at >= w->to) {
        int64_t n = w->r->size - at;
        if (n > (int64_t)sizeof(w->b))
            n = sizeof(w->b);
        if (n <= 0 || !rd_get(w->r, at, w->b, (size_t)n))
            return -1;
        w->from = at;
        w->to = at + n;
    }
    return w->b[at - w->from];
}

/* Past a run of sub-blocks; -1 when the file ends before. */
static int64_t gif_skip(struct window *w, int64_t at)
{
    for (;;) {
        int n = window_byte(w, at);
        if (n < 0)
            return -1;
        at += 1 + n;
        if (n == 0)
            return at;
    }
}

static int64_t gif_palette(uint8_t flags)
{
    return flags & 0x80 ? INT64_C(3) << ((flags & 7) + 1) : 0;
}

const char *gif_probe(struct rd *r, struct ym_media_info *m)
{
    struct window w = {.r = r};
    uint8_t b[13];
    if (!rd_get(r, 0, b, 13))
        return CUT_OFF;
    m->width = le16(b + 6);
    m->height = le16(b + 8);
    bool picture = false;
    for (int64_t at = 13 + gif_palette(b[10]); at >= 0;) {
        int kind = window_byte(&w, at), flags;
        switch (kind) {
        case -1:
            return CUT_OFF;
        case 0x3B:
            return picture ? NULL : "it holds no picture";
        case 0x21:
            at = gif_skip(&w, at + 2);
            break;
        case 0x2C:
            flags = window_byte(&w, at + 9);
            if (flags < 0)
                return CUT_OFF;
            at = gif_skip(&w, at + 11 + gif_palette((uint8_t)flags));
            picture = true;
            break;
        default:
            return "its blocks are damaged";
        }
    }
    return CUT_OFF;
}

/* Pixel size from the first chunk that knows it. */
static const char *webp_size(const uint8_t *b, uint32_t type, struct ym_media_info *m)
{
    if (type == FOURCC('V', 'P', '8', 'X')) {
        m->width = le24(b + 4) + 1;
        m->height = le24(b + 7) + 1;
    } else if (type == FOURCC('V', 'P', '8', 'L')) {
        if (b[0] != 0x2F)
            return "its header is damaged";
        m->width = (le32(b + 1) & 0x3FFF) + 1;
        m->height = (le32(b + 1) >> 14 & 0x3FFF) + 1;
    } else {
        if (b[3] != 0x9D || b[4] != 0x01 || b[5] != 0x2A)
            return "its header is damaged";
        m->width = le16(b + 6) & 0x3FFF;
        m->height = le16(b + 8) & 0x3FFF;
    }
    return m->width && m->height ? NULL : "its size in pixels is impossible";
}

const char *webp_probe(struct rd *r, struct ym_media_info *m)
{
    uint8_t b[10];
    if (!rd_get(r, 4, b, 4))
        return CUT_OFF;
    int64_t end = 8 + (int64_t)le32(b);
    if (end > r->size)
        return CUT_OFF;
    bool picture = false;
    for (int64_t at = 12; at + 8 <= end;) {
        if (!rd_spend(r))
            return TOO_MANY;
        if (!rd_get(r, at, b, 8))
            return CUT_OFF;
        uint32_t type = be32(b);
        int64_t len = le32(b + 4);
        if (len > end - at - 8)
            return "a chunk is longer than the file";
        bool image = type == FOURCC('V', 'P', '8', ' ') || type == FOURCC('V', 'P', '8', 'L');
        picture |= image || type == FOURCC('A', 'N', 'M', 'F');
        if (m->width == 0 && (image || type == FOURCC('V', 'P', '8', 'X'))) {
            size_t want = type == FOURCC('V', 'P', '8', 'L') ? 5 : 10;
            if (len < (int64_t)want || !rd_get(r, at + 8, b, want))
                return "its header is damaged";
            const char *why = webp_size(b, type, m);
            if (why)
                return why;
        }
        m->c2pa |= type == FOURCC('C', '2', 'P', 'A');
        at += 8 + len + (len & 1);
    }
    return picture && m->width ? NULL : "it holds no picture";
}
