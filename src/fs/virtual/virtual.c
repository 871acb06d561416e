#include "virtual.h"
#include "lower.h"
#include "notice.h"
#include "render.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <ymago/library.h>

#define TEXT_MAX   (16 << 20)
#define HEAD_BYTES 512 /* where a generated text names itself */
#define LISTS_AGE  YM_SEC(60)

static struct snapshot *snapshot_new(const char *text, size_t len)
{
    struct snapshot *s = ym_alloc(sizeof(*s) + len + 1);
    atomic_init(&s->refs, 1);
    s->len = len;
    memcpy(s->text, text, len);
    clock_gettime(CLOCK_REALTIME, &s->mtime);
    return s;
}

void snapshot_unref(struct snapshot *s)
{
    if (s && atomic_fetch_sub(&s->refs, 1) == 1)
        free(s);
}

void virt_data_free(struct virt_data *d)
{
    if (!d)
        return;
    snapshot_unref(d->text);
    free(d->arg);
    free(d);
}

static uint64_t number_of(const char *path)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *path; path++)
        h = (h ^ (uint8_t)*path) * UINT64_C(0x100000001b3);
    return h | NODE_VIRTUAL;
}

static struct node *bind(struct ym_fs *f, struct node *folder, const char *name,
                         const struct virt *v, char *arg)
{
    YM_AUTOFREE char *path = node_child_path(&f->nodes, folder, name);
    struct node *n =
        node_bind(&f->nodes, folder, name, number_of(path ? path : name), 0, virt_mode(f, v), v);
    pthread_mutex_lock(&f->nodes.lock);
    if (!n->data) {
        n->data = ym_alloc(sizeof(*n->data));
        n->data->arg = ym_steal(&arg);
    }
    pthread_mutex_unlock(&f->nodes.lock);
    free(arg);
    return n;
}

/* ---- finding ---- */

static bool job_exists(struct ym_fs *f, const char *id)
{
    struct ym_job_row row = {0};
    if (!ym_id_valid(id) || ym_service_job(f->service, id, &row) < 0)
        return false;
    ym_job_row_fini(&row);
    return true;
}

/* Any path may be waited for, also one where nothing lies yet: a result to come. */
static struct node *wait_bind(struct ym_fs *f, struct node *folder, const char *name)
{
    const char *above = folder->data->arg;
    char *path = above ? ym_asprintf("%s/%s", above, name) : ym_strdup(name);
    const char *base;
    struct facts x;
    YM_AUTOCLOSE int dir = ym_store_parent(f->store, path, &base);
    bool is_dir =
        dir >= 0 && lower_stat(dir, base, AT_SYMLINK_NOFOLLOW, &x) == 0 && S_ISDIR(x.st.st_mode);
    return bind(f, folder, name, is_dir ? &virt_wait_folder : &virt_wait_file, path);
}

int virt_lookup(struct ym_fs *f, struct node *folder, const char *name, struct node **ret)
{
    const struct virt *v = NULL;
    const char *arg = folder->data ? folder->data->arg : NULL;
    if (folder->virt->kind == VIRT_WAIT) {
        *ret = wait_bind(f, folder, name);
        return 0;
    }
    if (folder->virt->kind == VIRT_JOBS) {
        v = job_exists(f, name) ? &virt_job : NULL;
        arg = name;
    } else {
        v = virt_find(folder->virt, name);
    }
    if (!v)
        return -ENOENT;
    *ret = bind(f, folder, name, v, ym_strdup(arg));
    return 0;
}

struct looking {
    const char *name;
    struct snapshot *found;
};

static void look_at_note(void *ctx, const char *name, const char *text, size_t len, ym_wall mtime)
{
    struct looking *l = ctx;
    if (l->found || strcmp(name, l->name) != 0)
        return;
    l->found = snapshot_new(text, len);
    l->found->mtime =
        (struct timespec){.tv_sec = mtime.ms / 1000, .tv_nsec = mtime.ms % 1000 * 1000000};
}

static struct snapshot *find_note(struct ym_fs *f, const char *path)
{
    const char *slash = strrchr(path, '/');
    YM_AUTOFREE char *folder = ym_strndup(path, slash ? (size_t)(slash - path) : 0);
    struct looking l = {.name = slash ? slash + 1 : path};
    ym_service_overlay(f->service, folder, look_at_note, &l);
    return l.found;
}

static bool provider_exists(const struct ym_fs *f, const char *name)
{
    for (const struct ym_driver *const *d = f->drivers; *d; d++)
        if (strcmp((*d)->name, name) == 0)
            return true;
    return false;
}

int virt_lookup_beside(struct ym_fs *f, struct node *folder, const char *name, const char *path,
                       struct node **ret)
{
    const struct virt *v = virt_by_path(path);
    if (v == &virt_provider && !provider_exists(f, name))
        v = NULL;
    if (v) {
        if (hidden_has(f, path))
            return -ENOENT;
        *ret = bind(f, folder, name, v, v == &virt_model ? ym_strdup(path + sizeof(MODELS_FOLDER)) : NULL);
        return 0;
    }
    struct ym_name class;
    ym_name_classify(name, &class);
    if (class.cls != YM_NM_NOTE)
        return -ENOENT;
    struct snapshot *s = find_note(f, path);
    if (!s)
        return -ENOENT;
    snapshot_unref(s);
    *ret = bind(f, folder, name, &virt_note, NULL);
    return 0;
}

struct each {
    void (*fn)(void *ctx, const struct virt *v, const char *name);
    void *ctx;
};

static void each_model(void *ctx, const char *file)
{
    struct each *e = ctx;
    e->fn(e->ctx, &virt_model, file);
}

