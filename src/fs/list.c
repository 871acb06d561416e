/* Listing folders. What lies in one is read when it is first asked for, so that a reader sees each
 * name once although files come and go; a cookie is the place of the next entry in that text. */
#include "notice.h"
#include "ops.h"
#include "virtual/virtual.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>
#include <ymago/service.h>

struct entry { /* packed one after another */
    uint64_t ino;
    uint8_t type;  /* DT_* */
    uint8_t lower; /* its attributes can be read below */
    uint16_t size; /* of the whole entry */
    char name[];
};

struct listing {
    struct node *node;
    int fd; /* the folder below, or -1 */
    pthread_mutex_t lock;
    bool read;
    char *entries;
    size_t len, cap;
};

static struct listing *listing_of(const struct fuse_file_info *fi)
{
    return (struct listing *)(uintptr_t)fi->fh;
}

static void add(struct listing *l, const char *name, uint64_t ino, uint8_t type, bool lower)
{
    const size_t head = offsetof(struct entry, name);
    size_t len = strlen(name) + 1, size = (head + len + 7) & ~(size_t)7;
    if (l->len + size > l->cap) {
        l->cap = l->cap ? l->cap * 2 : 4096;
        l->entries = ym_realloc(l->entries, l->cap);
    }
    struct entry e = {.ino = ino, .type = type, .lower = lower, .size = (uint16_t)size};
    memcpy(l->entries + l->len, &e, head);
    memcpy(l->entries + l->len + head, name, len);
    l->len += size;
}

/* ---- what is in a folder ---- */

struct filling {
    struct ym_fs *f;
    struct listing *l;
    const char *path;
};

