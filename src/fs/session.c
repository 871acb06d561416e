/* Mounting, the loop, unmounting. */
#include "session.h"
#include "check.h"
#include "publish/invalidate.h"
#include "publish/mounts.h"
#include "ops.h"
#include "publish/publisher.h"
#include "virtual/stream.h"
#include "virtual/virtual.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define THREADS_MAX   10
#define THREADS_IDLE  10 /* fewer would be ended and started again at every second request */
#define READ_AHEAD_KB "1024\n"

/* ---- the connection ---- */

static void want(struct fuse_conn_info *c, unsigned cap)
{
    if (c->capable & cap)
        c->want |= cap;
}

static void op_init(void *ctx, struct fuse_conn_info *c)
{
    struct ym_fs *f = ctx;
    /* No write-back cache: the bytes of a prompt are in the library before close() returns. */
    c->want &= ~(unsigned)(FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_POSIX_ACL);
    want(c, FUSE_CAP_ASYNC_READ);
    want(c, FUSE_CAP_ATOMIC_O_TRUNC);
    want(c, FUSE_CAP_AUTO_INVAL_DATA);
    want(c, FUSE_CAP_READDIRPLUS);
    want(c, FUSE_CAP_READDIRPLUS_AUTO);
    want(c, FUSE_CAP_PARALLEL_DIROPS);
    want(c, FUSE_CAP_SPLICE_READ);
    want(c, FUSE_CAP_SPLICE_WRITE);
    want(c, FUSE_CAP_SPLICE_MOVE);
    want(c, FUSE_CAP_CACHE_SYMLINKS);
#ifdef FUSE_CAP_EXPIRE_ONLY
    want(c, FUSE_CAP_EXPIRE_ONLY);
#endif
    c->max_background = 64;
    publisher_mounted(f->publisher, f->mountpoint, f->dev);
    notifier_ready(f);
}

const struct fuse_lowlevel_ops fs_ops = {
    .init = op_init,
    .lookup = op_lookup,
    .forget = op_forget,
    .forget_multi = op_forget_multi,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .readlink = op_readlink,
    .mknod = op_mknod,
    .mkdir = op_mkdir,
    .unlink = op_unlink,
    .rmdir = op_rmdir,
    .symlink = op_symlink,
    .rename = op_rename,
    .link = op_link,
    .open = op_open,
    .create = op_create,
    .read = op_read,
    .write_buf = op_write_buf,
    .flush = op_flush,
    .release = op_release,
    .fsync = op_fsync,
    .opendir = op_opendir,
    .readdir = op_readdir,
    .readdirplus = op_readdirplus,
    .releasedir = op_releasedir,
    .fsyncdir = op_fsyncdir,
    .statfs = op_statfs,
    .setxattr = op_setxattr,
    .getxattr = op_getxattr,
    .listxattr = op_listxattr,
    .removexattr = op_removexattr,
    .fallocate = op_fallocate,
    .copy_file_range = op_copy_file_range,
    .lseek = op_lseek,
    .poll = op_poll,
};

/* ---- mounting ---- */

/* The library's path as the mount's source; commas and backslashes would end or change the option.
 */
static char *source_option(const char *path)
{
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 3 * 4096);
    ym_buf_adds(&b, "fsname=");
    for (; *path; path++) {
        if (*path == ',' || *path == '\\')
            ym_buf_add(&b, "\\", 1);
        ym_buf_add(&b, path, 1);
    }
    return ym_buf_steal(&b);
}

static void add_option(struct fuse_args *args, const char *option)
{
    int r = fuse_opt_add_arg(args, "-o");
    if (r == 0)
        r = fuse_opt_add_arg(args, option);
    ym_assert(r == 0);
}

static struct fuse_session *session_new(struct ym_fs *f, const struct ym_fs_parts *p)
{
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    YM_AUTOFREE char *source = source_option(p->store->lib_path);
    ym_assert(fuse_opt_add_arg(&args, "ymago") == 0);
    add_option(&args, source);
    add_option(&args, "subtype=ymago");
    add_option(&args, "default_permissions");
    if (p->allow_other)
        add_option(&args, "allow_other");
    for (const char *const *o = p->options; o && *o; o++)
        add_option(&args, *o);
    struct fuse_session *se = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), f);
    fuse_opt_free_args(&args);
    return se;
}

/* Nobody answers the mount yet: only what the kernel knows by itself may be asked. */
static int mount_device(struct ym_fs *f, struct ym_err *e)
{
    struct statx x;
    if (statx(AT_FDCWD, f->mountpoint, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, 0, &x) < 0)
        return ym_fail(e, YM_LOCAL, errno, "The new mount at %s cannot be seen: %s.", f->mountpoint,
                       strerror(errno));
    f->dev = makedev(x.stx_dev_major, x.stx_dev_minor);
    if (f->dev == f->store->dev)
        return ym_fail(e, YM_BROKEN, EIO, "Mounting over %s did not take effect.", f->mountpoint);
    return 0;
}

/* A larger window makes reading a film eight times fewer requests; only root may set it. */
static void widen_read_ahead(const struct ym_fs *f)
{
    char path[64];
    snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", major(f->dev),
             minor(f->dev));
    YM_AUTOCLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, READ_AHEAD_KB, strlen(READ_AHEAD_KB)) < 0)
        ym_log(YM_DEBUG, "fs", "the read-ahead window stays as it is");
}

