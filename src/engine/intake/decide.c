/* From facts about a name to jobs: unchanged, known, reused, attached, adopted, or new. */
#include "engine_private.h"

/* What one slot will be bound to; planned before anything is written. */
struct plan {
    struct ym_id job;                /* an existing job, or the id of the new one */
    bool fresh, wrong;               /* wrong: fresh, but it cannot be sent */
    bool reused;                     /* finished or running already */
    const struct ym_driver *driver;
    struct ym_request req;
    struct ym_digest h;
    int64_t k;
    struct ym_err err;
};

struct plans {
    struct plan *v;
    int n;
};

static void plans_fini(struct plans *p)
{
    for (int i = 0; i < p->n; i++)
        ym_request_fini(&p->v[i].req);
    free(p->v);
}

/* ---- jobs and names ---- */
bool job_release(struct ym_engine *e, struct ym_job_row *r, bool unknown_too)
{
    bool may = r->state == YM_JOB_FAILED || r->state == YM_JOB_CANCELLED || (r->state == YM_JOB_UNKNOWN && unknown_too);
    if (!may || ym_digest_is_zero(&r->h))
        return false;
    if (!ym_digest_is_zero(&r->b2) && r->ext) { /* cancelled too late: paid and kept */
        job_error_clear(r);
        job_to(e, r, JE_ADOPTED);
        place_job(e, r->id.s);
        return true;
    }
    r->attempts = r->empties = 0;
    r->run_at = engine_wall(e);
    r->finished_at = (ym_wall){0};
    job_error_clear(r);
    const struct ym_driver *d = driver_find(e, r->provider);
    if (d && !d->is_free)
        guard_note(e, r);
    job_to(e, r, JE_RELEASED);
    return true;
}

/* A gesture on something held: judged again; what is gone is bought again. */
static void job_recheck(struct ym_engine *e, struct ym_job_row *r)
{
    struct ym_err err;
    const struct ym_driver *d = driver_find(e, r->provider);
    bool gone = r->held_why && strcmp(r->held_why, "gone") == 0;
    bool asks = r->held_why && (strcmp(r->held_why, "bulk") == 0 || strcmp(r->held_why, "approval") == 0);
    if (!d || asks)
        return;
    char *hold = ym_steal(&r->hold_id);
    intake_reprice(e, r);
    const char *why = budget_holds(e, r, d->is_free, &err);
    if (!why)
        why = budget_refuses(e, r, &err);
    r->hold_id = hold;
    if (why && !gone)
        return;
    job_error_clear(r);
    str_set(&r->hold_id, NULL);
    r->b2 = (struct ym_digest){0};
    r->run_at = engine_wall(e);
    job_to(e, r, JE_RELEASED);
    if (hold || gone)
        hold_note_close(e, r->id.s);
}

void job_unnamed(struct ym_engine *e, const char *job)
{
    struct slot_list l;
    struct ym_job_row r;
    slots_of_job(e, job, &l);
    bool named = l.n > 0;
    slot_list_fini(&l);
    if (named || ym_job_get(e->p.journal, job, &r) < 0)
        return;
    if (r.state == YM_JOB_QUEUED || r.state == YM_JOB_HELD) {
        str_set(&r.bulk, NULL);
        job_to(e, &r, JE_CANCELLED);
        if (r.hold_id)
            hold_used_up(e, r.hold_id);
    } else if (ym_state_is_running(r.state)) {
        run_cancel(e, job); /* what is paid for runs out and is kept in history */
    }
    ym_job_row_fini(&r);
}

void name_vanished(struct ym_engine *e, const char *path)
{
    struct slot_list l;
    slots_of_name(e, path, &l);
    note_error_clear(e, path);
    hold_target_close(e, path);
    ym_name_delete(e->p.journal, path);
    for (size_t i = 0; i < l.n; i++)
        job_unnamed(e, l.v[i].job.s);
    slot_list_fini(&l);
}

