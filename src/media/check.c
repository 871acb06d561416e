/* Does a film or a sound decode? Asked of ffprobe, in the cage, by the one demuxer that fits. */
#include <errno.h>
#include <string.h>

#include <ymago/media.h>

enum { AT = 3 };
#define INPUT "/proc/self/fd/3"

/* What ffmpeg calls the container; NULL = not one that is looked at. */
static const char *demuxer_of(const struct ym_media_type *t)
{
    static const struct {
        const char *ext, *name;
    } names[] = {{"mp4", "mov"}, {"mov", "mov"}, {"m4a", "mov"}, {"webm", "matroska"}, {"mkv", "matroska"},
                 {"mp3", "mp3"}, {"wav", "wav"}, {"ogg", "ogg"}, {"flac", "flac"},     {"aac", "aac"}};
    for (size_t i = 0; i < YM_COUNT(names); i++)
        if (strcmp(t->ext, names[i].ext) == 0)
            return names[i].name;
    return NULL;
}

struct seen { /* gathered from lines "key=value" */
    bool format, stream;
    unsigned frames;
    uint32_t width, height;
    double seconds; /* < 0 = not told */
    char codec[40];
    bool decodable; /* by the list of codecs */
};

/* The value, when the line is "key=value". */
static const char *value_of(const char *line, const char *key)
{
    size_t len = strlen(key);
    return !strncmp(line, key, len) && line[len] == '=' ? line + len + 1 : NULL;
}

static void line_read(void *ctx, const char *line)
{
    struct seen *s = ctx;
    const char *value;
    if ((value = value_of(line, "format_name")))
        s->format = true;
    else if ((value = value_of(line, "codec_type")))
        s->stream = true;
    else if ((value = value_of(line, "codec_name")))
        snprintf(s->codec, sizeof(s->codec), "%s", value);
    else if ((value = value_of(line, "media_type")))
        s->frames++;
    else if ((value = value_of(line, "width")))
        s->width = (uint32_t)strtoul(value, NULL, 10);
    else if ((value = value_of(line, "height")))
        s->height = (uint32_t)strtoul(value, NULL, 10);
    else if ((value = value_of(line, "duration")) && *value >= '0' && *value <= '9')
        s->seconds = strtod(value, NULL);
}

static int look(int fd, const struct ym_media_info *info, struct seen *s, struct ym_err *e)
{
    const char *argv[] = {"ffprobe", "-v", "error", "-protocol_whitelist", "file", "-f", demuxer_of(info->type),
                          "-threads", "2", "-select_streams", info->type->kind == YM_MEDIA_VIDEO ? "V:0" : "a:0",
                          "-read_intervals", "%+#30", "-show_entries",
                          "format=format_name,duration:stream=codec_type,codec_name,width,height:frame=media_type",
                          "-of", "default=nw=1", "-i", INPUT, NULL};
    struct ym_child_file file = {fd, AT};
    struct ym_child c = {.argv = argv, .files = &file, .nfiles = 1, .line = line_read, .ctx = s};
    return ym_child_run(&c, e);
}

/* Lines like " DEV.LS h264   H.264 / AVC ...": D where this ffmpeg can decode it. */
static void codec_read(void *ctx, const char *line)
{
    struct seen *s = ctx;
    size_t len = strlen(s->codec);
    if (strlen(line) > 8 + len && line[0] == ' ' && line[1] == 'D' && !strncmp(line + 8, s->codec, len) && line[8 + len] == ' ')
        s->decodable = true;
}

static bool can_decode(struct seen *s)
{
    static const char *const argv[] = {"ffprobe", "-v", "error", "-codecs", NULL};
    struct ym_child c = {.argv = argv, .line = codec_read, .ctx = s};
    return *s->codec && ym_child_run(&c, NULL) == 0 && s->decodable;
}

static int broken(const struct ym_media_info *info, const char *why, const char *words, struct ym_err *e)
{
    char keep[sizeof(e->words)];
    snprintf(keep, sizeof(keep), "%s", words);
    int rc = ym_fail(e, YM_EMPTY, EBADMSG, "The %s file that came cannot be played: %s.", info->type->ext, why);
    if (e)
        memcpy(e->words, keep, sizeof(keep));
    return rc;
}

/* Only what ffprobe says of the file itself counts: a file that was paid for is not thrown away because
 * this machine has no cage, no memory or an ffprobe of another kind. */
static int failed(const struct ym_media_info *info, int rc, const struct ym_err *why, struct ym_err *e)
{
    if (rc == -ETIME)
        return broken(info, "it takes longer than a minute to open", "", e);
    if (rc == -EIO && strstr(why->words, INPUT))
        return broken(info, "ffprobe finds its structure broken", why->words, e);
    ym_log(YM_WARN, "media", "a %s file was not looked at closely: %s %s", info->type->ext, why->msg, why->words);
    return 0;
}

int ym_media_check_fd(int fd, struct ym_media_info *info, struct ym_err *e)
{
    struct seen s = {.seconds = -1};
    struct ym_err why = {.cls = YM_OK};
    if (info->type->kind == YM_MEDIA_IMAGE || !demuxer_of(info->type) || !ym_child_has("ffprobe"))
        return 0;
    int rc = look(fd, info, &s, &why);
    if (rc < 0)
        return failed(info, rc, &why, e);
    if (!s.format)
        return 0;
    bool video = info->type->kind == YM_MEDIA_VIDEO;
    if (!s.stream)
        return broken(info, video ? "it holds no picture" : "it holds no sound", "", e);
    if (s.frames == 0 && can_decode(&s))
        return broken(info, video ? "its pictures cannot be decoded" : "its sound cannot be decoded", "", e);
    if (video && s.width && s.height) {
        info->width = s.width;
        info->height = s.height;
    }
    if (s.seconds >= 0 && s.seconds < 1e9)
        info->duration_ms = (int64_t)(s.seconds * 1000 + 0.5);
    return 0;
}
