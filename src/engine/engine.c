/* The thread: drain, decide, one commit, act. */
#include "engine_private.h"

#include <sys/prctl.h>
#include <unistd.h>

#define STATUS_EVERY YM_MS(100) /* it asks the journal a dozen questions */

ym_mono engine_mono(struct ym_engine *e)
{
    return e->p.clock->mono(e->p.clock->ctx);
}

ym_wall engine_wall(struct ym_engine *e)
{
    return e->p.clock->wall(e->p.clock->ctx);
}

void engine_at(struct ym_engine *e, ym_mono t)
{
    if (t.ns < e->deadline.ns)
        e->deadline = t;
}

void engine_after_commit(struct ym_engine *e, void (*run)(struct ym_engine *e, void *ctx), void *ctx)
{
    struct act *a = ym_alloc(sizeof(*a));
    *a = (struct act){.run = run, .ctx = ctx};
    *e->acts_tail = a;
    e->acts_tail = &a->next;
}

void engine_must(struct ym_engine *e, int r, const char *what, const struct ym_err *err)
{
    if (r == 0)
        return;
    (void)e;
    ym_log(YM_ERROR, "engine", "%s: %s; stopping, the next start goes on from the journal", what,
           err && err->msg[0] ? err->msg : strerror(-r));
    _exit(1);
}

/* ---- tasks ---- */
struct task {
    struct ym_msg msg;
    struct ym_engine *e;
    const struct task_ops *ops;
    void *ctx;
    bool urgent;
};

static void task_drop(struct ym_msg *m)
{
    struct task *t = (struct task *)m;
    t->ops->ctx_free(t->ctx);
    free(t);
}

static void task_done(void *owner, struct ym_msg *m)
{
    struct ym_engine *e = owner;
    struct task *t = (struct task *)m;
    e->tasks--;
    t->ops->done(e, t->ctx);
    task_drop(m);
}

static void task_work(void *owner, struct ym_msg *m)
{
    (void)owner;
    struct task *t = (struct task *)m;
    t->ops->work(t->ctx);
    t->msg = (struct ym_msg){.run = task_done, .drop = task_drop};
    ym_inbox_post(t->e->in, &t->msg);
}

static void task_hand_over(struct ym_engine *e, void *ctx)
{
    struct task *t = ctx;
    if (!ym_pool_post(e->p.pool, &t->msg, t->urgent))
        e->tasks--;
}

static struct task *task_new(struct ym_engine *e, const struct task_ops *ops, void *ctx, bool urgent)
{
    struct task *t = ym_alloc(sizeof(*t));
    *t = (struct task){.msg = {.run = task_work, .drop = task_drop}, .e = e, .ops = ops,
                       .ctx = ctx, .urgent = urgent};
    e->tasks++;
    return t;
}

void engine_task(struct ym_engine *e, const struct task_ops *ops, void *ctx, bool urgent)
{
    task_hand_over(e, task_new(e, ops, ctx, urgent));
}

void engine_task_after(struct ym_engine *e, const struct task_ops *ops, void *ctx, bool urgent)
{
    engine_after_commit(e, task_hand_over, task_new(e, ops, ctx, urgent));
}

/* ---- posted code ---- */
struct call {
    struct ym_msg msg;
    struct ym_engine *e;
    void (*run)(struct ym_engine *e, void *ctx);
    void (*after)(void *ctx, bool ok);
    void *ctx;
};

static void call_after(struct ym_engine *e, void *ctx)
{
    (void)e;
    struct call *c = ctx;
    if (c->after)
        c->after(c->ctx, true);
    free(c);
}

static void call_run(void *owner, struct ym_msg *m)
{
    struct ym_engine *e = owner;
    struct call *c = (struct call *)m;
    c->run(e, c->ctx);
    engine_after_commit(e, call_after, c);
}

static void call_drop(struct ym_msg *m)
{
    struct call *c = (struct call *)m;
    if (c->after)
        c->after(c->ctx, false);
    free(c);
}

bool ym_engine_post(struct ym_engine *e, void (*run)(struct ym_engine *e, void *ctx),
                    void (*after)(void *ctx, bool ok), void *ctx)
{
    struct call *c = ym_alloc(sizeof(*c));
    *c = (struct call){.msg = {.run = call_run, .drop = call_drop}, .e = e, .run = run,
                       .after = after, .ctx = ctx};
    return ym_inbox_post(e->in, &c->msg);
}

/* ---- the loop ---- */
static void round_decide(struct ym_engine *e)
{
    ym_inbox_drain(e->in, e);
    intake_tick(e);
    companion_tick(e);
    guard_tick(e);
    place_tick(e);
    notes_tick(e);
    runs_tick(e);
    live_tick(e);
    lists_tick(e);
    sched_run(e);
}

static void round_act(struct ym_engine *e)
{
    while (e->acts) {
        struct act *a = e->acts;
        e->acts = a->next;
        if (!e->acts)
            e->acts_tail = &e->acts;
        a->run(e, a->ctx);
        free(a);
    }
}