/* ---- planning ---- */
/* `sketch` output does not satisfy a text once a real model is the default, if its user asks again. */
static bool only_a_sketch(struct ym_engine *e, const struct facts *f, const struct ym_job_row *r)
{
    const struct ym_driver *was = driver_find(e, r->provider), *now = NULL;
    YM_AUTOFREE char *model = NULL;
    struct ym_err err;
    if (!was || !was->is_free || strcmp(was->name, "sketch") != 0 || !(f->why & (WHY_WRITE | WHY_OVER | WHY_TOUCH)))
        return false;
    return resolve_model(e, f->kind, f->fields, &now, &model, &err) == 0 && now != was;
}

static bool usable(struct ym_engine *e, const struct facts *f, struct ym_job_row *r, bool was_bound)
{
    if (r->state == YM_JOB_DONE && was_bound && only_a_sketch(e, f, r))
        return false;
    return !ym_digest_is_zero(&r->h); /* a job that was born wrong satisfies nothing */
}

static bool plan_known(struct ym_engine *e, const struct facts *f, struct plan *p, bool was_bound)
{
    struct ym_id id;
    struct ym_job_row r;
    if (ym_source_get(e->p.journal, &f->s, p->k, &id) < 0 || ym_job_get(e->p.journal, id.s, &r) < 0)
        return false;
    bool ok = usable(e, f, &r, was_bound);
    if (ok) {
        p->job = id;
        p->reused = r.state == YM_JOB_DONE;
    }
    ym_job_row_fini(&r);
    return ok;
}

static void plan_slot(struct ym_engine *e, const struct facts *f, struct plan *p, bool was_bound)
{
    struct ym_job_row r;
    if (f->err.cls == YM_OK && plan_known(e, f, p, was_bound))
        return;
    p->err = f->err;
    if (p->err.cls == YM_OK)
        resolve_request(e, f->kind, f->prompt, f->fields, f->refs, f->nrefs, p->k, &p->driver, &p->req, &p->err);
    p->fresh = true;
    if (p->err.cls != YM_OK) {
        p->wrong = true;
        p->driver = NULL;
        p->job = ym_id_new(engine_wall(e));
        return;
    }
    p->h = ym_identity_request(&p->req);
    if (ym_job_by_request(e->p.journal, &p->h, &r) == 0) {
        if (usable(e, f, &r, was_bound)) {
            p->job = r.id;
            p->fresh = false;
            p->reused = r.state == YM_JOB_DONE;
        }
        ym_job_row_fini(&r);
    }
    if (p->fresh)
        p->job = ym_id_new(engine_wall(e));
}

/* same_text: only n changed; slots that are there keep the variation they show. */
static struct plans plan_all(struct ym_engine *e, const struct facts *f, bool was_bound, bool same_text)
{
    struct plans ps = {.v = ym_alloc_array((size_t)f->n, sizeof(*ps.v)), .n = f->n};
    if (f->err.cls != YM_OK)
        ps.n = 1;
    for (int i = 0; i < ps.n; i++) {
        struct ym_slot_row s;
        ps.v[i].k = f->variation + i;
        if (same_text && ym_slot_get(e->p.journal, f->path, i, &s) == 0) {
            ps.v[i].k = s.variation;
            ym_slot_row_fini(&s);
        }
        plan_slot(e, f, &ps.v[i], was_bound);
    }
    return ps;
}

static bool plans_pay(const struct plans *ps)
{
    for (int i = 0; i < ps->n; i++)
        if (ps->v[i].fresh && ps->v[i].driver && !ps->v[i].driver->is_free)
            return true;
    return false;
}

/* ---- binding ---- */
static char *folder_of(const char *path)
{
    const char *s = strrchr(path, '/');
    return ym_strndup(path, s ? (size_t)(s - path) : 0);
}

