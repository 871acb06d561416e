/* The one way a job's row changes. */
#include "engine_private.h"

void str_set(char **p, const char *s)
{
    char *copy = ym_strdup(s);
    free(*p);
    *p = copy;
}

void job_error_set(struct ym_job_row *r, const struct ym_err *err)
{
    r->cls = err->cls;
    str_set(&r->error, err->msg);
    str_set(&r->words, err->words[0] ? err->words : NULL);
}

void job_error_clear(struct ym_job_row *r)
{
    r->cls = YM_OK;
    str_set(&r->error, NULL);
    str_set(&r->words, NULL);
    str_set(&r->held_why, NULL);
}

/* Counts, lanes and events follow from the state alone, so that nobody can forget one of them. */
static void entered(struct ym_engine *e, const struct ym_job_row *r, enum ym_state before)
{
    if (before != YM_JOB_NONE)
        e->status.counts[before]--;
    e->status.counts[r->state]++;
    e->status_dirty = true;
    if (before == YM_JOB_QUEUED)
        lane_get(e, r->lane)->queued--;
    if (r->state == YM_JOB_QUEUED)
        sched_queued(e, r);
    if (before == r->state)
        return;
    if (strcmp(ym_state_public(before), ym_state_public(r->state)) != 0 || before == YM_JOB_NONE)
        event_job(e, ym_state_public(r->state), r);
    if (ym_state_is_final(r->state))
        live_clear(e, &r->id);
}

void job_create(struct ym_engine *e, struct ym_job_row *r, enum job_event first)
{
    struct ym_err err;
    r->state = job_advance(YM_JOB_NONE, first);
    ym_assert(r->state != YM_JOB_NONE);
    job_check(r);
    engine_must(e, ym_job_insert(e->p.journal, r, &err), "a new job's row", &err);
    entered(e, r, YM_JOB_NONE);
}

void job_save(struct ym_engine *e, const struct ym_job_row *r)
{
    struct ym_err err;
    job_check(r);
    engine_must(e, ym_job_update(e->p.journal, r, &err), "a job's row", &err);
    e->status_dirty = true;
}

void job_to(struct ym_engine *e, struct ym_job_row *r, enum job_event ev)
{
    enum ym_state before = r->state, next = job_advance(before, ev);
    ym_assert(next != YM_JOB_NONE);
    r->state = next;
    if (next == YM_JOB_SUBMITTING) /* in memory only: the row goes on saying reserved */
        return;
    if (ym_state_is_final(next) && next != YM_JOB_UNKNOWN && !(next == YM_JOB_DONE && r->finished_at.ms))
        r->finished_at = engine_wall(e);
    if (before == YM_JOB_SUBMITTING)
        before = YM_JOB_RESERVED;
    job_save(e, r);
    entered(e, r, before);
}

/* ---- lists filled by the journal's callbacks: rows are copied, since nothing may be written while
 * a query is being stepped ---- */
static void slot_copy(void *list, const struct ym_slot_row *r)
{
    struct slot_list *l = list;
    l->v = ym_realloc(l->v, (l->n + 1) * sizeof(*l->v));
    struct ym_slot_row *c = &l->v[l->n++];
    *c = *r;
    c->path = ym_strdup(r->path);
    c->result = ym_strdup(r->result);
}

void slots_of_job(struct ym_engine *e, const char *job, struct slot_list *ret)
{
    *ret = (struct slot_list){0};
    ym_slot_each_job(e->p.journal, job, slot_copy, ret);
}

void slots_of_name(struct ym_engine *e, const char *path, struct slot_list *ret)
{
    *ret = (struct slot_list){0};
    ym_slot_each_name(e->p.journal, path, slot_copy, ret);
}

void slot_list_fini(struct slot_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        ym_slot_row_fini(&l->v[i]);
    free(l->v);
    *l = (struct slot_list){0};
}

void id_list_add(void *list, const char *id)
{
    struct id_list *l = list;
    l->v = ym_realloc(l->v, (l->n + 1) * sizeof(*l->v));
    memcpy(l->v[l->n].s, id, YM_ID_LEN);
    l->v[l->n++].s[YM_ID_LEN] = 0;
}

void id_list_fini(struct id_list *l)
{
    free(l->v);
    *l = (struct id_list){0};
}
