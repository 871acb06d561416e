/* New names: files, folders, links. */
#include "notice.h"
#include "ops.h"
#include "virtual/virtual.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool name_is_reserved(struct ym_fs *f, const struct node *parent, const char *name)
{
    return parent == f->nodes.root && strcmp(name, STATE_FOLDER) == 0;
}

/* A merged folder that nobody has put anything in is not there yet, nor are those above it. */
static int folders_make(struct ym_fs *f, char *path)
{
    for (size_t at = strcspn(path, "/");; at += 1 + strcspn(path + at + 1, "/")) {
        const char *base;
        char after = path[at];
        path[at] = '\0';
        YM_AUTOCLOSE int dir = ym_store_parent(f->store, path, &base);
        if (dir < 0)
            return dir;
        if (mkdirat(dir, base, 0755) < 0 && errno != EEXIST)
            return -errno;
        path[at] = after;
        if (!after)
            return 0;
    }
}

int folder_is_writable(struct ym_fs *f, struct node *parent, const char *name)
{
    if (name_is_reserved(f, parent, name))
        return -EACCES;
    if (!parent->virt)
        return 0;
    if (!virt_is_overlay(parent->virt))
        return -EACCES;
    YM_AUTOFREE char *path = node_path(&f->nodes, parent);
    return path ? folders_make(f, path) : -ENOENT;
}

/* A daemon of root's serves others: what they make is theirs, as on any file system. */
static int give_to_creator(fuse_req_t req, const struct place *p, struct facts *x)
{
    struct ym_fs *f = fs_of(req);
    const struct fuse_ctx *c = fuse_req_ctx(req);
    if (!f->root || (c->uid == x->st.st_uid && c->gid == x->st.st_gid))
        return 0;
    struct stat folder;
    if (fstatat(p->dir, "", &folder, AT_EMPTY_PATH) < 0)
        return -errno;
    gid_t gid = folder.st_mode & S_ISGID ? (gid_t)-1 : c->gid;
    if (fchownat(p->dir, p->base, c->uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISREG(x->st.st_mode) && x->st.st_mode & (S_ISUID | S_ISGID) &&
        fchmodat(p->dir, p->base, x->st.st_mode & 07777, 0) < 0)
        return -errno;
    return lower_stat_place(p, x);
}

int entry_made(fuse_req_t req, struct node *parent, const char *name, const struct place *p,
               struct node **ret, struct facts *ret_facts)
{
    struct ym_fs *f = fs_of(req);
    struct facts x;
    int r = lower_stat_place(p, &x);
    if (r == 0)
        r = give_to_creator(req, p, &x);
    if (r < 0)
        return r;
    *ret = node_bind(&f->nodes, parent, name, x.st.st_ino, x.btime_ns, x.st.st_mode, NULL);
    *ret_facts = x;
    return 0;
}

enum make { MAKE_NODE, MAKE_FOLDER, MAKE_SYMLINK };
struct making {
    enum make what;
    mode_t mode;
    dev_t rdev;
    const char *target;
};

static int make_lower(const struct place *p, const struct making *m)
{
    int r = -1;
    switch (m->what) {
    case MAKE_NODE:
        r = mknodat(p->dir, p->base, m->mode, m->rdev);
        break;
    case MAKE_FOLDER:
        r = mkdirat(p->dir, p->base, m->mode);
        break;
    case MAKE_SYMLINK:
        r = symlinkat(m->target, p->dir, p->base);
        break;
    }
    return r < 0 ? -errno : 0;
}

static void make(fuse_req_t req, fuse_ino_t parent, const char *name, const struct making *m)
{
    struct ym_fs *f = fs_of(req);
    struct node *folder = node_of(f, parent), *n;
    struct facts x;
    int r = folder_is_writable(f, folder, name);
    pthread_rwlock_rdlock(&f->nodes.tree);
    PLACE_AUTO p = PLACE_NONE;
    if (r == 0)
        r = place_child(f, folder, name, &p);
    if (r == 0)
        r = make_lower(&p, m);
    if (r == 0)
        r = entry_made(req, folder, name, &p, &n, &x);
    pthread_rwlock_unlock(&f->nodes.tree);
    if (r < 0) {
        fuse_reply_err(req, -r);
        return;
    }
    if (S_ISREG(x.st.st_mode)) {
        YM_AUTOFREE char *path = node_child_path(&f->nodes, folder, name);
        notice_path(f, YM_TOUCH_CREATED, path, NULL, notice_process(req), false, false);
    }
    reply_entry(req, n, &x.st);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    make(req, parent, name, &(struct making){.what = MAKE_NODE, .mode = mode, .rdev = rdev});
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    make(req, parent, name, &(struct making){.what = MAKE_FOLDER, .mode = mode});
}

void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
    make(req, parent, name, &(struct making){.what = MAKE_SYMLINK, .target = link});
}

/* The old file by any of its names, or through a handle when it has none. */
static int link_lower(struct ym_fs *f, struct node *n, const struct place *to)
{
    PLACE_AUTO from = PLACE_NONE;
    int r = place_node(f, n, &from);
    if (r < 0)
        return r;
    return linkat(from.dir, from.base, to->dir, to->base, from.nofollow ? 0 : AT_SYMLINK_FOLLOW) < 0
               ? -errno
               : 0;
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
    struct ym_fs *f = fs_of(req);
    struct node *n = node_of(f, ino), *folder = node_of(f, newparent), *made = NULL;
    struct facts x;
    int r = n->virt ? -EPERM : folder_is_writable(f, folder, newname);
    pthread_rwlock_rdlock(&f->nodes.tree);
    PLACE_AUTO p = PLACE_NONE;
    if (r == 0)
        r = place_child(f, folder, newname, &p);
    if (r == 0)
        r = link_lower(f, n, &p);
    if (r == 0)
        r = lower_stat_place(&p, &x);
    if (r == 0)
        made = node_bind(&f->nodes, folder, newname, x.st.st_ino, x.btime_ns, x.st.st_mode, NULL);
    pthread_rwlock_unlock(&f->nodes.tree);
    if (r < 0) {
        fuse_reply_err(req, -r);
        return;
    }
    if (S_ISREG(x.st.st_mode)) {
        YM_AUTOFREE char *path = node_child_path(&f->nodes, folder, newname);
        notice_path(f, YM_TOUCH_LINKED, path, NULL, fuse_req_ctx(req)->pid, false, false);
    }
    reply_entry(req, made, &x.st);
}