static void slot_bind(struct ym_engine *e, const struct facts *f, int idx, const struct plan *p, struct id_list *left)
{
    struct ym_slot_row s = {.idx = idx};
    struct ym_err err;
    if (ym_slot_get(e->p.journal, f->path, idx, &s) < 0)
        s = (struct ym_slot_row){.path = ym_strdup(f->path), .idx = idx};
    bool same = strcmp(s.job.s, p->job.s) == 0;
    if (!same && s.job.s[0])
        id_list_add(left, s.job.s);
    if (!same || s.status == YM_SLOT_DELETED) {
        if (s.status != YM_SLOT_PLACED)
            str_set(&s.result, NULL); /* an older result of ours still lies there otherwise: replaced later */
        s.status = YM_SLOT_WAITING;
        s.reused = p->reused;
    }
    s.job = p->job;
    s.variation = p->k;
    engine_must(e, ym_slot_put(e->p.journal, &s, &err), "a slot", &err);
    ym_slot_row_fini(&s);
}

static void name_put(struct ym_engine *e, struct facts *f)
{
    struct ym_err err;
    struct ym_name_row n = {.path = f->path, .kind = f->kind, .status = YM_NAME_BOUND, .text_b2 = f->file.b2,
                            .text = f->file.bytes, .text_len = f->file.len, .s = f->s, .refs = f->refs_b2,
                            .n = f->n, .variation = f->variation, .settled_at = engine_wall(e),
                            .ident = {f->file.ident.ino, f->file.ident.btime_ns, f->file.ident.size, f->file.ident.mtime_ns}};
    if (f->err.cls != YM_OK && !n.text)
        n.text_len = 0;
    engine_must(e, ym_name_put(e->p.journal, &n, &err), "a prompt", &err);
}

static void plan_execute(struct ym_engine *e, struct facts *f, struct plan *p)
{
    struct ym_job_row r;
    if (p->fresh) {
        YM_AUTOFREE char *folder = folder_of(f->path);
        struct birth b = {.driver = p->driver, .req = &p->req, .folder = folder, .origin = "file",
                          .fields = f->fields, .err = &p->err, .kind = f->kind, .prompt = f->prompt};
        job_born(e, &p->job, &b);
    }
    if (!p->wrong)
        engine_must(e, ym_source_put(e->p.journal, &f->s, p->k, p->job.s), "a source", NULL);
    if (p->fresh || ym_job_get(e->p.journal, p->job.s, &r) < 0)
        return;
    if (f->why & WHY_GESTURE)
        job_retier(e, &r, driver_find(e, r.provider), f->fields);
    if (ym_state_is_running(r.state))
        run_wanted(e, r.id.s);
    if (r.state == YM_JOB_DONE || r.state == YM_JOB_STORED)
        place_job(e, r.id.s);
    else if (f->why & ~(unsigned)(WHY_SCAN | WHY_FIRST))
        job_release(e, &r, (f->why & WHY_RETRY) != 0);
    if (r.state == YM_JOB_HELD && (f->why & WHY_GESTURE))
        job_recheck(e, &r);
    ym_job_row_fini(&r);
}

/* Slots beyond n: the names go, the pictures stay. */
static void slots_trim(struct ym_engine *e, const struct facts *f, int n, struct id_list *left)
{
    struct slot_list l;
    slots_of_name(e, f->path, &l);
    for (size_t i = 0; i < l.n; i++)
        if (l.v[i].idx >= n) {
            id_list_add(left, l.v[i].job.s);
            ym_slot_delete(e->p.journal, f->path, l.v[i].idx);
        }
    slot_list_fini(&l);
}

static void bind(struct ym_engine *e, struct facts *f, struct plans *ps)
{
    struct id_list left = {0};
    hold_target_close(e, f->path);
    name_put(e, f);
    for (int i = 0; i < ps->n; i++)
        slot_bind(e, f, i, &ps->v[i], &left);
    slots_trim(e, f, ps->n, &left);
    note_error_clear(e, f->path);
    for (int i = 0; i < ps->n; i++)
        plan_execute(e, f, &ps->v[i]);
    for (size_t i = 0; i < left.n; i++)
        job_unnamed(e, left.v[i].s);
    id_list_fini(&left);
}

