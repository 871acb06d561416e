/* What people ask for by a verb. Engine's thread only. */
#include "engine_private.h"

struct target {
    char *path;        /* of the prompt; NULL for a job without one */
    int idx;           /* the slot, when a result was named; -1 = all */
    struct id_list jobs;
};

static void target_fini(struct target *t)
{
    free(t->path);
    id_list_fini(&t->jobs);
}

static void target_slots(struct ym_engine *e, struct target *t)
{
    struct slot_list l;
    slots_of_name(e, t->path, &l);
    for (size_t i = 0; i < l.n; i++)
        if (t->idx < 0 || l.v[i].idx == t->idx)
            id_list_add(&t->jobs, l.v[i].job.s);
    slot_list_fini(&l);
}

static void job_path(void *ctx, const struct ym_slot_row *r)
{
    struct target *t = ctx;
    if (!t->path && strncmp(r->path, "cli:", 4) != 0)
        t->path = ym_strdup(r->path);
}

/* By prompt path, result path or job id. */
static int target_find(struct ym_engine *e, const char *name, struct target *ret, struct ym_err *err)
{
    struct ym_slot_row s;
    struct ym_name_row n;
    struct ym_job_row r;
    *ret = (struct target){.idx = -1};
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    if (ym_name_get(e->p.journal, name, &n) == 0) {
        ym_name_row_fini(&n);
        ret->path = ym_strdup(name);
        target_slots(e, ret);
        return 0;
    }
    if (ym_slot_by_result(e->p.journal, name, &s) == 0) {
        ret->path = ym_strdup(s.path);
        ret->idx = s.idx;
        ym_slot_row_fini(&s);
        target_slots(e, ret);
        return 0;
    }
    if (ym_id_valid(name) && ym_job_get(e->p.journal, name, &r) == 0) {
        ym_job_row_fini(&r);
        id_list_add(&ret->jobs, name);
        ym_slot_each_job(e->p.journal, name, job_path, ret);
        return 0;
    }
    return ym_fail(err, YM_INVALID, ENOENT, "Nothing is known of \"%.120s\": name a prompt, a result or a job id.", name);
}

int ym_engine_again(struct ym_engine *e, const char *target, struct ym_err *err)
{
    struct target t;
    int r = target_find(e, target, &t, err);
    if (r == 0 && !t.path)
        r = ym_fail(err, YM_INVALID, EINVAL, "This job has no prompt file: run `ymago image` again with --variation.");
    if (r == 0)
        settle_arm(e, t.path, WHY_AGAIN, YM_MS(0), t.idx);
    target_fini(&t);
    return r;
}

static bool job_cancel(struct ym_engine *e, const char *id)
{
    struct ym_job_row r;
    bool did = false;
    if (ym_job_get(e->p.journal, id, &r) < 0)
        return false;
    if (r.state == YM_JOB_QUEUED || r.state == YM_JOB_HELD) {
        struct ym_err why;
        bool held = r.state == YM_JOB_HELD;
        ym_fail(&why, YM_CANCELLED, ECANCELED, "Cancelled before it was sent; nothing was billed.");
        job_error_set(&r, &why);
        str_set(&r.bulk, NULL);
        job_to(e, &r, JE_CANCELLED);
        if (held)
            hold_note_close(e, id);
        did = true;
    } else if (ym_state_is_running(r.state)) {
        run_cancel(e, id);
        did = true;
    }
    ym_job_row_fini(&r);
    return did;
}

int ym_engine_cancel(struct ym_engine *e, const char *target, struct ym_err *err)
{
    struct target t;
    bool did = false;
    int r = target_find(e, target, &t, err);
    for (size_t i = 0; r == 0 && i < t.jobs.n; i++)
        did |= job_cancel(e, t.jobs.v[i].s);
    if (r == 0 && !did)
        r = ym_fail(err, YM_INVALID, EINVAL, "Nothing of \"%.120s\" is waiting or running.", target);
    target_fini(&t);
    return r;
}

static int retry_all_failed(struct ym_engine *e)
{
    struct id_list ids = {0};
    ym_job_each_state(e->p.journal, YM_JOB_FAILED, id_list_add, &ids);
    ym_job_each_state(e->p.journal, YM_JOB_UNKNOWN, id_list_add, &ids);
    for (size_t i = 0; i < ids.n; i++) {
        struct target t = {.idx = -1};
        struct ym_job_row r;
        ym_slot_each_job(e->p.journal, ids.v[i].s, job_path, &t);
        if (ym_job_get(e->p.journal, ids.v[i].s, &r) == 0) {
            if (!job_release(e, &r, true) && t.path)
                settle_arm(e, t.path, WHY_RETRY, YM_MS(0), -1);
            else if (t.path)
                note_error_clear(e, t.path);
            ym_job_row_fini(&r);
        }
        target_fini(&t);
    }
    id_list_fini(&ids);
    return 0;
}

