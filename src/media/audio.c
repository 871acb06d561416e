/* WAV, MP3, Ogg, FLAC and AAC. */
#include <string.h>

#include "probe.h"

/* A length of 0 or of all ones was left open by a writer that could not go back to fill it in. */
static bool left_open(uint32_t len)
{
    return len == 0 || len == UINT32_MAX;
}

const char *wav_probe(struct rd *r, struct ym_media_info *m)
{
    uint8_t b[16];
    if (!rd_get(r, 4, b, 4))
        return CUT_OFF;
    int64_t end = left_open(le32(b)) ? r->size : 8 + (int64_t)le32(b);
    if (end > r->size)
        return CUT_OFF;
    uint32_t bytes_per_second = 0;
    bool data = false;
    for (int64_t at = 12; at + 8 <= end;) {
        if (!rd_spend(r))
            return TOO_MANY;
        if (!rd_get(r, at, b, 8))
            return CUT_OFF;
        uint32_t type = be32(b), told = le32(b + 4);
        bool is_data = type == FOURCC('d', 'a', 't', 'a');
        int64_t len = is_data && left_open(told) ? end - at - 8 : (int64_t)told;
        if (len > end - at - 8)
            return CUT_OFF;
        if (type == FOURCC('f', 'm', 't', ' ')) {
            if (len < 16 || !rd_get(r, at + 8, b, 16))
                return "its header is damaged";
            bytes_per_second = le32(b + 8);
        }
        if (is_data && !data) {
            data = true;
            m->duration_ms = ms_of((uint64_t)len, bytes_per_second);
        }
        m->c2pa |= type == FOURCC('C', '2', 'P', 'A');
        at += 8 + len + (len & 1);
    }
    return data && bytes_per_second ? NULL : "it holds no sound";
}

