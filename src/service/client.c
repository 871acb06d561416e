/* The other end of the socket: one request, one answer. */
#include "service_private.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (8 << 20)

struct ym_client {
    int fd;
    struct ym_buf in;
};

int ym_client_connect(const char *path, struct ym_client **ret, struct ym_err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a.sun_path))
        return ym_fail(e, YM_LOCAL, ENAMETOOLONG, "The socket's path %s is too long.", path);
    memcpy(a.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        int err = errno;
        ym_closep(&fd);
        return ym_fail(e, YM_LOCAL, err, "No engine answers at %s.", path);
    }
    *ret = ym_alloc(sizeof(**ret));
    (*ret)->fd = fd;
    ym_buf_init(&(*ret)->in, ANSWER_MAX);
    return 0;
}

void ym_client_free(struct ym_client *c)
{
    if (!c)
        return;
    close(c->fd);
    ym_buf_fini(&c->in);
    free(c);
}

static int send_all(int fd, const char *p, size_t len)
{
    while (len) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -EPIPE;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* One piece of the answer; a descriptor that came with it goes to *fd. */
static ssize_t receive(struct ym_client *c, char *buf, size_t size, int *fd)
{
    struct iovec io = {buf, size};
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } ctl;
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof(ctl.space)};
    ssize_t n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
    for (struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL; h; h = CMSG_NXTHDR(&m, h))
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS) {
            ym_closep(fd);
            memcpy(fd, CMSG_DATA(h), sizeof(int));
        }
    return n;
}

static int answer_read(struct ym_client *c, cJSON **ret, int *fd, struct ym_err *e)
{
    char buf[16384];
    char *nl;
    while (!c->in.len || !(nl = memchr(c->in.data, '\n', c->in.len))) {
        ssize_t n = receive(c, buf, sizeof(buf), fd);
        if (n < 0 && errno == EINTR)
            return ym_fail(e, YM_CANCELLED, EINTR, "Interrupted.");
        if (n <= 0 || ym_buf_add(&c->in, buf, (size_t)n) < 0)
            return ym_fail(e, YM_TRANSIENT, EPIPE, "The engine ended before it answered; run the command again.");
    }
    size_t len = (size_t)(nl - c->in.data);
    int r = ym_json_parse(c->in.data, len, ANSWER_MAX, ret, e);
    memmove(c->in.data, nl + 1, c->in.len - len - 1);
    c->in.len -= len + 1;
    return r;
}

int ym_client_call(struct ym_client *c, const cJSON *request, cJSON **ret, int *ret_fd, struct ym_err *e)
{
    int fd = -1;
    YM_AUTOFREE char *json = ym_json_print(request, false);
    YM_AUTOFREE char *line = ym_asprintf("%s\n", json);
    if (send_all(c->fd, line, strlen(line)) < 0)
        return ym_fail(e, YM_TRANSIENT, EPIPE, "The engine ended; run the command again.");
    int r = answer_read(c, ret, &fd, e);
    if (ret_fd && r == 0)
        *ret_fd = ym_steal_fd(&fd);
    ym_closep(&fd);
    return r;
}
