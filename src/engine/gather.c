/* Lanes of the batch tier: when enough jobs are together, and which go. They are claimed in one round, each
 * with an attempt and money of its own; those that may not go are passed over and stop nobody. */
#include "engine_private.h"

/* ---- when ---- */
static ym_dur patience(struct ym_engine *e, const struct lane *l)
{
    struct ym_provider_conf pc;
    ym_config_provider(e->config, l->provider, &pc);
    return l->complete ? YM_MS(0) : YM_SEC(pc.gather_seconds);
}

static bool wait_for_more(struct ym_engine *e, ym_wall until)
{
    int64_t ms = until.ms - engine_wall(e).ms;
    engine_at(e, ym_mono_add(engine_mono(e), YM_MS(ms > 1 ? ms : 1)));
    return false;
}

bool gather_due(struct ym_engine *e, struct lane *l)
{
    ym_wall now = engine_wall(e), oldest = {INT64_MAX};
    int64_t most = l->driver->gather->max_jobs, wait = patience(e, l).ms;
    if (l->queued < most && l->earliest.ms + wait > now.ms) /* no job is ready earlier than that */
        return wait_for_more(e, (ym_wall){l->earliest.ms + wait});
    int64_t n = ym_job_ready(e->p.journal, l->name, now, most, &oldest);
    if (n <= 0) {
        lanes_load(e);
        return l->earliest.ms == INT64_MAX ? false : wait_for_more(e, l->earliest);
    }
    l->earliest = oldest;
    return n >= most || oldest.ms + wait <= now.ms ? true : wait_for_more(e, (ym_wall){oldest.ms + wait});
}

void sched_complete(struct ym_engine *e, const struct ym_job_row *r)
{
    if (r->tier)
        lane_get(e, r->lane)->complete = true;
}

/* ---- which ---- */
struct gathering {
    struct member_start *v;
    unsigned n;
    int64_t bytes; /* of references */
};

static int64_t refs_size(const struct ym_job_row *r)
{
    struct ym_request q = {0};
    struct ym_err err;
    int64_t sum = 0;
    if (ym_request_unpack(r->request, &q, &err) == 0)
        for (size_t i = 0; i < q.nrefs; i++)
            sum += q.refs[i].size;
    ym_request_fini(&q);
    return sum;
}

/* Takes r. The first one gives the whole its name. */
static void gathering_add(struct ym_engine *e, struct lane *l, struct gathering *g, struct ym_job_row *r)
{
    struct member_start *m = &g->v[g->n];
    const struct ym_job_row *lead = g->n ? &g->v[0].row : r;
    str_set(&r->carrier, lead->id.s);
    free(r->driver_state);
    r->driver_state = carrier_note(lead->id.s, g->n ? lead->tries_total : r->tries_total + 1, g->n, NULL);
    m->attempt = sched_reserve(e, l, r, g->n > 0, &m->reserved);
    m->row = *r;
    g->n++;
}

bool gather_claim(struct ym_engine *e, struct lane *l)
{
    const struct ym_gather *how = l->driver->gather;
    struct gathering g = {.v = ym_alloc_array(how->max_jobs, sizeof(*g.v))};
    struct ym_job_row r;
    bool any = false, full = false;
    int got;
    while (g.n < how->max_jobs && !full && (got = sched_next(e, l, &r)) >= 0) {
        any = true;
        if (got == 0)
            continue;
        g.bytes += how->max_bytes > 0 ? refs_size(&r) : 0;
        full = g.n > 0 && how->max_bytes > 0 && g.bytes > how->max_bytes;
        if (full)
            ym_job_row_fini(&r); /* it is the first of the next one */
        else
            gathering_add(e, l, &g, &r);
    }
    l->complete &= full || g.n == how->max_jobs;
    if (g.n) {
        limit_take(&l->of->limit, engine_mono(e));
        l->running++;
        l->open++;
        carrier_start(e, l, g.v, g.n);
    }
    for (unsigned i = 0; i < g.n; i++)
        ym_job_row_fini(&g.v[i].row);
    free(g.v);
    return any;
}
