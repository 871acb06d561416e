/* wait, and the verbs of the service: the same words as in .ymago/ctl. */
#include <errno.h>
#include <string.h>

#include "cli_private.h"

struct verb_run {
    struct cli *c;
    struct where w;
    struct session s;
    cJSON *results;
    int code;
};

static int verb_open(struct verb_run *v, unsigned flags, struct ym_err *e)
{
    const char *near = v->c->a.npos ? v->c->a.pos[0] : NULL;
    int r = where_find(v->c, NULL, near, &v->w, e);
    return r < 0 ? r : session_open(v->c, &v->w, flags, &v->s, e);
}

static int verb_close(struct verb_run *v, int r, const struct ym_err *e)
{
    int code;
    if (r < 0 && cJSON_GetArraySize(v->results) == 0) {
        code = out_fail(v->c, e);
    } else {
        cJSON *o = cJSON_CreateObject();
        if (r < 0) {
            out_note(v->c, "ymago: %s", e->msg);
            cJSON_AddStringToObject(o, "error", e->msg);
            v->code = ym_class_exit(e->cls);
        }
        cJSON_AddItemToObject(o, "results", ym_steal(&v->results));
        code = out_json(v->c, o, v->code);
    }
    session_close(&v->s);
    where_fini(&v->w);
    cJSON_Delete(v->results);
    return code;
}

static cJSON *result_add(struct verb_run *v, const char *path)
{
    cJSON *item = cJSON_CreateObject();
    cJSON_AddItemToArray(v->results, item);
    if (path)
        cJSON_AddStringToObject(item, "path", path);
    return item;
}

static void code_add(struct verb_run *v, int code)
{
    v->code = cJSON_GetArraySize(v->results) == 1 ? code : exit_join(v->code, code);
}

/* ---- wait ---- */
static int wait_call(struct verb_run *v, const char *path, cJSON **ret, struct ym_err *e)
{
    struct call *call = call_begin(&v->s, request_new("wait", path));
    ym_mono since = ym_mono_now();
    int i;
    while ((i = calls_wait(&call, 1, 1000)) == -ETIME) {
        YM_AUTOFREE char *text = ym_asprintf(
            "waiting, %lld s", (long long)(ym_mono_until(since, ym_mono_now()).ms / 1000));
        if (v->c->live)
            out_progress(v->c, text);
    }
    out_progress(v->c, "");
    if (i == 0)
        return call_end(call, ret, NULL, e);
    call_leave(call);
    return ym_fail(e, YM_CANCELLED, EINTR, "Interrupted; the work goes on.");
}

static void wait_show(struct verb_run *v, const char *path, const cJSON *a)
{
    cJSON *item = result_add(v, path);
    cJSON *paths = cJSON_AddArrayToObject(item, "results");
    const char *state = ym_json_str_or(a, "state", "none"), *why = ym_json_str_or(a, "why", "");
    const char *cls = ym_json_str(a, "why_class");
    const cJSON *p;
    cJSON_AddStringToObject(item, "state", state);
    if (*why)
        cJSON_AddStringToObject(item, "error", why);
    cJSON_ArrayForEach(p, ym_json_get(a, "paths"))
    {
        YM_AUTOFREE char *shown = where_show(&v->w, cJSON_IsString(p) ? p->valuestring : "");
        cJSON_AddItemToArray(paths, cJSON_CreateString(shown));
        if (!v->c->json)
            out_line(shown);
    }
    if (strcmp(state, "none") == 0)
        out_note(v->c, "%s: %s", path, *why ? why : "nothing is known of it, nothing to wait for");
    else if (strcmp(state, "done") != 0)
        out_note(v->c, "%s: %s%s%s", path, state, *why ? ": " : "", why);
    code_add(v, exit_of_state(state, cls ? ym_class_parse(cls) : YM_OK));
}

static int wait_all(struct verb_run *v, struct ym_err *e)
{
    int r = verb_open(v, SESSION_HOLDER, e);
    for (int i = 0; r == 0 && (i < v->c->a.npos || i == 0); i++) {
        YM_AUTOFREE char *path = NULL;
        YM_AUTOJSON cJSON *a = NULL;
        if (v->c->a.npos)
            r = where_target(v->c, &v->w, v->c->a.pos[i], &path, e);
        if (r == 0)
            r = wait_call(v, path ? path : "", &a, e);
        if (r == 0)
            wait_show(v, path ? path : "", a);
    }
    return r;
}

