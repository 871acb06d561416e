/* Renaming: by users, and the publisher's way of making a result appear. */
#include "notice.h"
#include "ops.h"
#include "publish/publisher.h"
#include "virtual/virtual.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct renaming {
    fuse_req_t req;
    struct node *from, *to;
    const char *name, *newname;
    unsigned flags;
};

/* Something is there that may be replaced only if it is what was asked about, nobody has written to
 * it since, and nobody is about to. */
static int check_replaced(struct ym_fs *f, const struct place *to, const struct publish_check *c)
{
    struct ym_ident now;
    int r = ym_store_ident(to->dir, to->base, &now);
    if (!c->replace)
        return r == -ENOENT ? 0 : r < 0 ? r : -EEXIST;
    if (r < 0)
        return r == -ENOENT ? -EAGAIN : r;
    uint32_t generation = 0, writers = 0;
    if (node_writes(&f->nodes, now.ino, &generation, &writers) &&
        (writers || (c->known && generation != c->generation)))
        return -EAGAIN;
    return ym_ident_unchanged(&now, &c->ident) ? 0 : -EAGAIN;
}

static int publish(const struct renaming *r, const char *path)
{
    struct ym_fs *f = fs_of(r->req);
    struct publish_check c;
    char staged[96];
    int e = publisher_staged(f->publisher, r->name, staged);
    if (e == 0)
        e = publisher_asked(f->publisher, r->name, path, &c);
    if (e < 0)
        return e;
    pthread_rwlock_wrlock(&f->nodes.tree);
    PLACE_AUTO to = PLACE_NONE;
    e = place_child(f, r->to, r->newname, &to);
    if (e == 0)
        e = check_replaced(f, &to, &c);
    bool beside = c.beside[0] != 0; /* the target is on another file system */
    if (e == 0 && renameat2(beside ? to.dir : f->store->staging_fd, beside ? c.beside : staged, to.dir,
                            to.base, c.replace ? 0 : RENAME_NOREPLACE) < 0)
        e = -errno;
    if (e == 0)
        node_move(&f->nodes, r->from, r->name, r->to, r->newname);
    pthread_rwlock_unlock(&f->nodes.tree);
    publisher_did(f->publisher, r->name, path, e);
    return e;
}

static void op_publish(const struct renaming *r)
{
    struct ym_fs *f = fs_of(r->req);
    YM_AUTOFREE char *path = node_child_path(&f->nodes, r->to, r->newname);
    int e = path ? folder_is_writable(f, r->to, r->newname) : -ENOENT;
    if (e == 0)
        e = publish(r, path);
    fuse_reply_err(r->req, -e);
}

struct outcome {
    bool over, is_dir;
};

static int rename_lower(const struct renaming *r, struct outcome *ret)
{
    struct ym_fs *f = fs_of(r->req);
    pthread_rwlock_wrlock(&f->nodes.tree);
    PLACE_AUTO from = PLACE_NONE;
    PLACE_AUTO to = PLACE_NONE;
    struct facts a, b;
    int e = place_child(f, r->from, r->name, &from);
    if (e == 0)
        e = place_child(f, r->to, r->newname, &to);
    if (e == 0)
        e = lower_stat_place(&from, &a);
    if (e == 0) {
        ret->is_dir = S_ISDIR(a.st.st_mode);
        ret->over = !(r->flags & RENAME_EXCHANGE) && lower_stat_place(&to, &b) == 0;
        if (renameat2(from.dir, from.base, to.dir, to.base, r->flags) < 0)
            e = -errno;
    }
    if (e == 0 && r->flags & RENAME_EXCHANGE)
        node_exchange(&f->nodes, r->from, r->name, r->to, r->newname);
    else if (e == 0)
        node_move(&f->nodes, r->from, r->name, r->to, r->newname);
    pthread_rwlock_unlock(&f->nodes.tree);
    return e;
}

static int rename_checked(const struct renaming *r)
{
    struct ym_fs *f = fs_of(r->req);
    if ((r->from->virt && !virt_is_overlay(r->from->virt)) || name_is_reserved(f, r->from, r->name))
        return -EACCES;
    int e = folder_is_writable(f, r->to, r->newname);
    YM_AUTOFREE char *path = node_child_path(&f->nodes, r->from, r->name);
    YM_AUTOFREE char *path2 = node_child_path(&f->nodes, r->to, r->newname);
    if (e == 0 && (!path || !path2))
        e = -ENOENT;
    if (e == 0 && !(r->flags & (RENAME_EXCHANGE | RENAME_NOREPLACE)))
        e = notice_before_removal(f, path2);
    struct outcome out = {0};
    if (e == 0)
        e = rename_lower(r, &out);
    if (e == -ENOENT && path && virt_by_path(path))
        e = -EPERM; /* a virtual file stays where it is */
    if (e == 0)
        notice_path(f, r->flags & RENAME_EXCHANGE ? YM_TOUCH_EXCHANGED : YM_TOUCH_RENAMED, path,
                    path2, fuse_req_ctx(r->req)->pid, out.over, out.is_dir);
    return e;
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
               const char *newname, unsigned int flags)
{
    struct ym_fs *f = fs_of(req);
    struct renaming r = {.req = req,
                         .from = node_of(f, parent),
                         .to = node_of(f, newparent),
                         .name = name,
                         .newname = newname,
                         .flags = flags};
    if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE))
        fuse_reply_err(req, EINVAL);
    else if (r.from->virt && r.from->virt->kind == VIRT_STAGING && notice_is_publisher(req))
        op_publish(&r);
    else
        fuse_reply_err(req, -rename_checked(&r));
}
