/* From samples to files. */
#include "sound.h"

#include <errno.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>
#include <ymago/media.h>

static void le(uint8_t *p, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void wav_head(uint8_t h[static 44], uint32_t bytes)
{
    memcpy(h, "RIFF....WAVEfmt ", 16);
    le(h + 4, 36 + bytes, 4);
    le(h + 16, 16, 4);
    le(h + 20, 1, 2);
    le(h + 22, 2, 2);
    le(h + 24, SOUND_RATE, 4);
    le(h + 28, SOUND_RATE * 4, 4);
    le(h + 32, 4, 2);
    le(h + 34, 16, 2);
    memcpy(h + 36, "data", 4);
    le(h + 40, bytes, 4);
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int sound_wav(const struct sound *s, struct ym_err *e)
{
    size_t len = 44 + s->n * 4;
    YM_AUTOFREE uint8_t *bytes = ym_alloc(len);
    YM_AUTOCLOSE int fd = memfd_create("sound", MFD_CLOEXEC);
    wav_head(bytes, (uint32_t)(s->n * 4));
    for (size_t i = 0; i < s->n; i++)
        for (size_t c = 0; c < 2; c++) {
            long v = lrint(clampd((double)s->at[c][i], -1, 1) * 32767);
            le(bytes + 44 + i * 4 + c * 2, (uint16_t)v, 2);
        }
    int rc = fd < 0 ? -errno : write_all(fd, bytes, len);
    if (rc < 0)
        return ym_fail(e, YM_LOCAL, -rc, "There is no memory for a sound: %s.", strerror(-rc));
    return ym_steal_fd(&fd);
}

/* ---- formats ---- */
static const struct format {
    const char *name, *muxer, *codec, *option, *value; /* codec NULL = stored as it is */
} formats[] = {
    {"wav", NULL, NULL, NULL, NULL},
    {"mp3", "mp3", "libmp3lame", "-b:a", "160k"},
    {"ogg", "ogg", "libvorbis", "-q:a", "5"},
    {"flac", "flac", "flac", "-compression_level", "5"},
    {"m4a", "ipod", "aac", "-b:a", "128k"},
};

int sound_format(const char *wanted, const char **ret, struct ym_err *e)
{
    static const char *const names[][2] = {{"wav", "wav"}, {"mp3", "mp3"}, {"ogg", "ogg"}, {"flac", "flac"},
                                           {"m4a", "m4a"}, {"pcm", "wav"}, {"opus", "ogg"}};
    char show[40];
    if (!wanted) {
        *ret = ym_child_has("ffmpeg") ? "mp3" : "wav";
        return 0;
    }
    size_t len = strcspn(wanted, "_");
    for (size_t i = 0; i < YM_COUNT(names); i++)
        if (strlen(names[i][0]) == len && !strncasecmp(names[i][0], wanted, len)) {
            *ret = names[i][1];
            return 0;
        }
    return ym_fail(e, YM_INVALID, EINVAL, "The offline sketch makes sounds as mp3, wav, ogg, flac and m4a, not \"%s\".",
                   ym_text_show(wanted, show, sizeof(show)));
}

static int copy(int from, const struct ym_media_out *out, struct ym_err *e)
{
    YM_AUTOFREE char *piece = ym_alloc(1 << 18);
    off_t at = 0;
    for (;;) {
        ssize_t n = pread(from, piece, 1 << 18, at);
        if (n < 0)
            return ym_fail(e, YM_LOCAL, errno, "A sound could not be read back: %s.", strerror(errno));
        if (n == 0)
            return 0;
        int rc = out->write(out->ctx, 0, piece, (size_t)n, e);
        if (rc < 0)
            return rc;
        at += n;
    }
}

static int encode(int wav, const struct format *f, const struct ym_media_out *out, struct ym_err *e)
{
    const char *argv[] = {"ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "2", "-protocol_whitelist", "file",
                          "-f", "wav", "-i", "/proc/self/fd/3", "-map_metadata", "-1", "-fflags", "+bitexact",
                          "-flags:a", "+bitexact", "-c:a", f->codec, f->option, f->value, "-f", f->muxer,
                          "/proc/self/fd/4", NULL};
    struct ym_child_file files[] = {{wav, 3}, {out->fd(out->ctx, 0), 4}};
    struct ym_child c = {.argv = argv, .files = files, .nfiles = 2, .stopped = out->stopped, .ctx = out->ctx};
    if (!ym_child_has("ffmpeg"))
        return ym_fail(e, YM_LOCAL, ENOENT, "The offline sketch needs ffmpeg for %s: install the package ffmpeg, or ask for wav.",
                       f->name);
    return ym_child_run(&c, e);
}

int sound_store(int wav, const char *format, const struct ym_media_out *out, struct ym_err *e)
{
    const struct format *f = formats;
    while (strcmp(f->name, format) != 0)
        f++;
    int rc = out->begin(out->ctx, 0, -1, e);
    if (rc == 0)
        rc = f->codec ? encode(wav, f, out, e) : copy(wav, out, e);
    return rc < 0 ? rc : out->end(out->ctx, 0, e);
}
