/* What a file is, told from its bytes and never from its name or from what a server says of it. */
#ifndef YMAGO_MEDIA_H
#define YMAGO_MEDIA_H

#include <ymago/base.h>

enum ym_media_kind { YM_MEDIA_IMAGE, YM_MEDIA_VIDEO, YM_MEDIA_AUDIO };

struct ym_media_type { /* static; compare by address or by ext */
    const char *mime;  /* "image/png" */
    const char *ext;   /* "png": the extension that results get */
    enum ym_media_kind kind;
};

enum { YM_MEDIA_HEAD = 64 }; /* more bytes than these say nothing more to ym_media_sniff */

/* The type of a file that begins with these bytes: PNG, JPEG, WebP, GIF, AVIF, HEIC/HEIF, MP4, MOV,
 * WebM, Matroska, MP3, WAV, Ogg (Vorbis, Opus, FLAC, Speex), FLAC, M4A, AAC. NULL for all else,
 * among it SVG, HTML, playlists and archives. Pure. */
const struct ym_media_type *ym_media_sniff(const uint8_t *head, size_t len);

struct ym_media_info {
    const struct ym_media_type *type; /* as sniffed, but an MP4 that holds sound only is an M4A */
    uint32_t width, height; /* pixels as coded, before any cropping or turning; 0 = none */
    int64_t duration_ms;    /* -1 = has none or not told; an estimate for MP3 without index */
    bool c2pa;              /* carries a C2PA manifest (found, not verified) */
};
/* Looks at the structure of the first `size` bytes of fd, by pread in small pieces: a file that is
 * no media or that was cut off is -EBADMSG (YM_EMPTY) with a sentence. What cannot be told without
 * decoding is not: a cut MP3, FLAC or AAC, damaged pixels. -EIO (YM_BROKEN) when reading fails.
 * Any thread; blocks on disk. Work is bounded for hostile files. */
int ym_media_probe_fd(int fd, int64_t size, struct ym_media_info *ret, struct ym_err *e);

/* Extensions, without the dot, in any case: does this name a media file? The list holds more than
 * results use ("jpeg", "m4v", "oga"...). */
bool ym_media_is_ext(const char *ext);
const char *ym_media_mime_of_ext(const char *ext); /* "image/jpeg" for "JPG"; NULL for no media */

#endif
