/* The state of everything, for people and for programs. */
#include <string.h>
#include <unistd.h>

#include "view.h"

/* What people see has fewer states than jobs have. */
static const char *const shown[] = {"running", "queued", "held",     "failed",
                                    "unknown", "done",   "cancelled"};

static int64_t count_of(const struct ym_status *s, const char *public_state)
{
    int64_t n = 0;
    for (int i = YM_JOB_NONE + 1; i < YM_JOB_STATE_COUNT; i++)
        if (strcmp(ym_state_public((enum ym_state)i), public_state) == 0)
            n += s->counts[i];
    return n;
}

static void head(struct view *v, const struct ym_status *s)
{
    char day[16];
    view_add(v, "# " YM_VIEW_MARK "\n");
    view_text(v, s->library, 256);
    if (s->mountpoint[0] && strcmp(s->mountpoint, s->library) != 0) {
        view_add(v, ", mounted at ");
        view_text(v, s->mountpoint, 256);
    }
    view_add(v, "\n%s ", ym_wall_day(s->at, day));
    view_clock(v, s->at);
    view_add(v, ", running for ");
    view_length(v, (s->at.ms - s->started.ms) / 1000);
    view_add(v, "\n\n");
}

static void counts(struct view *v, const struct ym_status *s)
{
    view_add(v, "Jobs    ");
    for (size_t i = 0; i < YM_COUNT(shown); i++)
        view_add(v, "%s%lld %s", i ? ", " : "", (long long)count_of(s, shown[i]), shown[i]);
    view_add(v, "\nSpent   today ");
    view_money(v, s->today);
    view_add(v, " (limit ");
    view_money(v, s->today_limit);
    view_add(v, "), this month ");
    view_money(v, s->month);
    view_add(v, " (limit ");
    view_money(v, s->month_limit);
    view_add(v, ")\n");
}

/* What a person may want to do something about. */
static void remarks(struct view *v, const struct ym_status *s)
{
    if (s->paused)
        view_add(v, "Paused  nothing new is sent until: echo resume > .ymago/ctl\n");
    if (s->draining)
        view_add(v, "Ending  only answers already paid for are waited for\n");
    if (count_of(s, "held") > 0)
        view_add(v, "Held    see the notes .held.log; renaming one to .approved.log approves it\n");
    if (s->settling > 0)
        view_add(v, "Saved   %d just now, waiting for the last keystroke\n", s->settling);
    if (s->scanning)
        view_add(v, "Scan    looking through the library, %lld files so far\n",
                 (long long)s->scanned);
    if (s->seen > 0)
        view_add(v, "Seen    %lld prompts were here at the first mount; touch one to start it\n",
                 (long long)s->seen);
    if (s->budget_error[0]) {
        view_add(v, "Budget  ");
        view_text(v, s->budget_error, 300);
        view_add(v, "\n");
    }
}

static void lane(struct view *v, const struct ym_lane_status *l)
{
    view_add(v, "  ");
    bool batch = strcmp(l->tier, "batch") == 0;
    view_text(v, l->name, 120);
    view_add(v, "%s: %d %s, %lld waiting", batch ? " in batches" : "", l->running,
             !batch            ? "running"
             : l->running == 1 ? "batch running"
                               : "batches running",
             (long long)l->queued);
    if (l->rate_limit > 0)
        view_add(v, ", %d of %d sent this minute", l->sent_last_minute, l->rate_limit);
    if (l->daily_limit > 0)
        view_add(v, ", %d of %d today", l->daily_used, l->daily_limit);
    if (l->state[0] && strcmp(l->state, "ok") != 0) {
        view_add(v, ", ");
        view_text(v, l->state, 40);
        if (l->until.ms > 0) {
            view_add(v, " until ");
            view_clock(v, l->until);
        }
        if (l->why[0]) {
            view_add(v, ": ");
            view_text(v, l->why, 200);
        }
    }
    view_add(v, "\n");
}

static void defaults(struct view *v, const struct ym_status *s)
{
    bool any = false;
    for (int k = 0; k < YM_KIND_COUNT; k++) {
        if (!s->defaults[k].model[0])
            continue;
        view_add(v, "%s  %s: ", any ? "" : "\nNew prompts use\n", ym_kind_name((enum ym_kind)k));
        any = true;
        view_text(v, s->defaults[k].model, 120);
        if (s->defaults[k].free)
            view_add(v, ", free\n");
        else if (!s->defaults[k].price_known)
            view_add(v, ", price unknown: held until it is approved\n");
        else {
            view_add(v, ", ");
            view_money(v, s->defaults[k].price);
            view_add(v, " each\n");
        }
    }
}

static void errors(struct view *v, const struct ym_status *s)
{
    bool any = false;
    for (size_t i = 0; i < YM_COUNT(s->last_error); i++) {
        if (!s->last_error[i][0])
            continue;
        view_add(v, "%s  ", any ? "" : "\nLast errors\n");
        any = true;
        view_clock(v, s->last_error_at[i]);
        view_add(v, " ");
        view_text(v, s->last_error[i], 300);
        view_add(v, "\n");
    }
}