void virt_each_beside(struct ym_fs *f, const char *folder, void (*fn)(void *ctx, const struct virt *v, const char *name),
                      void *ctx)
{
    struct each e = {fn, ctx};
    virt_each(folder, fn, ctx);
    if (strcmp(folder, MODELS_FOLDER) == 0)
        for (const struct ym_driver *const *d = f->drivers; *d; d++)
            fn(ctx, &virt_provider, (*d)->name);
    else if (virt_by_path(folder) == &virt_provider)
        models_each(f, folder + sizeof(MODELS_FOLDER), each_model, &e);
}

/* Who looks through models/ may have put a new one on a server of his own: it is asked in the background.
 * Other services are not: looking sends nothing to anybody, least of all a key. */
void virt_opened(struct ym_fs *f, const struct virt *v)
{
    if (v == &virt_provider || v == virt_by_path(MODELS_FOLDER))
        ym_engine_lists_ask(f->engine, YM_LIST_LOCAL, LISTS_AGE, NULL, NULL);
}

bool virt_is_our_copy(const struct virt *v, int dir, const char *base)
{
    char head[HEAD_BYTES];
    if (v->kind != VIRT_TEXT)
        return false;
    YM_AUTOCLOSE int fd = openat(dir, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
    return n > 0 && memmem(head, (size_t)n, YM_VIEW_MARK, strlen(YM_VIEW_MARK));
}

/* ---- texts ---- */

/* Renders, and makes it the text that is shown; an unchanged one keeps its time. */
static int render(struct ym_fs *f, struct node *n)
{
    struct snapshot *s = NULL;
    if (n->virt->kind == VIRT_NOTE) {
        YM_AUTOFREE char *path = node_path(&f->nodes, n);
        s = path ? find_note(f, path) : NULL;
        if (!s)
            return -ENOENT;
    } else {
        YM_AUTOBUF struct ym_buf b;
        ym_buf_init(&b, TEXT_MAX);
        int r = n->virt->render(f, n->data->arg, &b);
        if (r < 0)
            return r == -ENOENT ? r : -EIO;
        s = snapshot_new(b.len ? b.data : "", b.len);
    }
    pthread_mutex_lock(&f->nodes.lock);
    struct snapshot *old = n->data->text;
    if (old && old->len == s->len && memcmp(old->text, s->text, s->len) == 0) {
        old = s;
    } else {
        n->data->text = s;
    }
    pthread_mutex_unlock(&f->nodes.lock);
    snapshot_unref(old);
    return 0;
}

int virt_text(struct ym_fs *f, struct node *n, struct snapshot **ret)
{
    for (int tries = 0;; tries++) {
        pthread_mutex_lock(&f->nodes.lock);
        struct snapshot *s = n->data->text;
        if (s)
            atomic_fetch_add(&s->refs, 1);
        pthread_mutex_unlock(&f->nodes.lock);
        if (s) {
            *ret = s;
            return 0;
        }
        int r = tries ? -EIO : render(f, n);
        if (r < 0)
            return r;
    }
}

/* ---- attributes ---- */

static int job_size(struct ym_fs *f, const char *id, struct stat *st)
{
    struct ym_job_row row = {0};
    int r = ym_service_job(f->service, id, &row);
    if (r < 0)
        return r;
    bool there = row.state == YM_JOB_DONE && row.size > 0;
    st->st_size = (off_t)row.size;
    if (row.finished_at.ms)
        st->st_mtim = (struct timespec){.tv_sec = row.finished_at.ms / 1000};
    ym_job_row_fini(&row);
    return there ? 0 : -ENOENT;
}

bool virt_is_there(struct ym_fs *f, const struct virt *v, const char *job)
{
    struct stat st;
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, TEXT_MAX);
    if (v->kind == VIRT_OUTPUT)
        return job_size(f, job, &st) == 0;
    return v->kind != VIRT_TEXT || v->render(f, job, &b) != -ENOENT;
}

static int state_file(struct ym_fs *f, const struct virt *v, struct stat *st)
{
    struct facts x;
    int r = lower_stat(f->store->state_fd, v->file, AT_SYMLINK_NOFOLLOW, &x);
    if (r < 0)
        return r;
    st->st_size = x.st.st_size;
    st->st_blocks = x.st.st_blocks;
    st->st_mtim = x.st.st_mtim;
    st->st_ctim = x.st.st_ctim;
    return 0;
}

static int shown_text(struct ym_fs *f, struct node *n, struct stat *st)
{
    struct snapshot *s;
    int r = render(f, n);
    if (r == 0)
        r = virt_text(f, n, &s);
    if (r < 0)
        return r;
    st->st_size = (off_t)s->len;
    st->st_mtim = st->st_ctim = s->mtime;
    snapshot_unref(s);
    return 0;
}

int virt_getattr(struct ym_fs *f, struct node *n, struct stat *ret)
{
    const struct virt *v = n->virt;
    struct stat st = {
        .st_ino = n->ino,
        .st_mode = virt_mode(f, v),
        .st_nlink = virt_is_folder(v) ? 2 : 1,
        .st_uid = f->uid,
        .st_gid = f->gid,
        .st_blksize = 4096,
        .st_atim = f->started,
        .st_mtim = f->started,
        .st_ctim = f->started,
    };
    int r = 0;
    if (v->kind == VIRT_TEXT || v->kind == VIRT_CTL || v->kind == VIRT_NOTE)
        r = shown_text(f, n, &st);
    else if (v->kind == VIRT_FILE)
        r = state_file(f, v, &st);
    else if (v->kind == VIRT_OUTPUT)
        r = job_size(f, n->data->arg, &st);
    if (r == 0)
        *ret = st;
    return r;
}

double virt_timeout(const struct node *n)
{
    return n->virt->kind == VIRT_STAGING || n->virt->kind == VIRT_EVENTS ? 0 : TEXT_TIMEOUT;
}