static void round_commit(struct ym_engine *e)
{
    struct ym_err err;
    if (e->status_dirty && engine_mono(e).ns >= e->status_next.ns) {
        status_refresh(e);
        e->status_next = ym_mono_add(engine_mono(e), STATUS_EVERY);
    } else if (e->status_dirty) {
        status_show(e);
        engine_at(e, e->status_next);
    }
    if (!ym_journal_dirty(e->p.journal)) {
        ym_journal_rollback(e->p.journal);
        return;
    }
    int r = ym_journal_commit(e->p.journal, &err);
    if (r == -ENOSPC) { /* this is what the ballast is for */
        ym_ballast_drop(e->p.store);
        r = ym_journal_commit(e->p.journal, &err);
    }
    engine_must(e, r, "the journal cannot be written", &err);
}

static bool drained(struct ym_engine *e)
{
    return e->draining && ((runs_precious(e) == 0 && e->tasks == 0) ||
                           engine_mono(e).ns >= e->drain_until.ns);
}

/* What the next start need not look for. Without space for it, it looks. */
static void close_well(struct ym_engine *e)
{
    struct ym_err err;
    if (ym_journal_begin(e->p.journal, &err) < 0)
        return;
    if (intake_closed(e) < 0 || ym_journal_commit(e->p.journal, &err) < 0)
        ym_journal_rollback(e->p.journal);
}

static void *engine_main(void *arg)
{
    struct ym_engine *e = arg;
    struct ym_err err;
    prctl(PR_SET_NAME, "ymago-engine");
    if (e->p.mounted && !e->paused)
        lists_ask(e, YM_LIST_LOCAL, YM_MS(0));
    while (!e->stop) {
        e->deadline = (ym_mono){INT64_MAX};
        engine_must(e, ym_journal_begin(e->p.journal, &err), "the journal cannot be opened", &err);
        round_decide(e);
        round_commit(e);
        round_act(e);
        waiters_check(e);
        if (drained(e))
            break;
        if (e->draining)
            engine_at(e, e->drain_until);
        ym_inbox_wait(e->in, e->deadline);
    }
    waiters_drop(e);
    lists_drop_waiting(e);
    close_well(e);
    return NULL;
}

/* ---- life ---- */
int ym_engine_new(const struct ym_engine_parts *p, struct ym_engine **ret, struct ym_err *err)
{
    struct ym_engine *e = ym_alloc(sizeof(*e));
    e->p = *p;
    e->config = ym_config_ref(p->config);
    ym_config_ref(e->p.config); /* without prices.toml: what reloads start from */
    e->lib = (struct ym_library){.store = p->store, .placer = &e->p.placer};
    e->in = ym_inbox_new(NULL, NULL);
    e->acts_tail = &e->acts;
    e->next_ticket = 1;
    e->paused = p->paused;
    e->started_at = e->mounted_at = engine_wall(e);
    ym_wall_day(e->started_at, e->day);
    pthread_mutex_init(&e->look, NULL);
    for (const struct ym_driver *const *d = p->drivers; *d; d++)
        ym_driver_check(*d);
    intake_init(e);
    lists_init(e);
    int r = recover(e, err);
    if (r < 0) {
        ym_engine_free(e);
        return r;
    }
    *ret = e;
    return 0;
}

void ym_engine_start(struct ym_engine *e)
{
    ym_assert(!e->started);
    e->started = true;
    int r = pthread_create(&e->thread, NULL, engine_main, e);
    ym_assert(r == 0);
}

static void stop_run(struct ym_engine *e, void *ctx)
{
    ym_dur *wait = ctx;
    ym_mono until = ym_mono_add(engine_mono(e), *wait);
    if (!e->draining || until.ns < e->drain_until.ns)
        e->drain_until = until;
    e->draining = true;
    e->status_dirty = true;
    free(wait);
}

void ym_engine_stop(struct ym_engine *e, ym_dur wait)
{
    if (!e->started)
        return;
    ym_dur *w = ym_alloc(sizeof(*w));
    *w = wait;
    bool first = !atomic_exchange(&e->stopping, true);
    ym_engine_post(e, stop_run, NULL, w);
    if (!first)
        return; /* a second call only hurries the first, which joins */
    pthread_join(e->thread, NULL);
    e->started = false;
    ym_inbox_close(e->in);
}

void ym_engine_free(struct ym_engine *e)
{
    if (!e)
        return;
    ym_assert(!e->started);
    ym_inbox_close(e->in);
    scan_stop(e);
    runs_free(e);
    lists_free(e);
    place_free(e);
    notes_free(e);
    intake_fini(e);
    companions_free(e);
    while (e->lanes) {
        struct lane *l = e->lanes;
        e->lanes = l->next;
        limit_fini(&l->limit);
        free(l->name);
        free(l->provider);
        free(l);
    }
    while (e->acts) {
        struct act *a = e->acts;
        e->acts = a->next;
        free(a);
    }
    while (e->lives) {
        struct live *l = e->lives;
        e->lives = l->next;
        free(l->preview);
        free(l);
    }
    free(e->blocked);
    ym_inbox_free(e->in);
    ym_budget_fini(&e->budget);
    ym_config_unref(e->config);
    ym_config_unref(e->p.config);
    pthread_mutex_destroy(&e->look);
    free(e);
}

struct ym_config *ym_engine_config(struct ym_engine *e)
{
    pthread_mutex_lock(&e->look);
    struct ym_config *c = ym_config_ref(e->config);
    pthread_mutex_unlock(&e->look);
    return c;
}

const struct ym_driver *const *ym_engine_drivers(const struct ym_engine *e)
{
    return e->p.drivers;
}
