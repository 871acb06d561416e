/* Types by their first bytes, and the list of extensions. */
#include <string.h>
#include <strings.h>

#include "probe.h"

// clang-format off
static const struct ym_media_type
    type_png  = {"image/png",        "png",  YM_MEDIA_IMAGE},
    type_jpeg = {"image/jpeg",       "jpg",  YM_MEDIA_IMAGE},
    type_webp = {"image/webp",       "webp", YM_MEDIA_IMAGE},
    type_gif  = {"image/gif",        "gif",  YM_MEDIA_IMAGE},
    type_avif = {"image/avif",       "avif", YM_MEDIA_IMAGE},
    type_heic = {"image/heic",       "heic", YM_MEDIA_IMAGE},
    type_heif = {"image/heif",       "heif", YM_MEDIA_IMAGE},
    type_mp4  = {"video/mp4",        "mp4",  YM_MEDIA_VIDEO},
    type_mov  = {"video/quicktime",  "mov",  YM_MEDIA_VIDEO},
    type_webm = {"video/webm",       "webm", YM_MEDIA_VIDEO},
    type_mkv  = {"video/x-matroska", "mkv",  YM_MEDIA_VIDEO},
    type_mp3  = {"audio/mpeg",       "mp3",  YM_MEDIA_AUDIO},
    type_wav  = {"audio/wav",        "wav",  YM_MEDIA_AUDIO},
    type_ogg  = {"audio/ogg",        "ogg",  YM_MEDIA_AUDIO},
    type_flac = {"audio/flac",       "flac", YM_MEDIA_AUDIO},
    type_aac  = {"audio/aac",        "aac",  YM_MEDIA_AUDIO};
const struct ym_media_type type_m4a = {"audio/mp4", "m4a", YM_MEDIA_AUDIO};

static const struct {
    const char *ext;
    const struct ym_media_type *type;
} extensions[] = {
    {"png", &type_png},   {"jpg", &type_jpeg},  {"jpeg", &type_jpeg}, {"jpe", &type_jpeg},
    {"webp", &type_webp}, {"gif", &type_gif},   {"avif", &type_avif}, {"heic", &type_heic},
    {"heif", &type_heif}, {"mp4", &type_mp4},   {"m4v", &type_mp4},   {"mov", &type_mov},
    {"webm", &type_webm}, {"mkv", &type_mkv},   {"mp3", &type_mp3},   {"wav", &type_wav},
    {"ogg", &type_ogg},   {"oga", &type_ogg},   {"opus", &type_ogg},  {"flac", &type_flac},
    {"m4a", &type_m4a},   {"aac", &type_aac},
};

/* Brands of ISO base media files. A first brand that is not here is looked past: its compatible
 * brands then decide. */
static const struct {
    char brand[5];
    const struct ym_media_type *type;
} brands[] = {
    {"avif", &type_avif}, {"avis", &type_avif},
    {"heic", &type_heic}, {"heix", &type_heic}, {"heim", &type_heic}, {"heis", &type_heic},
    {"hevc", &type_heic}, {"hevx", &type_heic}, {"hevm", &type_heic}, {"hevs", &type_heic},
    {"M4A ", &type_m4a},  {"M4B ", &type_m4a},
    {"qt  ", &type_mov},
    {"isom", &type_mp4},  {"iso2", &type_mp4},  {"iso3", &type_mp4},  {"iso4", &type_mp4},
    {"iso5", &type_mp4},  {"iso6", &type_mp4},  {"iso7", &type_mp4},  {"iso8", &type_mp4},
    {"iso9", &type_mp4},  {"mp41", &type_mp4},  {"mp42", &type_mp4},  {"avc1", &type_mp4},
    {"M4V ", &type_mp4},  {"M4VH", &type_mp4},  {"M4VP", &type_mp4},  {"MSNV", &type_mp4},
    {"dash", &type_mp4},  {"mmp4", &type_mp4},  {"3gp4", &type_mp4},  {"3gp5", &type_mp4},
    {"3gp6", &type_mp4},  {"cmfc", &type_mp4},  {"f4v ", &type_mp4},
};
// clang-format on

static const struct ym_media_type *brand_type(const uint8_t *p)
{
    for (size_t i = 0; i < YM_COUNT(brands); i++)
        if (memcmp(p, brands[i].brand, 4) == 0)
            return brands[i].type;
    return NULL;
}

