/* An attempt ended without a result: what becomes of the money, the lane, the job, its notes. */
#include "run.h"

static struct retry_out outcome_decide(struct ym_engine *e, const struct ym_job_row *r, struct lane *l,
                               const struct attempt_end_facts *f, const struct ym_err *err)
{
    struct ym_provider_conf pc;
    ym_money unknown = ym_attempt_unknown_sum(e->p.journal, r->id.s);
    ym_config_provider(e->config, l->provider, &pc);
    struct retry_in in = {
        .cls = err->cls,
        .attempts = err->cls == YM_THROTTLED ? l->throttles : r->attempts,
        .max_attempts = pc.retry_attempts,
        .empties = r->empties,
        .unknown_sum = ym_money_add(unknown, f->reserved),
        .unknown_max = e->budget.retry_unknown_max,
        .told = err->retry_after,
        .base = YM_MS(1000 * ym_config_num(e->config, "net.backoff_base_seconds")),
        .max = YM_MS(1000 * ym_config_num(e->config, "net.backoff_max_seconds")),
    };
    ym_random(&in.random, sizeof(in.random));
    struct retry_out out = retry_decide(&in);
    if (f->keep)
        out.money = RETRY_KEEP;
    if (l->driver && l->driver->is_free && out.money == RETRY_KEEP)
        out.money = RETRY_RELEASE;
    return out;
}

static void lane_after(struct ym_engine *e, struct lane *l, const struct retry_out *out, const struct ym_err *err)
{
    ym_mono until = ym_mono_add(engine_mono(e), out->wait);
    switch (out->lane) {
    case RETRY_LANE_GO:
        if (l->state == LANE_OFFLINE)
            l->state = LANE_OK;
        return;
    case RETRY_LANE_BLOCK:
        provider_block(e, l->provider, err->msg);
        return;
    case RETRY_LANE_OFFLINE:
        if (l->state != LANE_OFFLINE) {
            cJSON *o = cJSON_CreateObject();
            cJSON_AddStringToObject(o, "provider", l->provider);
            cJSON_AddStringToObject(o, "error", err->msg);
            event_emit(e, "offline", o);
        }
        l->state = LANE_OFFLINE;
        break;
    case RETRY_LANE_WAIT:
        l->throttles++;
        l->state = err->until_reset ? LANE_PARKED : LANE_WAITING;
        if (err->until_reset)
            fallback_sweep(e, l->provider, l->name, err);
        break;
    }
    snprintf(l->why, sizeof(l->why), "%.150s", err->msg);
    if (until.ns > l->wait_until.ns)
        l->wait_until = until;
    e->status_dirty = true;
}

static ym_money money_after(struct ym_engine *e, struct ym_job_row *r, const struct attempt_end_facts *f,
                            const struct retry_out *out, const struct ym_err *err)
{
    struct ym_err je;
    ym_money actual = {0};
    int status = out->money == RETRY_KEEP ? YM_ATT_KEPT : YM_ATT_RELEASED;
    if (out->money == RETRY_SETTLE || f->cost_known) {
        status = YM_ATT_SETTLED;
        actual = f->cost_known ? f->cost
                               : (r->est.expected.micro_usd > 0 ? r->est.expected : (ym_money){0});
        r->cost = ym_money_add(r->cost, actual);
        r->cost_is_estimate |= !f->cost_known;
    }
    if (f->attempt)
        engine_must(e, ym_attempt_end(e->p.journal, f->attempt, status, actual, err->cls, err->msg,
                                      engine_wall(e), &je), "ending an attempt", &je);
    return actual;
}

static void note_after(struct ym_engine *e, const struct ym_job_row *r, const struct attempt_end_facts *f,
                       const struct retry_out *out, ym_money actual)
{
    char billed[96], next[160], m[32], iso[32];
    if (out->money == RETRY_KEEP)
        snprintf(billed, sizeof(billed), "unknown (up to %s, counted as spent)", ym_money_format(f->reserved, m));
    else if (actual.micro_usd > 0)
        snprintf(billed, sizeof(billed), "yes, %s", ym_money_format(actual, m));
    else
        snprintf(billed, sizeof(billed), "no");
    if (r->blocked)
        snprintf(next, sizeof(next), "waits until %s has a key that works", r->provider);
    else if (r->state == YM_JOB_QUEUED)
        snprintf(next, sizeof(next), "tries again at %s", ym_wall_iso(r->run_at, iso));
    else
        snprintf(next, sizeof(next), "nothing");
    note_error(e, r, billed, next);
}

static enum job_event event_for(enum ym_state s)
{
    switch (s) {
    case YM_JOB_QUEUED:
        return JE_AGAIN_LATER;
    case YM_JOB_UNKNOWN:
        return JE_NO_ANSWER;
    case YM_JOB_CANCELLED:
        return JE_CANCELLED;
    case YM_JOB_HELD:
        return JE_HOLD;
    case YM_JOB_NONE:
    case YM_JOB_RESERVED:
    case YM_JOB_SUBMITTING:
    case YM_JOB_ACCEPTED:
    case YM_JOB_STORED:
    case YM_JOB_DONE:
    case YM_JOB_FAILED:
    case YM_JOB_STATE_COUNT:
        break;
    }
    return JE_REJECTED;
}

void attempt_failed(struct ym_engine *e, struct ym_job_row *r, struct lane *l,
                    const struct attempt_end_facts *f, const struct ym_err *err)
{
    struct retry_out out = outcome_decide(e, r, l, f, err);
    if (err->until_reset && l->driver) {
        ym_wall now = engine_wall(e);
        ym_wall reset = ym_wall_next_midnight(now, l->driver->quota_offset_min);
        if (out.wait.ms < reset.ms - now.ms)
            out.wait.ms = reset.ms - now.ms;
    }
    ym_money actual = money_after(e, r, f, &out, err);
    lane_after(e, l, &out, err);
    r->attempts += out.counts;
    r->empties += err->cls == YM_EMPTY;
    r->has_handle = false;
    r->paying = false;
    str_set(&r->driver_state, NULL);
    str_set(&r->carrier, NULL);
    job_error_set(r, err);
    r->blocked = out.lane == RETRY_LANE_BLOCK;
    r->run_at = (ym_wall){engine_wall(e).ms + out.wait.ms};
    if (fallback_after(e, r, out.state, err)) {
        struct ym_err why;
        const char *hold = budget_holds(e, r, driver_find(e, r->provider)->is_free, &why);
        if (hold)
            hold_job(e, r, JE_HOLD, hold, &why);
        else
            job_to(e, r, JE_AGAIN_LATER);
        return;
    }
    if (out.state == YM_JOB_HELD) {
        hold_job(e, r, JE_HOLD, "provider", err);
        return;
    }
    job_to(e, r, event_for(out.state));
    ym_log(YM_INFO, "engine", "job=%s %s after %s: %s", r->id.s, ym_state_name(r->state),
           ym_class_name(err->cls), err->msg);
    if (out.note)
        note_after(e, r, f, &out, actual);
    if (ym_state_is_final(r->state) && r->hold_id)
        hold_used_up(e, r->hold_id);
}
