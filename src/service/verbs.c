/* The verbs: one table for the command line, the socket and .ymago/ctl. */
#include "service_private.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODELS_MAX (7 << 20) /* an answer of all of them */

static int need_path(struct call *c, const char **ret)
{
    *ret = call_str(c, "path");
    if (*ret && **ret)
        return 0;
    return ym_fail(&c->err, YM_INVALID, EINVAL, "Say which one: a prompt, a result, or a job id.");
}

static int v_again(struct ym_engine *e, struct call *c)
{
    const char *p;
    int r = need_path(c, &p);
    return r < 0 ? r : ym_engine_again(e, p, &c->err);
}

static int v_cancel(struct ym_engine *e, struct call *c)
{
    const char *p;
    int r = need_path(c, &p);
    return r < 0 ? r : ym_engine_cancel(e, p, &c->err);
}

static int v_retry(struct ym_engine *e, struct call *c)
{
    const char *p;
    int r = need_path(c, &p);
    return r < 0 ? r : ym_engine_retry(e, p, &c->err);
}

static int v_approve(struct ym_engine *e, struct call *c)
{
    const char *p, *usd = call_str(c, "usd");
    ym_money m = {-1};
    int r = need_path(c, &p);
    if (r < 0)
        return r;
    if (usd && (ym_money_parse(usd, &m) < 0 || m.micro_usd <= 0))
        return ym_fail(&c->err, YM_INVALID, EINVAL, "The amount is written in dollars, as in 0.50.");
    return ym_engine_approve(e, p, m, &c->err);
}

static int v_pause(struct ym_engine *e, struct call *c)
{
    (void)c;
    ym_engine_pause(e, true);
    return 0;
}

static int v_resume(struct ym_engine *e, struct call *c)
{
    (void)c;
    ym_engine_pause(e, false);
    return 0;
}

static int v_reload(struct ym_engine *e, struct call *c)
{
    struct ym_config *cfg = NULL;
    if (c->s->p.reload && !(cfg = c->s->p.reload(c->s->p.reload_ctx, &c->err)))
        return -EINVAL;
    ym_engine_reload(e, cfg);
    ym_config_unref(cfg);
    return 0;
}

static int v_scan(struct ym_engine *e, struct call *c)
{
    (void)c;
    ym_engine_scan(e);
    return 0;
}

/* ---- image, video ...: {"prompt","fields","refs":[{"path":in the library,"role"}],"n"} ---- */
static enum ym_ref_role role_parse(const char *name)
{
    enum ym_ref_role role = 0;
    while (role < YM_REF_ROLE_COUNT && strcmp(name, ym_ref_role_name(role)) != 0)
        role++;
    return role;
}

static int order_refs(struct call *c, struct ym_order *o)
{
    const cJSON *refs = ym_json_get(c->request, "refs"), *p;
    cJSON_ArrayForEach(p, refs)
    {
        struct ym_ref r = {0};
        const char *path = cJSON_IsString(p) ? p->valuestring : ym_json_str(p, "path");
        enum ym_ref_role role = role_parse(ym_json_str_or(p, "role", "source"));
        if (!path || role == YM_REF_ROLE_COUNT)
            return ym_fail(&c->err, YM_INVALID, EINVAL, "A reference image is named by its path.");
        int rc = ym_library_ref(c->s->p.store, "", path, role, &r, &c->err);
        if (rc < 0)
            return rc;
        o->refs = ym_realloc(o->refs, (o->nrefs + 1) * sizeof(*o->refs));
        o->refs[o->nrefs++] = r;
    }
    return 0;
}

static int v_make(struct ym_engine *e, struct call *c)
{
    YM_AUTOJSON cJSON *fields = NULL;
    const cJSON *raw = ym_json_get(c->request, "fields");
    const char *prompt = call_str(c, "prompt");
    struct ym_id ids[64];
    size_t n = 0;
    if (!prompt || !*prompt)
        return ym_fail(&c->err, YM_INVALID, EINVAL, "The prompt is empty: say what you want.");
    int r = raw ? ym_fields_check(raw, "command line", &fields, &c->err) : 0;
    struct ym_order o = {.kind = ym_kind_parse(c->verb->pub.name), .prompt = prompt, .fields = fields,
                         .n = (int)ym_json_int_or(c->request, "n", 1)};
    if (r == 0)
        r = order_refs(c, &o);
    if (r == 0)
        r = ym_engine_order(e, &o, ids, &n, &c->err);
    if (r < 0) {
        ym_refs_free(o.refs, o.nrefs);
        return r;
    }
    c->answer = cJSON_CreateObject();
    cJSON *jobs = cJSON_AddArrayToObject(c->answer, "jobs");
    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(jobs, cJSON_CreateString(ids[i].s));
    return 0;
}

