/* One job, seen from its sides: .ymago/jobs/ID and the note while it is worked on. */
#include <string.h>

#include "view.h"

int ym_view_job_request(const struct ym_job_row *r, struct ym_buf *out)
{
    struct view v = {.out = out};
    YM_AUTOJSON cJSON *packed = NULL;
    if (r->request && ym_json_parse(r->request, strlen(r->request), 1 << 20, &packed, NULL) < 0)
        packed = NULL;
    char hex[65];
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "id", r->id.s);
    view_json_text(o, "kind", r->kind == YM_KIND_NONE ? NULL : ym_kind_name(r->kind));
    view_json_text(o, "provider", r->provider);
    view_json_text(o, "model", r->model);
    view_json_text(o, "prompt", r->prompt);
    cJSON_AddNumberToObject(o, "variation", (double)r->variation);
    view_json_text(o, "request_hash", ym_digest_is_zero(&r->h) ? NULL : ym_digest_hex(&r->h, hex));
    for (cJSON *c = packed ? packed->child : NULL, *next; c; c = next) {
        next = c->next; /* negative, params, refs */
        cJSON_DetachItemViaPointer(packed, c);
        if (cJSON_HasObjectItem(o, c->string))
            cJSON_Delete(c);
        else
            cJSON_AddItemToObject(o, c->string, c);
    }
    view_json(&v, o, true);
    return v.r;
}

static void line(struct view *v, const char *label, const char *s)
{
    if (!s || !*s)
        return;
    view_add(v, "%s: ", label);
    view_text(v, s, 2048);
    view_add(v, "\n");
}

static void line_time(struct view *v, const char *label, ym_wall t)
{
    char iso[32];
    if (t.ms > 0)
        line(v, label, ym_wall_iso(t, iso));
}

static void line_money(struct view *v, const char *label, ym_money m)
{
    view_add(v, "%s: ", label);
    view_money(v, m);
    view_add(v, "\n");
}

static void line_live(struct view *v, const struct ym_live *l)
{
    if (!l)
        return;
    line(v, "detail", l->detail);
    if (l->progress >= 0)
        view_add(v, "progress: %d %%\n", (int)(l->progress * 100 + 0.5));
}

/* Not sent before more are together or the oldest has waited long enough. */
static void line_gathers(struct view *v, const struct ym_job_row *r)
{
    if (r->state == YM_JOB_QUEUED && r->tier && !r->blocked)
        line(v, "waits for", "others, to be sent with them in one batch");
}

int ym_view_job_state(const struct ym_job_row *r, const struct ym_live *l, struct ym_buf *out)
{
    struct view v = {.out = out};
    bool waits = r->state == YM_JOB_QUEUED;
    view_add(&v, "%s\n", ym_state_public(r->state)); /* the first line is for programs */
    line_live(&v, l);
    line_gathers(&v, r);
    if (r->state == YM_JOB_HELD)
        line(&v, "held", r->held_why);
    if (waits && r->blocked)
        view_add(&v, "blocked: its provider has no key that works\n");
    if (r->cls != YM_OK)
        line(&v, "class", ym_class_name(r->cls));
    line(&v, "error", r->error);
    line(&v, "words", r->words);
    view_add(&v, "attempts: %d\n", r->attempts);
    line_time(&v, "queued", r->queued_at);
    if (waits && r->run_at.ms > r->queued_at.ms)
        line_time(&v, "not before", r->run_at);
    line_time(&v, "started", r->started_at);
    line_time(&v, "finished", r->finished_at);
    line(&v, "reused from", r->reused_from);
    return v.r;
}

int ym_view_job_cost(const struct ym_job_row *r, struct ym_buf *out)
{
    struct view v = {.out = out};
    view_add(&v, "cost: ");
    view_money(&v, r->cost);
    view_add(&v, "%s\n", r->cost_is_estimate ? " (reckoned from list prices)" : "");
    if (r->est.expected.micro_usd < 0) {
        view_add(&v, "estimate: unknown\n");
    } else {
        view_add(&v, "estimate: ");
        view_money(&v, r->est.low);
        view_add(&v, " to ");
        view_money(&v, r->est.high);
        view_add(&v, ", expected ");
        view_money(&v, r->est.expected);
        view_add(&v, "\n");
    }
    if (r->max_usd.micro_usd >= 0)
        line_money(&v, "limit", r->max_usd);
    return v.r;
}

int ym_view_job_provider(const struct ym_job_row *r, struct ym_buf *out)
{
    struct view v = {.out = out};
    cJSON *o = cJSON_CreateObject();
    view_json_text(o, "provider", r->provider);
    view_json_text(o, "model", r->model);
    view_json_text(o, "tier", r->tier ? r->tier : "now");
    view_json_text(o, "carrier", r->carrier);
    view_json_text(o, "model_version", r->model_version);
    view_json_text(o, "provider_id", r->provider_id);
    cJSON_AddBoolToObject(o, "accepted", r->has_handle);
    view_json_text(o, "safety", r->safety);
    view_json_text(o, "text", r->text);
    view_json_text(o, "words", r->words);
    view_json(&v, o, true);
    return v.r;
}

static const char *attempt_status(const struct ym_attempt_row *r)
{
    switch (r->status) {
    case YM_ATT_OPEN:
        return "open";
    case YM_ATT_SETTLED:
        return "settled";
    case YM_ATT_RELEASED:
        return "released";
    case YM_ATT_KEPT:
        return "kept";
    }
    return "open";
}

int ym_view_attempt(const struct ym_attempt_row *r, struct ym_buf *out)
{
    struct view v = {.out = out};
    bool ended = r->status != YM_ATT_OPEN;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "attempt", r->no);
    view_json_text(o, "lane", r->lane);
    cJSON_AddBoolToObject(o, "pays", r->pays);
    view_json_time(o, "reserved_at", r->reserved_at);
    view_json_time(o, "sent_at", r->sent_at);
    view_json_time(o, "ended_at", r->ended_at);
    view_json_money(o, "reserved_usd", r->reserved);
    view_json_money(o, "actual_usd",
                    r->status == YM_ATT_SETTLED    ? r->actual
                    : r->status == YM_ATT_RELEASED ? (ym_money){0}
                                                   : (ym_money){-1});
    cJSON_AddStringToObject(o, "status", attempt_status(r));
    view_json_text(o, "result",
                   !ended            ? NULL
                   : r->cls == YM_OK ? "success"
                                     : ym_class_name(r->cls));
    view_json_text(o, "note", r->note);
    view_json_text(o, "approval", r->hold_id);
    view_json(&v, o, false);
    return v.r;
}

int ym_view_working(const struct ym_job_row *r, int64_t position, int64_t eta_s,
                    const struct ym_live *l, struct ym_buf *out)
{
    struct view v = {.out = out};
    view_add(&v, "# " YM_VIEW_MARK "\n");
    line(&v, "state", ym_state_public(r->state));
    if (r->state == YM_JOB_QUEUED && r->blocked)
        view_add(&v, "waits for: a key of %s that works\n",
                 r->provider ? r->provider : "its provider");
    line_live(&v, l);
    line_gathers(&v, r);
    if (position > 0)
        view_add(&v, "position: %lld\n", (long long)position);
    if (eta_s >= 0) {
        view_add(&v, "ready in about: ");
        view_length(&v, eta_s);
        view_add(&v, "\n");
    }
    line(&v, "model", r->model);
    line_money(&v, "cost so far", r->cost);
    line(&v, "last error", r->error);
    return v.r;
}