int cmd_wait(struct cli *c)
{
    struct verb_run v = {.c = c, .results = cJSON_CreateArray()};
    struct ym_err err;
    int r = wait_all(&v, &err);
    return verb_close(&v, r, &err);
}

/* ---- the others ---- */

/* "approve PATH USD": what follows the path is an amount or a mistake, never a second path. */
static int amount_read(const struct cli *c, const char **ret_usd, int *ret_npaths, struct ym_err *e)
{
    ym_money m;
    char shown[48];
    *ret_usd = NULL;
    *ret_npaths = c->a.npos;
    if (!strstr(c->a.cmd->args, "[USD]") || c->a.npos < 2)
        return 0;
    if (ym_money_parse(c->a.pos[1], &m) < 0 || m.micro_usd <= 0)
        return ym_fail(e, YM_INVALID, EINVAL, "\"%s\" is no amount: write dollars, as in 0.50.",
                       ym_text_show(c->a.pos[1], shown, sizeof(shown)));
    *ret_usd = c->a.pos[1];
    *ret_npaths = 1;
    return 0;
}

/* An engine that ends with this command has to have looked at what it was told first. */
static int settle_wait(struct verb_run *v, struct ym_err *e)
{
    ym_mono start = ym_mono_now();
    for (;;) {
        YM_AUTOJSON cJSON *a = NULL;
        int r = session_call(&v->s, request_new("status", NULL), -1, &a, NULL, e);
        if (r < 0 || ym_json_int_or(ym_json_get(a, "status"), "settling", 0) == 0)
            return r;
        if (ym_mono_until(start, ym_mono_now()).ms > 10000)
            return ym_fail(e, YM_TRANSIENT, ETIMEDOUT,
                           "The library is busy; say it again in a moment.");
        if (calls_wait(NULL, 0, 10) == -EINTR)
            return ym_fail(e, YM_CANCELLED, EINTR, "Interrupted.");
    }
}

static int verb_one(struct verb_run *v, const char *operand, const char *usd, struct ym_err *e)
{
    YM_AUTOFREE char *path = NULL;
    YM_AUTOJSON cJSON *a = NULL;
    const char *name = v->c->a.cmd->name;
    int r = 0;
    if (operand && strcmp(name, "retry") == 0 && strcmp(operand, "all-failed") == 0)
        path = ym_strdup(operand);
    else if (operand)
        r = where_target(v->c, &v->w, operand, &path, e);
    if (r < 0)
        return r;
    cJSON *q = request_new(name, path);
    if (usd)
        cJSON_AddStringToObject(q, "usd", usd);
    r = session_call(&v->s, q, -1, &a, NULL, e);
    if (r < 0)
        return r;
    cJSON_AddStringToObject(result_add(v, path), "verb", name);
    out_note(v->c, "%s%s%s: noted", name, path ? " " : "", path ? path : "");
    code_add(v, YM_EXIT_DONE);
    return 0;
}

static int verb_all(struct verb_run *v, struct ym_err *e)
{
    int n;
    const char *usd;
    bool whole = !*v->c->a.cmd->args; /* about the running engine itself */
    int r = amount_read(v->c, &usd, &n, e);
    if (r == 0)
        r = verb_open(v, whole ? SESSION_HOLDER : SESSION_QUIET, e);
    for (int i = 0; r == 0 && (i < n || (whole && i == 0)); i++)
        r = verb_one(v, whole ? NULL : v->c->a.pos[i], usd, e);
    if (r < 0 || !v->s.local)
        return r;
    r = settle_wait(v, e);
    if (r == 0)
        out_note(v->c, "Nobody works on %s now: the next `ymago run` or `ymago mount` does it.",
                 v->w.library);
    return r;
}

int cmd_verb(struct cli *c)
{
    struct verb_run v = {.c = c, .results = cJSON_CreateArray()};
    struct ym_err err;
    int r = verb_all(&v, &err);
    return verb_close(&v, r, &err);
}
