/* ISO base media files: MP4, MOV, M4A, AVIF, HEIC. */
#include <string.h>

#include "probe.h"

struct box {
    uint32_t type;
    int64_t body, end;
};

/* The box at `at`, which lies before `end` whole; the next one begins at ret->end. */
static const char *box_get(struct rd *r, int64_t at, int64_t end, struct box *ret)
{
    uint8_t b[16];
    if (!rd_spend(r))
        return TOO_MANY;
    if (!rd_get(r, at, b, 8))
        return CUT_OFF;
    uint64_t size = be32(b);
    unsigned head = 8;
    if (size == 1) {
        if (!rd_get(r, at, b, 16))
            return CUT_OFF;
        size = be64(b + 8);
        head = 16;
    } else if (size == 0) {
        size = (uint64_t)(end - at);
    }
    if (size < head)
        return "a box has an impossible length";
    if (size > (uint64_t)(end - at))
        return CUT_OFF;
    *ret = (struct box){be32(b + 4), at + head, at + (int64_t)size};
    return NULL;
}

/* Whole boxes between at and end; fewer bytes than a box head at the end are filling. */
#define BOX_EACH(r, b, from, till, why)                                                            \
    for (int64_t at_ = (from);                                                                     \
         !(why) && (till)-at_ >= 8 && !((why) = box_get((r), at_, (till), (b))); at_ = (b)->end)

struct movie {
    bool moov, meta, mdat;
    bool video, audio;
};

static const char *tkhd_size(struct rd *r, const struct box *b, uint32_t *w, uint32_t *h)
{
    uint8_t v[8];
    if (b->end - b->body < 84 || !rd_get(r, b->end - 8, v, 8))
        return "a track header is damaged";
    *w = be32(v) >> 16; /* 16.16 fixed point */
    *h = be32(v + 4) >> 16;
    return NULL;
}

static const char *mdia_kind(struct rd *r, const struct box *mdia, uint32_t *ret)
{
    const char *why = NULL;
    struct box b;
    BOX_EACH(r, &b, mdia->body, mdia->end, why)
    {
        uint8_t v[12];
        if (b.type != FOURCC('h', 'd', 'l', 'r'))
            continue;
        if (b.end - b.body < 12 || !rd_get(r, b.body, v, 12))
            return "a track header is damaged";
        *ret = be32(v + 8);
        return NULL;
    }
    return why;
}

static const char *trak_probe(struct rd *r, const struct box *trak, struct movie *mv,
                              struct ym_media_info *m)
{
    const char *why = NULL;
    uint32_t w = 0, h = 0, kind = 0;
    struct box b;
    BOX_EACH(r, &b, trak->body, trak->end, why)
    {
        if (b.type == FOURCC('t', 'k', 'h', 'd'))
            why = tkhd_size(r, &b, &w, &h);
        else if (b.type == FOURCC('m', 'd', 'i', 'a'))
            why = mdia_kind(r, &b, &kind);
    }
    mv->audio |= kind == FOURCC('s', 'o', 'u', 'n');
    if (kind == FOURCC('v', 'i', 'd', 'e')) {
        mv->video = true;
        if ((uint64_t)w * h > (uint64_t)m->width * m->height) {
            m->width = w;
            m->height = h;
        }
    }
    return why;
}

static const char *mvhd_duration(struct rd *r, const struct box *b, int64_t *ret)
{
    uint8_t v[32] = {0};
    int64_t len = b->end - b->body;
    if (len < 20 || !rd_get(r, b->body, v, len < 32 ? 20 : 32) || (v[0] == 1 && len < 32))
        return "its header is damaged";
    bool wide = v[0] == 1;
    uint32_t scale = be32(v + (wide ? 20 : 12));
    uint64_t units = wide ? be64(v + 24) : be32(v + 16);
    bool unknown = units == 0 || units == (wide ? UINT64_MAX : UINT32_MAX);
    *ret = unknown ? -1 : ms_of(units, scale);
    return NULL;
}

