/* Extended attributes. user.ymago.* is read from the engine's knowledge and never listed, so that
 * copies do not carry it; writing user.ymago.do is a gesture. Everything else is the file system's
 * below. */
#include "lower.h"
#include "ops.h"
#include "virtual/virtual.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OURS "user.ymago."
#define ACL  "system.posix_acl_" /* modes alone decide here */

static bool is_ours(const char *name)
{
    return strncmp(name, OURS, strlen(OURS)) == 0;
}

static void reply_value(fuse_req_t req, const char *value, size_t len, size_t size)
{
    if (size == 0)
        fuse_reply_xattr(req, len);
    else if (len > size)
        fuse_reply_err(req, ERANGE);
    else
        fuse_reply_buf(req, value, len);
}

/* ---- what is read ---- */

static char *show_number(int64_t n)
{
    return n < 0 ? NULL : ym_asprintf("%lld", (long long)n);
}

static char *show_text(const char *s)
{
    return *s ? ym_strdup(s) : NULL;
}

static char *show_cost(ym_money m)
{
    return ym_asprintf("%lld.%06lld", (long long)(m.micro_usd / 1000000),
                       (long long)(m.micro_usd % 1000000));
}

/* The value, or NULL when there is none. */
static char *value_of(const struct ym_file_state *s, const char *what)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"state", s->state}, {"detail", s->detail}, {"error", s->error},
                 {"model", s->model}, {"url", s->url},       {"hash", s->hash},
                 {"job", s->job}};
    for (size_t i = 0; i < YM_COUNT(texts); i++)
        if (strcmp(what, texts[i].name) == 0)
            return show_text(texts[i].text);
    if (strcmp(what, "position") == 0)
        return show_number(s->position);
    if (strcmp(what, "eta_s") == 0)
        return show_number(s->eta_s);
    if (strcmp(what, "seed") == 0)
        return show_number(s->seed);
    if (strcmp(what, "version") == 0)
        return show_number(s->version > 0 ? s->version : -1);
    if (strcmp(what, "cost_usd") == 0)
        return show_cost(s->cost);
    if (strcmp(what, "progress") == 0)
        return s->progress < 0 ? NULL : ym_asprintf("%.2f", s->progress);
    return NULL;
}

static void get_ours(fuse_req_t req, struct node *n, const char *name, size_t size)
{
    struct ym_fs *f = fs_of(req);
    YM_AUTOFREE char *path = node_path(&f->nodes, n);
    if (!path || n->virt || !S_ISREG(n->type)) {
        fuse_reply_err(req, ENODATA);
        return;
    }
    struct ym_file_state s = {0};
    ym_service_state(f->service, path, &s);
    YM_AUTOFREE char *value = s.known ? value_of(&s, name + strlen(OURS)) : NULL;
    if (value)
        reply_value(req, value, strlen(value), size);
    else
        fuse_reply_err(req, ENODATA);
    free(s.prompt);
    free(s.tags);
}

/* ---- gestures ---- */

struct gesture {
    fuse_req_t req;
};

static void gesture_answer(void *ctx, const cJSON *answer, int fd)
{
    struct gesture *g = ctx;
    (void)fd;
    bool ok = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"));
    if (!ok) {
        const char *why = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "error"));
        ym_log(YM_INFO, "fs", "a gesture was refused: %s", why ? why : "no reason given");
    }
    fuse_reply_err(g->req, ok ? 0 : EINVAL);
    free(g);
}

/* The service answers from another thread: no worker waits here. */
static void do_gesture(fuse_req_t req, struct node *n, const char *value, size_t size)
{
    static const char *const words[] = {"again", "cancel", "retry", "go", NULL};
    struct ym_fs *f = fs_of(req);
    size_t len = size;
    value = ym_text_trim(value, &len);
    YM_AUTOFREE char *word = ym_strndup(value, len);
    YM_AUTOFREE char *path = node_path(&f->nodes, n);
    const char *const *w = words;
    while (*w && strcmp(*w, word) != 0)
        w++;
    if (!*w || !path || n->virt) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    const struct fuse_ctx *c = fuse_req_ctx(req);
    struct ym_caller who = {.uid = c->uid, .gid = c->gid, .pid = c->pid};
    cJSON *call = cJSON_CreateObject();
    cJSON_AddStringToObject(call, "verb", *w);
    cJSON_AddStringToObject(call, "path", path);
    struct gesture *g = ym_alloc(sizeof(*g));
    g->req = req;
    ym_service_call(f->service, &who, call, gesture_answer, g);
    cJSON_Delete(call);
}

/* ---- everything else lies below ---- */

/* There is no getxattrat(2) to rely on: by way of /proc, and never through a symbolic link. */
struct attr_place {
    struct place p;
    char path[32 + 256 + 2];
};

static int attr_place(struct ym_fs *f, struct node *n, struct attr_place *ret)
{
    ret->p = (struct place)PLACE_NONE;
    if (n->virt && !virt_file(n->virt))
        return -EOPNOTSUPP;
    int r = place_node(f, n, &ret->p);
    if (r < 0)
        return r;
    if (ret->p.nofollow)
        snprintf(ret->path, sizeof(ret->path), "/proc/self/fd/%d/%s", ret->p.dir, ret->p.base);
    else
        snprintf(ret->path, sizeof(ret->path), "%s", ret->p.base);
    return 0;
}

