/* Waiting for a prompt, a job, or the whole library. */
#include "engine_private.h"

struct verdict {
    enum ym_state state;  /* the worst end so far; NONE = nothing known */
    bool pending;
    struct ym_err err;
    char **paths;
    size_t npaths;
};

static int badness(enum ym_state s)
{
    switch (s) {
    case YM_JOB_FAILED:
        return 5;
    case YM_JOB_UNKNOWN:
        return 4;
    case YM_JOB_CANCELLED:
        return 3;
    case YM_JOB_HELD:
        return 2;
    case YM_JOB_DONE:
        return 1;
    case YM_JOB_NONE:
    case YM_JOB_QUEUED:
    case YM_JOB_RESERVED:
    case YM_JOB_SUBMITTING:
    case YM_JOB_ACCEPTED:
    case YM_JOB_STORED:
    case YM_JOB_STATE_COUNT:
        break;
    }
    return 0;
}

static void judge_job(struct ym_engine *e, const char *id, struct verdict *v)
{
    struct ym_job_row r;
    if (ym_job_get(e->p.journal, id, &r) < 0)
        return;
    if (r.state == YM_JOB_HELD || ym_state_is_final(r.state)) {
        if (badness(r.state) > badness(v->state)) {
            v->state = r.state;
            v->err = (struct ym_err){.cls = r.cls};
            snprintf(v->err.msg, sizeof(v->err.msg), "%s", r.error ? r.error : "");
        }
    } else {
        v->pending = true;
    }
    ym_job_row_fini(&r);
}

static void judge_slots(struct ym_engine *e, const struct slot_list *l, struct verdict *v)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct ym_slot_row *s = &l->v[i];
        struct ym_job_row r;
        judge_job(e, s->job.s, v);
        if (s->status == YM_SLOT_WAITING && strncmp(s->path, "cli:", 4) != 0 &&
            ym_job_get(e->p.journal, s->job.s, &r) == 0) {
            v->pending |= r.state == YM_JOB_DONE; /* finished, on its way to its place */
            ym_job_row_fini(&r);
        }
        if (s->result && s->status == YM_SLOT_PLACED) {
            v->paths = ym_realloc(v->paths, (v->npaths + 2) * sizeof(*v->paths));
            v->paths[v->npaths++] = ym_strdup(s->result);
            v->paths[v->npaths] = NULL;
        }
    }
}

static void judge(struct ym_engine *e, const char *target, struct verdict *v)
{
    struct slot_list l = {0};
    struct ym_slot_row s;
    if (!*target) {
        v->pending = !engine_idle(e);
        v->state = YM_JOB_DONE;
        return;
    }
    if (intake_is_settling(e, target) || e->notes > 0) {
        v->pending = true;
        return;
    }
    if (ym_id_valid(target)) {
        slots_of_job(e, target, &l);
        judge_job(e, target, v);
    } else if (ym_slot_by_result(e->p.journal, target, &s) == 0) {
        slots_of_name(e, s.path, &l);
        v->pending = intake_is_settling(e, s.path);
        ym_slot_row_fini(&s);
    } else {
        slots_of_name(e, target, &l);
    }
    judge_slots(e, &l, v);
    slot_list_fini(&l);
    if (v->state == YM_JOB_NONE && e->status.scanning)
        v->pending = true; /* the walk may be about to find it */
}

static void verdict_fini(struct verdict *v)
{
    for (size_t i = 0; i < v->npaths; i++)
        free(v->paths[i]);
    free(v->paths);
}

static void fire(struct waiter *w, const struct verdict *v)
{
    static const char *const none[] = {NULL};
    struct ym_wait_result r = {.state = v->state, .err = &v->err,
                               .paths = v->paths ? (const char *const *)v->paths : none};
    w->fn(w->ctx, &r);
}

/* Takes w out of the list. Only the engine's thread removes waiters. Under `look`. */
static void waiter_unlink(struct ym_engine *e, const struct waiter *w)
{
    struct waiter **p = &e->waiters;
    while (*p != w)
        p = &(*p)->next;
    *p = w->next;
}

static void waiter_judge(struct ym_engine *e, struct waiter *w)
{
    struct verdict v = {.state = YM_JOB_NONE};
    if (!w->cancelled)
        judge(e, w->target, &v);
    pthread_mutex_lock(&e->look);
    bool cancelled = w->cancelled, over = cancelled || !v.pending;
    if (over)
        waiter_unlink(e, w);
    pthread_mutex_unlock(&e->look);
    if (over && !cancelled)
        fire(w, &v);
    if (over) {
        free(w->target);
        free(w);
    }
    verdict_fini(&v);
}

/* Engine's thread, after the commit. */
void waiters_check(struct ym_engine *e)
{
    pthread_mutex_lock(&e->look);
    size_t n = 0, i = 0;
    for (struct waiter *w = e->waiters; w; w = w->next)
        n += w->active;
    YM_AUTOFREE struct waiter **all = n ? ym_alloc_array(n, sizeof(struct waiter *)) : NULL;
    for (struct waiter *w = e->waiters; w; w = w->next)
        if (w->active)
            all[i++] = w;
    pthread_mutex_unlock(&e->look);
    for (i = 0; i < n; i++)
        waiter_judge(e, all[i]);
}

void waiters_drop(struct ym_engine *e)
{
    struct verdict v = {.state = YM_JOB_NONE};
    ym_fail(&v.err, YM_CANCELLED, ESHUTDOWN, "The engine is stopping.");
    for (;;) {
        pthread_mutex_lock(&e->look);
        struct waiter *w = e->waiters;
        e->waiters = w ? w->next : NULL;
        pthread_mutex_unlock(&e->look);
        if (!w)
            return;
        if (!w->cancelled)
            fire(w, &v);
        free(w->target);
        free(w);
    }
}

static void waiter_activate(struct ym_engine *e, void *ctx)
{
    uint64_t *ticket = ctx;
    pthread_mutex_lock(&e->look);
    for (struct waiter *w = e->waiters; w; w = w->next)
        w->active |= w->ticket == *ticket;
    pthread_mutex_unlock(&e->look);
}

static void waiter_activated(void *ctx, bool ok)
{
    (void)ok;
    free(ctx);
}

uint64_t ym_engine_wait(struct ym_engine *e, const char *target,
                        void (*fn)(void *ctx, const struct ym_wait_result *r), void *ctx)
{
    struct waiter *w = ym_alloc(sizeof(*w));
    uint64_t *ticket = ym_alloc(sizeof(*ticket));
    *w = (struct waiter){.target = ym_strdup(target), .fn = fn, .ctx = ctx};
    pthread_mutex_lock(&e->look);
    uint64_t mine = *ticket = w->ticket = e->next_ticket++;
    w->next = e->waiters;
    e->waiters = w;
    pthread_mutex_unlock(&e->look);
    /* Judged only behind what was noticed before: the save it is to wait for is in the inbox. */
    ym_engine_post(e, waiter_activate, waiter_activated, ticket);
    return mine;
}

bool ym_engine_wait_cancel(struct ym_engine *e, uint64_t ticket)
{
    bool found = false;
    pthread_mutex_lock(&e->look);
    for (struct waiter *w = e->waiters; w; w = w->next)
        if (w->ticket == ticket)
            found = w->cancelled = true;
    pthread_mutex_unlock(&e->look);
    return found;
}
