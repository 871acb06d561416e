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

/* ---- child processes: started nowhere else in the program ----
 * In a cage: bubblewrap (no network, no other processes, read-only /usr, nothing of the user's files), or
 * where that cannot be had Landlock with a network filter; without either it is refused. An empty
 * environment, resource limits, a process group of its own that is killed as a whole at the end, on
 * cancelling and when the time is up. It starts no processes of its own, only threads. What it reads and
 * writes are open descriptors, which it knows as /proc/self/fd/N: no path of ours is visible to it. One that
 * is open for reading cannot be written (a kernel without Landlock ensures that only where all are so). */
struct ym_child_file {
    int fd;                    /* ours; borrowed */
    int as;                    /* its number there, >= 3: "/proc/self/fd/4" */
};
struct ym_child {
    const char *const *argv;   /* NULL-terminated; argv[0] is a name in /usr/bin */
    const struct ym_child_file *files;
    unsigned nfiles;           /* at most 24 */
    const char *input;         /* its standard input; NULL = /dev/null */
    size_t input_len;
    /* Its standard input in pieces instead, asked for whenever it can take more: bytes written to `buf`, 0 at
     * the end, -errno to end it all. On the calling thread, as line and stopped. */
    ssize_t (*feed)(void *ctx, void *buf, size_t size);
    struct ym_buf *out;        /* its standard output, up to out->max, then -E2BIG; NULL = not read */
    void (*line)(void *ctx, const char *line); /* each line of standard output instead; may be NULL */
    bool (*stopped)(void *ctx);                /* asked about four times a second; may be NULL */
    void *ctx;
    ym_dur limit;              /* wall clock; 0 = 60 s */
    int64_t max_memory, max_file; /* bytes; 0 = 2 GiB, 4 GiB */
};
/* Runs it to its end. 0 when it exited with 0. -EIO (YM_LOCAL) with its last words in e->words when it
 * failed, -ETIME when time was up, -ECANCELED (YM_CANCELLED), -ENOENT when the program is not installed,
 * -EPERM when no cage can be had. Worker threads. */
int ym_child_run(const struct ym_child *c, struct ym_err *e);
bool ym_child_has(const char *program); /* is it installed? */

/* Decodes the beginning of a video or sound file with ffprobe in the cage, by the demuxer of the sniffed
 * type alone: a broken header or a file without a stream of its kind is -EBADMSG (YM_EMPTY) with a
 * sentence. Corrects width, height and duration of *info. 0 also when ffprobe is not installed: then what
 * ym_media_probe_fd saw must do. Images are not looked at. Worker threads. */
int ym_media_check_fd(int fd, struct ym_media_info *info, struct ym_err *e);

#endif
