#include "notice.h"
#include "publish/publisher.h"
#include "virtual/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <ymago/library.h>

pid_t notice_process(fuse_req_t req)
{
    pid_t tid = fuse_req_ctx(req)->pid;
    if (tid <= 0)
        return 0;
    char path[32], text[512];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
    YM_AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tid;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    const char *line = strstr(text, "\nTgid:");
    long pid = line ? strtol(line + 6, NULL, 10) : 0;
    return pid > 0 ? (pid_t)pid : tid;
}

bool notice_is_publisher(fuse_req_t req)
{
    return publisher_is(fs_of(req)->publisher, fuse_req_ctx(req)->pid);
}

void notice_path(struct ym_fs *f, enum ym_touch_what what, const char *path, const char *path2,
                 pid_t pid, bool over, bool is_dir)
{
    struct ym_touch t = {
        .what = what, .path = path, .path2 = path2, .pid = pid, .over = over, .is_dir = is_dir};
    if (path)
        ym_engine_touch(f->engine, &t);
}

/* A file with two names is two prompts: each is told. */
static void tell_all(struct ym_fs *f, struct node *n, const struct ym_touch *what)
{
    struct ym_touch t = *what;
    char **paths = node_paths(&f->nodes, n);
    for (char **p = paths; *p; p++) {
        t.path = *p;
        ym_engine_touch(f->engine, &t);
    }
    node_paths_free(paths);
}

void notice_node(struct ym_fs *f, struct node *n, enum ym_touch_what what, pid_t pid)
{
    tell_all(f, n, &(struct ym_touch){.what = what, .pid = pid});
}

void notice_opened(struct ym_fs *f, struct handle *h, pid_t process)
{
    struct node *n = h->node;
    h->writes = true;
    pthread_mutex_lock(&f->nodes.lock);
    bool first = n->writers++ == 0;
    if (first) {
        n->writer = process;
        n->dirty = false;
    }
    pthread_mutex_unlock(&f->nodes.lock);
    if (first && !h->quiet)
        notice_node(f, n, YM_TOUCH_OPENED, process);
}

void notice_closed(struct ym_fs *f, struct handle *h)
{
    struct node *n = h->node;
    if (!h->writes)
        return;
    h->writes = false;
    pthread_mutex_lock(&f->nodes.lock);
    bool last = --n->writers == 0;
    if (last)
        n->preserved = false;
    struct ym_touch t = {.what = YM_TOUCH_CLOSED, .pid = n->writer, .dirty = n->dirty};
    pthread_mutex_unlock(&f->nodes.lock);
    if (last && !h->quiet)
        tell_all(f, n, &t);
}

void notice_written(struct ym_fs *f, struct node *n)
{
    pthread_mutex_lock(&f->nodes.lock);
    n->dirty = true;
    n->generation++;
    pthread_mutex_unlock(&f->nodes.lock);
}

void notice_emptied(struct ym_fs *f, struct node *n)
{
    pthread_mutex_lock(&f->nodes.lock);
    n->dirty = true;
    n->generation++;
    n->preserved = n->writers > 0;
    pthread_mutex_unlock(&f->nodes.lock);
}

/* Only these names can be results; asking about others would cost a journal read each. */
static bool may_be_result(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct ym_name name;
    const char *base = slash ? slash + 1 : path, *out = strstr(base, ".out.");
    ym_name_classify(base, &name);
    return name.cls == YM_NM_MEDIA ||
           (out && (strcmp(out, ".out.md") == 0 || strcmp(out, ".out.json") == 0));
}

int notice_before_write(struct ym_fs *f, struct node *n)
{
    if (n->virt)
        return 0;
    pthread_mutex_lock(&f->nodes.lock);
    bool done = n->preserved;
    pthread_mutex_unlock(&f->nodes.lock);
    if (done)
        return 0;
    int r = 0;
    char **paths = node_paths(&f->nodes, n);
    for (char **p = paths; *p && r == 0; p++)
        if (may_be_result(*p))
            r = ym_service_preserve(f->service, *p, true, NULL);
    node_paths_free(paths);
    pthread_mutex_lock(&f->nodes.lock);
    if (r == 0 && n->writers)
        n->preserved = true;
    pthread_mutex_unlock(&f->nodes.lock);
    return r;
}

int notice_before_removal(struct ym_fs *f, const char *path)
{
    if (!path || !may_be_result(path))
        return 0;
    struct ym_err e = {0};
    int r = ym_service_preserve(f->service, path, false, &e);
    if (r != -ENOSPC && r != -EDQUOT)
        return r;
    /* On a full disk removing must stay possible: it is the way out. */
    ym_log(YM_WARN, "fs", "a removed result is not kept in history: %s", e.msg);
    return 0;
}