static const char *moov_probe(struct rd *r, const struct box *moov, struct movie *mv,
                              struct ym_media_info *m)
{
    const char *why = NULL;
    struct box b;
    BOX_EACH(r, &b, moov->body, moov->end, why)
    {
        if (b.type == FOURCC('m', 'v', 'h', 'd'))
            why = mvhd_duration(r, &b, &m->duration_ms);
        else if (b.type == FOURCC('t', 'r', 'a', 'k'))
            why = trak_probe(r, &b, mv, m);
    }
    return why;
}

/* The first box of that type inside `in` goes to *ret (type 0 when there is none). */
static const char *box_find(struct rd *r, int64_t from, int64_t end, uint32_t type, struct box *ret)
{
    const char *why = NULL;
    struct box b;
    BOX_EACH(r, &b, from, end, why)
    {
        if (b.type == type) {
            *ret = b;
            return NULL;
        }
    }
    *ret = (struct box){0};
    return why;
}

/* A picture may be made of tiles, each with its own size: the largest is the whole. */
static const char *meta_size(struct rd *r, const struct box *meta, struct movie *mv,
                             struct ym_media_info *m)
{
    struct box iprp, ipco, idat, b;
    int64_t body = meta->body + 4;
    const char *why = box_find(r, body, meta->end, FOURCC('i', 'd', 'a', 't'), &idat);
    mv->mdat |= !why && idat.type != 0; /* small pictures may lie here */
    if (!why)
        why = box_find(r, body, meta->end, FOURCC('i', 'p', 'r', 'p'), &iprp);
    if (why || !iprp.type)
        return why;
    why = box_find(r, iprp.body, iprp.end, FOURCC('i', 'p', 'c', 'o'), &ipco);
    if (why || !ipco.type)
        return why;
    BOX_EACH(r, &b, ipco.body, ipco.end, why)
    {
        uint8_t v[12];
        if (b.type != FOURCC('i', 's', 'p', 'e'))
            continue;
        if (b.end - b.body < 12 || !rd_get(r, b.body, v, 12))
            return "its size in pixels is damaged";
        uint32_t w = be32(v + 4), h = be32(v + 8);
        if ((uint64_t)w * h > (uint64_t)m->width * m->height) {
            m->width = w;
            m->height = h;
        }
    }
    return why;
}

static bool is_c2pa_uuid(struct rd *r, const struct box *b)
{
    static const uint8_t want[16] = {0xD8, 0xFE, 0xC3, 0xD6, 0x1B, 0x0E, 0x48, 0x3C,
                                     0x92, 0x97, 0x58, 0x28, 0x87, 0x7E, 0xC4, 0x81};
    uint8_t got[16];
    return b->end - b->body >= 16 && rd_get(r, b->body, got, 16) && memcmp(got, want, 16) == 0;
}

static const char *movie_probe(struct rd *r, struct movie *mv, struct ym_media_info *m)
{
    const char *why = NULL;
    struct box b;
    BOX_EACH(r, &b, 0, r->size, why)
    {
        switch (b.type) {
        case FOURCC('m', 'o', 'o', 'v'):
            mv->moov = true;
            why = moov_probe(r, &b, mv, m);
            break;
        case FOURCC('m', 'e', 't', 'a'):
            mv->meta = true;
            if (m->type->kind == YM_MEDIA_IMAGE)
                why = meta_size(r, &b, mv, m);
            break;
        case FOURCC('m', 'd', 'a', 't'):
            mv->mdat = true;
            break;
        case FOURCC('u', 'u', 'i', 'd'):
            m->c2pa |= is_c2pa_uuid(r, &b);
            break;
        default:
            break;
        }
    }
    return why;
}

const char *heif_probe(struct rd *r, struct ym_media_info *m)
{
    struct movie mv = {0};
    const char *why = movie_probe(r, &mv, m);
    if (why)
        return why;
    if (!mv.mdat || (!mv.meta && !mv.moov))
        return CUT_OFF;
    return m->width && m->height ? NULL : "its size in pixels is missing";
}

const char *mp4_probe(struct rd *r, struct ym_media_info *m)
{
    struct movie mv = {0};
    const char *why = movie_probe(r, &mv, m);
    if (why)
        return why;
    if (!mv.moov || !mv.mdat)
        return CUT_OFF;
    if (!mv.video && !mv.audio)
        return "it holds neither picture nor sound";
    if (!mv.video)
        m->type = &type_m4a;
    return NULL;
}
