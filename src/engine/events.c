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

void event_emit(struct ym_engine *e, const char *type, cJSON *o)
{
    char iso[32];
    ym_wall now = engine_wall(e);
    cJSON *all = cJSON_CreateObject();
    cJSON_AddStringToObject(all, "type", type);
    cJSON_AddStringToObject(all, "time", ym_wall_iso(now, iso));
    while (o && o->child) {
        cJSON *item = cJSON_DetachItemViaPointer(o, o->child);
        cJSON_AddItemToObject(all, item->string, item);
    }
    cJSON_Delete(o);
    struct shown *s = ym_alloc(sizeof(*s));
    s->json = ym_json_print(all, false);
    cJSON_Delete(all);
    ym_secret_mask(s->json, strlen(s->json));
    engine_must(e, ym_event_put(e->p.journal, now, s->json, &s->seq), "an event", NULL);
    engine_after_commit(e, event_show, s);
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

/* ---- what is not worth a row: how far a running job has come ---- */
static struct live **live_find(struct ym_engine *e, const char *job)
{
    struct live **l = &e->lives;
    while (*l && strcmp((*l)->job.s, job) != 0)
        l = &(*l)->next;
    return l;
}

void live_set(struct ym_engine *e, const struct ym_id *job, double progress, const char *detail)
{
    pthread_mutex_lock(&e->look);
    struct live **l = live_find(e, job->s);
    if (!*l) {
        *l = ym_alloc(sizeof(**l));
        (*l)->job = *job;
    }
    (*l)->progress = progress;
    snprintf((*l)->detail, sizeof((*l)->detail), "%s", detail ? detail : "");
    pthread_mutex_unlock(&e->look);
}

void live_preview(struct ym_engine *e, const struct ym_id *job, char *bytes, size_t len)
{
    pthread_mutex_lock(&e->look);
    struct live *l = *live_find(e, job->s);
    if (l) {
        free(l->preview);
        l->preview = ym_steal(&bytes);
        l->preview_len = len;
    }
    pthread_mutex_unlock(&e->look);
    free(bytes);
}

int ym_engine_preview(struct ym_engine *e, const char *job, struct ym_buf *out)
{
    int r = -ENOENT;
    pthread_mutex_lock(&e->look);
    const struct live *l = *live_find(e, job);
    if (l && l->preview)
        r = ym_buf_add(out, l->preview, l->preview_len);
    pthread_mutex_unlock(&e->look);
    return r;
}

void live_clear(struct ym_engine *e, const struct ym_id *job)
{
    pthread_mutex_lock(&e->look);
    struct live **l = live_find(e, job->s), *gone = *l;
    if (gone) {
        *l = gone->next;
        free(gone->preview);
        free(gone);
    }
    pthread_mutex_unlock(&e->look);
}

void ym_engine_live(struct ym_engine *e, const char *path_or_job, struct ym_live *ret)
{
    *ret = (struct ym_live){.progress = -1};
    pthread_mutex_lock(&e->look);
    struct live *l = *live_find(e, path_or_job);
    if (l) {
        ret->progress = l->progress;
        memcpy(ret->detail, l->detail, sizeof(ret->detail));
    }
    pthread_mutex_unlock(&e->look);
    ret->settling = intake_is_settling(e, path_or_job);
}

void ym_engine_subscribe(struct ym_engine *e, void (*fn)(void *ctx, int64_t seq, const char *json),
                         void *ctx)
{
    pthread_mutex_lock(&e->look);
    e->on_event = fn;
    e->on_event_ctx = ctx;
    pthread_mutex_unlock(&e->look);
}
