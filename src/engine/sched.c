/* Which job is sent next, and when: lanes, limits, concurrency, the claim. */
#include "engine_private.h"

/* Below this much free space nothing new is bought: what comes back could not be kept. */
#define STORE_LEAST (INT64_C(64) << 20)
#define DEFAULT_CONCURRENCY 4
#define CARRIERS 2 /* gathered requests of one model at once: each may be many jobs, and takes hours */
/* Replies may be stored while the next are on the wire, but not without bound. */
#define BACKLOG(concurrency) (4 * (concurrency) + 8)
#define EDIT_LONGEST YM_SEC(60) /* nothing queued waits longer for an edit of its prompt to end */

static void lane_configure(struct ym_engine *e, struct lane *l)
{
    struct ym_provider_conf pc;
    struct ym_model_conf mc;
    ym_config_provider(e->config, l->provider, &pc);
    int rate = pc.rate_limit >= 0 ? pc.rate_limit : (l->driver ? l->driver->rate_limit : 0);
    if (ym_config_model(e->config, strchr(l->of->name, '/') + 1, &mc) && mc.rate_limit >= 0)
        rate = mc.rate_limit;
    l->concurrency = pc.concurrency > 0 ? pc.concurrency : (l->driver ? l->driver->concurrency : 0);
    if (l->concurrency <= 0)
        l->concurrency = DEFAULT_CONCURRENCY;
    if (l->gathers && l->concurrency > CARRIERS)
        l->concurrency = CARRIERS;
    l->daily_limit = pc.daily_limit > 0 ? pc.daily_limit : 0;
    limit_set_rate(&l->limit, rate, engine_mono(e));
}

/* ---- what was sent in the last minute, before this program started ---- */
struct sent {
    int64_t *ms;
    size_t n;
};

static void sent_add(void *ctx, ym_wall at)
{
    struct sent *s = ctx;
    s->ms = ym_realloc(s->ms, (s->n + 1) * sizeof(*s->ms));
    s->ms[s->n++] = at.ms;
}

static int sent_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The requests of both tiers are requests of the model. */
static char *batch_name(const struct lane *l)
{
    return tier_lane(l->provider, strchr(l->name, '/') + 1, true);
}

static void lane_restore(struct ym_engine *e, struct lane *l)
{
    struct sent s = {0};
    ym_mono mono = engine_mono(e);
    ym_wall wall = engine_wall(e), since = {wall.ms - LIMIT_WINDOW_NS / 1000000};
    YM_AUTOFREE char *batch = batch_name(l);
    ym_attempt_times(e->p.journal, l->name, since, sent_add, &s);
    ym_attempt_times(e->p.journal, batch, since, sent_add, &s);
    if (s.n)
        qsort(s.ms, s.n, sizeof(*s.ms), sent_compare);
    for (size_t i = 0; i < s.n; i++)
        limit_restore(&l->limit, (ym_mono){mono.ns - (wall.ms - s.ms[i]) * 1000000}, mono);
    free(s.ms);
}

int64_t lane_sent_since(struct ym_engine *e, const struct lane *l, ym_wall since)
{
    YM_AUTOFREE char *batch = batch_name(l->of);
    int64_t now = ym_attempt_count_since(e->p.journal, l->of->name, since);
    int64_t more = ym_attempt_count_since(e->p.journal, batch, since);
    return now == INT64_MAX || more == INT64_MAX ? INT64_MAX : now + more;
}

struct lane *lane_get(struct ym_engine *e, const char *name)
{
    for (struct lane *l = e->lanes; l; l = l->next)
        if (strcmp(l->name, name) == 0)
            return l;
    struct lane *l = ym_alloc(sizeof(*l));
    const char *slash = strchr(name, '/');
    size_t len;
    ym_assert(slash);
    l->name = ym_strdup(name);
    l->provider = ym_strndup(name, (size_t)(slash - name));
    l->driver = driver_find(e, l->provider);
    l->earliest = (ym_wall){INT64_MAX};
    l->gathers = tier_marked(name, &len);
    l->of = l;
    if (l->gathers) {
        YM_AUTOFREE char *model = ym_strndup(name, len);
        l->of = lane_get(e, model);
        l->driver = l->driver && l->driver->gather ? l->driver : NULL;
    }
    limit_init(&l->limit, 0, engine_mono(e));
    lane_configure(e, l);
    if (!l->gathers)
        lane_restore(e, l);
    if (provider_is_blocked(e, l->provider))
        l->state = LANE_BLOCKED;
    l->next = e->lanes;
    e->lanes = l;
    return l;
}

static void lane_loaded(void *ctx, const char *name, int64_t n, ym_wall earliest)
{
    struct lane *l = lane_get(ctx, name);
    l->queued = n;
    l->earliest = earliest;
}

/* Brings every lane's count and earliest time up to date. */
void lanes_load(struct ym_engine *e)
{
    for (struct lane *l = e->lanes; l; l = l->next) {
        l->earliest = (ym_wall){INT64_MAX};
        l->queued = 0;
    }
    ym_job_lanes(e->p.journal, lane_loaded, e);
}

