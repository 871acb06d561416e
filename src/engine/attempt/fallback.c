/* The next model when one refuses its service: the configured list of defaults, or [models."NAME"]
 * fallback. What was tried is kept in the row: {"left":["gemini/x"],"tried":[{"model","class","error"}]}. */
#include "run.h"

#define TRIED_MAX 65536

bool provider_lacks_key(const struct ym_engine *e, const struct ym_driver *d)
{
    struct ym_provider_conf pc;
    ym_config_provider(e->config, d->name, &pc);
    return d->needs_key && !pc.key && !(d->keyless_elsewhere && pc.base_url);
}

bool provider_is_usable(const struct ym_engine *e, const struct ym_driver *d)
{
    return !provider_lacks_key(e, d) && !provider_is_blocked(e, d->name);
}

static cJSON *left_of_defaults(const struct ym_engine *e, enum ym_kind kind)
{
    const char *const *models = ym_config_default_models(e->config, kind);
    cJSON *left = cJSON_CreateArray();
    for (size_t i = 1; models && models[0] && models[i]; i++)
        cJSON_AddItemToArray(left, cJSON_CreateString(models[i]));
    return left;
}

char *fallback_list(const struct ym_engine *e, const struct ym_request *req, const cJSON *fields)
{
    bool by_default = !ym_fields_model(fields, req->kind) && !ym_json_str(fields, "provider");
    YM_AUTOFREE char *key = ym_asprintf("models.%s.fallback", req->model);
    YM_AUTOJSON cJSON *o = cJSON_CreateObject();
    const char *own = ym_config_str(e->config, key);
    cJSON *left = by_default ? left_of_defaults(e, req->kind) : cJSON_CreateArray();
    if (own)
        cJSON_InsertItemInArray(left, 0, cJSON_CreateString(own));
    bool any = left->child != NULL;
    cJSON_AddItemToObject(o, "left", left);
    return any ? ym_json_print(o, false) : NULL;
}

/* ---- taking the next one ---- */
static void tried_add(cJSON *all, const char *model, const struct ym_err *why)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(all, "tried"), *o = cJSON_CreateObject();
    if (!list)
        list = cJSON_AddArrayToObject(all, "tried");
    cJSON_AddStringToObject(o, "model", model);
    cJSON_AddStringToObject(o, "class", ym_class_name(why->cls));
    cJSON_AddStringToObject(o, "error", why->msg);
    cJSON_AddItemToArray(list, o);
}

/* Could this model serve the request? Then *req asks it. */
static int model_try(struct ym_engine *e, struct ym_request *req, bool batch, const char *name, struct ym_err *why)
{
    const struct ym_driver *d;
    struct ym_model mem;
    struct ym_call call;
    YM_AUTOFREE char *model = NULL;
    int r = resolve_named(e, req->kind, name, &d, &model, why);
    if (r < 0)
        return r;
    if (!provider_is_usable(e, d))
        return ym_fail(why, YM_AUTH, EACCES, "%s has no key that works.", d->name);
    YM_AUTOFREE char *lane = ym_asprintf("%s/%s", d->name, model);
    if (lane_is_parked(e, lane))
        return ym_fail(why, YM_THROTTLED, EAGAIN, "Its quota of the day is used up.");
    str_set(&req->provider, d->name);
    str_set(&req->model, model);
    call_init(e, d, "", 1, req, &mem, &call);
    r = d->check(&call, why);
    return r == 0 && batch ? tier_fits(d, &call, why) : r; /* asked to be cheap: not sent dear instead */
}

static void row_take(struct ym_engine *e, struct ym_job_row *r, const struct ym_request *req)
{
    str_set(&r->provider, req->provider);
    str_set(&r->model, req->model);
    free(r->lane);
    r->lane = tier_lane(r->provider, r->model, r->tier != NULL);
    r->h = ym_identity_request(req);
    r->blocked = false;
    r->attempts = r->empties = 0;
    r->run_at = engine_wall(e);
    resolve_price(e, driver_find(e, r->provider), req, r->tier != NULL, &r->est);
    job_error_clear(r);
}