/* The editable price table: made once, from what the drivers know. */
static void make_prices(struct ym_fs *f)
{
    struct stat st;
    if (fstatat(f->store->state_fd, "prices.toml", &st, AT_SYMLINK_NOFOLLOW) == 0)
        return;
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 1 << 20);
    struct ym_config *c = ym_engine_config(f->engine);
    struct ym_err e = {0};
    int r = ym_view_prices(c, f->drivers, &b);
    ym_config_unref(c);
    if (r == 0)
        r = ym_write_whole(f->store->state_fd, "prices.toml", b.data, b.len, 0600, &e);
    if (r < 0)
        ym_log(YM_WARN, "fs", "prices.toml could not be made: %s", *e.msg ? e.msg : strerror(-r));
}

static int mount_now(struct ym_fs *f, const struct ym_fs_parts *p, struct ym_err *e)
{
    f->se = session_new(f, p);
    if (!f->se)
        return ym_fail(e, YM_INVALID, EINVAL,
                       "libfuse refused the mount options; see the lines above.");
    if (fuse_session_mount(f->se, f->mountpoint) < 0)
        return ym_fail(e, YM_LOCAL, EIO, "%s cannot be mounted; is the fuse3 package installed?",
                       f->mountpoint);
    f->mounted = true;
    int r = mount_device(f, e);
    if (r == 0)
        widen_read_ahead(f);
    return r;
}

static struct ym_fs *fs_alloc(const struct ym_fs_parts *p, const struct stat *root)
{
    struct ym_fs *f = ym_alloc(sizeof(*f));
    f->store = p->store;
    f->service = p->service;
    f->engine = ym_service_engine(p->service);
    f->publisher = p->publisher;
    f->drivers = p->drivers;
    f->mountpoint = ym_strdup(p->mountpoint);
    f->in_place = p->in_place;
    f->allow_other = p->allow_other;
    f->uid = geteuid();
    f->gid = getegid();
    f->root = f->uid == 0;
    f->ready = p->ready;
    f->ready_ctx = p->ready_ctx;
    clock_gettime(CLOCK_REALTIME, &f->started);
    pthread_mutex_init(&f->loop_lock, NULL);
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(&f->loop_ended, &a);
    pthread_condattr_destroy(&a);
    node_table_init(&f->nodes, root);
    hidden_init(&f->hidden);
    streams_init(f);
    return f;
}

int ym_fs_new(const struct ym_fs_parts *p, struct ym_fs **ret, struct ym_err *e)
{
    struct stat root;
    int r = check_mountpoint(p, e);
    if (r < 0)
        return r;
    if (fstat(p->store->lib_fd, &root) < 0)
        return ym_fail(e, YM_LOCAL, errno, "The library cannot be read: %s.", strerror(errno));
    umask(0); /* modes are given explicitly, as users ask for them */
    struct ym_fs *f = fs_alloc(p, &root);
    make_prices(f);
    notifier_new(f);
    publisher_attach(f->publisher, f);
    r = mount_now(f, p, e);
    if (r < 0) {
        ym_fs_free(f);
        return r;
    }
    *ret = f;
    return 0;
}

/* ---- the loop ---- */

static void nothing(int sig)
{
    (void)sig; /* its arrival ends the loop's wait */
}

static void loop_begin(struct ym_fs *f)
{
    struct sigaction sa = {.sa_handler = nothing};
    sigset_t set;
    sigaction(SIGUSR2, &sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    pthread_mutex_lock(&f->loop_lock);
    f->loop_thread = pthread_self();
    f->looping = true;
    pthread_mutex_unlock(&f->loop_lock);
    if (atomic_load(&f->exiting))
        notifier_stop_loop(f);
}

int ym_fs_loop(struct ym_fs *f)
{
    struct fuse_loop_config *cfg = fuse_loop_cfg_create();
    fuse_loop_cfg_set_max_threads(cfg, THREADS_MAX);
    fuse_loop_cfg_set_idle_threads(cfg, THREADS_IDLE);
    loop_begin(f);
    int r = fuse_session_loop_mt(f->se, cfg);
    fuse_loop_cfg_destroy(cfg);
    pthread_mutex_lock(&f->loop_lock);
    f->looping = false;
    pthread_cond_broadcast(&f->loop_ended);
    pthread_mutex_unlock(&f->loop_lock);
    return r > 0 ? 0 : r;
}

void ym_fs_exit(struct ym_fs *f)
{
    atomic_store(&f->exiting, true);
    streams_end(f);
    notifier_stop_loop(f);
}

/* libfuse unmounts by name, and fails when a folder above was moved: then by number. */
static void unmount(struct ym_fs *f)
{
    YM_AUTOFREE struct mount_row *row = ym_alloc(sizeof(*row));
    fuse_session_unmount(f->se);
    if (f->dev && mounts_find(NULL, f->dev, row) == 0 && row->is_ours && mounts_is_dead(row->point))
        mounts_detach(row->point, true);
}

void ym_fs_free(struct ym_fs *f)
{
    if (!f)
        return;
    publisher_detach(f->publisher);
    streams_end(f); /* who is blocked in a read gets its end before the mount goes */
    notifier_free(f->notifier);
    streams_pump(f);
    if (f->mounted)
        unmount(f);
    streams_fini(f);
    if (f->se)
        fuse_session_destroy(f->se);
    node_table_fini(&f->nodes);
    hidden_fini(&f->hidden);
    pthread_cond_destroy(&f->loop_ended);
    pthread_mutex_destroy(&f->loop_lock);
    free(f->mountpoint);
    free(f);
}