void lanes_configure(struct ym_engine *e)
{
    for (struct lane *l = e->lanes; l; l = l->next)
        lane_configure(e, l);
}

void sched_queued(struct ym_engine *e, const struct ym_job_row *r)
{
    struct lane *l = lane_get(e, r->lane);
    l->queued++;
    if (r->run_at.ms < l->earliest.ms)
        l->earliest = r->run_at;
}

bool lane_is_parked(struct ym_engine *e, const char *name)
{
    const struct lane *l = e->lanes;
    while (l && strcmp(l->name, name) != 0)
        l = l->next;
    return l && l->state == LANE_PARKED && l->wait_until.ns > engine_mono(e).ns;
}

/* ---- providers without a usable key ---- */
bool provider_is_blocked(const struct ym_engine *e, const char *provider)
{
    char key[96];
    snprintf(key, sizeof(key), "|%s|", provider);
    return e->blocked && strstr(e->blocked, key);
}

void provider_block(struct ym_engine *e, const char *provider, const char *why)
{
    ym_job_block(e->p.journal, provider);
    for (struct lane *l = e->lanes; l; l = l->next)
        if (strcmp(l->provider, provider) == 0) {
            l->state = LANE_BLOCKED;
            snprintf(l->why, sizeof(l->why), "%s", why);
        }
    e->status_dirty = true;
    if (provider_is_blocked(e, provider))
        return; /* one alert, however many jobs meet it */
    char *all = ym_asprintf("%s|%s|", e->blocked ? e->blocked : "", provider);
    free(e->blocked);
    e->blocked = all;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "provider", provider);
    cJSON_AddStringToObject(o, "error", why);
    event_emit(e, "provider_blocked", o);
    ym_log(YM_WARN, "engine", "provider=%s paused: %s", provider, why);
    struct ym_err err;
    ym_fail(&err, YM_AUTH, EACCES, "%s", why);
    fallback_sweep(e, provider, NULL, &err);
}

void provider_unblock_all(struct ym_engine *e)
{
    for (const struct ym_driver *const *d = e->p.drivers; *d; d++)
        ym_job_unblock(e->p.journal, (*d)->name);
    free(ym_steal(&e->blocked));
    for (struct lane *l = e->lanes; l; l = l->next)
        if (l->state == LANE_BLOCKED) {
            l->state = LANE_OK;
            l->why[0] = 0;
        }
    lanes_load(e);
    e->status_dirty = true;
}

/* ---- the claim ---- */
static void lane_park(struct ym_engine *e, struct lane *l, ym_wall until, const char *why)
{
    l->state = LANE_PARKED;
    snprintf(l->why, sizeof(l->why), "%s", why);
    l->wait_until = ym_mono_add(engine_mono(e), YM_MS(until.ms - engine_wall(e).ms));
    e->status_dirty = true;
    struct ym_err err;
    ym_fail(&err, YM_THROTTLED, EAGAIN, "%s", why);
    fallback_sweep(e, l->provider, l->name, &err);
}

/* True when the lane's daily limit is used up; parks it until the provider's midnight. */
static bool lane_day_full(struct ym_engine *e, struct lane *l)
{
    if (l->daily_limit <= 0)
        return false;
    ym_wall reset = ym_wall_next_midnight(engine_wall(e), l->driver->quota_offset_min);
    ym_wall since = {reset.ms - INT64_C(86400000)};
    if (lane_sent_since(e, l, since) < l->daily_limit)
        return false;
    lane_park(e, l, reset, "the daily limit set for it is used up");
    return true;
}

static bool store_has_room(struct ym_engine *e)
{
    ym_mono now = engine_mono(e);
    if (now.ns < e->store_look.ns)
        return !e->store_full;
    e->store_look = ym_mono_add(now, YM_SEC(e->store_full ? 5 : 2));
    bool full = ym_store_free_bytes(e->p.store) < STORE_LEAST;
    if (full != e->store_full) {
        e->store_full = full;
        e->status_dirty = true;
        event_emit(e, full ? "store_full" : "store_has_room", NULL);
        ym_log(YM_WARN, "engine", full ? "held: the disk is full, nothing new is sent"
                                       : "the disk has room again");
        if (!full)
            ym_ballast_keep(e->p.store);
    }
    return !full;
}

/* What must wait before a job of this lane may be claimed; 0 = go. */
static ym_dur lane_wait(struct ym_engine *e, struct lane *l)
{
    ym_mono now = engine_mono(e);
    if (l->wait_until.ns > now.ns)
        return ym_mono_until(now, l->wait_until);
    if (l->state == LANE_OFFLINE && l->running > 0)
        return YM_SEC(3600); /* one probe at a time; its end wakes us */
    if (l->state == LANE_WAITING || l->state == LANE_PARKED) {
        l->state = LANE_OK;
        l->why[0] = 0;
        e->status_dirty = true;
    }
    if (lane_day_full(e, l))
        return ym_mono_until(now, l->wait_until);
    return limit_wait(&l->of->limit, now);
}