bool mp3_frame_parse(const uint8_t h[static 4], struct mp3_frame *ret)
{
    static const uint16_t kbits[2][15] = {
        {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
        {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
    };
    static const uint16_t rates[4][3] = {
        {11025, 12000, 8000}, {0}, {22050, 24000, 16000}, {44100, 48000, 32000}};
    unsigned version = h[1] >> 3 & 3, layer = h[1] >> 1 & 3, bits = h[2] >> 4, rate = h[2] >> 2 & 3;
    if (h[0] != 0xFF || (h[1] & 0xE0) != 0xE0 || version == 1 || layer != 1 || bits == 0 ||
        bits == 15 || rate == 3)
        return false;
    bool v1 = version == 3, mono = (h[3] >> 6) == 3;
    unsigned bitrate = kbits[v1][bits] * 1000u, hz = rates[version][rate];
    *ret = (struct mp3_frame){
        .bitrate = bitrate,
        .rate = hz,
        .samples = v1 ? 1152 : 576,
        .bytes = (v1 ? 144 : 72) * bitrate / hz + (h[2] >> 1 & 1),
        .xing = v1 ? (mono ? 21 : 36) : (mono ? 13 : 21),
    };
    return true;
}

/* The first frame that is followed by another one (or ends the file), within a little filling. */
static bool mp3_first(struct rd *r, int64_t from, int64_t *ret_at, struct mp3_frame *ret)
{
    uint8_t b[4], next[4];
    for (int64_t at = from; at < from + 4096 && rd_get(r, at, b, 4); at++) {
        struct mp3_frame f, g;
        if (!mp3_frame_parse(b, &f) || f.bytes > r->size - at)
            continue;
        bool last = at + f.bytes == r->size;
        bool more = rd_get(r, at + f.bytes, next, 4) &&
                    ((mp3_frame_parse(next, &g) && g.rate == f.rate) ||
                     memcmp(next, "TAG", 3) == 0 || memcmp(next, "APE", 3) == 0);
        if (last || more) {
            *ret_at = at;
            *ret = f;
            return true;
        }
    }
    return false;
}

const char *mp3_probe(struct rd *r, struct ym_media_info *m)
{
    uint8_t b[12];
    int64_t at = 0;
    if (rd_get(r, 0, b, 10) && memcmp(b, "ID3", 3) == 0)
        at = 10 + ((int64_t)b[6] << 21 | b[7] << 14 | b[8] << 7 | b[9]) + (b[5] & 0x10 ? 10 : 0);
    if (at > r->size)
        return CUT_OFF;
    struct mp3_frame f;
    if (!mp3_first(r, at, &at, &f))
        return "it holds no sound";
    bool index = rd_get(r, at + f.xing, b, 12) &&
                 (memcmp(b, "Xing", 4) == 0 || memcmp(b, "Info", 4) == 0) && (b[7] & 1) &&
                 be32(b + 8) > 0;
    m->duration_ms = index ? ms_of((uint64_t)be32(b + 8) * f.samples, f.rate)
                           : ms_of((uint64_t)(r->size - at) * 8, f.bitrate);
    return NULL;
}

const char *aac_probe(struct rd *r, struct ym_media_info *m)
{
    (void)m;
    uint8_t b[7], next[2];
    if (!rd_get(r, 0, b, 7))
        return CUT_OFF;
    unsigned len = (b[3] & 3u) << 11 | (unsigned)b[4] << 3 | b[5] >> 5;
    if (len < 7)
        return "its frames are damaged";
    if (len > r->size)
        return CUT_OFF;
    if (len < r->size && (!rd_get(r, len, next, 2) || next[0] != 0xFF || (next[1] & 0xF6) != 0xF0))
        return "its frames are damaged";
    return NULL;
}

/* Sampling rate and samples to leave out, from the codec's own header at the start of page one. */
static uint32_t ogg_rate(struct rd *r, uint64_t *ret_skip)
{
    uint8_t b[64] = {0};
    size_t n = r->size - 28 < (int64_t)sizeof(b) ? (size_t)(r->size - 28) : sizeof(b);
    *ret_skip = 0;
    if (!rd_get(r, 28, b, n))
        return 0;
    if (memcmp(b, "OpusHead", 8) == 0) {
        *ret_skip = le16(b + 10);
        return 48000;
    }
    if (memcmp(b, "\x01vorbis", 7) == 0)
        return le32(b + 12);
    if (memcmp(b, "Speex   ", 8) == 0)
        return le32(b + 36);
    return be32(b + 27) >> 12; /* FLAC: 20 bits in STREAMINFO, behind 13 + 4 bytes of heads */
}

/* Offset of the last page, which must be whole and end the file; -1 when there is none. */
static int64_t ogg_last_page(struct rd *r, uint8_t head[static 27])
{
    enum { LONGEST = 27 + 255 + 255 * 255 };
    size_t n = r->size < LONGEST ? (size_t)r->size : LONGEST;
    int64_t from = r->size - (int64_t)n;
    YM_AUTOFREE uint8_t *tail = ym_alloc(n);
    if (!rd_get(r, from, tail, n))
        return -1;
    for (size_t i = n < 27 ? 0 : n - 26; i-- > 0;) {
        if (memcmp(tail + i, "OggS", 5) != 0)
            continue;
        size_t len = 27 + (size_t)tail[i + 26];
        for (size_t k = 0; k < tail[i + 26] && i + 27 + k < n; k++)
            len += tail[i + 27 + k];
        if (len == n - i) {
            memcpy(head, tail + i, 27);
            return from + (int64_t)i;
        }
    }
    return -1;
}

const char *ogg_probe(struct rd *r, struct ym_media_info *m)
{
    uint8_t head[27];
    if (ogg_last_page(r, head) <= 0)
        return CUT_OFF;
    uint64_t skip, at = le64(head + 6);
    uint32_t rate = ogg_rate(r, &skip);
    if (at != UINT64_MAX && at >= skip)
        m->duration_ms = ms_of(at - skip, rate);
    return NULL;
}

const char *flac_probe(struct rd *r, struct ym_media_info *m)
{
    uint8_t b[22];
    for (int64_t at = 4;;) {
        if (!rd_spend(r))
            return TOO_MANY;
        if (!rd_get(r, at, b, 4))
            return CUT_OFF;
        bool last = b[0] & 0x80;
        int64_t len = be32(b) & 0xFFFFFF;
        if (at == 4) {
            if ((b[0] & 0x7F) != 0 || len < 34 || !rd_get(r, 8, b, 18))
                return "its header is damaged";
            uint32_t rate = be32(b + 10) >> 12;
            uint64_t samples = (uint64_t)(b[13] & 15) << 32 | be32(b + 14);
            m->duration_ms = samples ? ms_of(samples, rate) : -1;
        }
        at += 4 + len;
        if (!last)
            continue;
        if (!rd_get(r, at, b, 2))
            return CUT_OFF;
        return b[0] == 0xFF && (b[1] & 0xFC) == 0xF8 ? NULL : "it holds no sound";
    }
}
