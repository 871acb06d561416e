/* ymago run: one pass over a library, then what came of it. */
#include <errno.h>
#include <string.h>

#include "cli_private.h"

struct pass {
    struct cli *c;
    struct where w;
    struct session s;
    cJSON *before, *after;
};

static int look(struct pass *p, cJSON **ret, struct ym_err *e)
{
    cJSON *a = NULL;
    int r = session_call(&p->s, request_new("status", NULL), -1, &a, NULL, e);
    if (r == 0)
        *ret = a;
    return r;
}

static int64_t count(const cJSON *status, const char *state)
{
    return ym_json_int_or(ym_json_get(ym_json_get(status, "status"), "jobs"), state, 0);
}

static void show_progress(struct pass *p)
{
    YM_AUTOJSON cJSON *now = NULL;
    struct ym_err ignored;
    if (p->c->json || look(p, &now, &ignored) < 0)
        return;
    YM_AUTOFREE char *text =
        ym_asprintf("%lld queued, %lld running, %lld done", (long long)count(now, "queued"),
                    (long long)count(now, "running"),
                    (long long)(count(now, "done") - count(p->before, "done")));
    out_progress(p->c, text);
}

static int pass_wait(struct pass *p, struct ym_err *e)
{
    YM_AUTOJSON cJSON *a = NULL;
    struct call *call = call_begin(&p->s, request_new("wait", ""));
    int i;
    while ((i = calls_wait(&call, 1, 1000)) == -ETIME)
        show_progress(p);
    out_progress(p->c, "");
    if (i == 0)
        return call_end(call, &a, NULL, e);
    call_leave(call);
    return ym_fail(e, YM_CANCELLED, EINTR,
                   "Interrupted: what was not sent yet stays queued for the next run.");
}

static int pass_all(struct pass *p, struct ym_err *e)
{
    YM_AUTOJSON cJSON *a = NULL;
    const char *dir = p->c->a.npos ? p->c->a.pos[0] : NULL;
    int r = where_find(p->c, dir, NULL, &p->w, e);
    if (r == 0)
        r = session_open(p->c, &p->w, p->w.given ? SESSION_CREATE : 0, &p->s, e);
    if (r == 0)
        r = look(p, &p->before, e);
    if (r == 0)
        r = session_call(&p->s, request_new("scan", NULL), -1, &a, NULL, e);
    if (r == 0)
        r = pass_wait(p, e);
    return r < 0 ? r : look(p, &p->after, e);
}

/* Old failures are history; what is held or queued now is not. */
static int pass_judge(struct pass *p, cJSON *o)
{
    int64_t done = count(p->after, "done") - count(p->before, "done");
    int64_t failed = count(p->after, "failed") + count(p->after, "unknown") -
                     count(p->before, "failed") - count(p->before, "unknown");
    int64_t held = count(p->after, "held"), queued = count(p->after, "queued");
    failed = failed > 0 ? failed : 0;
    cJSON_AddNumberToObject(o, "done", (double)(done > 0 ? done : 0));
    cJSON_AddNumberToObject(o, "failed", (double)failed);
    cJSON_AddNumberToObject(o, "held", (double)held);
    cJSON_AddNumberToObject(o, "queued", (double)queued);
    out_note(p->c, "%lld done, %lld failed, %lld held, %lld still queued",
             (long long)(done > 0 ? done : 0), (long long)failed, (long long)held,
             (long long)queued);
    return failed   ? YM_EXIT_SOME_FAILED
           : held   ? YM_EXIT_HELD
           : queued ? YM_EXIT_ERROR
                    : YM_EXIT_DONE;
}

int cmd_run(struct cli *c)
{
    struct pass p = {.c = c};
    struct ym_err err;
    int code;
    if (pass_all(&p, &err) < 0) {
        code = out_fail(c, &err);
    } else {
        cJSON *o = cJSON_CreateObject();
        code = pass_judge(&p, o);
        if (!c->json)
            out_text(status_text(p.after));
        cJSON *status = cJSON_DetachItemFromObjectCaseSensitive(p.after, "status");
        if (status)
            cJSON_AddItemToObject(o, "status", status);
        out_json(c, o, code);
    }
    session_close(&p.s);
    where_fini(&p.w);
    cJSON_Delete(p.before);
    cJSON_Delete(p.after);
    return code;
}
