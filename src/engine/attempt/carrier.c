/* One request at the provider that holds many jobs (driver.h: gather). The carrier is a run without a job
 * of its own; each member is a run as well, with its row, attempt and money, that never asks by itself.
 *
 * In the journal there are the members only. Each row names the carrier, its place in it, and whether the
 * request was paid for or accepted; the first one alive holds the driver's state too. So whichever of them
 * are left after a crash find together again, in any order, and none needs the job that gave the carrier
 * its name. Members end together: places stay what they were, since drivers may number by them. */
#include "run.h"

#define PLACES_MAX 100000
#define STATE_MAX  (128 << 10) /* of a driver's state with what is around it */

/* ---- life ---- */
static struct run *carrier_new(struct ym_engine *e, struct lane *l, const char *id, int attempt)
{
    struct run *c = ym_alloc(sizeof(*c));
    c->e = e;
    c->lane = l;
    c->driver = l->driver;
    c->members = ym_alloc(sizeof(*c->members));
    snprintf(c->row.id.s, sizeof(c->row.id.s), "%s", id);
    c->row.state = YM_JOB_SUBMITTING;
    c->row.tries_total = attempt;
    c->since = engine_mono(e);
    c->next = e->runs;
    e->runs = c;
    return c;
}

void carrier_release(struct run *run)
{
    struct members *m = run->members;
    for (unsigned i = 0; m && i < m->n; i++)
        if (m->v[i])
            m->v[i]->carrier = NULL;
    for (unsigned i = 0; run->carrier && i < run->carrier->members->n; i++)
        if (run->carrier->members->v[i] == run)
            run->carrier->members->v[i] = NULL;
    if (m) {
        free(m->v);
        free(m->kept);
        free(m);
    }
}

static struct run *member_add(struct ym_engine *e, struct run *c, struct ym_job_row *r, unsigned place)
{
    struct members *all = c->members;
    struct run *m = run_new(e, r, c->lane);
    m->carrier = c;
    m->rides = m->off_wire = true;
    if (place >= all->n) {
        all->v = ym_realloc(all->v, (place + 1) * sizeof(struct run *));
        memset(all->v + all->n, 0, (place + 1 - all->n) * sizeof(struct run *));
        all->n = place + 1;
    }
    all->v[place] = m;
    if (m->row.state == YM_JOB_RESERVED)
        m->row.state = job_advance(m->row.state, JE_SENT);
    return m;
}

void carrier_start(struct ym_engine *e, struct lane *l, const struct member_start *ms, unsigned n)
{
    struct run *c = carrier_new(e, l, ms[0].row.id.s, ms[0].row.tries_total);
    c->row.paying = true; /* as its members' rows say, until the driver asks for something else first */
    for (unsigned i = 0; i < n; i++) {
        struct ym_job_row r = ms[i].row;
        struct run *m = member_add(e, c, &r, i);
        m->attempt = ms[i].attempt;
        m->reserved = ms[i].reserved;
        m->since = c->since;
    }
    ym_log(YM_INFO, "engine", "carrier=%s gathers %u jobs for %s", c->row.id.s, n, l->of->name);
    run_live(e, c, -1, "");
    run_step(e, c, NULL);
}

struct run *carrier_lead(const struct run *c)
{
    unsigned i = 0;
    while (i < c->members->n && !c->members->v[i])
        i++;
    ym_assert(i < c->members->n);
    return c->members->v[i];
}

/* ---- in the journal ---- */
char *carrier_note(const char *carrier, int attempt, unsigned place, const char *state)
{
    return ym_asprintf("{\"carrier\":\"%s\",\"attempt\":%d,\"member\":%u%s%s}", carrier, attempt, place,
                       state ? ",\"state\":" : "", state ? state : "");
}

void member_note(struct run *m, const char *state)
{
    const struct run *c = m->carrier;
    unsigned place = 0;
    while (c->members->v[place] != m)
        place++;
    free(m->row.driver_state);
    m->row.driver_state = carrier_note(c->row.id.s, c->row.tries_total, place, state);
}

static void member_keep(struct ym_engine *e, struct run *m, const struct ym_next *nx, bool handle, bool paying, bool save)
{
    m->row.paying = paying;
    if (nx->provider_id)
        str_set(&m->row.provider_id, nx->provider_id);
    if (handle) {
        m->row.has_handle = true;
        job_to(e, &m->row, JE_HANDLE);
    } else if (save) {
        run_row_save(e, m);
    }
}

void carrier_keep(struct ym_engine *e, struct run *c, const struct ym_next *nx, const char *state, bool paying)
{
    struct members *all = c->members;
    bool changed = (state != NULL) != (all->kept != NULL) || (state && strcmp(state, all->kept) != 0);
    bool handle = nx->has_handle && !c->row.has_handle, every = paying != c->row.paying;
    const struct run *lead = carrier_lead(c);
    for (unsigned i = 0; i < all->n; i++) {
        struct run *m = all->v[i];
        if (!m)
            continue;
        if (m == lead && changed)
            member_note(m, state);
        member_keep(e, m, nx, handle, paying, every || (m == lead && changed));
    }
    str_set(&all->kept, state);
    c->row.has_handle |= nx->has_handle;
    c->row.paying = paying;
}

