/* Open files. What is written lies in the library's file before the write is answered. */
#include "notice.h"
#include "ops.h"
#include "virtual/virtual.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <ymago/library.h>

/* O_DIRECT and O_APPEND were dealt with above: the first would ask for aligned buffers here, the
 * second would ignore the offset that the kernel gives. */
#define PASSED_FLAGS (O_ACCMODE | O_TRUNC | O_SYNC | O_DSYNC)

static struct handle *handle_new(struct ym_fs *f, struct node *n, int fd)
{
    struct handle *h = ym_alloc(sizeof(*h));
    h->kind = HANDLE_FILE;
    h->fd = fd;
    node_add_handle(&f->nodes, n, h);
    return h;
}

static void handle_close(struct ym_fs *f, struct handle *h)
{
    notice_closed(f, h);
    virt_release(f, h);
    node_remove_handle(&f->nodes, h);
    ym_closep(&h->fd);
    free(h);
}

/* A result keeps its bytes: what is cached of it stays good. */
static bool is_media(const char *path)
{
    struct ym_name name;
    const char *slash = strrchr(path, '/');
    ym_name_classify(slash ? slash + 1 : path, &name);
    return name.cls == YM_NM_MEDIA;
}

/* By its path at one go; a file without one, and those of the state folder, by place. */
static int open_path(struct ym_fs *f, struct node *n, const char *path, int flags)
{
    if (path && !n->virt && strncmp(path, STATE_FOLDER "/", sizeof(STATE_FOLDER)) != 0)
        return ym_store_openat(f->store, path, flags | O_CLOEXEC, 0);
    PLACE_AUTO p = PLACE_NONE;
    int r = place_node(f, n, &p);
    return r < 0 ? r : lower_open(&p, flags);
}

/* Under the tree lock, so that the publisher sees a writer before it may replace the file. */
static int open_lower(struct ym_fs *f, struct node *n, int flags, pid_t process,
                      struct handle **ret, bool *ret_media)
{
    pthread_rwlock_rdlock(&f->nodes.tree);
    YM_AUTOFREE char *path = node_path(&f->nodes, n);
    int fd = open_path(f, n, path, flags & PASSED_FLAGS);
    if (fd >= 0) {
        *ret = handle_new(f, n, fd);
        *ret_media = path && !n->virt && is_media(path);
        if ((flags & O_ACCMODE) != O_RDONLY)
            notice_opened(f, *ret, process);
        if (flags & O_TRUNC)
            notice_emptied(f, n);
    }
    pthread_rwlock_unlock(&f->nodes.tree);
    return fd < 0 ? fd : 0;
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct ym_fs *f = fs_of(req);
    struct node *n = node_of(f, ino);
    if (n->virt && !virt_file(n->virt)) {
        virt_open(req, n, fi);
        return;
    }
    bool writes = (fi->flags & O_ACCMODE) != O_RDONLY;
    int r = 0;
    if (n->virt && (writes || fi->flags & O_TRUNC) && !(n->virt->mode & 0222))
        r = -EACCES;
    else if (fi->flags & O_TRUNC)
        r = notice_before_write(f, n);
    struct handle *h = NULL;
    bool media = false;
    if (r == 0)
        r = open_lower(f, n, fi->flags, writes ? notice_process(req) : 0, &h, &media);
    if (r < 0) {
        fuse_reply_err(req, -r);
        return;
    }
    fi->fh = (uintptr_t)h;
    fi->keep_cache = !writes && media;
    fi->direct_io = n->virt != NULL; /* the log grows by itself */
    if (fuse_reply_open(req, fi) < 0)
        handle_close(f, h);
}

static int create_lower(fuse_req_t req, struct node *folder, const char *name, mode_t mode,
                        int flags, struct handle **ret, struct facts *ret_facts)
{
    struct ym_fs *f = fs_of(req);
    pid_t process = notice_process(req);
    struct node *n;
    pthread_rwlock_rdlock(&f->nodes.tree);
    PLACE_AUTO p = PLACE_NONE;
    int r = place_child(f, folder, name, &p);
    int fd = -1;
    if (r == 0) {
        fd = openat(p.dir, name,
                    (flags & (PASSED_FLAGS | O_EXCL)) | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode);
        r = fd < 0 ? -errno : 0;
    }
    if (r == 0)
        r = entry_made(req, folder, name, &p, &n, ret_facts);
    if (r == 0) {
        *ret = handle_new(f, n, ym_steal_fd(&fd));
        YM_AUTOFREE char *path = node_child_path(&f->nodes, folder, name);
        notice_path(f, YM_TOUCH_CREATED, path, NULL, process, false, false);
        if ((flags & O_ACCMODE) != O_RDONLY)
            notice_opened(f, *ret, process);
    }
    pthread_rwlock_unlock(&f->nodes.tree);
    ym_closep(&fd);
    return r;
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
               struct fuse_file_info *fi)
{
    struct ym_fs *f = fs_of(req);
    struct node *folder = node_of(f, parent);
    struct handle *h = NULL;
    struct facts x;
    int r = folder_is_writable(f, folder, name);
    if (r == 0)
        r = create_lower(req, folder, name, mode, fi->flags, &h, &x);
    if (r < 0) {
        fuse_reply_err(req, -r);
        return;
    }
    ym_assert(h != NULL);
    struct fuse_entry_param e = {
        .ino = ino_of(f, h->node),
        .attr = x.st,
        .attr_timeout = LONG_TIMEOUT,
        .entry_timeout = LONG_TIMEOUT,
    };
    struct node *n = h->node;
    fi->fh = (uintptr_t)h;
    if (fuse_reply_create(req, &e, fi) < 0) {
        handle_close(f, h);
        node_forget(&f->nodes, n, 1);
    }
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    struct handle *h = handle_of(fi);
    (void)ino;
    if (h->kind != HANDLE_FILE) {
        virt_read(req, h, size, off, !(fi->flags & O_NONBLOCK));
        return;
    }
    struct fuse_bufvec b = FUSE_BUFVEC_INIT(size);
    b.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    b.buf[0].fd = h->fd;
    b.buf[0].pos = off;
    fuse_reply_data(req, &b, FUSE_BUF_SPLICE_MOVE);
}

