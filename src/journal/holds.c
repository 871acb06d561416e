/* What waits for approval. */
#include <errno.h>

#include "sql.h"

void ym_hold_row_fini(struct ym_hold_row *r)
{
    free(r->note);
    free(r->target);
    free(r->why);
    *r = (struct ym_hold_row){0};
}

static void hold_read(struct cur *c, struct ym_hold_row *ret)
{
    struct ym_hold_row r = {.id = col_id(c)};
    r.note = col_text(c);
    r.ident = col_ident(c);
    r.target = col_text(c);
    r.why = col_text(c);
    r.amount = (ym_money){col_i64(c)};
    r.cap = (ym_money){col_i64(c)};
    r.used = (ym_money){col_i64(c)};
    r.status = col_word(c, hold_statuses);
    r.at = (ym_wall){col_i64(c)};
    *ret = r;
}

int ym_hold_put(struct ym_journal *j, const struct ym_hold_row *r, struct ym_err *e)
{
    CUR struct cur c = cur_begin(j, Q_HOLD_PUT, e);
    bind_text(&c, r->id.s);
    bind_text(&c, r->note);
    bind_ident(&c, &r->ident);
    bind_text(&c, r->target);
    bind_text(&c, r->why);
    bind_i64(&c, r->amount.micro_usd);
    bind_i64(&c, r->cap.micro_usd);
    bind_i64(&c, r->used.micro_usd);
    bind_word(&c, hold_statuses, r->status);
    bind_i64(&c, r->at.ms);
    return cur_run(&c);
}

static int hold_by(struct ym_journal *j, enum query q, const char *value, struct ym_hold_row *ret)
{
    CUR struct cur c = cur_begin(j, q, NULL);
    bind_text(&c, value);
    int r = cur_step(&c);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    hold_read(&c, ret);
    return 0;
}

int ym_hold_get(struct ym_journal *j, const char *id, struct ym_hold_row *ret)
{
    return hold_by(j, Q_HOLD_GET, id, ret);
}

int ym_hold_by_note(struct ym_journal *j, const char *note, struct ym_hold_row *ret)
{
    return hold_by(j, Q_HOLD_BY_NOTE, note, ret);
}

int ym_hold_by_target(struct ym_journal *j, const char *target, struct ym_hold_row *ret)
{
    return hold_by(j, Q_HOLD_BY_TARGET, target, ret);
}

int ym_hold_each(struct ym_journal *j, void (*fn)(void *ctx, const struct ym_hold_row *r),
                 void *ctx)
{
    CUR struct cur c = cur_begin(j, Q_HOLD_EACH, NULL);
    int r;
    while ((r = cur_step(&c)) > 0) {
        struct ym_hold_row row;
        hold_read(&c, &row);
        fn(ctx, &row);
        ym_hold_row_fini(&row);
    }
    return r;
}