/* ---- unchanged names ---- */
static void result_refresh(struct ym_engine *e, const struct ym_slot_row *s, unsigned why);

static void slot_unchanged(struct ym_engine *e, const struct facts *f, struct ym_slot_row *s)
{
    struct ym_job_row r;
    struct ym_err err;
    bool gesture = (f->why & WHY_GESTURE) != 0, moved = (f->why & WHY_MOVED) != 0;
    if (ym_job_get(e->p.journal, s->job.s, &r) < 0)
        return;
    if (r.state == YM_JOB_DONE) {
        struct ym_ident now;
        bool missing = s->status == YM_SLOT_PLACED && s->result &&
                       ym_store_ident(e->p.store->lib_fd, s->result, &now) < 0;
        if (gesture && (s->status == YM_SLOT_DELETED || missing)) {
            s->status = YM_SLOT_WAITING;
            str_set(&s->result, NULL);
            s->reused = true;
            engine_must(e, ym_slot_put(e->p.journal, s, &err), "a slot", &err);
        }
        if (s->status == YM_SLOT_WAITING && (gesture || moved || f->why & WHY_NEW))
            place_job(e, r.id.s);
        else
            result_refresh(e, s, f->why);
    } else if (r.state == YM_JOB_HELD && gesture) {
        job_recheck(e, &r);
    } else if (gesture) {
        if (job_release(e, &r, (f->why & WHY_RETRY) != 0))
            note_error_clear(e, f->path);
    }
    ym_job_row_fini(&r);
}

struct touch_task {
    const struct ym_placer *placer;
    char *path;
};

static void touch_work(void *ctx)
{
    struct touch_task *t = ctx;
    struct ym_err err;
    t->placer->touch(t->placer->ctx, t->path, &err); /* for make and sort-by-date only: no harm if it fails */
}

static void touch_done(struct ym_engine *e, void *ctx)
{
    (void)e;
    (void)ctx;
}

static void touch_free(void *ctx)
{
    struct touch_task *t = ctx;
    free(t->path);
    free(t);
}

/* Nothing to do, but the prompt is newer than its result: make and sort-by-date should agree. */
static void result_refresh(struct ym_engine *e, const struct ym_slot_row *s, unsigned why)
{
    static const struct task_ops ops = {touch_work, touch_done, touch_free};
    struct ym_ident p, r;
    if (!(why & WHY_GESTURE) || s->status != YM_SLOT_PLACED || !s->result ||
        ym_store_ident(e->p.store->lib_fd, s->path, &p) < 0 ||
        ym_store_ident(e->p.store->lib_fd, s->result, &r) < 0 || r.mtime_ns >= p.mtime_ns)
        return;
    struct touch_task *t = ym_alloc(sizeof(*t));
    t->placer = &e->p.placer;
    t->path = ym_strdup(s->result);
    engine_task_after(e, &ops, t, false);
}

/* References only removed count as unchanged: removing one never buys. */
static bool refs_same_or_fewer(struct ym_engine *e, const struct facts *f, const struct ym_name_row *n)
{
    struct ym_slot_row s;
    struct ym_job_row r;
    struct ym_request q = {0};
    struct ym_err err;
    bool fewer = true;
    if (ym_digest_eq(&n->refs, &f->refs_b2))
        return true;
    if (ym_slot_get(e->p.journal, f->path, 0, &s) < 0)
        return false;
    if (ym_job_get(e->p.journal, s.job.s, &r) == 0) {
        ym_request_unpack(r.request, &q, &err);
        for (size_t i = 0; i < f->nrefs && fewer; i++) {
            bool had = false;
            for (size_t k = 0; k < q.nrefs; k++)
                had |= ym_digest_eq(&q.refs[k].b2, &f->refs[i].b2);
            fewer = had;
        }
        ym_request_fini(&q);
        ym_job_row_fini(&r);
    } else {
        fewer = false;
    }
    ym_slot_row_fini(&s);
    return fewer;
}

