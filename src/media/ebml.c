/* WebM and Matroska. */
#include <string.h>

#include "probe.h"

unsigned ebml_number(const uint8_t *p, size_t len, bool is_id, uint64_t *ret)
{
    if (len == 0 || p[0] == 0)
        return 0;
    unsigned n = (unsigned)__builtin_clz(p[0]) - 23; /* leading zeros of the byte, plus one */
    if (n > len || (is_id && n > 4))
        return 0;
    uint64_t v = is_id ? p[0] : p[0] & (0xFFu >> n);
    bool ones = v == (0xFFu >> n);
    for (unsigned i = 1; i < n; i++) {
        v = v << 8 | p[i];
        ones &= p[i] == 0xFF;
    }
    *ret = !is_id && ones ? UINT64_MAX : v; /* all ones: a length that is not known */
    return n;
}

struct element {
    uint64_t id;
    int64_t body, end;
    bool open; /* its length is not told: up to the end of what it lies in */
};

static const char *element_get(struct rd *r, int64_t at, int64_t end, struct element *ret)
{
    uint8_t b[12];
    uint64_t size;
    if (!rd_spend(r))
        return TOO_MANY;
    size_t n = end - at < 12 ? (size_t)(end - at) : 12;
    if (!rd_get(r, at, b, n))
        return CUT_OFF;
    unsigned a = ebml_number(b, n, true, &ret->id);
    unsigned c = a ? ebml_number(b + a, n - a, false, &size) : 0;
    if (c == 0)
        return n < 12 ? CUT_OFF : "its elements are damaged";
    ret->body = at + a + c;
    ret->open = size == UINT64_MAX;
    if (!ret->open && size > (uint64_t)(end - ret->body))
        return CUT_OFF;
    ret->end = ret->open ? end : ret->body + (int64_t)size;
    return NULL;
}

#define ELEMENT_EACH(r, el, from, till, why)                                                       \
    for (int64_t at_ = (from);                                                                     \
         !(why) && at_ < (till) && !((why) = element_get((r), at_, (till), (el)));                 \
         at_ = (el)->end)

static uint64_t element_uint(struct rd *r, const struct element *el)
{
    uint8_t b[8];
    size_t n = (size_t)(el->end - el->body);
    uint64_t v = 0;
    if (n > 8 || !rd_get(r, el->body, b, n))
        return 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | b[i];
    return v;
}

static double element_float(struct rd *r, const struct element *el)
{
    uint8_t b[8];
    int64_t n = el->end - el->body;
    if ((n != 4 && n != 8) || !rd_get(r, el->body, b, (size_t)n))
        return 0;
    if (n == 4) {
        uint32_t v = be32(b);
        float f;
        memcpy(&f, &v, 4);
        return (double)f;
    }
    uint64_t v = be64(b);
    double d;
    memcpy(&d, &v, 8);
    return d;
}

static const char *info_probe(struct rd *r, const struct element *info, struct ym_media_info *m)
{
    const char *why = NULL;
    uint64_t scale_ns = 1000000;
    double duration = 0;
    struct element el;
    ELEMENT_EACH(r, &el, info->body, info->end, why)
    {
        if (el.id == 0x2AD7B1)
            scale_ns = element_uint(r, &el);
        else if (el.id == 0x4489)
            duration = element_float(r, &el);
    }
    double ms = duration * (double)scale_ns / 1e6;
    if (ms > 0 && ms < 1e12) /* false for what is no number, too */
        m->duration_ms = (int64_t)ms;
    return why;
}

static const char *video_probe(struct rd *r, const struct element *video, struct ym_media_info *m)
{
    const char *why = NULL;
    uint64_t w = 0, h = 0;
    struct element el;
    ELEMENT_EACH(r, &el, video->body, video->end, why)
    {
        if (el.id == 0xB0)
            w = element_uint(r, &el);
        else if (el.id == 0xBA)
            h = element_uint(r, &el);
    }
    if (w <= UINT16_MAX && h <= UINT16_MAX && w * h > (uint64_t)m->width * m->height) {
        m->width = (uint32_t)w;
        m->height = (uint32_t)h;
    }
    return why;
}

static const char *track_probe(struct rd *r, const struct element *track, struct ym_media_info *m)
{
    const char *why = NULL;
    struct element el;
    ELEMENT_EACH(r, &el, track->body, track->end, why)
    {
        if (el.id == 0xE0)
            why = video_probe(r, &el, m);
    }
    return why;
}

static const char *tracks_probe(struct rd *r, const struct element *tracks, struct ym_media_info *m,
                                bool *ret_any)
{
    const char *why = NULL;
    struct element el;
    ELEMENT_EACH(r, &el, tracks->body, tracks->end, why)
    {
        if (el.id != 0xAE)
            continue;
        *ret_any = true;
        why = track_probe(r, &el, m);
    }
    return why;
}

const char *ebml_probe(struct rd *r, struct ym_media_info *m)
{
    struct element head, segment, el;
    const char *why = element_get(r, 0, r->size, &head);
    if (!why)
        why = element_get(r, head.end, r->size, &segment);
    if (why)
        return why;
    if (segment.id != 0x18538067)
        return "its elements are damaged";
    bool tracks = false;
    ELEMENT_EACH(r, &el, segment.body, segment.end, why)
    {
        if (el.id == 0x1549A966)
            why = info_probe(r, &el, m);
        else if (el.id == 0x1654AE6B)
            why = tracks_probe(r, &el, m, &tracks);
        else if (el.id == 0x1F43B675) /* the first cluster: nothing of use follows */
            return tracks ? NULL : "it has no track before its data";
    }
    return why ? why : "it holds no data";
}
