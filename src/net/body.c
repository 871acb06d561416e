/* A request body as a stream of pieces. */
#include "body.h"
#include <errno.h>
#include <unistd.h>

#define RAW_CHUNK 12288 /* divisible by 3: only the last chunk of a file is padded */
#define B64_CHUNK (RAW_CHUNK / 3 * 4)

struct ym_body {
    struct ym_piece *pieces;
    size_t n, at;    /* at: the piece being read */
    int64_t done;    /* bytes already taken from it, as they are in memory or in the file */
    char *text;      /* base64 of the last chunk read, or NULL */
    size_t pos, len; /* what of it is not given yet */
    uint8_t *raw;
};

static bool file_range_ok(const struct ym_piece *p)
{
    int64_t end;
    return p->fd >= 0 && p->offset >= 0 && p->size >= 0 && p->size <= INT64_MAX / 4 &&
           !__builtin_add_overflow(p->offset, p->size, &end);
}

static int64_t piece_length(const struct ym_piece *p)
{
    switch (p->type) {
    case YM_PIECE_BYTES:
        return p->len > INT64_MAX || (p->len && !p->data) ? -EINVAL : (int64_t)p->len;
    case YM_PIECE_FILE:
        return file_range_ok(p) ? p->size : -EINVAL;
    case YM_PIECE_FILE_B64:
        return file_range_ok(p) ? (p->size + 2) / 3 * 4 : -EINVAL;
    }
    return -EINVAL;
}

int64_t ym_pieces_length(const struct ym_piece *p, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t len = piece_length(&p[i]);
        if (len < 0 || __builtin_add_overflow(sum, len, &sum))
            return -EINVAL;
    }
    return sum;
}

struct ym_body *ym_body_new(const struct ym_piece *p, size_t n)
{
    struct ym_body *b = ym_alloc(sizeof(*b));
    b->pieces = ym_alloc_array(n ? n : 1, sizeof(*p));
    if (n)
        memcpy(b->pieces, p, n * sizeof(*p));
    b->n = n;
    for (size_t i = 0; i < n && !b->text; i++) {
        if (p[i].type == YM_PIECE_FILE_B64) {
            b->text = ym_alloc(B64_CHUNK);
            b->raw = ym_alloc(RAW_CHUNK);
        }
    }
    return b;
}

void ym_body_free(struct ym_body *b)
{
    if (!b)
        return;
    free(b->pieces);
    free(b->text);
    free(b->raw);
    free(b);
}

void body_rewind(struct ym_body *b)
{
    b->at = 0;
    b->done = 0;
    b->pos = b->len = 0;
}

/* The promised length is on the wire already: a file that ends early cannot be made up for. */
static int file_read(const struct ym_piece *p, int64_t done, void *buf, size_t len)
{
    size_t have = 0;
    while (have < len) {
        ssize_t r = pread(p->fd, (char *)buf + have, len - have, p->offset + done + (int64_t)have);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return -EIO;
        have += (size_t)r;
    }
    return 0;
}

static size_t at_most(size_t len, int64_t left)
{
    return (uint64_t)left > len ? len : (size_t)left;
}

static ssize_t read_bytes(struct ym_body *b, const struct ym_piece *p, char *buf, size_t len)
{
    size_t n = at_most(len, (int64_t)p->len - b->done);
    memcpy(buf, p->data + b->done, n);
    b->done += (int64_t)n;
    return (ssize_t)n;
}

static ssize_t read_file(struct ym_body *b, const struct ym_piece *p, char *buf, size_t len)
{
    size_t n = at_most(len, p->size - b->done);
    if (file_read(p, b->done, buf, n) < 0)
        return -EIO;
    b->done += (int64_t)n;
    return (ssize_t)n;
}

static ssize_t read_base64(struct ym_body *b, const struct ym_piece *p, char *buf, size_t len)
{
    if (b->pos == b->len) {
        size_t n = at_most(RAW_CHUNK, p->size - b->done);
        if (file_read(p, b->done, b->raw, n) < 0)
            return -EIO;
        b->done += (int64_t)n;
        b->pos = 0;
        b->len = ym_b64_encode(b->raw, n, b->text);
    }
    size_t n = at_most(len, (int64_t)(b->len - b->pos));
    memcpy(buf, b->text + b->pos, n);
    b->pos += n;
    return (ssize_t)n;
}

static ssize_t piece_read(struct ym_body *b, char *buf, size_t len)
{
    const struct ym_piece *p = &b->pieces[b->at];
    int64_t size = p->type == YM_PIECE_BYTES ? (int64_t)p->len : p->size;
    if (b->done == size && b->pos == b->len) {
        b->at++;
        b->done = 0;
        return 0;
    }
    switch (p->type) {
    case YM_PIECE_BYTES:
        return read_bytes(b, p, buf, len);
    case YM_PIECE_FILE:
        return read_file(b, p, buf, len);
    case YM_PIECE_FILE_B64:
        return read_base64(b, p, buf, len);
    }
    return -EIO;
}

ssize_t ym_body_read(struct ym_body *b, char *buf, size_t len)
{
    size_t have = 0;
    while (have < len && b->at < b->n) {
        ssize_t r = piece_read(b, buf + have, len - have);
        if (r < 0)
            return r;
        have += (size_t)r;
    }
    return (ssize_t)have;
}
