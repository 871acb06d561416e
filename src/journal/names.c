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
    CUR struct cur c = cur_begin(j, Q_NAME_PUT, e);
    bind_text(&c, r->path);
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

static int name_move(struct ym_journal *j, const char *from, const char *to)
{
    CUR struct cur c = cur_begin(j, Q_NAME_MOVE, NULL);
    bind_text(&c, to);
    bind_text(&c, from);
    return cur_run_found(&c);
}

static int slots_move(struct ym_journal *j, const char *from, const char *to)
{
    YM_AUTOFREE char *folder = path_folder(to);
    CUR struct cur c = cur_begin(j, Q_SLOT_MOVE, NULL);
    bind_text(&c, to);
    bind_text(&c, folder);
    bind_text(&c, from);
    return cur_run_found(&c);
}

static int move_both(struct ym_journal *j, const char *from, const char *to)
{
    int name = path_run(j, Q_NAME_DELETE, to);
    int slots = worse(name) ? name : path_run(j, Q_SLOT_DELETE_NAME, to);
    if (worse(slots))
        return slots;
    name = name_move(j, from, to);
    slots = worse(name) ? name : slots_move(j, from, to);
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

/* The names that begin with `prefix`, from `from` on. Not deep: at one below a further folder it
 * stops, and *ret_from is where to go on, past all of that folder. 1: stopped, 0: the end. */
static int each_from(struct ym_journal *j, const char *prefix, bool deep, char **ret_from,
                     void (*fn)(void *ctx, const struct ym_name_row *r), void *ctx)
{
    size_t n = strlen(prefix);
    YM_AUTOFREE char *from = ym_steal(ret_from);
    CUR struct cur c = cur_begin(j, Q_NAME_FROM, NULL);
    bind_text(&c, from);
    int r;
    while ((r = cur_step(&c)) > 0) {
        struct ym_name_row row;
        const char *path = cur_peek_str(&c);
        if (strncmp(path, prefix, n) != 0)
            return 0;
        const char *slash = deep ? NULL : strchr(path + n, '/');
        if (slash) {
            *ret_from = ym_asprintf("%.*s%c", (int)(slash - path), path, '/' + 1);
            return 1;
        }
        name_read(&c, &row);
        fn(ctx, &row);
        ym_name_row_fini(&row);
    }
    return r;
}

int ym_name_each(struct ym_journal *j, const char *folder, bool deep,
                 void (*fn)(void *ctx, const struct ym_name_row *r), void *ctx)
{
    YM_AUTOFREE char *prefix = *folder ? ym_asprintf("%s/", folder) : ym_strdup("");
    YM_AUTOFREE char *from = ym_strdup(prefix);
    int r;
    do
        r = each_from(j, prefix, deep, &from, fn, ctx);
    while (r > 0);
    return r;
}
