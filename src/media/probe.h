/* Reading the structure of hostile files: every read is bounded by the file, every walk by a
 * budget. A prober returns NULL when the file is whole, else why it is not ("it ends in ..."). */
#ifndef YM_MEDIA_PROBE_H
#define YM_MEDIA_PROBE_H

#include <ymago/media.h>

struct rd {
    int fd;
    int64_t size;
    int err;         /* errno of the first read that failed */
    unsigned budget; /* parts that may still be looked at */
};

#define CUT_OFF  "it was cut off"
#define TOO_MANY "it has too many parts"

/* Exactly len bytes at that offset; false beyond the end. */
bool rd_get(struct rd *r, int64_t at, void *buf, size_t len);
/* Counts one part of a walk; false when the budget is used up. */
bool rd_spend(struct rd *r);

const char *png_probe(struct rd *r, struct ym_media_info *m);
const char *jpeg_probe(struct rd *r, struct ym_media_info *m);
const char *gif_probe(struct rd *r, struct ym_media_info *m);
const char *webp_probe(struct rd *r, struct ym_media_info *m);
const char *heif_probe(struct rd *r, struct ym_media_info *m); /* also AVIF */
const char *mp4_probe(struct rd *r, struct ym_media_info *m);  /* also MOV, M4A */
const char *ebml_probe(struct rd *r, struct ym_media_info *m);
const char *wav_probe(struct rd *r, struct ym_media_info *m);
const char *mp3_probe(struct rd *r, struct ym_media_info *m);
const char *ogg_probe(struct rd *r, struct ym_media_info *m);
const char *flac_probe(struct rd *r, struct ym_media_info *m);
const char *aac_probe(struct rd *r, struct ym_media_info *m);

/* units / per_second in milliseconds; -1 when that makes no sense. */
int64_t ms_of(uint64_t units, uint64_t per_second);

extern const struct ym_media_type type_m4a;

static inline uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}
static inline uint64_t be64(const uint8_t *p)
{
    return (uint64_t)be32(p) << 32 | be32(p + 4);
}
static inline uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[1] << 8 | p[0]);
}
static inline uint32_t le24(const uint8_t *p)
{
    return (uint32_t)p[2] << 16 | le16(p);
}
static inline uint32_t le32(const uint8_t *p)
{
    return (uint32_t)le16(p + 2) << 16 | le16(p);
}
static inline uint64_t le64(const uint8_t *p)
{
    return (uint64_t)le32(p + 4) << 32 | le32(p);
}
#define FOURCC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

/* An MPEG audio (layer III) frame header; false when it is none. */
struct mp3_frame {
    unsigned bitrate; /* bits per second */
    unsigned rate, samples, bytes;
    unsigned xing; /* offset of the index inside the first frame */
};
bool mp3_frame_parse(const uint8_t head[static 4], struct mp3_frame *ret);

/* EBML: a number of 1 to 8 bytes; the marker bit stays in for ids. Returns the bytes used or 0. */
unsigned ebml_number(const uint8_t *p, size_t len, bool is_id, uint64_t *ret);

#endif