/* ---- wait ---- */
static void wait_over(void *ctx, const struct ym_wait_result *r)
{
    struct call *c = ctx;
    c->answer = cJSON_CreateObject();
    cJSON_AddStringToObject(c->answer, "state", r->state == YM_JOB_NONE ? "none" : ym_state_public(r->state));
    cJSON *paths = cJSON_AddArrayToObject(c->answer, "paths");
    for (const char *const *p = r->paths; *p; p++)
        cJSON_AddItemToArray(paths, cJSON_CreateString(*p));
    if (r->err && r->err->msg[0]) {
        cJSON_AddStringToObject(c->answer, "why", r->err->msg);
        cJSON_AddStringToObject(c->answer, "why_class", ym_class_name(r->err->cls));
    }
    call_finish(c);
}

static void v_wait(struct call *c)
{
    const char *p = call_str(c, "path");
    ym_engine_wait(c->s->p.engine, p ? p : "", wait_over, c);
}

/* ---- fetch: the bytes of a finished job ---- */
static void fetch_facts(struct call *c, const struct ym_job_row *r)
{
    struct ym_request q = {0};
    struct ym_err err;
    cJSON_AddStringToObject(c->answer, "ext", r->ext ? r->ext : "");
    cJSON_AddStringToObject(c->answer, "mime", r->mime ? r->mime : "");
    cJSON_AddNumberToObject(c->answer, "size", (double)r->size);
    cJSON_AddNumberToObject(c->answer, "cost_usd", ym_money_usd(r->cost));
    if (ym_request_unpack(r->request, &q, &err) < 0)
        return;
    q.kind = r->kind;
    q.prompt = ym_strdup(r->prompt);
    q.model = ym_strdup(r->model);
    q.provider = ym_strdup(r->provider);
    q.variation = r->variation;
    struct ym_sidecar_in in = {.job = r, .request = &q, .version = 1, .metadata = true};
    YM_AUTOFREE char *sidecar = ym_sidecar_build(&in);
    cJSON_AddStringToObject(c->answer, "sidecar", sidecar);
    ym_request_fini(&q);
}

static void v_fetch(struct call *c)
{
    struct ym_job_row r;
    const char *id = call_str(c, "job");
    if (!id || ym_service_job(c->s, id, &r) < 0) {
        ym_fail(&c->err, YM_INVALID, ENOENT, "There is no such job.");
        call_finish(c);
        return;
    }
    c->fd = ym_service_job_output(c->s, id);
    if (c->fd < 0) {
        ym_fail(&c->err, YM_LOCAL, ENOENT, "The bytes of this job are not there (%s).", ym_state_public(r.state));
        c->fd = -1;
    } else {
        c->answer = cJSON_CreateObject();
        fetch_facts(c, &r);
    }
    ym_job_row_fini(&r);
    call_finish(c);
}

/* ---- looking ---- */
static void add_text(struct call *c, const char *key, struct ym_buf *b)
{
    c->answer = c->answer ? c->answer : cJSON_CreateObject();
    cJSON_AddStringToObject(c->answer, key, b->data ? b->data : "");
}

static void v_status(struct call *c)
{
    struct ym_status s;
    struct ym_buf text, json;
    ym_buf_init(&text, 1 << 20);
    ym_buf_init(&json, 1 << 20);
    ym_engine_status(c->s->p.engine, &s);
    if (c->s->p.status_text && c->s->p.status_text(&s, &text) == 0)
        add_text(c, "text", &text);
    if (c->s->p.status_json && c->s->p.status_json(&s, &json) == 0) {
        cJSON *o = NULL;
        if (ym_json_parse(json.data, json.len, 1 << 20, &o, NULL) == 0) {
            c->answer = c->answer ? c->answer : cJSON_CreateObject();
            cJSON_AddItemToObject(c->answer, "status", o);
        }
    }
    ym_buf_fini(&text);
    ym_buf_fini(&json);
    call_finish(c);
}

static void v_state(struct call *c)
{
    struct ym_file_state st;
    const char *p = call_str(c, "path");
    ym_service_state(c->s, p ? p : "", &st);
    c->answer = cJSON_CreateObject();
    cJSON_AddBoolToObject(c->answer, "known", st.known);
    cJSON_AddStringToObject(c->answer, "state", st.state);
    cJSON_AddStringToObject(c->answer, "detail", st.detail);
    cJSON_AddStringToObject(c->answer, "error", st.error);
    cJSON_AddStringToObject(c->answer, "model", st.model);
    cJSON_AddStringToObject(c->answer, "job", st.job);
    cJSON_AddNumberToObject(c->answer, "cost_usd", ym_money_usd(st.cost));
    free(st.prompt);
    free(st.tags);
    call_finish(c);
}

