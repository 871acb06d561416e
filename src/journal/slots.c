/* The visible places of results. */
#include <errno.h>

#include "sql.h"

void ym_slot_row_fini(struct ym_slot_row *r)
{
    free(r->path);
    free(r->result);
    *r = (struct ym_slot_row){0};
}

static void slot_read(struct cur *c, struct ym_slot_row *ret)
{
    struct ym_slot_row r = {.path = col_text(c)};
    r.idx = (int)col_i64(c);
    r.variation = col_i64(c);
    r.job = col_id(c);
    r.status = col_word(c, slot_statuses);
    r.result = col_text(c);
    r.ident = col_ident(c);
    r.b2 = col_digest(c);
    r.version = (int)col_i64(c);
    r.reused = col_i64(c) != 0;
    *ret = r;
}

static int one(struct cur *c, struct ym_slot_row *ret)
{
    int r = cur_step(c);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    slot_read(c, ret);
    return 0;
}

static int each(struct cur *c, void (*fn)(void *ctx, const struct ym_slot_row *r), void *ctx)
{
    int r;
    while ((r = cur_step(c)) > 0) {
        struct ym_slot_row row;
        slot_read(c, &row);
        fn(ctx, &row);
        ym_slot_row_fini(&row);
    }
    return r;
}

int ym_slot_put(struct ym_journal *j, const struct ym_slot_row *r, struct ym_err *e)
{
    YM_AUTOFREE char *folder = path_folder(r->path);
    CUR struct cur c = cur_begin(j, Q_SLOT_PUT, e);
    bind_text(&c, r->path);
    bind_text(&c, folder);
    bind_i64(&c, r->idx);
    bind_i64(&c, r->variation);
    bind_text(&c, r->job.s);
    bind_word(&c, slot_statuses, r->status);
    bind_i64(&c, r->status == YM_SLOT_WAITING);
    bind_text(&c, r->result);
    bind_ident(&c, &r->ident);
    bind_digest(&c, &r->b2);
    bind_i64(&c, r->version);
    bind_i64(&c, r->reused);
    return cur_run(&c);
}

int ym_slot_get(struct ym_journal *j, const char *path, int idx, struct ym_slot_row *ret)
{
    CUR struct cur c = cur_begin(j, Q_SLOT_GET, NULL);
    bind_text(&c, path);
    bind_i64(&c, idx);
    return one(&c, ret);
}

int ym_slot_delete(struct ym_journal *j, const char *path, int idx)
{
    CUR struct cur c = cur_begin(j, Q_SLOT_DELETE, NULL);
    bind_text(&c, path);
    bind_i64(&c, idx);
    return cur_run_found(&c);
}

int ym_slot_each_name(struct ym_journal *j, const char *path,
                      void (*fn)(void *ctx, const struct ym_slot_row *r), void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_SLOT_EACH_NAME, NULL);
    bind_text(&c, path);
    return each(&c, fn, ctx);
}

int ym_slot_each_job(struct ym_journal *j, const char *job,
                     void (*fn)(void *ctx, const struct ym_slot_row *r), void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_SLOT_EACH_JOB, NULL);
    bind_text(&c, job);
    return each(&c, fn, ctx);
}

int ym_slot_each_done_waiting(struct ym_journal *j, void (*fn)(void *ctx, const char *job),
                              void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_SLOT_LANDING, NULL);
    return cur_each_text(&c, fn, ctx);
}

int ym_slot_each_waiting(struct ym_journal *j, const char *folder, ym_wall queued_before,
                         void (*fn)(void *ctx, const char *prompt, const struct ym_job_row *job),
                         void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_SLOT_WAITING, NULL);
    bind_text(&c, folder);
    bind_i64(&c, queued_before.ms);
    int r;
    while ((r = cur_step(&c)) > 0) {
        struct ym_job_row row;
        job_row_read(&c, &row);
        fn(ctx, col_str(&c), &row);
        ym_job_row_fini(&row);
    }
    return r;
}

int ym_slot_by_result(struct ym_journal *j, const char *result, struct ym_slot_row *ret)
{
    CUR struct cur c = cur_begin(j, Q_SLOT_BY_RESULT, NULL);
    bind_text(&c, result);
    return one(&c, ret);
}
