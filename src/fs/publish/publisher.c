/* The parent's side of the publisher process. Several threads may ask at once; one thread reads the
 * answers and starts the process again when it dies. */
#include "publisher.h"
#include "invalidate.h"
#include "notice.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEATHS_MAX     3  /* then results are placed without it */
#define ATTACH_SECONDS 10 /* for the mount, when a result is ready before it */

struct order { /* on the stack of who asks */
    struct order *next;
    struct publisher_packet packet;
    size_t len;
    const char *staged;
    struct publish_check check;
    bool did; /* a handler carried it out, and this came of it */
    int result;
    bool answered;
    int answer;
};

struct ym_publisher {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t reader;
    int sock; /* -1 while there is no process */
    _Atomic pid_t pid;
    int deaths;
    bool broken, stopping;
    uint32_t last_id;
    struct order *orders;
    const struct ym_store *store; /* once attached, and for good */
    struct ym_fs *fs;             /* while it is attached */
    bool mounted;
    struct publisher_packet mount;
    size_t mount_len;
};

/* ---- the process ---- */

/* A descriptor of its own for the child, standard ones that lead nowhere, nothing else. */
static int spawn_actions(posix_spawn_file_actions_t *a, int fd)
{
    int r = posix_spawn_file_actions_addopen(a, 0, "/dev/null", O_RDWR, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(a, 0, 1);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(a, 0, 2);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(a, fd, PUB_FD);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(a, PUB_FD + 1);
    if (r == 0)
        r = posix_spawn_file_actions_addchdir_np(a, "/");
    return r;
}

static int spawn(int fd, pid_t *ret_pid)
{
    static char name[] = "ymago", verb[] = "__publisher", number[] = "3";
    char *argv[] = {name, verb, number, NULL};
    static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
    char *env[] = {path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int r = spawn_actions(&actions, fd);
    if (r == 0)
        r = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attr, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return -r;
}

/* Lock held, or nobody else there yet. */
static int start(struct ym_publisher *p)
{
    int pair[2];
    pid_t pid;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    int fd = pair[1];
    if (fd == PUB_FD) { /* dup2 onto itself would leave it close-on-exec */
        fd = fcntl(pair[1], F_DUPFD_CLOEXEC, PUB_FD + 1);
        close(pair[1]);
    }
    int r = fd < 0 ? -errno : spawn(fd, &pid);
    ym_closep(&fd);
    if (r < 0) {
        close(pair[0]);
        return r;
    }
    p->sock = pair[0];
    p->pid = pid;
    return 0;
}

static bool send_packet(struct ym_publisher *p, const struct publisher_packet *k, size_t len)
{
    return p->sock >= 0 && send(p->sock, k, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void finish(struct ym_publisher *p, struct order *o, int answer)
{
    o->answered = true;
    o->answer = answer;
    pthread_cond_broadcast(&p->changed);
}

/* The process died. What a handler had already carried out is answered; the rest is asked again. */
static void restart(struct ym_publisher *p)
{
    pthread_mutex_lock(&p->lock);
    ym_closep(&p->sock);
    p->sock = -1;
    pid_t pid = p->pid;
    p->pid = 0;
    if (pid > 0)
        waitpid(pid, NULL, 0);
    if (!p->stopping) {
        p->deaths++;
        p->broken = p->deaths >= DEATHS_MAX || start(p) < 0;
        ym_log(YM_WARN, "fs", "the publisher process died%s",
               p->broken
                   ? "; file managers will not see new results by themselves until the next mount"
                   : "");
    }
    if (p->sock >= 0 && p->mounted)
        send_packet(p, &p->mount, p->mount_len);
    for (struct order *o = p->orders; o; o = o->next) {
        if (o->answered)
            continue;
        if (o->did)
            finish(p, o, o->result);
        else if (!send_packet(p, &o->packet, o->len))
            finish(p, o, -ENODEV);
    }
    pthread_mutex_unlock(&p->lock);
}

static void take_answer(struct ym_publisher *p, const struct publisher_packet *k)
{
    pthread_mutex_lock(&p->lock);
    for (struct order *o = p->orders; o; o = o->next)
        if (o->packet.id == k->id)
            finish(p, o, k->result);
    pthread_mutex_unlock(&p->lock);
}

static void *reader_thread(void *arg)
{
    struct ym_publisher *p = arg;
    YM_AUTOFREE struct publisher_packet *k = ym_alloc(sizeof(*k));
    pthread_setname_np(pthread_self(), "publisher");
    while (p->sock >= 0) {
        ssize_t n = recv(p->sock, k, sizeof(*k), 0);
        if (n >= (ssize_t)offsetof(struct publisher_packet, token))
            take_answer(p, k);
        else if (n >= 0 || errno != EINTR)
            restart(p);
    }
    return NULL;
}

int ym_publisher_start(struct ym_publisher **ret, struct ym_err *e)
{
    struct ym_publisher *p = ym_alloc(sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(&p->changed, &a);
    pthread_condattr_destroy(&a);
    p->sock = -1;
    int r = start(p);
    if (r == 0) {
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = -pthread_create(&p->reader, NULL, reader_thread, p);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    if (r < 0) {
        ym_closep(&p->sock);
        free(p);
        return ym_fail(e, YM_LOCAL, -r, "The publisher process cannot be started: %s.",
                       strerror(-r));
    }
    *ret = p;
    return 0;
}

void ym_publisher_stop(struct ym_publisher *p)
{
    if (!p)
        return;
    struct publisher_packet bye = {.verb = PUB_BYE};
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    send_packet(p, &bye, offsetof(struct publisher_packet, token));
    if (p->sock >= 0)
        shutdown(p->sock, SHUT_WR);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->reader, NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* ---- the session's side ---- */

void publisher_attach(struct ym_publisher *p, struct ym_fs *f)
{
    pthread_mutex_lock(&p->lock);
    p->fs = f;
    p->store = f->store;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

void publisher_mounted(struct ym_publisher *p, const char *mountpoint, dev_t dev)
{
    pthread_mutex_lock(&p->lock);
    p->mount = (struct publisher_packet){
        .verb = PUB_MOUNT, .dev_major = major(dev), .dev_minor = minor(dev)};
    snprintf(p->mount.path, sizeof(p->mount.path), "%s", mountpoint);
    p->mount_len = offsetof(struct publisher_packet, path) + strlen(p->mount.path) + 1;
    p->mounted = true;
    send_packet(p, &p->mount, p->mount_len); /* a dead one is told when it is started again */
    pthread_mutex_unlock(&p->lock);
}

/* The mount is gone; the process is told so that it leaves a later mount alone. */
void publisher_detach(struct ym_publisher *p)
{
    struct publisher_packet none = {.verb = PUB_MOUNT};
    pthread_mutex_lock(&p->lock);
    p->mounted = false;
    send_packet(p, &none, offsetof(struct publisher_packet, path) + 1);
    p->fs = NULL;
    pthread_mutex_unlock(&p->lock);
}

/* ---- the handlers' side ---- */

bool publisher_is(struct ym_publisher *p, pid_t pid)
{
    return pid > 0 && p->pid == pid;
}

/* Lock held. */
static struct order *find(struct ym_publisher *p, const char *token, const char *path)
{
    for (struct order *o = p->orders; o; o = o->next) {
        bool same = token
                        ? strcmp(o->packet.token, token) == 0
                        : o->packet.verb == PUB_UNLINK && path && strcmp(o->packet.path, path) == 0;
        if (same && !o->answered && !o->did && (!path || strcmp(o->packet.path, path) == 0))
            return o;
    }
    return NULL;
}

int publisher_staged(struct ym_publisher *p, const char *token, char out[static 96])
{
    pthread_mutex_lock(&p->lock);
    const struct order *o = find(p, token, NULL);
    if (o)
        snprintf(out, 96, "%s", o->staged);
    pthread_mutex_unlock(&p->lock);
    return o ? 0 : -ENOENT;
}

int publisher_asked(struct ym_publisher *p, const char *token, const char *path,
                    struct publish_check *ret)
{
    pthread_mutex_lock(&p->lock);
    const struct order *o = find(p, token, path);
    if (o)
        *ret = o->check;
    pthread_mutex_unlock(&p->lock);
    return o ? 0 : -ENOENT;
}

void publisher_did(struct ym_publisher *p, const char *token, const char *path, int result)
{
    pthread_mutex_lock(&p->lock);
    struct order *o = find(p, token, path);
    if (o) {
        o->did = true;
        o->result = result;
    }
    pthread_mutex_unlock(&p->lock);
}

/* ---- the placer ---- */

static int wait_attached(struct ym_publisher *p)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ATTACH_SECONDS;
    while (!p->store && !p->stopping)
        if (pthread_cond_timedwait(&p->changed, &p->lock, &until) == ETIMEDOUT)
            break;
    return p->store ? 0 : -EAGAIN;
}

static void order_link(struct ym_publisher *p, struct order *o)
{
    o->packet.id = ++p->last_id;
    o->next = p->orders;
    p->orders = o;
}

static void order_unlink(struct ym_publisher *p, struct order *o)
{
    struct order **at = &p->orders;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
}

/* 1: there is no mount or no process; below the mount it can still be done. */
static int ask(struct ym_publisher *p, struct order *o)
{
    pthread_mutex_lock(&p->lock);
    int r = wait_attached(p);
    if (r == 0 && p->fs && o->check.replace)
        o->check.known =
            node_writes(&p->fs->nodes, o->check.ident.ino, &o->check.generation, &(uint32_t){0});
    if (r == 0 && (!p->mounted || p->broken || p->sock < 0)) {
        r = 1;
    } else if (r == 0) {
        order_link(p, o);
        o->len = offsetof(struct publisher_packet, path) + strlen(o->packet.path) + 1;
        if (!send_packet(p, &o->packet,
                         o->len)) /* it died: it is asked when it was started again */
            ym_log(YM_DEBUG, "fs", "the publisher process does not listen");
        while (!o->answered)
            pthread_cond_wait(&p->changed, &p->lock);
        order_unlink(p, o);
        r = o->answer;
        if (r == -ENODEV || r == -ENOTCONN || r == -ECONNABORTED)
            r = o->did ? o->result : 1; /* unmounted under way */
    }
    pthread_mutex_unlock(&p->lock);
    return r;
}

/* Something was placed below the mount: what the kernel remembers of that folder is old. */
static void tell_kernel(struct ym_publisher *p, const char *path)
{
    pthread_mutex_lock(&p->lock);
    if (p->fs)
        notifier_path(p->fs, path);
    pthread_mutex_unlock(&p->lock);
}

static int order_path(struct order *o, const char *path, struct ym_err *e)
{
    if (strlen(path) >= sizeof(o->packet.path))
        return ym_fail(e, YM_LOCAL, ENAMETOOLONG, "A result's path is too long.");
    snprintf(o->packet.path, sizeof(o->packet.path), "%s", path);
    return 0;
}

static void *plain_ctx(const struct ym_publisher *p)
{
    return (void *)(uintptr_t)p->store; /* its functions take it as void and do not change it */
}

static int answer(int r, const char *path, struct ym_err *e)
{
    char shown[160];
    if (r == -EAGAIN)
        return ym_fail(e, YM_LOCAL, EAGAIN, "%s was changed meanwhile.",
                       ym_text_show(path, shown, sizeof(shown)));
    if (r < 0)
        return ym_fail(e, YM_LOCAL, -r, "%s cannot be placed: %s.",
                       ym_text_show(path, shown, sizeof(shown)), strerror(-r));
    return 0;
}

/* One rename through the mount; 1 as ask(). beside: a copy in the target's folder, or NULL. */
static int publish_through(struct ym_publisher *p, const char *staged, const char *path, const char *beside,
                           const struct ym_ident *replace, struct ym_err *e)
{
    YM_AUTOFREE struct order *o = ym_alloc(sizeof(*o));
    int r = order_path(o, path, e);
    if (r < 0)
        return r;
    o->packet.verb = PUB_RENAME;
    o->packet.noreplace = !replace;
    /* Never a name of a real staging file: if the mount vanishes at this moment, the rename must
     * fail. */
    snprintf(o->packet.token, sizeof(o->packet.token), "~%s", ym_id_new(ym_wall_now()).s);
    o->staged = staged;
    if (replace) {
        o->check.replace = true;
        o->check.ident = *replace;
    }
    if (beside)
        snprintf(o->check.beside, sizeof(o->check.beside), "%s", beside);
    return ask(p, o);
}

/* Another file system lies below that folder: a hidden copy beside the target takes the last step. */
static int publish_across(struct ym_publisher *p, const char *staged, const char *path,
                          const struct ym_ident *replace, struct ym_err *e)
{
    char temp[64];
    const char *base;
    int r = ym_stage_beside(p->store, staged, path, temp, e);
    if (r < 0)
        return r;
    r = publish_through(p, staged, path, temp, replace, e);
    if (r == 0) {
        ym_staging_remove(p->store, staged); /* if that fails, recovery removes it */
        return 0;
    }
    YM_AUTOCLOSE int dir = ym_store_parent(p->store, path, &base);
    if (dir >= 0)
        unlinkat(dir, temp, 0);
    return r;
}

static int place_publish(void *ctx, const char *staged, const char *path,
                         const struct ym_ident *replace, struct ym_err *e)
{
    struct ym_publisher *p = ctx;
    int r = publish_through(p, staged, path, NULL, replace, e);
    if (r == -EXDEV)
        r = publish_across(p, staged, path, replace, e);
    if (r != 1)
        return answer(r, path, e);
    r = ym_placer_plain.publish(plain_ctx(p), staged, path, replace, e);
    if (r == 0)
        tell_kernel(p, path);
    return r;
}

static int place_remove(void *ctx, const char *path, const struct ym_ident *only_if,
                        struct ym_err *e)
{
    struct ym_publisher *p = ctx;
    YM_AUTOFREE struct order *o = ym_alloc(sizeof(*o));
    int r = order_path(o, path, e);
    if (r < 0)
        return r;
    o->packet.verb = PUB_UNLINK;
    if (only_if) {
        o->check.replace = true;
        o->check.ident = *only_if;
    }
    r = ask(p, o);
    if (r == -ENOENT)
        return 0;
    if (r != 1)
        return answer(r, path, e);
    r = ym_placer_plain.remove(plain_ctx(p), path, only_if, e);
    if (r == 0)
        tell_kernel(p, path);
    return r;
}

static int place_touch(void *ctx, const char *path, struct ym_err *e)
{
    struct ym_publisher *p = ctx;
    YM_AUTOFREE struct order *o = ym_alloc(sizeof(*o));
    int r = order_path(o, path, e);
    if (r < 0)
        return r;
    o->packet.verb = PUB_TOUCH;
    r = ask(p, o);
    return r == 1 ? ym_placer_plain.touch(plain_ctx(p), path, e) : answer(r, path, e);
}

struct ym_placer ym_publisher_placer(struct ym_publisher *p)
{
    return (struct ym_placer){
        .publish = place_publish, .remove = place_remove, .touch = place_touch, .ctx = p};
}
