/* What becomes of the jobs that were gathered into one request: each gets its result, its failure or its
 * share of the bill, by the same rules as a job that went alone. */
#include "run.h"

/* Nothing of the carrier itself is left to do. Its members go on by themselves. */
static void carrier_over(struct ym_engine *e, struct run *c)
{
    run_discard_media(c);
    run_end(e, c);
}

/* ---- money of all: by what was reserved for each ---- */
struct bill {
    bool known;
    int64_t left, weight; /* of those that have not had their share */
};

static bool living(const struct run *m)
{
    return m && !m->ended;
}

static struct bill bill_of(const struct run *c, const struct ym_next *nx)
{
    struct bill b = {.known = nx && nx->cost_known, .left = nx ? nx->cost.micro_usd : 0};
    for (unsigned i = 0; i < c->members->n; i++)
        if (living(c->members->v[i]))
            b.weight += c->members->v[i]->reserved.micro_usd + 1;
    return b;
}

static ym_money bill_share(struct bill *b, const struct run *m)
{
    int64_t w = m->reserved.micro_usd + 1;
    int64_t share = b->weight > w ? (int64_t)((double)b->left * (double)w / (double)b->weight) : b->left;
    b->left -= share;
    b->weight -= w;
    return (ym_money){share};
}

/* ---- the request as a whole failed ---- */
void carrier_failed(struct ym_engine *e, struct run *c, const struct ym_err *err)
{
    struct members *all = c->members;
    struct lane *l = c->lane;
    struct bill bill = bill_of(c, c->now ? &c->now->nx : NULL);
    struct ym_err each = *err;
    int throttles = l->throttles;
    carrier_over(e, c);
    for (unsigned i = 0; i < all->n; i++) {
        struct run *m = all->v[i];
        struct ym_err mine = each;
        if (!living(m))
            continue;
        m->now = asked_new();
        m->now->nx.cost_known = bill.known;
        m->now->nx.cost = bill_share(&bill, m);
        l->throttles = throttles; /* it was refused once, not once for each */
        run_fail(e, m, &mine);
        int64_t wait = m->row.run_at.ms - engine_wall(e).ms;
        if (m->row.state == YM_JOB_QUEUED && each.retry_after.ms <= 0 && wait > 0)
            each.retry_after = YM_MS(wait); /* they come back together */
    }
}

/* ---- it is over: each gets its own ---- */
static void media_move(struct run *c, struct run *m)
{
    struct ym_next *nx = &m->now->nx;
    for (unsigned i = 0; i < nx->nmedia; i++) {
        unsigned at = nx->media[i];
        nx->media[i] = UINT32_MAX; /* nothing */
        if (at >= c->nmedia || !c->media[at].whole.name[0])
            continue;
        nx->media[i] = m->nmedia;
        received_add(&m->media, &m->nmedia, &m->media_room, &c->media[at]);
        c->media[at].whole.name[0] = 0; /* it is this one's now */
    }
}

static void item_take(struct ym_engine *e, struct run *c, struct run *m, struct ym_item *item)
{
    m->now = asked_new();
    m->now->nx = item->result;
    item->result = (struct ym_next){.progress = -1};
    if (item->err.cls != YM_OK) {
        run_fail(e, m, &item->err);
        return;
    }
    media_move(c, m);
    run_finish(e, m);
}

/* A text is written by a worker, so that these end one after the other: until then any of them may be the
 * last that knows where the results are. */
static void state_to_all(struct ym_engine *e, struct run *c)
{
    struct members *all = c->members;
    for (unsigned i = 0; i < all->n; i++) {
        struct run *m = all->v[i];
        if (!living(m) || m->row.kind != YM_TEXT)
            continue;
        member_note(m, all->kept);
        run_row_save(e, m);
    }
}

static void item_missing(struct ym_engine *e, struct run *c, struct run *m)
{
    struct ym_err err;
    m->now = asked_new();
    ym_fail(&err, YM_EMPTY, ENODATA, "The batch at %s ended without an answer for this one.", c->driver->name);
    run_fail(e, m, &err);
}

void carrier_finished(struct ym_engine *e, struct run *c)
{
    struct members *all = c->members;
    struct ym_next *nx = &c->now->nx;
    state_to_all(e, c);
    for (unsigned i = 0; i < nx->nitems; i++) {
        unsigned place = nx->items[i].member;
        struct run *m = place < all->n ? all->v[place] : NULL;
        if (living(m) && !m->now)
            item_take(e, c, m, &nx->items[i]);
    }
    for (unsigned i = 0; i < all->n; i++)
        if (living(all->v[i]) && !all->v[i]->now)
            item_missing(e, c, all->v[i]);
    carrier_over(e, c);
}

/* ---- taken apart before it was paid for ---- */
static void put_back(struct ym_engine *e, struct run *m)
{
    struct ym_job_row *r = &m->row;
    struct ym_err why;
    ym_fail(&why, YM_CANCELLED, EAGAIN, "Another one left the batch before it was sent; it is gathered anew.");
    attempt_end(e, m, YM_ATT_RELEASED, (ym_money){0}, &why);
    r->paying = false;
    str_set(&r->driver_state, NULL);
    str_set(&r->carrier, NULL);
    r->run_at = engine_wall(e);
    run_end(e, m);
    job_to(e, r, JE_AGAIN_LATER);
    live_clear(e, &r->id);
}

static void not_paid(struct ym_err *err)
{
    ym_fail(err, YM_CANCELLED, ECANCELED, "Cancelled before it was paid for; nothing was billed.");
}

static void carrier_apart(struct ym_engine *e, struct run *c, const struct run *out, const struct ym_err *why)
{
    struct members *all = c->members;
    carrier_over(e, c);
    for (unsigned i = 0; i < all->n; i++) {
        struct run *m = all->v[i];
        struct ym_err err = *why;
        if (!living(m))
            continue;
        if (m != out && !atomic_load(&m->cancelled)) {
            put_back(e, m);
            continue;
        }
        if (m != out)
            not_paid(&err);
        run_fail(e, m, &err);
    }
    c->lane->complete = true; /* they have waited already */
}

bool carrier_refused(struct ym_engine *e, struct run *c, int place, const struct ym_err *err)
{
    struct run *m = place >= 0 && (unsigned)place < c->members->n ? c->members->v[place] : NULL;
    if (!living(m) || c->row.has_handle || c->inflight > 0)
        return false;
    carrier_apart(e, c, m, err);
    return true;
}

/* ---- calling off ---- */
void member_cancel(struct ym_engine *e, struct run *m)
{
    struct run *c = m->carrier;
    struct ym_err err;
    bool all = true;
    if (!c || c->ended)
        return; /* its result is here already */
    if (!c->row.paying && !c->row.has_handle) {
        not_paid(&err);
        carrier_apart(e, c, m, &err);
        return;
    }
    for (unsigned i = 0; i < c->members->n; i++)
        all &= !living(c->members->v[i]) || atomic_load(&c->members->v[i]->cancelled);
    run_live(e, c, -1, "");
    if (all && c->driver->gather->cancel) {
        c->cancel_wanted = true;
        aside_begin(e, c, ASIDE_CANCEL);
    } /* else it is paid for with the others; its result goes to history */
}

void carrier_called_off(struct ym_engine *e, struct run *c, const struct ym_next *nx)
{
    struct members *all = c->members;
    struct bill bill = bill_of(c, nx);
    carrier_over(e, c);
    for (unsigned i = 0; i < all->n; i++)
        if (living(all->v[i]))
            run_called_off(e, all->v[i], bill.known, bill_share(&bill, all->v[i]));
}