int ym_engine_retry(struct ym_engine *e, const char *target, struct ym_err *err)
{
    struct target t;
    if (strcmp(target, "all-failed") == 0)
        return retry_all_failed(e);
    int r = target_find(e, target, &t, err);
    if (r == 0 && t.path) {
        settle_arm(e, t.path, WHY_RETRY, YM_MS(0), -1);
    } else if (r == 0) {
        struct ym_job_row row;
        if (ym_job_get(e->p.journal, t.jobs.v[0].s, &row) == 0) {
            job_release(e, &row, true);
            ym_job_row_fini(&row);
        }
    }
    target_fini(&t);
    return r;
}

static int hold_find(struct ym_engine *e, const char *target, struct ym_hold_row *ret)
{
    struct target t;
    struct ym_job_row r;
    int found = -ENOENT;
    if (ym_hold_by_target(e->p.journal, target, ret) == 0 || ym_hold_by_note(e->p.journal, target, ret) == 0)
        return 0;
    if (target_find(e, target, &t, NULL) < 0)
        return -ENOENT;
    if (t.path)
        found = ym_hold_by_target(e->p.journal, t.path, ret);
    for (size_t i = 0; found < 0 && i < t.jobs.n; i++) {
        if (ym_job_get(e->p.journal, t.jobs.v[i].s, &r) < 0)
            continue;
        if (r.hold_id)
            found = ym_hold_get(e->p.journal, r.hold_id, ret);
        if (found == 0 && ret->status == YM_HOLD_CLOSED) {
            ym_hold_row_fini(ret);
            found = -ENOENT;
        }
        ym_job_row_fini(&r);
    }
    target_fini(&t);
    return found;
}

int ym_engine_approve(struct ym_engine *e, const char *target, ym_money amount, struct ym_err *err)
{
    struct ym_hold_row h;
    if (hold_find(e, target, &h) < 0)
        return ym_fail(err, YM_INVALID, ENOENT, "Nothing of \"%.120s\" is held: `ymago status` lists what waits for approval.", target);
    int r = hold_approve(e, &h, amount, err);
    ym_hold_row_fini(&h);
    return r;
}

void ym_engine_pause(struct ym_engine *e, bool paused)
{
    if (e->paused == paused)
        return;
    e->paused = paused;
    e->status_dirty = true;
    event_emit(e, paused ? "paused" : "resumed", NULL);
}

void ym_engine_reload(struct ym_engine *e, struct ym_config *c)
{
    if (c) {
        pthread_mutex_lock(&e->look);
        ym_config_unref(e->config);
        ym_config_unref(e->p.config);
        e->config = ym_config_ref(c);
        e->p.config = ym_config_ref(c);
        pthread_mutex_unlock(&e->look);
        ym_net_allow(e->p.net, ym_config_allow(c));
    }
    provider_unblock_all(e);
    budget_load(e, false);
    lanes_configure(e);
    lists_reload(e);
    event_emit(e, "reloaded", NULL);
}

/* ---- jobs without a prompt file ---- */
static void order_slot(struct ym_engine *e, const struct ym_id *job, int64_t k)
{
    struct ym_err err;
    struct ym_slot_row s = {.path = ym_asprintf("cli:%s", job->s), .job = *job, .variation = k};
    engine_must(e, ym_slot_put(e->p.journal, &s, &err), "a slot", &err);
    ym_slot_row_fini(&s);
}

static int order_one(struct ym_engine *e, struct ym_order *o, int64_t k, struct ym_id *ret, struct ym_err *err)
{
    const struct ym_driver *d;
    struct ym_request q;
    struct ym_job_row r;
    int rc = resolve_request(e, o->kind, o->prompt, o->fields, o->refs, o->nrefs, k, &d, &q, err);
    if (rc < 0)
        return rc;
    struct ym_digest h = ym_identity_request(&q);
    bool known = ym_job_by_request(e->p.journal, &h, &r) == 0;
    if (known) {
        *ret = r.id;
        job_release(e, &r, false); /* asked for once more: a failed one is tried again */
        ym_job_row_fini(&r);
    } else {
        struct birth b = {.driver = d, .req = &q, .folder = "", .origin = "cli", .fields = o->fields};
        *ret = ym_id_new(engine_wall(e));
        job_born(e, ret, &b);
    }
    order_slot(e, ret, k);
    ym_request_fini(&q);
    return 0;
}

int ym_engine_order(struct ym_engine *e, struct ym_order *o, struct ym_id *ret_ids, size_t *ret_n, struct ym_err *err)
{
    int64_t first = ym_json_int_or(o->fields, "variation", 0);
    int r = 0;
    size_t n = o->n < 1 ? 1 : o->n > 64 ? 64 : (size_t)o->n;
    for (size_t i = 0; i < n && r == 0; i++)
        r = order_one(e, o, first + (int64_t)i, &ret_ids[i], err);
    ym_refs_free(o->refs, o->nrefs);
    o->refs = NULL;
    o->nrefs = 0;
    if (r == 0)
        *ret_n = n;
    return r;
}
