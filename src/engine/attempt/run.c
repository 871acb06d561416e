/* One attempt: the driver says what is next, this does it. Every reply comes back as a message, so a
 * driver's state is committed before the request that follows from it leaves. */
#include "engine_private.h"
#include "run.h"

#include <unistd.h>

/* ---- life ---- */
static struct run *run_new(struct ym_engine *e, struct ym_job_row *r, struct lane *l)
{
    struct run *run = ym_alloc(sizeof(*run));
    struct ym_err err;
    run->e = e;
    run->lane = l;
    run->driver = l->driver;
    engine_must(e, ym_job_get(e->p.journal, r->id.s, &run->row), "a job's row", NULL);
    engine_must(e, ym_request_unpack(run->row.request, &run->req, &err), "a job's request", &err);
    run->req.kind = run->row.kind;
    run->req.variation = run->row.variation;
    str_set(&run->req.provider, run->row.provider);
    str_set(&run->req.model, run->row.model);
    str_set(&run->req.prompt, run->row.prompt);
    run->next = e->runs;
    e->runs = run;
    return run;
}

static void run_free(struct run *run)
{
    ym_job_row_fini(&run->row);
    ym_request_fini(&run->req);
    cJSON_Delete(run->state);
    ym_next_fini(&run->nx);
    free(run);
}

/* Nothing of it is on the wire any more: another may be sent. */
void run_off_wire(struct run *run)
{
    if (!run->off_wire)
        run->lane->running--;
    run->off_wire = true;
}

/* Ends the run; it is freed once nothing of it is under way. */
void run_end(struct ym_engine *e, struct run *run)
{
    if (run->ended)
        return;
    run->ended = true;
    run_off_wire(run);
    run->lane->open--;
    e->status_dirty = true;
}

void run_reap(struct ym_engine *e)
{
    for (struct run **p = &e->runs; *p;) {
        struct run *run = *p;
        if (run->ended && run->inflight == 0) {
            *p = run->next;
            run_free(run);
        } else {
            p = &run->next;
        }
    }
}

static struct run *run_find(const struct ym_engine *e, const char *job)
{
    struct run *run = e->runs;
    while (run && (run->ended || strcmp(run->row.id.s, job) != 0))
        run = run->next;
    return run;
}

bool run_exists(const struct ym_engine *e, const char *job)
{
    return run_find(e, job) != NULL;
}

int runs_count(const struct ym_engine *e)
{
    int n = 0;
    for (struct run *run = e->runs; run; run = run->next)
        n++;
    return n;
}

void runs_free(struct ym_engine *e)
{
    while (e->runs) {
        struct run *run = e->runs;
        e->runs = run->next;
        run_free(run);
    }
}

/* ---- steps ---- */
void run_call(struct run *run, struct ym_call *ret)
{
    call_init(run->e, run->driver, run->row.id.s, run->row.tries_total, &run->req, &run->mem, ret);
}

static void run_discard_media(struct run *run)
{
    for (unsigned i = 0; i < run->nmedia; i++)
        if (run->media[i].whole.name[0])
            ym_staging_remove(run->e->p.store, run->media[i].whole.name);
    run->nmedia = 0;
}

/* Writes the driver's state into the row; the commit of this round precedes what follows. */
static void state_keep(struct ym_engine *e, struct run *run)
{
    char *text = run->state ? ym_json_print(run->state, false) : NULL;
    bool changed = (text != NULL) != (run->row.driver_state != NULL) ||
                   (text && strcmp(text, run->row.driver_state) != 0);
    str_set(&run->row.driver_state, text);
    free(text);
    if (run->nx.provider_id)
        str_set(&run->row.provider_id, run->nx.provider_id);
    if (run->nx.has_handle && !run->row.has_handle) {
        run->row.has_handle = true;
        job_to(e, &run->row, JE_HANDLE);
    } else if (changed) {
        enum ym_state s = run->row.state;
        if (s == YM_JOB_SUBMITTING)
            run->row.state = YM_JOB_RESERVED;
        job_save(e, &run->row);
        run->row.state = s;
    }
}

static const char *reply_mime(const struct received *m)
{
    return m->is_media ? m->mime : "";
}

