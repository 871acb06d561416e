#include "stream.h"
#include "handle.h"
#include "publish/invalidate.h"
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <ymago/library.h>

#define CHUNK 65536

struct stream {
    struct stream *next; /* of the open ones */
    atomic_uint refs;
    struct ym_fs *fs;
    struct ym_event_reader *events; /* or a wait: */
    char *path;
    uint64_t ticket;
    /* under the lock */
    char *data; /* not yet read; events: CHUNK bytes */
    size_t len, at;
    int file;   /* the bytes of a result that was waited for, or -1 */
    bool ended; /* nothing more will come */
    int error;  /* read it as this */
    struct fuse_pollhandle *poll;
};

struct parked {
    struct parked *next;
    fuse_req_t req;
    struct stream *stream;
    size_t size;
};

struct streams {
    pthread_mutex_t lock;
    struct parked *parked;
    struct stream *open;
    struct stream *polled[64]; /* those with somebody in poll() */
    bool ending;
};

void streams_init(struct ym_fs *f)
{
    f->streams = ym_alloc(sizeof(*f->streams));
    pthread_mutex_init(&f->streams->lock, NULL);
}

/* Nobody reads any more; what is still open was open when the mount was torn away. */
void streams_fini(struct ym_fs *f)
{
    if (!f->streams)
        return;
    while (f->streams->open)
        stream_close(f, f->streams->open);
    pthread_mutex_destroy(&f->streams->lock);
    free(f->streams);
}

static void stream_unref(struct stream *s)
{
    if (atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    if (s->poll)
        fuse_pollhandle_destroy(s->poll);
    ym_closep(&s->file);
    free(s->data);
    free(s->path);
    free(s);
}

static struct stream *stream_new(struct ym_fs *f)
{
    struct stream *s = ym_alloc(sizeof(*s));
    atomic_init(&s->refs, 1);
    s->fs = f;
    s->file = -1;
    pthread_mutex_lock(&f->streams->lock);
    s->next = f->streams->open;
    f->streams->open = s;
    pthread_mutex_unlock(&f->streams->lock);
    return s;
}

/* ---- events ---- */

/* Called by the service, perhaps with its locks held: only rings. */
static void events_ready(void *ctx)
{
    struct stream *s = ctx;
    notifier_pump(s->fs);
}

struct stream *stream_events(struct ym_fs *f)
{
    struct stream *s = stream_new(f);
    s->data = ym_alloc(CHUNK);
    s->events = ym_service_events_open(f->service, events_ready, s);
    return s;
}

/* ---- wait ---- */

static void add_path(struct ym_buf *b, const char *path)
{
    if (ym_buf_adds(b, path) == 0)
        ym_buf_adds(b, "\n");
}

/* A result's own path gives its bytes. */
static bool wants_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct ym_name name;
    ym_name_classify(slash ? slash + 1 : path, &name);
    return name.cls == YM_NM_MEDIA;
}

static void wait_done(void *ctx, const struct ym_wait_result *w)
{
    struct stream *s = ctx;
    struct ym_fs *f = s->fs;
    struct ym_buf b;
    ym_buf_init(&b, 1 << 20);
    int fd = -1, error = 0;
    if (w->state == YM_JOB_NONE)
        error = ENODATA; /* nothing there to wait for */
    else if (w->state != YM_JOB_DONE)
        error = EIO;
    else if (wants_bytes(s->path))
        fd = ym_store_openat(f->store, s->path, O_RDONLY | O_CLOEXEC, 0);
    else
        for (const char *const *p = w->paths; p && *p; p++)
            add_path(&b, *p);
    pthread_mutex_lock(&f->streams->lock);
    s->ended = true;
    s->error = fd < -1 ? -fd : error;
    s->file = fd < 0 ? -1 : fd;
    s->len = b.len;
    s->data = ym_buf_steal(&b);
    pthread_mutex_unlock(&f->streams->lock);
    ym_buf_fini(&b);
    notifier_pump(f);
    stream_unref(s);
}

struct stream *stream_wait(struct ym_fs *f, const char *path)
{
    struct stream *s = stream_new(f);
    s->path = ym_strdup(path);
    atomic_fetch_add(&s->refs, 1); /* wait_done's */
    s->ticket = ym_engine_wait(f->engine, path, wait_done, s);
    return s;
}

/* ---- giving; the lock is held ---- */

static bool has_something(struct ym_fs *f, struct stream *s)
{
    if (s->events && s->at == s->len) {
        s->at = 0;
        s->len = ym_service_events_read(s->events, s->data, CHUNK);
    }
    return s->at < s->len || s->ended || f->streams->ending;
}

/* Bytes for one read, into a buffer of its own. */
static ssize_t give(struct stream *s, char *buf, size_t size)
{
    if (s->error)
        return -s->error;
    if (s->file >= 0) {
        ssize_t n = read(s->file, buf, size);
        return n < 0 ? -errno : n;
    }
    size_t n = s->len - s->at < size ? s->len - s->at : size;
    if (n)
        memcpy(buf, s->data + s->at, n);
    s->at += n;
    return (ssize_t)n;
}

static void answer(fuse_req_t req, const char *buf, ssize_t n)
{
    if (n < 0)
        fuse_reply_err(req, (int)-n);
    else
        fuse_reply_buf(req, buf, (size_t)n);
}