static bool is_below(const struct filling *g, const char *name)
{
    struct stat st;
    return g->l->fd >= 0 && fstatat(g->l->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void add_virtual(void *ctx, const struct virt *v, const char *name)
{
    struct filling *g = ctx;
    bool library = !g->l->node->virt || virt_is_overlay(g->l->node->virt);
    YM_AUTOFREE char *path = ym_asprintf("%s%s%s", g->path, *g->path ? "/" : "", name);
    if (library && (is_below(g, name) || hidden_has(g->f, path)))
        return;
    if (!library && g->l->node->virt->kind == VIRT_JOB && !virt_is_there(g->f, v, g->l->node->data->arg))
        return;
    add(g->l, name, 1, virt_is_folder(v) ? DT_DIR : DT_REG, false);
}

static void add_note(void *ctx, const char *name, const char *text, size_t len, ym_wall mtime)
{
    struct filling *g = ctx;
    (void)text, (void)len, (void)mtime;
    if (!is_below(g, name))
        add(g->l, name, 1, DT_REG, false);
}

struct linux_dirent { /* getdents64(2) */
    uint64_t ino;
    int64_t off;
    unsigned short reclen;
    unsigned char type;
    char name[];
};

static int add_lower(struct filling *g)
{
    struct listing *l = g->l;
    bool root = l->node == g->f->nodes.root;
    const struct virt *here = virt_by_path(g->path);
    bool special = root || (here && virt_is_overlay(here)); /* where virtual files may win over old copies */
    YM_AUTOFREE char *buf = ym_alloc(32768);
    if (lseek(l->fd, 0, SEEK_SET) < 0)
        return -errno;
    for (;;) {
        ssize_t n = getdents64(l->fd, buf, 32768);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        for (ssize_t at = 0; at < n;) {
            struct linux_dirent d;
            memcpy(&d, buf + at, offsetof(struct linux_dirent, name));
            const char *name = buf + at + offsetof(struct linux_dirent, name);
            at += d.reclen;
            bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
            if (root && strcmp(name, STATE_FOLDER) == 0)
                continue;
            YM_AUTOFREE char *path = special ? ym_asprintf("%s%s%s", g->path, root ? "" : "/", name) : NULL;
            bool plain = !dots && !(special && virt_by_path(path));
            add(l, name, d.ino, d.type, plain);
        }
    }
}

static int fill(struct ym_fs *f, struct listing *l)
{
    l->len = 0;
    l->read = false;
    YM_AUTOFREE char *path = node_path(&f->nodes, l->node);
    if (!path)
        return 0; /* removed: it is empty */
    struct filling g = {.f = f, .l = l, .path = path};
    int r = 0;
    if (l->fd >= 0) {
        r = add_lower(&g);
    } else {
        add(l, ".", l->node->ino, DT_DIR, false);
        add(l, "..", 1, DT_DIR, false);
    }
    if (!l->node->virt || l->node->virt->kind != VIRT_JOB)
        virt_each_beside(f, path, add_virtual, &g);
    else
        virt_each(l->node->virt->path, add_virtual, &g);
    if (l->fd >= 0)
        ym_service_overlay(f->service, path, add_note, &g);
    l->read = r == 0;
    return r;
}

/* ---- handlers ---- */

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct ym_fs *f = fs_of(req);
    struct node *n = node_of(f, ino);
    int fd = -1, r = 0;
    if (n->virt)
        virt_opened(f, n->virt);
    if (!n->virt || virt_is_overlay(n->virt)) {
        pthread_rwlock_rdlock(&f->nodes.tree);
        PLACE_AUTO p = PLACE_NONE;
        r = place_node(f, n, &p);
        if (r == 0)
            r = fd = lower_open(&p, O_RDONLY | O_DIRECTORY);
        pthread_rwlock_unlock(&f->nodes.tree);
    }
    if (r < 0 && !(n->virt && r == -ENOENT)) {
        fuse_reply_err(req, -r);
        return;
    }
    struct listing *l = ym_alloc(sizeof(*l));
    l->node = n;
    l->fd = fd;
    pthread_mutex_init(&l->lock, NULL);
    fi->fh = (uintptr_t)l;
    if (fuse_reply_open(req, fi) < 0) {
        ym_closep(&l->fd);
        free(l);
    }
}

static size_t put_plain(fuse_req_t req, char *buf, size_t room, const struct entry *e, off_t next)
{
    struct stat st = {.st_ino = e->ino, .st_mode = (mode_t)DTTOIF(e->type)};
    return fuse_add_direntry(req, buf, room, e->name, &st, next);
}

/* With attributes, where they can be had without rendering a text: the kernel asks for those
 * itself. */
static size_t put_plus(fuse_req_t req, struct listing *l, char *buf, size_t room,
                       const struct entry *e, off_t next)
{
    struct ym_fs *f = fs_of(req);
    struct fuse_entry_param p = {.attr = {.st_ino = e->ino, .st_mode = (mode_t)DTTOIF(e->type)}};
    if (!e->lower)
        return fuse_add_direntry_plus(req, buf, room, e->name, &p, next);
    size_t size = fuse_add_direntry_plus(req, NULL, 0, e->name, NULL, 0);
    struct facts x;
    if (size > room)
        return size;
    if (lower_stat(l->fd, e->name, AT_SYMLINK_NOFOLLOW, &x) < 0)
        return 0; /* gone meanwhile */
    struct node *n =
        node_bind(&f->nodes, l->node, e->name, x.st.st_ino, x.btime_ns, x.st.st_mode, NULL);
    p.ino = ino_of(f, n);
    p.attr = x.st;
    p.attr_timeout = p.entry_timeout = LONG_TIMEOUT;
    return fuse_add_direntry_plus(req, buf, room, e->name, &p, next);
}

/* Looking and binding must not be torn by a rename of a name just looked at. */
static size_t put_all(fuse_req_t req, struct listing *l, char *buf, size_t size, size_t off,
                      bool plus)
{
    struct ym_fs *f = fs_of(req);
    size_t used = 0;
    pthread_rwlock_rdlock(&f->nodes.tree);
    while (off < l->len) {
        const struct entry *e = (const void *)(l->entries + off);
        off_t next = (off_t)(off + e->size);
        size_t n = plus ? put_plus(req, l, buf + used, size - used, e, next)
                        : put_plain(req, buf + used, size - used, e, next);
        if (n > size - used)
            break;
        used += n;
        off = (size_t)next;
    }
    pthread_rwlock_unlock(&f->nodes.tree);
    return used;
}

static void list(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
    struct ym_fs *f = fs_of(req);
    struct listing *l = listing_of(fi);
    YM_AUTOFREE char *buf = ym_alloc(size);
    pthread_mutex_lock(&l->lock);
    int r = l->read && off > 0 ? 0 : fill(f, l);
    size_t used = 0;
    if (r == 0 && off >= 0)
        used = put_all(req, l, buf, size, (size_t)off, plus);
    pthread_mutex_unlock(&l->lock);
    if (r < 0)
        fuse_reply_err(req, -r);
    else
        fuse_reply_buf(req, buf, used);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    (void)ino;
    list(req, size, off, fi, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                    struct fuse_file_info *fi)
{
    (void)ino;
    list(req, size, off, fi, true);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct listing *l = listing_of(fi);
    (void)ino;
    ym_closep(&l->fd);
    pthread_mutex_destroy(&l->lock);
    free(l->entries);
    free(l);
    fuse_reply_err(req, 0);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    struct listing *l = listing_of(fi);
    (void)ino;
    int r = l->fd < 0 ? 0 : datasync ? fdatasync(l->fd) : fsync(l->fd);
    fuse_reply_err(req, r < 0 ? errno : 0);
}
