/* The SQLite backend: statements, arguments, columns, errors in words. */
#include <errno.h>
#include <string.h>

#include "sql.h"

#define QUERY_ROW(name, argc, sqlite) [Q_##name] = {#name, argc, sqlite},
const struct query_text query_texts[Q_COUNT] = {
#define Q QUERY_ROW
#include "queries.def"
#undef Q
};

/* ---- errors ---- */

static int disk_fail(struct ym_journal *j, int rc, struct ym_err *e)
{
    int err = j->db ? sqlite3_system_errno(j->db) : 0;
    if ((rc & 0xff) == SQLITE_FULL || err == ENOSPC)
        return ym_fail(
            e, YM_LOCAL, ENOSPC,
            "The disk of the library is full: the journal cannot be written; free some space.");
    if (err == EDQUOT)
        return ym_fail(
            e, YM_LOCAL, ENOSPC,
            "Your disk quota is used up: the journal cannot be written; free some space.");
    if ((rc & 0xff) == SQLITE_CANTOPEN)
        return ym_fail(
            e, YM_LOCAL, err ? err : EIO,
            "The journal of the library cannot be opened (%s); check owner, mode and disk.",
            err ? strerrordesc_np(err) : sqlite3_errstr(rc));
    return ym_fail(e, YM_LOCAL, EIO,
                   "The disk of the library reports an error (%s): the journal is not written; "
                   "check the disk.",
                   err ? strerrordesc_np(err) : sqlite3_errstr(rc));
}

static bool is_double(int rc)
{
    return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY;
}

static int refused(struct ym_journal *j, int rc, struct ym_err *e)
{
    return ym_fail(e, YM_BROKEN, EIO,
                   "The journal refused a statement (%s): a bug of ymago, please report it.",
                   j->db ? sqlite3_errmsg(j->db) : sqlite3_errstr(rc));
}

int sql_fail(struct ym_journal *j, int rc, struct ym_err *e)
{
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return is_double(rc)
                   ? ym_fail(e, YM_BROKEN, EEXIST, "The journal holds such a row already (%s).",
                             sqlite3_errmsg(j->db))
                   : refused(j, rc, e);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return disk_fail(j, rc, e);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ym_fail(
            e, YM_LOCAL, EBUSY,
            "The journal of the library is in use by another program; end it and try again.");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ym_fail(e, YM_LOCAL, EROFS,
                       "The journal of the library is not writable; check owner and mode.");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ym_fail(e, YM_BROKEN, EIO,
                       "The journal of the library is damaged (%s): put a copy of it back, or move "
                       ".ymago/journal.db away and start again; results beside their sidecars are "
                       "not bought again.",
                       sqlite3_errstr(rc));
    case SQLITE_NOMEM:
        return ym_fail(e, YM_LOCAL, ENOMEM,
                       "Not enough memory for the journal; end other programs.");
    default:
        return refused(j, rc, e);
    }
}

/* Whether all that was done since begin is gone or in doubt. A broken uniqueness is neither: it
 * took back its own statement only. */
static void note_failure(struct ym_journal *j, int rc)
{
    if (j->in_tx && !j->failed.err && !is_double(rc))
        sql_fail(j, rc, &j->failed);
}

