/* Budgets, holds, approvals. Everything is in micro-dollars and in the same transaction as the claim. */
#include "engine_private.h"

#include <fcntl.h>
#include <unistd.h>

static bool over(ym_money spent, ym_money more, ym_money limit)
{
    return limit.micro_usd >= 0 && ym_money_add(spent, more).micro_usd > limit.micro_usd;
}

static const char *refuse(struct ym_err *err, const char *why, const char *what, ym_money limit)
{
    char m[32];
    ym_fail(err, YM_HELD, EDQUOT, "The %s of %s is used up: raise it in cost/budget.toml, or approve this one.",
            what, ym_money_format(limit, m));
    return why;
}

static ym_money limit_of(const cJSON *table, const char *name)
{
    const cJSON *v = table ? ym_json_get(table, name) : NULL;
    ym_money m = {-1};
    if (cJSON_IsNumber(v))
        ym_money_from_double(v->valuedouble, &m);
    return m;
}

/* [folder."images/trip"] counts for everything below it. */
static const char *folder_refuses(struct ym_engine *e, const struct ym_job_row *r, const char *day,
                                  ym_money need, struct ym_err *err)
{
    const cJSON *f;
    cJSON_ArrayForEach(f, e->budget.folders)
    {
        size_t n = strlen(f->string);
        const char *folder = r->folder ? r->folder : "";
        if (strncmp(folder, f->string, n) != 0 || (folder[n] && folder[n] != '/'))
            continue;
        ym_money limit = limit_of(e->budget.folders, f->string);
        if (over(ym_spend(e->p.journal, day, NULL, f->string, false), need, limit))
            return refuse(err, "folder", "daily budget of its folder", limit);
    }
    return NULL;
}

const char *budget_refuses(struct ym_engine *e, const struct ym_job_row *r, struct ym_err *err)
{
    struct ym_journal *j = e->p.journal;
    ym_money need = r->est.expected.micro_usd >= 0 ? r->est.high : (ym_money){0};
    char day[16], month[16];
    ym_wall now = engine_wall(e);
    if (need.micro_usd == 0)
        return NULL;
    ym_wall_day(now, day);
    ym_wall_month(now, month);
    ym_money approved = ym_spend(j, month, NULL, NULL, true);
    ym_money month_sum = ym_money_add(ym_spend(j, month, NULL, NULL, false), approved);
    if (over(month_sum, need, e->budget.monthly))
        return refuse(err, "monthly", "monthly budget", e->budget.monthly);
    if (r->hold_id) {
        struct ym_hold_row h;
        if (ym_hold_get(j, r->hold_id, &h) < 0)
            return refuse(err, "approval", "approved amount", (ym_money){0});
        bool no = h.status != YM_HOLD_APPROVED || over(h.used, need, h.cap);
        ym_money cap = h.cap;
        ym_hold_row_fini(&h);
        return no ? refuse(err, "approval", "approved amount", cap) : NULL;
    }
    if (over(ym_spend(j, day, NULL, NULL, false), need, e->budget.daily))
        return refuse(err, "daily", "daily budget", e->budget.daily);
    ym_money model = limit_of(e->budget.models, r->model);
    if (over(tier_model_spend(e, r, day), need, model))
        return refuse(err, "model", "daily budget of this model", model);
    return folder_refuses(e, r, day, need, err);
}

const char *budget_holds(struct ym_engine *e, const struct ym_job_row *r, bool is_free, struct ym_err *err)
{
    char m[32], c[32];
    if (is_free || r->hold_id)
        return NULL;
    if (r->est.expected.micro_usd < 0) {
        if (!e->budget.unknown_price_hold)
            return NULL;
        ym_fail(err, YM_HELD, EDQUOT,
                "No price is known for %s: approve an amount, or set its price in .ymago/prices.toml.", r->model);
        return "unknown_price";
    }
    ym_money cap = e->budget.per_job;
    if (r->max_usd.micro_usd >= 0 && (cap.micro_usd < 0 || r->max_usd.micro_usd < cap.micro_usd))
        cap = r->max_usd;
    if (cap.micro_usd >= 0 && r->est.high.micro_usd > cap.micro_usd) {
        ym_fail(err, YM_HELD, EDQUOT, "It may cost %s, more than the %s allowed for one job.",
                ym_money_format(r->est.high, m), ym_money_format(cap, c));
        return "per_job";
    }
    return NULL;
}