static bool was_wrong(struct ym_engine *e, const char *path)
{
    struct ym_slot_row s;
    struct ym_job_row r;
    bool wrong = false;
    if (ym_slot_get(e->p.journal, path, 0, &s) < 0)
        return false;
    if (ym_job_get(e->p.journal, s.job.s, &r) == 0) {
        wrong = ym_digest_is_zero(&r.h);
        ym_job_row_fini(&r);
    }
    ym_slot_row_fini(&s);
    return wrong;
}

static bool sketch_outdated(struct ym_engine *e, const struct facts *f)
{
    struct ym_slot_row s;
    struct ym_job_row r;
    bool yes = false;
    if (ym_slot_get(e->p.journal, f->path, 0, &s) < 0)
        return false;
    if (ym_job_get(e->p.journal, s.job.s, &r) == 0) {
        yes = r.state == YM_JOB_DONE && only_a_sketch(e, f, &r);
        ym_job_row_fini(&r);
    }
    ym_slot_row_fini(&s);
    return yes;
}

static bool unchanged(struct ym_engine *e, const struct facts *f, const struct ym_name_row *n)
{
    if (n->status != YM_NAME_BOUND || n->kind != f->kind || !ym_digest_eq(&n->text_b2, &f->file.b2))
        return false;
    if ((f->why & WHY_GESTURE) && (was_wrong(e, f->path) || sketch_outdated(e, f)))
        return false;
    if (n->n != f->n || n->variation != f->variation)
        return false;
    return refs_same_or_fewer(e, f, n);
}

static void settle_unchanged(struct ym_engine *e, struct facts *f)
{
    struct slot_list l;
    slots_of_name(e, f->path, &l);
    for (size_t i = 0; i < l.n; i++)
        slot_unchanged(e, f, &l.v[i]);
    slot_list_fini(&l);
}

/* ---- again: the next unused variation of each slot, or of one ---- */
static void settle_again(struct ym_engine *e, struct facts *f)
{
    struct slot_list l;
    struct id_list left = {0};
    int64_t k = ym_source_max(e->p.journal, &f->s);
    if (k < f->variation + f->n - 1)
        k = f->variation + f->n - 1;
    name_put(e, f);
    slots_of_name(e, f->path, &l);
    for (size_t i = 0; i < l.n; i++) {
        struct plan p = {.k = k + 1};
        if (f->again_idx >= 0 && l.v[i].idx != f->again_idx)
            continue;
        k++;
        plan_slot(e, f, &p, false);
        slot_bind(e, f, l.v[i].idx, &p, &left);
        note_error_clear(e, f->path);
        plan_execute(e, f, &p);
        ym_request_fini(&p.req);
    }
    for (size_t i = 0; i < left.n; i++)
        job_unnamed(e, left.v[i].s);
    id_list_fini(&left);
    slot_list_fini(&l);
}

/* ---- the decision ---- */
static void put_seen(struct ym_engine *e, const struct facts *f)
{
    struct ym_err err;
    struct ym_name_row n = {.path = f->path, .kind = f->kind, .status = YM_NAME_SEEN, .text_b2 = f->file.b2,
                            .n = f->n ? f->n : 1, .settled_at = engine_wall(e),
                            .ident = {f->file.ident.ino, f->file.ident.btime_ns, f->file.ident.size, f->file.ident.mtime_ns}};
    engine_must(e, ym_name_put(e->p.journal, &n, &err), "a prompt", &err);
    e->status.seen++;
    e->status_dirty = true;
}

/* Recorded at the first mount: it stays so until its user does something to it. */
static bool stays_seen(struct ym_engine *e, const struct facts *f, bool had, const struct ym_name_row *n)
{
    if (!had && f->why == (WHY_SCAN | WHY_FIRST) && !f->nadopted) {
        put_seen(e, f);
        return true;
    }
    return had && n->status == YM_NAME_SEEN && !(f->why & (WHY_GESTURE | WHY_REFS)) &&
           ym_digest_eq(&n->text_b2, &f->file.b2) && !f->nadopted;
}

