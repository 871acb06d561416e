/* A request on its way: to the engine's thread and back, or straight to an answer. */
#include "service_private.h"

const char *call_str(const struct call *c, const char *key)
{
    return ym_json_str(c->request, key);
}

void call_finish(struct call *c)
{
    bool ok = c->err.cls == YM_OK;
    cJSON *a = c->answer ? c->answer : cJSON_CreateObject();
    cJSON_AddBoolToObject(a, "ok", ok);
    if (!ok) {
        cJSON_AddStringToObject(a, "error", c->err.msg);
        cJSON_AddStringToObject(a, "class", ym_class_name(c->err.cls));
        cJSON_AddNumberToObject(a, "exit", ym_class_exit(c->err.cls));
    }
    c->reply(c->ctx, a, c->fd);
    ym_closep(&c->fd);
    cJSON_Delete(a);
    cJSON_Delete(c->request);
    free(c);
}

static void call_run(struct ym_engine *e, void *ctx)
{
    struct call *c = ctx;
    int r = c->verb->run(e, c);
    ym_assert(r == 0 || c->err.cls != YM_OK);
}

static void call_after(void *ctx, bool ok)
{
    struct call *c = ctx;
    if (!ok)
        ym_fail(&c->err, YM_CANCELLED, ESHUTDOWN, "The engine is stopping; ask again after its next start.");
    call_finish(c);
}

void ym_service_call(struct ym_service *s, const struct ym_caller *who, const cJSON *request,
                     void (*reply)(void *ctx, const cJSON *answer, int fd), void *ctx)
{
    struct call *c = ym_alloc(sizeof(*c));
    *c = (struct call){.s = s, .who = *who, .request = cJSON_Duplicate(request, true), .fd = -1,
                       .reply = reply, .ctx = ctx};
    const char *name = call_str(c, "verb");
    c->verb = name ? verb_find(name) : NULL;
    if (!c->verb) {
        char shown[64];
        ym_fail(&c->err, YM_INVALID, EINVAL, "There is no verb \"%s\".", ym_text_show(name ? name : "", shown, sizeof(shown)));
        call_finish(c);
        return;
    }
    if (caller_may(s, who, c->verb, call_str(c, "path"), &c->err) < 0) {
        call_finish(c);
        return;
    }
    if (c->verb->direct)
        c->verb->direct(c);
    else
        ym_engine_post(s->p.engine, call_run, call_after, c);
}

/* ---- one line of .ymago/ctl ---- */
struct line {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool over, left;     /* left: the caller gave up waiting */
    struct ym_err err;
};

static void line_free(struct line *l)
{
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->done);
    free(l);
}

static void line_reply(void *ctx, const cJSON *answer, int fd)
{
    struct line *l = ctx;
    (void)fd;
    pthread_mutex_lock(&l->lock);
    if (!ym_json_bool(answer, "ok", false))
        ym_fail(&l->err, ym_class_parse(ym_json_str_or(answer, "class", "invalid")), EINVAL, "%s",
                ym_json_str_or(answer, "error", "Refused."));
    l->over = true;
    bool left = l->left;
    pthread_cond_signal(&l->done);
    pthread_mutex_unlock(&l->lock);
    if (left)
        line_free(l);
}

static int line_wait(struct line *l, struct ym_err *e)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&l->lock);
    int r = 0;
    while (!l->over && r == 0)
        r = pthread_cond_timedwait(&l->done, &l->lock, &until);
    bool over = l->over;
    struct ym_err err = l->err;
    l->left = !over;
    pthread_mutex_unlock(&l->lock);
    if (!over)
        return ym_fail(e, YM_TRANSIENT, ETIMEDOUT, "The engine is busy; the command will still be carried out.");
    line_free(l);
    if (err.cls == YM_OK)
        return 0;
    if (e)
        *e = err;
    return -EINVAL;
}

/* "verb", "verb PATH", "approve PATH USD": a path may hold spaces, the amount is the last word. */
static cJSON *line_parse(const char *text, size_t len, struct ym_err *e)
{
    const char *t = ym_text_trim(text, &len);
    if (len == 0 || memchr(t, '\n', len) || memchr(t, 0, len)) {
        ym_fail(e, YM_INVALID, EINVAL, "Write one command a line: VERB, VERB PATH, or approve PATH USD.");
        return NULL;
    }
    const char *space = memchr(t, ' ', len);
    size_t n = space ? (size_t)(space - t) : len;
    YM_AUTOFREE char *name = ym_strndup(t, n);
    const struct verb *v = verb_find(name);
    if (!v || !v->pub.in_ctl) {
        char shown[64];
        ym_fail(e, YM_INVALID, EINVAL, "There is no command \"%s\" here.", ym_text_show(name, shown, sizeof(shown)));
        return NULL;
    }
    size_t rest_len = len - n;
    const char *rest = ym_text_trim(t + n, &rest_len);
    if ((*v->pub.args == 0) != (rest_len == 0)) {
        ym_fail(e, YM_INVALID, EINVAL, "%s is written as: %s %s", name, name, v->pub.args);
        return NULL;
    }
    cJSON *q = cJSON_CreateObject();
    cJSON_AddStringToObject(q, "verb", name);
    YM_AUTOFREE char *path = ym_strndup(rest, rest_len);
    char *last = strstr(v->pub.args, "[USD]") ? strrchr(path, ' ') : NULL;
    ym_money m;
    if (last && ym_money_parse(last + 1, &m) == 0) {
        *last = 0;
        cJSON_AddStringToObject(q, "usd", last + 1);
    }
    if (rest_len)
        cJSON_AddStringToObject(q, "path", path);
    return q;
}

int ym_service_line(struct ym_service *s, const struct ym_caller *who, const char *text, size_t len, struct ym_err *e)
{
    YM_AUTOJSON cJSON *q = line_parse(text, len, e);
    if (!q)
        return -EINVAL;
    struct line *l = ym_alloc(sizeof(*l));
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->done, NULL);
    ym_service_call(s, who, q, line_reply, l);
    return line_wait(l, e);
}
