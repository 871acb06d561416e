/* `tier: batch`: cheaper and later, many jobs in one request at the provider. Who may ask for it, what it
 * costs, whose lane it waits in. */
#include "engine_private.h"

#include <math.h>

#define MARK       "#batch" /* behind "provider/model" in the name of a lane */
#define NAMES_MAX  4
#define OF_ONE_MAX 2

bool tier_asked(const cJSON *fields)
{
    return strcmp(ym_json_str_or(fields, "tier", "now"), "batch") == 0;
}

/* ---- lanes ---- */
char *tier_lane(const char *provider, const char *model, bool batch)
{
    return ym_asprintf("%s/%s%s", provider, model, batch ? MARK : "");
}

bool tier_marked(const char *lane, size_t *ret_len)
{
    size_t n = strlen(lane), mark = strlen(MARK);
    bool marked = n > mark && strcmp(lane + n - mark, MARK) == 0;
    *ret_len = marked ? n - mark : n;
    return marked;
}

/* ---- who has it ---- */
static bool offers(struct ym_engine *e, const struct ym_driver *d, const struct ym_model *m, enum ym_kind k)
{
    struct ym_request q = {.kind = k, .provider = ym_strdup(d->name), .model = ym_strdup(m->id),
                           .prompt = ym_strdup("x"), .params = cJSON_CreateObject()};
    struct ym_model mem;
    struct ym_call call;
    struct ym_err ignored;
    call_init(e, d, "", 1, &q, &mem, &call);
    bool yes = d->gather->check(&call, &ignored) == 0;
    ym_request_fini(&q);
    return yes;
}

/* "gemini/a, gemini/b": false when nobody has it for that kind. */
static bool offered_by(struct ym_engine *e, enum ym_kind k, char *out, size_t size)
{
    unsigned n = 0;
    size_t at = 0;
    out[0] = 0;
    for (const struct ym_driver *const *d = e->p.drivers; *d; d++) {
        unsigned of_one = 0;
        for (const struct ym_model *m = (*d)->gather ? (*d)->models : NULL; m && m->id; m++) {
            size_t need = strlen((*d)->name) + strlen(m->id) + 3;
            if (n >= NAMES_MAX || of_one >= OF_ONE_MAX || at + need >= size || !(m->kinds & (1u << k)) || m->retired ||
                !offers(e, *d, m, k))
                continue;
            at += (size_t)snprintf(out + at, size - at, "%s%s/%s", n++ ? ", " : "", (*d)->name, m->id);
            of_one++;
        }
    }
    return n > 0;
}

int tier_fits(const struct ym_driver *d, const struct ym_call *call, struct ym_err *err)
{
    if (!d->gather)
        return ym_fail(err, YM_INVALID, EINVAL, "%s has no tier: batch.", d->name);
    if (ym_call_ref(call, YM_REF_WORKFLOW) >= 0)
        return ym_fail(err, YM_INVALID, EINVAL, "A workflow goes into no batch: take the line tier: batch out.");
    return d->gather->check(call, err);
}

int tier_check(struct ym_engine *e, const struct ym_driver *d, const struct ym_call *call, const cJSON *fields,
               struct ym_err *err)
{
    char who[130];
    size_t ignored;
    if (tier_marked(call->req->model, &ignored))
        return ym_fail(err, YM_INVALID, EINVAL,
                       "A model cannot be called \"...%s\" here: write tier: batch on a line of its own.", MARK);
    if (!tier_asked(fields))
        return 0;
    if (!d->gather && offered_by(e, call->req->kind, who, sizeof(who)))
        return ym_fail(err, YM_INVALID, EINVAL,
                       "tier: batch is offered by %s; %s has none: name one of these, or take the line out.", who, d->name);
    if (!d->gather)
        return ym_fail(err, YM_INVALID, EINVAL, "tier: batch is offered by no model that makes %s here: take the line out.",
                       ym_kind_name(call->req->kind));
    return tier_fits(d, call, err);
}

/* ---- what it costs ---- */
static ym_money part_of(ym_money m, double factor)
{
    return (ym_money){m.micro_usd < 0 ? m.micro_usd : (int64_t)ceil((double)m.micro_usd * factor)};
}

void tier_price(const struct ym_driver *d, bool batch, struct ym_estimate *est)
{
    double factor = d->gather ? d->gather->price_factor : 1;
    if (!batch || factor <= 0)
        return;
    est->low = part_of(est->low, factor);
    est->expected = part_of(est->expected, factor);
    est->high = part_of(est->high, factor);
}

ym_money tier_model_spend(struct ym_engine *e, const struct ym_job_row *r, const char *day)
{
    YM_AUTOFREE char *now = tier_lane(r->provider, r->model, false), *batch = tier_lane(r->provider, r->model, true);
    return ym_money_add(ym_spend(e->p.journal, day, now, NULL, false), ym_spend(e->p.journal, day, batch, NULL, false));
}

/* ---- a job that waits, whose text asks for the other tier now ---- */
void job_retier(struct ym_engine *e, struct ym_job_row *r, const struct ym_driver *d, const cJSON *fields)
{
    struct ym_err err;
    bool batch = tier_asked(fields), queued = r->state == YM_JOB_QUEUED;
    bool open = queued || r->state == YM_JOB_FAILED || r->state == YM_JOB_CANCELLED || r->state == YM_JOB_UNKNOWN ||
                r->state == YM_JOB_HELD;
    if (!open || !d || (batch && !d->gather) || batch == (r->tier != NULL))
        return;
    if (queued)
        lane_get(e, r->lane)->queued--;
    str_set(&r->tier, batch ? "batch" : NULL);
    str_set(&r->carrier, NULL);
    free(r->lane);
    r->lane = tier_lane(r->provider, r->model, batch);
    intake_reprice(e, r);
    if (queued)
        lane_get(e, r->lane)->queued++; /* as if it had been there: what follows counts it off */
    const char *why = r->state == YM_JOB_HELD ? NULL : budget_holds(e, r, d->is_free, &err);
    if (why) {
        hold_job(e, r, JE_HOLD, why, &err);
        return;
    }
    job_save(e, r);
    if (queued && r->run_at.ms < lane_get(e, r->lane)->earliest.ms)
        lane_get(e, r->lane)->earliest = r->run_at;
}