static const struct ym_media_type *sniff_bmff(const uint8_t *p, size_t len)
{
    uint32_t box = be32(p);
    if (box < 16 || box > 4096)
        return NULL;
    const struct ym_media_type *t = brand_type(p + 8);
    if (t)
        return t;
    bool is_image = memcmp(p + 8, "mif1", 4) == 0 || memcmp(p + 8, "msf1", 4) == 0;
    for (size_t i = 16; i + 4 <= len && i + 4 <= box; i += 4) {
        t = brand_type(p + i);
        if (t && (!is_image || t->kind == YM_MEDIA_IMAGE))
            return t;
    }
    return is_image ? &type_heif : NULL;
}

static const struct ym_media_type *sniff_ebml(const uint8_t *p, size_t len)
{
    uint64_t id, size;
    unsigned n = ebml_number(p + 4, len - 4, false, &size);
    for (size_t at = 4 + n; n > 0 && at < len;) {
        unsigned a = ebml_number(p + at, len - at, true, &id);
        unsigned b = a ? ebml_number(p + at + a, len - at - a, false, &size) : 0;
        if (b == 0 || size > len - at - a - b)
            return NULL;
        at += a + b;
        if (id == 0x4282) {
            while (size > 0 && p[at + size - 1] == '\0') /* it may be padded */
                size--;
            if (size == 4 && memcmp(p + at, "webm", 4) == 0)
                return &type_webm;
            return size == 8 && memcmp(p + at, "matroska", 8) == 0 ? &type_mkv : NULL;
        }
        at += size;
    }
    return NULL;
}

static const struct ym_media_type *sniff_ogg(const uint8_t *p, size_t len)
{
    static const struct {
        const char *magic;
        size_t len;
    } codecs[] = {{"\x01vorbis", 7},
                  {"OpusHead", 8},
                  {"\x7F"
                   "FLAC",
                   5},
                  {"Speex   ", 8}};
    for (size_t i = 0; len >= 36 && i < YM_COUNT(codecs); i++)
        if (memcmp(p + 28, codecs[i].magic, codecs[i].len) == 0)
            return &type_ogg;
    return NULL;
}

static const struct ym_media_type *sniff_mpeg_audio(const uint8_t *p)
{
    struct mp3_frame f;
    if (mp3_frame_parse(p, &f))
        return &type_mp3;
    /* ADTS: sync, layer 0, a known sampling rate. */
    if (p[0] == 0xFF && (p[1] & 0xF6) == 0xF0 && (p[2] >> 2 & 15) < 13)
        return &type_aac;
    return NULL;
}

const struct ym_media_type *ym_media_sniff(const uint8_t *p, size_t len)
{
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    if (len > YM_MEDIA_HEAD)
        len = YM_MEDIA_HEAD;
    if (len < 12)
        return NULL;
    if (memcmp(p, png, 8) == 0)
        return &type_png;
    if (p[0] == 0xFF && p[1] == 0xD8 && p[2] == 0xFF)
        return &type_jpeg;
    if (memcmp(p, "GIF87a", 6) == 0 || memcmp(p, "GIF89a", 6) == 0)
        return &type_gif;
    if (memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0)
        return &type_webp;
    if (memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WAVE", 4) == 0)
        return &type_wav;
    if (memcmp(p + 4, "ftyp", 4) == 0)
        return sniff_bmff(p, len);
    if (memcmp(p, "\x1A\x45\xDF\xA3", 4) == 0)
        return sniff_ebml(p, len);
    if (memcmp(p, "OggS", 5) == 0) /* with its version, 0 */
        return sniff_ogg(p, len);
    if (memcmp(p, "fLaC", 4) == 0)
        return &type_flac;
    if (memcmp(p, "ID3", 3) == 0 && p[3] < 5 && !((p[6] | p[7] | p[8] | p[9]) & 0x80))
        return &type_mp3;
    return sniff_mpeg_audio(p);
}

const char *ym_media_mime_of_ext(const char *ext)
{
    for (size_t i = 0; i < YM_COUNT(extensions); i++)
        if (strcasecmp(ext, extensions[i].ext) == 0)
            return extensions[i].type->mime;
    return NULL;
}

bool ym_media_is_ext(const char *ext)
{
    return ym_media_mime_of_ext(ext) != NULL;
}
