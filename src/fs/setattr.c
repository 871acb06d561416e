/* Changing attributes. Only a new size and "now" mean anything to a prompt. */
#include "notice.h"
#include "ops.h"
#include "virtual/virtual.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* chmod has no form that follows nothing: by the descriptor, through /proc. */
static int set_mode(const struct place *p, mode_t mode)
{
    YM_AUTOCLOSE int fd = lower_open(p, O_PATH);
    if (fd < 0)
        return fd;
    char path[32];
    return fchmodat(AT_FDCWD, lower_fd_path(fd, path), mode & 07777, 0) < 0 ? -errno : 0;
}

static int set_size(const struct place *p, const struct handle *h, off_t size)
{
    if (h && h->writes)
        return ftruncate(h->fd, size) < 0 ? -errno : 0;
    YM_AUTOCLOSE int fd = lower_open(p, O_WRONLY);
    if (fd < 0)
        return fd;
    return ftruncate(fd, size) < 0 ? -errno : 0;
}

static struct timespec time_to_set(int to_set, int set, int now, struct timespec t)
{
    if (to_set & now)
        return (struct timespec){.tv_nsec = UTIME_NOW};
    return to_set & set ? t : (struct timespec){.tv_nsec = UTIME_OMIT};
}

static int apply(const struct place *p, const struct handle *h, const struct stat *attr, int to_set)
{
    int r = 0;
    if (to_set & FUSE_SET_ATTR_MODE)
        r = set_mode(p, attr->st_mode);
    if (r == 0 && to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
        uid_t uid = to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
        gid_t gid = to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;
        if (fchownat(p->dir, p->base, uid, gid, p->nofollow) < 0)
            r = -errno;
    }
    if (r == 0 && to_set & FUSE_SET_ATTR_SIZE)
        r = set_size(p, h, attr->st_size);
    const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                      FUSE_SET_ATTR_MTIME_NOW;
    if (r == 0 && to_set & times) {
        struct timespec t[2] = {
            time_to_set(to_set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, attr->st_atim),
            time_to_set(to_set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, attr->st_mtim),
        };
        if (utimensat(p->dir, p->base, t, p->nofollow) < 0)
            r = -errno;
    }
    return r;
}

static void tell(fuse_req_t req, struct node *n, int to_set, bool by_path)
{
    struct ym_fs *f = fs_of(req);
    pid_t pid = fuse_req_ctx(req)->pid;
    if (to_set & FUSE_SET_ATTR_SIZE) {
        notice_written(f, n);
        if (by_path)
            notice_node(f, n, YM_TOUCH_TRUNCATED, pid);
    } else if (to_set & FUSE_SET_ATTR_MTIME_NOW && S_ISREG(n->type) && !notice_is_publisher(req)) {
        notice_node(f, n, YM_TOUCH_NOW, pid);
    }
}

/* `echo x > ctl` truncates first; the publisher stirs watchers by setting times. Nothing else. */
static void set_virtual(fuse_req_t req, struct node *n, int to_set)
{
    struct ym_fs *f = fs_of(req);
    bool line = n->virt->kind == VIRT_CTL || n->virt->kind == VIRT_CANCEL;
    bool allowed = (line && !(to_set & ~(FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_MTIME |
                                         FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_CTIME |
                                         FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW))) ||
                   notice_is_publisher(req);
    struct stat st;
    int r = allowed ? virt_getattr(f, n, &st) : -EPERM;
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_attr(req, &st, virt_timeout(n));
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                struct fuse_file_info *fi)
{
    struct ym_fs *f = fs_of(req);
    struct node *n = node_of(f, ino);
    const struct handle *h = fi ? handle_of(fi) : NULL;
    if (n->virt && !virt_file(n->virt)) {
        set_virtual(req, n, to_set);
        return;
    }
    int r = to_set & FUSE_SET_ATTR_SIZE ? notice_before_write(f, n) : 0;
    struct facts x;
    if (r == 0) {
        pthread_rwlock_rdlock(&f->nodes.tree);
        PLACE_AUTO p = PLACE_NONE;
        r = place_node(f, n, &p);
        if (r == 0)
            r = apply(&p, h, attr, to_set);
        if (r == 0)
            r = lower_stat_place(&p, &x);
        pthread_rwlock_unlock(&f->nodes.tree);
    }
    if (r == 0)
        tell(req, n, to_set, !h);
    if (r == 0 && n->virt)
        r = virt_getattr(f, n, &x.st);
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_attr(req, &x.st, n->virt ? virt_timeout(n) : LONG_TIMEOUT);
}