/* rep: NULL, or a reply whose media have been moved to run->media. */
void run_step(struct ym_engine *e, struct run *run, struct ym_reply *rep)
{
    struct ym_err err = {.cls = YM_OK};
    struct ym_staged staged[RECEIVE_MEDIA];
    struct ym_call call;
    run_call(run, &call);
    ym_next_fini(&run->nx);
    memset(&run->nx, 0, sizeof(run->nx));
    run->nx.progress = -1;
    if (rep) {
        for (unsigned i = 0; i < run->nmedia; i++)
            staged[i] = (struct ym_staged){.size = run->media[i].whole.size,
                                           .mime = reply_mime(&run->media[i]),
                                           .is_media = run->media[i].is_media};
        rep->media = staged;
        rep->nmedia = run->nmedia;
    }
    int r = run->driver->step(&call, &run->state, rep, &run->nx, &err);
    if (r < 0) {
        run_fail(e, run, &err);
        return;
    }
    state_keep(e, run);
    if (run->nx.progress >= 0)
        live_set(e, &run->row.id, run->nx.progress, NULL);
    switch (run->nx.what) {
    case YM_NEXT_SEND:
        exchange_all(e, run);
        break;
    case YM_NEXT_WORK:
        work_start(e, run);
        break;
    case YM_NEXT_WAIT:
        run->waiting = true;
        run->wake = ym_mono_add(engine_mono(e), run->nx.wait);
        engine_at(e, run->wake);
        break;
    case YM_NEXT_DONE:
        run_finish(e, run);
        break;
    }
}

void runs_tick(struct ym_engine *e)
{
    ym_mono now = engine_mono(e);
    for (struct run *run = e->runs; run; run = run->next) {
        if (run->ended || !run->waiting)
            continue;
        if (run->wake.ns <= now.ns) {
            run->waiting = false;
            run_step(e, run, NULL);
        } else {
            engine_at(e, run->wake);
        }
    }
    run_reap(e);
}

void run_start(struct ym_engine *e, struct ym_job_row *r, struct lane *l, int64_t attempt, ym_money reserved)
{
    struct run *run = run_new(e, r, l);
    run->attempt = attempt;
    run->reserved = reserved;
    run->row.state = job_advance(run->row.state, JE_SENT);
    run_step(e, run, NULL);
}

void run_resume(struct ym_engine *e, struct ym_job_row *r)
{
    struct ym_attempt_row a;
    struct run *run = run_new(e, r, lane_get(e, r->lane));
    run->lane->running++;
    run->lane->open++;
    if (ym_attempt_open_of(e->p.journal, r->id.s, &a) == 0) {
        run->attempt = a.id;
        run->reserved = a.reserved;
        ym_attempt_row_fini(&a);
    }
    if (r->driver_state)
        ym_json_parse(r->driver_state, strlen(r->driver_state), 65536, &run->state, NULL);
    run->waiting = true; /* stepped by the first round: nothing is sent before the thread runs */
    run->wake = engine_mono(e);
}

void run_cancel(struct ym_engine *e, const char *job)
{
    struct run *run = run_find(e, job);
    if (!run)
        return;
    atomic_store(&run->cancelled, true); /* what is paid for runs out and is kept */
    if (run->waiting && !run->row.has_handle) {
        struct ym_err err;
        ym_fail(&err, YM_CANCELLED, ECANCELED, "Cancelled.");
        run_fail(e, run, &err);
    }
}

/* ---- ends ---- */
static void attempt_end(struct ym_engine *e, struct run *run, int status, ym_money actual, const struct ym_err *why)
{
    struct ym_err err;
    if (!run->attempt)
        return;
    engine_must(e, ym_attempt_end(e->p.journal, run->attempt, status, actual, why ? why->cls : YM_OK,
                                  why ? why->msg : NULL, engine_wall(e), &err), "ending an attempt", &err);
}

