/* Small things every room may use. Nothing here knows of jobs, files of the library or providers. */
#ifndef YMAGO_BASE_H
#define YMAGO_BASE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <ymago/error.h>

/* ---- scope exit frees ---- */
static inline void ym_freep(void *p)
{
    free(*(void **)p);
}
void ym_closep(int *fd); /* closes *fd if >= 0, keeps errno */
#define YM_AUTOFREE  __attribute__((cleanup(ym_freep)))
#define YM_AUTOCLOSE __attribute__((cleanup(ym_closep)))
#define ym_steal(pp)                                                                               \
    __extension__({                                                                                \
        typeof(*(pp)) v_ = *(pp);                                                                  \
        *(pp) = NULL;                                                                              \
        v_;                                                                                        \
    })
#define ym_steal_fd(p)                                                                             \
    __extension__({                                                                                \
        int v_ = *(p);                                                                             \
        *(p) = -1;                                                                                 \
        v_;                                                                                        \
    })
#define YM_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* States what *we* promise; stays on in release builds. Aborts with file, line and text. */
#define ym_assert(c) ((c) ? (void)0 : ym_assert_failed(__FILE__, __LINE__, #c))
_Noreturn void ym_assert_failed(const char *file, int line, const char *what);

/* Allocation: NULL only for absurd sizes; a failed malloc of ours ends the process in words, since
 * the journal makes a restart safe and half-handled memory errors are not. Result is zeroed. */
void *ym_alloc(size_t size);
void *ym_alloc_array(size_t n, size_t size); /* overflow checked */
void *ym_realloc(void *p, size_t size);
char *ym_strdup(const char *s);                 /* NULL -> NULL */
char *ym_strndup(const char *s, size_t n);
__attribute__((format(printf, 1, 2))) char *ym_asprintf(const char *fmt, ...);

/* ---- time ---- */
struct ym_clock { /* handed to the engine, so that tests can move it */
    ym_mono (*mono)(void *ctx);
    ym_wall (*wall)(void *ctx);
    void *ctx;
};
extern const struct ym_clock ym_clock_real;
ym_mono ym_mono_now(void);
ym_wall ym_wall_now(void);
/* "2026-11-20T10:15:02.123Z"; `out` takes 32 bytes. */
const char *ym_wall_iso(ym_wall t, char out[static 32]);
/* Reads that form, with or without the fraction. -EINVAL. */
int ym_wall_parse(const char *s, ym_wall *ret);
/* Local calendar day "2026-11-20" and month "2026-11" of t. */
const char *ym_wall_day(ym_wall t, char out[static 16]);
const char *ym_wall_month(ym_wall t, char out[static 16]);
/* The next midnight of a fixed offset from UTC in minutes (Gemini's quota day: Pacific). */
ym_wall ym_wall_next_midnight(ym_wall t, int utc_offset_min);
/* The next local midnight of this machine's time zone. */
ym_wall ym_wall_next_local_midnight(ym_wall t);

/* ---- buffers: owned bytes, always NUL-terminated, with a hard maximum ---- */
struct ym_buf {
    char *data; /* never NULL after ym_buf_init + one append; valid until the next call */
    size_t len, cap, max;
};
void ym_buf_init(struct ym_buf *b, size_t max);
void ym_buf_fini(struct ym_buf *b);
#define YM_AUTOBUF __attribute__((cleanup(ym_buf_fini)))
/* 0, or -ENOBUFS when max would be passed (nothing is appended then). */
int ym_buf_add(struct ym_buf *b, const void *data, size_t len);
int ym_buf_adds(struct ym_buf *b, const char *s);
__attribute__((format(printf, 2, 3))) int ym_buf_addf(struct ym_buf *b, const char *fmt, ...);
char *ym_buf_steal(struct ym_buf *b); /* the text, "" if nothing was added; caller frees; b is empty */

/* ---- ids and randomness ---- */
#define YM_ID_LEN 26
struct ym_id {
    char s[YM_ID_LEN + 1];
}; /* ULID: 48 bits of milliseconds + 80 random bits, Crockford base32; sorts by
    * time, and within a millisecond as made in this process */
struct ym_id ym_id_new(ym_wall now);
bool ym_id_valid(const char *s);
void ym_random(void *buf, size_t len);
uint64_t ym_random_below(uint64_t n); /* 0..n-1, n > 0 */