#define LINE_MAX_BYTES 4096

static void write_line(fuse_req_t req, struct handle *h, struct fuse_bufvec *in)
{
    char line[LINE_MAX_BYTES];
    size_t size = fuse_buf_size(in);
    if (size > sizeof(line)) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    struct fuse_bufvec out = FUSE_BUFVEC_INIT(size);
    out.buf[0].mem = line;
    ssize_t n = fuse_buf_copy(&out, in, 0);
    if (n < 0)
        fuse_reply_err(req, (int)-n);
    else
        virt_write(req, h, line, (size_t)n);
}

void op_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
                  struct fuse_file_info *fi)
{
    struct ym_fs *f = fs_of(req);
    struct handle *h = handle_of(fi);
    (void)ino;
    if (h->kind != HANDLE_FILE) {
        write_line(req, h, in);
        return;
    }
    int r = notice_before_write(f, h->node);
    if (r < 0) {
        fuse_reply_err(req, -r);
        return;
    }
    struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
    out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    out.buf[0].fd = h->fd;
    out.buf[0].pos = off;
    ssize_t n = fuse_buf_copy(&out, in, 0);
    if (n < 0) {
        fuse_reply_err(req, (int)-n);
        return;
    }
    notice_written(f, h->node);
    fuse_reply_write(req, (size_t)n);
}

/* Comes at every close of every duplicate, also before anything is written: no end of anything. It
 * only carries an error that the file system below keeps for close. */
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct handle *h = handle_of(fi);
    (void)ino;
    int r = 0;
    if (h->kind == HANDLE_FILE && h->writes) {
        int fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 0);
        r = fd < 0 || close(fd) < 0 ? errno : 0;
    }
    fuse_reply_err(req, r);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    handle_close(fs_of(req), handle_of(fi));
    fuse_reply_err(req, 0);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    struct handle *h = handle_of(fi);
    (void)ino;
    int r = h->fd < 0 ? 0 : datasync ? fdatasync(h->fd) : fsync(h->fd);
    fuse_reply_err(req, r < 0 ? errno : 0);
}

void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
                  struct fuse_file_info *fi)
{
    struct ym_fs *f = fs_of(req);
    struct handle *h = handle_of(fi);
    (void)ino;
    int r = h->kind == HANDLE_FILE ? notice_before_write(f, h->node) : -EOPNOTSUPP;
    if (r == 0 && fallocate(h->fd, mode, off, len) < 0)
        r = -errno;
    if (r == 0)
        notice_written(f, h->node);
    fuse_reply_err(req, -r);
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t off_in, struct fuse_file_info *fi_in,
                        fuse_ino_t out, off_t off_out, struct fuse_file_info *fi_out, size_t len,
                        int flags)
{
    struct ym_fs *f = fs_of(req);
    struct handle *from = handle_of(fi_in), *to = handle_of(fi_out);
    (void)in, (void)out;
    ssize_t n = -1;
    int r = from->kind == HANDLE_FILE && to->kind == HANDLE_FILE ? notice_before_write(f, to->node)
                                                                 : -EXDEV;
    if (r == 0) {
        n = copy_file_range(from->fd, &off_in, to->fd, &off_out, len, (unsigned)flags);
        r = n < 0 ? -errno : 0;
    }
    if (r < 0) {
        fuse_reply_err(req, -r);
        return;
    }
    notice_written(f, to->node);
    fuse_reply_write(req, (size_t)n);
}

void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
    struct handle *h = handle_of(fi);
    (void)ino;
    off_t at = h->kind == HANDLE_FILE ? lseek(h->fd, off, whence) : -1;
    if (h->kind != HANDLE_FILE)
        fuse_reply_err(req, EINVAL);
    else if (at < 0)
        fuse_reply_err(req, errno);
    else
        fuse_reply_lseek(req, at);
}