int64_t sched_reserve(struct ym_engine *e, struct lane *l, struct ym_job_row *r, bool rides, ym_money *ret_reserved)
{
    struct ym_err err;
    ym_wall now = engine_wall(e);
    bool pays = !l->driver->is_free;
    ym_money reserve = pays && r->est.expected.micro_usd >= 0 ? r->est.high : (ym_money){0};
    r->tries_total++;
    r->paying = true; /* unless its driver says that something else comes first */
    if (!r->started_at.ms)
        r->started_at = now;
    struct ym_attempt_row a = {.job = r->id, .no = r->tries_total, .lane = r->lane,
                               .folder = r->folder, .pays = pays, .rides = rides, .reserved_at = now,
                               .sent_at = now, .reserved = reserve, .hold_id = r->hold_id};
    engine_must(e, ym_attempt_reserve(e->p.journal, &a, &err), "reserving an attempt", &err);
    job_to(e, r, JE_CLAIMED);
    *ret_reserved = reserve;
    return a.id;
}

static void claim(struct ym_engine *e, struct lane *l, struct ym_job_row *r)
{
    ym_money reserved;
    int64_t attempt = sched_reserve(e, l, r, false, &reserved);
    limit_take(&l->limit, engine_mono(e));
    l->running++;
    l->open++;
    run_start(e, r, l, attempt, reserved);
}

/* Its prompt is being saved, renamed or removed right now: what is meant is known in a moment, and
 * until it is sent a change costs nothing. Not for ever: a file may stay open for days. */
static bool put_off_for_edit(struct ym_engine *e, struct ym_job_row *r)
{
    struct slot_list l;
    bool edited = false;
    ym_wall now = engine_wall(e);
    struct ym_provider_conf pc;
    ym_config_provider(e->config, r->provider, &pc);
    int64_t gathers = r->tier ? 1000 * (int64_t)pc.gather_seconds : 0; /* it has waited that long anyway */
    if (now.ms > r->queued_at.ms + gathers + EDIT_LONGEST.ms)
        return false;
    slots_of_job(e, r->id.s, &l);
    for (size_t i = 0; i < l.n && !edited; i++)
        edited = intake_is_settling(e, l.v[i].path);
    slot_list_fini(&l);
    if (edited) {
        r->run_at = (ym_wall){now.ms + 250};
        job_save(e, r);
    }
    return edited;
}

int sched_next(struct ym_engine *e, struct lane *l, struct ym_job_row *ret)
{
    struct ym_job_row r;
    struct ym_err err;
    int got = ym_job_next(e->p.journal, l->name, engine_wall(e), &r);
    if (got == -ENOENT)
        return got;
    engine_must(e, got, "the next job", NULL);
    const char *why;
    if (put_off_for_edit(e, &r)) {
        /* looked at again when it has settled */
    } else if (adopt_before_claim(e, &r)) {
        /* a sidecar of the library may be this very result: looked at first */
    } else if ((why = budget_refuses(e, &r, &err))) {
        hold_job(e, &r, JE_HOLD, why, &err);
    } else {
        *ret = r;
        return 1;
    }
    ym_job_row_fini(&r);
    return 0;
}

/* Claims one job of the lane. False when there is none to claim now. */
static bool lane_claim(struct ym_engine *e, struct lane *l)
{
    struct ym_job_row r;
    int got = sched_next(e, l, &r);
    if (got <= 0)
        return got == 0;
    claim(e, l, &r);
    ym_job_row_fini(&r);
    return true;
}

static void lane_run(struct ym_engine *e, struct lane *l)
{
    while (l->queued > 0 && l->running < l->concurrency && l->open < BACKLOG(l->concurrency)) {
        ym_wall now = engine_wall(e);
        if (l->earliest.ms > now.ms) {
            if (l->earliest.ms != INT64_MAX)
                engine_at(e, ym_mono_add(engine_mono(e), YM_MS(l->earliest.ms - now.ms)));
            return;
        }
        ym_dur wait = lane_wait(e, l);
        if (wait.ms > 0) {
            engine_at(e, ym_mono_add(engine_mono(e), wait));
            return;
        }
        if (!store_has_room(e)) {
            engine_at(e, e->store_look);
            return;
        }
        if (l->gathers && !gather_due(e, l))
            return;
        if (!(l->gathers ? gather_claim(e, l) : lane_claim(e, l))) {
            lanes_load(e); /* the next one is later: find out when */
            if (l->earliest.ms <= now.ms)
                return;
        }
    }
}

void sched_run(struct ym_engine *e)
{
    char day[16];
    ym_wall now = engine_wall(e);
    if (strcmp(ym_wall_day(now, day), e->day) != 0) {
        memcpy(e->day, day, sizeof(e->day));
        budget_reopen(e);
    }
    if (e->paused || e->draining)
        return;
    for (struct lane *l = e->lanes; l; l = l->next)
        if (l->driver && l->state != LANE_BLOCKED)
            lane_run(e, l);
}
