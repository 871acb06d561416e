/* What is not worth a row: how far running jobs have come, and their previews. Told to those who follow
 * the events, at most once a second a job; gone with the process. */
#include "engine_private.h"

#define TELL_STEP  0.01
#define TELL_EVERY YM_SEC(1)

static struct live **live_find(struct ym_engine *e, const char *job)
{
    struct live **l = &e->lives;
    while (*l && strcmp((*l)->job.s, job) != 0)
        l = &(*l)->next;
    return l;
}

static void live_wake(struct ym_engine *e, void *ctx)
{
    (void)e;
    (void)ctx; /* the round itself tells it */
}

void live_set(struct ym_engine *e, const struct ym_id *job, double progress, const char *detail)
{
    pthread_mutex_lock(&e->look);
    struct live **at = live_find(e, job->s), *l = *at;
    if (!l) {
        l = *at = ym_alloc(sizeof(*l));
        l->job = *job;
        l->told = -1;
    }
    l->progress = progress;
    snprintf(l->detail, sizeof(l->detail), "%s", detail ? detail : "");
    bool first = !l->news;
    l->news |= progress >= 0 && (l->told < 0 || progress >= l->told + TELL_STEP || progress < l->told);
    first &= l->news;
    pthread_mutex_unlock(&e->look);
    if (first)
        ym_engine_post(e, live_wake, NULL, NULL);
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

static void job_path(void *ctx, const struct ym_slot_row *r)
{
    cJSON *o = ctx;
    if (!cJSON_HasObjectItem(o, "path") && strncmp(r->path, "cli:", 4) != 0)
        cJSON_AddStringToObject(o, "path", r->path);
}

static void live_tell(struct ym_engine *e, const struct live *l)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "job", l->job.s);
    ym_slot_each_job(e->p.journal, l->job.s, job_path, o);
    cJSON_AddNumberToObject(o, "progress", l->progress);
    if (l->detail[0])
        cJSON_AddStringToObject(o, "detail", l->detail);
    event_pass(e, "progress", o);
}

void live_tick(struct ym_engine *e)
{
    ym_mono now = engine_mono(e);
    struct live due[32];
    unsigned n = 0;
    pthread_mutex_lock(&e->look);
    for (struct live *l = e->lives; l && n < YM_COUNT(due); l = l->next) {
        if (!l->news)
            continue;
        if (l->told_at.ns && ym_mono_add(l->told_at, TELL_EVERY).ns > now.ns) {
            engine_at(e, ym_mono_add(l->told_at, TELL_EVERY));
            continue;
        }
        l->news = false;
        l->told = l->progress;
        l->told_at = now;
        due[n++] = *l;
    }
    pthread_mutex_unlock(&e->look);
    for (unsigned i = 0; i < n; i++)
        live_tell(e, &due[i]);
}
