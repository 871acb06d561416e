/* HTTP by one libcurl multi thread: request in, reply or classified error out. No provider's name.
 *
 * What it guarantees (each has a test):
 *  - a request that pays is sent at most once: its body is streamed and cannot be rewound, so that
 *    libcurl's silent re-send on a kept connection that died becomes an error (YM_AMBIGUOUS);
 *  - redirects are followed here (max 5), each hop judged anew; headers with secrets go only to the
 *    origin (scheme, host, port) of the request's own URL. A request that pays follows none;
 *  - addresses are judged after resolving, before connecting: loopback, private, link-local,
 *    100.64/10, multicast, reserved, and v4-mapped/NAT64/6to4 forms of them are refused unless the
 *    request's origin is in `allow` (configured base_url origins and [net] allow_private);
 *  - https only, plus http for origins in `allow`; TLS >= 1.2, verified; NOPROXY and PROXY are set
 *    explicitly from https_proxy/no_proxy read at start;
 *  - no stall limit before the first reply byte of a request that pays, only `timeout`. */
#ifndef YMAGO_NET_H
#define YMAGO_NET_H

#include <ymago/base.h>

enum ym_effect {
    YM_SAFE,       /* may be repeated freely (GET, polls) */
    YM_IDEMPOTENT, /* may be repeated: the server knows it by a key in its headers */
    YM_PAYS        /* at most once */
};

struct ym_header { /* value or secret, not both; secrets are revealed on the net thread only */
    const char *name;
    const char *value;
    const struct ym_secret *secret;
    const char *prefix; /* before the secret: "Bearer " or NULL */
};

/* A request body is a list of pieces, streamed; a file is never whole in memory. */
struct ym_piece {
    enum { YM_PIECE_BYTES, YM_PIECE_FILE, YM_PIECE_FILE_B64 } type;
    const char *data; /* BYTES */
    size_t len;       /* BYTES */
    int fd;           /* FILE*: read by pread from `offset`, `size` bytes; a shorter file is an error */
    int64_t offset, size;
};
/* Total bytes that the pieces give on the wire, or -EINVAL. Pure. */
int64_t ym_pieces_length(const struct ym_piece *p, size_t n);
/* The stream of the pieces, for net and for tests. read: bytes given, 0 at the end, -EIO. */
struct ym_body;
struct ym_body *ym_body_new(const struct ym_piece *p, size_t n); /* borrows data and fds */
ssize_t ym_body_read(struct ym_body *b, char *buf, size_t len);
void ym_body_free(struct ym_body *b);

struct ym_head {        /* of the final hop; valid during the callback */
    int status;
    int64_t length;     /* Content-Length, or -1 */
    const char *type;   /* Content-Type without parameters, lower case; "" if none */
    const char *const *headers; /* "name: value" lines, lower-case names, NULL-terminated; <= 128, <= 64 KiB */
};

struct ym_net_result {
    int status;            /* 0 = no whole reply head */
    bool sent;             /* at least one byte of the request's head reached a socket */
    bool complete;         /* the whole body arrived (Content-Length or final chunk; a status >= 300
                            * may also end with the connection) */
    struct ym_err err;     /* cls YM_OK when complete (whatever the status); else OFFLINE (nothing was
                            * sent), TRANSIENT (nothing was sent, retry), AMBIGUOUS (sent and pays),
                            * TRANSIENT (sent and safe), INVALID (refused address or scheme), LOCAL
                            * (the sink failed with ENOSPC...), or the sink's class. A status >= 400
                            * whose body was cut has the class of its status, even if it pays */
    int64_t bytes_in, bytes_out;
    ym_dur elapsed;
};

/* Called on the net thread; must not block on anything but local disk. */
struct ym_net_sink {
    /* Once, before any body byte. Non-zero stops the transfer. May be NULL. */
    int (*head)(void *ctx, const struct ym_head *h);
    /* Body bytes in order. Return 0, or -errno to stop; may fill *e (which reaches result.err). */
    int (*body)(void *ctx, const void *data, size_t len, struct ym_err *e);
    /* Exactly once per accepted request, last. */
    void (*done)(void *ctx, const struct ym_net_result *r);
    void *ctx;
};

struct ym_net_request { /* everything is copied by ym_net_submit, except piece data and fds, which the
                         * caller keeps alive until done() */
    const char *method; /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" */
    const char *url;
    const struct ym_header *headers; /* ends with { 0 } */
    const struct ym_piece *pieces;
    size_t npieces;
    enum ym_effect effect;
    ym_dur connect_timeout;  /* 0 = 10 s */
    ym_dur timeout;          /* whole request; 0 = 300 s */
    ym_dur stall;            /* without a byte, after the first reply byte; 0 = 60 s */
    int64_t max_reply;       /* bytes; 0 = 256 MiB; more stops it with YM_EMPTY */
    struct ym_net_sink sink;
};

struct ym_net;
struct ym_net_options {
    const char *const *allow;  /* NULL-terminated "http://127.0.0.1:8080" origins or "host:port"; copied */
    unsigned max_connections;  /* 0 = 128 */
    const char *user_agent;
};
/* Starts the thread. */
int ym_net_new(const struct ym_net_options *o, struct ym_net **ret, struct ym_err *e);
/* Stops at once: running requests end with done() and a YM_CANCELLED error. Joins. */
void ym_net_free(struct ym_net *n);
/* Replaces the list of allowed origins (configuration was reloaded). Any thread. */
void ym_net_allow(struct ym_net *n, const char *const *allow);
/* Any thread. Returns a ticket > 0; errors come through done(), never from here. */
uint64_t ym_net_submit(struct ym_net *n, const struct ym_net_request *r);
/* Ends a request; done() still comes, with YM_CANCELLED (or its true end if it was faster). */
void ym_net_cancel(struct ym_net *n, uint64_t ticket);

/* What an HTTP status means for the engine, before a provider has looked at the body: 2xx YM_OK, 401
 * and 403 YM_AUTH, 404 YM_INVALID, 408 and 429 YM_THROTTLED, 400 and other 4xx YM_INVALID, 500..599
 * YM_TRANSIENT, 3xx YM_INVALID. Pure; one table in net/classify.c. */
enum ym_class ym_http_class(int status);
/* Retry-After as seconds or HTTP date, clamped to 0..24 h; 0 when absent or absurd. Pure. */
ym_dur ym_retry_after(const char *value, ym_wall now);
/* Value of a header in ym_head.headers or a copy of it, or NULL. */
const char *ym_header_get(const char *const *headers, const char *name);
/* "https://host:443" in lower case with the port always there. -EINVAL for anything but http(s). */
int ym_url_origin(const char *url, char *out, size_t size);
/* True when this binary address may not be reached without being configured. sa is sockaddr_in/in6. */
bool ym_address_is_private(const void *sa);

#endif
