/* Finding files and saying what they are. */
#include "notice.h"
#include "ops.h"
#include "publish/publisher.h"
#include "virtual/virtual.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/statvfs.h>
#include <unistd.h>

void reply_entry(fuse_req_t req, struct node *n, const struct stat *st)
{
    struct ym_fs *f = fs_of(req);
    struct fuse_entry_param e = {
        .ino = ino_of(f, n),
        .attr = *st,
        .attr_timeout = n->virt ? virt_timeout(n) : LONG_TIMEOUT,
        .entry_timeout = n->virt ? 0 : LONG_TIMEOUT,
    };
    if (fuse_reply_entry(req, &e) < 0)
        node_forget(&f->nodes, n, 1); /* the caller was interrupted: the kernel did not take it */
}

/* A staged file under its token: for the publisher, and only while it is being published. */
static int staging_lookup(fuse_req_t req, struct node *folder, const char *name, struct node **ret,
                          struct stat *ret_st)
{
    struct ym_fs *f = fs_of(req);
    char staged[96];
    if (!notice_is_publisher(req))
        return -ENOENT;
    int r = publisher_staged(f->publisher, name, staged);
    struct facts x;
    if (r == 0)
        r = lower_stat(f->store->staging_fd, staged, AT_SYMLINK_NOFOLLOW, &x);
    if (r < 0)
        return r;
    *ret = node_bind(&f->nodes, folder, name, x.st.st_ino, x.btime_ns, x.st.st_mode, NULL);
    *ret_st = x.st;
    return 0;
}

/* In the root and in `cost` a real file wins over a virtual one, unless it is an old copy of it. */
static int lower_lookup(struct ym_fs *f, struct node *folder, const char *name,
                        const struct virt *v, struct node **ret, struct stat *ret_st)
{
    pthread_rwlock_rdlock(&f->nodes.tree);
    PLACE_AUTO p = PLACE_NONE;
    struct facts x;
    int r = place_child(f, folder, name, &p);
    if (r == 0)
        r = lower_stat_place(&p, &x);
    if (r == 0 && v && v->generated && virt_is_our_copy(v, p.dir, p.base))
        r = -ENOENT;
    if (r == 0) {
        *ret = node_bind(&f->nodes, folder, name, x.st.st_ino, x.btime_ns, x.st.st_mode, NULL);
        *ret_st = x.st;
    }
    pthread_rwlock_unlock(&f->nodes.tree);
    return r;
}

static int library_lookup(struct ym_fs *f, struct node *folder, const char *name, struct node **ret,
                          struct stat *ret_st)
{
    YM_AUTOFREE char *path = node_child_path(&f->nodes, folder, name);
    if (!path)
        return -ENOENT;
    const struct virt *v = virt_by_path(path);
    int r = -ENOENT;
    if (!name_is_reserved(f, folder, name))
        r = lower_lookup(f, folder, name, v, ret, ret_st);
    if (r != -ENOENT)
        return r;
    r = virt_lookup_beside(f, folder, name, path, ret);
    return r < 0 ? r : virt_getattr(f, *ret, ret_st);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct ym_fs *f = fs_of(req);
    struct node *folder = node_of(f, parent), *n = NULL;
    const struct virt *v = folder->virt;
    struct stat st;
    int r;
    if (v && v->kind == VIRT_STAGING) {
        r = staging_lookup(req, folder, name, &n, &st);
    } else if (v && !virt_is_overlay(v)) {
        r = virt_lookup(f, folder, name, &n);
        if (r == 0 && n->virt->kind == VIRT_STAGING && !notice_is_publisher(req))
            r = -ENOENT;
        if (r == 0)
            r = virt_getattr(f, n, &st);
    } else {
        r = library_lookup(f, folder, name, &n, &st);
    }
    if (r == 0) {
        reply_entry(req, n, &st);
        return;
    }
    if (n)
        node_forget(&f->nodes, n, 1);
    fuse_reply_err(req, -r);
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
    struct ym_fs *f = fs_of(req);
    node_forget(&f->nodes, node_of(f, ino), nlookup);
    fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    struct ym_fs *f = fs_of(req);
    for (size_t i = 0; i < count; i++)
        node_forget(&f->nodes, node_of(f, forgets[i].ino), forgets[i].nlookup);
    fuse_reply_none(req);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct ym_fs *f = fs_of(req);
    struct node *n = node_of(f, ino);
    struct facts x;
    int r;
    (void)fi; /* the name is as good, and an unlinked file finds its handle by itself */
    if (n->virt) {
        r = virt_getattr(f, n, &x.st);
    } else {
        pthread_rwlock_rdlock(&f->nodes.tree);
        PLACE_AUTO p = PLACE_NONE;
        r = place_node(f, n, &p);
        if (r == 0)
            r = lower_stat_place(&p, &x);
        pthread_rwlock_unlock(&f->nodes.tree);
    }
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_attr(req, &x.st, n->virt ? virt_timeout(n) : LONG_TIMEOUT);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
    struct ym_fs *f = fs_of(req);
    char target[PATH_MAX + 1];
    pthread_rwlock_rdlock(&f->nodes.tree);
    PLACE_AUTO p = PLACE_NONE;
    ssize_t r = place_node(f, node_of(f, ino), &p);
    if (r == 0) {
        r = readlinkat(p.dir, p.base, target, sizeof(target) - 1);
        if (r < 0)
            r = -errno;
    }
    pthread_rwlock_unlock(&f->nodes.tree);
    if (r < 0) {
        fuse_reply_err(req, (int)-r);
        return;
    }
    target[r] = '\0';
    fuse_reply_readlink(req, target);
}

void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct statvfs s;
    (void)ino;
    if (fstatvfs(fs_of(req)->store->lib_fd, &s) < 0)
        fuse_reply_err(req, errno);
    else
        fuse_reply_statfs(req, &s);
}
