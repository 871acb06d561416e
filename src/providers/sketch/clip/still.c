/* A picture of the user's as a plane. */
#include <errno.h>
#include <ymago/media.h>

#include "clip.h"

static const char *demuxer_of(const char *mime)
{
    static const char *const known[][2] = {
        {"image/png", "png_pipe"}, {"image/jpeg", "jpeg_pipe"}, {"image/webp", "webp_pipe"}, {"image/gif", "gif"}};
    for (size_t i = 0; i < YM_COUNT(known); i++)
        if (!strcmp(mime, known[i][0]))
            return known[i][1];
    return NULL;
}

static int decode(int fd, const char *demuxer, int w, int h, struct ym_buf *rgba, const struct ym_media_out *out,
                  struct ym_err *e)
{
    char filter[160];
    snprintf(filter, sizeof(filter), "scale=%d:%d:force_original_aspect_ratio=increase:flags=lanczos,crop=%d:%d", w, h, w, h);
    const char *argv[] = {"ffmpeg", "-nostdin", "-v", "error", "-threads", "2", "-protocol_whitelist", "file", "-f", demuxer,
                          "-i", "/proc/self/fd/3", "-frames:v", "1", "-vf", filter, "-f", "rawvideo", "-pix_fmt", "rgba",
                          "pipe:1", NULL};
    struct ym_child_file file = {fd, 3};
    struct ym_child c = {.argv = argv, .files = &file, .nfiles = 1, .out = rgba, .stopped = out->stopped, .ctx = out->ctx};
    return ym_child_run(&c, e);
}

int plane_from_file(struct plane *ret, int fd, const char *mime, int w, int h, const struct ym_media_out *out, struct ym_err *e)
{
    const char *demuxer = demuxer_of(mime);
    size_t n = (size_t)w * (size_t)h;
    YM_AUTOBUF struct ym_buf rgba;
    ym_buf_init(&rgba, n * 4 + 1);
    if (!demuxer)
        return ym_fail(e, YM_INVALID, EINVAL, "The offline sketch begins films with PNG, JPEG, WebP and GIF pictures, not %.40s.", mime);
    int rc = decode(fd, demuxer, w, h, &rgba, out, e);
    if (rc == -EIO || (rc == 0 && rgba.len != n * 4)) {
        if (e) { /* keeps ffmpeg's words */
            e->cls = YM_INVALID;
            snprintf(e->msg, sizeof(e->msg), "A picture that the film is made of cannot be read; save it again as PNG or JPEG.");
        }
        return -EIO;
    }
    if (rc < 0)
        return rc;
    *ret = (struct plane){w, h, ym_alloc_array(n, sizeof(v4))};
    const uint8_t *p = (const uint8_t *)rgba.data;
    for (size_t i = 0; i < n; i++, p += 4) { /* what is transparent shows white paper */
        float a = (float)p[3] / 255, b = 255 * (1 - a);
        ret->px[i] = (v4){(float)p[0] * a + b, (float)p[1] * a + b, (float)p[2] * a + b, 1};
    }
    return 0;
}