/* ---- holds ---- */
struct first_path {
    char *path;
};

static void first_path(void *ctx, const struct ym_slot_row *r)
{
    struct first_path *f = ctx;
    if (!f->path)
        f->path = ym_strdup(r->path);
}

/* The hold that a job waits for from now on: the one whose approved amount it used up, that of its
 * prompt, or a new one. The amount is what all that wait for it may cost. */
static void hold_row_find(struct ym_engine *e, const struct ym_job_row *r, const char *target, struct ym_hold_row *ret)
{
    ym_money high = r->est.expected.micro_usd >= 0 ? r->est.high : (ym_money){0};
    bool mine = r->hold_id && ym_hold_get(e->p.journal, r->hold_id, ret) == 0;
    if (!mine && ym_hold_by_target(e->p.journal, target, ret) < 0)
        *ret = (struct ym_hold_row){.id = ym_id_new(engine_wall(e)), .target = ym_strdup(target),
                                    .status = YM_HOLD_WAITING, .at = engine_wall(e)};
    if (ret->status == YM_HOLD_WAITING) {
        ret->amount = ym_money_add(ret->amount, high); /* a further variation of the same prompt */
        return;
    }
    ret->status = YM_HOLD_WAITING;
    ret->amount = high;
    ret->cap = ret->used;
    if (ret->note)
        note_remove(e, ret->note); /* it stated another amount; as X.approved.log it is used up */
    str_set(&ret->note, NULL);
}

/* The hold row of one job: made once per prompt, its note says what to do. */
static void hold_row(struct ym_engine *e, struct ym_job_row *r, const char *sentence)
{
    struct first_path f = {0};
    struct ym_err err;
    struct ym_hold_row h;
    ym_slot_each_job(e->p.journal, r->id.s, first_path, &f);
    hold_row_find(e, r, f.path ? f.path : r->id.s, &h);
    str_set(&h.why, sentence);
    engine_must(e, ym_hold_put(e->p.journal, &h, &err), "a hold", &err);
    str_set(&r->hold_id, h.id.s);
    if (strncmp(h.target, "bulk:", 5) == 0)
        note_held(e, NULL, &h);
    else if (f.path && strncmp(f.path, "cli:", 4) != 0)
        note_held(e, f.path, &h);
    ym_hold_row_fini(&h);
    free(f.path);
}

void hold_job(struct ym_engine *e, struct ym_job_row *r, enum job_event ev, const char *why, const struct ym_err *err)
{
    ym_assert(ev == JE_HOLD);
    str_set(&r->held_why, why);
    str_set(&r->error, err->msg);
    r->cls = YM_HELD;
    if (strcmp(why, "bulk") != 0) /* a bulk has one row and one note for all */
        hold_row(e, r, err->msg);
    if (r->state == YM_JOB_NONE)
        job_create(e, r, ev);
    else
        job_to(e, r, ev);
}

static bool held_by_budget(const char *why)
{
    static const char *const kinds[] = {"daily", "monthly", "model", "folder", NULL};
    for (int i = 0; kinds[i]; i++)
        if (why && strcmp(why, kinds[i]) == 0)
            return true;
    return false;
}

static void note_close(struct ym_engine *e, struct ym_hold_row *h)
{
    struct ym_err err;
    h->status = YM_HOLD_CLOSED;
    if (h->note)
        note_remove(e, h->note);
    engine_must(e, ym_hold_put(e->p.journal, h, &err), "a hold", &err);
}

