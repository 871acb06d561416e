/* Events: journalled with what they tell of, shown once it is durable. */
#include "engine_private.h"

struct shown {
    int64_t seq;
    char *json;
};

static void event_show(struct ym_engine *e, void *ctx)
{
    struct shown *s = ctx;
    pthread_mutex_lock(&e->look);
    if (e->on_event)
        e->on_event(e->on_event_ctx, s->seq, s->json);
    pthread_mutex_unlock(&e->look);
    free(s->json);
    free(s);
}

static struct shown *event_make(struct ym_engine *e, const char *type, cJSON *o)
{
    char iso[32];
    cJSON *all = cJSON_CreateObject();
    cJSON_AddStringToObject(all, "type", type);
    cJSON_AddStringToObject(all, "time", ym_wall_iso(engine_wall(e), iso));
    while (o && o->child) {
        cJSON *item = cJSON_DetachItemViaPointer(o, o->child);
        cJSON_AddItemToObject(all, item->string, item);
    }
    cJSON_Delete(o);
    struct shown *s = ym_alloc(sizeof(*s));
    s->json = ym_json_print(all, false);
    cJSON_Delete(all);
    ym_secret_mask(s->json, strlen(s->json));
    return s;
}

void event_emit(struct ym_engine *e, const char *type, cJSON *o)
{
    struct shown *s = event_make(e, type, o);
    engine_must(e, ym_event_put(e->p.journal, engine_wall(e), s->json, &s->seq), "an event", NULL);
    engine_after_commit(e, event_show, s);
}

void event_pass(struct ym_engine *e, const char *type, cJSON *o)
{
    engine_after_commit(e, event_show, event_make(e, type, o));
}

static void add_path(void *ctx, const struct ym_slot_row *r)
{
    cJSON *o = ctx;
    if (!cJSON_HasObjectItem(o, "path") && strncmp(r->path, "cli:", 4) != 0)
        cJSON_AddStringToObject(o, "path", r->path);
    if (!cJSON_HasObjectItem(o, "result") && r->result)
        cJSON_AddStringToObject(o, "result", r->result);
}

void event_job(struct ym_engine *e, const char *type, const struct ym_job_row *r)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "job", r->id.s);
    ym_slot_each_job(e->p.journal, r->id.s, add_path, o);
    if (r->provider)
        cJSON_AddStringToObject(o, "provider", r->provider);
    if (r->model)
        cJSON_AddStringToObject(o, "model", r->model);
    if (r->error && r->state != YM_JOB_DONE) {
        cJSON_AddStringToObject(o, "class", ym_class_name(r->cls));
        cJSON_AddStringToObject(o, "error", r->error);
    }
    if (r->state == YM_JOB_DONE)
        cJSON_AddNumberToObject(o, "cost_usd", ym_money_usd(r->cost));
    event_emit(e, type, o);
}

void ym_engine_subscribe(struct ym_engine *e, void (*fn)(void *ctx, int64_t seq, const char *json),
                         void *ctx)
{
    pthread_mutex_lock(&e->look);
    e->on_event = fn;
    e->on_event_ctx = ctx;
    pthread_mutex_unlock(&e->look);
}