/* ---- reading ---- */

static void interrupted(fuse_req_t req, void *data)
{
    struct ym_fs *f = data;
    struct parked *found = NULL;
    pthread_mutex_lock(&f->streams->lock);
    for (struct parked **p = &f->streams->parked; *p; p = &(*p)->next) {
        if ((*p)->req == req) {
            found = *p;
            *p = found->next;
            break;
        }
    }
    pthread_mutex_unlock(&f->streams->lock);
    if (!found)
        return; /* answered at this moment, or not yet put aside */
    fuse_reply_err(req, EINTR);
    free(found);
}

void stream_read(fuse_req_t req, struct stream *s, size_t size, bool waits)
{
    struct ym_fs *f = fs_of(req);
    if (size > CHUNK)
        size = CHUNK;
    YM_AUTOFREE char *buf = ym_alloc(size + 1);
    /* First the function, then the list: who is interrupted in between is seen below. */
    fuse_req_interrupt_func(req, interrupted, f);
    pthread_mutex_lock(&f->streams->lock);
    bool gone = fuse_req_interrupted(req), now = !gone && has_something(f, s);
    ssize_t n = now ? give(s, buf, size) : gone ? -EINTR : -EAGAIN;
    bool parks = !gone && !now && waits;
    if (parks) {
        struct parked *p = ym_alloc(sizeof(*p));
        *p = (struct parked){.next = f->streams->parked, .req = req, .stream = s, .size = size};
        f->streams->parked = p;
    }
    pthread_mutex_unlock(&f->streams->lock);
    if (!parks)
        answer(req, buf, n);
}

void streams_pump(struct ym_fs *f)
{
    YM_AUTOFREE char *buf = ym_alloc(CHUNK);
    for (;;) {
        struct parked *found = NULL;
        ssize_t n = 0;
        pthread_mutex_lock(&f->streams->lock);
        for (struct parked **p = &f->streams->parked; *p && !found; p = &(*p)->next) {
            if (has_something(f, (*p)->stream)) {
                found = *p;
                *p = found->next;
                n = give(found->stream, buf, found->size);
                break;
            }
        }
        pthread_mutex_unlock(&f->streams->lock);
        if (!found)
            break;
        answer(found->req, buf, n);
        free(found);
    }
    struct fuse_pollhandle *ring[YM_COUNT(f->streams->polled)];
    size_t rings = 0;
    pthread_mutex_lock(&f->streams->lock);
    for (size_t i = 0; i < YM_COUNT(f->streams->polled); i++) {
        struct stream *s = f->streams->polled[i];
        if (s && has_something(f, s)) {
            ring[rings++] = ym_steal(&s->poll);
            f->streams->polled[i] = NULL;
        }
    }
    pthread_mutex_unlock(&f->streams->lock);
    for (size_t i = 0; i < rings; i++) {
        fuse_lowlevel_notify_poll(ring[i]);
        fuse_pollhandle_destroy(ring[i]);
    }
}

void streams_end(struct ym_fs *f)
{
    pthread_mutex_lock(&f->streams->lock);
    f->streams->ending = true;
    pthread_mutex_unlock(&f->streams->lock);
    notifier_pump(f);
}

/* ---- poll ---- */

/* Lock held. With every place taken the caller is told that it may read, and then waits in read. */
static bool remember_poll(struct ym_fs *f, struct stream *s)
{
    struct stream **free_place = NULL;
    for (size_t i = 0; i < YM_COUNT(f->streams->polled); i++) {
        if (f->streams->polled[i] == s)
            return true;
        if (!f->streams->polled[i])
            free_place = &f->streams->polled[i];
    }
    if (free_place)
        *free_place = s;
    return free_place != NULL;
}

void stream_poll(fuse_req_t req, struct stream *s, struct fuse_pollhandle *ph)
{
    struct ym_fs *f = fs_of(req);
    unsigned events = 0;
    pthread_mutex_lock(&f->streams->lock);
    if (has_something(f, s)) {
        events = POLLIN | POLLRDNORM;
    } else if (ph && remember_poll(f, s)) {
        struct fuse_pollhandle *old = s->poll;
        s->poll = ph;
        ph = old;
    } else if (ph) {
        events = POLLIN | POLLRDNORM;
    }
    pthread_mutex_unlock(&f->streams->lock);
    if (ph)
        fuse_pollhandle_destroy(ph);
    fuse_reply_poll(req, events);
}

void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
    struct handle *h = handle_of(fi);
    (void)ino;
    if (h->kind == HANDLE_STREAM) {
        stream_poll(req, h->stream, ph);
        return;
    }
    if (ph)
        fuse_pollhandle_destroy(ph);
    fuse_reply_poll(req, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
}

/* No read is under way any more: the kernel closes after the last. */
void stream_close(struct ym_fs *f, struct stream *s)
{
    pthread_mutex_lock(&f->streams->lock);
    for (size_t i = 0; i < YM_COUNT(f->streams->polled); i++)
        if (f->streams->polled[i] == s)
            f->streams->polled[i] = NULL;
    struct stream **at = &f->streams->open;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    pthread_mutex_unlock(&f->streams->lock);
    if (s->events)
        ym_service_events_close(s->events);
    else if (ym_engine_wait_cancel(f->engine, s->ticket))
        stream_unref(s); /* wait_done will not come */
    stream_unref(s);
}