static void event_fallback(struct ym_engine *e, const struct ym_job_row *r, const char *from, const struct ym_err *why)
{
    cJSON *o = cJSON_CreateObject();
    YM_AUTOFREE char *to = ym_asprintf("%s/%s", r->provider, r->model);
    cJSON_AddStringToObject(o, "job", r->id.s);
    cJSON_AddStringToObject(o, "from", from);
    cJSON_AddStringToObject(o, "to", to);
    cJSON_AddStringToObject(o, "class", ym_class_name(why->cls));
    cJSON_AddStringToObject(o, "error", why->msg);
    event_emit(e, "fallback", o);
    ym_log(YM_INFO, "engine", "job=%s goes from %s to %s: %s", r->id.s, from, to, why->msg);
}

bool fallback_take(struct ym_engine *e, struct ym_job_row *r, const struct ym_err *why)
{
    YM_AUTOJSON cJSON *all = NULL;
    struct ym_request req = {0};
    struct ym_err err;
    bool taken = false;
    if (!r->tried || ym_json_parse(r->tried, strlen(r->tried), TRIED_MAX, &all, &err) < 0 ||
        ym_request_unpack(r->request, &req, &err) < 0)
        return false;
    cJSON *left = cJSON_GetObjectItemCaseSensitive(all, "left");
    YM_AUTOFREE char *from = ym_asprintf("%s/%s", r->provider, r->model);
    req.kind = r->kind;
    req.variation = r->variation;
    req.prompt = ym_strdup(r->prompt);
    while (!taken && left && left->child) {
        cJSON *name = cJSON_DetachItemFromArray(left, 0);
        if (cJSON_GetArraySize(ym_json_get(all, "tried")) == 0)
            tried_add(all, from, why);
        taken = cJSON_IsString(name) && model_try(e, &req, r->tier != NULL, name->valuestring, &err) == 0;
        if (!taken && cJSON_IsString(name))
            tried_add(all, name->valuestring, &err);
        cJSON_Delete(name);
    }
    if (taken) {
        row_take(e, r, &req);
        free(r->tried);
        r->tried = ym_json_print(all, false);
        event_fallback(e, r, from, why);
    }
    ym_request_fini(&req);
    return taken;
}

bool fallback_after(struct ym_engine *e, struct ym_job_row *r, enum ym_state then, const struct ym_err *why)
{
    bool refused = why->cls == YM_AUTH || (why->cls == YM_THROTTLED && why->until_reset) ||
                   (why->cls == YM_TRANSIENT && then == YM_JOB_FAILED);
    /* Never after a request whose answer is not known: it may have been bought. */
    return refused && ym_attempt_unknown_sum(e->p.journal, r->id.s).micro_usd == 0 && fallback_take(e, r, why);
}

/* ---- those that wait for it ---- */
void fallback_sweep(struct ym_engine *e, const char *provider, const char *lane, const struct ym_err *why)
{
    struct id_list ids = {0};
    struct ym_err err;
    ym_job_each_fallback(e->p.journal, provider, id_list_add, &ids);
    for (size_t i = 0; i < ids.n; i++) {
        struct ym_job_row r;
        if (ym_job_get(e->p.journal, ids.v[i].s, &r) < 0)
            continue;
        if ((!lane || strcmp(lane, r.lane) == 0) && ym_attempt_unknown_sum(e->p.journal, r.id.s).micro_usd == 0 &&
            fallback_take(e, &r, why)) {
            const char *hold = budget_holds(e, &r, driver_find(e, r.provider)->is_free, &err);
            if (hold)
                hold_job(e, &r, JE_HOLD, hold, &err);
            else
                job_save(e, &r);
        }
        ym_job_row_fini(&r);
    }
    if (ids.n)
        lanes_load(e);
    id_list_fini(&ids);
}
