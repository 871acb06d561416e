/* The end of an attempt that went well: its result is the job's, its cost settled. */
#include "run.h"

static void extra_keep(struct ym_engine *e, struct run *run, unsigned index);

static bool kind_fits(enum ym_kind k, const struct ym_media_type *t)
{
    enum ym_media_kind want = k == YM_IMAGE ? YM_MEDIA_IMAGE : k == YM_VIDEO ? YM_MEDIA_VIDEO : YM_MEDIA_AUDIO;
    return k != YM_TEXT && t->kind == want;
}

/* What is the same for every kind: money, words, state. The bytes lie in staging as r->staged. */
static void finish_row(struct ym_engine *e, struct run *run)
{
    const struct ym_next *n = &run->now->nx;
    struct ym_job_row *r = &run->row;
    ym_money cost = n->cost_known ? n->cost
                                  : (r->est.expected.micro_usd >= 0 ? r->est.expected : (ym_money){0});
    attempt_end(e, run, YM_ATT_SETTLED, cost, NULL);
    r->cost = ym_money_add(r->cost, cost);
    r->cost_is_estimate = !n->cost_known || n->cost_is_estimate;
    str_set(&r->provider_id, n->provider_id ? n->provider_id : r->provider_id);
    str_set(&r->model_version, n->model_version);
    str_set(&r->safety, n->safety);
    str_set(&r->text, r->kind == YM_TEXT ? NULL : n->text); /* the result itself is no remark on it */
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

static void finish_media(struct ym_engine *e, struct run *run)
{
    struct ym_err err;
    const struct ym_next *n = &run->now->nx;
    struct ym_job_row *r = &run->row;
    struct received *m = n->nmedia && n->media[0] < run->nmedia ? &run->media[n->media[0]] : NULL;
    if (!m || !m->is_media || !kind_fits(r->kind, m->info.type)) {
        ym_fail(&err, YM_EMPTY, ENODATA, "The provider answered, but what it sent is not a %s.", ym_kind_name(r->kind));
        run_fail(e, run, &err);
        return;
    }
    r->b2 = m->whole.b2;
    r->size = m->whole.size;
    str_set(&r->staged, m->whole.name);
    str_set(&r->ext, m->ext);
    str_set(&r->mime, m->mime);
    r->width = (int)m->info.width;
    r->height = (int)m->info.height;
    r->duration_ms = m->info.duration_ms;
    r->c2pa = m->info.c2pa;
    m->whole.name[0] = 0; /* it belongs to the job now */
    for (unsigned i = 1; i < n->nmedia; i++)
        extra_keep(e, run, n->media[i]);
    finish_row(e, run);
}

/* ---- texts: written by a worker, then like any other result ---- */
struct written {
    struct run *run;
    const struct ym_store *store;
    char name[80];
    struct ym_whole whole;
    struct ym_err err;
};

static void text_write(void *ctx)
{
    struct written *w = ctx;
    const char *text = w->run->now->nx.text; /* stays: the run waits for us */
    size_t len = strlen(text);
    struct ym_staging *st = NULL;
    if (ym_staging_new(w->store, w->name, 0, &st, &w->err) < 0)
        return;
    int r = ym_staging_write(st, text, len, &w->err);
    if (r == 0 && (len == 0 || text[len - 1] != '\n'))
        r = ym_staging_write(st, "\n", 1, &w->err);
    if (r < 0)
        ym_staging_drop(st);
    else
        ym_staging_finish(st, -1, true, &w->whole, &w->err);
}

static void text_written(struct ym_engine *e, void *ctx)
{
    struct written *w = ctx;
    struct run *run = w->run;
    struct ym_job_row *r = &run->row;
    bool json = run->now->nx.text_is_json;
    run->inflight--;
    if (run->ended)
        return;
    if (w->err.cls != YM_OK) {
        run_exchange_failed(e, run, YM_PAYS, &w->err);
        return;
    }
    r->b2 = w->whole.b2;
    r->size = w->whole.size;
    str_set(&r->staged, w->whole.name);
    str_set(&r->ext, json ? "out.json" : "out.md");
    str_set(&r->mime, json ? "application/json" : "text/markdown");
    finish_row(e, run);
}

static void finish_text(struct ym_engine *e, struct run *run)
{
    static const struct task_ops ops = {text_write, text_written, free};
    struct ym_err err;
    const char *text = run->now->nx.text;
    if (!text || !*text) {
        ym_fail(&err, YM_EMPTY, ENODATA, "The provider answered without a text.");
        run_fail(e, run, &err);
        return;
    }
    struct written *w = ym_alloc(sizeof(*w));
    *w = (struct written){.run = run, .store = e->p.store};
    snprintf(w->name, sizeof(w->name), "%s.%d.%u", run->row.id.s, run->row.tries_total, run->named);
    run->inflight++;
    engine_task_after(e, &ops, w, true);
}

void run_finish(struct ym_engine *e, struct run *run)
{
    if (run->row.kind == YM_TEXT)
        finish_text(e, run);
    else
        finish_media(e, run);
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
