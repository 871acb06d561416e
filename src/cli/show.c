/* status, config, version. */
#include <string.h>

#include "cli_private.h"

static int status_get(struct cli *c, struct where *w, struct session *s, cJSON **ret,
                      struct ym_err *e)
{
    int r = where_find(c, c->a.npos ? c->a.pos[0] : NULL, NULL, w, e);
    if (r == 0)
        r = session_open(c, w, SESSION_QUIET, s, e);
    return r < 0 ? r : session_call(s, request_new("status", NULL), -1, ret, NULL, e);
}

/* An engine that was started only to look is paused, which says nothing of the library. */
static void status_unpause(cJSON *answer)
{
    cJSON *status = cJSON_GetObjectItemCaseSensitive(answer, "status");
    cJSON *text = cJSON_GetObjectItemCaseSensitive(answer, "text");
    char *line = cJSON_IsString(text) ? strstr(text->valuestring, "\nPaused ") : NULL;
    char *end = line ? strchr(line + 1, '\n') : NULL;
    if (end)
        memmove(line, end, strlen(end) + 1);
    if (cJSON_IsObject(status))
        cJSON_ReplaceItemInObjectCaseSensitive(status, "paused", cJSON_CreateFalse());
}

int cmd_status(struct cli *c)
{
    struct where w = {0};
    struct session s = {0};
    struct ym_err err;
    YM_AUTOJSON cJSON *a = NULL;
    int code;
    if (status_get(c, &w, &s, &a, &err) < 0) {
        code = out_fail(c, &err);
    } else {
        if (s.local) {
            status_unpause(a);
            out_note(c, "Nobody works on %s now.", w.library);
        }
        const char *text = status_text(a);
        if (!c->json)
            out_text(text);
        cJSON *o = cJSON_CreateObject(),
              *status = cJSON_DetachItemFromObjectCaseSensitive(a, "status");
        cJSON_AddBoolToObject(o, "working", !s.local);
        if (status)
            cJSON_AddItemToObject(o, "status", status);
        code = out_json(c, o, YM_EXIT_DONE);
    }
    session_close(&s);
    where_fini(&w);
    return code;
}

/* ---- config ---- */
static int config_of_engine(struct cli *c, cJSON **ret, struct ym_err *e)
{
    struct where w = {0};
    struct session s = {0};
    int r = where_find(c, NULL, NULL, &w, e);
    if (r == 0)
        r = session_open(c, &w, SESSION_HOLDER, &s, e);
    if (r == 0)
        r = session_call(&s, request_new("config", NULL), -1, ret, NULL, e);
    session_close(&s);
    where_fini(&w);
    return r;
}

static int config_show(struct cli *c, const char *text)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "toml", text);
    if (!c->json)
        out_text(text);
    return out_json(c, o, YM_EXIT_DONE);
}

int cmd_config(struct cli *c)
{
    struct ym_err err;
    YM_AUTOJSON cJSON *a = NULL;
    YM_AUTOBUF struct ym_buf b;
    ym_buf_init(&b, 1 << 20);
    if (arg_has(&c->a, "running")) {
        int r = config_of_engine(c, &a, &err);
        return r < 0 ? out_fail(c, &err) : config_show(c, ym_json_str_or(a, "text", ""));
    }
    struct ym_config *cfg = c->h->config_load(&c->common, &err);
    if (!cfg)
        return out_fail(c, &err);
    int r = ym_config_render(cfg, &b);
    ym_config_unref(cfg);
    if (r < 0) {
        ym_fail(&err, YM_LOCAL, -r, "The configuration is too long to print.");
        return out_fail(c, &err);
    }
    return config_show(c, b.data ? b.data : "");
}

int cmd_version(struct cli *c)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "version", YM_VERSION);
    if (!c->json)
        puts("ymago " YM_VERSION);
    return out_json(c, o, YM_EXIT_DONE);
}
