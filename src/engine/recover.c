/* After a crash the journal alone says what to redo. Runs before the mount, before the thread. */
#include "attempt/run.h"

#include <fcntl.h>
#include <unistd.h>

struct wholes {
    char **v;
    size_t n;
    struct wholes *needed; /* of stored jobs: not yet placed */
};

static void whole_add(void *ctx, const char *name)
{
    struct wholes *w = ctx;
    w->v = ym_realloc(w->v, (w->n + 1) * sizeof(*w->v));
    w->v[w->n++] = ym_strdup(name);
}

static void wholes_fini(struct wholes *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->v[i]);
    free(w->v);
}

/* "ID.A.N.whole" of this job's last try with the highest N: the final picture of a complete answer. */
static const char *whole_of(const struct wholes *w, const struct ym_job_row *r)
{
    char prefix[64];
    const char *best = NULL;
    long best_n = -1;
    snprintf(prefix, sizeof(prefix), "%s.%d.", r->id.s, r->tries_total);
    for (size_t i = 0; i < w->n; i++) {
        if (strncmp(w->v[i], prefix, strlen(prefix)) != 0)
            continue;
        char *end;
        long n = strtol(w->v[i] + strlen(prefix), &end, 10);
        if (n > best_n && end != w->v[i] + strlen(prefix) && strcmp(end, ".whole") == 0) {
            best_n = n;
            best = w->v[i];
        }
    }
    return best;
}

/* Paid bytes that were complete when the program died: stored, never bought again. */
static bool adopt_whole(struct ym_engine *e, struct ym_job_row *r, const char *name)
{
    struct ym_media_info info;
    struct ym_err err;
    int64_t size;
    struct ym_attempt_row a;
    YM_AUTOCLOSE int fd = openat(e->p.store->staging_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ym_digest_fd(fd, &r->b2, &size) < 0 || ym_media_probe_fd(fd, size, &info, &err) < 0)
        return false;
    r->size = size;
    str_set(&r->staged, name);
    str_set(&r->ext, info.type->ext);
    str_set(&r->mime, info.type->mime);
    r->width = (int)info.width;
    r->height = (int)info.height;
    r->duration_ms = info.duration_ms;
    r->c2pa = info.c2pa;
    ym_money cost = r->est.expected.micro_usd > 0 ? r->est.expected : (ym_money){0};
    if (ym_attempt_open_of(e->p.journal, r->id.s, &a) == 0) {
        engine_must(e, ym_attempt_end(e->p.journal, a.id, YM_ATT_SETTLED, cost, YM_OK, NULL, engine_wall(e), &err),
                    "ending an attempt", &err);
        ym_attempt_row_fini(&a);
    }
    r->cost = ym_money_add(r->cost, cost);
    r->cost_is_estimate = true;
    r->attempts++;
    r->finished_at = engine_wall(e);
    job_error_clear(r);
    job_to(e, r, JE_STORED);
    ym_log(YM_INFO, "engine", "job=%s its complete result was found in staging", r->id.s);
    return true;
}

static void recover_reserved(struct ym_engine *e, struct ym_job_row *r, const struct wholes *w)
{
    struct ym_attempt_row a;
    struct ym_err err;
    struct attempt_end_facts f = {0};
    if (!r->paying) { /* nothing that costs had left: it goes on from where it was */
        if (r->carrier)
            carrier_rejoin(e, r);
        else
            run_resume(e, r);
        return;
    }
    const char *name = r->carrier ? NULL : whole_of(w, r); /* what a carrier brought may be anybody's */
    if (name && adopt_whole(e, r, name))
        return;
    if (ym_attempt_open_of(e->p.journal, r->id.s, &a) == 0) {
        f.attempt = a.id;
        f.reserved = a.reserved;
        ym_attempt_row_fini(&a);
    }
    ym_fail(&err, YM_AMBIGUOUS, EINTR, "The program ended while the request was on its way; whether it was billed is not known.");
    err.retry_after = YM_MS(1); /* nothing was overloaded: no reason to back off */
    attempt_failed(e, r, lane_get(e, r->lane), &f, &err);
}

static void each_of(struct ym_engine *e, enum ym_state s, const struct wholes *w,
                    void (*fn)(struct ym_engine *e, struct ym_job_row *r, const struct wholes *w))
{
    struct id_list ids = {0};
    ym_job_each_state(e->p.journal, s, id_list_add, &ids);
    for (size_t i = 0; i < ids.n; i++) {
        struct ym_job_row r;
        if (ym_job_get(e->p.journal, ids.v[i].s, &r) < 0)
            continue;
        fn(e, &r, w);
        ym_job_row_fini(&r);
    }
    id_list_fini(&ids);
}

