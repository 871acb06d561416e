/* A provider on loopback that is never the bottleneck: one epoll thread, answers made beforehand.
 *   fake_provider SIZE...     prints its port, serves until its standard input ends
 *   POST /SIZE/v1beta/models/MODEL:generateContent   a picture of SIZE bytes, at once
 *   POST /hold/...                                   counted, never answered
 *   POST /slow/...                                   the smallest picture, SLOW_NS later
 *   GET  /_fake/stats    {"requests", "first_ns", "last_ns"} of CLOCK_MONOTONIC
 *   POST /_fake/reset    forgets them */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <ymago/base.h>

#include "reply.h"

#define SIZES_MAX   8
#define REQUEST_MAX 65536
#define SLOW_NS     INT64_C(500000000)

struct conn {
    int fd;
    size_t have;              /* bytes of `in` */
    const struct reply *reply; /* being sent; or NULL: `small` is */
    char serial[REPLY_SERIAL];
    char small[512];
    size_t sent, total;       /* of what is being sent; total 0 = nothing */
    bool held;                /* no answer yet; what comes meanwhile waits */
    int64_t due;              /* slow: when it is answered */
    struct conn *later;       /* slow: the next to be answered */
    char in[REQUEST_MAX + 1];
};

static struct {
    int epoll;
    struct reply replies[SIZES_MAX];
    size_t nreplies;
    uint64_t serial, requests;
    int64_t first_ns, last_ns;
    struct conn *slow, **slow_tail; /* in the order of their answers */
} fake;

static void conn_close(struct conn *c)
{
    for (struct conn **p = &fake.slow; *p && c->due; p = &(*p)->later)
        if (*p == c) {
            *p = c->later;
            if (fake.slow_tail == &c->later)
                fake.slow_tail = p;
            break;
        }
    close(c->fd);
    free(c);
}

/* ---- answering ---- */

static void answer_small(struct conn *c, const char *status, const char *body)
{
    int n = snprintf(c->small, sizeof c->small,
                     "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
                     strlen(body), body);
    c->reply = NULL;
    c->sent = 0;
    c->total = (size_t)n;
}

static void answer_error(struct conn *c, int code, const char *status, const char *message)
{
    char body[256], line[64];
    snprintf(body, sizeof body, "{\"error\":{\"code\":%d,\"message\":\"%s\",\"status\":\"%s\"}}", code, message, status);
    snprintf(line, sizeof line, "%d %s", code, status);
    answer_small(c, line, body);
}

static void answer_picture(struct conn *c, size_t size)
{
    for (size_t i = 0; i < fake.nreplies; i++) {
        if (fake.replies[i].image != size)
            continue;
        c->reply = &fake.replies[i];
        c->sent = 0;
        c->total = c->reply->len;
        reply_serial(++fake.serial, c->serial);
        return;
    }
    answer_error(c, 404, "NOT_FOUND", "this size was not named at the start");
}

static void answer_stats(struct conn *c)
{
    char body[160];
    snprintf(body, sizeof body, "{\"requests\":%llu,\"first_ns\":%lld,\"last_ns\":%lld}",
             (unsigned long long)fake.requests, (long long)fake.first_ns, (long long)fake.last_ns);
    answer_small(c, "200 OK", body);
}

static void answer_later(struct conn *c)
{
    c->held = true;
    c->due = ym_mono_now().ns + SLOW_NS;
    c->later = NULL;
    *fake.slow_tail = c;
    fake.slow_tail = &c->later;
}

static void count(void)
{
    fake.last_ns = ym_mono_now().ns;
    if (fake.requests++ == 0)
        fake.first_ns = fake.last_ns;
}

/* `head` ends with its blank line and is followed by `len` bytes of body. */
static void request_serve(struct conn *c, const char *head, const char *body, size_t len)
{
    const char *path = strchr(head, ' ') + 1;
    if (strncmp(head, "GET /_fake/stats ", 17) == 0) {
        answer_stats(c);
        return;
    }
    if (strncmp(head, "POST /_fake/reset ", 18) == 0) {
        fake.requests = 0;
        fake.first_ns = fake.last_ns = 0;
        answer_small(c, "200 OK", "{}");
        return;
    }
    const char *verb = strstr(path, ":generateContent ");
    if (strncmp(head, "POST /", 6) != 0 || !verb || verb > strchr(path, '\r')) {
        answer_error(c, 404, "NOT_FOUND", "only generateContent is served");
        return;
    }
    count();
    if (!strcasestr(head, "\r\nx-goog-api-key: "))
        answer_error(c, 403, "PERMISSION_DENIED", "no key was sent");
    else if (len < 2 || body[0] != '{' || body[len - 1] != '}' || !memmem(body, len, "\"contents\"", 10))
        answer_error(c, 400, "INVALID_ARGUMENT", "the body is no request");
    else if (strncmp(path, "/hold/", 6) == 0)
        c->held = true;
    else if (strncmp(path, "/slow/", 6) == 0)
        answer_later(c);
    else
        answer_picture(c, strtoull(path + 1, NULL, 10));
}

