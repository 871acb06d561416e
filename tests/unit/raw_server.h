/* A server on 127.0.0.1 that does on each connection exactly what a test wants, byte by byte. */
#ifndef RAW_SERVER_H
#define RAW_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <ymago/base.h>

#define RAW_CONNECTIONS_MAX 64

struct raw_server;
/* Serves one connection; `nth` counts from 0. Returning closes it. */
typedef void raw_serve_fn(struct raw_server *s, int fd, int nth);

struct raw_connection {
    struct raw_server *server;
    pthread_t thread;
    int fd, nth;
};

struct raw_server {
    raw_serve_fn *serve;
    void *ctx;
    int fd, port, stop[2];
    pthread_t thread;
    struct raw_connection conns[RAW_CONNECTIONS_MAX];
    atomic_int nconns;   /* accepted */
    atomic_int requests; /* whole requests read, head and body */
    pthread_mutex_t lock;
    char last[65536]; /* the last request's head, lower case untouched */
    char *last_body;
    size_t last_body_len;
};

/* Waits until fd can be read; false when the server is being stopped. */
static inline bool raw_readable(struct raw_server *s, int fd)
{
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};
    while (poll(p, 2, -1) < 0)
        ;
    return !p[1].revents;
}

static inline const char *raw_find_header(const char *head, const char *name)
{
    size_t n = strlen(name);
    for (const char *l = strstr(head, "\r\n"); l && l[2] != '\r'; l = strstr(l + 2, "\r\n"))
        if (strncasecmp(l + 2, name, n) == 0 && l[2 + n] == ':')
            return l + 2 + n + 1 + strspn(l + 2 + n + 1, " ");
    return NULL;
}

/* Reads the head only. False: the peer is gone. */
static inline bool raw_read_head(struct raw_server *s, int fd, char *head, size_t size)
{
    size_t n = 0;
    while (n + 1 < size && raw_readable(s, fd)) {
        if (recv(fd, head + n, 1, 0) != 1)
            return false;
        head[++n] = '\0';
        if (n >= 4 && memcmp(head + n - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

/* The head of the request that this connection's thread read last; s->last is that of any connection. */
static _Thread_local char raw_request[8192];

/* Reads one whole request, counts and remembers it. */
static inline bool raw_read_request(struct raw_server *s, int fd)
{
    YM_AUTOFREE char *head = ym_alloc(sizeof(s->last));
    if (!raw_read_head(s, fd, head, sizeof(s->last)))
        return false;
    const char *length = raw_find_header(head, "content-length");
    size_t want = length ? strtoul(length, NULL, 10) : 0, have = 0;
    char *body = ym_alloc(want + 1);
    while (have < want) {
        ssize_t r = raw_readable(s, fd) ? recv(fd, body + have, want - have, 0) : 0;
        if (r <= 0) {
            free(body);
            return false;
        }
        have += (size_t)r;
    }
    snprintf(raw_request, sizeof(raw_request), "%s", head);
    pthread_mutex_lock(&s->lock);
    memcpy(s->last, head, sizeof(s->last));
    free(s->last_body);
    s->last_body = body;
    s->last_body_len = want;
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->requests, 1);
    return true;
}

static inline void raw_send(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t r = send(fd, p, len, MSG_NOSIGNAL);
        if (r <= 0)
            return;
        p += r;
        len -= (size_t)r;
    }
}

__attribute__((format(printf, 2, 3))) static inline void raw_printf(int fd, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    raw_send(fd, text, (size_t)n);
}

static inline void raw_ok(int fd, const char *body)
{
    raw_printf(
        fd,
        "HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=x\r\nContent-Length: %zu\r\n\r\n%s",
        strlen(body), body);
}

/* The next close sends RST. */
static inline void raw_reset_on_close(int fd)
{
    struct linger l = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

/* Until the peer closes or the server stops: a hang without a sleep. */
static inline void raw_hang(struct raw_server *s, int fd)
{
    char c[512];
    while (raw_readable(s, fd) && recv(fd, c, sizeof(c), 0) > 0)
        ;
}

static inline void *raw_connection_run(void *arg)
{
    struct raw_connection *c = arg;
    c->server->serve(c->server, c->fd, c->nth);
    close(c->fd);
    return NULL;
}

static inline void *raw_run(void *arg)
{
    struct raw_server *s = arg;
    while (raw_readable(s, s->fd)) {
        int n = atomic_load(&s->nconns);
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            break;
        ym_assert(n < RAW_CONNECTIONS_MAX);
        s->conns[n] = (struct raw_connection){.server = s, .fd = fd, .nth = n};
        ym_assert(pthread_create(&s->conns[n].thread, NULL, raw_connection_run, &s->conns[n]) == 0);
        atomic_store(&s->nconns, n + 1);
    }
    return NULL;
}

static inline struct raw_server *raw_start(raw_serve_fn *serve, void *ctx)
{
    struct raw_server *s = ym_alloc(sizeof(*s));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    s->serve = serve;
    s->ctx = ctx;
    pthread_mutex_init(&s->lock, NULL);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ym_assert(s->fd >= 0 && pipe(s->stop) == 0);
    ym_assert(bind(s->fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(s->fd, 64) == 0);
    ym_assert(getsockname(s->fd, (struct sockaddr *)&a, &len) == 0);
    s->port = ntohs(a.sin_port);
    ym_assert(pthread_create(&s->thread, NULL, raw_run, s) == 0);
    return s;
}

static inline void raw_stop(struct raw_server *s)
{
    close(s->stop[1]); /* everything that waits becomes readable */
    pthread_join(s->thread, NULL);
    for (int i = 0; i < atomic_load(&s->nconns); i++)
        pthread_join(s->conns[i].thread, NULL);
    close(s->stop[0]);
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
    free(s->last_body);
    free(s);
}

#endif