enum attr_verb { ATTR_GET, ATTR_SET, ATTR_LIST, ATTR_REMOVE };
struct attr_call {
    enum attr_verb verb;
    const char *name;
    void *value;
    size_t size;
    int flags;
};

static ssize_t call_path(const char *path, bool follow, const struct attr_call *c)
{
    ssize_t r = -1;
    switch (c->verb) {
    case ATTR_GET:
        r = follow ? getxattr(path, c->name, c->value, c->size)
                   : lgetxattr(path, c->name, c->value, c->size);
        break;
    case ATTR_SET:
        r = follow ? setxattr(path, c->name, c->value, c->size, c->flags)
                   : lsetxattr(path, c->name, c->value, c->size, c->flags);
        break;
    case ATTR_LIST:
        r = follow ? listxattr(path, c->value, c->size) : llistxattr(path, c->value, c->size);
        break;
    case ATTR_REMOVE:
        r = follow ? removexattr(path, c->name) : lremovexattr(path, c->name);
        break;
    }
    return r < 0 ? -errno : r;
}

static ssize_t call_lower(fuse_req_t req, fuse_ino_t ino, const struct attr_call *c)
{
    struct ym_fs *f = fs_of(req);
    struct attr_place a;
    pthread_rwlock_rdlock(&f->nodes.tree);
    ssize_t r = attr_place(f, node_of(f, ino), &a);
    if (r == 0)
        r = call_path(a.path, a.p.nofollow == 0, c);
    pthread_rwlock_unlock(&f->nodes.tree);
    place_fini(&a.p);
    return r;
}

/* What other programs know a result by, where the file system below could not keep it. */
static char *known_by_engine(fuse_req_t req, struct node *n, const char *name)
{
    struct ym_fs *f = fs_of(req);
    bool mime = strcmp(name, "user.mime_type") == 0,
         comment = strcmp(name, "user.xdg.comment") == 0;
    bool tags = strcmp(name, "user.xdg.tags") == 0;
    if (n->virt || !S_ISREG(n->type) || (!mime && !comment && !tags))
        return NULL;
    YM_AUTOFREE char *path = node_path(&f->nodes, n);
    if (!path)
        return NULL;
    struct ym_file_state s = {0};
    ym_service_state(f->service, path, &s);
    char *value = NULL;
    if (*s.mime) /* a result; a prompt file has no type of ours */
        value = ym_strdup(mime ? s.mime : comment ? s.prompt : s.tags);
    free(s.prompt);
    free(s.tags);
    return value;
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    struct node *n = node_of(fs_of(req), ino);
    if (is_ours(name)) {
        get_ours(req, n, name, size);
        return;
    }
    if (strncmp(name, ACL, strlen(ACL)) == 0) {
        fuse_reply_err(req, EOPNOTSUPP);
        return;
    }
    YM_AUTOFREE char *value = ym_alloc(size + 1);
    ssize_t r = call_lower(
        req, ino,
        &(struct attr_call){.verb = ATTR_GET, .name = name, .value = value, .size = size});
    YM_AUTOFREE char *known =
        r == -ENODATA || r == -EOPNOTSUPP ? known_by_engine(req, n, name) : NULL;
    if (known)
        reply_value(req, known, strlen(known), size);
    else if (r < 0)
        fuse_reply_err(req, (int)-r);
    else if (size == 0)
        fuse_reply_xattr(req, (size_t)r);
    else
        fuse_reply_buf(req, value, (size_t)r);
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
                 int flags)
{
    struct node *n = node_of(fs_of(req), ino);
    if (strcmp(name, OURS "do") == 0) {
        do_gesture(req, n, value, size);
        return;
    }
    if (is_ours(name)) { /* cp --preserve brings them along: neither kept nor refused */
        fuse_reply_err(req, 0);
        return;
    }
    if (strncmp(name, ACL, strlen(ACL)) == 0) {
        fuse_reply_err(req, EOPNOTSUPP);
        return;
    }
    YM_AUTOFREE char *copy = ym_alloc(size + 1);
    memcpy(copy, value, size);
    ssize_t r = call_lower(
        req, ino,
        &(struct attr_call){
            .verb = ATTR_SET, .name = name, .value = copy, .size = size, .flags = flags});
    fuse_reply_err(req, r < 0 ? (int)-r : 0);
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    struct node *n = node_of(fs_of(req), ino);
    YM_AUTOFREE char *list = ym_alloc(size + 1);
    ssize_t r = 0;
    if (!n->virt || virt_file(n->virt))
        r = call_lower(req, ino,
                       &(struct attr_call){.verb = ATTR_LIST, .value = list, .size = size});
    if (r < 0)
        fuse_reply_err(req, (int)-r);
    else if (size == 0)
        fuse_reply_xattr(req, (size_t)r);
    else
        fuse_reply_buf(req, list, (size_t)r);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    ssize_t r = 0;
    if (!is_ours(name))
        r = call_lower(req, ino, &(struct attr_call){.verb = ATTR_REMOVE, .name = name});
    fuse_reply_err(req, r < 0 ? (int)-r : 0);
}