/* ---- digests: BLAKE2b-256 by libb2 ---- */
struct ym_digest {
    uint8_t b[32];
};
struct ym_hash; /* streaming */
struct ym_hash *ym_hash_new(void);
void ym_hash_free(struct ym_hash *h);
void ym_hash_add(struct ym_hash *h, const void *data, size_t len);
/* A length-prefixed field, so that ("ab","c") and ("a","bc") differ. */
void ym_hash_field(struct ym_hash *h, const void *data, size_t len);
struct ym_digest ym_hash_end(struct ym_hash *h); /* h may only be freed afterwards */
struct ym_digest ym_digest_of(const void *data, size_t len);
const char *ym_digest_hex(const struct ym_digest *d, char out[static 65]);
int ym_digest_parse(const char *hex, struct ym_digest *ret); /* 64 hex digits, else -EINVAL */
bool ym_digest_eq(const struct ym_digest *a, const struct ym_digest *b);
bool ym_digest_is_zero(const struct ym_digest *d);

/* ---- text ---- */
/* Length of the valid UTF-8 prefix of s (no overlong forms, no surrogates, <= U+10FFFF; NUL is valid
 * UTF-8 here). Equal to len when all of it is valid. */
size_t ym_utf8_valid(const char *s, size_t len);
size_t ym_utf8_count(const char *s, size_t len);              /* code points of valid text */
size_t ym_utf8_cut(const char *s, size_t len, size_t max);    /* bytes <= max on a boundary */
/* Appends text made safe to show on one line: C0, C1, DEL and bidi controls become \xNN / \u{N},
 * invalid bytes \xNN; at most max bytes of output. */
void ym_text_escape(struct ym_buf *out, const char *s, size_t len, size_t max);
/* The same into a fixed array. Returns out. */
const char *ym_text_show(const char *s, char *out, size_t size);
bool ym_text_has_control(const char *s, size_t len); /* C0 (but TAB), C1, DEL or bidi controls */
/* Trims ASCII white space and U+FEFF at both ends; returns the new start, *len is changed. */
const char *ym_text_trim(const char *s, size_t *len);
/* The entry of the NULL-terminated list nearest to `word` (Damerau-Levenshtein <= 2 and less than
 * half of its length), or NULL. Case, '-' and '_' do not count. */
const char *ym_text_suggest(const char *word, const char *const *list);

/* ---- base64 (RFC 4648 section 4) ---- */
struct ym_b64_dec { /* zero-initialise; strict: padding required, no white space, canonical bits */
    uint8_t part[4];
    unsigned nparts;
    bool ended;
};
/* Decodes any split of the input. out holds at least (len / 4 + 1) * 3 bytes. Returns the number of
 * bytes written, or -EBADMSG. */
ssize_t ym_b64_decode(struct ym_b64_dec *d, const char *in, size_t len, uint8_t *out);
int ym_b64_decode_end(const struct ym_b64_dec *d); /* 0 if the text was whole, else -EBADMSG */
/* out holds 4 * ((len + 2) / 3) bytes; not NUL-terminated. Returns the length. */
size_t ym_b64_encode(const uint8_t *in, size_t len, char *out);

/* ---- log: one line each, to the file descriptor set, or standard error ---- */
enum ym_level { YM_ERROR, YM_WARN, YM_INFO, YM_DEBUG };
void ym_log_open(int fd, enum ym_level level); /* fd is borrowed; -1 = standard error */
int ym_log_level_parse(const char *name, enum ym_level *ret);
/* "2026-11-20T10:15:02.123Z info engine: job=ID text". Registered secrets are masked, control
 * characters escaped. Never fails, never blocks on anything but the write. Any thread. */
__attribute__((format(printf, 3, 4))) void ym_log(enum ym_level l, const char *room,
                                                  const char *fmt, ...);

/* ---- secrets ---- */
struct ym_secret; /* opaque on purpose: it cannot be printed by accident */
struct ym_secret *ym_secret_new(const char *text, size_t len); /* also registers it for masking */
void ym_secret_free(struct ym_secret *s);                      /* wipes; NULL is fine */
/* The bytes, for the one place that writes them to a socket. Borrowed. */
const char *ym_secret_reveal(const struct ym_secret *s);
/* Masks every registered secret of at least 6 bytes in place ("***" + filler). Used on everything
 * that comes in or is logged. Any thread. */
void ym_secret_mask(char *text, size_t len);

#endif
