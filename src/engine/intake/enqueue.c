/* The birth of a job: its row, its price, what holds it, where it waits. */
#include "engine_private.h"

static int priority_of(const cJSON *fields)
{
    const char *word = ym_json_str_or(fields, "priority", "normal");
    return strcmp(word, "high") == 0 ? 1 : strcmp(word, "low") == 0 ? -1 : 0;
}

static void row_fields(struct ym_engine *e, struct ym_job_row *r, const struct birth *b)
{
    ym_wall now = engine_wall(e);
    r->queued_at = r->run_at = now;
    r->folder = ym_strdup(b->folder);
    r->origin = ym_strdup(b->origin);
    r->priority = priority_of(b->fields);
    r->max_usd = (ym_money){-1};
    r->est = (struct ym_estimate){{-1}, {-1}, {-1}};
    const cJSON *max = ym_json_get(b->fields, "max_usd");
    if (cJSON_IsNumber(max))
        ym_money_from_double(max->valuedouble, &r->max_usd);
    ym_wall not_before;
    if (ym_wall_parse(ym_json_str_or(b->fields, "not_before", ""), &not_before) == 0 && not_before.ms > now.ms)
        r->run_at = not_before;
}

/* A text that cannot be sent is a job all the same: failed, with a note, found by its name. */
static void born_wrong(struct ym_engine *e, struct ym_job_row *r, const struct birth *b)
{
    r->kind = b->kind;
    r->provider = ym_strdup("none");
    r->model = ym_strdup("none");
    r->lane = ym_strdup("none/none");
    r->prompt = ym_strdup(b->prompt ? b->prompt : "");
    r->request = ym_strdup("{}");
    job_error_set(r, b->err);
    r->finished_at = r->queued_at;
    job_create(e, r, JE_REJECTED);
    note_error(e, r, "no", "nothing");
}

static void born_blocked(struct ym_engine *e, struct ym_job_row *r, const struct ym_driver *d)
{
    struct ym_err err;
    ym_fail(&err, YM_AUTH, EACCES, "No key for %s is set.", d->name);
    r->blocked = true;
    job_error_set(r, &err);
    job_create(e, r, JE_CREATED);
    char why[160];
    snprintf(why, sizeof(why), "no key: set %s", d->key_env ? d->key_env : "api_key in its [providers] table");
    provider_block(e, d->name, why);
    note_error(e, r, "no", "waits until a key is there");
}

/* Its own driver, or that of the next model when this one has no key that works, or no quota left. */
static const struct ym_driver *driver_chosen(struct ym_engine *e, struct ym_job_row *r, const struct ym_driver *d)
{
    struct ym_err why;
    if (!provider_is_usable(e, d))
        ym_fail(&why, YM_AUTH, EACCES, "%s has no key that works.", d->name);
    else if (lane_is_parked(e, r->lane))
        ym_fail(&why, YM_THROTTLED, EAGAIN, "Its quota of the day is used up.");
    else
        return d;
    return fallback_take(e, r, &why) ? driver_find(e, r->provider) : d;
}

void job_born(struct ym_engine *e, const struct ym_id *id, const struct birth *b)
{
    struct ym_err err;
    struct ym_job_row r = {.id = *id};
    row_fields(e, &r, b);
    if (!b->driver) {
        born_wrong(e, &r, b);
        ym_job_row_fini(&r);
        return;
    }
    r.kind = b->req->kind;
    r.provider = ym_strdup(b->req->provider);
    r.model = ym_strdup(b->req->model);
    r.tier = tier_asked(b->fields) ? ym_strdup("batch") : NULL;
    r.lane = tier_lane(r.provider, r.model, r.tier != NULL);
    r.prompt = ym_strdup(b->req->prompt);
    r.request = ym_request_pack(b->req);
    r.h = ym_identity_request(b->req);
    r.variation = b->req->variation;
    r.tried = fallback_list(e, b->req, b->fields);
    resolve_price(e, b->driver, b->req, r.tier != NULL, &r.est);
    const struct ym_driver *d = driver_chosen(e, &r, b->driver);
    const char *why = budget_holds(e, &r, d->is_free, &err);
    if (why) {
        hold_job(e, &r, JE_HOLD, why, &err);
    } else if (provider_lacks_key(e, d)) {
        born_blocked(e, &r, d);
    } else {
        if (r.est.high.micro_usd > e->budget.grace.micro_usd && e->budget.grace.micro_usd >= 0 && r.run_at.ms <= r.queued_at.ms)
            r.run_at.ms += (int64_t)e->budget.grace_seconds * 1000; /* time to think again, free */
        r.blocked = provider_is_blocked(e, r.provider);
        if (!d->is_free)
            guard_note(e, &r);
        job_create(e, &r, JE_CREATED);
    }
    ym_job_row_fini(&r);
}
