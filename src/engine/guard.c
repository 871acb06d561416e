/* The bulk guard: more than bulk_count paying prompts within 5 s pass as one. Nothing of the group is
 * sent until no new one came for 2 s; then it goes as a whole, or is held as a whole with one note. */
#include "engine_private.h"

#define GUARD_SPAN YM_SEC(5)
#define GUARD_QUIET YM_SEC(2)
#define GUARD_META  "bulk_open"

static unsigned recent_count(const struct guard *g, ym_mono now)
{
    unsigned n = 0;
    for (unsigned i = 0; i < g->count; i++)
        n += ym_mono_add(g->recent[(g->head + i) % YM_COUNT(g->recent)], GUARD_SPAN).ns > now.ns;
    return n;
}

static void remember(struct guard *g, ym_mono now, const struct ym_id *id)
{
    unsigned at = (g->head + g->count) % YM_COUNT(g->recent);
    if (g->count == YM_COUNT(g->recent))
        g->head = (g->head + 1) % YM_COUNT(g->recent);
    else
        g->count++;
    g->recent[at] = now;
    g->ids[at] = *id;
}

/* Those made just before the group was noticed, as far as they are not sent yet, join it. */
static void gather_recent(struct ym_engine *e, ym_mono now)
{
    struct guard *g = &e->guard;
    for (unsigned i = 0; i < g->count; i++) {
        unsigned at = (g->head + i) % YM_COUNT(g->recent);
        struct ym_job_row r;
        if (ym_mono_add(g->recent[at], GUARD_SPAN).ns <= now.ns ||
            ym_job_get(e->p.journal, g->ids[at].s, &r) < 0)
            continue;
        if (!ym_state_is_final(r.state) && !r.hold_id) {
            str_set(&r.bulk, g->id.s);
            job_save(e, &r);
        } else if (r.state == YM_JOB_DONE && r.est.expected.micro_usd >= 0) {
            g->already = ym_money_add(g->already, r.est.high); /* what was sent counts */
        }
        ym_job_row_fini(&r);
    }
}

void guard_note(struct ym_engine *e, struct ym_job_row *r)
{
    struct guard *g = &e->guard;
    ym_mono now = engine_mono(e);
    if (!g->open && recent_count(g, now) >= (unsigned)e->budget.bulk_count) {
        g->open = true;
        g->already = (ym_money){0};
        g->id = ym_id_new(engine_wall(e));
        engine_must(e, ym_meta_put(e->p.journal, GUARD_META, g->id.s), "the open bulk", NULL);
        gather_recent(e, now);
    }
    remember(g, now, &r->id);
    if (g->open) {
        g->last = now;
        str_set(&r->bulk, g->id.s);
        engine_at(e, ym_mono_add(now, GUARD_QUIET));
    }
}

struct sum {
    ym_money high;
    size_t n;
};

static void bulk_free(struct ym_engine *e, struct ym_job_row *r)
{
    str_set(&r->bulk, NULL);
    job_save(e, r);
    if (r->state == YM_JOB_QUEUED)
        sched_complete(e, r);
}

static void bulk_hold(struct ym_engine *e, struct ym_hold_row *h, const struct id_list *ids, const struct sum *s)
{
    struct ym_err err;
    char m[32], c[32];
    ym_fail(&err, YM_HELD, EDQUOT, "%zu prompts at once may cost %s, more than the %s that go without asking.",
            s->n, ym_money_format(s->high, m), ym_money_format(e->budget.batch_auto, c));
    h->amount = s->high;
    str_set(&h->why, err.msg);
    engine_must(e, ym_hold_put(e->p.journal, h, &err), "a hold", &err);
    for (size_t i = 0; i < ids->n; i++) {
        struct ym_job_row r;
        if (ym_job_get(e->p.journal, ids->v[i].s, &r) < 0)
            continue;
        str_set(&r.bulk, NULL);
        if (r.state == YM_JOB_QUEUED) {
            str_set(&r.hold_id, h->id.s);
            hold_job(e, &r, JE_HOLD, "bulk", &err);
        } else {
            job_save(e, &r);
        }
        ym_job_row_fini(&r);
    }
}

static void bulk_close(struct ym_engine *e)
{
    struct guard *g = &e->guard;
    struct id_list ids = {0};
    struct sum s = {0};
    g->open = false;
    engine_must(e, ym_meta_put(e->p.journal, GUARD_META, ""), "the open bulk", NULL);
    ym_job_each_bulk(e->p.journal, g->id.s, id_list_add, &ids);
    for (size_t i = 0; i < ids.n; i++) {
        struct ym_job_row r;
        if (ym_job_get(e->p.journal, ids.v[i].s, &r) < 0)
            continue;
        if (r.state != YM_JOB_CANCELLED) {
            s.n++;
            s.high = ym_money_add(s.high, r.est.expected.micro_usd < 0 ? (ym_money){0} : r.est.high);
        }
        ym_job_row_fini(&r);
    }
    bool hold = e->budget.batch_auto.micro_usd >= 0 &&
                ym_money_add(s.high, g->already).micro_usd > e->budget.batch_auto.micro_usd;
    if (hold) {
        char iso[32];
        struct ym_hold_row h = {.id = g->id, .target = ym_asprintf("bulk:%s", g->id.s),
                                .status = YM_HOLD_WAITING, .at = engine_wall(e)};
        bulk_hold(e, &h, &ids, &s);
        ym_wall_iso(h.at, iso);
        note_held(e, NULL, &h);
        ym_hold_row_fini(&h);
    } else {
        for (size_t i = 0; i < ids.n; i++) {
            struct ym_job_row r;
            if (ym_job_get(e->p.journal, ids.v[i].s, &r) < 0)
                continue;
            bulk_free(e, &r);
            ym_job_row_fini(&r);
        }
    }
    lanes_load(e);
    id_list_fini(&ids);
}

void guard_tick(struct ym_engine *e)
{
    struct guard *g = &e->guard;
    if (!g->open)
        return;
    ym_mono due = ym_mono_add(g->last, GUARD_QUIET);
    /* Names that are still settling may be part of the same gesture. */
    if (intake_busy(e) && engine_mono(e).ns < ym_mono_add(g->last, YM_SEC(30)).ns) {
        if (due.ns <= engine_mono(e).ns)
            due = ym_mono_add(engine_mono(e), YM_MS(200));
        engine_at(e, due);
        return;
    }
    if (engine_mono(e).ns < due.ns) {
        engine_at(e, due);
        return;
    }
    bulk_close(e);
}

/* A group that was open when the program ended: closed again after the usual quiet. */
void guard_recover(struct ym_engine *e)
{
    char *id = NULL;
    if (ym_meta_get(e->p.journal, GUARD_META, &id) == 0 && ym_id_valid(id)) {
        e->guard.open = true;
        memcpy(e->guard.id.s, id, sizeof(e->guard.id.s));
        e->guard.last = engine_mono(e);
    }
    free(id);
}
