/* Prompt files. */
#include <errno.h>
#include <string.h>

#include "sql.h"

void ym_name_row_fini(struct ym_name_row *r)
{
    free(r->path);
    free(r->text);
    *r = (struct ym_name_row){0};
}

static void name_read(struct cur *c, struct ym_name_row *ret)
{
    struct ym_name_row r = {.path = col_text(c)};
    const char *kind = col_str(c);
    r.kind = kind ? ym_kind_parse(kind) : YM_KIND_NONE;
    r.status = col_word(c, name_statuses);
    r.ident = col_ident(c);
    r.text_b2 = col_digest(c);
    r.text = col_blob(c, &r.text_len);
    r.s = col_digest(c);
    r.refs = col_digest(c);
    r.n = (int)col_i64(c);
    r.variation = col_i64(c);
    r.settled_at = (ym_wall){col_i64(c)};
    *ret = r;
}

int ym_name_put(struct ym_journal *j, const struct ym_name_row *r, struct ym_err *e)
{
    YM_AUTOFREE char *folder = path_folder(r->path);
    CUR struct cur c = cur_begin(j, Q_NAME_PUT, e);
    bind_text(&c, r->path);
    bind_text(&c, folder ? folder : "");
    bind_text(&c, ym_kind_name(r->kind));
    bind_word(&c, name_statuses, r->status);
    bind_ident(&c, &r->ident);
    bind_digest(&c, &r->text_b2);
    bind_blob(&c, r->text, r->text_len);
    bind_digest(&c, &r->s);
    bind_digest(&c, &r->refs);
    bind_i64(&c, r->n);
    bind_i64(&c, r->variation);
    bind_i64(&c, r->settled_at.ms);
    return cur_run(&c);
}

int ym_name_get(struct ym_journal *j, const char *path, struct ym_name_row *ret)
{
    CUR struct cur c = cur_begin(j, Q_NAME_GET, NULL);
    bind_text(&c, path);
    int r = cur_step(&c);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    name_read(&c, ret);
    return 0;
}

static int path_run(struct ym_journal *j, enum query q, const char *path)
{
    CUR struct cur c = cur_begin(j, q, NULL);
    bind_text(&c, path);
    return cur_run_found(&c);
}

static bool worse(int r)
{
    return r < 0 && r != -ENOENT;
}

/* Slots may lie there without a name (a job without a file), so either is a find. */
int ym_name_delete(struct ym_journal *j, const char *path)
{
    struct tx t = tx_open(j, NULL);
    int name = t.r < 0 ? t.r : path_run(j, Q_NAME_DELETE, path);
    int slots = worse(name) ? name : path_run(j, Q_SLOT_DELETE_NAME, path);
    bool found = name == 0 || slots == 0;
    return tx_close(&t, worse(slots) ? slots : found ? 0 : -ENOENT, NULL);
}

static int move(struct ym_journal *j, enum query q, const char *from, const char *to)
{
    YM_AUTOFREE char *folder = path_folder(to);
    CUR struct cur c = cur_begin(j, q, NULL);
    bind_text(&c, to);
    bind_text(&c, folder ? folder : "");
    bind_text(&c, from);
    return cur_run_found(&c);
}

static int move_both(struct ym_journal *j, const char *from, const char *to)
{
    int name = path_run(j, Q_NAME_DELETE, to);
    int slots = worse(name) ? name : path_run(j, Q_SLOT_DELETE_NAME, to);
    if (worse(slots))
        return slots;
    name = move(j, Q_NAME_MOVE, from, to);
    slots = worse(name) ? name : move(j, Q_SLOT_MOVE, from, to);
    return worse(slots) ? slots : 0;
}

static int has_rows(struct ym_journal *j, const char *path)
{
    CUR struct cur name = cur_begin(j, Q_NAME_GET, NULL);
    bind_text(&name, path);
    int r = cur_step(&name);
    if (r != 0)
        return r;
    CUR struct cur slots = cur_begin(j, Q_SLOT_EACH_NAME, NULL);
    bind_text(&slots, path);
    return cur_step(&slots);
}

int ym_name_rename(struct ym_journal *j, const char *from, const char *to)
{
    struct tx t = tx_open(j, NULL);
    int r = t.r < 0 ? t.r : has_rows(j, from);
    if (r == 0)
        r = -ENOENT;
    if (r > 0)
        r = strcmp(from, to) == 0 ? 0 : move_both(j, from, to);
    return tx_close(&t, r, NULL);
}

static int each(struct cur *c, void (*fn)(void *ctx, const struct ym_name_row *r), void *ctx)
{
    int r;
    while ((r = cur_step(c)) > 0) {
        struct ym_name_row row;
        name_read(c, &row);
        fn(ctx, &row);
        ym_name_row_fini(&row);
    }
    return r;
}

int ym_name_each(struct ym_journal *j, const char *folder, bool deep,
                 void (*fn)(void *ctx, const struct ym_name_row *r), void *ctx)
{
    BELOW struct below b = below_folder(folder);
    bool all = deep && !*folder;
    CUR struct cur c = cur_begin(j, all ? Q_NAME_ALL : deep ? Q_NAME_BELOW : Q_NAME_IN, NULL);
    if (deep && !all) {
        bind_text(&c, b.from);
        bind_text(&c, b.to);
    } else if (!all) {
        bind_text(&c, folder);
    }
    return each(&c, fn, ctx);
}