int sql_exec(struct ym_journal *j, const char *sql, struct ym_err *e)
{
    int rc = sqlite3_exec(j->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : sql_fail(j, rc, e);
}

int64_t sql_number(struct ym_journal *j, const char *sql)
{
    sqlite3_stmt *st = NULL;
    int64_t v = -1;
    if (sqlite3_prepare_v2(j->db, sql, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW)
        v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return v;
}

/* ---- statements ---- */

/* SQLite numbers $n by first appearance, so the texts name their arguments in order; then the
 * number is the place. */
static bool arguments_in_order(sqlite3_stmt *st, const struct query_text *q)
{
    if (sqlite3_bind_parameter_count(st) != q->argc)
        return false;
    for (int i = 1; i <= q->argc; i++) {
        char name[16];
        snprintf(name, sizeof name, "$%d", i);
        const char *has = sqlite3_bind_parameter_name(st, i);
        if (!has || strcmp(has, name) != 0)
            return false;
    }
    return true;
}

static int prepare(struct ym_journal *j, enum query q, unsigned flags, sqlite3_stmt **ret)
{
    const struct query_text *t = &query_texts[q];
    int rc = sqlite3_prepare_v3(j->db, t->sqlite, -1, flags, ret, NULL);
    if (rc == SQLITE_OK && !arguments_in_order(*ret, t)) {
        sqlite3_finalize(ym_steal(ret));
        rc = SQLITE_RANGE;
    }
    if (rc == SQLITE_ERROR || rc == SQLITE_RANGE)
        ym_log(YM_ERROR, "journal", "query %s: %s", t->name,
               rc == SQLITE_RANGE ? "its arguments are not $1..$n in order"
                                  : sqlite3_errmsg(j->db));
    return rc;
}

int sql_prepare_all(struct ym_journal *j, struct ym_err *e)
{
    for (int q = 0; q < Q_COUNT; q++) {
        if (j->st[q]) /* migrating took it */
            continue;
        int rc = prepare(j, (enum query)q, SQLITE_PREPARE_PERSISTENT, &j->st[q]);
        if (rc != SQLITE_OK)
            return sql_fail(j, rc, e);
    }
    return 0;
}

void sql_finalize_all(struct ym_journal *j)
{
    for (int q = 0; q < Q_COUNT; q++)
        sqlite3_finalize(ym_steal(&j->st[q]));
}

struct cur cur_begin(struct ym_journal *j, enum query q, struct ym_err *e)
{
    struct cur c = {.j = j, .e = e, .argc = query_texts[q].argc};
    if (!j->st[q])
        c.rc = prepare(j, q, SQLITE_PREPARE_PERSISTENT, &j->st[q]);
    if (c.rc == SQLITE_OK && sqlite3_stmt_busy(j->st[q])) {
        c.own = true;
        c.rc = prepare(j, q, 0, &c.st);
    } else if (c.rc == SQLITE_OK) {
        c.st = j->st[q];
    }
    /* A transaction that lost a write must not be built on: what follows would stand alone. */
    if (c.rc == SQLITE_OK && j->failed.err && j->in_tx && !sqlite3_stmt_readonly(c.st))
        c.rc = SQLITE_ABORT;
    return c;
}

void cur_end(struct cur *c)
{
    if (c->own)
        sqlite3_finalize(c->st);
    else if (c->st)
        sqlite3_reset(c->st);
    c->st = NULL;
    c->own = false;
}

/* ---- arguments ---- */

static void bound(struct cur *c, int rc)
{
    if (c->rc == SQLITE_OK)
        c->rc = rc;
}

void bind_i64(struct cur *c, int64_t v)
{
    c->arg++;
    if (c->st)
        bound(c, sqlite3_bind_int64(c->st, c->arg, v));
}

void bind_text(struct cur *c, const char *s)
{
    c->arg++;
    if (c->st)
        bound(c, sqlite3_bind_text(c->st, c->arg, s, -1, SQLITE_STATIC));
}

void bind_blob(struct cur *c, const void *p, size_t len)
{
    c->arg++;
    if (c->st)
        bound(c, sqlite3_bind_blob64(c->st, c->arg, p, len, SQLITE_STATIC));
}

void bind_digest(struct cur *c, const struct ym_digest *d)
{
    if (!d || ym_digest_is_zero(d))
        bind_blob(c, NULL, 0);
    else
        bind_blob(c, d->b, sizeof d->b);
}

void bind_ident(struct cur *c, const struct ym_row_ident *id)
{
    bind_i64(c, (int64_t)id->ino);
    bind_i64(c, id->btime_ns);
    bind_i64(c, id->size);
    bind_i64(c, id->mtime_ns);
}

/* ---- steps ---- */

static int step_fail(struct cur *c)
{
    struct ym_journal *j = c->j;
    if (j->failed.err && j->in_tx) { /* the first cause says more than what came of it */
        if (c->e)
            *c->e = j->failed;
        return -j->failed.err;
    }
    if (!c->st || !sqlite3_stmt_readonly(c->st))
        note_failure(j, c->rc);
    return sql_fail(j, c->rc, c->e);
}

int cur_step(struct cur *c)
{
    ym_assert(c->rc != SQLITE_OK || c->arg == c->argc);
    c->col = 0;
    if (c->rc == SQLITE_OK || c->rc == SQLITE_ROW)
        c->rc = sqlite3_step(c->st);
    if (c->rc == SQLITE_ROW)
        return 1;
    int r = c->rc == SQLITE_DONE ? 0 : step_fail(c);
    cur_end(c);
    return r;
}

int cur_run(struct cur *c)
{
    int r;
    do
        r = cur_step(c);
    while (r > 0);
    return r;
}

int cur_run_found(struct cur *c)
{
    sqlite3 *db = c->j->db;
    int r = cur_run(c);
    return r == 0 && sqlite3_changes(db) == 0 ? -ENOENT : r;
}

/* ---- columns ---- */

int64_t col_i64(struct cur *c)
{
    return sqlite3_column_int64(c->st, c->col++);
}

const char *cur_peek_str(struct cur *c)
{
    return (const char *)sqlite3_column_text(c->st, c->col);
}

const char *col_str(struct cur *c)
{
    return (const char *)sqlite3_column_text(c->st, c->col++);
}

char *col_text(struct cur *c)
{
    return ym_strdup(col_str(c));
}

char *col_blob(struct cur *c, size_t *ret_len)
{
    int i = c->col++;
    *ret_len = 0;
    if (sqlite3_column_type(c->st, i) == SQLITE_NULL)
        return NULL;
    size_t len = (size_t)sqlite3_column_bytes(c->st, i);
    char *p = ym_alloc(len + 1);
    if (len > 0)
        memcpy(p, sqlite3_column_blob(c->st, i), len);
    *ret_len = len;
    return p;
}

struct ym_digest col_digest(struct cur *c)
{
    struct ym_digest d = {{0}};
    int i = c->col++;
    if (sqlite3_column_bytes(c->st, i) == (int)sizeof d.b)
        memcpy(d.b, sqlite3_column_blob(c->st, i), sizeof d.b);
    return d;
}

struct ym_row_ident col_ident(struct cur *c)
{
    struct ym_row_ident id;
    id.ino = (uint64_t)col_i64(c);
    id.btime_ns = col_i64(c);
    id.size = col_i64(c);
    id.mtime_ns = col_i64(c);
    return id;
}

struct ym_id col_id(struct cur *c)
{
    struct ym_id id = {""};
    const char *s = col_str(c);
    snprintf(id.s, sizeof id.s, "%s", s ? s : "");
    return id;
}

int cur_number(struct cur *c, int64_t *ret)
{
    int r = cur_step(c);
    if (r > 0) {
        *ret = col_i64(c);
        cur_end(c);
        return 0;
    }
    return r < 0 ? r : -ENOENT;
}

int cur_each_text(struct cur *c, void (*fn)(void *ctx, const char *text), void *ctx)
{
    int r;
    while ((r = cur_step(c)) > 0)
        fn(ctx, col_str(c));
    return r;
}