/* ---- connections ---- */

/* What is left of the answer, as up to three pieces: the serial stands in the middle. */
static size_t pieces(const struct conn *c, struct iovec v[static 3])
{
    const struct reply *r = c->reply;
    size_t n = 0, start = 0, end = r ? r->serial : c->total;
    for (int i = 0; start < c->total; i++) {
        const char *from = !r ? c->small : i == 1 ? c->serial : r->data + start;
        size_t skip = c->sent > start ? c->sent - start : 0;
        if (skip < end - start)
            v[n++] = (struct iovec){(char *)(uintptr_t)from + skip, end - start - skip};
        start = end;
        end = i == 0 ? end + REPLY_SERIAL : c->total;
    }
    return n;
}

/* Sends what fits. False = the connection is gone. */
static bool conn_send(struct conn *c)
{
    while (c->sent < c->total) {
        struct iovec v[3];
        struct msghdr m = {.msg_iov = v, .msg_iovlen = pieces(c, v)};
        ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN;
        c->sent += (size_t)n;
    }
    c->total = 0;
    return true;
}

/* Serves one whole request out of `in`. False = there is none yet, or it makes no sense (*ret_bad). */
static bool conn_take(struct conn *c, bool *ret_bad)
{
    c->in[c->have] = '\0';
    char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
    *ret_bad = !end && c->have == REQUEST_MAX;
    if (!end)
        return false;
    size_t nhead = (size_t)(end - c->in) + 4, len = 0;
    end[2] = '\0';
    const char *field = strcasestr(c->in, "\r\nContent-Length:");
    if (field)
        len = strtoull(field + 17, NULL, 10);
    end[2] = '\r';
    *ret_bad = len > REQUEST_MAX - nhead || !strchr(c->in, ' ');
    if (*ret_bad || c->have < nhead + len)
        return false;
    char next = c->in[nhead + len];
    c->in[nhead + len] = '\0';
    request_serve(c, c->in, c->in + nhead, len);
    c->in[nhead + len] = next;
    c->have -= nhead + len;
    memmove(c->in, c->in + nhead + len, c->have);
    return true;
}

/* What can be done now: false = close it. */
static bool conn_run(struct conn *c)
{
    for (;;) {
        bool bad = false;
        if (c->total) {
            if (!conn_send(c))
                return false;
            if (c->total)
                return true; /* goes on when there is room */
        }
        if (!c->held && conn_take(c, &bad))
            continue;
        if (bad || c->have == REQUEST_MAX)
            return false;
        ssize_t n = recv(c->fd, c->in + c->have, REQUEST_MAX - c->have, 0);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        c->have += (size_t)n;
    }
}

static void conn_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct conn *c = ym_alloc(sizeof *c);
    c->fd = fd;
    /* Edge-triggered: conn_run goes on until the socket would block. */
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    if (epoll_ctl(fake.epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
        conn_close(c);
}

static int listener_open(unsigned *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, 512) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
        perror("fake_provider");
        exit(1);
    }
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* Answers those that have waited long enough; returns milliseconds until the next, -1 = none. */
static int slow_run(void)
{
    while (fake.slow) {
        struct conn *c = fake.slow;
        int64_t left = c->due - ym_mono_now().ns;
        if (left > 0)
            return (int)(left / 1000000) + 1;
        fake.slow = c->later;
        if (!fake.slow)
            fake.slow_tail = &fake.slow;
        c->held = false;
        c->due = 0;
        answer_picture(c, fake.replies[0].image);
        if (!conn_run(c))
            conn_close(c);
    }
    return -1;
}

static void watch(int fd, void *as)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = as};
    epoll_ctl(fake.epoll, EPOLL_CTL_ADD, fd, &ev);
}

static char listening, input;

/* False = the end. */
static bool event_serve(int listener, struct conn *c)
{
    char skip[64];
    if ((char *)c == &listening)
        conn_accept(listener);
    else if ((char *)c == &input)
        return read(STDIN_FILENO, skip, sizeof skip) > 0;
    else if (!conn_run(c))
        conn_close(c);
    return true;
}

int main(int argc, char **argv)
{
    unsigned port;
    for (int i = 1; i < argc && fake.nreplies < SIZES_MAX; i++)
        reply_init(&fake.replies[fake.nreplies++], strtoull(argv[i], NULL, 10));
    if (fake.nreplies == 0) {
        fprintf(stderr, "usage: fake_provider SIZE...\n");
        return 2;
    }
    fake.slow_tail = &fake.slow;
    fake.epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listener_open(&port);
    watch(listener, &listening);
    watch(STDIN_FILENO, &input);
    printf("%u\n", port);
    fflush(stdout);
    for (;;) {
        struct epoll_event ev[64];
        int n = epoll_wait(fake.epoll, ev, 64, slow_run());
        for (int i = 0; i < n; i++)
            if (!event_serve(listener, ev[i].data.ptr))
                return 0;
    }
}
