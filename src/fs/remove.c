/* Names that go away. */
#include "notice.h"
#include "ops.h"
#include "publish/publisher.h"
#include "virtual/virtual.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The publisher removes only what it was asked to, and only while nobody has touched it since. */
static int check_asked(struct ym_fs *f, const struct place *p, const char *path)
{
    struct publish_check c;
    struct ym_ident now;
    int r = publisher_asked(f->publisher, NULL, path, &c);
    if (r == 0)
        r = ym_store_ident(p->dir, p->base, &now);
    if (r < 0 || !c.replace)
        return r;
    uint32_t generation = 0, writers = 0;
    if (node_writes(&f->nodes, now.ino, &generation, &writers) &&
        (writers || (c.known && generation != c.generation)))
        return -EAGAIN;
    return ym_ident_unchanged(&now, &c.ident) ? 0 : -EAGAIN;
}

static int remove_lower(fuse_req_t req, struct node *folder, const char *name, const char *path,
                        int flag)
{
    struct ym_fs *f = fs_of(req);
    bool publisher = notice_is_publisher(req);
    pthread_rwlock_wrlock(&f->nodes.tree);
    PLACE_AUTO p = PLACE_NONE;
    int r = place_child(f, folder, name, &p);
    if (r == 0 && publisher)
        r = check_asked(f, &p, path);
    if (r == 0 && unlinkat(p.dir, p.base, flag) < 0)
        r = -errno;
    if (r == 0)
        node_unbind(&f->nodes, folder, name);
    pthread_rwlock_unlock(&f->nodes.tree);
    if (publisher)
        publisher_did(f->publisher, NULL, path, r);
    return r;
}

/* A virtual entry beside the files of the library: one of ours is hidden from now on; a note that
 * only the journal knows comes and goes with its job, so that its removal is neither done nor
 * refused. */
static int remove_beside(struct ym_fs *f, const char *path, const struct virt *v)
{
    if (v)
        return hidden_has(f, path) ? -ENOENT : hidden_add(f, path);
    return 0;
}

static bool is_note(struct ym_fs *f, struct node *folder, const char *name, const char *path)
{
    struct node *n;
    if (virt_lookup_beside(f, folder, name, path, &n) < 0)
        return false;
    bool note = n->virt->kind == VIRT_NOTE;
    node_forget(&f->nodes, n, 1);
    return note;
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct ym_fs *f = fs_of(req);
    struct node *folder = node_of(f, parent);
    if ((folder->virt && !virt_is_overlay(folder->virt)) || name_is_reserved(f, folder, name)) {
        fuse_reply_err(req, EACCES);
        return;
    }
    YM_AUTOFREE char *path = node_child_path(&f->nodes, folder, name);
    const struct virt *v = path ? virt_by_path(path) : NULL;
    bool publisher = notice_is_publisher(req);
    int r = path ? 0 : -ENOENT;
    if (r == 0 && !publisher)
        r = notice_before_removal(f, path);
    if (r == 0)
        r = remove_lower(req, folder, name, path, 0);
    if (r == 0 && !publisher)
        notice_path(f, YM_TOUCH_UNLINKED, path, NULL, fuse_req_ctx(req)->pid, false, false);
    if (r == -ENOENT && (v || is_note(f, folder, name, path)))
        r = remove_beside(f, path, v);
    fuse_reply_err(req, -r);
}

struct counting {
    struct ym_fs *f;
    const char *folder;
    int shown;
};

static void count_shown(void *ctx, const struct virt *v, const char *name)
{
    struct counting *c = ctx;
    YM_AUTOFREE char *path = ym_asprintf("%s/%s", c->folder, name);
    (void)v;
    if (!hidden_has(c->f, path))
        c->shown++;
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct ym_fs *f = fs_of(req);
    struct node *folder = node_of(f, parent);
    if ((folder->virt && !virt_is_overlay(folder->virt)) || name_is_reserved(f, folder, name)) {
        fuse_reply_err(req, EACCES);
        return;
    }
    YM_AUTOFREE char *path = node_child_path(&f->nodes, folder, name);
    const struct virt *v = path ? virt_by_path(path) : NULL;
    struct counting c = {.f = f, .folder = path};
    if (v)
        virt_each_beside(f, path, count_shown, &c);
    int r = !path     ? -ENOENT
            : c.shown ? -ENOTEMPTY
                      : remove_lower(req, folder, name, path, AT_REMOVEDIR);
    if (v && (r == 0 || r == -ENOENT)) { /* else the merged folder would be back at once, empty */
        int beside = remove_beside(f, path, v);
        r = r == 0 && beside == -ENOENT ? 0 : beside;
    }
    fuse_reply_err(req, -r);
}
