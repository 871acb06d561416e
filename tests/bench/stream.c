/* The leanest client that still makes files: scans the answer and decodes its base64 straight into
 * the file while the bytes arrive. No journal, no sidecar, no check of the picture, no fsync.
 *   stream URL COUNT CONNECTIONS DIR */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <ymago/base.h>

#include "client.h"

static const char needle[] = "\"data\":\"";
#define NEEDLE (sizeof needle - 1)
#define CHUNK  65536

struct one {
    int fd;
    enum { SEEKING, INSIDE, BEHIND } state;
    size_t matched; /* of the needle */
    struct ym_b64_dec dec;
};

static void *begin(void *ctx, int n)
{
    struct one *o = ym_alloc(sizeof *o);
    YM_AUTOFREE char *path = ym_asprintf("%s/%06d.jpg", (const char *)ctx, n);
    o->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (o->fd >= 0)
        return o;
    perror(path);
    free(o);
    return NULL;
}

/* A mismatch restarts at 0 or 1, which is enough for these answers: no `"data"` stands before it. */
static const char *seek(struct one *o, const char *p, const char *end)
{
    for (; p < end && o->matched < NEEDLE; p++)
        o->matched = *p == needle[o->matched] ? o->matched + 1 : *p == needle[0];
    if (o->matched == NEEDLE)
        o->state = INSIDE;
    return p;
}

static bool decode(struct one *o, const char *data, size_t len)
{
    static uint8_t out[(CHUNK / 4 + 1) * 3];
    for (size_t at = 0; at < len;) {
        size_t n = len - at < CHUNK ? len - at : CHUNK;
        ssize_t got = ym_b64_decode(&o->dec, data + at, n, out);
        if (got < 0 || write(o->fd, out, (size_t)got) != got)
            return false;
        at += n;
    }
    return true;
}

static bool body(void *one, const char *data, size_t len)
{
    struct one *o = one;
    const char *p = data, *end = data + len;
    if (o->state == SEEKING)
        p = seek(o, p, end);
    if (o->state != INSIDE || p == end)
        return true;
    const char *quote = memchr(p, '"', (size_t)(end - p));
    if (quote)
        o->state = BEHIND;
    return decode(o, p, (size_t)((quote ? quote : end) - p));
}

static bool end(void *one)
{
    struct one *o = one;
    bool ok = o->state == BEHIND && ym_b64_decode_end(&o->dec) == 0;
    ok = close(o->fd) == 0 && ok;
    free(o);
    return ok;
}

int main(int argc, char **argv)
{
    static const struct client_ops ops = {begin, body, end};
    if (argc == 5)
        return client_main(argv, &ops, argv[4]);
    fprintf(stderr, "usage: stream URL COUNT CONNECTIONS DIR\n");
    return 2;
}
