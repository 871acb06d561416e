/* Opening virtual entries: texts are served from the version last shown, control files take lines.
 */
#include "notice.h"
#include "ops.h"
#include "stream.h"
#include "virtual.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* ---- entries the user deleted ---- */

#define HIDDEN_FILE "hidden"
#define HIDDEN_MAX  (256 << 10) /* a model each, before their folder goes */

void hidden_init(struct hidden *h)
{
    pthread_mutex_init(&h->lock, NULL);
}

void hidden_fini(struct hidden *h)
{
    free(h->text);
    pthread_mutex_destroy(&h->lock);
}

/* Another program may have written it (`ymago config` shows entries again). Lock held. */
static void hidden_read(struct ym_fs *f)
{
    struct hidden *h = &f->hidden;
    struct stat st;
    if (fstatat(f->store->state_fd, HIDDEN_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        free(ym_steal(&h->text));
        return;
    }
    if (h->text && st.st_size == h->size && st.st_mtim.tv_sec == h->mtime.tv_sec &&
        st.st_mtim.tv_nsec == h->mtime.tv_nsec)
        return;
    char *text = NULL;
    size_t len;
    if (ym_read_whole(f->store->state_fd, HIDDEN_FILE, HIDDEN_MAX, &text, &len) < 0)
        return;
    free(h->text);
    h->text = ym_asprintf("\n%.*s\n", (int)len, text);
    h->size = st.st_size;
    h->mtime = st.st_mtim;
    free(text);
}

/* Itself, or with a folder above it. */
static bool hidden_listed(const struct hidden *h, const char *path)
{
    YM_AUTOFREE char *part = ym_strdup(path);
    for (char *slash = NULL;; *slash = '\0') {
        YM_AUTOFREE char *line = ym_asprintf("\n%s\n", part);
        if (h->text && strstr(h->text, line))
            return true;
        slash = strrchr(part, '/');
        if (!slash)
            return false;
    }
}

/* What is hidden so far, without what lies below a folder that is hidden now as a whole. */
static void hidden_copy(const struct hidden *h, const char *path, struct ym_buf *out)
{
    size_t len = strlen(path);
    for (const char *line = h->text ? h->text : ""; *line;) {
        size_t n = strcspn(line, "\n");
        bool below = n > len && line[len] == '/' && memcmp(line, path, len) == 0;
        if (n && !below)
            ym_buf_addf(out, "%.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

bool hidden_has(struct ym_fs *f, const char *path)
{
    if (strncmp(path, STATE_FOLDER, strlen(STATE_FOLDER)) == 0)
        return false;
    pthread_mutex_lock(&f->hidden.lock);
    hidden_read(f);
    bool yes = hidden_listed(&f->hidden, path);
    pthread_mutex_unlock(&f->hidden.lock);
    return yes;
}

int hidden_add(struct ym_fs *f, const char *path)
{
    struct hidden *h = &f->hidden;
    int r = 0;
    pthread_mutex_lock(&h->lock);
    hidden_read(f);
    if (!hidden_listed(h, path)) {
        YM_AUTOBUF struct ym_buf b;
        ym_buf_init(&b, HIDDEN_MAX);
        hidden_copy(h, path, &b);
        r = ym_buf_addf(&b, "%s\n", path);
        if (r == 0)
            r = ym_write_whole(f->store->state_fd, HIDDEN_FILE, b.data, b.len, 0600, NULL);
    }
    pthread_mutex_unlock(&h->lock);
    return r;
}

/* ---- opening ---- */

static struct handle *handle_virtual(struct ym_fs *f, struct node *n, enum handle_kind kind)
{
    struct handle *h = ym_alloc(sizeof(*h));
    h->kind = kind;
    h->fd = -1;
    h->quiet = true;
    node_add_handle(&f->nodes, n, h);
    return h;
}

static void handle_drop(struct ym_fs *f, struct handle *h)
{
    virt_release(f, h);
    node_remove_handle(&f->nodes, h);
    ym_closep(&h->fd);
    free(h);
}

static int open_kind(struct ym_fs *f, struct node *n, struct fuse_file_info *fi,
                     struct handle **ret)
{
    bool writes = (fi->flags & O_ACCMODE) != O_RDONLY;
    enum virt_kind kind = n->virt->kind;
    struct handle *h;
    struct snapshot *s = NULL;
    int r = 0;
    if (kind == VIRT_CANCEL) {
        *ret = handle_virtual(f, n, HANDLE_LINE);
        return 0;
    }
    if (writes && kind != VIRT_CTL)
        return -EACCES;
    if (kind == VIRT_EVENTS || kind == VIRT_WAITFILE) {
        h = handle_virtual(f, n, HANDLE_STREAM);
        h->stream = kind == VIRT_EVENTS ? stream_events(f) : stream_wait(f, n->data->arg);
        *ret = h;
        return 0;
    }
    if (kind == VIRT_OUTPUT) {
        int fd = ym_service_job_output(f->service, n->data->arg);
        if (fd < 0)
            return fd;
        h = handle_virtual(f, n, HANDLE_FILE);
        h->fd = fd;
        *ret = h;
        return 0;
    }
    r = virt_text(f, n, &s);
    if (r < 0)
        return r;
    h = handle_virtual(f, n, kind == VIRT_CTL ? HANDLE_LINE : HANDLE_TEXT);
    h->text = s;
    *ret = h;
    return 0;
}

void virt_open(fuse_req_t req, struct node *n, struct fuse_file_info *fi)
{
    struct ym_fs *f = fs_of(req);
    struct handle *h;
    int r = open_kind(f, n, fi, &h);
    if (r < 0) {
        fuse_reply_err(req, -r);
        return;
    }
    fi->fh = (uintptr_t)h;
    fi->direct_io = 1; /* versions of a text must not meet in one page cache */
    fi->nonseekable = h->kind == HANDLE_STREAM;
    if (fuse_reply_open(req, fi) < 0)
        handle_drop(f, h);
}

void virt_read(fuse_req_t req, struct handle *h, size_t size, off_t off, bool waits)
{
    if (h->kind == HANDLE_STREAM) {
        stream_read(req, h->stream, size, waits);
        return;
    }
    const struct snapshot *s = h->text;
    size_t at = off < 0 || !s || (uint64_t)off > s->len ? (s ? s->len : 0) : (size_t)off;
    size_t left = s ? s->len - at : 0;
    fuse_reply_buf(req, s ? s->text + at : NULL, left < size ? left : size);
}

/* ---- lines ---- */

static int one_line(fuse_req_t req, struct handle *h, const char *line, size_t len,
                    struct ym_err *e)
{
    struct ym_fs *f = fs_of(req);
    const struct fuse_ctx *c = fuse_req_ctx(req);
    struct ym_caller who = {.uid = c->uid, .gid = c->gid, .pid = c->pid};
    if (h->node->virt->kind == VIRT_CTL)
        return ym_service_line(f->service, &who, line, len, e);
    YM_AUTOFREE char *verb = ym_asprintf("cancel %s", h->node->data->arg);
    return ym_service_line(f->service, &who, verb, strlen(verb), e);
}

void virt_write(fuse_req_t req, struct handle *h, const char *text, size_t len)
{
    if (h->kind != HANDLE_LINE) {
        fuse_reply_err(req, EBADF);
        return;
    }
    int r = 0;
    bool any = false;
    struct ym_err e = {0};
    for (size_t at = 0; at < len && r == 0;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t size = end ? (size_t)(end - text) - at : len - at;
        size_t n = size;
        const char *line = ym_text_trim(text + at, &n);
        if (n) {
            r = one_line(req, h, line, n, &e);
            any = true;
        }
        at += size + 1;
    }
    if (r == 0 && !any)
        r = ym_fail(&e, YM_INVALID, EINVAL, "An empty line is no command.");
    if (r < 0) {
        ym_log(YM_INFO, "fs", "a command was refused: %s", e.msg);
        fuse_reply_err(req, -r);
        return;
    }
    fuse_reply_write(req, len);
}

void virt_release(struct ym_fs *f, struct handle *h)
{
    if (h->stream)
        stream_close(f, ym_steal(&h->stream));
    snapshot_unref(ym_steal(&h->text));
}