static void settle_prompt(struct ym_engine *e, struct facts *f)
{
    struct ym_name_row n = {0};
    bool had = ym_name_get(e->p.journal, f->path, &n) == 0;
    bool bound = had && n.status == YM_NAME_BOUND;
    if (stays_seen(e, f, had, &n)) {
        /* nothing starts */
    } else if (had && unchanged(e, f, &n) && !(f->why & WHY_AGAIN)) {
        settle_unchanged(e, f);
    } else if (bound && (f->why & WHY_AGAIN) && f->err.cls == YM_OK) {
        settle_again(e, f);
    } else {
        bool same = bound && n.kind == f->kind && ym_digest_eq(&n.text_b2, &f->file.b2) &&
                    refs_same_or_fewer(e, f, &n) && !sketch_outdated(e, f);
        if (same)
            f->s = n.s; /* unchanged is unchanged, whatever the folder's defaults say now */
        struct plans ps = plan_all(e, f, bound, same);
        if (plans_pay(&ps) && settle_postpone(e, f->path))
            settle_arm(e, f->path, f->why, YM_MS(250), f->again_idx); /* a copied library arrives whole first */
        else
            bind(e, f, &ps);
        plans_fini(&ps);
    }
    if (had)
        ym_name_row_fini(&n);
}

/* The text whose job went is no longer what this name stands for: written again, it is new. */
static void name_forget_text(struct ym_engine *e, const char *path)
{
    struct ym_name_row n;
    struct ym_err err;
    if (ym_name_get(e->p.journal, path, &n) < 0)
        return;
    n.text_b2 = (struct ym_digest){0};
    free(ym_steal(&n.text));
    n.text_len = 0;
    engine_must(e, ym_name_put(e->p.journal, &n, &err), "a prompt", &err);
    ym_name_row_fini(&n);
}

/* An emptied prompt: what is queued goes, what is done stays. */
static void settle_blank(struct ym_engine *e, const struct facts *f)
{
    struct slot_list l;
    bool gone = false;
    if (!(f->why & (WHY_WRITE | WHY_OVER)))
        return;
    slots_of_name(e, f->path, &l);
    for (size_t i = 0; i < l.n; i++) {
        struct ym_job_row r;
        if (ym_job_get(e->p.journal, l.v[i].job.s, &r) < 0)
            continue;
        bool open = r.state == YM_JOB_QUEUED || r.state == YM_JOB_HELD;
        ym_job_row_fini(&r);
        if (open) {
            ym_slot_delete(e->p.journal, f->path, l.v[i].idx);
            job_unnamed(e, l.v[i].job.s);
            gone = true;
        }
    }
    if (gone)
        name_forget_text(e, f->path);
    hold_target_close(e, f->path);
    note_error_clear(e, f->path);
    slot_list_fini(&l);
}

void decide(struct ym_engine *e, struct facts *f)
{
    if (!settle_inspected(e, f->path, f->why)) {
        facts_free(f); /* touched meanwhile: read again */
        return;
    }
    bool there = f->kind != YM_KIND_NONE && f->file.exists && f->file.regular;
    if (there && (settle_open_reference(e, f->path) || sidecar_indexing(e))) {
        settle_arm(e, f->path, f->why, YM_MS(sidecar_indexing(e) ? 50 : 300), f->again_idx);
    } else if (!there) {
        name_vanished(e, f->path);
    } else if (f->blank) {
        settle_blank(e, f);
    } else if (!f->adoption_tried && f->err.cls == YM_OK && adopt_start(e, f)) {
        settle_hold(e, f->path);
        return; /* decided again when the candidates are verified */
    } else {
        adopt_record(e, f);
        settle_prompt(e, f);
    }
    facts_free(f);
}