/* ---- after a restart ---- */
static struct run *carrier_find(struct ym_engine *e, const char *id, int attempt)
{
    struct run *c = e->runs;
    while (c && !(c->members && !c->ended && strcmp(c->row.id.s, id) == 0 && c->row.tries_total == attempt))
        c = c->next;
    return c;
}

static void member_lost(struct ym_engine *e, struct ym_job_row *r, struct lane *l)
{
    struct ym_attempt_row a;
    struct ym_err err;
    struct attempt_end_facts f = {0};
    if (ym_attempt_open_of(e->p.journal, r->id.s, &a) == 0) {
        f.attempt = a.id;
        f.reserved = a.reserved;
        ym_attempt_row_fini(&a);
    }
    ym_fail(&err, YM_LOST, ENOTSUP,
            "It is in a batch that this program cannot follow any more; whether it was billed is not known.");
    attempt_failed(e, r, l, &f, &err);
}

/* Nobody asks for it any more: as it was marked before. */
static void member_mark(struct ym_engine *e, struct run *m)
{
    struct slot_list l;
    slots_of_job(e, m->row.id.s, &l);
    atomic_store(&m->cancelled, l.n == 0);
    slot_list_fini(&l);
}

static struct run *carrier_again(struct ym_engine *e, struct lane *l, const char *id, int attempt)
{
    struct run *c = carrier_find(e, id, attempt);
    if (c)
        return c;
    c = carrier_new(e, l, id, attempt);
    l->running++;
    l->open++;
    c->waiting = true; /* stepped by the first round: nothing is sent before the thread runs */
    c->wake = engine_mono(e);
    return c;
}

void carrier_rejoin(struct ym_engine *e, struct ym_job_row *r)
{
    struct lane *l = lane_get(e, r->lane);
    YM_AUTOJSON cJSON *note = NULL;
    if (r->driver_state)
        ym_json_parse(r->driver_state, strlen(r->driver_state), STATE_MAX, &note, NULL);
    int64_t place = ym_json_int_or(note, "member", -1);
    if (!l->driver || !l->gathers || place < 0 || place >= PLACES_MAX) {
        member_lost(e, r, l);
        return;
    }
    struct run *c = carrier_again(e, l, r->carrier, (int)ym_json_int_or(note, "attempt", 1));
    struct run *m = member_add(e, c, r, (unsigned)place);
    const cJSON *state = ym_json_get(note, "state");
    if (state && !c->state) {
        c->state = cJSON_Duplicate(state, true);
        c->members->kept = ym_json_print(state, false);
    }
    c->row.has_handle |= r->has_handle;
    c->row.paying |= r->paying;
    run_reattach(e, m);
    if (m->since.ns < c->since.ns)
        c->since = m->since;
    member_mark(e, m);
    run_live(e, c, -1, "");
}

/* ---- steps ---- */
int carrier_step(struct run *c, const struct ym_call *call, const struct ym_reply *rep, struct ym_next *ret,
                 struct ym_err *err)
{
    const struct members *all = c->members;
    if (c->row.has_handle && !c->state) /* it would be bought once more */
        return ym_fail(err, YM_LOST, ENOENT, "The journal does not say any more which batch at %s this is.",
                       c->driver->name);
    YM_AUTOFREE struct ym_call *calls = ym_alloc_array(all->n, sizeof(*calls));
    for (unsigned i = 0; i < all->n; i++) {
        run_call(all->v[i] ? all->v[i] : carrier_lead(c), &calls[i]);
        calls[i].waited = call->waited;
        if (!all->v[i])
            calls[i].job_id = ""; /* ended before a restart: its place stays */
    }
    return c->driver->gather->step(call, calls, all->n, &c->state, rep, ret, err);
}

/* ---- what is shown ---- */
void run_live(struct ym_engine *e, struct run *run, double progress, const char *detail)
{
    const struct members *all = run->members;
    unsigned living = 0;
    char text[160];
    if (!all) {
        live_set(e, &run->row.id, progress, detail);
        return;
    }
    for (unsigned i = 0; i < all->n; i++)
        living += all->v[i] != NULL;
    for (unsigned i = 0; i < all->n; i++) {
        struct run *m = all->v[i];
        if (!m || m->ended)
            continue;
        snprintf(text, sizeof(text), "in a batch of %u at %s%s%s%s", living, run->driver->name, detail[0] ? ": " : "",
                 detail,
                 atomic_load(&m->cancelled) ? "; cancelled too late, its result will be kept in history" : "");
        live_set(e, &m->row.id, progress, text);
    }
}
