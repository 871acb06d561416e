/* One attempt: the driver says what is next, this does it. Every reply comes back as a message, so a
 * driver's state is committed before the request that follows from it leaves. */
#include "run.h"

#include <unistd.h>

#define HANDLE_LONGEST YM_SEC(24 * 3600) /* a job that the provider has had for longer is lost */
#define SLOW_EVERY     YM_SEC(180)       /* between two looks at a job past the soft limit */
#define FETCH_TRIES    3                 /* broken downloads of a result that is there */

/* ---- what was asked ---- */
struct asked *asked_new(void)
{
    struct asked *a = ym_alloc(sizeof(*a));
    a->refs = 1;
    a->nx.progress = -1;
    return a;
}

void asked_unref(struct asked *a)
{
    if (!a || --a->refs)
        return;
    ym_next_fini(&a->nx);
    free(a);
}

/* ---- life ---- */
struct run *run_new(struct ym_engine *e, struct ym_job_row *r, struct lane *l)
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
    carrier_release(run);
    ym_job_row_fini(&run->row);
    ym_request_fini(&run->req);
    cJSON_Delete(run->state);
    asked_unref(run->now);
    asked_unref(run->aside);
    free(run->workflow);
    free(run->media);
    free(run);
}

/* Nothing of it is on the wire any more: another may be sent. */
void run_off_wire(struct run *run)
{
    if (!run->off_wire)
        run->lane->running--;
    run->off_wire = true;
}

void run_on_wire(struct run *run)
{
    if (run->off_wire)
        run->lane->running++;
    run->off_wire = false;
}

/* Ends the run; it is freed once nothing of it is under way. */
void run_end(struct ym_engine *e, struct run *run)
{
    if (run->ended)
        return;
    run->ended = true;
    run_off_wire(run);
    if (!run->rides)
        run->lane->open--;
    e->status_dirty = true;
}

/* What belongs to a member may be on its way as long as its carrier is there. */
static bool reap(struct ym_engine *e)
{
    bool freed_carrier = false;
    for (struct run **p = &e->runs; *p;) {
        struct run *run = *p;
        if (run->ended && run->inflight == 0 && !run->carrier) {
            freed_carrier |= run->members != NULL;
            *p = run->next;
            run_free(run);
        } else {
            p = &run->next;
        }
    }
    return freed_carrier;
}

void run_reap(struct ym_engine *e)
{
    while (reap(e))
        ;
}

