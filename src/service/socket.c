/* The library's socket: one thread, JSON lines, descriptors by SCM_RIGHTS. Answers come from other
 * threads, so each connection has a queue of its own and the poll loop is woken by a pipe. */
#include "service_private.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES (1 << 20)
#define CLIENTS        64

struct answer {
    struct answer *next;
    char *text;
    size_t len, sent;
    int fd;
};

struct conn {
    int fd;
    struct ym_caller who;
    struct ym_buf in;
    struct answer *out, **out_tail;
    int open_calls;     /* answers that will still come */
    bool closed;
};

struct socket {
    struct ym_service *s;
    char path[128];
    int listen_fd, wake[2];
    pthread_t thread;
    pthread_mutex_t lock;   /* conns' queues */
    struct conn *conns[CLIENTS];
    atomic_bool stop;
};

struct pending { /* one call of one connection */
    struct socket *k;
    struct conn *c;
};

static void wake_loop(struct socket *k)
{
    char b = 0;
    ssize_t n = write(k->wake[1], &b, 1);
    (void)n; /* a full pipe wakes as well */
}

static void conn_free(struct conn *c)
{
    while (c->out) {
        struct answer *a = c->out;
        c->out = a->next;
        ym_closep(&a->fd);
        free(a->text);
        free(a);
    }
    ym_closep(&c->fd);
    ym_buf_fini(&c->in);
    free(c);
}

static void on_reply(void *ctx, const cJSON *answer, int fd)
{
    struct pending *p = ctx;
    struct answer *a = ym_alloc(sizeof(*a));
    YM_AUTOFREE char *json = ym_json_print(answer, false);
    a->text = ym_asprintf("%s\n", json);
    a->len = strlen(a->text);
    a->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    pthread_mutex_lock(&p->k->lock);
    *p->c->out_tail = a;
    p->c->out_tail = &a->next;
    p->c->open_calls--;
    pthread_mutex_unlock(&p->k->lock);
    wake_loop(p->k);
    free(p);
}

/* ---- reading ---- */
static void line_take(struct socket *k, struct conn *c, const char *line, size_t len)
{
    YM_AUTOJSON cJSON *q = NULL;
    struct ym_err err;
    struct pending *p = ym_alloc(sizeof(*p));
    *p = (struct pending){k, c};
    pthread_mutex_lock(&k->lock);
    c->open_calls++;
    pthread_mutex_unlock(&k->lock);
    if (ym_json_parse(line, len, LINE_MAX_BYTES, &q, &err) < 0) {
        YM_AUTOJSON cJSON *no = cJSON_CreateObject();
        cJSON_AddBoolToObject(no, "ok", false);
        cJSON_AddStringToObject(no, "error", err.msg);
        on_reply(p, no, -1);
        return;
    }
    ym_service_call(k->s, &c->who, q, on_reply, p);
}

static void conn_read(struct socket *k, struct conn *c)
{
    char buf[16384];
    ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || ym_buf_add(&c->in, buf, (size_t)n) < 0) {
        c->closed = true;
        return;
    }
    char *start = c->in.data, *nl;
    while ((nl = memchr(start, '\n', c->in.len - (size_t)(start - c->in.data)))) {
        line_take(k, c, start, (size_t)(nl - start));
        start = nl + 1;
    }
    size_t left = c->in.len - (size_t)(start - c->in.data);
    memmove(c->in.data, start, left);
    c->in.len = left;
}

/* ---- writing ---- */
static ssize_t answer_send(struct conn *c, const struct answer *a)
{
    struct iovec io = {a->text + a->sent, a->len - a->sent};
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } ctl = {{0}};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    if (a->fd >= 0 && a->sent == 0) {
        m.msg_control = &ctl;
        m.msg_controllen = sizeof(ctl.space);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &a->fd, sizeof(int));
    }
    return sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void conn_write(struct socket *k, struct conn *c)
{
    pthread_mutex_lock(&k->lock);
    while (c->out) {
        struct answer *a = c->out;
        ssize_t n = answer_send(c, a);
        if (n < 0) {
            c->closed |= errno != EAGAIN && errno != EINTR;
            break;
        }
        a->sent += (size_t)n;
        if (a->sent < a->len)
            break;
        c->out = a->next;
        if (!c->out)
            c->out_tail = &c->out;
        ym_closep(&a->fd);
        free(a->text);
        free(a);
    }
    pthread_mutex_unlock(&k->lock);
}

/* ---- connections ---- */
static void conn_accept(struct socket *k)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    int fd = accept4(k->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    int at = 0;
    while (at < CLIENTS && k->conns[at])
        at++;
    bool ours = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
                (cred.uid == geteuid() || cred.uid == 0);
    if (!ours || at == CLIENTS) {
        close(fd);
        return;
    }
    struct conn *c = ym_alloc(sizeof(*c));
    *c = (struct conn){.fd = fd, .who = {cred.uid, cred.gid, cred.pid}};
    c->out_tail = &c->out;
    ym_buf_init(&c->in, LINE_MAX_BYTES);
    k->conns[at] = c;
}

