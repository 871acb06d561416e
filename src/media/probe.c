#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

static const struct {
    const char *ext;
    const char *(*probe)(struct rd *r, struct ym_media_info *m);
} probers[] = {
    {"png", png_probe},   {"jpg", jpeg_probe},  {"webp", webp_probe}, {"gif", gif_probe},
    {"avif", heif_probe}, {"heic", heif_probe}, {"heif", heif_probe}, {"mp4", mp4_probe},
    {"mov", mp4_probe},   {"m4a", mp4_probe},   {"webm", ebml_probe}, {"mkv", ebml_probe},
    {"mp3", mp3_probe},   {"wav", wav_probe},   {"ogg", ogg_probe},   {"flac", flac_probe},
    {"aac", aac_probe},
};

bool rd_get(struct rd *r, int64_t at, void *buf, size_t len)
{
    uint8_t *p = buf;
    if (at < 0 || at > r->size || len > (uint64_t)(r->size - at))
        return false;
    while (len > 0) {
        ssize_t n = pread(r->fd, p, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            r->err = errno;
        if (n <= 0)
            return false;
        p += n;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool rd_spend(struct rd *r)
{
    if (r->budget == 0)
        return false;
    r->budget--;
    return true;
}

int64_t ms_of(uint64_t units, uint64_t per_second)
{
    if (per_second == 0 || units / per_second > (uint64_t)INT64_MAX / 2000 ||
        per_second > UINT64_MAX / 1000)
        return -1;
    return (int64_t)(units / per_second * 1000 + units % per_second * 1000 / per_second);
}

int ym_media_probe_fd(int fd, int64_t size, struct ym_media_info *ret, struct ym_err *e)
{
    struct rd r = {.fd = fd, .size = size, .budget = 200000};
    uint8_t head[YM_MEDIA_HEAD];
    size_t len = size < YM_MEDIA_HEAD ? (size_t)(size < 0 ? 0 : size) : YM_MEDIA_HEAD;
    struct ym_media_info m = {.duration_ms = -1};
    const char *why = rd_get(&r, 0, head, len) ? NULL : CUT_OFF;
    if (!why && !(m.type = ym_media_sniff(head, len)))
        return ym_fail(e, YM_EMPTY, EBADMSG,
                       "The answer holds no picture, film or sound of a known kind.");
    for (size_t i = 0; !why && i < YM_COUNT(probers); i++)
        if (strcmp(m.type->ext, probers[i].ext) == 0) {
            why = probers[i].probe(&r, &m);
            break;
        }
    if (r.err)
        return ym_fail(e, YM_BROKEN, EIO, "The disk reports an error while a result is checked.");
    if (why)
        return ym_fail(e, YM_EMPTY, EBADMSG, "The %s file that came is not whole: %s.",
                       m.type ? m.type->ext : "media", why);
    *ret = m;
    return 0;
}
