#include "lower.h"
#include "handle.h"
#include "publish/publisher.h"
#include "virtual/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

const char *lower_fd_path(int fd, char out[static 32])
{
    snprintf(out, 32, "/proc/self/fd/%d", fd);
    return out;
}

static int open_folder(struct ym_fs *f, const char *path, struct place *ret)
{
    if (*path == '\0') {
        ret->dir = f->store->lib_fd;
        return 0;
    }
    ret->dir = ret->owned = ym_store_openat(f->store, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    return ret->dir < 0 ? ret->dir : 0;
}

int place_child(struct ym_fs *f, struct node *parent, const char *name, struct place *ret)
{
    *ret = (struct place)PLACE_NONE;
    ret->nofollow = AT_SYMLINK_NOFOLLOW;
    ret->base = name;
    if (parent->virt && !virt_is_overlay(parent->virt))
        return -EACCES;
    YM_AUTOFREE char *path = node_path(&f->nodes, parent);
    return path ? open_folder(f, path, ret) : -ENOENT;
}

/* An unlinked file is reached through a descriptor of one of its handles. The copy is ours: the
 * handle may be closed, and its number given to another file, at any time. Without one: ESTALE, at
 * which the kernel looks the name up once more, so that who opens a file while it is replaced gets
 * the new one. */
static int place_by_handle(struct ym_fs *f, struct node *n, struct place *ret)
{
    int fd = -1;
    pthread_mutex_lock(&f->nodes.lock);
    for (struct handle *h = n->handles; h && fd < 0; h = h->next)
        if (h->fd >= 0)
            fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 0);
    pthread_mutex_unlock(&f->nodes.lock);
    if (fd < 0)
        return -ESTALE;
    ret->owned = fd;
    ret->dir = AT_FDCWD;
    ret->nofollow = 0;
    ret->base = lower_fd_path(fd, ret->staged);
    return 0;
}

int place_node(struct ym_fs *f, struct node *n, struct place *ret)
{
    *ret = (struct place)PLACE_NONE;
    ret->nofollow = AT_SYMLINK_NOFOLLOW;
    if (n == f->nodes.root) {
        ret->dir = f->store->lib_fd;
        ret->base = ".";
        return 0;
    }
    if (n->virt && virt_file(n->virt)) {
        ret->dir = f->store->state_fd;
        ret->base = virt_file(n->virt);
        return 0;
    }
    char *path = ret->text = node_path(&f->nodes, n);
    if (!path)
        return place_by_handle(f, n, ret);
    if (strncmp(path, STAGING_FOLDER "/", sizeof(STAGING_FOLDER)) == 0) {
        ret->dir = f->store->staging_fd;
        ret->base = ret->staged;
        return publisher_staged(f->publisher, path + sizeof(STAGING_FOLDER), ret->staged);
    }
    char *slash = strrchr(path, '/');
    ret->base = slash ? slash + 1 : path;
    if (slash)
        *slash = '\0';
    return open_folder(f, slash ? path : "", ret);
}

void place_fini(struct place *p)
{
    ym_closep(&p->owned);
    p->owned = -1;
    free(p->text);
    p->text = NULL;
}

static struct timespec to_timespec(struct statx_timestamp t)
{
    return (struct timespec){.tv_sec = t.tv_sec, .tv_nsec = t.tv_nsec};
}

int lower_stat(int dir, const char *base, int flags, struct facts *ret)
{
    struct statx x;
    if (statx(dir, base, flags, STATX_BASIC_STATS | STATX_BTIME, &x) < 0)
        return -errno;
    *ret = (struct facts){0};
    ret->st = (struct stat){
        .st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
        .st_ino = x.stx_ino,
        .st_mode = x.stx_mode,
        .st_nlink = x.stx_nlink,
        .st_uid = x.stx_uid,
        .st_gid = x.stx_gid,
        .st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor),
        .st_size = (off_t)x.stx_size,
        .st_blksize = (blksize_t)x.stx_blksize,
        .st_blocks = (blkcnt_t)x.stx_blocks,
        .st_atim = to_timespec(x.stx_atime),
        .st_mtim = to_timespec(x.stx_mtime),
        .st_ctim = to_timespec(x.stx_ctime),
    };
    if (x.stx_mask & STATX_BTIME)
        ret->btime_ns = (int64_t)x.stx_btime.tv_sec * 1000000000 + x.stx_btime.tv_nsec;
    return 0;
}

int lower_stat_place(const struct place *p, struct facts *ret)
{
    return lower_stat(p->dir, p->base, p->nofollow, ret);
}

int lower_stat_fd(int fd, struct facts *ret)
{
    return lower_stat(fd, "", AT_EMPTY_PATH, ret);
}

int lower_open(const struct place *p, int flags)
{
    int fd = openat(p->dir, p->base, flags | O_CLOEXEC | (p->nofollow ? O_NOFOLLOW : 0));
    return fd < 0 ? -errno : fd;
}