static void job_reopen(struct ym_engine *e, struct ym_job_row *r)
{
    struct ym_hold_row h;
    if (r->hold_id && ym_hold_get(e->p.journal, r->hold_id, &h) == 0) {
        if (h.status == YM_HOLD_WAITING)
            note_close(e, &h);
        ym_hold_row_fini(&h);
    }
    str_set(&r->hold_id, NULL);
    job_error_clear(r);
    r->run_at = engine_wall(e);
    job_to(e, r, JE_RELEASED);
}

void budget_reopen(struct ym_engine *e)
{
    struct id_list held = {0};
    struct ym_err err;
    ym_job_each_state(e->p.journal, YM_JOB_HELD, id_list_add, &held);
    for (size_t i = 0; i < held.n; i++) {
        struct ym_job_row r;
        if (ym_job_get(e->p.journal, held.v[i].s, &r) < 0)
            continue;
        char *hold = ym_steal(&r.hold_id); /* not approved: judged by the budgets alone */
        bool fits = held_by_budget(r.held_why)
                        ? !budget_refuses(e, &r, &err)
                        : (r.held_why && (strcmp(r.held_why, "per_job") == 0 || strcmp(r.held_why, "unknown_price") == 0) &&
                           intake_reprice(e, &r) && !budget_holds(e, &r, false, &err));
        r.hold_id = hold;
        if (fits)
            job_reopen(e, &r);
        ym_job_row_fini(&r);
    }
    id_list_fini(&held);
}

void hold_target_close(struct ym_engine *e, const char *target)
{
    struct ym_hold_row h;
    if (ym_hold_by_target(e->p.journal, target, &h) < 0)
        return;
    if (h.status == YM_HOLD_WAITING)
        note_close(e, &h);
    ym_hold_row_fini(&h);
}

void hold_target_move(struct ym_engine *e, const char *from, const char *to)
{
    struct ym_hold_row h;
    struct ym_err err;
    if (ym_hold_by_target(e->p.journal, from, &h) < 0)
        return;
    str_set(&h.target, to);
    engine_must(e, ym_hold_put(e->p.journal, &h, &err), "a hold", &err);
    ym_hold_row_fini(&h);
}

void hold_note_close(struct ym_engine *e, const char *job)
{
    struct first_path f = {0};
    ym_slot_each_job(e->p.journal, job, first_path, &f);
    if (f.path)
        hold_target_close(e, f.path);
    free(f.path);
}

int hold_approve(struct ym_engine *e, struct ym_hold_row *h, ym_money cap, struct ym_err *err)
{
    if (cap.micro_usd < 0)
        cap = h->amount;
    if (cap.micro_usd <= 0)
        return ym_fail(err, YM_INVALID, EINVAL,
                       "No amount is known for this one: say how much it may cost, as in `ymago approve P 0.50`.");
    h->cap = ym_money_add(h->used, cap);
    h->status = YM_HOLD_APPROVED;
    engine_must(e, ym_hold_put(e->p.journal, h, err), "an approval", err);
    struct id_list ids = {0};
    ym_job_each_hold(e->p.journal, h->id.s, id_list_add, &ids);
    for (size_t i = 0; i < ids.n; i++) {
        struct ym_job_row r;
        if (ym_job_get(e->p.journal, ids.v[i].s, &r) < 0)
            continue;
        if (r.state == YM_JOB_HELD) {
            job_error_clear(&r);
            if (r.est.expected.micro_usd < 0) /* no price: the amount itself is the ceiling that is reserved */
                r.est = (struct ym_estimate){.low = {0}, .expected = cap, .high = cap};
            r.run_at = engine_wall(e);
            job_to(e, &r, JE_RELEASED);
            if (strncmp(h->target, "bulk:", 5) == 0)
                sched_complete(e, &r);
        }
        ym_job_row_fini(&r);
    }
    id_list_fini(&ids);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "target", h->target);
    cJSON_AddNumberToObject(o, "amount_usd", ym_money_usd(cap));
    event_emit(e, "approved", o);
    return 0;
}