static void models_answer(void *ctx)
{
    struct call *c = ctx;
    struct ym_buf b;
    ym_buf_init(&b, MODELS_MAX);
    int r = c->s->p.models ? c->s->p.models(c->s->p.engine, call_str(c, "path"), &b) : -ENOSYS;
    if (r == 0)
        r = ym_json_parse(b.data, b.len, MODELS_MAX, &c->answer, NULL);
    if (r < 0)
        ym_fail(&c->err, YM_BROKEN, -r, "The models cannot be listed.");
    ym_buf_fini(&b);
    call_finish(c);
}

/* {"path": what of it, "refresh": ask the providers first} */
static void v_models(struct call *c)
{
    if (ym_json_bool(c->request, "refresh", false))
        ym_engine_lists_ask(c->s->p.engine, YM_LIST_ALL, YM_MS(0), models_answer, c);
    else
        models_answer(c);
}

static void v_config(struct call *c)
{
    struct ym_buf b;
    struct ym_config *cfg = ym_engine_config(c->s->p.engine);
    ym_buf_init(&b, 1 << 20);
    if (ym_config_render(cfg, &b) == 0)
        add_text(c, "text", &b);
    ym_buf_fini(&b);
    ym_config_unref(cfg);
    call_finish(c);
}

static void v_ping(struct call *c)
{
    c->answer = cJSON_CreateObject();
    cJSON_AddStringToObject(c->answer, "version", YM_VERSION);
    cJSON_AddNumberToObject(c->answer, "pid", getpid());
    call_finish(c);
}

/* clang-format off */
static const struct verb verbs[] = {
    /* name, arguments, in ctl, help                                                              global run direct */
    {{"again",   "P",       true,  "make the next variation of a prompt or result"},              false, v_again,   NULL},
    {{"cancel",  "P",       true,  "cancel what is queued or held; what runs is kept in history"}, false, v_cancel, NULL},
    {{"retry",   "P",       true,  "send a failed, cancelled or unknown one again (or all-failed)"}, false, v_retry, NULL},
    {{"approve", "P [USD]", true,  "approve what is held, up to an amount"},                      false, v_approve, NULL},
    {{"pause",   "",        true,  "send nothing new"},                                           true,  v_pause,   NULL},
    {{"resume",  "",        true,  "go on after pause"},                                          true,  v_resume,  NULL},
    {{"reload",  "",        true,  "read the configuration, budgets and prices again"},           true,  v_reload,  NULL},
    {{"scan",    "",        false, "look through the library now"},                               true,  v_scan,    NULL},
    {{"image",   "PROMPT",  false, "make an image without a prompt file"},                        true,  v_make,    NULL},
    {{"video",   "PROMPT",  false, "make a video without a prompt file"},                         true,  v_make,    NULL},
    {{"audio",   "PROMPT",  false, "make speech or music without a prompt file"},                 true,  v_make,    NULL},
    {{"sfx",     "PROMPT",  false, "make a sound effect without a prompt file"},                  true,  v_make,    NULL},
    {{"text",    "PROMPT",  false, "write a text without a prompt file"},                         true,  v_make,    NULL},
    {{"wait",    "[P]",     false, "answer when a prompt, a job or everything is finished"},      false, NULL, v_wait},
    {{"fetch",   "JOB",     false, "hand over the bytes of a finished job"},                      true,  NULL, v_fetch},
    {{"status",  "",        false, "what runs, waits, is held, and today's spend"},               false, NULL, v_status},
    {{"state",   "P",       false, "what is known of one file"},                                  false, NULL, v_state},
    {{"models",  "[M]",     false, "providers, models and prices"},                               false, NULL, v_models},
    {{"config",  "",        false, "the configuration in force"},                                 true,  NULL, v_config},
    {{"ping",    "",        false, "version and process"},                                        false, NULL, v_ping},
};
/* clang-format on */

const struct ym_verb *ym_verb_at(size_t i)
{
    return i < YM_COUNT(verbs) ? &verbs[i].pub : NULL;
}

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < YM_COUNT(verbs); i++)
        if (strcmp(verbs[i].pub.name, name) == 0)
            return &verbs[i];
    return NULL;
}

/* The owner of the library, root and the daemon's own user may do everything; others what concerns a
 * path that they may write (with allow_other). */
int caller_may(struct ym_service *s, const struct ym_caller *who, const struct verb *v, const char *path, struct ym_err *e)
{
    struct stat st;
    if (who->uid == 0 || who->uid == geteuid())
        return 0;
    if (fstat(s->p.store->lib_fd, &st) == 0 && st.st_uid == who->uid)
        return 0;
    if (!v->global && path) {
        YM_AUTOCLOSE int fd = ym_store_openat(s->p.store, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
        if (fd >= 0 && fstat(fd, &st) == 0 &&
            ((st.st_mode & 0002) || (st.st_uid == who->uid && (st.st_mode & 0200)) ||
             (st.st_gid == who->gid && (st.st_mode & 0020))))
            return 0;
    }
    return ym_fail(e, YM_INVALID, EACCES, "Only the owner of this library may do that.");
}