void run_fail(struct ym_engine *e, struct run *run, struct ym_err *err)
{
    if (run->ended)
        return;
    if (atomic_load(&run->cancelled) && err->cls != YM_AMBIGUOUS && err->cls != YM_EMPTY)
        err->cls = YM_CANCELLED;
    run_discard_media(run);
    struct attempt_end_facts f = {.reserved = run->reserved};
    if (run->nx.cost_known) { /* a refusal can be billed too, when the driver knows */
        f.cost_known = true;
        f.cost = run->nx.cost;
    }
    f.attempt = run->attempt;
    run_end(e, run);
    attempt_failed(e, &run->row, run->lane, &f, err);
}

static void extra_keep(struct ym_engine *e, struct run *run, unsigned index);

static bool kind_fits(enum ym_kind k, const struct ym_media_type *t)
{
    enum ym_media_kind want = k == YM_IMAGE ? YM_MEDIA_IMAGE : k == YM_VIDEO ? YM_MEDIA_VIDEO : YM_MEDIA_AUDIO;
    return k != YM_TEXT && t->kind == want;
}

void run_finish(struct ym_engine *e, struct run *run)
{
    struct ym_err err;
    const struct ym_next *n = &run->nx;
    struct received *m = n->nmedia && n->media[0] < run->nmedia ? &run->media[n->media[0]] : NULL;
    if (!m || !m->is_media || !kind_fits(run->row.kind, m->info.type)) {
        ym_fail(&err, YM_EMPTY, ENODATA, "The provider answered, but what it sent is not a %s.",
                ym_kind_name(run->row.kind));
        run_fail(e, run, &err);
        return;
    }
    struct ym_job_row *r = &run->row;
    ym_money cost = n->cost_known ? n->cost
                                  : (r->est.expected.micro_usd >= 0 ? r->est.expected : (ym_money){0});
    attempt_end(e, run, YM_ATT_SETTLED, cost, NULL);
    r->cost = ym_money_add(r->cost, cost);
    r->cost_is_estimate = !n->cost_known || n->cost_is_estimate;
    r->b2 = m->whole.b2;
    r->size = m->whole.size;
    str_set(&r->staged, m->whole.name);
    str_set(&r->ext, m->ext);
    str_set(&r->mime, m->mime);
    r->width = (int)m->info.width;
    r->height = (int)m->info.height;
    r->duration_ms = m->info.duration_ms;
    r->c2pa = m->info.c2pa;
    str_set(&r->provider_id, n->provider_id ? n->provider_id : r->provider_id);
    str_set(&r->model_version, n->model_version);
    str_set(&r->safety, n->safety);
    str_set(&r->text, n->text);
    m->whole.name[0] = 0; /* it belongs to the job now */
    for (unsigned i = 1; i < n->nmedia; i++)
        extra_keep(e, run, n->media[i]);
    run_discard_media(run);
    if (run->lane->state == LANE_OFFLINE) {
        run->lane->state = LANE_OK;
        run->lane->why[0] = 0;
    }
    run->lane->throttles = 0;
    r->attempts++;
    r->finished_at = engine_wall(e); /* of the making; placing follows at once, or when there is room */
    job_error_clear(r);
    job_to(e, r, JE_STORED);
    run_end(e, run);
    place_job(e, r->id.s);
}

/* ---- further pictures of one answer: paid, so kept by their digest ---- */
struct extra {
    const struct ym_store *store;
    struct ym_whole whole;
    char ext[16];
};

static void extra_work(void *ctx)
{
    struct extra *x = ctx;
    struct ym_err err;
    if (ym_object_move(x->store, x->whole.name, &x->whole.b2, x->ext, &err) < 0)
        ym_log(YM_WARN, "engine", "a further picture stays in staging: %s", err.msg);
}

static void extra_done(struct ym_engine *e, void *ctx)
{
    (void)e;
    (void)ctx;
}

static void extra_keep(struct ym_engine *e, struct run *run, unsigned index)
{
    static const struct task_ops ops = {extra_work, extra_done, free};
    if (index >= run->nmedia || !run->media[index].is_media)
        return;
    struct received *m = &run->media[index];
    struct extra *x = ym_alloc(sizeof(*x));
    *x = (struct extra){.store = e->p.store, .whole = m->whole};
    memcpy(x->ext, m->ext, sizeof(x->ext));
    m->whole.name[0] = 0;
    engine_task_after(e, &ops, x, false);
}
