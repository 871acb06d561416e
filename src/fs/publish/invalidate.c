#include "invalidate.h"
#include "mounts.h"
#include "virtual/stream.h"

#include <pthread.h>
#include <signal.h>
#include <ymago/inbox.h>

struct notifier {
    struct ym_inbox *inbox;
    pthread_t thread;
    bool ending;
    atomic_bool pumping; /* a pump waits in the inbox */
};

struct note {
    struct ym_msg msg;
    char path[];
};

static void note_drop(struct ym_msg *m)
{
    free(m);
}

static bool post(struct ym_fs *f, void (*run)(void *owner, struct ym_msg *m), const char *path)
{
    size_t len = strlen(path) + 1;
    struct note *n = ym_alloc(sizeof(*n) + len);
    memcpy(n->path, path, len);
    n->msg.run = run;
    n->msg.drop = note_drop;
    return ym_inbox_post(f->notifier->inbox, &n->msg);
}

static void *notifier_thread(void *arg)
{
    struct ym_fs *f = arg;
    struct notifier *n = f->notifier;
    pthread_setname_np(pthread_self(), "notifier");
    while (!n->ending) {
        ym_inbox_wait(n->inbox, (ym_mono){INT64_MAX});
        ym_inbox_drain(n->inbox, f);
    }
    return NULL;
}

struct notifier *notifier_new(struct ym_fs *f)
{
    struct notifier *n = ym_alloc(sizeof(*n));
    n->inbox = ym_inbox_new(NULL, NULL);
    f->notifier = n;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&n->thread, NULL, notifier_thread, f);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    ym_assert(r == 0);
    return n;
}

static void run_end(void *owner, struct ym_msg *m)
{
    struct ym_fs *f = owner;
    f->notifier->ending = true;
    free(m);
}

void notifier_free(struct notifier *n)
{
    if (!n)
        return;
    struct note *end = ym_alloc(sizeof(*end));
    end->msg.run = run_end;
    end->msg.drop = note_drop;
    ym_inbox_post(n->inbox, &end->msg);
    pthread_join(n->thread, NULL);
    ym_inbox_free(n->inbox);
    free(n);
}

/* -ENOENT only says that the kernel did not know the name: the usual case. */
static void run_path(void *owner, struct ym_msg *m)
{
    struct ym_fs *f = owner;
    struct note *n = (struct note *)m;
    char *slash = strrchr(n->path, '/');
    const char *name = slash ? slash + 1 : n->path;
    if (slash)
        *slash = '\0';
    struct node *folder = node_find(&f->nodes, slash ? n->path : "");
    if (folder) {
        fuse_lowlevel_notify_inval_entry(f->se, ino_of(f, folder), name, strlen(name));
        fuse_lowlevel_notify_inval_inode(f->se, ino_of(f, folder), 0, 0);
        node_forget(&f->nodes, folder, 1);
    }
    free(m);
}

void notifier_path(struct ym_fs *f, const char *path)
{
    post(f, run_path, path);
}

static void run_pump(void *owner, struct ym_msg *m)
{
    struct ym_fs *f = owner;
    free(m);
    atomic_store(&f->notifier->pumping, false);
    streams_pump(f);
}

void notifier_pump(struct ym_fs *f)
{
    if (!atomic_exchange(&f->notifier->pumping, true))
        post(f, run_pump, "");
}

static void run_ready(void *owner, struct ym_msg *m)
{
    struct ym_fs *f = owner;
    free(m);
    f->ready(f->ready_ctx);
}

void notifier_ready(struct ym_fs *f)
{
    if (f->ready)
        post(f, run_ready, "");
}

static void wait_for_loop(struct ym_fs *f, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&f->loop_ended, &f->loop_lock, &until);
}

/* While requests are still served: who reads a stream gets its end, who closes a file is heard, and
 * nobody meets a dead mount. Not for ever: somebody's shell may stand in it. */
static void leave_gently(struct ym_fs *f)
{
    bool gone = false;
    for (int tries = 0; tries < 15 && f->looping; tries++) {
        pthread_mutex_unlock(&f->loop_lock);
        gone = gone || mounts_detach(f->mountpoint, false) == 0;
        pthread_mutex_lock(&f->loop_lock);
        if (f->looping)
            wait_for_loop(f, 20);
    }
}

/* The loop waits in sem_wait() and looks at its flag when a signal ends that. One that comes just
 * before the wait is lost, hence the repetition until the loop says that it has ended. */
static void run_stop(void *owner, struct ym_msg *m)
{
    struct ym_fs *f = owner;
    free(m);
    pthread_mutex_lock(&f->loop_lock);
    leave_gently(f);
    fuse_session_exit(f->se);
    while (f->looping) {
        pthread_kill(f->loop_thread, SIGUSR2);
        wait_for_loop(f, 20);
    }
    pthread_mutex_unlock(&f->loop_lock);
}

void notifier_stop_loop(struct ym_fs *f)
{
    post(f, run_stop, "");
}