static unsigned lanes_shown(const struct ym_status *s)
{
    return s->nlanes < YM_COUNT(s->lanes) ? s->nlanes : (unsigned)YM_COUNT(s->lanes);
}

int ym_view_status_txt(const struct ym_status *s, struct ym_buf *out)
{
    struct view v = {.out = out};
    head(&v, s);
    counts(&v, s);
    remarks(&v, s);
    if (s->nlanes)
        view_add(&v, "\nModels at work\n");
    for (unsigned i = 0; i < lanes_shown(s); i++)
        lane(&v, &s->lanes[i]);
    defaults(&v, s);
    errors(&v, s);
    return v.r;
}

/* ---- for programs ---- */

static cJSON *lane_json(const struct ym_lane_status *l)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", l->name);
    cJSON_AddStringToObject(o, "tier", l->tier);
    cJSON_AddNumberToObject(o, "queued", (double)l->queued);
    cJSON_AddNumberToObject(o, "running", l->running);
    cJSON_AddNumberToObject(o, "rate_limit", l->rate_limit);
    cJSON_AddNumberToObject(o, "tokens", l->tokens);
    cJSON_AddNumberToObject(o, "sent_last_minute", l->sent_last_minute);
    cJSON_AddNumberToObject(o, "daily_used", l->daily_used);
    cJSON_AddNumberToObject(o, "daily_limit", l->daily_limit);
    cJSON_AddStringToObject(o, "state", l->state);
    cJSON_AddStringToObject(o, "why", l->why);
    view_json_time(o, "until", l->until);
    return o;
}

static void defaults_json(cJSON *o, const struct ym_status *s)
{
    cJSON *d = cJSON_AddObjectToObject(o, "defaults");
    for (int k = 0; k < YM_KIND_COUNT; k++) {
        if (!s->defaults[k].model[0])
            continue;
        cJSON *one = cJSON_AddObjectToObject(d, ym_kind_name((enum ym_kind)k));
        bool known = s->defaults[k].free || s->defaults[k].price_known;
        cJSON_AddStringToObject(one, "model", s->defaults[k].model);
        cJSON_AddBoolToObject(one, "free", s->defaults[k].free);
        view_json_money(one, "price_usd",
                        s->defaults[k].free ? (ym_money){0}
                        : known             ? s->defaults[k].price
                                            : (ym_money){-1});
    }
}

static void spend_json(cJSON *o, const struct ym_status *s)
{
    cJSON *m = cJSON_AddObjectToObject(o, "spend");
    view_json_money(m, "today_usd", s->today);
    view_json_money(m, "today_limit_usd", s->today_limit);
    view_json_money(m, "month_usd", s->month);
    view_json_money(m, "month_limit_usd", s->month_limit);
    view_json_text(m, "budget_error", s->budget_error[0] ? s->budget_error : NULL);
}

static void errors_json(cJSON *o, const struct ym_status *s)
{
    cJSON *list = cJSON_AddArrayToObject(o, "last_errors");
    for (size_t i = 0; i < YM_COUNT(s->last_error); i++) {
        if (!s->last_error[i][0])
            continue;
        cJSON *one = cJSON_CreateObject();
        view_json_time(one, "at", s->last_error_at[i]);
        cJSON_AddStringToObject(one, "error", s->last_error[i]);
        cJSON_AddItemToArray(list, one);
    }
}

int ym_view_status_json(const struct ym_status *s, struct ym_buf *out)
{
    struct view v = {.out = out};
    cJSON *o = cJSON_CreateObject();
    view_json_time(o, "at", s->at);
    view_json_time(o, "started", s->started);
    cJSON_AddNumberToObject(o, "pid", getpid());
    cJSON_AddStringToObject(o, "library", s->library);
    view_json_text(o, "mountpoint", s->mountpoint[0] ? s->mountpoint : NULL);
    view_json_text(o, "socket", s->socket[0] ? s->socket : NULL);
    cJSON_AddBoolToObject(o, "paused", s->paused);
    cJSON_AddBoolToObject(o, "draining", s->draining);
    cJSON_AddNumberToObject(o, "settling", s->settling);
    cJSON *scan = cJSON_AddObjectToObject(o, "scan");
    cJSON_AddBoolToObject(scan, "running", s->scanning);
    cJSON_AddNumberToObject(scan, "files", (double)s->scanned);
    cJSON_AddNumberToObject(scan, "seen", (double)s->seen);
    cJSON *jobs = cJSON_AddObjectToObject(o, "jobs");
    for (size_t i = 0; i < YM_COUNT(shown); i++)
        cJSON_AddNumberToObject(jobs, shown[i], (double)count_of(s, shown[i]));
    spend_json(o, s);
    cJSON *lanes = cJSON_AddArrayToObject(o, "lanes");
    for (unsigned i = 0; i < lanes_shown(s); i++)
        cJSON_AddItemToArray(lanes, lane_json(&s->lanes[i]));
    defaults_json(o, s);
    errors_json(o, s);
    view_json(&v, o, true);
    return v.r;
}