static struct run *run_find(const struct ym_engine *e, const char *job)
{
    struct run *run = e->runs;
    while (run && (run->ended || run->members || strcmp(run->row.id.s, job) != 0))
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

/* Those whose end now would cost something: what has a handle, or has not paid, goes on at the next start. */
int runs_precious(const struct ym_engine *e)
{
    int n = 0;
    for (const struct run *run = e->runs; run; run = run->next)
        n += run->inflight > 0 || (!run->ended && run->row.paying && !run->row.has_handle);
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
    struct run *of = run->members ? carrier_lead(run) : run; /* a carrier is called with its first member's request */
    call_init(run->e, run->driver, run->row.id.s, run->row.tries_total, &of->req, &of->mem, ret);
    ret->waited = ym_mono_until(run->since, engine_mono(run->e));
    ret->workflow = run->workflow;
    ret->workflow_len = run->workflow_len;
}

void run_discard_media(struct run *run)
{
    for (unsigned i = 0; i < run->nmedia; i++)
        if (run->media[i].whole.name[0])
            ym_staging_remove(run->e->p.store, run->media[i].whole.name);
    run->nmedia = 0;
}

/* May what is asked for cost money? Until such a request leaves, a crash costs nothing. */
static bool asks_to_pay(const struct run *run, const struct ym_next *nx)
{
    bool pays = nx->what == YM_NEXT_WORK && !run->driver->is_free;
    for (unsigned i = 0; nx->what == YM_NEXT_SEND && i < nx->nhttp; i++)
        pays |= nx->http[i].effect == YM_PAYS;
    return pays;
}

/* SUBMITTING is known to this process only. */
void run_row_save(struct ym_engine *e, struct run *run)
{
    enum ym_state s = run->row.state;
    if (s == YM_JOB_SUBMITTING)
        run->row.state = YM_JOB_RESERVED;
    job_save(e, &run->row);
    run->row.state = s;
}

/* Writes the driver's state into the row; the commit of this round precedes what follows. */
static void state_keep(struct ym_engine *e, struct run *run, const struct ym_next *nx)
{
    YM_AUTOFREE char *text = run->state ? ym_json_print(run->state, false) : NULL;
    bool paying = run->row.has_handle || nx->has_handle || nx->what == YM_NEXT_DONE ? run->row.paying : asks_to_pay(run, nx);
    if (run->members) {
        carrier_keep(e, run, nx, text, paying);
        return;
    }
    bool changed = paying != run->row.paying || (text != NULL) != (run->row.driver_state != NULL) ||
                   (text && strcmp(text, run->row.driver_state) != 0);
    str_set(&run->row.driver_state, text);
    run->row.paying = paying;
    if (nx->provider_id)
        str_set(&run->row.provider_id, nx->provider_id);
    if (nx->has_handle && !run->row.has_handle) {
        run->row.has_handle = true;
        job_to(e, &run->row, JE_HANDLE);
    } else if (changed) {
        run_row_save(e, run);
    }
}

struct ym_staged *staged_show(const struct received *media, unsigned nmedia)
{
    struct ym_staged *staged = ym_alloc_array(nmedia + 1u, sizeof(*staged));
    for (unsigned i = 0; i < nmedia; i++)
        staged[i] = (struct ym_staged){.size = media[i].whole.size,
                                       .mime = media[i].is_media ? media[i].mime : "",
                                       .is_media = media[i].is_media};
    return staged;
}

/* Past the soft limit a job is looked at every few minutes only. */
static ym_dur wait_chosen(struct ym_engine *e, struct run *run, ym_dur told)
{
    double every = ym_config_num(e->config, "net.poll_interval_seconds");
    ym_dur waited = ym_mono_until(run->since, engine_mono(e)), wait = told;
    if (every > 0 && wait.ms > 0)
        wait = YM_MS(every * 1000);
    run->slow = run->row.has_handle && waited.ms > 1000 * ym_config_int(e->config, "net.slow_after_seconds");
    if (run->slow && wait.ms < SLOW_EVERY.ms && every <= 0)
        wait = SLOW_EVERY;
    return wait;
}

static void wait_until(struct ym_engine *e, struct run *run, ym_dur wait)
{
    run->waiting = true;
    run->wake = ym_mono_add(engine_mono(e), wait);
    engine_at(e, run->wake);
}

static void detail_show(struct ym_engine *e, struct run *run)
{
    const struct ym_next *nx = &run->now->nx;
    char detail[160];
    snprintf(detail, sizeof(detail), "%s%s%s", run->slow ? "slow: the provider takes longer than usual" : "",
             run->slow && nx->detail[0] ? "; " : "", nx->detail);
    if (nx->progress >= 0 || detail[0])
        run_live(e, run, nx->progress, detail);
}

static void step_wait(struct ym_engine *e, struct run *run)
{
    struct ym_err err;
    const struct ym_next *nx = &run->now->nx;
    if (run->row.has_handle && ym_mono_until(run->since, engine_mono(e)).ms >= HANDLE_LONGEST.ms) {
        ym_fail(&err, YM_LOST, ETIME, "The provider has not finished this job within 24 hours; it is not looked at any more.");
        run_fail(e, run, &err);
        return;
    }
    ym_dur wait = wait_chosen(e, run, nx->wait);
    detail_show(e, run);
    wait_until(e, run, wait);
}

/* Carries out run->now. */
static void step_do(struct ym_engine *e, struct run *run)
{
    switch (run->now->nx.what) {
    case YM_NEXT_SEND:
        run->waiting = false;
        run_on_wire(run);
        detail_show(e, run);
        exchange_all(e, run, run->now);
        if (run->driver->progress && !run->members && asks_to_pay(run, &run->now->nx))
            run->aside_at = ym_mono_add(engine_mono(e), YM_MS(700));
        break;
    case YM_NEXT_WORK:
        run_on_wire(run);
        work_start(e, run);
        break;
    case YM_NEXT_WAIT:
        run_on_wire(run);
        step_wait(e, run);
        break;
    case YM_NEXT_DONE:
        if (run->members)
            carrier_finished(e, run);
        else
            run_finish(e, run);
        break;
    }
    if (run->cancel_wanted && !run->ended)
        aside_begin(e, run, ASIDE_CANCEL);
}

/* A handle is worth more than one bad look: only what says that the job itself is over ends it. */
static bool step_keeps_handle(const struct run *run, const struct ym_err *err)
{
    return run->row.has_handle && (err->cls == YM_TRANSIENT || err->cls == YM_THROTTLED || err->cls == YM_AUTH);
}

static void look_again(struct ym_engine *e, struct run *run, const struct ym_err *err)
{
    struct ym_err lost;
    ym_dur waited = ym_mono_until(run->since, engine_mono(e)), wait = err->retry_after;
    if (waited.ms >= HANDLE_LONGEST.ms) {
        ym_fail(&lost, YM_LOST, ETIME, "The provider could not be asked about this job for 24 hours; the last answer: %.120s", err->msg);
        run_fail(e, run, &lost);
        return;
    }
    int64_t base = (int64_t)(1000 * ym_config_num(e->config, "net.backoff_base_seconds"));
    int64_t cap = (int64_t)(1000 * ym_config_num(e->config, "net.backoff_max_seconds"));
    for (int i = 0; i < run->looks && base < cap; i++)
        base *= 2;
    base = base < cap ? base : cap;
    if (wait.ms <= 0)
        wait = YM_MS(base / 2 + (int64_t)ym_random_below((uint64_t)(base / 2 + 1)));
    if (err->cls == YM_AUTH)
        provider_block(e, run->lane->provider, err->msg);
    run->looks++;
    char detail[160];
    snprintf(detail, sizeof(detail), "looks again: %.140s", err->msg);
    run_live(e, run, -1, detail);
    ym_log(YM_INFO, "engine", "job=%s looks again in %lld ms: %s", run->row.id.s, (long long)wait.ms, err->msg);
    run_on_wire(run);
    asked_unref(run->now);
    run->now = asked_new(); /* what is still out belongs to nothing any more */
    wait_until(e, run, wait);
}

void run_step(struct ym_engine *e, struct run *run, struct ym_reply *rep)
{
    struct ym_err err = {.cls = YM_OK};
    YM_AUTOFREE struct ym_staged *staged = staged_show(run->media, run->nmedia);
    struct ym_call call;
    struct asked *next = asked_new();
    run_call(run, &call);
    if (rep) {
        rep->media = staged;
        rep->nmedia = run->nmedia;
        run->looks = 0;
    }
    int r = run->members ? carrier_step(run, &call, rep, &next->nx, &err)
                         : run->driver->step(&call, &run->state, rep, &next->nx, &err);
    if (r == 0 && next->nx.what == YM_NEXT_WAIT && next->nx.wait.ms <= 0 && run->inflight > 0) {
        state_keep(e, run, &next->nx); /* replies to the same step are still to come */
        asked_unref(next);
        return;
    }
    if (r == 0 && e->draining && !run->row.paying && asks_to_pay(run, &next->nx)) {
        asked_unref(next); /* nothing new is bought now: the next start goes on from the state before */
        wait_until(e, run, YM_SEC(3600));
        return;
    }
    asked_unref(run->now);
    run->now = next;
    if (r < 0 && step_keeps_handle(run, &err)) {
        look_again(e, run, &err);
    } else if (r < 0) {
        run_fail(e, run, &err);
    } else {
        state_keep(e, run, &next->nx);
        step_do(e, run);
    }
}

/* A look at a job that the provider has, and a request that it would know again, are repeated; all else
 * ends the attempt. */
void run_exchange_failed(struct ym_engine *e, struct run *run, enum ym_effect effect, struct ym_err *err)
{
    bool look = run->row.has_handle && effect == YM_SAFE, again = effect == YM_IDEMPOTENT;
    struct ym_provider_conf pc;
    ym_config_provider(e->config, run->lane->provider, &pc);
    bool passing = err->cls == YM_OFFLINE || err->cls == YM_TRANSIENT || err->cls == YM_LOCAL || err->cls == YM_AMBIGUOUS ||
                   (err->cls == YM_EMPTY && run->looks < FETCH_TRIES);
    if (look && passing) {
        look_again(e, run, err);
    } else if (again && passing && run->looks < pc.retry_attempts) {
        look_again(e, run, err);
    } else {
        if (again && err->cls == YM_TRANSIENT)
            err->cls = YM_AMBIGUOUS; /* it was sent, whatever came of it */
        run_fail(e, run, err);
    }
}

void runs_tick(struct ym_engine *e)
{
    ym_mono now = engine_mono(e);
    for (struct run *run = e->runs; run; run = run->next) {
        if (run->ended)
            continue;
        aside_tick(e, run);
        if (!run->waiting || run->ended)
            continue;
        if (run->wake.ns <= now.ns && run->inflight == 0) {
            run->waiting = false;
            run_step(e, run, NULL);
        } else if (run->wake.ns > now.ns) {
            engine_at(e, run->wake);
        }
    }
    run_reap(e);
}

/* ---- beginnings ---- */
void run_start(struct ym_engine *e, struct ym_job_row *r, struct lane *l, int64_t attempt, ym_money reserved)
{
    struct run *run = run_new(e, r, l);
    run->attempt = attempt;
    run->reserved = reserved;
    run->since = engine_mono(e);
    run->row.state = job_advance(run->row.state, JE_SENT);
    if (!run_template_first(e, run))
        run_step(e, run, NULL);
}

void run_reattach(struct ym_engine *e, struct run *run)
{
    struct ym_attempt_row a;
    int64_t ago = 0;
    if (ym_attempt_open_of(e->p.journal, run->row.id.s, &a) == 0) {
        run->attempt = a.id;
        run->reserved = a.reserved;
        ago = engine_wall(e).ms - a.sent_at.ms;
        ym_attempt_row_fini(&a);
    }
    ago = ago < 0 ? 0 : ago > HANDLE_LONGEST.ms ? HANDLE_LONGEST.ms : ago;
    run->since = ym_mono_add(engine_mono(e), YM_MS(-ago));
}

void run_resume(struct ym_engine *e, struct ym_job_row *r)
{
    struct run *run = run_new(e, r, lane_get(e, r->lane));
    run->lane->running++;
    run->lane->open++;
    run_reattach(e, run);
    if (run->row.state == YM_JOB_RESERVED)
        run->row.state = job_advance(run->row.state, JE_SENT);
    if (r->driver_state)
        ym_json_parse(r->driver_state, strlen(r->driver_state), 65536, &run->state, NULL);
    run->waiting = true; /* stepped by the first round: nothing is sent before the thread runs */
    run->wake = engine_mono(e);
    if (run_template_first(e, run))
        run->waiting = false;
}

void run_cancel(struct ym_engine *e, const char *job)
{
    struct run *run = run_find(e, job);
    struct ym_err err;
    if (!run || atomic_exchange(&run->cancelled, true))
        return;
    if (run->rides) {
        member_cancel(e, run);
    } else if (run->waiting && !run->row.has_handle && !run->row.paying) {
        ym_fail(&err, YM_CANCELLED, ECANCELED, "Cancelled before it was paid for; nothing was billed.");
        run_fail(e, run, &err);
    } else if (run->driver->cancel && (run->row.has_handle || run->row.paying)) {
        run->cancel_wanted = true;
        aside_begin(e, run, ASIDE_CANCEL);
    } /* else what is paid for runs out and is kept */
}

/* Of a job that went alone its provider has been told already. */
void run_wanted(struct ym_engine *e, const char *job)
{
    struct run *run = run_find(e, job);
    if (run && run->carrier && run->carrier->aside_what != ASIDE_CANCEL)
        atomic_store(&run->cancelled, false);
}

/* ---- ends ---- */
void attempt_end(struct ym_engine *e, struct run *run, int status, ym_money actual, const struct ym_err *why)
{
    struct ym_err err;
    if (!run->attempt)
        return;
    engine_must(e, ym_attempt_end(e->p.journal, run->attempt, status, actual, why ? why->cls : YM_OK,
                                  why ? why->msg : NULL, engine_wall(e), &err), "ending an attempt", &err);
}

void run_fail(struct ym_engine *e, struct run *run, struct ym_err *err)
{
    const struct ym_next *nx = run->now ? &run->now->nx : NULL;
    if (run->ended)
        return;
    if (run->members) {
        carrier_failed(e, run, err);
        return;
    }
    if (atomic_load(&run->cancelled) && err->cls != YM_AMBIGUOUS && err->cls != YM_EMPTY)
        err->cls = YM_CANCELLED;
    run_discard_media(run);
    struct attempt_end_facts f = {.reserved = run->reserved, .attempt = run->attempt};
    if (nx && nx->cost_known) { /* a refusal can be billed too, when the driver knows */
        f.cost_known = true;
        f.cost = nx->cost;
    }
    f.keep = err->cls == YM_CANCELLED && run->row.has_handle && !f.cost_known && !run->driver->is_free;
    run_end(e, run);
    attempt_failed(e, &run->row, run->lane, &f, err);
}
