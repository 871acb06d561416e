/* The snapshot that views are rendered from: refreshed once a round, copied under a lock. */
#include "engine_private.h"

static void lane_status(struct ym_engine *e, struct lane *l, struct ym_lane_status *ret)
{
    static const char *const states[] = {[LANE_OK] = "ok", [LANE_WAITING] = "waiting",
                                         [LANE_OFFLINE] = "offline", [LANE_PARKED] = "parked",
                                         [LANE_BLOCKED] = "blocked"};
    ym_mono now = engine_mono(e);
    *ret = (struct ym_lane_status){.queued = l->queued, .running = l->running,
                                   .rate_limit = l->of->limit.rate, .tokens = limit_tokens(&l->of->limit, now),
                                   .sent_last_minute = limit_in_window(&l->of->limit, now),
                                   .daily_limit = l->daily_limit};
    snprintf(ret->name, sizeof(ret->name), "%s", l->of->name);
    snprintf(ret->tier, sizeof(ret->tier), "%s", l->gathers ? "batch" : "now");
    snprintf(ret->state, sizeof(ret->state), "%s", states[l->state]);
    snprintf(ret->why, sizeof(ret->why), "%s", l->why);
    if (l->wait_until.ns > now.ns)
        ret->until = (ym_wall){engine_wall(e).ms + ym_mono_until(now, l->wait_until).ms};
    if (l->daily_limit > 0 && l->driver) {
        ym_wall reset = ym_wall_next_midnight(engine_wall(e), l->driver->quota_offset_min);
        ret->daily_used = (int)lane_sent_since(e, l, (ym_wall){reset.ms - INT64_C(86400000)});
    }
}

static void errors_recent(void *ctx, const struct ym_job_row *r)
{
    struct ym_status *s = ctx;
    for (size_t i = 0; i < YM_COUNT(s->last_error); i++)
        if (!s->last_error[i][0]) {
            snprintf(s->last_error[i], sizeof(s->last_error[i]), "%s", r->error ? r->error : "");
            s->last_error_at[i] = r->finished_at;
            return;
        }
}

static void defaults_status(struct ym_engine *e, struct ym_status *s)
{
    for (enum ym_kind k = 0; k < YM_KIND_COUNT; k++) {
        struct ym_kind_default *d = &s->defaults[k];
        struct ym_estimate est;
        *d = (struct ym_kind_default){.price = {-1}};
        const struct ym_driver *drv = intake_default(e, k, d->model, sizeof(d->model), &est);
        if (!drv)
            continue;
        d->free = drv->is_free;
        d->price_known = drv->is_free || est.expected.micro_usd >= 0;
        d->price = est.expected;
    }
}

void status_refresh(struct ym_engine *e)
{
    struct ym_status s = e->status;
    char day[16], month[16];
    s.at = engine_wall(e);
    s.started = e->started_at;
    s.paused = e->paused;
    s.draining = e->draining;
    s.nlanes = 0;
    for (struct lane *l = e->lanes; l && s.nlanes < YM_COUNT(s.lanes); l = l->next)
        if (l->queued || l->running || l->state != LANE_OK || limit_in_window(&l->limit, engine_mono(e)))
            lane_status(e, l, &s.lanes[s.nlanes++]);
    ym_wall_day(s.at, day);
    ym_wall_month(s.at, month);
    s.today = ym_money_add(ym_spend(e->p.journal, day, NULL, NULL, false), ym_spend(e->p.journal, day, NULL, NULL, true));
    s.month = ym_money_add(ym_spend(e->p.journal, month, NULL, NULL, false), ym_spend(e->p.journal, month, NULL, NULL, true));
    s.today_limit = e->budget.daily;
    s.month_limit = e->budget.monthly;
    memset(s.last_error, 0, sizeof(s.last_error));
    ym_job_recent(e->p.journal, YM_JOB_FAILED, (int)YM_COUNT(s.last_error), errors_recent, &s);
    defaults_status(e, &s);
    snprintf(s.library, sizeof(s.library), "%s", e->p.store->lib_path ? e->p.store->lib_path : "");
    snprintf(s.mountpoint, sizeof(s.mountpoint), "%s", e->p.mountpoint ? e->p.mountpoint : "");
    snprintf(s.socket, sizeof(s.socket), "%s", e->p.socket ? e->p.socket : "");
    e->status = s;
    e->status_dirty = false;
    status_show(e);
}

void status_show(struct ym_engine *e)
{
    pthread_mutex_lock(&e->look);
    e->shown = e->status;
    pthread_mutex_unlock(&e->look);
}

/* ---- asked for from another thread: sums are made then, so that what is shown is true ---- */
struct fresh {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool over, left; /* left: the asker gave up */
};

static void fresh_make(struct ym_engine *e, void *ctx)
{
    (void)ctx;
    if (e->status_dirty)
        status_refresh(e);
}

static void fresh_free(struct fresh *f)
{
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->done);
    free(f);
}

static void fresh_made(void *ctx, bool ok)
{
    struct fresh *f = ctx;
    (void)ok;
    pthread_mutex_lock(&f->lock);
    f->over = true;
    bool left = f->left;
    pthread_cond_signal(&f->done);
    pthread_mutex_unlock(&f->lock);
    if (left)
        fresh_free(f);
}

static void fresh_wait(struct ym_engine *e)
{
    struct timespec until;
    struct fresh *f = ym_alloc(sizeof(*f));
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->done, NULL);
    ym_engine_post(e, fresh_make, fresh_made, f);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    pthread_mutex_lock(&f->lock);
    int r = 0;
    while (!f->over && r == 0)
        r = pthread_cond_timedwait(&f->done, &f->lock, &until);
    bool over = f->over;
    f->left = !over;
    pthread_mutex_unlock(&f->lock);
    if (over)
        fresh_free(f);
}

void ym_engine_status(struct ym_engine *e, struct ym_status *ret)
{
    if (e->started && !pthread_equal(pthread_self(), e->thread))
        fresh_wait(e); /* bounded; a busy engine's last word is shown instead */
    pthread_mutex_lock(&e->look);
    *ret = e->shown;
    pthread_mutex_unlock(&e->look);
    ret->settling = intake_settling_count(e);
}

/* Nothing runs, waits for a worker, settles, or could be sent by itself within a while. */
bool engine_idle(struct ym_engine *e)
{
    if (e->tasks > 0 || runs_count(e) > 0 || e->placing || e->acts || e->guard.open ||
        intake_busy(e) || e->status.scanning)
        return false;
    for (const struct lane *l = e->lanes; l; l = l->next)
        if (l->queued > 0 && l->state != LANE_BLOCKED && l->state != LANE_PARKED && l->driver)
            return false;
    return true;
}