static void recover_accepted(struct ym_engine *e, struct ym_job_row *r, const struct wholes *w)
{
    (void)w;
    if (r->carrier)
        carrier_rejoin(e, r);
    else
        run_resume(e, r);
}

static void recover_stored(struct ym_engine *e, struct ym_job_row *r, const struct wholes *w)
{
    whole_add(w->needed, r->staged);
    place_job(e, r->id.s);
}

static void part_remove(void *ctx, const char *name)
{
    ym_staging_remove(ctx, name);
}

/* ---- what else lies in staging: sidecars and clones on their way are made again; media of an answer
 * that came twice is paid for and goes to objects/ ---- */
struct leftover {
    const struct ym_store *store;
    char *name;
};

static void leftover_work(void *ctx)
{
    struct leftover *l = ctx;
    struct ym_media_info info;
    struct ym_digest b2;
    struct ym_err err;
    int64_t size;
    YM_AUTOCLOSE int fd = openat(l->store->staging_fd, l->name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ym_digest_fd(fd, &b2, &size) < 0)
        return;
    if (ym_media_probe_fd(fd, size, &info, &err) < 0)
        ym_staging_remove(l->store, l->name);
    else if (ym_object_move(l->store, l->name, &b2, info.type->ext, &err) < 0)
        ym_log(YM_WARN, "engine", "%s stays in staging: %s", l->name, err.msg);
}

static void leftover_done(struct ym_engine *e, void *ctx)
{
    (void)e;
    (void)ctx;
}

static void leftover_free(void *ctx)
{
    struct leftover *l = ctx;
    free(l->name);
    free(l);
}

static bool is_needed(const struct wholes *w, const char *name)
{
    for (size_t i = 0; i < w->needed->n; i++)
        if (strcmp(w->needed->v[i], name) == 0)
            return true;
    return false;
}

static void leftovers(struct ym_engine *e, const struct wholes *w)
{
    static const struct task_ops ops = {leftover_work, leftover_done, leftover_free};
    for (size_t i = 0; i < w->n; i++) {
        struct ym_job_row r = {0};
        char id[YM_ID_LEN + 1];
        snprintf(id, sizeof(id), "%.*s", YM_ID_LEN, w->v[i]);
        bool known = ym_id_valid(id) && ym_job_get(e->p.journal, id, &r) == 0;
        if (is_needed(w, w->v[i])) { /* maybe by another job than the one it is called after: see carrier.c */
            /* placed by recover_stored */
        } else if (!known || strstr(w->v[i], ".fetched.")) {
            ym_staging_remove(e->p.store, w->v[i]);
        } else {
            struct leftover *l = ym_alloc(sizeof(*l));
            *l = (struct leftover){e->p.store, ym_strdup(w->v[i])};
            engine_task(e, &ops, l, false);
        }
        ym_job_row_fini(&r);
    }
}

/* Results that were finished but had no place yet when the program ended. */
static void waiting_slots(struct ym_engine *e)
{
    struct id_list ids = {0};
    ym_slot_each_done_waiting(e->p.journal, id_list_add, &ids);
    for (size_t i = 0; i < ids.n; i++)
        place_job(e, ids.v[i].s);
    id_list_fini(&ids);
}

int recover(struct ym_engine *e, struct ym_err *err)
{
    struct wholes needed = {0}, w = {.needed = &needed};
    budget_load(e, true);
    int r = ym_job_count(e->p.journal, e->status.counts);
    if (r < 0)
        return ym_fail(err, YM_BROKEN, -r, "The journal cannot be read: run `ymago verify`.");
    r = ym_journal_begin(e->p.journal, err);
    if (r < 0)
        return r;
    lanes_load(e);
    provider_unblock_all(e); /* keys may have come: each provider is tried once */
    ym_staging_each(e->p.store, ".part", part_remove, (void *)(uintptr_t)e->p.store);
    ym_staging_each(e->p.store, ".whole", whole_add, &w);
    each_of(e, YM_JOB_RESERVED, &w, recover_reserved);
    each_of(e, YM_JOB_ACCEPTED, &w, recover_accepted);
    each_of(e, YM_JOB_STORED, &w, recover_stored);
    waiting_slots(e);
    leftovers(e, &w);
    guard_recover(e);
    intake_recover(e);
    status_refresh(e);
    r = ym_journal_commit(e->p.journal, err);
    wholes_fini(&w);
    wholes_fini(&needed);
    ym_ballast_keep(e->p.store);
    return r;
}