void hold_used_up(struct ym_engine *e, const char *hold_id)
{
    struct ym_hold_row h;
    struct id_list ids = {0};
    if (ym_hold_get(e->p.journal, hold_id, &h) < 0)
        return;
    bool open = h.status != YM_HOLD_APPROVED;
    ym_job_each_hold(e->p.journal, hold_id, id_list_add, &ids);
    for (size_t i = 0; i < ids.n && !open; i++) {
        struct ym_job_row r;
        if (ym_job_get(e->p.journal, ids.v[i].s, &r) < 0)
            continue;
        open = !ym_state_is_final(r.state) && r.state != YM_JOB_STORED;
        ym_job_row_fini(&r);
    }
    if (!open)
        note_close(e, &h);
    id_list_fini(&ids);
    ym_hold_row_fini(&h);
}

/* ---- cost/budget.toml and prices.toml ---- */
static void budget_start(struct ym_engine *e)
{
    struct ym_buf text;
    struct ym_err err;
    ym_buf_init(&text, 65536);
    ym_budget_default(e->config, &e->budget);
    if (ym_budget_render(&e->budget, &text) == 0 &&
        (mkdirat(e->p.store->lib_fd, "cost", 0755) == 0 || errno == EEXIST)) {
        YM_AUTOCLOSE int dir = ym_store_openat(e->p.store, "cost", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        if (dir >= 0 && ym_write_whole(dir, "budget.toml", text.data, text.len, 0644, &err) < 0)
            ym_log(YM_WARN, "engine", "cost/budget.toml: %s", err.msg);
    }
    ym_buf_fini(&text);
}

/* An invalid save keeps the values in force and says so beside the file. */
static void budget_refused(struct ym_engine *e, const struct ym_err *err)
{
    snprintf(e->status.budget_error, sizeof(e->status.budget_error), "%s", err->msg);
    note_budget(e, err);
    ym_log(YM_WARN, "engine", "cost/budget.toml is not in force: %s", err->msg);
}

static void budget_read(struct ym_engine *e, bool first)
{
    YM_AUTOFREE char *text = NULL;
    size_t len = 0;
    struct ym_budget b;
    struct ym_err err;
    YM_AUTOCLOSE int dir = ym_store_openat(e->p.store, "cost", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    int r = dir < 0 ? dir : ym_read_whole(dir, "budget.toml", 65536, &text, &len);
    if (r == -ENOENT) {
        if (first)
            budget_start(e);
        return;
    }
    if (r < 0)
        ym_fail(&err, YM_LOCAL, -r, "cost/budget.toml cannot be read: %s.", strerror(-r));
    else
        r = ym_budget_parse(e->config, text, len, &b, &err);
    if (r < 0) {
        if (first)
            ym_budget_default(e->config, &e->budget);
        budget_refused(e, &err);
        return;
    }
    ym_budget_fini(&e->budget);
    e->budget = b;
    note_error_clear(e, BUDGET_FILE);
    e->status.budget_error[0] = 0;
}

static void prices_read(struct ym_engine *e)
{
    YM_AUTOFREE char *text = NULL;
    size_t len = 0;
    struct ym_config *c;
    struct ym_err err;
    if (ym_read_whole(e->p.store->state_fd, "prices.toml", 1 << 20, &text, &len) < 0)
        return;
    if (ym_config_prices(e->p.config, text, len, &c, &err) < 0) {
        snprintf(e->status.budget_error, sizeof(e->status.budget_error), "prices.toml: %.200s", err.msg);
        return;
    }
    pthread_mutex_lock(&e->look);
    ym_config_unref(e->config);
    e->config = c;
    pthread_mutex_unlock(&e->look);
}

void budget_load(struct ym_engine *e, bool first)
{
    prices_read(e);
    budget_read(e, first);
    e->status_dirty = true;
    if (!first)
        budget_reopen(e);
}
