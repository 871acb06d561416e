/* A locked list, and a sleep that ends by a message or by a moment of CLOCK_BOOTTIME. */
#include <ymago/inbox.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct ym_inbox {
    pthread_mutex_t lock;
    struct ym_msg *head, **tail;
    bool closed, asleep;
    void (*wake)(void *ctx);
    void *ctx;
    /* A condition variable cannot wait on CLOCK_BOOTTIME: after a suspend it would sleep on by the
     * time that has passed. -1 when the owner has a wake of its own. */
    int event_fd, timer_fd;
};

struct ym_inbox *ym_inbox_new(void (*wake)(void *ctx), void *ctx)
{
    struct ym_inbox *in = ym_alloc(sizeof *in);
    pthread_mutex_init(&in->lock, NULL);
    in->tail = &in->head;
    in->wake = wake;
    in->ctx = ctx;
    in->event_fd = in->timer_fd = -1;
    if (!wake) {
        in->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        in->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        ym_assert(in->event_fd >= 0 && in->timer_fd >= 0);
    }
    return in;
}

static struct ym_msg *take_all(struct ym_inbox *in)
{
    pthread_mutex_lock(&in->lock);
    struct ym_msg *m = in->head;
    in->head = NULL;
    in->tail = &in->head;
    pthread_mutex_unlock(&in->lock);
    return m;
}

void ym_inbox_free(struct ym_inbox *in)
{
    if (!in)
        return;
    ym_inbox_close(in);
    for (struct ym_msg *m = take_all(in), *next; m; m = next) {
        next = m->next;
        m->drop(m);
    }
    ym_closep(&in->event_fd);
    ym_closep(&in->timer_fd);
    pthread_mutex_destroy(&in->lock);
    free(in);
}

/* With the lock: whoever runs the last message may free the inbox as soon as it is given back. */
static void wake_sleeper(struct ym_inbox *in)
{
    if (in->event_fd >= 0 && in->asleep) {
        in->asleep = false; /* one write wakes; more would only cost */
        ym_assert(eventfd_write(in->event_fd, 1) == 0);
    }
}

bool ym_inbox_post(struct ym_inbox *in, struct ym_msg *m)
{
    void (*wake)(void *ctx) = in->wake;
    void *ctx = in->ctx;
    m->next = NULL;
    pthread_mutex_lock(&in->lock);
    bool taken = !in->closed;
    if (taken) {
        *in->tail = m;
        in->tail = &m->next;
        wake_sleeper(in);
    }
    pthread_mutex_unlock(&in->lock);
    if (!taken)
        m->drop(m);
    else if (wake)
        wake(ctx);
    return taken;
}

size_t ym_inbox_drain(struct ym_inbox *in, void *owner)
{
    size_t n = 0;
    for (struct ym_msg *m = take_all(in), *next; m; m = next, n++) {
        next = m->next;
        m->next = NULL;
        m->run(owner, m);
    }
    return n;
}

static void set_timer(int fd, ym_mono until)
{
    struct itimerspec at = {0}; /* all zero: no timer */
    if (until.ns != INT64_MAX) {
        int64_t ns = until.ns < 1 ? 1 : until.ns;
        at.it_value.tv_sec = ns / 1000000000;
        at.it_value.tv_nsec = ns % 1000000000;
    }
    ym_assert(timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL) == 0);
}

void ym_inbox_wait(struct ym_inbox *in, ym_mono until)
{
    ym_assert(in->event_fd >= 0);
    pthread_mutex_lock(&in->lock);
    bool sleep = !in->head && !in->closed;
    in->asleep = sleep;
    pthread_mutex_unlock(&in->lock);
    if (!sleep)
        return;

    set_timer(in->timer_fd, until);
    struct pollfd fds[] = {{.fd = in->event_fd, .events = POLLIN},
                           {.fd = in->timer_fd, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0)
        ym_assert(errno == EINTR);

    pthread_mutex_lock(&in->lock);
    in->asleep = false;
    eventfd_t count;
    if (eventfd_read(in->event_fd, &count) < 0)
        ym_assert(errno == EAGAIN);
    pthread_mutex_unlock(&in->lock);
}

void ym_inbox_close(struct ym_inbox *in)
{
    pthread_mutex_lock(&in->lock);
    in->closed = true;
    wake_sleeper(in);
    pthread_mutex_unlock(&in->lock);
    if (in->wake)
        in->wake(in->ctx);
}