static void conns_reap(struct socket *k)
{
    pthread_mutex_lock(&k->lock);
    for (int i = 0; i < CLIENTS; i++)
        if (k->conns[i] && k->conns[i]->closed && k->conns[i]->open_calls == 0) {
            conn_free(k->conns[i]);
            k->conns[i] = NULL;
        }
    pthread_mutex_unlock(&k->lock);
}

static nfds_t poll_fill(struct socket *k, struct pollfd fds[static CLIENTS + 2], struct conn *of[static CLIENTS + 2])
{
    nfds_t n = 0;
    fds[n++] = (struct pollfd){.fd = k->listen_fd, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = k->wake[0], .events = POLLIN};
    pthread_mutex_lock(&k->lock);
    for (int i = 0; i < CLIENTS; i++) {
        struct conn *c = k->conns[i];
        if (!c || c->closed)
            continue;
        of[n] = c;
        fds[n++] = (struct pollfd){.fd = c->fd, .events = (short)(POLLIN | (c->out ? POLLOUT : 0))};
    }
    pthread_mutex_unlock(&k->lock);
    return n;
}

static void *socket_main(void *arg)
{
    struct socket *k = arg;
    struct pollfd fds[CLIENTS + 2];
    struct conn *of[CLIENTS + 2];
    char drop[64];
    prctl(PR_SET_NAME, "ymago-socket");
    while (!atomic_load(&k->stop)) {
        nfds_t n = poll_fill(k, fds, of);
        if (poll(fds, n, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents && read(k->wake[0], drop, sizeof(drop)) < 0 && errno != EAGAIN)
            break;
        for (nfds_t i = 2; i < n; i++) {
            if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
                conn_read(k, of[i]);
            if (fds[i].revents & POLLOUT)
                conn_write(k, of[i]);
        }
        if (fds[0].revents)
            conn_accept(k);
        conns_reap(k);
    }
    return NULL;
}

/* ---- where it lies ---- */
static int folder_ours(const char *dir)
{
    struct stat st;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return -EPERM;
    return (st.st_mode & 077) ? (chmod(dir, 0700) < 0 ? -errno : 0) : 0;
}

int ym_service_socket_path(const char *library, char out[static 128], struct ym_err *e)
{
    char hex[65], dir[96];
    YM_AUTOFREE char *real = realpath(library, NULL);
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    const char *name = real ? real : library;
    struct ym_digest d = ym_digest_of(name, strlen(name));
    struct stat st;
    snprintf(dir, sizeof(dir), "/run/user/%u", (unsigned)geteuid());
    if (runtime && *runtime == '/' && strlen(runtime) < 64)
        snprintf(dir, sizeof(dir), "%s", runtime);
    if (stat(dir, &st) == 0 && st.st_uid == geteuid())
        strncat(dir, "/ymago", sizeof(dir) - strlen(dir) - 1);
    else
        snprintf(dir, sizeof(dir), "/tmp/ymago-%u", (unsigned)geteuid());
    if (folder_ours(dir) < 0)
        return ym_fail(e, YM_LOCAL, EPERM, "The folder %s is not ours alone: remove it, or set XDG_RUNTIME_DIR.", dir);
    snprintf(out, 128, "%s/%.16s.sock", dir, ym_digest_hex(&d, hex));
    return 0;
}

/* ---- life ---- */
int ym_service_listen(struct ym_service *s, const char *path, struct ym_err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a.sun_path))
        return ym_fail(e, YM_LOCAL, ENAMETOOLONG, "The socket's path %s is too long.", path);
    struct socket *k = ym_alloc(sizeof(*k));
    k->s = s;
    pthread_mutex_init(&k->lock, NULL);
    snprintf(k->path, sizeof(k->path), "%s", path);
    memcpy(a.sun_path, path, strlen(path) + 1);
    k->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path); /* a left-over: the library's lock is ours */
    mode_t old = umask(077);
    int r = k->listen_fd < 0 || bind(k->listen_fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
            listen(k->listen_fd, 16) < 0 || pipe2(k->wake, O_CLOEXEC | O_NONBLOCK) < 0;
    umask(old);
    if (r || pthread_create(&k->thread, NULL, socket_main, k) != 0) {
        int err = errno;
        ym_closep(&k->listen_fd);
        free(k);
        return ym_fail(e, YM_LOCAL, err, "The socket %s cannot be opened: %s.", path, strerror(err));
    }
    s->socket = k;
    return 0;
}

void ym_service_unlisten(struct ym_service *s)
{
    struct socket *k = s->socket;
    if (!k)
        return;
    atomic_store(&k->stop, true);
    wake_loop(k);
    pthread_join(k->thread, NULL);
    unlink(k->path);
    for (int i = 0; i < CLIENTS; i++)
        if (k->conns[i]) {
            conn_write(k, k->conns[i]);
            conn_free(k->conns[i]);
        }
    close(k->listen_fd);
    close(k->wake[0]);
    close(k->wake[1]);
    pthread_mutex_destroy(&k->lock);
    free(k);
    s->socket = NULL;
}
